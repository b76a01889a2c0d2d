from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command

from odoo.addons.base.models.res_partner import _tz_get

from ..models.call_rate_rule import RATE_DIGITS

WORKDAYS = range(5)


class CallRateTemplate(models.TransientModel):
    """A usual agreement, asked for in a few numbers: makes the rate plan and, if wanted, the client's contract with it.

    What it makes are ordinary records: nothing remembers the template, all can be changed afterwards.
    """

    _name = "call.rate.template"
    _description = "New from Template"
    _inherit = ["call.endpoint.entry"]

    agreement = fields.Selection(
        [
            ("allowance", "Answering service: a fee with included minutes"),
            ("hour", "Agents by the hour, or full-time agents"),
            ("tier", "By the call, cheaper with volume"),
            ("band", "By the minute, by day, evening and holiday"),
        ],
        required=True,
        default="allowance",
    )
    name = fields.Char(
        string="Name of the Plan", compute="_compute_name", store=True, readonly=False, required=True, precompute=True
    )
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one("res.currency", required=True, default=lambda self: self.env.company.currency_id)
    # Fee with included minutes
    fee = fields.Float(string="Fee per Period", digits=RATE_DIGITS, default=600.0)
    minutes = fields.Float(string="Included Minutes", digits=(16, 2), default=250.0)
    over_price = fields.Float(string="Price per Further Minute", digits=RATE_DIGITS, default=2.25)
    # Agents
    full_time = fields.Boolean(string="Full-Time Agents", help="A fee per agent by delivered hours instead of a price per hour.")
    hour_price = fields.Float(string="Price per Hour", digits=RATE_DIGITS, default=28.0)
    step_minutes = fields.Integer(string="Increments", default=15)
    fte = fields.Float(string="Agents", digits=(16, 4), default=3.0)
    fte_fee = fields.Float(string="Fee per Agent", digits=RATE_DIGITS, default=2600.0)
    fte_hours = fields.Float(string="Contracted Hours", digits=(16, 2), default=480.0)
    # Volume
    first_until = fields.Float(string="First Tier Up To", digits=(16, 2), default=500.0)
    first_price = fields.Float(string="Price in the First", digits=RATE_DIGITS, default=1.20)
    second_until = fields.Float(string="Second Tier Up To", digits=(16, 2), default=1000.0)
    second_price = fields.Float(string="Price in the Second", digits=RATE_DIGITS, default=1.00)
    third_price = fields.Float(string="Price Above", digits=RATE_DIGITS, default=0.80)
    # Bands
    day_price = fields.Float(string="By Day", digits=RATE_DIGITS, default=0.90)
    evening_price = fields.Float(string="In the Evening and on Weekends", digits=RATE_DIGITS, default=1.20)
    holiday_price = fields.Float(string="On Public Holidays", digits=RATE_DIGITS, default=1.50)
    hour_from = fields.Float(string="Day From", default=8.0)
    hour_to = fields.Float(string="Day Until", default=18.0)
    increment_first = fields.Integer(string="First Increment", default=60)
    increment_next = fields.Integer(string="Next Increments", default=6)
    # Service level
    with_level = fields.Boolean(string="Service Level", help="Promise that so many calls are answered in time.")
    level_target = fields.Float(string="Answered in Time (%)", digits=(16, 2), default=80.0)
    level_seconds = fields.Integer(string="Within (s)", default=20)
    level_at_risk = fields.Float(
        string="At Risk (%)",
        digits=(16, 2),
        help="Part of the period's charges that a missed target gives back. 0: it is only reported.",
    )
    # The contract
    with_contract = fields.Boolean(help="Make the client's contract as well.")
    partner_id = fields.Many2one("res.partner", string="Client")
    product_id = fields.Many2one("product.product", string="Service", domain="[('type', '=', 'service'), ('sale_ok', '=', True)]")
    date_start = fields.Date(
        string="Begins",
        default=lambda self: fields.Date.add(fields.Date.context_today(self), months=1, day=1),
        help="Billing periods are months from this day on.",
    )
    usage_tz = fields.Selection(
        _tz_get,
        string="Time Zone",
        compute="_compute_usage_tz",
        store=True,
        readonly=False,
        help="Of the client: days, evenings and billing periods are counted in it.",
    )
    take_in = fields.Boolean(
        string="Take In Waiting Calls", help="Suspended calls that wait for these endpoints are taken through the import again."
    )
    monthly_fee = fields.Float(string="Further Monthly Fee", digits=RATE_DIGITS, help="A fixed fee beside the plan. 0: none.")

    @api.depends("agreement", "partner_id")
    def _compute_name(self):
        labels = {
            "allowance": self.env._("Answering with included minutes"),
            "hour": self.env._("Agents by the hour"),
            "tier": self.env._("By the call with tiers"),
            "band": self.env._("By the minute with evening and holiday prices"),
        }
        for wizard in self:
            wizard.name = " - ".join(filter(None, (labels.get(wizard.agreement), wizard.partner_id.name)))

    @api.depends("partner_id")
    def _compute_usage_tz(self):
        for wizard in self:
            wizard.usage_tz = wizard.partner_id.tz or wizard.company_id.partner_id.tz or self.env.user.tz or "UTC"

    @api.constrains("first_until", "second_until", "hour_from", "hour_to", "step_minutes")
    def _check_numbers(self):
        for wizard in self:
            if wizard.agreement == "tier" and not 0 < wizard.first_until < wizard.second_until:
                raise ValidationError(self.env._("The second tier has to end above the first."))
            if wizard.agreement == "band" and not 0 <= wizard.hour_from < wizard.hour_to <= 24:
                raise ValidationError(self.env._("The day has to end after it begins."))
            if wizard.agreement == "hour" and wizard.step_minutes < 1:
                raise ValidationError(self.env._("Increments are at least one minute."))

    def action_create_plan(self):
        """Make the plan and, if wanted, the contract, and open what was made last.

        :raise UserError: the contract is not told enough
        """
        self.ensure_one()
        plan = self.env["call.rate.plan"].create(self._plan_values())
        record = self._create_contract(plan) if self.with_contract else plan
        views = {"contract.contract": "contract.contract_contract_customer_form_view"}
        view = self.env.ref(views[record._name]) if record._name in views else self.env["ir.ui.view"]
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [(view.id, "form")],
        }

    def action_create_and_offer(self):
        """Make plan and contract, and open the agreement about it as a draft."""
        self.ensure_one()
        plan = self.env["call.rate.plan"].create(self._plan_values())
        return self._create_contract(plan).action_offer_agreement()

    # --- Plan -------------------------------------------------------------------------------------------

    def _plan_values(self):
        """Values of the plan that the numbers stand for."""
        own = {"allowance": self._allowance, "hour": self._hour, "tier": self._tier, "band": self._band}[self.agreement]()
        if self.with_level:
            own["term_ids"] = [*own.get("term_ids", ()), Command.create(self._level())]
        return {"name": self.name, "company_id": self.company_id.id, "currency_id": self.currency_id.id, **own}

    def _allowance(self):
        """Product model 5: 250 min in 600.00, 312 used, 2.25 over -> 739.50."""
        rule = {"name": self.env._("answered calls"), "direction": "inbound", "minute_price": self.over_price}
        return {
            "rule_ids": [Command.create(rule)],
            "allowance_ids": [Command.create({"name": self.env._("included minutes"), "quantity": self.minutes})],
            "term_ids": [Command.create({"name": self.env._("monthly fee"), "kind": "fee", "amount": self.fee})],
        }

    def _hour(self):
        """Product model 12: hours x rate, or 455 of 480 h, 3 FTE x 2,600.00 -> 7,393.75."""
        step = self.step_minutes * 60
        rule = {"name": self.env._("agent hours"), "kind": "agent_time", "increment_first": step, "increment_next": step}
        if not self.full_time:
            return {"rule_ids": [Command.create({**rule, "hour_price": self.hour_price})]}
        term = {"name": self.env._("full-time agents"), "kind": "fte", "amount": self.fte_fee}
        term |= {"fte": self.fte, "hours": self.fte_hours}
        return {"rule_ids": [Command.create(rule)], "term_ids": [Command.create(term)]}

    def _tier(self):
        """Product model 8: 1,500 calls; 1.20 to 500, 1.00 to 1,000, 0.80 above: graduated 1,500.00."""
        tiers = ((self.first_until, self.first_price), (self.second_until, self.second_price), (0, self.third_price))
        rule = {
            "name": self.env._("answered calls"),
            "direction": "inbound",
            "tier_mode": "graduated",
            "tier_unit": "call",
            "tier_ids": [Command.create({"up_to": up_to, "price": price}) for up_to, price in tiers],
        }
        return {"rule_ids": [Command.create(rule)]}

    def _band(self):
        """Product model 10, each band with its own price; a call over a boundary is split."""
        calendar = self.env["resource.calendar"].create(self._calendar_values())
        rule = {
            "name": self.env._("answered calls"),
            "direction": "inbound",
            "minute_price": self.day_price,
            "increment_first": self.increment_first,
            "increment_next": self.increment_next,
            "band_split": "split",
        }
        bands = (
            (self.env._("evening and weekend"), "outside", self.evening_price),
            (self.env._("public holiday"), "holiday", self.holiday_price),
        )
        return {
            "rule_ids": [Command.create(rule)],
            "premium_ids": [
                Command.create({"name": name, "calendar_id": calendar.id, "when": when, "effect": "replace", "value": price})
                for name, when, price in bands
            ],
        }

    def _level(self):
        """Product model 16, with one service level that has the whole weight."""
        name = self.env._("%(target)g %% answered within %(seconds)s s", target=self.level_target, seconds=self.level_seconds)
        return {
            "name": name,
            "kind": "service_level",
            "target": self.level_target,
            "threshold_seconds": self.level_seconds,
            "at_risk": self.level_at_risk,
        }

    def _calendar_values(self):
        """Monday to Friday by day, without a break."""
        day = {"name": self.env._("Day"), "hour_from": self.hour_from, "hour_to": self.hour_to, "day_period": "full_day"}
        return {
            "name": self.env._("Hours of %s", self.name),
            "company_id": self.company_id.id,
            "tz": self.usage_tz,
            "two_weeks_calendar": False,
            "attendance_ids": [Command.create({**day, "dayofweek": str(weekday)}) for weekday in WORKDAYS],
        }

    # --- Contract ---------------------------------------------------------------------------------------

    def _create_contract(self, plan):
        if not (self.partner_id and self.product_id and self.date_start):
            raise UserError(self.env._("A contract needs the client, the service and the day on which it begins."))
        recurrence = {
            "recurring_rule_type": "monthly",
            "recurring_invoicing_type": "post-paid",
            "date_start": self.date_start,
        }
        service = {"product_id": self.product_id.id, **recurrence}
        lines = [{"name": self.product_id.name, "rate_plan_id": plan.id, **service}]
        if self.monthly_fee:
            name = self.env._("%s, monthly fee, #START# - #END#", self.product_id.name)
            lines.insert(0, {"name": name, "price_unit": self.monthly_fee, **service})
        contract = self.env["contract.contract"].create(
            {
                "name": self.product_id.name,
                "partner_id": self.partner_id.id,
                "company_id": self.company_id.id,
                "manual_currency_id": self.currency_id.id,
                "usage_tz": self.usage_tz,
                "line_recurrence": True,
                "contract_line_ids": [
                    Command.create({"sequence": 10 * number, **line}) for number, line in enumerate(lines, start=1)
                ],
            }
        )
        endpoints = self._create_endpoints(contract.contract_line_ids.filtered("rate_plan_id"))
        if self.take_in and any(endpoints.mapped("suspense_count")):
            endpoints.action_recycle_suspense()
        return contract
