from freezegun import freeze_time

from odoo import http
from odoo.tests import HttpCase, tagged

from .common import TODAY
from .test_agreement import MID_NOVEMBER, SIGNATURE, AgreementCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPortalAgreement(HttpCase, AgreementCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client_user = cls.make_portal_user(cls.client, "client_user")
        cls.make_portal_user(cls.env["res.partner"].create({"name": "Stranger Ltd"}), "stranger_user")
        cls.agreement._offer()

    def page(self, login=None, token=None):
        self.authenticate(login, login)
        response = self.url_open(f"/my/agreements/{self.agreement.id}" + (f"?access_token={token}" if token else ""))
        return response.text if f"/my/agreements/{self.agreement.id}" in response.url else None

    def answer(self, document=None, token=None, name="Dr. Drill", signature=SIGNATURE):
        """What the page gets when the client signs: an error, or nothing."""
        url = f"/my/agreements/{self.agreement.id}/accept/{document or self.agreement.document_hash}"
        params = {"access_token": token or self.agreement.access_token, "name": name, "signature": signature}
        return self.make_jsonrpc_request(url, params).get("error")

    def test_the_client_reads_and_signs_with_the_link_of_the_mail(self):
        self.assertIn("$0.90 per minute", self.page(token=self.agreement.access_token))
        self.assertIsNone(self.answer())
        self.assertEqual((self.agreement.state, self.agreement.signed_by), ("accepted", "Dr. Drill"))
        self.assertFalse(self.agreement.signing_partner_id)
        self.assertIn("Accepted", self.page(token=self.agreement.access_token))

    def test_the_contract_itself_shows_no_price_of_usage_and_no_markers(self):
        self.contract.contract_line_ids.filtered(lambda line: not line.rate_plan_id)[:1].name = "Line fee, #START# - #END#"
        self.authenticate("client_user", "client_user")
        page = self.url_open(f"/my/contracts/{self.contract.id}").text
        self.assertIn("by usage", page)
        self.assertNotIn("#START#", page)
        document = self.env["ir.qweb"]._render("contract.report_contract_document", {"o": self.contract, "lang": "en_US"})
        self.assertIn("by usage", document)

    def test_a_portal_user_signs_without_a_link(self):
        self.authenticate("client_user", "client_user")
        self.assertIsNone(self.answer())
        self.assertEqual(self.agreement.signing_partner_id, self.client)

    def test_others_neither_read_nor_sign(self):
        for login, token in ((None, None), (None, "stale"), ("stranger_user", None), ("stranger_user", "stale")):
            with self.subTest(login=login, token=token):
                self.assertIsNone(self.page(login, token))
                self.assertTrue(self.answer(token="stale"))
        self.assertEqual(self.agreement.state, "offered")

    def test_a_tampered_or_outdated_acceptance_is_refused(self):
        old = self.agreement.document_hash, self.agreement.access_token
        self.assertIn("changed or answered meanwhile", self.answer(document="0" * 64))
        self.agreement.action_withdraw()
        self.agreement.action_revise()
        self.agreement.note = "Cheaper"
        self.agreement._offer()
        self.assertIn("does not lead to an offer any more", self.answer(*old))
        self.assertIn("changed or answered meanwhile", self.answer(document=old[0]))
        self.assertIsNone(self.answer())
        self.assertIn("changed or answered meanwhile", self.answer())

    def test_a_signature_and_a_name_are_needed(self):
        for values in ({"name": " "}, {"signature": ""}, {"signature": "no base64!"}):
            with self.subTest(values):
                self.assertTrue(self.answer(**values))
        self.assertEqual(self.agreement.state, "offered")

    def test_the_responsible_is_told_when_the_configuration_differs(self):
        self.plan.rule_ids.minute_price = 2.0
        self.assertIn("send you a new offer", self.answer())
        self.answer()
        self.assertEqual(len(self.agreement.activity_ids), 1)

    def test_a_client_declines_with_a_reason(self):
        self.authenticate("client_user", "client_user")
        data = {"csrf_token": http.Request.csrf_token(self), "reason": "<b>Too dear</b>"}
        page = self.url_open(f"/my/agreements/{self.agreement.id}/decline", data=data).text
        self.assertIn("The offer is declined", page)
        self.assertTrue([m for m in self.agreement.message_ids if "&lt;b&gt;Too dear" in m.body])
        self.assertEqual(self.agreement.activity_ids.user_id, self.agreement.user_id)

    def test_drafts_and_withdrawn_offers_are_not_shown(self):
        token = self.agreement.access_token
        self.agreement.action_withdraw()
        self.assertIsNone(self.page("client_user"))
        self.assertIsNone(self.page(token=token))
        self.assertNotIn(self.agreement.name, self.url_open("/my/agreements").text)

    def test_an_amendment_shows_old_and_new(self):
        self.agreement._accept(self.agreement.document_hash, "Dr. Drill", signature=SIGNATURE)
        amendment = self.reprice(self.amend(MID_NOVEMBER), 1.20)
        amendment.action_offer()
        self.authenticate("client_user", "client_user")
        page = self.url_open(f"/my/agreements/{amendment.id}").text
        for words in ("What changes", "Until now", "From 11/16/2026", "$0.90 per minute", "$1.20 per minute"):
            self.assertIn(words, page)
        mail = amendment.message_ids.filtered("attachment_ids")
        self.assertIn("please review and accept", mail.subject)

    def test_the_signed_file_is_what_is_downloaded(self):
        self.agreement._accept(self.agreement.document_hash, "Dr. Drill", signature=SIGNATURE)
        self.authenticate("client_user", "client_user")
        content = self.url_open(f"/my/agreements/{self.agreement.id}?report_type=pdf&download=true").content
        self.assertEqual(content, self.agreement.document_id.raw)
