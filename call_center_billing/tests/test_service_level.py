from datetime import date, datetime, timedelta

from freezegun import freeze_time

from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, tagged

from .common import DECEMBER, TODAY
from .test_pricing_models import PricingCase

JANUARY = date(2027, 1, 1)


class ServiceCase(PricingCase):
    """A fee of 20,000.00, 12 % of it at risk, and calls that were answered or not after some seconds."""

    def agree(self, *terms, rule=None, fee=20000, **more):
        """Give the plan a fee and service levels: 80 % in 20 s, 40 % of 12 %, unless told otherwise."""
        common = {"name": "Service level", "kind": "service_level", "at_risk": 12, "weight": 40}
        fees = [{"name": "Fee", "kind": "fee", "amount": fee}] if fee else []
        self.plan_of(rule or {"call_price": 0}, term_ids=[*fees, *({**common, **term} for term in terms or [{}])], **more)
        return self.plan.term_ids.filtered(lambda term: term.kind == "service_level")

    def serve(self, *groups, month=10, **values):
        """Import calls: groups of (number, outcome, seconds in the queue)."""
        begin, records = datetime.fromisoformat(f"2026-{month}-05T08:00:00+00:00"), []
        for count, outcome, wait in groups:
            for _i in range(count):
                start = (begin + timedelta(seconds=30 * len(records))).isoformat()
                talk = 60 if outcome == "answered" else 0
                call = {"disposition": outcome, "queue_seconds": wait, **values}
                records.append(self.record(start=start, talk=talk, **call))
        return self.import_records(*records)

    def miss(self, month=10, **values):
        return self.serve((7, "answered", 5), (3, "abandoned", 60), month=month, **values)

    def meet(self, month=10, **values):
        return self.serve((9, "answered", 5), (1, "abandoned", 60), month=month, **values)

    def results(self):
        return self.env["call.service.result"].search([("statement_id.contract_id", "=", self.contract.id)], order="id")

    def credits(self):
        """Amounts of credits and bonuses by month."""
        charges = self.contract.call_statement_ids.charge_ids.filtered(lambda c: c.component in ("credit", "bonus"))
        return [(c.statement_id.date_start.month, c.amount) for c in charges.sorted("id")]


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestServiceLevel(ServiceCase):
    """Model 16 of product.md, and its performance indicators."""

    def test_a_missed_target_gives_back_what_was_agreed(self):
        """20,000 x 12 % x 40 % = 960.00."""
        self.agree()
        self.miss()
        self.assertEqual(self.total(), 19040)
        result = self.results()
        self.assertEqual((result.value, result.met, result.base, result.amount), (70, "no", 20000, -960))
        text = "agreed 80 %: missed, 20,000.00 x 12 % x 40 % = 960.00"
        self.assertIn(text, result.explanation.replace("\xa0", " "))
        name = "Answering, Service level: credit for 70.0 %, agreed 80 %, 10/01/2026 - 10/31/2026"
        self.assertEqual(self.contract.call_statement_ids.charge_ids[-1].name.replace("\xa0", " "), name)

    def test_several_targets_give_back_no_more_than_what_is_at_risk(self):
        """Cap 2,400.00: 960.00 + 1,200.00 + what is left, 240.00."""
        self.agree({}, {"name": "Speed", "indicator": "answer_speed", "target": 4, "weight": 50}, {"name": "Third", "weight": 50})
        self.miss()
        self.assertEqual(self.total(), 17600)
        self.assertEqual(self.results().mapped("amount"), [-960, -1200, -240])
        self.assertTrue(self.results()[2].explanation.endswith("= 1,200.00, limited to 240.00"))

    def test_all_credits_together_are_never_more_than_the_base(self):
        self.agree({"at_risk": 60, "weight": 100}, {"name": "Second", "at_risk": 70, "weight": 100})
        self.miss()
        self.assertEqual(self.total(), 0)
        self.assertEqual(self.credits(), [(10, -12000), (10, -8000)])

    def test_the_four_variants_on_the_same_calls(self):
        """82.7, 81.1, 83.0, 86 %: of 1,000 calls 811 were answered in time, 132 later, 19 abandoned in time, 38 later."""
        self.agree(*({"name": each, "variant": each} for each in ("late", "offered", "short", "answered")))
        self.serve((811, "answered", 20), (132, "answered", 21), (19, "abandoned", 20), (38, "abandoned", 21))
        self.bill()
        values = [text.replace("\xa0", " ") for text in self.results().mapped("value_text")]
        self.assertEqual(values, ["82.7 %", "81.1 %", "83.0 %", "86.0 %"])
        self.assertIn("830 of 1,000 offered calls", self.results()[2].explanation)
        self.assertTrue(all(text.endswith("agreed 80\xa0%: met") for text in self.results().mapped("explanation")))

    def test_the_other_indicators(self):
        """Waiting is queue and ringing, not the menu of an IVR; handling is talk, hold and wrap-up."""
        speed, handling, abandoned = (
            {"name": each, "indicator": each, "target": 9, "threshold_seconds": 5}
            for each in ("answer_speed", "handling_time", "abandonment")
        )
        self.agree(speed, handling, abandoned)
        self.serve((2, "answered", 4), ring_seconds=3, ivr_seconds=50, hold_seconds=10, wrap_seconds=20)
        self.serve((1, "abandoned", 5), (2, "abandoned", 6), (1, "voicemail", 9), (4, "failed", 0))
        self.bill()
        self.assertEqual([round(value, 3) for value in self.results().mapped("value")], [7, 90, 40])
        self.assertEqual(self.results().mapped("met"), ["yes", "no", "no"])

    def test_who_gave_up_has_waited_as_long_as_the_call_lasted(self):
        """A phone system that tells nothing but how long it was."""
        self.agree({"variant": "short"})
        self.serve((1, "abandoned", 0), total_seconds=20)
        self.serve((1, "abandoned", 0), total_seconds=60)
        self.bill()
        self.assertEqual((self.results().abandoned, self.results().abandoned_in_time), (2, 1))

    def test_without_calls_nothing_is_missed(self):
        self.agree()
        self.assertEqual(self.total(), 20000)
        self.assertEqual((self.results().met, self.results().explanation), ("none", "No calls to measure"))

    def test_with_too_few_calls_nothing_is_missed(self):
        self.agree({"minimum_calls": 11})
        self.miss()
        self.assertEqual(self.total(), 20000)
        self.assertEqual((self.results().met, self.results().offered), ("none", 10))
        self.assertEqual(self.results().explanation, "10 calls, fewer than 11: not measured")

    def test_only_inbound_calls_of_the_period_count(self):
        self.agree()
        self.make_endpoint("acme", kind="account_code")
        self.meet()
        self.serve((9, "abandoned", 60), direction="outbound", account_code="acme")
        self.bill()
        self.miss()
        self.meet(month=11)
        self.bill(until=DECEMBER)
        self.assertEqual(self.results().mapped("offered"), [10, 10])
        self.assertEqual(self.results().mapped("met"), ["yes", "yes"])

    def test_a_call_in_several_records_counts_once_however_it_is_charged(self):
        """Two phones ring, the second one answers and hands over: one call, answered after 12 s, handled for 70 s."""
        self.agree()
        for month, legs in zip((10, 11, 12), ("call", "agent", "leg"), strict=True):
            source = self.serve((1, "answered", 5), month=month).source_id
            source.legs = legs
            common = {"group_ref": legs, "ring_seconds": 12}
            self.import_records(
                self.record(f"2026-{month}-06T10:00:00+00:00", 0, agent="a", disposition="no_answer", **common),
                self.record(f"2026-{month}-06T10:00:01+00:00", 30, agent="b", **common),
                self.record(f"2026-{month}-06T10:00:43+00:00", 40, agent="c", **common),
            )
        self.bill(until=JANUARY)
        names = ("offered", "answered", "answered_in_time", "wait_seconds", "handling_seconds")
        self.assertEqual([tuple(result[name] for name in names) for result in self.results()], [(2, 2, 2, 17, 130)] * 3)

    def test_a_call_that_came_again_counts_once(self):
        self.agree({"minimum_calls": 2})
        record = self.record(disposition="abandoned", talk=0, queue_seconds=60)
        self.import_records(record)
        self.import_records(record | {"disposition": "answered", "talk_seconds": 60})
        self.bill()
        self.assertEqual((self.results().offered, self.results().answered), (1, 1))

    def test_a_service_level_of_one_queue(self):
        self.agree({"queue": " Support "}, {"name": "Other", "campaign": "spring"})
        self.meet(queue="SUPPORT", campaign="autumn")
        self.miss(queue="sales", campaign="Spring")
        self.bill()
        self.assertEqual(self.results().mapped("value"), [90, 70])

    def test_what_is_passed_through_is_no_base(self):
        """1,000.00 of fee, 7 x 10.00 of usage, and 800.00 that are missing to a minimum of 2,500.00; not the 7 x 90.00 of the
        provider, which count for the minimum."""
        self.agree(fee=1000, rule={"call_price": 10})
        self.plan.rule_ids = [Command.create({"name": "Abroad", "queue": "abroad", "source": "cost", "sequence": 9})]
        self.plan.term_ids = [Command.create({"name": "Minimum", "kind": "minimum", "amount": 2500})]
        self.miss()
        self.miss(queue="abroad", provider_cost=90)
        self.assertEqual(self.total(), 2500 - 89.76)
        self.assertEqual(self.results().base, 1870)

    def test_a_credit_does_not_raise_the_minimum(self):
        """Usage 50.00 and a minimum of 100.00: the credit is of 100.00, and stays."""
        self.agree({"at_risk": 10, "weight": 100}, fee=0, rule={"call_price": 5})
        self.plan.term_ids = [Command.create({"name": "Minimum", "kind": "minimum", "amount": 100, "sequence": 99})]
        self.miss()
        self.assertEqual(self.total(), 90)

    def test_a_bonus(self):
        self.agree({"bonus_target": 90})
        self.meet()
        self.assertEqual(self.total(), 20960)
        self.assertIn("bonus from 90 % reached, 20,000.00 x", self.results().explanation.replace("\xa0", " "))

    def test_a_result_just_below_its_target_is_not_shown_as_the_target(self):
        self.agree({"target": 79.99})
        self.serve((7998, "answered", 1), (2002, "abandoned", 60))
        self.bill()
        self.assertEqual((self.results().value_text, self.results().met), ("79.98\xa0%", "no"))

    def test_a_credit_is_earned_back_once_after_two_periods_in_a_row(self):
        self.agree({"earn_back_periods": 2})
        self.miss()
        self.meet(month=11)
        self.meet(month=12)
        self.bill(until=date(2027, 3, 1))
        self.assertEqual(self.credits(), [(10, -960), (12, 960)])
        october, _november, december, january, _february = self.results()
        self.assertEqual((october.earned_back_id, january.met), (december, "none"))
        name = "Answering, Service level: credit of 10/01/2026 - 10/31/2026 earned back, 12/01/2026 - 12/31/2026"
        self.assertIn(name, self.contract.call_statement_ids.charge_ids.mapped("name"))

    def test_a_period_without_calls_neither_helps_nor_harms(self):
        self.agree({"earn_back_periods": 1})
        self.miss()
        self.meet(month=12)
        self.bill(until=JANUARY)
        self.assertEqual(self.credits(), [(10, -960), (12, 960)])

    def test_a_credit_after_which_the_target_is_missed_again_stays(self):
        self.agree({"earn_back_periods": 2})
        self.miss()
        self.meet(month=11)
        self.miss(month=12)
        self.bill(until=date(2027, 3, 1))
        self.assertEqual(self.credits(), [(10, -960), (12, -960)])

    def test_deleting_the_draft_gives_all_of_it_back(self):
        self.agree({"earn_back_periods": 1})
        self.miss()
        self.meet(month=11)
        moves = self.bill(until=DECEMBER)
        moves[-1].unlink()
        self.assertEqual(self.credits(), [(10, -960)])
        self.assertEqual((len(self.results()), self.results().earned_back_id), (1, self.results().browse()))
        self.bill(until=DECEMBER)
        self.assertEqual(self.credits(), [(10, -960), (11, 960)])

    def test_rating_again_without_a_change_adjusts_nothing(self):
        self.agree({"earn_back_periods": 1, "bonus_target": 90})
        self.miss()
        self.meet(month=11)
        self.bill(until=DECEMBER).action_post()
        values = {"contract_ids": [Command.set(self.contract.ids)], "include_billed": True, "reason": "Trial"}
        wizard = self.env["call.rerate"].create(values)
        wizard.action_preview()
        self.assertEqual(self.credits(), [(10, -960), (11, 960), (11, 960)])
        self.assertEqual((wizard.call_count, len(wizard.line_ids)), (20, 0))

    def test_one_service_level_for_the_contract_as_a_whole(self):
        self.agree({"scope": "contract"}, fee=1000)
        other = self.line.copy({"contract_id": self.contract.id})
        self.make_endpoint("49305550200", other)
        self.meet()
        self.serve((10, "abandoned", 60), called="49305550200")
        self.assertEqual(self.total(), 2000 - 96)
        self.assertEqual((self.results().offered, self.results().base, self.results().name), (20, 2000, "Service level"))
        self.assertFalse(self.results().contract_line_id)

    def test_a_simulation_counts_credits_and_keeps_nothing(self):
        """Today 20,000.00 and no promise; the other plan costs 20,500.00 and gives 984.00 back, once earned back."""
        self.agree({"active": False})
        other = self.plan.copy({"name": "Promise"})
        other.term_ids.filtered(lambda term: term.kind == "fee").amount = 20500
        other.term_ids = [
            Command.create({"name": "80/20", "kind": "service_level", "at_risk": 12, "weight": 40, "earn_back_periods": 2})
        ]
        self.miss()
        self.meet(month=11)
        values = {"contract_id": self.contract.id, "plan_ids": [Command.set(other.ids)], "date_from": "2026-10-01"}
        simulation = self.env["call.simulation"].create(values | {"date_to": "2026-11-30"})
        simulation.action_simulate()
        self.assertEqual(simulation.result_ids.mapped("total"), [40000, 41000 - 984])
        other.term_ids.earn_back_periods = 1
        simulation.action_simulate()
        self.assertEqual(simulation.result_ids.mapped("total"), [40000, 41000])
        self.assertFalse(self.results())

    def test_the_best_plan_is_chosen_with_its_credit(self):
        self.agree({"active": False})
        other = self.plan.copy({"name": "Promise"})
        other.term_ids.filtered(lambda term: term.kind == "fee").amount = 20500
        other.term_ids = [Command.create({"name": "80/20", "kind": "service_level", "at_risk": 12, "weight": 40})]
        self.line.alternative_plan_ids = other
        self.miss()
        self.assertEqual(self.total(), 20500 - 984)

    def test_what_cannot_be_agreed(self):
        for values, words in (
            ({"target": 0}, "needs the target"),
            ({"target": 101}, "no more than 100 %"),
            ({"threshold_seconds": 0}, "needs the seconds"),
            ({"bonus_target": 80}, "better than the target"),
            ({"indicator": "answer_speed", "target": 20, "bonus_target": 30}, "better than the target"),
        ):
            with self.subTest(words), self.assertRaisesRegex(ValidationError, words):
                self.agree(values)

    def test_the_form_tells_what_is_agreed(self):
        self.agree()
        with Form(
            self.env["call.rate.term"].with_context(default_plan_id=self.plan.id), "call_center_billing.call_rate_term_view_form"
        ) as form:
            form.name = "80/20"
            form.kind = "service_level"
            form.at_risk = 12
            form.weight = 40
            self.assertEqual(
                form.agreed.replace("\xa0", " "), "80 % of the calls answered within 20 s; else 12 % x 40 % are given back"
            )

    def test_new_prices_leave_service_levels_alone(self):
        self.agree()
        wizard = self.env["call.rate.change"].create({"plan_id": self.plan.id, "date": "2026-12-01"})
        self.assertEqual(wizard.term_ids.mapped("kind"), ["fee"])


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestServiceLevelPortal(HttpCase, ServiceCase):
    def setUp(self):
        super().setUp()
        self.user = self.make_portal_user(self.client, "client_user")
        stranger = self.env["res.partner"].create({"name": "Stranger Ltd"})
        self.stranger = self.make_portal_user(stranger, "stranger_user")
        self.agree()
        self.miss()
        self.move = self.bill()

    def test_a_client_sees_how_its_credit_came_about(self):
        self.move.action_post()
        self.authenticate("client_user", "client_user")
        page = self.url_open(f"/my/statements/{self.move.call_statement_ids.id}").text.replace("\xa0", " ")
        for words in (
            "Service levels",
            "7 of 10 calls answered within 20 s = 70.0 %",
            "20,000.00 x 12 % x 40 % = 960.00",
            ">Missed<",
        ):
            self.assertIn(words, page)

    def test_the_document_has_it_as_well(self):
        report = self.env["ir.actions.report"]
        action = "call_center_billing.call_statement_report_action"
        html = report._render_qweb_html(action, self.move.call_statement_ids.ids)[0].decode().replace("\xa0", " ")
        self.assertIn("agreed 80 %: missed, 20,000.00 x 12 % x 40 % = 960.00", html)
        self.results().sudo().unlink()
        self.assertNotIn("Service levels", report._render_qweb_html(action, self.move.call_statement_ids.ids)[0].decode())

    def test_a_client_reads_its_own_results_and_another_none(self):
        result = self.env["call.service.result"]
        self.assertFalse(result.with_user(self.user).search([]))
        self.move.action_post()
        self.assertEqual(result.with_user(self.user).search([]).mapped("amount"), [-960])
        self.assertFalse(result.with_user(self.stranger).search([]))

    def test_an_accountant_sees_it_on_the_statement(self):
        form = Form(self.move.call_statement_ids, "call_center_billing.call_statement_view_form")
        self.assertEqual(len(form.service_result_ids), 1)
