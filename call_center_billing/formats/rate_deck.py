"""A deck of destination prices as a file: delimited text or a workbook in, priced prefixes and problems out.

What people send, and what we make of it:

* The row that names the columns may stand below others, such as the name of the carrier. A file without is refused.
* A prefix is written with +, 00, spaces, points, brackets or hyphens, which do not matter. Lists and ranges, and what a
  spreadsheet made of a number, are refused: which prefixes they mean cannot be told.
* Prices have a decimal point or a decimal comma, all in one file the same one. Where all of them could be thousands (1,234),
  where a day could be a month (03/04/2026), nothing is guessed.
* A cell too many, as a comma in a name or a price makes it, has shifted the others: the row is refused.
* The same prefix twice from the same day: merged where all prices are equal, else all of them are refused. From a later
  day: that row takes over from that day.
"""

import contextlib
import re
import zipfile
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

from . import detect, generic, lines, titles, workbook
from .reader import ReadError

COLUMNS = {  # field -> titles, the likeliest first; see :func:`.titles.plain_name`
    "prefix": "prefix dial_code dialcode dial_prefix dialing_code dialling_code destination_code code codes",
    "destination": "destination destination_name country description name country_name zone area",
    "minute_price": "new_rate new_price rate price rate_per_min rate_per_minute rate_min price_per_min pricepermin "
    "price_per_minute price_min minute_price minute_rate per_minute per_min cost cost_per_min cost_per_minute",
    "call_price": "connect_fee connectfee connection_fee connect_charge connection_charge setup setup_fee setup_charge "
    "call_price call_fee price_per_call per_call",
    "increment_first": "initial_increment first_increment increment_first initial_interval first_interval interval_1 "
    "interval1 initial_period",
    "increment_next": "subsequent_increment next_increment increment_next additional_increment subsequent_interval next_interval "
    "interval_n intervaln recurring_period",
    "increments": "billing_increment billing_increments billingincrement increment increments billing_interval rounding",
    "date_start": "effective_date effective effective_from valid_from date_start start_date from_date date_from from",
    "date_end": "valid_until valid_to effective_to effective_until date_end end_date until to_date expiry expiry_date "
    "expiration_date expires",
    "currency": "currency currency_code",
}
NEEDED = ("prefix", "minute_price")
HEAD_ROWS = 20
MAX_ROWS = 1_000_000
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_DIGITS = 16
MAX_NAME = 200
MAX_PRICE = 10**9
MAX_INCREMENT = 86400
PLACES = Decimal("0.000001")
EARLIEST, LATEST = date(1990, 1, 1), date(2100, 1, 1)
ALWAYS, FOR_GOOD = date.min, date.max
DAY = timedelta(days=1)
PRICE = re.compile(r"([+-]?)([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][+-]?[0-9]{1,2})?")
THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
SHORT_DATE = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})")
DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d-%b-%Y", "%d %b %Y")
INCREMENT = re.compile(r"([0-9]{1,5})(?:[.]0+)?")
INCREMENTS = re.compile(r"([0-9]{1,5})\s*[/+-]\s*([0-9]{1,5})")


class Terms(NamedTuple):
    """Prices per minute and per call, seconds of the increments; None where the file does not say."""

    minute_price: Decimal
    call_price: Decimal | None = None
    increment_first: int | None = None
    increment_next: int | None = None


@dataclass(slots=True)
class Row:
    """What a row of the file says. ``date_start`` and ``date_end`` are its first and last day, :data:`ALWAYS` and
    :data:`FOR_GOOD` where it is open."""

    number: int
    raw: str
    prefix: str
    destination: str
    date_start: date
    date_end: date
    terms: Terms


class Problem(NamedTuple):
    """Why a row cannot be used: ``code`` is a key of :data:`PROBLEMS`, ``prefix`` '' where it is not known."""

    number: int
    raw: str
    code: str
    detail: str
    prefix: str = ""


@dataclass
class DeckFile:
    """``repeated``: rows that say the same again; ``rounded``: prices that had more than 6 decimals; ``over``: rows that
    end before the first day."""

    rows: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    repeated: int = 0
    rounded: int = 0
    over: int = 0


class RowError(ValueError):
    """``code`` says why a row, or a prefix, cannot be used."""

    def __init__(self, code, detail=""):
        super().__init__(code)
        self.code, self.detail = code, detail


PREFIX_PROBLEMS = ("no_prefix", "bad_prefix", "several", "range", "damaged", "long_prefix")
PROBLEMS = (
    *PREFIX_PROBLEMS, "unreadable", "columns", "no_price", "bad_price", "negative", "thousands", "absurd_price", "bad_increment",
    "bad_date", "date_order", "dates", "currency", "conflict",
)  # fmt: skip


def plain_prefix(text: str) -> str:
    """The digits of a prefix, without what leads an international number.

    :raise RowError: one of :data:`PREFIX_PROBLEMS`

    >>> plain_prefix("+44 (20)"), plain_prefix("0044"), plain_prefix("1-415"), plain_prefix("'49")
    ('4420', '44', '1415', '49')
    >>> for text in ("14A5", "44,49", "447-449", "447-9", "4.4E+10", "44.0", " "):
    ...     try:
    ...         plain_prefix(text)
    ...     except RowError as error:
    ...         print(error.code)
    bad_prefix
    several
    range
    range
    damaged
    damaged
    no_prefix
    """
    text = (text or "").strip()
    if not (text.isascii() and text.isdigit()):
        text = re.sub(r"""^(=?"|')|"$""", "", text).strip()  # what keeps a spreadsheet from taking it for a number
        if re.fullmatch(rf"{generic.DAMAGED}|[0-9]+[.]0+", text):
            raise RowError("damaged")
        if re.search(r"[0-9]\s*[,;/&]\s*[+0-9]", text):
            raise RowError("several")
        if _is_range(text):
            raise RowError("range")
        if not re.fullmatch(r"\+?[0-9\s().-]*", text):
            raise RowError("bad_prefix")
    digits = re.sub(r"[^0-9]", "", text)
    if not text.startswith("+"):
        digits = digits.removeprefix("00")
    if not digits:
        raise RowError("no_prefix")
    if len(digits) > MAX_DIGITS:
        raise RowError("long_prefix")
    return digits


def _is_range(text):
    """Whether what is written with one hyphen could be a first and a last prefix: 447-449, or 447-9 for short."""
    ends = re.fullmatch(r"\+?([0-9]+)\s*-\s*([0-9]+)", text)
    if not ends:
        return False
    first, last = ends.groups()
    return len(last) <= len(first) and first[-len(last) :] < last


def price_text(price: Decimal) -> str:
    """A price with all decimals that it has, and at least two.

    >>> price_text(Decimal("0.015000")), price_text(Decimal(3))
    ('0.015', '3.00')
    """
    whole, _dot, decimals = f"{price:.6f}".rstrip("0").partition(".")
    return f"{whole}.{decimals:0<2}"


def read(path: str, currency: tuple = (), day: date = ALWAYS) -> DeckFile:
    """The rows of a file.

    :param currency: code and symbol that prices may be written with
    :param day: from when rows hold that have no day of their own; others hold from that day at the earliest
    :raise ReadError: ``empty``; ``rows``: too many; ``header``: with the field that no column is named after as detail;
        ``twice``: two columns may be that field; ``format``: with ``xls``, ``compressed``, ``markup``, ``binary``, ``workbook``,
        ``large`` or ``json`` as detail
    """
    found, header, places, head, records = DeckFile(), None, {}, [], []
    container = _container(path)
    book = container.format == "generic_xlsx"
    for number, raw, cells, problem in _workbook(path) if book else _text(path, container):
        if header is None:
            named = _places(cells, currency)
            head.append(named)
            if all(name in named for name in NEEDED):
                header, places = cells, named
            elif len(head) == HEAD_ROWS:
                break
        elif problem:
            found.problems.append(Problem(number, raw, problem, ""))
        elif len(records) == MAX_ROWS:
            raise ReadError("rows", str(MAX_ROWS))
        elif cells != header:  # titles in the midst: files put together
            records.append((number, raw, cells))
    if header is None:
        if not head:
            raise ReadError("empty")
        raise ReadError("header", "minute_price" if any("prefix" in named for named in head) else "prefix")
    # In a workbook no cell is shifted by what stands in another.
    reader = _Reader(places, None if book else len(header), currency, records, day)
    for number, raw, cells in records:
        try:
            found.rows.append(reader.row(number, raw, cells))
        except RowError as error:
            found.problems.append(Problem(number, raw, error.code, error.detail, reader.prefix))
    found.rounded = reader.rounded
    _settle(found, day)
    if not found.rows and not found.problems and not found.over:
        raise ReadError("empty")
    found.problems.sort()
    return found


# --- The container -------------------------------------------------------------------------------------


def _container(path):
    """What kind of file it is; see :func:`.detect.detect`."""
    with open(path, "rb") as stream:
        packed = stream.read(2) == b"PK"
    if packed:
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(each.file_size for each in archive.infolist())
        except Exception as error:  # the library raises whatever the broken file leads it to
            raise ReadError("format", "workbook") from error
        if size > MAX_UNPACKED_BYTES:
            raise ReadError("format", "large")
    container = detect.detect(path)
    if container.format == "generic_json":
        raise ReadError("format", "json")
    return container


def _text(path, container):
    """``(row number, raw text, cells, problem)`` of each row that is not blank."""
    for number, line, problem in lines.records(path, _encoding(path, container.encoding), 50):
        text = line.decode()
        yield number, text, [cell.strip() for cell in lines.cells_of(text, container.delimiter)], problem and "unreadable"


def _workbook(path):
    """The same of the first sheet of a workbook."""
    try:
        for number, cells in workbook.xlsx_rows(path):
            texts = [(cell or "").strip() for cell in cells]
            yield number, " | ".join(texts), texts, None
    except ValueError as error:
        raise ReadError("format", "workbook") from error


def _encoding(path, guessed):
    """The encoding of a whole file, whose beginning may hold plain letters only."""
    if guessed == "utf-8":
        content = Path(path).read_bytes()
        for encoding in ("utf-8", "cp1252"):
            with contextlib.suppress(UnicodeDecodeError):
                content.decode(encoding)
                return encoding
        return "latin-1"
    return guessed


def _places(cells, currency):
    """Field -> position of its column, of those that a row of titles names.

    :raise ReadError: ``twice``
    """
    names = [titles.plain_name(cell, [word.lower() for word in currency]) for cell in cells]
    ranks = {
        name: sorted((usual.split().index(each), position) for position, each in enumerate(names) if each in usual.split())
        for name, usual in COLUMNS.items()
    }
    found = {name: ranked[0][1] for name, ranked in ranks.items() if ranked}
    if all(name in found for name in NEEDED):
        for name in NEEDED:
            if [rank for rank, _position in ranks[name]].count(ranks[name][0][0]) > 1:
                raise ReadError("twice", cells[found[name]])
    return found


# --- The rows ------------------------------------------------------------------------------------------


class _Reader:
    """Cells to :class:`Row`, in the way that the file as a whole writes prices and days."""

    def __init__(self, places, width, currency, records, day):
        self.places, self.width, self.day = places, width, day
        self.currency = currency[0].upper() if currency else ""
        words = "|".join(re.escape(word) for word in currency if word)
        self.money = re.compile(rf"^(?:{words})?\s*(.*?)\s*(?:{words})?$", re.IGNORECASE)
        self.prices, self.steps, self.days, self.rounded, self.prefix = {}, {}, {}, 0, ""
        self.comma, self.sure = self._decimal(records)
        self.order = self._date_order(records)

    def _texts(self, records, *names):
        for name in names:
            position = self.places.get(name)
            if position is not None:
                yield from (cells[position] for _number, _raw, cells in records if position < len(cells))

    def _decimal(self, records):
        """(whether prices have a decimal comma, whether that is certain)"""
        texts = {self.money.sub(r"\1", text) for text in set(self._texts(records, "minute_price", "call_price"))}
        commas = [text for text in texts if "," in text and PRICE.fullmatch(text)]
        if not commas or any("." in text and PRICE.fullmatch(text) for text in texts):
            return False, True
        return True, any(not THOUSANDS.fullmatch(text) for text in commas)

    def _date_order(self, records):
        """``dmy``, ``mdy`` or None where the days of the file do not tell."""
        orders = set()
        for text in set(self._texts(records, "date_start", "date_end")):
            numbers = SHORT_DATE.fullmatch(_day_part(text))
            if numbers and numbers[2] != ".":
                orders |= {"dmy"} if int(numbers[1]) > 12 else set()
                orders |= {"mdy"} if int(numbers[3]) > 12 else set()
        return orders.pop() if len(orders) == 1 else None

    def row(self, number, raw, cells):
        """:raise RowError: the row cannot be used"""
        self.prefix = ""
        self.prefix = plain_prefix(self._cell(cells, "prefix"))
        if self.width and any(cells[self.width :]):
            raise RowError("columns")
        currency = self._cell(cells, "currency").upper()
        if currency and self.currency and currency != self.currency:
            raise RowError("currency", currency)
        minute_price = self._cell(cells, "minute_price")
        if not minute_price:
            raise RowError("no_price")
        start, end = self._cell(cells, "date_start"), self._cell(cells, "date_end")
        date_start, date_end = self._day(start) or self.day, self._day(end) or FOR_GOOD
        if start and date_start >= LATEST:
            raise RowError("bad_date", start)
        if date_end >= LATEST:  # 9999-12-31 and the like
            date_end = FOR_GOOD
        if start and date_end < date_start:
            raise RowError("dates")
        terms = Terms(self._price(minute_price), self._call_price(cells), *self._increments(cells))
        destination = " ".join(self._cell(cells, "destination").split())[:MAX_NAME]
        return Row(number, raw, self.prefix, destination, date_start, date_end, terms)

    def _cell(self, cells, name):
        position = self.places.get(name, len(cells))
        return cells[position] if position < len(cells) else ""

    def _call_price(self, cells):
        return self._price(self._cell(cells, "call_price") or "0") if "call_price" in self.places else None

    def _price(self, text):
        if text not in self.prices:
            self.prices[text] = self._exact_price(text)
        price, rounded = self.prices[text]
        self.rounded += rounded
        return price

    def _exact_price(self, text):
        bare = self.money.sub(r"\1", text)
        parts = PRICE.fullmatch(bare)
        if not parts or ("," in bare) > self.comma or ("." in bare and self.comma):
            raise RowError("bad_price", text)
        if not self.sure and "," in bare:
            raise RowError("thousands", text)
        value = Decimal((parts[2] + (parts[3] or "")).replace(",", "."))
        if value and parts[1] == "-":
            raise RowError("negative", text)
        if value >= MAX_PRICE:
            raise RowError("absurd_price", text)
        price = value.quantize(PLACES, ROUND_HALF_UP)
        return price, abs(price - value) > Decimal("1e-9")  # less is what binary numbers of a workbook leave

    def _increments(self, cells):
        texts = tuple(self._cell(cells, name) for name in ("increments", "increment_first", "increment_next"))
        if texts not in self.steps:
            both, *each = texts
            pair, single = INCREMENTS.fullmatch(both), INCREMENT.fullmatch(both)
            each = pair.groups() if pair else (single[1], single[1]) if single else (both, both) if both else each
            self.steps[texts] = [self._increment(text) for text in each]
        return self.steps[texts]

    def _increment(self, text):
        if not text:
            return None
        number = INCREMENT.fullmatch(text)
        if not number or not 0 < int(number[1]) <= MAX_INCREMENT:
            raise RowError("bad_increment", text)
        return int(number[1])

    def _day(self, text):
        if text and text not in self.days:
            self.days[text] = self._exact_day(text)
        return self.days[text] if text else None

    def _exact_day(self, text):
        bare = _day_part(text)
        numbers = SHORT_DATE.fullmatch(bare)
        if numbers:
            order = "dmy" if numbers[2] == "." or numbers[1] == numbers[3] else self.order
            if not order:
                raise RowError("date_order", text)
            first, second = int(numbers[1]), int(numbers[3])
            bare = f"{numbers[4]}-{second:02}-{first:02}" if order == "dmy" else f"{numbers[4]}-{first:02}-{second:02}"
        for layout in DATES if len(bare) == 8 or not bare.isdigit() else ():
            try:
                found = datetime.strptime(bare, layout).date()
            except ValueError:
                continue
            if found >= EARLIEST:
                return found
        raise RowError("bad_date", text)


def _day_part(text):
    """A day without its time.

    >>> _day_part("2026-10-01T00:00:00Z"), _day_part("1 Oct 2026")
    ('2026-10-01', '1 Oct 2026')
    """
    return re.sub(r"[ T][0-9]{1,2}:.*$", "", text)


# --- Rows of one prefix --------------------------------------------------------------------------------


def _settle(found, day):
    """Leave one row for each prefix and day: see the head of this module."""
    rows, found.rows = sorted(found.rows, key=lambda row: (row.prefix, row.date_start, row.number)), []
    for same in _groups(rows, "prefix"):
        found.rows += _in_force(_in_turn(found, same), found, day)
    found.rows.sort(key=lambda row: row.number)


def _in_turn(found, rows):
    """The rows of a prefix, the earliest first, each until the next."""
    if len(rows) == 1:
        return rows
    kept = []
    for twins in _groups(rows, "date_start"):
        if any((twin.terms, twin.date_end) != (twins[0].terms, twins[0].date_end) for twin in twins):
            _refuse(found, twins)
            continue
        found.repeated += len(twins) - 1
        if kept and kept[-1].date_end == FOR_GOOD:
            kept[-1].date_end = twins[0].date_start - DAY
        elif kept and kept[-1].date_end >= twins[0].date_start:
            _refuse(found, [kept.pop(), twins[0]])
            continue
        kept.append(twins[0])
    return kept


def _groups(rows, name):
    groups = {}
    for row in rows:
        groups.setdefault(getattr(row, name), []).append(row)
    return groups.values()


def _refuse(found, rows):
    """Which of several prices is right nobody can tell."""
    for row in rows:
        other = next(
            each for each in rows if (each.terms, each.date_start, each.date_end) != (row.terms, row.date_start, row.date_end)
        )
        found.problems.append(Problem(row.number, row.raw, "conflict", str(other.number), row.prefix))


def _in_force(rows, found, day):
    """Those of the rows that do not end before a day, from that day on."""
    for row in rows:
        if row.date_end < day:
            found.over += 1
            continue
        row.date_start = max(row.date_start, day)
        yield row
