import base64
import json
import tempfile
from contextlib import contextmanager
from pathlib import Path

from odoo import Command, api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.base.models.res_partner import _tz_get

from .. import formats
from ..formats import detect
from ..formats.generic import FIELDS
from ..formats.record import DISPOSITIONS, KINDS, PARTS
from .call_mapping_line import VOCABULARIES
from .call_usage_line import DISPOSITION_LABELS, KIND_LABELS

SAMPLE_BYTES = 20 * 1024 * 1024
EXPORT_VERSION = 1
DELIMITERS = [(",", "Comma ,"), (";", "Semicolon ;"), ("\t", "Tab"), ("|", "Pipe |")]
ENCODINGS = [
    ("utf-8", "UTF-8"),
    ("utf-16", "UTF-16"),
    ("cp1252", "Windows, Western Europe (1252)"),
    ("latin-1", "ISO 8859-1"),
    ("iso8859-15", "ISO 8859-15"),
    ("cp1250", "Windows, Central Europe (1250)"),
    ("cp1251", "Windows, Cyrillic (1251)"),
    ("cp1253", "Windows, Greek (1253)"),
    ("cp1254", "Windows, Turkish (1254)"),
    ("shift_jis", "Shift JIS"),
    ("gb18030", "GB 18030"),
    ("big5", "Big5"),
    ("euc_kr", "EUC-KR"),
]
SETTINGS = (
    "file_format", "delimiter", "encoding", "header", "inside", "time_format", "duration_unit", "decimal", "hold_in_talk",
    "kind", "direction", "disposition",
)  # fmt: skip
LINE_SETTINGS = ("position", "title", "field", "value_map")


class CallMapping(models.Model):
    """How to read one kind of file: which of its columns means what, and how times and durations are written.

    Owns no calls and no source: any number of sources may use it. A mapping that is not complete, because nobody has said
    what its sample does not tell, reads nothing.
    """

    _name = "call.mapping"
    _description = "Column Mapping"
    _order = "name"
    _check_company_auto = True

    name = fields.Char(required=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    file_format = fields.Selection(
        [
            ("generic_csv", "Delimited text (CSV, TSV)"),
            ("generic_xlsx", "Excel workbook (XLSX)"),
            ("generic_json", "JSON or JSON lines"),
        ],
        string="Kind of File",
        required=True,
        default="generic_csv",
        help="What the sample is. A source may use the mapping for another kind of file with the same columns.",
    )
    delimiter = fields.Selection(DELIMITERS, required=True, default=",")
    encoding = fields.Selection(ENCODINGS, required=True, default="utf-8")
    header = fields.Boolean(string="First Line Names the Columns", default=True)
    inside = fields.Char(
        string="Records Under", help="Where one JSON document holds all records: the path of their array, such as data.calls."
    )
    time_format = fields.Selection(
        [
            ("iso", "Year-month-day (2026-10-31 14:05:00), also with its own offset"),
            ("dmy", "Day/month/year (31/10/2026 14:05:00)"),
            ("mdy", "Month/day/year (10/31/2026 2:05 PM)"),
            ("epoch", "Seconds since 1970 (UTC)"),
            ("epoch_ms", "Milliseconds since 1970 (UTC)"),
            ("serial", "Day numbers of a spreadsheet (46326.586806)"),
        ],
        string="Times",
        default="iso",
        help="Times that are written in another way are suspended, never guessed.",
    )
    duration_unit = fields.Selection(
        [
            ("seconds", "Seconds"),
            ("milliseconds", "Milliseconds"),
            ("minutes", "Minutes with decimals"),
            ("hours", "Hours with decimals"),
            ("clock", "Clock (hh:mm:ss)"),
        ],
        string="Durations",
        default="seconds",
        help="In what the file writes how long something took.",
    )
    decimal = fields.Selection([(".", "Point (1.5)"), (",", "Comma (1,5)")], string="Decimal Sign", required=True, default=".")
    hold_in_talk = fields.Boolean(
        string="Talk Contains Hold", help="The talk time of the file contains the hold time, which is taken out of it."
    )
    kind = fields.Selection(
        [(key, KIND_LABELS[key]) for key in KINDS], string="Kind If Not in the File", required=True, default="call"
    )
    direction = fields.Selection(
        [("inbound", "Inbound"), ("outbound", "Outbound"), ("internal", "Internal")],
        string="Direction If Not in the File",
        required=True,
        default="inbound",
    )
    disposition = fields.Selection(
        [(key, DISPOSITION_LABELS[key]) for key in DISPOSITIONS],
        string="Outcome If Not in the File",
        required=True,
        default="answered",
    )
    line_ids = fields.One2many("call.mapping.line", "mapping_id", string="Columns", copy=True)
    sample = fields.Binary(
        attachment=True, copy=False, help="A file to try the mapping on; a few hundred records are enough. It is never exported."
    )
    sample_name = fields.Char(copy=False)
    sample_questions = fields.Json(copy=False, help="What the sample left open when it was read: pairs of code and detail.")
    preview_tz = fields.Selection(
        _tz_get,
        string="Preview In",
        default=lambda self: self.env.user.tz or "UTC",
        help="The zone in which the preview reads and shows times. Each source has its own.",
    )
    missing = fields.Text(string="Still Needed", compute="_compute_missing", help="Why the mapping cannot read yet.")
    advice = fields.Text(compute="_compute_advice", help="What the sample does not prove.")
    preview = fields.Html(compute="_compute_preview", sanitize=False)
    export_file = fields.Binary(compute="_compute_export_file")
    source_ids = fields.One2many("call.source", "mapping_id", string="Used By")

    @api.constrains("line_ids")
    def _check_lines(self):
        for mapping in self:
            if mapping._has_twins():
                raise ValidationError(self.env._("Mapping '%s' names the same meaning twice.", mapping.name))

    def _has_twins(self):
        names = [line.field for line in self.line_ids if line.field and line.field != "ignored"]
        return len(names) != len(set(names))

    @api.depends("file_format", "header", "time_format", "duration_unit", "sample_questions", "line_ids.field", "line_ids.title",
                 "line_ids.position")  # fmt: skip
    def _compute_missing(self):
        for mapping in self:
            mapping.missing = "\n".join(mapping._missing(mapping.file_format)) or False

    def _missing(self, file_format):
        """What this mapping lacks to read a kind of file, as sentences."""
        lines = self.line_ids.filtered("field")
        found = []
        if not lines:
            return [self.env._("Mapping '%s' has no columns yet.", self.name or "")]
        if self._has_twins():  # lines that were written one by one
            found.append(self.env._("Mapping '%s' names the same meaning twice.", self.name or ""))
        asked = self._asked()
        if "start" not in lines.mapped("field"):
            found.append(asked.get("no_start") or self.env._("Say which column is the start of the call."))
        if not self.time_format:
            found.append(
                asked.get("date_order")
                or asked.get("mixed_dates")
                or asked.get("times")
                or self.env._("Choose how times are written.")
            )
        if not self.duration_unit and {*PARTS, "total_seconds"} & set(lines.mapped("field")):
            found.append(asked.get("unit") or self.env._("Choose what durations are counted in."))
        for line in lines:
            if not line._place(file_format):
                label = line._label()
                found.append(
                    self.env._("Column '%s' needs the name or path that the file has for it.", label)
                    if file_format == "generic_json" or self.header
                    else self.env._("Column '%s' needs its number: the file has no names.", label)
                )
        return found

    @api.depends("sample_questions", "sample", "time_format")
    def _compute_advice(self):
        for mapping in self:
            needed = ("no_start", "date_order", "unit", "times", *(() if mapping.time_format else ("mixed_dates",)))
            asked = mapping._asked() if mapping.sample else {}
            mapping.advice = "\n".join(text for code, text in asked.items() if code not in needed) or False

    def _asked(self):
        """What the sample left open when it was read, as sentences by code."""
        texts = self._question_texts()
        asked = [(code, detail) for code, detail in self.sample_questions or [] if code in texts]
        return {code: texts[code].replace("%s", detail) for code, detail in asked}

    def _question_texts(self):
        """What is said of each code of :func:`formats.detect.detect`."""
        return {
            "date_order": self.env._("%s may be day/month or month/day: choose the order of dates."),
            "mixed_dates": self.env._(
                "%s: some dates have the day first, others the month. A spreadsheet may have turned them; those that do not "
                "follow the chosen order are suspended."
            ),
            "unit": self.env._("Choose what durations are counted in: '%s' does not tell."),
            "times": self.env._("'%s' is no way of writing times that can be read: choose another one only if others follow it."),
            "no_start": self.env._("No column looks like the start of the call: say which one it is."),
            "delimiter": self.env._("The file seems to have one column only: choose the delimiter and read the sample again."),
            "seconds": self.env._("Whole numbers such as '%s' are taken as seconds: check that."),
            "start": self.env._("Column '%s' is taken as the start of the call: check that."),
            "encoding": self.env._("The encoding %s is a guess: check names with accents in the preview."),
            "serial": self.env._("%s is a day number of a spreadsheet: check the times in the preview."),
            "damaged": self.env._(
                "%s is a number that a spreadsheet has damaged: such records are suspended. Ask for the file as the phone "
                "system wrote it."
            ),
            "decimal": self.env._("%s may be a decimal or more than a thousand: choose the decimal sign."),
        }

    # --- The sample -----------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        return super(CallMapping, self.with_context(call_records=True)).create(vals_list).with_env(self.env)

    def write(self, vals):
        return super(CallMapping, self.with_context(call_records=True)).write(vals)

    @api.onchange("sample")
    def _onchange_sample(self):
        if not self.sample or self.line_ids:
            return None
        self.name = self.name or Path(self.sample_name or "").stem
        try:
            self._read_sample()
        except UserError as error:
            return {"warning": {"title": self.env._("Sample"), "message": str(error)}}
        return None

    def action_read_sample(self):
        """Take from the sample what it tells: how it is written, its columns, and what they mean as far as titles tell.

        What people have said already stays: meanings, and how the file is written once there are columns.

        :raise UserError: there is no sample, or it cannot be read
        """
        self.ensure_one()
        self._read_sample()

    def _read_sample(self):
        if not self.sample:
            raise UserError(self.env._("Upload a sample file first."))
        fresh = not self.line_ids
        chosen = {
            line.field: place
            for line in self.line_ids
            if line.field and line.field != "ignored" and (place := line._place(self.file_format))
        }
        with self._sample_path() as path:
            try:
                found = detect.detect(path, chosen, None if fresh else self._file_settings())
            except formats.ReadError as error:
                raise UserError(self._read_error_text(error)) from error
        if fresh:
            self.file_format, self.delimiter, self.encoding = found.format, found.delimiter, found.encoding
            self.header, self.inside = found.header, found.inside
            self.time_format, self.duration_unit, self.decimal = found.time_format, found.duration_unit, found.decimal
        else:
            self.time_format = self.time_format or found.time_format
            self.duration_unit = self.duration_unit or found.duration_unit
        self.sample_questions = found.questions
        self._merge_columns(found)

    def _merge_columns(self, found):
        """Lines for the columns of a sample: those that are there keep what people said of them."""
        names = {id(column): name for name, column in found.fields.items()}
        taken = set(self.line_ids.mapped("field"))
        left, commands = self.line_ids, []
        for column in found.columns:
            lines = self.line_ids.filtered(
                lambda line, column=column: line._place(found.format) in (column.place, column.position)
            )
            name = names.get(id(column))
            guess = {"field": name, "value_map": self._as_value_map(found.values.get(name))} if name and name not in taken else {}
            left -= lines
            for line in lines[:1]:
                line.update({"title": column.title, "position": column.position} | (guess if not line.field else {}))
            if not lines:
                commands.append(Command.create({"title": column.title, "position": column.position, **guess}))
        commands += [Command.delete(line.id) for line in left if not line.field]
        self.line_ids = commands

    @api.model
    def _as_value_map(self, values):
        return "; ".join(f"{text}={word}" for text, word in (values or {}).items() if ";" not in text) or False

    def _file_settings(self):
        return {
            "format": self.file_format,
            "delimiter": self.delimiter,
            "encoding": self.encoding,
            "header": self.header and self.file_format != "generic_json",
            "inside": self.inside or "",
        }

    @contextmanager
    def _sample_path(self):
        content = base64.b64decode(self.with_context(bin_size=False).sample or b"")
        if len(content) > SAMPLE_BYTES:
            raise UserError(self.env._("This sample is larger than 20 MB: a few hundred records are enough."))
        with tempfile.TemporaryDirectory() as workdir:
            path = Path(workdir) / "sample"
            path.write_bytes(content)
            yield str(path)

    def _read_error_text(self, error):
        if error.code == "header":
            return self.env._("The sample has no column '%s', or has it twice.", error.detail)
        return {
            "xls": self.env._("This is a workbook of the old kind (.xls). Save it as .xlsx or as CSV."),
            "compressed": self.env._("This file is compressed: unpack it first."),
            "markup": self.env._("This is a web page or XML, even if its name says otherwise. Save it as CSV, XLSX or JSON."),
            "binary": self.env._("This is neither text nor a workbook."),
            "large": self.env._("This workbook unpacks to more than can be read safely: a few hundred records are enough."),
            "workbook": self.env._("This workbook is broken, or none: open it in a spreadsheet and save it as .xlsx."),
        }.get(error.detail) or (
            self.env._("The sample holds no record.")
            if error.code == "empty"
            else self.env._("Not one record of the sample can be read with this mapping.")
        )

    # --- What a source reads with ---------------------------------------------------------------------

    def _format_options(self, file_format=None):
        """Options of :mod:`formats.generic`.

        :param file_format: kind of file, as the code of a format; that of the sample if not given
        :raise UserError: the mapping is not complete
        """
        self.ensure_one()
        missing = self._missing(file_format or self.file_format)
        if missing:
            raise UserError("\n".join(missing))
        places = [(line, line._place(file_format or self.file_format)) for line in self.line_ids.filtered("field")]
        return {
            **{name: self[name] for name in SETTINGS if name != "file_format"},
            "fields": {line.field: place for line, place in places if line.field != "ignored"},
            "ignore": [(place, line._texts()) for line, place in places if line.field == "ignored"],
            "values": {line.field: line._values() for line, _place in places if line.field in VOCABULARIES and line.value_map},
        }

    @api.depends("sample", "preview_tz", *(name for name in SETTINGS),
                 "line_ids.field", "line_ids.position", "line_ids.title", "line_ids.value_map")  # fmt: skip
    def _compute_preview(self):
        for mapping in self:
            mapping.preview = mapping._preview() if mapping.sample and mapping.line_ids and not mapping.missing else False

    def _preview(self):
        """What the first records of the sample become, as a table."""
        with self._sample_path() as path:
            try:
                rows = formats.preview(path, self.file_format, self._format_options(), self.preview_tz or "UTC")
            except formats.ReadError as error:
                return self.env["ir.qweb"]._render(
                    "call_center_billing.call_mapping_preview", {"message": self._read_error_text(error), "rows": []}
                )
        labels = dict(self.line_ids._fields["field"]._description_selection(self.env))
        mapped = set(self.line_ids.mapped("field")) | set(VOCABULARIES) | {"talk_seconds", "total_seconds"}
        names = [name for name in FIELDS if name in mapped and name not in ("start", "start_time")]
        reasons = dict(self.env["call.suspense"]._fields["reason"]._description_selection(self.env))
        for row in rows:
            row["result"] = {
                None: self.env._("Readable"),
                "ignored": self.env._("Left out"),
                "duplicate": self.env._("Repeated"),
                "refused": reasons.get(row["reason"], row["reason"]),
            }[row["outcome"]]
            row["cells"] = [self._preview_cell(row, name) for name in names]
            row["start"] = self._preview_time(row["start_at"])
        return self.env["ir.qweb"]._render(
            "call_center_billing.call_mapping_preview",
            {"message": False, "rows": rows, "titles": [labels[name] for name in names], "zone": self.preview_tz or "UTC"},
        )

    def _preview_cell(self, row, name):
        if name == "version_at":
            return self._preview_time(row[name], convert=False)
        if name in VOCABULARIES:
            return dict(self._fields[name]._description_selection(self.env)).get(row[name], "")
        value = row[name]
        return "" if value is None else f"{value:f}".rstrip("0").rstrip(".") if name in ("quantity", "provider_cost") else value

    def _preview_time(self, time, convert=True):
        if not time:
            return ""
        local = fields.Datetime.context_timestamp(self.with_context(tz=self.preview_tz or "UTC"), time) if convert else time
        return local.strftime("%Y-%m-%d %H:%M:%S")

    # --- To and from a file ---------------------------------------------------------------------------

    def action_export(self):
        """Download the mapping as a file that another database can import."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/call.mapping/{self.id}/export_file/mapping-{self.id}.json?download=true",
            "target": "self",
        }

    @api.depends("name", *SETTINGS, *(f"line_ids.{name}" for name in LINE_SETTINGS))
    def _compute_export_file(self):
        for mapping in self:
            text = json.dumps(mapping._as_export(), ensure_ascii=False, indent=1)
            mapping.export_file = base64.b64encode(text.encode())

    def _as_export(self):
        """All that the mapping says, and nothing of the sample."""
        return {
            "call_mapping": EXPORT_VERSION,
            "name": self.name,
            **{name: self[name] for name in SETTINGS},
            "lines": [{name: line[name] for name in LINE_SETTINGS if line[name]} for line in self.line_ids if line.field],
        }
