from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    call_billing_grace_days = fields.Integer(
        string="Wait After the Period",
        default=1,
        help="Days between the end of a billing period and its invoice, so that the last calls are in.",
    )

    call_billing_schedule = fields.Selection(
        [
            ("manual", "Nothing: people start the runs"),
            ("prepare", "Prepare a run for people to look at and start"),
            ("invoice", "Make draft invoices"),
            ("post", "Make and post invoices"),
        ],
        string="When Periods Are Over",
        required=True,
        default="invoice",
        help="What the daily job does with billing periods that are over and have waited long enough.",
    )

    _call_billing_grace_days_positive = models.Constraint(
        "CHECK (call_billing_grace_days BETWEEN 0 AND 60)",
        "The wait after a billing period must be between 0 and 60 days.",
    )
