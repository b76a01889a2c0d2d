from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from .windows import form_of

STATES = [("open", "Open"), ("closed", "Closed"), ("invoiced", "Invoiced"), ("settled", "Settled"), ("void", "Void")]
TRANSITIONS = {
    "open": ("closed",),
    "closed": ("invoiced", "open"),
    "invoiced": ("settled", "void", "open"),
    "settled": ("invoiced", "void", "open"),
    "void": ("invoiced", "open"),
}
AFTER_END = {"status": "not_billable", "not_billable_reason": "after_end", "amount": 0, "billed_seconds": 0}
"""Values of a call after the end of its service."""


class IncompletePeriod(UserError):
    """A period that must not close yet: (contract id, first day, last day)."""

    def __init__(self, message, period):
        super().__init__(message)
        self.period = period


class CallStatement(models.Model):
    """Everything of one contract in one period. Made when the period opens, or when a call of it arrives before that is seen.

    Each usage line belongs to one statement from the moment it is loaded, so closing a period touches no call. While
    open its totals follow the imports, which change the statement's row in the transaction that adds the calls: a
    closing and an import of the same period cannot miss each other, one of them has to start again.

    Closed, it has its charges; invoiced, its invoice; settled, an invoice that is paid; void, one that was cancelled or
    credited. Calls that come later go to the next open statement, marked with the one they belong to.

    A contract has one statement of a period that counts. Where a period is billed again, what the first invoice was for is
    kept as a void statement of its own that names the other in ``billed_again_id``; see ``_bill_again``.
    """

    _name = "call.statement"
    _description = "Call Statement"
    _inherit = ["rating.mixin", "mail.thread", "mail.activity.mixin"]
    _order = "date_start desc, id desc"
    _mail_post_access = "read"  # nobody writes a statement by hand, everybody who sees it may discuss it

    contract_id = fields.Many2one("contract.contract", required=True, ondelete="restrict", index=True)
    partner_id = fields.Many2one(
        related="contract_id.commercial_partner_id", store=True, index=True, string="Client", related_sudo=True
    )
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True)
    currency_id = fields.Many2one("res.currency", required=True)
    date_start = fields.Date(string="From", required=True)
    date_end = fields.Date(string="Until", required=True)
    state = fields.Selection(STATES, required=True, default="open", readonly=True, index=True, tracking=True)
    usage_count = fields.Integer(string="Calls", readonly=True)
    billable_count = fields.Integer(string="Billable Calls", readonly=True)
    not_billable_count = fields.Integer(string="Not Billable", compute="_compute_not_billable_count")
    late_count = fields.Integer(
        string="Late Calls",
        readonly=True,
        help="Calls of this statement that belong to an earlier period and came after it was invoiced.",
    )
    total_seconds = fields.Integer(string="Total Time (s)", readonly=True, help="Duration of all calls, in seconds.")
    billed_seconds = fields.Integer(
        string="Charged Time (s)", readonly=True, help="Seconds that are charged, after increments and minimum."
    )
    usage_amount = fields.Monetary(
        string="Usage",
        readonly=True,
        help="Sum of the calls' prices before rounding, without fixed fees and taxes.",
    )
    charge_ids = fields.One2many("call.charge", "statement_id", string="Charges")
    adjustment_ids = fields.One2many("call.adjustment", "statement_id", string="Adjustments")
    counter_ids = fields.One2many("call.counter", "statement_id", string="Allowances and Volumes")
    pool_lead_id = fields.Many2one(
        "call.statement",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="Where contracts share their allowances: the statement that counts them for all, of the same period.",
    )
    service_result_ids = fields.One2many("call.service.result", "statement_id", string="Service Levels")
    charge_amount = fields.Monetary(
        string="Charged", compute="_compute_charge_amount", help="All charges for usage, without fixed fees and taxes."
    )
    invoice_id = fields.Many2one("account.move", readonly=True, index="btree_not_null", copy=False)
    usage_line_ids = fields.One2many("call.usage.line", "statement_id", string="Call Lines")

    _period = models.UniqueIndex(
        "(contract_id, date_start) WHERE billed_again_id IS NULL",
        "There is already a statement of this contract for this period.",
    )
    _dates_ordered = models.Constraint("CHECK (date_end >= date_start)", "A period must not end before it starts.")

    @api.depends("contract_id", "date_start", "date_end")
    def _compute_display_name(self):
        for statement in self:
            statement.display_name = f"{statement.contract_id.sudo().name or ''} {statement._period_text()}".strip()

    @api.depends("usage_count", "billable_count")
    def _compute_not_billable_count(self):
        for statement in self:
            statement.not_billable_count = statement.usage_count - statement.billable_count

    @api.depends("charge_ids.amount")
    def _compute_charge_amount(self):
        for statement in self:
            statement.charge_amount = sum(statement.charge_ids.mapped("amount"))

    @api.ondelete(at_uninstall=False)
    def _unlink_empty(self):
        if self.env["call.usage.line"].sudo().search_count([("statement_id", "in", self.ids)], limit=1):
            raise UserError(self.env._("A statement with calls cannot be deleted: undo the imports of its calls instead."))

    def action_view_calls(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_usage_line_action")
        return action | {"domain": [("statement_id", "=", self.id)], "context": {}, "display_name": self.display_name}

    def action_view_invoice(self):
        self.ensure_one()
        return form_of(self.invoice_id)

    def _period_text(self):
        self.ensure_one()
        if not (self.date_start and self.date_end):
            return ""
        # Thousands of charges that are made together tell a few periods.
        told, key = self.env.cr.cache.setdefault("call_period_text", {}), (self.env.lang, self.date_start, self.date_end)
        if key not in told:
            told[key] = " - ".join(format_date(self.env, day) for day in key[1:])
        return told[key]

    def _back_billing_limit(self):
        """First day of which late calls are billed on this statement: as many days before its invoice, the day after the period, as the
        contract allows; None without a limit."""
        self.ensure_one()
        days = self.contract_id.back_billing_days
        return self.date_end + timedelta(days=1 - days) if days else None

    # --- States: one door ---------------------------------------------------------------------------

    def _set_state(self, state):
        for statement in self:
            if state not in TRANSITIONS[statement.state]:
                raise UserError(
                    self.env._(
                        "Statement %(statement)s is %(state)s and cannot become %(new)s.",
                        statement=statement.display_name,
                        state=statement.state,
                        new=state,
                    )
                )
        self.write({"state": state})

    @api.model
    def _ensure(self, periods):
        """Statements of contracts and periods, made where they are missing.

        :param periods: set of (contract id, first day, last day)
        :return: dict (contract id, first day) -> statement
        """
        contracts = {contract for contract, _first, _last in periods}
        known = {
            (statement.contract_id.id, statement.date_start): statement
            for statement in self.search(
                [
                    ("contract_id", "in", list(contracts)),
                    ("date_start", "in", list({first for _contract, first, _last in periods})),
                    ("billed_again_id", "=", False),
                ]
            )
        }
        missing = sorted(period for period in periods if period[:2] not in known)
        if missing:
            # Two that make the same statement at once: the second one starts again, and finds it.
            ids = tuple(sorted({contract for contract, _first, _last in missing}))
            self.env.flush_all()
            self.env.cr.execute(SQL("UPDATE contract_contract SET id = id WHERE id IN %s", ids))
        currencies = {contract.id: contract.currency_id.id for contract in self.env["contract.contract"].browse(contracts)}
        created = self.with_context(tracking_disable=True).create(
            [
                {"contract_id": contract, "date_start": first, "date_end": last, "currency_id": currencies[contract]}
                for contract, first, last in missing
            ]
        )
        known.update({(statement.contract_id.id, statement.date_start): statement for statement in created})
        return {period[:2]: known[period[:2]] for period in periods}

    @api.model
    def _domain_with_calls(self, first, last):
        """Domain of the statements that can have calls of these days: late usage is on a later one."""
        return Domain("date_end", ">=", first) & (Domain("date_start", "<=", last) | Domain("late_count", ">", 0))

    @api.model
    def _close_periods(self, line_periods, check=True):
        """Close the statements of the periods that usage lines are invoiced for, of any number of contracts.

        :param line_periods: dict of contract line -> (first day, last day)
        :param check: whether something that is missing keeps them from closing
        :return: the closed statements
        :raise UserError: one of the periods is closed already
        :raise IncompletePeriod: something is missing; see ``_check_complete``
        """
        statements = self.sudo()._ensure({(line.contract_id.id, *period) for line, period in line_periods.items()})
        lines, ends = defaultdict(list), {}
        for line, (first, last) in line_periods.items():
            statement = statements[line.contract_id.id, first]
            lines[statement].append(line)
            ends[statement] = last
        closed = self.sudo().union(*lines)
        closed.lock_for_update()
        for statement in closed:
            if statement.state != "open":
                raise UserError(
                    self.env._(
                        "Period %(period)s of '%(line)s' was invoiced already, see its statement.",
                        period=statement._period_text(),
                        line=lines[statement][0].name,
                    )
                )
            if statement.date_end != ends[statement]:
                statement.date_end = ends[statement]
        if check:
            closed._check_complete()
        closed._realign_usage()
        for statement in closed:
            statement._recall_late_calls()
        closed._create_charges(lines)
        closed._set_state("closed")
        return closed

    def _realign_usage(self):
        """Calls after the end of a period that was shortened since they came go to where they belong now."""
        self.env.flush_all()
        beyond = self.env.execute_query(
            SQL(
                """
                SELECT u.id FROM call_statement s JOIN call_usage_line u ON u.statement_id = s.id
                 WHERE s.id = ANY(%s) AND u.start_at >= s.date_end AND u.date > s.date_end
                """,
                self.ids,
            )
        )
        calls = self.env["call.usage.line"].browse(usage for (usage,) in beyond)
        if not calls:
            return
        left_statements = calls.statement_id
        for (statement, line), mine in calls.grouped(lambda call: (call.statement_id, call.contract_line_id)).items():
            after = [period for period in line._usage_periods(max(mine.mapped("date"))) if period[0] > statement.date_end]
            targets = self._ensure({(statement.contract_id.id, *period) for period in after})
            for first, last in after:
                moved = mine.filtered(lambda call, first=first, last=last: first <= call.date <= last)
                moved.write({"statement_id": targets[statement.contract_id.id, first].id})
                mine -= moved
            mine.write(AFTER_END)
        (left_statements | calls.statement_id)._recount()

    def _recall_late_calls(self):
        """A period that was shortened is invoiced earlier: some of the calls that were too late for it are not."""
        self.ensure_one()
        if self.late_count and self.contract_id.back_billing_days:
            where = SQL("u.statement_id = %s AND u.not_billable_reason = 'too_late'", self.id)
            self.browse(self.env["call.rerating"]._rerate(where))._recount()

    def _recount(self):
        """Totals from the calls themselves, exactly."""
        if not self:
            return
        self.env.flush_all()
        self.env.execute_query(
            SQL(
                """
                WITH total AS (
                    SELECT statement_id, count(*) AS calls, count(*) FILTER (WHERE status = 'billable') AS billable,
                           count(late_of_id) AS late, sum(total_seconds * sign(quantity)) AS seconds,
                           sum(billed_seconds) AS billed, sum(amount) AS amount
                      FROM call_usage_line
                     WHERE statement_id IN %(ids)s AND not_billable_reason IS DISTINCT FROM 'replaced'
                     GROUP BY statement_id)
                UPDATE call_statement s
                   SET usage_count = coalesce(t.calls, 0), billable_count = coalesce(t.billable, 0),
                       late_count = coalesce(t.late, 0), total_seconds = coalesce(t.seconds, 0),
                       billed_seconds = coalesce(t.billed, 0), usage_amount = coalesce(t.amount, 0)
                  FROM call_statement o LEFT JOIN total t ON t.statement_id = o.id
                 WHERE o.id = s.id AND s.id IN %(ids)s
                RETURNING s.id
                """,
                ids=tuple(self.ids),
            )
        )
        self.invalidate_recordset()

    def _pool_leads(self):
        """The statements that count the allowances which contracts share.

        :return: dict of statement of such a contract -> (statement whose period is counted, statement that counts now). They are the
            same unless others of the period were closed before: then it comes after what these used, as late usage does
        """
        mates = self.contract_id._pool_mates()
        if not mates:
            return {}
        sharing = self.filtered(lambda statement: statement.contract_id in mates).sorted("id")
        contracts = self.env["contract.contract"].union(*mates.values())
        known = self.search([("contract_id", "in", contracts.ids), ("pool_lead_id", "!=", False)])

        def period(statement):
            return statement.contract_id._invoice_key(), statement.date_start, statement.date_end

        leads = {period(statement): statement.pool_lead_id for statement in known}
        now = {key: statements[0] for key, statements in sharing.grouped(period).items()}
        return {each: (leads.get(period(each)) or now[period(each)], now[period(each)]) for each in sharing}

    def _pool(self):
        """This statement and those that share its allowances."""
        return self | self.search([("pool_lead_id", "in", self.pool_lead_id.ids)])

    def _create_charges(self, lines):
        """:param lines: dict of statement -> contract lines whose period it closes"""
        closing = {statement: lines[statement] for statement in self}
        plans = self.env["call.closing"]._choose_plans(closing)
        charges, counters, results = self.env["call.closing"]._prepare(closing, plans=plans)
        self.env["call.correction"]._fix_lumps(charges)
        pending = self.env["call.adjustment"].search([("contract_id", "in", self.contract_id.ids), ("state", "=", "pending")])
        for contract, adjustments in pending.grouped("contract_id").items():
            statement = self.filtered(lambda s, contract=contract: s.contract_id == contract).sorted("date_start")[-1]
            charges += adjustments._prepare_charges(statement, self.env["contract.line"].union(*lines[statement]))
        for statement, (lead, _now) in self._pool_leads().items():
            statement.pool_lead_id = lead
        self.env["call.charge"].create(charges)
        self.env["call.counter"].create(counters)
        self.env["call.service.result"].create(results)

    def _reopen(self):
        """Give the charges back: the period was not invoiced after all. One that was to be billed again still is.

        :raise UserError: a later period of one of its contract lines is invoiced
        """
        for statement in self.filtered(lambda s: not s.earlier_ids):
            lines = statement.charge_ids.contract_line_id | statement.contract_id.contract_line_ids.filtered(
                lambda line, s=statement: line.rate_plan_id and line.last_date_invoiced == s.date_end
            )
            lines._rewind_period(statement.date_start, statement.date_end)
        self.charge_ids.unlink()
        self.counter_ids.unlink()
        self.service_result_ids.unlink()
        self.pool_lead_id = False
        self._set_state("open")
