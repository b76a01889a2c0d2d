"""JSON under the names of the normalised record itself: for programs that are written for us.

::

    {"record_ref": "8f2c", "start": "2026-10-05T10:00:00+02:00", "direction": "inbound", "caller": "+491705550111",
     "called": "+49305550100", "disposition": "answered", "ring_seconds": 5, "talk_seconds": 60}

Names and words are those of :mod:`.record`; :data:`KEYS` are all of them. ``record_ref`` and ``start`` are always told, and
for a call ``direction`` and ``disposition`` too. What we make of the rest:

* ``start`` states its offset (or ``Z``), so does ``version_at``. Without one the time is refused: nobody has to guess it.
* ``kind`` is ``call`` unless it is told; durations are seconds, 0 unless told; ``total_seconds`` is the sum of the others
  unless told; ``quantity`` is 1 unless told.
* Other names are no part of the record and are not read.
"""

from . import record, sql
from .declare import declared, instant, seconds, text
from .registry import register
from .structured import json_bodies, json_records

KEYS = (
    *record.TEXTS, "disposition", "start", *record.PARTS, "total_seconds", "quantity", "provider_cost", "version_at", "sequence",
)  # fmt: skip


def _number(name, otherwise, kind="DECIMAL(18, 6)"):
    return f"CASE WHEN ({text(name)}) IS NULL THEN CAST({otherwise} AS {kind}) ELSE try_cast(({text(name)}) AS {kind}) END"


def _word(name, otherwise):
    """A word of the record; one that is not told stands only where there is no call that it tells of."""
    return f"coalesce(lower({text(name)}), CASE WHEN kind_told <> 'call' THEN '{otherwise}' END)"


_SUM = " + ".join(f"coalesce({seconds(part)}, 0)" for part in record.PARTS)

register(
    declared(
        code="normalised_json",
        label="JSON with our own names (for programs)",
        parse=lambda path, options: json_records(path),
        bodies=json_bodies,
        legs="leg",
        names={key: key for key in KEYS},
        derived={"kind_told": f"coalesce(lower({text('kind')}), 'call')"},
        fields={
            **{name: text(name) for name in record.TEXTS},
            "kind": "kind_told",
            "direction": _word("direction", "inbound"),
            "disposition": _word("disposition", "answered"),
            "utc_start": instant("start"),
            **{part: seconds(part) for part in record.PARTS},
            "total_seconds": f"CASE WHEN ({text('total_seconds')}) IS NULL THEN {_SUM} ELSE {seconds('total_seconds')} END",
            "quantity": _number("quantity", 1),
            "provider_cost": _number("provider_cost", "NULL"),
            "version_at": instant("version_at"),
            "sequence": _number("sequence", "NULL", "BIGINT"),
        },
        problems=(
            (f"f_record_ref IS NULL OR {sql.unreadable('sequence', 'f_sequence')}", "columns"),
            (sql.unreadable("version_at", "f_version_at"), "bad_time"),
            (sql.unreadable("provider_cost", "f_provider_cost"), "bad_cost"),
            (f"({text('total_seconds')}) IS NOT NULL AND f_talk_seconds > f_total_seconds", "talk_longer_than_call"),
        ),
    )
)
