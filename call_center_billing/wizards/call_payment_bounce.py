from odoo import fields, models


class CallPaymentBounce(models.TransientModel):
    """Why a payment bounced, and whether the client is told."""

    _name = "call.payment.bounce"
    _description = "Bounced Payment"

    payment_id = fields.Many2one("account.payment", required=True, readonly=True, ondelete="cascade")
    reason = fields.Char(required=True, default=lambda self: self.env._("not covered"))
    tell_client = fields.Boolean(string="Tell the Client", default=True, help="By mail, with the invoices that are open again.")

    def action_confirm(self):
        self.ensure_one()
        self.payment_id._bounce(self.reason, self.tell_client)
        return {"type": "ir.actions.act_window_close"}
