"""The normalised call record: what every format delivers, whatever the phone system wrote.

``PARSED`` is what a format's SELECT gives, ``COLUMNS`` what leaves the reader as CSV and is copied into
the staging table, in this order. All durations are whole seconds; ``start_at`` is UTC without a zone.
"""

DIRECTIONS = ("inbound", "outbound", "internal")
DISPOSITIONS = ("answered", "abandoned", "no_answer", "busy", "failed", "voicemail")
PARTS = ("ring_seconds", "queue_seconds", "ivr_seconds", "talk_seconds", "hold_seconds", "wrap_seconds")
TEXTS = ("record_ref", "group_ref", "direction", "caller", "called", "queue", "campaign", "account_code", "agent")

# Why a record is refused. The texts that people read are with the suspense model, which translates them.
REASONS = (
    "unreadable",  # NUL bytes, no valid record of the container format
    "too_long",
    "quotes",  # a quoted field that never closes, or stray quotes
    "columns",
    "bad_time",
    "missing_hour",
    "ambiguous_hour",
    "bad_duration",
    "negative_duration",
    "absurd_duration",
    "end_before_start",
    "talk_longer_than_call",
    "bad_disposition",
    "bad_direction",
)

MAX_CALL_SECONDS = 7 * 24 * 3600
"""A record of a longer call is refused: no call lasts a week, a broken clock does."""

PARSED = (
    "line_number",
    "content",  # hash of the whole row: its identity where it has no record_ref, or cannot be used
    *TEXTS,
    "disposition",
    "local_start",  # TIMESTAMP as written, in the source's zone; or NULL where utc_start is known
    "utc_start",
    "epoch_hint",  # BIGINT, second at which the phone system began the call, if its id tells
    *PARTS,
    "total_seconds",
    "ignored",
    "problem",
)

COLUMNS = (
    ("line_number", "integer"),
    ("record_key", "uuid"),
    *((name, "text") for name in TEXTS),
    ("called_key", "text"),
    ("caller_key", "text"),
    ("disposition", "text"),
    ("start_at", "timestamp"),
    *((name, "integer") for name in PARTS),
    ("total_seconds", "integer"),
    ("outcome", "text"),  # NULL: usable; "duplicate", "ignored" or "refused"
    ("reason", "text"),  # one of REASONS when refused
)
