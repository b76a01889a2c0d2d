from odoo import api, fields, models

from .account_move_line import Asked

UNSENT = ("to_be_sent", "queued", "error", "email_error")


class CreditControlLine(models.Model):
    """A reminder of one receivable. What it asks for is what is open, less what is disputed, less credit; as long as it was not sent
    it follows what becomes of the invoice."""

    _inherit = "credit.control.line"

    call_open_amount = fields.Monetary(string="Open", readonly=True)
    call_disputed_amount = fields.Monetary(string="Disputed", readonly=True, help="Of what is open.")
    call_credit_amount = fields.Monetary(
        string="Credit", readonly=True, help="Payments and credit notes of the client that are not used for an invoice yet."
    )
    call_paid_amount = fields.Monetary(string="Paid", compute="_compute_call_paid_amount")

    @api.depends("amount_due", "call_open_amount")
    def _compute_call_paid_amount(self):
        for line in self:
            line.call_paid_amount = line.amount_due - line.call_open_amount

    @api.model
    def create_or_update_from_mv_lines(self, *args, **kwargs):
        created = super().create_or_update_from_mv_lines(*args, **kwargs)
        created._set_asked()
        return created

    def write(self, vals):
        """Whatever sends them, a mail that left or a letter that was printed, passes here. The next level counts from that day."""
        if vals.get("state") != "sent":
            return super().write(vals)
        today = fields.Date.today()
        res = super().write({"date": today, "date_sent": today, **vals})
        last = self.sudo().filtered(lambda line: line.policy_level_id._is_last())
        for contract in last.invoice_id._call_contracts():
            contract._consider_suspending(last.filtered(lambda line, c=contract: c in line.invoice_id._call_contracts()))
        return res

    def _counted(self):
        """Those that count for the level that is reached."""
        return self.filtered(lambda line: line.state not in ("draft", "ignored") and not line.manually_overridden)

    def _is_unsent(self):
        return self.state in UNSENT

    def _set_asked(self):
        """Amounts as they are now; by mail where there is an address to send it to."""
        asked = self.move_line_id._asked()
        addresses = {
            partner: self.env["res.partner"].browse(partner.address_get(["invoice"])["invoice"]) for partner in self.partner_id
        }
        for line in self:
            amounts = asked.get(line.move_line_id, Asked())
            line.call_open_amount = amounts.open
            line.call_disputed_amount = amounts.disputed
            line.call_credit_amount = amounts.credit
            line.balance_due = amounts.now
            if line.policy_level_id.channel == "email":
                line.channel = "email" if addresses[line.partner_id].email or line.partner_id.email else "letter"

    def _follow(self, in_spite_of_promises=False):
        """What was not sent yet follows what became of the invoices: what is not chased any more is dropped.

        :return: those that are left
        """
        chased = self.move_line_id._chased(in_spite_of_promises=in_spite_of_promises)
        dropped = self.filtered(lambda line: line.move_line_id not in chased)
        dropped.state = "ignored"
        (self - dropped)._set_asked()
        return self - dropped

    def _send(self, in_spite_of_promises=False):
        """Queue what goes by mail; letters are left for people.

        :return: action that shows the letters, if there are any
        """
        left = self._follow(in_spite_of_promises).filtered(lambda line: line.state != "queued")
        left.state = "to_be_sent"
        mails = left.filtered(lambda line: line.channel == "email")
        Communication = self.env["credit.control.communication"].with_context(mail_create_nosubscribe=True)
        fresh = mails.filtered(lambda line: not line.communication_id)
        known = mails.communication_id
        communications = known | Communication._generate_comm_from_credit_lines(fresh) if fresh else known
        communications.call_in_spite_of_promises = in_spite_of_promises
        communications._generate_emails()
        letters = left - mails
        if not letters:
            return True
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing_credit_control.letter_action")
        return action | {"domain": [("id", "in", letters.ids)]}


class AccountMove(models.Model):
    _inherit = "account.move"  # pylint: disable=consider-merging-classes-inherited

    def _call_contracts(self):
        """The contracts that these invoices are for."""
        return self.call_statement_ids.contract_id | self.invoice_line_ids.contract_line_id.contract_id
