from datetime import date

from freezegun import freeze_time

from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, new_test_user

from .common import DECEMBER, NOVEMBER, TODAY
from .test_pricing_models import PricingCase


@freeze_time(TODAY)
class TestRateTemplate(PricingCase):
    """Usual agreements in a few numbers, made by somebody of sales."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sales = new_test_user(cls.env, "seller", groups="call_center_billing.group_sales")

    def make(self, agreement, **values):
        """What the wizard makes and opens."""
        wizard = self.env["call.rate.template"].with_user(self.sales).create({"agreement": agreement, **values})
        action = wizard.action_create_plan()
        return self.env[action["res_model"]].browse(action["res_id"])

    def use(self, plan):
        """Let the usual contract have the plan."""
        self.line.rate_plan_id = plan
        return plan

    def test_a_fee_with_included_minutes(self):
        """Model 5: 250 min in 600.00, 312 used, 2.25 over -> 739.50."""
        self.use(self.make("allowance"))
        self.calls_of(*[3600] * 5, 720)
        self.assertEqual(self.total(), 739.5)

    def test_agents_by_the_hour(self):
        plan = self.use(self.make("hour"))
        self.assertEqual((plan.rule_ids.kind, plan.rule_ids.invoice_unit), ("agent_time", "hour"))
        self.calls_of(5 * 3600 + 1, kind="agent_time")
        self.assertEqual(self.total(), 28.0 * 5.25)

    def test_full_time_agents(self):
        """Model 12: 455 of 480 h, 3 FTE x 2,600.00 -> 7,393.75."""
        self.use(self.make("hour", full_time=True))
        self.calls_of(*[5 * 3600] * 91, kind="agent_time")
        self.assertEqual(self.total(), 7393.75)

    def test_calls_in_three_tiers(self):
        """Model 8 in small: 2 at 1.20, 2 at 1.00, 1 at 0.80."""
        self.use(self.make("tier", first_until=2, second_until=4))
        self.calls_of(60, 60, 60, 60, 60)
        self.assertEqual(self.total(), 5.2)

    def test_bands_by_day_evening_and_holiday(self):
        plan = self.use(self.make("band", usage_tz="Europe/Berlin"))
        self.assertEqual(plan.rule_ids.band_split, "split")
        calendar = plan.premium_ids.calendar_id
        calendar.global_leave_ids = [
            (0, 0, {"name": "Holiday", "date_from": "2026-10-06 00:00:00", "date_to": "2026-10-06 21:00:00"})
        ]
        record = [
            self.calls(self.calls_of(60, start=f"2026-10-{day}T{hour}:00:00+02:00")).amount
            for day, hour in (("05", "08"), ("05", "18"), ("04", "12"), ("06", "12"))
        ]
        self.assertEqual(record, [0.9, 1.2, 1.2, 1.5])

    def test_a_service_level_with_money_at_risk(self):
        """10 calls at 1.00, none answered in time where 80 % should be: 12 % of 10.00 are given back."""
        term = self.use(self.make("band", day_price=1, evening_price=1, with_level=True, level_at_risk=12)).term_ids
        self.assertEqual(
            (term.name, term.kind, term.target, term.at_risk), ("80 % answered within 20 s", "service_level", 80, 12)
        )
        self.calls_of(*[60] * 10, queue_seconds=30)
        self.assertEqual(self.bill().amount_untaxed, 8.8)

    def test_a_contract_in_one_go(self):
        contract = self.make(
            "allowance",
            with_contract=True,
            partner_id=self.client.id,
            product_id=self.product.id,
            date_start=NOVEMBER,
            monthly_fee=50,
            endpoints="+49 30 5559900\n\n +49 30 5559901 \n+49 30 5559900\n",
        )
        self.assertEqual((contract.generation_type, contract.usage_tz), ("call_billing", "Europe/Berlin"))
        self.assertEqual(contract.endpoint_ids.mapped("value"), ["+49 30 5559900", "+49 30 5559901"])
        fee, usage = contract.contract_line_ids
        self.assertEqual((fee.price_unit, usage.rate_plan_id.name), (50, "Answering with included minutes - Dental Practice"))
        self.assertEqual((usage.recurring_next_date, usage.recurring_invoicing_type), (DECEMBER, "post-paid"))
        record = self.import_records(self.record(start="2026-11-03T10:00:00+01:00", called="+49305559901"))
        self.assertFalse(record.suspense_ids)
        self.assertEqual(contract._bill_periods(DECEMBER).amount_untaxed, 650)

    def test_a_contract_in_another_currency(self):
        contract = self.make(
            "tier",
            with_contract=True,
            partner_id=self.client.id,
            product_id=self.product.id,
            currency_id=self.other_currency.id,
        )
        self.assertEqual(contract.currency_id, self.other_currency)
        self.assertEqual(contract.contract_line_ids.date_start, DECEMBER)

    def test_a_contract_needs_client_and_service(self):
        with self.assertRaisesRegex(UserError, "needs the client"):
            self.make("tier", with_contract=True)

    def test_numbers_that_mean_nothing_are_refused(self):
        for agreement, values in (
            ("tier", {"first_until": 10, "second_until": 10}),
            ("band", {"hour_from": 18, "hour_to": 8}),
            ("hour", {"step_minutes": 0}),
        ):
            with self.subTest(agreement), self.assertRaises(ValidationError):
                self.make(agreement, **values)

    def test_the_form_names_the_plan_after_agreement_and_client(self):
        with Form(self.env["call.rate.template"].with_user(self.sales)) as form:
            self.assertEqual((form.name, form.date_start), ("Answering with included minutes", date(2026, 12, 1)))
            form.agreement = "tier"
            form.with_contract = True
            form.partner_id = self.client
            form.product_id = self.product
            self.assertEqual(form.name, "By the call with tiers - Dental Practice")
