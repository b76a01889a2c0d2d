from datetime import date

from odoo.exceptions import ValidationError
from odoo.fields import Command

from .asterisk import row
from .common import CallBillingCommon


class TestRating(CallBillingCommon):
    def rate(self, *rules, talk=60, **call):
        """(charged seconds, price) of one call by a plan of its own."""
        self.plan.rule_ids.unlink()
        for sequence, rule in enumerate(rules):
            self.env["call.rate.rule"].create({"plan_id": self.plan.id, "name": f"Rule {sequence}", "sequence": sequence, **rule})
        found = self.calls(self.import_text(row(talk=talk, **call)))
        self.env.cr.execute("SELECT billed_seconds, trim_scale(amount)::text FROM call_usage_line WHERE id = %s", [found.id])
        seconds, amount = self.env.cr.fetchone()
        self.env["call.import"].search([("source_id", "=", self.source.id), ("state", "=", "done")]).action_undo()
        return seconds, amount

    def test_increments_and_minimum(self):
        """Product model 2, the published figures."""
        for first, following, minimum, price, talk, expected in (
            (30, 6, 0, 0.006, 32, (36, "0.0036")),
            (30, 6, 0, 0.006, 57, (60, "0.006")),
            (30, 6, 0, 0.006, 75, (78, "0.0078")),
            (60, 60, 0, 0.006, 85, (120, "0.012")),
            (30, 6, 0, 0.006, 85, (90, "0.009")),
            (1, 1, 0, 0.006, 85, (85, "0.0085")),
            (60, 6, 0, 1, 60, (60, "1")),
            (60, 6, 0, 1, 61, (66, "1.1")),
            (1, 1, 30, 1, 12, (30, "0.5")),
            (1, 1, 30, 1, 0, (0, "0")),
            (60, 60, 90, 1, 5, (120, "2")),
        ):
            with self.subTest(first=first, next=following, minimum=minimum, talk=talk):
                rule = {"increment_first": first, "increment_next": following, "minimum_seconds": minimum, "minute_price": price}
                self.assertEqual(self.rate(rule, talk=talk), expected)

    def test_a_price_per_call_is_added(self):
        self.assertEqual(self.rate({"call_price": 0.95}, talk=90), (120, "0.95"))
        self.assertEqual(self.rate({"call_price": 0.95, "minute_price": 0.5}, talk=90), (120, "1.95"))

    def test_only_the_parts_that_count_are_charged(self):
        self.assertEqual(self.rate({"minute_price": 1, "count_ring": True}, talk=60, ring=60), (120, "2"))
        self.assertEqual(self.rate({"minute_price": 1}, talk=60, ring=60), (60, "1"))

    def test_outcomes_that_are_not_charged_stay_visible_with_their_reason(self):
        record = self.import_text(row(disposition="BUSY", talk=0))
        call = self.calls(record)
        self.assertEqual((call.status, call.not_billable_reason, call.amount), ("not_billable", "disposition", 0))
        self.assertEqual(call.statement_id.not_billable_count, 1)

    def test_an_outcome_can_be_charged(self):
        rule = {"call_price": 0.2, "bill_busy": True}
        self.assertEqual(self.rate(rule, talk=0, disposition="BUSY"), (0, "0.2"))

    def test_the_rule_with_more_conditions_prices_the_call(self):
        other = self.env["product.product"].create({"name": "Other"})
        rules = (
            {"minute_price": 1},
            {"direction": "outbound", "minute_price": 9},
            {"direction": "inbound", "queue": "Sales", "minute_price": 2},
            {"direction": "inbound", "product_id": other.id, "minute_price": 8, "priority": 5},
        )
        self.assertEqual(self.rate(*rules), (60, "1"))
        self.assertEqual(self.rate(*rules, app="Queue", data="sales,t"), (60, "2"))
        self.assertEqual(self.rate(*rules, context="out", caller="49305550100"), (60, "9"))

    def test_a_price_holds_from_a_day_of_the_client(self):
        rules = ({"minute_price": 1, "date_end": date(2026, 10, 14)}, {"minute_price": 2, "date_start": date(2026, 10, 15)})
        self.assertEqual(self.rate(*rules, start="2026-10-14 23:59:59"), (60, "1"))
        self.assertEqual(self.rate(*rules, start="2026-10-15 00:00:00"), (60, "2"))

    def test_a_call_that_no_rule_fits_is_suspended_never_free(self):
        self.plan.rule_ids.direction = "outbound"
        self.assertEqual(self.import_text(row()).suspense_ids.reason, "no_rule")

    def test_a_changed_price_leaves_rated_calls_alone(self):
        record = self.import_text(row())
        self.plan.rule_ids.minute_price = 5
        self.import_text(row())
        self.assertEqual(self.calls(record).amount, 0.9)
        self.assertEqual(sorted(self.bill().invoice_line_ids.mapped("price_unit")), [0.9, 5])

    def test_a_price_per_minute_needs_a_part_that_counts(self):
        with self.assertRaises(ValidationError):
            self.make_plan(minute_price=1, count_talk=False, count_hold=False, count_wrap=False)

    def test_terms_say_the_rule_in_words(self):
        rule = self.make_plan(minute_price=0.006, call_price=1.5, increment_first=30, increment_next=6).rule_ids
        self.assertEqual(rule.terms, "$0.006 per minute, 30/6 seconds, $1.50 per call")

    def test_tiers_take_the_place_of_the_price_in_words_as_well(self):
        rule = self.plan.rule_ids
        tiers = [Command.create({"up_to": 1500000, "price": 1.2}), Command.create({"price": 0.8})]
        rule.write({"call_price": 1.5, "tier_mode": "volume", "tier_unit": "call", "tier_ids": tiers})
        self.assertEqual(rule.terms, "$0.90 per minute, 60/60 seconds, per call $1.20 up to 1,500,000, then $0.80")
        rule.tier_unit = "minute"
        self.assertEqual(rule.terms, "$1.50 per call, 60/60 seconds, per minute $1.20 up to 1,500,000, then $0.80")

    def test_a_premium_is_told_in_words(self):
        values = {"plan_id": self.plan.id, "name": "Spanish", "skill": "es", "effect": "add", "value": 0.2}
        premium = self.env["call.rate.premium"].create(values)
        self.assertEqual(premium.terms, "Price of time + $0.20")
        premium.write({"effect": "multiply", "target": "both", "value": 1.5})
        self.assertEqual(premium.terms, "Price of time and per call × 1.5")
        premium.write({"effect": "replace", "target": "call"})
        self.assertEqual(premium.terms, "Price per call is $1.50")
