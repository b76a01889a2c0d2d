from datetime import date, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import SQL

from .call_correction import corrected
from .call_statement_figures import SERVED


class CallStatement(models.Model):
    """What becomes of a statement after its invoice: paid, written off, or billed again.

    Billed again, the statement opens and the next billing run invoices it, whatever later periods are invoiced already. All
    that the client was sent stays as it was, on a void statement: the charges that the lines of the first invoice stand for,
    and a copy of each call, so that a later change of a price, or a newer record, changes nothing there.
    """

    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    billed_again_id = fields.Many2one(
        "call.statement", string="Billed Again As", readonly=True, copy=False, index="btree_not_null", ondelete="restrict"
    )
    earlier_ids = fields.One2many("call.statement", "billed_again_id", string="Billed Before As", readonly=True)
    undecided = fields.Boolean(
        string="To Decide",
        compute="_compute_undecided",
        search="_search_undecided",
        help="Its invoice is cancelled or credited in full: is its usage to be billed again?",
    )

    @api.depends("state", "invoice_id.call_usage_undecided")
    def _compute_undecided(self):
        for statement in self:
            statement.undecided = statement.sudo().invoice_id.call_usage_undecided

    @api.model
    def _search_undecided(self, operator, value):
        if operator != "in":
            return NotImplemented
        gone = fields.Domain("invoice_id.state", "=", "cancel") | fields.Domain("invoice_id.payment_state", "=", "reversed")
        undecided = fields.Domain("state", "in", ("invoiced", "settled")) & gone
        return undecided if True in value else ~undecided

    @api.depends("billed_again_id")
    def _compute_display_name(self):
        result = super()._compute_display_name()
        for statement in self.filtered("billed_again_id"):
            statement.display_name = self.env._("%s (billed again)", statement.display_name)
        return result

    # --- Payment --------------------------------------------------------------------------------------

    @api.model
    def _follow_payment(self, invoices):
        """Invoiced statements whose invoice is paid are settled; where a payment is undone they are not any more."""
        statements = self.sudo().search([("invoice_id", "in", invoices.ids), ("state", "in", ("invoiced", "settled"))])
        for state, mine in statements.grouped(lambda s: "settled" if s.invoice_id._is_settled() else "invoiced").items():
            mine.filtered(lambda s, state=state: s.state != state)._set_state(state)

    # --- Cancelled and credited invoices ----------------------------------------------------------------

    def _write_off(self):
        """The usage of a cancelled or credited invoice is not billed again."""
        self._set_state("void")
        for statement in self:
            statement.message_post(
                body=self.env._(
                    "%(invoice)s was cancelled or credited, and its usage is not billed again: %(amount)s.",
                    invoice=statement.invoice_id.display_name,
                    amount=statement.currency_id.format(statement.charge_amount),
                )
            )

    def action_bill_again(self):
        """Bill a period again that was written off."""
        self.ensure_one()
        self.invoice_id.action_bill_call_usage_again()

    def _bill_again(self):
        """Give the calls of a cancelled or credited invoice back to be billed again; keep what was sent."""
        self.lock_for_update()
        for statement in self:
            invoice = statement.invoice_id
            statement._keep_sent()
            statement._set_state("open")
            statement._rate_disputed()
            statement.message_post(
                body=self.env._("The usage of %s is billed again by the next billing run.", invoice.display_name)
            )

    def _rate_disputed(self):
        """What accepted disputes corrected holds on the new invoice as well."""
        self.ensure_one()
        self.env.flush_all()
        mine = SQL("u.statement_id = %s AND u.id IN (SELECT usage_id FROM call_correction)", self.id)
        self.env.cr.execute(
            SQL(
                "UPDATE call_usage_line x SET contract_line_id = k.contract_line_id FROM call_usage_line u %s"
                " WHERE x.id = u.id AND k.usage_id IS NOT NULL AND %s",
                corrected("u"),
                mine,
            )
        )
        self.env["call.count.due"].sudo()._mark(mine)
        self.env["call.usage.line"].invalidate_model(["contract_line_id"])
        self.browse(self.env["call.rerating"]._rerate(mine))._recount()

    def _keep_sent(self):
        """Move what was sent to a void statement of the same period."""
        self.ensure_one()
        kept = ("usage_count", "billable_count", "late_count", "total_seconds", "billed_seconds", "usage_amount")
        kept += (
            *SERVED,
            "abandoned_short_count",
            "threshold_seconds",
            "service_variant",
            "short_abandon_seconds",
            "not_billable_totals",
        )
        moved = ("invoice_id", "file_attachment_id", "pdf_attachment_id")
        values = {
            "contract_id": self.contract_id.id,
            "currency_id": self.currency_id.id,
            "date_start": self.date_start,
            "date_end": self.date_end,
            "state": "void",
            "billed_again_id": self.id,
            **{name: self[name] for name in kept},
            **{name: self[name].id for name in moved},
        }
        earlier = self.with_context(tracking_disable=True).create(values)
        self.write({**dict.fromkeys(moved, False), "pool_lead_id": False})
        self.service_result_ids.earned_back_ids = False  # a period that is billed again may earn them back again
        self.service_result_ids.statement_id = earlier
        self.counter_ids.unlink()
        self.performance_report_ids.statement_id = earlier
        charges = self.charge_ids
        charges.statement_id = earlier
        self._take_back_adjustments(earlier)
        self._copy_calls(earlier, charges)
        self.invalidate_recordset()

    def _take_back_adjustments(self, earlier):
        """The new invoice has the prices of today: what was adjusted since the first one is taken back with it."""
        disputes = self.dispute_ids
        unsettled = self.adjustment_ids.filtered(lambda adjustment: adjustment.state != "settled")
        unsettled.dispute_id = False  # the new invoice is without what was accepted
        unsettled.unlink()
        disputes._pass_door({"statement_id": earlier.id})
        disputes._follow_adjustments()
        lines = self.adjustment_ids.line_ids
        self.adjustment_ids.statement_id = earlier
        rows = [
            {"contract_line_id": line.id, "before": self.currency_id.round(sum(mine.mapped("amount"))), "after": 0}
            for line, mine in lines.grouped("contract_line_id").items()
        ]
        rows = [row for row in rows if row["before"]]
        if rows:
            self.env["call.adjustment"].create(
                {
                    "statement_id": earlier.id,
                    "reason": self.env._("The period is billed again"),
                    "line_ids": [Command.create(row) for row in rows],
                }
            )

    def _copy_calls(self, earlier, charges):
        """Copies of the calls for the statement that keeps what was sent. They are known by no record of the phone system, and
        in the same order as the calls: the ends of the charges are found by it."""
        self.env.flush_all()
        cr = self.env.cr
        cr.execute("DROP TABLE IF EXISTS pg_temp.call_copied")
        cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE call_copied ON COMMIT DROP AS
                SELECT id AS usage_id, nextval(pg_get_serial_sequence('call_usage_line', 'id'))::integer AS copy_id
                  FROM call_usage_line WHERE statement_id = %s
                """,
                self.id,
            )
        )
        cr.execute("ANALYZE call_copied")
        columns = self.env["call.usage.line"]._stored_columns()
        values = {
            "id": SQL("c.copy_id"),
            "record_key": SQL("(left(replace(u.record_key::text, '-', ''), 24) || lpad(to_hex(c.copy_id), 8, '0'))::uuid"),
            "statement_id": SQL("%s", earlier.id),
            "replaces_id": SQL("NULL"),
        }
        cr.execute(
            SQL(
                "INSERT INTO call_usage_line (%s) SELECT %s FROM call_copied c JOIN call_usage_line u ON u.id = c.usage_id",
                SQL(", ").join(map(SQL.identifier, columns)),
                SQL(", ").join(values.get(column, SQL.identifier("u", column)) for column in columns),
            )
        )
        cr.execute(
            """
            INSERT INTO call_usage_stretch (usage_id, number, price_id, seconds)
            SELECT c.copy_id, x.number, x.price_id, x.seconds FROM call_copied c JOIN call_usage_stretch x ON x.usage_id = c.usage_id
            """
        )
        for end in ("first_usage_id", "last_usage_id"):
            cr.execute(
                SQL(
                    "UPDATE call_charge k SET %(end)s = c.copy_id FROM call_copied c WHERE k.%(end)s = c.usage_id AND k.id IN %(ids)s",
                    end=SQL.identifier(end),
                    ids=tuple(charges.ids) or (0,),
                )
            )
        self.env.invalidate_all(flush=False)

    # --- Billing again ----------------------------------------------------------------------------------

    @api.model
    def _reopened_domain(self, date_ref):
        """Periods that are to be billed again, of those that ended before ``date_ref``."""
        return fields.Domain([("state", "=", "open"), ("earlier_ids", "!=", False), ("date_end", "<", date_ref)])

    def _bill_reopened(self):
        """Invoice these statements of one invoice again, with the fixed fees that it had, and leave it at that how far their contract
        lines are invoiced."""
        periods = self._periods_before()
        reached = {line: line.last_date_invoiced for line in periods}
        for line, (first, _last) in periods.items():
            line.last_date_invoiced = first - timedelta(days=1) if first > line.date_start else False
        due = [line.recurring_next_date for line in periods if line.recurring_next_date]
        if not due:
            raise UserError(
                self.env._(
                    "Period %s is to be billed again, but none of its contract lines is in force: correct their end dates.",
                    self[:1]._period_text(),
                )
            )
        moves = self.contract_id._recurring_create_invoice(max(due))
        for line, last in reached.items():
            line.last_date_invoiced = last
        return moves

    def _periods_before(self):
        """:return: dict of contract line -> (first day, last day) that the invoice before was for"""
        before = self.earlier_ids.sorted("id").grouped("billed_again_id")
        before = self.browse().union(*(each[-1] for each in before.values()))
        periods = {
            line.contract_line_id: (line.call_period_start, line.call_period_end)
            for line in before.invoice_id.invoice_line_ids
            if line.contract_line_id and line.call_period_end
        }
        for statement in self:
            usage = self.env["call.usage.line"]._read_group([("statement_id", "=", statement.id)], ["contract_line_id"])
            closed = statement.contract_id.contract_line_ids.filtered(
                lambda line, s=statement: (
                    line.rate_plan_id
                    and line.date_start <= s.date_end <= (line.last_date_invoiced or date.min)
                    and (line.date_end or date.max) >= s.date_start
                )
            )
            for line in closed.union(*(line for (line,) in usage)):
                periods.setdefault(line, (statement.date_start, statement.date_end))
        return periods
