"""What analyses have in common: measures that are ratios of sums, and rows that are each of one billing period."""

import re

from odoo import fields, models
from odoo.tools import SQL

from .windows import form_of


class CallRatio(models.AbstractModel):
    """A ratio of a group is computed from the sums of the whole group, never as an average of ratios.

    Who inherits it says of which columns its measures are ratios. Such a field is a stored Float with ``aggregator="avg"``; what it is
    in a single row is up to the model. Without anything to measure it is empty, not zero.
    """

    _name = "call.ratio"
    _description = "Measures That Are Ratios"

    _ratios = {}
    """Name of a field -> SQL of its numerator and of its denominator, with %(columns)s."""

    def _read_group_select(self, aggregate_spec, query):
        name, _colon, function = aggregate_spec.partition(":")
        if name not in self._ratios or function != "avg":
            return super()._read_group_select(aggregate_spec, query)
        names = set(re.findall(r"%\((\w+)\)s", " ".join(self._ratios[name])))
        columns = {column: self._field_to_sql(self._table, column, query) for column in names}
        part, whole = (SQL(each, **columns) for each in self._ratios[name])
        return SQL("(%s / nullif(%s, 0))", part, whole)


class CallPeriodRow(models.AbstractModel):
    """A row of a view that is of one statement."""

    _name = "call.period.row"
    _description = "Row of a Billing Period"
    _inherit = ["call.ratio"]

    statement_id = fields.Many2one("call.statement", readonly=True)
    contract_id = fields.Many2one("contract.contract", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Client", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    user_id = fields.Many2one("res.users", string="Responsible", readonly=True)
    date_start = fields.Date(string="From", readonly=True)
    date_end = fields.Date(string="Until", readonly=True, help="Last day of the billing period; it is of the month of this day.")

    def action_open(self):
        """The statement."""
        self.ensure_one()
        return form_of(self.statement_id)
