from datetime import date

from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import Form, new_test_user

from .asterisk import PHONE
from .common import NOVEMBER, TODAY
from .test_pricing_models import PricingCase

WEEK = [(range(5), 8, 18)]
ALL_DAY = [(range(7), 0, 24)]


@freeze_time(TODAY)
class TestContractGaps(PricingCase):
    """The agreement of the usual contract has no gap, until something is taken away. Somebody of sales looks."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sales = new_test_user(cls.env, "seller", groups="call_center_billing.group_sales")
        cls.plan.rule_ids.name = "Calls"

    def gaps(self, day=None, contract=None):
        self.env.flush_all()
        self.env.invalidate_all()
        return (contract or self.contract).with_user(self.sales)._agreement_gaps(day)

    def assertGap(self, *messages, day=None):
        """Parts of all messages, in order."""
        found = [gap.message for gap in self.gaps(day)]
        self.assertEqual(len(found), len(messages), found)
        for message, part in zip(found, messages, strict=True):
            self.assertIn(part, message)

    def free(self, premiums=(), **rule):
        """The contract's plan with one rule without a price of its own."""
        return self.plan_of({"name": "Calls", **rule}, premium_ids=list(premiums))

    def band(self, calendar, when="inside", value=1.0, **values):
        return {"name": "Day", "calendar_id": calendar.id, "when": when, "effect": "replace", "value": value, **values}

    def deck(self, **line):
        values = {"prefix": "44", "minute_price": 0.1, **line}
        return self.env["call.rate.deck"].create({"name": "A-Z", "line_ids": [Command.create(values)]})

    def test_an_agreement_that_is_whole_has_no_gap(self):
        self.assertGap()

    # --- Contract and lines -----------------------------------------------------------------------------

    def test_a_contract_without_a_line(self):
        contract = self.env["contract.contract"].create({"name": "Empty", "partner_id": self.client.id})
        ((record, message),) = self.gaps(contract=contract)
        self.assertEqual((record, message), (contract, "Contract 'Empty' has no line from 11/05/2026 on."))

    def test_a_contract_whose_lines_are_over(self):
        self.line.date_end = date(2026, 10, 31)
        self.assertGap("no line from 11/05/2026 on")

    def test_a_line_that_ends_before_it_starts(self):
        self.env.cr.execute("UPDATE contract_line SET date_end = '2026-09-01' WHERE id = %s", [self.line.id])
        self.assertGap("no line", "Line 'Usage' ends before it starts")

    def test_a_client_without_an_address(self):
        self.client.email = False
        self.assertGap("Client 'Dental Practice' has no e-mail address")

    def test_an_invoice_address_without_an_address(self):
        self.contract.invoice_partner_id = self.env["res.partner"].create({"name": "Books", "parent_id": self.client.id})
        self.assertGap("Invoice address 'Dental Practice, Books' has no e-mail address")

    def test_no_journal_for_the_invoices(self):
        self.env["account.journal"].search([("type", "=", "sale")]).active = False
        self.contract.journal_id = False
        self.assertGap("no sales journal")

    def test_no_account_for_the_invoices(self):
        self.line.product_id = False
        self.assertGap()
        self.contract.journal_id.default_account_id = False
        self.assertGap("Line 'Usage' has no product")

    # --- Endpoints --------------------------------------------------------------------------------------

    def test_no_endpoint_is_in_force_from_the_first_day_on(self):
        self.line.endpoint_ids.date_end = date(2026, 10, 31)
        self.assertGap("Line 'Usage': no number, queue, campaign or account code brings it calls from 11/05/2026 on.")
        self.assertGap(day=date(2026, 10, 31))

    def test_an_endpoint_outside_of_its_line(self):
        self.make_endpoint("030111", date_end=date(2026, 9, 30))
        self.assertGap("Line 'Usage', Number 030111: its days lie outside")

    def test_calls_that_came_and_found_no_price(self):
        self.plan.rule_ids.direction = "outbound"
        self.import_records(*[self.record() for _call in range(3)])
        (gap,) = self.gaps()
        self.assertRegex(
            gap.message, r"Line 'Usage': 3 calls for '\d+100' in the last 90 days are suspended: No rate rule fits\."
        )
        self.assertEqual(gap.record._name, "call.suspense")
        with freeze_time("2027-03-01 10:00:00"):
            self.assertGap()

    # --- Plan -------------------------------------------------------------------------------------------

    def test_days_without_a_rule(self):
        rule = self.plan.rule_ids
        rule.date_end = date(2026, 12, 31)
        rule.copy({"date_start": date(2027, 1, 5), "date_end": False})
        self.assertGap("Rate plan 'Plan': no rule is in force from 01/01/2027 to 01/04/2027.")

    def test_days_without_a_rule_after_the_end_of_the_line_do_not_matter(self):
        self.plan.rule_ids.date_end = self.line.date_end = date(2026, 12, 31)
        self.assertGap()

    def test_only_a_year_is_looked_at(self):
        self.plan.rule_ids.date_end = date(2027, 11, 4)
        self.assertGap()

    def test_a_plan_whose_list_plan_has_the_rules(self):
        self.line.rate_plan_id = self.env["call.rate.plan"].create({"name": "Own", "parent_id": self.plan.id})
        self.assertGap()

    def test_rules_for_another_service(self):
        self.plan.rule_ids.product_id = self.env["product.product"].create({"name": "Other", "type": "service"})
        self.assertGap("no rule is in force from 11/05/2026 to 11/04/2027")

    def test_alternatives_are_looked_at(self):
        self.line.alternative_plan_ids = self.env["call.rate.plan"].create({"name": "Flat"})
        self.assertGap("Rate plan 'Flat': no rule")

    def test_a_rule_without_a_price(self):
        rule = self.free()
        ((record, message),) = self.gaps()
        self.assertEqual((record, message), (rule, "Rate plan 'Plan', rule 'Calls' has no price."))

    def test_prices_of_many_kinds(self):
        tiers = [Command.create({"up_to": 0, "price": 1})]
        for values in (
            {"call_price": 1},
            {"hour_price": 1},
            {"source": "cost"},
            {"tier_mode": "graduated", "tier_ids": tiers},
            {"tier_mode": "package", "package_size": 10, "package_price": 1},
            {"part_ids": [Command.create({"part": "ring_seconds", "minute_price": 1})]},
            {"bill_answered": False},  # free on purpose
        ):
            with self.subTest(values):
                self.free(**values)
                self.assertGap()

    def test_a_fee_per_period_is_a_price(self):
        self.plan_of({"name": "Calls"}, term_ids=[{"name": "Fee", "amount": 100, "date_end": date(2027, 6, 30)}])
        self.assertGap("rule 'Calls' has no price from 07/01/2027 to 11/04/2027")
        self.plan.term_ids.date_end = False
        self.assertGap()

    def test_a_minimum_is_no_price(self):
        self.plan_of({"name": "Calls"}, term_ids=[{"name": "Minimum", "kind": "minimum", "amount": 100}])
        self.assertGap("rule 'Calls' has no price")

    def test_tiers_without_an_open_end(self):
        self.free(tier_mode="graduated", tier_ids=[Command.create({"up_to": 0, "price": 1})])
        self.plan.rule_ids.tier_ids.up_to = 10
        self.assertGap("rule 'Calls' has no tier without an end")

    # --- Hours ------------------------------------------------------------------------------------------

    def test_hours_without_a_price(self):
        self.free([self.band(self.calendar(WEEK))])
        self.assertGap("rule 'Calls' has no price outside of 'Day', such as on Thursday, 5 November 2026 from 00:00 to 08:00.")

    def test_hours_that_bands_cover_together(self):
        calendar = self.calendar(WEEK)
        self.free([self.band(calendar), self.band(calendar, "outside", name="Night")])
        self.assertGap()

    def test_holidays_that_no_band_covers(self):
        calendar = self.calendar(WEEK, holidays=["2026-12-25"])
        self.free([self.band(calendar), self.band(calendar, "outside", name="Night")])
        self.assertGap("outside of 'Day', 'Night', such as on Friday, 25 December 2026 from 00:00 to 24:00")
        self.plan.premium_ids[1].also_holidays = True
        self.assertGap()

    def test_a_band_that_ends(self):
        self.free([self.band(self.calendar(ALL_DAY), date_end=date(2026, 12, 31))])
        self.assertGap("such as on Friday, 1 January 2027 from 00:00 to 24:00")

    def test_a_price_for_one_language_only(self):
        self.free([{"name": "Spanish", "skill": "es", "effect": "add", "value": 1}])
        self.assertGap("has no price outside of 'Spanish'")
        self.plan.rule_ids.skill = "ES"
        self.assertGap()

    def test_a_factor_is_no_price(self):
        self.free([self.band(self.calendar(ALL_DAY), effect="multiply")])
        self.assertGap("rule 'Calls' has no price.")

    def test_a_band_without_a_price(self):
        self.plan_of({"minute_price": 1}, premium_ids=[self.band(self.calendar(WEEK), value=0)])
        self.assertGap("Rate plan 'Plan', band 'Day' has no price.")

    # --- Deck -------------------------------------------------------------------------------------------

    def test_a_rate_deck_without_prices_in_force(self):
        deck = self.deck(date_end=date(2026, 12, 31))
        self.free(source="deck", deck_id=deck.id)
        self.assertGap("rule 'Calls' takes its prices from rate deck 'A-Z', which has none from 01/01/2027 to 11/04/2027.")
        deck.line_ids.date_end = False
        self.assertGap()

    # --- As a whole -------------------------------------------------------------------------------------

    def test_many_lines_take_no_more_queries_than_one(self):
        def grow(number):
            calendar = self.calendar(WEEK, holidays=["2026-12-25"])
            rule = {"call_price": 1, "source": "own"}
            plan = self.make_plan({}, {**rule, "direction": "outbound"}, {**rule, "kind": "message"})
            plan.write({"name": f"Plan {number}", "parent_id": self.make_plan(minute_price=1).id})
            plan.premium_ids = [Command.create(self.band(calendar))]
            deck = {"name": "To", "plan_id": plan.id, "priority": 1, "source": "deck", "deck_id": self.deck().id}
            self.env["call.rate.rule"].create(deck)
            line = self.line.copy({"rate_plan_id": plan.id, "alternative_plan_ids": self.plan.ids})
            self.make_endpoint(f"0301234{number}", line)

        def count():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            gaps = self.contract.with_user(self.sales)._agreement_gaps()
            return self.env.cr.sql_log_count - before, len(gaps)

        grow(0)
        count()
        few = count()
        for number in range(1, 6):
            grow(number)
        many = count()
        self.assertEqual((few[1], many[1]), (1, 6))
        self.assertLessEqual(many[0], few[0])

    def test_two_contracts_with_one_plan_name_its_gap_once(self):
        self.free()
        other = self.make_contract()
        self.make_endpoint(PHONE + "0199", other.contract_line_ids)
        self.assertEqual(len(self.gaps(contract=self.contract | other)), 1)

    # --- On screen --------------------------------------------------------------------------------------

    def test_the_dialog_lists_the_gaps_and_opens_what_mends_them(self):
        rule = self.free()
        contract = self.contract.with_user(self.sales)
        action = contract.action_check_gaps()
        check = self.env[action["res_model"]].with_user(self.sales).browse(action["res_id"])
        self.assertEqual(check.line_ids.message, "Rate plan 'Plan', rule 'Calls' has no price.")
        opened = check.line_ids.action_open()
        self.assertEqual((opened["res_model"], opened["res_id"]), ("call.rate.rule", rule.id))
        rule.call_price = 1
        check.action_check()
        self.assertFalse(check.line_ids)
        Form(check)

    def test_a_line_opens_with_its_own_form(self):
        self.line.endpoint_ids.unlink()
        check = self.env["call.gap.check"].create({"contract_id": self.contract.id})
        check.action_check()
        action = check.line_ids.action_open()
        self.assertEqual((action["res_model"], action["res_id"]), ("contract.line", self.line.id))

    def test_a_contract_that_starts_later_is_looked_at_from_then_on(self):
        self.line.date_start = NOVEMBER.replace(year=2027)
        self.assertGap()
