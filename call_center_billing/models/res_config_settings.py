from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    call_billing_grace_days = fields.Integer(related="company_id.call_billing_grace_days", readonly=False)
    call_billing_schedule = fields.Selection(related="company_id.call_billing_schedule", readonly=False, required=True)
