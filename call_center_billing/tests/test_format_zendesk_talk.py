import json

from .. import formats
from .format_case import FormatCase


def call(number=360001, **values):
    return {
        "id": number,
        "created_at": "2026-08-21T09:00:00Z",
        "updated_at": "2026-08-21T09:06:00Z",
        "direction": "inbound",
        "completion_status": "completed",
        "phone_number": "+18005550100",
        "ivr_destination_group_name": "Acme",
        "line": "Acme line",
        "agent_id": 77,
        "customer_id": 88,
        "call_charge": "0.0240",
        "minutes_billed": 6,
        "duration": 349,
        "talk_time": 250,
        "wait_time": 40,
        "hold_time": 30,
        "consultation_time": 12,
        "ivr_time_spent": 9,
        "wrap_up_time": 25,
        "voicemail": False,
        "overflowed": False,
        **values,
    }


class TestZendeskTalk(FormatCase):
    def content(self, *calls):
        return json.dumps({"calls": list(calls), "count": len(calls), "next_page": "https://example.com/?start_time=1"})

    def row(self, *names, **values):
        return self.told(self.content(call(**values)), "zendesk_talk", *names)[0]

    def test_a_call_becomes_a_record(self):
        found = self.one(self.content(call()), code="zendesk_talk")
        expected = {
            "record_ref": "360001",
            "direction": "inbound",
            "disposition": "answered",
            "caller": "",
            "called": "+18005550100",
            "queue": "Acme",
            "agent": "77",
            "start_at": "2026-08-21 09:00:00",
            "version_at": "2026-08-21 09:06:00",
            "queue_seconds": "40",
            "ivr_seconds": "9",
            "talk_seconds": "250",
            "hold_seconds": "18",
            "transfer_seconds": "12",
            "wrap_seconds": "25",
            "total_seconds": "349",
            "provider_cost": "0.024000",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)

    def test_an_updated_call_counts(self):
        late = call(wrap_up_time=90, updated_at="2026-08-21T12:06:00Z")
        told = self.told(self.content(late, call()), "zendesk_talk", "outcome", "wrap_seconds")
        self.assertEqual(told, [("", "90"), ("duplicate", "25")])

    def test_a_duration_without_talk_is_no_talk(self):
        for talk in (0, None):
            with self.subTest(talk):
                quiet = {"talk_time": talk, "hold_time": 0, "consultation_time": 0}
                names = ("disposition", "talk_seconds", "total_seconds")
                self.assertEqual(self.row(*names, **quiet, agent_id=None), ("abandoned", "0", "349"))
                self.assertEqual(self.row(*names, **quiet, agent_id=None, direction="outbound"), ("no_answer", "0", "349"))
                self.assertEqual(self.row(*names, **quiet, agent_id=None, overflowed=True), ("answered", "0", "349"))
                self.assertEqual(self.row(*names, **quiet), ("answered", "0", "349"))

    def test_a_failed_call_has_its_charge(self):
        failed = {"completion_status": "failed", "duration": 0, "talk_time": None, "minutes_billed": 1, "call_charge": "0.0040"}
        self.assertEqual(self.row("disposition", "talk_seconds", "provider_cost", **failed), ("failed", "0", "0.004000"))

    def test_outcomes(self):
        for values, disposition in (
            ({"completion_status": "abandoned_in_queue", "talk_time": 0}, "abandoned"),
            ({"completion_status": "abandoned_in_ivr", "talk_time": 0}, "abandoned"),
            ({"completion_status": "abandoned_in_voicemail", "talk_time": 0}, "voicemail"),
            ({"completion_status": "abandoned_on_hold"}, "answered"),
            ({"voicemail": True, "talk_time": 0}, "voicemail"),
            ({"completion_status": "no-answer", "direction": "outbound", "talk_time": 0}, "no_answer"),
            ({"completion_status": "busy", "direction": "outbound", "talk_time": 0}, "busy"),
        ):
            with self.subTest(values):
                self.assertEqual(self.row("disposition", **values), (disposition,))

    def test_a_call_in_progress_is_ignored(self):
        self.assertEqual(self.row("outcome", completion_status="in-progress", duration=None), ("ignored",))

    def test_what_cannot_be_used_has_its_reason(self):
        for values, reason in (
            ({"id": None}, "columns"),
            ({"direction": None}, "bad_direction"),
            ({"completion_status": "evaporated"}, "bad_disposition"),
            ({"created_at": "2026-13-01T09:00:00Z"}, "bad_time"),
            ({"wait_time": "long"}, "bad_duration"),
            ({"hold_time": -3}, "negative_duration"),
            ({"talk_time": 400}, "talk_longer_than_call"),
        ):
            with self.subTest(values):
                told = self.told(self.content(call(**values), call(1)), "zendesk_talk", "reason")
                self.assertEqual(told, [(reason,), ("",)])

    def test_the_page_of_legs_is_refused_as_a_whole(self):
        with self.assertRaises(formats.ReadError):
            self.records_of('{"legs": [{"id": 1, "call_id": 2, "talk_time": 3}], "count": 1}', "zendesk_talk")
