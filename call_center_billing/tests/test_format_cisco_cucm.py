import tempfile
import unittest
from pathlib import Path

from .. import formats
from .format_case import SAMPLES, FormatCase

BEGAN = 1791187200  # 2026-10-05 08:00:00 UTC
CDR = {
    "cdrRecordType": "1",
    "globalCallID_callManagerId": "2",
    "globalCallID_callId": "700",
    "origLegCallIdentifier": "11",
    "dateTimeOrigination": str(BEGAN),
    "callingPartyNumber": "+12125550101",
    "origCause_value": "0",
    "destLegIdentifier": "12",
    "originalCalledPartyNumber": "6500",
    "finalCalledPartyNumber": "201",
    "finalCalledPartyUnicodeLoginUserID": "anna",
    "destCause_value": "16",
    "dateTimeConnect": str(BEGAN + 10),
    "dateTimeDisconnect": str(BEGAN + 70),
    "pkid": "AAAA0001-0000-0000-0000-000000000001",
    "duration": "60",
    "origDeviceName": "trunk-berlin",
    "destDeviceName": "SEP001122AABBCC",
    "globalCallId_ClusterID": "west",
    "clientMatterCode": "",
    "authorizationCodeValue": "4711",
    "huntPilotDN": "6500",
    "wasCallQueued": "0",
    "totalWaitTimeInQueue": "0",
}
CMR = {
    "cdrRecordType": "2",
    "globalCallID_callManagerId": "2",
    "globalCallID_callId": "700",
    "callIdentifier": "11",
    "dateTimeStamp": str(BEGAN + 70),
    "numberPacketsLost": "3",
    "jitter": "7",
    "pkid": "bbbb0001-0000-0000-0000-000000000001",
    "globalCallId_ClusterID": "west",
    "varVQMetrics": "MLQK=4.3200;MLQKav=4.1;ICR=0.0011",
    "duration": "59",
}


def header(kind=CDR, spell=str):
    titles = ",".join(f'"{spell(title)}"' for title in kind)
    return f"{titles}\n{','.join('INTEGER' if value.isdigit() else 'VARCHAR(50)' for value in kind.values())}\n"


def line(kind=CDR, **values):
    told = {**kind, **values}
    return ",".join(value if value.isdigit() else f'"{value}"' for value in told.values()) + "\n"


class TestCiscoCucm(FormatCase):
    def rows(self, content, *names):
        return self.told(content, "cisco_cucm", *names)

    def row(self, *names, **values):
        return self.rows(header() + line(**values), *names)[0]

    def test_a_leg_becomes_a_record(self):
        found = self.one(header() + line(), code="cisco_cucm", zone="Asia/Tokyo")
        expected = {
            "record_ref": "aaaa0001-0000-0000-0000-000000000001",
            "group_ref": "west/2/700",
            "direction": "inbound",
            "disposition": "answered",
            "caller": "+12125550101",
            "called": "6500",
            "queue": "6500",
            "agent": "anna",
            "trunk": "trunk-berlin",
            "account_code": "4711",
            "quality": "",
            "recording_ref": "11/12",
            "start_at": "2026-10-05 08:00:00",
            "ring_seconds": "10",
            "talk_seconds": "60",
            "total_seconds": "70",
            "outcome": "",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)

    def test_columns_are_found_by_name_in_any_order_and_case(self):
        shuffled = dict(reversed(CDR.items()))
        content = header(shuffled, str.upper) + line(shuffled)
        self.assertEqual(self.rows(content, "agent", "talk_seconds"), [("anna", "60")])

    def test_each_file_of_several_brings_its_header(self):
        wider = {"comment": "", **CDR, "pkid": "cccc"}
        content = header() + line() + header(wider) + line(wider) + header(CMR) + line(CMR)
        self.assertEqual(
            self.rows(content, "line_number", "record_ref", "outcome"),
            [("3", CDR["pkid"].lower(), ""), ("6", "cccc", ""), ("9", CMR["pkid"], "ignored")],
        )

    def test_a_leg_is_told_how_both_ends_heard_it(self):
        other = line(CMR, callIdentifier="12", jitter="1", numberPacketsLost="0", varVQMetrics="ICR=0.1", pkid="d")
        stranger = line(CMR, globalCallID_callId="701", jitter="99", pkid="e")
        content = header(CMR) + line(CMR) + other + stranger + header() + line()
        self.assertEqual(
            self.rows(content, "quality")[-1], ("caller: MOS 4.3200, jitter 7 ms, lost 3; called: jitter 1 ms, lost 0",)
        )

    def test_what_is_heard_can_be_told_without_the_leg(self):
        self.assertEqual(
            self.rows(header(CMR) + line(CMR), "group_ref", "recording_ref", "quality", "outcome"),
            [("west/2/700", "11", "MOS 4.3200, jitter 7 ms, lost 3", "ignored")],
        )

    def test_a_duration_that_differs_from_the_times_counts_and_shows(self):
        self.assertEqual(self.row("talk_seconds", "quality", duration="65"), ("65", "duration differs by 5 s from the times"))

    def test_waiting_in_the_queue_lies_before_the_connect_or_inside_the_duration(self):
        for wait, told in (("6", ("4", "6", "60")), ("40", ("10", "40", "20"))):
            with self.subTest(wait):
                found = self.row("ring_seconds", "queue_seconds", "talk_seconds", wasCallQueued="1", totalWaitTimeInQueue=wait)
                self.assertEqual(found, told)

    def test_dispositions(self):
        never = {"dateTimeConnect": "0", "duration": "0"}
        for values, told in (
            ({}, ("answered", "10", "0", "60")),
            ({**never, "destCause_value": "17"}, ("busy", "70", "0", "0")),
            ({**never, "origCause_value": "16", "destCause_value": "0"}, ("no_answer", "70", "0", "0")),
            ({**never, "destCause_value": "19"}, ("no_answer", "70", "0", "0")),
            ({**never, "destCause_value": "1459617833"}, ("failed", "70", "0", "0")),
            ({**never, "wasCallQueued": "1", "totalWaitTimeInQueue": "65"}, ("abandoned", "5", "65", "0")),
            ({"destDeviceName": "", "wasCallQueued": "1", "totalWaitTimeInQueue": "60"}, ("abandoned", "10", "60", "0")),
        ):
            with self.subTest(values):
                self.assertEqual(self.row("disposition", "ring_seconds", "queue_seconds", "talk_seconds", **values), told)

    def test_phones_tell_the_direction(self):
        for caller, called, told in (
            ("trunk-1", "SEP001122AABBCC", ("inbound", "trunk-1", "anna")),
            ("SEP001122AABBCC", "trunk-1", ("outbound", "trunk-1", "+12125550101")),
            ("CSFBERTA", "SEP001122AABBCC", ("internal", "", "anna")),
            ("trunk-1", "trunk-2", ("inbound", "trunk-1", "anna")),
        ):
            with self.subTest(caller=caller, called=called):
                self.assertEqual(self.row("direction", "trunk", "agent", origDeviceName=caller, destDeviceName=called), told)

    def test_legs_to_a_recorder_are_ignored(self):
        self.assertEqual(self.row("outcome", callingPartyNumber="b002179144511001"), ("ignored",))

    def test_what_cannot_be_used_has_its_reason(self):
        for values, reason in (
            ({"dateTimeOrigination": "0"}, "bad_time"),
            ({"dateTimeDisconnect": ""}, "bad_time"),
            ({"dateTimeConnect": "soon"}, "bad_time"),
            ({"dateTimeDisconnect": "1700000000"}, "end_before_start"),
            ({"duration": "1 minute"}, "bad_duration"),
            ({"dateTimeConnect": "0"}, "talk_longer_than_call"),
            ({"pkid": ""}, "columns"),
            ({"cdrRecordType": "3"}, "bad_kind"),
        ):
            with self.subTest(values):
                content = header() + line() + line(**{"pkid": "x", **values})
                self.assertEqual(self.rows(content, "outcome", "reason")[-1], ("refused", reason))

    def test_broken_rows_lose_no_sound_one(self):
        content = (
            "1,2,3\n" + header() + line().rsplit(",", 3)[0] + "\n" + '"open' + line() + line().replace("\n", ",\n") + "a\x00b\n"
        )
        self.assertEqual(
            self.rows(content, "line_number", "reason"),
            [("1", "columns"), ("4", "columns"), ("5", "quotes"), ("6", ""), ("7", "unreadable")],
        )

    def test_a_corrected_row_is_read_by_its_header(self):
        fmt = formats.get("cisco_cucm")
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "in")
            Path(path).write_text(header() + line().strip() + ',"x"\n' + line())
            ((_number, raw),) = formats.raw_records(path, fmt, {}, {3})
            places, again = formats.write_again(path, fmt, "", [(raw.removesuffix(',"x"'), True)])
            (part,) = formats.read_parts(path, fmt.code, {}, "UTC", "", folder, again=again)
            self.assertEqual((places, part.read, part.seconds), ({1: 0}, 1, 70))

    def test_files_of_one_delivery_are_bundled(self):
        bundle = formats.get("cisco_cucm").bundle
        self.assertEqual(
            [bundle(name) for name in ("cdr_west_02_202610050801_12", "CMR_west_02_202610050801_9", "xcdr_1", "notes.txt")],
            [True, True, False, False],
        )


@unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
class TestCiscoCucmSamples(FormatCase):
    def test_samples(self):
        content = self.sample("cisco_cucm", "cdr_examples.txt") + b"\n" + self.sample("cisco_cucm", "cmr_examples.txt")
        self.assertEqual(
            self.told(content, "cisco_cucm", "disposition", "talk_seconds", "outcome", "quality")[:3],
            [
                ("failed", "0", "ignored", ""),
                ("failed", "0", "ignored", ""),
                ("answered", "11", "", "caller: jitter 0 ms, lost 0; called: jitter 0 ms, lost 0"),
            ],
        )

    def test_a_file_without_names_is_refused(self):
        with self.assertRaises(formats.ReadError):
            self.records_of(self.sample("cisco_cucm", "fixture_sample_cdr_no_header.txt"), "cisco_cucm")
