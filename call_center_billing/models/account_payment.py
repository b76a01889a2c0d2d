from odoo import fields, models
from odoo.exceptions import UserError


class AccountPayment(models.Model):
    """A payment that bounced, mostly a check, pays nothing: its invoices are open again."""

    _inherit = "account.payment"

    call_bounced_on = fields.Date(string="Bounced On", readonly=True, copy=False, tracking=True)
    call_bounce_reason = fields.Char(string="Why It Bounced", readonly=True, copy=False)

    def action_call_bounced(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Bounced Payment"),
            "res_model": "call.payment.bounce",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_payment_id": self.id},
        }

    def _bounce(self, reason, tell_client):
        """Undo the payment and open its invoices again. Rejecting it, as Odoo does, would leave them paid.

        :raise UserError: it is no money of a client that came in
        """
        self.ensure_one()
        self.lock_for_update()
        if self.payment_type != "inbound" or self.state not in ("in_process", "paid"):
            raise UserError(self.env._("Only a posted payment of a client can bounce."))
        invoices = self.reconciled_invoice_ids
        self.action_draft()
        self.action_cancel()
        self.write({"call_bounced_on": fields.Date.context_today(self), "call_bounce_reason": reason})
        note = self.env._("The payment %(payment)s of %(amount)s bounced: %(reason)s. What it paid is open again.",
                          payment=self.memo or self.name, amount=self.currency_id.format(self.amount), reason=reason)  # fmt: skip
        for invoice in invoices:
            invoice._message_log(body=note)
        if tell_client and invoices:
            template = self.env.ref("call_center_billing.mail_template_payment_bounced")
            invoices[0].with_context(call_payment=self, call_invoices=invoices).message_post_with_source(
                template, message_type="comment", subtype_xmlid="mail.mt_note"
            )
        return invoices
