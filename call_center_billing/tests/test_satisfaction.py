from freezegun import freeze_time

from odoo.fields import Domain
from odoo.tests import new_test_user

from .. import indicators
from .common import NOVEMBER, TODAY, CallBillingCommon


@freeze_time(TODAY)
class TestSatisfaction(CallBillingCommon):
    """Three clients with an October: one is content, one is not, one says nothing; a fourth was not asked."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.owner = new_test_user(cls.env, "owner", groups="call_center_billing.group_sales")
        cls.contracts = cls.contract
        for number in range(3):
            partner = cls.env["res.partner"].create({"name": f"Client {number}", "email": f"{number}@example.com"})
            cls.contracts |= cls.make_contract(partner=partner, user_id=cls.owner.id)
            cls.make_endpoint(f"55{number}", cls.contracts[-1].contract_line_ids)
        cls.import_records(cls.record(), *(cls.record(called=f"55{number}") for number in range(3)))
        cls.contracts._bill_periods(NOVEMBER).action_post()
        content, poor, silent, _unasked = statements = cls.contracts.call_statement_ids.sorted(lambda each: each.contract_id.id)
        (content | poor | silent).sudo().feedback_asked_at = "2026-11-05"
        cls.rate(content, 5, "Fine")
        cls.rate(poor, 1, "Too slow")
        cls.statements = statements

    @classmethod
    def rate(cls, statement, rate, comment):
        token = statement._rating_get_access_token()
        statement.sudo().rating_apply(rate, token=token, feedback=comment, rating=cls.env["rating.rating"])

    def group(self, *measures, by=(), domain=()):
        self.env.flush_all()
        return self.env["call.feedback"]._read_group(Domain(domain), by, measures)

    def test_who_answers_and_how_content_they_are(self):
        ((rate, satisfied, rating),) = self.group("response_rate:avg", "satisfaction:avg", "rating:avg")
        self.assertEqual((round(rate, 1), satisfied, rating), (66.7, 50, 3))
        self.assertEqual(satisfied, indicators.percent(1, 2))

    def test_by_who_looks_after_the_client(self):
        rows = dict(self.group("response_rate:avg", by=["user_id"]))
        self.assertEqual(rows[self.owner], 50)

    def test_by_service_and_a_period_with_two_services_is_one_answer(self):
        other = self.env["product.product"].create({"name": "Voicemail", "type": "service"})
        line = self.contract.contract_line_ids.copy({"contract_id": self.contract.id, "product_id": other.id})
        self.statements[0].charge_ids[0].sudo().copy({"contract_line_id": line.id})
        rows = {product.name: count for product, count in self.group("asked_count:sum", by=["service_ids"])}
        self.assertEqual(rows, {"Answering": 3, "Voicemail": 1})
        self.assertEqual(self.group("asked_count:sum"), [(3,)])

    def test_without_an_answer_there_is_no_satisfaction(self):
        silent = [("answered_count", "=", 0)]
        self.assertEqual(self.group("response_rate:avg", "satisfaction:avg", domain=silent), [(0, False)])
        self.assertEqual(self.group("response_rate:avg", "satisfaction:avg", domain=[("id", "=", 0)]), [(False, False)])

    def test_the_last_answer_counts(self):
        self.rate(self.statements[1], 3, "Better")
        row = self.env["call.feedback"].search([("statement_id", "=", self.statements[1].id)])
        self.assertEqual((row.answer, row.rating, row.asked_count), ("fair", 3, 1))

    def test_it_says_what_the_statement_says(self):
        for row in self.env["call.feedback"].search([]):
            statement = row.statement_id
            self.assertEqual((row.rating, row.answered_count), (statement.rating_last_value, int(statement.is_rated)))
            self.assertEqual(row.comment, statement.rating_ids.filtered("consumed")[:1].feedback or False)
            self.assertEqual(row.action_open()["res_id"], statement.id)

    def test_a_disputed_period_is_marked(self):
        calls = self.env["call.usage.line"].search([("statement_id", "=", self.statements[0].id)])
        reason = self.env.ref("call_center_billing.dispute_reason_other")
        dispute = self.statements[0]._raise_dispute([{"usage_id": call.id} for call in calls], reason)
        self.assertEqual(self.group("disputed_count:sum"), [(1,)])
        dispute.action_withdraw()
        self.assertEqual(self.group("disputed_count:sum"), [(0,)])

    def test_sales_of_another_company_read_nothing(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.owner.company_ids |= other
        Feedback = self.env["call.feedback"].with_user(self.owner)
        self.assertEqual(len(Feedback.search([])), 3)
        self.assertFalse(Feedback.with_context(allowed_company_ids=other.ids).search([]))
