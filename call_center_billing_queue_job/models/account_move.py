from odoo import models
from odoo.exceptions import LockError

from .call_job import tried_again


class AccountMove(models.Model):
    """Each invoice that is to be sent in the background is a job, with its documents: the statement's PDF and file of calls, and the
    performance report."""

    _inherit = "account.move"

    def _cron_account_move_send(self, job_count=10):
        Job = self.env["call.job"]
        if not Job._is_running():
            return super()._cron_account_move_send(job_count)
        queued = self.search([("sending_data", "!=", False), ("state", "=", "posted")], order="id")
        return Job._hand_over(queued, "_send_as_job", lambda move: self.env._("Documents and mail of %s", move.display_name))

    def _send_as_job(self):
        """The job commits: what sends to a web service does so."""
        if not self.exists():
            return
        with tried_again(self.env):
            if not self.try_lock_for_update():
                raise LockError(self.env._("Somebody else works on this invoice"))
            if self.sending_data and self.state == "posted":
                self._send_queued()
