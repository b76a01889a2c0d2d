from odoo import api, fields, models

from .call_dispute_line import OPEN


class AccountMove(models.Model):
    """What follow-up asks an invoice: is it disputed, and how much of it; and how disputes follow the documents that settle them."""

    _inherit = "account.move"  # pylint: disable=consider-merging-classes-inherited

    call_dispute_ids = fields.One2many("call.dispute", "invoice_id", string="Disputes")
    call_dispute_count = fields.Integer(compute="_compute_call_dispute", compute_sudo=True)
    call_dispute_state = fields.Selection(
        [("open", "Disputed"), ("decided", "Dispute decided")],
        string="Dispute",
        compute="_compute_call_dispute",
        search="_search_call_dispute_state",
        compute_sudo=True,
        help="Disputed: a dispute of its calls waits for its decision. Withdrawn ones do not count.",
    )
    call_disputed_amount = fields.Monetary(
        string="Disputed Amount",
        compute="_compute_call_dispute",
        compute_sudo=True,
        help="What its open disputes are about, without taxes.",
    )

    @api.depends("call_dispute_ids.state", "call_dispute_ids.disputed_amount")
    def _compute_call_dispute(self):
        for move in self:
            disputes = move.call_dispute_ids
            waiting = disputes.filtered(lambda dispute: dispute.state in OPEN)
            decided = any(dispute.state != "withdrawn" for dispute in disputes)
            move.call_dispute_count = len(disputes)
            move.call_dispute_state = "open" if waiting else "decided" if decided else False
            move.call_disputed_amount = sum(waiting.mapped("disputed_amount"))

    @api.model
    def _search_call_dispute_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        Dispute = self.env["call.dispute"].sudo()
        waiting = fields.Domain("id", "in", Dispute._search([("state", "in", OPEN)]).subselect("invoice_id"))
        counted = fields.Domain("id", "in", Dispute._search([("state", "!=", "withdrawn")]).subselect("invoice_id"))
        domains = {"open": waiting, "decided": counted & ~waiting, False: ~counted}
        return fields.Domain.OR(domains[state] for state in value if state in domains)

    def _disputed_amounts(self):
        """What open disputes of these invoices are about, with the share of taxes that the whole invoice has.

        :return: dict of invoice -> amount, without those of which nothing is disputed
        """
        return {
            move: move.currency_id.round(
                move.call_disputed_amount * move.amount_total / (move.amount_untaxed or move.amount_total)
            )
            for move in self
            if move.call_disputed_amount and move.amount_total
        }

    def _follow_disputes(self):
        """Disputes whose difference is on these documents."""
        adjustments = (
            self.env["call.adjustment"]
            .sudo()
            .search(
                [
                    ("dispute_id", "!=", False),
                    *("|", ("move_id", "in", self.ids), ("charge_ids.statement_id.invoice_id", "in", self.ids)),
                ]
            )
        )
        adjustments.dispute_id._follow_adjustments()

    def action_view_call_disputes(self):
        return self.env["call.dispute"]._action_of([("invoice_id", "in", self.ids)])

    def action_raise_call_dispute(self):
        """For one of its statements, chosen in the dialog where it has several."""
        self.ensure_one()
        statements = self.sudo().call_statement_ids
        return self.env["call.dispute.raise"]._open(
            {"default_statement_id": statements.id if len(statements) == 1 else False, "call_invoice_id": self.id}
        )
