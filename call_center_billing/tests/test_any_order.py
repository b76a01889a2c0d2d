"""Whatever people, phone systems and crashes do in whatever order, what always holds holds after each step."""

import os
from contextlib import contextmanager
from unittest.mock import patch

from freezegun import freeze_time
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg2 import IntegrityError

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.sql_db import Cursor
from odoo.tests import tagged
from odoo.tools import mute_logger

from .asterisk import PHONE, row
from .common import DECEMBER, NOVEMBER, TODAY
from .figures import TRIED
from .test_after_posting import AfterPostingCase

EXAMPLES = int(os.environ.get("CALL_CENTER_BILLING_EXAMPLES", "16"))
STEPS = 12
MONTHS = (("2026-10-01", "2026-10-31"), ("2026-11-01", "2026-11-30"))
NUMBERS = ("0100", "0200", "0300")
"""Of the plain plan, of the plan with an allowance and tiers, and of nobody at first."""
calls = st.lists(
    st.tuples(st.sampled_from(NUMBERS), st.integers(1, 59), st.integers(0, 200)), min_size=1, max_size=5
)  # number, day since 1 October, seconds
choice = st.integers(0, 999)


INVOICES = ("move_type", "in", ("out_invoice", "out_refund"))
CREDITABLE = ("state", "=", "posted"), ("move_type", "=", "out_invoice"), ("reversal_move_ids", "=", False)
PAYABLE = ("state", "=", "posted"), ("payment_state", "=", "not_paid"), ("amount_total", ">", 0)
DISPUTABLE = "call.statement", ("state", "in", ("invoiced", "settled")), ("invoice_id.state", "=", "posted")
UNDECIDED = "call.dispute", ("state", "in", ("new", "review"))


def there(model, *domain):
    """Only when there is such a record."""
    return precondition(lambda month: month.records(model, *domain))


def invoiced(*domain):
    return there("account.move", INVOICES, *domain)


class Crash(BaseException):
    """The process is gone: nobody catches that."""


class Month(RuleBasedStateMachine):
    """Each step is a transaction: it is done, refused with a reason and without a trace, or lost in a crash."""

    case = None

    def __init__(self):
        super().__init__()
        self.env = self.case.env
        self.start = self.env.cr.savepoint()
        self.files, self.posted, self.crash_at = [], {}, None

    def teardown(self):
        self.env.invalidate_all(flush=False)
        self.start.rollback()
        self.start.close(rollback=False)
        self.env.invalidate_all(flush=False)

    @contextmanager
    def step(self):
        """A transaction, of which nothing is left if it is refused or if the process dies at the statement that was chosen."""
        execute, left, self.crash_at = Cursor.execute, self.crash_at or 10**9, None
        TRIED["steps of a month in any order"] += 1

        def execute_or_die(cr, *args, **kwargs):
            nonlocal left
            left -= 1
            if not left:
                TRIED["steps of a month in any order, of which these crashed"] += 1
                raise Crash
            return execute(cr, *args, **kwargs)

        try:
            with self.env.cr.savepoint(), patch.object(Cursor, "execute", execute_or_die):
                yield
                self.env.flush_all()
        except (UserError, IntegrityError, Crash):  # Odoo shows the message of a constraint as a refusal
            self.env.transaction.clear()

    def records(self, model, *domain):
        return self.env[model].search([*domain, ("company_id", "=", self.env.company.id)], order="id")

    def invoices(self, *domain):
        return self.records("account.move", INVOICES, *domain)

    def one(self, records, number):
        return records[number % len(records)] if records else records

    # --- Steps ------------------------------------------------------------------------------------------------------------

    @rule(at=st.integers(1, 120))
    def crash(self, at):
        """The next step dies at this statement, if it gets that far."""
        self.crash_at = at

    @initialize(told=calls, far=st.integers(0, 5))
    def begin(self, told, far):
        """Most of what can go wrong comes after the first invoice: some begin with it."""
        self.import_calls([*told, ("0100", 3, 61), ("0200", 4, 30), ("0100", 35, 70)])
        if far > 0:
            self.close_and_invoice(NOVEMBER, True)
        if far > 1:
            self.post()
        if far > 2:
            self.dispute(0, 1)
        if far > 3:
            self.pay(0)
        if far > 4:
            self.credit(0, "again")
            self.post()

    @rule(told=calls)
    def import_calls(self, told):
        self.files.append("".join(self.line(*call) for call in told))
        self.import_file(self.files[-1])

    @rule(at=choice)
    def import_again(self, at):
        self.import_file(self.files[at % len(self.files)])

    @rule(told=calls, at=choice)
    def import_overlapping(self, told, at):
        self.import_file(self.files[at % len(self.files)] + "".join(self.line(*call) for call in told) + "torn\n")

    def line(self, number, day, talk):
        month, day = (10, day) if day <= 31 else (11, day - 31)
        return row(start=f"2026-{month}-{day:02} 10:00:00", called=PHONE + number, talk=talk)

    def import_file(self, content):
        with self.step():
            self.case.import_text(content)

    @there("call.import", ("state", "=", "done"))
    @rule(at=choice)
    def undo(self, at):
        with self.step():
            self.one(self.records("call.import", ("state", "=", "done")), at).action_undo()

    @there("call.suspense", ("state", "=", "open"))
    @rule()
    def recycle(self):
        with self.step():
            if not self.records("call.endpoint", ("value", "=", PHONE + "0300")):
                self.case.make_endpoint(PHONE + "0300")
            self.records("call.suspense", ("state", "=", "open")).action_recycle()

    @there("call.suspense", ("state", "=", "open"))
    @rule(at=choice)
    def write_off(self, at):
        with self.step():
            self.one(self.records("call.suspense", ("state", "=", "open")), at)._write_off("Test call")

    @rule(cents=st.integers(1, 99))
    def change_plan(self, cents):
        with self.step():
            self.case.plan.rule_ids.minute_price = cents / 100

    @rule(billed=st.booleans(), now=st.booleans())
    def rate_again(self, billed, now):
        with self.step():
            values = {"include_billed": billed, "reason": "Agreed", "settle": "now" if now else "next"}
            self.env["call.rerate"].create(values).action_apply()

    @rule(until=st.sampled_from((NOVEMBER, DECEMBER)), together=st.booleans())
    def close_and_invoice(self, until, together):
        with self.step():
            contracts = self.case.contracts if together else self.case.contract
            contracts._bill_batch(until, until)

    @invoiced(("state", "=", "draft"))
    @rule()
    def post(self):
        with self.step():
            self.invoices(("state", "=", "draft"))._post()

    @invoiced(("state", "=", "draft"))
    @rule(at=choice)
    def delete_draft(self, at):
        with self.step():
            self.one(self.invoices(("state", "=", "draft")), at).unlink()

    @invoiced(*CREDITABLE)
    @rule(at=choice, usage=st.sampled_from(("again", "off", False)))
    def credit(self, at, usage):
        move = self.one(self.invoices(*CREDITABLE), at)
        with self.step():
            self.case.credit(move, usage if move.call_statement_ids else False)

    @invoiced(*PAYABLE)
    @rule(at=choice)
    def pay(self, at):
        with self.step():
            self.case.pay(self.one(self.invoices(*PAYABLE), at))

    @there(*DISPUTABLE)
    @rule(at=choice, many=st.integers(1, 2))
    def dispute(self, at, many):
        statement = self.one(self.records(*DISPUTABLE), at)
        with self.step():
            mine = statement.usage_line_ids.filtered(lambda call: call.status == "billable" and call.quantity > 0).sorted("id")
            if mine:
                reason = self.env.ref("call_center_billing.dispute_reason_other")
                statement._raise_dispute([{"usage_id": call.id} for call in mine[:many]], reason, override="Test")

    @there(*UNDECIDED)
    @rule(at=choice, decision=st.sampled_from(("accept", "reject")), settle=st.sampled_from(("now", "next")))
    def decide(self, at, decision, settle):
        dispute = self.one(self.records(*UNDECIDED), at)
        with self.step():
            dispute.line_ids.decision = decision
            dispute._decide(settle=settle)

    @rule()
    def purge(self):
        with self.step(), freeze_time("2027-03-15"):
            if not self.records("call.retention"):
                self.env["call.retention"].sudo().create({"months": 1})
            self.env["call.purge"].sudo()._run(self.env.company)

    # --- What always holds ------------------------------------------------------------------------------------------------

    def none(self, query):
        """:param query: rows that must not be, of a company"""
        self.env.flush_all()
        self.env.cr.execute(query, {"company": self.env.company.id})
        self.case.assertFalse(self.env.cr.fetchall(), query)

    @invariant()
    def control_totals_are_the_rows(self):
        self.none(
            """
            SELECT i.id FROM call_import i WHERE company_id = %(company)s AND i.state = 'done'
               AND (read_count <> accepted_count + duplicate_count + suspended_count + ignored_count
                 OR accepted_count + suspended_count
                 <> (SELECT count(*) FROM call_usage_line u JOIN call_statement s ON s.id = u.statement_id
                      WHERE u.import_id = i.id AND s.billed_again_id IS NULL AND u.quantity >= 0)
                  + (SELECT count(*) FROM call_suspense x WHERE x.import_id = i.id AND x.state <> 'recycled'))
            """
        )

    @invariant()
    def a_file_brings_its_calls_once(self):
        self.none(
            """
            SELECT 1 FROM call_import WHERE company_id = %(company)s AND state IN ('done', 'running')
             GROUP BY checksum HAVING count(*) > 1
             UNION ALL
            SELECT 1 FROM call_usage_line u JOIN call_statement s ON s.id = u.statement_id
             WHERE u.company_id = %(company)s AND s.billed_again_id IS NULL GROUP BY group_ref HAVING count(*) > 1
            """
        )

    @invariant()
    def the_proof_is_complete(self):
        for first, last in MONTHS:
            proof = self.env["call.proof"].create({"date_from": first, "date_to": last})
            proof.action_compute()
            wrong = proof.line_ids.filtered("is_wrong").mapped(lambda line: (line.name, line.call_count, line.amount))
            self.case.assertTrue(proof.is_proved, (first, wrong))

    @invariant()
    def a_price_is_seconds_times_its_rule(self):
        self.none(
            """
            SELECT u.id, u.amount FROM call_usage_line u JOIN call_price p ON p.id = u.price_id
             WHERE u.company_id = %(company)s AND u.status = 'billable' AND u.quantity > 0
               AND u.amount <> p.call_price + p.time_price * ceil(u.counted_seconds / 60.0)
            """
        )

    @invariant()
    def a_charge_is_the_sum_of_its_calls_and_on_one_line(self):
        """Of the plain plan, calls of one price and period are one charge, rounded once."""
        self.none(
            """
            SELECT s.id, h.amount, u.amount
              FROM (SELECT statement_id, contract_line_id, price_id, late_of_id, sum(amount) AS amount, sum(call_count) AS calls
                      FROM call_charge WHERE component NOT IN ('included', 'adjustment') GROUP BY 1, 2, 3, 4) h
              JOIN call_statement s ON s.id = h.statement_id
              JOIN contract_line l ON l.id = h.contract_line_id
              JOIN call_rate_plan r ON r.id = l.rate_plan_id AND r.name = 'Plan'
              LEFT JOIN (SELECT statement_id, contract_line_id, price_id, late_of_id, sum(amount) AS amount, count(*) AS calls
                           FROM call_usage_line WHERE status = 'billable' GROUP BY 1, 2, 3, 4) u
                ON u.statement_id = s.id AND u.contract_line_id = h.contract_line_id AND u.price_id = h.price_id
               AND u.late_of_id IS NOT DISTINCT FROM h.late_of_id
             WHERE s.company_id = %(company)s AND s.state <> 'open'
               AND (round(u.amount, 2), u.calls) IS DISTINCT FROM (round(h.amount, 2), h.calls)
            """
        )
        self.none(
            """
            SELECT h.id FROM call_charge h JOIN call_statement s ON s.id = h.statement_id
              LEFT JOIN account_move_line l ON l.call_charge_id = h.id AND l.move_id = s.invoice_id
              LEFT JOIN account_move m ON m.id = l.move_id
             WHERE s.company_id = %(company)s AND s.state IN ('invoiced', 'settled')
             GROUP BY h.id, h.amount HAVING count(l.id) <> 1
                OR sum(l.price_subtotal * CASE WHEN m.move_type = 'out_refund' THEN -1 ELSE 1 END) <> round(h.amount, 2)
            """
        )

    @invariant()
    def what_is_posted_stays(self):
        """Calls that are billed again leave copies, with other ids, to the invoice that was sent."""
        now = {}
        for move in self.invoices(("state", "=", "posted")):
            lines = move.invoice_line_ids.mapped(
                lambda line: (line.id, line.name, line.quantity, line.price_unit, line.price_subtotal)
            )
            usage = move.call_statement_ids.usage_line_ids.mapped(lambda call: (str(call.start_at), call.status, call.amount))
            now[move.id] = (move.name, move.partner_id.id, move.amount_total, sorted(lines), sorted(usage))
        for move, before in self.posted.items():
            self.case.assertEqual(now.get(move), before)
        self.posted = now


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestAnyOrder(AfterPostingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tiers = [Command.create({"up_to": 2, "price": 1.2}), Command.create({"up_to": 0, "price": 1})]
        tiered = cls.make_plan(call_price=1.2, tier_mode="graduated", tier_unit="call", tier_ids=tiers)
        tiered.write({"name": "Tiers", "allowance_ids": [Command.create({"name": "One", "quantity": 1, "unit": "call"})]})
        other = cls.make_contract(tiered, cls.env["res.partner"].create({"name": "Law Firm", "tz": "Europe/Berlin"}), fee=10)
        cls.make_endpoint(PHONE + "0200", other.contract_line_ids.filtered("rate_plan_id"))
        cls.contracts = cls.contract | other

    @mute_logger("odoo.addons.call_center_billing.models.contract_billing", "odoo.sql_db")
    def test_what_always_holds_holds_after_any_sequence_of_steps(self):
        machine = type("Month", (Month,), {"case": self})
        suite = "CALL_CENTER_BILLING_EXAMPLES" not in os.environ
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS if suite else 30,
                deadline=None,
                database=None,
                derandomize=suite,
                phases=[Phase.generate]
                if suite
                else [Phase.generate, Phase.shrink],  # the shortest way to a failure takes long to find
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
