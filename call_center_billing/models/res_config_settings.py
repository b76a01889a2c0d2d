from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    call_billing_grace_days = fields.Integer(related="company_id.call_billing_grace_days", readonly=False)
    call_back_billing_days = fields.Integer(related="company_id.call_back_billing_days", readonly=False)
