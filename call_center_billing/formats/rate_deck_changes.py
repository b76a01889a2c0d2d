"""What a file of destination prices changes in a deck: lines that are there and rows in, lines to write and to remove out.

From its first day to its last a row takes the place of what was there for its prefix; what was there before and after
stays. When the file replaces the deck, nothing stays behind the day from which it does, except prefixes that are held.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from .rate_deck import ALWAYS, DAY, FOR_GOOD, Terms

START = attrgetter("date_start")
USUAL = Terms(Decimal(0), Decimal(0), 60, 60)


class Line(NamedTuple):
    """A line of a deck, its days as in :class:`.rate_deck.Row`; ``id`` None: not there yet."""

    id: int | None
    prefix: str
    destination: str
    date_start: date
    date_end: date
    terms: Terms


class Difference(NamedTuple):
    """``what``: ``added``, ``updated`` or ``ended``; ``old`` and ``new`` are :class:`.rate_deck.Terms` or None."""

    what: str
    prefix: str
    destination: str
    old: Terms | None
    new: Terms | None

    def percent(self):
        """Change of the price per minute in percent, None where there is none to compare.

        >>> round(Difference("updated", "44", "UK", Terms(Decimal("0.0125")), Terms(Decimal("0.0150"))).percent(), 1)
        Decimal('20.0')
        """
        if not self.old or not self.new or not self.old.minute_price:
            return None
        return self.new.minute_price / self.old.minute_price * 100 - 100


@dataclass
class Changes:
    """Counts of rows (``ended``: of lines), the differences, and what has to be done for them."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    ended: int = 0
    differences: list = field(default_factory=list)
    writes: list = field(default_factory=list)
    removals: list = field(default_factory=list)


def compare(lines, rows, day: date = ALWAYS, replace: bool = False, held=()) -> Changes:
    """What rows change.

    :param lines: :class:`Line` of the deck
    :param rows: :class:`.rate_deck.Row` that do not overlap
    :param day: first day of what changes
    :param replace: whether prefixes without a row end the day before
    :param held: prefixes that do not

    >>> old = [Line(1, "44", "UK", ALWAYS, FOR_GOOD, USUAL._replace(minute_price=Decimal("0.0125")))]
    >>> new = Line(None, "44", "", date(2026, 10, 1), FOR_GOOD, Terms(Decimal("0.015")))
    >>> for line in compare(old, [new]).writes:
    ...     print(line.id, line.date_start, line.date_end, line.terms.minute_price)
    1 0001-01-01 2026-09-30 0.0125
    None 2026-10-01 9999-12-31 0.015
    """
    changes = Changes()
    there, wanted = defaultdict(list), defaultdict(list)
    for line in lines:
        there[line.prefix].append(line)
    for row in rows:
        wanted[row.prefix].append(row)
    for prefix, fresh in wanted.items():
        _change(changes, sorted(there.get(prefix, ()), key=START), sorted(fresh, key=START), replace)
    for prefix, old in there.items() if replace else ():
        for line in old if prefix not in wanted and prefix not in held else ():
            if line.date_end >= day:
                _end(changes, line, day)
    return changes


def _end(changes, line, day):
    changes.ended += 1
    changes.differences.append(Difference("ended", line.prefix, line.destination, line.terms, None))
    if line.date_start < day:
        changes.writes.append(line._replace(date_end=day - DAY))
    else:
        changes.removals.append(line.id)


def _change(changes, old, rows, replace):
    """The rows of one prefix."""
    gone = [(rows[0].date_start, FOR_GOOD)] if replace else [(row.date_start, row.date_end) for row in rows]
    pieces = [piece for line in old for piece in _outside(line, gone)]
    for row in rows:
        over = [line for line in old if line.date_start <= row.date_end and line.date_end >= row.date_start]
        row = _filled(row, (over or old[-1:] or [None])[0])
        pieces.append(row)
        before = over[0].terms if over else None
        if over and _same(over, row, replace):
            changes.unchanged += 1
            continue
        what = "updated" if over else "added"
        setattr(changes, what, getattr(changes, what) + 1)
        changes.differences.append(Difference(what, row.prefix, row.destination, before, row.terms))
    _write(changes, old, _joined(sorted(pieces, key=START)))


def _same(over, row, replace):
    """Whether lines have the terms of a row on all of its days, and end with it if they have to."""
    days = sum((min(line.date_end, row.date_end) - max(line.date_start, row.date_start)).days + 1 for line in over)
    return (
        all(line.terms == row.terms for line in over)
        and days == (row.date_end - row.date_start).days + 1
        and not (replace and over[-1].date_end > row.date_end)
    )


def _filled(row, line):
    """A row as a new line; what the file does not say as it was, else as is usual."""
    terms, usual = row.terms, line.terms if line else USUAL
    if None in terms:
        terms = Terms(*(given if given is not None else other for given, other in zip(terms, usual, strict=True)))
    destination = row.destination or (line.destination if line else "")
    return Line(None, row.prefix, destination, row.date_start, row.date_end, terms)


def _outside(line, gone):
    """The stretches of a line outside of certain days."""
    start = line.date_start
    for first, last in gone:
        if last < start or first > line.date_end:
            continue
        if start < first:
            yield line._replace(date_start=start, date_end=first - DAY)
        if last >= line.date_end:
            return
        start = last + DAY
    yield line._replace(date_start=start)


def _joined(pieces):
    """Neighbours with the same terms are one line again, where one of them is new."""
    joined, fresh = [], False
    for piece in pieces:
        last = joined[-1] if joined else None
        new = piece.id is None
        if last and (new or fresh) and last.terms == piece.terms and last.date_end + DAY == piece.date_start:
            joined[-1] = last._replace(
                id=last.id or piece.id,
                date_end=piece.date_end,
                destination=piece.destination if new else last.destination,
            )
        else:
            joined.append(piece)
        fresh = new
    return joined


def _write(changes, old, pieces):
    """A line keeps its id: what is left of it, or what takes its place."""
    known, used = {line.id: line for line in old}, set()
    spare = [line.id for line in old if not any(piece.id == line.id for piece in pieces)]
    for piece in pieces:
        if piece.id is None or piece.id in used:
            piece = piece._replace(id=spare.pop(0) if piece.id is None and spare else None)
        used.add(piece.id)
        if piece.id is None or piece != known[piece.id]:
            changes.writes.append(piece)
    changes.removals += spare
