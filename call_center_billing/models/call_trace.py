from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from .. import pricing
from ..formats.record import PARTS
from .call_charge import UNIT_SECONDS, exact
from .call_price import PART_PRICES, TIME_UNITS

EXACT = Decimal(1).scaleb(-10)


class CallUsageLine(models.Model):
    """The price trace: why a call costs what it costs, in words and numbers, out of its price, its seconds, and the charges of
    its statement once that is closed. Nothing of it is stored with the call."""

    _inherit = "call.usage.line"  # pylint: disable=consider-merging-classes-inherited

    charge_ids = fields.Many2many(
        "call.charge",
        string="Charges",
        compute="_compute_charges",
        search="_search_charge_ids",
        help="The charges it is part of.",
    )
    charged_amount = fields.Float(
        string="Charged",
        compute="_compute_charges",
        digits=(16, 6),
        help="What the invoice has of it, after allowances and tiers; until the period closes, its price.",
    )
    trace = fields.Text(string="Why This Price", compute="_compute_trace")

    @api.depends("amount", "status", "statement_id.state")
    def _compute_charges(self):
        self.charge_ids = False
        for call in self:
            call.charged_amount = call.amount
        for usage, rows in self._charged().items():
            call = self.browse(usage)
            call.charge_ids = [charge.id for charge, _seconds, _quantity, _amount in rows]
            call.charged_amount = float(sum(amount for _charge, _seconds, _quantity, amount in rows))

    @api.model
    def _search_charge_ids(self, operator, value):
        if operator != "in":
            return NotImplemented
        domains = []
        for charge in self.env["call.charge"].search([("id", "in", list(value))]):
            domain = [leaf for leaf in charge._calls_domain() if leaf[0] != "charge_ids"]
            if charge.first_usage_id and charge.last_usage_id:
                domain.append(("id", "in", charge._calls_between()))
            domains.append(domain)
        return fields.Domain.OR(domains)

    def _charged(self):
        """What the charges of closed statements have of these calls, in one statement for all of them.

        :return: dict of id -> list of (charge, seconds, quantity, exact amount)
        """
        if not self.ids:
            return {}
        self.env["call.charge"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT u.id, c.id,
                       CASE WHEN c.first_usage_id = u.id THEN c.first_seconds WHEN c.last_usage_id = u.id THEN c.last_seconds
                            ELSE coalesce(x.seconds, u.billed_seconds) END,
                       (CASE WHEN c.first_usage_id = u.id THEN c.first_quantity WHEN c.last_usage_id = u.id THEN c.last_quantity
                             ELSE u.quantity END)::text,
                       u.amount::text
                  FROM call_usage_line u
                  LEFT JOIN call_usage_stretch x ON u.is_split AND x.usage_id = u.id
                  JOIN call_charge c ON c.statement_id = u.statement_id AND c.contract_line_id = u.contract_line_id
                       AND c.rule_id = u.rule_id AND c.late_of_id IS NOT DISTINCT FROM u.late_of_id
                       AND (c.price_id IS NULL OR c.price_id = coalesce(x.price_id, u.price_id))
                       AND (coalesce(x.number, 1) = 1 OR c.component IN ('duration', 'included'))
                  LEFT JOIN call_usage_line f ON f.id = c.first_usage_id
                  LEFT JOIN call_usage_line l ON l.id = c.last_usage_id
                 WHERE u.id IN %s AND u.status = 'billable' AND c.component NOT IN ('package', 'flat')
                   AND (f.id IS NULL OR (u.start_at, u.record_key) >= (f.start_at, f.record_key))
                   AND (l.id IS NULL OR (u.start_at, u.record_key) <= (l.start_at, l.record_key))
                 ORDER BY u.id, c.sequence, c.id, x.number
                """,
                tuple(self.ids),
            )
        )
        charges = {
            charge.id: (charge.sudo(False), charge.component, exact(charge.unit_price), UNIT_SECONDS.get(charge.unit))
            for charge in self.env["call.charge"].sudo().browse({row[1] for row in rows})
        }
        found = {}
        for usage, charge_id, seconds, quantity, listed in rows:
            charge, component, price, unit_seconds = charges[charge_id]
            quantity, amount = Decimal(quantity), Decimal(0)
            if component in ("destination", "cost"):
                amount = Decimal(listed)
            elif component == "call":
                amount = quantity * price
            elif component == "part":
                rounded = self.browse(usage).with_prefetch(self._ids)._rounded_part(charge.sudo().part)
                amount = (rounded * price / unit_seconds).quantize(EXACT)
            elif component != "included":
                amount = (seconds * price / unit_seconds).quantize(EXACT)
            if seconds or quantity or amount:
                found.setdefault(usage, []).append((charge, seconds, quantity, amount))
        return found

    def _charged_amounts(self):
        """:return: dict of id -> what the charges of closed statements have of it, as text"""
        return {usage: f"{sum(row[-1] for row in rows).normalize():f}" for usage, rows in self._charged().items()}

    def _rounded_part(self, part):
        """Seconds of a part with a rate of its own, after the increments; negative where they are given back."""
        self.ensure_one()
        price = self.sudo().price_id
        rounded = pricing.charged_seconds(self._whole_parts()[part], price.increment_first, price.increment_next)
        return rounded if self.quantity >= 0 else -rounded

    def _whole_parts(self):
        """dict of part -> seconds that it was rated by, over all records of the call"""
        self.ensure_one()
        return dict(zip(PARTS, self.whole_parts or [self[part] for part in PARTS], strict=True))

    # --- In words -----------------------------------------------------------------------------------------

    @api.depends_context("lang")
    @api.depends("amount", "status", "statement_id.state")
    def _compute_trace(self):
        found = self._charged()
        for call in self:
            call.trace = "\n".join(call._trace_lines(found.get(call.id, [])))

    def _trace_lines(self, charged):
        """The price trace as sentences, in the order of the calculation."""
        self.ensure_one()
        price = self.sudo().price_id
        lines = [self._trace_rule(price)]
        if self.status != "billable":
            reason = dict(self._fields["not_billable_reason"]._description_selection(self.env)).get(self.not_billable_reason)
            lines.append(self.env._("Not charged: %s.", reason or "-"))
            if self.lost_amount and self.env.user._is_internal():
                lost = price._money(self.lost_amount)
                lines.append(self.env._("Lost: %(amount)s. %(limit)s", amount=lost, limit=self._limit_text()))
            return lines
        if self.back_billed:
            lines.append(self.env._("Charged although it came too late: by agreement, or in place of what was charged more for."))
        if self.quantity < 0:
            lines.append(self.env._("Given back: what an earlier invoice charged for what the phone system told before."))
        else:
            lines += self._trace_seconds(price)
        lines += self._trace_price(price)
        lines += [self._trace_charge(*row) for row in charged]
        return lines

    def _limit_text(self):
        statement = self.sudo().statement_id
        return self.env._(
            "The contract allows %(days)s days before the invoice: back to %(date)s.",
            days=statement.contract_id.back_billing_days,
            date=fields.Date.to_string(statement._back_billing_limit()) or "-",
        )

    def _trace_rule(self, price):
        rule = price.rule_id
        values = {"rule": rule.name, "plan": rule.plan_id.name, "date": fields.Date.to_string(self.date)}
        if rule.date_start:
            values["since"] = fields.Date.to_string(rule.date_start)
            return self.env._("Rule '%(rule)s' of rate plan '%(plan)s', in force since %(since)s, on %(date)s.", **values)
        return self.env._("Rule '%(rule)s' of rate plan '%(plan)s', in force on %(date)s.", **values)

    def _part_labels(self):
        return dict(self.env["call.rate.part"]._fields["part"]._description_selection(self.env))

    def _trace_seconds(self, price):
        """How the charged seconds came about; nothing where no time is priced."""
        labels = self._part_labels()
        if not (price.time_price or self.billed_seconds) or price.cost_factor:
            return []
        counted = [
            f"{labels[part]} {seconds} s"
            for part, seconds in self._whole_parts().items()
            if price[f"count_{part.removesuffix('_seconds')}"] and seconds
        ]
        values = {"parts": " + ".join(counted) or "0 s", "seconds": self.counted_seconds}
        if self.whole_parts:
            lines = [self.env._("Counted over all records of the call: %(parts)s = %(seconds)s s.", **values)]
        else:
            lines = [self.env._("Counted: %(parts)s = %(seconds)s s.", **values)]
        seconds = self.counted_seconds
        if price.maximum_seconds and abs(seconds) > price.maximum_seconds:
            lines.append(self.env._("At most %s s count.", price.maximum_seconds))
        if 0 < seconds < price.minimum_seconds:
            lines.append(self.env._("At least %s s are charged.", price.minimum_seconds))
        if price.on_sum:
            lines.append(self.env._("Not rounded here: the sum of the period is."))
        elif seconds:
            steps = {"first": price.increment_first, "next": price.increment_next, "seconds": self.billed_seconds}
            lines.append(self.env._("Rounded to %(first)s/%(next)s seconds: %(seconds)s s.", **steps))
        for stretch in self.sudo().stretch_ids:
            lines.append(
                self.env._(
                    "%(seconds)s s as %(label)s at %(price)s.",
                    seconds=stretch.seconds,
                    label=stretch.price_id._label(),
                    price=stretch.price_id._time_price_text(),
                )
            )
        return lines

    def _trace_price(self, price):
        labels = self._part_labels()
        parts = []
        if price.cost_factor and not self.env.user._is_internal():
            parts.append(self.env._("Cost that is passed on"))
        elif price.cost_factor:
            cost = f"{exact(self.sudo().provider_cost):f}"
            parts.append(self.env._("Provider's cost %(cost)s x %(factor)s", cost=cost, factor=f"{price.cost_factor:g}"))
        else:
            if (price.time_price or not price.call_price) and not self.is_split:
                parts.append(
                    self.env._("%(seconds)s s at %(price)s", seconds=self.billed_seconds, price=price._time_price_text())
                )
            if price.call_price:
                parts.append(
                    self.env._("%(quantity)s x %(price)s", quantity=f"{self.quantity:g}", price=price._money(price.call_price))
                )
            for part, name in zip(PARTS, PART_PRICES, strict=True):
                if price[name] and (seconds := self._rounded_part(part)):
                    parts.append(
                        self.env._(
                            "%(part)s %(seconds)s s at %(price)s per minute",
                            part=labels[part],
                            seconds=seconds,
                            price=price._money(price[name]),
                        )
                    )
        lines = [*price._premium_lines()]
        if price.destination:
            lines.append(self.env._("Destination: %s.", price.destination))
        total = price._money(self.amount)
        return [*lines, self.env._("%(parts)s = %(total)s.", parts=" + ".join(parts) or "0", total=total)]

    def _trace_charge(self, charge, seconds, quantity, amount):
        """What the closed period made of it."""
        charge = charge.sudo()
        if charge.unit in ("call", "message", "outcome"):
            units = self.env._("1 call") if quantity == 1 and charge.unit == "call" else self.env._("%s calls", f"{quantity:g}")
        else:
            units = self.env._("%s s", seconds)
        if charge.component == "included":
            return self.env._("%(units)s of it are included in '%(allowance)s'.", units=units, allowance=charge.allowance_id.name)
        money = charge.price_id._money(float(amount)) if charge.price_id else f"{amount:.2f}"
        if charge.share != 1:
            return self.env._(
                "On the invoice: %(share)s %% of the price, after the allowance for all calls = %(amount)s ('%(charge)s').",
                share=f"{charge.share * 100:.2f}",
                amount=money,
                charge=charge.name,
            )
        return self.env._("On the invoice: %(units)s = %(amount)s ('%(charge)s').", units=units, amount=money, charge=charge.name)


class CallPrice(models.Model):
    _inherit = "call.price"

    def _money(self, value):
        return self.rule_id._format_price(value)

    def _time_price_text(self):
        self.ensure_one()
        unit = {"minute": self.env._("per minute"), "hour": self.env._("per hour")}[TIME_UNITS[self.time_seconds]]
        return f"{self._money(self.time_price)} {unit}"

    def _premium_lines(self):
        """Bands and premiums, in the order in which they change the price."""
        self.ensure_one()
        order = {"replace": 0, "add": 1, "multiply": 2}
        lines = []
        for premium in self.premium_ids.sorted(lambda p: (order[p.effect], p.sequence, p.id)):
            values = {"name": premium.name, "value": f"{premium.value:g}"}
            lines.append(
                {
                    "replace": self.env._("%(name)s: the price is %(value)s.", **values),
                    "add": self.env._("%(name)s: + %(value)s.", **values),
                    "multiply": self.env._("%(name)s: x %(value)s.", **values),
                }[premium.effect]
            )
        return lines
