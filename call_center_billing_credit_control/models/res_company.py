from odoo import api, fields, models
from odoo.tools import SQL


class ResCompany(models.Model):
    _inherit = "res.company"

    call_reminders = fields.Boolean(
        string="Remind by Itself",
        default=True,
        help="Once a day clients are reminded of what is overdue, as the policy says. Companies without contracts with call usage remind "
        "nobody by themselves.",
    )

    @api.model
    def _reminding(self):
        """The companies that remind by themselves."""
        groups = self.env["contract.contract"]._read_group(
            [("generation_type", "=", "call_billing"), ("contract_type", "=", "sale")], ["company_id"]
        )
        return self.concat(*(company for [company] in groups)).filtered("call_reminders")

    def _choose_reminder_policy(self):
        """A company that chose none gets the one with three levels, for its trade receivables."""
        self.ensure_one()
        policy = self.env.ref("call_center_billing_credit_control.policy", raise_if_not_found=False)
        if self.credit_policy_id or not policy:
            return
        self.credit_policy_id = policy
        policy.account_ids |= self.env["account.account"].search(
            [("company_ids", "in", self.ids), ("account_type", "=", "asset_receivable"), ("non_trade", "=", False)]
        )

    def _hold_reminders(self):
        """Changes nothing, but whoever makes reminders of the same company at the same time starts again, and sees what the other one
        made: nobody is reminded twice."""
        self.env.flush_all()
        self.env.cr.execute(SQL("UPDATE credit_control_policy SET id = id WHERE id = ANY(%s)", self.sudo().credit_policy_id.ids))
        self.env.invalidate_all(flush=False)


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    call_reminders = fields.Boolean(related="company_id.call_reminders", readonly=False)
