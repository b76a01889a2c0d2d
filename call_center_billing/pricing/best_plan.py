"""The best of several plans for what a client used. Product model 17."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

Key = TypeVar("Key")


def cheapest(plans: Sequence[tuple[Key, Decimal]]) -> tuple[Key, Decimal]:
    """The plan with the lowest amount; of equal ones the first.

    :param plans: (plan, amount of the same period under it, fees included)
    :raise ValueError: no plan

    >>> cheapest([("125", 350 + 105 * Decimal("2.50")), ("250", Decimal("600.00"))])
    ('250', Decimal('600.00'))
    """
    return min(plans, key=lambda plan: plan[1])
