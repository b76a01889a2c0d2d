"""What the client of a contract is told of the service in some days."""

from datetime import timedelta
from fractions import Fraction

from odoo import api, fields, models
from odoo.tools import SQL, format_date, formatLang

from .. import indicators, pricing
from ..indicators import Served
from .call_charge import rounded
from .call_count import calls
from .call_masking import shown_sql
from .call_price import number

SHOWN = 5
"""So many callers, calls and periods before are listed."""


def is_month(first, last):
    """Whether these days are a month of the calendar.

    >>> from datetime import date
    >>> is_month(date(2026, 2, 1), date(2026, 2, 28)), is_month(date(2026, 2, 1), date(2026, 3, 31))
    (True, False)
    """
    return first.day == 1 and (last + timedelta(days=1)).day == 1 and (last - first).days < 31


class CallPerformance(models.AbstractModel):
    """Figures of a contract's inbound calls: indicators against what was agreed and against the periods before, when the calls came,
    for which services and queues, who called again, who waited longest, what agents did. As JSON, with texts in the client's language
    and in its time zone: what was once told is kept as it was. Late usage is in none of it. Owns no data.
    """

    _name = "call.performance"
    _description = "Performance of a Contract"

    @api.model
    def _figures(self, statement, before):
        """:param statement: whose contract and days these are; may be a new record
        :param before: list of (first day, last day) of the periods before, the oldest first
        """
        contract = statement.sudo().contract_id
        teller = self.sudo().with_context(lang=contract.partner_id.lang or self.env.lang, tz=contract.usage_tz)
        return teller._tell(statement.with_env(teller.env), before)

    @api.model
    def _tell(self, statement, before):
        contract = statement.contract_id
        periods = [*before, (statement.date_start, statement.date_end)]
        self._recall(contract, periods[0][0], statement.date_end)
        terms = statement._terms_to_measure()
        served = self._by_period(periods, terms["service_level"].threshold_seconds)
        short = self._by_period(periods, terms["abandonment"].threshold_seconds)
        here = SQL("date >= %s", statement.date_start)
        again = self._call_again(statement)
        agents = self._agents(here)
        return {
            "zone": contract.usage_tz,
            "offered": served[-1].offered,
            "answered": served[-1].answered,
            "abandoned": served[-1].abandoned,
            "indicators": [
                *(
                    self._indicator(statement, name, term, short if name == "abandonment" else served)
                    for name, term in terms.items()
                ),
                *self._more_indicators(statement, again, agents),
            ],
            "periods": [
                {"label": self._period_label(*period), "offered": each.offered, "answered": each.answered}
                for period, each in zip(periods, served, strict=True)
            ],
            "weekdays": self._weekdays(here),
            "services": self._groups(terms, "contract_line_id", here, self._service_names(contract)),
            "queues": self._groups(terms, "queue", here, {None: self.env._("No queue")}),
            "again": again,
            "agents": agents,
        }

    @api.model
    def _recall(self, contract, first, last):
        """Table ``call_counted``: the counts of these days. Read several times, so they are looked up once."""
        counts = self.env["call.count"]._current(contract, first, last)
        self.env.cr.execute(
            SQL(
                "DROP TABLE IF EXISTS pg_temp.call_counted; CREATE TEMPORARY TABLE call_counted ON COMMIT DROP AS SELECT * FROM %s now",
                counts,
            )
        )

    @api.model
    def _served(self, seconds, where, *by):
        return self.env["call.count"]._served(SQL("call_counted"), seconds, where, by)

    @api.model
    def _by_period(self, periods, seconds):
        """:return: list of Served, one for each period"""
        days = self._served(seconds, SQL("true"), "date")
        return [sum((each for (day,), each in days.items() if first <= day <= last), Served()) for first, last in periods]

    @api.model
    def _period_label(self, first, last):
        """A month by its name, a day by its date, other days by both ends."""
        if first == last:
            return format_date(self.env, first)
        if is_month(first, last):
            return format_date(self.env, first, date_format="MMM y")
        return f"{format_date(self.env, first, date_format='d MMM')} - {format_date(self.env, last, date_format='d MMM')}"

    # --- Indicators ---------------------------------------------------------------------------------------

    @api.model
    def _indicator(self, statement, name, term, served):
        """One that terms can promise.

        :param served: list of Served, the last one of these days
        """
        labels = {
            "service_level": self.env._("Service level, answered within %s s", term.threshold_seconds),
            "answer_speed": self.env._("Average speed of answer"),
            "handling_time": self.env._("Average handling time"),
            "abandonment": self.env._("Abandoned calls"),
        }
        agreed = next((t for t in statement._agreed_levels() if t.indicator == name and not (t.queue or t.campaign)), None)
        values = [each.value(name, term.variant) for each in served]
        target, met = "", None
        if agreed:
            agreed = agreed.with_env(self.env)
            target = agreed._bound_text(self.env, agreed.target)
            if values[-1] is not None:
                breach = pricing.is_breach(values[-1], Fraction(number(agreed.target)), agreed._at_most())
                met = not breach
        return {
            "label": labels[name],
            "value": self._text(term, values[-1]),
            "target": target,
            "met": met,
            "before": [self._text(term, value) for value in values[:-1]],
            "explanation": term._measured_text(self.env, served[-1], values[-1]),
        }

    @api.model
    def _text(self, term, value):
        return self.env._("No data") if value is None else term.with_env(self.env)._value_text(self.env, value)

    @api.model
    def _more_indicators(self, statement, again, agents):
        resolution = indicators.first_call_resolution(again["known"], again["repeated"])
        yield self._plain_indicator(
            self.env._("Solved with the first call"),
            resolution,
            self.env._(
                "%(solved)s of %(known)s answered callers with a number did not call again within %(days)s days, as far as these are over",
                solved=formatLang(self.env, again["known"] - again["repeated"], digits=0),
                known=formatLang(self.env, again["known"], digits=0),
                days=statement.contract_id.repeat_days,
            ),
        )
        logged = sum(each["logged"] for each in agents)
        if logged:
            handling = sum(each["handling"] for each in agents)
            yield self._plain_indicator(
                self.env._("Occupancy"),
                indicators.occupancy(handling, logged),
                self.env._(
                    "%(handling)s s of talk, hold and wrap-up / %(logged)s s logged in",
                    handling=formatLang(self.env, handling, digits=0),
                    logged=formatLang(self.env, logged, digits=0),
                ),
            )

    @api.model
    def _plain_indicator(self, label, value, explanation):
        text = self.env._("No data") if value is None else self._percent(value)
        return {"label": label, "value": text, "target": "", "met": None, "before": [], "explanation": explanation}

    @api.model
    def _percent(self, value):
        return f"{formatLang(self.env, float(rounded(value, 1)), digits=1)}\N{NO-BREAK SPACE}%"

    # --- When, for what, by whom --------------------------------------------------------------------------

    @api.model
    def _weekdays(self, here):
        """:return: list of seven: label and the offered calls of each of 24 hours"""
        labels = self.env["call.count"]._fields["weekday"]._description_selection(self.env)
        cells = self._served(0, here, "weekday", "hour")
        return [{"label": label, "hours": [cells[key, hour].offered for hour in range(24)]} for key, label in labels]

    @api.model
    def _groups(self, terms, column, here, names):
        """:return: list of dicts, most calls first"""
        level, handling = terms["service_level"], terms["handling_time"]
        found = self._served(level.threshold_seconds, here, column)
        return [
            {
                "name": names.get(key, key),
                "offered": each.offered,
                "answered": each.answered,
                "abandoned": each.abandoned,
                "service_level": self._text(level, each.value("service_level", level.variant)),
                "handling_time": self._text(handling, each.value("handling_time")),
            }
            for (key,), each in sorted(found.items(), key=lambda item: (-item[1].offered, str(item[0])))
        ]

    @api.model
    def _service_names(self, contract):
        lines = contract.with_context(active_test=False).contract_line_ids.filtered("rate_plan_id")
        return {line.id: line.product_id.name or line.name for line in lines}

    @api.model
    def _agents(self, here):
        """:return: list of dicts, most handling first"""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT agent, sum(answered_count)::integer, sum(handling_seconds)::integer, sum(logged_seconds)::integer
                  FROM call_counted
                 WHERE NOT late AND agent IS NOT NULL AND %s GROUP BY 1 ORDER BY 3 DESC, 1
                """,
                here,
            )
        )
        return [
            {
                "name": agent,
                "answered": answered,
                "handling": handling,
                "logged": logged,
                "occupancy": self._percent(indicators.occupancy(handling, logged)) if logged else "",
            }
            for agent, answered, handling, logged in rows
        ]

    @api.model
    def _call_again(self, statement):
        """Who called more than once, and who waited longest, from the calls themselves: numbers are compared, and shown as the client
        may see them.

        :return: dict: answered calls with a known number; those of them after which it called again; callers; waits
        """
        contract = statement.contract_id
        days = timedelta(days=contract.repeat_days)
        more = SQL(
            """
            , min(u.start_at) AS start_at, (array_agg(coalesce(u.caller_e164, u.caller)))[1] AS caller, (array_agg(%s))[1] AS shown
            """,
            shown_sql("u", "caller", SQL("%s", contract.masked_digits)),
        )
        where = SQL(
            "u.statement_id IN (SELECT id FROM call_statement WHERE contract_id = %s AND billed_again_id IS NULL)"
            " AND u.start_at BETWEEN %s AND %s AND u.date BETWEEN %s AND %s AND u.late_of_id IS NULL",
            contract.id,
            fields.Datetime.to_datetime(statement.date_start) - timedelta(days=2),
            fields.Datetime.to_datetime(statement.date_end) + days + timedelta(days=2),
            statement.date_start,
            statement.date_end + days,
        )
        ((known, repeated, callers, waits),) = self.env.execute_query(
            SQL(
                """
                WITH call AS (%(calls)s), inbound AS (
                    SELECT *, md5(caller) AS who, caller ~ '^[^X]*[0-9][^X]*$' AS is_known, date <= %(last)s AS is_here,
                           lead(start_at) OVER (PARTITION BY md5(caller) ORDER BY start_at) - start_at <= %(days)s AS comes_again
                      FROM call WHERE direction = 'inbound' AND outcome <> 'failed'
                )
                SELECT count(*) FILTER (WHERE is_here AND is_known AND answered),
                       count(*) FILTER (WHERE is_here AND is_known AND answered AND comes_again),
                       (SELECT json_agg(c) FROM (
                           SELECT min(shown) AS number, count(*) AS calls FROM inbound WHERE is_here AND is_known
                            GROUP BY who HAVING count(*) > 1 ORDER BY 2 DESC, 1 LIMIT %(shown)s) c),
                       (SELECT json_agg(w) FROM (
                           SELECT to_char(start_at AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:MI:SS') AS start,
                                  shown AS number, queue, waited, outcome FROM inbound WHERE is_here AND waited > 0
                            ORDER BY inbound.waited DESC, start_at LIMIT %(shown)s) w)
                  FROM inbound
                """,
                calls=calls(SQL("call_usage_line"), where, more),
                last=statement.date_end,
                days=days,
                shown=SHOWN,
                zone=contract.usage_tz,
            )
        )
        outcomes = dict(self.env["call.usage.line"]._fields["disposition"]._description_selection(self.env))
        waits = [{**each, "outcome": outcomes[each["outcome"]]} for each in waits or ()]
        return {"known": known, "repeated": repeated, "callers": callers or [], "waits": waits}


class ContractContract(models.Model):
    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    performance_report = fields.Selection(
        [("none", "No"), ("invoice", "With the invoice")],
        required=True,
        default="none",
        help="A report of the service in the period, attached to the mail of its invoice and shown on the portal.",
    )
    performance_schedule = fields.Selection(
        [("none", "No"), ("weekly", "Every week"), ("daily", "Every day")],
        string="Performance Mail",
        required=True,
        default="none",
        help="A report of the week or day before, by mail in the client's morning, without an invoice.",
    )
    repeat_days = fields.Integer(
        string="Calls Again Within (days)",
        default=7,
        help="Who calls again within so many days was not helped by the first call, in the performance reports.",
    )

    _repeat_days_positive = models.Constraint("CHECK (repeat_days > 0)", "Give at least one day in which callers may call again.")
