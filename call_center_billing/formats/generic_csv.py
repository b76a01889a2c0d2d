"""Any delimited text file, read through a column mapping that people make.

Options are the mapping: ``delimiter``, ``encoding``, ``header`` (is the first line one), ``time_format``
(``iso``, ``dmy``, ``mdy``, ``epoch``, ``epoch_ms``), ``duration_unit`` (see :func:`.sql.seconds`),
``columns`` (how many the file has at most), ``fields``: ``{name of a normalised column: position from 1}``,
``values``: ``{"disposition": {"text in the file": "answered"}, "direction": {...}}`` compared without regard
to case, and the defaults ``direction`` and ``disposition`` for files that do not have these columns.

A record's identity is its ``record_ref`` column; where none is mapped, the whole row. Where no talk column
is mapped, the total is talk for an answered call; where no total is mapped, it is the sum of the parts.
"""

from . import record, sql
from .registry import Format, register

FIELDS = ("start", *record.TEXTS, "disposition", *record.PARTS, "total_seconds")


def _seconds(options, name):
    column = options["fields"].get(name)
    return sql.seconds(f"c{column}", options.get("duration_unit") or "seconds") if column else None


def _value(options, name, default):
    """A column of a fixed vocabulary, through the texts that the mapping names for it."""
    column = options["fields"].get(name)
    if not column:
        return sql.literal(default)
    known = {value: value for value in (record.DIRECTIONS if name == "direction" else record.DISPOSITIONS)}
    known.update({key.lower(): value for key, value in (options.get("values", {}).get(name) or {}).items()})
    cases = " ".join(f"WHEN {sql.literal(key)} THEN {sql.literal(value)}" for key, value in known.items())
    return f"CASE lower(trim(c{column})) {cases} END"


def select(options):
    fields = options["fields"]
    start = f"c{fields['start']}"
    time_format = options.get("time_format") or "iso"
    local, utc = "CAST(NULL AS TIMESTAMP)", "CAST(NULL AS TIMESTAMP)"
    if time_format.startswith("epoch"):
        divisor = 1000 if time_format == "epoch_ms" else 1
        utc = f"try_cast(make_timestamp(try_cast(try_cast({start} AS DECIMAL(20, 6)) * {1000000 // divisor} AS BIGINT)) AS TIMESTAMP)"
    else:
        local = sql.timestamp(start, time_format)
        if time_format == "iso":  # a time that states its own offset needs no zone
            stated = f"regexp_matches(trim({start}), '([zZ]|[+-][0-9]{{2}}:?[0-9]{{2}})$')"
            utc = f"CASE WHEN {stated} THEN timezone('UTC', try_cast(trim({start}) AS TIMESTAMPTZ)) END"
            local = f"CASE WHEN NOT {stated} THEN {local} END"
    parts = {name: _seconds(options, name) for name in record.PARTS}
    total = _seconds(options, "total_seconds")
    mapped = [name for name, expr in parts.items() if expr]
    values = {name: f"v_{name}" for name in mapped}
    if total and "talk_seconds" not in mapped:
        others = " - ".join(["v_total", *values.values()])
        values["talk_seconds"] = f"CASE WHEN disposition IN ('answered', 'voicemail') THEN {others} ELSE 0 END"
    total_value = "v_total" if total else " + ".join(values[name] for name in mapped) or "0"
    durations = [*(f"{expr} AS v_{name}" for name, expr in parts.items() if expr), *([f"{total} AS v_total"] if total else [])]
    checks = " OR ".join(f"v_{name} IS NULL" for name in [*mapped, *(["total"] if total else [])]) or "false"
    exceeds = "v_talk_seconds > v_total" if total and "talk_seconds" in mapped else "false"
    texts = [
        f"{sql.filled(f'c{fields[name]}') if fields.get(name) else 'CAST(NULL AS VARCHAR)'} AS {name}"
        for name in record.TEXTS
        if name != "direction"
    ]
    return f"""
        WITH valued AS (
            SELECT line_number, content, {", ".join(texts)},
                   {_value(options, "direction", options.get("direction") or "inbound")} AS direction,
                   {_value(options, "disposition", options.get("disposition") or "answered")} AS disposition,
                   {local} AS local_start, {utc} AS utc_start{"".join(", " + each for each in durations)}
              FROM raw
        )
        SELECT line_number, content, {", ".join(record.TEXTS)}, disposition, local_start, utc_start,
               CAST(NULL AS BIGINT) AS epoch_hint,
               {", ".join(f"{values.get(name, '0')} AS {name}" for name in record.PARTS)},
               {total_value} AS total_seconds, false AS ignored,
               CASE WHEN {"record_ref IS NULL" if fields.get("record_ref") else "false"} THEN 'columns'
                    WHEN local_start IS NULL AND utc_start IS NULL THEN 'bad_time'
                    WHEN {checks} THEN 'bad_duration'
                    WHEN {exceeds} THEN 'talk_longer_than_call' END AS problem
          FROM valued
    """


register(
    Format(
        code="generic_csv",
        label="CSV with a column mapping",
        columns=lambda options: options["columns"],
        select=select,
        dialect=lambda options: {
            "delimiter": options["delimiter"],
            "encoding": options.get("encoding") or "utf-8",
            "header": bool(options.get("header")),
            "span": 50,
        },
    )
)
