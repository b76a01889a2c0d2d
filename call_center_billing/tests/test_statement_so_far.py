from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, new_test_user, tagged

from .common import DECEMBER, NOVEMBER, TODAY, CallBillingCommon
from .test_service_level import ServiceCase

SHOWN = ("name", "component", "quantity", "unit", "unit_price", "amount")


def shown(charges):
    return [tuple(charge[name] for name in SHOWN) for charge in charges]


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestStatementSoFar(ServiceCase):
    def statement(self, month=10):
        return self.contract.call_statement_ids.filtered(lambda s: s.date_start.month == month)

    def test_it_is_what_closing_charges(self):
        """Allowance, tiers, minimum, a missed service level: line by line what the invoice will have."""
        self.agree(
            {},
            fee=100,
            rule={
                "minute_price": 1,
                "tier_mode": "graduated",
                "tier_unit": "minute",
                "tier_ids": [Command.create({"up_to": 5, "price": 1}), Command.create({"up_to": 0, "price": 0.5})],
            },
            allowance_ids=[{"name": "Included", "quantity": 2, "unit": "minute"}],
        )
        self.plan.term_ids = [Command.create({"name": "Minimum", "kind": "minimum", "amount": 200, "sequence": 20})]
        self.miss()
        so_far = self.statement()._so_far()
        before = shown(so_far["charges"])
        results = so_far["results"].mapped("explanation")
        self.assertFalse(self.statement().charge_ids)
        self.bill()
        self.env.invalidate_all()
        self.assertEqual(before, shown(self.statement().charge_ids))
        self.assertEqual({each[1] for each in before}, {"included", "duration", "fee", "minimum", "credit"})
        self.assertEqual(so_far["total"], self.statement().charge_amount)
        self.assertEqual(results, self.statement().service_result_ids.mapped("explanation"))

    def test_nothing_of_it_is_stored(self):
        self.agree({})
        self.miss()
        self.miss(month=11)
        models = ("call.charge", "call.counter", "call.service.result", "call.price")
        counts = [self.env[model].search_count([]) for model in models]
        self.assertEqual(self.statement(11)._so_far()["total"], 19040)
        self.assertEqual([self.env[model].search_count([]) for model in models], counts)
        self.assertEqual(self.statement(11).state, "open")

    def test_what_an_open_period_before_it_leaves_is_carried(self):
        """100 minutes a month, 70 used in October: 130 in November, of 140 used 10 are charged."""
        self.plan_of(
            {"minute_price": 1},
            allowance_ids=[{"name": "Included", "quantity": 100, "unit": "minute", "rollover": True, "rollover_periods": 1}],
        )
        self.import_records(self.record(talk=70 * 60), self.record("2026-11-02T10:00:00+01:00", talk=140 * 60))
        self.assertEqual([self.statement(month)._so_far()["total"] for month in (10, 11)], [0, 10])

    def test_the_cheapest_of_several_plans_is_taken(self):
        self.plan_of({"minute_price": 1})
        self.line.alternative_plan_ids = self.make_plan(minute_price=0.5)
        self.import_records(self.record(talk=120))
        amounts = self.statement().usage_line_ids.mapped("amount")
        self.assertEqual(self.statement()._so_far()["total"], 1)
        self.assertEqual(self.statement().usage_line_ids.mapped("amount"), amounts)
        self.assertEqual(self.bill().amount_untaxed, 1)

    def test_fixed_fees_and_the_change_against_last_period(self):
        contract = self.make_contract(fee=49)
        self.make_endpoint("777", contract.contract_line_ids[:1])
        self.import_records(self.record(called="777", talk=60))
        self.bill(contract)
        self.import_records(self.record("2026-11-02T10:00:00+01:00", called="777", talk=1800))
        november = contract.call_statement_ids[0]
        so_far = november._so_far()
        self.assertEqual((so_far["usage"], so_far["fixed"], so_far["total"]), (27, 49, 76))
        self.assertEqual((so_far["previous_total"], so_far["change"].replace("\xa0", "")), (49.9, "$26.10 (52 %) more"))

    def test_without_calls_there_are_the_fees(self):
        contract = self.make_contract(fee=49)
        contract._fit_statements()
        so_far = contract.call_statement_ids._so_far()
        self.assertEqual((len(so_far["charges"]), so_far["total"]), (0, 49))
        self.assertIn("Nothing is charged so far.", contract.call_statement_ids.so_far)

    def test_sales_see_it_on_a_form_of_its_own_and_change_nothing(self):
        self.import_records(self.record(talk=60))
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        statement = self.statement().with_user(sales)
        action = statement.action_show_so_far()
        form = Form(self.env[action["res_model"]].with_user(sales).browse(action["res_id"]), action["view_id"][0])
        for words in ("Not final", "Answering, Inbound calls", "0.90", "Service level, answered within 20 s"):
            self.assertIn(words, form.so_far)
        for values in ({"offered_count": 1}, {"threshold_seconds": 1}, {"so_far": "x"}):
            with self.assertRaises(AccessError):
                statement.write(values)

    def test_a_list_of_statements_computes_nothing(self):
        self.import_records(self.record(), self.record("2026-11-02T10:00:00+01:00"))
        self.assertEqual(self.contract.call_statement_ids.mapped("so_far"), [False, False])

    def test_a_closed_statement_has_no_charges_so_far(self):
        self.import_records(self.record())
        self.bill()
        self.assertFalse(self.statement().so_far)


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPortalSoFar(HttpCase, CallBillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_portal_user(cls.client, "client_user")
        cls.make_portal_user(cls.env["res.partner"].create({"name": "Stranger Ltd"}), "stranger_user")
        answered = cls.record(talk=61)
        cls.import_records(answered, cls.record(talk=0, disposition="busy"), cls.record("2026-11-02T10:00:00+01:00", talk=600))
        cls.move = cls.contract._bill_periods(NOVEMBER)
        cls.move.action_post()
        cls.running, cls.billed = cls.contract.call_statement_ids

    def get(self, url, login="client_user"):
        self.authenticate(login, login)
        return self.url_open(url)

    def test_a_client_sees_what_the_running_period_comes_to(self):
        self.assertIn(f"/my/statements/so-far/{self.running.id}", self.get("/my/statements").text)
        page = self.get(f"/my/statements/so-far/{self.running.id}").text.replace("\xa0", " ")
        for words in ("Not final", "9.00", "Answering, Inbound calls", "7.20 (400 %) more", "Average speed of answer"):
            self.assertIn(words, page)

    def test_a_client_sees_figures_and_what_is_not_charged(self):
        page = self.get(f"/my/statements/{self.billed.id}").text
        for words in (
            "Performance",
            "1 of 1 calls answered within 20 s",
            "This outcome is not charged",
            "?reason=disposition#calls",
        ):
            self.assertIn(words, page.replace("\xa0", " "))
        page = self.get(f"/my/statements/{self.billed.id}?reason=disposition").text
        self.assertEqual((page.count("2026-10-05 10:00:00"), "Show all calls" in page), (1, True))

    def test_another_client_gets_none_of_it(self):
        self.assertNotIn("so-far", self.get("/my/statements", "stranger_user").text)
        for statement in (self.running, self.billed):
            page = self.get(f"/my/statements/so-far/{statement.id}", "stranger_user")
            self.assertTrue(page.url.endswith("/my/statements"), page.url)
            self.assertNotIn("Not final", page.text)

    def test_by_remote_call_a_client_reads_figures_of_its_invoiced_statement_only(self):
        self.authenticate("client_user", "client_user")
        read = {"model": "call.statement", "method": "search_read", "args": [[], ["offered_count", "fees_html"]], "kwargs": {}}
        payload = {"jsonrpc": "2.0", "params": read, "method": "call", "id": 1}
        rows = self.url_open("/web/dataset/call_kw/call.statement/search_read", json=payload).json()["result"]
        self.assertEqual([(each["id"], each["offered_count"]) for each in rows], [(self.billed.id, 2)])
        read["args"] = [[], ["so_far"]]
        self.assertIn("error", self.url_open("/web/dataset/call_kw/call.statement/search_read", json=payload).json())

    def test_a_statement_that_is_closed_is_no_longer_so_far(self):
        with freeze_time("2026-12-05"):
            self.contract._bill_periods(DECEMBER)
        self.assertTrue(self.get(f"/my/statements/so-far/{self.running.id}").url.endswith("/my/statements"))
