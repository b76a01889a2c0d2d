import json

from .. import formats
from .format_case import FormatCase


def old(name="t-1", **values):
    return {
        "interaction_id": name,
        "call_type": "inbound",
        "start_time": "2026-05-10 16:42:24",
        "end_time": "2026-05-10 16:42:38",
        "talkdesk_phone_number": "+18005550100",
        "customer_phone_number": "+12125550101",
        "talk_time": 0.000069444446,
        "waiting_time": 0.00005787037,
        "agent_speed_to_answer": 0.000046296296,
        "holding_time": 0.0,
        "in_business_hours?": "TRUE",
        "transfer?": "No",
        "agent_name": "Anna Example",
        "record": "/recordings/1",
        **values,
    }


def new(name="t-2", **values):
    return {
        "call_id": name,
        "callsid": "CA2",
        "type": "outbound",
        "start_at": "2026-05-11T10:22:26Z",
        "end_at": "2026-05-11T10:22:50Z",
        "talkdesk_phone_number": "+18005550100",
        "contact_phone_number": "+12125550101",
        "user_name": "Bert Example",
        "total_time": 24,
        "talk_time": 20,
        "wait_time": 0,
        "hold_time": 3,
        "abandon_time": 0,
        "total_ringing_time": 0,
        "ring_groups": "agents",
        "is_transfer": False,
        "recording_url": "https://example.com/2",
        **values,
    }


class TestTalkdesk(FormatCase):
    def entries(self, *entries):
        return json.dumps({"type": "calls", "entries": list(entries), "total": len(entries)})

    def test_both_shapes_become_the_same_record(self):
        names = ("record_ref", "start_at", "direction", "caller", "called", "agent", "recording_ref")
        durations = ("ring_seconds", "queue_seconds", "talk_seconds", "hold_seconds", "total_seconds")
        content = self.entries(old(), new())
        self.assertEqual(
            self.told(content, "talkdesk", *names),
            [
                ("t-1", "2026-05-10 16:42:24", "inbound", "+12125550101", "+18005550100", "Anna Example", "/recordings/1"),
                (
                    "t-2",
                    "2026-05-11 10:22:26",
                    "outbound",
                    "+18005550100",
                    "+12125550101",
                    "Bert Example",
                    "https://example.com/2",
                ),
            ],
        )
        self.assertEqual(self.told(content, "talkdesk", *durations), [("4", "1", "6", "0", "11"), ("0", "0", "20", "3", "24")])

    def test_fractions_of_a_day_are_exact_seconds(self):
        for seconds in (0, 1, 59, 3599, 86399):
            self.assertEqual(
                self.told(self.entries(old(talk_time=seconds / 86400)), "talkdesk", "talk_seconds"), [(str(seconds),)]
            )

    def test_types(self):
        for kind, direction, disposition, talk in (
            ("inbound", "inbound", "answered", "20"),
            ("outbound", "outbound", "answered", "20"),
            ("missed", "inbound", "no_answer", "0"),
            ("outbound_missed", "outbound", "no_answer", "0"),
            ("abandoned", "inbound", "abandoned", "0"),
            ("short_abandoned", "inbound", "abandoned", "0"),
            ("voicemail", "inbound", "voicemail", "0"),
        ):
            with self.subTest(kind):
                told = self.told(self.entries(new(type=kind)), "talkdesk", "direction", "disposition", "talk_seconds")
                self.assertEqual(told, [(direction, disposition, talk)])

    def test_the_time_before_a_caller_hung_up(self):
        told = self.told(self.entries(new(type="abandoned", abandon_time=17, talk_time=0)), "talkdesk", "queue_seconds")
        self.assertEqual(told, [("17",)])

    def test_what_cannot_be_used_has_its_reason(self):
        for entry, reason in (
            (new(call_id=None), "columns"),
            (new(type="telepathy"), "bad_direction"),
            (new(start_at="soon"), "bad_time"),
            (new(start_at=None), "bad_time"),
            (new(talk_time=0.000069), "bad_duration"),  # a fraction where seconds are told
            (old(talk_time=6), "bad_duration"),  # seconds where fractions are told
            (old(talk_time="NaN"), "bad_duration"),
            (new(talk_time=-1), "negative_duration"),
            (new(talk_time=600), "talk_longer_than_call"),
            (7, "unreadable"),
        ):
            with self.subTest(reason=reason, entry=entry):
                told = self.told(self.entries(entry, new("good")), "talkdesk", "reason")
                self.assertEqual(told, [(reason,), ("",)])

    def test_another_json_file_is_refused_as_a_whole(self):
        with self.assertRaises(formats.ReadError):
            self.records_of('{"job": {"status": "processing"}}', "talkdesk")
