from odoo.exceptions import UserError

from .asterisk import row
from .common import CallBillingCommon


class TestSuspense(CallBillingCommon):
    def test_a_new_endpoint_makes_a_suspended_record_a_call(self):
        record = self.import_text(row(), row(called="0307771234"))
        self.make_endpoint("0307771234")
        suspense = record.suspense_ids
        suspense.action_recycle()
        self.assertEqual(suspense.state, "recycled")
        self.assertTotals(record, read=2, accepted=2)
        self.assertEqual(self.calls(record).mapped("line_number"), [1, 2])
        self.assertEqual(self.contract.call_statement_ids.usage_count, 2)

    def test_a_corrected_record_is_read_instead_and_the_raw_one_kept(self):
        good = row(talk=120)
        bad = good.replace(",125,120,", ",125,x,")
        record = self.import_text(row(), bad)
        suspense = record.suspense_ids
        self.assertEqual(suspense.reason, "bad_duration")
        suspense.corrected = good
        suspense.action_recycle()
        self.assertTotals(record, read=2, accepted=2)
        self.assertEqual((suspense.state, suspense.raw), ("recycled", bad.strip()))
        self.assertEqual(record.accepted_seconds, 65 + 125)

    def test_what_still_fails_stays_with_its_new_reason(self):
        record = self.import_text(row(), row(called="0307771234", start="2026-09-05 10:00:00"), row(called="000"))
        self.make_endpoint("0307771234")
        record.suspense_ids.action_recycle()
        self.assertEqual(record.suspense_ids.mapped("reason"), ["not_in_force", "no_endpoint"])
        self.assertEqual(set(record.suspense_ids.mapped("state")), {"open"})
        self.assertTotals(record, read=3, accepted=1, suspended=2)

    def test_a_record_that_came_by_another_file_meanwhile_is_a_duplicate(self):
        good = row(called="0307771234")
        first = self.import_text(row(), good.replace("ANSWERED", "WHAT"))
        self.make_endpoint("0307771234")
        self.import_text(good)
        first.suspense_ids.corrected = good
        first.suspense_ids.action_recycle()
        self.assertTotals(first, read=2, accepted=1, duplicate=1)

    def test_writing_off_keeps_the_record_and_the_reason(self):
        record = self.import_text(row(), row(called="000"))
        wizard = (
            self.env["call.suspense.write.off"].with_context(active_ids=record.suspense_ids.ids).create({"note": "Test call"})
        )
        wizard.action_write_off()
        self.assertEqual((record.suspense_ids.state, record.suspense_ids.note), ("written_off", "Test call"))
        self.assertTotals(record, read=2, accepted=1, suspended=1)
        with self.assertRaises(UserError):
            record.suspense_ids.action_recycle()
