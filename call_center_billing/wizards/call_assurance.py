"""Where money may be lost: what was left out, what was decided by hand, who changed prices."""

from collections import defaultdict
from datetime import timedelta
from fractions import Fraction

from odoo import api, fields, models
from odoo.tools import SQL

from ..models.call_charge import rounded
from ..models.call_price import number
from ..models.call_rate_rule import inline

AGES = [(0, 2), (3, 7), (8, 30), (31, None)]
"""Days since a record was suspended: from, until."""
BASES = ("service", "source", "company", "unknown")
"""What an estimate goes by, best first."""


class CallAssurance(models.TransientModel):
    """The figures of a company that tell where money may be lost.

    What happened is told of the days; what waits is told as it is now: held contracts, contracts under notice, and all suspended
    records whose call is not after the last day. What a suspended record is worth is estimated: the average price of the records
    of the days from the same source and for the same service (contract line); where there is none, of the same source, else of
    the company. Prices in other currencies are converted at the rate of the last day.
    """

    _name = "call.assurance"
    _description = "Revenue Assurance"
    _inherit = ["call.figures"]

    line_ids = fields.One2many("call.assurance.line", "figures_id", readonly=True)

    @api.model
    def _title(self):
        return self.env._("Revenue Assurance")

    def _rows(self):
        return [
            *self._suspense_rows(),
            *self._usage_rows(),
            *self._decision_rows(),
            *self._price_rows(),
            *self._contract_rows(),
        ]

    # --- Suspended records and what they are worth ---------------------------------------------------------

    def _suspense_rows(self):
        prices, now = self._average_prices(), fields.Datetime.now()
        until = fields.Datetime.to_string(self._moments()[1])
        waiting = [
            *self._mine(),
            ("state", "=", "open"),
            *("|", ("start_at", "<", until), "&", ("start_at", "=", False), ("create_date", "<", until)),
        ]
        rows, bases = [], defaultdict(list)
        for first, last in AGES:
            aged = [*waiting, ("create_date", "<=", fields.Datetime.to_string(now - timedelta(days=first)))]
            name = self.env._("Suspended for more than %s days", first - 1)
            if last is not None:
                aged.append(("create_date", ">", fields.Datetime.to_string(now - timedelta(days=last + 1))))
                name = self.env._("Suspended for %(first)s to %(last)s days", first=first, last=last)
            groups = self._suspended(aged)
            rows.append(self._suspense_row(f"suspended_{first}", name, aged, groups, prices))
            for group in groups:
                bases[prices.basis(group)].append(group)
        names = {
            "service": self.env._("Of all suspended: estimated by the price of their source and service"),
            "source": self.env._("Of all suspended: estimated by the price of their source"),
            "company": self.env._("Of all suspended: estimated by the price of the company"),
            "unknown": self.env._("Of all suspended: not estimated, the days have no calls"),
        }
        for basis in BASES:
            if bases[basis]:
                domain = [*waiting, *self._groups_domain(bases[basis])]
                rows.append(self._suspense_row(f"by_{basis}", names[basis], domain, bases[basis], prices))
        near = [*waiting, ("reason", "=", "near_duplicate")]
        name = self.env._("Of all suspended: held because they look like calls that came twice")
        rows.append(self._suspense_row("near_duplicate", name, near, self._suspended(near), prices))
        decided = [*self._mine(), ("state", "=", "written_off"), *self._in_days("write_date")]
        name = self.env._("Suspended records written off")
        rows.append(self._suspense_row("written_off", name, decided, self._suspended(decided), prices))
        return rows

    def _suspended(self, domain):
        """:return: list of (source id, contract line id or False, records, seconds)"""
        groups = self.env["call.suspense"]._read_group(
            domain, ["source_id", "contract_line_id"], ["__count", "total_seconds:sum"]
        )
        return [(source.id, line.id, count, seconds or 0) for source, line, count, seconds in groups]

    def _groups_domain(self, groups):
        """Suspended records of these sources and services, as one operand."""
        lines = defaultdict(list)
        for source, line, _count, _seconds in groups:
            lines[source].append(line)
        terms = [["&", ("source_id", "=", source), ("contract_line_id", "in", each)] for source, each in sorted(lines.items())]
        return [*["|"] * (len(terms) - 1), *(part for term in terms for part in term)]

    def _suspense_row(self, kind, name, domain, groups, prices):
        currency = self.company_id.currency_id
        worth = sum((prices.price(group) * group[2] for group in groups), Fraction(0))
        return self._row(
            "suspense",
            kind,
            name,
            "call.suspense",
            domain,
            currency.id,
            call_count=sum(group[2] for group in groups),
            seconds=sum(group[3] for group in groups),
            amount=rounded(worth, currency.decimal_places),
        )

    def _average_prices(self):
        """What records of these days cost on average, free ones included."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT i.source_id, u.contract_line_id, s.currency_id, count(*), sum(u.amount)
                  FROM call_statement s
                  JOIN call_usage_line u ON u.statement_id = s.id AND u.start_at >= %(first)s::date - 2 AND u.start_at < %(last)s::date + 3
                  JOIN call_import i ON i.id = u.import_id
                 WHERE s.company_id = %(company)s AND s.date_end >= %(first)s AND s.billed_again_id IS NULL
                   AND u.date BETWEEN %(first)s AND %(last)s AND u.quantity >= 0 AND u.not_billable_reason IS DISTINCT FROM 'replaced'
                 GROUP BY 1, 2, 3
                """,
                first=self.date_from,
                last=self.date_to,
                company=self.company_id.id,
            )
        )
        own = self.company_id.currency_id
        rates = (own.browse(row[2] for row in rows) | own)._get_rates(self.company_id, self.date_to)
        return AveragePrices(
            (source, line, count, Fraction(amount) * Fraction(number(rates[own.id])) / Fraction(number(rates[currency])))
            for source, line, currency, count, amount in rows
        )

    # --- Usage that is late, double or lost -----------------------------------------------------------------

    def _usage_rows(self):
        imported = [*self._mine(), ("duplicate_count", ">", 0), *self._in_days("finished_at")]
        ((count, seconds),) = self.env["call.import"]._read_group(imported, [], ["duplicate_count:sum", "duplicate_seconds:sum"])
        calls = [
            *self._mine(),
            ("statement_id.billed_again_id", "=", False),
            ("date", ">=", str(self.date_from)),
            ("date", "<=", str(self.date_to)),
        ]
        lost = [*self._mine(), ("state", "=", "lost"), *self._in_days("create_date")]
        return [
            self._row(
                "usage",
                "duplicate",
                self.env._("Records left out because they came before, by file"),
                "call.import",
                imported,
                call_count=count,
                seconds=seconds,
            ),
            *self._figures(
                "usage",
                "late",
                self.env._("Late usage: came after its period was invoiced"),
                "call.usage.line",
                [*calls, ("late_of_id", "!=", False), ("not_billable_reason", "!=", "too_late")],
                {"seconds": "total_seconds", "amount": "amount"},
            ),
            *self._figures(
                "usage",
                "too_late",
                self.env._("Lost: came after the back-billing limit"),
                "call.usage.line",
                [*calls, ("not_billable_reason", "=", "too_late")],
                {"seconds": "total_seconds", "amount": "lost_amount"},
            ),
            *self._figures(
                "usage",
                "lost_adjustment",
                self.env._("Lost: adjustments after the back-billing limit"),
                "call.adjustment",
                lost,
                {"amount": "amount"},
            ),
        ]

    # --- What people decided ----------------------------------------------------------------------------------

    def _decision_rows(self):
        decided, suspense = self._mine(), self.env._("Suspended records that people declared to be calls of their own")
        return [
            *self._figures(
                "decisions",
                "gate",
                self.env._("Periods closed although something seemed to be missing"),
                "call.statement",
                [*decided, ("gate_override_at", "!=", False), *self._in_days("gate_override_at")],
                {"amount": "usage_amount"},
            ),
            *self._figures(
                "decisions",
                "confirmed",
                suspense,
                "call.suspense",
                [*decided, ("confirmed", "=", True), *self._in_days("write_date")],
            ),
            *self._figures(
                "decisions",
                "corrected",
                self.env._("Suspended records that people corrected"),
                "call.suspense",
                [*decided, "|", ("corrected", "!=", False), ("override", "!=", False), *self._in_days("write_date")],
            ),
            *self._figures(
                "decisions",
                "late_dispute",
                self.env._("Disputes accepted after the contestation window: given back"),
                "call.dispute",
                [
                    *decided,
                    ("override_note", "!=", False),
                    ("outcome", "in", ("accepted", "partly")),
                    *self._in_days("decided_at"),
                ],
                {"amount": "credited_amount"},
            ),
            *self._figures(
                "decisions",
                "unsigned",
                self.env._("Agreements and amendments accepted without signature"),
                "call.agreement",
                [*decided, ("without_signature", "=", True), *self._in_days("signed_at")],
            ),
        ]

    # --- Prices -------------------------------------------------------------------------------------------------

    def _price_rows(self):
        """Agreements by kind, and changes of prices by kind and person."""
        edited = [*self._mine(), *self._in_days("at")]
        groups = self.env["call.price.edit"]._read_group(edited, ["kind", "user_id"], ["__count"])
        kinds = dict(self.env["call.price.edit"]._fields["kind"]._description_selection(self.env))
        places = list(kinds)
        name = self.env._("Changes of prices")
        rows = [self._row("prices", "prices", name, "call.price.edit", edited, call_count=sum(count for *_key, count in groups))]
        for kind, user, count in sorted(groups, key=lambda group: (places.index(group[0]), group[1].sudo().name or "")):
            name = self.env._("of these, %(what)s, by %(who)s", what=inline(self.env, kinds[kind]), who=user.sudo().name)
            domain = [*edited, ("kind", "=", kind), ("user_id", "=", user.id)]
            rows.append(self._row("prices", f"prices_{kind}", name, "call.price.edit", domain, call_count=count))
        for kind, name in (
            ("agreement", self.env._("Agreements accepted")),
            ("amendment", self.env._("Amendments accepted")),
        ):
            accepted = [*self._mine(), ("state", "=", "accepted"), ("kind", "=", kind), *self._in_days("signed_at")]
            rows += self._figures("prices", kind, name, "call.agreement", accepted)
        return rows

    # --- Contracts ------------------------------------------------------------------------------------------------

    def _contract_rows(self):
        mine = [*self._mine(), ("contract_type", "=", "sale")]
        unbilled = [
            *("&", ("billed_again_id", "=", False), "|", ("state", "=", "open")),
            *("&", ("state", "=", "closed"), ("charge_ids.amount", "!=", 0)),
        ]
        rows = []
        for kind, name, domain, usage in (
            (
                "held",
                self.env._("Suspended contracts of which nothing is billed"),
                [("suspension", "=", "hold")],
                self.env._("of these, unbilled usage"),
            ),
            (
                "notice",
                self.env._("Contracts under notice"),
                [("last_day", ">=", str(fields.Date.context_today(self)))],
                self.env._("of these, unbilled usage until now"),
            ),
        ):
            rows += self._figures("contracts", kind, name, "contract.contract", [*mine, *domain])
            of_contracts = [(f"contract_id.{path}", operator, value) for path, operator, value in domain]
            rows += self._figures(
                "contracts",
                f"{kind}_usage",
                usage,
                "call.statement",
                [*self._mine(), *of_contracts, ("contract_id.active", "=", True), *unbilled],
                {"amount": "usage_amount"},
            )
        return rows

    # --- How -----------------------------------------------------------------------------------------------------

    def _mine(self):
        return [("company_id", "=", self.company_id.id)]

    def _in_days(self, name):
        """A moment is in these days."""
        begin, end = map(fields.Datetime.to_string, self._moments())
        return [(name, ">=", begin), (name, "<", end)]

    def _figures(self, section, kind, name, model, domain, sums=None):
        """A line of what a domain finds, or where it has amounts one for each of their currencies.

        :param sums: dict of what the line tells -> name of the field that it is the sum of
        """
        sums = sums or {}
        by = ["currency_id"] if "amount" in sums else []
        aggregates = ["__count", *(f"{field}:sum" for field in sums.values())]
        groups = self.env[model]._read_group(domain, by, aggregates) or [(self.company_id.currency_id, *[0] * len(aggregates))]
        rows = []
        for group in groups:
            key, numbers = (group[0].id, group[1:]) if by else (None, group)
            values = dict(zip(("call_count", *sums), numbers, strict=True))
            of_currency = [("currency_id", "=", key)] if by and len(groups) > 1 else []
            rows.append(self._row(section, kind, name, model, [*domain, *of_currency], key, **values))
        return rows


class AveragePrices:
    """Average prices of records by source and service, by source, and of all."""

    def __init__(self, rows):
        """:param rows: iterable of (source id, contract line id, records, exact amount)"""
        sums = defaultdict(lambda: [0, Fraction(0)])
        for source, line, count, amount in rows:
            for key in (("service", source, line), ("source", source), ("company",)):
                sums[key][0] += count
                sums[key][1] += amount
        self.averages = {key: amount / count for key, (count, amount) in sums.items()}

    def _key(self, group):
        source, line, *_numbers = group
        keys = ("service", source, line), ("source", source), ("company",)
        return next((key for key in keys if key in self.averages), ("unknown",))

    def basis(self, group):
        """:param group: (source id, contract line id or False, ...)"""
        return self._key(group)[0]

    def price(self, group):
        return self.averages.get(self._key(group), Fraction(0))


class CallAssuranceLine(models.TransientModel):
    """A figure of a page of revenue assurance."""

    _name = "call.assurance.line"
    _description = "Figure of Revenue Assurance"
    _inherit = ["call.figure"]
    _order = "figures_id, sequence, id"

    figures_id = fields.Many2one("call.assurance", required=True, ondelete="cascade", index=True)
    section = fields.Selection(
        [
            ("suspense", "Suspended records"),
            ("usage", "Double, late and lost usage"),
            ("decisions", "Decisions of people"),
            ("prices", "Prices"),
            ("contracts", "Contracts"),
        ],
        required=True,
        readonly=True,
    )
