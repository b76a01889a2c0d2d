from odoo import models
from odoo.tools import html2plaintext


class AccountPaymentTerm(models.Model):
    _inherit = "account.payment.term"

    def _agreed_text(self):
        """The terms as an agreement says them: their name, and what invoices print where that says more."""
        note = html2plaintext(self.note or "").strip()
        return self.name if self.name in note or not note else f"{self.name}: {note}"
