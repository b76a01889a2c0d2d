from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command
from odoo.tests.common import tagged
from odoo.tools import html2plaintext, mute_logger

from .common import TODAY
from .payment_case import PaymentCommon


@tagged("post_install", "-at_install")
class TestPaymentNotice(PaymentCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.call_payment_confirmation = "all"

    def told(self, *invoices, attachments=1):
        """Run the job; what the client was mailed by it, as text."""
        before = self.env["mail.message"].search([])
        self.run_job("call.payment.notice", "_cron_send")
        mails = self.env["mail.message"].search([("message_type", "=", "comment"), ("id", "not in", before.ids)])
        for mail in mails:
            self.assertEqual((mail.partner_ids, len(mail.attachment_ids)), (self.client, attachments))
        return [" ".join(html2plaintext(mail.body).replace("*", "").split()) for mail in mails]

    def pay(self, invoice, amount=None, **values):
        wizard = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=invoice.ids)
        return wizard.create(
            {"payment_date": "2026-11-05", "amount": amount or invoice.amount_residual} | values
        )._create_payments()

    def assertTold(self, told, *texts):
        self.assertEqual(len(told), 1, told)
        for text in texts:
            self.assertIn(text, told[0])

    def test_a_client_is_told_of_each_way_to_pay(self):
        one, two = self.invoice(100.10), self.invoice(80)
        self.match(self.bank_line(one.name, 100.10))
        self.assertTold(self.told(), one.name, "100.10 received on 11/05/2026, nothing is left")
        self.pay(two, communication="Check 4711")
        self.assertTold(self.told(), two.name, "80.00 received", "nothing is left")

    def test_a_part_tells_what_is_left(self):
        invoice = self.invoice(100)
        self.pay(invoice, 60.55)
        self.assertTold(self.told(), "60.55 received", "39.45 is left to pay")
        self.match(self.bank_line(invoice.name, 39.45))
        self.assertTold(self.told(), "39.45 received", "nothing is left")

    def test_several_invoices_of_one_payment_are_one_mail(self):
        one, two = self.invoice(100), self.invoice(80)
        self.match(self.bank_line(f"{one.name} {two.name}", 170))
        self.assertTold(self.told(), one.name, "100.00", two.name, "70.00 received", "10.00 is left")

    def test_nobody_is_told_twice(self):
        invoice = self.invoice(100)
        line = self.bank_line(invoice.name, 100)
        self.match(line)
        self.assertEqual(len(self.told()), 1)
        self.assertFalse(self.told())
        line.action_undo_reconciliation()
        line.action_match_payments()
        self.assertFalse(self.told())
        payment = self.pay(self.invoice(80))
        self.assertEqual(len(self.told()), 1)
        payment.action_draft()
        payment.action_post()
        receivable = (payment.move_id.line_ids | payment.invoice_ids.line_ids).filtered(
            lambda each: each.account_type == "asset_receivable" and not each.reconciled
        )
        receivable.reconcile()
        self.assertFalse(self.told())

    def test_what_is_undone_before_the_job_runs_is_not_told_until_it_is_paid_again(self):
        invoice = self.invoice(100)
        line = self.bank_line(invoice.name, 100)
        self.match(line)
        line.action_undo_reconciliation()
        self.assertFalse(self.told())
        line.action_match_payments()
        self.assertTold(self.told(), "100.00 received")

    def test_what_is_over_is_told_when_it_pays_the_next_invoice(self):
        invoice, later = self.invoice(100), self.invoice(70)
        line = self.bank_line(invoice.name, 120)
        self.match(line)
        self.assertTold(self.told(), invoice.name, "100.00 received")
        later.js_assign_outstanding_line(line.line_ids.filtered(lambda each: each.account_type == "asset_receivable").id)
        self.assertTold(self.told(), later.name, "20.00 received", "50.00 is left")

    def test_an_early_payment_discount_is_not_money(self):
        line = Command.create({"value": "percent", "value_amount": 100, "nb_days": 30})
        values = {"name": "2 %", "early_discount": True, "discount_percentage": 2, "discount_days": 10, "line_ids": [line]}
        invoice = self.invoice(100, invoice_payment_term_id=self.env["account.payment.term"].create(values).id)
        self.match(self.bank_line(invoice.name, 98, date="2026-10-05"))
        self.assertTold(self.told(), "98.00 received", "nothing is left")

    def test_a_credit_note_is_no_payment(self):
        invoice = self.invoice(100)
        wizard = self.env["account.move.reversal"].with_context(active_model="account.move", active_ids=invoice.ids)
        wizard.create({"journal_id": invoice.journal_id.id}).refund_moves()
        refund = invoice.reversal_move_ids
        refund.action_post()
        lines = (invoice | refund).line_ids.filtered(lambda each: each.account_type == "asset_receivable" and not each.reconciled)
        lines.reconcile()
        self.assertOpen((invoice, 0))
        self.assertFalse(self.told())

    def test_a_check_is_told_when_it_is_registered_and_not_when_its_money_arrives(self):
        invoice = self.invoice(100)
        payment = self.pay(invoice, communication="Check 4711")
        self.assertTold(self.told(), "100.00 received", "nothing is left")
        self.assertEqual(self.match(self.bank_line(invoice.name, 100)), ["matched"])
        self.assertTrue(payment.is_matched)
        self.assertFalse(self.told())

    @freeze_time(TODAY)
    def test_only_what_is_switched_on_is_told(self):
        table = (("off", False, 0), ("usage", False, 0), ("usage", True, 1), ("all", False, 1))
        for setting, usage, mails in table:
            with self.subTest(setting=setting, usage=usage):
                self.env.company.call_payment_confirmation = setting
                invoice = self.invoice(100)
                if usage:
                    self.contract._fit_statements()
                    self.contract.sudo().call_statement_ids[0].invoice_id = invoice
                self.pay(invoice)
                self.assertEqual(len(self.told()), mails)

    def test_a_client_without_an_address_is_listed(self):
        self.client.email = False
        invoice = self.invoice(100)
        self.pay(invoice)
        self.assertFalse(self.told())
        notice = self.env["call.payment.notice"].search([("invoice_id", "=", invoice.id)])
        self.assertEqual(notice.state, "no_address")
        self.client.email = "d@example.com"
        notice.action_send_again()
        self.assertTold(self.told(), "100.00 received")

    @mute_logger("odoo.addons.call_center_billing.models.call_payment_notice")
    def test_one_that_fails_is_listed_and_stops_no_other(self):
        bad, good = self.invoice(100), self.invoice(80)
        self.pay(bad)
        self.pay(good)
        Notice = self.env.registry["call.payment.notice"]
        original = Notice._send

        def send(notice):
            if notice.invoice_id == bad:
                raise ValueError("no paper")
            return original(notice)

        with patch.object(Notice, "_send", send), patch.object(self.env.cr, "rollback"):
            self.assertTold(self.told(), "80.00 received")
        notice = self.env["call.payment.notice"].search([("invoice_id", "=", bad.id)])
        self.assertEqual((notice.state, notice.reason), ("failed", "no paper"))
