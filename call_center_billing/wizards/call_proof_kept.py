"""What is kept beside the calls, so that it need not be summed each time, against the calls themselves."""

from odoo import models
from odoo.tools import SQL

from ..models.call_count import days_of_calls


class CallProof(models.TransientModel):
    _inherit = "call.proof"  # pylint: disable=consider-merging-classes-inherited

    def _rows(self):
        return [*super()._rows(), *self._kept_rows()]

    def _kept_rows(self):
        """One by one, of the statements whose periods end in these days: errors that make up for each other in a sum are found."""
        statements, counted, lines = self._wrong_statements(), self._wrong_counts(), self._wrong_lines()
        archives = self.env["call.archive"].sudo()._wrong(self._mine())
        return [
            self._row(
                "kept",
                "difference",
                self.env._("Statements whose totals are not those of their calls"),
                "call.statement",
                [("id", "in", statements)],
                call_count=len(statements),
            ),
            self._row(
                "kept",
                "difference",
                self.env._("Days whose counts for performance are not those of their calls"),
                "call.statement",
                [("id", "in", sorted({statement for statement, _date in counted}))],
                call_count=len(counted),
            ),
            self._row(
                "kept",
                "difference",
                self.env._("Invoice lines that are not what their calls are charged"),
                "account.move.line",
                [("call_charge_id", "in", lines)],
                call_count=len(lines),
            ),
            self._row(
                "kept",
                "difference",
                self.env._("Files of archived calls that are missing, or have other sums than were written down"),
                "call.archive",
                [("id", "in", archives)],
                call_count=len(archives),
            ),
        ]

    def _mine(self):
        """SELECT of the ids of the statements whose periods end in these days, what is billed again left out."""
        return SQL(
            "SELECT id FROM call_statement WHERE company_id = %s AND billed_again_id IS NULL AND date_end BETWEEN %s AND %s",
            self.company_id.id,
            self.date_from,
            self.date_to,
        )

    def _wrong_statements(self):
        """:return: list of ids"""
        rows = self.env.execute_query(
            SQL(
                """
                WITH total AS (
                    SELECT statement_id, count(*) AS calls, count(*) FILTER (WHERE status = 'billable') AS billable,
                           count(late_of_id) AS late, sum(total_seconds * sign(quantity)) AS seconds, sum(billed_seconds) AS billed,
                           sum(amount) AS amount
                      FROM call_usage_line
                     WHERE statement_id IN (%(mine)s) AND not_billable_reason IS DISTINCT FROM 'replaced'
                     GROUP BY 1
                     UNION ALL
                    SELECT statement_id, sum(call_count), sum(call_count) FILTER (WHERE status = 'billable'),
                           sum(call_count) FILTER (WHERE late_of_id IS NOT NULL), sum(signed_seconds), sum(billed_seconds), sum(amount)
                      FROM call_archive_total
                     WHERE statement_id IN (%(mine)s) AND not_billable_reason IS DISTINCT FROM 'replaced'
                     GROUP BY 1)
                SELECT s.id FROM call_statement s LEFT JOIN total t ON t.statement_id = s.id
                 WHERE s.id IN (%(mine)s)
                   AND (coalesce(s.usage_count, 0), coalesce(s.billable_count, 0), coalesce(s.late_count, 0),
                        coalesce(s.total_seconds, 0), coalesce(s.billed_seconds, 0), round(coalesce(s.usage_amount, 0), 8))
                    <> (coalesce(t.calls, 0), coalesce(t.billable, 0), coalesce(t.late, 0),
                        coalesce(t.seconds, 0), coalesce(t.billed, 0), round(coalesce(t.amount, 0), 8))
                 ORDER BY 1
                """,
                mine=self._mine(),
            )
        )
        return [statement for (statement,) in rows]

    def _wrong_counts(self):
        """Days that wait to be counted are right.

        :return: list of (statement id, day)
        """
        return self.env.execute_query(
            SQL(
                """
                WITH total AS (
                    %(days)s
                     UNION ALL
                    SELECT a.statement_id, (d->>0)::date, (d->>1)::bigint, (d->>2)::bigint, (d->>3)::bigint, (d->>4)::numeric
                      FROM call_archive a, jsonb_array_elements(a.days) d
                     WHERE a.state = 'archived' AND a.statement_id IN (%(mine)s)
                ), counted AS (
                    SELECT statement_id, date, sum(call_count) AS calls, sum(total_seconds) AS seconds,
                           sum(billed_seconds) AS billed, sum(amount) AS amount
                      FROM call_count WHERE statement_id IN (%(mine)s) GROUP BY 1, 2
                )
                SELECT statement_id, date FROM total t FULL JOIN counted c USING (statement_id, date)
                 WHERE (coalesce(t.calls, 0), coalesce(t.seconds, 0), coalesce(t.billed, 0), round(coalesce(t.amount, 0), 8))
                    <> (coalesce(c.calls, 0), coalesce(c.seconds, 0), coalesce(c.billed, 0), round(coalesce(c.amount, 0), 8))
                   AND (statement_id, date) NOT IN (SELECT d.statement_id, d.date FROM call_count_due d)
                 ORDER BY 1, 2
                """,
                days=days_of_calls(self._mine()),
                mine=self._mine(),
            )
        )

    def _wrong_lines(self):
        """:return: list of ids of the charges; what is on no invoice is told with the money"""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.id
                  FROM call_charge c
                  JOIN call_statement s ON s.id = c.statement_id
                  JOIN res_currency y ON y.id = s.currency_id
                 CROSS JOIN LATERAL (%s) i
                 WHERE s.id IN (%s) AND s.state <> 'void' AND i.number > 0 AND abs(c.amount - i.taxes - i.amount) >= y.rounding / 2
                 ORDER BY 1
                """,
                self._invoiced(SQL("b.call_charge_id = c.id AND b.currency_id = s.currency_id")),
                self._mine(),
            )
        )
        return [charge for (charge,) in rows]
