import unittest
from datetime import date

from .format_case import SAMPLES, FormatCase

TODAY = date(2026, 10, 5)


def columns(mark=" ", day="10/05", time="10:00:00", half=" ", lasted="0000:01:00", caller="T3", wait="0017", digits="30555001",
            ending="", called="201"):  # fmt: skip
    return f"{mark}{day} {time}{half} {lasted} {caller:7} {wait:4} {digits:26}{ending:1} {called:7}    \n"


class TestMitelSmdr(FormatCase):
    def rows(self, content, *names, today=TODAY):
        return self.told(content, "mitel_smdr", *names, today=today)

    def test_printed_columns_become_a_record(self):
        found = self.one(columns(), code="mitel_smdr", today=TODAY)
        expected = {
            "record_ref": "",
            "group_ref": "",
            "direction": "inbound",
            "disposition": "answered",
            "caller": "",
            "called": "30555001",
            "trunk": "T3",
            "agent": "201",
            "start_at": "2026-10-05 08:00:00",
            "ring_seconds": "17",
            "talk_seconds": "60",
            "total_seconds": "77",
            "outcome": "",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)

    def test_words_become_records(self):
        names = ("direction", "caller", "called", "trunk", "agent", "talk_seconds", "account_code", "group_ref", "sequence")
        for text, told in (
            ("10/05 10:00:00 00:02:14 1011 918005550100 T001 A ACC:4401 CID:77 SEQ:3",
             ("outbound", "1011", "918005550100", "T001", "1011", "134", "4401", "77", "3")),
            ("2026-10-05 10:00:00 00:00:32 3001 3002 A", ("internal", "3001", "3002", "", "3002", "32", "", "", "")),
            ("10/05 10:00 00:00:19 ATT1 6204 A", ("internal", "ATT1", "6204", "", "6204", "19", "", "", "")),
            ("10/05 10:00 00:00:19 T12 6204", ("inbound", "", "6204", "T12", "6204", "19", "", "", "")),
        ):  # fmt: skip
            with self.subTest(text):
                self.assertEqual(self.rows(text, *names), [told])

    def test_the_year_is_the_latest_that_is_not_to_come(self):
        for day, today, start in (
            ("12/31", date(2026, 1, 1), "2025-12-31"),
            ("01/01", date(2026, 1, 1), "2026-01-01"),
            ("01/02", date(2026, 1, 1), "2025-01-02"),
            ("10/05", TODAY, "2026-10-05"),
            ("02/29", TODAY, "2024-02-29"),
            ("02/29", date(2028, 2, 28), "2024-02-29"),
            ("02/29", date(2028, 2, 29), "2028-02-29"),
        ):
            with self.subTest(day=day, today=today):
                self.assertEqual(self.rows(columns(day=day), "start_at", today=today)[0][0][:10], start)
        self.assertEqual(self.rows("2019-12-31 10:00:00 00:00:01 1 2", "start_at"), [("2019-12-31 09:00:00",)])

    def test_the_day_of_the_import_is_today_unless_told(self):
        day = f"{date.today():%m/%d}"
        found = self.told(columns(day=day), "mitel_smdr", "start_at")
        self.assertEqual(found[0][0][:10], str(date.today()))

    def test_dispositions(self):
        for values, told in (
            ({}, ("answered", "17", "60")),
            ({"ending": "T"}, ("answered", "17", "60")),
            ({"wait": "****", "lasted": "0000:00:20"}, ("no_answer", "20", "0")),
            ({"wait": "****", "lasted": "0000:00:00", "ending": "E", "called": ""}, ("failed", "0", "0")),
            ({"wait": "****", "lasted": "0000:00:00", "ending": "B"}, ("busy", "0", "0")),
            ({"caller": "201", "wait": "", "called": "T3", "ending": "A"}, ("answered", "0", "60")),
            ({"caller": "201", "wait": "", "called": "T3", "ending": "T"}, ("failed", "60", "0")),
            ({"caller": "201", "wait": "", "called": "T3", "lasted": "0000:00:00"}, ("no_answer", "0", "0")),
            ({"caller": "201", "wait": "0003", "called": "202", "digits": "202", "ending": "I"}, ("answered", "3", "60")),
        ):
            with self.subTest(values):
                self.assertEqual(self.rows(columns(**values), "disposition", "ring_seconds", "talk_seconds"), [told])

    def test_two_numbers_dialled(self):
        names = ("direction", "called", "agent", "trunk")
        self.assertEqual(self.rows(columns(digits="4207 2301", called="2301"), *names), [("inbound", "4207", "2301", "T3")])
        outgoing = columns(caller="8133", wait="", digits="9 5550100", ending="A", called="X12")
        self.assertEqual(self.rows(outgoing, *names), [("outbound", "9 5550100", "8133", "X12")])

    def test_marks_of_long_calls_and_lost_blanks_at_the_ends(self):
        long = columns(mark="%", lasted="0100:16:38")
        for text in (long, long.rstrip(), long.lstrip("%"), long.replace("%", "+")):
            with self.subTest(text):
                self.assertEqual(self.rows(text, "agent", "talk_seconds"), [("201", "360998")])

    def test_what_fits_no_shape_is_refused(self):
        for text, reason in (
            ("SMDR report, page 3\n", "columns"),
            ("100526 183045 000231 4001 918005550100 T002 A\n", "columns"),
            (" ".join(columns().split()) + "\n", "columns"),
            (columns()[:40] + "\n", "columns"),
            (columns(day="02/30"), "bad_time"),
            (columns(day="13/01"), "bad_time"),
            (columns(half="p"), "bad_time"),
            (columns(ending="Q"), "bad_disposition"),
            (columns(lasted="9999:00:00"), "absurd_duration"),
            (columns(digits='"'), "columns"),
            (columns(digits="\x1f1"), "unreadable"),
        ):
            with self.subTest(text):
                self.assertEqual(self.rows(columns(called="202") + text, "reason"), [("",), (reason,)])


@unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
class TestMitelSmdrSamples(FormatCase):
    def test_samples(self):
        content = self.sample("mitel", "lines_extracted.txt")
        found = self.told(content, "mitel_smdr", "direction", "called", "talk_seconds", "reason", today=date(2026, 2, 20))
        refused = ("internal", "", "0", "columns")
        self.assertEqual(
            found,
            [
                ("outbound", "918005551200", "134", ""),
                ("internal", "3002", "32", ""),
                refused,
                refused,
                ("internal", "3003", "151", ""),
                refused,
                refused,
                ("internal", "7406", "998", ""),
                ("internal", "6204", "19", ""),
                ("inbound", "94163759", "0", ""),
                ("inbound", "4207", "281", ""),
                ("outbound", "8133 8024", "10", ""),
                ("outbound", "918005551200", "134", ""),
                ("internal", "2001", "90", ""),
                ("outbound", "5551234", "0", ""),
            ],
        )
