import json
import unittest

from .. import formats
from .format_case import SAMPLES, FormatCase

PARTS = ("ring_seconds", "queue_seconds", "ivr_seconds", "talk_seconds", "hold_seconds", "wrap_seconds", "total_seconds")


def session(name, begins, media="voice", **metrics):
    """``begins``: seconds after 09:00; metrics in milliseconds, lists where the system writes several."""
    values = [(key, value) for key, told in metrics.items() for value in (told if isinstance(told, list) else [told])]
    return {
        "mediaType": media,
        "sessionId": name,
        "ani": "tel:+12125550101",
        "dnis": "tel:+18005550100",
        "segments": [{"segmentStart": f"2026-08-21T09:00:{begins:02}.250Z", "queueId": "queue-7", "segmentType": "alert"}],
        "metrics": [{"name": key, "value": value, "emitDate": "2026-08-21T09:10:00.000Z"} for key, value in values],
    }


def conversation(*participants, **values):
    """Participants: pairs (purpose, session)."""
    return {
        "conversationId": "conv-1",
        "conversationStart": "2026-08-21T09:00:00.120Z",
        "conversationEnd": "2026-08-21T09:09:00.000Z",
        "originatingDirection": "inbound",
        "divisionIds": ["division-3"],
        "participants": [
            {"purpose": purpose, "participantName": "queue", "userId": f"user-{told['sessionId']}", "sessions": [told]}
            for purpose, told in participants
        ],
        **values,
    }


CUSTOMER = ("customer", session("c", 0))
IVR = ("ivr", session("i", 0, tIvr=5200))
ACD = ("acd", session("q", 5, tAcd=20000))
ANNA = (
    "agent",
    session("a", 20, tAlert=5000, tTalk=[60000, 30000], tTalkComplete=90000, tHeld=12400, tAcw=45600, tHandle=148000),
)
BERT = ("agent", session("b", 10, tAlert=8000, tAcw=57000, tHandle=57000))


class TestGenesysCloud(FormatCase):
    def records(self, *conversations, **options):
        return self.records_of(json.dumps(list(conversations)), "genesys_cloud", **options)

    def table(self, *participants, **values):
        found = self.records(conversation(*participants, **values))
        return [(each["record_ref"], each["disposition"], *(int(each[part]) for part in PARTS)) for each in found]

    def test_an_agent_session_becomes_a_record_with_the_wait_before_it(self):
        (found,) = self.records(conversation(CUSTOMER, IVR, ACD, ANNA, mediaStatsMinConversationMos=4.2))
        expected = {
            "group_ref": "conv-1",
            "direction": "inbound",
            "caller": "+12125550101",
            "called": "+18005550100",
            "queue": "queue-7",
            "account_code": "division-3",
            "agent": "user-a",
            "quality": "4.2",
            "start_at": "2026-08-21 09:00:20",
            "version_at": "2026-08-21 09:10:00",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)
        self.assertEqual(self.table(CUSTOMER, IVR, ACD, ANNA), [("conv-1/a", "answered", 5, 15, 5, 90, 12, 46, 173)])

    def test_an_agent_who_does_not_answer_has_neither_talk_nor_wrap_up(self):
        self.assertEqual(
            self.table(CUSTOMER, ACD, BERT, ANNA),
            [("conv-1/b", "no_answer", 8, 0, 0, 0, 0, 0, 8), ("conv-1/a", "answered", 5, 15, 0, 90, 12, 46, 168)],
        )

    def test_a_conversation_that_nobody_answers_is_one_record_more(self):
        self.assertEqual(
            self.table(CUSTOMER, IVR, ACD, BERT),
            [("conv-1/b", "no_answer", 8, 0, 0, 0, 0, 0, 8), ("conv-1", "abandoned", 0, 20, 5, 0, 0, 0, 25)],
        )
        self.assertEqual(self.table(CUSTOMER, originatingDirection="outbound")[0][1], "no_answer")
        voicemail = ("voicemail", session("v", 30, tVoicemail=9000))
        self.assertEqual(self.table(CUSTOMER, voicemail), [("conv-1", "voicemail", 0, 0, 0, 9, 0, 0, 9)])

    def test_each_wait_is_with_the_agent_who_answered_after_it(self):
        again, carl = ("acd", session("q2", 40, tAcd=7000)), ("agent", session("z", 45, tAlert=2000, tTalk=10000))
        rows = self.table(CUSTOMER, IVR, ACD, ANNA, again, carl)
        self.assertEqual([(row[0], row[3]) for row in rows], [("conv-1/a", 15), ("conv-1/z", 5)])

    def test_a_call_that_a_user_places_has_his_session_as_record(self):
        user = ("user", session("u", 0, tDialing=1000, tContacting=4000, tTalk=30000))
        self.assertEqual(
            self.table(CUSTOMER, user, originatingDirection="outbound"), [("conv-1/u", "answered", 5, 0, 0, 30, 0, 0, 35)]
        )

    def test_chats_and_open_conversations_are_ignored(self):
        chat = conversation(("agent", session("a", 0, media="chat", tTalk=60000)))
        still_open = conversation(CUSTOMER, ANNA, conversationEnd=None)
        rows = self.records(chat, still_open, conversation(CUSTOMER, ANNA, conversationId="conv-2"))
        self.assertEqual([each["outcome"] for each in rows], ["ignored", "ignored", ""])

    def test_shapes_of_a_file(self):
        told = [conversation(CUSTOMER, ANNA, conversationId=name) for name in ("x", "y")]
        for content in (
            json.dumps(told),
            json.dumps({"conversations": told, "totalHits": 2}, indent=2),
            "\n".join(map(json.dumps, told)),
            "".join(map(json.dumps, told)),
        ):
            with self.subTest(content[:20]):
                self.assertEqual(self.told(content, "genesys_cloud", "group_ref"), [("x",), ("y",)])

    def test_a_newer_version_of_a_session_counts(self):
        later = json.loads(json.dumps(ANNA[1]).replace('"value": 45600', '"value": 50000').replace("09:10:00", "09:20:00"))
        rows = self.records(conversation(CUSTOMER, ("agent", later)), conversation(CUSTOMER, ANNA))
        self.assertEqual([(each["outcome"], each["wrap_seconds"]) for each in rows], [("", "50"), ("duplicate", "46")])

    def test_what_cannot_be_used_has_its_reason(self):
        good = conversation(CUSTOMER, ANNA, conversationId="good")
        for broken, reason in (
            ({"id": "x"}, "columns"),
            (conversation(participants="none"), "columns"),
            (conversation(CUSTOMER, ANNA, conversationId=None), "columns"),
            (conversation(CUSTOMER, ANNA, originatingDirection="sideways"), "bad_direction"),
            (conversation(CUSTOMER, ("agent", session("a", 0, tTalk="long"))), "bad_duration"),
            (conversation(CUSTOMER, ("agent", session("a", 0, tTalk=-5000))), "negative_duration"),
            (conversation(CUSTOMER, ("agent", session("a", 0, tTalk=1e12))), "absurd_duration"),
            (json.loads(json.dumps(conversation(ANNA)).replace("T09:00:20.250Z", " soon")), "bad_time"),
            ([1, 2], "unreadable"),
        ):
            with self.subTest(reason=reason, broken=str(broken)[:60]):
                rows = self.records(broken, good)
                self.assertEqual((rows[0]["outcome"], rows[0]["reason"]), ("refused", reason))
                self.assertEqual(rows[-1]["outcome"], "")

    def test_another_json_file_is_refused_as_a_whole(self):
        for content in ('[{"a": 1}]', '{"conversations": [1, null]}', "{{{", '"text"'):
            with self.subTest(content), self.assertRaises(formats.ReadError) as caught:
                self.records_of(content, "genesys_cloud")
            self.assertEqual(caught.exception.code, "format")

    @unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
    def test_samples_are_chats(self):
        for number in (1, 2):
            content = self.sample("genesys_cloud", f"blueprint_conversation{number}.json")
            self.assertEqual(self.told(content, "genesys_cloud", "outcome"), [("ignored",)])
        voice = self.sample("genesys_cloud", "blueprint_conversation1.json").replace(b'"chat"', b'"voice"')
        told = self.told(voice, "genesys_cloud", "disposition", "talk_seconds", "hold_seconds", "ring_seconds")
        self.assertEqual(told, [("answered", "375", "544", "11")])
