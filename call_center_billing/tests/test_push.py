"""Phone systems post over real HTTP. Waiting for the limit of a minute is not tested, only that it is told."""

import base64
import json
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import SQL, mute_logger

from .asterisk import PHONE
from .common import CallBillingCommon
from .figures import TRIED
from .test_format_freeswitch_json import six_bodies
from .test_format_freeswitch_xml import document
from .test_format_yeastar import event

PUSH_LOG = "odoo.addons.call_center_billing.models.call_push"
IMPORT_LOG = "odoo.addons.call_center_billing.models.call_import"


class PushCase(HttpCase, CallBillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source.write({"format": "normalised_json", "push_enabled": True, "legs": "leg"})
        cls.path = f"/call_center_billing/push/{cls.source.id}"
        cls.secret = cls.source.action_new_push_secret()["params"]["message"]

    def post(self, body, secret=None, source=None, content_type="application/json", query="", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {secret or self.secret}", **headers}
        return self.url_open(
            f"/call_center_billing/push/{(source or self.source).id}{query}",
            data=body,
            headers={"Content-Type": content_type, **{name: value for name, value in headers.items() if value}},
            method="POST",
        )

    def call(self, number=1, **values):
        return {
            "record_ref": f"r{number}",
            "start": f"2026-10-05T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}+02:00",
            "direction": "inbound",
            "caller": "+491705550111",
            "called": "+49305550100",
            "disposition": "answered",
            "talk_seconds": 60,
            **values,
        }

    def run_cron(self, name):
        self.env.ref(f"call_center_billing.{name}").method_direct_trigger()
        self.env.invalidate_all()

    def collect(self):
        """What waits becomes imports, and these are imported."""
        before = self.source.import_ids
        self.run_cron("call_push_cron")
        self.run_cron("call_import_cron")
        return self.source.import_ids - before

    def waiting(self):
        return self.env["call.push"].search([("import_id", "=", False)])


@tagged("post_install", "-at_install")
class TestPush(PushCase):
    def test_what_is_pushed_becomes_one_import_of_rated_calls(self):
        answers = [self.post(self.call(n)).json() for n in (1, 2)] + [self.post([self.call(3), self.call(4)]).json()]
        self.assertEqual(answers, [{"status": "received", "records": n} for n in (1, 1, 2)])
        record = self.collect()
        self.assertEqual((record.state, record.delivery), ("done", "push"))
        self.assertRegex(record.name, r"^push 20\d\d-\d\d-\d\d \d\d-\d\d-\d\d UTC \(3\)\.jsonl$")
        self.assertTotals(record, read=4, accepted=4)
        self.assertFalse(self.waiting())

    def test_of_a_thousand_records_where_every_third_is_repeated_each_counts_once(self):
        self.source.push_per_minute = 2000
        numbers = [n - 1 if n % 3 == 0 else n for n in range(1, 1001)]
        answers = [self.post(self.call(number)).json()["status"] for number in numbers[:100]]
        self.assertEqual((answers.count("received"), answers.count("repeated")), (67, 33))
        self.collect()
        for at in range(100, 1000, 50):
            self.assertEqual(self.post([self.call(number) for number in numbers[at : at + 50]]).status_code, 200)
        self.collect()
        imports = self.source.import_ids
        self.assertEqual((sum(imports.mapped("accepted_count")), sum(imports.mapped("duplicate_count"))), (667, 300))
        self.assertEqual(sum(self.calls(*imports).mapped("talk_seconds")), 667 * 60)
        self.assertAlmostEqual(self.contract.call_statement_ids.usage_amount, 667 * 0.9)

    def test_a_body_that_comes_again_is_received_once_also_after_it_was_imported(self):
        for _i in range(2):
            self.post(self.call())
            self.collect()
        self.assertEqual(self.post(self.call()).json()["status"], "repeated")
        self.assertEqual(len(self.source.import_ids), 1)

    def test_after_an_undo_the_same_body_is_received_again(self):
        self.post(self.call())
        self.collect().action_undo()
        self.assertEqual(self.post(self.call()).json()["status"], "received")
        self.assertTotals(self.collect(), read=1, accepted=1)

    def test_records_that_cannot_be_used_are_suspended_one_by_one(self):
        self.post(self.call(disposition="strange"))
        record = self.collect()
        self.assertEqual((record.state, record.suspense_ids.reason), ("done", "bad_disposition"))

    def test_each_body_that_freeswitch_sends_is_the_same_call(self):
        self.source.format = "freeswitch_json"
        for body, content_type in six_bodies():
            answer = self.post(body.encode(), content_type=content_type, query="?uuid=1")
            self.assertEqual((body[:20], answer.status_code), (body[:20], 200))
        record = self.collect()
        self.assertTotals(record, read=6, accepted=1, duplicate=5)
        self.assertEqual((self.calls(record).talk_seconds, self.calls(record).amount), (60, 0.9))

    def test_freeswitch_xml_is_received_as_text_and_as_a_form(self):
        self.source.format = "freeswitch_xml"
        text = document().encode()
        form = b"cdr=" + base64.b64encode(text)
        for body, content_type in ((text, "text/xml"), (form, "application/x-www-form-urlencoded")):
            self.assertEqual(self.post(body, content_type=content_type).status_code, 200)
        self.assertTotals(self.collect(), read=2, accepted=1, duplicate=1)

    def test_yeastar_events_are_received(self):
        self.source.format = "yeastar"
        for told in ({"cdrid": "1"}, {"cdrid": "2"}, {"cdrid": "2"}, {"cdrid": "3", "status": "MAYBE"}):
            self.assertEqual(self.post(event(didnumber=PHONE + "0100", **told).encode()).status_code, 200)
        self.assertTotals(self.collect(), read=3, accepted=2, suspended=1)

    def test_any_json_is_received_through_a_mapping(self):
        titles = {"record_ref": "id", "start": "call.start", "called": "legs[0].to", "total_seconds": "secs"}
        self.use_mapping(titles)
        for number in (1, 2):
            call = {"id": number, "call": {"start": "2026-10-05T10:00:00+02:00"}, "legs": [{"to": PHONE + "0100"}], "secs": 60}
            self.assertEqual(self.post(call).json(), {"status": "received", "records": 1})
        record = self.collect()
        self.assertTotals(record, read=2, accepted=2)
        self.assertEqual(self.calls(record).mapped("amount"), [0.9, 0.9])

    def test_records_in_an_envelope_are_received_through_a_mapping(self):
        self.use_mapping({"record_ref": "id", "start": "at", "called": "to", "total_seconds": "secs"}, inside="data.calls")
        calls = [{"id": n, "at": f"2026-10-05 10:0{n}:00", "to": PHONE + ("0100" if n else "9999"), "secs": 60} for n in range(3)]
        self.assertEqual(self.post({"ok": True, "data": {"calls": calls}}).status_code, 200)
        self.assertTotals(self.collect(), read=3, accepted=2, suspended=1)

    def use_mapping(self, titles, **values):
        """Read what is pushed through a mapping: meaning -> path in the JSON."""
        lines = [(0, 0, {"position": n, "title": title, "field": field}) for n, (field, title) in enumerate(titles.items(), 1)]
        mapping = self.env["call.mapping"].create({"name": "M", "file_format": "generic_json", "line_ids": lines, **values})
        self.source.write({"format": "generic_json", "mapping_id": mapping.id})


@tagged("post_install", "-at_install")
class TestPushRefused(PushCase):
    def assertRefused(self, response, status, words):
        TRIED["hostile files and bodies that were refused"] += 1
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.json()["status"], "refused")
        self.assertIn(words, response.json()["reason"])
        self.assertFalse(self.waiting())

    def test_the_secret_comes_as_bearer_as_password_or_in_the_address(self):
        basic = base64.b64encode(f"anyone:{self.secret}".encode()).decode()
        for number, way in enumerate(
            ({}, {"Authorization": f"Basic {basic}"}, {"Authorization": None, "query": f"?token={self.secret}"})
        ):
            self.assertEqual(self.post(self.call(number), **way).status_code, 200)

    def test_unknown_source_wrong_secret_and_switched_off_push_answer_the_same(self):
        answers = [self.post(self.call(), secret="wrong"), self.post(self.call(), Authorization=None)]
        answers.append(self.post(self.call(), Authorization="Basic ???"))
        for source_id in (self.source.id + 1000, 10**15):
            answers.append(self.url_open(f"/call_center_billing/push/{source_id}?token={self.secret}", data=b"{}"))
        self.source.push_enabled = False
        answers.append(self.post(self.call()))
        self.source.write({"push_enabled": True, "active": False})
        answers.append(self.post(self.call()))
        for answer in answers:
            self.assertRefused(answer, 401, "Unknown source or wrong secret")
        self.assertEqual(len({answer.text for answer in answers}), 1)
        self.assertIn("Basic", answers[0].headers["WWW-Authenticate"])

    def test_a_source_without_secret_receives_nothing(self):
        other = self.source.copy({"name": "Other", "push_enabled": True})
        for secret in (self.secret, "", "False"):
            self.assertEqual(self.post(self.call(), secret=secret or " ", source=other).status_code, 401)

    def test_a_new_secret_replaces_the_one_before_and_only_managers_make_one(self):
        new = self.source.action_new_push_secret()["params"]["message"]
        self.assertEqual(self.post(self.call()).status_code, 401)
        self.assertEqual(self.post(self.call(), secret=new).status_code, 200)
        biller = new_test_user(self.env, "biller", groups="call_center_billing.group_accountant")
        with self.assertRaises(AccessError):
            self.source.with_user(biller).action_new_push_secret()

    def test_nobody_reads_the_hash_of_the_secret(self):
        self.assertNotIn(self.secret, self.source.sudo().push_secret_hash)
        self.assertNotIn("push_secret_hash", self.source.fields_get())
        with self.assertRaises(AccessError):
            self.source.read(["push_secret_hash"])

    def test_what_was_pushed_is_read_by_managers_of_the_company_only(self):
        self.post(self.call())
        other = self.env["res.company"].create({"name": "Other"})
        manager = {"groups": "call_center_billing.group_manager", "company_id": other.id, "company_ids": [(6, 0, other.ids)]}
        self.assertEqual(len(self.waiting()), 1)
        stranger = new_test_user(self.env, "stranger", **manager)
        biller = new_test_user(self.env, "biller", groups="call_center_billing.group_accountant")
        for model in ("call.push", "call.push.post"):
            self.assertTrue(self.env[model].search([]))
            self.assertFalse(self.env[model].with_user(stranger).search([]))
            with self.assertRaises(AccessError):
                self.env[model].with_user(biller).search([])

    def test_a_body_over_the_limit_is_refused_unread(self):
        self.env["ir.config_parameter"].set_param("call_center_billing.push_max_bytes", "2000")
        self.assertEqual(self.post(self.call()).status_code, 200)
        self.collect()
        self.assertRefused(self.post(self.call(2, caller="1" * 2000)), 413, "too large")
        self.assertRefused(self.post(b"cdr=" + b"x" * 2000, content_type="application/x-www-form-urlencoded"), 413, "too large")
        chunks = iter([json.dumps(self.call(3)).encode() + b"\n"] * 50)  # no Content-Length
        self.assertRefused(self.url_open(f"{self.path}?token={self.secret}", data=chunks), 413, "too large")

    def test_more_posts_than_allowed_in_a_minute_are_put_off(self):
        self.source.push_per_minute = 2
        self.post(self.call(1))
        self.post(self.call(2))
        self.collect()
        answer = self.post(self.call(3))
        self.assertRefused(answer, 429, "More posts")
        self.assertIn(int(answer.headers["Retry-After"]), range(1, 61))

    def test_repeated_and_refused_posts_count_towards_the_limit(self):
        self.source.push_per_minute = 3
        answers = [self.post(body).status_code for body in (self.call(), self.call(), b"<cdr/>", self.call())]
        self.assertEqual(answers, [200, 200, 400, 429])
        self.assertEqual(self.post(self.call(), secret="wrong").status_code, 401)
        self.env.cr.execute("UPDATE call_push_post SET received_at = received_at - interval '61 seconds'")
        self.assertEqual(self.post(self.call()).json()["status"], "repeated")

    def test_a_body_that_is_no_record_is_refused_with_its_reason(self):
        for body, words in ((b"", "empty"), (b"<cdr/>", "not JSON"), (b"[1, 2]", "neither"), (b"[" * 900, "not JSON")):
            with self.subTest(body[:10]):
                self.assertRefused(self.post(body), 400, words)

    def test_a_format_that_is_not_pushed_is_refused(self):
        self.source.format = "asterisk_csv"
        self.assertRefused(self.post(self.call()), 409, "cannot be pushed")

    def test_a_record_in_a_form_is_not_taken_for_parameters_of_the_address(self):
        answer = self.post(b"source_id=1&self=2&token=3", content_type="application/x-www-form-urlencoded")
        self.assertRefused(answer, 400, "not JSON")


@tagged("post_install", "-at_install")
class TestPushInterrupted(PushCase):
    def setUp(self):
        super().setUp()
        self.post(self.call(1))
        self.post(self.call(2))

    def test_a_collection_that_breaks_off_leaves_everything_for_the_next(self):
        with patch.object(self.registry["call.import"], "_enqueue", side_effect=ZeroDivisionError), mute_logger(PUSH_LOG):
            self.run_cron("call_push_cron")
        self.assertEqual(len(self.waiting()), 2)
        self.assertFalse(self.source.import_ids)
        self.assertIn("ZeroDivisionError", self.source.activity_ids.note)
        self.assertTotals(self.collect(), read=2, accepted=2)

    def test_what_arrives_between_collection_and_import_waits_for_the_next(self):
        self.run_cron("call_push_cron")
        self.post(self.call(3))
        self.run_cron("call_import_cron")
        self.assertTotals(self.source.import_ids, read=2, accepted=2)
        self.assertTotals(self.collect(), read=1, accepted=1)

    def test_an_import_that_breaks_off_is_taken_up_again(self):
        with patch.object(self.registry["call.loading"], "_load", side_effect=ZeroDivisionError), mute_logger(IMPORT_LOG):
            record = self.collect()
        self.assertEqual((record.state, record.read_count), ("failed", 0))
        record.action_import()
        self.assertTotals(record, read=2, accepted=2)

    def test_a_large_backlog_becomes_several_imports(self):
        with patch("odoo.addons.call_center_billing.models.call_push.BATCH_BODIES", 1):
            self.assertEqual(self.collect().mapped("read_count"), [1, 1])

    def test_collected_rows_are_forgotten_after_an_hour(self):
        self.collect()
        for table in ("call_push", "call_push_post"):
            self.env.cr.execute(SQL("UPDATE %s SET received_at = received_at - interval '61 minutes'", SQL.identifier(table)))
        self.run_cron("call_push_cron")
        self.assertFalse(self.env["call.push"].search([]) or self.env["call.push.post"].search([]))
