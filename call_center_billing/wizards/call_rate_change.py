from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..models.call_rate_version import changed

QUANTITY_DECIMALS = 2


class CallRateChange(models.TransientModel):
    """New prices of a plan from a day on, as new versions of what changes: see ``call.rate.version``."""

    _name = "call.rate.change"
    _description = "New Prices From"

    plan_id = fields.Many2one("call.rate.plan", string="Rate Plan", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one(related="plan_id.company_id")
    date = fields.Date(
        string="From",
        required=True,
        default=lambda self: fields.Date.add(fields.Date.context_today(self), months=1, day=1),
        help="First day of calls with the new prices. For allowances and what is charged per period: of periods.",
    )
    percent = fields.Float(
        string="Change (%)", digits=(16, 4), help="5 is five per cent more. 0: the copies keep the prices, to be changed by hand."
    )
    decimals = fields.Integer(
        default=4, help="New prices are rounded to so many. Fees, minimums and packages have those of the currency at most."
    )
    quantity_percent = fields.Float(
        string="Change of Allowances (%)",
        digits=(16, 4),
        help="0: allowances stay as they are.",
    )
    rule_ids = fields.Many2many(
        "call.rate.rule",
        string="Rules",
        compute="_compute_records",
        store=True,
        readonly=False,
        domain="[('plan_id', '=', plan_id)]",
    )
    premium_ids = fields.Many2many(
        "call.rate.premium",
        string="Bands and Premiums",
        compute="_compute_records",
        store=True,
        readonly=False,
        domain="[('plan_id', '=', plan_id), ('effect', '!=', 'multiply')]",
        help="Factors change by themselves with the prices that they multiply.",
    )
    term_ids = fields.Many2many(
        "call.rate.term",
        string="Per Period",
        compute="_compute_records",
        store=True,
        readonly=False,
        domain="[('plan_id', '=', plan_id)]",
    )
    allowance_ids = fields.Many2many(
        "call.rate.allowance",
        string="Allowances",
        compute="_compute_records",
        store=True,
        readonly=False,
        domain="[('plan_id', '=', plan_id)]",
    )
    preview = fields.Html(compute="_compute_preview", sanitize=False)

    @api.depends("plan_id", "date")
    def _compute_records(self):
        for wizard in self:
            day, plan = wizard.date or fields.Date.context_today(wizard), wizard.plan_id
            wizard.rule_ids = plan.rule_ids._in_force(day).filtered(lambda rule: rule.source == "own")
            wizard.premium_ids = plan.premium_ids._in_force(day).filtered(lambda premium: premium.effect != "multiply")
            wizard.term_ids = plan.term_ids._in_force(day).filtered(lambda term: term.kind != "service_level")
            wizard.allowance_ids = plan.allowance_ids._in_force(day)

    @api.depends(
        "date", "percent", "decimals", "quantity_percent", "rule_ids", "premium_ids", "term_ids", "allowance_ids"
    )  # fmt: skip
    def _compute_preview(self):
        for wizard in self:
            if not (wizard.plan_id and wizard.date) or wizard._problem():
                wizard.preview = wizard._problem()
                continue
            values = {"rows": wizard._rows(), "warnings": wizard._warnings(), "date": wizard.date}
            wizard.preview = self.env["ir.qweb"]._render("call_center_billing.call_rate_change_preview", values)

    @api.constrains("percent", "decimals", "quantity_percent")
    def _check_numbers(self):
        for wizard in self:
            if problem := wizard._problem():
                raise ValidationError(problem)

    def _problem(self):
        """What is wrong with the numbers, or nothing."""
        if self.percent < -100 or self.quantity_percent < -100:
            return self.env._("Nothing can become cheaper than free: -100 % is the least.")
        if not 0 <= self.decimals <= 6:
            return self.env._("Prices have between 0 and 6 decimals.")
        return False

    def action_apply(self):
        """Make the new versions.

        :raise UserError: something is not in force on that day
        """
        self.ensure_one()
        rows = self._rows()
        chosen = self._chosen()
        if not any(chosen):
            raise UserError(self.env._("Choose something whose price changes."))
        for records in chosen:
            if idle := records - records._in_force(self.date):
                raise UserError(self.env._("'%(name)s' is not in force on %(date)s.", name=idle[0].name, date=self.date))
        Version = self.env["call.rate.version"]
        Version._renew_all(
            {
                record: {line: self._new_values(line) for line, _names in Version._priced(record)}
                for records in chosen
                for record in records
            },
            self.date,
        )
        self.plan_id.message_post(body=self._message(rows))
        return {"type": "ir.actions.act_window_close"}

    # --- Versions ---------------------------------------------------------------------------------------

    def _chosen(self):
        """Rules, premiums, terms and allowances that get new versions."""
        allowances = self.allowance_ids if self.quantity_percent else self.allowance_ids.browse()
        return [self.rule_ids, self.premium_ids, self.term_ids, allowances]

    def _new_values(self, record):
        """What changes of a record: dict of field -> new value."""
        names = dict(self.env["call.rate.version"]._priced(record))[record]
        return {name: self._new_value(record, name) for name in names}

    def _new_value(self, record, name):
        if name == "quantity":
            return changed(record[name], self.quantity_percent, QUANTITY_DECIMALS)
        return self.env["call.rate.version"]._new_price(record, name, self.percent, self.decimals)

    # --- In words ---------------------------------------------------------------------------------------

    def _rows(self):
        """The preview: list of dicts with name, what, old, new as texts."""
        rows, Version = [], self.env["call.rate.version"]
        for records in self._chosen():
            for record in records:
                for line, _names in Version._priced(record):
                    for name, new in self._new_values(line).items():
                        rows.append(
                            {
                                "name": record.name,
                                "what": Version._price_label(line, name),
                                "old": self._value_text(line, name, line[name]),
                                "new": self._value_text(line, name, new),
                                "in_place": record.date_start == self.date,
                            }
                        )
        return rows

    def _value_text(self, record, name, value):
        if name == "quantity":
            return f"{value:,.2f}".rstrip("0").rstrip(".")
        return self._format_price(value)

    def _format_price(self, price):
        """A price with its currency, all decimals it has and at least two."""
        return self.env["call.rate.rule"].new({"plan_id": self.plan_id._origin.id})._format_price(price)

    def _warnings(self):
        """What people should know before they apply it: list of sentences."""
        warnings = []
        rules = self.plan_id.rule_ids
        if self.date.day != 1 and (tiered := self.rule_ids.filtered("tier_mode")):
            warnings.append(
                self.env._(
                    "The tiers of '%s' begin to count again on that day: choose the first day of a billing period.",
                    tiered[0].name,
                )
            )
        if later := rules.filtered(lambda rule: rule.date_start and rule.date_start > self.date):
            warnings.append(
                self.env._(
                    "'%(name)s' begins later, on %(date)s, and is not changed.", name=later[0].name, date=later[0].date_start
                )
            )
        if elsewhere := rules._in_force(self.date).filtered(lambda rule: rule.source != "own"):
            warnings.append(
                self.env._(
                    "'%s' has its price from a rate deck or the provider: change the deck, or its mark-up.", elsewhere[0].name
                )
            )
        if self.date <= fields.Date.context_today(self):
            warnings.append(
                self.env._("Calls from that day on that are here already keep the old prices until they are rated again.")
            )
        return warnings

    def _message(self, rows):
        """What changed, for the plan's chatter."""
        items = Markup().join(
            Markup("<li>%s: %s %s → %s</li>") % (row["name"], row["what"], row["old"], row["new"]) for row in rows
        )
        title = self.env._("New prices from %(date)s (%(percent)s %%)", date=self.date, percent=f"{self.percent:+g}")
        return Markup("<p>%s</p><ul>%s</ul>") % (title, items)
