from contextlib import suppress
from datetime import date, datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo.tests import new_test_user
from odoo.tools import SQL

from ..models.call_import import MAX_TRIES
from .asterisk import row
from .common import CallBillingCommon
from .test_joining import leg


class TestSourceHealth(CallBillingCommon):
    """What a look at a source tells. Now is Thursday, 5 November 2026, 11:00 in Berlin."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(freeze_time("2026-11-05 10:00:00"))

    def calls_at(self, *starts, each=4):
        """Some calls at each local time."""
        self.import_text(
            *(row(start=str(datetime.fromisoformat(start) + timedelta(minutes=n))) for start in starts for n in range(each))
        )

    def test_calls_of_today_stand_beside_those_of_the_same_week_days(self):
        self.calls_at("2026-10-08 09:00:00", "2026-10-15 09:00:00", "2026-10-22 09:00:00", "2026-10-29 09:00:00", each=6)
        self.calls_at("2026-10-29 15:00:00", "2026-11-05 09:00:00", each=3)
        self.assertEqual((self.source.today_count, self.source.usual_count), (3, 6))

    def test_an_hour_without_its_usual_calls_is_missing(self):
        self.calls_at(*(f"2026-10-{day:02} 09:00:00" for day in (6, 13, 20, 27)), "2026-10-06 15:00:00", "2026-11-03 15:00:00")
        self.assertEqual(self.source._missing_hours(), [(datetime(2026, 11, 3, 8), 4)])
        self.assertEqual(self.source.health, "bad")
        self.assertIn("usually 4", self.source.missing_text)

    def test_an_hour_is_not_missing_before_its_calls_had_time_to_arrive(self):
        self.calls_at(*(f"2026-10-{day:02} 09:00:00" for day in (6, 13, 20, 27)))
        self.source.expected_within = 72
        self.assertFalse(self.source._missing_hours())

    def test_a_day_without_calls_is_missing_though_they_are_few_and_at_any_hour(self):
        for day, hour in ((6, 8), (13, 11), (20, 14), (27, 17)):
            self.calls_at(*(f"2026-10-{day:02} {hour + n:02}:30:00" for n in range(3)), each=1)
        self.assertEqual((self.source._missing_hours(), self.source._missing_days()), ([], [(date(2026, 11, 3), 3)]))
        self.assertEqual((self.source.health, self.source.missing_text), ("bad", "11/03/2026: no call all day, usually 3"))
        self.source._remind_of_missing()
        self.assertIn("no call all day", self.source.activity_ids.note)
        self.calls_at("2026-11-03 23:30:00", each=1)
        self.source._remind_of_missing()
        self.assertEqual((self.source.missing_day_count, len(self.source.activity_ids)), (0, 0))

    def test_a_day_is_not_missing_before_its_calls_had_time_to_arrive(self):
        self.calls_at(*(f"2026-10-{day:02} 09:00:00" for day in (7, 14, 21, 28)))
        self.source.expected_within = 34  # from midnight, an hour longer ago than now
        self.assertFalse(self.source._missing_days())
        self.source.expected_within = 10
        self.assertEqual(self.source._missing_days(), [(date(2026, 11, 4), 4)])

    def test_a_day_that_is_missing_is_told_once_not_for_each_hour(self):
        self.calls_at(*(f"2026-10-{day:02} 09:00:00" for day in (6, 13, 20, 27)), each=70)
        self.assertEqual(self.source.missing_text, "11/03/2026: no call all day, usually 70")
        self.assertEqual((self.source.missing_day_count, self.source.missing_hour_count), (1, 0))

    def health(self):
        self.source.invalidate_recordset()
        return self.source.health

    def test_health_is_new_good_or_a_warning(self):
        self.assertEqual((self.health(), self.source.last_import_date), ("new", False))
        self.import_text(row())
        self.assertEqual((self.health(), self.source.last_import_date), ("good", datetime(2026, 11, 5, 10)))
        record = self.import_text(row(called="000"))
        self.assertEqual(self.health(), "warning")
        record.suspense_ids._write_off("Test call")
        self.assertEqual(self.health(), "good")
        self.import_text(content=b"no call record\n")
        self.assertEqual((self.health(), self.source.failed_count), ("warning", 1))

    def test_a_delivery_that_does_not_work_is_no_healthy_source(self):
        self.import_text(row())
        self.source.sudo().write({"pull_message": "The database is gone.", "folder_message": "The folder is gone."})
        self.assertEqual((self.health(), self.source.delivery_problem), ("good", False))  # both are switched off
        self.source.sudo().folder = "berlin"
        self.assertEqual((self.health(), self.source.delivery_problem), ("warning", "The folder is gone."))

    def test_a_dead_database_is_no_healthy_source(self):
        self.import_text(row())
        connection = {"pull_host": "x", "pull_database": "x", "pull_user": "x", "format": "asterisk_table", "pull_enabled": True}
        self.source.sudo().write({**connection, "pull_message": "The database is gone."})
        self.assertEqual((self.health(), self.source.delivery_problem), ("warning", "The database is gone."))

    def test_the_oldest_of_what_waits_is_told(self):
        def since(hours):
            return datetime(2026, 11, 5, 10) - timedelta(hours=hours)

        self.import_text(row())
        self.assertEqual((self.source.waiting_since, self.source.unprocessed_since), (False, False))
        self.env["call.folder.file"].sudo().create(
            [{"source_id": self.source.id, "name": f"{n}.csv", "stamp": "1", "seen_at": since(n)} for n in (0, 0.5)]
        )
        self.health()
        self.assertEqual((self.source.waiting_count, self.source.waiting_since, self.source.health), (1, since(0.5), "good"))
        self.env["call.push"].sudo().create(
            {"source_id": self.source.id, "received_at": since(2), "checksum": "a", "content": "{}"}
        )
        self.health()
        self.assertEqual((self.source.waiting_count, self.source.waiting_since, self.source.health), (2, since(2), "warning"))
        waiting = self.env["call.import"].create({"source_id": self.source.id, "name": "w.csv"})
        suspense = self.import_text(row(called="000")).suspense_ids
        for record, hours in ((waiting, 3), (suspense, 50)):
            self.cr.execute(
                SQL("UPDATE %s SET create_date = %s WHERE id = %s", SQL.identifier(record._table), since(hours), record.id)
            )
        self.env.invalidate_all()
        told = (self.source.waiting_count, self.source.waiting_since, self.source.unprocessed_since)
        self.assertEqual(told, (3, since(3), since(50)))

    def test_everybody_who_sees_a_source_sees_what_waits(self):
        self.env["call.push"].sudo().create(
            {"source_id": self.source.id, "received_at": "2026-11-05 07:00:00", "checksum": "a", "content": "{}"}
        )
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        source = self.source.with_user(sales)
        self.assertEqual((source.waiting_count, source.health), (1, "warning"))

    def test_undoing_an_import_takes_its_hours_back(self):
        record = self.import_text(row(), row(called="999"))
        hours = self.env["call.source.hour"].search([("source_id", "=", self.source.id)])
        self.assertEqual(hours.call_count, 2)
        record.action_undo()
        hours.invalidate_recordset()
        self.assertEqual(hours.call_count, 0)

    def counts(self):
        """Calls per hour, without hours that have none."""
        self.env.invalidate_all()
        hours = self.env["call.source.hour"].search([("source_id", "=", self.source.id)], order="hour")
        return [
            (str(hour.hour)[5:13], hour.call_count, hour.total_seconds) for hour in hours if hour.call_count or hour.total_seconds
        ]

    def test_of_a_call_in_several_versions_the_newest_counts(self):
        first = self.import_text(leg(1, talk=60))
        second = self.import_text(leg(1, talk=90, start="2026-10-05 12:30:00"), leg(2, linked="b"))
        self.assertEqual(self.counts(), [("10-05 08", 1, 65), ("10-05 10", 1, 95)])
        first.action_undo()
        self.assertEqual(self.counts(), [("10-05 08", 1, 65), ("10-05 10", 1, 95)])
        second.action_undo()
        self.assertEqual(self.counts(), [])

    def test_a_billed_call_counts_again_when_its_newer_version_is_undone(self):
        self.import_text(leg(1, talk=60))
        self.bill()
        newer = self.import_text(leg(1, talk=90))
        self.assertEqual(self.counts(), [("10-05 08", 1, 95)])
        newer.action_undo()
        self.assertEqual(self.counts(), [("10-05 08", 1, 65)])

    def test_a_record_whose_time_was_corrected_counts_from_then_on(self):
        good = row(uniqueid="x")
        record = self.import_text(row(), good.replace('"2026-10-05 10:00:00"', '"yesterday"'))
        self.assertEqual(self.counts(), [("10-05 08", 1, 65)])
        record.suspense_ids.corrected = good.replace("10:00:0", "12:00:0").replace("10:01:0", "12:01:0")
        record.suspense_ids.action_recycle()
        self.assertEqual(self.counts(), [("10-05 08", 1, 65), ("10-05 10", 1, 65)])
        record.action_undo()
        self.assertEqual(self.counts(), [])

    def test_a_suspended_record_that_turns_out_to_be_known_does_not_count(self):
        good = row(called="0307771234")
        first = self.import_text(row(), good.replace("ANSWERED", "WHAT"))
        self.make_endpoint("0307771234")
        self.import_text(good)
        self.assertEqual(self.counts(), [("10-05 08", 3, 195)])
        first.suspense_ids.corrected = good
        first.suspense_ids.action_recycle()
        self.assertEqual(self.counts(), [("10-05 08", 2, 130)])

    def test_a_suspended_record_gives_its_place_to_a_newer_version(self):
        first = self.import_text(leg(1, called="999"), row())
        second = self.import_text(leg(1, called="998"), row())
        self.assertEqual(self.counts(), [("10-05 08", 3, 195)])
        first.action_undo()
        second.action_undo()
        self.assertEqual(self.counts(), [])

    def test_numbers_of_an_undone_import_are_missing_again(self):
        self.source.check_sequence = True
        self.import_text(leg(1, linked="a"), leg(6, linked="f"))
        record = self.import_text(leg(3, linked="c"), leg(4, linked="d"))
        again = self.import_text(leg(4, linked="d"), leg(5, linked="e"))
        self.assertEqual(self.source._missing_sequences()[0], [(2, 2)])
        record.action_undo()
        self.assertEqual(self.source._missing_sequences()[0], [(2, 4)])
        self.import_text(leg(4, linked="d"), name="once more.csv")
        again.action_undo()
        self.assertEqual(self.source._missing_sequences()[0], [(2, 3), (5, 5)])

    def test_given_up_numbers_stay_so_after_an_undo(self):
        self.source.check_sequence = True
        self.import_text(leg(1, linked="a"), leg(9, linked="i"))
        record = self.import_text(leg(5, linked="e"))
        self.source.action_forget_missing()
        record.action_undo()
        self.assertEqual(self.source._missing_sequences()[0], [(5, 5)])

    def test_a_number_that_only_the_correction_tells_is_seen(self):
        self.source.check_sequence = True
        good = leg(2, linked="b")
        record = self.import_text(leg(1, linked="a"), leg(3, linked="c"), '"open,' + good)
        self.assertEqual(self.source._missing_sequences()[0], [(2, 2)])
        record.suspense_ids.corrected = good
        record.suspense_ids.action_recycle()
        self.assertEqual(self.source._missing_sequences()[0], [])

    def test_numbers_that_never_came_are_told_until_they_come(self):
        self.source.check_sequence = True
        self.import_text(leg(1, linked="a"), leg(2, linked="b"), leg(5, linked="c"))
        self.assertEqual((self.source.missing_sequence_count, self.source._missing_sequences()[0]), (2, [(3, 4)]))
        self.assertIn("3-4", self.source.activity_ids.note)
        self.import_text(leg(3, linked="d"), leg(4, linked="e"))
        self.assertFalse(self.source.missing_sequence_count or self.source.activity_ids)

    def test_missing_numbers_can_be_given_up(self):
        self.source.check_sequence = True
        self.import_text(leg(1, linked="a"), leg(5, linked="c"))
        self.source.action_forget_missing()
        self.assertEqual(self.source.missing_sequence_count, 0)

    def test_the_person_responsible_is_reminded_once(self):
        self.calls_at(*(f"2026-10-{day:02} 09:00:00" for day in (6, 13, 20, 27)))
        self.startPatcher(self._quiet_cron())
        for _time in range(2):
            self.env["call.source"]._cron_check_collection()
        self.assertEqual(self.source.activity_ids.user_id, self.source.user_id)
        self.assertEqual(len(self.source.activity_ids), 1)

    def _quiet_cron(self):
        return patch.object(self.registry["ir.cron"], "_commit_progress", return_value=60)

    def test_the_card_draws_the_last_two_weeks(self):
        self.calls_at("2026-11-04 09:00:00")
        self.assertIn('"value": 4', self.source.day_graph)


class TestBackground(CallBillingCommon):
    """A file in parts, as the scheduled job imports it."""

    def setUp(self):
        super().setUp()
        self.commits = self.startPatcher(patch.object(self.registry["ir.cron"], "_commit_progress", return_value=60))
        self.startPatcher(patch("odoo.addons.call_center_billing.formats.reader.FIRST_PART_BYTES", 1))
        self.startPatcher(patch("odoo.addons.call_center_billing.formats.reader.PART_BYTES", 1))
        self.startPatcher(patch("odoo.addons.call_center_billing.formats.lines.BLOCK_BYTES", 1000))
        self.startPatcher(patch("odoo.addons.call_center_billing.models.call_import.AT_ONCE_BYTES", 100))

    def rows(self, count=40):
        return [row(start=str(datetime(2026, 10, 5, 10) + timedelta(minutes=n))) for n in range(count)]

    def test_a_large_file_waits_and_is_imported_in_the_background(self):
        record = self.import_text(*self.rows(), "nonsense\n")
        self.assertEqual((record.state, record.read_count), ("waiting", 0))
        self.env["call.import"]._cron_import()
        self.assertEqual((record.state, record.progress), ("done", 1.0))
        self.assertTotals(record, read=41, accepted=40, suspended=1)

    def test_each_part_shows_how_far_the_import_is(self):
        record = self.import_text(*self.rows())
        write, shown = self.registry["call.import"].write, []

        def write_and_look(records, values):
            shown.extend([values["progress"]] if "position" in values else [])
            return write(records, values)

        with patch.object(self.registry["call.import"], "write", write_and_look):
            self.env["call.import"]._cron_import()
        self.assertGreater(len(shown), 3)
        self.assertEqual(shown, sorted(set(shown)))
        self.assertTrue(all(0 < each < 1 for each in shown[:-1]), shown)
        self.assertEqual(record.progress, 1.0)

    def test_an_import_that_was_killed_goes_on_where_it_stopped(self):
        record = self.import_text(*self.rows(), "nonsense\n", *self.rows())
        loading = self.registry["call.loading"]
        load, done = loading._load, []

        class Killed(BaseException):
            pass

        def load_two_parts(model, call_import, part, table):
            if len(done) == 2:
                raise Killed
            done.append(part.last)
            return load(model, call_import, part, table)

        with patch.object(loading, "_load", load_two_parts), suppress(Killed):  # what was done so far stays
            self.env["call.import"]._cron_import()
        self.assertEqual((record.state, record.position), ("running", done[-1]))
        self.env["call.import"]._cron_import()
        self.assertTotals(record, read=81, accepted=80, suspended=1)
        self.assertEqual(self.contract.call_statement_ids.usage_count, 80)

    def test_a_file_that_ends_its_process_each_time_is_left_to_people(self):
        record = self.import_text(*self.rows())

        class Killed(BaseException):
            pass

        with patch.object(self.registry["call.loading"], "_load", side_effect=Killed):
            for _time in range(MAX_TRIES):
                with suppress(Killed):
                    self.env["call.import"]._cron_import()
            self.env["call.import"]._cron_import()
        self.assertEqual(record.state, "failed")
        self.assertIn("broke off 5 times", record.message)
        self.assertIn("Master.csv", self.source.activity_ids.summary)
        record.action_import()
        self.env["call.import"]._cron_import()
        self.assertTotals(record, read=40, accepted=40)

    def test_a_file_that_finds_the_disk_full_is_tried_again(self):
        record = self.import_text(*self.rows())
        full = OSError(28, "No space left on device")
        with patch.object(self.registry["call.loading"], "_load", side_effect=full), patch.object(self.env.cr, "rollback"):
            self.env["call.import"]._cron_import()
        self.assertEqual((record.state, record.tries), ("running", 1))
        self.assertIn("No space left", record.message)
        self.env["call.import"]._cron_import()
        self.assertTotals(record, read=40, accepted=40)

    def test_a_broken_part_leaves_a_message_and_can_be_gone_on_with(self):
        record = self.import_text(*self.rows())
        with (
            patch.object(self.registry["call.loading"], "_load", side_effect=ValueError("no luck")),
            patch.object(self.env.cr, "rollback"),
            self.assertLogs("odoo.addons.call_center_billing", "ERROR"),
        ):
            self.env["call.import"]._cron_import()
        self.assertEqual(record.state, "failed")
        self.assertIn("no luck", record.message)
        self.assertIn("no luck", self.source.activity_ids.note)
        record.action_import()
        self.env["call.import"]._cron_import()
        self.assertTotals(record, read=40, accepted=40)
