from decimal import Decimal
from fractions import Fraction

from odoo import api, fields, models

from odoo.addons.call_center_billing.models.call_price import number


class CallCharge(models.Model):
    _inherit = "call.charge"

    component = fields.Selection(selection_add=[("surcharge", "Surcharge")], ondelete={"surcharge": "cascade"})

    @api.model
    def _term_kinds(self):
        """Before the maximum and the minimum, which look at what came earlier."""
        kinds = super()._term_kinds()
        kinds.insert(kinds.index("cap"), "surcharge")
        return kinds

    @api.model
    def _term_surcharge(self, term, statement, sharing, charges, groups):
        """:return: exact amount (Fraction, rounded once by the caller), quantity, price"""
        counted = self._counted(term, statement, sharing, charges)
        usage = sum((number(vals["amount"]) for vals in counted), Decimal(0))
        amount = Fraction(usage) * Fraction(number(term.surcharge)) / 100
        return amount, Decimal(1), amount
