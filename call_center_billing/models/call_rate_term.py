from datetime import date

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .call_rate_rule import RATE_DIGITS, price_text, short


class CallRateTerm(models.Model):
    """What a plan charges or promises per period on totals: each becomes an invoice line of its own.

    Amounts are in the plan's currency. Credits never reduce a minimum; fees of the plan do not count for it unless it says so.
    """

    _name = "call.rate.term"
    _description = "Period Term"
    _order = "plan_id, sequence, id"

    plan_id = fields.Many2one("call.rate.plan", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="plan_id.company_id", store=True)
    currency_id = fields.Many2one(related="plan_id.currency_id")
    sequence = fields.Integer(default=10)
    name = fields.Char(required=True, translate=True, help="What the client reads on the invoice, such as 'Minimum turnover'.")
    active = fields.Boolean(default=True)
    date_start = fields.Date(string="From", help="For periods that begin on this day or later. Empty: always.")
    date_end = fields.Date(string="Until", help="For periods that begin on this day or earlier. Empty: for good.")
    kind = fields.Selection(
        [
            ("fee", "Period fee"),
            ("minimum", "Minimum turnover"),
            ("cap", "Maximum turnover"),
            ("forecast", "Volume agreed in advance"),
            ("fte", "Full-time agents"),
        ],
        required=True,
        default="fee",
    )
    amount = fields.Float(
        digits=RATE_DIGITS,
        help="Fee, minimum or maximum per period; price per call or minute of an agreed volume; fee per full-time agent.",
    )
    scope = fields.Selection(
        [("line", "Each contract line"), ("contract", "The contract as a whole")],
        required=True,
        default="line",
        help="The contract as a whole means all its lines with this plan: what is counted is their sum, charged once.",
    )
    rule_ids = fields.Many2many(
        "call.rate.rule",
        string="Counts",
        domain="[('plan_id', 'parent_of', plan_id)]",
        help="Rules whose charges or volume count. Empty: all of the plan.",
    )
    count_fees = fields.Boolean(string="Fees Count", default=True, help="The plan's own period fees count for the minimum.")
    prorated = fields.Boolean(default=True, help="In part of a period only this part of it is charged.")
    unit = fields.Selection([("call", "Calls"), ("minute", "Minutes")], default="call", help="What the agreed volume counts.")
    forecast = fields.Float(digits=(16, 2), help="Volume that was agreed for a period, in calls or minutes.")
    share = fields.Float(
        string="Charged Share (%)", digits=(16, 4), default=100.0, help="Part of the agreed volume that is charged at least."
    )
    fte = fields.Float(
        string="Full-Time Agents",
        digits=(16, 4),
        default=1.0,
        help="How many full-time agents are agreed. The fee is for each; it is charged by delivered of contracted hours.",
    )
    hours = fields.Float(string="Contracted Hours", digits=(16, 2), help="Hours per period of all these agents together.")

    _amounts_positive = models.Constraint(
        "CHECK (amount >= 0 AND forecast >= 0 AND share >= 0 AND fte >= 0 AND hours >= 0)", "A term must not be negative."
    )
    _dates_ordered = models.Constraint("CHECK (date_end >= date_start)", "A term must not end before it starts.")

    @api.constrains("kind", "hours", "forecast")
    def _check_kind(self):
        for term in self:
            if term.kind == "fte" and not term.hours:
                raise ValidationError(self.env._("'%s' needs the contracted hours of a period.", term.name))
            if term.kind == "forecast" and not term.forecast:
                raise ValidationError(self.env._("'%s' needs the volume that was agreed.", term.name))

    def _words(self):
        """What is charged or promised per period, as an agreement says it."""
        self.ensure_one()
        texts = [getattr(self, f"_words_{self.kind}")()]
        if self.rule_ids and self.kind != "fee":
            texts.append(self.env._("counted: %s", ", ".join(dict.fromkeys(self.rule_ids.mapped("name")))))
        if self.scope == "contract" and self.kind != "service_level":
            texts.append(self.env._("for all services with this plan together"))
        if self.prorated and self.kind in ("fee", "minimum", "forecast"):
            texts.append(self.env._("by the day in part of a period"))
        return "; ".join(texts)

    def _words_fee(self):
        return self.env._("%s per period", price_text(self.amount, self.currency_id))

    def _words_minimum(self):
        least = self.env._("at least %s per period; what is missing is charged", price_text(self.amount, self.currency_id))
        return self.env._("%s, fees count", least) if self.count_fees else least

    def _words_cap(self):
        return self.env._("at most %s per period", price_text(self.amount, self.currency_id))

    def _words_forecast(self):
        unit = dict(self._fields["unit"]._description_selection(self.env))[self.unit].lower()
        return self.env._(
            "%(forecast)s %(unit)s per period agreed in advance at %(price)s; at least %(share)s %% of them are charged",
            forecast=short(self.forecast),
            unit=unit,
            price=price_text(self.amount, self.currency_id),
            share=f"{self.share:g}",
        )

    def _words_fte(self):
        return self.env._(
            "%(agents)s full-time agents at %(price)s, for %(hours)s hours per period together; charged in proportion to the hours worked",
            agents=short(self.fte),
            price=price_text(self.amount, self.currency_id),
            hours=short(self.hours),
        )

    def _in_force(self, day):
        return self.filtered(lambda t: (t.date_start or date.min) <= day <= (t.date_end or date.max))
