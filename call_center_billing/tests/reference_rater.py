"""The independent reference: one call at a time, plain Python on Decimal, written from product.md and not from the SQL."""

from decimal import ROUND_HALF_UP, Decimal


def charged_seconds(counted, first, following, minimum):
    """Product model 2 in its obvious form: take steps until the call is covered."""
    if counted <= 0:
        return 0
    need = max(counted, minimum)
    charged = first
    while charged < need:
        charged += following
    return charged


def price(seconds, minute_price, call_price):
    return Decimal(seconds) * Decimal(str(minute_price)) / 60 + Decimal(str(call_price))


def to_cent(amount):
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
