"""Five9 Call Log: CSV with a header, whose columns are chosen for each report.

Needed are ``CALL ID``, ``TIMESTAMP`` (or ``DATE`` and ``TIME``), ``CALL TYPE`` and ``TALK TIME``. Durations are
``HH:MM:SS`` with or without milliseconds, blank where there is none. ``TIMESTAMP`` is ``Fri, 21 Aug 2026 09:00:06`` in the
account's local time, without a zone. No agent is written ``[None]``.

What we make of it:

* A transfer repeats the ``CALL ID``: it is the call, and a record is known by it together with its time, type and agent.
* ``TALK TIME`` holds the time on hold and parked, which is told apart; a report may have
  ``TALK TIME LESS HOLD AND PARK`` instead. ``BILL TIME`` is what Five9 charges for, in steps of six seconds, and is not used.
* A leg of the type "3rd party transfer" or "conference" runs beside the leg it came from. Its talk is that of the outside
  party: transfer time, not talk. Each leg has its own ``COST``.
* ``DISPOSITION`` is what an agent chose or, where nobody talked, why: it is looked at in the latter case only.
"""

from . import sql
from .declare import choose, clock, declared, text, timestamp, without
from .registry import Dialect, register

THIRD_PARTY = ("3rd party transfer", "3rd party conference")
VOICEMAIL = ("inbound voicemail", "outbound voicemail", "internal voicemail")
TITLES = {
    "call": "CALL ID",
    "day": ("TIMESTAMP", "DATE"),
    "hour": "TIME",
    "type": "CALL TYPE",
    "talked": ("TALK TIME", "TALK TIME LESS HOLD AND PARK"),
    "talked_net": "TALK TIME LESS HOLD AND PARK",
    "lasted": ("CALL TIME", "CALL DURATION"),
    "menu": ("IVR TIME", "TIME IN IVR"),
    "waited": ("QUEUE WAIT TIME", "QUEUE TIME"),
    "rang": "RING TIME",
    "held": "HOLD TIME",
    "parked": "PARK TIME",
    "wrapped": ("AFTER CALL WORK TIME", "ACW TIME"),
    "ani": "ANI",
    "dnis": "DNIS",
    "skill": "SKILL",
    "campaign": "CAMPAIGN",
    "agent": ("AGENT", "AGENT EMAIL", "AGENT NAME"),
    "chosen": "DISPOSITION",
    "left_waiting": "ABANDONED",
    "cost": "COST",
}


def _time():
    """``TIMESTAMP`` as it is, or ``DATE`` and ``TIME`` put together."""
    whole = f"CASE WHEN length(trim(day)) < 12 THEN concat_ws(' ', trim(day), trim(hour)) ELSE {text('day')} END"
    shapes = sql.literals(("%a, %d %b %Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S.%g", "%Y/%m/%d %H:%M:%S", "%m/%d/%Y %H:%M:%S"))
    return f"coalesce(try_strptime({whole}, [{shapes}]), {timestamp(f'({whole})')})"


register(
    declared(
        code="five9",
        label="Five9 call log (CSV)",
        dialect=Dialect(header=1, span=50),
        names=TITLES,
        required=("call", "day", "type", "talked"),
        legs="call",
        derived={
            "began": _time(),
            "kind_of_leg": "lower(trim(coalesce(type, '')))",
            "outside": f"kind_of_leg IN ({sql.literals(THIRD_PARTY)})",
            "way": choose(
                "type",
                inbound=("Inbound", "Inbound Voicemail"),
                outbound=(
                    *THIRD_PARTY,
                    *("Outbound", "Outbound Voicemail", "Outbound Preview", "Preview", "Autodial", "Manual", "Agent"),
                    *("Queue Callback", "Test"),
                ),
                internal=("Internal", "Internal Voicemail"),
            ),
            "aside": f"{clock('held')} + {clock('parked')}",
            "gross": clock("talked"),
            "talk": f"CASE WHEN {text('talked_net')} IS NOT NULL THEN {clock('talked_net')} ELSE {without('gross', 'aside')} END",
            "ring": clock("rang"),
            "queue": clock("waited"),
            "ivr": clock("menu"),
            "wrap": clock("wrapped"),
            "why": f"lower(coalesce({text('chosen')}, ''))",
        },
        fields={
            "record_ref": f"CASE WHEN {text('call')} IS NOT NULL THEN"
            f" concat_ws('/', {text('call')}, strftime(began, '%Y%m%d%H%M%S'), kind_of_leg, {text('agent')}) END",
            "group_ref": text("call"),
            "direction": "way",
            "caller": text("ani"),
            "called": text("dnis"),
            "queue": text("skill"),
            "campaign": text("campaign"),
            "agent": text("agent"),
            "disposition": f"CASE WHEN kind_of_leg IN ({sql.literals(VOICEMAIL)}) THEN 'voicemail' WHEN gross > 0 THEN 'answered'"
            " WHEN lower(trim(left_waiting)) IN ('1', 'true', 'yes') OR why LIKE 'abandon%' THEN 'abandoned'"
            " WHEN why = 'busy' THEN 'busy' WHEN why = 'answering machine' THEN 'voicemail'"
            " WHEN why IN ('operator intercept', 'system error', 'hardware timeout', 'dial error', 'fax') THEN 'failed'"
            " WHEN way = 'inbound' THEN 'abandoned' ELSE 'no_answer' END",
            "local_start": "began",
            "ring_seconds": "ring",
            "queue_seconds": "queue",
            "ivr_seconds": "ivr",
            "talk_seconds": "CASE WHEN outside THEN 0 ELSE talk END",
            "hold_seconds": "aside",
            "wrap_seconds": "wrap",
            "transfer_seconds": "CASE WHEN outside THEN talk ELSE 0 END",
            "total_seconds": f"CASE WHEN {text('lasted')} IS NULL THEN ring + queue + ivr + talk + aside + wrap ELSE {clock('lasted')} END",
            "provider_cost": f"abs(try_cast(regexp_replace({text('cost')}, '[$, ]', '', 'g') AS DECIMAL(18, 6)))",
        },
        problems=[
            (f"{text('talked_net')} IS NULL AND aside > gross + 2", "bad_duration"),
            (f"{clock('lasted')} > 0 AND talk > {clock('lasted')} + 2", "talk_longer_than_call"),
        ],
    )
)
