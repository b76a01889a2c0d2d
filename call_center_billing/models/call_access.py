"""Who looked at what is hidden from most: whole numbers, and recordings."""

from urllib.parse import quote

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from .call_usage_line import STAFF, Unchecked

KINDS = [("numbers", "Whole numbers"), ("recording", "Recording")]


class CallAccess(models.Model):
    """One look at the whole numbers of a call, or at its recording: who, when, which call, and why.

    Written by ``call.reveal`` before anything is shown, and by nobody else. It never changes.
    """

    _name = "call.access"
    _description = "Access to Hidden Data"
    _order = "id desc"

    user_id = fields.Many2one("res.users", required=True, readonly=True, ondelete="restrict")
    at = fields.Datetime(string="When", required=True, readonly=True)
    kind = fields.Selection(KINDS, string="What", required=True, readonly=True)
    reason = fields.Char(string="Why", required=True, readonly=True)
    usage_id = Unchecked("call.usage.line", string="Call", readonly=True, ondelete="set null", index=True)
    call_text = fields.Char(string="Numbers", readonly=True, help="As the client sees them.")
    start_at = fields.Datetime(string="Start of the Call", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Client", readonly=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="restrict")

    def write(self, vals):
        if vals:
            raise UserError(self.env._("What was looked at stays written down as it is."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("What was looked at stays written down."))

    @api.model
    def _log(self, call, kind, reason):
        """:raise UserError: no reason"""
        if not (reason or "").strip():
            raise UserError(self.env._("Say why."))
        call = call.sudo()
        return self.sudo().create(
            {
                "user_id": self.env.user.id,
                "at": fields.Datetime.now(),
                "kind": kind,
                "reason": reason.strip(),
                "usage_id": call.id,
                "call_text": f"{call.caller_shown or '?'} → {call.called_shown or '?'}",
                "start_at": call.start_at,
                "partner_id": call.partner_id.id,
                "company_id": call.company_id.id,
            }
        )


class CallUsageLine(models.Model):
    _inherit = "call.usage.line"  # pylint: disable=consider-merging-classes-inherited

    has_recording = fields.Boolean(
        compute="_compute_has_recording", search="_search_has_recording", compute_sudo=True, groups=STAFF
    )

    @api.depends("recording_ref")
    def _compute_has_recording(self):
        for call in self:
            call.has_recording = bool(call.recording_ref)

    @api.model
    def _search_has_recording(self, operator, value):
        if operator != "in":
            return NotImplemented
        known = self.sudo()._search([("recording_ref", "!=", False)])
        return [("id", "in" if True in value else "not in", known)]

    def action_open_recording(self):
        """Ask why, and show where the recording is."""
        return self._action_reveal("recording")

    def action_show_numbers(self):
        """Ask why, and show the whole numbers."""
        return self._action_reveal("numbers")

    def _action_reveal(self, kind):
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group(STAFF):
            raise AccessError(self.env._("Only the staff sees this."))
        names = dict(self.env["call.reveal"]._fields["kind"]._description_selection(self.env))
        return {
            "type": "ir.actions.act_window",
            "name": names[kind],
            "res_model": "call.reveal",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_usage_id": self.id, "default_kind": kind},
        }


class CallSource(models.Model):
    _inherit = "call.source"  # pylint: disable=consider-merging-classes-inherited

    recording_url = fields.Char(
        string="Address of Recordings",
        help="Of the phone system's own page for a recording; {recording} stands for its reference. Opened only after "
        "somebody said why.",
    )

    @api.constrains("recording_url")
    def _check_recording_url(self):
        for source in self:
            url = source.recording_url
            host, _slash, rest = (url or "https://x/{recording}").partition("://")[2].partition("/")
            if url and (not url.startswith(("https://", "http://")) or "{" in host or "{recording}" not in rest):
                raise ValidationError(
                    self.env._("The address of recordings begins with https:// and a server, and has {recording} behind it.")
                )

    def _recording_address(self, reference):
        """Where a recording is; what the phone system wrote never leads to another server."""
        self.ensure_one()
        return self.recording_url.replace("{recording}", quote(reference, safe="")) if self.recording_url and reference else False
