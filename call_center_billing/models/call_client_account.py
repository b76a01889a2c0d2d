from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .windows import form_of

KEY_SPACE = 10_000
"""Companies, and currencies, that have numbers of their own in the ids of accounts."""
SALES_DAYS = 90
"""So many days up to today are the sales that days sales outstanding are about."""


class CallClientAccount(models.Model):
    """What a client was charged, paid and owes, by company and currency. A view of Odoo's own entries and of the open statements: it owns
    nothing, and nothing of it can be changed.

    Billed - credited - paid = open - available credit, to the cent: all of it is the client's receivable.
    """

    _name = "call.client.account"
    _description = "Client Account"
    _inherit = ["call.ratio"]
    _auto = False
    _order = "overdue_amount desc, open_amount desc, id"
    _rec_name = "partner_id"
    _ratios = {"days_outstanding": (f"{SALES_DAYS}.0 * sum(%(receivable_amount)s)", "sum(%(sales_amount)s)")}
    _depends = {
        "account.move": ["move_type", "invoice_date", "state"],
        "account.move.line": [
            "partner_id", "company_id", "currency_id", "account_id", "parent_state", "date", "date_maturity", "balance",
            "amount_currency", "amount_residual", "amount_residual_currency",
        ],
        "call.statement": ["partner_id", "company_id", "currency_id", "state", "usage_amount"],
        "contract.contract": ["commercial_partner_id", "contract_type"],
    }  # fmt: skip

    partner_id = fields.Many2one("res.partner", string="Client", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    unbilled_amount = fields.Monetary(string="Unbilled", readonly=True, help="Usage of open statements, without fixed fees.")
    billed_amount = fields.Monetary(string="Billed", readonly=True, help="Posted invoices, with taxes.")
    credited_amount = fields.Monetary(string="Credited", readonly=True, help="Posted credit notes.")
    paid_amount = fields.Monetary(string="Paid", readonly=True, help="Payments, and whatever else was booked on the receivable.")
    open_amount = fields.Monetary(string="Open", readonly=True, help="What is left to pay of posted invoices.")
    credit_amount = fields.Monetary(
        string="Available Credit", readonly=True, help="Payments and credit notes that are not used for an invoice yet."
    )
    balance_amount = fields.Monetary(string="Balance", readonly=True, help="Open less available credit.")
    overdue_amount = fields.Monetary(string="Overdue", readonly=True, help="Open, and due before today.")
    oldest_due = fields.Date(string="Overdue Since", readonly=True)
    disputed_amount = fields.Monetary(
        string="Disputed", compute="_compute_disputed_amount", search="_search_disputed_amount", help="Of what is open."
    )
    receivable_amount = fields.Monetary(
        string="Receivable", currency_field="company_currency_id", readonly=True, help="The balance, in the company's currency."
    )
    sales_amount = fields.Monetary(
        string="Billed in 90 Days",
        currency_field="company_currency_id",
        readonly=True,
        help="Posted invoices less credit notes of the last 90 days, with taxes, in the company's currency.",
    )
    company_currency_id = fields.Many2one(related="company_id.currency_id", string="Company's Currency")
    days_outstanding = fields.Float(
        string="Days Sales Outstanding",
        digits=(16, 1),
        readonly=True,
        aggregator="avg",
        help="Receivable x 90 / billed in the last 90 days: for so many days what is billed is owed.",
    )
    last_invoice = fields.Date(readonly=True)
    last_payment = fields.Date(readonly=True)

    collection_token_id = fields.Many2one(
        "payment.token", string="Charged on Due Dates", compute="_compute_collection_token_id", help="As the client agreed."
    )

    contract_ids = fields.Many2many("contract.contract", string="Contracts", compute="_compute_documents")
    statement_ids = fields.Many2many("call.statement", string="Open Statements", compute="_compute_documents")
    invoice_ids = fields.Many2many("account.move", string="Invoices", compute="_compute_documents")
    payment_line_ids = fields.Many2many("account.move.line", string="Payments", compute="_compute_documents")
    dispute_ids = fields.Many2many("call.dispute", string="Disputes", compute="_compute_documents")
    rated_statement_ids = fields.Many2many("call.statement", string="Feedback", compute="_compute_documents")

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT (account.partner_id::bigint * %(space)s + account.company_id) * %(space)s + account.currency_id AS id,
                   account.partner_id,
                   account.company_id,
                   account.currency_id,
                   sum(account.unbilled) AS unbilled_amount,
                   sum(account.billed) AS billed_amount,
                   sum(account.credited) AS credited_amount,
                   sum(account.billed - account.credited - account.balance) AS paid_amount,
                   sum(account.open) AS open_amount,
                   sum(account.open - account.balance) AS credit_amount,
                   sum(account.balance) AS balance_amount,
                   sum(account.overdue) AS overdue_amount,
                   min(account.due) AS oldest_due,
                   sum(account.receivable) AS receivable_amount,
                   sum(account.sales) AS sales_amount,
                   %(days)s * sum(account.receivable) / nullif(sum(account.sales), 0) AS days_outstanding,
                   max(account.invoiced_on) AS last_invoice,
                   max(account.paid_on) AS last_payment
              FROM (%(receivables)s UNION ALL %(statements)s) AS account
             GROUP BY account.partner_id, account.company_id, account.currency_id
            """,
            space=KEY_SPACE,
            days=SALES_DAYS,
            receivables=self._receivables_sql(),
            statements=self._statements_sql(),
        )

    def _receivables_sql(self):
        return SQL(
            """
            SELECT line.partner_id,
                   line.company_id,
                   line.currency_id,
                   0.0 AS unbilled,
                   CASE WHEN move.move_type IN %(invoices)s THEN line.amount_currency ELSE 0.0 END AS billed,
                   CASE WHEN move.move_type = 'out_refund' THEN -line.amount_currency ELSE 0.0 END AS credited,
                   line.amount_residual_currency AS balance,
                   CASE WHEN line.amount_residual_currency > 0 THEN line.amount_residual_currency ELSE 0.0 END AS open,
                   CASE WHEN overdue.yes THEN line.amount_residual_currency ELSE 0.0 END AS overdue,
                   CASE WHEN overdue.yes THEN line.date_maturity END AS due,
                   line.amount_residual AS receivable,
                   CASE WHEN move.move_type IN %(documents)s AND move.invoice_date > %(since)s THEN line.balance ELSE 0.0 END AS sales,
                   CASE WHEN move.move_type IN %(invoices)s THEN move.invoice_date END AS invoiced_on,
                   CASE WHEN move.move_type = 'entry' AND line.balance < 0 THEN line.date END AS paid_on
              FROM account_move_line AS line
              JOIN account_move AS move ON move.id = line.move_id
              JOIN account_account AS receivable ON receivable.id = line.account_id
             CROSS JOIN LATERAL (
                       SELECT line.amount_residual_currency > 0 AND line.date_maturity < %(today)s AS yes
                   ) AS overdue
             WHERE receivable.account_type = 'asset_receivable'
               AND line.parent_state = 'posted'
               AND line.partner_id IN (SELECT commercial_partner_id FROM contract_contract WHERE contract_type = 'sale')
            """,
            invoices=("out_invoice", "out_receipt"),
            documents=("out_invoice", "out_receipt", "out_refund"),
            since=fields.Date.context_today(self) - timedelta(days=SALES_DAYS),
            today=fields.Date.context_today(self),
        )

    def _statements_sql(self):
        return SQL(
            """
            SELECT partner_id, company_id, currency_id, usage_amount,
                   0.0, 0.0, 0.0, 0.0, 0.0, NULL::date, 0.0, 0.0, NULL::date, NULL::date
              FROM call_statement
             WHERE state = 'open'
            """
        )

    @api.depends_context("uid")
    def _compute_disputed_amount(self):
        invoices = self.env["account.move"].search(Domain.OR(account._open_domain() for account in self))
        disputed = invoices._disputed_amounts()
        for account in self:
            account.disputed_amount = sum(
                amount
                for invoice, amount in disputed.items()
                if (invoice.commercial_partner_id, invoice.company_id, invoice.currency_id)
                == (account.partner_id, account.company_id, account.currency_id)
            )

    def _search_disputed_amount(self, operator, value):
        if operator != ">" or value:
            return NotImplemented
        return [("id", "in", self.search([("open_amount", ">", 0)]).filtered("disputed_amount").ids)]

    def _compute_collection_token_id(self):
        tokens = self.env["payment.token"].search([("call_collects", "=", True)])
        for account in self:
            account.collection_token_id = tokens.filtered(
                lambda token, account=account: (
                    (token.partner_id.commercial_partner_id, token.company_id) == (account.partner_id, account.company_id)
                )
            )[:1]

    def _compute_documents(self):
        for account in self:
            same = [("company_id", "=", account.company_id.id), ("currency_id", "=", account.currency_id.id)]
            account.contract_ids = self.env["contract.contract"].search(
                [
                    ("commercial_partner_id", "=", account.partner_id.id),
                    ("company_id", "=", account.company_id.id),
                    ("contract_type", "=", "sale"),
                ]
            )
            account.statement_ids = self.env["call.statement"].search(
                [*same, ("partner_id", "=", account.partner_id.id), ("state", "=", "open")]
            )
            account.invoice_ids = self.env["account.move"].search(account._invoices_domain())
            account.payment_line_ids = self.env["account.move.line"].search(
                [
                    *same,
                    ("partner_id", "=", account.partner_id.id),
                    ("account_type", "=", "asset_receivable"),
                    ("parent_state", "=", "posted"),
                    ("move_type", "=", "entry"),
                ]
            )
            mine = [*same, ("partner_id", "=", account.partner_id.id)]
            account.dispute_ids = self.env["call.dispute"].search([("statement_id", "any", mine)])
            account.rated_statement_ids = self.env["call.statement"].search([*mine, ("is_rated", "=", True)])

    def _invoices_domain(self):
        """Posted invoices and credit notes of the account."""
        self.ensure_one()
        return Domain(
            [
                ("commercial_partner_id", "=", self.partner_id.id),
                ("company_id", "=", self.company_id.id),
                ("currency_id", "=", self.currency_id.id),
                ("move_type", "in", ("out_invoice", "out_refund", "out_receipt")),
                ("state", "=", "posted"),
            ]
        )

    def _open_domain(self):
        return self._invoices_domain() & Domain("payment_state", "in", ("not_paid", "partial"))

    def action_view_invoices(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_move_out_invoice_type")
        return action | {"domain": list(self._invoices_domain()), "context": {"create": False}}

    def action_open(self):
        self.ensure_one()
        return form_of(self)


class ResPartner(models.Model):
    _inherit = "res.partner"  # pylint: disable=consider-merging-classes-inherited

    def action_view_client_account(self):
        """The account of the client: one page, or a list where there are several companies or currencies."""
        self.ensure_one()
        accounts = self.env["call.client.account"].search([("partner_id", "=", self.commercial_partner_id.id)])
        if len(accounts) == 1:
            return accounts.action_open()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_client_account_action")
        return action | {"context": {"search_default_partner_id": self.commercial_partner_id.id}}
