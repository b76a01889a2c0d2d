"""A statement is there as long as its period runs, with calls or without."""

import psycopg2

from odoo import api, fields, models
from odoo.fields import Domain

BATCH = 500
PERIOD_FIELDS = {
    "date_start", "date_end", "recurring_rule_type", "recurring_interval", "recurring_next_date", "is_canceled", "rate_plan_id",
}  # fmt: skip
"""Fields of a contract line that its periods depend on."""


class CallStatement(models.Model):
    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    def _unused(self):
        """Those that are open and never had a call: nothing is lost with them."""
        empty = self.filtered(lambda statement: statement.state == "open" and not statement.usage_count)
        if not empty:
            return empty
        groups = self.env["call.usage.line"].sudo()._read_group([("statement_id", "in", empty.ids)], ["statement_id"])
        return empty - self.browse().union(*(used for (used,) in groups))


class ContractContract(models.Model):
    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    def unlink(self):
        self.sudo().call_statement_ids._unused().unlink()
        return super().unlink()

    @api.model
    def _cron_fit_statements(self):
        """Open the statements of the periods that began, in committed batches. What somebody else works on is left to the next run."""
        domain = Domain(
            "call_statement_ids", "any", [("state", "=", "open"), ("usage_count", "=", 0), ("earlier_ids", "=", False)]
        )
        domain |= Domain([("active", "=", True), ("has_usage", "=", True)])
        contracts = self.with_context(active_test=False).search(domain).with_context(active_test=True)
        self.env["ir.cron"]._commit_progress(remaining=len(contracts))
        for start in range(0, len(contracts), BATCH):
            batch = contracts[start : start + BATCH]
            try:
                batch.try_lock_for_update(allow_referencing=True)._fit_statements()
            except psycopg2.OperationalError:
                self.env.cr.rollback()
            if not self.env["ir.cron"]._commit_progress(len(batch)):
                return

    def _fit_statements(self):
        """Make the statements of the periods that run today, in the clients' time zones. Statements without calls whose period is
        another one now end with it, or go. A second run changes nothing."""
        Statement = self.env["call.statement"].sudo()
        periods, running = {}, set()
        for contract in self.filtered("active"):
            today = fields.Date.context_today(contract.with_context(tz=contract.usage_tz))
            for first, last in contract._open_periods(today):
                periods[contract.id, first] = last
                if first <= today <= last:
                    running.add((contract.id, first, last))
        Statement._ensure(running)
        empty = Statement.search(
            [("contract_id", "in", self.ids), ("state", "=", "open"), ("usage_count", "=", 0), ("earlier_ids", "=", False)]
        )
        keys = {statement: (statement.contract_id.id, statement.date_start) for statement in empty}
        for statement, key in keys.items():
            if periods.get(key, statement.date_end) != statement.date_end:
                statement.date_end = periods[key]
        empty.filtered(lambda statement: keys[statement] not in periods)._unused().unlink()

    def _open_periods(self, until):
        """Periods of the usage lines that are not invoiced yet, in order, up to those that hold the day ``until``. Lines that begin
        a period together share its statement, which ends with the longest.

        :return: list of (first day, last day)
        """
        self.ensure_one()
        periods = {}
        for line in self.contract_line_ids.filtered(lambda line: line.rate_plan_id and not line.is_canceled):
            for first, last in line._usage_periods(until):
                periods[first] = max(last, periods.get(first, last))
        return sorted(periods.items())


class ContractLine(models.Model):
    _inherit = "contract.line"  # pylint: disable=consider-merging-classes-inherited

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.filtered("rate_plan_id")._fit_statements_soon()
        return lines

    def write(self, vals):
        before = self.filtered("rate_plan_id")
        res = super().write(vals)
        if PERIOD_FIELDS & vals.keys():
            (before | self.filtered("rate_plan_id"))._fit_statements_soon()
        return res

    def unlink(self):
        self.filtered("rate_plan_id")._fit_statements_soon()
        return super().unlink()

    def _fit_statements_soon(self):
        """Within a minute, by the scheduled job: what is typed here waits for nothing."""
        cron = self.env.ref("call_center_billing.call_statement_cron", raise_if_not_found=False)
        if self and cron:
            cron.sudo()._trigger()
