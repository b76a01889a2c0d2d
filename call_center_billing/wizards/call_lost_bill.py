from odoo import api, fields, models
from odoo.exceptions import AccessError


class CallLostBill(models.TransientModel):
    """Bills what came too late all the same, because the client agreed to it."""

    _name = "call.lost.bill"
    _description = "Bill Lost Usage"

    reason = fields.Char(required=True, help="Why the client pays it all the same.")
    usage_line_ids = fields.Many2many("call.usage.line", string="Calls", readonly=True)
    adjustment_ids = fields.Many2many("call.adjustment", string="Adjustments", readonly=True)
    count = fields.Integer(string="Number", compute="_compute_value")
    value = fields.Float(string="Lost Value", compute="_compute_value", digits=(16, 2))

    @api.model
    def default_get(self, names):
        values = super().default_get(names)
        target = {"call.usage.line": "usage_line_ids", "call.adjustment": "adjustment_ids"}.get(
            self.env.context.get("active_model")
        )
        if target:
            values[target] = [fields.Command.set(self.env.context.get("active_ids") or [])]
        return values

    @api.depends("usage_line_ids", "adjustment_ids")
    def _compute_value(self):
        for wizard in self:
            lost = wizard.adjustment_ids.filtered(lambda adjustment: adjustment.state == "lost")
            calls = wizard.usage_line_ids._lost()
            wizard.count = len(calls) + len(lost)
            wizard.value = sum(calls.mapped("lost_amount")) + sum(lost.mapped("amount"))

    def action_bill(self):
        """:raise AccessError: the user is no billing accountant"""
        self.ensure_one()
        if not self.env.user.has_group("call_center_billing.group_accountant"):
            raise AccessError(self.env._("Only billing accountants bill lost usage."))
        self.usage_line_ids.check_access("read")
        self.adjustment_ids.check_access("read")
        if self.adjustment_ids:
            self.adjustment_ids._bill_lost(self.reason)
        else:
            self.usage_line_ids._bill_lost(self.reason)
        return {"type": "ir.actions.act_window_close"}
