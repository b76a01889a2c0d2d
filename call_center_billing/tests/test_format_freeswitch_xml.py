"""FreeSWITCH's XML records, in files and in the bodies of posts."""

import base64
import tempfile
import unittest
from urllib.parse import quote
from xml.sax.saxutils import escape

from .. import formats
from ..formats.freeswitch_xml import bodies
from .format_case import SAMPLES, FormatCase
from .test_format_freeswitch_json import leg

CODE = "freeswitch_xml"
DECLARATION = '<?xml version="1.0"?>\n'


def document(variables=None, encode=False, extra="", between="\n  "):
    """The XML of a call that rang 5 s and was talked for 60 s."""
    record = leg(variables, encode=encode)

    def elements(values):
        return "".join(f"{between}<{name}>{escape(text)}</{name}>" for name, text in values.items())

    flows = "".join(
        f'<callflow dialplan="XML"><caller_profile>{elements(flow["caller_profile"])}</caller_profile><times/></callflow>'
        for flow in record["callflow"]
    )
    return f'{DECLARATION}<cdr core-uuid="c0"><channel_data/><variables>{elements(record["variables"])}{extra}</variables>{flows}</cdr>'


class TestFreeswitchXml(FormatCase):
    def test_a_document_becomes_a_record(self):
        names = ("record_ref", "start_at", "caller", "called", "account_code", "ring_seconds", "talk_seconds", "disposition")
        expected = [("aaaa-1", "2026-10-05 08:00:00", "+491705550111", "49305550100", "acme", "5", "60", "answered")]
        for encode in (False, True):
            self.assertEqual(self.told(document(encode=encode), CODE, *names), expected)

    def test_files_in_every_shape(self):
        one, two = document(between=""), document({"uuid": "aaaa-2"}, between="")
        bare = [text.removeprefix(DECLARATION) for text in (one, two)]
        for content in (
            f"{document()}\n{document({'uuid': 'aaaa-2'})}\n",
            one + two,
            "\n".join(bare),
            "\ufeff" + one + "\n\n" + two,
            f"{quote(one, safe='')}\n{quote(two, safe='')}\n",
            f"cdr={quote(one, safe='')}\ncdr={quote(two, safe='')}",
            "cdr=" + base64.encodebytes(one.encode()).decode() + "cdr=" + base64.encodebytes(two.encode()).decode(),
            f"cdr={bare[0]}\ncdr={bare[1]}\n",
        ):
            with self.subTest(content[:40]):
                told = self.told(content, CODE, "line_number", "record_ref", "talk_seconds", "reason")
                self.assertEqual(told, [("1", "aaaa-1", "60", ""), ("2", "aaaa-2", "60", "")])

    def test_repeated_elements_and_names_with_dashes(self):
        extra = "<DP_MATCH>a</DP_MATCH><DP_MATCH>b</DP_MATCH><Event-Date-Local>x</Event-Date-Local><uuid>other</uuid>"
        self.assertEqual(self.told(document(extra=extra), CODE, "record_ref", "reason"), [("aaaa-1", "")])

    def test_malformed_documents_cost_only_themselves(self):
        for extra in (
            "<sip_full_from><sip:100@pbx.example>;tag=1</sip_full_from>",
            "<1>x</1>",
            "<a>&nbsp;</a>",
            "<cdr",
            "<a>\x01</a>",
            "<a>&#1;</a>",
        ):
            with self.subTest(extra):
                content = "\n".join((document(), document(extra=extra), document({"uuid": "aaaa-2"})))
                told = self.told(content, CODE, "record_ref", "reason")
                self.assertEqual(told, [("aaaa-1", ""), ("", "unreadable"), ("aaaa-2", "")])

    def test_a_refused_document_is_kept_as_it_was(self):
        with tempfile.NamedTemporaryFile("w", suffix=".xml", encoding="utf-8") as stream:
            stream.write(document(extra="<a>"))
            stream.flush()
            (found,) = formats.preview(stream.name, CODE, {}, "UTC")
        self.assertEqual(found["raw"], document(extra="<a>").removeprefix(DECLARATION))

    def test_entities_and_outside_files_are_not_read(self):
        body = document().removeprefix(DECLARATION).replace("acme", "&x;")
        for attack in (
            f'<!DOCTYPE cdr [<!ENTITY x SYSTEM "file:///etc/hostname">]>{body}',
            f'<!DOCTYPE cdr [<!ENTITY a "aaaaaaaaaa"><!ENTITY x "&a;&a;&a;&a;&a;&a;&a;&a;">]>{body}',
            body,
        ):
            with self.subTest(attack[:40]):
                with self.assertRaisesRegex(ValueError, "document"):
                    bodies(attack.encode(), "text/xml")
                told = self.told(document({"uuid": "sound"}) + attack, CODE, "account_code", "reason")
                self.assertEqual((told[0], told[-1][0]), (("acme", ""), ""))
                self.assertNotIn("", {reason for _account, reason in told[1:]})

    def test_posts(self):
        text = document()
        for body, kind in (
            (text, "text/xml"),
            ("cdr=" + text, "application/x-www-form-plaintext"),
            ("cdr=" + quote(text, safe=""), "application/x-www-form-urlencoded"),
            ("cdr=" + base64.b64encode(text.encode()).decode(), "application/x-www-form-base64-encoded"),
        ):
            with self.subTest(kind):
                (record,) = bodies(body.encode(), kind)
                self.assertEqual((record["variables"], len(record["callflow"])), (leg()["variables"], 2))

    def test_a_body_that_is_none_says_why(self):
        for body, why in (
            (b"", "empty"),
            (b"cdr=%7B%7D", "no document"),
            (b"<cdr>", "well-formed"),
            (b"<cdr/>", "no cdr with variables"),
            (b"<html><variables/></html>", "no cdr with variables"),
            (b"<cdr>" + b"<a>" * 400 + b"</a>" * 400 + b"</cdr>", "well-formed"),
        ):
            with self.subTest(body[:20]), self.assertRaisesRegex(ValueError, why):
                bodies(body, "")

    def test_any_cut_gives_records_or_a_refusal(self):
        text = document() + document({"uuid": "aaaa-2"})
        for content in (text, quote(text)):
            for end in range(0, len(content), len(content) // 12):
                with self.subTest(content[:9], end=end):
                    try:
                        rows = self.records_of(content[:end], CODE)
                    except formats.ReadError:
                        continue
                    self.assertEqual(len(rows), self.result.read)

    def test_documents_are_found_across_the_pieces_a_file_is_read_in(self):
        content = "\n".join(document({"uuid": f"u{i}", "note": "x" * 5000}) for i in range(300))
        self.assertEqual({each["reason"] for each in self.records_of(content, CODE)}, {""})
        self.assertEqual(self.result.read, 300)


@unittest.skipUnless(SAMPLES.exists(), "the samples are not beside this checkout")
class TestSamples(FormatCase):
    def test_documents(self):
        names = ("record_ref", "disposition", "ivr_seconds", "talk_seconds", "reason")
        good = self.sample("freeswitch_xml", "derived_361ab3a0_escaped.cdr.xml")
        bad = self.sample("freeswitch_xml", "transcribed_361ab3a0_malformed.cdr.xml")
        record = ("361ab3a0-fb1f-11e4-a5cc-cb18ef41548e", "abandoned", "8", "0", "")
        self.assertEqual(self.told(good, CODE, *names), [record])
        self.assertEqual(self.told(good + bad, CODE, *names), [record, ("", "", "0", "0", "unreadable")])
