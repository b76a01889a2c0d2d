import logging

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

_logger = logging.getLogger(__name__)
CALL_USAGE = [("again", "Bill it again"), ("off", "Do not bill it again")]
PAID = ("paid", "in_payment", "reversed")
DOOR = object()
"""In the context of the billing run, which alone says what statements an invoice is for: no remote call can send it."""


class AccountMove(models.Model):
    """An invoice with call usage equals its charges: nobody can post it changed, and deleting it as a draft gives its
    charges back to be invoiced again.

    When it is cancelled, or credited in full, somebody has to decide whether its usage is billed again. For a credit note that is
    decided with it and done when it is posted.
    """

    _inherit = "account.move"

    call_statement_ids = fields.One2many("call.statement", "invoice_id", string="Call Statements")
    call_statement_count = fields.Integer(compute="_compute_call_statement_count")
    call_usage = fields.Selection(
        CALL_USAGE,
        string="Usage of the Credited Invoice",
        copy=False,
        tracking=True,
        help="Done when this credit note is posted: it has to credit the whole invoice.",
    )
    call_usage_undecided = fields.Boolean(compute="_compute_call_usage_undecided")

    def _compute_call_statement_count(self):
        counts = dict(
            self.env["call.statement"].sudo()._read_group([("invoice_id", "in", self.ids)], ["invoice_id"], ["__count"])
        )
        for move in self:
            move.call_statement_count = counts.get(move._origin, 0)

    @api.model_create_multi
    def create(self, vals_list):
        """The billing run hands over the statements that an invoice is for; nobody links them by hand.

        :raise AccessError: somebody does
        """
        commands = [vals.pop("call_statement_ids", None) or () for vals in vals_list]
        if any(commands) and self.env.context.get("call_statement_door") is not DOOR:
            raise AccessError(self.env._("Statements are invoiced by billing only."))
        moves = super(AccountMove, self.with_context(call_statement_door=None)).create(vals_list).with_env(self.env)
        statements = self.env["call.statement"].sudo()
        for move, links in zip(moves, commands, strict=True):
            mine = statements.browse(link[1] for link in links)
            mine.invoice_id = move
            statements |= mine
        statements._set_state("invoiced")
        return moves

    def unlink(self):
        """Give the charges back, and the fixed fees of the same contract periods with them; adjustments wait for the next invoice."""
        if not self:  # Odoo does so for each invoice that it creates
            return super().unlink()
        statements = self.sudo().call_statement_ids.filtered(lambda statement: not statement.billed_again_id)
        fixed_lines = [
            (line.contract_line_id, line.call_period_start, line.call_period_end)
            for line in self.sudo().filtered(lambda move: not move._is_billed_again()).invoice_line_ids
            if line.call_period_end and line.contract_line_id and not line.contract_line_id.rate_plan_id
        ]
        # By hand: what the database empties by itself does not make the adjustment pending again.
        self.env["call.adjustment"].sudo().search([("move_id", "in", self.ids)]).move_id = False
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
            move._check_not_billed_again()
            move._check_call_charges()
        posted = super()._post(soft)
        posted.sudo().call_statement_ids.filtered(lambda statement: statement.state == "void")._set_state("invoiced")
        for credit in posted.filtered("call_usage"):
            credit._decide_call_usage()
        posted._follow_disputes()
        return posted

    def button_draft(self):
        for move in self:
            move._check_not_billed_again()
        res = super().button_draft()
        if not self:
            return res
        # A credit note that is not posted any more leaves its invoice as it was.
        credited = self.filtered("call_usage").sudo().reversed_entry_id.call_statement_ids
        credited.filtered(lambda statement: statement.state == "void")._set_state("invoiced")
        self._follow_disputes()
        return res

    def _compute_payment_state(self):
        res = super()._compute_payment_state()
        self.env["call.statement"]._follow_payment(self.filtered("id"))
        return res

    # --- Cancelled and credited -----------------------------------------------------------------------

    def _is_settled(self):
        self.ensure_one()
        return self.state == "posted" and self.payment_state in PAID

    def _is_undone(self):
        """Whether it is cancelled, or nothing of it is left after its credit notes."""
        self.ensure_one()
        notes = self.reversal_move_ids.filtered(lambda move: move.state == "posted")
        credited = sum(notes.mapped("amount_total"))
        return self.state == "cancel" or bool(notes) and self.currency_id.compare_amounts(credited, self.amount_total) >= 0

    @api.depends("state", "reversal_move_ids.state", "reversal_move_ids.amount_total", "call_statement_ids.state")
    def _compute_call_usage_undecided(self):
        for move in self:
            statements = move.sudo().call_statement_ids
            move.call_usage_undecided = any(s.state in ("invoiced", "settled") for s in statements) and move._is_undone()

    def _is_billed_again(self):
        statements = self.call_statement_ids
        return bool(statements.billed_again_id or statements.earlier_ids)

    def _check_not_billed_again(self):
        """:raise UserError: the usage of the invoice, or of the invoice that this one credits, is billed again"""
        self.ensure_one()
        credited = self.reversed_entry_id if self.call_usage == "again" and self.state == "posted" else self.browse()
        again = (self | credited).sudo().call_statement_ids.billed_again_id
        if again:
            raise UserError(
                self.env._(
                    "The usage of this invoice is billed again, see %s: this one stays as it is.",
                    ", ".join(again.mapped("display_name")),
                )
            )

    def action_bill_call_usage_again(self):
        """Decide that the usage of cancelled or credited invoices is billed again."""
        self._to_decide()._bill_again()

    def action_write_off_call_usage(self):
        """Decide that it is not."""
        self._to_decide()._write_off()

    def _to_decide(self):
        """:return: the statements of these invoices
        :raise UserError: an invoice is neither cancelled nor credited
        """
        self.check_access("write")
        self.lock_for_update()
        for move in self:
            if not move._is_undone():
                raise UserError(self.env._("%s still counts: cancel it, or credit all of it, first.", move.display_name))
        return self.sudo().call_statement_ids.filtered(lambda statement: not statement.billed_again_id)

    def _decide_call_usage(self):
        """What was chosen for the usage of the invoice that this posted credit note credits."""
        self.ensure_one()
        invoice = self.reversed_entry_id
        if self.call_usage == "again":
            invoice.action_bill_call_usage_again()
        else:
            invoice.action_write_off_call_usage()

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

    def _disputed_amounts(self):
        """What is contested of what is open of these invoices. Whoever has disputes overrides it.

        :return: dict of invoice -> amount, without those of which nothing is contested
        """
        return {}

    def _confirms_payments(self):
        """Whether the client is told when this invoice is paid."""
        self.ensure_one()
        chosen = self.company_id.call_payment_confirmation
        return chosen == "all" or chosen == "usage" and bool(self.sudo().call_statement_ids)

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
