from odoo import api, fields, models
from odoo.tools import SQL, float_compare

UNUSUAL = 0.5
"""A total that differs from that of the last period by more than this part of it is worth a look."""


class CallBillingRunLine(models.Model):
    """A contract in a billing run: what it would come to, and what became of it."""

    _name = "call.billing.run.line"
    _description = "Contract in a Billing Run"
    _order = "run_id desc, partner_id, id"

    run_id = fields.Many2one("call.billing.run", required=True, ondelete="cascade", index=True)
    contract_id = fields.Many2one("contract.contract", required=True, ondelete="cascade", index=True)
    partner_id = fields.Many2one(related="contract_id.partner_id", store=True, string="Client")
    company_id = fields.Many2one(related="run_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="contract_id.currency_id")
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("left_out", "Left Out"),
            ("invoiced", "Invoiced"),
            ("nothing", "Nothing to Invoice"),
            ("failed", "Failed"),
        ],
        required=True,
        default="waiting",
        index=True,
    )
    message = fields.Text(string="Reason")
    tries = fields.Integer(readonly=True, help="How often the job began to bill it without coming to an end.")
    is_previewed = fields.Boolean()
    line_count = fields.Integer(string="Invoice Lines", help="Of the invoices that this contract would get.")
    amount = fields.Monetary(string="Expected", help="Sum of the invoice lines, at the prices of the contract, before taxes.")
    previous_amount = fields.Monetary(
        string="Last Invoice", help="What this contract had on its last invoice, at the same prices."
    )
    change = fields.Float(help="Expected against the last invoice, as part of that.")
    warning = fields.Text(string="Worth a Look")
    move_ids = fields.Many2many("account.move", "call_billing_run_line_move", "line_id", "move_id", string="Invoices")

    _contract_once = models.Constraint("UNIQUE (run_id, contract_id)", "A contract is in a run once.")

    @api.depends("contract_id")
    def _compute_display_name(self):
        for line in self:
            line.display_name = line.contract_id.display_name

    def action_leave_out(self):
        self.run_id.check_access("write")
        self.sudo().filtered(lambda line: line.state == "waiting" and line.run_id.state == "draft").state = "left_out"

    def action_take_in(self):
        self.run_id.check_access("write")
        self.sudo().filtered(lambda line: line.state == "left_out" and line.run_id.state == "draft").state = "waiting"

    def action_view_moves(self):
        self.ensure_one()
        return self.move_ids._action_open()

    def action_view_contract(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "contract.contract",
            "res_id": self.contract_id.id,
            "views": [(self.env.ref("contract.contract_contract_customer_form_view").id, "form")],
        }

    # --- Preview --------------------------------------------------------------------------------------

    def _preview(self):
        """Calculate what the contracts would be invoiced, by the billing itself; nothing but the preview is stored."""
        for run, lines in self.grouped("run_id").items():
            previous = lines._previous_amounts()
            contracts = lines.contract_id.with_company(run.company_id)
            found = {}
            for batch in contracts._batches():
                found |= batch._preview_periods(run.date)
            periods = {contract: contract._periods_due(run.date) for contract in contracts}
            missing = self.env["call.statement"].sudo()._find_incomplete(set().union(*periods.values()))
            for line in lines:
                vals_list, invoices, error = found[line.contract_id]
                findings = [finding.text for period in periods[line.contract_id] for finding in missing[period]]
                line.write(line._preview_values(vals_list, invoices, error, previous.get(line.contract_id.id, 0.0), findings))

    def _preview_values(self, vals_list, invoices, error, previous, findings):
        self.ensure_one()
        products = [vals for vals in vals_list if vals.get("display_type") == "product"]
        amount = sum(
            self.currency_id.round(vals["quantity"] * vals["price_unit"] * (1 - (vals.get("discount") or 0) / 100))
            for vals in products
        )
        change = (amount - previous) / abs(previous) if previous else 0.0
        return {
            "is_previewed": True,
            "line_count": len(products),
            "amount": amount,
            "previous_amount": previous,
            "change": change,
            "warning": error or "\n".join([*findings, *self._warnings(products, invoices, amount, change)]) or False,
        }

    def _warnings(self, products, invoices, amount, change):
        if not products:
            yield self.env._("Nothing to invoice.")
            return
        if invoices > 1:
            yield self.env._("%s periods are due.", invoices)
        if not any(vals.get("call_charge_id") for vals in products):
            yield self.env._("No usage in the period.")
        if float_compare(amount, 0, precision_rounding=self.currency_id.rounding) < 0:
            yield self.env._("The client gets a credit note.")
        if abs(change) > UNUSUAL:
            yield self.env._("Differs from the last invoice by %s %%.", f"{change * 100:+.0f}")

    def _previous_amounts(self):
        """:return: dict of contract id -> what it had on its last invoice, at the prices of the lines"""
        self.env.flush_all()
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    WITH billed AS (
                        SELECT l.contract_id, m.id AS move_id, a.quantity * a.price_unit * (1 - coalesce(a.discount, 0) / 100)
                               * CASE WHEN m.move_type = 'out_refund' THEN -1 ELSE 1 END AS amount,
                               max(m.id) OVER (PARTITION BY l.contract_id) AS last_id
                          FROM contract_line l
                          JOIN account_move_line a ON a.contract_line_id = l.id AND a.display_type = 'product'
                          JOIN account_move m ON m.id = a.move_id AND m.state <> 'cancel'
                         WHERE l.contract_id = ANY(%s))
                    SELECT contract_id, sum(amount)::float FROM billed WHERE move_id = last_id GROUP BY contract_id
                    """,
                    self.contract_id.ids,
                )
            )
        )
