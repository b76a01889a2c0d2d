from odoo import fields, models
from odoo.fields import Command

from ..models.windows import form_of


class CallGapCheck(models.TransientModel):
    """What is missing before a contract can be offered, as it was when it was looked for; see
    ``contract.contract._agreement_gaps``."""

    _name = "call.gap.check"
    _description = "Check for Gaps"

    contract_id = fields.Many2one("contract.contract", required=True, ondelete="cascade", readonly=True)
    line_ids = fields.One2many("call.gap.check.line", "check_id", readonly=True)

    def action_check(self):
        """Look again, after something was mended."""
        self.ensure_one()
        return self._show()

    def _show(self):
        gaps = self.contract_id._agreement_gaps()
        self.line_ids = [
            Command.clear(),
            *(Command.create({"message": gap.message, "res_model": gap.record._name, "res_id": gap.record.id}) for gap in gaps),
        ]
        return form_of(self, target="new", name=self.env._("Check for Gaps"))


class CallGapCheckLine(models.TransientModel):
    """One thing that is missing, and the record in which it is mended."""

    _name = "call.gap.check.line"
    _description = "Gap"

    check_id = fields.Many2one("call.gap.check", required=True, ondelete="cascade")
    message = fields.Char(required=True, string="What is missing")
    res_model = fields.Char(required=True)
    res_id = fields.Many2oneReference(model_field="res_model", required=True)

    def action_open(self):
        """Open the record in which it is mended."""
        self.ensure_one()
        # OCA chooses the form of a contract line by this.
        return self.env[self.res_model].with_context(default_contract_type="sale").browse(self.res_id).get_formview_action()
