import base64
from datetime import date

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from ..models.call_agreement import Outdated
from .asterisk import PHONE
from .common import TODAY, CallBillingCommon

SIGNATURE = base64.b64encode(b"\x89PNG not really").decode()
MID_NOVEMBER = date(2026, 11, 16)


class AgreementCommon(CallBillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agreement = cls.env["call.agreement"].create({"contract_id": cls.contract.id})

    def offer(self, agreement=None):
        agreement = agreement or self.agreement
        agreement._offer()
        return agreement

    def accept(self, agreement=None):
        agreement = self.offer(agreement)
        agreement._accept(agreement.document_hash, "Dr. Drill", signature=SIGNATURE, partner=self.client)
        return agreement

    def amend(self, day=MID_NOVEMBER, **values):
        return self.env["call.agreement"].create(
            {"contract_id": self.contract.id, "kind": "amendment", "date_from": day, **values}
        )

    def reprice(self, amendment, price, name="minute_price"):
        """Set a new price of the plan's rule in the list of prices."""
        amendment.action_load_prices()
        amendment.change_ids.filtered(lambda c: c.field_name == name).new_value = price
        return amendment

    def rows(self, terms):
        return {row["label"]: row["value"] for chapter in terms for row in chapter["rows"]}


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestAgreement(AgreementCommon):
    def test_the_document_says_what_is_billed(self):
        rows = self.rows(self.contract._agreement_terms(self.agreement.date_from))
        self.assertEqual(rows["Number"], PHONE + "0100")
        self.assertEqual(
            rows["Inbound calls"].splitlines(),
            [
                "$0.90 per minute, 60/60 seconds",
                "Time that counts: Talk, Hold, Wrap-Up; Charged: Answered",
                "Example: 3:25 minutes of talk on a Thursday at 10:05 costs $3.60",
            ],
        )
        self.assertEqual(rows["Calls are invoiced"], "monthly, in arrears")
        self.assertEqual(rows["Days and hours are those of"], "Europe/Berlin")

    def test_what_is_accepted_stays_with_name_time_and_fingerprints(self):
        agreement = self.accept(self.agreement.with_context(force_report_rendering=True))
        self.assertEqual((agreement.state, agreement.signed_by), ("accepted", "Dr. Drill"))
        self.assertTrue(agreement.document_id.raw.startswith(b"%PDF"))
        self.assertTrue(agreement._is_intact())
        for values in ({"note": "x"}, {"terms": []}, {"state": "draft"}, {"date_from": "2026-12-01"}):
            with self.subTest(values), self.assertRaises(UserError):
                agreement.write(values)
        with self.assertRaises(UserError):
            agreement.unlink()

    def test_a_signed_document_cannot_be_replaced(self):
        agreement = self.accept()
        for values in ({"raw": b"forged"}, {"res_id": 1}):
            with self.subTest(values), self.assertRaises(UserError):
                agreement.document_id.write(values)
        with self.assertRaises(UserError):
            agreement.document_id.unlink()

    def test_what_was_forged_in_the_database_is_found(self):
        agreement = self.accept()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE call_agreement SET terms = jsonb_set(terms::jsonb, '{0,title}', '\"Forged\"') WHERE id = %s", [agreement.id]
        )
        agreement.invalidate_recordset()
        self.assertFalse(agreement._is_intact())

    def test_an_offer_with_gaps_is_refused_with_the_place(self):
        self.line.endpoint_ids.unlink()
        with self.assertRaisesRegex(UserError, "'Usage'"):
            self.offer()
        self.assertEqual(self.agreement.state, "draft")

    def test_an_acceptance_of_another_document_is_refused(self):
        self.offer()
        with self.assertRaises(Outdated):
            self.agreement._accept("0" * 64, "Dr. Drill", signature=SIGNATURE)

    def test_an_offer_is_refused_once_the_configuration_changed(self):
        self.offer()
        self.plan.rule_ids.minute_price = 1.90
        with self.assertRaises(Outdated):
            self.agreement._accept(self.agreement.document_hash, "Dr. Drill", signature=SIGNATURE)
        self.assertEqual(self.agreement.state, "offered")

    def test_an_offer_ends_on_its_last_day(self):
        self.offer()
        self.agreement.flush_recordset()
        with freeze_time("2026-12-24 10:00:00"), self.assertRaises(Outdated):
            self.agreement._accept(self.agreement.document_hash, "Dr. Drill", signature=SIGNATURE)
        with freeze_time("2026-12-24 10:00:00"):
            self.agreement._cron_expire()
        self.assertEqual(self.agreement.state, "expired")

    def test_a_revised_offer_has_another_link_and_fingerprint(self):
        self.offer()
        old = self.agreement.access_token, self.agreement.document_hash
        self.agreement.action_withdraw()
        self.agreement.action_revise()
        self.agreement.note = "Better now"
        self.offer()
        self.assertFalse({self.agreement.access_token, self.agreement.document_hash} & set(old))

    def test_what_differs_from_the_signed_document_is_told(self):
        self.accept()
        self.assertFalse(self.agreement.drift)
        self.plan.rule_ids.increment_next = 6
        self.agreement.invalidate_recordset(["drift"])
        self.assertIn("60/6 seconds", self.agreement.drift)
        self.assertEqual(self.contract.agreement_status, "active")

    def test_a_moved_number_needs_no_signature_but_leaves_a_trace(self):
        self.accept()
        with freeze_time("2026-11-06 10:00:00"):
            self.make_endpoint(PHONE + "0200", date_start="2026-11-07")
        ((moment, text),) = self.agreement._scope_trace()
        self.assertEqual(moment.date(), date(2026, 11, 6))
        self.assertEqual(text, f"Number {PHONE}0200 (Usage, from 11/07/2026) was added")

    def test_several_locations_are_under_one_agreement(self):
        branch = self.env["res.partner"].create({"name": "Branch", "parent_id": self.client.id, "type": "other"})
        other = self.make_contract(partner=branch)
        self.make_endpoint(PHONE + "0300", line=other.contract_line_ids)
        self.agreement.location_ids = other
        self.accept()
        titles = [chapter["title"] for chapter in self.agreement.terms]
        self.assertEqual(sum("Service: Usage" in title for title in titles), 2)
        self.assertEqual(other._signed_agreement(), self.agreement)
        self.assertEqual(other.agreement_status, "active")


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestAmendment(AgreementCommon):
    def test_a_new_price_holds_from_its_day_on_and_both_are_on_the_statement(self):
        self.accept()
        self.import_records(self.record("2026-11-03T10:00:00+01:00", talk=60))
        self.accept(self.reprice(self.amend(), 1.20))
        self.import_records(
            self.record("2026-11-15T23:59:00+01:00", talk=60),
            self.record("2026-11-16T00:00:00+01:00", talk=60),
        )
        self.bill(until=date(2026, 10, 31))
        with freeze_time("2026-12-05"):
            self.bill(until=date(2026, 12, 1))
        self.assertEqual(
            [(unit_price, amount) for _name, _quantity, _unit, unit_price, amount in self.charges()], [(0.90, 1.80), (1.20, 1.20)]
        )

    def test_old_and_new_stand_side_by_side(self):
        amendment = self.offer(self.reprice(self.amend(), 1.20))
        ((title, (row,)),) = amendment._document_values()["changes"][:1]
        self.assertEqual(title, "Service: Usage")
        self.assertEqual(row[1].splitlines()[0], "$0.90 per minute, 60/60 seconds")
        self.assertEqual(row[2].splitlines()[0], "$1.20 per minute, 60/60 seconds")

    def test_nothing_changes_before_it_is_accepted(self):
        before = self.contract._agreement_terms(MID_NOVEMBER)
        self.offer(self.reprice(self.amend(), 1.20))
        self.assertEqual(self.contract._agreement_terms(MID_NOVEMBER), before)
        self.assertEqual(len(self.plan.rule_ids), 1)

    def test_a_plan_that_others_use_stays_as_it_is(self):
        other = self.make_contract(partner=self.env["res.partner"].create({"name": "Other", "tz": "Europe/Berlin"}))
        self.accept(self.reprice(self.amend(), 1.20))
        self.assertEqual(other.contract_line_ids.rate_plan_id, self.plan)
        self.assertEqual(self.plan.rule_ids.mapped("minute_price"), [0.90])
        self.assertNotEqual(self.line.rate_plan_id, self.plan)
        self.assertEqual(self.line.rate_plan_id.rule_ids.mapped("minute_price"), [0.90, 1.20])

    def test_numbers_come_and_go_on_the_day(self):
        amendment = self.amend(
            change_ids=[
                Command.create({"kind": "endpoint_add", "contract_line_id": self.line.id, "endpoint_value": PHONE + "0200"}),
                Command.create({"kind": "endpoint_end", "endpoint_id": self.line.endpoint_ids.id}),
            ]
        )
        self.accept(amendment)
        found = [(e.value, e.date_start, e.date_end) for e in self.line.endpoint_ids.sorted("value")]
        self.assertEqual(found, [(PHONE + "0100", False, date(2026, 11, 15)), (PHONE + "0200", MID_NOVEMBER, False)])

    def test_a_service_gets_another_plan_within_the_month(self):
        other = self.make_plan(minute_price=0.50)
        self.accept(
            self.amend(
                change_ids=[Command.create({"kind": "line_plan", "contract_line_id": self.line.id, "rate_plan_id": other.id})]
            )
        )
        self.import_records(
            self.record("2026-11-15T10:00:00+01:00", talk=60),
            self.record("2026-11-16T10:00:00+01:00", talk=60),
        )
        with freeze_time("2026-12-05"):
            moves = self.bill(until=date(2026, 12, 1))
        november = moves.filtered(lambda m: m.amount_untaxed)
        self.assertEqual(len(november), 1)
        self.assertEqual(sorted(november.invoice_line_ids.filtered("price_unit").mapped("price_unit")), [0.50, 0.90])

    def test_a_fixed_fee_changes_with_the_next_period(self):
        recurrence = {"recurring_rule_type": "monthly", "recurring_invoicing_type": "post-paid", "date_start": "2026-10-01"}
        fee = {"name": "Fee", "product_id": self.product.id, "price_unit": 100.0, **recurrence}
        self.contract.contract_line_ids = [Command.create(fee)]
        self.accept(self.reprice(self.amend(), 110.0, name="price_unit"))
        fees = self.contract.contract_line_ids.filtered(lambda line: not line.rate_plan_id).sorted("date_start")
        self.assertEqual(
            [(line.price_unit, line.date_start, line.date_end) for line in fees],
            [(100.0, date(2026, 10, 1), date(2026, 11, 30)), (110.0, date(2026, 12, 1), False)],
        )

    def test_a_service_is_added_and_its_first_period_is_short(self):
        values = {"kind": "line_add", "product_id": self.product.id, "name": "Chat desk", "rate_plan_id": self.plan.id}
        self.accept(self.amend(change_ids=[Command.create(values)]))
        line = self.contract.contract_line_ids - self.line
        self.assertEqual((line.next_period_date_start, line.next_period_date_end), (MID_NOVEMBER, date(2026, 11, 30)))

    def test_an_amendment_that_changes_nothing_is_refused(self):
        amendment = self.amend()
        amendment.action_load_prices()
        with self.assertRaisesRegex(UserError, "Nothing would change"):
            self.offer(amendment)

    def test_a_day_of_a_closed_period_is_refused(self):
        self.import_records(self.record())
        self.bill(until=date(2026, 11, 1))
        amendment = self.reprice(self.amend(day=date(2026, 10, 20)), 1.20)
        with self.assertRaisesRegex(UserError, "11/01/2026 at the earliest"):
            self.offer(amendment)

    def test_calls_that_are_here_already_are_rated_again(self):
        self.import_records(self.record("2026-11-04T10:00:00+01:00", talk=60))
        self.accept(self.reprice(self.amend(day=date(2026, 11, 4)), 1.20))
        statement = self.contract.call_statement_ids.filtered("usage_count")
        self.assertEqual(statement.usage_amount, 1.20)

    def test_what_is_left_of_an_allowance_goes_on_in_the_own_plan(self):
        self.make_contract(partner=self.env["res.partner"].create({"name": "Other", "tz": "Europe/Berlin"}))
        self.plan.allowance_ids = [Command.create({"name": "included", "quantity": 10, "rollover": True})]
        self.import_records(self.record(talk=240))
        self.bill(until=date(2026, 11, 1))
        self.accept(self.reprice(self.amend(day=date(2026, 11, 1)), 2.00))
        self.import_records(self.record("2026-11-05T09:00:00+01:00", talk=1020))
        with freeze_time("2026-12-05"):
            self.bill(until=date(2026, 12, 1))
        # 10 minutes and 6 carried over from October are free, 1 of the 17 is not.
        self.assertEqual([(q, price) for _n, q, _u, price, amount in self.charges() if amount], [(1.0, 2.00)])

    def test_the_contract_ends_later(self):
        self.contract.date_end = date(2026, 12, 31)
        self.accept(self.amend(new_date_end=date(2027, 12, 31)))
        self.assertEqual((self.contract.date_end, self.line.date_end), (date(2027, 12, 31),) * 2)
