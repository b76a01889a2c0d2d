import base64
import csv
import re
import tempfile
from pathlib import Path

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .. import formats
from ..formats.record import DIRECTIONS, DISPOSITIONS

DELIMITERS = [(",", "Comma ,"), (";", "Semicolon ;"), ("\t", "Tab"), ("|", "Pipe |")]
SAMPLE_BYTES = 64 * 1024
GUESSES = {  # normalised column -> words that name it in the headers of phone systems
    "start": "start calldate call_date date time timestamp datetime start_time starttime begin",
    "record_ref": "uniqueid unique_id id callid call_id uuid cdrid",
    "group_ref": "linkedid group conversation",
    "direction": "direction type",
    "caller": "caller src from callfrom ani source caller_number calling",
    "called": "called dst to callto dnis did destination called_number",
    "queue": "queue queuename skill",
    "campaign": "campaign campaign_id",
    "account_code": "accountcode account_code account",
    "agent": "agent user",
    "disposition": "disposition status result outcome",
    "total_seconds": "duration total length length_in_sec",
    "talk_seconds": "billsec talk talk_time talkduraction talkduration",
    "ring_seconds": "ring ringing ring_time",
    "queue_seconds": "wait queue_time wait_time queue_seconds",
    "hold_seconds": "hold hold_time",
    "wrap_seconds": "wrap wrapup acw wrap_up_time",
}


class CallMapping(models.Model):
    """How to read one kind of delimited file: which column means what. Reusable by any number of sources."""

    _name = "call.mapping"
    _description = "Column Mapping"
    _order = "name"
    _check_company_auto = True

    name = fields.Char(required=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    delimiter = fields.Selection(DELIMITERS, required=True, default=",")
    encoding = fields.Selection(
        [("utf-8", "UTF-8"), ("cp1252", "Windows (Western Europe)"), ("latin-1", "ISO 8859-1"), ("utf-16", "UTF-16")],
        required=True,
        default="utf-8",
    )
    header = fields.Boolean(string="First Line Names the Columns", default=True)
    time_format = fields.Selection(
        [
            ("iso", "Year-month-day (2026-10-31 14:05:00), also with its own offset"),
            ("dmy", "Day/month/year (31/10/2026 14:05:00)"),
            ("mdy", "Month/day/year (10/31/2026 14:05:00)"),
            ("epoch", "Seconds since 1970 (UTC)"),
            ("epoch_ms", "Milliseconds since 1970 (UTC)"),
        ],
        string="Times",
        required=True,
        default="iso",
    )
    duration_unit = fields.Selection(
        [
            ("seconds", "Seconds"),
            ("milliseconds", "Milliseconds"),
            ("minutes", "Minutes with decimals"),
            ("clock", "Clock (hh:mm:ss)"),
        ],
        string="Durations",
        required=True,
        default="seconds",
    )
    direction = fields.Selection(
        [("inbound", "Inbound"), ("outbound", "Outbound"), ("internal", "Internal")],
        string="Direction If Not in the File",
        required=True,
        default="inbound",
    )
    line_ids = fields.One2many("call.mapping.line", "mapping_id", string="Columns", copy=True)
    sample = fields.Binary(string="Sample File", attachment=True, copy=False, help="A file to try the mapping on.")
    sample_name = fields.Char(copy=False)
    preview = fields.Html(compute="_compute_preview", sanitize=False)
    source_ids = fields.One2many("call.source", "mapping_id", string="Used By")

    @api.constrains("line_ids")
    def _check_lines(self):
        for mapping in self:
            names = mapping.line_ids.mapped("field")
            if len(names) != len(set(names)):
                raise ValidationError(self.env._("Mapping '%s' names the same meaning twice.", mapping.name))
            if mapping.line_ids and "start" not in names:
                raise ValidationError(self.env._("Mapping '%s' needs a column for the start of the call.", mapping.name))

    def action_read_header(self):
        """Fill the columns from the sample's first line, as far as their names tell."""
        self.ensure_one()
        header = self._sample_header()
        if not header:
            raise UserError(self.env._("Upload a sample file first: its first line names the columns."))
        taken = set(self.line_ids.mapped("field"))
        vals_list = []
        for name, words in GUESSES.items():
            position = next((i for i, title in enumerate(header, 1) if self._same_word(title, words)), None)
            if position and name not in taken and position not in [vals["position"] for vals in vals_list]:
                vals_list.append({"mapping_id": self.id, "field": name, "position": position, "title": header[position - 1]})
        self.env["call.mapping.line"].create(sorted(vals_list, key=lambda vals: vals["position"]))

    @api.model
    def _same_word(self, title, words):
        return re.sub(r"[^a-z0-9]+", "_", title.strip().lower()).strip("_") in words.split()

    def _sample_content(self):
        self.ensure_one()
        return base64.b64decode(self.with_context(bin_size=False).sample or b"")[:SAMPLE_BYTES]

    def _sample_header(self):
        content = self._sample_content()
        if not content:
            return []
        text = content.decode("utf-16" if self.encoding == "utf-16" else "utf-8-sig", "replace")
        return next(csv.reader([text.splitlines()[0]], delimiter=self.delimiter), []) if text.strip() else []

    def _format_options(self):
        """Options of :mod:`formats.generic_csv`.

        :raise UserError: the mapping is not complete
        """
        self.ensure_one()
        if not self.line_ids:
            raise UserError(self.env._("Mapping '%s' has no columns yet.", self.name))
        return {
            "delimiter": self.delimiter,
            "encoding": self.encoding,
            "header": self.header,
            "time_format": self.time_format,
            "duration_unit": self.duration_unit,
            "columns": max(64, *self.line_ids.mapped("position")),
            "direction": self.direction,
            "disposition": "answered",
            "fields": {line.field: line.position for line in self.line_ids},
            "values": {line.field: line._values() for line in self.line_ids if line.value_map},
        }

    @api.depends("sample", "delimiter", "encoding", "header", "time_format", "duration_unit", "direction",
                 "line_ids.field", "line_ids.position", "line_ids.value_map")  # fmt: skip
    def _compute_preview(self):
        for mapping in self:
            mapping.preview = mapping._preview_table() if mapping.sample and mapping.line_ids else False

    def _preview_table(self):
        with tempfile.TemporaryDirectory() as workdir:
            path = Path(workdir) / "sample"
            path.write_bytes(self._sample_content())
            try:
                rows = formats.preview(str(path), "generic_csv", self._format_options(), self.env.user.tz or "UTC")
            except formats.ReadError:
                return Markup("<p>%s</p>") % self.env._("The sample holds no record.")
        reasons = dict(self.env["call.suspense"]._fields["reason"]._description_selection(self.env))
        titles = [
            self.env._("Line"), self.env._("Start (UTC)"), self.env._("Direction"), self.env._("Caller"),
            self.env._("Called"), self.env._("Queue"), self.env._("Outcome"), self.env._("Talk (s)"),
            self.env._("Duration (s)"), self.env._("Result"),
        ]  # fmt: skip
        body = Markup()
        for row in rows:
            result = reasons.get(row["reason"]) or (self.env._("Repeated") if row["outcome"] else self.env._("Readable"))
            cells = (row["line_number"], row["start_at"], row["direction"], row["caller"], row["called"], row["queue"],
                     row["disposition"], row["talk_seconds"], row["total_seconds"], result)  # fmt: skip
            style = "text-danger" if row["reason"] else ""
            tds = Markup().join(Markup("<td>%s</td>") % ("" if cell is None else cell) for cell in cells)
            body += Markup('<tr class="%s" title="%s">%s</tr>') % (style, row["raw"][:500], tds)
        head = Markup().join(Markup("<th>%s</th>") % title for title in titles)
        return Markup(
            '<div class="table-responsive"><table class="table table-sm"><thead><tr>%s</tr></thead><tbody>%s</tbody></table></div>'
        ) % (head, body)


class CallMappingLine(models.Model):
    _name = "call.mapping.line"
    _description = "Mapped Column"
    _order = "mapping_id, position"

    mapping_id = fields.Many2one("call.mapping", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="mapping_id.company_id", store=True)
    position = fields.Integer(string="Column", required=True, help="Number of the column in the file, from 1.")
    title = fields.Char(string="Name in the File")
    field = fields.Selection(
        [
            ("start", "Start of the call"),
            ("record_ref", "Record ID"),
            ("group_ref", "Call ID (shared by its records)"),
            ("direction", "Direction"),
            ("caller", "Caller"),
            ("called", "Called number"),
            ("queue", "Queue"),
            ("campaign", "Campaign"),
            ("account_code", "Account code"),
            ("agent", "Agent"),
            ("disposition", "Outcome"),
            ("ring_seconds", "Ringing time"),
            ("queue_seconds", "Queue time"),
            ("ivr_seconds", "IVR time"),
            ("talk_seconds", "Talk time"),
            ("hold_seconds", "Hold time"),
            ("wrap_seconds", "Wrap-up time"),
            ("total_seconds", "Duration of the call"),
        ],
        string="Meaning",
        required=True,
    )
    value_map = fields.Char(
        string="Texts",
        help="For direction and outcome: what the file writes = what it means, separated by semicolons, such as "
        "'ANSWERED=answered; NO ANSWER=no_answer'. Outcomes: answered, abandoned, no_answer, busy, failed, voicemail. "
        "Directions: inbound, outbound, internal.",
    )

    _position_positive = models.Constraint("CHECK (position BETWEEN 1 AND 500)", "Columns are numbered from 1 to 500.")

    @api.constrains("value_map", "field")
    def _check_value_map(self):
        known = {"direction": DIRECTIONS, "disposition": DISPOSITIONS}
        for line in self.filtered("value_map"):
            wrong = [value for value in line._values().values() if value not in known.get(line.field, ())]
            if wrong or not line._values():
                raise ValidationError(
                    self.env._(
                        "Column %(column)s: '%(text)s' is not understood. Write what the file says = one of: %(known)s.",
                        column=line.position,
                        text=line.value_map,
                        known=", ".join(known.get(line.field, ("-",))),
                    )
                )

    def _values(self):
        """The texts of the file and what they mean."""
        self.ensure_one()
        pairs = [part.partition("=") for part in (self.value_map or "").split(";") if "=" in part]
        return {text.strip(): meaning.strip().lower() for text, _sign, meaning in pairs}
