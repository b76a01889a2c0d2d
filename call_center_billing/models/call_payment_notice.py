import logging

import psycopg2

from odoo import api, fields, models

_logger = logging.getLogger(__name__)


class CallPaymentNotice(models.Model):
    """The confirmation to a client that a payment reached an invoice. It owns nothing of the payment: only whether the client was told.

    One row for an invoice and what paid it, a payment or a bank line, for ever: reconciled again, posted again or found by a job that
    runs twice, nobody is told twice. Rows wait in the queue until the job sends them, those of one payment in one mail; what does not
    hold any more by then is withdrawn.
    """

    _name = "call.payment.notice"
    _description = "Payment Confirmation"
    _order = "id desc"
    _rec_name = "invoice_id"

    invoice_id = fields.Many2one("account.move", required=True, readonly=True, index=True, ondelete="cascade")
    payment_id = fields.Many2one("account.payment", readonly=True, index="btree_not_null", ondelete="cascade")
    statement_line_id = fields.Many2one(
        "account.bank.statement.line", string="Bank Line", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    company_id = fields.Many2one(related="invoice_id.company_id", store=True)
    partner_id = fields.Many2one(related="invoice_id.partner_id", string="Client")
    currency_id = fields.Many2one(related="invoice_id.currency_id")
    amount = fields.Monetary(readonly=True, help="What the payment paid of the invoice when the client was told.")
    left = fields.Monetary(readonly=True, help="What was open of the invoice then.")
    date = fields.Date(string="Paid On", compute="_compute_date")
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("sent", "Sent"),
            ("withdrawn", "Withdrawn"),
            ("no_address", "No e-mail address"),
            ("failed", "Failed"),
        ],
        required=True,
        readonly=True,
        default="waiting",
        index=True,
    )
    reason = fields.Char(readonly=True)

    _payment_unique = models.UniqueIndex("(invoice_id, payment_id) WHERE payment_id IS NOT NULL")
    _statement_line_unique = models.UniqueIndex("(invoice_id, statement_line_id) WHERE statement_line_id IS NOT NULL")

    @api.depends("payment_id.date", "statement_line_id.date")
    def _compute_date(self):
        for notice in self:
            notice.date = notice.payment_id.date or notice.statement_line_id.date

    # --- Into the queue -----------------------------------------------------------------------------------

    @api.model
    def _announce(self, paid):
        """Queue what the clients are to be told and were not told yet.

        :param paid: list of (invoice, payment, bank line), one of the latter two
        """
        paid = {each for each in paid if each[0]._confirms_payments()}
        if not paid:
            return
        invoices = self.env["account.move"].union(*(invoice for invoice, *_source in paid))
        known = self.search([("invoice_id", "in", invoices.ids)])
        told = {(notice.invoice_id, notice.payment_id, notice.statement_line_id) for notice in known}
        known.filtered(
            lambda each: each.state == "withdrawn" and (each.invoice_id, each.payment_id, each.statement_line_id) in paid
        ).state = "waiting"
        self.create(
            [
                {"invoice_id": invoice.id, "payment_id": payment.id, "statement_line_id": line.id}
                for invoice, payment, line in sorted(paid - told, key=lambda each: each[0].id)
            ]
        )
        self.env.ref("call_center_billing.call_payment_notice_cron").sudo()._trigger()

    # --- Out of the queue ---------------------------------------------------------------------------------

    @api.model
    def _cron_send(self):
        """Send what waits, one mail for the invoices of a client that one payment paid, each committed by itself."""
        waiting = self.search([("state", "=", "waiting")], order="id")
        groups = waiting.grouped(lambda each: (each.payment_id, each.statement_line_id, each.partner_id)).values()
        self.env["ir.cron"]._commit_progress(remaining=len(groups))
        for group in groups:
            try:
                group.try_lock_for_update().filtered(lambda each: each.state == "waiting")._send()
                self.env.flush_all()
            except psycopg2.OperationalError:
                self.env.cr.rollback()
            except Exception as error:
                self.env.cr.rollback()
                _logger.exception("A payment could not be confirmed")
                group.write({"state": "failed", "reason": str(error)})
            if not self.env["ir.cron"]._commit_progress(1):
                return

    def action_send_again(self):
        """Queue these again, where the client was not told."""
        self.check_access("write")
        self.filtered(lambda notice: notice.state != "sent").sudo().write({"state": "waiting", "reason": False})
        self.env.ref("call_center_billing.call_payment_notice_cron").sudo()._trigger()

    def _send(self):
        """Tell the client of the first invoice about all of them; what is not paid any more is withdrawn."""
        for notice in self:
            notice.amount = notice._paid()
            notice.left = notice.invoice_id.amount_residual
        told = self.filtered("amount")
        (self - told).state = "withdrawn"
        if not told:
            return
        if not told.partner_id.email:
            told.state = "no_address"
            return
        told.state = "sent"
        invoice = told[0].invoice_id
        template = self.env.ref("call_center_billing.mail_template_payment_confirmation")
        # Mail goes out by Odoo's own job: what is rolled back was not sent.
        invoice.with_context(call_notices=told, mail_notify_force_send=False).message_post_with_source(
            template, message_type="comment", subtype_xmlid="mail.mt_note", attachment_ids=told._receipt(invoice).ids
        )
        for other in told.invoice_id - invoice:
            other._message_log(body=self.env._("The payment was confirmed to the client together with that of %s.", invoice.name))

    def _paid(self):
        """What the payment or bank line pays of the invoice now, in the currency of the invoice."""
        self.ensure_one()
        entry = self.payment_id.move_id or self.statement_line_id.move_id
        partials = self.invoice_id.line_ids.matched_credit_ids.filtered(lambda partial: partial.credit_move_id.move_id == entry)
        money, currency = self._money()
        paid = sum(partials.mapped("debit_amount_currency"))
        # An early payment discount closes more than was paid.
        return min(paid, money) if currency == self.currency_id else paid

    def _money(self):
        """
        :return: amount and currency of the payment
        """
        line = self.statement_line_id
        if self.payment_id:
            return self.payment_id.amount, self.payment_id.currency_id
        if line.foreign_currency_id:
            return line.amount_currency, line.foreign_currency_id
        return line.amount, line.currency_id

    def _receipt(self, invoice):
        """The receipt as an attachment of the invoice: Odoo's own of a payment, ours of a bank line."""
        reports = self.env["ir.actions.report"].sudo()
        payment = self.payment_id
        if payment:
            content = reports._render_qweb_pdf("account.action_report_payment_receipt", payment.ids)[0]
        else:
            content = reports._render_qweb_pdf("call_center_billing.call_payment_receipt_action", self.ids)[0]
        name = self.env._("Payment receipt %s.pdf", payment.name or self.statement_line_id.name).replace("/", "-")
        return self.env["ir.attachment"].create(
            {"name": name, "raw": content, "mimetype": "application/pdf", "res_model": invoice._name, "res_id": invoice.id}
        )


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"  # pylint: disable=consider-merging-classes-inherited

    @api.model_create_multi
    def create(self, vals_list):
        """Whatever pays a customer invoice, on the portal, by a bank line or by hand, passes here."""
        partials = super().create(vals_list)
        self.env["call.payment.notice"].sudo()._announce(
            (partial.debit_move_id.move_id, source.origin_payment_id, source.statement_line_id)
            for partial in partials.sudo()
            if partial.debit_move_id.move_id.move_type == "out_invoice"
            and (source := partial.credit_move_id.move_id)
            and (source.origin_payment_id or source.statement_line_id)
        )
        return partials
