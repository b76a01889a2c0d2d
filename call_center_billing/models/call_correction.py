from odoo import api, fields, models
from odoo.tools import SQL

from ..formats.record import PARTS

FREED = {"out": "disputed", "waived": "waived"}
"""Kinds of corrections that charge nothing for a call, and the reason it is not billable then."""
OF_CALLS = ("included", "duration", "call", "part", "destination", "cost", "adjustment")
"""Components of charges that are sums of calls, or of earlier charges; those of other add-ons are lump sums."""
LUMP_KEY = ("statement_id", "contract_line_id", "component", "rule_id", "term_id", "late_of_id")
CORRECTED = ("contract_line_id", "disposition", *PARTS)
"""What a correction may change of a call."""


def is_lump(component):
    """
    >>> is_lump("minimum"), is_lump("duration"), is_lump(False)
    (True, False, False)
    """
    return bool(component) and component not in OF_CALLS


def corrected(call):
    """LEFT JOIN of what accepted disputes corrected of a call, as k; all columns NULL where they did not."""
    return SQL(
        """
        LEFT JOIN (SELECT n.usage_id, %s FROM call_correction n JOIN call_dispute_line d ON d.id = n.dispute_line_id
                    WHERE n.kind = 'corrected') k ON k.usage_id = %s
        """,
        SQL(", ").join(SQL("d.%s AS %s", SQL.identifier(f"corrected_{name}"), SQL.identifier(name)) for name in CORRECTED),
        SQL.identifier(call, "id"),
    )


class CallCorrection(models.Model):
    """What an accepted dispute makes of a call, or of a lump sum, whenever its period is rated again.

    What the phone system said, and what was billed, never changes: this stands beside it. Written when a dispute is decided and by
    nothing else; a call has at most one, that of the last dispute that was accepted. The values of a corrected call are on the
    line of the dispute. A call that is taken out does not count at all, one that is waived counts for service levels. A lump sum
    has the amount that the dispute left of it.
    """

    _name = "call.correction"
    _description = "Correction of a Call"
    _log_access = False

    usage_id = fields.Many2one("call.usage.line", string="Call", readonly=True, ondelete="cascade")
    charge_id = fields.Many2one("call.charge", string="Lump Sum", readonly=True, ondelete="cascade")
    dispute_line_id = fields.Many2one("call.dispute.line", required=True, readonly=True, ondelete="restrict", index=True)
    dispute_id = fields.Many2one(related="dispute_line_id.dispute_id")
    company_id = fields.Many2one(related="dispute_line_id.company_id")
    kind = fields.Selection(
        [("out", "Taken out"), ("waived", "Not charged"), ("corrected", "Corrected"), ("amount", "Other amount")],
        required=True,
        readonly=True,
    )

    _one_per_call = models.UniqueIndex("(usage_id) WHERE usage_id IS NOT NULL")
    _one_per_charge = models.UniqueIndex("(charge_id) WHERE charge_id IS NOT NULL")

    @api.model
    def _store(self, corrections, column="usage_id"):
        """:param corrections: SELECT of id of the call, or of the charge, id of the line of the dispute, kind"""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO call_correction (%(column)s, dispute_line_id, kind) %(corrections)s
                    ON CONFLICT (%(column)s) WHERE %(column)s IS NOT NULL
                    DO UPDATE SET dispute_line_id = EXCLUDED.dispute_line_id, kind = EXCLUDED.kind
                    WHERE call_correction.kind <> 'out' OR EXCLUDED.kind <> 'out'
                """,
                column=SQL.identifier(column),
                corrections=corrections,
            )
        )
        self.invalidate_model()
        self.env["call.usage.line"].invalidate_model(["dispute_text", "trace"])

    @api.model
    def _fix_lumps(self, charges):
        """Give lump sums among the charges of a calculation the amount that disputes left of them.

        :param charges: list of values of call.charge
        """
        statements = self.env["call.statement"].browse({vals["statement_id"] for vals in charges})
        fixed = self.search([("charge_id.statement_id", "in", (statements | statements.earlier_ids).ids)])
        amounts = {fix.charge_id._lump_key(): fix.dispute_line_id.corrected_amount for fix in fixed}
        for vals in charges if amounts else ():
            key = tuple(vals.get(name) or False for name in LUMP_KEY)
            if key in amounts:
                vals.update(quantity=1, unit_price=amounts[key], amount=amounts[key])
