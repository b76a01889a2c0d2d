import re
from datetime import timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from .call_performance import SHOWN, is_month

SEND_HOUR = 6
"""When reports of days and weeks go out, in the client's time zone: by then the calls of the day before are here."""
SCHEDULES = ("weekly", "daily")
GUARDED = {"kind", "statement_id", "figures", "document_id", "sent_at"}
"""What only making and sending a report writes. Who could write the document could read, and delete, any attachment through it."""


class CallPerformanceReport(models.Model):
    """What a client was told of the service in a period, with its figures and its PDF as they were then.

    One is made for the statement of an invoice if the contract says so, and is gone where its period is opened again; one each day or
    week by schedule, without an invoice; others when somebody asks. Of a schedule there is one for each day or week, which is sent
    once.
    """

    _name = "call.performance.report"
    _description = "Performance Report"
    _inherit = ["portal.mixin", "mail.thread"]
    _order = "date_end desc, id desc"
    _mail_post_access = "read"

    contract_id = fields.Many2one("contract.contract", required=True, ondelete="restrict", index=True)
    partner_id = fields.Many2one(
        related="contract_id.commercial_partner_id", store=True, index=True, string="Client", related_sudo=True
    )
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True)
    kind = fields.Selection(
        [("invoice", "With an invoice"), ("weekly", "Week"), ("daily", "Day"), ("asked", "On request")],
        required=True,
        default="asked",
        readonly=True,
        help="What the report was made for: an invoice, a week or day of its schedule, or somebody who asked.",
    )
    statement_id = fields.Many2one("call.statement", readonly=True, ondelete="cascade", index="btree_not_null")
    date_start = fields.Date(string="From", required=True)
    date_end = fields.Date(string="Until", required=True)
    figures = fields.Json(readonly=True, copy=False)
    document_id = fields.Many2one("ir.attachment", string="PDF", readonly=True, copy=False)
    sent_at = fields.Datetime(string="Sent", readonly=True, copy=False)
    preview = fields.Html(compute="_compute_preview", sanitize=False)

    _once_a_statement = models.UniqueIndex(
        "(statement_id) WHERE statement_id IS NOT NULL", "This statement has its performance report already."
    )
    _once_a_period = models.UniqueIndex(
        "(contract_id, kind, date_start) WHERE kind IN ('weekly', 'daily')", "This day or week is reported already."
    )
    _dates_ordered = models.Constraint("CHECK (date_end >= date_start)", "A period must not end before it starts.")

    @api.depends("contract_id", "date_start", "date_end")
    def _compute_display_name(self):
        for report in self:
            report.display_name = f"{report.contract_id.sudo().name or ''} {report._period_text()}".strip()

    def _compute_access_url(self):
        for report in self:
            report.access_url = f"/my/performance/{report.id}"

    @api.depends("figures")
    def _compute_preview(self):
        for report in self:
            report.preview = report.figures and self.env["ir.qweb"]._render(
                "call_center_billing.call_performance_document", {"report": report, "figures": report.figures}
            )

    @api.constrains("date_start", "date_end")
    def _check_length(self):
        if any((report.date_end - report.date_start).days > 366 for report in self):
            raise ValidationError(self.env._("Report on a year at most."))

    @api.model_create_multi
    def create(self, vals_list):
        reports = super().create(vals_list)
        # Looked at afterwards: defaults of the context are values as well.
        if not self.env.su and any(r.kind != "asked" or r.statement_id or r.document_id or r.sent_at for r in reports):
            self._raise_guarded()
        for report in reports:
            report.sudo().figures = self.env["call.performance"]._figures(report._statement(), report._periods_before())
        return reports

    def write(self, vals):
        if not self.env.su and GUARDED & set(vals):
            self._raise_guarded()
        told = {"contract_id", "date_start", "date_end"} & set(vals)
        if told and self.filtered("figures"):
            raise UserError(self.env._("A report keeps the figures of its period: make another one for other days."))
        return super().write(vals)

    def _raise_guarded(self):
        raise AccessError(self.env._("What a report tells, and what was sent, is written by making and sending it only."))

    @api.ondelete(at_uninstall=False)
    def _unlink_not_sent(self):
        if any(report.sent_at for report in self):
            raise UserError(self.env._("What was sent to the client is kept."))

    def unlink(self):
        documents = self.sudo().document_id
        res = super().unlink()
        documents.unlink()
        return res

    def _statement(self):
        """The statement, or a new one of these days."""
        self.ensure_one()
        days = {"contract_id": self.contract_id.id, "date_start": self.date_start, "date_end": self.date_end}
        return self.sudo().statement_id or self.env["call.statement"].new(days)

    def _periods_before(self):
        """:return: list of (first day, last day), the oldest first"""
        self.ensure_one()
        if self.statement_id:
            earlier = self.env["call.statement"].search(
                [
                    ("contract_id", "=", self.contract_id.id),
                    ("date_end", "<", self.date_start),
                    ("billed_again_id", "=", False),
                ],
                order="date_end desc",
                limit=SHOWN,
            )
            return [(each.date_start, each.date_end) for each in earlier[::-1]]
        begin = min(self.contract_id.contract_line_ids.filtered("rate_plan_id").mapped("date_start"), default=self.date_start)
        whole_month = is_month(self.date_start, self.date_end)
        length = relativedelta(months=1) if whole_month else timedelta(days=(self.date_end - self.date_start).days + 1)
        starts = [self.date_start - length * step for step in range(SHOWN + 1)]
        periods = [(first, after - timedelta(days=1)) for first, after in zip(starts[1:], starts, strict=False)]
        return [period for period in periods[::-1] if period[1] >= begin]

    def _period_text(self):
        self.ensure_one()
        return self.env["call.performance"]._period_label(self.date_start, self.date_end) if self.date_start else ""

    def _in_client_language(self):
        return self.with_context(lang=self.contract_id.sudo().partner_id.lang or self.env.lang)

    # --- Document -----------------------------------------------------------------------------------------

    def _title(self):
        return self.env._("Performance report %s", self._period_text())

    def _file_name(self):
        name = re.sub(r"[^\w.-]+", "_", f"{self.contract_id.code or self.contract_id.name}")
        return "_".join([self.env._("Performance"), name, str(self.date_start), f"{self.date_end}.pdf"])

    def _ensure_document(self):
        """The PDF, made once."""
        for report in self.sudo().filtered(lambda each: not each.document_id):
            action = self.env["ir.actions.report"].sudo()
            content = action._render_qweb_pdf("call_center_billing.call_performance_report_action", report.ids)[0]
            invoice = report.statement_id.invoice_id
            report.document_id = self.env["ir.attachment"].sudo().create(
                {
                    "name": report._in_client_language()._file_name(),
                    "raw": content,
                    "mimetype": "application/pdf",
                    "res_model": invoice._name if invoice else report._name,
                    "res_id": invoice.id or report.id,
                }
            )  # fmt: skip
        return self.sudo().document_id

    def action_print(self):
        return self.env.ref("call_center_billing.call_performance_report_action").report_action(self)

    def action_preview(self):
        """The page that the client sees."""
        self.ensure_one()
        return {"type": "ir.actions.act_url", "target": "self", "url": self.get_portal_url()}

    # --- Sending ------------------------------------------------------------------------------------------

    def action_send(self):
        self.check_access("write")
        for report in self:
            if not report.contract_id.partner_id.email:
                raise UserError(self.env._("%s has no e-mail address.", report.contract_id.partner_id.display_name))
            report._send()
        return True

    def _send(self):
        """By mail to the client, with the PDF and a link."""
        self.ensure_one()
        self.message_post_with_source(
            self.env.ref("call_center_billing.mail_template_performance"),
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            attachment_ids=self._ensure_document().ids,
        )
        self.sudo().sent_at = fields.Datetime.now()

    @api.model
    def _cron_send(self):
        """Report the last day or week to whom it was promised, once it is over where the client is. Each is committed with its mail."""
        contracts = self.env["contract.contract"].search([("performance_schedule", "in", SCHEDULES)])
        due = contracts._performance_due()
        self.env["ir.cron"]._commit_progress(remaining=len(due))
        for values in due:
            self._report(values)
            if not self.env["ir.cron"]._commit_progress(1):
                break

    @api.model
    def _report(self, values):
        """Make a report that is due, and send it where there is an address."""
        report = self.create(values)
        if report.contract_id.partner_id.email:
            report._send()


class CallStatement(models.Model):
    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    performance_report_ids = fields.One2many("call.performance.report", "statement_id", copy=False)

    def _ensure_performance_report(self):
        self.ensure_one()
        if self.contract_id.performance_report == "invoice" and not self.performance_report_ids:
            days = {"date_start": self.date_start, "date_end": self.date_end}
            self.env["call.performance.report"].sudo().create(
                {"contract_id": self.contract_id.id, "kind": "invoice", "statement_id": self.id, **days}
            )
        self.performance_report_ids._ensure_document()

    def _drop_documents(self):
        res = super()._drop_documents()
        self.sudo().performance_report_ids.unlink()
        return res


class ContractContract(models.Model):
    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    performance_report_count = fields.Integer(compute="_compute_performance_report_count")

    def _compute_performance_report_count(self):
        counts = dict(
            self.env["call.performance.report"]._read_group([("contract_id", "in", self.ids)], ["contract_id"], ["__count"])
        )
        for contract in self:
            contract.performance_report_count = counts.get(contract, 0)

    def action_view_performance_reports(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_performance_report_action_window")
        return action | {"domain": [("contract_id", "=", self.id)], "context": {"default_contract_id": self.id}}

    def _performance_due(self):
        """Values of the reports of days and weeks that are over and not reported, of services that were there in them."""
        days = {contract: contract._performance_days() for contract in self}
        reports = self.env["call.performance.report"].search(
            [("contract_id", "in", self.ids), ("date_start", "in", [first for first, _last in days.values()])]
        )
        known = {(report.contract_id, report.kind, report.date_start) for report in reports}
        return [
            {"contract_id": contract.id, "kind": contract.performance_schedule, "date_start": first, "date_end": last}
            for contract, (first, last) in days.items()
            if (contract, contract.performance_schedule, first) not in known
            and any(
                line.date_start <= last and first <= (line.date_end or last)
                for line in contract.contract_line_ids.filtered("rate_plan_id")
            )
        ]

    def _performance_days(self):
        """The last day, or week from Monday to Sunday, that was over at some hour of this morning.

        :return: (first day, last day)
        """
        self.ensure_one()
        zone = ZoneInfo(self.usage_tz or "UTC")
        now = fields.Datetime.now().replace(tzinfo=ZoneInfo("UTC")).astimezone(zone)
        last = (now - timedelta(hours=SEND_HOUR)).date() - timedelta(days=1)
        if self.performance_schedule == "daily":
            return last, last
        last -= timedelta(days=(last.weekday() + 1) % 7)
        return last - timedelta(days=6), last
