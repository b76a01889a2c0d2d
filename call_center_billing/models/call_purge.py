"""Personal data that was kept long enough goes; what was charged stays, and is proved to."""

import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .call_masking import masked_sql, shown_sql
from .call_retention import digits_of

_logger = logging.getLogger(__name__)

MANAGER = "call_center_billing.group_manager"
STATEMENTS_AT_ONCE = 50
"""Statements, with each of their sources, between two commits."""
FILES_AT_ONCE = 200
SUMS = ("seconds", "billed_seconds", "amount")
NOWHERE = SQL("NULL::integer")


class CallPurge(models.Model):
    """One time that personal data was removed, or looked what would be, with counts and sums before and after.

    Calls stay, and with them everything that was counted, charged and proved: their numbers lose their last digits; recording, record id
    and, if the rule says so, the agent's name go. The phone system's id of a call is replaced by one that means nothing. They go by the
    billing period that they are in, when that is closed and nobody disputes it. Suspended records that are settled lose their raw text
    and numbers, imports their files, and statements their documents, which are made again from what is left. A legal hold keeps what
    it names. A call that was purged is known when it comes again, and nothing of it comes back.

    A statement is done source by source, each in one statement of SQL over all of its calls, and each is written down in a line: so it
    can be killed at any moment, and goes on where it was.
    """

    _name = "call.purge"
    _description = "Purge of Personal Data"
    _order = "id desc"

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="restrict", index=True)
    state = fields.Selection(
        [("preview", "Preview"), ("running", "Running"), ("done", "Done")], required=True, readonly=True, default="running"
    )
    at = fields.Datetime(string="Started", required=True, readonly=True, default=fields.Datetime.now)
    user_id = fields.Many2one("res.users", string="By", readonly=True, default=lambda self: self.env.user)
    line_ids = fields.One2many("call.purge.line", "purge_id", string="What", readonly=True)
    record_count = fields.Integer(string="Records", compute="_compute_counts")
    held_count = fields.Integer(string="Held", compute="_compute_counts")

    @api.depends("at", "state")
    def _compute_display_name(self):
        for purge in self:
            day = fields.Datetime.context_timestamp(purge, purge.at).date() if purge.at else ""
            names = {"preview": self.env._("What a purge would remove, %s", day)}
            purge.display_name = names.get(purge.state) or self.env._("Purge of %s", day)

    @api.depends("line_ids.record_count", "line_ids.held_count")
    def _compute_counts(self):
        sums = self.env["call.purge.line"]._read_group(
            [("purge_id", "in", self.ids)], ["purge_id"], ["record_count:sum", "held_count:sum"]
        )
        counts = {purge: numbers for purge, *numbers in sums}
        for purge in self:
            purge.record_count, purge.held_count = counts.get(purge, (0, 0))

    @api.model
    def action_preview(self):
        """Look what would be removed today.

        :raise AccessError: not a manager
        """
        self._check_manager()
        purge = self.sudo()._run(self.env.company, preview=True)
        if not purge:
            raise UserError(self.env._("Nothing is older than the rules of retention allow."))
        return {"type": "ir.actions.act_window", "res_model": self._name, "res_id": purge.id, "views": [(False, "form")]}

    def action_purge(self):
        """Have the job do it now.

        :raise AccessError: not a manager
        """
        self._check_manager()
        self.env.ref("call_center_billing.call_purge_cron").sudo()._trigger()
        message = self.env._(
            "What is due is removed in the background within some minutes, and written down in a purge of its own."
        )
        return {"type": "ir.actions.client", "tag": "display_notification", "params": {"type": "success", "message": message}}

    def _check_manager(self):
        if not self.env.user.has_group(MANAGER):
            raise AccessError(self.env._("Only managers remove personal data."))

    # --- One run ------------------------------------------------------------------------------------------

    @api.model
    def _cron_purge(self):
        companies = self.env["call.retention"].search([("active", "=", True)]).company_id
        self.env["ir.cron"]._commit_progress(remaining=len(companies))
        for company in companies:
            self._run(company, commit=True)
            if not self.env["ir.cron"]._commit_progress(1):
                break

    @api.model
    def _run(self, company, preview=False, commit=False):
        """Remove what is due in a company, or count it.

        :param commit: commit each part
        :return: call.purge; empty where nothing was due
        """
        self.env.flush_all()
        purge = self.create({"company_id": company.id, "state": "preview" if preview else "running"})
        for step in (purge._purge_statements, purge._purge_suspense, purge._purge_files):
            while step(preview) and not preview:
                if commit:
                    self.env["ir.cron"]._commit_progress()
        self.env.invalidate_all()
        if not purge.line_ids:
            purge.unlink()
            return self.browse()
        if not preview:
            purge.state = "done"
        return purge

    # --- Calls --------------------------------------------------------------------------------------------

    def _due_statements(self, limit):
        """:return: list of (statement id, source id, rule id, months, digits, agents); each closed period with each of the sources"""
        return self.env.execute_query(
            SQL(
                """
                SELECT s.id, o.id, r.id, r.months, r.digits, coalesce(r.agents, false)
                  FROM call_statement s
                  JOIN contract_contract c ON c.id = s.contract_id
                  JOIN res_partner p ON p.id = c.partner_id
                  JOIN call_source o ON o.company_id = s.company_id
                 CROSS JOIN LATERAL (%(best)s) r
                 WHERE s.company_id = %(company)s AND s.state <> 'open' AND s.date_end < %(today)s - make_interval(months => r.months)
                   AND NOT EXISTS (SELECT FROM call_dispute d WHERE d.statement_id = s.id AND d.state IN ('new', 'review'))
                   AND NOT EXISTS (SELECT FROM call_purge_line l JOIN call_purge g ON g.id = l.purge_id
                                    WHERE l.statement_id = s.id AND l.source_id = o.id AND l.kind = 'calls'
                                      AND (l.held_count = 0 AND g.state <> 'preview' OR g.id = %(purge)s))
                 ORDER BY s.date_end, s.id, o.id LIMIT %(limit)s
                """,
                best=self.env["call.retention"]._best(*map(SQL, ("s.company_id", "o.id", "c.id", "p.country_id"))),
                company=self.company_id.id,
                today=fields.Date.today(),
                purge=self.id,
                limit=limit,
            )
        )

    def _purge_statements(self, preview):
        """:return: whether there may be more"""
        due = self._due_statements(None if preview else STATEMENTS_AT_ONCE)
        if not due:
            return False
        columns = list(zip(*due, strict=True))
        kinds = ("integer", "integer", "integer", "integer", "integer", "boolean")
        names = SQL("due (statement_id, source_id, rule_id, months, digits, agents)")
        arrays = SQL(", ").join(SQL("%s::%s[]", list(column), SQL(kind)) for column, kind in zip(columns, kinds, strict=True))
        due_rows = SQL("unnest(%s) AS %s", arrays, names)
        calls = SQL(
            "%s JOIN call_statement s ON s.id = due.statement_id JOIN call_usage_line u ON u.statement_id = s.id"
            " JOIN call_import i ON i.id = u.import_id AND i.source_id = due.source_id",
            due_rows,
        )
        held = self.env["call.legal.hold"]._is_held(
            *map(SQL, ("u.company_id", "i.source_id", "s.contract_id")), [digits_of("u", "caller"), digits_of("u", "called")]
        )
        before = self._sum(calls, held)
        if not preview:
            self._strip_calls(calls, held)
            self._strip_beside(list(set(columns[0])))
        after = self._sum(calls, held)
        values = []
        for statement, source, rule, months, digits, agents in due:
            count, held_count, *sums = before.get((statement, source), (0, 0, 0, 0, 0))
            _count, _held, *sums_after = after.get((statement, source), (0, 0, 0, 0, 0))
            values.append(
                {
                    "kind": "calls",
                    "statement_id": statement,
                    "source_id": source,
                    "rule_text": self._rule_text(rule, months, digits, agents),
                    "record_count": count - held_count,
                    "held_count": held_count,
                    **{f"{name}_before": value for name, value in zip(SUMS, sums, strict=True)},
                    **{f"{name}_after": value for name, value in zip(SUMS, sums_after, strict=True)},
                }
            )
        self._write_down(values, preview)
        return True

    def _sum(self, calls, held):
        """:return: dict of (statement id, source id) -> (calls, held ones, seconds, charged seconds, amount)"""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT due.statement_id, due.source_id, count(*), count(*) FILTER (WHERE u.is_purged IS NOT TRUE AND %s),
                       sum(u.total_seconds)::bigint, sum(u.billed_seconds)::bigint, sum(u.amount)
                  FROM %s GROUP BY 1, 2
                """,
                held,
                calls,
            )
        )
        return {(statement, source): numbers for statement, source, *numbers in rows}

    def _strip_calls(self, calls, held):
        """The one statement by which calls lose what is personal."""
        self.env["call.count.due"]._add(
            SQL(
                "SELECT u.statement_id, u.date, min(u.start_at), max(u.start_at) FROM %s WHERE due.agents AND u.agent IS NOT NULL"
                " AND u.is_purged IS NOT TRUE AND NOT %s GROUP BY 1, 2",
                calls,
                held,
            )
        )
        # The salt is thrown away: records of one call stay together, and nothing leads back.
        self.env.cr.execute(
            SQL(
                """
                WITH salt AS MATERIALIZED (SELECT gen_random_uuid()::text AS value), mine AS (
                    SELECT u.id, due.digits, due.agents FROM %(calls)s WHERE u.is_purged IS NOT TRUE AND NOT %(held)s
                )
                UPDATE call_usage_line u
                   SET caller = %(caller)s, called = %(called)s, caller_e164 = NULL, called_e164 = NULL, record_ref = NULL,
                       recording_ref = NULL, group_ref = md5((SELECT value FROM salt) || group_ref),
                       agent = CASE WHEN mine.agents THEN NULL ELSE agent END, is_purged = true
                  FROM mine WHERE mine.id = u.id
                """,
                calls=calls,
                held=held,
                caller=shown_sql("u", "caller", SQL("mine.digits")),
                called=shown_sql("u", "called", SQL("mine.digits")),
            )
        )

    def _strip_beside(self, statements):
        """What repeats numbers of purged calls: documents, figures of reports, entries of disputes, the log of looks."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE call_access a SET call_text = NULL FROM call_usage_line u
                 WHERE u.id = a.usage_id AND u.statement_id = ANY(%(statements)s) AND u.is_purged;
                UPDATE call_dispute_line l SET number = %(masked)s FROM call_dispute d
                 WHERE d.id = l.dispute_id AND d.statement_id = ANY(%(statements)s) AND l.number IS NOT NULL
                """,
                statements=statements,
                masked=masked_sql(SQL("l.number"), SQL("false"), SQL("15")),
            )
        )
        self._strip_documents(self.env["call.statement"].sudo().browse(statements))

    @api.model
    def _strip_documents(self, statements):
        """Documents are made again when somebody asks for them; reports of these days lose the callers that they name."""
        reports = self.env["call.performance.report"].sudo()
        for contract, mine in statements.grouped("contract_id").items():
            reports |= reports.search(
                [
                    ("contract_id", "=", contract.id),
                    ("date_end", ">=", min(mine.mapped("date_start"))),
                    ("date_start", "<=", max(mine.mapped("date_end"))),
                ]
            )
        for report in reports.filtered("figures"):
            again = report.figures.get("again") or {}
            for name in ("callers", "waits"):
                for each in again.get(name) or ():
                    each["number"] = None
            report.figures = dict(report.figures)
        (statements.file_attachment_id | statements.pdf_attachment_id | reports.document_id).unlink()
        statements.invalidate_recordset(["file_attachment_id", "pdf_attachment_id"])

    # --- Suspended records and files ----------------------------------------------------------------------

    def _purge_suspense(self, preview):
        """:return: whether there may be more"""
        came = SQL("coalesce(x.start_at, x.create_date)")
        contract, country = SQL("c.id"), SQL("p.country_id")
        held = self.env["call.legal.hold"]._is_held(
            SQL("x.company_id"), SQL("x.source_id"), contract, [self._suspense_digits("caller"), self._suspense_digits("called")]
        )
        mine = SQL(
            """
            SELECT x.id, x.source_id, x.total_seconds, r.digits, r.agents, r.id AS rule_id, r.months, x.state = 'open' OR %(held)s AS is_held
              FROM call_suspense x
              LEFT JOIN contract_line n ON n.id = x.contract_line_id
              LEFT JOIN contract_contract c ON c.id = n.contract_id
              LEFT JOIN res_partner p ON p.id = c.partner_id
             CROSS JOIN LATERAL (%(best)s) r
             WHERE x.company_id = %(company)s AND x.raw IS NOT NULL AND %(came)s < %(today)s - make_interval(months => r.months)
            """,
            held=held,
            best=self.env["call.retention"]._best(SQL("x.company_id"), SQL("x.source_id"), contract, country),
            company=self.company_id.id,
            came=came,
            today=fields.Date.today(),
        )
        rows = self.env.execute_query(
            SQL(
                "SELECT source_id, rule_id, months, digits, coalesce(agents, false), count(*) FILTER (WHERE NOT is_held),"
                " count(*) FILTER (WHERE is_held), coalesce(sum(total_seconds), 0)::bigint FROM (%s) mine GROUP BY 1, 2, 3, 4, 5",
                mine,
            )
        )
        if not preview:
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE call_suspense x
                       SET raw = NULL, corrected = NULL, override = NULL, number_key = NULL, caller = %(caller)s, called = %(called)s,
                           agent = CASE WHEN mine.agents THEN NULL ELSE agent END
                      FROM (%(mine)s) mine WHERE mine.id = x.id AND NOT mine.is_held
                    """,
                    mine=mine,
                    caller=shown_sql("x", "caller", SQL("mine.digits")),
                    called=shown_sql("x", "called", SQL("mine.digits")),
                )
            )
        values = [
            {
                "kind": "suspense",
                "source_id": source,
                "rule_text": self._rule_text(rule, months, digits, agents),
                "record_count": count,
                "held_count": held_count,
                "seconds_before": seconds,
                "seconds_after": seconds,
            }
            for source, rule, months, digits, agents, count, held_count, seconds in rows
            if count or preview
        ]
        self._write_down(values, preview)
        return False

    def _suspense_digits(self, side):
        return SQL("regexp_replace(%s, '[^0-9]', '', 'g')", SQL.identifier("x", side))

    def _purge_files(self, preview):
        """Files hold calls of all clients: they go by the rule of their source.

        :return: whether there may be more
        """
        # A hold of a contract or a number keeps the files with its calls; where some are archived, they may be among these.
        in_file = SQL(
            """
            (EXISTS (SELECT FROM call_usage_line u JOIN call_statement s ON s.id = u.statement_id WHERE u.import_id = i.id AND %s)
             OR EXISTS (SELECT FROM call_archive_total t WHERE t.import_id = i.id))
            """,
            self.env["call.legal.hold"]._is_held(
                *map(SQL, ("u.company_id", "i.source_id", "s.contract_id")), [digits_of("u", "caller"), digits_of("u", "called")]
            ),
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT a.id, i.source_id, r.id, r.months, r.digits, coalesce(r.agents, false), %(held)s
                  FROM call_import i
                  JOIN ir_attachment a ON a.res_model = 'call.import' AND a.res_field = 'file' AND a.res_id = i.id
                 CROSS JOIN LATERAL (%(best)s) r
                 WHERE i.company_id = %(company)s AND i.state NOT IN ('waiting', 'running')
                   AND coalesce(i.finished_at, i.create_date) < %(today)s - make_interval(months => r.months)
                 ORDER BY i.id
                """,
                held=SQL(
                    "EXISTS (SELECT FROM call_legal_hold h WHERE h.active AND h.company_id = i.company_id) AND (%s OR %s)",
                    self.env["call.legal.hold"]._is_held(SQL("i.company_id"), SQL("i.source_id"), NOWHERE, [SQL("NULL::text")]),
                    in_file,
                ),
                best=self.env["call.retention"]._best(SQL("i.company_id"), SQL("i.source_id"), NOWHERE, NOWHERE),
                company=self.company_id.id,
                today=fields.Date.today(),
            )
        )
        going = [row for row in rows if not row[-1]]
        part = going if preview else going[:FILES_AT_ONCE]
        if not preview:
            self.env["ir.attachment"].sudo().browse(row[0] for row in part).unlink()
        counts = {}
        for _id, *key, held in part + ([row for row in rows if row[-1]] if preview else []):
            gone, kept = counts.get(tuple(key), (0, 0))
            counts[tuple(key)] = (gone + (not held), kept + held)
        values = [
            {
                "kind": "files",
                "source_id": source,
                "rule_text": self._rule_text(*rule),
                "record_count": gone,
                "held_count": kept,
            }
            for (source, *rule), (gone, kept) in counts.items()
        ]
        self._write_down(values, preview)
        return len(part) < len(going)

    # --- What is written down -----------------------------------------------------------------------------

    def _rule_text(self, rule, months, digits, agents):
        name = self.env["call.retention"].browse(rule).display_name
        if agents:
            return self.env._("%(rule)s; %(digits)s digits, agents", rule=name, digits=digits)
        return self.env._("%(rule)s; %(digits)s digits", rule=name, digits=digits)

    def _write_down(self, values, preview):
        lines = [{"purge_id": self.id, **each} for each in values if not preview or each["record_count"] or each["held_count"]]
        self.env["call.purge.line"].create(lines)


class CallPurgeLine(models.Model):
    """What was done to the calls of a source in a statement, to suspended records, or to files. What was charged is the same before and
    after: the database sees to it."""

    _name = "call.purge.line"
    _description = "Purged Records"
    _order = "purge_id desc, id"

    purge_id = fields.Many2one("call.purge", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="purge_id.company_id", store=True)
    kind = fields.Selection(
        [("calls", "Calls"), ("suspense", "Suspended records"), ("files", "Files of imports")], required=True, readonly=True
    )
    statement_id = fields.Many2one("call.statement", readonly=True, ondelete="cascade", index="btree_not_null")
    contract_id = fields.Many2one(related="statement_id.contract_id")
    source_id = fields.Many2one("call.source", readonly=True, ondelete="restrict")
    rule_text = fields.Char(string="Rule", readonly=True)
    record_count = fields.Integer(string="Records", readonly=True)
    held_count = fields.Integer(string="Held", readonly=True, help="Kept by a legal hold, or because it is still open.")
    seconds_before = fields.Integer(readonly=True)
    seconds_after = fields.Integer(readonly=True)
    billed_seconds_before = fields.Integer(string="Charged Seconds Before", readonly=True)
    billed_seconds_after = fields.Integer(string="Charged Seconds After", readonly=True)
    amount_before = fields.Float(digits=(24, 10), readonly=True)
    amount_after = fields.Float(digits=(24, 10), readonly=True)

    _nothing_lost = models.Constraint(
        "CHECK (seconds_before = seconds_after AND billed_seconds_before = billed_seconds_after AND amount_before = amount_after)",
        "A purge must not change what was charged.",
    )


class CallUsageLine(models.Model):
    _inherit = "call.usage.line"  # pylint: disable=consider-merging-classes-inherited

    is_purged = fields.Boolean(
        string="Personal Data Removed",
        readonly=True,
        groups="base.group_user",
        help="Its numbers are not whole any more, for good.",
    )
