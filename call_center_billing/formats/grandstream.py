"""Grandstream UCM: its call records as JSON (CDR API, real-time output) and as CSV (CDR API).

The fields are those of Asterisk's CDR (see :mod:`.asterisk_csv`) with a few more: AcctId, accountcode, src, dst,
dcontext, clid, channel, dstchannel, lastapp, lastdata, start, answer, end, duration, billsec, disposition, amaflags,
uniqueid, userfield, channel_ext, dstchannel_ext, service; newer firmware adds recordfiles, session, action_owner,
action_type (``QUEUE[6500]``), src_trunk_name and dst_trunk_name.

What the product makes of it, and what we make of that:

* JSON is an object with the list ``cdr_root`` (newer) or ``cdr``. A call of several legs is an object with ``main_cdr``
  and ``sub_cdr_1``, ``sub_cdr_2``...: the main one tells the whole call over again, so it is ignored where there are
  legs that tell a start. They share a session.
* CSV writes ``lastdata`` unquoted, with its commas (``SIP/5301,60,``), so a row has more cells than the header. All
  other cells are counted from both ends. Where the times, durations and the disposition then stand in their places,
  the row is sound, otherwise it is refused.
* ``billsec`` runs from the channel's answer: as in Asterisk's CSV, where no channel or extension was reached it is
  queue or IVR time and the call was abandoned; in ``VoiceMail`` it is a voicemail.
* ``userfield`` tells the direction: ``Inbound``, ``Outbound``, ``Internal`` (in old firmware ``EXT``), or ``External``,
  from trunk to trunk, which came in. Where it says none of these, the names of the trunks do.
* Times are local without a zone; ``uniqueid`` begins with the UTC second of the call.
"""

import csv
import re

from . import lines, sql
from .asterisk_csv import ANNOUNCEMENTS
from .declare import build_select, choose, seconds, text, timestamp
from .registry import Format, register
from .structured import json_records

HEADER = ("acctid", "lastdata", "start", "end", "duration", "billsec", "disposition", "uniqueid")
SOUND = {
    "lastapp": r"\w*",
    "start": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "answer": r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)?",
    "end": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "duration": r"-?\d+",
    "billsec": r"-?\d+",
    "disposition": r"[A-Za-z ]+",
}
"""Columns around ``lastdata`` that show whether it alone was split."""

NAMES = {
    "account_id": ("AcctId", "acctid"),
    "account": "accountcode",
    "source": "src",
    "target": "dst",
    "target_channel": "dstchannel",
    "app": "lastapp",
    "data": "lastdata",
    "began": "start",
    "answered": "answer",
    "ended": "end",
    "whole": "duration",
    "billed": "billsec",
    "status": "disposition",
    "flag": "amaflags",
    "unique_id": "uniqueid",
    "kind_of_call": "userfield",
    "source_ext": "channel_ext",
    "target_ext": "dstchannel_ext",
    "recordings": "recordfiles",
    "session": "session",
    "call_group": "call_group",
    "summary": "summary",
    "action": "action_type",
    "source_trunk": "src_trunk_name",
    "target_trunk": "dst_trunk_name",
}


def parse_json(path, options):
    place = 0
    for _place, record, problem in json_records(path, ("cdr_root", "cdr")):
        for leg in [record] if problem else _legs(record):
            place += 1
            yield place, leg, problem


def _legs(record):
    """The records of one call."""
    found = list(_told(record))
    legs = [leg for name, leg in found if name.startswith("sub_cdr") and leg.get("start")]
    shared = next((str(leg[key]) for key in ("session", "uniqueid") for _name, leg in found if leg.get(key)), "")
    for name, leg in found:
        flat = {key: value for key, value in leg.items() if not isinstance(value, dict)}
        if name:
            flat.setdefault("call_group", shared)
            flat.setdefault("summary", "yes" if name == "main_cdr" and legs else "no")
        yield flat


def _told(record, name="", depth=0):
    """The object itself where it tells a call, and those inside it."""
    inner = {key: value for key, value in record.items() if key == "main_cdr" or key.startswith("sub_cdr")}
    if not inner or "start" in record:
        yield name, record
    for key, value in inner.items():
        if isinstance(value, dict) and depth < 20:
            yield from _told(value, key, depth + 1)


def parse_csv(path, options):
    """Rows as dicts by column name in lower case; files put together bring their headers along."""
    titles, heading = [], ""
    for number, line, problem in lines.records(path, quote=False):
        raw = line.decode()
        cells = [] if problem else next(csv.reader([raw]), [])
        names = [cell.strip().lower() for cell in cells]
        if set(HEADER) <= set(names):
            titles, heading = names, raw
            continue
        row = None if problem else _row(titles, cells)
        if row:
            yield number, row, None
        else:  # people correct a row together with the header that it is read by
            yield number, f"{heading}\n{raw}" if heading else raw, problem or "columns"


def _row(titles, cells):
    surplus = len(cells) - len(titles)
    if not titles or surplus < 0:
        return None
    if surplus:
        place = titles.index("lastdata")
        cells = [*cells[:place], ",".join(cells[place : place + surplus + 1]), *cells[place + surplus + 1 :]]
    row = dict(zip(titles, cells, strict=True))
    sound = not surplus or all(re.fullmatch(shape, row[name].strip()) for name, shape in SOUND.items() if name in row)
    return row if sound else None


def select(options):
    """Of both forms."""
    derived = {
        "lasted": seconds("whole"),
        "connected": seconds("billed"),
        "start_at": timestamp("began"),
        "answer_at": timestamp("answered"),
        "end_at": timestamp("ended"),
        "outcome": choose(
            "status",
            answered=("ANSWERED",),
            no_answer=("NO ANSWER", "CANCEL"),
            busy=("BUSY",),
            failed=("FAILED", "CONGESTION"),
        ),
        "doing": "upper(trim(coalesce(action, '')))",
        "nobody": f"coalesce({text('target_channel')}, {text('target_ext')}) IS NULL",
        "in_queue": "trim(coalesce(app, '')) = 'Queue' OR doing LIKE 'QUEUE%'",
        "in_menu": f"trim(coalesce(app, '')) IN ({sql.literals(ANNOUNCEMENTS)}) OR doing LIKE 'IVR%' OR doing LIKE 'ANNOUNCEMENT%'"
        " OR doing LIKE 'PLAYBACK%'",
        "in_mailbox": "trim(coalesce(app, '')) = 'VoiceMail' OR doing LIKE 'VM%'",
        "ending": """CASE WHEN outcome <> 'answered' THEN outcome WHEN in_mailbox THEN 'voicemail'
            WHEN nobody AND (in_queue OR in_menu) THEN 'abandoned' ELSE outcome END""",
        "way": f"""CASE
            WHEN lower(trim(kind_of_call)) IN ('inbound', 'external') THEN 'inbound'
            WHEN lower(trim(kind_of_call)) = 'outbound' THEN 'outbound'
            WHEN lower(trim(kind_of_call)) IN ('internal', 'ext') THEN 'internal'
            WHEN {text("source_trunk")} IS NOT NULL THEN 'inbound' WHEN {text("target_trunk")} IS NOT NULL THEN 'outbound' END""",
    }
    fields = {
        "record_ref": f"""CASE WHEN coalesce({text("account_id")}, {text("unique_id")}) IS NOT NULL
            THEN concat_ws('/', {text("account_id")}, {text("unique_id")},
                           CASE WHEN {text("account_id")} IS NULL THEN concat_ws('/', began, target, target_channel) END) END""",
        "group_ref": f"coalesce({text('session')}, {text('call_group')}, {text('unique_id')})",
        "local_start": "start_at",
        "epoch_hint": "try_cast(regexp_extract(unique_id, '([0-9]{9,10})\\.[0-9]+$', 1) AS BIGINT)",
        "direction": "way",
        "caller": text("source"),
        "called": text("target"),
        "queue": f"""CASE WHEN in_queue THEN coalesce(nullif(regexp_extract(doing, 'QUEUE\\[([^\\]]+)\\]', 1), ''),
            {sql.text("split_part(data, ',', 1)")}, {text("target")}) END""",
        "account_code": text("account"),
        "trunk": f"CASE way WHEN 'outbound' THEN {text('target_trunk')} ELSE {text('source_trunk')} END",
        "agent": f"""CASE WHEN ending = 'answered' THEN
            CASE way WHEN 'outbound' THEN coalesce({text("source_ext")}, {text("source")}) ELSE {text("target_ext")} END END""",
        "recording_ref": "nullif(trim(recordings, '@ '), '')",
        "disposition": "ending",
        "ring_seconds": "greatest(lasted - connected, 0)",
        "queue_seconds": "CASE WHEN ending NOT IN ('answered', 'voicemail') AND NOT in_menu THEN connected ELSE 0 END",
        "ivr_seconds": "CASE WHEN ending NOT IN ('answered', 'voicemail') AND in_menu THEN connected ELSE 0 END",
        "talk_seconds": "CASE WHEN ending IN ('answered', 'voicemail') THEN connected ELSE 0 END",
        "total_seconds": "lasted",
        "ignored": "coalesce(summary, '') = 'yes' OR upper(trim(coalesce(flag, ''))) = 'OMIT'",
    }
    problems = (
        (f"start_at IS NULL OR {sql.unreadable('answered', 'answer_at')} OR {sql.unreadable('ended', 'end_at')}", "bad_time"),
        ("lasted IS NULL OR connected IS NULL", "bad_duration"),
        ("lasted < 0 OR connected < 0", "negative_duration"),
        ("end_at < start_at OR end_at < answer_at", "end_before_start"),
        ("connected > lasted", "talk_longer_than_call"),
        ("ending IS NULL", "bad_disposition"),
    )
    return build_select(fields, derived, problems)


for code, label, parse in (
    ("grandstream_json", "Grandstream UCM (JSON)", parse_json),
    ("grandstream_csv", "Grandstream UCM (CSV)", parse_csv),
):
    register(Format(code=code, label=label, select=select, names=NAMES, parse=parse, legs="call"))
