"""NICE CXone (inContact) completed contacts: JSON with ``completedContacts``.

What the product writes, and what we make of it:

* Seconds are texts, truth is ``"True"`` and ``"False"``, times are UTC.
* ``totalDurationSeconds`` is pre-queue, queue and agent time (295 = 5 + 13 + 277); after-call work comes on top and is
  written minutes later, with a later ``lastUpdateTime``. Agent time holds the time on hold, which is told apart.
* ``masterContactId`` is the call; a second transfer may begin a new one, which nothing in the file ties to the first.
* Pre-queue and post-queue time is spent in a script: menus and announcements.
* E-mails, chats, messages and work items are no calls and are ignored.

The report that people download from CXone is another one: local times as MM/DD/YYYY, the last agent only. It is a case for
a column mapping.
"""

from . import structured
from .declare import choose, declared, seconds, text, utc, without
from .registry import register

VOICE_NAMES = "('phone call', 'phone', 'call', 'voice')"
VOICEMAIL_NAMES = "('voicemail', 'voice mail')"

register(
    declared(
        code="nice_cxone",
        label="NICE CXone completed contacts (JSON)",
        parse=lambda path, options: structured.json_records(path, inside=("completedContacts",)),
        bodies=structured.json_bodies,
        legs="call",
        names={
            "contact": ("contactId", "contactID"),
            "master": ("masterContactId", "masterContactID"),
            "began": ("contactStart", "contactStartDate"),
            "changed": "lastUpdateTime",
            "medium": ("mediaTypeName", "mediaType", "mediaTypeId"),
            "outward": "isOutbound",
            "left_waiting": "abandoned",
            "origin": ("fromAddress", "fromAddr"),
            "target": ("toAddress", "toAddr"),
            "skill": "skillName",
            "campaign": "campaignName",
            "point": "pointOfContactName",
            "agent": ("agentId", "lastName"),
            "recording": "fileName",
            "total": "totalDurationSeconds",
            "before": "preQueueSeconds",
            "waited": "inQueueSeconds",
            "after": "postQueueSeconds",
            "handled": "agentSeconds",
            "held": "holdSeconds",
            "wrapped": "acwSeconds",
        },
        derived={
            "media": f"lower(coalesce({text('medium')}, 'call'))",
            "is_voicemail": f"media IN {VOICEMAIL_NAMES} OR media = '5'",
            "is_call": f"media IN {VOICE_NAMES} OR media = '4' OR is_voicemail",
            "way": choose("outward", inbound=("false", "0"), outbound=("true", "1")),
            "agent_seconds": seconds("handled"),
            "hold": seconds("held"),
            "stated": seconds("total"),
        },
        fields={
            "record_ref": text("contact"),
            "group_ref": f"coalesce({text('master')}, {text('contact')})",
            "direction": "way",
            "caller": text("origin"),
            "called": text("target"),
            "queue": text("skill"),
            "campaign": text("campaign"),
            "trunk": text("point"),
            "agent": f"nullif({text('agent')}, '0')",
            "recording_ref": text("recording"),
            "disposition": "CASE WHEN is_voicemail THEN 'voicemail' WHEN lower(trim(left_waiting)) IN ('true', '1') THEN 'abandoned'"
            " WHEN agent_seconds > 0 THEN 'answered' WHEN way = 'outbound' THEN 'no_answer' ELSE 'abandoned' END",
            "utc_start": utc("began"),
            "queue_seconds": seconds("waited"),
            "ivr_seconds": f"{seconds('before')} + {seconds('after')}",
            "talk_seconds": without("agent_seconds", "hold"),
            "hold_seconds": "hold",
            "wrap_seconds": seconds("wrapped"),
            "total_seconds": "stated",
            "version_at": utc("changed"),
            "ignored": f"{text('contact')} IS NOT NULL AND NOT is_call",
        },
        problems=[
            ("hold > agent_seconds + 2", "bad_duration"),
            ("stated > 0 AND agent_seconds > stated + 2", "talk_longer_than_call"),
        ],
    )
)
