from datetime import date, timedelta

import psycopg2
from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from ..models.call_dispute import STATES, TRANSITIONS
from ..models.call_dispute_line import DOOR
from .asterisk import row
from .common import NOVEMBER, TODAY, CallBillingCommon


class DisputeCase(CallBillingCommon):
    """Three calls of October, 2, 3 and 4 minutes at 0.90, on a posted invoice of 8.10."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reason = cls.env.ref("call_center_billing.dispute_reason_duration")

    def invoice_calls(self, *minutes, **values):
        """Bill calls of so many minutes, one a day."""
        rows = [row(talk=60 * each, start=f"2026-10-{day:02} 10:00:00", **values) for day, each in enumerate(minutes, 5)]
        record = self.import_text(*rows)
        self.invoice = self.bill()
        self.invoice.action_post()
        self.statement = self.invoice.call_statement_ids
        return self.calls(record).sorted("start_at")

    def dispute(self, lines, **values):
        """:param lines: calls, or charges, or what ``_raise_dispute`` takes"""
        if not isinstance(lines, list):
            name = "usage_id" if lines._name == "call.usage.line" else "charge_id"
            lines = [{name: each.id} for each in lines]
        return self.statement._raise_dispute(lines, self.reason, **values)

    def decide(self, dispute, decision="accept", settle="next", **values):
        """Decide all lines alike.

        :return: the difference that was shown before
        """
        for line in dispute.line_ids:
            line.write({"decision": decision, **values})
        wizard = self.env["call.dispute.decide"].browse(dispute.action_decide()["res_id"])
        wizard.settle = settle
        wizard.action_decide()
        self.assertAlmostEqual(wizard.difference, -dispute.credited_amount)
        return wizard.difference


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestDispute(DisputeCase):
    def test_every_transition_is_allowed_or_refused_as_the_table_says(self):
        dispute = self.dispute(self.invoice_calls(2))
        for before, _label in STATES:
            for after, _other in STATES:
                dispute.with_context(call_dispute_door=DOOR).write({"state": before})
                with self.subTest(before=before, after=after):
                    if after in TRANSITIONS[before]:
                        dispute._set_state(after)
                        self.assertEqual(dispute.state, after)
                    else:
                        with self.assertRaisesRegex(UserError, "cannot become"):
                            dispute._set_state(after)

    def test_what_is_contested_of_an_invoice_counts_with_its_taxes(self):
        self.product.taxes_id = self.env["account.tax"].create({"name": "19 %", "amount": 19})
        calls = self.invoice_calls(2, 3, 4)
        one, other = self.dispute(calls[0]), self.dispute(calls[1])
        table = [(one.action_review, 5.36), (lambda: self.decide(one), 5.36), (other.action_withdraw, 2.14)]
        for step, contested in table:  # 1.80 + 2.70 and 0.86; the first one is granted, and not given back yet
            step()
            self.assertEqual(self.invoice._disputed_amounts(), {self.invoice: contested})
        one.adjustment_ids.action_create_move()
        one.adjustment_ids.move_id.action_post()
        self.assertEqual(self.invoice._disputed_amounts(), {})

    def test_nothing_passes_beside_the_door(self):
        dispute = self.dispute(self.invoice_calls(2))
        for values in ({"state": "settled"}, {"disputed_amount": 0}, {"comment": "x"}, {"outcome": "accepted"}):
            with self.subTest(values), self.assertRaises(UserError):
                dispute.with_context(call_dispute_door=True).write(values)
        with self.assertRaises(UserError):
            self.env["call.dispute"].create({"statement_id": self.statement.id})
        with self.assertRaises(UserError):
            dispute.line_ids.amount = 5
        with self.assertRaises(UserError):
            dispute.unlink()

    def test_raised_it_has_number_deadline_activity_and_what_is_at_stake(self):
        calls = self.invoice_calls(2, 3, 4)
        dispute = self.dispute(calls[:2], comment="Not ours", attachments=[("list.txt", b"x")])
        self.assertRegex(dispute.name, r"^D/2026/\d{4}$")
        self.assertEqual((dispute.state, dispute.disputed_amount, dispute.age), ("new", 4.5, 0))
        self.assertEqual(dispute.deadline, date(2026, 11, 15))
        self.assertEqual(dispute.activity_ids.mapped("date_deadline"), [dispute.deadline])
        self.assertEqual(dispute.activity_ids.user_id, dispute.user_id)
        self.assertIn("Not ours", dispute.message_ids.mapped("body")[1])
        self.assertEqual(dispute.message_ids.attachment_ids.mapped("name"), ["list.txt"])

    def test_the_client_is_told_in_its_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.client.lang = "fr_FR"
        template = self.env.ref("call_center_billing.mail_template_dispute_received")
        template.with_context(lang="fr_FR").subject = "{{ object.name }} : bien recu"
        dispute = self.dispute(self.invoice_calls(2))
        self.assertEqual(dispute.message_ids[0].subject, f"{dispute.name} : bien recu")
        self.assertIn(self.client, dispute.message_ids[0].notified_partner_ids)

    def test_being_taken_on_is_told_only_if_the_settings_say_so(self):
        first, second = self.invoice_calls(2, 3)
        for call, told in ((first, 0), (second, 1)):
            self.env.company.call_dispute_review_mail = told
            dispute = self.dispute(call)
            before = len(dispute.message_ids)
            dispute.action_review()
            self.assertEqual((dispute.state, len(dispute.message_ids) - before), ("review", told))

    def test_an_answer_is_due_as_the_settings_say(self):
        self.env.company.call_dispute_days = 3
        self.assertEqual(self.dispute(self.invoice_calls(2)).deadline, date(2026, 11, 8))

    def test_only_within_the_contestation_window(self):
        calls = self.invoice_calls(2)
        self.contract.contestation_days = 30
        with freeze_time("2026-12-01"):
            self.dispute(calls).action_withdraw()
        with freeze_time("2026-12-02"):
            with self.assertRaisesRegex(UserError, "12/01/2026"):
                self.dispute(calls)
            dispute = self.dispute(calls, override="Agreed by phone")
            self.assertEqual(dispute.override_note, "Agreed by phone")

    def test_without_a_limit_always(self):
        calls = self.invoice_calls(2)
        self.contract.contestation_days = 0
        with freeze_time("2029-01-01"):
            self.assertTrue(self.dispute(calls))

    def test_only_of_a_posted_invoice(self):
        self.import_text(row())
        self.statement = self.bill().call_statement_ids
        with self.assertRaisesRegex(UserError, "once their invoice is posted"):
            self.dispute(self.statement.usage_line_ids)

    def test_a_call_is_in_one_open_dispute_only(self):
        first, second = self.invoice_calls(2, 3)
        dispute = self.dispute(first)
        with self.assertRaisesRegex(UserError, f"in dispute {dispute.name} already"):
            self.dispute(first | second)
        dispute._withdraw(self.client, "Found it")
        self.assertTrue(self.dispute(first | second))

    def test_the_database_sees_to_it(self):
        dispute = self.dispute(self.invoice_calls(2))
        with self.assertRaises(psycopg2.errors.UniqueViolation), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            dispute.line_ids.sudo().copy()
            self.env.flush_all()

    def test_a_charge_and_its_calls_are_the_same(self):
        calls = self.invoice_calls(2, 3)
        dispute = self.dispute(self.statement.charge_ids)
        self.assertEqual(dispute.disputed_amount, 4.5)
        for again in (calls[0], self.statement.charge_ids):
            with self.assertRaisesRegex(UserError, "already"):
                self.dispute(again)
        dispute._withdraw(self.client, None)
        self.dispute(calls[0])
        with self.assertRaisesRegex(UserError, "already"):
            self.dispute(self.statement.charge_ids)

    def test_what_cannot_be_disputed(self):
        calls = self.invoice_calls(2)
        other = self.calls(self.import_text(row(start="2026-11-02 10:00:00")))
        free = self.calls(self.import_text(row(start="2026-11-03 10:00:00", disposition="BUSY", talk=0)))
        for lines, text in (
            ([], "Choose"),
            ([{"usage_id": other.id}], "not of"),
            ([{"usage_id": calls.id}, {"usage_id": calls.id}], "twice"),
            ([{"number": "1"}] * 5001, "at most 5000"),
        ):
            with self.subTest(text), self.assertRaisesRegex(UserError, text):
                self.dispute(lines)
        with self.assertRaisesRegex(UserError, "posted"):
            free.statement_id._raise_dispute([{"usage_id": free.id}], self.reason)

    def test_a_call_that_is_not_charged_cannot_be_disputed(self):
        record = self.import_text(row(start="2026-10-20 10:00:00", talk=0, disposition="BUSY"))
        self.invoice_calls(2)
        with self.assertRaisesRegex(UserError, "is not charged"):
            self.dispute(self.calls(record))

    def test_entries_of_the_clients_own_list(self):
        call = self.invoice_calls(2)
        lines = [{"kind": "missing", "number": "+49301", "seconds": 30}, {"kind": "extra", "usage_id": call.id}]
        dispute = self.dispute(lines)
        self.assertEqual(sorted(dispute.line_ids.mapped("kind")), ["extra", "missing"])
        self.assertEqual((dispute.disputed_amount, dispute.line_ids.filtered("number").subject), (1.8, "+49301"))
        self.assertEqual(self.decide(dispute), -1.8)

    def test_a_client_withdraws_it_until_it_is_decided(self):
        first, second = self.invoice_calls(2, 3)
        dispute = self.dispute(first)
        own = dispute.activity_schedule("mail.mail_activity_data_todo", summary="My own")
        dispute._withdraw(self.client, "It was ours")
        self.assertEqual((dispute.state, dispute.activity_ids), ("withdrawn", own))
        self.assertIn("It was ours", dispute.message_ids.filtered(lambda m: m.author_id == self.client).body)
        decided = self.dispute(second)
        self.decide(decided, "reject")
        with self.assertRaisesRegex(UserError, "cannot become"):
            decided._withdraw(self.client, None)

    def test_only_somebody_of_the_client_raises_it(self):
        calls = self.invoice_calls(2)
        child = self.env["res.partner"].create({"name": "Front desk", "parent_id": self.client.id})
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        with self.assertRaises(AccessError):
            self.dispute(calls, partner=stranger)
        self.assertEqual(self.dispute(calls, partner=child).raised_by_id, child)

    def test_the_dialog_raises_it_from_calls_statement_and_invoice(self):
        calls = self.invoice_calls(2, 3)
        charge = self.statement.charge_ids
        for source, ids in ((calls, calls.ids), (self.statement, []), (self.invoice, [])):
            action = source.action_raise_call_dispute() if source == self.invoice else source.action_raise_dispute()
            with Form(self.env["call.dispute.raise"].with_context(**action["context"])) as form:
                self.assertEqual((form.statement_id, form.partner_id), (self.statement, self.client))
                form.reason_id = self.reason
                if not ids:
                    form.charge_ids.add(charge)
            dispute = self.env["call.dispute"].browse(form.record.action_raise()["res_id"])
            self.assertEqual((dispute.disputed_amount, dispute.line_ids.usage_id.sorted("id").ids), (4.5, sorted(ids)))
            dispute.action_withdraw()

    def test_the_dialog_wants_a_note_after_the_window(self):
        calls = self.invoice_calls(2)
        with freeze_time("2027-02-01"):
            values = {"statement_id": self.statement.id, "reason_id": self.reason.id, "usage_ids": [Command.set(calls.ids)]}
            wizard = self.env["call.dispute.raise"].create(values)
            with self.assertRaisesRegex(UserError, "say why"):
                wizard.action_raise()
            wizard.override_note = "Agreed"
            self.assertTrue(wizard.action_raise()["res_id"])

    def test_an_invoice_knows_how_much_of_it_is_disputed(self):
        first, second = self.invoice_calls(2, 3)
        find = self.env["account.move"].search_count
        mine = [("id", "=", self.invoice.id)]
        self.assertEqual((self.invoice.call_dispute_state, self.invoice.call_disputed_amount), (False, 0))
        dispute = self.dispute(first)
        self.assertEqual((self.invoice.call_dispute_state, self.invoice.call_disputed_amount), ("open", 1.8))
        self.assertEqual(find([*mine, ("call_dispute_state", "=", "open")]), 1)
        self.decide(dispute, "reject")
        self.assertEqual((self.invoice.call_dispute_state, self.invoice.call_disputed_amount), ("decided", 0))
        for domain, found in (
            ([("call_dispute_state", "=", "open")], 0),
            ([("call_dispute_state", "!=", "open")], 1),
            ([("call_dispute_state", "=", False)], 0),
            ([("call_dispute_state", "in", ["decided"])], 1),
        ):
            with self.subTest(domain):
                self.assertEqual(find([*mine, *domain]), found)
        self.assertTrue(self.dispute(second))

    def test_it_is_counted_where_people_look(self):
        self.dispute(self.invoice_calls(2))
        counts = [self.statement.dispute_count, self.invoice.call_dispute_count, self.contract.call_dispute_count]
        self.assertEqual([*counts, self.client.call_dispute_count], [1, 1, 1, 1])
        for record in (self.invoice, self.contract, self.client):
            self.assertTrue(record.action_view_call_disputes()["res_id"])

    def test_filters_of_the_list(self):
        dispute = self.dispute(self.invoice_calls(2))
        search = self.env.ref("call_center_billing.call_dispute_view_search")
        arch = self.env["call.dispute"].get_view(search.id, "search")["arch"]
        for name in ("mine", "undecided", "new", "this_week", "overdue", "to_settle", "late"):
            self.assertIn(f'name="{name}"', arch)
        overdue = [("state", "in", ("new", "review")), ("deadline", "<", "today")]
        self.assertFalse(self.env["call.dispute"].search(overdue))
        with freeze_time(dispute.deadline + timedelta(days=1)):
            self.assertEqual(self.env["call.dispute"].search(overdue), dispute)

    def test_sales_raise_it_and_accountants_decide_it(self):
        calls = self.invoice_calls(2)
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        accountant = new_test_user(self.env, "biller", groups="call_center_billing.group_accountant")
        raised = self.statement.with_user(sales)._raise_dispute([{"usage_id": calls.id}], self.reason)
        raised.action_review()
        with self.assertRaises(AccessError):
            raised.line_ids.decision = "accept"
        with self.assertRaises(AccessError):
            raised.action_decide()
        dispute = raised.with_user(accountant)
        dispute.line_ids.decision = "accept"
        dispute._decide("now")
        self.assertEqual((dispute.state, dispute.adjustment_ids.move_id.amount_untaxed), ("accepted", 1.8))

    def test_a_client_reads_its_own_and_writes_nothing(self):
        dispute = self.dispute(self.invoice_calls(2))
        user = self.make_portal_user(self.client, "practice")
        stranger = self.make_portal_user(self.env["res.partner"].create({"name": "Stranger"}), "stranger")
        mine = dispute.with_user(user)
        self.assertEqual((mine.disputed_amount, mine.line_ids.amount), (1.8, 1.8))
        self.assertIn("→", mine.line_ids.subject)
        for values in ({"internal_note": "x"}, {"user_id": False}):
            with self.assertRaises(AccessError):
                mine.write(values)
        with self.assertRaises(AccessError):
            mine.line_ids.decision = "accept"
        self.assertFalse(self.env["call.dispute"].with_user(stranger).search([]))
        self.assertFalse(self.env["call.dispute.line"].with_user(stranger).search([]))

    def test_a_client_raises_it_and_is_answered_by_us(self):
        calls = self.invoice_calls(2)
        client = self.statement.with_user(self.make_portal_user(self.client, "practice"))
        dispute = client._raise_dispute([{"usage_id": calls.id}], self.reason, comment="Look", partner=self.client)
        received, comment = dispute.sudo().message_ids.filtered(lambda m: m.subtype_id == self.env.ref("mail.mt_comment"))
        self.assertEqual((comment.author_id, received.author_id), (self.client, dispute.sudo().user_id.partner_id))
        self.assertIn(self.client, received.notified_partner_ids)
        with self.assertRaises(AccessError):
            client._raise_dispute([{"usage_id": calls.id}], self.reason, partner=self.client, override="Please")
        dispute._withdraw(self.client, "Found it")
        self.assertEqual(dispute.state, "withdrawn")

    def test_a_client_reads_a_decision_when_it_is_made(self):
        dispute = self.dispute(self.invoice_calls(2))
        line = dispute.line_ids
        client = line.with_user(self.make_portal_user(self.client, "practice"))
        line.write({"decision": "correct", "corrected_talk_seconds": 61, "note": "We listened to it"})
        self.assertEqual((client.result, client.answer), (False, False))
        with self.assertRaises(AccessError):
            client.read(["decision"])
        line.corrected_talk_seconds = 60
        dispute._decide()
        self.assertEqual((client.result, client.answer), ("correct", "Right is: Talk 60 s.\nWe listened to it"))

    def test_the_activity_follows_the_responsible(self):
        dispute = self.dispute(self.invoice_calls(2))
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        dispute.user_id = sales
        self.assertEqual(dispute.activity_ids.user_id, sales)

    def test_another_company_sees_nothing_of_it(self):
        self.dispute(self.invoice_calls(2))
        other = self.env["res.company"].create({"name": "Other"})
        user = new_test_user(
            self.env, "other", groups="call_center_billing.group_manager", company_id=other.id, company_ids=[(6, 0, other.ids)]
        )
        self.assertFalse(self.env["call.dispute"].with_user(user).search([]))

    def test_the_form_decides_line_by_line(self):
        dispute = self.dispute(self.invoice_calls(2, 3))
        with Form(dispute) as form, form.line_ids.edit(0) as line:
            line.decision = "accept"
        dispute.action_reject_all()
        self.assertEqual(dispute.line_ids.mapped("decision"), ["accept", "reject"])
        with Form(dispute.line_ids[0], "call_center_billing.call_dispute_line_view_form") as form:
            form.decision = "correct"
            self.assertEqual(form.corrected_talk_seconds, 120)
            form.corrected_talk_seconds = 60
        self.assertEqual(dispute.line_ids[0].corrected_talk_seconds, 60)

    def test_only_november_is_disputed_in_november(self):
        """Late usage belongs to the invoice that it is on."""
        self.invoice_calls(2)
        late = self.calls(self.import_text(row(start="2026-10-20 10:00:00"), row(start=f"{NOVEMBER} 10:00:00")))[0]
        with self.assertRaisesRegex(UserError, "not of"):
            self.dispute(late)
