from datetime import date

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged

from .asterisk import row
from .common import DECEMBER, NOVEMBER, TODAY, CallBillingCommon

JANUARY = date(2027, 1, 1)


class AfterPostingCase(CallBillingCommon):
    def lines(self, move):
        """The invoice as the client reads it, without the service."""
        return [(line.name.split(", ", 1)[-1], line.quantity, line.price_subtotal) for line in move.invoice_line_ids]

    def invoice(self, *rows, until=NOVEMBER, contract=None):
        self.import_text(*rows or (row(talk=61),))
        move = self.bill(contract, until)
        move.action_post()
        return move

    def credit(self, move, call_usage="again"):
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({"reason": "Wrong price", "journal_id": move.journal_id.id, "call_usage": call_usage})
        )
        wizard.refund_moves()
        return wizard.new_move_ids

    def live(self, month=10):
        return self.contract.call_statement_ids.filtered(lambda s: s.date_start.month == month and not s.billed_again_id)

    def pay(self, move):
        return (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({})
            ._create_payments()
        )


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestSettled(AfterPostingCase):
    """A statement follows the payment of its invoice."""

    def test_a_paid_invoice_settles_its_statement_until_the_payment_is_undone(self):
        move = self.invoice()
        self.assertEqual(self.live().state, "invoiced")
        payment = self.pay(move)
        self.assertIn(move.payment_state, ("paid", "in_payment"))
        self.assertEqual(self.live().state, "settled")
        payment.action_draft()
        payment.action_cancel()
        self.assertEqual((move.payment_state, self.live().state), ("not_paid", "invoiced"))

    def test_many_are_settled_at_once(self):
        contract = self.make_contract(fee=10)
        self.make_endpoint("777", contract.contract_line_ids[:1])
        self.import_text(row(), row(called="777"))
        moves = self.bill(self.contract | contract)
        moves.action_post()
        self.env["account.payment.register"].with_context(active_model="account.move", active_ids=moves.ids).create(
            {"group_payment": True}
        )._create_payments()
        self.assertEqual(moves.call_statement_ids.mapped("state"), ["settled", "settled"])

    def test_a_partial_payment_settles_nothing(self):
        move = self.invoice()
        self.env["account.payment.register"].with_context(active_model="account.move", active_ids=move.ids).create(
            {"amount": 1}
        )._create_payments()
        self.assertEqual((move.payment_state, self.live().state), ("partial", "invoiced"))

    def test_a_posted_invoice_that_is_reset_to_draft_keeps_its_charges(self):
        move = self.invoice()
        move.button_draft()
        self.assertEqual((self.live().state, self.live().invoice_id), ("invoiced", move))
        move.action_post()
        self.assertEqual(move.amount_untaxed, 1.8)

    def test_nobody_jumps_over_a_state(self):
        self.import_text(row())
        with self.assertRaisesRegex(UserError, "is open and cannot become settled"):
            self.live()._set_state("settled")


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestBillAgain(AfterPostingCase):
    """A cancelled or credited invoice asks whether its usage is billed again."""

    def assertKept(self, move, before):
        """The credited invoice is as it was, and each of its lines opens the calls that it is the sum of."""
        self.assertEqual((move.state, self.lines(move)), ("posted", before))
        for line in move.invoice_line_ids.filtered(lambda line: line.call_charge_id.component not in (False, "included")):
            calls = self.env["call.usage.line"].search(line.call_charge_id._calls_domain())
            self.assertEqual(len(calls), line.call_charge_id.call_count)
            self.assertEqual(line.currency_id.round(sum(calls.mapped("charged_amount"))), line.price_subtotal)

    def test_a_credited_invoice_is_billed_again_at_the_prices_of_today(self):
        first = self.invoice()
        before = self.lines(first)
        self.credit(first).action_post()
        self.assertEqual((first.payment_state, self.live().state), ("reversed", "open"))
        self.plan.rule_ids.minute_price = 0.5
        self.env["call.rerate"].create({"plan_ids": [Command.set(self.plan.ids)]}).action_apply()
        second = self.bill()
        second.action_post()
        self.assertEqual(self.lines(second), [("Inbound calls, 10/01/2026 - 10/31/2026", 2, 1)])
        self.assertKept(first, before)
        self.assertEqual((first.call_statement_ids.state, self.live().invoice_id), ("void", second))
        self.assertEqual(first.call_statement_ids.billed_again_id, self.live())

    def test_every_billed_call_is_on_one_line_that_counts(self):
        first = self.invoice(row(), row(start="2026-10-06 10:00:00"))
        self.credit(first).action_post()
        self.bill().action_post()
        live = self.env["call.usage.line"].search(
            [("contract_line_id", "=", self.line.id), ("statement_id", "=", self.live().id)]
        )
        lines = self.env["account.move.line"].search([("call_charge_id.contract_line_id", "=", self.line.id)])
        counting = lines.filtered(lambda line: line.move_id.payment_state != "reversed")
        self.assertEqual(self.env["call.usage.line"].search(counting.call_charge_id._calls_domain()), live)
        self.assertEqual(len(live), 2)

    def test_it_is_not_asked_before_the_credit_note_counts(self):
        first = self.invoice()
        note = self.credit(first)
        self.assertEqual((note.state, note.call_usage, self.live().state), ("draft", "again", "invoiced"))
        self.assertFalse(first.call_usage_undecided)
        self.assertFalse(self.bill())

    def test_a_credit_note_for_a_part_bills_nothing_again(self):
        first = self.invoice()
        note = self.credit(first)
        note.invoice_line_ids.price_unit = 0.1
        with self.assertRaisesRegex(UserError, "still counts"), self.env.cr.savepoint():
            note.action_post()
        note.call_usage = False
        note.action_post()
        self.assertEqual((self.live().state, first.call_usage_undecided), ("invoiced", False))

    def test_not_billed_again_is_written_off_and_told_so(self):
        first = self.invoice()
        self.credit(first, "off").action_post()
        self.assertEqual((self.live().state, self.live().invoice_id), ("void", first))
        self.assertIn("its usage is not billed again: $", self.live().message_ids.mapped("body")[0])
        self.assertFalse(self.bill(until=NOVEMBER))
        self.assertFalse(first.call_usage_undecided)

    def test_a_credit_note_without_a_decision_asks_on_the_invoice(self):
        first = self.invoice()
        self.credit(first, False).action_post()
        self.assertTrue(first.call_usage_undecided)
        self.assertEqual(self.env["call.statement"].search([("undecided", "=", True)]), self.live())
        first.action_bill_call_usage_again()
        self.assertEqual((self.live().state, first.call_usage_undecided), ("open", False))

    def test_a_cancelled_invoice_asks_as_well(self):
        first = self.invoice()
        first.button_cancel()
        self.assertEqual((self.live().state, first.call_usage_undecided), ("invoiced", True))
        first.action_bill_call_usage_again()
        self.assertEqual(self.bill().amount_untaxed, 1.8)
        with self.assertRaisesRegex(UserError, "stays as it is"):
            first.button_draft()

    def test_a_cancelled_invoice_that_is_restored_counts_again(self):
        first = self.invoice()
        first.button_cancel()
        first.action_write_off_call_usage()
        self.assertEqual(self.live().state, "void")
        first.button_draft()
        first.action_post()
        self.assertEqual(self.live().state, "invoiced")

    def test_an_invoice_that_counts_is_not_billed_again(self):
        first = self.invoice()
        for action in (first.action_bill_call_usage_again, first.action_write_off_call_usage):
            with self.assertRaisesRegex(UserError, "still counts"):
                action()

    def test_a_copy_of_the_lines_is_no_way_to_bill_again(self):
        first = self.invoice()
        wizard = self.env["account.move.reversal"].with_context(active_model="account.move", active_ids=first.ids)
        wizard = wizard.create({"journal_id": first.journal_id.id})
        with self.assertRaisesRegex(UserError, "choose to bill its usage again"):
            wizard.modify_moves()

    def test_the_wizard_asks_for_invoices_with_usage_only(self):
        first = self.invoice()
        other = self.init_invoice("out_invoice", products=self.product, post=True)
        for move, asked in ((first, True), (other, False)):
            action = self.env["account.move.reversal"].with_context(active_model="account.move", active_ids=move.ids)
            with Form(action) as form:
                self.assertEqual((form.has_call_usage, form._get_modifier("call_usage", "invisible")), (asked, not asked))

    def test_what_was_written_off_can_be_billed_again_later(self):
        first = self.invoice()
        self.credit(first, "off").action_post()
        self.live().action_bill_again()
        self.assertEqual(self.bill().amount_untaxed, 1.8)

    def test_the_credit_note_by_which_usage_is_billed_again_stays(self):
        first = self.invoice()
        note = self.credit(first)
        note.action_post()
        for move in (note, first):
            with self.assertRaisesRegex(UserError, "stays as it is"):
                move.button_draft()

    def test_a_credit_note_that_wrote_off_can_be_taken_back(self):
        first = self.invoice()
        note = self.credit(first, "off")
        note.action_post()
        note.button_cancel()
        self.assertEqual((self.live().state, first.payment_state), ("invoiced", "not_paid"))

    def test_an_older_period_is_billed_again_with_its_fees_beside_later_ones(self):
        contract = self.make_contract(fee=49)
        self.make_endpoint("777", contract.contract_line_ids[:1])
        with freeze_time("2026-12-05"):
            self.import_text(row(called="777"), row(called="777", start="2026-11-02 10:00:00"))
            october, november = self.bill(contract, DECEMBER)
            (october | november).action_post()
            before = self.lines(october)
            self.credit(october).action_post()
            self.assertIn(contract, self.env["contract.contract"].search(contract._due_domain(DECEMBER)))
            again = self.bill(contract, DECEMBER)
            self.assertEqual((self.lines(again), again.invoice_date), (before, DECEMBER))
            self.assertEqual(set(contract.contract_line_ids.mapped("last_date_invoiced")), {date(2026, 11, 30)})
            self.assertFalse(self.bill(contract, DECEMBER))
            again.unlink()
            self.assertEqual(self.lines(self.bill(contract, DECEMBER)), before)
            self.assertKept(october, before)

    def test_fixed_fees_of_a_period_without_calls_are_billed_again_once(self):
        contract = self.make_contract(fee=10)
        first = self.bill(contract)
        first.action_post()
        first.button_cancel()
        first.action_bill_call_usage_again()
        self.assertEqual(self.bill(contract).amount_untaxed, 10)
        self.assertFalse(self.bill(contract))

    def test_calls_of_a_period_that_is_open_again_belong_to_it(self):
        self.import_text(row(), row(start="2026-11-02 10:00:00"))
        with freeze_time("2026-12-05"):
            october, _november = self.bill(until=DECEMBER)
            october.action_post()
            self.credit(october).action_post()
            late = self.calls(self.import_text(row(start="2026-10-20 10:00:00"), row(start="2026-11-20 10:00:00")))
            self.assertEqual(late[0].statement_id, self.live())
            self.assertEqual(late.mapped("late_of_id.date_start"), [NOVEMBER])
            self.assertEqual(self.bill(until=DECEMBER).amount_untaxed, 1.8)

    def test_a_contract_that_is_over_is_billed_again(self):
        self.line.date_end = date(2026, 10, 31)
        first = self.invoice()
        self.credit(first).action_post()
        self.assertEqual(self.bill().amount_untaxed, 1.8)

    def test_slices_of_calls_keep_their_ends(self):
        self.plan.allowance_ids = [Command.create({"name": "Included", "quantity": 3})]
        first = self.invoice(*(row(start="2026-10-05 10:00:00", talk=120) for _call in range(3)))
        before = self.lines(first)
        self.credit(first).action_post()
        self.assertKept(first, before)
        self.assertEqual(self.bill().amount_untaxed, 2.7)

    def test_what_was_adjusted_is_taken_back_with_the_first_invoice(self):
        first = self.invoice(row(talk=60))
        self.plan.rule_ids.minute_price = 1
        rerate = {"plan_ids": [Command.set(self.plan.ids)], "include_billed": True, "reason": "Price"}
        self.env["call.rerate"].create(rerate).action_apply()
        self.bill(until=DECEMBER).action_post()
        self.credit(first).action_post()
        self.env["call.rerate"].create(rerate).action_apply()
        again = self.bill(until=DECEMBER)
        self.assertEqual([line[1:] for line in self.lines(again)], [(1, 1), (1, -0.1)])

    def test_an_adjustment_on_a_credited_invoice_is_charged_again(self):
        self.invoice(row(talk=60))
        self.plan.rule_ids.minute_price = 1
        rerate = {"plan_ids": [Command.set(self.plan.ids)], "include_billed": True, "reason": "Price"}
        self.env["call.rerate"].create(rerate).action_apply()
        november = self.bill(until=DECEMBER)
        november.action_post()
        self.credit(november).action_post()
        self.assertEqual(self.live().adjustment_ids.state, "pending")
        self.assertEqual(self.lines(self.bill(until=DECEMBER)), self.lines(november))

    def test_a_newer_record_changes_what_is_billed_again_only(self):
        sent = {"record_ref": "again"}
        self.import_records(self.record(talk=61, **sent))
        first = self.bill()
        first.action_post()
        before = self.lines(first)
        self.credit(first).action_post()
        self.import_records(self.record(talk=30, **sent))
        self.assertEqual(self.bill().amount_untaxed, 0.9)
        self.assertKept(first, before)

    def test_what_is_billed_again_is_not_adjusted_twice(self):
        first = self.invoice()
        self.credit(first).action_post()
        self.bill().action_post()
        self.plan.rule_ids.minute_price = 1
        wizard = self.env["call.rerate"].create({"plan_ids": [Command.set(self.plan.ids)], "include_billed": True})
        wizard.action_preview()
        self.assertEqual(wizard.line_ids.mapped("difference"), [0.2])

    def test_undoing_the_import_of_what_is_billed_again_leaves_what_was_sent(self):
        record = self.import_text(row(talk=61), row(start="2026-10-06 10:00:00"))
        first = self.bill()
        first.action_post()
        before = self.lines(first)
        self.credit(first).action_post()
        record.action_undo()
        self.assertEqual((self.live().usage_count, self.live().usage_amount), (0, 0))
        hours = self.env["call.source.hour"].search([("source_id", "=", self.source.id)])
        self.assertEqual(sum(hours.mapped("call_count")), 0)
        self.assertKept(first, before)
        again = self.import_text(row(talk=61), row(start="2026-10-06 10:00:00"), name="again.csv")
        self.assertTotals(again, read=2, accepted=2)
        self.assertEqual(self.bill().amount_untaxed, 2.7)

    def test_an_import_with_calls_that_are_billed_again_cannot_be_undone(self):
        record = self.import_text(row())
        first = self.bill()
        first.action_post()
        self.credit(first).action_post()
        self.bill()
        with self.assertRaisesRegex(UserError, "are invoiced"):
            record.action_undo()

    def test_what_newer_records_took_back_is_not_undone_before_these(self):
        call = self.record(talk=120)
        older = self.import_records(call)
        first = self.bill()
        first.action_post()
        newer = self.import_records(call | {"talk_seconds": 60})
        self.credit(first).action_post()
        with self.assertRaisesRegex(UserError, "Undo these imports first"):
            older.action_undo()
        newer.action_undo()
        older.action_undo()
        self.assertEqual(sum(self.contract.call_statement_ids.filtered(lambda s: s.state == "open").mapped("usage_count")), 0)

    def test_a_near_duplicate_is_looked_for_among_calls_that_count(self):
        """Undone, the call is no more, but for what was sent."""
        record = self.import_text(row())
        first = self.bill()
        first.action_post()
        self.credit(first).action_post()
        record.action_undo()
        self.source.hold_near_duplicates = True
        again = self.import_text(row(start="2026-10-05 10:00:01"), name="again.csv")
        self.assertTotals(again, read=1, accepted=1)

    def test_a_simulation_counts_what_is_billed_again_once(self):
        first = self.invoice(row(talk=61))
        self.credit(first).action_post()
        self.bill().action_post()
        values = {"contract_id": self.contract.id, "date_from": "2026-10-01", "date_to": "2026-10-31"}
        simulation = self.env["call.simulation"].create({**values, "plan_ids": [Command.set(self.make_plan(minute_price=1).ids)]})
        simulation.action_simulate()
        self.assertEqual(sorted(simulation.result_ids.mapped("total")), [1.8, 2])


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestBackBillingLimit(AfterPostingCase):
    """The invoice of November is due on 1 December. With 40 days, calls from 22 October on are billed on it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contract.back_billing_days = 40

    def late(self, *days, **values):
        return self.calls(self.import_text(*(row(start=f"2026-{day} 10:00:00", **values) for day in days)))

    def outcome(self, calls):
        return [(call.status, call.not_billable_reason or "", call.amount, call.lost_amount) for call in calls]

    def test_the_last_day_within_the_limit_is_billed_and_the_one_before_is_lost(self):
        self.invoice()
        calls = self.late("10-21", "10-22")
        self.assertEqual(self.outcome(calls), [("not_billable", "too_late", 0, 0.9), ("billable", "", 0.9, 0)])
        self.assertEqual(calls.mapped("billed_seconds"), [0, 60])
        self.assertEqual((self.live(11).usage_amount, self.live(11).billable_count, self.live(11).late_count), (0.9, 1, 2))
        self.assertEqual([line[1:] for line in self.lines(self.bill(until=DECEMBER))], [(1, 0.9)])

    def test_without_a_limit_everything_is_billed(self):
        self.contract.back_billing_days = 0
        self.invoice()
        self.assertEqual(self.outcome(self.late("10-01")), [("billable", "", 0.9, 0)])

    def test_a_call_in_its_own_period_is_never_too_late(self):
        self.contract.back_billing_days = 5
        self.assertEqual(self.outcome(self.late("10-01")), [("billable", "", 0.9, 0)])

    def test_what_would_not_be_charged_anyway_is_not_lost(self):
        self.invoice()
        calls = self.late("10-02", talk=0, disposition="BUSY")
        self.assertEqual(self.outcome(calls), [("not_billable", "disposition", 0, 0)])

    def test_the_trace_says_why_and_what_to_staff_only(self):
        self.invoice()
        call = self.late("10-02")
        self.assertIn("Not charged: Came too late to be billed.", call.trace)
        self.assertIn("Lost: $0.90. The contract allows 40 days before the invoice: back to 2026-10-22.", call.trace)
        client = self.make_portal_user(self.client, "limited")
        self.bill(until=DECEMBER).action_post()
        self.assertNotIn("0.90", call.with_user(client).trace)

    def test_rating_again_follows_the_limit_of_today_and_keeps_a_decision(self):
        self.invoice()
        calls = self.late("10-02", "10-03")
        calls[1]._bill_lost("Agreed")
        self.assertFalse(self.rerate())
        self.assertEqual([row[0] for row in self.outcome(calls)], ["not_billable", "billable"])
        self.contract.back_billing_days = 60
        self.rerate()
        self.assertEqual(self.outcome(calls), [("billable", "", 0.9, 0)] * 2)

    def rerate(self):
        wizard = self.env["call.rerate"].create({"plan_ids": [Command.set(self.plan.ids)]})
        wizard.action_preview()
        changed = wizard.changed_count
        wizard.action_apply()
        return changed

    def test_lost_calls_are_billed_by_agreement(self):
        self.invoice()
        calls = self.late("10-02", "10-03")
        self.assertEqual(
            sum(self.env["call.usage.line"].search([("not_billable_reason", "=", "too_late")]).mapped("lost_amount")), 1.8
        )
        wizard = (
            self.env["call.lost.bill"]
            .with_context(active_model="call.usage.line", active_ids=calls.ids)
            .create({"reason": "Mrs. Weber agreed"})
        )
        self.assertEqual((wizard.count, wizard.value), (2, 1.8))
        wizard.action_bill()
        self.assertEqual(self.outcome(calls), [("billable", "", 0.9, 0)] * 2)
        self.assertIn("Mrs. Weber agreed", self.live(11).message_ids[0].body)
        (line,) = self.lines(self.bill(until=DECEMBER))
        self.assertEqual(line, ("Inbound calls, late usage of 10/01/2026 - 10/31/2026", 2, 1.8))

    def test_what_was_sent_before_it_was_billed_again_is_no_lost_call(self):
        self.invoice()
        call = self.late("10-02")
        november = self.invoice(row(start="2026-11-02 10:00:00"), until=DECEMBER)
        self.credit(november).action_post()
        copies = november.call_statement_ids.usage_line_ids.filtered(lambda c: c.not_billable_reason == "too_late")
        self.assertEqual((len(copies), copies != call), (1, True))
        with self.assertRaisesRegex(UserError, "None of these"):
            copies._bill_lost("Agreed")

    def test_lost_value_is_listed_by_client(self):
        self.invoice()
        self.late("10-02", "10-03")
        domain = [("not_billable_reason", "=", "too_late"), ("partner_id", "=", self.client.id)]
        Usage = self.env["call.usage.line"]
        self.assertEqual(Usage._read_group(domain, ["partner_id"], ["lost_amount:sum"]), [(self.client, 1.8)])

    def test_sales_see_what_is_lost_but_bill_nothing(self):
        self.invoice()
        call = self.late("10-02")
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        self.assertEqual(call.with_user(sales).lost_amount, 0.9)
        with self.assertRaises(AccessError):
            self.env["call.lost.bill"].with_user(sales).create({"reason": "x", "usage_line_ids": [Command.set(call.ids)]})

    def test_lost_calls_of_a_closed_period_go_to_the_next_invoice(self):
        self.invoice()
        call = self.late("10-02")
        november = self.invoice(row(start="2026-11-02 10:00:00"), until=DECEMBER)
        call._bill_lost("Agreed")
        self.assertEqual((call.statement_id, call.late_of_id), (self.live(12), self.live(10)))
        self.assertEqual((self.live(11).usage_count, november.amount_untaxed), (1, 0.9))
        self.assertEqual(self.bill(until=JANUARY).amount_untaxed, 0.9)
        with self.assertRaisesRegex(UserError, "None of these"):
            call._bill_lost("Agreed")

    def test_a_call_of_several_records_is_lost_and_billed_as_a_whole(self):
        self.invoice()
        call = {"group_ref": "g", "start": "2026-10-02T10:00:00+02:00"}
        self.source = self.import_records(self.record()).source_id
        self.source.legs = "call"
        calls = self.calls(self.import_records(self.record(talk=60, **call), self.record(talk=90, **call)))
        self.assertEqual(sorted(calls.mapped("lost_amount")), [0, 2.7])
        self.bill(until=DECEMBER)
        calls.filtered("lost_amount")._bill_lost("Agreed")
        self.assertEqual(calls.statement_id, self.live(12))
        self.assertEqual(self.live(12).usage_amount, 2.7)

    def test_a_period_that_ends_early_is_invoiced_early(self):
        self.invoice()
        call = self.late("10-15")
        self.line.date_end = date(2026, 11, 20)
        self.bill(until=DECEMBER)
        self.assertEqual(self.outcome(call), [("billable", "", 0.9, 0)])

    # --- Corrections --------------------------------------------------------------------------------------

    def correct(self, talk, before=120, day="2026-10-02"):
        """Bill a call, bring another version of it, and tell the lines of the open statement."""
        record = self.record(start=f"{day}T10:00:00+02:00", talk=before, record_ref="corrected")
        self.import_records(record)
        self.bill().action_post()
        return self.calls(self.import_records({**record, "talk_seconds": talk})).filtered(lambda call: call.quantity > 0)

    def open_amounts(self):
        return sorted(round(call.amount, 2) for call in self.live(11).usage_line_ids if call.amount)

    def test_a_correction_that_gives_back_is_made_whatever_the_limit(self):
        self.correct(60)
        self.assertEqual(self.open_amounts(), [-1.8, 0.9])

    def test_a_correction_that_charges_more_is_made_within_the_limit(self):
        self.correct(240, day="2026-10-22")
        self.assertEqual(self.open_amounts(), [-1.8, 3.6])

    def test_a_correction_that_charges_more_is_lost_beyond_the_limit(self):
        newer = self.correct(240)
        self.assertEqual(self.open_amounts(), [])
        self.assertEqual(self.outcome(newer), [("not_billable", "too_late", 0, 1.8)])
        self.assertFalse(self.rerate())

    def test_the_next_version_takes_the_place_of_one_that_is_lost(self):
        newer = self.correct(240)
        record = self.record(start="2026-10-02T10:00:00+02:00", talk=180, record_ref="corrected")
        self.assertTotals(
            self.import_records({**record, "talk_seconds": 240, "recording_ref": "x"}), read=1, accepted=0, duplicate=1
        )
        third = self.calls(self.import_records(record))
        self.assertEqual(self.outcome(newer + third), [("not_billable", "replaced", 0, 0), ("not_billable", "too_late", 0, 0.9)])
        self.calls(self.import_records({**record, "talk_seconds": 30}))
        self.assertEqual(self.open_amounts(), [-1.8, 0.9])
        self.assertEqual(third.not_billable_reason, "replaced")

    def test_a_lost_correction_is_billed_by_agreement(self):
        newer = self.correct(240)
        newer._bill_lost("Agreed")
        self.assertEqual(self.open_amounts(), [-1.8, 3.6])
        record = self.record(start="2026-10-02T10:00:00+02:00", talk=60, record_ref="corrected")
        self.import_records(record)
        self.assertEqual(self.open_amounts(), [-1.8, 0.9])

    def test_what_was_given_back_stays_given_back_when_rated_again_or_told_once_more(self):
        newer = self.correct(60)
        self.assertFalse(self.rerate())
        record = {**self.record(start="2026-10-02T10:00:00+02:00", record_ref="corrected"), "talk_seconds": 0}
        self.import_records({**record, "talk_seconds": 240})
        self.assertEqual((self.open_amounts(), newer.status), ([-1.8, 0.9], "billable"))
        self.import_records(record)
        self.assertEqual((self.open_amounts(), newer.not_billable_reason), ([-1.8], "replaced"))

    def test_undoing_the_import_of_a_lost_correction_leaves_the_call_known(self):
        newer = self.correct(240)
        newer.import_id.action_undo()
        again = self.import_records(self.record(start="2026-10-02T10:00:00+02:00", talk=120, record_ref="corrected", quality="x"))
        self.assertTotals(again, read=1, accepted=0, duplicate=1)

    # --- Adjustments --------------------------------------------------------------------------------------

    def adjust(self, price, reason="Price"):
        self.plan.rule_ids.minute_price = price
        self.env["call.rerate"].create(
            {"plan_ids": [Command.set(self.plan.ids)], "include_billed": True, "reason": reason}
        ).action_apply()
        return self.live().adjustment_ids

    def test_an_adjustment_that_charges_more_is_lost_beyond_the_limit(self):
        self.invoice(row(talk=60))
        with freeze_time("2026-12-11"):
            adjustment = self.adjust(1)
            self.assertEqual((adjustment.state, adjustment.amount), ("lost", 0.1))
            self.assertEqual(self.adjust(1), adjustment)
            self.assertEqual((len(self.adjust(1.5)), self.live().adjustment_ids.amount), (1, 0.6))
            self.live().adjustment_ids._bill_lost("Agreed")
            self.assertEqual([line[1:] for line in self.lines(self.bill(until=DECEMBER))], [(1, 0.6)])

    def test_an_adjustment_within_the_limit_and_one_that_gives_back_are_made(self):
        self.invoice(row(talk=60))
        with freeze_time("2026-12-10"):
            self.assertEqual(self.adjust(1).state, "pending")
        with freeze_time("2027-03-01"):
            self.assertEqual(self.adjust(0.5).mapped("state"), ["pending", "pending"])


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestTermination(AfterPostingCase):
    """The last days of a contract. Berlin is an hour ahead of UTC in November."""

    def test_the_last_evening_of_a_month_in_the_middle_is_billed_and_the_next_day_is_not(self):
        self.line.date_end = date(2026, 11, 15)
        record = self.import_records(
            self.record(start="2026-11-15T22:59:00Z"),
            self.record(start="2026-11-15T23:00:00Z"),
            self.record(start="2026-11-01T09:00:00Z"),
        )
        self.assertTotals(record, read=3, accepted=2, suspended=1)
        self.assertEqual(record.suspense_ids.reason, "not_in_force")
        with freeze_time("2026-12-02"):
            self.assertEqual(self.lines(self.bill(until=DECEMBER)), [("Inbound calls, 11/01/2026 - 11/15/2026", 2, 1.8)])
            self.assertFalse(self.bill(until=JANUARY))

    def test_a_contract_that_ends_with_the_month_bills_its_last_day(self):
        self.line.date_end = date(2026, 10, 31)
        record = self.import_records(self.record(start="2026-10-31T22:59:00Z"), self.record(start="2026-10-31T23:00:00Z"))
        self.assertEqual(record.suspense_ids.reason, "not_in_force")
        self.assertEqual(self.lines(self.bill()), [("Inbound calls, 10/01/2026 - 10/31/2026", 1, 0.9)])

    def test_an_end_that_is_set_after_the_calls_came_splits_them_at_midnight_of_the_client(self):
        self.import_records(self.record(start="2026-10-15T21:59:00Z"), self.record(start="2026-10-15T22:00:00Z"))
        self.line.date_end = date(2026, 10, 15)
        self.assertEqual(self.bill().amount_untaxed, 0.9)
        self.assertEqual(sorted(self.live().usage_line_ids.mapped(lambda c: c.not_billable_reason or "")), ["", "after_end"])


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestNextInvoice(AfterPostingCase):
    """Everything that comes after posting, on one next invoice. Product model 14: 40 sales at 25.00, 3 taken back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan.rule_ids = [Command.create({"name": "Sales", "kind": "outcome", "call_price": 25})]

    def sale(self, number, quantity=1):
        return {
            "record_ref": f"sale{number}", "start": "2026-10-05T10:00:00Z", "kind": "outcome", "account_code": "dental",
            "quantity": quantity,
        }  # fmt: skip

    def test_a_clawback_is_a_credit_on_the_next_invoice(self):
        self.make_endpoint("dental", kind="account_code")
        self.import_records(*(self.sale(number) for number in range(40)))
        first = self.bill()
        first.action_post()
        self.import_records(*(self.sale(number, 0) for number in range(3)))
        second = self.bill(until=DECEMBER)
        self.assertEqual((first.amount_untaxed, second.move_type), (1000, "out_refund"))
        self.assertEqual(
            [line for line in self.lines(second) if line[1]], [("Sales, late usage of 10/01/2026 - 10/31/2026", 3, 75)]
        )
        self.assertEqual(first.amount_untaxed - second.amount_untaxed, 925)

    def test_late_corrected_adjusted_and_taken_back_come_on_one_next_invoice(self):
        self.make_endpoint("dental", kind="account_code")
        call = self.record(talk=120, record_ref="corrected")
        self.import_records(self.sale(1), self.sale(2), call, self.record(talk=60))
        first = self.bill()
        first.action_post()
        before = self.lines(first)
        self.import_records(self.sale(2, 0), {**call, "talk_seconds": 60}, self.record(talk=180))
        self.plan.rule_ids.filtered(lambda rule: rule.kind == "call").minute_price = 1
        self.env["call.rerate"].create(
            {"plan_ids": [Command.set(self.plan.ids)], "include_billed": True, "reason": "Price"}
        ).action_apply()
        self.import_records(self.record(start="2026-11-02T10:00:00+01:00", talk=1800))
        lines = self.lines(self.bill(until=DECEMBER))
        october = "10/01/2026 - 10/31/2026"
        self.assertEqual(
            sorted((name, subtotal) for name, quantity, subtotal in lines if quantity),
            [
                ("Inbound calls, 11/01/2026 - 11/30/2026", 30),
                (f"Inbound calls, late usage of {october}", -1.8),
                (f"Inbound calls, late usage of {october}", 4),
                (f"Sales, late usage of {october}", -25),
                (f"adjustment of {october}: Price", 0.1),
            ],
        )
        self.assertEqual(self.lines(first), before)
