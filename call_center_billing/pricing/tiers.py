"""Steps of a period's volume, each with its own price. Product model 8.

Units are calls or minutes. Bounds are the inclusive upper ends of the tiers, ascending; the last tier has no end,
whatever its bound says, so no unit is without a price.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

ZERO = Decimal(0)


def graduated(units: Decimal, bounds: Sequence[Decimal | None], used: Decimal = ZERO) -> list[tuple[int, Decimal]]:
    """The slices into which the stretch from ``used`` to ``used + units`` falls: (index of the tier, its units).

    :param used: units of the period that came before, such as those billed already where usage is late

    >>> slices = graduated(1500, [500, 1000, None])
    >>> [(tier, int(units)) for tier, units in slices]
    [(0, 500), (1, 500), (2, 500)]
    >>> prices = [Decimal("1.20"), Decimal("1.00"), Decimal("0.80")]
    >>> sum(units * prices[tier] for tier, units in slices)
    Decimal('1500.00')
    >>> graduated(Decimal("2.5"), [500, 1000, None], used=Decimal(499))  # a call may straddle slices
    [(0, Decimal('1')), (1, Decimal('1.5'))]
    """
    end = used + units
    ends = [min(max(bound, used), end) for bound in [*bounds[:-1], end]]
    return [(tier, high - low) for tier, (low, high) in enumerate(pairwise([used, *ends])) if high > low]


def volume_tier(total: Decimal, bounds: Sequence[Decimal | None]) -> int:
    """Index of the tier that a period's total reached: its price is that of all units.

    >>> prices = [Decimal("1.00"), Decimal("0.80")]
    >>> [total * prices[volume_tier(total, [1000, None])] for total in (1000, 1001, 1500)]
    [Decimal('1000.00'), Decimal('800.80'), Decimal('1200.00')]
    """
    return next((tier for tier, bound in enumerate(bounds[:-1]) if total <= bound), len(bounds) - 1)


def flat_fees(total: Decimal, tiers: Sequence[tuple[Decimal | None, Decimal, Decimal]], mode: str) -> Decimal:
    """Fees that a total owes for the tiers themselves; the first tier is reached at zero usage too.

    Late usage owes what they differ by with and without it.

    :param tiers: (inclusive upper bound, price per unit, flat fee)
    :param mode: ``graduated``: the fee of every tier reached; ``volume``: that of the last one

    >>> tiers = [(10, Decimal(10), Decimal(2)), (20, Decimal(5), Decimal(3)), (None, Decimal(5), Decimal(3))]
    >>> [flat_fees(total, tiers, "graduated") for total in (0, 10, 12, 21)]
    [Decimal('2'), Decimal('2'), Decimal('5'), Decimal('8')]
    >>> [flat_fees(total, tiers, "volume") for total in (0, 12)]
    [Decimal('2'), Decimal('3')]
    """
    fees = [fee for _bound, _price, fee in tiers]
    reached = volume_tier(total, [bound for bound, _price, _fee in tiers])
    return sum(fees[: reached + 1], ZERO) if mode == "graduated" else fees[reached]


def packages(units: Decimal, free: Decimal, size: Decimal) -> int:
    """Packages begun after the free units.

    >>> packages(201, free=100, size=100) * Decimal("5.00")
    Decimal('10.00')
    >>> packages(200, free=100, size=100), packages(100, free=100, size=100), packages(Decimal("100.01"), 100, 100)
    (1, 0, 1)
    """
    return math.ceil(Fraction(max(ZERO, units - free)) / Fraction(size))
