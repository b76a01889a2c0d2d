"""Yeastar S series and Cloud PBX: the ``NewCdr`` event, JSON posted to an HTTP endpoint when a call is over.

::

    {"action": "NewCdr", "callid": "1790000000.12", "cdrid": "...", "timestart": "2026-10-05 10:00:00", "callfrom": "100",
     "callto": "200", "callduraction": "20", "talkduraction": "15", "srctrunkname": "", "desttrunkname": "",
     "status": "ANSWERED", "type": "Inbound", "pincode": "", "recording": "", "didnumber": "", "agentringtime": "4", "sn": ""}

What the product makes of it, and what we make of that:

* ``duraction`` is the product's spelling. The trunk that a call leaves by is spelled ``desttrunkname``,
  ``dsttrunkname`` or ``dsttrcunkname``, the event's name stands under ``action`` or ``event``; other events
  (``CallStatus``, ``RING``...) are ignored.
* Every value is text. Times are local without a zone; ``callid`` begins with the UTC second of the call, which
  settles the hour that comes twice and shows a wrong zone.
* ``callduraction`` is the whole call and ``talkduraction`` the part behind the answer. Where the call was not
  answered, that part was spent with a menu or queue and is queue time. ``agentringtime`` is how long the agent's phone
  rang; what the caller waited before that is queue time too.
* Transfers write several CDRs with one ``callid``, told apart by ``cdrid``; older firmware has none, so start and
  parties are part of a record's identity.
"""

import json
from email.message import Message

from . import sql
from .declare import choose, declared, seconds, text, timestamp
from .registry import register
from .structured import json_records


def parse(path, options):
    return json_records(path)


def bodies(content: bytes, content_type: str) -> list[dict]:
    """The events of one HTTP request. The product says ``application/json``, but JSON is taken under any type.

    :raise ValueError: with what is wrong with the body, for the log of whoever sent it
    """
    header = Message()
    header["Content-Type"] = content_type or "application/json"
    if not content.strip():
        raise ValueError("the body is empty")
    try:
        found = json.loads(content.decode(header.get_content_charset("utf-8"), "backslashreplace").lstrip("\ufeff"))
    except LookupError:
        raise ValueError(f"the character set of {content_type!r} is not known") from None
    except (ValueError, RecursionError):
        raise ValueError(f"the body is not JSON; it came as {header.get_content_type()}") from None
    events = found if isinstance(found, list) else [found]
    if not events or not all(isinstance(event, dict) for event in events):
        raise ValueError("the body is JSON, but neither an object nor a list of objects")
    return events


register(
    declared(
        code="yeastar",
        label="Yeastar S series, Cloud PBX (NewCdr events, JSON)",
        parse=parse,
        bodies=bodies,
        legs="call",
        names={
            "event": ("action", "event"),
            "call_id": "callid",
            "cdr_id": "cdrid",
            "began": "timestart",
            "call_from": "callfrom",
            "call_to": "callto",
            "dialled": "didnumber",
            "whole": "callduraction",
            "talked": "talkduraction",
            "rang": "agentringtime",
            "source_trunk": "srctrunkname",
            "target_trunk": ("desttrunkname", "dsttrunkname", "dsttrcunkname"),
            "status": "status",
            "type": "type",
            "pin": "pincode",
            "recording": "recording",
        },
        derived={
            "call_seconds": seconds("whole"),
            "answered_seconds": seconds("talked"),
            "agent_ring": seconds("rang"),
            "outcome": choose(
                "status",
                answered=("ANSWERED",),
                no_answer=("NO ANSWER", "NO ANSWERED", "NOANSWER"),
                busy=("BUSY",),
                failed=("FAILED",),
                voicemail=("VOICEMAIL",),
            ),
            "reached": "outcome IN ('answered', 'voicemail')",
            "waited": "call_seconds - answered_seconds",
            "way": f"""CASE lower(trim(type)) WHEN 'inbound' THEN 'inbound' WHEN 'outbound' THEN 'outbound'
                WHEN 'internal' THEN 'internal' WHEN 'callback' THEN 'outbound' WHEN 'transfer' THEN
                CASE WHEN {text("source_trunk")} IS NOT NULL THEN 'inbound' WHEN {text("target_trunk")} IS NOT NULL THEN 'outbound'
                     ELSE 'internal' END END""",
            "ring": "CASE WHEN reached AND agent_ring > 0 THEN least(agent_ring, waited) ELSE waited END",
        },
        fields={
            "record_ref": f"""CASE WHEN {text("call_id")} IS NOT NULL THEN concat_ws('/', trim(call_id),
                coalesce({text("cdr_id")}, concat_ws('/', began, call_from, call_to))) END""",
            "group_ref": text("call_id"),
            "epoch_hint": "try_cast(regexp_extract(call_id, '([0-9]{9,10})\\.[0-9]+$', 1) AS BIGINT)",
            "local_start": timestamp("began"),
            "direction": "way",
            "caller": text("call_from"),
            "called": f"coalesce({text('dialled')}, {text('call_to')})",
            "account_code": text("pin"),
            "trunk": f"""CASE way WHEN 'outbound' THEN coalesce({text("target_trunk")}, {text("source_trunk")})
                ELSE coalesce({text("source_trunk")}, {text("target_trunk")}) END""",
            "agent": f"CASE WHEN outcome = 'answered' THEN CASE way WHEN 'outbound' THEN {text('call_from')} ELSE {text('call_to')} END END",
            "recording_ref": text("recording"),
            "disposition": "outcome",
            "ring_seconds": "ring",
            "queue_seconds": "CASE WHEN reached THEN waited - ring ELSE answered_seconds END",
            "talk_seconds": "CASE WHEN reached THEN answered_seconds ELSE 0 END",
            "total_seconds": "call_seconds",
            "ignored": f"lower({text('event')}) <> 'newcdr'",
        },
        problems=(
            ("call_seconds IS NULL OR answered_seconds IS NULL OR agent_ring IS NULL", "bad_duration"),
            ("call_seconds < 0 OR answered_seconds < 0 OR agent_ring < 0", "negative_duration"),
            (sql.unreadable("began", timestamp("began")), "bad_time"),
            ("answered_seconds > call_seconds", "talk_longer_than_call"),
        ),
    )
)
