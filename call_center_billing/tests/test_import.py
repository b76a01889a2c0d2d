from datetime import date
from unittest.mock import patch

from odoo.exceptions import UserError

from ..models import call_loading
from .asterisk import PHONE, row
from .common import CallBillingCommon


class TestImport(CallBillingCommon):
    def test_a_file_becomes_rated_calls_with_control_totals(self):
        record = self.import_text(row(), row(disposition="NO ANSWER", talk=0), row(flag="OMIT"), "nonsense\n", row(called="999"))
        self.assertEqual(record.state, "done")
        self.assertTotals(record, read=5, accepted=2, suspended=2, ignored=1)
        self.assertEqual(record.read_seconds, 65 + 5 + 65 + 65)
        self.assertEqual([call.amount for call in self.calls(record)], [0.90, 0])

    def test_the_same_file_twice_does_nothing_and_says_so(self):
        text = row()
        first, second = self.import_text(text), self.import_text(text, name="copy.csv")
        self.assertEqual((second.state, second.same_as_id, second.read_count), ("repeated", first, 0))
        self.assertIn("already imported as 'Master.csv'", second.message)
        self.assertEqual(len(self.contract.call_statement_ids.usage_line_ids), 1)

    def test_an_overlapping_file_brings_each_call_once(self):
        early, late, broken = row(), row(start="2026-10-06 10:00:00"), "nonsense\n"
        self.import_text(early, broken)
        record = self.import_text(early, broken, late)
        self.assertTotals(record, read=3, accepted=1, duplicate=2)

    def test_a_record_that_is_known_against_all_expectation_is_found_without_a_logged_error(self):
        early, late, broken = row(), row(start="2026-10-06 10:00:00"), "nonsense\n"
        first = self.import_text(early, broken)
        with patch.object(call_loading, "SAMPLE", 0), self.assertNoLogs("odoo.sql_db", "ERROR"):
            record = self.import_text(late, broken, early)
        self.assertTotals(record, read=3, accepted=1, duplicate=2)
        self.assertEqual(self.contract.call_statement_ids.usage_count, 2)
        self.assertEqual(len(self.calls(first, record)), 2)

    def test_a_part_of_an_imported_file_brings_nothing_new(self):
        early, late = row(), row(start="2026-10-06 10:00:00")
        self.import_text(early, late)
        self.assertTotals(self.import_text(late), read=1, accepted=0, duplicate=1)

    def test_the_same_record_of_another_source_is_another_call(self):
        text = row()
        other = self.source.copy({"name": "Second PBX"})
        self.import_text(text)
        self.assertTotals(self.import_text(text, source=other), read=1, accepted=1)

    def test_an_empty_file_and_a_wrong_format_leave_a_message_and_nothing_else(self):
        for content, words in ((b"\n", "no call record"), (b"a;b\n1;2\n", "Asterisk CSV")):
            with self.subTest(words):
                record = self.import_text(content=content)
                self.assertEqual((record.state, record.read_count), ("failed", 0))
                self.assertIn(words, record.message)

    def test_a_failed_file_can_be_imported_again_with_the_right_format(self):
        record = self.import_text(content=row().encode().replace(b",", b";"))
        self.assertEqual(record.state, "failed")
        self.source.write({"format": "generic_csv", "mapping_id": self.env["call.mapping"].create({
            "name": "Semicolons", "delimiter": ";", "header": False, "line_ids": [
                (0, 0, {"position": 10, "field": "start"}), (0, 0, {"position": 3, "field": "called"}),
                (0, 0, {"position": 13, "field": "total_seconds"}), (0, 0, {"position": 14, "field": "talk_seconds"})]}).id})  # fmt: skip
        record.action_import()
        self.assertTotals(record, read=1, accepted=1)

    def test_a_wrong_time_zone_is_pointed_out(self):
        record = self.import_text(*(row(start=f"2026-10-05 1{i}:00:00", uniqueid=f"{1791208800 + 3600 * i}.1") for i in range(3)))
        self.assertIn("6 hours later", record.message)
        self.assertEqual(record.state, "done")

    def test_undoing_takes_everything_back_and_the_file_can_come_again(self):
        text = row() + "nonsense\n"
        record = self.import_text(text)
        statement = self.contract.call_statement_ids
        self.assertEqual((statement.usage_count, statement.usage_amount), (1, 0.9))
        record.action_undo()
        self.assertEqual((record.state, statement.usage_count, statement.usage_amount), ("undone", 0, 0))
        self.assertFalse(record.suspense_ids)
        self.assertTotals(self.import_text(text), read=2, accepted=1, suspended=1)

    def test_an_import_with_invoiced_calls_cannot_be_undone(self):
        record = self.import_text(row())
        self.bill()
        with self.assertRaisesRegex(UserError, "are invoiced"):
            record.action_undo()

    def test_an_import_is_not_deleted_while_its_calls_exist(self):
        with self.assertRaises(UserError):
            self.import_text(row()).unlink()

    def test_importing_needs_a_constant_number_of_queries(self):
        def queries(rows):
            before = self.env.cr.sql_log_count
            self.import_text(*rows)
            return self.env.cr.sql_log_count - before

        self.import_text(row())
        few = queries([row() for _i in range(3)] + ["nonsense 1\n"])
        many = queries([row() for _i in range(300)] + [f"nonsense {i} x\n" for i in range(50)])
        self.assertLessEqual(many, few)

    def test_the_text_of_the_file_is_not_copied_into_the_search_index(self):
        record = self.import_text(row())
        domain = [("res_model", "=", "call.import"), ("res_field", "=", "file"), ("res_id", "=", record.id)]
        self.assertFalse(self.env["ir.attachment"].search(domain).index_content)

    def test_control_totals_that_do_not_add_up_are_refused_by_the_database(self):
        record = self.import_text(row())
        with self.assertRaisesRegex(Exception, "control_totals"), self.cr.savepoint():
            self.cr.execute("UPDATE call_import SET accepted_count = 2 WHERE id = %s", [record.id])


class TestGuiding(CallBillingCommon):
    def line_of(self, **values):
        return self.calls(self.import_text(row(**values))).contract_line_id

    def test_kinds_are_tried_in_their_order(self):
        number = self.line
        by_queue, by_code = (self.make_contract().contract_line_ids for _i in range(2))
        self.make_endpoint("Support", by_queue, "queue")
        self.make_endpoint("ACME", by_code, "account_code")
        queue = {"app": "Queue", "data": "support,t"}
        self.assertEqual(self.line_of(), number)
        self.assertEqual(self.line_of(**queue), by_queue)
        self.assertEqual(self.line_of(account="acme", **queue), by_code)

    def test_numbers_match_however_they_are_written(self):
        self.make_endpoint("+49 (0)30 777-1234")
        for called in ("+490307771234", "00490307771234", "490307771234", "sip:+490307771234@pbx"):
            with self.subTest(called):
                self.assertEqual(self.line_of(called=called), self.line)

    def test_an_outbound_call_belongs_to_the_number_that_calls(self):
        values = {"context": "out", "caller": PHONE + "0100", "called": "+18005550100"}
        self.assertEqual(self.line_of(**values), self.line)

    def test_a_number_changes_hands_on_a_day_of_the_client(self):
        """Tokyo is 7 hours ahead of Berlin in October: its 15th begins at 17:00 of the 14th."""
        tokyo = self.make_contract(partner=self.env["res.partner"].create({"name": "Tokyo", "tz": "Asia/Tokyo"}))
        self.env["call.endpoint"].search([("contract_line_id", "=", self.line.id)]).date_end = date(2026, 10, 14)
        self.make_endpoint(PHONE + "0100", tokyo.contract_line_ids, date_start=date(2026, 10, 15))
        self.assertEqual(self.line_of(start="2026-10-14 16:59:59"), self.line)
        self.assertEqual(self.line_of(start="2026-10-14 17:00:00"), tokyo.contract_line_ids)

    def test_two_clients_cannot_own_a_number_at_once(self):
        with self.assertRaisesRegex(UserError, "already belongs to Dental Practice"):
            self.make_endpoint("+" + PHONE + "0100", self.make_contract().contract_line_ids)

    def test_a_call_before_the_contract_is_suspended(self):
        record = self.import_text(row(start="2026-09-30 23:00:00"), row())
        self.assertEqual(record.suspense_ids.reason, "not_in_force")

    def test_a_call_of_nobody_is_suspended_with_its_place_and_text(self):
        good, lost = row(), row(called="+4930000")
        suspense = self.import_text(good, lost).suspense_ids
        self.assertEqual((suspense.reason, suspense.line_number, suspense.raw), ("no_endpoint", 2, lost.strip()))
        self.assertEqual((suspense.called, suspense.total_seconds), ("+4930000", 65))

    def test_endpoints_of_other_companies_do_not_count(self):
        other = self.env["res.company"].create({"name": "Other"})
        source = self.env["call.source"].create({"name": "Other PBX", "tz": "UTC", "company_id": other.id})
        self.assertEqual(self.import_text(row(), source=source).suspense_ids.reason, "no_endpoint")
