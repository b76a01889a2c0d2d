import io
from contextlib import closing

from odoo import api, models
from odoo.fields import Domain
from odoo.tools.pdf import OdooPdfFileReader, OdooPdfFileWriter

EMBEDDED_BYTES = 5 * 1024 * 1024
"""Larger documents are not put into an electronic invoice: its text would be too long for the programs that read it."""
EMBEDDING_FORMATS = ("ubl_bis3", "xrechnung", "nlcius", "ubl_a_nz", "ubl_sg")


class AccountMoveSend(models.AbstractModel):
    """Statements go out with their invoice: with the mail, and as additional documents in an electronic invoice.

    What electronic invoices are is up to Odoo's ``account_edi_ubl_cii``, which need not be installed: then nobody calls the
    methods that extend it.
    """

    _inherit = "account.move.send"

    @api.model
    def _get_invoice_extra_attachments(self, move):
        statements = move.sudo().call_statement_ids
        made = statements._documents() if self.env.context.get("call_documents_made") else statements._ensure_documents()
        return super()._get_invoice_extra_attachments(move) + made

    def _get_ubl_available_attachments(self, mail_attachments_widget, invoice_edi_format):
        """UBL: among the attachments of the mail, unless the user took them out."""
        embedded, others = super()._get_ubl_available_attachments(mail_attachments_widget, invoice_edi_format)
        if invoice_edi_format in EMBEDDING_FORMATS:
            chosen = [
                each["id"] for each in mail_attachments_widget or () if isinstance(each["id"], int) and not each.get("skip")
            ]
            embedded |= self._embeddable(self.env["ir.attachment"].browse(chosen))
        return embedded, others - embedded

    def _hook_invoice_document_after_pdf_report_render(self, invoice, invoice_data):
        """Factur-X: as files in the PDF, beside the XML, after Odoo has made it a PDF/A."""
        res = super()._hook_invoice_document_after_pdf_report_render(invoice, invoice_data)
        pdf = invoice_data.get("pdf_attachment_values")
        if invoice_data.get("invoice_edi_format") == "facturx" and pdf and pdf["raw"].startswith(b"%PDF"):
            pdf["raw"] = self._with_files(pdf["raw"], self._embeddable(invoice.sudo().call_statement_ids._ensure_documents()))
        return res

    @api.model
    def _embeddable(self, attachments):
        """Those that are documents of a statement, and not too large."""
        links = ("pdf_attachment_id", "file_attachment_id", "performance_report_ids.document_id")
        domain = Domain.OR([(link, "in", attachments.ids)] for link in links)
        documents = self.env["call.statement"].sudo().search(domain)._documents() & attachments
        return documents.filtered(lambda each: each.file_size <= EMBEDDED_BYTES)

    @api.model
    def _with_files(self, content, attachments):
        """A PDF with files in it."""
        if not attachments:
            return content
        writer = OdooPdfFileWriter()
        with closing(io.BytesIO(content)) as source, closing(io.BytesIO()) as target:
            writer.cloneReaderDocumentRoot(OdooPdfFileReader(source, strict=False))
            writer._header = writer._header.rstrip()  # PDF/A has one line end there, which the writer adds
            for attachment in attachments:
                writer.embed_odoo_attachment(attachment)
            writer.write(target)
            return target.getvalue()
