from unittest.mock import patch

from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import config

from odoo.addons.call_center_billing.models import call_billing_run
from odoo.addons.call_center_billing.tests.asterisk import row
from odoo.addons.call_center_billing.tests.common import TODAY

from ..models import call_billing_run as batches
from ..models.call_job import CallJob
from ..wizards import call_rerate
from .job_case import JobCase


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestHandingOver(JobCase):
    """Scheduled jobs hand their work over, once, and it comes to the same."""

    def run_all(self, run):
        with patch.object(call_billing_run, "AT_ONCE", 0):
            run.action_run()
        self.cron("call.billing.run", "_cron_run")

    def test_a_file_that_waits_becomes_a_job_that_imports_it(self):
        record = self.waiting_import(row(), row(disposition="NO ANSWER", talk=0))
        self.cron("call.import", "_cron_import")
        self.assertEqual((record.state, self.jobs().name), ("waiting", "Import of Master.csv"))
        self.assertEqual(self.jobs().channel, "root.call_center.imports")
        self.work()
        self.assertEqual((record.state, record.accepted_count, self.states()), ("done", 2, ["done"]))

    def test_a_job_that_waits_or_works_gets_no_second_one(self):
        self.waiting_import(row())
        for state in ("pending", "enqueued", "started"):
            self.cron("call.import", "_cron_import")
            self.env["queue.job"].sudo().browse(self.jobs().ids).state = state
        self.cron("call.import", "_cron_import")
        self.assertEqual(self.states(), ["started"])

    def test_a_job_that_comes_twice_imports_once(self):
        record = self.waiting_import(row())
        self.cron("call.import", "_cron_import")
        self.work()
        self.do(self.jobs())
        self.assertEqual((record.read_count, len(self.calls(record))), (1, 1))

    def test_without_a_running_queue_the_scheduled_job_does_it_itself(self):
        record = self.waiting_import(row())
        with patch.object(self.registry["call.job"], "_is_running", return_value=False):
            self.cron("call.import", "_cron_import")
        self.assertEqual((record.state, self.states()), ("done", []))

    def test_the_queue_runs_where_the_server_loads_it(self):
        for modules, runs in ((["base", "web"], False), (["base", "web", "queue_job"], True)):
            with patch.dict(config.options, {"server_wide_modules": modules}):
                self.assertIs(CallJob._is_running(self.env["call.job"]), runs)

    def test_a_run_is_billed_in_batches_and_ends_with_the_last(self):
        self.import_text(row(talk=61))
        for number in range(3):
            self.make_contract(fee=10 + number, name=f"Fee {number}")
        run = self.env["call.billing.run"].create({})
        with patch.object(batches, "CONTRACTS_A_JOB", 2):
            self.run_all(run)
        self.assertEqual(self.states(), ["pending", "pending", "wait_dependencies"])
        self.work()
        self.assertEqual((run.state, run.invoiced_count, self.states()), ("done", 4, ["done"] * 3))
        self.assertEqual(sorted(run.line_ids.move_ids.mapped("amount_untaxed")), [1.8, 10, 11, 12])

    def test_a_batch_that_comes_twice_bills_once(self):
        self.import_text(row(talk=61))
        run = self.env["call.billing.run"].create({})
        self.run_all(run)
        self.work()
        run.state = "running"
        self.do(self.batches())
        self.assertEqual((run.move_count, self.contract.call_statement_ids.invoice_id.amount_untaxed), (1, 1.8))

    def test_a_run_is_prepared_by_jobs_as_well(self):
        self.import_text(row(talk=61))
        run = self.env["call.billing.run"].create({})
        with patch.object(call_billing_run, "AT_ONCE", 0):
            run.action_prepare()
        self.cron("call.billing.run", "_cron_run")
        self.work()
        self.assertEqual((run.state, run.line_ids.amount, run.move_count), ("draft", 1.8, 0))

    def test_an_invoice_is_sent_with_its_documents_once(self):
        self.client.email = "client@example.com"
        self.import_text(row(talk=61))
        move = self.bill()
        move.action_post()
        move.sending_data = {"author_user_id": self.env.uid, "author_partner_id": self.env.user.partner_id.id}
        self.cron("account.move", "_cron_account_move_send")
        self.assertEqual(self.jobs().record_name, move.display_name)
        self.work()
        self.do(self.jobs())
        self.assertTrue(move.call_statement_ids.file_attachment_id)
        self.assertEqual(len(move.message_ids.filtered(lambda each: each.partner_ids == self.client)), 1)

    def test_a_performance_report_goes_out_once(self):
        self.client.email = "client@example.com"
        self.contract.performance_schedule = "daily"
        for _time in range(2):
            self.cron("call.performance.report", "_cron_send")
            self.work()
        self.assertEqual(self.states(), ["done"])
        self.assertEqual(len(self.env["call.performance.report"].search([("sent_at", "!=", False)])), 1)

    def test_rating_many_calls_again_is_a_job_that_tells_who_asked(self):
        self.import_text(row(talk=61))
        self.plan.rule_ids.minute_price = 1.2
        wizard = self.env["call.rerate"].create({"plan_ids": [Command.set(self.plan.ids)]})
        with patch.object(call_rerate, "AT_ONCE", 0):
            wizard.action_apply()
            self.assertEqual(self.contract.call_statement_ids.usage_amount, 1.8)
            wizard.unlink()
            with patch.object(self.registry["res.users"], "_bus_send") as told:
                self.work()
        self.assertEqual(self.contract.call_statement_ids.usage_amount, 2.4)
        self.assertIn("1 of 1 calls", told.call_args.args[1]["message"])
