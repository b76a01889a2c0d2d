import base64
import io
from datetime import date, timedelta
from decimal import Decimal

import openpyxl
from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user

from .asterisk import PHONE, row
from .common import DECEMBER, NOVEMBER
from .test_pricing_models import MINUTE, PricingCase

EXACT = {"increment_first": 1, "increment_next": 1}


class TestProof(PricingCase):
    """What became of every record and every cent of October."""

    def proof(self, first="2026-10-01", last="2026-10-31", **values):
        proof = self.env["call.proof"].create({"date_from": first, "date_to": last, **values})
        proof.action_compute()
        return proof

    def calls_table(self, proof):
        """The first table as people read it: (what, records, seconds, price)."""
        return [(line.name, line.call_count, line.seconds, line.amount) for line in proof.call_line_ids]

    def money_table(self, proof, currency=None):
        """The money of a currency, without what is nothing: kind -> amount."""
        lines = proof.money_line_ids.filtered(lambda line: not currency or line.currency_id == currency)
        return {line.kind: line.amount for line in lines if line.amount}

    def assertProved(self, proof):
        """Nothing is red, and each figure is the sum of the rows that it opens."""
        self.assertTrue(proof.is_proved, [(line.name, line.call_count, line.amount) for line in proof.line_ids if line.is_wrong])
        mine = proof.line_ids.filtered(lambda line: line.res_model and line.res_model != "call.import" and line.section != "kept")
        for line in mine:
            with self.subTest(line.name):
                self.assertOpens(line)

    def assertOpens(self, line):
        rows = self.env[line.res_model].search(line.action_open()["domain"])
        amounts = {"account.move.line": "amount_currency", "call.suspense": None}.get(line.res_model, "amount")
        if line.kind == "lost":
            amounts = "lost_amount"
        if line.has_count:
            self.assertEqual(len(rows), line.call_count)
            seconds = sum(rows.mapped("total_seconds"))
            self.assertEqual(-seconds if line.kind == "taken_back" else seconds, line.seconds)
        if (
            line.currency_id
            and amounts
            and line.kind not in ("included", "tiers", "rounding")
            or line.has_count
            and line.currency_id
        ):
            total = sum(Decimal(repr(value)) for value in rows.mapped(amounts))
            self.assertAlmostEqual(abs(total), abs(Decimal(repr(line.amount))), 9)

    # --- Records ------------------------------------------------------------------------------------------

    def test_every_record_is_accounted_for(self):
        record = self.import_text(
            row(talk=61), row(talk=0, disposition="BUSY"), row(called="000", talk=30), row(called="001", talk=20), "nonsense\n"
        )
        record.suspense_ids.filtered(lambda suspense: suspense.called == "001")._write_off("Test call")
        self.import_text(row(start="2026-11-02 10:00:00"))
        self.bill().action_post()
        self.import_text(row(start="2026-10-31 10:00:00", talk=10))
        self.assertEqual(
            self.calls_table(self.proof()),
            [
                ("Received", 5, 66 + 5 + 35 + 25 + 15, 2.7),
                ("Billed, invoice posted", 1, 66, 1.8),
                ("Not billable: This outcome is not charged", 1, 5, 0),
                ("Not invoiced yet", 1, 15, 0.9),
                ("Suspended", 1, 35, 0),
                ("Written off", 1, 25, 0),
                ("Difference", 0, 0, 0),
            ],
        )
        self.assertProved(self.proof())
        self.assertProved(self.proof("2026-11-01", "2026-11-30"))

    def test_records_without_a_time_count_on_the_day_they_came(self):
        record = self.import_text(row(), "nonsense\n")
        self.cr.execute("UPDATE call_suspense SET create_date = '2026-10-20 10:00:00' WHERE import_id = %s", [record.id])
        self.env.invalidate_all()
        self.assertEqual(self.calls_table(self.proof())[2], ("Suspended", 1, 0, 0))
        self.assertProved(self.proof())

    def test_what_was_recycled_is_a_call_and_told_apart(self):
        self.import_text(row(), row(called="000")).suspense_ids.exists()
        self.make_endpoint("000")
        self.env["call.suspense"].search([("source_id", "=", self.source.id)]).action_recycle()
        self.assertEqual(
            [line[:2] for line in self.calls_table(self.proof())],
            [
                ("Received", 2),
                ("Not invoiced yet", 2),
                ("Suspended", 0),
                ("Difference", 0),
                ("Recycled: suspended at first, counted above as what they became", 1),
            ],
        )
        self.assertProved(self.proof())

    def test_duplicates_and_ignored_records_are_told_with_their_files(self):
        twice = row(talk=60)
        self.import_text(twice, twice, row(flag="OMIT", talk=7), row(called="000"))
        lines = [(line.name, line.call_count, line.seconds) for line in self.proof().file_line_ids]
        self.assertEqual(
            lines,
            [
                ("Records read", 4, 65 + 65 + 12 + 65),
                ("Accepted", 1, 65),
                ("Duplicates", 1, 65),
                ("Suspended", 1, 65),
                ("Ignored, as the phone system says", 1, 12),
                ("Difference", 0, 0),
                ("Accepted or suspended, but not there", 0, 0),
            ],
        )

    def test_a_call_that_was_lost_is_found_out(self):
        self.import_text(row(), row(start="2026-10-06 10:00:00"))
        self.cr.execute("DELETE FROM call_usage_line WHERE date = '2026-10-06' AND company_id = %s", [self.env.company.id])
        self.env.invalidate_all()
        proof = self.proof()
        wrong = proof.file_line_ids.filtered("is_wrong")
        self.assertEqual((wrong.name, wrong.call_count, wrong.seconds), ("Accepted or suspended, but not there", 1, 65))
        self.assertFalse(proof.is_proved)

    def test_a_newer_record_of_a_billed_call_takes_the_old_price_back(self):
        call = self.record(talk=60, version_at="2026-10-05T10:00:00+00:00")
        self.import_records(call)
        self.bill().action_post()
        self.import_records(call | {"talk_seconds": 120, "version_at": "2026-11-03T10:00:00+00:00"})
        self.bill(until=DECEMBER).action_post()
        proof = self.proof()
        self.assertEqual(
            self.calls_table(proof)[:3],
            [
                ("Received", 3, 120, 1.8),
                ("Billed, invoice posted", 2, 180, 2.7),
                ("Taken back after a newer record", 1, -60, -0.9),
            ],
        )
        self.assertEqual(self.money_table(proof), {"total": 1.8, "expected": 1.8, "invoiced": 1.8})
        self.assertProved(proof)

    # --- Money --------------------------------------------------------------------------------------------

    def test_rounding_once_per_line_is_told(self):
        """3 x 1 s and 3 x 2 s at 0.07 a minute: 9 x 0.0011666667 = 0.0105, invoiced as 0.01."""
        self.plan_of({"minute_price": 0.07, **EXACT})
        self.calls_of(1, 1, 1, 2, 2, 2)
        self.bill()
        proof = self.proof()
        money = self.money_table(proof)
        self.assertEqual((money["invoiced"], round(money["total"], 7), round(money["rounding"], 7)), (0.01, 0.0105, -0.0005))
        self.assertNotIn("tiers", money)
        self.assertProved(proof)

    def test_an_allowance_of_minutes(self):
        """2.5 min included: the first 2 calls of a minute and half of the third; 2 min are charged."""
        self.plan_of({"minute_price": 1, **MINUTE}, allowance_ids=[{"name": "Included", "quantity": 2.5}])
        self.calls_of(60, 60, 120, 30)
        self.bill().action_post()
        proof = self.proof()
        self.assertEqual(
            [line[:2] + line[3:] for line in self.calls_table(proof)[:3]],
            [("Received", 4, 5), ("Billed, invoice posted", 2, 3), ("Included in an allowance", 2, 2)],
        )
        self.assertEqual(self.money_table(proof), {"total": 5, "included": -2.5, "expected": 2.5, "invoiced": 2.5})
        self.assertProved(proof)

    def test_an_allowance_of_calls_frees_fee_time_and_parts(self):
        """A call of a minute: 0.50 + 1.00 + 2 min wrap-up at 0.25 = 2.00; one of three is free, of two messages none."""
        parts = {"part_ids": [Command.create({"part": "wrap_seconds", "minute_price": 0.25})], "count_wrap": False}
        self.plan_of(
            {"minute_price": 1, "call_price": 0.5, **MINUTE, **parts},
            {"kind": "message", "call_price": 0.3},
            allowance_ids=[{"name": "One call", "quantity": 1, "unit": "call"}],
        )
        self.calls_of(60, 60, 60, wrap_seconds=120)
        self.import_records(self.record(kind="message", quantity=2))
        self.bill()
        proof = self.proof()
        self.assertEqual(self.money_table(proof), {"total": 6.6, "included": -2, "expected": 4.6, "invoiced": 4.6})
        self.assertEqual(
            [line[:2] for line in self.calls_table(proof)[1:3]],
            [("Billed, invoice in draft", 3), ("Included in an allowance", 1)],
        )
        self.assertProved(proof)

    def test_an_allowance_in_proportion(self):
        """Product model 6: 80 at 1.00 and 60 at 1.50, 100 included: 170.00 becomes 48.57."""
        self.plan_of(
            {"minute_price": 1, **MINUTE, "queue": "day"},
            {"minute_price": 1.5, **MINUTE, "queue": "night"},
            allowance_ids=[{"name": "Included", "quantity": 100, "order": "proportional"}],
        )
        self.calls_of(4800, queue="day")
        self.calls_of(3600, queue="night", start="2026-10-06T08:00:00+00:00")
        self.bill()
        proof = self.proof()
        money = self.money_table(proof)
        self.assertEqual((money["total"], money["invoiced"]), (170, 48.57))
        self.assertAlmostEqual(money["included"] + money["rounding"], -121.43, 9)
        self.assertLess(abs(money["rounding"]), 0.01)
        self.assertProved(proof)

    def test_tiers_and_an_allowance_are_told_apart(self):
        """5 calls, one included; of 4 at 1.20, 2 cost 1.20 and 2 cost 1.00: 4.40."""
        tiers = [Command.create({"up_to": 2, "price": 1.2}), Command.create({"up_to": 0, "price": 1})]
        self.plan_of(
            {"call_price": 1.2, "tier_mode": "graduated", "tier_unit": "call", "tier_ids": tiers},
            allowance_ids=[{"name": "One call", "quantity": 1, "unit": "call"}],
        )
        self.calls_of(60, 60, 60, 60, 60)
        self.bill()
        proof = self.proof()
        listed = self.money_table(proof)["total"]
        money = {
            "total": listed,
            "included": -listed / 5,
            "tiers": round(4.4 - listed * 4 / 5, 2),
            "expected": 4.4,
            "invoiced": 4.4,
        }
        self.assertEqual(self.money_table(proof), {kind: amount for kind, amount in money.items() if amount})
        self.assertProved(proof)

    def test_packages_and_rounding_of_the_sum(self):
        """3 calls of 61 s by the minute on the sum: 4 min; 3 messages in packages of 2 at 5.00: 10.00."""
        self.plan_of(
            {"minute_price": 1, **MINUTE, "round_on": "sum"},
            {"kind": "message", "tier_mode": "package", "tier_unit": "call", "package_size": 2, "package_price": 5},
        )
        self.calls_of(61, 61, 61)
        self.import_records(self.record(kind="message", quantity=3))
        self.assertEqual(self.bill().amount_untaxed, 14)
        proof = self.proof()
        self.assertEqual((self.money_table(proof)["term_package"], self.money_table(proof)["invoiced"]), (10, 14))
        self.assertProved(proof)

    def test_fees_and_minimums_are_told_by_themselves(self):
        terms = [
            {"name": "Seats", "kind": "fee", "amount": 30, "scope": "line"},
            {"name": "At least", "kind": "minimum", "amount": 20, "scope": "line", "count_fees": False},
        ]
        self.plan_of({"minute_price": 1, **MINUTE}, term_ids=terms)
        self.calls_of(60)
        self.bill()
        proof = self.proof()
        money = self.money_table(proof)
        self.assertEqual((money["total"], money["term_fee"], money["term_minimum"], money["invoiced"]), (1, 30, 19, 50))
        self.assertProved(proof)

    def test_calls_split_where_bands_meet(self):
        """17:50-18:10 in Berlin, 10 min at 1.00 and 10 at 1.50, 12 min included: 8 at 1.50 = 12.00."""
        calendar = self.calendar([(range(7), 8, 18)])
        evening = {"name": "Evening", "calendar_id": calendar.id, "when": "outside", "effect": "replace", "value": 1.5}
        self.plan_of(
            {"minute_price": 1, **MINUTE, "band_split": "split"},
            premium_ids=[evening],
            allowance_ids=[{"name": "Included", "quantity": 12}],
        )
        self.calls_of(1200, start="2026-10-05T15:50:00+00:00")
        self.bill()
        proof = self.proof()
        self.assertEqual(self.money_table(proof), {"total": 25, "included": -13, "expected": 12, "invoiced": 12})
        self.assertProved(proof)

    def test_late_usage_belongs_to_its_own_period_wherever_it_is_invoiced(self):
        self.import_text(row())
        self.bill().action_post()
        self.import_text(row(start="2026-10-31 10:00:00", talk=61), row(start="2026-11-02 10:00:00", talk=130))
        october = self.proof()
        self.assertEqual(self.money_table(october), {"total": 2.7, "open": -1.8, "expected": 0.9, "invoiced": 0.9})
        self.bill(until=DECEMBER)
        self.assertEqual(self.money_table(self.proof()), {"total": 2.7, "expected": 2.7, "invoiced": 2.7})
        self.assertEqual(
            self.money_table(self.proof("2026-11-01", "2026-11-30")), {"total": 2.7, "expected": 2.7, "invoiced": 2.7}
        )
        for proof in (october, self.proof("2026-11-01", "2026-11-30")):
            self.assertTrue(proof.is_proved)
        self.assertProved(self.proof())

    def test_days_that_are_no_billing_period(self):
        self.import_text(row(), row(start="2026-10-20 10:00:00", talk=61), row(start="2026-11-02 10:00:00"))
        self.bill()
        first, second = self.proof("2026-10-01", "2026-10-15"), self.proof("2026-10-16", "2026-11-15")
        self.assertEqual(self.money_table(first), {"total": 0.9, "elsewhere": -0.9})
        self.assertEqual(
            self.money_table(second), {"total": 2.7, "elsewhere": -0.9, "beside": 0.9, "expected": 2.7, "invoiced": 2.7}
        )
        self.assertProved(first)
        self.assertProved(second)

    def adjust(self, **values):
        wizard = {"plan_ids": [Command.set(self.plan.ids)], "include_billed": True, "reason": "Agreed", "date_to": "2026-10-31"}
        self.env["call.rerate"].create({**wizard, **values}).action_apply()

    def test_adjustments_belong_to_the_period_that_they_adjust(self):
        self.import_text(row(talk=600))
        self.bill().action_post()
        self.plan.rule_ids.minute_price = 1
        self.adjust()
        waiting = self.proof()
        self.assertEqual(self.money_table(waiting), {"total": 9, "adjustment": 1, "pending": -1, "expected": 9, "invoiced": 9})
        self.assertProved(waiting)
        self.import_text(row(start="2026-11-02 10:00:00"))
        self.bill(until=DECEMBER)
        self.assertEqual(self.money_table(self.proof()), {"total": 9, "adjustment": 1, "expected": 10, "invoiced": 10})
        self.assertProved(self.proof())
        self.assertEqual(self.money_table(self.proof("2026-11-01", "2026-11-30")), {"total": 1, "expected": 1, "invoiced": 1})

    def test_an_adjustment_by_credit_note(self):
        self.import_text(row(talk=600))
        self.bill().action_post()
        self.plan.rule_ids.minute_price = 0.5
        self.adjust(settle="now")
        proof = self.proof()
        self.assertEqual(self.money_table(proof), {"total": 9, "adjustment": -4, "expected": 5, "invoiced": 5})
        self.assertProved(proof)

    def test_two_currencies_are_never_added(self):
        plan = self.make_plan(minute_price=0.5)
        plan.currency_id = self.other_currency
        contract = self.make_contract(plan, manual_currency_id=self.other_currency.id)
        self.make_endpoint("777", contract.contract_line_ids)
        self.import_text(row(), row(called="777", talk=120), row(called="000"))
        self.bill(self.contract | contract)
        proof = self.proof()
        self.assertEqual(
            [(*line[:2], line[3]) for line in self.calls_table(proof)[:3]],
            [("Received", 3, 0), ("Billed, invoice in draft", 1, 0.9), ("Billed, invoice in draft", 1, 1)],
        )
        self.assertEqual(self.money_table(proof, self.other_currency), {"total": 1, "expected": 1, "invoiced": 1})
        self.assertEqual(self.money_table(proof, self.env.company.currency_id), {"total": 0.9, "expected": 0.9, "invoiced": 0.9})
        self.assertProved(proof)

    def test_prices_that_include_taxes(self):
        self.product.taxes_id = self.env["account.tax"].create(
            {"name": "Included", "amount": 20, "price_include_override": "tax_included", "type_tax_use": "sale"}
        )
        self.import_text(row(talk=600))
        self.bill()
        proof = self.proof()
        self.assertEqual(self.money_table(proof), {"total": 9, "taxes": -1.5, "expected": 7.5, "invoiced": 7.5})
        self.assertTrue(proof.is_proved)

    def test_a_changed_invoice_line_is_red(self):
        self.import_text(row(talk=600))
        self.bill().invoice_line_ids.price_unit = 0.8
        proof = self.proof()
        self.assertFalse(proof.is_proved)
        self.assertEqual(self.money_table(proof), {"total": 9, "expected": 9, "invoiced": 8, "difference": -1})

    def test_a_wrong_price_of_a_call_is_no_rounding(self):
        record = self.import_text(row(talk=600))
        self.bill()
        self.cr.execute("UPDATE call_usage_line SET amount = amount + 0.02 WHERE import_id = %s", [record.id])
        self.env.invalidate_all()
        self.assertEqual(self.money_table(self.proof())["difference"], -0.02)

    def test_a_cancelled_invoice_is_red(self):
        self.import_text(row())
        self.bill().button_cancel()
        proof = self.proof()
        self.assertFalse(proof.is_proved)
        self.assertEqual(self.money_table(proof), {"total": 0.9, "uninvoiced": -0.9})
        self.assertEqual(self.calls_table(proof)[1], ("Closed, but on no invoice", 1, 65, 0.9))
        for line in proof.line_ids.filtered(lambda line: line.kind == "uninvoiced"):
            self.assertOpens(line)

    # --- After posting ------------------------------------------------------------------------------------

    def invoice(self, *rows, contracts=None, until=NOVEMBER):
        self.import_text(*rows)
        moves = self.bill(contracts, until)
        moves.action_post()
        return moves

    def credit(self, move, call_usage="again"):
        wizard = self.env["account.move.reversal"].with_context(active_model="account.move", active_ids=move.ids)
        wizard.create({"journal_id": move.journal_id.id, "call_usage": call_usage}).refund_moves()
        move.reversal_move_ids.action_post()

    def files_table(self, proof):
        return [(line.kind, line.call_count, line.seconds) for line in proof.file_line_ids if line.call_count]

    def test_a_paid_invoice_is_billed(self):
        move = self.invoice(row(talk=61))
        before = self.calls_table(self.proof())
        self.env["account.payment.register"].with_context(active_model="account.move", active_ids=move.ids).create(
            {}
        )._create_payments()
        self.assertEqual(move.call_statement_ids.state, "settled")
        self.assertEqual(self.calls_table(self.proof()), before)
        self.assertEqual(before[1], ("Billed, invoice posted", 1, 66, 1.8))
        self.assertProved(self.proof())

    def test_what_is_billed_again_counts_once(self):
        """2 min and 1 min at 0.90, a busy call; then 0.50 a minute, and a fee in both."""
        fee = {"name": "Seats", "kind": "fee", "amount": 30, "scope": "line"}
        self.plan.term_ids = [Command.create(fee)]
        first = self.invoice(row(talk=61), row(start="2026-10-06 10:00:00"), row(talk=0, disposition="BUSY"))
        files = self.files_table(self.proof())
        self.assertEqual(self.money_table(self.proof()), {"total": 2.7, "term_fee": 30, "expected": 32.7, "invoiced": 32.7})
        self.credit(first)
        between = self.proof()
        self.assertProved(between)
        self.assertEqual(self.money_table(between), {"total": 2.7, "open": -2.7})
        self.assertEqual(
            self.calls_table(between)[:3],
            [
                ("Received", 3, 66 + 65 + 5, 2.7),
                ("Not billable: This outcome is not charged", 1, 5, 0),
                ("Not invoiced yet", 2, 66 + 65, 2.7),
            ],
        )
        self.plan.rule_ids.minute_price = 0.5
        self.env["call.rerate"].create({"plan_ids": [Command.set(self.plan.ids)]}).action_apply()
        self.bill().action_post()
        after = self.proof()
        self.assertEqual(self.money_table(after), {"total": 1.5, "term_fee": 30, "expected": 31.5, "invoiced": 31.5})
        self.assertEqual(
            self.calls_table(after)[:2], [("Received", 3, 66 + 65 + 5, 1.5), ("Billed, invoice posted", 2, 66 + 65, 1.5)]
        )
        self.assertProved(after)
        self.assertEqual((self.files_table(between), self.files_table(after)), (files, files))

    def test_copies_of_what_was_sent_say_so(self):
        first = self.invoice(row())
        self.credit(first)
        calls = self.env["call.usage.line"].search([("contract_line_id", "=", self.line.id)], order="id")
        self.assertEqual(calls.mapped("settlement"), ["open", "billed_again"])
        self.assertEqual(self.env["call.usage.line"].search([("settlement", "=", "billed_again")]), calls[1])

    def test_a_cancelled_invoice_that_is_billed_again_counts_once(self):
        first = self.invoice(row(talk=61))
        first.button_cancel()
        first.action_bill_call_usage_again()
        self.bill().action_post()
        self.assertEqual(self.money_table(self.proof()), {"total": 1.8, "expected": 1.8, "invoiced": 1.8})
        self.assertProved(self.proof())

    def test_what_was_written_off_is_told_by_itself(self):
        """Free: 1 of 3 min at 0.90. A fee of 30.00 is written off with the usage."""
        fee = {"name": "Seats", "kind": "fee", "amount": 30, "scope": "line"}
        self.plan.write({"term_ids": [Command.create(fee)], "allowance_ids": [Command.create({"name": "One", "quantity": 1})]})
        first = self.invoice(row(talk=61), row(start="2026-10-06 10:00:00"))
        self.credit(first, "off")
        proof = self.proof()
        self.assertEqual(self.calls_table(proof)[:2], [("Received", 2, 131, 2.7), ("Written off after posting", 2, 131, 2.7)])
        self.assertEqual(self.money_table(proof), {"total": 2.7, "included": -0.9, "term_fee": 30, "written_off": -31.8})
        self.assertProved(proof)
        first.call_statement_ids.action_bill_again()
        self.bill().action_post()
        self.assertEqual(
            self.money_table(self.proof()), {"total": 2.7, "included": -0.9, "term_fee": 30, "expected": 31.8, "invoiced": 31.8}
        )
        self.assertProved(self.proof())

    def test_a_cancelled_invoice_that_is_written_off_is_not_red(self):
        self.product.taxes_id = self.env["account.tax"].create(
            {"name": "Included", "amount": 20, "price_include_override": "tax_included", "type_tax_use": "sale"}
        )
        first = self.invoice(row(talk=600))
        first.button_cancel()
        first.action_write_off_call_usage()
        self.assertEqual(self.money_table(self.proof()), {"total": 9, "written_off": -9})
        self.assertProved(self.proof())

    def test_late_usage_on_an_invoice_that_is_written_off(self):
        self.invoice(row())
        november = self.invoice(row(start="2026-10-31 10:00:00", talk=61), row(start="2026-11-02 10:00:00"), until=DECEMBER)
        self.credit(november, "off")
        october = self.proof()
        self.assertEqual(self.money_table(october), {"total": 2.7, "written_off": -1.8, "expected": 0.9, "invoiced": 0.9})
        self.assertEqual(self.money_table(self.proof("2026-11-01", "2026-11-30")), {"total": 0.9, "written_off": -0.9})
        self.assertProved(october)

    def test_calls_that_came_too_late_are_lost_and_told_so(self):
        self.contract.back_billing_days = 40
        self.invoice(row())
        self.import_text(row(start="2026-10-21 10:00:00", talk=61), row(start="2026-10-22 10:00:00"))
        proof = self.proof()
        self.assertEqual(
            self.calls_table(proof),
            [
                ("Received", 3, 65 + 66 + 65, 1.8),
                ("Billed, invoice posted", 1, 65, 0.9),
                ("Not billable: Came too late to be billed", 1, 66, 0),
                ("Not invoiced yet", 1, 65, 0.9),
                ("Suspended", 0, 0, 0),
                ("Difference", 0, 0, 0),
                ("Lost: what calls that came too late would have cost", 0, 0, 1.8),
            ],
        )
        self.assertEqual(self.money_table(proof), {"total": 1.8, "open": -0.9, "expected": 0.9, "invoiced": 0.9})
        self.assertProved(proof)

    def test_what_came_too_late_is_lost_once_where_it_is_billed_again(self):
        self.contract.back_billing_days = 40
        self.invoice(row())
        self.import_text(row(start="2026-10-21 10:00:00", talk=61), row(start="2026-11-02 10:00:00"))
        november = self.bill(until=DECEMBER)
        november.action_post()
        self.credit(november)
        self.bill(until=DECEMBER).action_post()
        proof = self.proof()
        self.assertEqual([line.amount for line in proof.call_line_ids if line.kind == "lost"], [1.8])
        self.assertProved(proof)
        self.assertProved(self.proof("2026-11-01", "2026-11-30"))

    def test_a_lost_adjustment_is_told_by_itself(self):
        self.contract.back_billing_days = 1
        self.invoice(row(talk=600))
        self.plan.rule_ids.minute_price = 1
        with freeze_time("2027-01-05"):
            self.adjust()
        proof = self.proof()
        self.assertEqual(self.money_table(proof), {"total": 9, "adjustment": 1, "too_late": -1, "expected": 9, "invoiced": 9})
        self.assertProved(proof)

    def test_what_was_adjusted_before_it_was_billed_again_is_taken_back(self):
        first = self.invoice(row(talk=600))
        self.plan.rule_ids.minute_price = 1
        self.adjust()
        self.invoice(row(start="2026-11-02 10:00:00"), until=DECEMBER)
        self.credit(first)
        self.env["call.rerate"].create({"plan_ids": [Command.set(self.plan.ids)]}).action_apply()
        waiting = self.proof()
        self.assertEqual(self.money_table(waiting), {"total": 10, "open": -10, "pending": 1, "expected": 1, "invoiced": 1})
        self.assertProved(waiting)
        self.bill(until=DECEMBER).action_post()
        self.assertEqual(self.money_table(self.proof()), {"total": 10, "expected": 10, "invoiced": 10})
        self.assertProved(self.proof())

    def test_a_shared_invoice_with_a_pooled_allowance(self):
        """2 min of Bonn and 4 of Ulm at 1.00, 5 free together: 1.00; credited and billed again, it is the same."""
        plan = self.make_plan(minute_price=1)
        plan.allowance_ids = [Command.create({"name": "Included", "quantity": 5, "pooled": True})]
        contracts = self.env["contract.contract"]
        for name in ("Bonn", "Ulm"):
            branch = self.env["res.partner"].create({"name": name, "tz": "Europe/Berlin"})
            contracts |= self.make_contract(
                plan, branch, name=name, invoice_partner_id=self.client.id, invoice_together=True, pool_allowances=True
            )
            self.make_endpoint(name, contracts[-1].contract_line_ids, kind="account_code")
        move = self.invoice(
            row(account="Bonn", talk=120), row(account="Ulm", start="2026-10-06 10:00:00", talk=240), contracts=contracts
        )
        self.assertEqual(len(move), 1)
        money = {"total": 6, "included": -5, "expected": 1, "invoiced": 1}
        self.assertEqual(self.money_table(self.proof()), money)
        self.assertProved(self.proof())
        self.credit(move)
        self.assertEqual(self.money_table(self.proof()), {"total": 6, "open": -6})
        again = self.bill(contracts)
        again.action_post()
        self.assertEqual(self.money_table(self.proof()), money)
        self.assertProved(self.proof())
        self.credit(again, "off")
        self.assertEqual(self.money_table(self.proof()), {"total": 6, "included": -5, "written_off": -1})
        self.assertProved(self.proof())

    # --- How ----------------------------------------------------------------------------------------------

    def test_the_number_of_queries_does_not_follow_the_calls(self):
        def count():
            self.env.flush_all()
            proof = self.env["call.proof"].create({"date_from": "2026-10-01", "date_to": "2026-10-31"})
            before = self.cr.sql_log_count
            proof._compute_lines()
            self.env.flush_all()
            return self.cr.sql_log_count - before

        self.import_text(row(), row(called="000"), row(called="001"))
        self.bill()
        count()  # whatever is read once
        few = count()
        contracts = self.env["contract.contract"]
        for number in range(5):
            contracts |= self.make_contract(name=f"C{number}")
            self.make_endpoint(f"55{number}", contracts[-1].contract_line_ids)
        self.import_text(*(row(called=f"55{number}", talk=talk) for number in range(5) for talk in (10, 70, 130)))
        self.bill(contracts)
        self.assertLessEqual(count(), few)

    def test_the_workbook_and_the_csv_have_every_figure(self):
        self.env.company.name = "=Evil"
        self.import_text(row(talk=61), row(called="000"))
        self.bill()
        proof = self.proof()
        sheet = openpyxl.load_workbook(io.BytesIO(base64.b64decode(proof.xlsx))).active
        cells = [[cell.value for cell in line] for line in sheet.iter_rows()]
        self.assertEqual(cells[0][:2], ["Company", "'=Evil"])
        self.assertIn(["Billed, invoice in draft", "USD", 1, 66, 1.8], cells)
        self.assertIn(["Usage on the invoices", "USD", None, None, 1.8], cells)
        text = base64.b64decode(proof.csv).decode("utf-8-sig")
        self.assertIn('"Billed, invoice in draft",USD,1,66,1.80\r\n', text)
        self.assertIn("Company,'=Evil\r\n", text)
        self.assertEqual(proof.csv_name, "Proof__Evil_2026-10-01_2026-10-31.csv")

    def test_the_menu_opens_last_month_and_one_can_go_on(self):
        proof = self.env["call.proof"].browse(self.env["call.proof"].action_open()["res_id"])
        self.assertEqual(proof.date_to + timedelta(days=1), fields.Date.context_today(proof).replace(day=1))
        proof.write({"date_from": "2026-10-01", "date_to": "2026-10-31"})
        proof.action_next()
        self.assertEqual((proof.date_from, proof.date_to), (date(2026, 11, 1), date(2026, 11, 30)))
        proof.action_previous()
        self.assertEqual((proof.date_from, proof.date_to), (date(2026, 10, 1), date(2026, 10, 31)))

    def test_only_accountants_of_the_company_see_it(self):
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        with self.assertRaises(AccessError):
            self.env["call.proof"].with_user(sales).action_open()
        accountant = new_test_user(self.env, "biller", groups="call_center_billing.group_accountant")
        self.import_text(row(called="000"), row())
        proof = self.env["call.proof"].with_user(accountant).create({"date_from": "2026-10-01", "date_to": "2026-10-31"})
        proof.action_compute()
        self.assertEqual(proof.call_line_ids[0].call_count, 2)
        other = self.env["res.company"].create({"name": "Other"})
        with self.assertRaises(ValidationError):
            proof.company_id = other
            proof.flush_recordset()

    def test_another_company_has_nothing(self):
        self.import_text(row(called=PHONE + "0100"))
        other = self.env["res.company"].create({"name": "Other"})
        self.env.user.company_ids |= other
        proof = self.env["call.proof"].with_context(allowed_company_ids=(self.env.company | other).ids)
        proof = proof.create({"date_from": "2026-10-01", "date_to": str(NOVEMBER), "company_id": other.id})
        proof.action_compute()
        self.assertEqual([line.call_count for line in proof.call_line_ids], [0, 0, 0])
