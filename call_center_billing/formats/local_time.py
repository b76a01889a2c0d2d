"""The one place where local times of a phone system become UTC.

Python's zone database decides, for every engine that reads records: the periods in which a zone keeps one
offset are handed over as rows. Two kinds of local time have no single answer: the hour that is skipped in
spring does not exist, the hour that is repeated in autumn exists twice.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

STEP = timedelta(hours=6)  # no zone has two changes within it
SECOND = timedelta(seconds=1)


def offset_periods(zone: str, first: datetime, last: datetime):
    """Local times between two naive local times, as periods with their offset from UTC.

    :return: rows ``(from, to, offset, later_offset)``: naive local times (``to`` excluded) and seconds east of
        UTC. ``offset`` is None in a skipped hour; ``later_offset`` is set only in a repeated hour, where
        ``offset`` is that of its first pass.
    :raise zoneinfo.ZoneInfoNotFoundError: no such zone

    >>> for row in offset_periods("Europe/Berlin", datetime(2026, 3, 29, 1), datetime(2026, 3, 29, 5)):
    ...     print(row[0].time(), row[1].time(), *row[2:])
    01:00:00 02:00:00 3600 None
    02:00:00 03:00:00 None None
    03:00:00 05:00:01 7200 None
    """
    tz = ZoneInfo(zone)
    begin, end = first, last + SECOND
    rows = []
    utc = (first - timedelta(days=1)).replace(tzinfo=UTC)
    stop = (last + timedelta(days=1)).replace(tzinfo=UTC)
    offset = utc.astimezone(tz).utcoffset()
    while utc < stop:
        following = utc + STEP
        if following.astimezone(tz).utcoffset() == offset:
            utc = following
            continue
        change = _change_between(tz, utc, following)
        after = change.astimezone(tz).utcoffset()
        wall = change.replace(tzinfo=None)
        if after > offset:  # clocks go forward: what lies between does not exist
            rows.append((begin, wall + offset, _seconds(offset), None))
            rows.append((wall + offset, wall + after, None, None))
            begin = wall + after
        else:  # clocks go back: what lies between comes twice
            rows.append((begin, wall + after, _seconds(offset), None))
            rows.append((wall + after, wall + offset, _seconds(offset), _seconds(after)))
            begin = wall + offset
        utc, offset = change, after
    rows.append((begin, max(begin, end) + timedelta(days=2), _seconds(offset), None))
    clipped = [(max(start, first), min(to, end), early, late) for start, to, early, late in rows]
    return [row for row in clipped if row[0] < row[1]]


def _seconds(offset: timedelta) -> int:
    return int(offset.total_seconds())


def _change_between(tz, before: datetime, after: datetime) -> datetime:
    """The second at which the offset changes, by halving."""
    offset = before.astimezone(tz).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(tz).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
