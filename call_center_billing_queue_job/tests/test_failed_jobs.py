from unittest.mock import patch

from freezegun import freeze_time
from psycopg2.errors import SerializationFailure

from odoo.exceptions import AccessError, LockError
from odoo.tests import new_test_user, tagged

from odoo.addons.call_center_billing.tests.asterisk import row
from odoo.addons.call_center_billing.tests.common import TODAY

from ..models.call_job import TRIES
from .job_case import JobCase


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestFailedJobs(JobCase):
    """What is busy is tried again, some times; what failed waits for somebody, with what it belongs to."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accountant = new_test_user(cls.env, "job_accountant", groups="call_center_billing.group_accountant")

    def attempt(self, error):
        """An import as a job, which meets an error."""
        record = self.waiting_import(row())
        self.cron("call.import", "_cron_import")
        with patch.object(self.registry["call.import"], "_import", side_effect=error):
            self.do(self.jobs())
        return record, self.jobs()

    def test_what_is_busy_is_tried_again_later(self):
        for error in (LockError("busy"), SerializationFailure("could not serialize"), OSError("No space left")):
            with self.subTest(type(error).__name__):
                record, job = self.attempt(error)
                self.assertEqual((record.state, job.state, job.tries), ("waiting", "pending", 1))
                self.assertTrue(job.next_at)
                self.assertIn(str(error), job.reason)
                self.env["queue.job"].sudo().browse(job.id).unlink()
                record.unlink()

    def test_it_is_not_tried_for_ever(self):
        record, job = self.attempt(LockError("busy"))
        with patch.object(self.registry["call.import"], "_import", side_effect=LockError("busy")):
            for _time in range(TRIES - 1):
                self.do(job)
        self.assertEqual((self.jobs().state, self.jobs().tries), ("failed", TRIES))
        self.assertEqual(record.state, "failed")
        self.assertIn("busy", record.message)

    def test_a_failed_job_tells_why_and_what_it_belongs_to(self):
        record, job = self.attempt(ValueError("Not a date"))
        self.assertEqual((job.state, job.record_name, job.reason), ("failed", record.display_name, "Not a date"))
        self.assertEqual((job.action_open()["res_model"], job.action_open()["res_id"]), ("call.import", record.id))
        self.assertIn("Not a date", record.message)

    def test_no_scheduled_job_makes_another_one_for_what_failed(self):
        record, _job = self.attempt(ValueError("Not a date"))
        record.state = "waiting"
        self.cron("call.import", "_cron_import")
        self.assertEqual(self.states(), ["failed"])

    def test_an_accountant_tries_again(self):
        record, job = self.attempt(ValueError("Not a date"))
        job.with_user(self.accountant).action_retry()
        self.assertEqual(self.states(), ["pending"])
        self.work()
        self.assertEqual((record.state, self.states()), ("done", ["done"]))

    def test_what_is_done_by_hand_is_no_failed_job_any_more(self):
        record, _job = self.attempt(ValueError("Not a date"))
        record.action_import()
        self.assertEqual((record.state, self.states()), ("done", ["cancelled"]))

    def test_what_need_not_be_done_is_set_aside(self):
        _record, job = self.attempt(ValueError("Not a date"))
        job.with_user(self.accountant).action_set_aside()
        self.assertEqual(self.states(), ["cancelled"])

    def test_a_batch_that_fails_holds_the_end_of_its_run_until_it_is_tried_again(self):
        self.import_text(row(talk=61))
        run = self.env["call.billing.run"].create({"state": "running"})
        run._list_contracts()
        self.cron("call.billing.run", "_cron_run")
        with patch.object(self.registry["call.billing.run"], "_bill", side_effect=ValueError("Broken")):
            self.work()
        self.assertEqual((run.state, self.states()), ("running", ["failed", "wait_dependencies"]))
        self.batches().action_retry()
        self.work()
        self.assertEqual((run.state, run.move_count), ("done", 1))

    def test_only_accountants_of_the_company_see_and_retry(self):
        _record, job = self.attempt(ValueError("Not a date"))
        other = self.env["res.company"].create({"name": "Other"})
        elsewhere = {"company_id": other.id, "company_ids": [(6, 0, other.ids)]}
        group = "call_center_billing.group_"
        for user in (
            new_test_user(self.env, "job_sales", groups=f"{group}sales"),
            new_test_user(self.env, "job_elsewhere", groups=f"{group}accountant", **elsewhere),
        ):
            with self.subTest(user.login), self.assertRaises(AccessError):
                job.with_user(user).with_context(allowed_company_ids=user.company_ids.ids).action_retry()
        self.assertEqual(self.states(), ["failed"])
