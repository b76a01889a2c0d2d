"""Formats as tables: which column becomes which field of the normalised record, by which conversion.

::

    register(
        declared(
            code="example",
            label="Example PBX (CSV)",
            dialect=Dialect(delimiter=";", header=1),
            names={"id": "Call ID", "began": ("Start", "Start time"), "talked": "Talk", "result": "Status"},
            required=("id", "began"),
            fields={
                "record_ref": text("id"),
                "local_start": timestamp("began"),
                "talk_seconds": clock("talked"),
                "disposition": choose("result", answered=("OK",), no_answer=("Missed", "")),
            },
        )
    )

A conversion is a piece of SQL (see :mod:`.sql`) over the names on the left; ``choose``, ``clock``... write the
usual ones. What is not declared is NULL, 0 for durations. A time, a duration, a disposition or a direction that
gives NULL refuses the record with its reason; a duration is 0, not NULL, where the text means "nothing".
"""

from . import record, sql
from .registry import Dialect, Format

_DEFAULTS = {
    "kind": "'call'",
    "direction": "'inbound'",
    "disposition": "'answered'",
    "local_start": "CAST(NULL AS TIMESTAMP)",
    "utc_start": "CAST(NULL AS TIMESTAMP)",
    "epoch_hint": "CAST(NULL AS BIGINT)",
    "quantity": "CAST(1 AS DECIMAL(18, 6))",
    "provider_cost": "CAST(NULL AS DECIMAL(18, 6))",
    "version_at": "CAST(NULL AS TIMESTAMP)",
    "sequence": "CAST(NULL AS BIGINT)",
    "ignored": "false",
    **dict.fromkeys(record.PARTS, "0"),
}


def declared(*, code, label, names, fields, dialect=Dialect(), derived=None, problems=(), **more) -> Format:  # noqa: B008
    """A format made of a table of fields.

    :param fields: name of a column of :data:`.record.PARSED` -> SQL expression over the names of ``names`` and
        ``derived``. ``total_seconds`` is the sum of the parts unless declared. May be a function of the options
    :param derived: further names, each an expression over names and earlier derived ones
    :param problems: pairs (SQL condition, reason out of :data:`.record.REASONS`) beside the usual checks
    :param more: other parameters of :class:`.registry.Format`
    """

    def select(options):
        return build_select(fields(options) if callable(fields) else fields, derived or {}, problems)

    return Format(code=code, label=label, select=select, names=names, dialect=lambda options: dialect, **more)


def build_select(fields: dict, derived: dict, problems=()) -> str:
    """The SELECT of a table of fields; see :func:`declared`."""
    names = [name for name in record.PARSED[2:-1] if name != "total_seconds"]
    values = {name: _DEFAULTS.get(name, "CAST(NULL AS VARCHAR)") for name in names} | fields
    stated = values.pop("total_seconds", None)
    steps = "raw"
    for name, expr in derived.items():
        steps = f"(SELECT *, ({expr}) AS {name} FROM {steps})"
    found = ", ".join(f"({expr}) AS f_{name}" for name, expr in values.items())
    found += f", ({stated}) AS f_stated" if stated else ""
    parts = " + ".join(f"f_{part}" for part in record.PARTS)
    lacking = " OR ".join(f"f_{part} IS NULL" for part in record.PARTS)
    checks = [
        *problems,
        ("f_local_start IS NULL AND f_utc_start IS NULL", "bad_time"),
        (f"{lacking} OR f_total_seconds IS NULL", "bad_duration"),
        ("f_quantity IS NULL", "bad_quantity"),
        *([("f_record_ref IS NULL", "columns")] if "record_ref" in fields else []),
    ]
    cases = " ".join(f"WHEN {condition} THEN {sql.literal(reason)}" for condition, reason in checks)
    columns = ", ".join(f"f_{name} AS {name}" for name in [*values, "total_seconds"])
    return f"""
        SELECT line_number, content, {columns}, CASE {cases} END AS problem
          FROM (SELECT *, {"f_stated" if stated else parts} AS f_total_seconds FROM (SELECT *, {found} FROM {steps}))
    """


def text(name: str) -> str:
    """The trimmed text, NULL where it means "nothing" (empty, ``-``, ``NULL``...)."""
    return sql.filled(name)


def timestamp(name: str, order: str = "iso") -> str:
    """A time as written. ``order``: a key of :data:`.sql.TIME_FORMATS`."""
    return sql.timestamp(name, order)


def instant(name: str) -> str:
    """A time that states its offset (``2026-10-31T14:05:00Z``, ``...+02:00``), as UTC; NULL where it states none."""
    stated = rf"regexp_matches({name}, ':[0-9]{{2}}([.][0-9]+)? ?([zZ]|UTC|[+-][0-9]{{2}}(:?[0-9]{{2}})?)\s*$')"
    return f"CASE WHEN {stated} THEN timezone('UTC', try_cast(({sql.filled(name)}) AS TIMESTAMPTZ)) END"


def utc(name: str) -> str:
    """A time of a system that writes UTC, whether it says so or not."""
    return f"coalesce({instant(name)}, {timestamp(name)})"


def epoch(name: str, per_second: int = 1) -> str:
    """Seconds since 1970 as UTC; ``per_second`` 1000 for milliseconds. NULL for 0, which means "never"."""
    micros = f"try_cast(try_cast({name} AS DECIMAL(20, 6)) * {1000000 // per_second} AS BIGINT)"
    return f"CASE WHEN {micros} BETWEEN 1 AND {sql.LATEST_MICROS} THEN try_cast(make_timestamp({micros}) AS TIMESTAMP) END"


def seconds(name: str) -> str:
    """Whole seconds, halves up; 0 where there is nothing."""
    return sql.seconds(name)


def milliseconds(name: str) -> str:
    return sql.seconds(name, "milliseconds")


def clock(name: str) -> str:
    """``[[hh:]mm:]ss[.fff]`` as seconds."""
    return sql.seconds(name, "clock")


def without(whole: str, part: str) -> str:
    """Seconds without a part of them that is told apart. Both may be rounded, so the rest is not below 0 by that."""
    return (
        f"CASE WHEN least({whole}, {part}) < 0 THEN least({whole}, {part}) WHEN {part} > {whole} THEN 0 ELSE {whole} - {part} END"
    )


def decimal(name: str) -> str:
    """A number as it stands, or NULL."""
    return f"try_cast(({sql.filled(name)}) AS DECIMAL(18, 6))"


def choose(name: str, otherwise: str | None = None, **meanings) -> str:
    """A word for texts, compared without regard to case: ``choose("status", answered=("ANSWERED", "OK"))``.

    :param otherwise: the word for any other text; without it such a record is refused
    """
    cases = " ".join(
        f"WHEN lower(trim(coalesce({name}, ''))) IN ({sql.literals(str(each).lower() for each in texts)}) THEN {sql.literal(word)}"
        for word, texts in meanings.items()
    )
    return f"CASE {cases} {f'ELSE {sql.literal(otherwise)} ' if otherwise else ''}END"


def by_context(name: str, options: dict) -> str:
    """The direction that a dialplan context stands for, by the options ``outbound_contexts`` and ``internal_contexts``;
    any other context is inbound."""
    cases = "".join(
        f" WHEN lower(trim({name})) IN ({sql.literals(context.lower() for context in contexts)}) THEN {sql.literal(word)}"
        for word, contexts in (
            ("outbound", options.get("outbound_contexts") or ()),
            ("internal", options.get("internal_contexts") or ()),
        )
        if contexts
    )
    return f"CASE{cases} ELSE 'inbound' END" if cases else "'inbound'"
