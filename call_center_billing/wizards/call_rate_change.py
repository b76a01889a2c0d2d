from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..models.call_price import number
from ..models.call_rate_rule import short

PRICES = {
    "call.rate.rule": ("minute_price", "hour_price", "call_price", "package_price"),
    "call.rate.part": ("minute_price",),
    "call.rate.tier": ("price", "flat_fee"),
    "call.rate.premium": ("value",),
    "call.rate.term": ("amount",),
    "call.rate.allowance": ("quantity",),
}
"""What changes, by model."""
LINES = {"call.rate.rule": ("part_ids", "tier_ids")}
TOTALS = ("package_price", "flat_fee", "amount")
"""Amounts that are charged as they are: never with more decimals than the currency has."""
QUANTITY_DECIMALS = 2


def changed(value, percent, decimals):
    """A price after a change, rounded half up.

    >>> changed(0.95, 5, 4), changed(0.95, 5, 2), changed(2.25, -10, 2)
    (0.9975, 1.0, 2.03)

    :param value: float that stands for a decimal of the database
    :param percent: float; what is added, negative where it is taken away
    """
    exact = number(value) * (100 + number(percent)) / 100
    return float(exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


class CallRateChange(models.TransientModel):
    """New prices of a plan from a day on. Each record that changes ends the day before and goes on as a copy with the new
    prices; one that begins on that very day is changed in place. So calls before that day keep their prices, whenever they
    are rated.

    Premiums, allowances and terms that name a rule name its copy as well, in every plan. An allowance is copied only where
    its quantity changes: what is carried over belongs to the allowance.
    """

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
        help="0: allowances stay as they are. Otherwise they begin anew: what was carried over is not carried on.",
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
        rules, *others = chosen
        copies = {rule: self._renew(rule) for rule in rules}
        self._link({old: new for old, new in copies.items() if old != new})
        for records in others:
            for record in records:
                self._renew(record)
        self.plan_id.message_post(body=self._message(rows))
        return {"type": "ir.actions.act_window_close"}

    # --- Versions ---------------------------------------------------------------------------------------

    def _chosen(self):
        """Rules, premiums, terms and allowances that get new versions."""
        allowances = self.allowance_ids if self.quantity_percent else self.allowance_ids.browse()
        return [self.rule_ids, self.premium_ids, self.term_ids, allowances]

    def _renew(self, record):
        """The record with its new prices: a copy from the day on, or itself where it begins on that day."""
        new = record
        if record.date_start != self.date:
            until = record.date_end
            record.date_end = self.date - timedelta(days=1)
            new = record.copy({"date_start": self.date, "date_end": until, **self._new_values(record)})
        else:
            record.write(self._new_values(record))
        for name in LINES.get(record._name, ()):
            for line in new[name]:
                line.write(self._new_values(line))
        return new

    @api.model
    def _link(self, copies):
        """Let whatever names a rule name its copy as well, in plans that are based on this one too.

        :param copies: dict of rule -> copy
        """
        for model in ("call.rate.premium", "call.rate.allowance", "call.rate.term"):
            named = self.env[model].with_context(active_test=False).search([("rule_ids", "in", [rule.id for rule in copies])])
            for record in named:
                record.rule_ids |= self.env["call.rate.rule"].union(
                    *(new for old, new in copies.items() if old in record.rule_ids)
                )

    def _new_values(self, record):
        """What changes of a record: dict of field -> new value."""
        values = {name: self._new_value(record, name) for name in PRICES[record._name]}
        return {name: value for name, value in values.items() if record[name]}

    def _new_value(self, record, name):
        if name == "quantity":
            return changed(record[name], self.quantity_percent, QUANTITY_DECIMALS)
        decimals = self.decimals
        if name in TOTALS and not (record._name == "call.rate.term" and record.kind == "forecast"):
            decimals = min(decimals, self.plan_id.currency_id.decimal_places)
        return changed(record[name], self.percent, decimals)

    # --- In words ---------------------------------------------------------------------------------------

    def _rows(self):
        """The preview: list of dicts with name, what, old, new as texts."""
        rows = []
        for records in self._chosen():
            for record in records:
                lines = [record, *(line for name in LINES.get(record._name, ()) for line in record[name])]
                for line in lines:
                    for name, new in self._new_values(line).items():
                        rows.append(
                            {
                                "name": record.name,
                                "what": self._price_label(line, name),
                                "old": self._value_text(line, name, line[name]),
                                "new": self._value_text(line, name, new),
                                "in_place": record.date_start == self.date,
                            }
                        )
        return rows

    def _price_label(self, record, name):
        """What a price is the price of."""
        label = record._fields[name]._description_string(self.env)
        if record._name == "call.rate.part":
            return dict(record._fields["part"]._description_selection(self.env))[record.part]
        if record._name == "call.rate.tier":
            if record.up_to:
                tier = self.env._("up to %s", short(record.up_to))
                return f"{label}, {tier}"
            return self.env._("%s, last tier", label)
        if record._name == "call.rate.premium":
            return dict(record._fields["effect"]._description_selection(self.env))[record.effect]
        if record._name == "call.rate.term":
            return dict(record._fields["kind"]._description_selection(self.env))[record.kind]
        if record._name == "call.rate.allowance":
            return dict(record._fields["unit"]._description_selection(self.env))[record.unit]
        return label

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
