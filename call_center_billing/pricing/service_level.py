"""Service levels: what is measured, credits for what missed its target, and how they are earned back. Product model 16."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

ZERO = Decimal(0)


@dataclass
class Served:
    """Inbound calls of a period, and how long their callers and agents took.

    ``in_time``, ``short``: of the answered and of the abandoned calls, those that waited no longer than the threshold. ``wait``,
    ``handling``: seconds of the answered calls. ``offered`` has those neither answered nor abandoned as well, such as voicemail.
    """

    offered: int = 0
    answered: int = 0
    in_time: int = 0
    abandoned: int = 0
    short: int = 0
    wait: int = 0
    handling: int = 0

    def ratio(self, indicator: str, variant: str | None = None) -> tuple[int, int]:
        """Numerator and denominator of an indicator: a part of the calls, or seconds per call.

        >>> october = Served(offered=1000, answered=943, in_time=811, abandoned=57, short=19)
        >>> ratios = [october.ratio("service_level", each) for each in ("late", "offered", "short", "answered")]
        >>> [f"{part / whole:.1%}" for part, whole in ratios]
        ['82.7%', '81.1%', '83.0%', '86.0%']
        >>> october.ratio("abandonment")
        (38, 981)
        """
        if indicator == "service_level":
            return {
                "late": (self.in_time, self.answered + self.abandoned - self.short),
                "offered": (self.in_time, self.offered),
                "short": (self.in_time + self.short, self.offered),
                "answered": (self.in_time, self.answered),
            }[variant]
        return {
            "answer_speed": (self.wait, self.answered),
            "handling_time": (self.handling, self.answered),
            "abandonment": (self.abandoned - self.short, self.offered - self.short),
        }[indicator]

    def value(self, indicator: str, variant: str | None = None) -> Fraction | None:
        """Exact percents, or seconds per call; None without calls to measure.

        >>> Served(answered=3, wait=50).value("answer_speed"), Served().value("abandonment")
        (Fraction(50, 3), None)
        """
        part, whole = self.ratio(indicator, variant)
        if not whole:
            return None
        return Fraction(part, whole) * (100 if indicator in ("service_level", "abandonment") else 1)


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
