from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from unittest.mock import patch
from zoneinfo import ZoneInfo

from freezegun import freeze_time

from odoo.tests import tagged

from .common import CallBillingCommon

NUMBER = "+493055501"


class ClockCase(CallBillingCommon):
    def make_client(self, zone, first, **values):
        """A client in a time zone, and its contract from a day on; calls in every hour may come to its number."""
        client = self.env["res.partner"].create({"name": zone, "tz": zone})
        contract = self.make_contract(partner=client, name=zone, date_start=first, usage_tz=zone, **values)
        self.make_endpoint(NUMBER, contract.contract_line_ids.filtered("rate_plan_id"))
        return contract

    def call_every(self, step, first, last, **values):
        """Calls at each step from one moment (UTC) to another. :return: list of moments"""
        moments = []
        while first < last:
            moments.append(first)
            first += step
        self.import_records(*(self.record(start=f"{at.isoformat()}Z", called=NUMBER, **values) for at in moments))
        return moments

    def run_at(self, moment):
        """What the daily job does when the server says that it is this moment."""
        Cron = self.env.registry["ir.cron"]
        with freeze_time(moment), patch.object(Cron, "_commit_progress", lambda *args, **kwargs: 60.0):
            self.env["call.billing.run"].sudo()._cron_run()
        self.env.invalidate_all()

    def assertEachOnce(self, contract, moments, zone):
        """Every call is in one statement, that of the client's day; the periods follow each other without gap or overlap."""
        self.env.invalidate_all()
        statements = contract.call_statement_ids.sorted("date_start")
        calls = self.env["call.usage.line"].search([("statement_id", "in", statements.ids)])
        self.assertEqual(sorted(calls.mapped("start_at")), moments)
        for call in calls:
            self.assertEqual(call.date, call.start_at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date())
            self.assertTrue(call.statement_id.date_start <= call.date <= call.statement_id.date_end)
        for one, other in pairwise(statements):
            self.assertEqual(other.date_start, one.date_end + timedelta(days=1))
        billed = statements.filtered("charge_ids")
        self.assertEqual(len(billed.invoice_id), len(billed))
        for statement in billed:
            mine = calls.filtered(lambda call, statement=statement: call.statement_id == statement)
            self.assertEqual(statement.charge_amount, statement.currency_id.round(sum(mine.mapped("amount"))))
            self.assertEqual(statement.usage_count, len(mine))
        return statements

    def lasts(self, statement, zone):
        """Hours of a period by the client's clock."""
        first, after = (
            datetime.combine(day, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
            for day in (statement.date_start, statement.date_end + timedelta(days=1))
        )
        return (after - first) / timedelta(hours=1)


@tagged("post_install", "-at_install")
class TestClocks(ClockCase):
    """A call in every hour: each is billed once, in the period of the client's own day, whatever the clocks do."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.write({"call_billing_schedule": "post", "call_billing_grace_days": 1})

    def test_clocks_that_change_in_both_hemispheres(self):
        """The month in which an hour is missing has one call less, the one in which an hour comes twice one more."""
        cases = {
            "Europe/Madrid": {date(2026, 10, 1): 745, date(2027, 3, 1): 743},
            "Australia/Sydney": {date(2026, 10, 1): 743, date(2027, 4, 1): 721},
            "America/St_Johns": {date(2026, 11, 1): 721, date(2027, 3, 1): 743},
            "Australia/Lord_Howe": {date(2026, 10, 1): 743.5, date(2027, 4, 1): 720.5},
            "Asia/Kathmandu": {date(2026, 10, 1): 744},
        }
        for zone, months in cases.items():
            for first, hours in months.items():
                with self.subTest(zone=zone, month=first), self.cr.savepoint() as savepoint:
                    contract = self.make_client(zone, first)
                    after = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
                    begin, end = (
                        datetime.combine(day, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
                        for day in (first, after)
                    )
                    moments = self.call_every(timedelta(minutes=30), begin, end + timedelta(hours=3))
                    self.run_at(f"{after + timedelta(days=1)} 12:00:00")
                    statement = self.assertEachOnce(contract, moments, zone)[0]
                    self.assertEqual((statement.usage_count, self.lasts(statement, zone)), (2 * hours, hours))
                    savepoint.rollback()
                    self.env.invalidate_all(flush=False)

    def test_the_leap_day_and_the_ends_of_months_and_of_the_year(self):
        contract = self.make_client("Europe/Madrid", date(2027, 12, 1))
        moments = self.call_every(timedelta(hours=6), datetime(2027, 11, 30, 23), datetime(2028, 3, 31, 22))
        for day in ("2028-01-02", "2028-02-02", "2028-03-02", "2028-04-02"):
            self.run_at(f"{day} 12:00:00")
        statements = self.assertEachOnce(contract, moments, "Europe/Madrid")
        days = [(str(each.date_start), str(each.date_end), each.usage_count) for each in statements if each.charge_ids]
        self.assertEqual(
            days,
            [
                ("2027-12-01", "2027-12-31", 124),
                ("2028-01-01", "2028-01-31", 124),
                ("2028-02-01", "2028-02-29", 116),
                ("2028-03-01", "2028-03-31", 124),
            ],
        )

    def test_periods_that_begin_on_the_last_day_of_a_month(self):
        contract = self.make_client("Europe/Madrid", date(2028, 1, 31))
        moments = self.call_every(timedelta(hours=12), datetime(2028, 1, 30, 23), datetime(2028, 6, 1))
        for month in range(2, 8):
            self.run_at(f"2028-{month:02}-04 12:00:00")
        self.assertEachOnce(contract, moments, "Europe/Madrid")

    def test_prices_change_at_midnight_of_the_client_also_when_the_clocks_do(self):
        """In Sydney 4 October 2026 has 23 hours, and costs the double."""
        contract = self.make_client("Australia/Sydney", date(2026, 10, 1))
        rule = self.plan.rule_ids
        rule.date_end = "2026-10-03"
        rule.copy({"plan_id": self.plan.id, "minute_price": 1.8, "date_start": "2026-10-04", "date_end": "2026-10-04"})
        rule.copy({"plan_id": self.plan.id, "date_start": "2026-10-05", "date_end": False})
        moments = self.call_every(timedelta(hours=1), datetime(2026, 10, 2, 14), datetime(2026, 10, 5, 13))
        self.run_at("2026-11-02 12:00:00")
        statements = self.assertEachOnce(contract, moments, "Australia/Sydney")
        dear = statements.usage_line_ids.filtered(lambda call: call.amount == 1.8)
        self.assertEqual((len(dear), {str(call.date) for call in dear}, len(moments)), (23, {"2026-10-04"}, 71))

    def test_a_clock_that_goes_back_bills_nothing_twice(self):
        contract = self.make_client("Europe/Madrid", date(2026, 10, 1), fee=20)
        moments = self.call_every(timedelta(hours=12), datetime(2026, 9, 30, 22), datetime(2026, 11, 30, 22))
        for moment in (
            "2026-11-02 03:00:00",
            "2026-12-02 03:00:00",
            "2026-11-02 03:00:00",
            "2026-10-31 23:59:59",
            "2026-12-02 03:00:00",
        ):
            self.run_at(moment)
        self.assertEachOnce(contract, moments, "Europe/Madrid")
        self.assertEqual(self.fees(contract), ["2026-10-01", "2026-11-01"])

    def test_a_clock_that_jumps_forward_leaves_no_period_out(self):
        contract = self.make_client("Australia/Sydney", date(2026, 10, 1), fee=20)
        moments = self.call_every(timedelta(hours=12), datetime(2026, 9, 30, 14), datetime(2027, 1, 31, 12))
        self.run_at("2026-11-02 03:00:00")
        self.run_at("2027-02-02 03:00:00")
        self.run_at("2027-01-15 03:00:00")
        statements = self.assertEachOnce(contract, moments, "Australia/Sydney")
        self.assertEqual(len(statements.invoice_id), 4)
        self.assertEqual(self.fees(contract), ["2026-10-01", "2026-11-01", "2026-12-01", "2027-01-01"])

    def test_calls_that_come_after_the_clock_went_back_are_late_usage_once(self):
        contract = self.make_client("Europe/Madrid", date(2026, 10, 1))
        moments = self.call_every(timedelta(hours=12), datetime(2026, 9, 30, 22), datetime(2026, 10, 31, 20))
        self.run_at("2026-11-02 03:00:00")
        with freeze_time("2026-10-20 10:00:00"):
            self.import_records(self.record(start="2026-10-19T10:00:00Z", called=NUMBER))
        self.run_at("2026-10-31 03:00:00")
        self.run_at("2026-12-02 03:00:00")
        late = contract.call_statement_ids.usage_line_ids.filtered("late_of_id")
        self.assertEqual((len(late), str(late.statement_id.date_start)), (1, "2026-11-01"))
        self.assertEqual(sum(contract.call_statement_ids.mapped("usage_count")), len(moments) + 1)

    def test_the_server_s_own_zone_is_of_no_matter(self):
        """By UTC it is still October when Sydney's November begins, and the run of 1 November bills nothing of it."""
        contract = self.make_client("Australia/Sydney", date(2026, 10, 1))
        moments = self.call_every(timedelta(hours=1), datetime(2026, 10, 31, 0), datetime(2026, 11, 1, 0))
        self.run_at("2026-10-31 23:30:00")
        self.assertFalse(contract.call_statement_ids.invoice_id)
        self.run_at("2026-11-02 00:30:00")
        statements = self.assertEachOnce(contract, moments, "Australia/Sydney")
        self.assertEqual([each.usage_count for each in statements], [13, 11])

    def fees(self, contract):
        """First days of the months for which the fixed fee is on an invoice."""
        line = contract.contract_line_ids.filtered(lambda each: not each.rate_plan_id)
        moves = self.env["account.move.line"].search([("contract_line_id", "=", line.id), ("parent_state", "=", "posted")])
        return sorted(str(move.call_period_start) if move.call_period_start else move.name for move in moves)
