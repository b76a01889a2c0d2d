"""Suspended, reminded of, renewed, ended: what is due, and what the final invoice says."""

from datetime import date
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2.errors import CheckViolation

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .asterisk import row
from .common import DECEMBER, NOVEMBER, TODAY, CallBillingCommon

MID_NOVEMBER = date(2026, 11, 15)
END_OF_MARCH = date(2027, 3, 31)


class ContractLifeCommon(CallBillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agreement = cls.make_contract(fee=300, name="Agreement")
        cls.usage = cls.agreement.contract_line_ids.filtered("rate_plan_id")
        cls.fixed = cls.agreement.contract_line_ids - cls.usage
        cls.fixed.name = "Seats"
        cls.endpoint = cls.make_endpoint("777", cls.usage)

    @classmethod
    def call_on(cls, *days):
        return cls.import_text(*(row(called="777", talk=60, start=f"{day} 23:30:00") for day in days))

    def lines(self, move):
        """The invoice as the client reads it."""
        return sorted((line.name, line.price_subtotal) for line in move.invoice_line_ids)

    def end(self, last_day=MID_NOVEMBER, contract=None, **values):
        """End by the dialog, as a salesperson does."""
        wizard = self.env["call.contract.end"].with_context(active_id=(contract or self.agreement).id)
        with Form(wizard) as form:
            form.last_day = last_day
            form.reason = "The practice closes"
            for name, value in values.items():
                form[name] = value
        form.record.action_end()
        return form.record

    def due(self, day=NOVEMBER):
        return self.env["contract.contract"].search(self.env["contract.contract"]._due_domain(day))


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestSuspended(ContractLifeCommon):
    def suspend(self, suspension="hold"):
        wizard = self.env["call.contract.suspend"].with_context(active_ids=self.agreement.ids)
        with Form(wizard) as form:
            form.suspension = suspension
            form.reason = "Does not pay"
        form.record.action_suspend()

    def test_nothing_of_a_held_contract_is_due(self):
        self.suspend()
        self.assertNotIn(self.agreement, self.due())
        self.assertFalse(self.agreement._bill_batch(NOVEMBER, NOVEMBER))
        with self.assertRaisesRegex(UserError, "'Agreement' is suspended and its billing is held. Resume it"):
            self.agreement.action_bill_usage()
        run = self.env["call.billing.run"].create({"date": NOVEMBER})
        run.action_run()
        self.assertNotIn(self.agreement, run.line_ids.contract_id)

    def test_the_daily_job_leaves_it_out(self):
        self.env.company.call_billing_schedule = "prepare"
        self.suspend()
        self.env["call.billing.run"].sudo()._schedule(self.env.company)
        self.assertNotIn(self.agreement, self.env["call.billing.run"].search([], limit=1).line_ids.contract_id)

    def test_one_that_was_suspended_while_its_run_waited_is_not_invoiced(self):
        run = self.env["call.billing.run"].create({"date": NOVEMBER})
        run._list_contracts()
        self.suspend()
        run.state = "running"
        run._go_on()
        self.assertEqual(run.line_ids.filtered(lambda line: line.contract_id == self.agreement).state, "nothing")

    def test_its_calls_are_collected_rated_and_shown_as_held(self):
        self.suspend()
        self.call_on("2026-10-05")
        statement = self.agreement.call_statement_ids
        self.assertEqual((statement.usage_amount, statement.suspension), (0.9, "hold"))

    def test_what_was_held_is_billed_period_by_period_when_it_is_resumed(self):
        self.suspend()
        self.call_on("2026-10-05", "2026-11-02", "2026-11-03")
        with freeze_time("2026-12-02"):
            self.agreement.action_resume()
            self.assertIn(self.agreement, self.due(DECEMBER))
            moves = self.bill(self.agreement, DECEMBER)
        self.assertEqual(
            [(move.call_statement_ids.date_start, move.amount_untaxed) for move in moves],
            [(date(2026, 10, 1), 300.9), (NOVEMBER, 301.8)],
        )

    def test_one_that_is_billed_by_choice_is_due(self):
        self.suspend("bill")
        self.call_on("2026-10-05")
        self.assertIn(self.agreement, self.due())
        self.assertEqual(self.bill(self.agreement).amount_untaxed, 300.9)

    def test_a_period_to_be_billed_again_is_held_as_well(self):
        self.call_on("2026-10-05")
        move = self.bill(self.agreement)
        move.action_post()
        move.button_cancel()
        move.action_bill_call_usage_again()
        self.suspend()
        self.assertFalse(self.bill(self.agreement))
        self.agreement.action_resume()
        self.assertEqual(self.bill(self.agreement).amount_untaxed, 300.9)

    def test_the_chatter_says_who_and_why(self):
        self.suspend()
        self.agreement.action_resume()
        resumed, suspended = self.agreement.message_ids.filtered("body")[:2]
        self.assertIn("Suspended: Does not pay", suspended.body)
        self.assertIn("Resumed. It was suspended since 2026-11-05: Does not pay", resumed.body)
        self.assertEqual((suspended | resumed).author_id, self.env.user.partner_id)
        self.assertFalse(self.agreement.suspension)

    def test_a_contract_without_usage_is_held_by_ocas_job_too(self):
        header = {"recurring_rule_type": "monthly", "recurring_invoicing_type": "post-paid", "date_start": date(2026, 10, 1)}
        lines = [Command.create({"name": "Fee", "price_unit": 1})]
        ordinary = self.env["contract.contract"].create(
            {"name": "Ordinary", "partner_id": self.client.id, "contract_line_ids": lines, **header}
        )
        ordinary._suspend("hold", "Does not pay")
        self.env["contract.contract"].cron_recurring_create_invoice()
        self.assertFalse(ordinary._get_related_invoices())


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestTerm(ContractLifeCommon):
    def job(self, day):
        commit = patch.object(self.registry["ir.cron"], "_commit_progress", return_value=60)
        with freeze_time(day), commit:
            self.env["contract.contract"]._cron_life()

    def reminders(self):
        return self.agreement.activity_ids.filtered(
            lambda each: each.activity_type_id == self.env.ref("call_center_billing.contract_renewal_activity")
        )

    def test_last_day_to_give_notice(self):
        for end, period, unit, expected in (
            (date(2026, 11, 30), 3, "month", date(2026, 8, 31)),
            (date(2026, 12, 31), 3, "month", date(2026, 9, 30)),
            (date(2027, 2, 28), 1, "month", date(2027, 1, 31)),
            (date(2026, 12, 31), 30, "day", date(2026, 12, 1)),
            (date(2026, 12, 31), 0, "month", date(2026, 12, 31)),
            (False, 3, "month", False),
        ):
            with self.subTest(end=end, period=period, unit=unit):
                self.agreement.write({"date_end": end, "notice_period": period, "notice_unit": unit})
                self.assertEqual(self.agreement.notice_date, expected)

    def test_the_agreed_end_is_that_of_the_lines_that_end_with_the_contract(self):
        self.fixed.date_end = date(2026, 12, 31)
        self.agreement.date_end = END_OF_MARCH
        self.assertEqual((self.usage | self.fixed).mapped("date_end"), [END_OF_MARCH, date(2026, 12, 31)])
        self.assertEqual(self.agreement.date_end, END_OF_MARCH)
        self.agreement.date_end = False
        self.assertEqual((self.usage | self.fixed).mapped("date_end"), [False, date(2026, 12, 31)])

    def test_a_new_contract_gives_its_end_to_its_lines(self):
        contract = self.make_contract(fee=1, date_end=END_OF_MARCH)
        self.assertEqual(set(contract.contract_line_ids.mapped("date_end")), {END_OF_MARCH})
        self.assertEqual(contract.date_end, END_OF_MARCH)

    def test_the_end_is_set_on_the_form_together_with_other_changes(self):
        with Form(self.agreement) as form:
            form.date_end = END_OF_MARCH
            form.notice_period = 3
            with form.contract_line_ids.edit(1) as line:
                line.price_unit = 310
        self.assertEqual((self.usage | self.fixed).mapped("date_end"), [END_OF_MARCH, END_OF_MARCH])
        self.assertEqual((self.fixed.price_unit, self.agreement.notice_date), (310, date(2026, 12, 31)))

    def test_an_end_that_is_taken_from_one_line_stays_at_the_others(self):
        self.agreement.date_end = END_OF_MARCH
        with Form(self.agreement) as form, form.contract_line_ids.edit(1) as line:
            line.date_end = False
        self.assertEqual((self.usage.date_end, self.fixed.date_end, self.agreement.date_end), (END_OF_MARCH, False, False))

    def test_a_line_that_is_added_ends_with_the_contract(self):
        self.agreement.date_end = END_OF_MARCH
        with Form(self.agreement) as form, form.contract_line_ids.new() as line:
            line.name = "More seats"
            line.date_start = NOVEMBER
        self.assertEqual(set(self.agreement.contract_line_ids.mapped("date_end")), {END_OF_MARCH})

    def test_a_typed_first_period_keeps_its_length_when_the_end_is_set(self):
        contract = self.make_contract(date_start=date(2026, 10, 24))
        contract.contract_line_ids.recurring_next_date = NOVEMBER
        contract.date_end = END_OF_MARCH
        self.assertEqual(contract.contract_line_ids.recurring_next_date, NOVEMBER)

    def test_one_reminder_before_the_last_day_to_give_notice(self):
        """Until 31 March with 3 months' notice: by 31 December, so from 1 December."""
        user = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        self.agreement.write({"date_end": END_OF_MARCH, "notice_period": 3, "renewal": "auto", "user_id": user.id})
        self.job("2026-11-30")
        self.assertFalse(self.reminders())
        for day in ("2026-12-01", "2026-12-02"):
            self.job(day)
        self.assertEqual([(each.user_id, each.date_deadline) for each in self.reminders()], [(user, date(2026, 12, 31))])
        self.reminders().action_done()
        self.job("2026-12-03")
        self.assertFalse(self.reminders())

    def test_what_does_not_renew_is_reminded_of_before_its_end(self):
        self.agreement.write({"date_end": END_OF_MARCH, "notice_period": 3, "reminder_days": 10})
        self.job("2027-03-20")
        self.assertFalse(self.reminders())
        self.job("2027-03-21")
        self.assertEqual(self.reminders().date_deadline, END_OF_MARCH)

    def test_without_a_salesperson_an_accountant_is_reminded(self):
        self.agreement.user_id = new_test_user(self.env, "nobody", groups="base.group_user")
        self.assertTrue(self.agreement._responsible().has_group("call_center_billing.group_accountant"))

    def test_it_renews_on_the_day_after_the_notice_day_with_the_lines_that_end_with_it(self):
        self.agreement.write({"date_end": END_OF_MARCH, "notice_period": 3, "renewal": "auto", "renewal_months": 12})
        self.fixed.date_end = date(2026, 12, 31)
        self.endpoint.date_end = END_OF_MARCH
        self.job("2026-12-31")
        self.assertEqual(self.agreement.date_end, END_OF_MARCH)
        for day in ("2027-01-01", "2027-01-02"):
            self.job(day)
        found = (self.agreement.date_end, self.usage.date_end, self.fixed.date_end, self.endpoint.date_end)
        march = date(2028, 3, 31)
        self.assertEqual(found, (march, march, date(2026, 12, 31), march))
        self.assertEqual(self.agreement.notice_date, date(2027, 12, 31))
        self.assertIn("renewed from 2027-03-31 until 2028-03-31", self.agreement.message_ids.filtered("body")[0].body)

    def test_what_was_not_looked_at_for_long_renews_as_often_as_it_takes(self):
        self.agreement.write({"date_end": END_OF_MARCH, "notice_period": 1, "renewal": "auto", "renewal_months": 1})
        self.job("2027-06-15")
        self.assertEqual(self.agreement.date_end, date(2027, 7, 31))

    def test_one_that_cannot_renew_tells_and_stops_no_other(self):
        other = self.make_contract()
        (self.agreement | other).write({"date_end": END_OF_MARCH, "renewal": "auto"})
        self.endpoint.date_end = END_OF_MARCH
        self.make_endpoint("777", date_start=date(2027, 4, 1))
        for day in ("2027-04-01", "2027-04-02"):
            self.job(day)
        self.assertEqual((self.agreement.date_end, other.date_end), (END_OF_MARCH, date(2028, 3, 31)))
        self.assertIn("could not be renewed: Number 777 already belongs to", self.reminders()[:1].note)

    def test_what_was_ended_neither_renews_nor_reminds(self):
        self.agreement.write({"date_end": END_OF_MARCH, "notice_period": 1, "renewal": "auto"})
        self.end(END_OF_MARCH)
        self.job("2027-03-10")
        self.assertEqual(self.agreement.date_end, END_OF_MARCH)
        self.assertFalse(self.reminders())

    def test_filters_of_the_list(self):
        self.agreement.date_end = date(2026, 11, 30)
        found = self.env["contract.contract"].search(
            [("reminder_date", "<=", "today"), ("date_end", ">=", "today"), ("last_day", "=", False)]
        )
        self.assertIn(self.agreement, found)
        self.assertNotIn(self.contract, found)

    def test_terms_that_make_no_sense_are_refused(self):
        with self.assertRaises(CheckViolation), mute_logger("odoo.sql_db"):
            self.agreement.renewal_months = 0
            self.agreement.flush_recordset()


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestEnd(ContractLifeCommon):
    def test_the_final_invoice_bills_through_the_last_day(self):
        self.bill(self.agreement)
        self.end()
        with freeze_time("2026-11-20"):
            record = self.call_on("2026-11-10", "2026-11-15", "2026-11-16")
            move = self.bill(self.agreement, date(2026, 11, 16))
        self.assertEqual(
            self.lines(move),
            [("Answering, Inbound calls, 11/01/2026 - 11/15/2026", 1.8), ("Seats (15 of 30 days)", 150.0)],
        )
        self.assertTotals(record, read=3, accepted=2, suspended=1)
        self.assertFalse(self.due(date(2027, 12, 31)) & self.agreement)

    def test_later_calls_of_a_line_that_ended_are_not_in_force(self):
        self.usage.date_end = MID_NOVEMBER
        with freeze_time("2026-11-20"):
            record = self.call_on("2026-11-15", "2026-11-16")
        self.assertEqual(record.suspense_ids.mapped("reason"), ["not_in_force"])

    def test_the_number_is_free_for_another_client(self):
        self.end()
        self.assertTrue(self.make_endpoint("777", date_start=date(2026, 11, 16)))

    def test_calls_after_the_end_that_are_here_already_cost_nothing(self):
        self.call_on("2026-10-10", "2026-10-20", "2026-11-02")
        self.end(date(2026, 10, 15))
        self.assertEqual(self.agreement.unbilled_amount, 0.9)
        move = self.bill(self.agreement, date(2026, 12, 31))
        self.assertEqual(
            self.lines(move),
            [("Answering, Inbound calls, 10/01/2026 - 10/15/2026", 0.9), ("Seats (15 of 31 days)", 145.16)],
        )

    def test_fees_in_advance_are_given_back_by_the_day(self):
        """300.00 of November, invoiced in advance, until the 15th: 15 of 30 days. More than the usage, so it is a credit note."""
        self.fixed.write({"recurring_invoicing_type": "pre-paid", "date_start": NOVEMBER})
        self.bill(self.agreement)
        self.assertEqual(self.fixed.last_date_invoiced, date(2026, 11, 30))
        wizard = self.end()
        self.assertEqual(wizard.refund_amount, 150)
        self.assertEqual((self.fixed.date_end, self.agreement.date_end), (date(2026, 11, 30), MID_NOVEMBER))
        with freeze_time("2026-11-20"):
            self.call_on("2026-11-10")
            move = self.bill(self.agreement, date(2026, 11, 16))
        self.assertEqual(
            self.lines(move),
            [
                ("Answering, Inbound calls, 11/01/2026 - 11/15/2026", -0.9),
                ("Refund of Seats, 11/16/2026 - 11/30/2026 (15 days)", 150.0),
            ],
        )
        self.assertEqual((move.move_type, move.amount_untaxed), ("out_refund", 149.1))

    def test_a_refund_has_the_taxes_and_the_account_of_what_it_gives_back(self):
        tax = self.company_data["default_tax_sale"]
        self.fixed.write({"recurring_invoicing_type": "pre-paid", "date_start": NOVEMBER})
        advance = self.bill(self.agreement)
        advance.invoice_line_ids.tax_ids = tax
        advance.action_post()
        self.end()
        refund = self.bill(self.agreement, date(2026, 11, 16)).invoice_line_ids.filtered(lambda line: "Refund" in line.name)
        self.assertEqual((refund.tax_ids, refund.account_id), (tax, advance.invoice_line_ids.account_id))

    def test_a_refund_with_a_discount_is_by_what_was_charged(self):
        """3 x 100.00 less 10 % is 270.00: 14 of 30 days are 126.00."""
        self.fixed.write(
            {"recurring_invoicing_type": "pre-paid", "date_start": NOVEMBER, "quantity": 3, "price_unit": 100, "discount": 10}
        )
        self.bill(self.agreement)
        self.assertEqual(self.end(date(2026, 11, 16)).refund_amount, 126)

    def test_a_fee_that_is_not_prorated_gives_nothing_back(self):
        self.fixed.write({"recurring_invoicing_type": "pre-paid", "date_start": NOVEMBER, "is_prorated": False})
        self.bill(self.agreement)
        self.end()
        self.assertFalse(self.bill(self.agreement, DECEMBER))

    def test_what_an_early_end_costs(self):
        """300.00 a month until 31 March."""
        self.agreement.write({"date_end": END_OF_MARCH, "early_end_percent": 50})
        self.bill(self.agreement)
        for last_day, prorated, remaining, fee in (
            (MID_NOVEMBER, True, 1350, 675),  # 15 of 30 days and four months
            (MID_NOVEMBER, False, 1200, 600),  # November is charged in full
            (date(2026, 11, 30), True, 1200, 600),
            (date(2027, 3, 30), True, 9.68, 4.84),
            (END_OF_MARCH, True, 0, 0),
        ):
            with self.subTest(last_day=last_day, prorated=prorated):
                self.fixed.is_prorated = prorated
                wizard = self.env["call.contract.end"].create(
                    {"contract_id": self.agreement.id, "last_day": last_day, "reason": "x"}
                )
                self.assertEqual((wizard.remaining_amount, wizard.agreed_fee, wizard.fee), (remaining, fee, fee))

    def test_fees_in_advance_count_among_those_until_the_agreed_end(self):
        """November is given back for 15 days, which would have been charged: 150.00 and four months."""
        self.fixed.write({"recurring_invoicing_type": "pre-paid", "date_start": NOVEMBER})
        self.agreement.write({"date_end": END_OF_MARCH, "early_end_percent": 50})
        self.bill(self.agreement)
        wizard = self.end()
        self.assertEqual((wizard.refund_amount, wizard.remaining_amount, wizard.fee), (150, 1350, 675))

    def test_the_fee_is_on_the_final_invoice_with_the_taxes_of_its_product(self):
        tax = self.company_data["default_tax_sale"]
        self.agreement.write({"date_end": END_OF_MARCH, "early_end_percent": 50})
        self.bill(self.agreement)
        product = self.env["product.product"].create({"name": "Fee", "type": "service", "taxes_id": tax.ids})
        self.end(product_id=product)
        move = self.bill(self.agreement, date(2026, 11, 16))
        self.assertEqual(self.lines(move), [("Early termination on 11/15/2026", 675.0), ("Seats (15 of 30 days)", 150.0)])
        self.assertEqual(move.invoice_line_ids.filtered(lambda line: line.price_subtotal == 675).tax_ids, tax)
        self.assertFalse(self.bill(self.agreement, date(2027, 12, 31)))

    def test_the_fee_can_be_waived_with_a_reason(self):
        self.agreement.write({"date_end": END_OF_MARCH, "early_end_percent": 50})
        self.bill(self.agreement)
        with self.assertRaisesRegex(UserError, "Say why the fee is another one"):
            self.env["call.contract.end"].create(
                {"contract_id": self.agreement.id, "last_day": MID_NOVEMBER, "reason": "x", "fee": 0}
            ).action_end()
        self.end(fee=0, fee_reason="Good will")
        self.assertIn("instead of $&nbsp;675.00: Good will", self.agreement.message_ids.filtered("body")[0].body)
        self.assertEqual(self.bill(self.agreement, date(2026, 11, 16)).amount_untaxed, 150)

    def test_a_fee_comes_on_an_invoice_of_its_own_where_all_else_is_invoiced(self):
        self.bill(self.agreement)
        self.end(date(2026, 10, 31), fee=99, fee_reason="As agreed by letter")
        self.assertEqual(self.lines(self.bill(self.agreement)), [("Early termination on 10/31/2026", 99.0)])

    def test_warnings_of_notice_and_agreed_end(self):
        self.agreement.notice_period = 3
        for agreed, renewal, last_day, found in (
            (False, "none", MID_NOVEMBER, ["Notice that is given today allows 02/05/2027 at the earliest."]),
            (False, "none", date(2027, 2, 5), []),
            (END_OF_MARCH, "none", END_OF_MARCH, []),
            (date(2026, 12, 31), "none", date(2026, 12, 31), []),
            (date(2026, 12, 31), "auto", date(2026, 12, 31), ["Notice that is given today allows 02/05/2027 at the earliest."]),
            (END_OF_MARCH, "auto", date(2027, 3, 1), ["It was agreed until 03/31/2027."]),
        ):
            with self.subTest(agreed=agreed, renewal=renewal, last_day=last_day):
                self.agreement.write({"date_end": agreed, "renewal": renewal})
                wizard = self.env["call.contract.end"].new({"contract_id": self.agreement.id, "last_day": last_day})
                self.assertEqual(wizard.warning.splitlines(), found)

    def test_a_credited_final_invoice_is_billed_again_as_it_was(self):
        self.agreement.write({"date_end": END_OF_MARCH, "early_end_percent": 50})
        self.bill(self.agreement)
        self.call_on("2026-11-02")
        self.end()
        move = self.bill(self.agreement, date(2026, 11, 16))
        before = self.lines(move)
        move.action_post()
        move.button_cancel()
        move.action_bill_call_usage_again()
        self.assertEqual(self.lines(self.bill(self.agreement, date(2026, 11, 16))), before)
        self.assertFalse(self.bill(self.agreement, date(2027, 12, 31)))

    def test_what_was_ended_keeps_its_end(self):
        self.end()
        with self.assertRaisesRegex(UserError, "was ended"):
            self.agreement.date_end = END_OF_MARCH
        with self.assertRaisesRegex(UserError, "was ended"):
            self.end(date(2026, 11, 14))

    def test_several_contracts_on_one_invoice(self):
        """The fee of one that ended is in its section; the other goes on."""
        other = self.make_contract(fee=20, name="Other")
        (self.agreement | other).invoice_together = True
        self.agreement.write({"date_end": END_OF_MARCH, "early_end_percent": 50})
        self.end(date(2026, 10, 31))
        move = self.bill(self.agreement | other)
        self.assertEqual(
            [(line.name, line.price_subtotal) for line in move.invoice_line_ids.sorted("sequence")],
            [
                ("Agreement", 0),
                ("Seats", 300),
                ("Early termination on 10/31/2026", 750),
                ("Other", 0),
                ("Fee 10/01/2026", 20),
            ],
        )

    def test_a_day_before_invoiced_usage_is_refused(self):
        self.bill(self.agreement)
        with self.assertRaisesRegex(UserError, "Usage is invoiced until 10/31/2026"):
            self.end(date(2026, 10, 30))

    def test_a_day_after_the_agreed_end_is_refused(self):
        self.agreement.date_end = MID_NOVEMBER
        with self.assertRaisesRegex(UserError, "It ends on 11/15/2026 anyway"):
            self.end(date(2026, 11, 16))

    def test_the_end_can_be_taken_back_until_the_final_invoice(self):
        self.fixed.write({"recurring_invoicing_type": "pre-paid", "date_start": NOVEMBER})
        self.bill(self.agreement)
        later = self.fixed.copy({"date_start": date(2027, 1, 1), "recurring_next_date": date(2027, 1, 1), "name": "Later"})
        self.agreement.write({"date_end": END_OF_MARCH, "early_end_percent": 50})
        self.call_on("2026-11-10", "2026-11-20")
        names = ("date_end", "is_canceled", "recurring_next_date")
        before = self.agreement.contract_line_ids.read(names), self.endpoint.date_end, self.agreement.unbilled_amount
        self.end()
        self.assertTrue(later.is_canceled)
        self.assertEqual((self.endpoint.date_end, self.agreement.unbilled_amount), (MID_NOVEMBER, 0.9))
        final = self.bill(self.agreement, date(2026, 11, 16))
        with self.assertRaisesRegex(UserError, "The last period is invoiced"):
            self.agreement.action_take_back_end()
        final.unlink()
        self.agreement.action_take_back_end()
        after = self.agreement.contract_line_ids.read(names), self.endpoint.date_end, self.agreement.unbilled_amount
        self.assertEqual(after, before)
        self.assertEqual((self.agreement.last_day, self.agreement.date_end), (False, END_OF_MARCH))

    def test_a_salesperson_ends_and_takes_back(self):
        self.fixed.write({"recurring_invoicing_type": "pre-paid", "date_start": NOVEMBER})
        self.bill(self.agreement)
        self.call_on("2026-11-20")
        seller = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        wizard = self.env["call.contract.end"].with_user(seller).with_context(active_id=self.agreement.id)
        wizard.create({"last_day": MID_NOVEMBER, "reason": "Closes"}).action_end()
        self.assertEqual(self.agreement.last_day, MID_NOVEMBER)
        self.agreement.with_user(seller).action_take_back_end()
        self.assertFalse(self.agreement.last_day)

    def test_what_is_left_of_an_allowance_expires(self):
        self.plan.allowance_ids = [Command.create({"name": "Included", "unit": "minute", "quantity": 100, "rollover": True})]
        self.call_on("2026-11-10")
        self.bill(self.agreement)
        self.end()
        self.bill(self.agreement, date(2026, 11, 16))
        counters = self.agreement.call_statement_ids.sorted("date_start").counter_ids
        self.assertEqual(counters.mapped("left_text"), ["100", "50, expired with the contract"])
