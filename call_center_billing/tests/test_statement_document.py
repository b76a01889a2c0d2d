import csv
import io

from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import tagged

from .asterisk import row
from .common import TODAY, CallBillingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestStatementDocument(CallBillingCommon):
    def table(self, statement):
        text = b"".join(statement._csv_chunks()).decode("utf-8-sig")
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
