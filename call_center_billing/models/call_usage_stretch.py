from odoo import fields, models

from .call_usage_line import Unchecked


class CallUsageStretch(models.Model):
    """A stretch of a call that is split where bands meet: its seconds and the price of its own moment.

    Written and deleted with the call. Together a call's stretches are its charged seconds.
    """

    _name = "call.usage.stretch"
    _description = "Stretch of a Call"
    _log_access = False
    _order = "usage_id, number"

    usage_id = Unchecked("call.usage.line", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="usage_id.company_id")
    number = fields.Integer(required=True)
    price_id = fields.Many2one("call.price", required=True, ondelete="restrict")
    seconds = fields.Integer(required=True)
