from unittest.mock import patch

from odoo import Command

from .common import CallBillingCommon


class PaymentCommon(CallBillingCommon):
    """Invoices of a client, and the lines of a bank that pay them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bank = cls.company_data["default_journal_bank"]
        cls.other_client = cls.env["res.partner"].create({"name": "Parcel Service", "is_company": True})
        cls.client.is_company = True

    def invoice(self, amount, partner=None, due="2026-11-01", **values):
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": (partner or self.client).id,
                "invoice_date": "2026-10-01",
                "invoice_date_due": due,
                "invoice_line_ids": [Command.create({"name": "Calls", "price_unit": amount, "tax_ids": [Command.clear()]})],
                **values,
            }
        )
        invoice.action_post()
        return invoice

    def bank_line(self, text, amount, **values):
        return self.env["account.bank.statement.line"].create(
            {"journal_id": self.bank.id, "date": "2026-11-05", "payment_ref": text, "amount": amount, **values}
        )

    @classmethod
    def make_card(cls, partner=None, state="done"):
        """A card of the client, saved with Odoo's provider for demonstrations.

        :param state: what becomes of its payments
        """
        if not hasattr(cls, "provider"):
            demo = cls.env.ref("payment.payment_provider_demo").sudo()
            cls.provider = demo.copy({"company_id": cls.env.company.id, "state": "test", "is_published": True})
            cls.provider.journal_id = cls.bank
        values = {
            "provider_id": cls.provider.id,
            "payment_method_id": cls.env.ref("payment_demo.payment_method_demo").id,
            "payment_details": "1234",
            "partner_id": (partner or cls.client).id,
            "provider_ref": "card",
            "demo_simulated_state": state,
        }
        return cls.env["payment.token"].sudo().create(values)

    def match(self, *lines):
        lines = self.env["account.bank.statement.line"].union(*lines)
        lines._match_payments()
        return [line.call_match for line in lines]

    def assertOpen(self, *pairs):
        """:param pairs: (invoice, what is open of it)"""
        self.assertEqual(
            [(invoice.name, invoice.amount_residual) for invoice, _left in pairs], [(i.name, left) for i, left in pairs]
        )

    def run_job(self, model="account.bank.statement.line", job="_cron_match_payments"):
        """Run a scheduled job without its commits."""
        with patch.object(self.env.registry["ir.cron"], "_commit_progress", lambda *args, **kwargs: 60.0):
            getattr(self.env[model].sudo(), job)()
