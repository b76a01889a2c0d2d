import csv
import tempfile

from psycopg2 import sql

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .. import formats
from ..formats.record import COLUMNS, PARTS, TEXTS
from .call_endpoint import KINDS
from .call_rating import ANY_QUEUE, amount, billed_seconds, counted_seconds, is_billable


class CallLoading(models.AbstractModel):
    """From normalised records to rated usage lines and suspense, set-based, in the caller's transaction.

    1. ``COPY`` into a staging table  2. leave out what is known  3. guide to contract lines  4. plan periods and rules
    5. insert the rated lines and move the totals of their statements  6. suspend the rest.
    Each step is one statement over all records; only the plan of step 4 is Python, over contract lines. Temporary
    tables live in this transaction only. Owns no data.
    """

    _name = "call.loading"
    _description = "Call Loading"

    @api.model
    def _load(self, call_import, records, raw_path):
        """Load the records of a new import.

        :param records: formats.ReadResult
        :param raw_path: the file as it came, for the raw text of what is suspended
        :return: the import's totals by field name, each counted at its own place
        """
        self._stage(records.path)
        self._drop_known()
        self._rate(call_import)
        totals = {
            "read": (records.read, records.seconds),
            "accepted": self._insert_usage(call_import),
            **self._left_out(),
        }
        # Usage lines are unique: where those and what was left out are all that was read, nothing is left to suspend.
        settled = sum(totals[name][0] for name in ("accepted", "duplicate", "ignored")) == records.read
        totals["suspended"] = (0, 0) if settled else self._suspend(call_import, raw_path)
        return {
            f"{name}_{what}": value
            for name, pair in totals.items()
            for what, value in zip(("count", "seconds"), pair, strict=True)
        }

    @api.model
    def _load_recycled(self, call_import, records_path, places):
        """Load suspended records of an import again; those that still fail keep their place with the new reason.

        :param places: dict of line number in ``records_path`` -> call.suspense
        """
        self._stage(records_path)
        self._create_temporary("call_recycled", SQL("line_number integer PRIMARY KEY, suspense_id integer, place integer"))
        self._insert_rows("call_recycled", [(line, record.id, record.line_number) for line, record in places.items()])
        suspense = self.env["call.suspense"].union(*places.values())
        self._drop_known(suspense)
        self._rate(call_import)
        usage = self._insert_usage(call_import, recycled=True)
        self._settle_recycled(call_import, usage)
        suspense.invalidate_recordset()

    # --- 1 and 2: what is new -------------------------------------------------------------------------

    @api.model
    def _stage(self, path):
        # Statements over one batch run once: compiling them would take longer than it saves.
        self.env.cr.execute("SET LOCAL jit = off")
        self._create_temporary(
            "call_stage", SQL(", ").join(SQL("%s %s", SQL.identifier(name), SQL(kind)) for name, kind in COLUMNS)
        )
        with open(path, encoding="utf-8") as stream:
            self.env.cr.copy_expert("COPY call_stage FROM STDIN (FORMAT csv)", stream)
        self.env.cr.execute("ANALYZE call_stage (line_number, record_key, outcome, direction, queue)")

    @api.model
    def _drop_known(self, except_suspense=None):
        """Mark records that are usage lines or suspense already as duplicate."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                UPDATE call_stage SET outcome = 'duplicate', reason = NULL
                 WHERE outcome IS DISTINCT FROM 'ignored' AND outcome IS DISTINCT FROM 'duplicate' AND record_key IN (
                    SELECT s.record_key FROM call_stage s JOIN call_usage_line u ON u.record_key = s.record_key
                     UNION ALL
                    SELECT s.record_key FROM call_stage s JOIN call_suspense p ON p.record_key = s.record_key
                     WHERE p.id <> ALL(%s))
                """,
                list(except_suspense.ids if except_suspense else []),
            )
        )

    # --- 3 and 4: to whom, in which period, by which rule ---------------------------------------------

    @api.model
    def _rate(self, call_import):
        self._guide(call_import.source_id)
        spans = {
            self.env["contract.line"].sudo().browse(line): (first, last)
            for line, first, last in self.env.execute_query(
                SQL(
                    "SELECT contract_line_id, min(date), max(date) FROM call_guided WHERE contract_line_id IS NOT NULL GROUP BY 1"
                )
            )
        }
        segments = self.env["call.rating"]._plan_segments(spans)
        self._create_temporary(
            "call_segment",
            SQL(
                "segment integer PRIMARY KEY, contract_line_id integer, date_from date, date_to date,"
                " statement_id integer, late_of_id integer"
            ),
        )
        self._insert_rows(
            "call_segment",
            [
                (
                    index,
                    segment["contract_line"].id,
                    segment["date_from"],
                    segment["date_to"],
                    segment["statement"].id,
                    segment["late_of"].id if segment["late_of"] else None,
                )
                for index, segment in enumerate(segments)
            ],
        )
        self._create_temporary(
            "call_rate",
            SQL("segment integer, direction text, queue text, rule_id integer, PRIMARY KEY (segment, direction, queue)"),
        )
        self._insert_rows("call_rate", self.env["call.rating"]._plan_rates(segments))
        self.env.flush_all()

    @api.model
    def _guide(self, source):
        """Contract line and client's day of each new record. Kinds of endpoints are tried in their fixed order.

        Days become moments here. Two endpoints of one value never share a day, but in different time zones they may
        share some hours: those belong to the one that begins later, so no call matches two of a kind."""
        self._create_temporary(
            "call_guide",
            SQL("kind text, value text, contract_line_id integer, tz text, begins timestamp, ends timestamp"),
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO call_guide
                SELECT kind, match_value, contract_line_id, usage_tz, begins,
                       least(ends, lead(begins) OVER (PARTITION BY kind, match_value ORDER BY begins, id))
                  FROM (SELECT e.id, e.kind, e.match_value, e.contract_line_id, c.usage_tz,
                               coalesce(e.date_start::timestamp AT TIME ZONE c.usage_tz AT TIME ZONE 'UTC', '-infinity') AS begins,
                               coalesce((e.date_end + 1)::timestamp AT TIME ZONE c.usage_tz AT TIME ZONE 'UTC', 'infinity') AS ends
                          FROM call_endpoint e
                          JOIN contract_contract c ON c.id = e.contract_id
                         WHERE e.company_id = %s AND (e.source_id IS NULL OR e.source_id = %s) AND c.active) endpoint
                """,
                source.company_id.id,
                source.id,
            )
        )
        self.env.cr.execute("ANALYZE call_guide")
        carried = {
            "account_code": SQL("lower(s.account_code)"),
            "campaign": SQL("lower(s.campaign)"),
            "queue": SQL("lower(s.queue)"),
            "number": SQL("CASE s.direction WHEN 'outbound' THEN s.caller_key ELSE s.called_key END"),
        }
        used = {kind for (kind,) in self.env.execute_query(SQL("SELECT DISTINCT kind FROM call_guide"))}
        # One kind at least, so that the statement below has a contract line to name.
        kinds = [kind for kind, _label in KINDS if kind in used] or [KINDS[0][0]]
        joins = SQL(" ").join(
            SQL(
                "LEFT JOIN call_guide %(alias)s ON %(alias)s.kind = %(kind)s AND %(alias)s.value = %(value)s"
                " AND s.start_at >= %(alias)s.begins AND s.start_at < %(alias)s.ends",
                alias=SQL.identifier(kind),
                kind=kind,
                value=carried[kind],
            )
            for kind in kinds
        )
        line = SQL("coalesce(%s)", SQL(", ").join(SQL.identifier(kind, "contract_line_id") for kind in kinds))
        zone = SQL("coalesce(%s)", SQL(", ").join(SQL.identifier(kind, "tz") for kind in kinds))
        self._create_temporary("call_guided", SQL("line_number integer, contract_line_id integer, date date"))
        self.env.cr.execute(
            SQL(
                "INSERT INTO call_guided SELECT s.line_number, %s,"
                " (s.start_at AT TIME ZONE 'UTC' AT TIME ZONE %s)::date FROM call_stage s %s WHERE s.outcome IS NULL",
                line,
                zone,
                joins,
            )
        )
        self.env.cr.execute("ANALYZE call_guided (line_number, contract_line_id)")

    @api.model
    def _priced(self):
        """FROM clause: new records with their segment and rule, NULL where there is none."""
        return SQL(
            """
            call_stage s
            JOIN call_guided g ON g.line_number = s.line_number
            LEFT JOIN call_segment p ON p.contract_line_id = g.contract_line_id AND g.date BETWEEN p.date_from AND p.date_to
            LEFT JOIN call_rate q ON q.segment = p.segment AND q.direction = s.direction AND q.queue = lower(s.queue)
            LEFT JOIN call_rate d ON d.segment = p.segment AND d.direction = s.direction AND d.queue = %s
            LEFT JOIN call_rate_rule r ON r.id = coalesce(q.rule_id, d.rule_id)
            """,
            ANY_QUEUE,
        )

    # --- 5: usage lines -------------------------------------------------------------------------------

    @api.model
    def _insert_usage(self, call_import, recycled=False):
        """Insert the rated lines and add them to their statements.

        :return: (number, seconds) of the accepted records
        :raise UserError: a period closed in between; the whole import starts again
        """
        counted, billable = counted_seconds("s", "r"), is_billable("s", "r")
        columns = (*TEXTS, "disposition", "start_at", *PARTS, "total_seconds")
        place = (
            SQL("(SELECT place FROM call_recycled c WHERE c.line_number = s.line_number)") if recycled else SQL("s.line_number")
        )
        self._create_temporary(
            "call_added",
            SQL(
                "statement_id integer PRIMARY KEY, calls bigint, billable bigint, late bigint, seconds bigint, billed bigint, amount numeric"
            ),
        )
        self.env.cr.execute(
            SQL(
                """
                WITH inserted AS (
                    INSERT INTO call_usage_line (
                        record_key, import_id, line_number, company_id, statement_id, late_of_id, contract_line_id, rule_id,
                        date, %(names)s,
                        counted_seconds, billed_seconds, minute_price, call_price, amount, status, not_billable_reason)
                    SELECT s.record_key, %(import)s, %(place)s, %(company)s, p.statement_id, p.late_of_id, p.contract_line_id, r.id,
                           g.date, %(copied)s,
                           t.counted, t.billed, r.minute_price, r.call_price,
                           CASE WHEN t.billable THEN %(amount)s ELSE 0 END,
                           CASE WHEN t.billable THEN 'billable' ELSE 'not_billable' END,
                           CASE WHEN t.billable THEN NULL ELSE 'disposition' END
                      FROM %(priced)s
                     CROSS JOIN LATERAL (SELECT %(counted)s AS counted, %(billable)s AS billable) u
                     CROSS JOIN LATERAL (SELECT u.counted, u.billable,
                                                CASE WHEN u.billable THEN %(billed)s ELSE 0 END AS billed) t
                     WHERE r.id IS NOT NULL
                    RETURNING statement_id, late_of_id, total_seconds, billed_seconds, amount, status
                )
                INSERT INTO call_added
                SELECT statement_id, count(*), count(*) FILTER (WHERE status = 'billable'), count(late_of_id),
                       sum(total_seconds), sum(billed_seconds), sum(amount)
                  FROM inserted GROUP BY statement_id
                """,
                names=SQL(", ").join(SQL.identifier(name) for name in columns),
                copied=SQL(", ").join(SQL.identifier("s", name) for name in columns),
                place=place,
                company=call_import.company_id.id,
                counted=counted,
                billable=billable,
                billed=billed_seconds(SQL("u.counted"), "r"),
                amount=amount(SQL("t.billed"), "r"),
                priced=self._priced(),
                **{"import": call_import.id},
            )
        )
        self.env.cr.execute(
            """
            UPDATE call_statement s
               SET usage_count = coalesce(s.usage_count, 0) + a.calls, billable_count = coalesce(s.billable_count, 0) + a.billable,
                   late_count = coalesce(s.late_count, 0) + a.late, total_seconds = coalesce(s.total_seconds, 0) + a.seconds,
                   billed_seconds = coalesce(s.billed_seconds, 0) + a.billed, usage_amount = coalesce(s.usage_amount, 0) + a.amount
              FROM call_added a WHERE s.id = a.statement_id AND s.state = 'open'
            """
        )
        moved = self.env.cr.rowcount
        ((statements, calls, seconds),) = self.env.execute_query(
            SQL("SELECT count(*), coalesce(sum(calls), 0), coalesce(sum(seconds), 0) FROM call_added")
        )
        if moved != statements:
            raise UserError(self.env._("A billing period was closed during this import: import the file again."))
        self.env["call.statement"].invalidate_model()
        self.env["call.usage.line"].invalidate_model()
        return int(calls), int(seconds)

    # --- 6: suspense ----------------------------------------------------------------------------------

    @api.model
    def _failed(self):
        """Records that could not be used, with their reason."""
        return SQL(
            """
            SELECT line_number, reason FROM call_stage WHERE outcome = 'refused'
             UNION ALL
            SELECT s.line_number, CASE WHEN g.contract_line_id IS NULL THEN 'no_endpoint'
                                       WHEN p.segment IS NULL THEN 'not_in_force' ELSE 'no_rule' END
              FROM %s WHERE r.id IS NULL
            """,
            self._priced(),
        )

    @api.model
    def _suspend(self, call_import, raw_path):
        """:return: (number, seconds) of the suspended records"""
        self._create_temporary("call_failed", SQL("line_number integer, reason text"))
        self.env.cr.execute(SQL("INSERT INTO call_failed %s", self._failed()))
        numbers = {number for (number,) in self.env.execute_query(SQL("SELECT line_number FROM call_failed"))}
        if not numbers:
            return 0, 0
        source = call_import.source_id
        dialect = formats.get(source.format).dialect(source._format_options())
        self._create_temporary("call_raw", SQL("line_number integer, raw text"))
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
            writer.writerows(formats.raw_records(raw_path, dialect, numbers))
            stream.seek(0)
            self.env.cr.copy_expert("COPY call_raw FROM STDIN (FORMAT csv)", stream)
        rows = self.env.execute_query(
            SQL(
                """
                WITH inserted AS (
                INSERT INTO call_suspense (
                    record_key, import_id, source_id, company_id, line_number, raw, reason, state, start_at,
                    caller, called, queue, campaign, account_code, total_seconds, create_uid, create_date, write_uid, write_date)
                SELECT s.record_key, %(import)s, %(source)s, %(company)s, s.line_number, w.raw, f.reason, 'open', s.start_at,
                       s.caller, s.called, s.queue, s.campaign, s.account_code, s.total_seconds, %(user)s, now() at time zone 'UTC',
                       %(user)s, now() at time zone 'UTC'
                  FROM call_failed f JOIN call_stage s ON s.line_number = f.line_number
                  LEFT JOIN call_raw w ON w.line_number = f.line_number
                RETURNING total_seconds)
                SELECT count(*), coalesce(sum(total_seconds), 0) FROM inserted
                """,
                source=source.id,
                company=call_import.company_id.id,
                user=self.env.uid,
                **{"import": call_import.id},
            )
        )
        self.env["call.suspense"].invalidate_model()
        return rows[0][0], int(rows[0][1])

    @api.model
    def _left_out(self):
        """(number, seconds) of the duplicate and the ignored records."""
        rows = self.env.execute_query(
            SQL(
                "SELECT outcome, count(*), sum(total_seconds) FROM call_stage"
                " WHERE outcome IN ('duplicate', 'ignored') GROUP BY outcome"
            )
        )
        return dict.fromkeys(("duplicate", "ignored"), (0, 0)) | {
            outcome: (count, int(seconds)) for outcome, count, seconds in rows
        }

    @api.model
    def _settle_recycled(self, call_import, accepted):
        """Mark what became a call or turned out to be known; give the rest its new reason; move the import's totals."""
        self._create_temporary("call_failed", SQL("line_number integer, reason text"))
        self.env.cr.execute(SQL("INSERT INTO call_failed %s", self._failed()))
        self.env.cr.execute(
            """
            UPDATE call_suspense p SET reason = f.reason
              FROM call_recycled c JOIN call_failed f ON f.line_number = c.line_number WHERE p.id = c.suspense_id
            """
        )
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE call_suspense p SET state = 'recycled'
                  FROM call_recycled c JOIN call_stage s ON s.line_number = c.line_number
                 WHERE p.id = c.suspense_id AND c.line_number NOT IN (SELECT line_number FROM call_failed)
                RETURNING coalesce(s.outcome, 'accepted'), p.total_seconds, s.total_seconds
                """
            )
        )
        moved = dict.fromkeys(("accepted", "duplicate", "ignored"), (0, 0))
        for outcome, _before, seconds in rows:
            count, total = moved[outcome]
            moved[outcome] = (count + 1, total + seconds)
        before = sum(row[1] or 0 for row in rows)
        after = sum(row[2] for row in rows)
        values = {
            f"{name}_{what}": call_import[f"{name}_{what}"] + value
            for name, pair in moved.items()
            for what, value in zip(("count", "seconds"), pair, strict=True)
        }
        # A corrected record may tell another duration: the time that was read follows it.
        values["suspended_count"] = call_import.suspended_count - len(rows)
        values["suspended_seconds"] = call_import.suspended_seconds - before
        values["read_seconds"] = call_import.read_seconds + after - before
        call_import.write(values)

    # --- Temporary tables -----------------------------------------------------------------------------

    @api.model
    def _create_temporary(self, name, columns):
        self.env.cr.execute(SQL("DROP TABLE IF EXISTS %s", SQL.identifier("pg_temp", name)))
        self.env.cr.execute(SQL("CREATE TEMPORARY TABLE %s (%s) ON COMMIT DROP", SQL.identifier(name), columns))

    @api.model
    def _insert_rows(self, table, rows):
        if rows:
            self.env.cr.execute_values(sql.SQL("INSERT INTO {} VALUES %s").format(sql.Identifier(table)), rows, page_size=1000)
        self.env.cr.execute(SQL("ANALYZE %s", SQL.identifier(table)))
