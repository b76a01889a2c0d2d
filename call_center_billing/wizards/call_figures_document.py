"""Pages of figures as workbooks and as CSV, for the auditor."""

import base64
import csv
import io
import re

import xlsxwriter

from odoo import api, fields, models

from ..models.call_statement_document import cell

WIDTHS = (62, 10, 14, 16, 22)


class CallFigures(models.AbstractModel):
    _inherit = "call.figures"  # pylint: disable=consider-merging-classes-inherited

    xlsx = fields.Binary(string="Workbook", compute="_compute_xlsx", attachment=False)
    csv = fields.Binary(string="CSV", compute="_compute_csv", attachment=False)
    xlsx_name = fields.Char(compute="_compute_file_names")
    csv_name = fields.Char(compute="_compute_file_names")

    @api.depends("company_id", "date_from", "date_to")
    def _compute_file_names(self):
        for page in self:
            name = f"{self._title()}_{page.company_id.name}_{page.date_from}_{page.date_to}"
            name = re.sub(r"[^\w.-]+", "_", name)
            page.xlsx_name, page.csv_name = f"{name}.xlsx", f"{name}.csv"

    @api.depends("line_ids")
    def _compute_xlsx(self):
        for page in self:
            page.xlsx = base64.b64encode(page._workbook())

    @api.depends("line_ids")
    def _compute_csv(self):
        for page in self:
            stream = io.StringIO(newline="")
            writer = csv.writer(stream)
            writer.writerows([cell(title), cell(text)] for title, text in page._headings())
            for title, rows in page._tables():
                writer.writerows([[], [cell(title)], [cell(column) for column in page._columns()]])
                writer.writerows([cell(value) for value in row] for row in rows)
            page.csv = base64.b64encode(("\ufeff" + stream.getvalue()).encode())

    def action_download_xlsx(self):
        return self._action_download("xlsx")

    def action_download_csv(self):
        return self._action_download("csv")

    def _action_download(self, kind):
        self.ensure_one()
        url = f"/web/content/{self._name}/{self.id}/{kind}?filename_field={kind}_name&download=true"
        return {"type": "ir.actions.act_url", "url": url, "target": "download"}

    def _workbook(self):
        self.ensure_one()
        stream = io.BytesIO()
        book = xlsxwriter.Workbook(stream, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        sheet = book.add_worksheet(self._title()[:31])
        bold, head = book.add_format({"bold": True}), book.add_format({"bold": True, "bottom": 1})
        count, amount = book.add_format({"num_format": "#,##0"}), book.add_format({"num_format": "#,##0.00########"})
        for column, width in enumerate(WIDTHS):
            sheet.set_column(column, column, width)
        place = 0
        for title, text in self._headings():
            sheet.write_string(place, 0, cell(title), bold)
            sheet.write_string(place, 1, cell(text))
            place += 1
        for title, rows in self._tables():
            sheet.write_string(place + 1, 0, cell(title), bold)
            for column, name in enumerate(self._columns()):
                sheet.write_string(place + 2, column, cell(name), head)
            place += 3
            for name, currency, *numbers in rows:
                sheet.write_string(place, 0, cell(name))
                sheet.write_string(place, 1, cell(currency))
                for column, (number, number_format) in enumerate(zip(numbers, (count, count, amount), strict=True), 2):
                    if number != "":
                        sheet.write_number(place, column, float(number), number_format)
                place += 1
        book.close()
        return stream.getvalue()

    def _headings(self):
        self.ensure_one()
        at = fields.Datetime.context_timestamp(self, self.computed_at) if self.computed_at else False
        return [
            (self.env._("Company"), self.company_id.name),
            (self.env._("Days"), f"{self.date_from} - {self.date_to}"),
            (self.env._("As Of"), at.strftime("%Y-%m-%d %H:%M %Z") if at else ""),
            (self.env._("By"), self.env.user.name),
        ]

    def _columns(self):
        return [
            self.env._("What"),
            self.env._("Currency"),
            self.env._("Records"),
            self.env._("Seconds"),
            self.env._("Amount"),
        ]

    def _tables(self):
        """:return: list of (title, rows as texts: name, currency, records, seconds, amount; '' where there is none)"""
        self.ensure_one()
        sections = self.line_ids._fields["section"]._description_selection(self.env)
        return [(title, [line._cells() for line in self.line_ids if line.section == section]) for section, title in sections]


class CallFigure(models.AbstractModel):
    _inherit = "call.figure"  # pylint: disable=consider-merging-classes-inherited

    def _cells(self):
        self.ensure_one()
        return [
            self.name,
            self.currency_id.name or "",
            f"{self.call_count:.0f}" if self.has_count else "",
            f"{self.seconds:.0f}" if self.has_count else "",
            self._amount_text() if self.currency_id else "",
        ]

    def _amount_text(self):
        """The amount with all decimals that it has, at least those of its currency."""
        whole, decimals = f"{self.amount:.10f}".split(".")
        text = decimals.rstrip("0").ljust(self.currency_id.decimal_places, "0")
        return f"{whole}.{text}" if text else whole
