from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    call_billing_grace_days = fields.Integer(
        string="Wait After the Period",
        default=1,
        help="Days between the end of a billing period and its invoice, so that the last calls are in.",
    )
    call_statement_pdf_calls = fields.Integer(
        string="Calls in the PDF",
        default=300,
        help="So many calls are listed in a statement's PDF, the first ones of the period; all are in its file. 0: none.",
    )
    call_statement_file = fields.Selection(
        [("csv", "CSV"), ("xlsx", "Workbook (XLSX)")],
        string="File of Calls",
        default="csv",
        required=True,
        help="With every call of the period and its price, sent with the invoice beside the statement's PDF.",
    )

    _call_statement_pdf_calls_range = models.Constraint(
        "CHECK (call_statement_pdf_calls BETWEEN 0 AND 5000)",
        "Between 0 and 5000 calls can be listed in the PDF of a statement.",
    )
    _call_billing_grace_days_positive = models.Constraint(
        "CHECK (call_billing_grace_days BETWEEN 0 AND 60)",
        "The wait after a billing period must be between 0 and 60 days.",
    )
