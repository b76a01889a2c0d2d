"""Talkdesk Explore reports of calls (``calls``, ``explore_calls``): JSON with ``entries``, in the shapes before and after
2026-05-11.

* Before: ``start_time`` is ``YYYY-MM-DD hh:mm:ss``, durations are **fractions of a day** (0.000069444446 is six seconds).
* After: ``start_at`` is ISO with Z, durations are whole seconds, texts such as ``"TRUE"`` are booleans, many keys differ.

Both tell UTC. Which of the two a record is, is told by the name of its start, never by how large a number looks: a
fraction among seconds, or a whole day where there are fractions, refuses the record.

The wait runs until an agent answers and holds the ringing, which is told apart. The time before a caller hung up is in
``abandon_time`` where the wait is 0. Talk is that of types ``inbound`` and ``outbound``.
"""

from . import sql, structured
from .declare import choose, declared, text, utc, without
from .registry import register

TIMES = {
    "total": ("total_time", "total"),
    "talk": "talk_time",
    "wait": ("wait_time", "waiting_time"),
    "hold": ("hold_time", "holding_time"),
    "abandon": "abandon_time",
    "ringing": ("total_ringing_time", "agent_speed_to_answer"),
}


def _seconds(name):
    value = sql.filled(name)
    days = f"try_cast({value} AS DOUBLE)"
    fraction = f"CASE WHEN {days} < 1 THEN {sql.whole(f'{days} * 86400')} END"
    whole = (
        f"CASE WHEN regexp_full_match({value}, '-?[0-9]+([.]0+)?') THEN {sql.whole(f'try_cast({value} AS DECIMAL(18, 6))')} END"
    )
    return f"CASE WHEN ({value}) IS NULL THEN 0 WHEN in_days THEN {fraction} ELSE {whole} END"


register(
    declared(
        code="talkdesk",
        label="Talkdesk Explore calls (JSON)",
        parse=lambda path, options: structured.json_records(path, inside=("entries",)),
        bodies=structured.json_bodies,
        legs="leg",
        names={
            "call": ("call_id", "interaction_id"),
            "type": ("type", "call_type"),
            "start_at": "start_at",
            "start_time": "start_time",
            "own_number": "talkdesk_phone_number",
            "other_number": ("contact_phone_number", "customer_phone_number"),
            "agent": ("user_name", "agent_name", "handling_user_name", "handling_agent"),
            "ring_groups": "ring_groups",
            "recording": ("recording_url", "record"),
            **{f"{name}_text": place for name, place in TIMES.items()},
        },
        derived={
            "in_days": f"{text('start_at')} IS NULL",
            "way": choose(
                "type",
                inbound=("inbound", "missed", "abandoned", "short_abandoned", "voicemail"),
                outbound=("outbound", "outbound_missed"),
            ),
            "result": choose(
                "type",
                answered=("inbound", "outbound"),
                no_answer=("missed", "outbound_missed"),
                abandoned=("abandoned", "short_abandoned"),
                voicemail=("voicemail",),
            ),
            **{name: _seconds(f"{name}_text") for name in TIMES},
            "waited": "CASE WHEN wait = 0 AND result = 'abandoned' THEN abandon ELSE wait END",
            "queue": without("waited", "ringing"),
            "talked": "CASE WHEN result = 'answered' THEN talk ELSE 0 END",
        },
        fields={
            "record_ref": text("call"),
            "group_ref": text("call"),
            "direction": "way",
            "caller": f"CASE WHEN way = 'outbound' THEN {text('own_number')} ELSE {text('other_number')} END",
            "called": f"CASE WHEN way = 'outbound' THEN {text('other_number')} ELSE {text('own_number')} END",
            "queue": text("ring_groups"),
            "agent": text("agent"),
            "recording_ref": text("recording"),
            "disposition": "result",
            "utc_start": f"CASE WHEN in_days THEN {utc('start_time')} ELSE {utc('start_at')} END",
            "ring_seconds": "ringing",
            "queue_seconds": "queue",
            "talk_seconds": "talked",
            "hold_seconds": "hold",
            "total_seconds": f"CASE WHEN {text('total_text')} IS NULL THEN ringing + queue + talked + hold ELSE total END",
        },
        problems=[
            (f"in_days AND {text('start_time')} IS NULL", "bad_time"),
            ("total IS NULL OR talk IS NULL OR abandon IS NULL", "bad_duration"),
            ("total > 0 AND talk > total + 2", "talk_longer_than_call"),
        ],
    )
)
