from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

ACCOUNTANT = "call_center_billing.group_accountant"
ONE_DAY = timedelta(days=1)


class AccountMove(models.Model):
    """How far the reminders of an invoice are, and what a person can do about them. Reminders themselves are OCA's."""

    _inherit = "account.move"

    call_reminder_level = fields.Char(
        string="Reminder Level",
        compute="_compute_call_reminder",
        compute_sudo=True,
        groups=ACCOUNTANT,
        help="The last reminder that was sent.",
    )
    call_reminded_on = fields.Date(string="Last Reminder", compute="_compute_call_reminder", compute_sudo=True, groups=ACCOUNTANT)
    call_next_reminder = fields.Date(
        string="Next Reminder",
        compute="_compute_call_reminder",
        compute_sudo=True,
        groups=ACCOUNTANT,
        help="None where nothing undisputed is open, it is not to be chased, one waits to be sent, or the last one was sent.",
    )
    call_paused_until = fields.Date(
        string="Paused Until",
        compute="_compute_call_reminder",
        compute_sudo=True,
        groups=ACCOUNTANT,
        help="The client promised to pay until this day.",
    )
    call_asked_amount = fields.Monetary(
        string="To Be Asked For",
        compute="_compute_call_reminder",
        compute_sudo=True,
        groups=ACCOUNTANT,
        help="Open, less what is disputed, less credit that the client has.",
    )
    call_not_chased = fields.Boolean(string="Not Chased", compute="_compute_call_reminder", compute_sudo=True, groups=ACCOUNTANT)

    @api.depends("credit_control_line_ids.state", "amount_residual", "credit_policy_id", "line_ids.reconciled")
    def _compute_call_reminder(self):
        today, paused = fields.Date.today(), self._paused_until()
        receivables = self.line_ids._receivables()
        asked, chased = receivables._asked(), receivables._chased(in_spite_of_promises=True)
        for move in self:
            sent = move.credit_control_line_ids._counted().filtered(lambda line: line.state == "sent").sorted("id")[-1:]
            mine = receivables.filtered(lambda line, move=move: line.move_id == move)
            free = (mine & chased).filtered(lambda line: not line._last_reminder()._is_unsent())
            days = [day for line in free if (day := line._next_reminder()[1])]
            until = paused.get(move)
            move.call_reminder_level = sent.policy_level_id.name
            move.call_reminded_on = sent.date_sent or sent.date
            move.call_paused_until = until
            reminds = days and move.company_id.call_reminders
            move.call_next_reminder = reminds and max(min(days), until + ONE_DAY if until else today, today)
            move.call_asked_amount = sum(asked[line].now for line in mine if line in asked)
            move.call_not_chased = bool(mine) and all(line._reminder_policy().do_nothing for line in mine)

    @api.model
    def _paused_until(self, day=None):
        """
        :return: dict of invoice -> last day of the promises to pay that hold on a day, for those with one
        """
        promises = self.env["call.payment.promise"].sudo()
        paused = {}
        for promise in promises.search(
            [
                ("date", ">=", day or fields.Date.today()),
                ("partner_id", "in", self.commercial_partner_id.ids),
                ("company_id", "in", self.company_id.ids),
            ]
        ):
            for move in promise._paused(self):
                paused[move] = max(promise.date, paused.get(move, promise.date))
        return paused

    # --- By hand ------------------------------------------------------------------------------------------

    def action_remind_now(self):
        """Send the next reminder of what is due, or the last one again, without waiting for its day. Promises to pay do not hold it.

        :raise UserError: there is nothing to remind of
        """
        self.check_access("write")
        self.env["credit.control.line"].check_access("write")
        self.company_id._hold_reminders()
        today, Line = fields.Date.today(), self.env["credit.control.line"].sudo()
        receivables = self.sudo().line_ids._receivables().filtered(lambda line: line.date_maturity <= today)
        due = receivables._chased(today, in_spite_of_promises=True)
        if not due:
            raise UserError(
                self.env._("There is nothing to remind of: it is paid, not due, disputed as a whole, or not to be chased.")
            )
        reminders = Line
        for line in due:
            last, (level, _day) = line._last_reminder(), line._next_reminder()
            level = level or last.policy_level_id
            if not level:
                raise UserError(self.env._("%s has no policy of reminders: choose one in the settings.", line.company_id.name))
            create = Line.with_company(line.company_id).create_or_update_from_mv_lines
            # One that waits, or failed, is tried again instead of sending the next one.
            reminders |= last if last._is_unsent() else create(line, level, today, line.company_id)
        return reminders._send(in_spite_of_promises=True)

    def action_promise(self):
        """The dialog for what the client promised on the phone."""
        values = {"default_partner_id": self.commercial_partner_id[:1].id, "default_invoice_ids": self.ids}
        return self.env["call.payment.promise"]._open(values)

    def action_do_not_chase(self):
        """Nothing of these invoices is reminded of from now on. What waits to be sent is dropped when its turn comes."""
        self._set_chasing(self.env.ref("account_credit_control.credit_control_no_follow"))

    def action_chase_again(self):
        self._set_chasing(self.env["credit.control.policy"])

    def _set_chasing(self, policy):
        self.check_access("write")
        self.env["credit.control.line"].check_access("write")
        self.credit_policy_id = policy
        for move in self:
            move.message_post(body=self.env._("Not to be chased.") if policy else self.env._("Chased again."))
