"""FreeSWITCH ``mod_json_cdr``: one JSON document for each leg, as a file or posted to a web server.

See :mod:`.freeswitch_variables` for what the documents say. How they arrive, and what we make of that:

* Files hold one document, several one after another, or one a line; an array of them is read too.
* A post is the document itself, ``cdr=`` with it percent-encoded, or ``cdr=`` with it in base64, by ``encode``; inside it
  the values are percent-encoded or not, by ``encode-values``: :func:`bodies` reads all six. Files may hold such bodies,
  one a line. What could not be posted is left in a file as it was encoded, without ``cdr=``.
* A post that was not answered with 2xx comes again: the uuid of the leg is its identity.
* Where a call had no audio the switch writes the bare word ``nan`` as a number, which is not JSON: it is read as nothing.
  Any other invalid document is refused.
"""

import json
import re
from collections.abc import Iterator

from . import structured
from .freeswitch_variables import declared_leg, decoded, encoded_bodies, unwrapped
from .registry import register

_OPENING = "{["
_NO_NUMBER = re.compile(r'("\s*:\s*)-?(?:nan|inf)\b(?=\s*[,}])')


def bodies(content: bytes, content_type: str) -> list[dict]:
    """The records that the body of a request holds.

    :raise ValueError: what is wrong with it, in English
    """
    document = _document(unwrapped(content, content_type, _OPENING))
    records = document if isinstance(document, list) else [document]
    if not all(isinstance(each, dict) and isinstance(each.get("variables"), dict) for each in records):
        raise ValueError('the body is JSON, but not a call record: it has no object "variables"')
    return [decoded(record) for record in records]


def parse(path: str, options: dict) -> Iterator[tuple[int, dict | str, str | None]]:
    with open(path, encoding="utf-8-sig", errors="backslashreplace") as stream:
        first = stream.read(4096).lstrip()[:1]
    found = _documents(path) if first in _OPENING else encoded_bodies(path, bodies, r"cdr=|%|[{\[]")
    for place, (record, problem) in enumerate(found, 1):
        yield place, record, problem


def _documents(path):
    for _place, record, problem in structured.json_records(path):
        if problem == "unreadable":
            yield from _again(record)
        else:
            yield (record if problem else decoded(record)), problem


def _again(text):
    """A text that is no JSON: with bare words for numbers, or bodies between documents."""
    try:
        return [(record, None) for record in bodies(text.encode(), "")]
    except ValueError:
        return [(text, "unreadable")]


def _document(text):
    try:
        document = json.loads(_NO_NUMBER.sub(r"\1null", text))
    except RecursionError as error:
        raise ValueError("the body is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"the body is not JSON: {error}") from error
    if structured.depth(document) > structured.MAX_DEPTH:
        raise ValueError("the body is nested too deeply")
    return document


register(declared_leg(code="freeswitch_json", label="FreeSWITCH JSON (mod_json_cdr)", parse=parse, bodies=bodies))
