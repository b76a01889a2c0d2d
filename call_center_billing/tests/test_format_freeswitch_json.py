"""FreeSWITCH's JSON records, in files and in the bodies of posts."""

import base64
import doctest
import json
import unittest
from urllib.parse import quote

from .. import formats
from ..formats import freeswitch_variables
from ..formats.freeswitch_json import bodies
from .format_case import SAMPLES, FormatCase

CODE = "freeswitch_json"
START = 1791187200  # 2026-10-05 08:00:00 UTC


def leg(variables=None, encode=False, **profile):
    """A record of a call that rang 5 s, was answered and bridged, and ended after 65 s. None removes a variable."""
    told = {
        "direction": "inbound",
        "uuid": "aaaa-1",
        "call_uuid": "aaaa-1",
        "bridge_uuid": "bbbb-1",
        "accountcode": "acme",
        "start_stamp": "2026-10-05 10:00:00",
        "start_epoch": str(START),
        "answer_epoch": str(START + 5),
        "bridge_epoch": str(START + 5),
        "end_epoch": str(START + 65),
        "duration": "65",
        "billsec": "60",
        "hold_accum_seconds": "0",
        "hangup_cause": "NORMAL_CLEARING",
        "last_app": "bridge",
        "rtp_audio_in_mos": "4.50",
        "caller_id": '"Anna" <+491705550111>',
    } | (variables or {})
    told = {name: quote(each, safe="/,") if encode else each for name, each in told.items() if each is not None}
    caller = {"caller_id_number": "+491705550111", "destination_number": "49305550100", "context": "public"} | profile
    return {
        "core-uuid": "c0",
        "variables": told,
        "callflow": [{"caller_profile": caller | {"destination_number": "201"}}, {"caller_profile": caller}],
    }


class TestFreeswitchJson(FormatCase):
    def told_legs(self, names, *legs, **options):
        return self.told("\n".join(json.dumps(each) for each in legs), CODE, *names, **options)

    def test_a_leg_becomes_a_record(self):
        names = ("record_ref", "group_ref", "start_at", "direction", "caller", "called", "account_code", "quality", "disposition")
        self.assertEqual(
            self.told_legs(names, leg()),
            [("aaaa-1", "aaaa-1", "2026-10-05 08:00:00", "inbound", "+491705550111", "49305550100", "acme", "4.50", "answered")],
        )

    def test_time_is_what_the_caller_met(self):
        queue = {"cc_queue": "sales@acme", "cc_side": "member", "cc_agent": "anna@acme", "cc_queue_joined_epoch": str(START + 15)}
        cases = (  # ring, queue, ivr, talk, hold
            ({}, "answered", (5, 0, 0, 60, 0)),
            ({"bridge_epoch": str(START + 25)}, "answered", (5, 0, 20, 40, 0)),
            ({"hold_accum_seconds": "50"}, "answered", (5, 0, 0, 10, 50)),
            ({"hold_accum_seconds": "70"}, "answered", (5, 0, 0, 0, 60)),
            ({"answer_epoch": "0", "bridge_epoch": "0", "billsec": "0"}, "no_answer", (65, 0, 0, 0, 0)),
            ({"answer_epoch": "0", "bridge_epoch": "0", "hangup_cause": "USER_BUSY"}, "busy", (65, 0, 0, 0, 0)),
            ({"answer_epoch": None, "bridge_epoch": None, "hangup_cause": "GATEWAY_DOWN"}, "failed", (65, 0, 0, 0, 0)),
            ({"bridge_epoch": "0", "last_app": "playback"}, "abandoned", (5, 0, 60, 0, 0)),
            ({"bridge_epoch": "0", "last_app": "voicemail"}, "voicemail", (5, 0, 0, 60, 0)),
            ({"bridge_epoch": "0", "last_app": "conference"}, "answered", (5, 0, 0, 60, 0)),
            ({"bridge_epoch": "0", "hangup_cause": "USER_BUSY"}, "busy", (5, 0, 60, 0, 0)),
            ({"bridge_epoch": "0", "direction": "outbound", "last_app": ""}, "answered", (5, 0, 0, 60, 0)),
            (queue | {"cc_queue_answered_epoch": str(START + 35)}, "answered", (5, 20, 10, 30, 0)),
            (queue | {"cc_queue_canceled_epoch": str(START + 55), "bridge_epoch": "0"}, "abandoned", (5, 40, 20, 0, 0)),
            (queue | {"bridge_epoch": "0"}, "abandoned", (5, 50, 10, 0, 0)),
            (
                queue | {"cc_queue_canceled_epoch": str(START + 35), "bridge_epoch": str(START + 45)},
                "answered",
                (5, 20, 20, 20, 0),
            ),
            (queue | {"cc_side": "agent"}, "answered", (5, 0, 0, 60, 0)),
        )
        legs = [leg({"uuid": f"u{i}"} | variables) for i, (variables, *_told) in enumerate(cases)]
        parts = ("ring_seconds", "queue_seconds", "ivr_seconds", "talk_seconds", "hold_seconds")
        told = self.told_legs(("disposition", *parts), *legs)
        self.assertEqual(told, [(word, *map(str, seconds)) for _variables, word, seconds in cases])

    def test_queue_and_agent_are_named(self):
        queue = {"cc_queue": "sales@acme", "cc_agent": "anna@acme", "cc_queue_joined_epoch": str(START + 5)}
        found = self.told_legs(
            ("queue", "agent"),
            leg(queue | {"cc_queue_answered_epoch": str(START + 9)}),
            leg(queue | {"uuid": "2", "bridge_epoch": "0"}),
        )
        self.assertEqual(found, [("sales", "anna@acme"), ("sales", "")])

    def test_legs_are_joined_to_the_callers(self):
        legs = [
            leg({"uuid": "bbbb-1", "call_uuid": "aaaa-1", "direction": "outbound"}),
            leg({"uuid": "bbbb-2", "originating_leg_uuid": "aaaa-1", "call_uuid": "bbbb-2", "direction": "outbound"}),
            leg({"uuid": "bbbb-3", "cc_member_session_uuid": "aaaa-1"}),
            leg({"uuid": "cccc-1", "call_uuid": None, "direction": "outbound"}),
        ]
        self.assertEqual(
            self.told_legs(("group_ref", "direction"), *legs),
            [("aaaa-1", "inbound")] * 3 + [("cccc-1", "outbound")],
        )

    def test_direction_is_the_calls(self):
        legs = [leg({"uuid": "1"}, context="Out"), leg({"uuid": "2", "call_direction": "local"}), leg({"uuid": "3"}, context="x")]
        self.assertEqual(
            self.told_legs(("direction",), *legs, outbound_contexts=["out"]), [("outbound",), ("internal",), ("inbound",)]
        )

    def test_a_post_that_comes_again_is_one_record(self):
        self.assertEqual(self.told_legs(("outcome",), leg(), leg(encode=True)), [("",), ("duplicate",)])

    def test_what_cannot_be_used_has_its_reason(self):
        cases = (
            ({"uuid": None}, "columns"),
            ({"start_epoch": "0"}, "bad_time"),
            ({"start_epoch": "x"}, "bad_time"),
            ({"start_epoch": "99999999999"}, "end_before_start"),
            ({"end_epoch": "0"}, "bad_duration"),
            ({"billsec": "x"}, "bad_duration"),
            ({"billsec": "-2"}, "negative_duration"),
            ({"billsec": "66"}, "talk_longer_than_call"),
            ({"end_epoch": str(START - 5)}, "end_before_start"),
            ({"end_epoch": str(START + 9999999)}, "absurd_duration"),
            ({"hangup_cause": None, "answer_epoch": "0"}, "bad_disposition"),
        )
        told = self.told_legs(
            ("reason",), *(leg({"uuid": f"u{i}"} | variables) for i, (variables, _r) in enumerate(cases)), leg()
        )
        self.assertEqual(told, [*((reason,) for _variables, reason in cases), ("",)])


def six_bodies():
    """Bodies and content types of one call, as the product's settings write them."""
    for encode_values in (False, True):
        text = json.dumps(leg(encode=encode_values))
        yield text, "application/json"
        yield "cdr=" + quote(text, safe=""), "application/x-www-form-urlencoded; charset=utf-8"
        yield "cdr=" + base64.b64encode(text.encode()).decode(), "application/x-www-form-base64-encoded"


class TestBodies(FormatCase):
    def test_all_encodings_hold_the_same_record(self):
        for body, kind in six_bodies():
            with self.subTest(body[:20]):
                self.assertEqual(bodies(body.encode(), kind), [leg()])
                self.assertEqual(bodies(("uuid=a_1&" * ("cdr" in body[:4]) + body).encode(), kind), [leg()])

    def test_values_are_decoded_once(self):
        told = leg({"note": "100%25", "plus": "+49"}, encode=True)
        self.assertEqual(bodies(json.dumps(told).encode(), "")[0]["variables"]["note"], "100%25")
        self.assertEqual(bodies(json.dumps(told).encode(), "")[0]["variables"]["plus"], "+49")
        self.assertEqual(bodies(json.dumps(leg({"note": "100%25"})).encode(), "")[0]["variables"]["note"], "100%25")

    def test_examples_in_docstrings_come_out(self):
        self.assertFalse(doctest.testmod(freeswitch_variables).failed)

    def test_several_records_in_one_body(self):
        self.assertEqual(len(bodies(json.dumps([leg(), leg()]).encode(), "application/json")), 2)

    def test_a_body_that_is_none_says_why(self):
        for body, kind, why in (
            (b"", "", "empty"),
            (b"cdr=", "", "empty"),
            (b"{}", "application/json", "no object"),
            (b"[1]", "application/json", "no object"),
            (b"{", "application/json", "not JSON"),
            (b"<cdr/>", "", "no document"),
            (b"cdr=%3Ccdr/%3E", "", "no document"),
            (b"cdr=!!!", "", "no document"),
            (b"cdr=/w==", "", "no document"),
            (b"[" * 100000, "", "deeply"),
            (b'{"variables": ' + b"[" * 100 + b"]" * 100 + b"}", "", "deeply"),
            (b"{}", "multipart/form-data; boundary=x", "multipart"),
            (b"{" * 9 * 1024 * 1024, "", "longer"),
        ):
            with self.subTest(body[:20]), self.assertRaisesRegex(ValueError, why):
                bodies(body, kind)

    def test_files_in_every_shape(self):
        one, two = leg(), leg({"uuid": "aaaa-2"})
        first, second = json.dumps(one), json.dumps(two)
        for content in (
            f"{first}\n{second}\n",
            json.dumps([one, two], indent=1),
            json.dumps(one, indent=2) + "\n" + json.dumps(two, indent=2),
            f"cdr={quote(first, safe='')}\ncdr={quote(second, safe='')}\n",
            f"{quote(first, safe='')}\n\n{quote(second, safe='')}",
            "cdr=" + base64.encodebytes(first.encode()).decode() + "cdr=" + base64.encodebytes(second.encode()).decode(),
            f"{first}\ncdr={quote(second, safe='')}\n",
            f"cdr={quote(first, safe='')}\n{second}\n",
        ):
            with self.subTest(content[:40]):
                told = self.told(content, CODE, "line_number", "record_ref", "talk_seconds", "reason")
                self.assertEqual(told, [("1", "aaaa-1", "60", ""), ("2", "aaaa-2", "60", "")])

    def test_a_bare_nan_is_nothing(self):
        text = json.dumps(leg(), indent=2).replace('"core-uuid": "c0"', '"mos":nan, "x": {"y": -nan}')
        self.assertEqual(self.told(text, CODE, "record_ref", "reason"), [("aaaa-1", "")])

    def test_broken_documents_cost_only_themselves(self):
        good = json.dumps(leg())
        for broken in ("cdr=%7Bnonsense", "cdr=!!", "{oops", "[1]", '"text"', good[:200]):
            with self.subTest(broken):
                told = self.told(f"{good}\n{broken}\n{json.dumps(leg({'uuid': 'aaaa-2'}))}\n", CODE, "record_ref", "reason")
                self.assertEqual([row for row in told if row[0]], [("aaaa-1", ""), ("aaaa-2", "")])
                self.assertEqual([row[1] for row in told if not row[0]], ["unreadable"])

    def test_any_cut_gives_records_or_a_refusal(self):
        for body, _kind in six_bodies():
            for end in range(0, len(body), len(body) // 7):
                with self.subTest(body[:20], end=end):
                    try:
                        rows = self.records_of(body[:end], CODE)
                    except formats.ReadError:
                        continue
                    self.assertEqual(len(rows), self.result.read)


@unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
class TestSamples(FormatCase):
    def test_bodies(self):
        for path in sorted((SAMPLES / "freeswitch_json" / "bodies").glob("*[mn]")):
            with self.subTest(path.name):
                told = self.told(path.read_bytes(), CODE, "ring_seconds", "talk_seconds", "hold_seconds", "called", "reason")
                self.assertEqual(told, [("3", "1", "67", "1002", "")])
                self.assertEqual(len(bodies(path.read_bytes(), "")), 1)

    def test_somleng(self):
        names = ("disposition", "ivr_seconds", "talk_seconds", "caller", "reason")
        told = self.told(self.sample("freeswitch_json", "somleng_freeswitch_cdr.json"), CODE, *names)
        self.assertEqual(told, [("abandoned", "3", "0", "+85516234567", "")])
        told = self.told(
            self.sample("freeswitch_json", "somleng_freeswitch_cdr_with_invalid_json.json"),
            CODE,
            "talk_seconds",
            "quality",
            "reason",
        )
        self.assertEqual(told, [("26", "", "")])
