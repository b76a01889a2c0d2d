from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.service.model import get_public_method
from odoo.tests import tagged

from .common import TODAY
from .figures import TRIED
from .reviewed_methods import METHODS, ORM
from .security_case import SecurityCase, is_ours

REVIEWED = dict(line.split(" - ", 1) for line in METHODS.strip().splitlines())
GLUE = ("credit.control.", "call.payment.promise")
HARMLESS = {"call.import.action_refresh", "call.proof.action_open"}
"""What does nothing, or nothing with the record that it is called on."""


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPublicMethods(SecurityCase):
    """Every method that a remote call reaches was looked at, and none of them does anything for who may not."""

    def public_methods(self):
        """set of (model, method) that remote calls reach and that this add-on, or its glue, defines"""
        found = set()
        for model in self.own_models():
            cls = self.env.registry[model]
            names = {name for each in cls.__mro__ if is_ours(each) for name, value in vars(each).items() if callable(value)}
            for name in names:
                try:
                    get_public_method(self.env[model], name)
                except AccessError:
                    continue
                found.add((model, name))
        return found

    def test_every_method_that_can_be_called_remotely_was_reviewed(self):
        found = self.public_methods()
        orm = {(model, name) for name, models in ORM.items() for model in models.split()}
        reviewed = {tuple(each.rsplit(".", 1)) for each in REVIEWED}
        self.assertGreaterEqual(len(found), 180)
        TRIED["remote methods, each reviewed"] += len(found)
        self.assertEqual(found - orm - reviewed, set(), "Review these, and write down what they check")
        if "call.payment.promise" in self.env:
            self.assertEqual((orm | reviewed) - found, set(), "These are gone")
        self.assertEqual(list(REVIEWED), sorted(REVIEWED))

    def call(self, user, record, name):
        """The answer of a remote call, or None where it is refused. Nothing of it stays."""
        with self.env.cr.savepoint() as savepoint:
            try:
                return getattr(record.with_user(user).with_context(allowed_company_ids=user.company_ids.ids), name)()
            except (UserError, TypeError):
                return None
            finally:
                self.env.invalidate_all(flush=False)
                savepoint.rollback()

    def test_strangers_do_nothing_with_the_records_of_others(self):
        """By what they get: nothing, or an action that opens what they may not read."""
        tried = 0
        for model, name in sorted(self.public_methods()):
            key = f"{model}.{name}"
            records = self.env[model].sudo().search([], limit=1) if key in REVIEWED and key not in HARMLESS else None
            if not records or self.env[model]._transient:
                continue
            for role in ("sibling", "stranger", "other"):
                with self.subTest(role=role, method=key):
                    tried += 1
                    answer = self.call(self.users[role], self.records.get(model, records), name)
                    self.assertTrue(answer is None or self.opens(answer), answer)
        self.assertGreaterEqual(tried, 200)
        TRIED["remote methods called by who may not"] += tried

    def opens(self, answer):
        windows = ("ir.actions.act_window", "ir.actions.act_url", "ir.actions.report")
        return isinstance(answer, dict) and (answer.get("type") in windows or answer.get("tag") == "soft_reload")

    def test_the_client_itself_does_nothing_but_look(self):
        for model, name in sorted(self.public_methods()):
            key = f"{model}.{name}"
            if key not in REVIEWED or key in HARMLESS or model not in self.records or name == "message_post":
                continue
            with self.subTest(key):
                answer = self.call(self.users["client"], self.records[model], name)
                self.assertTrue(answer is None or self.opens(answer) or key == "call.agreement.action_check", answer)

    # --- What was found by the review ---------------------------------------------------------------------

    def test_nobody_links_statements_to_an_invoice_of_its_own(self):
        values = {
            "move_type": "out_invoice",
            "partner_id": self.stranger.id,
            "call_statement_ids": [Command.link(self.statement.id)],
        }
        for role in ("other", "accountant"):
            with self.subTest(role), self.assertRaises(AccessError):
                self.env["account.move"].with_user(self.users[role]).create(dict(values))
        self.assertEqual(self.statement.invoice_id, self.move)

    def test_nobody_reads_or_deletes_a_file_by_a_report_that_names_it(self):
        secret = self.env["ir.attachment"].create({"name": "secret", "raw": b"x"})
        sales, days = self.users["sales"], {"date_start": "2026-09-01", "date_end": "2026-09-30"}
        Report = self.env["call.performance.report"].with_user(sales)
        for values in ({"document_id": secret.id}, {"statement_id": self.statement.id}, {"sent_at": TODAY}):
            with self.subTest(values), self.assertRaises(AccessError):
                Report.create({"contract_id": self.contract.id, **days, **values})
            with self.subTest(values, by="default"), self.assertRaises(AccessError):
                defaults = {f"default_{name}": value for name, value in values.items()}
                Report.with_context(**defaults).create({"contract_id": self.contract.id, **days})
        report = Report.create({"contract_id": self.contract.id, **days})
        with self.assertRaises(AccessError):
            report.document_id = secret
        with self.assertRaises(AccessError):
            report.figures = {}
        report.unlink()
        self.assertTrue(secret.exists())

    def test_nobody_writes_an_accepted_agreement(self):
        Agreement = self.env["call.agreement"].with_user(self.users["sales"])
        for values in ({"state": "accepted"}, {"signed_by": "The client"}, {"document_hash": "0" * 64}):
            with self.subTest(values), self.assertRaises(UserError):
                Agreement.create({"contract_id": self.contract.id, **values})
            with self.subTest(values, by="default"), self.assertRaises(UserError):
                defaults = {f"default_{name}": value for name, value in values.items()}
                Agreement.with_context(**defaults).create({"contract_id": self.contract.id})

    def test_no_change_is_moved_into_an_agreement_that_was_offered(self):
        contract = self.make_contract(partner=self.client)
        draft = self.env["call.agreement"].create({"contract_id": contract.id, "kind": "amendment"})
        change = self.env["call.agreement.change"].create(
            {"agreement_id": draft.id, "kind": "line_end", "contract_line_id": contract.contract_line_ids[:1].id}
        )
        with self.assertRaises(UserError):
            change.agreement_id = self.records["call.agreement"]

    def test_an_adjustment_is_not_rewritten(self):
        adjustment = self.env["call.adjustment"].sudo().create({"statement_id": self.statement.id, "reason": "x"})
        for values in ({"move_id": self.move.id}, {"reason": "y"}, {"too_late": True}):
            with self.subTest(values), self.assertRaises(AccessError):
                adjustment.with_user(self.users["accountant"]).write(values)

    def test_only_who_looks_after_the_contract_asks_for_feedback(self):
        for role in ("client", "sibling", "stranger", "other"):
            with self.subTest(role), self.assertRaises(AccessError):
                self.statement.with_user(self.users[role]).action_ask_feedback()
        self.assertFalse(self.statement.feedback_asked_at)
        self.statement.with_user(self.users["sales"]).action_ask_feedback()
        self.assertTrue(self.statement.feedback_asked_at)

    def test_sales_neither_import_nor_bill_nor_remind(self):
        sales = self.users["sales"]
        actions = [(self.records["call.import"], "action_undo"), (self.records["call.import"], "action_import")]
        actions += [(self.contract, "recurring_create_invoice"), (self.contract, "action_bill_usage")]
        actions += [(self.move, "action_remind_now")] if "call.payment.promise" in self.env else []
        for record, name in actions:
            with self.subTest(name), self.assertRaises(AccessError):
                getattr(record.with_user(sales), name)()

    def test_an_accountant_of_another_company_reminds_nobody(self):
        if "call.payment.promise" not in self.env:
            self.skipTest("The glue is not installed")
        with self.assertRaises(AccessError):
            self.move.with_user(self.users["other"]).action_remind_now()
