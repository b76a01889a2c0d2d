"""What a statement tells beside its charges: how calls were answered, what is not charged and why, fixed fees."""

from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import SQL, formatLang

from .. import indicators
from .call_rerating import Usage

INDICATORS = ("service_level", "answer_speed", "handling_time", "abandonment")
SERVED = (
    "offered_count", "answered_count", "in_time_count", "abandoned_count", "abandoned_in_time_count", "wait_seconds",
    "handling_seconds",
)  # fmt: skip
"""Fields of a statement in the order of indicators.Served."""


class Figure(NamedTuple):
    """A performance indicator as people read it."""

    label: str
    value: str
    explanation: str


class Reason(NamedTuple):
    """Calls of a statement that are not charged for one reason."""

    key: str
    label: str
    calls: int
    seconds: int


class Fee(NamedTuple):
    """A line of the invoice that is no usage: of a fixed fee, for the days of its period."""

    name: str
    period: str
    amount: float


class CallStatement(models.Model):
    """Figures are ratios of counts over all inbound calls of the period, see ``call.rate.term``; late usage is not in them.

    The counts are stored when the period closes, and gone when it opens again: what the client was shown does not change. Until
    then they are counted when somebody asks.
    """

    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    threshold_seconds = fields.Integer(
        string="Answered Within (s)", readonly=True, aggregator=None, help="What the service level was measured by. 0: not yet."
    )
    short_abandon_seconds = fields.Integer(
        string="Short Abandoned (s)",
        readonly=True,
        aggregator=None,
        help="Calls given up within so many seconds are left out of service level and abandonment.",
    )
    service_variant = fields.Selection(
        selection=lambda self: self.env["call.rate.term"]._fields["variant"].selection,
        string="Calculated As",
        readonly=True,
        help="Which calls count in the service level.",
    )
    offered_count = fields.Integer(string="Offered Calls", readonly=True, help="Inbound calls that did not fail technically.")
    answered_count = fields.Integer(string="Answered Calls", readonly=True)
    in_time_count = fields.Integer(string="Answered in Time", readonly=True)
    abandoned_count = fields.Integer(string="Abandoned Calls", readonly=True, help="The caller gave up, or nobody answered.")
    abandoned_in_time_count = fields.Integer(string="Abandoned in Time", readonly=True)
    abandoned_short_count = fields.Integer(string="Short Abandoned Calls", readonly=True)
    wait_seconds = fields.Integer(string="Waiting (s)", readonly=True, help="In the queue and ringing, of the answered calls.")
    handling_seconds = fields.Integer(string="Handling (s)", readonly=True, help="Talk, hold and wrap-up of the answered calls.")
    not_billable_totals = fields.Json(readonly=True, help="Calls and seconds by the reason why they are not charged.")
    performance_html = fields.Html(compute="_compute_figures_html", sanitize=False, string="Performance")
    not_billable_html = fields.Html(compute="_compute_figures_html", sanitize=False, string="Calls That Are Not Charged")
    fees_html = fields.Html(compute="_compute_figures_html", sanitize=False, string="Fixed Fees")

    @api.depends("state", "invoice_id")
    @api.depends_context("lang")
    def _compute_figures_html(self):
        """Of closed periods: what is open is counted on demand, see ``so_far``."""
        Qweb = self.env["ir.qweb"]
        for statement in self:
            for name in ("performance", "not_billable", "fees"):
                html = statement.state != "open" and Qweb._render(
                    f"call_center_billing.call_statement_{name}", {"statement": statement}
                )
                statement[f"{name}_html"] = html

    def action_view_not_billable(self):
        """The calls that are not charged, by reason."""
        self.ensure_one()
        context = {"search_default_not_billable": 1, "search_default_group_reason": 1}
        domain = [("statement_id", "=", self.id), ("not_billable_reason", "!=", "replaced")]
        return self.action_view_calls() | {"domain": domain, "context": context}

    def _set_state(self, state):
        res = super()._set_state(state)
        if state == "closed":
            self._store_figures()
        elif state == "open":
            self.write(dict.fromkeys((*SERVED, "threshold_seconds", "not_billable_totals"), False))
        return res

    def _store_figures(self):
        totals = self._count_not_billable()
        for statement, (terms, served, short) in self._measure().items():
            counts = (
                served.offered,
                served.answered,
                served.in_time,
                served.abandoned,
                served.short,
                served.wait,
                served.handling,
            )
            statement.write(
                dict(zip(SERVED, counts, strict=True))
                | {
                    "threshold_seconds": terms["service_level"].threshold_seconds,
                    "service_variant": terms["service_level"].variant,
                    "short_abandon_seconds": terms["abandonment"].threshold_seconds,
                    "abandoned_short_count": short.short,
                    "not_billable_totals": totals[statement.id],
                }
            )

    # --- Performance --------------------------------------------------------------------------------------

    def _measure(self):
        """Count the inbound calls of any number of statements, at once.

        :return: dict of statement -> (dict of indicator -> term, indicators.Served, indicators.Served with the threshold of short
            abandoned calls)
        """
        statements, promises = self.sudo(), []
        terms = {statement: statement._terms_to_measure() for statement in statements}
        for statement in statements:
            lines = statement.contract_id.with_context(active_test=False).contract_line_ids.filtered("rate_plan_id")
            promises += [(terms[statement][name], statement, lines) for name in ("service_level", "abandonment")]
        served = iter(self.env["call.closing"]._count_served(promises, Usage()) if any(lines for *_, lines in promises) else ())
        none = indicators.Served()
        return {statement: (terms[statement], next(served, none), next(served, none)) for statement in statements}

    def _measuring_values(self):
        """How the service level is calculated, and in how many seconds calls have to be answered or are short abandoned ones: as the
        statement's figures were stored; else as the first service level of the contract's plans says, else the contract.

        :return: dict: variant, and seconds by indicator
        """
        self.ensure_one()
        contract = self.contract_id
        values = {
            "variant": self.service_variant or "late",
            "service_level": self.threshold_seconds or contract.service_seconds,
            "abandonment": self.short_abandon_seconds if self.threshold_seconds else contract.short_abandon_seconds,
        }
        if not self.threshold_seconds:
            for term in reversed(self._agreed_levels()):
                if term.indicator == "service_level":
                    values |= {"service_level": term.threshold_seconds, "variant": term.variant}
                elif term.indicator == "abandonment":
                    values["abandonment"] = term.threshold_seconds
        return values

    def _agreed_levels(self):
        """Service levels of the contract's plans, as list of call.rate.term in the order of the plans."""
        plans = self.contract_id.contract_line_ids.rate_plan_id
        terms = [term for plan in plans for term in plan._nearest("term_ids")._in_force(self.date_start)]
        return [term for term in terms if term.kind == "service_level"]

    def _terms_to_measure(self):
        """Terms that say how each indicator is calculated.

        :return: dict of indicator -> call.rate.term, not stored
        """
        values, Term = self._measuring_values(), self.env["call.rate.term"]
        return {
            name: Term.new(
                {
                    "kind": "service_level",
                    "indicator": name,
                    "variant": values["variant"],
                    "threshold_seconds": values["abandonment" if name == "abandonment" else "service_level"],
                }
            )
            for name in INDICATORS
        }

    def _performance(self):
        """:return: list of Figure; "no data" where nothing could be measured"""
        self.ensure_one()
        env = self.env
        statement = self.sudo()
        if statement.threshold_seconds:
            terms = statement._terms_to_measure()
            served = indicators.Served(*(statement[name] for name in SERVED))
            short = indicators.Served(offered=served.offered, abandoned=served.abandoned, short=statement.abandoned_short_count)
        else:
            ((terms, served, short),) = statement._measure().values()
        labels = {
            "service_level": env._("Service level, answered within %s s", terms["service_level"].threshold_seconds),
            "answer_speed": env._("Average speed of answer"),
            "handling_time": env._("Average handling time"),
            "abandonment": env._("Abandoned calls"),
        }
        rows = [self._count_figure(env._("Offered calls"), served.offered, env._("Inbound calls that did not fail technically"))]
        rows.append(self._count_figure(env._("Answered calls"), served.answered if served.offered else None))
        for name, term in terms.items():
            counts = short if name == "abandonment" else served
            value = counts.value(name, term.variant)
            text = env._("No data") if value is None else term._value_text(env, value)
            rows.append(Figure(labels[name], text, term._measured_text(env, counts, value)))
        minutes = formatLang(env, statement.total_seconds / 60, digits=1)
        rows.append(Figure(env._("Total time"), env._("%s minutes", minutes), env._("Duration of all calls of the statement")))
        return rows

    def _count_figure(self, label, count, explanation=""):
        text = self.env._("No data") if count is None else formatLang(self.env, count, digits=0)
        return Figure(label, text, explanation)

    # --- Not charged, and fixed fees ----------------------------------------------------------------------

    def _count_not_billable(self):
        """:return: dict of statement id -> list of [reason, calls, seconds], most first; as JSON has it"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT statement_id, not_billable_reason, count(*), sum(total_seconds)::bigint
                  FROM call_usage_line
                 WHERE statement_id IN %s AND status = 'not_billable' AND not_billable_reason IS DISTINCT FROM 'replaced'
                 GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2
                """,
                tuple(self.ids) or (0,),
            )
        )
        totals = {statement.id: [] for statement in self}
        for statement, *row in rows:
            totals[statement].append(row)
        return totals

    def _not_billable(self):
        """:return: list of Reason, most calls first"""
        self.ensure_one()
        totals = self.sudo().not_billable_totals if self.sudo().threshold_seconds else self._count_not_billable()[self.id]
        labels = dict(self.env["call.usage.line"]._fields["not_billable_reason"]._description_selection(self.env))
        return [Reason(key or "", labels.get(key, ""), calls, seconds) for key, calls, seconds in totals or ()]

    def _fixed_fees(self):
        """What the contract charges beside usage: of an invoiced period what is on its invoice, of an open one what will be on it.

        :return: list of Fee
        """
        self.ensure_one()
        if self.state == "open":
            return self._expected_fees()
        statement = self.sudo()
        move = statement.invoice_id
        together = move.call_statement_ids.filtered(lambda s: s.contract_id == statement.contract_id).sorted("date_start")
        fees = []
        for line in move.invoice_line_ids.filtered(lambda line: line.display_type == "product" and not line.call_charge_id):
            if line.contract_line_id.contract_id != statement.contract_id:
                continue
            mine = together.filtered(lambda s, line=line: s.date_start <= (line.call_period_end or s.date_end) <= s.date_end)
            if (mine or together)[-1] == statement:
                amount = line.price_subtotal * move._call_charge_sign()
                fees.append(Fee(line.name, self._days_text(line.call_period_start, line.call_period_end), amount))
        return fees

    def _expected_fees(self):
        """Fees that fall due with this statement: after the day on which it began, by the day after it ended."""
        due = fields.Date.add(self.date_end, days=1)
        lines = self.sudo().contract_id.contract_line_ids.filtered(
            lambda line: not (line.rate_plan_id or line.display_type or line.is_canceled)
        )
        fees = []
        for line in lines:
            for first, last in line._usage_periods(due):
                day = first if line.recurring_invoicing_type == "pre-paid" else last
                if self.date_start < fields.Date.add(day, days=line.recurring_invoicing_offset) <= due:
                    fees.append(Fee(line._insert_markers(first, last), self._days_text(first, last), line.price_subtotal))
        return fees

    def _days_text(self, first, last):
        return self.new({"date_start": first, "date_end": last})._period_text()


class ContractContract(models.Model):
    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    service_seconds = fields.Integer(
        string="Answered Within (s)",
        default=20,
        help="Seconds within which a call counts as answered in time, in the performance figures of the statements. A service level "
        "of the rate plan takes its place.",
    )
    short_abandon_seconds = fields.Integer(
        string="Short Abandoned (s)",
        default=5,
        help="Who gives up within so many seconds is left out of the abandoned calls. 0: nobody is. A service level for abandoned "
        "calls of the rate plan takes its place.",
    )

    _service_seconds = models.Constraint(
        "CHECK (service_seconds > 0 AND short_abandon_seconds >= 0)",
        "Calls are answered within some seconds: give at least 1, and at least 0 for those that are abandoned.",
    )
