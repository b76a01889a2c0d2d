from odoo import api, fields, models

from .call_rate_rule import short


class CallCounter(models.Model):
    """What a period has used of an allowance, or of a rule's tiers, when a statement closed.

    Written when a statement closes, gone when it opens again. Late usage of ``period_id`` goes on where the counters of the
    statements before it stopped; the next period takes over what was carried.
    """

    _name = "call.counter"
    _description = "Usage Counter"
    _order = "statement_id, id"

    statement_id = fields.Many2one("call.statement", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="statement_id.company_id", store=True)
    partner_id = fields.Many2one(related="statement_id.partner_id", store=True)
    period_id = fields.Many2one("call.statement", required=True, ondelete="cascade", index=True, help="Whose usage it counts.")
    contract_line_id = fields.Many2one(
        "contract.line", ondelete="cascade", index=True, help="Empty: all lines of the plan together."
    )
    allowance_id = fields.Many2one("call.rate.allowance", ondelete="restrict")
    rule_id = fields.Many2one("call.rate.rule", ondelete="restrict")
    unit = fields.Selection([("minute", "Minutes"), ("call", "Calls")], required=True)
    granted = fields.Float(digits=(16, 2), help="Of this period, in seconds or calls.")
    carried = fields.Float(digits=(16, 2), help="From earlier periods, in seconds or calls.")
    used = fields.Float(digits=(16, 2), help="In seconds or calls.")
    left = fields.Json(help="What goes into the next period: list of [units, age in periods].")
    name = fields.Char(string="What", compute="_compute_name", help="The allowance, or the rule whose volume it is.")
    amount_text = fields.Char(string="Used of", compute="_compute_amount_text")
    left_text = fields.Char(string="Carried On", compute="_compute_left_text", help="Into the next period.")

    @api.depends("allowance_id.name", "rule_id.name")
    def _compute_name(self):
        for counter in self:
            counter.name = counter.allowance_id.name or counter.rule_id.name

    @api.depends("left", "unit")
    def _compute_left_text(self):
        for counter in self:
            units = sum(units for units, _age in counter.left or ())
            counter.left_text = short(units / (60 if counter.unit == "minute" else 1)) if units else ""

    def _compute_amount_text(self):
        for counter in self:
            per = 60 if counter.unit == "minute" else 1
            numbers = {
                "used": short(counter.used / per),
                "granted": short(counter.granted / per),
                "carried": short(counter.carried / per),
            }
            if not counter.granted and not counter.carried:  # a volume; or others of the pool, or late usage, of the allowance
                counter.amount_text = numbers["used"]
            elif counter.carried:
                counter.amount_text = self.env._("%(used)s of %(granted)s + %(carried)s carried over", **numbers)
            else:
                counter.amount_text = self.env._("%(used)s of %(granted)s", **numbers)
