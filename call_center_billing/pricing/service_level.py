"""Service levels: credits for what missed its target, and how they are earned back; what is measured is in ``indicators``. Product
model 16."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

ZERO = Decimal(0)


def is_breach(actual: Decimal | Fraction | None, target: Decimal | Fraction, at_most: bool = False) -> bool:
    """Whether a period's indicator missed its target; without data (None) it did not.

    :param at_most: the target is a limit, as for answer speed or abandonment

    >>> is_breach(Decimal("79.9"), Decimal(80)), is_breach(Decimal(80), Decimal(80)), is_breach(None, Decimal(80))
    (True, False, False)
    >>> is_breach(Decimal(6), Decimal(5), at_most=True)
    True
    """
    if actual is None:
        return False
    return actual > target if at_most else actual < target


def credit(base: Decimal, at_risk: Decimal, weight: Decimal, cap: Decimal | None = None) -> Decimal:
    """Amount that a breach gives back, as a positive number; the same formula gives a bonus.

    :param base: charges of the period, without what is passed through
    :param at_risk: percent of the base
    :param weight: percent of what is at risk; of several breaches together, the sum of theirs
    :param cap: amount; None = none

    >>> credit(Decimal(20000), at_risk=Decimal(12), weight=Decimal(40), cap=Decimal(2400))
    Decimal('960')
    >>> credit(Decimal(20000), at_risk=Decimal(12), weight=Decimal(40 + 75), cap=Decimal(2400))
    Decimal('2400')
    """
    owed = Decimal(base) * at_risk * weight / 10000
    return owed if cap is None else min(owed, cap)


def earn_back(credited: Decimal, met: Sequence[bool | None], periods: int) -> Decimal:
    """Part of a credit that is charged again: all of it, once the next results in a row met their target.

    :param met: for each period after the breach, whether its target was met; None: no data, so it does not count
    :param periods: how many results must meet it; 0 = credits are not earned back

    >>> earn_back(Decimal(960), [True, None, True], periods=2), earn_back(Decimal(960), [True, False, True], periods=2)
    (Decimal('960'), Decimal('0'))
    """
    results = [each for each in met if each is not None][:periods]
    return credited if results and len(results) == periods and all(results) else ZERO
