import ast

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import Form, new_test_user, tagged

from .asterisk import row
from .common import NOVEMBER, TODAY, CallBillingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestUnbilled(CallBillingCommon):
    """Work in progress: 1.80 of October, which is over, and 0.90 of November."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.import_text(row(talk=61), row(start="2026-11-02 10:00:00"))
        cls.action = cls.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_statement_unbilled_action")

    def unbilled(self, *domain):
        return self.env["call.statement"].search(
            [*ast.literal_eval(self.action["domain"]), ("company_id", "=", self.env.company.id), *domain]
        )

    def filter_domain(self, name):
        arch = self.env["call.statement"].get_view(False, "search")["arch"]
        return ast.literal_eval(
            arch.split(f'name="{name}"')[1].split('domain="')[1].split('"')[0].replace("&lt;", "<").replace("&gt;", ">")
        )

    def test_what_is_open_is_listed_until_it_is_invoiced(self):
        self.assertEqual(self.unbilled().mapped("usage_amount"), [0.9, 1.8])
        self.bill()
        self.assertEqual(self.unbilled().mapped("usage_amount"), [0.9])

    def test_a_period_that_was_closed_without_any_charge_is_not_unbilled(self):
        contract = self.make_contract()
        self.bill(contract)
        self.assertEqual(contract.call_statement_ids.state, "closed")
        self.assertNotIn(contract, self.unbilled().contract_id)

    def test_periods_that_are_over_and_those_that_run(self):
        self.assertEqual(self.unbilled(*self.filter_domain("over")).date_start, self.line.date_start)
        self.assertEqual(self.unbilled(*self.filter_domain("running")).date_start, NOVEMBER)

    def test_totals_per_client_month_and_currency(self):
        plan = self.make_plan(minute_price=2)
        plan.currency_id = self.other_currency
        contract = self.make_contract(plan, manual_currency_id=self.other_currency.id)
        self.make_endpoint("777", contract.contract_line_ids)
        self.import_text(row(called="777"))
        groups = self.env["call.statement"]._read_group(
            [("partner_id", "=", self.client.id), ("state", "=", "open")],
            ["currency_id", "date_start:month"],
            ["usage_amount:sum"],
        )
        self.assertEqual(
            [round(amount, 2) for *_by, amount in groups],
            [2.0, 1.8, 0.9] if groups[0][0] == self.other_currency else [1.8, 0.9, 2.0],
        )

    def test_the_client_has_the_amount_of_all_its_contracts_in_the_companys_currency(self):
        """Two units of the other currency are one of the company's from 2017 on."""
        plan = self.make_plan(minute_price=2)
        plan.currency_id = self.other_currency
        contract = self.make_contract(plan, manual_currency_id=self.other_currency.id)
        self.make_endpoint("777", contract.contract_line_ids)
        self.import_text(row(called="777"))
        contact = self.env["res.partner"].create({"name": "Reception", "parent_id": self.client.id})
        self.assertEqual((self.contract.unbilled_amount, self.client.unbilled_amount), (2.7, 3.7))
        self.assertEqual((contact.unbilled_amount, contact.open_statement_count), (3.7, 3))
        action = contact.action_view_unbilled()
        self.assertEqual(action["context"], {"search_default_partner_id": self.client.id})

    def test_sales_read_it_and_change_nothing(self):
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales,base.group_partner_manager")
        statements = self.unbilled().with_user(sales)
        self.assertEqual(sum(statements.mapped("usage_amount")), 2.7)
        self.assertEqual(Form(self.client.with_user(sales)).unbilled_amount, 2.7)
        with self.assertRaises(AccessError):
            statements.write({"usage_amount": 1})

    def test_people_without_a_role_here_see_nothing_of_it(self):
        other = new_test_user(self.env, "other_staff", groups="base.group_user")
        with self.assertRaises(AccessError):
            self.client.with_user(other).read(["unbilled_amount"])
        with self.assertRaises(AccessError):
            self.env["call.statement"].with_user(other).search([])
