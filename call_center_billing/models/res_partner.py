from odoo import api, fields, models

SCOPE = {"parent_id", "is_company", "type", "only_contract_ids"}
"""What record rules of the portal were computed from; see ``res.users``."""


class ResPartner(models.Model):
    _inherit = "res.partner"

    only_contract_ids = fields.Many2many(
        "contract.contract",
        "call_partner_contract_rel",
        string="Only These Contracts",
        context={"active_test": False},
        ondelete="restrict",  # an empty list would show all
        groups="call_center_billing.group_sales",
        help="What this contact sees on the portal. Empty: all contracts of its location or child company and below, or, of a contact of "
        "the head office, all contracts of the client.",
    )

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

    call_list_columns = fields.Json(
        copy=False, groups="base.group_user", help="How the client's own call lists are read: field -> title of its column."
    )

    @api.model_create_multi
    def create(self, vals_list):
        partners = super().create(vals_list)
        if any(vals.get("only_contract_ids") for vals in vals_list):
            self.env.registry.clear_cache()
        return partners

    def write(self, vals):
        res = super().write(vals)
        if SCOPE & set(vals) and self._has_portal_users():
            self.env.registry.clear_cache()
        return res

    def _has_portal_users(self):
        users = self.env["res.users"].sudo().with_context(active_test=False)
        return bool(users.search_count([("partner_id", "child_of", self.ids), ("share", "=", True)], limit=1))

    def _call_place(self):
        """The location, company or head office that a contact belongs to: itself, or the nearest one above."""
        self.ensure_one()
        place = self.sudo()
        while place.parent_id and not place.is_company and place.type != "other":
            place = place.parent_id
        return place

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
