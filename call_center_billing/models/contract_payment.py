from odoo import api, models


class ContractContract(models.Model):
    """New contracts whose client has no payment terms get those of the company."""

    _inherit = "contract.contract"  # pylint: disable=consider-merging-classes-inherited

    @api.model_create_multi
    def create(self, vals_list):
        contracts = super().create(vals_list)
        for contract, vals in zip(contracts, vals_list, strict=True):
            partner = contract.partner_id.with_company(contract.company_id)
            if (
                "payment_term_id" not in vals
                and contract.contract_type == "sale"
                and contract.has_usage
                and not contract.payment_term_id
                and not partner.property_payment_term_id
            ):
                contract.payment_term_id = contract.company_id.call_payment_term_id
        return contracts
