from odoo import api, models
from odoo.sql_db import db_connect
from odoo.tools import SQL

from ..formats.record import COLUMNS

COPY_BYTES = 256 * 1024
AHEAD = "call_ahead"
"""Tables of records that are staged ahead are named after this, their import and their place in it."""


class CallStaging(models.AbstractModel):
    """The table ``call_stage``: one row for each normalised record that is being loaded, as columns ``formats.record.COLUMNS``.

    It is filled by ``COPY`` in the transaction that loads them, or ahead of it, while that one is busy with the records before:
    then it is a view on a table that another connection filled. Such a table is dropped where its records are committed; what
    a killed import leaves is dropped by the daily clean-up.
    """

    _name = "call.staging"
    _description = "Call Staging"

    @api.model
    def _columns(self):
        return SQL(", ").join(SQL("%s %s", SQL.identifier(name), SQL(kind)) for name, kind in COLUMNS)

    @api.model
    def _create(self):
        """An empty table, of this transaction."""
        self.env["call.loading"]._create_temporary("call_stage", self._columns())

    @api.model
    def _fill(self, path):
        """Stage the records of a file in this transaction."""
        self._create()
        self._copy(self.env.cr, SQL("call_stage"), path)

    @api.model
    def _use(self, table):
        """Load what was staged ahead. The view has to go with this transaction: :meth:`_drop`."""
        self.env.cr.execute(
            SQL(
                "DROP TABLE IF EXISTS pg_temp.call_stage; CREATE TEMPORARY VIEW call_stage AS SELECT * FROM %s",
                SQL.identifier(table),
            )
        )

    @api.model
    def _drop(self, table):
        self.env.cr.execute(SQL("DROP VIEW pg_temp.call_stage; DROP TABLE %s", SQL.identifier(table)))

    @api.model
    def _ahead(self, call_import, parts):
        """Stage the parts of a file ahead, all but the first, which has to be read anyway before there is something to load.

        The iterator runs in a thread of its own, so it knows nothing of this environment; its connection commits each part.

        :param parts: iterable of formats.ReadResult
        :return: iterator of (part, name of its table or None)
        """
        connection, prefix = db_connect(self.env.cr.dbname), f"{AHEAD}_{call_import.id}_{call_import.position}"
        columns = self._columns()

        def staged():
            for number, part in enumerate(parts):
                table = f"{prefix}_{number}" if number else None
                if table:
                    with connection.cursor() as cr:
                        name = SQL.identifier(table)
                        cr.execute("SET LOCAL default_statistics_target = 10")  # as in the transaction that loads
                        cr.execute(SQL("DROP TABLE IF EXISTS %s; CREATE UNLOGGED TABLE %s (%s)", name, name, columns))
                        # Frozen rows are seen by a transaction that began before they came.
                        self._copy(cr, name, part.path, frozen=True)
                yield part, table

        return staged()

    @staticmethod
    def _copy(cr, table, path, frozen=False):
        with open(path, "rb") as stream:
            cr.copy_expert(f"COPY {table.code} FROM STDIN (FORMAT csv{', FREEZE' if frozen else ''})", stream, COPY_BYTES)
        cr.execute(SQL("ANALYZE %s (line_number, record_key, outcome, direction, queue, group_ref, caller, called)", table))

    @api.autovacuum
    def _gc_ahead(self):
        """Drop what imports left that were killed."""
        tables = self.env.execute_query(
            SQL(
                """
                SELECT relname FROM pg_class LEFT JOIN call_import i ON i.id = split_part(relname, '_', 3)::integer
                 WHERE relname ~ %s AND relkind = 'r' AND relnamespace = current_schema()::regnamespace
                   AND i.state IS DISTINCT FROM 'running'
                """,
                rf"^{AHEAD}_\d+_\d+_\d+$",
            )
        )
        for (table,) in tables:
            self.env.cr.execute(SQL("DROP TABLE %s", SQL.identifier(table)))
