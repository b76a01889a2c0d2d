"""What a period that still runs comes to if it goes on as until now. Told to clients, never billed."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction


def at_end(passed: Fraction, charged: Decimal, allowances: Iterable[tuple[Decimal, Decimal, Decimal]]) -> Fraction:
    """Charges of usage at the end of a period: by the days that passed, but nothing for what will be included.

    :param passed: share of the period's days that is over, above 0
    :param charged: charges of usage until now
    :param allowances: (units used until now, units that are included, price of a unit beyond) of each allowance

    >>> at_end(Fraction(1, 3), Decimal(10), [])
    Fraction(30, 1)
    >>> at_end(Fraction(1, 2), Decimal(0), [(Decimal(80), Decimal(100), Decimal("0.5"))])
    Fraction(30, 1)
    >>> at_end(Fraction(1, 2), Decimal(25), [(Decimal(120), Decimal(100), Decimal("0.5"))])
    Fraction(100, 1)
    """
    now = later = Fraction(0)
    for used, included, price in allowances:
        now += max(Fraction(used) - Fraction(included), 0) * Fraction(price)
        later += max(Fraction(used) / passed - Fraction(included), 0) * Fraction(price)
    return max(Fraction(charged) - now, 0) / passed + later
