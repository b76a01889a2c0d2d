"""3CX call data records (``cdr.log`` or its socket): delimited, no header, nothing quoted.

The administrator chooses the fields and their order; this is the order that 3CX offers: 1 historyid, 2 callid,
3 duration, 4 time-start, 5 time-answered, 6 time-end, 7 reason-terminated, 8 from-no, 9 to-no, 10 from-dn, 11 to-dn,
12 dial-no, 13 reason-changed, 14 final-number, 15 final-dn, 16 bill-code, 17 bill-rate, 18 bill-cost, 19 bill-name,
20 chain, and, where they are switched on, 21 from-type, 22 to-type, 23 final-type, 24 from-dispname, 25 to-dispname,
26 final-dispname, 27 missed-queue-calls. Any other order is for a column mapping; the word ``Chain:`` in its place
tells that the order is this one.

What the product makes of it, and what we make of that:

* Times are UTC. ``duration`` runs from the answer to the end, so it is talk; the ring time before it is not in it.
  A call without ``time-answered`` was not answered, whatever its duration says.
* A menu or a queue that answers is nobody: where the last party is one, the time is IVR or queue time and the
  call was abandoned. A mailbox is a voicemail.
* ``reason-terminated`` and the types come in several spellings (``TerminatedBySrc`` and
  ``src_participant_terminated``, ``Ivr`` and ``ivr``), so they are compared without case and by what they contain.
* Display names are not quoted, so a comma in one adds a cell. Nothing is read from behind the types.
* Extensions are written ``Ext.201``, the prefix is dropped.
"""

from . import sql
from .declare import clock, decimal, declared, text, timestamp
from .registry import Dialect, register

FIELDS = (
    "history", "call_id", "duration", "time_start", "time_answered", "time_end", "reason", "from_no", "to_no", "from_dn", "to_dn",
    "dial_no", "reason_changed", "final_no", "final_dn", "bill_code", "bill_rate", "bill_cost", "bill_name", "chain", "from_type",
    "to_type", "final_type",
)  # fmt: skip
MOST = 32  # 27 fields, a trailing comma and a few commas in names
OUTSIDE = ("line", "provider", "external", "external_line", "outbound_rule")


def _number(name):
    return f"nullif(regexp_replace({text(name)}, '^Ext\\.', ''), '')"


def _type(name):
    return f"lower(trim(coalesce({name}, '')))"


def _is_outside(kind, number):
    """By the type of the party, or by the look of its number where types are not written."""
    return f"CASE WHEN {kind} <> '' THEN {kind} IN ({sql.literals(OUTSIDE)}) ELSE {number} NOT LIKE 'Ext.%' END"


register(
    declared(
        code="threecx",
        label="3CX (CDR file or socket)",
        dialect=Dialect(quote=False),
        columns=lambda options: MOST,
        legs="call",
        names={name: position for position, name in enumerate(FIELDS, 1)},
        derived={
            "start_at": timestamp("time_start"),
            "answer_at": timestamp("time_answered"),
            "end_at": timestamp("time_end"),
            "lasted": clock("duration"),
            "from_kind": _type("from_type"),
            "to_kind": _type("to_type"),
            "last_kind": f"coalesce(nullif({_type('final_type')}, ''), to_kind)",
            "from_outside": _is_outside("from_kind", "trim(from_no)"),
            "to_outside": _is_outside("to_kind", "trim(to_no)"),
            "way": "CASE WHEN from_outside THEN 'inbound' WHEN to_outside THEN 'outbound' ELSE 'internal' END",
            "why": _type("reason"),
            "outcome": """CASE
                WHEN answer_at IS NOT NULL AND last_kind IN ('vmail', 'voicemail') THEN 'voicemail'
                WHEN answer_at IS NOT NULL AND last_kind IN ('ivr', 'script', 'queue') THEN 'abandoned'
                WHEN answer_at IS NOT NULL THEN 'answered'
                WHEN last_kind = 'queue' OR to_kind = 'queue' THEN 'abandoned'
                WHEN why LIKE '%busy%' THEN 'busy'
                WHEN why LIKE '%route%' OR why LIKE '%not%found%' OR why LIKE '%byrule%' OR why = 'failed' THEN 'failed'
                ELSE 'no_answer' END""",
        },
        fields={
            "record_ref": text("call_id"),
            "group_ref": text("history"),
            "utc_start": "start_at",
            "direction": "way",
            "caller": _number("from_no"),
            "called": f"coalesce({_number('dial_no')}, {_number('to_no')})",
            "queue": f"CASE WHEN to_kind = 'queue' THEN {_number('to_dn')} END",
            "account_code": f"nullif({text('bill_code')}, 'default')",
            "trunk": f"CASE way WHEN 'inbound' THEN {text('from_dn')} WHEN 'outbound' THEN {text('to_dn')} END",
            "agent": f"""CASE WHEN outcome <> 'answered' THEN NULL WHEN way = 'outbound' THEN {_number("from_dn")}
                ELSE coalesce({_number("final_dn")}, {_number("to_dn")}) END""",
            "disposition": "outcome",
            "ring_seconds": "CASE WHEN start_at IS NULL OR end_at IS NULL THEN 0 WHEN outcome = 'abandoned' AND answer_at IS NULL"
            " THEN 0 ELSE try_cast(epoch(coalesce(answer_at, end_at)) - epoch(start_at) AS INTEGER) END",
            "queue_seconds": "CASE WHEN outcome <> 'abandoned' THEN 0 WHEN answer_at IS NULL"
            " THEN coalesce(try_cast(epoch(end_at) - epoch(start_at) AS INTEGER), 0) WHEN last_kind = 'queue' THEN lasted ELSE 0 END",
            "ivr_seconds": "CASE WHEN answer_at IS NOT NULL AND last_kind IN ('ivr', 'script') THEN lasted ELSE 0 END",
            "talk_seconds": "CASE WHEN outcome IN ('answered', 'voicemail') THEN lasted ELSE 0 END",
            "provider_cost": f"nullif(abs({decimal('bill_cost')}), 0)",
        },
        problems=(
            ("coalesce(trim(chain), '') NOT LIKE 'Chain:%' OR call_id IS NULL", "columns"),
            (f"start_at IS NULL OR end_at IS NULL OR {sql.unreadable('time_answered', 'answer_at')}", "bad_time"),
            ("lasted IS NULL", "bad_duration"),
            ("end_at < start_at OR end_at < answer_at OR answer_at < start_at", "end_before_start"),
            ("answer_at IS NOT NULL AND lasted > epoch(end_at) - epoch(start_at) + 1", "talk_longer_than_call"),
        ),
    )
)
