from odoo import fields, models

STAFF = "base.group_user"


class ResPartner(models.Model):
    """What the staff notes about the payments of a client is not for the client, who can read its own partner remotely."""

    _inherit = "res.partner"

    credit_policy_id = fields.Many2one(groups=STAFF)
    credit_control_count = fields.Integer(groups=STAFF)
    payment_responsible_id = fields.Many2one(groups=STAFF)
    payment_note = fields.Text(groups=STAFF)
    payment_next_action_type = fields.Many2one(groups=STAFF)
    payment_next_action = fields.Text(groups=STAFF)
    payment_next_action_date = fields.Date(groups=STAFF)
    manual_followup = fields.Boolean(groups=STAFF)

    def _compute_credit_control_count(self):
        """None for who may not read reminders, such as sales staff: the form of a client asks for it all the same."""
        if not self.env["credit.control.line"].has_access("read"):
            self.credit_control_count = 0
            return None
        return super()._compute_credit_control_count()
