from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .call_joining import version_key


class CallUsageLine(models.Model):
    """Calls that came after the contract's limit for back-billing: what they would have cost is lost, unless the client agrees to
    pay it. Then they are billed on the next invoice as late usage."""

    _inherit = "call.usage.line"  # pylint: disable=consider-merging-classes-inherited

    def _bill_lost(self, reason):
        """Bill calls that came too late all the same.

        :raise UserError: nothing of it is lost, or the contract has no further invoice
        """
        lost = self.sudo()._lost()
        if not lost:
            raise UserError(self.env._("None of these calls came too late to be billed."))
        moved = lost._with_whole_calls()
        before = moved.statement_id
        before.filtered(lambda statement: statement.state == "open").lock_for_update()
        moved._move_to_open()
        moved.statement_id.lock_for_update()
        lost.back_billed = True
        lost._offset_older()
        self.env["call.rerating"]._rerate(SQL("u.id = ANY(%s)", moved.ids))
        (before | moved.statement_id)._recount()
        for statement, calls in lost.grouped("statement_id").items():
            statement.message_post(
                body=self.env._(
                    "%(count)s calls that came too late are billed by agreement, %(amount)s: %(reason)s",
                    count=len(calls),
                    amount=statement.currency_id.format(sum(calls.mapped("amount"))),
                    reason=reason,
                )
            )

    def _lost(self):
        """Those that came too late; none of the copies that keep what was sent before it was billed again."""
        return self.filtered(lambda call: call.not_billable_reason == "too_late" and not call.statement_id.billed_again_id)

    def _with_whole_calls(self):
        """These and the other records of the same calls."""
        legs = self.search(
            [
                ("statement_id", "in", self.statement_id.ids),
                ("group_ref", "in", [ref for ref in self.mapped("group_ref") if ref]),
                ("not_billable_reason", "=", "leg"),
            ]
        )
        calls = {(call.statement_id, call.group_ref) for call in self}
        return self | legs.filtered(lambda leg: (leg.statement_id, leg.group_ref) in calls)

    def _move_to_open(self):
        """Calls on closed statements go to the one that is billed next."""
        closed = self.filtered(lambda call: call.statement_id.state != "open")
        spans = {
            line: (min(each.mapped("date")), max(each.mapped("date")))
            for line, each in closed.grouped("contract_line_id").items()
        }
        for segment in self.env["call.rating"]._plan_segments(spans):
            mine = closed.filtered(
                lambda call, s=segment: (
                    call.contract_line_id == s["contract_line"] and s["date_from"] <= call.date <= s["date_to"]
                )
            )
            late_of = segment["late_of"]
            mine.write({"statement_id": segment["statement"].id, "late_of_id": late_of.id if late_of else False})
            closed -= mine
        if closed:
            raise UserError(
                self.env._(
                    "'%s' has no further invoice that these calls could come on. Invoice them by hand.",
                    closed[0].contract_line_id.name,
                )
            )

    def _offset_older(self):
        """Take back what is charged for older versions of these calls, and make these the ones that the records are known by."""
        self.env.flush_all()
        cr = self.env.cr
        cr.execute("DROP TABLE IF EXISTS pg_temp.call_swapped")
        cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE call_swapped ON COMMIT DROP AS
                SELECT n.id AS newer_id, v.id AS older_id, v.record_key, o.id AS charged_id, n.line_number, n.import_id, n.statement_id,
                       n.late_of_id
                  FROM call_usage_line n JOIN call_usage_line v ON v.id = n.replaces_id
                  JOIN call_usage_line o ON o.id = v.id OR v.not_billable_reason = 'leg' AND o.statement_id = v.statement_id
                       AND o.group_ref = v.group_ref
                 WHERE n.id = ANY(%s) AND n.not_billable_reason = 'too_late' AND o.status = 'billable' AND o.quantity >= 0
                   AND NOT EXISTS (SELECT FROM call_usage_line x WHERE x.replaces_id = o.id AND x.quantity < 0)
                """,
                self.ids,
            )
        )
        if not cr.rowcount:
            return
        self.env["call.joining"]._insert_offsets(
            SQL("SELECT charged_id, line_number, import_id, statement_id, late_of_id FROM call_swapped")
        )
        cr.execute(
            SQL(
                """
                UPDATE call_usage_line u SET record_key = %s FROM call_swapped s WHERE u.id = s.older_id;
                UPDATE call_usage_line u SET record_key = s.record_key FROM call_swapped s WHERE u.id = s.newer_id
                """,
                version_key("u"),
            )
        )
        self.env["call.usage.line"].invalidate_model()
