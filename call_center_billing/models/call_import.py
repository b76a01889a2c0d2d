import hashlib
import logging
import os
import tempfile

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import AccessError, LockError, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, sql

from .. import formats
from ..deliveries import archive
from ..formats.prefetch import prefetch
from .call_usage_line import NUMBERS

_logger = logging.getLogger(__name__)

CHUNK = 1024 * 1024
AT_ONCE_BYTES = 8 * 1024 * 1024
"""A file that people choose is imported while they wait up to this size, larger ones in the background."""
MAX_TRIES = 5
"""So often the job begins with a file whose import breaks off, before somebody has to look at it."""


class CallImport(models.Model):
    """One batch of call records from a source, with its control totals.

    Always: read = accepted + duplicate + suspended + ignored, in records and in seconds. The file is kept as it came.
    The same content of one source is imported once. A file is loaded part by part; in the background each part is
    committed with ``position``, the place up to which it was read, so a killed import goes on where it stopped.
    """

    _name = "call.import"
    _description = "Call Import"
    _inherit = ["mail.thread", "call.ratio"]
    _order = "id desc"
    _check_company_auto = True
    _ratios = {"suspense_share": ("100.0 * sum(%(suspended_count)s)", "sum(%(read_count)s)")}

    name = fields.Char(string="File Name", readonly=True)
    source_id = fields.Many2one("call.source", required=True, ondelete="restrict", index=True, check_company=True)
    company_id = fields.Many2one(related="source_id.company_id", store=True, index=True)
    file = fields.Binary(
        attachment=True, copy=False, groups=NUMBERS, help="The call records exactly as the phone system wrote them."
    )
    checksum = fields.Char(string="SHA-256", readonly=True, copy=False)
    state = fields.Selection(
        [
            ("draft", "To import"),
            ("waiting", "Waiting"),
            ("running", "Running"),
            ("done", "Imported"),
            ("repeated", "Already imported"),
            ("failed", "Failed"),
            ("undone", "Undone"),
        ],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
    )
    message = fields.Text(readonly=True, copy=False)
    delivery = fields.Selection(
        [("upload", "Upload"), ("folder", "Folder"), ("push", "HTTP push"), ("pull", "Database"), ("api", "API")],
        string="Came By",
        default="upload",
        required=True,
        readonly=True,
    )
    format = fields.Char(readonly=True, help="What the file is read as, where that is not the format of the source.")
    tz = fields.Char(string="Time Zone", readonly=True, help="The zone in which times without offset were read.")
    header = fields.Text(readonly=True, copy=False, help="The lines that lead the file's records.")
    size = fields.Integer(string="Bytes", readonly=True, copy=False)
    position = fields.Integer(string="Read up to Line", readonly=True, copy=False, aggregator=None)
    tries = fields.Integer(readonly=True, copy=False, help="How often the job began with it without getting a part further.")
    progress = fields.Float(readonly=True, copy=False, aggregator=None, help="Part of the file that was read.")
    same_as_id = fields.Many2one("call.import", string="Same as", readonly=True, copy=False)
    finished_at = fields.Datetime(string="Imported on", readonly=True, copy=False)
    read_count = fields.Integer(string="Read", readonly=True, copy=False)
    accepted_count = fields.Integer(string="Accepted", readonly=True, copy=False)
    updated_count = fields.Integer(
        string="Newer Versions", readonly=True, copy=False, help="Of the accepted: records that replace what was known of a call."
    )
    duplicate_count = fields.Integer(
        string="Duplicate", readonly=True, copy=False, help="Records that were here already, or twice in the file."
    )
    suspended_count = fields.Integer(
        string="Suspended", readonly=True, copy=False, help="Records that could not become calls; each has its reason."
    )
    suspense_share = fields.Float(
        string="Suspended (%)",
        digits=(16, 2),
        readonly=True,
        copy=False,
        aggregator="avg",
        help="Suspended / read, of all the imports in the group.",
    )
    ignored_count = fields.Integer(
        string="Ignored", readonly=True, copy=False, help="Records that the phone system marks as not to be counted."
    )
    read_seconds = fields.Integer(string="Seconds Read", readonly=True, copy=False)
    accepted_seconds = fields.Integer(string="Seconds Accepted", readonly=True, copy=False)
    duplicate_seconds = fields.Integer(string="Seconds Duplicate", readonly=True, copy=False)
    suspended_seconds = fields.Integer(string="Seconds Suspended", readonly=True, copy=False)
    ignored_seconds = fields.Integer(string="Seconds Ignored", readonly=True, copy=False)
    usage_line_ids = fields.One2many(
        "call.usage.line", "import_id", string="Calls", domain=[("statement_id.billed_again_id", "=", False)]
    )
    suspense_ids = fields.One2many("call.suspense", "import_id", string="Suspended Records")
    open_suspense_count = fields.Integer(string="Still Suspended", compute="_compute_open_suspense_count")

    _content = models.UniqueIndex(
        "(source_id, checksum) WHERE state IN ('running', 'done')", "This file was imported from this source already."
    )
    _control_totals = models.Constraint(
        "CHECK (read_count = accepted_count + duplicate_count + suspended_count + ignored_count"
        " AND read_seconds = accepted_seconds + duplicate_seconds + suspended_seconds + ignored_seconds)",
        "The control totals of an import do not add up.",
    )

    def init(self):
        """The sequence numbers that came with it, as ranges: no field, only SQL reads and writes it."""
        if not sql.column_exists(self.env.cr, self._table, "seen_sequences"):
            self.env.cr.execute(SQL("ALTER TABLE %s ADD COLUMN seen_sequences int8multirange", SQL.identifier(self._table)))

    @api.depends("suspense_ids.state")
    def _compute_open_suspense_count(self):
        counts = dict(
            self.env["call.suspense"]._read_group(
                [("import_id", "in", self.ids), ("state", "=", "open")], ["import_id"], ["__count"]
            )
        )
        for record in self:
            record.open_suspense_count = counts.get(record, 0)

    @api.depends("name", "source_id")
    def _compute_display_name(self):
        for record in self:
            record.display_name = record.name or record.source_id.name or ""

    @api.model_create_multi
    def create(self, vals_list):
        return super(CallImport, self.with_context(call_records=True)).create(vals_list).with_env(self.env)

    def write(self, vals):
        return super(CallImport, self.with_context(call_records=True)).write(vals)

    @api.model
    def _create_from_chunks(self, source, chunks, name, delivery):
        """An import of a file whose content is stored as it comes: memory does not follow its size.

        :param chunks: iterable of bytes
        :raise UserError: the file is too large
        """
        record = self.create({"source_id": source.id, "name": name, "delivery": delivery})
        self.env["ir.attachment"].sudo()._store_call_records(record, chunks)
        return record

    @api.model
    def _create_from_path(self, source, path, name, delivery):
        """An import of a file on disk, which is copied; see :meth:`_create_from_chunks`."""
        return self._create_from_chunks(source, archive.read_chunks(path), name, delivery)

    @api.model
    def _create_from_files(self, source, files, delivery):
        """An import of one or more files that are read as one, as :meth:`_grouped` made them a group.

        :param files: list of deliveries.archive.File
        """
        name = files[0].name
        if len(files) > 1:
            name = self.env._("%(name)s and %(count)s more", name=name, count=len(files) - 1)
        return self._create_from_chunks(source, archive.together(files), name, delivery)

    @api.model
    def _grouped(self, source, files):
        """The files of one delivery, each by itself but those that the format reads as one.

        :param files: records with a ``name``
        :return: list of lists
        """
        bundle = formats.get(source.format).bundle
        belongs = [bundle(file.name.rsplit("/", 1)[-1]) for file in files]
        together = [file for file, is_part in zip(files, belongs, strict=True) if is_part]
        alone = [[file] for file, is_part in zip(files, belongs, strict=True) if not is_part]
        return [together, *alone] if together else alone

    @api.ondelete(at_uninstall=False)
    def _unlink_without_calls(self):
        if self.filtered(lambda record: record.state != "undone" and record.read_count):
            raise UserError(self.env._("An import that brought calls is undone instead of deleted."))

    # --- Actions ------------------------------------------------------------------------------------

    def action_import(self):
        """Import small files now; larger ones, and those of a source that is busy, in the background."""
        self.check_access("write")
        left = AT_ONCE_BYTES
        for record in self:
            if record.state not in ("draft", "waiting", "failed"):
                raise UserError(self.env._("%s was imported already.", record.display_name))
            attachment = record._content_attachment()
            if not attachment:
                raise UserError(self.env._("Choose the file with the call records first."))
            if attachment.file_size > left:
                record._enqueue()
                continue
            left -= attachment.file_size
            try:
                record._import()
            except LockError:
                record._enqueue()

    def action_refresh(self):
        """Show how far the import is."""

    def action_undo(self):
        """Take back calls and suspended records of the imports, so that the file can be imported again."""
        self.check_access("write")
        for record in self:
            record._undo()

    def action_view_calls(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_usage_line_action")
        return action | {
            "domain": [("import_id", "=", self.id), ("statement_id.billed_again_id", "=", False)],
            "context": {},
            "display_name": self.display_name,
        }

    def action_view_suspense(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_suspense_action")
        return action | {"domain": [("import_id", "=", self.id)], "display_name": self.display_name}

    # --- Import -------------------------------------------------------------------------------------

    def _enqueue(self):
        self.write({"state": "waiting", "tries": 0, "message": self.env._("Will be imported in the background within a minute.")})
        self.env.ref("call_center_billing.call_import_cron").sudo()._trigger()

    @api.model
    def _cron_import(self):
        """Import what waits, oldest first. Each part of a file is committed; what was interrupted goes on, some times."""
        Cron = self.env["ir.cron"]
        waiting = self.search([("state", "in", ("waiting", "running"))], order="id")
        Cron._commit_progress(remaining=len(waiting))
        for record in waiting:
            try:
                if record._begin_try():
                    record.with_company(record.company_id)._import(commit=True)
            except LockError:
                continue  # another worker has it
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                self.env.cr.rollback()  # another worker had it; what is left of it is looked at again
            except (psycopg2.OperationalError, OSError) as error:  # no space, for example
                self.env.cr.rollback()
                _logger.warning("Import %s broke off: %s", record.id, error)
                record.message = self.env._("Broke off, and is tried again: %s", error)
            except Exception as error:
                self.env.cr.rollback()
                _logger.exception("Import %s failed", record.id)
                record._fail(error)
            if not Cron._commit_progress(1):
                break

    def _begin_try(self):
        """Count that the job begins, so that a file which ends its process each time does not do so for ever.

        :return: whether it may
        :raise LockError: it is being imported right now
        """
        self.lock_for_update(allow_referencing=True)
        if self.state not in ("waiting", "running"):
            return False
        if self.tries >= MAX_TRIES:
            text = self.env._("It broke off %(count)s times. %(reason)s", count=self.tries, reason=self.message or "")
            self._fail(UserError(text))
            return False
        self.tries += 1
        self.env["ir.cron"]._commit_progress()
        return True

    def _fail(self, error):
        text = error.args[0] if isinstance(error, UserError) and error.args else f"{type(error).__name__}: {error}"
        self.write({"state": "failed", "message": self.env._("Interrupted: %s\nImport it again to go on.", text), "tries": 0})
        self.source_id._alert(self.env._("Import of %s", self.display_name), self.message)

    def _import(self, commit=False):
        """Read, guide, rate and store the file's records. A file that cannot be used leaves a message and no record.

        :param commit: commit each part; otherwise all is one transaction
        :raise LockError: it is being imported right now, or another import of the source is
        """
        self.ensure_one()
        source = self.source_id
        with tempfile.TemporaryDirectory() as workdir:
            path = self._content_path(workdir)
            self._lock()
            if self.state == "done":
                return
            options = self._options()
            try:
                fmt = formats.get(self._format_code())
                parts = formats.read_parts(
                    path,
                    fmt.code,
                    options,
                    source.tz,
                    f"call.source,{source.id}",
                    workdir,
                    after=self.position,
                    **self._reading(),
                )
                staged = self.env["call.staging"]._ahead(self, parts) if commit else ((part, None) for part in parts)
                with prefetch(staged) as ahead:  # reads the first part already
                    checksum = self._checksum(path)
                    if self._is_repeated(checksum):
                        return
                    self.write(
                        {
                            "state": "running",
                            "checksum": checksum,
                            "size": os.path.getsize(path),
                            "tz": source.tz,
                            "header": formats.header_of(path, fmt, options),
                            "message": False,
                        }
                    )
                    for part, table in ahead:
                        self._load_part(part, commit, table)
            except formats.ReadError as error:
                self.write({"state": "failed", "message": self._read_error_text(error)})
                return
        self._finish()

    def _format_code(self):
        return self.format or self.source_id.format

    def _reading(self):
        """How the file is read, see ``formats.read_parts``. Of what programs send each record is refused by itself."""
        return {"push": {"strict": False}, "api": {"strict": False, "part_bytes": None}}.get(self.delivery, {})

    def _lock(self):
        # One import of a source at a time: two that overlap would both find their records new.
        self.source_id.sudo().lock_for_update(allow_referencing=True)
        self.lock_for_update(allow_referencing=True)
        # What another import committed after this transaction began would not be seen: that is a conflict, which
        # starts again, rather than an error at the first record that is not new after all.
        self.env.cr.execute(SQL("UPDATE call_source SET id = id WHERE id = %s", self.source_id.id))

    def _load_part(self, part, commit, table=None):
        totals = self.env["call.loading"]._load(self, part, table)
        part.remove()
        values = {name: self[name] + value for name, value in totals.items()}
        warning = self._zone_warning(part.zone_shift)
        if warning and not self.message:
            values["message"] = warning
        self.write({**values, "position": part.last, "progress": self._progress_at(part), "tries": 0})
        if commit:
            position = self.position
            self.env["ir.cron"]._commit_progress()
            self._lock()
            self.invalidate_recordset()
            if self.state != "running" or self.position != position:
                raise LockError("Another worker went on with this import")

    def _progress_at(self, part):
        return max(self.progress, min(1.0, part.done_bytes / self.size)) if self.size else 1.0

    def _finish(self):
        self.write({"state": "done", "finished_at": fields.Datetime.now(), "progress": 1.0})
        self.source_id._after_import(self)

    def _is_repeated(self, checksum):
        """Whether the same content was imported from this source; then the import says so."""
        same = self.search(
            [
                ("source_id", "=", self.source_id.id),
                ("checksum", "=", checksum),
                ("state", "in", ("running", "done")),
                ("id", "!=", self.id),
            ],
            limit=1,
        )
        if not same:
            return False
        when = fields.Datetime.context_timestamp(self, same.finished_at or same.create_date).strftime("%Y-%m-%d %H:%M")
        self.write(
            {
                "state": "repeated",
                "checksum": checksum,
                "same_as_id": same.id,
                "message": self.env._(
                    "This file was already imported as '%(name)s' on %(date)s. Nothing was done.",
                    name=same.display_name,
                    date=when,
                ),
            }
        )
        return True

    def _content_attachment(self):
        return (
            self.env["ir.attachment"]
            .sudo()
            .search([("res_model", "=", self._name), ("res_field", "=", "file"), ("res_id", "=", self.id)], limit=1)
        )

    def _action_view_raw(self, place):
        """Show a record as it stands in the file.

        :raise AccessError: numbers are hidden from the user
        """
        self.ensure_one()
        if not self.env.user.has_group(NUMBERS):
            raise AccessError(self.env._("The raw record has whole numbers, which are hidden from you."))
        fmt = formats.get(self._format_code())
        with tempfile.TemporaryDirectory() as workdir:
            found = dict(formats.raw_records(self._content_path(workdir), fmt, self._options(), {place}))
        suspense = self.env["call.suspense"].search([("import_id", "=", self.id), ("line_number", "=", place)], limit=1)
        raw = self.env["call.raw.record"].create(
            {
                "import_id": self.id,
                "place": place,
                "raw": found.get(place) or self.env._("The file does not hold it any more."),
                "tz": suspense.tz or self.tz,
                "corrected": suspense.corrected,
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Raw Record"),
            "res_model": raw._name,
            "res_id": raw.id,
            "views": [(False, "form")],
            "target": "new",
        }

    def _options(self):
        """What the file's format is told; a date without a year is of the year before the file came."""
        day = fields.Datetime.context_timestamp(self.with_context(tz=self.source_id.tz), self.create_date).date()
        return self.source_id._format_options() | {"today": day}

    def _content_path(self, workdir):
        """A file with the content: that of the file store where there is one."""
        return self._content_attachment()._content_path(workdir)

    @api.model
    def _checksum(self, path):
        digest = hashlib.sha256()
        with open(path, "rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def _read_error_text(self, error):
        label = dict(self.env["call.source"]._fields["format"]._description_selection(self.env))[self._format_code()]
        return {
            "empty": self.env._("The file holds no call record: nothing was imported. Check that the right file was chosen."),
            "format": self.env._(
                "Not one record of this file could be read as '%s'. Check the format of the source, or choose another "
                "source, and import it again.",
                label,
            ),
            "header": self.env._(
                "The file's first line does not name the column '%(column)s' that '%(format)s' has. Check the format of the "
                "source, or export the file with this column.",
                column=error.detail,
                format=label,
            ),
            "large": self.env._(
                "This workbook unpacks to more than can be read safely: nothing was imported. Save the sheet with the calls as "
                "CSV, or as a workbook of its own with fewer calls."
            ),
            "long": self.env._(
                "All of this file is one record that is too long to be a call: nothing was imported. If it is JSON that holds "
                "the records in an array inside an object, the column mapping has to name the path of that array."
            ),
        }[error.code]

    def _zone_warning(self, shift):
        if not shift:
            return False
        return self.env._(
            "Most call IDs say that these calls began %(hours)s hours %(direction)s than the time zone of the source makes "
            "of their times. Check the time zone (%(zone)s); if it is wrong, undo this import and import the file again.",
            hours=f"{abs(shift) / 3600:g}",
            direction=self.env._("earlier") if shift > 0 else self.env._("later"),
            zone=self.source_id.tz,
        )

    def _undo(self):
        """:raise UserError: some of the calls are in a closed period"""
        self.ensure_one()
        if self.state not in ("done", "failed") or not self.read_count:
            raise UserError(self.env._("Only an import that brought records can be undone."))
        self._lock()
        self.env.flush_all()
        statements = (
            self.env["call.statement"]
            .sudo()
            .browse(
                statement
                for (statement,) in self.env.execute_query(
                    SQL(
                        "SELECT DISTINCT statement_id FROM call_usage_line u WHERE import_id = %s AND %s",
                        self.id,
                        self._no_copies("u"),
                    )
                )
            )
        )
        billed = statements.filtered(lambda statement: statement.state != "open")
        if billed:
            raise UserError(
                self.env._(
                    "Calls of this import are invoiced (%s). Delete the draft invoice first; a posted one is corrected "
                    "with a credit note.",
                    ", ".join(billed[:3].mapped("display_name")),
                )
            )
        replaced = self._replaced_lines()
        self._check_no_newer_versions(replaced)
        statements.lock_for_update()
        self._uncount_hours()
        self.env["call.count.due"].sudo()._mark(SQL("u.import_id = %s AND %s", self.id, self._no_copies("u")))
        self._forget_sequences()
        self.env["call.push"]._forget(self)
        self.env.cr.execute(
            SQL(
                "DELETE FROM call_usage_stretch x USING call_usage_line u WHERE u.id = x.usage_id AND u.import_id = %s AND %s",
                self.id,
                self._no_copies("u"),
            )
        )
        self.env.cr.execute(SQL("DELETE FROM call_usage_line u WHERE import_id = %s AND %s", self.id, self._no_copies("u")))
        for older, key in replaced.items():  # billed ones, which are the newest again
            self.env.cr.execute(SQL("UPDATE call_usage_line SET record_key = %s WHERE id = %s", key, older))
        self.env.invalidate_all()
        self.suspense_ids.sudo().unlink()
        if statements:
            statements._recount()
        self.write({"state": "undone", "message": self.env._("Undone: its calls and suspended records were removed.")})

    def _check_no_newer_versions(self, replaced):
        """:raise UserError: this import replaced calls of other imports that are still there, or another one took back what calls of
        this were charged"""
        older = self.env["call.usage.line"]._read_group(
            [("id", "in", list(replaced)), ("import_id", "!=", self.id), ("not_billable_reason", "=", "replaced")],
            ["import_id"],
            ["__count"],
        )
        if older:
            raise UserError(
                self.env._(
                    "This import brought newer versions of %(count)s calls that came with: %(imports)s. Undo these imports "
                    "first, then this one, and import the files again that you need.",
                    count=sum(count for _import, count in older),
                    imports=", ".join(call_import.display_name for call_import, _count in older[:5]),
                )
            )
        offsets = [("replaces_id.import_id", "=", self.id), ("import_id", "!=", self.id), ("quantity", "<", 0)]
        newer = self.env["call.usage.line"]._read_group(offsets, ["import_id"])
        if newer:
            raise UserError(
                self.env._(
                    "What calls of this import were charged was taken back by newer versions of them, which came with: %s. Undo "
                    "these imports first.",
                    ", ".join(call_import.display_name for (call_import,) in newer[:5]),
                )
            )

    def _replaced_lines(self):
        """:return: dict of older line -> key of the newer one, of this import"""
        return dict(
            self.env.execute_query(
                SQL(
                    "SELECT u.replaces_id, u.record_key FROM call_usage_line u JOIN call_usage_line o ON o.id = u.replaces_id"
                    " WHERE u.import_id = %s AND u.quantity >= 0 AND NOT (%s)",
                    self.id,
                    self._stays_charged(),
                )
            )
        )

    def _uncount_hours(self):
        """What this import brought does not count any more; billed calls that it replaced count again."""
        self.env["call.source.hour"]._add(
            self.source_id,
            SQL(
                """
                SELECT start_at, total_seconds, -1 FROM call_suspense
                 WHERE import_id = %(id)s AND state NOT IN ('recycled', 'replaced')
                 UNION ALL
                SELECT start_at, total_seconds, -1 FROM call_usage_line c
                 WHERE import_id = %(id)s AND quantity > 0 AND not_billable_reason IS DISTINCT FROM 'replaced' AND %(no_copies)s
                 UNION ALL
                SELECT o.start_at, o.total_seconds, 1 FROM call_usage_line u JOIN call_usage_line o ON o.id = u.replaces_id
                 WHERE u.import_id = %(id)s AND u.quantity > 0 AND u.not_billable_reason IS DISTINCT FROM 'replaced'
                   AND o.import_id <> u.import_id AND NOT (%(stays)s)
                """,
                id=self.id,
                stays=self._stays_charged(),
                no_copies=self._no_copies("c"),
            ),
        )

    @api.model
    def _no_copies(self, call):
        """Condition: a line is not one of the copies that keep what was sent before it was billed again."""
        return SQL(
            "%s NOT IN (SELECT id FROM call_statement WHERE billed_again_id IS NOT NULL)", SQL.identifier(call, "statement_id")
        )

    @api.model
    def _stays_charged(self):
        """Condition: a newer version (u) came too late to take the place of the older one (o)."""
        return SQL("(u.not_billable_reason = 'too_late') IS TRUE AND o.status = 'billable'")

    def _forget_sequences(self):
        """Numbers that only this import brought are not seen any more."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE call_source s SET seen_sequences = s.seen_sequences - (i.seen_sequences - (
                       SELECT coalesce(range_agg(r), '{}'::int8multirange)
                         FROM call_import o, unnest(o.seen_sequences) r WHERE o.source_id = s.id AND o.id <> i.id))
                  FROM call_import i WHERE i.id = %(id)s AND s.id = i.source_id AND i.seen_sequences IS NOT NULL;
                UPDATE call_import SET seen_sequences = NULL WHERE id = %(id)s
                """,
                id=self.id,
            )
        )
