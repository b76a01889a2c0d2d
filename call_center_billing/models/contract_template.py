from odoo import fields, models


class ContractTemplate(models.Model):
    _inherit = "contract.template"

    generation_type = fields.Selection(
        selection_add=[("call_billing", "Invoice with call usage")], ondelete={"call_billing": "set default"}
    )


class ContractTemplateLine(models.Model):
    _inherit = "contract.template.line"

    rate_plan_id = fields.Many2one(
        "call.rate.plan",
        index="btree_not_null",
        ondelete="restrict",
        help="Makes this a usage line: its calls are rated by this plan and invoiced when the period closes, instead "
        "of quantity x price.",
    )
    is_prorated = fields.Boolean(
        string="Prorated",
        default=True,
        help="Of a period that begins late or ends early a fixed fee is charged by the day. Holds for contracts that are billed with "
        "call usage.",
    )
