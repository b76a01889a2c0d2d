from odoo import api, fields, models
from odoo.tools import SQL, sql

from ..formats.record import DISPOSITIONS, KINDS, PARTS

AMOUNT_DIGITS = (16, 10)
RECORD_KEY = "call_usage_line_record_key_index"
"""The index by which each record is one line."""
STAFF = "call_center_billing.group_sales"
NUMBERS = "call_center_billing.group_whole_numbers"
"""Who reads whole numbers, and what may tell one that the client does not see (see call_masking.py)."""
DISPOSITION_LABELS = {
    "answered": "Answered",
    "abandoned": "Abandoned",
    "no_answer": "Not answered",
    "busy": "Busy",
    "failed": "Failed",
    "voicemail": "Voicemail",
}
KIND_LABELS = {"call": "Call", "agent_time": "Agent time", "message": "Message", "outcome": "Outcome"}


class Unchecked(fields.Many2one):
    """A link without a foreign key. Each key would cost about as much per loaded row as an index; the records it
    points to refuse to be deleted instead (``@api.ondelete`` of import, statement, contract line and rule)."""

    def update_db_foreign_key(self, model, column):
        pass


class CallUsageLine(models.Model):
    """One call (or stretch of agent time, message, outcome), normalised, guided and rated: a line of the client's statement.

    Written by the import in bulk and by nothing else; never deleted but by undoing the import. ``record_key``, a 16-byte
    hash of source and record id that only SQL sees, makes it unique. What the phone system said never changes; the rating
    columns change only while the statement is open. A record that comes again with newer content is a line of its own,
    linked by ``replaces_id``: it takes over the key, and the older line is no longer billable, or, where that was billed
    already, is offset by a line with negative ``quantity``, seconds and amount.
    """

    _name = "call.usage.line"
    _description = "Call"
    _order = "start_at desc, id desc"
    _log_access = False
    _rec_name = "caller"

    import_id = Unchecked("call.import", required=True, ondelete="restrict")
    line_number = fields.Integer(help="Line of the imported file.", aggregator=None)
    source_id = fields.Many2one(related="import_id.source_id")
    company_id = Unchecked("res.company", required=True, ondelete="restrict")
    statement_id = Unchecked("call.statement", required=True, ondelete="restrict")
    late_of_id = Unchecked(
        "call.statement",
        string="Late Usage of",
        ondelete="restrict",
        help="The invoiced period to which the call belongs, if it came too late for it.",
    )
    contract_id = fields.Many2one(related="statement_id.contract_id")
    partner_id = fields.Many2one(related="statement_id.partner_id", string="Client")
    contract_line_id = Unchecked("contract.line", required=True, ondelete="restrict")
    rule_id = Unchecked("call.rate.rule", required=True, ondelete="restrict")
    price_id = Unchecked(
        "call.price", string="Rate", required=True, ondelete="restrict", help="What calls like this one cost when it was rated."
    )
    is_split = fields.Boolean(string="Split", help="Charged in stretches of different bands.")
    stretch_ids = fields.One2many("call.usage.stretch", "usage_id", string="Stretches")
    whole_parts = fields.Json(
        help="Of a call in several records, on the one that is charged: the seconds of its parts over all of them."
    )
    currency_id = fields.Many2one(related="statement_id.currency_id")
    replaces_id = Unchecked(
        "call.usage.line", string="Replaces", ondelete="set null", help="The line with what the phone system told before."
    )
    kind = fields.Selection([(key, KIND_LABELS[key]) for key in KINDS], required=True, default="call")
    record_ref = fields.Char(string="Record ID", groups=NUMBERS, help="The phone system's own id of this record.")
    group_ref = fields.Char(string="Call ID", groups=NUMBERS, help="Shared by the records of one call, such as after a transfer.")
    direction = fields.Selection([("inbound", "Inbound"), ("outbound", "Outbound"), ("internal", "Internal")], required=True)
    caller = fields.Char(groups=NUMBERS)
    called = fields.Char(groups=NUMBERS)
    caller_e164 = fields.Char(string="Caller (E.164)", groups=NUMBERS, help="With country code, where that can be told.")
    called_e164 = fields.Char(string="Called (E.164)", groups=NUMBERS, help="With country code, where that can be told.")
    queue = fields.Char()
    campaign = fields.Char()
    skill = fields.Char(string="Language or Skill")
    account_code = fields.Char()
    trunk = fields.Char(groups=STAFF, help="The line of the carrier by which the call came or went.")
    agent = fields.Char()
    recording_ref = fields.Char(
        string="Recording",
        groups=fields.NO_ACCESS,
        help="The phone system's reference of the recording; shown through a door that asks why.",
    )
    quality = fields.Char(string="Line Quality", help="What the phone system noted about the quality of the line.")
    disposition = fields.Selection([(key, DISPOSITION_LABELS[key]) for key in DISPOSITIONS], required=True)
    start_at = fields.Datetime(string="Start", required=True, help="Shown in your time zone.")
    date = fields.Date(string="Client's Day", required=True, help="Day of the call in the client's time zone.")
    ring_seconds = fields.Integer(string="Ringing (s)", required=True)
    queue_seconds = fields.Integer(string="Queue (s)", required=True)
    ivr_seconds = fields.Integer(string="IVR (s)", required=True)
    talk_seconds = fields.Integer(string="Talk (s)", required=True)
    hold_seconds = fields.Integer(string="Hold (s)", required=True)
    wrap_seconds = fields.Integer(string="Wrap-Up (s)", required=True)
    transfer_seconds = fields.Integer(string="Transfer (s)", required=True, default=0)
    total_seconds = fields.Integer(string="Duration (s)", required=True)
    quantity = fields.Float(
        digits=(16, 2), required=True, default=1, help="Messages or outcomes; 1 for a call, -1 where one is taken back."
    )
    provider_cost = fields.Float(
        digits=(16, 6),
        aggregator="sum",
        groups=STAFF,
        help="What the carrier or cloud charges for it, in the provider's currency.",
    )
    version_at = fields.Datetime(string="Changed at Source", help="When the phone system last changed this record.")
    counted_seconds = fields.Integer(string="Counted (s)", required=True, help="Sum of the parts that the rule counts.")
    billed_seconds = fields.Integer(
        string="Charged (s)",
        required=True,
        help="Counted time after minimum and increments. Of a call in several records: of the whole call, on its first.",
    )
    time_price = fields.Float(related="price_id.time_price", string="Price of Time", digits=0)
    call_price = fields.Float(related="price_id.call_price", string="Price per Call", digits=0)
    amount = fields.Float(
        string="Price",
        digits=AMOUNT_DIGITS,
        required=True,
        help="Exact, before rounding of the invoice line, and before what allowances and tiers of the period make of it.",
    )
    status = fields.Selection([("billable", "Billable"), ("not_billable", "Not billable")], required=True)
    not_billable_reason = fields.Selection(
        [
            ("disposition", "This outcome is not charged"),
            ("short", "Short call that is free"),
            ("leg", "Part of a call that is charged once"),
            ("replaced", "Replaced by a newer record"),
            ("after_end", "After the end of the service"),
            ("too_late", "Came too late to be billed"),
            ("disputed", "Taken out after a dispute"),
            ("waived", "Not charged after a dispute"),
        ]
    )
    lost_amount = fields.Float(
        string="Lost Value",
        digits=AMOUNT_DIGITS,
        readonly=True,
        help="What it would have cost if it had not come after the contract's limit for back-billing; of a correction: how much more.",
    )
    back_billed = fields.Boolean(
        string="Billed Although Too Late",
        readonly=True,
        help="The client agreed, or it takes the place of what was charged more for.",
    )
    statement_state = fields.Selection(related="statement_id.state", string="Billing")

    # The pages of a statement and of a charge read by these; the order of loading is nearly the order of time.
    _statement_start = models.Index("(statement_id, start_at)")
    _loaded = models.Index("USING brin (import_id, start_at)")
    _replaces = models.Index("(replaces_id) WHERE replaces_id IS NOT NULL")

    def init(self):
        """The unique key. It is no field: nothing but the bulk load reads or writes it."""
        if not sql.column_exists(self.env.cr, self._table, "record_key"):
            self.env.cr.execute(SQL("ALTER TABLE %s ADD COLUMN record_key uuid NOT NULL", SQL.identifier(self._table)))
        sql.create_index(self.env.cr, RECORD_KEY, self._table, ["record_key"], unique=True)

    @api.model
    def _stored_columns(self):
        """dict of column -> type: all that a call has, also what is no field, and what other add-ons gave it"""
        return dict(
            self.env.execute_query(
                SQL(
                    "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
                    " WHERE attrelid = 'call_usage_line'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
                )
            )
        )

    @api.model
    def _rated_columns(self):
        """Columns by which a period is closed and calls are rated again."""
        return (
            "id", "statement_id", "contract_line_id", "late_of_id", "rule_id", "price_id", "start_at", "record_key", "date",
            "quantity", "counted_seconds", "billed_seconds", "amount", "status", "not_billable_reason", "provider_cost", "is_split",
            "kind", "group_ref", "direction", "queue", "campaign", "disposition", "total_seconds", *PARTS,
        )  # fmt: skip

    def action_view_call(self):
        """All records of the same call."""
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_usage_line_action")
        group = self.sudo().group_ref
        whole = self.sudo().search([("group_ref", "=", group), ("statement_id", "=", self.statement_id.id)]) if group else self
        return action | {"domain": [("id", "in", whole.ids)], "context": {}, "display_name": self.env._("Whole Call")}

    def action_view_raw(self):
        """The record as the phone system wrote it, out of the imported file."""
        self.ensure_one()
        return self.import_id._action_view_raw(self.line_number)
