from odoo import models
from odoo.tools import html2plaintext


class AccountPaymentTerm(models.Model):
    _inherit = "account.payment.term"

    def _agreed_text(self):
        """The terms as an agreement says them: what invoices print, or their name."""
        return html2plaintext(self.note or "").strip() or self.name
