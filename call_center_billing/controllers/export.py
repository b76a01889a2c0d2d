"""What Odoo writes for spreadsheets must not become formulas there: names of queues, agents and callers come from phone logs, comments
from clients."""

import json
from collections import OrderedDict

from werkzeug.datastructures import FileStorage

from odoo import http

from odoo.addons.web.controllers.export import CSVExport, ExcelExport
from odoo.addons.web.controllers.pivot import TableExporter

from ..models.call_statement_document import cell


def harmless(value):
    """A value with all texts in it as a spreadsheet may read them.

    >>> harmless([{"title": "=1+1", "width": 2}, -5, None, "-5", "@SUM(A1)"])
    [{'title': "'=1+1", 'width': 2}, -5, None, '-5', "'@SUM(A1)"]
    """
    if isinstance(value, str):
        return cell(value)
    if isinstance(value, list | tuple):
        return type(value)(harmless(each) for each in value)
    if isinstance(value, dict):
        return {key: harmless(each) for key, each in value.items()}
    return value


def harmless_groups(group):
    """A group of records that are written as a tree, with its groups."""
    group.data = harmless(group.data)
    group.children = OrderedDict((harmless(name), harmless_groups(each)) for name, each in group.children.items())
    return group


class SafeCSVExport(CSVExport):
    def from_data(self, fields, columns_headers, rows):
        return super().from_data(fields, harmless(columns_headers), harmless(rows))


class SafeExcelExport(ExcelExport):
    def from_data(self, fields, columns_headers, rows):
        return super().from_data(fields, harmless(columns_headers), harmless(rows))

    def from_group_data(self, fields, columns_headers, groups):
        return super().from_group_data(fields, harmless(columns_headers), harmless_groups(groups))


class SafeTableExporter(TableExporter):
    @http.route()
    def export_xlsx(self, data, **kw):
        table = json.load(data) if isinstance(data, FileStorage) else json.loads(data)
        return super().export_xlsx(json.dumps(harmless(table)), **kw)
