from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    call_billing_grace_days = fields.Integer(related="company_id.call_billing_grace_days", readonly=False)
    call_statement_pdf_calls = fields.Integer(related="company_id.call_statement_pdf_calls", readonly=False)
    call_statement_file = fields.Selection(related="company_id.call_statement_file", readonly=False, required=True)
