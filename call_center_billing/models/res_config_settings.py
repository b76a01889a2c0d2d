from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    group_call_whole_numbers = fields.Boolean(
        string="Sales Sees Whole Numbers",
        group="call_center_billing.group_sales",
        implied_group="call_center_billing.group_whole_numbers",
        help="Otherwise sales sees numbers as the client does, and looks at a whole one when it says why.",
    )
    call_billing_grace_days = fields.Integer(related="company_id.call_billing_grace_days", readonly=False)
    call_billing_schedule = fields.Selection(related="company_id.call_billing_schedule", readonly=False, required=True)
    call_proof_user_id = fields.Many2one(related="company_id.call_proof_user_id", readonly=False)
    call_gate_suspense = fields.Selection(related="company_id.call_gate_suspense", readonly=False)
    call_gate_gaps = fields.Selection(related="company_id.call_gate_gaps", readonly=False)
    call_gate_nobody = fields.Selection(related="company_id.call_gate_nobody", readonly=False)
    call_gate_history = fields.Selection(related="company_id.call_gate_history", readonly=False)
    call_gate_less = fields.Integer(related="company_id.call_gate_less", readonly=False)
    call_gate_more = fields.Integer(related="company_id.call_gate_more", readonly=False)
    call_gate_min_calls = fields.Integer(related="company_id.call_gate_min_calls", readonly=False)
    call_statement_pdf_calls = fields.Integer(related="company_id.call_statement_pdf_calls", readonly=False)
    call_archive_months = fields.Integer(related="company_id.call_archive_months", readonly=False)
    call_statement_file = fields.Selection(related="company_id.call_statement_file", readonly=False, required=True)
    call_feedback_days = fields.Integer(related="company_id.call_feedback_days", readonly=False)
    call_contestation_days = fields.Integer(related="company_id.call_contestation_days", readonly=False)
    call_payment_confirmation = fields.Selection(related="company_id.call_payment_confirmation", readonly=False, required=True)
    call_payment_term_id = fields.Many2one(related="company_id.call_payment_term_id", readonly=False)
    call_offers_collection = fields.Boolean(related="company_id.call_offers_collection", readonly=False)
    call_match_payments = fields.Boolean(related="company_id.call_match_payments", readonly=False)
    call_back_billing_days = fields.Integer(related="company_id.call_back_billing_days", readonly=False)
    call_agent_hour_cost = fields.Float(related="company_id.call_agent_hour_cost", readonly=False)
    call_dispute_days = fields.Integer(related="company_id.call_dispute_days", readonly=False)
    call_dispute_review_mail = fields.Boolean(related="company_id.call_dispute_review_mail", readonly=False)
    call_allowance_alerts = fields.Char(related="company_id.call_allowance_alerts", readonly=False)
