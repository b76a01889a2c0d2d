import json
from functools import cached_property

from freezegun import freeze_time

from odoo import fields
from odoo.fields import Command, Domain
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools.safe_eval import safe_eval

from odoo.addons.call_center_billing.tests.common import NOVEMBER, TODAY, CallBillingCommon
from odoo.addons.spreadsheet.utils.validate_data import fields_in_spreadsheet, menus_xml_ids_in_spreadsheet, odoo_charts

NAMES = ("operations", "billing", "clients")


class DashboardCase(CallBillingCommon):
    """Two clients with an October at 0.90 a minute: 9.00, of which one call of 1.80 is disputed, and 0.90; November so far, and today."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            role: new_test_user(cls.env, f"{role}_of_dashboards", groups=f"call_center_billing.group_{role}")
            for role in ("sales", "accountant")
        }
        cls.env.company.call_agent_hour_cost = 6
        cls.plan.term_ids = [Command.create({"name": "In time", "kind": "service_level", "target": 80, "threshold_seconds": 20})]
        other = cls.make_contract(partner=cls.env["res.partner"].create({"name": "Parcel Service", "email": "p@example.com"}))
        cls.make_endpoint("555", other.contract_line_ids)
        cls.contracts = cls.contract | other
        minutes = [cls.record(talk=60 * each, queue_seconds=5 + 10 * each) for each in (2, 3, 5)]
        cls.import_records(*minutes, cls.record(called="555"), cls.record(talk=0, disposition="abandoned", queue_seconds=60))
        cls.contracts._bill_periods(NOVEMBER).action_post()
        cls.statement, cls.other_statement = (contract.call_statement_ids for contract in cls.contracts)
        cls.import_records(cls.record(f"{TODAY[:10]}T10:00:00+01:00"), cls.record("2026-10-29T10:00:00+01:00", called="000"))
        cls.rate(cls.statement, 5, "Fine")
        cls.rate(cls.other_statement, 1, "Too slow")
        cls.dispute = cls.statement._raise_dispute(
            [{"usage_id": cls.statement.usage_line_ids.sorted("amount")[1].id}],
            cls.env.ref("call_center_billing.dispute_reason_other"),
        )
        cls.env["call.count"]._count_due()
        cls.env.flush_all()

    @classmethod
    def rate(cls, statement, rate, comment):
        statement = statement.sudo()
        statement.rating_apply(
            rate, token=statement._rating_get_access_token(), feedback=comment, rating=cls.env["rating.rating"]
        )

    def dashboard(self, name):
        return self.env.ref(f"call_center_billing_spreadsheet.dashboard_{name}")

    @cached_property
    def documents(self):
        return {name: json.loads(self.dashboard(name).spreadsheet_data) for name in NAMES}

    def reader(self, name):
        return self.users["accountant" if name == "billing" else "sales"]

    def grouped(self, name, model, domain, groupby, aggregates):
        Model = self.env[model].with_user(self.reader(name))
        return Model.formatted_read_group(Domain(domain), groupby, aggregates)

    def pivot(self, dashboard, name, *measures, **group):
        """What a pivot of a dashboard says, as its reader sees it.

        :param group: the row of which to read, or nothing for the whole
        """
        (pivot,) = (each for each in self.documents[dashboard]["pivots"].values() if each["name"] == name)
        measures = measures or [measure["id"] for measure in pivot["measures"]]
        groupby = [row["fieldName"] for row in pivot["rows"]]
        (row,) = (
            row
            for row in self.grouped(dashboard, pivot["model"], pivot["domain"], groupby, measures)
            if all(row[field] and row[field][0] == record.id for field, record in group.items())
        )
        return [round(row[measure], 4) for measure in measures]


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestDashboards(DashboardCase):
    def test_every_model_field_and_menu_exists(self):
        for name, document in self.documents.items():
            for model, names in fields_in_spreadsheet(document).items():
                for chain in names:
                    with self.subTest(name, model=model, field=chain):
                        self.resolve(model, chain)
            for menu in menus_xml_ids_in_spreadsheet(document):
                with self.subTest(name, menu=menu):
                    self.assertTrue(self.env.ref(menu).action)

    def resolve(self, model, chain):
        """The field at the end of a chain."""
        *way, last = chain.split(".")
        for step in way:
            model = self.env[model]._fields[step].comodel_name
        return self.env[model]._fields[last]

    def test_every_filter_fits_what_it_filters(self):
        for name, document in self.documents.items():
            filters = {each["id"]: each for each in document["globalFilters"]}
            charts = [(each, each["metaData"]["resModel"]) for each in odoo_charts(document)]
            tables = [(each, each["model"]) for kind in ("pivots", "lists") for each in document[kind].values()]
            for each, model in charts + tables:
                for place, matching in each["fieldMatching"].items():
                    with self.subTest(name, model=model, filter=place):
                        field = self.resolve(model, matching["chain"])
                        self.assertEqual(field.type, matching["type"])
                        self.assertEqual(field.comodel_name, filters[place].get("modelName"))

    def test_every_pivot_and_chart_tells_something(self):
        told = 0
        for name, document in self.documents.items():
            for pivot in document["pivots"].values():
                measures = [measure["id"] for measure in pivot["measures"]]
                rows = self.grouped(name, pivot["model"], pivot["domain"], [row["fieldName"] for row in pivot["rows"]], measures)
                with self.subTest(name, pivot=pivot["name"]):
                    self.assertTrue(rows)
                    for measure in measures:
                        self.assertTrue(any(isinstance(row[measure], int | float) for row in rows), measure)
                told += 1
            for chart in odoo_charts(document):
                meta, domain = chart["metaData"], chart["searchParams"]["domain"]
                field = self.env[meta["resModel"]]._fields.get(meta["measure"])
                measure = f"{meta['measure']}:{field.aggregator}" if field else "__count"
                with self.subTest(name, chart=chart["title"]["text"]):
                    rows = self.grouped(name, meta["resModel"], domain, meta["groupBy"], [measure])
                    self.assertTrue([row for row in rows if row[measure]] or "Credited" in chart["title"]["text"])
                told += 1
        self.assertGreaterEqual(told, 30)

    def test_every_list_has_rows_and_columns(self):
        for name, document in self.documents.items():
            for each in document["lists"].values():
                with self.subTest(name, list=each["name"]):
                    order = ", ".join(f"{by['name']} {'asc' if by['asc'] else 'desc'}" for by in each["orderBy"])
                    records = self.env[each["model"]].with_user(self.reader(name)).search(Domain(each["domain"]), order=order)
                    self.assertTrue(records.read(each["columns"]))

    def test_each_is_seen_by_whom_it_is_for(self):
        for role, names in (("sales", {"operations", "clients"}), ("accountant", set(NAMES))):
            seen = self.env["spreadsheet.dashboard"].with_user(self.users[role]).search([])
            with self.subTest(role):
                self.assertEqual({name for name in NAMES if self.dashboard(name) in seen}, names)
                menus = self.env["ir.ui.menu"].with_user(self.users[role])._visible_menu_ids()
                billing = self.env.ref("call_center_billing_spreadsheet.menu_dashboard_billing")
                self.assertEqual(billing.id in menus, "billing" in names)


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestDashboardFigures(DashboardCase):
    """What dashboards say is what people and clients read elsewhere."""

    def test_billed_is_what_invoices_are(self):
        invoices = self.contracts.call_statement_ids.invoice_id
        ((billed,), (one,)) = (
            self.pivot("billing", name, "billed_amount:sum", **group)
            for name, group in (("Billed and what became of it", {}), ("Clients", {"partner_id": self.client}))
        )
        self.assertEqual(billed, sum(invoices.mapped("amount_untaxed")))
        self.assertEqual(one, self.statement.invoice_id.amount_untaxed)

    def test_unbilled_is_what_the_list_of_unbilled_usage_says(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_statement_unbilled_action")
        statements = self.env["call.statement"].search(safe_eval(action["domain"]))
        self.assertEqual(self.pivot("billing", "Unbilled", "unbilled_amount:sum"), [sum(statements.mapped("usage_amount"))])
        self.assertEqual(sum(statements.mapped("usage_amount")), 0.9)

    def test_disputed_and_credited_are_what_the_dispute_says(self):
        measures = ("disputed_amount:sum", "credited_amount:sum")
        self.assertEqual(self.pivot("billing", "Billed and what became of it", *measures), [self.dispute.disputed_amount, 0])
        self.dispute.line_ids.decision = "accept"
        self.env["call.dispute.decide"].browse(self.dispute.action_decide()["res_id"]).action_decide()
        amounts = [self.dispute.disputed_amount, self.dispute.credited_amount]
        self.assertEqual(self.pivot("billing", "Billed and what became of it", *measures), amounts)
        self.assertEqual(self.pivot("billing", "Disputed, open"), [0])
        self.assertGreater(amounts[1], 0)

    def test_what_is_owed_is_what_client_accounts_say(self):
        accounts = self.env["call.client.account"].search([("partner_id", "in", self.contracts.partner_id.ids)])
        receivable, sales, days = self.pivot("billing", "Receivable")
        self.assertEqual(receivable, sum(accounts.mapped("balance_amount")))
        self.assertEqual((sales, days), (receivable, 90))

    def test_revenue_is_what_was_charged(self):
        charges = self.contracts.call_statement_ids.filtered(lambda s: s.state == "invoiced").charge_ids
        self.assertEqual(self.pivot("clients", "Revenue and margin", "revenue:sum"), [round(sum(charges.mapped("amount")), 2)])

    def test_the_service_level_is_what_the_client_was_told(self):
        told = self.statement.service_result_ids.value
        level, offered = self.pivot(
            "clients", "Service by Client", "service_level:avg", "offered_count:sum", partner_id=self.client
        )
        november = self.grouped("clients", "call.count", [("date", ">=", "2026-11-01")], [], ["offered_count:sum"])
        self.assertEqual(offered, 4 + november[0]["offered_count:sum"])
        October = [("date", "<", "2026-11-01"), ("partner_id", "=", self.client.id)]
        ((october,),) = self.env["call.count"]._read_group(October, [], ["service_level:avg"])
        self.assertAlmostEqual(float(october), told, 4)
        self.assertGreater(level, 0)

    def test_missed_targets_are_those_of_statements(self):
        results = self.contracts.call_statement_ids.service_result_ids
        missed = len(results.filtered(lambda result: result.met == "no"))
        self.assertEqual((self.pivot("clients", "Targets missed"), self.pivot("clients", "Targets")), ([missed], [len(results)]))
        self.assertGreater(missed, 0)

    def test_feedback_is_what_clients_said(self):
        satisfied, rate, answers, poor = self.pivot("clients", "Feedback")
        self.assertEqual((satisfied, rate, answers, poor), (50, 100, 2, 1))

    def test_today_is_today(self):
        self.assertEqual(self.pivot("operations", "Calls today"), [1])
        self.assertEqual(self.pivot("operations", "Calls up to now a week ago"), [1])
        self.assertEqual(self.pivot("operations", "Service today", "offered_count:sum"), [1])

    def test_suspense_is_what_imports_say(self):
        imports = self.env["call.import"].search([("source_id.company_id", "=", self.env.company.id)])
        read, suspended, share = self.pivot(
            "operations", "Imported", "read_count:sum", "suspended_count:sum", "suspense_share:avg"
        )
        self.assertEqual((read, suspended), (sum(imports.mapped("read_count")), sum(imports.mapped("suspended_count"))))
        self.assertAlmostEqual(share, 100 * suspended / read, 3)
        self.assertEqual(self.pivot("operations", "Open suspended records", "__count"), [suspended])


@tagged("post_install", "-at_install")
class TestDashboardTours(HttpCase, DashboardCase):
    """Each dashboard in a real browser: no cell is wrong, every card tells something."""

    browser_size = "1400x1000"

    def setUp(self):
        super().setUp()
        self.import_records(self.record(f"{fields.Date.today()}T00:00:00+00:00"))
        self.env["call.count"]._count_due()

    def open(self, name):
        action = f"call_center_billing_spreadsheet.dashboard_{name}_action"
        self.start_tour(f"/odoo/action-{action}", "call_center_billing_spreadsheet", login=self.reader(name).login)

    def test_operations(self):
        self.open("operations")

    def test_billing(self):
        self.open("billing")

    def test_clients(self):
        self.open("clients")
