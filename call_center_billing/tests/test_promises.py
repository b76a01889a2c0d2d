import re
import unittest
from pathlib import Path

from odoo.tests import BaseCase

TESTS = Path(__file__).parent
DOCS = TESTS.parents[1] / "docs"
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


@unittest.skipUnless(DOCS.is_dir(), "The add-on stands by itself")
class TestPromises(BaseCase):
    """What the documents say is proved is proved by a test that is there."""

    def named(self, text):
        return [
            (file, test)
            for file, test in NAMED.findall(text)
            if (TESTS / file).is_file() and f"def {test}(" in (TESTS / file).read_text()
        ]

    def test_every_test_that_a_document_names_is_there(self):
        for name in ("promises.md", "threat-model.md"):
            text = (DOCS / name).read_text()
            with self.subTest(name):
                self.assertGreaterEqual(len(NAMED.findall(text)), 20)
                self.assertEqual(NAMED.findall(text), self.named(text))

    def test_every_promise_has_its_tests(self):
        promises = re.split(r"^\d+\. ", (DOCS / "promises.md").read_text(), flags=re.MULTILINE)[1:]
        self.assertEqual(len(promises), 7)
        for promise in promises:
            with self.subTest(promise.splitlines()[0]):
                self.assertGreaterEqual(len(self.named(promise)), 3)
