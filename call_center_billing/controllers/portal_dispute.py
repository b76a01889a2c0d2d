from datetime import datetime

from odoo import http
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.http import request

from .lists import counted, listed
from .portal import CallStatementPortal
from .portal_calls import number
from .replica import may_lag

MAX_MISSING = 500
MAX_FILES = 5
MAX_FILE_BYTES = 10 * 1024 * 1024
COLUMNS = ("start", "caller", "called", "total_seconds")
TOLERANCES = (1, 3600)


def numbers(texts):
    """Ids out of what a form sent, each once."""
    return list(dict.fromkeys(found for text in texts if (found := number(text))))


class CallDisputePortal(CallStatementPortal):
    """What a client disputes, and what becomes of it. What it chooses is read through its own record rules before it is disputed."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "call_dispute_count" in counters:
            values["call_dispute_count"] = counted("call.dispute", self._dispute_domain)
        return values

    def _dispute_domain(self):
        return request.env.user._call_dispute_domain()

    @http.route(["/my/disputes", "/my/disputes/page/<int:page>"], type="http", auth="user", website=True, readonly=may_lag)
    def portal_my_disputes(self, page=1, filterby=None, **kw):
        if not request.env["call.dispute"].has_access("read"):
            return request.redirect("/my")
        filters = {
            "all": {"label": request.env._("All"), "domain": []},
            "open": {"label": request.env._("Open"), "domain": [("state", "in", ("new", "review"))]},
            "decided": {"label": request.env._("Decided"), "domain": [("outcome", "!=", False)]},
        }
        filterby = filterby if filterby in filters else "all"
        domain = self._dispute_domain() & Domain(filters[filterby]["domain"])
        disputes, values = listed(self, "call.dispute", domain, "/my/disputes", page, filterby=filterby)
        values.update(
            {
                "disputes": disputes,
                "page_name": "call_dispute",
                "searchbar_filters": filters,
                "filterby": filterby,
            }
        )
        return request.render("call_center_billing.portal_my_disputes", values)

    @http.route("/my/disputes/<int:dispute_id>", type="http", auth="user", website=True, readonly=may_lag)
    def portal_my_dispute(self, dispute_id, message=None, **kw):
        dispute = self._own_dispute(dispute_id)
        if not dispute:
            return request.redirect("/my/disputes")
        values = self._prepare_portal_layout_values()
        values.update({"dispute": dispute, "message": message, "page_name": "call_dispute"})
        return request.render("call_center_billing.portal_my_dispute", values)

    @http.route("/my/disputes/<int:dispute_id>/withdraw", type="http", auth="user", methods=["POST"], website=True)
    def portal_my_dispute_withdraw(self, dispute_id, reason=None, **kw):
        dispute = self._own_dispute(dispute_id)
        if not dispute:
            return request.redirect("/my/disputes")
        try:
            dispute._withdraw(request.env.user.partner_id, (reason or "").strip())
        except UserError:
            return request.redirect(f"/my/disputes/{dispute.id}?message=decided")
        return request.redirect(f"/my/disputes/{dispute.id}?message=withdrawn")

    # --- A new one ----------------------------------------------------------------------------------------

    @http.route("/my/disputes/new", type="http", auth="user", methods=["GET", "POST"], website=True)
    def portal_new_dispute(self, step=None, reason=None, comment=None, **kw):
        """Calls and charges that were chosen, a reason and a comment; sent, one dispute for each statement."""
        form = request.httprequest.values if request.httprequest.method == "GET" else request.httprequest.form
        chosen = self._chosen(form)
        if not any(chosen):
            return request.redirect("/my/statements")
        error = None
        if step == "send" and request.httprequest.method == "POST":
            disputes, error = self._send(*chosen, reason, (comment or "").strip())
            if disputes:
                one = f"/my/disputes/{disputes.id}?message=received" if len(disputes) == 1 else "/my/disputes?message=received"
                return request.redirect(one)
        values = self._prepare_portal_layout_values()
        values.update(
            {
                **dict(zip(("calls", "charges", "extra", "missing"), chosen, strict=True)),
                "missing_on": self._own_statement(number(form.get("statement")) or 0),
                "reasons": request.env["call.dispute.reason"].sudo().search([]),
                "reason": number(reason),
                "comment": comment,
                "error": error,
                "page_name": "call_dispute",
            }
        )
        return request.render("call_center_billing.portal_new_dispute", values)

    def _chosen(self, form):
        """Calls and charges of the client's own statements: what is not, is not there; and entries of its own list for one of them.

        :return: (calls, charges, ids of those calls that its list has not, list of (text that a form carries, values of a line))
        """
        own = Domain("statement_id", "any", request.env.user._call_statement_domain())
        extra = set(numbers(form.getlist("extra")))
        ids = numbers([*form.getlist("call"), *form.getlist("extra")])
        calls = request.env["call.usage.line"].search(Domain("id", "in", ids) & own, order="start_at")
        charges = request.env["call.charge"].search(Domain("id", "in", numbers(form.getlist("charge"))) & own)
        statement = self._own_statement(number(form.get("statement")) or 0)
        texts = form.getlist("missing")[:MAX_MISSING] if statement else []
        missing = [(text, entry) for text in texts if (entry := self._entry(text))]
        return calls, charges, extra & set(calls.ids), missing

    def _entry(self, text):
        """An entry of the client's list, as the page with the comparison wrote it: start, seconds and number."""
        start, _bar, rest = text.partition("|")
        seconds, _bar, called = rest.partition("|")
        try:
            start = datetime.fromisoformat(start)
        except ValueError:
            return None
        return {"kind": "missing", "start_at": start.replace(tzinfo=None), "seconds": number(seconds) or 0, "number": called[:64]}

    def _send(self, calls, charges, extra, missing, reason, comment):
        """:return: (disputes, None) or (none, what is wrong)"""
        chosen = request.env["call.dispute.reason"].sudo().search([("id", "=", number(reason) or 0)])
        disputes = request.env["call.dispute"]
        if not chosen:
            return disputes, request.env._("Choose the reason.")
        listed = (
            self._own_statement(number(request.httprequest.form.get("statement")) or 0)
            if missing
            else calls.statement_id.browse()
        )
        try:
            files = self._files()
            with request.env.cr.savepoint():
                for statement in calls.statement_id | charges.statement_id | listed:
                    mine = calls.filtered(lambda call, statement=statement: call.statement_id == statement)
                    lines = [{"usage_id": call.id, "kind": "extra" if call.id in extra else "call"} for call in mine]
                    lines += [{"charge_id": charge.id} for charge in charges if charge.statement_id == statement]
                    lines += [entry for _text, entry in missing if statement == listed]
                    disputes |= statement._raise_dispute(
                        lines, chosen, comment=comment, partner=request.env.user.partner_id, attachments=files
                    )
        except UserError as error:
            return request.env["call.dispute"], str(error)
        return disputes, None

    def _files(self):
        files = [each for each in request.httprequest.files.getlist("attachment") if each.filename]
        if len(files) > MAX_FILES:
            raise UserError(request.env._("At most %s files.", MAX_FILES))
        contents = [(each.filename, each.read(MAX_FILE_BYTES + 1)) for each in files]
        if any(len(content) > MAX_FILE_BYTES for _name, content in contents):
            raise UserError(request.env._("A file is larger than 10 MB."))
        return contents

    def _own_dispute(self, dispute_id):
        Dispute = request.env["call.dispute"]
        if not Dispute.has_access("read"):
            return Dispute
        return Dispute.search(Domain("id", "=", dispute_id) & self._dispute_domain())

    # --- The client's own list ------------------------------------------------------------------------------

    @http.route("/my/statements/<int:statement_id>/own-list", type="http", auth="user", methods=["GET", "POST"], website=True)
    def portal_own_list(self, statement_id, **kw):
        statement = self._own_statement(statement_id)
        if not statement:
            return request.redirect("/my/statements")
        partner = request.env.user.partner_id.commercial_partner_id.sudo()
        columns = {name: (kw.get(f"column_{name}") or "").strip() for name in COLUMNS}
        found = error = refused = None
        if request.httprequest.method == "POST":
            upload = request.httprequest.files.get("list")
            content = upload.read(MAX_FILE_BYTES + 1) if upload else b""
            try:
                found, refused = request.env["call.own.list"]._compare(
                    statement,
                    content,
                    upload.filename if upload else "",
                    columns,
                    start_tolerance=self._tolerance(kw.get("start_tolerance"), 120),
                    seconds_tolerance=self._tolerance(kw.get("seconds_tolerance"), 2),
                    date_order=kw.get("date_order") if kw.get("date_order") in ("dmy", "mdy") else None,
                )
                partner.call_list_columns = {**columns, "date_order": kw.get("date_order") or ""}
            except UserError as problem:
                error = str(problem)
        else:
            columns |= {name: text for name, text in (partner.call_list_columns or {}).items() if name in columns}
        shown = found.ours + [ours for ours, _theirs in found.different] if found else []
        values = self._prepare_portal_layout_values()
        values.update(
            {
                "statement": statement,
                "columns": columns,
                "date_order": kw.get("date_order") or (partner.call_list_columns or {}).get("date_order"),
                "start_tolerance": self._tolerance(kw.get("start_tolerance"), 120),
                "seconds_tolerance": self._tolerance(kw.get("seconds_tolerance"), 2),
                "found": found,
                "refused": refused,
                "error": error,
                "calls": {call.id: call for call in request.env["call.usage.line"].browse([entry.ref for entry in shown])},
                "page_name": "call_statement",
            }
        )
        return request.render("call_center_billing.portal_own_list", values)

    def _tolerance(self, text, usual):
        seconds = number(text)
        return usual if seconds is None else min(max(seconds, 0), TOLERANCES[1])
