from odoo import fields, models

from ..models.call_endpoint import KINDS


class CallEndpointEntry(models.AbstractModel):
    """Endpoints of a new contract, typed or pasted one per line."""

    _name = "call.endpoint.entry"
    _description = "Entry of Endpoints"

    endpoint_kind = fields.Selection(KINDS, string="Calls Found By", default="number")
    endpoints = fields.Text(help="One per line: calls with one of these belong to the contract.")

    def _create_endpoints(self, line):
        """:param line: the contract line that they bring calls"""
        return self.env["call.endpoint"].create(
            [{"contract_line_id": line.id, "kind": self.endpoint_kind, "value": value} for value in self._endpoint_values()]
        )

    def _endpoint_values(self):
        """The lines of the text, each once, in their order."""
        return list(dict.fromkeys(filter(None, map(str.strip, (self.endpoints or "").splitlines()))))
