from urllib.parse import urlencode

from odoo import http
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal

from ..models.call_search import COUNTED, Criteria
from .portal import CALLS_PER_PAGE, send_file


class CallSearchPortal(CustomerPortal):
    """The client's calls of all its statements. What is found, and that it is the client's, is ``call.search``'s."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "call_usage_count" in counters:
            Statement = request.env["call.statement"]
            values["call_usage_count"] = (
                sum(request.env["call.search"]._statements().mapped("usage_count")) if Statement.has_access("read") else 0
            )
        return values

    @http.route("/my/calls", type="http", auth="user", website=True, readonly=True)
    def portal_my_calls(self, after=None, before=None, **kw):
        if not request.env["call.statement"].has_access("read"):
            return request.redirect("/my")
        Search = request.env["call.search"]
        criteria = Search._criteria(kw)
        calls, earlier, later = Search._page(criteria, CALLS_PER_PAGE, after=number(after), before=number(before))
        count = len(calls) if not earlier and not later else Search._count(criteria)
        usage = request.env["call.usage.line"]
        values = self._prepare_portal_layout_values()
        values.update(
            {
                "calls": calls,
                "disputable": calls.statement_id.filtered(lambda statement: statement.sudo()._can_be_disputed()),
                "criteria": criteria,
                "count": count,
                "counted": COUNTED,
                "services": Search._services(),
                "dispositions": usage._fields["disposition"]._description_selection(request.env),
                "previous_url": earlier and self._url(criteria, before=calls[:1].id),
                "next_url": later and self._url(criteria, after=calls[-1:].id),
                "csv_url": self._url(criteria, "/my/calls/csv"),
                "xlsx_url": self._url(criteria, "/my/calls/xlsx"),
                "page_name": "call_search",
            }
        )
        return request.render("call_center_billing.portal_my_calls", values)

    @http.route("/my/calls/<any(csv,xlsx):kind>", type="http", auth="user", website=True, readonly=True)
    def portal_my_calls_download(self, kind, **kw):
        """Exactly what the page of the same address finds, all of it."""
        if not request.env["call.statement"].has_access("read"):
            return request.redirect("/my")
        Search = request.env["call.search"]
        criteria = Search._criteria(kw)
        name = f"{request.env._('Calls')}_{criteria.date_from}_{criteria.date_to}.{kind}"
        return send_file(Search._written(criteria, kind), name, kind)

    def _url(self, criteria: Criteria, path="/my/calls", **place):
        return f"{path}?{urlencode(criteria.args(**place))}"


def number(text):
    return int(text) if (text or "").isdecimal() and len(text) < 10 else None
