import os

from werkzeug.wsgi import wrap_file

from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.fields import Domain
from odoo.http import request
from odoo.tools import format_date

from odoo.addons.account.controllers.portal import CustomerPortal
from odoo.addons.portal.controllers.portal import pager as portal_pager

from ..models.call_statement_document import MIMETYPES
from .lists import counted, listed
from .replica import may_lag

CALLS_PER_PAGE = 50


def file_headers(name, kind):
    return [("Content-Type", MIMETYPES[kind]), ("Content-Disposition", http.content_disposition(name))]


def send_file(stream, name, kind):
    """A file that is on disk, so that its size does not matter."""
    headers = [*file_headers(name, kind), ("Content-Length", os.fstat(stream.fileno()).st_size)]
    return request.make_response(wrap_file(request.httprequest.environ, stream), headers=headers)


class CallStatementPortal(CustomerPortal):
    """The client's statements. Every read goes through the user's own record rules, but for totals of periods that are not
    invoiced yet; what of them is the client's own says the user (``_call_statement_domain``), also of people of the staff."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        Statement = request.env["call.statement"]
        if "call_statement_count" in counters:
            values["call_statement_count"] = counted("call.statement", request.env.user._call_statement_domain)
        if "call_review_count" in counters:
            values["call_review_count"] = len(Statement._to_review()) if Statement.has_access("read") else 0
        if not counters and Statement.has_access("read") and (first := Statement._to_review()[:1]):  # the page itself
            values["review_text"] = request.env._("The next one until %s", format_date(request.env, first.review_until))
        return values

    @http.route(["/my/statements", "/my/statements/page/<int:page>"], type="http", auth="user", website=True, readonly=may_lag)
    def portal_my_statements(self, page=1, sortby=None, **kw):
        if not request.env["call.statement"].has_access("read"):
            return request.redirect("/my")
        sortings = {
            "date": {"label": request.env._("Period"), "order": "date_start desc, id desc"},
            "contract": {"label": request.env._("Contract"), "order": "contract_id, date_start desc"},
        }
        sortby = sortby if sortby in sortings else "date"
        domain = request.env.user._call_statement_domain()
        order = sortings[sortby]["order"]
        statements, values = listed(self, "call.statement", domain, "/my/statements", page, order, sortby=sortby)
        values.update(
            {
                "statements": statements,
                "invoices": statements.invoice_id._filtered_access("read"),
                "running": self._running_statements(),
                "tokens": self._own_tokens(),
                "page_name": "call_statement",
                "searchbar_sortings": sortings,
                "sortby": sortby,
            }
        )
        return request.render("call_center_billing.portal_my_statements", values)

    @http.route(
        ["/my/statements/<int:statement_id>", "/my/statements/<int:statement_id>/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_statement(self, statement_id, page=1, charge=None, reason=None, **kw):
        statement = self._own_statement(statement_id)
        if not statement:
            return request.redirect("/my/statements")
        chosen = statement.charge_ids.filtered(lambda c: str(c.id) == charge)
        domain = chosen._calls_domain() if chosen else [("statement_id", "=", statement.id)]
        reason = None if chosen else next((each for each in statement._not_billable() if each.key == reason), None)
        if reason:
            domain += [("status", "=", "not_billable"), ("not_billable_reason", "=", reason.key)]
        pager = portal_pager(
            url=f"/my/statements/{statement.id}",
            url_args={"charge": chosen.id} if chosen else {"reason": reason.key} if reason else {},
            total=chosen.call_count if chosen else reason.calls if reason else statement.usage_count,
            page=page,
            step=CALLS_PER_PAGE,
        )
        values = self._prepare_portal_layout_values()
        values.update(
            {
                "statement": statement,
                "shown_invoice": statement.invoice_id._filtered_access("read"),
                "pay_url": statement._pay_url(),
                "chosen": chosen,
                "reason": reason,
                "calls": request.env["call.usage.line"].search(
                    domain, order="start_at, id", limit=CALLS_PER_PAGE, offset=pager["offset"]
                ),
                "page_name": "call_statement",
                "pager": pager,
                "charge_url": f"/my/statements/{statement.id}",
                "disputable": statement.filtered(lambda each: each.sudo()._can_be_disputed()),
                "disputes": statement._own_disputes(),
            }
        )
        return request.render("call_center_billing.portal_my_statement", values)

    @http.route("/my/statements/collection", type="http", auth="user", website=True, methods=["POST"])
    def portal_my_statements_collection(self, token_id, agrees="", **kw):
        """The client agrees that a saved payment method is charged on due dates, or takes that back."""
        token = self._own_tokens().filtered(lambda each: str(each.id) == token_id)
        if token:
            token._agree_collection(bool(agrees))
        return request.redirect("/my/statements?message=saved")

    def _own_tokens(self):
        """Saved payment methods of the user and its company, where automatic collection is offered. The companies are read with ``sudo``:
        clients cannot."""
        partner = request.env.user.partner_id
        domain = [("partner_id", "in", (partner | partner.commercial_partner_id).ids)]
        tokens = request.env["payment.token"].search(domain)
        return tokens.filtered(lambda token: token.sudo().company_id.call_offers_collection)

    @http.route("/my/statements/so-far/<int:statement_id>", type="http", auth="user", website=True, readonly=True)
    def portal_my_statement_so_far(self, statement_id, **kw):
        statement = self._running_statements().filtered(lambda s: s.id == statement_id)
        if not statement:
            return request.redirect("/my/statements")
        values = self._prepare_portal_layout_values()
        values.update({"statement": statement, "so_far": statement._so_far(), "page_name": "call_statement"})
        return request.render("call_center_billing.portal_my_statement_so_far", values)

    def _running_statements(self):
        """Periods of the user's own contracts that are not invoiced yet. ``sudo`` because record rules keep open statements, and
        their calls, from clients: what these pages show of them are totals."""
        domain = Domain("contract_id", "any!", request.env.user._call_contract_domain()) & Domain("state", "=", "open")
        return request.env["call.statement"].sudo().search(domain)

    @http.route(
        "/my/statements/<int:statement_id>/<any(pdf,csv,xlsx):kind>", type="http", auth="user", website=True, readonly=True
    )
    def portal_my_statement_download(self, statement_id, kind, **kw):
        statement = self._own_statement(statement_id)
        if not statement:
            return request.redirect("/my/statements")
        if kind not in statement._document_kinds():
            return request.redirect(f"/my/statements/{statement.id}")
        return self._download(statement, kind)

    @http.route("/call_center_billing/statement/<int:statement_id>/<any(csv,xlsx):kind>", type="http", auth="user", readonly=True)
    def statement_file(self, statement_id, kind, **kw):
        """The staff's download, of statements that are not closed yet too."""
        statement = request.env["call.statement"].browse(statement_id)
        try:
            statement.check_access("read")
            return self._download(statement, kind)
        except (AccessError, MissingError):
            raise request.not_found() from None

    def _invoice_get_page_view_values(self, invoice, access_token, **kwargs):
        """Whoever came by a link sees the invoice; its calls only who may see them."""
        values = super()._invoice_get_page_view_values(invoice, access_token, **kwargs)
        Statement = request.env["call.statement"]
        domain = Domain("invoice_id", "=", invoice.id) & request.env.user._call_statement_domain()
        values["call_statements"] = Statement.search(domain) if Statement.has_access("read") else Statement
        return values

    def _own_statement(self, statement_id):
        return request.env["call.statement"].search(Domain("id", "=", statement_id) & request.env.user._call_statement_domain())

    def _download(self, statement, kind):
        """``sudo`` after the statement itself was checked: the document reads its contract, which the client may not read by
        itself, and nothing of others."""
        statement = statement.sudo()
        name = statement._document_name(kind)
        if kind == "pdf":
            return request.make_response(statement._pdf(), headers=file_headers(name, kind))
        return send_file(statement._written(kind), name, kind)
