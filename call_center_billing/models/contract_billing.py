"""How the periods of contracts become invoices."""

import logging
from collections import defaultdict

import psycopg2
from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import RedirectWarning, UserError
from odoo.fields import Command, Domain

from .call_statement import IncompletePeriod
from .windows import form_of

_logger = logging.getLogger(__name__)

BATCH = 50
MAX_PERIODS = 36
LINES = ("invoice_line_ids", "call_statement_ids", "ref", "invoice_origin")
"""What contracts with one invoice need not have in common."""


class ContractContract(models.Model):
    """Contracts with usage lines are invoiced by the billing run here, never by OCA's: it waits for the grace days,
    closes each period's statement, and expands a usage line into the charges of its calls.

    Always: one open period is invoiced at most once; a contract that fails keeps its reason and stops none that shares
    no invoice with it.
    """

    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    invoice_together = fields.Boolean(
        string="Shared Invoice",
        help="Contracts with this option that have the same invoice address, currency, journal, payment terms and fiscal position come "
        "on one invoice, with a section for each, when their periods end on the same day. Contracts of child companies share one if "
        "the parent company is their invoice address. Each keeps its own statement.",
    )
    pool_allowances = fields.Boolean(
        string="Shared Allowances",
        help="What pooled allowances of a plan include is granted once for all contracts that share the invoice and use the plan, "
        "instead of once for each.",
    )
    invoice_sections = fields.Boolean(
        string="A Section per Service",
        help="The invoice has a section for each usage line of the contract, with the line's name: a service, or a location.",
    )

    # --- What is due --------------------------------------------------------------------------------

    @api.model
    def _due_domain(self, date_ref):
        """Usage contracts with a period that ended by ``date_ref``, or that is to be billed again. The end of the contract
        does not matter: its last period is invoiced after it."""
        due = Domain("contract_line_ids", "any", [("recurring_next_date", "<=", date_ref), ("is_canceled", "=", False)])
        again = Domain("call_statement_ids", "any", self.env["call.statement"]._reopened_domain(date_ref))
        return Domain("generation_type", "=", "call_billing") & (due | again)

    def _reopened(self, date_ref):
        Statement = self.env["call.statement"].sudo()
        return Statement.search(Statement._reopened_domain(date_ref) & Domain("contract_id", "in", self.ids), order="date_start")

    def _lines_due(self, date_ref):
        self.ensure_one()
        return self.contract_line_ids.filtered(
            lambda line: (not line.display_type or line.is_recurring_note) and line._can_be_invoiced(date_ref)
        )

    def _due_rounds(self, date_ref):
        """Yield (day, contracts with a period that is due that day), until nothing is due. What is yielded has to be billed
        before the next is asked for."""
        contracts = self
        for _period in range(MAX_PERIODS):
            contracts = contracts.filtered(lambda c: c._lines_due(date_ref))
            if not contracts:
                return
            yield from sorted(contracts.grouped(lambda c: min(c._lines_due(date_ref).mapped("recurring_next_date"))).items())

    def _invoice_key(self):
        """What contracts have in common that may share an invoice; of those that have their own, the contract."""
        self.ensure_one()
        if not self.invoice_together:
            return (self,)
        return (
            self.company_id, self.invoice_partner_id, self.currency_id, self.journal_id, self.payment_term_id,
            self.fiscal_position_id,
        )  # fmt: skip

    def _pool_mates(self):
        """:return: dict of contract that shares its allowances -> all contracts that share them"""
        sharing = self.filtered(lambda c: c.invoice_together and c.pool_allowances)
        if not sharing:
            return {}
        mates = (
            self.sudo()
            .search(
                [
                    ("invoice_partner_id", "in", sharing.invoice_partner_id.ids),
                    ("invoice_together", "=", True),
                    ("pool_allowances", "=", True),
                ]
            )
            .grouped(lambda c: c._invoice_key())
        )
        return {contract: mates[contract._invoice_key()] for contract in sharing}

    # --- Billing ------------------------------------------------------------------------------------

    def recurring_create_invoice(self):
        """The button: for usage contracts it bills what is due, as the billing run does."""
        self.ensure_one()
        if self.generation_type != "call_billing":
            return super().recurring_create_invoice()
        self.env["account.move"].check_access("create")
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
        """Bill what is due and open the invoices.

        :raise RedirectWarning: a period seems to be incomplete; its statement, where somebody may decide, is a click away
        """
        moves = self.env["account.move"]
        try:
            for contract in self:
                moves |= contract.recurring_create_invoice()
        except IncompletePeriod as error:
            contract_id, first_day, _last_day = error.period
            domain = [("contract_id", "=", contract_id), ("date_start", "=", first_day), ("state", "=", "open")]
            statement = self.env["call.statement"].search(domain, limit=1)
            if not statement:
                raise
            raise RedirectWarning(str(error), form_of(statement), self.env._("Open the Statement")) from error
        return moves._action_open()

    def _batches(self, size=BATCH):
        """The contracts in parts of about this size. Those that may share an invoice are never parted."""
        part = self.browse()
        for group in self.grouped(lambda c: c._invoice_key()).values():
            part |= group
            if len(part) >= size:
                yield part
                part = self.browse()
        if part:
            yield part

    def _bill_batch(self, date_ref, invoice_date, post=False):
        """Bill some contracts together; one that fails is billed alone, or with those that share its invoice, keeps its reason, and
        stops no other.

        Contracts that somebody else is billing are left to them.

        :param post: whether the invoices are posted as well
        :return: the invoices
        """
        free = self.try_lock_for_update()
        periods = {contract: contract._periods_due(date_ref) for contract in free}
        found = self.env["call.statement"].sudo()._find_incomplete({period for mine in periods.values() for period in mine})
        free -= free._hold_incomplete(periods, found)
        known = self.with_context(call_gate_found=found)  # closing asks the same again
        groups = [group for group in known.grouped(lambda c: c._invoice_key()).values() if group <= free]
        contracts = known.browse().union(*groups)
        try:
            with self.env.cr.savepoint():
                return contracts._bill_periods(date_ref, invoice_date, post)
        except psycopg2.OperationalError:  # a concurrent change: the transaction is over, the next run does it
            raise
        except Exception:
            _logger.info("A contract of a billing batch failed; billing its %d contracts one by one", len(contracts))
        moves = self.env["account.move"]
        for group in groups:
            try:
                with self.env.cr.savepoint():
                    moves |= group._bill_periods(date_ref, invoice_date, post)
            except psycopg2.OperationalError:
                raise
            except Exception as error:
                for contract in group:
                    contract._record_billing_error(error)
        return moves

    def _hold_incomplete(self, periods, found):
        """Keep the reason at contracts whose next period must not close yet, and at those that share an invoice with them, so that they
        do not make a whole batch fail.

        :param periods: dict of each of these contracts -> its periods that are due, see :meth:`_periods_due`
        :param found: see ``call.statement._find_incomplete``, for these periods
        :return: these contracts
        """
        Statement = self.env["call.statement"].sudo()
        held = {contract: [period for period in mine if Statement._is_held(found[period])] for contract, mine in periods.items()}
        statements = Statement._ensure({period for mine in held.values() for period in mine})
        for contract, mine in held.items():
            waiting = [period for period in mine if not statements[period[:2]].gate_override_reason]
            held[contract] = waiting
            if waiting:
                contract._note_billing_error(statements[waiting[0][:2]]._held_text(found[waiting[0]]))
        incomplete = self.filtered(lambda contract: held[contract])
        keys = {contract._invoice_key(): contract for contract in incomplete}
        mates = (self - incomplete).filtered(lambda contract: contract._invoice_key() in keys)
        for contract in mates:
            contract._note_billing_error(
                self.env._("It shares an invoice with '%s', which has to wait.", keys[contract._invoice_key()].display_name)
            )
        return incomplete | mates

    def _periods_due(self, date_ref):
        """The periods that the contract's usage lines are invoiced for next, if they ended by ``date_ref``.

        :return: set of (contract id, first day, last day)
        """
        self.ensure_one()
        due = self._lines_due(date_ref)
        if not due:
            return set()
        lines = self._get_lines_to_invoice(min(due.mapped("recurring_next_date")))
        return {(self.id, *period) for period in lines.filtered("rate_plan_id")._periods_to_invoice().values()}

    def _bill_periods(self, date_ref, invoice_date=None, post=False):
        """Bill every period that ended by ``date_ref``.

        :param invoice_date: date of the invoices; by default ``date_ref``
        """
        dated = self.with_context(call_invoice_date=invoice_date or date_ref)
        moves = dated._bill_reopened(date_ref)
        for due, contracts in self._due_rounds(date_ref):
            moves |= contracts.with_env(dated.env)._recurring_create_invoice(due)
        # Where newer versions of billed calls take back more than the period brings, the client gets a credit note.
        moves.filtered(lambda move: move.currency_id.compare_amounts(move.amount_total, 0) < 0).action_switch_move_type()
        if post:
            moves._post(soft=False)
        self._clear_invoice_generation_error()
        return moves

    def _bill_reopened(self, date_ref):
        """Bill the periods again whose invoice was cancelled or credited, one invoice for each of these invoices."""
        moves = self.env["account.move"]
        reopened = self._reopened(date_ref).with_env(self.env)
        for statements in reopened.grouped(lambda s: s.sudo().earlier_ids.sorted("id")[-1:].invoice_id or s).values():
            moves |= statements._bill_reopened()
        return moves

    def _preview_periods(self, date_ref):
        """What billing would put on invoices. Nothing of it stays.

        :return: dict of contract -> (list of values of invoice lines, number of invoices, reason why it would fail or None)
        """
        found = {}
        groups = self.grouped(lambda c: c._invoice_key()).values()
        try:
            return self._calculate_periods(date_ref)
        except psycopg2.OperationalError:
            raise
        except Exception as error:
            if len(groups) == 1:
                _logger.info("Contracts %s could not be previewed: %s", self.ids, error)
                return {contract: ([], 0, str(error)) for contract in self}
        for group in groups:
            found |= group._preview_periods(date_ref)
        return found

    def _calculate_periods(self, date_ref):
        lines, invoices = defaultdict(list), defaultdict(int)
        self.env.flush_all()
        with self.env.cr.savepoint() as savepoint:
            for move in self._bill_reopened(date_ref):
                for contract, mine in move.invoice_line_ids.grouped(lambda line: line.contract_line_id.contract_id).items():
                    invoices[contract] += 1
                    names = ("display_type", "quantity", "price_unit", "discount", "call_charge_id")
                    lines[contract] += [{name: line[name] for name in names} for line in mine]
            for due, contracts in self._due_rounds(date_ref):
                for contract, vals_list in contracts._usage_invoices(due, check=False).items():
                    for vals in vals_list:
                        if not contract.invoice_together and not self._is_worth_an_invoice(vals):
                            continue
                        invoices[contract] += 1
                        lines[contract] += [command[2] for command in vals["invoice_line_ids"]]
                contracts._compute_recurring_next_date()
            self.env.flush_all()
            self.env.invalidate_all(flush=False)
            savepoint.rollback()
        return {contract: (lines[contract], invoices[contract], None) for contract in self}

    @api.model
    def _add_contract_origin(self, invoices):
        """Note on each invoice where it comes from, as OCA does, but in one go for all contracts of the run."""
        usage = self.filtered(lambda c: c.generation_type == "call_billing")
        bodies = {}
        for move in invoices:
            contracts = move.invoice_line_ids.contract_line_id.contract_id & usage
            if contracts:
                links = Markup(", ").join(contract._get_html_link(title=contract.display_name) for contract in contracts)
                bodies[move.id] = Markup("%s %s %s.") % (move._creation_message(), self.env._("by contract"), links)
        invoices.browse(bodies)._message_log_batch(bodies)
        return super(ContractContract, self - usage)._add_contract_origin(invoices)

    def _record_billing_error(self, error):
        """Keep the reason where people see it. What the users can mend is no error of the program."""
        self.ensure_one()
        if isinstance(error, IncompletePeriod):  # the statement on which somebody may decide
            self.env["call.statement"].sudo()._ensure({error.period})
        if isinstance(error, UserError):
            self._note_billing_error(str(error))
        else:
            self._record_invoice_generation_error(error, "usage invoice")

    def _note_billing_error(self, message):
        if self.invoice_generation_error != message:
            self.message_post(body=self.env._("The usage of this contract could not be invoiced: %s", message))
        self.write({"invoice_generation_error": message, "invoice_generation_error_date": fields.Datetime.now()})

    # --- Values of the invoices ---------------------------------------------------------------------

    def _prepare_invoice(self, date_invoice, journal=None):
        return super()._prepare_invoice(self.env.context.get("call_invoice_date") or date_invoice, journal)

    def _prepare_recurring_invoices_values(self, date_ref=False):
        """Expand usage lines into the charges of their closed statements; drop an invoice without any line; put those that
        are shared together."""
        ordinary = self.filtered(lambda c: c.generation_type != "call_billing")
        values = super(ContractContract, ordinary)._prepare_recurring_invoices_values(date_ref)
        shared = defaultdict(list)
        for contract, vals_list in (self - ordinary)._usage_invoices(date_ref).items():
            for vals in vals_list:
                shared[contract._invoice_key()].append((contract, vals))
        return values + [vals for vals in map(self._share_invoice, shared.values()) if self._is_worth_an_invoice(vals)]

    def _usage_invoices(self, date_ref, check=True):
        """Close the periods that are due.

        :param check: see ``call.statement._close_periods``
        :return: dict of contract -> list of values of its invoices, not shared yet
        """
        due = {contract: contract._get_lines_to_invoice(date_ref or contract.recurring_next_date) for contract in self}
        lines = self.env["contract.line"].union(*due.values())
        closed = self.env["call.statement"]._close_periods(lines.filtered("rate_plan_id")._periods_to_invoice(), check)
        statements = closed.grouped("contract_id")
        charges = closed.charge_ids.grouped("contract_line_id")
        invoices = defaultdict(list)
        for contract in self:
            # One contract at a time: the values do not tell whose they are.
            for vals in super(ContractContract, contract)._prepare_recurring_invoices_values(date_ref):  # pylint: disable=super-method-mismatch
                commands = [each for command in vals["invoice_line_ids"] for each in contract._expand_usage(command, charges)]
                if any(command[2].get("display_type") == "product" for command in commands):
                    mine = statements.get(contract, closed.browse())
                    vals["call_statement_ids"] = [Command.link(statement.id) for statement in mine]
                    vals["invoice_line_ids"] = contract._with_sections(commands) if contract.invoice_sections else commands
                    invoices[contract].append(vals)
        return invoices

    @api.model
    def _is_worth_an_invoice(self, vals):
        """Whether it says more than what was included."""
        charges = self.env["call.charge"].browse(
            command[2].get("call_charge_id")
            for command in vals["invoice_line_ids"]
            if command[2].get("display_type") == "product"
        )
        return any(charge.component != "included" for charge in charges)

    def _expand_usage(self, command, charges):
        """The invoice lines that stand for one contract line: its charges, or itself.

        :param charges: dict of contract line -> charges of its closed statement
        """
        line = self.env["contract.line"].browse(command[2].get("contract_line_id"))
        if not line.rate_plan_id or line.display_type:
            return [command]
        return [Command.create({**command[2], **charge._prepare_invoice_line()}) for charge in charges.get(line, ())]

    def _with_sections(self, commands):
        """Invoice lines under a section for each usage line; fixed fees come first."""
        fees, services = [], defaultdict(list)
        for command in commands:
            line = self.env["contract.line"].browse(command[2].get("contract_line_id"))
            if line.rate_plan_id and not line.display_type:
                services[line].append(command)
            else:
                fees.append(command)
        for line, mine in services.items():
            first, last = mine[0][2].get("call_period_start"), mine[0][2].get("call_period_end")
            fees += [self._section(line._insert_markers(first, last).splitlines()[0]), *mine]
        return self._numbered(fees)

    @api.model
    def _share_invoice(self, parts):
        """:param parts: list of (contract, values of an invoice)
        :return: values of one invoice for all of them"""
        if len(parts) == 1:
            return parts[0][1]
        parts = sorted(parts, key=lambda part: (part[0].partner_id.display_name, part[0].name, part[0].id))
        commands, statements = [], []
        for contract, vals in parts:
            commands += [self._section(contract._section_name()), *vals["invoice_line_ids"]]
            statements += vals["call_statement_ids"]
        refs, origins = (
            ", ".join(dict.fromkeys(vals[name] for _contract, vals in parts if vals.get(name)))
            for name in ("ref", "invoice_origin")
        )
        common = {name: value for name, value in parts[0][1].items() if name not in LINES}
        return {
            **common,
            "ref": refs or False,
            "invoice_origin": origins,
            "invoice_line_ids": self._numbered(commands),
            "call_statement_ids": statements,
        }

    def _section_name(self):
        """The contract as the client knows it; its company too, where the invoice goes to another."""
        self.ensure_one()
        if self.partner_id.commercial_partner_id != self.invoice_partner_id.commercial_partner_id:
            return f"{self.partner_id.commercial_partner_id.name}: {self.name}"
        return self.name

    @api.model
    def _section(self, name):
        return Command.create({"display_type": "line_section", "name": name, "product_id": False, "quantity": 0})

    @api.model
    def _numbered(self, commands):
        return [Command.create({**command[2], "sequence": number}) for number, command in enumerate(commands, 10)]
