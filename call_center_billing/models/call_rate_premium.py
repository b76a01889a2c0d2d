from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..formats.record import MAX_CALL_SECONDS
from .call_rate_rule import RATE_DIGITS, TEXT_CONDITIONS, inline, plain, price_text

DAY = 86400
MIDNIGHT = time()


class CallRatePremium(models.Model):
    """A band or premium of a rate plan: what changes the price of calls at some hours, on holidays, or for a language,
    skill, queue or campaign.

    All conditions that are filled have to hold. Of all premiums that hold for a call first one replaces the price (the first
    in order), then all additions are added, then all factors multiply: the order does not depend on how they are listed.
    Hours are those of an Odoo working-time calendar as wall time in the client's zone, holidays its public holidays (days).
    """

    _name = "call.rate.premium"
    _description = "Band or Premium"
    _order = "plan_id, sequence, id"

    plan_id = fields.Many2one("call.rate.plan", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="plan_id.company_id", store=True)
    currency_id = fields.Many2one(related="plan_id.currency_id")
    sequence = fields.Integer(default=10)
    name = fields.Char(required=True, translate=True, help="What the client reads, such as 'Evening' or 'Spanish'.")
    active = fields.Boolean(default=True)
    date_start = fields.Date(string="From", help="First day of calls. Empty: always.")
    date_end = fields.Date(string="Until", help="Last day of calls. Empty: for good.")
    rule_ids = fields.Many2many(
        "call.rate.rule", string="Only for", domain="[('plan_id', 'parent_of', plan_id)]", help="Empty: all rules of the plan."
    )
    calendar_id = fields.Many2one(
        "resource.calendar",
        string="Hours of",
        ondelete="restrict",
        help="The working time whose hours or public holidays decide. They are those of the client's time zone.",
    )
    when = fields.Selection(
        [("inside", "In its hours"), ("outside", "Outside its hours"), ("holiday", "On its public holidays")],
        help="Hours do not hold on the calendar's public holidays: they are days of their own.",
    )
    also_holidays = fields.Boolean(
        string="On Holidays As Well", help="The calendar's public holidays belong to it all day, as to 'nights and holidays'."
    )
    queue = fields.Char(help="As the phone system writes it. Empty: any queue.")
    campaign = fields.Char(help="As the phone system writes it. Empty: any campaign.")
    skill = fields.Char(string="Language or Skill", help="As the phone system writes it. Empty: any.")
    effect = fields.Selection(
        [("replace", "Replaces the price"), ("add", "Is added"), ("multiply", "Multiplies")],
        required=True,
        default="multiply",
        help="What the value below does with the price of the rule.",
    )
    target = fields.Selection(
        [("time", "Price of time"), ("call", "Price per call"), ("both", "Both")],
        string="Of",
        required=True,
        default="time",
        help="Which price of the rule it changes: that of time, that per call, or both.",
    )
    value = fields.Float(
        string="Price or Factor",
        digits=RATE_DIGITS,
        required=True,
        help="A price per minute (or hour, as the rule has it) or per call; or a factor: 1.5 is half as much again.",
    )

    terms = fields.Char(compute="_compute_terms", help="What it does to the price, in words.")

    _value_positive = models.Constraint("CHECK (value >= 0)", "A price or factor must not be negative.")
    _dates_ordered = models.Constraint("CHECK (date_end >= date_start)", "A premium must not end before it starts.")

    @api.depends("effect", "target", "value", "currency_id")
    def _compute_terms(self):
        for premium in self:
            target = {
                "time": self.env._("Price of time"),
                "call": self.env._("Price per call"),
                "both": self.env._("Price of time and per call"),
            }
            values = {"what": target[premium.target or "time"], "price": price_text(premium.value, premium.currency_id)}
            if premium.effect == "replace":
                premium.terms = self.env._("%(what)s is %(price)s", **values)
            elif premium.effect == "add":
                premium.terms = self.env._("%(what)s + %(price)s", **values)
            else:
                premium.terms = self.env._("%(what)s × %(factor)s", factor=f"{premium.value:g}", **values)

    @api.constrains("effect", "target", "calendar_id", "when", *TEXT_CONDITIONS)
    def _check_effect(self):
        for premium in self:
            if premium.target == "both" and premium.effect != "multiply":
                raise ValidationError(
                    self.env._("'%s': only a factor can change the price of time and per call together.", premium.name)
                )
            if bool(premium.calendar_id) != bool(premium.when):
                raise ValidationError(self.env._("'%s': choose a calendar and when it holds, or neither.", premium.name))
            if not premium.when and not any(premium[name] for name in TEXT_CONDITIONS):
                raise ValidationError(self.env._("'%s' has no condition: change the price of the rule instead.", premium.name))

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        prices = self.env["call.price"].sudo().search([("premium_ids", "in", self.ids)])
        if self.env["call.usage.line"].sudo().search_count([("price_id", "in", prices.ids)], limit=1):
            raise UserError(self.env._("Calls were priced with this premium: give it an end date instead of deleting it."))

    def _in_force(self, day):
        """The premiums of ``self`` for calls of a day."""
        return self.filtered(lambda p: (p.date_start or date.min) <= day <= (p.date_end or date.max))

    def _fits(self, rule, case):
        """Whether all conditions but the time hold.

        :param case: as in ``call.rate.rule._misfit``
        """
        self.ensure_one()
        return (not self.rule_ids or rule in self.rule_ids) and all(
            not self[name] or plain(self[name]) == case[name] for name in TEXT_CONDITIONS
        )

    # --- Time ---------------------------------------------------------------------------------------

    def _hold_on(self, day, holidays):
        """Stretches of a day in which this premium's time condition holds, as wall time.

        :param holidays: public holidays of its calendar, a set of dates
        :return: list of (begin, end) in seconds from midnight; the end does not belong to it
        """
        self.ensure_one()
        whole = [(0, DAY)]
        if not self.when:
            return whole
        if day in holidays:
            return whole if self.when == "holiday" or self.also_holidays else []
        if self.when == "holiday":
            return []
        hours = self.calendar_id._hours_of(day)
        if self.when == "inside":
            return hours
        edges = [0, *(edge for stretch in hours for edge in stretch), DAY]
        return [(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True) if begin < end]

    def _clock(self, zone, first, last):
        """When the time conditions of these premiums change, from one day until calls that begin on another are over.

        :return: (moments as naive UTC, in order; for each, the numbers of the premiums that hold from then on as a bit mask).
            The first moment lies before the first day, so any call of these days has one
        """
        days = [first + timedelta(days=offset) for offset in range((last - first).days + 2 + MAX_CALL_SECONDS // DAY)]
        flips = {}  # wall time -> bits that change there; what ends at midnight and begins again does not
        for number, premium in enumerate(self.sudo()):
            holidays = premium.calendar_id._public_holidays(days[0], days[-1])
            for day in days:
                for stretch in premium._hold_on(day, holidays):
                    for second in stretch:
                        moment = datetime.combine(day, MIDNIGHT) + timedelta(seconds=second)
                        flips[moment] = flips.get(moment, 0) ^ 1 << number
        tz, utc = ZoneInfo(zone), ZoneInfo("UTC")
        moments, masks = [datetime(1900, 1, 1)], [0]
        for local, bits in sorted(flips.items()):
            moment = local.replace(tzinfo=tz).astimezone(utc).replace(tzinfo=None)
            if moment <= moments[-1]:  # inside the hour that spring leaves out
                masks[-1] ^= bits
            elif bits:
                moments.append(moment)
                masks.append(masks[-1] ^ bits)
        return moments, masks

    def _agreed_text(self):
        """When it holds, for what, and what it does: as an agreement says it."""
        self.ensure_one()
        texts = [self.terms, inline(self.env, self._when_text())]
        if self.when in ("inside", "outside"):
            texts[-1] = self.env._("%(when)s %(hours)s", when=texts[-1], hours=self.calendar_id._hours_text())
        if self.also_holidays:
            texts.append(self.env._("and on public holidays"))
        texts += [f"{self._fields[name]._description_string(self.env)} {self[name]}" for name in TEXT_CONDITIONS if self[name]]
        if self.rule_ids:
            texts.append(self.env._("for: %s", ", ".join(dict.fromkeys(self.rule_ids.mapped("name")))))
        return ", ".join(filter(None, texts))

    def _when_text(self):
        self.ensure_one()
        return dict(self._fields["when"]._description_selection(self.env)).get(self.when, "")
