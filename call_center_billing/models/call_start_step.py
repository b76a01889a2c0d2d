from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command, Domain


class CallStartStep(models.Model):
    """A step of the checklist from an empty company to the first posted usage invoice.

    The steps are the same for all companies. Whether one is done is never written down: it is read from the company's own
    records. Only what a company skipped is kept. (Odoo's own ``onboarding`` keeps what people once clicked, so it is not
    used.)
    """

    _name = "call.start.step"
    _description = "Get Started"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True, readonly=True)
    description = fields.Char(translate=True, readonly=True)
    button = fields.Char(translate=True, readonly=True)
    kind = fields.Selection(
        [
            ("company", "Company"),
            ("source", "Call Source"),
            ("file", "First File"),
            ("plan", "Prices"),
            ("contract", "Contract"),
            ("invoice", "First Invoice"),
        ],
        required=True,
        readonly=True,
    )
    sequence = fields.Integer(readonly=True)
    skipped_company_ids = fields.Many2many("res.company", string="Skipped By", readonly=True)
    state = fields.Selection([("todo", "To do"), ("done", "Done"), ("skipped", "Skipped")], compute="_compute_state")
    is_next = fields.Boolean(compute="_compute_state", help="The first step that is neither done nor skipped.")

    _kind_unique = models.Constraint("UNIQUE (kind)", "There is one step of each kind.")

    @api.depends("skipped_company_ids")
    @api.depends_context("company")
    def _compute_state(self):
        done, company, following = self._done(), self.env.company, None
        for step in self.search(Domain.TRUE) | self:
            skipped = company in step.skipped_company_ids
            step.state = "done" if step.kind in done else "skipped" if skipped else "todo"
            step.is_next = following is None and step.state == "todo"
            following = step if step.is_next else following

    def _done(self):
        """:return: the kinds of steps that the company's records show to be done"""
        company = self.env.company
        own = Domain("company_id", "=", company.id)
        records = {
            "source": ("call.source", own),
            "file": ("call.import", own & Domain("state", "=", "done")),
            "plan": ("call.rate.plan", own | Domain("company_id", "=", False)),
            "contract": ("call.endpoint", own),
            "invoice": ("call.statement", own & Domain("invoice_id.state", "=", "posted")),
        }
        done = {kind for kind, (model, domain) in records.items() if self.env[model].search_count(domain, limit=1)}
        if company.country_id and company.city and company.call_tz and company.chart_template:
            done.add("company")
        return done

    # --- Buttons --------------------------------------------------------------------------------------

    def action_open(self):
        """Open where the step is done, filled in as far as the records that are there tell."""
        self.ensure_one()
        return {
            "company": self._open_company,
            "source": self._open_source,
            "file": self._open_file,
            "plan": self._open_plan,
            "contract": self._open_contract,
            "invoice": self._open_invoice,
        }[self.kind]()

    def action_skip(self):
        """Skip the step for this company, or take it up again.

        :raise AccessError: the user is no manager
        """
        if not self.env.user.has_group("call_center_billing.group_manager"):
            raise AccessError(self.env._("Only managers choose what is skipped."))
        company = self.env.company
        for step in self:
            link = Command.unlink if company in step.skipped_company_ids else Command.link
            step.sudo().skipped_company_ids = [link(company.id)]
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_close(self):
        """Skip all that is left, so that the app no longer opens with this list."""
        self.search(Domain.TRUE).filtered(lambda step: step.state == "todo").action_skip()
        return self._action_home()

    def action_tour(self):
        """Be shown around, step by step."""
        return {
            "type": "ir.actions.act_url",
            "url": "/odoo/action-call_center_billing.call_start_step_action?tour=call_center_billing_first_hour",
            "target": "self",
        }

    def _action_home(self):
        """What the app opens with: this list, for managers of a company that has not done or skipped it all; else the contracts."""
        begun = self.env.user.has_group("call_center_billing.group_manager") and "todo" in self.search(Domain.TRUE).mapped(
            "state"
        )
        name = "call_start_step_action" if begun else "contract_action"
        return self.env["ir.actions.act_window"]._for_xml_id(f"call_center_billing.{name}")

    # --- Where each step is done ------------------------------------------------------------------------

    def _open_company(self):
        if not self.env.company.has_access("write"):
            raise UserError(self.env._("Ask an administrator to enter address, time zone and currency of the company."))
        view = self.env.ref("call_center_billing.res_company_view_form_start")
        return self._dialog("res.company", views=[(view.id, "form")], res_id=self.env.company.id)

    def _open_source(self):
        company = self.env.company
        context = {"default_name": self.env._("Phone system"), "default_tz": company.call_tz or self.env.user.tz or "UTC"}
        return self._dialog("call.source", context=context, name=self.env._("Call Source"))

    def _open_file(self):
        source = self.env["call.source"].search([("company_id", "=", self.env.company.id)], limit=1, order="id desc")
        if not source:
            return self._open_source()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_upload_action")
        return action | {"context": {"default_source_id": source.id}}

    def _open_plan(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_rate_template_action")
        context = {f"default_{name}": value for name, value in self._waiting_defaults().items()}
        return action | {"context": {"default_with_contract": True, "default_take_in": True, **context}}

    def _open_contract(self):
        """The contract that lacks endpoints; else a new one with the plan that is there; else plan and contract from a template."""
        company = self.env.company
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.contract_action")
        form = {"views": [(self.env.ref("contract.contract_contract_customer_form_view").id, "form")]}
        own = [("company_id", "=", company.id), ("has_usage", "=", True)]
        contract = self.env["contract.contract"].search(own, limit=1)
        if contract:
            return action | form | {"res_id": contract.id}
        plan = self.env["call.rate.plan"].search([("company_id", "in", (company.id, False))], limit=1)
        if not plan:
            return self._open_plan()
        start = self._waiting_defaults().get("date_start", fields.Date.context_today(self).replace(day=1))
        recurrence = {"recurring_rule_type": "monthly", "recurring_invoicing_type": "post-paid", "date_start": start}
        line = {"name": plan.name, "rate_plan_id": plan.id, "quantity": 1, **recurrence}
        context = {"default_contract_type": "sale", "is_contract": 1, "default_line_recurrence": True, "default_name": plan.name}
        return action | form | {"context": context | {"default_contract_line_ids": [Command.create(line)]}}

    def _open_invoice(self):
        """Drafts that only have to be posted; else the contract with a period that is over; else the periods as they stand."""
        own = Domain("company_id", "=", self.env.company.id)
        drafts = self.env["call.statement"].search(own & Domain("invoice_id.state", "=", "draft")).invoice_id
        if drafts:
            return drafts._action_open()
        Contract = self.env["contract.contract"]
        contract = Contract.search(own & Contract._due_domain(fields.Date.context_today(self)), limit=1)
        if not contract:
            return self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_statement_action")
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.contract_action")
        view = self.env.ref("contract.contract_contract_customer_form_view")
        return action | {"views": [(view.id, "form")], "res_id": contract.id}

    def _dialog(self, model, views=((False, "form"),), **values):
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": model,
            "views": views,
            "target": "new",
            **values,
        }

    def _waiting_defaults(self):
        """What most calls that wait for a contract have in common, as values of ``call.rate.template``: the endpoint, and the
        month of the first call as the beginning. Empty, where no call waits."""
        Suspense = self.env["call.suspense"]
        waiting = (
            Domain("company_id", "=", self.env.company.id) & Domain("state", "=", "open") & Domain("reason", "=", "no_endpoint")
        )
        first = Suspense.search(waiting & Domain("start_at", "!=", False), order="start_at", limit=1)
        if not first:
            return {}
        tz = self.env.company.call_tz or self.env.user.tz
        day = fields.Datetime.context_timestamp(self.with_context(tz=tz), first.start_at).date()
        values = {"date_start": fields.Date.to_string(day.replace(day=1))}
        for kind, field in {
            "number": "number_key",
            "queue": "queue",
            "campaign": "campaign",
            "account_code": "account_code",
        }.items():
            known = waiting & Domain(field, "not in", (False, ""))
            groups = Suspense._read_group(known, [field], ["__count"], order="__count desc", limit=1)
            if groups:
                return values | {"endpoint_kind": kind, "endpoints": groups[0][0]}
        return values
