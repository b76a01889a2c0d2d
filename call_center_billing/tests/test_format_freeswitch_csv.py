"""FreeSWITCH's CSV templates."""

import unittest
from collections import Counter

from .. import formats
from ..formats.freeswitch_csv import EARLIER, TEMPLATES
from .format_case import SAMPLES, FormatCase

CALL = {
    "caller_id_name": "Anna",
    "caller_id_number": "+491705550111",
    "ani": "+491705550111",
    "caller_id": '"Anna" <+491705550111>',
    "destination_number": "49305550100",
    "context": "public",
    "channel_name": "sofia/external/1",
    "bridge_channel": "sofia/internal/201",
    "last_app": "bridge",
    "last_arg": "user/201",
    "start_stamp": "2026-10-05 10:00:00",
    "answer_stamp": "2026-10-05 10:00:05",
    "end_stamp": "2026-10-05 10:01:05",
    "duration": "65",
    "billsec": "60",
    "hangup_cause": "NORMAL_CLEARING",
    "uuid": "aaaa-1",
    "bleg_uuid": "bbbb-1",
    "accountcode": "acme",
}


def line(template="example", columns=None, **values):
    """One line of a template, with its spaces: ``columns`` for another choice of columns."""
    told = CALL | values
    text = ",".join(f'"{told.get(name, "")}"' for name in (columns or TEMPLATES[template]).split())
    if template in ("sql", "snom"):
        text = text.replace(f',"{told["accountcode"]}"', f', "{told["accountcode"]}"')
    return f"INSERT INTO cdr VALUES ({text});\n" if template == "sql" else text + "\n"


class TestFreeswitchCsv(FormatCase):
    def told_lines(self, lines, *names, template="example"):
        """Columns of each line; a sound line goes with them."""
        content = "".join(lines) + line(template, uuid="sound")
        return self.told(content, f"freeswitch_csv_{template}", *names)[:-1]

    def test_each_template_becomes_the_same_record(self):
        for template in TEMPLATES:
            with self.subTest(template):
                start, ring = ("2026-10-05 08:00:05", "0") if template == "opencdrrate" else ("2026-10-05 08:00:00", "5")
                group = "aaaa-1" if template in ("opencdrrate", "asterisk") else "bbbb-1"
                names = (
                    "record_ref",
                    "start_at",
                    "group_ref",
                    "caller",
                    "called",
                    "account_code",
                    "ring_seconds",
                    "talk_seconds",
                    "disposition",
                )
                self.assertEqual(
                    self.told_lines([line(template)], *names, template=template),
                    [("aaaa-1", start, group, "+491705550111", "49305550100", "acme", ring, "60", "answered")],
                )

    def test_the_older_example_template_is_shorter(self):
        self.assertEqual(self.told_lines([line(columns=EARLIER["example"])], "account_code", "reason"), [("acme", "")])

    def test_nothing_is_escaped(self):
        names = ['Jo "the boss" Doe', "Doe, Jo", '"', "", "Müller", "A,", '5"6']
        lines = [line(caller_id_name=name, uuid=f"u{i}") for i, name in enumerate(names)]
        self.assertEqual(self.told_lines(lines, "caller", "talk_seconds"), [("+491705550111", "60")] * len(names))
        for template in ("sql", "snom", "asterisk"):
            lines = [line(template, caller_id_name=name, caller_id=f'"{name}" <1>', uuid=f"u{i}") for i, name in enumerate(names)]
            told = self.told_lines(lines, "caller", "account_code", "reason", template=template)
            self.assertEqual(told, [("+491705550111", "acme", "")] * len(names))

    def test_hangup_causes_are_not_dispositions(self):
        cases = (
            ("NORMAL_CLEARING", "60", "answered", "60", "0"),
            ("RECOVERY_ON_TIMER_EXPIRE", "60", "answered", "60", "0"),
            ("USER_BUSY", "60", "busy", "0", "60"),
            ("NO_ANSWER", "60", "no_answer", "0", "60"),
            ("NO_ANSWER", "", "no_answer", "0", "0"),
            ("USER_BUSY", "", "busy", "0", "0"),
            ("ORIGINATOR_CANCEL", "1970", "no_answer", "0", "0"),
            ("UNALLOCATED_NUMBER", "", "failed", "0", "0"),
            ("SOMETHING_NEW", "", "failed", "0", "0"),
        )
        lines = [
            line(
                uuid=f"u{i}",
                hangup_cause=cause,
                billsec=billsec if billsec == "60" else "0",
                answer_stamp={"60": CALL["answer_stamp"], "": "", "1970": "1970-01-01 01:00:00"}[billsec],
            )
            for i, (cause, billsec, *_told) in enumerate(cases)
        ]
        self.assertEqual(self.told_lines(lines, "disposition", "talk_seconds", "ivr_seconds"), [case[2:] for case in cases])

    def test_the_application_tells_what_was_not_talk(self):
        cases = (
            ("bridge", "sofia/internal/201", "answered", "60", "0", "0"),
            ("conference", "", "answered", "60", "0", "0"),
            ("voicemail", "", "voicemail", "60", "0", "0"),
            ("ivr", "", "abandoned", "0", "60", "0"),
            ("callcenter", "", "abandoned", "0", "0", "60"),
            ("callcenter", "sofia/internal/201", "answered", "60", "0", "0"),
        )
        lines = [
            line("asterisk", uuid=f"u{i}", last_app=app, bridge_channel=bridge) for i, (app, bridge, *_told) in enumerate(cases)
        ]
        names = ("disposition", "talk_seconds", "ivr_seconds", "queue_seconds")
        self.assertEqual(self.told_lines(lines, *names, template="asterisk"), [case[2:] for case in cases])

    def test_direction_follows_the_context(self):
        content = line(context="Out", uuid="1") + line(context="in-house", uuid="2") + line(uuid="3")
        options = {"outbound_contexts": ["out"], "internal_contexts": ["in-house"]}
        self.assertEqual(
            self.told(content, "freeswitch_csv_example", "direction", **options), [("outbound",), ("internal",), ("inbound",)]
        )

    def test_both_legs_are_one_call_and_a_retried_line_is_one_record(self):
        content = line() + line(uuid="bbbb-1", bleg_uuid="") + line()
        told = self.told(content, "freeswitch_csv_example", "record_ref", "group_ref", "outcome")
        self.assertEqual(told, [("aaaa-1", "bbbb-1", ""), ("bbbb-1", "bbbb-1", ""), ("aaaa-1", "bbbb-1", "duplicate")])

    def test_what_cannot_be_used_has_its_reason(self):
        cases = (
            (line()[:80] + "\n", "columns"),
            (line()[:70] + line(), "columns"),
            (line(caller_id_name='A","B'), "columns"),
            (line(columns=TEMPLATES["linksys"]), "columns"),
            ("1773500, Anna, 065350450, 90\n", "columns"),
            ("a\n", "columns"),
            ('"\n', "columns"),
            (line(start_stamp=""), "bad_time"),
            (line(answer_stamp="x"), "bad_time"),
            (line(duration="x"), "bad_duration"),
            (line(duration="-1", billsec="-1"), "negative_duration"),
            (line(billsec="66"), "talk_longer_than_call"),
            (line(end_stamp="2026-10-05 09:00:00"), "end_before_start"),
            (line(hangup_cause="", answer_stamp="", billsec="0"), "bad_disposition"),
            (line(uuid=""), "columns"),
            (line(accountcode="a\x00b"), "unreadable"),
            (line(start_stamp="2026-03-29 02:30:00", answer_stamp="", uuid="gap"), "missing_hour"),
        )
        self.assertEqual(
            [row[0] for row in self.told_lines([text for text, _reason in cases], "reason")], [reason for _text, reason in cases]
        )

    def test_other_files_are_refused_as_a_whole(self):
        for template in TEMPLATES:
            other = next(
                each for each in TEMPLATES if len(TEMPLATES[each].split()) not in (13, 15, len(TEMPLATES[template].split()))
            )
            with self.subTest(template), self.assertRaises(formats.ReadError):
                self.records_of(line(other) if template != "sql" else line("example"), f"freeswitch_csv_{template}")


@unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
class TestSamples(FormatCase):
    def test_example_template(self):
        content = self.sample("freeswitch_csv", "transcribed_signalwire_docs.csv")
        told = self.told(content, "freeswitch_csv_example", "disposition", "talk_seconds", "reason")
        self.assertEqual(told, [("no_answer", "0", "")] * 5)

    def test_templates_of_users_are_no_template_of_the_product(self):
        for name in ("CDRImport-2015-10-26.csv", "import_cdr.txt", "import_cdr_100.txt"):
            for template in TEMPLATES:
                with self.subTest(name, template=template), self.assertRaises(formats.ReadError):
                    self.records_of(self.sample("freeswitch_csv", name), f"freeswitch_csv_{template}")

    def test_templates_of_users_go_through_a_mapping(self):
        titled = {"record_ref": "callid", "caller": "caller_id_number", "called": "destination_number", "start": "starting_date",
                  "total_seconds": "duration", "talk_seconds": "billsec"}  # fmt: skip
        long = {"caller": 1, "called": 3, "total_seconds": 4, "talk_seconds": 5, "direction": 7, "record_ref": 8, "start": 10}
        short = {"caller": 1, "called": 3, "total_seconds": 4, "talk_seconds": 5, "record_ref": 7, "start": 8}
        names = ("reason", "start_at", "caller", "talk_seconds")
        for name, options, reasons, first, seconds in (
            ("CDRImport-2015-10-26.csv", {"fields": titled, "header": True}, {"": 5}, ("2015-10-21 10:13:10", "904151440", "50"), 110),
            ("import_cdr.txt", {"fields": long, "time_format": "epoch"}, {"": 5}, ("2012-01-25 20:06:06", "1773500", "11"), 154),
            (  # one line has a talk of -6 seconds
                "import_cdr_100.txt", {"fields": short, "time_format": "epoch"}, {"": 99, "negative_duration": 1},
                ("2012-05-04 03:24:02", "81050000", "78"), 13842,
            ),
        ):  # fmt: skip
            with self.subTest(name):
                rows = self.told(self.sample("freeswitch_csv", name), "generic_csv", *names, delimiter=",", columns=64, **options)
                self.assertEqual((Counter(row[0] for row in rows), rows[0][1:]), (reasons, first))
                self.assertEqual(sum(int(row[3]) for row in rows), seconds)
