"""Shares of a period, for fixed fees, allowances and minimums. Usage is never prorated: it belongs to its own day."""

from calendar import monthrange
from datetime import date
from decimal import Decimal
from fractions import Fraction


def share(first: date | None, last: date | None, period_first: date, period_last: date) -> Fraction:
    """Days of ``first`` to ``last`` inside a period, as a share of all its days. Product model 18.

    Both ends are included; None is open.

    >>> part_of(Decimal(280), share(date(2026, 2, 24), None, date(2026, 2, 1), date(2026, 2, 28)))
    Decimal('50')
    >>> share(date(2026, 3, 1), date(2026, 3, 31), date(2026, 2, 1), date(2026, 2, 28))
    Fraction(0, 1)
    """
    begin = max(first or period_first, period_first)
    end = min(last or period_last, period_last)
    return Fraction(max(0, _days(begin, end)), _days(period_first, period_last))


def months(first: date, last: date) -> Fraction:
    """Length of a stretch of days in months, each calendar month being 1; both ends included. Product model 18.

    >>> months(date(2026, 1, 1), date(2026, 3, 31)), months(date(2019, 1, 31), date(2019, 2, 1))
    (Fraction(3, 1), Fraction(59, 868))
    """
    before = Fraction(first.day - 1, _month_days(first))
    return 12 * (last.year - first.year) + last.month - first.month + Fraction(last.day, _month_days(last)) - before


def part_of(amount: Decimal, fraction: Fraction) -> Decimal:
    """A fraction of an amount, divided last so that what has a finite decimal is exact. Product model 18.

    >>> part_of(Decimal(30), Fraction(1, 3)), part_of(Decimal("99.90"), Fraction(1))
    (Decimal('10'), Decimal('99.90'))
    """
    fraction = Fraction(fraction)
    return Decimal(amount) * fraction.numerator / fraction.denominator


def _days(first, last):
    return (last - first).days + 1


def _month_days(day):
    return monthrange(day.year, day.month)[1]
