from datetime import date
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from .asterisk import PHONE, row
from .common import DECEMBER, NOVEMBER, CallBillingCommon

DAY_10 = "2026-11-10 12:00:00"


@freeze_time(DAY_10)
@tagged("post_install", "-at_install")
class TestPortalDashboard(HttpCase, CallBillingCommon):
    """October is invoiced; of November ten days are over. 100 minutes at 0.90 are included."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan.allowance_ids = [
            Command.create({"name": "Included minutes", "quantity": 100, "unit": "minute", "date_start": "2026-11-01"})
        ]
        cls.plan.term_ids = [Command.create({"name": "In time", "kind": "service_level"})]
        cls.client_user = cls.make_portal_user(cls.client, "client_user")
        cls.make_portal_user(cls.env["res.partner"].create({"name": "Stranger Ltd"}), "stranger_user")
        cls.import_text(row(talk=600), row(start="2026-10-06 11:30:00", talk=60))
        cls.bill(cls, cls.contract, NOVEMBER).action_post()

    def use(self, minutes, start="2026-11-03 10:00:00", **values):
        self.import_text(row(start=start, talk=minutes * 60, **values))
        return self.contract.call_statement_ids.filtered(lambda s: s.state == "open")

    def card(self):
        Dashboard = self.env["call.dashboard"].with_user(self.client_user)
        (card,) = Dashboard._cards(Dashboard._running())
        return card

    def run_job(self):
        with patch.object(self.registry["ir.cron"], "_commit_progress", return_value=60):
            self.env["call.allowance.alert"]._cron_alert()

    def mails(self):
        return self.env["mail.mail"].search([("model", "=", "call.allowance.alert")]).mapped("subject")

    def get(self, login="client_user", url="/my/calls/dashboard"):
        self.authenticate(login, login)
        return self.url_open(url)

    # --- What it tells ------------------------------------------------------------------------------------

    def test_what_is_included_is_shown_with_a_forecast_that_knows_it(self):
        self.use(50)
        card = self.card()
        self.assertEqual((card.day, card.days, card.usage, card.calls), (10, 30, 0, 3))
        self.assertEqual(card.uses[0][0].text(), "50 of 100 minutes")
        self.assertEqual((card.uses[0][0].percent, card.uses[0][1]), (50, "success"))
        self.assertAlmostEqual(card.outlook, 45)  # 150 minutes, 50 beyond

    def test_what_is_beyond_is_charged_and_goes_on(self):
        self.use(120)
        card = self.card()
        self.assertAlmostEqual(card.usage, 18)
        self.assertAlmostEqual(card.outlook, 260 * 0.90)
        self.assertEqual(card.uses[0][1], "danger")

    def test_the_page_has_numbers_for_who_sees_no_chart(self):
        self.use(50)
        page = self.get().text.replace("\xa0", " ")
        for words in ("50 of 100 minutes", 'aria-valuenow="50"', "day 10 of 30", "10/01/2026 - 10/31/2026", "In time"):
            self.assertIn(words, page)

    def test_charts_get_their_numbers(self):
        self.use(50)
        self.authenticate("client_user", "client_user")
        charts = self.make_jsonrpc_request("/my/calls/dashboard/charts", {})
        self.assertEqual(len(charts["days"]["labels"]), 10)
        self.assertEqual((charts["days"]["values"][2], sum(charts["days"]["values"])), (1, 1))
        self.assertEqual(charts["hours"]["values"][10], 1)
        self.assertEqual(charts["levels"]["values"][2], 100)
        self.assertEqual((charts["services"]["labels"], charts["services"]["values"]), (["Answering"], [50]))
        self.assertEqual(charts["periods"]["values"], [9.90])
        charts = self.make_jsonrpc_request("/my/calls/dashboard/charts", {"period": "2026-10-01"})
        self.assertEqual((len(charts["days"]["labels"]), sum(charts["days"]["values"])), (31, 2))
        charts = self.make_jsonrpc_request("/my/calls/dashboard/charts", {"period": "nonsense"})
        self.assertEqual(len(charts["days"]["labels"]), 10)

    def test_charts_of_others_are_empty(self):
        self.use(50)
        self.authenticate("stranger_user", "stranger_user")
        charts = self.make_jsonrpc_request("/my/calls/dashboard/charts", {"period": "2026-10-01"})
        self.assertFalse(any(any(chart["values"]) for chart in charts.values()))
        self.assertIn("There is no period yet", self.get("stranger_user").text)

    def test_without_login_there_is_nothing(self):
        self.authenticate(None, None)
        self.assertIn("/web/login", self.url_open("/my/calls/dashboard").url)
        answer = self.url_open("/my/calls/dashboard/charts", json={"jsonrpc": "2.0", "params": {}, "method": "call"}).json()
        self.assertNotIn("result", answer)

    def test_a_location_sees_its_own_only(self):
        branch = self.env["res.partner"].create({"name": "Branch", "parent_id": self.client.id, "type": "other"})
        contract = self.make_contract(partner=branch, name="Branch", date_start=date(2026, 11, 1))
        self.make_endpoint(f"{PHONE}0300", contract.contract_line_ids)
        self.use(50)
        self.use(20, called=f"{PHONE}0300")
        Dashboard = self.env["call.dashboard"].with_user(self.make_portal_user(branch, "branch_user"))
        self.assertEqual(Dashboard._running().contract_id, contract)
        self.assertFalse(Dashboard._past())
        self.assertEqual(sum(Dashboard._charts()["days"]["values"]), 1)

    def test_looking_changes_nothing_though_an_earlier_period_is_open(self):
        self.import_text(row(start="2026-11-03 10:00:00", talk=60))
        with freeze_time("2026-12-05 12:00:00"):
            self.import_text(row(start="2026-12-02 10:00:00", talk=60))
            before = self.env["call.counter"].search_count([])
            self.assertEqual(self.card().statement.date_start, DECEMBER)
            self.assertEqual(self.env["call.counter"].search_count([]), before)

    # --- Alerts ----------------------------------------------------------------------------------------------

    def test_each_part_is_mailed_once_however_often_the_job_runs(self):
        self.use(79)
        self.run_job()
        self.assertFalse(self.mails())
        self.use(2)
        self.run_job()
        self.run_job()
        self.assertEqual(self.mails(), ["80 % of your Included minutes are used"])
        self.use(30)
        self.run_job()
        self.assertEqual(len(self.mails()), 2)
        statement = self.use(30)
        self.run_job()
        statement.sudo().alerted_count = 0
        self.run_job()
        self.assertEqual(len(self.mails()), 2)

    def test_two_parts_at_once_are_one_mail(self):
        statement = self.use(130)
        self.run_job()
        self.assertEqual(self.mails(), ["100 % of your Included minutes are used"])
        alerts = self.env["call.allowance.alert"].search([("statement_id", "=", statement.id)])
        self.assertEqual(alerts.mapped("percent"), [100, 80])

    def test_the_next_period_is_told_again(self):
        self.use(130)
        self.run_job()
        self.bill(self.contract, DECEMBER)
        with freeze_time("2026-12-03 12:00:00"):
            self.use(90, start="2026-12-02 10:00:00")
            self.run_job()
        self.assertEqual(len(self.mails()), 2)

    def test_a_contract_has_its_own_parts_or_none(self):
        self.contract.allowance_alerts = "50"
        self.use(60)
        self.run_job()
        self.assertEqual(self.mails(), ["50 % of your Included minutes are used"])
        self.contract.allowance_alerts = False
        self.use(60)
        self.run_job()
        self.assertEqual(len(self.mails()), 1)
        with self.assertRaises(ValidationError):
            self.contract.allowance_alerts = "all"

    def test_an_allowance_that_contracts_share_is_told_of_once(self):
        other = self.make_contract(name="Second", date_start=date(2026, 11, 1))
        self.make_endpoint(f"{PHONE}0300", other.contract_line_ids)
        both = self.contract | other
        both.write({"invoice_together": True, "pool_allowances": True, "invoice_partner_id": self.client.id})
        self.plan.allowance_ids.pooled = True
        self.use(50)
        self.use(35, called=f"{PHONE}0300")
        Dashboard = self.env["call.dashboard"].with_user(self.client_user)
        cards = Dashboard._cards(Dashboard._running())
        self.assertEqual({card.uses[0][0].text() for card in cards}, {"85 of 100 minutes"})
        self.run_job()
        self.assertEqual(self.mails(), ["80 % of your Included minutes are used"])

    def test_without_an_address_the_page_tells_alone(self):
        self.client.email = False
        self.use(85)
        self.run_job()
        self.assertFalse(self.mails())
        page = self.get().text
        self.assertIn("80 % of &#39;Included minutes&#39; are used: 85 of 100 minutes.", page)
        self.assertNotIn("A mail told you", page)
        counters = self.make_jsonrpc_request("/my/counters", {"counters": ["call_allowance_alert_count", "call_running_count"]})
        self.assertEqual(counters, {"call_allowance_alert_count": 1, "call_running_count": 1})
