"""Performance indicators: the one place of their formulas.

Nothing here imports Odoo, so each formula runs and is tested by itself. All are ratios of counts over a whole period, never
averages of ratios: counts of days, queues or agents are added first. Without anything to measure a result is None, not zero.

| Indicator | Formula | Counted by |
|---|---|---|
| Service level | answered in time / (answered + abandoned later), or a variant | ``call.count``, waits |
| Average speed of answer | waiting of the answered calls / answered | ``call.count`` |
| Average handling time | (talk + hold + wrap-up) / handled, which are the answered calls | ``call.count`` |
| Abandonment | abandoned / offered, both without those that gave up within the short threshold | ``call.count``, waits |
| Occupancy | handling time / time logged in and available | ``call.count`` |
| First call resolution | answered calls without another one of the same number within N days / answered | the calls |
| Satisfaction | positive / responses; net promoter score: share of 9-10 less share of 0-6 | ratings |
| Billing health | dispute rate, credit ratio, suspense share, days to settle, days sales outstanding | billing |
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

PERCENT = ("service_level", "abandonment", "occupancy", "resolution", "satisfaction")
"""Indicators that are a part of the whole; the others are seconds per call."""
LESS_IS_BETTER = ("answer_speed", "handling_time", "abandonment")
VARIANTS = ("late", "offered", "short", "answered")
"""How the service level is calculated: callers who give up in time are left out (the default), count as missed, or as met; or
only answered calls count."""


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

    def __add__(self, other: "Served") -> "Served":
        """
        >>> Served(offered=2, wait=5) + Served(offered=1, answered=1)
        Served(offered=3, answered=1, in_time=0, abandoned=0, short=0, wait=5, handling=0)
        """
        return Served(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def ratio(self, indicator: str, variant: str | None = None) -> tuple[int, int]:
        """Numerator and denominator of an indicator: a part of the calls, or seconds per call.

        >>> october = Served(offered=1000, answered=943, in_time=811, abandoned=57, short=19)
        >>> ratios = [october.ratio("service_level", each) for each in VARIANTS]
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
        return percent(part, whole) if indicator in PERCENT else quotient(part, whole)


def quotient(part: int, whole: int) -> Fraction | None:
    """
    >>> quotient(50, 3), quotient(1, 0)
    (Fraction(50, 3), None)
    """
    return Fraction(part, whole) if whole else None


def percent(part: int, whole: int) -> Fraction | None:
    """Exact percents of a whole: of satisfaction positive answers of all, of the suspense share suspended of read records.

    >>> percent(11, 12), percent(0, 0)
    (Fraction(275, 3), None)
    """
    return Fraction(part, whole) * 100 if whole else None


def occupancy(handling: int, available: int) -> Fraction | None:
    """Percents of the time logged in and available that agents spent on calls, in whatever direction.

    >>> occupancy(handling=5 * 3600, available=8 * 3600)
    Fraction(125, 2)
    """
    return percent(handling, available)


def first_call_resolution(answered: int, repeated: int) -> Fraction | None:
    """Percents of the answered calls after which the same number did not call again within the days agreed.

    >>> first_call_resolution(answered=200, repeated=30)
    Fraction(85, 1)
    """
    return percent(answered - repeated, answered)


def net_promoter_score(scores: Iterable[int]) -> Fraction | None:
    """Share of 9 and 10 less share of 0 to 6, of answers from 0 to 10; between -100 and 100.

    >>> net_promoter_score([10, 9, 8, 7, 6]), net_promoter_score([])
    (Fraction(20, 1), None)
    """
    scores = list(scores)
    promoters, detractors = (sum(low <= score <= high for score in scores) for low, high in ((9, 10), (0, 6)))
    return percent(promoters - detractors, len(scores))


def days_to_settle(days: Iterable[int]) -> Fraction | None:
    """Mean number of days from a dispute to its decision.

    >>> days_to_settle([2, 3, 10])
    Fraction(5, 1)
    """
    days = list(days)
    return quotient(sum(days), len(days))


def days_sales_outstanding(receivable: Fraction, invoiced: Fraction, days: int) -> Fraction | None:
    """Days for which what was invoiced in a period is owed at its end.

    >>> days_sales_outstanding(Fraction(30000), invoiced=Fraction(90000), days=90)
    Fraction(30, 1)
    """
    return quotient(receivable * days, invoiced)
