from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal

from .lists import counted, listed
from .replica import may_lag_but_pdf


class CallPerformancePortal(CustomerPortal):
    """Performance reports of the client, as they were sent, for its portal users and for whoever has the link of the mail."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "call_performance_count" in counters:
            values["call_performance_count"] = counted("call.performance.report", request.env.user._call_performance_domain)
        return values

    @http.route(["/my/performance", "/my/performance/page/<int:page>"], type="http", auth="user", website=True, readonly=True)
    def portal_my_performance_reports(self, page=1, **kw):
        if not request.env["call.performance.report"].has_access("read"):
            return request.redirect("/my")
        domain = request.env.user._call_performance_domain()
        reports, values = listed(self, "call.performance.report", domain, "/my/performance", page)
        values.update({"reports": reports, "page_name": "call_performance"})
        return request.render("call_center_billing.portal_my_performance_reports", values)

    @http.route("/my/performance/<int:report_id>", type="http", auth="public", website=True, readonly=may_lag_but_pdf)
    def portal_my_performance_report(self, report_id, access_token=None, report_type=None, download=False, **kw):
        try:
            report = self._document_check_access("call.performance.report", report_id, access_token=access_token)
        except (AccessError, MissingError):
            return request.redirect("/my/performance")
        report = report._in_client_language()
        if report_type == "pdf":
            return self._performance_pdf(report, download)
        values = {"report": report, "figures": report.figures, "page_name": "call_performance", "token": access_token}
        values = self._get_page_view_values(report, access_token, values, "my_performance_history", False)
        return request.render("call_center_billing.portal_my_performance_report", values)

    def _performance_pdf(self, report, download):
        document = report._ensure_document()
        disposition = http.content_disposition(document.name, "attachment" if download else "inline")
        return request.make_response(
            document.raw, headers=[("Content-Type", "application/pdf"), ("Content-Disposition", disposition)]
        )
