from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from .call_rate_version import LINES


class CallRatePlan(models.Model):
    """A named price list for usage in one currency: dated rules, premiums, allowances and terms per period.

    A plan may be based on another one: the client's own rules come before those of the list plan, its premiums beside them; its
    allowances and terms, if it has any, take the place of the list plan's. A call that no rule fits is suspended, never free.
    """

    _name = "call.rate.plan"
    _description = "Rate Plan"
    _inherit = ["mail.thread"]
    _order = "name"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    currency_id = fields.Many2one("res.currency", required=True, default=lambda self: self.env.company.currency_id)
    parent_id = fields.Many2one(
        "call.rate.plan",
        string="Based On",
        ondelete="restrict",
        index="btree_not_null",
        check_company=True,
        domain="[('currency_id', '=', currency_id), ('id', '!=', id)]",
        help="List plan whose rules price what no rule of this plan fits: for the own prices of a client.",
    )
    child_ids = fields.One2many("call.rate.plan", "parent_id", string="Plans Based on This")
    rule_ids = fields.One2many("call.rate.rule", "plan_id", string="Rules", copy=True)
    premium_ids = fields.One2many("call.rate.premium", "plan_id", string="Bands and Premiums", copy=True)
    allowance_ids = fields.One2many("call.rate.allowance", "plan_id", string="Allowances", copy=True)
    term_ids = fields.One2many("call.rate.term", "plan_id", string="Terms per Period", copy=True)
    note = fields.Text(string="Notes")
    contract_line_ids = fields.One2many("contract.line", "rate_plan_id", string="Used By")
    alternative_line_ids = fields.Many2many(
        "contract.line", "contract_line_alternative_plan", "plan_id", "line_id", string="Alternative For", copy=False
    )
    contract_count = fields.Integer(
        compute="_compute_contract_count",
        help="Contracts with this plan or a plan that is based on it, also as an alternative if it is cheaper.",
    )
    suspense_count = fields.Integer(
        string="Suspended", compute="_compute_suspense_count", help="Suspended records that no rule of this plan fitted."
    )

    @api.depends("contract_line_ids.contract_id", "alternative_line_ids.contract_id")
    def _compute_contract_count(self):
        contracts = self._contracts_by_plan()
        for plan in self:
            plan.contract_count = len(contracts[plan._origin])

    def _contracts_by_plan(self):
        """The contracts with each of these plans or a plan that is based on it, also as an alternative.

        :return: defaultdict of rate plan -> contracts
        """
        lines = self.env["contract.line"].search(
            Domain("rate_plan_id", "child_of", self.ids) | Domain("alternative_plan_ids", "child_of", self.ids)
        )
        contracts = defaultdict(self.env["contract.contract"].browse)
        for line in lines:
            for plan in line.rate_plan_id | line.alternative_plan_ids:
                for layer in plan._layers():
                    contracts[layer] |= line.contract_id
        return contracts

    def _compute_suspense_count(self):
        counts = dict(self.env["call.suspense"]._read_group(self._suspense_domain(), ["contract_line_id"], ["__count"]))
        for plan in self:
            plan.suspense_count = sum(count for line, count in counts.items() if line.rate_plan_id == plan)

    @api.constrains("parent_id", "currency_id")
    def _check_parent(self):
        if self._has_cycle():
            raise ValidationError(self.env._("A rate plan cannot be based on itself."))
        for plan in self:
            if plan.parent_id and plan.parent_id.currency_id != plan.currency_id:
                raise ValidationError(
                    self.env._("'%(plan)s' and '%(parent)s' need the same currency.", plan=plan.name, parent=plan.parent_id.name)
                )

    def _layers(self):
        """The plan, the one it is based on, and so on."""
        self.ensure_one()
        layers = plan = self
        while plan := plan.parent_id:
            layers |= plan
        return layers

    def _nearest(self, name):
        """Allowances or terms: the plan's own, else those of the nearest plan that it is based on.

        :param name: ``allowance_ids`` or ``term_ids``
        """
        return self[name] or next((layer[name] for layer in self._layers() if layer[name]), self[name])

    def _suspense_domain(self):
        return [*self.env["call.suspense"]._unpriced_domain(), ("contract_line_id.rate_plan_id", "in", self.ids)]

    def action_recycle_suspense(self):
        """Take the records that no rule fitted through the import again."""
        return self.env["call.suspense"].search(self._suspense_domain()).action_recycle()

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        if self.contract_line_ids or self.alternative_line_ids:
            raise UserError(self.env._("Contracts use this rate plan: archive it instead."))

    def copy_data(self, default=None):
        vals_list = super().copy_data(default)
        if "name" in (default or {}):
            return vals_list
        return [{**vals, "name": self.env._("%s (copy)", plan.name)} for plan, vals in zip(self, vals_list, strict=True)]

    def copy(self, default=None):
        """What names rules of a plan names the copies of these rules in its copy."""
        copies = super().copy(default)
        for plan, copied in zip(self.with_context(active_test=False), copies.with_context(active_test=False), strict=True):
            rules = dict(zip(plan.rule_ids.sorted("id"), copied.rule_ids.sorted("id"), strict=True))
            copied._name_copies(rules)
        return copies

    def _own_copy(self, name):
        """The same prices as a plan of its own, for one client: what is left of its allowances and the volume of its tiers go on.

        :return: (plan, dict of rule, part, tier, premium, allowance or term -> its copy)
        """
        self.ensure_one()
        plan = self.copy({"name": name})
        copies = {}
        for field in ("rule_ids", "premium_ids", "allowance_ids", "term_ids"):
            copies |= dict(zip(self[field].sorted("id"), plan[field].sorted("id"), strict=True))
        for rule, copy in list(copies.items()):
            for field in LINES.get(rule._name, ()):
                copies |= dict(zip(rule[field].sorted("id"), copy[field].sorted("id"), strict=True))
        for record, copy in copies.items():
            if record._name == "call.rate.rule":
                copy.copy_of_id = record
            elif record._name == "call.rate.allowance":
                copy.continues_id = record
        return plan, copies

    def _name_copies(self, copies):
        """Let premiums, allowances and terms name copies in place of the rules they were made of.

        :param copies: dict of record -> copy
        """
        for record in (*self.premium_ids, *self.allowance_ids, *self.term_ids):
            if any(rule in copies for rule in record.rule_ids):
                record.rule_ids = record.rule_ids.browse(copies.get(rule, rule).id for rule in record.rule_ids)

    def action_view_contracts(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("contract.action_customer_contract")
        return action | {"domain": [("id", "in", self._contracts_by_plan()[self].ids)]}
