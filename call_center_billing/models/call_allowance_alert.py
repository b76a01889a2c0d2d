"""How much of their allowances clients have used in the period that runs, and that they are told in time."""

import logging
from dataclasses import dataclass

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from .call_rate_rule import short
from .thresholds import check_thresholds, thresholds

_logger = logging.getLogger(__name__)

BATCH = 50
"""Statements whose calls are read together."""


@dataclass
class AllowanceUse:
    """What an open period has used of an allowance until now, in seconds or calls; of contracts that share it, all of them."""

    statement: models.Model
    allowance: models.Model
    line: models.Model
    used: float = 0.0
    included: float = 0.0

    @property
    def percent(self):
        return self.used * 100 / self.included if self.included else 0.0

    def text(self):
        step = 60 if self.allowance.unit == "minute" else 1
        unit = dict(self.allowance._fields["unit"]._description_selection(self.allowance.env))[self.allowance.unit].lower()
        return self.allowance.env._(
            "%(used)s of %(included)s %(unit)s",
            used=short(round(self.used / step, 1)),
            included=short(round(self.included / step, 1)),
            unit=unit,
        )


class CallAllowanceAlert(models.Model):
    """That an open period reached a part of an allowance, and that the client was told so.

    Written by the job, in the transaction that makes the mail, once for each period and part, which its key sees to. Reached at once, of
    several parts the highest one is mailed.
    """

    _name = "call.allowance.alert"
    _description = "Allowance Reached"
    _order = "statement_id desc, percent desc, id desc"

    statement_id = fields.Many2one("call.statement", required=True, ondelete="cascade", index=True)
    contract_id = fields.Many2one(related="statement_id.contract_id")
    company_id = fields.Many2one(related="statement_id.company_id", store=True)
    allowance_id = fields.Many2one("call.rate.allowance", required=True, ondelete="cascade")
    contract_line_id = fields.Many2one("contract.line", ondelete="cascade", help="Empty: all lines of the plan together.")
    percent = fields.Integer(required=True)
    used_text = fields.Char(string="Used", help="When it was reached.")
    mailed_at = fields.Datetime(string="Mailed on", help="Empty: with a higher one, or there is no address.")

    _once = models.UniqueIndex("(statement_id, allowance_id, COALESCE(contract_line_id, 0), percent)")

    @api.depends("percent", "allowance_id.name", "used_text")
    def _compute_display_name(self):
        for alert in self:
            values = {"percent": alert.percent, "name": alert.allowance_id.name, "used": alert.used_text}
            alert.display_name = self.env._("%(percent)s %% of '%(name)s' are used: %(used)s.", **values)

    def _recipient(self):
        """The contact of the contract, or its company, whoever has an address."""
        partner = self.contract_id.partner_id
        return partner if partner.email else partner.commercial_partner_id.filtered("email")

    @api.model
    def _cron_alert(self):
        """Look at the open statements that changed since the last time, in committed batches. What is written to meanwhile is left to the
        next run."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.id FROM call_statement s JOIN contract_contract c ON c.id = s.contract_id
                 WHERE s.state = 'open' AND s.usage_count <> coalesce(s.alerted_count, 0) AND c.allowance_alerts <> ''
                 ORDER BY s.company_id, s.id
                """
            )
        )
        self.env["ir.cron"]._commit_progress(remaining=len(rows))
        for start in range(0, len(rows), BATCH):
            statements = self.env["call.statement"].sudo().browse(statement for (statement,) in rows[start : start + BATCH])
            if not self._alert_or_leave(statements):
                for statement in statements:  # one that fails keeps nobody else from being told
                    if self._alert_or_leave(statement):
                        self.env["ir.cron"]._commit_progress()
            if not self.env["ir.cron"]._commit_progress(len(statements)):
                return

    @api.model
    def _alert_or_leave(self, statements):
        """:return: whether it is done; else nothing is, and the next run tries again"""
        try:
            statements.try_lock_for_update(allow_referencing=True)._alert_allowances()
            self.env.flush_all()
        except psycopg2.OperationalError:
            self.env.cr.rollback()
        except Exception:
            self.env.cr.rollback()
            _logger.exception("Allowances of the statements %s cannot be counted", statements.ids)
            return False
        return True

    def _mail(self):
        template = self.env.ref("call_center_billing.mail_template_allowance_alert")
        for alert in self.filtered(lambda alert: alert._recipient()):
            template.send_mail(alert.id, email_layout_xmlid="mail.mail_notification_light")
            alert.mailed_at = fields.Datetime.now()


class CallStatement(models.Model):
    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    alerted_count = fields.Integer(readonly=True, copy=False, help="Calls when its allowances were looked at.")

    def _with_pool_mates(self):
        """These open statements, and those that share allowances with them."""
        mates = self.contract_id._pool_mates()
        contracts = self.env["contract.contract"].union(*mates.values())
        starts = set(self.filtered(lambda statement: statement.contract_id in mates).mapped("date_start"))
        return self | self.search(
            [("contract_id", "in", contracts.ids), ("state", "=", "open"), ("date_start", "in", list(starts))]
        )

    def _allowance_uses(self, counters):
        """What these statements have used of their allowances.

        :param counters: values of call.counter of them and of their pool mates; see ``_foresee_values``
        :return: dict of statement -> list of AllowanceUse
        """
        Allowance, Line = self.env["call.rate.allowance"].sudo(), self.env["contract.line"].sudo()
        uses = {}
        for vals in counters:
            if vals.get("allowance_id"):
                key = vals["period_id"], vals["allowance_id"], vals["contract_line_id"]
                if key not in uses:
                    uses[key] = AllowanceUse(self.browse(key[0]), Allowance.browse(key[1]), Line.browse(key[2] or ()))
                uses[key].used += vals["used"]
                uses[key].included += (vals["granted"] + vals["carried"]) if vals["statement_id"] == vals["period_id"] else 0.0
        leads = {statement: lead for statement, (lead, _now) in self._with_pool_mates()._pool_leads().items()}
        return {
            statement: [
                use
                for use in uses.values()
                if use.statement == statement or (use.allowance.pooled and use.statement == leads.get(statement))
            ]
            for statement in self
        }

    def _alert_allowances(self):
        """Tell clients which parts of their allowances they have used, if they were not told yet."""
        Alert = self.env["call.allowance.alert"]
        for statements in self.grouped("company_id").values():
            everyone = statements._with_pool_mates()
            _charges, counters, _results = everyone._foresee_values()
            found = {id(use): use for uses in statements._allowance_uses(counters).values() for use in uses}.values()
            told = Alert.search([("statement_id", "in", everyone.ids)])
            told = {(a.statement_id, a.allowance_id, a.contract_line_id, a.percent) for a in told}
            for use in found:
                reached = [
                    percent
                    for percent in thresholds(use.statement.contract_id.allowance_alerts) or ()
                    if use.percent >= percent and (use.statement, use.allowance, use.line, percent) not in told
                ]
                alerts = Alert.create([use.statement._alert_values(use, percent) for percent in reached])
                alerts[-1:]._mail()
                if alerts:
                    use.statement._message_log(body=alerts[-1].display_name)
        self.env.flush_all()
        self.env.cr.execute(SQL("UPDATE call_statement SET alerted_count = usage_count WHERE id = ANY(%s)", self.ids))
        self.invalidate_recordset(["alerted_count"])

    def _alert_values(self, use, percent):
        return {
            "statement_id": self.id,
            "allowance_id": use.allowance.id,
            "contract_line_id": use.line.id,
            "percent": percent,
            "used_text": use.text(),
        }


class ContractContract(models.Model):
    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    allowance_alerts = fields.Char(
        string="Tell at (%)",
        default=lambda self: self.env.company.call_allowance_alerts,
        help="Parts of an allowance, in percent and separated by commas: when the running period has used so much, the client gets a mail, "
        "once for each. Empty: none.",
    )

    @api.constrains("allowance_alerts")
    def _check_allowance_alerts(self):
        check_thresholds(self, "allowance_alerts")
