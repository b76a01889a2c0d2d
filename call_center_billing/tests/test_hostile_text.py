import csv
import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

from freezegun import freeze_time
from lxml import html
from openpyxl import load_workbook

from odoo.tests import HttpCase, new_test_user, tagged

from .asterisk import PHONE
from .common import NOVEMBER, TODAY, CallBillingCommon
from .figures import TRIED

TEXTS = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "{{7*7}}", "${7*7}", "=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-1+1",
    "%(x)s %s", "'; DROP TABLE call_usage_line; --",
)  # fmt: skip
"""What somebody who can name a queue, or sends a caller's name, could try."""
NAMES = ("queue", "campaign", "account_code", "agent", "skill", "quality")
LOOK = """
(async () => {
    const shown = (text) => document.body.innerText.includes(text)
        || [...document.querySelectorAll("input, textarea")].some((field) => field.value.includes(text));
    for (let tries = 0; tries < 100 && !shown("onerror=alert(2)"); tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const harm = document.querySelector("img[src=x]")
        || [...document.querySelectorAll("script")].find((script) => script.textContent.startsWith("alert("));
    if (harm || !shown("onerror=alert(2)")) {
        console.error(harm ? `It became ${harm.outerHTML}` : "The text is not there");
    } else {
        console.log("test successful");
    }
})()
"""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestHostileText(HttpCase, CallBillingCommon):
    """Whatever a phone log says is shown as it was written, and nothing more, wherever it is shown."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company_data["company"].call_dispute_review_mail = True
        cls.make_portal_user(cls.client, "client_user")
        others = [dict.fromkeys(NAMES, text) for text in TEXTS]
        inbound = [cls.record(caller=text, record_ref=f"in {text}", **other) for text, other in zip(TEXTS, others, strict=True)]
        outbound = [
            cls.record(
                caller=PHONE + "0100", called=text, direction="outbound", record_ref=f"out {text}", group_ref=text, **other
            )
            for text, other in zip(TEXTS, others, strict=True)
        ]
        unknown = [cls.record(called=text, record_ref=f"lost {text}") for text in TEXTS]
        cls.brought = cls.import_records(*inbound, *outbound, *unknown)
        cls.move = cls.contract._bill_periods(cls.env["contract.contract"]._fields["date"].to_date("2026-11-01"))
        cls.move.action_post()
        cls.statement = cls.move.call_statement_ids
        cls.dispute = cls.statement._raise_dispute(
            [{"usage_id": call.id} for call in cls.brought.usage_line_ids],
            cls.env.ref("call_center_billing.dispute_reason_other"),
            comment=" ".join(TEXTS),
        )
        cls.dispute.action_review()

    def assertHarmless(self, text, shown=True):
        """:param shown: whether the texts are to be read there at all"""
        TRIED["hostile texts in pages, mails, documents and files"] += len(TEXTS)
        root = html.fromstring(str(text))
        elements = [each for each in root.iter() if isinstance(each.tag, str)]
        self.assertFalse(
            [each for each in elements if any(name.startswith("on") and "alert" in each.get(name) for name in each.attrib)]
        )
        self.assertFalse([each for each in elements if each.tag == "script" and (each.text or "").startswith("alert(")])
        if shown:
            # In one line: long texts may be wrapped.
            words = root.text_content().replace("\xa0", " ")
            for each in ("<script>alert(1)</script>", "{{7*7}}", "${7*7}", "%(x)s %s"):
                self.assertIn(each, words)

    def page(self, path):
        self.authenticate("client_user", "client_user")
        answer = self.url_open(path)
        self.assertEqual(answer.status_code, 200)
        return answer

    def test_harm_would_be_found(self):
        for text in TEXTS[:2]:
            with self.subTest(text), self.assertRaises(AssertionError):
                self.assertHarmless(f'<p title="">{text}</p>', shown=False)

    def test_every_text_is_kept_as_it_came(self):
        calls = self.brought.usage_line_ids
        self.assertEqual(len(calls), 2 * len(TEXTS))
        self.assertEqual(set(calls.mapped("queue")), set(TEXTS))
        self.assertEqual(len(self.brought.suspense_ids), len(TEXTS))

    def test_pages_of_the_client(self):
        call = self.brought.usage_line_ids[:1]
        pages = {
            f"/my/statements/{self.statement.id}": True,
            "/my/calls?date_from=2026-10-01&date_to=2026-10-31": True,
            f"/my/disputes/{self.dispute.id}": True,
            f"/my/disputes/new?call={call.id}": False,
            "/my/calls/dashboard": False,
            f"/my/invoices/{self.move.id}": False,
        }
        for path, shown in pages.items():
            with self.subTest(path):
                self.assertHarmless(self.page(path).text, shown)

    def test_what_is_searched_for_is_shown_as_a_text(self):
        for text in TEXTS:
            with self.subTest(text):
                self.authenticate("client_user", "client_user")
                answer = self.url_open("/my/calls?" + urlencode({"queue": text, "number": text, "agent": text}))
                self.assertHarmless(answer.text, shown=False)

    def test_the_statement_as_a_document(self):
        content, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "call_center_billing.call_statement_report_action", self.statement.ids
        )
        self.assertHarmless(content.decode(), shown=False)

    def test_the_performance_report_as_a_document(self):
        days = {"date_start": "2026-10-01", "date_end": "2026-10-31"}
        report = self.env["call.performance.report"].create({"contract_id": self.contract.id, **days})
        self.assertHarmless(report.preview, shown=False)

    def test_mails(self):
        bodies = self.dispute.message_ids.filtered("body").mapped("body")
        self.assertGreaterEqual(len(bodies), 2)
        self.assertTrue([body for body in bodies if "{{7*7}}" in body])
        template = self.env.ref("account.email_template_edi_invoice")
        bodies += template._render_field("body_html", self.move.ids).values()
        for body in bodies:
            self.assertHarmless(f"<div>{body}</div>", shown=False)

    def test_files_hold_no_formula(self):
        for path in (f"/my/statements/{self.statement.id}", "/my/calls"):
            TRIED["hostile texts in pages, mails, documents and files"] += 2 * len(TEXTS)
            with self.subTest(path, kind="csv"):
                text = self.page(f"{path}/csv?date_from=2026-10-01&date_to=2026-10-31").content.decode("utf-8-sig")
                cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
                self.assertIn("'=cmd|' /C calc'!A0", cells)
                plain = {f"+{PHONE}0100", f"{PHONE}0100"}
                self.assertFalse([cell for cell in cells if cell.startswith(FORMULA) and cell not in plain])
            with self.subTest(path, kind="xlsx"):
                book = load_workbook(io.BytesIO(self.page(f"{path}/xlsx?date_from=2026-10-01&date_to=2026-10-31").content))
                cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
                self.assertTrue([cell for cell in cells if "=cmd|" in str(cell.value)])
                self.assertFalse([cell.value for cell in cells if cell.data_type == "f" or cell.hyperlink])

    def test_screens_of_the_staff_in_a_browser(self):
        new_test_user(self.env, "reader", groups="call_center_billing.group_accountant,call_center_billing.group_whole_numbers")
        call = self.brought.usage_line_ids.filtered(lambda call: call.queue == TEXTS[1])[:1]
        lost = self.brought.suspense_ids.filtered(lambda record: record.called == TEXTS[1])
        calls = "call_usage_line_action"
        screens = [(calls, None), (calls, call), ("call_suspense_action", lost), ("call_dispute_action", self.dispute)]
        for action, record in screens:
            TRIED["hostile texts in pages, mails, documents and files"] += len(TEXTS)
            url = f"/odoo/action-call_center_billing.{action}"
            with self.subTest(action, record=bool(record)):
                self.browser_js(f"{url}/{record.id}" if record else url, LOOK, login="reader")

    def test_parts_of_screens_of_the_staff(self):
        for name in ("performance_html", "not_billable_html", "fees_html"):
            with self.subTest(name):
                self.assertHarmless(f"<div>{self.statement[name] or ''}</div>", shown=False)


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestNoOtherServer(CallBillingCommon):
    """The program that prints follows what is in a page: no text of a phone log, nor of a client, becomes a part of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.asked = []

        class Spy(BaseHTTPRequestHandler):
            def do_GET(self):
                cls.asked.append(self.path)
                self.send_error(404)

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Spy)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        spy = f"http://127.0.0.1:{server.server_port}"
        cls.text = f'"><img src="{spy}/i"><iframe src="{spy}/f"></iframe><link rel="stylesheet" href="{spy}/l">'
        cls.reports = cls.env["ir.actions.report"].with_context(force_report_rendering=True)

    def test_a_request_would_be_seen(self):
        self.reports._run_wkhtmltopdf([f"<html><body><p>{self.text}</p></body></html>"])
        self.assertIn("/i", self.asked)

    def test_no_document_asks_a_server_that_a_text_names(self):
        self.client.write(dict.fromkeys(("name", "street", "city"), self.text))
        self.contract.name = self.text
        agreement = self.env["call.agreement"].create({"contract_id": self.contract.id})
        agreement._offer()
        agreement._accept(agreement.document_hash, self.text)
        calls = self.import_records(self.record(caller=self.text, **dict.fromkeys(NAMES, self.text))).usage_line_ids
        move = self.contract._bill_periods(NOVEMBER)
        move.action_post()
        statement, reason = move.call_statement_ids, self.env.ref("call_center_billing.dispute_reason_other")
        statement._raise_dispute([{"usage_id": calls.id}], reason, comment=self.text)
        days = {"date_start": "2026-10-01", "date_end": "2026-10-31"}
        performance = self.env["call.performance.report"].create({"contract_id": self.contract.id, **days})
        self.asked.clear()
        documents = {
            "account.account_invoices": move,
            "call_center_billing.call_statement_report_action": statement,
            "call_center_billing.call_agreement_report_action": agreement,
            "call_center_billing.call_performance_report_action": performance,
        }
        for report, record in documents.items():
            with self.subTest(report):
                TRIED["hostile texts in pages, mails, documents and files"] += 1
                self.assertTrue(self.reports._render_qweb_pdf(report, record.ids)[0].startswith(b"%PDF"))
                self.assertEqual(self.asked, [])
