"""The documents of a statement: a file (CSV, or a workbook) with every call, and a PDF with the totals."""

import csv
import io
import re
import tempfile
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.tools import SQL

from .call_masking import shown_ref_sql, shown_sql

FETCH = 5000
EVERY = SQL("true")
"""The condition of no search."""
PRICED = 15
"""Columns of a fetched call up to its price."""
FIRST = frozenset("=+-@\t\r\n{<")
"""What may be more than text to a spreadsheet begins with one of these."""
PLAIN_NUMBER = re.compile(r"[+-]?[0-9 ]+X*")
MIMETYPES = {
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def cell(value):
    """A value as a spreadsheet may read it: texts from a phone log must not become formulas.

    >>> cell("=1+1"), cell("+49 30 5550100"), cell("@SUM(A1)"), cell(None), cell("+49305550XXX"), cell("<r>"), cell("{=1+1}")
    ("'=1+1", '+49 30 5550100', "'@SUM(A1)", '', '+49305550XXX', "'<r>", "'{=1+1}")
    """
    text = "" if value is None else str(value)
    if text[:1] not in FIRST:
        return text
    if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "{=")) and not PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return no_markup(text)


def no_markup(text):
    """A text that ``xlsxwriter`` writes as text: what begins like this it would take for the markup of a cell."""
    return "'" + text if text.startswith("<r>") else text


def on_disk(write):
    """A file that is written by ``write``, at its beginning; it is gone when it is closed."""
    with ExitStack() as on_error:
        stream = on_error.enter_context(tempfile.TemporaryFile())
        write(stream)
        stream.seek(0)
        on_error.pop_all()
    return stream


class CallStatement(models.Model):
    """The documents are the client's: whoever makes them, numbers are in them as the client may see them, in its language
    and time zone. They are written a few thousand calls at a time, in the order of the calls."""

    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    file_attachment_id = fields.Many2one("ir.attachment", string="File of Calls", readonly=True, copy=False)
    pdf_attachment_id = fields.Many2one("ir.attachment", readonly=True, copy=False)

    def action_print(self):
        return self.env.ref("call_center_billing.call_statement_report_action").report_action(self)

    def action_download_csv(self):
        return self._action_download("csv")

    def action_download_xlsx(self):
        return self._action_download("xlsx")

    def _action_download(self, kind):
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/call_center_billing/statement/{self.id}/{kind}", "target": "download"}

    def _document_name(self, extension):
        self.ensure_one()
        name = re.sub(r"[^\w.-]+", "_", f"{self.contract_id.code or self.contract_id.name}")
        return "_".join([self.env._("Statement"), name, str(self.date_start), f"{self.date_end}.{extension}"])

    def _documents(self):
        """:return: ir.attachment, those that were made"""
        return self.pdf_attachment_id | self.file_attachment_id | self.performance_report_ids.document_id

    def _ensure_documents(self):
        """The statement's PDF and file of calls as attachments of its invoice, made once, when the invoice is posted.

        :return: ir.attachment
        """
        attachments = self.env["ir.attachment"]
        for statement in self.filtered(lambda s: s.invoice_id.state == "posted"):
            if not statement.file_attachment_id or not statement.pdf_attachment_id:
                statement._drop_documents()
                statement.pdf_attachment_id = statement._attach("pdf", statement._pdf())
                kind = statement.company_id.call_statement_file
                with statement._written(kind) as stream:
                    statement.file_attachment_id = statement._attach(kind, stream.read())
            statement._ensure_performance_report()
            attachments |= statement._documents()
        return attachments

    def _attach(self, kind, content):
        # The context: Odoo would copy the whole text of the file into the database to search it.
        return (
            self.env["ir.attachment"]
            .with_context(call_records=True)
            .create(
                {
                    "name": self._document_name(kind),
                    "raw": content,
                    "mimetype": MIMETYPES[kind].partition(";")[0],
                    "res_model": "account.move",
                    "res_id": self.invoice_id.id,
                }
            )
        )

    def _drop_documents(self):
        self._documents().unlink()

    def _pdf(self):
        report = self.env["ir.actions.report"].sudo()
        return report._render_qweb_pdf("call_center_billing.call_statement_report_action", self.ids)[0]

    def _written(self, kind):
        """The file with every call, on disk, at its beginning; it is gone when it is closed.

        :param kind: ``csv`` or ``xlsx``
        """
        if kind == "xlsx":
            return on_disk(self._write_workbook)
        return on_disk(lambda stream: stream.writelines(self._csv_chunks(self._call_titles(), self._call_rows())))

    def _set_state(self, state):
        if state == "open":
            self._drop_documents()
        return super()._set_state(state)

    # --- Every call ---------------------------------------------------------------------------------

    @api.model
    def _csv_chunks(self, titles, pages):
        """Calls with their prices, as UTF-8 with a byte order mark."""
        yield ("\ufeff" + self._csv_text([titles])).encode()
        for rows in pages:
            yield self._csv_text(rows).encode()

    def _call_titles(self):
        """Of one statement, or of several: then the zones and currencies of all."""
        env = self[:1]._in_client_language().env
        currency = ", ".join(sorted(set(self.currency_id.mapped("name"))))
        zones = sorted({contract.usage_tz or "UTC" for contract in self.contract_id})
        return [
            env._("Start (%s)", ", ".join(zones)), env._("Direction"), env._("Caller"), env._("Called"),
            env._("Queue"), env._("Agent"), env._("Outcome"), env._("Duration (s)"), env._("Counted (s)"), env._("Charged (s)"),
            env._("Price per Minute"), env._("Price per Call"), env._("Price (%s)", currency),
            env._("On the Invoice (%s)", currency), env._("Service"), env._("Rate"), env._("Charged or Not"),
            env._("Late Usage of"), env._("Record ID"),
        ]  # fmt: skip

    def _call_rows(self, condition=EVERY):
        """Pages of rows under :meth:`_call_titles`, in the client's language and time zone.

        :param condition: see :meth:`_fetch_calls`
        """
        self.ensure_one()
        statement = self._in_client_language()
        env = statement.env
        usage = env["call.usage.line"]
        directions = dict(usage._fields["direction"]._description_selection(env))
        dispositions = dict(usage._fields["disposition"]._description_selection(env))
        statuses = dict(usage._fields["status"]._description_selection(env))
        lines = {line.id: line.product_id.name or line.name for line in statement.contract_id.contract_line_ids}
        rules, late = {}, {}
        for rows in self._fetch_calls(condition):
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
            yield out

    @api.model
    def _csv_text(self, rows):
        stream = io.StringIO()
        csv.writer(stream).writerows([cell(value) for value in row] for row in rows)
        return stream.getvalue()

    def _fetch_calls(self, condition):
        """Rows of the statement's calls in order of time, in pages that go on after the last call of the one before. What the
        invoice has of a call differs from its price after allowances and tiers.

        :param condition: SQL on a call ``u`` of a contract ``c``
        """
        self.env.flush_all()
        after, digits = EVERY, SQL("%s", self.contract_id.masked_digits)
        while True:
            rows = self.env.execute_query(
                SQL(
                    """
                    SELECT u.start_at, u.id, to_char(u.start_at AT TIME ZONE 'UTC' AT TIME ZONE c.usage_tz, 'YYYY-MM-DD HH24:MI:SS'),
                           u.direction, %(caller)s, %(called)s, u.queue, u.agent, u.disposition, u.total_seconds, u.counted_seconds,
                           u.billed_seconds, trim_scale(r.time_price)::text, trim_scale(r.call_price)::text,
                           trim_scale(u.amount)::text,
                           u.contract_line_id, u.rule_id, u.status, u.late_of_id, %(ref)s
                      FROM call_usage_line u JOIN call_price r ON r.id = u.price_id
                      JOIN call_statement s ON s.id = u.statement_id
                      JOIN contract_contract c ON c.id = s.contract_id
                     WHERE u.statement_id = %(statement)s AND %(condition)s AND %(after)s
                     ORDER BY u.start_at, u.id
                     LIMIT %(fetch)s
                    """,
                    caller=shown_sql("u", "caller", digits),
                    called=shown_sql("u", "called", digits),
                    ref=shown_ref_sql("u", digits),
                    statement=self.id,
                    condition=condition,
                    after=after,
                    fetch=FETCH,
                )
            )
            if not rows:
                return
            calls = self.env["call.usage.line"].browse(row[1] for row in rows)
            charged = calls._charged_amounts()
            calls.invalidate_recordset(flush=False)
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
        """The calls that the PDF lists: all, the first ones, or none."""
        self.ensure_one()
        Usage, limit = self.env["call.usage.line"], self.company_id.call_statement_pdf_calls
        return Usage.search([("statement_id", "=", self.id)], order="start_at, id", limit=limit) if limit else Usage

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
