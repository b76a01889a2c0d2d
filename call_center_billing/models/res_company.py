from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    call_billing_grace_days = fields.Integer(
        string="Wait After the Period",
        default=1,
        help="Days between the end of a billing period and its invoice, so that the last calls are in.",
    )

    _call_billing_grace_days_positive = models.Constraint(
        "CHECK (call_billing_grace_days BETWEEN 0 AND 60)",
        "The wait after a billing period must be between 0 and 60 days.",
    )
