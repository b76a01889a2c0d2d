"""FreeSWITCH ``mod_cdr_csv``: lines written by one of its templates, one format for each template it ships with.

What the product writes, and what we make of it:

* Nothing is escaped: a caller name with a quote, or Asterisk's ``"Anna" <100>``, breaks every rule of CSV. But every
  value stands in quotes, so a line is split where a quote, a comma and a quote meet (with a space between, in some
  templates), and its number of values must be the template's. A name that itself holds ``","`` makes too many: refused.
* Stamps are local without a zone. An unanswered call has no answer stamp, and ``billsec`` 0.
* Hangup causes are not dispositions. A call with talk whose cause says that nobody was reached (``USER_BUSY``,
  ``NO_ANSWER``...) was answered by a menu or announcement: that time is IVR. Any other answered call was talked.
  Whether an answered call that ended normally reached an agent, these lines do not tell; use JSON or XML for that.
  Only ``asterisk`` names the application: without a bridge and in another one, it was IVR, queue or voicemail.
* ``opencdrrate`` has no start and no duration: the call begins with its answer, unanswered calls with their end.
* Both legs may be logged; ``bleg_uuid`` of the first is the ``uuid`` of the second, which makes them one call.
* A write that failed is retried: doubled lines are duplicates, partial ones have too few values.
* The line's direction is the leg's, so the call's comes from the dialplan's context: options ``outbound_contexts``
  and ``internal_contexts``; any other is inbound. ``opencdrrate`` has no context.
"""

from . import sql
from .declare import by_context, choose, declared, seconds, text, timestamp
from .registry import Dialect, register

_CALL = (
    "caller_id_name caller_id_number destination_number context start_stamp answer_stamp end_stamp duration billsec hangup_cause"
    " uuid bleg_uuid accountcode"
)
TEMPLATES = {
    "example": f"{_CALL} read_codec write_codec",
    "sql": _CALL,
    "snom": f"{_CALL} read_codec write_codec sip_user_agent call_clientcode sip_rtp_rxstat sip_rtp_txstat sofia_record_file",
    "linksys": f"{_CALL} read_codec write_codec sip_user_agent sip_p_rtp_stat",
    "opencdrrate": "uuid signal_bond direction ani destination_number answer_stamp end_stamp billsec accountcode userfield"
    " network_addr original_caller_id_name sip_gateway_name",
    "asterisk": "accountcode caller_id_number destination_number context caller_id channel_name bridge_channel last_app last_arg"
    " start_stamp answer_stamp end_stamp duration billsec hangup_cause amaflags uuid userfield",
}
"""Names of the values of each template, in order."""

EARLIER = {"example": _CALL}
"""Shorter lines of older versions."""

LABELS = {
    "example": "FreeSWITCH CSV (mod_cdr_csv, template example)",
    "sql": "FreeSWITCH CSV (mod_cdr_csv, template sql)",
    "snom": "FreeSWITCH CSV (mod_cdr_csv, template snom)",
    "linksys": "FreeSWITCH CSV (mod_cdr_csv, template linksys)",
    "opencdrrate": "FreeSWITCH CSV (mod_cdr_csv, template opencdrrate)",
    "asterisk": "FreeSWITCH CSV (mod_cdr_csv, template asterisk)",
}
CAUSES = {
    "busy": ("USER_BUSY", "CALL_REJECTED"),
    "no_answer": ("NO_ANSWER", "NO_USER_RESPONSE", "ORIGINATOR_CANCEL", "ALLOTTED_TIMEOUT", "LOSE_RACE", "PICKED_OFF",
                  "NORMAL_CLEARING", "NORMAL_UNSPECIFIED", "ATTENDED_TRANSFER", "BLIND_TRANSFER"),
    "failed": ("UNALLOCATED_NUMBER", "NO_ROUTE_DESTINATION", "NO_ROUTE_TRANSIT_NET", "DESTINATION_OUT_OF_ORDER", "SUBSCRIBER_ABSENT",
               "INVALID_NUMBER_FORMAT", "NORMAL_CIRCUIT_CONGESTION", "NETWORK_OUT_OF_ORDER", "NORMAL_TEMPORARY_FAILURE",
               "SWITCH_CONGESTION", "REQUESTED_CHAN_UNAVAIL", "USER_NOT_REGISTERED", "GATEWAY_DOWN", "INCOMPATIBLE_DESTINATION",
               "BEARERCAPABILITY_NOTAVAIL", "BEARERCAPABILITY_NOTIMPL", "CHAN_NOT_IMPLEMENTED", "FACILITY_REJECTED",
               "FACILITY_NOT_SUBSCRIBED", "OUTGOING_CALL_BARRED", "INCOMING_CALL_BARRED", "RECOVERY_ON_TIMER_EXPIRE",
               "PROTOCOL_ERROR", "INTERWORKING", "MEDIA_TIMEOUT", "MANAGER_REQUEST", "SYSTEM_SHUTDOWN", "CRASH"),
}  # fmt: skip
"""What a hangup cause says of a call that nobody answered."""

UNREACHED = (
    *CAUSES["busy"],
    *("NO_ANSWER", "NO_USER_RESPONSE", "ORIGINATOR_CANCEL", "ALLOTTED_TIMEOUT", "LOSE_RACE", "UNALLOCATED_NUMBER"),
    *("NO_ROUTE_DESTINATION", "DESTINATION_OUT_OF_ORDER", "SUBSCRIBER_ABSENT", "INVALID_NUMBER_FORMAT", "USER_NOT_REGISTERED"),
    *("NORMAL_CIRCUIT_CONGESTION", "SWITCH_CONGESTION", "GATEWAY_DOWN", "REQUESTED_CHAN_UNAVAIL"),
)
"""Causes with which an answered call did not reach the one it was for."""

CONNECTING = ("bridge", "conference", "valet_park", "fifo", "intercept", "eavesdrop")


def unanswered(column: str) -> str:
    """The disposition of a call that nobody answered, by its hangup cause: any that is not known is a failure."""
    named = choose(column, otherwise="failed", **CAUSES)
    return f"CASE WHEN {sql.filled(column)} IS NOT NULL THEN {named} END"


def unreached(column: str) -> str:
    """Whether an answered call ended without reaching anybody."""
    return f"coalesce(upper(trim({column})) IN ({sql.literals(UNREACHED)}), false)"


def _format(template):
    names = TEMPLATES[template].split()
    counts = {len(names), len(EARLIER.get(template, TEMPLATES[template]).split())}
    line = "trim(c1)"
    if template == "sql":
        line = f"regexp_extract({line}, '(?i)^insert into [^ ]+ values ?[(](\".*\")[)];?$', 1)"

    def value(name):
        return f"cells[{names.index(name) + 1}]" if name in names else "CAST(NULL AS VARCHAR)"

    used = ("uuid", "bleg_uuid", "accountcode", "context", "destination_number", "start_stamp", "answer_stamp", "end_stamp",
            "duration", "billsec", "hangup_cause", "last_app", "last_arg", "bridge_channel", "sip_gateway_name",
            "sofia_record_file", "caller_id_number", "ani")  # fmt: skip
    # A line that does not begin and end with a quote has no cells.
    derived = {
        "line": line,
        "cells": "CASE WHEN line LIKE '\"%\"' THEN string_split(replace(line[2:-2], '\", \"', '\",\"'), '\",\"') END",
        **{f"v_{name}": value(name) for name in used},
        "answer_time": timestamp("v_answer_stamp"),
        "answered": "CASE WHEN answer_time > TIMESTAMP '1971-01-01' THEN answer_time END",  # epoch 0 means never
        "ended": timestamp("v_end_stamp"),
        "spoken": seconds("v_billsec"),
        "is_answered": "answered IS NOT NULL",
        "nobody": f"{text('v_bridge_channel')} IS NULL AND {text('v_last_app')} IS NOT NULL"
        f" AND lower(trim(v_last_app)) NOT IN ({sql.literals(CONNECTING)})",
        "word": f"""CASE
            WHEN NOT is_answered THEN {unanswered("v_hangup_cause") if "hangup_cause" in names else "'no_answer'"}
            WHEN {unreached("v_hangup_cause")} THEN {unanswered("v_hangup_cause")}
            WHEN lower(trim(v_last_app)) = 'voicemail' THEN 'voicemail'
            WHEN nobody THEN 'abandoned'
            ELSE 'answered' END""",
        "total": seconds("v_duration") if "duration" in names else "spoken",
        "talked": "word IN ('answered', 'voicemail')",
        "queued": "NOT talked AND coalesce(lower(trim(v_last_app)) IN ('callcenter', 'fifo'), false)",
    }

    def fields(options):
        return {
            "record_ref": text("v_uuid"),
            "group_ref": f"coalesce({text('v_bleg_uuid')}, {text('v_uuid')})",
            "direction": by_context("v_context", options),
            "caller": f"coalesce({text('v_caller_id_number')}, {text('v_ani')})",
            "called": text("v_destination_number"),
            "account_code": text("v_accountcode"),
            "trunk": text("v_sip_gateway_name"),
            "recording_ref": text("v_sofia_record_file"),
            "agent": f"CASE WHEN word = 'answered' THEN {text('v_bridge_channel')} END",
            "queue": f"CASE WHEN lower(trim(v_last_app)) = 'callcenter' THEN {text('v_last_arg')} END",
            "disposition": "word",
            "local_start": timestamp("v_start_stamp") if "start_stamp" in names else "coalesce(answered, ended)",
            "ring_seconds": "greatest(total - spoken, 0)",
            "queue_seconds": "CASE WHEN queued THEN spoken ELSE 0 END",
            "ivr_seconds": "CASE WHEN NOT talked AND NOT queued THEN spoken ELSE 0 END",
            "talk_seconds": "CASE WHEN talked THEN spoken ELSE 0 END",
            "total_seconds": "total",
        }

    stamps = " OR ".join(
        sql.unreadable(column, name) for column, name in (("v_answer_stamp", "answer_time"), ("v_end_stamp", "ended"))
    )
    return declared(
        code=f"freeswitch_csv_{template}",
        label=LABELS[template],
        names=None,
        columns=lambda options: 1,
        dialect=Dialect(delimiter="\x1f", quote=False),  # a character that no line has: it comes out whole
        derived=derived,
        fields=fields,
        problems=(
            (f"cells IS NULL OR len(cells) NOT IN ({', '.join(map(str, sorted(counts)))})", "columns"),
            (stamps, "bad_time"),
            ("ended < answered", "end_before_start"),
            (f"ended < {timestamp('v_start_stamp')}", "end_before_start"),
            ("spoken < 0 OR total < 0", "negative_duration"),
            ("spoken > total", "talk_longer_than_call"),
            ("word IS NULL", "bad_disposition"),
        ),
        legs="call",
        asks=() if template == "opencdrrate" else ("contexts",),
    )


for _template in TEMPLATES:
    register(_format(_template))
