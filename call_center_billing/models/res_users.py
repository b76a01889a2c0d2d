from odoo import models
from odoo.fields import Domain

CLIENT_STATES = ("invoiced", "settled", "void")
"""States of a statement that the client sees, once the invoice is posted."""
ANSWERABLE = ("offered", "accepted", "declined", "expired")
"""States of an agreement that the client sees."""


class ResUsers(models.Model):
    """What of the clients' records a portal user sees: record rules and portal pages ask here, and nowhere else.

    Who belongs to the head office sees all contracts of the client. Who belongs to a location, or to a child company, sees those of it
    and of what is below. Where the contact names contracts, only these, of them. What hangs on a contract follows it.
    """

    _inherit = "res.users"

    # "any!": contracts themselves are shown to their followers only, and invoices of several locations to the head office only.
    def _call_contract_domain(self):
        partner = self.partner_id.sudo()
        domain = Domain("partner_id", "child_of", partner._call_place().ids)
        return domain & Domain("id", "in", partner.only_contract_ids.ids) if partner.only_contract_ids else domain

    def _call_statement_domain(self):
        return (
            Domain("contract_id", "any!", self._call_contract_domain())
            & Domain("state", "in", CLIENT_STATES)
            & Domain("invoice_id", "any!", Domain("state", "=", "posted"))
        )

    def _call_dispute_domain(self):
        return Domain("statement_id.contract_id", "any!", self._call_contract_domain())

    def _call_agreement_domain(self):
        """All of its contracts, since it tells the terms of all of them."""
        contracts = self._call_contract_domain()
        return (
            Domain("contract_id", "any!", contracts)
            & Domain("location_ids", "not any!", ~contracts)
            & Domain("state", "in", ANSWERABLE)
        )

    def _call_performance_domain(self):
        """What was sent to the client of its contracts, by itself or with an invoice."""
        posted = Domain("statement_id", "any!", Domain("invoice_id", "any!", Domain("state", "=", "posted")))
        return Domain("contract_id", "any!", self._call_contract_domain()) & (Domain("sent_at", "!=", False) | posted)

    def _call_followed_domain(self):
        """OCA's contract shows contracts to whoever follows them: of a user who is held to some contracts, only these."""
        contracts = self.partner_id.sudo().only_contract_ids
        return Domain("id", "in", contracts.ids) if self.share and contracts else Domain.TRUE

    def _call_invoice_domain(self):
        """Odoo shows all invoices of the client to each of its portal users: those of a location, or who are held to some contracts, see
        none that is about another contract as well."""
        partner = self.partner_id.sudo()
        if not self.share or not (partner.only_contract_ids or partner._call_place() != partner.commercial_partner_id):
            return Domain.TRUE
        others = Domain("contract_line_id.contract_id", "any!", ~self._call_contract_domain())
        return Domain("invoice_line_ids", "not any!", others)
