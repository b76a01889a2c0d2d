"""The formats this installation knows, by code."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A way of writing call records as delimited text.

    :param code: stored on the call source; never changes
    :param label: what people choose, the product's own words
    :param columns: options -> the largest number of columns a record has
    :param select: options -> a DuckDB SELECT that makes the columns of :data:`.record.PARSED` out of the
        table ``raw`` (``line_number``, ``content`` and the text columns ``c1``, ``c2``...; a column that the
        record does not have is NULL, an empty one is '')
    :param dialect: options -> ``{"delimiter": ",", "encoding": "utf-8", "header": False, "span": 1}``;
        ``span`` is how many physical lines one record may take
    """

    code: str
    label: str
    columns: Callable[[dict], int]
    select: Callable[[dict], str]
    dialect: Callable[[dict], dict]


_formats: dict[str, Format] = {}


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
