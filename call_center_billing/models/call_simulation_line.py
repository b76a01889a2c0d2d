from odoo import fields, models


class CallSimulationLine(models.Model):
    """A charge as the invoice would have it, under one plan of a simulation."""

    _name = "call.simulation.line"
    _description = "Simulated Charge"
    _order = "result_id, sequence, id"

    result_id = fields.Many2one("call.simulation.result", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="result_id.company_id", store=True)
    currency_id = fields.Many2one(related="result_id.currency_id")
    sequence = fields.Integer()
    name = fields.Char(string="Charge", required=True)
    component = fields.Selection(selection=lambda self: self.env["call.charge"]._fields["component"].selection, required=True)
    call_count = fields.Integer(string="Calls")
    quantity = fields.Float(digits=(16, 2))
    unit = fields.Selection(selection=lambda self: self.env["call.charge"]._fields["unit"].selection, required=True)
    unit_price = fields.Float(digits=0, help="Exact: not rounded to any number of decimals.")
    amount = fields.Monetary()
