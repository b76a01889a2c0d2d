from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import SQL, format_date

from .call_price import number
from .call_statement import AFTER_END
from .contract_life import ACTIVITY, ONE_DAY


class ContractContract(models.Model):
    """The end of an agreement, set by a person.

    Always: a contract with a ``last_day`` neither renews nor reminds. Its lines end on that day, or where they are invoiced further, on
    the last day that is invoiced. Fee and refunds of the end are contract lines of that one day, so they come on the invoice of the
    last period, with it are taken back, and nothing else has to know them. What the end changed is kept in ``end_undo``, and can be
    taken back until the last period is invoiced.
    """

    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    last_day = fields.Date(readonly=True, copy=False, tracking=True, help="Set when the contract was ended.")
    end_reason = fields.Char(string="Reason of the End", readonly=True, copy=False, groups="base.group_user")
    end_undo = fields.Json(readonly=True, copy=False, groups="base.group_user", help="What was before, by id; see _snapshot.")

    @api.depends("last_day")
    def _compute_date_end(self):
        """Lines that were invoiced in advance end later than their contract."""
        res = super()._compute_date_end()
        for contract in self.filtered("last_day"):
            contract.date_end = contract.last_day
        return res

    def _end(self, last_day, reason, fee=0.0, fee_name="", product=None):
        """:param fee: what the end costs, in the contract's currency
        :param product: whose taxes and account the fee has
        :raise UserError: it is ended already, or usage after that day is invoiced
        """
        self.ensure_one()
        self.check_access("write")
        self._check_can_end(last_day)
        lines, endpoints = self._after(last_day)
        refunds = lines._prepare_refunds(last_day)
        undo = self._snapshot(lines, endpoints)
        made = [vals for vals in refunds if vals["price_unit"]]
        if fee:
            made.append({"name": fee_name, "product_id": product.id if product else False, "price_unit": fee})
        for line in lines:
            if line.date_start > last_day and not line.last_date_invoiced:
                line.is_canceled = True
            else:
                line._set_end(max(last_day, line.last_date_invoiced or last_day))
        endpoints.date_end = last_day
        undo["made"] = self.env["contract.line"].create([self._prepare_one_off(last_day) | vals for vals in made]).ids
        self.write({"last_day": last_day, "end_reason": reason, "end_undo": undo})
        self._leave_out_usage()
        self.activity_feedback([ACTIVITY], feedback=reason)
        self.message_post(
            body=self.env._("Ended, last day %(day)s: %(reason)s", day=format_date(self.env, last_day), reason=reason)
        )

    def _check_can_end(self, last_day):
        self.ensure_one()
        if self.last_day:
            raise UserError(self.env._("This contract was ended. Take back that end first."))
        if self.date_end and last_day > self.date_end:
            raise UserError(
                self.env._("It ends on %s anyway: set another agreed end instead.", format_date(self.env, self.date_end))
            )
        if self.contract_line_ids and last_day < min(self.contract_line_ids.mapped("date_start")):
            raise UserError(self.env._("The last day is before the first."))
        invoiced = max(
            self.contract_line_ids.filtered("rate_plan_id").filtered("last_date_invoiced").mapped("last_date_invoiced"),
            default=None,
        )
        if invoiced and invoiced > last_day:
            raise UserError(
                self.env._(
                    "Usage is invoiced until %s: choose that day or a later one, or take that invoice back first.",
                    format_date(self.env, invoiced),
                )
            )

    def _after(self, last_day):
        """:return: (lines, endpoints) that go on after a day"""
        lines = self.contract_line_ids.filtered(
            lambda line: not line.is_canceled and (not line.date_end or line.date_end > last_day)
        )
        endpoints = self.endpoint_ids.filtered(
            lambda each: (not each.date_end or each.date_end > last_day) and (not each.date_start or each.date_start <= last_day)
        )
        return lines, endpoints

    @api.model
    def _snapshot(self, lines, endpoints):
        to_string = fields.Date.to_string
        return {
            "lines": {
                line.id: {
                    "date_end": to_string(line.date_end),
                    "recurring_next_date": to_string(line.recurring_next_date),
                    "last_date_invoiced": to_string(line.last_date_invoiced),
                }
                for line in lines
            },
            "endpoints": {endpoint.id: to_string(endpoint.date_end) for endpoint in endpoints},
        }

    def _prepare_one_off(self, day):
        """Values of a contract line that is charged once, with the period that ends on a day."""
        return {
            "contract_id": self.id,
            "sequence": 1000,
            "quantity": 1,
            "automatic_price": False,
            "is_prorated": False,
            "date_start": day,
            "date_end": day,
            "recurring_rule_type": "monthly",
            "recurring_interval": 1,
            "recurring_invoicing_type": "post-paid",
        }

    def _end_lines(self):
        """Lines for fees and refunds of the end of these contracts."""
        return self.env["contract.line"].browse(
            line for contract in self.sudo() for line in (contract.end_undo or {}).get("made", ())
        )

    def action_take_back_end(self):
        """:raise UserError: the last period is invoiced"""
        self.ensure_one()
        self.check_access("write")
        if not self.last_day:
            raise UserError(self.env._("This contract was not ended."))
        undo, last_day = self.end_undo, self.last_day
        made = self._end_lines().exists()
        before = {self.env["contract.line"].browse(int(each)).exists(): values for each, values in undo["lines"].items()}
        invoiced = any(
            fields.Date.to_string(line.last_date_invoiced) != values["last_date_invoiced"]
            and line.last_date_invoiced == line.date_end
            for line, values in before.items()
            if line
        )
        if invoiced or made.filtered("last_date_invoiced"):
            raise UserError(self.env._("The last period is invoiced: delete that draft first. What is posted stays ended."))
        made.unlink()
        self.write({"last_day": False, "end_reason": False, "end_undo": False})
        for line, values in before.items():
            same = fields.Date.to_string(line.last_date_invoiced) == values["last_date_invoiced"]
            next_date = {"recurring_next_date": values["recurring_next_date"]} if same else {}
            line.write({"date_end": values["date_end"], "is_canceled": False, **next_date})
        for endpoint, day in undo["endpoints"].items():
            self.endpoint_ids.filtered(lambda each, endpoint=endpoint: each.id == int(endpoint)).date_end = day
        self._take_in_usage(last_day)
        self.message_post(body=self.env._("The end was taken back."))

    # --- Calls after the end that are here already ----------------------------------------------------

    def _usage_after(self, day):
        return self.env["call.usage.line"].sudo().search(
            [
                ("contract_line_id", "in", self.contract_line_ids.filtered("rate_plan_id").ids),
                ("start_at", ">=", day),
                ("date", ">", day),
                ("statement_id.state", "=", "open"),
            ]
        )  # fmt: skip

    def _leave_out_usage(self):
        """They cost nothing, and stay visible with their reason."""
        calls = self._usage_after(self.last_day).filtered(lambda call: call.not_billable_reason not in ("replaced", "after_end"))
        calls.write(AFTER_END)
        calls.statement_id._recount()

    def _take_in_usage(self, last_day):
        calls = self._usage_after(last_day).filtered(lambda call: call.not_billable_reason == "after_end")
        if calls:
            calls.write({"status": "billable", "not_billable_reason": False})
            self.env["call.rerating"].sudo()._rerate(SQL("u.id = ANY(%s)", calls.ids))
            calls.statement_id._recount()


class ContractLine(models.Model):
    _inherit = "contract.line"  # pylint: disable=consider-merging-classes-inherited

    refund_of_id = fields.Many2one(
        "account.move.line",
        string="Gives Back",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_user",
        help="The invoice line of days after the end of the contract. Taxes and account are the same.",
    )

    def _prepare_invoice_line(self):
        vals = super()._prepare_invoice_line()
        if vals and (refunded := self.sudo().refund_of_id):
            vals.update(tax_ids=[Command.set(refunded.tax_ids.ids)], account_id=refunded.account_id.id)
        return vals

    def _is_fixed_fee(self):
        return not self.rate_plan_id and not self.display_type

    def _invoiced_beyond(self, day):
        """What fixed fees were invoiced for after a day. Those that are not prorated give nothing back.

        :return: list of (invoice line, days after that day, exact amount of these days)
        """
        prorated = self.filtered(lambda line: line._is_fixed_fee() and line.is_prorated)
        rows = self.env["account.move.line"].sudo().search(
            [("contract_line_id", "in", prorated.ids), ("call_period_end", ">", day), ("parent_state", "!=", "cancel")],
            order="contract_line_id, call_period_start, id",
        )  # fmt: skip
        found = []
        for row in rows.filtered(lambda row: row.display_type == "product" and not row.move_id._is_undone()):
            days = (row.call_period_end - max(row.call_period_start, day + ONE_DAY)).days + 1
            full = (row.call_period_end - row.call_period_start).days + 1
            found.append((row, days, row.move_id._call_charge_sign() * gross(row) * days / full))
        return found

    def _prepare_refunds(self, last_day):
        """:return: list of values of contract lines that give back what was invoiced for days after the last one"""
        vals_list = []
        for row, days, amount in self._invoiced_beyond(last_day):
            line = row.contract_line_id.with_env(self.env)
            env = self.with_context(lang=line.contract_id.partner_id.lang or self.env.lang).env
            vals_list.append(
                {
                    "name": env._(
                        "Refund of %(name)s, %(first)s - %(last)s (%(days)s days)",
                        name=(row.name or line.name).splitlines()[0],
                        first=format_date(env, max(row.call_period_start, last_day + ONE_DAY)),
                        last=format_date(env, row.call_period_end),
                        days=days,
                    ),
                    "product_id": row.product_id.id,
                    "price_unit": -line.currency_id.round(float(amount)),
                    "analytic_distribution": row.analytic_distribution,
                    "refund_of_id": row.id,
                }
            )
        return vals_list

    def _fees_after(self, day, until):
        """What fixed fees would still be charged, or were invoiced, for the days after a day, up to another. Of those that are not
        prorated, what begins after it.

        :return: exact amount
        """
        total = sum((amount for _row, _days, amount in self._invoiced_beyond(day)), Fraction())
        for line in self.filtered(lambda line: line._is_fixed_fee() and not line.is_canceled):
            for first, last in line._usage_periods(until):
                begin = max(first, day + ONE_DAY)
                if begin > min(last, until) or (begin > first and not line.is_prorated):
                    continue
                part = Fraction((min(last, until) - begin).days + 1, (last - first).days + 1)
                total += gross(line) * (line._share_of(first, last) * part if line.is_prorated else 1)
        return total


class CallCounter(models.Model):
    _inherit = "call.counter"  # pylint: disable=consider-merging-classes-inherited

    @api.depends("statement_id.date_end", "statement_id.contract_id.date_end")
    def _compute_left_text(self):
        """What is left when the contract ends goes into no other period."""
        res = super()._compute_left_text()
        for counter in self.filtered("left_text"):
            end = counter.statement_id.contract_id.sudo().date_end
            if end and counter.statement_id.date_end >= end:
                counter.left_text = self.env._("%s, expired with the contract", counter.left_text)
        return res


def gross(line):
    """Quantity x price of a line less its discount, exactly, as it was typed."""
    return Fraction(number(line.quantity)) * Fraction(number(line.price_unit)) * (1 - Fraction(number(line.discount)) / 100)
