"""What a client sees at a glance: the period that runs, those before, and how calls were answered."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from .. import pricing
from ..indicators import Served
from .call_count import calls
from .call_price import number
from .thresholds import thresholds

CARDS = 12
"""Running contracts that are shown one by one."""
PERIODS = 6
"""Periods that are over and shown."""
DAYS = 92
"""Days that a chart shows at most: the last ones."""
USAGE = ("included", "duration", "call", "part", "destination", "cost", "package", "flat")
"""Components of charges that go by usage: minimums, credits and agreed volumes do not grow by the day."""


@dataclass
class Card:
    """A period that runs."""

    statement: models.Model
    day: int
    days: int
    usage: float = 0.0
    outlook: float = 0.0
    calls: int = 0
    fees: float = 0.0
    uses: list = field(default_factory=list)
    alerts: list = field(default_factory=list)
    results: models.Model = None


class CallDashboard(models.AbstractModel):
    """Numbers of the contracts that the user sees on the portal. Owns no data.

    Of periods that are over the stored totals are told; of those that run, calls are read by the index of their statement, once for
    all contracts, as closing reads them. ``sudo`` where record rules keep what is open from clients: what is told of it are totals.
    """

    _name = "call.dashboard"
    _description = "Call Dashboard"

    @api.model
    def _running(self):
        """Open statements of today, in the clients' days or near them."""
        today = fields.Date.context_today(self)
        domain = Domain("contract_id", "any!", self.env.user._call_contract_domain()) & Domain("state", "=", "open")
        domain &= Domain("date_start", "<=", today) & Domain("date_end", ">=", today)
        return self.env["call.statement"].sudo().search(domain, order="date_start desc, id")

    @api.model
    def _cards(self, statements):
        """:return: list of Card"""
        return [card for mine in statements.grouped("company_id").values() for card in self._cards_of_company(mine)]

    @api.model
    def _cards_of_company(self, statements):
        charges, counters, results = statements._with_pool_mates()._foresee_values()
        uses = statements._allowance_uses(counters)
        alerts = self._alerts(statements).grouped("statement_id")
        Result = self.env["call.service.result"].sudo()
        for statement in statements:
            mine = [vals for vals in charges if vals["statement_id"] == statement.id and vals["component"] in USAGE]
            usage = sum((number(vals["amount"]) for vals in mine if not vals.get("late_of_id")), Decimal(0))
            day, days = self._passed(statement)
            passed = Fraction(day, days)
            outlook = pricing.at_end(passed, usage, [self._beyond(statement, use) for use in uses[statement]])
            yield Card(
                statement,
                day,
                days,
                usage=float(usage),
                outlook=float(outlook),
                calls=round(statement.usage_count / passed),
                fees=sum(fee.amount for fee in statement._fixed_fees()),
                uses=[(use, self._colour(use)) for use in uses[statement] if use.included],
                alerts=list(alerts.get(statement, ())),
                results=Result.union(*(Result._new_from(vals) for vals in results if vals["statement_id"] == statement.id)),
            )

    @api.model
    def _passed(self, statement):
        """:return: (days of the period until today, in the client's zone, all its days)"""
        today = fields.Date.context_today(statement.with_context(tz=statement.contract_id.usage_tz))
        days = (statement.date_end - statement.date_start).days + 1
        return min(max((today - statement.date_start).days + 1, 1), days), days

    @api.model
    def _beyond(self, statement, use):
        """What the forecast needs of an allowance: what a unit beyond it costs is the average of the statement's calls."""
        units = statement.billed_seconds if use.allowance.unit == "minute" else statement.billable_count
        average = number(statement.usage_amount) / units if units > 0 else Decimal(0)
        return number(use.used), number(use.included), average

    @api.model
    def _colour(self, use):
        percents = thresholds(use.statement.contract_id.allowance_alerts) or [80]
        return "danger" if use.percent >= 100 else "warning" if use.percent >= percents[0] else "success"

    @api.model
    def _alerts(self, statements):
        """What was reached in periods that run, the highest part of each allowance."""
        alerts = self.env["call.allowance.alert"].sudo().search([("statement_id", "in", statements.ids)])
        highest = {(a.statement_id, a.allowance_id, a.contract_line_id): a for a in alerts.sorted("percent")}
        return alerts.browse().union(*highest.values())

    @api.model
    def _past(self):
        """:return: list of (statements of one period and currency, calls, charged seconds, amount), the latest first"""
        domain = self.env.user._call_statement_domain() & Domain("state", "!=", "void")
        statements = self.env["call.statement"].search(domain, order="date_start desc, id desc")
        periods = statements.grouped(lambda s: (s.date_start, s.date_end, s.currency_id))
        shown = list(periods.values())[:PERIODS]
        amounts = dict(
            self.env["call.charge"]._read_group(
                [("statement_id", "in", statements.union(*shown).ids if shown else [])], ["statement_id"], ["amount:sum"]
            )
        )
        return [
            (
                mine,
                sum(mine.mapped("usage_count")),
                sum(mine.mapped("billed_seconds")),
                sum(amounts.get(statement, 0.0) for statement in mine),
            )
            for mine in shown
        ]

    # --- Charts -------------------------------------------------------------------------------------------

    @api.model
    def _charted(self, period=None):
        """Statements of a period: those that began on a day and are invoiced, or without one those that run, if there are any.

        :return: call.statement, with ``sudo``: they are the user's own
        """
        if not period and (running := self._running()):
            return running
        past = self._past()
        found = [mine for mine, *_totals in past if not period or mine[0].date_start == period]
        return self.env["call.statement"].union(*(found if period else found[:1])).sudo()

    @api.model
    def _charts(self, period=None):
        """:return: dict of chart -> dict: labels, and values of each label"""
        statements = self._charted(period)
        env = self.env
        by_day, by_hour, by_line = self._count(statements)
        days = self._days(statements)
        levels = self._levels(statements)
        lines = env["contract.line"].sudo().browse(by_line)
        services = defaultdict(float)
        for line in lines:
            services[line.product_id.name or line.name] += round(by_line[line.id] / 60, 1)
        past = self._past()[::-1]
        currency = past[-1][0].currency_id if past else env.company.currency_id
        past = [row for row in past if row[0].currency_id == currency]
        return {
            "days": {
                "title": env._("Calls per day"),
                "labels": [format_date(env, day) for day in days],
                "values": [by_day.get(day, 0) for day in days],
            },
            "hours": {
                "title": env._("Calls by hour of the day"),
                "labels": [f"{hour}:00" for hour in range(24)],
                "values": [by_hour.get(hour, 0) for hour in range(24)],
            },
            "levels": {
                "title": env._("Service level per day (%)"),
                "labels": [format_date(env, day) for day in days],
                "values": [levels.get(day) for day in days],
            },
            "services": {
                "title": env._("Charged minutes by service"),
                "labels": list(services),
                "values": list(services.values()),
            },
            "periods": {
                "title": env._("Usage by period (%s)", currency.name),
                "labels": [mine[0]._period_text() for mine, *_totals in past],
                "values": [round(amount, currency.decimal_places) for *_others, amount in past],
            },
        }

    @api.model
    def _days(self, statements):
        """Days of these periods until today, the last ones."""
        if not statements:
            return []
        first = min(statements.mapped("date_start"))
        last = max(min(max(statements.mapped("date_end")), fields.Date.context_today(self)), first)
        count = min((last - first).days + 1, DAYS)
        return [last - timedelta(days=count - 1 - i) for i in range(count)]

    @api.model
    def _count(self, statements):
        """Read the calls once, but for late usage: it belongs to other days.

        :return: (dict of day -> calls, dict of hour in the client's zone -> calls, dict of contract line id -> charged seconds)
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT u.date, t.hour, u.contract_line_id, count(*), sum(u.billed_seconds)::bigint
                  FROM call_usage_line u JOIN call_statement s ON s.id = u.statement_id JOIN contract_contract c ON c.id = s.contract_id
                 CROSS JOIN LATERAL (
                       SELECT extract(hour FROM u.start_at AT TIME ZONE 'UTC' AT TIME ZONE c.usage_tz)::int AS hour) t
                 WHERE u.statement_id = ANY(%(ids)s) AND u.late_of_id IS NULL
                 GROUP BY GROUPING SETS ((u.date), (t.hour), (u.contract_line_id))
                 UNION ALL
                SELECT date, NULL, contract_line_id, sum(call_count)::bigint, sum(billed_seconds)::bigint
                  FROM call_archive_total WHERE statement_id = ANY(%(ids)s) AND late_of_id IS NULL
                 GROUP BY GROUPING SETS ((date), (contract_line_id))
                 UNION ALL
                SELECT NULL, hour, NULL, sum(call_count)::bigint, 0
                  FROM call_count WHERE statement_id IN (SELECT statement_id FROM call_archive_total WHERE statement_id = ANY(%(ids)s))
                   AND NOT late
                 GROUP BY hour
                """,
                ids=statements.ids,
            )
        )
        by_day, by_hour, by_line = Counter(), Counter(), Counter()
        for day, hour, line, count, seconds in rows:
            if day:
                by_day[day] += count
            elif line:
                by_line[line] += seconds
            else:
                by_hour[hour] += count
        return by_day, by_hour, by_line

    @api.model
    def _levels(self, statements):
        """Service level by day, as the performance of a statement measures it; days without calls to measure are left out.

        :return: dict of day -> percents
        """
        if not statements:
            return {}
        terms = {statement: statement._terms_to_measure()["service_level"] for statement in statements}
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.date, count(*), count(*) FILTER (WHERE answered), count(*) FILTER (WHERE answered AND c.wait <= p.threshold),
                       count(*) FILTER (WHERE abandoned), count(*) FILTER (WHERE abandoned AND c.waited <= p.threshold)
                  FROM (%(calls)s) c
                  JOIN unnest(%(statements)s::int[], %(thresholds)s::int[]) AS p (statement_id, threshold) USING (statement_id)
                 WHERE c.direction = 'inbound' AND c.outcome <> 'failed'
                 GROUP BY c.date
                """,
                calls=calls(SQL("call_usage_line"), SQL("u.statement_id = ANY(%s) AND u.late_of_id IS NULL", statements.ids)),
                statements=statements.ids,
                thresholds=[terms[statement].threshold_seconds for statement in statements],
            )
        )
        variant = terms[statements[0]].variant
        served = {day: Served(*counts) for day, *counts in rows}
        archived = statements.filtered("is_archived")
        for threshold, mine in archived.grouped(lambda statement: terms[statement].threshold_seconds).items():
            where = SQL("statement_id = ANY(%s)", mine.ids)
            days = self.env["call.count"]._served(SQL("call_count"), threshold, where, ("date",))
            for (day,), counts in days.items():
                served[day] = served.get(day, Served()) + counts
        values = {day: counts.value("service_level", variant) for day, counts in served.items()}
        return {day: round(float(value), 1) for day, value in values.items() if value is not None}
