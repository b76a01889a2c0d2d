"""What makes an agreement unfit to be offered."""

from datetime import date, timedelta
from typing import NamedTuple

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_date

from .call_price import BILLS
from .call_rate_premium import DAY
from .call_rate_rule import TEXT_CONDITIONS
from .resource_calendar import clock

AHEAD = 12
"""Months that prices have to be there for."""
SUSPENDED_DAYS = 90
"""Calls of so many days tell what the prices leave out."""
SETS_PRICE = ("replace", "add")
CHARGES_RULE = ("fee", "fte", "forecast")
"""Kinds of terms that make up for a rule without a price."""


class Gap(NamedTuple):
    record: models.BaseModel  # where it is mended
    message: str


def stretches_without(first, last, covered, step):
    """What of the days or seconds from one through another is in none of the covered stretches, which include their ends.

    >>> stretches_without(0, 9, [(6, 7), (2, 3), (3, 4)], 1)
    [(0, 1), (5, 5), (8, 9)]
    >>> stretches_without(0, 9, [(-5, 20)], 1)
    []
    """
    missing = []
    for begin, end in sorted(covered):
        if begin > last:
            break
        if begin > first:
            missing.append((first, begin - step))
        if end >= last:
            return missing
        first = max(first, end + step)
    return [*missing, (first, last)]


def days_without(first, last, spans):
    """As :func:`stretches_without`, for (first day or None, last day or None) of what is dated."""
    return stretches_without(first, last, [(start or date.min, end or date.max) for start, end in spans], timedelta(days=1))


def spans(records):
    return [(record.date_start, record.date_end) for record in records]


class ContractContract(models.Model):
    """Gaps are looked for before an agreement is offered, with a number of queries that does not grow with lines, plans or
    rules. Looking changes nothing."""

    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    def action_check_gaps(self):
        """Show what is missing in a dialog."""
        self.ensure_one()
        return self.env["call.gap.check"].create({"contract_id": self.id})._show()

    def _check_gaps(self, day):
        """:raise UserError: something is missing, with its place"""
        if gaps := self._agreement_gaps(day):
            raise UserError(self.env._("This cannot be offered yet:\n%s", "\n".join(f"- {gap.message}" for gap in gaps)))

    def _agreement_gaps(self, day=None):
        """What is missing before the contracts can be offered.

        :param day: what is over before this day does not matter; by default today
        :return: list of :class:`Gap`, each once
        """
        day = day or fields.Date.context_today(self)
        lines = self.contract_line_ids.filtered(lambda line: not (line.display_type or line.is_canceled))
        current = lines.filtered(lambda line: not line.date_end or line.date_end >= max(day, line.date_start))
        usage = current.filtered("rate_plan_id")
        gaps = [
            *self._gaps_of_clients(),
            *self._gaps_of_lines(lines, current, day),
            *self._gaps_of_invoices(usage),
            *usage._gaps_of_endpoints(day),
            *usage._gaps_of_plans(day),
            *usage._gaps_of_suspense(),
        ]
        return list(dict.fromkeys(gaps))

    def _gaps_of_clients(self):
        for contract in self:
            client, address = contract.partner_id, contract.invoice_partner_id
            if not (client.email or client.commercial_partner_id.email):
                yield Gap(client, self.env._("Client '%s' has no e-mail address.", client.display_name))
            if address != client and not address.email:
                yield Gap(address, self.env._("Invoice address '%s' has no e-mail address.", address.display_name))

    def _gaps_of_lines(self, lines, current, day):
        for contract in self - current.contract_id:
            message = self.env._(
                "Contract '%(name)s' has no line from %(day)s on.", name=contract.name, day=format_date(self.env, day)
            )
            yield Gap(contract, message)
        for line in lines:
            if line.date_end and line.date_end < line.date_start:
                yield Gap(line, self.env._("Line '%s' ends before it starts.", line._short_name()))

    def _gaps_of_invoices(self, usage):
        """What would stop billing."""
        found = self.env["account.journal"].search([("type", "=", "sale"), ("company_id", "in", self.company_id.ids)])
        for contract in self:
            own = contract.journal_id.filtered(lambda journal: journal.type == "sale")
            journal = own or found.filtered(lambda journal, contract=contract: journal.company_id == contract.company_id)[:1]
            if not journal:
                yield Gap(contract, self.env._("Contract '%s' has no sales journal for its invoices.", contract.name))
            for line in usage.filtered(lambda line, contract=contract: line.contract_id == contract and not line.product_id):
                if not journal.default_account_id:
                    yield Gap(
                        line,
                        self.env._("Line '%s' has no product, and its journal no account to invoice it on.", line._short_name()),
                    )


class ContractLine(models.Model):
    _inherit = "contract.line"  # pylint: disable=consider-merging-classes-inherited

    def _short_name(self):
        """The first row of the name, which may be the whole description of a product."""
        return (self.name or "").partition("\n")[0]

    def _gaps_of_endpoints(self, day):
        for line in self:
            last = line.date_end or date.max
            values = {"line": line._short_name(), "day": format_date(self.env, max(day, line.date_start))}
            to_come = [
                endpoint
                for endpoint in line.endpoint_ids
                if (endpoint.date_end or date.max) >= max(day, line.date_start) and (endpoint.date_start or date.min) <= last
            ]
            if not to_come:
                message = self.env._(
                    "Line '%(line)s': no number, queue, campaign or account code brings it calls from %(day)s on.", **values
                )
                yield Gap(line, message)
            for endpoint in line.endpoint_ids:
                if (endpoint.date_end or date.max) < line.date_start or (endpoint.date_start or date.min) > last:
                    values["endpoint"] = endpoint.display_name
                    yield Gap(
                        endpoint, self.env._("Line '%(line)s', %(endpoint)s: its days lie outside those of the line.", **values)
                    )

    def _gaps_of_plans(self, day):
        """Days and hours without a price, in the plans of the lines and their alternatives."""
        layers = (self.rate_plan_id | self.alternative_plan_ids)._all_layers()
        until = fields.Date.add(max([day, *self.mapped("date_start")]), months=AHEAD)
        holidays = layers.premium_ids.sudo().calendar_id._holidays_of_each(day, until)
        destinations = layers.rule_ids.deck_id._price_spans()
        for line in self:
            first = max(day, line.date_start)
            last = min(line.date_end or date.max, fields.Date.add(first, months=AHEAD, days=-1))
            for plan in line.rate_plan_id | line.alternative_plan_ids:
                yield from plan._gaps_for(line, first, last, holidays, destinations)

    def _gaps_of_suspense(self):
        """Calls that came for the lines and have no price."""
        since = fields.Datetime.subtract(fields.Datetime.now(), days=SUSPENDED_DAYS)
        Suspense = self.env["call.suspense"]
        reasons = dict(Suspense._fields["reason"]._description_selection(self.env))
        for line, reason, queue, number, count, some in Suspense._read_group(
            [*Suspense._unpriced_domain(), ("contract_line_id", "in", self.ids), ("start_at", ">=", since)],
            ["contract_line_id", "reason", "queue", "number_key"],
            ["__count", "id:max"],
        ):
            message = self.env._(
                "Line '%(line)s': %(count)s calls for '%(place)s' in the last %(days)s days are suspended: %(reason)s.",
                line=line._short_name(),
                count=count,
                place=queue or number or "?",
                days=SUSPENDED_DAYS,
                reason=reasons[reason],
            )
            yield Gap(Suspense.browse(some), message)


class CallRatePlan(models.Model):
    _inherit = "call.rate.plan"  # pylint: disable=consider-merging-classes-inherited

    def _all_layers(self):
        """These plans and all that they are based on, with what belongs to them read at once for all."""
        layers = self.union(*(plan._layers() for plan in self))
        rules, premiums, terms = layers.rule_ids, layers.premium_ids, layers.term_ids
        hours = premiums.sudo().calendar_id.attendance_ids
        for records in (rules.tier_ids, rules.part_ids, rules.deck_id, premiums.rule_ids, hours, terms.rule_ids):
            records.fetch()
        return layers

    def _gaps_for(self, line, first, last, holidays, destinations):
        """Gaps of a plan for one contract line on some days.

        :param holidays: dict of calendar -> set of dates
        :param destinations: dict of rate deck -> list of (first day, last day) of its prices
        """
        layers = self._layers()
        rules = layers.rule_ids.filtered(lambda rule: rule._fits_service(line))
        for begin, end in days_without(first, last, spans(rules)):
            yield Gap(
                self,
                self.env._(
                    "Rate plan '%(plan)s': no rule is in force %(days)s.", plan=self.name, days=self._days_text(begin, end)
                ),
            )
        for rule in rules:
            begin, end = max(first, rule.date_start or first), min(last, rule.date_end or last)
            if begin > end:
                continue
            yield from rule._gaps_of_tiers()
            yield from rule._gaps_of_deck(begin, end, destinations)
            yield from rule._gaps_of_price(self, begin, end, holidays)
        for premium in layers.premium_ids:
            if premium.effect == "replace" and not premium.value and premium._meets(first, last):
                message = self.env._(
                    "Rate plan '%(plan)s', band '%(band)s' has no price.", plan=premium.plan_id.name, band=premium.name
                )
                yield Gap(premium, message)

    def _days_text(self, first, last):
        return self.env._("from %(first)s to %(last)s", first=format_date(self.env, first), last=format_date(self.env, last))


class CallRatePremium(models.Model):
    _inherit = "call.rate.premium"  # pylint: disable=consider-merging-classes-inherited

    def _meets(self, first, last):
        """Whether it is in force on one of these days."""
        return (self.date_start or date.min) <= last and first <= (self.date_end or date.max)

    def _first_hours_without(self, first, last, holidays):
        """The first hours of these days in which none of the premiums holds.

        :return: (day, first second, last second) or None
        """
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            held = [
                (begin, end - 1)
                for premium in self._in_force(day)
                for begin, end in premium._hold_on(day, holidays.get(premium.calendar_id, ()))
            ]
            for missing in stretches_without(0, DAY - 1, held, 1):
                return (day, *missing)
        return None


class CallRateRule(models.Model):
    _inherit = "call.rate.rule"  # pylint: disable=consider-merging-classes-inherited

    def _gap(self, record, text):
        """A gap at this rule.

        :param text: what is missing, to follow the name of the rule
        """
        return Gap(
            record, self.env._("Rate plan '%(plan)s', rule '%(rule)s' %(gap)s", plan=self.plan_id.name, rule=self.name, gap=text)
        )

    def _has_price(self):
        """Whether the rule by itself, without premiums, asks for something."""
        own = self.minute_price or self.hour_price or self.call_price or any(self.part_ids.mapped("minute_price"))
        if self.tier_mode == "package":
            own = own or self.package_price
        elif self.tier_mode:
            own = own or any(tier.price or tier.flat_fee for tier in self.tier_ids)
        return bool(self.source != "own" or own)

    def _gaps_of_tiers(self):
        if self.tier_mode in ("graduated", "volume") and self.tier_ids[-1:].up_to:
            yield self._gap(self, self.env._("has no tier without an end: what is above the last one has no price."))

    def _gaps_of_deck(self, first, last, destinations):
        if self.source == "deck":
            for begin, end in days_without(first, last, destinations.get(self.deck_id, ())):
                days = self.plan_id._days_text(begin, end)
                text = self.env._(
                    "takes its prices from rate deck '%(deck)s', which has none %(days)s.", deck=self.deck_id.name, days=days
                )
                yield self._gap(self.deck_id, text)

    def _gaps_of_price(self, plan, first, last, holidays):
        """Days, or hours of days, for which neither the rule nor a premium nor a term per period asks for anything. A rule that
        charges no outcome is free on purpose."""
        if self._has_price() or not any(self[name] for name in BILLS):
            return
        terms = plan._nearest("term_ids").filtered(
            lambda term: term.kind in CHARGES_RULE and term.amount and (not term.rule_ids or self in term.rule_ids)
        )
        premiums = plan._layers().premium_ids.filtered(
            lambda p: p.effect in SETS_PRICE and p.value and p._meets(first, last) and (not p.rule_ids or self in p.rule_ids)
        )
        always = {name: self._condition(name) for name in TEXT_CONDITIONS}
        general = premiums.filtered(lambda premium: premium._fits(self, always)).sudo()
        for begin, end in days_without(first, last, spans(terms)):
            if not premiums and (begin, end) == (first, last):
                yield self._gap(self, self.env._("has no price."))
            elif not premiums:
                yield self._gap(self, self.env._("has no price %s.", plan._days_text(begin, end)))
            elif missing := general._first_hours_without(begin, end, holidays):
                day, first_second, last_second = missing
                yield self._gap(
                    self,
                    self.env._(
                        "has no price outside of %(bands)s, such as on %(day)s from %(first)s to %(last)s.",
                        bands=", ".join(f"'{premium.name}'" for premium in premiums),
                        day=format_date(self.env, day, date_format="EEEE, d MMMM y"),
                        first=clock(first_second),
                        last=clock(last_second + 1),
                    ),
                )


class CallRateDeck(models.Model):
    _inherit = "call.rate.deck"  # pylint: disable=consider-merging-classes-inherited

    def _price_spans(self):
        """Days on which prices of these decks are in force, however many prices there are.

        :return: dict of rate deck -> list of (first day or None, last day or None)
        """
        self.env["call.rate.deck.line"].flush_model()
        found = {}
        for deck, start, end in self.env.execute_query(
            SQL("SELECT DISTINCT deck_id, date_start, date_end FROM call_rate_deck_line WHERE deck_id = ANY(%s)", self.ids)
        ):
            found.setdefault(self.browse(deck), []).append((start, end))
        return found
