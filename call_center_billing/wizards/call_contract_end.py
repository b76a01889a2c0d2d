from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..models.call_price import number


class CallContractEnd(models.TransientModel):
    """Ends a contract: shows what notice and the agreed end say to that, what an early end costs by its terms, and what is given back."""

    _name = "call.contract.end"
    _description = "End Contract"

    contract_id = fields.Many2one(
        "contract.contract", required=True, readonly=True, default=lambda self: self._default_contract()
    )
    currency_id = fields.Many2one(related="contract_id.currency_id")
    last_day = fields.Date(required=True, compute="_compute_last_day", store=True, readonly=False)
    reason = fields.Char(required=True)
    warning = fields.Text(compute="_compute_warning")
    refund_amount = fields.Monetary(
        string="Given Back",
        compute="_compute_amounts",
        help="Fixed fees that were invoiced in advance for days after the last one.",
    )
    remaining_amount = fields.Monetary(
        string="Fees until the Agreed End",
        compute="_compute_amounts",
        help="Fixed fees that would still have been charged for the days after the last one.",
    )
    early_end_percent = fields.Float(related="contract_id.early_end_percent")
    agreed_fee = fields.Monetary(
        string="Fee by the Terms",
        compute="_compute_amounts",
        help="What the contract's terms charge for an end before the agreed one.",
    )
    fee = fields.Monetary(
        string="Fee to Charge",
        compute="_compute_fee",
        store=True,
        readonly=False,
        help="0 waives it. It is on the invoice of the last period.",
    )
    fee_differs = fields.Boolean(compute="_compute_fee_differs")
    fee_reason = fields.Char(string="Why Another Fee")
    product_id = fields.Many2one(
        "product.product",
        compute="_compute_product_id",
        store=True,
        readonly=False,
        string="Product of the Fee",
        help="The fee has its taxes and its account.",
    )

    @api.model
    def _default_contract(self):
        return self.env["contract.contract"].browse(self.env.context.get("active_id"))

    @api.depends("contract_id")
    def _compute_last_day(self):
        """The agreed end; where there is none, or it is too late for that, what notice allows."""
        today = fields.Date.context_today(self)
        for wizard in self:
            wizard.last_day = wizard.contract_id.date_end or wizard.contract_id._earliest_end(today)

    @api.depends("contract_id", "last_day")
    def _compute_warning(self):
        today = fields.Date.context_today(self)
        for wizard in self:
            contract, day, texts = wizard.contract_id, wizard.last_day, []
            agreed, earliest = contract.date_end, contract._earliest_end(today)
            if day and day < earliest and not (contract.renewal == "none" and agreed and day >= agreed):
                texts.append(self.env._("Notice that is given today allows %s at the earliest.", format_date(self.env, earliest)))
            if day and agreed and day < agreed:
                texts.append(self.env._("It was agreed until %s.", format_date(self.env, agreed)))
            wizard.warning = "\n".join(texts)

    @api.depends("contract_id", "last_day")
    def _compute_amounts(self):
        for wizard in self:
            contract, day = wizard.contract_id, wizard.last_day
            lines, agreed = contract.contract_line_ids, contract.date_end
            refunds = lines._prepare_refunds(day) if day else []
            remaining = lines._fees_after(day, agreed) if day and agreed and day < agreed else Fraction()
            fee = remaining * Fraction(number(contract.early_end_percent)) / 100
            wizard.refund_amount = -sum(vals["price_unit"] for vals in refunds)
            wizard.remaining_amount = contract.currency_id.round(float(remaining))
            wizard.agreed_fee = contract.currency_id.round(float(fee))

    @api.depends("contract_id", "last_day")
    def _compute_fee(self):
        for wizard in self:
            wizard.fee = wizard.agreed_fee

    @api.depends("fee", "agreed_fee")
    def _compute_fee_differs(self):
        for wizard in self:
            wizard.fee_differs = bool(wizard.currency_id.compare_amounts(wizard.fee, wizard.agreed_fee))

    @api.depends("contract_id")
    def _compute_product_id(self):
        """That of a fixed fee, or of another line."""
        for wizard in self:
            lines = wizard.contract_id.contract_line_ids
            wizard.product_id = (lines.filtered(lambda line: line._is_fixed_fee()).product_id or lines.product_id)[:1]

    def action_end(self):
        """:raise UserError: another fee than that of the terms, without a reason"""
        self.ensure_one()
        if self.fee < 0:
            raise UserError(self.env._("The fee must not be negative."))
        if self.fee_differs and not (self.fee_reason or "").strip():
            raise UserError(self.env._("Say why the fee is another one than that of the terms."))
        contract = self.contract_id
        env = self.with_context(lang=contract.partner_id.lang or self.env.lang).env
        name = env._("Early termination on %s", format_date(env, self.last_day))
        contract._end(self.last_day, self.reason, self.fee, name, self.product_id)
        if self.fee_differs:
            contract.message_post(
                body=self.env._(
                    "Early termination fee %(fee)s instead of %(agreed)s: %(reason)s",
                    fee=self.currency_id.format(self.fee),
                    agreed=self.currency_id.format(self.agreed_fee),
                    reason=self.fee_reason,
                )
            )
        return {"type": "ir.actions.act_window_close"}
