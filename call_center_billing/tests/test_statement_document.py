import csv
import io
from datetime import date, datetime
from unittest.mock import patch

import openpyxl
from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import tagged

from .asterisk import row
from .common import OCTOBER, TODAY, CallBillingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestStatementDocument(CallBillingCommon):
    def table(self, statement):
        text = statement._written("csv").read().decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text)))

    def test_the_csv_has_every_call_with_its_price_in_the_clients_time(self):
        self.import_text(row(talk=61), row(start="2026-10-06 10:00:00", disposition="BUSY", talk=0))
        rows = self.table(self.bill().call_statement_ids)
        self.assertEqual([each["Start (Europe/Berlin)"] for each in rows], ["2026-10-05 10:00:00", "2026-10-06 10:00:00"])
        self.assertEqual([each["Price (USD)"] for each in rows], ["1.8", "0"])
        self.assertEqual([each["Charged or Not"] for each in rows], ["Billable", "Not billable"])

    def test_the_csv_tells_what_the_invoice_has_of_a_call_after_the_allowance(self):
        allowance = {"name": "Included minutes", "quantity": 3, "unit": "minute"}
        self.plan.allowance_ids = [Command.create(allowance)]
        self.import_text(*(row(start=f"2026-10-05 1{hour}:00:00", talk=61) for hour in range(3)))
        rows = self.table(self.bill().call_statement_ids)
        self.assertEqual([each["Price (USD)"] for each in rows], ["1.8", "1.8", "1.8"])
        self.assertEqual([each["On the Invoice (USD)"] for each in rows], ["0", "0.9", "1.8"])

    def test_pages_of_the_csv_lose_no_call(self):
        self.import_text(*(row(start=f"2026-10-05 10:00:0{i % 3}", talk=i) for i in range(25)))
        statement = self.contract.call_statement_ids
        with self.subTest("small pages"):
            from ..models import call_statement_document as module

            page, module.FETCH = module.FETCH, 4
            self.addCleanup(setattr, module, "FETCH", page)
            self.assertEqual(len(self.table(statement)), 25)

    def test_a_text_of_the_phone_log_is_never_a_formula(self):
        self.import_text(row(caller="=HYPERLINK(1)"))
        self.assertEqual(self.table(self.contract.call_statement_ids)[0]["Caller"], "'=HYPERLINK(1)")

    def test_documents_go_out_with_the_invoice_and_are_made_once(self):
        self.import_text(row())
        move = self.bill()
        self.assertFalse(move.call_statement_ids._ensure_documents())
        move.action_post()
        attachments = self.env["account.move.send"]._get_invoice_extra_attachments(move)
        names = ["Statement_Answering_service_2026-10-01_2026-10-31.csv", "Statement_Answering_service_2026-10-01_2026-10-31.pdf"]
        self.assertEqual(sorted(attachments.mapped("name")), names)
        self.assertEqual(self.env["account.move.send"]._get_invoice_extra_attachments(move), attachments)

    def test_the_pdf_is_a_pdf_with_the_charges(self):
        self.import_text(row(talk=61))
        move = self.bill()
        report = self.env["ir.actions.report"].with_context(force_report_rendering=True)
        content, kind = report._render_qweb_pdf("call_center_billing.call_statement_report_action", move.call_statement_ids.ids)
        self.assertEqual((kind, content[:5]), ("pdf", b"%PDF-"))
        html, _kind = report._render_qweb_html("call_center_billing.call_statement_report_action", move.call_statement_ids.ids)
        for words in ("Answering, Inbound calls", "1.80", "+491705550111", "2026-10-05 10:00:00"):
            self.assertIn(words, html.decode())

    def workbook(self, statement):
        with statement._written("xlsx") as stream:
            return openpyxl.load_workbook(io.BytesIO(stream.read()))

    def test_the_workbook_has_the_charges_and_the_rows_of_the_csv_as_numbers(self):
        self.import_text(row(talk=61, caller="=1+1"), row(start="2026-10-06 10:00:00", disposition="BUSY", talk=0))
        statement = self.bill().call_statement_ids
        charges, calls = self.workbook(statement).worksheets
        self.assertEqual([cell.value for cell in charges[6]][1:], [1, 2, "Minutes", 0.9, 1.8])
        self.assertEqual(charges[7][5].value, 1.8)
        titles, first, second = ([cell.value for cell in line] for line in calls.iter_rows())
        self.assertEqual(titles, list(self.table(statement)[0]))
        told = dict(zip(titles, first, strict=True))
        self.assertEqual((told["Start (Europe/Berlin)"], told["Caller"]), (datetime(2026, 10, 5, 10), "=1+1"))
        self.assertEqual([told[name] for name in ("Duration (s)", "Charged (s)", "Price (USD)")], [66, 120, 1.8])
        self.assertEqual(dict(zip(titles, second, strict=True))["Price (USD)"], 0)
        self.assertEqual({calls[2][2].data_type, calls[2][3].data_type}, {"s"})
        self.assertEqual((calls.freeze_panes, calls.auto_filter.ref), ("A2", "A1:S3"))

    def test_no_text_of_the_phone_log_breaks_the_workbook(self):
        hostile = ["<r></c></row>&</r>", "&lt;]]> <b>"]
        self.import_text(*(row(start=f"2026-10-05 1{i}:00:00", caller=text) for i, text in enumerate(hostile)))
        sheet = self.workbook(self.contract.call_statement_ids)["Calls"]
        self.assertEqual([sheet.cell(line, 3).value for line in (2, 3)], ["'" + hostile[0], hostile[1]])

    def test_what_a_sheet_cannot_hold_goes_on_the_next(self):
        self.import_text(*(row(start=f"2026-10-05 10:00:0{i}") for i in range(5)))
        with patch("odoo.addons.call_center_billing.models.call_statement_workbook.SHEET_ROWS", 3):
            book = self.workbook(self.contract.call_statement_ids)
        self.assertEqual(book.sheetnames, ["Charges", "Calls", "Calls (2)", "Calls (3)"])
        self.assertEqual([sheet.max_row for sheet in book.worksheets[1:]], [3, 3, 2])
        self.assertEqual({sheet["A1"].value for sheet in book.worksheets[1:]}, {"Start (Europe/Berlin)"})

    def test_a_statement_without_calls_has_a_workbook_all_the_same(self):
        statement = self.env["call.statement"].sudo()._ensure({(self.contract.id, OCTOBER, date(2026, 10, 31))}).popitem()[1]
        self.assertEqual(self.workbook(statement)["Calls"].max_row, 1)

    def test_the_company_chooses_the_file_that_goes_out(self):
        self.env.company.call_statement_file = "xlsx"
        self.import_text(row())
        move = self.bill()
        move.action_post()
        names = move.sudo().call_statement_ids._ensure_documents().mapped("name")
        self.assertEqual(sorted(name.rpartition(".")[2] for name in names), ["pdf", "xlsx"])

    def test_the_pdf_lists_as_many_calls_as_the_company_wants(self):
        self.import_text(*(row(start=f"2026-10-05 1{i}:00:00") for i in range(3)))
        statement = self.contract.call_statement_ids
        for limit, listed, told in ((300, 3, False), (2, 2, True), (0, 0, True)):
            with self.subTest(limit):
                self.env.company.call_statement_pdf_calls = limit
                report = self.env["ir.actions.report"]
                html = report._render_qweb_html("call_center_billing.call_statement_report_action", statement.ids)[0].decode()
                self.assertEqual(html.count("2026-10-05 1"), listed)
                self.assertEqual("in the file that belongs to this statement" in html, told)
                self.assertIn("<rect", html)

    def test_many_calls_take_as_many_queries_as_pages(self):
        self.plan.rule_ids.part_ids = [Command.create({"part": "ring_seconds", "minute_price": 0.5})]
        self.import_text(*(row(start=f"2026-10-{i % 28 + 1:02} 10:00:00", talk=i) for i in range(3000)))
        statement = self.bill().call_statement_ids
        self.env.invalidate_all()
        with self.assertQueryCount(45), statement._written("xlsx") as stream:
            self.assertGreater(len(stream.read()), 100_000)
        self.assertEqual(len(self.table(statement)), 3000)
