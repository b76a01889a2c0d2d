"""Whether all calls of a period are there before it is invoiced."""

from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .call_statement import IncompletePeriod

FINDINGS = ("suspense", "gaps", "nobody", "history")
LAST_PERIODS = 3
STAFF = "call_center_billing.group_sales"


class Finding(NamedTuple):
    """Something that speaks against closing a period. ``severity``: ``block`` or ``warn``; ``count``: of records, hours or
    numbers; ``model`` and ``domain``: the rows behind it."""

    kind: str
    severity: str
    count: int
    text: str
    model: str
    domain: list


class Findings(dict):
    """Period -> list of Finding, as found in this transaction. Only code makes one: what a remote call puts into a context is none."""


class Span(NamedTuple):
    """A period of a contract with its begin and end (exclusive) in UTC."""

    contract: models.Model
    first: datetime
    last: datetime
    begin: datetime
    end: datetime


class CallStatement(models.Model):
    """Adds the gate before closing: what is missing, or seems to be. Nothing of that is stored but the reason of the person
    who lets a period close in spite of it. Findings are for the staff: no client sees them."""

    _inherit = "call.statement"

    gate_override_reason = fields.Char(string="Closed in Spite of It Because", readonly=True, copy=False, groups=STAFF)
    gate_override_by = fields.Many2one("res.users", string="Decided By", readonly=True, copy=False, groups=STAFF)
    gate_override_at = fields.Datetime(string="Decided On", readonly=True, copy=False, groups=STAFF)
    finding_suspense = fields.Text(compute="_compute_findings", groups=STAFF)
    finding_gaps = fields.Text(compute="_compute_findings", groups=STAFF)
    finding_nobody = fields.Text(compute="_compute_findings", groups=STAFF)
    finding_history = fields.Text(compute="_compute_findings", groups=STAFF)
    has_findings = fields.Boolean(compute="_compute_findings", groups=STAFF)
    is_held = fields.Boolean(
        string="Held", compute="_compute_findings", groups=STAFF, help="It cannot be invoiced before somebody decides."
    )

    _override_is_explained = models.Constraint(
        "CHECK (gate_override_at IS NULL OR trim(coalesce(gate_override_reason, '')) <> '')",
        "Say why the period closes although something is missing.",
    )

    @api.depends("state", "date_start", "date_end", "gate_override_reason")
    def _compute_findings(self):
        found = self._completeness()
        for statement in self:
            findings = {finding.kind: finding for finding in found[statement]}
            for kind in FINDINGS:
                statement[f"finding_{kind}"] = findings[kind].text if kind in findings else False
            statement.has_findings = bool(findings)
            statement.is_held = not statement.gate_override_reason and any(f.severity == "block" for f in findings.values())

    def action_view_finding(self):
        """The rows behind a finding, whose kind the context names."""
        self.ensure_one()
        kind = self.env.context.get("finding")
        finding = next((finding for finding in self._completeness()[self] if finding.kind == kind), None)
        if not finding:
            return {"type": "ir.actions.client", "tag": "soft_reload"}
        action = {
            "call.suspense": "call_center_billing.call_suspense_action",
            "call.source": "call_center_billing.call_source_action",
            "call.statement": "call_center_billing.call_statement_action",
        }[finding.model]
        action = self.env["ir.actions.act_window"]._for_xml_id(action)
        return action | {"domain": finding.domain, "context": {}, "display_name": self.display_name}

    # --- Gate -----------------------------------------------------------------------------------------

    def _completeness(self):
        """What speaks against closing these statements. A constant number of queries, whatever their number.

        :return: dict of statement -> list of Finding; none for statements that are not open
        """
        periods = {
            statement: (statement.contract_id.id, statement.date_start, statement.date_end)
            for statement in self.with_prefetch()
            if statement.state == "open" and statement.contract_id and statement.date_start and statement.date_end
        }
        known = self.env.context.get("call_gate_found")
        known = known if isinstance(known, Findings) else Findings()
        found = known | self._find_incomplete([period for period in periods.values() if period not in known])
        return {statement: found[periods[statement]] if statement in periods else [] for statement in self}

    @api.model
    def _find_incomplete(self, periods):
        """:param periods: (contract id, first day, last day), with a statement or without
        :return: Findings
        """
        periods = list(dict.fromkeys(periods))
        contracts = self.env["contract.contract"].sudo().browse(contract for contract, _first, _last in periods)
        spans = [self._gate_span(contract, first, last) for contract, (_id, first, last) in zip(contracts, periods, strict=True)]
        found = Findings((period, []) for period in periods)
        wanted = {kind for span in spans for kind in FINDINGS if span.contract.company_id[f"call_gate_{kind}"] != "off"}
        if not wanted:
            return found
        self.env.flush_all()
        sources = self._gate_sources(spans) if wanted & {"gaps", "nobody"} else {}
        for kind in FINDINGS:
            if kind not in wanted:
                continue
            for place, (count, text, model, domain) in getattr(self, f"_gate_{kind}")(spans, sources).items():
                severity = spans[place].contract.company_id[f"call_gate_{kind}"]
                if severity != "off":
                    found[periods[place]].append(Finding(kind, severity, count, text, model, domain))
        return found

    def _check_complete(self):
        """:raise IncompletePeriod: a finding holds one of these statements, and nobody decided to close it all the same"""
        for statement, findings in self._completeness().items():
            if not findings:
                continue
            if self._is_held(findings) and not statement.gate_override_reason:
                raise IncompletePeriod(
                    statement._held_text(findings), (statement.contract_id.id, statement.date_start, statement.date_end)
                )
            statement._note_findings(self.env._("Closed with these findings:"), findings)

    @api.model
    def _is_held(self, findings):
        return any(finding.severity == "block" for finding in findings)

    def _held_text(self, findings):
        self.ensure_one()
        return self.env._(
            "Period %(period)s seems to be incomplete.\n%(findings)s\nComplete it, or give a reason on its statement ('Close "
            "Anyway') to invoice it as it is.",
            period=self._period_text(),
            findings="\n".join(finding.text for finding in findings if finding.severity == "block"),
        )

    def _note_findings(self, title, findings):
        """An internal note: clients do not see it."""
        self.ensure_one()
        lines = [title, *(finding.text for finding in findings)]
        self._message_log(body=Markup("<br/>").join(lines))

    def _override_gate(self, reason):
        """Let open statements close in spite of what was found. Who, when and why stay with them.

        :raise UserError: one of them is not open
        """
        if not self.env.user.has_group("call_center_billing.group_accountant"):
            raise UserError(self.env._("Only billing accountants decide that an incomplete period is invoiced."))
        self.check_access("read")
        if closed := self.filtered(lambda statement: statement.state != "open"):
            raise UserError(self.env._("%s is closed already.", closed[0].display_name))
        found = self._completeness()
        values = {"gate_override_by": self.env.uid, "gate_override_at": fields.Datetime.now()}
        self.sudo().write({"gate_override_reason": reason, **values})
        for statement, findings in found.items():
            statement._note_findings(self.env._("To be invoiced although it seems incomplete: %s", reason), findings)

    def _set_state(self, state):
        if state == "open":
            self.write({"gate_override_reason": False, "gate_override_by": False, "gate_override_at": False})
        return super()._set_state(state)

    # --- Findings: dict of place of the span -> (count, text, model, domain) ------------------------------

    @api.model
    def _gate_span(self, contract, first, last):
        zone = ZoneInfo(contract.usage_tz or "UTC")
        begin, end = (
            datetime.combine(day, time(), zone).astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
            for day in (first, last + timedelta(days=1))
        )
        return Span(contract, first, last, begin, end)

    @api.model
    def _span_table(self, spans):
        """FROM item with a row for each span: place (from 1), contract_id, first, last, begin_at, end_at."""
        return SQL(
            "unnest(%s::integer[], %s::date[], %s::date[], %s::timestamp[], %s::timestamp[])"
            " WITH ORDINALITY AS p(contract_id, first, last, begin_at, end_at, place)",
            [span.contract.id for span in spans],
            *([span[at] for span in spans] for at in range(1, 5)),
        )

    @api.model
    def _gate_sources(self, spans):
        """Where the calls of each contract came from in its period and the one before.

        :return: dict of place -> sources
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT came.place, i.source_id
                  FROM (SELECT DISTINCT p.place, u.import_id
                          FROM %s
                          JOIN call_statement s ON s.contract_id = p.contract_id
                               AND s.date_start <= p.last AND s.date_end >= p.first - (p.last - p.first + 1)
                               AND s.billed_again_id IS NULL
                          JOIN call_usage_line u ON u.statement_id = s.id) came
                  JOIN call_import i ON i.id = came.import_id
                 ORDER BY 1, 2
                """,
                self._span_table(spans),
            )
        )
        Source = self.env["call.source"].sudo().with_prefetch({source for _place, source in rows})
        sources = {}
        for place, source in rows:
            sources[place - 1] = sources.get(place - 1, Source) | Source.browse(source)
        return sources

    @api.model
    def _gate_suspense(self, spans, sources):
        """Suspended records that are guided to the contract already."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.place, x.reason, count(*)
                  FROM %s
                  JOIN contract_line l ON l.contract_id = p.contract_id
                  JOIN call_suspense x ON x.contract_line_id = l.id AND x.state = 'open'
                       AND x.start_at >= p.begin_at AND x.start_at < p.end_at
                 GROUP BY 1, 2 ORDER BY 1, 3 DESC
                """,
                self._span_table(spans),
            )
        )
        return {
            place: (
                count,
                self.env._("Suspended calls of this contract: %s", text),
                "call.suspense",
                [("contract_line_id.contract_id", "=", spans[place].contract.id), *self._gate_suspense_domain(spans[place])],
            )
            for place, (count, text) in self._gate_reasons(rows).items()
        }

    @api.model
    def _gate_nobody(self, spans, sources):
        """Suspended records that may be anybody's, of the sources that the contract's calls come from."""
        pairs = [(place + 1, source.id) for place, mine in sources.items() for source in mine]
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.place, x.reason, count(*)
                  FROM %s
                  JOIN unnest(%s::integer[], %s::integer[]) AS f(place, source_id) ON f.place = p.place
                  JOIN call_suspense x ON x.source_id = f.source_id AND x.state = 'open' AND x.contract_line_id IS NULL
                       AND x.start_at >= p.begin_at AND x.start_at < p.end_at
                 GROUP BY 1, 2 ORDER BY 1, 3 DESC
                """,
                self._span_table(spans),
                [place for place, _source in pairs],
                [source for _place, source in pairs],
            )
        )
        return {
            place: (
                count,
                self.env._(
                    "Suspended records of %(sources)s that belong to nobody: %(reasons)s",
                    sources=", ".join(sources[place].mapped("name")),
                    reasons=text,
                ),
                "call.suspense",
                [
                    ("source_id", "in", sources[place].ids),
                    ("contract_line_id", "=", False),
                    *self._gate_suspense_domain(spans[place]),
                ],
            )
            for place, (count, text) in self._gate_reasons(rows).items()
        }

    @api.model
    def _gate_suspense_domain(self, span):
        begin, end = map(fields.Datetime.to_string, (span.begin, span.end))
        return [("state", "=", "open"), ("start_at", ">=", begin), ("start_at", "<", end)]

    @api.model
    def _gate_reasons(self, rows):
        """:param rows: (place from 1, reason, count)
        :return: dict of place -> (count, reasons in words)
        """
        labels = dict(self.env["call.suspense"]._fields["reason"]._description_selection(self.env))
        found = {}
        for place, reason, count in rows:
            total, texts = found.get(place - 1, (0, []))
            found[place - 1] = total + count, [*texts, f"{count:,} x {labels[reason]}"]
        return {place: (count, ", ".join(texts)) for place, (count, texts) in found.items()}

    @api.model
    def _gate_gaps(self, spans, sources):
        """Days and hours without the usual calls, and missing numbers, in the period."""
        Source = self.env["call.source"].sudo()
        now = fields.Datetime.now()
        keys = list(
            dict.fromkeys((source, spans[place].first, spans[place].last) for place, mine in sources.items() for source in mine)
        )
        days = [(source, first, min(last, source._last_complete_day())) for source, first, last in keys]
        hours = [
            (
                source,
                source._moment(first),
                min(source._moment(last + timedelta(days=1)), now - timedelta(hours=source.expected_within)) - timedelta(hours=1),
            )
            for source, first, last in keys
        ]
        silent_days, silent_hours = {}, {}
        for place, day, usual in Source._silent_days(days):
            silent_days.setdefault(keys[place], []).append((day, usual))
        for place, hour, usual in Source._silent_hours(hours):
            silent_hours.setdefault(keys[place], []).append((hour, usual))
        gaps = Source.union(*sources.values())._dated_sequence_gaps()
        found = {}
        for place, mine in sources.items():
            count, texts, behind = 0, [], Source
            for source in mine:
                key = source, spans[place].first, spans[place].last
                told = silent_days.get(key, [])
                all_day = {day for day, _usual in told}
                rest = [each for each in silent_hours.get(key, ()) if source._local_day(each[0]) not in all_day]
                numbers = [
                    (first, last)
                    for source_id, first, last, since, until in gaps
                    if source_id == source.id
                    and (since is None or since < spans[place].end)
                    and (until is None or until >= spans[place].begin)
                ]
                if told or rest or numbers:
                    behind |= source
                    count += len(told) + len(rest) + sum(last - first + 1 for first, last in numbers)
                    texts.append(f"{source.name}: {'; '.join(source.with_env(self.env)._missing_lines(numbers, told, rest))}")
            if behind:
                text = self.env._("Calls seem to be missing. %s", " ".join(texts))
                found[place] = (count, text, "call.source", [("id", "in", behind.ids)])
        return found

    @api.model
    def _gate_history(self, spans, sources):
        """Calls per day against those of the last periods that are closed."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.place, coalesce(s.usage_count - coalesce(s.late_count, 0), 0), h.calls::bigint, h.days::bigint
                  FROM %s
                  LEFT JOIN call_statement s ON s.contract_id = p.contract_id AND s.date_start = p.first AND s.billed_again_id IS NULL
                 CROSS JOIN LATERAL (
                       SELECT sum(o.calls) AS calls, sum(o.days) AS days
                         FROM (SELECT coalesce(usage_count - coalesce(late_count, 0), 0) AS calls, date_end - date_start + 1 AS days
                                 FROM call_statement
                                WHERE contract_id = p.contract_id AND state <> 'open' AND billed_again_id IS NULL AND date_end < p.first
                                ORDER BY date_start DESC LIMIT %s) o) h
                 WHERE h.days > 0
                """,
                self._span_table(spans),
                LAST_PERIODS,
            )
        )
        today = fields.Date.context_today(self)
        found = {}
        for number, calls, before, days_before in rows:
            span = spans[number - 1]
            days = (min(span.last, today) - span.first).days + 1
            if days <= 0:
                continue
            company, usual = span.contract.company_id, before * days  # compared with calls * days_before, without fractions
            if max(calls * days_before, usual) < company.call_gate_min_calls * days_before:
                continue
            less, more = company.call_gate_less, company.call_gate_more
            if calls * days_before * 100 < less * usual or (more and calls * days_before * 100 > more * usual):
                text = self.env._(
                    "Unusual volume: %(calls)s calls, usually %(usual)s in so many days",
                    calls=f"{calls:,}",
                    usual=f"{usual / days_before:,.0f}",
                )
                found[number - 1] = (calls, text, "call.statement", [("contract_id", "=", span.contract.id)])
        return found
