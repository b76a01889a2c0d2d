from odoo import api, fields, models
from odoo.exceptions import UserError

AT_ONCE = 200


class CallBillingRun(models.TransientModel):
    """Shows what is due and bills it. More than a couple of hundred contracts are left to the scheduled job, which
    works in committed batches."""

    _name = "call.billing.run"
    _description = "Billing Run"

    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    date = fields.Date(
        string="Periods Ended By",
        required=True,
        default=fields.Date.context_today,
        help="Every billing period that ended before this day is closed and invoiced.",
    )
    invoice_date = fields.Date(required=True, default=fields.Date.context_today)
    contract_ids = fields.Many2many("contract.contract", compute="_compute_contract_ids")
    contract_count = fields.Integer(compute="_compute_contract_ids")

    @api.depends("date", "company_id")
    def _compute_contract_ids(self):
        Contract = self.env["contract.contract"]
        for run in self:
            run.contract_ids = (
                Contract.search(Contract._due_domain(run.date) & fields.Domain("company_id", "=", run.company_id.id))
                if run.date
                else False
            )
            run.contract_count = len(run.contract_ids)

    def action_run(self):
        self.ensure_one()
        if self.date > fields.Date.context_today(self):
            raise UserError(self.env._("A period that is not over cannot be invoiced: choose today or a day before."))
        contracts = self.contract_ids
        if not contracts:
            raise UserError(self.env._("No contract has a period that ended by this day."))
        if len(contracts) > AT_ONCE:
            self.env.ref("call_center_billing.call_billing_cron")._trigger()
            return self._notify(
                self.env._("%s contracts are being invoiced in the background; invoices appear as they are made.", len(contracts))
            )
        moves = contracts._bill_batch(self.date, self.invoice_date)
        failed = contracts.filtered("invoice_generation_error")
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_move_out_invoice_type")
        if failed:
            action = self.env["ir.actions.act_window"]._for_xml_id("contract.action_customer_contract")
            action = action | {"domain": [("id", "in", failed.ids)], "display_name": self.env._("Could not be invoiced")}
        else:
            action = action | {"domain": [("id", "in", moves.ids)]}
        return self._notify(
            self.env._("%(made)s invoices made, %(failed)s contracts failed.", made=len(moves), failed=len(failed)),
            "warning" if failed else "success",
            action,
        )

    def _notify(self, message, kind="info", following=None):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "message": message,
                "next": following or {"type": "ir.actions.act_window_close"},
            },
        }
