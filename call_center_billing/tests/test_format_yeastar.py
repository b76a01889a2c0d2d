import json
import unittest

from ..formats import yeastar
from .format_case import SAMPLES, FormatCase

CALL = {
    "action": "NewCdr",
    "callid": "1791187200.12",  # 2026-10-05 08:00:00 UTC
    "cdrid": "77",
    "timestart": "2026-10-05 10:00:00",
    "callfrom": "02125550101",
    "callto": "201",
    "callduraction": "40",
    "talkduraction": "25",
    "srctrunkname": "Provider",
    "desttrunkname": "",
    "status": "ANSWERED",
    "type": "Inbound",
    "pincode": "4711",
    "recording": "a.wav",
    "didnumber": "30555001",
    "sn": "3690001",
}


def event(*without, **values):
    told = {key: value for key, value in {**CALL, **values}.items() if key not in without}
    return json.dumps(told) + "\n"


class TestYeastar(FormatCase):
    def row(self, *names, without=(), **values):
        return self.told(event(*without, **values), "yeastar", *names)[0]

    def test_an_event_becomes_a_record(self):
        found = self.one(event(), code="yeastar")
        expected = {
            "record_ref": "1791187200.12/77",
            "group_ref": "1791187200.12",
            "direction": "inbound",
            "disposition": "answered",
            "caller": "02125550101",
            "called": "30555001",
            "agent": "201",
            "trunk": "Provider",
            "account_code": "4711",
            "recording_ref": "a.wav",
            "start_at": "2026-10-05 08:00:00",
            "ring_seconds": "15",
            "talk_seconds": "25",
            "total_seconds": "40",
            "outcome": "",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)

    def test_three_spellings_of_the_trunk_and_two_of_the_event(self):
        for name in ("desttrunkname", "dsttrunkname", "dsttrcunkname"):
            with self.subTest(name):
                call = {**json.loads(event("desttrunkname", type="Outbound")), name: "Out"}
                self.assertEqual(self.told(json.dumps(call), "yeastar", "trunk"), [("Out",)])
        self.assertEqual(self.row("outcome", without=("action",), event="NewCdr"), ("",))

    def test_other_events_are_ignored(self):
        others = json.dumps({"event": "CallStatus", "callid": "1", "members": []}) + "\n" + '{"action": "RING"}\n'
        self.assertEqual(self.told(others + event(), "yeastar", "outcome"), [("ignored",), ("ignored",), ("",)])

    def test_statuses(self):
        for status, told in (
            ("ANSWERED", ("answered", "15", "0", "25")),
            ("VOICEMAIL", ("voicemail", "15", "0", "25")),
            ("NO ANSWER", ("no_answer", "15", "25", "0")),
            ("NO ANSWERED", ("no_answer", "15", "25", "0")),
            ("BUSY", ("busy", "15", "25", "0")),
            ("FAILED", ("failed", "15", "25", "0")),
        ):
            with self.subTest(status):
                self.assertEqual(self.row("disposition", "ring_seconds", "queue_seconds", "talk_seconds", status=status), told)

    def test_what_was_waited_before_the_agents_phone_rang_is_queue_time(self):
        self.assertEqual(self.row("ring_seconds", "queue_seconds", agentringtime="4"), ("4", "11"))

    def test_types(self):
        for values, told in (
            ({"type": "Inbound"}, ("inbound", "201")),
            ({"type": "Outbound"}, ("outbound", "02125550101")),
            ({"type": "Internal"}, ("internal", "201")),
            ({"type": "Callback"}, ("outbound", "02125550101")),
            ({"type": "Transfer"}, ("inbound", "201")),
            ({"type": "Transfer", "srctrunkname": "", "dsttrunkname": "Out"}, ("outbound", "02125550101")),
        ):
            with self.subTest(values):
                self.assertEqual(self.row("direction", "agent", **values), told)

    def test_transfers_share_a_call_and_a_repeated_event_is_a_duplicate(self):
        legs = event(cdrid="1") + event(cdrid="2") + event(cdrid="2") + event("cdrid") + event("cdrid", callto="202")
        found = self.told(legs, "yeastar", "group_ref", "outcome")
        self.assertEqual(found, [(CALL["callid"], each) for each in ("", "", "duplicate", "", "")])

    def test_the_hour_that_comes_twice_is_settled_by_the_call_id(self):
        for callid, start in (("1792888200.1", "2026-10-25 00:30:00"), ("1792891800.1", "2026-10-25 01:30:00")):
            with self.subTest(callid):
                self.assertEqual(self.row("start_at", callid=callid, timestart="2026-10-25 02:30:00"), (start,))

    def test_what_cannot_be_used_has_its_reason(self):
        for content, reason in (
            (event("callid"), "columns"),
            (event(timestart=""), "bad_time"),
            (event(callduraction="x"), "bad_duration"),
            (event(callduraction="-4"), "negative_duration"),
            (event(talkduraction="50"), "talk_longer_than_call"),
            (event(status="MAYBE"), "bad_disposition"),
            (event(type="Paging"), "bad_direction"),
            ("5\n", "unreadable"),
            (event()[:90] + "\n", "unreadable"),
        ):
            with self.subTest(reason):
                self.assertEqual(self.told(event() + content, "yeastar", "reason")[-1], (reason,))

    def test_request_bodies_give_their_events(self):
        for content, content_type, count in (
            (event().encode(), "application/json", 1),
            (event().encode("utf-16"), "application/json; charset=utf-16", 1),
            (b"\xef\xbb\xbf" + event().encode(), "", 1),
            (f"[{event()},{event()}]".encode(), "text/plain; charset=UTF-8", 2),
        ):
            with self.subTest(content_type):
                self.assertEqual(yeastar.bodies(content, content_type), [CALL] * count)

    def test_other_request_bodies_are_refused_in_words(self):
        for content, content_type, words in (
            (b"", "application/json", "empty"),
            (b"callid=1", "application/x-www-form-urlencoded", "not JSON; it came as application/x-www-form-urlencoded"),
            (b"\xff\xfe\x00", "application/json", "not JSON"),
            (b"[" * 100000, "application/json", "not JSON"),
            (b"{}", "application/json; charset=klingon", "character set"),
            (b"[]", "application/json", "neither"),
            (b"[1]", "application/json", "neither"),
            (b"null", "application/json", "neither"),
        ):
            with self.subTest(content[:20]), self.assertRaisesRegex(ValueError, words):
                yeastar.bodies(content, content_type)


@unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
class TestYeastarSamples(FormatCase):
    def test_samples(self):
        content = self.sample("yeastar", "s_series_newcdr.jsonl")
        self.assertEqual(
            self.told(content, "yeastar", "direction", "talk_seconds", "trunk", "outcome"),
            [("internal", "2", "", ""), ("outbound", "29", "Apple_test", ""), ("inbound", "29", "Apple_test", "")],
        )
