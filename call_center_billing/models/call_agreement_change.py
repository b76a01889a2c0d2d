from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, format_date

from .call_endpoint import KINDS
from .call_rate_rule import RATE_DIGITS, price_text, short
from .call_rate_version import RECORDS

SERVICES = ("line_add", "line_end", "line_plan")
PRICED = (*RECORDS, "call.rate.part", "call.rate.tier", "contract.line")


class CallAgreementChange(models.Model):
    """One thing that an amendment changes from its day on: a price or quantity, a number or queue, a service.

    Carried out when the amendment is accepted, as dated versions: what was in force ends the day before. A plan that other
    clients use stays as it is; the client gets a copy of its own. Fixed fees, allowances and terms change with the first billing
    period that begins on that day or later.
    """

    _name = "call.agreement.change"
    _description = "Change of an Agreement"
    _order = "agreement_id, kind, id"

    agreement_id = fields.Many2one("call.agreement", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="agreement_id.company_id", store=True)
    currency_id = fields.Many2one(related="agreement_id.currency_id")
    kind = fields.Selection(
        [
            ("price", "New price"),
            ("endpoint_add", "Calls are added"),
            ("endpoint_end", "Calls end"),
            ("line_add", "A service is added"),
            ("line_end", "A service ends"),
            ("line_plan", "A service gets another plan"),
        ],
        required=True,
        default="price",
    )
    contract_id = fields.Many2one(
        "contract.contract", compute="_compute_contract_id", store=True, readonly=False, precompute=True, ondelete="cascade"
    )
    contract_line_id = fields.Many2one(
        "contract.line", string="Service", domain="[('contract_id', '=', contract_id)]", ondelete="cascade"
    )
    # Prices
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", readonly=True)
    field_name = fields.Char(readonly=True)
    name = fields.Char(string="What", compute="_compute_name", store=True, readonly=False)
    old_value = fields.Float(string="Today", digits=RATE_DIGITS, readonly=True)
    new_value = fields.Float(string="New", digits=RATE_DIGITS)
    # Endpoints
    endpoint_id = fields.Many2one("call.endpoint", domain="[('contract_id', '=', contract_id)]", ondelete="cascade")
    endpoint_kind = fields.Selection(KINDS, string="Found By", default="number")
    endpoint_value = fields.Char(string="Number, Queue or Code")
    # Services
    product_id = fields.Many2one("product.product", domain="[('type', '=', 'service'), ('sale_ok', '=', True)]")
    rate_plan_id = fields.Many2one(
        "call.rate.plan", domain="[('currency_id', '=', currency_id)]", help="Empty: the added service is a fixed fee."
    )
    quantity = fields.Float(default=1.0, digits=(16, 2))
    price_unit = fields.Float(string="Fee", digits=RATE_DIGITS, help="Per billing period, of a fixed fee.")
    summary = fields.Char(string="What Changes", compute="_compute_summary")

    @api.depends("agreement_id", "contract_line_id", "endpoint_id")
    def _compute_contract_id(self):
        for change in self:
            change.contract_id = (
                change.contract_line_id.contract_id
                or change.endpoint_id.contract_id
                or change.contract_id
                or change.agreement_id.contract_id
            )

    @api.depends("kind", "product_id", "res_id", "field_name")
    def _compute_name(self):
        for change in self:
            if change.kind == "line_add":
                change.name = change.name or change.product_id.name
            elif change.kind == "price" and change.res_id:
                change.name = change._price_name()

    @api.depends(
        "kind",
        "name",
        "contract_line_id",
        "endpoint_id",
        "endpoint_kind",
        "endpoint_value",
        "rate_plan_id",
        "quantity",
        "price_unit",
    )
    def _compute_summary(self):
        kinds = dict(KINDS)
        for change in self:
            fee = (
                f"{short(change.quantity)} × {price_text(change.price_unit, change.currency_id)}"
                if not change.rate_plan_id
                else ""
            )
            texts = {
                "endpoint_add": [
                    kinds.get(change.endpoint_kind),
                    change.endpoint_value,
                    "→",
                    change.contract_line_id._agreed_name(),
                ],
                "endpoint_end": [change.endpoint_id.display_name],
                "line_add": [change.name, change.rate_plan_id.name or fee],
                "line_end": [change.contract_line_id._agreed_name()],
                "line_plan": [change.contract_line_id._agreed_name(), "→", change.rate_plan_id.name],
            }
            change.summary = " ".join(filter(None, texts.get(change.kind, [change.name])))

    @api.constrains("kind", "contract_line_id", "endpoint_id", "endpoint_value", "product_id", "rate_plan_id", "new_value")
    def _check_complete(self):
        needed = {
            "endpoint_add": ("contract_line_id", "endpoint_kind", "endpoint_value"),
            "endpoint_end": ("endpoint_id",),
            "line_add": ("product_id", "name"),
            "line_end": ("contract_line_id",),
            "line_plan": ("contract_line_id", "rate_plan_id"),
            "price": ("res_model", "res_id", "field_name"),
        }
        for change in self:
            for name in needed[change.kind]:
                if not change[name]:
                    label = change._fields[name]._description_string(self.env)
                    kind = dict(change._fields["kind"]._description_selection(self.env))[change.kind]
                    raise ValidationError(self.env._("'%(kind)s' needs: %(field)s", kind=kind, field=label))
            if change.new_value < 0:
                raise ValidationError(self.env._("Prices must not be negative."))
            if change.kind == "price" and change.res_model not in PRICED:
                raise ValidationError(self.env._("Only prices of the contract's lines and rate plans can change here."))

    @api.model_create_multi
    def create(self, vals_list):
        changes = super().create(vals_list)
        changes._check_draft()
        return changes

    def write(self, vals):
        self._check_draft()
        res = super().write(vals)
        self._check_draft()  # of the one that they were moved to
        return res

    @api.ondelete(at_uninstall=False)
    def _unlink_of_drafts(self):
        self.filtered(lambda change: change.agreement_id.state != "withdrawn")._check_draft()

    def _check_draft(self):
        if frozen := self.agreement_id.filtered(lambda agreement: agreement.state != "draft"):
            raise UserError(self.env._("%s was offered: what it changes does not change any more.", frozen[0].name))

    # --- Prices to choose from ------------------------------------------------------------------------------

    @api.model
    def _load_prices(self, agreement, percent=0.0, decimals=4, quantities=False, fees=True):
        """Rows for all prices in force on the amendment's day that have none yet.

        :param percent: float; what is added to each price
        :param quantities: list allowances as well; they never change by the per cent
        :param fees: list fixed fees as well
        """
        known = {(c.res_model, c.res_id, c.field_name) for c in agreement.change_ids if c.kind == "price"}
        rows = self._price_rows(agreement, percent, decimals, quantities or not percent, fees)
        return self.create([row for row in rows if (row["res_model"], row["res_id"], row["field_name"]) not in known])

    @api.model
    def _price_rows(self, agreement, percent, decimals, quantities, fees):
        Version = self.env["call.rate.version"]
        lines = agreement._contracts()._lines_from(agreement.date_from)
        values = {"agreement_id": agreement.id, "kind": "price"}
        rows = []
        for line in lines.filtered(lambda line: fees and not line.rate_plan_id and line.price_unit):
            rows.append(self._price_row(values, line, "price_unit", percent, decimals))
        for record in self._dated_records(lines.rate_plan_id, agreement.date_from):
            if record._name == "call.rate.allowance" and not quantities:
                continue
            factor = 0.0 if record._name == "call.rate.allowance" else percent
            for priced, names in Version._priced(record):
                if priced._name == "call.rate.premium" and priced.effect == "multiply":
                    continue  # changes by itself with the prices that it multiplies
                rows += [self._price_row(values, priced, name, factor, decimals) for name in names]
        return rows

    @api.model
    def _price_row(self, values, record, name, percent, decimals):
        old = record[name]
        new = self.env["call.rate.version"]._new_price(record, name, percent, decimals) if percent else old
        return {**values, "res_model": record._name, "res_id": record.id, "field_name": name, "old_value": old, "new_value": new}

    @api.model
    def _dated_records(self, plans, day):
        """Rules, premiums, terms and allowances of plans, and of those that they are based on, that are in force on a day."""
        layers = plans.browse({layer.id for plan in plans for layer in plan._layers()})
        records = []
        for name in ("rule_ids", "premium_ids", "term_ids", "allowance_ids"):
            records += layers[name].filtered("active")._in_force(day)
        return [r for r in records if not (r._name == "call.rate.term" and r.kind == "service_level")]

    def _record(self):
        return self.env[self.res_model].browse(self.res_id).exists() if self.res_model in PRICED else self.env["call.rate.rule"]

    def _price_name(self):
        record = self._record()
        if not record:
            return self.name
        if record._name == "contract.line":
            return record._agreed_name()
        holder = record.rule_id if record._name in ("call.rate.part", "call.rate.tier") else record
        label = self.env["call.rate.version"]._price_label(record, self.field_name)
        return f"{holder.plan_id.name}: {holder.name}, {label}"

    # --- Carry out ------------------------------------------------------------------------------------------

    def _apply(self, day):
        """:return: usage lines whose calls may cost something else now
        :raise UserError: a change cannot be made on that day
        """
        prices = self.filtered(lambda c: c.kind == "price" and c.new_value != c.old_value)
        lines = prices._apply_prices(self.agreement_id._contracts(), day)
        for change in self.filtered(lambda c: c.kind in SERVICES):
            lines |= getattr(change, f"_apply_{change.kind}")(day)
        ends = self.filtered(lambda c: c.kind == "endpoint_end").endpoint_id
        for endpoint in ends:
            endpoint._end(day - timedelta(days=1))
        self.env["call.endpoint"].create(
            [
                {
                    "contract_line_id": change.contract_line_id.id,
                    "kind": change.endpoint_kind,
                    "value": change.endpoint_value,
                    "date_start": day,
                }
                for change in self.filtered(lambda c: c.kind == "endpoint_add")
            ]
        )
        return lines

    def _apply_prices(self, contracts, day):
        wanted = {}  # record of a plan -> {it, its part or tier -> {field: value}}
        for change in self:
            record = change._record()
            if not record:
                raise UserError(self.env._("'%s' is not there any more: load the prices again.", change.name))
            if record._name == "contract.line":
                continue
            holder = record.rule_id if record._name in ("call.rate.part", "call.rate.tier") else record
            wanted.setdefault(holder, {}).setdefault(record, {})[change.field_name] = change.new_value
        plans = self.env["call.rate.plan"].union(*(holder.plan_id for holder in wanted))
        copies = contracts._own_plans(plans)
        self.env["call.rate.version"]._renew_all(
            {
                copies.get(holder, holder): {copies.get(record, record): values for record, values in lines.items()}
                for holder, lines in wanted.items()
            },
            day,
        )
        for change in self.filtered(lambda c: c.res_model == "contract.line"):
            change._record()._replace_from(day, {"price_unit": change.new_value})
        lines = contracts.contract_line_ids.filtered("rate_plan_id")
        return lines if copies or wanted else lines.browse()

    def _apply_line_add(self, day):
        line = self.contract_id._add_service(day, self.product_id, self.name, self.rate_plan_id, self.quantity, self.price_unit)
        return line.filtered("rate_plan_id")

    def _apply_line_end(self, day):
        self.contract_line_id._end_before(day)
        return self.env["contract.line"]

    def _apply_line_plan(self, day):
        return self.contract_line_id._replace_from(day, {"rate_plan_id": self.rate_plan_id.id})


class CallEndpoint(models.Model):
    _inherit = "call.endpoint"  # pylint: disable=consider-merging-classes-inherited

    def _end(self, day):
        """The last day on which calls are found by it; one that has not begun goes."""
        self.ensure_one()
        if self.date_start and self.date_start > day:
            self.unlink()
        else:
            self.date_end = day


class ContractContract(models.Model):
    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    def _own_plans(self, plans):
        """Give these contracts plans of their own in place of those that others use too.

        :param plans: those that are going to change
        :return: dict of record of a plan -> its copy in the own one
        """
        copies, own = {}, {}
        lines = self.contract_line_ids.filtered("rate_plan_id")
        for line in lines:
            line.rate_plan_id = self._own_plan(line.rate_plan_id, plans, own, copies)
        for plan in lines.alternative_plan_ids:
            self._own_plan(plan, plans, own, copies)
            lines.filtered(lambda line, plan=plan: plan in line.alternative_plan_ids).alternative_plan_ids = [
                fields.Command.unlink(plan.id), fields.Command.link(own[plan].id)
            ]  # fmt: skip
        return copies

    def _own_plan(self, plan, changing, own, copies):
        """A plan of these contracts alone if it, or one that it is based on, is going to change and others use it; else the plan."""
        if plan not in own:
            own[plan] = plan
            if plan._layers() & changing:
                if plan.sudo()._contracts_by_plan()[plan] - self:  # others use it too
                    own[plan], more = plan._own_copy(
                        self.env._("%(plan)s, %(client)s", plan=plan.name, client=self[:1].partner_id.name)
                    )
                    copies.update(more)
                if plan.parent_id and (parent := self._own_plan(plan.parent_id, changing, own, copies)) != plan.parent_id:
                    own[plan].parent_id = parent
                    own[plan]._name_copies(copies)
        return own[plan]

    def _add_service(self, day, product, name, plan, quantity, price):
        """A new line from a day on, whose first period ends with that of the other lines."""
        self.ensure_one()
        like = (
            self.contract_line_ids.filtered(lambda line: bool(line.rate_plan_id) == bool(plan))[:1] or self.contract_line_ids[:1]
        )
        values = {
            "contract_id": self.id,
            "product_id": product.id,
            "name": name,
            "rate_plan_id": plan.id,
            "quantity": quantity,
            "price_unit": 0.0 if plan else price,
            "sequence": max(self.contract_line_ids.mapped("sequence"), default=0) + 1,
            "recurring_rule_type": like.recurring_rule_type or "monthly",
            "recurring_interval": like.recurring_interval or 1,
            "recurring_invoicing_type": "post-paid" if plan else like.recurring_invoicing_type or "pre-paid",
            "date_end": self.date_end,
        }
        return self.env["contract.line"].create({**values, **like._first_period(day, bool(plan))})


class ContractLine(models.Model):
    _inherit = "contract.line"  # pylint: disable=consider-merging-classes-inherited

    def _next_boundary(self, day):
        """First day of the first billing period that begins on a day or later."""
        self.ensure_one()
        first, step = (
            self.next_period_date_start or self.date_start,
            self.get_relative_delta(self.recurring_rule_type, self.recurring_interval),
        )
        last = self.next_period_date_end
        while first < day:
            first = (last + timedelta(days=1)) if last else first + step
            last = None
        return first

    def _first_period(self, day, usage):
        """Values of a line that begins in the middle of this line's periods: usage on the very day, with a short first period; a
        fixed fee with the next period."""
        if not self:
            return {"date_start": day}
        boundary = self._next_boundary(day)
        if usage and boundary > day:
            return {"date_start": day, "recurring_next_date": boundary}
        kind = "post-paid" if usage else self.recurring_invoicing_type
        offset = self._get_default_recurring_invoicing_offset(kind, self.recurring_rule_type)
        following = self.get_next_invoice_date(boundary, kind, offset, self.recurring_rule_type, self.recurring_interval, False)
        return {"date_start": boundary, "recurring_next_date": following}

    def _end_before(self, day):
        """End the line, and what is found by its endpoints, on the day before; a fixed fee with the period that is running then."""
        self.ensure_one()
        last = (day if self.rate_plan_id else self._next_boundary(day)) - timedelta(days=1)
        if self.last_date_invoiced and self.last_date_invoiced > last:
            raise UserError(
                self.env._(
                    "'%(line)s' is invoiced until %(day)s: choose a later day.",
                    line=self._agreed_name(),
                    day=format_date(self.env, self.last_date_invoiced),
                )
            )
        if last < self.date_start:
            raise UserError(self.env._("'%(line)s' begins later than that day.", line=self._agreed_name()))
        boundary = self._next_boundary(day)
        self.date_end = last
        if self.recurring_invoicing_type == "post-paid" and self.next_period_date_start:
            self.recurring_next_date = boundary  # on one invoice with what goes on in the same period
        for endpoint in self.endpoint_ids.filtered(lambda e: not e.date_end or e.date_end > last):
            endpoint._end(last)

    def _replace_from(self, day, values):
        """End the line and go on with a copy that has other values; one that begins on that day changes itself.

        :return: the line that goes on
        """
        self.ensure_one()
        start = self._first_period(day, bool(self.rate_plan_id))
        if start["date_start"] == self.date_start and not self.last_date_invoiced:
            self.write(values)
            return self
        until = self.date_end
        going_on = self.endpoint_ids.filtered(lambda e: (not e.date_end or e.date_end >= day) and (not until or until >= day))
        ends = {endpoint: endpoint.date_end for endpoint in going_on}
        self._end_before(day)
        new = self.copy({**start, "date_end": until, **values})
        for endpoint, end in ends.items():
            endpoint.exists().copy(
                {"contract_line_id": new.id, "date_start": max(day, endpoint.date_start or day), "date_end": end}
            )
        return new

    def _rate_open_again(self):
        """Rate calls again that are not billed."""
        if not self:
            return
        statements = (
            self.env["call.statement"].sudo().search([("contract_id", "in", self.contract_id.ids), ("state", "=", "open")])
        )
        if statements.filtered("usage_count"):
            statements.lock_for_update()
            changed = self.env["call.rerating"].sudo()._rerate(SQL("u.statement_id = ANY(%s)", statements.ids))
            statements.browse(changed)._recount()
