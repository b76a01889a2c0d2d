from datetime import date, datetime, timedelta

from odoo.exceptions import ValidationError
from odoo.fields import Command

from .common import DECEMBER, NOVEMBER, CallBillingCommon

MINUTE = {"increment_first": 60, "increment_next": 60}


class PricingCase(CallBillingCommon):
    """The contract's plan is filled by each test; calls come as records under our own names."""

    def plan_of(self, *rules, **more):
        """Give the contract's plan these rules, and ``premium_ids``, ``allowance_ids``, ``term_ids`` as lists of values."""
        self.plan.rule_ids.unlink()
        self.plan.write(
            {
                "rule_ids": [Command.create({"name": f"Rule {i}", "sequence": i, **rule}) for i, rule in enumerate(rules)],
                **{name: [Command.create(values) for values in each] for name, each in more.items()},
            }
        )
        return self.plan.rule_ids

    def calls_of(self, *seconds, start="2026-10-05T08:00:00+00:00", step=3600, **values):
        """One call for each number of seconds, an hour apart."""
        begin = datetime.fromisoformat(start)
        records = [
            self.record(start=(begin + timedelta(seconds=step * i)).isoformat(), talk=talk, **values)
            for i, talk in enumerate(seconds)
        ]
        record = self.import_records(*records)
        self.assertFalse(record.suspense_ids, record.suspense_ids.mapped("reason"))
        return record

    def total(self, until=NOVEMBER):
        """Untaxed total of the invoice that the calls become, checked against its charges."""
        move = self.bill(until=until)
        charges = move.call_statement_ids.charge_ids
        self.assertEqual(move.currency_id.round(sum(charges.mapped("amount"))), move.amount_untaxed)
        return move.amount_untaxed

    def calendar(self, hours, holidays=(), tz="Europe/Berlin"):
        """:param hours: list of (weekdays, from hour, to hour)"""
        return self.env["resource.calendar"].create(
            {
                "name": "Day",
                "tz": tz,
                "attendance_ids": [
                    Command.create(
                        {"name": "Day", "dayofweek": str(day), "hour_from": begin, "hour_to": end, "day_period": "morning"}
                    )
                    for days, begin, end in hours
                    for day in days
                ],
                "global_leave_ids": [
                    Command.create({"name": "Holiday", "date_from": f"{day} 00:00:00", "date_to": f"{day} 22:00:00"})
                    for day in holidays
                ],
            }
        )


class TestUsageModels(PricingCase):
    """Models 1 to 4, 11 to 14 of product.md."""

    def test_billable_parts_each_with_its_own_rate(self):
        """Model 1: talk 70 + hold 10 + wrap 40 = 120 s; then wrap-up at half the price."""
        self.plan_of({"minute_price": 1, **MINUTE})
        parts = {"hold_seconds": 10, "wrap_seconds": 40}
        record = self.calls_of(70, **parts)
        self.assertEqual((self.calls(record).counted_seconds, self.calls(record).amount), (120, 2.0))
        self.plan.rule_ids.write(
            {"count_wrap": False, "part_ids": [Command.create({"part": "wrap_seconds", "minute_price": 0.5})]}
        )
        record = self.calls_of(70, start="2026-10-06T08:00:00+00:00", **parts)
        self.assertEqual((self.calls(record).counted_seconds, self.calls(record).amount), (80, 2.5))
        self.assertEqual(self.total(), 4.5)

    def test_a_part_with_its_own_rate_of_a_call_in_two_records(self):
        """1 min + 1 min, and wrap-up of 2 min at 0.50 that the second record tells."""
        self.plan_of({"minute_price": 1, **MINUTE, "count_wrap": False})
        self.plan.rule_ids.part_ids = [Command.create({"part": "wrap_seconds", "minute_price": 0.5})]
        first = self.calls(self.import_records(self.record(talk=60, group_ref="g")))
        first.source_id.legs = "call"
        self.import_records(self.record(talk=60, group_ref="g", wrap_seconds=120, start="2026-10-05T10:01:00+02:00"))
        first.invalidate_recordset()
        self.assertEqual((first.amount, self.total(), first.charged_amount), (3, 3, 3))
        for words in ("Counted over all records of the call: Talk 120 s = 120 s.", "Wrap-up 120 s at $0.50 per minute"):
            self.assertIn(words, first.trace.replace("\xa0", ""))

    def test_grace_frees_the_whole_call(self):
        self.plan_of({"minute_price": 1, "call_price": 0.5, "grace_seconds": 30, **MINUTE})
        calls = self.calls(self.calls_of(30, 31))
        self.assertEqual(calls.mapped("not_billable_reason"), ["short", False])
        self.assertEqual(calls.mapped("amount"), [0, 1.5])

    def test_increments_on_the_sum_of_the_period(self):
        """Model 3: 3 x 61 s by the minute: per call 6 min, on the sum 4 min."""
        self.plan_of({"minute_price": 1, **MINUTE, "round_on": "sum"})
        self.calls_of(61, 61, 61)
        self.assertEqual(self.total(), 4.0)
        charge = self.contract.call_statement_ids.charge_ids
        self.assertEqual((charge.quantity, charge.seconds, charge.call_seconds), (4, 240, 183))

    def test_calls_messages_and_units(self):
        """Model 4: 1 call at 0.95 + 2 messages at 0.25 + 1 SMS at 0.10 = 1.55."""
        self.plan_of(
            {"call_price": 0.95},
            {"kind": "message", "call_price": 0.25},
            {"kind": "message", "queue": "sms", "call_price": 0.10},
        )
        self.import_records(
            self.record(), self.record(kind="message", quantity=2), self.record(kind="message", queue="SMS", quantity=1)
        )
        self.assertEqual(self.total(), 1.55)

    def test_pass_through_of_cost_with_a_mark_up(self):
        """Model 11: cost 180.00 x 1.05 = 189.00."""
        self.plan_of({"source": "cost", "markup": 5})
        self.calls_of(60, 60, provider_cost=90)
        self.assertEqual(self.total(), 189.0)

    def test_a_call_without_the_cost_it_is_priced_by_is_suspended(self):
        self.plan_of({"source": "cost", "markup": 5})
        self.assertEqual(self.import_records(self.record()).suspense_ids.reason, "no_cost")

    def test_destinations_by_the_longest_prefix(self):
        """Model 11: the deck's price with mark-up; an unknown prefix is suspended, never free."""
        deck = self.env["call.rate.deck"].create(
            {
                "name": "Carrier",
                "line_ids": [
                    Command.create({"prefix": prefix, "destination": name, "minute_price": price, "call_price": fee})
                    for prefix, name, price, fee in (("44", "UK", 0.01, 0), ("447", "UK mobile", 0.20, 0.1))
                ],
            }
        )
        self.plan_of({"source": "deck", "deck_id": deck.id, "markup": 50})
        self.make_endpoint("acme", kind="account_code")
        call = {"direction": "outbound", "account_code": "acme"}
        record = self.import_records(
            self.record(called="+442071234567", **call), self.record(called="+447911123456", talk=61, **call),
            self.record(called="+861012345678", **call),
        )  # fmt: skip
        self.assertEqual(record.suspense_ids.reason, "no_destination")
        self.assertEqual([round(amount, 6) for amount in self.calls(record).mapped("amount")], [0.015, 0.75])
        self.assertEqual(self.total(), 0.77)

    def test_agent_time_by_the_hour_and_full_time_agents(self):
        """Model 12: 455 of 480 h, 3 FTE x 2,600.00 -> 7,393.75."""
        self.plan_of(
            {"kind": "agent_time", "hour_price": 0, "minute_price": 0},
            term_ids=[{"name": "Agents", "kind": "fte", "amount": 2600, "fte": 3, "hours": 480}],
        )
        self.calls_of(*[5 * 3600] * 91, step=7000, kind="agent_time")
        self.assertEqual(self.total(), 7393.75)

    def test_a_price_per_hour(self):
        self.plan_of({"kind": "agent_time", "hour_price": 25, "increment_first": 900, "increment_next": 900})
        self.calls_of(3600, 1700, kind="agent_time")
        self.assertEqual(self.charges(self.bill().call_statement_ids), [("Rule 0", 1.5, "hour", 25, 37.5)])

    def test_handling_time_capped_on_the_average(self):
        """Model 13: N x min(6.5, 6.0) x 0.75; per call the long one is capped by itself."""
        self.plan_of({"minute_price": 0.75, "increment_first": 1, "increment_next": 1, "average_cap_seconds": 360})
        self.calls_of(600, 180, 390, 390)
        self.assertEqual(self.total(), 18.0)
        self.plan.rule_ids.write({"average_cap_seconds": 0, "maximum_seconds": 360})
        self.calls_of(600, 180, start="2026-11-05T08:00:00+00:00")
        self.assertEqual(self.total(DECEMBER), 6.75)

    def test_an_outcome_that_is_taken_back_after_the_invoice(self):
        """Model 14: 40 x 25 - 3 x 25 = 925.00."""
        self.plan_of({"kind": "outcome", "call_price": 25})
        sales = [self.record(kind="outcome", quantity=1, start=f"2026-10-05T10:00:{i:02}+02:00") for i in range(40)]
        self.import_records(*sales)
        self.assertEqual(self.total(), 1000)
        self.import_records(*({**sale, "quantity": 0} for sale in sales[:3]))
        credit = self.bill(until=DECEMBER)
        self.assertEqual((credit.move_type, credit.amount_untaxed), ("out_refund", 75))


class TestPeriodModels(PricingCase):
    """Models 5 to 9, 15, 18, 19 of product.md."""

    def allowance(self, quantity, **values):
        return {"name": "Included", "quantity": quantity, **values}

    def test_allowance_and_overage_in_a_fee(self):
        """Model 5: 250 min in 600.00, 312 used, 2.25 over -> 739.50."""
        self.plan_of(
            {"minute_price": 2.25, **MINUTE},
            allowance_ids=[self.allowance(250)],
            term_ids=[{"name": "Package", "kind": "fee", "amount": 600}],
        )
        record = self.calls_of(*[3600] * 5, 12 * 60)
        move = self.bill()
        self.assertEqual(move.amount_untaxed, 739.5)
        self.assertEqual(
            self.charges(move.call_statement_ids),
            [
                ("Package", 1, "unit", 600, 600),
                ("Rule 0, Included", 250, "minute", 0, 0),
                ("Rule 0", 62, "minute", 2.25, 139.5),
            ],
        )
        self.assertEqual(self.calls(record).mapped("charged_amount"), [0, 0, 0, 0, 112.5, 27])
        self.assertEqual(move.invoice_line_ids.mapped("price_subtotal"), [600, 0, 139.5])

    def test_the_order_in_which_a_shared_allowance_is_used(self):
        """Model 6: A=100; 80 day at 1.00, 60 night at 1.50: dearest 40.00; cheapest 60.00; proportional 48.57."""
        for month, (order, expected) in enumerate((("dearest", 40), ("cheapest", 60), ("proportional", 48.57)), 10):
            self.plan.allowance_ids.active = False
            if month == 10:
                self.plan_of({"queue": "day", "minute_price": 1, **MINUTE}, {"queue": "night", "minute_price": 1.5, **MINUTE})
            self.plan.allowance_ids = [Command.create(self.allowance(100, order=order))]
            self.calls_of(4800, queue="day", start=f"2026-{month}-05T08:00:00+00:00")
            self.calls_of(3600, queue="night", start=f"2026-{month}-06T08:00:00+00:00")
            with self.subTest(order=order):
                until = date(2026 + month // 12, month % 12 + 1, 1)
                self.assertEqual(self.total(until), expected)

    def test_calls_in_the_order_of_time_across_prices(self):
        self.plan_of(
            {"queue": "day", "call_price": 1}, {"queue": "night", "call_price": 1.5},
            allowance_ids=[self.allowance(3, unit="call")],
        )  # fmt: skip
        for day, queue in ((5, "night"), (6, "day"), (7, "night"), (8, "night"), (9, "day")):
            self.calls_of(60, queue=queue, start=f"2026-10-{day:02}T08:00:00+00:00")
        self.assertEqual(self.total(), 2.5)

    def test_rollover(self):
        """Model 7: 100/month: 70 used -> 30 carried; 140 used next -> 10 over."""
        self.plan_of({"minute_price": 1, **MINUTE}, allowance_ids=[self.allowance(100, rollover=True)])
        self.calls_of(70 * 60)
        self.bill()
        self.calls_of(140 * 60, start="2026-11-05T08:00:00+00:00")
        self.assertEqual(self.total(DECEMBER), 10)
        counters = self.contract.call_statement_ids.counter_ids.sorted("id")
        self.assertEqual(counters.mapped("amount_text"), ["70 of 100", "140 of 100 + 30 carried over"])

    def test_a_pool_over_the_lines_of_a_contract(self):
        self.plan_of({"call_price": 1}, allowance_ids=[self.allowance(3, unit="call", pooled=True)])
        other = self.line.copy({"contract_id": self.contract.id})
        self.make_endpoint(self.PHONE_2, other)
        self.calls_of(60, 60)
        self.calls_of(60, 60, called=self.PHONE_2, start="2026-10-06T08:00:00+00:00")
        self.assertEqual(self.total(), 1)

    PHONE_2 = "49305550200"

    def tiers(self, *tiers):
        return [Command.create({"up_to": up_to, "price": price, "flat_fee": fee}) for up_to, price, fee in tiers]

    def test_graduated_and_volume_tiers(self):
        """Model 8: 1,500 calls; 1.20 to 500, 1.00 to 1,000, 0.80 above, here per hundredth of them."""
        tiers = self.tiers((5, 1.2, 0), (10, 1, 0), (0, 0.8, 0))
        self.plan_of({"call_price": 9, "tier_mode": "graduated", "tier_unit": "call", "tier_ids": tiers})
        record = self.calls_of(*[60] * 15)
        self.assertEqual(self.total(), 15.0)
        self.assertEqual(
            [round(amount, 2) for amount in self.calls(record).mapped("charged_amount")], [1.2] * 5 + [1] * 5 + [0.8] * 5
        )
        self.plan.rule_ids.tier_mode = "volume"
        self.calls_of(*[60] * 15, start="2026-11-05T08:00:00+00:00")
        self.assertEqual(self.total(DECEMBER), 12.0)

    def test_a_call_may_straddle_tiers_of_minutes(self):
        self.plan_of(
            {
                "minute_price": 9,
                **MINUTE,
                "tier_mode": "graduated",
                "tier_unit": "minute",
                "tier_ids": self.tiers((10, 1, 0), (0, 0.5, 0)),
            }
        )
        record = self.calls_of(480, 480)
        self.assertEqual(self.total(), 13)
        self.assertEqual(self.calls(record).mapped("charged_amount"), [8, 5])
        self.assertIn("On the invoice: 120 s = $2.00", self.calls(record)[1].trace)

    def test_packages(self):
        """Model 8: 201 units, 100 free, 5.00 per 100 started -> 10.00."""
        self.plan_of(
            {
                "call_price": 0,
                "tier_mode": "package",
                "tier_unit": "call",
                "package_size": 100,
                "package_free": 100,
                "package_price": 5,
            }
        )
        self.import_records(self.record(quantity=201))
        self.assertEqual(self.total(), 10)

    def test_fees_of_tiers_are_owed_without_usage(self):
        tiers = self.tiers((10, 10, 2), (20, 5, 3), (0, 5, 3))
        self.plan_of({"call_price": 0, "tier_mode": "graduated", "tier_unit": "call", "tier_ids": tiers})
        self.assertEqual(self.total(), 2)
        self.calls_of(*[60] * 12, start="2026-11-05T08:00:00+00:00")
        self.assertEqual(self.total(DECEMBER), 115)

    def test_minimum_commitment_as_its_own_line(self):
        """Model 9: 50 + 3 x 10 = 80, M = 100 -> +20.00."""
        self.plan_of(
            {"call_price": 10},
            term_ids=[
                {"name": "Base", "kind": "fee", "amount": 50},
                {"name": "Minimum turnover", "kind": "minimum", "amount": 100},
            ],
        )
        self.calls_of(60, 60, 60)
        self.assertEqual(self.total(), 100)
        self.assertEqual(self.charges()[-1], ("Minimum turnover", 1, "unit", 20, 20))

    def test_a_cap(self):
        self.plan_of({"call_price": 10}, term_ids=[{"name": "Cap", "kind": "cap", "amount": 25}])
        self.calls_of(60, 60, 60)
        self.assertEqual(self.total(), 25)

    def test_forecast_lock(self):
        """Model 15: forecast 10,000, 90 %, actual 8,200 at 1.10 -> 9,000 = 9,900.00."""
        self.plan_of(
            {"call_price": 1.1},
            term_ids=[{"name": "Agreed", "kind": "forecast", "amount": 1.1, "forecast": 10000, "share": 90, "unit": "call"}],
        )
        self.import_records(self.record(quantity=8200))
        self.assertEqual(self.total(), 9900)

    def test_the_cheapest_of_several_plans_is_charged(self):
        """Model 17: 230 min: plan 125 = 350 + 105 x 2.50 = 612.50; plan 250 = 600.00 -> 600.00."""
        self.plan_of(
            {"minute_price": 2.5, **MINUTE},
            term_ids=[{"name": "Base", "kind": "fee", "amount": 350}],
            allowance_ids=[self.allowance(125)],
        )
        larger = self.plan.copy({"name": "Plan 250"})
        larger.term_ids.amount, larger.allowance_ids.quantity = 600, 250
        self.line.alternative_plan_ids = larger
        record = self.calls_of(*[3600] * 3, 50 * 60)
        self.assertEqual(self.total(), 600)
        self.assertEqual(self.calls(record).rule_id.plan_id, larger)

    def test_part_of_a_month(self):
        """Model 18: 24-28 Feb of a 280.00 month -> 50.00; the allowance is prorated as well."""
        self.plan_of(
            {"call_price": 1},
            term_ids=[{"name": "Base", "kind": "fee", "amount": 280}],
            allowance_ids=[self.allowance(56, unit="call")],
        )
        contract = self.make_contract(date_start=date(2026, 2, 24))
        contract.contract_line_ids.recurring_next_date = date(2026, 3, 1)
        self.make_endpoint("777", contract.contract_line_ids)
        self.calls_of(*[60] * 12, called="777", start="2026-02-25T08:00:00+00:00")
        self.assertEqual(self.bill(contract, date(2026, 3, 1)).amount_untaxed, 52)

    def test_late_usage_goes_on_where_its_period_stopped(self):
        """Model 19."""
        tiers = self.tiers((3, 2, 0), (0, 1, 0))
        self.plan_of(
            {"call_price": 9, "tier_mode": "graduated", "tier_unit": "call", "tier_ids": tiers},
            allowance_ids=[self.allowance(1, unit="call")],
        )
        first = self.calls_of(60, 60, 60)
        self.assertEqual(self.total(), 4)
        self.calls_of(60, 60, start="2026-10-04T08:00:00+00:00")
        self.assertEqual(self.total(DECEMBER), 3)
        self.assertEqual(self.calls(first).mapped("charged_amount"), [0, 2, 2])

    def test_a_rule_is_covered_by_one_allowance(self):
        self.plan_of({"call_price": 1})
        with self.assertRaisesRegex(ValidationError, "cover the same calls"):
            self.plan.allowance_ids = [Command.create(self.allowance(1)), Command.create(self.allowance(2, name="More"))]


class TestTakenBack(PricingCase):
    """A newer version of a billed call: all that was charged for the old one is given back on the next invoice."""

    def corrected(self, talk, **values):
        """Bill a call in October, correct its length, and return what November's invoice says of it."""
        record = self.record(talk=1200, **values)
        self.import_records(record)
        self.bill()
        self.import_records(record | {"talk_seconds": talk})
        self.bill(until=DECEMBER)
        return sorted(charge[-1] for charge in self.charges())

    def test_a_call_over_the_boundary_of_a_band(self):
        """17:50 to 18:10 was 10.00 + 15.00; without the evening it is 10.00."""
        self.plan_of({"minute_price": 1, **MINUTE, "band_split": "split"})
        day = self.calendar([(range(5), 8, 18)])
        evening = {"name": "Evening", "calendar_id": day.id, "when": "outside", "effect": "replace", "value": 1.5}
        self.plan.premium_ids = [Command.create(evening)]
        self.assertEqual(self.corrected(600, start="2026-10-05T17:50:00+02:00"), [-15.0, 0.0])
        taken_back = self.contract.call_statement_ids.usage_line_ids.filtered(lambda call: call.quantity < 0)
        self.assertEqual((taken_back.charged_amount, taken_back.trace.splitlines()[1][:11]), (-25, "Given back:"))

    def test_a_part_with_its_own_rate(self):
        """20 min and 2 min of wrap-up at 0.50 were 21.00; now they are 11.00."""
        self.plan_of({"minute_price": 1, **MINUTE, "count_wrap": False})
        self.plan.rule_ids.part_ids = [Command.create({"part": "wrap_seconds", "minute_price": 0.5})]
        self.assertEqual(sum(self.corrected(600, wrap_seconds=120)), -10.0)

    def test_a_provider_s_cost(self):
        """The correction costs the same: nothing is charged again."""
        self.plan_of({"source": "cost", "markup": 5})
        self.assertEqual(sum(self.corrected(600, provider_cost=90)), 0.0)


class TestBands(PricingCase):
    """Model 10 of product.md, and where days begin and end."""

    DAY = [(range(5), 8, 18)]

    def evening(self, **values):
        return {
            "name": "Evening",
            "calendar_id": self.calendar(self.DAY).id,
            "when": "outside",
            "effect": "replace",
            "value": 1.5,
        } | values

    def test_a_call_over_the_boundary(self):
        """17:50-18:10 at 1.00/1.50: by start 20.00, split 25.00."""
        rule = self.plan_of({"minute_price": 1, **MINUTE}, premium_ids=[self.evening()])
        record = self.calls_of(1200, start="2026-10-05T17:50:00+02:00")
        self.assertEqual(self.calls(record).amount, 20)
        rule.band_split = "split"
        record = self.calls_of(1200, start="2026-10-06T17:50:00+02:00")
        call = self.calls(record)
        self.assertEqual((call.amount, call.stretch_ids.mapped("seconds")), (25, [600, 600]))
        self.assertEqual(self.total(), 45)
        self.assertIn("600 s as Rule 0, Evening at $1.50 per minute.", call.trace)

    def test_language_is_added_before_the_holiday_multiplies(self):
        """1.00 + 0.20 language, x 1.5 holiday = 1.80."""
        calendar = self.calendar(self.DAY, holidays=["2026-10-07"])
        self.plan_of(
            {"minute_price": 1, **MINUTE},
            premium_ids=[
                {"name": "Holiday", "calendar_id": calendar.id, "when": "holiday", "effect": "multiply", "value": 1.5},
                {"name": "Spanish", "skill": "es", "effect": "add", "value": 0.2},
            ],
        )
        record = self.calls_of(60, start="2026-10-07T10:00:00+02:00", skill="ES")
        self.assertEqual(self.calls(record).amount, 1.8)
        self.assertIn("Spanish: + 0.2.\nHoliday: x 1.5.", self.calls(record).trace)

    def test_the_lower_bound_belongs_to_the_band(self):
        self.plan_of({"minute_price": 1, **MINUTE}, premium_ids=[self.evening()])
        amounts = {}
        for clock in ("07:59:59", "08:00:00", "17:59:59", "18:00:00"):
            amounts[clock] = self.calls(self.calls_of(60, start=f"2026-10-05T{clock}+02:00")).amount
        self.assertEqual(amounts, {"07:59:59": 1.5, "08:00:00": 1, "17:59:59": 1, "18:00:00": 1.5})

    def test_days_go_by_the_client_s_wall_time_when_clocks_change(self):
        """Sunday, 25 October 2026: 02:30 comes twice, 08:00 is 07:00 UTC."""
        premium = self.evening(calendar_id=self.calendar([(range(7), 8, 18)]).id)
        self.plan_of({"minute_price": 1, **MINUTE}, premium_ids=[premium])
        amounts = [
            self.calls(self.calls_of(60, start=f"2026-10-{at}+00:00")).amount
            for at in ("24T06:30:00", "25T06:30:00", "25T07:00:00")
        ]
        self.assertEqual(amounts, [1, 1.5, 1])

    def test_agent_time_over_midnight_and_a_holiday(self):
        calendar = self.calendar([(range(7), 0, 24)], holidays=["2026-10-07"])
        self.plan_of(
            {"kind": "agent_time", "hour_price": 20, **MINUTE, "band_split": "split"},
            premium_ids=[{"name": "Holiday", "calendar_id": calendar.id, "when": "holiday", "effect": "multiply", "value": 2}],
        )
        record = self.calls_of(4 * 3600, start="2026-10-06T22:00:00+02:00", kind="agent_time")
        self.assertEqual(self.calls(record).amount, 120)
        self.assertEqual(self.total(), 120)

    def test_bands_and_an_allowance_by_date(self):
        """A split call is used up by the allowance in the order of its stretches."""
        self.plan_of(
            {"minute_price": 1, **MINUTE, "band_split": "split"},
            premium_ids=[self.evening()],
            allowance_ids=[{"name": "Included", "quantity": 15}],
        )
        self.calls_of(1200, start="2026-10-05T17:50:00+02:00")
        self.assertEqual(self.total(), 7.5)
