from .. import formats
from .format_case import FormatCase

TITLES = (
    "CALL ID,TIMESTAMP,CAMPAIGN,CALL TYPE,SKILL,AGENT,DISPOSITION,ANI,DNIS,CALL TIME,BILL TIME (ROUNDED),COST,IVR TIME,"
    "QUEUE WAIT TIME,RING TIME,TALK TIME,HOLD TIME,PARK TIME,AFTER CALL WORK TIME,ABANDONED"
)
VALUES = {
    "CALL ID": "3001",
    "TIMESTAMP": "Fri, 21 Aug 2026 09:00:06",
    "CAMPAIGN": "Acme Inbound",
    "CALL TYPE": "Inbound",
    "SKILL": "Acme",
    "AGENT": "anna@example.com",
    "DISPOSITION": "Order taken",
    "ANI": "2125550101",
    "DNIS": "8005550100",
    "CALL TIME": "00:03:10",
    "BILL TIME (ROUNDED)": "00:03:12",
    "COST": "$0.042",
    "IVR TIME": "00:00:10.600",
    "QUEUE WAIT TIME": "00:00:20",
    "RING TIME": "00:00:04",
    "TALK TIME": "00:02:30",
    "HOLD TIME": "00:00:20",
    "PARK TIME": "00:00:10",
    "AFTER CALL WORK TIME": "00:00:30",
    "ABANDONED": "0",
}


def row(**values):
    told = {**VALUES, **{key.replace("_", " "): value for key, value in values.items()}}
    return ",".join('"' + told[title].replace('"', '""') + '"' for title in TITLES.split(",")) + "\n"


def log(*rows):
    return TITLES + "\n" + "".join(rows)


class TestFive9(FormatCase):
    def row(self, *names, **values):
        return self.told(log(row(**values)), "five9", *names)[0]

    def test_a_row_becomes_a_record(self):
        found = self.one(log(row()), code="five9", zone="America/New_York")
        expected = {
            "record_ref": "3001/20260821090006/inbound/anna@example.com",
            "group_ref": "3001",
            "direction": "inbound",
            "disposition": "answered",
            "caller": "2125550101",
            "called": "8005550100",
            "queue": "Acme",
            "campaign": "Acme Inbound",
            "agent": "anna@example.com",
            "start_at": "2026-08-21 13:00:06",
            "ring_seconds": "4",
            "queue_seconds": "20",
            "ivr_seconds": "11",
            "talk_seconds": "120",
            "hold_seconds": "30",
            "wrap_seconds": "30",
            "total_seconds": "190",
            "provider_cost": "0.042000",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)

    def test_transfers_repeat_the_call_id_and_are_records_of_one_call(self):
        legs = (
            row(),
            row(TIMESTAMP="Fri, 21 Aug 2026 09:02:00", AGENT="bert@example.com"),
            row(
                TIMESTAMP="Fri, 21 Aug 2026 09:02:00", AGENT="[None]", CALL_TYPE="3rd party transfer", HOLD_TIME="", PARK_TIME=""
            ),
        )
        told = self.told(
            log(*legs), "five9", "outcome", "group_ref", "agent", "talk_seconds", "transfer_seconds", "provider_cost"
        )
        self.assertEqual(
            told,
            [
                ("", "3001", "anna@example.com", "120", "0", "0.042000"),
                ("", "3001", "bert@example.com", "120", "0", "0.042000"),
                ("", "3001", "", "0", "150", "0.042000"),
            ],
        )

    def test_the_same_leg_twice_is_a_duplicate(self):
        self.assertEqual(self.told(log(row(), row()), "five9", "outcome"), [("",), ("duplicate",)])

    def test_who_answered(self):
        quiet = {"TALK_TIME": "", "HOLD_TIME": "", "PARK_TIME": "", "AGENT": "[None]", "DISPOSITION": ""}
        out = {**quiet, "CALL_TYPE": "Outbound"}
        for values, expected in (
            (quiet, ("inbound", "abandoned", "0")),
            ({**quiet, "DISPOSITION": "Abandon"}, ("inbound", "abandoned", "0")),
            ({**quiet, "CALL_TYPE": "Inbound Voicemail"}, ("inbound", "voicemail", "0")),
            (out, ("outbound", "no_answer", "0")),
            ({**out, "ABANDONED": "1"}, ("outbound", "abandoned", "0")),
            ({**out, "DISPOSITION": "Busy"}, ("outbound", "busy", "0")),
            ({**out, "DISPOSITION": "Operator Intercept"}, ("outbound", "failed", "0")),
            ({**out, "DISPOSITION": "Answering Machine"}, ("outbound", "voicemail", "0")),
            ({"CALL_TYPE": "Manual"}, ("outbound", "answered", "120")),
            ({"CALL_TYPE": "Internal"}, ("internal", "answered", "120")),
        ):
            with self.subTest(values):
                self.assertEqual(self.row("direction", "disposition", "talk_seconds", **values), expected)

    def test_only_a_few_columns_are_needed(self):
        content = "Call ID,Date,Time,Call Type,Talk Time Less Hold and Park\n7,2026/08/21,09:00:06,Inbound,00:01:00\n"
        told = self.told(content, "five9", "start_at", "talk_seconds", "total_seconds")
        self.assertEqual(told, [("2026-08-21 07:00:06", "60", "60")])
        for title in ("CALL ID", "TIMESTAMP", "CALL TYPE", "TALK TIME"):
            with self.subTest(title), self.assertRaises(formats.ReadError) as caught:
                self.records_of(log(row()).replace(title, "X", 1), "five9")
            self.assertEqual((caught.exception.code, caught.exception.detail), ("header", title))

    def test_local_time_in_the_hours_of_the_clock_change(self):
        for written, reason in (("Sun, 29 Mar 2026 02:30:00", "missing_hour"), ("Sun, 25 Oct 2026 02:30:00", "ambiguous_hour")):
            self.assertEqual(self.told(log(row(TIMESTAMP=written), row()), "five9", "reason"), [(reason,), ("",)])

    def test_what_cannot_be_used_has_its_reason(self):
        for values, reason in (
            ({"CALL_ID": ""}, "columns"),
            ({"TIMESTAMP": "Fri, 21 Aug"}, "bad_time"),
            ({"TIMESTAMP": ""}, "bad_time"),
            ({"CALL_TYPE": "Seance"}, "bad_direction"),
            ({"TALK_TIME": "two minutes"}, "bad_duration"),
            ({"TALK_TIME": "00:00:05"}, "bad_duration"),  # less than the hold that it holds
            ({"TALK_TIME": "00:10:00"}, "talk_longer_than_call"),
            ({"TALK_TIME": "999:00:00", "CALL_TIME": "999:00:00"}, "absurd_duration"),
        ):
            with self.subTest(values):
                self.assertEqual(self.told(log(row(**values), row()), "five9", "reason"), [(reason,), ("",)])

    def test_a_header_that_comes_again_and_a_row_of_other_width(self):
        rows = self.told(log(row(), TITLES + "\n", row(CALL_ID="2"), row(CALL_ID="3").strip() + ",x,y\n"), "five9", "reason")
        self.assertEqual(rows, [("",), ("",), ("columns",)])
