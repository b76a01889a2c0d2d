"""What an open statement would charge if its period ended now."""

from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL, formatLang

from .call_price import number
from .call_rerating import Usage


class CallStatement(models.Model):
    """Computed by the engine that closes periods, when somebody asks; never stored as charges, and no row is locked for it."""

    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    so_far = fields.Html(
        compute="_compute_so_far",
        sanitize=False,
        string="Charges so Far",
        groups="call_center_billing.group_sales",
        help="Of one open statement at a time.",
    )

    @api.depends("state", "usage_count")
    @api.depends_context("lang")
    def _compute_so_far(self):
        self.so_far = False
        if len(self) == 1 and self.id and self.state == "open":
            html = self.env["ir.qweb"]._render(
                "call_center_billing.call_statement_so_far", {"statement": self, "so_far": self._so_far()}
            )
            self.so_far = html

    def action_show_so_far(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_statement_so_far_action")
        return action | {"res_id": self.id}

    def _so_far(self):
        """:return: dict: charges and results (records that are not stored), fees (list of Fee), usage, fixed and total (floats),
        previous (the statement of the period before, or none), previous_total (float) and change (text)"""
        self.ensure_one()
        charges, results = self._foresee()
        fees = self._fixed_fees()
        usage = sum((number(charge.amount) for charge in charges), Decimal(0))
        fixed = sum((number(self.currency_id.round(fee.amount)) for fee in fees), Decimal(0))
        previous = self.sudo().search(
            [
                ("contract_id", "=", self.contract_id.id),
                ("date_start", "<", self.date_start),
                ("state", "!=", "open"),
                ("billed_again_id", "=", False),
            ],
            limit=1,
        )
        before = (
            number(previous.charge_amount) + sum((number(fee.amount) for fee in previous._fixed_fees()), Decimal(0))
            if previous
            else 0
        )
        return {
            "charges": charges,
            "results": results,
            "fees": fees,
            "usage": float(usage),
            "fixed": float(fixed),
            "total": float(usage + fixed),
            "previous": previous,
            "previous_total": float(before),
            "change": self._change_text(usage + fixed, before),
        }

    def _change_text(self, total, before):
        """How much more or less than in the period before, in percents as well where there is something to compare with."""
        difference = self.currency_id.format(float(abs(total - before)))
        percent = formatLang(self.env, float(abs(total - before) * 100 / before), digits=0) if before > 0 else None
        if total == before:
            return self.env._("the same")
        if percent is None:
            return self.env._("%s more", difference) if total > before else self.env._("%s less", difference)
        if total > before:
            return self.env._("%(difference)s (%(percent)s %%) more", difference=difference, percent=percent)
        return self.env._("%(difference)s (%(percent)s %%) less", difference=difference, percent=percent)

    def _foresee(self):
        """Close the statement and the open ones before it, whose allowances it may have, and take it all back.

        :return: (call.charge, call.service.result) that are not stored
        """
        statement = self.sudo().with_company(self.company_id)
        opened = statement.search(
            [("contract_id", "=", self.contract_id.id), ("state", "=", "open"), ("date_start", "<=", self.date_start)],
            order="date_start",
        )
        with self.env.cr.savepoint() as savepoint:
            for each in opened:
                lines = each._closing_lines()
                plans, usage = each._cheapest_usage(lines)
                charges, counters, results = self.env["call.closing"].sudo()._prepare({each: lines}, usage=usage, plans=plans)
                if each == opened[0] and lines:
                    pending = [("contract_id", "=", each.contract_id.id), ("state", "=", "pending")]
                    charges += statement.env["call.adjustment"].search(pending)._prepare_charges(each, lines)
                if each != statement:
                    statement.env["call.counter"].create(counters)
                    statement.env["call.service.result"].create(results)
            savepoint.rollback()
        charges.sort(key=lambda vals: (vals["contract_line_id"], vals.get("late_of_id") or 0, vals["sequence"]))
        names = [name for name in self.env["call.service.result"]._fields if name != "earned_back_ids"]
        Charge, Result = self.env["call.charge"].sudo(), self.env["call.service.result"].sudo()
        return (
            Charge.union(*(Charge.new(vals) for vals in charges)),
            Result.union(*(Result.new({name: vals[name] for name in names if name in vals}) for vals in results)),
        )

    def _closing_lines(self):
        """Contract lines whose period this open statement closes."""
        self.ensure_one()
        return self.contract_id.contract_line_ids.filtered(
            lambda line: (
                line.rate_plan_id
                and not line.is_canceled
                and any(first == self.date_start for first, _last in line._usage_periods(self.date_end))
            )
        )

    def _cheapest_usage(self, lines):
        """:return: (dict of contract line -> the cheapest of its plans, where it has several; Usage by these plans)"""
        self.ensure_one()
        plans = self.env["call.simulation"]._cheapest_plans(self, lines)
        if not plans:
            return plans, Usage()
        where = SQL(
            "u.statement_id = %s AND u.contract_line_id IN %s AND u.late_of_id IS NULL", self.id, tuple(line.id for line in plans)
        )
        self.env["call.rerating"]._calculate(where, plans)
        return plans, self.env["call.rerating"]._usage()
