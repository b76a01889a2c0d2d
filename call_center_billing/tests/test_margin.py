from freezegun import freeze_time
from lxml import etree

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, new_test_user
from odoo.tools import SQL
from odoo.tools.safe_eval import safe_eval

from .common import NOVEMBER, TODAY
from .test_pricing_models import MINUTE, PricingCase


@freeze_time(TODAY)
class TestMargin(PricingCase):
    """What October brought in and cost: two calls of 30 minutes in all, half an hour of handling."""

    def rows(self, *names, **where):
        self.env["call.count"]._count_due()
        self.env["call.margin"].invalidate_model()
        rows = self.env["call.margin"].search([(name, "=", value) for name, value in where.items()])
        return [tuple(row[name] for name in names) for row in rows]

    def group(self, *measures, by=()):
        """Measures of all rows together, as pivots read them."""
        self.env["call.count"]._count_due()
        rows = self.env["call.margin"]._read_group([], by, measures)
        return rows if by else rows[0]

    def half_an_hour(self, **values):
        self.plan_of({"minute_price": 0.90, **MINUTE}, **values)
        self.calls_of(600, 1200)

    def test_revenue_per_call_minute_and_hour_against_cost(self):
        self.env.company.call_agent_hour_cost = 30
        self.half_an_hour()
        self.bill()
        names = ("call_count", "charged_minutes", "agent_hours", "revenue", "cost", "margin")
        self.assertEqual(self.rows(*names), [(2, 30, 0.5, 27, 15, 12)])
        names = ("revenue_per_call", "revenue_per_minute", "revenue_per_hour", "cost_per_hour", "margin_percent")
        self.assertEqual([round(each, 1) for each in self.rows(*names)[0]], [13.5, 0.9, 54, 30, 44.4])

    def test_open_periods_are_left_out(self):
        self.half_an_hour()
        self.assertFalse(self.rows("revenue"))

    def test_a_contract_has_its_own_cost_of_an_hour(self):
        self.env.company.call_agent_hour_cost = 30
        self.contract.agent_hour_cost = 20.50
        self.half_an_hour()
        self.bill()
        self.assertEqual(self.rows("cost", "margin"), [(10.25, 16.75)])

    def test_without_a_cost_of_an_hour_there_is_no_margin(self):
        self.half_an_hour()
        self.bill()
        self.assertEqual(self.rows("has_cost", "revenue"), [(False, 27)])
        measures = ("revenue:sum", "cost:sum", "margin:sum", "margin_percent:avg", "cost_per_hour:avg")
        self.assertEqual([each or None for each in self.group(*measures)], [27, None, None, None, None])

    def test_ratios_of_a_group_are_those_of_its_sums(self):
        """60 and 30 minutes at 0.90 and 3.00: 144 in all, 1.60 per minute and not 1.95."""
        self.env.company.call_agent_hour_cost = 48
        self.plan_of({"minute_price": 0.90, **MINUTE})
        dear = self.make_contract(self.make_plan(minute_price=3, **MINUTE))
        self.make_endpoint("200", dear.contract_line_ids)
        self.calls_of(3600)
        self.calls_of(1800, called="200")
        self.bill(self.contract | dear)
        measures = ("revenue:sum", "revenue_per_minute:avg", "revenue_per_hour:avg", "cost_per_hour:avg", "margin_percent:avg")
        self.assertEqual([round(each, 6) for each in self.group(*measures)], [144, 1.6, 96, 48, 50])

    def test_a_service_goes_by_its_name_without_markers_of_dates(self):
        self.line.name = "Answering, monthly fee, #START# - #END#"
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_margin_action")
        line = self.line.with_context(**safe_eval(action["context"]))
        self.assertEqual(line.display_name, "Answering, monthly fee")

    def test_fixed_fees_of_the_contract_are_revenue(self):
        contract = self.make_contract(fee=49.99)
        self.make_endpoint("200", contract.contract_line_ids.filtered("rate_plan_id"))
        self.plan_of({"minute_price": 0.90, **MINUTE})
        self.calls_of(600, called="200")
        self.bill(contract)
        self.assertEqual(sorted(self.rows("revenue", "call_count", contract_id=contract.id)), [(9, 1), (49.99, 0)])
        self.assertEqual(self.group("revenue:sum")[0], 58.99)

    def test_agent_time_counts_instead_of_handling_where_it_is_collected(self):
        """Two hours logged in, for half an hour of calls."""
        self.env.company.call_agent_hour_cost = 10
        self.plan_of({"minute_price": 0.90, **MINUTE}, {"kind": "agent_time", "hour_price": 0, "minute_price": 0})
        self.calls_of(600, 1200)
        self.calls_of(7200, kind="agent_time")
        self.bill()
        self.assertEqual(self.rows("call_count", "agent_hours", "cost", "margin"), [(2, 2, 20, 7)])

    def test_the_provider_s_cost_of_passed_through_calls(self):
        """180.00 + 5 %: 9.00 is left, less two minutes of an agent."""
        self.env.company.call_agent_hour_cost = 30
        self.plan_of({"source": "cost", "markup": 5})
        self.calls_of(60, 60, provider_cost=90)
        self.bill()
        self.assertEqual(self.rows("revenue", "provider_cost", "agent_cost", "margin"), [(189, 180, 1, 8)])

    def test_who_stays_below_the_minimum(self):
        self.half_an_hour(term_ids=[{"name": "Minimum turnover", "kind": "minimum", "amount": 100}])
        self.bill()
        self.assertEqual(self.rows("revenue", "minimum_amount"), [(100, 73)])
        self.assertTrue(self.env["call.margin"].search([("minimum_amount", ">", 0)]))

    def test_a_credit_note_of_an_adjustment_is_of_its_period(self):
        self.half_an_hour()
        self.bill().action_post()
        self.plan.rule_ids.minute_price = 0.80
        wizard = {"plan_ids": [Command.set(self.plan.ids)], "include_billed": True, "reason": "Agreed", "date_to": "2026-10-31"}
        self.env["call.rerate"].create(wizard).action_apply()
        self.assertEqual(self.rows("revenue"), [(27,)])
        self.env["call.adjustment"].search([]).action_create_move()
        self.assertEqual(self.rows("revenue"), [(24,)])

    def test_what_is_billed_again_counts_once_and_what_is_written_off_brings_nothing(self):
        self.half_an_hour()
        move = self.bill()
        move.action_post()
        for call_usage, revenue in (("again", None), ("off", 0)):
            wizard = self.env["account.move.reversal"].with_context(active_model="account.move", active_ids=move.ids)
            wizard.create({"journal_id": move.journal_id.id, "call_usage": call_usage}).refund_moves()
            move.reversal_move_ids.action_post()
            if revenue is None:
                self.assertFalse(self.rows("revenue"))
                move = self.bill(until=NOVEMBER)
                move.action_post()
                self.assertEqual(self.rows("revenue", "call_count"), [(27, 2)])
        self.assertEqual(self.rows("revenue", "call_count"), [(0, 2)])

    def test_other_currencies_are_converted_at_the_rate_of_the_last_day(self):
        self.env["res.currency.rate"].search([("currency_id", "=", self.other_currency.id)]).unlink()
        for day, rate in (("2026-10-01", 4), ("2026-10-31", 2), ("2026-11-02", 8)):
            self.env["res.currency.rate"].create({"currency_id": self.other_currency.id, "name": day, "rate": rate})
        plan = self.make_plan(minute_price=1, **MINUTE)
        plan.currency_id = self.other_currency
        contract = self.make_contract(plan, manual_currency_id=self.other_currency.id, agent_hour_cost=30)
        self.make_endpoint("200", contract.contract_line_ids)
        self.calls_of(3600, called="200")
        self.bill(contract)
        self.assertEqual(self.rows("revenue", "cost", "margin"), [(30, 30, 0)])

    def test_who_works_in_a_company_of_another_currency_reads_it_in_that(self):
        self.env["res.currency.rate"].search([("currency_id", "=", self.other_currency.id)]).unlink()
        self.env["res.currency.rate"].create({"currency_id": self.other_currency.id, "name": "2026-10-01", "rate": 2})
        self.env.company.call_agent_hour_cost = 30
        self.half_an_hour()
        self.bill()
        self.env["call.count"]._count_due()
        other = self.env["res.company"].create({"name": "Other", "currency_id": self.other_currency.id})
        companies = [other.id, self.env.company.id]
        row = self.env["call.margin"].with_context(allowed_company_ids=companies).search([])
        self.assertEqual((row.currency_id, row.revenue, row.cost), (self.other_currency, 54, 30))

    def test_no_call_is_read_for_it(self):
        """However many there are: counts and charges know it all."""
        query = SQL("EXPLAIN SELECT sum(margin) FROM (%s) rows", self.env["call.margin"]._table_query)
        plan = "\n".join(line for (line,) in self.env.execute_query(query))
        self.assertIn("call_count", plan)
        self.assertNotIn("call_usage_line", plan)

    def test_the_number_of_queries_does_not_follow_the_contracts(self):
        def count():
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.group("revenue:sum", "margin:sum", "revenue_per_call:avg", by=["partner_id", "date_end:month"])
            return self.cr.sql_log_count - before

        self.half_an_hour()
        self.bill()
        count()  # whatever is read once
        few = count()
        contracts = self.env["contract.contract"]
        for number in range(4):
            contracts |= self.make_contract(name=f"C{number}")
            self.make_endpoint(f"55{number}", contracts[-1].contract_line_ids)
            self.calls_of(60, called=f"55{number}")
        self.bill(contracts)
        self.env["call.count"]._count_due()
        self.assertLessEqual(count(), few)

    def test_sales_read_it_and_clients_do_not(self):
        self.half_an_hour()
        self.bill()
        self.env["call.count"]._count_due()
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        row = self.env["call.margin"].with_user(sales).search([])
        self.assertEqual((row.revenue, row.action_open()["res_id"]), (27, row.statement_id.id))
        other = self.env["res.company"].create({"name": "Other"})
        sales.company_ids |= other
        self.assertFalse(self.env["call.margin"].with_user(sales).with_context(allowed_company_ids=other.ids).search([]))
        client = self.make_portal_user(self.client, "margin_client")
        with self.assertRaises(AccessError):
            self.env["call.margin"].with_user(client).search([])
        with self.assertRaises(AccessError):
            self.contract.with_user(client).read(["agent_hour_cost"])
        with self.assertRaises(AccessError):
            self.env.company.with_user(client).read(["call_agent_hour_cost"])

    def test_other_plans_are_simulated_for_the_period_of_a_row(self):
        self.half_an_hour()
        self.bill()
        view = self.env["call.margin"].get_view(self.env.ref("call_center_billing.call_margin_view_list").id)
        (button,) = etree.fromstring(view["arch"]).iter("button")
        ((contract, first, last),) = self.rows("contract_id", "date_start", "date_end")
        row = {"contract_id": contract.id, "date_start": str(first), "date_end": str(last)}
        simulation = Form(self.env["call.simulation"].with_context(**safe_eval(button.get("context"), row)))
        self.assertEqual((simulation.contract_id, simulation.date_from, simulation.date_to), (contract, first, last))
