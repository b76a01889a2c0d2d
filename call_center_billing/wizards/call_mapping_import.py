import base64
import json

from odoo import Command, api, fields, models
from odoo.exceptions import UserError

from ..models.call_mapping import EXPORT_VERSION, LINE_SETTINGS, SETTINGS

MAX_BYTES = 1024 * 1024
MAX_LINES = 500
MAX_CHARS = 2000


class CallMappingImport(models.TransientModel):
    """A column mapping out of a file that :meth:`call.mapping.action_export` made. Trusts nothing of the file."""

    _name = "call.mapping.import"
    _description = "Import Column Mapping"

    file = fields.Binary(required=True, attachment=False)
    file_name = fields.Char()

    def action_import(self):
        """:raise UserError: the file is not an exported mapping, or says something that cannot be"""
        self.ensure_one()
        mapping = self.env["call.mapping"].create(self._vals(self._content()))
        return {"type": "ir.actions.act_window", "res_model": "call.mapping", "res_id": mapping.id, "view_mode": "form"}

    def _content(self):
        raw = base64.b64decode(self.with_context(bin_size=False).file or b"")
        try:
            content = json.loads(raw) if len(raw) <= MAX_BYTES else None
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict) or "call_mapping" not in content:
            raise UserError(self.env._("This file is not an exported column mapping."))
        if content["call_mapping"] != EXPORT_VERSION:
            raise UserError(self.env._("This mapping was exported by another version (%s).", str(content["call_mapping"])[:20]))
        return content

    @api.model
    def _vals(self, content):
        lines = content.get("lines", [])
        unknown = set(content) - {"call_mapping", "name", "lines", *SETTINGS}
        if unknown:
            raise UserError(self.env._("The mapping has a setting '%s' that is not known.", str(min(unknown))[:80]))
        if not isinstance(lines, list) or len(lines) > MAX_LINES or not all(isinstance(line, dict) for line in lines):
            raise UserError(self.env._("The columns of the mapping are not a list of at most %s columns.", MAX_LINES))
        model = self.env["call.mapping"]
        name = self._checked(model, "name", content.get("name"), self.env._("the mapping"))
        if not name:
            raise UserError(self.env._("The mapping has no name."))
        vals = {key: self._checked(model, key, content[key], self.env._("the mapping")) for key in SETTINGS if key in content}
        return {**vals, "name": name, "line_ids": [Command.create(self._line_vals(i, line)) for i, line in enumerate(lines, 1)]}

    def _line_vals(self, number, line):
        where = self.env._("column %s of the list", number)
        unknown = set(line) - set(LINE_SETTINGS)
        if unknown:
            raise UserError(self.env._("In %(where)s, '%(what)s' is not known.", where=where, what=str(min(unknown))[:80]))
        return {key: self._checked(self.env["call.mapping.line"], key, value, where) for key, value in line.items()}

    def _checked(self, model, name, value, where):
        """A value as its field takes it.

        :raise UserError: it does not
        """
        field = model._fields[name]
        empty = value is None or value is False
        if field.type == "boolean":
            sound = isinstance(value, bool) or value is None
        elif field.type == "selection":
            sound = (empty and not field.required) or (isinstance(value, str) and value in field.get_values(self.env))
        elif field.type == "integer":
            sound = empty or (isinstance(value, int) and 0 <= value <= 500)
        else:
            sound = empty or (isinstance(value, str) and len(value) <= MAX_CHARS)
        if not sound:
            raise UserError(
                self.env._(
                    "In %(where)s, '%(value)s' is no value for '%(what)s'.", where=where, value=str(value)[:80], what=field.string
                )
            )
        return value
