import csv
import tempfile
from datetime import datetime
from typing import NamedTuple

import psycopg2
from psycopg2 import sql

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .. import formats
from ..formats.record import DIRECTIONS, DISPOSITIONS, PARTS, REASONS, TEXTS
from .call_endpoint import KINDS
from .call_joining import version_key
from .call_usage_line import RECORD_KEY

SAMPLE = 100
"""Records of a part that are looked for before all are loaded as new ones."""


class Survey(NamedTuple):
    """What the staged records are like: earliest and latest start of the usable ones, naive UTC; whether any of these is of a
    call with more records in the same part; (number, seconds) of the ``duplicate`` and of the ``ignored`` ones."""

    first: datetime | None
    last: datetime | None
    grouped: bool
    left_out: dict


class CallLoading(models.AbstractModel):
    """From normalised records to rated usage lines and suspense, set-based, in the caller's transaction.

    1. ``COPY`` into a staging table  2. leave out what is known, hold what seems doubled  3. guide to contract lines
    4. join the records of one call, find the price of each (``call.pricing``)  5. insert the rated lines and move the totals of
    their statements  6. suspend the rest. Each step is one statement over all records; only the plan of step 4 is Python, over
    contract lines and cases. Temporary tables live in this transaction only. Owns no data.
    """

    _name = "call.loading"
    _description = "Call Loading"

    @api.model
    def _load(self, call_import, records, table=None):
        """Load records of a new import.

        :param records: formats.ReadResult
        :param table: where they are staged already, see ``call.staging``; it is dropped
        :return: the totals of these records by field name, each counted at its own place
        """
        self._stage(records.path, table)
        survey, rates, usage, updated = self._load_new(call_import) or self._load_staged(call_import)
        source = call_import.source_id
        totals = {"read": (records.read, records.seconds), "accepted": usage, **survey.left_out}
        # Usage lines are unique: where those and what was left out are all that was read, nothing is left to suspend.
        settled = sum(totals[name][0] for name in ("accepted", "duplicate", "ignored")) == records.read
        totals["suspended"] = (0, 0) if settled else self._suspend(call_import, records, rates)
        self._count_hours(source)
        self._note_sequences(call_import)
        if table:
            self.env["call.staging"]._drop(table)
        return {
            f"{name}_{what}": value
            for name, pair in totals.items()
            for what, value in zip(("count", "seconds"), pair, strict=True)
        } | {"updated_count": updated}

    @api.model
    def _load_new(self, call_import):
        """Load the staged records, expecting that none is here already: the unique key tells, which saves looking for each.

        :return: what :meth:`_load_staged` gives; None where one is known: then nothing was done
        """
        if call_import.duplicate_count or call_import.updated_count or self._is_any_known():
            return None
        try:
            with self.env.cr.savepoint():
                return self._load_staged(call_import, new=True)
        except psycopg2.errors.UniqueViolation as error:
            if error.diag.constraint_name != RECORD_KEY:
                raise
            return None

    @api.model
    def _is_any_known(self):
        """Whether one of a few staged records is here already: then others are as well."""
        ((known,),) = self.env.execute_query(
            SQL(
                "SELECT EXISTS (SELECT FROM (SELECT record_key FROM call_stage LIMIT %s) s"
                " JOIN call_usage_line u ON u.record_key = s.record_key)",
                SAMPLE,
            )
        )
        return known

    @api.model
    def _load_staged(self, call_import, new=False):
        """Load the staged records.

        :param new: none of them is here already
        :return: Survey, Rates, and what :meth:`_insert_usage` gives
        :raise psycopg2.errors.UniqueViolation: one of those that should be new is not
        """
        survey = self._prepare(call_import.source_id, self.env["call.suspense"], (), new)
        rates = self._rate(call_import.source_id, survey)
        return survey, rates, *self._insert_usage(call_import, rates)

    @api.model
    def _load_recycled(self, call_import, records_path, places):
        """Load suspended records of an import again; those that still fail keep their place with the new reason.

        :param places: dict of line number in ``records_path`` -> call.suspense
        """
        self._stage(records_path)
        self._create_temporary("call_recycled", SQL("line_number integer, suspense_id integer, place integer"))
        self._insert_rows("call_recycled", [(line, record.id, record.line_number) for line, record in places.items()])
        suspense = self.env["call.suspense"].union(*places.values())
        self._override(places)
        confirmed = [line for line, record in places.items() if record.confirmed]
        survey = self._prepare(call_import.source_id, suspense, confirmed)
        rates = self._rate(call_import.source_id, survey)
        self._insert_usage(call_import, rates, recycled=True)
        self._settle_recycled(call_import, rates)
        suspense.invalidate_recordset()

    # --- 1 and 2: what is new -------------------------------------------------------------------------

    @api.model
    def _stage(self, path, table=None):
        # Statements over one batch run once: compiling them would take longer than it saves.
        self.env.cr.execute("SET LOCAL jit = off")
        # Rough statistics of the temporary tables are enough to join them the right way.
        self.env.cr.execute("SET LOCAL default_statistics_target = 10")
        # A part of a file fits into memory, here and while it is joined. What temporary tables have is set once a session.
        self.env.cr.execute(
            """
            SELECT set_config('work_mem', '64MB', true)
             WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('64MB');
            SELECT set_config('temp_buffers', '64MB', false)
             WHERE pg_size_bytes(current_setting('temp_buffers')) < pg_size_bytes('64MB') AND pg_my_temp_schema() = 0
            """
        )
        if table:
            self.env["call.staging"]._use(table)
        else:
            self.env["call.staging"]._fill(path)
        self._create_temporary("call_failed", SQL("line_number integer, reason text, contract_line_id integer"))

    @api.model
    def _override(self, places):
        """What people set for suspended records takes the place of what was read."""
        for line, record in places.items():
            values = record._overrides()
            if values:
                self.env.cr.execute(
                    SQL(
                        "UPDATE call_stage SET %s WHERE line_number = %s",
                        SQL(", ").join(SQL("%s = %s", SQL.identifier(name), value) for name, value in values.items()),
                        line,
                    )
                )
                self._cure(line, values, record.source_id)

    @api.model
    def _cure(self, line, values, source):
        """A record that was refused for a word that is set now is usable, and known by its id."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE call_stage
                   SET outcome = NULL, reason = NULL, record_key = CASE WHEN record_ref IS NULL THEN record_key ELSE left(
                       encode(sha256(convert_to(concat_ws(chr(31), %(seed)s, 'id', record_ref), 'UTF8')), 'hex'), 32)::uuid END
                 WHERE line_number = %(line)s AND outcome = 'refused' AND reason = ANY(%(reasons)s)
                   AND start_at IS NOT NULL AND direction = ANY(%(directions)s) AND disposition = ANY(%(dispositions)s)
                """,
                seed=f"call.source,{source.id}",
                line=line,
                reasons=[f"bad_{name}" for name in values],
                directions=list(DIRECTIONS),
                dispositions=list(DISPOSITIONS),
            )
        )

    @api.model
    def _prepare(self, source, except_suspense, confirmed, new=False):
        """Know what is new.

        :param except_suspense: suspended records that are being read again
        :param confirmed: lines that a person found to be no near duplicates
        :param new: no usable record is a usage line already
        :return: Survey
        """
        self.env.flush_all()
        self.env["call.joining"]._find_known(except_suspense, new)
        if formats.get(source.format).completes:
            self.env["call.joining"]._complete_by_leg(source)
        survey = self._survey()
        self.env["call.joining"]._recall(source, survey)
        if source.hold_near_duplicates:
            self.env["call.joining"]._hold_near_duplicates(confirmed)
        return survey

    @api.model
    def _survey(self):
        """One look at all staged records."""
        ((first, last, grouped, *left_out),) = self.env.execute_query(
            SQL(
                """
                SELECT min(start_at) FILTER (WHERE outcome IS NULL), max(start_at) FILTER (WHERE outcome IS NULL),
                       coalesce(bool_or(grouped) FILTER (WHERE outcome IS NULL), false),
                       count(*) FILTER (WHERE outcome = 'duplicate'), sum(total_seconds) FILTER (WHERE outcome = 'duplicate'),
                       count(*) FILTER (WHERE outcome = 'ignored'), sum(total_seconds) FILTER (WHERE outcome = 'ignored')
                  FROM call_stage
                """
            )
        )
        duplicate, duplicate_seconds, ignored, ignored_seconds = (int(value or 0) for value in left_out)
        return Survey(first, last, grouped, {"duplicate": (duplicate, duplicate_seconds), "ignored": (ignored, ignored_seconds)})

    # --- 3 and 4: to whom, in which period, by which rule ---------------------------------------------

    @api.model
    def _rate(self, source, survey):
        """Guide the staged records and find the price of each.

        :return: Rates
        """
        self._guide(source)
        self.env["call.joining"]._join_legs(source, survey)
        rows = self.env.execute_query(
            SQL("SELECT contract_line_id, min(date), max(date) FROM call_guided WHERE contract_line_id IS NOT NULL GROUP BY 1")
        )
        lines = self.env["contract.line"].sudo().browse(line for line, _first, _last in rows)
        spans = {line: span for line, (_line, *span) in zip(lines, rows, strict=True)}
        rates = self.env["call.pricing"]._price_cases(self.env["call.rating"]._plan_segments(spans))
        self.env.flush_all()
        return rates

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
        self.env["call.pricing"]._create_guided(
            line,
            SQL("(s.start_at AT TIME ZONE 'UTC' AT TIME ZONE %s)::date", zone),
            SQL("call_stage s %s WHERE s.outcome IS NULL", joins),
        )

    # --- 5: usage lines -------------------------------------------------------------------------------

    @api.model
    def _insert_usage(self, call_import, rates, recycled=False):
        """Insert the rated lines and add them to their statements.

        :return: ((number, seconds) of the accepted records, number of them that replace an older version)
        :raise UserError: a period closed in between; the records are to be loaded again
        """
        if rates.split:
            self.env["call.pricing"]._split_stretches(rates)
        replacing, changed = self.env["call.joining"]._replace_versions(call_import, rates)
        columns = (*TEXTS, "disposition", "start_at", *PARTS, "total_seconds", "quantity", "provider_cost", "version_at")
        place = (
            SQL("(SELECT place FROM call_recycled c WHERE c.line_number = t.line_number)") if recycled else SQL("t.line_number")
        )
        replaces, key, waived = SQL("NULL"), SQL("t.record_key"), SQL("NULL")
        if replacing:
            replaces = SQL("(SELECT usage_id FROM call_replaced c WHERE c.line_number = t.line_number)")
        if rates.kept:
            outdone = SQL("(SELECT usage_id FROM call_outdone c WHERE c.line_number = t.line_number)")
            replaces = SQL("coalesce(%s, %s)", outdone, replaces)
            key = SQL("CASE WHEN %s IS NULL THEN t.record_key ELSE %s END", outdone, version_key("t"))
            waived = SQL("(SELECT gives_back FROM call_weighed w WHERE w.line_number = t.line_number)")
        ((last_id,),) = self.env.execute_query(SQL("SELECT coalesce(max(id), 0) FROM call_usage_line"))
        self._create_temporary(
            "call_added",
            SQL(
                "statement_id integer, date date, first_at timestamp, last_at timestamp, calls bigint, billable bigint, late bigint,"
                " seconds bigint, billed bigint, amount numeric"
            ),
        )
        self.env.cr.execute(
            SQL(
                """
                WITH added AS (
                    INSERT INTO call_usage_line (
                        record_key, import_id, line_number, company_id, statement_id, late_of_id, contract_line_id, rule_id, price_id,
                        replaces_id, date, called_e164, caller_e164, %(names)s,
                        counted_seconds, billed_seconds, is_split, whole_parts, amount, status, not_billable_reason,
                        lost_amount, back_billed)
                    SELECT %(key)s, %(import)s, %(place)s, %(company)s, t.statement_id, t.late_of_id, t.contract_line_id, t.rule_id,
                           t.price_id, %(replaces)s, t.date, CASE WHEN t.called_is_e164 THEN '+' || t.called_key END,
                           CASE WHEN t.caller_is_e164 THEN '+' || t.caller_key END, %(copied)s, %(results)s, %(waived)s
                      FROM %(rated)s
                    RETURNING statement_id, date, start_at, status, late_of_id, total_seconds, billed_seconds, amount
                )
                INSERT INTO call_added
                SELECT statement_id, date, min(start_at), max(start_at), count(*), count(*) FILTER (WHERE status = 'billable'),
                       count(late_of_id), sum(total_seconds), sum(billed_seconds), sum(amount)
                  FROM added GROUP BY statement_id, date
                """,
                names=SQL(", ").join(SQL.identifier(name) for name in columns),
                copied=SQL(", ").join(SQL.identifier("t", name) for name in columns),
                key=key,
                place=place,
                replaces=replaces,
                waived=waived,
                company=call_import.company_id.id,
                results=rates.results(),
                rated=rates.rated(
                    *(SQL.identifier("g", name) for name in ("statement_id", "late_of_id", "contract_line_id", "date"))
                ),
                **{"import": call_import.id},
            ),
            log_exceptions=False,  # a record that is known is told by its key, see _load_new
        )
        if rates.split:
            self._insert_stretches(call_import, last_id)
        self._move_totals()
        self.env["call.count.due"].sudo()._add(SQL("SELECT statement_id, date, first_at, last_at FROM call_added"))
        if rates.joined:
            changed += self._rate_joined()
        self.env["call.statement"].invalidate_model()
        self.env["call.usage.line"].invalidate_model()
        if changed:
            self.env["call.statement"].sudo().browse(set(changed))._recount()
        ((calls, seconds),) = self.env.execute_query(
            SQL("SELECT coalesce(sum(calls), 0), coalesce(sum(seconds), 0) FROM call_added")
        )
        ((updated,),) = self.env.execute_query(SQL("SELECT count(*) FROM call_replaced"))
        return (int(calls), int(seconds)), updated

    @api.model
    def _insert_stretches(self, call_import, last_id):
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO call_usage_stretch (usage_id, number, price_id, seconds)
                SELECT u.id, x.number, x.price_id, x.seconds
                  FROM call_stretch x
                  JOIN call_stage s ON s.line_number = x.line_number
                  JOIN call_usage_line u ON u.record_key = s.record_key
                 WHERE u.id > %s AND u.import_id = %s
                """,
                last_id,
                call_import.id,
            )
        )

    @api.model
    def _move_totals(self):
        """Add what came to the statements.

        :raise UserError: one of them was closed in between
        """
        self.env.cr.execute(
            """
            UPDATE call_statement s
               SET usage_count = coalesce(s.usage_count, 0) + a.calls, billable_count = coalesce(s.billable_count, 0) + a.billable,
                   late_count = coalesce(s.late_count, 0) + a.late, total_seconds = coalesce(s.total_seconds, 0) + a.seconds,
                   billed_seconds = coalesce(s.billed_seconds, 0) + a.billed, usage_amount = coalesce(s.usage_amount, 0) + a.amount
              FROM (SELECT statement_id, sum(calls) AS calls, sum(billable) AS billable, sum(late) AS late, sum(seconds) AS seconds,
                           sum(billed) AS billed, sum(amount) AS amount
                      FROM call_added GROUP BY 1) a
             WHERE s.id = a.statement_id AND s.state = 'open'
            """
        )
        moved = self.env.cr.rowcount
        ((statements,),) = self.env.execute_query(SQL("SELECT count(DISTINCT statement_id) FROM call_added"))
        if moved != statements:
            raise UserError(self.env._("A billing period was closed during this import: import the file again."))

    @api.model
    def _rate_joined(self):
        """Rate calls again that came with an earlier file and have more records now; see ``call.joining``.

        :return: ids of their statements
        """
        usage = self.env.execute_query(SQL("SELECT DISTINCT usage_id FROM call_joined"))
        return self.env["call.rerating"]._rerate(SQL("u.id = ANY(%s)", [each for (each,) in usage])) if usage else []

    # --- 6: suspense ----------------------------------------------------------------------------------

    @api.model
    def _failed(self, rates):
        """Records that could not be used, with their reason."""
        return SQL(
            """
            SELECT line_number, reason, NULL::integer AS contract_line_id FROM call_stage WHERE outcome = 'refused'
             UNION ALL
            SELECT s.line_number, CASE WHEN g.contract_line_id IS NULL THEN 'no_endpoint'
                                       WHEN g.segment IS NULL AND EXISTS (
                                            SELECT FROM call_statement v JOIN contract_line n ON n.contract_id = v.contract_id
                                             WHERE n.id = g.contract_line_id AND v.archive_id IS NOT NULL
                                               AND g.date BETWEEN v.date_start AND v.date_end) THEN 'archived'
                                       WHEN g.segment IS NULL THEN 'not_in_force'
                                       WHEN q.price_id IS NULL THEN 'no_rule'
                                       WHEN q.deck_id IS NOT NULL THEN 'no_destination' ELSE 'no_cost' END,
                   g.contract_line_id
              FROM %s WHERE r.id IS NULL
            """,
            rates.priced(),
        )

    @api.model
    def _suspend(self, call_import, records, rates):
        """:return: (number, seconds) of the suspended records"""
        self.env.cr.execute(SQL("INSERT INTO call_failed %s", self._failed(rates)))
        numbers = {number for (number,) in self.env.execute_query(SQL("SELECT line_number FROM call_failed"))}
        if not numbers:
            return 0, 0
        source = call_import.source_id
        self._create_temporary("call_raw", SQL("line_number integer, raw text"))
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as stream:
            csv.writer(stream, quoting=csv.QUOTE_ALL).writerows(records.raw(numbers))
            stream.seek(0)
            self.env.cr.copy_expert("COPY call_raw FROM STDIN (FORMAT csv)", stream)
        rows = self.env.execute_query(
            SQL(
                """
                WITH inserted AS (
                INSERT INTO call_suspense (
                    record_key, import_id, source_id, company_id, line_number, raw, reason, contract_line_id, state, start_at,
                    kind, direction, disposition, caller, called, number_key, queue, campaign, account_code, agent, total_seconds, create_uid, create_date, write_uid, write_date)
                SELECT s.record_key, %(import)s, %(source)s, %(company)s, s.line_number, w.raw, f.reason, f.contract_line_id, 'open',
                       s.start_at, s.kind, s.direction, s.disposition, s.caller, s.called,
                       CASE s.direction WHEN 'outbound' THEN s.caller_key ELSE s.called_key END, s.queue, s.campaign, s.account_code,
                       s.agent, s.total_seconds, %(user)s, now() at time zone 'UTC',
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
    def _settle_recycled(self, call_import, rates):
        """Mark what became a call or turned out to be known; give the rest its new reason; move the import's totals."""
        self.env.cr.execute(SQL("INSERT INTO call_failed %s", self._failed(rates)))
        self.env.cr.execute(
            """
            UPDATE call_suspense p SET reason = f.reason, contract_line_id = f.contract_line_id
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
        self._count_recycled(call_import.source_id)
        self._note_sequences(call_import)

    @api.model
    def _outcomes(self):
        """What became of each record that was loaded last, in this transaction.

        :return: dict of line number -> (``accepted``, ``duplicate``, ``ignored``, ``refused`` or ``suspended``, reason or None).
            Both of the last are in suspense: a refused record is wrong by itself, a suspended one may be sound
        """
        reasons = dict(self.env.execute_query(SQL("SELECT line_number, reason FROM call_failed")))
        outcomes = {}
        for line, outcome in self.env.execute_query(SQL("SELECT line_number, outcome FROM call_stage")):
            reason = reasons.get(line)
            if reason:
                outcome = "refused" if reason in REASONS and reason != "near_duplicate" else "suspended"
            outcomes[line] = (outcome or "accepted", reason)
        return outcomes

    # --- When calls came ------------------------------------------------------------------------------

    @api.model
    def _count_hours(self, source):
        """Add what is new to the source's counts per hour; a newer version takes the place of the older one."""
        self.env["call.source.hour"]._add(
            source,
            SQL(
                """
                SELECT start_at, total_seconds, 1 FROM call_stage WHERE outcome IS NULL OR outcome = 'refused'
                 UNION ALL
                SELECT u.start_at, u.total_seconds, -1 FROM call_usage_line u JOIN call_replaced c ON c.usage_id = u.id
                """
            ),
        )

    @api.model
    def _count_recycled(self, source):
        """Suspended records that became a call, or nothing, count as what they are now."""
        self.env["call.source.hour"]._add(
            source,
            SQL(
                """
                SELECT p.start_at, p.total_seconds, -1 FROM call_recycled c JOIN call_suspense p ON p.id = c.suspense_id
                 WHERE c.line_number NOT IN (SELECT line_number FROM call_failed)
                 UNION ALL
                SELECT s.start_at, s.total_seconds, 1 FROM call_recycled c JOIN call_stage s ON s.line_number = c.line_number
                 WHERE s.outcome IS NULL AND c.line_number NOT IN (SELECT line_number FROM call_failed)
                 UNION ALL
                SELECT u.start_at, u.total_seconds, -1 FROM call_usage_line u JOIN call_replaced c ON c.usage_id = u.id
                """
            ),
        )

    @api.model
    def _note_sequences(self, call_import):
        """Add the numbers of the records to those that the source has shown, and to those that this import brought."""
        source = call_import.source_id
        if not source.check_sequence:
            return
        for record, condition in ((source, SQL("true")), (call_import, SQL("outcome IS DISTINCT FROM 'duplicate'"))):
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE %s SET seen_sequences = coalesce(seen_sequences, '{}'::int8multirange) + (
                           SELECT coalesce(range_agg(int8range(sequence, sequence, '[]')), '{}'::int8multirange)
                             FROM call_stage WHERE sequence IS NOT NULL AND %s)
                     WHERE id = %s
                    """,
                    SQL.identifier(record._table),
                    condition,
                    record.id,
                )
            )

    # --- Temporary tables -----------------------------------------------------------------------------

    @api.model
    def _create_temporary(self, name, columns):
        self.env.cr.execute(
            SQL(
                "DROP TABLE IF EXISTS %s; CREATE TEMPORARY TABLE %s (%s) ON COMMIT DROP",
                SQL.identifier("pg_temp", name),
                SQL.identifier(name),
                columns,
            )
        )

    @api.model
    def _insert_rows(self, table, rows):
        if rows:
            self.env.cr.execute_values(sql.SQL("INSERT INTO {} VALUES %s").format(sql.Identifier(table)), rows, page_size=1000)
        self.env.cr.execute(SQL("ANALYZE %s", SQL.identifier(table)))
