from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.base.models.res_partner import _tz_get

from ..models.call_endpoint import KINDS
from ..models.call_usage_line import DISPOSITION_LABELS

FIELDS = [
    ("direction", "Direction"),
    ("disposition", "Outcome"),
    ("caller", "Caller"),
    ("called", "Called number"),
    ("queue", "Queue"),
    ("campaign", "Campaign"),
    ("account_code", "Account code"),
    ("agent", "Agent"),
]


class CallSuspenseFix(models.TransientModel):
    """Solves many suspended records at once, then takes them through the import again."""

    _name = "call.suspense.fix"
    _description = "Fix Suspended Records"

    suspense_ids = fields.Many2many(
        "call.suspense",
        string="Records",
        default=lambda self: self._default_suspense_ids(),
        domain=[("state", "=", "open")],
    )
    record_count = fields.Integer(compute="_compute_record_count")
    solution = fields.Selection(
        [
            ("endpoint", "They belong to a contract"),
            ("field", "Something was written wrong"),
            ("zone", "Their times are of another time zone"),
            ("confirm", "They are calls of their own, not doubles"),
        ],
        required=True,
        default=lambda self: self._default_solution(),
    )
    contract_line_id = fields.Many2one("contract.line", domain=[("rate_plan_id", "!=", False)])
    endpoint_kind = fields.Selection(KINDS, string="Found By", default="number")
    date_start = fields.Date(string="From", help="First day of the new endpoints. Empty: always.")
    endpoint_values = fields.Text(compute="_compute_endpoint_values", string="New Endpoints")
    field = fields.Selection(FIELDS, string="Column")
    value = fields.Char(string="Right Value")
    direction = fields.Selection([("inbound", "Inbound"), ("outbound", "Outbound"), ("internal", "Internal")])
    disposition = fields.Selection(list(DISPOSITION_LABELS.items()), string="Outcome")
    tz = fields.Selection(_tz_get, string="Zone of the Times")

    @api.model
    def _default_suspense_ids(self):
        records = self.env["call.suspense"].browse(self.env.context.get("active_ids") or [])
        return records.filtered(lambda record: record.state == "open")

    @api.model
    def _default_solution(self):
        reasons = set(self._default_suspense_ids().mapped("reason"))
        if reasons <= {"near_duplicate"}:
            return "confirm"
        if reasons & {"missing_hour", "ambiguous_hour"}:
            return "zone"
        return "endpoint" if reasons & {"no_endpoint"} else "field"

    @api.depends("suspense_ids")
    def _compute_record_count(self):
        for wizard in self:
            wizard.record_count = len(wizard.suspense_ids)

    @api.depends("suspense_ids", "endpoint_kind")
    def _compute_endpoint_values(self):
        for wizard in self:
            wizard.endpoint_values = "\n".join(wizard._values())

    def _values(self):
        """What the chosen records carry that an endpoint can be found by, each once."""
        return sorted({value for record in self.suspense_ids if (value := record._endpoint_value(self.endpoint_kind))})

    def action_fix(self):
        self.ensure_one()
        if not self.suspense_ids:
            raise UserError(self.env._("Choose open records first."))
        records = self.suspense_ids
        if self.solution == "endpoint":
            self._create_endpoints()
        elif self.solution == "field":
            records = self._set_field()
        elif self.solution == "zone":
            if not self.tz:
                raise UserError(self.env._("Choose the time zone that these times are of."))
            records._set({"tz": self.tz})
        else:
            return records.action_confirm()
        return records.action_recycle()

    def _create_endpoints(self):
        values = self._values()
        if not self.contract_line_id or not values:
            raise UserError(
                self.env._("Choose the contract line that these calls belong to, and what they carry that it is found by.")
            )
        self.env["call.endpoint"].create(
            [
                {
                    "kind": self.endpoint_kind,
                    "value": value,
                    "contract_line_id": self.contract_line_id.id,
                    "date_start": self.date_start,
                }
                for value in values
            ]
        )

    def _set_field(self):
        value = {"direction": self.direction, "disposition": self.disposition}.get(self.field, (self.value or "").strip())
        if not self.field or not value:
            raise UserError(self.env._("Choose the column and write its right value."))
        for record in self.suspense_ids:
            record._set({"override": {**(record.override or {}), self.field: value}})
        return self.suspense_ids
