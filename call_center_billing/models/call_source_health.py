"""Whether a source's calls arrive as they should: missing numbers, hours and days, today against a usual day."""

import json
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL, format_date, format_datetime

from .call_source_folder import UNCHANGED

WEEKS = 4  # what is usual is told by the same hour of the same week day in as many weeks before
USUAL_CALLS = 3  # an hour or a day that always had as many is not silent by chance
WAITS_TOO_LONG = timedelta(hours=1)  # what waits is taken within minutes
LOOK_BACK_DAYS = 14
SHOWN = 10


class CallSource(models.Model):
    """Adds what a look at the sources has to tell. Counts come from ``call.source.hour``, never from the calls."""

    _inherit = "call.source"  # pylint: disable=consider-merging-classes-inherited

    expected_within = fields.Integer(
        string="Calls Arrive Within",
        default=24,
        required=True,
        help="Hours. An hour or a day without calls is reported as missing when this time has passed.",
    )
    today_count = fields.Integer(
        string="Records Today",
        compute="_compute_today",
        help="Records of calls that began today, each part of a call and what is suspended included.",
    )
    usual_count = fields.Integer(
        string="Usual by Now", compute="_compute_today", help="Average of the same week day in the last 4 weeks, up to this hour."
    )
    waiting_count = fields.Integer(
        string="Waiting", compute="_compute_waiting", help="Imports, posts and complete files that are not imported yet."
    )
    waiting_since = fields.Datetime(compute="_compute_waiting")
    unprocessed_since = fields.Datetime(
        string="Oldest Unprocessed",
        compute="_compute_waiting",
        help="The oldest of what waits and of the open suspended records.",
    )
    failed_count = fields.Integer(string="Failed Imports", compute="_compute_waiting")
    missing_sequence_count = fields.Integer(string="Missing Numbers", compute="_compute_missing")
    missing_hour_count = fields.Integer(string="Missing Hours", compute="_compute_missing")
    missing_day_count = fields.Integer(string="Missing Days", compute="_compute_missing")
    missing_text = fields.Text(string="Missing", compute="_compute_missing")
    delivery_problem = fields.Text(
        string="Problem", compute="_compute_delivery_problem", help="Why calls cannot be fetched from the folder or the database."
    )
    health = fields.Selection(
        [("good", "Healthy"), ("warning", "Look at It"), ("bad", "Calls Are Missing"), ("new", "No Calls Yet")],
        compute="_compute_health",
    )
    day_graph = fields.Text(compute="_compute_day_graph")

    _expected_within_positive = models.Constraint("CHECK (expected_within > 0)", "Calls arrive within at least one hour.")

    def _compute_today(self):
        for source in self:
            now = fields.Datetime.now()
            local = now.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(source.tz or "UTC"))
            begin = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
            counts = [
                source._count_between(begin - timedelta(weeks=weeks), now - timedelta(weeks=weeks)) for weeks in range(WEEKS + 1)
            ]
            known = [count for count in counts[1:] if count]
            source.today_count = counts[0]
            source.usual_count = round(sum(known) / len(known)) if known else 0

    def _count_between(self, begin, end):
        return (
            self.env["call.source.hour"]
            .sudo()
            ._read_group([("source_id", "=", self.id), ("hour", ">=", begin), ("hour", "<=", end)], [], ["call_count:sum"])[0][0]
        )

    def _compute_waiting(self):
        failed = self._waiting("call.import", [("state", "=", "failed")])
        waiting = [
            self._waiting("call.import", [("state", "in", ("draft", "waiting", "running"))]),
            self._waiting("call.push", [("import_id", "=", False)], "received_at"),
            self._waiting("call.folder.file", [("import_id", "=", False), ("seen_at", "<=", self._complete_since())], "seen_at"),
        ]
        suspended = self._waiting("call.suspense", [("state", "=", "open")])
        for source in self:
            mine = [groups[source] for groups in waiting if source in groups]
            source.waiting_count = sum(count for count, _since in mine)
            source.waiting_since = min((since for _count, since in mine), default=False)
            source.failed_count = failed.get(source, (0, False))[0]
            since = filter(None, [source.waiting_since, suspended.get(source, (0, False))[1]])
            source.unprocessed_since = min(since, default=False)

    def _waiting(self, model, domain, date="create_date"):
        """:return: dict of source -> (number of records, time of the oldest)"""
        groups = (
            self.env[model]
            .sudo()
            ._read_group([("source_id", "in", self.ids), *domain], ["source_id"], ["__count", f"{date}:min"])
        )
        return {source: (count, since) for source, count, since in groups}

    @api.model
    def _complete_since(self):
        """Files that were not changed since then are complete."""
        return fields.Datetime.now() - UNCHANGED

    def _compute_missing(self):
        for source in self:
            numbers, total = source._missing_sequences()
            days = source._missing_days()
            silent = {day for day, _usual in days}
            hours = [(hour, usual) for hour, usual in source._missing_hours() if source._local_day(hour) not in silent]
            source.missing_sequence_count = total
            source.missing_hour_count = len(hours)
            source.missing_day_count = len(days)
            source.missing_text = "\n".join(source._missing_lines(numbers, days, hours))

    def _missing_lines(self, numbers, days, hours):
        """What is missing, in words.

        :param numbers: list of (first, last); days, hours: lists of (day, or begin of the hour in UTC, usual number of calls)
        """
        self.ensure_one()
        lines = []
        if numbers:
            ranges = ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in numbers[:SHOWN])
            lines.append(self.env._("Numbers that never came: %s", ranges) + ("..." if len(numbers) > SHOWN else ""))
        for day, usual in days[:SHOWN]:
            lines.append(self.env._("%(day)s: no call all day, usually %(usual)s", day=format_date(self.env, day), usual=usual))
        if len(days) > SHOWN:
            lines.append(self.env._("and %s days more", len(days) - SHOWN))
        for hour, usual in hours[:SHOWN]:
            lines.append(
                self.env._(
                    "%(hour)s: no call, usually %(usual)s",
                    hour=format_datetime(self.env, hour, tz=self.tz, dt_format="short"),
                    usual=usual,
                )
            )
        if len(hours) > SHOWN:
            lines.append(self.env._("and %s hours more", len(hours) - SHOWN))
        return lines

    def _local_day(self, moment):
        """The day in the source's time zone of a time in UTC."""
        return moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(self.tz or "UTC")).date()

    def _moment(self, day):
        """The begin of a day in the source's time zone, in UTC."""
        begin = datetime.combine(day, time(), ZoneInfo(self.tz or "UTC"))
        return begin.astimezone(ZoneInfo("UTC")).replace(tzinfo=None, minute=0)

    @api.depends("suspense_count")
    def _compute_health(self):
        for source in self:
            if source.missing_sequence_count or source.missing_hour_count or source.missing_day_count:
                source.health = "bad"
            elif source.failed_count or source.suspense_count or source.delivery_problem or source._waits_too_long():
                source.health = "warning"
            else:
                source.health = "good" if source.import_count else "new"

    def _waits_too_long(self):
        return bool(self.waiting_since) and self.waiting_since < fields.Datetime.now() - WAITS_TOO_LONG

    @api.depends("pull_enabled", "pull_message", "is_watched", "folder_message")
    def _compute_delivery_problem(self):
        for source in self:
            problems = (source.pull_enabled and source.pull_message, source.is_watched and source.folder_message)
            source.delivery_problem = "\n".join(filter(None, problems)) or False

    def _compute_day_graph(self):
        """Calls per day of the last two weeks, for the graph on the card."""
        for source in self:
            first = fields.Date.context_today(self) - timedelta(days=LOOK_BACK_DAYS - 1)
            rows = dict(
                self.env.execute_query(
                    SQL(
                        """
                        SELECT (hour AT TIME ZONE 'UTC' AT TIME ZONE %(tz)s)::date, sum(call_count)
                          FROM call_source_hour WHERE source_id = %(source)s AND hour >= %(first)s - interval '1 day'
                         GROUP BY 1
                        """,
                        tz=source.tz or "UTC",
                        source=source._origin.id or 0,
                        first=first,
                    )
                )
            )
            days = [first + timedelta(days=number) for number in range(LOOK_BACK_DAYS)]
            values = [{"label": format_date(self.env, day, date_format="d MMM"), "value": int(rows.get(day, 0))} for day in days]
            for value, day in zip(values, days, strict=True):
                value["type"] = "past" if day < days[-1] else "future"
            graph = {"values": values, "key": self.env._("Calls"), "title": "", "is_sample_data": False}
            source.day_graph = json.dumps([graph])

    def _missing_sequences(self):
        """:return: (list of (first, last) numbers that never came, how many numbers these are)"""
        self.ensure_one()
        if not self.check_sequence or not self._origin.id:
            return [], 0
        rows = self.env.execute_query(
            SQL(
                """
                SELECT lower(gap), upper(gap) - 1
                  FROM (SELECT unnest(int8multirange(range_merge(seen_sequences)) - seen_sequences) AS gap
                          FROM call_source WHERE id = %s AND seen_sequences <> '{}') gaps
                 ORDER BY 1
                """,
                self._origin.id,
            )
        )
        return rows, sum(last - first + 1 for first, last in rows)

    def _missing_hours(self):
        """Hours of the last two weeks in which no call began although some always did at that (local) time of the week.

        :return: list of (begin of the hour in UTC, usual number of calls), newest first
        """
        self.ensure_one()
        if not self._origin.id:
            return []
        now = fields.Datetime.now().replace(minute=0, second=0, microsecond=0)
        span = (self, now - timedelta(days=LOOK_BACK_DAYS), now - timedelta(hours=self.expected_within))
        return [(hour, usual) for _number, hour, usual in self._silent_hours([span])]

    @api.model
    def _silent_hours(self, spans):
        """Hours in which no call began although some always did at that (local) time of the week.

        :param spans: list of (source, first hour, last hour), begins of hours in UTC
        :return: list of (place of the span, begin of the hour in UTC, usual number of calls), newest first
        """
        return self.env.execute_query(
            SQL(
                """
                SELECT (p.number - 1)::integer, h.hour, round(avg(coalesce(before.call_count, 0)))::integer
                  FROM unnest(%(sources)s::integer[], %(zones)s::text[], %(firsts)s::timestamp[], %(lasts)s::timestamp[])
                       WITH ORDINALITY AS p(source_id, tz, first, last, number)
                 CROSS JOIN generate_series(p.first, p.last, '1 hour') AS h(hour)
                 CROSS JOIN generate_series(1, %(weeks)s) AS w(weeks)
                  LEFT JOIN call_source_hour before
                         ON before.source_id = p.source_id
                        AND before.hour = (h.hour AT TIME ZONE 'UTC' AT TIME ZONE p.tz - w.weeks * interval '7 days')
                                          AT TIME ZONE p.tz AT TIME ZONE 'UTC'
                 WHERE NOT EXISTS (SELECT FROM call_source_hour c
                                    WHERE c.source_id = p.source_id AND c.hour = h.hour AND c.call_count > 0)
                 GROUP BY 1, 2 HAVING min(coalesce(before.call_count, 0)) >= %(usual)s
                 ORDER BY 1, 2 DESC
                """,
                weeks=WEEKS,
                usual=USUAL_CALLS,
                **self._span_columns(spans),
            )
        )

    @api.model
    def _span_columns(self, spans):
        """Stretches of time of sources as arrays, for ``unnest``."""
        return {
            "sources": [source._origin.id for source, _first, _last in spans],
            "zones": [source.tz or "UTC" for source, _first, _last in spans],
            "firsts": [first for _source, first, _last in spans],
            "lasts": [last for _source, _first, last in spans],
        }

    def _missing_days(self):
        """Days (local) of the last two weeks without a call although each of the same week days before had some: so a
        source whose calls are too few for :meth:`_missing_hours` is not silent for long.

        :return: list of (day, usual number of calls), newest first
        """
        self.ensure_one()
        if not self._origin.id:
            return []
        last = self._last_complete_day()
        return [(day, usual) for _number, day, usual in self._silent_days([(self, last - timedelta(days=LOOK_BACK_DAYS), last)])]

    def _last_complete_day(self):
        """The last (local) day whose calls had time to arrive."""
        return self._local_day(fields.Datetime.now() - timedelta(hours=self.expected_within)) - timedelta(days=1)

    @api.model
    def _silent_days(self, spans):
        """Days without a call although each of the same week days before had some.

        :param spans: list of (source, first day, last day), days of the source
        :return: list of (place of the span, day, usual number of calls), newest first
        """
        return self.env.execute_query(
            SQL(
                """
                WITH span AS (
                    SELECT p.*, (p.number - 1)::integer AS place
                      FROM unnest(%(sources)s::integer[], %(zones)s::text[], %(firsts)s::date[], %(lasts)s::date[])
                           WITH ORDINALITY AS p(source_id, tz, first, last, number)
                ), daily AS (
                    SELECT p.place, (c.hour AT TIME ZONE 'UTC' AT TIME ZONE p.tz)::date AS day, sum(c.call_count) AS calls
                      FROM span p
                      JOIN call_source_hour c ON c.source_id = p.source_id
                           AND c.hour BETWEEN p.first - (7 * %(weeks)s + 2) * interval '1 day' AND p.last + interval '2 days'
                     GROUP BY 1, 2
                )
                SELECT p.place, d.day::date, round(avg(coalesce(before.calls, 0)))::integer
                  FROM span p
                 CROSS JOIN generate_series(p.first, p.last, '1 day') AS d(day)
                 CROSS JOIN generate_series(1, %(weeks)s) AS w(weeks)
                  LEFT JOIN daily before ON before.place = p.place AND before.day = d.day::date - 7 * w.weeks
                 WHERE NOT EXISTS (SELECT FROM daily c WHERE c.place = p.place AND c.day = d.day AND c.calls > 0)
                 GROUP BY 1, 2 HAVING min(coalesce(before.calls, 0)) >= %(usual)s
                 ORDER BY 1, 2 DESC
                """,
                weeks=WEEKS,
                usual=USUAL_CALLS,
                **self._span_columns(spans),
            )
        )

    def _dated_sequence_gaps(self):
        """Numbers of these sources that never came, with the times of the calls beside them.

        :return: rows (source id, first number, last number, earliest start in the import of the number before, latest start in
            the import of the number after); None where that is not known
        """
        return self.env.execute_query(
            SQL(
                """
                WITH gap AS (
                    SELECT id AS source_id, unnest(int8multirange(range_merge(seen_sequences)) - seen_sequences) AS numbers
                      FROM call_source WHERE id = ANY(%s) AND check_sequence AND seen_sequences <> '{}'
                ), beside AS (
                    SELECT g.source_id, lower(g.numbers) AS first, upper(g.numbers) - 1 AS last,
                           max(i.id) FILTER (WHERE i.seen_sequences @> lower(g.numbers) - 1) AS before_id,
                           min(i.id) FILTER (WHERE i.seen_sequences @> upper(g.numbers)) AS after_id
                      FROM gap g
                      LEFT JOIN call_import i ON i.source_id = g.source_id
                           AND (i.seen_sequences @> lower(g.numbers) - 1 OR i.seen_sequences @> upper(g.numbers))
                     GROUP BY 1, 2, 3
                ), edge AS (
                    SELECT import_id, min(start_at) AS first, max(start_at) AS last FROM call_usage_line
                     WHERE import_id IN (SELECT before_id FROM beside UNION SELECT after_id FROM beside) GROUP BY 1
                )
                SELECT b.source_id, b.first, b.last, f.first, l.last
                  FROM beside b LEFT JOIN edge f ON f.import_id = b.before_id LEFT JOIN edge l ON l.import_id = b.after_id
                 ORDER BY 1, 2
                """,
                self.ids,
            )
        )

    def action_forget_missing(self):
        """The numbers that are missing will not come: do not report them again."""
        self.check_access("write")
        self.env.cr.execute(
            SQL(
                "UPDATE call_source SET seen_sequences = int8multirange(range_merge(seen_sequences))"
                " WHERE id IN %s AND seen_sequences <> '{}'",
                tuple(self.ids),
            )
        )
        self.invalidate_recordset()
        for source in self:
            source.message_post(body=self.env._("Missing numbers were marked as not to be expected."))

    def _after_import(self, call_import):
        result = super()._after_import(call_import)
        if self.check_sequence:
            self.sudo()._remind_of_missing()
        return result

    @api.model
    def _cron_check_collection(self):
        """Remind the persons responsible of calls that seem to be missing."""
        for source in self.search([("import_ids", "!=", False)]):
            source._remind_of_missing()
            self.env["ir.cron"]._commit_progress(1)

    def _remind_of_missing(self):
        """One open activity per source tells what is missing now; nothing missing, no activity."""
        self.ensure_one()
        self.invalidate_recordset(["missing_text", "missing_sequence_count", "missing_hour_count", "missing_day_count"])
        summary = self.env._("Calls of %s seem to be missing", self.name)
        mine = self.activity_ids.filtered(lambda activity: activity.automated and activity.summary == summary)
        text = self.missing_text
        if not text:
            mine.action_feedback(feedback=self.env._("Nothing is missing any more."))
        elif mine:
            mine.write({"note": self._missing_note(text)})
        else:
            self.activity_schedule(
                "mail.mail_activity_data_warning",
                summary=summary,
                note=self._missing_note(text),
                user_id=self.user_id.id or self.env.uid,
            )

    def _missing_note(self, text):
        return Markup("<p>%s</p>") % Markup("<br/>").join(text.splitlines())
