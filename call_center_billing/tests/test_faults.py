import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import config

FAULTS = Path(__file__).parents[2] / "faults" / "main.py"
ONLY = (
    "upload:worker killed:after commit:12",
    "upload:files full:statement:30",
    "push:disk full:statement:149",
    "closing and invoices:deadlock:statement:433",
    "closing and invoices:server crash:before commit:12",
    "closing and invoices:cut in mid-commit:commit:9",
    "payment:worker killed:after commit:10",
    "archive:server crash:after commit:2",
)
"""One of each kind, and those that something was lost by once."""


@tagged("post_install", "-at_install")
@unittest.skipUnless(FAULTS.is_file(), "The add-on stands by itself")
@unittest.skipUnless(list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb"), "No PostgreSQL server")
class TestFaults(BaseCase):
    """The short form of ``./run faults``, with workers and a database server of its own."""

    def test_a_month_with_faults_ends_as_one_without(self):
        command = [sys.executable, FAULTS, "--config", config["config"], "--database", get_db_name()]
        command += ["--cache", Path(config["data_dir"]).parent]
        command += [part for fault in ONLY for part in ("--only", fault)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=500)
        self.assertFalse(done.returncode, done.stdout + done.stderr)
        self.assertIn("survived", done.stdout)
