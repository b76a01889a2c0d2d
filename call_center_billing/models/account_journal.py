from odoo import models


class AccountJournal(models.Model):
    _inherit = "account.journal"

    def action_match_payments(self):
        """Match the bank lines of this journal that are open, but those that were undone by hand; the newest batch now, others within
        a minute by the scheduled job."""
        self.ensure_one()
        self.check_access("read")
        Line = self.env["account.bank.statement.line"]
        Line.check_access("write")
        domain = [("journal_id", "=", self.id), ("is_reconciled", "=", False), ("amount", ">", 0), ("state", "=", "posted")]
        lines = Line.search([*domain, "|", ("call_match", "=", False), ("call_match", "!=", "undone")])
        now, later = lines[:300], lines[300:]
        if later:
            later.call_match = "waiting"
            self.env.ref("call_center_billing.call_match_cron").sudo()._trigger()
        return now.action_match_payments()
