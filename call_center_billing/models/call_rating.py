"""The rating engine. Python plans with a few rows (contract lines, periods, rules); what is done per call is SQL made
of the named pieces below, so the same arithmetic serves every way calls are rated."""

from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

from ..formats.record import DISPOSITIONS, PARTS
from .call_price import PART_PRICES
from .call_rate_rule import TEXT_CONDITIONS

# Pieces of SQL about a call (alias of its columns) and its price (alias of call_price) ------------------------------


def counted_seconds(call, price):
    """Seconds of a call that its rule counts. Product model 1: the sum of the enabled parts."""
    return SQL(" + ").join(
        SQL(
            "CASE WHEN %s THEN %s ELSE 0 END",
            SQL.identifier(price, f"count_{part.removesuffix('_seconds')}"),
            SQL.identifier(call, part),
        )
        for part in PARTS
    )


def whole_part(usage, part):
    """Seconds of a part of a stored call, over all its records where it has several."""
    return SQL(
        "coalesce((%s ->> %s)::integer, %s) AS %s",
        SQL.identifier(usage, "whole_parts"),
        PARTS.index(part),
        SQL.identifier(usage, part),
        SQL.identifier(part),
    )


def is_billable(call, price):
    """Whether the rule charges calls of this outcome."""
    cases = SQL(" ").join(
        SQL("WHEN %s THEN %s", disposition, SQL.identifier(price, f"bill_{disposition}")) for disposition in DISPOSITIONS
    )
    return SQL("CASE %s %s END", SQL.identifier(call, "disposition"), cases)


def is_long_enough(counted, price):
    """Whether a call counts for more than what is free. Product model 2: 0 up to the grace."""
    grace = SQL.identifier(price, "grace_seconds")
    return SQL("(%s = 0 OR %s > %s)", grace, counted, grace)


def rounded_seconds(seconds, price):
    """Seconds after increments, in whole numbers: up to the first increment that, then steps, each begun one in full."""
    first, following = SQL.identifier(price, "increment_first"), SQL.identifier(price, "increment_next")
    return SQL(
        "(%(first)s + greatest((%(seconds)s - %(first)s + %(next)s - 1) / %(next)s, 0) * %(next)s)",
        seconds=seconds,
        first=first,
        next=following,
    )


def billed_seconds(counted, price):
    """Counted seconds after maximum, minimum and increments. Product model 2: 0 stays 0."""
    most, least = SQL.identifier(price, "maximum_seconds"), SQL.identifier(price, "minimum_seconds")
    needed = SQL("greatest(least(%s, nullif(%s, 0)), %s)", counted, most, least)  # least() passes over NULL
    return SQL(
        "CASE WHEN %(counted)s <= 0 THEN 0 WHEN %(on_sum)s THEN %(needed)s ELSE %(rounded)s END",
        counted=counted,
        on_sum=SQL.identifier(price, "on_sum"),
        needed=needed,
        rounded=rounded_seconds(needed, price),
    )


def time_amount(seconds, price):
    """Exact price of charged seconds."""
    return SQL("round(%s * %s / %s, 10)", seconds, SQL.identifier(price, "time_price"), SQL.identifier(price, "time_seconds"))


def parts_amount(call, price):
    """Exact price of the parts that have a rate of their own, each rounded by the increments for itself."""
    return SQL(" + ").join(
        SQL(
            "CASE WHEN %(rate)s IS NULL OR %(seconds)s <= 0 THEN 0 ELSE round(%(rounded)s * %(rate)s / 60, 10) END",
            rate=SQL.identifier(price, name),
            seconds=SQL.identifier(call, part),
            rounded=rounded_seconds(SQL.identifier(call, part), price),
        )
        for part, name in zip(PARTS, PART_PRICES, strict=True)
    )


def amount(seconds, quantity, cost, price, parts=None):
    """Exact price of a billable line, before rounding of the invoice line.

    :param parts: piece that prices the parts with own rates, where any price has them
    """
    priced = SQL("%s + %s * %s", time_amount(seconds, price), quantity, SQL.identifier(price, "call_price"))
    if parts is not None:
        priced = SQL("%s + %s", priced, parts)
    factor = SQL.identifier(price, "cost_factor")
    return SQL("CASE WHEN %s IS NULL THEN %s ELSE round(%s * %s, 10) END", factor, priced, cost, factor)


def traffic(call):
    """What rates are looked up by: a call's direction, or what else a line is."""
    return SQL(
        "CASE WHEN %(kind)s = 'call' THEN %(direction)s ELSE %(kind)s END",
        kind=SQL.identifier(call, "kind"),
        direction=SQL.identifier(call, "direction"),
    )


def condition(call, name):
    """A text or outcome of a call as rates are looked up by it; '' where it has none."""
    column = SQL.identifier(call, name)
    return SQL("coalesce(lower(%s), '')", column) if name in TEXT_CONDITIONS else column


class CallRating(models.AbstractModel):
    """Plans which statement and which price calls fall to. Owns no data.

    A *segment* is a stretch of days of one contract line in which nothing changes: same statement, same rules, premiums and
    destinations in force. A *case* is what calls of a segment have in common as far as their price depends on it.
    """

    _name = "call.rating"
    _description = "Call Rating"

    @api.model
    def _plan_segments(self, spans):
        """:param spans: dict of contract line -> (first day, last day) of its calls
        :return: list of dicts: contract_line, plan, date_from, date_to, statement, late_of, too_late, rules, premiums
        """
        wanted = []  # (line, first day, last day, period to bill in or None, late)
        for line, (first_day, last_day) in spans.items():
            if line.is_canceled:
                continue
            open_periods = line._usage_periods(last_day)
            for period in open_periods:
                wanted.append((line, *period, period, False))
            begin = open_periods[0][0] if open_periods else (line.last_date_invoiced or line.date_start) + timedelta(days=1)
            if line.date_start < begin and first_day < begin:
                wanted.append((line, line.date_start, begin - timedelta(days=1), open_periods[0] if open_periods else None, True))
        wanted = [want for want in wanted if want[1] <= spans[want[0]][1] and want[2] >= spans[want[0]][0]]
        periods = {(line.contract_id.id, *period) for line, _first, _last, period, _late in wanted if period}
        Statement = self.env["call.statement"].sudo()
        statements = Statement._ensure(periods)
        past = self._past_statements([(line, spans[line][0], last) for line, _first, last, _period, late in wanted if late])
        segments = []
        for line, first, last, period, late in wanted:
            statement = statements[line.contract_id.id, period[0]] if period else Statement.browse()
            stretches = [(statement, None, first, last)]
            if late:
                stretches = self._late_stretches(past[line.contract_id], statement, first, last)
            for bill_on, late_of, begin, end in stretches:
                if bill_on.state == "open":
                    begin, end = max(begin, spans[line][0]), min(end, spans[line][1])
                    segments += self._segments(line, line.rate_plan_id.sudo(), bill_on, late_of, begin, end)
        return segments

    @api.model
    def _segments(self, line, plan, statement, late_of, first, last):
        """Segments of a contract line on a statement: days with one set of prices, within the limit for back-billing or not."""
        common = {"contract_line": line, "statement": statement, "late_of": late_of}
        limit = statement._back_billing_limit() if late_of else None
        if not limit or limit <= first:
            return [{**common, "too_late": False, **cut} for cut in self._cut_by_prices(plan, first, last)]
        before = self._cut_by_prices(plan, first, min(last, limit - timedelta(days=1)))
        after = self._cut_by_prices(plan, limit, last) if limit <= last else []
        return [{**common, "too_late": late, **cut} for late, cuts in ((True, before), (False, after)) for cut in cuts]

    @api.model
    def _past_statements(self, late):
        """:param late: list of (contract line, first day, last day) before the period that is open
        :return: dict of contract -> its statements of these days, open ones only where they are of a past that was billed again
        """
        Statement = self.env["call.statement"].sudo()
        if not late:
            return {}
        lines, firsts, lasts = zip(*late, strict=True)
        found = Statement.search(
            [
                ("contract_id", "in", [line.contract_id.id for line in lines]),
                ("billed_again_id", "=", False),
                ("date_end", ">=", min(firsts)),
                ("date_start", "<=", max(lasts)),
                *("|", ("state", "!=", "open"), ("earlier_ids", "!=", False)),
            ],
            order="date_start",
        )
        return {line.contract_id: Statement for line in lines} | found.grouped("contract_id")

    @api.model
    def _late_stretches(self, past, statement, first, last):
        """Days before the period that is open, by the statement that they belong to: late where that is closed. What is archived takes
        no late usage.

        :param statement: where late calls are billed
        :return: list of (statement to bill on, statement that calls are late for or None, first day, last day)
        """
        return [
            (
                *((each, None) if each.state == "open" else (statement, each)),
                max(first, each.date_start),
                min(last, each.date_end),
            )
            for each in past
            if each.date_start <= last and each.date_end >= first and not each.archive_id
        ]

    @api.model
    def _cut_by_prices(self, plan, first, last):
        """Stretches of days with the same rules, premiums and destinations in force."""
        layers = plan._layers()
        rules, premiums = layers.rule_ids, layers.premium_ids
        starts = {first}
        for dated in (*rules, *premiums, *self._dated_destinations(rules.deck_id, first, last)):
            if dated.date_start and first < dated.date_start <= last:
                starts.add(dated.date_start)
            if dated.date_end and first <= dated.date_end < last:
                starts.add(dated.date_end + timedelta(days=1))
        starts = sorted(starts)
        ends = [start - timedelta(days=1) for start in starts[1:]] + [last]
        return [
            {
                "plan": plan,
                "date_from": start,
                "date_to": end,
                "rules": rules._in_force(start)._ranked(plan),
                "premiums": premiums._in_force(start),
            }
            for start, end in zip(starts, ends, strict=True)
            if start <= end
        ]

    @api.model
    def _dated_destinations(self, decks, first, last):
        """One destination for each pair of dates at which prices of these decks change in these days."""
        if not decks:
            return self.env["call.rate.deck.line"]
        lines = self.env.execute_query(
            SQL(
                """
                SELECT min(id) FROM call_rate_deck_line
                 WHERE deck_id IN %(decks)s AND (date_start BETWEEN %(first)s AND %(last)s OR date_end BETWEEN %(first)s AND %(last)s)
                 GROUP BY date_start, date_end
                """,
                decks=tuple(decks.ids),
                first=first,
                last=last,
            )
        )
        return self.env["call.rate.deck.line"].browse(line for (line,) in lines)

    @api.model
    def _conditions_used(self, segments):
        """Names of what calls have to be told apart by, beside traffic and time, to be priced by these segments."""
        names = [*TEXT_CONDITIONS, "disposition"]
        dated = [(segment["rules"], segment["premiums"]) for segment in segments]
        return [
            name
            for name in names
            if any(any(rules.mapped(name)) or (name != "disposition" and any(premiums.mapped(name))) for rules, premiums in dated)
        ]

    @api.model
    def _clocks(self, segments):
        """When the premiums of each segment begin and end to hold.

        :return: list of (moments, masks) as ``call.rate.premium._clock`` gives them, (None, None) where no time matters
        """
        clocks = {}
        for segment in segments:
            timed = segment["premiums"].filtered("when")
            zone = segment["contract_line"].contract_id.usage_tz or "UTC"
            key = timed.ids, zone, segment["date_from"], segment["date_to"]
            key = (tuple(timed.ids), *key[1:])
            if key not in clocks:
                clocks[key] = timed._clock(zone, *key[2:]) if timed else (None, None)
            segment["clock"] = clocks[key]
        return [segment["clock"] for segment in segments]

    @api.model
    def _choose(self, segment, kind, direction, mask, texts):
        """Rule and premiums for a case of a segment.

        :param mask: time premiums of the segment that hold, by number
        :param texts: dict of the conditions used
        :return: (rule or none, premiums)
        """
        case = {name: "" for name in (*TEXT_CONDITIONS, "disposition")} | texts
        case |= {"kind": kind, "direction": direction, "product_id": segment["contract_line"].product_id}
        rule = segment["rules"]._select(case)
        if not rule:
            return rule, segment["premiums"].browse()
        return rule, self._premiums(segment, rule, mask, case)

    @api.model
    def _premiums(self, segment, rule, mask, case):
        """Premiums that hold for a call of this case."""
        timed = segment["premiums"].filtered("when")
        holding = {premium for number, premium in enumerate(timed) if mask >> number & 1}
        return segment["premiums"].filtered(lambda p: (not p.when or p in holding) and p._fits(rule, case))
