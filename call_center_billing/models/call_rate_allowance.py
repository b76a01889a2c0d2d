from datetime import date

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .call_rate_rule import inline, short


class CallRateAllowance(models.Model):
    """Minutes or calls of a period that a plan includes. What is used within it is free: time where it counts minutes, the
    whole call where it counts calls. A rule is covered by one allowance at most; only rules with prices of their own are."""

    _name = "call.rate.allowance"
    _description = "Allowance"
    _order = "plan_id, sequence, id"

    plan_id = fields.Many2one("call.rate.plan", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="plan_id.company_id", store=True)
    sequence = fields.Integer(default=10)
    name = fields.Char(required=True, translate=True, help="What the client reads, such as 'Included minutes'.")
    active = fields.Boolean(default=True)
    date_start = fields.Date(string="From", help="For periods that begin on this day or later. Empty: always.")
    date_end = fields.Date(string="Until", help="For periods that begin on this day or earlier. Empty: for good.")
    unit = fields.Selection(
        [("minute", "Minutes"), ("call", "Calls")],
        required=True,
        default="minute",
        help="What is included: minutes as they are charged, after increments, or calls.",
    )
    quantity = fields.Float(digits=(16, 2), required=True, help="Included per period.")
    rule_ids = fields.Many2many(
        "call.rate.rule",
        string="Covers",
        domain="[('plan_id', 'parent_of', plan_id)]",
        help="Empty: all rules for calls that no other allowance names.",
    )
    pooled = fields.Boolean(help="One allowance for all lines of a contract that use this plan, instead of one for each line.")
    prorated = fields.Boolean(default=True, help="In part of a period only this part of it is included.")
    order = fields.Selection(
        [
            ("date", "In the order of the calls"),
            ("dearest", "Dearest calls first"),
            ("cheapest", "Cheapest calls first"),
            ("proportional", "All calls in proportion"),
        ],
        string="Used",
        required=True,
        default="date",
        help="Which calls it makes free where they have different prices.",
    )
    rollover = fields.Boolean(string="Rolls Over", help="What is not used is carried to the next period and used first there.")
    rollover_cap = fields.Float(
        string="Carried At Most", digits=(16, 2), default=0.0, help="Minutes or calls in all. 0: no limit."
    )
    rollover_periods = fields.Integer(
        string="Expires After", default=1, help="Periods in which what was carried can be used. 0: it does not expire."
    )

    continues_id = fields.Many2one(
        "call.rate.allowance",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        help="The version before: what is left of it is carried on.",
    )

    _quantities_positive = models.Constraint(
        "CHECK (quantity >= 0 AND rollover_cap >= 0 AND rollover_periods >= 0)", "An allowance must not be negative."
    )
    _dates_ordered = models.Constraint("CHECK (date_end >= date_start)", "An allowance must not end before it starts.")

    @api.constrains("plan_id", "rule_ids", "date_start", "date_end", "active")
    def _check_one_per_rule(self):
        for plan in self.plan_id:
            allowances = list(plan.allowance_ids)
            for index, allowance in enumerate(allowances):
                for other in allowances[index + 1 :]:
                    both = allowance.rule_ids & other.rule_ids
                    if (both or not (allowance.rule_ids or other.rule_ids)) and allowance._meets(other):
                        raise ValidationError(
                            self.env._(
                                "Allowances '%(one)s' and '%(other)s' cover the same calls: name different rules in them.",
                                one=allowance.name,
                                other=other.name,
                            )
                        )

    @api.constrains("rule_ids")
    def _check_own_prices(self):
        for allowance in self:
            if elsewhere := allowance.rule_ids.filtered(lambda rule: rule.source != "own"):
                raise ValidationError(
                    self.env._(
                        "'%(rule)s' takes its price from a rate deck or the provider: allowance '%(allowance)s' cannot cover it.",
                        rule=elsewhere[0].name,
                        allowance=allowance.name,
                    )
                )

    def _meets(self, other):
        return (self.date_start or date.min) <= (other.date_end or date.max) and (other.date_start or date.min) <= (
            self.date_end or date.max
        )

    def _in_force(self, day):
        return self.filtered(lambda a: (a.date_start or date.min) <= day <= (a.date_end or date.max))

    def _agreed_text(self):
        """What is included and how it is used, as an agreement says it."""
        self.ensure_one()
        env = self.env
        unit = inline(env, dict(self._fields["unit"]._description_selection(env))[self.unit])
        order = dict(self._fields["order"]._description_selection(env))[self.order]
        texts = [env._("%(quantity)s %(unit)s included per period", quantity=short(self.quantity), unit=unit)]
        if self.rule_ids:
            texts.append(env._("for: %s", ", ".join(dict.fromkeys(self.rule_ids.mapped("name")))))
        if self.pooled:
            texts.append(env._("for all services with this plan together"))
        texts.append(env._("used: %s", inline(env, order)))
        if self.prorated:
            texts.append(env._("by the day in part of a period"))
        if self.rollover:
            carried = env._("what is not used is carried on")
            if self.rollover_cap:
                carried = env._("%(carried)s, up to %(cap)s", carried=carried, cap=short(self.rollover_cap))
            if self.rollover_periods:
                carried = env._("%(carried)s, for %(periods)s periods", carried=carried, periods=self.rollover_periods)
            texts.append(carried)
        return "; ".join(texts)

    def _versions(self):
        """These and all that they continue."""
        versions = before = self
        while before := before.continues_id - versions:
            versions |= before
        return versions

    def _covering(self, rule):
        """The allowance out of ``self`` that covers a rule: one or none."""
        if rule.source != "own":
            return self.browse()
        named = self.filtered(lambda allowance: rule in allowance.rule_ids)
        return (named or (self.filtered(lambda a: not a.rule_ids) if rule.kind == "call" else named))[:1]
