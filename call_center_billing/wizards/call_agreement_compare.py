from odoo import api, fields, models

from ..models.call_agreement import side_by_side


class CallAgreementCompare(models.TransientModel):
    """Two contracts, or two documents, side by side. Contracts as they are configured now, documents as they were offered."""

    _name = "call.agreement.compare"
    _description = "Compare Agreements"

    left_id = fields.Many2one("contract.contract", string="Contract", domain="[('has_usage', '=', True)]")
    right_id = fields.Many2one(
        "contract.contract", string="Compared With", domain="[('has_usage', '=', True), ('id', '!=', left_id)]"
    )
    left_agreement_id = fields.Many2one("call.agreement", string="Document")
    right_agreement_id = fields.Many2one("call.agreement", string="Document Compared With")
    day = fields.Date(
        string="On", required=True, default=fields.Date.context_today, help="Of contracts: what holds from this day on."
    )
    everything = fields.Boolean(string="Show What Is the Same")
    comparison = fields.Html(compute="_compute_comparison", sanitize=False)

    @api.model
    def default_get(self, names):
        values = super().default_get(names)
        model, ids = self.env.context.get("active_model"), self.env.context.get("active_ids") or []
        prefix = {"contract.contract": "", "call.agreement": "agreement_"}.get(model)
        if prefix is not None:
            pair = dict(zip((f"left_{prefix}id", f"right_{prefix}id"), ids, strict=False))
            values |= pair
        return values

    @api.depends("left_id", "right_id", "left_agreement_id", "right_agreement_id", "day", "everything")
    def _compute_comparison(self):
        for wizard in self:
            left, right = wizard.left_agreement_id or wizard.left_id, wizard.right_agreement_id or wizard.right_id
            wizard.comparison = False
            if left and right and wizard.day:
                terms = [wizard._terms(side) for side in (left, right)]
                values = {
                    "changes": side_by_side(*terms, everything=wizard.everything),
                    "old_title": wizard._title(left),
                    "new_title": wizard._title(right),
                }
                wizard.comparison = self.env["ir.qweb"]._render("call_center_billing.call_agreement_comparison", values)

    def _terms(self, side):
        if side._name == "call.agreement":
            return side.terms or side._calculate()[0]
        return side._origin._agreement_terms(self.day)

    def _title(self, side):
        if side._name == "call.agreement":
            return f"{side._title()}, {side.partner_id.name}"
        return f"{side.partner_id.name}, {side.name}"
