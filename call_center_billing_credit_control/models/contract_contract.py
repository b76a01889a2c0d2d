from odoo import models

ACTIVITY = "call_center_billing_credit_control.suspension_activity"


class ContractContract(models.Model):
    _inherit = "contract.contract"

    def _consider_suspending(self, reminders):
        """One activity, for as long as it is open, for whoever is responsible: the button to suspend is on the contract.

        :param reminders: credit.control.line of the last level
        """
        for contract in self.filtered(lambda each: not each.suspension and not each.is_over):
            if contract.activity_search([ACTIVITY]):
                continue
            names = ", ".join(reminders.invoice_id.mapped("name"))
            note = self.env._("The last reminder of %s was sent. Suspend the service with the button Suspend?", names)
            contract.activity_schedule(ACTIVITY, note=note, user_id=contract._responsible().id)
