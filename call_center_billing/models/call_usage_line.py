from odoo import api, fields, models
from odoo.tools import SQL, sql

from ..formats.record import DISPOSITIONS

PRICE_DIGITS = (16, 6)
AMOUNT_DIGITS = (16, 10)
DISPOSITION_LABELS = {
    "answered": "Answered",
    "abandoned": "Abandoned",
    "no_answer": "Not answered",
    "busy": "Busy",
    "failed": "Failed",
    "voicemail": "Voicemail",
}


class Unchecked(fields.Many2one):
    """A link without a foreign key. Each key would cost about as much per loaded row as an index; the records it
    points to refuse to be deleted instead (``@api.ondelete`` of import, statement, contract line and rule)."""

    def update_db_foreign_key(self, model, column):
        pass


class CallUsageLine(models.Model):
    """One call, normalised, guided and rated: a line of the client's statement.

    Written by the import in bulk and by nothing else; never deleted but by undoing the import, never changed once its
    statement is invoiced. ``record_key``, a 16-byte hash of source and record id that only SQL sees, makes it unique.
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
    late_of_id = Unchecked("call.statement", string="Late Usage of", ondelete="restrict")
    contract_id = fields.Many2one(related="statement_id.contract_id")
    partner_id = fields.Many2one(related="statement_id.partner_id", string="Client")
    contract_line_id = Unchecked("contract.line", required=True, ondelete="restrict")
    rule_id = Unchecked("call.rate.rule", required=True, ondelete="restrict")
    currency_id = fields.Many2one(related="statement_id.currency_id")
    record_ref = fields.Char(string="Record ID", help="The phone system's own id of this record.")
    group_ref = fields.Char(string="Call ID", help="Shared by the records of one call, such as after a transfer.")
    direction = fields.Selection([("inbound", "Inbound"), ("outbound", "Outbound"), ("internal", "Internal")], required=True)
    caller = fields.Char()
    called = fields.Char()
    queue = fields.Char()
    campaign = fields.Char()
    account_code = fields.Char()
    agent = fields.Char()
    disposition = fields.Selection([(key, DISPOSITION_LABELS[key]) for key in DISPOSITIONS], required=True)
    start_at = fields.Datetime(string="Start", required=True, help="Shown in your time zone.")
    date = fields.Date(string="Client's Day", required=True, help="Day of the call in the client's time zone.")
    ring_seconds = fields.Integer(string="Ringing (s)", required=True)
    queue_seconds = fields.Integer(string="Queue (s)", required=True)
    ivr_seconds = fields.Integer(string="IVR (s)", required=True)
    talk_seconds = fields.Integer(string="Talk (s)", required=True)
    hold_seconds = fields.Integer(string="Hold (s)", required=True)
    wrap_seconds = fields.Integer(string="Wrap-Up (s)", required=True)
    total_seconds = fields.Integer(string="Duration (s)", required=True)
    counted_seconds = fields.Integer(string="Counted (s)", required=True, help="Sum of the parts that the rule counts.")
    billed_seconds = fields.Integer(string="Charged (s)", required=True, help="Counted time after minimum and increments.")
    minute_price = fields.Float(string="Price per Minute", digits=PRICE_DIGITS, required=True, aggregator=None)
    call_price = fields.Float(string="Price per Call", digits=PRICE_DIGITS, required=True, aggregator=None)
    amount = fields.Float(string="Price", digits=AMOUNT_DIGITS, required=True, help="Exact, before rounding of the invoice line.")
    status = fields.Selection([("billable", "Billable"), ("not_billable", "Not billable")], required=True)
    not_billable_reason = fields.Selection(
        [("disposition", "This outcome is not charged"), ("after_end", "After the end of the service")]
    )
    statement_state = fields.Selection(related="statement_id.state", string="Billing")

    # The pages of a statement and of a charge read by these; the order of loading is nearly the order of time.
    _statement_start = models.Index("(statement_id, start_at)")
    _import = models.Index("USING brin (import_id)")

    def init(self):
        """The unique key. It is no field: nothing but the bulk load reads or writes it."""
        if not sql.column_exists(self.env.cr, self._table, "record_key"):
            self.env.cr.execute(SQL("ALTER TABLE %s ADD COLUMN record_key uuid NOT NULL", SQL.identifier(self._table)))
        sql.create_index(self.env.cr, "call_usage_line_record_key_index", self._table, ["record_key"], unique=True)

    @api.depends("caller", "called", "start_at")
    def _compute_display_name(self):
        for call in self:
            call.display_name = f"{call.caller or '?'} → {call.called or '?'}"
