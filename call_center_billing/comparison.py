"""Two lists of the same calls, laid side by side. Plain Python: no Odoo, no database."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

TAIL = 7
"""Numbers are the same if so many last digits are: one list may have them with country code, the other without."""


@dataclass(frozen=True)
class Entry:
    """``ref``: what a list calls the call; ``number``: digits of the other party, what is hidden left out, '' if the list has none;
    ``start``: naive UTC; ``seconds``: duration, None if the list has none."""

    ref: object
    number: str
    start: datetime
    seconds: int | None


@dataclass
class Comparison:
    """``same`` and ``different``: pairs (ours, theirs); ``ours``: calls that only we have; ``theirs``: that only they have."""

    same: list
    different: list
    ours: list
    theirs: list


def compare(ours, theirs, start_tolerance=120, seconds_tolerance=2, hidden=0):
    """Pair the calls of two lists: of one number, those whose starts are nearest, each once.

    >>> at = lambda minute: datetime(2026, 10, 5, 10, minute)
    >>> ours = [Entry(1, "4917055501", at(0), 60), Entry(2, "4917055502", at(5), 60), Entry(3, "4917055503", at(9), 60)]
    >>> theirs = [Entry("a", "017055501", at(1), 60), Entry("b", "017055502", at(5), 42), Entry("c", "017055509", at(9), 60)]
    >>> found = compare(ours, theirs)
    >>> [(o.ref, t.ref) for o, t in found.same], [(o.ref, t.ref) for o, t in found.different]
    ([(1, 'a')], [(2, 'b')])
    >>> [o.ref for o in found.ours], [t.ref for t in found.theirs]
    ([3], ['c'])

    :param ours: list of Entry, their numbers without the digits that are hidden from the client
    :param theirs: list of Entry
    :param start_tolerance: seconds that starts may differ
    :param seconds_tolerance: seconds that durations may differ
    :param hidden: last digits that are hidden: left out of their numbers as well
    """
    keyed = any(entry.number for entry in theirs)
    groups = defaultdict(lambda: ([], []))
    for side, entries in enumerate((ours, theirs)):
        for entry in entries:
            groups[_key(entry.number, hidden * side) if keyed else ""][side].append(entry)
    found = Comparison([], [], [], [])
    for mine, other in groups.values():
        pairs = _pair(sorted(mine, key=_start), sorted(other, key=_start), start_tolerance)
        paired = {id(entry) for pair in pairs for entry in pair}
        for one, two in pairs:
            known = None not in (one.seconds, two.seconds)
            differs = known and abs(one.seconds - two.seconds) > seconds_tolerance
            (found.different if differs else found.same).append((one, two))
        found.ours += [entry for entry in mine if id(entry) not in paired]
        found.theirs += [entry for entry in other if id(entry) not in paired]
    for entries in (found.ours, found.theirs):
        entries.sort(key=_start)
    for pairs in (found.same, found.different):
        pairs.sort(key=lambda pair: pair[0].start)
    return found


def _start(entry):
    return entry.start


def _key(number, hidden):
    digits = number[: len(number) - hidden] if hidden else number
    return digits[-TAIL:]


def _pair(mine, other, tolerance):
    """Pairs of two lists in the order of their starts, the nearest first."""
    near, first = [], 0
    for index, one in enumerate(mine):
        while first < len(other) and (one.start - other[first].start).total_seconds() > tolerance:
            first += 1
        for place in range(first, len(other)):
            apart = (other[place].start - one.start).total_seconds()
            if apart > tolerance:
                break
            longer = abs((one.seconds or 0) - (other[place].seconds or 0))
            near.append((abs(apart), longer, index, place))
    pairs, used_mine, used_other = [], set(), set()
    for _apart, _longer, index, place in sorted(near):
        if index not in used_mine and place not in used_other:
            used_mine.add(index)
            used_other.add(place)
            pairs.append((mine[index], other[place]))
    return pairs
