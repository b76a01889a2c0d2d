import csv
import io
import json
from datetime import datetime

from freezegun import freeze_time
from openpyxl import load_workbook

from odoo import http
from odoo.tests import HttpCase, new_test_user, tagged

from .common import TODAY, CallBillingCommon
from .test_hostile_text import FORMULA, NAMES

TEXTS = ("=cmd|' /C calc'!A0", "{=1+1}", "@SUM(1)", "+1+1", "-1+1", "<r><t>x</t></r>")
COLUMNS = ("start_at", "queue", "agent", "billed_seconds", "amount")


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestExport(HttpCase, CallBillingCommon):
    """Lists and pivots as Odoo writes them for spreadsheets: no text of a phone log is a formula there."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        new_test_user(
            cls.env, "exporter", groups="call_center_billing.group_accountant,base.group_allow_export", tz="America/New_York"
        )
        records = [cls.record(**dict.fromkeys(NAMES, text), record_ref=text, talk=90) for text in TEXTS]
        cls.calls = cls.import_records(*records).usage_line_ids

    def export(self, kind, model, domain, names, groupby=()):
        labels = {name: self.env[model]._fields[name].string for name in names}
        data = {
            "model": model,
            "fields": [
                {"name": name, "label": label, "type": self.env[model]._fields[name].type} for name, label in labels.items()
            ],
            "ids": False,
            "domain": domain,
            "groupby": groupby,
            "import_compat": False,
        }
        return self.download(f"/web/export/{kind}", data)

    def download(self, path, data):
        self.authenticate("exporter", "exporter")
        answer = self.url_open(path, data={"data": json.dumps(data), "csrf_token": http.Request.csrf_token(self)})
        self.assertEqual(answer.status_code, 200, answer.text[:500])
        return answer.content

    def cells(self, content):
        return [each for sheet in load_workbook(io.BytesIO(content)) for row in sheet.iter_rows() for each in row]

    def assertHarmless(self, cells):
        self.assertGreaterEqual(len([each for each in cells if "=cmd|" in str(each.value)]), 1)
        self.assertFalse([each.value for each in cells if each.data_type == "f"])

    def test_a_list(self):
        cells = self.cells(self.export("xlsx", "call.usage.line", [("id", "in", self.calls.ids)], COLUMNS))
        self.assertHarmless(cells)
        self.assertIn(1.8, [each.value for each in cells])

    def test_a_list_in_groups(self):
        domain = [("id", "in", self.calls.ids)]
        self.assertHarmless(self.cells(self.export("xlsx", "call.usage.line", domain, COLUMNS, ["queue", "agent"])))

    def test_a_file_of_values(self):
        text = self.export("csv", "call.usage.line", [("id", "in", self.calls.ids)], COLUMNS).decode()
        cells = [each for row in csv.reader(io.StringIO(text)) for each in row]
        self.assertIn("'=cmd|' /C calc'!A0", cells)
        self.assertFalse([each for each in cells if each.startswith((*FORMULA, "{="))])

    def test_a_pivot_with_queues_as_columns(self):
        headers = [{"title": text, "width": 1, "height": 1} for text in TEXTS]
        rows = [{"title": text, "indent": 0, "values": [{"value": 1.5}, {"value": 2}]} for text in TEXTS]
        measures = [{"title": "Calls", "is_bold": False}]
        table = {"title": "Performance", "model": "call.count", "measure_count": 1, "col_group_headers": [headers]}
        cells = self.cells(self.download("/web/pivot/export_xlsx", {**table, "measure_headers": measures, "rows": rows}))
        self.assertHarmless(cells)
        self.assertIn(1.5, [each.value for each in cells])

    def test_times_are_those_of_the_reader(self):
        cells = self.cells(self.export("xlsx", "call.usage.line", [("id", "in", self.calls[:1].ids)], COLUMNS))
        self.assertIn(datetime(2026, 10, 5, 4), [each.value for each in cells])  # 10:00 in Berlin

    def test_every_list_and_pivot_of_ours_says_what_it_is_empty_of(self):
        ours = self.env["ir.model.data"].search(
            [("model", "=", "ir.actions.act_window"), ("module", "=like", "call_center_billing%")]
        )
        actions = self.env["ir.actions.act_window"].browse(ours.mapped("res_id"))
        screens = actions.filtered(lambda action: set(action.view_mode.split(",")) & {"list", "kanban", "pivot", "graph"})
        self.assertGreaterEqual(len(screens), 30)
        screens -= self.env.ref("call_center_billing.call_start_step_action")  # its cards are always there
        self.assertFalse(screens.filtered(lambda action: not action.help).mapped("name"))
