"""Amazon Connect contact records (contact trace records): JSON objects, from a Kinesis stream one right behind the other.

A record is delivered at least once and again when it changes: ``AfterContactWorkDuration`` comes later, so the record with
the newest ``LastUpdateTimestamp`` counts. A transfer begins a new contact; ``InitialContactId`` names the first of the
chain. New keys appear at any time and are not looked at. Durations are seconds, times UTC.

What we make of it:

* ``AgentInteractionDuration`` is talk, without hold. On a call out it begins when the agent is connected, although the
  customer's phone still rings: until ``ConnectedToSystemTimestamp`` that is ringing; where that is missing nobody answered.
* The menu is the time from the connection to the queue, or to the end where no queue and no agent took part.
* What an outside party that was called in talked is transfer time.
* Chats, tasks and e-mails are no calls, nor is a supervisor who listens (``MONITOR``); a contact without
  ``DisconnectTimestamp`` has not ended. All are ignored.
"""

from . import structured
from .declare import choose, declared, instant, seconds, text, without
from .registry import register

OUTWARD = ("OUTBOUND", "CALLBACK", "API", "EXTERNAL_OUTBOUND")
MACHINE = "('VOICEMAIL_BEEP', 'VOICEMAIL_NO_BEEP')"
FAILURES = (
    "'TELECOM_PROBLEM', 'TELECOM_NUMBER_INVALID', 'TELECOM_POTENTIAL_BLOCKING', 'OUTBOUND_DESTINATION_ENDPOINT_ERROR',"
    " 'OUTBOUND_RESOURCE_ERROR', 'OUTBOUND_ATTEMPT_FAILED'"
)


def _between(first, last):
    """Whole seconds, 0 where one of the times is missing or they are the other way round."""
    return f"coalesce(CASE WHEN {last} > {first} THEN try_cast(date_diff('second', {first}, {last}) AS INTEGER) END, 0)"


register(
    declared(
        code="amazon_connect",
        label="Amazon Connect contact records (JSON)",
        parse=lambda path, options: structured.json_records(path, inside=("ContactRecords", "Records")),
        bodies=structured.json_bodies,
        legs="call",
        names={
            "contact": "ContactId",
            "initial": "InitialContactId",
            "channel": "Channel",
            "method": "InitiationMethod",
            "began": "InitiationTimestamp",
            "connected": "ConnectedToSystemTimestamp",
            "ended": "DisconnectTimestamp",
            "changed": "LastUpdateTimestamp",
            "why": "DisconnectReason",
            "machine": "AnsweringMachineDetectionStatus",
            "customer": "CustomerEndpoint.Address",
            "system": "SystemEndpoint.Address",
            "queue": ("Queue.Name", "Queue.ARN"),
            "enqueued": "Queue.EnqueueTimestamp",
            "waited": "Queue.Duration",
            "campaign": "Campaign.CampaignId",
            "agent": ("Agent.Username", "Agent.ARN"),
            "reached": "Agent.ConnectedToAgentTimestamp",
            "interaction": "Agent.AgentInteractionDuration",
            "hold": "Agent.CustomerHoldDuration",
            "work": "Agent.AfterContactWorkDuration",
            "third_party": "ExternalThirdParty.ExternalThirdPartyInteractionDuration",
            "recording": ("Recordings[0].Location", "Recording.Location"),
            "quality": "QualityMetrics.Agent.Audio.QualityScore",
        },
        derived={
            "way": choose(
                "method",
                inbound=("INBOUND", "TRANSFER", "QUEUE_TRANSFER", "DISCONNECT", "WEBRTC_API", "MONITOR"),
                outbound=OUTWARD,
            ),
            "began_at": instant("began"),
            "connected_at": instant("connected"),
            "enqueued_at": instant("enqueued"),
            "reached_at": instant("reached"),
            "ended_at": instant("ended"),
            "interaction_seconds": seconds("interaction"),
            "outside_seconds": seconds("third_party"),
            "reason": f"upper(coalesce({text('why')}, ''))",
            "lonely": f"way = 'outbound' AND {text('connected')} IS NULL",
            "taken": f"NOT lonely AND ({text('reached')} IS NOT NULL OR outside_seconds > 0)",
            "ringing": f"CASE WHEN lonely THEN interaction_seconds WHEN way = 'outbound'"
            f" THEN least({_between('reached_at', 'connected_at')}, interaction_seconds) ELSE 0 END",
        },
        fields={
            "record_ref": text("contact"),
            "group_ref": f"coalesce({text('initial')}, {text('contact')})",
            "direction": "way",
            "caller": f"CASE WHEN way = 'outbound' THEN {text('system')} ELSE {text('customer')} END",
            "called": f"CASE WHEN way = 'outbound' THEN {text('customer')} ELSE {text('system')} END",
            "queue": text("queue"),
            "campaign": text("campaign"),
            "agent": text("agent"),
            "recording_ref": text("recording"),
            "quality": text("quality"),
            "disposition": f"CASE WHEN taken THEN 'answered' WHEN machine IN {MACHINE} THEN 'voicemail'"
            " WHEN way <> 'outbound' THEN 'abandoned' WHEN reason IN ('TELECOM_BUSY', 'CUSTOMER_BUSY') THEN 'busy'"
            f" WHEN reason IN ({FAILURES}) THEN 'failed' ELSE 'no_answer' END",
            "utc_start": "began_at",
            "ring_seconds": "ringing",
            "queue_seconds": seconds("waited"),
            "ivr_seconds": f"CASE WHEN way = 'outbound' THEN 0 WHEN enqueued_at IS NOT NULL THEN {_between('connected_at', 'enqueued_at')}"
            f" WHEN taken THEN {_between('connected_at', 'reached_at')} ELSE {_between('connected_at', 'ended_at')} END",
            "talk_seconds": without("interaction_seconds", "ringing"),
            "hold_seconds": seconds("hold"),
            "wrap_seconds": seconds("work"),
            "transfer_seconds": "outside_seconds",
            "version_at": instant("changed"),
            "ignored": f"{text('contact')} IS NOT NULL"
            f" AND (upper({text('channel')}) <> 'VOICE' OR upper(method) = 'MONITOR' OR {text('ended')} IS NULL)",
        },
        problems=[
            ("ended_at IS NULL", "bad_time"),
            ("ended_at < began_at", "end_before_start"),
        ],
    )
)
