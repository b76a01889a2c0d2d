import tempfile
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, sql

from odoo.addons.base.models.res_partner import _tz_get

from .. import formats
from ..formats.numbers import canonical_number, dialling
from ..formats.reader import UNREADABLE
from ..formats.record import DISPOSITIONS, KINDS
from .call_usage_line import DISPOSITION_LABELS, KIND_LABELS, NUMBERS

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
    ("bad_kind", "Unknown kind of record"),
    ("bad_quantity", "Quantity is not a number, or too large"),
    ("bad_cost", "Cost is not a number"),
    ("card_number", "Holds the number of a payment card"),
    ("damaged_number", "Number damaged by a spreadsheet"),
    # held for a person
    ("near_duplicate", "Looks like another call that came twice"),
    # refused by guiding and rating
    ("no_endpoint", "Belongs to no contract"),
    ("not_in_force", "Contract not in force on that day"),
    ("archived", "The calls of that period are archived"),
    ("no_rule", "No rate rule fits"),
    ("no_destination", "No prefix of the rate deck fits"),
    ("no_cost", "Priced by the provider's cost, which is not known"),
]

UNPRICED = ("no_rule", "no_destination", "no_cost")
"""Reasons of records that belong to a contract line whose plan has no price for them."""
EDITABLE = {"corrected"}
"""What people write; all else changes by the actions."""


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
    raw = fields.Text(string="Raw Record", readonly=True, groups=NUMBERS)
    corrected = fields.Text(
        string="Corrected Record",
        groups=NUMBERS,
        help="Write the record as it should have been, in the same format. Recycling reads this instead; the raw record is kept.",
    )
    reason = fields.Selection(REASONS, required=True, readonly=True, index=True)
    state = fields.Selection(
        [("open", "Open"), ("recycled", "Recycled"), ("written_off", "Written off"), ("replaced", "Replaced by a newer record")],
        required=True,
        default="open",
        readonly=True,
        index=True,
        help="Recycled: it went through the import again. Written off: it never becomes a call.",
    )
    note = fields.Char(string="Reason for Writing Off", readonly=True)
    confirmed = fields.Boolean(string="Call of Its Own", readonly=True, help="A person found that it did not come twice.")
    contract_line_id = fields.Many2one("contract.line", ondelete="set null", index="btree_not_null", readonly=True)
    start_at = fields.Datetime(string="Start", readonly=True)
    kind = fields.Selection([(key, KIND_LABELS[key]) for key in KINDS], readonly=True)
    direction = fields.Selection([("inbound", "Inbound"), ("outbound", "Outbound"), ("internal", "Internal")], readonly=True)
    disposition = fields.Selection([(key, DISPOSITION_LABELS[key]) for key in DISPOSITIONS], readonly=True)
    caller = fields.Char(readonly=True, groups=NUMBERS)
    called = fields.Char(readonly=True, groups=NUMBERS)
    number_key = fields.Char(
        readonly=True, index="btree_not_null", groups=NUMBERS, help="The number that endpoints are compared with."
    )
    queue = fields.Char(readonly=True)
    campaign = fields.Char(readonly=True)
    account_code = fields.Char(readonly=True)
    agent = fields.Char(readonly=True)
    override = fields.Json(
        readonly=True,
        groups=NUMBERS,
        help="Values that people set in place of what was read: name of a column of the record -> value.",
    )
    total_seconds = fields.Integer(string="Duration (s)", readonly=True)
    tz = fields.Selection(
        _tz_get,
        string="Zone of the Times",
        readonly=True,
        help="Where its times were read in another zone than those of the import.",
    )

    age = fields.Integer(string="Age (days)", compute="_compute_age", aggregator=None)

    _open_by_source = models.Index("(source_id, reason) WHERE state = 'open'")
    _written_off_with_reason = models.Constraint(
        "CHECK (state <> 'written_off' OR trim(coalesce(note, '')) <> '')", "Say why these records are written off."
    )

    def init(self):
        if not sql.column_exists(self.env.cr, self._table, "record_key"):
            self.env.cr.execute(SQL("ALTER TABLE %s ADD COLUMN record_key uuid NOT NULL", SQL.identifier(self._table)))
        sql.create_index(self.env.cr, "call_suspense_record_key_index", self._table, ["record_key"], unique=True)

    @api.depends("import_id", "line_number")
    def _compute_display_name(self):
        for record in self:
            record.display_name = self.env._("%(file)s, line %(line)s", file=record.import_id.name, line=record.line_number)

    def _compute_age(self):
        now = fields.Datetime.now()
        for record in self:
            record.age = (now - record.create_date).days if record.create_date else 0

    def write(self, vals):
        """:raise AccessError: somebody writes what only the actions change"""
        if not self.env.su and not vals.keys() <= EDITABLE:
            raise AccessError(self.env._("A suspended record is only corrected, recycled or written off."))
        return super().write(vals)

    @api.model
    def _unpriced_domain(self):
        """Records that wait for a price."""
        return [("state", "=", "open"), ("reason", "in", UNPRICED)]

    def _endpoint_value(self, kind):
        """What the record carries that an endpoint of a kind is compared with."""
        self.ensure_one()
        if kind == "number":
            return self.caller if self.direction == "outbound" else self.called
        return self[kind]

    def action_recycle(self):
        """Take open records through the import again, for example after an endpoint was added.

        :return: a notification that tells what became of them
        """
        records = self.filtered(lambda record: record.state == "open")
        if not records:
            raise UserError(self.env._("Choose open records to recycle."))
        before = len(records)
        for (call_import, zone), group in records.grouped(lambda record: (record.import_id, record._zone())).items():
            group._recycle(call_import, zone)
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

    def action_confirm(self):
        """These records are calls of their own, though they look like others."""
        self._set({"confirmed": True})
        return self.action_recycle()

    def _set(self, values):
        """Change what people change by actions only."""
        self.check_access("write")
        self.sudo().write(values)

    def _zone(self):
        """The time zone to read the record in."""
        self.ensure_one()
        return self.tz or self.source_id.tz

    def _recycle(self, call_import, zone):
        """The real path for records of one import: read in a time zone, guide, rate, store."""
        source = call_import.source_id
        self._set({"tz": zone if zone != call_import.tz else False})
        source.sudo().lock_for_update(allow_referencing=True)
        options = call_import._options() | {"encoding": "utf-8", "hold_near": False}
        records = list(self)
        texts = [(record.corrected or record.raw or "", record.reason in UNREADABLE) for record in records]
        with tempfile.TemporaryDirectory() as workdir:
            path = str(Path(workdir) / "recycled")
            places, refused = formats.write_again(path, formats.get(call_import._format_code()), call_import.header or "", texts)
            try:
                (result,) = formats.read_parts(
                    path,
                    call_import._format_code(),
                    options,
                    zone,
                    f"call.source,{source.id}",
                    workdir,
                    part_bytes=None,
                    again=refused,
                    strict=False,
                )
            except formats.ReadError:
                return
            self.env["call.loading"]._load_recycled(
                call_import, result.path, {line: records[index] for line, index in places.items()}
            )

    def _overrides(self):
        """What people set, as columns of the staging table: name -> value."""
        self.ensure_one()
        values = dict(self.override or {})
        rules = dialling(self.source_id.country_id.code)
        for name in ("caller", "called"):
            if name in values:
                number = canonical_number(values[name], rules)
                values |= {f"{name}_key": number.removeprefix("+"), f"{name}_is_e164": number.startswith("+")}
        return values

    def _write_off(self, note):
        self.filtered(lambda record: record.state == "open")._set({"state": "written_off", "note": note})
