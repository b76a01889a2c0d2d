"""The readers by themselves: no database."""

import itertools
import tempfile
import unittest
from collections import Counter
from datetime import datetime

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from .. import formats
from ..formats import lines, local_time, sql
from ..formats.numbers import canonical_number, dialling
from .asterisk import row
from .format_case import SAMPLES, FormatCase
from .good_files import OPTIONS

BASE = (
    '"acme","100","200","from-trunk","""A"" <100>","PJSIP/t-00000001","PJSIP/201-00000002","Dial","","2026-10-05 10:00:00",'
    '"2026-10-05 10:00:05","2026-10-05 10:01:05",65,60,"ANSWERED","DOCUMENTATION"'
)


class TestAsteriskCsv(FormatCase):
    def test_a_row_becomes_a_record(self):
        self.assertEqual(
            {name: value for name, value in self.one(BASE).items() if value not in ("", "0", "false")},
            {
                "line_number": "1",
                "record_key": self.one(BASE)["record_key"],
                "kind": "call",
                "quantity": "1",
                "direction": "inbound",
                "caller": "100",
                "called": "200",
                "called_key": "200",
                "caller_key": "100",
                "account_code": "acme",
                "agent": "PJSIP/201",
                "disposition": "answered",
                "start_at": "2026-10-05 08:00:00",
                "ring_seconds": "5",
                "talk_seconds": "60",
                "total_seconds": "65",
            },
        )

    def test_shapes_of_16_to_21_columns(self):
        unique, user, new = '"1790000000.7"', '"note"', '"peer","1790000000.1",12'
        for columns, extra, group, ref in (
            (16, [], "", ""),
            (17, [unique], "1790000000.7", ""),
            (17, [user], "", ""),
            (18, [unique, user], "1790000000.7", ""),
            (19, [new], "1790000000.1", "1790000000.1//12"),
            (20, [unique, new], "1790000000.1", "1790000000.1/1790000000.7/12"),
            (20, [user, new], "1790000000.1", "1790000000.1//12"),
            (21, [unique, user, new], "1790000000.1", "1790000000.1/1790000000.7/12"),
        ):
            with self.subTest(columns=columns, extra=extra):
                found = self.one(",".join([BASE, *extra]))
                self.assertEqual((found["group_ref"], found["record_ref"]), (group, ref))

    def test_who_called_out_is_at_the_calling_end(self):
        line = row(context="out", agent="PJSIP/trunk-0000a1b3").replace("PJSIP/trunk-00000001", "PJSIP/201-0000a1b2")
        self.assertEqual(self.one(line, outbound_contexts=["out"])["agent"], "PJSIP/201")
        self.assertEqual(self.one(line)["agent"], "PJSIP/trunk")

    def test_column_17_is_what_the_source_says(self):
        self.assertEqual(self.one(BASE + ',"1790000000.7"', column17="userfield")["group_ref"], "")
        self.assertEqual(self.one(BASE + ',"note"', column17="uniqueid")["group_ref"], "note")

    def test_legs_that_share_a_unique_id_are_two_records(self):
        first, second = row(uniqueid="1790000000.1"), row(uniqueid="1790000000.1", agent="PJSIP/202-0000a1b3")
        self.assertEqual([each["outcome"] for each in self.records_of(first + second)], ["", ""])

    def test_the_same_row_twice_is_a_duplicate(self):
        line = row()
        self.assertEqual([each["outcome"] for each in self.records_of(line + line)], ["", "duplicate"])

    def test_direction_follows_the_context(self):
        options = {"outbound_contexts": ["Out"], "internal_contexts": ["int"]}
        directions = [self.one(row(context=context), **options)["direction"] for context in ("out", "int", "x")]
        self.assertEqual(directions, ["outbound", "internal", "inbound"])

    def test_time_that_nobody_answered_is_not_talk(self):
        for values, disposition, talk, queue, ivr in (
            ({"app": "Queue", "data": "sales,tT", "agent": ""}, "abandoned", "0", "60", "0"),
            ({"app": "Queue", "data": "sales,tT"}, "answered", "60", "0", "0"),
            ({"app": "BackGround", "agent": ""}, "abandoned", "0", "0", "60"),
            ({"app": "VoiceMail", "agent": ""}, "voicemail", "60", "0", "0"),
            ({"disposition": "NO ANSWER"}, "no_answer", "0", "60", "0"),
            ({"disposition": "CONGESTION", "talk": 0}, "failed", "0", "0", "0"),
        ):
            with self.subTest(values):
                found = self.one(row(**values))
                parts = (found["talk_seconds"], found["queue_seconds"], found["ivr_seconds"])
                self.assertEqual((found["disposition"], *parts), (disposition, talk, queue, ivr))

    def test_a_queue_is_named_by_the_application(self):
        self.assertEqual(self.one(row(app="Queue", data="sales,tT,,,60"))["queue"], "sales")

    def test_omitted_rows_are_ignored(self):
        rows = self.records_of(row(flag="OMIT") + row())
        self.assertEqual([each["outcome"] for each in rows], ["ignored", ""])

    def test_what_cannot_be_used_has_its_reason(self):
        good = row()
        for text, reason in (
            ("just text\n", "columns"),
            (good.strip() + ",1,2,3,4,5,6\n", "columns"),
            (good.replace('"2026-10-05 10:00:00"', '"yesterday"'), "bad_time"),
            (good.replace('"2026-10-05 10:00:00"', '""'), "bad_time"),
            (good.replace(",65,60,", ",-5,60,"), "negative_duration"),
            (good.replace(",65,60,", ",6x,60,"), "bad_duration"),
            (good.replace(",65,60,", ",65,66,"), "talk_longer_than_call"),
            (good.replace(",65,60,", ",9999999,60,"), "absurd_duration"),
            (good.replace('"2026-10-05 10:01:05"', '"2026-10-05 09:00:00"'), "end_before_start"),
            (good.replace('"ANSWERED"', '"MAYBE"'), "bad_disposition"),
            ('"open,' + good, "quotes"),
            (good.replace("from-trunk", "from\x00trunk"), "unreadable"),
            (good.replace("from-trunk", "x" * 70000), "too_long"),
        ):
            with self.subTest(reason=reason, text=text[:60]):
                self.assertEqual(self.reason(text), reason)

    def test_bytes_of_another_encoding_lose_no_record(self):
        found = self.one(row(caller="M").encode().replace(b'"M"', b'"M\xfcller"'))
        self.assertEqual((found["outcome"], found["caller"]), ("", "M\\xfcller"))

    def test_line_ends_and_byte_order_marks(self):
        two = row() + row()
        for content in (two.replace("\n", "\r\n"), two.replace("\n", "\r"), "\ufeff" + two, two + "\n  \n", two.rstrip("\n")):
            with self.subTest(content[-6:]):
                self.assertEqual([each["outcome"] for each in self.records_of(content)], ["", ""])
        self.assertEqual(len(self.records_of(two.encode("utf-16"))), 2)

    def test_the_file_as_a_whole_is_refused(self):
        for content, code in (
            (b"", "empty"),
            (b"\n \n", "empty"),
            (b"a;b;c\n1;2;3\n", "format"),
            (b"\x89PNG\r\n\x1a\n\x00", "format"),
        ):
            with self.subTest(content), self.assertRaises(formats.ReadError) as caught:
                self.records_of(content)
            self.assertEqual(caught.exception.code, code)


class TestTimes(FormatCase):
    def test_local_time_becomes_utc(self):
        for zone, start, utc in (
            ("Europe/Berlin", "2026-07-01 12:00:00", "2026-07-01 10:00:00"),
            ("Europe/Berlin", "2026-12-01 12:00:00", "2026-12-01 11:00:00"),
            ("America/New_York", "2026-07-01 22:00:00", "2026-07-02 02:00:00"),
            ("Asia/Kolkata", "2026-07-01 02:00:00", "2026-06-30 20:30:00"),
            ("UTC", "2026-07-01 12:00:00", "2026-07-01 12:00:00"),
        ):
            with self.subTest(zone):
                self.assertEqual(self.one(row(start=start), zone=zone)["start_at"], utc)

    def test_the_hour_that_does_not_exist_is_refused(self):
        self.assertEqual(self.reason(row(start="2026-03-29 02:30:00")), "missing_hour")

    def test_the_hour_that_comes_twice_is_settled_by_the_call_id(self):
        first = int(datetime.fromisoformat("2026-10-25 00:30:00+00:00").timestamp())
        rows = self.records_of(
            row(start="2026-10-25 02:30:00", uniqueid=f"{first}.1")
            + row(start="2026-10-25 02:30:00", uniqueid=f"{first + 3600}.2")
        )
        self.assertEqual([each["start_at"] for each in rows], ["2026-10-25 00:30:00", "2026-10-25 01:30:00"])

    def test_the_hour_that_comes_twice_is_refused_without_a_hint(self):
        self.assertEqual(self.reason(row(start="2026-10-25 02:30:00", uniqueid="none")), "ambiguous_hour")

    def test_a_wrong_zone_shows(self):
        rows = "".join(row(start=f"2026-10-05 1{i}:00:00", uniqueid=f"{1791190800 + 3600 * i}.{i}") for i in range(5))
        self.records_of(rows, zone="Europe/Berlin")
        self.assertEqual(self.result.zone_shift, -3600 * 1)
        self.records_of(rows, zone="Europe/London")
        self.assertEqual(self.result.zone_shift, 0)

    @given(
        st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"]),
        st.datetimes(datetime(1995, 1, 1), datetime(2035, 1, 1)),
        st.integers(0, 400),
    )
    @settings(max_examples=60, deadline=None)
    def test_periods_agree_with_python(self, zone, first, days):
        """Each period's offset is one that Python gives for that local time, and periods leave no hole."""
        from datetime import timedelta
        from zoneinfo import ZoneInfo

        first = first.replace(microsecond=0)
        last = first + timedelta(days=days)
        rows = local_time.offset_periods(zone, first, last)
        self.assertEqual([rows[0][0], rows[-1][1]], [first, last + timedelta(seconds=1)])
        self.assertTrue(all(before[1] == after[0] for before, after in itertools.pairwise(rows)))
        tz = ZoneInfo(zone)
        for begin, _end, early, late in rows:
            if early is not None:
                offsets = {begin.replace(tzinfo=tz, fold=fold).utcoffset().total_seconds() for fold in (0, 1)}
                self.assertEqual({early, early if late is None else late}, offsets)


class TestGenericCsv(FormatCase):
    TEXT = (
        "id;when;from;to;status;secs;talk\n"
        "a1;31/10/2026 14:05:00;100;200;Answered;75;70\n"
        "a2;31/10/2026 14:06:00;;200;Lost;20;0\n"
        ";31/10/2026 14:07:00;100;200;Answered;75;70\n"
        "a4;31/10/2026 14:08;100;200;?;75;70\n"
    )
    OPTIONS = {
        "delimiter": ";",
        "header": True,
        "columns": 64,
        "time_format": "dmy",
        "fields": {
            "record_ref": 1,
            "start": 2,
            "caller": 3,
            "called": 4,
            "disposition": 5,
            "total_seconds": 6,
            "talk_seconds": 7,
        },
        "values": {"disposition": {"Lost": "abandoned"}},
    }

    def test_a_mapping_reads_any_columns(self):
        rows = self.records_of(self.TEXT, "generic_csv", **self.OPTIONS)
        self.assertEqual(
            [(each["line_number"], each["start_at"], each["disposition"], each["talk_seconds"], each["reason"]) for each in rows],
            [
                ("2", "2026-10-31 13:05:00", "answered", "70", ""),
                ("3", "2026-10-31 13:06:00", "abandoned", "0", ""),
                ("4", "2026-10-31 13:07:00", "answered", "70", "columns"),
                ("5", "2026-10-31 13:08:00", "", "70", "bad_disposition"),
            ],
        )

    def test_units_of_durations(self):
        for unit, text, seconds in (
            ("seconds", "75", 75), ("seconds", "75.5", 76), ("milliseconds", "75400", 75), ("minutes", "1.25", 75),
            ("minutes", "0.1", 6), ("clock", "0:01:15", 75), ("clock", "1:15", 75), ("clock", "1:00:00.5", 3601), ("clock", "-", 0),
        ):  # fmt: skip
            with self.subTest(unit=unit, text=text):
                options = {"fields": {"start": 1, "total_seconds": 2}, "columns": 64, "delimiter": ",", "duration_unit": unit}
                found = self.one(f"2026-10-05 10:00:00,{text}\n", code="generic_csv", **options)
                self.assertEqual(found["total_seconds"], str(seconds))

    def test_times_that_state_their_offset_or_count_seconds(self):
        for time_format, text in (
            ("iso", "2026-10-05T10:00:00+02:00"), ("iso", "2026-10-05 08:00:00Z"), ("iso", "2026-10-05 10:00"),
            ("epoch", "1791187200"), ("epoch_ms", "1791187200000"), ("mdy", "10/05/2026 10:00:00"),
        ):  # fmt: skip
            with self.subTest(text):
                options = {
                    "fields": {"start": 1, "total_seconds": 2},
                    "columns": 64,
                    "delimiter": ",",
                    "time_format": time_format,
                }
                self.assertEqual(self.one(f"{text},5\n", code="generic_csv", **options)["start_at"], "2026-10-05 08:00:00")

    def test_a_quoted_line_break_is_part_of_its_record_and_a_stray_quote_loses_one_line(self):
        options = {"fields": {"start": 1, "total_seconds": 2, "queue": 3}, "columns": 64, "delimiter": ","}
        text = '2026-10-05 10:00:00,5,"two\nlines"\n2026-10-05 10:00:00,"5,x\n2026-10-05 10:00:01,5,y\n'
        rows = self.records_of(text, "generic_csv", **options)
        self.assertEqual([(each["line_number"], each["queue"], each["reason"]) for each in rows],
                         [("1", "two\nlines", ""), ("3", "", "quotes"), ("4", "y", "")])  # fmt: skip

    def test_two_stray_quotes_lose_two_lines_and_not_those_between(self):
        options = {"fields": {"start": 1, "total_seconds": 2, "queue": 3}, "columns": 64, "delimiter": ","}
        good, stray = '2026-10-05 10:00:00,{},"a ""b"""\n', '2026-10-05 10:00:00,{},"x\n'
        lines = (line.format(seconds) for seconds, line in enumerate((good, stray, good, good, stray, good)))
        rows = self.records_of("".join(lines), "generic_csv", **options)
        self.assertEqual([each["reason"] for each in rows], ["", "quotes", "", "", "quotes", ""])

    def test_a_record_of_several_lines_is_refused_once_and_one_of_too_many_line_by_line(self):
        options = {"fields": {"start": 1, "total_seconds": 2}, "columns": 2, "delimiter": ","}
        for count, reasons in ((40, ["columns", ""]), (60, ["quotes"] * 61 + [""])):
            cells = ",".join(["2026-10-05 10:00:00", "5", *(f'"two\n{line}"' for line in range(count)), "," * 40])
            rows = self.records_of(f"{cells}\n2026-10-05 10:00:00,5\n", "generic_csv", **options)
            self.assertEqual([each["reason"] for each in rows], reasons)

    def test_quotes_in_the_midst_of_fields_swallow_no_record(self):
        lines = [row(), row(account='a"", ""b'), row(), row(account='x"",""'), *(row() for _n in range(5))]
        found = self.records_of("".join(lines))
        self.assertEqual([each["outcome"] for each in found][4:], [""] * 5)
        self.assertEqual(len(found), len(lines))

    def test_texts_of_a_mapping_cannot_reach_files(self):
        options = dict(
            self.OPTIONS, values={"disposition": {"x' THEN (SELECT content FROM read_text('/etc/hostname')) --": "busy"}}
        )
        self.assertEqual(len(self.records_of(self.TEXT, "generic_csv", **options)), 4)


CUSTOM = {
    "delimiter": ",", "columns": 64, "fields": {"caller": 2, "called": 3, "start": 9, "total_seconds": 12, "talk_seconds": 13,
    "disposition": 14, "account_code": 16, "record_ref": 17}}  # fmt: skip


class TestCustomTemplate(FormatCase):
    """Asterisk's ``cdr_custom`` as a user may write it: all quoted, durations with fractions, times as epochs, outcomes
    as numbers."""

    OUTCOMES = {"8": "answered", "4": "busy", "2": "failed", "1": "no_answer", "0": "no_answer"}

    def line(self, number, disposition="8", duration="65.204817", billsec="60.104512", start="1791187200.25"):
        cells = (
            f"""""A"" <{number}>""", number, "200", "from-trunk", "PJSIP/t-1", "PJSIP/201-1", "Dial", "PJSIP/201,20", start,
            "1791187205.31", "1791187265.46", duration, billsec, disposition, "3", "acme", f"1791187200.{number}", "",
        )  # fmt: skip
        return ",".join(f'"{cell}"' for cell in cells) + f",{number}\n"

    def told_lines(self, *lines):
        names = ("start_at", "disposition", "talk_seconds", "total_seconds", "account_code", "reason")
        options = {**CUSTOM, "time_format": "epoch", "duration_unit": "seconds", "values": {"disposition": self.OUTCOMES}}
        return self.told("".join(lines), "generic_csv", *names, **options)

    def test_a_line_becomes_a_record(self):
        self.assertEqual(self.told_lines(self.line(1)), [("2026-10-05 08:00:00", "answered", "60", "65", "acme", "")])

    def test_outcomes_are_numbers(self):
        missed = {"billsec": "0.000000", "duration": "19.500000"}
        found = self.told_lines(*(self.line(number, disposition=str(number), **missed) for number in (0, 1, 2, 4)))
        self.assertEqual([each[1:4] for each in found],
                         [("no_answer", "0", "20"), ("no_answer", "0", "20"), ("failed", "0", "20"), ("busy", "0", "20")])  # fmt: skip

    def test_broken_lines_lose_no_sound_one(self):
        broken = (
            self.line(2)[:150] + "\n", self.line(3, disposition="9"), self.line(4, start="soon"), self.line(5, duration="-1.5", billsec="-1.5"),
            self.line(6).replace('"from', "from"),
        )  # fmt: skip
        reasons = [each[-1] for each in self.told_lines(self.line(1), *broken, self.line(7))]
        self.assertEqual(reasons, ["", "quotes", "bad_disposition", "bad_time", "negative_duration", "quotes", ""])


class TestNumbers(FormatCase):
    @given(
        st.sampled_from([None, "DE", "FR", "IT", "ES", "BR", "US", "AU", "RU", "JP"]),
        st.lists(st.from_regex(r"(\+|00|0|0011|011|1|\+490|00490| )?[0-9]{1,16}", fullmatch=True), min_size=1),
    )
    def test_the_quick_way_to_a_number_agrees_with_the_careful_one(self, country, numbers):
        rules = dialling(country)
        quick = f"SELECT number, {sql.plain_number('number', rules)} FROM (SELECT unnest($numbers) AS number)"
        for number, plain in duckdb.execute(quick, {"numbers": numbers}).fetchall():
            self.assertIn(plain, (None, canonical_number(number, rules)), (country, number))

    def test_numbers_as_europeans_dial_them_take_the_quick_way(self):
        quick = f"SELECT {sql.plain_number('number', dialling('DE'))} FROM (SELECT unnest($numbers) AS number)"
        found = duckdb.execute(quick, {"numbers": ["+49305550100", "0049305550100", "0305550100", "+490305550100"]}).fetchall()
        self.assertEqual(found, [("+49305550100",), ("+49305550100",), ("+49305550100",), (None,)])


class TestLines(FormatCase):
    @given(st.binary(max_size=400))
    @settings(max_examples=60, deadline=None)
    def test_any_bytes_give_records_or_a_refusal(self, noise):
        content = row(uniqueid="1790000000.1").encode() + noise + b"\n"
        try:
            rows = self.records_of(content)
        except formats.ReadError:
            return
        self.assertEqual(len(rows), self.result.read)

    def test_blocks_and_single_records_agree(self):
        with tempfile.NamedTemporaryFile() as stream:
            stream.write(b'a,1\n"b",2\n\n c\r\n"open\nx\x00y\nlast')
            stream.flush()
            self.assertEqual(
                [(number, problem) for number, _line, problem in lines.records(stream.name)],
                [(1, None), (2, None), (4, None), (5, "quotes"), (6, "unreadable"), (7, None)],
            )
        self.assertTrue(lines.is_clean([b"a,1\n", b'"b"\n']))
        for dirty in ([b"a\x00\n"], [b'"a\n'], [b" \n"], [b"a\r\n"], [b"\xff\n"], [b"x" * 70000]):
            self.assertFalse(lines.is_clean(dirty))

    def test_a_header_wider_than_any_phone_system_writes_is_refused(self):
        for code in ("five9", "generic_csv"):
            with self.subTest(code), self.assertRaises(formats.ReadError):
                self.records_of(",".join(f"t{i}" for i in range(2000)) + "\n1,2\n", code, **OPTIONS)

    def test_a_code_belongs_to_one_format(self):
        other = formats.Format(code="asterisk_csv", label="Mine", select=lambda options: "")
        with self.assertRaises(ValueError):
            formats.register(other)


@unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
class TestSamples(FormatCase):
    def test_asterisk_samples(self):
        for name, expected in (
            ("testsuite_Master.csv", [("answered", "7", "")] * 2),
            ("testsuite_Master2.csv", [("answered", "7", "")]),
            (
                "testsuite_cdrlib_good.csv",
                [("answered", "5", ""), ("answered", "7", "talk_longer_than_call"), ("failed", "0", ""), ("no_answer", "0", ""),
                 ("busy", "0", "")],
            ),
        ):  # fmt: skip
            with self.subTest(name):
                rows = self.records_of((SAMPLES / "asterisk_csv" / name).read_bytes(), zone="UTC")
                self.assertEqual([(each["disposition"], each["talk_seconds"], each["reason"]) for each in rows], expected)

    def test_a_custom_template_goes_through_a_mapping(self):
        content = (SAMPLES / "asterisk_custom" / "kelysaina_Master.csv").read_bytes()
        values = {"disposition": {"NO ANSWER": "no_answer"}}
        rows = self.records_of(content, "generic_csv", zone="UTC", **CUSTOM, time_format="iso", values=values)
        self.assertEqual(Counter(each["disposition"] for each in rows), {"answered": 11, "no_answer": 3})
        self.assertEqual({each["reason"] for each in rows}, {""})
        self.assertEqual(sum(int(each["total_seconds"]) for each in rows), 187)
        self.assertEqual(sum(int(each["talk_seconds"]) for each in rows), 78)

    def test_other_systems_are_refused(self):
        for path in sorted(SAMPLES.rglob("*")):
            if path.is_file() and "asterisk_c" not in str(path):
                with self.subTest(path.name), self.assertRaises(formats.ReadError):
                    self.records_of(path.read_bytes())
