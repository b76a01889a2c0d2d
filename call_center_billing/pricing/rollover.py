"""Unused allowance that is carried to later periods, the oldest used and lost first. Product model 7.

>>> use([], own=100, needed=70)
Use(carried=[], own=70, left=[])
>>> february = carry([], unused=30)
>>> february
[Carried(units=30, age=1)]
>>> use(february, own=100, needed=140)  # 10 are over
Use(carried=[30], own=100, left=[])
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from .allowance import ZERO, fill


class Carried(NamedTuple):
    """Units that an earlier period left.

    :param age: how many periods ago they were granted, at least 1
    """

    units: Decimal
    age: int


class Use(NamedTuple):
    """What a period used of its allowance.

    :param carried: units used of each carried amount, in the order given
    :param own: units used of the period's own allowance
    :param left: carried amounts that still hold something, oldest first
    """

    carried: list[Decimal]
    own: Decimal
    left: list[Carried]


def use(carried: Sequence[Carried], own: Decimal, needed: Decimal) -> Use:
    """Use carried units, the oldest first, then the period's own. What is needed beyond them is charged.

    >>> use([Carried(5, age=1), Carried(20, age=2)], own=100, needed=22)
    Use(carried=[2, 20], own=0, left=[Carried(units=3, age=1)])
    """
    oldest_first = sorted(range(len(carried)), key=lambda index: -carried[index].age)
    *used, own_used = fill(needed, [*(each.units for each in carried), own], [*oldest_first, len(carried)])
    rest = [Carried(carried[index].units - used[index], carried[index].age) for index in oldest_first]
    return Use(used, own_used, [each for each in rest if each.units])


def carry(left: Sequence[Carried], unused: Decimal, cap: Decimal = ZERO, expiry: int = 0) -> list[Carried]:
    """What goes into the next period, oldest first.

    :param left: what the period left of the units carried into it
    :param unused: what it left of its own
    :param cap: the most that is carried in all, the oldest is lost first; 0 = no cap
    :param expiry: for how many periods units can be used after their own; 0 = for ever

    >>> carry([Carried(20, age=1)], unused=30)
    [Carried(units=20, age=2), Carried(units=30, age=1)]
    >>> carry([Carried(20, age=1)], unused=30, expiry=1)
    [Carried(units=30, age=1)]
    >>> carry([Carried(20, age=1)], unused=30, cap=40)
    [Carried(units=10, age=2), Carried(units=30, age=1)]
    """
    aged = [Carried(each.units, each.age + 1) for each in (*left, Carried(unused, 0))]
    alive = sorted((each for each in aged if not 0 < expiry < each.age), key=lambda each: -each.age)
    sizes = [each.units for each in alive]
    kept = fill(cap or sum(sizes), sizes, reversed(range(len(sizes))))
    return [Carried(units, each.age) for units, each in zip(kept, alive, strict=True) if units]
