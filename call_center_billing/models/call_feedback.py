"""How content clients are, and how many of them say so."""

from odoo import fields, models
from odoo.tools import SQL

from odoo.addons.rating.models.rating_data import RATING_LIMIT_OK, RATING_LIMIT_SATISFIED


class CallFeedback(models.Model):
    """What a client said of a period, or that it was asked and said nothing. A view of statements and Odoo's ratings, one row for each
    statement whose client was asked or answered unasked: it owns nothing, and nothing of it can be changed.

    The last answer counts. Response rate: answers / asked or answered; satisfaction: good answers / answers, as ``indicators`` says.
    The services of a row are those that the period was charged for: a period of two services is one answer, also in a total.
    """

    _name = "call.feedback"
    _description = "Satisfaction"
    _inherit = ["call.period.row"]
    _auto = False
    _order = "date_end desc, id desc"
    _rec_name = "statement_id"
    _ratios = {
        "response_rate": ("100.0 * sum(%(answered_count)s)", "sum(%(asked_count)s)"),
        "satisfaction": ("100.0 * sum(%(good_count)s)", "sum(%(answered_count)s)"),
    }
    _depends = {
        "call.charge": ["contract_line_id", "statement_id"],
        "call.dispute": ["state", "statement_id"],
        "call.statement": [
            "company_id", "contract_id", "date_end", "date_start", "feedback_asked_at", "is_rated", "partner_id", "rating_last_value",
            "user_id",
        ],
        "contract.line": ["product_id"],
        "rating.rating": ["consumed", "feedback", "res_id", "res_model"],
    }  # fmt: skip

    service_ids = fields.Many2many(
        "product.product",
        relation="call_feedback_service",
        column1="statement_id",
        column2="product_id",
        string="Services",
        readonly=True,
    )
    asked_at = fields.Datetime(string="Asked on", readonly=True, help="Empty: answered on the portal without being asked.")
    answer = fields.Selection([("good", "Good"), ("fair", "So-so"), ("poor", "Poor")], readonly=True)
    comment = fields.Text(readonly=True)
    rating = fields.Float(string="Rating (1 to 5)", digits=(16, 1), readonly=True, aggregator="avg", help="Of who answered.")
    asked_count = fields.Integer(string="Asked", readonly=True, help="Clients that were asked, or answered unasked.")
    answered_count = fields.Integer(string="Answers", readonly=True)
    good_count = fields.Integer(string="Good Answers", readonly=True)
    poor_count = fields.Integer(string="Poor Answers", readonly=True)
    disputed_count = fields.Integer(
        string="Disputed Periods", readonly=True, help="Periods with a dispute that was not withdrawn."
    )
    response_rate = fields.Float(
        string="Response Rate (%)",
        digits=(16, 1),
        readonly=True,
        aggregator="avg",
        help="Answers / statements for which feedback was asked.",
    )
    satisfaction = fields.Float(
        string="Satisfied (%)", digits=(16, 1), readonly=True, aggregator="avg", help="Good answers / answers."
    )

    def init(self):
        """The services of statements, each once."""
        self.env.cr.execute(
            """
            CREATE OR REPLACE VIEW call_feedback_service AS
            SELECT DISTINCT c.statement_id, l.product_id
              FROM call_charge c JOIN contract_line l ON l.id = coalesce(c.adjusted_line_id, c.contract_line_id)
             WHERE l.product_id IS NOT NULL
            """
        )

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT s.id, s.id AS statement_id, s.contract_id, s.partner_id, s.company_id, s.user_id, s.date_start, s.date_end,
                   s.feedback_asked_at AS asked_at, r.rating, 1 AS asked_count,
                   CASE WHEN r.rating >= %(good)s THEN 'good' WHEN r.rating >= %(fair)s THEN 'fair' WHEN s.is_rated THEN 'poor' END AS answer,
                   CASE WHEN s.is_rated THEN 1 ELSE 0 END AS answered_count,
                   CASE WHEN r.rating >= %(good)s THEN 1 ELSE 0 END AS good_count,
                   CASE WHEN r.rating < %(fair)s THEN 1 ELSE 0 END AS poor_count,
                   CASE WHEN EXISTS (SELECT FROM call_dispute d WHERE d.statement_id = s.id AND d.state <> 'withdrawn') THEN 1 ELSE 0
                   END AS disputed_count,
                   (SELECT t.feedback FROM rating_rating t WHERE t.res_model = 'call.statement' AND t.res_id = s.id AND t.consumed
                     ORDER BY t.write_date DESC, t.id DESC LIMIT 1) AS comment,
                   CASE WHEN s.is_rated THEN 100 ELSE 0 END AS response_rate,
                   CASE WHEN r.rating >= %(good)s THEN 100 WHEN s.is_rated THEN 0 END AS satisfaction
              FROM call_statement s
             CROSS JOIN LATERAL (SELECT CASE WHEN s.is_rated THEN s.rating_last_value END AS rating) r
             WHERE s.feedback_asked_at IS NOT NULL OR s.is_rated
            """,
            good=RATING_LIMIT_SATISFIED,
            fair=RATING_LIMIT_OK,
        )
