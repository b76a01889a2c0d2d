import base64
import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from datetime import date
from unittest.mock import patch

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.exceptions import LockError, UserError
from odoo.modules.registry import Registry
from odoo.service.model import retrying
from odoo.sql_db import Cursor
from odoo.tests.common import HOST, BaseCase, get_db_name, tagged
from odoo.tools import config, mute_logger

from .asterisk import row


@tagged("post_install", "-at_install")
class TestTwoAtOnce(BaseCase):
    """Two real connections that commit, each in a thread of its own, and the outcome of one after the other."""

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        with self.environment() as env:
            plan = env["call.rate.plan"].create({"name": "P", "rule_ids": [(0, 0, {"name": "R", "minute_price": 0.9})]})
            product = env["product.product"].create({"name": "Two at once", "type": "service"})
            partner = env["res.partner"].create({"name": "Two at once", "tz": "UTC"})
            line = {
                "name": "Usage", "product_id": product.id, "rate_plan_id": plan.id, "recurring_invoicing_type": "post-paid",
                "recurring_rule_type": "monthly", "date_start": "2026-10-01",
                "endpoint_ids": [(0, 0, {"kind": "account_code", "value": "two-at-once"})],
            }  # fmt: skip
            contract = env["contract.contract"].create(
                {"name": "Two at once", "partner_id": partner.id, "line_recurrence": True, "contract_line_ids": [(0, 0, line)]}
            )
            source = env["call.source"].create({"name": "Two at once", "tz": "UTC", "hold_near_duplicates": False})
            self.contract_id, self.source_id = contract.id, source.id
            self.made = [contract, source, plan, product, partner]
            self.made = [(record._name, record.id) for record in self.made]
        self.addCleanup(self.forget)

    @contextmanager
    def environment(self):
        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})

    def forget(self):
        with self.environment() as env:
            env["call.billing.run"].search([("line_ids.contract_id", "=", self.contract_id)]).unlink()
            for record in env["call.import"].search([("source_id", "=", self.source_id)]):
                if record.state == "done":
                    record._undo()
                record.unlink()
            env["call.statement"].search([("contract_id", "=", self.contract_id)]).unlink()
            for model, record in self.made:
                env[model].browse(record).unlink()

    def upload(self, *contents):
        with self.environment() as env:
            return (
                env["call.import"]
                .create(
                    [
                        {"source_id": self.source_id, "name": f"{number}.csv", "file": base64.b64encode(content.encode())}
                        for number, content in enumerate(contents)
                    ]
                )
                .ids
            )

    def at_once(self, *steps):
        """Run functions of an environment side by side, as requests of two users are. Who is told that somebody else works on it comes
        again."""
        ready, errors = threading.Barrier(len(steps)), []

        def run(step):
            try:
                with self.registry.cursor() as cr:
                    env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})
                    ready.wait()
                    for _time in range(100):
                        try:
                            retrying(lambda: step(env), env)
                            break
                        except LockError:
                            cr.rollback()
                            time.sleep(0.1)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=(step,)) for step in steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertFalse(errors)

    def importing(self, record):
        return lambda env: env["call.import"].browse(record).action_import()

    def totals(self):
        """After what waits was imported: read, accepted and duplicate records; calls and amount of the statement."""
        with self.environment() as env:
            env["call.import"]._cron_import()
            imports = env["call.import"].search([("source_id", "=", self.source_id), ("state", "=", "done")])
            statement = env["call.statement"].search([("contract_id", "=", self.contract_id)])
            counts = [sum(imports.mapped(f"{name}_count")) for name in ("read", "accepted", "duplicate")]
            return [*counts, statement.usage_count, round(statement.usage_amount, 2), len(statement.usage_line_ids)]

    @mute_logger("odoo.service.model", "odoo.sql_db")
    def test_overlapping_files_bring_each_call_once(self):
        rows = [row(account="two-at-once", start=f"2026-10-05 {hour:02}:00:00") for hour in range(20)]
        for _time in range(3):
            first, second = self.upload("".join(rows[:15]), "".join(rows[5:]))
            self.at_once(self.importing(first), self.importing(second))
            self.assertEqual(self.totals(), [30, 20, 10, 20, 18.0, 20])
            with self.environment() as env:
                env["call.import"].browse([first, second]).action_undo()

    @mute_logger("odoo.service.model", "odoo.sql_db")
    def test_the_same_file_is_imported_once(self):
        content = "".join(row(account="two-at-once") for _i in range(10))
        first, second = self.upload(content, content)
        self.at_once(self.importing(first), self.importing(second))
        self.assertEqual(self.totals(), [10, 10, 0, 10, 9.0, 10])

    @mute_logger("odoo.service.model", "odoo.sql_db")
    def test_two_jobs_archive_calls_once_and_two_people_bring_them_back_once(self):
        (record,) = self.upload("".join(row(account="two-at-once") for _i in range(10)))
        with self.environment() as env:
            self.importing(record)(env)
            statement = env["call.statement"].search([("contract_id", "=", self.contract_id)])
            env["contract.contract"].browse(self.contract_id).contract_line_ids.last_date_invoiced = statement.date_end
            env.cr.execute("UPDATE call_statement SET state = 'void' WHERE id = %s", [statement.id])

        def archiving(env):
            env["call.archive"]._run(env["call.statement"].browse(statement.id).company_id, commit=True)

        self.at_once(archiving, archiving)
        with self.environment() as env:
            archive = env["call.archive"].search([("statement_id", "=", statement.id)])
            self.assertEqual((len(archive), archive.call_count, self.totals()[5]), (1, 10, 0))
        self.at_once(*[lambda env: env["call.archive"].browse(archive.id)._bring_back("Test")] * 2)
        self.assertEqual(self.totals()[:6], [10, 10, 0, 10, 9.0, 10])
        with self.environment() as env:
            env["contract.contract"].browse(self.contract_id).contract_line_ids.last_date_invoiced = False
            env.cr.execute("UPDATE call_statement SET state = 'open' WHERE id = %s", [statement.id])
            env["call.archive"].browse(archive.id).unlink()

    def in_parts(self):
        """A file of 40 calls, some of them twice, that is read in many parts."""
        for name, value in (("reader.FIRST_PART_BYTES", 1), ("reader.PART_BYTES", 1), ("lines.BLOCK_BYTES", 1000)):
            self.startPatcher(patch(f"odoo.addons.call_center_billing.formats.{name}", value))
        rows = [row(account="two-at-once", start=f"2026-10-05 {n // 4:02}:{n % 4}0:00") for n in range(40)]
        (record,) = self.upload("".join([*rows, *rows[::4]]))
        with self.environment() as env:
            env["call.import"].browse(record)._enqueue()
        return record

    def staged_ahead(self, record):
        return self.count(f"SELECT count(*) FROM pg_class WHERE relname ~ '^call_ahead_{record}_'")

    def test_parts_that_are_staged_ahead_are_loaded_once_and_leave_no_table(self):
        record = self.in_parts()
        staging = self.registry["call.staging"]
        with patch.object(staging, "_copy", side_effect=staging._copy) as copy:
            self.assertEqual(self.totals(), [50, 40, 10, 40, 36.0, 40])
        self.assertGreater([call.kwargs for call in copy.call_args_list].count({"frozen": True}), 3)
        self.assertEqual(self.staged_ahead(record), 0)

    @mute_logger("odoo.addons.call_center_billing.models.call_import")
    def test_what_a_broken_import_staged_ahead_is_dropped_later(self):
        record = self.in_parts()
        with patch.object(self.registry["call.staging"], "_drop", side_effect=ValueError("no luck")), self.environment() as env:
            env["call.import"]._cron_import()
            self.assertEqual(env["call.import"].browse(record).state, "failed")
        self.assertGreater(self.staged_ahead(record), 0)
        with self.environment() as env:
            env["call.staging"]._gc_ahead()
        self.assertEqual(self.staged_ahead(record), 0)
        with self.environment() as env:
            env["call.import"].browse(record)._enqueue()
        self.assertEqual(self.totals(), [50, 40, 10, 40, 36.0, 40])

    @mute_logger("odoo.service.model", "odoo.sql_db")
    def test_a_statement_that_two_open_at_once_is_made_once(self):
        period, both = (self.contract_id, date(2026, 10, 1), date(2026, 10, 31)), threading.Barrier(2)

        def open_period(env):
            env["call.statement"].search_count([])  # what is committed from here on is not seen
            with suppress(threading.BrokenBarrierError):
                both.wait(2)
            env["call.statement"]._ensure({period})

        self.at_once(open_period, open_period)
        self.assertEqual(self.count(f"SELECT count(*) FROM call_statement WHERE contract_id = {self.contract_id}"), 1)

    def test_calls_that_come_while_others_are_counted_are_counted_later(self):
        first, second = self.upload(row(account="two-at-once"), row(account="two-at-once", start="2026-10-05 11:00:00"))
        self.at_once(self.importing(first))
        mine = f"SELECT sum(call_count) FROM call_count c JOIN call_statement s ON s.id = c.statement_id WHERE contract_id = {self.contract_id}"
        with self.environment() as env:
            env["call.count"].search_count([])  # what is committed from here on is not seen
            self.at_once(self.importing(second))
            env["call.count"]._count_due()
        self.assertEqual(self.count(mine), 1)
        with self.environment() as env:
            october = env["contract.contract"].browse(self.contract_id), date(2026, 10, 1), date(2026, 10, 31)
            self.assertEqual(env["call.count"]._served(env["call.count"]._current(*october), 20)[()].answered, 2)
            env["call.count"]._count_due()
        self.assertEqual(self.count(mine), 2)

    @mute_logger("odoo.service.model", "odoo.sql_db")
    def test_a_period_that_closes_beside_an_import_misses_no_call(self):
        first, second = self.upload(row(account="two-at-once"), row(account="two-at-once", start="2026-10-06 10:00:00"))
        self.at_once(self.importing(first))

        def close(env):
            contract = env["contract.contract"].browse(self.contract_id)
            line = contract.contract_line_ids
            env["call.statement"]._close_periods({line: line._get_period_to_invoice(False, line.recurring_next_date)[:2]})

        self.at_once(self.importing(second), close)
        with self.environment() as env:
            env["call.import"]._cron_import()
            statement = env["call.statement"].search([("contract_id", "=", self.contract_id), ("state", "=", "closed")])
            charged = sum(statement.charge_ids.mapped("call_count"))
            self.assertEqual(charged, len(statement.usage_line_ids))
            everything = env["call.usage.line"].search_count([("import_id", "in", [first, second])])
            self.assertEqual(everything + env["call.import"].browse(second).suspended_count, 2)
            statement.charge_ids.unlink()
            statement._set_state("open")

    @mute_logger("odoo.service.model", "odoo.sql_db")
    def test_two_billing_runs_make_one_invoice(self):
        (record,) = self.upload(row(account="two-at-once"))
        self.at_once(self.importing(record))
        with self.environment() as env:
            line = [(0, 0, {"contract_id": self.contract_id})]
            values = {"date": "2026-11-01", "invoice_date": "2026-11-01", "state": "running", "line_ids": line}
            runs = env["call.billing.run"].create([values, values]).ids
        self.at_once(*((lambda env, run=run: env["call.billing.run"].browse(run)._go_on()) for run in runs))
        with self.environment() as env:
            for run in env["call.billing.run"].browse(runs):
                run._go_on()  # the one that found the contract taken
            statement = env["call.statement"].search([("contract_id", "=", self.contract_id), ("state", "=", "invoiced")])
            moves = env["account.move.line"].search([("contract_line_id.contract_id", "=", self.contract_id)]).move_id
            self.assertEqual((moves, moves.amount_untaxed), (statement.invoice_id, 0.9))
            moves.unlink()
            env["call.billing.run"].browse(runs).unlink()

    @mute_logger("odoo.service.model", "odoo.sql_db")
    def test_calls_that_are_rated_again_while_their_period_closes_are_billed_as_they_are_priced(self):
        (record,) = self.upload("".join(row(account="two-at-once", start=f"2026-10-0{day} 10:00:00") for day in (5, 6)))
        self.at_once(self.importing(record))
        with self.environment() as env:
            env["contract.contract"].browse(self.contract_id).contract_line_ids.rate_plan_id.rule_ids.minute_price = 1.8
        both = threading.Barrier(2)

        def rate_again(env):
            self.meet(env, both)
            env["call.rerate"].create({"contract_ids": [(6, 0, [self.contract_id])]}).action_apply()

        def close(env):
            self.meet(env, both)
            line = env["contract.contract"].browse(self.contract_id).contract_line_ids
            env["call.statement"]._close_periods({line: line._get_period_to_invoice(False, line.recurring_next_date)[:2]})

        self.at_once(rate_again, close)
        with self.environment() as env:
            statement = env["call.statement"].search([("contract_id", "=", self.contract_id)])
            prices = statement.usage_line_ids.mapped("amount")
            self.assertIn(prices, ([0.9, 0.9], [1.8, 1.8]))
            self.assertEqual((statement.state, statement.charge_amount), ("closed", sum(prices)))
            statement.charge_ids.unlink()
            statement._set_state("open")

    @mute_logger("odoo.service.model", "odoo.sql_db")
    def test_an_invoice_that_is_disputed_while_it_is_paid_is_both(self):
        statement, _disputes = self.disputed(raised=0)
        both = threading.Barrier(2)

        def dispute(env):
            self.meet(env, both)
            mine = env["call.statement"].browse(statement)
            reason = env.ref("call_center_billing.dispute_reason_other")
            mine._raise_dispute([{"usage_id": mine.usage_line_ids[0].id}], reason, override="Test")

        def pay(env):
            self.meet(env, both)
            move = env["call.statement"].browse(statement).invoice_id
            wizard = env["account.payment.register"].with_context(active_model="account.move", active_ids=move.ids)
            self.payment_id = wizard.create({})._create_payments().id

        self.at_once(dispute, pay)
        self.addCleanup(self.forget_payment)
        with self.environment() as env:
            mine = env["call.statement"].browse(statement)
            self.assertEqual((mine.state, mine.invoice_id.amount_residual, len(mine.dispute_ids)), ("settled", 0, 1))
            self.assertEqual(
                env["account.payment"].search([("memo", "=", mine.invoice_id.payment_reference)]).ids, [self.payment_id]
            )

    def forget_payment(self):
        with self.environment() as env:
            payment = env["account.payment"].browse(self.payment_id)
            payment.action_draft()
            payment.unlink()
            env["account.payment.register"].search([]).unlink()

    def meet(self, env, both):
        """Go on when the other one is here too; what is committed from here on is not seen."""
        env["call.statement"].search_count([])
        with suppress(threading.BrokenBarrierError):
            both.wait(2)

    def scheduler(self, job):
        """A step: the scheduler of one node finds a job due."""

        def run(env):
            with self.registry.cursor() as cr:
                env.registry["ir.cron"]._process_jobs_loop(cr, job_ids=[env.ref(job).id])

        return run

    @mute_logger("odoo.addons.base.models.ir_cron", "odoo.sql_db")
    def test_two_nodes_import_each_file_once(self):
        rows = [row(account="two-at-once", start=f"2026-10-05 {hour:02}:00:00") for hour in range(20)]
        with self.environment() as env:
            env["call.import"].browse(self.upload("".join(rows[:15]), "".join(rows[5:])))._enqueue()
        self.at_once(*[self.scheduler("call_center_billing.call_import_cron")] * 2)
        with self.environment() as env:
            states = env["call.import"].search([("source_id", "=", self.source_id)]).mapped("state")
        self.assertEqual((states, self.totals()), (["done", "done"], [30, 20, 10, 20, 18.0, 20]))

    @mute_logger("odoo.addons.base.models.ir_cron", "odoo.sql_db")
    def test_two_nodes_make_one_invoice(self):
        (record,) = self.upload(row(account="two-at-once"))
        self.at_once(self.importing(record))
        with self.environment() as env:
            line = [(0, 0, {"contract_id": self.contract_id})]
            run = env["call.billing.run"].create(
                {"date": "2026-11-01", "invoice_date": "2026-11-01", "state": "running", "line_ids": line}
            )
            run._leave_to_job()
        self.at_once(*[self.scheduler("call_center_billing.call_billing_cron")] * 2)
        with self.environment() as env:
            run = env["call.billing.run"].browse(run.id)
            moves = env["account.move.line"].search([("contract_line_id.contract_id", "=", self.contract_id)]).move_id
            self.assertEqual((run.state, run.line_ids.move_ids, moves.amount_untaxed), ("done", moves, 0.9))
            moves.unlink()
            run.unlink()

    def disputed(self, raised=2):
        """Disputes, each of one of two calls of a minute, of which one was included."""
        rows = [row(account="two-at-once", start=f"2026-10-0{day} 10:00:00") for day in (5, 6)]
        (record,) = self.upload("".join(rows))
        self.at_once(self.importing(record))
        with self.environment() as env:
            contract = env["contract.contract"].browse(self.contract_id)
            contract.contract_line_ids.rate_plan_id.allowance_ids = [(0, 0, {"name": "Included", "quantity": 1})]
            invoice = contract._bill_periods(date(2026, 11, 1))
            invoice.action_post()
            statement, reason = invoice.call_statement_ids, env.ref("call_center_billing.dispute_reason_other")
            disputes = [
                statement._raise_dispute([{"usage_id": call.id}], reason, override="Test")
                for call in statement.usage_line_ids[:raised]
            ]
            for dispute in disputes:
                dispute.line_ids.decision = "accept"
            self.addCleanup(self.forget_disputes, invoice.id, statement.id)
            return statement.id, [dispute.id for dispute in disputes]

    def forget_disputes(self, invoice, statement):
        with self.environment() as env:
            env.cr.execute(f"UPDATE call_adjustment SET dispute_id = NULL WHERE statement_id = {statement}")
            lines = f"SELECT l.id FROM call_dispute_line l JOIN call_dispute d ON d.id = l.dispute_id WHERE statement_id = {statement}"
            env.cr.execute(f"DELETE FROM call_correction WHERE dispute_line_id IN ({lines})")
            env.cr.execute(f"DELETE FROM call_dispute WHERE statement_id = {statement}")
            env["call.adjustment"].search([("statement_id", "=", statement)]).unlink()
            move = env["account.move"].browse(invoice)
            move.button_draft()
            move.unlink()

    def deciding(self, dispute, both):
        def decide(env):
            env["call.dispute"].search_count([])  # what is committed from here on is not seen
            with suppress(threading.BrokenBarrierError):
                both.wait(2)
            env["call.dispute"].browse(dispute)._decide()

        return decide

    @mute_logger("odoo.service.model", "odoo.sql_db")
    def test_two_disputes_that_are_decided_at_once_give_back_no_more_than_was_billed(self):
        statement, disputes = self.disputed()
        both = threading.Barrier(2)
        self.at_once(*(self.deciding(dispute, both) for dispute in disputes))
        with self.environment() as env:
            self.assertEqual(env["call.adjustment"].search([("statement_id", "=", statement)]).mapped("amount"), [-0.9])

    @mute_logger("odoo.service.model", "odoo.sql_db")
    def test_a_dispute_that_two_decide_at_once_is_decided_once(self):
        statement, (_first, second) = self.disputed()
        both, refused = threading.Barrier(2), []

        def decide(env):
            try:
                self.deciding(second, both)(env)
            except UserError as error:
                refused.append(str(error))

        self.at_once(decide, decide)
        self.assertIn("already", refused[-1])
        with self.environment() as env:
            self.assertEqual(env["call.adjustment"].search([("statement_id", "=", statement)]).mapped("amount"), [-0.9])

    def post(self, secret, body):
        """Status and answer of a post to the source, over real HTTP."""
        connection = http.client.HTTPConnection(HOST, config["http_port"], timeout=30)
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        connection.request("POST", f"/call_center_billing/push/{self.source_id}", json.dumps(body), headers)
        with connection.getresponse() as response:
            return response.status, response.read().decode()

    def pushing(self):
        """:return: secret of the source; a call; a query that counts bodies"""
        with self.environment() as env:
            source = env["call.source"].browse(self.source_id)
            source.write({"format": "normalised_json", "push_enabled": True})
            secret = source.action_new_push_secret()["params"]["message"]
        call = {"record_ref": "1", "start": "2026-10-05T10:00:00Z", "direction": "inbound", "disposition": "answered"}
        return secret, call, f"SELECT count(*) FROM call_push WHERE source_id = {self.source_id}"

    def slow_post(self, secret, body):
        """A connection on which more of the body is announced than comes."""
        line = socket.create_connection((HOST, config["http_port"]), timeout=30)
        self.addCleanup(line.close)
        head = f"POST /call_center_billing/push/{self.source_id} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {secret}\r\n"
        line.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 9000\r\n\r\n{json.dumps(body)}".encode())
        return line

    def test_who_does_not_know_the_secret_is_refused_before_the_body_came(self):
        _secret, call, _bodies = self.pushing()
        self.assertIn(b" 401 ", self.slow_post("wrong", call).recv(100))

    @mute_logger("odoo.http", "odoo.sql_db", "werkzeug")
    def test_a_body_that_does_not_end_keeps_no_other_waiting_and_is_not_received(self):
        secret, call, bodies = self.pushing()
        slow = self.slow_post(secret, call | {"record_ref": "slow"})
        status, _answer = self.post(secret, call)
        slow.shutdown(socket.SHUT_WR)
        self.assertNotIn(b" 200 ", slow.recv(100))
        self.assertEqual((status, self.count(bodies)), (200, 1))

    @mute_logger("odoo.http", "odoo.sql_db")
    def test_a_push_that_cannot_be_committed_is_not_answered_as_received(self):
        secret, call, bodies = self.pushing()
        commit = Cursor.commit

        def broken_commit(cr):
            cr.execute(bodies)
            if cr.fetchone()[0]:
                raise psycopg2.OperationalError("could not write to the disk")
            return commit(cr)

        with patch.object(Cursor, "commit", broken_commit):
            status, _answer = self.post(secret, call)
        self.assertEqual((status // 100, self.count(bodies)), (5, 0))
        status, answer = self.post(secret, call)
        self.assertEqual((status, json.loads(answer)["status"], self.count(bodies)), (200, "received", 1))

    def count(self, query):
        with self.registry.cursor() as cr:
            cr.execute(query)
            return cr.fetchone()[0]
