from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, new_test_user

from .asterisk import row
from .common import DECEMBER, CallBillingCommon


class TestRerate(CallBillingCommon):
    """Rating calls again after a plan changed."""

    def wizard(self, **values):
        return self.env["call.rerate"].create({"plan_ids": [Command.set(self.plan.ids)], **values})

    def effect(self, wizard):
        """What the preview says: (changed calls, before, after) of each line."""
        wizard.action_preview()
        return [(line.changed_count, line.before, line.after) for line in wizard.line_ids]

    def test_a_preview_changes_nothing_and_applying_changes_unbilled_calls(self):
        record = self.import_text(row(talk=61), row(talk=30, start="2026-10-06 10:00:00"))
        self.plan.rule_ids.minute_price = 1.2
        wizard = self.wizard()
        self.assertEqual(self.effect(wizard), [(2, 2.7, 3.6)])
        self.assertEqual(self.calls(record).mapped("amount"), [1.8, 0.9])
        wizard.action_apply()
        self.assertEqual(self.calls(record).mapped("amount"), [2.4, 1.2])
        self.assertEqual(self.contract.call_statement_ids.usage_amount, 3.6)

    def test_rating_again_without_a_change_is_a_no_op(self):
        record = self.import_text(row(), row(disposition="BUSY", talk=0))
        self.env.cr.execute("SELECT xmin FROM call_usage_line WHERE import_id = %s", [record.id])
        before = self.env.cr.fetchall()
        wizard = self.wizard(include_billed=True, reason="Nothing")
        self.assertEqual(self.effect(wizard), [])
        wizard.action_apply()
        self.env.cr.execute("SELECT xmin FROM call_usage_line WHERE import_id = %s", [record.id])
        self.assertEqual(self.env.cr.fetchall(), before)

    def test_only_the_days_that_were_chosen(self):
        record = self.import_text(row(), row(start="2026-10-20 10:00:00"))
        self.plan.rule_ids.minute_price = 5
        self.wizard(date_from="2026-10-10").action_apply()
        self.assertEqual(self.calls(record).mapped("amount"), [0.9, 5])

    def test_a_billed_period_is_adjusted_on_the_next_invoice(self):
        record = self.import_text(row(talk=61))
        invoice = self.bill()
        invoice.action_post()
        self.plan.rule_ids.minute_price = 1
        wizard = self.wizard(include_billed=True, reason="Price of the agreement")
        self.assertEqual(self.effect(wizard), [(1, 1.8, 2)])
        wizard.action_apply()
        self.assertEqual((self.calls(record).amount, invoice.amount_untaxed), (1.8, 1.8))
        adjustment = self.contract.call_statement_ids.adjustment_ids
        self.assertEqual((adjustment.before, adjustment.after, adjustment.user_id), (1.8, 2, self.env.user))
        self.assertEqual(self.effect(self.wizard(include_billed=True)), [])
        line = self.bill(until=DECEMBER).invoice_line_ids
        self.assertEqual((line.price_subtotal, adjustment.state), (0.2, "settled"))
        self.assertIn("adjustment of 10/01/2026 - 10/31/2026: Price of the agreement", line.name)

    def test_a_deleted_draft_gives_the_adjustment_back(self):
        self.import_text(row())
        self.bill().action_post()
        self.plan.rule_ids.minute_price = 2
        self.wizard(include_billed=True, reason="Price").action_apply()
        self.bill(until=DECEMBER).unlink()
        self.assertEqual(self.contract.call_statement_ids.adjustment_ids.state, "pending")

    def test_a_credit_note_now(self):
        self.import_text(row(talk=600))
        invoice = self.bill()
        invoice.action_post()
        self.plan.rule_ids.minute_price = 0.5
        self.wizard(include_billed=True, reason="Price", settle="now").action_apply()
        credit = self.contract.call_statement_ids.adjustment_ids.move_id
        self.assertEqual((credit.move_type, credit.amount_untaxed, credit.reversed_entry_id), ("out_refund", 4, invoice))

    def test_a_billed_period_is_not_adjusted_without_a_reason(self):
        self.import_text(row())
        self.bill()
        self.plan.rule_ids.minute_price = 2
        with self.assertRaisesRegex(UserError, "Say why"):
            self.wizard(include_billed=True).action_apply()

    def test_an_adjustment_knows_allowances(self):
        self.plan.allowance_ids = [Command.create({"name": "Included", "quantity": 1})]
        self.import_text(row(talk=60), row(talk=60, start="2026-10-06 10:00:00"))
        self.bill().action_post()
        self.plan.rule_ids.minute_price = 2
        self.wizard(include_billed=True, reason="Price").action_apply()
        self.assertEqual(self.contract.call_statement_ids.adjustment_ids.amount, 1.1)

    def test_rating_again_what_was_late_adjusts_nothing(self):
        """Late usage comes after what was billed before it, not after itself."""
        self.plan.allowance_ids = [Command.create({"name": "Included", "quantity": 3})]
        self.plan.rule_ids.write(
            {
                "tier_mode": "graduated",
                "tier_unit": "minute",
                "tier_ids": [Command.create({"up_to": 2, "price": 0.9}), Command.create({"price": 0.5})],
            }
        )
        self.import_text(row(talk=240))
        self.bill().action_post()
        self.import_text(row(start="2026-10-06 10:00:00", talk=120), row(start="2026-11-01 10:00:00"))
        with freeze_time("2026-12-05"):
            self.assertEqual(self.bill(until=DECEMBER).amount_untaxed, 1.4)
            self.wizard(include_billed=True, reason="Check").action_apply()
        self.assertFalse(self.contract.call_statement_ids.adjustment_ids)

    def test_sales_see_the_effect_but_do_not_change_prices(self):
        self.import_text(row())
        self.plan.rule_ids.minute_price = 2
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        wizard = self.wizard().with_user(sales)
        self.assertEqual(self.effect(wizard), [(1, 0.9, 2)])
        with self.assertRaises(AccessError):
            wizard.action_apply()


class TestTrial(CallBillingCommon):
    """Trying one made-up call."""

    def trial(self, **values):
        return self.env["call.rate.trial"].create(
            {"plan_id": self.plan.id, "tz": "Europe/Berlin", "start_at": "2026-10-05 08:00:00", **values}
        )

    def test_it_costs_what_a_real_call_costs_and_says_why(self):
        trial = self.trial(talk_seconds=61)
        self.assertEqual(trial.amount, self.calls(self.import_text(row(talk=61))).amount)
        self.assertIn(
            "Counted: Talk 61 s = 61 s.\nRounded to 60/60 seconds: 120 s.\n120 s at $0.90 per minute = $1.80.", trial.trace
        )

    def test_what_is_entered_stays_on_the_form(self):
        with Form(self.env["call.rate.trial"]) as form:
            form.plan_id = self.plan
            form.talk_seconds = 61
            self.assertEqual((form.plan_id, form.talk_seconds, form.amount), (self.plan, 61, 1.8))
            form.hold_seconds = 60
            self.assertEqual((form.talk_seconds, form.amount), (61, 2.7))

    def test_it_tells_why_other_rules_lost(self):
        self.plan.rule_ids = [
            Command.create({"name": "Outbound", "direction": "outbound"}),
            Command.create({"name": "Gone", "queue": "x", "direction": "inbound", "date_end": "2026-09-30"}),
            Command.create({"name": "Every", "priority": -1}),
        ]
        rules = str(self.trial().rules)
        for text in ("Prices this call", "Does not fit: Direction", "Not in force on this day", "has a higher priority"):
            self.assertIn(text, rules)

    def test_a_call_that_nothing_prices_would_be_suspended(self):
        self.plan.rule_ids.direction = "outbound"
        self.assertEqual(self.trial().trace, "Such a call would be suspended: No rate rule fits.")

    def test_nothing_is_stored(self):
        self.env.cr.execute("SELECT count(*) FROM call_price")
        before = self.env.cr.fetchone()
        self.assertTrue(self.trial().amount)
        self.env.cr.execute("SELECT count(*) FROM call_price")
        self.assertEqual(self.env.cr.fetchone(), before)
