from unittest.mock import patch

from freezegun import freeze_time

from odoo.tests.common import tagged
from odoo.tools import html2plaintext, mute_logger

from odoo.addons.base.models.ir_mail_server import MailDeliveryException

from ..hooks import post_init_hook
from .reminder_case import ReminderCase


@tagged("post_install", "-at_install")
class TestReminders(ReminderCase):
    """The daily job, as tables: day, and what the client was mailed: (level, asked for)."""

    def test_levels_follow_one_another(self):
        self.invoice(100.10)
        self.assertReminded(
            [
                ("2026-11-05", []),
                ("2026-11-06", [(1, 100.10)]),
                ("2026-11-07", []),
                ("2026-11-15", []),
                ("2026-11-16", [(2, 100.10)]),
                ("2026-11-30", []),
                ("2026-12-01", [(3, 100.10)]),
                ("2027-01-15", []),
            ]
        )

    def test_what_is_late_already_is_reminded_of_one_by_one(self):
        self.invoice(100, due="2026-09-01")
        self.assertReminded(
            [
                ("2026-11-05", [(1, 100)]),
                ("2026-11-06", []),
                ("2026-11-15", [(2, 100)]),
                ("2026-11-16", []),
                ("2026-11-30", [(3, 100)]),
            ]
        )

    def test_a_part_is_paid_and_then_the_rest(self):
        invoice = self.invoice(100.10)
        self.assertReminded([("2026-11-06", [(1, 100.10)])])
        self.pay(invoice, 60.05)
        self.assertReminded([("2026-11-16", [(2, 40.05)])])
        self.assertIn("$ 100.10 $ 60.05 $ 40.05 $ 40.05", self.mail_text())
        self.pay(invoice, 40.05)
        self.assertReminded([("2026-12-01", [])])

    def test_what_is_disputed_is_not_asked_for_until_it_is_rejected(self):
        calls = self.invoice_calls(2, 3, 4)
        self.invoice.line_ids.filtered(lambda line: line.display_type == "payment_term").date_maturity = "2026-11-01"
        dispute = self.dispute(calls[0])
        self.assertReminded([("2026-11-06", [(1, 6.30)])])
        self.assertIn("$ 8.10 $ 0.00 $ 8.10 $ 1.80 $ 6.30", self.mail_text())
        dispute.action_review()
        self.decide(dispute, "reject")
        self.assertReminded([("2026-11-16", [(2, 8.10)])])

    def test_what_is_disputed_as_a_whole_is_left_out_until_it_is_withdrawn(self):
        calls = self.invoice_calls(2, 3, 4)
        self.invoice.line_ids.filtered(lambda line: line.display_type == "payment_term").date_maturity = "2026-11-01"
        dispute = self.dispute(calls)
        self.assertReminded([("2026-11-06", []), ("2026-11-16", [])])
        dispute.action_withdraw()
        self.assertReminded([("2026-11-17", [(1, 8.10)])])

    def test_what_is_granted_is_not_asked_for_before_it_is_given_back(self):
        calls = self.invoice_calls(2, 3, 4)
        self.invoice.line_ids.filtered(lambda line: line.display_type == "payment_term").date_maturity = "2026-11-01"
        dispute = self.dispute(calls[1])
        dispute.action_review()
        self.decide(dispute, "accept", settle="now")
        self.assertReminded([("2026-11-06", [(1, 5.40)])])
        dispute.adjustment_ids.move_id.action_post()
        self.assertReminded([("2026-11-16", [(2, 5.40)])])

    def test_disputes_count_with_their_taxes(self):
        self.product.taxes_id = self.env["account.tax"].create({"name": "19 %", "amount": 19})
        calls = self.invoice_calls(2, 3, 4)
        self.invoice.line_ids.filtered(lambda line: line.display_type == "payment_term").date_maturity = "2026-11-01"
        self.assertEqual(self.invoice.amount_total, 9.64)
        self.dispute(calls[0])  # 1.80 and 0.34
        self.assertEqual(self.invoice._disputed_amounts(), {self.invoice: 2.14})
        self.assertReminded([("2026-11-06", [(1, 7.50)])])
        self.pay(self.invoice, 7)
        self.assertReminded([("2026-11-16", [(2, 0.50)])])
        self.pay(self.invoice, 1)
        self.assertEqual(self.invoice._disputed_amounts(), {self.invoice: 1.64})

    def test_what_is_paid_disputed_or_promised_while_it_waits_is_left_out(self):
        paid, promised, open_ = self.invoice(100), self.invoice(80), self.invoice(60)
        with freeze_time("2026-11-06 06:00:00"):
            self.run_job("credit.control.run", "_cron_remind")
        self.pay(paid, 100)
        self.env["call.payment.promise"].create(
            {"partner_id": self.client.id, "invoice_ids": promised.ids, "date": "2099-01-01", "company_id": self.env.company.id}
        )
        self.assertReminded([("2026-11-06", [(1, 60)])])
        states = {line.invoice_id: line.state for line in self.lines()}
        self.assertEqual(states, {paid: "ignored", promised: "ignored", open_: "sent"})

    def test_a_credit_note_is_taken_off(self):
        one, two = self.invoice(100), self.invoice(80, due="2026-11-02")
        self.refund(one, 30)
        self.refund(one, 5, reconcile=True)
        self.assertReminded([("2026-11-06", [(1, 65)]), ("2026-11-07", [(1, 80)])])
        self.refund(two, 200)
        self.assertReminded([("2026-11-16", []), ("2026-11-17", [])])

    def test_one_mail_for_what_reached_the_same_level(self):
        for amount in (100, 80.5):
            self.invoice(amount)
        self.invoice(60, due="2026-10-22")
        self.invoice(40, self.other_client)
        self.invoice(20, currency_id=self.other_currency.id)
        self.other_client.email = "p@example.com"
        self.assertReminded([("2026-10-27", [(1, 60)])])
        self.assertEqual(sorted(self.reminded("2026-11-06")), [(1, 20), (1, 40), (1, 180.5), (2, 60)])

    def test_two_runs_a_day_send_nothing_twice(self):
        self.invoice(100)
        self.assertReminded([("2026-11-06", [(1, 100)]), ("2026-11-06", []), ("2026-11-06", [])])
        runs = self.env["credit.control.run"].search([("company_id", "=", self.env.company.id)])
        self.assertEqual(len(runs), 1)

    def test_a_job_that_was_killed_goes_on(self):
        clients = self.env["res.partner"].create([{"name": f"Client {i}", "email": f"{i}@example.com"} for i in range(5)])
        for client in clients:
            self.invoice(10, client)
        before = self.messages()
        with freeze_time("2026-11-06 06:00:00"):
            self.run_job("credit.control.run", "_cron_remind")
            self.send_until_killed(2)
        self.assertEqual(len(self.messages() - before), 4)
        self.assertReminded([("2026-11-06", [(1, 10)]), ("2026-11-06", [])])
        self.assertEqual(self.lines().mapped("state"), ["sent"] * 5)

    @mute_logger("odoo.addons.mail.models.mail_mail")
    def test_one_that_fails_keeps_its_reason_and_is_tried_again(self):
        self.other_client.email = "p@example.com"
        bad, good = self.invoice(100), self.invoice(80, self.other_client)
        Communication = self.env.registry["credit.control.communication"]
        original = Communication._send_communications_by_email

        def fail(communication):
            if communication.partner_id == self.client:
                raise ValueError("No such template")
            return original(communication)

        with patch.object(Communication, "_send_communications_by_email", fail):
            self.assertReminded([("2026-11-06", [(1, 80)])])
        failed = self.lines("email_error")
        self.assertEqual((failed.invoice_id, failed.communication_id.call_failure), (bad, "No such template"))
        self.assertReminded(
            [("2026-11-06", []), ("2026-11-07", [(1, 100)]), ("2026-11-16", [(2, 80)]), ("2026-11-17", [(2, 100)])]
        )
        self.assertFalse(failed.communication_id.call_failure)
        self.assertEqual(good.credit_control_line_ids.mapped("level"), [2, 1])

    @mute_logger("odoo.addons.mail.models.mail_mail")
    def test_a_mail_that_is_not_accepted_keeps_its_reason(self):
        self.invoice(100)
        with freeze_time("2026-11-06 06:00:00"):
            self.run_job("credit.control.run", "_cron_remind")
            self.run_job("credit.control.communication", "_cron_send")
            self.send_mail(error=MailDeliveryException("Unknown user"))
        line = self.lines()
        self.assertEqual(line.state, "email_error")
        self.assertIn("Unknown user", line.communication_id.call_failure)
        with freeze_time("2026-11-06 07:00:00"):
            line.communication_id.action_send_again()
        self.assertReminded([("2026-11-06", [(1, 100)])])

    def test_clients_without_an_address_get_letters(self):
        self.client.email = False
        invoice = self.invoice(100)
        self.assertReminded([("2026-11-06", []), ("2026-11-16", [])])
        letter = self.lines()
        self.assertEqual((letter.channel, letter.state, letter.balance_due), ("letter", "to_be_sent", 100))
        self.pay(invoice, 40)
        self.reminded("2026-11-17")
        self.assertEqual((self.lines(), letter.balance_due), (letter, 60))
        with freeze_time("2026-11-18 06:00:00"):
            self.env["credit.control.printer"].create({"line_ids": letter.ids}).print_lines()
        self.assertEqual((letter.state, str(letter.date_sent)), ("sent", "2026-11-18"))
        self.client.email = "d@example.com"
        self.assertReminded([("2026-11-19", []), ("2026-11-28", [(2, 60)])])

    def test_the_contact_for_invoices_is_reminded_in_its_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        level = self.env.ref("call_center_billing_credit_control.level_friendly")
        level.with_context(lang="fr_FR").name = "Rappel"
        self.client.email = False
        contact = {"name": "Accounts", "type": "invoice", "email": "a@example.com", "lang": "fr_FR", "parent_id": self.client.id}
        contact = self.env["res.partner"].create(contact)
        self.invoice(100.5)
        self.assertReminded([("2026-11-06", [(1, 100.5)])])
        message = self.messages()[0]
        self.assertEqual(message.partner_ids, contact)
        self.assertTrue(message.subject.endswith(": Rappel"))
        self.assertIn("100,50", self.mail_text())
        self.assertIn("100,50", message.attachment_ids.raw.decode())  # tests render no PDF

    def test_the_statement_lists_what_else_is_open(self):
        reminded, later = self.invoice(100), self.invoice(80.25, due="2026-11-20")
        self.assertReminded([("2026-11-06", [(1, 100)])])
        report, ids = "account_credit_control.report_credit_control_summary", self.lines().communication_id.ids
        text = " ".join(html2plaintext(self.env["ir.actions.report"]._render_qweb_html(report, ids)[0].decode()).split())
        items, _also, others = text.partition("Also open")
        self.assertIn(f"{reminded.name} 11/01/2026", items)
        self.assertIn(f"{later.name} 11/20/2026", others)
        self.assertIn("80.25", others)

    def test_the_last_reminder_asks_once_whether_to_suspend(self):
        self.invoice_calls(2, 3, 4)
        self.invoice.line_ids.filtered(lambda line: line.display_type == "payment_term").date_maturity = "2026-11-01"
        activity_type = self.env.ref("call_center_billing_credit_control.suspension_activity")
        asked = []
        for day in ("2026-11-06", "2026-11-16", "2026-12-01", "2026-12-02"):
            self.reminded(day)
            asked.append(len(self.contract.activity_ids.filtered(lambda a: a.activity_type_id == activity_type)))
        self.assertEqual(asked, [0, 0, 1, 1])

    def test_a_promise_holds_until_its_day(self):
        self.invoice(100)
        self.assertReminded([("2026-11-06", [(1, 100)])])
        with freeze_time("2026-11-10"):
            self.env["call.payment.promise"].create({"partner_id": self.client.id, "date": "2026-11-20"})
        self.invoice(80, due="2026-11-12")
        self.assertReminded([("2026-11-16", []), ("2026-11-20", []), ("2026-11-21", [(1, 80), (2, 100)])])

    def test_companies_that_made_runs_go_on_by_hand_when_it_is_installed(self):
        used, fresh = self.setup_other_company()["company"], self.env.company
        theirs = self.env.ref("account_credit_control.credit_control_3_time")
        (used | fresh).write({"credit_policy_id": theirs.id, "call_reminders": True})
        self.env["credit.control.run"].create({"date": "2026-11-01", "company_id": used.id})
        post_init_hook(self.env)
        self.assertEqual((used.call_reminders, used.credit_policy_id), (False, theirs))
        self.invoice(100)
        self.assertReminded([("2026-11-06", [(1, 100)])])
        self.assertEqual(fresh.credit_policy_id, self.env.ref("call_center_billing_credit_control.policy"))

    def test_other_companies_and_companies_without_calls_remind_nobody(self):
        self.invoice(100)
        for values in ({"call_reminders": False}, {"call_reminders": True}):
            self.env.company.write(values)
            self.env["contract.contract"].search([]).generation_type = "invoice"
            self.assertReminded([("2026-11-06", [])])
