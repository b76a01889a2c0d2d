"""The documents of a statement: CSV with every call, PDF with the totals."""

import csv
import io
import re
from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.tools import SQL

PDF_CALLS = 300
FETCH = 5000
PRICED = 15
"""Columns of a fetched call up to its price."""
PLAIN_NUMBER = re.compile(r"[+-]?[0-9 ]+")


def cell(value):
    """A value as a spreadsheet may read it: texts from a phone log must not become formulas.

    >>> cell("=1+1"), cell("+49 30 5550100"), cell("@SUM(A1)"), cell(None)
    ("'=1+1", '+49 30 5550100', "'@SUM(A1)", '')
    """
    text = "" if value is None else str(value)
    if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return text


class CallStatement(models.Model):
    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    csv_attachment_id = fields.Many2one("ir.attachment", readonly=True, copy=False)
    pdf_attachment_id = fields.Many2one("ir.attachment", readonly=True, copy=False)

    def action_print(self):
        return self.env.ref("call_center_billing.call_statement_report_action").report_action(self)

    def action_download_csv(self):
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/call_center_billing/statement/{self.id}/csv", "target": "download"}

    def _document_name(self, extension):
        self.ensure_one()
        name = re.sub(r"[^\w.-]+", "_", f"{self.contract_id.code or self.contract_id.name}")
        return f"{self.env._('Statement')}_{name}_{self.date_start}_{self.date_end}.{extension}"

    def _ensure_documents(self):
        """The statement's PDF and CSV as attachments of its invoice, made once, when the invoice is posted.

        :return: ir.attachment
        """
        attachments = self.env["ir.attachment"]
        for statement in self.filtered(lambda s: s.invoice_id.state == "posted"):
            if not statement.csv_attachment_id or not statement.pdf_attachment_id:
                statement._drop_documents()
                target = {"res_model": "account.move", "res_id": statement.invoice_id.id}
                report = self.env["ir.actions.report"].sudo()
                pdf, _kind = report._render_qweb_pdf("call_center_billing.call_statement_report_action", statement.ids)
                statement.pdf_attachment_id = attachments.create(
                    {"name": statement._document_name("pdf"), "raw": pdf, "mimetype": "application/pdf", **target}
                )
                statement.csv_attachment_id = attachments.create(
                    {
                        "name": statement._document_name("csv"),
                        "raw": b"".join(statement._csv_chunks()),
                        "mimetype": "text/csv",
                        **target,
                    }
                )
            attachments |= statement.pdf_attachment_id | statement.csv_attachment_id
        return attachments

    def _drop_documents(self):
        (self.csv_attachment_id | self.pdf_attachment_id).unlink()

    def _set_state(self, state):
        if state == "open":
            self._drop_documents()
        return super()._set_state(state)

    # --- CSV ----------------------------------------------------------------------------------------

    def _csv_chunks(self):
        """Every call with its price, as UTF-8 with a byte order mark, a few thousand calls at a time. Times are in the
        client's zone."""
        self.ensure_one()
        statement = self._in_client_language()
        env = statement.env
        zone = self.contract_id.usage_tz or "UTC"
        titles = [
            env._("Start (%s)", zone), env._("Direction"), env._("Caller"), env._("Called"), env._("Queue"), env._("Agent"),
            env._("Outcome"), env._("Duration (s)"), env._("Counted (s)"), env._("Charged (s)"), env._("Price per Minute"),
            env._("Price per Call"), env._("Price (%s)", self.currency_id.name), env._("On the Invoice (%s)", self.currency_id.name),
            env._("Service"), env._("Rate"), env._("Charged or Not"), env._("Late Usage of"), env._("Record ID"),
        ]  # fmt: skip
        usage = env["call.usage.line"]
        directions = dict(usage._fields["direction"]._description_selection(env))
        dispositions = dict(usage._fields["disposition"]._description_selection(env))
        statuses = dict(usage._fields["status"]._description_selection(env))
        lines = {line.id: line.product_id.name or line.name for line in statement.contract_id.contract_line_ids}
        rules, late = {}, {}
        yield ("\ufeff" + self._csv_text([titles])).encode()
        for rows in self._fetch_calls():
            out = []
            for row in rows:
                (start, direction, caller, called, queue, agent, disposition, *numbers, line, rule, status, late_of, ref) = row
                if rule not in rules:
                    rules[rule] = env["call.rate.rule"].browse(rule).name
                if late_of and late_of not in late:
                    late[late_of] = env["call.statement"].browse(late_of)._period_text()
                out.append(
                    [start, directions.get(direction), caller, called, queue, agent, dispositions.get(disposition), *numbers,
                     lines.get(line), rules[rule], statuses.get(status), late.get(late_of), ref]
                )  # fmt: skip
            yield self._csv_text(out).encode()

    @api.model
    def _csv_text(self, rows):
        stream = io.StringIO()
        csv.writer(stream).writerows([cell(value) for value in row] for row in rows)
        return stream.getvalue()

    def _fetch_calls(self):
        """Rows of the statement's calls in order of time, in pages that go on after the last call of the one before. What the
        invoice has of a call differs from its price after allowances and tiers."""
        self.env.flush_all()
        after = SQL("true")
        while True:
            rows = self.env.execute_query(
                SQL(
                    """
                    SELECT u.start_at, u.id, to_char(u.start_at AT TIME ZONE 'UTC' AT TIME ZONE c.usage_tz, 'YYYY-MM-DD HH24:MI:SS'),
                           u.direction, u.caller, u.called, u.queue, u.agent, u.disposition, u.total_seconds, u.counted_seconds,
                           u.billed_seconds, trim_scale(r.time_price)::text, trim_scale(r.call_price)::text,
                           trim_scale(u.amount)::text,
                           u.contract_line_id, u.rule_id, u.status, u.late_of_id, u.record_ref
                      FROM call_usage_line u JOIN call_price r ON r.id = u.price_id
                      JOIN call_statement s ON s.id = u.statement_id
                      JOIN contract_contract c ON c.id = s.contract_id
                     WHERE u.statement_id = %s AND %s
                     ORDER BY u.start_at, u.id
                     LIMIT %s
                    """,
                    self.id,
                    after,
                    FETCH,
                )
            )
            if not rows:
                return
            charged = self.env["call.usage.line"].browse(row[1] for row in rows)._charged_amounts()
            yield [(*row[2:PRICED], charged.get(row[1], row[PRICED - 1]), *row[PRICED:]) for row in rows]
            after = SQL("(u.start_at, u.id) > (%s, %s)", rows[-1][0], rows[-1][1])

    # --- What the PDF and the portal show -------------------------------------------------------------

    def _in_client_language(self):
        return self.with_context(lang=self.contract_id.partner_id.lang or self.env.lang)

    def _calls_by_day(self):
        """Calls per day of the period, days without calls included: list of (date, number)."""
        self.ensure_one()
        counts = Counter(dict(self._usage_groups("date", "late_of_id IS NULL")))
        days = (self.date_end - self.date_start).days + 1
        return [(day := self.date_start + timedelta(days=i), counts[day]) for i in range(days)]

    def _calls_by_outcome(self):
        """Calls by outcome: list of (label, number), most first."""
        self.ensure_one()
        labels = dict(self.env["call.usage.line"]._fields["disposition"]._description_selection(self.env))
        counts = self._usage_groups("disposition", "true")
        return [(labels[key], count) for key, count in sorted(counts, key=lambda row: -row[1])]

    def _usage_groups(self, column, condition):
        self.env.flush_all()
        return self.env.execute_query(
            SQL(
                "SELECT %(column)s, count(*) FROM call_usage_line WHERE statement_id = %(id)s AND %(condition)s GROUP BY 1",
                column=SQL.identifier(column),
                id=self.id,
                condition=SQL(condition),
            )
        )

    def _first_calls(self):
        """The calls that the PDF lists: all, or the first ones."""
        self.ensure_one()
        return self.env["call.usage.line"].search([("statement_id", "=", self.id)], order="start_at, id", limit=PDF_CALLS)

    def _local_time(self, moment):
        zone = ZoneInfo(self.contract_id.usage_tz or "UTC")
        return fields.Datetime.to_datetime(moment).replace(tzinfo=ZoneInfo("UTC")).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    @api.model
    def _clock(self, seconds):
        """Seconds as h:mm:ss.

        >>> env["call.statement"]._clock(3725)  # doctest: +SKIP
        '1:02:05'
        """
        sign, seconds = "-" if seconds < 0 else "", abs(seconds)
        return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
