from calendar import monthrange
from datetime import timedelta

from odoo import models


class CreditControlPolicy(models.Model):
    _inherit = "credit.control.policy"

    def _get_move_lines_to_process(self, credit_control_run):
        """What is disputed, promised or not to be chased is left out of a run."""
        lines = super()._get_move_lines_to_process(credit_control_run)
        return lines._chased(credit_control_run.date)


class CreditControlPolicyLevel(models.Model):
    _inherit = "credit.control.policy.level"

    def _get_level_move_lines(self, controlling_date, lines):
        """A level follows on one that was sent, not on one that waits, failed, or is a letter that nobody printed."""
        found = super()._get_level_move_lines(controlling_date, lines)
        return found.filtered(lambda line: not line._last_reminder()._is_unsent())

    def _due_from(self, line, last):
        """First day of this level for a receivable: what OCA asks in SQL, for one line.

        :param last: its last reminder, or none
        """
        self.ensure_one()
        since = last.date if self.computation_mode == "previous_date" and last else line.date_maturity
        day = since + timedelta(days=self.delay_days)
        return day.replace(day=monthrange(day.year, day.month)[1]) if self.computation_mode == "end_of_month" else day

    def _is_last(self):
        self.ensure_one()
        return self == self.policy_id.level_ids.sorted("level")[-1:]
