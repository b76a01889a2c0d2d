from odoo import fields, models


class CallDisputeReason(models.Model):
    """Why clients dispute calls: what they choose from, and what disputes are counted by. One that was used is archived, not deleted."""

    _name = "call.dispute.reason"
    _description = "Reason of Disputes"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    description = fields.Text(translate=True, help="What the client reads below the reason, for example what to write to it.")
