from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests.common import Form, new_test_user, tagged

from .common import TODAY
from .payment_case import PaymentCommon

FIELDS = ("unbilled", "billed", "credited", "paid", "open", "overdue", "credit", "balance")


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestClientAccount(PaymentCommon):
    def accounts(self, partner=None, **domain):
        return self.env["call.client.account"].search([("partner_id", "=", (partner or self.client).id)])

    def assertAccount(self, account, *amounts):
        account.invalidate_recordset()
        self.assertEqual([round(account[f"{name}_amount"], 2) for name in FIELDS], list(amounts))

    def refund(self, invoice, amount):
        refund = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "partner_id": invoice.partner_id.id,
                "invoice_date": "2026-10-20",
                "invoice_line_ids": [Command.create({"name": "Calls", "price_unit": amount, "tax_ids": [Command.clear()]})],
            }
        )
        refund.action_post()
        return refund

    def test_an_account_follows_the_money_to_the_cent(self):
        overdue, running = self.invoice(100.10, due="2026-11-04"), self.invoice(80, due="2026-11-05")
        account = self.accounts()
        #                           unbilled billed credited paid  open   overdue credit balance
        self.assertAccount(account, 0, 180.10, 0, 0, 180.10, 100.10, 0, 180.10)
        self.match(self.bank_line(overdue.name, 40.05))
        self.assertAccount(account, 0, 180.10, 0, 40.05, 140.05, 60.05, 0, 140.05)
        self.refund(running, 10)
        self.assertAccount(account, 0, 180.10, 10, 40.05, 140.05, 60.05, 10, 130.05)
        self.match(self.bank_line(overdue.name, 100))
        self.assertAccount(account, 0, 180.10, 10, 140.05, 80, 0, 49.95, 30.05)

    def test_what_is_rated_and_not_invoiced_is_unbilled(self):
        self.import_records(self.record("2026-11-02T10:00:00+01:00", talk=61))
        account = self.accounts()
        self.assertAccount(account, 1.80, 0, 0, 0, 0, 0, 0, 0)
        self.assertEqual((account.contract_ids, len(account.statement_ids)), (self.contract, 1))

    def test_currencies_have_accounts_of_their_own(self):
        self.invoice(100)
        self.invoice(80, currency_id=self.other_currency.id)
        amounts = {account.currency_id: account.billed_amount for account in self.accounts()}
        self.assertEqual(amounts, {self.env.company.currency_id: 100, self.other_currency: 80})

    def test_contacts_share_the_account_of_their_company_and_others_have_none(self):
        contact = self.env["res.partner"].create({"name": "Accounts payable", "parent_id": self.client.id})
        self.invoice(100, contact)
        self.invoice(80, self.other_client)
        self.assertEqual(self.accounts().billed_amount, 100)
        self.assertFalse(self.accounts(self.other_client))
        action = contact.action_view_client_account()
        self.assertEqual(action["res_id"], self.accounts().id)

    def test_the_page_shows_the_documents(self):
        invoice = self.invoice(100)
        self.match(self.bank_line(invoice.name, 60))
        form = Form(self.accounts())
        self.assertEqual(form.invoice_ids[:].mapped("name"), [invoice.name])
        self.assertEqual(form.payment_line_ids[:].mapped("amount_currency"), [-60])

    def test_what_is_disputed_is_shown_and_found(self):
        invoice, paid = self.invoice(100), self.invoice(80)
        self.match(self.bank_line(paid.name, 80))
        domain = [("disputed_amount", ">", 0)]
        self.assertFalse(self.env["call.client.account"].search(domain))
        self.env.invalidate_all()
        amounts = {invoice: 12.5}
        with patch.object(
            self.env.registry["account.move"], "_disputed_amounts", lambda moves: amounts if invoice in moves else {}
        ):
            account = self.env["call.client.account"].search(domain)
            self.assertEqual((account, account.disputed_amount), (self.accounts(), 12.5))

    def test_an_open_dispute_counts_with_its_taxes(self):
        tax = self.env["account.tax"].create({"name": "19 %", "amount": 19})
        self.product.taxes_id = tax
        self.import_records(self.record(talk=61), self.record(talk=60))
        move = self.bill()
        move.action_post()
        statement = move.call_statement_ids
        call = self.env["call.usage.line"].search([("statement_id", "=", statement.id), ("billed_seconds", "=", 120)])
        reason = self.env.ref("call_center_billing.dispute_reason_duration")
        dispute = statement._raise_dispute([{"usage_id": call.id}], reason)
        self.assertEqual((move.amount_untaxed, self.accounts().disputed_amount), (2.70, 2.14))  # 1.80 and 19 %
        dispute.action_withdraw()
        self.env.invalidate_all()
        self.assertEqual(self.accounts().disputed_amount, 0)

    def test_totals_over_all_clients_are_grouped(self):
        self.invoice(100)
        groups = self.env["call.client.account"]._read_group(
            [("partner_id", "=", self.client.id)], ["currency_id"], ["open_amount:sum"]
        )
        self.assertEqual(groups, [(self.env.company.currency_id, 100)])

    def test_only_accountants_of_the_company_see_accounts(self):
        self.invoice(100)
        account = self.accounts()
        accountant = new_test_user(self.env, "ledger", groups="call_center_billing.group_accountant")
        self.assertEqual(account.with_user(accountant).open_amount, 100)
        for groups in ("call_center_billing.group_sales", "base.group_portal"):
            user = new_test_user(self.env, groups, groups=groups)
            with self.assertRaises(AccessError):
                account.with_user(user).read(["open_amount"])
        elsewhere = self.setup_other_company()["company"]
        accountant.write({"company_ids": [Command.set(elsewhere.ids)], "company_id": elsewhere.id})
        self.assertFalse(self.env["call.client.account"].with_user(accountant).search([]))
