import base64
import gzip
import io
import json
import re
import resource
import struct
import tracemalloc
import zipfile
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged

from ..deliveries import archive
from ..models import call_import
from .asterisk import row
from .common import CallBillingCommon
from .figures import TRIED


def zipped(_method=zipfile.ZIP_DEFLATED, **files):
    """A zip of files; ``__`` in a name stands for a slash, ``_csv`` at its end for the ending."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", _method) as packed:
        for name, content in files.items():
            packed.writestr(name.replace("__", "/").replace("_csv", ".csv"), content)
    return stream.getvalue()


def zip_of(*entries):
    """A zip of (name, content) with names as they are."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries:
            packed.writestr(name, content)
    return stream.getvalue()


class UploadCase(CallBillingCommon):
    def wizard(self, *files, source=None):
        attachments = self.env["ir.attachment"].create(
            [{"name": name, "raw": content, "res_model": "call.upload", "res_id": 0} for name, content in files]
        )
        return self.env["call.upload"].create(
            {"source_id": (source or self.source).id, "attachment_ids": [(6, 0, attachments.ids)]}
        )

    def upload(self, *files, source=None):
        """The imports of an upload, in the order of their making."""
        action = self.wizard(*files, source=source).action_import()
        return self.env["call.import"].search(action["domain"], order="id")

    def assertRefused(self, words, *files):
        TRIED["hostile files and bodies that were refused"] += 1
        with self.assertRaisesRegex(UserError, words), self.cr.savepoint():
            self.upload(*files)
        self.assertFalse(self.env["call.import"].search([("source_id", "=", self.source.id)]))


class TestUpload(UploadCase):
    def test_a_file_that_found_the_disk_full_is_stored_when_there_is_space(self):
        content = {"source_id": self.source.id, "file": base64.b64encode(row().encode() * 9)}
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
        try:
            with self.assertRaises(OSError):
                self.env["call.import"].create(content)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        record = self.env["call.import"].create(content)
        record.action_import()
        self.assertTotals(record, read=9, accepted=1, duplicate=8)

    def test_each_file_becomes_an_import_and_leaves_no_attachment(self):
        wizard = self.wizard(("a.csv", row().encode()), ("b.csv", (row() + "nonsense\n").encode()))
        attachments = wizard.attachment_ids
        imports = self.env["call.import"].search(wizard.action_import()["domain"], order="id")
        self.assertEqual(imports.mapped("name"), ["a.csv", "b.csv"])
        self.assertEqual(set(imports.mapped("delivery")), {"upload"})
        self.assertTotals(imports[0], read=1, accepted=1)
        self.assertTotals(imports[1], read=2, accepted=1, suspended=1)
        self.assertFalse(attachments.exists())

    def test_files_of_a_zip_are_imported_with_their_places_as_names(self):
        content = zip_of(("2026/Master.csv", row()), ("2026/", ""), ("../../etc/passwd", row()), ("c.csv", row()))
        imports = self.upload(("all.zip", content))
        self.assertEqual(imports.mapped("name"), ["2026/Master.csv", "etc/passwd", "c.csv"])
        self.assertEqual(sum(imports.mapped("accepted_count")), 3)

    def test_a_gz_file_is_unpacked(self):
        record = self.upload(("Master.csv.gz", gzip.compress(row().encode())))
        self.assertEqual((record.name, record.accepted_count), ("Master.csv", 1))

    def test_what_macos_adds_is_left_out(self):
        content = zip_of(("a.csv", row()), ("__MACOSX/._a.csv", "x"), ("._b.csv", "x"), ("d/.DS_Store", "x"))
        self.assertEqual(self.upload(("a.zip", content)).mapped("name"), ["a.csv"])

    def test_a_workbook_is_a_zip_and_stays_what_it_is(self):
        record = self.upload(("calls.xlsx", zip_of(("xl/workbook.xml", "<x/>"))))
        self.assertEqual((record.name, record.state), ("calls.xlsx", "failed"))

    def test_the_same_file_in_two_archives_is_imported_once(self):
        text = row()
        imports = self.upload(("a.zip", zip_of(("a.csv", text))), ("b.csv.gz", gzip.compress(text.encode())))
        self.assertEqual(imports.mapped("state"), ["done", "repeated"])

    def test_files_of_one_delivery_are_put_together_where_the_format_says_so(self):
        cucm = self.source.copy({"name": "CUCM", "format": "cisco_cucm"})
        header = (
            '"cdrRecordType","globalCallID_callManagerId","globalCallID_callId","pkid","dateTimeOrigination","dateTimeDisconnect"'
        )
        files = [(f"cdr_cluster_0{i}.csv", f'\ufeff{header}\n1,1,{i},"p{i}",1791187200,1791187260'.encode()) for i in (1, 2)]
        imports = self.upload(("readme.txt", b"hello"), ("cdr.zip", zip_of(*(("d/" + n, c) for n, c in files))), source=cucm)
        self.assertEqual(imports.mapped("name"), ["d/cdr_cluster_01.csv and 1 more", "readme.txt"])
        self.assertEqual(imports[0].read_count, 2)

    def test_a_bad_file_does_not_keep_the_others_away(self):
        self.assertEqual(self.upload(("a.csv", b"x\n"), ("b.csv", row().encode())).mapped("state"), ["failed", "done"])

    def test_what_is_more_than_people_wait_for_goes_on_in_the_background(self):
        with patch.object(call_import, "AT_ONCE_BYTES", 300):
            imports = self.upload(*((f"{i}.csv", row().encode()) for i in range(3)))
        self.assertEqual(imports.mapped("state"), ["done", "waiting", "waiting"])

    def test_only_own_uploads_are_taken(self):
        secret = self.env["ir.attachment"].create(
            {"name": "s.csv", "raw": b"x", "res_model": "res.partner", "res_id": self.client.id}
        )
        wizard = self.env["call.upload"].create({"source_id": self.source.id, "attachment_ids": [(6, 0, secret.ids)]})
        with self.assertRaises(AccessError):
            wizard.action_import()
        wizard.attachment_ids = False
        with self.assertRaisesRegex(UserError, "at least one"):
            wizard.action_import()

    def test_uploads_that_nobody_finished_are_removed_after_a_day(self):
        attachment = self.wizard(("a.csv", row().encode())).attachment_ids
        self.env["ir.attachment"]._gc_call_uploads()
        self.assertTrue(attachment.exists())
        self.assertFalse(attachment.index_content)
        self.cr.execute("UPDATE ir_attachment SET create_date = create_date - interval '2 days' WHERE id = %s", attachment.ids)
        attachment.invalidate_recordset()
        self.env["ir.attachment"]._gc_call_uploads()
        self.assertFalse(attachment.exists())


class TestArchiveLimits(UploadCase):
    def test_an_archive_that_unpacks_to_very_much_is_refused(self):
        bomb = zip_of(("a.csv", b"0" * 20_000_000))
        self.assertLess(len(bomb), 100_000)
        self.assertRefused("a.csv would unpack to more than 200 times", ("bomb.zip", bomb))
        self.assertRefused("a.csv would unpack to more than 200 times", ("a.csv.gz", gzip.compress(b"0" * 20_000_000)))

    def test_sizes_are_counted_over_all_archives_of_an_upload(self):
        self.env["ir.config_parameter"].set_param("call_center_billing.upload_max_unpacked_mb", "1")
        text = ("".join(row() for _i in range(10)) * 300).encode()
        self.assertLess(len(text), 1_000_000)
        self.assertRefused("together may unpack to 1 MB", ("a.zip", zip_of(("a.csv", text))), ("b.csv.gz", gzip.compress(text)))
        self.env["ir.config_parameter"].set_param("call_center_billing.upload_max_file_mb", "0")
        self.assertRefused("a.csv would unpack to more than 0 MB", ("a.zip", zip_of(("a.csv", text))))

    def test_an_archive_that_lies_about_its_sizes_is_refused(self):
        content = bytearray(zip_of(("a.csv", b"0" * 20_000_000)))
        directory = content.rindex(b"PK\x01\x02")
        struct.pack_into("<I", content, directory + 24, 1000)  # unpacked size
        self.assertRefused("damaged", ("a.zip", bytes(content)))
        struct.pack_into("<II", content, directory + 20, 2**31, 20_000_000)  # packed size
        self.assertRefused("200 times", ("a.zip", bytes(content)))

    def test_an_archive_of_too_many_files_is_refused(self):
        self.env["ir.config_parameter"].set_param("call_center_billing.upload_max_files", "2")
        self.assertRefused("up to 2 packed files", ("a.zip", zip_of(*((f"{i}.csv", "x") for i in range(3)))))

    def test_a_list_of_contents_is_only_read_up_to_a_limit(self):
        content = zip_of(*((f"{i}.csv", "x") for i in range(100)))
        with patch.object(archive, "DIRECTORY_BYTES", 1000):
            self.assertRefused("damaged", ("a.zip", content))

    def test_an_archive_in_an_archive_is_refused(self):
        inner = zip_of(("a.csv", row()))
        self.assertRefused("inner.zip is an archive inside", ("a.zip", zip_of(("inner.zip", inner))))
        self.assertRefused("inner.zip is an archive inside", ("inner.zip.gz", gzip.compress(inner)))
        self.assertRefused("a.tar is an archive inside", ("a.tar.gz", gzip.compress(b"x")))

    def test_encrypted_and_unusual_archives_are_refused(self):
        content = bytearray(zip_of(("a.csv", row())))
        content[6] |= 1
        content[content.rindex(b"PK\x01\x02") + 8] |= 1
        self.assertRefused("a.csv is protected by a password", ("a.zip", bytes(content)))
        self.assertRefused("unusual way", ("a.zip", zipped(zipfile.ZIP_LZMA, a_csv=row())))

    def test_damaged_archives_are_refused(self):
        content = zip_of(("a.csv", "".join(row() for _i in range(50))))
        self.assertRefused("a.zip is damaged", ("a.zip", content[:-30]))
        self.assertRefused("a.csv is damaged", ("a.zip", content[:60] + b"\xff" * 40 + content[100:]))
        self.assertRefused("a.csv is damaged", ("a.csv.gz", gzip.compress(row().encode())[:-9]))
        self.assertRefused("no file", ("a.zip", zip_of(("d/", ""))))


class TestStoring(CallBillingCommon):
    def test_a_large_file_is_stored_piece_by_piece(self):
        block = row().encode() * 2000
        tracemalloc.start()
        record = self.env["call.import"]._create_from_chunks(self.source, (block for _i in range(100)), "large.csv", "folder")
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        attachment = record._content_attachment()
        self.assertEqual(attachment.file_size, 100 * len(block))
        self.assertLess(peak, len(block) * 10)

    def test_what_is_stored_is_what_a_field_would_store(self):
        content = row().encode()
        record = self.env["call.import"]._create_from_chunks(self.source, [content[:10], content[10:]], "a.csv", "folder")
        other = self.import_text(content=content)
        ours, theirs = record._content_attachment(), other._content_attachment()
        for name in ("checksum", "file_size", "store_fname", "res_model", "res_field", "raw"):
            self.assertEqual(ours[name], theirs[name], name)
        self.assertTrue(record.file)
        record.action_import()
        self.assertEqual((record.state, record.same_as_id), ("repeated", other))

    def test_an_empty_file_is_imported_as_such(self):
        record = self.env["call.import"]._create_from_chunks(self.source, [], "empty.csv", "folder")
        record.action_import()
        self.assertEqual((record.state, "no call record" in record.message), ("failed", True))

    def test_a_storage_in_the_database_works_too(self):
        self.env["ir.config_parameter"].set_param("ir_attachment.location", "db")
        record = self.env["call.import"]._create_from_chunks(self.source, [row().encode()], "a.csv", "folder")
        record.action_import()
        self.assertTotals(record, read=1, accepted=1)
        self.assertFalse(record._content_attachment().store_fname)

    def test_a_file_that_is_too_large_is_refused(self):
        with (
            patch("odoo.addons.call_center_billing.models.ir_attachment.MAX_BYTES", 10),
            self.assertRaisesRegex(UserError, "2 GB"),
        ):
            self.env["call.import"]._create_from_chunks(self.source, [b"12345678901"], "a.csv", "folder")


@tagged("post_install", "-at_install")
class TestUploadOverHttp(HttpCase, UploadCase):
    def test_an_accountant_uploads_files_as_the_browser_does(self):
        new_test_user(self.env, "uploader", groups="call_center_billing.group_accountant")
        self.authenticate("uploader", "uploader")
        page = self.url_open("/odoo").text
        token = re.search(r'csrf_token: "([^"]+)"', page)[1]
        data = {"csrf_token": token, "model": "call.upload", "id": "0"}
        files = [("ufile", ("a.csv", row())), ("ufile", ("b.zip", zip_of(("b.csv", row()))))]
        uploaded = json.loads(self.url_open("/web/binary/upload_attachment", data=data, files=files).text)
        values = {"source_id": self.source.id, "attachment_ids": [[6, 0, [each["id"] for each in uploaded]]]}
        (wizard,) = self.call("create", [values])
        action = self.call("action_import", [wizard])
        imports = self.env["call.import"].search(action["domain"], order="id")
        self.assertEqual((imports.mapped("name"), imports.mapped("state")), (["a.csv", "b.csv"], ["done", "done"]))

    def call(self, method, *args):
        payload = {"params": {"model": "call.upload", "method": method, "args": args, "kwargs": {}}}
        return self.url_open(f"/web/dataset/call_kw/call.upload/{method}", json=payload).json()["result"]
