import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models

_logger = logging.getLogger(__name__)
RETRY = timedelta(days=7)


class CreditControlRun(models.Model):
    """The daily job makes one run a day and company, which the database sees to, and queues its mails. Runs that people make beside it
    are theirs to send."""

    _inherit = "credit.control.run"

    call_daily = fields.Boolean(string="By the Daily Job", readonly=True, copy=False)

    _one_a_day = models.UniqueIndex("(company_id, date) WHERE call_daily", "The daily job made its run already.")

    @api.model
    def _cron_remind(self):
        """Each company is committed by itself; one whose run fails stops no other."""
        today = fields.Date.today()
        done = self.search([("call_daily", "=", True), ("date", "=", today)]).company_id
        companies = self.env["res.company"]._reminding() - done
        self.env["ir.cron"]._commit_progress(remaining=len(companies))
        for company in companies:
            try:
                with self.env.cr.savepoint():
                    self.with_company(company)._remind(company, today)
                    self.env.flush_all()
            except psycopg2.OperationalError:  # somebody reminds by hand just now
                self.env.ref("call_center_billing_credit_control.remind_cron").sudo()._trigger()
            except Exception:
                _logger.exception("The reminders of %s could not be made", company.name)
            if not self.env["ir.cron"]._commit_progress(1):
                return

    def _remind(self, company, today):
        company._choose_reminder_policy()
        company._hold_reminders()
        run = self.create({"date": today, "company_id": company.id, "call_daily": True})
        unsent = run._unsent()
        run.generate_credit_lines()
        run.set_to_ready_lines()
        (unsent | run.line_ids)._send()
        return run

    def _unsent(self):
        """What earlier days left: letters that nobody printed, and mails that failed, these for a week. They are tried again, with the
        amounts of today and by mail where there is an address meanwhile. What people prepare in runs of their own is theirs."""
        return self.env["credit.control.line"].search(
            [
                ("company_id", "=", self.company_id.id),
                *(
                    "|",
                    ("state", "=", "to_be_sent"),
                    "&",
                    ("state", "in", ("error", "email_error")),
                    ("date", ">=", self.date - RETRY),
                ),
                ("manually_overridden", "=", False),
                *("|", ("run_id", "=", False), ("run_id.call_daily", "=", True)),
            ]
        )
