from datetime import date
from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command

from ..formats.record import DISPOSITIONS, PARTS
from .call_usage_line import DISPOSITION_LABELS

CONDITIONS = ("direction", "queue", "campaign", "skill", "disposition", "product_id")
TEXT_CONDITIONS = ("queue", "campaign", "skill")
RATE_DIGITS = (16, 6)


def plain(text):
    """How texts of the phone system are compared: without blanks around them, in lower case."""
    return (text or "").strip().lower()


def short(number):
    """A quantity without decimals that say nothing: 1,000 or 12.5.

    >>> short(1000000.0), short(12.5), short(0)
    ('1,000,000', '12.5', '0')
    """
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def inline(env, label):
    """A label inside a sentence: it begins small, but in German, where nouns do not."""
    return label if (env.lang or "").startswith("de") else label[:1].lower() + label[1:]


def price_text(price, currency):
    """A price with its currency, all decimals it has and at least two."""
    whole, _dot, decimals = f"{price:.6f}".rstrip("0").partition(".")
    amount = f"{whole}.{decimals:0<2}"
    symbol = currency.symbol or ""
    return f"{symbol}{amount}" if currency.position == "before" else f"{amount} {symbol}"


class CallRateRule(models.Model):
    """One priced condition of a rate plan: which calls it fits, what counts, what that costs.

    A call is priced by the rule in force on its own day, in the client's time zone. Of the rules that fit it the one with
    the highest priority prices it, then one of the plan itself before one of the plan it is based on, then the one with
    the most conditions; two rules that could tie are refused when they are saved. A call keeps the price it was rated
    with (``call.price``); changing a rule changes only calls that are rated later.
    """

    _name = "call.rate.rule"
    _description = "Rate Rule"
    _order = "plan_id, sequence, id"

    plan_id = fields.Many2one("call.rate.plan", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="plan_id.company_id", store=True)
    currency_id = fields.Many2one(related="plan_id.currency_id")
    sequence = fields.Integer(default=10, help="Order on the invoice.")
    name = fields.Char(required=True, translate=True, help="What the client reads on the invoice, such as 'Daytime calls'.")
    active = fields.Boolean(default=True)
    # When it fits
    date_start = fields.Date(string="From", help="First day of calls that this rule prices. Empty: always.")
    date_end = fields.Date(string="Until", help="Last day of calls that this rule prices. Empty: for good.")
    priority = fields.Integer(
        default=0, help="Where several rules fit a call, the highest priority wins; with the same, the rule with more conditions."
    )
    kind = fields.Selection(
        [("call", "Calls"), ("agent_time", "Agent time"), ("message", "Messages"), ("outcome", "Outcomes")],
        string="Prices",
        required=True,
        default="call",
        help="What of a client's usage this rule is for.",
    )
    direction = fields.Selection(
        [("inbound", "Inbound"), ("outbound", "Outbound"), ("internal", "Internal")], help="Empty: any direction."
    )
    queue = fields.Char(help="Name of the queue, as the phone system writes it. Empty: any queue.")
    campaign = fields.Char(help="Name of the campaign, as the phone system writes it. Empty: any campaign.")
    skill = fields.Char(
        string="Language or Skill", help="As the phone system writes it. Empty: any. A surcharge for a language is a premium."
    )
    disposition = fields.Selection(
        [(key, DISPOSITION_LABELS[key]) for key in DISPOSITIONS], string="Outcome", help="Empty: any outcome that is charged."
    )
    product_id = fields.Many2one(
        "product.product",
        string="Service",
        help="Only for contract lines of this service. Empty: every line that uses the plan.",
    )
    # What counts
    count_ring = fields.Boolean(string="Ringing")
    count_queue = fields.Boolean(string="Waiting in Queue")
    count_ivr = fields.Boolean(string="IVR")
    count_talk = fields.Boolean(string="Talk", default=True)
    count_hold = fields.Boolean(string="Hold", default=True)
    count_wrap = fields.Boolean(string="Wrap-Up", default=True)
    count_transfer = fields.Boolean(string="Transfer")
    bill_answered = fields.Boolean(string="Answered", default=True)
    bill_voicemail = fields.Boolean(string="Voicemail")
    bill_abandoned = fields.Boolean(string="Abandoned")
    bill_no_answer = fields.Boolean(string="Not Answered")
    bill_busy = fields.Boolean(string="Busy")
    bill_failed = fields.Boolean(string="Failed")
    # What it costs
    source = fields.Selection(
        [("own", "The prices here"), ("deck", "A rate deck, by the called number"), ("cost", "The provider's cost of the call")],
        string="Price From",
        required=True,
        default="own",
        help="Where the price of a call comes from. A mark-up can be added to what is not priced here.",
    )
    deck_id = fields.Many2one("call.rate.deck", string="Rate Deck", ondelete="restrict")
    markup = fields.Float(string="Mark-Up (%)", digits=(16, 4), help="Added to the prices of the deck or to the provider's cost.")
    minute_price = fields.Float(string="Price per Minute", digits=RATE_DIGITS, default=0.0, required=True)
    hour_price = fields.Float(
        string="Price per Hour", digits=RATE_DIGITS, default=0.0, required=True, help="Instead of a price per minute."
    )
    call_price = fields.Float(
        string="Price per Call",
        digits=RATE_DIGITS,
        default=0.0,
        required=True,
        help="Beside the price of the time: a connection fee. Or per message or outcome.",
    )
    part_ids = fields.One2many("call.rate.part", "rule_id", string="Parts With Own Rates", copy=True)
    grace_seconds = fields.Integer(
        string="Free Up To", default=0, required=True, help="Seconds. Calls that count for no more are free. 0: none is."
    )
    increment_first = fields.Integer(
        string="First Increment", default=60, required=True, help="Seconds. A shorter call is charged as this long."
    )
    increment_next = fields.Integer(
        string="Next Increments",
        default=60,
        required=True,
        help="Seconds. After the first increment, time is charged in steps of this.",
    )
    minimum_seconds = fields.Integer(
        string="Minimum", default=0, required=True, help="Seconds. A call with any time that counts is charged for at least this."
    )
    maximum_seconds = fields.Integer(
        string="Maximum", default=0, required=True, help="Seconds of a call that count at most. 0: all."
    )
    average_cap_seconds = fields.Integer(
        string="Average At Most",
        default=0,
        required=True,
        help="Seconds. In a period calls are charged for this long on average at most (a cap on handling time). 0: no cap.",
    )
    round_on = fields.Selection(
        [("call", "Each call"), ("sum", "The sum of a period")],
        string="Increments Round",
        required=True,
        default="call",
        help="3 calls of 61 seconds by the minute: rounded each 6 minutes, on the sum 4 minutes.",
    )
    band_split = fields.Selection(
        [("start", "Has the price of its start"), ("split", "Is split at the boundary")],
        string="A Call Over a Boundary",
        required=True,
        default="start",
        help="A call that begins in one band and ends in another, such as day and evening.",
    )
    # What a period's volume does to the price
    tier_mode = fields.Selection(
        [
            ("graduated", "Graduated: each slice has its own price"),
            ("volume", "Volume: all at the price that was reached"),
            ("package", "Packages: a price per package begun"),
        ],
        string="Tiers",
        help="How prices change with the volume of a billing period. Empty: they do not.",
    )
    tier_unit = fields.Selection(
        [("call", "Calls"), ("minute", "Minutes")],
        string="Tiers Count",
        default="call",
        help="What is added up over the period to find the tier.",
    )
    tier_ids = fields.One2many("call.rate.tier", "rule_id", copy=True)
    package_size = fields.Float(
        digits=(16, 2), default=0.0, help="Calls or minutes in a package. One that is begun is charged as a whole."
    )
    package_free = fields.Float(
        string="Free Before",
        digits=(16, 2),
        default=0.0,
        help="Calls or minutes of a period that cost nothing before the first package.",
    )
    package_price = fields.Float(string="Price per Package", digits=RATE_DIGITS, default=0.0)
    copy_of_id = fields.Many2one(
        "call.rate.rule",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        help="The rule of the list plan that this one took the place of when the client got its own plan: their volume counts together.",
    )
    invoice_unit = fields.Selection(
        [("hour", "Hours"), ("minute", "Minutes"), ("second", "Seconds")],
        compute="_compute_invoice_unit",
        help="Unit of the invoice line. Invoices carry two decimals: increments of 3, 6, 30 or 60 seconds are exact in "
        "minutes, multiples of 36 in hours, others are invoiced by the second.",
    )
    terms = fields.Char(compute="_compute_terms", help="The rule in words.")
    conditions = fields.Char(compute="_compute_conditions", help="Which calls it fits, in words.")

    _increments_positive = models.Constraint(
        "CHECK (increment_first > 0 AND increment_next > 0 AND minimum_seconds >= 0 AND grace_seconds >= 0"
        " AND maximum_seconds >= 0 AND average_cap_seconds >= 0)",
        "Increments must be at least one second, the other times must not be negative.",
    )
    _prices_positive = models.Constraint(
        "CHECK (minute_price >= 0 AND hour_price >= 0 AND call_price >= 0 AND package_price >= 0)",
        "Prices must not be negative.",
    )
    _one_time_price = models.Constraint(
        "CHECK (minute_price = 0 OR hour_price = 0)", "Give a price per minute or a price per hour, not both."
    )
    _markup_sensible = models.Constraint("CHECK (markup >= -100)", "A mark-up cannot take away more than the price.")
    _dates_ordered = models.Constraint("CHECK (date_end >= date_start)", "A rule must not end before it starts.")

    @api.depends("increment_first", "increment_next", "hour_price")
    def _compute_invoice_unit(self):
        for rule in self:
            steps = rule.increment_first, rule.increment_next
            if rule.hour_price and not any(step % 36 for step in steps):
                rule.invoice_unit = "hour"
            else:
                rule.invoice_unit = "second" if any(step % 3 for step in steps) else "minute"

    @api.depends(
        "kind", "source", "deck_id", "markup", "minute_price", "hour_price", "call_price", "increment_first", "increment_next",
        "minimum_seconds", "maximum_seconds", "grace_seconds", "round_on", "tier_mode", "tier_unit", "tier_ids.price",
        "tier_ids.up_to", "tier_ids.flat_fee", "package_price", "package_size", "package_free", "part_ids.minute_price", "average_cap_seconds",
        "currency_id",
    )  # fmt: skip
    def _compute_terms(self):
        for rule in self:
            first, *others = rule._price_terms() or [""]
            rule.terms = ", ".join([first, *rule._time_terms(), *others])

    def _price_terms(self):
        """What it costs, in words."""
        self.ensure_one()
        parts, price = [], self._format_price
        replaced = self.tier_unit if self.tier_mode in ("graduated", "volume") else None  # by the prices of the tiers
        if self.source == "deck":
            parts.append(
                self.env._("by rate deck %(deck)s, +%(markup)s %%", deck=self.deck_id.name or "?", markup=f"{self.markup:g}")
            )
        elif self.source == "cost":
            parts.append(self.env._("provider's cost +%s %%", f"{self.markup:g}"))
        elif self.hour_price and replaced != "minute":
            parts.append(self.env._("%s per hour", price(self.hour_price)))
        elif (self.minute_price and replaced != "minute") or not (self.call_price or self.part_ids or self.tier_mode):
            parts.append(self.env._("%s per minute", price(self.minute_price)))
        if self.call_price and replaced != "call":
            parts.append(
                {
                    "message": self.env._("%s per message", price(self.call_price)),
                    "outcome": self.env._("%s per outcome", price(self.call_price)),
                }.get(self.kind, self.env._("%s per call", price(self.call_price)))
            )
        names = dict(self.env["call.rate.part"]._fields["part"]._description_selection(self.env))
        parts += [
            self.env._("%(part)s %(price)s per minute", part=names[p.part], price=price(p.minute_price)) for p in self.part_ids
        ]
        if self.tier_mode == "package":
            package = {"price": price(self.package_price), "size": short(self.package_size)}
            if self.tier_unit == "minute":
                parts.append(self.env._("%(price)s per %(size)s minutes begun", **package))
            elif self.kind in ("message", "outcome"):
                parts.append(self.env._("%(price)s per %(size)s begun", **package))
            else:
                parts.append(self.env._("%(price)s per %(size)s calls begun", **package))
            if self.package_free:
                parts.append(self.env._("%s free before", short(self.package_free)))
        elif self.tier_mode:
            tiers = ", ".join(tier._text() for tier in self.tier_ids)
            if self.tier_unit == "minute":
                parts.append(self.env._("per minute %s", tiers))
            else:
                parts.append(
                    self.env._("each %s", tiers) if self.kind in ("message", "outcome") else self.env._("per call %s", tiers)
                )
        return parts

    def _time_terms(self):
        """How time is rounded, in words; nothing where no time is priced."""
        self.ensure_one()
        timed = self.minute_price or self.hour_price or self.source == "deck" or self.part_ids
        timed = timed or (self.tier_unit == "minute" if self.tier_mode else not self.call_price and self.source == "own")
        if not timed:
            return []
        parts = []
        if self.source != "deck":
            parts.append(self.env._("%(first)s/%(next)s seconds", first=self.increment_first, next=self.increment_next))
        if self.round_on == "sum":
            parts.append(self.env._("rounded on the sum"))
        for seconds, text in (
            (self.minimum_seconds, self.env._("at least %s seconds", self.minimum_seconds)),
            (self.maximum_seconds, self.env._("at most %s seconds", self.maximum_seconds)),
            (self.average_cap_seconds, self.env._("on average at most %s seconds", self.average_cap_seconds)),
            (self.grace_seconds, self.env._("free up to %s seconds", self.grace_seconds)),
        ):
            if seconds:
                parts.append(text)
        return parts

    @api.depends(*CONDITIONS, "kind", "priority", "date_start", "date_end")
    def _compute_conditions(self):
        for rule in self:
            kind = dict(rule._fields["kind"]._description_selection(self.env))[rule.kind or "call"]
            rule.conditions = ", ".join([kind, *rule._condition_texts()])

    def _condition_texts(self):
        parts = []
        for name in CONDITIONS:
            if self[name]:
                field = self._fields[name]
                value = self[name]
                if field.type == "selection":
                    parts.append(dict(field._description_selection(self.env))[value])
                else:
                    value = value.display_name if field.type == "many2one" else value
                    parts.append(f"{field._description_string(self.env)} {value}")
        return parts

    # --- As an agreement says it ----------------------------------------------------------------------

    def _fits_text(self):
        """Which usage it prices, in words; nothing where that is any."""
        texts = self._condition_texts()
        return self.env._("For: %s", ", ".join(texts)) if texts else ""

    def _counts_text(self):
        """Which parts of a call count, and which outcomes are charged, in words."""
        if self.kind != "call":
            return ""
        parts = [self._fields[f"count_{part.removesuffix('_seconds')}"] for part in self._counted_parts()]
        outcomes = [self._fields[f"bill_{each}"] for each in DISPOSITIONS if self[f"bill_{each}"]]
        names = [", ".join(field._description_string(self.env) for field in found) for found in (parts, outcomes)]
        texts = [self.env._("Time that counts: %s", names[0])] if self._time_terms() and parts else []
        if outcomes and not self.disposition:
            texts.append(self.env._("Charged: %s", names[1]))
        return "; ".join(texts)

    def _first_billed(self):
        """An outcome that is charged, answered if that is."""
        return next((each for each in ("answered", *DISPOSITIONS) if self[f"bill_{each}"]), "answered")

    # --- Checks -------------------------------------------------------------------------------------

    @api.constrains(*(f"count_{part.removesuffix('_seconds')}" for part in PARTS), "minute_price", "hour_price", "part_ids")
    def _check_counts(self):
        for rule in self:
            if (rule.minute_price or rule.hour_price) and not rule._counted_parts():
                raise ValidationError(
                    self.env._("Rule '%s' has a price for time: tick at least one part of a call that counts.", rule.name)
                )
            for part in rule.part_ids:
                if part.part in rule._counted_parts():
                    raise ValidationError(
                        self.env._("Rule '%s' counts a part of the call that has its own rate as well: untick it.", rule.name)
                    )

    @api.onchange("source")
    def _onchange_source(self):
        """What the form hides now must not hold the rule up."""
        if self.source != "own":
            self.update({"minute_price": 0, "hour_price": 0, "call_price": 0, "part_ids": [Command.clear()]})
            self.update({"tier_mode": False, "round_on": "call", "average_cap_seconds": 0})
        if self.source != "deck":
            self.deck_id = False

    @api.constrains(
        "source",
        "deck_id",
        "minute_price",
        "hour_price",
        "call_price",
        "tier_mode",
        "part_ids",
        "round_on",
        "average_cap_seconds",
    )
    def _check_source(self):
        for rule in self:
            if rule.source == "deck" and not rule.deck_id:
                raise ValidationError(self.env._("Choose the rate deck of rule '%s'.", rule.name))
            priced = rule.minute_price or rule.hour_price or rule.call_price or rule.tier_mode or rule.part_ids
            if rule.source != "own" and priced:
                raise ValidationError(
                    self.env._("Rule '%s' takes its price from elsewhere: leave its own prices and tiers empty.", rule.name)
                )
            if rule.source != "own" and (rule.round_on == "sum" or rule.average_cap_seconds):
                raise ValidationError(
                    self.env._("Rule '%s' has many prices: round each call, and leave out a maximum on the average.", rule.name)
                )
            if rule.deck_id and rule.deck_id.currency_id != rule.currency_id:
                raise ValidationError(
                    self.env._(
                        "Rate deck '%(deck)s' is in %(deck_currency)s but rule '%(rule)s' in %(currency)s.",
                        deck=rule.deck_id.name,
                        deck_currency=rule.deck_id.currency_id.name,
                        rule=rule.name,
                        currency=rule.currency_id.name,
                    )
                )

    @api.constrains(
        "tier_mode", "tier_unit", "tier_ids", "package_size", "package_free", "call_price", "minute_price", "hour_price"
    )
    def _check_tiers(self):
        for rule in self.filtered("tier_mode"):
            if not rule.tier_unit:
                raise ValidationError(self.env._("Say what the tiers of rule '%s' count.", rule.name))
            if rule.tier_mode == "package":
                if rule.package_size <= 0 or rule.package_free < 0:
                    raise ValidationError(self.env._("A package of rule '%s' must hold something.", rule.name))
                continue
            bounds = [tier.up_to for tier in rule.tier_ids]
            if not bounds or bounds[-1] or any(bound <= 0 for bound in bounds[:-1]) or sorted(set(bounds[:-1])) != bounds[:-1]:
                raise ValidationError(
                    self.env._(
                        "The tiers of rule '%s' need ascending upper bounds, and one last tier without a bound.", rule.name
                    )
                )

    @api.constrains("plan_id", "active", "priority", "kind", "date_start", "date_end", *CONDITIONS)
    def _check_unambiguous(self):
        """:raise ValidationError: two rules of a plan could both price a call with nothing to prefer one of them"""
        for plan in self.plan_id:
            rules = list(plan.rule_ids)
            for index, rule in enumerate(rules):
                for other in rules[index + 1 :]:
                    if rule._ties_with(other):
                        raise ValidationError(
                            self.env._(
                                "Rules '%(one)s' (%(one_fits)s) and '%(other)s' (%(other_fits)s) could both price the same call. "
                                "Give one of them a higher priority or another condition, or end one before the other starts.",
                                one=rule.name,
                                one_fits=rule.conditions,
                                other=other.name,
                                other_fits=other.conditions,
                            )
                        )

    def _ties_with(self, other):
        return (
            (self.kind, self.priority, self._specificity()) == (other.kind, other.priority, other._specificity())
            and (self.date_start or date.min) <= (other.date_end or date.max)
            and (other.date_start or date.min) <= (self.date_end or date.max)
            and all(
                not (self[name] and other[name]) or self._condition(name) == other._condition(name) for name in self._conditions()
            )
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        if self.env["call.usage.line"].sudo().search_count([("rule_id", "in", self.ids)], limit=1):
            raise UserError(self.env._("Calls were priced by this rule: give it an end date instead of deleting it."))

    # --- Choice -------------------------------------------------------------------------------------

    def _conditions(self):
        """Names of the conditions that mean something for what the rule prices."""
        calls_only = ("direction", "disposition")
        return [name for name in CONDITIONS if self.kind == "call" or name not in calls_only]

    def _condition(self, name):
        return plain(self[name]) if name in TEXT_CONDITIONS else self[name]

    def _specificity(self):
        """How many conditions the rule has."""
        return sum(bool(self[name]) for name in self._conditions())

    def _in_force(self, day):
        """The rules of ``self`` that price calls of a day."""
        return self.filtered(lambda r: (r.date_start or date.min) <= day <= (r.date_end or date.max))

    def _ranked(self, plan):
        """The rules of ``self`` in the order in which they are tried, for a contract line with this plan."""
        return self.sorted(lambda r: (-r.priority, r.plan_id != plan, -r._specificity(), r.id))

    def _misfit(self, case):
        """Why the rule does not fit.

        :param case: dict of kind and :data:`CONDITIONS` of a call; texts as :func:`plain` makes them
        :return: name of the first condition that does not hold, or None
        """
        self.ensure_one()
        if self.kind != case["kind"]:
            return "kind"
        return next((name for name in self._conditions() if self[name] and self._condition(name) != case[name]), None)

    def _select(self, case):
        """The rule that prices such a call, out of rules in force and :meth:`_ranked`: one or none."""
        return next((rule for rule in self if rule._misfit(case) is None), self.browse())

    # --- Values -------------------------------------------------------------------------------------

    def _format_price(self, price):
        self.ensure_one()
        return price_text(price, self.currency_id)

    def _same(self):
        """The rule and those that it took the place of."""
        same = before = self
        while before := before.copy_of_id - same:
            same |= before
        return same

    def _fits_service(self, line):
        """Whether the rule is for contract lines of this service."""
        return not self.product_id or self.product_id == line.product_id

    def _in_tier_units(self, volume):
        """A volume in seconds or calls as tiers state it, exact."""
        return Fraction(volume) / 60 if self.tier_unit == "minute" else Fraction(volume)

    def _tier_bounds(self):
        """Inclusive upper bounds of the tiers, None for the last one."""
        return [Fraction(repr(tier.up_to)) if tier.up_to else None for tier in self.tier_ids]

    def _counted_parts(self):
        """Names of the duration columns that count, such as ``talk_seconds``."""
        self.ensure_one()
        return [part for part in PARTS if self[f"count_{part.removesuffix('_seconds')}"]]
