import io

import openpyxl
from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import HttpCase, tagged
from odoo.tools import SQL

from ..models.call_masking import masked, masked_sql
from .asterisk import PHONE, row
from .common import NOVEMBER, TODAY, CallBillingCommon

HOSTILE = (
    "+49 170 5550111", "0170/555-0111", "sip:+491705550111@10.0.0.1:5060", "tel:0111;phone-context=+491705550111", "12345",
    "123456", "anonymous", "", "=HYPERLINK(1234567)", '"Tom 7" <+491705550111>', "+49170555\n0111\n", "@4917055501;11", "a1b2c3d4e5f6g",
)  # fmt: skip


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestMasking(HttpCase, CallBillingCommon):
    """A client whose contract hides 4 digits: an inbound and an outbound call, and one whose record id has the number."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client_user = cls.make_portal_user(cls.client, "client_user")
        cls.contract.masked_digits = 4
        cls.import_text(
            row(caller="+491705550111"),
            row(caller=PHONE + "0100", called="+491605550222", context="out", uniqueid="lead/491605550222/7"),
        )
        cls.move = cls.contract._bill_periods(NOVEMBER)
        cls.move.action_post()
        cls.statement = cls.move.sudo().call_statement_ids
        cls.inbound, cls.outbound = cls.env["call.usage.line"].search(
            [("statement_id", "=", cls.statement.id)], order="direction"
        )
        cls.both = cls.inbound | cls.outbound

    def test_python_and_sql_mask_alike(self):
        for digits in (0, 1, 4, 15):
            for number in HOSTILE:
                with self.subTest(number=number, digits=digits):
                    sql = masked_sql(SQL("%s::text", number), SQL("false"), SQL("%s", digits))
                    self.assertEqual(self.env.execute_query(SQL("SELECT %s", sql)), [(masked(number, digits),)])

    def test_a_number_that_is_the_clients_own_is_never_masked(self):
        sql = masked_sql(SQL("'+491705550111'::text"), SQL("true"), SQL("4"))
        self.assertEqual(self.env.execute_query(SQL("SELECT %s", sql)), [("+491705550111",)])

    def test_the_other_partys_number_is_masked_and_the_clients_own_is_not(self):
        self.assertEqual(
            [(call.caller_shown, call.called_shown) for call in self.both],
            [("+49170555XXXX", PHONE + "0100"), (PHONE + "0100", "+49160555XXXX")],
        )

    def test_of_a_call_within_the_house_only_extensions_are_shown(self):
        calls = self.calls(
            self.import_records(self.record(direction="internal", caller="201", start="2026-11-02T10:00:00+01:00"))
        )
        self.assertEqual((calls.caller_shown, calls.called_shown), ("201", PHONE + "XXXX"))

    def test_no_number_is_whole_in_anything_that_the_client_gets(self):
        self.authenticate("client_user", "client_user")
        page = self.url_open(f"/my/statements/{self.statement.id}").text
        csv = self.url_open(f"/my/statements/{self.statement.id}/csv").text
        report = self.env["ir.actions.report"]
        pdf = report._render_qweb_html("call_center_billing.call_statement_report_action", self.statement.ids)[0].decode()
        book = openpyxl.load_workbook(io.BytesIO(self.url_open(f"/my/statements/{self.statement.id}/xlsx").content))
        xlsx = str([[cell.value for cell in line] for sheet in book for line in sheet.iter_rows()])
        for name, text in (("page", page), ("csv", csv), ("pdf", pdf), ("xlsx", xlsx)):
            with self.subTest(name):
                for hidden in ("5550111", "5550222"):
                    self.assertNotIn(hidden, text)
                for shown in ("+49170555XXXX", "+49160555XXXX", PHONE + "0100"):
                    self.assertIn(shown, text)

    def test_a_guess_at_the_hidden_digits_finds_no_more_than_any_other(self):
        self.authenticate("client_user", "client_user")
        days = "date_from=2026-10-01&date_to=2026-10-31"
        found = {
            number: self.url_open(f"/my/calls?{days}&number={number}").text.count("+49170555XXXX")
            for number in ("0170555", "01705550111", "01705550112", "0170555XXXX")
        }
        self.assertEqual(found["01705550111"], found["01705550112"])
        self.assertTrue(found["0170555"] and found["0170555XXXX"])

    def test_a_client_reads_searches_and_sorts_masked_numbers_only(self):
        Calls = self.env["call.usage.line"].with_user(self.client_user)
        for attempt in (
            lambda: Calls.browse(self.both.ids).read(["caller"]),
            lambda: Calls.search([("caller", "=", "+491705550111")]),
            lambda: Calls.search([("called_e164", "=like", "+4916055502%")]),
            lambda: Calls.search([("record_ref", "ilike", "491605550222")]),
            lambda: Calls.search([("display_name", "ilike", "491705550111")]),
            lambda: Calls.search([], order="caller"),
            lambda: Calls.formatted_read_group([], ["caller"], ["__count"]),
            lambda: Calls.formatted_read_group([], ["caller_e164"], ["__count"]),
            lambda: Calls.browse(self.both.ids).export_data(["caller"]),
            lambda: Calls.search([("replaces_id.caller", "=", "+491705550111")]),
            lambda: Calls.env["call.charge"].search([("first_usage_id.caller", "=", "+491705550111")]),
            lambda: Calls.env["call.statement"].search([("usage_line_ids.caller", "=", "+491705550111")]),
            lambda: Calls.env["call.dispute.line"].search([("usage_id.caller_e164", "=like", "+49170555011_")]),
            lambda: Calls.env["account.move"].search([("call_statement_ids.usage_line_ids.called", "like", "0222")]),
        ):
            with self.assertRaises(UserError):  # AccessError is one
                attempt()
        self.assertFalse(Calls.search([("caller_shown", "ilike", "5550111")]))
        self.assertEqual(Calls.search([("caller_shown", "ilike", "+49170555")]), self.inbound)
        self.assertEqual(Calls.search([("called_shown", "in", ["+49160555XXXX"])]), self.outbound)
        self.assertEqual(Calls.search([], order="caller_shown desc").ids, self.both.sorted("caller_shown", reverse=True).ids)
        self.assertNotIn("5550111", str(Calls.browse(self.both.ids).read()))

    def test_a_name_of_a_call_shows_the_staff_more_than_the_client(self):
        self.assertEqual(self.inbound.display_name, f"+491705550111 → {PHONE}0100")
        self.assertEqual(self.inbound.with_user(self.client_user).display_name, f"+49170555XXXX → {PHONE}0100")

    def test_other_digits_to_hide_make_other_documents(self):
        documents = self.statement._ensure_documents()
        self.contract.masked_digits = 4
        self.assertEqual(self.statement._ensure_documents(), documents)
        self.contract.masked_digits = 5
        self.assertFalse(self.statement._ensure_documents() & documents)
        self.assertIn(b"+4917055XXXXX", self.statement.file_attachment_id.raw)
