from odoo import fields
from odoo.tests import HttpCase, tagged

from .asterisk import row
from .common import CallBillingCommon


@tagged("post_install", "-at_install")
class TestPortalTours(HttpCase, CallBillingCommon):
    """The client's ways through the portal in a real browser, at a desk."""

    browser_size = "1366x768"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contract.masked_digits = 4
        cls.contract.contestation_days = 3650
        cls.make_portal_user(cls.client, "tour_client")
        cls.import_text(row(talk=61), row(talk=200, caller="+4930777001234"))
        cls.bill(cls, cls.contract, fields.Date.to_date("2026-11-01")).action_post()

    def test_a_client_finds_a_call_and_reads_its_price(self):
        self.start_tour("/my/home", "call_center_billing_find_call", login="tour_client")

    def test_a_client_reviews_asks_and_pays(self):
        demo = self.env.ref("payment.payment_provider_demo").sudo()
        provider = demo.copy({"company_id": self.env.company.id, "state": "test", "is_published": True})
        provider.journal_id = self.company_data["default_journal_bank"]
        self.env["ir.config_parameter"].sudo().set_param("account_payment.enable_portal_payment", "True")
        self.start_tour("/my/home", "call_center_billing_pay", login="tour_client")
        self.env["payment.transaction"].sudo()._cron_post_process()
        self.assertIn(self.contract.call_statement_ids.invoice_id.payment_state, ("paid", "in_payment"))
        messages = self.contract.call_statement_ids.message_ids
        self.assertTrue(messages.filtered(lambda message: "What is this call?" in (message.body or "")))

    def test_a_client_looks_at_the_numbers(self):
        today = fields.Date.context_today(self.contract.with_context(tz="Europe/Berlin"))
        self.contract._fit_statements()
        self.import_text(row(start=f"{today} 00:00:01", talk=60))
        self.start_tour("/my/home", "call_center_billing_dashboard", login="tour_client")

    def test_a_client_disputes_two_calls(self):
        self.start_tour("/my/home", "call_center_billing_dispute", login="tour_client")
        self.assertEqual(len(self.contract.call_statement_ids.dispute_ids.line_ids), 2)

    def test_a_client_compares_its_own_list(self):
        self.start_tour("/my/home", "call_center_billing_own_list", login="tour_client")
        line = self.contract.call_statement_ids.dispute_ids.line_ids
        self.assertEqual(line.usage_id.caller, "+4930777001234")

    def test_a_client_says_how_the_period_was(self):
        self.start_tour("/my/home", "call_center_billing_feedback", login="tour_client")
        statement = self.contract.call_statement_ids.filtered("is_rated")
        self.assertEqual((statement.rating_last_value, statement.rating_last_feedback), (5, "Friendly and quick"))


@tagged("post_install", "-at_install")
class TestPortalToursOnPhone(TestPortalTours):
    """The same ways on a phone."""

    browser_size = "390x844"
    touch_enabled = True
