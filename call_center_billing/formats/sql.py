"""Pieces of DuckDB SQL that turn text columns into values. A piece gives NULL for text it cannot read;
:func:`unreadable` tells that apart from text that means "nothing"."""

import re

LATEST_MICROS = 250_000_000_000_000_000  # microseconds since 1970: near the year 9900, where timestamps still work
BLANKS = ("", "-", "NULL", "null", "None", "[None]", "\\N", "****", "0000-00-00", "0000-00-00 00:00:00")

ISO_TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f",
             "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y%m%d%H%M%S")  # fmt: skip
TIME_FORMATS = {
    "iso": ISO_TIMES,
    "dmy": ("%d/%m/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M"),
    "mdy": ("%m/%d/%Y %H:%M:%S", "%m-%d-%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M"),
}


def literal(text: str) -> str:
    """A quoted SQL string. For texts of people: a mapping's column values, a source's contexts."""
    return "'" + str(text).replace("'", "''").replace("\x00", "") + "'"


def literals(texts) -> str:
    return ", ".join(literal(text) for text in texts)


def text(expr: str) -> str:
    return f"nullif(trim({expr}), '')"


def filled(expr: str) -> str:
    """The trimmed text, or NULL where it means "nothing"."""
    blanks = literal("|".join(map(re.escape, BLANKS)))  # a list of literals would take megabytes for each use of it
    return f"CASE WHEN regexp_full_match(trim({expr}), {blanks}) THEN NULL ELSE trim({expr}) END"


def unreadable(expr: str, value: str) -> str:
    """True where there is text but no value."""
    return f"(({value}) IS NULL AND ({filled(expr)}) IS NOT NULL)"


def timestamp(expr: str, order: str = "iso") -> str:
    """:param order: a key of :data:`TIME_FORMATS`"""
    parsed = f"try_strptime({filled(expr)}, [{literals(TIME_FORMATS[order])}])"
    if order == "iso":  # the usual shape, which a cast reads many times faster
        return f"CASE WHEN {expr} LIKE '____-__-__ __:__:__' THEN try_cast({expr} AS TIMESTAMP) ELSE {parsed} END"
    return parsed


def whole(number: str) -> str:
    """A number as whole seconds, halves up; NULL outside the range of an integer."""
    return f"try_cast(floor({number} + 0.5) AS INTEGER)"


def seconds(expr: str, unit: str = "seconds") -> str:
    """Whole seconds, halves rounded up. 0 where there is nothing.

    :param unit: ``seconds``, ``milliseconds``, ``minutes`` (decimal) or ``clock`` (``[[hh:]mm:]ss``)
    """
    value = filled(expr)
    if unit == "clock":
        parts = f"list_reverse(string_split({value}, ':'))"
        number = (
            f"CASE WHEN regexp_full_match({value}, '(\\d{{1,4}}:)?(\\d{{1,4}}:)?\\d{{1,6}}(\\.\\d{{1,9}})?') THEN"
            f" try_cast({parts}[1] AS DECIMAL(18, 6))"
            f" + 60 * coalesce(try_cast({parts}[2] AS INTEGER), 0)"
            f" + 3600 * coalesce(try_cast({parts}[3] AS INTEGER), 0) END"
        )
    else:
        factor = {"seconds": "", "milliseconds": " / 1000.0", "minutes": " * 60"}[unit]
        number = f"try_cast({value} AS DECIMAL(30, 6)){factor}"  # wide: an overflow would not be NULL but an error
    careful = f"CASE WHEN ({value}) IS NULL THEN 0 ELSE {whole(number)} END"
    return f"coalesce(try_cast({expr} AS INTEGER), {careful})" if unit == "seconds" else careful


def plain_number(expr: str, rules) -> str:
    """What :func:`.numbers.canonical_number` makes of a number where that takes no more than a look at how it begins, otherwise NULL."""
    doubled = f" AND {expr} NOT LIKE '+{rules.code}0%'" if rules.trunk == "0" else ""
    cases = [f"WHEN regexp_full_match({expr}, '[+][1-9][0-9]{{6,15}}'){doubled} THEN {expr}"]
    if rules.abroad == ("00",):
        doubled = doubled.replace("'+", "'00")
        cases.append(f"WHEN regexp_full_match({expr}, '00[1-9][0-9]{{6,15}}'){doubled} THEN '+' || substr({expr}, 3)")
        national = "|".join(f"[1-9][0-9]{{{length - 1}}}" for length in rules.lengths if 7 <= length + len(rules.code) <= 16)
        if rules.trunk == "0" and national:
            cases.append(f"WHEN regexp_full_match({expr}, '0({national})') THEN '+{rules.code}' || substr({expr}, 2)")
    if rules.trunk in ("", "0") and not rules.short:
        cases.append(f"WHEN regexp_full_match({expr}, '[1-9][0-9]*') THEN {expr}")
    return f"CASE {' '.join(cases)} END"
