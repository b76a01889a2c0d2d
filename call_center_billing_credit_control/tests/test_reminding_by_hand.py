from ast import literal_eval

from freezegun import freeze_time
from lxml import etree

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form
from odoo.tests.common import new_test_user, tagged

from .reminder_case import ReminderCase


@freeze_time("2026-11-08 10:00:00")
@tagged("post_install", "-at_install")
class TestRemindingByHand(ReminderCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accountant = new_test_user(
            cls.env,
            "clerk",
            groups="call_center_billing.group_accountant",
            company_id=cls.env.company.id,
            company_ids=[(6, 0, cls.env.company.ids)],
        )

    def assertShown(self, record, level, last, following, paused=False, asked=100):
        record.invalidate_recordset()
        shown = (
            record.call_reminder_level or None,
            str(record.call_reminded_on or ""),
            str(record.call_next_reminder or ""),
            str(record.call_paused_until or ""),
            record.call_asked_amount,
        )
        self.assertEqual(shown, (level, last or "", following or "", paused or "", asked))

    def account(self):
        return self.env["call.client.account"].search([("partner_id", "=", self.client.id)])

    def test_an_invoice_and_a_client_tell_how_far_they_are(self):
        invoice = self.invoice(100)
        self.env.company._choose_reminder_policy()
        self.assertShown(invoice, None, None, "2026-11-08")
        self.assertFalse(self.env["call.client.account"].search([("call_reminded", "=", True)]) & self.account())
        self.reminded("2026-11-08")
        for record in (invoice, self.account()):
            self.assertShown(record, "Payment reminder", "2026-11-08", "2026-11-18")
        self.assertTrue(self.env["call.client.account"].search([("call_reminded", "=", True)]) & self.account())
        view = self.env["account.move"].get_view(self.env.ref("account.view_account_invoice_filter").id, "search")["arch"]
        domain = literal_eval(etree.fromstring(view).find(".//filter[@name='call_reminded']").get("domain"))
        self.assertIn(invoice, self.env["account.move"].search(domain))
        self.env["call.payment.promise"].create({"partner_id": self.client.id, "date": "2026-11-30"})
        for record in (invoice, self.account()):
            self.assertShown(record, "Payment reminder", "2026-11-08", "2026-12-01", "2026-11-30")

    def test_accountants_see_it_on_the_pages(self):
        invoice = self.invoice(100)
        self.reminded("2026-11-08")
        for record in (invoice, self.account(), invoice.credit_control_line_ids.communication_id):
            with self.subTest(record._name):
                form = Form(record.with_user(self.accountant))
                self.assertEqual(form.call_asked_amount, 100)

    def test_the_next_one_is_sent_now(self):
        invoice = self.invoice(100).with_user(self.accountant)
        self.reminded("2026-11-08")
        self.assertTrue(invoice.action_remind_now())
        self.assertEqual(self.reminded("2026-11-08"), [(2, 100)])
        self.account().with_user(self.accountant).action_remind_now()
        self.assertEqual(self.reminded("2026-11-08"), [(3, 100)])
        self.assertShown(invoice, "Final payment reminder", "2026-11-08", None)
        self.assertEqual(self.reminded("2026-12-24"), [])

    def test_one_that_waits_is_not_sent_twice(self):
        invoice = self.invoice(100)
        self.run_job("credit.control.run", "_cron_remind")
        invoice.action_remind_now()
        self.assertEqual(self.reminded("2026-11-08"), [(1, 100)])

    def test_a_promise_does_not_hold_what_is_sent_by_hand(self):
        invoice = self.invoice(100)
        self.reminded("2026-11-08")
        self.env["call.payment.promise"].create({"partner_id": self.client.id, "date": "2026-11-30"})
        invoice.action_remind_now()
        self.assertEqual(self.reminded("2026-11-08"), [(2, 100)])

    def test_nothing_to_remind_of(self):
        paid, later, left_alone = self.invoice(100), self.invoice(80, due="2026-12-01"), self.invoice(60)
        self.env.company._choose_reminder_policy()
        self.pay(paid, 100)
        left_alone.action_do_not_chase()
        for invoice in (paid, later, left_alone):
            with self.subTest(invoice.name), self.assertRaisesRegex(UserError, "nothing to remind of"):
                invoice.action_remind_now()

    def test_what_is_not_to_be_chased_is_not_until_it_is_again(self):
        invoice, other = self.invoice(100).with_user(self.accountant), self.invoice(80)
        invoice.action_do_not_chase()
        self.assertEqual(self.reminded("2026-11-08"), [(1, 80)])
        self.assertTrue(invoice.call_not_chased)
        self.account().with_user(self.accountant).action_do_not_chase()
        self.assertEqual(self.reminded("2026-11-20"), [])
        self.assertTrue(self.account().call_not_chased)
        self.account().action_chase_again()
        self.assertEqual(self.reminded("2026-11-21"), [(2, 80)])
        invoice.action_chase_again()
        self.assertEqual(self.reminded("2026-11-22"), [(1, 100)])
        self.assertTrue(other.credit_control_line_ids)

    def test_who_noted_a_promise_and_when(self):
        contact = self.env["res.partner"].create({"name": "Accounts", "parent_id": self.client.id})
        invoice = self.invoice(100, contact).with_user(self.accountant)
        with Form(
            self.env["call.payment.promise"].with_user(self.accountant).with_context(**invoice.action_promise()["context"])
        ) as form:
            form.date = "2026-11-20"
            form.note = "Ms Miller"
        promise = form.record
        self.assertEqual((promise.partner_id, promise.invoice_ids, promise.user_id), (self.client, invoice, self.accountant))
        self.assertEqual(str(invoice.call_paused_until), "2026-11-20")
        promise.active = False
        invoice.invalidate_recordset()
        self.assertFalse(invoice.call_paused_until)
        with self.assertRaises(ValidationError):
            promise.copy({"date": "2026-11-07"})

    def test_sales_and_clients_remind_nobody(self):
        invoice = self.invoice(100)
        self.reminded("2026-11-08")
        portal = self.make_portal_user(self.client, "dentist")
        sales = new_test_user(self.env, "sales_person", groups="call_center_billing.group_sales")
        for user in (portal, sales):
            for method in ("action_remind_now", "action_do_not_chase", "action_chase_again", "action_promise"):
                with self.subTest(user=user.login, method=method), self.assertRaises(AccessError):
                    getattr(invoice.with_user(user), method)()

    def test_clients_read_nothing_of_it(self):
        invoice = self.invoice(100)
        self.reminded("2026-11-08")
        promise = self.env["call.payment.promise"].create({"partner_id": self.client.id, "date": "2026-11-30", "note": "x"})
        user = self.make_portal_user(self.client, "dentist")
        records = [promise, *invoice.credit_control_line_ids, *invoice.credit_control_line_ids.communication_id]
        records += [invoice.credit_control_line_ids.run_id, invoice.credit_control_line_ids.policy_level_id]
        for record in records:
            with self.subTest(record._name), self.assertRaises(AccessError):
                record.with_user(user).read(["id"])
            with self.subTest(record._name), self.assertRaises(AccessError):
                record.with_user(user).search([])
        self.env.invalidate_all()
        for record, prefixes in (
            (invoice, ("call_re", "call_next", "call_paused", "call_asked", "call_not", "credit_")),
            (self.client, ("credit_", "payment_n", "payment_r", "manual")),
        ):
            names = [name for name in record._fields if name.startswith(prefixes) and name != "credit_limit"]
            for name in names:
                with self.subTest(model=record._name, name=name), self.assertRaises(AccessError):
                    record.with_user(user).read([name])
