"""The formats this installation knows, by code."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """How delimited text is written.

    :param delimiter: one character
    :param header: how many records lead the data; the first of them names the columns
    :param span: how many physical lines one record may take, by quoted line breaks
    :param quote: whether a field may be wrapped in double quotes, with quotes inside doubled
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    header: int = 0
    span: int = 1
    quote: bool = True


@dataclass(frozen=True)
class Format:
    """A way of writing call records. Most are made with :func:`.declare.declared`.

    :param code: stored on the call source; never changes
    :param label: what people choose, the product's own words
    :param select: options -> a DuckDB SELECT that makes the columns of :data:`.record.PARSED` out of the view
        ``raw``: ``line_number``, ``content`` and text columns, NULL where the record has none. They are called
        as in ``names``, or ``c1``, ``c2``... in the order of the file
    :param columns: options -> the largest number of columns of a record; for formats without ``names``, or whose
        records may have more columns than the header has titles
    :param names: name of a column of ``raw`` -> where its text is found: a title of the header, a path into
        a structured record (``variables.uuid``, ``segments[0].start``), a tuple of such, tried in order, or a
        function of a structured record, or of the titles of a header (the column's position). Titles are compared
        by :func:`plain_title`. May be a function of the options. Where a record has no ``record_ref`` all columns
        are its identity, or the one that is named ``identity``
    :param required: names without which a header is not one of this format
    :param dialect: options -> :class:`Dialect`, for delimited text
    :param parse: for structured files: (path, options) -> iterator of (number of the record's line or place
        from 1, record as dict or its raw text, problem or None)
    :param bodies: for records that phone systems post: (body of a request, its Content-Type) -> list of records as dicts,
        which ``parse`` reads again as JSON lines; raises ValueError with what is wrong with the body
    :param whole: True where a record can only be understood beside others of the file
    :param legs: what is charged once unless the source says otherwise: ``leg`` (each record), ``call`` or ``agent``
    :param completes: True where a record that is ignored may tell the ``quality`` of one that came earlier: of the same
        ``group_ref``, with the ignored record's ``recording_ref`` on one side of the slash in its own
    :param asks: what the format wants the source to tell: names of options, see :data:`OPTIONS`
    :param bundle: (file name) -> True where all such files of one delivery are read as one
    """

    code: str
    label: str
    select: Callable[[dict], str]
    columns: Callable[[dict], int] = lambda options: 0
    names: dict | Callable[[dict], dict] | None = None
    required: tuple = ()
    dialect: Callable[[dict], Dialect] = lambda options: Dialect()
    parse: Callable[[str, dict], Iterator] | None = None
    bodies: Callable[[bytes, str], list[dict]] | None = None
    whole: bool = False
    legs: str = "leg"
    completes: bool = False
    asks: tuple = ()
    bundle: Callable[[str], bool] = lambda name: False

    def places(self, options: dict) -> dict | None:
        """``names``, for these options."""
        return self.names(options) if callable(self.names) else self.names


OPTIONS = {
    "mapping": "a column mapping that people make",
    "contexts": "outbound_contexts, internal_contexts: lists of dialplan contexts, in lower case",
    "column17": "column17: uniqueid, userfield or guess",
    "date_order": "date_order: iso, dmy or mdy",
}
"""Beside these every format is told ``today``, the day of the import as a date, and ``country``."""

_formats: dict[str, Format] = {}


def plain_title(title: str) -> str:
    """A column's title without case and punctuation, in any script.

    >>> plain_title(" Start_Time (UTC)"), plain_title("Začátek"), plain_title("#")
    ('start time utc', 'začátek', '#')
    """
    text = unicodedata.normalize("NFKC", str(title)).casefold()
    return re.sub(r"[\W_]+", " ", text).strip() or text.strip()


def register(fmt: Format) -> Format:
    """Make a format known.

    :raise ValueError: another format has that code
    """
    if _formats.setdefault(fmt.code, fmt) != fmt:
        raise ValueError(f"There is already a call record format {fmt.code!r}")
    return fmt


def get(code: str) -> Format:
    """:raise KeyError: no format has that code"""
    return _formats[code]


def selection() -> list[tuple[str, str]]:
    """Codes and labels, in the order of registration."""
    return [(fmt.code, fmt.label) for fmt in _formats.values()]
