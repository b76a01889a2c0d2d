from datetime import date, timedelta
from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .. import pricing
from .call_price import number


class ContractLine(models.Model):
    """A usage line is a contract line with a rate plan. Its calls are found by its endpoints, and its periods are those
    of OCA's recurrence, so that fixed fees and usage close together."""

    _inherit = "contract.line"
    _rec_names_search = ["name", "contract_id.name", "contract_id.partner_id"]

    endpoint_ids = fields.One2many("call.endpoint", "contract_line_id", string="Endpoints")
    endpoint_count = fields.Integer(compute="_compute_endpoint_count")
    alternative_plan_ids = fields.Many2many(
        "call.rate.plan",
        "contract_line_alternative_plan",
        "line_id",
        "plan_id",
        string="Or, If Cheaper",
        help="Best plan: when a period closes it is priced by each of these plans as well, and the cheapest one is charged.",
    )

    @api.depends("endpoint_ids")
    def _compute_endpoint_count(self):
        for line in self:
            line.endpoint_count = len(line.endpoint_ids)

    @api.depends("contract_id.name", "contract_id.partner_id")
    @api.depends_context("call_line_name")
    def _compute_display_name(self):
        """Among the lines of all clients one is told by its client and contract; as a service by its name, without markers of dates."""
        result = super()._compute_display_name()
        kind = self.env.context.get("call_line_name")
        for line in self if kind else ():
            if kind == "service":
                line.display_name = line._agreed_name()
            else:
                line.display_name = f"{line.contract_id.partner_id.display_name}, {line.contract_id.name}: {line.name}"
        return result

    @api.onchange("rate_plan_id")
    def _onchange_rate_plan_id(self):
        if self.rate_plan_id:
            self.recurring_invoicing_type = "post-paid"
            self.automatic_price = False
            self.price_unit = 0.0

    @api.constrains("rate_plan_id", "alternative_plan_ids", "recurring_invoicing_type", "recurring_rule_type", "contract_id")
    def _check_usage_line(self):
        for line in self.filtered("rate_plan_id"):
            contract = line.contract_id
            if line.recurring_invoicing_type != "post-paid" or line.recurring_rule_type == "monthlylastday":
                raise ValidationError(
                    self.env._(
                        "Usage is known only when its period is over: set line '%s' to be invoiced post-paid, with a "
                        "recurrence other than 'Month(s) last day'.",
                        line.name,
                    )
                )
            if line.rate_plan_id.currency_id != contract.currency_id:
                raise ValidationError(
                    self.env._(
                        "Rate plan '%(plan)s' is in %(plan_currency)s but the contract is invoiced in %(currency)s.",
                        plan=line.rate_plan_id.name,
                        plan_currency=line.rate_plan_id.currency_id.name,
                        currency=contract.currency_id.name,
                    )
                )
            if any(plan.currency_id != contract.currency_id for plan in line.alternative_plan_ids):
                raise ValidationError(self.env._("All plans of '%s' need the currency of the contract.", line.name))
            if line.rate_plan_id.company_id != contract.company_id:
                raise ValidationError(
                    self.env._("Rate plan '%s' belongs to another company than the contract.", line.rate_plan_id.name)
                )
            if contract.contract_type != "sale":
                raise ValidationError(self.env._("Only client contracts can have usage lines."))

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines._mark_contracts()
        return lines

    def write(self, vals):
        res = super().write(vals)
        if vals.get("rate_plan_id"):
            self._mark_contracts()
        return res

    @api.ondelete(at_uninstall=False)
    def _unlink_without_usage(self):
        lines = self.filtered("rate_plan_id")
        if lines and self.env["call.usage.line"].sudo().search_count([("contract_line_id", "in", lines.ids)], limit=1):
            raise UserError(self.env._("Calls were rated on this contract line: end it with an end date instead of deleting it."))

    def _mark_contracts(self):
        """Contracts with usage are invoiced by the billing run of this add-on only, line by line."""
        contracts = self.filtered("rate_plan_id").contract_id
        contracts.filtered(lambda c: c.generation_type != "call_billing" or not c.line_recurrence).write(
            {"generation_type": "call_billing", "line_recurrence": True}
        )

    def _goes_on(self):
        """Whether something of the line is still to be invoiced, or it is only text."""
        self.ensure_one()
        return bool(self.display_type or (not self.is_canceled and self.next_period_date_start))

    # --- Periods --------------------------------------------------------------------------------

    def _usage_periods(self, until):
        """Periods that are not invoiced yet, in order, up to the one that holds the day ``until``.

        :return: list of (first day, last day); empty when the line is over
        """
        self.ensure_one()
        first, last = self.next_period_date_start, self.next_period_date_end
        periods = []
        while first and last and first <= last:
            periods.append((first, last))
            if last >= until:
                break
            first = last + timedelta(days=1)
            last = self.get_next_period_date_end(
                first, self.recurring_rule_type, self.recurring_interval, max_date_end=self.date_end
            )
        return periods

    def _periods_to_invoice(self):
        """:return: dict of contract line -> (first day, last day) that it is invoiced for next"""
        return {line: line._get_period_to_invoice(line.last_date_invoiced, line.recurring_next_date)[:2] for line in self}

    def _period_share(self, statement):
        """Part of the statement's full period in which the line is in force; see :meth:`_share_of`."""
        return self._share_of(statement.date_start, statement.date_end)

    def _share_of(self, first, last):
        """Part of a full period that the line is in force in one of these days. Product model 18.

        A period that ends early is as long as it would have been; one that starts late (its end was set) as if it had begun
        on time.

        :return: Fraction
        """
        self.ensure_one()
        step = self.get_relative_delta(self.recurring_rule_type, self.recurring_interval)
        full_first, full_last = first, first + step - timedelta(days=1)
        if last < full_last and self.date_end != last:
            full_first, full_last = last + timedelta(days=1) - step, last
        mine = max(self.date_start, first), min(self.date_end or date.max, last)
        return pricing.share(*mine, full_first, max(full_last, last))

    def _rewind_period(self, first, last):
        """Take back that a period was invoiced.

        :raise UserError: a later period is invoiced already
        """
        for line in self:
            if line.last_date_invoiced != last:
                raise UserError(
                    self.env._(
                        "'%(line)s' is invoiced beyond %(date)s: delete the later draft invoice first, or credit this one.",
                        line=line.name,
                        date=last,
                    )
                )
            line.last_date_invoiced = first - timedelta(days=1) if first > line.date_start else False

    # --- Invoice --------------------------------------------------------------------------------

    def _prepare_invoice_line(self):
        vals = super()._prepare_invoice_line()
        if vals and not self.display_type:
            first, last, _date = self._get_period_to_invoice(self.last_date_invoiced, self.recurring_next_date)
            vals.update(call_period_start=first, call_period_end=last)
            if self.is_prorated and not self.rate_plan_id and self.contract_id.generation_type == "call_billing":
                vals.update(self._prorated(vals, first, last))
        return vals

    def _prorated(self, vals, first, last):
        """What a fixed fee costs in a part of its period, and how many days that is. Product model 18."""
        share = self._share_of(first, last)
        if share == 1:
            return {}
        env = self.with_context(lang=self.contract_id.partner_id.lang or self.env.lang).env
        days = (last - first).days + 1
        return {
            "price_unit": float(Fraction(number(vals["price_unit"])) * share),
            "name": env._("%(name)s (%(days)s of %(full)s days)", name=vals["name"], days=days, full=round(days / share)),
        }
