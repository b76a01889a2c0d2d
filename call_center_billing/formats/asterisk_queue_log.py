"""Asterisk ``queue_log``: one event a line, ``epoch|callid|queue|agent|event|data1|...``, epochs in UTC.

This is where the time that agents talked for each queue comes from. What the events say, and what we make of them:

* A record is the line that ends a caller's stay in a queue. ``COMPLETEAGENT``, ``COMPLETECALLER`` and the transfers
  hold the wait and the talk in seconds; ``ABANDON`` the wait of a caller who gave up; ``EXIT...`` the wait of one who
  left for the dialplan (timeout, no agents, a key), which is a call that was not answered. So a line is understood
  by itself; ``ENTERQUEUE`` adds who called, ``CONNECT`` how much of the wait was ringing at the agent, and ``DID``,
  which dialplans may log, the called number, where the file has them.
* ``ATTENDEDTRANSFER`` has one column more for linked bridges: its durations are counted from the end.
* Some ends are never logged. A ``CONNECT`` without end is refused when the file shows that the call is over (Asterisk
  began again, or the agent took another call): how long it was, only the CDR knows. Otherwise the call may be going
  on, and the line that ends it will be in the next file.
* ``REMOVEMEMBER`` ends the time since the ``ADDMEMBER`` before it, ``AGENTLOGOFF`` tells it by itself: records of
  agent time. What began before the file cannot be known, and is ignored.
* A log is in order of time, but files of one may be put together in any: agents' times are paired by their epochs.
* All other lines are ignored: rings (``RINGNOANSWER`` in milliseconds), pauses, reloads, events of other programs.
* There is no wrap-up time in this log.
"""

import itertools
import re
from collections.abc import Iterator

from . import lines, sql
from .declare import declared
from .registry import register

TALKED = ("COMPLETEAGENT", "COMPLETECALLER", "BLINDTRANSFER", "ATTENDEDTRANSFER", "TRANSFER")
WAITED = ("ABANDON", "EXITWITHTIMEOUT", "EXITEMPTY", "EXITWITHKEY")
LOGOFF = ("AGENTLOGOFF", "AGENTCALLBACKLOGOFF")
NOBODY = ("", "NONE", "REALTIME", "MANAGER")
_TELLING = re.compile(rb"MEMBER|QUEUESTART|CONNECT|COMPLETE|TRANSFER|ABANDON|EXIT", re.IGNORECASE)


def parse(path: str, options: dict) -> Iterator[tuple[int, dict | str, str | None]]:
    """Each line, with what earlier ones tell of it. Only the calls that are going on are held in memory."""
    since, lost = _prepare(path)
    stays, called = {}, {}
    for number, line, problem in lines.records(path, quote=False):
        text = line.decode("utf-8", "replace")
        event = None if problem else _Event(text)
        if problem or event.name is None:
            yield number, text, problem or "columns"
            continue
        record = {"line": text}
        if event.is_call:
            stay = stays.setdefault(event.stay, {})
            if event.name == "ENTERQUEUE":
                stays[event.stay] = {"entered": event.data(0), "caller": event.data(2)}
            elif event.name == "CONNECT":
                stay["rang"] = event.data(3)
            elif event.name == "DID":
                called[event.call] = event.data(1)
            if event.name in (*TALKED, *WAITED):
                record |= stays.pop(event.stay) | {"called": called.get(event.call)}
            elif not stays[event.stay]:
                del stays[event.stay]
        if number in since:
            record["since"] = since[number]
        if number in lost:
            record["lost"] = True
        yield number, record, None


class _Event:
    """A line by its parts; ``name`` is None where it is no event."""

    def __init__(self, text):
        self.parts = text.split("|")
        known = len(self.parts) > 4 and self.parts[0].isdecimal() and self.parts[0].isascii() and len(self.parts[0]) < 12
        self.name = self.parts[4].strip().upper() if known else None
        if known and not self.name.replace("_", "").isalnum():
            self.name = None
        self.call = self.parts[1].strip() if known else None
        self.is_call = known and self.call not in NOBODY

    @property
    def stay(self):
        return self.call, self.parts[2]

    def data(self, position):
        """The epoch, or a value behind the event's name."""
        position = position + 4 if position else 0
        return self.parts[position] if position < len(self.parts) else None


def _prepare(path):
    """What only the whole file tells: line of each ``REMOVEMEMBER`` -> epoch of the ``ADDMEMBER`` that comes before it
    in time; and the lines of the ``CONNECT`` events whose call must be over, though its end was not logged."""
    members, talking, by_agent, lost = [], {}, {}, {}
    for number, line, problem in lines.records(path, quote=False):
        event = None if problem or not _TELLING.search(line) else _Event(line.decode("utf-8", "replace"))
        if not event or not event.name:
            continue
        moment = int(event.data(0))
        if event.name in ("ADDMEMBER", "REMOVEMEMBER"):
            members.append((event.parts[2], event.parts[3], moment, number, event.name))
        elif event.name == "QUEUESTART":
            lost.update((stay, begun) for stay, begun in talking.items() if begun[0] <= moment)
        elif event.name == "CONNECT" and event.is_call:
            earlier = by_agent.get(event.parts[3])
            if earlier in talking and talking[earlier][0] <= moment:
                lost[earlier] = talking[earlier]
            talking[event.stay], by_agent[event.parts[3]] = (moment, number), event.stay
        elif event.name in (*TALKED, *WAITED):
            talking.pop(event.stay, None)
            lost.pop(event.stay, None)
    since = {}
    for added, removed in itertools.pairwise(sorted(members)):
        if added[:2] == removed[:2] and (added[4], removed[4]) == ("ADDMEMBER", "REMOVEMEMBER"):
            since[removed[3]] = added[2]
    return since, {number for _moment, number in lost.values()}


_talked = f"event IN ({sql.literals(TALKED)})"
_waited = f"event IN ({sql.literals(WAITED)})"
_logoff = f"event IN ({sql.literals(LOGOFF)})"


def _known(column):
    return f"CASE WHEN trim({column}) NOT IN ({sql.literals(NOBODY)}) THEN trim({column}) END"


def _told(column):
    """A duration in seconds, NULL where the event does not have it."""
    return f"CASE WHEN {sql.text(column)} IS NOT NULL THEN {sql.seconds(column)} END"


DERIVED = {
    "parts": "string_split(line, '|')",
    "moment": "CASE WHEN regexp_full_match(parts[1], '[0-9]{1,11}') THEN CAST(parts[1] AS BIGINT) END",
    "event": "upper(trim(parts[5]))",
    "is_end": f"{_talked} OR {_waited}",
    "is_time": f"{_logoff} OR event = 'REMOVEMEMBER'",
    "from_end": "list_reverse(list_filter(parts[6:12], lambda each: each <> ''))",
    "stayed": "moment - try_cast(entered AS BIGINT)",
    "wait": f"""CASE
        WHEN event = 'ATTENDEDTRANSFER' THEN {_told("from_end[3]")}
        WHEN event IN ('BLINDTRANSFER', 'TRANSFER') THEN {_told("parts[8]")}
        WHEN {_talked} THEN {_told("parts[6]")}
        WHEN event = 'EXITWITHKEY' THEN coalesce({_told("parts[9]")}, stayed)
        WHEN {_waited} THEN coalesce({_told("parts[8]")}, stayed) END""",
    "talk": f"""CASE
        WHEN event = 'ATTENDEDTRANSFER' THEN {_told("from_end[2]")}
        WHEN event IN ('BLINDTRANSFER', 'TRANSFER') THEN {_told("parts[9]")}
        WHEN {_talked} THEN {_told("parts[7]")}
        WHEN event = 'REMOVEMEMBER' THEN moment - try_cast(since AS BIGINT)
        WHEN {_logoff} THEN {_told("parts[7]")} END""",
    "ring": f"CASE WHEN {_talked} THEN least(coalesce({_told('rang')}, 0), wait) ELSE 0 END",
}

register(
    declared(
        code="asterisk_queue_log",
        label="Asterisk queue log",
        parse=parse,
        names={name: name for name in ("line", "entered", "caller", "called", "rang", "since", "lost")},
        derived=DERIVED,
        fields={
            "record_ref": "array_to_string(list_concat(parts[2:5], [parts[1]]), '/')",
            "group_ref": f"CASE WHEN NOT is_time THEN {_known('parts[2]')} END",
            "kind": "CASE WHEN is_time THEN 'agent_time' ELSE 'call' END",
            "caller": sql.filled("caller"),
            "called": sql.filled("called"),
            "queue": _known("parts[3]"),
            "agent": _known("parts[4]"),
            "disposition": f"CASE WHEN event = 'ABANDON' THEN 'abandoned' WHEN {_waited} THEN 'no_answer' ELSE 'answered' END",
            "utc_start": "CAST(make_timestamp((moment - coalesce(wait, 0) - coalesce(talk, 0)) * 1000000) AS TIMESTAMP)",
            "ring_seconds": "ring",
            "queue_seconds": "CASE WHEN is_end THEN wait - ring ELSE 0 END",
            "talk_seconds": f"CASE WHEN {_talked} OR is_time THEN talk ELSE 0 END",
            "ignored": f"moment IS NOT NULL AND event IS NOT NULL AND NOT coalesce(is_end OR {_logoff} OR lost = 'true'"
            " OR (event = 'REMOVEMEMBER' AND talk IS NOT NULL), false)",
        },
        problems=(
            ("event IS NULL", "columns"),
            ("moment IS NULL", "bad_time"),
            ("lost = 'true'", "bad_duration"),
        ),
        legs="agent",
    )
)
