"""Calls of old periods that are settled: out of the database into a file, and back."""

import hashlib
import logging
import os
import tempfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, sql

from .. import parquet
from .call_count import days_of_calls
from .call_retention import digits_of
from .call_settlement import freed_by_calls, is_included, is_offset
from .call_statement_document import on_disk
from .call_usage_line import AMOUNT_DIGITS, NUMBERS

_logger = logging.getLogger(__name__)

ACCOUNTANT = "call_center_billing.group_accountant"
KEPT_DAYS = 30
"""Days for which calls that were brought back stay, at least."""
CHUNK = 1024 * 1024
EXPLAINED = {
    "service_name": SQL("n.name"),
    "rate_name": SQL("k.name::text"),
    "rate_time_price": SQL("trim_scale(r.time_price)::text"),
    "rate_time_seconds": SQL("r.time_seconds::text"),
    "rate_call_price": SQL("trim_scale(r.call_price)::text"),
    "source_name": SQL("o.name"),
}
"""What the file tells of each call beside its own columns: whoever reads it needs no database."""
STRETCHES = SQL(
    """
    (SELECT jsonb_agg(jsonb_build_array(x.id, x.number, x.price_id, x.seconds) ORDER BY x.number, x.id)
       FROM call_usage_stretch x WHERE u.is_split AND x.usage_id = u.id)
    """
)
SUMS = ("call_count", "seconds", "billed_seconds", "amount", "first_at", "last_at")


def chunks(path):
    with open(path, "rb") as stream:
        yield from iter(lambda: stream.read(CHUNK), b"")


class CallArchive(models.Model):
    """The calls of a statement as a Parquet file: when they were taken out of the database, by whom, how many, with their sums and the
    file's SHA-256. The entry stays when they were brought back; the file does not.

    Only periods that are closed for good are archived, see :meth:`_candidates`. What stays in the database is everything that was
    counted and charged, ``call.archive.total`` for the proof, and the 16-byte keys of the calls in ``call_archive_key``, by which records that
    come again are known. Whatever needs the calls themselves is refused until they are brought back.

    A statement is archived in one transaction: the file is written, read back out of the file store and compared with the table, each
    column of each call, before a row is deleted. So it can be killed at any moment, and goes on where it was.
    """

    _name = "call.archive"
    _description = "Archive of Calls"
    _order = "id desc"

    statement_id = fields.Many2one("call.statement", required=True, readonly=True, ondelete="restrict", index=True)
    company_id = fields.Many2one(related="statement_id.company_id", store=True, index=True)
    contract_id = fields.Many2one(related="statement_id.contract_id")
    partner_id = fields.Many2one(related="statement_id.partner_id", string="Client")
    state = fields.Selection(
        [("archived", "Archived"), ("restored", "Brought Back")], required=True, readonly=True, default="archived"
    )
    at = fields.Datetime(string="Archived on", required=True, readonly=True, default=fields.Datetime.now)
    user_id = fields.Many2one("res.users", string="By", readonly=True, default=lambda self: self.env.user)
    call_count = fields.Integer(string="Calls", readonly=True)
    seconds = fields.Integer(string="Duration (s)", readonly=True)
    billed_seconds = fields.Integer(string="Charged (s)", readonly=True)
    amount = fields.Float(string="Price", digits=AMOUNT_DIGITS, readonly=True, help="Exact sum of the calls' prices.")
    first_at = fields.Datetime(string="First Call", readonly=True)
    last_at = fields.Datetime(string="Last Call", readonly=True)
    file = fields.Binary(attachment=True, readonly=True, groups=fields.NO_ACCESS)
    file_size = fields.Integer(string="Bytes", readonly=True)
    sha256 = fields.Char(string="SHA-256", readonly=True)
    verified_at = fields.Datetime(
        string="Compared on", readonly=True, help="When the file was compared with what is written here."
    )
    restored_at = fields.Datetime(string="Brought Back on", readonly=True)
    restored_by_id = fields.Many2one("res.users", string="Brought Back by", readonly=True)
    restore_reason = fields.Char(string="Why", readonly=True)
    total_ids = fields.One2many("call.archive.total", "archive_id", readonly=True)
    days = fields.Json(
        readonly=True, help="Calls, seconds, charged seconds and price by day, as the counts for performance have them."
    )
    freed = fields.Json(readonly=True, help="What charges made free of single calls.")
    older_ids = fields.Json(readonly=True, help="Statements with older versions of these calls.")

    _one = models.UniqueIndex("(statement_id) WHERE state = 'archived'", "The calls of this statement are archived already.")
    _horizon = models.Index("(last_at) WHERE state = 'archived'")

    def init(self):
        """The keys of archived calls. They are no model: nothing but the bulk load reads them."""
        if not sql.table_exists(self.env.cr, "call_archive_key"):
            self.env.cr.execute("CREATE TABLE call_archive_key (record_key uuid PRIMARY KEY)")

    @api.depends("statement_id")
    def _compute_display_name(self):
        for archive in self:
            archive.display_name = self.env._("Calls of %s", archive.statement_id.display_name)

    # --- Which statements -----------------------------------------------------------------------------------

    @api.model
    def _reasons(self):
        """dict of reason -> why the calls of a statement stay where they are"""
        return {
            "unposted": self.env._("Their invoice is not posted"),
            "undecided": self.env._("It is not decided what becomes of a credited invoice"),
            "unpaid": self.env._("Not paid, and without a limit for disputes and late usage"),
            "window": self.env._("Can still be disputed, or late usage can still come"),
            "dispute": self.env._("In dispute"),
            "adjustment": self.env._("An adjustment is not invoiced yet"),
            "restored": self.env._("Brought back in the last %s days", KEPT_DAYS),
            "referred": self.env._("Single calls were disputed, or replaced by newer records that are not archived"),
            "held": self.env._("Under a legal hold"),
        }

    @api.model
    def _candidates(self, company, months, statements=None):
        """Statements of periods that ended so many months ago, and why their calls stay.

        :param statements: look at these only
        :return: list of (statement id, calls, reason): None, or one of :meth:`_reasons`
        """
        held = self.env["call.legal.hold"]._is_held(
            *map(SQL, ("u.company_id", "i.source_id", "s.contract_id")), [digits_of("u", "caller"), digits_of("u", "called")]
        )
        self.env.flush_all()
        return self.env.execute_query(
            SQL(
                """
                WITH referred AS MATERIALIZED (
                    SELECT u.statement_id FROM call_usage_line x JOIN call_usage_line u ON u.id = x.replaces_id
                     WHERE x.replaces_id IS NOT NULL AND x.statement_id <> u.statement_id
                     UNION
                    SELECT u.statement_id FROM call_dispute_line l JOIN call_usage_line u ON u.id = l.usage_id
                     UNION
                    SELECT u.statement_id FROM call_correction k JOIN call_usage_line u ON u.id = k.usage_id)
                SELECT s.id, s.usage_count,
                       CASE WHEN s.state <> 'void' AND m.state IS DISTINCT FROM 'posted' THEN 'unposted'
                            WHEN s.state <> 'void' AND m.payment_state = 'reversed' THEN 'undecided'
                            WHEN s.state = 'invoiced' AND coalesce(c.contestation_days, 0) + coalesce(c.back_billing_days, 0) = 0
                                 THEN 'unpaid'
                            WHEN s.state <> 'void' AND greatest(m.invoice_date + c.contestation_days,
                                                                s.date_end + c.back_billing_days) >= %(today)s THEN 'window'
                            WHEN EXISTS (SELECT FROM call_dispute d WHERE d.statement_id = s.id AND d.state IN ('new', 'review'))
                                 THEN 'dispute'
                            WHEN EXISTS (SELECT FROM call_adjustment a WHERE a.statement_id = s.id AND a.state = 'pending')
                                 THEN 'adjustment'
                            WHEN EXISTS (SELECT FROM call_archive a WHERE a.statement_id = s.id AND a.restored_at > %(kept)s)
                                 THEN 'restored'
                            WHEN s.id IN (SELECT statement_id FROM referred) THEN 'referred'
                            WHEN EXISTS (SELECT FROM call_legal_hold h WHERE h.active AND h.company_id = s.company_id)
                                 AND EXISTS (SELECT FROM call_usage_line u JOIN call_import i ON i.id = u.import_id
                                              WHERE u.statement_id = s.id AND %(held)s) THEN 'held' END
                  FROM call_statement s
                  JOIN contract_contract c ON c.id = s.contract_id
                  LEFT JOIN account_move m ON m.id = s.invoice_id
                 WHERE s.company_id = %(company)s AND s.state <> 'open' AND s.archive_id IS NULL
                   AND s.date_end < %(today)s - make_interval(months => %(months)s) AND %(which)s
                   AND EXISTS (SELECT FROM call_usage_line u WHERE u.statement_id = s.id)
                 ORDER BY s.date_end, s.id
                """,
                today=fields.Date.today(),
                kept=fields.Datetime.now() - timedelta(days=KEPT_DAYS),
                held=held,
                company=company.id,
                months=months,
                which=SQL("true") if statements is None else SQL("s.id = ANY(%s)", statements.ids),
            )
        )

    # --- The job --------------------------------------------------------------------------------------------

    @api.model
    def _cron_archive(self):
        for company in self.env["res.company"].search([("call_archive_months", ">", 0)], order="id"):
            self._run(company, commit=True)

    @api.model
    def _run(self, company, commit=False):
        """Archive what is due in a company, statement by statement. What somebody else works on is left to the next run.

        :param commit: commit each statement
        """
        months, Cron = company.call_archive_months, self.env["ir.cron"]
        due = [statement for statement, _calls, reason in self._candidates(company, months) if not reason]
        if commit:
            Cron._commit_progress(remaining=len(due))
        for statement in self.env["call.statement"].browse(due):
            try:
                with self.env.cr.savepoint():
                    mine = statement.try_lock_for_update()
                    if mine and self._candidates(company, months, mine) == [(mine.id, mine.usage_count, None)]:
                        self._archive(mine)
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                if not commit:
                    raise
                self.env.cr.rollback()
            except (UserError, OSError, parquet.Error) as error:
                _logger.error("The calls of statement %s are not archived: %s", statement.id, error)
                statement._tell_not_archived(str(error))
            if commit and not Cron._commit_progress(1):
                break

    @api.model
    def _archive(self, statement):
        """Take the calls of a statement out of the database.

        :return: call.archive
        :raise UserError: what was written is not what is there; the caller takes back what was done
        """
        self.env["call.count"]._count_due(SQL("d.statement_id = %s", statement.id))
        mine = SQL("u.statement_id = %s", statement.id)
        sums = self._sum(SQL("call_usage_line u WHERE %s", mine))
        archive = self.create({"statement_id": statement.id, **dict(zip(SUMS, sums, strict=True)), **self._told(statement)})
        archive.flush_recordset()
        self.env.cr.execute(SQL("UPDATE call_archive SET amount = %s::numeric WHERE id = %s", str(sums[3]), archive.id))
        with tempfile.TemporaryDirectory() as workdir:
            archive._store(archive._written(workdir))
            archive._compare(workdir)
        archive._keep_totals()
        for query in (
            SQL(
                "INSERT INTO call_archive_key SELECT record_key FROM call_usage_line u WHERE %s ORDER BY 1 ON CONFLICT DO NOTHING",
                mine,
            ),
            SQL("DELETE FROM call_usage_stretch x USING call_usage_line u WHERE u.id = x.usage_id AND %s", mine),
            SQL("DELETE FROM call_usage_line u WHERE %s", mine),
        ):
            self.env.cr.execute(query)
        if self.env.cr.rowcount != archive.call_count:
            raise UserError(self.env._("Its calls changed meanwhile."))
        statement.archive_id = archive
        self.env.invalidate_all()
        statement._message_log(
            body=self.env._(
                "%(count)s calls were archived. SHA-256 of the file: %(sha)s", count=archive.call_count, sha=archive.sha256
            )
        )
        return archive

    @api.model
    def _sum(self, calls):
        """:param calls: FROM item and condition
        :return: (calls, seconds, charged seconds, exact sum of the prices, first and last start)"""
        ((count, seconds, billed, amount, first, last),) = self.env.execute_query(
            SQL(
                "SELECT count(*), sum(total_seconds)::bigint, sum(billed_seconds)::bigint, sum(amount)::text, min(start_at), max(start_at)"
                " FROM %s",
                calls,
            )
        )
        return count, seconds or 0, billed or 0, Decimal(amount or 0), first, last

    @api.model
    def _told(self, statement):
        """What has to be known of the calls when they are not there any more, beside ``call.archive.total``."""
        mine = SQL("SELECT %s::integer", statement.id)
        days = self.env.execute_query(
            SQL(
                "SELECT date::text, calls, seconds::bigint, billed::bigint, amount::text FROM (%s) d ORDER BY 1",
                days_of_calls(mine),
            )
        )
        charges = SQL("(SELECT * FROM call_charge WHERE statement_id = %s)", statement.id)
        freed = self.env.execute_query(SQL("SELECT id::text, amount::text FROM (%s) f", freed_by_calls(charges)))
        older = self.env.execute_query(
            SQL(
                "SELECT DISTINCT o.statement_id FROM call_usage_line u JOIN call_usage_line o ON o.id = u.replaces_id"
                " WHERE u.statement_id = %(id)s AND o.statement_id <> %(id)s",
                id=statement.id,
            )
        )
        return {"days": list(map(list, days)), "freed": dict(freed), "older_ids": [each for (each,) in older]}

    def _keep_totals(self):
        names = ("statement_id", "company_id", "import_id", "date", "late_of_id", "contract_line_id", "rule_id", "status",
                 "not_billable_reason")  # fmt: skip
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO call_archive_total (archive_id, %(names)s, is_offset, is_included,
                       call_count, seconds, signed_seconds, billed_seconds, amount, lost_amount)
                SELECT %(archive)s, %(columns)s, %(offset)s IS TRUE, (%(included)s) IS TRUE, count(*), sum(u.total_seconds),
                       sum(u.total_seconds * sign(u.quantity)), sum(u.billed_seconds), sum(u.amount),
                       coalesce(sum(u.lost_amount) FILTER (WHERE u.not_billable_reason = 'too_late'), 0)
                  FROM call_statement s JOIN call_usage_line u ON u.statement_id = s.id
                 WHERE s.id = %(statement)s GROUP BY %(columns)s, %(offset)s IS TRUE, (%(included)s) IS TRUE
                """,
                names=SQL(", ").join(map(SQL.identifier, names)),
                columns=SQL(", ").join(SQL.identifier("u", name) for name in names),
                archive=self.id,
                statement=self.statement_id.id,
                offset=is_offset("u"),
                included=is_included("u"),
            )
        )
        self.env["call.archive.total"].invalidate_model()

    # --- The file -------------------------------------------------------------------------------------------

    def _written(self, workdir):
        """:return: path of the Parquet file"""
        statement, columns = self.statement_id, self.env["call.usage.line"]._stored_columns()
        query = SQL(
            """
            SELECT %s, %s, %s FROM call_usage_line u
              JOIN contract_line n ON n.id = u.contract_line_id
              JOIN call_rate_rule k ON k.id = u.rule_id
              JOIN call_price r ON r.id = u.price_id
              JOIN call_import i ON i.id = u.import_id JOIN call_source o ON o.id = i.source_id
             WHERE u.statement_id = %s ORDER BY u.start_at, u.id
            """,
            SQL(", ").join(SQL.identifier("u", name) for name in columns),
            STRETCHES,
            SQL(", ").join(EXPLAINED.values()),
            statement.id,
        )
        path, rows = f"{workdir}/calls.parquet", f"{workdir}/written.csv"
        with open(rows, "wb") as stream:
            self.env.cr.copy_expert(f"COPY ({self.env.cr._format(query)}) TO STDOUT ({parquet.OPTIONS})", stream, CHUNK)
        told = {
            "Company": self.company_id.name,
            "Client": statement.sudo().partner_id.name,
            "Contract": statement.contract_id.name,
            "Period": f"{statement.date_start}/{statement.date_end}",
            "Currency": statement.currency_id.name,
            "Invoice": statement.invoice_id.name or "",
            "Times": "UTC",
        }
        parquet.write(rows, path, {**columns, "stretches": "jsonb", **dict.fromkeys(EXPLAINED, "text")}, told)
        Path(rows).unlink()
        return path

    def _store(self, path):
        with open(path, "rb") as stream:
            self.sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        self.env["ir.attachment"].sudo()._store_call_records(self, chunks(path))
        self.file_size = Path(path).stat().st_size
        if stored := self._attachment().store_fname:
            # A server that loses power after the calls are gone has the name of their file on disk, too.
            for folder in list(Path(self.env["ir.attachment"]._full_path(stored)).parents)[:2]:
                descriptor = os.open(folder, os.O_RDONLY)
                os.fsync(descriptor)
                os.close(descriptor)

    def _attachment(self):
        domain = [("res_model", "=", self._name), ("res_field", "=", "file"), ("res_id", "in", self.ids)]
        return self.env["ir.attachment"].sudo().search(domain)

    def _checked(self, workdir):
        """:return: path of the file
        :raise UserError: it is not the one that was written"""
        self.ensure_one()
        attachment = self._attachment()
        path = attachment._content_path(workdir) if attachment else ""
        if not path or not Path(path).exists():
            raise UserError(self.env._("The file with the calls of %s is not there.", self.statement_id.display_name))
        with open(path, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != self.sha256:
            raise UserError(
                self.env._("The file with the calls of %s is not the one that was written.", self.statement_id.display_name)
            )
        sums = self._sum_recorded()
        if parquet.totals(path) != sums:
            raise UserError(self.env._("The file with the calls of %s has other sums.", self.statement_id.display_name))
        return path

    def _sum_recorded(self):
        self.flush_recordset()
        (row,) = self.env.execute_query(
            SQL(
                "SELECT call_count, seconds, billed_seconds, amount::text, first_at, last_at FROM call_archive WHERE id = %s",
                self.id,
            )
        )
        return (*row[:3], Decimal(row[3]), *row[4:])

    def _read_back(self, workdir):
        """Table ``call_archived`` with the calls of the file.

        :return: list of their columns that there are
        """
        path, rows = self._checked(workdir), f"{workdir}/read.csv"
        there = self.env["call.usage.line"]._stored_columns()
        names = [name for name in parquet.columns(path) if name in there]
        parquet.read(path, rows, [*names, "stretches"])
        columns = SQL(", ").join(map(SQL.identifier, names))
        self.env.cr.execute("DROP TABLE IF EXISTS pg_temp.call_archived")
        self.env.cr.execute(
            SQL(
                "CREATE TEMPORARY TABLE call_archived ON COMMIT DROP AS SELECT %s, NULL::jsonb AS stretches FROM call_usage_line WITH NO DATA",
                columns,
            )
        )
        with open(rows, "rb") as stream:
            self.env.cr.copy_expert(r"COPY call_archived FROM STDIN (FORMAT csv, NULL '\N')", stream, CHUNK)
        Path(rows).unlink()
        self.env.cr.execute("ANALYZE call_archived (id)")
        return names

    def _compare(self, workdir):
        """Compare the file with the table: each column of each call, and the stretches of those that are split.

        :raise UserError: something differs
        """
        names = self._read_back(workdir)
        mine, theirs = (SQL(", ").join(SQL.identifier(alias, name) for name in names) for alias in "ua")
        ((same, read),) = self.env.execute_query(
            SQL(
                """
                SELECT (SELECT count(*) FROM call_usage_line u JOIN call_archived a ON a.id = u.id
                         WHERE u.statement_id = %s AND (%s, %s) IS NOT DISTINCT FROM (%s, a.stretches)),
                       (SELECT count(*) FROM call_archived)
                """,
                self.statement_id.id,
                mine,
                STRETCHES,
                theirs,
            )
        )
        if not (same == read == self.call_count) or set(names) != set(self.env["call.usage.line"]._stored_columns()):
            raise UserError(
                self.env._(
                    "%(count)s calls were written, %(read)s were read back, and %(same)s of them are the same.",
                    count=self.call_count,
                    read=read,
                    same=same,
                )
            )
        self.verified_at = fields.Datetime.now()

    def action_compare(self):
        """Compare the file with what was written down when it was made.

        :raise UserError: it is not the same
        """
        self.check_access("read")
        self._check_accountant()
        for archive in self.sudo().filtered(lambda each: each.state == "archived"):
            with tempfile.TemporaryDirectory() as workdir:
                archive._checked(workdir)
            archive.verified_at = fields.Datetime.now()
        message = self.env._("The file is the one that was written, with the same calls, seconds and prices.")
        return {"type": "ir.actions.client", "tag": "display_notification", "params": {"type": "success", "message": message}}

    def action_download(self):
        """The file, for those who may see whole numbers; references of recordings are not in it."""
        self.ensure_one()
        self._check_download()
        return {"type": "ir.actions.act_url", "url": f"/call_center_billing/archive/{self.id}", "target": "download"}

    def _check_download(self):
        """:raise AccessError: the user may not see the archive, or not whole numbers"""
        self.check_access("read")
        if not self.env.user.has_group(NUMBERS):
            raise AccessError(self.env._("The file has whole numbers: only who may see these downloads it."))

    def _download(self):
        """:return: what is given out, as a file on disk that is gone when it is closed; who took it is written down"""
        with tempfile.TemporaryDirectory() as workdir:
            path, target = self.sudo()._checked(workdir), f"{workdir}/download.parquet"
            parquet.without(path, target, ["recording_ref", "record_key"])
            self.statement_id.sudo()._message_log(
                body=self.env._("%s downloaded the file of archived calls.", self.env.user.name)
            )
            return on_disk(lambda stream: stream.writelines(chunks(target)))

    @api.model
    def _wrong(self, statements):
        """What is archived of statements and is not as it was written down. Whether the content of a file is the same is left to
        :meth:`action_compare`.

        :param statements: SELECT of ids
        :return: list of ids
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT a.id, f.store_fname, f.file_size,
                       (a.call_count, a.seconds, a.billed_seconds, round(a.amount, 8), a.file_size) IS DISTINCT FROM
                       (t.calls, t.seconds, t.billed, round(t.amount, 8), f.file_size)
                  FROM call_archive a
                  LEFT JOIN ir_attachment f ON f.res_model = 'call.archive' AND f.res_field = 'file' AND f.res_id = a.id
                 CROSS JOIN LATERAL (SELECT sum(call_count) AS calls, sum(seconds) AS seconds, sum(billed_seconds) AS billed,
                                            sum(amount) AS amount FROM call_archive_total WHERE archive_id = a.id) t
                 WHERE a.state = 'archived' AND a.statement_id IN (%s)
                """,
                statements,
            )
        )
        full_path = self.env["ir.attachment"]._full_path
        return [
            archive
            for archive, name, size, wrong in rows
            if wrong or name and not (Path(full_path(name)).exists() and Path(full_path(name)).stat().st_size == size)
        ]

    # --- Back -----------------------------------------------------------------------------------------------

    def _check_accountant(self):
        if not self.env.user.has_group(ACCOUNTANT):
            raise AccessError(self.env._("Only billing accountants look after archived calls."))

    def _bring_back(self, reason):
        """Put calls back as they were. What is back already stays as it is.

        :param reason: why, for the log
        :raise UserError: the file is not the one that was written
        """
        for archive in self.sudo():
            statement = archive.statement_id
            statement.lock_for_update()
            archive.invalidate_recordset()
            if archive.state != "archived":
                continue
            with tempfile.TemporaryDirectory() as workdir:
                names = archive._read_back(workdir)
            archive._insert(names)
            archive.total_ids.unlink()
            archive.write(
                {
                    "state": "restored",
                    "restored_at": fields.Datetime.now(),
                    "restored_by_id": self.env.uid,
                    "restore_reason": reason,
                    "days": False,
                    "freed": False,
                }
            )
            statement.archive_id = False
            archive._attachment().unlink()
            self.env.invalidate_all()
            statement._message_log(
                body=self.env._("%(count)s archived calls were brought back: %(why)s", count=archive.call_count, why=reason)
            )
            # A newer version is not without the older one that it leads to.
            older = self.env["call.statement"].sudo().browse(archive.older_ids or []).exists()
            older.archive_id._bring_back(reason)

    def _insert(self, names):
        columns = SQL(", ").join(map(SQL.identifier, names))
        self.env.cr.execute(SQL("INSERT INTO call_usage_line (%s) SELECT %s FROM call_archived", columns, columns))
        if self.env.cr.rowcount != self.call_count:
            raise UserError(self.env._("The file with the calls of %s has other sums.", self.statement_id.display_name))
        self.env.cr.execute(
            """
            INSERT INTO call_usage_stretch (id, usage_id, number, price_id, seconds)
            SELECT (x->>0)::integer, a.id, (x->>1)::integer, (x->>2)::integer, (x->>3)::integer
              FROM call_archived a, jsonb_array_elements(a.stretches) x;
            DELETE FROM call_archive_key k USING call_archived a WHERE a.record_key = k.record_key
            """
        )

    @api.model
    def _bring_back_number(self, company, digits, reason):
        """Bring the calls of a number back, with all others of their statements.

        :param digits: of the number, with its country code
        """
        found = self.browse()
        for archive in self.sudo().search([("company_id", "=", company.id), ("state", "=", "archived")]):
            with tempfile.TemporaryDirectory() as workdir:
                if parquet.has_number(archive._checked(workdir), digits):
                    found |= archive
        found._bring_back(reason)

    # --- Records that come again ------------------------------------------------------------------------------

    @api.model
    def _known(self):
        """Staged records that are in an archive. Where all of them are younger than what is archived, no key is looked at.

        :return: set of their lines
        """
        ((horizon,),) = self.env.execute_query(SQL("SELECT max(last_at) FROM call_archive WHERE state = 'archived'"))
        if not horizon:
            return set()
        rows = self.env["call.joining"]._query_by_key(
            SQL(
                "SELECT s.line_number FROM call_stage s JOIN call_archive_key k ON k.record_key = s.record_key"
                " WHERE s.start_at <= %s AND (s.outcome IS NULL OR s.outcome = 'refused')",
                horizon,
            )
        )
        return {line for (line,) in rows}


class CallArchiveTotal(models.Model):
    """Counts and sums of archived calls that have in common what the proof of completeness tells apart; gone when they are brought back."""

    _name = "call.archive.total"
    _description = "Sums of Archived Calls"
    _log_access = False

    archive_id = fields.Many2one("call.archive", required=True, readonly=True, ondelete="cascade", index=True)
    statement_id = fields.Many2one("call.statement", required=True, readonly=True, ondelete="restrict", index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="restrict")
    import_id = fields.Many2one("call.import", required=True, readonly=True, ondelete="restrict", index=True)
    date = fields.Date(required=True, readonly=True)
    late_of_id = fields.Many2one("call.statement", readonly=True, ondelete="restrict")
    contract_line_id = fields.Many2one("contract.line", required=True, readonly=True, ondelete="restrict")
    rule_id = fields.Many2one("call.rate.rule", required=True, readonly=True, ondelete="restrict")
    status = fields.Char(required=True, readonly=True)
    not_billable_reason = fields.Char(readonly=True)
    is_offset = fields.Boolean(readonly=True, help="They take back what was billed.")
    is_included = fields.Boolean(readonly=True, help="An allowance made them free.")
    call_count = fields.Integer(readonly=True)
    seconds = fields.Integer(readonly=True)
    signed_seconds = fields.Integer(readonly=True, help="Less what was taken back.")
    billed_seconds = fields.Integer(readonly=True)
    amount = fields.Float(digits=AMOUNT_DIGITS, readonly=True)
    lost_amount = fields.Float(digits=AMOUNT_DIGITS, readonly=True)
