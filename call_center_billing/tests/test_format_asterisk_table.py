"""Asterisk's CDR table, as SQL pulls and FreePBX write it."""

from .. import formats
from .format_case import FormatCase

FREEPBX = "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,accountcode,uniqueid,userfield"
MORE = FREEPBX + ",did,recordingfile,cnum,cnam,outbound_cnum,outbound_cnam,dst_cnam,linkedid,peeraccount,sequence"


def row(**values):
    """One line of the table, with the columns of ``MORE`` or those named by ``columns``."""
    told = {
        "calldate": "2026-10-05 10:00:00",
        "clid": "100",
        "src": "+491705550111",
        "dst": "600",
        "dcontext": "ext-queues",
        "channel": "PJSIP/trunk-00000001",
        "dstchannel": "PJSIP/201-0000a1b2",
        "lastapp": "Queue",
        "lastdata": '"600,t,,"',
        "duration": "65",
        "billsec": "60",
        "disposition": "ANSWERED",
        "amaflags": "3",
        "accountcode": "acme",
        "uniqueid": "1791187200.7",
        "did": "493055501 00",
    } | values
    columns = told.pop("columns", MORE)
    return ",".join(told.get(name, "") for name in columns.split(",")) + "\n"


class TestAsteriskTable(FormatCase):
    def told_row(self, *names, **values):
        header = values.get("columns", MORE)
        columns = {"columns": header}
        found, _sound = self.told(header + "\n" + row(**values) + row(**columns, src="199"), "asterisk_table", *names)
        return found

    def test_a_row_becomes_a_record(self):
        self.assertEqual(
            self.told_row("start_at", "caller", "called", "queue", "agent", "account_code", "ring_seconds", "talk_seconds",
                          recordingfile="q-600.wav"),
            ("2026-10-05 08:00:00", "+491705550111", "493055501 00", "600", "PJSIP/201", "acme", "5", "60"),
        )  # fmt: skip
        self.assertEqual(self.told_row("recording_ref", "group_ref", "record_ref", recordingfile="q-600.wav"),
                         ("q-600.wav", "1791187200.7", ""))  # fmt: skip

    def test_newer_tables_identify_their_rows(self):
        self.assertEqual(
            self.told_row("record_ref", "group_ref", "sequence", linkedid="1791187200.1", sequence="9"),
            ("1791187200.1/1791187200.7/9", "1791187200.1", "9"),
        )

    def test_columns_are_found_by_name(self):
        columns = "disposition,billsec,duration,lastapp,dstchannel,dst,src,start"
        found = self.told_row("talk_seconds", "called", "direction", columns=columns, start="2026-10-05 10:00:00")
        self.assertEqual(found, ("60", "600", "inbound"))
        with self.assertRaises(formats.ReadError) as caught:
            self.records_of("calldate,src,dst,duration\n1,2,3,4\n", "asterisk_table")
        self.assertEqual(caught.exception.code, "header")

    def test_dispositions_are_words_or_numbers(self):
        for text, word in (("ANSWERED", "answered"), ("8", "answered"), ("0", "no_answer"), ("1", "no_answer"), ("2", "failed"),
                           ("4", "busy"), ("16", "failed"), ("no answer", "no_answer")):  # fmt: skip
            with self.subTest(text):
                self.assertEqual(self.told_row("disposition", "reason", disposition=text), (word, ""))

    def test_durations_may_be_fractions_as_text(self):
        self.assertEqual(self.told_row("total_seconds", "talk_seconds", duration="65.402", billsec="59.500"), ("65", "60"))

    def test_a_called_number_is_the_did_and_a_caller_has_a_second_column(self):
        self.assertEqual(self.told_row("called", did=""), ("600",))
        self.assertEqual(self.told_row("caller", src="", cnum="201"), ("201",))

    def test_what_nobody_answered_is_not_talk(self):
        found = self.told_row("disposition", "queue_seconds", "talk_seconds", dstchannel="")
        self.assertEqual(found, ("abandoned", "60", "0"))

    def test_null_as_text_is_nothing(self):
        found = self.told_row(
            "group_ref", "account_code", "called", uniqueid="NULL", linkedid="NULL", accountcode="NULL", did="NULL"
        )
        self.assertEqual(found, ("", "", "600"))

    def test_answer_and_end_are_checked_where_they_are_written(self):
        columns = MORE + ",answer,end"
        for answer, end, reason in (
            ("2026-10-05 10:00:05", "2026-10-05 10:01:05", ""),
            ("0000-00-00 00:00:00", "", ""),
            ("", "2026-10-05 09:00:00", "end_before_start"),
            ("soon", "", "bad_time"),
        ):
            with self.subTest(answer=answer, end=end):
                self.assertEqual(self.told_row("reason", columns=columns, answer=answer, end=end), (reason,))

    def test_the_id_tells_day_from_month(self):
        for text, unique, start in (
            ("5/10/2026 10:00:00", "1791187200.7", "2026-10-05 08:00:00"),
            ("10/5/2026 10:00:00", "1791187200.7", "2026-10-05 08:00:00"),
            ("5/10/2026 10:00:00", "none", ""),
            ("5/10/2026 10:00:00", "1771187200.7", ""),
        ):
            with self.subTest(text=text, unique=unique):
                found = self.told_row("start_at", "reason", calldate=text, uniqueid=unique)
                self.assertEqual(found, (start, "" if start else "bad_time"))

    def test_doubled_rows_are_one_record_and_flags_leave_out(self):
        content = MORE + "\n" + row() + row() + row(amaflags="1") + row(amaflags="OMIT", src="1")
        self.assertEqual([each["outcome"] for each in self.records_of(content, "asterisk_table")],
                         ["", "duplicate", "ignored", "ignored"])  # fmt: skip

    def test_an_unescaped_caller_name_costs_one_row(self):
        content = (
            FREEPBX
            + "\n"
            + row(columns=FREEPBX, clid='"User 10" <114>')
            + row(columns=FREEPBX, clid='"""U"" <114>"')
            + row(columns=FREEPBX)
        )
        rows = self.records_of(content, "asterisk_table")
        self.assertEqual([(each["outcome"], each["talk_seconds"]) for each in rows], [("refused", "0"), ("", "60"), ("", "60")])

    def test_what_cannot_be_used_has_its_reason(self):
        for values, reason in (
            ({"calldate": ""}, "bad_time"),
            ({"duration": "x"}, "bad_duration"),
            ({"billsec": "-1"}, "negative_duration"),
            ({"billsec": "66"}, "talk_longer_than_call"),
            ({"disposition": "MAYBE"}, "bad_disposition"),
            ({"src": '"open'}, "quotes"),
            ({"lastdata": "PJSIP/201,300", "duration": "65", "billsec": "8"}, "columns"),
            ({"sequence": "1,2"}, "columns"),
        ):
            with self.subTest(values):
                rows = self.records_of(MORE + "\n" + row(**values) + row(), "asterisk_table")
                self.assertEqual([each["reason"] for each in rows], [reason, ""])
