from odoo import api, fields, models
from odoo.fields import Command, Domain

from odoo.addons.base.models.res_partner import _tz_get

from .account_move import DOOR

# OCA's contract and line dates depend on each other; the ORM recomputes at most 1,000 records at a time, and what is
# beyond keeps a stale date and is invoiced twice. Smaller slices avoid it.
SLICE = 100
RECURRENCE_FIELDS = ("date_start", "recurring_rule_type", "recurring_interval", "recurring_invoicing_type")


class ContractContract(models.Model):
    """The agreement: whose calls, in which time zone, found by which endpoints; and guards around OCA's contract. How its
    periods become invoices is in ``contract_billing``."""

    _inherit = "contract.contract"

    usage_tz = fields.Selection(
        _tz_get,
        string="Client's Time Zone",
        compute="_compute_usage_tz",
        store=True,
        readonly=False,
        help="Days and billing periods of the calls are counted in this zone.",
    )
    has_usage = fields.Boolean(compute="_compute_has_usage", search="_search_has_usage")
    rate_plan_ids = fields.Many2many(
        "call.rate.plan",
        string="Rate Plans",
        compute="_compute_rate_plan_ids",
        store=True,
        copy=False,
        help="Of its lines, to group contracts by.",
    )
    call_statement_ids = fields.One2many("call.statement", "contract_id", string="Statements")
    call_statement_count = fields.Integer(string="Statement Count", compute="_compute_call_counts")
    unbilled_amount = fields.Monetary(
        string="Unbilled Usage", compute="_compute_call_counts", help="Usage of open statements, without fixed fees."
    )
    endpoint_ids = fields.One2many("call.endpoint", "contract_id", string="Endpoints")
    invoice_generation_error = fields.Text(groups="base.group_user")  # a client who follows the contract may read the rest
    masked_digits = fields.Integer(
        string="Hidden Digits",
        help="So many last digits of the other party's number (the caller of inbound calls, the called number of outbound "
        "calls) are hidden from the client: on the portal, in the statement's PDF and in the file of calls. 0: numbers are "
        "shown. Extensions of up to 5 digits always are. Your own screens show all of it.",
    )

    _masked_digits_range = models.Constraint("CHECK (masked_digits BETWEEN 0 AND 15)", "Hide between 0 and 15 digits.")
    back_billing_days = fields.Integer(
        string="Back-Billing Limit",
        default=lambda self: self.env.company.call_back_billing_days,
        help="A call that comes after its period was invoiced is billed on the next invoice if its day is no more than so many days "
        "before that invoice, which is due on the day after its period. What comes later is lost. 0: no limit.",
    )

    _back_billing_days_positive = models.Constraint(
        "CHECK (back_billing_days >= 0)", "The limit for back-billing must not be negative."
    )

    agent_hour_cost = fields.Float(
        string="Cost of an Agent Hour",
        digits=(16, 4),
        groups="call_center_billing.group_sales",
        help="In the company's currency, for its margin. 0: as the settings say.",
    )

    _agent_hour_cost_positive = models.Constraint(
        "CHECK (agent_hour_cost >= 0)", "The cost of an agent hour must not be negative."
    )

    contestation_days = fields.Integer(
        string="Contestation Window",
        default=lambda self: self.env.company.call_contestation_days,
        help="Days after the date of an invoice in which the client can dispute its calls. 0: no limit.",
    )

    _contestation_days_positive = models.Constraint(
        "CHECK (contestation_days >= 0)", "The contestation window must not be negative."
    )
    agreement_ids = fields.One2many("call.agreement", "contract_id", string="Agreements")
    agreement_count = fields.Integer(compute="_compute_agreement_count")
    agreement_status = fields.Selection(
        [
            ("none", "No document"),
            ("draft", "Draft"),
            ("offered", "Offered"),
            ("active", "Active"),
            ("suspended", "Suspended"),
            ("ended", "Ended"),
        ],
        string="Agreement",
        compute="_compute_agreement_status",
    )

    call_dispute_ids = fields.One2many("call.dispute", "contract_id", string="Disputes")
    call_dispute_count = fields.Integer(compute="_compute_call_dispute_count", groups="call_center_billing.group_sales")

    @api.depends("call_dispute_ids")
    def _compute_call_dispute_count(self):
        groups = dict(self.env["call.dispute"]._read_group([("contract_id", "in", self.ids)], ["contract_id"], ["__count"]))
        for contract in self:
            contract.call_dispute_count = groups.get(contract, 0)

    def action_view_call_disputes(self):
        return self.env["call.dispute"]._action_of([("contract_id", "in", self.ids)])

    @api.depends("agreement_ids")
    def _compute_agreement_count(self):
        for contract in self:
            contract.agreement_count = len(contract._agreements())

    @api.depends("agreement_ids.state", "is_over", "suspension")
    def _compute_agreement_status(self):
        agreements = self._agreements()
        for contract in self:
            mine = agreements.filtered(lambda a, c=contract: c in a._contracts())
            states = set(mine.mapped("state"))
            if contract.is_over:
                contract.agreement_status = "ended"
            elif contract.suspension:
                contract.agreement_status = "suspended"
            elif not states - {"withdrawn"} or "accepted" in states or set(mine.mapped("kind")) == {"amendment"}:
                contract.agreement_status = "active" if "accepted" in states else "none"
            else:
                contract.agreement_status = "offered" if "offered" in states else "draft"

    def action_offer_agreement(self):
        """A draft of the document with the contract's terms, or the one that is there."""
        self.ensure_one()
        draft = self._agreements().filtered(lambda a: a.kind == "agreement" and a.state == "draft")[:1]
        return (draft or self.env["call.agreement"].create({"contract_id": self.id}))._open()

    def action_offer_amendment(self):
        self.ensure_one()
        draft = self._agreements().filtered(lambda a: a.kind == "amendment" and a.state == "draft")[:1]
        return (draft or self.env["call.agreement"].create({"contract_id": self.id, "kind": "amendment"}))._open()

    def action_view_agreements(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_agreement_action")
        return action | {"domain": [("id", "in", self._agreements().ids)], "context": {"default_contract_id": self.id}}

    def _agreements(self):
        """Agreements that are about this contract, alone or among others; the latest first."""
        return self.env["call.agreement"].search(["|", ("contract_id", "in", self.ids), ("location_ids", "in", self.ids)])

    def _signed_agreement(self):
        """The accepted document that holds last, or none."""
        accepted = self._agreements().filtered(lambda agreement: agreement.state == "accepted")
        return accepted.sorted(lambda a: (a.date_from, a.signed_at))[-1:]

    @api.depends("partner_id")
    def _compute_usage_tz(self):
        for contract in self:
            if not contract.usage_tz or contract._origin.partner_id != contract.partner_id:
                contract.usage_tz = contract.partner_id.tz or contract.company_id.partner_id.tz or self.env.user.tz or "UTC"

    @api.depends("contract_line_ids.rate_plan_id")
    def _compute_has_usage(self):
        for contract in self:
            contract.has_usage = bool(contract.contract_line_ids.rate_plan_id)

    def _search_has_usage(self, operator, value):
        if operator != "in":
            return NotImplemented
        return Domain("contract_line_ids.rate_plan_id", "!=" if True in value else "=", False)

    @api.depends("contract_line_ids.rate_plan_id")
    def _compute_rate_plan_ids(self):
        for contract in self:
            contract.rate_plan_ids = contract.contract_line_ids.rate_plan_id

    @api.depends("call_statement_ids.usage_amount", "call_statement_ids.state")
    def _compute_call_counts(self):
        groups = self.env["call.statement"]._read_group(
            [("contract_id", "in", self.ids), ("billed_again_id", "=", False)],
            ["contract_id", "state"],
            ["__count", "usage_amount:sum"],
        )
        for contract in self:
            mine = [(state, count, amount) for group, state, count, amount in groups if group == contract]
            contract.call_statement_count = sum(count for _state, count, _amount in mine)
            contract.unbilled_amount = sum(amount for state, _count, amount in mine if state == "open")

    def _compute_invoice_count(self):
        """Sales see how many invoices there are, without seeing them."""
        return super(ContractContract, self.sudo())._compute_invoice_count()

    def write(self, vals):
        """Documents that were made with other digits hidden are made anew when they are sent the next time."""
        changed = self.filtered(lambda contract: contract.masked_digits != vals.get("masked_digits", contract.masked_digits))
        res = super().write(vals)
        changed.sudo().call_statement_ids.write({"pdf_attachment_id": False, "file_attachment_id": False})
        return res

    # --- Guards around OCA's contract -------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        contracts = self.browse()
        for start in range(0, len(vals_list), SLICE):
            part = [self._with_line_recurrence(vals) for vals in vals_list[start : start + SLICE]]
            contracts |= super().create(part)
            if len(vals_list) > SLICE:
                self.env.flush_all()
        return contracts

    @api.model
    def _with_line_recurrence(self, vals):
        """Lines created with their contract take its recurrence; by themselves they would take the fields' defaults."""
        header = {name: vals[name] for name in RECURRENCE_FIELDS if vals.get(name)}
        if not header or not vals.get("contract_line_ids"):
            return vals
        commands = [
            (command[0], command[1], {**header, **command[2]}) if command[0] == 0 else command
            for command in vals["contract_line_ids"]
        ]
        return {**vals, "contract_line_ids": commands}

    def copy_data(self, default=None):
        """A copy goes on where the invoices of the original end: what is invoiced, over or cancelled is not charged once more."""
        vals_list = super().copy_data(default)
        for contract, vals in zip(self, vals_list, strict=True):
            if contract.generation_type == "call_billing" and "contract_line_ids" not in (default or {}):
                lines = contract.contract_line_ids.sorted("id")  # the order in which they are copied
                vals["contract_line_ids"] = [
                    Command.create({**command[2], "date_start": line.next_period_date_start or line.date_start})
                    for line, command in zip(lines, vals["contract_line_ids"], strict=True)
                    if line._goes_on()
                ]
        return vals_list

    def _recurring_create_invoice(self, date_ref=False):
        """A slice at a time, but contracts that share an invoice stay together: their line recurrence needs no guard."""
        usage = self.filtered(lambda c: c.generation_type == "call_billing")
        moves = self.env["account.move"]
        if usage:
            through = usage.with_context(call_statement_door=DOOR)
            moves = super(ContractContract, through)._recurring_create_invoice(date_ref).with_env(self.env)
        ordinary = self - usage
        for start in range(0, len(ordinary), SLICE):
            part = ordinary[start : start + SLICE]
            moves |= super(ContractContract, part)._recurring_create_invoice(date_ref)
            self.env.flush_all()
        return moves
