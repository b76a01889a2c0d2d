"""What a plan promises of a period's inbound calls: measured, credited, earned back. Product model 16."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tools import SQL, formatLang

from .. import pricing
from ..indicators import LESS_IS_BETTER, PERCENT, Served
from .call_charge import rounded
from .call_count import calls
from .call_price import number
from .call_rate_rule import plain

ZERO = Decimal(0)
WITHOUT = ("cost", "destination", "credit", "bonus")
"""Components that are no base of a credit: what is passed through, and credits themselves."""


def decimals_to_tell(value, *bounds):
    """How many decimals, at least one, show an exact value on its own side of the bounds.

    >>> decimals_to_tell(Fraction(827, 10), 80), decimals_to_tell(Fraction(79996, 1000), 80)
    (1, 3)
    """
    for decimals in range(1, 9):
        shown = Fraction(rounded(value, decimals))
        if all((shown > bound) == (value > bound) and (shown < bound) == (value < bound) for bound in bounds):
            break
    return decimals


def local(env, value):
    """A number that people typed, as the language writes it, with the decimals that it has."""
    digits = max(0, -number(value).normalize().as_tuple().exponent)
    return formatLang(env, value, digits=digits)


class CallRateTerm(models.Model):
    """A service level measures the period's inbound calls. Where they miss the target, ``base x at risk x weight`` is given back:
    the base is what the period charges for usage, fees and minimums, without what is passed through at cost.

    A call in several records counts once, see ``call_count.calls``. *Offered* are all inbound calls but those that
    failed technically; *abandoned* those that the phone system calls abandoned or not answered (the caller gave up before
    anybody spoke to them); busy and voicemail are offered, but neither answered nor abandoned. A caller *waits* in the queue
    and while the phone rings, not in the menus of an IVR; who gave up has waited all the rest of the call. Late usage does not
    count.
    """

    _inherit = "call.rate.term"

    kind = fields.Selection(selection_add=[("service_level", "Service level")], ondelete={"service_level": "cascade"})
    indicator = fields.Selection(
        [
            ("service_level", "Calls answered in time (%)"),
            ("answer_speed", "Average speed of answer (s)"),
            ("handling_time", "Average handling time (s)"),
            ("abandonment", "Abandoned calls (%)"),
        ],
        string="Measured",
        required=True,
        default="service_level",
        help="Over all inbound calls of the period. Handling time is talk, hold and wrap-up of the answered calls.",
    )
    variant = fields.Selection(
        [
            ("late", "In time / (answered + abandoned later)"),
            ("offered", "In time / all offered"),
            ("short", "Abandoned in time counts as met"),
            ("answered", "In time / all answered"),
        ],
        string="Calculated As",
        required=True,
        default="late",
        help="What callers who give up before the agreed seconds do to the result: they are left out, count as missed, count as met, "
        "or only answered calls count.",
    )
    threshold_seconds = fields.Integer(
        string="Seconds",
        default=20,
        help="Waiting in the queue and ringing, in which a call has to be answered. For abandoned calls: who gives up within it "
        "is left out; 0: nobody is.",
    )
    target = fields.Float(
        digits=(16, 4), default=80.0, help="At least so many percent answered in time; at most so many of the others."
    )
    at_risk = fields.Float(
        string="At Risk (%)",
        digits=(16, 4),
        help="Of what the period charges, without what is passed through at cost. All service levels with the same percentage together "
        "never give back more than that.",
    )
    weight = fields.Float(
        string="Weight (%)",
        digits=(16, 4),
        default=100.0,
        help="Part of what is at risk that is given back when this target is missed.",
    )
    bonus_target = fields.Float(
        string="Bonus From",
        digits=(16, 4),
        help="Who reaches this is paid as much as a missed target would give back. 0: no bonus.",
    )
    earn_back_periods = fields.Integer(
        string="Earned Back After",
        help="When so many later periods in a row met the target, the credit is charged again, once. Periods without data do not "
        "count. 0: never.",
    )
    minimum_calls = fields.Integer(string="At Least", help="With fewer offered calls nothing is measured, so nothing is missed.")
    queue = fields.Char(help="As the phone system writes it. Empty: all queues.")
    campaign = fields.Char(help="As the phone system writes it. Empty: all campaigns.")
    agreed = fields.Char(compute="_compute_agreed", help="A service level in words.")

    _service_positive = models.Constraint(
        "CHECK (threshold_seconds >= 0 AND target >= 0 AND bonus_target >= 0 AND earn_back_periods >= 0 AND minimum_calls >= 0)",
        "A service level must not be negative.",
    )
    _parts_ordered = models.Constraint(
        "CHECK (at_risk BETWEEN 0 AND 100 AND weight BETWEEN 0 AND 100)",
        "What is at risk and its weight are between 0 and 100 %.",
    )

    @api.constrains("kind", "indicator", "threshold_seconds", "target", "bonus_target")
    def _check_service_level(self):
        for term in self.filtered(lambda t: t.kind == "service_level"):
            if not term.target:
                raise ValidationError(self.env._("'%s' needs the target that was agreed.", term.name))
            if term.indicator in PERCENT and max(term.target, term.bonus_target) > 100:
                raise ValidationError(self.env._("'%s': there is no more than 100 %% of the calls.", term.name))
            if term.indicator == "service_level" and not term.threshold_seconds:
                raise ValidationError(self.env._("'%s' needs the seconds within which a call has to be answered.", term.name))
            if term.bonus_target and not pricing.is_breach(term.target, term.bonus_target, term._at_most()):
                raise ValidationError(self.env._("'%s': a bonus is for what is better than the target.", term.name))

    @api.depends(
        "kind", "indicator", "threshold_seconds", "target", "at_risk", "weight", "bonus_target", "earn_back_periods", "minimum_calls",
        "queue", "campaign",
    )  # fmt: skip
    def _compute_agreed(self):
        for term in self:
            term.agreed = term._agreed_text() if term.kind == "service_level" and term.indicator else False

    def _at_most(self):
        """Whether the target is a limit."""
        return self.indicator in LESS_IS_BETTER

    # --- In words -----------------------------------------------------------------------------------------

    def _words_service_level(self):
        variant = dict(self._fields["variant"]._description_selection(self.env))[self.variant]
        if self.indicator != "service_level":
            return self.agreed
        return self.env._("%(agreed)s; calculated as: %(variant)s", agreed=self.agreed, variant=variant)

    def _agreed_text(self):
        env = self.env
        values = {"target": self._with_unit(local(env, self.target)), "seconds": self.threshold_seconds}
        words = [
            {
                "service_level": env._("%(target)s of the calls answered within %(seconds)s s", **values),
                "answer_speed": env._("answered after %(target)s on average, at most", **values),
                "handling_time": env._("handled in %(target)s on average, at most", **values),
                "abandonment": env._("at most %(target)s of the calls abandoned", **values),
            }[self.indicator]
        ]
        if self.queue:
            words.append(env._("queue %s", self.queue))
        if self.campaign:
            words.append(env._("campaign %s", self.campaign))
        if self.at_risk and self.weight:
            risk = {"at_risk": local(env, self.at_risk), "weight": local(env, self.weight)}
            words.append(env._("else %(at_risk)s %% x %(weight)s %% are given back", **risk))
            if self.bonus_target:
                words.append(env._("as much is paid from %s", self._with_unit(local(env, self.bonus_target))))
            if self.earn_back_periods:
                words.append(env._("earned back after %s periods", self.earn_back_periods))
        return "; ".join(words)

    def _with_unit(self, text):
        """A number as text with its unit, which stays on its line."""
        return f"{text}\N{NO-BREAK SPACE}{'%' if self.indicator in PERCENT else 's'}"

    def _bound_text(self, env, bound):
        text = self._with_unit(local(env, bound))
        return env._("at most %s", text) if self._at_most() else text

    def _value_text(self, env, value):
        if value is None:
            return ""
        bounds = [Fraction(number(bound)) for bound in (self.target, self.bonus_target) if bound]
        decimals = decimals_to_tell(value, *bounds)
        return self._with_unit(formatLang(env, float(rounded(value, decimals)), digits=decimals))

    def _measured_text(self, env, served, value):
        """How the result came about."""
        offered = formatLang(env, served.offered, digits=0)
        if value is None and 0 < served.offered < self.minimum_calls:
            return env._("%(offered)s calls, fewer than %(minimum)s: not measured", offered=offered, minimum=self.minimum_calls)
        if value is None:
            return env._("No calls to measure")
        part, whole = (formatLang(env, count, digits=0) for count in served.ratio(self.indicator, self.variant))
        values = {"part": part, "whole": whole, "seconds": self.threshold_seconds, "value": self._value_text(env, value)}
        if self.indicator == "service_level":
            return {
                "late": env._(
                    "%(part)s of %(whole)s calls answered within %(seconds)s s = %(value)s, callers who gave up before that left out",
                    **values,
                ),
                "offered": env._("%(part)s of %(whole)s offered calls answered within %(seconds)s s = %(value)s", **values),
                "short": env._(
                    "%(part)s of %(whole)s offered calls answered, or given up by the caller, within %(seconds)s s = %(value)s",
                    **values,
                ),
                "answered": env._("%(part)s of %(whole)s answered calls answered within %(seconds)s s = %(value)s", **values),
            }[self.variant]
        if self.indicator == "abandonment" and self.threshold_seconds:
            return env._(
                "%(part)s of %(whole)s calls abandoned = %(value)s, those given up within %(seconds)s s left out", **values
            )
        return {
            "answer_speed": env._("%(part)s s of waiting / %(whole)s answered calls = %(value)s", **values),
            "handling_time": env._("%(part)s s of talk, hold and wrap-up / %(whole)s answered calls = %(value)s", **values),
            "abandonment": env._("%(part)s of %(whole)s calls abandoned = %(value)s", **values),
        }[self.indicator]

    def _amount_text(self, env, base, amount, currency):
        """``20,000.00 x 12 % x 40 % = 960.00``, and what became of it where the cap holds it."""
        full = rounded(Fraction(pricing.credit(base, number(self.at_risk), number(self.weight))), currency.decimal_places)
        money = [formatLang(env, float(each), digits=currency.decimal_places) for each in (base, full, amount)]
        values = {"base": money[0], "at_risk": local(env, self.at_risk), "weight": local(env, self.weight), "full": money[1]}
        text = env._("%(base)s x %(at_risk)s %% x %(weight)s %% = %(full)s", **values)
        return text if full == amount else env._("%(text)s, limited to %(amount)s", text=text, amount=money[2])

    def _explanation(self, env, served, value, met, component, base, amount, currency):
        """What the client reads of a result."""
        measured = self._measured_text(env, served, value)
        if met is None:
            return measured
        verdict = env._("met") if met else env._("missed")
        if component == "bonus":
            verdict = env._("bonus from %s reached", self._with_unit(local(env, self.bonus_target)))
        if amount:
            verdict = f"{verdict}, {self._amount_text(env, base, amount, currency)}"
        target = self._bound_text(env, self.target)
        return env._("%(measured)s; agreed %(target)s: %(verdict)s", measured=measured, target=target, verdict=verdict)


class CallClosing(models.AbstractModel):
    _inherit = "call.closing"

    @api.model
    def _service_levels(self, charges, lines, planned, usage):
        """Measure what was promised; add credits, bonuses and credits that are earned back to the charges.

        :param charges: list of values of call.charge, which grows
        :return: values of call.service.result
        """
        Charge = self.env["call.charge"]
        promises = [
            (term, statement, sharing)
            for statement, mine in lines.items()
            for term, sharing in Charge._terms_of("service_level", statement, mine, planned)
        ]
        if not promises:
            return []
        counted = self._count_served(promises, usage)
        earlier = self.env["call.service.result"].search(
            [
                ("term_id", "in", [term.id for term, _statement, _sharing in promises]),
                ("statement_id.contract_id", "in", [statement.contract_id.id for statement in lines]),
                ("statement_id.billed_again_id", "=", False),
            ]
        )
        given, results = defaultdict(Decimal), []
        for (term, statement, sharing), served in zip(promises, counted, strict=True):
            vals = self._settle_service_level(term, statement, sharing, served, charges, given)
            back = self._earned_back(vals, earlier)
            if back:
                vals["earned_back_ids"] = [Command.link(back.id)]
                charges.append(Charge._prepare_earned_back(term, statement, sharing, back))
            results.append(vals)
        return results

    @api.model
    def _count_served(self, promises, usage):
        """Read the calls once for all promises.

        :param promises: list of (term, statement, contract lines)
        :return: list of Served, in the same order
        """
        rows = [
            (place, statement.id, line.id, term.threshold_seconds, plain(term.queue), plain(term.campaign))
            for place, (term, statement, sharing) in enumerate(promises)
            for line in sharing
        ]
        kinds = ("integer", "integer", "integer", "integer", "text", "text")
        where = SQL(
            """
            u.statement_id IN %s AND u.late_of_id IS NULL
            AND (u.statement_id, u.contract_line_id) IN (SELECT statement_id, contract_line_id FROM promise)
            """,
            tuple({statement.id for _term, statement, _sharing in promises}),
        )
        self.env.flush_all()
        found = self.env.execute_query(
            SQL(
                """
                WITH promise (place, statement_id, contract_line_id, threshold, queue, campaign) AS (
                    SELECT * FROM unnest(%(promises)s)
                ), call AS (
                    %(calls)s
                ), served AS (
                    SELECT p.place, c.wait, c.talk + c.hold + c.wrap AS handling, c.answered, c.abandoned,
                           p.threshold > 0 AND p.threshold >= c.waited AS in_time
                      FROM promise p JOIN call c USING (statement_id, contract_line_id)
                     WHERE c.direction = 'inbound' AND c.outcome <> 'failed'
                       AND p.queue IN ('', lower(coalesce(c.queue, ''))) AND p.campaign IN ('', lower(coalesce(c.campaign, '')))
                )
                SELECT place, count(*), count(*) FILTER (WHERE answered), count(*) FILTER (WHERE answered AND in_time),
                       count(*) FILTER (WHERE abandoned), count(*) FILTER (WHERE abandoned AND in_time),
                       coalesce(sum(wait) FILTER (WHERE answered), 0)::bigint,
                       coalesce(sum(handling) FILTER (WHERE answered), 0)::bigint
                  FROM served GROUP BY place
                """,
                promises=SQL(", ").join(
                    SQL("%s::%s[]", list(column), SQL(kind)) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)
                ),
                calls=calls(usage.lines, where),
            )
        )
        counts = {place: Served(*numbers) for place, *numbers in found}
        return [counts.get(place, Served()) for place in range(len(promises))]

    @api.model
    def _settle_service_level(self, term, statement, sharing, served, charges, given):
        """Add what a missed or exceeded target gives to the charges.

        :param given: what was given, by contract lines, component and part at risk
        :return: values of the result
        """
        Charge, currency = self.env["call.charge"], statement.currency_id
        env = Charge._client_env(statement)
        enough = served.offered >= term.minimum_calls
        value = served.value(term.indicator, term.variant) if enough else None
        target, bonus = (Fraction(number(bound)) for bound in (term.target, term.bonus_target))
        met = None if value is None else not pricing.is_breach(value, target, term._at_most())
        component = "credit" if met is False else None
        if met and bonus and not pricing.is_breach(value, bonus, term._at_most()):
            component = "bonus"
        base = Charge._service_base(statement, sharing, charges)
        amount = self._service_amount(term, statement, sharing, component, base, given) if component else ZERO
        client_term = term.with_env(env)
        name = client_term.name
        if term.scope == "line":
            name = f"{Charge._service_name(env, sharing[0])}, {name}"
        if amount:
            charges.append(Charge._prepare_service(client_term, statement, sharing, component, value, amount))
        signed = -amount if component == "credit" else amount
        return {
            "statement_id": statement.id,
            "contract_line_id": sharing[0].id if term.scope == "line" else False,
            "term_id": term.id,
            "name": name,
            "indicator": term.indicator,
            "offered": served.offered,
            "answered": served.answered,
            "answered_in_time": served.in_time,
            "abandoned": served.abandoned,
            "abandoned_in_time": served.short,
            "wait_seconds": served.wait,
            "handling_seconds": served.handling,
            "value": float(value or 0),
            "value_text": term._value_text(env, value),
            "target": term.target,
            "target_text": term._bound_text(env, term.target),
            "met": {True: "yes", False: "no", None: "none"}[met],
            "base": float(base),
            "amount": float(signed),
            "explanation": term._explanation(env, served, value, met, component, base, amount, currency),
        }

    @api.model
    def _service_amount(self, term, statement, sharing, component, base, given):
        """What a target that is missed or exceeded gives, as a positive number. Terms with the same part at risk give together
        no more than that part, and all credits together no more than the base."""
        if base <= 0:
            return ZERO
        at_risk, decimals = number(term.at_risk), statement.currency_id.decimal_places
        all_of_them = (statement, tuple(line.id for line in sharing), component)
        left = rounded(Fraction(pricing.credit(base, at_risk, Decimal(100))), decimals) - given[all_of_them, at_risk]
        if component == "credit":
            left = min(left, base - given[all_of_them])
        owed = pricing.credit(base, at_risk, number(term.weight), cap=max(left, ZERO))
        amount = rounded(Fraction(owed), decimals)
        given[all_of_them, at_risk] += amount
        given[all_of_them] += amount
        return amount

    @api.model
    def _earned_back(self, vals, earlier):
        """The result whose credit is charged again with this one: the last of the periods in a row that it takes. There is one
        at most, since a period that has a credit ends the row of those before it.

        :param vals: values of the present result
        :param earlier: call.service.result of these terms
        """
        statement = self.env["call.statement"].browse(vals["statement_id"])
        periods = self.env["call.rate.term"].sudo().browse(vals["term_id"]).earn_back_periods
        if vals["met"] != "yes" or not periods:
            return earlier.browse()
        before = earlier.filtered(
            lambda result: (
                result.term_id.id == vals["term_id"]
                and result.contract_line_id.id == vals["contract_line_id"]
                and result.statement_id.contract_id == statement.contract_id
                and result.statement_id.date_start < statement.date_start
            )
        ).sorted(lambda result: result.statement_id.date_start)
        following = [True]
        for result in before[::-1]:
            if sum(met is not None for met in following) > periods:
                break
            credited = max(ZERO, -number(result.amount))
            complete = sum(met is not None for met in following) == periods
            free = not result.earned_back_id or result.earned_back_id.statement_id == statement
            if complete and free and pricing.earn_back(credited, following, periods):
                return result
            following.insert(0, {"yes": True, "no": False, "none": None}[result.met])
        return earlier.browse()


class CallCharge(models.Model):
    _inherit = "call.charge"

    @api.model
    def _service_base(self, statement, sharing, charges):
        """What the period charges for these contract lines, without what is passed through and late usage. Decimal."""
        ids = [line.id for line in sharing]
        return sum(
            (
                number(vals["amount"])
                for vals in charges
                if vals["statement_id"] == statement.id
                and vals["contract_line_id"] in ids
                and vals["component"] not in WITHOUT
                and not vals["late_of_id"]
            ),
            ZERO,
        )

    @api.model
    def _prepare_service(self, term, statement, sharing, component, value, amount):
        """Values of the charge of a credit or bonus.

        :param term: in the client's language
        """
        env = term.env
        target = term._bound_text(env, term.target if component == "credit" else term.bonus_target)
        words = {"term": term.name, "value": term._value_text(env, value), "target": target}
        name = {
            "credit": env._("%(term)s: credit for %(value)s, agreed %(target)s", **words),
            "bonus": env._("%(term)s: bonus for %(value)s, agreed from %(target)s", **words),
        }[component]
        return self._prepare_term(term, statement, sharing, component, name, -amount if component == "credit" else amount)

    @api.model
    def _prepare_earned_back(self, term, statement, sharing, result):
        """Values of the charge that takes a credit back.

        :param result: whose credit it is
        """
        env = self._client_env(statement)
        name = env._(
            "%(term)s: credit of %(period)s earned back",
            term=term.with_env(env).name,
            period=result.statement_id.with_env(env)._period_text(),
        )
        return self._prepare_term(term, statement, sharing, "credit", name, -number(result.amount))

    @api.model
    def _prepare_term(self, term, statement, sharing, component, name, amount):
        vals = self._common(statement, sharing[0], statement, self.env["call.rate.rule"], name)
        vals |= {"component": component, "unit": "unit", "term_id": term.id, "sequence": self._term_sequence(component) + 1}
        return vals | self._priced(statement, Decimal(1), Fraction(amount))
