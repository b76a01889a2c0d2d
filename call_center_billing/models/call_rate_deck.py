import csv
import io
from datetime import date
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..formats.rate_deck import ALWAYS, FOR_GOOD, Terms
from ..formats.rate_deck_changes import Changes, Line

COLUMNS = ("prefix", "destination", "date_start", "date_end", "minute_price", "call_price", "increment_first", "increment_next")

SAMPLE_TAIL = "00000000000"
"""What stands behind a prefix in an example, so that both have as many digits as a number has."""


class CallRateDeck(models.Model):
    """A named price list of destinations in one currency: what a minute to each prefix costs, from a day, until a day.

    The longest prefix in force on a call's day prices it. No two lines of one prefix overlap in time, so there is never a
    choice. Prices come from files, in bulk: what is imported is in its chatter.
    """

    _name = "call.rate.deck"
    _description = "Rate Deck"
    _inherit = ["mail.thread"]
    _order = "name"

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    currency_id = fields.Many2one("res.currency", required=True, default=lambda self: self.env.company.currency_id, tracking=True)
    note = fields.Text(string="Notes")
    line_ids = fields.One2many("call.rate.deck.line", "deck_id", string="Prices")
    line_count = fields.Integer(string="Number of Prices", compute="_compute_line_count")
    imported_at = fields.Datetime(string="Last Import", readonly=True, copy=False)

    @api.depends("line_ids")
    def _compute_line_count(self):
        counts = dict(self.env["call.rate.deck.line"]._read_group([("deck_id", "in", self.ids)], ["deck_id"], ["__count"]))
        for deck in self:
            deck.line_count = counts.get(deck._origin, 0)

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        rules = self.env["call.rate.rule"].sudo().with_context(active_test=False).search([("deck_id", "in", self.ids)])
        if rules:
            names = ", ".join(self.env._("'%(rule)s' of '%(plan)s'", rule=r.name, plan=r.plan_id.name) for r in rules[:10])
            if len(rules) > 10:
                names = self.env._("%(rules)s and %(count)s more", rules=names, count=len(rules) - 10)
            raise UserError(self.env._("Rate rules use this rate deck: %s. Archive it instead, or change the rules.", names))

    def copy_data(self, default=None):
        return [
            {**values, "name": self.env._("%s (copy)", deck.name)}
            for deck, values in zip(self, super().copy_data(default), strict=True)
        ]

    def copy(self, default=None):
        copies = super().copy(default)
        for deck, copied in zip(self, copies, strict=True):
            copied._apply(Changes(writes=[line._replace(id=None) for line in deck._lines()]))
        return copies

    def action_view_lines(self):
        """The prices, as a list of their own: a deck may have a hundred thousand."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_rate_deck_line_action")
        return action | {
            "display_name": self.name,
            "domain": [("deck_id", "=", self.id)],
            "context": {"default_deck_id": self.id, "search_default_current": 1},
        }

    def _find_line(self, number, day):
        """The line that prices a call, by the longest prefix in force.

        :param number: called number, written in any way that says its country
        :param day: day of the call, in the client's time zone
        :return: one line or none
        """
        self.ensure_one()
        Line = self.env["call.rate.deck.line"]
        domain = [("deck_id", "=", self.id), ("prefix", "in", Line._prefixes_of(number)), *Line._in_force_domain(day)]
        return max(Line.search_fetch(domain, ["prefix"]), key=lambda line: len(line.prefix), default=Line)

    # --- In bulk --------------------------------------------------------------------------------------

    def _sample_number(self, day):
        """A number that the deck has a price for on a day, for an example; nothing where it has none."""
        line = self.line_ids.search([("deck_id", "=", self.id), *self.line_ids._in_force_domain(day)], order="prefix", limit=1)
        return f"+{line.prefix}{SAMPLE_TAIL[len(line.prefix) :]}" if line else False

    def _lines(self):
        """All prices of the deck.

        :return: list of :class:`~..formats.rate_deck_changes.Line`
        """
        self.ensure_one()
        self.env["call.rate.deck.line"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id, prefix, coalesce(destination, ''), date_start, date_end, minute_price::text, call_price::text,
                       increment_first, increment_next
                  FROM call_rate_deck_line WHERE deck_id = %s
                """,
                self.id,
            )
        )
        return [
            Line(id_, prefix, name, start or ALWAYS, end or FOR_GOOD, Terms(Decimal(minute), Decimal(call), *increments))
            for id_, prefix, name, start, end, minute, call, *increments in rows
        ]

    def _apply(self, changes):
        """Write and remove lines, however many, in a constant number of statements. The caller has checked access.

        Nobody is named as the author of a line: to check the user of each takes longer than to write it, and the chatter
        tells who imported what.

        :param changes: :class:`~..formats.rate_deck_changes.Changes`
        :raise ValidationError: lines would overlap
        """
        self.ensure_one()
        lines = self.env["call.rate.deck.line"]
        lines.flush_model()
        self._stage(changes.writes)
        names = SQL(", ").join(map(SQL.identifier, COLUMNS))
        sets = SQL(", ").join(SQL("%s = s.%s", SQL.identifier(name), SQL.identifier(name)) for name in COLUMNS)
        deck = {"deck": self.id, "company": self.company_id.id}
        for statement in (
            SQL("DELETE FROM call_rate_deck_line WHERE deck_id = %s AND id = ANY(%s)", self.id, changes.removals),
            SQL(
                """
                UPDATE call_rate_deck_line l SET %(sets)s, write_uid = NULL, write_date = now() AT TIME ZONE 'UTC'
                  FROM call_rate_deck_stage s WHERE l.id = s.id AND l.deck_id = %(deck)s
                """,
                sets=sets,
                **deck,
            ),
            SQL(
                """
                INSERT INTO call_rate_deck_line (deck_id, company_id, create_date, write_date, %(names)s)
                SELECT %(deck)s, %(company)s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', %(names)s
                  FROM call_rate_deck_stage WHERE id IS NULL
                """,
                names=names,
                **deck,
            ),
        ):
            self.env.cr.execute(statement)
        lines.invalidate_model()
        self.invalidate_recordset(["line_ids", "line_count"])
        lines._refuse_overlap(SQL("deck_id = %s", self.id))

    def _stage(self, lines):
        """Fill the temporary table that :meth:`_apply` takes lines from."""
        cr = self.env.cr
        cr.execute("DROP TABLE IF EXISTS call_rate_deck_stage")
        cr.execute(
            "CREATE TEMPORARY TABLE call_rate_deck_stage (id integer, prefix text, destination text, date_start date,"
            " date_end date, minute_price numeric, call_price numeric, increment_first integer, increment_next integer)"
            " ON COMMIT DROP"
        )
        stream = io.StringIO()
        csv.writer(stream).writerows(
            (line.id, line.prefix, line.destination, _day(line.date_start), _day(line.date_end), *line.terms) for line in lines
        )
        stream.seek(0)
        cr.copy_expert("COPY call_rate_deck_stage FROM STDIN (FORMAT csv)", stream)
        cr.execute("ANALYZE call_rate_deck_stage")


def _day(day: date):
    return None if day in (ALWAYS, FOR_GOOD) else day
