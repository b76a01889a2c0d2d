import doctest
import unittest
from datetime import date

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form, new_test_user
from odoo.tests.common import BaseCase

from ..wizards import call_rate_change
from .common import NOVEMBER, OCTOBER, TODAY
from .test_pricing_models import PricingCase

MIDDLE = date(2026, 10, 15)


class TestArithmetic(BaseCase):
    def test_examples(self):
        result = unittest.TestResult()
        doctest.DocTestSuite(call_rate_change).run(result)
        self.assertFalse(result.failures + result.errors)


@freeze_time(TODAY)
class TestRateChange(PricingCase):
    """New prices from a day on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sales = new_test_user(cls.env, "seller", groups="call_center_billing.group_sales")

    def change(self, percent=10, day=MIDDLE, plan=None, **values):
        """New prices, by somebody of sales. Returns the wizard."""
        plan = plan or self.plan
        wizard = self.env["call.rate.change"].with_user(self.sales)
        wizard = wizard.create({"plan_id": plan.id, "date": day, "percent": percent, "decimals": 2, **values})
        wizard.action_apply()
        plan.invalidate_recordset()
        return wizard

    def versions(self, name):
        """Versions of what the plan has: first day, last day, its price."""
        price = {"rule_ids": "minute_price", "premium_ids": "value", "term_ids": "amount", "allowance_ids": "quantity"}[name]
        found = self.plan[name].sorted(lambda r: (r.date_start or date.min, r.id))
        return [(r.date_start and str(r.date_start), r.date_end and str(r.date_end), r[price]) for r in found]

    def test_a_rule_ends_and_goes_on_with_the_new_price(self):
        self.plan_of({"minute_price": 0.95})
        self.change(10)
        self.assertEqual(self.versions("rule_ids"), [(False, "2026-10-14", 0.95), ("2026-10-15", False, 1.05)])

    def test_a_rule_that_begins_on_that_day_is_changed_in_place(self):
        self.plan_of({"minute_price": 1, "date_start": MIDDLE, "date_end": NOVEMBER})
        self.change(10)
        self.assertEqual(self.versions("rule_ids"), [("2026-10-15", "2026-11-01", 1.1)])

    def test_calls_before_the_day_keep_their_price(self):
        self.plan_of({"minute_price": 1})
        self.change(50)
        before = self.calls(self.calls_of(60, start="2026-10-14T10:00:00+02:00"))
        after = self.calls(self.calls_of(60, start="2026-10-15T10:00:00+02:00"))
        self.assertEqual((before.amount, after.amount), (1.0, 1.5))

    def test_what_is_rated_already_does_not_change(self):
        self.plan_of({"minute_price": 1})
        call = self.calls(self.calls_of(60, start="2026-10-20T10:00:00+02:00"))
        self.change(50)
        self.assertEqual(call.amount, 1.0)
        self.assertEqual(self.total(), 1.0)

    def test_all_prices_of_a_rule_change(self):
        self.plan_of(
            {
                "minute_price": 1,
                "call_price": 0.5,
                "count_wrap": False,
                "part_ids": [Command.create({"part": "wrap_seconds", "minute_price": 0.3})],
                "tier_mode": "graduated",
                "tier_ids": [
                    Command.create({"up_to": 10, "price": 2, "flat_fee": 5}),
                    Command.create({"price": 1}),
                ],
            }
        )
        self.change(10)
        new = self.plan.rule_ids.filtered("date_start")
        self.assertEqual((new.minute_price, new.call_price, new.part_ids.minute_price), (1.1, 0.55, 0.33))
        self.assertEqual([(t.up_to, t.price, t.flat_fee) for t in new.tier_ids], [(10, 2.2, 5.5), (0, 1.1, 0)])
        old = self.plan.rule_ids - new
        self.assertEqual(old.tier_ids.mapped("price"), [2, 1])

    def test_premiums_that_name_a_rule_name_the_new_one_too(self):
        calendar = self.calendar([(range(5), 8, 18)])
        rule = self.plan_of({"minute_price": 1})
        band = {"calendar_id": calendar.id, "when": "outside", "rule_ids": [Command.set(rule.ids)]}
        self.plan.premium_ids = [
            Command.create({**band, "name": "Evening", "effect": "add", "value": 0.2}),
            Command.create({**band, "name": "Late", "effect": "multiply", "value": 1.5}),
        ]
        self.change(50)
        self.assertEqual(
            self.versions("premium_ids"),
            [(False, "2026-10-14", 0.2), (False, False, 1.5), ("2026-10-15", False, 0.3)],
        )
        for premium in self.plan.premium_ids:
            self.assertEqual(premium.rule_ids, self.plan.rule_ids)
        evening = "2026-10-20T20:00:00+02:00"
        self.assertEqual(self.calls(self.calls_of(60, start=evening)).amount, 2.7)

    def test_plans_based_on_it_name_the_new_rule_too(self):
        rule = self.plan_of({"minute_price": 1})
        child = self.env["call.rate.plan"].create(
            {
                "name": "Own",
                "parent_id": self.plan.id,
                "allowance_ids": [Command.create({"name": "A", "quantity": 5, "rule_ids": [Command.set(rule.ids)]})],
            }
        )
        self.change()
        self.assertEqual(child.allowance_ids.rule_ids, self.plan.rule_ids)

    def test_an_allowance_goes_on_over_the_change(self):
        """One allowance of two minutes for the calls before and after."""
        rule = self.plan_of({"minute_price": 1})
        self.plan.allowance_ids = [
            Command.create({"name": "Included", "quantity": 2, "rule_ids": [Command.set(rule.ids)], "rollover": True})
        ]
        self.change(50)
        self.assertEqual(self.versions("allowance_ids"), [(False, False, 2)])
        self.calls_of(60, start="2026-10-14T10:00:00+02:00")
        self.calls_of(60, 60, start="2026-10-20T10:00:00+02:00")
        self.assertEqual(self.total(), 1.5)

    def test_an_allowance_whose_quantity_changes_begins_anew(self):
        self.plan_of({"minute_price": 1})
        self.plan.allowance_ids = [Command.create({"name": "Included", "quantity": 100})]
        self.change(0, day=NOVEMBER, quantity_percent=20)
        self.assertEqual(self.versions("allowance_ids"), [(False, "2026-10-31", 100), ("2026-11-01", False, 120)])

    def test_fees_have_the_decimals_of_the_currency(self):
        self.plan_of({"minute_price": 1.2345})
        self.plan.term_ids = [Command.create({"name": "Fee", "kind": "fee", "amount": 49.99})]
        self.change(3.5, decimals=4)
        self.assertEqual(self.versions("term_ids")[1][2], 51.74)
        self.assertEqual(self.versions("rule_ids")[1][2], 1.2777)

    def test_prices_of_decks_and_what_is_over_are_not_offered(self):
        ended = {"minute_price": 1, "date_end": OCTOBER}
        self.plan_of(ended, {"source": "cost", "queue": "q"}, {"minute_price": 1, "date_start": date(2026, 10, 2)})
        wizard = self.env["call.rate.change"].create({"plan_id": self.plan.id, "date": MIDDLE})
        self.assertEqual(wizard.rule_ids.mapped("name"), ["Rule 2"])
        wizard.rule_ids |= self.plan.rule_ids[0]
        with self.assertRaisesRegex(UserError, "not in force"):
            wizard.action_apply()

    def test_the_preview_shows_old_and_new_and_escapes(self):
        self.plan_of({"minute_price": 0.95})
        self.plan.rule_ids.name = "<script>x</script>"
        form = Form(self.env["call.rate.change"].with_user(self.sales).with_context(default_plan_id=self.plan.id))
        form.percent = 10
        self.assertIn("&lt;script&gt;", form.preview)
        self.assertNotIn("<script>", form.preview)
        for text in ("0.95", "1.045"):
            self.assertIn(text, form.preview)

    def test_the_plan_tells_who_changed_what(self):
        self.plan_of({"minute_price": 0.95})
        self.plan.rule_ids.name = "<b>Calls</b>"
        self.change(10)
        message = self.plan.message_ids[0]
        self.assertEqual(message.author_id, self.sales.partner_id)
        self.assertIn("&lt;b&gt;Calls&lt;/b&gt;: Price per Minute", message.body)
        self.assertIn("2026-10-15", message.body)

    def test_impossible_numbers_are_refused(self):
        self.plan_of({"minute_price": 1})
        for values in ({"percent": -101}, {"decimals": 7}, {"quantity_percent": -200}):
            with self.subTest(values), self.assertRaises(UserError):
                self.env["call.rate.change"].create({"plan_id": self.plan.id, "date": MIDDLE, **values})
