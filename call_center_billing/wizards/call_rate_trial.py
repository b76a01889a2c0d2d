from typing import NamedTuple

import babel.dates
from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL, format_time, get_lang

from ..formats.record import DIRECTIONS, DISPOSITIONS, KINDS, PARTS
from ..models.call_rate_rule import TEXT_CONDITIONS, plain, price_text
from ..models.call_rerating import RATING
from ..models.call_usage_line import DISPOSITION_LABELS, KIND_LABELS


class Result(NamedTuple):
    """Price (float), trace (text), table of the rules (HTML) and the rule that priced it, or none."""

    amount: float
    trace: str
    rules: Markup
    rule: models.Model


DIRECTION_LABELS = {"inbound": "Inbound", "outbound": "Outbound", "internal": "Internal"}


class CallRateTrial(models.TransientModel):
    """Prices one made-up call under a plan, by the engine that prices all calls, and tells why: the price trace, and which
    other rules lost. What an allowance or tiers of the period would make of it depends on the other calls and is not told."""

    _name = "call.rate.trial"
    _description = "Try a Call"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    plan_id = fields.Many2one("call.rate.plan", string="Rate Plan", required=True, check_company=True)
    product_id = fields.Many2one(
        "product.product", string="Service", help="Of the contract line. Empty: rules for one service do not fit."
    )
    tz = fields.Selection(
        lambda self: self.env["contract.contract"]._fields["usage_tz"]._description_selection(self.env),
        string="Client's Time Zone",
        required=True,
        default=lambda self: self.env.user.tz or "UTC",
    )
    kind = fields.Selection([(key, KIND_LABELS[key]) for key in KINDS], required=True, default="call")
    start_at = fields.Datetime(string="Start", required=True, default=fields.Datetime.now, help="In your own time zone.")
    direction = fields.Selection([(key, DIRECTION_LABELS[key]) for key in DIRECTIONS], required=True, default="inbound")
    disposition = fields.Selection(
        [(key, DISPOSITION_LABELS[key]) for key in DISPOSITIONS], string="Outcome", required=True, default="answered"
    )
    called = fields.Char(string="Called Number", help="With country code, for prices by destination.")
    queue = fields.Char()
    campaign = fields.Char()
    skill = fields.Char(string="Language or Skill")
    quantity = fields.Float(digits=(16, 2), default=1)
    provider_cost = fields.Float(digits=(16, 6), help="What the carrier charges for the call, for rules that pass it on.")
    ring_seconds = fields.Integer(string="Ringing (s)")
    queue_seconds = fields.Integer(string="Waiting in Queue (s)")
    ivr_seconds = fields.Integer(string="IVR (s)")
    talk_seconds = fields.Integer(string="Talk (s)", default=180)
    hold_seconds = fields.Integer(string="Hold (s)")
    wrap_seconds = fields.Integer(string="Wrap-Up (s)")
    transfer_seconds = fields.Integer(string="Transfer (s)")
    currency_id = fields.Many2one(related="plan_id.currency_id")
    amount = fields.Float(string="Price", digits=(16, 6), compute="_compute_result")
    trace = fields.Text(string="Why This Price", compute="_compute_result")
    rules = fields.Html(string="All Rules", compute="_compute_result", sanitize=False)

    @api.model
    def default_get(self, names):
        values = super().default_get(names)
        if self.env.context.get("active_model") == "call.rate.plan":
            values["plan_id"] = self.env.context.get("active_id")
        return values

    @api.depends(
        "plan_id", "product_id", "tz", "kind", "start_at", "direction", "disposition", "called", "queue", "campaign", "skill",
        "quantity", "provider_cost", *PARTS,
    )  # fmt: skip
    def _compute_result(self):
        for trial in self:
            trial.amount, trial.trace, trial.rules = 0, False, False
            if trial.plan_id and trial.start_at and trial.tz:
                trial.amount, trial.trace, trial.rules, _rule = trial._price()

    def _price(self):
        """:return: Result. Nothing is stored."""
        self.ensure_one()
        given = {name: self[name] for name, field in self._fields.items() if field.store and name not in models.MAGIC_COLUMNS}
        self.env.flush_all()
        with self.env.cr.savepoint() as savepoint:
            line = self.env["contract.line"].new(
                {"product_id": self.product_id.id, "contract_id": self.env["contract.contract"].new({"usage_tz": self.tz}).id}
            )
            line.contract_id.usage_tz = self.tz
            day = fields.Datetime.context_timestamp(self.with_context(tz=self.tz), self.start_at).date()
            cut = self.env["call.rating"]._cut_by_prices(self.plan_id.sudo(), day, day)[0]
            segment = {"contract_line": line, "statement": self.env["call.statement"], "late_of": None, "too_late": False, **cut}
            self._stage(day)
            rates = self.env["call.pricing"]._price_cases([segment])
            if rates.split:
                self.env["call.pricing"]._split_stretches(rates)
            rated = self.env.execute_query(SQL("SELECT t.price_id, %s FROM %s", rates.results(), rates.rated()))
            found = self.env.execute_query(SQL("SELECT q.price_id, q.deck_id FROM %s", rates.priced()))
            stretches = (
                self.env.execute_query(SQL("SELECT price_id, seconds FROM call_stretch ORDER BY number")) if rates.split else []
            )
            result = self._result(rated, *found[0], stretches, day, segment)
            self.env.invalidate_all(flush=False)
            savepoint.rollback()
        self._update_cache(given, validate=False)  # on a form it is nowhere else, and the rollback forgot it
        return result

    def _stage(self, day):
        Loading = self.env["call.loading"]
        self.env["call.staging"]._create()
        Loading._create_temporary("call_leg", SQL("line_number integer"))
        values = {name: self[name] or None for name in ("kind", "direction", "disposition", *TEXT_CONDITIONS, "called")}
        values |= {part: max(self[part], 0) for part in PARTS}
        values |= {"line_number": 1, "start_at": self.start_at, "quantity": self.quantity}
        values |= {
            "provider_cost": self.provider_cost or None,
            "called_key": "".join(filter(str.isdigit, self.called or "")) or None,
        }
        self.env.cr.execute(
            SQL(
                "INSERT INTO call_stage (%s) VALUES (%s)",
                SQL(", ").join(map(SQL.identifier, values)),
                SQL(", ").join(SQL("%s", value) for value in values.values()),
            )
        )
        self.env["call.pricing"]._create_guided(SQL("0"), SQL("%s::date", day), SQL("call_stage s"))

    def _result(self, rated, base_id, deck_id, stretches, day, segment):
        rules = self._rules_table(segment)
        if not rated:
            reason = "no_rule" if not base_id else "no_destination" if deck_id else "no_cost"
            label = dict(self.env["call.suspense"]._fields["reason"]._description_selection(self.env))[reason]
            text = self.env._("Such a call would be suspended: %s.", label)
            return Result(0, text, rules, self.env["call.rate.rule"])
        ((price_id, *rated),) = rated
        values = dict(zip(RATING[2:], rated, strict=True))
        rule = self.env["call.price"].browse(price_id).rule_id
        call = self.env["call.usage.line"].new(
            {
                **values,
                **{part: self[part] for part in PARTS},
                "price_id": price_id,
                "rule_id": rule.id,
                "date": day,
                "quantity": self.quantity,
                "provider_cost": self.provider_cost,
                "stretch_ids": [
                    fields.Command.create({"price_id": price, "seconds": seconds, "number": number})
                    for number, (price, seconds) in enumerate(stretches, 1)
                ],
            }
        )
        return Result(float(values["amount"]), "\n".join(call._trace_lines([])), rules, rule)

    def _words(self):
        """The call in words, for an example."""
        local = fields.Datetime.context_timestamp(self.with_context(tz=self.tz), self.start_at)
        values = {
            "time": format_time(self.env, local.time(), time_format="HH:mm"),
            "minutes": f"{self.talk_seconds // 60}:{self.talk_seconds % 60:02d}",
            "day": babel.dates.format_date(local, "EEEE", locale=get_lang(self.env).code),
        }
        words = {
            "call": self.env._("%(minutes)s minutes of talk on a %(day)s at %(time)s", **values),
            "agent_time": self.env._("one hour of an agent on a %(day)s at %(time)s", **values),
            "message": self.env._("one message"),
            "outcome": self.env._("one outcome"),
        }[self.kind]
        if self.provider_cost:
            cost = price_text(self.provider_cost, self.currency_id)
            words = self.env._("%(call)s that the provider charges with %(cost)s", call=words, cost=cost)
        return words

    def _rules_table(self, segment):
        """The rules in the order in which they are tried, with why each one lost."""
        case = {name: plain(self[name]) for name in TEXT_CONDITIONS}
        case |= {"kind": self.kind, "direction": self.direction, "disposition": self.disposition, "product_id": self.product_id}
        rows, won = [], None
        outside = (self.plan_id._layers().rule_ids - segment["rules"]).filtered("active")
        for rule in (*segment["rules"], *outside):
            verdict = self._verdict(rule, case, won, rule in outside)
            if won is None and rule not in outside and rule._misfit(case) is None:
                won = rule
            row = Markup("<tr%s><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>") % (
                Markup(' class="table-active"') if rule == won else "",
                rule.name,
                rule.conditions,
                rule.terms,
                verdict,
            )
            rows.append(row)
        titles = (self.env._("Rule"), self.env._("Fits"), self.env._("Price"), self.env._("This call"))
        head = Markup("").join(Markup("<th>%s</th>") % title for title in titles)
        return Markup(
            '<div class="table-responsive"><table class="table table-sm"><thead><tr>%s</tr></thead><tbody>%s</tbody></table></div>'
        ) % (
            head,
            Markup("").join(rows),
        )

    def _verdict(self, rule, case, won, outside):
        if outside:
            return self.env._("Not in force on this day")
        misfit = rule._misfit(case)
        if misfit:
            label = rule._fields["kind" if misfit == "kind" else misfit]._description_string(self.env)
            return self.env._("Does not fit: %s", label)
        if won is None:
            return self.env._("Prices this call")
        if rule.priority < won.priority:
            return self.env._("Fits, but '%s' has a higher priority", won.name)
        if rule.plan_id != won.plan_id:
            return self.env._("Fits, but '%s' is a rule of the plan itself", won.name)
        return self.env._("Fits, but '%s' has more conditions", won.name)
