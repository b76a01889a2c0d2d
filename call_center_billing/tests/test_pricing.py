"""Prices of totals by themselves: no database."""

import json
import re
import unittest
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests.common import BaseCase

from .. import pricing
from ..pricing import Carried
from . import reference_rater as reference
from .format_case import SAMPLES

VECTORS = SAMPLES.parent / "vectors" / "rating-vectors.json"


def figures(text):
    return [Decimal(each) for each in re.findall(r"\d+(?:\.\d+)?", text)]


def day(text):
    return date(*map(int, text.split("-")))


def blocks(seconds, size):
    return pricing.charged_seconds(seconds, int(size), int(size)) // int(size)


def per_minute(seconds, price):
    return seconds * price / 60


def cost(units, tiers, mode, used=Decimal(0)):
    """Price of units and tiers: what the engine's charges sum up to.

    :param tiers: (inclusive upper bound, price, flat fee)
    """
    bounds, prices, _fees = zip(*tiers, strict=True)
    if mode == "volume":
        return units * prices[pricing.volume_tier(units, bounds)] + pricing.flat_fees(units, tiers, mode)
    return sum(
        (slice_units * prices[tier] for tier, slice_units in pricing.graduated(units, bounds, used)),
        pricing.flat_fees(used + units, tiers, mode),
    )


def with_bounds(prices):
    """Tiers that a source states by their exclusive lower ends, as ours."""
    ends = [low for low, _price in prices[1:]] + [None]
    return [(end, Decimal(price), Decimal(0)) for end, (_low, price) in zip(ends, prices, strict=True)]


def block_tiers(rule):
    """(size of a block, how many blocks the tier has, price) as bounds in units and packages of each tier."""
    bounds, end = [], 0
    for size, count, _price in rule:
        end += size * count
        bounds.append(end if count > 0 else None)
    return bounds, [(size, Decimal(price)) for size, _count, price in rule]


def call_price(rule, usage):
    """Two prices within a call are not offered; where only the first is reached this is our rule."""
    bounds = [start for start, *_rest in rule["segments"][1:]] + [None]
    total = Decimal(rule["connect"])
    for segment, seconds in pricing.graduated(usage["seconds"], bounds) if rule["segments"] else ():
        _start, price, unit, step = rule["segments"][segment]
        total += pricing.charged_seconds(int(seconds), step, step) * Decimal(price) / unit
    return total


def blocks_all_tiers(rule, units):
    """Graduated tiers where a block is one unit, a package where there is one tier; the rest combines both pieces."""
    bounds, packages = block_tiers(rule)
    return sum(
        pricing.packages(slice_units, 0, packages[tier][0]) * packages[tier][1]
        for tier, slice_units in pricing.graduated(units, bounds)
    )


def blocks_top_tier(rule, units):
    bounds, packages = block_tiers(rule)
    size, price = packages[pricing.volume_tier(units, bounds)]
    return pricing.packages(units, 0, size) * price


def stated(rule):
    """Tiers as (lower, upper bound, price, flat fee)."""
    return [(end, Decimal(price), Decimal(fee)) for _low, end, price, fee in rule]


def flat_first(rule):
    """Tiers as (upper bound, flat fee, price)."""
    return [(end, Decimal(price), Decimal(fee)) for end, fee, price in rule]


def maximum_spend(rule, _text):
    """What is still billed of new lines under the cap."""
    cap, billed, *new = figures(rule)
    return sum(new) - pricing.cap_discount(cap, billed + sum(new))


def included_then_capped(rule, units):
    rate, cap = Decimal(rule["rate"]), Decimal(rule["cap"])
    (free,) = pricing.by_price(rule["included"], [(units, rate)], dearest=True)
    amount = (units - free) * rate
    return amount - pricing.cap_discount(cap, amount)


def included_share(rule, usage):
    included, rate = figures(rule)[:2]
    return pricing.part_of(rate, pricing.proportional_share(usage["buy"], max(0, included - usage["already"])))


RUN = {
    "call_increment": call_price,
    "billable_seconds": lambda rule, seconds: pricing.charged_seconds(seconds, *map(int, rule.split("/"))),
    "billable_blocks": lambda rule, seconds: blocks(seconds, figures(rule)[0]),
    "block_price": lambda rule, seconds: figures(rule)[0] * blocks(seconds, figures(rule)[1]),
    "per_minute": lambda rule, seconds: per_minute(pricing.charged_seconds(seconds, 1, 1), figures(rule)[0]),
    "vendor_minutes_billed": lambda rule, seconds: blocks(seconds, figures(rule)[0]),
    "vendor_bill_time": lambda rule, seconds: pricing.charged_seconds(seconds, 6, 6),
    "vendor_rule": lambda rule, seconds: pricing.charged_seconds(seconds, 60, 60, grace=29) // 60,
    "graduated": lambda rule, units: cost(units, stated(rule), "graduated"),
    "volume": lambda rule, units: cost(units, stated(rule), "volume"),
    "package": lambda rule, usage: figures(rule)[0] * pricing.packages(usage["units"], usage["free"], figures(rule)[1]),
    "standard": lambda rule, units: cost(units, [(None, figures(rule)[0], Decimal(0))], "graduated"),
    "blocks_all_tiers": blocks_all_tiers,
    "blocks_top_tier": blocks_top_tier,
    "graduated_flat": lambda rule, units: cost(Decimal(units), flat_first(rule), "graduated"),
    "volume_flat": lambda rule, units: cost(units, flat_first(rule), "volume"),
    "package_count": lambda rule, units: pricing.packages(units, 0, figures(rule)[0]),
    "minimum_spend": lambda rule, _text: pricing.minimum_top_up(figures(rule)[0], Fraction(1), figures(rule)[1:]),
    "maximum_spend": maximum_spend,
    "tiered_average_price": lambda rule, usage: (
        cost(usage["buy"], with_bounds(rule), "graduated", usage["already"]) / usage["buy"]
    ),
    "included_then_capped": included_then_capped,
    "included_share": included_share,
    "decimal": lambda rule, _text: per_minute(pricing.charged_seconds(int(figures(rule)[0]), 1, 1), figures(rule)[1]),
    "month_fraction": lambda _rule, days: pricing.part_of(Decimal(1), pricing.months(*map(day, days))),
}
NOT_RUN = {
    "tax_rounding": "ours differs: a call's price is exact, halves are rounded away from zero once per invoice line",
    "surcharge_after": "not offered: an amount once a call lasts longer than some seconds",
    "peak_split": "ours differs: each second has the price of its own moment, the first increment too",
    "percentage": "not offered: a share of money that is moved, with free events",
    "time_of_day": "the same rule, but judged per call, in the engine's SQL, not on totals",
    "currency": "not offered: prices are in the currency of the contract's invoices",
}


@unittest.skipUnless(VECTORS.exists(), "the vectors are not beside this checkout")
class TestVectors(BaseCase):
    """Published examples of other billing engines."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.vectors = json.loads(VECTORS.read_text(encoding="utf-8"))

    def test_every_group_is_run_or_left_out_for_a_reason(self):
        self.assertEqual({each["group"] for each in self.vectors}, RUN.keys() | NOT_RUN.keys())
        self.assertFalse(RUN.keys() & NOT_RUN.keys())

    def test_published_figures_come_out(self):
        for each in self.vectors:
            if each["group"] in RUN:
                with self.subTest(each["group"], source=each["source"], rule=each["rule"], input=each["input"]):
                    self.assertEqual(RUN[each["group"]](each["rule"], each["input"]), Decimal(each["exact"]))


class TestTables(BaseCase):
    """Edges, as a client would see them. The examples of product.md are in the docstrings."""

    def test_seconds_of_a_call(self):
        for counted, increments, limits, charged in (
            (0, (60, 60), {}, 0), (-3, (60, 60), {"minimum": 30}, 0), (1, (60, 60), {}, 60), (60, (60, 6), {}, 60),
            (61, (60, 6), {}, 66), (66, (60, 6), {}, 66), (67, (60, 6), {}, 72), (5, (6, 6), {"minimum": 20}, 24),
            (10, (1, 1), {"grace": 10}, 0), (11, (1, 1), {"grace": 10}, 11), (4000, (1, 1), {"maximum": 3600}, 3600),
            (4000, (60, 7), {"maximum": 3600}, 3602), (4000, (1, 1), {"maximum": 10, "minimum": 20}, 20),
        ):  # fmt: skip
            with self.subTest(counted=counted, increments=increments, **limits):
                self.assertEqual(pricing.charged_seconds(counted, *increments, **limits), charged)

    def test_bounds_belong_to_the_lower_tier(self):
        bounds = [500, 1000, None]
        for total, tier in ((0, 0), (500, 0), (Decimal("500.01"), 1), (501, 1), (1000, 1), (1001, 2), (10**9, 2)):
            with self.subTest(total):
                self.assertEqual(pricing.volume_tier(total, bounds), tier)
                self.assertEqual(len(pricing.graduated(total, bounds)), tier + 1 if total else 0)

    def test_late_usage_goes_on_where_the_period_stopped(self):
        bounds = [500, 1000, None]
        for used, units, slices in (
            (0, 0, []), (499, 1, [(0, 1)]), (500, 1, [(1, 1)]), (400, 700, [(0, 100), (1, 500), (2, 100)]), (2000, 5, [(2, 5)]),
        ):  # fmt: skip
            with self.subTest(used=used, units=units):
                self.assertEqual(pricing.graduated(units, bounds, used), slices)

    def test_the_last_tier_has_no_end(self):
        self.assertEqual(pricing.graduated(30, [10, 20]), [(0, 10), (1, 20)])
        self.assertEqual(pricing.volume_tier(30, [10, 20]), 1)

    def test_a_minimum_counts_no_credits(self):
        for minimum, share, amounts, missing in (
            (100, 1, [80], 20), (100, 1, [80, -30], 20), (100, 1, [], 100), (100, 1, [100], 0), (100, 1, [120], 0),
            (100, Fraction(1, 4), [20], 5), (100, 0, [], 0),
        ):  # fmt: skip
            with self.subTest(share=share, amounts=amounts):
                self.assertEqual(pricing.minimum_top_up(minimum, share, amounts), missing)

    def test_a_forecast_that_was_met_costs_nothing_more(self):
        for actual, shortfall in ((8200, 800), (9000, 0), (12000, 0), (0, 9000)):
            with self.subTest(actual):
                self.assertEqual(pricing.forecast_shortfall(actual, 10000, 90), shortfall)

    def test_an_average_below_its_cap_stays(self):
        for total, calls, cap, charged in ((390, 1, 360, 360), (350, 1, 360, 350), (390, 1, 0, 390), (0, 0, 360, 0)):
            with self.subTest(total=total, cap=cap):
                self.assertEqual(pricing.capped_average_seconds(total, calls, cap), charged)

    def test_months_and_days_include_both_ends(self):
        february = (date(2028, 2, 1), date(2028, 2, 29))
        for first, last, share in (
            (date(2028, 2, 29), None, Fraction(1, 29)), (None, date(2028, 2, 1), Fraction(1, 29)), (None, None, 1),
            (date(2020, 1, 1), date(2030, 1, 1), 1), (date(2028, 3, 1), None, 0), (None, date(2028, 1, 31), 0),
        ):  # fmt: skip
            with self.subTest(first=first, last=last):
                self.assertEqual(pricing.share(first, last, *february), share)

    def test_what_is_carried_after_two_months(self):
        for cap, expiry, expected in (
            (0, 0, [(20, 2), (100, 1)]), (0, 1, [(100, 1)]), (0, 2, [(20, 2), (100, 1)]), (110, 0, [(10, 2), (100, 1)]),
            (60, 2, [(60, 1)]), (20, 0, [(20, 1)]),
        ):  # fmt: skip
            with self.subTest(cap=cap, expiry=expiry):
                carried = []
                for needed in (70, 10):
                    used = pricing.use(carried, 100, needed)
                    carried = pricing.carry(used.left, 100 - used.own, cap, expiry)
                self.assertEqual(carried, expected)

    def test_a_service_level_without_data_is_no_breach(self):
        for actual, at_most, breach in (
            (None, False, False), (None, True, False), (79, False, True), (80, False, False), (81, True, True), (80, True, False),
        ):  # fmt: skip
            with self.subTest(actual=actual, at_most=at_most):
                self.assertEqual(pricing.is_breach(actual, 80, at_most), breach)

    def test_a_credit_is_earned_back_by_results_in_a_row(self):
        for met, periods, back in (
            ([], 1, 0), ([True], 1, 960), ([True], 2, 0), ([None, True], 1, 960), ([None], 1, 0), ([False, True], 1, 0),
            ([True, True, False], 2, 960), ([True], 0, 0),
        ):  # fmt: skip
            with self.subTest(met=met, periods=periods):
                self.assertEqual(pricing.earn_back(Decimal(960), met, periods), back)

    def test_the_first_of_equal_plans_wins(self):
        self.assertEqual(pricing.cheapest([("a", 3), ("b", 2), ("c", 2)]), ("b", 2))


units = st.decimals(0, 100_000, places=2)
money = st.decimals(0, 1000, places=6)
increments = st.integers(1, 120)
bounds_lists = st.lists(st.decimals("0.01", 10_000, places=2), max_size=5, unique=True).map(lambda ends: [*sorted(ends), None])
days = st.dates(date(2020, 1, 1), date(2035, 12, 31))


class TestProperties(BaseCase):
    @given(counted=st.integers(-10, 10_000), first=increments, following=increments, minimum=st.integers(0, 300))
    @settings(deadline=None)
    def test_charged_seconds_equal_steps_taken_one_by_one(self, counted, first, following, minimum):
        charged = pricing.charged_seconds(counted, first, following, minimum)
        needed = max(counted, minimum)
        self.assertEqual(charged, reference.round_up(needed, first, following) if counted > 0 else 0)

    @given(st.lists(st.integers(0, 4000), max_size=20), increments)
    @settings(deadline=None)
    def test_rounding_on_the_sum_is_never_dearer_than_per_call(self, calls, step):
        on_sum = pricing.sum_rounded(sum(calls), step, step)
        self.assertLessEqual(sum(calls), on_sum)
        self.assertLessEqual(on_sum, sum(pricing.charged_seconds(call, step, step) for call in calls))

    @given(bounds_lists, units, units)
    @settings(deadline=None)
    def test_slices_sum_to_their_units(self, bounds, total, used):
        slices = pricing.graduated(total, bounds, used)
        self.assertEqual(sum(part for _tier, part in slices), total)
        self.assertTrue(all(part > 0 for _tier, part in slices))
        self.assertTrue(all(before < after for (before, _a), (after, _b) in pairwise(slices)))

    @given(bounds_lists, st.lists(units, max_size=8))
    @settings(deadline=None)
    def test_usage_in_parts_falls_into_the_slices_of_the_whole(self, bounds, parts):
        summed, used = {}, Decimal(0)
        for part in parts:
            for tier, part_units in pricing.graduated(part, bounds, used):
                summed[tier] = summed.get(tier, 0) + part_units
            used += part
        self.assertEqual(summed, dict(pricing.graduated(used, bounds)))

    @given(bounds_lists, st.lists(st.tuples(money, money), min_size=6, max_size=6), units, units)
    @settings(deadline=None)
    def test_graduated_cost_never_falls_as_usage_grows(self, bounds, prices, total, more):
        tiers = [(bound, *price) for bound, price in zip(bounds, prices, strict=False)]
        self.assertLessEqual(cost(total, tiers, "graduated"), cost(total + more, tiers, "graduated"))

    @given(units, units, st.integers(1, 1000))
    @settings(deadline=None)
    def test_packages_cover_what_is_not_free_and_no_more(self, total, free, size):
        count = pricing.packages(total, free, size)
        over = max(0, total - free)
        self.assertGreaterEqual(count * size, over)
        self.assertTrue(not count or (count - 1) * size < over)

    @given(units, st.lists(st.tuples(units, money), max_size=6))
    @settings(deadline=None)
    def test_an_allowance_frees_what_it_can_and_no_more(self, allowance, groups):
        freed = {}
        for dearest in (True, False):
            used = pricing.by_price(allowance, groups, dearest)
            self.assertEqual(sum(used), min(allowance, sum(size for size, _price in groups)))
            self.assertTrue(all(0 <= part <= size for part, (size, _price) in zip(used, groups, strict=True)))
            freed[dearest] = sum(part * price for part, (_size, price) in zip(used, groups, strict=True))
        self.assertGreaterEqual(freed[True], freed[False])

    @given(units, units)
    @settings(deadline=None)
    def test_a_proportional_allowance_charges_what_is_over(self, total, allowance):
        self.assertEqual(
            Fraction(total) * pricing.proportional_share(total, allowance), max(0, Fraction(total) - Fraction(allowance))
        )

    @given(units, st.fractions(0, 1, max_denominator=366), st.sampled_from([Decimal(1), Decimal("0.01"), Decimal(60)]))
    @settings(deadline=None)
    def test_a_grant_is_the_last_whole_step_below_its_share(self, quantity, share, step):
        granted = pricing.granted(quantity, share, step)
        self.assertEqual(granted % step, 0)
        self.assertLessEqual(Fraction(granted), Fraction(quantity) * share)
        self.assertGreater(Fraction(granted + step), Fraction(quantity) * share)

    @given(st.lists(st.tuples(units, units), max_size=12), st.sampled_from([0, 50, 5000]), st.integers(0, 3))
    @settings(deadline=None)
    def test_rollover_never_creates_units(self, periods, cap, expiry):
        carried, granted, used = [], Decimal(0), Decimal(0)
        for own, needed in periods:
            available = own + sum(each.units for each in carried)
            use = pricing.use(carried, own, needed)
            self.assertEqual(sum(use.carried) + use.own, min(needed, available))
            granted, used = granted + own, used + sum(use.carried) + use.own
            carried = pricing.carry(use.left, own - use.own, Decimal(cap), expiry)
            kept = sum(each.units for each in carried)
            self.assertLessEqual(used + kept, granted)
            self.assertTrue(not cap or kept <= cap)
            self.assertTrue(all(each.units > 0 and each.age > 0 and (not expiry or each.age <= expiry) for each in carried))
            self.assertTrue(cap or expiry or used + kept == granted)

    @given(st.lists(st.tuples(units, st.integers(1, 12)), max_size=6), units, units)
    @settings(deadline=None)
    def test_older_units_are_used_before_younger_ones(self, amounts, own, needed):
        carried = [Carried(*amount) for amount in amounts]
        use = pricing.use(carried, own, needed)
        touched = [each.age for each, part in zip(carried, use.carried, strict=True) if part]
        untouched = [each.age for each, part in zip(carried, use.carried, strict=True) if part < each.units]
        self.assertTrue(not touched or not untouched or min(touched) >= max(untouched))
        self.assertTrue(not use.own or not use.left)

    @given(days, st.integers(0, 400), st.data())
    @settings(deadline=None)
    def test_shares_of_a_cut_period_sum_to_the_whole(self, first, length, data):
        last = first + timedelta(days=length)
        cut = first + timedelta(days=data.draw(st.integers(0, length)))
        self.assertEqual(pricing.share(None, cut, first, last) + pricing.share(cut + timedelta(days=1), None, first, last), 1)

    @given(days, st.integers(0, 900), st.integers(1, 900))
    @settings(deadline=None)
    def test_months_of_two_stretches_sum_to_those_of_both(self, first, one, other):
        middle = first + timedelta(days=one)
        last = middle + timedelta(days=other)
        self.assertEqual(
            pricing.months(first, middle) + pricing.months(middle + timedelta(days=1), last), pricing.months(first, last)
        )

    @given(money, st.fractions(0, 1, max_denominator=31), st.lists(st.decimals(-500, 500, places=2), max_size=6))
    @settings(deadline=None)
    def test_a_minimum_is_met_exactly(self, minimum, share, amounts):
        eligible = sum(amount for amount in amounts if amount > 0)
        top_up = pricing.minimum_top_up(minimum, share, amounts)
        self.assertEqual(eligible + top_up, max(eligible, pricing.part_of(minimum, share)))

    @given(money, money)
    @settings(deadline=None)
    def test_a_cap_is_never_passed(self, cap, amount):
        self.assertEqual(amount - pricing.cap_discount(cap, amount), min(cap, amount))
