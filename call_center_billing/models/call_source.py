from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.base.models.res_partner import _tz_get

from .. import formats


class CallSource(models.Model):
    """A phone system that calls are collected from.

    Owns how its records are read: format, time zone, what its texts mean. Does not own the records
    (``call.import``) nor what they cost (``call.rate.plan``). A record is known by source and record id, so one
    phone system is one source, whatever way its records arrive.
    """

    _name = "call.source"
    _description = "Call Source"
    _order = "name"
    _check_company_auto = True

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    format = fields.Selection(
        selection=lambda self: formats.selection(),
        required=True,
        default="asterisk_csv",
        help="How the phone system writes its call records.",
    )
    tz = fields.Selection(
        _tz_get,
        string="Time Zone",
        required=True,
        default=lambda self: self.env.user.tz or "UTC",
        help="The zone of the times in the call records. Most phone systems write local time without saying so; "
        "choose UTC where the system is set to log in GMT.",
    )
    mapping_id = fields.Many2one(
        "call.mapping",
        string="Column Mapping",
        check_company=True,
        help="Which column of the file means what.",
    )
    asterisk_column17 = fields.Selection(
        [("guess", "Recognise by its shape"), ("uniqueid", "Unique ID"), ("userfield", "User field")],
        string="Column 17",
        default="guess",
        required=True,
        help="Asterisk writes the unique ID (loguniqueid) or the user field (loguserfield) as column 17 when only one "
        "of them is switched on.",
    )
    outbound_contexts = fields.Char(
        help="Dialplan contexts of outgoing calls, separated by commas. Any other context counts as inbound."
    )
    internal_contexts = fields.Char(help="Dialplan contexts of internal calls, separated by commas.")
    import_ids = fields.One2many("call.import", "source_id", string="Imports")
    last_import_date = fields.Datetime(compute="_compute_counts")
    import_count = fields.Integer(compute="_compute_counts")
    suspense_count = fields.Integer(string="Suspended Records", compute="_compute_counts")
    usage_count = fields.Integer(string="Calls Collected", compute="_compute_counts")

    def _compute_counts(self):
        imports = self.env["call.import"]._read_group(
            [("source_id", "in", self.ids), ("state", "=", "done")],
            ["source_id"],
            ["__count", "finished_at:max", "accepted_count:sum"],
        )
        suspense = self.env["call.suspense"]._read_group(
            [("source_id", "in", self.ids), ("state", "=", "open")], ["source_id"], ["__count"]
        )
        by_import = {source: values for source, *values in imports}
        by_suspense = dict(suspense)
        for source in self:
            count, last, accepted = by_import.get(source, (0, False, 0))
            source.import_count = count
            source.last_import_date = last
            source.usage_count = accepted
            source.suspense_count = by_suspense.get(source, 0)

    @api.constrains("format", "mapping_id")
    def _check_mapping(self):
        for source in self:
            if source.format == "generic_csv" and not source.mapping_id:
                raise ValidationError(
                    self.env._("Choose or create the column mapping that %s is read with.", source.display_name)
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_without_imports(self):
        if self.with_context(active_test=False).import_ids:
            raise UserError(self.env._("Calls were collected from this source: archive it instead."))

    def action_view_imports(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_import_action")
        return action | {"domain": [("source_id", "in", self.ids)], "context": {"default_source_id": self.id}}

    def action_view_suspense(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_suspense_action")
        return action | {"domain": [("source_id", "in", self.ids)]}

    def _format_options(self):
        """What this source's format wants to know. Formats of other add-ons extend it.

        :return: dict, see the module of the format
        """
        self.ensure_one()
        if self.format == "generic_csv":
            return self.mapping_id._format_options()
        if self.format == "asterisk_csv":
            return {
                "column17": self.asterisk_column17,
                "outbound_contexts": self._split_list(self.outbound_contexts),
                "internal_contexts": self._split_list(self.internal_contexts),
            }
        return {}

    @api.model
    def _split_list(self, text):
        return [part.strip() for part in (text or "").split(",") if part.strip()]
