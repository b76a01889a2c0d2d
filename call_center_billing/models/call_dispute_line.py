from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..formats.record import DISPOSITIONS, PARTS
from .call_correction import CORRECTED, is_lump
from .call_usage_line import DISPOSITION_LABELS
from .windows import form_of

DOOR = object()
"""In the context of what passes the door of disputes: no remote call can send it."""
OPEN = ("new", "review")
STAFF = "call_center_billing.group_sales"
DECISIONS = [("accept", "Accept"), ("correct", "Correct"), ("reject", "Reject")]
DECIDABLE = {"decision", "note", "corrected_billable", "corrected_amount", *(f"corrected_{name}" for name in CORRECTED)}
"""What may change of a line, while its dispute is open."""


class CallDisputeLine(models.Model):
    """One thing that a client disputes: a call, a whole charge with all of its calls, a lump sum, or an entry of the client's own
    list that we have not (``missing``), or that we have and it has not (``extra``).

    What the client said never changes; the decision does while the dispute is open, and with it what the call is corrected to. A call
    and a charge are in one open dispute at most, which the database sees to.
    """

    _name = "call.dispute.line"
    _description = "Disputed Call or Charge"
    _order = "dispute_id, start_at, id"

    dispute_id = fields.Many2one("call.dispute", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="dispute_id.company_id", store=True)
    currency_id = fields.Many2one(related="dispute_id.currency_id")
    contract_id = fields.Many2one(related="dispute_id.contract_id")
    dispute_state = fields.Selection(related="dispute_id.state", string="Status of the Dispute")
    is_open = fields.Boolean(compute="_compute_is_open", store=True)
    kind = fields.Selection(
        [
            ("call", "Call"),
            ("charge", "Whole charge"),
            ("missing", "Missing here"),
            ("extra", "Not in the client's list"),
        ],
        required=True,
        readonly=True,
    )
    usage_id = fields.Many2one("call.usage.line", string="Call", readonly=True, ondelete="set null", index="btree_not_null")
    charge_id = fields.Many2one("call.charge", readonly=True, ondelete="restrict", index="btree_not_null")
    subject = fields.Char(
        compute="_compute_subject", string="Disputed", help="Numbers are hidden from the client as on the statement."
    )
    number = fields.Char(readonly=True, help="Of an entry of the client's own list.")
    start_at = fields.Datetime(string="Start", readonly=True)
    seconds = fields.Integer(string="Duration (s)", readonly=True, aggregator=None)
    amount = fields.Float(
        string="At Stake",
        digits=(16, 6),
        readonly=True,
        help="What the invoice has of it, after allowances and tiers, without taxes.",
    )
    trace = fields.Text(related="usage_id.trace", string="Why This Price")
    has_recording = fields.Boolean(related="usage_id.has_recording", groups=STAFF)
    call_count = fields.Integer(related="charge_id.call_count", string="Calls")
    is_lump = fields.Boolean(compute="_compute_is_lump")
    decision = fields.Selection(
        DECISIONS,
        groups=STAFF,
        help="Accept: it is taken out, as if there had been no such call. Correct: it is rated by what it is corrected to. "
        "Reject: it stays as it was invoiced.",
    )
    note = fields.Char(string="Answer to the Client", groups=STAFF, help="What the client reads beside the decision.")
    result = fields.Selection(
        DECISIONS,
        compute="_compute_result",
        compute_sudo=True,
        help="The decision, once the dispute is decided: what the client sees.",
    )
    answer = fields.Text(compute="_compute_result", compute_sudo=True, help="What the client reads, once the dispute is decided.")
    corrected_billable = fields.Boolean(
        string="Charged", groups=STAFF, default=True, help="No: not charged, but counted for service levels."
    )
    corrected_contract_line_id = fields.Many2one(
        "contract.line",
        string="Right Service",
        groups=STAFF,
        compute="_compute_corrected",
        store=True,
        readonly=False,
        domain="[('contract_id', '=', contract_id), ('rate_plan_id', '!=', False)]",
        ondelete="restrict",
    )
    corrected_disposition = fields.Selection(
        [(key, DISPOSITION_LABELS[key]) for key in DISPOSITIONS],
        string="Right Outcome",
        groups=STAFF,
        compute="_compute_corrected",
        store=True,
        readonly=False,
    )
    corrected_ring_seconds = fields.Integer(
        "Ringing (s)", groups=STAFF, compute="_compute_corrected", store=True, readonly=False, aggregator=None
    )
    corrected_queue_seconds = fields.Integer(
        "Queue (s)", groups=STAFF, compute="_compute_corrected", store=True, readonly=False, aggregator=None
    )
    corrected_ivr_seconds = fields.Integer(
        "IVR (s)", groups=STAFF, compute="_compute_corrected", store=True, readonly=False, aggregator=None
    )
    corrected_talk_seconds = fields.Integer(
        "Talk (s)", groups=STAFF, compute="_compute_corrected", store=True, readonly=False, aggregator=None
    )
    corrected_hold_seconds = fields.Integer(
        "Hold (s)", groups=STAFF, compute="_compute_corrected", store=True, readonly=False, aggregator=None
    )
    corrected_wrap_seconds = fields.Integer(
        "Wrap-Up (s)", groups=STAFF, compute="_compute_corrected", store=True, readonly=False, aggregator=None
    )
    corrected_transfer_seconds = fields.Integer(
        "Transfer (s)", groups=STAFF, compute="_compute_corrected", store=True, readonly=False, aggregator=None
    )
    corrected_amount = fields.Monetary(string="Right Amount", groups=STAFF, help="What is left of a lump sum.")

    _one_open_per_call = models.UniqueIndex(
        "(usage_id) WHERE is_open AND usage_id IS NOT NULL", "This call is in an open dispute already."
    )
    _one_open_per_charge = models.UniqueIndex(
        "(charge_id) WHERE is_open AND charge_id IS NOT NULL", "This charge is in an open dispute already."
    )
    _seconds_positive = models.Constraint(
        f"CHECK (least({', '.join(f'corrected_{part}' for part in PARTS)}) >= 0)", "Seconds must not be negative."
    )

    def action_open_recording(self):
        """Ask why, and show where the recording of the call is."""
        self.ensure_one()
        return self.usage_id.action_open_recording()

    @api.depends("dispute_id.state")
    def _compute_is_open(self):
        for line in self:
            line.is_open = line.dispute_id.state in OPEN

    @api.depends("usage_id", "charge_id", "number")
    @api.depends_context("uid")
    def _compute_subject(self):
        for line in self:
            line.subject = line.usage_id.display_name or line.charge_id.name or line.number

    @api.depends("subject")
    def _compute_display_name(self):
        for line in self:
            line.display_name = line.subject

    @api.depends("charge_id")
    def _compute_is_lump(self):
        for line in self:
            line.is_lump = is_lump(line.charge_id.component)

    @api.depends("decision", "note", "dispute_id.outcome")
    @api.depends_context("lang")
    def _compute_result(self):
        for line in self:
            decided = line.dispute_id.outcome
            line.result = line.decision if decided else False
            corrected = line._corrected_text() if line.decision == "correct" else False
            line.answer = "\n".join(filter(None, (corrected, line.note))) if decided else False

    def _corrected_text(self):
        """What a call or lump sum is corrected to, in words."""
        if self.is_lump:
            return self.env._("Right amount: %s.", self.currency_id.format(self.corrected_amount))
        if not self.corrected_billable:
            return self.env._("Not charged.")
        usage, labels = self.usage_id, self.usage_id._part_labels()
        before = usage._whole_parts() if usage else {}
        texts = [f"{labels[part]} {self[f'corrected_{part}']} s" for part in before if self[f"corrected_{part}"] != before[part]]
        if self.corrected_disposition != usage.disposition:
            texts.append(dict(self._fields["corrected_disposition"]._description_selection(self.env))[self.corrected_disposition])
        if self.corrected_contract_line_id != usage.contract_line_id:
            texts.append(self.env["call.charge"]._service_name(self.env, self.corrected_contract_line_id))
        return self.env._("Right is: %s.", ", ".join(texts) or "-")

    @api.depends("decision")
    def _compute_corrected(self):
        """Begins with what it was rated by; of a call in several records, the whole call."""
        for line in self:
            usage = line.usage_id.sudo() if line.decision == "correct" else line.usage_id.browse()
            parts = usage._whole_parts() if usage else dict.fromkeys(PARTS, 0)
            line.corrected_contract_line_id = usage.contract_line_id
            line.corrected_disposition = usage.disposition
            for part, seconds in parts.items():
                line[f"corrected_{part}"] = seconds

    def write(self, vals):
        if self.env.context.get("call_dispute_door") is not DOOR:
            if set(vals) - DECIDABLE:
                raise UserError(self.env._("What is disputed does not change: withdraw the dispute and raise another one."))
            if not all(self.mapped("is_open")):
                raise UserError(self.env._("This dispute is decided."))
        if "decision" in vals and len(vals) > 1:
            # First what the correction begins with, then what it changes of it.
            super().write({"decision": vals["decision"]})
            self.mapped("corrected_disposition")
            vals = {name: value for name, value in vals.items() if name != "decision"}
        return super().write(vals)

    # --- Decision -----------------------------------------------------------------------------------------

    def _check_decided(self):
        """:raise UserError: a line has no decision, or one that makes no sense"""
        for line in self.with_prefetch():  # of the lines themselves: what the dispute has in its cache may go meanwhile
            if not line.decision:
                raise UserError(self.env._("'%s' has no decision yet.", line.subject))
            if line.decision == "correct" and not (line.usage_id or line.is_lump):
                raise UserError(self.env._("'%s' cannot be corrected as a whole: correct its calls.", line.subject))
            service = line.corrected_contract_line_id
            if line.decision == "correct" and line.usage_id and service.contract_id != line.contract_id:
                raise UserError(self.env._("'%s' belongs to another contract.", service.name))

    def _store_corrections(self):
        """What is accepted of these lines, for all times that their period is rated again. What is decided about a call goes before
        what is decided about its charge."""
        Correction = self.env["call.correction"].sudo()
        granted = self.filtered(lambda line: line.decision in ("accept", "correct")).sudo()
        for line in granted.filtered(lambda each: each.charge_id and not each.is_lump):
            calls = self.env["call.usage.line"].sudo()._search(line.charge_id._disputed_domain()).select()
            Correction._store(SQL("SELECT c.id, %s, 'out' FROM (%s) c (id)", line.id, calls))
        lumps = SQL("SELECT charge_id, id, 'amount' FROM call_dispute_line WHERE id = ANY(%s)", granted.filtered("is_lump").ids)
        Correction._store(lumps, "charge_id")
        Correction._store(
            SQL(
                """
                SELECT usage_id, id, CASE WHEN decision = 'accept' THEN 'out' WHEN corrected_billable THEN 'corrected' ELSE 'waived' END
                  FROM call_dispute_line WHERE id = ANY(%s)
                """,
                granted.filtered("usage_id").ids,
            )
        )

    def action_edit(self):
        """The decision about a line, with what it is corrected to."""
        self.ensure_one()
        return form_of(self, target="new", name=self.subject)
