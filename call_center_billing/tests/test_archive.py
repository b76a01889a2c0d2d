import json
import tempfile
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import duckdb
from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import SQL, mute_logger

from .. import parquet
from .asterisk import row
from .common import NOVEMBER, TODAY, CallBillingCommon

LATER = "2028-01-10 10:00:00"
LOGGER = "odoo.addons.call_center_billing.models.call_archive"


class ArchiveCase(CallBillingCommon):
    """October's calls, invoiced and paid; a year later they are due."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with freeze_time(TODAY):
            cls.env.company.call_archive_months = 12
            cls.make_world()
            cls.move = cls.contract._bill_periods(NOVEMBER)
            cls.move.action_post()
            cls.statement = cls.move.sudo().call_statement_ids
            cls.pay(cls.move)
        cls.env.flush_all()

    @classmethod
    def make_world(cls):
        cls.rows = row(talk=61), row(start="2026-10-06 10:00:00", caller="")
        cls.brought = cls.import_text(*cls.rows)

    @classmethod
    def pay(cls, move):
        cls.env["account.payment.register"].with_context(active_model="account.move", active_ids=move.ids).create(
            {"payment_date": move.invoice_date}
        )._create_payments()

    def archive(self, at=LATER):
        with freeze_time(at):
            self.env["call.archive"].sudo()._run(self.env.company)
        self.env.invalidate_all()
        return self.statement.archive_id

    def stored(self):
        """Every column of every call, and the stretches."""
        self.env.flush_all()
        tables = ("call_usage_line", "call_usage_stretch")
        return [
            [
                json.loads(text, parse_float=Decimal, parse_int=Decimal)
                for (text,) in self.env.execute_query(
                    SQL("SELECT to_jsonb(t)::text FROM %s t ORDER BY id", SQL.identifier(table))
                )
            ]
            for table in tables
        ]

    def reasons(self):
        with freeze_time(LATER):
            return [reason for *_row, reason in self.env["call.archive"]._candidates(self.env.company, 12)]

    def faults(self):
        proof = self.env["call.proof"].create({"date_from": "2026-10-01", "date_to": "2026-10-31"})
        proof.action_compute()
        return proof._faults()

    def proof(self):
        proof = self.env["call.proof"].create({"date_from": "2026-10-01", "date_to": "2026-10-31"})
        proof.action_compute()
        return [(line.section, line.name, line.call_count, line.seconds, line.amount) for line in proof.line_ids]


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestArchive(ArchiveCase):
    def test_calls_go_into_a_file_and_what_was_charged_stays(self):
        before = self.statement.usage_count, self.statement.usage_amount, self.charges(), self.proof()
        archive = self.archive()
        self.assertFalse(self.env["call.usage.line"].search([]))
        self.assertEqual((archive.call_count, archive.seconds, archive.amount), (2, 131, 2.7))
        self.assertEqual((self.statement.usage_count, self.statement.usage_amount, self.charges(), self.proof()), before)
        self.assertFalse(self.faults())

    def test_they_come_back_exactly_as_they_were(self):
        before = self.stored()
        archive = self.archive()
        self.statement.action_bring_calls_back()
        self.assertEqual(self.stored(), before)
        self.assertEqual(
            (archive.state, self.statement.archive_id.id, archive.restored_by_id), ("restored", False, self.env.user)
        )
        self.assertFalse(archive._attachment())
        self.assertFalse(self.faults())

    def test_back_twice_is_back_once(self):
        archive = self.archive()
        archive._bring_back("Test")
        before = self.stored()
        archive._bring_back("Test")
        self.assertEqual(self.stored(), before)

    def test_again_the_job_has_nothing_to_do(self):
        archive = self.archive()
        self.archive()
        self.assertEqual(self.env["call.archive"].search([]), archive)

    def test_what_was_brought_back_stays_for_a_month(self):
        self.archive()
        with freeze_time(LATER):
            self.statement.action_bring_calls_back()
        self.assertEqual(self.reasons(), ["restored"])
        self.assertFalse(self.archive())
        self.assertTrue(self.archive("2028-03-01 10:00:00"))

    def test_the_file_tells_every_price_without_the_database(self):
        archive = self.archive()
        with tempfile.TemporaryDirectory() as workdir:
            path = archive._checked(workdir)
            rows = duckdb.sql(
                "SELECT caller, start_at, billed_seconds, amount, typeof(amount), service_name, rate_time_price, rate_time_seconds"
                f" FROM read_parquet('{path}') ORDER BY start_at"
            ).fetchall()
        self.assertEqual([str(row[3]) for row in rows], ["1.8000000000", "0.9000000000"])
        self.assertEqual(rows[0][4:], ("DECIMAL(38,10)", "Usage", "0.9", "60"))

    def test_nothing_is_archived_before_its_time_or_where_nobody_wants_it(self):
        self.assertFalse(self.archive("2027-10-20 10:00:00"))
        self.env.company.call_archive_months = 0
        with freeze_time(LATER):
            self.env["call.archive"]._cron_archive()
        self.assertFalse(self.statement.archive_id)

    def test_a_file_that_is_not_what_was_written_leaves_every_call_and_says_why(self):
        before, real = self.stored(), parquet.write

        def damaged(rows, path, columns, told):
            content = Path(rows).read_bytes().replace(b"5550111", b"5550112")
            Path(rows).write_bytes(content)
            return real(rows, path, columns, told)

        with patch.object(parquet, "write", damaged), mute_logger(LOGGER):
            self.assertFalse(self.archive())
        self.assertEqual(self.stored(), before)
        activity = self.statement.activity_ids
        self.assertEqual((len(activity), "2 calls were written" in activity.note), (1, True))
        self.assertFalse(self.env["call.archive"].search([]))

    def test_a_full_disk_leaves_every_call(self):
        before = self.stored()
        for error in (OSError(28, "No space left on device"), parquet.Error("IO Error")):
            with patch.object(parquet, "write", side_effect=error), mute_logger(LOGGER):
                self.assertFalse(self.archive())
        self.assertEqual((self.stored(), len(self.statement.activity_ids)), (before, 1))

    def test_a_statement_that_fails_does_not_hold_the_others_back(self):
        with patch.object(parquet, "totals", side_effect=UserError("full")), mute_logger(LOGGER):
            self.archive()
            self.archive()
        self.assertEqual(len(self.statement.activity_ids), 1)
        self.assertTrue(self.archive())

    def test_what_is_not_settled_stays(self):
        self.assertEqual(self.reasons(), [None])
        self.env["call.legal.hold"].create({"name": "Court", "number": "+491705550111"})
        self.assertEqual(self.reasons(), ["held"])
        self.env["call.legal.hold"].search([]).active = False
        self.move.button_draft()
        self.assertEqual(self.reasons(), ["unposted"])

    def test_an_unpaid_invoice_stays_without_limits_and_goes_after_them(self):
        self.move.line_ids.remove_move_reconcile()
        self.assertEqual(self.statement.state, "invoiced")
        self.contract.write({"contestation_days": 0, "back_billing_days": 0})
        self.assertEqual(self.reasons(), ["unpaid"])
        self.contract.contestation_days = 30
        self.assertEqual(self.reasons(), [None])
        self.contract.contestation_days = 1000
        self.assertEqual(self.reasons(), ["window"])

    def test_a_disputed_call_stays(self):
        dispute = self.statement._raise_dispute(
            [{"usage_id": self.statement.usage_line_ids[0].id}], self.env["call.dispute.reason"].search([], limit=1)
        )
        self.assertEqual(self.reasons(), ["dispute"])
        dispute.sudo()._pass_door({"state": "rejected"})
        self.assertEqual(self.reasons(), ["referred"])

    def test_every_key_that_leads_to_calls_is_thought_of(self):
        rows = self.env.execute_query(
            SQL(
                "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid = 'call_usage_line'::regclass"
            )
        )
        wizards = {model._table for model in map(self.env.get, self.env) if model._transient}
        found = {table for (table,) in rows} - wizards
        self.assertEqual({table for table in found if not table.endswith("_rel")}, {"call_correction", "call_dispute_line"})

    def test_records_that_come_again_are_known(self):
        self.archive()
        again = self.import_text(*self.rows, row(start="2026-11-03 10:00:00"))
        self.assertTotals(again, read=3, accepted=1, duplicate=2)
        self.assertFalse(self.faults())

    def test_a_newer_version_of_an_archived_call_changes_nothing(self):
        first = self.import_records(self.record(start="2026-11-02T10:00:00+01:00", record_ref="v1"))
        source, ref = first.source_id, "v1"
        self.bill(until=fields.Date.to_date("2026-12-01")).action_post()
        statement = first.usage_line_ids.statement_id
        with freeze_time(LATER):
            statement.contract_id.contestation_days = 30
            self.env["call.archive"].sudo()._run(self.env.company)
        self.assertTrue(statement.archive_id)
        again = self.import_records(self.record(start="2026-11-02T10:00:00+01:00", talk=90, record_ref=ref), source=source)
        self.assertTotals(again, read=1, accepted=0, duplicate=1)

    def test_an_unknown_record_of_an_archived_period_waits_for_a_person(self):
        self.archive()
        late = self.import_text(row(start="2026-10-07 10:00:00"))
        self.assertTotals(late, read=1, accepted=0, suspended=1)
        self.assertEqual(late.suspense_ids.reason, "archived")
        self.statement.action_bring_calls_back()
        late.suspense_ids.action_recycle()
        self.assertEqual(late.accepted_count, 1)
        self.assertEqual(late.usage_line_ids.late_of_id, self.statement)

    def test_what_needs_the_calls_is_refused_with_a_sentence(self):
        self.archive()
        line = [{"charge_id": self.statement.charge_ids[:1].id}]
        reason = self.env["call.dispute.reason"].search([], limit=1)
        rerate = self.env["call.rerate"].create(
            {
                "contract_ids": [fields.Command.set(self.contract.ids)],
                "date_from": "2026-10-01",
                "date_to": "2026-10-31",
                "include_billed": True,
            }
        )
        for step in (
            lambda: self.statement._raise_dispute(line, reason),
            rerate.action_preview,
            self.brought._undo,
            self.statement._recount,
            self.statement.action_view_calls,
            self.statement.charge_ids[:1].action_view_calls,
            lambda: self.statement._set_state("open"),
            lambda: self.env["call.own.list"]._ours(self.statement),
        ):
            with self.assertRaisesRegex(UserError, "archived: bring them back first"), self.env.cr.savepoint():
                step()

    def test_what_was_counted_for_figures_is_not_counted_away(self):
        self.env["call.count"]._count_due()
        before = self.env["call.count"]._read_group([], ["date:day"], ["call_count:sum"])
        self.archive()
        self.contract.usage_tz = "Europe/London"
        self.env["call.count"]._count_due()
        self.env["call.count"]._rebuild()
        self.assertEqual(self.env["call.count"]._read_group([], ["date:day"], ["call_count:sum"]), before)

    def test_what_the_client_sees_at_a_glance_is_the_same(self):
        Dashboard = self.env["call.dashboard"]
        before = Dashboard._count(self.statement), Dashboard._levels(self.statement)
        self.assertEqual(sum(before[0][1].values()), 2)
        self.archive()
        self.assertEqual((Dashboard._count(self.statement), Dashboard._levels(self.statement)), before)

    def test_what_is_not_counted_yet_is_counted_first(self):
        self.assertTrue(self.env["call.count.due"].search([]))
        self.archive()
        self.assertEqual(sum(self.env["call.count"].search([]).mapped("call_count")), 2)

    def test_the_proof_finds_a_file_that_is_gone(self):
        archive = self.archive()
        archive._attachment().unlink()
        self.assertEqual(["Files of archived calls" in fault for fault in self.faults()], [True])

    def test_the_proof_finds_totals_that_are_not_those_of_the_archive(self):
        archive = self.archive()
        self.env.cr.execute("UPDATE call_statement SET usage_amount = usage_amount + 1 WHERE id = %s", [self.statement.id])
        self.env.invalidate_all()
        self.assertEqual(["Statements whose totals" in fault for fault in self.faults()], [True])
        self.statement.action_bring_calls_back()
        self.statement._recount()
        self.assertFalse(self.faults())
        self.assertEqual(archive.state, "restored")

    def test_a_file_that_was_changed_brings_nothing_back(self):
        archive = self.archive()
        archive.sha256 = "0" * 64
        with self.assertRaisesRegex(UserError, "not the one that was written"):
            archive.action_compare()
        with self.assertRaisesRegex(UserError, "not the one that was written"):
            self.statement.action_bring_calls_back()

    def test_comparing_the_file_tells_when_it_was(self):
        archive = self.archive()
        archive.verified_at = False
        archive.action_compare()
        self.assertTrue(archive.verified_at)

    def test_personal_data_that_is_due_is_removed_from_archived_calls_too(self):
        self.archive()
        self.env["call.retention"].create({"months": 13})
        with freeze_time(LATER):
            preview = self.env["call.purge"].sudo()._run(self.env.company, preview=True)
            calls = preview.line_ids.filtered(lambda line: line.kind == "calls")
            self.assertEqual((calls.record_count, calls.amount_after, self.statement.is_archived), (2, 2.7, True))
            self.env["call.purge"].sudo()._run(self.env.company)
        self.env.invalidate_all()
        self.assertFalse(self.statement.archive_id)
        self.assertNotIn("5550111", str(self.stored()))

    def test_a_caller_gets_what_is_archived_of_its_number(self):
        self.archive()
        request = self.env["call.erasure"].create({"number": "+491705550111", "reason": "Mail"})
        request.action_look()
        self.assertEqual([(line.kind, line.found_count) for line in request.line_ids if line.kind == "calls"], [("calls", 1)])
        self.assertFalse(self.statement.archive_id)

    def test_a_number_that_is_not_in_it_leaves_the_file_alone(self):
        archive = self.archive()
        request = self.env["call.erasure"].create({"number": "+491705550222", "reason": "Mail"})
        request.action_look()
        self.assertEqual(self.statement.archive_id, archive)

    def test_documents_are_those_that_were_made(self):
        self.statement._ensure_documents()
        made = self.statement.file_attachment_id.raw
        self.archive()
        self.assertEqual(self.statement._document_kinds(), {"pdf", "csv"})
        with self.statement._written("csv") as stream:
            self.assertEqual(stream.read(), made)
        with self.assertRaises(UserError):
            self.statement._written("xlsx")
        self.assertEqual(dict(self.statement._calls_by_day())[fields.Date.to_date("2026-10-06")], 1)

    def test_only_who_sees_whole_numbers_downloads_and_recordings_stay_hidden(self):
        archive = self.archive()
        self.env.ref("call_center_billing.group_sales").implied_ids -= self.env.ref("call_center_billing.group_whole_numbers")
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        with self.assertRaises(AccessError):
            archive.with_user(sales).action_download()
        with self.assertRaises(AccessError):
            archive.with_user(sales).statement_id.action_bring_calls_back()
        self.assertFalse(
            self.env["ir.attachment"].with_user(sales).search([("res_model", "=", "call.archive"), ("res_field", "!=", False)])
        )
        with tempfile.TemporaryDirectory() as workdir, archive._download() as stream:
            path = Path(workdir) / "download.parquet"
            path.write_bytes(stream.read())
            columns = parquet.columns(str(path))
        self.assertIn("caller", columns)
        self.assertNotIn("recording_ref", columns)
        self.assertIn("downloaded", self.statement.message_ids[0].body)

    def test_a_preview_tells_how_much_and_what_stays(self):
        with freeze_time(LATER):
            preview = self.env["call.archive.preview"].create({"months": 12})
            self.assertEqual((preview.statement_count, preview.call_count, preview.stays), (1, 2, ""))
            preview.action_archive()
            preview.months = 6
            with self.assertRaises(UserError):
                preview.action_archive()


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestArchivePages(ArchiveCase, HttpCase):
    def test_the_client_reads_totals_and_nothing_leads_to_calls(self):
        self.make_portal_user(self.client, "archive_client")
        self.archive()
        self.authenticate("archive_client", "archive_client")
        url = f"/my/statements/{self.statement.id}"
        page = self.url_open(url).text
        self.assertIn("Archived on 01/10/2028: 2 calls.", page)
        for link in ("/csv", "/xlsx", "/pdf", "/my/disputes/new", "own-list", "?charge=", "/my/calls?"):
            self.assertNotIn(link, page.split('id="wrapwrap"')[1])
        self.assertTrue(self.url_open(f"{url}/xlsx").url.endswith(url))

    def test_the_file_is_for_staff_who_sees_whole_numbers(self):
        archive = self.archive()
        url = f"/call_center_billing/archive/{archive.id}"
        self.make_portal_user(self.client, "archive_client")
        self.authenticate("archive_client", "archive_client")
        self.assertEqual(self.url_open(url).status_code, 404)
        new_test_user(self.env, "archive_teller", groups="call_center_billing.group_accountant")
        self.authenticate("archive_teller", "archive_teller")
        response = self.url_open(url)
        self.assertEqual((response.status_code, response.content[:4]), (200, b"PAR1"))


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestArchiveOfOdd(ArchiveCase):
    """Split calls, allowances, calls in several records, odd texts, newer versions, and free calls."""

    @classmethod
    def make_world(cls):
        allowance = {"name": "Free calls", "unit": "call", "quantity": 1}
        cls.plan.allowance_ids = [fields.Command.create(allowance)]
        hours = {"name": "Day", "hour_from": 8, "hour_to": 18, "day_period": "morning"}
        days = [fields.Command.create(hours | {"dayofweek": str(day)}) for day in range(7)]
        calendar = cls.env["resource.calendar"].create({"name": "Day", "tz": "Europe/Berlin", "attendance_ids": days})
        evening = {"name": "Evening", "calendar_id": calendar.id, "when": "outside", "effect": "replace", "value": 1.5}
        cls.plan.premium_ids = [fields.Command.create(evening)]
        cls.plan.rule_ids.band_split = "split"
        cls.brought = cls.import_records(
            cls.record(queue='sa"les, \\N\r\nx', agent="", group_ref="g1"),
            cls.record(start="2026-10-05T10:01:00+02:00", talk=30, group_ref="g1"),
            cls.record(start="2026-10-08T23:59:59+02:00", talk=3601, provider_cost="0.123456"),
            cls.record(start="2026-10-06T17:50:00+02:00", talk=1200),
            cls.record(disposition="busy", talk=0, start="2026-10-09T10:00:00+02:00"),
            cls.record(record_ref="again", talk=10),
        )
        cls.import_records(cls.record(record_ref="again", talk=20))

    def test_everything_comes_back_and_the_proof_is_the_same_meanwhile(self):
        before, proof = self.stored(), self.proof()
        self.assertFalse(self.faults())
        self.assertTrue(before[1])
        self.assertTrue(self.archive())
        self.assertEqual(self.proof(), proof)
        self.assertFalse(self.faults())
        self.statement.action_bring_calls_back()
        self.assertEqual(self.stored(), before)
        self.assertEqual(self.proof(), proof)

    def test_an_older_version_stays_until_the_newer_one_is_archived_and_both_come_back(self):
        """The call of October was invoiced; what came in November took it back and is invoiced in November."""
        first = self.brought.usage_line_ids.filtered(lambda call: call.record_ref == "again")
        with freeze_time(TODAY):
            newest = self.record(record_ref="again", talk=200)
            self.import_records(newest, self.record(start="2026-11-03T10:00:00+01:00"))
            self.bill(until=fields.Date.to_date("2026-12-01")).action_post()
            second = self.contract.call_statement_ids.filtered(lambda each: each.date_start.month == 11)
            self.pay(second.invoice_id)
        self.assertEqual(second.usage_line_ids.replaces_id.replaces_id, first)
        before = self.stored()
        self.assertEqual(self.reasons(), ["referred", None])
        self.archive()
        self.assertEqual((self.statement.is_archived, second.is_archived, self.faults()), (False, True, []))
        self.archive()
        self.assertEqual((self.statement.is_archived, self.faults()), (True, []))
        second.action_bring_calls_back()
        self.assertEqual(self.stored(), before)
