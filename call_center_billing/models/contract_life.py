import logging
from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

_logger = logging.getLogger(__name__)

ACTIVITY = "call_center_billing.contract_renewal_activity"
BATCH = 100
ONE_DAY = timedelta(days=1)
LINES = {"contract_line_ids", "contract_line_fixed_ids"}


class ContractTemplate(models.Model):
    """How long agreements run and how they end; a contract takes it from its template."""

    _inherit = "contract.template"  # pylint: disable=consider-merging-classes-inherited

    notice_period = fields.Integer(help="Of whoever ends it. 0: it can be ended on any day.")
    notice_unit = fields.Selection([("day", "Days"), ("month", "Months")], required=True, default="month")
    renewal = fields.Selection(
        [("none", "Ends on that day"), ("auto", "Renews by itself")],
        string="At Its End",
        required=True,
        default="none",
        help="One that renews by itself gets a new end date on the day after the last day to give notice, unless it was ended.",
    )
    renewal_months = fields.Integer(
        string="Renews for", default=12, help="So many months, each time the agreed end passes without notice."
    )
    reminder_days = fields.Integer(
        string="Remind",
        default=30,
        help="So many days before the last day to give notice, or before the end where it does not renew, the responsible person gets "
        "an activity.",
    )
    early_end_percent = fields.Float(
        string="Early Termination Fee",
        digits=(16, 2),
        help="What an end before the agreed one costs, in per cent of the fixed fees that would still have been charged until then. 0: none.",
    )

    _notice_period_positive = models.Constraint("CHECK (notice_period >= 0)", "The notice period must not be negative.")
    _renewal_months_positive = models.Constraint("CHECK (renewal_months > 0)", "It has to renew for a month at least.")
    _early_end_percent_positive = models.Constraint(
        "CHECK (early_end_percent >= 0)", "The early termination fee must not be negative."
    )


class ContractContract(models.Model):
    """The life of an agreement that runs: suspended and resumed, reminded of, renewed. How it is ended is in ``contract_end``.

    Always: while it is held nothing of it is due, its calls are collected and rated all the same, and all that was held is due again
    when it is resumed. One reminder is made for each end date. Only what has no ``last_day`` renews. The agreed end is that of its
    lines: those that end with the contract, or have no end, follow it.
    """

    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    suspension = fields.Selection(
        [("hold", "Held: nothing is billed"), ("bill", "Billed as usual")],
        string="Suspended",
        readonly=True,
        copy=False,
        tracking=True,
        help="Its calls are collected and rated in both cases. What was held is billed when the contract is resumed.",
    )
    suspension_date = fields.Date(string="Suspended Since", readonly=True, copy=False)
    suspension_reason = fields.Char(readonly=True, copy=False, groups="base.group_user")
    notice_date = fields.Date(
        string="Last Day to Give Notice",
        compute="_compute_notice_date",
        store=True,
        help="The notice period before the agreed end; without an agreed end notice can be given on any day.",
    )
    reminder_date = fields.Date(string="Reminder On", compute="_compute_notice_date", store=True)
    reminded_end = fields.Date(string="Reminded of the End On", readonly=True, copy=False)
    is_over = fields.Boolean(compute="_compute_is_over")

    @api.depends("date_end", "notice_period", "notice_unit", "renewal", "reminder_days")
    def _compute_notice_date(self):
        for contract in self:
            end = contract.date_end
            contract.notice_date = end and contract._notice_day(end)
            day = contract.notice_date if contract.renewal == "auto" else end
            contract.reminder_date = day and day - timedelta(days=contract.reminder_days)

    @api.depends("date_end")
    def _compute_is_over(self):
        today = fields.Date.context_today(self)
        for contract in self:
            contract.is_over = bool(contract.date_end and contract.date_end < today)

    @api.onchange("date_end")
    def _onchange_date_end(self):
        """Lines follow on the form already, unless it is they that were changed."""
        end, before, lines = self.date_end, self._origin.date_end, self.contract_line_ids
        ends = lines.mapped("date_end")
        if not self.has_usage or (max(ends) == end if all(ends) else not end):
            return
        for line in lines.filtered(lambda line: line._origin.date_end in (False, before)):
            line.update(line._end_values(end))

    @api.model_create_multi
    def create(self, vals_list):
        contracts = super().create(vals_list)
        for contract, vals in zip(contracts, vals_list, strict=True):
            if vals.get("date_end"):
                contract._set_agreed_end(vals["date_end"])
        return contracts

    def write(self, vals):
        """An agreed end that is set is set for the lines; one that comes from lines that are changed with it is theirs already.

        :raise UserError: the contract was ended
        """
        if "date_end" not in vals:
            return super().write(vals)
        if any(contract.last_day for contract in self):
            raise UserError(self.env._("This contract was ended: take that end back first."))
        commands = [command for name in LINES for command in vals.get(name) or ()]
        by_lines = any(len(command) > 2 and isinstance(command[2], dict) and "date_end" in command[2] for command in commands)
        before = {contract: False if by_lines else contract.date_end for contract in self}
        res = super().write(vals)
        for contract, end in before.items():
            contract._set_agreed_end(vals["date_end"], end)
        return res

    def _set_agreed_end(self, end, before=False):
        """:param before: what the agreed end was, where lines and endpoints that end with the contract are to follow it"""
        self.ensure_one()
        if self.generation_type != "call_billing":
            return
        end = fields.Date.to_date(end) or False
        lines = self.contract_line_ids
        lines.filtered(lambda line: line.date_end == before or (end and not line.date_end))._set_end(end)
        if before:
            self.endpoint_ids.filtered(lambda endpoint: endpoint.date_end == before).date_end = end

    # --- Suspended --------------------------------------------------------------------------------

    @api.model
    def _due_domain(self, date_ref):
        return super()._due_domain(date_ref) & Domain("suspension", "!=", "hold")

    def _reopened(self, date_ref):
        return super(ContractContract, self.filtered(lambda contract: contract.suspension != "hold"))._reopened(date_ref)

    def recurring_create_invoice(self):
        self.ensure_one()
        if self.suspension == "hold":
            raise UserError(
                self.env._("'%s' is suspended and its billing is held. Resume it to bill what waits.", self.display_name)
            )
        return super().recurring_create_invoice()

    def _suspend(self, suspension, reason):
        """Suspend from today.

        :param suspension: whether billing is held, or goes on; see the field
        """
        self.check_access("write")
        if any(contract.is_over for contract in self):
            raise UserError(self.env._("A contract that is over cannot be suspended."))
        self.write({"suspension": suspension, "suspension_reason": reason, "suspension_date": fields.Date.context_today(self)})
        for contract in self:
            contract.message_post(body=self.env._("Suspended: %s", reason))

    def action_resume(self):
        """What was held is due again, a period at a time."""
        self.check_access("write")
        suspended = self.filtered("suspension")
        for contract in suspended:
            contract.message_post(
                body=self.env._(
                    "Resumed. It was suspended since %(date)s: %(reason)s",
                    date=contract.suspension_date,
                    reason=contract.suspension_reason,
                )
            )
        suspended.write({"suspension": False, "suspension_reason": False, "suspension_date": False})

    # --- Notice and renewal -----------------------------------------------------------------------

    def _notice(self):
        self.ensure_one()
        return relativedelta(**{f"{self.notice_unit}s": self.notice_period})

    def _notice_day(self, end):
        """Last day on which notice can be given to end on a day. Three months before 30 November begin on 1 September."""
        return end + ONE_DAY - self._notice() - ONE_DAY

    def _earliest_end(self, today):
        """First day on which the contract can end if notice is given today."""
        return today + ONE_DAY + self._notice() - ONE_DAY

    @api.model
    def _cron_life(self):
        """Renew what renews by itself, then remind of what has to be decided soon."""
        today = fields.Date.context_today(self)
        running = Domain([("generation_type", "=", "call_billing"), ("last_day", "=", False)])
        to_renew = self.search(running & Domain([("renewal", "=", "auto"), ("notice_date", "<", today)]))
        to_renew._in_batches(lambda batch: batch._renew(today))
        soon = self.search(running & Domain([("reminder_date", "<=", today), ("date_end", ">=", today)]))
        soon.filtered(lambda contract: contract.reminded_end != contract.date_end)._in_batches(lambda batch: batch._remind())

    def _in_batches(self, work):
        remaining = len(self)
        for start in range(0, len(self), BATCH):
            batch = self[start : start + BATCH]
            work(batch)
            remaining -= len(batch)
            if not self.env["ir.cron"]._commit_progress(len(batch), remaining=remaining):
                return

    def _renew(self, today):
        """Move the end of each by its renewal, as often as it takes until notice can be given again. One that cannot be renewed, such as
        where another contract has an endpoint from then on, tells the responsible person and stops no other."""
        for contract in self:
            before = end = contract.date_end
            while contract._notice_day(end) < today:
                end = end + ONE_DAY + relativedelta(months=contract.renewal_months) - ONE_DAY
            try:
                with self.env.cr.savepoint():
                    contract.date_end = end
                    contract.flush_recordset()
            except UserError as error:
                contract.invalidate_recordset()
                contract._schedule_once(today, self.env._("This contract could not be renewed: %s", error))
            else:
                contract.message_post(
                    body=self.env._("No notice was given: renewed from %(before)s until %(end)s.", before=before, end=end)
                )

    def _remind(self):
        for contract in self:
            if contract.renewal == "auto":
                note = self.env._("Renews by itself on %s. This is the last day to give notice.", contract.date_end + ONE_DAY)
            else:
                note = self.env._("Ends on this day and does not renew.")
            contract._schedule_once(contract.notice_date if contract.renewal == "auto" else contract.date_end, note)
            contract.reminded_end = contract.date_end

    def _schedule_once(self, day, note):
        """An activity for whoever is responsible, unless there is one for this day."""
        self.ensure_one()
        if not self.activity_search([ACTIVITY], additional_domain=[("date_deadline", "=", day)]):
            self.activity_schedule(ACTIVITY, date_deadline=day, note=note, user_id=self._responsible().id)

    def _responsible(self):
        """Of those who can read the contract: its salesperson, else an accountant of its company, else who made it."""
        self.ensure_one()
        accountants = self.env.ref("call_center_billing.group_accountant").all_user_ids
        accountants = accountants.filtered(lambda user: self.company_id in user.company_ids).sorted("id")
        for user in self.user_id | accountants | self.create_uid:
            if user.active and self.with_user(user).with_context(allowed_company_ids=user.company_ids.ids).has_access("read"):
                return user
        return self.env.user


class ContractLine(models.Model):
    _inherit = "contract.line"  # pylint: disable=consider-merging-classes-inherited

    def _can_be_invoiced(self, date_ref):
        return super()._can_be_invoiced(date_ref) and self.contract_id.suspension != "hold"

    def _set_end(self, day):
        for line in self:
            line.write(line._end_values(day))

    def _end_values(self, day):
        """Values for a last day. A date of the next invoice that was typed, for a first period of another length, stays if that period
        does (a new end makes OCA compute it anew)."""
        self.ensure_one()
        period_end = self.next_period_date_end
        whole = period_end and (not day or period_end <= day) and (not self.date_end or period_end < self.date_end)
        return {"date_end": day} | ({"recurring_next_date": self.recurring_next_date} if whole else {})


class CallStatement(models.Model):
    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    suspension = fields.Selection(related="contract_id.suspension", string="Contract Is Suspended", groups="base.group_user")
