from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal
from odoo.addons.portal.controllers.portal import pager as portal_pager

from .replica import may_lag_but_pdf


class CallPerformancePortal(CustomerPortal):
    """Performance reports of the client, as they were sent, for its portal users and for whoever has the link of the mail."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "call_performance_count" in counters:
            Report = request.env["call.performance.report"]
            values["call_performance_count"] = (
                Report.search_count(request.env.user._call_performance_domain()) if Report.has_access("read") else 0
            )
        return values

    @http.route(["/my/performance", "/my/performance/page/<int:page>"], type="http", auth="user", website=True, readonly=True)
    def portal_my_performance_reports(self, page=1, **kw):
        Report = request.env["call.performance.report"]
        if not Report.has_access("read"):
            return request.redirect("/my")
        domain = request.env.user._call_performance_domain()
        pager = portal_pager(url="/my/performance", total=Report.search_count(domain), page=page, step=self._items_per_page)
        values = self._prepare_portal_layout_values()
        values.update(
            {
                "reports": Report.search(domain, limit=self._items_per_page, offset=pager["offset"]),
                "page_name": "call_performance",
                "default_url": "/my/performance",
                "pager": pager,
            }
        )
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
