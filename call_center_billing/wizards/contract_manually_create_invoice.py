from odoo import api, models


class ContractManuallyCreateInvoice(models.TransientModel):
    _inherit = "contract.manually.create.invoice"

    @api.depends("invoice_date")
    def _compute_contract_to_invoice_ids(self):
        """Usage contracts have their own billing run."""
        res = super()._compute_contract_to_invoice_ids()
        self.contract_to_invoice_ids = self.contract_to_invoice_ids.filtered(lambda c: c.generation_type != "call_billing")
        self.contract_to_invoice_count = len(self.contract_to_invoice_ids)
        return res
