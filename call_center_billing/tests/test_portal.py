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

    def test_a_statement_tells_how_long_it_can_be_disputed_and_leads_to_payment(self):
        self.contract.contestation_days = 10
        self.assertEqual(str(self.move.invoice_date), "2026-11-01")
        page = self.get(f"/my/statements/{self.statement.id}").text.replace("\xa0", " ")
        for words in (
            "7 days are left",
            ">11/11/2026<",
            f"/my/invoices/{self.move.id}?access_token={self.move.access_token}&amp;payment=True#portal_pay",
            ">1.80<",
        ):
            self.assertIn(words, page)
        self.assertIn(">11/11/2026<", self.get("/my/statements").text)
        self.assertIn("The next one until 11/11/2026", self.get("/my/home").text)
        self.assertEqual(self.counters()["call_review_count"], 1)

    def test_when_the_time_to_dispute_is_over_the_page_says_so(self):
        self.contract.contestation_days = 10
        with freeze_time("2026-11-11 10:00:00"):
            self.assertIn("today is the last day", self.get(f"/my/statements/{self.statement.id}").text)
        with freeze_time("2026-11-12 10:00:00"):
            self.assertIn("ended on", self.get(f"/my/statements/{self.statement.id}").text)
            self.assertEqual(self.counters()["call_review_count"], 0)

    def counters(self):
        names = ["call_statement_count", "call_review_count", "call_usage_count"]
        return self.make_jsonrpc_request("/my/counters", {"counters": names})

    def test_home_counts_what_is_the_clients(self):
        self.authenticate("client_user", "client_user")
        self.assertEqual(self.counters(), {"call_statement_count": 1, "call_review_count": 1, "call_usage_count": 2})
        self.authenticate("stranger_user", "stranger_user")
        self.assertEqual(set(self.counters().values()), {0})

    def test_a_paid_statement_offers_no_payment(self):
        self.env["account.payment.register"].with_context(active_model="account.move", active_ids=self.move.ids).create(
            {}
        )._create_payments()
        self.assertNotIn("payment=True", self.get(f"/my/statements/{self.statement.id}").text)

    def post(self, statement, body):
        return self.make_jsonrpc_request_raw(
            "/mail/message/post",
            {
                "thread_model": "call.statement",
                "thread_id": statement.id,
                "post_data": {"body": body, "message_type": "comment", "subtype_xmlid": "mail.mt_comment"},
            },
        )

    def make_jsonrpc_request_raw(self, url, params):
        return self.url_open(url, json={"jsonrpc": "2.0", "params": params, "method": "call", "id": 1}).json()

    def test_a_client_writes_to_the_person_who_is_responsible(self):
        self.contract.user_id = self.env.user
        self.authenticate("client_user", "client_user")
        self.assertIn("result", self.post(self.statement, "What is <b>this</b> call? <script>alert(1)</script>"))
        message = self.statement.message_ids[0]
        self.assertEqual(message.author_id, self.client)
        self.assertNotIn("<script", message.body)
        self.assertIn(self.env.user.partner_id, message.notified_partner_ids)
        messages = self.make_jsonrpc_request_raw(
            "/mail/chatter_fetch", {"thread_model": "call.statement", "thread_id": self.statement.id}
        )
        self.assertIn(message.id, messages["result"]["messages"])

    def test_another_client_neither_reads_nor_writes_there(self):
        message = self.statement.message_post(body="Our answer", subtype_xmlid="mail.mt_comment")
        self.authenticate("stranger_user", "stranger_user")
        self.assertIn("error", self.post(self.statement, "Hello"))
        messages = self.make_jsonrpc_request_raw(
            "/mail/chatter_fetch", {"thread_model": "call.statement", "thread_id": self.statement.id}
        )
        self.assertFalse(messages.get("result", {}).get("messages"))
        self.assertEqual(self.statement.message_ids[0], message)

    def test_an_accepted_agreement_is_linked(self):
        agreement = self.env["call.agreement"].create({"contract_id": self.contract.id})
        agreement.action_offer()
        agreement._accept(agreement.document_hash, "Dr. Client", without_signature=True)
        self.assertIn(f"/my/agreements/{agreement.id}", self.get(f"/my/statements/{self.statement.id}").text)

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
