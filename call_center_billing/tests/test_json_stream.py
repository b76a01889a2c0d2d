"""JSON of any shape and size: which records come out of it, and how much memory that takes."""

import io
import json
import tracemalloc
from types import SimpleNamespace
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from .. import formats
from ..formats import json_stream
from .format_case import FormatCase
from .test_format_twilio import call

RECORDS = [{"id": 1, "legs": [{"n": "}{"}]}, {"id": 2, "note": 'a\\"b["'}, {"id": 3, "cost": -1.5e3}]
LINES = "\n".join(json.dumps(each) for each in RECORDS)
SHAPES = {
    "lines": LINES,
    "one after another": LINES.replace("\n", ""),
    "array": json.dumps(RECORDS),
    "indented array": json.dumps(RECORDS, indent=2),
    "array of lines": "[" + LINES.replace("\n", ",\n") + "]",
    "indented, one after another": "\n".join(json.dumps(each, indent=1) for each in RECORDS),
    "envelope": json.dumps({"page": 1, "calls": RECORDS, "next": {"calls": []}}),
    "deep envelope": json.dumps({"data": {"meta": [1], "calls": RECORDS}, "end": True}, indent=1),
}
INSIDE = ("calls", "data.calls")


class JsonCase(FormatCase):
    def values(self, text, *inside):
        return list(json_stream.json_values(io.StringIO(text), inside))

    def refused(self, text, *inside):
        return [content for content, problem in self.values(text, *inside) if problem]

    def lower(self, **limits):
        for name, value in limits.items():
            self.startPatcher(patch.object(json_stream, name, value))


class TestJsonStream(JsonCase):
    def test_every_usual_shape_gives_its_records(self):
        for name, text in SHAPES.items():
            with self.subTest(name):
                self.assertEqual(self.values(text, *INSIDE), [(record, None) for record in RECORDS])

    def test_a_broken_record_loses_no_other_one(self):
        for name, text in SHAPES.items():
            if "envelope" not in name:
                with self.subTest(name):
                    found = self.values(text.replace('"id": 2', '"id": nan,'))
                    self.assertEqual([problem for _content, problem in found], [None, "unreadable", None])
                    self.assertEqual([found[0][0], found[2][0]], [RECORDS[0], RECORDS[2]])
                    self.assertIn("nan,", found[1][0])

    def test_a_broken_record_in_an_envelope_loses_no_other_one(self):
        for name in ("envelope", "deep envelope"):
            with self.subTest(name):
                found = self.values(SHAPES[name].replace('"id": 2', '"id": nan,'), *INSIDE)
                self.assertEqual([problem for _content, problem in found], [None, "unreadable", None])

    def test_a_file_that_was_cut_shows_it(self):
        for text, refused in (
            ('[{"id": 1},\n{"id": 2', ['{"id": 2', "[..."]),
            ('[{"id": 1},\n', ["[..."]),
            ('{"calls": [{"id": 1}], "next":', ["[..."]),
            ('{"id": 1}\n{"id": 2', ['{"id": 2']),
        ):
            with self.subTest(text):
                self.assertEqual(self.refused(text, *INSIDE), refused)

    def test_a_record_ends_where_another_begins(self):
        for text, refused in (
            ('{"id": [1,\n{"id": 2}\n', ['{"id": [1,']),
            ('{"id": "open\n{"id": 2}\n', ['{"id": "open']),
            ('{"id": 1}\nword\nand word\n{"id": 2}\n', ["word", "and word"]),
            ('[{"id": 1}, word, {"id": 2}]', ["word,"]),
            ('[\n {"id": [\n ,{"id": 2}\n]', ['{"id": [']),
            ('{"id": 1}]\n{"id": 2}', ["]"]),
            ('{"id": no}{"id": 2}', ['{"id": no}']),
        ):
            with self.subTest(text):
                self.assertEqual(self.refused(text), refused)
                self.assertIn(({"id": 2}, None), self.values(text))

    def test_a_record_without_end_and_one_nested_without_end_are_refused(self):
        self.lower(MAX_CHARS=1000, MAX_TEXT=50, CHUNK=100)
        long, good = json.dumps({"id": "x" * 5000}), '{"id": 2}'
        for text in (f"{long}\n{good}", f"[{long}, {good}]", f'{{"calls": [{long}, {good}]}}'):
            with self.subTest(text[:12]):
                self.assertEqual(self.values(text, "calls"), [(long[:50], "too_long"), ({"id": 2}, None)])
        self.assertEqual([each[1] for each in self.values("[" * 3000 + "1")], [None, "unreadable"])
        self.assertEqual([each[1] for each in self.values('{"a":' * 3000)], ["too_long"])

    def test_an_envelope_of_any_size_is_gone_into(self):
        self.lower(MAX_CHARS=300, CHUNK=100)
        records = [{"id": number} for number in range(200)]
        for envelope, inside in (({"calls": records, "next": None}, "calls"), ({"data": {"calls": records}}, "data.calls")):
            with self.subTest(inside):
                self.assertEqual(self.values(json.dumps(envelope), inside), [(record, None) for record in records])
        self.assertEqual([each[1] for each in self.values(json.dumps({"other": records}), "calls")], ["too_long"])

    @given(st.sampled_from(list(SHAPES)), st.integers(1, 80), st.integers(0, 400), st.text('{}[]",:\\\n x1', max_size=3))
    @settings(max_examples=300, deadline=None)
    def test_it_does_not_matter_where_the_window_ends(self, name, chunk, place, noise):
        text = SHAPES[name][:place] + noise + SHAPES[name][place:]
        expected = self.values(text, *INSIDE)
        with patch.multiple(json_stream, CHUNK=chunk, KEPT_BEFORE=80, HELD_BACK=80):
            self.assertEqual(self.values(text, *INSIDE), expected)


def reading(text):
    """A text stream whose text is counted as no memory of its reader."""
    taken = [0]

    def take(size):
        taken[0] += size
        return text[taken[0] - size : taken[0]]

    return SimpleNamespace(read=take)


class TestLargeJson(JsonCase):
    def test_a_line_of_ten_megabytes_is_refused_and_the_rest_loads(self):
        good = json.dumps(call())
        content = f"{good}\n" + json.dumps(call(sid="CA-long", note="x" * 10_000_000)) + f"\n{good}\n"
        self.assertEqual(
            self.told(content, "twilio", "outcome", "reason"), [("", ""), ("refused", "too_long"), ("duplicate", "")]
        )

    def test_a_file_of_one_endless_record_says_so(self):
        self.lower(MAX_CHARS=1000, CHUNK=100)
        with self.assertRaises(formats.ReadError) as caught:
            self.records_of(json.dumps({"pages": [call(), call()] * 10}), "twilio")
        self.assertEqual(caught.exception.code, "long")

    def test_memory_follows_the_record_and_not_the_file(self):
        text = ", ".join(json.dumps(call(sid=f"CA{number}", note="x" * 500)) for number in range(12_000))
        for shape in (f"[{text}]", f'{{"page": 0, "calls": [{text}]}}', text.replace(", {", "\n{")):
            with self.subTest(shape[:12]):
                tracemalloc.start()
                self.addCleanup(tracemalloc.stop)
                count = sum(1 for _each in json_stream.json_values(reading(shape), ("calls",)))
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                self.assertEqual(count, 12_000)
                self.assertLess(peak, 60 * 1024 * 1024 if "calls" in shape[:20] else 4 * 1024 * 1024)
