"""How long personal data of calls is kept, and what has to stay in spite of it."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..formats.numbers import canonical_number, dialling


class CallRetention(models.Model):
    """How many months after the end of its billing period the personal part of a call is kept.

    Of several rules that fit a call the most specific one counts: that of its contract before that of the client's country before that of
    its source before that of the company. Without a rule everything stays. What happens is up to ``call.purge``.
    """

    _name = "call.retention"
    _description = "Retention of Personal Data"
    _order = "company_id, contract_id, country_id, source_id, id"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    source_id = fields.Many2one("call.source", check_company=True, ondelete="cascade", help="Empty: all sources.")
    contract_id = fields.Many2one("contract.contract", check_company=True, ondelete="cascade", help="Empty: all contracts.")
    country_id = fields.Many2one("res.country", string="Country of the Client", ondelete="cascade", help="Empty: all countries.")
    months = fields.Integer(
        required=True, default=12, help="After the end of the billing period; of what is in none, after it came."
    )
    digits = fields.Integer(
        string="Digits to Remove",
        required=True,
        default=15,
        help="Last digits of the callers' and called parties' numbers. 15: all.",
    )
    agents = fields.Boolean(string="Names of Agents", help="Names of agents are removed as well, also from performance figures.")
    active = fields.Boolean(default=True)

    _one_rule = models.UniqueIndex(
        "(company_id, coalesce(source_id, 0), coalesce(contract_id, 0), coalesce(country_id, 0)) WHERE active",
        "There is a rule for this already.",
    )
    _months_positive = models.Constraint("CHECK (months > 0)", "Keep personal data for one month at least.")
    _digits_range = models.Constraint("CHECK (digits BETWEEN 1 AND 15)", "Remove between 1 and 15 digits.")

    @api.depends("company_id", "source_id", "contract_id", "country_id", "months")
    def _compute_display_name(self):
        for rule in self:
            parts = [rule.contract_id.name, rule.country_id.name, rule.source_id.name]
            scope = ", ".join(part for part in parts if part) or rule.company_id.name or ""
            rule.display_name = self.env._("%(scope)s: %(months)s months", scope=scope, months=rule.months)

    @api.model
    def _best(self, company, source, contract, country):
        """SELECT of the rule that counts.

        :param company, source, contract, country: SQL of their ids
        """
        return SQL(
            """
            SELECT id, months, digits, agents FROM call_retention r
             WHERE r.active AND r.company_id = %s AND (r.source_id IS NULL OR r.source_id = %s)
               AND (r.contract_id IS NULL OR r.contract_id = %s) AND (r.country_id IS NULL OR r.country_id = %s)
             ORDER BY r.contract_id IS NULL, r.country_id IS NULL, r.source_id IS NULL LIMIT 1
            """,
            company,
            source,
            contract,
            country,
        )


class CallLegalHold(models.Model):
    """What neither retention nor erasure touches as long as this is active: calls of a contract, of a source, with a number, or those
    that are all of what is named; with nothing named, everything of the company."""

    _name = "call.legal.hold"
    _description = "Legal Hold"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(string="Reason", required=True, tracking=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    source_id = fields.Many2one("call.source", check_company=True, ondelete="restrict", tracking=True)
    contract_id = fields.Many2one("contract.contract", check_company=True, ondelete="restrict", tracking=True)
    number = fields.Char(help="Of a caller or a called party, with country code.", tracking=True)
    number_key = fields.Char(compute="_compute_number_key", store=True)
    until = fields.Date(help="Last day on which it holds. Empty: until it is archived.", tracking=True)
    active = fields.Boolean(default=True, tracking=True)

    @api.depends("number", "company_id")
    def _compute_number_key(self):
        for hold in self:
            hold.number_key = number_key(hold.number, hold.company_id) or False

    @api.constrains("number")
    def _check_number(self):
        for hold in self:
            if hold.number and not hold.number_key:
                raise ValidationError(self.env._("'%s' has no digits that a number could be known by.", hold.number))

    @api.model
    def _is_held(self, company, source, contract, numbers):
        """Condition that a hold keeps something as it is.

        :param company, source, contract: SQL of their ids
        :param numbers: list of SQL of numbers, see :func:`digits_of`; none: whatever its numbers are
        """
        mine = SQL(" OR ").join(SQL("h.number_key = %s", number) for number in numbers) if numbers else SQL("true")
        return SQL(
            """
            EXISTS (SELECT FROM call_legal_hold h
                     WHERE h.active AND h.company_id = %s AND (h.until IS NULL OR h.until >= %s)
                       AND (h.source_id IS NULL OR h.source_id = %s) AND (h.contract_id IS NULL OR h.contract_id = %s)
                       AND (h.number_key IS NULL OR %s))
            """,
            company,
            fields.Date.today(),
            source,
            contract,
            mine,
        )


def number_key(number, company):
    """Digits of a number with its country code, as far as that can be told; '' where there are none."""
    number = canonical_number(number or "", dialling(company.country_id.code)) or ""
    return "".join(filter(str.isdigit, number))


def digits_of(alias, side):
    """SQL of the digits of a call's number, with country code where that was told: what numbers are compared by."""
    return SQL(
        "coalesce(ltrim(%s, '+'), regexp_replace(split_part(translate(%s, ';', '@'), '@', 1), '[^0-9]', '', 'g'))",
        SQL.identifier(alias, f"{side}_e164"),
        SQL.identifier(alias, side),
    )
