from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, sql

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
    _inherit = ["mail.thread", "mail.activity.mixin"]
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
    country_id = fields.Many2one(
        "res.country",
        string="Numbers As Dialled In",
        default=lambda self: self.env.company.country_id,
        help="Numbers without country code are completed by the rules of this country.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        default=lambda self: self.env.user,
        help="Gets an activity when calls of this source seem to be missing.",
    )
    legs = fields.Selection(
        [
            ("leg", "Each record by itself"),
            ("call", "A call once, however many records it has"),
            ("agent", "Each agent's part of a call"),
        ],
        string="What Is Charged",
        required=True,
        compute="_compute_legs",
        store=True,
        precompute=True,
        readonly=False,
        help="Phone systems write several records for a call that is transferred, queued again or rings at many phones. "
        "Once: the first record carries the time of all, the others are listed as part of it.",
    )
    hold_near_duplicates = fields.Boolean(
        default=True,
        help="Suspend a call with the same numbers, and start and duration within 2 seconds, as another call with another "
        "ID, so that a person decides whether it came twice.",
    )
    check_sequence = fields.Boolean(
        string="Watch Sequence Numbers",
        help="The phone system numbers its records without gaps: missing numbers are reported.",
    )
    asks = fields.Char(compute="_compute_asks")
    date_order = fields.Selection(
        [("iso", "Year-month-day"), ("dmy", "Day/month/year"), ("mdy", "Month/day/year")],
        string="Dates",
        default="iso",
        required=True,
        help="How the log writes dates whose order is not clear, such as 03/04/2026.",
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

    def init(self):
        """The sequence numbers that came, as ranges: no field, only SQL reads and writes it."""
        if not sql.column_exists(self.env.cr, self._table, "seen_sequences"):
            self.env.cr.execute(SQL("ALTER TABLE %s ADD COLUMN seen_sequences int8multirange", SQL.identifier(self._table)))

    @api.depends("format")
    def _compute_legs(self):
        for source in self:
            source.legs = formats.get(source.format).legs if source.format else "leg"

    @api.depends("format")
    def _compute_asks(self):
        for source in self:
            source.asks = " ".join(formats.get(source.format).asks) if source.format else ""

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
            if "mapping" in formats.get(source.format).asks and not source.mapping_id:
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

    def _after_import(self, call_import):
        """An import of this source is done."""

    def _format_options(self):
        """What this source's format wants to know. Formats of other add-ons extend it.

        :return: dict, see the module of the format
        """
        self.ensure_one()
        asks = formats.get(self.format).asks
        options = {
            "today": fields.Date.context_today(self),
            "country": self.country_id.code,
            "hold_near": self.hold_near_duplicates,
        }
        if "mapping" in asks:
            options |= self.mapping_id._format_options(self.format)
        if "contexts" in asks:
            options["outbound_contexts"] = self._split_list(self.outbound_contexts)
            options["internal_contexts"] = self._split_list(self.internal_contexts)
        if "column17" in asks:
            options["column17"] = self.asterisk_column17
        if "date_order" in asks:
            options["date_order"] = self.date_order
        return options

    @api.model
    def _split_list(self, text):
        return [part.strip() for part in (text or "").split(",") if part.strip()]
