from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged

from .asterisk import PHONE, row
from .common import NOVEMBER, TODAY, CallBillingCommon

ROLES = ("sales", "accountant", "manager")


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestTwoCompanies(HttpCase, CallBillingCommon):
    """One company in dollars and one in euros, each with a phone system and a client of its own, which have the same number; and a
    client of the first that is billed in pounds. The same file comes to both."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dollar, cls.euro = cls.env.company, cls.other_currency
        cls.pound = cls.setup_other_currency("GBP", rates=[("2026-01-01", 0.5)])
        cls.there = cls.setup_other_company(name="There", currency_id=cls.euro.id)["company"]
        cls.here = cls.dollar
        cls.env.user.company_ids |= cls.there
        cls.there.write(
            {
                name: "off"
                for name in cls.there._fields
                if name.startswith("call_gate_") and cls.there._fields[name].type == "selection"
            }
        )
        cls.other_client = cls.env["res.partner"].create({"name": "Zahnarzt", "tz": "Europe/Madrid", "email": "z@example.com"})
        cls.pound_client = cls.env["res.partner"].create({"name": "Dentist", "tz": "Europe/London", "email": "l@example.com"})
        with cls.working_in(cls.there):
            cls.there_source = cls.source.copy({"company_id": cls.there.id})
            cls.there_plan = cls.make_plan(minute_price=2)
            cls.there_contract = cls.make_contract(cls.there_plan, cls.other_client, name="There", company_id=cls.there.id)
            cls.make_endpoint(PHONE + "0100", cls.there_contract.contract_line_ids)
        pound_plan = cls.make_plan(minute_price=0.4)
        pound_plan.currency_id = cls.pound
        cls.pound_contract = cls.make_contract(pound_plan, cls.pound_client, name="Pounds", manual_currency_id=cls.pound.id)
        cls.make_endpoint(PHONE + "0200", cls.pound_contract.contract_line_ids)
        cls.file = "".join((row(talk=61), row(called=PHONE + "0200", talk=121), row(start="2026-10-06 10:00:00", talk=30)))
        cls.import_text(cls.file)
        with cls.working_in(cls.there):
            cls.there_import = cls.import_text(cls.file, source=cls.there_source)
        contracts = cls.contract | cls.pound_contract
        cls.moves = {contract: contract._bill_periods(NOVEMBER) for contract in contracts}
        with cls.working_in(cls.there):
            cls.moves[cls.there_contract] = cls.there_contract.with_env(cls.env)._bill_periods(NOVEMBER)
        for move in cls.moves.values():
            move.action_post()

    @classmethod
    def working_in(cls, company):
        """What is made inside belongs to another company."""

        class Working:
            def __enter__(self):
                self.before = cls.env
                cls.env = cls.env(context={**cls.env.context, "allowed_company_ids": company.ids})

            def __exit__(self, *_error):
                cls.env = self.before

        return Working()

    def user_of(self, company, role="manager"):
        login = f"{role}_{company.id}"
        groups = f"call_center_billing.group_{role},base.group_allow_export"
        return new_test_user(self.env, login, groups=groups, company_id=company.id, company_ids=[(6, 0, company.ids)])

    def statement(self, contract):
        return self.moves[contract].sudo().call_statement_ids

    def table(self, contract):
        move = self.moves[contract]
        return move.company_id, move.currency_id, move.amount_untaxed, self.statement(contract).usage_count

    def test_each_is_billed_in_its_company_and_its_currency(self):
        self.assertEqual(self.table(self.contract), (self.here, self.dollar.currency_id, 2.7, 2))
        self.assertEqual(self.table(self.pound_contract), (self.here, self.pound, 1.2, 1))
        self.assertEqual(self.table(self.there_contract), (self.there, self.euro, 6, 2))
        self.assertEqual(self.there_import.suspense_ids.mapped("reason"), ["no_endpoint"])

    def test_the_books_have_what_the_rate_makes_of_it(self):
        """1.20 pounds at half a pound a dollar are 2.40 dollars."""
        line = self.moves[self.pound_contract].invoice_line_ids
        self.assertEqual((line.amount_currency, line.balance), (-1.2, -2.4))
        self.assertEqual(self.moves[self.there_contract].invoice_line_ids.balance, -6)

    def test_statements_charges_and_margins_tell_the_currency(self):
        for contract, currency in (
            (self.contract, self.dollar.currency_id),
            (self.pound_contract, self.pound),
            (self.there_contract, self.euro),
        ):
            with self.subTest(contract.name):
                statement = self.statement(contract)
                self.assertEqual(
                    statement.currency_id | statement.charge_ids.currency_id | statement.usage_line_ids.currency_id, currency
                )
        self.env["call.count"]._count_due()
        self.env.flush_all()
        revenue = {
            row["contract_id"][0]: row["revenue:sum"]
            for row in self.env["call.margin"].sudo().formatted_read_group([], ["contract_id"], ["revenue:sum"])
        }
        self.assertAlmostEqual(revenue[self.pound_contract.id], 2.4)
        self.assertAlmostEqual(revenue[self.there_contract.id], 6)

    def test_each_dispute_is_given_back_in_its_own_currency_and_company(self):
        for contract, amount in ((self.contract, 1.8), (self.pound_contract, 1.2), (self.there_contract, 4)):
            statement = self.statement(contract).with_context(allowed_company_ids=contract.company_id.ids)
            call = statement.usage_line_ids.sorted("amount")[-1]
            dispute = statement._raise_dispute([{"usage_id": call.id}], self.env.ref("call_center_billing.dispute_reason_other"))
            dispute.line_ids.decision = "accept"
            wizard = dispute.env["call.dispute.decide"].browse(dispute.action_decide()["res_id"])
            wizard.settle = "now"
            wizard.action_decide()
            credit = dispute.adjustment_ids.sudo().move_id
            with self.subTest(contract.name):
                told = (credit.move_type, credit.company_id, credit.currency_id, credit.amount_untaxed, dispute.currency_id)
                self.assertEqual(
                    told, ("out_refund", contract.company_id, self.moves[contract].currency_id, amount, credit.currency_id)
                )

    def test_each_is_paid_in_its_own_currency(self):
        for contract, move in self.moves.items():
            with self.subTest(contract.name):
                here = move.with_company(move.company_id).with_context(allowed_company_ids=move.company_id.ids)
                register = here.env["account.payment.register"].with_context(
                    active_model="account.move", active_ids=move.ids, allowed_company_ids=move.company_id.ids
                )
                wizard = register.create({})
                self.assertEqual((wizard.currency_id, wizard.amount), (move.currency_id, move.amount_total))
                wizard.action_create_payments()
                self.assertIn(move.payment_state, ("paid", "in_payment"))
                self.assertEqual(self.statement(contract).state, "settled")

    def test_the_proof_of_each_company_adds_up_in_each_currency(self):
        for company, currencies in ((self.here, self.dollar.currency_id | self.pound), (self.there, self.euro)):
            Proof = self.env["call.proof"].with_context(allowed_company_ids=company.ids)
            proof = Proof.create({"date_from": "2026-10-01", "date_to": "2026-10-31", "company_id": company.id})
            proof.action_compute()
            with self.subTest(company.name):
                self.assertTrue(proof.is_proved)
                self.assertEqual(proof.money_line_ids.currency_id, currencies)

    def test_documents_are_in_the_currency_of_the_contract(self):
        symbols = {self.contract: "USD", self.pound_contract: "GBP", self.there_contract: "EUR"}
        for contract, name in symbols.items():
            statement = self.statement(contract)
            statement._ensure_documents()
            with self.subTest(contract.name):
                title = statement.file_attachment_id.raw.decode("utf-8-sig").splitlines()[0]
                self.assertEqual([each for each in symbols.values() if f"({each})" in title], [name])

    def test_the_client_s_pages_are_in_the_currency_of_the_contract(self):
        cases = (
            (self.pound_client, self.pound_contract, "£"),
            (self.other_client, self.there_contract, "€"),
            (self.client, self.contract, "$"),
        )
        for partner, contract, symbol in cases:
            login = f"portal_{partner.id}"
            company = {"company_id": contract.company_id.id, "company_ids": [(6, 0, contract.company_id.ids)]}
            new_test_user(self.env, login, groups="base.group_portal", partner_id=partner.id, **company)
            self.authenticate(login, login)
            with self.subTest(contract.name):
                page = self.url_open(f"/my/statements/{self.statement(contract).id}").text
                self.assertIn(symbol, page)
                for other in {"£", "€"} - {symbol}:
                    self.assertNotIn(other, page)
                for _partner, foreign, _symbol in cases:
                    if foreign != contract:
                        self.assertNotIn(foreign.name, self.url_open("/my/statements").text)

    def test_nobody_sees_anything_of_the_other_company(self):
        models = ("call.source", "call.import", "call.suspense", "call.usage.line", "call.statement", "call.charge", "call.rate.plan",
                  "call.rate.rule", "call.endpoint", "call.count", "call.margin", "call.price", "call.source.hour", "contract.contract",
                  "contract.line", "account.move", "account.move.line")  # fmt: skip
        self.env["call.count"]._count_due()
        for company, other in ((self.here, self.there), (self.there, self.here)):
            for role in ROLES:
                user = self.user_of(company, role)
                for model in models:
                    if not self.env[model].with_user(user).has_access("read"):
                        continue
                    with self.subTest(company=company.name, role=role, model=model):
                        found = self.env[model].with_user(user).search([])
                        self.assertTrue(found or model == "call.suspense" or model == "call.price")
                        self.assertNotIn(other, self.companies_of(found.sudo()))

    def companies_of(self, records):
        return records.mapped("company_id" if "company_id" in records._fields else "source_id.company_id")

    def test_nobody_bills_undoes_or_decides_for_the_other_company(self):
        boss = self.user_of(self.there)
        for attempt in (
            lambda: self.contract.with_user(boss).action_bill_usage(),
            lambda: self.source.with_user(boss).write({"name": "x"}),
            lambda: (
                self.env["call.import"]
                .with_user(boss)
                .search([])
                .browse(self.contract.call_statement_ids.usage_line_ids.import_id.ids)
                .action_undo()
            ),
            lambda: self.statement(self.contract).with_user(boss).read(["usage_amount"]),
            lambda: self.env["call.import"].with_user(boss).create({"source_id": self.source.id, "name": "x"}),
        ):
            with self.assertRaises(AccessError):
                attempt()

    def test_the_daily_job_of_one_company_leaves_the_other_alone(self):
        self.import_text(row(start="2026-11-03 10:00:00"))
        with self.working_in(self.there):
            self.import_text(row(start="2026-11-03 10:00:00"), source=self.there_source)
        self.here.call_billing_schedule, self.there.call_billing_schedule = "manual", "post"
        with freeze_time("2026-12-05 10:00:00"):
            self.patch(self.env.registry["ir.cron"], "_commit_progress", lambda *args, **kwargs: 60.0)
            self.env["call.billing.run"].sudo()._cron_run()
        self.env.invalidate_all()
        self.assertEqual(len(self.contract.call_statement_ids.invoice_id), 1)
        moves = self.there_contract.sudo().call_statement_ids.invoice_id
        self.assertEqual((len(moves), moves.company_id, moves.currency_id), (2, self.there, self.euro))

    def test_retention_and_requests_of_callers_stay_in_their_company(self):
        self.env["call.retention"].create({"months": 1, "company_id": self.there.id})
        with freeze_time("2027-06-05 10:00:00"):
            self.assertFalse(self.env["call.purge"].sudo()._run(self.here))
            self.env["call.purge"].sudo()._run(self.there)
        request = self.env["call.erasure"].create({"number": "+491705550111", "reason": "x"})
        request.action_look()
        found = {line.kind: line.found_count for line in request.line_ids}
        self.env.invalidate_all()
        self.assertEqual((found["calls"], found["files"]), (3, 1))
        self.assertEqual(set(self.statement(self.contract).usage_line_ids.mapped("caller")), {"+491705550111"})
        self.assertEqual(set(self.statement(self.there_contract).usage_line_ids.mapped("caller")), {"+XXXXXXXXXXXX"})
