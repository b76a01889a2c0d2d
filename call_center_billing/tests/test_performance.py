from datetime import date
from unittest.mock import patch

from freezegun import freeze_time
from lxml import html

from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, HttpCase, new_test_user, tagged

from .common import TODAY, CallBillingCommon
from .test_service_level import ServiceCase


class PerformanceCase(CallBillingCommon):
    def report(self, first=date(2026, 10, 1), last=date(2026, 10, 31), **values):
        Report = self.env["call.performance.report"].sudo(bool(values))
        return Report.create({"contract_id": self.contract.id, "date_start": first, "date_end": last, **values}).sudo(False)

    def values(self, figures):
        return {each["label"]: each["value"].replace("\xa0", " ") for each in figures["indicators"]}

    def send_due(self, now):
        """What the job sends at a moment."""
        Report = self.env["call.performance.report"].sudo()
        before = Report.search([])
        with freeze_time(now), patch.object(self.registry["ir.cron"], "_commit_progress", return_value=60):
            Report._cron_send()
        return [(each.date_start, each.date_end) for each in Report.search([]) - before]


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPerformance(PerformanceCase, ServiceCase):
    def test_indicators_stand_against_what_was_agreed(self):
        self.agree({"target": 80}, {"indicator": "answer_speed", "target": 10, "threshold_seconds": 20, "weight": 0})
        self.miss()
        level, speed, *_others = self.report().figures["indicators"]
        self.assertEqual((level["value"], level["met"]), ("70.0\xa0%", False))
        self.assertEqual((speed["value"], speed["target"], speed["met"]), ("5.0\xa0s", "at most 10\xa0s", True))

    def test_indicators_equal_those_of_the_statement(self):
        self.serve((3, "answered", 5), (1, "answered", 30), (1, "abandoned", 2), (1, "abandoned", 60), queue="sales")
        shown = {f.label: f.value.replace("\xa0", " ") for f in self.contract.call_statement_ids._performance()}
        told = self.values(self.report().figures)
        self.assertEqual({name: shown[name] for name in set(shown) & set(told)}, {n: told[n] for n in set(shown) & set(told)})
        self.assertEqual(len(set(shown) & set(told)), 4)

    def test_every_cell_stands_below_its_title(self):
        """Also of calls without a queue, and without time that agents were logged in."""
        self.serve((3, "answered", 30), queue="sales")
        self.import_records(self.record(queue_seconds=90, agent="ann"))
        tables = html.fromstring(self.report().preview).xpath("//table[thead]")
        self.assertGreaterEqual(len(tables), 4)
        for table in tables:
            titles = len(table.xpath("thead/tr/th"))
            self.assertEqual({len(row.xpath("td")) for row in table.xpath("tbody/tr")}, {titles}, html.tostring(table))
        self.assertNotIn("Occupancy", self.report().preview)

    def test_the_periods_before_are_beside_it(self):
        self.meet(month=10)
        self.miss(month=11)
        figures = self.report(date(2026, 11, 1), date(2026, 11, 30)).figures
        self.assertEqual([each["offered"] for each in figures["periods"]], [10, 10])
        self.assertEqual(figures["indicators"][0]["before"], ["90.0\xa0%"])

    def test_before_a_month_come_months_and_before_other_days_as_many(self):
        self.line.date_start = date(2026, 8, 20)
        months = self.report(date(2026, 10, 1), date(2026, 10, 31)).figures["periods"]
        self.assertEqual([each["label"] for each in months], ["Aug 2026", "Sep 2026", "Oct 2026"])
        weeks = self.report(date(2026, 9, 7), date(2026, 9, 13)).figures["periods"]
        self.assertEqual(
            [each["label"] for each in weeks], ["17 Aug - 23 Aug", "24 Aug - 30 Aug", "31 Aug - 6 Sep", "7 Sep - 13 Sep"]
        )

    def test_when_calls_come_by_weekday_and_hour_of_the_client(self):
        self.import_records(self.record(start="2026-10-05T21:30:00+00:00"), self.record(start="2026-10-11T22:30:00+00:00"))
        days = self.report().figures["weekdays"]
        found = [(day["label"], hour) for day in days for hour, count in enumerate(day["hours"]) if count]
        self.assertEqual(found, [("Monday", 0), ("Monday", 23)])

    def test_who_calls_again_is_masked_as_the_contract_says(self):
        self.contract.masked_digits = 4
        self.import_records(
            self.record(start="2026-10-05T10:00:00+02:00", caller="+491701111111", queue_seconds=50),
            self.record(start="2026-10-06T10:00:00+02:00", caller="+491701111111"),
            self.record(start="2026-10-07T10:00:00+02:00", caller="+491702222222"),
            self.record(start="2026-10-20T10:00:00+02:00", caller="+491702222222"),
            self.record(start="2026-10-21T10:00:00+02:00", caller="anonymous"),
            self.record(start="2026-10-21T11:00:00+02:00", caller="anonymous"),
        )
        again = self.report().figures["again"]
        self.assertEqual((again["known"], again["repeated"]), (4, 1))
        self.assertEqual([each["number"] for each in again["callers"]], ["+49170111XXXX", "+49170222XXXX"])
        self.assertEqual((again["waits"][0]["number"], again["waits"][0]["waited"]), ("+49170111XXXX", 50))

    def test_a_call_after_the_period_counts_as_coming_again(self):
        self.import_records(
            self.record(start="2026-10-30T10:00:00+01:00", caller="+491701111111"),
            self.record(start="2026-11-02T10:00:00+01:00", caller="+491701111111"),
        )
        again = self.report().figures["again"]
        self.assertEqual((again["known"], again["repeated"], again["callers"]), (1, 1, []))

    def test_occupancy_where_agent_time_is_collected(self):
        self.plan.write({"rule_ids": [(0, 0, {"name": "Agents", "kind": "agent_time"})]})
        self.import_records(self.record(agent="ann", talk=1800))
        self.assertNotIn("Occupancy", self.values(self.report().figures))
        self.import_records(self.record(kind="agent_time", agent="ann", talk=0, total_seconds=3600, queue_seconds=3600))
        figures = self.report().figures
        self.assertEqual(self.values(figures)["Occupancy"], "50.0 %")
        self.assertEqual(
            figures["agents"], [{"name": "ann", "answered": 1, "handling": 1800, "logged": 3600, "occupancy": "50.0\xa0%"}]
        )

    def test_a_period_without_calls_explains_itself(self):
        report = self.report()
        self.assertEqual(set(self.values(report.figures).values()), {"No data"})
        self.assertIn("No inbound calls came in this period", report.preview)
        self.assertIn("name no agents", report.preview)

    def test_it_is_in_the_language_of_the_client(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.client.lang = "de_DE"
        self.serve((2, "answered", 5), (1, "abandoned", 60))
        self.assertEqual(self.report().figures["indicators"][0]["value"], "66,7\xa0%")

    def test_a_report_keeps_the_figures_of_its_day(self):
        self.meet()
        report = self.report()
        self.miss()
        self.assertEqual(report.figures["offered"], 10)
        with self.assertRaises(UserError):
            report.date_end = date(2026, 10, 30)
        with self.assertRaises(ValidationError):
            self.report(date(2025, 1, 1), date(2026, 10, 1))

    def test_staff_make_one_for_any_days_and_send_it(self):
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        self.client.email = "client@example.com"
        self.meet()
        with Form(self.env["call.performance.report"].with_user(sales)) as form:
            form.contract_id = self.contract
            form.date_start, form.date_end = date(2026, 10, 5), date(2026, 10, 9)
        report = form.record
        report.action_send()
        message = report.message_ids.filtered("attachment_ids")[:1]
        self.assertEqual((message.partner_ids, message.attachment_ids), (self.client, report.document_id))
        with self.assertRaises(UserError):
            report.unlink()


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPerformanceSent(PerformanceCase):
    def invoiced(self, **values):
        self.contract.write({"performance_report": "invoice", **values})
        self.import_records(self.record())
        move = self.bill()
        move.action_post()
        return move

    def test_it_goes_out_with_the_invoice_if_the_contract_says_so(self):
        statement = self.invoiced().call_statement_ids
        documents = statement.sudo()._ensure_documents()
        self.assertEqual(len(documents), 3)
        self.assertEqual(documents, statement.sudo()._ensure_documents())
        self.assertIn(statement.performance_report_ids.document_id, statement.sudo()._documents())

    def test_it_does_not_otherwise(self):
        statement = self.invoiced(performance_report="none").call_statement_ids
        self.assertEqual(len(statement.sudo()._ensure_documents()), 2)
        self.assertFalse(statement.performance_report_ids)

    def test_a_period_that_is_opened_again_is_reported_anew(self):
        move = self.invoiced()
        statement = move.call_statement_ids
        statement.sudo()._ensure_documents()
        move.button_draft()
        move.unlink()
        self.assertFalse(statement.performance_report_ids)
        self.bill().action_post()
        self.assertEqual(len(statement.sudo()._ensure_documents()), 3)

    def test_what_was_sent_stays_with_the_invoice_that_is_billed_again(self):
        move = self.invoiced()
        move.call_statement_ids.sudo()._ensure_documents()
        report = move.call_statement_ids.performance_report_ids
        move.button_draft()
        move.button_cancel()
        move.action_bill_call_usage_again()
        self.assertEqual(report.statement_id, move.call_statement_ids)
        again = self.contract.call_statement_ids.filtered("earlier_ids")
        self.assertFalse(again.performance_report_ids)

    def test_each_day_once_in_the_client_s_morning(self):
        self.contract.performance_schedule = "daily"
        self.assertEqual(self.send_due("2026-11-03 04:59:00"), [(date(2026, 11, 1), date(2026, 11, 1))])
        self.assertEqual(self.send_due("2026-11-03 05:00:00"), [(date(2026, 11, 2), date(2026, 11, 2))])
        self.assertEqual(self.send_due("2026-11-03 06:00:00"), [])
        self.assertEqual(self.send_due("2026-11-04 09:00:00"), [(date(2026, 11, 3), date(2026, 11, 3))])

    def test_each_week_from_monday_to_sunday(self):
        self.contract.performance_schedule = "weekly"
        self.client.email = "client@example.com"
        week = (date(2026, 10, 26), date(2026, 11, 1))
        self.assertEqual(self.send_due("2026-11-02 05:00:00"), [week])
        self.assertEqual(self.send_due("2026-11-08 22:00:00"), [])
        report = self.env["call.performance.report"].search([("kind", "=", "weekly")])
        self.assertEqual(report.message_ids.filtered("attachment_ids").partner_ids, self.client)
        self.assertTrue(report.sent_at)

    def test_before_and_after_the_service_nothing_is_sent(self):
        self.contract.performance_schedule = "daily"
        self.assertEqual(self.send_due("2026-10-01 09:00:00"), [])
        self.line.date_end = date(2026, 10, 31)
        self.assertEqual(self.send_due("2026-11-02 09:00:00"), [])

    def test_without_an_address_it_is_made_and_not_sent(self):
        self.contract.performance_schedule = "daily"
        self.client.email = False
        self.assertTrue(self.send_due("2026-11-03 09:00:00"))
        self.assertFalse(self.env["call.performance.report"].search([]).sent_at)


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPerformancePortal(PerformanceCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contract.performance_report = "invoice"
        cls.import_records(cls.record(queue="sales", queue_seconds=5), cls.record(start="2026-10-06T10:00:00+02:00"))
        cls.move = cls.contract._bill_periods(date(2026, 11, 1))
        cls.move.action_post()
        cls.move.call_statement_ids.sudo()._ensure_documents()
        cls.report_sent = cls.move.call_statement_ids.performance_report_ids
        cls.make_portal_user(cls.client, "own_client")
        cls.make_portal_user(cls.env["res.partner"].create({"name": "Stranger"}), "stranger")

    def test_a_client_reads_its_own_reports(self):
        self.authenticate("own_client", "own_client")
        listed = self.url_open("/my/performance").text
        self.assertIn(f"/my/performance/{self.report_sent.id}", listed)
        page = html.fromstring(self.url_open(f"/my/performance/{self.report_sent.id}").text)
        self.assertEqual(len(page.xpath("//svg")), 2)
        self.assertIn("Service level", page.text_content())
        pdf = self.url_open(f"/my/performance/{self.report_sent.id}?report_type=pdf")
        self.assertEqual(pdf.content, self.report_sent.document_id.raw)

    def test_another_client_reads_none(self):
        self.authenticate("stranger", "stranger")
        self.assertIn("There is no report yet", self.url_open("/my/performance").text)
        answer = self.url_open(f"/my/performance/{self.report_sent.id}", allow_redirects=False)
        self.assertEqual(answer.status_code, 303)

    def test_the_link_of_the_mail_needs_no_login(self):
        self.authenticate(None, None)
        answer = self.url_open(self.report_sent.get_portal_url())
        self.assertIn("Service level", answer.text)
        answer = self.url_open(f"/my/performance/{self.report_sent.id}?access_token=wrong", allow_redirects=False)
        self.assertEqual(answer.status_code, 303)

    def test_a_report_that_was_not_sent_is_not_shown(self):
        report = self.report()
        user = self.env["res.users"].search([("login", "=", "own_client")])
        self.assertEqual(self.env["call.performance.report"].with_user(user).search([]), self.report_sent)
        report.sudo().sent_at = "2026-11-05 00:00:00"
        self.assertIn(report, self.env["call.performance.report"].with_user(user).search([]))
