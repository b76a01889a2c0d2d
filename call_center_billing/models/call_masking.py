"""Numbers as the client sees them: the last digits of the other party's are hidden where the contract says so."""

import re

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .call_usage_line import NUMBERS

EXTENSION = 5
"""A number of at most so many digits is an extension or a short number, of nobody in particular."""
OWN_SIDE = {"caller": "outbound", "called": "inbound"}
"""The direction in which a number is the client's own."""
SHOWN = {"caller_shown": "caller", "called_shown": "called"}
# One pattern for both: Python and PostgreSQL read it alike.
LAST_DIGITS = r"[0-9](?=(?:[^0-9]*[0-9]){0,%s}[^0-9]*\Z)"


def masked(number, digits):
    """A number without its last digits; what may repeat it, such as the parameters of an address, is left out.

    >>> masked("+49 170 5550111", 4), masked("sip:+491705550111@10.0.0.1", 3), masked("tel:0111;phone-context=+491705550", 3)
    ('+49 170 555XXXX', 'sip:+491705550XXX', 'tel:0111')
    >>> masked("+491705550111", 0), masked("20111", 4), masked("anonymous", 4), masked("+491705550111", 15)
    ('+491705550111', '20111', 'anonymous', '+XXXXXXXXXXXX')
    """
    if not number or digits < 1:
        return number
    bare = re.split("[@;]", number, maxsplit=1)[0]
    if len(re.findall("[0-9]", bare)) <= EXTENSION:
        return bare
    return re.sub(LAST_DIGITS % (digits - 1), "X", bare)


def masked_sql(number, is_own, digits):
    """:func:`masked`, of a number that is not the client's own, as SQL.

    :param number: SQL of the number
    :param is_own: SQL of the condition that it is the client's own
    :param digits: SQL of the number of digits to hide
    """
    bare = SQL("split_part(translate(%s, ';', '@'), '@', 1)", number)
    return SQL(
        """
        CASE WHEN coalesce(%(digits)s, 0) < 1 OR %(is_own)s THEN %(number)s
             WHEN length(regexp_replace(%(bare)s, '[^0-9]', '', 'g')) <= %(extension)s THEN %(bare)s
             ELSE regexp_replace(%(bare)s, format(%(pattern)s, %(digits)s - 1), 'X', 'g') END
        """,
        digits=digits,
        is_own=is_own,
        number=number,
        bare=bare,
        extension=EXTENSION,
        pattern=LAST_DIGITS,
    )


def shown_sql(alias, column, digits):
    """SQL of a call's number as the client sees it."""
    is_own = SQL("%s = %s", SQL.identifier(alias, "direction"), OWN_SIDE[column])
    return masked_sql(SQL.identifier(alias, column), is_own, digits)


def shown_ref_sql(alias, digits):
    """SQL of a call's record id: none where numbers are hidden and it has one of them, as some phone systems make it."""
    sides = SQL(" OR ").join(
        SQL(
            "(%(direction)s <> %(own)s AND length(%(number)s) > %(extension)s AND strpos(%(ref)s, right(%(number)s, 6)) > 0)",
            direction=SQL.identifier(alias, "direction"),
            own=own,
            number=SQL(
                "regexp_replace(split_part(translate(%s, ';', '@'), '@', 1), '[^0-9]', '', 'g')", SQL.identifier(alias, column)
            ),
            extension=EXTENSION,
            ref=SQL("regexp_replace(%s, '[^0-9]', '', 'g')", SQL.identifier(alias, "record_ref")),
        )
        for column, own in OWN_SIDE.items()
    )
    return SQL("CASE WHEN %s > 0 AND (%s) THEN NULL ELSE %s END", digits, sides, SQL.identifier(alias, "record_ref"))


class CallUsageLine(models.Model):
    """The fields that the client reads in place of the numbers; those themselves are for the staff. They are searched and
    sorted as they are shown, so that no search tells more than the screen."""

    _inherit = "call.usage.line"  # pylint: disable=consider-merging-classes-inherited

    masked_digits = fields.Integer(related="statement_id.contract_id.masked_digits", related_sudo=True)
    caller_shown = fields.Char(
        string="Caller, as the Client Sees It", compute="_compute_shown", search="_search_caller_shown", compute_sudo=True
    )
    called_shown = fields.Char(
        string="Called, as the Client Sees It", compute="_compute_shown", search="_search_called_shown", compute_sudo=True
    )

    @api.depends("caller", "called", "direction", "masked_digits")
    def _compute_shown(self):
        for call in self:
            for name, column in SHOWN.items():
                own = call.direction == OWN_SIDE[column]
                call[name] = call[column] if own else masked(call[column], call.masked_digits)

    @api.model
    def _search_caller_shown(self, operator, value):
        return self._search_shown("caller_shown", operator, value)

    @api.model
    def _search_called_shown(self, operator, value):
        return self._search_shown("called_shown", operator, value)

    @api.model
    def _search_shown(self, name, operator, value):
        field = self._fields[name]
        return Domain.custom(
            to_sql=lambda model, alias, query: field.condition_to_sql(name, operator, value, model, alias, query)
        )

    def _field_to_sql(self, alias, field_expr, query=None):
        if field_expr not in SHOWN:
            return super()._field_to_sql(alias, field_expr, query)
        return shown_sql(alias, SHOWN[field_expr], self._field_to_sql(alias, "masked_digits", query))

    @api.depends("caller_shown", "called_shown")
    @api.depends_context("uid")
    def _compute_display_name(self):
        caller, called = SHOWN.values() if self.env.su or self.env.user.has_group(NUMBERS) else SHOWN
        for call in self:
            call.display_name = f"{call[caller] or '?'} → {call[called] or '?'}"
