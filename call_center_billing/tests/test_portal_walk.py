import re
from unittest.mock import patch

from freezegun import freeze_time

from odoo.http import Request, request
from odoo.tests import HttpCase, tagged

from ..controllers.portal_dispute import CallDisputePortal
from .asterisk import row
from .common import NOVEMBER, TODAY, CallBillingCommon
from .figures import TRIED
from .portal_pages import PortalPages

SECRET = "Zebra"
CALLER = "+491709998877"
WRITES = re.compile(r"/(rate/\d+|disputes/new|own-list|archive/\d+)$")
"""Pages that store something, or take what is sent."""


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPortalWalk(PortalPages, HttpCase, CallBillingCommon):
    """Every page of this add-on that is asked for by address, with the ids of a client's records, by people who may not see them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company_partner = cls.env["res.partner"].create(
            {"name": f"{SECRET} Group", "is_company": True, "email": "z@example.com"}
        )
        north, south = cls.env["res.partner"].create(
            [
                {"name": f"{SECRET} {name}", "parent_id": cls.company_partner.id, "type": "other", "tz": "Europe/Berlin"}
                for name in ("North", "South")
            ]
        )
        cls.contract.partner_id = north
        cls.contract.name = f"{SECRET} service"
        cls.head = cls.env["res.partner"].create({"name": "Head", "parent_id": cls.company_partner.id})
        people = {
            "head": cls.head,
            "north": north,
            "sibling": south,
            "stranger": cls.env["res.partner"].create({"name": "Stranger"}),
        }
        for login, partner in people.items():
            person = (
                partner
                if login in ("head", "stranger")
                else cls.env["res.partner"].create({"name": login, "parent_id": partner.id})
            )
            cls.make_portal_user(person, f"{login}_user")
        cls.import_text(row(talk=61, caller=CALLER), row(start="2026-10-05 11:00:00", talk=61, caller=CALLER))
        cls.move = cls.contract._bill_periods(NOVEMBER)
        cls.move.action_post()
        cls.statement = cls.move.call_statement_ids
        agreement = cls.env["call.agreement"].create({"contract_id": cls.contract.id})
        agreement._offer()
        usage = cls.env["call.usage.line"].search([("statement_id", "=", cls.statement.id)], limit=1)
        reason = cls.env["call.dispute.reason"].search([], limit=1)
        dispute = cls.statement._raise_dispute([{"usage_id": usage.id}], reason, comment=SECRET)
        days = {"date_start": "2026-10-01", "date_end": "2026-10-31", "sent_at": "2026-11-02"}
        report = cls.env["call.performance.report"].sudo().create({"contract_id": cls.contract.id, **days})
        records = (agreement, dispute, cls.statement, report)
        cls.records = {record._name: record for record in records}

    def told(self, login, suffix=""):
        """Addresses whose answer tells something of the client."""
        self.authenticate(login, login)
        tell = []
        for url in self.routes():
            TRIED["addresses asked for by the client and by others"] += 1
            text = self.url_open(url + suffix).content
            if SECRET.encode() in text or CALLER[-7:].encode() in text:
                tell.append(url)
        return tell

    def test_the_client_and_its_head_office_see_the_pages(self):
        for login in ("north_user", "head_user"):
            with self.subTest(login):
                self.assertGreaterEqual(len(self.told(login)), 8)

    def test_pages_that_only_read_can_be_read_from_a_replica(self):
        self.assertEqual([url for url in self.routes(readonly=(False,)) if not WRITES.search(url)], [])
        for sent in (self.statement.invoice_id, self.records["call.performance.report"]):
            sent._portal_ensure_token()  # as the mail with its link did
        pages = self.routes(readonly=(True,))
        self.assertGreaterEqual(len(pages), 12)
        for login in ("north_user", None):
            self.authenticate(login, login)
            for url in pages:
                with self.subTest(login=login, url=url), self.assertNoLogs("odoo.http", "WARNING"):
                    self.assertLess(self.url_open(url, timeout=60).status_code, 500)

    def test_what_the_client_has_just_sent_is_not_looked_for_on_a_replica(self):
        seen = []
        find = CallDisputePortal._own_dispute

        def look(controller, dispute_id):
            seen.append(request.env.cr.readonly)
            return find(controller, dispute_id)

        self.authenticate("north_user", "north_user")
        url = f"/my/disputes/{self.records['call.dispute'].id}"
        with patch.object(CallDisputePortal, "_own_dispute", look):
            for address in (url, f"{url}?message=received"):
                self.url_open(address)
        self.assertEqual(seen, [True, False])

    def test_what_has_to_be_written_after_all_is_written_to_the_primary(self):
        """The first one who asks for the PDF of a report makes it."""
        report = self.records["call.performance.report"]
        report.document_id = False
        self.authenticate("north_user", "north_user")
        answer = self.url_open(f"/my/performance/{report.id}?report_type=pdf", timeout=60)
        self.assertEqual(answer.headers["Content-Type"], "application/pdf")
        self.assertTrue(report.document_id)

    def test_the_home_page_counts_for_everybody(self):
        for login in ("north_user", "head_user", "sibling_user", "stranger_user"):
            self.authenticate(login, login)
            names = re.findall(r'data-placeholder_count="(\w+)"', self.url_open("/my/home").text)
            self.assertIn("call_dispute_count", names)
            with self.subTest(login):
                counts = self.make_jsonrpc_request("/my/counters", {"counters": names})
                self.assertEqual(bool(counts["call_statement_count"]), login in ("north_user", "head_user"))

    def test_nobody_else_does(self):
        self.assertGreaterEqual(len(self.routes()), 15)
        for login in ("sibling_user", "stranger_user", None):
            with self.subTest(login):
                self.assertEqual(self.told(login), [])

    def state(self):
        """What the client could have changed, as texts."""
        self.env.invalidate_all()
        rows = [
            record.sudo().read([name for name, field in record._fields.items() if field.store and field.type != "binary"])
            for record in self.records.values()
        ]
        disputes = self.env["call.dispute"].sudo().search([])
        return str(rows), disputes.ids, disputes.message_ids.ids

    def send(self, url, is_call):
        """What a form of the pages, or a script, sends with all ids of the client's records."""
        ids = {
            "statement": self.statement.id,
            "call": self.records["call.dispute"].line_ids.usage_id.id,
            "token_id": 1,
            "agrees": "1",
        }
        words = {"reason": "x", "name": "x", "signature": "aaaa", "step": "send", "comment": "x", "access_token": "stale"}
        if is_call:
            values = {"name": "x", "signature": "aaaa", "access_token": "stale"} if "accept" in url else {}
            return self.url_open(url, json={"jsonrpc": "2.0", "params": values})
        reason = self.records["call.dispute"].reason_id.id if url.endswith("/new") else "x"
        return self.url_open(url, data={**ids, **words, "reason": reason, "csrf_token": Request.csrf_token(self)})

    def test_nobody_else_changes_or_learns_anything_by_what_it_sends(self):
        addresses, before = self.posted(), self.state()
        self.assertGreaterEqual(len(addresses), 7)
        for login in ("sibling_user", "stranger_user", None):
            self.authenticate(login, login)
            for url, is_call in addresses:
                with self.subTest(login=login, url=url):
                    TRIED["addresses sent to by others"] += 1
                    text = self.send(url, is_call).content
                    self.assertFalse(SECRET.encode() in text or CALLER[-7:].encode() in text)
                    self.assertEqual(self.state(), before)

    def test_the_client_does_change_something_by_what_it_sends(self):
        self.authenticate("north_user", "north_user")
        for word in ("withdraw", "decline"):
            (address,) = (each for each in self.posted() if each[0].endswith(word))
            before = self.state()
            with self.subTest(word):
                self.send(*address)
                self.assertNotEqual(self.state(), before)

    def test_a_stale_or_foreign_token_opens_nothing(self):
        for token in ("stale", self.move._portal_ensure_token()):
            with self.subTest(token):
                self.assertEqual(self.told("stranger_user", f"?access_token={token}"), [])
                self.assertEqual(self.told(None, f"?access_token={token}"), [])

    def test_documents_are_not_downloaded_by_others(self):
        self.statement.sudo()._ensure_documents()
        attachments = self.env["ir.attachment"].search(
            [
                ("res_model", "in", ("account.move", "call.agreement", "call.dispute")),
                ("res_id", "in", [r.id for r in self.records.values()] + self.move.ids),
            ]
        )
        self.assertTrue(attachments)
        for login in ("sibling_user", "stranger_user", None):
            self.authenticate(login, login)
            for attachment in attachments:
                with self.subTest(login=login, attachment=attachment.name):
                    self.assertNotEqual(self.url_open(f"/web/content/{attachment.id}?download=true").status_code, 200)
