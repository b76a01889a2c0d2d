import base64
import doctest
import io
import json
from datetime import date
from unittest.mock import patch

from freezegun import freeze_time
from openpyxl import load_workbook

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, new_test_user, tagged
from odoo.tools import SQL

from ..models import call_simulation, call_simulation_file
from .common import DECEMBER, TODAY
from .test_pricing_models import MINUTE, PricingCase

WRITTEN = (
    "call_usage_line", "call_usage_stretch", "call_price", "call_charge", "call_counter", "call_statement", "call_suspense",
    "call_import", "call_source", "call_source_hour", "call_rate_plan", "call_rate_rule", "contract_contract", "contract_line",
    "res_partner", "mail_message",
)  # fmt: skip


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestSimulation(HttpCase, PricingCase):
    """230 minutes of October, and the plans of product model 17: 125 and 250 minutes included."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan_125 = cls.package("Plan 125", 125, 350)
        cls.plan_250 = cls.package("Plan 250", 250, 600)
        cls.sales = new_test_user(cls.env, "seller", groups="call_center_billing.group_sales,base.group_partner_manager")

    @classmethod
    def package(cls, name, minutes, fee, **rule):
        plan = cls.make_plan(**{"minute_price": 2.5, **MINUTE, **rule})
        plan.name = name
        plan.allowance_ids = [Command.create({"name": "Included", "quantity": minutes})]
        plan.term_ids = [Command.create({"name": "Package", "kind": "fee", "amount": fee})]
        return plan

    def simulation(self, *plans, user=None, **values):
        env = self.env(user=user or self.sales)
        vals = {"contract_id": self.contract.id, "plan_ids": [Command.set([plan.id for plan in plans])]}
        if values.get("kind") == "file":
            vals |= {"contract_id": False, "source_id": self.source.id, "tz": "Europe/Berlin", "file_name": "acme.json"}
        simulation = env["call.simulation"].create(vals | values)
        simulation.action_simulate()
        return simulation

    def prospect(self, *records, **values):
        """Values of a simulation of records in a file under our own names."""
        source = self.env["call.source"].create(
            {"name": "Prospects", "tz": "UTC", "format": "normalised_json", "country_id": False, "hold_near_duplicates": False}
        )
        content = json.dumps(records).encode()
        return {"kind": "file", "source_id": source.id, "file": base64.b64encode(content), **values}

    def totals(self, simulation):
        """What people see: {plan: total}."""
        return dict(zip(simulation.result_ids.mapped("name"), simulation.result_ids.mapped("total"), strict=True))

    def snapshot(self):
        """Count and content of all that a simulation must not touch."""
        self.env.flush_all()
        query = "SELECT count(*), md5(string_agg(x::text, '' ORDER BY x::text)) FROM {} x"
        found = {}
        for table in WRITTEN:
            self.env.cr.execute(query.format(table))  # pylint: disable=sql-injection
            found[table] = self.env.cr.fetchone()
        return found

    def test_examples_in_docstrings_come_out(self):
        self.assertEqual(doctest.testmod(call_simulation).failed, 0)

    def test_the_best_of_several_plans(self):
        """Model 17: 230 min: plan 125 = 350 + 105 x 2.50 = 612.50; plan 250 = 600.00."""
        self.calls_of(*[3000] * 4, 1800)
        simulation = self.simulation(self.plan_125, self.plan_250)
        self.assertEqual(self.totals(simulation), {"Plan (today)": 207, "Plan 250": 600, "Plan 125": 612.5})

    def test_what_a_result_tells(self):
        self.calls_of(*[3000] * 4, 1800)
        simulation = self.simulation(self.plan_125, self.plan_250)
        result = simulation.result_ids.filtered(lambda r: r.plan_id == self.plan_125)
        self.assertEqual((result.call_count, result.minutes, result.fixed, result.difference), (5, 230, 350, 405.5))
        self.assertEqual((result.average_call, round(result.average_minute, 4)), (122.5, 2.663))
        self.assertEqual(result.break_even, "dearer at any volume")
        self.assertEqual(
            [(line.component, line.quantity, line.unit, line.unit_price, line.amount) for line in result.line_ids],
            [
                ("fee", 1, "unit", 350, 350),
                ("included", 125, "minute", 0, 0),
                ("duration", 105, "minute", 2.5, 262.5),
            ],
        )
        self.assertTrue(simulation.result_ids[0].is_current and simulation.result_ids[0].is_best)

    def test_where_two_plans_cost_the_same(self):
        """0.90 per minute against 135.00 a month and 0.60: 450 minutes."""
        plan = self.package("Flat", 0, 135, minute_price=0.6)
        self.calls_of(*[3000] * 18)
        simulation = self.simulation(plan)
        result = simulation.result_ids.filtered("plan_id")[-1]
        self.assertEqual(result.break_even, "about 450 minutes (50 % of these)")
        self.assertEqual(simulation.best_text, "Flat is the best: $\xa0675.00, $\xa0135.00 (16.7 %) less than today.")

    def test_nothing_is_written_but_the_result(self):
        self.plan_125.rule_ids.band_split = "split"
        self.plan_125.premium_ids = [
            Command.create(
                {"name": "Evening", "calendar_id": self.calendar([(range(5), 8, 18)]).id, "when": "outside", "value": 2}
            )
        ]
        self.plan_250.allowance_ids.rollover = True
        self.calls_of(*[1200] * 30)
        before = self.snapshot()
        self.simulation(self.plan_125, self.plan_250)
        self.simulation(self.plan_125, **self.prospect(self.record(), self.record(start="nonsense")))
        self.assertEqual({**self.snapshot(), "call_source": before["call_source"]}, before)

    def test_today_is_what_was_invoiced(self):
        """Late usage, and an allowance that was carried over, as in the invoices."""
        self.plan_of({"minute_price": 1, **MINUTE}, allowance_ids=[{"name": "Included", "quantity": 30, "rollover": True}])
        self.calls_of(600)
        october = self.bill().amount_untaxed
        self.calls_of(*[1200] * 3, start="2026-11-05T08:00:00+00:00")
        self.calls_of(1500, start="2026-10-06T08:00:00+00:00")
        november = self.bill(until=DECEMBER).amount_untaxed
        simulation = self.simulation(self.plan_250, date_from="2026-10-01", date_to="2026-11-30")
        self.assertEqual(simulation.result_ids[0].total, october + november)
        self.assertEqual(len(simulation.periods.splitlines()), 2)
        copy = self.plan.copy()
        again = self.simulation(copy, date_from="2026-10-01", date_to="2026-11-30")
        self.assertEqual(self.totals(again)["Plan (copy)"], again.result_ids[0].total)

    def test_the_same_plan_on_open_calls_costs_the_same(self):
        self.plan_of(
            {"minute_price": 1, **MINUTE, "call_price": 0.3}, term_ids=[{"name": "Least", "kind": "minimum", "amount": 9}]
        )
        self.calls_of(61, 130, 45)
        simulation = self.simulation(self.plan.copy())
        self.assertEqual(set(simulation.result_ids.mapped("total")), {self.total()})

    def test_calls_that_no_rule_fits_are_counted_and_such_a_plan_is_not_the_best(self):
        self.make_endpoint("acme", kind="account_code")
        self.calls_of(600, 600)
        self.calls_of(600, direction="outbound", account_code="acme", called="+442071234567")
        cheap = self.make_plan(minute_price=0.01, direction="inbound")
        cheap.name = "Inbound only"
        simulation = self.simulation(cheap, self.plan_250)
        result = simulation.result_ids.filtered(lambda r: r.plan_id == cheap)
        self.assertEqual((result.call_count, result.not_rated_count, result.not_rated), (2, 1, "1 Outbound"))
        self.assertEqual((result.total, result.standing, result.break_even), (0.2, "partial", False))
        self.assertEqual(simulation.best_name, "Plan (today)")

    def test_only_some_services_get_another_plan(self):
        other = self.line.copy({"contract_id": self.contract.id})
        self.make_endpoint("49305550200", other)
        self.calls_of(600)
        self.calls_of(600, called="49305550200", start="2026-10-06T08:00:00+00:00")
        flat = self.package("Flat", 0, 5, minute_price=0)
        self.assertEqual(self.totals(self.simulation(flat)), {"Flat": 10, "Plan (today)": 18})
        self.assertEqual(self.totals(self.simulation(flat, contract_line_ids=other.ids)), {"Flat": 14, "Plan (today)": 18})

    def test_split_calls_of_other_services_keep_their_stretches(self):
        rule = self.plan_of({"minute_price": 1, **MINUTE, "band_split": "split"})
        evening = {"name": "Evening", "calendar_id": self.calendar([(range(5), 8, 18)]).id, "when": "outside", "value": 1.5}
        self.plan.premium_ids = [Command.create({**evening, "effect": "replace"})]
        other = self.line.copy({"contract_id": self.contract.id})
        self.make_endpoint("49305550200", other)
        self.assertEqual(self.calls(self.calls_of(1200, start="2026-10-05T17:50:00+02:00")).price_id.rule_id, rule)
        self.calls_of(600, called="49305550200", start="2026-10-06T08:00:00+00:00")
        free = self.make_plan(minute_price=0)
        free.name = "Free"
        simulation = self.simulation(free, contract_line_ids=other.ids)
        self.assertEqual(self.totals(simulation), {"Plan (today)": 35, "Free": 25})

    def test_a_contract_that_agrees_on_the_best_of_several_plans(self):
        """Today is the cheaper one, as the period will be charged."""
        self.calls_of(*[3000] * 4, 1800)
        self.plan.rule_ids.minute_price = 3
        self.env["call.rerating"]._rerate(SQL("true"))
        self.line.alternative_plan_ids = self.plan_125
        simulation = self.simulation(self.plan_125, self.plan_250)
        self.assertEqual(self.totals(simulation), {"Plan / Plan 125 (today)": 612.5, "Plan 250": 600, "Plan 125": 612.5})
        self.assertEqual(self.total(), 612.5)

    def test_a_prospect_s_file(self):
        """Plan 250 is the best of model 17; what cannot be used is told with its reason."""
        records = [self.record(start=f"2026-08-{day:02}T10:00:00+02:00", talk=2760, called="999") for day in range(1, 6)]
        simulation = self.simulation(self.plan_125, self.plan_250, **self.prospect(*records, self.record(start="nonsense")))
        self.assertEqual(self.totals(simulation), {"Plan 250": 600, "Plan 125": 612.5})
        self.assertEqual((simulation.best_name, simulation.read_count, simulation.unusable_count), ("Plan 250", 6, 1))
        self.assertEqual(simulation.unusable, "1 x Not a date and time (line 6)")
        self.assertIn("about 219 minutes", simulation.result_ids[1].break_even)
        self.assertEqual(simulation.periods, "08/01/2026 - 08/31/2026: 5 calls")

    def test_a_few_calls_of_another_month_are_pointed_out(self):
        records = [self.record(start=f"2026-08-{1 + i:02}T10:00:00+02:00") for i in range(21)]
        simulation = self.simulation(self.plan_250, **self.prospect(*records, self.record(start="2026-09-01T10:00:00+02:00")))
        self.assertEqual(simulation.result_ids.total, 1200)
        self.assertIn("Only 1 calls fall into 09/01/2026 - 09/30/2026", simulation.warning)

    def test_calls_that_are_here_already_are_no_duplicates_in_a_simulation(self):
        records = [self.record() for _each in range(3)]
        self.import_records(*records)
        simulation = self.simulation(self.plan_250, **self.prospect(*records))
        self.assertEqual(simulation.result_ids.call_count, 3)

    def test_a_file_of_nothing_usable_says_why(self):
        values = self.prospect(self.record(start="1999-10-05T10:00:00+02:00"))
        with self.assertRaisesRegex(UserError, "No record of this file could be used.\n1 x Contract not in force"):
            self.simulation(self.plan_250, **values)

    def test_a_file_that_is_too_large_is_refused(self):
        values = self.prospect(*(self.record() for _each in range(3)))
        with (
            patch.object(call_simulation_file, "MAX_RECORDS", 2),
            self.assertRaisesRegex(UserError, "more than 2 records"),
        ):
            self.simulation(self.plan_250, **values)

    def test_a_new_setup_takes_the_results_away(self):
        self.calls_of(600)
        simulation = self.simulation(self.plan_250)
        simulation.plan_ids = self.plan_125
        self.assertEqual((simulation.state, len(simulation.result_ids)), ("draft", 0))
        simulation.action_simulate()
        self.assertEqual(simulation.state, "done")

    def test_a_setup_that_cannot_be_simulated_is_refused(self):
        for message, values in (
            ("no calls", {"date_from": "2020-01-01", "date_to": "2020-01-31"}),
            ("at least one plan", {"plan_ids": False}),
            ("Upload the file", {"kind": "file", "file": False}),
        ):
            with self.subTest(message), self.assertRaisesRegex(UserError, message):
                self.simulation(self.plan_250, **values)
        euro = self.plan_250.copy({"currency_id": self.other_currency.id})
        with self.assertRaisesRegex(ValidationError, "in one currency"):
            self.simulation(euro)

    def test_from_the_contract_and_from_a_plan(self):
        """The form as the buttons open it, with last month."""
        self.calls_of(600)
        context = {"default_kind": "client", "default_contract_id": self.contract.id, "default_plan_ids": self.plan_250.ids}
        simulation = Form(self.env["call.simulation"].with_user(self.sales).with_context(**context)).save()
        self.assertEqual((simulation.date_from, simulation.date_to), (date(2026, 10, 1), date(2026, 10, 31)))
        simulation.action_simulate()
        self.assertEqual(self.totals(simulation)["Plan 250"], 600)

    def test_the_workbook_opens_and_holds_no_formula(self):
        self.calls_of(600)
        self.plan_250.name = "=cmd|' /C calc'!A0"
        simulation = self.simulation(self.plan_125, self.plan_250)
        book = load_workbook(io.BytesIO(base64.b64decode(simulation.xlsx)))
        self.assertEqual(book.sheetnames, ["Comparison", "Plan (today)", "Plan 125", "=cmd|   C calc !A0"])
        cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
        self.assertNotIn("f", {cell.data_type for cell in cells})
        self.assertIn("'=cmd|' /C calc'!A0", [cell.value for cell in cells])
        self.assertIn(600, [cell.value for cell in book["Comparison"]["F"]])

    def test_sales_download_the_workbook_and_others_do_not(self):
        self.calls_of(600)
        simulation = self.simulation(self.plan_250)
        url = simulation.action_download_xlsx()["url"]
        self.authenticate("seller", "seller")
        response = self.url_open(url)
        self.assertEqual(response.status_code, 200)
        self.assertIn(".xlsx", response.headers["Content-Disposition"])
        self.assertEqual(response.content[:2], b"PK")
        self.make_portal_user(self.client, "dentist")
        self.authenticate("dentist", "dentist")
        self.assertEqual(self.url_open(url).status_code, 404)

    def test_portal_users_and_other_companies_see_nothing(self):
        self.calls_of(600)
        simulation = self.simulation(self.plan_250)
        company = self.env["res.company"].create({"name": "Other"})
        stranger = new_test_user(
            self.env,
            "stranger",
            groups="call_center_billing.group_manager",
            company_id=company.id,
            company_ids=[(6, 0, company.ids)],
        )
        for model in ("call.simulation", "call.simulation.result", "call.simulation.line"):
            with self.subTest(model):
                self.assertTrue(self.env[model].with_user(self.sales).search([]))
                self.assertFalse(self.env[model].with_user(stranger).search([]))
                with self.assertRaises(AccessError):
                    self.env[model].with_user(self.make_portal_user(self.client, f"portal {model}")).search([])
        with self.assertRaises(AccessError):
            simulation.with_user(stranger).action_simulate()
        with self.assertRaises(AccessError):
            simulation.result_ids.with_user(self.sales).write({"total": 1})

    def test_nobody_simulates_what_another_company_owns(self):
        """Ids of a contract, plan or source of another company are no way to its calls."""
        self.calls_of(600)
        company = self.env["res.company"].create({"name": "Other"})
        stranger = new_test_user(
            self.env,
            "stranger",
            groups="call_center_billing.group_manager",
            company_id=company.id,
            company_ids=[(6, 0, company.ids)],
        )
        with self.assertRaises(UserError):
            self.simulation(self.plan_250, user=stranger)
        with self.assertRaises(UserError):
            self.simulation(self.plan_250, user=stranger, company_id=company.id)
