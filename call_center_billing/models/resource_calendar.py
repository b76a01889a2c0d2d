from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import babel.dates

from odoo import fields, models
from odoo.tools import get_lang

NOON = time(12)
MONDAY = date(2026, 1, 5)


def clock(seconds):
    """A time of day: 08:00, 24:00.

    >>> clock(28800), clock(86400)
    ('08:00', '24:00')
    """
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"


class ResourceCalendar(models.Model):
    """Working hours and public holidays as wall time, which premiums of rate plans go by."""

    _inherit = "resource.calendar"

    call_premium_ids = fields.One2many("call.rate.premium", "calendar_id", string="Bands and Premiums")

    def _hours_of(self, day):
        """Working hours of a day, public holidays left out of account.

        :return: list of (begin, end) in seconds from midnight, in order, not touching each other
        """
        self.ensure_one()
        week = str(self.env["resource.calendar.attendance"].get_week_type(day)) if self.two_weeks_calendar else False
        stretches = sorted(
            (round(line.hour_from * 3600), min(round(line.hour_to * 3600), 86400))
            for line in self.attendance_ids
            if line.dayofweek == str(day.weekday())
            and not line.display_type
            and line.day_period != "lunch"
            and (not week or line.week_type == week)
        )
        merged = []
        for begin, end in stretches:
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            elif begin < end:
                merged.append((begin, end))
        return merged

    def _hours_text(self):
        """The working hours of a week in words: 'Mon-Fri 08:00-18:00, Sat 09:00-13:00'."""
        self.ensure_one()
        names = babel.dates.get_day_names("abbreviated", locale=get_lang(self.env).code)
        weeks = [MONDAY, MONDAY + timedelta(weeks=1)] if self.two_weeks_calendar else [MONDAY]
        texts = []
        for monday in weeks:
            runs = []  # (first weekday, last weekday, hours)
            for weekday in range(7):
                hours = self._hours_of(monday + timedelta(days=weekday))
                if runs and runs[-1][2] == hours and runs[-1][1] == weekday - 1:
                    runs[-1] = (runs[-1][0], weekday, hours)
                elif hours:
                    runs.append((weekday, weekday, hours))
            texts += [
                "{} {}".format(
                    names[first] if first == last else f"{names[first]}-{names[last]}",
                    ", ".join(f"{clock(begin)}-{clock(end)}" for begin, end in hours),
                )
                for first, last, hours in runs
            ]
        return ", ".join(dict.fromkeys(texts))

    def _public_holidays(self, first, last):
        """Days from one through another on which it is a public holiday at noon, in the calendar's own zone.

        :return: set of dates
        """
        return self._holidays_of_each(first, last).get(self, set())

    def _holidays_of_each(self, first, last):
        """As :meth:`_public_holidays`, for many calendars with one search.

        :return: dict of calendar -> set of dates
        """
        if not self:
            return {}
        utc = ZoneInfo("UTC")
        leaves = self.env["resource.calendar.leaves"].search(
            [
                ("resource_id", "=", False),
                ("calendar_id", "in", [*self.ids, False]),
                ("company_id", "in", [*self.company_id.ids, False]),
                ("date_to", ">=", first - timedelta(days=2)),
                ("date_from", "<=", last + timedelta(days=2)),
            ]
        )
        holidays = {calendar: set() for calendar in self}
        for calendar, mine in holidays.items():
            zone = ZoneInfo(calendar.tz or "UTC")
            for leave in leaves:
                if not (leave.calendar_id <= calendar and leave.company_id <= calendar.company_id):  # none means any
                    continue
                begin, end = (
                    moment.replace(tzinfo=utc).astimezone(zone).replace(tzinfo=None)
                    for moment in (leave.date_from, leave.date_to)
                )
                day = max(begin.date(), first)
                while day <= min(end.date(), last):
                    if begin <= datetime.combine(day, NOON) <= end:
                        mine.add(day)
                    day += timedelta(days=1)
        return holidays
