"""Files out of ``.zip`` and ``.gz`` archives.

A file is an archive where its name ends so and its first bytes agree: an ``.xlsx`` is a zip, too, and stays what it
is. Content is handed on chunk by chunk and counted on its way, so what an archive says of itself is believed nowhere.
"""

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

CHUNK = 1024 * 1024
MEGABYTE = 1024 * 1024
DIRECTORY_BYTES = 4 * MEGABYTE  # of a zip's list of contents; it is read at once
MAX_RATIO = 200
RATIO_FROM = 10 * MEGABYTE  # small files of one repeated line may well be packed better
BOM = b"\xef\xbb\xbf"
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)


class ArchiveError(Exception):
    """An archive is refused. ``code`` is ``broken``, ``empty``, ``encrypted``, ``method``, ``nested``, ``ratio``,
    ``entries``, ``entry_size`` or ``size``; ``name`` is the archive, or the file in it."""

    def __init__(self, code: str, name: str):
        super().__init__(code)
        self.code, self.name = code, name


@dataclass(frozen=True)
class File:
    """A file of a delivery. ``chunks`` gives its content anew at each call."""

    name: str
    chunks: Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Limits:
    """Of all archives of a delivery together, in bytes and files; ``entry`` is that of each file."""

    total: int = 2048 * MEGABYTE
    entry: int = 1024 * MEGABYTE
    entries: int = 1000


class Unpacker:
    """Opens the archives of one delivery and closes them in the end."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.unpacked = 0
        self.entries = 0
        self.opened = ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.opened.close()

    def files(self, path: str, name: str) -> list[File]:
        """The files that a file holds: itself, if it is no archive.

        :raise ArchiveError: now, or later when the content is read
        """
        with open(path, "rb") as stream:
            kind = _kind(name, stream.read(4))
        if kind == "zip":
            return self._zipped(path, name)
        if kind == "gz":
            self._count(1, name)
            inner = label(name[: -len(".gz")])
            return [File(inner, partial(self._checked, inner, partial(gzip.open, path), _size(path)))]
        return [File(label(name), partial(read_chunks, path))]

    def _zipped(self, path, name):
        try:
            archive = self.opened.enter_context(zipfile.ZipFile(self.opened.enter_context(_Bounded(path))))
        except BROKEN as error:
            raise ArchiveError("broken", name) from error
        self._count(len(archive.infolist()), name)
        size, found = _size(path), []
        for entry in archive.infolist():
            if entry.is_dir() or _is_clutter(entry.filename):
                continue
            inner = label(entry.filename)
            self._check_entry(entry, inner, size)
            packed = min(entry.compress_size, size)
            found.append(File(inner, partial(self._checked, inner, partial(archive.open, entry), packed)))
        if not found:
            raise ArchiveError("empty", name)
        return found

    def _count(self, entries, name):
        self.entries += entries
        if self.entries > self.limits.entries:
            raise ArchiveError("entries", name)

    def _check_entry(self, entry, name, archive_size):
        if entry.flag_bits & 0x1:
            raise ArchiveError("encrypted", name)
        # Other methods unpack any amount at once. What is stored or deflated comes in the pieces that are asked for.
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError("method", name)
        self._check_size(entry.file_size, min(entry.compress_size, archive_size), name)

    def _check_size(self, size, packed, name):
        if size > self.limits.entry:
            raise ArchiveError("entry_size", name)
        if size > RATIO_FROM and size > MAX_RATIO * packed:
            raise ArchiveError("ratio", name)

    def _checked(self, name, opener, packed):
        """The content of an entry, as long as it keeps to the limits.

        :param packed: its bytes in the archive, at most
        """
        size = 0
        try:
            with opener() as stream:
                while chunk := stream.read(CHUNK):
                    if not size and (_kind(name, chunk[:4]) or name.lower().endswith(".tar")):
                        raise ArchiveError("nested", name)
                    size += len(chunk)
                    self.unpacked += len(chunk)
                    self._check_size(size, packed, name)
                    if self.unpacked > self.limits.total:
                        raise ArchiveError("size", name)
                    yield chunk
        except BROKEN as error:
            raise ArchiveError("broken", name) from error


def together(files: list[File]) -> Iterator[bytes]:
    """The content of several text files as one: each begins on a line of its own."""
    last = b"\n"
    for file in files:
        for index, chunk in enumerate(file.chunks()):
            if not index:
                yield b"" if last.endswith(b"\n") else b"\n"
                chunk = chunk if file is files[0] else chunk.removeprefix(BOM)
            yield chunk
            last = chunk or last


def read_chunks(path: str) -> Iterator[bytes]:
    """The content of a file."""
    with open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def label(name: str) -> str:
    """A name to show, wherever in an archive the file was.

    >>> label("../../etc/2026-10-01\\\\Master.csv"), label("C:/a\\tb.csv"), label("/..")
    ('etc/2026-10-01/Master.csv', 'a b.csv', 'file')
    """
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".", "..") and not re.fullmatch("[A-Za-z]:", part)]
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", " ", "/".join(parts))[-200:] or "file"


def _kind(name, head):
    if name.lower().endswith(".zip") and head in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    if name.lower().endswith(".gz") and head.startswith(b"\x1f\x8b"):
        return "gz"
    return None


def _is_clutter(name):
    """What macOS puts beside the files themselves."""
    last = name.rsplit("/", 1)[-1]
    return name.startswith("__MACOSX/") or last.startswith("._") or last == ".DS_Store"


def _size(path):
    with open(path, "rb") as stream:
        return stream.seek(0, io.SEEK_END)


class _Bounded(io.FileIO):
    """Gives no more at once than a list of contents may have: a longer one looks broken."""

    def read(self, size=-1):
        return super().read(DIRECTORY_BYTES if size is None or size < 0 else min(size, DIRECTORY_BYTES))
