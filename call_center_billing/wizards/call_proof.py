"""The proof that all calls of a period are accounted for, and all money."""

from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..models.call_settlement import is_offset, settlement


class CallProof(models.TransientModel):
    """What became of every record and every cent of a company in some days.

    Calls are those whose day, in the client's time zone, is one of the days. Money follows them onto the invoices of the
    billing periods that end in these days, with late usage and adjustments of such a period, wherever they were invoiced: so
    each invoice line is proved once, whatever stretches of days are chosen one after another. All comes from the rows themselves and
    never from stored totals.

    An invoice whose usage is billed again counts for nothing, nor do its credit note and the copies of its calls. Where usage is
    written off instead, its calls count, and what they were charged is taken off in a line of its own.
    """

    _name = "call.proof"
    _description = "Proof of Completeness"
    _inherit = ["call.figures"]

    line_ids = fields.One2many("call.proof.line", "figures_id", readonly=True)
    call_line_ids = fields.One2many("call.proof.line", "figures_id", domain=[("section", "=", "calls")], readonly=True)
    file_line_ids = fields.One2many("call.proof.line", "figures_id", domain=[("section", "=", "files")], readonly=True)
    money_line_ids = fields.One2many("call.proof.line", "figures_id", domain=[("section", "=", "money")], readonly=True)
    kept_line_ids = fields.One2many("call.proof.line", "figures_id", domain=[("section", "=", "kept")], readonly=True)
    is_proved = fields.Boolean(compute="_compute_is_proved")

    @api.depends("line_ids.is_wrong")
    def _compute_is_proved(self):
        for proof in self:
            proof.is_proved = bool(proof.line_ids) and not any(proof.line_ids.mapped("is_wrong"))

    def _faults(self):
        """:return: list of texts, of what is not accounted for"""
        self.ensure_one()
        sections = dict(self.line_ids._fields["section"]._description_selection(self.env))
        return [
            f"{sections[line.section]}: {line.name}: {', '.join(cell for cell in line._cells()[2:] if cell not in ('', '0'))} {line.currency_id.name or ''}".strip()
            for line in self.line_ids.filtered("is_wrong")
        ]

    @api.model
    def _title(self):
        return self.env._("Proof")

    def _rows(self):
        return [*self._call_rows(), *self._file_rows(), *self._money_rows()]

    # --- Calls and suspended records ----------------------------------------------------------------------

    def _call_rows(self):
        (received, seconds), categories, suspended = self._count_received(), self._count_settled(), self._count_suspended()
        labels = dict(self.env["call.usage.line"]._fields["settlement"]._description_selection(self.env))
        reasons = dict(self.env["call.usage.line"]._fields["not_billable_reason"]._description_selection(self.env))
        states = {
            "open": self.env._("Suspended"),
            "written_off": self.env._("Written off"),
            "replaced": self.env._("Suspended, then replaced by a newer record"),
        }
        currencies = {currency for _what, _reason, currency, *_numbers in categories}
        count = received + sum(suspended[state][0] for state in states)
        total_seconds = seconds + sum(suspended[state][1] for state in states)
        money = {"amount": sum(amount for *_key, amount, _lost in categories)} if len(currencies) == 1 else {}
        currency = next(iter(currencies)) if money else None
        rows = [
            self._row(
                "calls", "total", self.env._("Received"), call_count=count, seconds=total_seconds, currency=currency, **money
            )
        ]
        for what, reason, currency, number, each_seconds, amount, _lost in categories:
            name, domain = labels[what], [*self._days_domain(), ("settlement", "=", what)]
            if what == "not_billable":
                name = self.env._("Not billable: %s", reasons.get(reason, "-"))
                domain.append(("not_billable_reason", "=", reason or False))
            rows.append(
                self._row(
                    "calls",
                    what,
                    name,
                    "call.usage.line",
                    [*domain, ("statement_id.currency_id", "=", currency)],
                    currency,
                    call_count=number,
                    seconds=each_seconds,
                    amount=amount,
                )
            )
        for state, name in states.items():
            if suspended[state][0] or state == "open":
                rows.append(self._suspense_row(state, name, suspended[state]))
        rows.append(
            self._row(
                "calls",
                "difference",
                self.env._("Difference"),
                call_count=count - sum(row["call_count"] for row in rows[1:]),
                seconds=total_seconds - sum(row["seconds"] for row in rows[1:]),
            )
        )
        if suspended["recycled"][0]:
            name = self.env._("Recycled: suspended at first, counted above as what they became")
            rows.append(self._suspense_row("recycled", name, suspended["recycled"], kind="memo"))
        too_late = [*self._days_domain(), ("not_billable_reason", "=", "too_late")]
        return rows + [
            self._row(
                "calls",
                "lost",
                self.env._("Lost: what calls that came too late would have cost"),
                "call.usage.line",
                [*too_late, ("statement_id.currency_id", "=", currency)],
                currency,
                amount=lost,
            )
            for _what, _reason, currency, *_numbers, lost in categories
            if lost
        ]

    def _suspense_row(self, state, name, numbers, kind=None):
        domain = [("company_id", "=", self.company_id.id), ("state", "=", state), *self._suspense_days_domain()]
        return self._row(
            "calls", kind or f"suspense_{state}", name, "call.suspense", domain, call_count=numbers[0], seconds=numbers[1]
        )

    def _count_received(self):
        """:return: (lines, seconds) of calls of these days, counted plainly"""
        ((count, seconds),) = self.env.execute_query(
            SQL(
                """
                SELECT coalesce(sum(number), 0)::bigint, coalesce(sum(seconds), 0)::bigint FROM (
                    SELECT count(*) AS number, sum(CASE WHEN %(offset)s THEN - u.total_seconds ELSE u.total_seconds END) AS seconds
                      FROM %(usage)s WHERE %(days)s
                     UNION ALL
                    SELECT sum(u.call_count), sum(CASE WHEN u.is_offset THEN - u.seconds ELSE u.seconds END)
                      FROM %(archived)s WHERE %(days)s) received
                """,
                offset=is_offset("u"),
                usage=self._usage(),
                archived=self._archived(),
                days=self._is_in_days(),
            )
        )
        return count, seconds

    def _count_settled(self):
        """:return: list of (what became of them, reason, currency id, lines, seconds, exact amount, lost because they came too late)"""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT what, reason, currency_id, sum(number)::bigint, sum(seconds)::bigint, sum(amount)::text,
                       coalesce(sum(lost_amount), 0)::text
                  FROM (SELECT %(what)s AS what, CASE WHEN u.status = 'not_billable' THEN u.not_billable_reason END AS reason,
                               s.currency_id, 1 AS number, CASE WHEN %(offset)s THEN - u.total_seconds ELSE u.total_seconds END AS seconds,
                               u.amount, CASE WHEN u.not_billable_reason = 'too_late' THEN u.lost_amount END AS lost_amount
                          FROM %(usage)s LEFT JOIN account_move m ON m.id = s.invoice_id
                         WHERE %(days)s
                         UNION ALL
                        SELECT %(settled)s, CASE WHEN u.status = 'not_billable' THEN u.not_billable_reason END, s.currency_id,
                               u.call_count, CASE WHEN u.is_offset THEN - u.seconds ELSE u.seconds END, u.amount, u.lost_amount
                          FROM %(archived)s LEFT JOIN account_move m ON m.id = s.invoice_id
                         WHERE %(days)s) settled
                 GROUP BY 1, 2, 3
                """,
                what=settlement("u"),
                settled=settlement("u", SQL("u.is_offset"), SQL("u.is_included")),
                offset=is_offset("u"),
                usage=self._usage(),
                archived=self._archived(),
                days=self._is_in_days(),
            )
        )
        order = list(self.env["call.usage.line"]._fields["settlement"].get_values(self.env))
        rows.sort(key=lambda row: (order.index(row[0]), row[1] or "", row[2]))
        return [(*row[:5], *map(Decimal, row[5:])) for row in rows]

    def _count_suspended(self):
        """:return: dict of state -> (records, seconds); those without a time are of the day on which they came"""
        begin, end = self._moments()
        found = dict.fromkeys(("open", "written_off", "replaced", "recycled"), (0, 0))
        rows = self.env.execute_query(
            SQL(
                "SELECT state, count(*), coalesce(sum(total_seconds), 0)::bigint FROM call_suspense"
                " WHERE company_id = %s AND coalesce(start_at, create_date) >= %s AND coalesce(start_at, create_date) < %s GROUP BY 1",
                self.company_id.id,
                begin,
                end,
            )
        )
        return found | {state: (count, seconds) for state, count, seconds in rows}

    # --- Files ----------------------------------------------------------------------------------------------

    def _file_rows(self):
        """Control totals of the imports behind these days, and whether their records are there."""
        begin, end = self._moments()
        names = ("read", "accepted", "duplicate", "suspended", "ignored")
        rows = self.env.execute_query(
            SQL(
                """
                WITH brought AS (
                    SELECT DISTINCT u.import_id AS id FROM %(usage)s WHERE %(days)s
                     UNION
                    SELECT u.import_id FROM %(archived)s WHERE %(days)s
                     UNION
                    SELECT import_id FROM call_suspense
                     WHERE company_id = %(company)s AND coalesce(start_at, create_date) >= %(begin)s
                       AND coalesce(start_at, create_date) < %(end)s
                     UNION
                    SELECT id FROM call_import
                     WHERE company_id = %(company)s AND coalesce(finished_at, create_date) >= %(begin)s
                       AND coalesce(finished_at, create_date) < %(end)s
                ), counted AS (
                    SELECT i.* FROM call_import i JOIN brought b ON b.id = i.id WHERE i.state IN ('running', 'done', 'failed')
                ), stored AS (
                    SELECT count(*) AS number, coalesce(sum(u.total_seconds), 0) AS seconds
                      FROM call_usage_line u WHERE u.import_id IN (SELECT id FROM counted) AND NOT %(offset)s
                       AND u.statement_id NOT IN (SELECT id FROM call_statement WHERE billed_again_id IS NOT NULL)
                     UNION ALL
                    SELECT coalesce(sum(u.call_count), 0), coalesce(sum(u.seconds), 0)
                      FROM call_archive_total u WHERE u.import_id IN (SELECT id FROM counted) AND NOT u.is_offset
                       AND u.statement_id NOT IN (SELECT id FROM call_statement WHERE billed_again_id IS NOT NULL)
                     UNION ALL
                    SELECT count(*), coalesce(sum(total_seconds), 0)
                      FROM call_suspense WHERE import_id IN (SELECT id FROM counted) AND state <> 'recycled'
                )
                SELECT coalesce(array_agg(id), '{}'), %(sums)s,
                       (SELECT sum(number) FROM stored)::bigint, (SELECT sum(seconds) FROM stored)::bigint
                  FROM counted
                """,
                usage=self._usage(),
                archived=self._archived(),
                days=self._is_in_days(),
                company=self.company_id.id,
                begin=begin,
                end=end,
                offset=is_offset("u"),
                sums=SQL(", ").join(
                    SQL("coalesce(sum(%s), 0)::bigint", SQL.identifier(f"{name}_{what}"))
                    for name in names
                    for what in ("count", "seconds")
                ),
            )
        )
        ((ids, *numbers, stored, stored_seconds),) = rows
        pairs = dict(zip(names, zip(numbers[::2], numbers[1::2], strict=True), strict=True))
        labels = {
            "read": self.env._("Records read"),
            "accepted": self.env._("Accepted"),
            "duplicate": self.env._("Duplicates"),
            "suspended": self.env._("Suspended"),
            "ignored": self.env._("Ignored, as the phone system says"),
        }
        domain = [("id", "in", ids)]
        rows = [
            self._row("files", "total" if name == "read" else name, labels[name], "call.import", domain, call_count=n, seconds=s)
            for name, (n, s) in pairs.items()
        ]
        left = [pairs["read"][at] - sum(pairs[name][at] for name in names[1:]) for at in (0, 1)]
        lost = [pairs["accepted"][at] + pairs["suspended"][at] - each for at, each in enumerate((stored, stored_seconds))]
        texts = {
            self.env._("Difference"): left,
            self.env._("Accepted or suspended, but not there"): lost,
        }
        return rows + [
            self._row("files", "difference", name, "call.import", domain, call_count=n, seconds=s)
            for name, (n, s) in texts.items()
        ]

    # --- Which rows -------------------------------------------------------------------------------------------

    def _usage(self):
        """FROM item: calls u that may belong here, with their statement s and the statement p of their own period.

        A call is on the statement of its own period or, late, on a later one; copies for what was billed again are left out. The bounds of the time are wide; they lead to
        the index on statement and start.
        """
        first = SQL(
            "(SELECT least(%s, min(date_start)) FROM call_statement WHERE company_id = %s AND date_end BETWEEN %s AND %s)",
            self.date_from,
            self.company_id.id,
            self.date_from,
            self.date_to,
        )
        return SQL(
            "call_statement s JOIN call_usage_line u ON u.statement_id = s.id AND s.company_id = %s AND s.date_end >= %s"
            " AND s.billed_again_id IS NULL"
            " AND u.start_at >= %s - 2 AND u.start_at < %s::date + 3"
            " JOIN call_statement p ON p.id = coalesce(u.late_of_id, u.statement_id)",
            self.company_id.id,
            self.date_from,
            first,
            self.date_to,
        )

    def _archived(self):
        """As :meth:`_usage`, FROM item of the sums u of calls that are archived."""
        return SQL(
            "call_statement s JOIN call_archive_total u ON u.statement_id = s.id AND s.company_id = %s AND s.date_end >= %s"
            " AND s.billed_again_id IS NULL JOIN call_statement p ON p.id = coalesce(u.late_of_id, u.statement_id)",
            self.company_id.id,
            self.date_from,
        )

    def _is_in_days(self):
        return SQL("(u.date BETWEEN %s AND %s)", self.date_from, self.date_to)

    def _is_in_periods(self):
        return SQL("(p.date_end BETWEEN %s AND %s)", self.date_from, self.date_to)

    def _days_domain(self):
        return [
            ("company_id", "=", self.company_id.id),
            ("statement_id.billed_again_id", "=", False),
            ("date", ">=", str(self.date_from)),
            ("date", "<=", str(self.date_to)),
        ]

    def _ends_in(self, path):
        """A period ends in these days, as one operand."""
        return ["&", (f"{path}date_end", ">=", str(self.date_from)), (f"{path}date_end", "<=", str(self.date_to))]

    def _periods_domain(self):
        """Calls whose own billing period ends in these days, as one operand."""
        late = ["&", ("late_of_id", "!=", False), *self._ends_in("late_of_id.")]
        return ["|", *late, "&", ("late_of_id", "=", False), *self._ends_in("statement_id.")]


class CallProofLine(models.TransientModel):
    """A figure of a proof."""

    _name = "call.proof.line"
    _description = "Figure of a Proof"
    _inherit = ["call.figure"]
    _order = "figures_id, sequence, id"

    figures_id = fields.Many2one("call.proof", required=True, ondelete="cascade", index=True)
    section = fields.Selection(
        [("calls", "Calls"), ("files", "Files"), ("money", "Money"), ("kept", "Kept Beside the Calls")],
        required=True,
        readonly=True,
    )
    is_wrong = fields.Boolean(compute="_compute_is_wrong")

    @api.depends("kind", "call_count", "seconds", "amount")
    def _compute_is_wrong(self):
        for line in self:
            line.is_wrong = line.kind in ("difference", "uninvoiced") and bool(line.call_count or line.seconds or line.amount)
