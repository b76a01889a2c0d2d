from odoo import fields, models
from odoo.fields import Domain


class CallClientAccount(models.Model):
    """How far the reminders of a client are, over all invoices that are open."""

    _inherit = "call.client.account"

    call_reminder_level = fields.Char(
        string="Reminder Level", compute="_compute_call_reminder", help="The highest of what is open."
    )
    call_reminded_on = fields.Date(string="Last Reminder", compute="_compute_call_reminder")
    call_next_reminder = fields.Date(string="Next Reminder", compute="_compute_call_reminder")
    call_paused_until = fields.Date(string="Paused Until", compute="_compute_call_reminder")
    call_asked_amount = fields.Monetary(string="To Be Asked For", compute="_compute_call_reminder", help="Due or not.")
    call_reminded = fields.Boolean(string="Reminded", compute="_compute_call_reminder", search="_search_call_reminded")
    call_not_chased = fields.Boolean(string="Not Chased", compute="_compute_call_reminder")

    def _compute_call_reminder(self):
        invoices = self.env["account.move"].search(Domain.OR(account._open_domain() for account in self))
        for account in self:
            mine = invoices.filtered_domain(account._open_domain())
            sent = mine.sudo().credit_control_line_ids._counted().filtered(lambda line: line.state == "sent")
            account.call_reminded = bool(sent)
            account.call_reminder_level = sent.sorted("level")[-1:].policy_level_id.name
            account.call_reminded_on = max(filter(None, mine.mapped("call_reminded_on")), default=False)
            account.call_next_reminder = min(filter(None, mine.mapped("call_next_reminder")), default=False)
            account.call_paused_until = max(filter(None, mine.mapped("call_paused_until")), default=False)
            account.call_asked_amount = sum(mine.mapped("call_asked_amount"))
            account.call_not_chased = account.partner_id.sudo().credit_policy_id.do_nothing

    def _search_call_reminded(self, operator, value):
        if operator != "in":
            return NotImplemented
        reminders = (
            self.env["credit.control.line"].sudo().search([("state", "=", "sent"), ("move_line_id.reconciled", "=", False)])
        )
        found = Domain("partner_id", "in", reminders._counted().commercial_partner_id.ids) & Domain("open_amount", ">", 0)
        return found if True in value else ~found

    def action_remind_now(self):
        invoices = self.env["account.move"].search(Domain.OR(account._open_domain() for account in self))
        return invoices.action_remind_now()

    def action_promise(self):
        self.ensure_one()
        return self.env["call.payment.promise"]._open(
            {"default_partner_id": self.partner_id.id, "default_company_id": self.company_id.id}
        )

    def action_do_not_chase(self):
        self._set_chasing(self.env.ref("account_credit_control.credit_control_no_follow"))

    def action_chase_again(self):
        self._set_chasing(self.env["credit.control.policy"])

    def _set_chasing(self, policy):
        self.env["credit.control.line"].check_access("write")
        self.check_access("read")
        for partner in self.partner_id.sudo():
            partner.credit_policy_id = policy
            partner.message_post(
                body=self.env._("Not to be chased.") if policy else self.env._("Chased again."),
                author_id=self.env.user.partner_id.id,
            )
