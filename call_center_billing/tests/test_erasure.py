import io
import json

import openpyxl
from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL

from .asterisk import PHONE, row
from .common import DECEMBER, NOVEMBER, TODAY, CallBillingCommon

NUMBER = "+491705550111"
OTHER = "+491605550222"


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestErasure(CallBillingCommon):
    """A caller with two invoiced calls, one that we made, and one suspended record, beside another caller."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.country_id = cls.env.ref("base.de")
        cls.rows = (
            row(caller=NUMBER, talk=61),
            row(caller=NUMBER, start="2026-10-06 10:00:00"),
            row(caller=PHONE + "0100", called=NUMBER, context="out", start="2026-10-07 10:00:00"),
            row(caller=OTHER, start="2026-10-08 10:00:00"),
        )
        cls.brought = cls.import_text(*cls.rows, row(called="000", caller=NUMBER))
        cls.brought.suspense_ids._write_off("Test")
        cls.move = cls.contract._bill_periods(NOVEMBER)
        cls.move.action_post()
        cls.statement = cls.move.sudo().call_statement_ids
        cls.statement._ensure_documents()
        cls.statement.message_post(body="Call back 491705550111 please")
        cls.request = cls.env["call.erasure"].create({"number": "0170 5550111", "reason": "Letter"})

    def found(self):
        return {
            line.kind: (line.found_count, line.kept_count, line.erased_count)
            for line in self.request.line_ids
            if line.found_count
        }

    def everything(self):
        self.env.flush_all()
        tables = (
            "call_usage_line",
            "call_suspense",
            "call_dispute_line",
            "call_access",
            "call_performance_report",
            "mail_message",
            "call_erasure",
        )
        rows = [self.env.execute_query(SQL("SELECT to_jsonb(t)::text FROM %s t", SQL.identifier(table))) for table in tables]
        files = (
            self.env["ir.attachment"]
            .sudo()
            .search([("res_model", "in", ("call.import", "account.move", "call.erasure")), ("res_field", "in", (False, "file"))])
        )
        return str(rows) + "".join((file.raw or b"").decode("latin1") for file in files)

    def test_everything_about_a_number_is_found_however_it_is_written(self):
        self.request.action_look()
        self.assertEqual(self.found(), {"calls": (3, 0, 0), "suspense": (1, 0, 0), "files": (1, 0, 0), "messages": (1, 0, 0)})
        self.assertEqual((self.request.state, self.request.number_shown), ("found", "0170 555XXXX"))

    def test_it_is_given_out_in_three_ways_and_that_is_written_down(self):
        self.request.action_look()
        files = {}
        for kind in ("csv", "xlsx", "json"):
            url = getattr(self.request, f"action_export_{kind}")()["url"]
            files[kind] = self.env["ir.attachment"].browse(int(url.split("/")[3].split("?")[0])).raw
        told = json.loads(files["json"])["records"]
        self.assertEqual([each["what"] for each in told], ["call"] * 3 + ["suspended record", "message"])
        self.assertEqual({each["caller"] for each in told[:3]}, {NUMBER, PHONE + "0100"})
        self.assertEqual(files["csv"].decode("utf-8-sig").count("\r\ncall,"), 3)
        self.assertEqual(openpyxl.load_workbook(io.BytesIO(files["xlsx"])).active.max_row, 6)
        self.assertNotIn(OTHER, files["json"].decode())
        self.assertEqual(sum("Given out" in (message.body or "") for message in self.request.message_ids), 3)

    def test_erased_it_is_nowhere_and_the_other_caller_is_untouched(self):
        self.request.action_look()
        self.request.action_export_json()
        self.request.action_erase()
        self.env.invalidate_all()
        text = self.everything()
        for written in ("491705550111", "01705550111", "0170 5550111"):
            self.assertNotIn(written, text)
        self.assertIn(OTHER, text)
        self.assertEqual((self.request.state, self.request.number, self.request.number_shown), ("done", False, "0170 555XXXX"))
        self.assertEqual(self.found()["calls"], (3, 0, 3))

    def test_calls_of_the_number_stay_together_under_a_name_that_leads_nowhere(self):
        self.request.action_look()
        self.request.action_erase()
        calls = self.statement.usage_line_ids.sorted("start_at")
        name = self.request.pseudonym
        self.assertEqual(calls.mapped("caller"), [name, name, PHONE + "0100", OTHER])
        self.assertEqual(calls.mapped("called"), [PHONE + "0100"] * 2 + [name, PHONE + "0100"])
        self.assertTrue(name.startswith("erased-"))

    def test_totals_invoice_and_proof_stay(self):
        before = self.statement.read(["usage_count", "usage_amount", "total_seconds"]), self.charges(), self.move.amount_total
        self.request.action_look()
        self.request.action_erase()
        self.statement._recount()
        after = self.statement.read(["usage_count", "usage_amount", "total_seconds"]), self.charges(), self.move.amount_total
        self.assertEqual(after, before)
        proof = self.env["call.proof"].create({"date_from": "2026-10-01", "date_to": "2026-10-31"})
        proof.action_compute()
        self.assertTrue(proof.is_proved)

    def test_the_same_calls_come_again_and_bring_nothing_back(self):
        self.request.action_look()
        self.request.action_erase()
        self.assertTotals(self.import_text(*self.rows, row(start="2026-11-06 10:00:00")), read=5, accepted=1, duplicate=4)
        self.assertNotIn(NUMBER, self.statement.usage_line_ids.mapped("caller"))

    def test_records_of_one_call_stay_one_call(self):
        legs = ({"caller": NUMBER}, {"caller": OTHER})
        self.import_records(
            *(self.record(group_ref="c-1705550111", start=f"2026-11-02T10:0{n}:00Z", **leg) for n, leg in enumerate(legs))
        )
        self.bill(until=DECEMBER).action_post()
        self.request.action_look()
        self.request.action_erase()
        groups = self.env["call.usage.line"].search([("date", "=", "2026-11-02")]).mapped("group_ref")
        self.assertEqual((len(groups), len(set(groups))), (2, 1))
        self.assertNotIn("5550111", groups[0])

    def test_what_is_not_invoiced_yet_waits_and_the_job_goes_on_with_it(self):
        self.import_text(row(caller=NUMBER, start="2026-11-02 10:00:00"))
        self.request.action_look()
        self.assertEqual(self.found()["calls"], (4, 1, 0))
        self.request.action_erase()
        self.assertEqual(self.request.state, "waiting")
        self.env.invalidate_all()
        self.assertEqual(self.env["call.usage.line"].search([("caller", "=", NUMBER)]).mapped("statement_state"), ["open"])
        self.bill(until=DECEMBER).action_post()
        self.env["call.erasure"].sudo()._continue(self.env.company)
        self.env.invalidate_all()
        self.assertEqual(self.request.state, "done")
        self.assertEqual(len(self.env["call.usage.line"].search([("caller", "=", self.request.pseudonym)])), 3)

    def test_a_legal_hold_keeps_it(self):
        hold = self.env["call.legal.hold"].create({"name": "Court", "number": NUMBER})
        self.request.action_look()
        self.request.action_erase()
        self.env.invalidate_all()
        self.assertEqual((self.request.state, self.found()["calls"]), ("waiting", (3, 3, 0)))
        self.assertIn(NUMBER, self.brought._content_attachment().raw.decode())
        hold.active = False
        self.request.action_erase()
        self.env.invalidate_all()
        self.assertEqual(self.request.state, "done")

    def test_a_client_s_own_number_is_its_own(self):
        request = self.env["call.erasure"].create({"number": PHONE + "0100", "reason": "x"})
        request.action_look()
        request.action_erase()
        self.env.invalidate_all()
        self.assertEqual(self.statement.usage_line_ids.sorted("start_at")[0].called, PHONE + "0100")

    def test_a_short_number_is_refused(self):
        for number in ("201", "", "anonymous"):
            with self.subTest(number), self.assertRaises(UserError):
                self.env["call.erasure"].create({"number": number, "reason": "x"}).action_look()

    def test_only_managers_of_the_company_do_it_and_nobody_makes_it_up(self):
        accountant = new_test_user(self.env, "biller", groups="call_center_billing.group_accountant")
        manager = new_test_user(self.env, "boss", groups="call_center_billing.group_manager")
        with self.assertRaises(AccessError):
            self.request.with_user(accountant).action_look()
        with self.assertRaises(AccessError):
            self.request.with_user(manager).write({"state": "done"})
        other = self.env["res.company"].create({"name": "Other"})
        there = new_test_user(
            self.env, "there", groups="call_center_billing.group_manager", company_id=other.id, company_ids=[(6, 0, other.ids)]
        )
        request = self.env["call.erasure"].with_user(there).create({"number": NUMBER, "reason": "x", "company_id": other.id})
        request.action_look()
        self.assertFalse(request.line_ids.filtered("found_count"))

    def test_formulas_do_not_get_into_the_files(self):
        self.import_records(self.record(caller=NUMBER, agent="=cmd()", queue="@x"))
        self.request.action_look()
        text = self.request._csv(self.request.sudo()._rows()).decode()
        self.assertIn(",'@x,'=cmd(),", text)
