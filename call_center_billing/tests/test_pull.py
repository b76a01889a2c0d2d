from datetime import datetime, timedelta
from unittest.mock import patch

import psycopg2

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.sql_db import connection_info_for
from odoo.tests import Form, new_test_user
from odoo.tools import mute_logger

from ..deliveries import table
from .asterisk import PHONE
from .common import CallBillingCommon

LOGGERS = ("odoo.addons.call_center_billing.models.call_source_pull",)


class TestPull(CallBillingCommon):
    """Tables are in a schema of the test database, made over a connection of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        _name, info = connection_info_for(cls.env.cr.dbname)
        cls.pbx = psycopg2.connect(**info)
        cls.pbx.autocommit = True
        cls.addClassCleanup(cls.pbx.close)
        cls.addClassCleanup(cls.run_sql, "DROP SCHEMA IF EXISTS call_pull_test CASCADE")
        cls.run_sql("DROP SCHEMA IF EXISTS call_pull_test CASCADE; CREATE SCHEMA call_pull_test")
        cls.source = cls.env["call.source"].create(
            {
                "name": "FreePBX",
                "format": "asterisk_table",
                "tz": "Europe/Berlin",
                "country_id": False,
                "hold_near_duplicates": False,
                "legs": "leg",
                "pull_host": info.get("host") or "localhost",
                "pull_port": info.get("port") or 5432,
                "pull_database": cls.env.cr.dbname,
                "pull_user": info.get("user") or cls.pbx.info.user,
                "pull_password": info.get("password"),
                "pull_schema": "call_pull_test",
                "pull_table": "cdr",
                "pull_enabled": True,
            }
        )
        cls.start = datetime(2026, 10, 5, 10)

    @classmethod
    def run_sql(cls, text, *values):
        with cls.pbx.cursor() as cursor:
            cursor.execute(text, values)

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(self.registry["ir.cron"], "_commit_progress", return_value=60))
        self.run_sql(
            """
            DROP TABLE IF EXISTS call_pull_test.cdr;
            CREATE TABLE call_pull_test.cdr (
                id serial, calldate timestamp, clid text, src text, dst text, dcontext text, channel text, dstchannel text,
                lastapp text, lastdata text, duration integer, billsec integer, disposition text, amaflags integer,
                uniqueid text, "odd ""name" text)
            """
        )

    def call(self, minutes=0, count=1, **values):
        """Rows for calls that began some minutes after 10:00."""
        for index in range(count):
            start = self.start + timedelta(minutes=minutes, seconds=index)
            told = {
                "calldate": start, "src": "+491705550111", "dst": PHONE + "0100", "dcontext": "from-trunk",
                "dstchannel": "PJSIP/201-1", "lastapp": "Dial", "duration": 65, "billsec": 60, "disposition": "ANSWERED",
                "amaflags": 3, "uniqueid": f"{int(start.timestamp())}.{minutes}{index}", **values,
            }  # fmt: skip
            names, holes = ", ".join(told), ", ".join(["%s"] * len(told))
            self.run_sql(f"INSERT INTO call_pull_test.cdr ({names}) VALUES ({holes})", *told.values())

    def pull(self):
        return self.source.sudo()._pull()

    def imports(self):
        return self.env["call.import"].search([("source_id", "=", self.source.id)], order="id")

    def test_rows_become_calls_and_the_position_moves(self):
        self.call(0)
        self.call(5, disposition="NO ANSWER", billsec=0)
        self.call(6, dst="999")
        record = self.pull()
        self.assertTotals(record, read=3, accepted=2, suspended=1)
        self.assertEqual((record.delivery, record.read_seconds), ("pull", 3 * 65))
        self.assertEqual(self.calls(record)[0].start_at, datetime(2026, 10, 5, 8))
        self.assertEqual((self.source.pull_position, self.source.pull_message), ("2026-10-05 10:06:00", False))

    def test_a_pull_with_nothing_new_leaves_no_import(self):
        self.assertFalse(self.pull())
        self.call()
        first = self.pull()
        self.assertFalse(self.pull())
        self.assertEqual(self.imports(), first)
        self.assertFalse(self.source.pull_message)

    def test_rows_that_come_late_are_found_within_the_overlap(self):
        self.call(200)
        self.pull()
        self.call(100)
        self.call(70)
        self.call(210)
        self.assertTotals(self.pull(), read=3, accepted=2, duplicate=1)

    def test_a_growing_number_finds_rows_however_late(self):
        self.source.pull_id_column = "id"
        self.call(600)
        self.pull()
        self.call(0)
        self.assertTotals(self.pull(), read=2, accepted=1, duplicate=1)
        self.assertFalse(self.pull())

    def test_a_long_table_is_read_over_several_pulls(self):
        self.source.write({"pull_limit": 2, "pull_overlap": 1})
        self.call(count=5)
        counts = []
        while record := self.pull():
            counts.append(record.accepted_count)
        self.assertEqual(counts, [2, 2, 1])
        self.assertEqual(sum(self.imports().mapped("accepted_count")), 5)

    def interrupted(self, after, how):
        """A pull that breaks off when some rows were written."""
        write = table._write

        def rows_until(rows):
            for number, each in enumerate(rows):
                if number == after:
                    how()
                yield each

        with (
            patch.object(table, "_write", lambda stream, names, rows: write(stream, names, rows_until(rows))),
            patch.object(table, "FETCHED_ROWS", 1),
            mute_logger(*LOGGERS),
        ):
            self.assertFalse(self.pull())

    def closed(self):
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    def terminated(self):
        self.run_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'call center billing'")

    def test_an_interrupted_pull_changes_nothing_and_is_repeated(self):
        self.call(count=3)
        for how in (self.closed, self.terminated):
            self.interrupted(2, how)
            self.assertEqual((self.imports(), self.source.pull_position), (self.env["call.import"], False))
            self.assertRegex(self.source.pull_message, "clos|terminat")
        record = self.pull()
        self.assertTotals(record, read=3, accepted=3)
        self.assertEqual((record.accepted_seconds, self.source.pull_message), (3 * 65, False))

    def test_an_interruption_between_pulls_of_a_long_table_loses_nothing(self):
        self.source.write({"pull_limit": 2, "pull_overlap": 1})
        self.call(count=5)
        self.pull()
        position = self.source.pull_position
        for how in (self.closed, self.terminated):
            self.interrupted(3, how)  # two of the overlap, and one of two new ones
            self.assertEqual((len(self.imports()), self.source.pull_position), (1, position))
        while self.pull():
            pass
        imports = self.imports()
        self.assertEqual((sum(imports.mapped("accepted_count")), sum(imports.mapped("accepted_seconds"))), (5, 5 * 65))
        self.assertEqual(len(self.calls(*imports)), 5)

    def test_rows_without_a_time_are_suspended_once(self):
        self.call(count=2)
        self.call(calldate=None, uniqueid="none.1")
        record = self.pull()
        self.assertTotals(record, read=3, accepted=2, suspended=1)
        self.assertEqual(record.suspense_ids.reason, "bad_time")
        self.assertIn("none.1", record.suspense_ids.raw)
        self.assertFalse(self.pull())
        self.call(5)
        self.assertTotals(self.pull(), read=4, accepted=1, duplicate=3)
        self.assertFalse(self.source.pull_message)

    def test_rows_without_a_time_take_no_place_of_new_ones(self):
        self.source.write({"pull_limit": 2, "pull_id_column": "id"})
        self.call(calldate=None, count=3)
        self.call(count=5)
        while self.pull():
            pass
        self.assertEqual(sum(self.imports().mapped("accepted_count")), 5)
        self.assertEqual(sum(self.imports().mapped("suspended_count")), 3)

    def test_a_table_that_never_tells_a_time_is_a_problem(self):
        self.call(calldate=None)
        with mute_logger(*LOGGERS):
            self.assertFalse(self.pull())
        self.assertIn("no row with a time", self.source.pull_message)

    def test_a_crash_while_importing_leaves_the_position_where_it_was(self):
        self.call()
        crash = patch.object(self.registry["call.loading"], "_load", side_effect=ZeroDivisionError)
        with crash, self.assertRaises(ZeroDivisionError), self.cr.savepoint():
            self.pull()
        self.assertFalse(self.source.pull_position)
        self.assertTotals(self.pull(), read=1, accepted=1)

    def test_a_clock_that_runs_ahead_does_not_keep_later_calls_away(self):
        self.call(0)
        self.call(0, calldate="2090-01-01 00:00:00", uniqueid="ahead.1")
        self.pull()
        self.assertEqual(self.source.pull_position, "2026-10-05 10:00:00")
        self.call(1)
        self.assertEqual(self.pull().accepted_count, 1)

    def test_times_with_a_zone_are_read_in_the_zone_of_the_source(self):
        self.run_sql("SET TIME ZONE 'America/New_York'; ALTER TABLE call_pull_test.cdr ALTER calldate TYPE timestamptz")
        self.call(calldate="2026-10-05 08:00:00+00")
        self.assertEqual(self.calls(self.pull()).start_at, datetime(2026, 10, 5, 8))
        self.assertFalse(self.pull())

    def test_line_breaks_and_quotes_in_values_stay_in_their_row(self):
        self.call(clid='"Anna"\r\n<1>', lastdata='a,"b"\nc', lastapp="Dial")
        self.assertTotals(self.pull(), read=1, accepted=1)

    def test_only_known_columns_are_read(self):
        self.assertEqual({"id", 'odd "name', "clid"} & set(table.check(self.source.sudo()._pull_table())), set())

    def test_rows_that_cannot_be_read_are_a_problem_and_no_import(self):
        self.call(disposition="MAYBE")
        with mute_logger(*LOGGERS):
            self.assertFalse(self.pull())
        self.assertIn("Not one record", self.source.pull_message)
        self.assertEqual((self.imports(), self.source.pull_position), (self.env["call.import"], False))

    def test_what_is_wrong_is_said(self):
        for values, words in (
            ({"pull_table": "none"}, "does not exist"),
            ({"pull_table": 'cdr"; DROP TABLE res_users; --'}, "does not exist"),
            ({"pull_time_column": "started"}, "no column started"),
            ({"pull_time_column": "src"}, "src holds no times"),
            ({"pull_id_column": "uniqueid"}, "uniqueid holds no whole numbers"),
            ({"pull_port": 1}, "The database says"),
        ):
            with self.subTest(values), self.assertRaisesRegex(UserError, words), self.cr.savepoint():
                self.source.write(values)
                self.source.action_test_connection()
        self.run_sql("ALTER TABLE call_pull_test.cdr DROP billsec")
        with self.assertRaisesRegex(UserError, "no column billsec"):
            self.source.action_test_connection()

    def test_the_session_cannot_write(self):
        self.run_sql(
            """
            DROP TABLE call_pull_test.cdr;
            CREATE TABLE call_pull_test.real (LIKE pg_catalog.pg_class);
            CREATE OR REPLACE FUNCTION call_pull_test.harm() RETURNS timestamp LANGUAGE plpgsql AS
                $$ BEGIN DELETE FROM call_pull_test.real; RETURN now(); END $$;
            CREATE VIEW call_pull_test.cdr AS
                SELECT call_pull_test.harm() AS calldate, ''::text AS src, ''::text AS dst, ''::text AS dstchannel,
                       ''::text AS lastapp, 1 AS duration, 1 AS billsec, ''::text AS disposition;
            """
        )
        self.addCleanup(self.run_sql, "DROP VIEW IF EXISTS call_pull_test.cdr")
        with mute_logger(*LOGGERS):
            self.pull()
        self.assertIn("read-only transaction", self.source.pull_message)

    def test_a_password_is_never_shown(self):
        self.source.write({"pull_password": "s3cret word", "pull_host": "localhost", "pull_port": 1})
        error = psycopg2.OperationalError("bad s3cret word")
        with patch.object(psycopg2, "connect", side_effect=error), self.assertLogs(LOGGERS[0]) as logs:
            self.pull()
        self.assertIn("bad ***", self.source.pull_message)
        self.assertNotIn("s3cret", "".join(logs.output))

    def test_failures_that_stay_become_an_activity_and_others_go_on(self):
        broken = self.source.copy({"name": "Broken"})
        broken.write({name: self.source[name] for name in ("pull_host", "pull_database", "pull_user")} | {"pull_table": "none"})
        broken.pull_enabled = True
        self.call()
        with mute_logger(*LOGGERS):
            for _i in range(4):
                self.env["call.source"].sudo()._cron_pull()
        self.assertEqual((len(broken.activity_ids), broken.pull_failures), (1, 4))
        self.assertEqual(self.imports().accepted_count, 1)

    def test_only_administrators_say_where_to_connect_to(self):
        manager = new_test_user(self.env, "pull_manager", groups="call_center_billing.group_manager")
        source = self.source.with_user(manager)
        self.call()
        self.assertIn("1 calls are new", source.action_pull_now()["params"]["message"])
        self.assertIn("no new call", source.action_pull_now()["params"]["message"])
        for name in ("pull_host", "pull_password", "pull_table"):
            with self.subTest(name), self.assertRaises(AccessError):
                source.read([name])
            with self.subTest(name), self.assertRaises(AccessError):
                source.write({name: "x"})
        with self.assertRaises(AccessError):
            source.action_test_connection()
        self.assertFalse(source.copy({"name": "Copy"}).sudo().pull_password)

    def test_every_role_opens_the_form_of_a_source(self):
        for group in ("sales", "accountant", "manager"):
            user = new_test_user(self.env, f"pull_{group}_form", groups=f"call_center_billing.group_{group}")
            with self.subTest(group), Form(self.source.with_user(user)) as form:
                self.assertEqual(form.name, "FreePBX")
                self.assertNotIn("pull_host", form._view["fields"])

    def test_a_pull_needs_its_format_and_its_settings(self):
        for values in ({"format": "asterisk_csv"}, {"pull_host": False}, {"pull_limit": 0}):
            with self.subTest(values), self.assertRaises(ValidationError), self.cr.savepoint():
                self.source.write(values)
