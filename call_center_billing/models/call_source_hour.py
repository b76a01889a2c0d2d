from odoo import fields, models


class CallSourceHour(models.Model):
    """How many records a source brought for each hour (UTC) in which calls began: usage lines and suspended records.

    Written by the import in bulk, in the transaction that stores the records, so it always agrees with them.
    """

    _name = "call.source.hour"
    _description = "Calls per Hour"
    _order = "hour desc"
    _log_access = False

    source_id = fields.Many2one("call.source", required=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    hour = fields.Datetime(required=True, help="Begin of the hour, shown in your time zone.")
    call_count = fields.Integer(string="Calls", required=True)
    total_seconds = fields.Integer(string="Duration (s)", required=True)

    _hour = models.UniqueIndex("(source_id, hour)")
