"""The normalised call record: what every format delivers, whatever the phone system wrote.

``PARSED`` is what a format's SELECT gives, ``COLUMNS`` what leaves the reader as CSV and is copied into
the staging table, in this order. All durations are whole seconds; ``start_at`` is UTC without a zone.
"""

DIRECTIONS = ("inbound", "outbound", "internal")
KINDS = ("call", "agent_time", "message", "outcome")
DISPOSITIONS = ("answered", "abandoned", "no_answer", "busy", "failed", "voicemail")
PARTS = (
    "ring_seconds",
    "queue_seconds",
    "ivr_seconds",
    "talk_seconds",
    "hold_seconds",
    "wrap_seconds",
    "transfer_seconds",  # consulting or talking to the party that a call is handed to
)
TEXTS = (
    "record_ref",  # the phone system's id of this record: a leg of a call where it writes several
    "group_ref",  # shared by all records of one call
    "kind",  # one of KINDS
    "direction",
    "caller",
    "called",
    "queue",
    "campaign",
    "skill",  # language or skill that was asked for
    "account_code",
    "trunk",
    "agent",
    "recording_ref",
    "quality",  # what the system says of the line's quality, such as a mean opinion score
)

FREE_TEXTS = ("queue", "campaign", "skill", "account_code", "trunk", "agent", "quality")
"""Texts in which people, or forms that they fill in, may have put anything."""

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
    "bad_kind",
    "bad_quantity",
    "near_duplicate",
    "bad_cost",
    "card_number",  # a free text holds what looks like the number of a payment card
    "damaged_number",  # a number or an id that a spreadsheet wrote as 4.93055E+11
)

NEAR_SECONDS = 2
"""Two calls between the same numbers whose start and duration differ by no more may be one that came twice."""

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
    "quantity",  # DECIMAL: messages, outcomes; 1 for a call
    "provider_cost",  # DECIMAL or NULL: what the carrier or cloud charges for this record, its own currency
    "version_at",  # TIMESTAMP or NULL: when the phone system last changed this record
    "sequence",  # BIGINT or NULL: number that the phone system counts its records with
    "ignored",
    "problem",
)

# What most statements over staged records look at comes first: the database unpacks a row from its beginning.
COLUMNS = (
    ("line_number", "integer"),
    ("start_at", "timestamp"),
    ("record_key", "uuid"),
    ("total_seconds", "integer"),
    ("outcome", "text"),  # NULL: usable; "duplicate", "ignored" or "refused"
    ("reason", "text"),  # one of REASONS when refused
    ("grouped", "boolean"),  # other records of this part are of the same call
    ("disposition", "text"),
    ("called_key", "text"),
    ("caller_key", "text"),
    ("called_is_e164", "boolean"),
    ("caller_is_e164", "boolean"),
    *((name, "integer") for name in PARTS),
    ("quantity", "numeric"),
    ("provider_cost", "numeric"),
    ("version_at", "timestamp"),
    ("sequence", "bigint"),
    *((name, "text") for name in TEXTS),
)
