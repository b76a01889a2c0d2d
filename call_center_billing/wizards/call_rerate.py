from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..models.windows import form_of


class CallRerate(models.TransientModel):
    """Rates calls again after a plan changed: shows what that does to whom, then applies it.

    Calls that are not billed get their new price. Periods that are billed get adjustments, if wanted; see ``call.adjustment``.
    """

    _name = "call.rerate"
    _description = "Rate Again"

    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    plan_ids = fields.Many2many("call.rate.plan", string="Rate Plans", check_company=True, help="Empty: all.")
    contract_ids = fields.Many2many("contract.contract", string="Contracts", check_company=True, help="Empty: all.")
    date_from = fields.Date(string="Calls From", help="Day of the calls in the client's time zone. Empty: from the first.")
    date_to = fields.Date(string="Calls Until")
    include_billed = fields.Boolean(
        string="Billed Periods As Well", help="What they would cost now becomes an adjustment; the invoices stay as they are."
    )
    settle = fields.Selection(
        [("next", "On the next invoice"), ("now", "By a credit note or invoice now")],
        string="Adjust",
        default="next",
        required=True,
        help="How the difference of periods that are invoiced already reaches the client.",
    )
    reason = fields.Char(help="Why: the client reads it beside the adjustment.")
    line_ids = fields.One2many("call.rerate.line", "wizard_id", readonly=True)
    previewed = fields.Boolean()
    call_count = fields.Integer(string="Calls Rated Again", readonly=True)
    changed_count = fields.Integer(string="Calls That Change", readonly=True)

    @api.model
    def default_get(self, names):
        values = super().default_get(names)
        model, ids = self.env.context.get("active_model"), self.env.context.get("active_ids") or []
        target = {"call.rate.plan": "plan_ids", "contract.contract": "contract_ids"}.get(model)
        if target:
            values[target] = [fields.Command.set(ids)]
        elif model == "call.statement":
            statements = self.env["call.statement"].browse(ids)
            values["contract_ids"] = [fields.Command.set(statements.contract_id.ids)]
            values["date_from"], values["date_to"] = min(statements.mapped("date_start")), max(statements.mapped("date_end"))
            values["include_billed"] = any(statement.state != "open" for statement in statements)
        return values

    @api.onchange("plan_ids", "contract_ids", "date_from", "date_to", "include_billed")
    def _onchange_choice(self):
        self.previewed = False

    def action_preview(self):
        """Calculate everything, write down the differences, and take the calculation back."""
        self.ensure_one()
        with self.env.cr.savepoint() as savepoint:
            rows, counts = self._calculate()
            savepoint.rollback()
        self.line_ids.unlink()
        self.line_ids = [fields.Command.create(row) for row in rows]
        self.write({"previewed": True, "call_count": counts[0], "changed_count": counts[1]})
        return self._reopen()

    def action_apply(self):
        """:raise AccessError: the user is no billing accountant
        :raise UserError: a billed period changes and no reason is given
        """
        self.ensure_one()
        self._check_may_apply()
        rows, counts = self._calculate(apply=True)
        message = self.env._("%(changed)s of %(calls)s calls have another price now.", changed=counts[1], calls=counts[0])
        adjustments = self.env["call.adjustment"].browse(adjustment for row in rows if (adjustment := row.get("adjustment_id")))
        if adjustments:
            action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_adjustment_action")
            following = action | {"domain": [("id", "in", adjustments.ids)]}
            if self.settle == "now":
                following = adjustments.action_create_move()
        else:
            following = {"type": "ir.actions.act_window_close"}
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "success", "message": message, "next": following},
        }

    def _check_may_apply(self):
        if not self.env.user.has_group("call_center_billing.group_accountant"):
            raise AccessError(self.env._("Only billing accountants change the prices of calls."))

    def _calculate(self, apply=False):
        """:return: (rows for the preview, (calls, calls that change))"""
        Rerating = self.env["call.rerating"].sudo()
        statements = self._statements()
        opened = statements.filtered(lambda statement: statement.state == "open")
        rows, calls, changed = [], 0, 0
        Rerating._calculate(self._where(opened))
        for statement, line, count, different, before, after in Rerating._differences():
            calls, changed = calls + count, changed + different
            if different:
                rows.append(self._row(statement, line, count, different, float(before), float(after)))
        if apply:
            opened.lock_for_update()
            self.env["call.statement"].sudo().browse(Rerating._apply())._recount()
        billed_statements = (statements - opened).sorted("date_start") if self.include_billed else statements.browse()
        for pool in billed_statements.grouped(lambda statement: statement.pool_lead_id or statement).values():
            billed, more = self._adjust(pool._pool(), apply)
            rows += billed
            calls, changed = calls + more[0], changed + more[1]
        return rows, (calls, changed)

    def _adjust(self, statements, apply):
        """One billed statement, or those that share allowances: their calls as a whole, since what one costs depends on the others."""
        Adjustment = self.env["call.adjustment"].sudo()
        calculated, plans = Adjustment._calculate(statements, SQL("u.statement_id = ANY(%s)", statements.ids))
        found = self.env["call.rerating"].sudo()._differences()
        counts = {each.id: tuple(sum(row[at] for row in found if row[0] == each.id) for at in (2, 3)) for each in statements}
        values = Adjustment._differences(calculated, self.reason or "-", plans)
        if values and apply and not self.reason:
            raise UserError(self.env._("Say why the billed periods are adjusted: the client reads it."))
        adjustments = Adjustment.create(values) if apply else [None] * len(values)
        rows = []
        for vals, adjustment in zip(values, adjustments, strict=True):
            for _command, _id, row in vals["line_ids"]:
                each = self._row(
                    vals["statement_id"], row["contract_line_id"], *counts[vals["statement_id"]], row["before"], row["after"]
                )
                rows.append(each | ({"adjustment_id": adjustment.id} if adjustment else {}))
        return rows, tuple(map(sum, zip(*counts.values(), strict=True)))

    def _statements(self):
        domain = [("company_id", "=", self.company_id.id), ("state", "!=", "void")]
        if self.contract_ids:
            domain.append(("contract_id", "in", self.contract_ids.ids))
        if self.plan_ids:
            domain.append(("contract_id.contract_line_ids.rate_plan_id", "child_of", self.plan_ids.ids))
        if self.date_to:
            domain.append(("date_start", "<=", self.date_to))
        if self.date_from:
            domain.append(("date_end", ">=", self.date_from))
        return self.env["call.statement"].sudo().search(domain)

    def _where(self, statements):
        """Condition on the calls that are not billed."""
        conditions = [SQL("u.statement_id = ANY(%s)", statements.ids)]
        if self.date_from:
            conditions.append(SQL("u.date >= %s", self.date_from))
        if self.date_to:
            conditions.append(SQL("u.date <= %s", self.date_to))
        if self.plan_ids:
            lines = self.env["contract.line"].sudo().search([("rate_plan_id", "child_of", self.plan_ids.ids)])
            conditions.append(SQL("u.contract_line_id = ANY(%s)", lines.ids))
        return SQL(" AND ").join(conditions)

    def _row(self, statement, line, calls, changed, before, after):
        return {
            "statement_id": statement,
            "contract_line_id": line,
            "call_count": calls,
            "changed_count": changed,
            "before": before,
            "after": after,
        }

    def _reopen(self):
        return form_of(self, target="new", name=self.env._("Rate Again"))


class CallRerateLine(models.TransientModel):
    """What rating again does to one contract line in one period."""

    _name = "call.rerate.line"
    _description = "Effect of Rating Again"

    wizard_id = fields.Many2one("call.rerate", required=True, ondelete="cascade")
    statement_id = fields.Many2one("call.statement", string="Period", readonly=True)
    state = fields.Selection(related="statement_id.state", string="Billing")
    partner_id = fields.Many2one(related="statement_id.partner_id", string="Client")
    contract_line_id = fields.Many2one("contract.line", readonly=True)
    currency_id = fields.Many2one(related="statement_id.currency_id")
    call_count = fields.Integer(string="Calls", readonly=True)
    changed_count = fields.Integer(string="Changed", readonly=True)
    before = fields.Monetary(readonly=True)
    after = fields.Monetary(readonly=True)
    difference = fields.Monetary(compute="_compute_difference")
    adjustment_id = fields.Many2one("call.adjustment", readonly=True)

    @api.depends("before", "after")
    def _compute_difference(self):
        for line in self:
            line.difference = line.after - line.before
