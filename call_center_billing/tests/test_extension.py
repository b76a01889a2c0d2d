from datetime import date
from unittest import SkipTest

from odoo.fields import Domain
from odoo.tests import tagged

from .test_pricing_models import MINUTE, PricingCase


@tagged("post_install", "-at_install")
class TestExtension(PricingCase):
    """What docs/extending.md shows works: the add-on ``ccb_example`` beside this one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cls.env["ir.module.module"].search_count([("name", "=", "ccb_example"), ("state", "=", "installed")]):
            raise SkipTest("The example is not installed")

    def test_a_price_component_of_another_add_on_is_a_line_of_its_own(self):
        """100 minutes at 1.00 and 2.5 % on them; the maximum of 90 looks at the usage."""
        self.plan_of(
            {"minute_price": 1, **MINUTE},
            term_ids=[
                {"name": "Surcharge", "kind": "surcharge", "surcharge": 2.5},
                {"name": "Cap", "kind": "cap", "amount": 90},
            ],
        )
        self.calls_of(6000)
        self.assertEqual(self.total(), 92.5)
        amounts = [(name, amount) for name, _quantity, _unit, _price, amount in self.charges()]
        self.assertEqual(amounts, [("Rule 0", 100), ("Surcharge", 2.5), ("Cap", -10)])

    def test_it_is_in_the_proof_and_a_lump_sum_to_dispute(self):
        self.plan_of({"minute_price": 1, **MINUTE}, term_ids=[{"name": "Surcharge", "kind": "surcharge", "surcharge": 2.5}])
        self.calls_of(6000)
        self.bill().action_post()
        proof = self.env["call.proof"].create({"date_from": date(2026, 10, 1), "date_to": date(2026, 10, 31)})
        proof.action_compute()
        self.assertTrue(proof.is_proved)
        charge = self.contract.call_statement_ids.charge_ids.filtered(lambda c: c.component == "surcharge")
        self.assertEqual(charge._disputed_domain(), Domain.FALSE)

    def test_an_indicator_of_another_add_on_is_in_the_report(self):
        self.import_records(self.record(), self.record(disposition="voicemail"))
        report = self.env["call.performance.report"].create(
            {"contract_id": self.contract.id, "date_start": date(2026, 10, 1), "date_end": date(2026, 10, 31)}
        )
        told = {each["label"]: (each["value"], each["explanation"]) for each in report.figures["indicators"]}
        self.assertEqual(told["Left a message"], ("50.0\xa0%", "1 of 2 offered calls went to voicemail"))
