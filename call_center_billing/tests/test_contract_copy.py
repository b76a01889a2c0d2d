from datetime import date

from freezegun import freeze_time

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, new_test_user

from .asterisk import PHONE
from .common import DECEMBER, NOVEMBER, OCTOBER, TODAY
from .test_pricing_models import PricingCase

JANUARY = date(2027, 1, 1)


@freeze_time(TODAY)
class TestContractCopy(PricingCase):
    """The agreement of the usual contract for the next client, made by somebody of sales; and OCA's own copy."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sales = new_test_user(cls.env, "seller", groups="call_center_billing.group_sales")
        cls.law = cls.env["res.partner"].create({"name": "Law Office", "tz": "Europe/Lisbon"})
        recurrence = {"recurring_rule_type": "quarterly", "recurring_invoicing_type": "pre-paid", "date_start": OCTOBER}
        cls.fee = cls.env["contract.line"].create(
            {"contract_id": cls.contract.id, "name": "Seats", "price_unit": 50, "product_id": cls.product.id, **recurrence}
        )

    def duplicate(self, contract=None, **values):
        """The contract that the dialog makes and opens."""
        context = {"default_contract_id": (contract or self.contract).id}
        values = {"partner_id": self.law.id, "date_start": DECEMBER, **values}
        wizard = self.env["call.contract.copy"].with_user(self.sales).with_context(**context).create(values)
        action = wizard.action_copy()
        return self.env[action["res_model"]].browse(action["res_id"])

    def usage(self, contract):
        return contract.contract_line_ids.filtered("rate_plan_id")

    # --- The dialog -------------------------------------------------------------------------------------

    def test_lines_have_their_own_recurrence_from_the_first_day_on(self):
        lines = self.duplicate().contract_line_ids.sorted("id")
        self.assertEqual(lines.mapped("name"), ["Usage", "Seats"])
        self.assertEqual(lines.mapped("recurring_rule_type"), ["monthly", "quarterly"])
        self.assertEqual(lines.mapped("recurring_invoicing_type"), ["post-paid", "pre-paid"])
        self.assertEqual(lines.mapped("date_start"), [DECEMBER, DECEMBER])
        self.assertEqual(lines.mapped("recurring_next_date"), [JANUARY, DECEMBER])
        self.assertEqual(lines[1].price_unit, 50)

    def test_what_was_invoiced_is_not_copied(self):
        self.contract._bill_periods(DECEMBER)
        lines = self.duplicate(date_start=JANUARY).contract_line_ids.sorted("id")
        self.assertEqual(lines.mapped("last_date_invoiced"), [False, False])
        self.assertEqual(lines.mapped("recurring_next_date"), [date(2027, 2, 1), JANUARY])

    def test_settings_go_with_it(self):
        settings = {"invoice_together": True, "masked_digits": 3, "back_billing_days": 17, "invoice_sections": True}
        self.contract.write({**settings, "service_seconds": 15})
        contract = self.duplicate()
        self.assertEqual({name: contract[name] for name in settings}, settings)
        self.assertEqual((contract.service_seconds, contract.generation_type), (15, "call_billing"))
        self.assertEqual(contract.journal_id, self.contract.journal_id)

    def test_what_is_the_clients_does_not(self):
        terms = self.env.ref("account.account_payment_term_30days")
        self.contract.write({"code": "DENTAL-1", "payment_term_id": terms.id})
        contract = self.duplicate()
        self.assertEqual((contract.partner_id, contract.invoice_partner_id), (self.law, self.law))
        self.assertEqual((contract.code, contract.usage_tz), (False, "Europe/Lisbon"))
        self.assertEqual(contract.payment_term_id, terms)
        self.assertNotIn(self.client, contract.message_partner_ids)
        self.law.property_payment_term_id = self.env.ref("account.account_payment_term_15days")
        self.assertEqual(self.duplicate().payment_term_id, self.law.property_payment_term_id)

    def test_a_line_with_an_end_lasts_as_long(self):
        self.line.date_end = date(2027, 9, 30)
        self.assertEqual(self.usage(self.duplicate()).date_end, date(2027, 11, 30))

    def test_lines_that_are_over_are_not_copied(self):
        self.fee.date_end = date(2026, 10, 31)
        self.assertEqual(self.duplicate().contract_line_ids.mapped("name"), ["Usage"])

    def test_a_plan_of_this_contract_only_becomes_a_plan_of_the_new_client(self):
        self.plan.name = "Prices of Dental Practice"
        plan = self.usage(self.duplicate()).rate_plan_id
        self.assertEqual((plan.name, plan.rule_ids.minute_price), ("Prices of Law Office", 0.9))
        self.assertNotEqual(plan, self.plan)

    def test_a_plan_that_others_use_stays_shared(self):
        self.make_contract()
        self.assertEqual(self.usage(self.duplicate()).rate_plan_id, self.plan)

    def test_a_list_plan_stays_shared(self):
        own = self.env["call.rate.plan"].create({"name": "Own", "parent_id": self.plan.id})
        self.make_contract()
        self.line.rate_plan_id = own
        plan = self.usage(self.duplicate()).rate_plan_id
        self.assertEqual((plan.name, plan.parent_id), ("Own - Law Office", self.plan))

    def test_the_user_decides_which_plans_are_copied(self):
        self.assertEqual(self.usage(self.duplicate(plan_ids=[])).rate_plan_id, self.plan)
        alternative = self.make_plan(minute_price=2)
        alternative.name = "Flat"
        self.line.alternative_plan_ids = alternative
        usage = self.usage(self.duplicate(plan_ids=[Command.set(alternative.ids)]))
        self.assertEqual((usage.rate_plan_id, usage.alternative_plan_ids.name), (self.plan, "Flat - Law Office"))

    def test_endpoints_stay_with_their_client_and_new_ones_are_entered(self):
        self.assertFalse(self.duplicate().endpoint_ids)
        contract = self.duplicate(endpoint_kind="queue", endpoints="law\n\nlaw\n notary ")
        self.assertEqual(contract.endpoint_ids.mapped("value"), ["law", "notary"])
        self.assertEqual(contract.endpoint_ids.contract_line_id, self.usage(contract))

    def test_endpoints_that_others_have_are_refused(self):
        with self.assertRaisesRegex(ValidationError, "already belongs to Dental Practice"):
            self.duplicate(endpoints=PHONE + "0100")

    def test_endpoints_need_a_line(self):
        with self.assertRaisesRegex(UserError, "Choose the line"):
            self.duplicate(endpoints="030111", line_ids=[Command.set(self.fee.ids)])

    def test_calls_of_the_new_client_are_billed(self):
        contract = self.duplicate(endpoints="+49 30 7770001", date_start=NOVEMBER)
        self.calls_of(60, start="2026-11-03T10:00:00+00:00", called="+49307770001")
        self.assertEqual(contract._bill_periods(DECEMBER)[-1:].amount_untaxed, 0.9)

    def test_a_contract_in_another_currency_keeps_it(self):
        plan = self.make_plan(minute_price=1)
        contract = self.make_contract(self.env["call.rate.plan"].create({"name": "E", "currency_id": self.other_currency.id}),
                                      manual_currency_id=self.other_currency.id)  # fmt: skip
        self.assertEqual(self.duplicate(contract).currency_id, self.other_currency)
        self.assertNotEqual(plan.currency_id, self.other_currency)

    def test_a_contract_without_usage_can_be_copied(self):
        contract = self.env["contract.contract"].create(
            {
                "name": "Seats only",
                "partner_id": self.client.id,
                "date_start": OCTOBER,
                "recurring_rule_type": "yearly",
                "contract_line_ids": [Command.create({"name": "Seats", "price_unit": 5, "product_id": self.product.id})],
            }
        )
        line = self.duplicate(contract).contract_line_ids
        self.assertEqual((line.date_start, line.recurring_next_date, line.recurring_rule_type), (DECEMBER, DECEMBER, "yearly"))

    def test_the_form_suggests_names_lines_and_plans(self):
        self.contract.name = "Answering for Dental Practice"
        wizard = self.env["call.contract.copy"].with_user(self.sales).with_context(default_contract_id=self.contract.id)
        with Form(wizard) as form:
            form.partner_id = self.law
            self.assertEqual((form.name, form.date_start), ("Answering for Law Office", DECEMBER))
            self.assertEqual(form.line_ids[:].ids, (self.line | self.fee).ids)
            self.assertEqual(form.plan_ids[:].ids, self.plan.ids)
            self.assertEqual(form.endpoint_line_id, self.line)

    # --- Copies without the dialog ----------------------------------------------------------------------

    def test_a_plain_copy_has_no_endpoints_and_no_invoices(self):
        self.contract._bill_periods(NOVEMBER)
        self.contract.invoice_generation_error = "Broken"
        copied = self.contract.copy()
        self.assertFalse(copied.endpoint_ids or copied.call_statement_ids or copied.invoice_generation_error)
        self.assertEqual((copied.invoice_count, copied.generation_type, copied.line_recurrence), (0, "call_billing", True))
        self.assertEqual(copied.contract_line_ids.mapped("last_date_invoiced"), [False, False])

    def test_a_plain_copy_goes_on_where_the_invoices_end(self):
        self.contract._bill_periods(DECEMBER)
        copied = self.contract.copy().contract_line_ids.sorted("id")
        self.assertEqual(copied.mapped("date_start"), [DECEMBER, JANUARY])
        self.assertEqual(copied.mapped("recurring_next_date"), [JANUARY, JANUARY])
        self.assertEqual(copied.mapped("recurring_rule_type"), ["monthly", "quarterly"])

    def test_a_plain_copy_leaves_out_what_is_over(self):
        self.fee.date_end = date(2026, 12, 31)
        self.contract._bill_periods(DECEMBER)
        self.assertEqual(self.contract.copy().contract_line_ids.mapped("name"), ["Usage"])

    def test_a_contract_that_was_never_invoiced_is_copied_as_it_is(self):
        copied = self.contract.copy()
        self.assertEqual(copied.contract_line_ids.mapped("date_start"), [OCTOBER, OCTOBER])

    def test_a_copy_of_a_plan_names_its_own_rules(self):
        rule = self.plan.rule_ids
        self.plan.premium_ids = [Command.create({"name": "Spanish", "skill": "es", "value": 2, "rule_ids": rule.ids})]
        self.plan.allowance_ids = [Command.create({"name": "Minutes", "quantity": 10, "rule_ids": rule.ids})]
        self.plan.term_ids = [Command.create({"name": "Fee", "amount": 10, "rule_ids": rule.ids})]
        copied = self.plan.copy()
        self.assertEqual(copied.name, "Plan (copy)")
        for records in (copied.premium_ids, copied.allowance_ids, copied.term_ids):
            self.assertEqual(records.rule_ids, copied.rule_ids)

    def test_a_copy_of_a_plan_still_names_rules_of_its_list_plan(self):
        own = self.env["call.rate.plan"].create({"name": "Own", "parent_id": self.plan.id})
        own.allowance_ids = [Command.create({"name": "Minutes", "quantity": 10, "rule_ids": self.plan.rule_ids.ids})]
        self.assertEqual(own.copy().allowance_ids.rule_ids, self.plan.rule_ids)
