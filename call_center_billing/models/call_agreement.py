import hashlib
import json
import uuid
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import consteq, format_date, html2plaintext

from .windows import form_of

STATES = [
    ("draft", "Draft"),
    ("offered", "Offered"),
    ("accepted", "Accepted"),
    ("declined", "Declined"),
    ("expired", "Expired"),
    ("withdrawn", "Withdrawn"),
]
TRANSITIONS = {
    "draft": ("offered", "withdrawn"),
    "offered": ("accepted", "declined", "expired", "withdrawn"),
    "declined": ("draft",),
    "expired": ("draft",),
    "withdrawn": ("draft",),
    "accepted": (),
}
STAFF = "call_center_billing.group_sales"
OFFER_DAYS = 30
FREE = {
    "user_id",
    "send_error",
    "message_follower_ids",
    "message_ids",
    "activity_ids",
    "access_token",
    "message_main_attachment_id",
}
"""What may change of an agreement that is not a draft any more: none of it is in the document."""
GUARDED = {
    "terms", "before", "estimate", "document_hash", "offered_at", "signed_by", "signed_at", "signature", "signing_partner_id",
    "without_signature", "decline_reason", "document_id", "file_hash",
}  # fmt: skip
"""What is only written with the state that it belongs to. Who could write the document could read any attachment through it."""


DOOR = object()
"""In the context of what passes the door: no remote call can send it."""


class Outdated(UserError):
    """What was to be accepted is not what is offered now; ``ours`` if the staff has to do something about it."""

    def __init__(self, message, ours=False):
        super().__init__(message)
        self.ours = ours


class CallAgreement(models.Model):
    """What provider and client agree on, as a document: the terms of a contract, or of several under one agreement, or a change of them.

    Offered, it keeps its terms as texts, with their hash; what is signed is compared with that hash and with the live configuration,
    so nothing else than what bills can be accepted. Accepted, it never changes: name, time, signature, and the signed PDF with its
    own hash stay with it. An amendment is made of changes (``call.agreement.change``), which are carried out when it is accepted
    and hold from ``date_from`` on; until then they are only calculated, and taken back.
    """

    _name = "call.agreement"
    _description = "Agreement"
    _inherit = ["portal.mixin", "mail.thread", "mail.activity.mixin"]
    _order = "date_from desc, id desc"
    _mail_post_access = "read"
    _check_company_auto = True

    name = fields.Char(string="Number", required=True, readonly=True, copy=False, default="/")
    kind = fields.Selection(
        [("agreement", "Agreement"), ("amendment", "Amendment")], required=True, default="agreement", readonly=True
    )
    contract_id = fields.Many2one(
        "contract.contract",
        required=True,
        ondelete="restrict",
        index=True,
        check_company=True,
        domain="[('contract_type', '=', 'sale')]",
    )
    location_ids = fields.Many2many(
        "contract.contract",
        string="Further Locations",
        check_company=True,
        domain="[('contract_type', '=', 'sale'), ('id', '!=', contract_id), ('commercial_partner_id', 'child_of', partner_id)]",
        help="Contracts of the client's other locations or child companies that belong to the same agreement. Each keeps its own "
        "endpoints; whether they share allowances and invoices is set on the contracts.",
    )
    partner_id = fields.Many2one(
        related="contract_id.commercial_partner_id", store=True, index=True, string="Client", related_sudo=True
    )
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="contract_id.currency_id")
    user_id = fields.Many2one("res.users", string="Responsible", default=lambda self: self.env.user, tracking=True)
    state = fields.Selection(STATES, required=True, default="draft", readonly=True, copy=False, index=True, tracking=True)
    date_from = fields.Date(
        string="In Force From",
        compute="_compute_date_from",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
        help="First day of calls that the agreement, or the change, holds for. Nothing before it changes.",
    )
    valid_until = fields.Date(
        default=lambda self: fields.Date.add(fields.Date.context_today(self), days=OFFER_DAYS),
        help="Last day on which the client can accept it. Empty: no limit.",
    )
    note = fields.Text(string="Introduction", help="What the client reads above the terms: why, and what comes next.")
    simulation_id = fields.Many2one(
        "call.simulation",
        domain="[('state', '=', 'done')]",
        check_company=True,
        help="What past calls would cost: shown below the terms as an estimate, which is not part of what is agreed.",
    )
    change_ids = fields.One2many("call.agreement.change", "agreement_id", string="Changes", copy=True)
    price_change_ids = fields.One2many("call.agreement.change", "agreement_id", domain=[("kind", "=", "price")], copy=False)
    scope_change_ids = fields.One2many("call.agreement.change", "agreement_id", domain=[("kind", "!=", "price")], copy=False)
    new_date_end = fields.Date(string="New End", help="Last day of the contracts after this change. Empty: as it is.")
    # What was offered
    terms = fields.Json(readonly=True, copy=False, help="What holds from the day on: chapters of rows.")
    before = fields.Json(readonly=True, copy=False, help="What held until then, of an amendment.")
    estimate = fields.Json(readonly=True, copy=False)
    document_hash = fields.Char(
        string="Fingerprint", readonly=True, copy=False, help="SHA-256 of the terms as they were offered."
    )
    offered_at = fields.Datetime(string="Offered on", readonly=True, copy=False)
    # What was answered
    signed_by = fields.Char(readonly=True, copy=False)
    signed_at = fields.Datetime(string="Accepted on", readonly=True, copy=False)
    signature = fields.Binary(readonly=True, copy=False, attachment=True)
    signing_partner_id = fields.Many2one("res.partner", string="Signed in as", readonly=True, copy=False)
    without_signature = fields.Boolean(
        readonly=True, copy=False, help="Accepted by the staff: the agreement provides for it, or it was signed on paper."
    )
    decline_reason = fields.Text(readonly=True, copy=False)
    document_id = fields.Many2one("ir.attachment", string="Signed Document", readonly=True, copy=False, ondelete="restrict")
    file_hash = fields.Char(string="Fingerprint of the File", readonly=True, copy=False, help="SHA-256 of the signed PDF.")
    preview = fields.Html(compute="_compute_preview", sanitize=False, groups=STAFF, help="The document, as the client reads it.")
    drift = fields.Html(
        string="Since Then",
        compute="_compute_drift",
        sanitize=False,
        groups=STAFF,
        help="What the configuration has otherwise than this document.",
    )

    _number = models.UniqueIndex("(company_id, name) WHERE name <> '/'", "An agreement with this number exists.")

    # --- Fields -------------------------------------------------------------------------------------------

    @api.depends("contract_id", "kind")
    def _compute_date_from(self):
        today = fields.Date.context_today(self)
        for agreement in self:
            if agreement.kind == "amendment":
                agreement.date_from = agreement.date_from or fields.Date.add(today, months=1, day=1)
            else:
                agreement.date_from = min(agreement.contract_id.contract_line_ids.mapped("date_start"), default=today)

    @api.depends("name", "kind")
    def _compute_display_name(self):
        for agreement in self:
            agreement.display_name = agreement.name if agreement.name != "/" else agreement._kind_text()

    def _compute_access_url(self):
        for agreement in self:
            agreement.access_url = f"/my/agreements/{agreement.id}"

    @api.depends("state", "date_from", "note", "contract_id", "location_ids", "change_ids", "new_date_end", "simulation_id")
    @api.depends_context("lang")
    def _compute_preview(self):
        for agreement in self:
            agreement.preview = agreement._render() if agreement.id and agreement.contract_id else False

    @api.depends("state", "terms")
    def _compute_drift(self):
        """Of the newest accepted document of a contract only: what is older was changed by the newer ones."""
        titles = {"old_title": self.env._("As accepted"), "new_title": self.env._("As configured now")}
        for agreement in self:
            changes = []
            if agreement.state == "accepted" and agreement == agreement.contract_id._signed_agreement():
                changes = side_by_side(agreement.terms, agreement._contracts()._agreement_terms(agreement.date_from))
            agreement.drift = changes and self.env["ir.qweb"]._render(
                "call_center_billing.call_agreement_comparison", {"changes": changes, **titles}
            )

    # --- CRUD ---------------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("name", "/") == "/":
                vals["name"] = self.env["ir.sequence"].next_by_code("call.agreement") or "/"
        agreements = super().create(vals_list)
        # Looked at afterwards: defaults of the context are values as well.
        if any(agreement.state != "draft" or any(agreement[name] for name in GUARDED) for agreement in agreements):
            self._raise_guarded()
        return agreements

    def write(self, vals):
        if self.env.context.get("call_agreement_door") is DOOR:
            return super().write(vals)
        frozen = self.filtered(lambda agreement: agreement.state != "draft")
        if frozen and set(vals) - FREE:
            raise UserError(
                self.env._("%s was offered: what the client reads does not change. Withdraw it and revise it.", frozen[0].name)
            )
        if "state" in vals or GUARDED & set(vals):
            self._raise_guarded()
        return super().write(vals)

    def _raise_guarded(self):
        raise UserError(self.env._("Agreements change their state by being offered, accepted or declined only."))

    @api.ondelete(at_uninstall=False)
    def _unlink_drafts(self):
        if kept := self.filtered(lambda agreement: agreement.state not in ("draft", "withdrawn")):
            raise UserError(self.env._("%s was offered: withdraw it instead of deleting it.", kept[0].name))

    # --- States: one door ---------------------------------------------------------------------------------

    def _set_state(self, state, **values):
        """The only way what is frozen changes.

        :raise UserError: the state does not follow on the present one
        """
        labels = dict(STATES)
        for agreement in self:
            if state not in TRANSITIONS[agreement.state]:
                raise UserError(
                    self.env._(
                        "%(name)s is %(state)s and cannot become %(new)s.",
                        name=agreement.name,
                        state=labels[agreement.state].lower(),
                        new=labels[state].lower(),
                    )
                )
        self._pass_door({"state": state, **values})

    def _pass_door(self, vals):
        self.with_context(call_agreement_door=DOOR).write(vals)

    def action_offer(self):
        """Freeze the terms and send them to the client.

        :raise UserError: something is missing that a client would stumble over, with its place
        """
        self.check_access("write")
        for agreement in self:
            agreement._offer()
            agreement._send_offer()
        return True

    def _offer(self):
        self.ensure_one()
        contracts = self._contracts()
        contracts._check_gaps(self.date_from)
        if other := self._other_offer():
            raise UserError(self.env._("%s of this contract waits for an answer: withdraw it first.", other.name))
        self._check_day()
        terms, before = self._calculate()
        self._check_changes(terms, before)
        self._set_state(
            "offered",
            terms=terms,
            before=before,
            estimate=self._estimate(),
            document_hash=self._fingerprint(terms, before),
            offered_at=fields.Datetime.now(),
            access_token=str(uuid.uuid4()),
            decline_reason=False,
        )

    def action_withdraw(self):
        for agreement in self:
            agreement._set_state("withdrawn")
        return True

    def action_revise(self):
        """Make a draft of it again. Links that were sent no longer lead to it."""
        for agreement in self:
            agreement._set_state(
                "draft", terms=False, before=False, estimate=False, document_hash=False, access_token=False, offered_at=False
            )
        return True

    def action_accept_without_signature(self):
        """The staff says that it is agreed: on paper, or because the agreement provides for it."""
        self.check_access("write")
        for agreement in self:
            agreement._accept(agreement.document_hash, self.env.user.name, without_signature=True)
        return True

    def _accept(self, document_hash, name, signature=None, partner=None, without_signature=False):
        """Accept what was read, carry out its changes, and keep the signed document.

        :param document_hash: of the document that was read
        :raise Outdated: it is not what is offered now, or the configuration was changed since
        """
        self.ensure_one()
        self.lock_for_update()
        self.invalidate_recordset()
        self._check_acceptable(document_hash)
        self._carry_out()
        self._set_state(
            "accepted",
            signed_by=name,
            signed_at=fields.Datetime.now(),
            signature=signature,
            signing_partner_id=partner.id if partner else False,
            without_signature=without_signature,
        )
        self._keep_document()
        self._note_acceptance()

    def _can_be_answered(self):
        today = fields.Date.context_today(self)
        return self.state == "offered" and (not self.valid_until or self.valid_until >= today)

    def _check_acceptable(self, document_hash):
        if self.state != "offered" or not consteq(document_hash or "", self.document_hash or ""):
            raise Outdated(self.env._("This offer was changed or answered meanwhile. Open it again to see what is offered now."))
        if not self._can_be_answered():
            raise Outdated(self.env._("This offer ended on %s. Ask for a new one.", format_date(self.env, self.valid_until)))
        terms, before = self._calculate()
        if not same_terms(terms, self.terms) or not same_terms(before, self.before):
            raise Outdated(
                self.env._(
                    "What we have set up is no longer what was offered. We have been told, and will send you a new offer."
                ),
                ours=True,
            )

    def _tell_outdated(self):
        """An activity for whoever offered it, once."""
        summary = self.env._("The configuration differs from the offer: withdraw, revise and offer it again")
        if summary not in self.activity_ids.mapped("summary"):
            self._ask_responsible(summary)

    def _decline(self, reason, partner=None):
        self.ensure_one()
        self._set_state("declined", decline_reason=reason)
        self._post_for(partner, self.env._("Declined: %s", reason))
        self._ask_responsible(self.env._("%s was declined: talk to the client", self.name))

    def _note_acceptance(self):
        body = self.env._("Accepted by %(name)s. Fingerprint: %(hash)s", name=self.signed_by, hash=self.document_hash)
        self._post_for(self.signing_partner_id, body, attachment_ids=self.document_id.ids)
        for contract in self._contracts():
            contract.message_post(
                body=self.env._("%(name)s was accepted by %(who)s.", name=self._get_html_link(), who=self.signed_by)
            )

    def _post_for(self, partner, body, **values):
        author = partner or self.env.user.partner_id
        self.message_post(body=body, author_id=author.id, message_type="comment", subtype_xmlid="mail.mt_comment", **values)

    def _ask_responsible(self, summary):
        self.activity_schedule("mail.mail_activity_data_todo", summary=summary, user_id=(self.user_id or self.env.user).id)

    @api.model
    def _cron_expire(self):
        """Offers whose last day is over."""
        ended = self.search([("state", "=", "offered"), ("valid_until", "<", fields.Date.context_today(self))])
        for agreement in ended:
            agreement._set_state("expired")
            agreement._ask_responsible(self.env._("%s was not answered in time", agreement.name))

    # --- Terms --------------------------------------------------------------------------------------------

    def _contracts(self):
        return self.contract_id | self.location_ids

    def _other_offer(self):
        """An offer that would not be what it says if this one were accepted first."""
        domain = [("state", "=", "offered"), ("id", "not in", self.ids)]
        mine = self._contracts().ids
        return self.search([*domain, "|", ("contract_id", "in", mine), ("location_ids", "in", mine)], limit=1)

    def _calculate(self):
        """Terms that the configuration makes now: with the changes of an amendment, which are carried out for it and taken back.

        :return: (terms, terms without the changes or False)
        """
        self.ensure_one()
        before = self._contracts()._agreement_terms(self.date_from)
        if self.kind == "agreement":
            return before, False
        self.env.flush_all()
        with self.env.cr.savepoint() as savepoint:
            self.sudo().with_context(tracking_disable=True)._apply_changes()
            terms = self._contracts()._agreement_terms(self.date_from)
            self.env.flush_all()
            self.env.invalidate_all(flush=False)
            savepoint.rollback()
        return terms, before

    def _fingerprint(self, terms, before):
        content = {
            "number": self.name,
            "kind": self.kind,
            "from": str(self.date_from),
            "note": self.note or "",
            "terms": terms,
            "before": before or None,
        }
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def _is_intact(self):
        """Whether the document is what was accepted: its terms have their hash, and so has the signed file."""
        self.ensure_one()
        content = self.sudo().document_id.raw or b""
        return self._fingerprint(self.terms, self.before) == self.document_hash and (
            self.state != "accepted" or hashlib.sha256(content).hexdigest() == self.file_hash
        )

    def action_check(self):
        self.check_access("read")
        intact = all(agreement._is_intact() for agreement in self)
        message = self.env._("The document is unchanged.") if intact else self.env._("The document is not what was accepted!")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "success" if intact else "danger", "message": message},
        }

    def _estimate(self):
        """What the simulation says, as texts."""
        simulation = self.simulation_id
        if not simulation:
            return False
        return {
            "title": simulation.name,
            "periods": simulation.periods or "",
            "rows": [
                {
                    "name": result.name,
                    "calls": f"{result.call_count:,}",
                    "total": result.currency_id.format(result.total),
                    "average": result.currency_id.format(result.average_call),
                }
                for result in simulation.result_ids
            ],
        }

    def _scope_trace(self):
        """Numbers and queues that changed since it was accepted, without an amendment: what the contract's chatter noted.

        :return: list of (moment, text), the latest first
        """
        if self.state != "accepted" or self != self.contract_id._signed_agreement():
            return []
        subtype = self.env.ref("call_center_billing.mt_scope")
        messages = (
            self.env["mail.message"]
            .sudo()
            .search(
                [
                    ("model", "=", "contract.contract"),
                    ("res_id", "in", self._contracts().ids),
                    ("subtype_id", "=", subtype.id),
                    ("date", ">", self.signed_at),
                ]
            )
        )
        return [(message.date, html2plaintext(message.body).strip()) for message in messages]

    # --- Changes ------------------------------------------------------------------------------------------

    def _check_day(self):
        """:raise UserError: an amendment changes what is invoiced already"""
        if self.kind != "amendment":
            return
        closed = self.env["call.statement"].search(
            [
                ("contract_id", "in", self._contracts().ids),
                ("state", "!=", "open"),
                ("billed_again_id", "=", False),
                ("date_end", ">=", self.date_from),
            ],
            order="date_end desc",
            limit=1,
        )
        if closed:
            raise UserError(
                self.env._(
                    "%(statement)s is closed: the change can begin on %(day)s at the earliest.",
                    statement=closed.display_name,
                    day=format_date(self.env, closed.date_end + timedelta(days=1)),
                )
            )

    def _check_changes(self, terms, before):
        """:raise UserError: an amendment changes nothing"""
        if self.kind == "amendment" and same_terms(terms, before) and not self._live_differs(before):
            raise UserError(self.env._("Nothing would change: enter new prices, numbers, services or a new end first."))

    def _live_differs(self, before):
        """Whether the configuration is not what was accepted last, so that an amendment without changes has something to say."""
        signed = self.contract_id._signed_agreement()
        return bool(signed) and bool(side_by_side(signed.terms, before))

    def _carry_out(self):
        """Make the changes; calls from that day on that are here already are rated again.

        :raise Outdated: the outcome is not what was read
        """
        if self.kind != "amendment":
            return
        changed = self.sudo()._apply_changes()
        if not same_terms(self._contracts()._agreement_terms(self.date_from), self.terms):
            raise Outdated(self.env._("The changes cannot be made as offered. Ask for a new offer."), ours=True)
        changed._rate_open_again()

    def _apply_changes(self):
        """:return: usage lines whose open calls may cost something else now"""
        self.ensure_one()
        if self.new_date_end:
            self._contracts().date_end = self.new_date_end
        return self.change_ids._apply(self.date_from)

    # --- Documents ----------------------------------------------------------------------------------------

    def _kind_text(self):
        return dict(self._fields["kind"]._description_selection(self.env))[self.kind or "agreement"]

    def _title(self):
        self.ensure_one()
        if self.kind == "amendment":
            return self.env._("Amendment %s", self.name)
        return self.env._("Service Agreement %s", self.name)

    def _document_values(self):
        """What the templates show: the frozen terms, or those that would be offered now."""
        self.ensure_one()
        terms, before, estimate = self.terms, self.before, self.estimate
        if self.state == "draft":
            terms, before = self._calculate()
            estimate = self._estimate()
        return {
            "agreement": self,
            "chapters": terms or [],
            "changes": side_by_side(before, terms) if self.kind == "amendment" else [],
            "estimate": estimate,
            "old_title": self.env._("Until now"),
            "new_title": self.env._("From %s", format_date(self.env, self.date_from)),
        }

    def _render(self):
        env = self.with_context(lang=self.partner_id.lang or self.env.lang).env
        agreement = self.with_env(env)
        try:
            return env["ir.qweb"]._render("call_center_billing.call_agreement_document", agreement._document_values())
        except (UserError, ValidationError) as error:  # a draft with a change that cannot be made
            return Markup("<div class='alert alert-warning'>%s</div>") % error

    def action_print(self):
        return self.env.ref("call_center_billing.call_agreement_report_action").report_action(self)

    def _pdf(self):
        report = self.env["ir.actions.report"].sudo()
        return report._render_qweb_pdf("call_center_billing.call_agreement_report_action", self.ids)[0]

    def _file_name(self):
        return f"{self._title()}.pdf".replace("/", "-")

    def _keep_document(self):
        content = self._pdf()
        document = (
            self.env["ir.attachment"]
            .sudo()
            .create({"name": self._file_name(), "raw": content, "res_model": self._name, "res_id": self.id})
        )
        self._pass_door({"document_id": document.id, "file_hash": hashlib.sha256(content).hexdigest()})

    def _send_offer(self):
        self.message_subscribe(self.contract_id.partner_id.ids)
        template = self.env.ref("call_center_billing.mail_template_agreement")
        attachment = self.env["ir.attachment"].create(
            {"name": self._file_name(), "raw": self._pdf(), "res_model": self._name, "res_id": self.id}
        )
        self.message_post_with_source(
            template, message_type="comment", subtype_xmlid="mail.mt_comment", attachment_ids=attachment.ids
        )

    def action_send_again(self):
        self.check_access("write")
        for agreement in self.filtered(lambda a: a.state == "offered"):
            agreement._send_offer()
        return True

    def action_preview(self):
        """The page that the client sees."""
        self.ensure_one()
        return {"type": "ir.actions.act_url", "target": "self", "url": self.get_portal_url()}

    def _open(self):
        return form_of(self)

    def action_view_contract(self):
        self.ensure_one()
        view = self.env.ref("contract.contract_contract_customer_form_view")
        return {
            "type": "ir.actions.act_window",
            "res_model": "contract.contract",
            "res_id": self.contract_id.id,
            "views": [(view.id, "form")],
        }

    def action_load_prices(self):
        """List the prices in force, to write the new ones beside them."""
        self.change_ids._load_prices(self)
        return True


class CallStatement(models.Model):
    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    def _agreements_in_force(self):
        """Accepted documents by which the period is charged, the earliest first: what held on its first day, and what changed in it. Of
        people of the client, those that they may read."""
        self.ensure_one()
        accepted = (
            self.sudo().contract_id._agreements().filtered(lambda a: a.state == "accepted" and a.date_from <= self.date_end)
        )
        accepted = accepted.sorted(lambda a: (a.date_from, a.signed_at))
        before = accepted.filtered(lambda a: a.date_from <= self.date_start)
        found = before[-1:] | (accepted - before)
        if self.env.user.share:
            found &= found.search(self.env.user._call_agreement_domain() & Domain("id", "in", found.ids))
        return found


def same_terms(one, other):
    """Whether two documents agree on the same. Addresses may change meanwhile."""
    return [chapter for chapter in one or () if chapter["key"] != "parties"] == [
        chapter for chapter in other or () if chapter["key"] != "parties"
    ]


def side_by_side(before, after, everything=False):
    """Two documents laid side by side.

    >>> old = [{"key": "a", "title": "A", "rows": [{"key": "p", "label": "p", "value": "1"}, {"key": "q", "label": "q", "value": "2"}]}]
    >>> new = [{"key": "a", "title": "A", "rows": [{"key": "p", "label": "p", "value": "3"}, {"key": "q", "label": "q", "value": "2"}]}]
    >>> side_by_side(old, new)
    [('A', [('p', '1', '3', True)])]
    >>> side_by_side(old, old)
    []

    :param everything: also rows that are the same
    :return: list of (title of a chapter, list of (label, old or '', new or '', whether they differ))
    """
    old = {chapter["key"]: chapter for chapter in before or ()}
    new = {chapter["key"]: chapter for chapter in after or ()}
    result = []
    for key in dict.fromkeys([*new, *old]):
        olds = {row["key"]: row for row in old.get(key, {"rows": ()})["rows"]}
        news = {row["key"]: row for row in new.get(key, {"rows": ()})["rows"]}
        rows = []
        for each in dict.fromkeys([*news, *olds]):
            was, will = olds.get(each, {}).get("value", ""), news.get(each, {}).get("value", "")
            if everything or was != will:
                rows.append(((news.get(each) or olds[each])["label"], was, will, was != will))
        if rows and (everything or key != "parties"):
            result.append(((new.get(key) or old[key])["title"], rows))
    return result
