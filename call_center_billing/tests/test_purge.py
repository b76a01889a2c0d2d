from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL

from .asterisk import PHONE, row
from .common import DECEMBER, NOVEMBER, TODAY, CallBillingCommon

NUMBER = "+491705550111"
LATER = "2027-12-05 10:00:00"


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPurge(CallBillingCommon):
    """October's calls, invoiced; a year later their personal part is due."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rule = cls.env["call.retention"].create({"months": 12})
        cls.rows = row(caller=NUMBER, talk=61), row(caller=NUMBER, start="2026-10-06 10:00:00")
        cls.brought = cls.import_text(*cls.rows, row(called="000"))
        cls.env["call.suspense"].search([])._write_off("Test")
        cls.move = cls.contract._bill_periods(NOVEMBER)
        cls.move.action_post()
        cls.statement = cls.move.sudo().call_statement_ids
        cls.usage = cls.statement.usage_line_ids
        cls.statement._ensure_documents()
        # What was imported is as old as its calls.
        cls.env.flush_all()
        cls.env.cr.execute("UPDATE call_import SET finished_at = '2026-10-07', create_date = '2026-10-07'")
        cls.env.invalidate_all()

    def purge(self, at=LATER, **values):
        with freeze_time(at):
            purge = self.env["call.purge"].sudo()._run(self.env.company, **values)
        self.env.invalidate_all()
        return purge

    def counts(self, purge):
        return {
            line.kind: (line.record_count, line.held_count) for line in purge.line_ids if line.record_count or line.held_count
        }

    def everything(self):
        """All text that is stored of these calls."""
        self.env.flush_all()
        tables = ("call_usage_line", "call_suspense", "call_dispute_line", "call_access", "call_performance_report")
        rows = [self.env.execute_query(SQL("SELECT to_jsonb(t)::text FROM %s t", SQL.identifier(table))) for table in tables]
        files = (
            self.env["ir.attachment"]
            .sudo()
            .search([("res_model", "in", ("call.import", "account.move")), ("res_field", "in", (False, "file"))])
        )
        return str(rows) + "".join((file.raw or b"").decode("latin1") for file in files)

    def test_before_its_time_nothing_is_touched(self):
        self.assertFalse(self.purge("2027-10-01 10:00:00"))
        self.assertEqual(set(self.usage.mapped("caller")), {NUMBER})

    def test_afterwards_no_number_is_left_anywhere(self):
        self.assertIn("5550111", self.everything())
        purge = self.purge()
        self.assertEqual(self.counts(purge), {"calls": (2, 0), "suspense": (1, 0), "files": (1, 0)})
        self.assertNotIn("5550111", self.everything())
        self.assertEqual(set(self.usage.mapped("caller")), {"+XXXXXXXXXXXX"})
        self.assertEqual(set(self.usage.mapped("called")), {PHONE + "0100"})

    def test_what_was_charged_and_counted_is_the_same(self):
        columns = ("usage_count", "billable_count", "total_seconds", "billed_seconds", "usage_amount", "charge_amount")
        self.env["call.count"]._count_due()
        before = (
            self.statement.read(columns),
            self.charges(),
            self.env["call.count"]._read_group([], ["date:day"], ["call_count:sum"]),
        )
        purge = self.purge()
        line = purge.line_ids.filtered(lambda each: each.kind == "calls" and each.record_count)
        self.assertEqual((line.seconds_before, line.seconds_after, line.amount_before, line.amount_after), (131, 131, 2.7, 2.7))
        self.statement._recount()
        after = (
            self.statement.read(columns),
            self.charges(),
            self.env["call.count"]._read_group([], ["date:day"], ["call_count:sum"]),
        )
        self.assertEqual(after, before)
        proof = self.env["call.proof"].create({"date_from": "2026-10-01", "date_to": "2026-10-31"})
        proof.action_compute()
        self.assertTrue(proof.is_proved)

    def test_again_it_has_nothing_to_do(self):
        self.purge()
        self.assertFalse(self.purge())

    def test_a_preview_tells_the_same_and_touches_nothing(self):
        preview = self.purge(preview=True)
        self.assertEqual((preview.state, set(self.usage.mapped("caller"))), ("preview", {NUMBER}))
        self.assertEqual(self.counts(preview), self.counts(self.purge()))

    def test_only_some_digits_are_removed_where_the_rule_says_so(self):
        self.rule.digits = 4
        self.purge()
        self.assertEqual(set(self.usage.mapped("caller")), {"+49170555XXXX"})

    def test_the_same_calls_come_again_and_bring_nothing_back(self):
        self.purge()
        again = self.import_text(*self.rows, row(start="2026-11-06 10:00:00"))
        self.assertTotals(again, read=3, accepted=1, duplicate=2)
        self.assertNotIn(NUMBER, self.usage.mapped("caller"))

    def test_documents_are_made_again_from_what_is_left(self):
        self.purge()
        self.assertFalse(self.statement.file_attachment_id)
        documents = self.statement._ensure_documents()
        self.assertTrue(documents)
        self.assertIn(b"+XXXXXXXXXXXX", self.statement.file_attachment_id.raw)

    def test_agents_go_where_the_rule_says_so_and_their_counts_follow(self):
        self.import_records(self.record(agent="ann"))
        self.env["call.count"]._count_due()
        self.contract.call_statement_ids.filtered(lambda s: s.state == "open")
        self.rule.agents = True
        statement = self.contract.call_statement_ids - self.statement
        self.bill(until=DECEMBER).action_post()
        self.purge()
        self.env["call.count"]._count_due()
        self.assertFalse(self.env["call.count"].search([("statement_id", "in", statement.ids), ("agent", "!=", False)]))
        self.assertEqual(sum(self.env["call.count"].search([]).mapped("call_count")), 3)

    def test_records_of_one_call_stay_together(self):
        self.import_records(*(self.record(group_ref="g491705550111", start=f"2026-11-02T10:0{n}:00+01:00") for n in range(2)))
        self.bill(until=DECEMBER).action_post()
        self.purge("2028-01-05 10:00:00")
        calls = self.env["call.usage.line"].search([("group_ref", "!=", False), ("date", "=", "2026-11-02")])
        self.assertEqual((len(calls), len(set(calls.mapped("group_ref")))), (2, 1))
        self.assertNotIn("5550111", calls[0].group_ref)

    def test_the_most_specific_rule_counts(self):
        germany, source = self.env.ref("base.de"), self.source
        self.client.country_id = germany
        Rule = self.env["call.retention"]
        for values in ({"source_id": source.id}, {"country_id": germany.id}, {"contract_id": self.contract.id}):
            Rule.create({"months": 24, **values})
            self.assertFalse(self.counts(self.purge(preview=True)).get("calls"))
            self.rule.search([("months", "=", 24)]).months = 6
            self.assertTrue(self.counts(self.purge("2027-06-05 10:00:00", preview=True)).get("calls"))

    def test_what_is_not_closed_or_is_disputed_stays(self):
        self.statement._raise_dispute([{"usage_id": self.usage[0].id}], self.env.ref("call_center_billing.dispute_reason_other"))
        self.import_text(row(caller=NUMBER, start="2026-11-02 10:00:00"))
        purge = self.purge("2028-12-05 10:00:00")
        self.assertNotIn("calls", self.counts(purge))
        self.assertEqual(set(self.env["call.usage.line"].search([]).mapped("caller")), {NUMBER})

    def test_an_open_suspended_record_stays_and_is_told(self):
        held = self.import_text(row(called="001")).suspense_ids
        self.env.flush_all()
        self.env.cr.execute("UPDATE call_suspense SET create_date = '2026-10-05'")
        purge = self.purge(preview=True)
        self.assertEqual(self.counts(purge)["suspense"], (1, 1))
        self.purge()
        self.assertTrue(held.raw)

    def test_a_legal_hold_keeps_what_it_names(self):
        hold = self.env["call.legal.hold"].create({"name": "Court"})
        for values in ({"number": "0170 5550111"}, {"contract_id": self.contract.id}, {"source_id": self.source.id}, {}):
            hold.write({"number": False, "contract_id": False, "source_id": False} | values)
            self.env.company.country_id = self.env.ref("base.de")
            hold._compute_number_key()
            with self.subTest(values), self.cr.savepoint() as savepoint:
                purge = self.purge()
                self.assertEqual(set(self.usage.mapped("caller")), {NUMBER})
                self.assertTrue(self.brought._content_attachment(), "its file is held as well")
                self.assertEqual(sum(purge.line_ids.mapped("held_count")), 2)
                savepoint.rollback()
                self.env.invalidate_all(flush=False)
        hold.active = False
        self.assertEqual(self.counts(self.purge())["calls"], (2, 0))

    def test_a_hold_of_something_else_keeps_nothing(self):
        other = self.make_contract(name="Other")
        for values in ({"number": "+491705550999"}, {"contract_id": other.id}, {"until": "2027-12-04"}):
            self.env["call.legal.hold"].create({"name": "x", **values})
        self.assertEqual(self.counts(self.purge()), {"calls": (2, 0), "suspense": (1, 0), "files": (1, 0)})

    def test_a_number_that_is_held_no_more_goes_the_next_time(self):
        hold = self.env["call.legal.hold"].create({"name": "Court", "number": NUMBER})
        self.import_text(row(caller="+491705550222", start="2026-10-30 10:00:00"))
        self.bill(until=DECEMBER).action_post()
        self.purge("2028-01-05 10:00:00")
        hold.active = False
        self.assertEqual(self.counts(self.purge("2028-01-06 10:00:00"))["calls"], (2, 0))

    def test_only_managers_see_it_and_nobody_writes_what_was_done(self):
        purge = self.purge()
        accountant = new_test_user(self.env, "biller", groups="call_center_billing.group_accountant")
        for attempt in (purge.with_user(accountant).action_purge, self.env["call.purge"].with_user(accountant).action_preview):
            with self.assertRaises(AccessError):
                attempt()
        manager = new_test_user(self.env, "boss", groups="call_center_billing.group_manager")
        with self.assertRaises(AccessError):
            purge.line_ids.with_user(manager).write({"record_count": 0})

    def test_another_company_keeps_its_own(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.env.user.company_ids = [Command.link(other.id)]
        self.rule.company_id = other
        self.assertFalse(self.env["call.purge"].sudo()._run(other))
        self.assertFalse(self.purge())
