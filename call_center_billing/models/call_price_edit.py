"""Who made or changed prices, and when."""

from odoo import fields, models
from odoo.tools import SQL

KINDS = [
    ("rule", "Rate rule"),
    ("part", "Price of a part"),
    ("tier", "Tier"),
    ("premium", "Band or premium"),
    ("allowance", "Allowance"),
    ("term", "Term per period"),
    ("deck_line", "Destination price"),
    ("note", "Noted on the plan or deck"),
]
OF_PLANS = ("rule", "premium", "allowance", "term")
OF_RULES = ("part", "tier")
EDITS = [("new", "New"), ("changed", "Changed")]
KEY_SPACE = 32
"""Kinds, times two, that have numbers of their own in the ids of changes."""


class CallPriceEdit(models.Model):
    """That somebody made a price, or changed it for the last time; and what is noted on rate plans and decks, such as a price change
    or an imported file. Read from the prices themselves: it owns nothing. Of several changes the last one is known by the price,
    the others by what was noted. Destination prices that came from a file have nobody's name: the note on their deck has it.
    """

    _name = "call.price.edit"
    _description = "Price Change"
    _auto = False
    _order = "at desc, id desc"
    _depends = {
        **{f"call.rate.{kind}": ["name", "plan_id", "create_date", "write_date"] for kind in OF_PLANS},
        **{f"call.rate.{kind}": ["rule_id", "create_date", "write_date"] for kind in OF_RULES},
        "call.rate.deck.line": ["deck_id", "prefix", "create_date", "write_date"],
        "mail.message": ["model", "res_id", "body", "date"],
    }

    name = fields.Char(string="What", readonly=True)
    kind = fields.Selection(KINDS, readonly=True)
    edit = fields.Selection(EDITS, string="Change", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    plan_id = fields.Many2one("call.rate.plan", readonly=True)
    deck_id = fields.Many2one("call.rate.deck", readonly=True)
    user_id = fields.Many2one("res.users", string="By", readonly=True)
    at = fields.Datetime(string="On", readonly=True)

    @property
    def _table_query(self):
        sources = [
            *(
                SQL("SELECT id, plan_id, NULL::integer AS deck_id, %s AS name, %s", self._name_of(k), self._logged(k))
                for k in OF_PLANS
            ),
            *(
                SQL(
                    "SELECT t.id, r.plan_id, NULL, %s, t.create_uid, t.create_date, t.write_uid, t.write_date, %s"
                    " FROM %s t JOIN call_rate_rule r ON r.id = t.rule_id",
                    self._name_of("rule", "r"),
                    self._number(kind),
                    SQL.identifier(f"call_rate_{kind}"),
                )
                for kind in OF_RULES
            ),
            SQL("SELECT id, NULL, deck_id, prefix, %s", self._logged("deck_line")),
            self._notes(),
        ]
        return SQL(
            """
            SELECT e.id::bigint * %(space)s + e.number * 2 + v.changed AS id, e.name, %(kinds)s AS kind,
                   CASE v.changed WHEN 1 THEN 'changed' ELSE 'new' END AS edit,
                   coalesce(p.company_id, d.company_id) AS company_id, e.plan_id, e.deck_id, v.user_id, v.at
              FROM (%(sources)s) e
             CROSS JOIN LATERAL (VALUES (0, e.create_uid, e.create_date), (1, e.write_uid, e.write_date)) v (changed, user_id, at)
              LEFT JOIN call_rate_plan p ON p.id = e.plan_id
              LEFT JOIN call_rate_deck d ON d.id = e.deck_id
             WHERE v.user_id IS NOT NULL AND (v.changed = 0 OR v.at > e.create_date)
            """,
            space=KEY_SPACE,
            kinds=SQL("(%s::varchar[])[e.number + 1]", [kind for kind, _label in KINDS]),
            sources=SQL(" UNION ALL ").join(sources),
        )

    def _name_of(self, kind, alias=None):
        """The name of a price as people of the present language read it."""
        column = SQL.identifier(alias or f"call_rate_{kind}", "name")
        if not self.env[f"call.rate.{kind}"]._fields["name"].translate:
            return column
        return SQL("coalesce(%s->>%s, %s->>'en_US')", column, self.env.lang or "en_US", column)

    def _number(self, kind):
        return SQL("%s AS number", [key for key, _label in KINDS].index(kind))

    def _logged(self, kind):
        """Who and when of the rows of a kind, and its number, as the rest of a SELECT."""
        table = SQL.identifier(f"call_rate_{kind}")
        return SQL("create_uid, create_date, write_uid, write_date, %s FROM %s", self._number(kind), table)

    def _notes(self):
        return SQL(
            r"""
            SELECT id, CASE model WHEN 'call.rate.plan' THEN res_id END, CASE model WHEN 'call.rate.deck' THEN res_id END,
                   left(trim(regexp_replace(body, '<[^>]*>|\s+', ' ', 'g')), 300), create_uid, date, NULL, NULL, %s
              FROM mail_message WHERE model IN ('call.rate.plan', 'call.rate.deck') AND coalesce(body, '') <> ''
            """,
            self._number("note"),
        )
