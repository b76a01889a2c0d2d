"""Genesys Cloud ``analytics/conversations/details``: JSON, one object a conversation.

A conversation holds participants (customer, ivr, acd, agent, user...), these hold sessions of one medium, these hold
segments and metrics in milliseconds. The file is an array, JSON lines, or an answer with ``conversations``.

What we make of it:

* Each voice session of an agent (purpose ``agent`` or ``user``) is a record; a conversation that no agent answered is one
  more, so that an abandoned call is there once. What a record was made of is kept beside it under the product's own names.
* Metrics are those of the session. ``tTalkComplete`` and ``tHeldComplete`` are the whole of a session, ``tTalk`` and
  ``tHeld`` each stretch of it. Hold is not in talk.
* An agent whose phone rang and who did not answer has ``tHandle`` and ``tAcw`` of many seconds, but no talk: that record has
  the time of ringing only.
* Time in the menu (``tIvr``) and in the queue (``tAcd``) is with the first agent who answered after it. ``tAcd`` runs until
  the agent answers, so it holds that agent's ringing (``tAlert``), which we tell apart.
* Chat, e-mail, messages and callback requests are no calls; an open conversation has no ``conversationEnd`` yet. Both are
  ignored: the conversation comes again when it has ended, and when wrap-up time arrives, with a later ``emitDate``.
"""

from decimal import Decimal

from . import structured
from .declare import choose, declared, instant, milliseconds, text, without
from .registry import register

AGENTS = ("agent", "user")
CUSTOMERS = ("customer", "external")
KEPT = ("conversationId", "conversationStart", "conversationEnd", "originatingDirection", "divisionIds",
        "mediaStatsMinConversationMos")  # fmt: skip


def parse(path, options):
    """Records of a file; see :func:`_records`."""
    place = 0
    for _number, conversation, problem in structured.json_records(path, inside=("conversations",)):
        for found in [conversation] if problem else _records(conversation):
            place += 1
            yield place, found, problem


def _records(conversation):
    """One dict for each record of a conversation: what the conversation says, its ``customer``, and under ``part``
    whether it tells of an ``agent``, of the ``conversation`` or of ``nothing`` that is a call."""
    told = {key: conversation.get(key) for key in KEPT}
    sessions = [
        (participant, session)
        for participant in _dicts(conversation.get("participants"))
        for session in _dicts(participant.get("sessions"))
    ]
    voice = [(participant, session) for participant, session in sessions if session.get("mediaType") == "voice"]
    if not voice:
        yield {**told, "part": "nothing" if sessions else None, "mediaTypes": [s.get("mediaType") for _p, s in sessions]}
        return
    told["customer"] = _customer(voice)
    agents = [(participant, session) for participant, session in voice if participant.get("purpose") in AGENTS]
    answered = sorted((session for _p, session in agents if _is_answered(session)), key=_began)
    waits = [session for participant, session in voice if participant.get("purpose") in ("ivr", "acd")]
    for participant, session in agents:
        mine = [wait for wait in waits if _answering(wait, answered) is session]
        yield {
            **told,
            "part": "agent",
            "agent": participant.get("userId") or participant.get("participantName"),
            "queueId": _queue([session, *mine]),
            "waiting": _metrics(mine),
            "session": session,
        }
    if not answered:
        voicemail = next((session for participant, session in voice if participant.get("purpose") == "voicemail"), None)
        yield {
            **told,
            "part": "conversation",
            "queueId": _queue([session for _p, session in voice]),
            "waiting": _metrics(waits),
            "session": voicemail,
        }


def _dicts(value):
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _metrics(sessions):
    return [metric for session in sessions for metric in _dicts(session.get("metrics"))]


def _is_answered(session):
    talked = ("tTalk", "tTalkComplete", "tHeld", "tHeldComplete")
    return any(metric.get("name") in talked and metric.get("value") for metric in _metrics([session]))


def _answering(wait, answered):
    """The session of the agent who answered after a wait; the last one where the caller gave up a later wait."""
    return next((session for session in answered if _began(session) >= _began(wait)), answered[-1] if answered else None)


def _began(session):
    return min((str(segment.get("segmentStart") or "") for segment in _dicts(session.get("segments"))), default="")


def _queue(sessions):
    segments = [segment for session in sessions for segment in _dicts(session.get("segments"))]
    return next((segment["queueId"] for segment in segments if segment.get("queueId")), None)


def _customer(voice):
    """Addresses and campaign, as the customer's session tells them; else any session that does."""
    ordered = sorted(voice, key=lambda each: each[0].get("purpose") not in CUSTOMERS)
    keys = ("ani", "dnis", "outboundCampaignId")
    return {key: next((session[key] for _p, session in ordered if session.get(key)), None) for key in keys}


def _address(key):
    def found(record):
        value = _part(record, "customer").get(key)
        return value.removeprefix("tel:") if isinstance(value, str) else value

    return found


def _part(record, key):
    return record[key] if isinstance(record.get(key), dict) else {}


def _time(place, *names):
    """Milliseconds of the first of some metrics that there is, all its values together."""

    def found(record):
        metrics = _dicts(record.get("waiting")) if place == "waiting" else _metrics([_part(record, "session")])
        for name in names:
            values = [metric.get("value") for metric in metrics if metric.get("name") == name]
            if values:
                return _sum(values)
        return None

    return found


def _sum(values):
    try:
        return str(sum(Decimal(str(value)) for value in values))
    except ArithmeticError:
        return "no number"  # which refuses the record


def _changed(record):
    dates = [metric.get("emitDate") for metric in _metrics([_part(record, "session")]) + _dicts(record.get("waiting"))]
    return max((str(date) for date in dates if date), default=None)


register(
    declared(
        code="genesys_cloud",
        label="Genesys Cloud conversation details (JSON)",
        parse=parse,
        bodies=structured.json_bodies,
        legs="agent",
        names={
            "conversation": "conversationId",
            "session": "session.sessionId",
            "part": "part",
            "began": (lambda record: _began(_part(record, "session")), "conversationStart"),
            "ended": "conversationEnd",
            "way": ("originatingDirection", "session.direction"),
            "ani": _address("ani"),
            "dnis": _address("dnis"),
            "campaign": "customer.outboundCampaignId",
            "agent": "agent",
            "queue": "queueId",
            "division": "divisionIds[0]",
            "mos": "mediaStatsMinConversationMos",
            "answered": lambda record: _is_answered(_part(record, "session")),
            "changed": _changed,
            "ivr_ms": _time("waiting", "tIvr"),
            "acd_ms": _time("waiting", "tAcd"),
            "alert_ms": _time("session", "tAlert"),
            "dialing_ms": _time("session", "tDialing"),
            "contacting_ms": _time("session", "tContacting"),
            "talk_ms": _time("session", "tTalkComplete", "tTalk"),
            "held_ms": _time("session", "tHeldComplete", "tHeld"),
            "acw_ms": _time("session", "tAcw"),
            "voicemail_ms": _time("session", "tVoicemail"),
        },
        derived={
            "is_answered": "part = 'agent' AND answered = 'true'",
            "acd": milliseconds("acd_ms"),
            "alert": milliseconds("alert_ms"),
            "ring": f"alert + {milliseconds('dialing_ms')} + {milliseconds('contacting_ms')}",
            "voicemail": milliseconds("voicemail_ms"),
        },
        fields={
            "record_ref": f"CASE WHEN part = 'agent' THEN {text('conversation')} || '/' || {text('session')} ELSE {text('conversation')} END",
            "group_ref": text("conversation"),
            "direction": choose("way", inbound=("inbound",), outbound=("outbound",)),
            "caller": text("ani"),
            "called": text("dnis"),
            "queue": text("queue"),
            "campaign": text("campaign"),
            "account_code": text("division"),
            "agent": text("agent"),
            "quality": text("mos"),
            "disposition": "CASE WHEN is_answered THEN 'answered' WHEN part = 'agent' THEN 'no_answer'"
            " WHEN voicemail > 0 THEN 'voicemail' WHEN way = 'outbound' THEN 'no_answer' ELSE 'abandoned' END",
            "utc_start": instant("began"),
            "ring_seconds": "ring",
            "queue_seconds": f"CASE WHEN is_answered THEN {without('acd', 'alert')} ELSE acd END",
            "ivr_seconds": milliseconds("ivr_ms"),
            "talk_seconds": f"CASE WHEN is_answered THEN {milliseconds('talk_ms')} WHEN part = 'agent' THEN 0 ELSE voicemail END",
            "hold_seconds": f"CASE WHEN is_answered THEN {milliseconds('held_ms')} ELSE 0 END",
            "wrap_seconds": f"CASE WHEN is_answered THEN {milliseconds('acw_ms')} ELSE 0 END",
            "version_at": instant("changed"),
            "ignored": f"{text('conversation')} IS NOT NULL AND (part = 'nothing' OR {text('ended')} IS NULL)",
        },
        problems=[(f"{text('part')} IS NULL", "columns")],
    )
)
