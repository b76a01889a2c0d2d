from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..formats.numbers import number_key
from ..formats.rate_deck import MAX_DIGITS, RowError, plain_prefix

RATE_DIGITS = (16, 6)


class CallRateDeckLine(models.Model):
    """What calls to one prefix cost, from a day, until a day.

    The prefix is stored as digits, whichever way it was written. Lines of one deck and prefix never overlap in time,
    whatever their prices.
    """

    _name = "call.rate.deck.line"
    _description = "Destination Price"
    _order = "deck_id, prefix, date_start, id"
    _rec_name = "prefix"
    _rec_names_search = ["prefix", "destination"]

    deck_id = fields.Many2one("call.rate.deck", required=True, ondelete="cascade")  # indexed with the prefix
    company_id = fields.Many2one(related="deck_id.company_id", store=True)
    currency_id = fields.Many2one(related="deck_id.currency_id")
    prefix = fields.Char(
        required=True, help="First digits of the called number, with the country code. Spaces, + and 00 do not matter."
    )
    destination = fields.Char()
    date_start = fields.Date(string="From", help="First day. Empty: always.")
    date_end = fields.Date(string="Until", help="Last day. Empty: for good.")
    minute_price = fields.Float(string="Price per Minute", digits=RATE_DIGITS, default=0.0, required=True)
    call_price = fields.Float(string="Connection Fee", digits=RATE_DIGITS, default=0.0, required=True, help="Per call.")
    increment_first = fields.Integer(
        string="First Increment", default=60, required=True, help="Seconds. A shorter call is charged as this long."
    )
    increment_next = fields.Integer(
        string="Next Increments",
        default=60,
        required=True,
        help="Seconds. After the first increment, time is charged in steps of this.",
    )
    number = fields.Char(string="Called Number", store=False, search="_search_number")

    _prices_positive = models.Constraint("CHECK (minute_price >= 0 AND call_price >= 0)", "Prices must not be negative.")
    _increments_positive = models.Constraint(
        "CHECK (increment_first > 0 AND increment_next > 0)", "Increments must be at least one second."
    )
    _dates_ordered = models.Constraint("CHECK (date_end >= date_start)", "A price must not end before it starts.")
    _prefix_digits = models.Constraint("CHECK (prefix ~ '^[0-9]+$')", "A prefix consists of digits.")
    _deck_prefix = models.Index("(deck_id, prefix)")

    @api.depends("prefix", "destination")
    def _compute_display_name(self):
        for line in self:
            line.display_name = f"{line.prefix or ''} {line.destination or ''}".strip()

    def _search_number(self, operator, value):
        """Prefixes that a number begins with, whether in force or not."""
        if operator != "in":
            return NotImplemented
        return [("prefix", "in", [prefix for number in value for prefix in self._prefixes_of(number)])]

    @api.constrains("deck_id", "prefix", "date_start", "date_end")
    def _check_overlap(self):
        self.flush_model()
        mine = SQL("SELECT deck_id, prefix FROM call_rate_deck_line WHERE id = ANY(%s)", self.ids)
        self._refuse_overlap(SQL("(deck_id, prefix) IN (%s)", mine))

    def _refuse_overlap(self, condition):
        """One statement finds a clash: in the order of their first days, a line begins before the one before it has ended.

        :param condition: SQL that chooses all lines of some decks or prefixes
        :raise ValidationError: there is one
        """
        clashes = self.env.execute_query(
            SQL(
                """
                SELECT id, before
                  FROM (SELECT id, date_start, lag(id) OVER one AS before,
                               lag(coalesce(date_end, 'infinity')) OVER one AS until
                          FROM call_rate_deck_line
                         WHERE %s
                        WINDOW one AS (PARTITION BY deck_id, prefix ORDER BY date_start NULLS FIRST, id)) l
                 WHERE before IS NOT NULL AND coalesce(date_start, '-infinity') <= until
                 LIMIT 1
                """,
                condition,
            )
        )
        for ids in clashes:
            line, clash = self.browse(ids)
            raise ValidationError(
                self.env._(
                    "%(line)s and %(clash)s in deck %(deck)s are in force on some of the same days. End one of them before the "
                    "other starts.",
                    line=line._text(),
                    clash=clash._text(),
                    deck=line.deck_id.name,
                )
            )

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._plain(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._plain(vals))

    @api.model
    def _plain(self, vals):
        """Values with the digits of the prefix.

        :raise ValidationError: it has none, or more than digits
        """
        if not vals.get("prefix"):
            return vals
        try:
            return {**vals, "prefix": plain_prefix(vals["prefix"])}
        except RowError as error:
            reason = self._prefix_problems()[error.code]
            raise ValidationError(self.env._("Prefix '%(prefix)s': %(reason)s", prefix=vals["prefix"], reason=reason)) from error

    @api.model
    def _prefix_problems(self):
        """Why a prefix cannot be used, in words, by the codes of :data:`~..formats.rate_deck.PREFIX_PROBLEMS`."""
        return {
            "no_prefix": self.env._("there is no prefix."),
            "bad_prefix": self.env._("a prefix consists of digits."),
            "several": self.env._("several prefixes need a row each."),
            "range": self.env._("this may be a range: write one row for each prefix, or leave the hyphen out."),
            "damaged": self.env._("a spreadsheet has changed this number: format the column as text."),
            "long_prefix": self.env._("a prefix has at most %s digits.", MAX_DIGITS),
        }

    @api.model
    def _prefixes_of(self, number):
        """All that a number could be priced by: its first digit, its first two, and so on."""
        key = number_key(number or "")
        return [key[:length] for length in range(1, min(len(key), MAX_DIGITS) + 1)] if key.isascii() and key.isdigit() else []

    @api.model
    def _in_force_domain(self, day):
        return [
            "|", ("date_start", "=", False), ("date_start", "<=", day),
            "|", ("date_end", "=", False), ("date_end", ">=", day),
        ]  # fmt: skip

    def _text(self):
        """A line with its days, as people would tell it from others."""
        self.ensure_one()
        return self.env._(
            "%(line)s (%(start)s to %(end)s)",
            line=self.display_name,
            start=self.date_start or self.env._("always"),
            end=self.date_end or self.env._("for good"),
        )
