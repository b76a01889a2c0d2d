from odoo import api, fields, models

from .call_rate_rule import short


class CallRateTier(models.Model):
    """A step of a rule's volume in a period, with its own price in place of the rule's. ``up_to`` is inclusive; the last
    tier has none."""

    _name = "call.rate.tier"
    _description = "Rate Tier"
    _order = "rule_id, open_end, up_to, id"

    rule_id = fields.Many2one("call.rate.rule", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="rule_id.company_id", store=True)
    currency_id = fields.Many2one(related="rule_id.currency_id")
    up_to = fields.Float(digits=(16, 2), help="Last call or minute of this tier. Empty in the last tier.")
    open_end = fields.Boolean(compute="_compute_open_end", store=True)
    price = fields.Float(digits=(16, 6), required=True, help="Per call or minute, in place of the rule's price.")
    flat_fee = fields.Float(digits=(16, 6), default=0.0, help="Once, when the tier is reached. The first one always is.")

    _prices_positive = models.Constraint("CHECK (price >= 0 AND flat_fee >= 0)", "Prices must not be negative.")

    @api.depends("up_to")
    def _compute_open_end(self):
        for tier in self:
            tier.open_end = not tier.up_to

    def _text(self):
        """The tier in words."""
        self.ensure_one()
        price = self.rule_id._format_price(self.price)
        values = {"price": price, "up_to": short(self.up_to)}
        text = self.env._("%(price)s up to %(up_to)s", **values) if self.up_to else self.env._("then %(price)s", price=price)
        if self.flat_fee:
            text = self.env._("%(tier)s + %(fee)s", tier=text, fee=self.rule_id._format_price(self.flat_fee))
        return text
