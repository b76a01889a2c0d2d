"""Bytes to physical records: the first pass over a delimited file, which no content can break.

It splits records, keeps their line numbers and sets aside what no parser should see: control characters,
endless lines, quotes that never close. Bytes that are not of the declared encoding are kept visible as ``\\xNN``.
"""

import codecs
import csv
import re
from collections.abc import Iterator

MAX_RECORD_BYTES = 64 * 1024
BLOCK_BYTES = 1024 * 1024
# Quotes that wrap whole fields, whatever the delimiter of the file is.
# Without possessive quantifiers: Python before 3.11.5 gets them wrong. A quote closes only before what no quote is, so nothing
# matches in two ways.
WELL_QUOTED = re.compile(rb'[^"]*(?:(?:(?<![^,;\t|])|(?<=[,;\t|] ))"[^"]*(?:""[^"]*)*"(?= ?(?:[,;\t|\r\n]|\Z))[^"]*)*')
CONTROLS = bytes(set(range(32)) - set(b"\t\n")) + b"\x7f"  # no phone system writes them into a record


def records(path: str, encoding: str = "utf-8", span: int = 1, quote: bool = True) -> Iterator[tuple[int, bytes, str | None]]:
    """Yield ``(line number, record as UTF-8 without line end, problem)`` for each record that is not blank.

    :param span: how many physical lines a record with quoted line breaks may take
    :param quote: whether quotes must close
    :return: ``problem`` is None or one of :data:`.record.REASONS`; then the record is what was read of it
    """
    for number, lines in blocks(path, encoding, span):
        yield from examine(number, lines, encoding, span, quote)


def blocks(path: str, encoding: str = "utf-8", span: int = 1) -> Iterator[tuple[int, list[bytes]]]:
    """Yield ``(number of the first line, lines with their line ends)``, about a megabyte at a time.

    No block ends inside a record that takes several lines, up to ``span``."""
    with _open(path, encoding) as stream:
        number, open_lines = 1, []
        while (fresh := stream.readlines(BLOCK_BYTES)) or open_lines:
            if number == 1 and fresh and fresh[0].startswith(codecs.BOM_UTF8):
                fresh[0] = fresh[0][len(codecs.BOM_UTF8) :]
            if fresh and fresh[0].endswith(b"\r\n"):
                fresh = [line[:-2] + b"\n" if line.endswith(b"\r\n") else line for line in fresh]
            lines = open_lines + fresh
            end = _end_of_records(lines, span) if span > 1 and fresh else len(lines)
            lines, open_lines = lines[:end], lines[end:]
            if lines:
                yield number, lines
            number += len(lines)


def is_clean(lines: list[bytes], encoding: str = "utf-8", quote: bool = True) -> bool:
    """Whether :func:`examine` would give every line as it is: no line needs a closer look.

    Each test runs over the whole block inside the interpreter's C code: this is what makes large files fast.
    """
    block = b"".join(lines)
    return (
        len(block.translate(None, CONTROLS)) == len(block)
        and max(map(len, lines)) <= MAX_RECORD_BYTES
        and not any(map(bytes.isspace, lines))
        and not (quote and any(line.count(b'"') & 1 for line in lines))
        and (block.isascii() or (encoding == "utf-8" and _decodes(block)))
    )


def examine(
    number: int, lines: list[bytes], encoding: str, span: int, quote: bool = True
) -> Iterator[tuple[int, bytes, str | None]]:
    """Records of a block, one by one; see :func:`records`."""
    position = 0
    while position < len(lines):
        first, line = number + position, lines[position]
        position += 1
        if len(line) > MAX_RECORD_BYTES:
            yield first, _text(line[:MAX_RECORD_BYTES], encoding), "too_long"
            continue
        if span > 1 and line.count(b'"') & 1:
            line, taken = _join(lines[position - 1 : position - 1 + span])
            position += taken - 1
        line = line.replace(b"\r\n", b"\n").rstrip(b"\r\n")
        if not line.strip():
            continue
        if len(line.translate(None, CONTROLS)) != len(line):
            yield first, _text(line.replace(b"\x00", b"\\x00"), encoding), "unreadable"
        elif quote and line.count(b'"') & 1:
            yield first, _text(line, encoding), "quotes"
        else:
            yield first, line if line.isascii() else _text(line, encoding), None


def cells_of(text: str, delimiter: str) -> list[str]:
    """The cells of one record."""
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:  # stray quotes around a line break
        return text.split(delimiter)


def _end_of_records(lines: list[bytes], span: int) -> int:
    """Where the record begins that may go on behind the last of these lines; otherwise their number."""
    odd = [index for index, line in enumerate(lines) if line.count(b'"') & 1]
    at = 0
    while at < len(odd):
        if at + 1 < len(odd) and odd[at + 1] - odd[at] < span:
            at += 2
        elif odd[at] + span > len(lines):
            return odd[at]
        else:  # a stray quote
            at += 1
    return len(lines)


def _join(lines: list[bytes]) -> tuple[bytes, int]:
    """The record that begins on the first line, and how many lines it takes. Where its quote does not close within them,
    or closes in the midst of a field, it is a stray one, and only its own line is lost."""
    joined = b""
    for taken, line in enumerate(lines, 1):
        joined += line
        if len(joined) > MAX_RECORD_BYTES:
            break
        if not joined.count(b'"') & 1:
            if WELL_QUOTED.fullmatch(joined):
                return joined, taken
            break
    return lines[0], 1


def _open(path, encoding):
    with open(path, "rb") as stream:
        head = stream.read(BLOCK_BYTES)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _Reencoded(path, "utf-16", "utf-8")
    if encoding == "utf-16":  # without a byte order mark, which the decoder would ask for
        return _Reencoded(path, "utf-16-le", "utf-8")
    if b"\r" in head and b"\n" not in head:  # old Mac line ends
        return _Reencoded(path, "latin-1", "latin-1")
    return open(path, "rb")


class _Reencoded:
    """Byte lines of a file that cannot be split at line feeds as it is."""

    def __init__(self, path, source, target):
        self.target = target
        self.stream = open(path, encoding=source, errors="replace")  # noqa: SIM115 closed by __exit__

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.stream.close()

    def readlines(self, size):
        return [line.encode(self.target, "replace") for line in self.stream.readlines(size)]


def _decodes(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _text(line: bytes, encoding: str) -> bytes:
    """The line as valid UTF-8; bytes that are not of the encoding become ``\\xNN``."""
    return line.decode("utf-8" if encoding == "utf-16" else encoding, "backslashreplace").encode()
