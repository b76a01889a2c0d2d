"""Counts of calls by service, queue, agent, day and hour: what indicators, reports and dashboards are computed from."""

from collections import defaultdict
from datetime import date, datetime
from typing import NamedTuple

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..indicators import Served
from .call_joining import BEST
from .call_usage_line import AMOUNT_DIGITS, Unchecked

DAYS_AT_ONCE = 500
"""Days of statements that are counted between two commits."""
WEEKDAYS = [
    ("1", "Monday"),
    ("2", "Tuesday"),
    ("3", "Wednesday"),
    ("4", "Thursday"),
    ("5", "Friday"),
    ("6", "Saturday"),
    ("7", "Sunday"),
]
KEYS = ("statement_id", "contract_line_id", "date", "hour", "direction", "late", "queue", "agent")
SUMS = (
    "call_count", "offered_count", "answered_count", "in_time_count", "abandoned_count", "short_count", "busy_count",
    "voicemail_count", "failed_count", "wait_seconds", "talk_seconds", "hold_seconds", "wrap_seconds", "handling_seconds",
    "logged_seconds", "total_seconds", "billed_seconds", "amount",
)  # fmt: skip
READ = (
    "id", "statement_id", "contract_line_id", "late_of_id", "date", "start_at", "kind", "group_ref", "direction", "queue", "campaign",
    "agent", "disposition", "quantity", "not_billable_reason", "ring_seconds", "queue_seconds", "ivr_seconds", "talk_seconds",
    "hold_seconds", "wrap_seconds", "total_seconds", "billed_seconds", "amount",
)  # fmt: skip
"""What is read of a call's records."""
WAITS = ("answered_waits", "abandoned_waits")
STORED = (*KEYS, "company_id", "weekday", "first_at", "last_at", *SUMS, *WAITS)
RATIOS = {
    "service_level": ("100.0 * sum(%(in_time_count)s)", "sum(%(answered_count)s + %(abandoned_count)s - %(short_count)s)"),
    "answer_speed": ("1.0 * sum(%(wait_seconds)s)", "sum(%(answered_count)s)"),
    "handling_time": ("1.0 * sum(%(handling_seconds)s)", "sum(%(answered_count)s)"),
    "abandonment": ("100.0 * sum(%(abandoned_count)s)", "sum(%(offered_count)s)"),
}
"""Measures that are ratios of sums, as ``indicators`` says; of abandonment here all that were abandoned."""
ALL, NOTHING = SQL("true"), SQL()
IS_CALL = SQL(
    "(u.kind = 'call' AND u.quantity >= 0 AND (u.not_billable_reason IN ('replaced', 'after_end', 'disputed')) IS NOT TRUE)"
)
"""Condition: a record u is one of a call, not taken back, replaced, credited or outside of the service."""


class Day(NamedTuple):
    """A day of a statement that is to be counted, and the begin of the first and of the last record that may belong to it."""

    statement_id: int
    date: date
    first_at: datetime
    last_at: datetime


def calls(lines, where, more=NOTHING):
    """SELECT of calls out of their records. Those of a call have its id on one day of one contract line: some phone systems use ids
    again. It goes by its first record, the first queue and campaign that they name, their best outcome, the longest waiting and
    ringing and the sum of the handling.

    ``waited``: seconds in the queue and while the phone rang; of who gave up, all the rest of the call.

    :param lines: FROM item with the columns of call_usage_line
    :param where: SQL condition on its alias u
    :param more: further columns, with a comma before each; the records of a call come in their order
    """
    # Sorted once, and not for each column. A number tells nearly all calls apart faster than their ids do; where these are compared,
    # it is as bytes, not as words of a language.
    key = SQL(
        """
        hashtextextended(coalesce(u.group_ref, u.id::text), 0), u.statement_id, u.contract_line_id, u.date, u.late_of_id IS NOT NULL, u.group_ref COLLATE "C",
        CASE WHEN u.group_ref IS NULL THEN u.id END
        """
    )
    return SQL(
        """
        SELECT *, outcome = 'answered' AS answered, outcome IN ('abandoned', 'no_answer') AS abandoned,
               CASE outcome WHEN 'answered' THEN wait ELSE greatest(wait, stay) END AS waited
          FROM (SELECT u.statement_id, u.contract_line_id, u.date, u.late_of_id IS NOT NULL AS late,
                       (array_agg(u.direction))[1] AS direction,
                       trim((array_agg(u.queue) FILTER (WHERE u.queue <> ''))[1]) AS queue,
                       trim((array_agg(u.campaign) FILTER (WHERE u.campaign <> ''))[1]) AS campaign,
                       (%(best)s)[min(array_position(%(best)s, u.disposition::text))] AS outcome,
                       max(u.queue_seconds) + max(u.ring_seconds) AS wait, max(u.total_seconds - u.ivr_seconds) AS stay,
                       sum(u.talk_seconds) AS talk, sum(u.hold_seconds) AS hold, sum(u.wrap_seconds) AS wrap
                       %(more)s
                  FROM (SELECT * FROM %(lines)s u WHERE %(is_call)s AND %(where)s
                         ORDER BY %(key)s, u.not_billable_reason = 'leg' NULLS FIRST, u.start_at, u.id) u
                 GROUP BY %(key)s) record
        """,
        key=key,
        best=SQL("%s::text[]", list(BEST)),
        more=more,
        lines=lines,
        is_call=IS_CALL,
        where=where,
    )


def days_of_calls(statements):
    """SELECT of the days of statements, plainly out of their calls: statement_id, date, calls, seconds, billed (seconds), amount.

    :param statements: SELECT of ids
    """
    return SQL(
        """
        SELECT statement_id, date, count(*) FILTER (WHERE is_call) AS calls, sum(seconds) AS seconds, sum(billed) AS billed,
               sum(amount) AS amount
          FROM (SELECT u.statement_id, u.date, %(is_call)s AS is_call, u.contract_line_id, u.late_of_id IS NOT NULL AS late,
                       u.group_ref COLLATE "C" AS call, CASE WHEN u.group_ref IS NULL THEN u.id END AS id,
                       sum(CASE WHEN %(is_call)s THEN u.total_seconds ELSE u.total_seconds * sign(u.quantity)::integer END) AS seconds,
                       sum(u.billed_seconds) AS billed, sum(u.amount) AS amount
                  FROM call_usage_line u
                 WHERE u.statement_id IN (%(mine)s) AND (%(is_call)s OR u.not_billable_reason IS DISTINCT FROM 'replaced')
                 GROUP BY 1, 2, 3, 4, 5, 6, 7) record
         GROUP BY 1, 2
        """,
        is_call=IS_CALL,
        mine=statements,
    )


class CallCount(models.Model):
    """How many calls a service had in an hour of a day, and how they were served. A row for each contract line, queue, agent and
    direction, in the client's time zone; late usage in rows of its own, as period figures leave it out.

    A row is never added to: the days of statements in which calls changed are noted in ``call.count.due`` by the transaction
    that changes them, and counted anew from the calls soon after. Until then :meth:`_current` counts these days when it is asked:
    what it gives always agrees with the calls, and reading never writes. So an import pays next to nothing for it.

    A call in several records counts once, for the agent who answered first, in the hour in which it began; see :func:`calls`.
    ``answered_waits`` and ``abandoned_waits``, integer arrays in ascending order that only SQL sees, hold how long each caller waited:
    ``width_bucket(seconds, waits)`` is how many waited no longer. So any number of seconds can be asked for, exactly. In autumn an hour
    of the clock comes twice: both are counted under its one name.
    """

    _name = "call.count"
    _description = "Performance"
    _inherit = ["call.ratio"]
    _order = "date desc, hour desc, id desc"
    _log_access = False
    _ratios = RATIOS

    statement_id = Unchecked("call.statement", required=True, ondelete="restrict")
    company_id = Unchecked("res.company", required=True, ondelete="restrict")
    contract_line_id = Unchecked("contract.line", string="Service", required=True, ondelete="restrict")
    contract_id = fields.Many2one(related="statement_id.contract_id")
    partner_id = fields.Many2one(related="statement_id.partner_id", string="Client")
    currency_id = fields.Many2one(related="statement_id.currency_id")
    date = fields.Date(string="Day", required=True, help="In the client's time zone, as the hour.")
    weekday = fields.Selection(WEEKDAYS, required=True)
    hour = fields.Integer(required=True, aggregator=None, help="0 to 23, in which the calls began.")
    direction = fields.Selection([("inbound", "Inbound"), ("outbound", "Outbound"), ("internal", "Internal")], required=True)
    late = fields.Boolean(
        string="Late Usage", help="Came after its period was invoiced; a newer version of an invoiced call is here beside it."
    )
    queue = fields.Char()
    agent = fields.Char(help="Who answered first.")
    first_at = fields.Datetime(required=True)
    last_at = fields.Datetime(required=True)
    call_count = fields.Integer(string="Calls")
    offered_count = fields.Integer(string="Offered", help="Calls that did not fail technically.")
    answered_count = fields.Integer(string="Answered")
    in_time_count = fields.Integer(string="Answered in Time", help="Within the seconds of the contract, or of its service level.")
    abandoned_count = fields.Integer(string="Abandoned", help="The caller gave up, or nobody answered.")
    short_count = fields.Integer(string="Abandoned in Time", help="Within the seconds in which calls have to be answered.")
    busy_count = fields.Integer(string="Busy")
    voicemail_count = fields.Integer(string="Voicemail")
    failed_count = fields.Integer(string="Failed")
    wait_seconds = fields.Integer(string="Waiting (s)", help="In the queue and ringing, of the answered calls.")
    talk_seconds = fields.Integer(string="Talk (s)", help="Of the answered calls.")
    hold_seconds = fields.Integer(string="Hold (s)", help="Of the answered calls.")
    wrap_seconds = fields.Integer(string="Wrap-Up (s)", help="Of the answered calls.")
    handling_seconds = fields.Integer(string="Handling (s)", help="Talk, hold and wrap-up of the answered calls.")
    logged_seconds = fields.Integer(
        string="Logged In (s)", help="Agent time, where it is collected; all of it in the hour in which it began."
    )
    total_seconds = fields.Integer(string="Duration (s)")
    billed_seconds = fields.Integer(string="Charged (s)")
    amount = fields.Float(string="Price", digits=AMOUNT_DIGITS, help="Of the calls, before allowances and tiers.")
    service_level = fields.Float(
        string="Service Level (%)",
        readonly=True,
        aggregator="avg",
        help="Answered in time / (answered + abandoned later), of all the calls in the group.",
    )
    answer_speed = fields.Float(
        string="Average Speed of Answer (s)",
        readonly=True,
        aggregator="avg",
        help="Waiting of the answered calls / answered calls.",
    )
    handling_time = fields.Float(
        string="Average Handling Time (s)", readonly=True, aggregator="avg", help="(Talk + hold + wrap-up) / answered calls."
    )
    abandonment = fields.Float(string="Abandoned (%)", readonly=True, aggregator="avg", help="Abandoned / offered calls.")

    _statement_date = models.Index("(statement_id, date)")
    _company_date = models.Index("(company_id, date)")

    def init(self):
        """Waiting times are no fields: nothing but SQL reads or writes them."""
        for name in WAITS:
            self.env.cr.execute(
                SQL("ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s integer[]", SQL.identifier(self._table), SQL.identifier(name))
            )

    @api.depends("contract_line_id", "date", "hour")
    def _compute_display_name(self):
        for count in self:
            count.display_name = f"{count.contract_line_id.name or ''} {count.date} {count.hour}:00"

    # --- What is to be counted ----------------------------------------------------------------------------

    @api.model
    def _due(self, where=ALL, limit=None):
        """Days in which calls changed since they were counted.

        :param where: SQL condition on call_count_due d
        :return: list of Day
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT n.statement_id, n.date, least(n.first_at, min(c.first_at)), greatest(n.last_at, max(c.last_at))
                  FROM (SELECT d.statement_id, d.date, min(d.first_at) AS first_at, max(d.last_at) AS last_at
                          FROM call_count_due d WHERE %s GROUP BY 1, 2 ORDER BY 1, 2 LIMIT %s) n
                  LEFT JOIN call_count c ON c.statement_id = n.statement_id AND c.date = n.date
                 GROUP BY n.statement_id, n.date, n.first_at, n.last_at
                """,
                where,
                limit,
            )
        )
        return [Day(*row) for row in rows]

    @api.model
    def _cells(self, days):
        """SELECT of the rows of these days out of their calls, in the order of ``STORED``.

        :param days: list of Day
        """
        statements = self.env["call.statement"].sudo().browse({day.statement_id for day in days}).exists()
        seconds = {statement.id: statement._measuring_values()["service_level"] for statement in statements}
        columns = zip(*((*day, seconds.get(day.statement_id, 0)) for day in days), strict=True)
        kinds = ("integer", "date", "timestamp", "timestamp", "integer")
        due = SQL(", ").join(SQL("%s::%s[]", list(column), SQL(kind)) for column, kind in zip(columns, kinds, strict=True))
        records = SQL(
            """
            (SELECT %s, d.seconds, c.usage_tz
               FROM unnest(%s) AS d (statement_id, date, first_at, last_at, seconds)
               JOIN call_statement s ON s.id = d.statement_id AND s.billed_again_id IS NULL
               JOIN contract_contract c ON c.id = s.contract_id
               JOIN call_usage_line u ON u.statement_id = d.statement_id AND u.start_at BETWEEN d.first_at AND d.last_at
                    AND u.date = d.date)
            """,
            SQL(", ").join(SQL.identifier("u", name) for name in READ),
            due,
        )
        summed = SQL(
            """
            , sum(u.total_seconds) AS total, sum(u.billed_seconds) AS billed, sum(u.amount) AS amount, 0::bigint AS logged,
            trim((array_agg(u.agent) FILTER (WHERE u.agent <> '' AND u.disposition = 'answered'))[1]) AS agent,
            min(u.start_at) AS first_at, max(u.start_at) AS last_at, (array_agg(u.usage_tz))[1] AS usage_tz, min(u.seconds) AS seconds
            """
        )
        names = ("answered", "abandoned", "outcome", "waited", "talk", "hold", "wrap", "total", "billed", "amount", "logged",
                 "first_at", "last_at", "usage_tz", "seconds", "statement_id", "contract_line_id", "date", "direction", "late", "queue",
                 "agent")  # fmt: skip
        return SQL(
            """
            WITH record AS MATERIALIZED (SELECT * FROM %(records)s each), item AS (
                SELECT %(names)s FROM (%(calls)s) counted
                 UNION ALL
                SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, u.total_seconds * sign(u.quantity)::integer, u.billed_seconds, u.amount,
                       CASE u.kind WHEN 'agent_time' THEN u.total_seconds * sign(u.quantity)::integer ELSE 0 END,
                       u.start_at, u.start_at, u.usage_tz, u.seconds, u.statement_id, u.contract_line_id, u.date, u.direction,
                       u.late_of_id IS NOT NULL, trim(u.queue), trim(u.agent)
                  FROM record u WHERE NOT %(is_call)s AND u.not_billable_reason IS DISTINCT FROM 'replaced'
            )
            SELECT statement_id, contract_line_id, date,
                   extract(hour FROM first_at AT TIME ZONE 'UTC' AT TIME ZONE usage_tz)::integer AS hour, direction, late,
                   nullif(queue, '') COLLATE "C" AS queue, nullif(agent, '') COLLATE "C" AS agent,
                   (SELECT company_id FROM call_statement s WHERE s.id = item.statement_id) AS company_id,
                   extract(isodow FROM date)::text AS weekday, min(first_at) AS first_at, max(last_at) AS last_at,
                   count(outcome) AS call_count, count(outcome) FILTER (WHERE outcome <> 'failed') AS offered_count,
                   count(*) FILTER (WHERE answered) AS answered_count,
                   count(*) FILTER (WHERE answered AND waited <= seconds AND seconds > 0) AS in_time_count,
                   count(*) FILTER (WHERE abandoned) AS abandoned_count,
                   count(*) FILTER (WHERE abandoned AND waited <= seconds AND seconds > 0) AS short_count,
                   count(*) FILTER (WHERE outcome = 'busy') AS busy_count,
                   count(*) FILTER (WHERE outcome = 'voicemail') AS voicemail_count,
                   count(*) FILTER (WHERE outcome = 'failed') AS failed_count,
                   coalesce(sum(waited) FILTER (WHERE answered), 0) AS wait_seconds,
                   coalesce(sum(talk) FILTER (WHERE answered), 0) AS talk_seconds,
                   coalesce(sum(hold) FILTER (WHERE answered), 0) AS hold_seconds,
                   coalesce(sum(wrap) FILTER (WHERE answered), 0) AS wrap_seconds,
                   coalesce(sum(talk + hold + wrap) FILTER (WHERE answered), 0) AS handling_seconds,
                   sum(logged) AS logged_seconds, sum(total) AS total_seconds, sum(billed) AS billed_seconds, sum(amount) AS amount,
                   coalesce(array_agg(waited ORDER BY waited) FILTER (WHERE answered), '{}') AS answered_waits,
                   coalesce(array_agg(waited ORDER BY waited) FILTER (WHERE abandoned), '{}') AS abandoned_waits
              FROM item GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
            """,
            records=records,
            names=SQL(", ").join(map(SQL.identifier, names)),
            calls=calls(SQL("record"), ALL, summed),
            is_call=IS_CALL,
        )

    @api.model
    def _count_due(self, where=ALL, limit=None):
        """Count days again in which calls changed.

        :param where: SQL condition on call_count_due d
        :return: number of days
        """
        self.env.flush_all()
        days = self._due(where, limit)
        if not days:
            return 0
        pairs = SQL("unnest(%s::integer[], %s::date[])", [day.statement_id for day in days], [day.date for day in days])
        for table in ("call_count_due", "call_count"):
            self.env.cr.execute(
                SQL(
                    "DELETE FROM %s c USING %s AS d (statement_id, date) WHERE c.statement_id = d.statement_id AND c.date = d.date",
                    SQL.identifier(table),
                    pairs,
                )
            )
        columns = SQL(", ").join(map(SQL.identifier, STORED))
        self.env.cr.execute(SQL("INSERT INTO call_count (%s) %s", columns, self._cells(days)))
        self.invalidate_model()
        return len(days)

    @api.model
    def _cron_count(self):
        """Count what changed, a part at a time. Another one that counts the same goes first."""
        Cron = self.env["ir.cron"]
        while True:
            try:
                days = self._count_due(limit=DAYS_AT_ONCE)
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                self.env.cr.rollback()
                break
            if not days or not Cron._commit_progress(days):
                break

    @api.model
    def _rebuild(self, contracts=None, first=None, last=None):
        """Count calls again that did not change, such as after a restored backup. The outcome is what was there.

        :param contracts: contract.contract, all by default
        :param first, last: days, all by default
        """
        which = [SQL("NOT EXISTS (SELECT FROM call_archive a WHERE a.statement_id = u.statement_id AND a.state = 'archived')")]
        if contracts is not None:
            which.append(SQL("u.statement_id IN (SELECT id FROM call_statement WHERE contract_id = ANY(%s))", contracts.ids))
        if first:
            which.append(SQL("u.date >= %s", first))
        if last:
            which.append(SQL("u.date <= %s", last))
        which = SQL(" AND ").join(which)
        self.env["call.count.due"]._mark(which)
        # Days that have no call any more.
        self.env.cr.execute(SQL("DELETE FROM call_count u WHERE %s", which))
        while self._count_due(limit=DAYS_AT_ONCE):
            pass

    # --- What they tell -----------------------------------------------------------------------------------

    @api.model
    def _current(self, contracts, first, last):
        """FROM item with the columns of ``STORED``: all rows of contracts and days as the calls are now, counted or not."""
        self.env.flush_all()
        statements = SQL("SELECT id FROM call_statement WHERE contract_id = ANY(%s)", contracts.ids)
        which = SQL("d.statement_id IN (%s) AND d.date BETWEEN %s AND %s", statements, first, last)
        days = self._due(which)
        columns = SQL(", ").join(map(SQL.identifier, STORED))
        counted = SQL("SELECT %s FROM call_count d WHERE %s", columns, which)
        if not days:
            return SQL("(%s)", counted)
        pairs = SQL("unnest(%s::integer[], %s::date[])", [day.statement_id for day in days], [day.date for day in days])
        return SQL(
            "(%s AND (d.statement_id, d.date) NOT IN (SELECT * FROM %s) UNION ALL SELECT * FROM (%s) fresh)",
            counted,
            pairs,
            self._cells(days),
        )

    @api.model
    def _served(self, counts, seconds, where=ALL, by=()):
        """Inbound calls, late usage left out.

        :param counts: FROM item, see :meth:`_current`
        :param seconds: within which calls have to be answered
        :param where: SQL condition on the columns of ``STORED``
        :param by: names of columns to group by
        :return: dict of their values -> indicators.Served
        """
        columns = SQL("").join(SQL("%s, ", SQL.identifier(name)) for name in by)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT %(columns)s sum(offered_count)::bigint, sum(answered_count)::bigint,
                       sum(CASE WHEN %(seconds)s > 0 THEN width_bucket(%(seconds)s, answered_waits) ELSE 0 END)::bigint,
                       sum(abandoned_count)::bigint,
                       sum(CASE WHEN %(seconds)s > 0 THEN width_bucket(%(seconds)s, abandoned_waits) ELSE 0 END)::bigint,
                       sum(wait_seconds)::bigint, sum(handling_seconds)::bigint
                  FROM %(counts)s each WHERE direction = 'inbound' AND NOT late AND call_count > 0 AND %(where)s
                 %(group)s
                """,
                columns=columns,
                seconds=SQL("%s::integer", seconds),
                counts=counts,
                where=where,
                group=SQL("GROUP BY %s", SQL(", ").join(map(SQL.identifier, by))) if by else SQL("HAVING count(*) > 0"),
            )
        )
        found = defaultdict(Served)
        for row in rows:
            found[row[: len(by)]] = Served(*row[len(by) :])
        return found


class CallCountDue(models.Model):
    """Days of statements in which calls changed after they were counted; written by the transaction that changes them, more than
    once if it likes, and gone when they are counted. Rows are only added, so transactions do not wait for each other."""

    _name = "call.count.due"
    _description = "Days to Count"
    _log_access = False

    statement_id = Unchecked("call.statement", required=True, ondelete="restrict")
    date = fields.Date(required=True)
    first_at = fields.Datetime(required=True, help="Begin of the first of these records.")
    last_at = fields.Datetime(required=True, help="Begin of the last of these records.")

    _statement_date = models.Index("(statement_id, date)")

    @api.model
    def _mark(self, where):
        """Note the days of calls that change: where they are, and after they moved where they are then.

        :param where: SQL condition on call_usage_line u
        """
        self.env.flush_all()
        self._add(
            SQL("SELECT statement_id, date, min(start_at), max(start_at) FROM call_usage_line u WHERE %s GROUP BY 1, 2", where)
        )

    @api.model
    def _mark_statements(self, statements):
        """Note all that was counted of statements: they measure in other seconds, or another time zone, from now on."""
        if statements:
            self.env.flush_all()
            self._add(
                SQL(
                    "SELECT statement_id, date, min(first_at), max(last_at) FROM call_count WHERE statement_id = ANY(%s) GROUP BY 1, 2",
                    statements.ids,
                )
            )

    @api.model
    def _mark_uncounted(self):
        """Note what was there before there were counts."""
        self._mark(
            SQL(
                """
                u.statement_id IN (SELECT id FROM call_statement s WHERE s.usage_count > 0 AND s.billed_again_id IS NULL
                    AND NOT EXISTS (SELECT FROM call_count c WHERE c.statement_id = s.id)
                    AND NOT EXISTS (SELECT FROM call_count_due d WHERE d.statement_id = s.id))
                """
            )
        )

    @api.model
    def _add(self, rows):
        """:param rows: SELECT of statement, day, begin of the first and of the last record"""
        self.env.cr.execute(SQL("INSERT INTO call_count_due (statement_id, date, first_at, last_at) %s", rows))


class CallUsageLine(models.Model):
    _inherit = "call.usage.line"

    def write(self, vals):
        """Where the calls were and where they are now is counted again."""
        Due, mine = self.env["call.count.due"].sudo(), SQL("u.id = ANY(%s)", self.ids)
        Due._mark(mine)
        res = super().write(vals)
        if "statement_id" in vals:
            Due._mark(mine)
        return res


class CallStatement(models.Model):
    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    def unlink(self):
        """One without calls may still have counts of calls that were there before."""
        ids = self.ids
        res = super().unlink()
        for table in ("call_count", "call_count_due"):
            self.env.cr.execute(SQL("DELETE FROM %s WHERE statement_id = ANY(%s)", SQL.identifier(table), ids))
        return res


class ContractContract(models.Model):
    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    def write(self, vals):
        """Hours are those of the client's zone, and calls are answered in time by the contract."""
        res = super().write(vals)
        if {"usage_tz", "partner_id"} & set(vals):
            self.env["call.count.due"].sudo()._mark_statements(self.sudo().call_statement_ids)
        elif "service_seconds" in vals:
            self._measure_anew()
        return res

    def _measure_anew(self):
        open_ones = self.sudo().call_statement_ids.filtered(lambda statement: statement.state == "open")
        self.env["call.count.due"].sudo()._mark_statements(open_ones)


class ContractLine(models.Model):
    _inherit = "contract.line"  # pylint: disable=consider-merging-classes-inherited

    def write(self, vals):
        res = super().write(vals)
        if "rate_plan_id" in vals:
            self.contract_id._measure_anew()
        return res


class CallRateTerm(models.Model):
    _inherit = "call.rate.term"  # pylint: disable=consider-merging-classes-inherited

    @api.model_create_multi
    def create(self, vals_list):
        terms = super().create(vals_list)
        terms._measure_anew()
        return terms

    def write(self, vals):
        res = super().write(vals)
        self._measure_anew()
        return res

    def unlink(self):
        measuring = self.filtered(lambda term: term.kind == "service_level")
        companies = measuring.company_id
        res = super().unlink()
        self._measure_open(companies)
        return res

    def _measure_anew(self):
        self._measure_open(self.filtered(lambda term: term.kind == "service_level").company_id)

    @api.model
    def _measure_open(self, companies):
        """A service level says for open periods in how many seconds calls have to be answered, also on plans based on its own."""
        if companies:
            open_ones = self.env["call.statement"].sudo().search([("company_id", "in", companies.ids), ("state", "=", "open")])
            self.env["call.count.due"].sudo()._mark_statements(open_ones)
