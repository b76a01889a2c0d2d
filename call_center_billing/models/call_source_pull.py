import logging
import os
import tempfile

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError, ValidationError

from .. import formats
from ..deliveries import table
from ..formats.asterisk_table import NAMES
from ..formats.registry import plain_title

_logger = logging.getLogger(__name__)

FORMAT = "asterisk_table"
ALERT_AFTER = 3
NEEDED = ("pull_host", "pull_database", "pull_user", "pull_schema", "pull_table", "pull_time_column")
TITLES = {name: {titles} if isinstance(titles, str) else set(titles) for name, titles in NAMES.items()}
ADMINISTRATOR = "base.group_system"


class NothingNew(Exception):
    """An import of a pull is not to be kept; ``problem`` tells why if that is not as it should be."""

    def __init__(self, problem=False):
        super().__init__(problem)
        self.problem = problem


class CallSource(models.Model):
    """Deliveries by reading the call record table of the phone system's own PostgreSQL database.

    Each pull reads what is newer than the position, and the overlap before it once more: what is known already is
    recognised. Position and import change in one transaction, so an interrupted pull is as if it had not been. Where to
    connect to is only set by system administrators: the server can reach places that people cannot.
    """

    _inherit = "call.source"  # pylint: disable=consider-merging-classes-inherited

    pull_enabled = fields.Boolean(string="Read From a Database", copy=False)
    pull_host = fields.Char(string="Host", copy=False, groups=ADMINISTRATOR)
    pull_port = fields.Integer(string="Port", default=5432, copy=False, groups=ADMINISTRATOR)
    pull_database = fields.Char(string="Database", copy=False, groups=ADMINISTRATOR)
    pull_user = fields.Char(
        string="Database User", copy=False, groups=ADMINISTRATOR, help="A user that can only read the table is enough."
    )
    pull_password = fields.Char(string="Password", copy=False, groups=ADMINISTRATOR)
    pull_sslmode = fields.Selection(
        [
            ("prefer", "If the server can"),
            ("require", "Always"),
            ("verify-full", "Always, with a certificate that is checked"),
        ],
        string="Encryption",
        default="prefer",
        copy=False,
        groups=ADMINISTRATOR,
        help="Whether the connection to the database is encrypted. Choose a checked certificate outside your own network.",
    )
    pull_schema = fields.Char(string="Schema", default="public", copy=False, groups=ADMINISTRATOR)
    pull_table = fields.Char(string="Table", default="cdr", copy=False, groups=ADMINISTRATOR)
    pull_time_column = fields.Char(
        string="Time Column",
        default="calldate",
        copy=False,
        groups=ADMINISTRATOR,
        help="The column by which new rows are found: calldate, start or the time of insertion. An index on it keeps "
        "the phone system fast.",
    )
    pull_id_column = fields.Char(
        string="Growing Number",
        copy=False,
        groups=ADMINISTRATOR,
        help="A column with a number that the database counts up for each row (serial). With it, rows are found "
        "however late they come. Leave it empty where there is none.",
    )
    pull_overlap = fields.Integer(
        string="Overlap (Minutes)",
        default=120,
        required=True,
        help="How far each pull looks back for rows that came late. Without a growing number it has to be longer than the "
        "longest call, because the row of a call has the time at which it began.",
    )
    pull_limit = fields.Integer(
        string="Most New Rows per Pull", default=200_000, required=True, help="What is left over comes with the next pull."
    )
    pull_position = fields.Char(string="Read up to", readonly=True, copy=False)
    pull_last_id = fields.Char(readonly=True, copy=False)
    pull_message = fields.Text(string="Problem With the Database", readonly=True, copy=False)
    pull_failures = fields.Integer(readonly=True, copy=False)

    @api.constrains(*NEEDED, "pull_enabled", "pull_overlap", "pull_limit", "format")
    def _check_pull(self):
        for source in self.sudo():
            if source.pull_overlap < 0 or source.pull_limit < 1:
                raise ValidationError(self.env._("The overlap cannot be negative, and a pull has to read one row at least."))
            if not source.pull_enabled:
                continue
            if source.format != FORMAT:
                raise ValidationError(
                    self.env._("Only the format '%s' can be read from a database.", dict(formats.selection()).get(FORMAT, FORMAT))
                )
            if not all(source[name] for name in NEEDED):
                raise ValidationError(
                    self.env._("A system administrator has to fill in host, database, user, table and time column first.")
                )

    def action_test_connection(self):
        """Show whether the table can be read."""
        self.ensure_one()
        self.check_access("write")
        try:
            columns = table.check(self._pull_table())  # not sudo: only those who may read the settings
        except table.TableError as error:
            raise UserError(self._table_error_text(error)) from error
        return self._notify_pull("success", self.env._("The table can be read. Columns that are used: %s", ", ".join(columns)))

    def action_pull_now(self):
        """Read new rows without waiting for the next time."""
        self.ensure_one()
        self.check_access("write")
        source = self.sudo()
        if not source.pull_enabled:
            raise UserError(self.env._("Reading from a database is switched off for this source."))
        try:
            record = source._pull()
        except LockError as error:
            raise UserError(self.env._("Calls of this source are being imported right now. Try again in a minute.")) from error
        if source.pull_message:
            return self._notify_pull("danger", source.pull_message)
        if not record:
            return self._notify_pull("info", self.env._("There is no new call in the table."))
        return self._notify_pull("success", self.env._("%s calls are new.", record.accepted_count + record.suspended_count))

    def _notify_pull(self, kind, message):
        action = {"type": "ir.actions.client", "tag": "soft_reload"}
        params = {"type": kind, "message": message, "next": action}
        return {"type": "ir.actions.client", "tag": "display_notification", "params": params}

    @api.model
    def _cron_pull(self):
        """Read every table; a source that has no luck does not keep the others waiting."""
        Cron = self.env["ir.cron"]
        sources = self.search([("pull_enabled", "=", True)])
        Cron._commit_progress(remaining=len(sources))
        for source in sources:
            try:
                source.with_company(source.company_id)._pull()
            except LockError:
                continue  # its calls are being imported
            except Exception as error:
                self.env.cr.rollback()
                _logger.exception("The table of call source %s is read again later", source.id)
                source._report_pull(error.args[0] if isinstance(error, UserError) else type(error).__name__)
            if not Cron._commit_progress(1):
                break

    def _pull(self):
        """Import what is new in the table.

        :return: the import; none where nothing is new, or the problem is kept in ``pull_message``
        :raise LockError: somebody else is importing calls of this source
        """
        self.ensure_one()
        self.lock_for_update(allow_referencing=True)
        record, problem = self.env["call.import"], False
        since = table.Since(self.pull_position or None, int(self.pull_last_id or 0) or None, self.pull_overlap)
        with tempfile.TemporaryDirectory() as workdir:
            path = os.path.join(workdir, "rows.csv")
            try:
                pulled = table.pull(self._pull_table(), since, self.pull_limit, path)
                if pulled.count:
                    record = self._import_pulled(path, pulled)
            except table.TableError as error:
                problem = self._table_error_text(error)
            except NothingNew as nothing:
                problem = nothing.problem
        if problem:
            self._report_pull(problem)
            return record
        self.write(
            {
                "pull_position": pulled.position,
                "pull_last_id": str(pulled.last_id or ""),
                "pull_message": False,
                "pull_failures": 0,
            }
        )
        if pulled.more:
            self.env.ref("call_center_billing.call_source_pull_cron").sudo()._trigger()
        return record

    def _import_pulled(self, path, pulled):
        """:raise NothingNew: all rows are known, or not one can be read; then nothing is left of the import"""
        name = self.env._("%(table)s up to %(time)s.csv", table=self.pull_table, time=pulled.position or "")
        with self.env.cr.savepoint():
            record = self.env["call.import"]._create_from_path(self, path, name, "pull")
            record._import()
            if record.state == "failed":
                raise NothingNew(record.message)
            if not record.accepted_count + record.suspended_count:
                raise NothingNew
        return record

    def _pull_table(self):
        self.ensure_one()
        required = formats.get(FORMAT).required
        return table.Table(
            connection={
                "host": self.pull_host,
                "port": self.pull_port,
                "dbname": self.pull_database,
                "user": self.pull_user,
                "password": self.pull_password or "",
                "sslmode": self.pull_sslmode or "prefer",
            },
            schema=self.pull_schema,
            name=self.pull_table,
            time_column=self.pull_time_column,
            id_column=self.pull_id_column or None,
            wanted=lambda name: plain_title(name) in set().union(*TITLES.values()),
            required=tuple(TITLES[name] for name in required),
            zone=self.tz,
        )

    def _table_error_text(self, error):
        return {
            "database": self.env._("The database says: %s", error.detail),
            "column": self.env._("The table has no column %s.", error.detail),
            "time": self.env._("The column %s holds no times (timestamp).", error.detail),
            "untimed": self.env._("The table has no row with a time in the column %s.", error.detail),
            "number": self.env._("The column %s holds no whole numbers: leave the growing number empty.", error.detail),
        }[error.code]

    def _report_pull(self, text):
        """Keep what is wrong; who is responsible gets an activity when it stays so."""
        self.write({"pull_message": text, "pull_failures": self.pull_failures + 1})
        _logger.warning("Call source %s: no rows were read from its database: %s", self.id, text)
        if self.pull_failures == ALERT_AFTER:
            self._alert(self.env._("Reading calls from the database"), text)
