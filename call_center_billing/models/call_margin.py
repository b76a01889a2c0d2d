"""What services bring in and what they cost: revenue, agent hours and provider's cost by billing period."""

from odoo import fields, models
from odoo.tools import SQL

KEY_SPACE = 10_000_000
"""Contract lines that have numbers of their own in the ids of rows."""
RATIOS = {
    "revenue_per_call": ("sum(%(revenue)s)", "sum(%(call_count)s)"),
    "revenue_per_minute": ("sum(%(revenue)s)", "sum(%(charged_minutes)s)"),
    "revenue_per_hour": ("sum(%(revenue)s)", "sum(%(agent_hours)s)"),
    "cost_per_hour": ("sum(%(cost)s)", "sum(CASE WHEN %(cost)s IS NOT NULL THEN %(agent_hours)s END)"),
    "margin_percent": ("100 * sum(%(margin)s)", "sum(CASE WHEN %(margin)s IS NOT NULL THEN %(revenue)s END)"),
}


class CallMargin(models.Model):
    """What a service (contract line) brought in in a billing period, and what it cost, in the currency of the company that its reader
    works in. A view: it owns nothing, and nothing of it can be changed.

    Revenue are the charges of a closed statement, the fixed fees on its invoice, and adjustments of it that have a document of their
    own; of a void statement, nothing. Other currencies are converted at the rate of the last day of the period. Calls and hours are
    those of ``call.count``, a few minutes old. Hours are the time agents were logged in, where that is collected for the contract,
    otherwise the time in which they handled calls: never both. Where nobody said what an agent hour costs, cost and margin are
    unknown (NULL), and not nothing.
    """

    _name = "call.margin"
    _description = "Margin"
    _inherit = ["call.period.row"]
    _auto = False
    _order = "date_end desc, id desc"
    _rec_name = "contract_line_id"
    _ratios = RATIOS
    _depends = {
        "account.move": ["state"],
        "account.move.line": ["call_charge_id", "contract_line_id", "display_type", "move_id", "price_subtotal"],
        "call.adjustment": ["move_id", "statement_id"],
        "call.adjustment.line": ["amount", "contract_line_id"],
        "call.charge": ["adjusted_line_id", "amount", "component", "contract_line_id", "provider_cost", "statement_id"],
        "call.statement": ["billed_again_id", "contract_id", "currency_id", "date_end", "invoice_id", "state", "user_id"],
        "contract.contract": ["agent_hour_cost"],
        "res.company": ["call_agent_hour_cost", "currency_id"],
        "res.currency.rate": ["company_id", "currency_id", "name", "rate"],
    }

    contract_line_id = fields.Many2one("contract.line", string="Service", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    call_count = fields.Integer(string="Calls", readonly=True)
    charged_minutes = fields.Float(digits=(16, 2), readonly=True, help="Time of the calls after minimum and increments.")
    agent_hours = fields.Float(
        digits=(16, 2),
        readonly=True,
        help="Logged in, where agent time is collected for the contract; otherwise talk, hold and wrap-up of the answered calls.",
    )
    revenue = fields.Monetary(readonly=True, help="Charges, fixed fees and adjustments of closed periods, without taxes.")
    minimum_amount = fields.Monetary(
        string="Filled Up to the Minimum", readonly=True, help="What the client paid because its usage stayed below the minimum."
    )
    agent_cost = fields.Monetary(string="Cost of Agents", readonly=True, help="Agent hours x cost of an hour; empty: not given.")
    provider_cost = fields.Monetary(string="Provider's Cost", readonly=True, help="Of calls that are charged by it.")
    cost = fields.Monetary(readonly=True, help="Agents and provider; empty where the cost of an agent hour is not given.")
    margin = fields.Monetary(readonly=True, help="Revenue - cost; empty where the cost of an agent hour is not given.")
    has_cost = fields.Boolean(
        string="Cost Given", readonly=True, help="Whether the cost of an agent hour is given, so that there is a margin."
    )
    revenue_per_call = fields.Float(
        string="Revenue per Call", digits=(16, 4), readonly=True, aggregator="avg", help="Revenue / calls."
    )
    revenue_per_minute = fields.Float(
        string="Revenue per Charged Minute", digits=(16, 4), readonly=True, aggregator="avg", help="Revenue / charged minutes."
    )
    revenue_per_hour = fields.Float(
        string="Revenue per Agent Hour", digits=(16, 2), readonly=True, aggregator="avg", help="Revenue / agent hours."
    )
    cost_per_hour = fields.Float(
        string="Cost per Agent Hour", digits=(16, 2), readonly=True, aggregator="avg", help="Cost / agent hours."
    )
    margin_percent = fields.Float(
        string="Margin (%)",
        digits=(16, 1),
        readonly=True,
        aggregator="avg",
        help="Margin / revenue; empty where the cost of an agent hour is not given.",
    )

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT row.*, row.cost IS NOT NULL AS has_cost,
                   row.revenue / nullif(row.call_count, 0) AS revenue_per_call,
                   row.revenue / nullif(row.charged_minutes, 0) AS revenue_per_minute,
                   row.revenue / nullif(row.agent_hours, 0) AS revenue_per_hour,
                   row.cost / nullif(row.agent_hours, 0) AS cost_per_hour,
                   row.revenue - row.cost AS margin, 100 * (row.revenue - row.cost) / nullif(row.revenue, 0) AS margin_percent
              FROM (SELECT s.id::bigint * %(space)s + f.contract_line_id AS id, s.id AS statement_id, f.contract_line_id, s.contract_id,
                           s.partner_id, s.user_id, s.company_id, %(own)s AS currency_id, s.date_start, s.date_end, f.call_count, f.charged_minutes,
                           f.agent_hours, f.revenue * x.factor AS revenue, f.minimum * x.factor AS minimum_amount,
                           f.agent_hours * h.cost AS agent_cost, f.provider * x.factor AS provider_cost,
                           f.agent_hours * h.cost + f.provider * x.factor AS cost
                      FROM call_statement s
                      JOIN contract_contract c ON c.id = s.contract_id
                      JOIN res_company o ON o.id = s.company_id
                     CROSS JOIN LATERAL (%(figures)s) f
                     CROSS JOIN LATERAL (%(factor)s) x
                     CROSS JOIN LATERAL (%(company_factor)s) y
                     CROSS JOIN LATERAL (SELECT coalesce(nullif(c.agent_hour_cost, 0), nullif(o.call_agent_hour_cost, 0)) * y.factor AS cost) h
                     WHERE s.state <> 'open' AND s.billed_again_id IS NULL) row
            """,
            space=KEY_SPACE,
            own=self.env.company.currency_id.id,
            figures=self._figures(),
            factor=self._factor(SQL.identifier("s", "currency_id")),
            company_factor=self._factor(SQL.identifier("o", "currency_id")),
        )

    def _figures(self):
        """SELECT by contract line of a statement s, in its currency."""
        return SQL(
            """
            SELECT contract_line_id, CASE WHEN s.state = 'void' THEN 0 ELSE coalesce(sum(amount), 0) END AS revenue,
                   CASE WHEN s.state = 'void' THEN 0 ELSE coalesce(sum(minimum), 0) END AS minimum,
                   coalesce(sum(provider), 0) AS provider, coalesce(sum(calls), 0) AS call_count,
                   coalesce(sum(billed), 0) / 60.0 AS charged_minutes,
                   coalesce(CASE WHEN sum(sum(logged)) OVER () > 0 THEN sum(logged) ELSE sum(handling) END, 0) / 3600.0 AS agent_hours
              FROM (SELECT coalesce(adjusted_line_id, contract_line_id) AS contract_line_id, amount,
                           CASE component WHEN 'minimum' THEN amount END AS minimum, provider_cost AS provider,
                           NULL::integer AS calls, NULL::integer AS billed, NULL::integer AS logged, NULL::integer AS handling
                      FROM call_charge WHERE statement_id = s.id
                     UNION ALL
                    SELECT contract_line_id, NULL, NULL, NULL, call_count, billed_seconds, logged_seconds, handling_seconds
                      FROM call_count WHERE statement_id = s.id
                     UNION ALL
                    SELECT b.contract_line_id, b.price_subtotal, NULL, NULL, NULL, NULL, NULL, NULL
                      FROM account_move_line b
                      JOIN account_move m ON m.id = b.move_id AND m.state IN ('draft', 'posted')
                      JOIN contract_line l ON l.id = b.contract_line_id AND l.contract_id = s.contract_id
                     WHERE b.move_id = s.invoice_id AND b.display_type = 'product' AND b.call_charge_id IS NULL
                       AND NOT EXISTS (SELECT FROM call_statement t WHERE t.invoice_id = s.invoice_id AND t.contract_id = s.contract_id
                                          AND t.billed_again_id IS NULL AND t.date_start > s.date_start)
                     UNION ALL
                    SELECT e.contract_line_id, e.amount, NULL, NULL, NULL, NULL, NULL, NULL
                      FROM call_adjustment a
                      JOIN account_move m ON m.id = a.move_id AND m.state IN ('draft', 'posted')
                      JOIN call_adjustment_line e ON e.adjustment_id = a.id
                     WHERE a.statement_id = s.id) found
             GROUP BY contract_line_id
            """
        )

    def _factor(self, currency):
        """SELECT of what an amount in a currency is multiplied by, to be in the one of the reader, on the last day of a statement s.

        :param currency: SQL expression
        """
        own = SQL("%s", self.env.company.currency_id.id)
        return SQL(
            # OFFSET: once for a statement, and not for each amount of it.
            "SELECT CASE WHEN %(own)s = %(other)s THEN 1 ELSE %(own_rate)s / %(other_rate)s END AS factor OFFSET 0",
            own=own,
            other=currency,
            own_rate=self._rate(own),
            other_rate=self._rate(currency),
        )

    def _rate(self, currency):
        """Scalar subquery: the rate of a currency on the last day of a statement s, or the first one there is, as Odoo takes it."""
        return SQL(
            """
            coalesce((SELECT r.rate FROM res_currency_rate r
                       WHERE r.currency_id = %s AND (r.company_id IS NULL OR r.company_id = split_part(o.parent_path, '/', 1)::integer)
                       ORDER BY r.name > s.date_end, r.company_id, CASE WHEN r.name > s.date_end THEN r.name END, r.name DESC LIMIT 1), 1)
            """,
            currency,
        )
