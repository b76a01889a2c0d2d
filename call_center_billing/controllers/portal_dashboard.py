from odoo import fields, http
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal

from ..models.call_dashboard import CARDS


class CallDashboardPortal(CustomerPortal):
    """The client's numbers at a glance; what they are, and that they are the client's, is ``call.dashboard``'s."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        Dashboard = request.env["call.dashboard"]
        if "call_running_count" in counters:
            values["call_running_count"] = len(Dashboard._running()) if self._sees_calls() else 0
        if "call_allowance_alert_count" in counters:
            values["call_allowance_alert_count"] = len(Dashboard._alerts(Dashboard._running())) if self._sees_calls() else 0
        return values

    def _sees_calls(self):
        return request.env["call.statement"].has_access("read")

    @http.route("/my/calls/dashboard", type="http", auth="user", website=True, readonly=True)
    def portal_my_call_dashboard(self, period=None, **kw):
        if not self._sees_calls():
            return request.redirect("/my")
        Dashboard = request.env["call.dashboard"]
        running, past = Dashboard._running(), Dashboard._past()
        period = self._day(period)
        results = request.env["call.service.result"].union(*(mine.service_result_ids for mine, *_totals in past))
        values = self._prepare_portal_layout_values()
        values.update(
            {
                "cards": Dashboard._cards(running[:CARDS]),
                "more_running": len(running[CARDS:]),
                "past": past,
                "past_results": results.sorted(lambda r: (r.statement_id.date_start, r.id), reverse=True),
                "charted": Dashboard._charted(period),
                "period": period,
                "page_name": "call_dashboard",
            }
        )
        return request.render("call_center_billing.portal_my_call_dashboard", values)

    @http.route("/my/calls/dashboard/charts", type="jsonrpc", auth="user", website=True, readonly=True)
    def portal_my_call_charts(self, period=None):
        return request.env["call.dashboard"]._charts(self._day(period)) if self._sees_calls() else {}

    def _day(self, text):
        try:
            return fields.Date.to_date(text) or None
        except (TypeError, ValueError):
            return None
