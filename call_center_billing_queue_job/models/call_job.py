from contextlib import contextmanager

import psycopg2

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, LockError
from odoo.tools import SQL, config

from odoo.addons.queue_job.exception import RetryableJobError
from odoo.addons.queue_job.job import STATES, identity_exact

CHANNEL = "root.call_center"
TRIES = 10
"""So often a job is tried before somebody has to look at it. How long it waits between them is in ``data/queue_job.xml``."""
BUSY = (LockError, psycopg2.OperationalError, psycopg2.errors.UniqueViolation, OSError)
"""What may be over the next time: others change the same, a disk is full, a server is away."""


@contextmanager
def tried_again(env):
    """What is only busy is tried again, as often as the job may; everything else fails at once."""
    try:
        yield
        env.flush_all()
    except BUSY as error:
        raise RetryableJobError(str(error)) from error


class CallJob(models.Model):
    """The jobs of Call Center Billing among those of the queue, with what they belong to; and the door through which the scheduled jobs
    hand their work over. Owns no data: a view on ``queue.job``.

    Always: what has a job that is not over, or that failed, gets no second one; a failed one is tried again when somebody says so, here
    or at the record. Where no node runs the queue nothing is handed over.
    """

    _name = "call.job"
    _description = "Background Job"
    _auto = False
    _order = "id desc"
    _depends = {
        "queue.job": [
            "name", "state", "channel", "model_name", "method_name", "records", "company_id", "retry", "max_retries", "date_created",
            "date_started", "date_done", "eta", "exc_message", "exc_info",
        ]
    }  # fmt: skip

    name = fields.Char(string="Job", readonly=True)
    state = fields.Selection(STATES, readonly=True)
    channel = fields.Char(readonly=True)
    method = fields.Char(readonly=True)
    res_model = fields.Char(string="Model", readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", string="Record", readonly=True)
    record_name = fields.Char(string="Belongs To", compute="_compute_record_name")
    company_id = fields.Many2one("res.company", readonly=True)
    tries = fields.Integer(readonly=True)
    max_tries = fields.Integer(string="At Most", readonly=True, help="0: without end.")
    created_at = fields.Datetime(string="Created", readonly=True)
    started_at = fields.Datetime(string="Begun", readonly=True)
    done_at = fields.Datetime(string="Ended", readonly=True)
    next_at = fields.Datetime(string="Not Before", readonly=True)
    reason = fields.Text(readonly=True)
    details = fields.Text(readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT id, name, state, channel, method_name AS method, model_name AS res_model,
                   ((records #>> '{}')::jsonb -> 'ids' ->> 0)::integer AS res_id, company_id, retry AS tries, max_retries AS max_tries,
                   date_created AS created_at, date_started AS started_at, date_done AS done_at, eta AS next_at,
                   coalesce(exc_message, exc_name, result) AS reason, exc_info AS details
              FROM queue_job WHERE channel = %s OR starts_with(channel, %s)
            """,
            CHANNEL,
            CHANNEL + ".",
        )

    @api.depends("res_model", "res_id")
    def _compute_record_name(self):
        for job in self:
            record = job._record()
            job.record_name = record.display_name if record and record.has_access("read") else False

    def _record(self):
        """What the job belongs to, if it is there."""
        self.ensure_one()
        return self.env[self.res_model].browse(self.res_id).exists() if self.res_id and self.res_model in self.env else None

    # --- Failed ones ----------------------------------------------------------------------------------

    def action_open(self):
        """What the job belongs to."""
        self.ensure_one()
        record = self._record()
        return record and {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
        }

    def action_retry(self):
        """Try failed jobs again."""
        self._failed_for_user().requeue()

    def action_set_aside(self):
        """Failed jobs that need not be done any more."""
        self._failed_for_user().button_cancelled()

    def _failed_for_user(self):
        self.check_access("read")
        if not self.env.user.has_group("call_center_billing.group_accountant"):
            raise AccessError(self.env._("Only billing accountants try jobs again."))
        return self.env["queue.job"].sudo().browse(self.filtered(lambda job: job.state == "failed").ids)

    # --- Handing over -----------------------------------------------------------------------------------

    @api.model
    def _is_running(self):
        """Whether nodes with this configuration run the queue. Installing it does not start it."""
        return "queue_job" in config["server_wide_modules"]

    @api.model
    def _hand_over(self, records, method, description, **options):
        """Make a job for each of the records that has none.

        :param records: at whose ``method`` the work is, which takes no argument
        :param description: function of a record
        """
        for record in self._without(records):
            getattr(self._prepared(record, description(record), **options), method)().delay()

    @api.model
    def _prepared(self, record, description, **options):
        """A job for a record, as the scheduled job would do it; OCA's ``Delayable``."""
        company = record.company_id if "company_id" in record else None
        record = record.with_user(SUPERUSER_ID).with_company(company or self.env.company)
        return record.delayable(identity_key=identity_exact, max_retries=TRIES, description=description, **options)

    @api.model
    def _without(self, records):
        """Those of the records that have no job which waits, is worked on, or failed."""
        domain = [("res_model", "=", records._name), ("res_id", "in", records.ids), ("state", "not in", ("done", "cancelled"))]
        taken = set(self.sudo().search(domain).mapped("res_id"))
        return records.filtered(lambda record: record.id not in taken)

    @api.model
    def _settle(self, records):
        """Failed jobs of records that are worked on anew, or done, are set aside."""
        domain = [("res_model", "=", records._name), ("res_id", "in", records.ids), ("state", "=", "failed")]
        failed = self.sudo().search(domain)
        self.env["queue.job"].sudo().browse(failed.ids).button_cancelled()
