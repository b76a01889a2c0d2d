from datetime import date
from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests.common import tagged
from odoo.tools import mute_logger

from .common import TODAY
from .payment_case import PaymentCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestCollection(PaymentCommon):
    """Saved cards that clients agreed to have charged on due dates."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.call_offers_collection = True
        cls.user = cls.make_portal_user(cls.client, "payer")
        cls.token = cls.make_card()
        cls.token.write({"call_collects": True, "call_agreed_on": "2026-10-20"})

    def due_invoice(self, amount=100, due="2026-11-05", **values):
        line = {"name": "Fee", "price_unit": amount, "tax_ids": [Command.clear()], "contract_line_id": self.line.id}
        return self.invoice(amount, due=due, invoice_line_ids=[Command.create(line)], **values)

    def collect(self):
        self.run_job("payment.token", "_cron_collect")

    def test_what_is_due_is_charged_and_paid(self):
        invoice, later = self.due_invoice(100.10), self.due_invoice(80, due="2026-11-06")
        self.collect()
        self.assertOpen((invoice, 0), (later, 80))
        self.assertEqual(
            invoice.transaction_ids.mapped(lambda tx: (tx.amount, tx.state, tx.operation)), [(100.10, "done", "offline")]
        )

    def test_an_attempt_that_fails_is_not_made_again(self):
        self.token.demo_simulated_state = "error"
        invoice = self.due_invoice()
        self.collect()
        self.collect()
        self.assertOpen((invoice, 100))
        self.assertEqual(invoice.transaction_ids.mapped("state"), ["error"])

    @mute_logger("odoo.addons.call_center_billing.models.payment_token")
    def test_a_job_that_is_killed_while_the_provider_is_asked_never_asks_again(self):
        invoice = self.due_invoice()
        Transaction = self.env.registry["payment.transaction"]
        with patch.object(Transaction, "_charge_with_token", side_effect=OSError), patch.object(self.env.cr, "rollback"):
            self.collect()
        self.collect()
        self.assertOpen((invoice, 100))
        self.assertEqual(invoice.transaction_ids.mapped("state"), ["draft"])
        self.assertFalse(invoice.activity_ids)

        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = '2026-11-01' WHERE id = %s", invoice.transaction_ids.ids
        )
        self.collect()
        self.collect()
        self.assertIn("Was it charged?", invoice.activity_ids.summary)

    def test_each_instalment_is_charged_when_it_is_due(self):
        lines = [{"value": "percent", "value_amount": 50, "nb_days": days} for days in (31, 62)]
        term = self.env["account.payment.term"].create({"name": "Two", "line_ids": [Command.create(line) for line in lines]})
        invoice = self.due_invoice(100, invoice_payment_term_id=term.id, due=False)
        self.collect()
        self.assertOpen((invoice, 50))
        with freeze_time("2026-12-03"):
            self.collect()
        self.assertOpen((invoice, 0))

    def test_what_is_disputed_is_not_charged(self):
        invoice, all_of_it = self.due_invoice(100), self.due_invoice(80)
        amounts = {invoice: 30.25, all_of_it: 80}
        with patch.object(
            self.env.registry["account.move"], "_disputed_amounts", lambda moves: {move: amounts[move] for move in moves}
        ):
            self.collect()
        self.assertOpen((invoice, 30.25), (all_of_it, 80))

    def test_what_nobody_agreed_to_is_not_charged(self):
        before = self.due_invoice(due="2026-10-19")
        no_contract = self.invoice(100, due="2026-11-05")
        other_client = self.due_invoice(partner=self.other_client)
        blocked = self.due_invoice()
        blocked.action_toggle_block_payment()
        self.collect()
        self.assertOpen((before, 100), (no_contract, 100), (other_client, 100), (blocked, 100))
        self.env.company.call_offers_collection = False
        blocked.action_toggle_block_payment()
        self.collect()
        self.assertOpen((blocked, 100))

    def test_a_provider_that_only_reserves_amounts_or_is_off_is_not_asked(self):
        invoice = self.due_invoice()
        for values in ({"capture_manually": True}, {"state": "disabled"}):
            with self.subTest(values):
                self.provider.write({"capture_manually": False} | values)
                self.collect()
                self.assertOpen((invoice, 100))

    def test_a_client_agrees_for_one_card_and_takes_it_back(self):
        other = self.make_card()
        other.with_user(self.user)._agree_collection(True)
        self.assertEqual((other.call_collects, other.call_agreed_on, self.token.call_collects), (True, date(2026, 11, 5), False))
        self.assertIn("agreed that invoices are charged", self.client.message_ids[:1].body)
        other.with_user(self.user)._agree_collection(False)
        self.assertFalse(other.call_collects)

    def test_nobody_agrees_for_another(self):
        stranger = self.make_portal_user(self.other_client, "stranger")
        for user in (stranger, self.env.user):
            with self.assertRaises(AccessError):
                self.token.with_user(user)._agree_collection(True)
