"""Which records belong together: known ones, newer versions, near duplicates, legs of one call."""

from datetime import timedelta

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..formats.record import NEAR_SECONDS, PARTS
from .call_correction import FREED

# What the phone system told of a record: where any of it differs, the record is a newer version.
TOLD = (
    "kind", "direction", "caller", "called", "queue", "campaign", "skill", "account_code", "trunk", "agent", "disposition", "start_at",
    *PARTS, "total_seconds", "quantity",
)  # fmt: skip
TAKEN_BACK = ("quantity", "counted_seconds", "billed_seconds", "amount", "provider_cost")
"""What is negative in a line that offsets a billed one."""
LEG_HOURS = 12
BEST = ("answered", "voicemail", "abandoned", "busy", "no_answer", "failed")
"""The outcome of a call in several records is the first of these that one of them has."""
TOGETHER = {part: SQL("max") if part in ("ring_seconds", "queue_seconds") else SQL("sum") for part in PARTS}
"""Time parts of a call add up over its records, but phones ring and queues retry side by side."""


def told(alias, version=False):
    """The row of what was told; as text where it is to be part of a key."""
    row = SQL("(%s)", SQL(", ").join(SQL("trim_scale(%s)" if n == "quantity" else "%s", SQL.identifier(alias, n)) for n in TOLD))
    return SQL("%s::text", row) if version else row


def version_key(alias):
    """The key of an older version: that of its record, and what it told."""
    return SQL("md5(%s::text || %s)::uuid", SQL.identifier(alias, "record_key"), told(alias, version=True))


class CallJoining(models.AbstractModel):
    """Sets staged records in relation to each other and to what is stored. Works on the temporary tables of
    ``call.loading``, one statement a question. Owns no data."""

    _name = "call.joining"
    _description = "Call Joining"

    @api.model
    def _holds(self, table):
        """Whether a temporary table has any rows: most files bring nothing that needs a look at all of their records."""
        ((found,),) = self.env.execute_query(SQL("SELECT EXISTS (SELECT FROM %s)", SQL.identifier(table)))
        return found

    # The planner knows little of rows that were loaded a moment ago: these two tell it which way is good.

    @api.model
    def _query_hashed(self, query):
        """Execute a statement that compares many staged with many stored rows, not by a loop over one side for each row
        of the other.

        :return: the rows, if any
        """
        return self._query_without(query, "nestloop", "mergejoin")

    @api.model
    def _query_by_key(self, query):
        """Execute a statement that looks up staged rows by a key among any number of stored ones.

        :return: the rows
        """
        return self._query_without(query, "hashjoin", "mergejoin")

    @api.model
    def _query_without(self, query, *ways):
        for way in ways:
            self.env.cr.execute(SQL("SET LOCAL %s = off", SQL.identifier(f"enable_{way}")))
        self.env.cr.execute(query)
        rows = self.env.cr.fetchall() if self.env.cr.description else []
        for way in ways:
            self.env.cr.execute(SQL("SET LOCAL %s = on", SQL.identifier(f"enable_{way}")))
        return rows

    # --- Known records and newer versions -------------------------------------------------------------

    @api.model
    def _find_known(self, except_suspense, new=False):
        """Mark what is here already as duplicate; keep newer versions in ``call_changed`` (line_number, usage_id, billed).

        :param new: no usable record is a usage line already
        """
        Loading = self.env["call.loading"]
        Loading._create_temporary("call_changed", SQL("line_number integer, usage_id integer, billed boolean"))
        duplicates = self._known_suspense(except_suspense) | self.env["call.archive"]._known()
        self.env.cr.execute("DROP TABLE IF EXISTS pg_temp.call_known")
        self._query_by_key(
            SQL(
                """
                CREATE TEMPORARY TABLE call_known ON COMMIT DROP AS
                SELECT s.line_number, u.id AS usage_id, t.state <> 'open' AS billed,
                       s.outcome IS NULL AND %(sound)s AND %(now)s IS DISTINCT FROM %(then)s
                       AND NOT EXISTS (SELECT FROM call_usage_line v WHERE v.record_key = %(version)s) AS newer,
                       s.outcome IS NULL AND %(sound)s
                       AND (s.recording_ref <> coalesce(u.recording_ref, '') OR s.quality <> coalesce(u.quality, '')
                            OR s.provider_cost IS NOT NULL AND u.provider_cost IS DISTINCT FROM s.provider_cost) IS TRUE AS completes
                  FROM call_stage s
                  JOIN call_usage_line u ON u.record_key = s.record_key
                  JOIN call_statement t ON t.id = u.statement_id
                 WHERE s.outcome = 'refused' %(usable)s
                """,
                usable=SQL() if new else SQL("OR s.outcome IS NULL"),
                sound=SQL("u.is_purged IS NOT TRUE AND (s.version_at < u.version_at) IS NOT TRUE"),
                now=told("s"),
                then=told("u"),
                version=version_key("s"),
            )
        )
        if not (duplicates or self._holds("call_known")):
            return
        Loading._create_temporary("call_duplicate", SQL("line_number integer"))
        Loading._insert_rows("call_duplicate", [(line,) for line in sorted(duplicates)])
        self.env.cr.execute(
            """
            INSERT INTO call_changed
            SELECT line_number, usage_id, billed FROM call_known
             WHERE newer AND line_number NOT IN (SELECT line_number FROM call_duplicate);
            INSERT INTO call_duplicate SELECT line_number FROM call_known WHERE NOT newer
            """
        )
        self._complete_known()
        self.env.cr.execute(
            """
            ANALYZE call_duplicate;
            UPDATE call_stage s SET outcome = 'duplicate', reason = NULL FROM call_duplicate d WHERE d.line_number = s.line_number
            """
        )

    @api.model
    def _complete_known(self):
        """What has no part in rating and often comes later is added to the line that is there."""
        self.env.cr.execute(
            """
            DROP TABLE IF EXISTS pg_temp.call_completed;
            CREATE TEMPORARY TABLE call_completed ON COMMIT DROP AS
            SELECT k.usage_id, s.recording_ref, s.quality, s.provider_cost, s.version_at
              FROM call_known k JOIN call_stage s ON s.line_number = k.line_number WHERE k.completes AND NOT k.newer
            """
        )
        if not self._holds("call_completed"):
            return
        self._query_by_key(
            SQL(
                """
                UPDATE call_usage_line u
                   SET recording_ref = coalesce(s.recording_ref, u.recording_ref), quality = coalesce(s.quality, u.quality),
                       provider_cost = coalesce(s.provider_cost, u.provider_cost), version_at = coalesce(s.version_at, u.version_at)
                  FROM call_completed s WHERE u.id = s.usage_id
                """
            )
        )

    @api.model
    def _complete_by_leg(self, source):
        """What ignored records tell of the line quality of a stored call's ends is added to it, once: ``caller: ...`` where
        they name its first leg, ``called: ...`` for its second; see ``completes`` of a format."""
        told = SQL("outcome = 'ignored' AND quality IS NOT NULL AND recording_ref IS NOT NULL")
        ((first, last),) = self.env.execute_query(SQL("SELECT min(start_at), max(start_at) FROM call_stage WHERE %s", told))
        if not first:
            return
        imports = [each for (each,) in self.env.execute_query(SQL("SELECT id FROM call_import WHERE source_id = %s", source.id))]
        self.env.cr.execute(
            SQL(
                """
                WITH heard AS (
                    SELECT u.id, u.quality AS known, s.quality, s.recording_ref = split_part(u.recording_ref, '/', 1) AS is_caller
                      FROM (SELECT DISTINCT group_ref, recording_ref, quality FROM call_stage WHERE %(told)s) s
                      JOIN call_usage_line u ON u.group_ref = s.group_ref
                       AND s.recording_ref IN (split_part(u.recording_ref, '/', 1), split_part(u.recording_ref, '/', 2))
                     WHERE u.start_at BETWEEN %(first)s AND %(last)s AND u.import_id = ANY(%(imports)s)
                       AND u.statement_id NOT IN (SELECT id FROM call_statement WHERE billed_again_id IS NOT NULL)
                ), fresh AS (
                    SELECT id, string_agg(label || quality, '; ' ORDER BY label DESC) AS quality
                      FROM (SELECT *, CASE WHEN is_caller THEN 'caller: ' ELSE 'called: ' END AS label FROM heard) labelled
                     WHERE strpos(coalesce(known, ''), label || quality) = 0
                     GROUP BY id
                )
                UPDATE call_usage_line u SET quality = concat_ws('; ', u.quality, f.quality) FROM fresh f WHERE u.id = f.id
                """,
                told=told,
                first=first - timedelta(hours=LEG_HOURS),
                last=last,
                imports=imports,
            )
        )
        self.env["call.usage.line"].invalidate_model(["quality"])

    @api.model
    def _known_suspense(self, except_suspense):
        """Suspended records that come again. An open one gives way to a version with other content.

        :return: set of the lines that are duplicates
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.line_number, p.id,
                       p.state <> 'open' OR s.outcome = 'refused'
                       OR (p.start_at, p.caller, p.called, p.queue, p.campaign, p.account_code, p.total_seconds)
                          IS NOT DISTINCT FROM
                          (s.start_at, s.caller, s.called, s.queue, s.campaign, s.account_code, s.total_seconds)
                  FROM call_stage s
                  JOIN call_suspense p ON p.record_key = s.record_key
                 WHERE (s.outcome IS NULL OR s.outcome = 'refused') AND p.id <> ALL(%s)
                   AND NOT (p.state = 'recycled' AND EXISTS (
                       SELECT FROM call_usage_line u WHERE u.record_key = p.record_key))
                """,
                list(except_suspense.ids),
            )
        )
        outdated = [suspense for _line, suspense, known in rows if not known]
        if outdated:
            self.env.cr.execute(
                SQL(
                    "UPDATE call_suspense SET state = 'replaced', record_key = md5(record_key::text || id)::uuid WHERE id IN %s",
                    tuple(outdated),
                )
            )
            self.env["call.suspense"].invalidate_model()
            source = self.env["call.suspense"].browse(outdated[0]).source_id
            which = SQL("SELECT start_at, total_seconds, -1 FROM call_suspense WHERE id IN %s", tuple(outdated))
            self.env["call.source.hour"]._add(source, which)
        return {line for line, _suspense, known in rows if known}

    @api.model
    def _replace_versions(self, call_import, rates):
        """Make room for newer versions that have their price, before they are inserted.

        An older version that is not billed is no longer billable. One that is billed stays as it is; a line that offsets
        it goes to the next open statement. Both give their key to the newer one. What comes too late to be billed keeps to
        :meth:`_hold_to_limit`.

        :return: (whether there are any, ids of the statements whose totals have to be counted again)
        """
        Loading = self.env["call.loading"]
        Loading._create_temporary("call_replaced", SQL("usage_id integer, line_number integer, billed boolean"))
        if not self._holds("call_changed"):
            return False, []
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO call_replaced
                SELECT c.usage_id, c.line_number, c.billed
                  FROM call_changed c JOIN (SELECT s.line_number FROM %s WHERE r.id IS NOT NULL) n USING (line_number)
                """,
                rates.priced(),
            )
        )
        if not self.env.cr.rowcount:
            return False, []
        self.env["call.count.due"].sudo()._mark(SQL("u.id IN (SELECT usage_id FROM call_replaced)"))
        outdone = self._hold_to_limit(rates) if rates.limited else []
        self._insert_offsets(
            SQL(
                """
                SELECT c.charged_id, c.line_number, %s::integer AS import_id, p.statement_id, p.late_of_id
                  FROM (%s) c JOIN call_usage_line u ON u.id = c.charged_id
                  JOIN call_segment p ON p.contract_line_id = u.contract_line_id AND u.date BETWEEN p.date_from AND p.date_to
                """,
                call_import.id,
                self._charged_before(),
            )
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE call_usage_line u
                   SET record_key = %s,
                       status = CASE WHEN c.billed THEN u.status ELSE 'not_billable' END,
                       not_billable_reason = CASE WHEN c.billed AND u.not_billable_reason IS DISTINCT FROM 'too_late'
                                                  THEN u.not_billable_reason ELSE 'replaced' END,
                       billed_seconds = CASE WHEN c.billed THEN u.billed_seconds ELSE 0 END,
                       amount = CASE WHEN c.billed THEN u.amount ELSE 0 END, lost_amount = NULL
                  FROM call_replaced c WHERE c.usage_id = u.id
                """,
                version_key("u"),
            )
        )
        return True, outdone + [
            statement
            for (statement,) in self.env.execute_query(
                SQL(
                    """
                    SELECT statement_id FROM call_usage_line
                     WHERE id IN (SELECT usage_id FROM call_replaced) AND not_billable_reason = 'replaced'
                     UNION
                    SELECT statement_id FROM call_usage_line u JOIN call_replaced c ON u.replaces_id = c.usage_id
                     WHERE c.billed AND u.import_id = %s
                    """,
                    call_import.id,
                )
            )
        ]

    @api.model
    def _insert_offsets(self, offsets):
        """Lines that take back what billed lines were charged, with their negative values; none where a dispute gave it back.

        :param offsets: SELECT of charged_id, line_number, import_id, statement_id, late_of_id
        """
        columns = self.env["call.usage.line"]._stored_columns()
        given = ("import_id", "line_number", "statement_id", "late_of_id")
        offset = {
            "id": SQL("nextval(pg_get_serial_sequence('call_usage_line', 'id'))"),
            "record_key": SQL("md5('offset' || u.id || u.record_key)::uuid"),
            "replaces_id": SQL("u.id"),
            **{name: SQL.identifier("c", name) for name in given},
            **{name: SQL("- u.%s", SQL.identifier(name)) for name in TAKEN_BACK},
        }
        self.env.cr.execute(
            SQL(
                """
                WITH offsets AS (
                    INSERT INTO call_usage_line (%s)
                    SELECT %s FROM (%s) c JOIN call_usage_line u ON u.id = c.charged_id
                     WHERE NOT EXISTS (SELECT FROM call_correction k WHERE k.usage_id = u.id AND k.kind = ANY(%s))
                    RETURNING id, replaces_id, statement_id, date, start_at
                ), noted AS (
                    INSERT INTO call_count_due (statement_id, date, first_at, last_at)
                    SELECT statement_id, date, min(start_at), max(start_at) FROM offsets GROUP BY 1, 2
                )
                INSERT INTO call_usage_stretch (usage_id, number, price_id, seconds)
                SELECT o.id, x.number, x.price_id, - x.seconds FROM offsets o JOIN call_usage_stretch x ON x.usage_id = o.replaces_id
                """,
                SQL(", ").join(SQL.identifier(column) for column in columns),
                SQL(", ").join(offset.get(column, SQL.identifier("u", column)) for column in columns),
                offsets,
                list(FREED),
            )
        )

    @api.model
    def _hold_to_limit(self, rates):
        """Newer versions of calls that are billed, or are to be billed although they came too late, and came after the limit for
        back-billing themselves: what they give back to the client is given back; where they would charge more, the older
        version stays charged, and the difference is lost.

        Table ``call_outdone``: lines whose older version stays, which keeps its key, with what stays charged for the call.

        :return: ids of the statements with earlier such versions, which are replaced by these
        """
        ref = "group_ref" if rates.joined else "record_ref"
        before, after = (SQL("coalesce(%s, %s.line_number::text)", SQL.identifier(at, ref), SQL.identifier(at)) for at in "st")
        self.env["call.loading"]._create_temporary("call_outdone", SQL("line_number integer, usage_id integer, kept numeric"))
        self.env.cr.execute("DROP TABLE IF EXISTS pg_temp.call_weighed")
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE call_weighed ON COMMIT DROP AS
                WITH older AS (
                    SELECT charged_id, line_number FROM (%(charged)s) c
                     UNION ALL
                    SELECT u.id, c.line_number FROM call_replaced c JOIN call_usage_line u ON u.id = c.usage_id
                     WHERE NOT c.billed AND u.back_billed AND u.status = 'billable'
                ), before AS (
                    SELECT %(before)s AS call, sum(u.amount) AS amount
                      FROM older c JOIN call_usage_line u ON u.id = c.charged_id JOIN call_stage s ON s.line_number = c.line_number
                     GROUP BY 1
                ), after AS (
                    SELECT %(after)s AS call, t.line_number,
                           CASE WHEN t.billable THEN %(price)s ELSE 0 END AS amount
                      FROM %(rated)s WHERE t.too_late
                )
                SELECT a.line_number, b.amount AS kept, sum(a.amount) OVER (PARTITION BY call) <= b.amount AS gives_back
                  FROM after a JOIN before b USING (call)
                """,
                before=before,
                after=after,
                charged=self._charged_before(),
                price=rates.price(),
                rated=rates.rated(),
            )
        )
        self.env.cr.execute(
            """
            UPDATE call_guided g SET too_late = false FROM call_weighed w WHERE w.line_number = g.line_number AND w.gives_back;
            INSERT INTO call_outdone
            SELECT w.line_number, c.usage_id, w.kept
              FROM call_weighed w LEFT JOIN call_replaced c ON c.line_number = w.line_number WHERE NOT w.gives_back;
            DELETE FROM call_replaced c USING call_outdone o WHERE o.line_number = c.line_number
            """
        )
        replaced = SQL("replaces_id IN (SELECT usage_id FROM call_changed) AND not_billable_reason = 'too_late'")
        self.env["call.count.due"].sudo()._mark(replaced)
        rates.kept = SQL("(SELECT kept FROM call_outdone o WHERE o.line_number = t.line_number)")
        return [
            statement
            for (statement,) in self.env.execute_query(
                SQL(
                    """
                    UPDATE call_usage_line SET not_billable_reason = 'replaced', lost_amount = NULL WHERE %s
                    RETURNING statement_id
                    """,
                    replaced,
                )
            )
        ]

    @api.model
    def _charged_before(self):
        """SELECT of the billed lines that are offset (charged_id) and the line number of the record that replaces them: the
        replaced record itself, or the one of its call that was charged for all of them. None is offset twice."""
        by_agent = SQL("false")
        if self.env.execute_query(
            SQL("SELECT 1 FROM pg_class WHERE relname = 'call_total' AND relnamespace = pg_my_temp_schema()")
        ):
            by_agent = SQL("EXISTS (SELECT FROM call_total t WHERE t.group_ref = u.group_ref AND t.by_agent)")
        return SQL(
            """
            SELECT o.id AS charged_id, min(c.line_number) AS line_number
              FROM call_replaced c
              JOIN call_usage_line u ON u.id = c.usage_id
              JOIN call_usage_line o ON o.id = u.id OR (o.statement_id = u.statement_id AND o.group_ref = u.group_ref
                   AND u.not_billable_reason = 'leg' AND NOT %s)
             WHERE c.billed AND o.status = 'billable' AND o.quantity >= 0
               AND NOT EXISTS (SELECT FROM call_usage_line x WHERE x.replaces_id = o.id AND x.quantity < 0
                                  AND x.contract_line_id = o.contract_line_id AND x.start_at = o.start_at)
             GROUP BY o.id
            """,
            by_agent,
        )

    # --- Stored calls of the same time ----------------------------------------------------------------

    @api.model
    def _recall(self, source, survey):
        """Table ``call_recent``: stored calls of the source that began around the staged ones. Its ``caller`` and ``called``
        are without the plus sign where they are E.164, otherwise as the phone system wrote them."""
        self.env.cr.execute("DROP TABLE IF EXISTS pg_temp.call_recent")
        imports = [each for (each,) in self.env.execute_query(SQL("SELECT id FROM call_import WHERE source_id = %s", source.id))]
        margin = timedelta(hours=LEG_HOURS)
        first, last = survey.first and survey.first - margin, survey.last and survey.last + margin
        # Bounds are written out: the planner then knows how few rows of a large table these are.
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE call_recent ON COMMIT DROP AS
                SELECT id, record_key, group_ref, start_at, talk_seconds, total_seconds, contract_line_id, date,
                       coalesce(ltrim(caller_e164, '+'), caller) AS caller, coalesce(ltrim(called_e164, '+'), called) AS called
                  FROM call_usage_line
                 WHERE start_at BETWEEN %s AND %s AND import_id = ANY(%s)
                   AND quantity > 0 AND not_billable_reason IS DISTINCT FROM 'replaced' AND statement_id = ANY(%s)
                """,
                first,
                last,
                imports,
                self._statements_around(source.company_id, first, last),
            )
        )
        self.env.cr.execute("ANALYZE call_recent")

    @api.model
    def _statements_around(self, company, first, last):
        """The statements that may have calls which began between two moments: by them these are found in an index, however many are
        stored.

        :return: list of ids
        """
        if not first:
            return []
        day = timedelta(days=1)  # the client's day is not that of UTC
        Statement = self.env["call.statement"].sudo()
        domain = Statement._domain_with_calls((first - day).date(), (last + day).date())
        return Statement.search(domain & Domain("company_id", "=", company.id) & Domain("billed_again_id", "=", False)).ids

    @api.model
    def _hold_near_duplicates(self, confirmed):
        """Suspend calls that seem to have come already: same numbers however they are written, start and duration within two
        seconds, another id. Those within one file are held by its reader.

        :param confirmed: lines that a person found to be calls of their own
        """
        if not self._holds("call_recent"):
            return
        rows = self._query_hashed(
            SQL(
                """
                SELECT DISTINCT b.line_number
                  FROM call_stage b
                  JOIN call_recent u ON u.caller = CASE WHEN b.caller_is_e164 THEN b.caller_key ELSE b.caller END
                                    AND u.called = CASE WHEN b.called_is_e164 THEN b.called_key ELSE b.called END
                 WHERE b.start_at BETWEEN (SELECT min(start_at) FROM call_recent) - %(near)s * interval '1 second'
                                      AND (SELECT max(start_at) FROM call_recent) + %(near)s * interval '1 second'
                   AND b.outcome IS NULL AND b.line_number <> ALL(%(confirmed)s) AND b.talk_seconds > 0 AND u.talk_seconds > 0
                   AND abs(extract(epoch FROM b.start_at - u.start_at)) <= %(near)s
                   AND abs(b.total_seconds - u.total_seconds) <= %(near)s
                   AND u.record_key <> b.record_key AND (u.group_ref = b.group_ref) IS NOT TRUE
                """,
                confirmed=list(confirmed),
                near=NEAR_SECONDS,
            )
        )
        if rows:
            self.env.cr.execute(
                SQL(
                    "UPDATE call_stage SET outcome = 'refused', reason = 'near_duplicate' WHERE line_number IN %s",
                    tuple(line for (line,) in rows),
                )
            )

    # --- Legs of one call -----------------------------------------------------------------------------

    @api.model
    def _join_legs(self, source, survey):
        """Guide records that no endpoint guides to where another record of their call belongs, and find out which
        records are charged.

        ``call_leg`` has the records of calls in several: what they are rated by, and whether they are charged.
        ``call_joined`` has the stored first records, not billed yet, of calls that have more records now.
        """
        Loading = self.env["call.loading"]
        self.env.cr.execute("DROP TABLE IF EXISTS pg_temp.call_total")
        self._inherit_guide()
        if source.legs == "leg" or not (self._find_kin() or survey.grouped):
            Loading._create_temporary("call_leg", SQL("line_number integer"))
            return
        Loading._create_temporary("call_joined", SQL("usage_id integer"))
        self._gather_groups(source)
        self._total_legs()
        self.env.cr.execute(
            """
            INSERT INTO call_joined SELECT usage_id FROM call_total
             WHERE usage_id IS NOT NULL AND line_number IS NOT NULL AND NOT by_agent
            """
        )

    @api.model
    def _total_legs(self):
        """Table ``call_leg`` out of ``call_member``: what each record of a call is rated by."""
        parts = SQL(", ").join(SQL("%s integer", SQL.identifier(part)) for part in PARTS)
        self.env["call.loading"]._create_temporary(
            "call_leg",
            SQL(
                "line_number integer, charged boolean, kind text, direction text, queue text, disposition text, %s",
                parts,
            ),
        )
        # Where each agent's part is charged, a call that reached an agent is charged by these parts alone.
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE call_total ON COMMIT DROP AS
                SELECT group_ref, bool_or(legs = 'agent' AND agent IS NOT NULL AND disposition = 'answered') AS by_agent,
                       max(usage_id) FILTER (WHERE place = 1) AS usage_id, max(line_number) AS line_number,
                       max(kind) FILTER (WHERE place = 1) AS kind, max(direction) FILTER (WHERE place = 1) AS direction,
                       max(queue) FILTER (WHERE place = 1) AS queue,
                       (array_agg(disposition ORDER BY array_position(%s, disposition)))[1] AS disposition, %s
                  FROM call_member GROUP BY group_ref
                """,
                list(BEST),
                SQL(", ").join(SQL("%s(%s) AS %s", TOGETHER[p], SQL.identifier(p), SQL.identifier(p)) for p in PARTS),
            )
        )
        rated = SQL(", ").join(
            SQL("CASE WHEN t.by_agent THEN m.%(name)s ELSE t.%(name)s END", name=SQL.identifier(name))
            for name in ("disposition", *PARTS)
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO call_leg
                SELECT m.line_number,
                       CASE WHEN t.by_agent THEN m.agent IS NOT NULL AND m.disposition = 'answered' ELSE m.place = 1 END,
                       t.kind, t.direction, t.queue, %s
                  FROM call_member m JOIN call_total t USING (group_ref) WHERE m.line_number IS NOT NULL
                """,
                rated,
            )
        )
        self.env.cr.execute("ANALYZE call_leg")

    @api.model
    def _inherit_guide(self):
        """A call belongs where its first guided record belongs; records that nothing guides follow it, stored or not."""
        self.env.cr.execute("DROP TABLE IF EXISTS pg_temp.call_lost")
        self.env.cr.execute(
            """
            CREATE TEMPORARY TABLE call_lost ON COMMIT DROP AS
            SELECT s.line_number, s.group_ref, s.start_at FROM call_stage s JOIN call_guided g USING (line_number)
             WHERE g.contract_line_id IS NULL AND s.group_ref IS NOT NULL
            """
        )
        if not self.env.cr.rowcount:
            return
        self.env.cr.execute("ANALYZE call_lost")
        self._query_hashed(
            SQL(
                """
                UPDATE call_guided g SET contract_line_id = f.contract_line_id, date = f.date
                  FROM call_lost t,
                       (SELECT DISTINCT ON (group_ref) group_ref, contract_line_id, date
                          FROM (SELECT a.group_ref, b.contract_line_id, b.date, a.start_at
                                  FROM call_stage a JOIN call_guided b USING (line_number)
                                 WHERE b.contract_line_id IS NOT NULL AND a.group_ref IN (SELECT group_ref FROM call_lost)
                                 UNION ALL
                                SELECT u.group_ref, u.contract_line_id, u.date, u.start_at
                                  FROM call_recent u WHERE u.group_ref IN (SELECT group_ref FROM call_lost)
                               ) guided
                         ORDER BY group_ref, start_at) f
                 WHERE g.line_number = t.line_number AND f.group_ref = t.group_ref
                """
            )
        )

    @api.model
    def _find_kin(self):
        """Table ``call_kin``: stored records of the staged calls.

        :return: whether there are any
        """
        self.env["call.loading"]._create_temporary("call_kin", SQL("id integer"))
        if self._holds("call_recent"):
            self._query_hashed(
                SQL(
                    """
                    INSERT INTO call_kin
                    SELECT id FROM call_recent
                     WHERE group_ref IN (SELECT group_ref FROM call_stage WHERE outcome IS NULL)
                       AND id NOT IN (SELECT usage_id FROM call_changed)
                    """
                )
            )
        return self._holds("call_kin")

    @api.model
    def _gather_groups(self, source):
        """Table ``call_member``: all records of the calls that come in several, stored ones of open statements included,
        with their ``place`` in the call; all of one call are guided to where its first one belongs. Of records that begin
        together the lower id comes first, wherever they stand in the file.

        Where a newer version replaces a billed record, the other billed records of the call count as well, but come last: what
        was charged for the call is offset, and the whole of it is charged again on an open statement."""
        names = ("kind", "direction", "queue", "agent", "disposition", *PARTS)
        columns, stored = (SQL(", ").join(SQL.identifier(alias, name) for name in names) for alias in "su")
        self.env.cr.execute("DROP TABLE IF EXISTS pg_temp.call_member, pg_temp.call_total")
        self.env.cr.execute("ANALYZE call_kin; ANALYZE call_changed")
        self._query_hashed(
            SQL(
                """
                CREATE TEMPORARY TABLE call_member ON COMMIT DROP AS
                WITH known AS (
                    SELECT u.group_ref, NULL::integer AS line_number, u.id AS usage_id, u.start_at, u.record_ref,
                           u.contract_line_id, u.date, (u.not_billable_reason = 'leg') IS TRUE AS follows,
                           t.state <> 'open' AS closed, %(stored)s
                      FROM call_usage_line u
                      JOIN call_statement t ON t.id = u.statement_id
                     WHERE u.id = ANY(ARRAY(SELECT id FROM call_kin))
                       AND (t.state = 'open' OR u.group_ref IN (
                           SELECT v.group_ref FROM call_changed c JOIN call_usage_line v ON v.id = c.usage_id WHERE c.billed))
                ), members AS (
                    SELECT s.group_ref, s.line_number, NULL::integer AS usage_id, s.start_at, s.record_ref, g.contract_line_id, g.date,
                           false AS follows, false AS closed, %(columns)s
                      FROM call_stage s JOIN call_guided g USING (line_number)
                     WHERE s.grouped OR s.group_ref IN (SELECT group_ref FROM known)
                     UNION ALL
                    SELECT * FROM known
                )
                SELECT *, %(legs)s AS legs, row_number() OVER (
                            PARTITION BY group_ref
                            ORDER BY closed, usage_id IS NULL, follows, contract_line_id IS NULL, start_at,
                                     disposition <> 'answered', length(record_ref), record_ref, line_number, usage_id) AS place
                  FROM members
                """,
                stored=stored,
                columns=columns,
                legs=source.legs,
            )
        )
        self.env.cr.execute("ANALYZE call_member")
        self.env.cr.execute(
            """
            UPDATE call_guided g SET contract_line_id = f.contract_line_id, date = f.date
              FROM call_member m JOIN call_member f ON f.group_ref = m.group_ref AND f.place = 1
             WHERE g.line_number = m.line_number AND m.place > 1 AND f.contract_line_id IS NOT NULL
               AND (g.contract_line_id, g.date) IS DISTINCT FROM (f.contract_line_id, f.date)
            """
        )
