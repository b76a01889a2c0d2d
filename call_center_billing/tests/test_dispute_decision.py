from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .asterisk import row
from .common import DECEMBER, TODAY
from .test_dispute import DisputeCase


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestDisputeDecision(DisputeCase):
    def allow(self, quantity, unit="minute"):
        self.plan.allowance_ids = [Command.create({"name": "Included", "quantity": quantity, "unit": unit})]

    def owed(self):
        """What the period costs after all adjustments."""
        return round(self.statement.charge_amount + sum(self.statement.adjustment_ids.mapped("amount")), 2)

    def rate_again(self):
        self.env["call.rerate"].create(
            {"contract_ids": [Command.set(self.contract.ids)], "include_billed": True, "reason": "Again"}
        ).action_apply()

    def test_an_accepted_call_is_given_back_to_the_cent(self):
        dispute = self.dispute(self.invoice_calls(2, 3, 4)[1])
        self.assertEqual(self.decide(dispute), -2.7)
        self.assertEqual((dispute.state, dispute.adjustment_ids.state, self.owed()), ("accepted", "pending", 5.4))
        self.assertEqual(self.statement.usage_line_ids.mapped("amount"), [3.6, 2.7, 1.8])

    def test_what_was_on_a_draft_that_is_deleted_is_given_back_with_the_next_invoice(self):
        dispute = self.dispute(self.invoice_calls(2, 3)[0])
        self.decide(dispute, settle="now")
        dispute.adjustment_ids.move_id.unlink()
        self.assertEqual((dispute.adjustment_ids.state, dispute.state), ("pending", "accepted"))
        self.import_text(row(start="2026-11-04 10:00:00", talk=240))
        self.assertEqual(self.bill(until=DECEMBER).amount_untaxed, 3.6 - 1.8)

    def test_what_is_shown_before_stays_not(self):
        dispute = self.dispute(self.invoice_calls(2, 3))
        dispute.line_ids.decision = "accept"
        wizard = self.env["call.dispute.decide"].browse(dispute.action_decide()["res_id"])
        self.assertEqual((wizard.difference, wizard.line_ids.mapped("after")), (-4.5, [0.0]))
        self.assertIn("$4.50 is given back", wizard.explanation.replace("\xa0", "").replace("$ ", "$"))
        self.assertFalse(self.statement.adjustment_ids)
        self.assertFalse(self.env["call.correction"].search([("dispute_line_id", "in", dispute.line_ids.ids)]))
        self.assertEqual(dispute.state, "new")

    def test_inside_an_allowance_it_makes_no_difference_and_says_so(self):
        self.allow(10)
        self.plan.term_ids = [Command.create({"name": "Fee", "kind": "fee", "amount": 50})]
        dispute = self.dispute(self.invoice_calls(2, 3))
        dispute.line_ids.decision = "accept"
        self.assertIn("within what was included", dispute._explain(dispute._preview()))
        self.assertEqual(self.decide(dispute), 0)
        self.assertEqual((dispute.state, dispute.outcome, self.statement.adjustment_ids.ids), ("settled", "accepted", []))

    def test_over_an_allowance_others_use_what_it_freed(self):
        """9 minutes, 4 included, 4.50 for 5: without the first 2 minutes it is 3 minutes, 2.70."""
        self.allow(4)
        dispute = self.dispute(self.invoice_calls(2, 3, 4)[0])
        self.assertEqual((dispute.disputed_amount, self.decide(dispute), self.owed()), (0, -1.8, 2.7))

    def test_corrected_seconds_are_rounded_as_all_are(self):
        dispute = self.dispute(self.invoice_calls(2, 3)[1])
        self.assertEqual(self.decide(dispute, "correct", corrected_talk_seconds=61), -0.9)
        self.assertEqual((self.owed(), dispute.outcome), (3.6, "partly"))

    def test_a_call_that_is_corrected_twice(self):
        call = self.invoice_calls(5)
        self.assertEqual(self.decide(self.dispute(call), "correct", corrected_talk_seconds=180), -1.8)
        self.assertEqual(self.decide(self.dispute(call), "correct", corrected_talk_seconds=60), -1.8)
        self.assertEqual(self.decide(self.dispute(call)), -0.9)
        self.assertEqual(self.owed(), 0)
        with self.assertRaisesRegex(UserError, "credited already"):
            self.dispute(call)

    def test_another_outcome_is_not_charged(self):
        dispute = self.dispute(self.invoice_calls(2))
        self.assertEqual(self.decide(dispute, "correct", corrected_disposition="busy"), -1.8)

    def test_not_charged_but_counted(self):
        dispute = self.dispute(self.invoice_calls(2))
        self.assertEqual(self.decide(dispute, "correct", corrected_billable=False), -1.8)

    def test_another_service_has_another_price(self):
        cheap = self.make_plan(minute_price=0.1)
        line = {"name": "Mail", "product_id": self.product.id, "rate_plan_id": cheap.id, "date_start": "2026-10-01"}
        line |= {"recurring_invoicing_type": "post-paid", "recurring_rule_type": "monthly"}
        self.contract.contract_line_ids = [Command.create(line)]
        other = self.contract.contract_line_ids - self.line
        dispute = self.dispute(self.invoice_calls(2, 3)[0])
        self.assertEqual(self.decide(dispute, "correct", corrected_contract_line_id=other.id), -1.6)
        rows = {each.contract_line_id: each.amount for each in dispute.adjustment_ids.line_ids}
        self.assertEqual(rows, {self.line: -1.8, other: 0.2})

    def test_a_call_that_nothing_prices_as_corrected_is_refused(self):
        dispute = self.dispute(self.invoice_calls(2))
        self.plan.rule_ids.disposition = "answered"
        dispute.line_ids.write({"decision": "correct", "corrected_disposition": "voicemail"})
        with self.assertRaisesRegex(UserError, "No rate fits"):
            dispute._preview()

    def test_a_tier_that_is_not_reached_any_more(self):
        """3 calls at 0.50 each by volume; 2 cost 1.00 each: taking one out would cost the client more."""
        self.plan.rule_ids.write(
            {
                "minute_price": 0,
                "call_price": 1,
                "tier_mode": "volume",
                "tier_unit": "call",
                "tier_ids": [Command.create({"up_to": 2, "price": 1}), Command.create({"price": 0.5})],
            }
        )
        dispute = self.dispute(self.invoice_calls(1, 1, 1)[0])
        dispute.line_ids.decision = "accept"
        self.assertIn("more: look at tiers", dispute._explain(dispute._preview()))
        self.assertEqual((self.decide(dispute), self.owed()), (0.5, 2))

    def test_graduated_tiers_give_back_the_last_slice(self):
        """5 minutes: 2 at 0.90 and 3 at 0.50; without 2 of them 3 minutes: 2 at 0.90 and 1 at 0.50."""
        tiers = [Command.create({"up_to": 2, "price": 0.9}), Command.create({"price": 0.5})]
        self.plan.rule_ids.write({"tier_mode": "graduated", "tier_unit": "minute", "tier_ids": tiers})
        dispute = self.dispute(self.invoice_calls(2, 3)[0])
        self.assertEqual((self.decide(dispute), self.owed()), (-1, 2.3))

    def test_a_minimum_is_owed_all_the_same(self):
        self.plan.term_ids = [Command.create({"name": "Minimum", "kind": "minimum", "amount": 7})]
        calls = self.invoice_calls(2, 3, 4)
        self.assertEqual(self.statement.charge_amount, 8.1)
        first = self.dispute(calls[1])
        self.assertEqual((self.decide(first), self.owed()), (-1.1, 7))
        second = self.dispute(calls[2])
        second.line_ids.decision = "accept"
        self.assertIn("because of an allowance, a tier, a maximum or a minimum", second._explain(second._preview()))
        self.assertEqual((self.decide(second), second.state, self.owed()), (0, "settled", 7))

    def test_a_lump_sum_is_taken_off_and_stays_off(self):
        self.plan.term_ids = [Command.create({"name": "Minimum", "kind": "minimum", "amount": 10})]
        calls = self.invoice_calls(2)
        minimum = self.statement.charge_ids.filtered(lambda charge: charge.component == "minimum")
        self.assertEqual(self.decide(self.dispute(minimum), "correct", corrected_amount=5), -3.2)
        self.assertEqual(self.decide(self.dispute(minimum)), -5)
        self.assertEqual(self.decide(self.dispute(calls)), -1.8)
        self.rate_again()
        self.assertEqual(self.owed(), 0)

    def test_a_whole_charge_is_all_of_its_calls(self):
        calls = self.invoice_calls(2, 3, 4)
        dispute = self.dispute(self.statement.charge_ids)
        self.assertEqual((self.decide(dispute), self.owed()), (-8.1, 0))
        self.assertEqual(calls.mapped("dispute_text"), [f"Credited by dispute {dispute.name}"] * 3)

    def test_a_whole_charge_is_not_corrected(self):
        self.invoice_calls(2)
        dispute = self.dispute(self.statement.charge_ids)
        dispute.line_ids.decision = "correct"
        with self.assertRaisesRegex(UserError, "correct its calls"):
            dispute._preview()

    def test_several_disputes_never_give_back_more_than_was_billed(self):
        self.allow(3)
        calls = self.invoice_calls(2, 3, 4)
        billed = self.statement.charge_amount
        given = [self.decide(self.dispute(call)) for call in calls]
        self.assertEqual((round(sum(given), 2), self.owed(), billed), (-5.4, 0, 5.4))

    def test_a_later_rating_keeps_what_was_accepted(self):
        calls = self.invoice_calls(2, 3, 4)
        self.decide(self.dispute(calls[0]))
        self.decide(self.dispute(calls[1]), "correct", corrected_talk_seconds=60)
        self.rate_again()
        self.assertEqual((len(self.statement.adjustment_ids), self.owed()), (2, 4.5))
        self.plan.rule_ids.minute_price = 1.8
        self.rate_again()
        self.assertEqual(self.owed(), 9)

    def test_a_changed_price_is_no_part_of_a_dispute(self):
        """A call comes out at what it was billed at; a corrected one has to wait until the period is adjusted."""
        calls = self.invoice_calls(2, 3, 4)
        self.plan.rule_ids.minute_price = 5
        self.assertEqual(self.decide(self.dispute(calls[0])), -1.8)
        dispute = self.dispute(calls[1])
        dispute.line_ids.write({"decision": "correct", "corrected_talk_seconds": 60})
        with self.assertRaisesRegex(UserError, "Rate Again"):
            dispute._preview()
        self.rate_again()
        self.assertEqual((self.owed(), self.decide(dispute, "correct", corrected_talk_seconds=60), self.owed()), (35, -10, 25))

    def test_after_an_adjustment_it_is_the_adjusted_price(self):
        calls = self.invoice_calls(2, 3)
        self.plan.rule_ids.minute_price = 0.5
        self.rate_again()
        self.assertEqual((self.decide(self.dispute(calls[0])), self.decide(self.dispute(calls[1])), self.owed()), (-1, -1.5, 0))

    def test_the_cheapest_of_several_plans_is_chosen_again(self):
        """9 minutes: 0.90 each, or 4.00 and 0.30 each: 6.70. Without 4 of them 4.50 by the first plan, 5.50 by the second."""
        flat = self.make_plan(minute_price=0.3)
        flat.term_ids = [Command.create({"name": "Fee", "kind": "fee", "amount": 4})]
        self.line.alternative_plan_ids = flat
        calls = self.invoice_calls(2, 3, 4)
        self.assertEqual(self.statement.charge_amount, 6.7)
        self.assertEqual((self.decide(self.dispute(calls[2])), self.owed()), (-2.2, 4.5))

    def test_a_service_level_is_measured_without_the_calls(self):
        promise = {"name": "In time", "kind": "service_level", "at_risk": 10, "weight": 100}
        self.plan.term_ids = [Command.create(promise)]
        calls = self.calls(
            self.import_records(
                self.record(talk=600),
                self.record(talk=600, start="2026-10-06T10:00:00+02:00", queue_seconds=300),
            )
        )
        self.invoice = self.bill()
        self.invoice.action_post()
        self.statement = self.invoice.call_statement_ids
        self.assertEqual(self.statement.charge_amount, 16.2)
        self.assertEqual((self.decide(self.dispute(calls.filtered("queue_seconds"))), self.owed()), (-7.2, 9))

    def test_a_call_in_several_records_is_corrected_as_a_whole(self):
        calls = self.calls(
            self.import_records(
                self.record(talk=60, group_ref="g1"),
                self.record(talk=120, group_ref="g1", start="2026-10-05T10:01:00+02:00"),
            )
        )
        self.invoice = self.bill()
        self.invoice.action_post()
        self.statement = self.invoice.call_statement_ids
        charged = calls.filtered(lambda call: call.status == "billable")
        before = self.statement.charge_amount
        dispute = self.dispute(charged[0])
        dispute.line_ids.decision = "correct"
        whole = charged[0]._whole_parts()["talk_seconds"]
        self.assertEqual(dispute.line_ids.corrected_talk_seconds, whole)
        self.decide(dispute, "correct", corrected_talk_seconds=whole - 60)
        self.assertEqual(self.owed(), round(before - 0.9, 2))

    def test_contracts_that_share_an_allowance_are_rated_together(self):
        self.allow(4)
        self.plan.allowance_ids.pooled = True
        both = {"invoice_together": True, "pool_allowances": True}
        second = self.make_contract()
        (self.contract | second).write(both)
        self.make_endpoint("+49305550199", line=second.contract_line_ids)
        self.import_text(row(talk=180), row(talk=180, called="+49305550199", start="2026-10-06 10:00:00"))
        self.invoice = self.bill(self.contract | second)
        self.invoice.action_post()
        self.statement = self.invoice.call_statement_ids.filtered(lambda s: s.contract_id == self.contract)
        self.assertEqual(self.invoice.amount_untaxed, 1.8)
        dispute = self.dispute(self.statement.usage_line_ids)
        self.assertEqual(self.decide(dispute), -1.8)
        self.assertEqual(dispute.adjustment_ids.statement_id.contract_id, second)

    # --- Settlement -----------------------------------------------------------------------------------------

    def test_a_credit_note_settles_it_when_it_is_posted(self):
        dispute = self.dispute(self.invoice_calls(2, 3)[0])
        self.decide(dispute, settle="now")
        credit = dispute.adjustment_ids.move_id
        self.assertEqual((credit.state, credit.reversed_entry_id, dispute.state), ("draft", self.invoice, "accepted"))
        credit.action_post()
        self.assertEqual((dispute.state, dispute.message_ids[0].subject), ("settled", f"{dispute.name}: settled"))
        credit.button_draft()
        self.assertEqual(dispute.state, "accepted")

    def test_the_next_invoice_settles_it_when_it_is_posted(self):
        dispute = self.dispute(self.invoice_calls(2, 3)[0])
        self.decide(dispute)
        self.import_text(row(start="2026-11-02 10:00:00", talk=600))
        with freeze_time("2026-12-05"):
            following = self.bill(until=DECEMBER)
            self.assertEqual((following.amount_untaxed, dispute.state), (7.2, "accepted"))
            following.action_post()
        self.assertEqual(dispute.state, "settled")
        self.assertIn(f"dispute {dispute.name}, Wrong duration", str(following.invoice_line_ids.mapped("name")))

    def test_a_rejected_one_stays_rejected(self):
        dispute = self.dispute(self.invoice_calls(2))
        self.assertEqual(self.decide(dispute, "reject"), 0)
        self.assertEqual((dispute.state, dispute.activity_ids.ids), ("rejected", []))
        self.assertFalse(self.env["call.correction"].search([("dispute_line_id", "in", dispute.line_ids.ids)]))

    def test_a_part_of_it_is_accepted(self):
        dispute = self.dispute(self.invoice_calls(2, 3))
        dispute.line_ids[0].decision = "accept"
        with self.assertRaisesRegex(UserError, "no decision yet"):
            dispute.action_decide()
        dispute.action_reject_all()
        dispute._decide()
        self.assertEqual((dispute.state, dispute.credited_amount), ("partly", 1.8))

    def test_what_was_decided_to_be_given_back_stays(self):
        dispute = self.dispute(self.invoice_calls(2))
        self.decide(dispute)
        with self.assertRaisesRegex(UserError, "stays"):
            dispute.adjustment_ids.unlink()
        with self.assertRaisesRegex(UserError, "decided"):
            dispute.line_ids.decision = "reject"

    def test_invoice_and_credits_of_all_calls_are_nothing_on_every_account_and_tax(self):
        """Three times 0.30 with 19 %: each credit note has a tax of 0.06, the invoice one of 0.17."""
        tax = self.env["account.tax"].create({"name": "19 %", "amount": 19, "type_tax_use": "sale"})
        self.product.taxes_id = tax
        self.plan.rule_ids.minute_price = 0.3
        calls = self.invoice_calls(1, 1, 1)
        for call in calls:
            dispute = self.dispute(call)
            self.decide(dispute, settle="now")
            dispute.adjustment_ids.move_id.action_post()
        credits_ = self.statement.dispute_ids.adjustment_ids.move_id
        lines = (self.invoice | credits_).line_ids
        self.assertEqual(len(credits_), 3)
        self.assertNotEqual(sum(credits_[:1].mapped("amount_tax")) * 3, self.invoice.amount_tax)
        for key in ("account_id", "tax_line_id", "tax_ids"):
            for group, mine in lines.grouped(key).items():
                with self.subTest(key=key, group=group.display_name):
                    self.assertTrue(self.env.company.currency_id.is_zero(sum(mine.mapped("balance"))))

    def test_a_whole_charge_is_nothing_on_every_account_and_tax_as_well(self):
        taxes = self.env["account.tax"].create(
            [{"name": f"{rate} %", "amount": rate, "type_tax_use": "sale"} for rate in (7, 12.5)]
        )
        self.product.taxes_id = taxes
        self.plan.rule_ids.write({"minute_price": 0.33, "call_price": 0.11})
        self.invoice_calls(1, 2, 3)
        dispute = self.dispute(self.statement.charge_ids)
        self.decide(dispute, settle="now")
        dispute.adjustment_ids.move_id.action_post()
        lines = (self.invoice | dispute.adjustment_ids.move_id).line_ids
        for group, mine in lines.grouped(lambda line: (line.account_id, line.tax_line_id, line.tax_ids)).items():
            with self.subTest(group):
                self.assertTrue(self.env.company.currency_id.is_zero(sum(mine.mapped("balance"))))

    def test_taxes_that_are_too_small_for_each_credit_note_come_back_with_the_last(self):
        """Three times 0.02 with 19 %: no credit note has a tax of its own, the invoice one of 0.01."""
        self.product.taxes_id = self.env["account.tax"].create({"name": "19 %", "amount": 19, "type_tax_use": "sale"})
        self.plan.rule_ids.minute_price = 0.02
        for call in self.invoice_calls(1, 1, 1):
            dispute = self.dispute(call)
            self.decide(dispute, settle="now")
            dispute.adjustment_ids.move_id.action_post()
        credits_ = self.statement.dispute_ids.adjustment_ids.move_id
        self.assertEqual(round(sum(credits_.mapped("amount_total")), 2), self.invoice.amount_total)

    # --- What others see ------------------------------------------------------------------------------------

    def test_the_call_tells_it_to_staff_and_client(self):
        calls = self.invoice_calls(2, 3, 4)
        first, second, third = (self.dispute(call) for call in calls)
        self.decide(first)
        self.decide(second, "correct", corrected_talk_seconds=60)
        texts = [f"Credited by dispute {first.name}", f"Corrected by dispute {second.name}", f"In dispute {third.name}"]
        client = calls.with_user(self.make_portal_user(self.client, "practice"))
        for records in (calls, client):
            self.assertEqual(records.mapped("dispute_text"), texts)
            self.assertEqual([trace.splitlines()[-1] for trace in records.mapped("trace")], [f"{text}." for text in texts])

    def test_the_proof_still_holds(self):
        calls = self.invoice_calls(2, 3, 4)
        self.decide(self.dispute(calls[0]), settle="now")
        self.statement.adjustment_ids.move_id.action_post()
        self.decide(self.dispute(calls[1]))
        proof = self.env["call.proof"].create({"date_from": "2026-10-01", "date_to": "2026-10-31"})
        proof.action_compute()
        self.assertTrue(proof.is_proved, proof.line_ids.filtered("is_wrong").mapped("name"))

    def test_a_newer_record_of_a_credited_call_does_not_give_it_back_twice(self):
        old = self.record(talk=120)
        calls = self.calls(self.import_records(old))
        self.invoice = self.bill()
        self.invoice.action_post()
        self.statement = self.invoice.call_statement_ids
        self.decide(self.dispute(calls))
        self.import_records(old | {"talk_seconds": 60}, self.record(start="2026-11-02T10:00:00+01:00", talk=600))
        with freeze_time("2026-12-05"):
            following = self.bill(until=DECEMBER)
        self.assertEqual(sorted(following.invoice_line_ids.mapped("price_subtotal")), [-1.8, 0.9, 9])
        self.rate_again()
        self.assertEqual(self.owed(), 0)

    def test_what_would_charge_more_too_late_is_lost(self):
        self.contract.back_billing_days = 1
        dispute = self.dispute(self.invoice_calls(2))
        dispute.line_ids.write({"decision": "correct", "corrected_talk_seconds": 180})
        dispute._decide()
        self.assertEqual((dispute.state, dispute.adjustment_ids.state, dispute.credited_amount), ("settled", "lost", 0))

    def test_what_is_missing_changes_no_invoice(self):
        self.invoice_calls(2)
        dispute = self.dispute([{"kind": "missing", "number": "+49301"}])
        self.assertEqual((self.decide(dispute), dispute.state), (0, "settled"))

    def test_a_period_that_is_billed_again_is_without_the_calls(self):
        calls = self.invoice_calls(2, 3, 4)
        settled, pending = self.dispute(calls[0]), self.dispute(calls[1])
        self.decide(settled, settle="now")
        settled.adjustment_ids.move_id.action_post()
        self.decide(pending)
        reversal = self.env["account.move.reversal"].with_context(active_model="account.move", active_ids=self.invoice.ids)
        reversal.create({"journal_id": self.invoice.journal_id.id, "call_usage": "again"}).refund_moves()
        self.invoice.reversal_move_ids.filtered("call_usage").action_post()
        self.assertEqual((self.statement.state, pending.state, pending.statement_id.state), ("open", "settled", "void"))
        self.assertEqual((calls.mapped("amount"), calls[0].not_billable_reason), ([0, 0, 3.6], "disputed"))
        with freeze_time("2026-12-05"):
            again = self.contract._bill_periods(DECEMBER)
        self.assertEqual(sum(again.invoice_line_ids.mapped("call_charge_id").filtered("call_count").mapped("amount")), 3.6)

    def test_what_does_not_count_any_more_is_not_accepted(self):
        dispute = self.dispute(self.invoice_calls(2))
        reversal = self.env["account.move.reversal"].with_context(active_model="account.move", active_ids=self.invoice.ids)
        reversal.create({"journal_id": self.invoice.journal_id.id, "call_usage": "again"}).refund_moves()
        self.invoice.reversal_move_ids.action_post()
        dispute.line_ids.decision = "accept"
        with self.assertRaisesRegex(UserError, "does not count any more"):
            dispute.action_decide()
        self.decide(dispute, "reject")
        self.assertEqual(dispute.state, "rejected")

    # --- Two at once ----------------------------------------------------------------------------------------

    def test_what_is_decided_is_not_decided_again(self):
        dispute = self.dispute(self.invoice_calls(2))
        self.decide(dispute)
        for again in (dispute._decide, dispute._preview, dispute.action_decide):
            with self.assertRaisesRegex(UserError, "already"):
                again()

    def test_a_decision_that_costs_something_else_meanwhile_is_shown_again(self):
        self.allow(2)
        first, second = (self.dispute(call) for call in self.invoice_calls(2, 3))
        (first | second).line_ids.decision = "accept"
        wizard = self.env["call.dispute.decide"].browse(second.action_decide()["res_id"])
        self.assertEqual(wizard.difference, -2.7)
        self.decide(first)
        with self.assertRaisesRegex(UserError, "Meanwhile the difference is"), self.env.cr.savepoint():
            wizard.action_decide()
        self.assertEqual(self.decide(second), -0.9)
