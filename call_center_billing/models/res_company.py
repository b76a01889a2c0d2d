from datetime import datetime
from zoneinfo import ZoneInfo

from pytz import country_timezones

from odoo import api, fields, models

from .thresholds import check_thresholds

GATE = [("block", "Hold the invoice"), ("warn", "Warn only"), ("off", "Do not look")]


class ResCompany(models.Model):
    _inherit = "res.company"

    call_tz = fields.Selection(related="partner_id.tz", string="Time Zone", readonly=False)
    call_billing_grace_days = fields.Integer(
        string="Wait After the Period",
        default=1,
        help="Days between the end of a billing period and its invoice, so that the last calls are in.",
    )
    call_statement_pdf_calls = fields.Integer(
        string="Calls in the PDF",
        default=300,
        help="So many calls are listed in a statement's PDF, the first ones of the period; all are in its file. 0: none.",
    )
    call_statement_file = fields.Selection(
        [("csv", "CSV"), ("xlsx", "Workbook (XLSX)")],
        string="File of Calls",
        default="csv",
        required=True,
        help="With every call of the period and its price, sent with the invoice beside the statement's PDF.",
    )

    call_billing_schedule = fields.Selection(
        [
            ("manual", "Nothing: people start the runs"),
            ("prepare", "Prepare a run for people to look at and start"),
            ("invoice", "Make draft invoices"),
            ("post", "Make and post invoices"),
        ],
        string="When Periods Are Over",
        required=True,
        default="invoice",
        help="What the daily job does with billing periods that are over and have waited long enough.",
    )
    call_proof_user_id = fields.Many2one(
        "res.users",
        string="Told When Numbers Do Not Add Up",
        domain="[('share', '=', False)]",
        groups="base.group_user",
        help="Gets an activity when the nightly proof of a month finds something that is not accounted for. Empty: an accountant.",
    )
    call_gate_suspense = fields.Selection(
        GATE,
        string="Suspended Calls of the Client",
        required=True,
        default="block",
        help="Open suspended records that belong to the contract, for example because no rate rule fits.",
    )
    call_gate_gaps = fields.Selection(
        GATE,
        string="Gaps of Its Sources",
        required=True,
        default="block",
        help="Days or hours without the usual calls, and missing numbers, of the sources that the client's calls come from.",
    )
    call_gate_nobody = fields.Selection(
        GATE,
        string="Calls That Belong to Nobody",
        required=True,
        default="warn",
        help="Open suspended records of these sources that no endpoint guides to a contract.",
    )
    call_gate_history = fields.Selection(
        GATE, string="Unusual Volume", required=True, default="warn", help="Compared with its last three periods, per day."
    )
    call_gate_less = fields.Integer(string="Less Than (%)", default=50, help="Of the usual calls per day. 0: never.")
    call_gate_more = fields.Integer(string="More Than (%)", default=200, help="Of the usual calls per day. 0: never.")
    call_gate_min_calls = fields.Integer(
        string="From Calls", default=20, help="Periods with fewer calls than this, usual and actual, are not compared."
    )
    call_back_billing_days = fields.Integer(
        string="Back-Billing Limit",
        help="Given to new contracts. Days between a call and the invoice within which a call that comes after its period was invoiced "
        "is still billed. 0: no limit.",
    )

    call_archive_months = fields.Integer(
        string="Archive Calls After",
        groups="base.group_user",
        help="Months after the end of a billing period after which its calls, if nothing is left to settle, go into a file. 0: never.",
    )
    _call_archive_months_positive = models.Constraint(
        "CHECK (call_archive_months >= 0)", "Calls are archived after some months, or never: 0."
    )

    call_contestation_days = fields.Integer(
        string="Contestation Window",
        default=30,
        help="Given to new contracts. Days after the date of an invoice in which the client can dispute its calls. 0: no limit.",
    )

    call_match_payments = fields.Boolean(
        string="Match Payments Automatically",
        default=True,
        help="New bank lines are matched with the open invoices that they pay, within a minute. What is left is tried again once a day.",
    )

    call_payment_confirmation = fields.Selection(
        [("off", "Never"), ("usage", "For invoices of call usage"), ("all", "For all customer invoices")],
        string="Confirm Payments to Clients",
        required=True,
        default="usage",
        help="One mail with a receipt for each payment, whether it was made online, found on a bank statement or registered.",
    )

    call_payment_term_id = fields.Many2one(
        "account.payment.term",
        string="Payment Terms",
        default=lambda self: self.env.ref("account.account_payment_term_30days", raise_if_not_found=False),
        help="Given to new contracts with call usage whose client has no payment terms of its own.",
    )
    call_offers_collection = fields.Boolean(
        string="Automatic Collection",
        help="Clients can agree on the portal that invoices of their contracts are charged to a saved card on the day they are due.",
    )

    call_dispute_days = fields.Integer(
        string="Answer Disputes Within", default=10, help="Days after a dispute was raised in which the client gets its answer."
    )
    call_dispute_review_mail = fields.Boolean(
        string="Tell When It Is Under Review", help="The client gets a mail when somebody takes its dispute on."
    )

    _call_dispute_days_positive = models.Constraint("CHECK (call_dispute_days >= 0)", "Days to answer must not be negative.")

    call_allowance_alerts = fields.Char(
        string="Tell Clients at (%)",
        default="80, 100",
        help="Given to new contracts: parts of an allowance, in percent, at which the client gets a mail.",
    )

    call_agent_hour_cost = fields.Float(
        string="Cost of an Agent Hour",
        digits=(16, 4),
        groups="base.group_user",  # clients may read the rest of a company
        help="In the company's currency, of contracts that have no cost of their own. 0: not given, margins are not computed.",
    )

    _call_agent_hour_cost_positive = models.Constraint(
        "CHECK (call_agent_hour_cost >= 0)", "The cost of an agent hour must not be negative."
    )
    _call_contestation_days_positive = models.Constraint(
        "CHECK (call_contestation_days >= 0)", "The contestation window must not be negative."
    )
    _call_statement_pdf_calls_range = models.Constraint(
        "CHECK (call_statement_pdf_calls BETWEEN 0 AND 5000)",
        "Between 0 and 5000 calls can be listed in the PDF of a statement.",
    )
    _call_billing_grace_days_positive = models.Constraint(
        "CHECK (call_billing_grace_days BETWEEN 0 AND 60)",
        "The wait after a billing period must be between 0 and 60 days.",
    )
    _call_back_billing_days_positive = models.Constraint(
        "CHECK (call_back_billing_days >= 0)", "The limit for back-billing must not be negative."
    )

    @api.onchange("country_id")
    def _onchange_country_call_tz(self):
        """The time zone of a country that has one time; of others that of the user, if it is there."""
        zones = country_timezones.get(self.country_id.code or "", [])
        if zones and not self.call_tz:
            now = datetime.now()
            alike = len({now.replace(tzinfo=ZoneInfo(zone)).utcoffset() for zone in zones}) == 1
            self.call_tz = self.env.user.tz if self.env.user.tz in zones else zones[0] if alike else False

    @api.constrains("call_allowance_alerts")
    def _check_call_allowance_alerts(self):
        check_thresholds(self, "call_allowance_alerts")
