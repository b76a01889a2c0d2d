"""Records out of JSON of any size and any usual shape, through a window over the text: memory follows the size of a
record, not that of the file.

Documents may stand one a line or one after another, over several lines, in arrays, or in an array inside an object (the
envelope that an API wraps a page of records in). Of what is broken only the stretch up to where another record may begin
is lost: the end of its brackets, a line that begins as its first one does, ``}{``, or, for what is no object, the end of
its line.
"""

import json
import re
from collections.abc import Iterator

CHUNK = 256 * 1024
MAX_CHARS = 8 * 1024 * 1024  # of one record; also of what an envelope may say before its array
MAX_TEXT = 1024 * 1024  # what is kept of a broken record
KEPT_BEFORE = 200  # characters that tell how the line of a record begins
HELD_BACK = 100  # longer than what the beginning of a record needs to be recognised
CUT = ("[...", "unreadable")  # what stands for the missing end of a file
_BLANK = re.compile(r"[\s,]*")
_LEAD = re.compile(r"([ \t]{0,60})[\[,\s]*")
# A string ends with its line at the latest, so that one without an end costs no second look.
_STRING = r'[^"\\\n]*(?:\\.[^"\\\n]*)*(?P<end>")?'
_STRING_REST, _TOKEN = re.compile(_STRING), re.compile(rf'"{_STRING}|[{{}}\[\]]')
_PAIRS = {"}": "{", "]": "["}
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_decoder = json.JSONDecoder()


def json_values(stream, inside: tuple = ()) -> Iterator[tuple[object, str | None]]:
    """``(record, None)`` for each record of a text stream, or ``(raw text, problem)`` for a stretch that is none.

    :param inside: paths (``data.calls``) of arrays that hold the records of an object; an object without is a record.
        Arrays that are not inside an object always hold records

    >>> import io
    >>> list(json_values(io.StringIO('[{"id": 1}, {"id": no}, {"id": 3}]')))
    [({'id': 1}, None), ('{"id": no}', 'unreadable'), ({'id': 3}, None)]
    >>> list(json_values(io.StringIO('{"next": null, "calls": [{"id": 1}]}'), ("calls",)))
    [({'id': 1}, None)]
    """
    window = _Window(stream)
    opened = []  # for each array around the place, how many objects of an envelope are around it
    while mark := window.peek():
        if mark == "[":
            window.at += 1
            opened.append(0)
        elif mark == "]" and opened:
            window.at += 1
            if not window.leave(opened.pop()):
                yield window.broken(bool(opened)) if window.peek() else CUT
        elif found := window.decode():
            yield from ((record, None) for record in _spread(found[0], inside))
        elif mark == "{" and inside and (levels := window.enter(inside)):
            opened.append(levels)
        else:
            yield window.broken(bool(opened))
    if opened:
        yield CUT


class _Window:
    """A stretch of a text that moves on with ``at``, the place that is read next."""

    def __init__(self, stream):
        self.stream, self.text, self.at, self.ended = stream, "", 0, False
        self.anchor = None  # a place that is still needed

    def fill(self) -> bool:
        """Read on. False at the end of the text."""
        fresh = self.stream.read(max(CHUNK, len(self.text) - self.at))
        keep = max((self.at if self.anchor is None else self.anchor) - KEPT_BEFORE, 0)
        self.text = self.text[keep:] + fresh
        self.at -= keep
        self.anchor = None if self.anchor is None else self.anchor - keep
        self.ended = not fresh
        return not self.ended

    def peek(self) -> str:
        """The next character that is neither blank nor a comma, '' at the end; ``at`` is its place then."""
        while True:
            self.at = _BLANK.match(self.text, self.at).end()
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.fill():
                return ""

    def decode(self) -> tuple:
        """The value that begins here, as a tuple of one; () where it is broken or too long, and ``at`` stays."""
        while True:
            try:
                value, end = _decoder.raw_decode(self.text, self.at)
            except RecursionError:
                return ()
            except ValueError as error:
                if self._is_cut(error) and len(self.text) - self.at < MAX_CHARS and self.fill():
                    continue
                return ()
            if end - self.at > MAX_CHARS:
                return ()
            if end < len(self.text) or not isinstance(value, int | float) or not self.fill():  # there may be more digits
                self.at = end
                return (value,)

    def _is_cut(self, error):
        """Whether what follows may mend an error: it is where the window ends, or in a string that goes on there."""
        if self.ended or not isinstance(error, json.JSONDecodeError):
            return False
        return error.msg.startswith("Unterminated string") or error.pos >= len(self.text) - 16

    def enter(self, wanted: tuple) -> int:
        """Move behind the bracket of the first array in the object here that is at one of the paths.

        :return: how many objects are around it; 0 where there is none, and ``at`` stays
        """
        self.anchor = self.at
        levels = self._find_array(wanted)
        if not levels:
            self.at = self.anchor
        self.anchor = None
        return levels

    def _find_array(self, wanted):
        self.at += 1
        path = []
        while self.at - self.anchor < MAX_CHARS and (mark := self.peek()):
            if mark == "}":
                if not path:
                    return 0
                path.pop()
                self.at += 1
                continue
            key = self._key()
            if key is None:
                return 0
            place = ".".join([*path, key])
            mark = self.peek()
            if mark == "[" and place in wanted:
                self.at += 1
                return len(path) + 1
            if mark == "{" and any(each.startswith(place + ".") for each in wanted):
                path.append(key)
                self.at += 1
            elif not self.decode():
                return 0
        return 0

    def leave(self, levels: int) -> bool:
        """Move behind the rest of the objects of an envelope. False where that is broken; ``at`` is there then."""
        for _level in range(levels):
            while self.peek() != "}":
                if self._key() is None or not self.peek() or not self.decode():
                    return False
            self.at += 1
        return True

    def _key(self):
        """The name of a member of an object, and move behind its colon; None where there is none."""
        found = self.decode() if self.peek() == '"' else ()
        if not found or self.peek() != ":":
            return None
        self.at += 1
        return found[0]

    def broken(self, in_array: bool) -> tuple[str, str]:
        """The stretch from here up to where another record may begin, with its problem, and move on there."""
        boundary, brackets = self._boundary(in_array), _Brackets()
        follow = brackets.follow if self.text[self.at : self.at + 1] in _PAIRS.values() else lambda _text, _at, end: (end, False)
        text, size, done = "", 0, False
        while not done:
            found = boundary.search(self.text, self.at + (not size))
            end = found.start() if found else len(self.text) - (0 if self.ended else HELD_BACK)
            stop, closed = follow(self.text, self.at, max(end, self.at))
            done = closed or bool(found) or self.ended
            stop = max(stop, end) if done and not closed else stop
            text += self.text[self.at : min(stop, self.at + MAX_TEXT - len(text))]
            size += stop - self.at
            self.at = stop
            if not done:
                self.fill()
        return text.strip(), "too_long" if size > MAX_CHARS else "unreadable"

    def _boundary(self, in_array):
        """Pattern of what another record may begin with, by how the one begins that is here."""
        line = self.text.rfind("\n", 0, self.at) + 1
        lead = _LEAD.fullmatch(self.text, line, self.at)
        found = [r"(?<=\}){", rf"^(?:{re.escape(lead[1])}(?:,[ \t]*)?)?[{{\[]" if lead else r"^[{\[]"]
        if self.text[self.at : self.at + 1] not in _PAIRS.values():
            found += [r"\n", *([r"(?<=,)\s*[{\[]"] if in_array else [])]
        return re.compile("|".join(found), re.MULTILINE)


class _Brackets:
    """Finds where the brackets that were opened are closed, over one stretch of text after another."""

    def __init__(self):
        self.opened, self.open, self.in_string = [], {"{": 0, "[": 0}, False

    def follow(self, text: str, at: int, end: int) -> tuple[int, bool]:
        """``(place up to which was looked, whether the brackets are closed there)``. A bracket that closes an outer one
        closes those inside it; one that closes none belongs to what is around."""
        while token := (_STRING_REST.match if self.in_string else _TOKEN.search)(text, at, end):
            mark, at = token[0], token.end()
            if self.in_string or mark[0] == '"':
                self.in_string = not token["end"] and at >= end - 1  # only a backslash may be left
                if self.in_string:
                    return at, False
            elif mark not in _PAIRS:
                self.opened.append(mark)
                self.open[mark] += 1
            elif not self.open[_PAIRS[mark]]:
                return token.start(), True
            else:
                last = None
                while last != _PAIRS[mark]:
                    last = self.opened.pop()
                    self.open[last] -= 1
                if not self.opened:
                    return at, True
        return end, False


def _spread(document, inside):
    """The records of a document that is no array."""
    if isinstance(document, dict):
        for path in inside:
            if isinstance(found := find(document, path), list):
                return found
    return [document]


def find(record, place: str):
    """What is at a path such as ``call.legs[0].number`` in a document; None where there is nothing.

    >>> find({"a": {"b": [1, 2]}}, "a.b[1]"), find({"a.b": 3}, "a.b"), find({"a": 1}, "a.b")
    (2, 3, None)
    """
    if place in record:
        return record[place]
    for key, index in _STEP.findall(place):
        if key:
            record = record.get(key) if isinstance(record, dict) else None
        else:
            record = record[int(index)] if isinstance(record, list) and int(index) < len(record) else None
    return record
