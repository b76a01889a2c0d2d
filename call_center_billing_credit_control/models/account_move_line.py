from collections import defaultdict
from typing import NamedTuple

from odoo import fields, models


class Asked(NamedTuple):
    """What is asked for of one receivable, in its currency: ``now`` = ``open`` - ``disputed`` - ``credit``."""

    open: float = 0.0
    disputed: float = 0.0
    credit: float = 0.0
    now: float = 0.0


class AccountMoveLine(models.Model):
    """What a client is asked for: what is open, less what is contested of it, less what the client has as credit.

    Both count for what is due first, so that never more is asked for than is owed beyond doubt. It is calculated, never kept.
    """

    _inherit = "account.move.line"

    def _asked(self):
        """
        :return: dict of receivable line -> :class:`Asked`, for all that is open of the clients of these lines
        """
        # The credit of a client counts for all of its receivables, so all of them are looked at.
        lines = self.sudo().search(
            [
                ("partner_id", "in", self.partner_id.ids),
                ("company_id", "in", self.company_id.ids),
                ("account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
                ("reconciled", "=", False),
            ],
            order="date_maturity, id",
        )
        disputed = defaultdict(float, lines.move_id._disputed_amounts())
        credit = defaultdict(float)
        for line in lines.filtered(lambda each: each.amount_residual_currency < 0):
            credit[line._credit_key()] -= line.amount_residual_currency
        asked = {}
        for line in lines.filtered(lambda each: each.amount_residual_currency > 0):
            left, invoice, key = line.amount_residual_currency, line.move_id, line._credit_key()
            contested = min(left, disputed[invoice])
            used = min(left - contested, credit[key])
            disputed[invoice] -= contested
            credit[key] -= used
            asked[line] = Asked(*map(line.currency_id.round, (left, contested, used, left - contested - used)))
        return asked

    def _credit_key(self):
        """Credit is used for receivables of the same client, company and currency."""
        return self.partner_id, self.company_id, self.currency_id

    def _chased(self, day=None, in_spite_of_promises=False):
        """Those of these lines that reminders ask for: something is left that is not contested, nobody promised to pay it, and nobody
        chose not to chase it.

        :param day: day of the reminder; today
        """
        day, asked = day or fields.Date.today(), self._asked()
        paused = {} if in_spite_of_promises else self.move_id._paused_until(day)

        def is_chased(line):
            least = max(line.company_id.credit_control_tolerance, line.currency_id.rounding)
            left_alone = line.no_followup or line.move_id in paused or line._reminder_policy().do_nothing
            return not left_alone and asked.get(line, Asked()).now >= least

        return self.filtered(is_chased)

    def _reminder_policy(self):
        self.ensure_one()
        line = self.sudo()
        return line.move_id.credit_policy_id or line.partner_id.credit_policy_id or line.company_id.credit_policy_id

    def _receivables(self):
        """Open receivables among these lines."""
        return self.filtered(
            lambda line: (
                line.account_type == "asset_receivable"
                and line.parent_state == "posted"
                and not line.reconciled
                and line.amount_residual_currency > 0
            )
        )

    def _last_reminder(self):
        """The last one of this line that counts: a draft, or one that was dropped, does not."""
        self.ensure_one()
        reminders = self.sudo().move_id.credit_control_line_ids.filtered(lambda each: each.move_line_id == self)
        return reminders._counted().sorted("id")[-1:]

    def _next_reminder(self):
        """
        :return: the level that comes next and the day from which it is due; no level, and None, after the last one
        """
        last = self._last_reminder()
        level = self._reminder_policy().level_ids.filtered(lambda each: each.level > last.level)[:1]
        return level, level._due_from(self, last) if level else None
