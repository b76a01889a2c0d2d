"""What was agreed, in the client's words, made from the configuration that bills."""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from odoo import api, models
from odoo.tools import format_date

from .call_price import number
from .call_rate_rule import inline, price_text, short

MARKERS = re.compile(r"\s*[-,:(]*\s*#(START|END|INVOICEMONTHNAME)#\s*[-)]*")  # what OCA's contract replaces by dates
EXAMPLE_HOUR = time(10, 5)
EXAMPLE_SECONDS = 205
PROVIDER_COST = 1.0


class ContractContract(models.Model):
    """The terms of a contract as a document has them: chapters of rows, texts in the client's language, nothing else. They are read
    from the contract, its lines, endpoints and rate plans at the moment they are asked for, and its example calls are priced by
    the rating engine. What is frozen of them is kept by ``call.agreement``."""

    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    def _agreement_terms(self, day):
        """What holds from a day on: what is in force on it, and what is agreed to begin later.

        :return: list of chapters ``{"key", "title", "rows"}``; rows are ``{"key", "label", "value"}``, all texts. Keys are names, not
            numbers of records, so that the terms of two days, or of two contracts, can be laid side by side
        """
        chapters = []
        for contract in self:
            env = contract.with_context(lang=contract.partner_id.lang or self.env.lang).sudo().env
            chapters += env["contract.contract"].browse(contract.id)._terms_chapters(day, many=len(self) > 1)
        if self:
            env = self.with_context(lang=self[0].partner_id.lang or self.env.lang).sudo().env
            chapters = [
                *env["contract.contract"].browse(self[0].id)._parties(),
                *chapters,
                *env["contract.contract"]._calculation_chapter(),
            ]
        return chapters

    def _terms_chapters(self, day, many):
        self.ensure_one()
        prefix = f"{self.partner_id.display_name}, {self.name}: " if many else ""
        chapters = [self._chapter("contract", prefix + self.env._("Term and billing"), self._billing_rows())]
        fees = [row for line in self._lines_from(day) if not line.rate_plan_id for row in line._fee_rows(day)]
        if fees:
            chapters.append(self._chapter("fees", prefix + self.env._("Fixed fees"), fees))
        for line in self._lines_from(day):
            if line.rate_plan_id:
                title = prefix + self.env._("Service: %s", line._agreed_name())
                chapters.append(self._chapter(f"service {line._agreed_name()}", title, line._usage_rows(day)))
        if many:
            for chapter in chapters:
                chapter["key"] = f"{self.partner_id.display_name} {self.name} {chapter['key']}"
        return chapters

    def _lines_from(self, day):
        """Lines that are in force on a day or later."""
        return self.contract_line_ids.filtered(lambda line: not line.display_type and (line.date_end or date.max) >= day)

    @api.model
    def _chapter(self, key, title, rows):
        """Rows of one name are told apart by their order."""
        seen = {}
        chapter = {"key": key, "title": title, "rows": []}
        for label, value in rows:
            if value:
                seen[label] = seen.get(label, 0) + 1
                row_key = label if seen[label] == 1 else f"{label} {seen[label]}"
                chapter["rows"].append({"key": row_key, "label": label, "value": value})
        return chapter

    # --- Chapters -----------------------------------------------------------------------------------------

    def _parties(self):
        def address(partner):
            lines = [partner.display_name, *(partner._display_address(without_company=True) or "").splitlines()]
            lines.append(partner.vat and self.env._("Tax ID: %s", partner.vat))
            return "\n".join(dict.fromkeys(line.strip() for line in lines if line and line.strip()))

        rows = [
            (self.env._("Provider"), address(self.company_id.partner_id)),
            (self.env._("Client"), address(self.partner_id.commercial_partner_id)),
        ]
        if self.invoice_partner_id.commercial_partner_id != self.partner_id.commercial_partner_id:
            rows.append((self.env._("Invoices go to"), address(self.invoice_partner_id)))
        return [self._chapter("parties", self.env._("Parties"), rows)]

    def _billing_rows(self):
        env, lines = self.env, self.contract_line_ids.filtered("rate_plan_id")
        cycles = {line._cycle_text(): None for line in lines}
        term = self.payment_term_id
        rows = [
            (env._("Contract"), " ".join(filter(None, (self.code, self.name)))),
            (env._("Begins"), format_date(env, min(self.contract_line_ids.mapped("date_start"), default=None) or False)),
            (env._("Ends"), format_date(env, self.date_end) if self.date_end else env._("open-ended")),
            (env._("Renewal and notice"), self._notice_text()),
            (env._("Early end"), self._early_end_text()),
            (env._("Calls are invoiced"), "\n".join(cycles)),
            (env._("Days and hours are those of"), self.usage_tz),
            (env._("Prices are in"), env._("%s, before taxes", self.currency_id.name)),
            (env._("Payment"), term._agreed_text() if term else env._("on receipt of the invoice")),
            (env._("Objections"), self._contestation_text()),
            (env._("Late calls"), self._back_billing_text()),
        ]
        if self.invoice_together:
            pooled = env._("one invoice and one allowance for all locations")
            text = pooled if self.pool_allowances else env._("one invoice for all locations, each with its own allowance")
            rows.append((env._("Locations"), text))
        if self.masked_digits:
            rows.append((env._("Privacy"), env._("the last %s digits of other parties' numbers are hidden", self.masked_digits)))
        return rows

    def _notice_text(self):
        units = dict(self._fields["notice_unit"]._description_selection(self.env))
        values = {"period": self.notice_period, "unit": inline(self.env, units[self.notice_unit]), "months": self.renewal_months}
        if self.date_end and self.renewal == "auto":
            if self.notice_period:
                return self.env._("renews for %(months)s months unless it is ended %(period)s %(unit)s before its end", **values)
            return self.env._("renews for %(months)s months unless it is ended before its end", **values)
        if self.date_end:
            return self.env._("ends on that day without notice")
        if self.notice_period:
            return self.env._("can be ended with %(period)s %(unit)s notice", **values)
        return self.env._("can be ended on any day")

    def _early_end_text(self):
        if not (self.date_end and self.early_end_percent):
            return ""
        return self.env._(
            "%s %% of the fixed fees that would still have been charged until the agreed end", f"{self.early_end_percent:g}"
        )

    def _contestation_text(self):
        if not self.contestation_days:
            return self.env._("at any time")
        return self.env._("calls can be disputed within %s days after the date of their invoice", self.contestation_days)

    def _back_billing_text(self):
        if not self.back_billing_days:
            return self.env._("calls that become known later are charged with the next invoice, named as such")
        return self.env._(
            "calls that become known later are charged with the next invoice, named as such, but not if they are more than %s days "
            "older than their period's invoice",
            self.back_billing_days,
        )

    @api.model
    def _calculation_chapter(self):
        """The order of calculation is part of the agreement."""
        env = self.env
        rows = [
            (
                env._("Each call"),
                env._(
                    "counts once. Its service is found by what was dialled or by its queue; the price is the one in force when the call "
                    "began, in the time zone above. First the seconds that count, then minimum and increments, then band and "
                    "premiums."
                ),
            ),
            (
                env._("Each period"),
                env._(
                    "allowances are used first, then tiers are reached, then quantity × price is rounded once per invoice line. After that "
                    "come minimum turnover, credits for service levels, and taxes."
                ),
            ),
            (env._("Proof"), env._("every invoice comes with a statement that lists each call and how its price was found.")),
        ]
        return [self._chapter("order", env._("How charges are calculated"), rows)]


class ContractLine(models.Model):
    """What a line promises and costs, in words."""

    _inherit = "contract.line"  # pylint: disable=consider-merging-classes-inherited

    def _agreed_name(self):
        """The line's name without the period that its invoices name."""
        return MARKERS.sub("", self.name or "").strip(" -,:") or self.product_id.name or ""

    def _cycle_text(self):
        kinds = dict(self._fields["recurring_rule_type"]._description_selection(self.env))
        every = self.env._("every %(number)s %(unit)s", number=self.recurring_interval, unit=kinds[self.recurring_rule_type])
        usual = {
            "monthly": self.env._("monthly"),
            "quarterly": self.env._("quarterly"),
            "yearly": self.env._("yearly"),
            "weekly": self.env._("weekly"),
        }
        if self.recurring_interval == 1:
            every = usual.get(self.recurring_rule_type, every)
        if self.recurring_invoicing_type == "pre-paid":
            return self.env._("%s, in advance", every)
        return self.env._("%s, in arrears", every)

    def _fee_rows(self, day):
        currency = self.currency_id or self.contract_id.currency_id
        price = price_text(number(self.price_unit), currency)
        if self.quantity != 1:
            price = f"{short(self.quantity)} {self.uom_id.name or ''} × {price}"
        if self.discount:
            price = self.env._("%(price)s less %(discount)s %%", price=price, discount=f"{self.discount:g}")
        text = f"{price}, {self._cycle_text()}"
        if self.is_prorated:
            text = self.env._("%s; by the day in part of a period", text)
        return [(self._agreed_name(), text + self._days_text(self, day))]

    def _days_text(self, record, day):
        """From when and until when, where that is not obvious: ', from 1 Dec 2026'."""
        start, end = record.date_start, record.date_end
        if record._name == "contract.line":  # begins and ends with its contract, if nothing is said
            end = end if end != self.contract_id.date_end else None
        text = ""
        if start and start > day:
            text += self.env._(", from %s", format_date(self.env, start))
        if end:
            text += self.env._(", until %s", format_date(self.env, end))
        return text

    def _usage_rows(self, day):
        """What belongs to the service, then its prices, bands, allowances, terms and service levels."""
        env, plan = self.env, self.rate_plan_id
        kinds = dict(env["call.endpoint"]._fields["kind"]._description_selection(env))
        scope = self.endpoint_ids.filtered(lambda e: (e.date_end or date.max) >= day)
        rows = [
            (env._("Product"), self.product_id.name if self.product_id.name != self._agreed_name() else ""),
            (env._("In force"), self._days_text(self, day).strip(", ")),
            *(
                (kinds[kind], "\n".join(f"{e.value}{self._days_text(e, day)}" for e in found))
                for kind, found in scope.grouped("kind").items()
            ),
            (env._("Rate plan"), plan.name),
        ]
        alternatives = self.alternative_plan_ids
        for each in plan | alternatives:
            rows += self._plan_rows(each, day, many=bool(alternatives))
        if alternatives:
            rows.append((env._("Best plan"), env._("of these plans the one that is cheapest for the period is charged")))
        return rows

    def _plan_rows(self, plan, day, many):
        layers = plan._layers()
        prefix = f"{plan.name}: " if many else ""

        def later(records):
            return records.filtered(lambda r: r.active and (r.date_end or date.max) >= day)

        rows = []
        rules = later(layers.rule_ids).filtered(lambda rule: rule._fits_service(self))
        for rule in rules.sorted(lambda r: (layers.ids.index(r.plan_id.id), r.sequence, r.name, r.date_start or date.min)):
            text = [
                f"{rule.terms}{self._days_text(rule, day)}",
                rule._fits_text(),
                rule._counts_text(),
                self._example(plan, rule, day),
            ]
            rows.append((prefix + rule.name, "\n".join(filter(None, text))))
        for premium in later(layers.premium_ids):
            rows.append((prefix + premium.name, f"{premium._agreed_text()}{self._days_text(premium, day)}"))
        for allowance in later(plan._nearest("allowance_ids")):
            rows.append((prefix + allowance.name, f"{allowance._agreed_text()}{self._days_text(allowance, day)}"))
        for term in later(plan._nearest("term_ids")):
            rows.append((prefix + term.name, f"{term._words()}{self._days_text(term, day)}"))
        return rows

    def _example(self, plan, rule, day):
        """A call that this rule prices, priced by the rating engine. With tiers, or where a sum is rounded, no call has a price by
        itself."""
        if rule.tier_mode or rule.round_on == "sum" or rule.average_cap_seconds:
            return ""
        first = max(day, rule.date_start or day, self.date_start or day)
        while first.weekday() > 4:
            first += timedelta(days=1)
        start = datetime.combine(first, EXAMPLE_HOUR, ZoneInfo(self.contract_id.usage_tz)).astimezone(ZoneInfo("UTC"))
        values = {
            "company_id": plan.company_id.id,
            "plan_id": plan.id,
            "product_id": self.product_id.id,
            "tz": self.contract_id.usage_tz,
            "kind": rule.kind,
            "start_at": start.replace(tzinfo=None),
            "direction": rule.direction or "inbound",
            "disposition": rule.disposition or rule._first_billed(),
            "queue": rule.queue,
            "campaign": rule.campaign,
            "skill": rule.skill,
            "quantity": 1.0,
            "talk_seconds": 3600 if rule.kind == "agent_time" else EXAMPLE_SECONDS if rule.kind == "call" else 0,
            "called": rule.deck_id._sample_number(first) if rule.deck_id else False,
            "provider_cost": PROVIDER_COST if rule.source == "cost" else 0.0,
        }
        trial = self.env["call.rate.trial"].new(values)
        result = trial._price()
        if result.rule != rule:
            return ""
        words = {"what": trial._words(), "price": price_text(result.amount, plan.currency_id)}
        if plan._nearest("allowance_ids")._in_force(first)._covering(rule):
            return self.env._("Example, beyond what is included: %(what)s costs %(price)s", **words)
        return self.env._("Example: %(what)s costs %(price)s", **words)
