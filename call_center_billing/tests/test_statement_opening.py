from datetime import date
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged

from .asterisk import row
from .common import DECEMBER, TODAY, CallBillingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestStatementOpening(CallBillingCommon):
    def statements(self, contract=None):
        """(first day, last day, state) of the statements, in order."""
        found = (contract or self.contract).call_statement_ids.sorted("date_start")
        return [(s.date_start, s.date_end, s.state) for s in found]

    def fit(self, contract=None):
        (contract or self.contract)._fit_statements()

    def test_the_running_period_has_a_statement_without_a_call(self):
        self.fit()
        self.assertEqual(self.statements(), [(date(2026, 11, 1), date(2026, 11, 30), "open")])
        self.assertEqual((self.contract.call_statement_ids.usage_count, self.contract.unbilled_amount), (0, 0))

    def test_a_second_run_changes_nothing(self):
        self.fit()
        statement = self.contract.call_statement_ids
        self.fit()
        self.assertEqual(self.contract.call_statement_ids, statement)

    def test_calls_find_the_statement_that_was_open_before_them(self):
        self.fit()
        self.import_text(row(start="2026-11-02 10:00:00"))
        self.assertEqual(self.contract.call_statement_ids.usage_count, 1)

    def test_the_day_is_the_clients(self):
        """Midnight in Auckland is noon in Greenwich."""
        self.contract.usage_tz = "Pacific/Auckland"
        with freeze_time("2026-11-30 11:30:00"):
            self.fit()
        self.assertIn((date(2026, 12, 1), date(2026, 12, 31), "open"), self.statements())

    def test_a_line_that_ended_or_begins_later_has_none(self):
        self.line.date_end = date(2026, 10, 31)
        self.fit()
        self.assertFalse(self.statements())
        later = self.make_contract(date_start=DECEMBER)
        self.fit(later)
        self.assertFalse(self.statements(later))

    def test_a_period_that_was_invoiced_early_is_not_opened_again(self):
        self.import_text(row())
        self.bill()
        self.fit()
        self.assertEqual([state for *_days, state in self.statements()], ["invoiced", "open"])

    def test_an_empty_statement_follows_the_dates_of_its_line(self):
        self.fit()
        self.line.date_end = date(2026, 11, 20)
        self.fit()
        self.assertEqual(self.statements(), [(date(2026, 11, 1), date(2026, 11, 20), "open")])
        self.line.date_end = False
        self.line.date_start = date(2026, 10, 15)
        self.fit()
        self.assertEqual(self.statements(), [(date(2026, 10, 15), date(2026, 11, 14), "open")])

    def test_a_statement_with_calls_stays(self):
        self.import_text(row(start="2026-11-02 10:00:00"))
        self.line.date_start = date(2026, 10, 15)
        self.fit()
        self.assertEqual(len(self.statements()), 2)
        with self.assertRaisesRegex(UserError, "cannot be deleted"):
            self.contract.call_statement_ids.filtered("usage_count").sudo().unlink()

    def test_a_line_that_is_cancelled_takes_its_empty_statement_away(self):
        self.fit()
        self.line.is_canceled = True
        self.fit()
        self.assertFalse(self.statements())

    def test_a_contract_without_calls_can_be_deleted(self):
        contract = self.make_contract()
        self.fit(contract)
        statement = contract.call_statement_ids
        contract.unlink()
        self.assertFalse(statement.exists())

    def test_an_empty_statement_is_closed_with_its_period(self):
        self.fit()
        with freeze_time("2026-12-05"):
            self.assertFalse(self.bill(until=DECEMBER))
        self.assertEqual([state for *_days, state in self.statements()], ["closed", "closed"])

    def test_the_job_opens_all_at_once(self):
        contracts = self.contract.union(*(self.make_contract(name=f"C{i}") for i in range(3)))
        archived = self.make_contract()
        self.fit(archived)
        archived.active = False
        self.startPatcher(patch.object(self.registry["ir.cron"], "_commit_progress", return_value=60))
        self.env["contract.contract"].sudo()._cron_fit_statements()
        self.assertEqual({len(self.statements(each)) for each in contracts}, {1})
        self.assertFalse(self.statements(archived))

    def test_it_takes_as_many_queries_for_many_contracts_as_for_few(self):
        def count(contracts):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            contracts._fit_statements()
            self.env.flush_all()
            return self.cr.sql_log_count - before

        contracts = self.contract.union(*(self.make_contract(name=f"C{i}") for i in range(11)))
        count(contracts[:1])
        self.assertEqual(count(contracts[1:3]), count(contracts[3:]))

    def test_a_new_contract_and_new_dates_are_seen_within_a_minute(self):
        cron = self.env.ref("call_center_billing.call_statement_cron")
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales,base.group_partner_manager")
        triggers = self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)])
        self.line.with_user(sales).date_end = date(2026, 11, 20)
        self.line.with_user(sales).name = "Other"
        self.assertEqual(self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)]), triggers + 1)
