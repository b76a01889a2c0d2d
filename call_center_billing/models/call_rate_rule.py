from datetime import date

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..formats.record import DISPOSITIONS, PARTS

PRICE_FIELDS = ("minute_price", "call_price", "increment_first", "increment_next", "minimum_seconds")
RATE_DIGITS = (16, 6)


class CallRateRule(models.Model):
    """One priced condition of a rate plan: which calls it fits, what counts, what that costs.

    A call is priced by the rule in force on its own day, in the client's time zone. A call keeps the prices it was
    rated with; changing a rule changes only calls that are rated later.
    """

    _name = "call.rate.rule"
    _description = "Rate Rule"
    _order = "plan_id, sequence, id"

    plan_id = fields.Many2one("call.rate.plan", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="plan_id.company_id", store=True)
    currency_id = fields.Many2one(related="plan_id.currency_id")
    sequence = fields.Integer(default=10, help="The first rule that fits a call prices it.")
    name = fields.Char(required=True, translate=True, help="What the client reads on the invoice, such as 'Daytime calls'.")
    active = fields.Boolean(default=True)
    # When it fits
    date_start = fields.Date(string="From", help="First day of calls that this rule prices. Empty: always.")
    date_end = fields.Date(string="Until", help="Last day of calls that this rule prices. Empty: for good.")
    kind = fields.Selection(
        [("call", "Calls"), ("agent_time", "Agent time"), ("message", "Messages"), ("outcome", "Outcomes")],
        string="Prices",
        required=True,
        default="call",
    )
    direction = fields.Selection(
        [("inbound", "Inbound"), ("outbound", "Outbound"), ("internal", "Internal")], help="Empty: any direction."
    )
    queue = fields.Char(help="Name of the queue, exactly as the phone system writes it. Empty: any queue.")
    product_id = fields.Many2one(
        "product.product",
        string="Service",
        help="Only for contract lines of this service. Empty: every line that uses the plan.",
    )
    # What counts
    count_ring = fields.Boolean(string="Ringing")
    count_queue = fields.Boolean(string="Waiting in Queue")
    count_ivr = fields.Boolean(string="IVR")
    count_talk = fields.Boolean(string="Talk", default=True)
    count_hold = fields.Boolean(string="Hold", default=True)
    count_wrap = fields.Boolean(string="Wrap-Up", default=True)
    count_transfer = fields.Boolean(string="Transfer")
    bill_answered = fields.Boolean(string="Answered", default=True)
    bill_voicemail = fields.Boolean(string="Voicemail")
    bill_abandoned = fields.Boolean(string="Abandoned")
    bill_no_answer = fields.Boolean(string="Not Answered")
    bill_busy = fields.Boolean(string="Busy")
    bill_failed = fields.Boolean(string="Failed")
    # What it costs
    minute_price = fields.Float(string="Price per Minute", digits=RATE_DIGITS, default=0.0, required=True)
    call_price = fields.Float(
        string="Price per Call", digits=RATE_DIGITS, default=0.0, required=True, help="Or per message or outcome."
    )
    increment_first = fields.Integer(
        string="First Increment", default=60, required=True, help="Seconds. A shorter call is charged as this long."
    )
    increment_next = fields.Integer(
        string="Next Increments",
        default=60,
        required=True,
        help="Seconds. After the first increment, time is charged in steps of this.",
    )
    minimum_seconds = fields.Integer(
        string="Minimum", default=0, required=True, help="Seconds. A call with any time that counts is charged for at least this."
    )
    invoice_unit = fields.Selection(
        [("minute", "Minutes"), ("second", "Seconds")],
        compute="_compute_invoice_unit",
        help="Unit of the invoice line. Invoices carry two decimals: increments of 3, 6, 30 or 60 seconds are exact in "
        "minutes, others are invoiced by the second.",
    )
    terms = fields.Char(compute="_compute_terms", help="The rule in words.")

    _increments_positive = models.Constraint(
        "CHECK (increment_first > 0 AND increment_next > 0 AND minimum_seconds >= 0)",
        "Increments must be at least one second, the minimum must not be negative.",
    )
    _prices_positive = models.Constraint("CHECK (minute_price >= 0 AND call_price >= 0)", "Prices must not be negative.")
    _dates_ordered = models.Constraint("CHECK (date_end >= date_start)", "A rule must not end before it starts.")

    @api.depends("increment_first", "increment_next")
    def _compute_invoice_unit(self):
        for rule in self:
            exact = rule.increment_first % 3 == 0 and rule.increment_next % 3 == 0
            rule.invoice_unit = "minute" if exact else "second"

    @api.depends(*PRICE_FIELDS, "kind", "currency_id")
    def _compute_terms(self):
        for rule in self:
            parts = []
            if rule.minute_price or not rule.call_price:
                parts.append(
                    self.env._(
                        "%(price)s per minute, %(first)s/%(next)s seconds",
                        price=rule._format_price(rule.minute_price),
                        first=rule.increment_first,
                        next=rule.increment_next,
                    )
                )
                if rule.minimum_seconds:
                    parts.append(self.env._("at least %s seconds", rule.minimum_seconds))
            if rule.call_price:
                price = rule._format_price(rule.call_price)
                parts.append(
                    {
                        "message": self.env._("%s per message", price),
                        "outcome": self.env._("%s per outcome", price),
                    }.get(rule.kind, self.env._("%s per call", price))
                )
            rule.terms = ", ".join(parts)

    @api.constrains(*(f"count_{part.removesuffix('_seconds')}" for part in PARTS), "minute_price")
    def _check_counts(self):
        for rule in self:
            if rule.minute_price and not rule._counted_parts():
                raise ValidationError(
                    self.env._("Rule '%s' has a price per minute: tick at least one part of a call that counts.", rule.name)
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        if self.env["call.usage.line"].sudo().search_count([("rule_id", "in", self.ids)], limit=1):
            raise UserError(self.env._("Calls were priced by this rule: give it an end date instead of deleting it."))

    def _format_price(self, price):
        """A price with its currency, all decimals it has and at least two."""
        self.ensure_one()
        text = f"{price:.6f}".rstrip("0")
        whole, _dot, decimals = text.partition(".")
        amount = f"{whole}.{decimals:0<2}"
        symbol = self.currency_id.symbol or ""
        return f"{symbol}{amount}" if self.currency_id.position == "before" else f"{amount} {symbol}"

    def _counted_parts(self):
        """Names of the duration columns that count, such as ``talk_seconds``."""
        self.ensure_one()
        return [part for part in PARTS if self[f"count_{part.removesuffix('_seconds')}"]]

    def _billed_dispositions(self):
        self.ensure_one()
        return [disposition for disposition in DISPOSITIONS if self[f"bill_{disposition}"]]

    def _in_force(self, day):
        """The rules of ``self`` that price calls of a day, in order."""
        return self.filtered(lambda r: (r.date_start or date.min) <= day <= (r.date_end or date.max))

    def _select(self, kind, direction, queue, product):
        """The rule that prices such a call, out of rules in force: the first in order whose conditions all hold.

        :param direction: '' for what is no call
        :param queue: name in lower case or ''
        :return: one rule or none
        """
        for rule in self:
            if rule.kind != kind or (rule.direction and kind == "call" and rule.direction != direction):
                continue
            if rule.queue and rule._queue_key() != queue:
                continue
            if rule.product_id and rule.product_id != product:
                continue
            return rule
        return self.browse()

    def _queue_key(self):
        return (self.queue or "").strip().lower()
