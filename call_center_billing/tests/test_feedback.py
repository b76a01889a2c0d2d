from datetime import date
from unittest.mock import patch

from freezegun import freeze_time

from odoo import http
from odoo.tests import HttpCase, tagged

from .asterisk import row
from .common import NOVEMBER, TODAY, CallBillingCommon

ASKED = "2026-11-09 08:00:00"


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestFeedback(HttpCase, CallBillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch.object(cls.registry["ir.cron"], "_commit_progress", return_value=60))
        cls.client_user = cls.make_portal_user(cls.client, "client_user")
        cls.make_portal_user(cls.env["res.partner"].create({"name": "Stranger Ltd"}), "stranger_user")
        cls.import_text(row(talk=61))
        cls.move = cls.contract._bill_periods(NOVEMBER)
        cls.move.invoice_date = date(2026, 11, 5)
        cls.move.action_post()
        cls.statement = cls.move.call_statement_ids

    def requests(self):
        return self.statement.message_ids.filtered(lambda message: "How was our service" in (message.body or ""))

    @freeze_time(ASKED)
    def test_a_client_is_asked_once_some_days_after_the_invoice(self):
        with freeze_time("2026-11-07"):
            self.env["call.statement"]._cron_ask_feedback()
            self.assertFalse(self.requests())
        for _time in range(2):
            self.env["call.statement"]._cron_ask_feedback()
            self.assertEqual(len(self.requests()), 1)
        self.assertIn("/rate/", self.requests().body)

    @freeze_time(ASKED)
    def test_who_is_not_to_be_asked_is_not(self):
        for record, values in ((self.contract, {"ask_feedback": False}), (self.env.company, {"call_feedback_days": 0})):
            with self.subTest(values):
                record.write(values)
                self.env["call.statement"]._cron_ask_feedback()
                self.assertFalse(self.requests())
                record.write({"ask_feedback": True} if "ask_feedback" in values else {"call_feedback_days": 3})
        self.move.button_draft()
        self.env["call.statement"]._cron_ask_feedback()
        self.assertFalse(self.requests())

    @freeze_time("2027-03-01 08:00:00")
    def test_nobody_is_asked_about_long_ago(self):
        self.env["call.statement"]._cron_ask_feedback()
        self.assertFalse(self.requests())

    def test_opening_a_link_answers_nothing_and_sending_does(self):
        token = self.statement._rating_get_access_token()
        self.authenticate(None, None)
        self.assertIn("feedback", self.url_open(f"/rate/{token}/1").text)
        self.assertFalse(self.statement.is_rated)
        self.url_open(
            f"/rate/{token}/submit_feedback", data={"rate": 5, "feedback": "Fine", "csrf_token": http.Request.csrf_token(self)}
        )
        self.assertEqual((self.statement.rating_last_value, self.statement.rating_last_feedback), (5, "Fine"))
        self.assertFalse(self.statement.activity_ids)

    def test_a_poor_rating_is_somebodys_to_look_at_once(self):
        self.contract.user_id = self.env.user
        for _time in range(2):
            rating = self.env["rating.rating"].browse()
            self.statement.rating_apply(1, token=self.statement._rating_get_access_token(), feedback="Too slow", rating=rating)
        self.assertEqual(self.statement.activity_ids.user_id, self.env.user)
        self.assertEqual(len(self.statement.activity_ids), 1)
        self.assertTrue(self.statement.is_rated)

    def test_a_client_answers_from_the_statement_and_others_cannot(self):
        for login, reached in (("client_user", True), ("stranger_user", False)):
            with self.subTest(login):
                self.authenticate(login, login)
                response = self.url_open(f"/my/statements/{self.statement.id}/rate/3")
                self.assertEqual("/rate/" in response.url, reached)
        self.assertEqual(self.statement.sudo().rating_ids.partner_id, self.client)
