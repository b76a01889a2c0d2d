import unittest

from .format_case import SAMPLES, FormatCase

FIELDS = {
    "began": "2026/10/05 10:00:00",
    "connected": "00:01:00",
    "rang": "7",
    "calling": "02125550101",
    "way": "I",
    "called": "400",
    "dialled": "30555001",
    "account": "",
    "inside": "0",
    "call_id": "1000014155",
    "goes_on": "0",
    "device1": "E201",
    "name1": "Anna",
    "device2": "T9001",
    "name2": "LINE 1.2",
    "held": "0",
    "parked": "0",
    "auth_valid": "",
    "auth_code": "",
    "user": "",
    "charge": "",
    "currency": "",
    "rest": "," * 8,
}


def line(**values):
    return ",".join({**FIELDS, **values}.values()) + "\n"


class TestAvayaIpOffice(FormatCase):
    def row(self, *names, order=None, **values):
        return self.told(line(**values), "avaya_ipoffice", *names, date_order=order)[0]

    def test_a_row_becomes_a_record(self):
        found = self.one(line(account="4711", charge="0.50"), code="avaya_ipoffice")
        expected = {
            "record_ref": "",
            "group_ref": "2026/10/05 10:00:00/1000014155",
            "direction": "inbound",
            "disposition": "answered",
            "caller": "02125550101",
            "called": "30555001",
            "agent": "201",
            "trunk": "LINE 1.2",
            "account_code": "4711",
            "provider_cost": "0.500000",
            "start_at": "2026-10-05 08:00:00",
            "ring_seconds": "7",
            "talk_seconds": "60",
            "hold_seconds": "0",
            "total_seconds": "67",
            "outcome": "",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)

    def test_segments_share_their_call_and_no_time_is_counted_twice(self):
        content = line(goes_on="1", connected="00:00:13", held="11", parked="4") + line(
            rang="0", connected="00:00:21", device1="E202", name1="Berta"
        )
        self.assertEqual(
            self.told(content, "avaya_ipoffice", "group_ref", "agent", "ring_seconds", "talk_seconds", "hold_seconds", "total_seconds"),
            [(f"{FIELDS['began']}/1000014155", "201", "7", "13", "15", "35"),
             (f"{FIELDS['began']}/1000014155", "202", "0", "21", "0", "21")],
        )  # fmt: skip

    def test_the_same_row_twice_is_a_duplicate(self):
        self.assertEqual(self.told(line() * 2, "avaya_ipoffice", "outcome"), [("",), ("duplicate",)])

    def test_17_to_40_cells_are_read(self):
        for cells in (17, 30, 31, 40):
            with self.subTest(cells):
                short = ",".join((line().strip() + "," * 20).split(",")[:cells]) + "\n"
                self.assertEqual(self.told(short, "avaya_ipoffice", "talk_seconds"), [("60",)])

    def test_directions(self):
        out = {"way": "O", "calling": "201", "called": "02125550101", "dialled": "902125550101"}
        for values, told in (
            ({}, ("inbound", "30555001", "201", "LINE 1.2")),
            (out, ("outbound", "02125550101", "201", "LINE 1.2")),
            ({**out, "inside": "1", "device2": "E202", "called": "202"}, ("internal", "202", "202", "")),
        ):
            with self.subTest(values):
                self.assertEqual(self.row("direction", "called", "agent", "trunk", **values), told)

    def test_dispositions(self):
        for values, told in (
            ({"connected": "00:00:00"}, ("no_answer", "")),
            ({"device1": "V9502", "name1": "VM Channel 2"}, ("voicemail", "")),
            ({}, ("answered", "201")),
        ):
            with self.subTest(values):
                self.assertEqual(self.row("disposition", "agent", **values), told)

    def test_callers_of_sip_trunks_and_names_in_any_script(self):
        self.assertEqual(self.row("caller", "outcome", calling="02125550101@192.0.2.1", name1="Анна"), ("02125550101", ""))

    def test_the_order_of_the_date_is_an_option(self):
        for order, began in (("dmy", "05/10/2026 10:00:00"), ("mdy", "10/05/2026 10:00:00"), ("iso", FIELDS["began"])):
            with self.subTest(order):
                self.assertEqual(self.row("start_at", order=order, began=began), ("2026-10-05 08:00:00",))

    def test_a_line_of_titles_is_ignored(self):
        titles = "Call Start,Connected Time,Ring Time,Caller,Direction\n"
        self.assertEqual(self.told(titles + line(), "avaya_ipoffice", "outcome"), [("ignored",), ("",)])

    def test_what_cannot_be_used_has_its_reason(self):
        for text, reason in (
            ("2026/10/05 10:00:00,00:01:00,7\n", "columns"),
            (line(rest="," * 60), "columns"),
            (line(call_id=""), "columns"),
            (line(goes_on="x"), "columns"),
            (line(name1="Doe, Anna"), "bad_duration"),
            (line(began="05/10/2026 10:00:00"), "bad_time"),
            (line(began=""), "bad_time"),
            (line(connected=""), "bad_duration"),
            (line(connected="-00:01"), "bad_duration"),
            (line(rang="-7"), "negative_duration"),
            (line(held="-7", parked="9"), "negative_duration"),
            (line(inside="2"), "bad_direction"),
            (line(way="X"), "bad_direction"),
        ):
            with self.subTest(text[:60], reason=reason):
                self.assertEqual(self.told(line(call_id="1") + text, "avaya_ipoffice", "reason"), [("",), (reason,)])


@unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
class TestAvayaIpOfficeSamples(FormatCase):
    def test_samples(self):
        names = ("direction", "disposition", "ring_seconds", "talk_seconds", "hold_seconds", "agent")
        self.assertEqual(
            self.told(self.sample("avaya", "transcribed_manual_examples.csv"), "avaya_ipoffice", *names),
            [
                ("inbound", "no_answer", "9", "0", "0", ""),
                ("internal", "voicemail", "21", "10", "0", ""),
                ("inbound", "answered", "7", "13", "11", "4750"),
                ("inbound", "voicemail", "0", "21", "0", ""),
                ("inbound", "answered", "7", "5", "0", "403"),
                ("internal", "answered", "4", "44", "0", "4207"),
            ],
        )
