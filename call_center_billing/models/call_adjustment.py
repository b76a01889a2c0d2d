from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .call_charge import exact

GUARDED = {"statement_id", "reason", "user_id", "line_ids", "dispute_id", "charge_ids", "move_id", "too_late"}


class CallAdjustment(models.Model):
    """What a period that is billed already would cost after its calls were rated again: who, when, why, before, after.

    The posted invoice and its charges never change. The difference is charged, or given back, with the next invoice of the
    contract, or by a credit note or invoice of its own, as a person chose. ``before`` includes earlier adjustments, so rating again
    without a change adjusts nothing. What would charge more after the contract's limit for back-billing is lost, unless the client
    agrees; what gives back is always given back. A period has at most one lost adjustment.
    """

    _name = "call.adjustment"
    _description = "Adjustment"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _mail_post_access = "read"

    statement_id = fields.Many2one("call.statement", required=True, ondelete="restrict", index=True, readonly=True)
    contract_id = fields.Many2one(related="statement_id.contract_id", store=True, index=True)
    partner_id = fields.Many2one(related="statement_id.partner_id", store=True, string="Client")
    company_id = fields.Many2one(related="statement_id.company_id", store=True)
    currency_id = fields.Many2one(related="statement_id.currency_id")
    reason = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one("res.users", string="By", required=True, readonly=True, default=lambda self: self.env.user)
    line_ids = fields.One2many("call.adjustment.line", "adjustment_id", readonly=True)
    before = fields.Monetary(compute="_compute_amounts", store=True)
    after = fields.Monetary(compute="_compute_amounts", store=True)
    amount = fields.Monetary(string="Difference", compute="_compute_amounts", store=True)
    dispute_id = fields.Many2one("call.dispute", readonly=True, ondelete="restrict", index="btree_not_null")
    charge_ids = fields.One2many("call.charge", "adjustment_id", readonly=True)
    move_id = fields.Many2one("account.move", string="Credit Note or Invoice", readonly=True, copy=False, index="btree_not_null")
    state = fields.Selection(
        [("pending", "On the next invoice"), ("settled", "Settled"), ("lost", "Too late: lost")],
        compute="_compute_state",
        store=True,
        index=True,
        help="Whether the difference waits for the next invoice, is on one, or came after the back-billing limit.",
    )
    too_late = fields.Boolean(
        readonly=True, help="It would charge more, and its period ended before the contract's limit for back-billing."
    )

    @api.depends("line_ids.before", "line_ids.after")
    def _compute_amounts(self):
        for adjustment in self:
            adjustment.before = sum(adjustment.line_ids.mapped("before"))
            adjustment.after = sum(adjustment.line_ids.mapped("after"))
            adjustment.amount = adjustment.after - adjustment.before

    @api.depends("charge_ids.statement_id.billed_again_id", "move_id", "too_late")
    def _compute_state(self):
        """One that was on an invoice that is billed again is charged with the new one."""
        for adjustment in self:
            charged = any(not charge.statement_id.billed_again_id for charge in adjustment.charge_ids)
            adjustment.state = "settled" if charged or adjustment.move_id else "lost" if adjustment.too_late else "pending"

    @api.depends("statement_id")
    def _compute_display_name(self):
        for adjustment in self:
            adjustment.display_name = self.env._("Adjustment of %s", adjustment.statement_id.display_name)

    @api.ondelete(at_uninstall=False)
    def _unlink_pending(self):
        if self.filtered(lambda adjustment: adjustment.state == "settled"):
            raise UserError(self.env._("A settled adjustment stays. Rate the period again to correct it."))
        if disputes := self.dispute_id:
            raise UserError(self.env._("What %s was decided to give back stays.", disputes[0].name))

    @api.model_create_multi
    def create(self, vals_list):
        """A new adjustment takes the place of what was lost of the same period; one of a dispute is about its own calls only."""
        statements = [vals["statement_id"] for vals in vals_list if vals.get("statement_id") and not vals.get("dispute_id")]
        self.search([("statement_id", "in", statements), ("state", "=", "lost")]).unlink()
        return super().create(vals_list)

    def write(self, vals):
        """:raise AccessError: somebody writes what came out of rating again"""
        if not self.env.su and GUARDED & set(vals):
            raise AccessError(self.env._("An adjustment is what rating again came to: rate the period again to correct it."))
        return super().write(vals)

    def _bill_lost(self, reason):
        """Charge what came too late with the next invoice all the same."""
        lost = self.sudo().filtered(lambda adjustment: adjustment.state == "lost")
        if not lost:
            raise UserError(self.env._("None of these adjustments came too late."))
        lost.too_late = False
        for adjustment in lost:
            adjustment.message_post(body=self.env._("Charged by agreement, although it came too late: %s", reason))

    def action_create_move(self):
        """Settle it now: a credit note for what is given back, an invoice for what is charged."""
        self.check_access("write")
        moves = self.env["account.move"]
        for adjustment in self.filtered(lambda a: a.state == "pending"):
            adjustment.sudo().move_id = self.env["account.move"].create(adjustment._prepare_move())
            adjustment._level_taxes()
            moves |= adjustment.move_id
        return moves._action_open()

    def _prepare_move(self):
        """Values of the credit note or invoice: accounts, taxes and analytic distribution of the invoice that it corrects."""
        self.ensure_one()
        invoice, refund = self.statement_id.invoice_id, self.amount < 0
        sign = -1 if refund else 1
        lines = []
        for line in self.line_ids.filtered("amount"):
            billed = invoice.invoice_line_ids.filtered(lambda m, line=line: m.contract_line_id == line.contract_line_id)[:1]
            lines.append(
                fields.Command.create(
                    {
                        "name": self._line_name(line),
                        "product_id": line.contract_line_id.product_id.id,
                        "quantity": 1,
                        "price_unit": sign * line.amount,
                        "contract_line_id": line.contract_line_id.id,
                        "tax_ids": [fields.Command.set(billed.tax_ids.ids)] if billed else False,
                        "account_id": billed.account_id.id,
                        "analytic_distribution": billed.analytic_distribution or line.contract_line_id.analytic_distribution,
                    }
                )
            )
        return {
            "move_type": "out_refund" if refund else "out_invoice",
            "partner_id": invoice.partner_id.id or self.contract_id.invoice_partner_id.id,
            "journal_id": (invoice.journal_id or self.contract_id.journal_id).id,
            "currency_id": self.currency_id.id,
            "fiscal_position_id": invoice.fiscal_position_id.id,
            "invoice_origin": invoice.name,
            "reversed_entry_id": invoice.id if refund else False,
            "ref": self.reason,
            "invoice_line_ids": lines,
        }

    def _level_taxes(self):
        """Where nothing of what a tax was charged for is left, nothing of the tax is: taxes of several documents are each rounded, and
        may differ by a cent from the tax of their sum. The last document has the difference."""
        self.ensure_one()
        notes = self.move_id | self.search([("statement_id", "=", self.statement_id.id)]).move_id
        lines = (self.statement_id.invoice_id | notes.filtered(lambda move: move.state != "cancel")).line_ids
        for tax in self.move_id.invoice_line_ids.tax_ids.flatten_taxes_hierarchy():
            base = lines.filtered(lambda line, tax=tax: tax in line.tax_ids.flatten_taxes_hierarchy())
            if not self.currency_id.is_zero(sum(base.mapped("amount_currency"))):
                continue
            for mine in (
                lines.filtered(lambda line, tax=tax: line.tax_line_id == tax).grouped(lambda line: line._tax_key()).values()
            ):
                left = self.currency_id.round(sum(mine.mapped("amount_currency")))
                own = mine.filtered(lambda line: line.move_id == self.move_id)[:1]
                if left and own:
                    own.amount_currency -= left
                elif left:
                    self.move_id.line_ids = [fields.Command.create(mine[0]._prepare_levelling(self.move_id, -left))]

    def _line_name(self, line):
        self.ensure_one()
        env = self.with_context(lang=self.contract_id.partner_id.lang or self.env.lang).env
        service = line.contract_line_id.with_env(env)
        return env._(
            "%(service)s, adjustment of %(period)s: %(reason)s",
            service=(service.product_id.name or service.name or "").splitlines()[0],
            period=self.statement_id.with_env(env)._period_text(),
            reason=self.reason,
        )

    def _prepare_charges(self, statement, lines):
        """Values of the charges by which pending adjustments come on a statement that closes.

        :param lines: contract lines that the statement closes
        """
        vals_list = []
        for adjustment in self:
            for line in adjustment.line_ids.filtered("amount"):
                vals_list.append(
                    {
                        "statement_id": statement.id,
                        "contract_line_id": (line.contract_line_id if line.contract_line_id in lines else lines[0]).id,
                        "adjustment_id": adjustment.id,
                        "adjusted_line_id": line.contract_line_id.id,
                        "component": "adjustment",
                        "unit": "unit",
                        "sequence": 200_000,
                        "name": adjustment._line_name(line),
                        "quantity": 1,
                        "unit_price": line.amount,
                        "amount": line.amount,
                    }
                )
        return vals_list

    @api.model
    def _calculate(self, statements, where):
        """Rate calls of billed statements again, by the cheapest of several plans where that is agreed. Nothing is stored.

        :param statements: one, or those that share allowances: what a call costs depends on the others
        :param where: SQL condition on call_usage_line u
        :return: (lines, plans) for :meth:`_differences`
        """
        Simulation, plans = self.env["call.simulation"], {}
        lines = {statement: Simulation._lines_of(statement) for statement in statements}
        for statement, mine in lines.items():
            plans |= Simulation._cheapest_plans(statement, mine)
        self.env["call.rerating"]._calculate(where, plans)
        return lines, plans

    @api.model
    def _differences(self, lines, reason, plans=None):
        """Values of the adjustments of billed statements, after ``call.rerating._calculate``; none where nothing differs.

        :param lines: dict of statement -> contract lines that it closed
        :param plans: dict of contract line -> rate plan that it was calculated by instead of its own
        """
        vals_list = []
        for statement, rows in self._compare(lines, plans).items():
            lost = self.search([("statement_id", "=", statement.id), ("state", "=", "lost")])
            known = [{"contract_line_id": e.contract_line_id.id, "before": e.before, "after": e.after} for e in lost.line_ids]
            if rows != known:
                vals_list.append(self._prepare(statement, reason, rows))
        return vals_list

    @api.model
    def _compare(self, lines, plans=None):
        """What the calculation charges beside what was charged: on the invoice, with earlier adjustments.

        :return: dict of statement -> list of values of call.adjustment.line, where anything differs
        """
        charges, *_others = self.env["call.closing"]._prepare(lines, usage=self.env["call.rerating"]._usage(), plans=plans)
        self.env["call.correction"]._fix_lumps(charges)
        after, found = {}, {}
        for vals in charges:
            key = vals["statement_id"], vals["contract_line_id"]
            after[key] = after.get(key, 0) + exact(float(vals["amount"]))
        for statement in lines:
            earlier = self.search([("statement_id", "=", statement.id), ("state", "!=", "lost")]).line_ids
            rows = []
            usage = statement.charge_ids.filtered(lambda c: c.component != "adjustment")
            services = self.env["contract.line"].union(*lines[statement])
            services |= services.browse(line for each, line in after if each == statement.id)
            for line in usage.contract_line_id | earlier.contract_line_id | services:
                before = sum(exact(c.amount) for c in usage if c.contract_line_id == line)
                before += sum(exact(e.after) - exact(e.before) for e in earlier if e.contract_line_id == line)
                now = after.get((statement.id, line.id), 0)
                if before != now:
                    rows.append({"contract_line_id": line.id, "before": float(before), "after": float(now)})
            if rows:
                found[statement] = rows
        return found

    @api.model
    def _prepare(self, statement, reason, rows):
        """Values of an adjustment. What charges more is too late after the contract's limit for back-billing."""
        days = statement.contract_id.back_billing_days
        late = days and statement.date_end < fields.Date.context_today(self) - timedelta(days=days)
        return {
            "statement_id": statement.id,
            "reason": reason,
            "line_ids": [fields.Command.create(row) for row in rows],
            "too_late": bool(late and sum(row["after"] - row["before"] for row in rows) > 0),
        }


class CallAdjustmentLine(models.Model):
    """What an adjustment changes for one contract line."""

    _name = "call.adjustment.line"
    _description = "Adjusted Contract Line"

    adjustment_id = fields.Many2one("call.adjustment", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="adjustment_id.company_id", store=True)
    currency_id = fields.Many2one(related="adjustment_id.currency_id")
    contract_line_id = fields.Many2one("contract.line", required=True, ondelete="restrict", index=True)
    before = fields.Monetary()
    after = fields.Monetary()
    amount = fields.Monetary(string="Difference", compute="_compute_amount", store=True)

    @api.depends("before", "after")
    def _compute_amount(self):
        for line in self:
            line.amount = line.after - line.before
