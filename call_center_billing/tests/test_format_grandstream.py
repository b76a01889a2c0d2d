import json
import unittest

from .format_case import SAMPLES, FormatCase

CALL = {
    "AcctId": "62",
    "accountcode": "4711",
    "src": "02125550101",
    "dst": "201",
    "dcontext": "from-internal",
    "clid": '"Ann" <02125550101>',
    "channel": "SIP/trunk-00000000",
    "dstchannel": "SIP/201-00000001",
    "lastapp": "Dial",
    "lastdata": "SIP/201,60,",
    "start": "2026-10-05 10:00:00",
    "answer": "2026-10-05 10:00:10",
    "end": "2026-10-05 10:01:00",
    "duration": "60",
    "billsec": "50",
    "disposition": "ANSWERED",
    "amaflags": "DOCUMENTATION",
    "uniqueid": "1791187200.1",  # 2026-10-05 08:00:00 UTC
    "userfield": "Inbound",
    "channel_ext": "02125550101",
    "dstchannel_ext": "201",
    "service": "s",
}


def document(*calls, key="cdr_root"):
    return json.dumps({key: calls})


def line(**values):
    return ",".join({**CALL, **values}.values()) + "\n"


HEADER = ",".join(CALL) + "\n"


class TestGrandstreamJson(FormatCase):
    def row(self, *names, **values):
        return self.told(document({**CALL, **values}), "grandstream_json", *names)[0]

    def test_a_call_becomes_a_record(self):
        found = self.one(document({**CALL, "recordfiles": "a.wav@", "src_trunk_name": "Provider"}), code="grandstream_json")
        expected = {
            "record_ref": "62/1791187200.1",
            "group_ref": "1791187200.1",
            "direction": "inbound",
            "disposition": "answered",
            "caller": "02125550101",
            "called": "201",
            "agent": "201",
            "trunk": "Provider",
            "account_code": "4711",
            "recording_ref": "a.wav",
            "start_at": "2026-10-05 08:00:00",
            "ring_seconds": "10",
            "talk_seconds": "50",
            "total_seconds": "60",
            "outcome": "",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)

    def test_both_names_of_the_list_and_bare_records(self):
        for content in (document(CALL), document(CALL, key="cdr"), json.dumps(CALL), json.dumps([CALL])):
            with self.subTest(content[:12]):
                self.assertEqual(self.told(content, "grandstream_json", "talk_seconds"), [("50",)])

    def test_a_call_of_several_legs_is_not_counted_twice(self):
        main = {**CALL, "AcctId": "", "session": "s1", "billsec": "60"}
        queue = {**CALL, "AcctId": "1", "dst": "6500", "dstchannel": "", "dstchannel_ext": "", "action_type": "QUEUE[6500]"}
        agent = {**CALL, "AcctId": "2", "duration": "40", "billsec": "30", "action_type": "DIAL", "session": "s1"}
        content = document({"cdr": "0", "main_cdr": main, "sub_cdr_1": queue, "sub_cdr_2": agent, "sub_cdr_3": None}, CALL)
        self.assertEqual(
            self.told(content, "grandstream_json", "outcome", "group_ref", "queue", "agent", "disposition", "talk_seconds"),
            [
                ("ignored", "s1", "", "201", "answered", "60"),
                ("", "s1", "6500", "", "abandoned", "0"),
                ("", "s1", "", "201", "answered", "30"),
                ("", CALL["uniqueid"], "", "201", "answered", "50"),
            ],
        )

    def test_a_main_record_without_legs_counts(self):
        content = document({"cdr": "0", "main_cdr": {**CALL, "AcctId": ""}})
        self.assertEqual(self.told(content, "grandstream_json", "outcome", "talk_seconds"), [("", "50")])

    def test_legs_inside_legs_are_found(self):
        content = document({"main_cdr": {**CALL, "sub_cdr_1": {**CALL, "AcctId": "1", "sub_cdr_2": {**CALL, "AcctId": "2"}}}})
        self.assertEqual(self.told(content, "grandstream_json", "outcome"), [("ignored",), ("",), ("",)])

    def test_time_that_reached_nobody_is_not_talk(self):
        nobody = {"dstchannel": "", "dstchannel_ext": ""}
        for values, told in (
            ({}, ("answered", "10", "0", "0", "50")),
            ({**nobody, "lastapp": "Queue", "lastdata": "6500,t"}, ("abandoned", "10", "50", "0", "0")),
            ({**nobody, "lastapp": "BackGround"}, ("abandoned", "10", "0", "50", "0")),
            ({**nobody, "action_type": "IVR[7000]"}, ("abandoned", "10", "0", "50", "0")),
            ({**nobody, "lastapp": "VoiceMail"}, ("voicemail", "10", "0", "0", "50")),
            ({"disposition": "NO ANSWER"}, ("no_answer", "10", "50", "0", "0")),
            ({"disposition": "BUSY", "billsec": "0", "answer": "", "duration": "5"}, ("busy", "5", "0", "0", "0")),
        ):
            with self.subTest(values):
                names = ("disposition", "ring_seconds", "queue_seconds", "ivr_seconds", "talk_seconds")
                self.assertEqual(self.row(*names, **values), told)

    def test_directions(self):
        for values, told in (
            ({"userfield": "Outbound", "dst_trunk_name": "Out"}, ("outbound", "02125550101", "Out")),
            ({"userfield": "EXT"}, ("internal", "201", "")),
            ({"userfield": "Internal"}, ("internal", "201", "")),
            ({"userfield": "External", "src_trunk_name": "In"}, ("inbound", "201", "In")),
            ({"userfield": "", "dst_trunk_name": "Out"}, ("outbound", "02125550101", "Out")),
        ):
            with self.subTest(values):
                self.assertEqual(self.row("direction", "agent", "trunk", **values), told)

    def test_what_cannot_be_used_has_its_reason(self):
        for call, reason in (
            (5, "unreadable"),
            ({"cdr": "1"}, "bad_time"),
            ({**CALL, "start": "0000-00-00 00:00:00"}, "bad_time"),
            ({**CALL, "end": "2026-10-05 09:00:00"}, "end_before_start"),
            ({**CALL, "duration": "a"}, "bad_duration"),
            ({**CALL, "billsec": "-1"}, "negative_duration"),
            ({**CALL, "billsec": "61"}, "talk_longer_than_call"),
            ({**CALL, "disposition": "MAYBE"}, "bad_disposition"),
            ({**CALL, "userfield": ""}, "bad_direction"),
            ({**CALL, "AcctId": "", "uniqueid": ""}, "columns"),
        ):
            with self.subTest(reason):
                content = document({**CALL, "AcctId": "1"}, call)
                self.assertEqual(self.told(content, "grandstream_json", "reason"), [("",), (reason,)])


class TestGrandstreamCsv(FormatCase):
    def rows(self, content, *names):
        return self.told(content, "grandstream_csv", *names)

    def test_commas_of_unquoted_data_are_counted_out(self):
        for data in ("SIP/201", "SIP/201,60,", '"SIP/201,60,"', ",,,,"):
            with self.subTest(data):
                found = self.rows(HEADER + line(lastdata=data), "agent", "talk_seconds", "caller", "outcome")
                self.assertEqual(found, [("201", "50", "02125550101", "")])

    def test_commas_elsewhere_are_not_guessed(self):
        for values in (
            {"clid": "Doe, Ann <0>", "lastdata": ""},
            {"clid": "Doe, Ann <0>"},
            {"userfield": "a,b", "lastdata": ""},
            {"lastdata": "", "service": "s,"},
        ):
            with self.subTest(values):
                self.assertEqual(self.rows(HEADER + line() + line(**values), "reason"), [("",), ("columns",)])
        self.assertEqual(self.rows(HEADER + line(clid='"Doe, Ann" <0>'), "talk_seconds"), [("50",)])

    def test_columns_follow_the_header_above_them(self):
        wider = HEADER.strip() + ",session,action_type\n"
        content = line() + HEADER + line() + wider + line(AcctId="63", service="s,s9,QUEUE[6500]")
        found = self.rows(content, "line_number", "reason", "group_ref", "queue")
        self.assertEqual(found, [("1", "columns", "", ""), ("3", "", CALL["uniqueid"], ""), ("5", "", "s9", "6500")])

    def test_truncated_and_broken_rows_are_refused(self):
        content = HEADER + line() + line()[:80] + "\n" + '"open' + line() + "a\x00b\n"
        self.assertEqual(self.rows(content, "reason"), [("",), ("columns",), ("columns",), ("unreadable",)])


@unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
class TestGrandstreamSamples(FormatCase):
    def test_samples(self):
        for form, expected in (("csv", [("62/1386092800.0", "3", "6"), ("63/1386100901.0", "2", "3")]),
                               ("json", [("64/1386100943.2", "4", "4")])):  # fmt: skip
            with self.subTest(form):
                content = self.sample("grandstream", f"transcribed_manual_cdrapi.{form}")
                found = self.told(content, f"grandstream_{form}", "record_ref", "ring_seconds", "talk_seconds")
                self.assertEqual(found, expected)
