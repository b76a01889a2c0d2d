from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    unbilled_amount = fields.Monetary(
        string="Unbilled Usage",
        compute="_compute_unbilled_amount",
        groups="call_center_billing.group_sales",
        help="Usage of all open statements of the client, without fixed fees, in the currency of the company.",
    )
    open_statement_count = fields.Integer(compute="_compute_unbilled_amount", groups="call_center_billing.group_sales")

    call_dispute_count = fields.Integer(compute="_compute_call_dispute_count", groups="call_center_billing.group_sales")

    def _compute_call_dispute_count(self):
        clients = self.commercial_partner_id
        counts = dict(self.env["call.dispute"]._read_group([("partner_id", "in", clients.ids)], ["partner_id"], ["__count"]))
        for partner in self:
            partner.call_dispute_count = counts.get(partner.commercial_partner_id, 0)

    def action_view_call_disputes(self):
        self.ensure_one()
        return self.env["call.dispute"]._action_of([("partner_id", "=", self.commercial_partner_id.id)])

    def _compute_unbilled_amount(self):
        clients = self.commercial_partner_id
        groups = self.env["call.statement"]._read_group(
            [("partner_id", "in", clients.ids), ("state", "=", "open")],
            ["partner_id", "company_id", "currency_id"],
            ["usage_amount:sum", "__count"],
        )
        today = fields.Date.context_today(self)
        for partner in self:
            mine = [group[1:] for group in groups if group[0] == partner.commercial_partner_id]
            partner.open_statement_count = sum(count for *_others, count in mine)
            partner.unbilled_amount = sum(
                currency._convert(amount, partner.currency_id, company, today) for company, currency, amount, _count in mine
            )

    def action_view_unbilled(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_statement_unbilled_action")
        return action | {"context": {"search_default_partner_id": self.commercial_partner_id.id}}
