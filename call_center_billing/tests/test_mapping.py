import base64
import io
import json
import zipfile

from odoo import Command
from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form

from ..formats import detect
from ..formats.generic import FIELDS
from ..models.call_mapping import DELIMITERS, ENCODINGS
from .common import CallBillingCommon

SAMPLE = b"call_id,start_time,src,dst,status,duration,talk\n7,2026-10-05 10:00:00,100,49305550100,ok,65,60\n8,x,100,1,lost,9,0\n"
AMBIGUOUS = b"Started;To;Duration\n05/10/2026 10:00;49305550100;00:01:05\n"
WORDS = "ok=answered; lost=abandoned"


class TestMapping(CallBillingCommon):
    def setUp(self):
        super().setUp()
        self.mapping = self.make_mapping(SAMPLE)

    def make_mapping(self, sample, **values):
        mapping = self.env["call.mapping"].create(
            {"name": "Dialer", "sample": base64.b64encode(sample), "sample_name": "s.csv", "preview_tz": "UTC", **values}
        )
        mapping.action_read_sample()
        return mapping

    def line_of(self, field, mapping=None):
        return (mapping or self.mapping).line_ids.filtered(lambda line: line.field == field)

    def make_source(self, **values):
        return self.env["call.source"].create(
            {"name": "Dialer", "tz": "UTC", "format": "generic_csv", "mapping_id": self.mapping.id, **values}
        )

    def import_from(self, mapping_file):
        wizard = self.env["call.mapping.import"].create({"file": base64.b64encode(mapping_file)})
        return self.env["call.mapping"].browse(wizard.action_import()["res_id"])

    def test_column_names_fill_the_mapping(self):
        self.assertEqual(
            [(line.position, line.title, line.example, line.field) for line in self.mapping.line_ids],
            [
                (1, "call_id", "7, 8", "record_ref"),
                (2, "start_time", "2026-10-05 10:00:00, x", "start"),
                (3, "src", "100", "caller"),
                (4, "dst", "49305550100, 1", "called"),
                (5, "status", "ok, lost", "disposition"),
                (6, "duration", "65, 9", "total_seconds"),
                (7, "talk", "60, 0", "talk_seconds"),
            ],
        )

    def test_uploading_a_sample_in_the_form_reads_it(self):
        form = Form(self.env["call.mapping"])
        form.name = "Dialer"
        form.sample = base64.b64encode(AMBIGUOUS).decode()
        form.time_format = "dmy"
        mapping = form.save()
        self.assertEqual((mapping.delimiter, mapping.duration_unit), (";", "clock"))
        self.assertEqual(mapping.line_ids.mapped("field"), ["start", "called", "total_seconds"])
        self.assertIn("2026-10-05 10:00:00", mapping.preview)

    def test_what_the_sample_does_not_tell_is_asked(self):
        mapping = self.make_mapping(AMBIGUOUS)
        self.assertFalse(mapping.time_format)
        self.assertIn("05/10/2026 10:00 may be day/month or month/day", mapping.missing)
        self.assertFalse(mapping.preview)
        with self.assertRaisesRegex(UserError, "choose the order of dates"):
            mapping._format_options()
        mapping.time_format = "mdy"
        self.assertFalse(mapping.missing or mapping.advice)
        self.assertIn("2026-05-10 10:00:00", mapping.preview)

    def test_reading_the_sample_again_keeps_what_people_said(self):
        self.line_of("caller").field = "agent"
        self.mapping.time_format = "dmy"
        self.mapping.line_ids.filtered(lambda line: line.field == "talk_seconds").unlink()
        self.mapping.action_read_sample()
        self.assertEqual(self.mapping.time_format, "dmy")
        self.assertEqual(self.mapping.line_ids.sorted("position").mapped("field"),
                         ["record_ref", "start", "agent", "called", "disposition", "total_seconds", "talk_seconds"])  # fmt: skip

    def test_a_sample_that_was_taken_wrongly_is_read_as_people_say(self):
        mapping = self.make_mapping(b"start,x;talk\n2026-10-05 10:00:00,1;5\n")
        mapping.delimiter = ";"
        mapping.header = False
        mapping.line_ids.field = False
        mapping.action_read_sample()
        self.assertEqual(mapping.line_ids.mapped("position"), [1, 2])

    def test_the_preview_shows_what_records_become(self):
        self.line_of("disposition").value_map = WORDS
        for text in ("Readable", "Not a date and time", "2026-10-05 10:00:00", "Abandoned"):
            self.assertIn(text, self.mapping.preview)
        self.mapping.preview_tz = "Asia/Tokyo"
        self.assertIn("2026-10-05 10:00:00", self.mapping.preview)

    def test_the_preview_escapes_what_the_file_says(self):
        mapping = self.make_mapping(b"start,queue,talk\n2026-10-05 10:00:00,<script>alert(1)</script>,5\n")
        self.assertNotIn("<script", mapping.preview)
        self.assertIn("&lt;script", mapping.preview)

    def test_records_are_left_out_by_a_text(self):
        line = self.line_of("disposition")
        line.value_map = WORDS
        line.copy({"field": "ignored", "value_map": "lost; chat"})
        self.assertIn("Left out", self.mapping.preview)

    def test_a_sample_that_cannot_be_read_says_why(self):
        for sample, words in (
            (b"\xd0\xcf\x11\xe0\xa1", "old kind"),
            (b"<html>", "web page"),
            (b"\x1f\x8b\x08", "unpack"),
            (b"\n", "no record"),
        ):
            with self.subTest(words), self.assertRaisesRegex(UserError, words):
                self.make_mapping(sample)

    def test_a_workbook_that_unpacks_to_too_much_says_so(self):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as book:
            book.writestr("xl/sharedStrings.xml", b"0" * 12_000_000)
        with self.assertRaisesRegex(UserError, "more than can be read safely"):
            self.make_mapping(target.getvalue())
        record = self.import_text(content=target.getvalue(), source=self.make_source(format="generic_xlsx"))
        self.assertEqual(record.state, "failed")
        self.assertIn("Save the sheet with the calls as CSV", record.message)

    def test_a_source_with_a_mapping_imports(self):
        self.line_of("disposition").value_map = WORDS
        record = self.import_text(content=SAMPLE, source=self.make_source(tz="Europe/Berlin"))
        self.assertTotals(record, read=2, accepted=1, suspended=1)
        self.assertEqual((self.calls(record).record_ref, self.calls(record).amount), ("7", 0.9))
        self.assertEqual(record.suspense_ids.line_number, 3)

    def test_one_mapping_reads_several_kinds_of_file(self):
        self.line_of("disposition").value_map = WORDS
        titles, *rows = [
            line.split(",") for line in SAMPLE.decode().split()[:1] + ["7,2026-10-05T10:00:00,100,49305550100,ok,65,60"]
        ]
        content = json.dumps([dict(zip(titles, row, strict=True)) for row in rows]).encode()
        record = self.import_text(content=content, source=self.make_source(format="generic_json"))
        self.assertTotals(record, read=1, accepted=1)

    def test_a_mapping_by_positions_cannot_read_json(self):
        self.mapping.line_ids.title = False
        with self.assertRaisesRegex(UserError, "name or path"):
            self.make_source(format="generic_json")._format_options()

    def test_a_header_does_not_disturb_recycling(self):
        self.line_of("disposition").value_map = WORDS
        record = self.import_text(content=SAMPLE, source=self.make_source())
        record.suspense_ids.corrected = "8,2026-10-05 11:00:00,100,49305550100,ok,65,60"
        record.suspense_ids.action_recycle()
        self.assertTotals(record, read=2, accepted=2)

    def test_nonsense_in_a_mapping_is_refused(self):
        line = self.line_of("disposition")
        for field, text, words in (
            ("disposition", "ok=great", "is not understood"),
            ("disposition", "ok", "is not understood"),
            ("queue", "ok=answered", "only kinds, directions and outcomes"),
            ("ignored", " ; ", "whose records are left out"),
        ):
            with self.subTest(field=field, text=text), self.assertRaisesRegex(ValidationError, words), self.cr.savepoint():
                line.write({"field": field, "value_map": text})
        with self.assertRaisesRegex(ValidationError, "same meaning twice"), self.cr.savepoint():
            self.mapping.line_ids = [Command.update(line.id, {"field": "caller"})]
        self.line_of("start").unlink()
        with self.assertRaisesRegex(UserError, "start of the call"):
            self.mapping._format_options()

    def test_a_mapping_goes_from_one_database_to_another_without_its_sample(self):
        self.line_of("disposition").value_map = WORDS
        exported = base64.b64decode(self.mapping.export_file)
        self.assertNotIn(b"49305550100", exported)
        other = self.import_from(exported)
        self.assertEqual(other._format_options(), self.mapping._format_options())
        self.assertEqual(other._as_export(), self.mapping._as_export())
        self.assertFalse(other.sample)

    def test_a_file_that_is_no_mapping_is_refused_with_its_reason(self):
        good = self.mapping._as_export()
        for change, words in (
            (b"\x00nonsense", "not an exported"), (b"[]", "not an exported"), (b"{}", "not an exported"), (b"[" * 100000, "not an exported"),
            ({"call_mapping": 2}, "another version"), ({"name": ""}, "no name"), ({"name": ["x"]}, "'Name'"),
            ({"delimiter": "#"}, "'#' is no value for 'Delimiter'"), ({"header": "yes"}, "First Line"), ({"password": "x"}, "'password'"),
            ({"lines": {}}, "not a list"), ({"lines": [{"field": "salary"}]}, "column 1 of the list"), ({"lines": [{"id": 1}]}, "'id'"),
            ({"lines": [{"field": "start", "position": -1}]}, "'-1'"), ({"lines": [{"field": "start", "title": 5}]}, "'5'"),
        ):  # fmt: skip
            content = change if isinstance(change, bytes) else json.dumps({**good, **change}).encode()
            with self.subTest(words), self.assertRaisesRegex(UserError, words):
                self.import_from(content)

    def test_an_imported_mapping_obeys_the_rules_of_any_other(self):
        lines = [{"field": "start", "title": "a"}, {"field": "direction", "title": "b", "value_map": "x=y"}]
        with self.assertRaisesRegex(ValidationError, "is not understood"):
            self.import_from(json.dumps({**self.mapping._as_export(), "lines": lines}).encode())

    def test_every_field_of_a_record_can_be_chosen(self):
        choices = set(self.env["call.mapping.line"]._fields["field"].get_values(self.env))
        self.assertEqual(choices, set(FIELDS) | {"ignored"})
        self.assertEqual({key for key, _label in ENCODINGS}, set(detect.ENCODINGS))
        self.assertEqual({key for key, _label in DELIMITERS}, set(detect.DELIMITERS))
