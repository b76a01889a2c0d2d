from odoo import fields, models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    call_charge_id = fields.Many2one(
        "call.charge", string="Charge", readonly=True, copy=False, index="btree_not_null", ondelete="set null"
    )
    call_period_start = fields.Date(string="Service From", readonly=True, copy=False)
    call_period_end = fields.Date(string="Service Until", readonly=True, copy=False)

    def action_view_calls(self):
        self.ensure_one()
        return self.call_charge_id.action_view_calls()

    def _tax_key(self):
        """What tax lines of an invoice and its credit notes have in common."""
        return self.tax_line_id, self.account_id, abs(self.tax_repartition_line_id.factor_percent)

    def _prepare_levelling(self, move, amount):
        """Values of a tax line of another document, with the same tax as this one."""
        self.ensure_one()
        name = "refund_repartition_line_ids" if move.move_type == "out_refund" else "invoice_repartition_line_ids"
        same = self.tax_line_id[name].filtered(
            lambda line: (
                line.repartition_type == "tax" and abs(line.factor_percent) == abs(self.tax_repartition_line_id.factor_percent)
            )
        )[:1]
        return {
            "name": self.name,
            "display_type": "tax",
            "tax_repartition_line_id": same.id,
            "tax_tag_ids": [fields.Command.set(same.tag_ids.ids)],
            "account_id": self.account_id.id,
            "currency_id": self.currency_id.id,
            "amount_currency": amount,
        }
