from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.account_move import CALL_USAGE


class AccountMoveReversal(models.TransientModel):
    """Crediting an invoice with call usage asks whether its usage is billed again."""

    _inherit = "account.move.reversal"

    has_call_usage = fields.Boolean(compute="_compute_has_call_usage")
    call_usage = fields.Selection(
        CALL_USAGE,
        string="Its Usage",
        help="Billed again: its calls and the fixed fees of its periods go on a new invoice with the next billing run, at the "
        "prices of today. Choose neither to credit only a part of the invoice.",
    )

    @api.depends("move_ids")
    def _compute_has_call_usage(self):
        for wizard in self:
            wizard.has_call_usage = any(wizard.move_ids.mapped("call_statement_count"))

    def _prepare_default_reversal(self, move):
        values = super()._prepare_default_reversal(move)
        if move.call_statement_count:
            values["call_usage"] = self.call_usage
        return values

    def modify_moves(self):
        """:raise UserError: a copy of the lines would stand for no calls"""
        if self.has_call_usage:
            raise UserError(
                self.env._("Reverse the invoice and choose to bill its usage again: the new one is made of its calls.")
            )
        return super().modify_moves()
