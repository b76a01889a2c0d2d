"""Zendesk Talk incremental export of calls: JSON pages with ``calls``.

A call comes again whenever it changes, hours later as well; the newest ``updated_at`` counts. Durations are seconds.

What we make of it:

* ``talk_time`` is talk, and 0 or null is none, however long ``duration`` is: the caller waited, or was sent to a number
  outside. ``duration`` is the total.
* ``consultation_time`` is what agents talked among themselves while the customer was on hold: transfer time, and not once
  more hold time.
* ``call_charge`` is what Zendesk charges, also for a call that failed (``minutes_billed`` 1).
* The customer's number is not in the export, only ``customer_id``; ``phone_number`` is the own number.
* ``completed`` without talk and without an agent is a call that nobody took. A call in progress is ignored: it comes again.
"""

from . import structured
from .declare import choose, decimal, declared, seconds, text, utc, without
from .registry import register

OPEN = "('in_progress', 'ringing', 'queued', 'initiated')"

register(
    declared(
        code="zendesk_talk",
        label="Zendesk Talk calls (JSON)",
        parse=lambda path, options: structured.json_records(path, inside=("calls",)),
        bodies=structured.json_bodies,
        legs="leg",
        names={
            "call": "id",
            "began": "created_at",
            "changed": "updated_at",
            "way": "direction",
            "status": "completion_status",
            "voicemail": "voicemail",
            "overflowed": "overflowed",
            "own_number": "phone_number",
            "group_name": ("ivr_destination_group_name", "call_group_id"),
            "line": "line",
            "agent": "agent_id",
            "charge": "call_charge",
            "quality": "quality_issues",
            "lasted": "duration",
            "talked": "talk_time",
            "waited": "wait_time",
            "held": "hold_time",
            "menu": "ivr_time_spent",
            "wrapped": "wrap_up_time",
            "consulted": "consultation_time",
        },
        derived={
            "state": f"replace(lower({text('status')}), '-', '_')",
            "direction": choose("way", inbound=("inbound",), outbound=("outbound",)),
            "unanswered": "CASE WHEN direction = 'outbound' THEN 'no_answer' ELSE 'abandoned' END",
            "talk": seconds("talked"),
            "hold": seconds("held"),
            "consulting": seconds("consulted"),
            "total": seconds("lasted"),
            "result": choose(
                "state",
                answered=("completed", "abandoned_on_hold"),
                abandoned=("abandoned_in_queue", "abandoned_in_ivr", "abandoned", "not_routed"),
                voicemail=("abandoned_in_voicemail", "pending_voicemail", "voicemail"),
                no_answer=("no_answer", "not_answered", "canceled", "cancelled"),
                busy=("busy",),
                failed=("failed",),
            ),
        },
        fields={
            "record_ref": text("call"),
            "group_ref": text("call"),
            "direction": "direction",
            "caller": f"CASE WHEN direction = 'outbound' THEN {text('own_number')} END",
            "called": f"CASE WHEN direction = 'inbound' THEN {text('own_number')} END",
            "queue": text("group_name"),
            "trunk": text("line"),
            "agent": text("agent"),
            "quality": text("quality"),
            "disposition": "CASE WHEN result = 'answered' AND voicemail = 'true' THEN 'voicemail'"
            f" WHEN result = 'answered' AND talk = 0 AND {text('agent')} IS NULL AND overflowed IS DISTINCT FROM 'true'"
            " THEN unanswered ELSE result END",
            "utc_start": utc("began"),
            "queue_seconds": seconds("waited"),
            "ivr_seconds": seconds("menu"),
            "talk_seconds": "talk",
            "hold_seconds": without("hold", "consulting"),
            "wrap_seconds": seconds("wrapped"),
            "transfer_seconds": "consulting",
            "total_seconds": "total",
            "provider_cost": f"abs({decimal('charge')})",
            "version_at": utc("changed"),
            "ignored": f"{text('call')} IS NOT NULL AND state IN {OPEN}",
        },
        problems=[("total > 0 AND talk > total + 2", "talk_longer_than_call")],
    )
)
