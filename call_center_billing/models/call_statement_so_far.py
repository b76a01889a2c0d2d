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
        """:return: (call.charge, call.service.result) that are not stored"""
        charges, _counters, results = self._foresee_values()
        charges.sort(key=lambda vals: (vals["contract_line_id"], vals.get("late_of_id") or 0, vals["sequence"]))
        Charge, Result = self.env["call.charge"].sudo(), self.env["call.service.result"].sudo()
        return (
            Charge.union(*(Charge.new(vals) for vals in charges)),
            Result.union(*(Result._new_from(vals) for vals in results)),
        )

    def _foresee_values(self):
        """Close open statements of a company, and before them the open ones whose allowances they may have, and take it all back. Those of
        any number of contracts are closed together.

        :return: (list of values of call.charge, of call.counter, of call.service.result) of these statements
        """
        wanted = self.sudo().with_company(self.company_id)
        charges, counters, results = [], [], []
        rounds = wanted._foreseen_rounds()
        with self.env.cr.savepoint() as savepoint:
            for turn, statements in enumerate(rounds):
                found = [[], [], []]
                for part, usage, plans in statements._foreseen_parts():
                    values = self.env["call.closing"].sudo()._prepare(part, usage=usage, plans=plans)
                    if not turn:
                        values = (values[0] + wanted._foreseen_adjustments(part), *values[1:])
                    for kind, more in zip(found, values, strict=True):
                        kind += more
                for kind, more in zip((charges, counters, results), found, strict=True):
                    kind += [vals for vals in more if vals["statement_id"] in wanted.ids]
                if turn + 1 < len(rounds):
                    wanted.env["call.counter"].create(found[1])
                    wanted.env["call.service.result"].create(found[2])
            savepoint.rollback()
        return charges, counters, results

    def _foreseen_rounds(self):
        """Open statements of the contracts up to these ones: the oldest of each contract, then the next, and so on."""
        opened = self.search([("contract_id", "in", self.contract_id.ids), ("state", "=", "open")], order="date_start")
        rounds = []
        for mine in opened.grouped("contract_id").values():
            last = max((mine & self).mapped("date_start"))
            for turn, statement in enumerate(mine.filtered(lambda s, last=last: s.date_start <= last)):
                if turn == len(rounds):
                    rounds.append(self.browse())
                rounds[turn] |= statement
        return rounds

    def _foreseen_parts(self):
        """Yield (dict of statement -> contract lines, Usage, plans) that are closed together: those with a best plan each by itself."""
        lines = {statement: statement._closing_lines() for statement in self}
        alone = {statement for statement, mine in lines.items() if mine.alternative_plan_ids}
        together = {statement: mine for statement, mine in lines.items() if statement not in alone}
        if together:
            yield together, Usage(), {}
        for statement in alone:
            plans, usage = statement._cheapest_usage(lines[statement])
            yield {statement: lines[statement]}, usage, plans

    def _foreseen_adjustments(self, part):
        """What waits for the next invoice, of the statements that close first."""
        pending = (
            self.env["call.adjustment"]
            .search([("contract_id", "in", self.contract_id.ids), ("state", "=", "pending")])
            .grouped("contract_id")
        )
        return [
            vals
            for statement, lines in part.items()
            if lines and statement in self and statement.contract_id in pending
            for vals in pending[statement.contract_id]._prepare_charges(statement, lines)
        ]

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
