from odoo import fields, models

from ..formats.record import PARTS

PART_LABELS = {
    "ring_seconds": "Ringing",
    "queue_seconds": "Waiting in queue",
    "ivr_seconds": "IVR",
    "talk_seconds": "Talk",
    "hold_seconds": "Hold",
    "wrap_seconds": "Wrap-up",
    "transfer_seconds": "Transfer",
}


class CallRatePart(models.Model):
    """A part of the call that a rule charges at its own rate, beside the time that it counts together. It is rounded by
    the rule's increments for itself."""

    _name = "call.rate.part"
    _description = "Rate of a Part"
    _order = "rule_id, part"

    rule_id = fields.Many2one("call.rate.rule", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="rule_id.company_id", store=True)
    currency_id = fields.Many2one(related="rule_id.currency_id")
    part = fields.Selection([(part, PART_LABELS[part]) for part in PARTS], required=True)
    minute_price = fields.Float(string="Price per Minute", digits=(16, 6), required=True)

    _one_rate = models.UniqueIndex("(rule_id, part)", "A part of the call has one rate.")
    _price_positive = models.Constraint("CHECK (minute_price >= 0)", "Prices must not be negative.")
