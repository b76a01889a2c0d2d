import re

from freezegun import freeze_time

from odoo import Command
from odoo.tests import HttpCase, tagged

from .common import TODAY
from .payment_case import PaymentCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPaymentMethods(HttpCase, PaymentCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = cls.make_portal_user(cls.client, "payer")
        cls.import_records(cls.record(talk=61))

    def test_a_contract_gets_the_terms_of_the_company_where_its_client_has_none(self):
        company_terms, own_terms = (
            self.env["account.payment.term"].create(
                {"name": name, "line_ids": [Command.create({"value": "percent", "value_amount": 100, "nb_days": 30})]}
            )
            for name in ("30 days", "Own")
        )
        self.env.company.call_payment_term_id = company_terms
        self.other_client.property_payment_term_id = own_terms
        self.assertEqual(self.make_contract().payment_term_id, company_terms)
        self.assertFalse(self.make_contract(partner=self.other_client).payment_term_id)
        self.assertEqual(self.make_contract(payment_term_id=own_terms.id).payment_term_id, own_terms)
        self.assertFalse(self.make_contract(payment_term_id=False).payment_term_id)

    def test_the_statement_leads_to_payment_online_until_it_is_paid(self):
        move = self.bill()
        move.action_post()
        url = f"/my/statements/{move.call_statement_ids.id}"
        self.authenticate("payer", "payer")
        self.assertIn("payment=True#portal_pay", self.url_open(url).text)
        self.match(self.bank_line(move.payment_reference, move.amount_total))
        self.assertNotIn("portal_pay", self.url_open(url).text)

    def test_a_client_agrees_to_collection_on_the_portal(self):
        self.bill().action_post()
        mine, other = self.make_card(), self.make_card(self.other_client)
        self.authenticate("payer", "payer")
        self.assertNotIn("Automatic payment", self.url_open("/my/statements").text)
        self.env.company.call_offers_collection = True
        page = self.url_open("/my/statements").text
        self.assertIn("Automatic payment", page)
        for token in (mine, other):
            form = {"token_id": token.id, "agrees": "1", "csrf_token": re.search('name="csrf_token" value="([^"]+)"', page)[1]}
            self.url_open("/my/statements/collection", data=form)
        self.assertEqual((mine.call_collects, other.call_collects), (True, False))
        self.assertIn("Charged on due dates", self.url_open("/my/statements").text)
