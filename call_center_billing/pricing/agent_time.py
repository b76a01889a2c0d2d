"""Time of people that is charged by the period: full-time equivalents, and handling time with a cap."""

from decimal import Decimal


def fte_fee(delivered_seconds: int, contracted_hours: Decimal, fte: Decimal, fee: Decimal) -> Decimal:
    """Delivered part of contracted hours x full-time equivalents x fee of one. Product model 12.

    :param contracted_hours: of all equivalents together
    :raise ArithmeticError: no hours are contracted

    >>> fte_fee(455 * 3600, Decimal(480), fte=Decimal(3), fee=Decimal("2600.00"))
    Decimal('7393.75')
    """
    return Decimal(delivered_seconds) * fte * fee / (contracted_hours * 3600)


def capped_average_seconds(total_seconds: int, calls: int, cap_seconds: int) -> int:
    """Seconds of a period where their average per call is charged up to a cap. Product model 13.

    :param cap_seconds: per call; 0 = none

    >>> capped_average_seconds(390 * 1000, calls=1000, cap_seconds=360) * Decimal("0.75") / 60
    Decimal('4500.00')
    """
    return min(total_seconds, calls * cap_seconds) if cap_seconds else total_seconds
