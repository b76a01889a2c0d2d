"""The proof of each month, taken every night."""

import logging
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL, format_date

_logger = logging.getLogger(__name__)

ACTIVITY = "mail.mail_activity_data_warning"


class CallProofMonth(models.Model):
    """What the proof of a calendar month told when it was taken last, one row for each company and month.

    Written by the nightly job, and by nobody else. It takes the proof of every month in which something may have changed since the
    night before, of those that are wrong, and in turn of one of the others. While a month is wrong, whoever is responsible has one
    activity; the same fault is told once, and the activity ends when the fault is gone.
    """

    _name = "call.proof.month"
    _description = "Proof of a Month"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "date desc, id desc"
    _mail_post_access = "read"  # nobody writes it, and all who read it discuss it

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    date = fields.Date(string="Month", required=True, readonly=True, help="Its first day.")
    state = fields.Selection(
        [("proved", "Adds Up"), ("wrong", "Does Not Add Up")], required=True, readonly=True, default="proved", tracking=True
    )
    checked_at = fields.Datetime(string="Proved on", readonly=True)
    wrong_since = fields.Datetime(readonly=True)
    faults = fields.Text(string="What Is Wrong", readonly=True)

    _company_month = models.UniqueIndex("(company_id, date)", "There is one proof of a month in a company.")

    @api.depends("date", "company_id")
    def _compute_display_name(self):
        for month in self:
            name = format_date(self.env, month.date, date_format="MMMM y") if month.date else ""
            month.display_name = self.env._("Proof of %(month)s, %(company)s", month=name, company=month.company_id.name or "")

    def action_open_proof(self):
        """The proof as it is now, with the rows behind each figure."""
        self.ensure_one()
        self.check_access("read")
        return self._proof().action_compute()

    # --- The night ----------------------------------------------------------------------------------------

    @api.model
    def _cron_prove(self):
        companies = self.env["res.company"].search([("active", "=", True)], order="id")
        self.env["ir.cron"]._commit_progress(remaining=len(companies))
        for company in companies:
            try:
                with self.env.cr.savepoint():
                    self._prove_company(company)
            except Exception:
                _logger.exception("The proof of company %s broke off", company.id)
            if not self.env["ir.cron"]._commit_progress(1):
                break

    @api.model
    def _prove_company(self, company):
        """Take the proof of each month of a company that may have changed, and tell what is wrong."""
        for first in self._months(company):
            self._ensure(company, first)._prove()

    @api.model
    def _months(self, company):
        """First days of the months to prove tonight, in their order: what changed since the night before, the last month and this
        one, what is wrong, and what was not looked at for the longest time."""
        mine = self.sudo().search([("company_id", "=", company.id)])
        since = max(mine.mapped("checked_at"), default=fields.Datetime.to_datetime("1970-01-01")) - timedelta(days=1)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT date_trunc('month', s.date_end)::date,
                       bool_or(s.state = 'open' OR s.write_date >= %(since)s OR m.write_date >= %(since)s)
                  FROM call_statement s LEFT JOIN account_move m ON m.id = s.invoice_id
                 WHERE s.company_id = %(company)s AND s.date_end < %(next)s GROUP BY 1
                """,
                since=since,
                company=company.id,
                next=fields.Date.add(fields.Date.today().replace(day=1), months=1),
            )
        )
        if not rows and not mine:
            return []
        this = fields.Date.today().replace(day=1)
        months = {month for month, changed in rows if changed} | {this, fields.Date.add(this, months=-1)}
        months |= set(mine.filtered(lambda month: month.state == "wrong").mapped("date"))
        last = {month.date: month.checked_at for month in mine}
        others = sorted({month for month, _changed in rows} - months, key=lambda month: (month in last, last.get(month), month))
        return sorted(months | set(others[:1]))

    @api.model
    def _ensure(self, company, first):
        month = self.sudo().search([("company_id", "=", company.id), ("date", "=", first)])
        return month or self.sudo().create({"company_id": company.id, "date": first})

    def _prove(self):
        for month in self:
            proof = month._proof()
            proof._compute_lines()
            month._tell(proof._faults())
            proof.unlink()

    def _proof(self):
        """The page of figures of the month; who makes it has to be an accountant of the company."""
        last = fields.Date.add(self.date, months=1, days=-1)
        Proof = self.env["call.proof"].with_context(allowed_company_ids=self.company_id.ids)
        return Proof.create({"company_id": self.company_id.id, "date_from": self.date, "date_to": last})

    def _tell(self, faults):
        """Keep what is wrong, and tell who is responsible of what it was not told before."""
        self.ensure_one()
        now, text = fields.Datetime.now(), "\n".join(faults)
        known, told = self.faults, self.activity_ids.filtered(lambda activity: activity.automated)
        self.write(
            {
                "checked_at": now,
                "faults": text or False,
                "state": "wrong" if faults else "proved",
                "wrong_since": faults and (self.wrong_since or now),
            }
        )
        note = Markup("<p>%s</p>") % Markup("<br/>").join(faults)
        if not faults:
            told.action_feedback(feedback=self.env._("It adds up again."))
        elif told:
            told.write({"note": note})
        elif text != known:
            summary = self.env._("Numbers of %s do not add up", format_date(self.env, self.date, date_format="MMMM y"))
            self.activity_schedule(ACTIVITY, summary=summary, note=note, user_id=self._responsible(self.company_id).id)

    @api.model
    def _responsible(self, company):
        """Who was chosen in the settings, else an accountant of the company, else the administrator."""
        accountants = self.env.ref("call_center_billing.group_accountant").sudo().all_user_ids
        accountants = accountants.filtered(lambda user: user.active and company in user.company_ids and not user.share)
        chosen = company.sudo().call_proof_user_id & accountants
        return chosen or accountants.sorted("id")[:1] or self.env.ref("base.user_admin")

    # --- The command --------------------------------------------------------------------------------------

    @api.model
    def _report(self, companies, every=False):
        """Take the proof now, and print it.

        :param every: of every month, rather than of those that may have changed
        :return: (text, whether everything adds up)
        """
        texts, wrong = [], 0
        for company in companies:
            texts.append(company.name)
            months = self._months(company) if not every else self._all_months(company)
            for month in months:
                record = self._ensure(company, month)
                record._prove()
                wrong += record.state == "wrong"
                texts.append(f"  {month:%Y-%m}  {'adds up' if record.state == 'proved' else 'WRONG'}")
                texts += [f"           {fault}" for fault in (record.faults or "").splitlines()]
            if not months:
                texts.append("  nothing to prove")
        texts.append(
            self.env._("%s months do not add up.", wrong)
            if wrong
            else self.env._("Every record and every cent is accounted for.")
        )
        return "\n".join(texts), not wrong

    @api.model
    def _all_months(self, company):
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT date_trunc('month', date_end)::date FROM call_statement WHERE company_id = %s ORDER BY 1",
                company.id,
            )
        )
        return [month for (month,) in rows]
