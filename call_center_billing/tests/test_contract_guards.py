"""Faults of OCA's contract 19.0 that would bill wrongly, and the guards against them."""

from datetime import date

from freezegun import freeze_time

from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .common import NOVEMBER, OCTOBER, TODAY, CallBillingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestContractGuards(CallBillingCommon):
    def many(self, count, lines=2, **values):
        header = {"recurring_rule_type": "monthly", "recurring_invoicing_type": "post-paid", "date_start": OCTOBER}
        return self.env["contract.contract"].create(
            [
                {
                    "name": f"Contract {i}",
                    "partner_id": self.client.id,
                    "contract_line_ids": [Command.create({"name": "Fee", "price_unit": 1}) for _line in range(lines)],
                    **header,
                    **values,
                }
                for i in range(count)
            ]
        )

    def test_no_contract_is_invoiced_twice_past_a_thousand_lines(self):
        contracts = self.many(110, lines=10)
        contracts = contracts.with_context(tracking_disable=True)
        first = contracts._recurring_create_invoice(NOVEMBER)
        self.assertEqual(len(first), 110)
        self.assertEqual(set(contracts.mapped("recurring_next_date")), {date(2026, 12, 1)})
        again = self.env["contract.contract"].search(
            [("id", "in", contracts.ids), *self.env["contract.contract"]._get_contracts_to_invoice_domain(NOVEMBER)]
        )
        self.assertFalse(again)

    def test_the_recurrence_of_the_header_holds_for_lines_created_with_it(self):
        line = self.many(1, lines=1).contract_line_ids
        self.assertEqual(
            (line.recurring_invoicing_type, line.date_start, line.recurring_next_date), ("post-paid", OCTOBER, NOVEMBER)
        )

    def test_the_last_post_paid_period_is_billed(self):
        contract = self.make_contract(fee=30)
        contract.contract_line_ids.date_end = date(2026, 10, 31)
        self.assertIn(contract, contract.search(contract._due_domain(NOVEMBER)))
        self.assertEqual(self.bill(contract).amount_untaxed, 30)
        self.assertFalse(self.bill(contract))

    def test_the_stock_job_and_wizard_leave_usage_contracts_alone(self):
        contract = self.make_contract(fee=30)
        self.env["contract.contract"].cron_recurring_create_invoice(date(2026, 12, 24))
        self.assertFalse(contract._get_related_invoices())
        wizard = self.env["contract.manually.create.invoice"].create({"invoice_date": date(2026, 12, 24)})
        self.assertNotIn(contract, wizard.contract_to_invoice_ids)

    def test_a_usage_line_makes_its_contract_a_usage_contract(self):
        self.assertEqual((self.contract.generation_type, self.contract.line_recurrence), ("call_billing", True))

    def test_a_usage_line_must_be_post_paid(self):
        with self.assertRaisesRegex(ValidationError, "post-paid"):
            self.line.recurring_invoicing_type = "pre-paid"

    def test_a_usage_line_must_be_in_the_plans_currency(self):
        plan = self.make_plan(minute_price=1)
        plan.currency_id = self.other_currency
        with self.assertRaisesRegex(ValidationError, "is in EUR but the contract is invoiced in USD"):
            self.line.rate_plan_id = plan
