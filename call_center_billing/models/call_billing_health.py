"""What of the usage is not billed yet, and what of the bills is contested or given back."""

from odoo import fields, models
from odoo.tools import SQL


class CallBillingHealth(models.Model):
    """What a statement was billed, and what became of it, without taxes, in the currency of the company that its reader works in. A
    view: it owns nothing, and nothing of it can be changed.

    Unbilled: usage of open periods, as in the list of unbilled usage. Billed: the lines of its posted invoice. Credited: posted
    credit notes of that invoice, and adjustments that give back and are on no document of their own. What several periods of a
    contract have in common, such as fixed fees and credit notes, is of the last of them. Days to settle: whole days from raising a
    dispute to its decision. Ratios as ``indicators`` says. Other currencies as in ``call.margin``.
    """

    _name = "call.billing.health"
    _description = "Billing Health"
    _inherit = ["call.period.row"]
    _auto = False
    _order = "date_end desc, id desc"
    _rec_name = "statement_id"
    _ratios = {
        "dispute_rate": ("100.0 * sum(%(disputed_amount)s)", "sum(%(billed_amount)s)"),
        "credit_ratio": ("100.0 * sum(%(credited_amount)s)", "sum(%(billed_amount)s)"),
        "days_to_settle": ("1.0 * sum(%(settle_days)s)", "sum(%(decided_count)s)"),
    }
    _depends = {
        "account.move": ["move_type", "reversed_entry_id", "state"],
        "account.move.line": ["call_charge_id", "contract_line_id", "display_type", "move_id", "price_subtotal"],
        "call.adjustment": ["amount", "move_id", "state", "statement_id"],
        "call.charge": ["amount", "statement_id"],
        "call.dispute": ["decided_at", "disputed_amount", "raised_at", "state", "statement_id"],
        "call.statement": [
            "company_id", "contract_id", "currency_id", "date_end", "date_start", "invoice_id", "partner_id", "state", "usage_amount",
            "user_id",
        ],
        "contract.line": ["contract_id"],
        "res.company": ["currency_id"],
        "res.currency.rate": ["company_id", "currency_id", "name", "rate"],
    }  # fmt: skip

    currency_id = fields.Many2one("res.currency", readonly=True)
    unbilled_amount = fields.Monetary(string="Unbilled", readonly=True, help="Usage of periods that are not invoiced yet.")
    billed_amount = fields.Monetary(string="Billed", readonly=True, help="Lines of the posted invoice, without taxes.")
    disputed_amount = fields.Monetary(string="Disputed", readonly=True, help="At stake in disputes, withdrawn ones left out.")
    open_disputed_amount = fields.Monetary(
        string="Disputed, Open", readonly=True, help="At stake in disputes without a decision."
    )
    credited_amount = fields.Monetary(
        string="Credited", readonly=True, help="Credit notes, and what is given back on next invoices."
    )
    dispute_count = fields.Integer(string="Disputes", readonly=True)
    decided_count = fields.Integer(string="Decided Disputes", readonly=True)
    settle_days = fields.Integer(string="Days in Dispute", readonly=True, help="Of the decided disputes, in all.")
    dispute_rate = fields.Float(
        string="Dispute Rate (%)", digits=(16, 2), readonly=True, aggregator="avg", help="Disputed / billed."
    )
    credit_ratio = fields.Float(
        string="Credit Ratio (%)", digits=(16, 2), readonly=True, aggregator="avg", help="Credited / billed."
    )
    days_to_settle = fields.Float(
        digits=(16, 1), readonly=True, aggregator="avg", help="From raising a dispute to its decision, on average."
    )

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT row.*, 100 * row.disputed_amount / nullif(row.billed_amount, 0) AS dispute_rate,
                   100 * row.credited_amount / nullif(row.billed_amount, 0) AS credit_ratio,
                   1.0 * row.settle_days / nullif(row.decided_count, 0) AS days_to_settle
              FROM (SELECT s.id, s.id AS statement_id, s.contract_id, s.partner_id, s.company_id, s.user_id, %(own)s AS currency_id, s.date_start,
                           s.date_end, u.amount * x.factor AS unbilled_amount, b.amount * x.factor AS billed_amount,
                           d.amount * x.factor AS disputed_amount, d.open_amount * x.factor AS open_disputed_amount,
                           (c.amount + a.amount) * x.factor AS credited_amount, d.dispute_count, d.decided_count, d.settle_days
                      FROM call_statement s
                      JOIN res_company o ON o.id = s.company_id
                     CROSS JOIN LATERAL (%(factor)s) x
                     CROSS JOIN LATERAL (%(unbilled)s) u
                     CROSS JOIN LATERAL (%(last)s) last
                     CROSS JOIN LATERAL (%(billed)s) b
                     CROSS JOIN LATERAL (%(refunded)s) c
                     CROSS JOIN LATERAL (%(adjusted)s) a
                     CROSS JOIN LATERAL (%(disputed)s) d) row
            """,
            own=self.env.company.currency_id.id,
            factor=self.env["call.margin"]._factor(SQL.identifier("s", "currency_id")),
            unbilled=self._unbilled(),
            last=self._last(),
            billed=self._billed(),
            refunded=self._refunded(),
            adjusted=self._adjusted(),
            disputed=self._disputed(),
        )

    def _unbilled(self):
        """SELECT of the usage of a statement s that is on no invoice."""
        return SQL(
            """
            SELECT CASE WHEN s.state = 'open' OR s.state = 'closed'
                             AND EXISTS (SELECT FROM call_charge WHERE statement_id = s.id AND amount <> 0)
                        THEN s.usage_amount ELSE 0 END AS amount
            """
        )

    def _last(self):
        """SELECT whether a statement s is the last one of its contract, and the last of all, on its invoice."""
        return SQL(
            """
            SELECT NOT EXISTS (SELECT FROM call_statement t WHERE t.invoice_id = s.invoice_id AND t.contract_id = s.contract_id
                                  AND (t.date_start, t.id) > (s.date_start, s.id)) AS of_contract,
                   NOT EXISTS (SELECT FROM call_statement t WHERE t.invoice_id = s.invoice_id AND t.id > s.id) AS of_all
            """
        )

    def _billed(self):
        """SELECT of what of its posted invoice is of a statement s."""
        return SQL(
            """
            SELECT coalesce(sum(b.price_subtotal), 0) AS amount
              FROM account_move_line b
              JOIN account_move m ON m.id = b.move_id AND m.state = 'posted'
              LEFT JOIN call_charge g ON g.id = b.call_charge_id
              LEFT JOIN contract_line l ON l.id = b.contract_line_id
             WHERE b.move_id = s.invoice_id AND b.display_type = 'product'
               AND CASE WHEN g.id IS NOT NULL THEN g.statement_id = s.id
                        WHEN l.id IS NOT NULL THEN l.contract_id = s.contract_id AND last.of_contract
                        ELSE last.of_all END
            """
        )

    def _refunded(self):
        """SELECT of what posted credit notes of its invoice give back of a statement s."""
        return SQL(
            """
            SELECT coalesce(sum(b.price_subtotal), 0) AS amount
              FROM account_move m
              JOIN account_move_line b ON b.move_id = m.id AND b.display_type = 'product'
              LEFT JOIN contract_line l ON l.id = b.contract_line_id
             WHERE m.reversed_entry_id = s.invoice_id AND m.move_type = 'out_refund' AND m.state = 'posted'
               AND CASE WHEN l.id IS NOT NULL THEN l.contract_id = s.contract_id AND last.of_contract ELSE last.of_all END
            """
        )

    def _adjusted(self):
        """SELECT of what adjustments of a statement s give back otherwise: with the next invoice, or by a credit note that is a draft."""
        return SQL(
            """
            SELECT coalesce(-sum(e.amount), 0) AS amount
              FROM call_adjustment e
              LEFT JOIN account_move m ON m.id = e.move_id
             WHERE e.statement_id = s.id AND e.amount < 0 AND e.state <> 'lost' AND m.state IS DISTINCT FROM 'posted'
            """
        )

    def _disputed(self):
        """SELECT of the disputes of a statement s."""
        return SQL(
            """
            SELECT coalesce(sum(e.disputed_amount), 0) AS amount, count(*) AS dispute_count, count(e.decided_at) AS decided_count,
                   coalesce(sum(e.disputed_amount) FILTER (WHERE e.state IN ('new', 'review')), 0) AS open_amount,
                   coalesce(sum(extract(day FROM e.decided_at - e.raised_at)), 0)::integer AS settle_days
              FROM call_dispute e WHERE e.statement_id = s.id AND e.state <> 'withdrawn'
            """
        )
