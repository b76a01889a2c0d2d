import logging

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from odoo.addons.base.models.res_partner import _tz_get

_logger = logging.getLogger(__name__)

# OCA's contract and line dates depend on each other; the ORM recomputes at most 1,000 records at a time, and what is
# beyond keeps a stale date and is invoiced twice. Smaller slices avoid it.
SLICE = 100
BATCH = 50
MAX_PERIODS = 36
RECURRENCE_FIELDS = ("date_start", "recurring_rule_type", "recurring_interval", "recurring_invoicing_type")


class ContractContract(models.Model):
    """Contracts with usage lines are invoiced by the billing run here, never by OCA's: it waits for the grace days,
    closes each period's statement, and expands a usage line into the charges of its calls.

    Always: one open period is invoiced at most once; a contract that fails keeps its reason and stops no other.
    """

    _inherit = "contract.contract"

    usage_tz = fields.Selection(
        _tz_get,
        string="Client's Time Zone",
        compute="_compute_usage_tz",
        store=True,
        readonly=False,
        help="Days and billing periods of the calls are counted in this zone.",
    )
    has_usage = fields.Boolean(compute="_compute_has_usage", search="_search_has_usage")
    call_statement_ids = fields.One2many("call.statement", "contract_id", string="Statements")
    call_statement_count = fields.Integer(string="Statement Count", compute="_compute_call_counts")
    unbilled_amount = fields.Monetary(
        string="Unbilled Usage", compute="_compute_call_counts", help="Usage of open statements, without fixed fees."
    )
    endpoint_ids = fields.One2many("call.endpoint", "contract_id", string="Endpoints")
    back_billing_days = fields.Integer(
        string="Back-Billing Limit",
        default=lambda self: self.env.company.call_back_billing_days,
        help="A call that comes after its period was invoiced is billed on the next invoice if its day is no more than so many days "
        "before that invoice, which is due on the day after its period. What comes later is lost. 0: no limit.",
    )

    _back_billing_days_positive = models.Constraint(
        "CHECK (back_billing_days >= 0)", "The limit for back-billing must not be negative."
    )

    @api.depends("partner_id")
    def _compute_usage_tz(self):
        for contract in self:
            if not contract.usage_tz or contract._origin.partner_id != contract.partner_id:
                contract.usage_tz = contract.partner_id.tz or contract.company_id.partner_id.tz or self.env.user.tz or "UTC"

    @api.depends("contract_line_ids.rate_plan_id")
    def _compute_has_usage(self):
        for contract in self:
            contract.has_usage = bool(contract.contract_line_ids.rate_plan_id)

    def _search_has_usage(self, operator, value):
        if operator != "in":
            return NotImplemented
        return Domain("contract_line_ids.rate_plan_id", "!=" if True in value else "=", False)

    @api.depends("call_statement_ids.usage_amount", "call_statement_ids.state")
    def _compute_call_counts(self):
        groups = self.env["call.statement"]._read_group(
            [("contract_id", "in", self.ids), ("billed_again_id", "=", False)],
            ["contract_id", "state"],
            ["__count", "usage_amount:sum"],
        )
        for contract in self:
            mine = [(state, count, amount) for group, state, count, amount in groups if group == contract]
            contract.call_statement_count = sum(count for _state, count, _amount in mine)
            contract.unbilled_amount = sum(amount for state, _count, amount in mine if state == "open")

    def _compute_invoice_count(self):
        """Sales see how many invoices there are, without seeing them."""
        return super(ContractContract, self.sudo())._compute_invoice_count()

    # --- Guards around OCA's contract -------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        contracts = self.browse()
        for start in range(0, len(vals_list), SLICE):
            part = [self._with_line_recurrence(vals) for vals in vals_list[start : start + SLICE]]
            contracts |= super().create(part)
            if len(vals_list) > SLICE:
                self.env.flush_all()
        return contracts

    @api.model
    def _with_line_recurrence(self, vals):
        """Lines created with their contract take its recurrence; by themselves they would take the fields' defaults."""
        header = {name: vals[name] for name in RECURRENCE_FIELDS if vals.get(name)}
        if not header or not vals.get("contract_line_ids"):
            return vals
        commands = [
            (command[0], command[1], {**header, **command[2]}) if command[0] == 0 else command
            for command in vals["contract_line_ids"]
        ]
        return {**vals, "contract_line_ids": commands}

    def _recurring_create_invoice(self, date_ref=False):
        moves = self.env["account.move"]
        for start in range(0, len(self), SLICE):
            part = self[start : start + SLICE]
            moves |= super(ContractContract, part)._recurring_create_invoice(date_ref)
            self.env.flush_all()
        return moves

    def recurring_create_invoice(self):
        """The button: for usage contracts it bills what is due, as the billing run does."""
        self.ensure_one()
        if self.generation_type != "call_billing":
            return super().recurring_create_invoice()
        today = fields.Date.context_today(self)
        if not self._lines_due(today) and not self._reopened(today):
            raise UserError(
                self.env._(
                    "No billing period of this contract is over. The next one can be invoiced from %s.",
                    self.recurring_next_date or "-",
                )
            )
        return self._bill_periods(today)

    def action_bill_usage(self):
        """Bill what is due and open the invoices."""
        moves = self.env["account.move"]
        for contract in self:
            moves |= contract.recurring_create_invoice()
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_move_out_invoice_type")
        if len(moves) == 1:
            return action | {"views": [(False, "form")], "res_id": moves.id}
        return action | {"domain": [("id", "in", moves.ids)]}

    # --- Billing run ------------------------------------------------------------------------------

    @api.model
    def _due_domain(self, date_ref):
        """Usage contracts with a period that ended by ``date_ref``, or that is to be billed again. The end of the contract
        does not matter: its last period is invoiced after it."""
        due = Domain("contract_line_ids", "any", [("recurring_next_date", "<=", date_ref), ("is_canceled", "=", False)])
        again = Domain("call_statement_ids", "any", self.env["call.statement"]._reopened_domain(date_ref))
        return Domain("generation_type", "=", "call_billing") & (due | again)

    def _reopened(self, date_ref):
        return (
            self.env["call.statement"]
            .sudo()
            .search(
                self.env["call.statement"]._reopened_domain(date_ref) & Domain("contract_id", "in", self.ids), order="date_start"
            )
        )

    def _lines_due(self, date_ref):
        self.ensure_one()
        return self.contract_line_ids.filtered(
            lambda line: (not line.display_type or line.is_recurring_note) and line._can_be_invoiced(date_ref)
        )

    @api.model
    def _cron_bill_usage(self):
        """Bill every contract whose period is over by its company's grace days, in committed batches."""
        today = fields.Date.context_today(self)
        for company in self.env["res.company"].search([]):  # pylint: disable=no-search-all
            date_ref = fields.Date.subtract(today, days=company.call_billing_grace_days)
            contracts = self.with_company(company).search(self._due_domain(date_ref) & Domain("company_id", "=", company.id))
            remaining = len(contracts)
            self.env["ir.cron"]._commit_progress(remaining=remaining)
            for start in range(0, len(contracts), BATCH):
                batch = contracts[start : start + BATCH]
                batch._bill_batch(date_ref, today)
                remaining -= len(batch)
                if not self.env["ir.cron"]._commit_progress(len(batch), remaining=remaining):
                    return

    def _bill_batch(self, date_ref, invoice_date):
        """Bill some contracts together; one that fails is billed alone, keeps its reason, and stops no other.

        Contracts that somebody else is billing are left to them.

        :return: the invoices
        """
        contracts = self.try_lock_for_update()
        try:
            with self.env.cr.savepoint():
                return contracts._bill_periods(date_ref, invoice_date)
        except psycopg2.OperationalError:  # a concurrent change: the transaction is over, the next run does it
            raise
        except Exception:
            _logger.info("A contract of a billing batch failed; billing its %d contracts one by one", len(contracts))
        moves = self.env["account.move"]
        for contract in contracts:
            try:
                with self.env.cr.savepoint():
                    moves |= contract._bill_periods(date_ref, invoice_date)
            except psycopg2.OperationalError:
                raise
            except Exception as error:
                contract._record_billing_error(error)
        return moves

    def _bill_periods(self, date_ref, invoice_date=None):
        """Bill every period that ended by ``date_ref``: one invoice per contract and period.

        :param invoice_date: date of the invoices; by default ``date_ref``
        """
        dated = self.with_context(call_invoice_date=invoice_date or date_ref)
        moves = dated._bill_reopened(date_ref)
        contracts = self
        for _period in range(MAX_PERIODS):
            contracts = contracts.filtered(lambda c: c._lines_due(date_ref))
            if not contracts:
                break
            by_date = contracts.grouped(lambda c: min(c._lines_due(date_ref).mapped("recurring_next_date")))
            for due, group in sorted(by_date.items()):
                moves |= group.with_env(dated.env)._recurring_create_invoice(due)
        # Where newer versions of billed calls take back more than the period brings, the client gets a credit note.
        moves.filtered(lambda move: move.currency_id.compare_amounts(move.amount_total, 0) < 0).action_switch_move_type()
        self._clear_invoice_generation_error()
        return moves

    def _bill_reopened(self, date_ref):
        """Bill the periods again whose invoice was cancelled or credited, one invoice for each of these invoices."""
        moves = self.env["account.move"]
        reopened = self._reopened(date_ref).with_env(self.env)
        for statements in reopened.grouped(lambda s: s.sudo().earlier_ids.sorted("id")[-1:].invoice_id or s).values():
            moves |= statements._bill_reopened()
        return moves

    def _record_billing_error(self, error):
        """Keep the reason where people see it. What the users can mend is no error of the program."""
        self.ensure_one()
        if isinstance(error, UserError):
            self._note_billing_error(str(error))
        else:
            self._record_invoice_generation_error(error, "usage invoice")

    def _note_billing_error(self, message):
        if self.invoice_generation_error != message:
            self.message_post(body=self.env._("The usage of this contract could not be invoiced: %s", message))
        self.write({"invoice_generation_error": message, "invoice_generation_error_date": fields.Datetime.now()})

    def _prepare_invoice(self, date_invoice, journal=None):
        return super()._prepare_invoice(self.env.context.get("call_invoice_date") or date_invoice, journal)

    def _prepare_recurring_invoices_values(self, date_ref=False):
        """Expand usage lines into the charges of their closed statements; drop an invoice without any line."""
        ordinary = self.filtered(lambda c: c.generation_type != "call_billing")
        values = super(ContractContract, ordinary)._prepare_recurring_invoices_values(date_ref)
        for contract in self - ordinary:
            lines = contract._get_lines_to_invoice(date_ref or contract.recurring_next_date)
            periods = {
                line: line._get_period_to_invoice(line.last_date_invoiced, line.recurring_next_date)[:2]
                for line in lines.filtered("rate_plan_id")
            }
            statements = self.env["call.statement"]._close_periods(contract, periods)
            for vals in super(ContractContract, contract)._prepare_recurring_invoices_values(date_ref):
                vals["invoice_line_ids"] = [
                    expanded for command in vals["invoice_line_ids"] for expanded in contract._expand_usage(command, statements)
                ]
                if any(command[2].get("display_type") == "product" for command in vals["invoice_line_ids"]):
                    vals["call_statement_ids"] = [fields.Command.link(statement.id) for statement in statements]
                    values.append(vals)
        return values

    def _expand_usage(self, command, statements):
        """The invoice lines that stand for one contract line: its charges, or itself."""
        line = self.env["contract.line"].browse(command[2].get("contract_line_id"))
        if not line.rate_plan_id or line.display_type:
            return [command]
        charges = statements.charge_ids.filtered(
            lambda charge: charge.contract_line_id == line and charge.component != "included"
        )
        return [fields.Command.create({**command[2], **charge._prepare_invoice_line()}) for charge in charges]
