import tempfile
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, sql

from .. import formats

REASONS = [
    # refused by the reader, see formats.record.REASONS
    ("unreadable", "Unreadable characters"),
    ("too_long", "Line too long"),
    ("quotes", "Quotes do not match"),
    ("columns", "Wrong number of columns, or no record ID"),
    ("bad_time", "Not a date and time"),
    ("missing_hour", "Time does not exist (clocks go forward)"),
    ("ambiguous_hour", "Time exists twice (clocks go back)"),
    ("bad_duration", "Duration is not a number"),
    ("negative_duration", "Negative duration"),
    ("absurd_duration", "Longer than a week"),
    ("end_before_start", "Ends before it starts"),
    ("talk_longer_than_call", "Talk longer than the call"),
    ("bad_disposition", "Unknown disposition"),
    ("bad_direction", "Unknown direction"),
    # refused by guiding and rating
    ("no_endpoint", "Belongs to no contract"),
    ("not_in_force", "Contract not in force on that day"),
    ("no_rule", "No rate rule fits"),
]


class CallSuspense(models.Model):
    """A record that was read but could not become a call: its raw text, place and reason.

    Nothing is dropped: it is recycled, which takes it through the whole import again, or written off with a reason.
    ``record_key`` is that of the call it would become, so the same record is not suspended twice.
    """

    _name = "call.suspense"
    _description = "Suspended Call Record"
    _order = "import_id desc, line_number"

    import_id = fields.Many2one("call.import", required=True, ondelete="cascade", index=True, readonly=True)
    source_id = fields.Many2one("call.source", required=True, ondelete="restrict", index=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, ondelete="restrict", index=True, readonly=True)
    line_number = fields.Integer(string="Line", readonly=True, aggregator=None)
    raw = fields.Text(string="Raw Record", readonly=True)
    corrected = fields.Text(
        string="Corrected Record",
        help="Write the record as it should have been, in the same format. Recycling reads this instead; the raw record is kept.",
    )
    reason = fields.Selection(REASONS, required=True, readonly=True, index=True)
    state = fields.Selection(
        [("open", "Open"), ("recycled", "Recycled"), ("written_off", "Written off")],
        required=True,
        default="open",
        readonly=True,
        index=True,
    )
    note = fields.Char(string="Reason for Writing Off", readonly=True)
    start_at = fields.Datetime(string="Start", readonly=True)
    caller = fields.Char(readonly=True)
    called = fields.Char(readonly=True)
    queue = fields.Char(readonly=True)
    campaign = fields.Char(readonly=True)
    account_code = fields.Char(readonly=True)
    total_seconds = fields.Integer(string="Duration (s)", readonly=True)

    _open_by_source = models.Index("(source_id, reason) WHERE state = 'open'")

    def init(self):
        if not sql.column_exists(self.env.cr, self._table, "record_key"):
            self.env.cr.execute(SQL("ALTER TABLE %s ADD COLUMN record_key uuid NOT NULL", SQL.identifier(self._table)))
        sql.create_index(self.env.cr, "call_suspense_record_key_index", self._table, ["record_key"], unique=True)

    @api.depends("import_id", "line_number")
    def _compute_display_name(self):
        for record in self:
            record.display_name = self.env._("%(file)s, line %(line)s", file=record.import_id.name, line=record.line_number)

    def action_recycle(self):
        """Take open records through the import again, for example after an endpoint was added.

        :return: a notification that tells what became of them
        """
        records = self.filtered(lambda record: record.state == "open")
        if not records:
            raise UserError(self.env._("Choose open records to recycle."))
        before = len(records)
        for call_import, group in records.grouped("import_id").items():
            group._recycle(call_import)
        left = len(records.exists().filtered(lambda record: record.state == "open"))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if left < before else "warning",
                "message": self.env._("%(done)s recycled, %(left)s still suspended.", done=before - left, left=left),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _recycle(self, call_import):
        """The real path for records of one import: read, guide, rate, store."""
        source = call_import.source_id
        source.sudo().lock_for_update()
        options = source._format_options()
        header = formats.get(source.format).dialect(options)["header"]
        with tempfile.TemporaryDirectory() as workdir:
            path = Path(workdir) / "recycled"
            places = {}
            with path.open("w", encoding="utf-8", newline="") as stream:
                line = stream.write("-\n") and 2 if header else 1
                for record in self:
                    text = (record.corrected or record.raw or "").replace("\r", "").strip("\n")
                    places[line] = record
                    stream.write(text + "\n")
                    line += text.count("\n") + 1
            options = {**options, "encoding": "utf-8"}
            try:
                result = formats.read(str(path), source.format, options, source.tz, f"call.source,{source.id}", workdir)
            except formats.ReadError:
                return
            self.env["call.loading"]._load_recycled(call_import, result.path, places)

    def _write_off(self, note):
        self.filtered(lambda record: record.state == "open").write({"state": "written_off", "note": note})
