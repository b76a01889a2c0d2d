import hashlib
import secrets

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import consteq

from .. import formats

MAX_ID = 2**31 - 1


class CallSource(models.Model):
    """Deliveries by HTTP: address, secret and limit of a source. Bodies are kept by ``call.push``."""

    _inherit = "call.source"  # pylint: disable=consider-merging-classes-inherited

    push_enabled = fields.Boolean(
        string="Receive by HTTP Push", copy=False, help="The phone system posts each call when it is over to the address below."
    )
    push_url = fields.Char(string="Push Address", compute="_compute_push_url")
    push_secret_hash = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)
    push_secret_at = fields.Datetime(string="Secret Made on", readonly=True, copy=False)
    push_per_minute = fields.Integer(
        string="Most Posts per Minute",
        default=600,
        required=True,
        help="Every post with the right secret counts, also one that is refused or was here already. More are answered with "
        "429: the phone system tries again later.",
    )
    can_push = fields.Boolean(compute="_compute_can_push")

    @api.depends("format")
    def _compute_can_push(self):
        for source in self:
            source.can_push = bool(source.format and formats.get(source.format).bodies)

    def _compute_push_url(self):
        for source in self:
            source.push_url = f"{source.get_base_url()}/call_center_billing/push/{source.id}" if source.id else False

    @api.constrains("push_per_minute")
    def _check_push_per_minute(self):
        if any(source.push_per_minute < 1 for source in self):
            raise ValidationError(self.env._("At least one post per minute has to be allowed."))

    def action_new_push_secret(self):
        """Make a new secret; the one before is no longer valid.

        :return: a notification that shows it. It is not stored and cannot be shown again
        """
        self.ensure_one()
        self.check_access("write")
        secret = secrets.token_urlsafe(32)
        self.sudo().write({"push_secret_hash": self._hash_push_secret(secret), "push_secret_at": fields.Datetime.now()})
        self.message_post(body=self.env._("A new secret for HTTP push was made."))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning",
                "sticky": True,
                "title": self.env._("Copy this secret now: it is not shown again"),
                "message": secret,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    @api.model
    def _hash_push_secret(self, secret):
        # The secret is 256 random bits: no salt and no slow hash would make it harder to guess.
        return hashlib.sha256(secret.encode()).hexdigest()

    @api.model
    def _find_pushing(self, source_id, secret):
        """The source that a request may push to, with ``sudo``; empty where source or secret is wrong, whichever."""
        source = self.sudo().search([("id", "=", min(source_id, MAX_ID)), ("push_enabled", "=", True)])
        expected = source.push_secret_hash or self._hash_push_secret("")
        same = consteq(self._hash_push_secret(secret), expected)
        return source if same and source.push_secret_hash else source.browse()
