from odoo import fields, models


class CallSuspenseWriteOff(models.TransientModel):
    _name = "call.suspense.write.off"
    _description = "Write Off Suspended Records"

    suspense_ids = fields.Many2many(
        "call.suspense",
        string="Records",
        default=lambda self: self.env.context.get("active_ids"),
        domain=[("state", "=", "open")],
    )
    note = fields.Char(string="Reason", required=True)

    def action_write_off(self):
        self.suspense_ids._write_off(self.note)
        return {"type": "ir.actions.act_window_close"}
