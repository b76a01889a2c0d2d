from odoo import api, fields, models
from odoo.exceptions import ValidationError


class CallPaymentPromise(models.Model):
    """What a client promised: to pay some invoices, or all that is open, until a day. Reminders of these pause until then.

    Who noted it and when is kept. One that was made in error is archived, not deleted.
    """

    _name = "call.payment.promise"
    _description = "Promise to Pay"
    _inherit = ["mail.thread"]
    _order = "date desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", string="Client", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    invoice_ids = fields.Many2many(
        "account.move",
        string="Invoices",
        domain="[('commercial_partner_id', '=', partner_id), ('move_type', '=', 'out_invoice'), ('state', '=', 'posted'),"
        " ('payment_state', 'in', ('not_paid', 'partial'))]",
        help="None: all that is open, and what falls due until then.",
    )
    date = fields.Date(string="Pays Until", required=True, tracking=True, help="Reminders go on the day after.")
    note = fields.Char(tracking=True, help="Who promised it, and how.")
    user_id = fields.Many2one("res.users", string="Noted by", required=True, readonly=True, default=lambda self: self.env.user)
    active = fields.Boolean(default=True, tracking=True)

    @api.constrains("date")
    def _check_date(self):
        today = fields.Date.context_today(self)
        if any(promise.date < today for promise in self):
            raise ValidationError(self.env._("A promise is about a day to come."))

    @api.model_create_multi
    def create(self, vals_list):
        promises = super().create(vals_list)
        for promise in promises:
            promise.partner_id = promise.partner_id.commercial_partner_id
            for invoice in promise.invoice_ids:
                promise.company_id = invoice.company_id
                invoice.message_post(body=self.env._("The client promised to pay until %s.", promise._date_text()))
        return promises

    def _date_text(self):
        return self.env["ir.qweb.field.date"].value_to_html(self.date, {})

    def _paused(self, moves):
        """Those of these invoices that are not reminded of while it holds."""
        self.ensure_one()
        if self.invoice_ids:
            return moves & self.invoice_ids
        return moves.filtered(lambda move: (move.commercial_partner_id, move.company_id) == (self.partner_id, self.company_id))

    @api.model
    def _open(self, values):
        self.check_access("create")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Promise to Pay"),
            "res_model": self._name,
            "views": [(False, "form")],
            "target": "new",
            "context": values,
        }
