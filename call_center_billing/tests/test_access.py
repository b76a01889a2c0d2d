from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, new_test_user, tagged

from .asterisk import row
from .common import TODAY, CallBillingCommon

READABLE = (
    "call.statement", "call.charge", "call.service.result", "call.usage.line", "contract.contract", "contract.line",
    "contract.modification", "call.agreement", "call.dispute", "call.dispute.line", "call.performance.report",
)  # fmt: skip


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestAccess(HttpCase, CallBillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stranger_partner = cls.env["res.partner"].create({"name": "Stranger Ltd"})
        cls.client_user = cls.make_portal_user(cls.client, "client_user")
        cls.stranger = cls.make_portal_user(cls.stranger_partner, "stranger_user")
        cls.import_text(row(), "nonsense\n")
        cls.plan.term_ids = [Command.create({"name": "In time", "kind": "service_level"})]
        cls.move = cls.contract._bill_periods(cls.env["contract.contract"]._fields["date"].to_date("2026-11-01"))
        cls.move.action_post()
        agreement = cls.env["call.agreement"].create({"contract_id": cls.contract.id})
        agreement._offer()
        charge = cls.move.call_statement_ids.charge_ids.filtered("call_count")[:1]
        reason = cls.env.ref("call_center_billing.dispute_reason_other")
        cls.dispute = cls.move.call_statement_ids._raise_dispute([{"charge_id": charge.id}], reason)
        days = {"date_start": "2026-10-01", "date_end": "2026-10-31", "sent_at": "2026-11-02"}
        cls.env["call.performance.report"].sudo().create({"contract_id": cls.contract.id, **days})
        cls.env["call.count"]._count_due()

    def call_kw(self, model, method, *args, **kwargs):
        """A remote call of the logged-in user; None where it is refused."""
        response = self.make_jsonrpc_request_raw(model, method, args, kwargs)
        return response.get("result") if "error" not in response else None

    def make_jsonrpc_request_raw(self, model, method, args, kwargs):
        payload = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        return self.url_open(
            f"/web/dataset/call_kw/{model}/{method}", json={"jsonrpc": "2.0", "params": payload, "method": "call", "id": 1}
        ).json()

    def test_a_client_reads_its_own_by_remote_call_and_another_reads_nothing(self):
        for user, found in ((self.client_user, True), (self.stranger, False)):
            self.authenticate(user.login, user.login)
            for model in READABLE:
                with self.subTest(user=user.login, model=model):
                    rows = self.call_kw(model, "search_read", [], fields=["id"])
                    self.assertEqual(bool(rows), found)

    def test_a_stranger_gets_nothing_by_id_either(self):
        self.authenticate(self.stranger.login, self.stranger.login)
        for model in READABLE:
            record = self.env[model].search([], limit=1, order="id desc")
            with self.subTest(model):
                self.assertTrue(record)
                self.assertFalse(self.call_kw(model, "read", record.ids, ["id", "display_name"]))
                self.assertFalse(self.call_kw(model, "read_group", [], ["id"], ["id"]) or [])

    def test_portal_users_write_nothing(self):
        self.authenticate(self.client_user.login, self.client_user.login)
        for model in READABLE:
            record = self.env[model].search([], limit=1, order="id desc")
            with self.subTest(model):
                self.assertIsNone(self.call_kw(model, "write", record.ids, {"display_name": "x"}))
                self.assertIsNone(self.call_kw(model, "unlink", record.ids))
        self.assertIsNone(self.call_kw("call.statement", "_recount", self.move.call_statement_ids.ids))

    def test_a_client_sees_a_statement_only_when_its_invoice_is_posted(self):
        self.import_text(row(start="2026-11-02 10:00:00"))
        statements = self.env["call.statement"].with_user(self.client_user).search([])
        self.assertEqual(statements, self.move.call_statement_ids)

    def test_sales_make_contracts_and_plans_but_import_and_bill_nothing(self):
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales,base.group_partner_manager")
        env = self.env(user=sales)
        plan = env["call.rate.plan"].create({"name": "P", "rule_ids": [(0, 0, {"name": "R", "minute_price": 1})]})
        line = {"name": "Usage", "product_id": self.product.id, "rate_plan_id": plan.id, "recurring_invoicing_type": "post-paid"}
        contract = env["contract.contract"].create(
            {"name": "New", "partner_id": self.client.id, "contract_line_ids": [(0, 0, {**line, "date_start": "2026-11-01"})]}
        )
        env["call.endpoint"].create({"kind": "queue", "value": "q", "contract_line_id": contract.contract_line_ids.id})
        self.assertEqual(contract.generation_type, "call_billing")
        for each in (contract, self.contract.with_user(sales)):
            with Form(each, "contract.contract_contract_customer_form_view") as form:
                form.code = "C1"
        with self.assertRaises(AccessError):
            env["call.import"].create({"source_id": self.source.id})
        with self.assertRaises(AccessError):
            env["call.billing.run"].create({})
        with self.assertRaises(AccessError):
            self.move.with_user(sales).write({"ref": "x"})

    def test_an_accountant_imports_recycles_and_bills(self):
        accountant = new_test_user(self.env, "biller", groups="call_center_billing.group_accountant")
        record = self.import_text(row(start="2026-11-03 10:00:00"), row(called="000"))
        record.suspense_ids.with_user(accountant).action_recycle()
        with freeze_time("2026-12-05"):
            run = self.env["call.billing.run"].with_user(accountant).create({"date": "2026-12-02", "invoice_date": "2026-12-05"})
            run.action_run()
        statement = record.with_user(accountant).usage_line_ids.statement_id
        self.assertTrue(statement.invoice_id)
        statement.message_post(body="Checked")
        with self.assertRaises(AccessError):
            statement.state = "open"
        undone = self.import_text(row(start="2026-12-03 10:00:00"))
        undone.with_user(accountant).action_undo()
        self.assertEqual(undone.state, "undone")
