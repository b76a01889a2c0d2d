from datetime import date

from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import Form

from .common import CallBillingCommon


class TestRateChoice(CallBillingCommon):
    """Which rule prices a call."""

    def plan_with(self, *rules, parent=None):
        return self.env["call.rate.plan"].create(
            {
                "name": "Choice",
                "parent_id": parent.id if parent else False,
                "rule_ids": [Command.create({"name": f"Rule {i}", **rule}) for i, rule in enumerate(rules)],
            }
        )

    def chosen(self, plan, **case):
        case = {
            "kind": "call",
            "direction": "inbound",
            "queue": "",
            "campaign": "",
            "skill": "",
            "disposition": "answered",
        } | case
        rules = plan._layers().rule_ids._in_force(date(2026, 10, 5))._ranked(plan)
        return rules._select({**case, "product_id": self.product}).name

    def test_more_conditions_win_and_a_priority_beats_them(self):
        plan = self.plan_with(
            {"call_price": 1}, {"direction": "inbound", "queue": "Sales"}, {"skill": "es", "priority": 1}, {"queue": "night"}
        )
        self.assertEqual(self.chosen(plan), "Rule 0")
        self.assertEqual(self.chosen(plan, queue="sales"), "Rule 1")
        self.assertEqual(self.chosen(plan, queue="sales", skill="es"), "Rule 2")
        self.assertEqual(self.chosen(plan, queue="night", direction="outbound"), "Rule 3")

    def test_prices_from_elsewhere_leave_no_prices_of_the_rule_s_own(self):
        rule = Form(self.plan_with({"minute_price": 1, "round_on": "sum"}).rule_ids)
        rule.source = "cost"
        saved = rule.save()
        self.assertEqual((saved.minute_price, saved.round_on), (0, "call"))
        with self.assertRaisesRegex(ValidationError, "Rule 'Rule 0' has many prices: round each call"):
            saved.round_on = "sum"

    def test_a_tie_is_refused_with_both_rules_named(self):
        with self.assertRaisesRegex(ValidationError, r"'Rule 0' \(Calls, Inbound\) and 'Rule 1' \(Calls, Queue sales\)"):
            self.plan_with({"direction": "inbound"}, {"queue": "sales"})

    def test_rules_that_never_meet_do_not_tie(self):
        self.plan_with(
            {"queue": "sales"}, {"queue": "night"}, {"kind": "message", "skill": "es"},
            {"direction": "inbound", "priority": 2, "date_end": date(2026, 9, 30)},
            {"direction": "inbound", "priority": 2, "date_start": date(2026, 10, 1)},
        )  # fmt: skip
        with self.assertRaises(ValidationError):
            self.plan_with({"queue": "Sales "}, {"queue": "sales"})

    def test_a_client_s_own_rules_come_before_the_list_plan(self):
        listed = self.plan_with({"direction": "inbound", "queue": "sales", "call_price": 3}, {"call_price": 1})
        own = self.plan_with({"name": "Own", "direction": "inbound", "call_price": 2}, parent=listed)
        self.assertEqual(self.chosen(own, queue="sales"), "Own")
        self.assertEqual(self.chosen(own, direction="outbound"), "Rule 1")

    def test_allowances_of_the_list_plan_hold_until_the_client_has_its_own(self):
        listed = self.plan_with({"call_price": 1})
        listed.allowance_ids = [Command.create({"name": "List", "quantity": 10})]
        own = self.plan_with(parent=listed)
        self.assertEqual(own._nearest("allowance_ids").name, "List")
        own.allowance_ids = [Command.create({"name": "Own", "quantity": 20})]
        self.assertEqual(own._nearest("allowance_ids").name, "Own")

    def test_a_plan_is_not_based_on_itself(self):
        plan = self.plan_with({"call_price": 1})
        with self.assertRaises(ValidationError):
            plan.parent_id = plan

    def test_an_outcome_can_have_its_own_rule(self):
        plan = self.plan_with({"call_price": 1}, {"disposition": "voicemail", "bill_voicemail": True, "call_price": 0.1})
        self.assertEqual(self.chosen(plan, disposition="voicemail"), "Rule 1")
        self.assertEqual(self.chosen(plan), "Rule 0")

    def test_tiers_need_ascending_bounds_and_a_last_one(self):
        for bounds in ((10, 5, 0), (5, 10), ()):
            tiers = [Command.create({"up_to": bound, "price": 1}) for bound in bounds]
            with self.subTest(bounds=bounds), self.assertRaisesRegex(ValidationError, "ascending upper bounds|last tier"):
                self.plan_with({"call_price": 1, "tier_mode": "volume", "tier_unit": "call", "tier_ids": tiers})
