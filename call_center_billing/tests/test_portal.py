from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from .asterisk import row
from .common import DECEMBER, TODAY, CallBillingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPortal(HttpCase, CallBillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client_user = cls.make_portal_user(cls.client, "client_user")
        cls.make_portal_user(cls.env["res.partner"].create({"name": "Stranger Ltd"}), "stranger_user")
        cls.import_text(row(talk=61, caller="<b>x</b>"), row(talk=0, disposition="BUSY"))
        cls.move = cls.contract._bill_periods(cls.env["contract.contract"]._fields["date"].to_date("2026-11-01"))
        cls.move.action_post()
        cls.statement = cls.move.call_statement_ids

    def get(self, url, login="client_user"):
        self.authenticate(login, login)
        return self.url_open(url)

    def test_a_client_finds_its_statement_with_every_call(self):
        self.assertIn("10/01/2026 - 10/31/2026", self.get("/my/statements").text)
        page = self.get(f"/my/statements/{self.statement.id}").text
        for words in ("Answering, Inbound calls", ">1.80<", "2026-10-05 10:00:00", "&lt;b&gt;x&lt;/b&gt;"):
            self.assertIn(words, page.replace("\xa0", " "))

    def test_a_charge_opens_its_own_calls(self):
        page = self.get(f"/my/statements/{self.statement.id}?charge={self.statement.charge_ids.id}").text
        self.assertIn("Show all calls", page)
        self.assertEqual(page.count("2026-10-05 10:00:00"), 1)
        self.assertIn("2026-10-05", self.get(f"/my/statements/{self.statement.id}?charge=1%20OR%201=1").text)

    def test_a_client_sees_what_a_call_is_charged_and_why(self):
        self.plan.allowance_ids = [
            Command.create({"name": "included minutes", "quantity": 2, "unit": "minute", "date_start": "2026-11-01"})
        ]
        self.import_text(*(row(start=f"2026-11-02 1{hour}:00:00", talk=61) for hour in range(2)))
        self.contract._bill_periods(DECEMBER).action_post()
        statement = self.contract.call_statement_ids.filtered(lambda s: s.date_start.month == 11)
        calls = self.env["call.usage.line"].with_user(self.client_user).search([("statement_id", "=", statement.id)])
        self.assertEqual(sorted(calls.mapped("charged_amount")), [0, 1.8])
        page = self.get(f"/my/statements/{statement.id}").text
        for words in (
            "Inbound calls, included minutes",
            "1.8000",
            "Why this price",
            ">included</span>",
            "120 s of it are included in",
        ):
            self.assertIn(words, page.replace("\xa0", " ").replace("&#39;", "'"))

    def test_a_credited_invoice_keeps_its_calls_for_the_client(self):
        self.move._reverse_moves([{"call_usage": "again"}], cancel=True)
        self.contract._bill_periods(self.env["contract.contract"]._fields["date"].to_date("2026-11-01")).action_post()
        pages = self.get("/my/statements").text
        self.assertEqual((pages.count(">Credited</span>"), pages.count(">Invoiced</span>")), (1, 1))
        for move in (self.move, self.contract.call_statement_ids.invoice_id - self.move):
            page = self.get(f"/my/statements/{move.call_statement_ids.id}?charge={move.invoice_line_ids.call_charge_id.id}").text
            self.assertEqual(page.count("2026-10-05 10:00:00"), 1)

    def test_a_paid_statement_says_so(self):
        self.env["account.payment.register"].with_context(active_model="account.move", active_ids=self.move.ids).create(
            {}
        )._create_payments()
        self.assertIn(">Paid</span>", self.get(f"/my/statements/{self.statement.id}").text)

    def test_downloads(self):
        csv = self.get(f"/my/statements/{self.statement.id}/csv")
        self.assertEqual(csv.headers["Content-Type"], "text/csv; charset=utf-8")
        self.assertEqual(csv.text.count("2026-10-05"), 2)
        workbook = self.get(f"/my/statements/{self.statement.id}/xlsx")
        self.assertEqual((workbook.content[:2], int(workbook.headers["Content-Length"])), (b"PK", len(workbook.content)))
        pdf = self.get(f"/my/statements/{self.statement.id}/pdf")
        self.assertIn("attachment", pdf.headers["Content-Disposition"])

    def test_another_client_gets_none_of_it(self):
        for url in ("", "/csv", "/xlsx", "/pdf", "/page/2", "?charge=1"):
            with self.subTest(url):
                page = self.get(f"/my/statements/{self.statement.id}{url}", "stranger_user")
                self.assertTrue(page.url.endswith("/my/statements"), page.url)
                self.assertNotIn("2026-10-05", page.text)
        for kind in ("csv", "xlsx"):
            answer = self.get(f"/call_center_billing/statement/{self.statement.id}/{kind}", "stranger_user")
            self.assertEqual(answer.status_code, 404)
        self.assertIn("There is no statement yet", self.get("/my/statements", "stranger_user").text)

    def test_without_login_there_is_the_login_page(self):
        self.authenticate(None, None)
        self.assertIn("/web/login", self.url_open(f"/my/statements/{self.statement.id}/csv").url)

    def test_invoice_and_home_lead_to_the_statement(self):
        self.assertIn(f"/my/statements/{self.statement.id}", self.get(self.move.get_portal_url()).text)
        self.assertIn("/my/statements", self.get("/my/home").text)
