import unittest
from datetime import date
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..models.contract_billing import ContractContract
from .asterisk import PHONE, row
from .common import NOVEMBER, TODAY, CallBillingCommon
from .test_formats import SAMPLES


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestBilling(CallBillingCommon):
    def lines(self, move):
        """The invoice as the client reads it."""
        return [(line.name, line.quantity, line.price_unit, line.price_subtotal) for line in move.invoice_line_ids]

    def test_a_period_becomes_a_native_invoice(self):
        self.import_text(row(talk=61), row(talk=30), row(talk=0, disposition="BUSY"))
        move = self.bill()
        self.assertEqual(self.lines(move), [("Answering, Inbound calls, 10/01/2026 - 10/31/2026", 3.0, 0.9, 2.7)])
        self.assertEqual(move.invoice_line_ids.product_uom_id, self.env.ref("uom.product_uom_minute"))
        self.assertEqual((move.state, move.invoice_date, move.partner_id), ("draft", NOVEMBER, self.client))
        statement = self.contract.call_statement_ids
        self.assertEqual((statement.state, statement.invoice_id, statement.charge_amount), ("invoiced", move, 2.7))

    def test_fixed_fee_and_several_prices_of_one_line(self):
        plan = self.make_plan(
            {"name": "Sales queue", "queue": "sales", "minute_price": 1.5, "increment_first": 1, "increment_next": 1},
            {"name": "Other calls", "call_price": 1.1, "minute_price": 0.45, "increment_first": 60, "increment_next": 6},
        )
        contract = self.make_contract(plan, fee=49)
        self.make_endpoint("777", contract.contract_line_ids[:1])
        self.import_text(
            row(called="777", talk=95, app="Queue", data="sales"), row(called="777", talk=61), row(called="777", talk=5)
        )
        move = self.bill(contract)
        self.assertEqual(
            sorted(
                (line.quantity, line.price_unit, line.product_uom_id.name, line.price_subtotal) for line in move.invoice_line_ids
            ),
            [(1, 49, "Units", 49), (2, 1.1, "Calls", 2.2), (2.1, 0.45, "Minutes", 0.95), (95, 0.025, "Seconds", 2.38)],
        )

    def test_every_usage_line_equals_the_sum_of_its_calls(self):
        self.plan.rule_ids.write({"increment_first": 1, "increment_next": 1, "minute_price": 0.07})
        self.import_text(*(row(talk=talk) for talk in range(1, 200, 7)))
        for line in self.bill().invoice_line_ids:
            calls = self.env["call.usage.line"].search(line.call_charge_id._calls_domain())
            self.assertEqual(len(calls), line.call_charge_id.call_count)
            self.assertEqual(line.price_subtotal, line.currency_id.round(sum(calls.mapped("amount"))))

    def test_late_calls_come_on_the_next_invoice_as_such(self):
        self.import_text(row())
        self.bill()
        record = self.import_text(row(start="2026-10-31 23:59:59"), row(start="2026-11-02 10:00:00"))
        self.assertEqual(self.calls(record).mapped("late_of_id.date_start"), [date(2026, 10, 1)])
        with freeze_time("2026-12-02"):
            move = self.bill(until=date(2026, 12, 1))
        self.assertEqual(
            self.lines(move),
            [
                ("Answering, Inbound calls, 11/01/2026 - 11/30/2026", 1.0, 0.9, 0.9),
                ("Answering, Inbound calls, late usage of 10/01/2026 - 10/31/2026", 1.0, 0.9, 0.9),
            ],
        )

    def test_several_periods_give_an_invoice_each(self):
        self.import_text(row(), row(start="2026-11-02 10:00:00"))
        with freeze_time("2026-12-05"):
            moves = self.bill(until=date(2026, 12, 5))
        self.assertEqual(len(moves), 2)
        self.assertEqual(set(moves.mapped("invoice_date")), {date(2026, 12, 5)})
        self.assertEqual(moves.mapped("amount_untaxed"), [0.9, 0.9])

    def test_a_second_run_does_nothing(self):
        self.import_text(row())
        self.assertTrue(self.bill())
        self.assertFalse(self.bill())

    def test_a_period_without_usage_or_fee_makes_no_invoice(self):
        self.assertFalse(self.bill())
        self.assertEqual(self.contract.call_statement_ids.state, "closed")
        self.assertEqual(self.line.recurring_next_date, date(2026, 12, 1))

    def test_deleting_the_draft_gives_the_charges_back(self):
        contract = self.make_contract(fee=49)
        self.make_endpoint("777", contract.contract_line_ids[:1])
        self.import_text(row(called="777"))
        first = self.bill(contract)
        before = self.lines(first)
        statement = first.call_statement_ids
        first.unlink()
        self.assertEqual((statement.state, bool(statement.charge_ids)), ("open", False))
        self.assertEqual(set(contract.contract_line_ids.mapped("last_date_invoiced")), {False})
        self.assertEqual(self.lines(self.bill(contract)), before)

    def test_a_draft_before_a_later_invoice_cannot_be_deleted(self):
        self.import_text(row(), row(start="2026-11-02 10:00:00"))
        with freeze_time("2026-12-05"):
            first, _second = self.bill(until=date(2026, 12, 5))
        with self.assertRaisesRegex(UserError, "delete the later draft"):
            first.unlink()

    def test_an_invoice_that_was_changed_cannot_be_posted(self):
        self.import_text(row())
        move = self.bill()
        move.invoice_line_ids.price_unit = 0.5
        with self.assertRaisesRegex(UserError, "no longer equals the sum of its calls"):
            move.action_post()
        move.invoice_line_ids.price_unit = 0.9
        move.action_post()
        self.assertEqual(move.state, "posted")

    def test_a_charge_line_cannot_be_left_out(self):
        self.import_text(row())
        move = self.bill()
        move.invoice_line_ids = [(5, 0, 0), (0, 0, {"name": "Other", "price_unit": 1, "quantity": 1, "tax_ids": False})]
        with self.assertRaises(UserError):
            move.action_post()

    def test_taxes_terms_position_currency_and_analytic_are_odoos(self):
        tax = self.company_data["default_tax_sale"]
        self.product.taxes_id = tax
        account = self.env["account.analytic.account"].create(
            {"name": "Berlin", "plan_id": self.env["account.analytic.plan"].create({"name": "Sites"}).id}
        )
        self.line.analytic_distribution = {str(account.id): 100}
        self.contract.payment_term_id = self.env.ref("account.account_payment_term_30days")
        self.import_text(row())
        move = self.bill()
        self.assertEqual((move.invoice_line_ids.tax_ids, move.invoice_payment_term_id), (tax, self.contract.payment_term_id))
        self.assertEqual(move.invoice_line_ids.analytic_distribution, {str(account.id): 100})
        self.assertEqual(move.amount_untaxed, 0.9)

    def test_a_fiscal_position_of_the_contract_replaces_taxes(self):
        home, position = self.company_data["default_tax_sale"], self.env["account.fiscal.position"].create({"name": "Abroad"})
        abroad = home.copy({"name": "Abroad", "amount": 0, "fiscal_position_ids": position.ids, "original_tax_ids": home.ids})
        self.product.taxes_id = home
        self.contract.fiscal_position_id = position
        self.import_text(row())
        self.assertEqual(self.bill().invoice_line_ids.tax_ids, abroad)

    def test_a_currency_other_than_the_companys(self):
        plan = self.make_plan(minute_price=0.9)
        plan.currency_id = self.other_currency
        contract = self.make_contract(plan, manual_currency_id=self.other_currency.id)
        self.make_endpoint("777", contract.contract_line_ids)
        self.import_text(row(called="777"))
        move = self.bill(contract)
        self.assertEqual((move.currency_id, move.amount_untaxed), (self.other_currency, 0.9))

    def test_prices_that_include_the_tax(self):
        tax = self.env["account.tax"].create({"name": "19 % included", "amount": 19, "price_include_override": "tax_included"})
        self.product.taxes_id = tax
        self.import_text(row(talk=61), row(talk=30))
        move = self.bill()
        self.assertEqual((move.amount_total, move.amount_tax, move.amount_untaxed), (2.7, 0.43, 2.27))
        move.action_post()
        self.assertEqual(move.state, "posted")

    def test_fees_in_advance_beside_usage_in_arrears(self):
        """On one invoice: the fee of the coming month, the calls of the last one."""
        contract = self.make_contract(fee=49)
        fee = contract.contract_line_ids.filtered("price_unit")
        fee.write({"recurring_invoicing_type": "pre-paid", "name": "Fee", "date_start": NOVEMBER})
        self.make_endpoint("777", contract.contract_line_ids - fee)
        self.import_text(row(called="777", talk=60))
        move = self.bill(contract)
        self.assertEqual(
            [
                (line.price_subtotal, line.call_period_start, line.call_period_end)
                for line in move.invoice_line_ids.sorted("price_subtotal")
            ],
            [(0.9, date(2026, 10, 1), date(2026, 10, 31)), (49, date(2026, 11, 1), date(2026, 11, 30))],
        )

    def test_a_month_that_begins_and_ends_within(self):
        """Product model 18: 24 to 28 of a 28-day month of 280.00 is 50.00; then the end on the 10th of a month of 31 days."""
        contract = self.make_contract(fee=280, date_start=date(2027, 2, 24))
        lines = contract.contract_line_ids
        lines.write({"recurring_next_date": date(2027, 3, 1), "date_end": date(2027, 3, 10)})
        moves = self.bill(contract, date(2027, 4, 1))
        self.assertEqual(moves.mapped("amount_untaxed"), [50, 90.32])
        self.assertEqual(moves[0].invoice_line_ids.name, "Fee 02/24/2027 (5 of 28 days)")
        lines = self.make_contract(fee=280, date_start=date(2027, 2, 24)).contract_line_ids
        lines.write({"recurring_next_date": date(2027, 3, 1), "is_prorated": False})
        self.assertEqual(self.bill(lines.contract_id, date(2027, 3, 1)).amount_untaxed, 280)

    def test_a_period_begins_on_the_agreed_day(self):
        """From the 15th to the 14th; a call of each side of the day of change is in its own period."""
        contract = self.make_contract(date_start=date(2026, 9, 15))
        self.make_endpoint("777", contract.contract_line_ids)
        self.import_text(*(row(called="777", talk=60, start=f"2026-10-{day} 10:00:00") for day in (14, 15)))
        moves = self.bill(contract, date(2026, 11, 15))
        self.assertEqual(moves.mapped("invoice_line_ids.call_period_end"), [date(2026, 10, 14), date(2026, 11, 14)])
        self.assertEqual(moves.mapped("amount_untaxed"), [0.9, 0.9])

    def test_a_price_that_changes_within_the_period(self):
        """Each call at the price of its own day, as two lines of one invoice."""
        self.plan.rule_ids.date_end = date(2026, 10, 14)
        self.plan.rule_ids = [(0, 0, {"name": "New price", "minute_price": 1.2, "date_start": date(2026, 10, 15)})]
        self.import_text(row(start="2026-10-14 23:59:59", talk=60), row(start="2026-10-15 00:00:00", talk=60))
        self.assertEqual(self.bill().invoice_line_ids.mapped("price_subtotal"), [0.9, 1.2])

    def test_the_button_refuses_a_period_that_is_not_over(self):
        with freeze_time("2026-10-20"), self.assertRaisesRegex(UserError, "can be invoiced from 2026-11-01"):
            self.contract.action_bill_usage()

    def test_a_contract_that_fails_keeps_its_reason_and_stops_no_other(self):
        bad = self.make_contract(fee=10, name="Bad")
        good = self.make_contract(fee=20, name="Good")
        original = ContractContract._prepare_recurring_invoices_values

        def fail(contracts, date_ref=False):
            if bad in contracts:
                raise UserError("No journal")  # pylint: disable=translation-required
            return original(contracts, date_ref)

        with patch.object(ContractContract, "_prepare_recurring_invoices_values", fail):
            moves = (bad | good)._bill_batch(NOVEMBER, NOVEMBER)
        self.assertEqual(moves.mapped("amount_untaxed"), [20])
        self.assertEqual((bad.invoice_generation_error, good.invoice_generation_error), ("No journal", False))
        self.assertEqual(bad._bill_batch(NOVEMBER, NOVEMBER).amount_untaxed, 10)
        self.assertFalse(bad.invoice_generation_error)

    def test_a_period_shortened_after_its_calls_came(self):
        """What is after the end of the service is not charged; it stays visible with its reason."""
        self.import_text(row(), row(start="2026-10-20 10:00:00"))
        self.line.date_end = date(2026, 10, 15)
        move = self.bill()
        self.assertEqual(move.amount_untaxed, 0.9)
        self.assertEqual(self.contract.call_statement_ids.usage_line_ids.mapped("not_billable_reason"), ["after_end", False])

    def test_accepted_equals_billed_included_and_not_billable(self):
        record = self.import_text(row(), row(disposition="BUSY", talk=0), row(called=PHONE + "9"))
        statement = self.bill().call_statement_ids
        self.assertEqual(record.accepted_count, statement.billable_count + statement.not_billable_count)
        self.assertEqual(sum(statement.charge_ids.mapped("call_count")), statement.billable_count)
        totals = statement.read(["usage_count", "total_seconds", "billed_seconds", "usage_amount"])
        statement._recount()
        self.assertEqual(statement.read(["usage_count", "total_seconds", "billed_seconds", "usage_amount"]), totals)

    @unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
    def test_a_real_asterisk_file_becomes_an_invoice_to_recompute_by_hand(self):
        """Five rows of 5 s, one with more talk than call: 1 answered call of 5 s is one minute; then 2 calls of 7 s in April."""
        contract = self.make_contract(date_start=date(2009, 1, 1))
        for number in ("100", "1"):
            self.make_endpoint(number, contract.contract_line_ids)
        folder = SAMPLES / "asterisk_csv"
        good = self.import_text(content=(folder / "testsuite_cdrlib_good.csv").read_bytes(), name="good.csv")
        self.assertTotals(good, read=5, accepted=4, suspended=1)
        april = self.import_text(content=(folder / "testsuite_Master.csv").read_bytes())
        self.assertTotals(april, read=2, accepted=2)
        again = self.import_text(content=(folder / "testsuite_Master2.csv").read_bytes(), name="Master2.csv")
        self.assertTotals(again, read=1, accepted=0, duplicate=1)
        moves = self.bill(contract, until=date(2010, 5, 1))
        self.assertEqual([(line.quantity, line.price_subtotal) for line in moves.invoice_line_ids], [(1, 0.9), (2, 1.8)])
