from odoo import http
from odoo.http import request

from .portal import CallStatementPortal

RATES = (1, 3, 5)


class CallFeedbackPortal(CallStatementPortal):
    """From the statement to Odoo's own page for a rating, which takes the answer only when it is sent."""

    @http.route("/my/statements/<int:statement_id>/rate/<int:rate>", type="http", auth="user", website=True)
    def portal_rate_statement(self, statement_id, rate, **kw):
        statement = self._own_statement(statement_id)
        if not statement or rate not in RATES:
            return request.redirect("/my/statements")
        token = statement.sudo()._rating_get_access_token(request.env.user.partner_id)
        return request.redirect(f"/rate/{token}/{rate}")
