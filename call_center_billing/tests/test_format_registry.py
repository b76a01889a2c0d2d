"""What the package of formats promises to others: no Odoo, formats of other add-ons, files of any size."""

import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from .. import formats
from ..formats import registry
from ..formats.declare import choose, clock, text, timestamp
from .asterisk import row
from .format_case import FormatCase

ADDON = Path(__file__).resolve().parents[1]
ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
import formats
from formats import detect
assert formats.selection()
print([name for name in sys.modules if name.split(".")[0] == "odoo"])
"""
MEASURED = """
import re, sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import formats
read = seconds = 0
with tempfile.TemporaryDirectory() as workdir:
    for part in formats.read_parts(sys.argv[2], "asterisk_csv", {"hold_near": True}, "Europe/Berlin", "seed", workdir):
        read, seconds = read + part.read, seconds + part.seconds
        part.remove()
print(read, seconds, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def alone(script, *arguments):
    """What a script prints that runs in a process of its own, where nothing but the formats is known."""
    done = subprocess.run(
        [sys.executable, "-c", script, str(ADDON), *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout.strip()


class TestRegistry(FormatCase):
    def example(self, **values):
        """The format of the docstring of :mod:`.declare`."""
        told = {
            "code": "example",
            "label": "Example PBX (CSV)",
            "dialect": registry.Dialect(delimiter=";", header=1),
            "names": {"id": "Call ID", "began": ("Start", "Start time"), "talked": "Talk", "result": "Status"},
            "required": ("id", "began"),
            "fields": {
                "record_ref": text("id"),
                "local_start": timestamp("began"),
                "talk_seconds": clock("talked"),
                "disposition": choose("result", answered=("OK",), no_answer=("Missed", "")),
            },
        }
        return formats.declared(**told | values)

    def test_the_package_knows_nothing_of_odoo(self):
        self.assertEqual(alone(ALONE), "[]")

    def test_another_add_on_brings_a_format(self):
        content = (
            "Status;Start time;Call ID;Talk\nok;2026-10-05 10:00:00;a;1:05\n;2026-10-05 10:01:00;b;\nx;2026-10-05 10:02:00;c;\n"
        )
        with patch.dict(registry._formats):
            formats.register(self.example())
            self.assertIn(("example", "Example PBX (CSV)"), formats.selection())
            names = ("record_ref", "start_at", "disposition", "talk_seconds", "reason")
            self.assertEqual(
                self.told(content, "example", *names),
                [
                    ("a", "2026-10-05 08:00:00", "answered", "65", ""),
                    ("b", "2026-10-05 08:01:00", "no_answer", "0", ""),
                    ("c", "2026-10-05 08:02:00", "", "0", "bad_disposition"),
                ],
            )
        self.assertNotIn("example", dict(formats.selection()))

    def test_a_format_is_registered_once(self):
        with patch.dict(registry._formats):
            mine = formats.register(self.example())
            self.assertIs(formats.register(mine), mine)
            with self.assertRaises(ValueError):
                formats.register(self.example(label="Another one"))


class TestLargeFiles(FormatCase):
    def test_a_line_of_ten_megabytes_is_refused_and_the_rest_loads(self):
        long = row(account="x" * 10_000_000)
        for code, options in (("asterisk_csv", {}), ("generic_csv", {
            "delimiter": ",", "columns": 64, "duration_unit": "seconds", "fields": {"start": 10, "total_seconds": 13}})):  # fmt: skip
            with self.subTest(code):
                found = self.told(row() + long + row(), code, "line_number", "outcome", "reason", **options)
                self.assertEqual(found, [("1", "", ""), ("2", "refused", "too_long"), ("3", "", "")])

    def test_memory_does_not_follow_the_size_of_a_file(self):
        """200,000 rows, read in a process of its own; the rest of a worker's 400 MB is Odoo's."""
        path = self.temporary_file(200_000)
        read, seconds, peak = map(int, alone(MEASURED, path).split())
        self.assertEqual((read, seconds), (200_000, 200_000 * 65))
        self.assertLess(peak // 1024, 300, "megabytes")

    def temporary_file(self, rows):
        """A file of so many calls, a second apart, of several clients, with their own ids."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        begin, path = datetime(2026, 10, 1), Path(folder) / "Master.csv"
        template = row(start="2001-01-01 00:00:00", uniqueid="UNIQUE", called="CALLED")
        with path.open("w", encoding="utf-8") as stream:
            for number in range(rows):
                start = begin + timedelta(seconds=number)
                line = template.replace("2001-01-01 00:00:00", str(start)).replace("UNIQUE", f"1790000000.{number}")
                line = line.replace("2001-01-01 00:00:05", str(start + timedelta(seconds=5)))
                line = line.replace("2001-01-01 00:01:05", str(start + timedelta(seconds=65)))
                stream.write(line.replace("CALLED", f"49305550{number % 1000:03}"))
        return str(path)
