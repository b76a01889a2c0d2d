import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

AT_ONCE = 200
"""Contracts that are worked on while a person waits; more are left to the scheduled job."""
MAX_TRIES = 5
"""So often the job begins with contracts whose billing breaks off, before somebody has to look at them."""


class CallBillingRun(models.Model):
    """Bills many contracts: what is due is listed, can be looked at, and is invoiced in committed batches.

    Always: a contract is in a run once. What its line says is committed together with its invoices, so a run that was killed
    goes on where it was; and a period that another run billed meanwhile is billed by that one alone.
    """

    _name = "call.billing.run"
    _description = "Billing Run"
    _inherit = ["mail.thread"]
    _order = "id desc"

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True, default=lambda self: self.env.company)
    date = fields.Date(
        string="Periods Ended By",
        required=True,
        default=fields.Date.context_today,
        help="Every billing period that ended before this day is closed and invoiced.",
    )
    invoice_date = fields.Date(required=True, default=fields.Date.context_today)
    post = fields.Boolean(string="Post the Invoices", help="Otherwise they stay drafts.")
    user_id = fields.Many2one("res.users", string="By", readonly=True, default=lambda self: self.env.user)
    state = fields.Selection(
        [("draft", "To Check"), ("preparing", "Being Prepared"), ("running", "Running"), ("done", "Done")],
        required=True,
        default="draft",
        readonly=True,
        index=True,
        tracking=True,
        copy=False,
    )
    line_ids = fields.One2many("call.billing.run.line", "run_id", string="Contracts", readonly=True)
    contract_count = fields.Integer(string="Number of Contracts", compute="_compute_counts")
    waiting_count = fields.Integer(string="Waiting", compute="_compute_counts")
    invoiced_count = fields.Integer(string="Invoiced", compute="_compute_counts")
    failed_count = fields.Integer(string="Failed", compute="_compute_counts")
    warning_count = fields.Integer(
        string="With Warnings",
        compute="_compute_counts",
        help="Contracts that the preview finds worth a look, such as an amount far from the last one.",
    )
    progress = fields.Float(compute="_compute_counts", help="Part of the contracts that is done, in per cent.")
    move_count = fields.Integer(string="Invoices", compute="_compute_counts")
    only_drafts = fields.Boolean(compute="_compute_counts", help="All invoices are drafts still, so the run can be undone.")

    @api.depends("line_ids.state", "line_ids.warning", "line_ids.move_ids.state")
    def _compute_counts(self):
        for run in self:
            states = run.line_ids.filtered(lambda line: line.state != "left_out").mapped("state")
            run.contract_count = len(states)
            run.waiting_count = states.count("waiting")
            run.invoiced_count = states.count("invoiced")
            run.failed_count = states.count("failed")
            run.warning_count = len(run.line_ids.filtered("warning"))
            run.progress = 100 * (1 - run.waiting_count / len(states)) if states else 0
            run.move_count = len(run.line_ids.move_ids)
            run.only_drafts = bool(run.move_count) and set(run.line_ids.move_ids.mapped("state")) == {"draft"}

    @api.depends("date", "create_date")
    def _compute_display_name(self):
        for run in self:
            date = format_date(self.env, run.date) if run.date else ""
            run.display_name = (
                self.env._("Billing run %(id)s, until %(date)s", id=run.id, date=date)
                if run.id
                else self.env._("New billing run")
            )

    @api.constrains("date")
    def _check_date(self):
        for run in self:
            if run.date > fields.Date.context_today(run):
                raise UserError(self.env._("A period that is not over cannot be invoiced: choose today or a day before."))

    @api.ondelete(at_uninstall=False)
    def _unlink_not_billed(self):
        if self.line_ids.move_ids:
            raise UserError(self.env._("A run that made invoices stays. Delete its drafts first."))

    # --- Buttons ------------------------------------------------------------------------------------

    def action_prepare(self):
        """List what is due, with what it would come to."""
        self.check_access("write")
        for run in self.filtered(lambda run: run.state == "draft"):
            run._list_due()
            if len(run.line_ids) > AT_ONCE:
                run.state = "preparing"
                run.line_ids.sudo().is_previewed = False
                run._leave_to_job()
            else:
                run.line_ids.sudo()._preview()

    def action_run(self):
        for run in self.filtered(lambda run: run.state == "draft"):
            run._list_due()
            run.state = "running"
            run._go_on()

    def action_retry(self):
        """Try those that failed once more."""
        for run in self.filtered(lambda run: run.state in ("running", "done")):
            run.line_ids.sudo().filtered(lambda line: line.state == "failed").write({"state": "waiting", "message": False})
            run.state = "running"
            run._go_on()

    def action_undo(self):
        """Delete the draft invoices: their periods are open again."""
        self.check_access("write")
        for run in self:
            lines = run.line_ids.sudo().filtered("move_ids")
            drafts = lines.move_ids.filtered(lambda move: move.state == "draft")
            if drafts != lines.move_ids:
                raise UserError(self.env._("Some invoices of this run are posted: credit those, and delete the drafts by hand."))
            drafts.unlink()
            (run.line_ids.sudo() - run.line_ids.filtered(lambda line: line.state == "left_out")).write(
                {"state": "waiting", "message": False}
            )
            run.state = "draft"

    def action_view_moves(self):
        self.ensure_one()
        return self.line_ids.move_ids._action_open()

    def action_view_lines(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_billing_run_line_action")
        return action | {"domain": [("run_id", "=", self.id)], "display_name": self.display_name}

    # --- Work ---------------------------------------------------------------------------------------

    def _list_due(self):
        """:raise UserError: nothing is due"""
        self._list_contracts()
        if not self.line_ids:
            raise UserError(self.env._("No contract has a period that ended by this day."))

    def _list_contracts(self):
        """A line for each contract that is due, and none that is not any more."""
        self.ensure_one()
        Contract = self.env["contract.contract"].with_company(self.company_id)
        due = Contract.search(Contract._due_domain(self.date) & Domain("company_id", "=", self.company_id.id))
        lines = self.line_ids.sudo()
        known = lines.filtered(lambda line: line.contract_id in due)
        (lines - known).unlink()
        lines.create([{"run_id": self.id, "contract_id": contract.id} for contract in due - known.contract_id])
        self.invalidate_recordset(["line_ids"])

    def _go_on(self):
        """Bill what waits, at once or by the scheduled job."""
        self.ensure_one()
        waiting = self.line_ids.filtered(lambda line: line.state == "waiting")
        if len(waiting) > AT_ONCE:
            return self._leave_to_job()
        for contracts in waiting.contract_id._batches():
            self._bill(contracts)
        self._finish()
        return None

    def _leave_to_job(self):
        self.env.ref("call_center_billing.call_billing_cron").sudo()._trigger()

    def _bill(self, contracts):
        """Bill some contracts of the run and note what became of each."""
        self.ensure_one()
        begin = fields.Datetime.now()
        contracts = contracts.with_company(self.company_id)
        moves = contracts._bill_batch(self.date, self.invoice_date, self.post)
        by_contract = {}
        for move in moves.sudo():
            for contract in move.invoice_line_ids.contract_line_id.contract_id:
                by_contract[contract.id] = by_contract.get(contract.id, moves.browse()) | move
        for line in self.line_ids.sudo().filtered(lambda line: line.contract_id in contracts):
            contract = line.contract_id
            if mine := by_contract.get(contract.id):
                line.write({"state": "invoiced", "move_ids": mine.ids, "message": False})
            elif contract.invoice_generation_error and contract.invoice_generation_error_date >= begin:
                line.write({"state": "failed", "message": contract.invoice_generation_error})
            elif not contract._lines_due(self.date) and not contract._reopened(self.date):
                line.write({"state": "nothing", "message": self.env._("Nothing to invoice, or billed meanwhile.")})
            # else somebody else is billing it right now: it waits
            line.tries = 0

    def _finish(self):
        """What is prepared can be checked, what is billed is done, unless something waits."""
        self.invalidate_recordset()
        if self._to_do():
            self._leave_to_job()
        else:
            self.state = "draft" if self.state == "preparing" else "done"

    # --- Scheduled job --------------------------------------------------------------------------------

    @api.model
    def _cron_run(self):
        """Start the runs that the companies want every day, and go on with all that are under way, batch by batch."""
        for company in self.env["res.company"].search([("call_billing_schedule", "!=", "manual")]):
            self.with_company(company)._schedule(company)
        self.search([("state", "in", ("preparing", "running"))], order="id")._go_on_as_job()

    def _go_on_as_job(self):
        """Go on with what is under way, each batch committed."""
        Cron = self.env["ir.cron"]
        remaining = sum(len(run._to_do()) for run in self)
        Cron._commit_progress(remaining=remaining)
        for run in self:
            for contracts in run._to_do().contract_id._batches():
                if run.state == "preparing":
                    run.line_ids.filtered(lambda line, batch=contracts: line.contract_id in batch)._preview()
                elif not run._try_to_bill(contracts):
                    return
                remaining -= len(contracts)
                if not Cron._commit_progress(len(contracts), remaining=remaining):
                    return
                run.invalidate_recordset()
            run._finish()
            Cron._commit_progress(remaining=remaining)

    def _try_to_bill(self, contracts):
        """Bill some contracts for the job. Each try is committed before, so what ends the process each time does not do so for ever.

        :return: whether to go on; if somebody changes the same, the job begins again with them
        """
        lines = self.line_ids.filtered(lambda line: line.state == "waiting" and line.contract_id in contracts)
        given_up = lines.filtered(lambda line: line.tries >= MAX_TRIES)
        for line in given_up:
            error = UserError(
                self.env._("Its billing broke off %s times: others change the same, or the server ended.", line.tries)
            )
            line.contract_id._record_invoice_generation_error(error, "usage invoice")
            line.write({"state": "failed", "message": str(error), "tries": 0})
        for line in lines - given_up:
            line.tries += 1
        self.env["ir.cron"]._commit_progress()
        if lines == given_up:
            return True
        try:
            self._bill((lines - given_up).contract_id)
        except psycopg2.OperationalError:
            self.env.cr.rollback()
            self._leave_to_job()
            return False
        return True

    def _to_do(self):
        """Lines that the job has to look at."""
        self.ensure_one()
        lines = self.line_ids.filtered(lambda line: line.state == "waiting")
        return lines.filtered(lambda line: not line.is_previewed) if self.state == "preparing" else lines

    @api.model
    def _schedule(self, company):
        """The daily run of a company, if anything is due that no run under way has."""
        today = fields.Date.context_today(self)
        date = fields.Date.subtract(today, days=company.call_billing_grace_days)
        Contract = self.env["contract.contract"]
        busy = Domain("run_id.state", "!=", "done") & Domain("state", "in", ("waiting", "left_out"))
        taken = self.env["call.billing.run.line"].search(busy & Domain("company_id", "=", company.id)).contract_id
        due = Contract.search(Contract._due_domain(date) & Domain("company_id", "=", company.id)) - taken
        if not due:
            return
        prepare = company.call_billing_schedule == "prepare"
        run = self.create(
            {
                "company_id": company.id,
                "date": date,
                "invoice_date": today,
                "post": company.call_billing_schedule == "post",
                "state": "preparing" if prepare else "running",
                "line_ids": [fields.Command.create({"contract_id": contract.id}) for contract in due],
            }
        )
        if prepare:
            run.message_post(body=self.env._("%s contracts are due. Look at the run and start it.", len(due)))
