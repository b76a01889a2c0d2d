"""Structured files as records: dicts from which a format's columns are taken.

Each source of records yields ``(place, record, problem)``: the number of the record, from 1; a dict, or the raw text
where there is a problem. Nothing here trusts the file: sizes and depths are bounded.
"""

import json
import re
from collections.abc import Iterator

from .json_stream import MAX_CHARS, find, json_values

MAX_RECORD_CHARS = 1024 * 1024
MAX_DEPTH = 60
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def values(record: dict, names: dict) -> list[str | None]:
    """The texts of a record's columns, in the order of ``names``; see :class:`.registry.Format`."""
    return [plain_text(_find(record, place)) for place in names.values()]


def raw_text(record) -> str:
    """A record as people see and correct it: JSON on one line."""
    text = record if isinstance(record, str) else json.dumps(record, ensure_ascii=False, default=str)
    return text.encode("utf-8", "replace").decode()  # JSON can write halves of a character, which no file can hold


def json_records(path: str, inside: tuple = ()) -> Iterator[tuple[int, dict | str, str | None]]:
    """Records of a JSON file in any usual shape: JSON lines, an array, objects one after another, or one object
    that holds the array under one of the keys or paths ``inside``."""
    with open(path, encoding="utf-8-sig", errors="backslashreplace") as stream:
        for place, (record, problem) in enumerate(json_values(stream, inside), 1):
            if problem:
                yield place, record, problem
            elif not isinstance(record, dict) or depth(record) > MAX_DEPTH:
                yield place, raw_text(record)[:MAX_RECORD_CHARS], "unreadable"
            else:
                yield place, record, None


def json_bodies(content: bytes, content_type: str) -> list[dict]:
    """The objects of a posted body: one object, an array of objects, or JSON lines; UTF-8.

    :raise ValueError: what is wrong with the body

    >>> json_bodies(b'{"id": 1}\\n{"id": 2}\\n', ""), json_bodies(b'[{"id": 1}]', "")
    ([{'id': 1}, {'id': 2}], [{'id': 1}])
    """
    text = content.decode("utf-8-sig", "backslashreplace")
    if not text.strip():
        raise ValueError("the body is empty")
    whole = _whole(text)
    found = whole or list(_lines(text))
    records = [record for document in found for record in (document if isinstance(document, list) else [document])]
    if not records or not all(isinstance(record, dict) for record in records):
        raise ValueError("the body is JSON, but neither an object nor objects")
    if any(depth(record) > MAX_DEPTH for record in records):
        raise ValueError("the body is nested too deeply")
    return records


def _lines(text):
    for line in text.split("\n"):
        if line.strip():
            document = _whole(line)
            if not document:
                raise ValueError("the body is not JSON")
            yield document[0]


def _whole(line):
    """A tuple of the document that a text is, or None."""
    if len(line) > MAX_CHARS:
        return None
    try:
        return (json.loads(line),)
    except (ValueError, RecursionError):
        return None


def depth(value, level: int = 0) -> int:
    """How deep a document is nested; at most one more than is allowed."""
    if level > MAX_DEPTH or not isinstance(value, dict | list):
        return level
    inner = value.values() if isinstance(value, dict) else value
    return max((depth(each, level + 1) for each in inner), default=level)


def _find(record, place):
    if callable(place):
        return place(record)
    if isinstance(place, tuple):
        return next((found for each in place if (found := _find(record, each)) not in (None, "")), None)
    return find(record, place)


def plain_text(value) -> str | None:
    """A value as the text of a column, without control characters; None for nothing."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False, default=str)
    text = CONTROLS.sub("\ufffd", str(value))
    return text[:MAX_RECORD_CHARS]
