"""Rows of XLSX workbooks.

A workbook is a zip that may unpack to any size. Only its sheets are read piece by piece, all else is held in memory, so
sizes are checked before it is opened; and, as more than an entry says of its size is never unpacked, that can be believed.
"""

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta

from .structured import plain_text

MEGABYTE = 1024 * 1024
MAX_UNPACKED = 1024 * MEGABYTE
MAX_SHARED = 40 * MEGABYTE  # of what is no sheet: texts above all, which take four times as much in memory
MAX_RATIO = 200
RATIO_FROM = 10 * MEGABYTE
MAX_DIRECTORY = 4 * MEGABYTE
MANIFEST = "[Content_Types].xml"
SHEET = "worksheet+xml"


class TooLargeError(ValueError):
    """A workbook that would unpack to more than is good."""


def xlsx_rows(path: str) -> Iterator[tuple[int, list]]:
    """``(row number, cells)`` of the first sheet of a workbook that are not blank. Dates come as ISO text.

    :raise TooLargeError: it unpacks to too much
    :raise ValueError: not a workbook
    """
    from openpyxl import load_workbook

    with _Bounded(path) as stream:  # by its name the library would refuse a file without the usual ending
        try:
            _check_size(stream)
            book = load_workbook(stream, read_only=True, data_only=True)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            rows = enumerate(sheet.iter_rows(values_only=True), 1)
        except TooLargeError:
            raise
        except Exception as error:  # the library raises whatever the broken file leads it to
            raise ValueError("not a workbook") from error
        try:
            for number, cells in rows:
                texts = [_cell(cell) for cell in cells]
                while texts and texts[-1] is None:
                    texts.pop()
                if texts:
                    yield number, texts
        except Exception as error:
            raise ValueError("a broken workbook") from error
        finally:
            book.close()


def _check_size(stream):
    """:raise TooLargeError: it unpacks to too much"""
    size = stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream) as book:
        entries = book.infolist()
        for unpacked, packed in (
            (sum(entry.file_size for entry in entries), size),
            *((entry.file_size, min(entry.compress_size, size)) for entry in entries),
        ):
            if unpacked > MAX_UNPACKED or unpacked > RATIO_FROM and unpacked > MAX_RATIO * packed:
                raise TooLargeError
        # Other methods unpack any amount at once.
        if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
            raise ValueError("packed in an unusual way")
        if book.getinfo(MANIFEST).file_size > MEGABYTE:
            raise TooLargeError
        sheets = _sheets(book.read(MANIFEST))
        if sum(entry.file_size for entry in entries if entry.filename not in sheets) > MAX_SHARED:
            raise TooLargeError


def _sheets(manifest):
    """Names of the entries that are sheets and nothing else."""
    from openpyxl.packaging.manifest import Manifest
    from openpyxl.xml.functions import fromstring

    parts = [(part.PartName.lstrip("/"), part.ContentType) for part in Manifest.from_tree(fromstring(manifest)).Override]
    return {name for name, kind in parts if kind.endswith(SHEET)} - {name for name, kind in parts if not kind.endswith(SHEET)}


class _Bounded(io.FileIO):
    """Gives no more at once than a list of contents may have: a longer one looks broken."""

    def read(self, size=-1):
        return super().read(MAX_DIRECTORY if size is None or size < 0 else min(size, MAX_DIRECTORY))


def _cell(value):
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}" if seconds >= 0 else str(value)
    if hasattr(value, "isoformat"):
        return value.isoformat(" ") if hasattr(value, "hour") and hasattr(value, "year") else value.isoformat()
    if isinstance(value, int | float) and abs(value) >= 1e15:
        return f"{value:.5E}"  # a spreadsheet keeps 15 digits: nobody shall take what is left for the number
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return plain_text(value)
