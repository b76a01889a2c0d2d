from odoo import models

from odoo.addons.queue_job.delay import group

from .call_job import tried_again

CONTRACTS_A_JOB = 20
"""Some seconds of work, which is what a node that ends loses."""


class CallBillingRun(models.Model):
    """Each batch of contracts of a run is a job; when all are done, another one ends the run.

    What a batch bills and what its lines say is one transaction: a job that was killed did nothing, one that comes twice finds nothing
    that waits.
    """

    _inherit = "call.billing.run"

    def _leave_to_job(self):
        self.env["call.job"]._settle(self)
        return super()._leave_to_job()

    def _go_on_as_job(self):
        Job = self.env["call.job"]
        if not Job._is_running():
            return super()._go_on_as_job()
        for run in Job._without(self):
            jobs = []
            for contracts in run._to_do().contract_id._batches(CONTRACTS_A_JOB):
                text = self.env._("%(run)s: %(count)s contracts", run=run.display_name, count=len(contracts))
                jobs.append(Job._prepared(run, text)._bill_as_job(contracts.ids))
            end = Job._prepared(run, self.env._("%s: end", run.display_name))._end_as_job()
            (group(*jobs).on_done(end) if jobs else end).delay()
        return None

    def _bill_as_job(self, contract_ids):
        """Preview or bill some contracts, as the run says."""
        if not self.exists() or self.state not in ("preparing", "running"):
            return
        with tried_again(self.env):
            lines = self._to_do().filtered(lambda line: line.contract_id.id in contract_ids)
            if self.state == "preparing":
                lines._preview()
            elif lines:
                self._bill(lines.contract_id)

    def _end_as_job(self):
        if self.exists() and self.state in ("preparing", "running"):
            with tried_again(self.env):
                self._finish()
