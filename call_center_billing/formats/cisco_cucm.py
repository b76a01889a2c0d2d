"""Cisco Unified Communications Manager: call detail records (CDR) joined with call management records (CMR).

The system pushes a small ``cdr_...`` and ``cmr_...`` file about every minute. Line 1 names the columns, line 2 their
SQL types, then come the rows. The number of columns (112 to 133 seen), their order and the case of their names differ
between releases, so columns are found by name. Several files put together bring their headers along; every row is read
by the header above it.

What the product makes of it, and what we make of that:

* A CDR row (``cdrRecordType`` 1) is a leg of a call; legs share cluster, ``callManagerId`` and ``callId``. A CMR row
  (2) tells the line quality of one end of a leg: it is no call and ignored, but its jitter, lost packets and mean
  opinion score become the ``quality`` of the leg, also where it comes with a later delivery than the leg. Its duration is
  that of the media stream, not of the call.
* Recorders file a call by the identifiers of its two legs: these are the ``recording_ref``, such as ``11/12``.
* All times are UTC epochs; ``dateTimeConnect`` 0 means never connected. ``duration`` is the connected time, and the
  system's word counts: where it differs from the times by more than a second, ``quality`` says so.
* ``totalWaitTimeInQueue`` lies before the connect, or, where queued callers are connected to hear music, inside
  ``duration``; then it is taken out of talk. It lies inside where it does not fit before the connect. A queued call
  that reached no device was abandoned.
* Legs to a recorder (from the phone's built-in bridge, calling number ``b`` and digits) are ignored.
* No column tells the direction. A device with the name of a phone (``SEP...`` and its like) is inside, any other
  is a trunk, gateway or port: from a phone to a phone is internal, from a phone outbound, all else inbound.
"""

import csv
import re

from . import lines, sql
from .declare import declared, epoch, seconds, text
from .registry import register

HEADER = ("cdrrecordtype", "globalcallid_callmanagerid", "globalcallid_callid", "pkid")
MEASURED = "callidentifier"  # the leg that a CMR is about; only their headers have it
MAX_MEASUREMENTS = 500_000  # about 150 megabytes; the quality of further legs is left out
SQL_TYPE = re.compile(r"(INTEGER|BIGINT|STRING|UNIQUEIDENTIFIER|VARCHAR(\(\d+\))?)", re.IGNORECASE)
FILE = re.compile(r"(cdr|cmr)_", re.IGNORECASE)
PHONE = "(SEP|ATA|VGC|AN)[0-9A-F]{10,15}|(CSF|BOT|TCT|TAB|UPC)[A-Z0-9_.-]+"
BUSY, UNANSWERED = ("17",), ("0", "16", "18", "19", "31")  # Q.850 causes; any other one is a failure


def parse(path, options):
    """Rows as dicts by column name in lower case. Two passes: a CMR may come behind the CDR that it is about."""
    heard = {}
    for _number, row, problem in _rows(path, MEASURED):
        if not problem and row["cdrrecordtype"].strip() == "2" and len(heard) < MAX_MEASUREMENTS:
            heard[_leg(row, MEASURED)] = _measurement(row)
    for number, row, problem in _rows(path):
        if not problem and row["cdrrecordtype"].strip() == "2":
            row["measurement"] = _measurement(row)
        elif not problem:
            row["heard_by_caller"] = heard.get(_leg(row, "origlegcallidentifier"), "")
            row["heard_by_called"] = heard.get(_leg(row, "destlegidentifier"), "")
        yield number, row, problem


def _rows(path, only=None):
    """Each row by the header above it; with ``only`` just those whose header has that column."""
    titles, heading = [], ""
    for number, line, problem in lines.records(path):
        raw = line.decode()
        is_header = not problem and HEADER[0] in raw[:5000].lower()
        if only and not is_header and only not in titles:
            continue
        cells = None if problem else _cells(raw)
        names = [cell.strip().lower() for cell in cells or ()]
        if is_header and set(HEADER) <= set(names):
            titles, heading = names, raw
            continue
        if cells and titles and all(SQL_TYPE.fullmatch(cell.strip()) for cell in cells):
            continue
        while cells and len(cells) > len(titles) and not cells[-1]:  # a trailing comma
            cells.pop()
        if cells and len(cells) == len(titles):
            yield number, dict(zip(titles, cells, strict=True)), None
        else:  # people correct a row together with the header that it is read by
            reason = problem or ("quotes" if cells is None else "columns")
            yield number, f"{heading}\n{raw}" if heading else raw, reason


def _cells(raw):
    try:
        return next(csv.reader([raw], strict=True))
    except csv.Error:
        return None


def _leg(row, column):
    names = ("globalcallid_clusterid", "globalcallid_callmanagerid", "globalcallid_callid", column)
    return "/".join(row.get(name, "").strip() for name in names)


def _measurement(row):
    """What one end of a leg heard, as short text."""
    score = re.search(r"MLQK=([\d.]+)", row.get("varvqmetrics", "")) or re.search(r"MLQKav=([\d.]+)", row.get("varvqmetrics", ""))
    told = [f"MOS {score[1]}"] if score else []
    told += [f"jitter {row['jitter']} ms"] if row.get("jitter") else []
    told += [f"lost {row['numberpacketslost']}"] if row.get("numberpacketslost") else []
    return ", ".join(told)


def _is_phone(device):
    return f"regexp_full_match(upper(trim(coalesce({device}, ''))), '{PHONE}')"


def _known(code):
    return f"nullif(trim(coalesce({code}, '')), '')"


def _cause(*codes):
    return (
        f"trim(coalesce(orig_cause, '')) IN ({sql.literals(codes)}) OR trim(coalesce(dest_cause, '')) IN ({sql.literals(codes)})"
    )


WAITED = "CASE WHEN inside_wait THEN 0 ELSE coalesce(wait, 0) END"

register(
    declared(
        code="cisco_cucm",
        label="Cisco Unified Communications Manager (CDR and CMR files)",
        parse=parse,
        legs="call",
        completes=True,
        bundle=lambda name: bool(FILE.match(name)),
        names={
            "record_type": "cdrrecordtype",
            "row_id": "pkid",
            "cluster": "globalcallid_clusterid",
            "manager_id": "globalcallid_callmanagerid",
            "call_id": "globalcallid_callid",
            "began": "datetimeorigination",
            "connected": "datetimeconnect",
            "ended": "datetimedisconnect",
            "duration": "duration",
            "calling": "callingpartynumber",
            "calling_user": "callingpartyunicodeloginuserid",
            "original": "originalcalledpartynumber",
            "final": "finalcalledpartynumber",
            "final_user": "finalcalledpartyunicodeloginuserid",
            "pilot": "huntpilotdn",
            "orig_device": "origdevicename",
            "dest_device": "destdevicename",
            "orig_cause": "origcause_value",
            "dest_cause": "destcause_value",
            "matter": "clientmattercode",
            "authorized": "authorizationcodevalue",
            "queued": "wascallqueued",
            "waited": "totalwaittimeinqueue",
            "stamped": "datetimestamp",
            "leg": MEASURED,
            "orig_leg": "origlegcallidentifier",
            "dest_leg": "destlegidentifier",
            "measurement": "measurement",
            "heard_by_caller": "heard_by_caller",
            "heard_by_called": "heard_by_called",
        },
        derived={
            "measured": "coalesce(trim(record_type), '') = '2'",
            "start_at": f"coalesce({epoch('began')}, CASE WHEN measured THEN {epoch('stamped')} END)",
            "connect_at": epoch("connected"),
            "end_at": epoch("ended"),
            "lasted": seconds("duration"),
            "wait": f"CASE WHEN trim(queued) = '1' THEN {seconds('waited')} ELSE 0 END",
            "before": "try_cast(epoch(coalesce(connect_at, end_at)) - epoch(start_at) AS INTEGER)",
            "inside_wait": "connect_at IS NOT NULL AND wait > before + 1",
            "gap": "lasted - try_cast(epoch(end_at) - epoch(connect_at) AS BIGINT)",
            "from_phone": _is_phone("orig_device"),
            "to_phone": _is_phone("dest_device"),
            "way": "CASE WHEN from_phone THEN CASE WHEN to_phone THEN 'internal' ELSE 'outbound' END ELSE 'inbound' END",
            "outcome": f"""CASE
                WHEN trim(queued) = '1' AND (connect_at IS NULL OR {_known("dest_device")} IS NULL) THEN 'abandoned'
                WHEN connect_at IS NOT NULL THEN 'answered'
                WHEN {_cause(*BUSY)} THEN 'busy'
                WHEN coalesce(nullif({_known("orig_cause")}, '0'), nullif({_known("dest_cause")}, '0'), '0')
                     IN ({sql.literals(UNANSWERED)}) THEN 'no_answer'
                ELSE 'failed' END""",
        },
        fields={
            "record_ref": f"lower({text('row_id')})",
            "group_ref": f"concat_ws('/', {text('cluster')}, {text('manager_id')}, {text('call_id')})",
            "utc_start": "start_at",
            "direction": "way",
            "caller": text("calling"),
            "called": f"coalesce({text('original')}, {text('final')})",
            "queue": text("pilot"),
            "account_code": f"coalesce({text('matter')}, {text('authorized')})",
            "trunk": f"CASE way WHEN 'inbound' THEN {text('orig_device')} WHEN 'outbound' THEN {text('dest_device')} END",
            "agent": f"""CASE WHEN outcome <> 'answered' THEN NULL
                WHEN way = 'outbound' THEN coalesce({text("calling_user")}, {text("calling")})
                ELSE coalesce({text("final_user")}, {text("final")}) END""",
            "recording_ref": f"""CASE WHEN measured THEN {text("leg")}
                WHEN ({text("orig_leg")}) <> '0' OR ({text("dest_leg")}) <> '0' THEN concat(trim(orig_leg), '/', trim(dest_leg)) END""",
            "quality": """nullif(concat_ws('; ', nullif(measurement, ''), 'caller: ' || nullif(heard_by_caller, ''), 'called: ' || nullif(heard_by_called, ''),
                CASE WHEN abs(gap) > 1 THEN concat('duration differs by ', gap, ' s from the times') END), '')""",
            "disposition": "outcome",
            "ring_seconds": f"CASE WHEN start_at IS NULL OR end_at IS NULL THEN 0 ELSE greatest(before - {WAITED}, 0) END",
            "queue_seconds": f"CASE WHEN outcome = 'abandoned' AND connect_at IS NOT NULL THEN {WAITED} + lasted ELSE wait END",
            "talk_seconds": "CASE WHEN outcome <> 'answered' THEN 0 WHEN inside_wait THEN lasted - wait ELSE lasted END",
            "ignored": "measured OR regexp_full_match(trim(coalesce(calling, '')), 'b[0-9]{8,}')",
        },
        problems=(
            ("coalesce(trim(record_type), '') <> '1'", "bad_kind"),
            ("start_at IS NULL OR end_at IS NULL", "bad_time"),
            (sql.unreadable("nullif(trim(connected), '0')", "connect_at"), "bad_time"),
            ("end_at < start_at OR end_at < connect_at OR connect_at < start_at", "end_before_start"),
            ("wait IS NULL", "bad_duration"),
            ("connect_at IS NULL AND lasted > 0", "talk_longer_than_call"),
        ),
    )
)
