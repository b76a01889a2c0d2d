"""Asterisk's queue log: who talked for which queue, how long."""

import itertools
import unittest

from .. import formats
from .format_case import SAMPLES, FormatCase

CODE = "asterisk_queue_log"
LOG = """\
1791180000|NONE|NONE|NONE|QUEUESTART|
1791180060|NONE|sales|PJSIP/201|ADDMEMBER|
1791187190|1791187190.1|NONE|NONE|DID|49305550100
1791187200|1791187190.1|sales|NONE|ENTERQUEUE||+491705550111|1
1791187208|1791187190.1|sales|PJSIP/202|RINGNOANSWER|8000
1791187220|1791187190.1|sales|PJSIP/201|CONNECT|20|1791187212.2|6
1791187280|1791187190.1|sales|PJSIP/201|COMPLETECALLER|20|60|1
1791187300|1791187300.3|sales|NONE|ENTERQUEUE||+491705550112|1
1791187341|1791187300.3|sales|NONE|ABANDON|1|1|41
1791190860|NONE|sales|PJSIP/201|PAUSE|lunch
1791208860|NONE|sales|PJSIP/201|REMOVEMEMBER|
"""
NAMES = ("start_at", "kind", "queue", "agent", "disposition", "ring_seconds", "queue_seconds", "talk_seconds")


class TestAsteriskQueueLog(FormatCase):
    def used(self, content, *names):
        """The records that are not ignored, as a table of text."""
        rows = self.told(content, CODE, "outcome", *names)
        return [row[1:] for row in rows if row[0] != "ignored"]

    def test_a_log_becomes_calls_and_agent_time(self):
        self.assertEqual(
            self.used(LOG, *NAMES),
            [
                ("2026-10-05 08:00:00", "call", "sales", "PJSIP/201", "answered", "6", "14", "60"),
                ("2026-10-05 08:01:40", "call", "sales", "", "abandoned", "0", "41", "0"),
                ("2026-10-05 06:01:00", "agent_time", "sales", "PJSIP/201", "answered", "0", "0", "28800"),
            ],
        )
        self.assertEqual(
            self.used(LOG, "group_ref", "caller", "called", "direction"),
            [
                ("1791187190.1", "+491705550111", "49305550100", "inbound"),
                ("1791187300.3", "+491705550112", "", "inbound"),
                ("", "", "", "inbound"),
            ],
        )

    def test_every_line_comes_out_once(self):
        self.assertEqual([int(each["line_number"]) for each in self.records_of(LOG, CODE)], list(range(1, 12)))

    def test_files_of_one_log_in_any_order_tell_the_same(self):
        lines = LOG.splitlines(keepends=True)
        for cut in (2, 7, 9):
            with self.subTest(cut=cut):
                turned = "".join(lines[cut:] + lines[:cut])
                self.assertEqual(sorted(self.used(turned, *NAMES)), sorted(self.used(LOG, *NAMES)))

    def test_a_call_that_goes_on_is_not_lost_by_an_older_file_behind_it(self):
        newer, older = "1791187220|2.1|sales|PJSIP/201|CONNECT|20|2.2|6\n", "1791180000|NONE|NONE|NONE|QUEUESTART|\n"
        older += "1791180100|1.1|sales|PJSIP/201|CONNECT|20|1.2|6\n1791180200|1.1|sales|PJSIP/201|COMPLETEAGENT|20|100|1\n"
        self.assertEqual(self.used(newer + older, "reason"), [("",)])

    def test_events_that_end_a_stay(self):
        content, expected = "", []
        for number, (event, told) in enumerate(
            (
                ("COMPLETEAGENT|20|60|1", ("answered", "20", "60", "")),
                ("BLINDTRANSFER|700|internal|20|60|1", ("answered", "20", "60", "")),
                ("TRANSFER|700|internal|20|60", ("answered", "20", "60", "")),
                ("ATTENDEDTRANSFER|BRIDGE|9c0de|20|60|1", ("answered", "20", "60", "")),
                ("ATTENDEDTRANSFER|LINK|PJSIP/a|PJSIP/b|20|60|1", ("answered", "20", "60", "")),
                ("EXITWITHTIMEOUT|1|1|20", ("no_answer", "20", "0", "")),
                ("EXITEMPTY|1|1|20", ("no_answer", "20", "0", "")),
                ("EXITWITHKEY|3|1|1|20", ("no_answer", "20", "0", "")),
                ("EXITWITHKEY|3|1", ("no_answer", "80", "0", "")),
                ("TRANSFER|700,internal", ("answered", "0", "0", "bad_duration")),
                ("COMPLETEAGENT|20|-60|1", ("answered", "20", "0", "negative_duration")),
                ("COMPLETEAGENT|20|6x|1", ("answered", "20", "0", "bad_duration")),
                ("COMPLETEAGENT|20|700000|1", ("answered", "20", "700000", "absurd_duration")),
                ("COMPLETEAGENT", ("answered", "0", "0", "bad_duration")),
            ),
            1,
        ):
            content += f"1791187200|{number}.1|sales|NONE|ENTERQUEUE||100|1\n1791187280|{number}.1|sales|PJSIP/201|{event}\n"
            expected.append(told)
        self.assertEqual(self.used(content, "disposition", "queue_seconds", "talk_seconds", "reason"), expected)

    def test_a_line_tells_by_itself_what_the_file_before_began(self):
        self.assertEqual(
            self.used(
                "1791187280|1.1|sales|PJSIP/201|COMPLETECALLER|20|60|1\n1791208860|NONE|sales|PJSIP/201|REMOVEMEMBER|\n", *NAMES
            ),
            [("2026-10-05 08:00:00", "call", "sales", "PJSIP/201", "answered", "0", "20", "60")],
        )

    def test_a_call_without_its_end_is_refused_once_it_must_be_over(self):
        connect = "1791187220|1.1|sales|PJSIP/201|CONNECT|20|1.2|6\n"
        for later, reasons in (
            ("", []),
            ("1791187280|2.1|sales|PJSIP/202|CONNECT|20|2.2|6\n", []),
            ("1791187280|2.1|sales|PJSIP/201|CONNECT|20|2.2|6\n", [("bad_duration",)]),
            ("1791187280|NONE|NONE|NONE|QUEUESTART|\n", [("bad_duration",)]),
            ("1791187280|1.1|sales|PJSIP/201|COMPLETEAGENT|20|60|1\n", [("",)]),
        ):
            with self.subTest(later):
                self.assertEqual(self.used(connect + later, "reason"), reasons)

    def test_time_of_agents_that_log_in(self):
        log = (
            "1791180000|1.1|NONE|Agent/7|AGENTLOGIN|PJSIP/201\n1791180600|1.1|NONE|Agent/7|AGENTLOGOFF|PJSIP/201|600\n"
            "1791180700|NONE|NONE|Agent/8|AGENTCALLBACKLOGOFF|200@in|300|CommandLogoff\n1791180700|NONE|NONE|Agent/9|AGENTLOGOFF|\n"
        )
        self.assertEqual(
            self.used(log, "kind", "agent", "start_at", "talk_seconds", "group_ref", "reason"),
            [
                ("agent_time", "Agent/7", "2026-10-05 06:00:00", "600", "", ""),
                ("agent_time", "Agent/8", "2026-10-05 06:06:40", "300", "", ""),
                ("agent_time", "Agent/9", "2026-10-05 06:11:40", "0", "", "bad_duration"),
            ],
        )

    def test_members_are_paired_within_their_queue(self):
        log = "".join(
            f"{1791180000 + seconds}|NONE|{queue}|PJSIP/201|{event}|\n"
            for seconds, queue, event in (
                (0, "a", "ADDMEMBER"), (10, "b", "ADDMEMBER"), (15, "a", "PAUSE"), (20, "a", "REMOVEMEMBER"),
                (40, "b", "ADDMEMBER"), (50, "b", "REMOVEMEMBER"), (60, "b", "REMOVEMEMBER"),
            )
        )  # fmt: skip
        self.assertEqual(self.used(log, "queue", "talk_seconds"), [("a", "20"), ("b", "10")])

    def test_calls_without_an_id_are_apart(self):
        line = "1791187{}|REALTIME|sales|NONE|{}\n"
        log = line.format(200, "ENTERQUEUE||100|1") + line.format(220, "ABANDON|1|1|20") + line.format(230, "ABANDON|1|1|5")
        self.assertEqual(self.used(log, "caller", "group_ref", "queue_seconds"), [("", "", "20"), ("", "", "5")])

    def test_a_line_read_twice_is_a_duplicate_and_a_second_stay_is_not(self):
        line = "1791187280|1.1|sales|PJSIP/201|COMPLETECALLER|20|60|1\n"
        rows = self.records_of(line + line + line.replace("7280", "7480"), CODE)
        self.assertEqual([each["outcome"] for each in rows], ["", "duplicate", ""])

    def test_what_is_no_event_is_refused(self):
        for text, reason in (
            ("just text\n", "columns"),
            ("today|1.1|sales|NONE|ABANDON|1|1|5\n", "columns"),
            ("1791187280|1.1|sales|NONE|?|1\n", "columns"),
            ("99999999999|1.1|sales|NONE|ABANDON|1|1|5\n", "bad_time"),
            ("0|1.1|sales|NONE|ABANDON|1|1|5\n", "bad_time"),
            ("|" * 60 + "\n", "columns"),
            ("1791187280|1.1|sa\x00les|NONE|ABANDON|1|1|5\n", "unreadable"),
        ):
            with self.subTest(text):
                self.assertEqual(self.used(LOG + text, "reason")[-1], (reason,))
        with self.assertRaises(formats.ReadError):
            self.records_of("a|b|c|d|e\n", CODE)

    def test_quotes_are_letters(self):
        (found,) = self.used('1791187280|1.1|the "best|NONE|ABANDON|1|1|5\n', "queue")
        self.assertEqual(found, ('the "best',))

    def test_a_log_cut_anywhere_is_read(self):
        text = LOG.encode()
        for end in itertools.chain(range(60, len(text), 97), [len(text) - 3]):
            with self.subTest(end=end):
                rows = self.records_of(text[:end], CODE)
                self.assertEqual(len(rows), text[:end].rstrip(b"\n").count(b"\n") + 1)


@unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
class TestSamples(FormatCase):
    def test_queue_log(self):
        rows = self.told(
            self.sample("asterisk_queue_log", "queue_log"), CODE, "outcome", "disposition", "queue_seconds", "talk_seconds"
        )
        self.assertEqual([row[1:] for row in rows if row[0] != "ignored"], [("abandoned", "68", "0"), ("answered", "7", "120")])
