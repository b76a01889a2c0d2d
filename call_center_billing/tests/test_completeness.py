from datetime import date, datetime, timedelta

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, RedirectWarning, UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..models.call_completeness import FINDINGS
from .asterisk import PHONE, row
from .common import DECEMBER, NOVEMBER, CallBillingCommon


class GateCase(CallBillingCommon):
    """The gate as a new company has it. Now is Thursday, 5 November 2026, 11:00 in Berlin."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(freeze_time("2026-11-05 10:00:00"))
        fields = cls.env["res.company"]._fields
        cls.env.company.write({f"call_gate_{kind}": fields[f"call_gate_{kind}"].default(cls.env.company) for kind in FINDINGS})

    def findings(self, statement=None):
        """What speaks against closing: (kind, severity, count)."""
        statement = statement or self.contract.call_statement_ids.sorted("date_start")[:1]
        return [(finding.kind, finding.severity, finding.count) for finding in statement._completeness()[statement]]

    def suspend(self, *rows):
        """Suspended records of the contract: no rule fits outbound calls."""
        self.plan.rule_ids.direction = "inbound"
        record = self.import_text(*rows, *(row(context="out", caller=PHONE + "0100", called="0301", talk=n) for n in (7, 8)))
        suspense = record.suspense_ids.filtered("contract_line_id")
        self.assertEqual(suspense.mapped("reason"), ["no_rule", "no_rule"])
        return suspense

    def override(self, statements=None, reason="Agreed with the client", user=None):
        statements = statements or self.contract.call_statement_ids
        wizard = self.env["call.gate.override"].with_user(user or self.env.user).with_context(active_ids=statements.ids)
        wizard = wizard.create({"reason": reason})
        wizard.action_override()
        return wizard


class TestCompleteness(GateCase):
    """What must be there before a period closes."""

    def test_nothing_is_found_where_nothing_is_missing(self):
        self.import_text(row())
        self.assertEqual(self.findings(), [])
        self.assertEqual(self.bill().amount_untaxed, 0.9)

    def test_suspended_calls_of_the_contract_hold_its_period(self):
        suspense = self.suspend(row())
        self.assertEqual(self.findings(), [("suspense", "block", 2)])
        with self.assertRaisesRegex(UserError, "10/01/2026 - 10/31/2026 seems to be incomplete.\n.*2 x No rate rule fits"):
            self.bill()
        with self.assertRaisesRegex(RedirectWarning, "seems to be incomplete") as caught:
            self.contract.action_bill_usage()
        self.assertEqual(caught.exception.args[1]["res_id"], self.contract.call_statement_ids.sorted("date_start")[0].id)
        suspense._write_off("Test calls")
        self.assertEqual(self.findings(), [])
        self.assertTrue(self.bill())

    def test_suspended_calls_of_other_days_and_contracts_do_not_matter(self):
        other = self.make_contract(name="Other")
        self.make_endpoint("777", other.contract_line_ids)
        self.suspend(row(), row(called="777"))
        self.suspend(row(start="2026-11-01 00:10:00"))  # in UTC it is still October
        self.assertEqual(self.findings(other.call_statement_ids), [])
        november = self.contract.call_statement_ids.filtered(lambda s: s.date_start == NOVEMBER)
        self.assertEqual(self.findings(november), [])

    def test_a_held_contract_keeps_its_reason_and_stops_no_other(self):
        other = self.make_contract(name="Other")
        self.make_endpoint("777", other.contract_line_ids)
        self.suspend(row(), row(called="777", talk=120))
        moves = (self.contract | other)._bill_batch(NOVEMBER, NOVEMBER)
        self.assertEqual(moves.mapped("amount_untaxed"), [1.8])
        self.assertIn("2 x No rate rule fits", self.contract.invoice_generation_error)
        self.assertEqual(self.contract.call_statement_ids.state, "open")
        self.override()
        self.assertEqual(self.contract._bill_batch(NOVEMBER, NOVEMBER).amount_untaxed, 0.9)
        self.assertFalse(self.contract.invoice_generation_error)

    def test_calls_that_belong_to_nobody_warn(self):
        self.import_text(row(), row(called="000"), row(called="001"), row(called="000", start="2026-11-02 10:00:00"))
        self.assertEqual(self.findings(), [("nobody", "warn", 2)])
        statement = self.contract.call_statement_ids
        self.assertEqual((statement.has_findings, statement.is_held), (True, False))
        self.assertEqual(statement.finding_nobody, "Suspended records of PBX that belong to nobody: 2 x Belongs to no contract")
        self.assertTrue(self.bill())
        self.assertIn("2 x Belongs to no contract", " ".join(statement.message_ids.mapped("body")))

    def test_nobodys_calls_of_a_source_that_the_client_does_not_use_do_not_matter(self):
        other = self.source.copy({"name": "Other PBX"})
        self.import_text(row())
        self.import_text(row(called="000"), source=other)
        self.assertEqual(self.findings(), [])

    def calls_at(self, *starts, each=4):
        self.import_text(
            *(row(start=str(datetime.fromisoformat(start) + timedelta(minutes=n))) for start in starts for n in range(each))
        )

    def test_a_day_without_the_usual_calls_holds_the_period(self):
        """Every Tuesday of October has calls but the last."""
        self.line.date_start = self.contract.date_start = date(2026, 9, 1)
        self.calls_at(*(f"2026-09-{day:02} 09:00:00" for day in (22, 29)), *(f"2026-10-{day:02} 09:00:00" for day in (6, 13, 20)))
        with freeze_time("2026-10-05"):
            self.bill(until=date(2026, 10, 1))
        self.assertEqual(self.contract.call_statement_ids.sorted("date_start")[0].state, "invoiced")
        october = self.contract.call_statement_ids.sorted("date_start")[-1]
        self.assertEqual(self.findings(october), [("gaps", "block", 1)])
        self.assertIn("10/27/2026: no call all day, usually 4", october.finding_gaps)
        self.assertEqual(october.with_context(finding="gaps").action_view_finding()["domain"], [("id", "in", self.source.ids)])
        self.calls_at("2026-10-27 09:00:00")
        self.assertEqual(self.findings(october), [])

    def test_an_hour_without_the_usual_calls_holds_the_period(self):
        tuesdays = [f"2026-{day} 09:00:00" for day in ("09-29", "10-06", "10-13", "10-20")]
        self.line.date_start = self.contract.date_start = date(2026, 9, 1)
        self.calls_at(*tuesdays, "2026-10-27 15:00:00")
        with freeze_time("2026-10-05"):
            self.bill(until=date(2026, 10, 1))
        october = self.contract.call_statement_ids.sorted("date_start")[-1]
        self.assertEqual(self.findings(october), [("gaps", "block", 1)])
        self.assertIn("no call, usually 4", october.finding_gaps)

    def test_calls_that_had_no_time_to_arrive_are_not_missing(self):
        self.calls_at(*(f"2026-10-{day:02} 09:00:00" for day in (7, 14, 21, 28)))
        self.bill()
        self.import_text(row(start="2026-11-02 10:00:00"))
        november = self.contract.call_statement_ids.sorted("date_start")[-1]
        self.source.expected_within = 72
        self.assertEqual(self.findings(november), [])
        self.source.expected_within = 10
        self.assertEqual(self.findings(november), [("gaps", "block", 1)])

    def test_missing_numbers_hold_the_period_in_which_they_are(self):
        self.source.check_sequence = True
        self.import_text(row(), name="a.csv")
        self.import_text(row(start="2026-10-20 10:00:00"), name="b.csv")
        self.cr.execute("UPDATE call_source SET seen_sequences = '{[1,4),[8,9)}' WHERE id = %s", [self.source.id])
        first, second = self.source.import_ids.sorted("id")
        self.cr.execute("UPDATE call_import SET seen_sequences = '{[1,4)}' WHERE id = %s", [first.id])
        self.cr.execute("UPDATE call_import SET seen_sequences = '{[8,9)}' WHERE id = %s", [second.id])
        self.assertEqual(self.findings(), [("gaps", "block", 4)])
        self.assertIn("Numbers that never came: 4-7", self.contract.call_statement_ids.finding_gaps)
        self.override()
        self.bill()
        self.import_text(row(start="2026-11-02 10:00:00"))
        self.assertEqual(self.findings(self.contract.call_statement_ids.sorted("date_start")[-1]), [])

    def history(self, *counts):
        """Closed periods with so many calls, from August on."""
        self.line.date_start = self.contract.date_start = date(2026, 8, 1)
        for month, count in zip((8, 9), counts, strict=False):
            self.import_text(*(row(start=f"2026-{month:02}-{n % 28 + 1:02} {n % 24:02}:00:00") for n in range(count)))
        with freeze_time("2026-10-05"):
            self.bill(until=date(2026, 10, 1))

    def test_an_unusual_volume_warns(self):
        self.history(60, 62)
        self.import_text(*(row(start=f"2026-10-{n + 1:02} 10:00:00") for n in range(31)))
        october = self.contract.call_statement_ids.sorted("date_start")[-1]
        self.assertEqual(self.findings(october), [])  # 31 in 31 days, usually 122 in 61: just half
        self.contract.company_id.call_gate_less = 51
        self.assertEqual(self.findings(october), [("history", "warn", 31)])
        self.assertTrue(october.finding_history.startswith("Unusual volume: 31 calls, usually 62"))
        self.contract.company_id.write({"call_gate_less": 0, "call_gate_more": 40})
        self.assertEqual(self.findings(october), [("history", "warn", 31)])
        self.contract.company_id.call_gate_min_calls = 63
        self.assertEqual(self.findings(october), [])

    def test_a_period_that_is_billed_again_is_measured_by_what_counts(self):
        """It was invoiced with 31 calls; of these, 2 are left."""
        self.history(60, 62)
        kept = self.import_text(*(row(start=f"2026-10-{n:02} 10:00:00") for n in (5, 6)))
        undone = self.import_text(*(row(start=f"2026-10-{n:02} 12:00:00") for n in range(1, 30)))
        first = self.bill()
        first.action_post()
        first.button_cancel()
        first.action_bill_call_usage_again()
        undone.action_undo()
        october = kept.usage_line_ids.statement_id
        self.assertEqual(self.findings(october), [("history", "warn", 2)])

    def test_a_company_decides_what_holds_warns_or_is_not_looked_at(self):
        self.suspend(row(), row(called="000"))
        self.env.company.write({"call_gate_suspense": "warn", "call_gate_nobody": "block"})
        self.assertEqual(self.findings(), [("suspense", "warn", 2), ("nobody", "block", 1)])
        self.env.company.write({"call_gate_suspense": "off", "call_gate_nobody": "off"})
        self.assertEqual(self.findings(), [])

    def test_who_overrides_gives_a_reason_that_stays(self):
        self.suspend(row())
        statement = self.contract.call_statement_ids
        self.assertTrue(statement.is_held)
        accountant = new_test_user(self.env, "biller", groups="call_center_billing.group_accountant")
        wizard = self.override(user=accountant, reason="The client knows")
        self.assertIn("2 x No rate rule fits", wizard.findings)
        self.assertEqual(
            (statement.gate_override_reason, statement.gate_override_by, statement.gate_override_at, statement.is_held),
            ("The client knows", accountant, datetime(2026, 11, 5, 10), False),
        )
        note = statement.message_ids[0]
        self.assertTrue(note.is_internal or note.subtype_id.internal)
        for text in ("The client knows", "2 x No rate rule fits"):
            self.assertIn(text, note.body)
        self.assertTrue(self.bill())
        self.assertEqual(statement.gate_override_reason, "The client knows")

    def test_an_override_ends_when_the_period_opens_again(self):
        self.suspend(row())
        self.override()
        statement = self.bill().call_statement_ids
        statement.invoice_id.unlink()
        self.assertEqual((statement.state, statement.gate_override_reason, statement.is_held), ("open", False, True))

    def test_sales_do_not_override_and_nobody_does_without_a_reason(self):
        self.suspend(row())
        statement = self.contract.call_statement_ids
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        with self.assertRaisesRegex(UserError, "Only billing accountants"):
            statement.with_user(sales)._override_gate("Because")
        with self.assertRaises(UserError):
            self.override(user=sales)
        with self.assertRaises(IntegrityError), self.cr.savepoint(), mute_logger("odoo.sql_db"):
            statement._override_gate(" ")
            self.env.flush_all()

    def test_a_closed_period_is_not_overridden(self):
        self.import_text(row())
        statement = self.bill().call_statement_ids
        with self.assertRaisesRegex(UserError, "is closed already"):
            statement._override_gate("Because")

    def test_a_period_without_a_statement_gets_one_to_decide_on(self):
        self.suspend()
        self.contract.call_statement_ids.sudo().unlink()
        self.assertFalse(self.contract._bill_batch(NOVEMBER, NOVEMBER))
        statement = self.contract.call_statement_ids
        self.assertEqual((statement.state, statement.date_start), ("open", date(2026, 10, 1)))
        self.override()
        self.contract._bill_batch(NOVEMBER, NOVEMBER)
        self.assertEqual(statement.state, "closed")

    def test_the_number_of_queries_does_not_follow_the_statements(self):
        contracts = self.contract
        for number in range(6):
            contracts |= self.make_contract(name=f"C{number}")
            self.make_endpoint(f"55{number}", contracts[-1].contract_line_ids)
        self.plan.rule_ids.direction = "inbound"
        self.import_text(
            row(), row(called="000"), *(row(called=f"55{n}") for n in range(6)),
            *(row(context="out", caller=f"55{n}", called="0301") for n in range(6)),
        )  # fmt: skip
        statements = contracts.call_statement_ids

        def count(some):
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            found = some._completeness()
            self.assertEqual(len(found), len(some))
            return self.cr.sql_log_count - before

        count(statements)
        self.assertEqual(count(statements), count(statements[:1]))

    def test_the_form_opens_the_rows_of_a_finding(self):
        suspense = self.suspend(row())
        action = self.contract.call_statement_ids.with_context(finding="suspense").action_view_finding()
        self.assertEqual(self.env["call.suspense"].search(action["domain"]), suspense)

    def test_the_next_period_is_held_too(self):
        self.suspend(row(), row(start="2026-11-02 10:00:00"))
        self.override(self.contract.call_statement_ids.filtered(lambda s: s.date_start != NOVEMBER))
        with freeze_time("2026-12-05"):
            november = self.contract.call_statement_ids.filtered(lambda s: s.date_start == NOVEMBER)
            self.import_text(row(start="2026-11-03 10:00:00", context="out", caller=PHONE + "0100", called="0301"), name="n.csv")
            self.assertEqual(self.findings(november), [("suspense", "block", 1)])
            self.assertEqual(len(self.contract._bill_batch(DECEMBER, DECEMBER)), 0)
            self.assertIn("11/01/2026", self.contract.invoice_generation_error)


@tagged("post_install", "-at_install")
class TestCompletenessIsInternal(HttpCase, GateCase):
    def test_a_client_sees_neither_findings_nor_the_reason(self):
        user = self.make_portal_user(self.client, "gate_client")
        self.contract.message_subscribe(self.client.ids)
        self.suspend(row())
        self.contract._bill_batch(NOVEMBER, NOVEMBER)
        self.assertIn("seems to be incomplete", self.contract.invoice_generation_error)
        self.override(reason="Secret reason")
        statement = self.bill().call_statement_ids
        statement.invoice_id.action_post()
        mine = self.env["call.statement"].with_user(user).search([])
        self.assertEqual(mine, statement)
        hidden = {name for name in statement._fields if name.startswith(("gate_", "finding_"))} | {"is_held", "has_findings"}
        self.assertEqual(len(hidden), 9)
        self.assertFalse(hidden & mine.fields_get().keys())
        for name in hidden:
            with self.subTest(name), self.assertRaises(AccessError):
                mine.read([name])
        self.authenticate(user.login, user.login)
        self.assertNotIn("Secret reason", self.url_open(f"/my/statements/{statement.id}").text)
        messages = self.env["mail.message"].with_user(user).search([("model", "in", ("call.statement", "contract.contract"))])
        self.assertFalse([body for body in messages.mapped("body") if "Secret reason" in body or "incomplete" in body])
        contract = self.contract.with_user(user)
        self.assertEqual(contract.read(["name"])[0]["name"], "Answering service")
        with self.assertRaises(AccessError):
            contract.read(["invoice_generation_error"])

    def test_fields_of_the_gate_are_not_found_by_a_client(self):
        user = self.make_portal_user(self.client, "gate_client")
        with self.assertRaises(AccessError):
            self.env["call.statement"].with_user(user).search([("gate_override_reason", "!=", False)])
