from odoo import api, fields, models


class CallSimulationResult(models.Model):
    """What one plan makes of the calls of a simulation. Written when it is simulated, deleted when its setup changes."""

    _name = "call.simulation.result"
    _description = "Result of a Simulation"
    _order = "simulation_id desc, sequence, id"

    simulation_id = fields.Many2one("call.simulation", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="simulation_id.company_id", store=True)
    currency_id = fields.Many2one(related="simulation_id.currency_id")
    sequence = fields.Integer()
    name = fields.Char(string="Plan", required=True)
    plan_id = fields.Many2one("call.rate.plan", string="Rate Plan", ondelete="set null", help="Empty: several, or deleted since.")
    is_current = fields.Boolean(string="Today", help="What the contract agrees today.")
    is_best = fields.Boolean(string="Best", help="The cheapest of the plans that price all calls.")
    standing = fields.Selection(
        [("best", "Best"), ("partial", "Incomplete"), ("current", "Today")], string="Status", compute="_compute_standing"
    )
    call_count = fields.Integer(string="Calls", help="Charged or included.")
    not_billable_count = fields.Integer(
        string="Free Calls", help="Outcomes that the plan does not charge, and calls as short as it lets go for nothing."
    )
    not_rated_count = fields.Integer(
        string="Calls Without Price",
        help="No rule of the plan fits them on their day. They would be suspended: they are not in the total, and a plan that has any "
        "cannot be the best.",
    )
    not_rated = fields.Char(string="Which")
    minutes = fields.Float(string="Charged Minutes", digits=(16, 1), help="After increments and minimum, included ones as well.")
    total = fields.Monetary(help="All charges of these periods, without fixed fees of the contract and taxes.")
    fixed = fields.Monetary(
        string="Of It Fixed", help="Fees, minimums and agreed volumes: what calls do not change.", aggregator=None
    )
    average_call = fields.Float(string="Average per Call", digits=(16, 4), aggregator=None, help="Total / calls.")
    average_minute = fields.Float(
        string="Average per Minute", digits=(16, 4), aggregator=None, help="Total / charged minutes of the same plan."
    )
    difference = fields.Monetary(help="To what is agreed today; of a prospect, to the best plan.", aggregator=None)
    break_even = fields.Char(
        string="Break-Even",
        help="With how many minutes (or calls) it costs the same as what is agreed today, or as the best plan of a prospect. Both are "
        "taken as a fixed amount and an average price per minute: near an allowance or a tier it is an estimate.",
    )
    line_ids = fields.One2many("call.simulation.line", "result_id", string="Charges")

    @api.depends("is_best", "is_current", "not_rated_count")
    def _compute_standing(self):
        for result in self:
            if result.is_best:
                result.standing = "best"
            elif result.not_rated_count:
                result.standing = "partial"
            else:
                result.standing = "current" if result.is_current else False
