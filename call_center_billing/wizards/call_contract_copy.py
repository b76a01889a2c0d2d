from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from odoo.addons.base.models.res_partner import _tz_get

ONE_DAY = timedelta(days=1)
OF_THE_CLIENT = ("code", "date", "group_id", "date_end", "recurring_next_date")
"""Values of the contract that are not copied: the client's own, and those that follow from the lines."""
OF_THE_LINE = ("contract_id", "recurring_next_date", "analytic_distribution")
"""Values of lines that are not."""


class CallContractCopy(models.TransientModel):
    """The agreement of a client once more, for another one: lines with their recurrence, usage settings and price plans.

    Nothing that belongs to the first client goes with it: endpoints, reference, addresses, analytic accounts, what is invoiced.
    A plan is copied or shared: later changes of a shared one change both agreements. What is made are ordinary records.
    """

    _name = "call.contract.copy"
    _description = "Duplicate for Another Client"
    _inherit = ["call.endpoint.entry"]

    contract_id = fields.Many2one("contract.contract", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one(related="contract_id.company_id")
    partner_id = fields.Many2one("res.partner", string="New Client", required=True)
    name = fields.Char(compute="_compute_name", store=True, readonly=False, required=True, precompute=True)
    date_start = fields.Date(
        string="Begins",
        required=True,
        default=lambda self: fields.Date.add(fields.Date.context_today(self), months=1, day=1),
        help="Billing periods are counted from this day on. A line with an end lasts as long as the line that is copied.",
    )
    usage_tz = fields.Selection(
        _tz_get,
        string="Time Zone",
        compute="_compute_usage_tz",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
        help="Of the new client: days, evenings and billing periods are counted in it.",
    )
    line_ids = fields.Many2many(
        "contract.line",
        string="Lines",
        compute="_compute_line_ids",
        store=True,
        readonly=False,
        domain="[('contract_id', '=', contract_id)]",
    )
    all_plan_ids = fields.Many2many("call.rate.plan", compute="_compute_all_plan_ids")
    plan_ids = fields.Many2many(
        "call.rate.plan",
        string="Own Copy Of",
        compute="_compute_plan_ids",
        store=True,
        readonly=False,
        domain="[('id', 'in', all_plan_ids)]",
        help="Rate plans that the new contract gets copies of, named for the new client. The others are shared: who changes them "
        "changes both agreements. Suggested are those that no other contract uses.",
    )
    endpoint_line_id = fields.Many2one(
        "contract.line",
        string="Endpoints For",
        compute="_compute_endpoint_line_id",
        store=True,
        readonly=False,
        domain="[('id', 'in', line_ids), ('rate_plan_id', '!=', False)]",
        help="The line whose copy they bring calls.",
    )

    @api.depends("contract_id", "partner_id")
    def _compute_name(self):
        for wizard in self:
            wizard.name = wizard._renamed(wizard.contract_id.name)

    @api.depends("contract_id", "partner_id")
    def _compute_usage_tz(self):
        for wizard in self:
            wizard.usage_tz = wizard.partner_id.tz or wizard.contract_id.usage_tz or "UTC"

    @api.depends("contract_id")
    def _compute_line_ids(self):
        today = fields.Date.context_today(self)
        for wizard in self:
            lines = wizard.contract_id.contract_line_ids - wizard.contract_id._end_lines()
            wizard.line_ids = lines.filtered(lambda line: not line.is_canceled and (line.date_end or date.max) >= today)

    @api.depends("contract_id", "line_ids")
    def _compute_plan_ids(self):
        for wizard in self:
            plans = wizard._plans(wizard.line_ids._origin)
            users = plans._contracts_by_plan()
            wizard.plan_ids = plans.filtered(lambda plan, mine=wizard.contract_id._origin, users=users: users[plan] <= mine)

    @api.depends("line_ids")
    def _compute_all_plan_ids(self):
        for wizard in self:
            wizard.all_plan_ids = wizard._plans(wizard.line_ids)

    @api.depends("line_ids")
    def _compute_endpoint_line_id(self):
        for wizard in self:
            usage = wizard.line_ids.filtered("rate_plan_id")._origin
            wizard.endpoint_line_id = wizard.endpoint_line_id & usage or usage[:1]

    @api.model
    def _plans(self, lines):
        return lines.rate_plan_id | lines.alternative_plan_ids

    def action_copy(self):
        """Make the contract and open it.

        :raise UserError: endpoints are given, and no line for them
        """
        self.ensure_one()
        contract = self.env["contract.contract"].create(self._contract_values(self._copy_plans()))
        contract._onchange_partner_id()  # addresses, taxes and price list of the new client
        contract.payment_term_id = contract.payment_term_id or self.contract_id.payment_term_id
        if self._endpoint_values():
            copies = dict(zip(self.line_ids, contract.contract_line_ids.sorted("id"), strict=True))
            if not self.endpoint_line_id.rate_plan_id or self.endpoint_line_id not in copies:
                raise UserError(self.env._("Choose the line that the endpoints belong to."))
            self._create_endpoints(copies[self.endpoint_line_id])
        return contract.get_formview_action()

    # --- Values -----------------------------------------------------------------------------------------

    def _renamed(self, text):
        """A name with the new client in place of the old one."""
        old, new = self.contract_id.partner_id.name, self.partner_id.name
        return text.replace(old, new) if text and old and new else text

    def _copy_plans(self):
        """:return: dict of rate plan -> its copy"""
        copies = {}
        for plan in self.plan_ids:
            name = self._renamed(plan.name)
            copies[plan] = plan.copy({"name": name if name != plan.name else f"{plan.name} - {self.partner_id.name}"})
        return copies

    def _contract_values(self, plans):
        (values,) = self.contract_id.copy_data(
            {
                "partner_id": self.partner_id.id,
                "invoice_partner_id": False,
                "name": self.name,
                "date_start": self.date_start,
                "usage_tz": self.usage_tz,
                "manual_currency_id": self.contract_id.currency_id.id,
                "contract_line_ids": [Command.create(self._line_values(line, plans)) for line in self.line_ids],
            }
        )
        return {name: value for name, value in values.items() if name not in OF_THE_CLIENT}

    def _line_values(self, line, plans):
        values = {"date_start": self.date_start, "date_end": False}
        if line.date_end:
            duration = relativedelta(line.date_end + ONE_DAY, line.date_start)
            values["date_end"] = self.date_start + duration - ONE_DAY
        if line.rate_plan_id:
            alternatives = [plans.get(plan, plan).id for plan in line.alternative_plan_ids]
            values["rate_plan_id"] = plans.get(line.rate_plan_id, line.rate_plan_id).id
            values["alternative_plan_ids"] = [Command.set(alternatives)]
        (values,) = line.copy_data(values)
        return {name: value for name, value in values.items() if name not in OF_THE_LINE}
