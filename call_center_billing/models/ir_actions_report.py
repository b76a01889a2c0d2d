from odoo import models

from odoo.addons.base.models.ir_actions_report import _wkhtml


class IrActionsReport(models.Model):
    """The build of wkhtmltopdf that Debian ships takes one document a run: with it, several invoices or statements are
    rendered one after another. The other build takes them together, which is faster."""

    _inherit = "ir.actions.report"

    def _render_qweb_pdf_prepare_streams(self, report_ref, data, res_ids=None):
        ids = set(res_ids or ())
        if len(ids) < 2 or len(ids) < len(res_ids) or _wkhtml().is_patched_qt or not self._is_rendered_singly(report_ref):
            return super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids=res_ids)
        streams = {}
        for res_id in res_ids:
            streams.update(super()._render_qweb_pdf_prepare_streams(report_ref, dict(data or {}), res_ids=[res_id]))
        return streams

    def _is_rendered_singly(self, report_ref):
        return self._is_invoice_report(report_ref) or self._get_report(report_ref).model == "call.statement"
