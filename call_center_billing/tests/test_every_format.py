"""Whatever a file, a posted body or a sample holds: records or refusals, and never one record less."""

import itertools
import json
import random
import re
import tempfile
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .. import formats
from ..formats import detect, reader
from .format_case import SAMPLES, FormatCase
from .good_files import GOOD, OPTIONS

CODES = [code for code, _label in formats.selection()]
CELLS = ("", "0", "-5", "1e9", "NULL", "2026-10-05 10:00:00", "2026-10-05T10:00:00Z", "1790000000", "1790000000.1", "00:01:05", "ANSWERED",
         "Inbound", "+49305550100", '"', "\x00", "x" * 300, "\u00fc", "[]", "{}", "true", "-1.5", "99999999999999999999")  # fmt: skip


class TestEveryFormat(FormatCase):
    """Whatever a file holds, each record of it comes out once: usable, refused or to be ignored."""

    def nest(self, name, value):
        """A structured record with a value at a path such as ``a.b[0]``."""
        for step in reversed(re.findall(r"[^.\[\]]+", name)):
            value = [value] if step.isdigit() else {step: value}
        return value

    def shaped(self, fmt, cells):
        """A file that has the format's titles or keys, with any cells."""
        names = fmt.names(OPTIONS) if callable(fmt.names) else fmt.names or {}
        places = [place[0] if isinstance(place, tuple) else place for place in names.values()]
        texts = [place for place in places if isinstance(place, str)]
        rows = [cells[i : i + max(len(texts), 1)] for i in range(0, len(cells), max(len(texts), 1))]
        if fmt.parse:
            records = []
            for row in rows:
                record = {}
                for place, cell in zip(texts, row, strict=False):
                    record.update(self.nest(place, cell))
                records.append(record)
            return "\n".join(json.dumps(each) for each in records)
        mark = fmt.dialect(OPTIONS).delimiter
        return "\n".join([mark.join(texts), *(mark.join(row) for row in rows)])

    def check(self, code, content):
        """A record that the engine drops is an error, and so is any but a refusal of the whole file."""
        try:
            rows = self.records_of(content, code, **OPTIONS)
        except formats.ReadError:
            return
        self.assertEqual((len(rows), len(rows)), (self.result.read, self.result.part.count))
        self.assertEqual(len({each["line_number"] for each in rows}), len(rows))
        self.assertLessEqual({each["outcome"] for each in rows}, {"", "refused", "ignored", "duplicate"})

    def run_each(self, strategy, content_of, examples):
        """Check each format with examples of its own.

        :param content_of: (code, what the strategy gave) -> content of a file
        """
        check = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        for code in CODES:
            with self.subTest(code):
                check(given(strategy)(lambda drawn: self.check(code, content_of(code, drawn))))()  # noqa: B023 called at once

    def test_each_format_has_a_sound_file(self):
        self.assertEqual(set(GOOD), set(CODES))
        for code in CODES:
            with self.subTest(code):
                self.assertLessEqual({each["outcome"] for each in self.records_of(GOOD[code], code, **OPTIONS)}, {"", "ignored"})
                self.assertGreater(self.result.read, 0)

    def test_any_bytes_give_records_or_refusals(self):
        self.run_each(st.binary(max_size=3000), lambda code, noise: noise, 2)

    def test_any_bytes_in_a_sound_file_give_records_or_refusals(self):
        def mutated(code, changes):
            content = GOOD[code] if code == "generic_xlsx" else GOOD[code] * 3
            for place, taken, noise in changes:
                place = place * len(content) // 1000
                content = content[:place] + noise + content[place + taken :]
            return content

        change = st.tuples(st.integers(0, 1000), st.integers(0, 9), st.binary(max_size=30))
        self.run_each(st.lists(change, min_size=1, max_size=6), mutated, 3)

    def test_any_cells_under_the_titles_give_records_or_refusals(self):
        cells = st.lists(st.sampled_from(CELLS) | st.text(max_size=8), min_size=1, max_size=60)
        self.run_each(cells, lambda code, drawn: self.shaped(formats.get(code), drawn).encode("utf-8", "surrogatepass"), 2)

    def test_a_record_that_the_engine_drops_is_no_success(self):
        load = reader._load

        def drop_one(duck, *args):
            load(duck, *args)
            duck.execute("DELETE FROM parsed")

        with patch.object(reader, "_load", drop_one), self.assertRaisesRegex(RuntimeError, "Of 2 records 0 were read"):
            self.records_of(GOOD["asterisk_csv"])

    def test_samples_of_other_systems_are_read_or_refused(self):
        samples = [path for path in sorted(SAMPLES.rglob("*")) if path.is_file()] if SAMPLES.exists() else []
        pairs = list(itertools.product(samples, formats.selection()))
        for path, (code, _label) in random.Random(1).sample(pairs, min(200, len(pairs))):
            with self.subTest(sample=path.name, code=code):
                self.check(code, path.read_bytes()[:20000])


class TestAnyInput(FormatCase):
    """What comes in beside files."""

    def test_any_body_gives_records_or_a_reason(self):
        kinds = st.sampled_from(["", "application/json", "application/x-www-form-urlencoded", "text/xml", "a/b; charset=\u00e9"])
        for code in CODES:
            if formats.get(code).bodies:
                with self.subTest(code):
                    self.fuzz_bodies(formats.get(code).bodies, GOOD[code], kinds)

    def fuzz_bodies(self, bodies, good, kinds):
        noise = st.binary(max_size=200)
        disturbed = st.tuples(st.integers(0, len(good)), noise).map(lambda drawn: good[: drawn[0]] + drawn[1] + good[drawn[0] :])

        @given(noise | disturbed | noise.map(b"cdr=".__add__), kinds)
        @settings(max_examples=60, deadline=None, database=None)
        def run(body, kind):
            try:
                self.assertTrue(all(isinstance(each, dict) for each in bodies(body, kind)))
            except ValueError as error:
                self.assertTrue(str(error))

        run()

    @given(st.sampled_from(sorted(GOOD)), st.binary(max_size=200), st.integers(0, 1000), st.booleans())
    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def test_any_sample_is_told_or_refused(self, code, noise, place, alone):
        place = place * len(GOOD[code]) // 1000
        with tempfile.NamedTemporaryFile() as stream:
            stream.write(noise if alone else GOOD[code][:place] + noise + GOOD[code][place:])
            stream.flush()
            try:
                detect.detect(stream.name)
            except formats.ReadError:
                return
