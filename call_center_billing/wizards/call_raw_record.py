from odoo import fields, models


class CallRawRecord(models.TransientModel):
    """Shows one record as the phone system wrote it."""

    _name = "call.raw.record"
    _description = "Raw Record"

    import_id = fields.Many2one("call.import", readonly=True)
    place = fields.Integer(string="Line", readonly=True)
    raw = fields.Text(readonly=True)
    tz = fields.Char(string="Time Zone", readonly=True, help="The zone in which its times were read, where they state no offset.")
    corrected = fields.Text(string="Read Instead", readonly=True)
