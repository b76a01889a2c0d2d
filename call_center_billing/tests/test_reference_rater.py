"""The worked examples of the product's description through the reference rater, to the cent: no database."""

import doctest
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from odoo.tests.common import BaseCase

from . import reference_rater
from .reference_rater import Allowance, Calendar, Call, Destination, Line, Plan, Premium, Rule, Term, Tier, charges, price

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
DAY = datetime(2026, 10, 5, 8, tzinfo=UTC)
MINUTES = {"first": 1, "next": 1}


def calls(*talks, start=DAY, **values):
    """Calls of so many seconds, one a minute."""
    return [Call("A", start + timedelta(minutes=i), talk=talk, **values) for i, talk in enumerate(talks)]


def some(number, **values):
    return calls(*[0] * number, **values)


def bill(plan, *usage, start=FIRST, end=LAST, **values):
    """Charges of a period of one contract line, as they are on the invoice."""
    line = {name: values.pop(name) for name in ("date_start", "date_end") if name in values}
    return charges([Line("A", plan, **line)], [call for each in usage for call in each], start, end, **values)


def total(plan, *usage, **values):
    return sum(charge.amount for charge in bill(plan, *usage, **values).charges)


def amounts(plan, *usage, **values):
    return [(charge.component, str(charge.amount)) for charge in bill(plan, *usage, **values).charges if charge.amount]


class TestReferenceRater(BaseCase):
    """Numbers are those of the models in the table of the product's description."""

    def assertTotal(self, expected, *args, **values):
        self.assertEqual(total(*args, **values), Decimal(expected))

    def test_doctests(self):
        result = doctest.testmod(reference_rater)
        self.assertTrue(result.attempted)
        self.assertFalse(result.failed)

    def test_01_billable_seconds(self):
        call = Call("A", DAY, talk=70, hold=10, wrap=40, ring=9, queue_time=8, ivr=7, transfer=6)
        for counts, seconds in (
            (("talk", "hold", "wrap"), 120),
            (("talk",), 70),
            (("ring", "queue_time", "ivr", "talk", "hold", "wrap", "transfer"), 150),
        ):
            self.assertEqual(price(Plan([Rule("R", counts=counts, **MINUTES)]), call).seconds, seconds)
        own = Rule("R", counts=("talk",), time_price="0.60", part_rates=(("hold", "0.30"), ("wrap", "0.90")), first=30, next=6)
        self.assertEqual(amounts(Plan([own]), [call]), [("duration", "0.72"), ("part", "0.15"), ("part", "0.63")])

    def test_02_increments(self):
        for rule, talk, seconds, amount in (
            ({"first": 30, "next": 6}, 32, 36, "0.0036"),
            ({"first": 30, "next": 6}, 57, 60, "0.006"),
            ({"first": 30, "next": 6}, 75, 78, "0.0078"),
            ({"first": 60, "next": 60}, 85, 120, "0.012"),
            ({"first": 30, "next": 6}, 85, 90, "0.009"),
            ({"first": 1, "next": 1}, 85, 85, "0.0085"),
            ({"first": 30, "next": 6}, 0, 0, "0"),
            ({"first": 30, "next": 6, "minimum": 60}, 1, 60, "0.006"),
            ({"first": 1, "next": 1, "maximum": 80, "minimum": 90}, 85, 90, "0.009"),
            ({"first": 1, "next": 1, "grace": 84}, 85, 85, "0.0085"),
        ):
            with self.subTest(rule, talk=talk):
                priced = price(Plan([Rule("R", time_price="0.006", **rule)]), calls(talk)[0])
                self.assertEqual((priced.reason, priced.seconds, priced.amount), (None, seconds, Decimal(amount)))
        for rule, values, reason in (
            ({"grace": 85}, {}, "short"),
            ({}, {"disposition": "busy"}, "disposition"),
            ({"kind": "message"}, {}, "no_rule"),
            ({"source": "deck"}, {}, "no_destination"),
        ):
            self.assertEqual(price(Plan([Rule("R", **rule)]), calls(85, **values)[0]).reason, reason)

    def test_03_rounding_per_call_or_on_the_sum(self):
        for round_on, expected in (("call", "6.00"), ("sum", "4.00")):
            self.assertTotal(expected, Plan([Rule("R", time_price=1, round_on=round_on)]), calls(61, 61, 61))

    def test_04_per_call_and_per_message(self):
        plan = Plan(
            [
                Rule("Calls", call_price="0.95"),
                Rule("Mails", kind="message", campaign="mail", call_price="0.25"),
                Rule("SMS", kind="message", campaign="sms", call_price="0.10"),
            ]
        )
        usage = [some(1), some(1, kind="message", campaign="mail", quantity=2), some(1, kind="message", campaign="SMS ")]
        self.assertEqual(amounts(plan, *usage), [("call", "0.95"), ("call", "0.50"), ("call", "0.10")])
        self.assertTotal("1.55", plan, *usage)

    def test_05_allowance_and_overage(self):
        plan = Plan([Rule("R", time_price="2.25")], allowances=[Allowance("Included", 250)], terms=[Term("Fee", "fee", 600)])
        self.assertTotal("739.50", plan, calls(*[60] * 312))
        self.assertTotal("600.00", plan, calls(*[60] * 312), start=date(2026, 11, 1), end=date(2026, 11, 30))
        half = Plan([Rule("R", time_price=1)], allowances=[Allowance("Included", 31)])
        self.assertTotal("4.00", half, calls(*[60] * 20), date_end=date(2026, 10, 16))

    def test_06_order_of_a_shared_allowance(self):
        for order, expected in (("date", "60.00"), ("dearest", "40.00"), ("cheapest", "60.00"), ("proportional", "48.57")):
            with self.subTest(order):
                rules = [Rule("Day", queue="day", time_price=1), Rule("Night", queue="night", time_price="1.50")]
                plan = Plan(rules, allowances=[Allowance("Included", 100, order=order)])
                self.assertTotal(
                    expected,
                    plan,
                    calls(*[60] * 80, queue="day"),
                    calls(*[60] * 60, queue="night", start=DAY + timedelta(days=1)),
                )

    def test_06_calls_that_are_free_as_a_whole(self):
        for order, expected in (("date", "6.40"), ("dearest", "2.00"), ("cheapest", "6.40"), ("proportional", "4.24")):
            with self.subTest(order):
                rules = [Rule("Day", queue="day", call_price=1), Rule("Night", queue="night", time_price=2, call_price="0.20")]
                plan = Plan(rules, allowances=[Allowance("Included", 3, "call", order=order)])
                usage = some(2, queue="day"), calls(60, 120, 60, queue="night", start=DAY + timedelta(days=1))
                self.assertTotal(expected, plan, *usage)

    def test_07_rollover(self):
        november = {"start": date(2026, 11, 1), "end": date(2026, 11, 30)}
        allowance = {"unit": "call", "quantity": 100, "rollover": True}
        for more, left, expected in (({}, 30, "10.00"), ({"rollover_cap": 20}, 20, "20.00"), ({"rollover": False}, 0, "40.00")):
            with self.subTest(more):
                plan = Plan([Rule("R", call_price=1)], allowances=[Allowance("Monthly", **allowance | more)])
                first = bill(plan, some(70))
                self.assertEqual(sum(units for units, _age in first.carried["A", "Monthly"]), left)
                second = {"carried": first.carried, **november}
                self.assertTotal(expected, plan, some(140, start=DAY + timedelta(days=31)), **second)

    def test_08_tiers_and_packages(self):
        tiers = Tier(500, "1.20"), Tier(1000, "1.00"), Tier(None, "0.80")
        for mode, number, expected in (
            ("graduated", 1500, "1500.00"),
            ("volume", 1500, "1200.00"),
            ("volume", 1000, "1000.00"),
            ("volume", 1001, "800.80"),
        ):
            with self.subTest(mode, number=number):
                self.assertTotal(expected, Plan([Rule("R", tier_mode=mode, tiers=tiers)]), some(number))
        package = {"tier_mode": "package", "package_size": 100, "package_free": 100, "package_price": 5}
        for number, expected in ((0, "0.00"), (100, "0.00"), (101, "5.00"), (200, "5.00"), (201, "10.00")):
            self.assertTotal(expected, Plan([Rule("R", **package)]), some(number))

    def test_08_a_call_may_straddle_slices_and_fees_are_for_tiers_reached(self):
        tiers = Tier(1, "1.00", 10), Tier(2, "0.50", 20), Tier(None, "0.10", 40)
        for mode, talk, expected in (
            ("graduated", 150, "71.55"),
            ("graduated", 60, "11.00"),
            ("graduated", 0, "10.00"),
            ("volume", 150, "40.25"),
            ("volume", 0, "10.00"),
        ):
            with self.subTest(mode, talk=talk):
                rule = Rule("R", tier_mode=mode, tier_unit="minute", tiers=tiers, **MINUTES)
                self.assertTotal(expected, Plan([rule]), calls(talk))

    def test_09_minimum_commitment(self):
        for more, expected in (
            ({}, [("fee", "50.00"), ("call", "30.00"), ("minimum", "20.00")]),
            ({"count_fees": False}, [("fee", "50.00"), ("call", "30.00"), ("minimum", "70.00")]),
        ):
            plan = Plan([Rule("R", call_price=10)], terms=[Term("Fee", "fee", 50), Term("Least", "minimum", 100, **more)])
            self.assertEqual(sorted(amounts(plan, some(3))), sorted(expected))
        both = Plan(terms=[Term("Most", "cap", 25), Term("Least", "minimum", 28)], parent=Plan([Rule("R", call_price=10)]))
        self.assertEqual(amounts(both, some(3)), [("call", "30.00"), ("cap", "-5.00"), ("minimum", "3.00")])

    def test_10_bands_and_premiums(self):
        hours = Calendar({day: [(0, 18 * 3600)] for day in range(7)}, (date(2026, 10, 3),))
        evening = Premium("Evening", "replace", "1.50", calendar=hours, when="outside")
        start = datetime(2026, 10, 5, 15, 50, tzinfo=UTC)  # 17:50 in Berlin
        for split, expected in (("start", "20.00"), ("split", "25.00")):
            plan = Plan([Rule("R", time_price=1, band_split=split)], [evening])
            self.assertTotal(expected, plan, calls(1200, start=start), zone="Europe/Berlin")
        language = Premium("Spanish", "add", "0.20", skill="es")
        holiday = Premium("Holiday", "multiply", "1.5", calendar=hours, when="holiday")
        for premiums in ([language, holiday], [holiday, language]):
            plan = Plan([Rule("R", time_price=1)], premiums)
            self.assertTotal("1.80", plan, calls(60, skill="ES", start=start - timedelta(days=2)), zone="Europe/Berlin")

    def test_10_the_hours_are_wall_time(self):
        """Calls at 17:30 and 18:00 local time, before and after the clocks change."""
        hours = Calendar({day: [(0, 18 * 3600)] for day in range(7)})
        plan = Plan([Rule("R", time_price=1)], [Premium("Evening", "multiply", 2, calendar=hours, when="outside")])
        for zone, day, offset, change in (("Europe/Berlin", 24, 2, 1), ("America/New_York", 31, -4, -1)):
            for days, hour in ((0, offset), (1, offset - abs(change))):
                start = datetime(2026, 10, day, 17, 30, tzinfo=UTC) + timedelta(days=days, hours=-hour)
                prices = [
                    price(plan, call, zone).amount
                    for each in (0, 30)
                    for call in calls(60, start=start + timedelta(minutes=each))
                ]
                self.assertEqual(prices, [1, 2])

    def test_11_destination_prices(self):
        self.assertTotal("189.00", Plan([Rule("R", source="cost", markup=5)]), some(1, provider_cost=180))
        deck = Destination("49", "0.10", 0, 60, 60), Destination("4930", "0.20", "0.05", 1, 1)
        plan = Plan([Rule("R", source="deck", deck=deck, markup=50)])
        for called, expected in (("+4989123", "0.30"), ("+4930123", "0.53")):
            self.assertEqual(amounts(plan, calls(90, called=called)), [("destination", expected)])

    def test_12_agent_time(self):
        worked = calls(455 * 3600, kind="agent_time")
        full = Plan([Rule("R", kind="agent_time")], terms=[Term("Agents", "fte", 2600, fte=3, hours=480)])
        self.assertTotal("7393.75", full, worked)
        hourly = Plan([Rule("R", kind="agent_time", time_price=30, time_unit="hour")], [Premium("Double", "multiply", 2)])
        self.assertTotal("27300.00", hourly, worked)

    def test_13_cap_on_the_average(self):
        plan = Plan([Rule("R", time_price="0.75", average_cap=360, **MINUTES)])
        self.assertTotal("4500.00", plan, calls(*[300, 480] * 500))
        self.assertTotal("4125.00", plan, calls(*[300, 360] * 500))
        self.assertTotal("4125.00", Plan([Rule("R", time_price="0.75", maximum=360, **MINUTES)]), calls(*[300, 480] * 500))

    def test_14_outcomes_that_are_taken_back(self):
        plan = Plan([Rule("R", kind="outcome", call_price=25)])
        self.assertTotal("925.00", plan, some(40, kind="outcome"), some(1, kind="outcome", quantity=-3))

    def test_15_forecast(self):
        for number, expected in ((8200, "9900.00"), (9500, "10450.00")):
            terms = [Term("Agreed", "forecast", "1.10", forecast=10000, share=90)]
            self.assertTotal(
                expected,
                Plan([Rule("R", kind="outcome", call_price="1.10")], terms=terms),
                some(1, kind="outcome", quantity=number),
            )

    def test_17_best_plan(self):
        plans = [
            Plan([Rule("R", time_price="2.50")], allowances=[Allowance("A", minutes)], terms=[Term("Fee", "fee", fee)])
            for minutes, fee in ((125, 350), (250, 600))
        ]
        self.assertEqual([total(plan, calls(*[60] * 230)) for plan in plans], [Decimal("612.50"), Decimal("600.00")])

    def test_18_proration(self):
        february = {"start": date(2026, 2, 1), "end": date(2026, 2, 28), "date_start": date(2026, 2, 24)}
        for prorated, expected in ((True, "50.00"), (False, "280.00")):
            self.assertTotal(expected, Plan(terms=[Term("Fee", "fee", 280, prorated=prorated)]), **february)

    def test_19_late_usage(self):
        """It goes on where the invoice stopped: 3 included, then tiers up to 2, 4 and above."""
        tiers = Tier(2, 10, 1), Tier(4, 5, 2), Tier(None, 1, 3)
        rule, package = (
            Rule("R", tier_mode="graduated", tiers=tiers),
            Rule("R", tier_mode="package", package_size=4, package_price=9),
        )
        included = [Allowance("A", 3, "call")]
        for plan, billed, late, expected in (
            (Plan([rule]), 3, 2, [("call", "5.00"), ("call", "1.00"), ("flat", "3.00")]),
            (Plan([rule], allowances=included), 2, 2, [("call", "10.00")]),
            (Plan([rule], allowances=[Allowance("A", 3, "call", rollover=True)]), 2, 2, [("call", "20.00")]),
            (Plan([replace(rule, tier_mode="volume")]), 3, 2, [("call", "2.00"), ("flat", "1.00")]),
            (Plan([package]), 3, 1, []),
            (Plan([package]), 3, 6, [("package", "18.00")]),
        ):
            with self.subTest(billed=billed, late=late):
                before = some(billed, start=DAY + timedelta(days=1))  # what is late comes after what was billed
                self.assertEqual(amounts(plan, some(late), billed=before), expected)
