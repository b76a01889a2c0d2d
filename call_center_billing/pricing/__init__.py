"""Prices of totals: what a contract line owes for a period once its calls are summed.

This package imports nothing from Odoo, so it runs and is tested without a database. It works on a few rows per contract
line and period; what is done per call is SQL, see :mod:`..models.call_rating`. Money and units are ``Decimal``, seconds
whole numbers, shares of days or units ``Fraction``. Nothing is rounded to a currency: that is done once, per invoice line.
"""

from .seconds import charged_seconds, sum_rounded
from .proration import months, part_of, share
from .allowance import by_price, fill, granted, proportional_share
from .rollover import Carried, Use, carry, use
from .tiers import flat_fees, graduated, packages, volume_tier
from .agent_time import capped_average_seconds, fte_fee
from .commitment import cap_discount, forecast_shortfall, minimum_top_up
from .service_level import credit, earn_back, is_breach
from .best_plan import cheapest
from .outlook import at_end

__all__ = [
    "Carried",
    "Use",
    "at_end",
    "by_price",
    "cap_discount",
    "capped_average_seconds",
    "carry",
    "charged_seconds",
    "cheapest",
    "credit",
    "earn_back",
    "fill",
    "flat_fees",
    "forecast_shortfall",
    "fte_fee",
    "graduated",
    "granted",
    "is_breach",
    "minimum_top_up",
    "months",
    "packages",
    "part_of",
    "proportional_share",
    "share",
    "sum_rounded",
    "use",
    "volume_tier",
]
