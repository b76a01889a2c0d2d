from datetime import date

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from odoo.exceptions import UserError

from . import test_format_cisco_cucm as cisco
from .asterisk import PHONE, row
from .common import DECEMBER, NOVEMBER, CallBillingCommon


def leg(number, linked="1790000000.1", **values):
    """A record with its own id: leg ``number`` of the call ``linked``."""
    return row(uniqueid=f"1790000000.{number}", extra=f',"","{linked}",{number}', **values)


class TestNewerVersions(CallBillingCommon):
    """A record that comes again with the same id and other content."""

    def test_an_unbilled_call_is_replaced(self):
        first = self.import_text(leg(1, talk=60))
        second = self.import_text(leg(1, talk=150))
        self.assertTotals(second, read=1, accepted=1)
        self.assertEqual(second.updated_count, 1)
        old, new = self.calls(first), self.calls(second)
        self.assertEqual((old.status, old.not_billable_reason, old.amount), ("not_billable", "replaced", 0))
        self.assertEqual((new.amount, new.replaces_id), (2.70, old))
        statement = self.contract.call_statement_ids
        self.assertEqual((statement.usage_count, statement.total_seconds, statement.usage_amount), (1, 155, 2.70))

    def test_the_same_content_again_is_a_duplicate_and_so_is_an_older_one(self):
        old, new = leg(1, talk=60), leg(1, talk=150)
        self.import_text(old)
        self.import_text(new)
        again = self.import_text(old, new, leg(2, linked="1790000000.2"))
        self.assertTotals(again, read=3, accepted=1, duplicate=2)

    def test_a_billed_call_is_adjusted_on_the_next_invoice(self):
        self.import_text(leg(1, talk=150))
        october = self.bill()
        self.import_text(leg(1, talk=60))
        self.import_text(leg(1, talk=90))
        statement = self.contract.call_statement_ids.filtered(lambda s: s.state == "open")
        lines = statement.usage_line_ids.filtered(lambda line: line.not_billable_reason != "replaced")
        self.assertEqual(sorted(lines.mapped("amount")), [-2.70, 1.80])
        self.assertEqual(lines.late_of_id.date_start, date(2026, 10, 1))
        self.assertEqual((statement.usage_count, round(statement.usage_amount, 2)), (2, -0.90))
        self.assertEqual(october.amount_untaxed, 2.70)

    def test_the_adjustment_is_one_invoice_line_with_the_difference(self):
        self.import_text(leg(1, talk=150), leg(2, linked="1790000000.2", talk=60))
        self.bill()
        self.import_text(leg(1, talk=60))
        self.import_text(leg(3, linked="1790000000.3", talk=200, start="2026-11-03 10:00:00"))
        invoice = self.bill(until=DECEMBER)
        lines = invoice.invoice_line_ids.filtered("quantity").sorted("quantity")
        self.assertEqual([(line.quantity, line.price_subtotal) for line in lines], [(-2.0, -1.80), (4.0, 3.60)])
        self.assertIn("late usage", lines[0].name)

    def adjusted(self, *records, legs="call"):
        """Bill a call of two records (60 and 90 s), bring newer versions, and tell what the next invoice would change."""
        self.source.legs = legs
        self.import_text(leg(1, talk=60), leg(2, talk=90, start="2026-10-05 10:01:05"))
        self.bill()
        for record in records:
            self.import_text(record)
        statement = self.contract.call_statement_ids.filtered(lambda s: s.state == "open")
        lines = statement.usage_line_ids.filtered(lambda line: line.not_billable_reason != "replaced")
        return sorted(lines.filtered("amount").mapped("amount"))

    def test_the_charged_record_of_a_billed_call_comes_again(self):
        """150 s were 2.70; now 120 + 90 s are 3.60: the other record's time is not given away."""
        self.assertEqual(self.adjusted(leg(1, talk=120)), [-2.70, 3.60])

    def test_another_record_of_a_billed_call_comes_again(self):
        """60 + 120 s are 2.70 again: the call is not charged twice."""
        self.assertEqual(self.adjusted(leg(2, talk=130, start="2026-10-05 10:01:05")), [-2.70, 3.60])

    def test_both_records_of_a_billed_call_come_again(self):
        second = leg(2, talk=130, start="2026-10-05 10:01:05")
        self.assertEqual(self.adjusted(second, leg(1, talk=170)), [-2.70, 4.50])

    def test_an_agent_s_part_of_a_billed_call_comes_again(self):
        self.assertEqual(self.adjusted(leg(1, talk=130), legs="agent"), [-0.90, 2.70])

    def test_a_period_that_only_takes_back_becomes_a_credit_note(self):
        self.import_text(leg(1, talk=150))
        self.bill().action_post()
        self.import_text(leg(1, talk=60))
        note = self.bill(until=DECEMBER)
        self.assertEqual((note.move_type, note.amount_untaxed), ("out_refund", 1.80))
        note.action_post()
        self.assertEqual((note.state, note.call_statement_ids.charge_amount), ("posted", -1.80))

    def test_an_import_with_newer_versions_is_undone_after_what_it_replaced(self):
        first, second = self.import_text(leg(1, talk=60)), self.import_text(leg(1, talk=150))
        with self.assertRaisesRegex(UserError, "newer versions of 1 calls"):
            second.action_undo()
        first.action_undo()
        second.action_undo()
        self.assertEqual(self.contract.call_statement_ids.usage_count, 0)

    def test_undoing_an_adjustment_makes_the_billed_call_the_known_one_again(self):
        self.import_text(leg(1, talk=150))
        self.bill()
        adjustment = self.import_text(leg(1, talk=60))
        adjustment.action_undo()
        self.assertTotals(self.import_text(leg(1, talk=150) + "\n"), read=1, accepted=0, duplicate=1)

    def test_a_suspended_record_gives_way_to_a_newer_one(self):
        first = self.import_text(leg(1, called="+4930000"))
        second = self.import_text(leg(1))
        self.assertEqual(first.suspense_ids.state, "replaced")
        self.assertTotals(second, read=1, accepted=1)

    def test_of_two_versions_in_one_file_the_later_counts(self):
        record = self.import_text(leg(1, talk=60), leg(1, talk=150))
        self.assertTotals(record, read=2, accepted=1, duplicate=1)
        self.assertEqual(self.calls(record).talk_seconds, 150)


class TestNearDuplicates(CallBillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source.hold_near_duplicates = True

    def test_a_call_that_seems_to_come_twice_waits_for_a_person(self):
        record = self.import_text(row(), row(start="2026-10-05 10:00:02", talk=61), row(start="2026-10-05 10:00:03", talk=70))
        self.assertTotals(record, read=3, accepted=2, suspended=1)
        self.assertEqual((record.suspense_ids.reason, record.suspense_ids.line_number), ("near_duplicate", 2))

    def test_also_across_files(self):
        self.import_text(row())
        self.assertTotals(self.import_text(row(start="2026-10-05 09:59:59")), read=1, accepted=0, suspended=1)

    def test_also_where_the_first_one_came_too_late_for_its_period(self):
        self.import_text(row(start="2026-10-04 10:00:00"))
        self.bill()
        late = self.import_text(row())
        self.assertEqual(self.calls(late).statement_id.date_start, NOVEMBER)
        self.assertTotals(self.import_text(row(start="2026-10-05 09:59:59")), read=1, accepted=0, suspended=1)

    def test_numbers_that_are_written_another_way_are_the_same(self):
        self.source.country_id = self.env.ref("base.de")
        for hour, values in ((11, {"caller": "0049 170 5550111"}), (12, {"caller": "0170/5550111", "called": "030 5550100"})):
            start = f"2026-10-05 {hour}:00:00"
            with self.subTest(values):
                record = self.import_text(row(start=start), row(start=start, **values))
                self.assertTotals(record, read=2, accepted=1, suspended=1)

    def test_also_across_files_that_write_numbers_another_way(self):
        self.source.country_id = self.env.ref("base.de")
        self.import_text(row())
        record = self.import_text(row(caller="0170 5550111", called="+49 (0)30 555-0100"))
        self.assertTotals(record, read=1, accepted=0, suspended=1)

    def test_numbers_without_a_country_are_the_same_as_they_are_written(self):
        self.import_text(row(caller="0170 5550111"))
        for caller, suspended in (("0170 5550111", 1), ("0171 5550111", 0)):
            record = self.import_text(row(caller=caller, start="2026-10-05 10:00:01"), row(called="x"))
            self.assertTotals(record, read=2, accepted=1 - suspended, suspended=1 + suspended)

    def test_a_person_makes_it_a_call_of_its_own(self):
        suspense = self.import_text(row(), row()).suspense_ids
        suspense.action_confirm()
        self.assertEqual(suspense.state, "recycled")
        self.assertEqual(self.contract.call_statement_ids.usage_count, 2)

    def test_calls_that_nobody_answered_and_legs_of_one_call_do_not_count(self):
        missed = {"disposition": "NO ANSWER", "talk": 0}
        record = self.import_text(row(**missed), row(**missed), leg(1), leg(2))
        self.assertEqual(record.suspended_count, 0)

    def test_it_can_be_switched_off(self):
        self.source.hold_near_duplicates = False
        self.assertTotals(self.import_text(row(), row()), read=2, accepted=2)


class TestLateQuality(CallBillingCommon):
    """How a call was heard comes with a later delivery than the call."""

    def test_it_is_added_to_the_leg_that_it_is_about_once(self):
        self.source.write({"format": "cisco_cucm", "tz": "UTC"})
        self.make_endpoint("6500")
        other = {"pkid": "AAAA0002", "origLegCallIdentifier": "13", "destLegIdentifier": "14"}
        calls = self.import_text(cisco.header(), cisco.line(), cisco.line(**other))
        heard = [cisco.line(cisco.CMR), cisco.line(cisco.CMR, callIdentifier="12", jitter="1", pkid="c")]
        stranger = cisco.line(cisco.CMR, globalCallID_callId="701", pkid="d")
        for again in ("", "\n"):
            record = self.import_text(cisco.header(cisco.CMR), *heard, stranger + again)
            self.assertTotals(record, read=3, accepted=0, ignored=3)
        self.assertEqual(
            self.calls(calls).mapped("quality"),
            ["caller: MOS 4.3200, jitter 7 ms, lost 3; called: MOS 4.3200, jitter 1 ms, lost 3", False],
        )


class TestLegs(CallBillingCommon):
    """A call that is answered, transferred inside the company and ends there: 60 + 90 seconds at 0.90, 60/60."""

    def transferred(self):
        return (
            leg(1, talk=60),
            leg(2, talk=90, start="2026-10-05 10:01:05", called="202", agent="PJSIP/202-0000a1b3"),
        )

    def table(self, *imports):
        calls = self.calls(*imports).sorted("start_at")
        return [(call.status, call.not_billable_reason or "", call.billed_seconds, call.amount) for call in calls]

    def test_a_call_is_charged_once(self):
        self.assertEqual(self.source.legs, "call")
        record = self.import_text(*self.transferred())
        self.assertTotals(record, read=2, accepted=2)
        self.assertEqual(self.table(record), [("billable", "", 180, 2.70), ("not_billable", "leg", 0, 0)])

    def test_each_record_is_charged(self):
        self.source.legs = "leg"
        record = self.import_text(*self.transferred())
        self.assertEqual(self.table(record), [("billable", "", 60, 0.90), ("billable", "", 120, 1.80)])

    def test_each_part_with_an_agent_is_charged(self):
        self.source.legs = "agent"
        waiting = leg(3, agent="", app="Queue", data="sales", talk=20, start="2026-10-05 09:59:00")
        record = self.import_text(waiting, *self.transferred())
        self.assertEqual(
            self.table(record),
            [("not_billable", "leg", 0, 0), ("billable", "", 60, 0.90), ("billable", "", 120, 1.80)],
        )

    def test_a_record_that_comes_with_the_next_file_joins_its_call(self):
        first, second = self.transferred()
        records = self.import_text(first), self.import_text(second)
        self.assertEqual(self.table(*records), [("billable", "", 180, 2.70), ("not_billable", "leg", 0, 0)])
        self.assertEqual(self.contract.call_statement_ids.usage_amount, 2.70)

    def test_a_record_after_the_invoice_is_charged_by_itself(self):
        first, second = self.transferred()
        self.import_text(first)
        self.bill()
        self.assertEqual(self.table(self.import_text(second + row(called="999"))), [("billable", "", 120, 1.80)])

    def test_a_call_that_nobody_answered_is_one_call(self):
        rings = [leg(i, agent=f"PJSIP/{i}-0000a1b3", disposition="NO ANSWER", talk=0) for i in (1, 2, 3)]
        self.plan.rule_ids.write({"bill_no_answer": True, "count_ring": True})
        record = self.import_text(*rings)
        self.assertEqual([line[2] for line in self.table(record)], [60, 0, 0])

    def test_a_part_for_another_client_stays_with_the_call(self):
        other = self.make_contract(partner=self.env["res.partner"].create({"name": "Other"})).contract_line_ids
        self.make_endpoint(PHONE + "0200", other)
        first, _second = self.transferred()
        record = self.import_text(first, leg(2, called=PHONE + "0200", start="2026-10-05 10:02:00"))
        self.assertEqual(self.calls(record).contract_line_id, self.line)


class TestOverlap(CallBillingCommon):
    """It does not matter how a stream of records is cut into files that overlap."""

    POOL = [
        leg(1, talk=60), leg(1, talk=150), leg(2, talk=90, start="2026-10-05 10:01:05", called="202"),
        leg(3, linked="1790000000.3"), leg(3, linked="1790000000.3", called="999"), leg(4, linked="1790000000.3", talk=30),
        row(start="2026-10-06 10:00:00", uniqueid="a"), row(start="2026-10-06 11:00:00", disposition="NO ANSWER", talk=0, uniqueid="b"),
        "nonsense\n", leg(5, linked="1790000000.5", disposition="WHAT"),
    ]  # fmt: skip

    def outcome(self, *files):
        """What a sequence of files leaves behind: calls as the client sees them, and suspended records."""
        with self.cr.savepoint() as savepoint:
            for number, rows in enumerate(files):
                if rows:
                    self.assertAllCounted(self.import_text(*rows, name=f"{number}.csv"), len(rows))
            calls = self.env["call.usage.line"].search([("not_billable_reason", "!=", "replaced")])
            lines = sorted((str(c.start_at), c.talk_seconds, c.status, c.billed_seconds, c.amount) for c in calls)
            suspense = self.env["call.suspense"].search([("state", "=", "open")])
            statement = self.contract.call_statement_ids
            totals = (statement.usage_count, statement.total_seconds, round(statement.usage_amount, 6))
            result = lines, sorted(suspense.mapped("reason")), totals
            savepoint.rollback()
        self.env.invalidate_all()
        return result

    def assertAllCounted(self, record, lines):
        """Each line of the file is in the totals once, in count and seconds; a file that was here is not read."""
        if record.state == "repeated":
            return
        told = ("accepted", "duplicate", "suspended", "ignored")
        self.assertEqual((record.read_count, sum(record[f"{name}_count"] for name in told)), (lines, lines))
        self.assertEqual(record.read_seconds, sum(record[f"{name}_seconds"] for name in told))

    @given(st.lists(st.sampled_from(POOL), max_size=8), st.lists(st.sampled_from(POOL), min_size=1, max_size=8))
    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
    # Two records of a call begin together, and their order differs from file to file.
    @example(a=[POOL[3], POOL[4]], b=[POOL[5], POOL[3]])
    def test_a_file_that_repeats_the_last_one_equals_its_new_part(self, a, b):
        a, b = [self.POOL[6], *a], [self.POOL[6], *b]  # a file without one good record is refused as a whole
        self.assertEqual(self.outcome(a, a + b), self.outcome(a, b))
