from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from .asterisk import PHONE
from .common import TODAY, CallBillingCommon

NUMBER = "+491705550111"


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestAccessLog(CallBillingCommon):
    """Staff from whom numbers are hidden, as the contract hides 4 digits from its client."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contract.masked_digits = 4
        brought = cls.import_records(
            cls.record(recording_ref="2026/10/a b.wav", group_ref="g-491705550111"), cls.record(called="000")
        )
        cls.call, cls.held = brought.usage_line_ids, brought.suspense_ids
        cls.seller = new_test_user(cls.env, "masked_seller", groups="call_center_billing.group_sales,base.group_allow_export")
        cls.env.ref("call_center_billing.group_sales").implied_ids -= cls.env.ref("call_center_billing.group_whole_numbers")
        cls.seller.group_ids -= cls.env.ref("call_center_billing.group_whole_numbers")
        cls.env.flush_all()
        cls.as_seller = cls.call.with_user(cls.seller)

    def look(self, kind="numbers", user=None, **values):
        Reveal = self.env["call.reveal"].with_user(user or self.seller)
        return Reveal.create({"usage_id": self.call.id, "kind": kind, **values})

    def test_sales_sees_what_the_client_sees_when_it_has_no_right_to_whole_numbers(self):
        self.assertEqual(self.as_seller.display_name, f"+49170555XXXX → {PHONE}0100")
        self.assertEqual(self.as_seller.caller_shown, "+49170555XXXX")
        self.assertNotIn("5550111", str(self.as_seller.read()) + str(self.held.with_user(self.seller).read()))

    def test_nothing_else_tells_the_number(self):
        Calls, Held = self.as_seller.browse(), self.held.with_user(self.seller).browse()
        for attempt in (
            lambda: Calls.search([("caller", "=", NUMBER)]),
            lambda: Calls.search([("caller_e164", "=like", "+49170555011_")]),
            lambda: Calls.search([("group_ref", "ilike", NUMBER[1:])]),
            lambda: Calls.search([], order="caller"),
            lambda: Calls.formatted_read_group([], ["caller"], ["__count"]),
            lambda: self.as_seller.export_data(["caller"]),
            lambda: Held.search([("caller", "=", NUMBER)]),
            lambda: Held.search([("raw", "ilike", NUMBER)]),
            lambda: Held.search([("number_key", "=", "000")]),
            lambda: self.call.import_id.with_user(self.seller).read(["file"]),
            lambda: self.env["call.import"].with_user(self.seller).search([("usage_line_ids.caller", "=", NUMBER)]),
            lambda: self.env["call.import"].with_user(self.seller).search([("suspense_ids.raw", "ilike", NUMBER)]),
            lambda: self.as_seller.action_view_raw(),
        ):
            with self.assertRaises(AccessError):
                attempt()
        self.assertFalse(Calls.search([("caller_shown", "ilike", "0111")]))

    def test_its_views_open_without_the_numbers(self):
        for model in ("call.usage.line", "call.suspense", "call.dispute", "call.dispute.line"):
            views = self.env[model].with_user(self.seller).get_views([(False, "list"), (False, "form"), (False, "search")])
            fields = views["models"][model]["fields"]
            self.assertFalse({"caller", "called", "raw", "recording_ref"} & set(fields), model)

    def test_a_whole_number_is_shown_to_who_said_why_and_that_is_written_down(self):
        look = self.look(reason="The caller asks for a call back")
        self.assertEqual((look.is_shown, look.caller), (False, False))
        look.action_reveal()
        self.assertEqual((look.caller, look.called, look.recording), (NUMBER, PHONE + "0100", False))
        logged = self.env["call.access"].search([("usage_id", "=", self.call.id)])
        told = (logged.user_id, logged.kind, logged.reason, logged.call_text)
        self.assertEqual(told, (self.seller, "numbers", "The caller asks for a call back", f"+49170555XXXX → {PHONE}0100"))

    def test_without_a_reason_nothing_is_shown(self):
        for reason in (False, "  "):
            with self.assertRaises(UserError):
                self.look(reason=reason).action_reveal()
        self.assertFalse(self.env["call.access"].search([("usage_id", "=", self.call.id)]))

    def test_a_look_ends_and_is_of_one_person_one_call_and_one_thing(self):
        self.look(reason="x").action_reveal()
        colleague = new_test_user(self.env, "colleague", groups="call_center_billing.group_sales")
        self.assertFalse(self.look(user=colleague).is_shown)
        self.assertFalse(self.look("recording").is_shown)
        with freeze_time("2026-11-05 10:16:00"):
            self.assertFalse(self.look().is_shown)

    def test_a_recording_is_opened_through_the_same_door_by_everybody(self):
        accountant = new_test_user(self.env, "listener", groups="call_center_billing.group_accountant")
        with self.assertRaises(AccessError):
            self.call.with_user(accountant).read(["recording_ref"])
        self.assertTrue(self.call.with_user(accountant).has_recording)
        self.call.source_id.recording_url = "https://pbx.example.com/get?file={recording}"
        look = self.look("recording", accountant, reason="Dispute D7")
        self.assertFalse(look.recording_url)
        look.action_reveal()
        self.assertEqual(look.recording_url, "https://pbx.example.com/get?file=2026%2F10%2Fa%20b.wav")

    def test_what_a_phone_system_writes_leads_to_no_other_server(self):
        source = self.call.source_id
        for url in ("javascript:{recording}", "https://{recording}", "https://a.{recording}/x", "https://pbx.example.com/"):
            with self.subTest(url), self.assertRaises(ValidationError), self.env.cr.savepoint():
                source.recording_url = url
        source.recording_url = "https://pbx.example.com/{recording}"
        self.assertEqual(source._recording_address("//evil.example/../x"), "https://pbx.example.com/%2F%2Fevil.example%2F..%2Fx")

    def test_what_was_looked_at_is_read_by_managers_and_changed_by_nobody(self):
        self.look(reason="x").action_reveal()
        logged = self.env["call.access"].search([("usage_id", "=", self.call.id)])
        for attempt in (lambda: logged.sudo().write({"reason": "y"}), lambda: logged.sudo().unlink()):
            with self.assertRaises(UserError):
                attempt()
        with self.assertRaises(AccessError):
            logged.with_user(self.seller).read(["reason"])

    def test_clients_and_other_companies_have_no_door(self):
        client = self.make_portal_user(self.client, "masked_client")
        other = self.env["res.company"].create({"name": "Other"})
        there = new_test_user(
            self.env, "there", groups="call_center_billing.group_manager", company_id=other.id, company_ids=[(6, 0, other.ids)]
        )
        for user in (client, there):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.look(user=user, reason="x").action_reveal()
        with self.assertRaises(AccessError):
            self.call.with_user(client).action_show_numbers()
