import base64
from unittest.mock import patch

from odoo import SUPERUSER_ID

from odoo.addons.call_center_billing.tests.common import CallBillingCommon
from odoo.addons.queue_job.exception import RetryableJobError
from odoo.addons.queue_job.job import Job


class JobCase(CallBillingCommon):
    """The queue runs; its jobs are done by ``work``, as a node does them but for its commits."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch.object(cls.registry["call.job"], "_is_running", return_value=True))
        cls.startClassPatcher(patch.object(cls.registry["ir.cron"], "_commit_progress", return_value=60))
        cls.startClassPatcher(patch.object(cls.registry["queue.job.function"], "job_config", cls._config_without_commit))
        cls.env["contract.contract"].search([("id", "!=", cls.contract.id)]).contract_line_ids.is_canceled = True

    @staticmethod
    def _config_without_commit(functions, name):
        config = functions.search([("name", "=", name)])
        return functions.job_default_config()._replace(
            channel=config.channel,
            retry_pattern=config._parse_retry_pattern(),
            on_fail_method_name=config.on_fail_method,
            job_function_id=config.id,
        )

    def waiting_import(self, *rows, name="Master.csv"):
        values = {"source_id": self.source.id, "name": name, "file": base64.b64encode("".join(rows).encode())}
        record = self.env["call.import"].create(values)
        record._enqueue()
        return record

    def cron(self, model, name):
        getattr(self.env[model].with_user(SUPERUSER_ID), name)()

    def jobs(self):
        """Ours, as the list shows them."""
        self.env["call.job"].invalidate_model()
        return self.env["call.job"].search([], order="id")

    def states(self):
        return sorted(self.jobs().mapped("state"))

    def batches(self):
        return self.jobs().filtered(lambda job: job.method == "_bill_as_job")

    def work(self):
        """Do what waits, and then what waited for that."""
        while pending := self.jobs().filtered(lambda job: job.state == "pending" and not job.next_at):
            for job in pending:
                self.do(job)

    def do(self, job):
        env = self.env["base"].with_user(SUPERUSER_ID).env
        job = Job.load(env, env["queue.job"].browse(job.id).uuid)
        job.set_started()
        try:
            with self.env.cr.savepoint():
                job.perform()
            job.set_done()
        except RetryableJobError as error:
            job.postpone(result=str(error), seconds=error.seconds)
            job.set_pending(reset_retry=False)
        except Exception as error:
            reason = {"exc_name": type(error).__name__, "exc_message": str(error)}
            job.set_failed(**reason)
            job.on_fail(reason)
        job.store()
        self.env.flush_all()
        job.enqueue_waiting()
        self.env.flush_all()
