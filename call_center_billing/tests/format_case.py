"""What the tests of formats share: content in, records out, no database."""

import csv
import tempfile
from pathlib import Path

from odoo.tests.common import BaseCase

from .. import formats
from ..formats import record
from .asterisk import row

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"
COLUMNS = [name for name, _type in record.COLUMNS]


class FormatCase(BaseCase):
    def records_of(self, content, code="asterisk_csv", zone="Europe/Berlin", **options):
        """Records of a file's content, as dicts of text."""
        with tempfile.TemporaryDirectory() as workdir:
            path = Path(workdir) / "in"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            self.result = formats.read(str(path), code, options, zone, "test", workdir)
            with open(self.result.path, encoding="utf-8", newline="") as stream:
                rows = [dict(zip(COLUMNS, values, strict=True)) for values in csv.reader(stream)]
        return sorted(rows, key=lambda each: int(each["line_number"]))

    def told(self, content, code, *names, **options):
        """Chosen columns of each record, as a table of text."""
        return [tuple(each[name] for name in names) for each in self.records_of(content, code, **options)]

    def sample(self, *parts):
        """Content of one of the samples beside the checkout."""
        return SAMPLES.joinpath(*parts).read_bytes()

    def one(self, content, **options):
        (found,) = self.records_of(content, **options)
        return found

    def reason(self, content):
        """Why the first of two records is refused; the second is sound."""
        rows = self.records_of(content + row())
        self.assertEqual([each["outcome"] for each in rows], ["refused", ""])
        return rows[0]["reason"]
