from odoo import api, models
from odoo.exceptions import UserError

from .call_job import tried_again


class CallImport(models.Model):
    """Each file that waits is a job."""

    _inherit = "call.import"

    def _enqueue(self):
        self.env["call.job"]._settle(self)
        return super()._enqueue()

    @api.model
    def _cron_import(self):
        Job = self.env["call.job"]
        if not Job._is_running():
            return super()._cron_import()
        waiting = self.search([("state", "in", ("waiting", "running"))], order="id")
        return Job._hand_over(waiting, "_import_as_job", lambda each: self.env._("Import of %s", each.display_name))

    def _import_as_job(self):
        """The job commits: each part of the file by itself, see :meth:`_import`."""
        if self.exists() and self.state in ("waiting", "running", "failed"):
            with tried_again(self.env):
                self._import(commit=True)

    def _import_job_failed(self, exc_name=None, exc_message=None, **_details):
        """Whoever looks at the import is told, not only who looks at the jobs."""
        if self.exists():
            self._fail(UserError(f"{exc_name}: {exc_message}"))

    def _finish(self):
        res = super()._finish()
        self.env["call.job"]._settle(self)
        return res
