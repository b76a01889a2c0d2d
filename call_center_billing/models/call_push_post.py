from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

KEEP = timedelta(minutes=10)


class CallPushPost(models.Model):
    """A post that came with the right secret, whatever its body was: what the limit of posts per minute counts.

    Rows are only added, so posts of one source do not wait for each other, and are deleted some minutes later.
    """

    _name = "call.push.post"
    _description = "Post of Call Records"
    _order = "id desc"
    _rec_name = "received_at"
    _log_access = False

    source_id = fields.Many2one("call.source", required=True, ondelete="cascade", readonly=True)
    received_at = fields.Datetime(required=True, readonly=True)

    _recent = models.Index("(source_id, received_at)")

    @api.model
    def _admit(self, source):
        """Count a post, unless the source had as many as it may have within a minute.

        :return: (posts within the last minute before this one, seconds after which the next one is let in; 0: this one is)
        """
        ((count, seconds),) = self.env.execute_query(
            SQL(
                """
                SELECT count(*), 60 - extract(epoch FROM now() AT TIME ZONE 'UTC' - min(received_at))::integer
                  FROM call_push_post WHERE source_id = %s AND received_at > now() AT TIME ZONE 'UTC' - interval '1 minute'
                """,
                source.id,
            )
        )
        if count >= source.push_per_minute:
            return count, max(seconds, 1)
        self.env.cr.execute(
            SQL("INSERT INTO call_push_post (source_id, received_at) VALUES (%s, now() AT TIME ZONE 'UTC')", source.id)
        )
        return count, 0

    @api.model
    def _forget(self):
        """Delete what no limit counts any more."""
        self.env.cr.execute(SQL("DELETE FROM call_push_post WHERE received_at < %s", fields.Datetime.now() - KEEP))
