"""The rating engine. Python plans with a few rows (contract lines, periods, rules); what is done per call is SQL made
of the named pieces below, so the same arithmetic serves every way calls are rated."""

from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

from ..formats.record import DIRECTIONS, DISPOSITIONS, KINDS, PARTS

ANY_QUEUE = ""


def counted_seconds(call, rule):
    """Seconds of a call that its rule counts. Product model 1: the sum of the enabled parts."""
    return SQL(" + ").join(
        SQL(
            "CASE WHEN %s THEN %s ELSE 0 END",
            SQL.identifier(rule, f"count_{part.removesuffix('_seconds')}"),
            SQL.identifier(call, part),
        )
        for part in PARTS
    )


def is_billable(call, rule):
    """Whether the rule charges calls of this outcome."""
    cases = SQL(" ").join(
        SQL("WHEN %s THEN %s", disposition, SQL.identifier(rule, f"bill_{disposition}")) for disposition in DISPOSITIONS
    )
    return SQL("CASE %s %s END", SQL.identifier(call, "disposition"), cases)


def billed_seconds(counted, rule):
    """Counted seconds after minimum and increments, in whole numbers. Product model 2: 0 stays 0; up to the first
    increment it is charged in full; then steps, each begun one in full."""
    first, following = SQL.identifier(rule, "increment_first"), SQL.identifier(rule, "increment_next")
    least = SQL("greatest(%s, %s)", counted, SQL.identifier(rule, "minimum_seconds"))
    return SQL(
        "CASE WHEN %(counted)s <= 0 THEN 0 WHEN %(least)s <= %(first)s THEN %(first)s"
        " ELSE %(first)s + (%(least)s - %(first)s + %(next)s - 1) / %(next)s * %(next)s END",
        counted=counted,
        least=least,
        first=first,
        next=following,
    )


def amount(seconds, quantity, rule):
    """Exact price of a billable line, before rounding of the invoice line."""
    return SQL(
        "round(%s * %s / 60, 10) + %s * %s",
        seconds,
        SQL.identifier(rule, "minute_price"),
        quantity,
        SQL.identifier(rule, "call_price"),
    )


def traffic(call):
    """What rates are looked up by: a call's direction, or what else a line is."""
    return SQL(
        "CASE WHEN %(kind)s = 'call' THEN %(direction)s ELSE %(kind)s END",
        kind=SQL.identifier(call, "kind"),
        direction=SQL.identifier(call, "direction"),
    )


class CallRating(models.AbstractModel):
    """Plans which statement and which rule calls fall to. Owns no data.

    A *segment* is a stretch of days of one contract line in which nothing changes: same statement, same rules in force.
    """

    _name = "call.rating"
    _description = "Call Rating"

    @api.model
    def _plan_segments(self, spans):
        """:param spans: dict of contract line -> (first day, last day) of its calls
        :return: list of dicts: contract_line, date_from, date_to, statement, late_of, rules
        """
        wanted = []  # (line, first day, last day, period to bill in or None, late)
        periods = set()
        for line, (first_day, last_day) in spans.items():
            if line.is_canceled:
                continue
            open_periods = line._usage_periods(last_day)
            for period in open_periods:
                wanted.append((line, *period, period, False))
            if open_periods and line.date_start < open_periods[0][0] and first_day < open_periods[0][0]:
                wanted.append((line, line.date_start, open_periods[0][0] - timedelta(days=1), open_periods[0], True))
        wanted = [want for want in wanted if want[1] <= spans[want[0]][1] and want[2] >= spans[want[0]][0]]
        periods.update((line.contract_id.id, *period) for line, _first, _last, period, _late in wanted)
        Statement = self.env["call.statement"].sudo()
        statements = Statement._ensure(periods)
        closed = Statement.search(
            [("contract_id", "in", [line.contract_id.id for line in spans]), ("state", "!=", "open")], order="date_start"
        ).grouped("contract_id")
        segments = []
        for line, first, last, period, late in wanted:
            statement = statements[line.contract_id.id, period[0]]
            if statement.state != "open":
                continue
            for late_of, begin, end in self._late_stretches(closed.get(line.contract_id), first, last, late):
                segments += [
                    {"contract_line": line, "statement": statement, "late_of": late_of, **cut}
                    for cut in self._cut_by_rules(line, begin, end)
                ]
        return segments

    @api.model
    def _late_stretches(self, closed, first, last, late):
        """Days of late calls by the closed statement that they belong to."""
        if not late:
            return [(None, first, last)]
        return [
            (statement, max(first, statement.date_start), min(last, statement.date_end))
            for statement in closed or ()
            if statement.date_start <= last and statement.date_end >= first
        ]

    @api.model
    def _cut_by_rules(self, line, first, last):
        """Stretches of days with the same rules in force."""
        rules = line.rate_plan_id.sudo().rule_ids
        starts = {first}
        for rule in rules:
            if rule.date_start and first < rule.date_start <= last:
                starts.add(rule.date_start)
            if rule.date_end and first <= rule.date_end < last:
                starts.add(rule.date_end + timedelta(days=1))
        starts = sorted(starts)
        ends = [start - timedelta(days=1) for start in starts[1:]] + [last]
        return [
            {"date_from": start, "date_to": end, "rules": rules._in_force(start)} for start, end in zip(starts, ends, strict=True)
        ]

    @api.model
    def _plan_rates(self, segments):
        """Which rule prices which calls of a segment.

        :return: rows (index of the segment, traffic, queue in lower case or :data:`ANY_QUEUE`, rule id);
            traffic as in :func:`traffic`
        """
        rows, chosen = [], {}
        for index, segment in enumerate(segments):
            rules, product = segment["rules"], segment["contract_line"].product_id
            key = (tuple(rules.ids), product.id)
            if key not in chosen:
                queues = {rule._queue_key() for rule in rules if rule.queue} | {ANY_QUEUE}
                chosen[key] = [
                    (direction or kind, queue, rule.id)
                    for kind, direction in [("call", direction) for direction in DIRECTIONS] + [(kind, "") for kind in KINDS[1:]]
                    for queue in sorted(queues)
                    if (rule := rules._select(kind, direction, queue, product))
                ]
            rows += [(index, *row) for row in chosen[key]]
        return rows
