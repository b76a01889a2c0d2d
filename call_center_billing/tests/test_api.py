"""Other programs load records, by the method itself and through both of Odoo's external APIs."""

from datetime import datetime, timedelta
from xmlrpc.client import Fault, ServerProxy

from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import CallBillingCommon


def call(ref, **values):
    return {
        "record_ref": ref,
        "start": "2026-10-05T10:00:00+02:00",
        "direction": "inbound",
        "called": "+49305550100",
        "disposition": "answered",
        "talk_seconds": 60,
        **values,
    }


class ApiCase(CallBillingCommon):
    def outcomes(self, *records, source=None):
        """(record_ref, outcome, reason) of each."""
        found = (source or self.source).load_records(list(records))
        return [(each["record_ref"], each["outcome"], each["reason"]) for each in found]


class TestApi(ApiCase):
    def test_each_record_gets_its_outcome_in_the_order_they_were_sent(self):
        self.assertEqual(
            self.outcomes(
                call("a"), call("a"), call("b", called="+4930000"), call("c", start="2026-10-05 10:00:00"),
                call("d", kind="message", quantity=2), {"start": "2026-10-05T10:00:00Z"},
            ),
            [
                ("a", "accepted", False),
                ("a", "duplicate", False),
                ("b", "suspended", "no_endpoint"),
                ("c", "refused", "bad_time"),
                ("d", "suspended", "no_rule"),
                (False, "refused", "columns"),
            ],
        )  # fmt: skip
        record = self.source.import_ids
        self.assertEqual((record.delivery, record.state), ("api", "done"))
        self.assertTotals(record, read=6, accepted=1, duplicate=1, suspended=4)
        self.assertEqual(self.calls(record).amount, 0.9)

    def test_the_same_batch_again_is_all_duplicates(self):
        batch = [call("a"), call("b", called="+4930000")]
        self.outcomes(*batch)
        self.assertEqual(self.outcomes(*batch), [("a", "duplicate", False), ("b", "duplicate", False)])
        self.assertEqual(self.contract.call_statement_ids.usage_count, 1)

    def test_a_batch_that_overlaps_one_before_brings_what_is_new(self):
        self.outcomes(call("a"), call("b", called="+4930000"))
        found = self.outcomes(call("b", called="+4930000"), call("a"), call("c"))
        self.assertEqual([outcome for _ref, outcome, _reason in found], ["duplicate", "duplicate", "accepted"])

    def test_a_batch_of_refused_records_only_tells_each_reason(self):
        self.assertEqual(self.outcomes(call("a", talk_seconds="x"), call("b", talk_seconds=-1)),
                         [("a", "refused", "bad_duration"), ("b", "refused", "negative_duration")])  # fmt: skip

    def test_a_seeming_twin_is_suspended_not_refused(self):
        self.source.hold_near_duplicates = True
        twins = [call(ref, caller="+491705550111") for ref in "ab"]
        self.assertEqual(self.outcomes(*twins), [("a", "accepted", False), ("b", "suspended", "near_duplicate")])

    def test_reasons_of_one_batch_are_not_those_of_the_next(self):
        self.outcomes(call("b", called="+4930000"))
        self.assertEqual(self.outcomes(call("a")), [("a", "accepted", False)])

    def test_a_suspended_record_is_recycled_in_its_own_format(self):
        self.outcomes(call("b", called="+4930000"))
        self.make_endpoint("+4930000")
        self.source.import_ids.suspense_ids.action_recycle()
        self.assertTotals(self.source.import_ids, read=1, accepted=1)

    def test_a_batch_that_cannot_be_used_says_what_to_send_instead(self):
        for batch, words in (
            ([{"id": 1}], "'id' is not the name"),
            ({"record_ref": "a"}, "list of objects"),
            (["a"], "list of objects"),
            ([call("a")] * 10_001, "at most 10000"),
            ([call("a", caller="1" * 17_000_000)], "at most 16 MB"),
        ):
            with self.subTest(words), self.assertRaisesRegex(UserError, words):
                self.source.load_records(batch)
        self.assertFalse(self.source.import_ids)

    def test_an_empty_batch_does_nothing(self):
        self.assertEqual(self.source.load_records([]), [])
        self.assertFalse(self.source.import_ids)

    def test_ten_thousand_records_are_one_import(self):
        found = self.source.load_records([call(f"r{n}", talk_seconds=n % 50) for n in range(10_000)])
        self.assertEqual({each["outcome"] for each in found}, {"accepted"})
        self.assertTotals(self.source.import_ids, read=10_000, accepted=10_000)

    def test_only_accountants_of_the_company_load_records(self):
        other = self.env["res.company"].create({"name": "Other"})
        seller = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        stranger = new_test_user(
            self.env, "stranger", groups="call_center_billing.group_manager", company_id=other.id, company_ids=[(6, 0, other.ids)]
        )
        for user in (seller, stranger, self.make_portal_user(self.client, "api_client")):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.source.with_user(user).load_records([call("a")])
        self.assertFalse(self.source.import_ids)


@tagged("post_install", "-at_install")
class TestApiByHttp(HttpCase, ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.biller = new_test_user(cls.env, "api_biller", groups="call_center_billing.group_accountant")
        cls.seller = new_test_user(cls.env, "salesman", groups="call_center_billing.group_sales")

    def json2(self, user, records):
        key = self.env["res.users.apikeys"].with_user(user)._generate("rpc", "test", datetime.now() + timedelta(hours=1))
        return self.url_open(
            "/json/2/call.source/load_records",
            json={"ids": self.source.ids, "records": records},
            headers={"Authorization": f"Bearer {key}"},
        )

    def test_an_accountants_program_loads_records_by_json(self):
        self.assertEqual(
            self.json2(self.biller, [call("a")]).json(), [{"record_ref": "a", "outcome": "accepted", "reason": False}]
        )
        self.assertEqual(self.source.import_ids.create_uid, self.biller)

    @mute_logger("odoo.http")
    def test_another_role_is_refused_by_json(self):
        self.assertEqual(self.json2(self.seller, [call("a")]).status_code, 403)
        self.assertFalse(self.source.import_ids)

    @mute_logger("odoo.http")
    def test_a_wrong_batch_is_refused_by_json_with_words(self):
        answer = self.json2(self.biller, [{"id": 1}])
        self.assertEqual(answer.status_code, 422)
        self.assertIn("is not the name", answer.json()["message"])

    @mute_logger("odoo.http", "odoo.addons.rpc.controllers.xmlrpc")
    def test_the_same_by_xml_rpc(self):
        def load(user):
            with self.allow_requests(all_requests=True):
                return ServerProxy(self.xmlrpc_url + "object").execute_kw(
                    self.env.cr.dbname, user.id, user.login, "call.source", "load_records", [self.source.ids, [call("a")]]
                )

        self.assertEqual(load(self.biller), [{"record_ref": "a", "outcome": "accepted", "reason": False}])
        with self.assertRaises(Fault):
            load(self.seller)
