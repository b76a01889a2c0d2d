"""What FreeSWITCH says of a call in its channel variables: the part that ``mod_json_cdr`` and ``mod_xml_cdr`` share.

A record is one leg: ``{"variables": {name: text}, "callflow": [profile, ...], ...}``, the newest profile first. What
the switch writes, and what we make of it:

* All values are texts; by default each is percent-encoded inside the document. Which it is shows: an encoded record
  has no space, colon or at sign in any variable. Encoded ones are decoded once, when they are read.
* Times come from the epochs, in UTC; stamps have no zone. Epoch 0 means never: ``answer_epoch`` 0 is not answered.
* ``billsec`` runs from the leg's answer, so it holds menu, queue and hold time. Talk begins with the bridge, or with
  the answer where the leg is one that the switch called itself (``direction`` outbound); in a queue, when the agent
  took the call. What lies between answer and talk is IVR, between joining a queue and its end queue time; hold is
  taken out of talk. A leg that was answered but never bridged was abandoned in a menu, or left a voicemail.
* Durations are differences of truncated epochs, as ``billsec`` is: 67540 ms may be reported as 68 s.
* Hangup causes are the disposition of calls that were not answered only.
* Both legs are logged by default, with different uuids: the call is the caller's leg, which the others name.
* The callflow's oldest profile has the number that was dialled; newer ones have what the dialplan made of it.
* ``direction`` is the leg's, seen from the switch. The call's is FusionPBX's ``call_direction``, otherwise that of the
  context: options ``outbound_contexts`` and ``internal_contexts``; any other is inbound, unless the switch began the
  call itself (an outbound leg that belongs to no other).
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

from . import structured
from .declare import by_context, choose, declared, seconds, text
from .freeswitch_csv import CONNECTING, unanswered, unreached

MAX_BODY_CHARS = 8 * structured.MAX_RECORD_CHARS
CONTENT_TYPES = (
    "",
    "application/json",
    "application/octet-stream",
    "application/x-www-form-base64-encoded",
    "application/x-www-form-plaintext",
    "application/x-www-form-urlencoded",
    "application/xml",
    "text/json",
    "text/plain",
    "text/xml",
)
_UNENCODED = re.compile(r"[ :@<>\"]")


def _dialled(record):
    """The number that the caller dialled: that of the oldest profile."""
    return _profiles(record)[-1].get("destination_number")


def _caller(record):
    return _profiles(record)[0].get("caller_id_number")


def _context(record):
    return _profiles(record)[-1].get("context")


def _profiles(record):
    flow = record.get("callflow")
    flow = flow if isinstance(flow, list) else [flow]
    found = [each["caller_profile"] for each in flow if isinstance(each, dict) and isinstance(each.get("caller_profile"), dict)]
    return found or [{}]


NAMES = {
    "uuid": "variables.uuid",
    "call_uuid": ("variables.cc_member_session_uuid", "variables.originating_leg_uuid", "variables.call_uuid", "variables.uuid"),
    "leg_direction": ("variables.direction", "channel_data.direction"),
    "call_direction": "variables.call_direction",
    "context": _context,
    "user_context": "variables.user_context",
    "caller_number": _caller,
    "dialled": _dialled,
    "account": ("variables.accountcode", "variables.domain_name"),
    "gateway": ("variables.sip_gateway_name", "variables.sip_gateway"),
    "recording": ("variables.cc_record_filename", "variables.sofia_record_file", "variables.record_name"),
    "mos": "variables.rtp_audio_in_mos",
    "start_epoch": "variables.start_epoch",
    "answer_epoch": "variables.answer_epoch",
    "bridge_epoch": "variables.bridge_epoch",
    "end_epoch": "variables.end_epoch",
    "duration": "variables.duration",
    "billsec": "variables.billsec",
    "hold": "variables.hold_accum_seconds",
    "hangup_cause": "variables.hangup_cause",
    "last_app": "variables.last_app",
    "cc_queue": "variables.cc_queue",
    "cc_side": "variables.cc_side",
    "cc_agent": ("variables.cc_agent", "variables.dialed_user"),
    "cc_joined": "variables.cc_queue_joined_epoch",
    "cc_answered": "variables.cc_queue_answered_epoch",
    "cc_ended": ("variables.cc_queue_terminated_epoch", "variables.cc_queue_canceled_epoch"),
}


def _moment(column):
    """An epoch in whole seconds, NULL for 0 and what is no number."""
    return f"CASE WHEN regexp_full_match(trim({column}), '[0-9]{{1,11}}') THEN nullif(CAST(trim({column}) AS BIGINT), 0) END"


def _within(moment, first):
    return f"least(greatest({moment}, {first}), ended)"


DERIVED = {
    "began": _moment("start_epoch"),
    "ended": _moment("end_epoch"),
    "answered": _moment("answer_epoch"),
    "bridged": _moment("bridge_epoch"),
    "joined": f"CASE WHEN coalesce(cc_side, 'member') <> 'agent' THEN {_moment('cc_joined')} END",
    "taken": f"CASE WHEN joined IS NOT NULL THEN {_moment('cc_answered')} END",
    "left_queue": f"CASE WHEN joined IS NOT NULL THEN coalesce(taken, {_moment('cc_ended')}, ended) END",
    # Where talk begins: NULL for a leg that never talked.
    "talked": f"""CASE
        WHEN answered IS NULL OR ({unreached("hangup_cause")} AND bridged IS NULL AND taken IS NULL) THEN NULL
        WHEN joined IS NOT NULL AND taken IS NOT NULL THEN {_within("taken", "answered")}
        WHEN joined IS NOT NULL AND (bridged IS NULL OR bridged < left_queue) THEN NULL
        WHEN bridged IS NOT NULL THEN {_within("bridged", "answered")}
        WHEN leg_direction = 'outbound' OR lower(last_app) IN ({", ".join(f"'{app}'" for app in (*CONNECTING, "voicemail"))})
        THEN {_within("answered", "answered")} END""",
    "word": f"""CASE
        WHEN talked IS NOT NULL THEN CASE WHEN bridged IS NULL AND lower(last_app) = 'voicemail' THEN 'voicemail' ELSE 'answered' END
        WHEN joined IS NOT NULL THEN 'abandoned'
        WHEN answered IS NULL OR {unreached("hangup_cause")} THEN {unanswered("hangup_cause")}
        ELSE 'abandoned' END""",
    "up": _within("coalesce(answered, ended)", "began"),  # answered, or never
    "silent": "coalesce(talked, ended)",
    "waited": f"CASE WHEN joined IS NOT NULL THEN greatest({_within('left_queue', 'up')} - {_within('joined', 'up')}, 0) ELSE 0 END",
    "held": f"CASE WHEN talked IS NOT NULL THEN least({seconds('hold')}, ended - talked) ELSE 0 END",
}


def _fields(options):
    return {
        "record_ref": text("uuid"),
        "group_ref": f"coalesce({text('call_uuid')}, {text('uuid')})",
        "direction": f"""coalesce(
            {choose("call_direction", inbound=("inbound",), outbound=("outbound",), internal=("local", "internal"))},
            nullif({by_context("coalesce(context, user_context)", options)}, 'inbound'),
            CASE WHEN leg_direction = 'outbound' AND call_uuid = uuid THEN 'outbound' ELSE 'inbound' END)""",
        "caller": text("caller_number"),
        "called": text("dialled"),
        "queue": "split_part(cc_queue, '@', 1)",
        "account_code": text("account"),
        "trunk": text("gateway"),
        "agent": f"CASE WHEN word = 'answered' THEN {text('cc_agent')} END",
        "recording_ref": text("recording"),
        "quality": "CASE WHEN regexp_full_match(mos, '[0-9]+([.][0-9]+)?') THEN mos END",
        "disposition": "word",
        "utc_start": "CAST(make_timestamp(began * 1000000) AS TIMESTAMP)",
        "ring_seconds": "up - began",
        "queue_seconds": "waited",
        "ivr_seconds": "greatest(silent - up - waited, 0)",
        "talk_seconds": "ended - silent - held",
        "hold_seconds": "held",
        "total_seconds": "ended - began",
    }


def declared_leg(**more):
    """A format whose records are legs, see the module."""
    return declared(
        names=NAMES,
        derived=DERIVED,
        fields=_fields,
        problems=(
            ("uuid IS NULL", "columns"),
            ("began IS NULL", "bad_time"),
            (f"ended IS NULL OR {seconds('billsec')} IS NULL OR {seconds('duration')} IS NULL", "bad_duration"),
            (f"{seconds('billsec')} < 0 OR {seconds('duration')} < 0 OR {seconds('hold')} < 0", "negative_duration"),
            ("ended < began OR answered > ended", "end_before_start"),
            (f"{seconds('billsec')} > {seconds('duration')} AND {text('duration')} IS NOT NULL", "talk_longer_than_call"),
            ("word IS NULL", "bad_disposition"),
        ),
        legs="call",
        asks=("contexts",),
        **more,
    )


def decoded(record: dict) -> dict:
    """The record with its variables as they were before they were percent-encoded for the document.

    >>> decoded({"variables": {"start_stamp": "2026-10-05%2010%3A00%3A00", "name": "100%25"}})["variables"]
    {'start_stamp': '2026-10-05 10:00:00', 'name': '100%'}
    >>> decoded({"variables": {"start_stamp": "2026-10-05 10:00:00", "name": "100%25"}})["variables"]
    {'start_stamp': '2026-10-05 10:00:00', 'name': '100%25'}
    """
    variables = record.get("variables")
    if not isinstance(variables, dict) or any(isinstance(each, str) and _UNENCODED.search(each) for each in variables.values()):
        return record
    plain = {name: unquote(each) if isinstance(each, str) else each for name, each in variables.items()}
    return {**record, "variables": plain}


def unwrapped(content: bytes, content_type: str, opening: str) -> str:
    """The document inside the body of a request, which may be raw, ``cdr=`` with it percent-encoded, in base64 or raw,
    or any of these without ``cdr=``, as files of failed requests have it.

    :param opening: characters with which such a document begins
    :raise ValueError: in words for the log of the phone system's administrator
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in CONTENT_TYPES:
        raise ValueError(f"FreeSWITCH does not send bodies of type {kind}")
    if len(content) > MAX_BODY_CHARS:
        raise ValueError(f"the body is longer than {MAX_BODY_CHARS} bytes")
    text = content.decode("utf-8-sig", "backslashreplace").strip().rstrip("\x00")
    found = re.match(r"(?:[a-z_]{1,40}=[^&]{0,200}&)*cdr=", text)
    text = text[found.end() :].lstrip() if found else text
    if not text:
        raise ValueError("the body is empty")
    if text[0] in opening:
        return text
    if text.startswith("%"):
        text = unquote(text.partition("&")[0], errors="backslashreplace").strip()
    else:
        try:
            text = (
                base64.b64decode(re.sub(r"\s", "", text), validate=True)
                .decode("utf-8", "backslashreplace")
                .strip()
                .rstrip("\x00")
            )
        except (binascii.Error, ValueError) as error:
            raise ValueError("the body holds no document, neither as it is nor percent-encoded nor in base64") from error
    if not text or text[0] not in opening:
        raise ValueError("what the body encodes is no document")
    return text


def encoded_bodies(path: str, read: Callable[[bytes, str], list[dict]], start: str) -> Iterator[tuple[dict | str, str | None]]:
    """``(record or raw text, problem)`` for a file of bodies, each on a line of its own; base64 may go on over lines.

    :param start: regular expression of what a body begins with
    """
    begins = re.compile(start)
    with open(path, encoding="utf-8-sig", errors="backslashreplace") as stream:
        body, size = [], 0
        for line in stream:
            if body and begins.match(line):
                yield from _read_body(body, size, read)
                body, size = [], 0
            size += len(line)
            if line.strip() and size <= MAX_BODY_CHARS:
                body.append(line)
        if body:
            yield from _read_body(body, size, read)


def _read_body(lines, size, read):
    body = "".join(lines).strip()
    if size > MAX_BODY_CHARS:
        yield body[: structured.MAX_RECORD_CHARS], "too_long"
        return
    try:
        found = read(body.encode(), "")
    except ValueError:
        yield body[: structured.MAX_RECORD_CHARS], "unreadable"
        return
    for record in found:
        yield record, None
