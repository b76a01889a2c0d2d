import base64

from odoo.exceptions import ValidationError

from .common import CallBillingCommon

SAMPLE = b"call_id,start_time,src,dst,status,duration,talk\n7,2026-10-05 10:00:00,100,49305550100,ok,65,60\n8,x,100,1,lost,9,0\n"


class TestMapping(CallBillingCommon):
    def setUp(self):
        super().setUp()
        self.mapping = self.env["call.mapping"].create(
            {"name": "Dialer", "sample": base64.b64encode(SAMPLE), "sample_name": "s.csv"}
        )
        self.mapping.action_read_header()

    def test_column_names_fill_the_mapping(self):
        self.assertEqual(
            [(line.position, line.field) for line in self.mapping.line_ids],
            [
                (1, "record_ref"),
                (2, "start"),
                (3, "caller"),
                (4, "called"),
                (5, "disposition"),
                (6, "total_seconds"),
                (7, "talk_seconds"),
            ],
        )

    def test_the_preview_shows_what_records_become(self):
        self.mapping.line_ids.filtered(lambda line: line.field == "disposition").value_map = "ok=answered; lost=abandoned"
        self.assertIn("Readable", self.mapping.preview)
        self.assertIn("Not a date and time", self.mapping.preview)

    def test_a_source_with_a_mapping_imports(self):
        self.mapping.line_ids.filtered(lambda line: line.field == "disposition").value_map = "ok=answered; lost=abandoned"
        source = self.env["call.source"].create(
            {"name": "Dialer", "tz": "Europe/Berlin", "format": "generic_csv", "mapping_id": self.mapping.id}
        )
        record = self.import_text(content=SAMPLE, source=source)
        self.assertTotals(record, read=2, accepted=1, suspended=1)
        self.assertEqual((self.calls(record).record_ref, self.calls(record).amount), ("7", 0.9))
        self.assertEqual(record.suspense_ids.line_number, 3)

    def test_a_header_does_not_disturb_recycling(self):
        source = self.env["call.source"].create(
            {"name": "Dialer", "tz": "UTC", "format": "generic_csv", "mapping_id": self.mapping.id}
        )
        self.mapping.line_ids.filtered(lambda line: line.field == "disposition").value_map = "ok=answered; lost=abandoned"
        record = self.import_text(content=SAMPLE, source=source)
        record.suspense_ids.corrected = "8,2026-10-05 11:00:00,100,49305550100,ok,65,60"
        record.suspense_ids.action_recycle()
        self.assertTotals(record, read=2, accepted=2)

    def test_nonsense_in_a_mapping_is_refused(self):
        line = self.mapping.line_ids.filtered(lambda each: each.field == "disposition")
        with self.assertRaisesRegex(ValidationError, "is not understood"):
            line.value_map = "ok=great"
        with self.assertRaisesRegex(ValidationError, "start of the call"):
            self.mapping.line_ids.filtered(lambda each: each.field == "start").unlink()
            self.mapping._check_lines()
