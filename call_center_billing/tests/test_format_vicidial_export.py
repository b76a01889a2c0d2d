"""VICIdial's call export."""

from .format_case import FormatCase

TITLES = (
    "call_date phone_number_dialed status user full_name campaign_id vendor_lead_code source_id list_id gmt_offset_now phone_code"
    " phone_number title first_name middle_initial last_name address1 address2 address3 city state province postal_code country_code"
    " gender date_of_birth alt_phone email security_phrase comments length_in_sec user_group alt_dial rank owner lead_id list_name"
    " list_description status_name"
)
EXTENDED = TITLES + (
    " recording_filename wrapup_time queue_time uniqueid caller_code server_ip hangup_cause dialstatus channel dial_time"
    " answered_time cpd_result did_pattern did_id did_description custom_fields"
)
OUTBOUND = {
    "call_date": "2026-10-05 10:00:00",
    "phone_number_dialed": "491705550111",
    "status": "SALE",
    "user": "6001",
    "campaign_id": "AUTUMN",
    "gmt_offset_now": "-5.00",
    "comments": 'said "maybe',
    "length_in_sec": "65",
    "alt_dial": "MAIN",
    "lead_id": "77",
}
INBOUND = OUTBOUND | {"campaign_id": "SALESLINE", "alt_dial": "20.00", "lead_id": "78", "uniqueid": "1791187200.7"}


def export(*rows, titles=TITLES, behind=""):
    lines = ["\t".join(titles.split()), *("\t".join(row.get(title, "") for title in titles.split()) + behind for row in rows)]
    return "\r\n".join(lines) + "\r\n"


class TestVicidialExport(FormatCase):
    def told_export(self, names, *rows, **values):
        return self.told(export(*rows, **values), "vicidial_export", *names)

    def test_calls_of_both_directions(self):
        names = (
            "start_at",
            "direction",
            "caller",
            "called",
            "queue",
            "campaign",
            "agent",
            "queue_seconds",
            "talk_seconds",
            "total_seconds",
        )
        self.assertEqual(
            self.told_export(names, OUTBOUND, INBOUND),
            [
                ("2026-10-05 08:00:00", "outbound", "", "491705550111", "", "AUTUMN", "6001", "0", "65", "65"),
                ("2026-10-05 08:00:00", "inbound", "491705550111", "", "SALESLINE", "", "6001", "20", "45", "65"),
            ],
        )

    def test_extended_fields(self):
        row = INBOUND | {"did_pattern": "49305550100", "wrapup_time": "12", "recording_filename": "a.wav"}
        names = ("group_ref", "called", "wrap_seconds", "talk_seconds", "recording_ref")
        self.assertEqual(self.told_export(names, row, titles=EXTENDED), [("1791187200.7", "49305550100", "12", "45", "a.wav")])

    def test_custom_fields_have_no_titles(self):
        told = self.told_export(("talk_seconds", "reason"), OUTBOUND, titles=EXTENDED, behind="\tred\t\tgreen\t")
        self.assertEqual(told, [("65", "")])

    def test_statuses_and_agents_tell_who_was_reached(self):
        cases = (
            (INBOUND | {"user": "VDCL", "status": "DROP"}, "abandoned", "", "0", "65", "0"),
            (INBOUND | {"user": "VDCL", "status": "AFTHRS"}, "no_answer", "", "0", "65", "0"),
            (INBOUND | {"user": "VDCL", "status": "OWN"}, "abandoned", "", "0", "65", "0"),
            (OUTBOUND | {"user": "VDAD", "status": "NA"}, "no_answer", "", "0", "0", "65"),
            (OUTBOUND | {"user": "VDAD", "status": "AB"}, "busy", "", "0", "0", "65"),
            (OUTBOUND | {"user": "VDAD", "status": "DROP"}, "abandoned", "", "0", "0", "65"),
            (OUTBOUND | {"status": "A"}, "voicemail", "6001", "0", "0", "65"),
            (OUTBOUND | {"status": "DC"}, "failed", "6001", "0", "0", "65"),
            (OUTBOUND | {"status": "OWN"}, "answered", "6001", "65", "0", "0"),
        )
        rows = [row | {"lead_id": str(i)} for i, (row, *_told) in enumerate(cases)]
        names = ("disposition", "agent", "talk_seconds", "queue_seconds", "ring_seconds")
        self.assertEqual(self.told_export(names, *rows), [case[1:] for case in cases])

    def test_what_the_lead_is_now_does_not_make_another_call(self):
        rows = (OUTBOUND, OUTBOUND | {"comments": "new", "status": "CALLBK"}, OUTBOUND | {"call_date": "2026-10-05 10:00:01"})
        self.assertEqual(self.told_export(("outcome",), *rows), [("",), ("duplicate",), ("",)])

    def test_a_queue_may_be_a_rounding_longer_than_the_call(self):
        row = INBOUND | {"length_in_sec": "20", "alt_dial": "20.60"}
        self.assertEqual(self.told_export(("queue_seconds", "talk_seconds", "reason"), row), [("20", "0", "")])

    def test_what_cannot_be_used_has_its_reason(self):
        cases = (
            ({"length_in_sec": ""}, "bad_duration"),
            ({"length_in_sec": "NULL"}, "bad_duration"),
            ({"length_in_sec": "-3"}, "negative_duration"),
            ({"length_in_sec": "x"}, "bad_duration"),
            ({"alt_dial": "90.00"}, "talk_longer_than_call"),
            ({"call_date": ""}, "columns"),
            ({"call_date": "today"}, "bad_time"),
            ({"lead_id": ""}, "columns"),
            ({"comments": "a\x00"}, "unreadable"),
        )
        told = self.told_export(("reason",), *(INBOUND | values for values, _reason in cases), OUTBOUND)
        self.assertEqual(told, [*((reason,) for _values, reason in cases), ("",)])

    def test_a_cut_line_is_refused(self):
        content = export(OUTBOUND, INBOUND)
        told = self.told(content[: content.rindex("\t20.00")], "vicidial_export", "outcome", "reason")
        self.assertEqual(told[0], ("", ""))
        self.assertEqual(told[1], ("refused", "columns"))
