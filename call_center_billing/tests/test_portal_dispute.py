from freezegun import freeze_time

from odoo import http
from odoo.tests import HttpCase, tagged

from .asterisk import PHONE, row
from .common import NOVEMBER, TODAY, CallBillingCommon

LIST = "Date,Number,Duration\n05.10.2026 10:00:30,0170 5550111,{first}\n05.10.2026 12:00:00,0170 5550111,61\n"


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPortalDispute(HttpCase, CallBillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client_user = cls.make_portal_user(cls.client, "client_user")
        cls.make_portal_user(cls.env["res.partner"].create({"name": "Stranger Ltd"}), "stranger_user")
        cls.import_text(row(talk=61), row(start="2026-10-05 11:00:00", talk=61))
        cls.move = cls.contract._bill_periods(NOVEMBER)
        cls.move.action_post()
        cls.statement = cls.move.call_statement_ids
        cls.usage = cls.env["call.usage.line"].search([("statement_id", "=", cls.statement.id)], order="start_at")
        cls.reason = cls.env["call.dispute.reason"].search([], limit=1)

    def setUp(self):
        super().setUp()
        self.authenticate("client_user", "client_user")

    def post(self, url, data, files=None):
        return self.url_open(url, data={"csrf_token": http.Request.csrf_token(self), **data}, files=files)

    def disputes(self):
        return self.env["call.dispute"].search([("statement_id", "=", self.statement.id)])

    def send(self, *calls, charge=None, **values):
        data = {
            "step": "send",
            "reason": self.reason.id,
            "comment": "<b>Not us</b>",
            "call": [call.id for call in calls],
            **values,
        }
        return self.post("/my/disputes/new", data | ({"charge": charge.id} if charge else {}))

    def test_a_client_ticks_calls_and_disputes_them(self):
        page = self.url_open(f"/my/statements/{self.statement.id}").text
        self.assertEqual(page.count('form="dispute_calls"'), 2)
        page = self.url_open(f"/my/disputes/new?call={self.usage[0].id}").text
        self.assertIn(self.reason.name, page)
        page = self.send(self.usage[0]).text
        dispute = self.disputes()
        self.assertEqual((dispute.line_ids.usage_id, dispute.raised_by_id), (self.usage[0], self.client))
        for words in ("We have got your dispute", dispute.name, "&lt;b&gt;Not us"):
            self.assertIn(words, page)
        self.assertIn(dispute.name, self.url_open("/my/disputes").text)
        self.assertIn(dispute.name, self.url_open(f"/my/statements/{self.statement.id}").text)

    def test_a_whole_charge_with_a_file(self):
        charge = self.statement.charge_ids.filtered("amount")[:1]
        data = {"step": "send", "reason": self.reason.id, "comment": "See the list", "charge": charge.id}
        self.post("/my/disputes/new", data, files=[("attachment", ("calls.csv", b"a,b\n"))])
        self.assertEqual(self.disputes().line_ids.charge_id, charge)
        self.assertEqual(self.disputes().message_ids.attachment_ids.mapped("name"), ["calls.csv"])

    def test_what_cannot_be_disputed_says_why(self):
        self.assertIn("Choose the reason", self.send(self.usage[0], reason="").text)
        self.send(self.usage[0])
        self.assertIn("already", self.send(self.usage[0]).text)
        self.assertEqual(len(self.disputes()), 1)
        with freeze_time("2027-01-10 10:00:00"):
            self.authenticate("client_user", "client_user")
            self.assertIn("could be disputed until", self.send(self.usage[1]).text)
            self.assertNotIn("dispute_calls", self.url_open(f"/my/statements/{self.statement.id}").text)

    def test_a_client_withdraws_what_is_not_decided(self):
        self.send(self.usage[0])
        page = self.post(f"/my/disputes/{self.disputes().id}/withdraw", {"reason": "It was us"}).text
        self.assertIn("The dispute is withdrawn", page)
        self.assertEqual(self.disputes().state, "withdrawn")
        self.assertIn("decided already", self.post(f"/my/disputes/{self.disputes().id}/withdraw", {}).text)

    def test_others_reach_neither_calls_nor_disputes(self):
        self.send(self.usage[0])
        dispute = self.disputes()
        self.authenticate("stranger_user", "stranger_user")
        self.assertTrue(self.send(self.usage[1]).url.endswith("/my/statements"))
        self.assertTrue(self.url_open(f"/my/disputes/new?call={self.usage[1].id}").url.endswith("/my/statements"))
        for url in (f"/my/disputes/{dispute.id}", f"/my/statements/{self.statement.id}/own-list"):
            self.assertNotIn(self.client.name, self.url_open(url).text)
        self.post(f"/my/disputes/{dispute.id}/withdraw", {})
        self.assertEqual((len(self.disputes()), dispute.state), (1, "new"))
        self.authenticate(None, None)
        self.assertIn("/web/login", self.url_open(f"/my/disputes/{dispute.id}").url)

    def compare(self, content, **values):
        files = [("list", ("mine.csv", content.encode()))]
        return " ".join(self.post(f"/my/statements/{self.statement.id}/own-list", values, files=files).text.split())

    def test_the_own_list_beside_ours(self):
        page = self.compare(LIST.format(first=20), date_order="dmy")
        for words in (
            "<strong>0</strong> calls are the same",
            "<strong>1</strong> have another duration",
            "<strong>1</strong> are on the statement only",
            "<strong>1</strong> on your list only",
        ):
            self.assertIn(words, page)
        self.assertIn(f'name="call" value="{self.usage[0].id}"', page)
        self.assertIn(f'name="extra" value="{self.usage[1].id}"', page)
        page = self.compare(LIST.format(first=66), date_order="dmy", seconds_tolerance="10")
        self.assertIn("<strong>1</strong> calls are the same", page)

    def test_what_differs_becomes_lines_of_a_dispute(self):
        entry = "2026-10-05T10:00:00|61|0170 5550111"
        data = {"step": "send", "reason": self.reason.id, "statement": self.statement.id, "missing": [entry, "nonsense"]}
        self.post("/my/disputes/new", data | {"call": self.usage[0].id, "extra": self.usage[1].id})
        lines = self.disputes().line_ids.sorted("kind")
        self.assertEqual(lines.mapped("kind"), ["call", "extra", "missing"])
        self.assertEqual((lines[2].number, lines[2].seconds), ("0170 5550111", 61))

    def test_the_columns_are_said_once(self):
        content = "When;Who;How long\n2026-10-05 10:00:00;01705550111;66\n"
        page = self.compare(
            content, column_start="When", column_caller="Who", column_total_seconds="How long", seconds_tolerance="10"
        )
        self.assertIn("<strong>1</strong> calls are the same", page)
        page = self.url_open(f"/my/statements/{self.statement.id}/own-list").text
        self.assertIn('value="How long"', page)
        self.assertIn("has no column &#39;Nope&#39;", self.compare(content, column_start="Nope"))

    def test_a_list_that_is_none_says_what_to_do(self):
        for content in ("", "\x00\x01\x02", "<html><b>no</b></html>", "a,b\n1,2\n"):
            with self.subTest(content):
                self.assertIn('role="alert"', self.compare(content))

    def test_no_list_tells_hidden_digits(self):
        self.contract.masked_digits = 3
        for tail in ("111", "999"):
            content = f"Date,Number,Duration\n2026-10-05 10:00:00,+491705550{tail},66\n"
            page = self.compare(content, seconds_tolerance="10")
            self.assertIn("<strong>1</strong> calls are the same", page)
            self.assertNotIn(PHONE[:2] + "1705550111", page)
