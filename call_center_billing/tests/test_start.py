import re
from pathlib import Path

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import HttpCase, new_test_user, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..controllers.sample import NAMES
from . import sample_files
from .common import TODAY, CallBillingCommon

TOUR = Path(__file__).parent.parent / "static" / "src" / "tours" / "first_hour.esm.js"


class StartCase(AccountTestInvoicingCommon):
    """A company that has a chart of accounts, and nothing else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.write({"country_id": cls.env.ref("base.de").id, "street": "Kai 1", "city": False, "call_tz": False})
        cls.manager = new_test_user(cls.env, "starter", groups="call_center_billing.group_manager,base.group_system")
        cls.steps = cls.env["call.start.step"].with_user(cls.manager).search([])

    def states(self):
        self.steps.invalidate_recordset()
        return {step.kind: step.state for step in self.steps}

    def step(self, kind):
        return self.steps.filtered(lambda step: step.kind == kind)

    def done(self):
        return {kind for kind, state in self.states().items() if state == "done"}

    def form(self, action, **values):
        """What the window of an action makes of its defaults and these values."""
        Model = self.env[action["res_model"]].with_user(self.manager).with_context(**action.get("context", {}))
        return Model.create(values)


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestStart(StartCase):
    """The checklist, from an empty company to a first posted invoice."""

    def upload(self, code="asterisk_csv"):
        self.env.company.call_tz = "Europe/Berlin"
        source = self.form(self.step("source").action_open(), format=code)
        wizard = self.form(self.step("file").action_open())
        self.assertEqual(wizard.source_id, source)
        wizard.attachment_ids = self.env["ir.attachment"].with_user(self.manager).create(
            {"name": "calls", "raw": "".join(sample_files.SAMPLES[code]()).encode(), "res_model": "call.upload"}
        )  # fmt: skip
        wizard.action_import()
        return source

    def test_the_country_brings_the_time_zone_where_it_has_one_time(self):
        for country, zone in (("base.de", "Europe/Berlin"), ("base.us", False)):
            company = self.env["res.company"].new({"country_id": self.env.ref(country).id})
            company._onchange_country_call_tz()
            self.assertEqual(company.call_tz, zone)
        self.env.user.tz = "America/Denver"
        company._onchange_country_call_tz()
        self.assertEqual(company.call_tz, "America/Denver")

    def test_each_step_is_done_when_the_company_s_records_show_it(self):
        self.assertEqual(self.done(), set())
        company = self.step("company").action_open()
        self.env[company["res_model"]].browse(company["res_id"]).write({"city": "Berlin", "call_tz": "Europe/Berlin"})
        self.assertEqual(self.done(), {"company"})
        self.upload()
        self.assertEqual(self.done(), {"company", "source", "file"})
        client = self.env["res.partner"].create({"name": "Dental Practice", "email": "d@example.com"})
        product = self.env["product.product"].create({"name": "Answering", "type": "service"})
        wizard = self.form(self.step("plan").action_open(), agreement="band", partner_id=client.id, product_id=product.id)
        self.assertEqual((wizard.endpoints, str(wizard.date_start)), (sample_files.CALLED, "2026-10-01"))
        contract = self.env["contract.contract"].browse(wizard.action_create_plan()["res_id"])
        self.assertEqual(self.done(), {"company", "source", "file", "plan", "contract"})
        self.assertEqual(self.step("invoice").action_open()["res_id"], contract.id)
        contract.with_user(self.manager).action_bill_usage()
        invoice = self.env["account.move"].sudo().search([("call_statement_ids.contract_id", "=", contract.id)])
        self.assertEqual(self.step("invoice").action_open()["res_id"], invoice.id)
        invoice.action_post()
        self.assertEqual(len(self.done()), 6)
        self.assertEqual(sum(invoice.sudo().invoice_line_ids.call_charge_id.mapped("call_count")), 20)

    def test_another_company_begins_anew(self):
        self.upload()
        other = self.setup_other_company()["company"]
        self.manager.company_ids |= other
        states = {step.kind: step.state for step in self.steps.with_company(other)}
        self.assertEqual((states["source"], states["file"]), ("todo", "todo"))

    def test_the_first_step_that_is_left_stands_out(self):
        self.step("company").action_skip()
        self.states()
        self.assertEqual(self.steps.filtered("is_next").kind, "source")

    def test_a_step_is_skipped_and_taken_up_again(self):
        self.step("plan").action_skip()
        self.assertEqual(self.states()["plan"], "skipped")
        self.step("plan").action_skip()
        self.assertEqual(self.states()["plan"], "todo")

    def test_the_app_opens_with_the_list_until_it_is_done_or_closed(self):
        home = self.env.ref("call_center_billing.call_start_home_action").with_user(self.manager)
        self.assertEqual(home.run()["res_model"], "call.start.step")
        self.steps.action_close()
        self.steps.invalidate_model()
        self.assertEqual(home.run()["res_model"], "contract.contract")

    def test_the_buttons_above_the_list_need_no_chosen_step(self):
        for name, kind in (("action_tour", "ir.actions.act_url"), ("action_close", "ir.actions.act_window")):
            action = call_kw(self.steps.browse(), name, [[]], {})  # as the web client calls it
            self.assertEqual(action["type"], kind)

    def test_sales_open_the_app_with_contracts(self):
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        home = self.env.ref("call_center_billing.call_start_home_action").with_user(sales)
        self.assertEqual(home.run()["res_model"], "contract.contract")
        with self.assertRaises(AccessError):
            self.steps.with_user(sales).sudo().with_user(sales).action_skip()

    def test_a_manager_without_the_right_is_told_whom_to_ask(self):
        manager = new_test_user(self.env, "plain", groups="call_center_billing.group_manager")
        with self.assertRaisesRegex(UserError, "administrator"):
            self.step("company").with_user(manager).action_open()

    def test_a_contract_without_endpoint_or_with_the_plan_that_is_there(self):
        self.assertEqual(self.step("contract").action_open()["res_model"], "call.rate.template")
        plan = self.env["call.rate.plan"].with_user(self.manager).create({"name": "Ours"})
        client = self.env["res.partner"].create({"name": "Dental Practice"})
        contract = self.form(self.step("contract").action_open(), partner_id=client.id)
        self.assertEqual(contract.contract_line_ids.rate_plan_id, plan)
        self.assertEqual(self.states()["contract"], "todo")
        self.assertEqual(self.step("contract").action_open()["res_id"], contract.id)

    def test_every_sample_is_read_without_a_reject(self):
        for code in NAMES:
            with self.subTest(code):
                source = self.upload(code)
                suspended = source.import_ids.suspense_ids
                self.assertEqual(len(suspended), source.import_ids.read_count)
                self.assertEqual(set(suspended.mapped("reason")), {"no_endpoint"})
                self.assertEqual(len(suspended), 24)

    def test_samples_are_what_the_fixtures_write(self):
        self.assertEqual(set(sample_files.SAMPLES), set(NAMES))
        for code, make in sample_files.SAMPLES.items():
            kept = (sample_files.FOLDER / f"{code}.txt").read_bytes().decode()
            self.assertEqual(kept, "".join(make()), code)


@tagged("post_install", "-at_install")
class TestStartInBrowser(HttpCase, StartCase):
    """The guided tour is the test."""

    def test_the_guided_tour_leads_to_a_posted_invoice(self):
        self.start_tour(
            "/odoo/action-call_center_billing.call_start_step_action",
            "call_center_billing_first_hour",
            login="starter",
            timeout=120,
        )
        statements = self.env["call.statement"].sudo().search([("company_id", "=", self.env.company.id)])
        self.assertEqual(statements.invoice_id.mapped("state"), ["posted"])
        self.assertLessEqual(len(re.findall(r'run: "click"', TOUR.read_text())), 20)


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestSamples(HttpCase, CallBillingCommon):
    def get(self, code, groups):
        login = groups.split(".")[1]
        new_test_user(self.env, login, groups=groups)
        self.authenticate(login, login)
        return self.url_open(f"/call_center_billing/sample/{code}")

    def test_a_sample_is_of_the_month_that_was_last_over(self):
        with freeze_time("2027-01-31 10:00:00"):
            text = self.get("threecx", "call_center_billing.group_sales").text
        self.assertIn("2026/12/06", text)
        self.assertNotIn("2026/10", text)

    def test_there_is_no_other_file_and_none_for_clients(self):
        self.assertEqual(self.get("..%2Ficon", "call_center_billing.group_sales").status_code, 404)
        self.assertEqual(self.get("threecx", "base.group_portal").status_code, 404)
