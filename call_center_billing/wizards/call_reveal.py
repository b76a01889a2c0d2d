from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError

from ..models.call_access import KINDS
from ..models.call_usage_line import STAFF
from ..models.windows import form_of

SHOWN_FOR = timedelta(minutes=15)


class CallReveal(models.TransientModel):
    """Shows what is hidden of a call to somebody who said why. What was said is in ``call.access`` before anything is shown, and the
    look ends after some minutes; nothing of it is stored here."""

    _name = "call.reveal"
    _description = "Look at Hidden Data"

    usage_id = fields.Many2one("call.usage.line", string="Call", required=True, readonly=True, ondelete="cascade")
    kind = fields.Selection(KINDS, string="What", required=True, readonly=True)
    reason = fields.Char(string="Why", help="Kept with your name, the time and the call.")
    is_shown = fields.Boolean(compute="_compute_shown")
    caller = fields.Char(compute="_compute_shown")
    called = fields.Char(compute="_compute_shown")
    recording = fields.Char(compute="_compute_shown")
    recording_url = fields.Char(string="Address", compute="_compute_shown")

    @api.depends("usage_id", "kind")
    def _compute_shown(self):
        """Only what this user has just said why for."""
        since = fields.Datetime.now() - SHOWN_FOR
        for look in self:
            domain = [("user_id", "=", self.env.user.id), ("usage_id", "=", look.usage_id.id), ("kind", "=", look.kind)]
            logged = self.env["call.access"].sudo().search([*domain, ("at", ">=", since)], limit=1)
            call = look.usage_id.sudo() if logged and look.usage_id.has_access("read") else self.env["call.usage.line"].sudo()
            is_numbers = look.kind == "numbers"
            look.is_shown = bool(call)
            look.caller = is_numbers and call.caller
            look.called = is_numbers and call.called
            look.recording = not is_numbers and call.recording_ref
            look.recording_url = bool(call) and not is_numbers and call.source_id._recording_address(call.recording_ref)

    def action_reveal(self):
        """:raise AccessError: not of the staff, or the call is of another company; UserError: no reason"""
        self.ensure_one()
        self.check_access("read")
        self.usage_id.check_access("read")
        if not self.env.user.has_group(STAFF):
            raise AccessError(self.env._("Only the staff sees this."))
        self.env["call.access"]._log(self.usage_id, self.kind, self.reason)
        self.invalidate_recordset()
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        return form_of(self, target="new", name=kinds[self.kind])
