import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import new_test_user
from odoo.tools import config

from ..deliveries import folder
from .asterisk import row
from .common import CallBillingCommon


class TestFolder(CallBillingCommon):
    """A look every 61 seconds; ``self.place`` is the watched directory."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source.folder = "berlin/pbx1"
        cls.now = fields.Datetime.now()

    def setUp(self):
        super().setUp()
        root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, root)
        patcher = patch.dict(config.options, {"call_center_billing_folder_root": root})
        patcher.start()
        self.addCleanup(patcher.stop)
        self.startPatcher(patch.object(self.registry["ir.cron"], "_commit_progress", return_value=60))
        self.root = Path(root, self.env.cr.dbname)
        self.place = self.root / "berlin" / "pbx1"
        self.place.mkdir(parents=True)

    def put(self, name="a.csv", text=None):
        (self.place / name).write_text(row() if text is None else text)

    def look(self, times=1):
        """Look, and import what waits, as the jobs do."""
        for _i in range(times):
            type(self).now += timedelta(seconds=61)
            with freeze_time(self.now):
                self.env["call.source"].sudo()._cron_look()
                self.env["call.import"].sudo()._cron_import()
        return self.env["call.import"].search([("source_id", "=", self.source.id)], order="id")

    def files(self, inside=""):
        return sorted(each.name for each in (self.place / inside).iterdir() if each.is_file())

    def test_a_file_that_stays_the_same_is_imported_and_moved(self):
        self.put()
        self.assertFalse(self.look())
        record = self.look()
        self.assertEqual((record.name, record.delivery, self.files()), ("a.csv", "folder", ["a.csv"]))
        self.assertTotals(record, read=1, accepted=1)
        self.assertEqual(self.look(), record)
        self.assertEqual((self.files(), self.files("done")), ([], ["a.csv"]))
        self.assertFalse(self.source.folder_file_ids)

    def test_a_file_that_grows_is_left_alone(self):
        for _i in range(3):
            self.put(text="".join(row() for _j in range(_i + 1)))
            self.assertFalse(self.look())
        self.assertTotals(self.look(), read=3, accepted=3)

    def test_looking_twice_within_a_minute_takes_nothing(self):
        self.put()
        for _i in range(2):
            self.source.sudo()._look()
        self.assertEqual((self.source.folder_file_ids.mapped("name"), self.look(0)), (["a.csv"], self.env["call.import"]))

    def test_hidden_and_unfinished_files_are_left_alone(self):
        for name in (".a.csv", "a.csv.part", "a.tmp", "a.csv.FILEPART"):
            self.put(name)
        self.assertFalse(self.look(2))
        self.assertEqual(len(self.files()), 4)

    def test_a_file_that_fails_is_moved_to_failed_and_a_repeated_one_to_done(self):
        text = row()
        self.put("bad.csv", "x\n")
        self.put("a.csv", text)
        self.put("renamed.csv", text)
        imports = self.look(3)
        self.assertEqual(sorted(imports.mapped("state")), ["done", "failed", "repeated"])
        self.assertEqual((self.files("done"), self.files("failed")), (["a.csv", "renamed.csv"], ["bad.csv"]))

    def test_a_name_that_exists_gets_an_ending_of_its_own(self):
        self.put()
        self.look(3)
        self.put()
        self.look(3)
        first, second = self.files("done")
        self.assertRegex(first, r"^a\.\d{8}-\d{6}-\w{6}\.csv$")
        self.assertEqual(second, "a.csv")

    def test_a_file_that_is_replaced_while_it_is_read_is_taken_at_a_later_look(self):
        self.put()
        self.look()
        read_chunks = folder.chunks

        def replaced(place, found):
            for chunk in read_chunks(place, found):
                self.put(text=row() + row())
                yield chunk

        with patch.object(folder, "chunks", replaced):
            self.assertFalse(self.look())
        self.assertTotals(self.look(2), read=2, accepted=2)

    def test_a_file_that_somebody_goes_on_writing_is_dropped(self):
        self.put()
        (found,) = folder.files(folder.Place(str(self.root), ("berlin", "pbx1")))
        with self.assertRaises(folder.FileChanged):
            for _chunk in folder.chunks(folder.Place(str(self.root), ("berlin", "pbx1")), found):
                with (self.place / "a.csv").open("a") as stream:
                    stream.write(row())

    def test_a_file_that_grew_after_it_was_imported_is_imported_again(self):
        text = row()
        self.put(text=text)
        self.look(2)
        self.put(text=text + row())
        imports = self.look(3)
        self.assertTotals(imports[1], read=2, accepted=1, duplicate=1)
        self.assertEqual(self.files("done"), ["a.csv"])

    def test_a_crash_before_the_move_is_harmless(self):
        self.put()
        self.look(2)
        with patch.object(folder, "put_away", side_effect=PermissionError(13, "Permission denied")):
            self.assertEqual(len(self.look()), 1)
        self.assertIn("a.csv was imported but cannot be moved", self.source.folder_message)
        self.source.folder_file_ids.sudo().unlink()  # as if it had not been committed
        self.assertEqual(self.look(3).mapped("state"), ["done", "repeated"])
        self.assertEqual((self.files(), self.source.folder_message), ([], False))

    def test_files_that_belong_together_are_one_import(self):
        self.source.format = "cisco_cucm"
        for name in ("cdr_1", "cmr_1", "other"):
            self.put(name)
        self.assertEqual(self.look(2).mapped("name"), ["cdr_1 and 1 more", "other"])

    def test_names_of_any_bytes_are_taken(self):
        Path(os.fsdecode(os.fsencode(self.place) + b"/\xff\n.csv")).write_text(row())
        self.assertEqual(self.look(3).mapped("name"), ["\\xff\n.csv"])
        self.assertEqual(len(self.files("done")), 1)

    def test_links_are_not_followed(self):
        secret = self.root / "secret"
        secret.write_text(row())
        (self.place / "a.csv").symlink_to(secret)
        self.assertFalse(self.look(2))
        outside = self.root / "outside"
        outside.mkdir()
        (self.place / "done").symlink_to(outside)
        self.put("b.csv")
        self.look(3)
        self.assertEqual((list(outside.iterdir()), self.files()), ([], ["a.csv", "b.csv"]))
        self.assertIn("cannot be moved", self.source.folder_message)

    def test_a_folder_that_is_a_link_is_refused(self):
        (self.root / "link").symlink_to(self.place)
        self.put()
        self.source.folder = "link"
        self.assertFalse(self.look(2))
        self.assertIn("cannot be read", self.source.folder_message)

    def test_paths_that_lead_out_are_refused(self):
        for path in ("/etc", "../x", "a/../../x", ".", "", ".hidden", "a\\b"):
            with self.subTest(path), self.assertRaises(ValidationError), self.cr.savepoint():
                self.source.folder = path or " "

    def test_two_sources_cannot_watch_one_folder(self):
        other = self.source.copy({"name": "Other"})
        self.assertFalse(other.folder)
        for path in ("berlin/pbx1", "berlin", "berlin/pbx1/done", "./berlin//pbx1/"):
            with self.subTest(path), self.assertRaisesRegex(ValidationError, "another call source"), self.cr.savepoint():
                other.folder = path
        other.folder = "berlin/pbx10"

    def test_a_folder_that_cannot_be_read_becomes_a_message_and_one_activity(self):
        self.place.rmdir()
        good = self.source.copy({"name": "Good", "folder": "good"})
        (self.root / "good").mkdir()
        (self.root / "good" / "a.csv").write_text(row())
        self.look(2)
        self.assertIn("No such file or directory", self.source.folder_message)
        self.assertEqual(len(self.source.activity_ids), 1)
        self.assertEqual(self.env["call.import"].search([("source_id", "=", good.id)]).state, "done")
        self.place.mkdir()
        self.look()
        self.assertFalse(self.source.folder_message)

    def test_without_a_root_nothing_is_read_and_it_says_so(self):
        with patch.dict(config.options, {"call_center_billing_folder_root": False}):
            self.look()
        self.assertIn("call_center_billing_folder_root", self.source.folder_message)

    def test_a_manager_looks_now_but_only_an_administrator_says_where(self):
        manager = new_test_user(self.env, "folder_manager", groups="call_center_billing.group_manager")
        self.put()
        action = self.source.with_user(manager).action_look_now()
        self.assertIn("1 files are taken when", action["params"]["message"])
        for user, allowed in ((manager, False), (self.env.ref("base.user_admin"), True)):
            self.assertEqual("folder" in self.source.with_user(user).fields_get(), allowed)
        with self.assertRaises(AccessError):
            self.source.with_user(manager).folder = "elsewhere"
        accountant = new_test_user(self.env, "folder_accountant", groups="call_center_billing.group_accountant")
        with self.assertRaises(AccessError):
            self.source.with_user(accountant).action_look_now()
