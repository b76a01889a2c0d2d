from odoo import api, fields, models
from odoo.tools import SQL


class CallSourceHour(models.Model):
    """How many records a source brought for each hour (UTC) in which calls began: usage lines and suspended records.

    Written by the import in bulk, in the transaction that stores the records, so it always agrees with them. Of a record
    in several versions the newest counts, and none that was taken back.
    """

    _name = "call.source.hour"
    _description = "Calls per Hour"
    _order = "hour desc"
    _log_access = False

    source_id = fields.Many2one("call.source", required=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    hour = fields.Datetime(required=True, help="Begin of the hour, shown in your time zone.")
    call_count = fields.Integer(string="Calls", required=True)
    total_seconds = fields.Integer(string="Duration (s)", required=True)

    _hour = models.UniqueIndex("(source_id, hour)")

    @api.model
    def _add(self, source, rows):
        """Add records to the counts of a source.

        :param rows: SELECT of the begin and the seconds of each record, and 1, or -1 where it does not count any more;
            records without a begin are left out
        """
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO call_source_hour (source_id, company_id, hour, call_count, total_seconds)
                SELECT %(source)s, %(company)s, date_trunc('hour', start_at), sum(number), sum(number * total_seconds)
                  FROM (%(rows)s) AS r (start_at, total_seconds, number)
                 WHERE start_at IS NOT NULL
                 GROUP BY 3
                    ON CONFLICT (source_id, hour) DO UPDATE
                   SET call_count = call_source_hour.call_count + excluded.call_count,
                       total_seconds = call_source_hour.total_seconds + excluded.total_seconds
                """,
                source=source.id,
                company=source.company_id.id,
                rows=rows,
            )
        )
        self.invalidate_model()
