"""Measures that are ratios of sums."""

import re

from odoo import models
from odoo.tools import SQL


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
