import psycopg2

from odoo import api, fields, models
from odoo.tools import split_every

BATCH = 20


class CreditControlCommunication(models.Model):
    """One reminder to one client: all of its receivables that reached the same level. It waits in the queue until the job sends it;
    what was paid, disputed or promised by then is left out, and nothing is sent where nothing is left."""

    _inherit = "credit.control.communication"

    call_waiting = fields.Boolean(string="Waiting to Be Sent", readonly=True, copy=False, index=True)
    call_in_spite_of_promises = fields.Boolean(readonly=True, copy=False)
    call_failure = fields.Char(string="Why It Was Not Sent", readonly=True, copy=False)
    call_asked_amount = fields.Monetary(string="Asked For", compute="_compute_call_asked_amount")

    @api.depends("credit_control_line_ids.balance_due", "credit_control_line_ids.state")
    def _compute_call_asked_amount(self):
        for communication in self:
            communication.call_asked_amount = sum(communication._items().mapped("balance_due"))

    def _items(self):
        """The reminders that it consists of."""
        return self.credit_control_line_ids._counted().sorted(lambda line: (line.date_due, line.id))

    def _other_items(self):
        """The rest of the client's open receivables, for the statement: list of (line, what is asked for of it)."""
        self.ensure_one()
        asked = self.credit_control_line_ids.move_line_id._asked()
        shown = self._items().move_line_id
        return [(line, amounts) for line, amounts in asked.items() if line not in shown and line.currency_id == self.currency_id]

    def _get_credit_control_communication_table(self):
        return self.env["ir.qweb"]._render("call_center_billing_credit_control.open_items", {"doc": self})

    def _send_mails(self):
        """Not now, one after the other in one transaction, but by the job."""
        self.write({"call_waiting": True, "call_failure": False})
        self.env.ref("call_center_billing_credit_control.send_cron").sudo()._trigger()

    def action_send_again(self):
        """Try those again that failed, with the amounts of today."""
        self.check_access("write")
        failed = self.sudo().credit_control_line_ids.filtered(lambda line: line.state in ("error", "email_error"))
        failed._send()

    @api.model
    def _cron_send(self):
        """Send what waits, so many at a time, each batch committed by itself."""
        waiting = self.search([("call_waiting", "=", True)], order="id")
        self.env["ir.cron"]._commit_progress(remaining=len(waiting))
        for ids in split_every(BATCH, waiting.ids):
            self.browse(ids).try_lock_for_update().filtered("call_waiting")._send_batch()
            if not self.env["ir.cron"]._commit_progress(len(ids)):
                return

    def _send_batch(self):
        """One that fails keeps the reason, and stops none."""
        for communication in self:
            communication.call_waiting = False
            try:
                with self.env.cr.savepoint():
                    communication._send_one()
                    self.env.flush_all()
            except psycopg2.OperationalError:  # somebody changes the same: the next run sends it
                raise
            except Exception as error:
                communication._set_failed(str(error))

    def _send_one(self):
        left = self.credit_control_line_ids.filtered(lambda line: line.state == "queued")._follow(self.call_in_spite_of_promises)
        left.filtered(lambda line: line.channel != "email").state = "to_be_sent"
        if not left.filtered(lambda line: line.channel == "email"):
            return
        self.report_date = fields.Date.today()
        # Mail goes out by Odoo's own job: what is rolled back was not sent.
        self.with_context(mail_notify_force_send=False)._send_communications_by_email()
        level = self.policy_level_id.name
        for line in left:
            line.invoice_id._message_log(
                body=self.env._("%(level)s: %(amount)s", level=level, amount=self.currency_id.format(line.balance_due))
            )

    def _set_failed(self, reason):
        self.call_failure = reason
        self.credit_control_line_ids.filtered(lambda line: line.state == "queued").state = "email_error"
