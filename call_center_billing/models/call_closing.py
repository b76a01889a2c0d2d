"""From the usage of a period to its charges: what product.md does on totals.

Calls are read in one or two statements for all statements that close together: totals by price group, and, where an
allowance or graduated tiers go by the order of the calls, running sums over these calls. All else is a few rows per
contract line, priced with the functions of :mod:`..pricing`.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from odoo import api, models
from odoo.tools import SQL

from .. import pricing
from ..formats.record import PARTS
from .call_price import FORMULA, PART_PRICES, formula, number
from .call_rating import rounded_seconds, whole_part
from .call_rerating import Usage

ZERO = Decimal(0)
FAR = Decimal(10) ** 15
ENDS = ("first_time", "last_time", "first_call", "last_call")
END_COLUMNS = {"id": "", "slice_seconds": "::bigint", "slice_quantity": "::text"}
"""What is told of each end, and as what it is read."""
PART_COLUMNS = tuple(f"{part.removesuffix('_seconds')}_rounded" for part in PARTS)


@dataclass
class Slice:
    """Usage of a price group that is charged alike: what an allowance freed, a tier, or all of it.

    ``calls``: those that begin in it; ``timed``: those with time in it. ``share``: part of the price that is charged. ``time_ends`` and
    ``call_ends``: first and last call with time, and with a quantity, in the order of the calls, as (id, seconds, quantity) of what
    belongs to it; None where it is all of the group.
    """

    calls: int
    timed: int
    quantity: Decimal
    seconds: int
    cost: Decimal = ZERO
    parts: dict = field(default_factory=dict)
    tier: int | None = None
    share: Fraction = Fraction(1)
    time_ends: tuple | None = None
    call_ends: tuple | None = None


@dataclass
class Group:
    """Price group: calls of a contract line with one price, on one statement, late for the same period or not late."""

    number: int
    statement: models.Model
    line: models.Model
    period: models.Model
    late: bool
    rule: models.Model
    price: models.Model
    all: Slice
    amount: Decimal
    terms: dict
    included: Slice | None = None
    charged: list = field(default_factory=list)

    def units(self, unit):
        return Decimal(self.all.seconds) if unit == "minute" else self.all.quantity

    def freed_price(self, unit):
        """Price per unit of what an allowance frees."""
        if unit == "minute":
            return self.terms["time_price"] / self.terms["time_seconds"]
        return self.amount / self.all.quantity if self.all.quantity else ZERO

    def price_in(self, tier):
        """(price of time, price per call) in a tier of the rule, Decimal."""
        time, call = self.terms["time_price"], self.terms["call_price"]
        if tier is None:
            return time, call
        value = number(self.rule.tier_ids[tier].price)
        if self.rule.tier_unit == "minute":
            return formula(*(self.terms[name] for name in FORMULA[:4]), value), call
        return time, formula(*(self.terms[name] for name in FORMULA[4:]), value)


class CallClosing(models.AbstractModel):
    """Plans the charges of statements. Owns no data."""

    _name = "call.closing"
    _description = "Call Closing"

    @api.model
    def _prepare(self, lines, usage=None, plans=None):
        """Values of what statements charge and count.

        :param lines: dict of statement -> contract lines whose period it closes
        :param usage: Usage, by default what is stored
        :param plans: dict of contract line -> rate plan to take instead of its own
        :return: (list of values of call.charge, of call.counter, of call.service.result)
        """
        plans = plans or {}
        usage = usage or Usage()
        groups = self._groups(lines, usage)
        planned = {line: (plans.get(line) or line.rate_plan_id).sudo() for each in lines.values() for line in each}
        planned |= {group.line: (plans.get(group.line) or group.line.rate_plan_id).sudo() for group in groups}
        counters, levels, shares = self._use_allowances(groups, planned, lines)
        sets = self._tiered(groups, planned, lines)
        self._count_in_order(groups, levels, sets, usage)
        for group, unit, share in shares:
            group.charged = [part for piece in group.charged for part in self._share(piece, unit, share)]
        counters += self._reach_tiers(sets)
        charges = self.env["call.charge"]._prepare_usage(groups, lines, planned, counters)
        charges = self.env["call.charge"]._with_terms(charges, groups, lines, planned)
        return charges, counters, self._service_levels(charges, lines, planned, usage)

    # --- Best plan ----------------------------------------------------------------------------------------

    @api.model
    def _choose_plans(self, lines):
        """Price the period of contract lines that have several plans by each of them, and rate their calls by the cheapest.
        Product model 17. A plan that cannot price every call does not take part.

        :return: dict of contract line -> plan
        """
        chosen = {}
        Rerating = self.env["call.rerating"]
        for statement, mine in lines.items():
            for line in mine:
                if not line.alternative_plan_ids:
                    continue
                where = SQL("u.statement_id = %s AND u.contract_line_id = %s AND u.late_of_id IS NULL", statement.id, line.id)
                totals = [
                    (plan, total)
                    for plan in (line.rate_plan_id | line.alternative_plan_ids).sudo()
                    if (total := self._total_by(statement, line, plan, where)) is not None
                ]
                if not totals:
                    continue
                chosen[line], _total = pricing.cheapest(totals)
                changed = Rerating._rerate(where, {line: chosen[line]})
                self.env["call.statement"].browse(changed)._recount()
                statement._message_log(
                    body=self.env._(
                        "Best plan for '%(line)s': %(plan)s. %(totals)s",
                        line=line.product_id.name or line.name,
                        plan=chosen[line].name,
                        totals="; ".join(f"{plan.name} {total:.2f}" for plan, total in totals),
                    )
                )
        return chosen

    @api.model
    def _total_by(self, statement, line, plan, where):
        """:return: what a period of a contract line costs by a plan, fees included; None if that cannot price every call"""
        Rerating, total = self.env["call.rerating"], None
        with self.env.cr.savepoint() as savepoint:
            Rerating._calculate(where, {line: plan})
            ((missing,),) = self.env.execute_query(
                SQL("SELECT count(*) FROM call_picked WHERE id NOT IN (SELECT usage_id FROM call_rerated)")
            )
            if not missing:
                charges, *_others = self._prepare({statement: [line]}, Rerating._usage(), {line: plan})
                total = sum((number(vals["amount"]) for vals in charges), ZERO)
            savepoint.rollback()
        return total

    # --- Price groups -----------------------------------------------------------------------------------

    @api.model
    def _pieces(self, statements, usage):
        """SELECT of billable calls, those that are split by their stretches. What is not time belongs to the first stretch."""
        where = SQL("u.statement_id IN %s AND u.status = 'billable'", tuple(statements.ids) or (0,))
        columns = SQL(
            "u.id, u.statement_id, u.contract_line_id, u.late_of_id, u.rule_id, u.start_at, u.record_key, %s",
            SQL(", ").join(whole_part("u", part) for part in PARTS),
        )
        whole = SQL(
            "SELECT %s, u.price_id, 1 AS number, u.quantity, u.billed_seconds AS seconds, u.amount, u.provider_cost FROM %s u WHERE %s",
            columns,
            usage.lines,
            where,
        )
        if not self._any_split(usage):
            return whole
        return SQL(
            """
            %(whole)s AND u.is_split IS NOT TRUE
             UNION ALL
            SELECT %(columns)s, x.price_id, x.number, CASE x.number WHEN 1 THEN u.quantity ELSE 0 END, x.seconds,
                   CASE x.number WHEN 1 THEN u.amount ELSE 0 END, CASE x.number WHEN 1 THEN u.provider_cost END
              FROM %(lines)s u JOIN %(stretches)s x ON x.usage_id = u.id
             WHERE %(where)s AND u.is_split
            """,
            whole=whole,
            columns=columns,
            lines=usage.lines,
            stretches=usage.stretches,
            where=where,
        )

    @api.model
    def _any_split(self, usage):
        ((found,),) = self.env.execute_query(SQL("SELECT EXISTS (SELECT FROM %s x)", usage.stretches))
        return found

    @api.model
    def _any_part_prices(self):
        priced = SQL(" OR ").join(SQL("%s IS NOT NULL", SQL.identifier(name)) for name in PART_PRICES)
        ((found,),) = self.env.execute_query(SQL("SELECT EXISTS (SELECT FROM call_price WHERE %s)", priced))
        return found

    @api.model
    def _part_sums(self, condition, any_parts):
        """Columns that sum the seconds of parts with own rates; none where no price has any."""
        if not any_parts:
            return [SQL("0") for _part in PARTS]
        return [
            SQL(
                "coalesce(sum(CASE WHEN p.number = 1 AND r.%(price)s IS NOT NULL AND p.%(part)s > 0"
                " THEN CASE WHEN p.quantity < 0 THEN -1 ELSE 1 END * %(rounded)s END)"
                " FILTER (WHERE %(condition)s), 0)::bigint",
                price=SQL.identifier(name),
                part=SQL.identifier(part),
                rounded=rounded_seconds(SQL.identifier("p", part), "r"),
                condition=condition,
            )
            for part, name in zip(PARTS, PART_PRICES, strict=True)
        ]

    @api.model
    def _groups(self, lines, usage):
        self.env.flush_all()
        statements = self.env["call.statement"].union(*lines)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.statement_id, p.contract_line_id, p.late_of_id, p.rule_id, p.price_id,
                       count(*) FILTER (WHERE p.number = 1), sum(p.quantity)::text, sum(p.seconds)::bigint,
                       sum(p.amount)::text, coalesce(sum(p.provider_cost), 0)::text, %s
                  FROM (%s) p JOIN call_price r ON r.id = p.price_id
                 GROUP BY 1, 2, 3, 4, 5
                 ORDER BY 1, 2, 3 NULLS FIRST, 4, 5
                """,
                SQL(", ").join(self._part_sums(SQL("true"), self._any_part_prices())),
                self._pieces(statements, usage),
            )
        )
        terms = self._terms({row[4] for row in rows})
        # Records that are read one by one are fetched together.
        Statement = statements.with_prefetch([each for row in rows for each in (row[0], row[2]) if each])
        models_ = (self.env["contract.line"], self.env["call.rate.rule"].sudo(), self.env["call.price"].sudo())
        Line, Rule, Price = (model.with_prefetch([row[at] for row in rows]) for model, at in zip(models_, (1, 3, 4), strict=True))
        groups = []
        for index, (statement, line, late, rule, price, calls, quantity, seconds, amount, cost, *parts) in enumerate(rows):
            groups.append(
                Group(
                    index,
                    Statement.browse(statement).with_prefetch(Statement._prefetch_ids),
                    Line.browse(line).with_prefetch(Line._prefetch_ids),
                    Statement.browse(late or statement).with_prefetch(Statement._prefetch_ids),
                    bool(late),
                    Rule.browse(rule).with_prefetch(Rule._prefetch_ids),
                    Price.browse(price).with_prefetch(Price._prefetch_ids),
                    Slice(calls, calls, Decimal(quantity), seconds, Decimal(cost), self._by_part(parts)),
                    Decimal(amount),
                    terms[price],
                )
            )
        for group in groups:
            group.charged = [group.all]
        return groups

    @api.model
    def _by_part(self, sums):
        return {part: seconds for part, seconds in zip(PARTS, sums, strict=True) if seconds}

    @api.model
    def _terms(self, prices):
        """Exact terms of prices, as the ORM would not give them: Decimal by column."""
        names = ("time_price", "call_price", "cost_factor", *FORMULA, *PART_PRICES)
        exact = [name for name in names if not name.endswith("_fixed")]
        rows = self.env.execute_query(
            SQL(
                "SELECT id, time_seconds, on_sum, increment_first, increment_next, time_fixed, call_fixed, %s FROM call_price WHERE id = ANY(%s)",
                SQL(", ").join(SQL("%s::text", SQL.identifier(name)) for name in exact),
                list(prices),
            )
        )
        plain = ("time_seconds", "on_sum", "increment_first", "increment_next", "time_fixed", "call_fixed")
        return {
            row[0]: dict(zip(plain, row[1:7], strict=True))
            | {name: Decimal(value) if value is not None else None for name, value in zip(exact, row[7:], strict=True)}
            for row in rows
        }

    # --- Allowances -------------------------------------------------------------------------------------

    @api.model
    def _use_allowances(self, groups, planned, lines):
        """Find out what allowances make free.

        :return: (values of the counters, levels: see :meth:`_levels`, shares: group, unit, part of its price that is charged)
        """
        counters, levels, shares = [], [], []
        pools, granted = self._pools(groups, planned, lines)
        known = self._known_counters(pools, lines)
        for (period, statement, allowance, line), members in pools.items():
            earlier, sharing = known[period, allowance, line], granted[period, statement, allowance, line]
            counter, free, before = self._open_counter(period, statement, allowance, line, earlier, sharing)
            needed = sum((group.units(allowance.unit) for group in members), ZERO)
            counters += self._settle_counters(counter, members, needed + before, allowance, statement != period)
            if allowance.order == "proportional" and statement == period:
                share = pricing.proportional_share(needed, max(free - before, ZERO)) if needed > 0 else Fraction(1)
                shares += [(group, allowance.unit, share) for group in members if share != 1]
            elif statement != period or allowance.order == "date":
                levels.append((allowance.unit, free, before, members))
            else:
                levels += self._levels(allowance, max(free - before, ZERO), members)
        return counters, levels, shares

    @api.model
    def _share(self, piece, unit, share):
        """Slices that charge a share of every unit of one; what an allowance of minutes leaves alone in full."""
        if unit == "call":
            return [replace(piece, share=share)]
        time = replace(piece, calls=0, quantity=ZERO, cost=ZERO, parts={}, call_ends=None, share=share)
        return [time, replace(piece, seconds=0, timed=0, time_ends=None)]

    @api.model
    def _pools(self, groups, planned, lines):
        """:return: (dict of (period, statement, allowance, contract line or none) -> groups that the allowance covers, dict of the same
            -> contract lines that it is granted for)

        Allowances that nothing was used of are in it as well: what is left of them may be carried. Of contracts that share their
        allowances one statement counts for all; see ``call.statement._pool_leads``."""
        pools, granted = defaultdict(list), defaultdict(list)
        leads = self.env["call.statement"].union(*lines)._pool_leads()

        def key(period, statement, allowance, line):
            if not allowance.pooled:
                return period, statement, allowance, line
            lead = leads[period][0] if period in leads else period.pool_lead_id or period
            return lead, leads[statement][1] if statement in leads else statement, allowance, line.browse()

        for statement, mine in lines.items():
            for line in mine:
                for allowance in planned[line]._nearest("allowance_ids")._in_force(statement.date_start):
                    pools[key(statement, statement, allowance, line)] += ()
                    granted[key(statement, statement, allowance, line)].append(line)
        for group in groups:
            allowances = planned[group.line]._nearest("allowance_ids")._in_force(group.period.date_start)
            if allowance := allowances._covering(group.rule):
                pools[key(group.period, group.statement, allowance, group.line)].append(group)
        return pools, granted

    @api.model
    def _known_counters(self, pools, lines):
        """dict of (period, allowance, contract line or none) -> counters of its contract, or of those that share it; what the statements
        at hand themselves used does not count"""
        periods = self.env["call.statement"].union(*(period for period, *_rest in pools))
        versions = {allowance: allowance._versions() for _period, _statement, allowance, _line in pools}
        mates = periods.contract_id._pool_mates()
        counters = self.env["call.counter"].search(
            [
                ("allowance_id", "in", [each.id for mine in versions.values() for each in mine]),
                ("period_id.contract_id", "in", periods.contract_id.union(*mates.values()).ids),
            ]
        )
        counters = counters.filtered(lambda c: c.statement_id not in lines).grouped(
            lambda c: (c.period_id.contract_id, c.allowance_id, c.contract_line_id)
        )
        return {
            (period, allowance, line): self.env["call.counter"].union(
                *(
                    counters.get((contract, version, line), self.env["call.counter"])
                    for version in versions[allowance]
                    for contract in (mates.get(period.contract_id) if allowance.pooled else None) or period.contract_id
                )
            )
            for period, _statement, allowance, line in pools
        }

    @api.model
    def _open_counter(self, period, statement, allowance, line, known, sharing):
        """:param known: counters of earlier statements
        :param sharing: contract lines that the allowance is granted for
        :return: (values of the counter, units that are free in the period, units that were used before)"""
        counter = {
            "statement_id": statement.id,
            "period_id": period.id,
            "allowance_id": allowance.id,
            "contract_line_id": line.id,
            "unit": allowance.unit,
        }
        mine = known.filtered(lambda c: c.period_id == period and c.statement_id.date_start <= statement.date_start)
        before = sum((number(c.used) for c in mine), ZERO)
        if statement != period:
            carried_on = sum((Decimal(str(units)) for c in mine for units, _age in c.left or ()), ZERO)
            free = sum((number(c.granted) + number(c.carried) for c in mine), ZERO) - carried_on
            return counter, free, before
        step, share = (60 if allowance.unit == "minute" else 1), Fraction(1)
        if allowance.prorated:
            share = max((each._period_share(period) for each in sharing), default=share)
        carried = []
        if allowance.rollover:
            earlier = known.filtered(lambda c: c.period_id == c.statement_id and c.period_id.date_end < period.date_start)
            last = earlier.sorted(lambda c: c.period_id.date_end)[-1:]
            carried = [pricing.Carried(Decimal(str(units)), age) for units, age in last.left or ()]
        counter["granted"] = pricing.granted(number(allowance.quantity) * step, share, Decimal(1))
        counter["carried"] = carried
        return counter, counter["granted"] + sum((each.units for each in carried), ZERO), before

    @api.model
    def _settle_counters(self, counter, members, total, allowance, late):
        """:param total: units used of the allowance up to now
        :return: the counter with what is carried on, as stored, and one for each statement that shares it, with what each used"""
        used = defaultdict(lambda: ZERO)
        for group in members:
            used[group.statement.id] += group.units(allowance.unit)
        others = [
            {**counter, "statement_id": statement, "granted": 0.0, "carried": 0.0, "used": float(units)}
            for statement, units in used.items()
            if statement != counter["statement_id"]
        ]
        counter["used"] = float(used[counter["statement_id"]])
        if late:
            return [counter, *others]
        left = []
        if allowance.rollover:
            use = pricing.use(counter["carried"], counter["granted"], max(total, ZERO))
            cap = number(allowance.rollover_cap) * (60 if allowance.unit == "minute" else 1)
            left = pricing.carry(use.left, counter["granted"] - use.own, cap, allowance.rollover_periods)
        return [
            {
                **counter,
                "granted": float(counter["granted"]),
                "carried": float(sum((each.units for each in counter["carried"]), ZERO)),
                "left": [[float(each.units), each.age] for each in left],
            },
            *others,
        ]

    @api.model
    def _levels(self, allowance, free, members):
        """Price groups that an allowance frees by their price, those of one price together.

        :return: list of (unit, free units, units used before, groups): within a level what comes first is free first
        """
        by_price = defaultdict(list)
        for group in members:
            by_price[group.freed_price(allowance.unit)].append(group)
        totals = [(sum((g.units(allowance.unit) for g in mine), ZERO), price) for price, mine in by_price.items()]
        freed = pricing.by_price(free, totals, allowance.order == "dearest")
        return [(allowance.unit, units, ZERO, mine) for units, mine in zip(freed, by_price.values(), strict=True)]

    # --- Tiers ------------------------------------------------------------------------------------------

    @api.model
    def _tiered(self, groups, planned, lines):
        """dict of (period, statement, contract line, rule with tiers) -> its groups. Rules whose first tier costs a fee are in
        it without usage as well."""
        sets = defaultdict(list)
        for statement, mine in lines.items():
            for line in mine:
                for rule in planned[line]._layers().rule_ids._in_force(statement.date_start):
                    if rule.tier_mode and rule._fits_service(line) and any(rule.tier_ids.mapped("flat_fee")):
                        sets[statement, statement, line, rule] += ()
        for group in groups:
            if group.rule.tier_mode:
                sets[group.period, group.statement, group.line, group.rule].append(group)
        return sets

    @api.model
    def _reach_tiers(self, sets):
        """Find out the tier that volumes reached.

        :return: values of the counters, with the volume ``before`` that was charged for the same period, None if nothing was
        """
        counters = []
        for (period, statement, line, rule), members in sets.items():
            before = self._volume_before(period, line, rule, statement) if statement != period else None
            pieces = [piece for group in members for piece in group.charged]
            volume = sum((Decimal(p.seconds) if rule.tier_unit == "minute" else p.quantity for p in pieces), ZERO)
            if rule.tier_mode == "volume":
                reached = pricing.volume_tier(rule._in_tier_units((before or ZERO) + volume), rule._tier_bounds())
                for piece in pieces:
                    piece.tier = reached
            counters.append(
                {
                    "statement_id": statement.id,
                    "period_id": period.id,
                    "contract_line_id": line.id,
                    "rule_id": rule.id,
                    "unit": rule.tier_unit,
                    "used": float(volume),
                    "before": before,
                }
            )
        return counters

    @api.model
    def _volume_before(self, period, line, rule, statement):
        """:return: volume that a closed period was charged for before this statement, None if it was not charged by this rule"""
        counters = self.env["call.counter"].search(
            [("period_id", "=", period.id), ("contract_line_id", "=", line.id), ("rule_id", "in", rule._same().ids)]
        )
        counters = counters.filtered(lambda counter: counter.statement_id.date_start < statement.date_start)
        return sum((number(counter.used) for counter in counters), ZERO) if counters else None

    # --- In the order of the calls ------------------------------------------------------------------------

    @api.model
    def _count_in_order(self, groups, levels, sets, usage):
        """Cut groups that an allowance covers, or whose rule has graduated tiers, by running sums over their calls.

        Levels that are free as a whole, or not at all, need no look at the calls.
        """
        graduated = {}
        for index, ((period, statement, line, rule), members) in enumerate(sets.items()):
            if rule.tier_mode == "graduated" and members:
                before = (self._volume_before(period, line, rule, statement) or ZERO) if statement != period else ZERO
                graduated |= {group.number: (index, rule, before) for group in members}
        counted = {number: (None, None, ZERO, ZERO) for number in graduated}
        for index, (unit, free, before, members) in enumerate(levels):
            units = [group.units(unit) for group in members]
            # A call that is free is free in all its stretches, whatever their prices: that takes a look at each.
            split = unit == "call" and any(group.price.split for group in members)
            if not split and min(units, default=ZERO) >= 0 and not any(group.number in graduated for group in members):
                if before >= free or not any(units):
                    continue
                if before + sum(units) <= free:
                    for group in members:
                        self._free(group, unit)
                    continue
            counted |= {group.number: (index, unit, free, before) for group in members}
        if not counted:
            return
        self._insert_counted(groups, counted, graduated)
        for group_number in counted:
            groups[group_number].charged = []
        for group_number, included, piece in self._running(usage):
            group = groups[group_number]
            if included:
                group.included = piece
            else:
                group.charged.append(piece)

    @api.model
    def _free(self, group, unit):
        group.included = group.all
        group.charged = [] if unit == "call" else [replace(group.all, seconds=0, timed=0)]

    @api.model
    def _insert_counted(self, groups, counted, graduated):
        """Tables ``call_counted``: groups with their level and set of tiers; ``call_bound``: bounds of the tiers."""
        Loading = self.env["call.loading"]
        Loading._create_temporary(
            "call_counted",
            SQL(
                "group_number integer, statement_id integer, contract_line_id integer, late_of_id integer, price_id integer,"
                " level integer, unit text, free numeric, before numeric, tier_set integer, tier_unit text, tier_before numeric"
            ),
        )
        rows, bounds = [], {}
        for number_, (level, unit, free, before) in counted.items():
            group = groups[number_]
            tier_set, rule, tier_before = graduated.get(number_, (None, None, ZERO))
            rows.append(
                (
                    number_,
                    group.statement.id,
                    group.line.id,
                    group.period.id if group.late else 0,
                    group.price.id,
                    *(level, unit, free, before, tier_set, rule.tier_unit if rule else None, tier_before),
                )
            )
            if rule and tier_set not in bounds:
                step = 60 if rule.tier_unit == "minute" else 1
                edges = [ZERO, *(number(tier.up_to) * step for tier in rule.tier_ids[:-1]), FAR]
                bounds[tier_set] = [(tier_set, index, *edge) for index, edge in enumerate(pairwise(edges))]
        Loading._insert_rows("call_counted", rows)
        Loading._create_temporary("call_bound", SQL("tier_set integer, tier integer, lower numeric, upper numeric"))
        Loading._insert_rows("call_bound", [row for each in bounds.values() for row in each])

    @api.model
    def _running(self, usage):
        """Slices of the groups in ``call_counted``: (number of the group, whether it is what an allowance freed, Slice).

        What a call has of a stretch (from, until] is the difference of the running sum, held to the stretch, after and
        before the call. 80 s used, then a call of 50 s, 100 s free: least(130, 100) - least(80, 100) = 20 s of it are free.
        """

        def held(upto, units, lower, upper):
            within = SQL("least(greatest(%s, %s), %s)", upto, lower, upper)
            return SQL("%s - least(greatest(%s - %s, %s), %s)", within, upto, units, lower, upper)

        freed = held(SQL("before + upto"), SQL("units"), SQL("0"), SQL("greatest(free, 0)"))
        sliced = held(SQL("p.reached"), SQL("p.volume"), SQL("k.lower"), SQL("k.upper"))
        begins = SQL(
            "CASE WHEN p.volume >= 0 THEN k.lower <= p.reached - p.volume AND p.reached - p.volume < k.upper"
            " ELSE k.lower < p.reached - p.volume AND p.reached - p.volume <= k.upper END"
        )
        is_free = SQL("unit = 'call' AND freed <> 0 AND freed = units")
        if self._any_split(usage):
            is_free = SQL("coalesce(bool_or(%s) OVER (PARTITION BY id), false)", is_free)
        any_parts, parts, prices = self._any_part_prices(), SQL(), SQL()
        if any_parts:
            parts = SQL(", p.price_id, %s", SQL(", ").join(SQL.identifier("p", part) for part in PARTS))
            prices = SQL("JOIN call_price r ON r.id = p.price_id")
        rows = self.env.execute_query(
            SQL(
                """
                WITH piece AS (
                    SELECT c.group_number, c.level, c.unit, c.free, c.before, c.tier_set, c.tier_unit, c.tier_before, p.id, p.number,
                           p.start_at, p.record_key, p.quantity, p.seconds, p.provider_cost,
                           CASE c.unit WHEN 'minute' THEN p.seconds WHEN 'call' THEN p.quantity END AS units %(parts)s
                      FROM (%(pieces)s) p
                      JOIN call_counted c ON c.statement_id = p.statement_id AND c.contract_line_id = p.contract_line_id
                           AND c.late_of_id = coalesce(p.late_of_id, 0) AND c.price_id = p.price_id
                ), used AS (
                    SELECT *, row_number() OVER calls AS place, sum(units) OVER calls AS upto FROM piece
                    WINDOW calls AS (PARTITION BY level ORDER BY start_at, record_key, number ROWS UNBOUNDED PRECEDING)
                ), freed AS (
                    SELECT *, CASE WHEN level IS NULL THEN 0 ELSE %(freed)s END AS freed FROM used
                ), paid AS (
                    SELECT *, CASE WHEN unit = 'minute' THEN seconds - freed WHEN is_free THEN 0 ELSE seconds END AS paid_seconds,
                           CASE WHEN unit = 'call' THEN quantity - freed ELSE quantity END AS paid_quantity
                      FROM (SELECT *, %(is_free)s AS is_free FROM freed) known
                ), volume AS (
                    SELECT *, CASE tier_unit WHEN 'minute' THEN paid_seconds WHEN 'call' THEN paid_quantity END AS volume FROM paid
                ), reached AS (
                    SELECT p.group_number, p.number, p.id, p.place, p.unit, p.freed, p.is_free, p.seconds, p.quantity, p.paid_seconds,
                           p.paid_quantity, p.tier_set, p.tier_unit, p.volume, p.provider_cost %(parts)s,
                           p.tier_before + sum(p.volume) OVER (
                               PARTITION BY p.tier_set ORDER BY p.start_at, p.record_key, p.number ROWS UNBOUNDED PRECEDING) AS reached
                      FROM volume p
                ), slice AS MATERIALIZED (
                    SELECT p.group_number, p.id, p.number, p.place, true AS included, NULL::integer AS tier, number = 1 AS begins,
                           CASE WHEN unit = 'minute' THEN freed WHEN is_free THEN seconds ELSE 0 END AS slice_seconds,
                           CASE WHEN unit = 'call' THEN freed ELSE 0 END AS slice_quantity,
                           p.quantity, p.provider_cost %(parts)s
                      FROM reached p WHERE freed <> 0 OR is_free
                     UNION ALL
                    SELECT p.group_number, p.id, p.number, p.place, false, k.tier,
                           p.number = 1 AND p.is_free IS NOT TRUE AND (k.tier IS NULL OR %(begins)s),
                           CASE WHEN k.tier IS NULL THEN p.paid_seconds WHEN p.tier_unit = 'minute' THEN %(sliced)s
                                WHEN %(begins)s THEN p.paid_seconds ELSE 0 END,
                           CASE WHEN k.tier IS NULL THEN p.paid_quantity WHEN p.tier_unit = 'call' THEN %(sliced)s
                                WHEN %(begins)s THEN p.paid_quantity ELSE 0 END, p.quantity, p.provider_cost %(parts)s
                      FROM reached p
                      LEFT JOIN call_bound k ON k.tier_set = p.tier_set AND %(sliced)s <> 0
                     WHERE p.is_free IS NOT TRUE
                ), total AS MATERIALIZED (
                    SELECT p.group_number, p.included, p.tier, count(*) FILTER (WHERE p.begins) AS calls,
                           count(*) FILTER (WHERE p.slice_seconds <> 0) AS timed,
                           sum(p.slice_quantity) AS quantity, sum(p.slice_seconds) AS seconds,
                           coalesce(sum(p.provider_cost) FILTER (WHERE p.begins), 0) AS cost, %(sums)s,
                           min(p.place) FILTER (WHERE p.slice_seconds <> 0) AS first_time,
                           max(p.place) FILTER (WHERE p.slice_seconds <> 0) AS last_time,
                           min(p.place) FILTER (WHERE p.slice_quantity <> 0) AS first_call,
                           max(p.place) FILTER (WHERE p.slice_quantity <> 0) AS last_call
                      FROM slice p %(prices)s
                     GROUP BY p.group_number, p.included, p.tier
                ), wanted AS MATERIALIZED (
                    SELECT t.group_number, t.included, t.tier, e.name, e.place
                      FROM total t CROSS JOIN LATERAL (VALUES %(places)s) e (name, place)
                ), ended AS (
                    SELECT e.group_number, e.included, e.tier, %(ends)s
                      FROM wanted e
                      JOIN slice p ON p.group_number = e.group_number AND p.place = e.place AND p.included = e.included
                           AND p.tier IS NOT DISTINCT FROM e.tier
                     GROUP BY e.group_number, e.included, e.tier)
                SELECT t.group_number, t.included, t.tier, t.calls, t.timed, t.quantity::text, t.seconds::bigint, t.cost::text,
                       %(end_columns)s, %(part_sums)s
                  FROM total t
                  LEFT JOIN ended e ON e.group_number = t.group_number AND e.included = t.included AND e.tier IS NOT DISTINCT FROM t.tier
                 ORDER BY 1, 2, 3
                """,
                parts=parts,
                prices=prices,
                pieces=self._pieces(self.env["call.statement"].browse(self._counted_statements()), usage),
                freed=freed,
                is_free=is_free,
                sliced=sliced,
                begins=begins,
                sums=SQL(", ").join(
                    SQL("%s AS %s", piece, SQL.identifier(name))
                    for piece, name in zip(self._part_sums(SQL("p.begins"), any_parts), PART_COLUMNS, strict=True)
                ),
                part_sums=SQL(", ").join(SQL.identifier("t", name) for name in PART_COLUMNS),
                places=SQL(", ").join(SQL("(%s, t.%s)", end, SQL.identifier(end)) for end in ENDS),
                ends=SQL(", ").join(
                    SQL(
                        "max(p.%s) FILTER (WHERE e.name = %s) AS %s",
                        SQL.identifier(column),
                        end,
                        SQL.identifier(f"{end}_{column}"),
                    )
                    for end in ENDS
                    for column in END_COLUMNS
                ),
                end_columns=SQL(", ").join(
                    SQL("e.%s%s", SQL.identifier(f"{end}_{column}"), SQL(END_COLUMNS[column]))
                    for end in ENDS
                    for column in END_COLUMNS
                ),
            )
        )
        for group, included, tier, calls, timed, quantity, seconds, cost, *ends in rows:
            first_time, last_time, first_call, last_call = (self._end(ends[at : at + 3]) for at in (0, 3, 6, 9))
            if not (calls or timed or Decimal(quantity)):
                continue
            yield group, included, Slice(
                calls, timed, Decimal(quantity), seconds, Decimal(cost), self._by_part(ends[12:]), tier, Fraction(1),
                first_time and (first_time, last_time), first_call and (first_call, last_call),
            )  # fmt: skip

    @api.model
    def _counted_statements(self):
        return [statement for (statement,) in self.env.execute_query(SQL("SELECT DISTINCT statement_id FROM call_counted"))]

    @api.model
    def _end(self, end):
        usage, seconds, quantity = end
        return (usage, seconds, Decimal(quantity)) if usage else None
