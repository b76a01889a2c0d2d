from odoo import models


class AccountBankStatementLine(models.Model):
    """Leaves the matching on references to Call Center Billing."""

    _inherit = "account.bank.statement.line"

    def _do_auto_reconcile_invoices(self):
        """OCA looks for invoices whose reference contains the whole label of a line, so that "1" or "%" matches by chance, and
        reconciles one by one, in time that grows with the square of the lines. Its rule models still work.

        :return: lines to do, lines done
        """
        return self, self.browse()

    def _match_payments(self):
        """What OCA has prepared for its widget is out of date once a line is matched."""
        matched = super()._match_payments()
        matched.reconcile_data = False
        return matched
