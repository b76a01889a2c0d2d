import hashlib
import tempfile
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .. import formats

CHUNK = 1024 * 1024


class CallImport(models.Model):
    """One batch of call records from a source, with its control totals.

    Always: read = accepted + duplicate + suspended + ignored, in records and in seconds. The file is kept as it came.
    The same content of one source is imported once.
    """

    _name = "call.import"
    _description = "Call Import"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(string="File Name", readonly=True)
    source_id = fields.Many2one("call.source", required=True, ondelete="restrict", index=True, check_company=True)
    company_id = fields.Many2one(related="source_id.company_id", store=True, index=True)
    file = fields.Binary(attachment=True, copy=False, help="The call records exactly as the phone system wrote them.")
    checksum = fields.Char(string="SHA-256", readonly=True, copy=False)
    state = fields.Selection(
        [
            ("draft", "To import"),
            ("done", "Imported"),
            ("repeated", "Already imported"),
            ("failed", "Failed"),
            ("undone", "Undone"),
        ],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
    )
    message = fields.Text(readonly=True, copy=False)
    same_as_id = fields.Many2one("call.import", string="Same as", readonly=True, copy=False)
    finished_at = fields.Datetime(string="Imported on", readonly=True, copy=False)
    read_count = fields.Integer(string="Read", readonly=True, copy=False)
    accepted_count = fields.Integer(string="Accepted", readonly=True, copy=False)
    duplicate_count = fields.Integer(
        string="Duplicate", readonly=True, copy=False, help="Records that were here already, or twice in the file."
    )
    suspended_count = fields.Integer(
        string="Suspended", readonly=True, copy=False, help="Records that could not become calls; each has its reason."
    )
    ignored_count = fields.Integer(
        string="Ignored", readonly=True, copy=False, help="Records that the phone system marks as not to be counted."
    )
    read_seconds = fields.Integer(string="Seconds Read", readonly=True, copy=False)
    accepted_seconds = fields.Integer(string="Seconds Accepted", readonly=True, copy=False)
    duplicate_seconds = fields.Integer(string="Seconds Duplicate", readonly=True, copy=False)
    suspended_seconds = fields.Integer(string="Seconds Suspended", readonly=True, copy=False)
    ignored_seconds = fields.Integer(string="Seconds Ignored", readonly=True, copy=False)
    usage_line_ids = fields.One2many("call.usage.line", "import_id", string="Calls")
    suspense_ids = fields.One2many("call.suspense", "import_id", string="Suspended Records")
    open_suspense_count = fields.Integer(string="Still Suspended", compute="_compute_open_suspense_count")

    _content = models.UniqueIndex(
        "(source_id, checksum) WHERE state = 'done'", "This file was imported from this source already."
    )
    _control_totals = models.Constraint(
        "CHECK (read_count = accepted_count + duplicate_count + suspended_count + ignored_count"
        " AND read_seconds = accepted_seconds + duplicate_seconds + suspended_seconds + ignored_seconds)",
        "The control totals of an import do not add up.",
    )

    @api.depends("suspense_ids.state")
    def _compute_open_suspense_count(self):
        counts = dict(
            self.env["call.suspense"]._read_group(
                [("import_id", "in", self.ids), ("state", "=", "open")], ["import_id"], ["__count"]
            )
        )
        for record in self:
            record.open_suspense_count = counts.get(record, 0)

    @api.depends("name", "source_id")
    def _compute_display_name(self):
        for record in self:
            record.display_name = record.name or record.source_id.name or ""

    @api.model_create_multi
    def create(self, vals_list):
        return super(CallImport, self.with_context(call_records=True)).create(vals_list).with_env(self.env)

    def write(self, vals):
        return super(CallImport, self.with_context(call_records=True)).write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_without_calls(self):
        if self.filtered(lambda record: record.state == "done"):
            raise UserError(self.env._("An import that brought calls is undone instead of deleted."))

    # --- Actions ------------------------------------------------------------------------------------

    def action_import(self):
        for record in self:
            if record.state not in ("draft", "failed"):
                raise UserError(self.env._("%s was imported already.", record.display_name))
            if not record.file:
                raise UserError(self.env._("Choose the file with the call records first."))
            record._import()

    def action_undo(self):
        """Take back calls and suspended records of the imports, so that the file can be imported again."""
        for record in self:
            record._undo()

    def action_view_calls(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_usage_line_action")
        return action | {"domain": [("import_id", "=", self.id)], "context": {}, "display_name": self.display_name}

    def action_view_suspense(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_suspense_action")
        return action | {"domain": [("import_id", "=", self.id)], "display_name": self.display_name}

    # --- Import -------------------------------------------------------------------------------------

    def _import(self):
        """Read, guide, rate and store the file's records. A file that cannot be used leaves a message and no record."""
        self.ensure_one()
        source = self.source_id
        # One import of a source at a time: two that overlap would both find their records new.
        source.sudo().lock_for_update()
        with tempfile.TemporaryDirectory() as workdir:
            path = self._content_path(workdir)
            checksum = self._checksum(path)
            same = self.search([("source_id", "=", source.id), ("checksum", "=", checksum), ("state", "=", "done")], limit=1)
            if same:
                self.write(
                    {
                        "state": "repeated",
                        "checksum": checksum,
                        "same_as_id": same.id,
                        "message": self.env._(
                            "This file was already imported as '%(name)s' on %(date)s. Nothing was done.",
                            name=same.display_name,
                            date=fields.Datetime.context_timestamp(self, same.finished_at).strftime("%Y-%m-%d %H:%M"),
                        ),
                    }
                )
                return
            try:
                result = formats.read(
                    path, source.format, source._format_options(), source.tz, f"call.source,{source.id}", workdir
                )
            except formats.ReadError as error:
                self.write({"state": "failed", "checksum": checksum, "message": self._read_error_text(error.code)})
                return
            totals = self.env["call.loading"]._load(self, result, path)
        warning = self._zone_warning(result.zone_shift)
        self.write({"state": "done", "checksum": checksum, "finished_at": fields.Datetime.now(), "message": warning, **totals})

    def _content_path(self, workdir):
        """A file with the content: that of the file store where there is one."""
        attachment = (
            self.env["ir.attachment"]
            .sudo()
            .search([("res_model", "=", self._name), ("res_field", "=", "file"), ("res_id", "=", self.id)], limit=1)
        )
        if attachment.store_fname:
            return attachment._full_path(attachment.store_fname)
        path = Path(workdir) / "content"
        path.write_bytes(attachment.raw or b"")
        return str(path)

    @api.model
    def _checksum(self, path):
        digest = hashlib.sha256()
        with open(path, "rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def _read_error_text(self, code):
        label = dict(self.env["call.source"]._fields["format"]._description_selection(self.env))[self.source_id.format]
        return {
            "empty": self.env._("The file holds no call record: nothing was imported. Check that the right file was chosen."),
            "format": self.env._(
                "Not one record of this file could be read as '%s'. Check the format of the source, or choose another "
                "source, and import it again.",
                label,
            ),
        }[code]

    def _zone_warning(self, shift):
        if not shift:
            return False
        return self.env._(
            "Most call IDs say that these calls began %(hours)s hours %(direction)s than the time zone of the source makes "
            "of their times. Check the time zone (%(zone)s); if it is wrong, undo this import and import the file again.",
            hours=f"{abs(shift) / 3600:g}",
            direction=self.env._("earlier") if shift > 0 else self.env._("later"),
            zone=self.source_id.tz,
        )

    def _undo(self):
        """:raise UserError: some of the calls are in a closed period"""
        self.ensure_one()
        if self.state != "done":
            raise UserError(self.env._("Only an import that is done can be undone."))
        self.source_id.sudo().lock_for_update()
        self.env.flush_all()
        statements = (
            self.env["call.statement"]
            .sudo()
            .browse(
                statement
                for (statement,) in self.env.execute_query(
                    SQL("SELECT DISTINCT statement_id FROM call_usage_line WHERE import_id = %s", self.id)
                )
            )
        )
        billed = statements.filtered(lambda statement: statement.state != "open")
        if billed:
            raise UserError(
                self.env._(
                    "Calls of this import are invoiced (%s). Delete the draft invoice first; a posted one is corrected "
                    "with a credit note.",
                    ", ".join(billed[:3].mapped("display_name")),
                )
            )
        statements.lock_for_update()
        self.env.cr.execute(SQL("DELETE FROM call_usage_line WHERE import_id = %s", self.id))
        self.env.invalidate_all()
        self.suspense_ids.sudo().unlink()
        if statements:
            statements._recount()
        self.write({"state": "undone", "message": self.env._("Undone: its calls and suspended records were removed.")})
