from collections import Counter

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

FILE_BYTES = 50
"""Of a call in a file, as long as there is none to reckon from."""


class CallArchivePreview(models.TransientModel):
    """What the daily job would archive if calls were archived after so many months, and what stays, and why."""

    _name = "call.archive.preview"
    _description = "What Would Be Archived"

    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    months = fields.Integer(
        string="Archive Calls After", required=True, default=lambda self: self.env.company.call_archive_months or 24
    )
    statement_count = fields.Integer(string="Statements", compute="_compute_counts")
    call_count = fields.Integer(string="Calls", compute="_compute_counts")
    table_megabytes = fields.Float(string="Freed in the Database (MB)", digits=(16, 1), compute="_compute_counts")
    file_megabytes = fields.Float(string="Files (MB)", digits=(16, 1), compute="_compute_counts")
    stays = fields.Text(compute="_compute_counts")
    is_set = fields.Boolean(compute="_compute_is_set")

    @api.depends("months", "company_id")
    def _compute_is_set(self):
        for preview in self:
            preview.is_set = preview.months > 0 and preview.months == preview.company_id.call_archive_months

    @api.depends("months")
    def _compute_counts(self):
        for preview in self:
            rows = self.env["call.archive"].sudo()._candidates(preview.company_id, max(preview.months, 1))
            due = [calls for _statement, calls, reason in rows if not reason]
            stored, filed = self._bytes_of_a_call()
            preview.statement_count, preview.call_count = len(due), sum(due)
            preview.table_megabytes, preview.file_megabytes = sum(due) * stored / 1e6, sum(due) * filed / 1e6
            texts = self.env["call.archive"]._reasons()
            preview.stays = "\n".join(
                self.env._("%(why)s: %(count)s statements", why=texts[reason], count=count)
                for reason, count in Counter(reason for *_row, reason in rows if reason).most_common()
            )

    @api.model
    def _bytes_of_a_call(self):
        """:return: (in the table with its indexes, in a file)"""
        ((stored, filed),) = self.env.execute_query(
            SQL(
                """
                SELECT pg_total_relation_size(oid) / greatest(reltuples, 1000),
                       (SELECT sum(file_size)::float / nullif(sum(call_count), 0) FROM call_archive)
                  FROM pg_class WHERE oid = 'call_usage_line'::regclass
                """
            )
        )
        return stored, filed or FILE_BYTES

    def action_archive(self):
        """Have the job do it now.

        :raise UserError: the company archives nothing, or after another time
        """
        self.ensure_one()
        self.check_access("write")
        if not self.is_set:
            raise UserError(self.env._("Save this number of months in the settings first: the daily job goes by these."))
        self.env.ref("call_center_billing.call_archive_cron").sudo()._trigger()
        message = self.env._("What is due is archived in the background; each statement is written down in the list of archives.")
        params = {"type": "success", "message": message, "next": {"type": "ir.actions.act_window_close"}}
        return {"type": "ir.actions.client", "tag": "display_notification", "params": params}
