from odoo import api, fields, models


class CallServiceResult(models.Model):
    """What a service level of a plan came to in a period: counts, result, and what was given for it.

    Written when a statement closes, gone when it opens again, and with it that it earned an earlier credit back. Texts are in the
    client's language and as agreed at that time: the term may change later.
    """

    _name = "call.service.result"
    _description = "Service Level Result"
    _order = "statement_id, id"

    statement_id = fields.Many2one("call.statement", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="statement_id.company_id", store=True)
    partner_id = fields.Many2one(related="statement_id.partner_id", store=True)
    currency_id = fields.Many2one(related="statement_id.currency_id")
    contract_line_id = fields.Many2one(
        "contract.line", ondelete="cascade", index=True, help="Empty: all lines of the plan together."
    )
    term_id = fields.Many2one("call.rate.term", required=True, ondelete="restrict", index=True)
    name = fields.Char(string="What", required=True)
    indicator = fields.Selection(selection=lambda self: self.env["call.rate.term"]._fields["indicator"].selection, required=True)
    offered = fields.Integer(help="Inbound calls that did not fail technically.")
    answered = fields.Integer()
    answered_in_time = fields.Integer(help="Within the agreed seconds of waiting and ringing.")
    abandoned = fields.Integer(help="The caller gave up, or nobody answered.")
    abandoned_in_time = fields.Integer(string="Abandoned Early", help="Within the agreed seconds.")
    wait_seconds = fields.Integer(string="Waiting (s)", help="In the queue and ringing, of the answered calls.")
    handling_seconds = fields.Integer(string="Handling (s)", help="Talk, hold and wrap-up of the answered calls.")
    value = fields.Float(
        digits=(16, 6), aggregator=None, help="Percents, or seconds per call. Exactly it is a ratio of the counts."
    )
    value_text = fields.Char(string="Result")
    target = fields.Float(digits=(16, 4), aggregator=None)
    target_text = fields.Char(string="Agreed")
    met = fields.Selection([("yes", "Met"), ("no", "Missed"), ("none", "No data")], string="Met or Missed", required=True)
    base = fields.Monetary(help="Charges of the period, without what is passed through at cost and late usage.")
    amount = fields.Monetary(string="Credit or Bonus", help="A credit is negative.")
    explanation = fields.Char()
    earned_back_id = fields.Many2one(
        "call.service.result",
        string="Earned Back By",
        ondelete="set null",
        index="btree_not_null",
        help="The credit was charged again.",
    )
    earned_back_ids = fields.One2many("call.service.result", "earned_back_id", string="Earns Back")
    earned_back_in_id = fields.Many2one(related="earned_back_id.statement_id", string="Earned Back In")

    @api.depends("name", "value_text")
    def _compute_display_name(self):
        for result in self:
            result.display_name = f"{result.name} {result.value_text or ''}".strip()

    @api.model
    def _new_from(self, vals):
        """A result that is not stored, of values that closing prepared."""
        return self.new({name: value for name, value in vals.items() if name in self._fields and name != "earned_back_ids"})
