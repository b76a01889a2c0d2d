import json

from .. import formats
from .format_case import FormatCase


def contact(name="901", **values):
    return {
        "contactId": name,
        "masterContactId": "900",
        "contactStart": "2026-08-21T09:00:00.000Z",
        "lastUpdateTime": "2026-08-21T09:05:00.000Z",
        "mediaTypeName": "Phone Call",
        "isOutbound": "False",
        "abandoned": "False",
        "fromAddress": "2125550101",
        "toAddress": "8005550100",
        "skillName": "Acme",
        "campaignName": "Answering",
        "agentId": "17",
        "preQueueSeconds": "5",
        "inQueueSeconds": "13",
        "agentSeconds": "277",
        "holdSeconds": "27",
        "acwSeconds": "0",
        "totalDurationSeconds": "295",
        **values,
    }


class TestNiceCxone(FormatCase):
    def content(self, *contacts):
        return json.dumps({"businessUnitId": 1, "totalRecords": len(contacts), "completedContacts": list(contacts)})

    def row(self, *names, **values):
        return self.told(self.content(contact(**values)), "nice_cxone", *names)[0]

    def test_a_contact_becomes_a_record(self):
        found = self.one(self.content(contact(acwSeconds="40")), code="nice_cxone")
        expected = {
            "record_ref": "901",
            "group_ref": "900",
            "direction": "inbound",
            "disposition": "answered",
            "caller": "2125550101",
            "called": "8005550100",
            "queue": "Acme",
            "campaign": "Answering",
            "agent": "17",
            "start_at": "2026-08-21 09:00:00",
            "version_at": "2026-08-21 09:05:00",
            "queue_seconds": "13",
            "ivr_seconds": "5",
            "talk_seconds": "250",
            "hold_seconds": "27",
            "wrap_seconds": "40",
            "total_seconds": "295",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)

    def test_after_call_work_comes_later_and_counts(self):
        late = contact(acwSeconds="40", lastUpdateTime="2026-08-21T09:15:00.000Z")
        told = self.told(self.content(late, contact()), "nice_cxone", "outcome", "wrap_seconds")
        self.assertEqual(told, [("", "40"), ("duplicate", "0")])

    def test_who_answered(self):
        quiet = {"agentSeconds": "0", "holdSeconds": "0", "agentId": "0"}
        for values, expected in (
            ({**quiet, "abandoned": "True"}, ("inbound", "abandoned", "", "0")),
            (quiet, ("inbound", "abandoned", "", "0")),
            ({**quiet, "isOutbound": "True"}, ("outbound", "no_answer", "", "0")),
            ({"isOutbound": "True"}, ("outbound", "answered", "17", "250")),
            ({"isOutbound": True}, ("outbound", "answered", "17", "250")),
            ({"mediaTypeName": "VoiceMail"}, ("inbound", "voicemail", "17", "250")),
        ):
            with self.subTest(values):
                self.assertEqual(self.row("direction", "disposition", "agent", "talk_seconds", **values), expected)

    def test_chats_mails_and_work_items_are_ignored(self):
        for medium in ("Chat", "E-Mail", "Work Item", "3"):
            self.assertEqual(self.row("outcome", mediaTypeName=medium), ("ignored",))

    def test_what_cannot_be_used_has_its_reason(self):
        for values, reason in (
            ({"contactId": None}, "columns"),
            ({"isOutbound": "maybe"}, "bad_direction"),
            ({"contactStart": "08/21/2026 09:00"}, "bad_time"),
            ({"inQueueSeconds": "long"}, "bad_duration"),
            ({"holdSeconds": "300"}, "bad_duration"),
            ({"acwSeconds": "-4"}, "negative_duration"),
            ({"agentSeconds": "400"}, "talk_longer_than_call"),
        ):
            with self.subTest(values):
                told = self.told(self.content(contact(**values), contact("good")), "nice_cxone", "reason")
                self.assertEqual(told, [(reason,), ("",)])

    def test_another_json_file_is_refused_as_a_whole(self):
        with self.assertRaises(formats.ReadError):
            self.records_of('{"error": "unauthorized"}', "nice_cxone")
