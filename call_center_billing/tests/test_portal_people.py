from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from .asterisk import PHONE, row
from .common import DECEMBER, NOVEMBER, TODAY, CallBillingCommon

HANGING = ("call.charge", "call.usage.line", "call.service.result")
"""What hangs on a statement."""


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPortalPeople(HttpCase, CallBillingCommon):
    """A client with a head office, a location, a child company, each with a contract, and people of all of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client.is_company = True
        Partner = cls.env["res.partner"]
        cls.branch = Partner.create({"name": "Branch", "parent_id": cls.client.id, "type": "other", "email": "b@example.com"})
        cls.subsidiary = Partner.create(
            {"name": "Subsidiary", "parent_id": cls.client.id, "is_company": True, "email": "s@example.com"}
        )
        cls.stranger = Partner.create({"name": "Stranger Ltd", "is_company": True})
        cls.plan.term_ids = [Command.create({"name": "In time", "kind": "service_level"})]
        cls.contracts = {"head": cls.contract}
        for number, partner in enumerate((cls.branch, cls.subsidiary, cls.stranger), 1):
            cls.contracts[partner.name] = contract = cls.make_contract(partner=partner, name=partner.name)
            cls.make_endpoint(f"{PHONE}030{number}", contract.contract_line_ids)
        cls.import_text(row(), *(row(called=f"{PHONE}030{number}") for number in (1, 2, 3)))
        cls.all_contracts = cls.env["contract.contract"].union(*cls.contracts.values())
        cls.moves = cls.bill(cls, cls.all_contracts, NOVEMBER)
        cls.moves.action_post()
        cls.users = {
            name: cls.make_portal_user(Partner.create({"name": f"{name} person", "parent_id": parent.id}), name.lower())
            for name, parent in (("head", cls.client), ("Branch", cls.branch), ("Subsidiary", cls.subsidiary))
        }

    def seen(self, user, model="call.statement"):
        """Names of the contracts whose records a user reads."""
        records = self.env[model].with_user(user).search([])
        statements = records if model == "call.statement" else records.statement_id
        contracts = statements.sudo().contract_id
        return {name for name, contract in self.contracts.items() if contract in contracts}

    def test_each_place_sees_its_own_and_the_head_office_all(self):
        for model in ("call.statement", *HANGING):
            with self.subTest(model):
                self.assertEqual(self.seen(self.users["head"], model), {"head", "Branch", "Subsidiary"})
                self.assertEqual(self.seen(self.users["Branch"], model), {"Branch"})
                self.assertEqual(self.seen(self.users["Subsidiary"], model), {"Subsidiary"})

    def test_a_contact_is_held_to_the_contracts_that_it_names(self):
        user = self.users["head"]
        user.partner_id.only_contract_ids = self.contracts["Branch"] | self.contracts["Stranger Ltd"]
        self.assertEqual(self.seen(user), {"Branch"})
        self.contracts["Branch"].active = False
        self.assertEqual(self.seen(user), {"Branch"})

    def test_a_contact_that_moves_sees_what_its_new_place_does(self):
        user = self.users["Branch"]
        self.assertEqual(self.seen(user), {"Branch"})
        user.partner_id.parent_id = self.client
        self.assertEqual(self.seen(user), {"head", "Branch", "Subsidiary"})
        self.client.parent_id = self.env["res.partner"].create({"name": "Holding", "is_company": True})
        self.assertEqual(self.seen(user), {"head", "Branch", "Subsidiary"})

    def test_followers_are_held_to_the_contracts_that_they_may_see(self):
        user = self.users["head"]
        self.all_contracts.message_subscribe(user.partner_id.ids)
        env = self.env(user=user)
        self.assertEqual(env["contract.contract"].search([]), self.all_contracts)
        user.partner_id.only_contract_ids = self.contracts["Branch"]
        self.assertEqual(env["contract.contract"].search([]), self.contracts["Branch"])
        self.assertEqual(env["contract.line"].search([]).contract_id, self.contracts["Branch"])

    def test_a_location_reads_no_invoice_of_the_others(self):
        def invoices(name):
            return self.env["account.move"].with_user(self.users[name]).search([("move_type", "=", "out_invoice")])

        own = self.contracts["Branch"].call_statement_ids.invoice_id
        self.assertEqual(len(invoices("head") & self.moves), 3)
        self.assertEqual(invoices("Branch"), own)
        lines = self.env["account.move.line"].with_user(self.users["Branch"]).search([])
        self.assertEqual(lines.move_id, own)
        accountant = self.env["account.move"].search([("id", "in", self.moves.ids)])
        self.assertEqual(accountant, self.moves)

    def test_an_agreement_is_for_who_sees_all_its_contracts(self):
        def agreements(name):
            return self.env["call.agreement"].with_user(self.users[name]).search([])

        together = self.env["call.agreement"].create(
            {"contract_id": self.contract.id, "location_ids": self.contracts["Subsidiary"].ids}
        )
        alone = self.env["call.agreement"].create({"contract_id": self.contracts["Branch"].id})
        (together | alone).action_offer()
        self.assertEqual(agreements("head"), together | alone)
        self.assertEqual(agreements("Branch"), alone)
        self.assertFalse(agreements("Subsidiary"))

    def test_pages_hold_to_it_as_well(self):
        self.authenticate("branch", "branch")
        for name, contract in self.contracts.items():
            statement = contract.call_statement_ids
            with self.subTest(name):
                for url in ("", "/csv", "/xlsx", "/pdf"):
                    page = self.url_open(f"/my/statements/{statement.id}{url}", allow_redirects=False)
                    self.assertEqual(page.status_code == 200, name == "Branch")
                page = self.url_open(f"/my/invoices/{statement.invoice_id.id}", allow_redirects=False)
                self.assertEqual(page.status_code == 200, name == "Branch")

    def test_a_link_to_an_invoice_does_not_open_its_calls(self):
        statement = self.contract.call_statement_ids
        self.authenticate("branch", "branch")
        page = self.url_open(statement.invoice_id.get_portal_url())
        self.assertIn(statement.invoice_id.name, page.text)
        self.assertNotIn("/my/statements/", page.text)

    def test_an_invoice_of_several_locations_stays_with_the_head_office(self):
        both = self.contract | self.contracts["Branch"]
        both.write({"invoice_together": True, "invoice_partner_id": self.client.id})
        self.import_text(row(start="2026-11-03 10:00:00"), row(start="2026-11-03 10:00:00", called=f"{PHONE}0301"))
        move = self.bill(both, DECEMBER)
        move.action_post()
        self.assertEqual(len(move), 1)
        statement = self.contracts["Branch"].call_statement_ids.filtered(lambda s: s.date_start.month == 11)
        self.authenticate("branch", "branch")
        page = self.url_open(f"/my/statements/{statement.id}").text
        self.assertIn("your head office has it", page)
        self.assertNotIn(f"/my/invoices/{move.id}", page + self.url_open("/my/statements").text)
        self.assertNotIn("access_token", page)
        self.authenticate("head", "head")
        self.assertIn(f"/my/invoices/{move.id}", self.url_open(f"/my/statements/{statement.id}").text)

    def call_kw(self, model, method, *args, **kwargs):
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        body = {"jsonrpc": "2.0", "params": params, "method": "call", "id": 1}
        return self.url_open(f"/web/dataset/call_kw/{model}/{method}", json=body).json().get("result")

    def test_no_remote_call_reads_what_belongs_to_another_place(self):
        self.authenticate("branch", "branch")
        mine = self.contracts["Branch"].call_statement_ids
        others = (self.all_contracts - self.contracts["Branch"]).call_statement_ids
        self.assertEqual([each["id"] for each in self.call_kw("call.statement", "search_read", [], fields=["id"])], mine.ids)
        for model in HANGING:
            with self.subTest(model):
                rows = self.call_kw(model, "search_read", [], fields=["statement_id"])
                self.assertEqual({each["statement_id"][0] for each in rows}, set(mine.ids))
                record = self.env[model].search([("statement_id", "in", others.ids)], limit=1)
                self.assertFalse(self.call_kw(model, "read", record.ids, ["id"]))
        self.assertFalse(self.call_kw("account.move", "read", others.invoice_id.ids, ["amount_total"]))
        self.assertFalse(
            self.call_kw("account.move.line", "search_read", [("move_id", "in", others.invoice_id.ids)], fields=["name"])
        )
        self.assertFalse(
            self.call_kw("mail.message", "search_read", [("model", "=", "call.statement"), ("res_id", "in", others.ids)])
        )
        self.assertIsNone(self.call_kw("res.partner", "write", self.users["Branch"].partner_id.ids, {"only_contract_ids": []}))
        self.assertIsNone(self.call_kw("call.search", "_statements"))

    def test_charges_so_far_hold_to_it_as_well(self):
        self.import_text(row(start="2026-11-03 10:00:00"), row(start="2026-11-03 10:00:00", called=f"{PHONE}0301"))
        self.authenticate("branch", "branch")
        for name in ("head", "Branch"):
            statement = self.contracts[name].call_statement_ids.filtered(lambda s: s.state == "open")
            page = self.url_open(f"/my/statements/so-far/{statement.id}")
            self.assertEqual("Charges so far" in page.text and "so-far" in page.url, name == "Branch")
