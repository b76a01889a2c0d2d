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

    def _is_same_tax(self, other):
        """Whether two tax lines are of one tax, on an invoice and on a credit note, for the same account."""
        mine, its = self.tax_repartition_line_id, other.tax_repartition_line_id
        same = self.tax_line_id == other.tax_line_id and self.account_id == other.account_id
        return bool(mine) and same and mine.factor_percent == its.factor_percent
