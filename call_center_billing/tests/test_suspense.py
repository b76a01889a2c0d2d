from lxml import etree
from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user
from odoo.tools import SQL, mute_logger
from odoo.tools.safe_eval import safe_eval

from .asterisk import row
from .common import CallBillingCommon
from .test_joining import leg


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

    @mute_logger("odoo.sql_db")
    def test_nobody_writes_off_without_a_reason(self):
        suspense = self.import_text(row(), row(called="000")).suspense_ids
        for note in (False, " "):
            with self.subTest(note), self.assertRaises(IntegrityError), self.cr.savepoint():
                suspense._write_off(note)
                self.env.flush_all()
        self.assertEqual(suspense.state, "open")

    def test_people_write_nothing_but_the_correction(self):
        suspense = self.import_text(row(), row(called="000")).suspense_ids
        suspense = suspense.with_user(new_test_user(self.env, "biller", groups="call_center_billing.group_accountant"))
        suspense.write({"corrected": "x"})
        for values in ({"state": "written_off", "note": "x"}, {"state": "recycled"}, {"raw": "x"}, {"reason": "columns"}):
            with self.subTest(values), self.assertRaises(AccessError):
                suspense.write(values)
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        with self.assertRaises(AccessError):
            suspense.with_user(sales).action_confirm()

    def test_the_age_of_a_record_is_told_and_found(self):
        old, new = self.import_text(row(), row(called="000"), row(called="001")).suspense_ids
        self.cr.execute(SQL("UPDATE call_suspense SET create_date = create_date - interval '8 days' WHERE id = %s", old.id))
        old.invalidate_recordset()
        self.assertEqual((old.age, new.age), (8, 0))
        self.assertEqual((self.found_by("week"), self.found_by("month")), (old, old.browse()))
        self.cr.execute(SQL("UPDATE call_suspense SET create_date = create_date - interval '23 days' WHERE id = %s", old.id))
        self.assertEqual(self.found_by("month"), old)

    def found_by(self, name):
        """What a filter of the search view finds."""
        view = self.env["call.suspense"].get_view(view_type="search")
        (domain,) = etree.fromstring(view["arch"]).xpath(f"//filter[@name='{name}']/@domain")
        return self.env["call.suspense"].search([*safe_eval(domain), ("source_id", "=", self.source.id)])


class TestWorkbench(CallBillingCommon):
    """Suspended records solved many at a time."""

    def fix(self, records, **values):
        wizard = self.env["call.suspense.fix"].with_context(active_ids=records.ids).create(values)
        wizard.action_fix()
        return wizard

    def test_records_of_a_new_client_get_their_endpoints_in_one_go(self):
        record = self.import_text(row(called="+4930777001"), row(called="+4930777002"), row(called="+4930777001"))
        wizard = self.fix(record.suspense_ids, solution="endpoint", contract_line_id=self.line.id)
        self.assertEqual(wizard.endpoint_values, "+4930777001\n+4930777002")
        self.assertEqual(record.suspense_ids.mapped("state"), ["recycled"] * 3)
        self.assertTotals(record, read=3, accepted=3)

    def test_contract_lines_are_found_and_told_by_their_client(self):
        Line = self.env["contract.line"].with_context(call_line_name=True)
        self.assertEqual(
            Line.name_search("dental pra", [("contract_id", "=", self.contract.id)]),
            [(self.line.id, "Dental Practice, Answering service: Usage")],
        )

    def test_a_wrong_value_is_set_right_in_many(self):
        rows = [row(called="999", account="dentall") for _i in range(3)]
        self.make_endpoint("dental", kind="account_code")
        record = self.import_text(*rows)
        self.fix(record.suspense_ids, solution="field", field="account_code", value="dental")
        self.assertTotals(record, read=3, accepted=3)
        self.assertEqual(set(self.calls(record).mapped("account_code")), {"dental"})
        self.assertIn("dentall", record.suspense_ids[0].raw)

    def test_a_corrected_number_is_guided_like_any_other(self):
        record = self.import_text(row(called="999"))
        self.fix(record.suspense_ids, solution="field", field="called", value="+49 30 5550100")
        self.assertEqual(self.calls(record).contract_line_id, self.line)

    def test_times_of_another_zone_are_read_in_it(self):
        record = self.import_text(row(start="2026-03-29 02:30:00", uniqueid="x"), row())
        self.contract.contract_line_ids.write({"date_start": "2026-03-01"})
        self.assertEqual(record.suspense_ids.reason, "missing_hour")
        self.fix(record.suspense_ids, solution="zone", tz="UTC")
        self.assertEqual(str(self.calls(record).sorted("start_at")[0].start_at), "2026-03-29 02:30:00")

    def test_the_zone_of_times_is_kept_and_shown(self):
        record = self.import_text(row(start="2026-10-05 02:30:00", called="999"), row())
        suspense = record.suspense_ids
        self.fix(suspense, solution="zone", tz="UTC")
        self.assertEqual((suspense.state, suspense.tz, record.tz), ("open", "UTC", "Europe/Berlin"))
        self.make_endpoint("999")
        suspense.action_recycle()
        call = self.calls(record)[0]
        self.assertEqual(str(call.start_at), "2026-10-05 02:30:00")
        zones = []
        for each in self.calls(record):
            action = each.action_view_raw()
            zones.append(self.env[action["res_model"]].browse(action["res_id"]).tz)
        self.assertEqual(zones, ["UTC", "Europe/Berlin"])

    def test_a_record_that_is_read_again_after_the_zone_of_the_source_changed_says_so(self):
        record = self.import_text(row(called="999"), row())
        self.source.tz = "UTC"
        self.make_endpoint("999")
        record.suspense_ids.action_recycle()
        self.assertEqual((record.suspense_ids.tz, str(self.calls(record)[0].start_at)), ("UTC", "2026-10-05 10:00:00"))

    def test_an_unknown_outcome_is_set_and_the_record_known_by_its_id(self):
        text = leg(1, disposition="WHAT")
        record = self.import_text(text, row())
        self.fix(record.suspense_ids, solution="field", field="disposition", disposition="no_answer")
        self.assertTotals(record, read=2, accepted=2)
        self.assertIn("no_answer", self.calls(record).mapped("disposition"))
        self.assertTotals(self.import_text(text.replace("WHAT", "NO ANSWER"), row(), text), read=3, accepted=2, duplicate=1)

    def test_the_way_to_solve_it_is_proposed(self):
        record = self.import_text(row(called="999"), row(start="2026-03-29 02:30:00", uniqueid="x"))
        proposed = [
            self.env["call.suspense.fix"].with_context(active_ids=suspense.ids).create({}).solution
            for suspense in record.suspense_ids
        ]
        self.assertEqual(proposed, ["endpoint", "zone"])

    def test_a_new_endpoint_offers_to_recycle_what_it_solves(self):
        record = self.import_text(row(called="+4930777001"), row(called="+4930777002"))
        endpoint = self.make_endpoint("+4930777001")
        self.assertEqual(endpoint.suspense_count, 1)
        endpoint.action_recycle_suspense()
        self.assertEqual(record.suspense_ids.mapped("state"), ["recycled", "open"])

    def test_a_rate_plan_offers_to_recycle_what_no_rule_fitted(self):
        self.plan.rule_ids.direction = "outbound"
        record = self.import_text(row())
        self.assertEqual((record.suspense_ids.reason, self.plan.suspense_count), ("no_rule", 1))
        self.plan.rule_ids.direction = False
        self.plan.action_recycle_suspense()
        self.plan.invalidate_recordset(["suspense_count"])
        self.assertEqual((record.suspense_ids.state, self.plan.suspense_count), ("recycled", 0))

    def test_a_call_shows_the_record_that_it_was_made_of(self):
        text = row()
        call = self.calls(self.import_text(row(start="2026-10-05 09:00:00"), text))[1]
        action = call.action_view_raw()
        self.assertEqual(self.env[action["res_model"]].browse(action["res_id"]).raw, text.strip())
