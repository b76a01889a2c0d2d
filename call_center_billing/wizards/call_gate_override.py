from odoo import api, fields, models
from odoo.fields import Domain


class CallGateOverride(models.TransientModel):
    """Asks why periods are to be invoiced although something seems to be missing."""

    _name = "call.gate.override"
    _description = "Close Anyway"

    statement_ids = fields.Many2many(
        "call.statement",
        string="Statements",
        required=True,
        domain=[("state", "=", "open")],
        default=lambda self: self._default_statements(),
    )
    findings = fields.Text(compute="_compute_findings")
    reason = fields.Char(required=True)

    @api.model
    def _default_statements(self):
        chosen = Domain("id", "in", self.env.context.get("active_ids") or [])
        return self.env["call.statement"].search(chosen & Domain("state", "=", "open"))

    @api.depends("statement_ids")
    def _compute_findings(self):
        for wizard in self:
            wizard.findings = "\n".join(
                f"{statement.display_name}: {finding.text}"
                for statement, findings in wizard.statement_ids._origin._completeness().items()
                for finding in findings
            )

    def action_override(self):
        self.ensure_one()
        self.statement_ids._override_gate(self.reason)
        return {"type": "ir.actions.act_window_close"}
