"""From a file of any registered format to normalised records, in bulk and in parts.

The plan: :mod:`.lines` splits the bytes into records and sets aside what cannot be parsed (structured files are
split by their format); DuckDB parses the rest (each record carries its line number as first field); the format's
SELECT gives typed columns; local times become UTC through :mod:`.local_time`; the outcome, refusals included, is one
CSV file a part with the columns of :data:`.record.COLUMNS`. Every record that went in comes out exactly once.
"""

import csv
import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

import duckdb

from . import card_numbers, record, registry, sql, structured
from .lines import WELL_QUOTED, blocks, cells_of, examine, is_clean, records
from .local_time import offset_periods
from .numbers import canonical_number, dialling

csv.field_size_limit(16 * 1024 * 1024)
MEMORY = "192MB"
THREADS = 1
FIRST_PART_BYTES = 2 * 1024 * 1024  # small, so that the database has something to do soon
PART_BYTES = 16 * 1024 * 1024
PART_RECORDS = 60_000  # of short lines a part has fewer bytes: memory follows the number of records
EARLIEST, LATEST = datetime(1990, 1, 1), datetime(2100, 1, 1)
MAX_ZONE_SHIFT = 26 * 3600
HINT_TOLERANCE = 1800  # seconds between a call's id and its start that still tell the zone
PREVIEW_RECORDS = 20
MAX_TITLES = 400  # no phone system has as many columns
UNREADABLE = ("unreadable", "too_long", "quotes")  # refused as text: there is no record yet


class ReadError(Exception):
    """The file as a whole cannot be used. ``code`` is ``empty``, ``format``, ``header``, ``long`` (all one
    endless record) or ``large`` (a workbook that unpacks to too much)."""

    def __init__(self, code, detail=""):
        super().__init__(code)
        self.code, self.detail = code, detail


@dataclass
class ReadResult:
    """``path``: CSV without header, columns of :data:`.record.COLUMNS`; ``read``: number of its rows;
    ``seconds``: total duration of all its records; ``last``: place of the last record that was looked at;
    ``done_bytes``: about how much of the file has been read so far; ``zone_shift``: seconds by which most call ids contradict the source's time zone, or 0;
    ``cards``: place of a record -> card numbers in it."""

    path: str
    read: int
    seconds: int
    last: int
    zone_shift: int
    done_bytes: int
    part: "_Part"
    cards: dict

    def raw(self, numbers: set[int]) -> Iterator[tuple[int, str]]:
        """The raw text of the records at the given places; see :func:`raw_records`. Card numbers for which a record is refused are
        crossed out."""
        for number, text in self.part.raw(numbers):
            yield number, card_numbers.without(text, self.cards.get(number, ()))

    def remove(self):
        """Delete the files of the part, once they are not needed any more."""
        Path(self.path).unlink(missing_ok=True)
        self.part.remove()


def read(path: str, format_code: str, options: dict, zone: str, seed: str, workdir: str) -> ReadResult:
    """Read a whole file as one part; see :func:`read_parts`."""
    (part,) = read_parts(path, format_code, options, zone, seed, workdir, part_bytes=None)
    return part


def read_parts(
    path: str,
    format_code: str,
    options: dict,
    zone: str,
    seed: str,
    workdir: str,
    part_bytes: int | None = 0,
    after: int = 0,
    again: set | None = None,
    strict: bool = True,
) -> Iterator[ReadResult]:
    """Read a file part by part, so that one of any size needs the same memory.

    :param options: what the format wants to know; see its module and :data:`.registry.OPTIONS`
    :param zone: time zone of local times, as in the IANA database
    :param seed: what makes record ids of different phone systems different
    :param workdir: an empty directory of the caller, who removes it
    :param part_bytes: about how much of the file is a part; 0: as much as is good; None: all of it
    :param after: go on behind this place, as given by ``last`` of the part before
    :param again: for files made by :func:`write_again`: the lines that hold a raw text instead of a record
    :param strict: whether a first part without one record that looks like the format is an error; else all are refused
    :raise ReadError: no record at all, or not one record of the first part that looks like the format, or all too long
    """
    fmt = registry.get(format_code)
    with _connect(workdir) as duck:
        parts = _split(
            path, fmt, options, Path(workdir), None if fmt.whole else PART_BYTES if part_bytes == 0 else part_bytes, after, again
        )
        done = 0
        for index, part in enumerate(parts):
            done += part.bytes
            _load_all(duck, fmt, options, part)
            _normalise(duck, workdir, zone, seed, dialling(options.get("country")))
            cards = _refuse_cards(duck)
            _relate(duck, options.get("hold_near"))
            total, usable, long, seconds = duck.execute(
                "SELECT count(*), count(*) FILTER (outcome IS NULL OR outcome = 'ignored' OR reason = 'card_number'),"
                " count(*) FILTER (reason = 'too_long'), coalesce(sum(total_seconds), 0) FROM normalised"
            ).fetchone()
            if strict and not usable and not index and not after:
                raise ReadError("long" if long == total else "format")
            target = str(Path(workdir) / f"normalised{index}.csv")
            columns = ", ".join(name for name, _type in record.COLUMNS)
            duck.execute(f"COPY (SELECT {columns} FROM normalised) TO {sql.literal(target)} (HEADER false, NULLSTR '')")
            yield ReadResult(target, total, int(seconds), part.last, _zone_shift(duck), done, part, cards)


def preview(path: str, format_code: str, options: dict, zone: str, limit: int = PREVIEW_RECORDS) -> list[dict]:
    """What the first records of a file would become: dicts with the columns of :data:`.record.COLUMNS`
    and ``raw``. Nothing is written.

    :raise ReadError: no record at all
    """
    fmt = registry.get(format_code)
    with tempfile.TemporaryDirectory() as workdir, _connect(workdir) as duck:
        part = next(_split(path, fmt, options, Path(workdir), None, limit=limit))
        _load_all(duck, fmt, options, part)
        _normalise(duck, workdir, zone, "preview", dialling(options.get("country")))
        cursor = duck.execute("FROM normalised ORDER BY line_number")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    raw = dict(raw_records(path, fmt, options, {row["line_number"] for row in rows}))
    return [{**row, "raw": raw.get(row["line_number"], "")} for row in rows]


def raw_records(path: str, fmt: registry.Format, options: dict, numbers: set[int]) -> Iterator[tuple[int, str]]:
    """The raw text of the records at the given places: the line, or the structured record as JSON."""
    left = len(numbers)
    if fmt.parse:
        found = ((number, structured.raw_text(content)) for number, content, _problem in fmt.parse(path, options))
    else:
        dialect = fmt.dialect(options)
        found = (
            (number, line.decode("utf-8", "replace"))
            for number, line, _problem in records(path, dialect.encoding, dialect.span, dialect.quote)
        )
    for number, text in found:
        if not left:
            return
        if number in numbers:
            left -= 1
            yield number, text


def header_of(path: str, fmt: registry.Format, options: dict) -> str:
    """The raw text of the lines that lead a file's records, '' where there are none."""
    dialect = fmt.dialect(options)
    if fmt.parse or not dialect.header:
        return ""
    found = records(path, dialect.encoding, dialect.span, dialect.quote)
    lines = [line.decode("utf-8", "replace") for (_n, line, _problem), _i in zip(found, range(dialect.header), strict=False)]
    return "\n".join(lines) + "\n"


def write_again(path: str, fmt: registry.Format, header: str, texts: list[tuple[str, bool]]) -> tuple[dict, set]:
    """Write records that are to be read again, with ``again``, as a file of the format.

    :param header: see :func:`header_of`
    :param texts: (raw or corrected text, whether it was refused as text)
    :return: place of each in the file -> its index in ``texts``, and the places of those refused as text
    """
    places, plain = {}, set()
    with open(path, "w", encoding="utf-8", newline="") as stream:
        stream.write(header)
        line = header.count("\n") + 1
        for index, (text, refused) in enumerate(texts):
            text = text.replace("\r", "").strip("\n")
            if fmt.parse:
                text = json.dumps(text) if refused else " ".join(text.splitlines())
            places[line] = index
            if refused:
                plain.add(line)
            stream.write(text + "\n")
            line += text.count("\n") + 1
    return places, plain


def _connect(workdir):
    """An engine in this process that can read and write one directory and nothing else."""
    duck = duckdb.connect(
        config={"threads": THREADS, "memory_limit": MEMORY, "temp_directory": workdir, "preserve_insertion_order": False}
    )
    duck.execute(f"SET allowed_directories = [{sql.literal(workdir)}]")
    duck.execute("SET enable_external_access = false")
    duck.execute("SET lock_configuration = true")
    return duck


@dataclass
class _Part:
    """A stretch of a file, made ready for the parser, as files: ``clean`` has the records led by their place, ``broken``
    the places and reasons of what cannot be parsed, ``texts`` the raw text of these, and of all structured records."""

    clean: Path
    broken: Path
    texts: Path
    index: int
    dialect: registry.Dialect | None
    count: int = 0
    bytes: int = 0
    last: int = 0
    delimiter: str = ","
    titles: list = field(default_factory=list)

    def raw(self, numbers):
        with self.texts.open(encoding="utf-8", newline="") as stream:
            for number, text in csv.reader(stream):
                if int(number) in numbers:
                    yield int(number), text
        if self.dialect:
            mark = self.delimiter.encode()
            for _n, line, _problem in records(str(self.clean), "utf-8", self.dialect.span, self.dialect.quote):
                number, _mark, text = line.partition(mark)
                if int(number) in numbers:
                    yield int(number), text.decode("utf-8", "replace")

    def set_aside_stray_quotes(self):
        """Take out of the clean records those whose quotes do not wrap whole fields."""
        if not self.dialect or not self.dialect.quote:
            return
        mark, kept = self.delimiter.encode(), self.clean.with_suffix(".kept")
        with (
            kept.open("wb") as clean,
            self.broken.open("a", encoding="ascii") as broken,
            self.texts.open("a", encoding="utf-8", newline="") as texts,
        ):
            keep = csv.writer(texts, quoting=csv.QUOTE_ALL)
            for _n, line, _problem in records(str(self.clean), "utf-8", self.dialect.span, True):
                number, _mark, text = line.partition(mark)
                if WELL_QUOTED.fullmatch(text):
                    clean.write(line + b"\n")
                else:
                    broken.write(f"{int(number)},quotes,{hashlib.sha256(text).hexdigest()}\n")
                    keep.writerow((int(number), text.decode("utf-8", "replace")))
        kept.replace(self.clean)

    def remove(self):
        for path in (self.clean, self.broken, self.texts):
            path.unlink(missing_ok=True)


def _split(path, fmt, options, workdir, part_bytes, after=0, again=None, limit=None):
    """Yield the parts of a file.

    :raise ReadError: no record at all, or a header that is not the format's
    """
    feed = _structured_feed(path, fmt, options, again, limit) if fmt.parse else _delimited_feed(path, fmt, options, limit)
    titles, index, any_record = [], 0, False
    batches = iter(feed)
    ended = False
    while not ended:
        dialect = None if fmt.parse else fmt.dialect(options)
        paths = (workdir / f"{name}{index}" for name in ("clean", "broken", "texts"))
        part = _Part(*paths, index, dialect, delimiter=dialect.delimiter if dialect else ",")
        with (
            part.clean.open("wb") as clean,
            part.broken.open("w", encoding="ascii") as broken,
            part.texts.open("w", encoding="utf-8", newline="") as texts,
        ):
            keep = csv.writer(texts, quoting=csv.QUOTE_ALL)
            while True:
                batch = next(batches, None)
                if batch is None:
                    ended = True
                    break
                first, last, count, content, refused, header, raw = batch
                titles = header or titles
                if last <= after:
                    any_record = any_record or bool(count)
                    continue
                if first <= after:
                    content, refused, count = _behind(content, refused, after, part.delimiter)
                clean.write(content)
                for number, problem, line in refused:
                    broken.write(f"{number},{problem},{hashlib.sha256(line).hexdigest()}\n")
                    keep.writerow((number, line.decode("utf-8", "replace")))
                keep.writerows(raw)
                part.count += count
                part.bytes += len(content)
                part.last = last
                enough = min(part_bytes or 0, FIRST_PART_BYTES << 2 * index)
                if part_bytes and (part.bytes >= enough or part.count >= PART_RECORDS):
                    break
        part.titles = titles
        any_record = any_record or bool(part.count)
        if part.count:
            yield part
        else:
            part.remove()
        index += 1
    if not any_record:
        raise ReadError("empty")


def _behind(content, refused, after, delimiter):
    """What of a batch comes behind a place."""
    mark = delimiter.encode()
    kept = [line for line in content.splitlines(keepends=True) if int(line.partition(mark)[0]) > after]
    refused = [each for each in refused if each[0] > after]
    return b"".join(kept), refused, len(kept) + len(refused)


def _delimited_feed(path, fmt, options, limit):
    """Yield ``(first place, last place, number of records, clean bytes led by their line number, refused, titles, raw)``:
    ``refused`` are (place, problem, bytes), ``raw`` texts that the clean bytes do not tell, as (place, text)."""
    dialect = fmt.dialect(options)
    mark, encoding, header = dialect.delimiter.encode(), dialect.encoding, dialect.header
    titles, heading, total = [], None, 0
    for first, lines in blocks(path, encoding, dialect.span):
        last = first + len(lines) - 1
        plain = (dialect.span == 1 or dialect.quote) and not header and not limit and is_clean(lines, encoding, dialect.quote)
        if plain and (heading is None or heading not in b"".join(lines)):
            content = b"".join([b"%d%b%b" % (n, mark, line) for n, line in enumerate(lines, first)])
            yield first, last, len(lines), content if lines[-1].endswith(b"\n") else content + b"\n", [], titles, ()
            continue
        clean, refused = [], []
        for number, line, problem in examine(first, lines, encoding, dialect.span, dialect.quote):
            if header:
                if header == dialect.header:
                    titles, heading = _titles(line, dialect), line
                header -= 1
                continue
            if line == heading:  # files of one header put together
                continue
            if problem:
                refused.append((number, problem, line))
            else:
                clean.append(b"%d%b%b\n" % (number, mark, line))
            total += 1
            if total == limit:
                break
        yield first, last, len(clean) + len(refused), b"".join(clean), refused, titles, ()
        if limit and total >= limit:
            return


def _structured_feed(path, fmt, options, again, limit=None):
    """As :func:`_delimited_feed`, for records that the format takes out of the file by itself."""
    found = _again(path, fmt, options, again) if again is not None else fmt.parse(path, options)
    names = fmt.places(options)
    batch, refused, raw, first, last, size = [], [], [], None, 0, 0
    for number, content, problem in islice(found, limit):
        first, last = first or number, number
        if problem is None:
            try:
                cells = structured.values(content, names)
            except (TypeError, ValueError, KeyError, AttributeError, IndexError, RecursionError):
                problem, content = "unreadable", structured.raw_text(content)
        if problem:
            refused.append((number, problem, content.encode("utf-8", "replace")))
        else:
            quoted = ",".join("" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in cells)
            batch.append(f"{number},{quoted}\n")
            raw.append((number, structured.raw_text(content)))
            size += len(quoted)
        if size > 1024 * 1024 or len(refused) > 1000:
            yield first, last, len(batch) + len(refused), "".join(batch).encode(), refused, [], raw
            batch, refused, raw, first, size = [], [], [], None, 0
    if batch or refused:
        yield first, last, len(batch) + len(refused), "".join(batch).encode(), refused, [], raw


def _again(path, fmt, options, again):
    """Structured records that were set aside: as dicts, or as raw text that the format has to take apart."""
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            try:
                content = json.loads(line)
            except ValueError:
                yield number, line.strip(), "unreadable"
                continue
            if number not in again:
                yield (number, content, None) if isinstance(content, dict) else (number, line.strip(), "unreadable")
                continue
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".raw") as single:
                single.write(str(content))
                single.flush()
                # What one text holds beyond its first record would have no place of its own.
                parsed = list(zip(range(2), fmt.parse(single.name, options), strict=False))
            if len(parsed) == 1 and parsed[0][1][2] is None:
                yield number, parsed[0][1][1], None
            else:
                yield number, str(content), "unreadable"


def _titles(line, dialect):
    text = line.decode("utf-8", "replace")
    try:
        return cells_of(text, dialect.delimiter) if dialect.quote else text.split(dialect.delimiter)
    except csv.Error:  # a bare carriage return, an endless field
        return []


def _columns(fmt, options, part):
    """:return: (number of text columns of the clean file, expression of each column of ``raw`` by name)

    :raise ReadError: the header lacks a required column
    """
    names = fmt.places(options)
    if not names:
        count = fmt.columns(options)
        return count, {f"c{i}": f"c{i}" for i in range(1, count + 1)}
    if fmt.parse:
        return len(names), {name: f"c{i}" for i, name in enumerate(names, 1)}
    if not fmt.dialect(options).header:
        return fmt.columns(options), {name: f"c{position}" for name, position in names.items()}
    if len(part.titles) > MAX_TITLES:
        raise ReadError("format")
    positions = {}
    for position, title in enumerate(part.titles, 1):
        positions.setdefault(registry.plain_title(title), position)
    expressions = {}
    for name, wanted in names.items():
        if callable(wanted):
            expressions[name] = f"c{wanted(part.titles)}"
            continue
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        found = [f"c{positions[plain]}" for title in wanted if (plain := registry.plain_title(title)) in positions]
        if name in fmt.required and not found:
            raise ReadError("header", wanted[0])
        expressions[name] = (
            (f"coalesce({', '.join(found)})" if len(found) > 1 else found[0]) if found else "CAST(NULL AS VARCHAR)"
        )
    return max(len(part.titles) + 1, fmt.columns(options)), expressions


def _load_all(duck, fmt, options, part):
    """:func:`_load`, and make sure that no record is lost or comes twice.

    :raise RuntimeError: one is: a file is rather not imported than in part
    """
    _load(duck, fmt, options, part)
    if _loaded(duck) != part.count:  # quotes in the midst of fields made the parser take several records for one
        part.set_aside_stray_quotes()
        duck.execute(f"DROP TABLE rejects{part.index}; DROP TABLE scans{part.index}")
        _load(duck, fmt, options, part)
    if (found := _loaded(duck)) != part.count:
        raise RuntimeError(f"Of {part.count} records {found} were read")


def _loaded(duck):
    """Number of the records in ``parsed`` and ``broken``; -1 where that is not one for each place."""
    places, records_ = duck.execute(
        "SELECT count(DISTINCT line_number), count(*)"
        " FROM (SELECT line_number FROM parsed UNION ALL SELECT line_number FROM broken)"
    ).fetchone()
    return records_ if records_ == places else -1


def _load(duck, fmt, options, part):
    """Fill the tables ``parsed`` (columns of ``record.PARSED``) and ``broken`` (line_number, reason, content)."""
    count, expressions = _columns(fmt, options, part)
    dialect = fmt.dialect(options)
    duck.execute(
        "CREATE OR REPLACE TABLE broken AS FROM read_csv(?, header = false, auto_detect = false,"
        " columns = {'line_number': 'INTEGER', 'reason': 'VARCHAR', 'content': 'VARCHAR'})",
        [str(part.broken)],
    )
    names = [f"c{i}" for i in range(1, count + 1)]
    columns = {"line_number": "INTEGER"} | dict.fromkeys(names, "VARCHAR")
    quote = "quote = '\"', escape = '\"'" if fmt.parse or dialect.quote else "quote = '', escape = ''"
    identity = [expressions["identity"]] if "identity" in expressions else names
    parallel = not fmt.parse and dialect.span == 1
    duck.execute(
        f"CREATE OR REPLACE VIEW raw AS SELECT line_number, {', '.join(f'{expr} AS {name}' for name, expr in expressions.items())},"
        f" struct_pack({', '.join(names)}) AS content"
        f" FROM read_csv({sql.literal(part.clean)}, columns = {columns}, delim = {sql.literal(part.delimiter)},"
        f" header = false, auto_detect = false, {quote}, nullstr = chr(1), null_padding = true, new_line = '\\n',"
        f" parallel = {parallel}, store_rejects = true, rejects_table = 'rejects{part.index}',"
        f" rejects_scan = 'scans{part.index}', rejects_limit = 0, strict_mode = true, max_line_size = 4000000)"
    )
    found = fmt.select(options)
    if part.titles and not fmt.parse and fmt.names and not fmt.columns(options):
        # More values than titles: one of them was split, and those behind it are not what their titles say.
        found = (
            f"SELECT * REPLACE (CASE WHEN content.{names[-1]} <> '' THEN 'columns' ELSE problem END AS problem) FROM ({found})"
        )
    duck.execute(
        "CREATE OR REPLACE TABLE parsed AS SELECT * REPLACE ("
        " CASE WHEN record_ref IS NULL OR problem IS NOT NULL"
        f" THEN sha256(concat_ws(chr(31), {', '.join(f'content.{name}' for name in identity)})) END AS content)"
        f" FROM ({found})"
    )
    # One record may break several rules of the container; the first one is its reason.
    duck.execute(
        f"""
        INSERT INTO broken
        SELECT try_cast(split_part(csv_line, ?, 1) AS INTEGER),
               CASE WHEN error_type LIKE '%COLUMNS' THEN 'columns'
                    WHEN error_type = 'UNQUOTED VALUE' THEN 'quotes' ELSE 'unreadable' END,
               sha256(substr(csv_line, strpos(csv_line, ?) + 1))
          FROM rejects{part.index}
       QUALIFY row_number() OVER (PARTITION BY line ORDER BY error_type DESC) = 1
        """,
        [part.delimiter, part.delimiter],
    )


def _normalise(duck, workdir, zone, seed, rules):
    """Fill the table ``normalised`` (columns of ``record.COLUMNS``) from ``parsed`` and ``broken``."""
    _resolve_times(duck, zone)
    _resolve_numbers(duck, workdir, rules)
    parts = ", ".join(record.PARTS)
    refused = {
        "content": "line_number, content, reason, 'refused' AS outcome",
        "zero": ", ".join(f"0 AS {part}" for part in record.PARTS) + ", 0 AS total_seconds, 1 AS quantity",
    }
    kept = ", ".join(
        name
        for name, _type in record.COLUMNS
        if name not in ("record_key", "called_key", "caller_key", "called_is_e164", "caller_is_e164", "outcome", "reason",
                        "total_seconds", "quantity", "provider_cost", "grouped", *record.PARTS)
    )  # fmt: skip
    unknown = f"(disposition IS NULL OR disposition NOT IN ({sql.literals(record.DISPOSITIONS)}))"
    # Only calls have an outcome.
    told = f"CASE WHEN kind <> 'call' AND {unknown} THEN 'answered' ELSE disposition END AS disposition"
    kept_told = ", ".join(told if name == "disposition" else name for name in kept.split(", "))
    duck.execute(
        f"""
        CREATE OR REPLACE TABLE normalised AS
        WITH checked AS NOT MATERIALIZED (
            SELECT *, coalesce(problem, time_problem, CASE
                WHEN least({parts}, total_seconds) < 0 THEN 'negative_duration'
                WHEN greatest({parts}, total_seconds) > {record.MAX_CALL_SECONDS} THEN 'absurd_duration'
                WHEN start_at IS NULL THEN 'bad_time'
                WHEN direction IS NULL OR direction NOT IN ({sql.literals(record.DIRECTIONS)}) THEN 'bad_direction'
                WHEN {unknown} AND kind = 'call' THEN 'bad_disposition'
                WHEN kind IS NULL OR kind NOT IN ({sql.literals(record.KINDS)}) THEN 'bad_kind'
                WHEN quantity IS NULL OR quantity < 0 OR quantity > 1000000 OR quantity <> round(quantity, 2) THEN 'bad_quantity'
                END) AS found,
                   coalesce({sql.plain_number("called", rules)}, a.canonical) AS called_number,
                   coalesce({sql.plain_number("caller", rules)}, b.canonical) AS caller_number
              FROM timed LEFT JOIN odd_number a ON a.number = called LEFT JOIN odd_number b ON b.number = caller
        ), keyed AS (
            SELECT {kept_told}, ltrim(called_number, '+') AS called_key, ltrim(caller_number, '+') AS caller_key,
                   called_number LIKE '+%' AS called_is_e164, caller_number LIKE '+%' AS caller_is_e164,
                   CASE WHEN record_ref IS NULL OR found IS NOT NULL THEN coalesce(content, record_ref) END AS content,
                   {parts}, total_seconds, quantity, provider_cost,
                   CASE WHEN NOT coalesce(ignored, false) THEN found END AS reason,
                   CASE WHEN ignored THEN 'ignored' WHEN found IS NOT NULL THEN 'refused' END AS outcome
              FROM checked
             UNION ALL BY NAME
            SELECT {refused["content"]}, {refused["zero"]} FROM broken
        )
        SELECT {kept}, called_key, caller_key, called_is_e164, caller_is_e164, outcome, false AS grouped, reason, provider_cost, quantity,
               left(sha256(CASE WHEN record_ref IS NULL OR reason IS NOT NULL
                                THEN concat_ws(chr(31), $seed, 'row', content)
                                ELSE concat_ws(chr(31), $seed, 'id', record_ref) END), 32)::UUID AS record_key,
               {", ".join(f"coalesce(greatest({part}, 0), 0) AS {part}" for part in record.PARTS)},
               CASE WHEN total_seconds BETWEEN 0 AND {record.MAX_CALL_SECONDS} THEN total_seconds ELSE 0 END AS total_seconds
          FROM keyed
        """,
        {"seed": seed},
    )
    # Of several records with one id the newest content counts; of equal ones the first.
    told = ", ".join(name for name in (*record.TEXTS, "disposition", "start_at", *record.PARTS, "total_seconds", "quantity"))
    duck.execute(
        f"""
        UPDATE normalised SET outcome = 'duplicate', reason = NULL
          FROM (SELECT line_number AS repeated
                  FROM (SELECT line_number, record_key, version_at,
                               max(line_number) OVER (PARTITION BY record_key, struct_pack({told})) AS newest
                          FROM normalised
                         WHERE outcome IS DISTINCT FROM 'ignored' AND record_key IN (
                               SELECT record_key FROM normalised WHERE outcome IS DISTINCT FROM 'ignored'
                                GROUP BY record_key HAVING count(*) > 1))
               QUALIFY row_number() OVER (
                   PARTITION BY record_key ORDER BY version_at DESC NULLS LAST, newest DESC, line_number) > 1)
         WHERE line_number = repeated
        """
    )


def _refuse_cards(duck):
    """Refuse records whose free texts hold the number of a payment card, and cross it out. Each text is looked at once, however many
    records have it.

    :return: dict of place -> card numbers
    """
    texts = [
        f"SELECT DISTINCT {name} FROM normalised WHERE strlen({name}) >= {card_numbers.SHORTEST}" for name in record.FREE_TEXTS
    ]
    # What was dialled is longer than any telephone number only where somebody keyed in more.
    texts.append("SELECT DISTINCT called FROM normalised WHERE strlen(called) = 16 AND called SIMILAR TO '[2-6][0-9]{15}'")
    known = {text: found for (text,) in duck.execute(" UNION ALL ".join(texts)).fetchall() if (found := card_numbers.find(text))}
    if not known:
        return {}
    columns = (*record.FREE_TEXTS, "called")
    held = " OR ".join(f"{name} IN (SELECT unnest($texts))" for name in columns)
    rows = duck.execute(
        f"SELECT line_number, {', '.join(columns)} FROM normalised WHERE outcome IS NULL AND ({held})", {"texts": list(known)}
    ).fetchall()
    cards = {line: [each for value in values for each in known.get(value, ())] for line, *values in rows}
    crossed = ", ".join(
        f"{name} = CASE WHEN length(regexp_replace({name}, '[^0-9]', '', 'g')) >= {card_numbers.SHORTEST}"
        f" THEN regexp_replace({name}, '[0-9]', 'X', 'g') ELSE {name} END"
        for name in (*columns, "called_key")
    )
    duck.execute(
        f"UPDATE normalised SET outcome = 'refused', reason = 'card_number', {crossed}"
        " WHERE line_number IN (SELECT unnest($lines))",
        {"lines": list(cards)},
    )
    return cards


def _relate(duck, hold_near):
    """Mark records of one call, and, if wanted, hold calls that seem to have come twice: same numbers however they are
    written, start and duration within :data:`.record.NEAR_SECONDS`, another id."""
    duck.execute(
        """
        UPDATE normalised SET grouped = true WHERE outcome IS NULL AND group_ref IN (
            SELECT group_ref FROM normalised WHERE outcome IS NULL AND group_ref IS NOT NULL
             GROUP BY group_ref HAVING count(*) > 1)
        """
    )
    if not hold_near:
        return
    duck.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE talked AS
        SELECT line_number, caller_key, called_key, start_at, total_seconds, group_ref FROM normalised
         WHERE outcome IS NULL AND talk_seconds > 0 AND caller IS NOT NULL AND called IS NOT NULL;
        UPDATE normalised SET outcome = 'refused', reason = 'near_duplicate' WHERE line_number IN (
            SELECT b.line_number FROM talked a JOIN talked b ON b.caller_key = a.caller_key AND b.called_key = a.called_key
             WHERE (a.start_at < b.start_at OR a.start_at = b.start_at AND a.line_number < b.line_number)
               AND b.start_at <= a.start_at + INTERVAL {record.NEAR_SECONDS} SECONDS
               AND abs(b.total_seconds - a.total_seconds) <= {record.NEAR_SECONDS}
               AND (a.group_ref = b.group_ref) IS NOT TRUE)
        """
    )


def _resolve_numbers(duck, workdir, rules):
    """Fill the table ``odd_number`` with the canonical form of each number that is not written in it."""
    odd = duck.execute(
        f"""
        SELECT DISTINCT number FROM (
            SELECT called AS number FROM parsed WHERE {sql.plain_number("called", rules)} IS NULL
             UNION ALL
            SELECT caller FROM parsed WHERE {sql.plain_number("caller", rules)} IS NULL)
         WHERE number IS NOT NULL
        """
    ).fetchall()
    path = Path(workdir) / "numbers.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = ((number, canonical_number(number, rules)) for (number,) in odd)
        csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    duck.execute(
        f"CREATE OR REPLACE TABLE odd_number AS FROM read_csv({sql.literal(path)}, header = false, auto_detect = false,"
        " columns = {'number': 'VARCHAR', 'canonical': 'VARCHAR'}, quote = '\"', escape = '\"',"
        " new_line = '\\n', parallel = false, max_line_size = 4000000)"
    )


def _resolve_times(duck, zone):
    """Make the view ``timed``: ``parsed`` with ``start_at`` in UTC and ``time_problem``.

    A time in the hour that comes twice is settled by the epoch in the call's id, otherwise refused."""
    bounds = f"BETWEEN TIMESTAMP '{EARLIEST}' AND TIMESTAMP '{LATEST}'"
    first, last = duck.execute(
        f"SELECT CAST(min(local_start) AS VARCHAR), CAST(max(local_start) AS VARCHAR) FROM parsed WHERE local_start {bounds}"
    ).fetchone()
    duck.execute("CREATE OR REPLACE TABLE zone (from_local TIMESTAMP, to_local TIMESTAMP, early INTEGER, late INTEGER)")
    if first:
        duck.executemany(
            "INSERT INTO zone VALUES (?, ?, ?, ?)",
            offset_periods(zone, datetime.fromisoformat(first), datetime.fromisoformat(last)),
        )
    duck.execute(
        f"""
        CREATE OR REPLACE VIEW timed AS
        SELECT * EXCLUDE (utc_start, early, late, from_local, to_local, at_early, at_late),
               date_trunc('second', CASE WHEN utc_start {bounds} THEN utc_start
                    WHEN late IS NULL OR abs(epoch(at_early) - epoch_hint) <= {HINT_TOLERANCE} THEN at_early
                    WHEN abs(epoch(at_late) - epoch_hint) <= {HINT_TOLERANCE} THEN at_late END) AS start_at,
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
    # Zones differ by a day at most: more tells that the ids hold no such second.
    return int(row[0]) if row[2] and row[1] * 2 > row[2] and abs(row[0]) <= MAX_ZONE_SHIFT else 0
