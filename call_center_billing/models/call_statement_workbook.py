"""The workbook of a statement: its charges, and every call with its price."""

from datetime import datetime

import xlsxwriter

from odoo import models

from .call_statement_document import no_markup

SHEET_ROWS = 1_048_576
"""What a sheet of the format can hold, the titles included."""
STYLES = ["time", *["text"] * 6, *["count"] * 3, *["price"] * 4, *["text"] * 5]
"""Of the columns of a call."""
WIDTHS = {"time": 20, "text": 18, "count": 12, "price": 14}


class CallStatement(models.Model):
    """Rows go to disk as they are written, so memory does not grow with the calls. Texts of the phone log are written as
    texts, which no program takes for formulas."""

    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    def _write_workbook(self, stream):
        """:param stream: binary file to write to"""
        self.ensure_one()
        statement = self._in_client_language()
        with xlsxwriter.Workbook(stream, {"constant_memory": True}) as book:
            formats = statement._workbook_formats(book)
            names = set()
            sheet = book.add_worksheet(statement._workbook_sheet_name(statement.env._("Charges"), names))
            statement._write_workbook_charges(sheet, formats)
            statement._write_workbook_calls(book, formats, names, self._call_titles(), self._call_rows())

    def _write_workbook_of_calls(self, stream, titles, pages, further):
        """A workbook of calls alone.

        :param further: how many texts come before the columns of a call
        """
        statements = self[:1]._in_client_language()
        with xlsxwriter.Workbook(stream, {"constant_memory": True}) as book:
            formats = statements._workbook_formats(book)
            statements._write_workbook_calls(book, formats, set(), titles, pages, ["text"] * further + STYLES)

    def _workbook_formats(self, book):
        decimals = self.currency_id.decimal_places
        return {
            "head": book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1}),
            "bold": book.add_format({"bold": True}),
            "time": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            "count": book.add_format({"num_format": "0"}),
            "quantity": book.add_format({"num_format": "#,##0.##"}),
            "price": book.add_format({"num_format": "#,##0.00########"}),
            "money": book.add_format({"num_format": "#,##0" + ("." + "0" * decimals if decimals else "")}),
        }

    def _workbook_sheet_name(self, name, taken):
        return self.env["call.simulation"]._sheet_name(name, taken)

    def _write_workbook_charges(self, sheet, formats):
        currency = self.currency_id.name
        for column, width in enumerate((60, 12, 14, 14, 16, 16)):
            sheet.set_column(column, column, width)
        facts = [
            (self.env._("Contract"), " ".join(filter(None, (self.contract_id.code, self.contract_id.name)))),
            (self.env._("Period"), self._period_text()),
            (self.env._("Invoice"), self.invoice_id.name),
        ]
        for row, (title, text) in enumerate(facts):
            sheet.write_string(row, 0, f"{title}: {text or ''}", formats["bold"])
        top = len(facts) + 1
        titles = [
            self.env._("What"), self.env._("Calls"), self.env._("Quantity"), self.env._("Unit"),
            self.env._("Unit Price (%s)", currency), self.env._("Amount (%s)", currency),
        ]  # fmt: skip
        for column, title in enumerate(titles):
            sheet.write_string(top, column, title, formats["head"])
        units = dict(self.charge_ids._fields["unit"]._description_selection(self.env))
        row = top
        for row, charge in enumerate(self.charge_ids, top + 1):
            sheet.write_string(row, 0, no_markup(charge.name or ""))
            sheet.write_number(row, 1, charge.call_count, formats["count"])
            sheet.write_number(row, 2, charge.quantity, formats["quantity"])
            sheet.write_string(row, 3, units.get(charge.unit) or "")
            sheet.write_number(row, 4, charge.unit_price, formats["price"])
            sheet.write_number(row, 5, charge.amount, formats["money"])
        sheet.write_string(row + 1, 0, self.env._("Usage, before taxes"), formats["bold"])
        sheet.write_number(row + 1, 5, self.charge_amount, formats["money"])
        sheet.freeze_panes(top + 1, 1)

    def _write_workbook_calls(self, book, formats, names, titles, pages, styles=STYLES):
        columns, sheet, row = list(zip(titles, styles, strict=True)), None, SHEET_ROWS
        for page in pages:
            for values in page:
                if row == SHEET_ROWS:
                    sheet, row = self._add_calls_sheet(book, columns, formats, names, sheet, row), 1
                self._write_workbook_call(sheet, row, values, formats, styles)
                row += 1
        if sheet is None:
            sheet, row = self._add_calls_sheet(book, columns, formats, names), 1
        sheet.autofilter(0, 0, row - 1, len(titles) - 1)

    def _add_calls_sheet(self, book, columns, formats, names, full=None, rows=0):
        """The next sheet for calls, after a full one."""
        if full:
            full.autofilter(0, 0, rows - 1, len(columns) - 1)
        sheet = book.add_worksheet(self._workbook_sheet_name(self.env._("Calls"), names))
        for column, (title, style) in enumerate(columns):
            sheet.set_column(column, column, WIDTHS[style])
            sheet.write_string(0, column, title, formats["head"])
        sheet.freeze_panes(1, 0)
        return sheet

    def _write_workbook_call(self, sheet, row, values, formats, styles):
        for column, (value, style) in enumerate(zip(values, styles, strict=True)):
            if value in (None, False, ""):
                continue
            if style == "text":
                sheet.write_string(row, column, no_markup(value))
            elif style == "time":
                sheet.write_datetime(row, column, datetime.fromisoformat(value), formats[style])
            else:
                sheet.write_number(row, column, float(value), formats[style])
