"""Included units of a period: how many there are, and which usage they free.

Units are charged seconds or calls, as the allowance says. Use in the order of dates is a running sum over calls and so
belongs to the engine's SQL; here are the orders that need totals only.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

ZERO = Decimal(0)


def granted(quantity: Decimal, share: Fraction, step: Decimal) -> Decimal:
    """Units that a part of a period includes, rounded down to whole steps. Product models 5 and 18.

    :param share: of the period, see :func:`.proration.share`; 1 where the allowance is not prorated
    :param step: 1 for seconds, 0.01 for calls

    >>> granted(Decimal(250 * 60), Fraction(14, 31), Decimal(1)), granted(Decimal(100), Fraction(14, 31), Decimal("0.01"))
    (Decimal('6774'), Decimal('45.16'))
    """
    return Fraction(quantity) * share // Fraction(step) * step


def by_price(allowance: Decimal, groups: Sequence[tuple[Decimal, Decimal]], dearest: bool) -> list[Decimal]:
    """Units of each price group that an allowance frees, the dearest or the cheapest first. Product models 5 and 6.

    :param groups: (units, price per unit that is freed); groups of one price are used as they come: where their calls
        have a date order, they are one group

    >>> by_price(Decimal(250), [(Decimal(312), Decimal("2.25"))], dearest=True)  # 62 over: 600.00 + 62 x 2.25 = 739.50
    [Decimal('250')]
    >>> day, night = (80, Decimal("1.00")), (60, Decimal("1.50"))
    >>> by_price(100, [day, night], dearest=True)  # 40 of the day charged: 40.00
    [40, 60]
    >>> by_price(100, [day, night], dearest=False)  # 40 of the night charged: 60.00
    [80, 20]
    """
    order = sorted(range(len(groups)), key=lambda index: groups[index][1], reverse=dearest)
    return fill(allowance, [units for units, _price in groups], order)


def proportional_share(total: Decimal, allowance: Decimal) -> Fraction:
    """Share of every unit that is charged where an allowance frees all of them alike: (S - A) / S. Product model 6.

    >>> proportional_share(Decimal(80 + 60), Decimal(100))  # (80 x 1.00 + 60 x 1.50) x 2/7 = 48.57
    Fraction(2, 7)
    >>> proportional_share(Decimal(80), Decimal(100)), proportional_share(Decimal(0), Decimal(100))
    (Fraction(0, 1), Fraction(1, 1))
    """
    if not total:
        return Fraction(1)
    return max(Fraction(0), 1 - Fraction(allowance) / Fraction(total))


def fill(units: Decimal, sizes: Sequence[Decimal], order: Iterable[int]) -> list[Decimal]:
    """How many units fall to each place when places of these sizes are filled in this order.

    >>> fill(100, [80, 60, 10], [2, 0, 1])
    [80, 10, 10]
    """
    taken = [ZERO] * len(sizes)
    for index in order:
        taken[index] = min(units, sizes[index])
        units -= taken[index]
    return taken
