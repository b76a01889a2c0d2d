from contextlib import contextmanager
from dataclasses import dataclass, field

from odoo import api, models
from odoo.tools import SQL

from ..formats.record import PARTS, TEXTS
from .call_correction import CORRECTED, FREED, corrected

RATING = (
    "rule_id", "price_id", "counted_seconds", "billed_seconds", "is_split", "whole_parts", "amount", "status", "not_billable_reason",
    "lost_amount",
)  # fmt: skip
"""Columns of a usage line that rating writes."""


@dataclass
class Usage:
    """Where the closing of a period reads calls and their stretches: the stored ones, or those of a calculation.

    ``lines``: FROM item with the columns of call_usage_line; ``stretches``: with those of call_usage_stretch.
    """

    lines: SQL = field(default_factory=lambda: SQL("call_usage_line"))
    stretches: SQL = field(default_factory=lambda: SQL("call_usage_stretch"))


class CallRerating(models.AbstractModel):
    """Rates stored calls again by the engine that rated them when they were loaded: staged out of the table of usage lines
    instead of a file, guided to where they are. Lines that offset billed ones, and those, keep their price. What accepted disputes
    corrected (``call.correction``) holds each time. Owns no data."""

    _name = "call.rerating"
    _description = "Call Rerating"

    @api.model
    def _rerate(self, where, plans=None):
        """Rate calls again and store the result.

        :param where: SQL condition on call_usage_line u
        :return: ids of the statements in which something changed; their totals have to be counted again
        """
        with self._aside():
            self._calculate(where, plans)
            return self._apply()

    @api.model
    def _calculate(self, where, plans=None):
        """Table ``call_rerated``: what calls cost now, and ``call_stretch``, by the id of the line. Nothing is stored.

        :param plans: dict of contract line -> rate plan to take instead of its own
        """
        self.env.flush_all()
        self._stage_stored(where)
        self._join_stored()
        rates = self.env["call.pricing"]._price_cases(self._stored_segments(plans or {}), stored=True)
        rates.kept = self._kept() if rates.limited else None
        self.env.flush_all()
        self.env.cr.execute("DROP TABLE IF EXISTS pg_temp.call_stretch, pg_temp.call_rerated")
        if rates.split:
            self.env["call.pricing"]._split_stretches(rates)
        else:
            self.env["call.loading"]._create_temporary(
                "call_stretch", SQL("line_number integer, number integer, price_id integer, seconds integer")
            )
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE call_rerated (usage_id, %s) ON COMMIT DROP AS
                SELECT t.line_number, t.rule_id, t.price_id, %s FROM %s
                """,
                SQL(", ").join(map(SQL.identifier, RATING)),
                rates.results(),
                rates.rated(),
            )
        )
        self._free_disputed(where)
        self.env.cr.execute("ANALYZE call_rerated")

    @api.model
    def _free_disputed(self, where):
        """Calls that an accepted dispute took out or let free cost nothing, whatever the rules say; nor is one given back that an
        offset takes back."""
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM call_rerated r USING call_correction k WHERE k.usage_id = r.usage_id AND k.kind = ANY(%(freed)s);
                DELETE FROM call_stretch x USING call_correction k WHERE k.usage_id = x.line_number AND k.kind = ANY(%(freed)s);
                INSERT INTO call_rerated (usage_id, rule_id, price_id, counted_seconds, billed_seconds, is_split, whole_parts, amount,
                                          status, not_billable_reason)
                SELECT u.id, u.rule_id, u.price_id, u.counted_seconds, 0, false, u.whole_parts, 0, 'not_billable',
                       CASE k.kind WHEN 'out' THEN %(out)s ELSE %(waived)s END
                  FROM call_correction k JOIN call_usage_line u ON u.id = k.usage_id
                 WHERE k.kind = ANY(%(freed)s) AND ((%(where)s) OR u.id IN (SELECT id FROM call_picked))
                """,
                freed=list(FREED),
                out=FREED["out"],
                waived=FREED["waived"],
                where=where,
            )
        )

    @api.model
    def _kept(self):
        """What stays charged for the older version of a call (t) that came too late to correct it."""
        return SQL(
            """
            (SELECT sum(o.amount) FROM call_usage_line n JOIN call_usage_line v ON v.id = n.replaces_id
               JOIN call_usage_line o ON o.id = v.id OR v.not_billable_reason = 'leg' AND o.statement_id = v.statement_id
                    AND o.group_ref = v.group_ref
              WHERE n.id = t.line_number AND n.not_billable_reason = 'too_late' AND o.status = 'billable' AND o.quantity >= 0)
            """
        )

    @api.model
    def _usage(self, only_priced=False):
        """The calculated calls, where they differ in nothing the stored ones.

        :param only_priced: leave out calls of the calculation that nothing could price, instead of what they cost before
        :return: Usage
        """
        kept = [name for name in self.env["call.usage.line"]._rated_columns() if name not in RATING]
        priced = SQL("WHERE r.usage_id IS NOT NULL OR u.id NOT IN (SELECT id FROM call_picked)") if only_priced else SQL()
        return Usage(
            SQL(
                "(SELECT %s, %s FROM call_usage_line u LEFT JOIN call_rerated r ON r.usage_id = u.id %s %s)",
                SQL(", ").join(map(self._kept_column, kept)),
                SQL(", ").join(
                    SQL("CASE WHEN r.usage_id IS NULL THEN u.%(name)s ELSE r.%(name)s END AS %(name)s", name=SQL.identifier(name))
                    for name in RATING
                ),
                corrected("u"),
                priced,
            ),
            SQL(
                "(SELECT line_number AS usage_id, number, price_id, seconds FROM call_stretch UNION ALL"
                " SELECT usage_id, number, price_id, seconds FROM call_usage_stretch"
                " WHERE usage_id NOT IN (SELECT usage_id FROM call_rerated))"
            ),
        )

    @api.model
    def _kept_column(self, name):
        """What a calculated call (u, r) has of what rating does not write: as corrected (k). The parts of a call in several records
        stay with each; those that it is charged by are in ``whole_parts``."""
        column = SQL.identifier("u", name)
        if name == "total_seconds":
            more = SQL(" + ").join(SQL("%s - %s", SQL.identifier("k", part), SQL.identifier("u", part)) for part in PARTS)
            new = SQL("greatest(%s + %s, 0)", column, more)
        elif name in CORRECTED:
            new = SQL.identifier("k", name)
        else:
            return column
        whole = SQL("r.whole_parts IS NOT NULL") if name in (*PARTS, "total_seconds") else SQL("false")
        return SQL(
            "CASE WHEN k.usage_id IS NULL OR r.usage_id IS NULL OR %s THEN %s ELSE %s END AS %s",
            whole,
            column,
            new,
            SQL.identifier(name),
        )

    @api.model
    def _differences(self):
        """What the calculation changes.

        :return: rows (statement id, contract line id, calls, calls that change, exact sum before, exact sum after), sums as text
        """
        return self.env.execute_query(
            SQL(
                """
                SELECT u.statement_id, u.contract_line_id, count(*), count(*) FILTER (WHERE %s),
                       trim_scale(sum(u.amount))::text, trim_scale(sum(r.amount))::text
                  FROM call_rerated r JOIN call_usage_line u ON u.id = r.usage_id
                 GROUP BY 1, 2 ORDER BY 1, 2
                """,
                self._differs(),
            )
        )

    @api.model
    def _differs(self):
        return SQL(
            "(%s) IS DISTINCT FROM (%s)",
            SQL(", ").join(SQL.identifier("u", name) for name in RATING),
            SQL(", ").join(SQL.identifier("r", name) for name in RATING),
        )

    @api.model
    def _apply(self):
        """Store what was calculated. Calls that come out as they are stay untouched."""
        rows = self.env.execute_query(
            SQL(
                "UPDATE call_usage_line u SET %s FROM call_rerated r WHERE u.id = r.usage_id AND %s RETURNING u.id, u.statement_id",
                SQL(", ").join(SQL("%(name)s = r.%(name)s", name=SQL.identifier(name)) for name in RATING),
                self._differs(),
            )
        )
        changed = [usage for usage, _statement in rows]
        if changed:
            self.env["call.count.due"].sudo()._mark(SQL("u.id = ANY(%s)", changed))
            self.env.cr.execute(SQL("DELETE FROM call_usage_stretch WHERE usage_id = ANY(%s)", changed))
            self.env.cr.execute(
                SQL(
                    "INSERT INTO call_usage_stretch (usage_id, number, price_id, seconds)"
                    " SELECT line_number, number, price_id, seconds FROM call_stretch WHERE line_number = ANY(%s)",
                    changed,
                )
            )
            self.env["call.usage.line"].invalidate_model()
            self.env["call.usage.stretch"].invalidate_model()
        return list({statement for _usage, statement in rows})

    # --- Staging --------------------------------------------------------------------------------------

    @api.model
    def _stage_stored(self, where):
        """Tables ``call_stage`` and ``call_guided`` out of stored calls and all other records of the same calls; their
        line number is the id."""
        self.env.cr.execute("SET LOCAL jit = off")
        self.env["call.staging"]._create()
        kept = (*TEXTS, "disposition", "start_at", *PARTS, "total_seconds", "quantity", "provider_cost", "record_key")
        self.env.cr.execute("DROP TABLE IF EXISTS pg_temp.call_picked")
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE call_picked ON COMMIT DROP AS
                SELECT u.id, u.group_ref, u.statement_id FROM call_usage_line u
                 WHERE (%s) AND u.quantity >= 0 AND (u.not_billable_reason IN ('replaced', 'after_end')) IS NOT TRUE
                   AND NOT EXISTS (SELECT FROM call_usage_line x WHERE x.replaces_id = u.id AND x.quantity < 0)
                """,
                where,
            )
        )
        self.env.cr.execute("ANALYZE call_picked")
        self.env.cr.execute(
            """
            INSERT INTO call_picked
            SELECT u.id, u.group_ref, u.statement_id
              FROM (SELECT DISTINCT group_ref, statement_id FROM call_picked WHERE group_ref IS NOT NULL) p
              JOIN call_usage_line u ON u.statement_id = p.statement_id AND u.group_ref = p.group_ref
             WHERE u.quantity >= 0 AND u.not_billable_reason IS DISTINCT FROM 'replaced'
               AND u.id NOT IN (SELECT id FROM call_picked)
            """
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO call_stage (line_number, called_key, %s)
                SELECT u.id, coalesce(ltrim(u.called_e164, '+'), regexp_replace(u.called, '[^0-9]', '', 'g')), %s
                  FROM call_usage_line u JOIN call_picked p USING (id) %s
                """,
                SQL(", ").join(map(SQL.identifier, kept)),
                SQL(", ").join(
                    SQL("coalesce(%s, %s)", SQL.identifier("k", name), SQL.identifier("u", name))
                    if name in CORRECTED
                    else SQL.identifier("u", name)
                    for name in kept
                ),
                corrected("u"),
            )
        )
        self.env.cr.execute("ANALYZE call_stage")
        self.env["call.pricing"]._create_guided(
            SQL("coalesce(k.contract_line_id, u.contract_line_id)"),
            SQL("u.date"),
            SQL("call_stage s JOIN call_usage_line u ON u.id = s.line_number %s", corrected("u")),
            SQL("u.statement_id, u.late_of_id, u.back_billed"),
        )

    @api.model
    def _join_stored(self):
        """Table ``call_leg`` for calls in several records; the record that is charged stays the one."""
        columns = SQL(", ").join(
            SQL.identifier("u", name) for name in ("kind", "direction", "queue", "agent", "disposition", *PARTS)
        )
        self.env.cr.execute("DROP TABLE IF EXISTS pg_temp.call_member, pg_temp.call_total")
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE call_member ON COMMIT DROP AS
                SELECT u.statement_id || ' ' || u.group_ref AS group_ref, u.id AS line_number, NULL::integer AS usage_id,
                       c.legs, %s,
                       row_number() OVER (PARTITION BY u.statement_id, u.group_ref
                                          ORDER BY u.not_billable_reason = 'leg' NULLS FIRST, u.start_at, u.id) AS place
                  FROM call_usage_line u JOIN call_picked p USING (id)
                  JOIN call_import i ON i.id = u.import_id JOIN call_source c ON c.id = i.source_id
                 WHERE (u.statement_id, u.group_ref) IN (
                       SELECT m.statement_id, m.group_ref FROM call_usage_line m JOIN call_picked USING (id)
                        WHERE m.not_billable_reason = 'leg')
                """,
                columns,
            )
        )
        self.env["call.joining"]._total_legs()
        self.env.cr.execute(
            SQL(
                "UPDATE call_leg l SET %s FROM call_usage_line u %s WHERE u.id = l.line_number AND l.charged AND k.usage_id IS NOT NULL",
                SQL(", ").join(
                    SQL("%s = %s", SQL.identifier(name), SQL.identifier("k", name))
                    for name in CORRECTED
                    if name != "contract_line_id"
                ),
                corrected("u"),
            )
        )

    @api.model
    def _stored_segments(self, plans):
        """Segments of the statements that the calls are on, open or not."""
        rows = self.env.execute_query(
            SQL(
                "SELECT statement_id, contract_line_id, late_of_id, min(date), max(date) FROM call_guided"
                " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
            )
        )
        Rating, Statement = self.env["call.rating"], self.env["call.statement"].sudo()
        lines = self.env["contract.line"].sudo().browse(row[1] for row in rows)
        segments = []
        for line, (statement, _line, late_of, first, last) in zip(lines, rows, strict=True):
            plan = (plans.get(line) or line.rate_plan_id).sudo()
            segments += Rating._segments(line, plan, Statement.browse(statement), Statement.browse(late_of), first, last)
        return segments

    @contextmanager
    def _aside(self):
        """Keep the temporary tables of a running import out of the way."""
        tables = ("call_stage", "call_guided", "call_leg", "call_segment", "call_rate", "call_destination", "call_stretch")
        cr = self.env.cr
        cr.execute(SQL("SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relname IN %s", tables))
        kept = [name for (name,) in cr.fetchall()]
        for name in kept:
            cr.execute(SQL("ALTER TABLE %s RENAME TO %s", SQL.identifier("pg_temp", name), SQL.identifier(f"{name}_aside")))
        yield
        for name in tables:
            cr.execute(SQL("DROP TABLE IF EXISTS %s", SQL.identifier("pg_temp", name)))
        for name in kept:
            cr.execute(SQL("ALTER TABLE %s RENAME TO %s", SQL.identifier("pg_temp", f"{name}_aside"), SQL.identifier(name)))
