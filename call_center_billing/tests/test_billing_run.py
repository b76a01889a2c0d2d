from datetime import date
from unittest.mock import patch

import psycopg2
from freezegun import freeze_time

from odoo import SUPERUSER_ID, fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import call_billing_run
from ..models.contract_billing import ContractContract
from .asterisk import PHONE, row
from .common import DECEMBER, NOVEMBER, TODAY, CallBillingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestBillingRun(CallBillingCommon):
    """The accountant sees what is due, starts it, and reads what became of each contract."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch.object(cls.registry["ir.cron"], "_commit_progress", return_value=60))
        cls.env["contract.contract"].search([("id", "!=", cls.contract.id)]).contract_line_ids.is_canceled = True

    def run_(self, **values):
        return self.env["call.billing.run"].create(values)

    def rows(self, run):
        """The run as the accountant reads it."""
        return [(line.contract_id.name, line.state, line.amount, line.previous_amount) for line in run.line_ids.sorted("id")]

    def test_the_preview_tells_what_the_invoice_will_be_and_closes_nothing(self):
        contract = self.make_contract(fee=49, name="With a fee")
        self.import_text(row(talk=61), row(talk=30))
        run = self.run_()
        run.action_prepare()
        self.assertEqual(self.rows(run), [("Answering service", "waiting", 2.7, 0), ("With a fee", "waiting", 49, 0)])
        self.assertEqual(self.contract.call_statement_ids.state, "open")
        self.assertFalse(self.contract.call_statement_ids.charge_ids)
        self.assertEqual(contract.recurring_next_date, NOVEMBER)
        self.assertEqual(self.line.last_date_invoiced, False)
        run.action_run()
        self.assertEqual(run.line_ids.sorted("id").mapped("move_ids.amount_untaxed"), [2.7, 49])
        self.assertEqual((run.state, run.progress, run.move_count), ("done", 100, 2))

    def test_it_says_what_is_worth_a_look(self):
        self.import_text(row(talk=60))
        self.bill()
        self.import_text(*(row(start=f"2026-11-0{day} 10:00:00", talk=60) for day in range(1, 6)))
        idle = self.make_contract(fee=10, name="Idle")
        with freeze_time("2026-12-05"):
            run = self.run_()
            run.action_prepare()
        self.assertEqual(self.rows(run), [("Answering service", "waiting", 4.5, 0.9), ("Idle", "waiting", 20, 0)])
        self.assertEqual(
            run.line_ids.sorted("id").mapped("warning"),
            ["Differs from the last invoice by +400 %.", "2 periods are due.\nNo usage in the period."],
        )
        self.assertEqual(run.warning_count, 2)
        self.assertFalse(idle.call_statement_ids)

    def test_what_would_fail_is_told_before(self):
        bad = self.make_contract(fee=10, name="Bad")
        bad.journal_id = False
        self.import_text(row())
        with patch.object(ContractContract, "_usage_invoices", self.failing(bad)):
            run = self.run_()
            run.action_prepare()
        self.assertEqual(run.line_ids.sorted("id").mapped("warning"), [False, "No journal"])

    def test_what_is_missing_is_told_before_and_holds_the_contract(self):
        self.env.company.call_gate_suspense = "block"
        self.plan.rule_ids.direction = "inbound"
        self.import_text(row(), row(context="out", caller=PHONE + "0100"))
        run = self.run_()
        run.action_prepare()
        self.assertEqual((run.line_ids.amount, run.line_ids.warning.split(":")[0]), (0.9, "Suspended calls of this contract"))
        run.action_run()
        self.assertEqual((run.line_ids.state, run.move_count), ("failed", 0))
        self.contract.call_statement_ids._override_gate("Two numbers are not ours")
        run.action_retry()
        self.assertEqual(run.line_ids.move_ids.amount_untaxed, 0.9)

    def failing(self, bad):
        original = ContractContract._usage_invoices

        def fail(contracts, date_ref, check=True):
            if bad in contracts:
                raise UserError("No journal")  # pylint: disable=translation-required
            return original(contracts, date_ref, check)

        return fail

    def test_one_failure_stops_no_other_and_can_be_retried(self):
        bad = self.make_contract(fee=10, name="Bad")
        self.import_text(row())
        run = self.run_()
        with patch.object(ContractContract, "_usage_invoices", self.failing(bad)):
            run.action_run()
        failed = run.line_ids.filtered(lambda line: line.state == "failed")
        self.assertEqual((failed.contract_id, failed.message), (bad, "No journal"))
        self.assertEqual((run.state, run.invoiced_count, run.failed_count), ("done", 1, 1))
        run.action_retry()
        self.assertEqual((run.invoiced_count, failed.state, failed.move_ids.amount_untaxed), (2, "invoiced", 10))

    def test_a_contract_that_is_left_out_waits_for_the_next_run(self):
        self.import_text(row())
        run = self.run_()
        run.action_prepare()
        run.line_ids.action_leave_out()
        run.action_run()
        self.assertEqual((run.line_ids.state, run.move_count, self.contract.call_statement_ids.state), ("left_out", 0, "open"))
        again = self.run_()
        again.action_run()
        self.assertEqual(again.line_ids.state, "invoiced")

    def test_a_period_that_is_billed_again_is_in_it(self):
        self.import_text(row())
        move = self.bill()
        move.button_cancel()
        move.action_bill_call_usage_again()
        run = self.run_()
        run.action_prepare()
        self.assertEqual((run.line_ids.amount, run.line_ids.previous_amount, run.line_ids.line_count), (0.9, 0, 1))
        run.action_run()
        self.assertEqual((run.line_ids.state, run.line_ids.move_ids.amount_untaxed), ("invoiced", 0.9))

    def test_its_drafts_can_be_deleted_and_billed_again(self):
        self.import_text(row())
        run = self.run_()
        run.action_run()
        self.assertTrue(run.only_drafts)
        run.action_undo()
        self.assertEqual((run.state, run.line_ids.state, run.move_count), ("draft", "waiting", 0))
        self.assertEqual(self.contract.call_statement_ids.state, "open")
        run.post = True
        run.action_run()
        self.assertEqual((run.line_ids.move_ids.state, run.only_drafts), ("posted", False))
        with self.assertRaisesRegex(UserError, "posted"):
            run.action_undo()

    def test_two_runs_bill_a_period_once(self):
        self.import_text(row())
        first, second = self.run_(), self.run_()
        (first | second).action_prepare()
        first.action_run()
        with self.assertRaisesRegex(UserError, "No contract"):
            second.action_run()
        second = self.run_()
        second.sudo().write({"line_ids": [fields.Command.create({"contract_id": self.contract.id})], "state": "running"})
        second._go_on()
        self.assertEqual((second.line_ids.state, second.move_count), ("nothing", 0))

    @mute_logger("odoo.addons.contract.models.contract")
    def test_contracts_that_others_keep_changing_are_left_to_people_after_some_tries(self):
        self.import_text(row())
        run = self.run_(state="running")
        run.sudo().line_ids = [fields.Command.create({"contract_id": self.contract.id})]
        Contract = self.registry["contract.contract"]
        conflict = psycopg2.errors.SerializationFailure("could not serialize access")
        with patch.object(Contract, "_bill_periods", side_effect=conflict), patch.object(self.env.cr, "rollback"):
            for tries in range(1, call_billing_run.MAX_TRIES + 1):
                run.with_user(SUPERUSER_ID)._cron_run()
                self.assertEqual((run.state, run.line_ids.state, run.line_ids.tries), ("running", "waiting", tries))
            run.with_user(SUPERUSER_ID)._cron_run()
        self.assertEqual((run.state, run.line_ids.state), ("done", "failed"))
        self.assertIn("broke off 5 times", run.line_ids.message)
        self.assertTrue(self.contract.activity_ids)
        run.action_retry()
        self.assertEqual(run.line_ids.move_ids.amount_untaxed, 0.9)

    def test_a_big_run_is_left_to_the_job_which_goes_on_where_it_was(self):
        others = self.env["contract.contract"].union(*(self.make_contract(fee=i, name=f"C{i}") for i in range(1, 6)))
        self.startPatcher(patch.object(call_billing_run, "AT_ONCE", 2))
        run = self.run_()
        run.action_prepare()
        self.assertEqual(run.state, "preparing")
        Run = self.env["call.billing.run"].sudo()
        self.env.company.call_billing_schedule = "manual"
        Run._cron_run()
        self.assertEqual((run.state, sum(run.line_ids.mapped("amount"))), ("draft", 15))
        run.action_run()
        self.assertEqual((run.state, run.waiting_count), ("running", 6))
        run._bill(others[:2])  # and then it was killed
        self.assertEqual((run.invoiced_count, round(run.progress)), (2, 33))
        Run._cron_run()
        self.assertEqual((run.state, run.move_count, sum(run.line_ids.move_ids.mapped("amount_untaxed"))), ("done", 5, 15))
        self.assertEqual(run.line_ids.filtered(lambda line: line.contract_id == self.contract).state, "nothing")

    def test_the_daily_job_does_what_the_company_wants(self):
        Run, mine = self.env["call.billing.run"].sudo(), [("company_id", "=", self.env.company.id)]
        self.import_text(row())
        for schedule, states in (("manual", []), ("prepare", ["draft"]), ("post", ["draft"])):
            self.env.company.call_billing_schedule = schedule
            Run._cron_run()
            self.assertEqual(Run.search(mine).mapped("state"), states, schedule)
        Run.search(mine).unlink()
        Run._cron_run()
        self.assertEqual((Run.search(mine).state, self.contract.call_statement_ids.invoice_id.state), ("done", "posted"))
        Run._cron_run()
        self.assertEqual(len(Run.search(mine)), 1)

    def test_the_daily_job_waits_for_the_grace_days(self):
        self.import_text(row())
        self.env.company.call_billing_grace_days = 10
        self.env["call.billing.run"].sudo()._cron_run()
        self.assertFalse(self.contract.call_statement_ids.invoice_id)
        self.env.company.call_billing_grace_days = 1
        self.env["call.billing.run"].sudo()._cron_run()
        self.assertEqual(self.contract.call_statement_ids.invoice_id.invoice_date, date(2026, 11, 5))

    def test_a_period_that_is_not_over_is_refused(self):
        with self.assertRaisesRegex(UserError, "not over"):
            self.run_(date="2026-11-30")


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestSharedInvoice(CallBillingCommon):
    """Contracts and child companies of one client on one invoice, or each its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.group = cls.env["res.partner"].create({"name": "Clinics", "is_company": True})
        cls.branches = cls.env["res.partner"].create(
            [{"name": name, "is_company": True, "parent_id": cls.group.id, "tz": "Europe/Berlin"} for name in ("Bonn", "Ulm")]
        )
        cls.contracts = cls.env["contract.contract"]
        for branch in cls.branches:
            contract = cls.make_contract(
                partner=branch, fee=20, name="Hotline", invoice_partner_id=cls.group.id, invoice_together=True
            )
            cls.make_endpoint(branch.name, contract.contract_line_ids.filtered("rate_plan_id"), kind="account_code")
            cls.contracts |= contract

    def lines(self, move):
        return [
            (line.display_type, line.name.split(",")[0], line.price_subtotal) for line in move.invoice_line_ids.sorted("sequence")
        ]

    def test_child_companies_share_the_parents_invoice_and_keep_their_statements(self):
        self.import_text(row(account="Bonn"), row(account="Ulm"), row(account="Ulm"))
        move = self.bill(self.contracts)
        self.assertEqual(
            self.lines(move),
            [
                ("line_section", "Bonn: Hotline", 0),
                ("product", "Answering", 0.9),
                ("product", "Fee 10/01/2026", 20),
                ("line_section", "Ulm: Hotline", 0),
                ("product", "Answering", 1.8),
                ("product", "Fee 10/01/2026", 20),
            ],
        )
        self.assertEqual(move.partner_id, self.group)
        self.assertEqual(move.call_statement_ids.partner_id, self.branches)

    def test_each_has_its_own_unless_they_share(self):
        self.contracts[1].invoice_together = False
        self.assertEqual(len(self.bill(self.contracts)), 2)

    def test_contracts_that_differ_in_their_terms_do_not_share(self):
        self.contracts[1].payment_term_id = self.env.ref("account.account_payment_term_15days")
        self.assertEqual(len(self.bill(self.contracts)), 2)

    def test_several_contracts_of_one_client(self):
        self.contracts.invoice_partner_id = self.client
        self.contracts.partner_id = self.client
        self.contracts[1].name = "Back office"
        self.import_text(row(account="Ulm"))
        move = self.bill(self.contracts)
        self.assertEqual(move.invoice_origin, "Back office, Hotline")
        self.assertEqual([name for kind, name, _amount in self.lines(move) if kind == "line_section"], ["Back office", "Hotline"])
        self.assertEqual(move.amount_untaxed, 40.9)

    def test_if_one_fails_the_others_of_its_invoice_wait(self):
        """Half an invoice would be worse than a late one."""
        alone = self.make_contract(fee=5, name="Alone")
        original = type(self.env["call.statement"])._close_periods

        def fail(model, line_periods, check=True):
            if any(line.contract_id == self.contracts[0] for line in line_periods):
                raise UserError("Not yet")  # pylint: disable=translation-required
            return original(model, line_periods, check)

        with patch.object(type(self.env["call.statement"]), "_close_periods", fail):
            moves = (self.contracts | alone)._bill_batch(NOVEMBER, NOVEMBER)
        self.assertEqual(moves.amount_untaxed, 5)
        self.assertEqual(self.contracts.mapped("invoice_generation_error"), ["Not yet", "Not yet"])
        self.assertEqual(len(self.contracts._bill_batch(NOVEMBER, NOVEMBER)), 1)

    def test_a_draft_that_is_deleted_gives_all_their_charges_back(self):
        self.import_text(row(account="Bonn"), row(account="Ulm"))
        self.bill(self.contracts).unlink()
        self.assertEqual(self.contracts.call_statement_ids.mapped("state"), ["open", "open"])
        self.assertEqual(self.bill(self.contracts).amount_untaxed, 41.8)

    def test_a_batch_never_parts_them(self):
        everything = self.contracts[0] | self.contract | self.contracts[1]
        self.assertEqual([len(part) for part in everything._batches(1)], [2, 1])

    def test_a_section_for_each_service(self):
        contract = self.make_contract(fee=20, invoice_sections=True)
        line = contract.contract_line_ids.filtered("rate_plan_id")
        line.name = "Hotline Bonn #START#"
        second = line.copy({"contract_id": contract.id, "name": "Hotline Ulm"})
        self.make_endpoint("b", line, kind="queue")
        self.make_endpoint("u", second, kind="queue")
        self.import_text(row(app="Queue", data="b"), row(app="Queue", data="u"))
        self.assertEqual(
            [(kind, name) for kind, name, _amount in self.lines(self.bill(contract))],
            [
                ("product", "Fee 10/01/2026"),
                ("line_section", "Hotline Bonn 10/01/2026"),
                ("product", "Answering"),
                ("line_section", "Hotline Ulm"),
                ("product", "Answering"),
            ],
        )

    def test_late_periods_share_month_by_month(self):
        moves = self.bill(self.contracts, DECEMBER)
        self.assertEqual(moves.mapped("amount_untaxed"), [40, 40])


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestSharedAllowance(CallBillingCommon):
    """5 free minutes at 1.00 after that, for two branches together."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan = cls.make_plan(minute_price=1.0)
        cls.allowance = cls.env["call.rate.allowance"].create(
            {"plan_id": cls.plan.id, "name": "Included minutes", "quantity": 5, "pooled": True}
        )
        cls.contracts = cls.env["contract.contract"]
        for name in ("Bonn", "Ulm"):
            branch = cls.env["res.partner"].create({"name": name, "is_company": True, "tz": "Europe/Berlin"})
            cls.contracts |= cls.make_contract(
                partner=branch, name=name, invoice_partner_id=cls.client.id, invoice_together=True, pool_allowances=True
            )
            cls.make_endpoint(name, cls.contracts[-1].contract_line_ids, kind="account_code")

    def call(self, name, minutes, day=5, month=10):
        return row(account=name, start=f"2026-{month}-{day:02} 10:00:00", talk=minutes * 60)

    def paid(self):
        """Minutes that each statement charges, in the order of its periods."""
        statements = self.contracts.call_statement_ids.filtered("charge_ids").sorted(lambda s: (s.date_start, s.id))
        return [sum(s.charge_ids.filtered(lambda c: c.component == "duration").mapped("quantity")) for s in statements]

    def test_what_one_leaves_the_other_may_use(self):
        self.import_text(self.call("Bonn", 2), self.call("Ulm", 4, day=6))
        self.assertEqual(self.bill(self.contracts).amount_untaxed, 1)
        self.assertEqual(self.paid(), [0, 1])
        counters = self.contracts.call_statement_ids.counter_ids.sorted(lambda c: c.statement_id.id)
        self.assertEqual(counters.mapped("amount_text"), ["2 of 5", "4"])

    def test_each_has_its_own_where_the_contract_does_not_say_so(self):
        self.contracts.pool_allowances = False
        self.import_text(self.call("Bonn", 2), self.call("Ulm", 6, day=6))
        self.assertEqual(self.bill(self.contracts).amount_untaxed, 1)

    def test_one_that_is_billed_later_gets_what_is_left(self):
        self.import_text(self.call("Bonn", 4), self.call("Ulm", 4))
        self.assertFalse(self.bill(self.contracts[0]).amount_untaxed)
        self.assertEqual(self.bill(self.contracts[1]).amount_untaxed, 3)

    def test_late_usage_of_one_comes_after_what_all_have_used(self):
        self.import_text(self.call("Bonn", 2), self.call("Ulm", 2))
        self.bill(self.contracts)
        self.import_text(self.call("Bonn", 3, day=7), self.call("Ulm", 5, month=11))
        with freeze_time("2026-12-05"):
            self.assertEqual(self.bill(self.contracts, DECEMBER).amount_untaxed, 2)

    def test_what_is_left_of_it_rolls_over_once(self):
        self.allowance.rollover = True
        self.import_text(self.call("Ulm", 2), self.call("Bonn", 4, month=11), self.call("Ulm", 5, month=11, day=6))
        with freeze_time("2026-12-05"):
            self.assertEqual(self.bill(self.contracts, DECEMBER).mapped("amount_untaxed"), [1])

    def test_after_a_deleted_draft_it_is_granted_again(self):
        self.import_text(self.call("Bonn", 2), self.call("Ulm", 4, day=6))
        for _time in range(2):
            move = self.bill(self.contracts)
            self.assertEqual(move.amount_untaxed, 1)
            move.unlink()

    def test_rating_again_knows_that_it_is_shared(self):
        self.import_text(self.call("Bonn", 2), self.call("Ulm", 4, day=6))
        self.bill(self.contracts).action_post()
        wizard = self.env["call.rerate"].create(
            {"contract_ids": self.contracts[1].ids, "include_billed": True, "reason": "Check"}
        )
        wizard.action_apply()
        self.assertFalse(self.env["call.adjustment"].search([("contract_id", "in", self.contracts.ids)]))
