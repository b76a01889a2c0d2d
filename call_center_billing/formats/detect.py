"""What a sample says of itself, for a column mapping: container, encoding, delimiter, titles, how times and durations
are written, which column is probably which field.

What the sample does not settle stays None and is asked: a date such as 03/04/2026 has no order by itself. What was taken
without proof is told, so that people look at it. Nothing here reads records for billing: that is :mod:`.generic`.
"""

import contextlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from statistics import median, mode

from charset_normalizer import from_bytes

from . import generic, lines, record, structured, titles, workbook
from .reader import ReadError

HEAD_BYTES = 256 * 1024
SAMPLE_RECORDS = 200
MAX_COLUMNS = 200
EXAMPLES = 3
CLEAR = 0.8  # share of a sample's texts that tells what a column is: some of them may be broken
DELIMITERS = (",", ";", "\t", "|")
ENCODINGS = (
    "utf-8", "cp1252", "latin-1", "iso8859-15", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "gb18030", "big5",
    "euc_kr", "utf-16",
)  # fmt: skip
DURATIONS = (*record.PARTS, "total_seconds")
CLOCK = re.compile(r"\d{1,4}(:\d{1,2}){1,2}([.]\d+)?")
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.]\d+)?)?( ?[aApP]\.?[mM]\.?)?")
TIMES = {  # how a time begins
    "iso": re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([ T].*)?|(19|20)\d{12}"),
    "numbers": re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})([ T].*)?"),
    "dmy": re.compile(r"\d{1,2}[ -][A-Za-z]{3}[ -]\d{4}.*"),
    "mdy": re.compile(r"[A-Z][a-z]{2} \d{1,2},? \d{4}.*"),
    "epoch": re.compile(r"1\d{9}([.]\d+)?"),
    "epoch_ms": re.compile(r"1\d{12}"),
    "serial": re.compile(r"[3-6]\d{4}([.,]\d+)?"),
}


@dataclass
class Column:
    """``place``: what a mapping calls it, a title, a path or a position; ``position`` from 1, 0 for a path;
    ``texts``: what the sample's records have there."""

    place: str | int
    title: str
    position: int
    texts: list = field(default_factory=list)

    def filled(self):
        return [text.strip() for text in self.texts if (text or "").strip() not in generic.sql.BLANKS]

    def examples(self):
        return list(dict.fromkeys(self.filled()))[:EXAMPLES]


@dataclass
class Detected:
    """``fields``: name of a field -> :class:`Column`; ``values``: field -> {text: meaning}; ``questions``: what people
    are to settle or to look at, as (code, detail), see :func:`detect`."""

    format: str
    delimiter: str = ","
    encoding: str = "utf-8"
    header: bool | None = None
    inside: str = ""
    decimal: str = "."
    time_format: str | None = None
    duration_unit: str | None = None
    columns: list = field(default_factory=list)
    fields: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    questions: list = field(default_factory=list)


def detect(path: str, chosen: dict | None = None, given: dict | None = None) -> Detected:
    """What the sample at a path says of itself.

    :param chosen: fields that people gave a column already, as name -> place; the rest is guessed
    :param given: what people say of the file: ``format``, ``delimiter``, ``encoding``, ``header``, ``inside``
    :return: among its ``questions``: ``no_start``, ``date_order``, ``mixed_dates`` and ``times`` (texts), ``unit`` (title),
        which leave the mapping incomplete; ``delimiter``; and what was taken without proof: ``seconds`` (title),
        ``start`` (title), ``encoding`` (name), ``serial``, ``damaged`` and ``decimal`` (texts)
    :raise ReadError: ``empty``; or ``format``, with ``xls``, ``compressed``, ``markup``, ``binary`` or ``workbook`` as detail; or
        ``large``, a workbook that unpacks to too much
    """
    with open(path, "rb") as stream:
        head = stream.read(HEAD_BYTES)
    if not head.strip():
        raise ReadError("empty")
    found = Detected(**given) if given else _container(path, head)
    found.columns = columns_of(path, found)
    if not any(column.filled() for column in found.columns):
        raise ReadError("empty")
    _guess_fields(found, chosen or {})
    _guess_decimal(found)
    _guess_times(found)
    _guess_durations(found)
    _guess_values(found)
    for column in {id(column): column for column in found.fields.values()}.values():
        damaged = next((text for text in column.filled() if re.fullmatch(generic.DAMAGED, text)), None)
        if damaged:
            found.questions.append(("damaged", damaged))
    return found


# --- The container -------------------------------------------------------------------------------------


def _container(path, head):
    for start, what in (
        (b"\xd0\xcf\x11\xe0", "xls"),
        (b"\x1f\x8b", "compressed"),
        (b"BZh", "compressed"),
        (b"Rar!", "compressed"),
    ):
        if head.startswith(start):
            raise ReadError("format", what)
    if head.startswith(b"PK"):
        return Detected("generic_xlsx")
    encoding, sure = _encoding(head)
    text = head.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        raise ReadError("format", "markup")
    if text[:1] in "{[" and (document := _first_document(path)) is not None:
        return Detected("generic_json", header=False, inside="" if text[0] == "[" else _array_inside(document))
    sample = _sample(path, encoding)
    if not sample:
        raise ReadError("format")
    delimiter = max(DELIMITERS, key=lambda each: _likelihood(sample, each))
    found = Detected("generic_csv", delimiter=delimiter, encoding=encoding)
    if not _likelihood(sample, delimiter):
        found.questions.append(("delimiter", ""))
    if not sure:
        found.questions.append(("encoding", encoding))
    return found


def _encoding(head):
    """(encoding, whether that is certain)"""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", True
    zeros = head.count(0)
    if zeros * 4 > len(head):
        if head[1::2].count(0) * 10 < zeros * 9:  # not what little-endian text of most languages looks like
            raise ReadError("format", "binary")
        return "utf-16", True
    with contextlib.suppress(UnicodeDecodeError):
        head[: head.rfind(b"\n") + 1 or None].decode()
        return "utf-8", True
    if zeros or sum(head.count(byte) for byte in range(1, 9)) > len(head) // 100:
        raise ReadError("format", "binary")
    names = {each.replace("-", "_"): each for each in ENCODINGS if each not in ("utf-8", "utf-16")}
    best = from_bytes(head, cp_isolation=list(names)).best()
    likely = [best.encoding, *best.could_be_from_charset] if best else []
    for name in ("cp1252", *likely):  # several code pages often say the same of a sample: the usual one then
        if name in likely and name.replace("-", "_") in names:
            return names[name.replace("-", "_")], False
    return "cp1252", False


def columns_of(path: str, found: Detected) -> list[Column]:
    """The columns of a sample that is written as ``found`` says.

    :raise ReadError: it is not
    """
    if found.format == "generic_json":
        return _paths(path, found.inside)
    rows = _rows(path, found)
    if found.header is None:
        found.header = _is_header(rows[0], rows[1:]) if rows else False
    width = min(max(map(len, rows), default=0), MAX_COLUMNS)
    names = generic.unique_titles(rows[0]) if found.header and rows else []
    data = [row for row in rows[1:] if row != rows[0]] if found.header else rows
    columns = []
    for position in range(1, width + 1):
        title = names[position - 1] if position <= len(names) else ""
        texts = [row[position - 1] if position <= len(row) else None for row in data]
        columns.append(Column(title or position, title, position, texts))
    return columns


def _rows(path, found):
    if found.format == "generic_xlsx":
        try:
            return [cells for _number, cells in islice(workbook.xlsx_rows(path), SAMPLE_RECORDS)]
        except workbook.TooLargeError as error:
            raise ReadError("large", "large") from error
        except ValueError as error:
            raise ReadError("format", "workbook") from error
    return [lines.cells_of(text, found.delimiter) for text in _sample(path, found.encoding)]


def _sample(path, encoding):
    return [line.decode() for _n, line, problem in islice(lines.records(path, encoding, 50), SAMPLE_RECORDS) if not problem]


def _likelihood(sample, delimiter):
    """How much lines look as if they were written with a delimiter; 0 where they do not."""
    rows = [lines.cells_of(text, delimiter) for text in sample]
    width = mode(len(row) for row in rows)
    if width == 1:
        return 0
    cells = [cell for row in rows for cell in row]
    others = "".join(set(DELIMITERS) - {delimiter})
    plain = sum(bool(NUMBER.fullmatch(cell.strip())) or not any(other in cell for other in others) for cell in cells)
    return sum(len(row) == width for row in rows) / len(rows) * (plain / len(cells)) ** 4 * (1 - 1 / width)


def _is_header(first, rest):
    """Whether a first row has titles: it has words only, where others have times and numbers, or words that we know."""
    texts = [(cell or "").strip() for cell in first]
    if any(_typed(text) for text in texts) or not any(texts):
        return False
    known = sum(any(titles.matches(text, name) for name in titles.GUESSES) for text in texts)
    typed = any(_typed((cell or "").strip()) for row in rest for cell, text in zip(row, texts, strict=False) if text)
    return typed or known >= 2


def _typed(text):
    return bool(NUMBER.fullmatch(text) or CLOCK.fullmatch(text) or any(shape.fullmatch(text) for shape in TIMES.values()))


def _first_document(path):
    documents = islice(structured.json_records(path), SAMPLE_RECORDS)
    return next((document for _place, document, problem in documents if not problem), None)


def _paths(path, inside):
    """The columns of JSON: the paths to what its records hold."""
    records = [
        content
        for _place, content, problem in islice(structured.json_records(path, (inside,) if inside else ()), SAMPLE_RECORDS)
        if not problem and isinstance(content, dict)
    ]
    flat = [dict(islice(_leaves(each), MAX_COLUMNS)) for each in records]
    paths = list(dict.fromkeys(path for each in flat for path in each))[:MAX_COLUMNS]
    return [Column(path, path, 0, [each.get(path) for each in flat]) for path in paths]


def _array_inside(document):
    """Path of the longest array of objects that a document is the envelope of, '' where it is a record itself."""
    if not isinstance(document, dict):
        return ""
    if any(titles.matches(path, "start") and "[" not in path for path, _text in islice(_leaves(document), MAX_COLUMNS)):
        return ""
    arrays = {}
    for key, value in document.items():
        for path, each in (
            ((key, value), *((f"{key}.{inner}", v) for inner, v in value.items())) if isinstance(value, dict) else ((key, value),)
        ):
            if isinstance(each, list) and each and all(isinstance(entry, dict) for entry in each):
                arrays[path] = len(each)
    return max(arrays, key=arrays.get, default="")


def _leaves(value, path="", depth=0):
    """Pairs of path and text of what a record holds; of an array its first entry."""
    if isinstance(value, dict) and depth < 6:
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list) and value and depth < 6:
        yield from _leaves(value[0], f"{path}[0]", depth + 1)
    elif not isinstance(value, dict | list):
        yield path, structured.values({"value": value}, {"value": "value"})[0]


# --- The columns ---------------------------------------------------------------------------------------


def _guess_fields(found, chosen):
    places = {column.place: column for column in found.columns} | {column.position: column for column in found.columns}
    found.fields = {name: places[place] for name, place in chosen.items() if place in places}
    taken = [column for column in found.columns if column.place in chosen.values() or column.position in chosen.values()]
    for name in titles.GUESSES:
        free = [column for column in found.columns if not any(column is each for each in taken) and column.title]
        ranked = [(rank, index) for index, column in enumerate(free) if (rank := titles.rank(column.title, name)) is not None]
        if name not in chosen and ranked:
            column = free[min(ranked)[1]]
            found.fields[name] = column
            taken.append(column)
    if "start" not in found.fields:
        column = next((each for each in found.columns if _looks_like_time(each, ("iso", "numbers", "dmy", "mdy"))), None)
        if column is None:
            found.questions.append(("no_start", ""))
            return
        found.fields["start"] = column
        found.questions.append(("start", column.title or str(column.position)))
    dates = found.fields["start"].filled()
    if "start_time" not in chosen and dates and not any(":" in text for text in dates):
        clocks = [
            each
            for each in found.columns
            if titles.plain_name(each.title, titles.ZONE_WORDS) in titles.TIME_TITLES and each.filled()
        ]
        for column in clocks:
            free = not any(column is each for each in found.fields.values())
            if free and all(map(TIME_OF_DAY.fullmatch, column.filled())):
                found.fields["start_time"] = column
                return


def _looks_like_time(column, shapes):
    texts = column.filled()
    return bool(texts) and sum(any(TIMES[each].fullmatch(text) for each in shapes) for text in texts) >= len(texts) * CLEAR


# --- How values are written -----------------------------------------------------------------------------


def _guess_decimal(found):
    texts = [
        text for name in (*DURATIONS, "quantity", "provider_cost") if name in found.fields for text in found.fields[name].filled()
    ]
    commas = [text for text in texts if re.fullmatch(r"-?\d+,\d+", text)]
    if not commas or any(re.fullmatch(r"-?\d+[.]\d+", text) for text in texts):
        return
    if any(not re.fullmatch(r"-?[1-9]\d{0,2},\d{3}", text) for text in commas):
        found.decimal = ","
    else:  # 1,234 may be more than a thousand
        found.questions.append(("decimal", commas[0]))


def _guess_times(found):
    if "start" not in found.fields:
        return
    texts = found.fields["start"].filled()
    shapes = [next((name for name, shape in TIMES.items() if shape.fullmatch(text)), None) for text in texts]
    known = [shape for shape in shapes if shape]
    if not known:
        if texts:
            found.questions.append(("times", texts[0]))
        return
    shape = mode(known)
    if shape == "serial":
        found.questions.append(("serial", texts[shapes.index(shape)]))
    if shape != "numbers":
        found.time_format = shape
        return
    pairs = [(text, TIMES["numbers"].fullmatch(text)) for text in texts]
    pairs = [(text, match) for text, match in pairs if match and min(int(match[1]), int(match[3])) <= 12]
    day_first = next((text for text, match in pairs if int(match[1]) > 12 or match[2] == "."), None)
    month_first = next((text for text, match in pairs if int(match[3]) > 12), None)
    if not pairs:
        found.questions.append(("times", texts[shapes.index(shape)]))
    elif day_first and month_first:
        found.questions.append(("mixed_dates", f"{day_first}, {month_first}"))
    elif day_first or month_first:
        found.time_format = "dmy" if day_first else "mdy"
    else:
        found.time_format = _order_by_ids(found, pairs)
        if not found.time_format:
            found.questions.append(("date_order", pairs[0][0]))


def _order_by_ids(found, pairs):
    """The order of dates that agrees with the epochs in the ids of calls, where they have one."""
    texts = found.fields["start"].texts
    agree = {"dmy": 0, "mdy": 0}
    for name in ("record_ref", "group_ref"):
        ids = found.fields[name].texts if name in found.fields else ()
        for text, ref in zip(texts, ids, strict=False):
            match, epoch = TIMES["numbers"].fullmatch((text or "").strip()), re.search(generic.EPOCH_ID, ref or "")
            if not match or not epoch or match[1] == match[3]:
                continue
            for order, day, month in (("dmy", match[1], match[3]), ("mdy", match[3], match[1])):
                try:
                    date = datetime(int(match[4]) % 100 + 2000, int(month), int(day))
                except ValueError:
                    continue
                if abs((datetime.fromtimestamp(int(epoch[1])) - date).days) <= 2:
                    agree[order] += 1
    dmy, mdy = agree.values()
    return None if bool(dmy) == bool(mdy) else ("dmy" if dmy else "mdy")


def _guess_durations(found):
    columns = [found.fields[name] for name in DURATIONS if name in found.fields]
    texts = [text for column in columns for text in column.filled()]
    hints = {titles.unit_of(column.title) for column in columns}
    numbers = [float(text.replace(",", ".")) for text in texts if NUMBER.fullmatch(text)]
    if not columns:
        return
    if texts and sum(":" in text and bool(CLOCK.fullmatch(text)) for text in texts) >= len(texts) * CLEAR:
        found.duration_unit = "clock"
    elif len(hints) == 1 and None not in hints:
        found.duration_unit = hints.pop()
    elif hints == {None} and len(numbers) >= max(len(texts) * CLEAR, 1) and _look_like_seconds(numbers):
        found.duration_unit = "seconds"
        found.questions.append(("seconds", columns[0].title or str(columns[0].position)))
    if not found.duration_unit:
        found.questions.append(("unit", columns[0].title or str(columns[0].position)))


def _look_like_seconds(numbers):
    """Whole, and mostly less than some hours: of milliseconds most would be more."""
    return all(number.is_integer() for number in numbers) and median(numbers) < 20000


def _guess_values(found):
    for name in titles.MEANINGS:
        if name in found.fields:
            found.values[name] = titles.meanings_of(name, dict.fromkeys(found.fields[name].filled()))
