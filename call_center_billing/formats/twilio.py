"""Twilio Calls: JSON, pages with ``calls``, arrays or JSON lines.

What the product writes, and what we make of it:

* Numbers are texts: ``duration`` in seconds, ``queue_time`` in milliseconds, which is how long a call waited before it was
  placed and is not part of the duration. A call that was busy or not answered has the duration 0 or none.
* Times are RFC 2822 in the raw API, ISO 8601 by way of its libraries; a call that never began has ``date_created`` only.
* ``price`` is null until the call is rated, then a negative text: what we note is the positive cost.
* The call that ``<Dial>`` makes is a record of its own with ``parent_call_sid``; Twilio charges it apart, and so does a
  source unless it says otherwise. Parent and child overlap in time.
* A call out that a machine answered (``answered_by``) reached a voicemail. ``client:anna`` is an agent's softphone.
* Calls that are queued, ringing or in progress come again when they are done, and are ignored until then.
"""

from . import structured
from .declare import choose, decimal, declared, milliseconds, seconds, text, utc
from .registry import register

RFC_2822 = "%a, %d %b %Y %H:%M:%S %z"
OPEN = "('queued', 'initiated', 'ringing', 'in-progress')"


def _instant(name):
    return f"coalesce(timezone('UTC', try_strptime({text(name)}, '{RFC_2822}')), {utc(name)})"


def _client(name):
    return f"nullif(regexp_extract({name}, '^client:(.+)$', 1), '')"


register(
    declared(
        code="twilio",
        label="Twilio calls (JSON)",
        parse=lambda path, options: structured.json_records(path, inside=("calls",)),
        bodies=structured.json_bodies,
        legs="leg",
        names={
            "sid": "sid",
            "parent": "parent_call_sid",
            "status": "status",
            "way": "direction",
            "origin": "from",
            "target": "to",
            "account": "account_sid",
            "trunk": "trunk_sid",
            "began": ("start_time", "date_created"),
            "ended": "end_time",
            "changed": "date_updated",
            "lasted": "duration",
            "queued": "queue_time",
            "price": "price",
            "answered_by": "answered_by",
        },
        derived={
            "began_at": _instant("began"),
            "ended_at": _instant("ended"),
            "direction": choose(
                "way",
                inbound=("inbound", "trunking-originating"),
                outbound=("outbound-api", "outbound-dial", "outbound", "trunking-terminating"),
            ),
            "result": choose(
                "status",
                answered=("completed",),
                no_answer=("no-answer", "canceled"),
                busy=("busy",),
                failed=("failed",),
            ),
            "disposition": "CASE WHEN result = 'answered' AND direction = 'outbound' AND lower(answered_by) LIKE 'machine%'"
            " THEN 'voicemail' ELSE result END",
            "seconds": seconds("lasted"),
        },
        fields={
            "record_ref": text("sid"),
            "group_ref": f"coalesce({text('parent')}, {text('sid')})",
            "direction": "direction",
            "caller": text("origin"),
            "called": text("target"),
            "account_code": text("account"),
            "trunk": text("trunk"),
            "agent": f"coalesce({_client('target')}, {_client('origin')})",
            "disposition": "disposition",
            "utc_start": "began_at",
            "queue_seconds": milliseconds("queued"),
            "talk_seconds": "CASE WHEN result = 'answered' THEN seconds ELSE 0 END",
            "total_seconds": "seconds",
            "provider_cost": f"abs({decimal('price')})",
            "version_at": _instant("changed"),
            "ignored": f"{text('sid')} IS NOT NULL AND lower({text('status')}) IN {OPEN}",
        },
        problems=[("ended_at < began_at", "end_before_start")],
    )
)
