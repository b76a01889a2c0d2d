"""Which open items the amount of a bank line pays.

An item is anything with ``invoice`` and ``amount``: a part of an invoice that is open, in the currency of the line, in units of that
currency as integers (cents), so that equal is equal.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Item(NamedTuple):
    """
    :param key: what identifies it
    :param invoice: of what it is a part: instalments of one invoice share it
    :param amount: what is open of it, in cents
    """

    key: object
    invoice: object
    amount: int


def pay_in_order(items: Sequence[Item], amount: int) -> list[Item]:
    """Items that get something of the amount, the first ones first; what is over is the client's credit.

    >>> a, b = Item("a", 1, 100), Item("b", 2, 80)
    >>> [item.key for item in pay_in_order([a, b], 60)], [item.key for item in pay_in_order([a, b], 500)]
    (['a'], ['a', 'b'])
    """
    paid = []
    for item in items:
        if amount <= 0:
            break
        if item.amount > 0:
            paid.append(item)
            amount -= item.amount
    return paid


def pay_exactly(items: Sequence[Item], amount: int) -> list[Item] | None:
    """Items that have exactly this amount, where no reference tells: one invoice, one instalment, or all together.

    :return: nothing if none fits; ``None`` if several do, so that choosing one would be a guess

    >>> a, b, c = Item("a", 1, 100), Item("b", 2, 80), Item("c", 2, 80)
    >>> [item.key for item in pay_exactly([a, b, c], 160)]  # both instalments of invoice 2
    ['b', 'c']
    >>> [item.key for item in pay_exactly([a, b, c], 80)]  # the instalment that is due first
    ['b']
    >>> [item.key for item in pay_exactly([a, b, c], 260)]
    ['a', 'b', 'c']
    >>> pay_exactly([a, b, c], 70)
    []
    >>> pay_exactly([a, Item("d", 3, 100)], 100) is None
    True
    """
    whole, one = {}, {}
    for item in items:
        whole.setdefault(item.invoice, []).append(item)
        if item.amount == amount:
            one.setdefault(item.invoice, [item])
    fits = one | {invoice: parts for invoice, parts in whole.items() if sum(part.amount for part in parts) == amount}
    if not fits and sum(item.amount for item in items) == amount:
        return list(items)
    if len(fits) > 1:
        return None
    return next(iter(fits.values()), [])
