from odoo import api, fields, models


class CallContractSuspend(models.TransientModel):
    """Asks why contracts are suspended, and whether they are billed meanwhile."""

    _name = "call.contract.suspend"
    _description = "Suspend Contracts"

    contract_ids = fields.Many2many("contract.contract", string="Contracts", required=True)
    suspension = fields.Selection(
        [("hold", "Hold it: nothing is billed until it is resumed"), ("bill", "Bill what still comes, as usual")],
        string="Billing",
        required=True,
        default="hold",
    )
    reason = fields.Char(required=True)

    @api.model
    def default_get(self, names):
        return super().default_get(names) | {"contract_ids": [fields.Command.set(self.env.context.get("active_ids") or [])]}

    def action_suspend(self):
        self.ensure_one()
        self.contract_ids._suspend(self.suspension, self.reason)
        return {"type": "ir.actions.act_window_close"}
