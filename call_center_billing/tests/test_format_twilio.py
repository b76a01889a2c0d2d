import json
import unittest

from .. import formats
from .format_case import SAMPLES, FormatCase


def call(sid="CA1", **values):
    return {
        "sid": sid,
        "parent_call_sid": None,
        "account_sid": "AC7",
        "status": "completed",
        "direction": "inbound",
        "from": "+12125550101",
        "to": "+18005550100",
        "trunk_sid": None,
        "date_created": "Fri, 21 Aug 2026 09:00:00 +0000",
        "start_time": "Fri, 21 Aug 2026 09:00:01 +0000",
        "end_time": "Fri, 21 Aug 2026 09:01:06 +0000",
        "date_updated": "Fri, 21 Aug 2026 09:01:07 +0000",
        "duration": "65",
        "queue_time": "1500",
        "price": "-0.02000",
        "price_unit": "USD",
        "answered_by": None,
        **values,
    }


class TestTwilio(FormatCase):
    def row(self, *names, **values):
        return self.told(json.dumps({"calls": [call(**values)], "page": 0}), "twilio", *names)[0]

    def test_a_call_becomes_a_record(self):
        found = self.one(json.dumps({"calls": [call()], "next_page_uri": None}), code="twilio")
        expected = {
            "record_ref": "CA1",
            "group_ref": "CA1",
            "direction": "inbound",
            "disposition": "answered",
            "caller": "+12125550101",
            "called": "+18005550100",
            "account_code": "AC7",
            "start_at": "2026-08-21 09:00:01",
            "version_at": "2026-08-21 09:01:07",
            "queue_seconds": "2",
            "talk_seconds": "65",
            "total_seconds": "65",
            "provider_cost": "0.020000",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)

    def test_times_of_the_raw_api_and_of_its_libraries(self):
        for written in ("Fri, 21 Aug 2026 11:00:01 +0200", "2026-08-21T09:00:01Z", "2026-08-21 11:00:01+02:00"):
            self.assertEqual(self.row("start_at", start_time=written), ("2026-08-21 09:00:01",))
        self.assertEqual(self.row("start_at", status="failed", start_time=None), ("2026-08-21 09:00:00",))

    def test_outcomes(self):
        for values, disposition, talk in (
            ({"status": "busy", "duration": "0"}, "busy", "0"),
            ({"status": "no-answer", "duration": None}, "no_answer", "0"),
            ({"status": "canceled", "duration": ""}, "no_answer", "0"),
            ({"status": "failed", "duration": "0"}, "failed", "0"),
            ({"direction": "outbound-api", "answered_by": "machine_end_beep"}, "voicemail", "65"),
            ({"direction": "outbound-api", "answered_by": "human"}, "answered", "65"),
        ):
            with self.subTest(values):
                self.assertEqual(self.row("disposition", "talk_seconds", **values), (disposition, talk))

    def test_a_price_that_is_not_known_yet_is_no_cost(self):
        self.assertEqual(self.row("provider_cost", "outcome", price=None), ("", ""))

    def test_the_rated_version_of_a_call_counts(self):
        content = json.dumps([call(price=None, date_updated="Fri, 21 Aug 2026 09:01:06 +0000"), call()])
        self.assertEqual(self.told(content, "twilio", "outcome", "provider_cost"), [("duplicate", ""), ("", "0.020000")])

    def test_the_dialled_leg_is_a_record_of_the_same_call(self):
        child = {"parent_call_sid": "CA1", "direction": "outbound-dial", "to": "client:anna"}
        content = json.dumps(call()) + "\n" + json.dumps(call("CA2", **child))
        told = self.told(content, "twilio", "record_ref", "group_ref", "direction", "agent")
        self.assertEqual(told, [("CA1", "CA1", "inbound", ""), ("CA2", "CA1", "outbound", "anna")])

    def test_calls_in_progress_are_ignored(self):
        for status in ("queued", "ringing", "in-progress"):
            self.assertEqual(self.row("outcome", status=status, duration=None), ("ignored",))

    def test_what_cannot_be_used_has_its_reason(self):
        for values, reason in (
            ({"sid": None}, "columns"),
            ({"direction": "up"}, "bad_direction"),
            ({"status": "asleep"}, "bad_disposition"),
            ({"start_time": "Fri, 31 Jun 2026 09:00:00 +0000"}, "bad_time"),
            ({"end_time": "Fri, 21 Aug 2026 08:00:00 +0000"}, "end_before_start"),
            ({"duration": "1:05"}, "bad_duration"),
            ({"duration": "-65"}, "negative_duration"),
        ):
            with self.subTest(values):
                told = self.told(json.dumps([call(**values), call("good")]), "twilio", "reason")
                self.assertEqual(told, [(reason,), ("",)])

    def test_another_json_file_is_refused_as_a_whole(self):
        with self.assertRaises(formats.ReadError):
            self.records_of('{"messages": []}', "twilio")

    @unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
    def test_sample(self):
        content = self.sample("twilio", "transcribed_twilio_ruby_calls.json")
        told = self.told(content, "twilio", "start_at", "disposition", "total_seconds", "provider_cost", "outcome")
        self.assertEqual(
            told,
            [
                ("2019-10-18 17:02:00", "voicemail", "4", "0.200000", ""),
                ("2019-10-18 16:02:00", "answered", "3", "0.100000", ""),
                ("2010-08-31 20:36:29", "answered", "15", "0.030000", "duplicate"),  # its id is that of the first
            ],
        )
