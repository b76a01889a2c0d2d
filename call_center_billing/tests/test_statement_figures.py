from datetime import date

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import DECEMBER, TODAY
from .test_service_level import ServiceCase


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestStatementFigures(ServiceCase):
    def figures(self, statement):
        return {figure.label: figure.value.replace("\xa0", " ") for figure in statement._performance()}

    def october_of(self, contract):
        """The statement of a period without calls."""
        period = (contract.id, date(2026, 10, 1), date(2026, 10, 31))
        return self.env["call.statement"].sudo()._ensure({period})[period[:2]]

    def serve_october(self):
        """3 answered after 5 s, 1 after 30 s; given up after 2 s, 10 s and 60 s."""
        return self.serve(
            (3, "answered", 5), (1, "answered", 30), (1, "abandoned", 2), (1, "abandoned", 10), (1, "abandoned", 60)
        )

    def test_figures_are_ratios_of_the_counts_of_the_period(self):
        self.serve_october()
        self.assertEqual(
            self.figures(self.contract.call_statement_ids),
            {
                "Offered calls": "7",
                "Answered calls": "4",
                "Service level, answered within 20 s": "60.0 %",
                "Average speed of answer": "11.3 s",
                "Average handling time": "60.0 s",
                "Abandoned calls": "33.3 %",
                "Total time": "6.0 minutes",
            },
        )

    def test_what_was_not_measured_is_no_zero(self):
        self.import_records(self.record(direction="outbound", caller=self.line.endpoint_ids.value, called="+4930123"))
        figures = self.figures(self.contract.call_statement_ids)
        self.assertEqual([value for value in figures.values() if value == "No data"], ["No data"] * 5)
        self.assertEqual((figures["Offered calls"], figures["Total time"]), ("0", "1.0 minutes"))

    def test_the_contract_says_in_how_many_seconds(self):
        self.contract.write({"service_seconds": 30, "short_abandon_seconds": 0})
        self.serve_october()
        figures = self.figures(self.contract.call_statement_ids)
        self.assertEqual((figures["Service level, answered within 30 s"], figures["Abandoned calls"]), ("80.0 %", "42.9 %"))
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
            self.contract.service_seconds = 0
            self.env.flush_all()

    def test_a_service_level_that_was_agreed_says_it_better(self):
        self.agree(
            {"threshold_seconds": 5, "variant": "offered"},
            {"name": "Lost", "indicator": "abandonment", "threshold_seconds": 10, "target": 5},
        )
        self.serve_october()
        figures = self.figures(self.contract.call_statement_ids)
        self.assertEqual((figures["Service level, answered within 5 s"], figures["Abandoned calls"]), ("42.9 %", "20.0 %"))

    def test_figures_stay_as_they_were_when_the_period_closed(self):
        self.serve_october()
        self.bill()
        statement = self.contract.call_statement_ids
        before = self.figures(statement)
        self.contract.service_seconds = 5
        self.serve((9, "answered", 1))
        self.assertEqual(self.figures(statement), before)
        self.assertEqual((statement.offered_count, statement.in_time_count, statement.abandoned_short_count), (7, 3, 1))

    def test_a_period_that_opens_again_is_counted_anew(self):
        self.serve_october()
        move = self.bill() or self.contract.call_statement_ids.invoice_id
        statement = self.contract.call_statement_ids
        move.unlink()
        self.assertEqual((statement.state, statement.threshold_seconds, statement.offered_count), ("open", 0, 0))
        self.contract.service_seconds = 30
        self.assertEqual(self.figures(statement)["Service level, answered within 30 s"], "80.0 %")

    def test_many_statements_are_measured_by_one_look_at_the_calls(self):
        self.serve_october()
        self.serve((1, "answered", 5), month=11)
        statements = self.env["call.statement"].browse(self.contract.call_statement_ids.ids)
        self.assertEqual([served.offered for _terms, served, _short in statements._measure().values()], [1, 7])
        self.env.invalidate_all()
        one = self.queries(lambda: statements[0]._measure())
        self.env.invalidate_all()
        self.assertEqual(self.queries(statements._measure), one)

    def queries(self, function):
        before = self.cr.sql_log_count
        function()
        return self.cr.sql_log_count - before

    def test_calls_that_are_not_charged_by_reason(self):
        self.serve((2, "answered", 5), (3, "abandoned", 40))
        self.import_records(self.record(group_ref="x", talk=10), self.record(group_ref="x", talk=20))
        statement = self.contract.call_statement_ids
        reasons = [(reason.key, reason.calls, reason.seconds) for reason in statement._not_billable()]
        self.assertEqual(sum(calls for _key, calls, _seconds in reasons), statement.not_billable_count)
        self.assertIn(("disposition", 3, 120), reasons)
        action = statement.action_view_not_billable()
        calls = self.env["call.usage.line"].search([*action["domain"], ("status", "=", "not_billable")])
        self.assertEqual(len(calls), statement.not_billable_count)
        self.bill()
        stored = [[reason.key, reason.calls, reason.seconds] for reason in statement._not_billable()]
        self.assertEqual((stored, statement.not_billable_totals), ([list(each) for each in reasons], stored))

    def test_fixed_fees_of_an_open_period_come_from_the_contract(self):
        contract = self.make_contract(fee=49)
        contract.contract_line_ids[1].quantity = 2
        self.october_of(contract)
        contract._fit_statements()
        november, october = contract.call_statement_ids.sorted("date_start", reverse=True)
        self.assertEqual(
            [(fee.name, fee.amount) for s in (october, november) for fee in s._fixed_fees()],
            [("Fee 10/01/2026", 98), ("Fee 11/01/2026", 98)],
        )

    def test_a_fee_that_is_paid_in_advance_is_on_the_statement_it_is_invoiced_with(self):
        contract = self.make_contract(fee=49)
        contract.contract_line_ids[1].recurring_invoicing_type = "pre-paid"
        october = self.october_of(contract)
        self.assertEqual(
            [(fee.name, fee.period) for fee in october._fixed_fees()], [("Fee 11/01/2026", "11/01/2026 - 11/30/2026")]
        )

    def test_fixed_fees_of_an_invoiced_period_are_those_of_the_invoice(self):
        contract = self.make_contract(fee=49)
        move = self.bill(contract)
        statement = move.call_statement_ids
        contract.contract_line_ids[1].price_unit = 55
        self.assertEqual([(fee.period, fee.amount) for fee in statement._fixed_fees()], [("10/01/2026 - 10/31/2026", 49)])
        self.assertIn("49.00", statement.fees_html)
        total = statement.charge_amount + sum(fee.amount for fee in statement._fixed_fees())
        self.assertEqual(total, move.amount_untaxed)

    def test_the_form_of_a_closed_statement_shows_them(self):
        self.serve_october()
        self.bill()
        form = Form(self.contract.call_statement_ids, "call_center_billing.call_statement_view_form")
        self.assertIn("60.0", form.performance_html)
        self.assertIn("This outcome is not charged", form.not_billable_html)

    def test_the_pdf_has_figures_reasons_and_fees(self):
        contract = self.make_contract(fee=49)
        self.make_endpoint("777", contract.contract_line_ids[:1])
        self.import_records(
            self.record(called="777"), self.record(called="777", disposition="abandoned", talk=0, ring_seconds=30)
        )
        statement = self.bill(contract).call_statement_ids
        html, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "call_center_billing.call_statement_report_action", statement.ids
        )
        for words in ("Fixed fees on this invoice", "49.00", "1 of 2 calls answered within 20 s", "This outcome is not charged"):
            self.assertIn(words, html.decode().replace("\xa0", " "))

    def test_a_late_call_is_not_in_the_figures(self):
        self.serve_october()
        self.bill()
        self.serve((5, "answered", 1))
        with freeze_time("2026-12-05"):
            self.bill(until=DECEMBER)
        november = self.contract.call_statement_ids[0]
        self.assertEqual(
            (november.late_count, november.offered_count, self.figures(november)["Answered calls"]), (5, 0, "No data")
        )
