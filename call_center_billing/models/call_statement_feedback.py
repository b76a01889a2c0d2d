"""What the client says of a period."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import plaintext2html

from odoo.addons.rating.models.rating_data import RATING_LIMIT_OK

BATCH = 50
ANSWERED = ("invoiced", "settled")


class CallStatement(models.Model):
    """A client is asked once for each period, some days after its invoice, how it was; it can also say so on the portal. A poor answer
    becomes an activity of whoever is responsible for the contract."""

    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    feedback_asked_at = fields.Datetime(string="Asked for Feedback", readonly=True, copy=False)
    user_id = fields.Many2one(related="contract_id.user_id", store=True, string="Responsible")
    is_rated = fields.Boolean(
        string="Answered", compute="_compute_is_rated", store=True, help="The client said how the period was."
    )

    @api.depends("rating_last_value")
    def _compute_is_rated(self):
        for statement in self:
            statement.is_rated = bool(statement.rating_last_value)

    def _rating_get_partner(self):
        return self.contract_id.partner_id

    def _rating_get_operator(self):
        return self.user_id.partner_id or super()._rating_get_operator()

    def rating_apply(self, rate, token=None, rating=None, feedback=None, subtype_xmlid=None, notify_delay_send=False):
        """A poor rating is somebody's to look at."""
        rating = super().rating_apply(rate, token, rating, feedback, subtype_xmlid, notify_delay_send)
        if rate < RATING_LIMIT_OK:
            self._look_into(rating)
        return rating

    def _look_into(self, rating):
        self.ensure_one()
        summary = self.env._("%s is not content: talk to the client", self.partner_id.name)
        if not self.activity_ids.filtered(lambda activity: activity.summary == summary):
            self.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=summary,
                note=plaintext2html(rating.feedback or ""),
                user_id=(self.user_id or self.env.ref("base.user_admin")).id,
            )

    @api.model
    def _to_ask_domain(self):
        """Statements whose client is to be asked today: each once, and none of long ago when asking is switched on."""
        today, domains = fields.Date.context_today(self), []
        for company in self.env["res.company"].sudo().search([("call_feedback_days", ">", 0)]):
            latest = today - timedelta(days=company.call_feedback_days)
            domains.append(
                Domain("company_id", "=", company.id)
                & Domain("invoice_id.invoice_date", "<=", latest)
                & Domain("invoice_id.invoice_date", ">", latest - timedelta(days=30))
            )
        return (
            Domain.OR(domains)
            & Domain("state", "in", ANSWERED)
            & Domain("invoice_id.state", "=", "posted")
            & Domain("feedback_asked_at", "=", False)
            & Domain("is_rated", "=", False)
            & Domain("billed_again_id", "=", False)
            & Domain("contract_id.ask_feedback", "=", True)
            & Domain("contract_id.partner_id.email", "!=", False)
        )

    @api.model
    def _cron_ask_feedback(self):
        """A batch in a transaction: what is asked, and that it was asked, are committed together."""
        template = self.env.ref("call_center_billing.mail_template_feedback")
        while batch := self.sudo().search(self._to_ask_domain(), limit=BATCH):
            batch.lock_for_update()
            batch.feedback_asked_at = fields.Datetime.now()
            for statement in batch:
                statement._ask_feedback(template)
            left = self.search_count(self._to_ask_domain())
            if not self.env["ir.cron"]._commit_progress(len(batch), remaining=left):
                return

    def _ask_feedback(self, template):
        """By mail, with links that open a page to answer on; opening one answers nothing."""
        self.ensure_one()
        self.rating_send_request(template, lang=self.contract_id.partner_id.lang, force_send=False)

    def action_ask_feedback(self):
        """Ask now, also a second time. For whoever looks after the contract: it writes to the client."""
        self.check_access("read")
        self.contract_id.check_access("write")
        template = self.env.ref("call_center_billing.mail_template_feedback")
        for statement in self.sudo().filtered(lambda s: s.state in ANSWERED and s.contract_id.partner_id.email):
            statement.feedback_asked_at = fields.Datetime.now()
            statement._ask_feedback(template)
        return True

    def action_view_ratings(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("rating.rating_rating_action")
        return action | {"domain": [("res_model", "=", self._name), ("res_id", "=", self.id)], "context": {}}


class ContractContract(models.Model):
    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    ask_feedback = fields.Boolean(
        string="Ask for Feedback",
        default=True,
        help="The client is asked by mail how each period was, some days after its invoice.",
    )


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    call_feedback_days = fields.Integer(
        string="Ask for Feedback After",
        default=3,
        help="Days after the date of an invoice with calls, on which its client is asked how the period was. 0: never.",
    )

    _call_feedback_days_positive = models.Constraint("CHECK (call_feedback_days >= 0)", "Days must not be negative.")
