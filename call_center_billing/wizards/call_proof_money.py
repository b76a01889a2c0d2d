"""The money of a proof: from the price of the calls to the invoice lines."""

from decimal import Decimal

from odoo import models
from odoo.tools import SQL

from ..formats.record import PARTS
from ..models.call_price import PART_PRICES
from ..models.call_settlement import freed_by_calls

ZERO = Decimal(0)
USAGE_COMPONENTS = ("included", "duration", "call", "part", "destination", "cost")
"""Components of charges that are the price of calls, one by one."""


class CallProof(models.TransientModel):
    _inherit = "call.proof"  # pylint: disable=consider-merging-classes-inherited

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

        :param usage: as :meth:`_sum_usage` has it; charges: dict of component -> (charged, on no invoice, taxes, invoiced, written off)
        :param adjustments: (all, pending, lost, settled on no invoice, taxes, invoiced, ids of their credit notes and invoices)
        """
        usage = usage or dict.fromkeys(("rated", "elsewhere", "beside", "open", "freed", "tiers", "rounding"), ZERO)
        adjusted, pending, lost, adjusted_nowhere, adjusted_tax, adjusted_invoiced, moves = adjustments or (ZERO,) * 6 + ([],)
        components = dict(self.env["call.charge"]._fields["component"]._description_selection(self.env))
        terms = [name for name in components if name not in (*USAGE_COMPONENTS, "adjustment") and name in charges]
        nowhere = sum((sums[1] for sums in charges.values()), ZERO) + adjusted_nowhere
        taxes = sum((sums[2] for sums in charges.values()), ZERO) + adjusted_tax
        invoiced = sum((sums[3] for sums in charges.values()), ZERO) + adjusted_invoiced
        written_off = sum((sums[4] for sums in charges.values()), ZERO)
        of_calls = [
            ("statement_id.currency_id", "=", currency),
            ("company_id", "=", self.company_id.id),
            ("statement_id.billed_again_id", "=", False),
        ]
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
                "too_late",
                self.env._("Adjustments that came too late"),
                -lost,
                "call.adjustment",
                [*adjusting, ("state", "=", "lost")],
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
                "written_off",
                self.env._("Written off after posting"),
                -written_off,
                "call.charge",
                [*priced, ("statement_id.state", "=", "void")],
                False,
            ),
            (
                "uninvoiced",
                self.env._("Charged, but on no invoice, or on a cancelled one"),
                -nowhere,
                "call.charge",
                [
                    *priced,
                    ("amount", "!=", 0),
                    ("statement_id.state", "!=", "void"),
                    "!",
                    ("invoice_line_ids.parent_state", "in", ["draft", "posted"]),
                ],
                False,
            ),
            ("taxes", self.env._("Taxes that the prices include"), -taxes, "account.move.line", None, False),
        ]
        lines = [("parent_state", "in", ["draft", "posted"]), ("currency_id", "=", currency)]
        lines += ["|", "&", ("move_id", "in", moves), ("display_type", "=", "product")]
        lines += ["&", ("call_charge_id.statement_id.state", "!=", "void"), *self._charges_domain(currency, "call_charge_id.")]
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
                     UNION ALL
                    SELECT s.currency_id, s.state, u.statement_id, coalesce(u.late_of_id, 0), u.contract_line_id, u.rule_id,
                           %(days)s, %(periods)s, sum(u.amount)
                      FROM %(archived)s
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
                     WHERE s.company_id = %(company)s AND s.billed_again_id IS NULL AND %(periods)s AND c.component IN %(components)s
                ), freed_call AS (
                    %(freed)s
                     UNION ALL
                    SELECT k.key::integer, k.value::numeric
                      FROM call_archive a JOIN call_statement s ON s.archive_id = a.id, jsonb_each_text(a.freed) k
                     WHERE s.company_id = %(company)s
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
                archived=self._archived(),
                freed=freed_by_calls(SQL("charge")),
                columns=SQL(", ").join(SQL("coalesce(%s, 0)::text", SQL.identifier(name)) for name in names),
            )
        )
        return {currency: dict(zip(names, map(Decimal, sums), strict=True)) for currency, *sums in rows}

    def _sum_charges(self):
        """:return: dict of (currency id, component) -> (charged, of that on no valid invoice, taxes in the prices, on invoices,
        written off); of what is written off nothing is on invoices"""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.currency_id, c.component, sum(c.amount)::text,
                       coalesce(sum(c.amount) FILTER (WHERE coalesce(i.number, 0) = 0 AND s.state <> 'void'), 0)::text,
                       coalesce(sum(i.taxes) FILTER (WHERE s.state <> 'void'), 0)::text,
                       coalesce(sum(i.amount) FILTER (WHERE s.state <> 'void'), 0)::text,
                       coalesce(sum(c.amount) FILTER (WHERE s.state = 'void'), 0)::text
                  FROM call_charge c
                  JOIN call_statement s ON s.id = c.statement_id
                  LEFT JOIN call_adjustment a ON a.id = c.adjustment_id
                  JOIN call_statement p ON p.id = coalesce(c.late_of_id, a.statement_id, c.statement_id)
                  LEFT JOIN LATERAL (%s) i ON true
                 WHERE s.company_id = %s AND s.billed_again_id IS NULL AND %s
                 GROUP BY 1, 2
                """,
                self._invoiced(SQL("b.call_charge_id = c.id AND b.currency_id = s.currency_id")),
                self.company_id.id,
                self._is_in_periods(),
            )
        )
        return {(currency, component): tuple(map(Decimal, sums)) for currency, component, *sums in rows}

    def _sum_adjustments(self):
        """:return: dict of currency id -> (all, pending, lost, settled by a document that is not valid, taxes, in documents of
        their own, ids of these). Those that came on a next invoice are charges of that."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.currency_id, sum(a.amount)::text, coalesce(sum(a.amount) FILTER (WHERE a.state = 'pending'), 0)::text,
                       coalesce(sum(a.amount) FILTER (WHERE a.state = 'lost'), 0)::text,
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

    def _charges_domain(self, currency, path=""):
        """Charges of the billing periods that end in these days, as one operand."""
        late, adjusted = f"{path}late_of_id", f"{path}adjustment_id"
        own = ["&", "&", (late, "=", False), (adjusted, "=", False), *self._ends_in(f"{path}statement_id.")]
        return [
            "&",
            "&",
            "&",
            (f"{path}statement_id.billed_again_id", "=", False),
            (f"{path}statement_id.company_id", "=", self.company_id.id),
            (f"{path}statement_id.currency_id", "=", currency),
            "|",
            "|",
            *("&", (late, "!=", False), *self._ends_in(f"{late}.")),
            *("&", (adjusted, "!=", False), *self._ends_in(f"{adjusted}.statement_id.")),
            *own,
        ]
