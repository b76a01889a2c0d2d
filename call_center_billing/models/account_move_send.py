from odoo import api, models


class AccountMoveSend(models.AbstractModel):
    _inherit = "account.move.send"

    @api.model
    def _get_invoice_extra_attachments(self, move):
        """Statements go out with their invoice."""
        return super()._get_invoice_extra_attachments(move) + move.sudo().call_statement_ids._ensure_documents()
