from odoo import api, models

from odoo.addons.queue_job.job import identity_exact

from ..models.call_job import TRIES, tried_again

AT_ONCE = 200_000
"""Calls that are rated again while a person waits; more are a job."""
CHOICES = ("plan_ids", "contract_ids", "date_from", "date_to", "include_billed", "settle", "reason")


class CallRerate(models.TransientModel):
    _inherit = "call.rerate"

    def action_apply(self):
        self.ensure_one()
        self._check_may_apply()
        now = self.env.context.get("call_rate_now") or not self.env["call.job"]._is_running()
        if now or sum(self._statements().mapped("usage_count")) <= AT_ONCE:
            return super().action_apply()
        choices = self._convert_to_write({name: self[name] for name in CHOICES})
        names = ", ".join([*self.plan_ids.mapped("display_name"), *self.contract_ids.mapped("display_name")])
        job = self.browse().with_company(self.company_id).with_delay(
            identity_key=identity_exact,
            max_retries=TRIES,
            description=self.env._("Rate again: %s", names or self.company_id.display_name),
        )  # fmt: skip
        job._apply_as_job(choices)
        message = self.env._("The calls are rated again in the background; you are told when it is done.")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "info", "message": message, "next": {"type": "ir.actions.act_window_close"}},
        }

    @api.model
    def _apply_as_job(self, choices):
        """As the user who asked: what it makes is made with its rights, in one transaction."""
        with tried_again(self.env):
            told = self.create(choices).with_context(call_rate_now=True).action_apply()
        return self.env.user._bus_send(
            "simple_notification", {"type": "success", "message": told["params"]["message"], "sticky": True}
        )
