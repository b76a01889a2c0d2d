import binascii

from odoo import http
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal

from ..models.call_agreement import Outdated
from .lists import counted, listed
from .replica import may_lag


class CallAgreementPortal(CustomerPortal):
    """Agreements offered to the client, for its portal users and for whoever has the link of the mail. A link leads to one offer as
    it was sent: revised, it has another token, and an answer names the document that was read."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "call_agreement_count" in counters:
            values["call_agreement_count"] = counted("call.agreement", request.env.user._call_agreement_domain)
        return values

    @http.route(["/my/agreements", "/my/agreements/page/<int:page>"], type="http", auth="user", website=True, readonly=True)
    def portal_my_agreements(self, page=1, **kw):
        if not request.env["call.agreement"].has_access("read"):
            return request.redirect("/my")
        domain = request.env.user._call_agreement_domain()
        agreements, values = listed(self, "call.agreement", domain, "/my/agreements", page)
        values.update({"agreements": agreements, "page_name": "call_agreement"})
        return request.render("call_center_billing.portal_my_agreements", values)

    @http.route("/my/agreements/<int:agreement_id>", type="http", auth="public", website=True, readonly=may_lag)
    def portal_my_agreement(self, agreement_id, access_token=None, report_type=None, download=False, message=None, **kw):
        agreement = self._agreement(agreement_id, access_token)
        if not agreement:
            return request.redirect("/my/agreements")
        if report_type == "pdf":
            return self._agreement_pdf(agreement, download)
        values = {
            **agreement._document_values(),
            "page_name": "call_agreement",
            "token": access_token,
            "message": message,
            "can_answer": agreement._can_be_answered(),
        }
        values = self._get_page_view_values(agreement, access_token, values, "my_agreements_history", False)
        return request.render("call_center_billing.portal_my_agreement", values)

    @http.route("/my/agreements/<int:agreement_id>/accept/<string:document>", type="jsonrpc", auth="public", website=True)
    def portal_agreement_accept(self, agreement_id, document, access_token=None, name=None, signature=None):
        access_token = access_token or request.httprequest.args.get("access_token")
        agreement = self._agreement(agreement_id, access_token)
        if not agreement:
            return {"error": request.env._("This link does not lead to an offer any more. Please use the one in our last mail.")}
        if not (name or "").strip() or not signature:
            return {"error": request.env._("Please write your name and sign.")}
        try:
            binascii.a2b_base64(signature, strict_mode=True)
            with request.env.cr.savepoint():
                agreement._accept(document, name.strip(), signature=signature, partner=self._who())
        except (TypeError, ValueError):
            return {"error": request.env._("The signature could not be read: please sign again.")}
        except UserError as error:
            if isinstance(error, Outdated) and error.ours:
                agreement._tell_outdated()
            return {"error": str(error)}
        return {"force_refresh": True, "redirect_url": agreement.get_portal_url(query_string="&message=accepted")}

    @http.route("/my/agreements/<int:agreement_id>/decline", type="http", auth="public", methods=["POST"], website=True)
    def portal_agreement_decline(self, agreement_id, access_token=None, reason=None, **kw):
        agreement = self._agreement(agreement_id, access_token)
        if not agreement:
            return request.redirect("/my/agreements")
        message = "not_declined"
        if agreement.state == "offered" and (reason or "").strip():
            agreement._decline(reason.strip(), self._who())
            message = "declined"
        return request.redirect(agreement.get_portal_url(query_string=f"&message={message}"))

    def _agreement(self, agreement_id, access_token):
        """The agreement, if the user may read it or has its token and it was offered; with ``sudo``, since terms are read from records
        that clients do not see. In the client's language."""
        try:
            agreement = self._document_check_access("call.agreement", agreement_id, access_token=access_token)
        except (AccessError, MissingError):
            return None
        if agreement.state in ("draft", "withdrawn"):
            return None
        return agreement.with_context(lang=agreement.partner_id.lang or request.env.lang)

    def _agreement_pdf(self, agreement, download):
        content = agreement.document_id.raw if agreement.state == "accepted" else agreement._pdf()
        disposition = http.content_disposition(agreement._file_name(), "attachment" if download else "inline")
        return request.make_response(content, headers=[("Content-Type", "application/pdf"), ("Content-Disposition", disposition)])

    def _who(self):
        """Whoever is logged in, or none: a link of a mail needs no login."""
        return None if request.env.user._is_public() else request.env.user.partner_id
