import importlib.util
import re
import unittest
from pathlib import Path
from unittest.mock import patch

import polib

from .. import formats
from ..formats import registry
from .format_case import FormatCase

ADDON = Path(__file__).parents[1]
ROOT = ADDON.parent
DOCS = ROOT / "docs"
PAGES = sorted(path for path in (*DOCS.glob("*.md"), *ROOT.glob("*.md")) if DOCS.is_dir())
FOLDERS = "banking|benchmarks|call_center_billing|controllers|deliveries|docs|faults|formats|models|pricing|static|tests|tools|views|wizards"
LABEL = re.compile(r"(?<![*\w])\*([^*\s][^*]*?)\*(?![*\w])")
OF_OTHERS = """
Action|Add a line|Alias Domain|Apps|CDR Enabled Flag|CDR Log Calls with Zero Duration Flag|CDR Management|Call Diagnostics Enabled|Companies|Confirm|
Contract|Export Calls Report|Fiscal Localization|Grant portal access|Incoming Payments|Invoicing|My Account|Outgoing Mail Servers|Reports|
Scheduled Actions|Send|Service|Service Parameters|Serviceability|Settings|Technical|Tools|Update Apps List|Users
"""
"""Words on screens of Odoo, of OCA's add-ons and of phone systems."""


@unittest.skipUnless(PAGES, "The add-on stands by itself")
class TestDocs(FormatCase):
    """What the documentation names is there. Links and pictures are checked by `./run docs`."""

    def test_commands_are_those_of_run(self):
        known = set(re.search(r"^  (demo \|.*)\)$", (ROOT / "run").read_text(), re.MULTILINE)[1].split(" | "))
        for page in PAGES:
            with self.subTest(page.name):
                self.assertLessEqual(set(re.findall(r"\./run ([a-z]+)", page.read_text())), known)

    def test_pages_of_the_list_of_apps_are_what_their_fragments_say(self):
        spec = importlib.util.spec_from_file_location("descriptions", ROOT / "tools/descriptions.py")
        descriptions = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(descriptions)
        for addon in descriptions.addons():
            for file, text in descriptions.texts(addon).items():
                with self.subTest(file.relative_to(ROOT)):
                    self.assertEqual(file.read_text(), text, "Run ./run descriptions")
            pictures = re.findall(r'src="([^"]+)"', descriptions.page(addon)) + [
                Path(name).name for name in descriptions.manifest(addon)["images"]
            ]
            missing = [name for name in [*pictures, "icon.png"] if not (addon / "static/description" / name).is_file()]
            self.assertEqual(missing, [], addon.name)

    def test_errors_of_our_own_are_shown_as_what_they_inherit_from(self):
        shown = (ADDON / "static/src/errors/error_dialogs.esm.js").read_text()
        own = [
            f"{file.stem}.{name}"
            for file in (*ADDON.glob("models/*.py"), *ADDON.glob("wizards/*.py"))
            for name in re.findall(r"^class (\w+)\(\w*(?:Error|Warning)\)", file.read_text(), re.MULTILINE)
        ]
        self.assertTrue(own)
        self.assertEqual([name for name in own if f'"{name}"' not in shown], [])

    def test_paths_are_there(self):
        for page in PAGES:
            named = re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", page.read_text())
            made = {"docs/_build"}  # by ./run docs
            missing = [path for path in named if not ((ROOT / path).exists() or (ADDON / path).exists() or path in made)]
            with self.subTest(page.name):
                self.assertEqual(missing, [])

    def test_menus_fields_and_buttons_are_called_so(self):
        known = self.known()
        for page in DOCS.glob("*.md"):
            with self.subTest(page.name):
                self.assertEqual([label for label in self.labels(page) if self.plain(label) not in known], [])

    def labels(self, page):
        """Every part of what is set in italics, such as ``*Billing > Proof*``; code and tables of links are no labels."""
        text = re.sub(r"```.*?```|`[^`]*`|^    .*$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        found = (re.sub(r"\s+", " ", label) for label in LABEL.findall(text))
        return [part.strip() for label in found for part in label.split(" > ")]

    def known(self):
        texts = [label for _code, label in formats.selection()]
        for file in ROOT.glob("*/i18n/*.pot"):
            texts += [entry.msgid for entry in polib.pofile(str(file))]
        for file in ROOT.glob("*/[vw]*/*.xml"):  # what is newer than the template
            texts += re.findall(r"""(?:string="|menuitem [^>]*name="|<field name="name">)([^"<]+)""", file.read_text())
        return {self.plain(text) for text in (*texts, *OF_OTHERS.replace("\n", "").split("|"))}

    def plain(self, text):
        return re.sub(r"\s*\([^)]*\)$|[.:]+$", "", text).strip()

    def test_the_format_of_the_guide_reads_a_file(self):
        code = re.search(r"```python\n(.*?)```", (DOCS / "extending.md").read_text(), re.DOTALL)[1]
        content = (
            "Start;Call ID;From;To;Talk;Status\n2026-10-05 10:00:00;a;100;200;1:05;ok\n2026-10-05 10:01:00;b;100;200;;lost\n"
        )
        with patch.dict(registry._formats):
            exec(re.sub(r"^from formats", f"from {formats.__name__}", code, flags=re.MULTILINE), {})  # noqa: S102
            self.assertEqual(
                self.told(content, "example", "record_ref", "called", "talk_seconds", "disposition", "reason"),
                [("a", "200", "65", "answered", ""), ("b", "200", "0", "", "bad_disposition")],
            )
