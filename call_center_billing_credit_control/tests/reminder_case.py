from contextlib import nullcontext, suppress
from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command
from odoo.tools import html2plaintext

from odoo.addons.call_center_billing.tests.payment_case import PaymentCommon
from odoo.addons.call_center_billing.tests.test_dispute import DisputeCase
from odoo.addons.mail.tests.common import MockEmail

BATCH = "odoo.addons.call_center_billing_credit_control.models.credit_control_communication.BATCH"
LEVELS = {"Payment reminder": 1, "Second payment reminder": 2, "Final payment reminder": 3}


class ReminderCase(DisputeCase, PaymentCommon, MockEmail):
    """Invoices due on 1 November: reminded of on 6 and 16 November and 1 December."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.company"].search([("id", "!=", cls.env.company.id)]).call_reminders = False
        cls.env.company.write({"call_reminders": True, "email": "office@example.com"})

    def run_jobs(self):
        self.run_job("credit.control.run", "_cron_remind")
        self.run_job("credit.control.communication", "_cron_send")
        self.send_mail()

    def send_mail(self, error=None):
        """What Odoo's own job does."""
        refuse = patch.object(self.env.registry["ir.mail_server"], "send_email", side_effect=error) if error else nullcontext()
        with self.mock_mail_gateway(), refuse:
            self.env["mail.mail"].sudo().search([("state", "=", "outgoing")]).send()
        self.env.invalidate_all()

    def reminded(self, day):
        """Run the jobs of a day.

        :return: what clients were mailed: list of (level, asked for in all)
        """
        before = self.messages()
        with freeze_time(f"{day} 06:00:00"):
            self.run_jobs()
            self.env.invalidate_all()
        reminders = self.env["credit.control.communication"].browse((self.messages() - before).mapped("res_id"))
        return [(LEVELS[each.policy_level_id.name], round(each.call_asked_amount, 2)) for each in reminders.sorted("id")]

    def messages(self):
        subtype = self.env.ref("account_credit_control.mt_request")
        return self.env["mail.message"].search([("model", "=", "credit.control.communication"), ("subtype_id", "=", subtype.id)])

    def mail_text(self):
        return " ".join(html2plaintext(self.messages()[0].body).replace("*", "").split())

    def assertReminded(self, table):
        """:param table: rows of (day, what clients were mailed)"""
        self.assertEqual([(day, self.reminded(day)) for day, _mails in table], table)

    def lines(self, *states):
        domain = [("company_id", "=", self.env.company.id), ("state", "in", states)] if states else []
        return self.env["credit.control.line"].search(domain, order="id")

    def refund(self, invoice, amount, reconcile=False):
        refund = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "partner_id": invoice.partner_id.id,
                "invoice_date": "2026-10-20",
                "invoice_line_ids": [Command.create({"name": "Calls", "price_unit": amount, "tax_ids": [Command.clear()]})],
            }
        )
        refund.action_post()
        if reconcile:
            lines = (invoice | refund).line_ids.filtered(lambda line: line.account_type == "asset_receivable")
            lines.reconcile()
        return refund

    def pay(self, invoice, amount):
        self.match(self.bank_line(invoice.name, amount))

    def send_until_killed(self, batches):
        """The job is killed in the batch after so many, of two each, and so many are committed."""
        Communication = self.env.registry["credit.control.communication"]
        original, done = Communication._send_batch, []

        def send(batch):
            if len(done) == batches:
                raise KeyboardInterrupt
            done.append(original(batch))

        with patch.object(Communication, "_send_batch", send), patch(BATCH, 2), suppress(KeyboardInterrupt):
            self.run_job("credit.control.communication", "_cron_send")
