from odoo import api, fields, models
from odoo.fields import Command


class CallDisputeDecide(models.TransientModel):
    """Shows what the decisions about the lines of a dispute change, to the cent, and carries them out."""

    _name = "call.dispute.decide"
    _description = "Decide a Dispute"

    dispute_id = fields.Many2one("call.dispute", required=True, readonly=True)
    currency_id = fields.Many2one(related="dispute_id.currency_id")
    explanation = fields.Text(string="What It Changes", readonly=True)
    difference = fields.Monetary(readonly=True, help="Without taxes; less is given back.")
    changes = fields.Boolean(readonly=True)
    line_ids = fields.One2many("call.dispute.decide.line", "wizard_id", readonly=True)
    settle = fields.Selection(
        [("next", "On the next invoice"), ("now", "By a credit note or invoice now")],
        string="Give It Back",
        default="next",
        required=True,
        help="Whether what is accepted is taken off the next invoice, or credited today.",
    )
    response = fields.Text(string="Answer", help="The client reads it with the decision.")

    @api.model
    def _prepare(self, dispute):
        """Values of the dialog."""
        differences = dispute._preview()
        rows = [{"statement_id": statement.id, **row} for statement, rows in differences.items() for row in rows]
        return {
            "dispute_id": dispute.id,
            "explanation": dispute._explain(differences),
            "difference": dispute._total(differences),
            "changes": bool(rows),
            "line_ids": [Command.create(row) for row in rows],
        }

    def action_decide(self):
        self.ensure_one()
        moves = self.dispute_id._decide(self.settle, self.response, self.difference)
        return moves._action_open() if moves else self.dispute_id._open()


class CallDisputeDecideLine(models.TransientModel):
    """What a decision changes for one contract line in one period."""

    _name = "call.dispute.decide.line"
    _description = "Effect of a Decision"

    wizard_id = fields.Many2one("call.dispute.decide", required=True, ondelete="cascade")
    statement_id = fields.Many2one("call.statement", string="Period", readonly=True)
    contract_line_id = fields.Many2one("contract.line", readonly=True)
    currency_id = fields.Many2one(related="statement_id.currency_id")
    before = fields.Monetary(readonly=True)
    after = fields.Monetary(readonly=True)
    difference = fields.Monetary(compute="_compute_difference")

    @api.depends("before", "after")
    def _compute_difference(self):
        for line in self:
            line.difference = line.after - line.before
