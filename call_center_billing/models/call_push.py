import hashlib
import json
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

BATCH_BODIES = 50_000
BATCH_BYTES = 32 * 1024 * 1024
KEEP = timedelta(hours=1)


class CallPush(models.Model):
    """What a phone system posted, kept until it is part of an import.

    Always: either ``content`` is here, or it is in the file of ``import_id``; both change in one transaction. A row
    stays for an hour without content, so that a body that comes again is recognised. Later its records are, by their keys.
    """

    _name = "call.push"
    _description = "Pushed Call Records"
    _order = "id"
    _rec_name = "received_at"

    source_id = fields.Many2one("call.source", required=True, ondelete="cascade", readonly=True)
    received_at = fields.Datetime(required=True, readonly=True)
    content = fields.Text(readonly=True, help="The records, one a line, as JSON.")
    size = fields.Integer(string="Characters", readonly=True, aggregator=None)
    checksum = fields.Char(string="SHA-256 of the Body", required=True, readonly=True)
    import_id = fields.Many2one("call.import", ondelete="cascade", index="btree_not_null", readonly=True)

    _body = models.UniqueIndex("(source_id, checksum)")
    _waiting = models.Index("(source_id, id) WHERE import_id IS NULL")

    @api.model
    def _receive(self, source, body, records):
        """Keep a body. It is safe only when the transaction is committed.

        :param records: what the body holds, as dicts
        :return: False where the same body was here already
        """
        content = "\n".join(json.dumps(record) for record in records)  # ASCII, whatever characters the texts have
        return bool(
            self.env.execute_query(
                SQL(
                    """
                    INSERT INTO call_push (source_id, received_at, content, size, checksum)
                    VALUES (%s, now() AT TIME ZONE 'UTC', %s, %s, %s) ON CONFLICT (source_id, checksum) DO NOTHING RETURNING id
                    """,
                    source.id,
                    content,
                    len(content),
                    hashlib.sha256(body).hexdigest(),
                )
            )
        )

    @api.model
    def _cron_collect(self):
        """Make imports of what waits, each committed by itself, and forget what was collected long ago."""
        Cron = self.env["ir.cron"]
        waiting = self.env.execute_query(
            SQL("SELECT source_id, max(id) FROM call_push WHERE import_id IS NULL GROUP BY source_id")
        )
        Cron._commit_progress(remaining=len(waiting))
        for source_id, until in waiting:
            source = self.env["call.source"].browse(source_id)
            try:
                while self._collect(source, until) and Cron._commit_progress():
                    pass
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                self.env.cr.rollback()  # another worker collects it
            except Exception as error:
                self.env.cr.rollback()
                _logger.exception("What was pushed to call source %s stays and is collected later", source.id)
                source._alert(self.env._("Collecting what was pushed"), f"{type(error).__name__}: {error}")
            if not Cron._commit_progress(1):
                break
        self.env.cr.execute(
            SQL("DELETE FROM call_push WHERE import_id IS NOT NULL AND received_at < %s", fields.Datetime.now() - KEEP)
        )
        self.env["call.push.post"]._forget()

    @api.model
    def _collect(self, source, until):
        """Move what waits of a source into one import, which is imported in the background as any large file.

        :param until: id of the last body that is of interest; those that arrive meanwhile are for the next time
        :return: the import; none where nothing waits
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id, content FROM call_push WHERE id IN (
                       SELECT id FROM (
                              SELECT id, size, sum(size) OVER (ORDER BY id) AS total
                                FROM call_push WHERE source_id = %s AND import_id IS NULL AND id <= %s
                               ORDER BY id LIMIT %s) oldest
                        WHERE total - size < %s)
                 ORDER BY id FOR UPDATE
                """,
                source.id,
                until,
                BATCH_BODIES,
                BATCH_BYTES,
            )
        )
        Import = self.env["call.import"].with_company(source.company_id)
        if not rows:
            return Import
        now = fields.Datetime.now().strftime("%Y-%m-%d %H-%M-%S")
        name = self.env._("push %(now)s UTC (%(count)s).jsonl", now=now, count=len(rows))
        record = Import._create_from_chunks(source, (f"{text}\n".encode() for _id, text in rows), name, "push")
        self.env.cr.execute(
            SQL(
                "UPDATE call_push SET import_id = %s, content = NULL WHERE id = ANY(%s)",
                record.id,
                [each for each, _text in rows],
            )
        )
        record._enqueue()
        return record

    @api.model
    def _forget(self, imports):
        """The imports are undone: what came with them may come again."""
        self.env.cr.execute(SQL("DELETE FROM call_push WHERE import_id = ANY(%s)", imports.ids))
