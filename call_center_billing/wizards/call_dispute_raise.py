from odoo import api, fields, models
from odoo.exceptions import UserError


class CallDisputeRaise(models.TransientModel):
    """Raises a dispute for a client that called or wrote: of chosen calls, or whole charges, of one statement."""

    _name = "call.dispute.raise"
    _description = "Raise a Dispute"

    statement_id = fields.Many2one(
        "call.statement", required=True, domain=lambda self: self._statement_domain(), help="A dispute is about one statement."
    )
    usage_ids = fields.Many2many(
        "call.usage.line",
        string="Calls",
        domain="[('statement_id', '=', statement_id), ('status', '=', 'billable'), ('quantity', '>', 0)]",
    )
    charge_ids = fields.Many2many(
        "call.charge",
        string="Whole Charges",
        domain="[('statement_id', '=', statement_id), ('component', 'not in', ('included', 'adjustment'))]",
        help="All calls of a charge, or a lump sum such as a minimum.",
    )
    reason_id = fields.Many2one("call.dispute.reason", required=True)
    comment = fields.Text(string="What the Client Says")
    partner_id = fields.Many2one(
        "res.partner",
        string="Raised by",
        compute="_compute_partner_id",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
        domain="[('id', 'child_of', client_id)]",
        help="Gets the mails about it.",
    )
    client_id = fields.Many2one(related="statement_id.partner_id")
    is_late = fields.Boolean(compute="_compute_is_late")
    override_note = fields.Char(string="Why All the Same", help="The contestation window is over: why it is taken on.")
    attachment_ids = fields.Many2many("ir.attachment", string="Files")

    @api.model
    def _statement_domain(self):
        billed = [("state", "in", ("invoiced", "settled")), ("billed_again_id", "=", False)]
        invoice = self.env.context.get("call_invoice_id")
        return [*billed, ("invoice_id", "=", invoice)] if invoice else billed

    @api.depends("statement_id")
    def _compute_partner_id(self):
        for wizard in self:
            wizard.partner_id = wizard.statement_id.contract_id.partner_id

    @api.depends("statement_id")
    def _compute_is_late(self):
        for wizard in self:
            statement = wizard.statement_id.sudo()
            wizard.is_late = bool(statement) and statement._is_billed() and not statement._can_be_disputed()

    def action_raise(self):
        self.ensure_one()
        if self.is_late and not self.override_note:
            raise UserError(self.env._("The contestation window is over: say why it is taken on all the same."))
        lines = [{"usage_id": usage} for usage in self.usage_ids.ids] + [{"charge_id": charge} for charge in self.charge_ids.ids]
        dispute = self.statement_id._raise_dispute(
            lines,
            self.reason_id,
            comment=self.comment,
            partner=self.partner_id,
            attachments=[(file.name, file.raw) for file in self.attachment_ids],
            override=self.is_late and self.override_note or None,
        )
        return dispute._open()

    @api.model
    def _open(self, values):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "views": [(False, "form")],
            "target": "new",
            "name": self.env._("Raise a Dispute"),
            "context": values,
        }
