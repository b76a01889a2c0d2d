"""Whether a source's calls arrive as they should: missing numbers, missing hours, today against a usual day."""

import json
from datetime import timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL, format_date, format_datetime

WEEKS = 4  # what is usual is told by the same hour of the same week day in as many weeks before
USUAL_CALLS = 3  # an hour that always had as many is not silent by chance
LOOK_BACK_DAYS = 14
SHOWN = 10


class CallSource(models.Model):
    """Adds what a look at the sources has to tell. Counts come from ``call.source.hour``, never from the calls."""

    _inherit = "call.source"  # pylint: disable=consider-merging-classes-inherited

    expected_within = fields.Integer(
        string="Calls Arrive Within",
        default=24,
        required=True,
        help="Hours. An hour without calls is reported as missing when this time has passed.",
    )
    today_count = fields.Integer(string="Calls Today", compute="_compute_today")
    usual_count = fields.Integer(
        string="Usual by Now", compute="_compute_today", help="Average of the same week day in the last 4 weeks, up to this hour."
    )
    waiting_count = fields.Integer(string="Waiting Imports", compute="_compute_waiting")
    waiting_since = fields.Datetime(string="Oldest Unprocessed", compute="_compute_waiting")
    failed_count = fields.Integer(string="Failed Imports", compute="_compute_waiting")
    missing_sequence_count = fields.Integer(string="Missing Numbers", compute="_compute_missing")
    missing_hour_count = fields.Integer(string="Missing Hours", compute="_compute_missing")
    missing_text = fields.Text(string="Missing", compute="_compute_missing")
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
        groups = self.env["call.import"]._read_group(
            [("source_id", "in", self.ids), ("state", "in", ("draft", "waiting", "running", "failed"))],
            ["source_id", "state"],
            ["__count", "create_date:min"],
        )
        for source in self:
            mine = [(state, count, since) for each, state, count, since in groups if each == source]
            waiting = [(count, since) for state, count, since in mine if state != "failed"]
            source.waiting_count = sum(count for count, _since in waiting)
            source.waiting_since = min((since for _count, since in waiting), default=False)
            source.failed_count = sum(count for state, count, _since in mine if state == "failed")

    def _compute_missing(self):
        for source in self:
            numbers, total = source._missing_sequences()
            hours = source._missing_hours()
            lines = []
            if numbers:
                ranges = ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in numbers[:SHOWN])
                lines.append(self.env._("Numbers that never came: %s", ranges) + ("..." if len(numbers) > SHOWN else ""))
            for hour, usual in hours[:SHOWN]:
                lines.append(
                    self.env._(
                        "%(hour)s: no call, usually %(usual)s",
                        hour=format_datetime(self.env, hour, tz=source.tz, dt_format="short"),
                        usual=usual,
                    )
                )
            if len(hours) > SHOWN:
                lines.append(self.env._("and %s hours more", len(hours) - SHOWN))
            source.missing_sequence_count = total
            source.missing_hour_count = len(hours)
            source.missing_text = "\n".join(lines)

    @api.depends("suspense_count")
    def _compute_health(self):
        for source in self:
            if source.missing_sequence_count or source.missing_hour_count:
                source.health = "bad"
            elif source.failed_count or source.suspense_count:
                source.health = "warning"
            else:
                source.health = "good" if source.import_count else "new"

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
        return self.env.execute_query(
            SQL(
                """
                SELECT h.hour, round(avg(coalesce(before.call_count, 0)))::integer
                  FROM generate_series(
                           date_trunc('hour', %(now)s::timestamp) - %(days)s * interval '1 day',
                           date_trunc('hour', %(now)s::timestamp) - %(within)s * interval '1 hour', '1 hour') AS h(hour)
                 CROSS JOIN generate_series(1, %(weeks)s) AS w(weeks)
                  LEFT JOIN call_source_hour before
                         ON before.source_id = %(source)s
                        AND before.hour = (h.hour AT TIME ZONE 'UTC' AT TIME ZONE %(tz)s - w.weeks * interval '7 days')
                                          AT TIME ZONE %(tz)s AT TIME ZONE 'UTC'
                 WHERE NOT EXISTS (SELECT FROM call_source_hour c
                                    WHERE c.source_id = %(source)s AND c.hour = h.hour AND c.call_count > 0)
                 GROUP BY h.hour HAVING min(coalesce(before.call_count, 0)) >= %(usual)s
                 ORDER BY h.hour DESC
                """,
                now=fields.Datetime.now(),
                days=LOOK_BACK_DAYS,
                within=self.expected_within,
                weeks=WEEKS,
                usual=USUAL_CALLS,
                tz=self.tz or "UTC",
                source=self._origin.id,
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
        self.invalidate_recordset(["missing_text", "missing_sequence_count", "missing_hour_count"])
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
