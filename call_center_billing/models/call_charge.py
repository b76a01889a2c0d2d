from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from odoo import api, fields, models


def exact(number):
    """A float that stands for a decimal of the database, as that decimal.

    >>> exact(0.1), exact(2.25)
    (Decimal('0.1'), Decimal('2.25'))
    """
    return Decimal(repr(number))


def duration_charge(seconds, minute_price, unit):
    """Quantity and unit price of charged time, so that their product is the exact price of the seconds.

    An invoice quantity has two decimals: minutes are used where they are exact (3-second steps), otherwise whole
    seconds. A price per second without a finite decimal is rounded up in the 15th place; up to 10 million seconds
    that changes no cent.

    >>> duration_charge(96, Decimal("0.90"), "minute")
    ('minute', Decimal('1.6'), Decimal('0.90'))
    >>> duration_charge(95, Decimal("0.90"), "second")
    ('second', Decimal('95'), Decimal('0.015'))
    >>> duration_charge(95, Decimal("0.90"), "minute")
    ('second', Decimal('95'), Decimal('0.015'))

    :param seconds: whole seconds, after increments
    :param minute_price: Decimal
    :param unit: ``minute`` or ``second``, what the rate rule wants
    :return: (unit, quantity, unit price)
    """
    if unit == "minute" and seconds % 3 == 0:
        return "minute", Decimal(seconds) / 60, minute_price
    price = minute_price / 60
    rounded = price.quantize(Decimal(1).scaleb(-15), ROUND_CEILING)
    return "second", Decimal(seconds), price if price == rounded.normalize() else rounded


def line_amount(seconds, minute_price, decimals):
    """The price of charged time, rounded once, halves away from zero.

    >>> line_amount(95, Decimal("0.90"), 2), line_amount(3, Decimal("0.10"), 2)
    (Decimal('1.43'), Decimal('0.01'))
    """
    return (Decimal(seconds) * minute_price / 60).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


class CallCharge(models.Model):
    """What becomes one invoice line: the calls of one contract line, rule and price in one statement.

    Written once, when the statement closes; deleted with it being reopened. ``quantity`` x ``unit_price`` is the sum
    of its calls before rounding, ``amount`` is that rounded to the currency.
    """

    _name = "call.charge"
    _description = "Charge"
    _order = "statement_id, contract_line_id, late_of_id nulls first, sequence, id"

    statement_id = fields.Many2one("call.statement", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="statement_id.company_id", store=True)
    partner_id = fields.Many2one(related="statement_id.partner_id", store=True)
    currency_id = fields.Many2one(related="statement_id.currency_id")
    contract_line_id = fields.Many2one("contract.line", required=True, ondelete="restrict", index=True)
    rule_id = fields.Many2one("call.rate.rule", required=True, ondelete="restrict")
    late_of_id = fields.Many2one(
        "call.statement", string="Late Usage of", help="The closed statement that these calls belong to but came too late for."
    )
    sequence = fields.Integer()
    component = fields.Selection([("duration", "Time"), ("call", "Calls")], required=True)
    unit = fields.Selection(
        [("minute", "Minutes"), ("second", "Seconds"), ("call", "Calls"), ("message", "Messages"), ("outcome", "Outcomes")],
        required=True,
    )
    name = fields.Char(required=True)
    call_count = fields.Integer(string="Calls")
    seconds = fields.Integer(string="Charged Seconds")
    minute_price = fields.Float(string="Price per Minute", digits=(16, 6))
    call_price = fields.Float(string="Price per Call", digits=(16, 6))
    quantity = fields.Float(digits=(16, 2))
    unit_price = fields.Float(digits=0, help="Exact: not rounded to any number of decimals.")
    amount = fields.Monetary()
    invoice_line_ids = fields.One2many("account.move.line", "call_charge_id", string="Invoice Lines")

    _key = models.UniqueIndex(
        "(statement_id, contract_line_id, rule_id, component, minute_price, call_price, COALESCE(late_of_id, 0))",
        "A statement has one charge per contract line, rule and price.",
    )

    def action_view_calls(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_usage_line_action")
        return action | {"domain": self._calls_domain(), "context": {}, "display_name": self.name}

    def _unit_price_text(self):
        """The unit price with all decimals it has, at least two."""
        self.ensure_one()
        whole, _dot, decimals = f"{exact(self.unit_price):f}".partition(".")
        return f"{whole}.{decimals.rstrip('0'):0<2}"

    def _calls_domain(self):
        """The usage lines that this charge is the sum of."""
        self.ensure_one()
        return [
            ("statement_id", "=", self.statement_id.id),
            ("contract_line_id", "=", self.contract_line_id.id),
            ("rule_id", "=", self.rule_id.id),
            ("late_of_id", "=", self.late_of_id.id),
            ("minute_price", "=", self.minute_price),
            ("call_price", "=", self.call_price),
            ("status", "=", "billable"),
        ]

    @api.model
    def _prepare_charges(self, statement, usage):
        """Values of the charges of a statement.

        :param usage: rows (contract line, rule, late_of, minute price, call price, calls, quantity, seconds), prices and
            quantity Decimal
        """
        decimals = statement.currency_id.decimal_places
        vals_list = []
        for line, rule, late_of, minute_price, call_price, calls, quantity, seconds in usage:
            common = {
                "statement_id": statement.id,
                "contract_line_id": line.id,
                "rule_id": rule.id,
                "late_of_id": late_of.id,
                "sequence": rule.sequence,
                "name": self._client_name(statement, line, rule, late_of),
                "call_count": calls,
                "seconds": seconds,
                "minute_price": float(minute_price),
                "call_price": float(call_price),
            }
            if minute_price or not call_price:
                unit, time, unit_price = duration_charge(seconds, minute_price, rule.invoice_unit)
                amount = line_amount(seconds, minute_price, decimals)
                vals_list.append(
                    {**common, "component": "duration", "unit": unit}
                    | {"quantity": float(time), "unit_price": float(unit_price), "amount": float(amount)}
                )
            if call_price:
                amount = line_amount(quantity * 60, call_price, decimals)
                unit = rule.kind if rule.kind in ("message", "outcome") else "call"
                vals_list.append(
                    {**common, "component": "call", "unit": unit}
                    | {"quantity": float(quantity), "unit_price": float(call_price), "amount": float(amount)}
                )
        return vals_list

    @api.model
    def _client_name(self, statement, line, rule, late_of):
        """What the client reads, in the client's language: service, rule, period."""
        env = self.with_context(lang=statement.contract_id.partner_id.lang or self.env.lang).env
        service, rule = line.with_env(env), rule.with_env(env)
        period = (late_of or statement).with_env(env)._period_text()
        name = (service.product_id.name or service.name or "").splitlines()[0]
        if late_of:
            return env._("%(service)s, %(rule)s, late usage of %(period)s", service=name, rule=rule.name, period=period)
        return env._("%(service)s, %(rule)s, %(period)s", service=name, rule=rule.name, period=period)

    def _prepare_invoice_line(self):
        """What this charge changes in the invoice line that OCA's contract prepares."""
        self.ensure_one()
        uom = {
            "minute": "uom.product_uom_minute",
            "second": "call_center_billing.product_uom_second",
            "call": "call_center_billing.product_uom_call",
            "message": "call_center_billing.product_uom_message",
            "outcome": "call_center_billing.product_uom_outcome",
        }[self.unit]
        return {
            "call_charge_id": self.id,
            "name": self.name,
            "quantity": self.quantity,
            "price_unit": self.unit_price,
            "product_uom_id": self.env.ref(uom).id,
        }
