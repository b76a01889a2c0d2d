"""Any delimited text, workbook or JSON, read through a column mapping that people make.

Options are the mapping:

* ``fields``: name of a field of :data:`FIELDS` -> its column: the title in the header, the path in a JSON record
  (``call.start``, ``legs[0].number``), or its position from 1 in files without titles.
* ``ignore``: pairs (column, texts): a record whose column is one of the texts is left out.
* ``header``: does the first line name the columns; ``delimiter``, ``encoding`` and ``columns`` (how many at most,
  for text without header); ``inside``: path of the array of records in a JSON document.
* ``time_format``: a key of :data:`TIMES`; ``duration_unit``: of :data:`UNITS`; ``decimal``: ``.`` or ``,``;
  ``hold_in_talk``: whether the talk column contains the hold time.
* ``values``: ``{"disposition": {"text in the file": "answered"}, "direction": {...}, "kind": {...}}``, compared without
  regard to case; ``kind``, ``direction``, ``disposition``: what records are where no column tells.

What people send, and what we make of it:

* A header that lacks a mapped title, or has it twice, refuses the file; so a column that moved is found, one that was renamed
  is not taken for empty. A line with more cells than the header, or with no cell where a duration or an outcome belongs
  (cut short), has lost its order and is refused. A header in the midst of the data (files put together) is passed over.
* Spreadsheets drop seconds, turn the order of day and month, write times as day numbers (45932.5) and long numbers as
  4.93055E+11 or with ``.0``. Times are read as the mapping says and in no other way; such numbers are refused, as what is
  lost cannot be told. Real dates and times of a workbook are what they are, whatever the mapping says of text.
* A call needs a time of day. Agent time, messages and outcomes may have only a date.
* A record's identity is its ``record_ref``; where none is mapped, the whole record, and a record without its id is
  refused. A record that was not answered has no talk, whatever its talk column says. Where no talk is mapped, what the
  total leaves is talk of an answered record; where no total is mapped, it is the sum of the parts. Agent time is a
  duration; messages and outcomes are counted by ``quantity``, 1 where none is mapped.
"""

from collections import Counter
from functools import lru_cache
from itertools import zip_longest

from . import record, sql, structured, workbook
from .declare import build_select
from .reader import ReadError
from .registry import Dialect, Format, plain_title, register

FIELDS = (
    "start",
    "start_time",  # time of day, where ``start`` has only the date
    *record.TEXTS,
    "disposition",
    *record.PARTS,
    "total_seconds",
    "quantity",
    "provider_cost",
    "version_at",
    "sequence",
)
WORDS = {"kind": record.KINDS, "direction": record.DIRECTIONS, "disposition": record.DISPOSITIONS}
TIMES = ("iso", "dmy", "mdy", "epoch", "epoch_ms", "serial")
UNITS = {"seconds": "", "milliseconds": " / 1000", "minutes": " * 60", "hours": " * 3600", "clock": ""}
DATES = {
    "iso": ("%Y-%m-%d", "%Y/%m/%d"),
    "dmy": ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d-%b-%Y", "%d %b %Y"),
    "mdy": ("%m/%d/%Y", "%m-%d-%Y", "%b %d %Y", "%b %d, %Y"),
}
CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H:%M:%S.%f")
FEWEST_COLUMNS = 64
EPOCH_ID = r"(?:^|-)([0-9]{10})\.[0-9]+$"  # as Asterisk makes its unique ids
OFFSET = r":[0-9]{2}([.][0-9]+)?\s*([zZ]|UTC|[+-][0-9]{2}(:?[0-9]{2})?)$"
DAMAGED = r"[0-9]+([.,][0-9]+)?[eE][+][0-9]+"


def select(options, code):
    """The SELECT over the columns that :func:`places` names: ``m_`` and the name of a field, ``i_`` and a number."""
    fields = options["fields"]
    derived, values, checks = {}, {}, []
    for name, words in WORDS.items():
        derived[f"d_{name}"] = _word(options, name, words) if name in fields else sql.literal(options.get(name) or _USUAL[name])
        values[name] = f"d_{name}"
    for name in record.TEXTS:
        if name in fields and name not in WORDS:
            values[name] = sql.filled(f"m_{name}")
            damage = f"{DAMAGED}|[0-9]{{3,}}[.]0" if name in ("caller", "called") else DAMAGED
            # Most texts have neither sign: that is found out without the pattern.
            shape = f"(m_{name} LIKE '%+%' OR m_{name} LIKE '%.0')"
            checks.append((f"{shape} AND regexp_full_match(trim(m_{name}), '{damage}')", "damaged_number"))
    _add_times(options, code, derived, values, checks)
    _add_durations(options, code, derived, values, checks)
    _add_numbers(options, derived, values, checks)
    ignored = [_one_of(f"i_{index}", texts) for index, (_column, texts) in enumerate(options.get("ignore") or ()) if texts]
    values["ignored"] = " OR ".join(ignored) or "false"
    if code == "generic_csv":
        told = ["start", *(name for name in WORDS if name in fields), *(name for name in record.PARTS if name in fields)]
        told += [name for name in ("start_time", "total_seconds", "quantity") if name in fields]
        cut = " OR ".join(f"m_{name} IS NULL" for name in told)
        checks.insert(0, (f"trim(m_beyond) <> '' OR {cut}" if options.get("header") else cut, "columns"))
    return build_select(values, derived, checks)


def places(options, code):
    """Where the columns of ``raw`` are found; see :class:`.registry.Format`."""
    wanted = {f"m_{name}": column for name, column in options["fields"].items()}
    wanted |= {f"i_{index}": column for index, (column, _texts) in enumerate(options.get("ignore") or ())}
    if code == "generic_json":
        return wanted | {"identity": _whole}
    if code == "generic_xlsx":
        return {name: _cell_of(column) for name, column in wanted.items()} | {"identity": _whole}
    if options.get("header"):
        found = {name: _position_of(column) for name, column in wanted.items()}
        return found | {"m_beyond": lambda titles: len(titles) + 1}
    return wanted


def parse_xlsx(path, options):
    """Records of a workbook: a dict of each row, by the titles, or by the letters of the columns."""
    titles = keys = None
    try:
        for place, cells in workbook.xlsx_rows(path):
            if options.get("header") and titles is None:
                titles = cells
                keys = unique_titles(titles)
                for column in _columns(options):
                    _position_of(column)(titles)
            elif cells != titles:
                yield place, dict(named_cells(keys or (), cells)), None
    except workbook.TooLargeError as error:
        raise ReadError("large", "large") from error
    except ValueError as error:
        raise ReadError("format", "workbook") from error


def parse_json(path, options):
    """Records of JSON, or of JSON lines."""
    return structured.json_records(path, tuple(filter(None, [options.get("inside")])))


def unique_titles(titles):
    """A name for each column: its title, with its letters where it has none or not for itself.

    >>> unique_titles(["Start", "Time", "", "Time"])
    ['Start', 'Time (B)', '(C)', 'Time (D)']
    """
    titles = [(title or "").strip() for title in titles]
    alone = {title for title, count in Counter(titles).items() if title and count == 1}
    return [title if title in alone else f"{title} ({letters(at)})".strip() for at, title in enumerate(titles, 1)]


def named_cells(keys, cells):
    """Pairs of name and text of a row."""
    for position, (key, cell) in enumerate(zip_longest(keys, cells), 1):
        yield key or (f"({letters(position)})" if keys else letters(position)), cell


def letters(position):
    """What a spreadsheet calls a column.

    >>> letters(1), letters(26), letters(27)
    ('A', 'Z', 'AA')
    """
    text = ""
    while position:
        position, rest = divmod(position - 1, 26)
        text = chr(65 + rest) + text
    return text


_USUAL = {"kind": "call", "direction": "inbound", "disposition": "answered"}


def _word(options, name, words):
    """A column of a fixed vocabulary, through the texts that the mapping names for it."""
    known = {word: word for word in words}
    known.update({str(text).strip().lower(): word for text, word in ((options.get("values") or {}).get(name) or {}).items()})
    cases = " ".join(f"WHEN {sql.literal(text)} THEN {sql.literal(word)}" for text, word in known.items())
    return f"CASE lower(trim(coalesce(m_{name}, ''))) {cases} END"


def _one_of(name, texts):
    return f"lower(trim(coalesce({name}, ''))) IN ({sql.literals(str(text).strip().lower() for text in texts)})"


def _add_times(options, code, derived, values, checks):
    fields, order = options["fields"], options.get("time_format") or "iso"
    derived["d_start"] = sql.filled("m_start")
    if "start_time" in fields:  # a date of a workbook comes with midnight
        date = "regexp_replace(d_start, '[ T]0?0:00(:00)?$', '')"
        derived["d_moment"] = f"{date} || ' ' || ({sql.filled('m_start_time')})"
    else:
        derived["d_moment"] = "d_start"
    local, utc = _moment("d_moment", order, options)
    if code == "generic_xlsx" and order != "iso":
        local = f"coalesce({_moment('d_moment', 'iso', options)[0]}, {local})"
    if order in DATES and "start_time" not in fields:
        local = f"coalesce({local}, CASE WHEN d_kind <> 'call' THEN {_strptime('d_moment', DATES[order])} END)"
    values |= {"local_start": local, "utc_start": utc}
    refs = [f"m_{name}" for name in ("record_ref", "group_ref") if name in fields]
    if refs:
        hints = [
            f"CASE WHEN {ref} LIKE '%.%' THEN try_cast(regexp_extract({ref}, '{EPOCH_ID}', 1) AS BIGINT) END" for ref in refs
        ]
        values["epoch_hint"] = f"coalesce({', '.join(hints)})"
    if "version_at" in fields:
        derived["d_version"] = sql.filled("m_version_at")
        local, utc = _moment("d_version", order, options)
        both = [local, utc] + ([_moment("d_version", "iso", options)[0]] if code == "generic_xlsx" else [])
        values["version_at"] = f"coalesce({', '.join(both)})"
        checks.append(("d_version IS NOT NULL AND f_version_at IS NULL", "bad_time"))


def _moment(name, order, options):
    """(local time, UTC) of a text, one of them NULL."""
    never = "CAST(NULL AS TIMESTAMP)"
    if order in ("epoch", "epoch_ms"):
        micros = f"try_cast(try_cast({name} AS DECIMAL(24, 6)) * {1000 if order == 'epoch_ms' else 1000000} AS BIGINT)"
        return (
            never,
            f"CASE WHEN {micros} BETWEEN 1 AND {sql.LATEST_MICROS} THEN try_cast(make_timestamp({micros}) AS TIMESTAMP) END",
        )
    if order == "serial":
        text = f"replace({name}, ',', '.')" if options.get("decimal") == "," else name
        days = f"CASE WHEN regexp_full_match({text}, '[0-9]{{5}}([.][0-9]+)?') THEN try_cast({text} AS DOUBLE) END"
        return f"(TIMESTAMP '1899-12-30' + to_seconds(CAST(floor(({days}) * 86400 + 0.5) AS BIGINT)))", never
    if order == "iso":  # a time that states its own offset needs no zone
        stated = f"({name} LIKE '%:%' AND regexp_matches({name}, '{OFFSET}'))"
        exact = f"regexp_replace({name}, '\\s+([+-])', '\\1')"  # a cast takes no blank before the offset
        utc = f"CASE WHEN {stated} THEN timezone('UTC', try_cast({exact} AS TIMESTAMPTZ)) END"
        usual = f"{name} LIKE '____-__-__ __:__:__'"  # which a cast reads many times faster
        return f"CASE WHEN {usual} THEN try_cast({name} AS TIMESTAMP) WHEN NOT {stated} THEN {_text_time(name, order)} END", utc
    return _text_time(name, order), never


def _text_time(name, order):
    joints = (" ", "T") if order == "iso" else (" ",)
    formats = [f"{date}{joint}{clock}" for clock in CLOCKS for date in DATES[order] for joint in joints]
    if order == "iso":
        formats.append("%Y%m%d%H%M%S")
    return _strptime(name, formats)


def _strptime(name, formats):
    short = [each.replace("%Y", "%y") for each in formats]  # %Y would read 26 as the year 26
    lists = [f"try_strptime({name}, [{sql.literals(each)}])" for each in (formats, short)]
    return (
        f"CASE WHEN regexp_matches({name}, '(^|[^.0-9]|[0-9][.][0-9]{{1,2}}[.])[0-9]{{4}}') THEN {lists[0]} ELSE {lists[1]} END"
    )


def _add_durations(options, code, derived, values, checks):
    fields, unit = options["fields"], options.get("duration_unit") or "seconds"
    mapped = [name for name in record.PARTS if name in fields]
    stated = "total_seconds" in fields
    for name in [*mapped, *(["total_seconds"] if stated else [])]:
        derived[f"v_{name}"] = _duration(options, code, f"m_{name}", unit)
    if mapped or stated:
        lacking = " OR ".join(f"v_{name} IS NULL" for name in [*mapped, *(["total_seconds"] if stated else [])])
        checks.append((lacking, "bad_duration"))
    for name in mapped:
        values[name] = f"v_{name}"
    if "talk_seconds" in mapped:
        talk = "v_talk_seconds"
        if options.get("hold_in_talk") and "hold_seconds" in mapped:
            talk = "v_talk_seconds - v_hold_seconds"
            checks.append(("v_hold_seconds > v_talk_seconds", "negative_duration"))
        values["talk_seconds"] = f"CASE WHEN d_disposition NOT IN ('answered', 'voicemail') THEN 0 ELSE {talk} END"
        if stated:
            checks.append(("v_talk_seconds > v_total_seconds", "talk_longer_than_call"))
        else:  # what was said not to be talk was still time of the call
            values["total_seconds"] = " + ".join([*(f"v_{name}" for name in mapped if name != "talk_seconds"), talk])
    elif stated:
        others = " - ".join(["v_total_seconds", *(f"v_{name}" for name in mapped)])
        values["talk_seconds"] = f"CASE WHEN d_disposition IN ('answered', 'voicemail') THEN {others} ELSE 0 END"
    if stated:
        values["total_seconds"] = "v_total_seconds"


def _duration(options, code, name, unit):
    """Whole seconds, halves up; 0 where there is nothing, NULL where it cannot be read."""
    if unit == "clock":
        return sql.seconds(name, "clock")
    number = _decimal(options, name)
    seconds = f"CASE WHEN ({sql.filled(name)}) IS NULL THEN 0 ELSE {sql.whole(f'({number}){UNITS[unit]}')} END"
    if code == "generic_xlsx":  # a real time of day stands for a duration
        clock = f"regexp_full_match(trim({name}), '[0-9]+:[0-9]{{2}}:[0-9]{{2}}([.][0-9]+)?')"
        return f"CASE WHEN {clock} THEN {sql.seconds(name, 'clock')} ELSE {seconds} END"
    fast = unit == "seconds" and options.get("decimal") != ","
    return f"coalesce(try_cast({name} AS INTEGER), {seconds})" if fast else seconds


def _add_numbers(options, derived, values, checks):
    fields = options["fields"]
    if "quantity" in fields:
        number = _decimal(options, "m_quantity")
        blank = f"({sql.filled('m_quantity')}) IS NULL AND d_kind IN ('call', 'agent_time')"
        values["quantity"] = f"try_cast(CASE WHEN {blank} THEN 1 ELSE {number} END AS DECIMAL(18, 6))"
    if "provider_cost" in fields:
        derived["d_cost"] = f"try_cast(abs({_decimal(options, 'm_provider_cost')}) AS DECIMAL(18, 6))"
        values["provider_cost"] = "d_cost"
        checks.append((sql.unreadable("m_provider_cost", "d_cost"), "bad_cost"))
    if "sequence" in fields:
        values["sequence"] = f"try_cast(({sql.filled('m_sequence')}) AS BIGINT)"


def _decimal(options, name):
    """A number with the mapping's decimal sign, and no other sign."""
    text = sql.filled(name)
    if options.get("decimal") == ",":
        text = f"CASE WHEN NOT contains({name}, '.') THEN replace({text}, ',', '.') END"
    return f"try_cast(({text}) AS DECIMAL(30, 6))"


def _position_of(column):
    """From the titles of a header to the position of a column.

    :raise ReadError: not one such title
    """
    if isinstance(column, int):
        return lambda titles: column

    def find(titles):
        titles = unique_titles(titles)
        exact = [position for position, title in enumerate(titles, 1) if title == column.strip()]
        near = [position for position, title in enumerate(titles, 1) if _plain(title) == _plain(column)]
        found = exact or near
        if len(found) != 1:
            raise ReadError("header", column)
        return found[0]

    return find


def _cell_of(column):
    """From a row as :func:`parse_xlsx` makes it to one of its cells."""
    if isinstance(column, int):
        return lambda row: next((cell for place, cell in enumerate(row.values(), 1) if place == column), None)
    wanted = _plain(column)
    return lambda row: row[column] if column in row else next((row[key] for key in row if _plain(key) == wanted), None)


def _whole(content):
    """All that a record says: its identity where it has no id."""
    return structured.raw_text(dict(sorted(content.items())))


_plain = lru_cache(maxsize=4096)(plain_title)


def _register(code, label, **more):
    register(
        Format(
            code=code,
            label=label,
            select=lambda options: select(options, code),
            names=lambda options: places(options, code),
            asks=("mapping",),
            **more,
        )
    )


_register(
    "generic_csv",
    "CSV or other delimited text, with a column mapping",
    columns=lambda options: max(FEWEST_COLUMNS, *(c for c in _columns(options) if isinstance(c, int)), 0),
    dialect=lambda options: Dialect(
        delimiter=options["delimiter"],
        encoding=options.get("encoding") or "utf-8",
        header=int(bool(options.get("header"))),
        span=50,
    ),
)
_register("generic_xlsx", "Excel workbook (XLSX), with a column mapping", parse=parse_xlsx)
_register("generic_json", "JSON or JSON lines, with a column mapping", parse=parse_json, bodies=structured.json_bodies)


def _columns(options):
    return [*options["fields"].values(), *(column for column, _texts in options.get("ignore") or ())]
