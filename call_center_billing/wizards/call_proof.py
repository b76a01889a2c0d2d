"""The proof that all calls of a period are accounted for, and all money."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.tools import SQL

from ..formats.record import PARTS
from ..models.call_price import PART_PRICES
from ..models.call_settlement import between_ends, freed_call, is_offset, settlement

ZERO = Decimal(0)
USAGE_COMPONENTS = ("included", "duration", "call", "part", "destination", "cost")
"""Components of charges that are the price of calls, one by one."""
ACTIONS = {
    "call.usage.line": "call_center_billing.call_usage_line_action",
    "call.suspense": "call_center_billing.call_suspense_action",
    "call.import": "call_center_billing.call_import_action",
    "call.charge": "call_center_billing.call_charge_action",
    "call.adjustment": "call_center_billing.call_adjustment_action",
    "account.move.line": "account.action_account_moves_all_tree",
}


class CallProof(models.TransientModel):
    """What became of every record and every cent of a company in some days.

    Calls are those whose day, in the client's time zone, is one of the days. Money follows them onto the invoices of the
    billing periods that end in these days, with late usage and adjustments of such a period, wherever they were invoiced: so
    each invoice line is proved once, whatever stretches of days are chosen one after another. All is computed when it is asked for, by a
    constant number of statements, from the rows themselves and never from stored totals.
    """

    _name = "call.proof"
    _description = "Proof of Completeness"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    date_from = fields.Date(string="From", required=True, default=lambda self: self._last_month()[0])
    date_to = fields.Date(string="Until", required=True, default=lambda self: self._last_month()[1])
    computed_at = fields.Datetime(string="As Of", readonly=True)
    line_ids = fields.One2many("call.proof.line", "proof_id", readonly=True)
    call_line_ids = fields.One2many("call.proof.line", "proof_id", domain=[("section", "=", "calls")], readonly=True)
    file_line_ids = fields.One2many("call.proof.line", "proof_id", domain=[("section", "=", "files")], readonly=True)
    money_line_ids = fields.One2many("call.proof.line", "proof_id", domain=[("section", "=", "money")], readonly=True)
    is_proved = fields.Boolean(compute="_compute_is_proved")

    _dates_ordered = models.Constraint("CHECK (date_to >= date_from)", "The last day must not be before the first.")

    @api.model
    def _last_month(self):
        last = fields.Date.context_today(self).replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last

    @api.depends("line_ids.is_wrong")
    def _compute_is_proved(self):
        for proof in self:
            proof.is_proved = bool(proof.line_ids) and not any(proof.line_ids.mapped("is_wrong"))

    @api.constrains("company_id")
    def _check_company_is_own(self):
        for proof in self:
            if proof.company_id not in self.env.companies:
                raise ValidationError(self.env._("Choose one of the companies that you work in right now."))

    @api.model
    def action_open(self):
        """The proof of last month."""
        return self.create({}).action_compute()

    def action_compute(self):
        self.ensure_one()
        self._compute_lines()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Proof"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "current",
        }

    def action_previous(self):
        """The calendar month before."""
        self.ensure_one()
        last = self.date_from.replace(day=1) - timedelta(days=1)
        self.write({"date_from": last.replace(day=1), "date_to": last})
        return self.action_compute()

    def action_next(self):
        """The calendar month after."""
        self.ensure_one()
        first = fields.Date.add(self.date_to.replace(day=1), months=1)
        self.write({"date_from": first, "date_to": fields.Date.add(first, months=1, days=-1)})
        return self.action_compute()

    def _compute_lines(self):
        """:raise AccessError: the company is none of the user's"""
        self.ensure_one()
        if not self.env.user.has_group("call_center_billing.group_accountant") or self.company_id not in self.env.companies:
            raise AccessError(self.env._("Only billing accountants of this company see its proof."))
        self.env.flush_all()
        rows = [*self._call_rows(), *self._file_rows(), *self._money_rows()]
        self.line_ids.unlink()
        self.env["call.proof.line"].create([{"proof_id": self.id, "sequence": place, **row} for place, row in enumerate(rows)])
        self.computed_at = fields.Datetime.now()

    def _row(self, section, kind, name, model=None, domain=None, currency=None, **values):
        """Values of a line. Numbers are Decimal or int; nothing that is not told stays empty."""
        return {
            "section": section,
            "kind": kind,
            "name": name,
            "currency_id": currency,
            "res_model": model,
            "domain": domain,
            **{column: float(value or 0) for column, value in values.items()},
            "has_count": "call_count" in values,
        }

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
        money = {"amount": sum(amount for *_key, amount in categories)} if len(currencies) == 1 else {}
        currency = next(iter(currencies)) if money else None
        rows = [
            self._row(
                "calls", "total", self.env._("Received"), call_count=count, seconds=total_seconds, currency=currency, **money
            )
        ]
        for what, reason, currency, number, each_seconds, amount in categories:
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
        return rows

    def _suspense_row(self, state, name, numbers, kind=None):
        domain = [("company_id", "=", self.company_id.id), ("state", "=", state), *self._suspense_days_domain()]
        return self._row(
            "calls", kind or f"suspense_{state}", name, "call.suspense", domain, call_count=numbers[0], seconds=numbers[1]
        )

    def _count_received(self):
        """:return: (lines, seconds) of calls of these days, counted plainly"""
        ((count, seconds),) = self.env.execute_query(
            SQL(
                "SELECT count(*), coalesce(sum(CASE WHEN %s THEN - u.total_seconds ELSE u.total_seconds END), 0)::bigint FROM %s WHERE %s",
                is_offset("u"),
                self._usage(),
                self._is_in_days(),
            )
        )
        return count, seconds

    def _count_settled(self):
        """:return: list of (what became of them, reason, currency id, lines, seconds, exact amount)"""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT what, reason, currency_id, count(*), sum(seconds)::bigint, sum(amount)::text
                  FROM (SELECT %(what)s AS what, CASE WHEN u.status = 'not_billable' THEN u.not_billable_reason END AS reason,
                               s.currency_id, CASE WHEN %(offset)s THEN - u.total_seconds ELSE u.total_seconds END AS seconds, u.amount
                          FROM %(usage)s LEFT JOIN account_move m ON m.id = s.invoice_id
                         WHERE %(days)s) settled
                 GROUP BY 1, 2, 3
                """,
                what=settlement("u"),
                offset=is_offset("u"),
                usage=self._usage(),
                days=self._is_in_days(),
            )
        )
        order = list(self.env["call.usage.line"]._fields["settlement"].get_values(self.env))
        rows.sort(key=lambda row: (order.index(row[0]), row[1] or "", row[2]))
        return [(*row[:5], Decimal(row[5])) for row in rows]

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
                     UNION ALL
                    SELECT count(*), coalesce(sum(total_seconds), 0)
                      FROM call_suspense WHERE import_id IN (SELECT id FROM counted) AND state <> 'recycled'
                )
                SELECT coalesce(array_agg(id), '{}'), %(sums)s,
                       (SELECT sum(number) FROM stored)::bigint, (SELECT sum(seconds) FROM stored)::bigint
                  FROM counted
                """,
                usage=self._usage(),
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

    # --- Money ------------------------------------------------------------------------------------------------

    def _money_rows(self):
        usage, charges, adjustments = self._sum_usage(), self._sum_charges(), self._sum_adjustments()
        currencies = sorted({*usage, *(currency for currency, _component in charges), *adjustments})
        rows = []
        for currency in currencies:
            mine = {component: sums for (each, component), sums in charges.items() if each == currency}
            rows += self._currency_rows(currency, usage.get(currency), mine, adjustments.get(currency))
        return rows

    def _currency_rows(self, currency, usage, charges, adjustments):
        """From the price of the calls to the invoice lines, in one currency.

        :param usage: as :meth:`_sum_usage` has it; charges: dict of component -> (charged, on no invoice, taxes, invoiced)
        :param adjustments: (all, pending, settled on no invoice, taxes, invoiced, ids of their credit notes and invoices)
        """
        usage = usage or dict.fromkeys(("rated", "elsewhere", "beside", "open", "freed", "tiers", "rounding"), ZERO)
        adjusted, pending, adjusted_nowhere, adjusted_tax, adjusted_invoiced, moves = adjustments or (ZERO,) * 5 + ([],)
        components = dict(self.env["call.charge"]._fields["component"]._description_selection(self.env))
        terms = [name for name in components if name not in (*USAGE_COMPONENTS, "adjustment") and name in charges]
        nowhere = sum((sums[1] for sums in charges.values()), ZERO) + adjusted_nowhere
        taxes = sum((sums[2] for sums in charges.values()), ZERO) + adjusted_tax
        invoiced = sum((sums[3] for sums in charges.values()), ZERO) + adjusted_invoiced
        of_calls = [("statement_id.currency_id", "=", currency), ("company_id", "=", self.company_id.id)]
        days = [*self._days_domain(), ("statement_id.currency_id", "=", currency)]
        in_periods, elsewhere = self._periods_domain(), ["!", *self._periods_domain()]
        priced = self._charges_domain(currency)
        adjusting = [
            ("company_id", "=", self.company_id.id),
            ("currency_id", "=", currency),
            ("statement_id.date_end", ">=", str(self.date_from)),
            ("statement_id.date_end", "<=", str(self.date_to)),
        ]
        steps = [  # kind, name, amount, model, domain, whether it is told where it is nothing
            ("total", self.env._("Rated usage of the calls"), usage["rated"], "call.usage.line", days, True),
            (
                "elsewhere",
                self.env._("Calls whose billing period ends on other days"),
                -usage["elsewhere"],
                "call.usage.line",
                [*days, *elsewhere],
                False,
            ),
            (
                "beside",
                self.env._("Calls of other days in the billing periods that end in these"),
                usage["beside"],
                "call.usage.line",
                [*of_calls, *in_periods, "|", ("date", "<", str(self.date_from)), ("date", ">", str(self.date_to))],
                False,
            ),
            (
                "open",
                self.env._("Not invoiced yet"),
                -usage["open"],
                "call.usage.line",
                [*of_calls, *in_periods, ("statement_id.state", "=", "open")],
                True,
            ),
            (
                "included",
                self.env._("Made free by allowances"),
                -usage["freed"],
                "call.charge",
                [*priced, "|", ("component", "=", "included"), ("share", "!=", 1)],
                True,
            ),
            (
                "tiers",
                self.env._("Changed by tiers, packages, rounding of sums and capped averages"),
                usage["tiers"],
                "call.charge",
                [*priced, ("component", "in", list(USAGE_COMPONENTS)), ("component", "!=", "included")],
                True,
            ),
            *(
                (f"term_{name}", components[name], charges[name][0], "call.charge", [*priced, ("component", "=", name)], True)
                for name in terms
            ),
            ("adjustment", self.env._("Adjustments of billed periods"), adjusted, "call.adjustment", adjusting, False),
            (
                "pending",
                self.env._("Adjustments that are not invoiced yet"),
                -pending,
                "call.adjustment",
                [*adjusting, ("state", "=", "pending")],
                False,
            ),
            (
                "rounding",
                self.env._("Rounded, once per invoice line"),
                usage["rounding"],
                "call.charge",
                [*priced, ("component", "in", list(USAGE_COMPONENTS)), ("component", "!=", "included")],
                True,
            ),
            (
                "uninvoiced",
                self.env._("Charged, but on no invoice, or on a cancelled one"),
                -nowhere,
                "call.charge",
                [*priced, ("amount", "!=", 0), "!", ("invoice_line_ids.parent_state", "in", ["draft", "posted"])],
                False,
            ),
            ("taxes", self.env._("Taxes that the prices include"), -taxes, "account.move.line", None, False),
        ]
        lines = [("parent_state", "in", ["draft", "posted"]), ("currency_id", "=", currency)]
        lines += ["|", "&", ("move_id", "in", moves), ("display_type", "=", "product")]
        lines += self._charges_domain(currency, "call_charge_id.")
        expected = sum((step[2] for step in steps), ZERO)
        rows = [
            self._row("money", kind, name, model, domain or lines, currency, amount=amount)
            for kind, name, amount, model, domain, always in steps
            if always or amount
        ]
        return [
            *rows,
            self._row("money", "expected", self.env._("What the invoices must have"), currency=currency, amount=expected),
            self._row(
                "money",
                "invoiced",
                self.env._("Usage on the invoices"),
                "account.move.line",
                lines,
                currency,
                amount=invoiced,
            ),
            self._row("money", "difference", self.env._("Difference"), currency=currency, amount=invoiced - expected),
        ]

    def _sum_usage(self):
        """What calls cost, and what closing their periods made of it.

        Charges of calls are compared with the calls of the same statement, contract line, rule and late period. Allowances free
        time or calls at their price. Where tiers, packages, rounding of the sum or capped averages have a say, those explain
        the rest but for the cents; elsewhere the rest is rounding, of half a unit of the currency for each charge at most: what
        exceeds that is explained by nothing and becomes the difference.

        :return: dict of currency id -> dict: rated, elsewhere, beside, open, freed, tiers, rounding
        """
        names = ("rated", "elsewhere", "beside", "open", "freed", "tiers", "rounding")
        part_price = SQL(" ").join(
            SQL("WHEN %s THEN r.%s", part, SQL.identifier(name)) for part, name in zip(PARTS, PART_PRICES, strict=True)
        )
        rows = self.env.execute_query(
            SQL(
                """
                WITH rated AS (
                    SELECT s.currency_id, s.state, u.statement_id, coalesce(u.late_of_id, 0) AS late_id, u.contract_line_id, u.rule_id,
                           %(days)s AS in_days, %(periods)s AS in_periods, sum(u.amount) AS amount
                      FROM %(usage)s
                     WHERE %(days)s OR %(periods)s
                     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
                ), charge AS (
                    SELECT c.*, s.currency_id, coalesce(c.late_of_id, 0) AS late_id,
                           CASE WHEN c.component IN ('destination', 'cost') THEN c.amount ELSE c.quantity * c.unit_price END AS exact,
                           CASE c.component WHEN 'call' THEN c.quantity * r.call_price
                                            WHEN 'part' THEN c.seconds * CASE c.part %(part_price)s END / 60
                                            ELSE c.seconds * r.time_price / r.time_seconds END AS listed,
                           c.tier > 0 OR c.seconds <> c.call_seconds OR coalesce(r.on_sum, false) AS is_changed
                      FROM call_charge c
                      JOIN call_statement s ON s.id = c.statement_id
                      JOIN call_statement p ON p.id = coalesce(c.late_of_id, c.statement_id)
                      LEFT JOIN call_price r ON r.id = c.price_id
                     WHERE s.company_id = %(company)s AND %(periods)s AND c.component IN %(components)s
                ), freed_call AS (
                    SELECT c.id, sum(%(freed_call)s) AS amount
                      FROM charge c
                      JOIN call_price r ON r.id = c.price_id
                      JOIN call_usage_line u ON u.statement_id = c.statement_id AND u.contract_line_id = c.contract_line_id
                           AND u.rule_id = c.rule_id AND coalesce(u.late_of_id, 0) = c.late_id AND u.status = 'billable'
                      LEFT JOIN call_usage_stretch x ON u.is_split AND x.usage_id = u.id AND x.number = 1
                      LEFT JOIN call_usage_line f ON f.id = c.first_usage_id
                      LEFT JOIN call_usage_line l ON l.id = c.last_usage_id
                     WHERE c.component = 'included' AND c.unit = 'call' AND c.quantity <> 0 AND c.price_id = coalesce(x.price_id, u.price_id)
                       AND %(between)s
                     GROUP BY c.id
                ), charged AS (
                    SELECT c.currency_id, c.statement_id, c.late_id, c.contract_line_id, c.rule_id,
                           count(*) FILTER (WHERE c.component <> 'included') AS number,
                           coalesce(sum(c.amount) FILTER (WHERE c.component <> 'included'), 0) AS amount,
                           coalesce(sum(c.exact) FILTER (WHERE c.component <> 'included'), 0) AS exact,
                           sum(CASE WHEN c.component = 'included' AND c.unit = 'call' THEN coalesce(f.amount, 0)
                                    WHEN c.component = 'included' THEN c.listed
                                    WHEN c.share = 1 THEN 0
                                    WHEN c.is_changed THEN c.listed * (1 - c.share)
                                    ELSE c.listed - c.exact END) AS freed,
                           bool_or(c.is_changed) AS is_changed
                      FROM charge c LEFT JOIN freed_call f ON f.id = c.id
                     GROUP BY 1, 2, 3, 4, 5
                ), closed AS (
                    SELECT currency_id, statement_id, late_id, contract_line_id, rule_id, sum(amount) AS amount
                      FROM rated WHERE in_periods AND state <> 'open' GROUP BY 1, 2, 3, 4, 5
                ), compared AS (
                    SELECT currency_id, coalesce(c.number, 0) AS number, coalesce(c.freed, 0) AS freed,
                           coalesce(c.is_changed, false) OR k.tier_mode IS NOT NULL AS is_changed,
                           coalesce(c.exact, 0) - coalesce(t.amount, 0) + coalesce(c.freed, 0) AS changed,
                           coalesce(c.amount, 0) - coalesce(c.exact, 0) AS cents,
                           coalesce(c.amount, 0) - coalesce(t.amount, 0) + coalesce(c.freed, 0) AS rest
                      FROM closed t
                      FULL JOIN charged c USING (currency_id, statement_id, late_id, contract_line_id, rule_id)
                      JOIN call_rate_rule k ON k.id = rule_id
                ), explained AS (
                    SELECT e.currency_id, sum(e.freed) AS freed, sum(CASE WHEN e.is_changed THEN e.changed ELSE 0 END) AS tiers,
                           sum(CASE WHEN e.is_changed THEN e.cents
                                    WHEN abs(e.rest) <= e.number * y.rounding / 2 + 0.000001 THEN e.rest ELSE 0 END) AS rounding
                      FROM compared e JOIN res_currency y ON y.id = e.currency_id
                     GROUP BY 1
                ), total AS (
                    SELECT currency_id, sum(amount) FILTER (WHERE in_days) AS rated,
                           sum(amount) FILTER (WHERE in_days AND NOT in_periods) AS elsewhere,
                           sum(amount) FILTER (WHERE in_periods AND NOT in_days) AS beside,
                           sum(amount) FILTER (WHERE in_periods AND state = 'open') AS open
                      FROM rated GROUP BY 1
                )
                SELECT currency_id, %(columns)s FROM total FULL JOIN explained USING (currency_id)
                """,
                usage=self._usage(),
                days=self._is_in_days(),
                periods=self._is_in_periods(),
                part_price=part_price,
                company=self.company_id.id,
                components=USAGE_COMPONENTS,
                freed_call=freed_call("u", "c"),
                between=between_ends("u", "c"),
                columns=SQL(", ").join(SQL("coalesce(%s, 0)::text", SQL.identifier(name)) for name in names),
            )
        )
        return {currency: dict(zip(names, map(Decimal, sums), strict=True)) for currency, *sums in rows}

    def _sum_charges(self):
        """:return: dict of (currency id, component) -> (charged, of that on no valid invoice, taxes in the prices, on invoices)"""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.currency_id, c.component, sum(c.amount)::text,
                       coalesce(sum(c.amount) FILTER (WHERE coalesce(i.number, 0) = 0), 0)::text,
                       coalesce(sum(i.taxes), 0)::text, coalesce(sum(i.amount), 0)::text
                  FROM call_charge c
                  JOIN call_statement s ON s.id = c.statement_id
                  LEFT JOIN call_adjustment a ON a.id = c.adjustment_id
                  JOIN call_statement p ON p.id = coalesce(c.late_of_id, a.statement_id, c.statement_id)
                  LEFT JOIN LATERAL (%s) i ON true
                 WHERE s.company_id = %s AND %s
                 GROUP BY 1, 2
                """,
                self._invoiced(SQL("b.call_charge_id = c.id AND b.currency_id = s.currency_id")),
                self.company_id.id,
                self._is_in_periods(),
            )
        )
        return {(currency, component): tuple(map(Decimal, sums)) for currency, component, *sums in rows}

    def _sum_adjustments(self):
        """:return: dict of currency id -> (all, pending, settled by a document that is not valid, taxes, in documents of their
        own, ids of these). Those that came on a next invoice are charges of that."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.currency_id, sum(a.amount)::text, coalesce(sum(a.amount) FILTER (WHERE a.state = 'pending'), 0)::text,
                       coalesce(sum(a.amount) FILTER (WHERE a.move_id IS NOT NULL AND coalesce(i.number, 0) = 0), 0)::text,
                       coalesce(sum(i.taxes), 0)::text, coalesce(sum(i.amount), 0)::text,
                       array_remove(array_agg(a.move_id), NULL)
                  FROM call_adjustment a
                  JOIN call_statement p ON p.id = a.statement_id
                  LEFT JOIN LATERAL (%s) i ON true
                 WHERE p.company_id = %s AND %s
                 GROUP BY 1
                """,
                self._invoiced(SQL("b.move_id = a.move_id AND b.display_type = 'product' AND b.currency_id = p.currency_id")),
                self.company_id.id,
                self._is_in_periods(),
            )
        )
        return {currency: (*map(Decimal, sums), moves) for currency, *sums, moves in rows}

    def _invoiced(self, condition):
        """SELECT of invoice lines b that are not cancelled: their number, their sum without taxes, and the taxes that their prices
        include; less on credit notes."""
        return SQL(
            """
            SELECT count(*) AS number, sum(- b.amount_currency) AS amount,
                   sum(CASE WHEN EXISTS (
                           SELECT FROM account_move_line_account_tax_rel h
                             JOIN account_tax t ON t.id = h.account_tax_id JOIN res_company o ON o.id = t.company_id
                            WHERE h.account_move_line_id = b.id
                              AND coalesce(t.price_include_override, o.account_price_include) = 'tax_included')
                       THEN round(b.quantity * b.price_unit, z.decimal_places) * CASE v.move_type WHEN 'out_refund' THEN -1 ELSE 1 END
                            + b.amount_currency
                       ELSE 0 END) AS taxes
              FROM account_move_line b
              JOIN account_move v ON v.id = b.move_id AND v.state IN ('draft', 'posted')
              JOIN res_currency z ON z.id = b.currency_id
             WHERE %s
            """,
            condition,
        )

    # --- Which rows -------------------------------------------------------------------------------------------

    def _usage(self):
        """FROM item: calls u that may belong here, with their statement s and the statement p of their own period.

        A call is on the statement of its own period or, late, on a later one. The bounds of the time are wide; they lead to
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
            " AND u.start_at >= %s - 2 AND u.start_at < %s::date + 3"
            " JOIN call_statement p ON p.id = coalesce(u.late_of_id, u.statement_id)",
            self.company_id.id,
            self.date_from,
            first,
            self.date_to,
        )

    def _is_in_days(self):
        return SQL("(u.date BETWEEN %s AND %s)", self.date_from, self.date_to)

    def _is_in_periods(self):
        return SQL("(p.date_end BETWEEN %s AND %s)", self.date_from, self.date_to)

    def _days_domain(self):
        return [
            ("company_id", "=", self.company_id.id),
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

    def _charges_domain(self, currency, path=""):
        """Charges of the billing periods that end in these days, as one operand."""
        late, adjusted = f"{path}late_of_id", f"{path}adjustment_id"
        own = ["&", "&", (late, "=", False), (adjusted, "=", False), *self._ends_in(f"{path}statement_id.")]
        return [
            "&",
            "&",
            (f"{path}statement_id.company_id", "=", self.company_id.id),
            (f"{path}statement_id.currency_id", "=", currency),
            "|",
            "|",
            *("&", (late, "!=", False), *self._ends_in(f"{late}.")),
            *("&", (adjusted, "!=", False), *self._ends_in(f"{adjusted}.statement_id.")),
            *own,
        ]

    def _suspense_days_domain(self):
        begin, end = map(fields.Datetime.to_string, self._moments())
        return [
            "|",
            *("&", ("start_at", ">=", begin), ("start_at", "<", end)),
            *("&", "&", ("start_at", "=", False), ("create_date", ">=", begin), ("create_date", "<", end)),
        ]

    def _moments(self):
        """Begin and end (exclusive) of the days, in the company's time zone, as UTC: for what belongs to no client yet."""
        zone = ZoneInfo(self.company_id.partner_id.tz or self.env.user.tz or "UTC")
        return [
            datetime.combine(day, time(), zone).astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
            for day in (self.date_from, self.date_to + timedelta(days=1))
        ]


class CallProofLine(models.TransientModel):
    """A figure of a proof, and where its rows are."""

    _name = "call.proof.line"
    _description = "Figure of a Proof"
    _order = "proof_id, sequence, id"

    proof_id = fields.Many2one("call.proof", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer()
    section = fields.Selection([("calls", "Calls"), ("files", "Files"), ("money", "Money")], required=True, readonly=True)
    kind = fields.Char(required=True, readonly=True)
    name = fields.Char(string="What", required=True, readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    has_count = fields.Boolean(readonly=True)
    call_count = fields.Float(string="Records", digits=(20, 0), readonly=True)
    seconds = fields.Float(string="Seconds", digits=(20, 0), readonly=True)
    amount = fields.Float(digits=(24, 10), readonly=True, help="Exact, before rounding, where it is the price of calls.")
    res_model = fields.Char(readonly=True)
    domain = fields.Json(readonly=True)
    is_wrong = fields.Boolean(compute="_compute_is_wrong")

    @api.depends("kind", "call_count", "seconds", "amount")
    def _compute_is_wrong(self):
        for line in self:
            line.is_wrong = line.kind in ("difference", "uninvoiced") and bool(line.call_count or line.seconds or line.amount)

    def action_open(self):
        """The rows behind the figure."""
        self.ensure_one()
        action = ACTIONS.get(self.res_model)
        if not action:
            return False
        action = self.env["ir.actions.act_window"]._for_xml_id(action)
        return action | {"domain": self.domain or [], "context": {}, "display_name": self.name}
