from lxml import etree

from odoo.exceptions import UserError
from odoo.tests import new_test_user
from odoo.tools.safe_eval import safe_eval

from .common import CallBillingCommon


class TestContractFind(CallBillingCommon):
    """Contracts are found by what their lines are priced by, for somebody of sales."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sales = new_test_user(cls.env, "seller", groups="call_center_billing.group_sales")
        cls.plan.name = "List prices"
        cls.own = cls.env["call.rate.plan"].create({"name": "Dentists", "parent_id": cls.plan.id})
        cls.flat = cls.make_plan(minute_price=2)
        cls.flat.name = "Flat"
        cls.based = cls.make_contract(cls.own)
        cls.alternative = cls.make_contract(cls.flat)
        cls.alternative.contract_line_ids.alternative_plan_ids = cls.own
        cls.other = cls.make_contract(cls.make_plan(minute_price=3))

    def found(self, field, text):
        """What the search view finds, of the contracts here."""
        Contract = self.env["contract.contract"].with_user(self.sales)
        arch = etree.fromstring(Contract.get_view(view_type="search")["arch"])
        domain = safe_eval(arch.find(f".//field[@name='{field}']").get("filter_domain"), {"self": text})
        mine = self.contract | self.based | self.alternative | self.other
        return Contract.search([*domain, ("id", "in", mine.ids)], order="id")

    def grouped(self):
        self.env.flush_all()
        Contract = self.env["contract.contract"].with_user(self.sales)
        return dict(Contract._read_group([("rate_plan_ids", "!=", False)], ["rate_plan_ids"], ["id:recordset"]))

    def test_by_rate_plan_with_those_it_is_based_on_and_alternatives(self):
        self.assertEqual(self.found("rate_plan_ids", "List"), self.contract | self.based | self.alternative)
        self.assertEqual(self.found("rate_plan_ids", "dentists"), self.based | self.alternative)
        self.assertEqual(self.found("rate_plan_ids", self.own.id), self.based | self.alternative)
        self.assertEqual(self.found("rate_plan_ids", "Flat"), self.alternative)
        self.assertFalse(self.found("rate_plan_ids", "No such plan"))

    def test_by_service(self):
        self.other.contract_line_ids.product_id = self.env["product.product"].create({"name": "Chat", "type": "service"})
        self.assertEqual(self.found("contract_line_ids", "cha"), self.other)

    def test_by_number(self):
        self.make_endpoint("+49 30 777000", self.other.contract_line_ids)
        self.assertEqual(self.found("endpoint_ids", "4930777"), self.other)

    def test_grouped_by_rate_plan(self):
        self.contract.contract_line_ids = [
            (0, 0, {"name": "Nights", "rate_plan_id": self.flat.id, "recurring_invoicing_type": "post-paid"})
        ]
        self.assertEqual(self.grouped()[self.plan], self.contract)
        self.assertEqual(self.grouped()[self.flat], self.contract | self.alternative)
        self.contract.contract_line_ids[-1].rate_plan_id = False
        self.assertEqual(self.grouped()[self.flat], self.alternative)

    def test_a_plan_knows_the_contracts_of_plans_based_on_it_and_of_alternatives(self):
        plan, own, flat = (self.plan | self.own | self.flat).with_user(self.sales)
        self.assertEqual((plan.contract_count, own.contract_count, flat.contract_count), (3, 2, 1))
        domain = plan.action_view_contracts()["domain"]
        self.assertEqual(self.env["contract.contract"].search(domain), self.contract | self.based | self.alternative)

    def test_the_search_of_plans_tells_which_are_in_use(self):
        arch = etree.fromstring(self.env["call.rate.plan"].get_view(view_type="search")["arch"])
        for name, result in (("used", self.flat | self.own), ("unused", self.env["call.rate.plan"])):
            self.based.contract_line_ids.rate_plan_id = self.plan
            domain = safe_eval(arch.find(f".//filter[@name='{name}']").get("domain"))
            self.assertEqual(
                self.env["call.rate.plan"].search([*domain, ("id", "in", (self.flat | self.own).ids)]), result.sorted("name")
            )

    def test_an_alternative_of_a_contract_is_not_deleted(self):
        self.based.contract_line_ids.rate_plan_id = self.plan
        with self.assertRaisesRegex(UserError, "archive it instead"):
            self.own.unlink()

    def test_counting_contracts_of_many_plans_takes_one_search(self):
        plans = self.env["call.rate.plan"].search([])
        plans.mapped("contract_count")
        self.env.invalidate_all()
        with self.assertQueryCount(12):
            plans.mapped("contract_count")
