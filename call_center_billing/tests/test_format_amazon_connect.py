import json

from .. import formats
from .format_case import FormatCase

AGENT = {
    "Username": "anna",
    "AgentInteractionDuration": 130,
    "CustomerHoldDuration": 10,
    "AfterContactWorkDuration": 0,
    "ConnectedToAgentTimestamp": "2026-08-21T09:00:30Z",
}


def contact(name="c-1", **values):
    return {
        "AWSContactTraceRecordFormatVersion": "2017-03-10",
        "ContactId": name,
        "Channel": "VOICE",
        "InitiationMethod": "INBOUND",
        "InitiationTimestamp": "2026-08-21T09:00:00Z",
        "ConnectedToSystemTimestamp": "2026-08-21T09:00:00Z",
        "DisconnectTimestamp": "2026-08-21T09:03:00Z",
        "LastUpdateTimestamp": "2026-08-21T09:04:00Z",
        "CustomerEndpoint": {"Address": "+12125550101", "Type": "TELEPHONE_NUMBER"},
        "SystemEndpoint": {"Address": "+18005550100", "Type": "TELEPHONE_NUMBER"},
        "Queue": {"Name": "Sales", "Duration": 12, "EnqueueTimestamp": "2026-08-21T09:00:20Z"},
        "Agent": AGENT,
        **values,
    }


class TestAmazonConnect(FormatCase):
    def records(self, *contacts):
        return self.records_of("".join(map(json.dumps, contacts)), "amazon_connect")

    def row(self, *names, **values):
        (found,) = self.records(contact(**values))
        return tuple(found[name] for name in names)

    def test_a_contact_becomes_a_record(self):
        found = self.one(json.dumps(contact(Recording={"Location": "s3/1.wav"})), code="amazon_connect")
        expected = {
            "record_ref": "c-1",
            "group_ref": "c-1",
            "direction": "inbound",
            "disposition": "answered",
            "caller": "+12125550101",
            "called": "+18005550100",
            "queue": "Sales",
            "agent": "anna",
            "recording_ref": "s3/1.wav",
            "start_at": "2026-08-21 09:00:00",
            "version_at": "2026-08-21 09:04:00",
            "ivr_seconds": "20",
            "queue_seconds": "12",
            "talk_seconds": "130",
            "hold_seconds": "10",
            "total_seconds": "172",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)

    def test_objects_follow_one_another_without_a_line_end(self):
        rows = self.records(contact("a", NewKey={"of": ["tomorrow"]}), contact("b"), contact("c"))
        self.assertEqual([each["record_ref"] for each in rows], ["a", "b", "c"])

    def test_a_broken_object_does_not_take_its_neighbours_along(self):
        content = json.dumps(contact("a")) + json.dumps(contact("x"))[:-30] + "}" + json.dumps(contact("b"))
        told = self.told(content, "amazon_connect", "record_ref", "reason")
        self.assertEqual(told, [("a", ""), ("", "unreadable"), ("b", "")])

    def test_after_call_work_comes_later_and_wins_in_any_order(self):
        late = contact(LastUpdateTimestamp="2026-08-21T09:06:00Z", Agent={**AGENT, "AfterContactWorkDuration": 75})
        for order in ([late, contact()], [contact(), late, contact()]):
            rows = self.records(*order)
            self.assertEqual([each["wrap_seconds"] for each in rows if not each["outcome"]], ["75"])

    def test_transfers_share_the_first_contact(self):
        rows = self.records(
            contact("a", NextContactId="b"),
            contact("b", InitiationMethod="TRANSFER", InitialContactId="a", PreviousContactId="a"),
            contact("c", InitiationMethod="QUEUE_TRANSFER", InitialContactId="a", PreviousContactId="b"),
        )
        self.assertEqual([each["group_ref"] for each in rows], ["a", "a", "a"])

    def test_who_answered(self):
        out = {"InitiationMethod": "OUTBOUND", "Queue": None}
        for values, expected in (
            ({"Agent": None}, ("inbound", "abandoned", "0")),
            ({"Agent": None, "Queue": None}, ("inbound", "abandoned", "0")),
            (out, ("outbound", "answered", "130")),
            ({**out, "ConnectedToSystemTimestamp": "2026-08-21T09:00:45Z"}, ("outbound", "answered", "115")),
            ({**out, "ConnectedToSystemTimestamp": None}, ("outbound", "no_answer", "0")),
            ({**out, "ConnectedToSystemTimestamp": None, "DisconnectReason": "TELECOM_BUSY"}, ("outbound", "busy", "0")),
            ({**out, "ConnectedToSystemTimestamp": None, "DisconnectReason": "TELECOM_PROBLEM"}, ("outbound", "failed", "0")),
            (
                {**out, "InitiationMethod": "API", "Agent": None, "AnsweringMachineDetectionStatus": "VOICEMAIL_BEEP"},
                ("outbound", "voicemail", "0"),
            ),
        ):
            with self.subTest(values):
                self.assertEqual(self.row("direction", "disposition", "talk_seconds", **values), expected)

    def test_time_of_a_call_that_stayed_in_the_menu(self):
        self.assertEqual(self.row("ivr_seconds", "total_seconds", Agent=None, Queue=None), ("180", "180"))

    def test_ringing_is_not_talk_and_parties_are_turned_round(self):
        values = {"InitiationMethod": "CALLBACK", "ConnectedToSystemTimestamp": "2026-08-21T09:00:45Z", "Queue": None}
        self.assertEqual(self.row("ring_seconds", "caller", "called", **values), ("15", "+18005550100", "+12125550101"))

    def test_an_outside_party_is_transfer_time(self):
        outside = {"ExternalThirdParty": {"ExternalThirdPartyInteractionDuration": 40}, "Agent": None}
        found = self.row("disposition", "transfer_seconds", InitiationMethod="EXTERNAL_OUTBOUND", **outside)
        self.assertEqual(found, ("answered", "40"))

    def test_what_is_no_call_or_not_over_is_ignored(self):
        for values in ({"Channel": "CHAT"}, {"Channel": "TASK"}, {"InitiationMethod": "MONITOR"}, {"DisconnectTimestamp": None}):
            self.assertEqual(self.row("outcome", **values), ("ignored",))

    def test_what_cannot_be_used_has_its_reason(self):
        for values, reason in (
            ({"ContactId": None}, "columns"),
            ({"InitiationMethod": "MAGIC"}, "bad_direction"),
            ({"InitiationTimestamp": "yesterday"}, "bad_time"),
            ({"InitiationTimestamp": "2026-08-21T09:00:00"}, "bad_time"),  # whose time?
            ({"DisconnectTimestamp": "2026-08-21T08:00:00Z"}, "end_before_start"),
            ({"Agent": {**AGENT, "AgentInteractionDuration": "x"}}, "bad_duration"),
            ({"Agent": {**AGENT, "CustomerHoldDuration": -1}}, "negative_duration"),
        ):
            with self.subTest(values):
                rows = self.records(contact(**values), contact("good"))
                self.assertEqual([each["reason"] for each in rows], [reason, ""])

    def test_another_json_file_is_refused_as_a_whole(self):
        with self.assertRaises(formats.ReadError):
            self.records_of('{"sid": "CA1", "status": "completed"}', "amazon_connect")
