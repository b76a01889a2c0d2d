from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command, Domain
from odoo.tools import SQL, format_date

from .call_correction import LUMP_KEY, is_lump
from .call_dispute import STAFF
from .call_dispute_line import DOOR

MAX_CALLS = 5000
ENTRY = ("number", "start_at", "seconds")
"""What an entry of a client's own list says."""


class CallStatement(models.Model):
    """How a dispute of a statement comes to be: by the client on the portal, by the staff in Odoo, through the same checks."""

    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    dispute_ids = fields.One2many("call.dispute", "statement_id", string="Disputes")
    dispute_count = fields.Integer(compute="_compute_dispute_count", groups=STAFF)

    @api.depends("dispute_ids")
    def _compute_dispute_count(self):
        counts = dict(self.env["call.dispute"]._read_group([("statement_id", "in", self.ids)], ["statement_id"], ["__count"]))
        for statement in self:
            statement.dispute_count = counts.get(statement, 0)

    def action_view_disputes(self):
        return self.env["call.dispute"]._action_of([("statement_id", "in", self.ids)])

    def _own_disputes(self):
        """Disputes of it that the user may read."""
        Dispute = self.env["call.dispute"]
        return Dispute.search([("statement_id", "in", self.ids)]) if Dispute.has_access("read") else Dispute

    def action_raise_dispute(self):
        self.ensure_one()
        return self.env["call.dispute.raise"]._open({"default_statement_id": self.id})

    def _contestable_until(self):
        """Last day on which its calls can be disputed, or None without a limit."""
        self.ensure_one()
        days = self.contract_id.contestation_days
        return self.invoice_id.invoice_date + timedelta(days=days) if days and self.invoice_id.invoice_date else None

    def _can_be_disputed(self):
        """Whether the client can dispute its calls today."""
        self.ensure_one()
        until = self._contestable_until()
        return self._is_billed() and (not until or fields.Date.context_today(self) <= until)

    def _is_billed(self):
        return self.state in ("invoiced", "settled") and self.invoice_id.state == "posted" and not self.billed_again_id

    def _raise_dispute(self, lines, reason, comment=None, partner=None, attachments=(), override=None):
        """Raise a dispute. The caller has made sure that the user may read the statement, and speaks for the partner.

        :param lines: list of dicts: ``usage_id`` of a call, or ``charge_id`` of a whole charge, or an entry of the client's list with
            ``kind`` ``missing`` or ``extra``, ``number``, ``start_at``, ``seconds``, and ``usage_id`` where ``extra`` is a call of ours
        :param reason: call.dispute.reason
        :param partner: res.partner who raises it, of the client; by default the contract's
        :param attachments: list of (name, content)
        :param override: why staff takes it on although the contestation window is over
        :return: the dispute
        :raise UserError: it cannot be disputed, with the reason
        """
        self.ensure_one()
        self.check_access("read")
        statement = self.sudo()
        partner = (partner or statement.contract_id.partner_id).sudo()
        statement._check_disputing(partner, override)
        statement._pool()._hold()
        vals_list = statement._prepare_dispute_lines(lines)
        Dispute = self.env["call.dispute"].sudo().with_company(statement.company_id).with_context(call_dispute_door=DOOR)
        dispute = Dispute.create(
            {
                "statement_id": statement.id,
                "invoice_id": statement.invoice_id.id,
                "raised_by_id": partner.id,
                "reason_id": reason.id,
                "comment": comment,
                "override_note": override,
                "user_id": Dispute._responsible(statement.contract_id).id,
                "line_ids": [Command.create(vals) for vals in vals_list],
                "deadline": fields.Date.context_today(self) + timedelta(days=statement.company_id.call_dispute_days),
            }
        ).with_context(call_dispute_door=None)
        dispute.message_subscribe((partner | dispute.user_id.partner_id).ids)
        if comment or attachments:
            dispute._post_for(partner, comment or "", attachments=list(attachments))
        dispute._ask_responsible()
        dispute._tell("received")
        return dispute.sudo(self.env.su)

    def _check_disputing(self, partner, override):
        self.ensure_one()
        if not self._is_billed():
            raise UserError(self.env._("Calls can be disputed once their invoice is posted, and while it counts."))
        own = self.env["res.partner"].search_count(
            [("id", "=", self.partner_id.id), ("id", "child_of", partner.commercial_partner_id.id)], limit=1
        )
        if not own:
            raise AccessError(self.env._("%(who)s does not belong to %(client)s.", who=partner.name, client=self.partner_id.name))
        if override and not self.env.user.has_group(STAFF):
            raise AccessError(self.env._("Only the staff takes on disputes after the contestation window."))
        if not override and not self._can_be_disputed():
            until = format_date(self.env, self._contestable_until())
            raise UserError(self.env._("The calls of this invoice could be disputed until %s.", until))

    def _hold(self):
        """Changes nothing, but whoever changes or holds the same statements at the same time starts again."""
        self.env.flush_all()
        self.env.cr.execute(SQL("UPDATE call_statement SET id = id WHERE id = ANY(%s)", self.ids))
        self.env.invalidate_all(flush=False)

    # --- Lines --------------------------------------------------------------------------------------------

    def _prepare_dispute_lines(self, lines):
        """Values of the lines, checked; see :meth:`_raise_dispute`."""
        usage_ids = [line["usage_id"] for line in lines if line.get("usage_id")]
        charge_ids = [line["charge_id"] for line in lines if line.get("charge_id")]
        if not lines:
            raise UserError(self.env._("Choose the calls or charges that are disputed."))
        if len(lines) > MAX_CALLS:
            raise UserError(
                self.env._("A dispute has at most %s calls. Dispute the whole charge, or make several of it.", MAX_CALLS)
            )
        if len(set(usage_ids)) < len(usage_ids) or len(set(charge_ids)) < len(charge_ids):
            raise UserError(self.env._("A call or charge is there twice."))
        calls = self._disputable_calls(usage_ids)
        charges = self._disputable_charges(charge_ids)
        self._check_in_no_dispute(calls, charges)
        amounts = calls._charged_amounts()
        return [self._prepare_dispute_line(line, calls, charges, amounts) for line in lines]

    def _prepare_dispute_line(self, line, calls, charges, amounts):
        usage, charge = calls.browse(line.get("usage_id")), charges.browse(line.get("charge_id"))
        if charge:
            return {"kind": "charge", "charge_id": charge.id, "amount": charge.amount}
        if not usage:
            return {"kind": "extra" if line.get("kind") == "extra" else "missing", **{name: line.get(name) for name in ENTRY}}
        return {
            "kind": "extra" if line.get("kind") == "extra" else "call",
            "usage_id": usage.id,
            "start_at": usage.start_at,
            "seconds": usage.total_seconds,
            "amount": float(amounts.get(usage.id, 0)),
        }

    def _disputable_calls(self, ids):
        """:raise UserError: one of the calls is of another statement, or is not charged"""
        Usage = self.env["call.usage.line"]
        calls = Usage.search([("id", "in", ids), ("statement_id", "=", self.id)])
        if len(calls) < len(ids):
            raise UserError(self.env._("Some of these calls are not of %s: a dispute is about one statement.", self.display_name))
        if free := calls.filtered(lambda call: call.status != "billable" or call.quantity < 0):
            raise UserError(self.env._("%s is not charged: there is nothing to dispute.", free[0].display_name))
        if Usage.search_count([("replaces_id", "in", calls.ids), ("quantity", "<", 0)], limit=1):
            raise UserError(self.env._("Some of these calls were taken back already, after a newer record of the phone system."))
        freed = [("usage_id", "in", calls.ids), ("kind", "in", ("out", "waived"))]
        if known := self.env["call.correction"].search(freed, limit=1):
            raise UserError(
                self.env._(
                    "%(call)s was credited already by dispute %(dispute)s.",
                    call=known.usage_id.display_name,
                    dispute=known.dispute_id.name,
                )
            )
        return calls

    def _disputable_charges(self, ids):
        charges = self.env["call.charge"].search([("id", "in", ids), ("statement_id", "=", self.id)])
        if len(charges) < len(ids):
            raise UserError(
                self.env._("Some of these charges are not of %s: a dispute is about one statement.", self.display_name)
            )
        for charge in charges:
            if charge.component == "adjustment":
                raise UserError(self.env._("'%s' is about another period: dispute the calls of that.", charge.name))
            if charge.component == "included":
                raise UserError(self.env._("'%s' is not charged: there is nothing to dispute.", charge.name))
        return charges

    def _check_in_no_dispute(self, calls, charges):
        """:raise UserError: a call is in an open dispute already, by itself or with a charge"""
        lines = self.env["call.dispute.line"].search([("dispute_id.statement_id", "=", self.id), ("is_open", "=", True)])
        wanted = Domain.OR([Domain("id", "in", calls.ids), *(charge._disputed_domain() for charge in charges)])
        by_call = lines.filtered("usage_id").grouped("usage_id")
        disputed = [Domain("id", "in", [usage.id for usage in by_call]), *(c._disputed_domain() for c in lines.charge_id)]
        again = lines.filtered(lambda line: line.charge_id in charges)[:1]
        for domain, line in zip(disputed, [None, *lines.filtered("charge_id")], strict=True):
            if not again and (found := self.env["call.usage.line"].search(wanted & domain, limit=1)):
                again = line or by_call[found]
        if again:
            raise UserError(
                self.env._("'%(what)s' is in dispute %(name)s already.", what=again.subject, name=again.dispute_id.name)
            )


class CallCharge(models.Model):
    """What of a charge is disputed with it."""

    _inherit = "call.charge"  # pylint: disable=consider-merging-classes-inherited

    def _lump_key(self):
        """What a lump sum is known by, when its period is calculated or billed again."""
        statement = self.statement_id.billed_again_id or self.statement_id
        return (
            statement.id,
            *(value.id if isinstance(value := self[name], models.BaseModel) else value for name in LUMP_KEY[1:]),
        )

    def _disputed_domain(self):
        """The calls that are disputed with the whole charge: none with a lump sum."""
        self.ensure_one()
        return Domain.FALSE if is_lump(self.component) else Domain(self._calls_domain())


class CallUsageLine(models.Model):
    _inherit = "call.usage.line"  # pylint: disable=consider-merging-classes-inherited

    dispute_text = fields.Char(
        string="Dispute",
        compute="_compute_dispute_text",
        compute_sudo=True,
        help="The dispute that the call is in, or by which it was credited or corrected.",
    )

    @api.depends_context("lang")
    def _compute_dispute_text(self):
        self.dispute_text = False
        for line in self.env["call.dispute.line"].search([("usage_id", "in", self.ids), ("is_open", "=", True)]):
            line.usage_id.dispute_text = self.env._("In dispute %s", line.dispute_id.name)
        for correction in self.env["call.correction"].search([("usage_id", "in", self.ids)]):
            name, usage = correction.dispute_id.name, correction.usage_id
            texts = {"corrected": self.env._("Corrected by dispute %s", name), "out": self.env._("Credited by dispute %s", name)}
            usage.dispute_text = usage.dispute_text or texts.get(correction.kind, texts["out"])

    def _trace_lines(self, charged):
        lines = super()._trace_lines(charged)
        return [*lines, f"{self.dispute_text}."] if self.dispute_text else lines

    def action_raise_dispute(self):
        """:raise UserError: the calls are of several statements"""
        if len(self.statement_id) > 1:
            raise UserError(self.env._("These calls are of several statements: a dispute is about one."))
        values = {"default_statement_id": self.statement_id.id, "default_usage_ids": [Command.set(self.ids)]}
        return self.env["call.dispute.raise"]._open(values)
