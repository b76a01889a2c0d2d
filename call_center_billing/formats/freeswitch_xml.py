"""FreeSWITCH ``mod_xml_cdr``: one XML document for each leg, as a file or posted to a web server.

See :mod:`.freeswitch_variables` for what the documents say. How they arrive, and what we make of that:

* A file ``<uuid>.cdr.xml`` (or ``a_<uuid>``) holds one document; several put together, with or without line breaks
  between, are read too. Files of failed posts are percent-encoded (the first byte is ``%``).
* A post is ``text/xml`` with the document, or ``cdr=`` with it as it is, percent-encoded or in base64: see :func:`bodies`.
* Element names are variable names and may repeat: the first one counts.
* A variable that holds ``<sip:...>`` unescaped, or whose name is no XML name, makes a document that no parser reads. It
  is refused with its text: what it says is not guessed.
* Documents are read without entities, external parts and huge trees; one with a DOCTYPE is refused.
"""

import re
from collections.abc import Iterator

from lxml import etree

from . import structured
from .freeswitch_variables import MAX_BODY_CHARS, declared_leg, decoded, encoded_bodies, unwrapped
from .registry import register

_DECLARATION = re.compile(r"<\?xml[^>]{0,200}\?>")
_TAG = re.compile(r"<cdr[\s>]|</cdr>")
READ_CHARS = 1024 * 1024


def bodies(content: bytes, content_type: str) -> list[dict]:
    """The records that the body of a request holds.

    :raise ValueError: what is wrong with it, in English
    """
    texts = [each for each in _split(unwrapped(content, content_type, "<")) if each.strip()]
    return [decoded(_record(each)) for each in texts]


def parse(path: str, options: dict) -> Iterator[tuple[int, dict | str, str | None]]:
    with open(path, encoding="utf-8-sig", errors="backslashreplace") as stream:
        first = stream.read(4096).lstrip()[:1]
    if first == "{":  # as :func:`bodies` gave them
        yield from structured.json_records(path)
        return
    found = _documents(path) if first == "<" else encoded_bodies(path, bodies, "cdr=|%|<")
    for place, (record, problem) in enumerate(found, 1):
        yield place, record, problem


def _documents(path):
    with open(path, encoding="utf-8-sig", errors="backslashreplace") as stream:
        rest = ""
        while chunk := stream.read(READ_CHARS):
            *whole, rest = _split(rest + chunk)
            for text in whole:
                yield _outcome(text)
            if len(rest) > MAX_BODY_CHARS:
                yield rest[: structured.MAX_RECORD_CHARS], "too_long"
                rest = ""
        if _DECLARATION.sub("", rest).strip():
            yield _outcome(rest)


def _outcome(text):
    text = _DECLARATION.sub("", text).strip()
    try:
        return decoded(_record(text)), None
    except ValueError:
        return text[: structured.MAX_RECORD_CHARS], "unreadable"


def _split(text):
    """The documents that the text holds, and last what it holds behind them, which may go on."""
    parts, begin, is_open = [], 0, False
    for tag in _TAG.finditer(text):
        cut = None
        if tag[0] == "</cdr>":
            cut, is_open = tag.end(), False
        elif is_open:  # the one before was cut off
            cut = tag.start()
        else:
            is_open = True
        if cut is not None:
            parts.append(text[begin:cut])
            begin = cut
    return [*(part for part in parts if part.strip()), text[begin:]]


def _record(text):
    """A document as :mod:`.freeswitch_variables` wants it.

    :raise ValueError: not well-formed, or not a call record
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("the document declares entities or a document type, which call records never do")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(_DECLARATION.sub("", text).strip(), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"the document is not well-formed XML: {error}") from error
    if root.tag != "cdr" or root.find("variables") is None:
        raise ValueError("the document is XML, but not a call record: it has no cdr with variables")
    return {
        **root.attrib,
        "channel_data": _leaves(root.find("channel_data")),
        "variables": _leaves(root.find("variables")),
        "callflow": [
            {"caller_profile": _leaves(flow.find("caller_profile")), "times": _leaves(flow.find("times"))}
            for flow in root.findall("callflow")
        ],
    }


def _leaves(element):
    """The texts of an element's children; of those with one name the first."""
    found = {}
    for child in element if element is not None else ():
        if not len(child):
            found.setdefault(str(child.tag), child.text or "")
    return found


register(declared_leg(code="freeswitch_xml", label="FreeSWITCH XML (mod_xml_cdr)", parse=parse, bodies=bodies))
