"""What became of each call: billed, included, written off, not billable, open."""

from odoo import api, fields, models
from odoo.tools import SQL

CLOSE = SQL("0.00000001")
"""Prices of calls are rounded in the 10th place: amounts nearer to each other than this are the same."""


def is_offset(call):
    """Whether a line takes a billed one back that a newer record replaced."""
    return SQL("(%(u)s.quantity < 0 AND %(u)s.replaces_id IS NOT NULL)", u=SQL.identifier(call))


def between_ends(call, charge):
    """Condition that a call is within the stretch of calls of a charge, joined with its first and last call as f and l."""
    return SQL(
        "(f.id IS NULL OR (%(u)s.start_at, %(u)s.record_key) >= (f.start_at, f.record_key))"
        " AND (l.id IS NULL OR (%(u)s.start_at, %(u)s.record_key) <= (l.start_at, l.record_key))",
        u=SQL.identifier(call),
    )


def share_of_charge(call, charge, column, whole):
    """Seconds or quantity of a call that a charge has; its first and last call may have a part only."""
    return SQL(
        "CASE WHEN %(c)s.first_usage_id = %(u)s.id THEN %(c)s.%(first)s WHEN %(c)s.last_usage_id = %(u)s.id THEN %(c)s.%(last)s"
        " ELSE %(whole)s END",
        c=SQL.identifier(charge),
        u=SQL.identifier(call),
        first=SQL.identifier(f"first_{column}"),
        last=SQL.identifier(f"last_{column}"),
        whole=whole,
    )


def freed_call(call, charge):
    """Price of what an allowance of calls frees of a call: all of it, or some of its quantity."""
    quantity = share_of_charge(call, charge, "quantity", SQL("%s.quantity", SQL.identifier(call)))
    return SQL(
        "CASE WHEN (%(quantity)s) = %(u)s.quantity THEN %(u)s.amount ELSE (%(quantity)s) * r.call_price END",
        quantity=quantity,
        u=SQL.identifier(call),
    )


def freed(call):
    """Scalar subquery: the price of what allowances made free of a call of a closed statement; NULL where they have nothing of
    it."""
    seconds = share_of_charge(call, "c", "seconds", SQL("coalesce(x.seconds, %s.billed_seconds)", SQL.identifier(call)))
    quantity = share_of_charge(call, "c", "quantity", SQL("%s.quantity", SQL.identifier(call)))
    return SQL(
        """
        (SELECT sum(CASE WHEN c.component = 'included' AND c.unit = 'call' THEN %(call)s
                         WHEN c.component = 'call' THEN (%(quantity)s) * r.call_price * (1 - c.share)
                         ELSE (%(seconds)s) * r.time_price / r.time_seconds
                              * CASE c.component WHEN 'included' THEN 1 ELSE 1 - c.share END END)
           FROM call_charge c
           JOIN call_price r ON r.id = c.price_id
           LEFT JOIN call_usage_stretch x ON %(u)s.is_split AND x.usage_id = %(u)s.id AND x.price_id = c.price_id
           LEFT JOIN call_usage_line f ON f.id = c.first_usage_id
           LEFT JOIN call_usage_line l ON l.id = c.last_usage_id
          WHERE c.statement_id = %(u)s.statement_id AND c.contract_line_id = %(u)s.contract_line_id
            AND c.rule_id = %(u)s.rule_id AND c.late_of_id IS NOT DISTINCT FROM %(u)s.late_of_id
            AND (c.component = 'included' OR c.share <> 1 AND c.component IN ('duration', 'call'))
            AND (x.id IS NOT NULL OR %(u)s.is_split IS NOT TRUE AND c.price_id = %(u)s.price_id)
            AND (coalesce(x.number, 1) = 1 OR c.component <> 'call' AND c.unit <> 'call')
            AND (c.component <> 'included' OR c.unit <> 'call' OR c.quantity <> 0)
            AND %(between)s)
        """,
        call=freed_call(call, "c"),
        quantity=quantity,
        seconds=seconds,
        u=SQL.identifier(call),
        between=between_ends(call, "c"),
    )


def freed_by_calls(charges):
    """SELECT of what charges made free of single calls: id of the charge, amount.

    :param charges: FROM item with the columns of call_charge
    """
    return SQL(
        """
        SELECT c.id, sum(%s) AS amount
          FROM %s c
          JOIN call_price r ON r.id = c.price_id
          JOIN call_usage_line u ON u.statement_id = c.statement_id AND u.contract_line_id = c.contract_line_id
               AND u.rule_id = c.rule_id AND u.late_of_id IS NOT DISTINCT FROM c.late_of_id AND u.status = 'billable'
          LEFT JOIN call_usage_stretch x ON u.is_split AND x.usage_id = u.id AND x.number = 1
          LEFT JOIN call_usage_line f ON f.id = c.first_usage_id
          LEFT JOIN call_usage_line l ON l.id = c.last_usage_id
         WHERE c.component = 'included' AND c.unit = 'call' AND c.quantity <> 0 AND c.price_id = coalesce(x.price_id, u.price_id)
           AND %s
         GROUP BY c.id
        """,
        freed_call("u", "c"),
        charges,
        between_ends("u", "c"),
    )


def is_included(call):
    """Whether an allowance made a call free as a whole, joined with its statement as s."""
    return SQL(
        "s.id IN (SELECT statement_id FROM call_charge WHERE component = 'included' OR share <> 1) AND abs(%s - %s.amount) < %s",
        freed(call),
        SQL.identifier(call),
        CLOSE,
    )


def settlement(call, offset=None, included=None):
    """What became of a call, joined with its statement as s and the statement's invoice as m.

    :param offset, included: conditions to ask instead of the call itself
    """
    return SQL(
        """
        CASE WHEN s.billed_again_id IS NOT NULL THEN 'billed_again'
             WHEN %(offset)s THEN 'taken_back'
             WHEN %(u)s.status = 'not_billable' THEN 'not_billable'
             WHEN s.state = 'open' THEN 'open'
             WHEN s.state = 'void' THEN 'written_off'
             WHEN %(included)s THEN 'included'
             WHEN m.state = 'posted' THEN 'posted'
             WHEN m.state = 'draft' THEN 'draft'
             ELSE 'uninvoiced' END
        """,
        offset=is_offset(call) if offset is None else offset,
        u=SQL.identifier(call),
        included=is_included(call) if included is None else included,
    )


class CallUsageLine(models.Model):
    """Adds what became of each call. Nothing of it is stored: its statement, the invoice and the charges tell it."""

    _inherit = "call.usage.line"  # pylint: disable=consider-merging-classes-inherited

    settlement = fields.Selection(
        [
            ("posted", "Billed, invoice posted"),
            ("draft", "Billed, invoice in draft"),
            ("included", "Included in an allowance"),
            ("written_off", "Written off after posting"),
            ("not_billable", "Not billable"),
            ("open", "Not invoiced yet"),
            ("taken_back", "Taken back after a newer record"),
            ("billed_again", "Copy of a call that is billed again"),
            ("uninvoiced", "Closed, but on no invoice"),
        ],
        string="What Became of It",
        compute="_compute_settlement",
        search="_search_settlement",
        groups="call_center_billing.group_sales",
        help="A call that an allowance made free as a whole is included; one that it made free in part is billed.",
    )

    @api.depends("status", "amount", "statement_id.state", "statement_id.billed_again_id", "statement_id.invoice_id.state")
    def _compute_settlement(self):
        self.settlement = False
        if not self.ids:
            return
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL("SELECT u.id, (%s) FROM call_usage_line u WHERE u.id IN %s", self._settlement_of("u"), tuple(self.ids))
        )
        for usage, what in rows:
            self.browse(usage).settlement = what

    @api.model
    def _search_settlement(self, operator, value):
        if operator != "in":
            return NotImplemented
        self.env.flush_all()
        return fields.Domain.custom(
            to_sql=lambda _model, alias, _query: SQL("(%s) IN %s", self._settlement_of(alias), tuple(value) or ("",))
        )

    @api.model
    def _settlement_of(self, alias):
        return SQL(
            "SELECT %s FROM call_statement s LEFT JOIN account_move m ON m.id = s.invoice_id WHERE s.id = %s.statement_id",
            settlement(alias),
            SQL.identifier(alias),
        )
