"""The generic formats and what a sample says of itself: no database."""

import io
import json
import random
import tempfile
import unittest
import unittest.mock
from datetime import datetime, time, timedelta
from pathlib import Path

from openpyxl import Workbook

from .. import formats
from ..formats import detect, generic, lines
from .format_case import SAMPLES, FormatCase

HEADER = "id,start,from,to,status,secs\n"
OPTIONS = {
    "delimiter": ",",
    "header": True,
    "fields": {"record_ref": "id", "start": "start", "caller": "from", "called": "to", "disposition": "status", "total_seconds": "secs"},
}  # fmt: skip
ROW = "1,2026-10-05 10:00:00,100,200,answered,60"


def workbook(*rows):
    book = Workbook()
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


class GenericCase(FormatCase):
    def read_with(self, content, code="generic_csv", fields=None, **options):
        """Records of a content, in UTC; ``fields`` beside those of :data:`OPTIONS`."""
        given = {**OPTIONS, **options, "fields": {**OPTIONS["fields"], **(fields or {})}}
        return self.records_of(content, code, zone="UTC", **given)

    def reason_of(self, line, header=HEADER, **options):
        """Why the first of two records is refused; the second is sound."""
        good = "9,2026-10-05 10:00:00,100,200,answered,60"
        rows = self.read_with(f"{header}{line}\n{good}{',' * (line.count(',') - 5) if header != HEADER else ''}\n", **options)
        return rows[0]["reason"]

    def value(self, text, field, **options):
        """What a text becomes as a field."""
        values = {"start": "2026-10-05 10:00:00", "total_seconds": "0", field: text}
        fields = {name: position for position, name in enumerate(values, 1)}
        (found,) = self.records_of(
            "|".join(values.values()), "generic_csv", zone="UTC", **{"delimiter": "|", "fields": fields, **options}
        )
        return found


class TestGeneric(GenericCase):
    def test_columns_are_found_by_their_titles_in_any_order_and_script(self):
        content = "Anfang;Länge;Číslo\n2026-10-05 10:00:00;60;+49305550100\n"
        fields = {"start": "ANFANG", "total_seconds": "länge", "called": "Číslo"}
        (found,) = self.records_of(content, "generic_csv", zone="UTC", delimiter=";", header=True, fields=fields)
        self.assertEqual((found["total_seconds"], found["called_key"]), ("60", "49305550100"))

    def test_every_column_can_be_mapped(self):
        given = {
            "record_ref": "r1", "group_ref": "g1", "kind": "message", "direction": "outbound", "caller": "100", "called": "200",
            "queue": "sales", "campaign": "c", "skill": "es", "account_code": "acme", "trunk": "t1", "agent": "anna", "recording_ref": "f.wav",
            "quality": "4.1", "disposition": "answered", "ring_seconds": "1", "queue_seconds": "2", "ivr_seconds": "3",
            "talk_seconds": "4", "hold_seconds": "5", "wrap_seconds": "6", "transfer_seconds": "7", "total_seconds": "28",
            "quantity": "2.500000", "provider_cost": "0.012000", "version_at": "2026-10-05 11:00:00", "sequence": "77",
        }  # fmt: skip
        self.assertEqual(set(given) | {"start", "start_time"}, set(generic.FIELDS))
        texts = {"start": "2026-10-05", "start_time": "10:00:00", **given}
        content = f"{','.join(texts)}\n{','.join(texts.values())}\n"
        found = self.one(
            content, code="generic_csv", zone="UTC", delimiter=",", header=True, fields={name: name for name in texts}
        )
        self.assertEqual({name: found[name] for name in given}, given)
        self.assertEqual((found["start_at"], found["reason"]), ("2026-10-05 10:00:00", ""))

    def test_tabs_pipes_and_semicolons_delimit(self):
        for mark in "\t|;":
            with self.subTest(mark):
                (found,) = self.read_with((HEADER + ROW + "\n").replace(",", mark), delimiter=mark)
                self.assertEqual((found["caller"], found["total_seconds"]), ("100", "60"))

    def test_a_workbook_reads_as_text_does_and_real_times_whatever_the_order(self):
        content = workbook(
            ["ID", "Start", "From", "To", "Status", "Secs"],
            [1, datetime(2026, 10, 5, 10), 100, "0049305550100", "answered", 60],
            [None, None, None],
            [2, "05/10/2026 10:00", "+49305550100", 200, "busy", time(0, 1, 15)],
            [3, "2026-10-05T10:00", 1, 2, "answered", timedelta(hours=25)],
            [4, "soon", 1, 2, "answered", 5],
        )
        rows = self.read_with(content, "generic_xlsx", time_format="dmy")
        self.assertEqual(
            [(row["line_number"], row["start_at"], row["called_key"], row["total_seconds"], row["reason"]) for row in rows],
            [
                ("2", "2026-10-05 10:00:00", "49305550100", "60", ""),
                ("4", "2026-10-05 10:00:00", "200", "75", ""),
                ("5", "2026-10-05 10:00:00", "2", "90000", ""),
                ("6", "", "2", "5", "bad_time"),
            ],
        )

    def test_a_workbook_without_titles_reads_by_position(self):
        content = workbook([1, datetime(2026, 10, 5, 10), 60], [2, datetime(2026, 10, 5, 11), 61])
        fields = {"record_ref": 1, "start": 2, "total_seconds": 3}
        rows = self.told(content, "generic_xlsx", "record_ref", "total_seconds", header=False, fields=fields)
        self.assertEqual(rows, [("1", "60"), ("2", "61")])

    def test_json_reads_by_paths(self):
        calls = [{"id": i, "call": {"start": "2026-10-05T10:00:00Z"}, "legs": [{"to": "200"}], "secs": 60.0} for i in (1, 2)]
        fields = {"record_ref": "id", "start": "call.start", "called": "legs[0].to", "total_seconds": "secs"}
        lines_of_json = "\n".join(map(json.dumps, calls))
        for content, inside in (
            (lines_of_json, ""),
            (json.dumps(calls, indent=1), ""),
            (json.dumps({"ok": True, "calls": calls}), "calls"),
            (json.dumps({"data": {"calls": calls}}), "data.calls"),
        ):
            with self.subTest(content[:20]):
                rows = self.told(
                    content, "generic_json", "record_ref", "start_at", "called", "total_seconds", fields=fields, inside=inside
                )
                self.assertEqual(rows, [(f"{i}", "2026-10-05 10:00:00", "200", "60") for i in (1, 2)])

    def test_records_that_differ_only_where_nothing_is_mapped_are_two(self):
        fields = {"start": "start", "total_seconds": "secs"}
        calls = [{"start": "2026-10-05 10:00:00", "secs": 5, "agent": agent} for agent in ("anna", "bert", "anna")]
        content = "\n".join(map(json.dumps, calls))
        self.assertEqual(self.told(content, "generic_json", "outcome", fields=fields), [("",), ("",), ("duplicate",)])
        keys = [each["record_key"] for each in self.records_of(content, "generic_json", fields=fields)]
        more = self.records_of(content, "generic_json", fields={**fields, "agent": "agent"})
        self.assertEqual(keys, [each["record_key"] for each in more])

    def test_a_header_that_lacks_a_column_refuses_the_file(self):
        for content, code in (
            (HEADER.replace("secs", "sex") + ROW, "generic_csv"),
            (HEADER.replace("to", "From") + ROW, "generic_csv"),
            (workbook(["id", "start", "from", "to", "status"], [1, "2026-10-05 10:00:00"]), "generic_xlsx"),
        ):
            with self.subTest(content[:40]), self.assertRaises(formats.ReadError) as caught:
                self.read_with(content, code)
            self.assertEqual(caught.exception.code, "header")

    def test_one_of_two_equal_titles_is_named_by_its_letter(self):
        content = "time,time,secs\n2026-10-05 10:00:00,2026-10-05 10:00:09,60\n"
        fields = {"start": "time (B)", "total_seconds": "secs"}
        self.assertEqual(self.told(content, "generic_csv", "start_at", zone="UTC", header=True, delimiter=",", fields=fields),
                         [("2026-10-05 10:00:09",)])  # fmt: skip

    def test_a_title_line_in_the_midst_is_passed_over(self):
        self.assertEqual(len(self.read_with(HEADER + ROW + "\n" + HEADER + ROW.replace("1,", "2,", 1))), 2)

    def test_lines_that_lost_their_order_are_refused(self):
        self.assertEqual(self.reason_of("1,2026-10-05 10:00:00,100,Smith, John,answered,60"), "columns")
        self.assertEqual(self.reason_of("1,2026-10-05 10:00:00,100,200,answered"), "columns")
        self.assertEqual(self.reason_of("1,2026-10-05 10:00:00,100,200,answered,60,"), "")

    def test_what_a_spreadsheet_damaged_is_refused(self):
        for old, new, reason in (
            ("100", "4.93055E+11", "damaged_number"),
            ("200", '"4,93055E+11"', "damaged_number"),
            ("200", "49305550100.0", "damaged_number"),
            ("1,", "1.79E+09,", "damaged_number"),
            ("2026-10-05 10:00:00", "45932.5", "bad_time"),
            ("2026-10-05 10:00:00", "10/05/2026 10:00", "bad_time"),
            ("2026-10-05 10:00:00", "2026-10-05", "bad_time"),
            ("2026-10-05 10:00:00", "2026-10-05 10:00", ""),
            ("200", "5e10", ""),
        ):
            with self.subTest(new):
                self.assertEqual(self.reason_of(ROW.replace(old, new, 1)), reason)

    def test_a_number_of_more_digits_than_a_workbook_keeps_is_refused(self):
        rows = self.read_with(
            workbook(HEADER.strip().split(","), [17900000000000007, *ROW.split(",")[1:]], ROW.split(",")), "generic_xlsx"
        )
        self.assertEqual([row["reason"] for row in rows], ["damaged_number", ""])

    def test_times_are_read_by_the_rule_and_no_other(self):
        for rule, text, start in (
            ("iso", "2026-10-05T10:00", "2026-10-05 10:00:00"), ("iso", "2026/10/05 10:00", "2026-10-05 10:00:00"),
            ("iso", "20261005100000", "2026-10-05 10:00:00"), ("iso", "2026-10-05 12:00:00.5 +02", "2026-10-05 10:00:00"),
            ("iso", "05/10/2026 10:00", ""), ("dmy", "05/10/2026 10:00", "2026-10-05 10:00:00"),
            ("mdy", "05/10/2026 10:00", "2026-05-10 10:00:00"), ("dmy", "5.10.26 10:00", "2026-10-05 10:00:00"),
            ("dmy", "05.10.2026 10:00:30", "2026-10-05 10:00:30"), ("dmy", "5.10.26 10:00:30.123456", "2026-10-05 10:00:30"),
            ("mdy", "10/05/26 1:00 PM", "2026-10-05 13:00:00"), ("dmy", "05-Oct-2026 10:00:00", "2026-10-05 10:00:00"),
            ("dmy", "10/31/2026 10:00", ""), ("mdy", "31/10/2026 10:00", ""), ("dmy", "2026-10-05 10:00", ""),
            ("mdy", "Oct 5, 2026 10:00 AM", "2026-10-05 10:00:00"), ("serial", "46300.5", "2026-10-05 12:00:00"),
            ("serial", "2026-10-05 10:00", ""), ("serial", "463", ""), ("epoch", "46300.5", ""), ("epoch", "0", ""),
            ("epoch", "9223372036854.775807", ""), ("iso", "0000-00-00 00:00:00", ""), ("iso", "9999-12-31 23:59:59", ""),
        ):  # fmt: skip
            with self.subTest(rule=rule, text=text):
                content = f"{text}|2026|5\n1|x|1\n" + {"serial": "46300|x|1\n", "epoch": "1790000000|x|1\n"}.get(rule, "")
                good = {"iso": "2026-10-05 10:00", "dmy": "31/10/2026 10:00", "mdy": "10/31/2026 10:00"}.get(rule)
                content += f"{good}|x|1\n" if good else ""
                fields = {"start": 1, "total_seconds": 3}
                found = self.records_of(content, "generic_csv", zone="UTC", delimiter="|", fields=fields, time_format=rule)[0]
                self.assertEqual((found["start_at"], found["reason"]), (start, "" if start else "bad_time"))

    def test_only_a_call_needs_a_time_of_day(self):
        options = {"kind": "agent_time", "duration_unit": "hours", "time_format": "dmy"}
        fields = {"start": 1, "total_seconds": 2}
        found = self.one("05/10/2026|7.5\n", code="generic_csv", zone="UTC", delimiter="|", fields=fields, **options)
        self.assertEqual(
            (found["kind"], found["talk_seconds"], found["start_at"]), ("agent_time", "27000", "2026-10-05 00:00:00")
        )

    def test_numbers_are_read_with_their_decimal_sign_only(self):
        for sign, text, seconds in (
            (".", "1.5", "90"),
            (",", "1,5", "90"),
            (",", "1.500", None),
            (".", "1,5", None),
            (",", "9" * 15, None),
        ):
            with self.subTest(sign=sign, text=text):
                content = f"2026-10-05 10:00:00|{text}\n2026-10-05 10:00:00|1\n"
                options = {
                    "decimal": sign,
                    "duration_unit": "minutes",
                    "fields": {"start": 1, "total_seconds": 2},
                    "delimiter": "|",
                }
                found = self.records_of(content, "generic_csv", **options)[0]
                self.assertEqual(found["total_seconds"] if not found["reason"] else None, seconds)

    def test_quantities_and_costs(self):
        kinds = {"kind": "message"}
        self.assertEqual(self.value("2.5", "quantity", **kinds)["quantity"], "2.500000")
        self.assertEqual(self.value("-", "quantity")["quantity"], "1.000000")
        self.assertEqual(self.value("-0.0085", "provider_cost")["provider_cost"], "0.008500")
        for text, field, options, reason in (("", "quantity", kinds, "bad_quantity"), ("x", "quantity", {}, "bad_quantity"),
                                             ("-1", "quantity", {}, "bad_quantity"), ("$1", "provider_cost", {}, "bad_cost")):  # fmt: skip
            with self.subTest(text=text, field=field):
                content = f"2026-10-05 10:00:00|0|{text}\n2026-10-05 10:00:00|0|1\n"
                fields = {"start": 1, "total_seconds": 2, field: 3}
                rows = self.records_of(content, "generic_csv", delimiter="|", fields=fields, **options)
                self.assertEqual([each["reason"] for each in rows], [reason, ""])

    def test_words_of_the_file_become_ours(self):
        values = {"kind": {"Chat": "message", "": "call"}, "direction": {"OUT": "outbound"}}
        content = "Chat|out|2026-10-05 10:00:00\n|Inbound|2026-10-05 10:00:00\nmail|out|2026-10-05 10:00:00\ncall|x|2026-10-05 10:00:00\n"
        fields = {"kind": 1, "direction": 2, "start": 3}
        rows = self.told(content, "generic_csv", "kind", "direction", "reason", delimiter="|", fields=fields, values=values)
        self.assertEqual(rows, [("message", "outbound", ""), ("call", "inbound", ""), ("", "outbound", "bad_kind"),
                                ("call", "", "bad_direction")])  # fmt: skip

    def test_what_no_column_tells_is_as_the_mapping_says(self):
        options = {"kind": "outcome", "direction": "outbound", "disposition": "voicemail"}
        found = self.value("x", "queue", **options)
        self.assertEqual((found["kind"], found["direction"], found["disposition"]), ("outcome", "outbound", "voicemail"))

    def test_records_are_left_out_by_the_texts_of_a_column(self):
        content = HEADER + ROW + "\n" + ROW.replace("1,", "2,", 1).replace("200", "Chat") + "\n" + ",x,100,fax,?,x\n"
        rows = self.read_with(content, ignore=[("to", ["chat", "FAX"]), ("status", [])])
        self.assertEqual([each["outcome"] for each in rows], ["", "ignored", "ignored"])

    def test_time_that_nobody_answered_is_not_talk(self):
        fields = {"start": 1, "disposition": 2, "talk_seconds": 3}
        content = "2026-10-05 10:00:00|no_answer|9\n2026-10-05 10:00:00|answered|9\n"
        rows = self.told(content, "generic_csv", "talk_seconds", "total_seconds", delimiter="|", fields=fields)
        self.assertEqual(rows, [("0", "9"), ("9", "9")])

    def test_hold_is_taken_out_of_talk_that_contains_it(self):
        fields = {"start": 1, "talk_seconds": 2, "hold_seconds": 3}
        content = "2026-10-05 10:00:00|60|20\n2026-10-05 10:00:00|60|61\n"
        rows = self.records_of(content, "generic_csv", delimiter="|", fields=fields, hold_in_talk=True)
        self.assertEqual([(each["talk_seconds"], each["total_seconds"], each["reason"]) for each in rows],
                         [("40", "60", ""), ("0", "60", "negative_duration")])  # fmt: skip

    def test_an_id_with_an_epoch_settles_the_hour_that_comes_twice(self):
        content = "1792888200.7|2026-10-25 02:30:00\n1792891800.8|2026-10-25 02:30:00\nx|2026-10-25 02:30:00\n"
        rows = self.records_of(content, "generic_csv", delimiter="|", fields={"record_ref": 1, "start": 2})
        self.assertEqual([each["start_at"] or each["reason"] for each in rows],
                         ["2026-10-25 00:30:00", "2026-10-25 01:30:00", "ambiguous_hour"])  # fmt: skip

    def test_a_file_that_is_no_workbook_is_refused_as_a_whole(self):
        book = workbook(HEADER.strip().split(","), ROW.split(","))
        for content in (b"id,start\n1,2\n", book[: len(book) // 2], b"PK\x03\x04" + b"x" * 100):
            with self.subTest(content[:9]), self.assertRaises(formats.ReadError) as caught:
                self.read_with(content, "generic_xlsx")
            self.assertEqual(caught.exception.code, "format")

    def test_records_set_aside_are_read_again(self):
        options = {**OPTIONS, "header": True}
        book = [json.dumps(dict(zip(("id", "start", "from", "to", "status", "secs"), ROW.split(","), strict=True)))]
        for code, header, texts in (("generic_csv", HEADER, [ROW]), ("generic_xlsx", "", book), ("generic_json", "", book)):
            with self.subTest(code), tempfile.TemporaryDirectory() as workdir:
                path = str(Path(workdir) / "again")
                _places, plain = formats.write_again(path, formats.get(code), header, [(text, False) for text in texts])
                (part,) = formats.read_parts(path, code, options, "UTC", "x", workdir, again=plain)
                self.assertIn("2026-10-05 10:00:00", Path(part.path).read_text())

    def test_broken_and_shuffled_contents_never_crash(self):
        random.seed(1)
        book = workbook(HEADER.strip().split(","), *([i, *ROW.split(",")[1:]] for i in range(5)))
        call = {"id": "1", "start": "2026-10-05 10:00:00", "from": "1", "to": ["2"], "status": {"a": None}, "secs": True}
        for code, good in (("generic_csv", (HEADER + ROW + "\n").encode() * 3), ("generic_xlsx", book),
                           ("generic_json", json.dumps([call] * 3).encode())):  # fmt: skip
            for _i in range(12):
                content = bytearray(good)
                for _j in range(random.randint(1, 6)):
                    content[random.randrange(len(content))] = random.randrange(256)
                content = bytes(content[: random.randint(1, len(content))])
                with self.subTest(code=code, content=content[:60]):
                    try:
                        self.assertEqual(len(self.read_with(content, code)), self.result.read)
                    except formats.ReadError as error:
                        self.assertIn(error.code, ("empty", "format", "header"))


class TestBlocks(FormatCase):
    def test_a_record_of_several_lines_may_lie_across_blocks(self):
        rows = [b'1,"two\r\nlines"\r\n', b"2,x\r\n"] * 20
        with tempfile.NamedTemporaryFile() as stream, unittest.mock.patch.object(lines, "BLOCK_BYTES", 30):
            stream.write(b"".join(rows))
            stream.flush()
            found = list(lines.records(stream.name, span=50))
        self.assertEqual([(line, problem) for _n, line, problem in found], [(b'1,"two\nlines"', None), (b"2,x", None)] * 20)
        self.assertEqual([number for number, _line, _problem in found][:4], [1, 3, 4, 6])

    def test_a_stray_quote_at_the_end_loses_one_line(self):
        with tempfile.NamedTemporaryFile() as stream, unittest.mock.patch.object(lines, "BLOCK_BYTES", 30):
            stream.write(b"1,a\n" * 9 + b'2,"b\n' + b"3,c\n" * 9)
            stream.flush()
            found = [(line, problem) for _n, line, problem in lines.records(stream.name, span=50)]
        self.assertEqual(found, [(b"1,a", None)] * 9 + [(b'2,"b', "quotes")] + [(b"3,c", None)] * 9)

    def test_large_files_are_not_looked_at_line_by_line(self):
        content = (HEADER + "".join(f"{i},2026-10-05 10:00:00,100,200,answered,60\r\n" for i in range(30000))).encode()
        with unittest.mock.patch.object(formats.reader, "examine", side_effect=lines.examine) as looked:
            rows = self.records_of(content, "generic_csv", **OPTIONS)
        self.assertEqual((len(rows), looked.call_count), (30000, 1))


class TestDetect(FormatCase):
    def detect(self, content, chosen=None):
        with tempfile.NamedTemporaryFile() as stream:
            stream.write(content if isinstance(content, bytes) else content.encode())
            stream.flush()
            return detect.detect(stream.name, chosen)

    def places(self, found):
        return {name: column.place for name, column in found.fields.items()}

    def test_a_sample_tells_how_it_is_written(self):
        for content, delimiter, encoding, header in (
            ("id;start;secs\n1;31/10/2026 10:00;1,5\n2;31/10/2026 10:00;2,5\n", ";", "utf-8", True),
            ("id\tstart\tsecs\n1\t31/10/2026 10:00\t5\n", "\t", "utf-8", True),
            ('1|2026-10-05 10:00:00|"x|y"|60\n', "|", "utf-8", False),
            ("id,start,name\n1,2026-10-05 10:00:00,Jürgen Müller\n".encode("cp1252"), ",", "cp1252", True),
            ("id,start,name\n1,2026-10-05 10:00:00,Jürgen\n".encode("utf-16"), ",", "utf-16", True),
            ("id,start,name\n1,2026-10-05 10:00:00,Jürgen\n".encode("utf-16-le"), ",", "utf-16", True),  # no byte order mark
            ("\ufeffid,start,name\n1,2026-10-05 10:00:00,Jürgen\n".encode(), ",", "utf-8", True),
            ("id,start\r1,2026-10-05 10:00:00\r", ",", "utf-8", True),
        ):
            with self.subTest(content[:30]):
                found = self.detect(content)
                self.assertEqual((found.format, found.delimiter, found.encoding, found.header),
                                 ("generic_csv", delimiter, encoding, header))  # fmt: skip

    def test_titles_tell_the_columns(self):
        found = self.detect(
            "Call ID,Start Time (UTC),callerNumber,Talk time [sec],Agent,Note\n1,2026-10-05 10:00:00,5,7,anna,x\n"
        )
        self.assertEqual(self.places(found), {"record_ref": "Call ID", "start": "Start Time (UTC)", "caller": "callerNumber",
                                              "talk_seconds": "Talk time [sec]", "agent": "Agent"})  # fmt: skip
        self.assertEqual((found.time_format, found.duration_unit, found.questions), ("iso", "seconds", []))

    def test_a_unit_in_a_title_belongs_to_durations_only(self):
        found = self.detect("start,queue_seconds,ring_seconds,Queue,agent (h)\n2026-10-05 10:00:00,1,2,sales,x\n")
        self.assertEqual(self.places(found), {"start": "start", "queue_seconds": "queue_seconds", "ring_seconds": "ring_seconds",
                                              "queue": "Queue"})  # fmt: skip

    def test_the_order_of_dates_is_decided_only_where_they_tell(self):
        for texts, order, question in (
            (["31/10/2026 10:00", "01/02/2026 10:00"], "dmy", None),
            (["10/31/2026 10:00", "01/02/2026 10:00"], "mdy", None),
            (["01.02.2026 10:00"], "dmy", None),
            (["05/10/2026 10:00", "06/10/2026 10:00", "31/31/2026 10:00"], None, "date_order"),
            (["31/31/2026 10:00"], None, "times"),
            (["Mon, 05 Oct 2026 10:00:00 +0000"], None, "times"),
            (["31/10/2026 10:00", "10/31/2026 10:00"], None, "mixed_dates"),
            (["2026-10-05T10:00:00Z"], "iso", None),
            (["1790000000"], "epoch", None),
            (["1790000000000"], "epoch_ms", None),
            (["45932.5"], "serial", "serial"),
            (["05-Oct-2026 10:00:00"], "dmy", None),
        ):
            with self.subTest(texts):
                found = self.detect("start,talk (s)\n" + "".join(f"{text},5\n" for text in texts))
                self.assertEqual(
                    (found.time_format, [code for code, _detail in found.questions]), (order, [question] if question else [])
                )

    def test_the_epoch_in_an_id_tells_the_order(self):
        found = self.detect("uniqueid,start,billsec\n1791190800.7,05/10/2026 10:00,5\n")
        self.assertEqual(found.time_format, "dmy")

    def test_the_unit_of_durations_is_told_by_title_or_shape(self):
        for title, text, unit, question in (
            ("duration_ms", "65000", "milliseconds", None), ("Duration (min)", "1.5", "minutes", None), ("hours", "1.5", "hours", None),
            ("duration", "0:01:05", "clock", None), ("duration", "65", "seconds", "seconds"), ("duration", "1:05\nx,0:07\nx,0:08\nx,0:09\nx,7", "clock", None), ("duration", "1:05\nx,7", None, "unit"), ("duration", "1.5", None, "unit"),
            ("duration", "65000", None, "unit"),
        ):  # fmt: skip
            with self.subTest(title=title, text=text):
                found = self.detect(f"start,{title}\n2026-10-05 10:00:00,{text}\n2026-10-05 10:00:00,{text}\n")
                self.assertEqual(
                    (found.duration_unit, [code for code, _detail in found.questions]), (unit, [question] if question else [])
                )

    def test_a_date_and_its_time_may_be_two_columns(self):
        found = self.detect("Date,Time,Talk Time,To\n31/10/2026,10:00,00:01:05,200\n")
        self.assertEqual(self.places(found), {"start": "Date", "start_time": "Time", "talk_seconds": "Talk Time", "called": "To"})

    def test_without_titles_only_the_start_is_guessed_and_asked(self):
        found = self.detect("1,2026-10-05 10:00:00,2026-10-05 10:01:00,100,60\n2,2026-10-05 10:00:00,,100,60\n")
        self.assertEqual((self.places(found), found.questions), ({"start": 2}, [("start", "2")]))

    def test_columns_that_people_chose_are_kept(self):
        found = self.detect(
            "when,start,len\n05/10/2026 10:00,x,5\n31/10/2026 10:00,x,5\n", {"start": "when", "total_seconds": "len"}
        )
        self.assertEqual((self.places(found)["start"], found.time_format), ("when", "dmy"))

    def test_known_words_get_their_meaning_and_others_none(self):
        found = self.detect(
            "start,status,talk (s)\n2026-10-05 10:00:00,NO ANSWER,0\n2026-10-05 10:00:00,ANSWERED,1\n2026-10-05 10:00:00,?,1\n"
        )
        self.assertEqual(found.values["disposition"], {"NO ANSWER": "no_answer"})

    def test_workbooks_and_json_are_known_by_their_content(self):
        found = self.detect(workbook(["Start", "To", "Secs"], [datetime(2026, 10, 5, 10), "200", 60]))
        self.assertEqual(
            (found.format, found.header, found.time_format, self.places(found)["called"]), ("generic_xlsx", True, "iso", "To")
        )
        calls = [{"id": "a", "call": {"startTime": "2026-10-05T10:00:00Z", "to": "200"}, "legs": [{"n": 1}, {"n": 2}]}]
        for document, inside in ((calls, ""), (calls[0], ""), ({"meta": {"n": 1}, "calls": calls}, "calls"),
                                 ({"data": {"calls": calls}}, "data.calls")):  # fmt: skip
            with self.subTest(inside):
                found = self.detect(json.dumps(document))
                self.assertEqual((found.format, found.inside), ("generic_json", inside))
                self.assertEqual(self.places(found), {"start": "call.startTime", "record_ref": "id", "called": "call.to"})

    def test_what_is_no_sample_is_refused_with_its_reason(self):
        for content, code, detail in (
            (b"", "empty", ""), (b" \n\n", "empty", ""), (b"\xd0\xcf\x11\xe0\xa1\xb1", "format", "xls"),
            (b"\x1f\x8b\x08\x00", "format", "compressed"), (b"<html><table>", "format", "markup"),
            (b"\x89PNG\r\n\x1a\n\x00\x01\x02\x03\xff" * 9, "format", "binary"), (b"PK\x03\x04abc", "format", "workbook"),
        ):  # fmt: skip
            with self.subTest(content[:9]), self.assertRaises(formats.ReadError) as caught:
                self.detect(content)
            self.assertEqual((caught.exception.code, caught.exception.detail), (code, detail))

    def test_any_bytes_are_taken_or_refused(self):
        random.seed(2)
        for size in (1, 5, 40, 400, 4000):
            for alphabet in (bytes(range(256)), b'0123456789,;:-/ \n"', b'{}[]",:1a\n'):
                content = bytes(random.choice(alphabet) for _i in range(size))
                with self.subTest(content[:40]):
                    try:
                        self.detect(content)
                    except formats.ReadError:
                        continue


@unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
class TestGenericSamples(FormatCase):
    def test_every_sample_is_taken_or_refused(self):
        for path in sorted(SAMPLES.rglob("*")):
            if path.is_file():
                with self.subTest(str(path.relative_to(SAMPLES))):
                    try:
                        found = detect.detect(str(path))
                    except formats.ReadError:
                        continue
                    self.assertTrue(found.columns)
