from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    call_billing_grace_days = fields.Integer(
        string="Wait After the Period",
        default=1,
        help="Days between the end of a billing period and its invoice, so that the last calls are in.",
    )

    call_back_billing_days = fields.Integer(
        string="Back-Billing Limit",
        help="Given to new contracts. Days between a call and the invoice within which a call that comes after its period was invoiced "
        "is still billed. 0: no limit.",
    )

    _call_billing_grace_days_positive = models.Constraint(
        "CHECK (call_billing_grace_days BETWEEN 0 AND 60)",
        "The wait after a billing period must be between 0 and 60 days.",
    )
    _call_back_billing_days_positive = models.Constraint(
        "CHECK (call_back_billing_days >= 0)", "The limit for back-billing must not be negative."
    )
