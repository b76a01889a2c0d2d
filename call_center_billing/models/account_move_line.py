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
