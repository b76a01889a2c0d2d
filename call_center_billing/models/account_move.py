import logging

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError

_logger = logging.getLogger(__name__)


class AccountMove(models.Model):
    """An invoice with call usage equals its charges: nobody can post it changed, and deleting it as a draft gives its
    charges back to be invoiced again."""

    _inherit = "account.move"

    call_statement_ids = fields.One2many("call.statement", "invoice_id", string="Call Statements")
    call_statement_count = fields.Integer(compute="_compute_call_statement_count")

    def _compute_call_statement_count(self):
        counts = dict(
            self.env["call.statement"].sudo()._read_group([("invoice_id", "in", self.ids)], ["invoice_id"], ["__count"])
        )
        for move in self:
            move.call_statement_count = counts.get(move._origin, 0)

    @api.model_create_multi
    def create(self, vals_list):
        """The billing run hands over the statements that an invoice is for; nobody links them by hand."""
        commands = [vals.pop("call_statement_ids", None) or () for vals in vals_list]
        moves = super().create(vals_list)
        statements = self.env["call.statement"].sudo()
        for move, links in zip(moves, commands, strict=True):
            mine = statements.browse(link[1] for link in links)
            mine.invoice_id = move
            statements |= mine
        statements._set_state("invoiced")
        return moves

    def unlink(self):
        """Give the charges back, and the fixed fees of the same contract periods with them."""
        statements = self.sudo().call_statement_ids
        fixed_lines = [
            (line.contract_line_id, line.call_period_start, line.call_period_end)
            for line in self.sudo().invoice_line_ids
            if line.call_period_end and line.contract_line_id and not line.contract_line_id.rate_plan_id
        ]
        res = super().unlink()
        for line, first, last in fixed_lines:
            line._rewind_period(first, last)
        statements._reopen()
        return res

    def _prepare_product_base_line_for_taxes_computation(self, product_line):
        """With taxes rounded globally Odoo rounds the sum of all lines and moves the difference into one of them. A line
        of usage must stay the sum of its own calls, so it enters that computation rounded already."""
        base_line = super()._prepare_product_base_line_for_taxes_computation(product_line)
        charge = product_line.sudo().call_charge_id
        amount = charge.amount * product_line.move_id._call_charge_sign()
        if (
            charge
            and product_line.quantity
            and not product_line.currency_id.compare_amounts(product_line.quantity * product_line.price_unit, amount)
        ):
            base_line["price_unit"] = amount / product_line.quantity
        return base_line

    def _call_charge_sign(self):
        """-1 where charges are on a credit note, because the period takes back more than it brings."""
        return -1 if self.move_type == "out_refund" else 1

    def _post(self, soft=True):
        for move in self:
            move._check_call_charges()
        return super()._post(soft)

    def _check_call_charges(self):
        """:raise UserError: the invoice is not the sum of its calls"""
        self.ensure_one()
        charges = self.sudo().call_statement_ids.charge_ids
        lines = self.invoice_line_ids.filtered("call_charge_id").grouped("call_charge_id")
        for charge in charges:
            mine = lines.get(charge, self.env["account.move.line"])
            amount = charge.amount * self._call_charge_sign()
            if self.currency_id.compare_amounts(sum(line.quantity * line.price_unit for line in mine), amount):
                raise UserError(
                    self.env._(
                        "'%(line)s' no longer equals the sum of its calls, %(amount)s. Set quantity and price back "
                        "(%(quantity)s x %(price)s), or delete this draft and bill again; agree a reduction as a line of "
                        "its own.",
                        line=charge.name,
                        amount=charge.currency_id.format(charge.amount),
                        quantity=charge.quantity,
                        price=charge.unit_price,
                    )
                )

    def _action_open(self):
        """Action that shows these invoices."""
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_move_out_invoice_type")
        if len(self) == 1:
            return action | {"views": [(False, "form")], "res_id": self.id}
        return action | {"domain": [("id", "in", self.ids)], "context": {"default_move_type": "out_invoice"}}

    def action_view_call_statements(self):
        self.ensure_one()
        statements = self.call_statement_ids
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_statement_action")
        if len(statements) == 1:
            return action | {"views": [(False, "form")], "res_id": statements.id}
        return action | {"domain": [("id", "in", statements.ids)]}

    def _get_mail_thread_data_attachments(self):
        """Looking at an invoice shows the documents of its statements that are there, and makes none."""
        return super(AccountMove, self.with_context(call_documents_made=True))._get_mail_thread_data_attachments()

    # --- Sending many -----------------------------------------------------------------------------------

    def _cron_account_move_send(self, job_count=10):
        """Odoo's sending in the background, for all invoices, one after another: each is committed by itself, so one that
        fails stops no other and nothing is sent twice; and wkhtmltopdf has one document a run, as not all its builds
        take more. One that fails leaves the queue, with the reason in its chatter."""
        domain = [("sending_data", "!=", False), ("state", "=", "posted")]
        order = "date asc, invoice_date asc, sequence_number asc, id asc"
        for move_id in self.search(domain, order=order, limit=job_count).ids:
            move = self.search([*domain, ("id", "=", move_id)]).try_lock_for_update()
            if move:
                move._send_queued()
            if not self.env["ir.cron"]._commit_progress(len(move), remaining=self.search_count(domain)):
                return

    def _send_queued(self):
        self.ensure_one()
        Send, author = self.env["account.move.send"], self.sending_data.get("author_partner_id")
        try:
            Send._generate_and_send_invoices(self, from_cron=True)
            self.env.flush_all()
        except psycopg2.OperationalError:  # a concurrent change: the next run does it
            raise
        except Exception as error:
            # No savepoint: what sends to a web service commits.
            self.env.cr.rollback()
            if not isinstance(error, UserError):
                _logger.exception("An invoice could not be sent")
            reason = {"error_title": self.env._("This invoice could not be sent: %s", error)}
            Send._hook_if_errors({self: {"error": reason, "author_partner_id": author}}, allow_raising=False)
            self.sending_data = False
