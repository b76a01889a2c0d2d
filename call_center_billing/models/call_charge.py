from collections import defaultdict
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

from odoo import api, fields, models
from odoo.tools import SQL

from .. import pricing
from .call_price import number
from .call_rate_rule import short
from .call_usage_line import Unchecked

UNIT_SECONDS = {"hour": 3600, "minute": 60, "second": 1}
EXACT_STEP = {"hour": 36, "minute": 3, "second": 1}
"""Seconds of which every multiple has two decimals in the unit."""
ODOO_UNITS = {
    "hour": "uom.product_uom_hour",
    "minute": "uom.product_uom_minute",
    "second": "call_center_billing.product_uom_second",
    "call": "call_center_billing.product_uom_call",
    "message": "call_center_billing.product_uom_message",
    "outcome": "call_center_billing.product_uom_outcome",
    "unit": "uom.product_uom_unit",
}
USAGE = ("duration", "call", "part", "cost", "destination", "package", "flat")
"""Components that are usage: what minimums and maximums are counted over."""


def exact(number):
    """A float that stands for a decimal of the database, as that decimal.

    >>> exact(0.1), exact(2.25)
    (Decimal('0.1'), Decimal('2.25'))
    """
    return Decimal(repr(number))


def duration_charge(seconds, price, unit, per=60):
    """Quantity and unit price of charged time, so that their product is the exact price of the seconds.

    An invoice quantity has two decimals: hours and minutes are used where they are exact (36- and 3-second steps), otherwise
    whole seconds. A unit price without a finite decimal is rounded up in the 15th place; up to 10 million seconds that
    changes no cent.

    >>> duration_charge(96, Decimal("0.90"), "minute")
    ('minute', Decimal('1.6'), Decimal('0.90'))
    >>> duration_charge(95, Decimal("0.90"), "second")
    ('second', Decimal('95'), Decimal('0.015'))
    >>> duration_charge(95, Decimal("0.90"), "minute")
    ('second', Decimal('95'), Decimal('0.015'))
    >>> duration_charge(5400, Decimal("25.00"), "hour", per=3600)
    ('hour', Decimal('1.5'), Decimal('25.00'))

    :param seconds: whole seconds, after increments
    :param price: Decimal or Fraction, for ``per`` seconds
    :param unit: ``hour``, ``minute`` or ``second``, what the rate rule wants
    :return: (unit, quantity, unit price)
    """
    if seconds % EXACT_STEP[unit]:
        unit = "second"
    return unit, Decimal(seconds) / UNIT_SECONDS[unit], unit_price(Fraction(price) * UNIT_SECONDS[unit] / per, price)


def unit_price(price, stated=None):
    """A price as a Decimal, rounded up in the 15th place where it has no finite decimal.

    >>> unit_price(Fraction(9, 10)), unit_price(Fraction(2, 7))
    (Decimal('0.9'), Decimal('0.285714285714286'))

    :param stated: the same price as people wrote it, where it may be the same number
    """
    if stated is not None and Fraction(stated) == price:
        return Decimal(stated) if not isinstance(stated, Fraction) else unit_price(price)
    quotient = Decimal(price.numerator) / price.denominator
    rounded = quotient.quantize(Decimal(1).scaleb(-15), ROUND_CEILING)
    return quotient if Fraction(quotient) == price and quotient == rounded else rounded


def rounded(amount, decimals):
    """An exact amount, rounded once, halves away from zero.

    >>> rounded(Fraction(1425, 1000), 2), rounded(Fraction(-5, 1000), 2), rounded(Fraction(1, 3), 0)
    (Decimal('1.43'), Decimal('-0.01'), Decimal('0'))

    :param amount: Fraction
    """
    scaled = abs(amount) * 10**decimals
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return (Decimal(whole) if amount >= 0 else Decimal(-whole)).scaleb(-decimals)


def line_amount(seconds, price, decimals, per=60):
    """The price of charged time, rounded once.

    >>> line_amount(95, Decimal("0.90"), 2), line_amount(3, Decimal("0.10"), 2)
    (Decimal('1.43'), Decimal('0.01'))
    """
    return rounded(Fraction(seconds) * Fraction(price) / per, decimals)


class CallCharge(models.Model):
    """What becomes one invoice line: usage of one contract line at one price in one statement, or a term of its plan.

    Written once, when the statement closes; deleted with it being reopened. ``quantity`` x ``unit_price`` is the sum
    of its calls before rounding, ``amount`` is that rounded to the currency. What an allowance made free is a charge of
    nothing, which no invoice line stands for. Where a charge has only some of the calls at its price, those in a stretch of
    their order, ``first_usage_id`` and ``last_usage_id`` are its ends; their seconds and quantity here may be a part of theirs.
    """

    _name = "call.charge"
    _description = "Charge"
    _order = "statement_id, contract_line_id, late_of_id nulls first, sequence, id"

    statement_id = fields.Many2one("call.statement", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="statement_id.company_id", store=True)
    partner_id = fields.Many2one(related="statement_id.partner_id", store=True)
    currency_id = fields.Many2one(related="statement_id.currency_id")
    date_end = fields.Date(related="statement_id.date_end", string="Period")
    contract_line_id = fields.Many2one("contract.line", required=True, ondelete="restrict", index=True)
    rule_id = fields.Many2one("call.rate.rule", ondelete="restrict", help="Empty: a term of the plan per period.")
    price_id = fields.Many2one("call.price", ondelete="restrict", index="btree_not_null")
    term_id = fields.Many2one("call.rate.term", ondelete="restrict")
    allowance_id = fields.Many2one("call.rate.allowance", ondelete="restrict")
    adjustment_id = fields.Many2one("call.adjustment", ondelete="restrict", index="btree_not_null")
    adjusted_line_id = fields.Many2one("contract.line", ondelete="restrict")
    late_of_id = fields.Many2one(
        "call.statement", string="Late Usage of", help="The closed statement that these calls belong to but came too late for."
    )
    sequence = fields.Integer()
    component = fields.Selection(
        [
            ("fee", "Fee"),
            ("included", "Included"),
            ("duration", "Time"),
            ("call", "Calls"),
            ("part", "Part of the calls"),
            ("destination", "By destination"),
            ("cost", "Provider's cost"),
            ("package", "Packages"),
            ("flat", "Fees of tiers"),
            ("forecast", "Agreed volume"),
            ("fte", "Full-time agents"),
            ("cap", "Maximum"),
            ("minimum", "Minimum"),
            ("credit", "Service level credit"),
            ("bonus", "Service level bonus"),
            ("adjustment", "Adjustment"),
        ],
        required=True,
    )
    part = fields.Char(help="Part of the call, where it has a rate of its own.")
    tier = fields.Integer(help="Number of the tier, from 1; 0: none.")
    unit = fields.Selection(
        [
            ("hour", "Hours"),
            ("minute", "Minutes"),
            ("second", "Seconds"),
            ("call", "Calls"),
            ("message", "Messages"),
            ("outcome", "Outcomes"),
            ("unit", "Units"),
        ],
        required=True,
    )
    name = fields.Char(required=True)
    call_count = fields.Integer(string="Calls")
    seconds = fields.Integer(string="Charged Seconds")
    call_seconds = fields.Integer(
        string="Seconds of Its Calls", help="Differs from the charged seconds where the sum is rounded or capped."
    )
    quantity = fields.Float(digits=(16, 2))
    unit_price = fields.Float(digits=0, help="Exact: not rounded to any number of decimals.")
    share = fields.Float(digits=(16, 6), default=1.0, help="Part of the price that is charged, after an allowance for all calls.")
    amount = fields.Monetary()
    provider_cost = fields.Float(
        digits=(16, 6),
        groups="call_center_billing.group_sales",
        help="What the provider charges for its calls, where they are charged by that.",
    )
    first_usage_id = Unchecked("call.usage.line", string="First Call", ondelete="restrict")
    first_seconds = fields.Integer()
    first_quantity = fields.Float(digits=(16, 2))
    last_usage_id = Unchecked("call.usage.line", string="Last Call", ondelete="restrict")
    last_seconds = fields.Integer()
    last_quantity = fields.Float(digits=(16, 2))
    invoice_line_ids = fields.One2many("account.move.line", "call_charge_id", string="Invoice Lines")

    _key = models.UniqueIndex(
        "(statement_id, contract_line_id, component, COALESCE(rule_id, 0), COALESCE(price_id, 0), COALESCE(term_id, 0), tier,"
        " COALESCE(part, ''), share, COALESCE(late_of_id, 0), COALESCE(adjustment_id, 0), COALESCE(adjusted_line_id, 0))",
        "A statement has one charge per contract line, price and component.",
    )

    def action_view_calls(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_usage_line_action")
        return action | {"domain": self._calls_domain(), "context": {}, "display_name": self.name}

    def _unit_price_text(self):
        """The unit price with all decimals it has, at least two."""
        self.ensure_one()
        whole, _dot, decimals = f"{exact(self.unit_price):f}".partition(".")
        return f"{whole}.{decimals.rstrip('0'):0<2}"

    def _calls_domain(self):
        """The usage lines that this charge is the sum of."""
        self.ensure_one()
        domain = [("statement_id", "=", self.statement_id.id), ("contract_line_id", "=", self.contract_line_id.id)]
        if not self.rule_id:
            return domain
        domain += [("rule_id", "=", self.rule_id.id), ("late_of_id", "=", self.late_of_id.id), ("status", "=", "billable")]
        if self.price_id:
            domain += (
                ["|", ("price_id", "=", self.price_id.id), ("stretch_ids.price_id", "=", self.price_id.id)]
                if (self.price_id.sudo().split)
                else [("price_id", "=", self.price_id.id)]
            )
        if self.first_usage_id and self.last_usage_id:
            domain += [("charge_ids", "in", self.ids)]
        return domain

    def _calls_between(self):
        """SQL of the ids of its calls and those between them in their order, where it has only a stretch of them."""
        self.ensure_one()
        return SQL(
            """
            (SELECT u.id FROM call_usage_line u, call_usage_line f, call_usage_line l
              WHERE f.id = %s AND l.id = %s AND u.statement_id = %s
                AND (u.start_at, u.record_key) BETWEEN (f.start_at, f.record_key) AND (l.start_at, l.record_key))
            """,
            self.first_usage_id.id,
            self.last_usage_id.id,
            self.statement_id.id,
        )

    # --- From groups of calls ---------------------------------------------------------------------------

    @api.model
    def _prepare_usage(self, groups, lines, planned, counters):
        """Values of the charges of usage; see ``call.closing``."""
        vals_list, lumps, costs = [], defaultdict(lambda: [Fraction(0), 0, 0]), defaultdict(Fraction)
        for group in groups:
            costs[group.statement, group.line, group.period, group.rule] += Fraction(group.all.cost)
            if group.included:
                vals_list.append(self._prepare_included(group, planned))
            for piece in group.charged:
                if group.rule.source == "own":
                    vals_list += self._prepare_piece(group, piece)
                else:
                    lump = lumps[group.statement, group.line, group.period, group.rule]
                    lump[0] += self._lump(group, piece)
                    lump[1] += piece.calls
                    lump[2] += piece.seconds
        for (statement, line, period, rule), (amount, calls, seconds) in lumps.items():
            common = self._common(statement, line, period, rule, rule.name)
            vals = {**common, "component": "destination", "unit": "unit", "call_count": calls}
            if rule.source == "cost":
                vals |= {"component": "cost", "provider_cost": float(costs[statement, line, period, rule])}
            vals_list.append(vals | {"seconds": seconds, "call_seconds": seconds} | self._priced(statement, Decimal(1), amount))
        return vals_list + self._prepare_tier_fees(counters)

    @api.model
    def _lump(self, group, piece):
        """Exact price of a slice of calls that have no unit price of ours."""
        if group.rule.source == "cost":
            return Fraction(piece.cost) * Fraction(group.terms["cost_factor"])
        time = Fraction(piece.seconds) * Fraction(group.terms["time_price"]) / group.terms["time_seconds"]
        return time + Fraction(piece.quantity) * Fraction(group.terms["call_price"])

    @api.model
    def _prepare_piece(self, group, piece):
        """Values of the charges of one slice of a price group: time, calls, parts."""
        rule, statement = group.rule, group.statement
        time_price, call_price = group.price_in(piece.tier)
        packaged = rule.tier_unit if rule.tier_mode == "package" else None
        name = self._slice_name(group, piece)
        common = self._common(statement, group.line, group.period, rule, name, group.price) | {
            "tier": piece.tier + 1 if piece.tier is not None else 0,
            "share": float(piece.share),
        }
        ends = self._ends(piece.call_ends)
        vals_list = []
        parts = piece.parts
        seconds = pricing.capped_average_seconds(piece.seconds, piece.timed, rule.average_cap_seconds)
        if group.terms["on_sum"] and seconds > 0:
            seconds = pricing.sum_rounded(seconds, group.terms["increment_first"], group.terms["increment_next"])
        charges_calls = call_price and packaged != "call" and piece.quantity
        if (seconds and time_price and packaged != "minute") or not (
            charges_calls or call_price or parts or packaged or group.included or (piece.share != 1 and not seconds)
        ):
            price = Fraction(time_price) * piece.share
            stated = time_price if piece.share == 1 else price
            unit, quantity, price = duration_charge(seconds, stated, rule.invoice_unit, group.terms["time_seconds"])
            amount = line_amount(seconds, stated, statement.currency_id.decimal_places, group.terms["time_seconds"])
            vals_list.append(
                {
                    **common,
                    **self._ends(piece.time_ends),
                    "component": "duration",
                    "unit": unit,
                    "call_count": piece.timed or piece.calls,
                }
                | {"seconds": seconds, "call_seconds": piece.seconds}
                | {"quantity": float(quantity), "unit_price": float(price), "amount": float(amount)}
            )
        if charges_calls:
            unit = rule.kind if rule.kind in ("message", "outcome") else "call"
            vals = {**common, **ends, "component": "call", "unit": unit, "call_count": piece.calls}
            price = Fraction(call_price) * piece.share
            vals_list.append(vals | self._priced(statement, piece.quantity, price * Fraction(piece.quantity), price, call_price))
        prices = {part: group.terms[f"{part.removesuffix('_seconds')}_price"] for part in parts}
        labels = prices and dict(self.env["call.rate.part"]._fields["part"]._description_selection(self._client_env(statement)))
        for part, price in prices.items():
            price = Fraction(price) * piece.share
            unit, quantity, each = duration_charge(parts[part], price, "minute")
            amount = line_amount(parts[part], price, statement.currency_id.decimal_places)
            vals_list.append(
                {**common, **ends, "component": "part", "part": part, "unit": unit, "call_count": piece.calls}
                | {"name": self._client_name(statement, group.line, f"{name}, {labels[part]}", group.period)}
                | {"seconds": parts[part], "call_seconds": parts[part]}
                | {"quantity": float(quantity), "unit_price": float(each), "amount": float(amount)}
            )
        return vals_list

    @api.model
    def _prepare_included(self, group, planned):
        """What an allowance made free, as a charge of nothing that the client can see."""
        allowance = planned[group.line]._nearest("allowance_ids")._in_force(group.period.date_start)._covering(group.rule)
        piece, statement = group.included, group.statement
        env = self._client_env(statement)
        name = f"{group.price.with_env(env)._label()}, {allowance.with_env(env).name}"
        vals = self._common(statement, group.line, group.period, group.rule, name, group.price)
        vals |= {"component": "included", "allowance_id": allowance.id}
        vals |= {"call_count": piece.calls, "seconds": piece.seconds, "call_seconds": piece.seconds, "unit_price": 0, "amount": 0}
        if allowance.unit == "call":
            return vals | self._ends(piece.call_ends) | {"unit": "call", "quantity": float(piece.quantity)}
        unit, quantity, _price = duration_charge(piece.seconds, Decimal(0), "minute")
        return vals | self._ends(piece.time_ends) | {"unit": unit, "quantity": float(quantity)}

    @api.model
    def _prepare_tier_fees(self, counters):
        """Packages, and fees for tiers that were reached; late usage owes what they differ by."""
        vals_list = []
        for counter in counters:
            if "before" not in counter:
                continue
            before = counter.pop("before")
            rule = self.env["call.rate.rule"].sudo().browse(counter["rule_id"])
            statement = self.env["call.statement"].browse(counter["statement_id"])
            period = self.env["call.statement"].browse(counter["period_id"])
            line = self.env["contract.line"].browse(counter["contract_line_id"])
            after = rule._in_tier_units((before or Decimal(0)) + number(counter["used"]))
            charged = before is not None
            before = rule._in_tier_units(before or Decimal(0))
            common = self._common(statement, line, period, rule, rule.with_env(self._client_env(statement)).name)
            if rule.tier_mode == "package":
                free, size = Fraction(number(rule.package_free)), Fraction(number(rule.package_size))
                count = pricing.packages(after, free, size) - (pricing.packages(before, free, size) if charged else 0)
                if count:
                    price = Fraction(number(rule.package_price))
                    vals = {**common, "component": "package", "unit": "unit"}
                    vals_list.append(vals | self._priced(statement, Decimal(count), price * count, price))
                continue
            tiers = [
                (bound, number(tier.price), number(tier.flat_fee))
                for bound, tier in zip(rule._tier_bounds(), rule.tier_ids, strict=True)
            ]
            fee = pricing.flat_fees(after, tiers, rule.tier_mode)
            fee -= pricing.flat_fees(before, tiers, rule.tier_mode) if charged else 0
            if fee:
                vals = {**common, "component": "flat", "unit": "unit"}
                vals_list.append(vals | self._priced(statement, Decimal(1), Fraction(fee), Fraction(fee), fee))
        return vals_list

    # --- Terms per period -------------------------------------------------------------------------------

    @api.model
    def _with_terms(self, charges, groups, lines, planned):
        """The charges with those of the plans' terms per period, in the order of the invoice."""
        for kind in self._term_kinds():
            for statement, mine in lines.items():
                for term, sharing in self._terms_of(kind, statement, mine, planned):
                    amount, quantity, price = getattr(self, f"_term_{kind}")(term, statement, sharing, charges, groups)
                    if not amount:
                        continue
                    name = term.with_env(self._client_env(statement)).name
                    vals = self._common(statement, sharing[0], statement, self.env["call.rate.rule"], name)
                    vals |= {"component": kind, "unit": "unit", "term_id": term.id, "sequence": self._term_sequence(kind)}
                    charges.append(vals | self._priced(statement, quantity, amount, price))
        return charges

    @api.model
    def _term_kinds(self):
        """Kinds of terms that ``_term_<kind>`` charges, in the order in which they are calculated.

        Other add-ons put theirs where it belongs: what comes later sees the charges of what came earlier.
        """
        return ["fee", "forecast", "fte", "cap", "minimum"]

    @api.model
    def _term_sequence(self, kind):
        return -1 if kind == "fee" else 100_000

    @api.model
    def _terms_of(self, kind, statement, mine, planned):
        """Terms of a kind with the contract lines that they are counted over."""
        found = defaultdict(list)
        for line in mine:
            for term in planned[line]._nearest("term_ids")._in_force(statement.date_start):
                if term.kind == kind:
                    found[term, None if term.scope == "contract" else line].append(line)
        return [(term, sharing) for (term, _line), sharing in found.items()]

    @api.model
    def _term_fee(self, term, statement, sharing, charges, groups):
        amount = Fraction(number(term.amount)) * self._term_share(term, statement, sharing)
        return amount, Decimal(1), amount

    @api.model
    def _term_forecast(self, term, statement, sharing, charges, groups):
        """Product model 15."""
        mine = self._term_groups(term, statement, sharing, groups)
        actual, step = sum((group.units(term.unit) for group in mine), Decimal(0)), 60 if term.unit == "minute" else 1
        missing = Fraction(pricing.forecast_shortfall(actual, number(term.forecast) * step, number(term.share))) / step
        price = Fraction(number(term.amount))
        quantity = unit_price(missing)
        if quantity != round(quantity, 2):  # no invoice quantity: the amount as one unit
            return missing * price, Decimal(1), missing * price
        return missing * price, quantity, price

    @api.model
    def _term_fte(self, term, statement, sharing, charges, groups):
        """Product model 12."""
        mine = self._term_groups(term, statement, sharing, groups)
        delivered = sum(group.all.seconds for group in mine if group.rule.kind == "agent_time")
        fee = number(term.fte) * number(term.amount)
        amount = Fraction(delivered) * Fraction(fee) / (Fraction(number(term.hours)) * 3600)
        return amount, Decimal(1), amount

    @api.model
    def _term_cap(self, term, statement, sharing, charges, groups):
        total = sum((number(vals["amount"]) for vals in self._counted(term, statement, sharing, charges)), Decimal(0))
        amount = -Fraction(pricing.cap_discount(number(term.amount), total))
        return amount, Decimal(1), amount

    @api.model
    def _term_minimum(self, term, statement, sharing, charges, groups):
        """Product model 9."""
        share = self._term_share(term, statement, sharing)
        counted = self._counted(term, statement, sharing, charges)
        total = sum((max(Decimal(0), number(vals["amount"])) for vals in counted), Decimal(0))
        ids = [line.id for line in sharing]
        for vals in charges:
            mine = vals["statement_id"] == statement.id and vals["contract_line_id"] in ids
            if mine and (vals["component"] in ("cap", "forecast", "fte") or vals["component"] == "fee" and term.count_fees):
                total += number(vals["amount"])
        amount = Fraction(pricing.minimum_top_up(number(term.amount), share, [total]))
        return amount, Decimal(1), amount

    @api.model
    def _term_share(self, term, statement, sharing):
        """Part of the period that the term is charged for: the longest of its contract lines."""
        return max(line._period_share(statement) for line in sharing) if term.prorated else Fraction(1)

    @api.model
    def _term_groups(self, term, statement, sharing, groups):
        return [
            group
            for group in groups
            if group.statement == statement
            and not group.late
            and group.line in sharing
            and (group.rule in term.rule_ids if term.rule_ids else True)
        ]

    @api.model
    def _counted(self, term, statement, sharing, charges):
        """Charges of usage that count for a term. Late usage belongs to another period."""
        ids, rules = [line.id for line in sharing], term.rule_ids.ids
        return [
            vals
            for vals in charges
            if vals["statement_id"] == statement.id
            and vals["contract_line_id"] in ids
            and vals["component"] in USAGE
            and not vals["late_of_id"]
            and (not rules or vals["rule_id"] in rules)
        ]

    # --- Values -----------------------------------------------------------------------------------------

    @api.model
    def _common(self, statement, line, period, rule, name, price=None):
        return {
            "statement_id": statement.id,
            "contract_line_id": line.id,
            "rule_id": rule.id,
            "price_id": price.id if price else False,
            "late_of_id": period.id if period != statement else False,
            "sequence": rule.sequence if rule else 0,
            "name": self._client_name(statement, line, name, period),
        }

    @api.model
    def _priced(self, statement, quantity, amount, price=None, stated=None):
        """:param amount: exact, Fraction; price: per unit, Fraction, by default the rounded amount"""
        total = rounded(amount, statement.currency_id.decimal_places)
        one = unit_price(price, stated) if price is not None and quantity != 1 else total
        return {"quantity": float(quantity), "unit_price": float(one), "amount": float(total)}

    @api.model
    def _ends(self, ends):
        """:param ends: (id, seconds, quantity) of the first and of the last call, or None"""
        names = ("usage_id", "seconds", "quantity")
        return {
            f"{end}_{name}": float(value) if isinstance(value, Decimal) else value
            for end, values in zip(("first", "last"), ends or (), strict=False)
            for name, value in zip(names, values, strict=True)
        }

    @api.model
    def _client_env(self, statement):
        lang = statement.contract_id.partner_id.lang
        return self.with_context(lang=lang).env if lang and lang != self.env.context.get("lang") else self.env

    @api.model
    def _slice_name(self, group, piece):
        """Rule, premiums and tier, as the client reads them."""
        env = self._client_env(group.statement)
        name = group.price.with_env(env)._label()
        if piece.tier is None:
            return name
        tiers = group.rule.tier_ids
        lower, upper = tiers[piece.tier - 1].up_to if piece.tier else 0, tiers[piece.tier].up_to
        if upper:
            return env._("%(name)s, up to %(upper)s", name=name, upper=short(upper))
        return env._("%(name)s, above %(lower)s", name=name, lower=short(lower)) if lower else name

    @api.model
    def _client_name(self, statement, line, name, period):
        """What the client reads, in the client's language: service, what is charged, period."""
        env = self._client_env(statement)
        values = {"service": self._service_name(env, line), "rule": name, "period": period.with_env(env)._period_text()}
        if period != statement:
            return env._("%(service)s, %(rule)s, late usage of %(period)s", **values)
        return env._("%(service)s, %(rule)s, %(period)s", **values)

    @api.model
    def _service_name(self, env, line):
        service = line.with_env(env)
        return (service.product_id.name or service.name or "").splitlines()[0]

    def _prepare_invoice_line(self):
        """What this charge changes in the invoice line that OCA's contract prepares."""
        self.ensure_one()
        return {
            "call_charge_id": self.id,
            "name": self.name,
            "quantity": self.quantity,
            "price_unit": self.unit_price,
            "product_uom_id": self.env["ir.model.data"]._xmlid_to_res_id(ODOO_UNITS[self.unit], raise_if_not_found=True),
        }
