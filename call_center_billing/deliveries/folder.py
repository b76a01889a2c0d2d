"""A directory that phone systems put their files into.

Who may write there may also make symbolic links, or exchange a directory for one at any moment. So every step goes
through open descriptors, and no link below the root is followed. A file is known by its stamp: size, time of its last
change and inode.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from .archive import CHUNK

UNFINISHED = (".part", ".tmp", ".filepart")
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
NOT_A_LINK = os.O_NOFOLLOW


class FileChanged(Exception):
    """The file is not the one it was, or not complete yet."""


@dataclass(frozen=True)
class Place:
    """A directory: ``parts`` are the names on the way from the root to it."""

    root: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A file. ``name`` is its name on disk, in which unreadable bytes are surrogates."""

    name: str
    stamp: str
    changed: int

    @property
    def label(self) -> str:
        """The name as text that can be stored."""
        return os.fsencode(self.name).decode("utf-8", "backslashreplace")


def parts_of(text: str) -> tuple[str, ...]:
    """The parts of a relative path.

    >>> parts_of("berlin/ pbx 1 /./")
    ('berlin', 'pbx 1')

    :raise ValueError: it is absolute, empty, leads up or is hidden
    """
    parts = tuple(part.strip() for part in text.split("/"))
    wanted = tuple(part for part in parts if part not in ("", "."))
    if (
        not wanted
        or text.lstrip().startswith("/")
        or any(part.startswith(".") or "\\" in part or "\0" in part for part in wanted)
    ):
        raise ValueError(text)
    return wanted


def files(place: Place) -> list[Found]:
    """The files that are not hidden or marked as unfinished, oldest first.

    :raise OSError: the directory cannot be read, or is not one
    """
    found = []
    with _opened(place) as folder, os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED) or not entry.is_file(follow_symlinks=False):
                continue
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                found.append(Found(entry.name, _stamp(status), status.st_mtime_ns))
    return sorted(found, key=lambda each: (each.changed, each.name))


def chunks(place: Place, found: Found) -> Iterator[bytes]:
    """The content of a file.

    :raise FileChanged: it changed before or while it was read: what was given is to be thrown away
    :raise OSError: it cannot be read
    """
    with _opened(place) as folder:
        try:
            descriptor = os.open(found.name, os.O_RDONLY | NOT_A_LINK | os.O_NONBLOCK, dir_fd=folder)
        except FileNotFoundError:
            raise FileChanged from None
        with open(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or _stamp(status) != found.stamp:
                raise FileChanged
            left = status.st_size
            while chunk := stream.read(CHUNK):
                left -= len(chunk)
                if left < 0:  # somebody goes on writing
                    raise FileChanged
                yield chunk
            if _stamp(os.fstat(descriptor)) != found.stamp or _stamp_at(folder, found.name) != found.stamp:
                raise FileChanged


def put_away(place: Place, found: Found, target: str):
    """Move a file into a directory beside it, if it still is the one that was read.

    :raise OSError: the directory cannot be written
    """
    with _opened(place) as folder:
        if _stamp_at(folder, found.name) != found.stamp:
            return
        with suppress(FileExistsError):
            os.mkdir(target, 0o750, dir_fd=folder)
        with _inside(folder, target) as beside:
            name = _free_name(beside, found.name)
            os.rename(found.name, name, src_dir_fd=folder, dst_dir_fd=beside)
            if _stamp_at(beside, name) != found.stamp:  # written to at this very moment: it is read once more
                os.rename(name, _free_name(folder, found.name), src_dir_fd=beside, dst_dir_fd=folder)


@contextmanager
def _opened(place):
    descriptor = os.open(place.root, DIRECTORY)
    try:
        for part in place.parts:
            inner = os.open(part, DIRECTORY | NOT_A_LINK, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _inside(folder, name):
    descriptor = os.open(name, DIRECTORY | NOT_A_LINK, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _stamp(status):
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def _stamp_at(folder, name):
    with suppress(FileNotFoundError):
        return _stamp(os.stat(name, dir_fd=folder, follow_symlinks=False))
    return None


def _free_name(folder, name):
    if _stamp_at(folder, name) is None:
        return name
    stem, ending = os.path.splitext(name)
    return f"{stem[:150]}.{datetime.now():%Y%m%d-%H%M%S}-{uuid4().hex[:6]}{ending[:20]}"
