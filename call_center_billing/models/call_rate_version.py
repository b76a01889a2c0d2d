from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from odoo import api, models

from .call_price import number
from .call_rate_rule import short

RECORDS = ("call.rate.rule", "call.rate.premium", "call.rate.term", "call.rate.allowance")
"""What of a plan has days on which it is in force."""
PRICES = {
    "call.rate.rule": ("minute_price", "hour_price", "call_price", "package_price"),
    "call.rate.part": ("minute_price",),
    "call.rate.tier": ("price", "flat_fee"),
    "call.rate.premium": ("value",),
    "call.rate.term": ("amount",),
    "call.rate.allowance": ("quantity",),
}
"""What a price change changes, by model."""
LINES = {"call.rate.rule": ("part_ids", "tier_ids")}
TOTALS = ("package_price", "flat_fee", "amount", "price_unit")
"""Amounts that are charged as they are: never with more decimals than the currency has."""


def changed(value, percent, decimals):
    """A price after a change, rounded half up.

    >>> changed(0.95, 5, 4), changed(0.95, 5, 2), changed(2.25, -10, 2)
    (0.9975, 1.0, 2.03)

    :param value: float that stands for a decimal of the database
    :param percent: float; what is added, negative where it is taken away
    """
    exact = number(value) * (100 + number(percent)) / 100
    return float(exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


class CallRateVersion(models.AbstractModel):
    """New versions of what a plan has: a record that changes ends the day before and goes on as a copy with the new values; one that
    begins on that very day is changed in place. So calls before that day keep their prices, whenever they are rated.

    Premiums, allowances and terms that name a rule name its copy as well, in every plan. What is left of an allowance is
    carried on by its copy. Owns no data.
    """

    _name = "call.rate.version"
    _description = "Versions of Rates"

    @api.model
    def _renew_all(self, changes, day):
        """:param changes: dict of rule, premium, term or allowance -> dict of it, or of one of its parts or tiers -> new values
        :param day: first day of the new versions
        """
        copies = {record: self._renew(record, values, day) for record, values in changes.items()}
        rules = {old: new for old, new in copies.items() if old != new and old._name == "call.rate.rule"}
        if rules:
            self._link(rules)
        return copies

    @api.model
    def _renew(self, record, values, day):
        """The record with its new values: a copy from the day on, or itself where it begins on that day."""
        new = record
        if record.date_start != day:
            until = record.date_end
            record.date_end = day - timedelta(days=1)
            continued = {"continues_id": record.id} if record._name == "call.rate.allowance" else {}
            new = record.copy({"date_start": day, "date_end": until, **continued, **values.get(record, {})})
        else:
            record.write(values.get(record, {}))
        for name in LINES.get(record._name, ()):
            for old_line, new_line in zip(record[name], new[name], strict=True):
                if old_line in values:
                    new_line.write(values[old_line])
        return new

    @api.model
    def _link(self, copies):
        """Let whatever names a rule name its copy as well, in plans that are based on this one too.

        :param copies: dict of rule -> copy
        """
        for model in ("call.rate.premium", "call.rate.allowance", "call.rate.term"):
            named = self.env[model].with_context(active_test=False).search([("rule_ids", "in", [rule.id for rule in copies])])
            for record in named:
                record.rule_ids |= self.env["call.rate.rule"].union(
                    *(new for old, new in copies.items() if old in record.rule_ids)
                )

    @api.model
    def _priced(self, record):
        """The record itself and its parts and tiers, each with the names of the prices it has.

        :return: list of (record, names)
        """
        lines = [record, *(line for name in LINES.get(record._name, ()) for line in record[name])]
        return [(line, [name for name in PRICES[line._name] if line[name]]) for line in lines]

    @api.model
    def _price_label(self, record, name):
        """What a price is the price of."""
        label = record._fields[name]._description_string(self.env)
        if record._name == "call.rate.part":
            return dict(record._fields["part"]._description_selection(self.env))[record.part]
        if record._name == "call.rate.tier":
            if record.up_to:
                return self.env._("%(label)s, up to %(limit)s", label=label, limit=short(record.up_to))
            return self.env._("%s, last tier", label)
        if record._name == "call.rate.premium":
            return dict(record._fields["effect"]._description_selection(self.env))[record.effect]
        if record._name == "call.rate.term":
            return dict(record._fields["kind"]._description_selection(self.env))[record.kind]
        if record._name == "call.rate.allowance":
            return dict(record._fields["unit"]._description_selection(self.env))[record.unit]
        return label

    @api.model
    def _new_price(self, record, name, percent, decimals):
        """A price after a change in per cent, rounded half up to so many decimals."""
        if name in TOTALS and not (record._name == "call.rate.term" and record.kind == "forecast"):
            decimals = min(decimals, record.currency_id.decimal_places)
        return changed(record[name], percent, decimals)
