from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .. import formats
from ..formats import detect
from ..formats.record import DIRECTIONS, DISPOSITIONS, KINDS

VOCABULARIES = {"kind": KINDS, "direction": DIRECTIONS, "disposition": DISPOSITIONS}


class CallMappingLine(models.Model):
    _name = "call.mapping.line"
    _description = "Mapped Column"
    _order = "mapping_id, position, id"

    mapping_id = fields.Many2one("call.mapping", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="mapping_id.company_id", store=True)
    position = fields.Integer(
        string="Number", help="Number of the column in the file, from 1. Counts where the file has no names."
    )
    title = fields.Char(
        string="Name in the File",
        help="As the first line of the file calls the column; or the path to it in JSON, such as call.start or legs[0].number.",
    )
    example = fields.Char(string="In the Sample", compute="_compute_example")
    field = fields.Selection(
        [
            ("start", "Start of the call"),
            ("start_time", "Time of the start, where it has its own column"),
            ("record_ref", "Record ID"),
            ("group_ref", "Call ID (shared by its records)"),
            ("kind", "Kind of record"),
            ("direction", "Direction"),
            ("caller", "Caller"),
            ("called", "Called number"),
            ("queue", "Queue"),
            ("campaign", "Campaign"),
            ("skill", "Language or skill"),
            ("account_code", "Account code"),
            ("trunk", "Trunk"),
            ("agent", "Agent"),
            ("recording_ref", "Recording"),
            ("quality", "Line quality"),
            ("disposition", "Outcome"),
            ("ring_seconds", "Ringing time"),
            ("queue_seconds", "Queue time"),
            ("ivr_seconds", "IVR time"),
            ("talk_seconds", "Talk time"),
            ("hold_seconds", "Hold time"),
            ("wrap_seconds", "Wrap-up time"),
            ("transfer_seconds", "Transfer time"),
            ("total_seconds", "Duration of the call"),
            ("quantity", "Quantity (messages, outcomes)"),
            ("provider_cost", "Cost charged by the provider"),
            ("version_at", "Time of the last change"),
            ("sequence", "Sequence number"),
            ("ignored", "Leave out records where it is one of the texts"),
        ],
        string="Meaning",
        help="Columns without a meaning are not read.",
    )
    value_map = fields.Char(
        string="Texts",
        help="For kind, direction and outcome: what the file writes = what it means, separated by semicolons, such as "
        "'ANSWERED=answered; NO ANSWER=no_answer'. Outcomes: answered, abandoned, no_answer, busy, failed, voicemail. "
        "Directions: inbound, outbound, internal. Kinds: call, agent_time, message, outcome. To leave records out: "
        "the texts, separated by semicolons.",
    )

    _position_positive = models.Constraint("CHECK (position BETWEEN 0 AND 500)", "Columns are numbered from 1 to 500.")

    @api.constrains("value_map", "field")
    def _check_value_map(self):
        for line in self:
            known = VOCABULARIES.get(line.field)
            if line.field == "ignored" and not line._texts():
                raise ValidationError(self.env._("Column '%s': write the texts whose records are left out.", line._label()))
            if not line.value_map or line.field == "ignored" or not line.field:
                continue
            if not known:
                raise ValidationError(self.env._("Column '%s': only kinds, directions and outcomes have texts.", line._label()))
            if not line._values() or any(meaning not in known for meaning in line._values().values()):
                raise ValidationError(
                    self.env._(
                        "Column '%(column)s': '%(text)s' is not understood. Write what the file says = one of: %(known)s.",
                        column=line._label(),
                        text=line.value_map,
                        known=", ".join(known),
                    )
                )

    @api.depends("title", "position", "mapping_id.sample", "mapping_id.file_format", "mapping_id.delimiter",
                 "mapping_id.encoding", "mapping_id.header", "mapping_id.inside")  # fmt: skip
    def _compute_example(self):
        self.example = False
        for mapping, lines in self.grouped("mapping_id").items():
            if not mapping.sample:
                continue
            with mapping._sample_path() as path:
                try:
                    columns = detect.columns_of(path, detect.Detected(**mapping._file_settings()))
                except formats.ReadError:
                    continue
            texts = {place: ", ".join(each.examples())[:80] for each in columns for place in (each.position, each.place)}
            for line in lines:
                line.example = texts.get(line._place(mapping.file_format))

    def _place(self, file_format):
        """What the reader calls this column in a kind of file: title, path or position; None where that is not known."""
        self.ensure_one()
        named = file_format == "generic_json" or self.mapping_id.header
        place = (self.title or "").strip() if named else None
        return place or (self.position if file_format != "generic_json" else None) or None

    def _label(self):
        return self.title or str(self.position or "-")

    def _texts(self):
        """The texts whose records are left out."""
        return [text.strip() for text in (self.value_map or "").split(";") if text.strip()]

    def _values(self):
        """The texts of the file and what they mean."""
        self.ensure_one()
        pairs = [part.rpartition("=") for part in (self.value_map or "").split(";") if "=" in part]
        return {text.strip(): meaning.strip().lower() for text, _sign, meaning in pairs}
