"""The workbook of a simulation: the plans side by side, and the charges of each."""

import base64
import io
import re

import xlsxwriter

from odoo import api, fields, models

from .call_statement_document import cell

SHEET_NAME = 31
FORBIDDEN = re.compile(r"[\[\]:*?/\\']")
WIDE = 48


class CallSimulation(models.Model):
    _inherit = "call.simulation"  # pylint: disable=consider-merging-classes-inherited

    xlsx = fields.Binary(string="Workbook", compute="_compute_xlsx", attachment=False)
    xlsx_name = fields.Char(compute="_compute_xlsx_name")

    @api.depends("name")
    def _compute_xlsx_name(self):
        for simulation in self:
            name = self.env._("Simulation") + "_" + (simulation.name or "")
            simulation.xlsx_name = re.sub(r"[^\w.-]+", "_", name) + ".xlsx"

    @api.depends("result_ids")
    def _compute_xlsx(self):
        for simulation in self:
            simulation.xlsx = base64.b64encode(simulation._workbook()) if simulation.result_ids else False

    def action_download_xlsx(self):
        self.ensure_one()
        url = f"/web/content/{self._name}/{self.id}/xlsx?filename_field=xlsx_name&download=true"
        return {"type": "ir.actions.act_url", "url": url, "target": "download"}

    def _workbook(self):
        """:return: bytes of a workbook with the sheet of the comparison and one for each plan"""
        self.ensure_one()
        stream = io.BytesIO()
        book = xlsxwriter.Workbook(stream, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        money = "#,##0" + ("." + "0" * self.currency_id.decimal_places if self.currency_id.decimal_places else "")
        formats = {
            "head": book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1}),
            "bold": book.add_format({"bold": True}),
            "text": book.add_format({"text_wrap": True, "valign": "top"}),
            "best": book.add_format({"bold": True, "bg_color": "#D4EDDA", "text_wrap": True, "valign": "top"}),
            "money": book.add_format({"num_format": money, "valign": "top"}),
            "price": book.add_format({"num_format": "#,##0.00####", "valign": "top"}),
            "count": book.add_format({"num_format": "#,##0", "valign": "top"}),
            "quantity": book.add_format({"num_format": "#,##0.##", "valign": "top"}),
        }
        names = {self.env._("Comparison").lower()}
        self._write_comparison(book.add_worksheet(self.env._("Comparison")), formats)
        for result in self.result_ids:
            self._write_charges(book.add_worksheet(self._sheet_name(result.name, names)), result, formats)
        book.close()
        return stream.getvalue()

    @api.model
    def _sheet_name(self, name, taken):
        """A name that a sheet may have, different from those that are taken."""
        base = FORBIDDEN.sub(" ", name).strip()[:SHEET_NAME] or "-"
        name, count = base, 1
        while name.lower() in taken:
            count += 1
            name = f"{base[: SHEET_NAME - 5]} ({count})"
        taken.add(name.lower())
        return name

    def _write_comparison(self, sheet, formats):
        code = self.currency_id.name
        rows = [
            (self.env._("Calls"), self.contract_id.display_name if self.kind == "client" else self.file_name),
            (self.env._("Billing Periods"), (self.periods or "").replace("\n", ", ")),
            (
                self.env._("Simulated on"),
                fields.Datetime.to_string(fields.Datetime.context_timestamp(self, self.computed_at))[:16],
            ),
            (self.env._("Recommendation"), self.best_text),
        ]
        if self.left_out:
            rows.append((self.env._("Not Compared"), self.left_out.replace("\n", "; ")))
        if self.unusable_count:
            left_out = self.env._("%(count)s of %(read)s", count=self.unusable_count, read=self.read_count)
            rows.append((self.env._("Records Left Out"), f"{left_out}: {(self.unusable or '').replace(chr(10), '; ')}"))
        for place, (title, text) in enumerate(rows):
            sheet.write_string(place, 0, title, formats["bold"])
            sheet.write_string(place, 1, cell(text))
        labels = {name: field.get_description(self.env)["string"] for name, field in self.result_ids._fields.items()}
        columns = [
            ("name", labels["name"], "text"),
            ("call_count", labels["call_count"], "count"),
            ("not_billable_count", labels["not_billable_count"], "count"),
            ("not_rated_count", labels["not_rated_count"], "count"),
            ("minutes", labels["minutes"], "quantity"),
            ("total", f"{labels['total']} ({code})", "money"),
            ("fixed", f"{labels['fixed']} ({code})", "money"),
            ("average_call", f"{labels['average_call']} ({code})", "price"),
            ("average_minute", f"{labels['average_minute']} ({code})", "price"),
            ("difference", f"{labels['difference']} ({code})", "money"),
            ("break_even", labels["break_even"], "text"),
        ]
        self._write_table(sheet, len(rows) + 1, columns, self.result_ids, formats, best="is_best")

    def _write_charges(self, sheet, result, formats):
        sheet.write_string(0, 0, cell(result.name), formats["bold"])
        labels = {name: field.get_description(self.env)["string"] for name, field in result.line_ids._fields.items()}
        columns = [
            ("name", labels["name"], "text"),
            ("component", labels["component"], "text"),
            ("call_count", labels["call_count"], "count"),
            ("quantity", labels["quantity"], "quantity"),
            ("unit", labels["unit"], "text"),
            ("unit_price", f"{labels['unit_price']} ({self.currency_id.name})", "price"),
            ("amount", f"{labels['amount']} ({self.currency_id.name})", "money"),
        ]
        last = self._write_table(sheet, 2, columns, result.line_ids, formats)
        sheet.write_string(last + 1, 0, self.env._("Total"), formats["bold"])
        sheet.write_number(last + 1, len(columns) - 1, result.total, formats["money"])

    @api.model
    def _write_table(self, sheet, top, columns, records, formats, best=None):
        """:return: number of the last row"""
        for column, (name, label, style) in enumerate(columns):
            sheet.write_string(top, column, label, formats["head"])
            sheet.set_column(column, column, WIDE if style == "text" and name in ("name", "break_even") else 14)
        for row, record in enumerate(records, top + 1):
            for column, (name, _label, style) in enumerate(columns):
                value = record[name]
                if style == "text":
                    field = record._fields[name]
                    if field.type == "selection":
                        value = dict(field._description_selection(self.env)).get(value)
                    highlighted = best and record[best] and not column
                    sheet.write_string(row, column, cell(value or ""), formats["best" if highlighted else "text"])
                elif name != "difference" or not record.not_rated_count:
                    sheet.write_number(row, column, value, formats[style])
        sheet.freeze_panes(top + 1, 1)
        return top + len(records)
