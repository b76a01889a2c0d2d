from odoo.exceptions import UserError
from odoo.tests.common import new_test_user, tagged

from .payment_case import PaymentCommon


@tagged("post_install", "-at_install")
class TestBounce(PaymentCommon):
    def check(self, *invoices):
        """A check of the client for these invoices, with its number as memo."""
        ids = [invoice.id for invoice in invoices]
        wizard = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=ids)
        values = {"payment_date": "2026-11-05", "group_payment": True, "communication": "Check 4711"}
        return wizard.create(values)._create_payments()

    def bounce(self, payment, user=None, **values):
        wizard = self.env["call.payment.bounce"].with_user(user or self.env.user)
        wizard.create({"payment_id": payment.id, "reason": "not covered"} | values).action_confirm()

    def mails(self):
        return self.env["mail.message"].search([("message_type", "=", "comment"), ("subject", "like", "not honoured")])

    def test_a_bounced_check_opens_its_invoices_again(self):
        one, two = self.invoice(100), self.invoice(80)
        payment = self.check(one, two)
        self.assertOpen((one, 0), (two, 0))
        self.bounce(payment)
        self.assertOpen((one, 100), (two, 80))
        self.assertEqual((one.payment_state, payment.state, payment.call_bounce_reason), ("not_paid", "canceled", "not covered"))
        self.assertIn("Check 4711", one.message_ids[-1:].body or "".join(map(str, one.message_ids.mapped("body"))))

    def test_the_client_is_told_as_chosen(self):
        for tell_client, mails in ((False, 0), (True, 1)):
            with self.subTest(tell_client=tell_client):
                self.bounce(self.check(self.invoice(100)), tell_client=tell_client)
                self.assertEqual(len(self.mails()), mails)
        self.assertEqual(self.mails().partner_ids, self.client)
        self.assertIn("not covered", self.mails().preview)

    def test_a_payment_bounces_once(self):
        payment = self.check(self.invoice(100))
        self.bounce(payment)
        with self.assertRaises(UserError):
            self.bounce(payment)

    def test_the_billing_accountant_can_do_it_and_the_next_check_pays(self):
        accountant = new_test_user(self.env, "bouncer", groups="call_center_billing.group_accountant")
        invoice = self.invoice(100)
        self.bounce(self.check(invoice), user=accountant)
        self.check(invoice)
        self.assertOpen((invoice, 0))
