import logging

from odoo import api, fields, models
from odoo.exceptions import UserError

_logger = logging.getLogger(__name__)

BATCH = 10


class CallIndexation(models.Model):
    """New prices for many contracts from one day on: an amendment for each, prepared in one go, looked through, changed one by one where
    needed, and sent in batches.

    What is prepared can be taken back until it is accepted. With *signature* a client's prices change when it accepts; with *clause*,
    because the agreement provides for it, they change when the letter is sent. Contracts that cannot be changed on that day are
    left out, each with its reason.
    """

    _name = "call.indexation"
    _description = "Price Indexation"
    _inherit = ["mail.thread"]
    _order = "date desc, id desc"
    _check_company_auto = True

    name = fields.Char(required=True, default=lambda self: self.env._("Prices %s", fields.Date.context_today(self).year + 1))
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    date = fields.Date(
        string="From",
        required=True,
        default=lambda self: fields.Date.add(fields.Date.context_today(self), years=1, month=1, day=1),
        help="First day of calls with the new prices; of billing periods for fees, terms and allowances.",
    )
    percent = fields.Float(string="Change (%)", digits=(16, 4), required=True, help="3 is three per cent more.")
    decimals = fields.Integer(
        default=4, help="New prices are rounded to so many. Fees, minimums and packages have those of the currency at most."
    )
    with_fees = fields.Boolean(
        string="Fixed Fees As Well", default=True, help="Fixed fees of the contracts change by the same percentage."
    )
    consent = fields.Selection(
        [("signature", "Each client accepts with its signature"), ("clause", "The agreement provides for it: by letter")],
        required=True,
        default="signature",
        help="Whether new prices hold when the client signs, or by what was agreed before.",
    )
    note = fields.Text(string="Letter", help="What the client reads above the new prices.")
    contract_ids = fields.Many2many(
        "contract.contract",
        string="Contracts",
        check_company=True,
        domain="[('has_usage', '=', True), ('contract_type', '=', 'sale')]",
    )
    agreement_ids = fields.One2many("call.agreement", "indexation_id", string="Amendments")
    left_out = fields.Text(readonly=True, help="Contracts that get no amendment, and why.")
    state = fields.Selection(
        [("draft", "Setup"), ("prepared", "To Look Through"), ("sending", "Sending"), ("sent", "Sent")],
        required=True,
        default="draft",
        readonly=True,
        copy=False,
        tracking=True,
    )
    contract_count = fields.Integer(compute="_compute_counts")
    prepared_count = fields.Integer(string="To Send", compute="_compute_counts")
    offered_count = fields.Integer(string="Offered", compute="_compute_counts")
    accepted_count = fields.Integer(string="Accepted", compute="_compute_counts")
    refused_count = fields.Integer(string="Declined or Expired", compute="_compute_counts")
    progress = fields.Float(compute="_compute_counts")

    _decimals_range = models.Constraint("CHECK (decimals BETWEEN 0 AND 6)", "Prices have between 0 and 6 decimals.")
    _percent_sensible = models.Constraint("CHECK (percent > -100)", "Nothing can become cheaper than free.")

    @api.depends("contract_ids", "agreement_ids.state")
    def _compute_counts(self):
        groups = self.env["call.agreement"]._read_group(
            [("indexation_id", "in", self.ids)], ["indexation_id", "state"], ["__count"]
        )
        for indexation in self:
            mine = {state: count for group, state, count in groups if group == indexation._origin}
            indexation.contract_count = len(indexation.contract_ids)
            indexation.prepared_count = mine.get("draft", 0)
            indexation.offered_count = mine.get("offered", 0)
            indexation.accepted_count = mine.get("accepted", 0)
            indexation.refused_count = mine.get("declined", 0) + mine.get("expired", 0)
            total = sum(mine.values())
            indexation.progress = 100 * (total - mine.get("draft", 0)) / total if total else 0

    @api.model
    def default_get(self, names):
        values = super().default_get(names)
        if self.env.context.get("active_model") == "contract.contract":
            values["contract_ids"] = [fields.Command.set(self.env.context.get("active_ids") or [])]
        return values

    @api.ondelete(at_uninstall=False)
    def _unlink_setup(self):
        if self.agreement_ids.filtered(lambda agreement: agreement.state != "draft"):
            raise UserError(self.env._("Amendments of it were sent: they stay. Undo what is not accepted instead."))

    # --- Steps --------------------------------------------------------------------------------------------

    def action_prepare(self):
        """Draft an amendment for each contract, with the new prices beside the old ones."""
        self.ensure_one()
        if self.state != "draft" or not self.contract_ids:
            raise UserError(self.env._("Choose the contracts first."))
        if not self.percent:
            raise UserError(self.env._("Say by how much prices change."))
        reasons = self._reasons_against()
        contracts = self.contract_ids.filtered(lambda contract: contract not in reasons)
        agreements = self.env["call.agreement"].create([self._amendment_values(contract) for contract in contracts])
        Change = self.env["call.agreement.change"]
        rows = [
            row
            for agreement in agreements
            for row in Change._price_rows(agreement, self.percent, self.decimals, False, self.with_fees)
        ]
        Change.create(rows)
        idle = agreements.filtered(lambda agreement: not agreement.change_ids)
        reasons |= {agreement.contract_id: self.env._("it has no price on that day") for agreement in idle}
        idle.unlink()
        self.write({"state": "prepared", "left_out": self._reasons_text(reasons)})

    def action_undo(self):
        """Take back all that is not accepted: drafts go, offers are withdrawn."""
        self.ensure_one()
        self.agreement_ids.filtered(lambda agreement: agreement.state == "offered").action_withdraw()
        self.agreement_ids.filtered(lambda agreement: agreement.state in ("draft", "withdrawn")).unlink()
        self.write({"state": "sent" if self.agreement_ids else "draft", "left_out": False})

    def action_send(self):
        """Send all drafts in the background, a batch at a time."""
        self.ensure_one()
        if not self.prepared_count:
            raise UserError(self.env._("There is nothing to send."))
        self.state = "sending"
        self.env.ref("call_center_billing.call_indexation_cron")._trigger()

    def action_view_agreements(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_agreement_action")
        return action | {"domain": [("indexation_id", "=", self.id)], "context": {}, "display_name": self.name}

    @api.model
    def _cron_send(self):
        Cron = self.env["ir.cron"]
        for indexation in self.search([("state", "=", "sending")]):
            while batch := indexation._next_batch():
                indexation._send_batch(batch)
                left = indexation.prepared_count
                if not Cron._commit_progress(len(batch), remaining=left):
                    return
            indexation.state = "sent"
            Cron._commit_progress(1)

    def _next_batch(self):
        """Drafts that have not failed."""
        self.invalidate_recordset()
        return self.agreement_ids.filtered(lambda agreement: agreement.state == "draft" and not agreement.send_error)[:BATCH]

    def _send_batch(self, agreements):
        """One that cannot be sent keeps its reason and stops no other."""
        for agreement in agreements:
            try:
                with self.env.cr.savepoint():
                    agreement._offer()
                    if self.consent == "clause":
                        agreement._accept(agreement.document_hash, self.company_id.name, without_signature=True)
                    agreement._send_offer()
            except UserError as error:
                _logger.info("Amendment %s was not sent: %s", agreement.name, error)
                agreement.send_error = str(error)

    def action_retry(self):
        """Try those again that could not be sent."""
        self.agreement_ids.filtered("send_error").send_error = False
        self.action_send()

    # --- Which contracts ------------------------------------------------------------------------------------

    def _reasons_against(self):
        """:return: dict of contract -> why it gets no amendment"""
        env, contracts = self.env, self.contract_ids
        waiting = env["call.agreement"].search(
            [("contract_id", "in", contracts.ids), ("kind", "=", "amendment"), ("state", "in", ("draft", "offered"))]
        )
        closed = env["call.statement"].search(
            [
                ("contract_id", "in", contracts.ids),
                ("state", "!=", "open"),
                ("billed_again_id", "=", False),
                ("date_end", ">=", self.date),
            ]
        )
        reasons = {agreement.contract_id: env._("%s waits for an answer", agreement.name) for agreement in waiting}
        reasons |= {statement.contract_id: env._("%s is closed", statement.display_name) for statement in closed}
        reasons |= {
            contract: env._("it ends before that day")
            for contract in contracts
            if contract.date_end and contract.date_end < self.date
        }
        return reasons

    def _reasons_text(self, reasons):
        return "\n".join(f"{contract.partner_id.display_name}, {contract.name}: {reason}" for contract, reason in reasons.items())

    def _amendment_values(self, contract):
        return {
            "kind": "amendment",
            "contract_id": contract.id,
            "date_from": self.date,
            "valid_until": max(self.date, fields.Date.context_today(self)) if self.consent == "signature" else False,
            "note": self.note,
            "indexation_id": self.id,
            "user_id": (contract.user_id or self.env.user).id,
        }


class CallAgreement(models.Model):
    _inherit = "call.agreement"  # pylint: disable=consider-merging-classes-inherited

    indexation_id = fields.Many2one("call.indexation", readonly=True, copy=False, index="btree_not_null", ondelete="set null")
    send_error = fields.Text(readonly=True, copy=False, help="Why it could not be sent.")
    price_change_count = fields.Integer(string="New Prices", compute="_compute_price_changes")
    largest_change = fields.Float(string="Largest Change (%)", compute="_compute_price_changes", digits=(16, 2))

    @api.depends("change_ids.new_value", "change_ids.old_value")
    def _compute_price_changes(self):
        for agreement in self:
            rows = agreement.change_ids.filtered(lambda c: c.kind == "price" and c.new_value != c.old_value)
            agreement.price_change_count = len(rows)
            changes = [100 * (row.new_value - row.old_value) / row.old_value for row in rows if row.old_value]
            agreement.largest_change = max(changes, key=abs, default=0)
