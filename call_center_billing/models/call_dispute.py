from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import plaintext2html

from .call_dispute_line import DOOR, STAFF
from .windows import form_of

STATES = [
    ("new", "New"),
    ("review", "Under review"),
    ("accepted", "Accepted"),
    ("partly", "Partly accepted"),
    ("rejected", "Rejected"),
    ("withdrawn", "Withdrawn"),
    ("settled", "Settled"),
]
TRANSITIONS = {
    "new": ("review", "withdrawn"),
    "review": ("accepted", "partly", "rejected", "withdrawn"),
    "accepted": ("settled",),
    "partly": ("settled",),
    "settled": ("accepted", "partly"),  # its credit note is a draft again
    "rejected": (),
    "withdrawn": (),
}
ACTIVITY = "call_center_billing.dispute_activity"
OUTCOMES = ("accepted", "partly", "rejected")
ACCOUNTANT = "call_center_billing.group_accountant"
FREE = {
    "user_id",
    "internal_note",
    "message_follower_ids",
    "message_ids",
    "activity_ids",
    "access_token",
    "message_main_attachment_id",
}
"""What may change beside the door."""


class CallDispute(models.Model):
    """A client's objection to calls or charges of one statement, whose invoice is posted.

    Raised by ``call.statement._raise_dispute`` and by nothing else. Decided line by line; what is accepted is kept as corrections
    (``call.correction``), the period is rated again with them by the engine that billed it, and the exact difference becomes
    adjustments that name the dispute. It is settled when these are on posted documents: an accepted dispute that makes no difference
    at once. A rejected one stays rejected: nothing is left to settle. State, amounts and decision change by the door only.
    """

    _name = "call.dispute"
    _description = "Dispute"
    _inherit = ["portal.mixin", "mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _mail_post_access = "read"

    name = fields.Char(string="Number", required=True, readonly=True, copy=False, default="/")
    statement_id = fields.Many2one("call.statement", required=True, readonly=True, ondelete="restrict", index=True)
    invoice_id = fields.Many2one("account.move", required=True, readonly=True, ondelete="restrict", index=True)
    contract_id = fields.Many2one(related="statement_id.contract_id", store=True, index=True)
    partner_id = fields.Many2one(related="statement_id.partner_id", store=True, index=True, string="Client")
    company_id = fields.Many2one(related="statement_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="statement_id.currency_id")
    raised_by_id = fields.Many2one("res.partner", string="Raised by", required=True, readonly=True, help="Who gets the answers.")
    user_id = fields.Many2one("res.users", string="Responsible", tracking=True, index=True)
    state = fields.Selection(STATES, required=True, default="new", readonly=True, index=True, tracking=True, group_expand=True)
    outcome = fields.Selection([state for state in STATES if state[0] in OUTCOMES], string="Decision", readonly=True)
    reason_id = fields.Many2one("call.dispute.reason", required=True, readonly=True, ondelete="restrict", index=True)
    comment = fields.Text(readonly=True, help="What the client wrote.")
    response = fields.Text(string="Answer", readonly=True, help="What the client reads with the decision.")
    internal_note = fields.Text(groups=STAFF, help="For the staff only.")
    override_note = fields.Char(
        string="Raised Late", readonly=True, groups=STAFF, help="Why it was taken on after the contestation window."
    )
    raised_at = fields.Datetime(string="Raised on", required=True, readonly=True, default=fields.Datetime.now)
    deadline = fields.Date(string="Answer Until", readonly=True, help="So many days after it was raised as the settings say.")
    decided_at = fields.Datetime(string="Decided on", readonly=True)
    decided_by_id = fields.Many2one("res.users", string="Decided by", readonly=True)
    age = fields.Integer(
        string="Age (days)", compute="_compute_age", aggregator=None, help="From raising to the decision, or to today."
    )
    line_ids = fields.One2many("call.dispute.line", "dispute_id", string="Lines")
    line_count = fields.Integer(string="Entries", compute="_compute_line_count")
    disputed_amount = fields.Monetary(
        string="At Stake",
        compute="_compute_disputed_amount",
        store=True,
        help="What the invoice has of the lines, without taxes.",
    )
    adjustment_ids = fields.One2many("call.adjustment", "dispute_id", string="Adjustments")
    credited_amount = fields.Monetary(
        string="Given Back", compute="_compute_credited_amount", store=True, help="Exact difference of the period, without taxes."
    )

    _number = models.UniqueIndex("(company_id, name) WHERE name <> '/'", "A dispute with this number exists.")

    # --- Fields -------------------------------------------------------------------------------------------

    @api.depends("raised_at", "decided_at")
    def _compute_age(self):
        now = fields.Datetime.now()
        for dispute in self:
            dispute.age = ((dispute.decided_at or now) - (dispute.raised_at or now)).days

    @api.depends("line_ids")
    def _compute_line_count(self):
        counts = dict(self.env["call.dispute.line"]._read_group([("dispute_id", "in", self.ids)], ["dispute_id"], ["__count"]))
        for dispute in self:
            dispute.line_count = counts.get(dispute, 0)

    @api.depends("line_ids.amount")
    def _compute_disputed_amount(self):
        for dispute in self:
            dispute.disputed_amount = sum(dispute.line_ids.mapped("amount"))

    @api.depends("adjustment_ids.amount", "adjustment_ids.state")
    def _compute_credited_amount(self):
        for dispute in self:
            counted = dispute.adjustment_ids.filtered(lambda adjustment: adjustment.state != "lost")
            dispute.credited_amount = -sum(counted.mapped("amount"))

    def _compute_access_url(self):
        for dispute in self:
            dispute.access_url = f"/my/disputes/{dispute.id}"

    # --- CRUD ---------------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        if self.env.context.get("call_dispute_door") is not DOOR:
            raise UserError(self.env._("Disputes are raised from an invoice, a statement or its calls."))
        for vals in vals_list:
            vals["name"] = self.env["ir.sequence"].next_by_code("call.dispute")
        return super().create(vals_list)

    def write(self, vals):
        lines = {command[0] for command in vals.get("line_ids") or ()}
        kept = set(vals) - FREE - ({"line_ids"} if lines <= {fields.Command.UPDATE} else set())
        if kept and self.env.context.get("call_dispute_door") is not DOOR:
            raise UserError(self.env._("Disputes change by being reviewed, decided or withdrawn only."))
        res = super().write(vals)
        if vals.get("user_id"):
            self.activity_reschedule([ACTIVITY], new_user_id=vals["user_id"])
        return res

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("A dispute stays: withdraw it instead of deleting it."))

    def _pass_door(self, vals):
        self.with_context(call_dispute_door=DOOR).write(vals)

    # --- States: one door ---------------------------------------------------------------------------------

    def _set_state(self, state, **values):
        """The only way a dispute changes.

        :raise UserError: the state does not follow on the present one
        """
        labels = dict(self._fields["state"]._description_selection(self.env))
        for dispute in self:
            if state not in TRANSITIONS[dispute.state]:
                raise UserError(
                    self.env._(
                        "%(name)s is %(state)s and cannot become %(new)s.",
                        name=dispute.name,
                        state=labels[dispute.state].lower(),
                        new=labels[state].lower(),
                    )
                )
        self._pass_door({"state": state, **values})

    def action_review(self):
        """Take it on."""
        self.check_access("write")
        for dispute in self:
            dispute.sudo()._set_state("review", user_id=(dispute.user_id or self.env.user).id)
            if dispute.company_id.call_dispute_review_mail:
                dispute._tell("review")
        return True

    def action_withdraw(self):
        """The client took it back, as it told the staff."""
        self.check_access("write")
        for dispute in self:
            dispute._withdraw(self.env.user.partner_id, None)
        return True

    def _withdraw(self, partner, reason):
        """:param partner: who withdraws it
        :raise UserError: it is decided
        """
        self.ensure_one()
        self.check_access("read")
        dispute = self.sudo()
        dispute._hold()
        dispute._set_state("withdrawn")
        dispute._end_activity()
        reason = reason or self.env._("no reason given")
        dispute._post_for(partner, self.env._("Withdrawn: %s", reason))

    def _hold(self):
        """Make sure that nobody else decides anything about the calls of the same periods at the same time: who comes second starts
        again, and sees what the first one did."""
        self.statement_id._pool()._hold()
        self.invalidate_recordset()

    # --- Client and staff ---------------------------------------------------------------------------------

    def _tell(self, step):
        """Mail about a step, in the client's language, kept in the chatter. It is from the responsible, whoever did the step."""
        self.ensure_one()
        template = self.env.ref(f"call_center_billing.mail_template_dispute_{step}")
        author = self.user_id.partner_id or self.company_id.partner_id
        # The client is told as well where it did the step itself.
        self.sudo().with_context(mail_notify_author=True).message_post_with_source(
            template, author_id=author.id, message_type="comment", subtype_xmlid="mail.mt_comment"
        )

    def _post_for(self, partner, body, **values):
        author = partner or self.env.user.partner_id
        self.message_post(
            body=plaintext2html(body), author_id=author.id, message_type="comment", subtype_xmlid="mail.mt_comment", **values
        )

    def _ask_responsible(self):
        """One activity, for as long as it is open."""
        for dispute in self.filtered("user_id"):
            summary = self.env._("Answer dispute %s", dispute.name)
            dispute.activity_schedule(ACTIVITY, date_deadline=dispute.deadline, summary=summary, user_id=dispute.user_id.id)

    def _end_activity(self):
        self.activity_feedback([ACTIVITY])

    @api.model
    def _responsible(self, contract):
        """Who answers for the client: of the contract, of the client, whoever raises it, or a billing accountant of the company."""
        company = contract.company_id
        accountants = self.env.ref(ACCOUNTANT).sudo().all_user_ids.sorted("id")
        for user in (contract.user_id, contract.partner_id.user_id, self.env.user, *accountants):
            if user.active and user.has_group(STAFF) and company in user.company_ids:
                return user
        return self.env["res.users"]

    def action_view_adjustments(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_adjustment_action")
        return action | {"domain": [("dispute_id", "in", self.ids)], "context": {}}

    def action_view_statement(self):
        return form_of(self.statement_id)

    def action_view_invoice(self):
        return form_of(self.invoice_id)

    def _open(self):
        return form_of(self)

    @api.model
    def _action_of(self, domain):
        """Action that shows disputes, the one of them if there is one only."""
        disputes = self.search(domain, limit=2)
        if len(disputes) == 1:
            return disputes._open()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_dispute_action")
        return action | {"domain": domain, "context": {}}
