from odoo import api, models

from odoo.addons.call_center_billing.models.call_performance_report import SCHEDULES

from .call_job import tried_again


class CallPerformanceReport(models.Model):
    """The report of each contract that one is promised to is a job."""

    _inherit = "call.performance.report"

    @api.model
    def _cron_send(self):
        Job = self.env["call.job"]
        if not Job._is_running():
            return super()._cron_send()
        contracts = self.env["contract.contract"].search([("performance_schedule", "in", SCHEDULES)])
        due = contracts.browse(values["contract_id"] for values in contracts._performance_due())
        return Job._hand_over(due, "_report_as_job", lambda each: self.env._("Performance report of %s", each.display_name))


class ContractContract(models.Model):
    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    def _report_as_job(self):
        with tried_again(self.env):
            for values in self.exists()._performance_due():
                self.env["call.performance.report"]._report(values)
