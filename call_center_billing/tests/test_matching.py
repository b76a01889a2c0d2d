from datetime import date
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests.common import new_test_user, tagged

from .payment_case import PaymentCommon


@tagged("post_install", "-at_install")
class TestMatching(PaymentCommon):
    # --- On a reference ---------------------------------------------------------------------------------

    def test_a_reference_is_found_anywhere_in_the_text(self):
        one, two, three = self.invoice(100.10), self.invoice(60), self.invoice(30)
        lines = (
            self.bank_line(f"Payment {one.name} thanks", 100.10),
            self.bank_line("Transfer", 60, ref=f"E2E-7 {two.name.replace('/', ' ').lower()}"),
            self.bank_line("Transfer", 30, narration=f"<p>for <b>{three.name.replace('/', '-')}</b>.</p>"),
        )
        self.assertEqual(self.match(*lines), ["matched"] * 3)
        self.assertOpen((one, 0), (two, 0), (three, 0))
        self.assertEqual(lines[0].partner_id, self.client)
        self.assertEqual(one.payment_state, "paid")

    def test_a_fragment_by_chance_matches_nothing(self):
        invoice = self.invoice(100)
        texts = ("1", "010", "%", "INV", invoice.name[:-1], invoice.name + "7", f"X{invoice.name}", invoice.name.split("/")[-1])
        self.assertEqual(self.match(*(self.bank_line(text, 100) for text in texts)), ["none"] * len(texts))
        self.assertOpen((invoice, 100))

    def test_a_number_alone_needs_the_client_or_the_amount(self):
        invoice = self.invoice(100, payment_reference="20261105")
        stranger = self.bank_line("Order of 20261105", 40)
        mine = self.bank_line("20261105", 40, partner_id=self.client.id)
        exact = self.bank_line("20261105", 60)
        self.assertEqual(self.match(stranger, mine, exact), ["none", "matched", "matched"])
        self.assertOpen((invoice, 0))

    def test_a_reference_in_the_notes_needs_the_client_or_the_amount(self):
        invoice = self.invoice(100)
        neighbour = self.bank_line("Thanks", 40, narration=f"of the same collective entry: {invoice.name}")
        exact = self.bank_line("Thanks", 100, narration=invoice.name)
        self.assertEqual(self.match(neighbour, exact), ["none", "matched"])
        self.assertOpen((invoice, 0))

    def test_less_than_the_invoice_leaves_the_rest_open(self):
        invoice = self.invoice(100)
        self.assertEqual(self.match(self.bank_line(invoice.name, 60.55)), ["matched"])
        self.assertOpen((invoice, 39.45))
        self.assertEqual(invoice.payment_state, "partial")

    def test_more_than_the_invoice_is_the_clients_credit(self):
        invoice, later = self.invoice(100), self.invoice(70)
        line = self.bank_line(invoice.name, 120)
        self.assertEqual(self.match(line), ["matched"])
        self.assertOpen((invoice, 0), (later, 70))
        credit = line.line_ids.filtered(lambda each: each.account_type == "asset_receivable")
        self.assertEqual((credit.partner_id, credit.amount_residual), (self.client, -20))
        later.js_assign_outstanding_line(credit.id)
        self.assertOpen((later, 50))

    def test_two_references_share_one_payment(self):
        one, two = self.invoice(100), self.invoice(80)
        self.assertEqual(self.match(self.bank_line(f"{two.name}, {one.name}", 170)), ["matched"])
        self.assertOpen((two, 0), (one, 10))

    def test_a_reference_with_check_digits_comes_first(self):
        self.company_data["default_journal_sale"].invoice_reference_model = "euro"
        one, two = self.invoice(100), self.invoice(100)
        line = self.bank_line(f"{one.name} {two.payment_reference}", 100)
        self.assertEqual(self.match(line), ["matched"])
        self.assertOpen((one, 100), (two, 0))

    def test_wrong_check_digits_are_no_reference_and_nothing_is_guessed(self):
        self.company_data["default_journal_sale"].invoice_reference_model = "euro"
        invoice = self.invoice(100)
        reference = invoice.payment_reference
        wrong = f"RF{(int(reference[2:4]) + 1) % 100:02d}{reference[4:]}"
        line = self.bank_line(wrong, 100, partner_id=self.client.id)
        self.assertEqual(self.match(line), ["check_digits"])
        self.assertOpen((invoice, 100))

    def test_a_reference_of_another_client_pays_nothing(self):
        invoice = self.invoice(100)
        self.assertEqual(self.match(self.bank_line(invoice.name, 100, partner_id=self.other_client.id)), ["client"])
        self.assertOpen((invoice, 100))

    def test_references_of_two_clients_pay_nothing(self):
        one, two = self.invoice(100), self.invoice(80, self.other_client)
        self.assertEqual(self.match(self.bank_line(f"{one.name} {two.name}", 180)), ["client"])

    def test_a_contact_pays_for_its_company(self):
        contact = self.env["res.partner"].create({"name": "Accounts payable", "parent_id": self.client.id})
        one, two = self.invoice(100), self.invoice(80, contact)
        lines = self.bank_line(one.name, 100, partner_id=contact.id), self.bank_line("Thanks", 80, partner_id=contact.id)
        self.assertEqual(self.match(*lines), ["matched", "matched"])
        self.assertOpen((one, 0), (two, 0))

    def test_another_currency_pays_nothing(self):
        invoice = self.invoice(100, currency_id=self.other_currency.id)
        self.assertEqual(self.match(self.bank_line(invoice.name, 100)), ["currency"])
        self.assertOpen((invoice, 100))

    def test_an_amount_in_the_currency_of_the_invoice_pays_it(self):
        invoice = self.invoice(100, currency_id=self.other_currency.id)
        line = self.bank_line(invoice.name, 60, foreign_currency_id=self.other_currency.id, amount_currency=100)
        self.assertEqual(self.match(line), ["matched"])
        self.assertOpen((invoice, 0))

    def test_an_invoice_that_is_paid_is_not_paid_again_nor_another_instead(self):
        paid, other = self.invoice(100), self.invoice(100)
        first, second = self.bank_line(paid.name, 100), self.bank_line(paid.name, 100, partner_id=self.client.id)
        self.assertEqual(self.match(first, second), ["matched", "paid"])
        self.assertOpen((paid, 0), (other, 100))

    def test_an_early_payment_discount_closes_the_invoice(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "30 days, 2 % within 10",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
                "line_ids": [Command.create({"value": "percent", "value_amount": 100, "nb_days": 30})],
            }
        )
        in_time, late = (self.invoice(100, invoice_payment_term_id=term.id) for _each in range(2))
        lines = self.bank_line(in_time.name, 98, date="2026-10-09"), self.bank_line(late.name, 98, date="2026-10-20")
        self.assertEqual(self.match(*lines), ["matched", "matched"])
        self.assertOpen((in_time, 0), (late, 2))
        self.assertTrue(lines[0].is_reconciled)

    def test_a_registered_payment_arrives(self):
        table = (  # what the bank tells, amount, outcome, whether the payment has arrived
            ("Check 4711", 100, "matched", True),
            ("INVOICE", 100, "matched", True),
            ("INVOICE", 90, "paid", False),
            ("Thanks", 100, "matched", True),
            ("Thanks", 90, "none", False),
        )
        for text, amount, outcome, arrived in table:
            with self.subTest(text=text, amount=amount):
                client = self.env["res.partner"].create({"name": "Client", "is_company": True})
                invoice = self.invoice(100, client)
                wizard = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=invoice.ids)
                memo = "Check 4711" if text.startswith("Check") else "Check 0815"
                payment = wizard.create({"payment_date": "2026-11-05", "communication": memo})._create_payments()
                text = text.replace("INVOICE", invoice.name)
                self.assertEqual(self.match(self.bank_line(text, amount, partner_id=client.id)), [outcome])
                self.assertEqual(payment.is_matched, arrived)

    # --- Without a reference ----------------------------------------------------------------------------

    def test_without_a_reference_the_client_and_the_exact_amount_tell(self):
        table = (  # open invoices, amount, outcome, what stays open
            ((100, 80), 80, "matched", (100, 0)),
            ((100, 80), 180, "matched", (0, 0)),
            ((100, 80), 90, "none", (100, 80)),
            ((80, 80), 80, "ambiguous", (80, 80)),
        )
        for amounts, amount, outcome, left in table:
            with self.subTest(amounts=amounts, amount=amount):
                client = self.env["res.partner"].create({"name": "Client", "is_company": True})
                invoices = [self.invoice(each, client) for each in amounts]
                self.assertEqual(self.match(self.bank_line("Thank you", amount, partner_id=client.id)), [outcome])
                self.assertOpen(*zip(invoices, left, strict=True))

    def test_the_bank_account_tells_the_client(self):
        self.env["res.partner.bank"].create({"acc_number": "DE89 3704 0044 0532 0130 00", "partner_id": self.client.id})
        invoice = self.invoice(100)
        lines = self.bank_line("Thanks", 100, account_number="DE89370400440532013000"), self.bank_line("Thanks", 100)
        self.assertEqual(self.match(*lines), ["matched", "none"])
        self.assertOpen((invoice, 0))

    def test_an_instalment_is_paid_when_it_is_due(self):
        lines = [{"value": "percent", "value_amount": 50, "nb_days": 0}, {"value": "percent", "value_amount": 50, "nb_days": 30}]
        term = self.env["account.payment.term"].create({"name": "Two", "line_ids": [Command.create(line) for line in lines]})
        invoice = self.invoice(100, invoice_payment_term_id=term.id)
        self.assertEqual(self.match(self.bank_line("Thanks", 50, partner_id=self.client.id)), ["matched"])
        parts = invoice.line_ids.filtered(lambda line: line.display_type == "payment_term").sorted("date_maturity")
        self.assertEqual(parts.mapped("amount_residual"), [0, 50])

    # --- Again, undone, refused ---------------------------------------------------------------------------

    def test_a_second_run_changes_nothing(self):
        invoice = self.invoice(100)
        line = self.bank_line(invoice.name, 60)
        self.match(line)
        self.assertFalse(line._match_payments())
        self.assertOpen((invoice, 40))

    def test_what_is_undone_by_hand_is_left_to_people(self):
        invoice = self.invoice(100)
        line = self.bank_line(invoice.name, 100)
        self.match(line)
        line.action_undo_reconciliation()
        self.run_job()
        self.bank.action_match_payments()
        self.assertEqual((line.call_match, invoice.amount_residual), ("undone", 100))
        line.action_match_payments()
        self.assertEqual((line.call_match, invoice.amount_residual), ("matched", 0))

    def test_the_billing_accountant_matches_and_undoes(self):
        accountant = new_test_user(self.env, "matcher", groups="call_center_billing.group_accountant")
        invoice = self.invoice(100)
        line = self.bank_line(invoice.name, 100).with_user(accountant)
        line.action_match_payments()
        self.assertOpen((invoice, 0))
        line.action_undo_reconciliation()
        self.assertOpen((invoice, 100))
        self.bank.with_user(accountant).action_match_payments()
        self.assertEqual(line.call_match, "undone")
        sales = new_test_user(self.env, "matching_sales", groups="call_center_billing.group_sales")
        with self.assertRaises(AccessError):
            line.with_user(sales).action_match_payments()

    def test_an_invoice_that_is_reset_and_posted_again_is_paid_once(self):
        invoice = self.invoice(100)
        line = self.bank_line(invoice.name, 60)
        self.match(line)
        invoice.button_draft()
        invoice.action_post()
        line.action_match_payments()
        self.run_job()
        self.assertOpen((invoice, 40))

    def test_new_lines_are_matched_by_the_job_and_others_once_a_day(self):
        invoice = self.invoice(100)
        line = self.bank_line(invoice.name, 100)
        early = self.bank_line("Invoice 99 of RF18 5390 0754 7034", 10)
        money_out = self.bank_line(invoice.name, -100)
        self.assertEqual((line.call_match, money_out.call_match), ("waiting", False))
        self.run_job()
        self.assertEqual((line.call_match, early.call_match), ("matched", "none"))
        with patch.object(type(line), "_match_payments") as again:
            self.run_job()
        again.assert_not_called()
        early.call_match_day = date(2026, 1, 1)
        self.invoice(10, payment_reference="RF18539007547034")
        self.run_job()
        self.assertEqual(early.call_match, "matched")

    def test_nothing_is_matched_by_itself_where_it_is_switched_off(self):
        self.env.company.call_match_payments = False
        invoice = self.invoice(100)
        line = self.bank_line(invoice.name, 100)
        self.run_job()
        self.assertEqual((line.call_match, invoice.amount_residual), (False, 100))
        self.bank.action_match_payments()
        self.assertOpen((invoice, 0))

    def test_one_line_that_is_refused_stops_no_other(self):
        good, bad = self.invoice(100), self.invoice(80)
        lines = self.bank_line(good.name, 100), self.bank_line(bad.name, 80)
        Line = self.env.registry["account.bank.statement.line"]
        original = Line._to_receivable

        def refuse(line, item, discount):
            if item.move_id == bad:
                raise UserError(item.move_id.name)
            return original(line, item, discount)

        with patch.object(Line, "_to_receivable", refuse):
            self.assertEqual(self.match(*lines), ["matched", "refused"])
        self.assertOpen((good, 0), (bad, 80))
