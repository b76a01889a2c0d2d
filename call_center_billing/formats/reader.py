"""From a file of any registered format to normalised records, in bulk.

The plan: :mod:`.lines` splits the bytes into records and sets aside what cannot be parsed; DuckDB parses
the rest (each record carries its line number as first field); the format's SELECT gives typed columns;
local times become UTC through :mod:`.local_time`; the outcome, refusals included, is one CSV file with the
columns of :data:`.record.COLUMNS`. Every record that went in comes out exactly once.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from . import record, registry, sql
from .lines import blocks, examine, is_clean, records
from .local_time import offset_periods

MEMORY = "256MB"
EARLIEST, LATEST = datetime(1990, 1, 1), datetime(2100, 1, 1)
HINT_TOLERANCE = 1800  # seconds between a call's id and its start that still tell the zone
PREVIEW_RECORDS = 20


class ReadError(Exception):
    """The file as a whole cannot be used. ``code`` is ``empty``, ``format`` or ``zone``."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


@dataclass
class ReadResult:
    """``path``: CSV without header, columns of :data:`.record.COLUMNS`; ``read``: number of its rows;
    ``seconds``: total duration of all records;
    ``zone_shift``: seconds by which most call ids contradict the source's time zone, or 0."""

    path: str
    read: int
    seconds: int
    zone_shift: int


def read(path: str, format_code: str, options: dict, zone: str, seed: str, workdir: str) -> ReadResult:
    """Read a whole file.

    :param options: what the format wants to know; see its module
    :param zone: time zone of local times, as in the IANA database
    :param seed: what makes record ids of different phone systems different
    :param workdir: an empty directory of the caller, who removes it
    :raise ReadError: no record at all, or not one record that looks like the format
    """
    with _connect(workdir) as duck:
        _load(duck, path, registry.get(format_code), options, workdir)
        _normalise(duck, zone, seed)
        total, usable, seconds = duck.execute(
            "SELECT count(*), count(*) FILTER (outcome IS NULL OR outcome = 'ignored'),"
            " coalesce(sum(total_seconds), 0) FROM normalised"
        ).fetchone()
        if not usable:
            raise ReadError("format")
        target = str(Path(workdir) / "normalised.csv")
        columns = ", ".join(name for name, _type in record.COLUMNS)
        duck.execute(f"COPY (SELECT {columns} FROM normalised) TO {sql.literal(target)} (HEADER false, NULLSTR '')")
        return ReadResult(target, total, int(seconds), _zone_shift(duck))


def preview(path: str, format_code: str, options: dict, zone: str, limit: int = PREVIEW_RECORDS) -> list[dict]:
    """What the first records of a file would become: dicts with the columns of :data:`.record.COLUMNS`
    and ``raw``. Nothing is written.

    :raise ReadError: no record at all
    """
    fmt = registry.get(format_code)
    with tempfile.TemporaryDirectory() as workdir, _connect(workdir) as duck:
        _load(duck, path, fmt, options, workdir, limit)
        _normalise(duck, zone, "preview")
        cursor = duck.execute("FROM normalised ORDER BY line_number")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    raw = dict(raw_records(path, fmt.dialect(options), {row["line_number"] for row in rows}))
    return [{**row, "raw": raw.get(row["line_number"], "")} for row in rows]


def raw_records(path: str, dialect: dict, numbers: set[int]) -> Iterator[tuple[int, str]]:
    """The raw text of the records that begin at the given lines."""
    left = len(numbers)
    for number, line, _problem in records(path, dialect["encoding"], dialect["span"]):
        if not left:
            return
        if number in numbers:
            left -= 1
            yield number, line.decode("utf-8", "replace")


def _connect(workdir):
    """An engine in this process that can read and write one directory and nothing else."""
    duck = duckdb.connect(
        config={"threads": 2, "memory_limit": MEMORY, "temp_directory": workdir, "preserve_insertion_order": False}
    )
    duck.execute(f"SET allowed_directories = [{sql.literal(workdir)}]")
    duck.execute("SET enable_external_access = false")
    duck.execute("SET lock_configuration = true")
    return duck


def _load(duck, path, fmt, options, workdir, limit=None):
    """Fill the tables ``parsed`` (columns of ``record.PARSED``) and ``broken`` (line_number, reason, raw)."""
    dialect = fmt.dialect(options)
    clean, broken = Path(workdir) / "clean.csv", Path(workdir) / "broken.csv"
    if not _split(path, dialect, clean, broken, limit):
        raise ReadError("empty")
    duck.execute(
        "CREATE TABLE broken AS FROM read_csv(?, header = false, auto_detect = false,"
        " columns = {'line_number': 'INTEGER', 'reason': 'VARCHAR', 'content': 'VARCHAR'})",
        [str(broken)],
    )
    names = [f"c{i}" for i in range(1, fmt.columns(options) + 1)]
    columns = {"line_number": "INTEGER"} | dict.fromkeys(names, "VARCHAR")
    duck.execute(
        f"CREATE VIEW raw AS SELECT *, struct_pack({', '.join(names)}) AS content FROM read_csv({sql.literal(clean)}, columns = {columns}, delim = {sql.literal(dialect['delimiter'])},"
        " header = false, auto_detect = false, quote = '\"', escape = '\"', nullstr = chr(1), null_padding = true, new_line = '\\n',"
        f" parallel = {dialect['span'] == 1}, store_rejects = true, rejects_limit = 0, strict_mode = true, max_line_size = 1000000)"
    )
    duck.execute(
        "CREATE TABLE parsed AS SELECT * REPLACE ("
        " CASE WHEN record_ref IS NULL OR problem IS NOT NULL"
        f" THEN sha256(concat_ws(chr(31), {', '.join(f'content.{name}' for name in names)})) END AS content)"
        f" FROM ({fmt.select(options)})"
    )
    # One record may break several rules of the container; the first one is its reason.
    duck.execute(
        """
        INSERT INTO broken
        SELECT try_cast(split_part(csv_line, ?, 1) AS INTEGER),
               CASE WHEN error_type LIKE '%COLUMNS' THEN 'columns'
                    WHEN error_type = 'UNQUOTED VALUE' THEN 'quotes' ELSE 'unreadable' END,
               sha256(substr(csv_line, strpos(csv_line, ?) + 1))
          FROM reject_errors
       QUALIFY row_number() OVER (PARTITION BY line ORDER BY error_type DESC) = 1
        """,
        [dialect["delimiter"], dialect["delimiter"]],
    )


def _split(path, dialect, clean_path, broken_path, limit):
    """Write clean records, each led by its line number, and broken ones; return how many there were."""
    delimiter, encoding, span = dialect["delimiter"].encode(), dialect["encoding"], dialect["span"]
    count, header = 0, dialect["header"]
    with open(clean_path, "wb") as clean, open(broken_path, "w", encoding="ascii") as broken:
        for first, lines in blocks(path, encoding):
            if span == 1 and not header and not limit and is_clean(lines, encoding):
                clean.write(b"".join([b"%d%b%b" % (n, delimiter, line) for n, line in enumerate(lines, first)]))
                clean.write(b"" if lines[-1].endswith(b"\n") else b"\n")
                count += len(lines)
                continue
            for number, line, problem in examine(first, lines, encoding, span):
                if header:
                    header = False
                    continue
                if problem:
                    broken.write(f"{number},{problem},{hashlib.sha256(line).hexdigest()}\n")
                else:
                    clean.write(b"%d%b%b\n" % (number, delimiter, line))
                count += 1
                if count == limit:
                    return count
    return count


def _normalise(duck, zone, seed):
    """Fill the table ``normalised`` (columns of ``record.COLUMNS``) from ``parsed`` and ``broken``."""
    _resolve_times(duck, zone)
    texts = ", ".join(record.TEXTS)
    parts = ", ".join(record.PARTS)
    duck.execute(
        f"""
        CREATE TABLE normalised AS
        WITH checked AS (
            SELECT *, coalesce(problem, time_problem, CASE
                WHEN least({parts}, total_seconds) < 0 THEN 'negative_duration'
                WHEN greatest({parts}, total_seconds) > {record.MAX_CALL_SECONDS} THEN 'absurd_duration'
                WHEN start_at IS NULL THEN 'bad_time'
                WHEN direction IS NULL OR direction NOT IN ({sql.literals(record.DIRECTIONS)}) THEN 'bad_direction'
                WHEN disposition IS NULL OR disposition NOT IN ({sql.literals(record.DISPOSITIONS)}) THEN 'bad_disposition'
                END) AS reason
              FROM timed
        ), keyed AS (
            SELECT line_number,
                   left(sha256(CASE WHEN record_ref IS NULL OR reason IS NOT NULL
                                    THEN concat_ws(chr(31), $seed, 'row', content)
                                    ELSE concat_ws(chr(31), $seed, 'id', record_ref) END), 32)::UUID AS record_key,
                   {texts}, {sql.number_key("called")} AS called_key, {sql.number_key("caller")} AS caller_key,
                   disposition, start_at, {parts}, total_seconds, reason,
                   CASE WHEN ignored THEN 'ignored' WHEN reason IS NOT NULL THEN 'refused' END AS outcome
              FROM checked
             UNION ALL BY NAME
            SELECT line_number, left(sha256(concat_ws(chr(31), $seed, 'row', content)), 32)::UUID AS record_key,
                   {", ".join(f"0 AS {part}" for part in record.PARTS)}, 0 AS total_seconds,
                   reason, 'refused' AS outcome
              FROM broken
        )
        SELECT {
            ", ".join(name for name, _type in record.COLUMNS if name not in ("outcome", "total_seconds", *record.PARTS)).replace(
                "reason", "CASE WHEN outcome = 'refused' THEN reason END AS reason"
            )
        },
               {", ".join(f"coalesce(greatest({part}, 0), 0) AS {part}" for part in record.PARTS)},
               CASE WHEN total_seconds BETWEEN 0 AND {record.MAX_CALL_SECONDS} THEN total_seconds ELSE 0 END AS total_seconds,
               outcome
          FROM keyed
        """,
        {"seed": seed},
    )
    duck.execute(
        """
        UPDATE normalised SET outcome = 'duplicate', reason = NULL
          FROM (SELECT record_key AS repeated, min(line_number) AS first
                  FROM normalised WHERE outcome IS DISTINCT FROM 'ignored' GROUP BY ALL HAVING count(*) > 1)
         WHERE record_key = repeated AND line_number > first AND outcome IS DISTINCT FROM 'ignored'
        """
    )


def _resolve_times(duck, zone):
    """Make the view ``timed``: ``parsed`` with ``start_at`` in UTC and ``time_problem``.

    A time in the hour that comes twice is settled by the epoch in the call's id, otherwise refused."""
    bounds = f"BETWEEN TIMESTAMP '{EARLIEST}' AND TIMESTAMP '{LATEST}'"
    first, last = duck.execute(
        f"SELECT CAST(min(local_start) AS VARCHAR), CAST(max(local_start) AS VARCHAR) FROM parsed WHERE local_start {bounds}"
    ).fetchone()
    duck.execute("CREATE TABLE zone (from_local TIMESTAMP, to_local TIMESTAMP, early INTEGER, late INTEGER)")
    if first:
        duck.executemany(
            "INSERT INTO zone VALUES (?, ?, ?, ?)",
            offset_periods(zone, datetime.fromisoformat(first), datetime.fromisoformat(last)),
        )
    duck.execute(
        f"""
        CREATE VIEW timed AS
        SELECT * EXCLUDE (utc_start, early, late, from_local, to_local, at_early, at_late),
               CASE WHEN utc_start {bounds} THEN utc_start
                    WHEN late IS NULL OR abs(epoch(at_early) - epoch_hint) <= {HINT_TOLERANCE} THEN at_early
                    WHEN abs(epoch(at_late) - epoch_hint) <= {HINT_TOLERANCE} THEN at_late END AS start_at,
               CASE WHEN utc_start IS NOT NULL THEN NULL
                    WHEN from_local IS NULL THEN 'bad_time'
                    WHEN early IS NULL THEN 'missing_hour'
                    WHEN late IS NOT NULL AND least(abs(epoch(at_early) - epoch_hint), abs(epoch(at_late) - epoch_hint))
                         IS NOT DISTINCT FROM NULL THEN 'ambiguous_hour'
                    WHEN late IS NOT NULL AND least(abs(epoch(at_early) - epoch_hint), abs(epoch(at_late) - epoch_hint))
                         > {HINT_TOLERANCE} THEN 'ambiguous_hour' END AS time_problem
          FROM (SELECT *, local_start - to_seconds(early) AS at_early, local_start - to_seconds(late) AS at_late
                  FROM parsed LEFT JOIN zone ON local_start >= from_local AND local_start < to_local)
        """
    )


def _zone_shift(duck):
    """Seconds by which most of the call ids that hold an epoch differ from their start, in whole quarters
    of an hour: not 0 when the source's time zone is probably wrong."""
    row = duck.execute(
        f"""
        SELECT mode(CAST(round((epoch(start_at) - epoch_hint) / 900) AS INTEGER) * 900) AS shift,
               count(*) FILTER (abs(epoch(start_at) - epoch_hint) > {HINT_TOLERANCE}) AS off, count(*) AS hinted
          FROM timed WHERE epoch_hint IS NOT NULL AND start_at IS NOT NULL
        """
    ).fetchone()
    return int(row[0]) if row[2] and row[1] * 2 > row[2] else 0
