import base64
import io
import shutil
import unittest
from unittest.mock import patch

from freezegun import freeze_time
from lxml import etree

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools.pdf import OdooPdfFileReader

from .asterisk import PHONE, row
from .common import TODAY, CallBillingCommon

UBL = b"""<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
  xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"><cac:AccountingSupplierParty/></Invoice>"""


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestSending(CallBillingCommon):
    """Two clients with an invoice each, waiting to be sent."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_client = cls.env["res.partner"].create({"name": "Law Firm", "email": "l@example.com"})
        other = cls.make_contract(partner=cls.other_client)
        cls.make_endpoint(PHONE + "0200", other.contract_line_ids)
        cls.import_text(row(talk=61), row(called=PHONE + "0200"))
        cls.moves = (cls.contract | other)._bill_periods(cls.env["contract.contract"]._fields["date"].to_date("2026-11-01"))
        cls.moves.action_post()
        cls.first, cls.second = cls.moves

    def send(self):
        self.moves.sending_data = {"author_user_id": self.env.uid, "author_partner_id": self.env.user.partner_id.id}
        with self.enter_registry_test_mode():
            self.env.ref("account.ir_cron_account_move_send").method_direct_trigger()
        self.moves.invalidate_recordset()

    def test_every_invoice_is_sent_with_the_documents_of_its_own_statement(self):
        self.send()
        for move, partner in zip(self.moves, (self.client, self.other_client), strict=True):
            message = move.message_ids.filtered("attachment_ids")[:1]
            self.assertEqual(message.partner_ids, partner)
            names = {move.invoice_pdf_report_id.name, *move.call_statement_ids._documents().mapped("name")}
            self.assertLessEqual(names, set(message.attachment_ids.mapped("name")))
            self.assertTrue(move.is_move_sent)
            self.assertFalse(move.sending_data)

    def test_one_that_fails_stops_no_other_and_says_why(self):
        Statement = self.registry["call.statement"]
        reason = "The printer is on fire"
        make, failing = Statement._ensure_documents, self.first.call_statement_ids

        def fail(statements):
            if statements == failing:
                raise UserError(reason)
            return make(statements)

        with patch.object(Statement, "_ensure_documents", fail):
            self.send()
        self.assertEqual(self.moves.mapped("is_move_sent"), [False, True])
        self.assertEqual(self.moves.mapped("sending_data"), [False, False])
        self.assertIn(reason, self.first.message_ids[0].body)

    def test_sent_one_at_a_time_and_told_how_many_are_left(self):
        with patch.object(self.registry["ir.cron"], "_commit_progress", autospec=True, return_value=0) as progress:
            self.send()
        self.assertEqual([call.kwargs for call in progress.mock_calls if call.kwargs], [{"remaining": 1}])
        self.assertEqual(self.moves.mapped("is_move_sent"), [True, False])

    @unittest.skipUnless(shutil.which("wkhtmltopdf"), "wkhtmltopdf is not installed")
    def test_several_are_rendered_by_every_build_of_wkhtmltopdf(self):
        report = self.env["ir.actions.report"].with_context(force_report_rendering=True)
        for name, records in (
            ("account.report_invoice_with_payments", self.moves),
            ("call_center_billing.call_statement_report", self.moves.call_statement_ids),
        ):
            with self.subTest(name):
                try:
                    streams, _kind = report._pre_render_qweb_pdf(name, res_ids=records.ids)
                except unittest.SkipTest:  # Odoo's way to say in tests that this build cannot do it
                    self.fail("Several documents in one run of wkhtmltopdf")
                self.assertEqual(list(streams), records.ids)
                pages = [OdooPdfFileReader(stream["stream"], strict=False).numPages for stream in streams.values()]
                content, _kind = report._render_qweb_pdf(name, res_ids=records.ids)
                self.assertEqual(OdooPdfFileReader(io.BytesIO(content), strict=False).numPages, sum(pages))

    def test_looking_at_an_invoice_makes_no_documents(self):
        self.first._get_mail_thread_data_attachments()
        self.assertFalse(self.first.call_statement_ids._documents())
        documents = self.first.sudo().call_statement_ids._ensure_documents()
        self.assertLessEqual(documents, self.first._get_mail_thread_data_attachments())

    def electronic(self, edi_format):
        if "account.edi.xml.ubl_bis3" not in self.env:
            self.skipTest("account_edi_ubl_cii is not installed")
        Send = self.env["account.move.send"]
        return Send, {
            "invoice_edi_format": edi_format,
            "ubl_cii_xml_attachment_values": {"raw": UBL},
            "ubl_cii_xml_options": {"builder": self.env["account.edi.xml.ubl_bis3"], "ubl_cii_format": edi_format},
            "pdf_attachment_values": {"name": "invoice.pdf", "raw": b"%PDF", "mimetype": "application/pdf"},
            "mail_attachments_widget": Send._get_invoice_extra_attachments_data(self.first),
        }

    def embedded(self, data):
        tree = etree.fromstring(data["ubl_cii_xml_attachment_values"]["raw"])
        nodes = tree.xpath("//*[local-name()='EmbeddedDocumentBinaryObject']")
        return {node.get("filename"): (node.get("mimeCode"), base64.b64decode(node.text)) for node in nodes}

    def test_an_invoice_in_ubl_has_the_documents_of_its_statement(self):
        for edi_format in ("ubl_bis3", "xrechnung"):
            Send, data = self.electronic(edi_format)
            Send._postprocess_invoice_ubl_xml(self.first, data)
            expected = {each.name: (each.mimetype, each.raw) for each in self.first.call_statement_ids._documents()}
            self.assertEqual(len(expected), 2)
            self.assertEqual(self.embedded(data), expected | {"invoice.pdf": ("application/pdf", b"%PDF")})

    def test_what_the_user_took_out_or_is_too_large_is_not_embedded(self):
        Send, data = self.electronic("ubl_bis3")
        data["mail_attachments_widget"][0]["skip"] = True
        taken_out = data["mail_attachments_widget"][0]["name"]
        with patch("odoo.addons.call_center_billing.models.account_move_send.EMBEDDED_BYTES", 10):
            self.assertFalse(Send._get_ubl_available_attachments(data["mail_attachments_widget"], "ubl_bis3")[0])
        Send._postprocess_invoice_ubl_xml(self.first, data)
        self.assertEqual(len(self.embedded(data)), 2)
        self.assertNotIn(taken_out, self.embedded(data))

    @unittest.skipUnless(shutil.which("wkhtmltopdf"), "wkhtmltopdf is not installed")
    def test_an_invoice_in_factur_x_has_the_documents_in_its_pdf(self):
        Send, data = self.electronic("facturx")
        report = self.env["ir.actions.report"].with_context(force_report_rendering=True)
        data["pdf_attachment_values"]["raw"] = report._render_qweb_pdf("account.report_invoice", self.first.ids)[0]
        Send._hook_invoice_document_after_pdf_report_render(self.first, data)
        reader = OdooPdfFileReader(io.BytesIO(data["pdf_attachment_values"]["raw"]), strict=False)
        documents = self.first.call_statement_ids._documents()
        self.assertLessEqual({each.name: each.raw for each in documents}.items(), dict(reader.getAttachments()).items())
