"""Workbooks that unpack to more than is good: refused before they are opened."""

import io
import re
import tempfile
import zipfile
from unittest.mock import patch

from .. import formats
from ..formats import detect, workbook
from .figures import TRIED
from .test_format_generic import HEADER, ROW, GenericCase
from .test_format_generic import workbook as book_of

MIXED = "".join(f"{number:x}" for number in range(40_000))  # hardly packed
SHEET, MANIFEST = "xl/worksheets/sheet1.xml", "[Content_Types].xml"
NAMES = {"manifest": MANIFEST, "sheet": SHEET}


def repacked(content, **entries):
    """The workbook with other content of some entries, ``manifest`` and ``sheet`` or a new one."""
    target, entries = io.BytesIO(), {NAMES.get(name, f"xl/{name}.xml"): text for name, text in entries.items()}
    with zipfile.ZipFile(io.BytesIO(content)) as book, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in {**dict.fromkeys(book.namelist()), **entries}:
            new.writestr(name, entries[name] if name in entries else book.read(name))
    return target.getvalue()


class TestWorkbook(GenericCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.book = book_of(HEADER.strip().split(","), *([i, *ROW.split(",")[1:]] for i in range(3)))
        with zipfile.ZipFile(io.BytesIO(cls.book)) as entries:
            cls.manifest = entries.read(MANIFEST).decode()

    def setUp(self):
        super().setUp()
        limits = {"MAX_UNPACKED": 200_000, "MAX_SHARED": 30_000, "RATIO_FROM": 50_000, "MAX_RATIO": 60}
        self.startPatcher(patch.multiple(workbook, **limits))

    def read_book(self, **entries):
        return self.read_with(repacked(self.book, **entries), "generic_xlsx")

    def assertTooLarge(self, **entries):
        TRIED["hostile files and bodies that were refused"] += 1
        with self.assertRaises(formats.ReadError) as caught:
            self.read_book(**entries)
        self.assertEqual(caught.exception.code, "large")

    def test_a_usual_one_is_read(self):
        self.assertEqual(len(self.read_book(other="<x/>")), 3)

    def test_entities_are_not_followed(self):
        with tempfile.NamedTemporaryFile("w") as secret, zipfile.ZipFile(io.BytesIO(self.book)) as book:
            secret.write("SECRET")
            secret.flush()
            laughs = "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 9))
            for entities in (f'<!ENTITY x8 SYSTEM "file://{secret.name}">', f'<!ENTITY x0 "SECRET">{laughs}'):
                for name, word, used in (
                    ("sheet", "<t>answered", "<t>&x8;answered"),
                    ("manifest", "<Default", "&x8;<Default"),
                    ("workbook", "<sheets", "&x8;<sheets"),
                ):
                    text = re.sub(r"^<\?xml.*?\?>", "", book.read(NAMES.get(name, f"xl/{name}.xml")).decode())
                    self.assertIn(word, text)
                    with self.subTest(name=name, entities=entities[:20]):
                        TRIED["hostile files and bodies that were refused"] += 1
                        told = self.read_or_refused(name, f"<!DOCTYPE x [{entities}]>{text.replace(word, used, 1)}")
                        self.assertNotIn("SECRET", told)

    def read_or_refused(self, name, text):
        try:
            return str(self.read_book(**{name: text}))
        except formats.ReadError as error:
            return str(error)

    def test_what_is_packed_too_well_is_refused(self):
        self.assertTooLarge(media="0" * 60_000)

    def test_what_is_held_in_memory_is_limited_more_than_sheets(self):
        self.assertTooLarge(media=MIXED[:35_000])
        rows = [[i, *ROW.split(",")[1:]] for i in range(300)]
        self.assertEqual(len(self.read_with(book_of(HEADER.strip().split(","), *rows), "generic_xlsx")), 300)

    def test_all_of_it_together_is_limited(self):
        self.assertTooLarge(sheet=MIXED + MIXED)

    def test_a_sheet_that_is_also_something_else_is_no_sheet(self):
        both = f'<Override PartName="/{SHEET}" ContentType="a/sharedStrings+xml"/></Types>'
        self.assertTooLarge(manifest=self.manifest.replace("</Types>", both), sheet=f"<!--{MIXED[:35_000]}-->")

    def test_a_sample_is_limited_like_a_file(self):
        with tempfile.NamedTemporaryFile() as stream:
            stream.write(repacked(self.book, media="0" * 60_000))
            stream.flush()
            with self.assertRaises(formats.ReadError) as caught:
                detect.detect(stream.name)
        self.assertEqual(caught.exception.code, "large")

    def test_another_way_of_packing_is_refused(self):
        target = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(self.book)) as book, zipfile.ZipFile(target, "w", zipfile.ZIP_BZIP2) as new:
            for name in book.namelist():
                new.writestr(name, book.read(name))
        with self.assertRaises(formats.ReadError) as caught:
            self.read_with(target.getvalue(), "generic_xlsx")
        self.assertEqual(caught.exception.code, "format")
