from datetime import datetime, timedelta
from fractions import Fraction

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .. import indicators
from .common import TODAY
from .payment_case import PaymentCommon
from .test_dispute import DisputeCase

MEASURES = ("unbilled", "billed", "disputed", "open_disputed", "credited")


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestBillingHealth(DisputeCase):
    """Calls of October at 0.90 a minute, and what becomes of their invoice."""

    def figures(self, *names, domain=()):
        self.env.flush_all()
        names = names or [f"{name}_amount:sum" for name in MEASURES]
        return [round(each, 2) for each in self.env["call.billing.health"]._read_group(list(domain), [], names)[0]]

    def assertAmounts(self, *amounts):
        self.assertEqual(self.figures(), list(amounts))

    def test_from_unbilled_to_credited(self):
        calls = self.invoice_calls(2, 3, 5)
        self.import_records(self.record("2026-11-02T10:00:00+01:00", talk=60))
        #                  unbilled billed disputed open credited
        self.assertAmounts(0.90, 9.00, 0, 0, 0)
        dispute = self.dispute(calls[0])
        self.assertAmounts(0.90, 9.00, 1.80, 1.80, 0)
        self.decide(dispute)
        self.assertAmounts(0.90, 9.00, 1.80, 0, 1.80)

    def test_what_is_given_back_counts_once(self):
        """Decided, on a draft, on a posted credit note: 1.80 of 9.00 all the time."""
        dispute = self.dispute(self.invoice_calls(2, 3, 5)[0])
        self.decide(dispute)
        self.assertEqual(self.figures("credited_amount:sum", "credit_ratio:avg"), [1.80, 20])
        dispute.adjustment_ids.action_create_move()
        self.assertEqual(self.figures("credited_amount:sum"), [1.80])
        dispute.adjustment_ids.move_id.action_post()
        self.assertEqual(self.figures("credited_amount:sum", "credit_ratio:avg"), [1.80, 20])

    def test_a_credit_note_that_somebody_made_by_hand_counts(self):
        self.invoice_calls(10)
        line = {"name": "Goodwill", "price_unit": 4.50, "tax_ids": False}
        values = {"move_type": "out_refund", "partner_id": self.client.id, "reversed_entry_id": self.invoice.id}
        self.env["account.move"].create({**values, "invoice_line_ids": [(0, 0, line)]}).action_post()
        self.assertEqual(self.figures("credited_amount:sum", "credit_ratio:avg"), [4.50, 50])

    def test_what_is_credited_and_billed_again_was_billed_twice(self):
        self.invoice_calls(10)
        reversal = self.env["account.move.reversal"].with_context(active_model="account.move", active_ids=self.invoice.ids)
        reversal.create({"journal_id": self.invoice.journal_id.id, "call_usage": "again"}).refund_moves()
        self.invoice.reversal_move_ids.action_post()
        self.assertAmounts(9, 9, 0, 0, 9)
        self.bill().action_post()
        self.assertAmounts(0, 18, 0, 0, 9)

    def test_rates_of_a_group_are_those_of_its_sums(self):
        """1.80 of 9.00 and nothing of 81.00: 2 %, and not 10 %."""
        other = self.make_contract(partner=self.env["res.partner"].create({"name": "Other"}))
        self.make_endpoint("555", other.contract_line_ids)
        self.import_records(self.record(called="555", talk=90 * 60))
        self.bill(other).action_post()
        self.dispute(self.invoice_calls(2, 3, 5)[0])
        (rate,) = self.figures("dispute_rate:avg")
        self.assertEqual(rate, 2)
        self.assertEqual(rate, indicators.percent(Fraction("1.8"), 90))

    def test_days_from_a_dispute_to_its_decision(self):
        calls = self.invoice_calls(2, 3)
        disputes = [self.dispute(call) for call in calls]
        for dispute, days in zip(disputes, (2, 5), strict=True):
            with freeze_time(datetime.fromisoformat(TODAY) + timedelta(days=days, hours=1)):
                self.decide(dispute)
        self.assertEqual(self.figures("days_to_settle:avg"), [3.5])
        self.assertEqual(indicators.days_to_settle(dispute.age for dispute in disputes), 3.5)

    def test_a_withdrawn_dispute_does_not_count(self):
        self.dispute(self.invoice_calls(2)).action_withdraw()
        self.assertEqual(self.figures("disputed_amount:sum", "dispute_count:sum"), [0, 0])

    def test_fixed_fees_are_billed_too(self):
        contract = self.make_contract(fee=49.99)
        self.make_endpoint("555", contract.contract_line_ids.filtered("rate_plan_id"))
        self.import_records(self.record(called="555"))
        invoice = self.bill(contract)
        self.assertEqual(self.figures("billed_amount:sum"), [0])
        invoice.action_post()
        self.assertEqual(self.figures("billed_amount:sum"), [invoice.amount_untaxed])

    def test_it_is_for_accountants_of_the_company(self):
        self.invoice_calls(2)
        roles = ("sales", "accountant")
        people = {role: new_test_user(self.env, f"h_{role}", groups=f"call_center_billing.group_{role}") for role in roles}
        Health = self.env["call.billing.health"]
        self.assertEqual(Health.with_user(people["accountant"]).search([]).action_open()["res_id"], self.statement.id)
        with self.assertRaises(AccessError):
            Health.with_user(people["sales"]).search([])
        other = self.env["res.company"].create({"name": "Other"})
        people["accountant"].company_ids |= other
        self.assertFalse(Health.with_user(people["accountant"]).with_context(allowed_company_ids=other.ids).search([]))

    def test_the_share_of_suspended_records_of_all_imports(self):
        """1 of 2, and nothing of 8: 10 %, and not 25 %."""
        imports = self.import_records(self.record(), self.record(called="000"))
        imports |= self.import_records(*(self.record() for _each in range(8)))
        ((share,),) = self.env["call.import"]._read_group([("id", "in", imports.ids)], [], ["suspense_share:avg"])
        self.assertEqual(share, indicators.percent(1, 10))


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestDaysSalesOutstanding(PaymentCommon):
    def days(self, **domain):
        self.env.flush_all()
        ((days,),) = self.env["call.client.account"]._read_group([], [], ["days_outstanding:avg"])
        return days

    def test_for_so_many_days_what_is_billed_is_owed(self):
        """900.00 in 90 days, 300.00 of it open: 30 days."""
        paid = self.invoice(600)
        self.invoice(300)
        self.match(self.bank_line(paid.name, 600))
        self.assertEqual(self.days(), indicators.days_sales_outstanding(Fraction(300), Fraction(900), 90))
        self.assertEqual(self.env["call.client.account"].search([("partner_id", "=", self.client.id)]).days_outstanding, 30)

    def test_older_sales_are_owed_and_not_counted(self):
        self.invoice(100, invoice_date="2026-05-01")
        self.assertIs(self.days(), False)
        self.invoice(900)
        self.assertEqual(self.days(), 100)

    def test_other_currencies_count_in_the_one_of_the_company(self):
        """100.00 paid, and 100.00 of a currency of which two make one: 50.00 of 150.00 is open."""
        self.env["res.currency.rate"].search([("currency_id", "=", self.other_currency.id)]).unlink()
        self.env["res.currency.rate"].create({"currency_id": self.other_currency.id, "name": "2026-01-01", "rate": 2})
        paid = self.invoice(100)
        self.invoice(100, currency_id=self.other_currency.id)
        self.match(self.bank_line(paid.name, 100))
        self.assertEqual(self.days(), 30)
