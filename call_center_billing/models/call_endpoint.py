from datetime import date

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..formats.numbers import dialling, number_key

KINDS = [
    ("account_code", "Account code"),
    ("campaign", "Campaign"),
    ("queue", "Queue"),
    ("number", "Number"),
]

TRACED = {"kind", "value", "contract_line_id", "source_id", "date_start", "date_end"}


class CallEndpoint(models.Model):
    """Ties calls to a contract line, by what the call carries and its day in the client's time zone.

    Kinds are tried in the order account code, campaign, queue, number: the first that matches guides the call. No
    two endpoints of one kind and value overlap in time on one source, so guiding never has to choose.
    """

    _name = "call.endpoint"
    _description = "Call Endpoint"
    _order = "contract_id, kind, value, date_start"

    kind = fields.Selection(KINDS, required=True, default="number", help="By what of a call it is recognised.")
    value = fields.Char(
        required=True,
        help="Number: the called number of inbound calls, the caller's of outbound calls; spaces, + and 00 do not "
        "matter. Others: exactly as the phone system writes it; upper and lower case do not matter.",
    )
    match_value = fields.Char(compute="_compute_match_value", store=True, index=True)
    contract_line_id = fields.Many2one(
        "contract.line",
        required=True,
        ondelete="cascade",
        index=True,
        domain="[('rate_plan_id', '!=', False)]",
        help="The service that these calls are charged with: a line with a rate plan.",
    )
    contract_id = fields.Many2one(related="contract_line_id.contract_id", store=True, index=True)
    partner_id = fields.Many2one(related="contract_id.partner_id", store=True, string="Client")
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True)
    source_id = fields.Many2one("call.source", ondelete="restrict", help="Only calls of this source. Empty: any source.")
    date_start = fields.Date(string="From", help="First day. Empty: always.")
    date_end = fields.Date(string="Until", help="Last day. Empty: for good.")
    suspense_count = fields.Integer(
        string="Suspended", compute="_compute_suspense_count", help="Suspended records that this endpoint would guide now."
    )

    _dates_ordered = models.Constraint("CHECK (date_end >= date_start)", "An endpoint must not end before it starts.")

    @api.depends("kind", "value", "source_id.country_id", "company_id.country_id")
    def _compute_match_value(self):
        for endpoint in self:
            value = (endpoint.value or "").strip()
            country = endpoint.source_id.country_id or endpoint.company_id.country_id
            endpoint.match_value = number_key(value, dialling(country.code)) if endpoint.kind == "number" else value.lower()

    def _compute_suspense_count(self):
        found = self._solvable_suspense()
        for endpoint in self:
            endpoint.suspense_count = len(found.get(endpoint._origin.id, ()))

    def _solvable_suspense(self):
        """Open suspended records that these endpoints match, whatever else may be wrong with them.

        :return: dict of endpoint id -> list of suspense ids
        """
        self.flush_model()
        self.env["call.suspense"].flush_model()
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT e.id, array_agg(p.id)
                      FROM call_endpoint e
                      JOIN call_suspense p ON p.company_id = e.company_id AND p.state = 'open'
                           AND p.reason IN ('no_endpoint', 'not_in_force')
                           AND e.match_value = CASE e.kind WHEN 'number' THEN p.number_key
                                                           WHEN 'queue' THEN lower(p.queue)
                                                           WHEN 'campaign' THEN lower(p.campaign)
                                                           ELSE lower(p.account_code) END
                           AND (e.source_id IS NULL OR e.source_id = p.source_id)
                           AND (e.date_start IS NULL OR p.start_at >= e.date_start - interval '1 day')
                           AND (e.date_end IS NULL OR p.start_at < e.date_end + interval '2 days')
                     WHERE e.id IN %s GROUP BY e.id
                    """,
                    tuple(self._origin.ids) or (0,),
                )
            )
        )

    def action_recycle_suspense(self):
        """Take the suspended records that these endpoints solve through the import again."""
        found = self._solvable_suspense()
        return self.env["call.suspense"].browse({record for ids in found.values() for record in ids}).action_recycle()

    @api.depends("kind", "value")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for endpoint in self:
            endpoint.display_name = f"{kinds.get(endpoint.kind, '')} {endpoint.value or ''}".strip()

    # --- What the client can see of changes ---------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        endpoints = super().create(vals_list)
        endpoints._trace({e: self.env._("%s was added", e._agreed_text()) for e in endpoints})
        return endpoints

    def write(self, vals):
        before = {endpoint: endpoint._agreed_text() for endpoint in self} if set(vals) & TRACED else {}
        res = super().write(vals)
        changed = {e: self.env._("%(old)s is now %(new)s", old=old, new=e._agreed_text()) for e, old in before.items()}
        self._trace({e: text for e, text in changed.items() if before[e] != e._agreed_text()})
        return res

    def unlink(self):
        self._trace({e: self.env._("%s was removed", e._agreed_text()) for e in self})
        return super().unlink()

    def _agreed_text(self):
        """The endpoint as an agreement names it: what it is, whose service, which days."""
        self.ensure_one()
        line = self.contract_line_id
        return f"{self.display_name} ({line._agreed_name()}{line._days_text(self, date.min)})"

    def _trace(self, texts):
        """Note small changes of what was agreed on the contract: they need no signature, but the client can see them.

        :param texts: dict of endpoint -> what happened to it
        """
        if not texts:
            return
        signed = (
            self.env["call.agreement"]
            .sudo()
            .search(
                [
                    ("state", "=", "accepted"),
                    "|",
                    ("contract_id", "in", self.contract_id.ids),
                    ("location_ids", "in", self.contract_id.ids),
                ]
            )
        )
        for contract in signed._contracts() & self.contract_id:
            body = Markup("<br/>").join(text for endpoint, text in texts.items() if endpoint.contract_id == contract)
            contract.sudo().message_post(body=body, subtype_xmlid="call_center_billing.mt_scope")

    @api.constrains("contract_line_id")
    def _check_usage_line(self):
        for endpoint in self:
            if not endpoint.contract_line_id.rate_plan_id:
                raise ValidationError(
                    self.env._("'%s' is not a usage line: choose a line with a rate plan.", endpoint.contract_line_id.name)
                )

    @api.constrains("kind", "value", "contract_line_id", "source_id", "date_start", "date_end")
    def _check_overlap(self):
        """One statement finds every clash of the saved endpoints with any other of the company."""
        self.flush_model()
        clashes = self.env.execute_query(
            SQL(
                """
                SELECT a.id, b.id
                  FROM call_endpoint a
                  JOIN call_endpoint b ON b.kind = a.kind AND b.match_value = a.match_value AND b.id <> a.id
                       AND b.company_id = a.company_id
                       AND (a.source_id IS NULL OR b.source_id IS NULL OR a.source_id = b.source_id)
                       AND daterange(a.date_start, a.date_end, '[]') && daterange(b.date_start, b.date_end, '[]')
                 WHERE a.id IN %s
                 LIMIT 1
                """,
                tuple(self.ids),
            )
        )
        for mine, other in clashes:
            endpoint, clash = self.browse(mine), self.browse(other).sudo()
            raise ValidationError(
                self.env._(
                    "%(endpoint)s already belongs to %(client)s, contract %(contract)s, on some of these days. End one of "
                    "them before the other starts.",
                    endpoint=endpoint.display_name,
                    client=clash.partner_id.display_name,
                    contract=clash.contract_id.display_name,
                )
            )
