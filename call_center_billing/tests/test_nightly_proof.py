from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .asterisk import row
from .common import TODAY, CallBillingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestNightlyProof(CallBillingCommon):
    """What is written down of the numbers each night, and who is told when they do not add up."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accountant = new_test_user(cls.env, "prover", groups="call_center_billing.group_accountant")
        cls.env.company.call_proof_user_id = cls.accountant
        cls.brought = cls.import_text(row(talk=61), row(start="2026-10-06 11:00:00", talk=61))
        cls.env["call.count"]._count_due()
        cls.statement = cls.contract.call_statement_ids

    def prove(self):
        """The month of October after a night."""
        self.env.flush_all()
        self.env["call.proof.month"]._prove_company(self.env.company)
        self.env.invalidate_all()
        return self.env["call.proof.month"].search([("date", "=", "2026-10-01"), ("company_id", "=", self.env.company.id)])

    def activities(self, month):
        return month.activity_ids.filtered(lambda activity: activity.user_id == self.accountant)

    def break_by(self, query, *values):
        self.env.flush_all()
        self.env.cr.execute(query, values)
        self.env.invalidate_all()

    def test_a_month_that_adds_up_is_proved_and_nobody_is_told(self):
        month = self.prove()
        self.assertEqual((month.state, month.faults, month.activity_ids.ids), ("proved", False, []))

    def test_one_fault_is_told_once_and_taken_back_when_it_is_gone(self):
        self.break_by("UPDATE call_statement SET usage_amount = usage_amount + 0.01 WHERE id = %s", self.statement.id)
        month = self.prove()
        self.assertEqual(month.state, "wrong")
        self.assertIn("Statements", month.faults)
        told = self.activities(month)
        self.assertEqual(len(told), 1)
        self.assertEqual(self.activities(self.prove()), told)
        self.statement._recount()
        self.assertEqual(self.prove().state, "proved")
        self.assertFalse(self.activities(month))

    def test_what_was_ticked_off_is_not_told_again_but_another_fault_is(self):
        self.break_by("UPDATE call_statement SET usage_count = 3 WHERE id = %s", self.statement.id)
        self.activities(self.prove()).action_feedback()
        month = self.prove()
        self.assertEqual((month.state, len(self.activities(month))), ("wrong", 0))
        self.break_by("UPDATE call_count SET call_count = 7")
        self.assertEqual(len(self.activities(self.prove())), 1)

    def test_each_kind_of_number_that_is_kept_is_looked_at(self):
        self.bill().action_post()
        faults = {
            "Statements": "UPDATE call_statement SET billable_count = 5",
            "performance": "UPDATE call_count SET billed_seconds = billed_seconds + 1",
            "Invoice lines": "UPDATE account_move_line SET amount_currency = amount_currency + 0.01 WHERE call_charge_id IS NOT NULL",
            "not there": "DELETE FROM call_usage_line WHERE date = '2026-10-06'",
            "Money: Difference": "UPDATE call_usage_line SET amount = amount + 1 WHERE date = '2026-10-06'",
        }
        self.assertEqual(self.prove().state, "proved")
        for name, query in faults.items():
            with self.subTest(name), self.cr.savepoint() as savepoint:
                self.break_by(query)
                self.assertIn(name, self.prove().faults)
                savepoint.rollback()
                self.env.invalidate_all(flush=False)

    def test_faults_that_make_up_for_each_other_are_found(self):
        """Two invoice lines, one a cent too high and one a cent too low: the sums agree."""
        other = self.make_contract(name="Other")
        self.make_endpoint("77", other.contract_line_ids)
        self.import_text(row(called="77", talk=61))
        first, second = (self.bill(contract).invoice_line_ids.filtered("call_charge_id") for contract in (self.contract, other))
        for line, cent in ((first, "0.01"), (second, "-0.01")):
            self.break_by("UPDATE account_move_line SET amount_currency = amount_currency + %s WHERE id = %s", cent, line.id)
        self.assertEqual(self.prove().faults.count("\n"), 0)
        self.assertIn("Invoice lines", self.prove().faults)

    def test_what_cannot_have_changed_is_left_alone_but_for_one_month_each_night(self):
        self.bill().action_post()
        self.prove()
        with freeze_time("2027-06-15 03:00:00"):
            self.import_text(row(start="2027-06-01 10:00:00"))
            self.env.flush_all()
            self.cr.execute(
                "UPDATE call_statement SET write_date = '2026-11-05'; UPDATE account_move SET write_date = '2026-11-05'"
            )
            Month = self.env["call.proof.month"]
            months = Month._months(self.env.company)
            self.assertEqual([str(month) for month in months], ["2026-10-01", "2027-05-01", "2027-06-01"])

    def test_a_company_whose_proof_breaks_off_does_not_hold_the_others(self):
        other = self.env["res.company"].create({"name": "Other"})
        proved = []

        def prove(records, company):
            if company == other:
                raise ValueError("broken")
            proved.append(company)

        self.patch(type(self.env["call.proof.month"]), "_prove_company", prove)
        with mute_logger("odoo.addons.call_center_billing.models.call_proof_month"):
            self.patch(type(self.env["ir.cron"]), "_commit_progress", lambda *args, **kwargs: True)
            self.env["call.proof.month"]._cron_prove()
        self.assertIn(self.env.company, proved)

    def test_the_command_prints_each_month_and_what_is_wrong(self):
        self.break_by("UPDATE call_statement SET usage_count = 3 WHERE id = %s", self.statement.id)
        text, is_proved = self.env["call.proof.month"]._report(self.env.company)
        self.assertFalse(is_proved)
        self.assertIn("2026-10  WRONG", text)
        self.assertIn("Statements whose totals are not those of their calls: 1", text)

    def test_it_opens_the_proof_of_its_month(self):
        month = self.prove().with_user(self.accountant)
        proof = self.env["call.proof"].browse(month.action_open_proof()["res_id"])
        self.assertEqual((str(proof.date_from), str(proof.date_to)), ("2026-10-01", "2026-10-31"))

    def test_sales_and_other_companies_see_nothing_of_it(self):
        month = self.prove()
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        with self.assertRaises(AccessError):
            month.with_user(sales).read(["faults"])
        other = self.env["res.company"].create({"name": "Other"})
        there = new_test_user(
            self.env, "there", groups="call_center_billing.group_manager", company_id=other.id, company_ids=[(6, 0, other.ids)]
        )
        self.assertFalse(self.env["call.proof.month"].with_user(there).search([]))

    def test_the_responsible_is_who_was_chosen_else_an_accountant_of_the_company(self):
        self.env.company.call_proof_user_id = False
        user = self.env["call.proof.month"]._responsible(self.env.company)
        self.assertTrue(user.has_group("call_center_billing.group_accountant"))
        self.assertIn(self.env.company, user.company_ids)
