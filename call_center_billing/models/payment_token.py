import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Command, Domain
from odoo.tools import format_date

_logger = logging.getLogger(__name__)

ANSWERED_WITHIN = timedelta(hours=1)
"""A provider whose answer was not heard tells it again until then."""


class PaymentToken(models.Model):
    """A saved card, or the like, that its client agreed to have charged for the invoices of its contracts on the day they are due.

    Charged is what is due and not disputed, once for each due date: the attempt is committed before the provider is asked, and a
    unique key keeps every other from being made, so a job that is killed or runs twice never charges twice. What fails is left to the
    client and to reminders, and where nobody knows whether it was charged, an activity asks. What was due before the client agreed is not charged, and nothing where the provider only reserves amounts.
    """

    _inherit = "payment.token"

    call_collects = fields.Boolean(
        string="Charged on Due Dates",
        readonly=True,
        copy=False,
        help="The client agreed that invoices of its contracts are charged on the day they are due.",
    )
    call_agreed_on = fields.Date(string="Agreed On", readonly=True, copy=False)

    def _agree_collection(self, agrees):
        """The client agrees that this saved payment method is charged on due dates, in place of any other, or takes that back.

        :raise AccessError: the method is not one of the own company of the user
        """
        self.ensure_one()
        self.check_access("read")
        client = self.partner_id.commercial_partner_id
        if self.env.user.partner_id.commercial_partner_id != client or not self.company_id.sudo().call_offers_collection:
            raise AccessError(self.env._("Only the client can agree to this."))
        token = self.sudo()
        mine = Domain("partner_id", "child_of", client.id) & Domain("company_id", "=", token.company_id.id)
        token.search(mine & Domain("call_collects", "=", True)).call_collects = False
        if agrees:
            token.write({"call_collects": True, "call_agreed_on": fields.Date.context_today(self)})
            note = self.env._("%(user)s agreed that invoices are charged to %(method)s on their due date.",
                              user=self.env.user.name, method=token.display_name)  # fmt: skip
        else:
            note = self.env._("%(user)s stopped that invoices are charged to %(method)s.",
                              user=self.env.user.name, method=token.display_name)  # fmt: skip
        client.sudo()._message_log(body=note)

    # --- In the background --------------------------------------------------------------------------------

    @api.model
    def _cron_collect(self):
        """Charge what is due, one invoice after the other."""
        today = fields.Date.context_today(self)
        self._ask_what_became_of_attempts()
        tokens = self.search([("call_collects", "=", True), ("company_id.call_offers_collection", "=", True)])
        todo = [(token, invoice) for token in tokens for invoice in token._due_invoices(today)]
        progress = self.env["ir.cron"]._commit_progress
        progress(remaining=len(todo))
        for token, invoice in todo:
            try:
                transaction = token._attempt(invoice, today)
                progress()  # from here on it is never attempted again
                if transaction:
                    token._charge(transaction)
            except (psycopg2.OperationalError, psycopg2.IntegrityError):  # another job is at it
                self.env.cr.rollback()
            except Exception:
                self.env.cr.rollback()
                _logger.exception("A saved payment method could not be charged")
            if not progress(1):
                return

    def _ask_what_became_of_attempts(self):
        """Of a job that was killed, nobody knows whether the provider had been asked: a person looks there."""
        attempts = self.env["payment.transaction"].search(
            [
                ("call_collected_id", "!=", False),
                ("state", "=", "draft"),
                ("create_date", "<", fields.Datetime.now() - ANSWERED_WITHIN),
            ]
        )
        summary = self.env._("Was it charged? Look at the provider's site, then register the payment or remind the client")
        for invoice in attempts.call_collected_id:
            if summary not in invoice.activity_ids.mapped("summary"):
                user = invoice.invoice_user_id or self.env.user
                invoice.activity_schedule("mail.mail_activity_data_todo", summary=summary, user_id=user.id)

    def _due_invoices(self, today):
        """Invoices of the client's contracts that are due and may be charged; whether it was tried is asked later."""
        self.ensure_one()
        return self.env["account.move"].search(
            [
                ("commercial_partner_id", "=", self.partner_id.commercial_partner_id.id),
                ("company_id", "=", self.company_id.id),
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
                ("payment_state", "in", ("not_paid", "partial")),
                ("invoice_line_ids.contract_line_id", "!=", False),
                ("line_ids", "any", self._due_domain(today)),
            ],
            order="invoice_date_due, id",
        )

    def _due_domain(self, today):
        """Open lines of invoices that fell due since the client agreed."""
        return [
            ("display_type", "=", "payment_term"),
            ("reconciled", "=", False),
            ("date_maturity", "<=", today),
            ("date_maturity", ">=", self.call_agreed_on),
        ]

    def _attempt(self, invoice, today):
        """
        :return: the transaction for what is due of the invoice, or none if there is nothing to charge
        """
        invoice = invoice.try_lock_for_update()
        if not invoice or not invoice._has_to_be_paid():
            return self.env["payment.transaction"]
        tried = self.env["payment.transaction"].search([("call_collected_id", "=", invoice.id)]).mapped("call_due_date")
        due = invoice.line_ids.filtered_domain(self._due_domain(today)).filtered(
            lambda line: not tried or line.date_maturity > max(tried)
        )
        disputed = invoice._disputed_amounts().get(invoice, 0.0)
        amount = invoice.currency_id.round(min(sum(due.mapped("amount_residual_currency")), invoice.amount_residual - disputed))
        if amount <= 0 or not self._can_charge(amount, invoice.currency_id):
            return self.env["payment.transaction"]
        day = max(due.mapped("date_maturity"))
        Transaction = self.env["payment.transaction"]
        transaction = Transaction.create(
            {
                "provider_id": self.provider_id.id,
                "payment_method_id": self.payment_method_id.id,
                "reference": Transaction._compute_reference(self.provider_id.code, prefix=invoice.name),
                "amount": amount,
                "currency_id": invoice.currency_id.id,
                "partner_id": self.partner_id.id,
                "token_id": self.id,
                "operation": "offline",
                "invoice_ids": [Command.set(invoice.ids)],
                "call_collected_id": invoice.id,
                "call_due_date": day,
            }
        )
        invoice._message_log(
            body=self.env._(
                "%(amount)s, due on %(day)s, is charged to %(method)s, as agreed with the client.",
                amount=invoice.currency_id.format(amount), day=format_date(self.env, day), method=self.display_name,
            )
        )  # fmt: skip
        return transaction

    def _can_charge(self, amount, currency):
        compatible = self.provider_id._get_compatible_providers(
            self.company_id.id, self.partner_id.id, amount, currency_id=currency.id
        )
        return self.active and self.provider_id in compatible and not self.provider_id.capture_manually

    def _charge(self, transaction):
        transaction._charge_with_token()
        self.env["ir.cron"]._commit_progress()
        transaction._post_process()


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"  # pylint: disable=consider-merging-classes-inherited

    call_collected_id = fields.Many2one(
        "account.move", string="Collected Invoice", readonly=True, index="btree_not_null", ondelete="set null"
    )
    call_due_date = fields.Date(string="Collected Due Date", readonly=True)

    _call_collected_once = models.UniqueIndex("(call_collected_id, call_due_date) WHERE call_collected_id IS NOT NULL")
