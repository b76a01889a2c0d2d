from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

LONGEST = timedelta(days=400)
"""How far back statements are told of: of longer contestation windows the last ones."""


class CallStatement(models.Model):
    """What the client does with a statement: reads it in time, pays its invoice, talks about it.

    Whoever is logged in reads it by the record rules. Its token goes out in mails to people who follow it, and opens the conversation,
    no call.
    """

    _name = "call.statement"
    _inherit = ["call.statement", "portal.mixin"]

    review_until = fields.Date(
        compute="_compute_review_until",
        help="Last day on which the client can dispute its calls: so many days after its invoice as the contract allows. Empty: no limit, "
        "or not invoiced.",
    )

    def _compute_access_url(self):
        for statement in self:
            statement.access_url = f"/my/statements/{statement.id}"

    @api.depends("state", "invoice_id.invoice_date", "contract_id.contestation_days")
    def _compute_review_until(self):
        for statement in self:
            days, invoice = statement.sudo().contract_id.contestation_days, statement.sudo().invoice_id
            limited = days and invoice.state == "posted" and statement.state in ("invoiced", "settled")
            statement.review_until = invoice.invoice_date + timedelta(days=days) if limited else False

    def _review_days(self):
        """Days that are left to dispute its calls, today included; 0 when they are over, None without a limit."""
        self.ensure_one()
        if not self.review_until:
            return None
        return max((self.review_until - fields.Date.context_today(self)).days + 1, 0)

    @api.model
    def _to_review(self):
        """Statements that the user can still dispute, those that end first before others."""
        domain = self.env.user._call_statement_domain() & Domain("state", "!=", "void")
        domain &= Domain("invoice_id", "any!", Domain("invoice_date", ">=", fields.Date.context_today(self) - LONGEST))
        return self.search(domain).filtered(lambda statement: statement._review_days()).sorted("review_until")

    def _pay_url(self):
        """Where Odoo lets the client pay the invoice; None where nothing is left to pay, or the user does not see it, such as one that is
        about other locations as well."""
        self.ensure_one()
        invoice = self.invoice_id
        if not invoice.has_access("read") or invoice.state != "posted" or invoice.payment_state not in ("not_paid", "partial"):
            return None
        # Odoo's page takes payments only of who comes with the invoice's token, also of who is logged in.
        return invoice.sudo().get_portal_url(query_string="&payment=True", anchor="portal_pay")

    def message_post(self, **kwargs):
        """What a client writes reaches the person who is responsible for the contract."""
        if self.env.user.share:
            self.check_access("read")
            statement = self.sudo()
            statement.message_subscribe((statement.contract_id.user_id or statement.invoice_id.invoice_user_id).partner_id.ids)
        return super().message_post(**kwargs)
