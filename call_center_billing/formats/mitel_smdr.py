"""Mitel SMDR (SX-2000, 3300 ICP, MiVoice Business): one printed line a call, no header, nothing quoted.

Two shapes are read. The printed columns, whose places carry the meaning (the two lines above count them)::

    0         1         2         3         4         5         6         7
    0123456789012345678901234567890123456789012345678901234567890123456789012345678
    %02/04 13:13:16  0000:16:38 7411    0003 7406                      I 7406

0 long call, 1 date, 7 start, 15 ``p`` of a 12-hour clock, 17 duration (hhhh:mm:ss), 28 calling party, 35 attendant,
36 seconds to answer, 41 digits dialled, 67 completion, 68 speed call, 69 called party. And words, as shorter
listings print them: date, start, duration (hh:mm:ss), calling party, called party, trunk, completion, then
``CID:`` (call), ``SEQ:`` (sequence), ``ACC:`` (account) and others in any order::

    02/17 13:35:10 00:02:14 1011 918005551200 T001 A ACC:4401 CID:77

What the product makes of it, and what we make of that:

* There is no year. It is the latest one that does not put the day behind option ``today``, the day of the import:
  a file of January has rows of December. A 29 February is in the latest leap year. Some listings print the year.
* ``%``, ``-`` and ``+`` in front only mark long calls.
* ``****`` as time to answer means not answered; blank that the call has none, as outgoing ones. What was not answered
  is no talk, whatever its duration says.
* ``T3`` is a trunk, ``ATT1`` an attendant. A call from a trunk is inbound, one to a trunk outbound, else internal. A
  trunk is not a number, so the caller of an inbound call is unknown. Of two numbers dialled in, the first is the one
  that was called; the called party is who answered.
* Completion: ``A`` answered, ``I`` internal, ``B`` busy, ``E`` no such number, ``T`` toll denied (from outside:
  answered by anyone), blank not told: then a call that lasted was answered.
* A line of any other shape is refused: columns whose blanks were squeezed out, dates without separators, the 12-hour
  clock, which does not tell noon from midnight. So is one with another letter for its completion.
"""

import re
from calendar import isleap
from datetime import date

from . import sql
from .declare import build_select, clock, seconds, text
from .registry import Dialect, Format, register

NEVER = "\x1f"  # no line has it: control characters are refused before
PARTY = "(?:T[0-9]+|X[0-9]+|ATT[0-9]+|[0-9*#]+)"
TRUNK = "[TX][0-9]+"
COLUMNS = (
    r"[ %+-]?(?P<day>[0-9]{2}/[0-9]{2}) (?P<hour>[0-9]{2}:[0-9]{2}:[0-9]{2})(?P<half>[ p]) (?P<lasted>[0-9]{4}:[0-9]{2}:[0-9]{2}) "
    r"(?P<caller>[A-Z0-9*# ]{7})[ *](?P<wait>[0-9]{4}|\*{4}| {4}) (?P<digits>[A-D0-9*# ]{26})(?P<ending>[A-Z ])[A-Z* ]"
    r"(?P<called>[A-Z0-9*# ]{7}).*"
)
WORDS = (
    rf"[ %+-]?(?P<day>(?:[0-9]{{4}}-[0-9]{{2}}-|[0-9]{{2}}/)[0-9]{{2}}) +(?P<hour>[0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}})?) +"
    rf"(?P<lasted>[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}) +(?P<caller>{PARTY}) +(?P<called>{PARTY})(?: +(?P<trunk>{TRUNK}))?"
    r"(?: +(?P<ending>[A-Z]))?(?P<notes>(?: +[A-Z]+:[^ ]+)*) *"
)


def _read(line, shape):
    """The parts of a line as a struct of texts, all empty where it has not that shape."""
    return f"regexp_extract({line}, {sql.literal(f'^(?:{shape})$')}, [{sql.literals(re.compile(shape).groupindex)}])"


def _either(name):
    return f"nullif(trim(coalesce(nullif(printed.{name}, ''), worded.{name})), '')"


def _note(title):
    return f"nullif(regexp_extract(worded.notes, ' {title}:([^ ]+)', 1), '')"


def _start(today):
    """The time in the latest year that does not put it behind today."""

    def within(year):
        time = f"try_strptime(concat('{year}/', day, ' ', began), ['%Y/%m/%d %H:%M:%S', '%Y/%m/%d %H:%M'])"
        return f"CASE WHEN CAST({time} AS DATE) <= DATE '{today}' THEN {time} END"

    leap_years = [year for year in range(today.year, today.year - 9, -1) if isleap(year)]
    return f"""CASE WHEN day LIKE '____-%' THEN try_strptime(concat(day, ' ', began), ['%Y-%m-%d %H:%M:%S', '%Y-%m-%d %H:%M'])
        WHEN day = '02/29' THEN coalesce({", ".join(within(year) for year in leap_years)})
        ELSE coalesce({within(today.year)}, {within(today.year - 1)}) END"""


def select(options):
    derived = {
        "printed": _read("concat(line, repeat(' ', 80))", COLUMNS),
        "worded": _read("line", WORDS),
        "day": _either("day"),
        "began": _either("hour"),
        "duration": _either("lasted"),
        "calling": _either("caller"),
        "digits": "nullif(trim(coalesce(nullif(printed.digits, ''), worded.called)), '')",
        "party": "nullif(trim(CASE WHEN printed.day <> '' THEN printed.called ELSE worded.called END), '')",
        "line_out": f"""CASE WHEN worded.trunk <> '' THEN worded.trunk
            WHEN regexp_full_match(trim(printed.called), '{TRUNK}') THEN trim(printed.called) END""",
        "ending": f"coalesce({_either('ending')}, '')",
        "talked": clock("duration"),
        "rang": seconds("nullif(printed.wait, '')"),
        "from_trunk": f"coalesce(regexp_full_match(calling, '{TRUNK}'), false)",
        "way": "CASE WHEN from_trunk THEN 'inbound' WHEN line_out IS NOT NULL THEN 'outbound' ELSE 'internal' END",
        "outcome": """CASE WHEN ending NOT IN ('', 'A', 'B', 'E', 'I', 'T') THEN NULL WHEN ending = 'B' THEN 'busy'
            WHEN ending = 'E' OR ending = 'T' AND NOT from_trunk THEN 'failed'
            WHEN printed.wait = '****' OR talked = 0 THEN 'no_answer' ELSE 'answered' END""",
    }
    fields = {
        "group_ref": _note("CID"),
        "sequence": f"try_cast({_note('SEQ')} AS BIGINT)",
        "account_code": _note("ACC"),
        "local_start": _start(options.get("today") or date.today()),
        "direction": "way",
        "caller": "CASE WHEN NOT from_trunk THEN calling END",
        "called": "CASE WHEN from_trunk THEN coalesce(split_part(digits, ' ', 1), party) ELSE coalesce(digits, party) END",
        "trunk": "CASE WHEN from_trunk THEN calling ELSE line_out END",
        "agent": f"""CASE WHEN outcome <> 'answered' THEN NULL WHEN way = 'outbound' THEN calling
            WHEN NOT regexp_full_match(party, '{TRUNK}') THEN party END""",
        "disposition": "outcome",
        "ring_seconds": "CASE WHEN outcome = 'answered' THEN rang ELSE talked END",
        "talk_seconds": "CASE WHEN outcome = 'answered' THEN talked ELSE 0 END",
    }
    problems = (
        ("day IS NULL OR party IS NULL AND (digits IS NULL OR outcome = 'answered')", "columns"),  # cut off
        ("printed.half = 'p'", "bad_time"),
        (f"{text('duration')} IS NULL OR rang IS NULL", "bad_duration"),
    )
    return build_select(fields, derived, problems)


register(
    Format(
        code="mitel_smdr",
        label="Mitel SMDR (SX-2000, 3300, MiVoice Business)",
        dialect=lambda options: Dialect(delimiter=NEVER, quote=False),
        names={"line": 1},
        columns=lambda options: 1,
        select=select,
    )
)
