import unittest

from .format_case import SAMPLES, FormatCase

FIELDS = {
    "history": "Call 300",
    "callid": "00A1_1",
    "duration": "00:01:00",
    "start": "2026/10/05 08:00:00",
    "answered": "2026/10/05 08:00:10",
    "end": "2026/10/05 08:01:10",
    "reason": "TerminatedBySrc",
    "from_no": "+12125550101",
    "to_no": "Ext.201",
    "from_dn": "10001",
    "to_dn": "201",
    "dial_no": "+493055500",
    "changed": "",
    "final_no": "",
    "final_dn": "",
    "bill_code": "",
    "bill_rate": "1",
    "bill_cost": "0.43",
    "bill_name": "default",
    "chain": "Chain: +12125550101;Ext.201;",
    "from_type": "Line",
    "to_type": "Extension",
    "final_type": "",
    "from_name": "Doe",
    "to_name": "Anna",
    "final_name": "",
    "missed": "",
}


def line(until=None, **values):
    return ",".join(list({**FIELDS, **values}.values())[:until]) + "\n"


class TestThreeCx(FormatCase):
    def row(self, *names, until=None, **values):
        return self.told(line(until, **values), "threecx", *names)[0]

    def test_a_line_becomes_a_record(self):
        found = self.one(line(), code="threecx", zone="Asia/Tokyo")
        expected = {
            "record_ref": "00A1_1",
            "group_ref": "Call 300",
            "direction": "inbound",
            "disposition": "answered",
            "caller": "+12125550101",
            "called": "+493055500",
            "trunk": "10001",
            "agent": "201",
            "account_code": "",
            "provider_cost": "0.430000",
            "start_at": "2026-10-05 08:00:00",
            "ring_seconds": "10",
            "talk_seconds": "60",
            "total_seconds": "70",
            "outcome": "",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)

    def test_dispositions_in_both_spellings(self):
        missed = {"answered": "", "duration": ""}
        for values, told in (
            ({"reason": "src_participant_terminated"}, ("answered", "10", "0", "0", "60")),
            ({**missed, "duration": "00:01:10"}, ("no_answer", "70", "0", "0", "0")),
            ({**missed, "reason": "dst_participant_terminated"}, ("no_answer", "70", "0", "0", "0")),
            ({**missed, "reason": "TargetBusy"}, ("busy", "70", "0", "0", "0")),
            ({**missed, "reason": "busy"}, ("busy", "70", "0", "0", "0")),
            ({**missed, "reason": "NoRouteExists"}, ("failed", "70", "0", "0", "0")),
            ({**missed, "reason": "not_found"}, ("failed", "70", "0", "0", "0")),
            ({**missed, "to_type": "Queue"}, ("abandoned", "0", "70", "0", "0")),
            ({"to_type": "queue"}, ("abandoned", "10", "60", "0", "0")),
            ({"to_type": "Ivr"}, ("abandoned", "10", "0", "60", "0")),
            ({"to_type": "Queue", "final_type": "Extension", "final_dn": "202"}, ("answered", "10", "0", "0", "60")),
            ({"final_type": "VMail"}, ("voicemail", "10", "0", "0", "60")),
        ):
            with self.subTest(values):
                names = ("disposition", "ring_seconds", "queue_seconds", "ivr_seconds", "talk_seconds")
                self.assertEqual(self.row(*names, **values), told)

    def test_directions_and_who_talked(self):
        inside = {"from_no": "Ext.201", "from_dn": "201", "from_type": "Extension"}
        out = {"to_no": "+1999", "to_dn": "10001", "to_type": "Line", "dial_no": "+1999"}
        for values, told in (
            ({}, ("inbound", "+12125550101", "201", "10001")),
            ({"final_dn": "202", "final_type": "Extension"}, ("inbound", "+12125550101", "202", "10001")),
            ({**inside, **out}, ("outbound", "201", "201", "10001")),
            ({**inside, "to_no": "Ext.202", "to_dn": "202"}, ("internal", "201", "202", "")),
        ):
            with self.subTest(values):
                self.assertEqual(self.row("direction", "caller", "agent", "trunk", **values), told)
                self.assertEqual(self.row("direction", until=20, **values), told[:1])

    def test_commas_quotes_and_trailing_commas_behind_the_types_do_no_harm(self):
        for values in ({"from_name": 'Doe, "J"', "to_name": 'A "'}, {"missed": ",,"}):
            with self.subTest(values):
                self.assertEqual(self.row("agent", "talk_seconds", "outcome", **values), ("201", "60", ""))

    def test_what_cannot_be_used_has_its_reason(self):
        for values, reason in (
            ({"until": 19}, "columns"),
            ({"bill_name": "a,b"}, "columns"),
            ({"from_name": "," * 40}, "columns"),
            ({"callid": ""}, "columns"),
            ({"end": ""}, "bad_time"),
            ({"answered": "later"}, "bad_time"),
            ({"end": "2026/10/05 07:00:00"}, "end_before_start"),
            ({"duration": "a minute"}, "bad_duration"),
            ({"duration": "01:00:00"}, "talk_longer_than_call"),
        ):
            with self.subTest(values):
                found = self.told(line(callid="2") + "\n" + line(**values), "threecx", "reason")
                self.assertEqual(found, [("",), (reason,)])


@unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
class TestThreeCxSamples(FormatCase):
    def test_samples(self):
        found = self.told(
            self.sample("threecx", "cdr.log"), "threecx", "direction", "disposition", "ring_seconds", "talk_seconds", "trunk"
        )
        self.assertEqual(found, [("outbound", "answered", "9", "25", "10020")])
