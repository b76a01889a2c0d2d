from collections import Counter
from decimal import Decimal
from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tools import SQL, format_amount, format_date

from odoo.addons.base.models.res_partner import _tz_get

from .. import pricing
from .call_price import number
from .call_rerating import Usage

FIXED = ("fee", "flat", "forecast", "minimum")
"""Components of a charge that calls do not change: fees, fees of tiers, agreed volumes, minimums."""
COPIED = ("name", "component", "call_count", "quantity", "unit", "unit_price", "amount")
"""What a simulated charge keeps of a charge."""
SETUP = {
    "kind", "company_id", "contract_id", "contract_line_ids", "date_from", "date_to", "plan_ids", "file", "source_id", "tz", "product_id",
}  # fmt: skip
"""What the results depend on."""


def break_even(fixed, variable, other_fixed, other_variable):
    """The volume at which two prices meet, each a fixed amount and one per unit.

    600.00 without a price per minute, and 350.00 with 2.50 per minute:

    >>> break_even(Fraction(600), Fraction(0), Fraction(350), Fraction("2.5"))
    Fraction(100, 1)
    >>> break_even(Fraction(600), Fraction(3), Fraction(350), Fraction("2.5")) is None
    True

    :param fixed: Fraction, as all others
    :return: Fraction, or None where one of the two is cheaper at any volume
    """
    if variable == other_variable:
        return None
    volume = (fixed - other_fixed) / (other_variable - variable)
    return volume if volume > 0 else None


class CallSimulation(models.Model):
    """What a past period would cost under other rate plans: of a client, by the calls that are here, or of a prospect, by a
    file of its phone system.

    Priced by the engine that bills, in a savepoint that is rolled back: no call, price, charge, counter or statement is
    written. Results are a copy of what came out and belong to the setup that is shown: changing it takes them away.
    Of a client whole billing periods are compared, of a contract the lines that are charged by usage.
    """

    _name = "call.simulation"
    _description = "Simulation of Rate Plans"
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(compute="_compute_name", store=True, readonly=False, precompute=True, required=True)
    company_id = fields.Many2one(
        "res.company", compute="_compute_company_id", store=True, readonly=False, precompute=True, required=True, index=True
    )
    currency_id = fields.Many2one("res.currency", compute="_compute_currency_id", store=True, precompute=True)
    kind = fields.Selection(
        [("client", "A client's past calls"), ("file", "A file of a prospect")], string="Calls", required=True, default="client"
    )
    contract_id = fields.Many2one(
        "contract.contract",
        ondelete="cascade",
        index="btree_not_null",
        check_company=True,
        domain="[('has_usage', '=', True), ('company_id', '=', company_id)]",
    )
    contract_line_ids = fields.Many2many(
        "contract.line",
        string="Services",
        domain="[('contract_id', '=', contract_id), ('rate_plan_id', '!=', False)]",
        help="Which get another plan; the others of the contract stay as they are. Empty: all that are charged by usage.",
    )
    date_from = fields.Date(
        string="From",
        default=lambda self: fields.Date.subtract(fields.Date.start_of(fields.Date.context_today(self), "month"), months=1),
        help="Billing periods that have a day from here on are compared, each as a whole.",
    )
    date_to = fields.Date(
        string="Until",
        default=lambda self: fields.Date.subtract(fields.Date.start_of(fields.Date.context_today(self), "month"), days=1),
    )
    file = fields.Binary(string="Call Records", attachment=True, help="As the phone system wrote them, up to 200,000 records.")
    file_name = fields.Char()
    source_id = fields.Many2one(
        "call.source",
        string="Read As",
        check_company=True,
        help="The call source whose format, time zone and settings the file is read with. It keeps nothing of the file.",
    )
    tz = fields.Selection(
        _tz_get,
        string="Client's Time Zone",
        default=lambda self: self.env.user.tz or "UTC",
        help="Days, bands and billing periods are counted in this zone.",
    )
    product_id = fields.Many2one(
        "product.product", string="Service", help="For plans with rules for one service. Empty: rules for any service only."
    )
    plan_ids = fields.Many2many(
        "call.rate.plan",
        string="Plans to Compare",
        check_company=True,
        domain="[('company_id', '=', company_id), ('currency_id', '=?', currency_id)]",
    )
    state = fields.Selection([("draft", "Setup"), ("done", "Result")], required=True, default="draft", readonly=True, copy=False)
    computed_at = fields.Datetime(string="Simulated on", readonly=True, copy=False)
    periods = fields.Text(string="Billing Periods", readonly=True, copy=False)
    left_out = fields.Text(
        string="Not Compared",
        readonly=True,
        copy=False,
        help="Fixed fees of the contract itself, as they are invoiced: they are the same with every plan. Count them where a plan would "
        "take their place.",
    )
    read_count = fields.Integer(string="Records Read", readonly=True, copy=False)
    unusable_count = fields.Integer(string="Records Left Out", readonly=True, copy=False)
    unusable = fields.Text(string="Why", readonly=True, copy=False)
    warning = fields.Text(readonly=True, copy=False)
    result_ids = fields.One2many("call.simulation.result", "simulation_id", string="Results", copy=False, readonly=True)
    best_id = fields.Many2one("call.simulation.result", string="Best Result", compute="_compute_best")
    best_name = fields.Char(string="Best Plan", compute="_compute_best")
    best_total = fields.Monetary(compute="_compute_best")
    best_text = fields.Char(string="Recommendation", compute="_compute_best")

    _dates_ordered = models.Constraint("CHECK (date_to >= date_from)", "A period must not end before it starts.")

    @api.depends("kind", "contract_id", "date_from", "date_to", "file_name")
    def _compute_name(self):
        for simulation in self:
            if simulation.kind == "file":
                simulation.name = simulation.file_name or self.env._("New simulation")
            elif simulation.contract_id:
                simulation.name = f"{simulation.contract_id.partner_id.name}, {simulation._days_text()}"
            else:
                simulation.name = self.env._("New simulation")

    def _days_text(self):
        """The period: a month by its name."""
        first, last = self.date_from, self.date_to
        if first and last and first.day == 1 and last == fields.Date.end_of(first, "month"):
            return format_date(self.env, first, date_format="MMMM yyyy")
        return " - ".join(format_date(self.env, day) for day in (first, last) if day)

    @api.depends("contract_id", "plan_ids")
    def _compute_company_id(self):
        for simulation in self:
            simulation.company_id = simulation.contract_id.company_id or simulation.plan_ids[:1].company_id or self.env.company

    @api.depends("kind", "contract_id", "plan_ids")
    def _compute_currency_id(self):
        for simulation in self:
            contract = simulation.contract_id if simulation.kind == "client" else simulation.contract_id.browse()
            simulation.currency_id = contract.currency_id or simulation.plan_ids[:1].currency_id

    @api.depends("result_ids.is_best", "result_ids.is_current", "result_ids.total", "result_ids.difference")
    def _compute_best(self):
        for simulation in self:
            best = simulation.result_ids.filtered("is_best")[:1]
            simulation.best_id = best
            simulation.best_name = best.name
            simulation.best_total = best.total
            simulation.best_text = simulation._best_text(best) if simulation.result_ids else False

    def _best_text(self, best):
        """The recommendation in words."""
        if not best:
            return self.env._("No plan prices all of these calls: complete the rules, or leave these calls to another plan.")
        values = {"plan": best.name, "total": format_amount(self.env, best.total, self.currency_id)}
        current = self.result_ids.filtered("is_current")
        if best == current:
            return self.env._("%(plan)s is the best of these plans: %(total)s.", **values)
        if not current:
            return self.env._("%(plan)s is the best of these plans for this usage: %(total)s.", **values)
        values["saved"] = format_amount(self.env, -best.difference, self.currency_id)
        values["percent"] = f"{-100 * best.difference / current.total:.1f}" if current.total else "0"
        return self.env._("%(plan)s is the best: %(total)s, %(saved)s (%(percent)s %%) less than today.", **values)

    @api.constrains("plan_ids", "contract_id", "kind")
    def _check_currencies(self):
        for simulation in self:
            currencies = simulation.plan_ids.currency_id
            if simulation.kind == "client":
                currencies |= simulation.contract_id.currency_id
            if len(currencies) > 1:
                raise ValidationError(
                    self.env._("Only plans in one currency can be compared, not %s.", ", ".join(currencies.mapped("name")))
                )

    @api.constrains("contract_line_ids", "contract_id")
    def _check_lines(self):
        for simulation in self:
            if simulation.contract_line_ids.contract_id - simulation.contract_id:
                raise ValidationError(self.env._("Choose services of the contract that is simulated."))

    @api.model_create_multi
    def create(self, vals_list):
        return super(CallSimulation, self.with_context(call_records=True)).create(vals_list).with_env(self.env)

    def write(self, vals):
        result = super(CallSimulation, self.with_context(call_records=True)).write(vals)
        if not SETUP.isdisjoint(vals):
            self.filtered(lambda simulation: simulation.state == "done").action_reset()
        return result

    # --- Actions --------------------------------------------------------------------------------------

    def action_simulate(self):
        """Price the period under each plan. Nothing but the results is kept."""
        for simulation in self:
            simulation._simulate()

    def action_reset(self):
        """Back to the setup: the results go."""
        self.check_access("write")
        self.sudo().result_ids.unlink()
        self.write(
            {"state": "draft", "computed_at": False, "periods": False, "read_count": 0, "unusable_count": 0}
            | {"unusable": False, "warning": False, "left_out": False}
        )

    def action_view_graph(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_simulation_result_action")
        return action | {"domain": [("simulation_id", "=", self.id)], "display_name": self.name}

    # --- Simulation -------------------------------------------------------------------------------------

    def _simulate(self):
        """:raise UserError: the setup is incomplete, or there are no calls"""
        self.ensure_one()
        self.check_access("write")
        self._check_setup()
        simulation = self.with_company(self.company_id).sudo()
        offers, values = simulation._offers_client() if self.kind == "client" else simulation._offers_file()
        self.action_reset()
        simulation.result_ids = [Command.create(vals) for vals in simulation._compare(offers)]
        simulation.write({**values, "state": "done", "computed_at": fields.Datetime.now()})

    def _check_setup(self):
        """What is read with ``sudo`` later is what the user may read."""
        if not self.plan_ids:
            raise UserError(self.env._("Choose at least one plan to compare."))
        if self.kind == "client" and not (self.contract_id and self.date_from and self.date_to):
            raise UserError(self.env._("Choose the contract and the period whose calls are to be priced."))
        if self.kind == "file" and not (self.file and self.source_id and self.tz):
            raise UserError(
                self.env._("Upload the file with the call records, and say what it is read as and in which time zone.")
            )
        for chosen in (self.plan_ids, self.contract_id, self.source_id):
            chosen.check_access("read")

    def _offers_client(self):
        """Price the client's statements of the period as they are and under each plan.

        :return: (offers: see :meth:`_price`, values of the simulation)
        """
        contract = self.contract_id
        statements = contract.call_statement_ids.filtered(
            lambda s: s.date_start <= self.date_to and s.date_end >= self.date_from and not s.billed_again_id
        )
        if not statements:
            raise UserError(self.env._("There are no calls of '%(contract)s' in this period.", contract=contract.display_name))
        lines = {statement: self._lines_of(statement) for statement in statements.sorted("date_start")}
        moved = self.contract_line_ids or self.env["contract.line"].union(*lines.values())
        agreed = moved.rate_plan_id | moved.alternative_plan_ids
        today = {"plan": agreed if len(agreed) == 1 else None, "name": " / ".join(agreed.mapped("name")), "current": True}
        offers = [self._price_today(lines) | today]
        for plan in self.plan_ids - (today["plan"] or self.plan_ids.browse()):
            offers.append(self._price(lines, dict.fromkeys(moved, plan)) | {"plan": plan, "name": plan.name, "current": False})
        return offers, {"periods": self._periods_text(lines), "left_out": self._left_out_text()}

    def _left_out_text(self):
        """The fixed fees that the contract has beside usage, in words."""
        fees = self.contract_id.contract_line_ids.filtered(
            lambda line: (
                not (line.rate_plan_id or line.display_type or line.is_canceled)
                and line.date_start <= self.date_to
                and (not line.date_end or line.date_end >= self.date_from)
            )
        )
        return "\n".join(
            f"{fee.product_id.name or fee.name}: {format_amount(self.env, fee.price_subtotal, self.currency_id)}" for fee in fees
        )

    @api.model
    def _lines_of(self, statement):
        """Contract lines whose period a statement closes, or closed."""
        lines = statement.contract_id.contract_line_ids.filtered(
            lambda line: (
                line.rate_plan_id
                and not line.is_canceled
                and line.date_start <= statement.date_end
                and (not line.date_end or line.date_end >= statement.date_start)
            )
        )
        charged = self._charges_of(statement).contract_line_id
        if len({(line.recurring_rule_type, line.recurring_interval) for line in lines}) > 1:
            groups = self.env["call.usage.line"]._read_group([("statement_id", "=", statement.id)], ["contract_line_id"])
            lines &= charged.union(*(line for (line,) in groups))
        return lines | charged

    @api.model
    def _periods_text(self, statements):
        return "\n".join(
            self.env._("%(days)s: %(count)s calls", days=statement._period_text(), count=f"{statement.usage_count:,}")
            for statement in statements
        )

    @api.model
    def _charges_of(self, statement):
        """What a closed statement charged for its own usage."""
        return statement.charge_ids.filtered(lambda charge: charge.component != "adjustment")

    def _price(self, lines, plans):
        """What usage costs under other plans. Not a row of it stays.

        :param lines: dict of statement -> contract lines whose period it closes, in the order of time
        :param plans: dict of contract line -> plan
        :return: dict: charges (list of values of call.charge), not_rated (Counter by (kind, direction)), and counts
        """
        statements, charges = self.env["call.statement"].union(*lines), []
        with self.env.cr.savepoint() as savepoint:
            usage = self._calculate(statements, plans)
            not_rated = self._count_not_rated()
            self._forget_counters(statements)
            for statement, mine in lines.items():
                charges += self._close(statement, mine, usage, plans)
            counts = self._count(usage, statements)
            savepoint.rollback()
        return {"charges": charges, "not_rated": not_rated, **counts}

    def _price_today(self, lines):
        """As :meth:`_price`: what was invoiced, and what is open by the prices that its calls have."""
        charges, counts = [], Counter()
        with self.env.cr.savepoint() as savepoint:
            for statement, mine in lines.items():
                plans, usage = {}, Usage()
                if statement.state != "open":
                    charges += [{name: charge[name] for name in COPIED} for charge in self._charges_of(statement)]
                else:
                    if plans := self._cheapest_plans(statement, mine):
                        usage = self._calculate(statement, plans)
                    charges += self._close(statement, mine, usage, plans)
                counts.update(self._count(usage, statement))
            savepoint.rollback()
        return {"charges": charges, "not_rated": Counter(), **counts}

    @api.model
    def _calculate(self, statements, plans):
        """:return: Usage of these statements by these plans"""
        where = SQL("u.statement_id IN %s AND u.contract_line_id IN %s", tuple(statements.ids), tuple(line.id for line in plans))
        self.env["call.rerating"]._calculate(where, plans)
        return self.env["call.rerating"]._usage(only_priced=True)

    @api.model
    def _close(self, statement, lines, usage, plans):
        """Charges of a period, in the order of its invoice. What it leaves of an allowance, and its service levels, are there
        for the next one."""
        charges, counters, results = self.env["call.closing"]._prepare({statement: lines}, usage=usage, plans=plans)
        self.env["call.counter"].create(counters)
        self.env["call.service.result"].create(results)
        return sorted(charges, key=lambda vals: (vals["contract_line_id"], vals["late_of_id"] or 0, vals["sequence"]))

    @api.model
    def _cheapest_plans(self, statement, lines):
        """The plans that an open period will be charged by where the contract agrees on the cheapest of several.

        :return: dict of contract line -> plan
        """
        chosen = {}
        for line in lines.filtered("alternative_plan_ids"):
            where = SQL("u.statement_id = %s AND u.contract_line_id = %s AND u.late_of_id IS NULL", statement.id, line.id)
            totals = [
                (plan, total)
                for plan in line.rate_plan_id | line.alternative_plan_ids
                if (total := self.env["call.closing"]._total_by(statement, line, plan, where)) is not None
            ]
            if totals:
                chosen[line] = pricing.cheapest(totals)[0]
        return chosen

    @api.model
    def _forget_counters(self, statements):
        """What statements counted and measured that closed with these or after them is yet to come."""
        first = min(statements.mapped("date_start"))
        later = [("statement_id.contract_id", "in", statements.contract_id.ids), ("statement_id.date_start", ">=", first)]
        for model in ("call.counter", "call.service.result"):
            self.env[model].search(later).unlink()

    @api.model
    def _count_not_rated(self):
        """Calls of the calculation that no rule of the plan fits: Counter by (kind, direction)."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT u.kind, u.direction, count(*)
                  FROM call_picked p JOIN call_usage_line u ON u.id = p.id
                 WHERE p.id NOT IN (SELECT usage_id FROM call_rerated) AND u.not_billable_reason IS DISTINCT FROM 'leg'
                 GROUP BY 1, 2
                """
            )
        )
        return Counter({(kind, direction if kind == "call" else None): count for kind, direction, count in rows})

    @api.model
    def _count(self, usage, statements):
        ((calls, free, seconds),) = self.env.execute_query(
            SQL(
                """
                SELECT coalesce(sum(sign(u.quantity)) FILTER (WHERE u.status = 'billable'), 0)::bigint,
                       count(*) FILTER (WHERE u.status = 'not_billable'
                                          AND (u.not_billable_reason IN ('leg', 'replaced')) IS NOT TRUE),
                       coalesce(sum(u.billed_seconds) FILTER (WHERE u.status = 'billable'), 0)::bigint
                  FROM %s u WHERE u.statement_id IN %s
                """,
                usage.lines,
                tuple(statements.ids),
            )
        )
        return {"calls": calls, "free": free, "seconds": seconds}

    # --- Comparison -------------------------------------------------------------------------------------

    def _compare(self, offers):
        """Values of the results: the plan of today first, then from the cheapest to the dearest, last those that leave out calls.

        :param offers: list of dicts, see :meth:`_price`, with ``plan`` and ``current``
        """
        for offer in offers:
            offer["total"] = sum((number(vals["amount"]) for vals in offer["charges"]), Decimal(0))
            fixed = (number(vals["amount"]) for vals in offer["charges"] if vals["component"] in FIXED)
            offer["fixed"] = sum(fixed, Decimal(0))
        offers = sorted(offers, key=lambda offer: (not offer["current"], bool(offer["not_rated"]), offer["total"]))
        complete = [(offer, offer["total"]) for offer in offers if not offer["not_rated"]]
        best = pricing.cheapest(complete)[0] if complete else None
        reference = offers[0] if offers[0]["current"] else best
        return [self._prepare_result(offer, best, reference, place) for place, offer in enumerate(offers)]

    def _prepare_result(self, offer, best, reference, place):
        total, calls, seconds = offer["total"], offer["calls"], offer["seconds"]
        return {
            "sequence": place,
            "name": self.env._("%s (today)", offer["name"]) if offer["current"] else offer["name"],
            "plan_id": offer["plan"].id if offer["plan"] else False,
            "is_current": offer["current"],
            "is_best": offer is best,
            "call_count": calls,
            "not_billable_count": offer["free"],
            "not_rated_count": sum(offer["not_rated"].values()),
            "not_rated": self._not_rated_text(offer["not_rated"]),
            "minutes": seconds / 60,
            "total": float(total),
            "fixed": float(offer["fixed"]),
            "average_call": float(total / calls) if calls > 0 else 0,
            "average_minute": float(total * 60 / seconds) if seconds > 0 else 0,
            "difference": float(total - reference["total"]) if reference and not offer["not_rated"] else 0,
            "break_even": self._break_even_text(offer, reference),
            "line_ids": [
                Command.create({"sequence": sequence} | {name: vals[name] for name in COPIED if name in vals})
                for sequence, vals in enumerate(offer["charges"])
            ],
        }

    def _not_rated_text(self, not_rated):
        kinds = dict(self.env["call.usage.line"]._fields["kind"]._description_selection(self.env))
        directions = dict(self.env["call.usage.line"]._fields["direction"]._description_selection(self.env))
        labels = {key: directions[key[1]] if key[1] else kinds[key[0]] for key in not_rated}
        return ", ".join(f"{count:,} {labels[key]}" for key, count in not_rated.most_common()) or False

    def _break_even_text(self, offer, reference):
        """At which volume, in minutes or calls that are charged today, the plan costs the same as the other one."""
        if reference is None or offer is reference or offer["not_rated"]:
            return False
        minutes = Fraction(reference["seconds"], 60)
        volume = minutes if minutes > 0 else Fraction(reference["calls"])
        if volume > 0:
            prices = []
            for each in (offer, reference):
                prices += [Fraction(each["fixed"]), Fraction(each["total"] - each["fixed"]) / volume]
            if meeting := break_even(*prices):
                values = {"volume": f"{float(meeting):,.0f}", "percent": f"{float(meeting * 100 / volume):,.0f}"}
                if minutes > 0:
                    return self.env._("about %(volume)s minutes (%(percent)s %% of these)", **values)
                return self.env._("about %(volume)s calls (%(percent)s %% of these)", **values)
        if offer["total"] == reference["total"]:
            return self.env._("the same")
        if offer["total"] < reference["total"]:
            return self.env._("cheaper at any volume")
        return self.env._("dearer at any volume")
