from datetime import date

from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import tagged

from .asterisk import PHONE
from .common import TODAY
from .test_agreement import AgreementCommon

NEW_YEAR = date(2027, 1, 1)


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestIndexation(AgreementCommon):
    def index(self, contracts=None, **values):
        return self.env["call.indexation"].create(
            {
                "name": "2027",
                "date": NEW_YEAR,
                "percent": 3.0,
                "contract_ids": [Command.set((contracts or self.contract).ids)],
                **values,
            }
        )

    def others(self, number):
        """Contracts of other clients with the same plan, in bulk."""
        partners = self.env["res.partner"].create(
            [{"name": f"Client {n}", "email": "c@example.com", "tz": "Europe/Berlin"} for n in range(number)]
        )
        recurrence = {"recurring_rule_type": "monthly", "recurring_invoicing_type": "post-paid", "date_start": "2026-10-01"}
        line = {"name": "Usage", "product_id": self.product.id, "rate_plan_id": self.plan.id, **recurrence}
        contracts = self.env["contract.contract"].create(
            [
                {
                    "name": "Service",
                    "partner_id": partner.id,
                    "line_recurrence": True,
                    "contract_line_ids": [Command.create(line)],
                }
                for partner in partners
            ]
        )
        self.env["call.endpoint"].create(
            [
                {"kind": "number", "value": f"{PHONE}{n + 2000}", "contract_line_id": each.contract_line_ids.id}
                for n, each in enumerate(contracts)
            ]
        )
        return contracts

    def test_500_contracts_are_prepared_in_one_go_and_undone(self):
        contracts = self.others(500)
        indexation = self.index(contracts)
        indexation.action_prepare()
        self.assertEqual((indexation.prepared_count, indexation.left_out), (500, ""))
        rows = indexation.agreement_ids.change_ids
        self.assertEqual({(row.old_value, row.new_value) for row in rows}, {(0.90, 0.927)})
        self.assertEqual(self.plan.rule_ids.minute_price, 0.90)
        indexation.action_undo()
        self.assertEqual((indexation.state, len(indexation.agreement_ids)), ("draft", 0))

    def test_prices_change_when_each_client_accepts(self):
        contracts = self.contract | self.others(2)
        indexation = self.index(contracts)
        indexation.action_prepare()
        indexation._send_batch(indexation._next_batch())
        self.assertEqual(set(indexation.agreement_ids.mapped("state")), {"offered"})
        mine = indexation.agreement_ids.filtered(lambda a: a.contract_id == self.contract)
        mine._accept(mine.document_hash, "Dr. Drill")
        prices = {c: c.contract_line_ids.rate_plan_id.rule_ids._in_force(NEW_YEAR).minute_price for c in contracts}
        self.assertEqual(list(prices.values()), [0.927, 0.90, 0.90])
        indexation.action_undo()
        self.assertEqual(indexation.agreement_ids, mine)

    def test_by_clause_the_letter_changes_the_prices(self):
        indexation = self.index(consent="clause", note="As agreed in clause 7.")
        indexation.action_prepare()
        indexation.action_send()
        indexation._send_batch(indexation._next_batch())
        agreement = indexation.agreement_ids
        self.assertEqual((agreement.state, agreement.without_signature), ("accepted", True))
        rules = self.line.rate_plan_id.rule_ids
        self.assertEqual([(r.minute_price, r.date_end) for r in rules], [(0.90, date(2026, 12, 31)), (0.927, False)])
        self.assertTrue(agreement.message_ids.filtered("attachment_ids"))

    def test_contracts_that_cannot_change_are_left_out_with_their_reason(self):
        ending, waiting, other = self.others(3)
        ending.date_end = date(2026, 12, 31)
        self.amend(contract_id=waiting.id)
        indexation = self.index(ending | waiting | other)
        indexation.action_prepare()
        self.assertEqual(indexation.agreement_ids.contract_id, other)
        self.assertIn("Client 0, Service: it ends before that day", indexation.left_out)
        self.assertIn("waits for an answer", indexation.left_out)

    def test_one_that_cannot_be_sent_stops_no_other(self):
        contracts = self.others(2)
        contracts[0].partner_id.email = False
        indexation = self.index(contracts)
        indexation.action_prepare()
        indexation._send_batch(indexation._next_batch())
        self.assertIn("no e-mail address", indexation.agreement_ids[-1].send_error or indexation.agreement_ids[0].send_error)
        self.assertEqual(sorted(indexation.agreement_ids.mapped("state")), ["draft", "offered"])
        self.assertFalse(indexation._next_batch())

    def test_fixed_fees_are_indexed_with_the_decimals_of_the_currency(self):
        recurrence = {"recurring_rule_type": "monthly", "recurring_invoicing_type": "post-paid", "date_start": "2026-10-01"}
        fee = {"name": "Fee", "product_id": self.product.id, "price_unit": 199.99, **recurrence}
        self.contract.contract_line_ids = [Command.create(fee)]
        indexation = self.index()
        indexation.action_prepare()
        fees = indexation.agreement_ids.change_ids.filtered(lambda c: c.field_name == "price_unit")
        self.assertEqual((fees.old_value, fees.new_value), (199.99, 205.99))


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestCompare(AgreementCommon):
    def test_two_contracts_side_by_side(self):
        cheap = self.make_plan(minute_price=0.50)
        other = self.make_contract(plan=cheap, partner=self.env["res.partner"].create({"name": "Other", "tz": "Europe/Berlin"}))
        Compare = self.env["call.agreement.compare"].with_context(active_model="contract.contract")
        wizard = Compare.with_context(active_ids=(self.contract | other).ids).create({})
        for words in ("Dental Practice", "Other", "$0.90 per minute", "$0.50 per minute"):
            self.assertIn(words, wizard.comparison)
        self.assertNotIn("Europe/Berlin", wizard.comparison)
        wizard.everything = True
        self.assertIn("Europe/Berlin", wizard.comparison)

    def test_two_documents_side_by_side(self):
        self.accept()
        amendment = self.accept(self.reprice(self.amend(), 1.20))
        Compare = self.env["call.agreement.compare"].with_context(active_model="call.agreement")
        wizard = Compare.with_context(active_ids=(self.agreement | amendment).ids).create({})
        self.assertIn("$1.20 per minute", wizard.comparison)
