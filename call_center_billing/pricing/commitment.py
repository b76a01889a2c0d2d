"""What was agreed for a period whatever its usage: a minimum, a cap, a share of a forecast."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from .proration import part_of

ZERO = Decimal(0)


def minimum_top_up(minimum: Decimal, share: Fraction, eligible_amounts: Iterable[Decimal]) -> Decimal:
    """Amount that is missing to a minimum commitment. Product model 9.

    :param share: of the period, see :func:`.proration.share`; 1 where the minimum is not prorated
    :param eligible_amounts: charges that count towards it; negative ones, which are credits, do not reduce them

    >>> minimum_top_up(Decimal(100), Fraction(1), [Decimal(50), 3 * Decimal(10)])
    Decimal('20')
    >>> minimum_top_up(Decimal(100), Fraction(1, 2), [Decimal(50), Decimal(-10)])
    Decimal('0')
    """
    return max(ZERO, part_of(minimum, share) - sum(max(ZERO, amount) for amount in eligible_amounts))


def cap_discount(cap: Decimal, amount: Decimal) -> Decimal:
    """What is taken off an amount so that it stays within a cap, as a positive number.

    >>> cap_discount(Decimal(170), Decimal(182)), cap_discount(Decimal(170), Decimal(160))
    (Decimal('12'), Decimal('0'))
    """
    return max(ZERO, amount - cap)


def forecast_shortfall(actual: Decimal, forecast: Decimal, share_percent: Decimal) -> Decimal:
    """Units that are charged beyond the actual ones, up to the locked share of a forecast. Product model 15.

    >>> forecast_shortfall(Decimal(8200), Decimal(10000), Decimal(90))  # (8,200 + 800) x 1.10 = 9,900.00
    Decimal('800')
    """
    return max(ZERO, part_of(forecast, Fraction(share_percent) / 100) - actual)
