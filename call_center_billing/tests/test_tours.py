import base64

from odoo.tests import HttpCase, new_test_user, tagged

from .asterisk import row
from .common import NOVEMBER, CallBillingCommon


@tagged("post_install", "-at_install")
class TestTours(HttpCase, CallBillingCommon):
    """The main path of each role in a real browser."""

    def test_an_accountant_imports_a_file_and_sees_what_became_of_it(self):
        new_test_user(self.env, "tour_accountant", groups="call_center_billing.group_accountant")
        content = (row(talk=61) + row(talk=0, disposition="BUSY") + row(called="000")).encode()
        record = self.env["call.import"].create({"source_id": self.source.id, "name": "a.csv", "file": base64.b64encode(content)})
        url = f"/odoo/action-call_center_billing.call_import_action/{record.id}"
        self.start_tour(url, "call_center_billing_accountant", login="tour_accountant")
        self.assertTotals(record, read=3, accepted=2, suspended=1)

    def test_an_accountant_collects_corrects_and_writes_off(self):
        new_test_user(self.env, "tour_collector", groups="call_center_billing.group_accountant")
        url = "/odoo/action-call_center_billing.call_source_action"
        self.start_tour(url, "call_center_billing_collection", login="tour_collector")
        record = self.source.import_ids
        self.assertTotals(record, read=3, accepted=2, suspended=1)
        written_off = record.suspense_ids.filtered(lambda suspense: suspense.state == "written_off")
        self.assertEqual((written_off.called, written_off.note), ("000", "Test call of the installer"))

    def test_sales_make_a_rate_plan(self):
        new_test_user(self.env, "tour_sales", groups="call_center_billing.group_sales")
        self.start_tour("/odoo/action-call_center_billing.call_rate_plan_action", "call_center_billing_sales", login="tour_sales")
        plan = self.env["call.rate.plan"].search([("name", "=", "Evening plan")])
        self.assertEqual(plan.rule_ids.minute_price, 1.25)

    def test_an_agreement_is_offered_signed_changed_and_billed_as_signed(self):
        new_test_user(self.env, "tour_sales", groups="call_center_billing.group_sales,base.group_partner_manager")
        dentist = self.env["res.partner"].create({"name": "Tour Dentist", "tz": "Europe/Berlin", "email": "t@example.com"})
        template = "/odoo/action-call_center_billing.call_rate_template_action"
        self.start_tour(template, "call_center_billing_offer", login="tour_sales")
        self.make_portal_user(dentist, "tour_client")
        self.start_tour("/my/home", "call_center_billing_sign", login="tour_client")
        contract = dentist.contract_ids
        self.assertEqual(contract.agreement_status, "active")
        calls = [self.record(f"2026-10-{day}T10:00:00+02:00", talk=15000, called="+49305550177") for day in ("12", "15", "16")]
        self.import_records(*calls[:1])
        url = f"/odoo/action-call_center_billing.contract_action/{contract.id}"
        self.start_tour(url, "call_center_billing_amend", login="tour_sales")
        self.start_tour("/my/home", "call_center_billing_sign", login="tour_client")
        self.import_records(*calls[1:])
        self.bill(contract, until=NOVEMBER).action_post()
        charges = contract.call_statement_ids.charge_ids.filtered(lambda c: c.component == "duration")
        self.assertEqual([(c.quantity, c.unit_price) for c in charges], [(250, 2.25), (250, 3.00)])
        self.start_tour("/my/home", "call_center_billing_both_versions", login="tour_client")

    def test_a_client_checks_the_calls_behind_a_charge(self):
        self.make_portal_user(self.client, "tour_client")
        self.import_text(row(talk=61))
        self.bill(until=NOVEMBER).action_post()
        self.start_tour("/my/home", "call_center_billing_client", login="tour_client")
