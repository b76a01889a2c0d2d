import hashlib
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..formats.record import DISPOSITIONS, PARTS

COUNTS = tuple(f"count_{part.removesuffix('_seconds')}" for part in PARTS)
BILLS = tuple(f"bill_{disposition}" for disposition in DISPOSITIONS)
PART_PRICES = tuple(f"{part.removesuffix('_seconds')}_price" for part in PARTS)
SECONDS = ("increment_first", "increment_next", "minimum_seconds", "maximum_seconds", "grace_seconds")
FORMULA = ("time_base", "time_fixed", "time_add", "time_factor", "call_base", "call_fixed", "call_add", "call_factor")
TERMS = ("time_seconds", "on_sum", "split", "cost_factor", *FORMULA, *COUNTS, *BILLS, *PART_PRICES, *SECONDS)
"""What makes one price differ from another, beside its rule, premiums and destination."""
TIME_UNITS = {60: "minute", 3600: "hour"}
DESTINATION_KEY = SQL(
    "left(encode(sha256(convert_to(concat_ws(';', b.key, d.id, d.minute_price, d.call_price, d.increment_first, d.increment_next,"
    " u.markup), 'UTF8')), 'hex'), 40)"
)


def number(value):
    """A stored float as the decimal that it stands for.

    >>> number(0.1) * 3
    Decimal('0.3')
    """
    return Decimal(repr(value)) if value else Decimal(0)


def formula(base, fixed, add, factor, tier=None):
    """Price after premiums: one that replaces stands for the base, then additions, then factors.

    Product model 10:

    >>> formula(Decimal("1.00"), False, Decimal("0.20"), Decimal("1.5"))
    Decimal('1.800')

    :param tier: price of a tier, in place of the base
    """
    return ((base if fixed or tier is None else tier) + add) * factor


class CallPrice(models.Model):
    """What calls cost under one rule and the premiums that hold for them, as it was when the first of them was rated.

    Written by the rating engine and by nothing else, never changed: a call keeps its price whatever becomes of the plan.
    Equal terms are one row (``key``). Numbers are exact: they are written by SQL.
    """

    _name = "call.price"
    _description = "Price of a Call"
    _log_access = False
    _order = "rule_id, id"

    rule_id = fields.Many2one("call.rate.rule", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="rule_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="rule_id.currency_id")
    premium_ids = fields.Many2many("call.rate.premium", "call_price_premium", "price_id", "premium_id", ondelete="cascade")
    deck_line_id = fields.Many2one("call.rate.deck.line", ondelete="set null", index="btree_not_null")
    destination = fields.Char(help="Prefix and name of the destination, where a rate deck gave the price.")
    key = fields.Char(required=True)
    time_price = fields.Float(string="Price of Time", digits=0, required=True, help="Per minute or hour, premiums included.")
    time_seconds = fields.Integer(required=True, help="Seconds in the unit of the price of time: 60 or 3600.")
    call_price = fields.Float(string="Price per Call", digits=0, required=True, help="Premiums included.")
    cost_factor = fields.Float(digits=0, help="What the provider's cost is multiplied by, where that is the price.")
    # How the prices came about; tiers take the place of a base that is not fixed by a premium.
    time_base = fields.Float(digits=0, required=True)
    time_fixed = fields.Boolean(required=True)
    time_add = fields.Float(digits=0, required=True)
    time_factor = fields.Float(digits=0, required=True)
    call_base = fields.Float(digits=0, required=True)
    call_fixed = fields.Boolean(required=True)
    call_add = fields.Float(digits=0, required=True)
    call_factor = fields.Float(digits=0, required=True)
    # Seconds
    on_sum = fields.Boolean(required=True, help="Increments round the sum of a period, not each call.")
    split = fields.Boolean(required=True)
    increment_first = fields.Integer(required=True)
    increment_next = fields.Integer(required=True)
    minimum_seconds = fields.Integer(required=True)
    maximum_seconds = fields.Integer(required=True)
    grace_seconds = fields.Integer(required=True)
    count_ring = fields.Boolean(required=True)
    count_queue = fields.Boolean(required=True)
    count_ivr = fields.Boolean(required=True)
    count_talk = fields.Boolean(required=True)
    count_hold = fields.Boolean(required=True)
    count_wrap = fields.Boolean(required=True)
    count_transfer = fields.Boolean(required=True)
    ring_price = fields.Float(digits=0, help="Per minute, where this part has a rate of its own.")
    queue_price = fields.Float(digits=0)
    ivr_price = fields.Float(digits=0)
    talk_price = fields.Float(digits=0)
    hold_price = fields.Float(digits=0)
    wrap_price = fields.Float(digits=0)
    transfer_price = fields.Float(digits=0)
    bill_answered = fields.Boolean(required=True)
    bill_voicemail = fields.Boolean(required=True)
    bill_abandoned = fields.Boolean(required=True)
    bill_no_answer = fields.Boolean(required=True)
    bill_busy = fields.Boolean(required=True)
    bill_failed = fields.Boolean(required=True)

    _key = models.UniqueIndex("(key)", "There is this price already.")

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("Calls keep the price they were rated with."))

    @api.model
    def _values(self, rule, premiums):
        """Terms of a rule and premiums that hold together, as Decimal and plain values, by column."""
        values = {
            "rule_id": rule.id,
            "premium_ids": tuple(premiums.ids),
            "time_seconds": 3600 if rule.hour_price else 60,
            "on_sum": rule.round_on == "sum",
            "split": rule.band_split == "split",
            "cost_factor": 1 + number(rule.markup) / 100 if rule.source == "cost" else None,
        }
        for target, base in (("time", number(rule.hour_price or rule.minute_price)), ("call", number(rule.call_price))):
            mine = premiums.filtered(lambda p, target=target: p.target in (target, "both"))
            fixed = mine.filtered(lambda p: p.effect == "replace")[:1]
            factor = Decimal(1)
            for premium in mine.filtered(lambda p: p.effect == "multiply"):
                factor *= number(premium.value)
            values |= {
                f"{target}_base": number(fixed.value) if fixed else base,
                f"{target}_fixed": bool(fixed),
                f"{target}_add": sum((number(p.value) for p in mine if p.effect == "add"), Decimal(0)),
                f"{target}_factor": factor,
            }
        values |= {name: rule[name] for name in (*COUNTS, *BILLS, *SECONDS)}
        rates = {part.part: number(part.minute_price) * values["time_factor"] for part in rule.part_ids}
        return values | {name: rates.get(part) for name, part in zip(PART_PRICES, PARTS, strict=True)}

    @api.model
    def _ensure(self, values_list):
        """Prices with these terms, made where they are missing, in constant many statements.

        :param values_list: list of dicts as :meth:`_values` gives them
        :return: list of ids
        """
        keys = [self._key_of(values) for values in values_list]
        known = self._ids_by_key(keys)
        missing = {key: values for key, values in zip(keys, values_list, strict=True) if key not in known}
        if missing:
            self._insert(missing)
            known = self._ids_by_key(keys)
        return [known[key] for key in keys]

    @api.model
    def _key_of(self, values):
        named = (f"{name}={_plain_number(values[name])}" for name in ("rule_id", "premium_ids", *TERMS))
        return hashlib.sha256(";".join(named).encode()).hexdigest()[:40]

    @api.model
    def _ids_by_key(self, keys):
        return dict(self.env.execute_query(SQL("SELECT key, id FROM call_price WHERE key = ANY(%s)", list(set(keys)))))

    @api.model
    def _insert(self, missing):
        self.env.flush_all()
        columns = ("key", "rule_id", "company_id", "time_price", "call_price", *TERMS)
        rules = self.env["call.rate.rule"].sudo().browse({values["rule_id"] for values in missing.values()})
        companies = {rule.id: rule.company_id.id for rule in rules}
        rows = [
            SQL(
                "(%s)",
                SQL(", ").join(
                    SQL("%s", value)
                    for value in (
                        key,
                        values["rule_id"],
                        companies[values["rule_id"]],
                        *(formula(*(values[name] for name in FORMULA[start : start + 4])) for start in (0, 4)),
                        *(values[name] for name in TERMS),
                    )
                ),
            )
            for key, values in missing.items()
        ]
        self.env.cr.execute(
            SQL(
                "INSERT INTO call_price (%s) VALUES %s ON CONFLICT (key) DO NOTHING",
                SQL(", ").join(map(SQL.identifier, columns)),
                SQL(", ").join(rows),
            )
        )
        links = [(key, premium) for key, values in missing.items() for premium in values["premium_ids"]]
        if links:
            self.env.cr.execute(
                SQL(
                    "INSERT INTO call_price_premium (price_id, premium_id)"
                    " SELECT p.id, l.premium FROM (VALUES %s) l (key, premium) JOIN call_price p ON p.key = l.key"
                    " ON CONFLICT DO NOTHING",
                    SQL(", ").join(SQL("(%s, %s)", key, premium) for key, premium in links),
                )
            )
        self.env["call.price"].invalidate_model()

    @api.model
    def _ensure_destinations(self, pairs):
        """Prices of calls to destinations of a rate deck, made of the price of the deck's rule.

        :param pairs: SELECT that gives (base_id, line_id): price of the rule, line of the deck
        """
        terms = [name for name in TERMS if name not in ("time_base", "call_base", *SECONDS[:2])]
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO call_price (key, rule_id, company_id, deck_line_id, destination, time_base, call_base, increment_first,
                                        increment_next, time_price, call_price, %(terms)s)
                SELECT key, rule_id, company_id, line_id, destination, time_base, call_base, deck_first, deck_next,
                       (time_base + time_add) * time_factor, (call_base + call_add) * call_factor, %(terms)s
                  FROM (SELECT %(key)s AS key, b.rule_id, b.company_id, d.id AS line_id,
                               concat_ws(' ', d.prefix, d.destination) AS destination,
                               CASE WHEN b.time_fixed THEN b.time_base
                                    ELSE d.minute_price * (1 + coalesce(u.markup, 0) / 100) END AS time_base,
                               CASE WHEN b.call_fixed THEN b.call_base
                                    ELSE d.call_price * (1 + coalesce(u.markup, 0) / 100) END AS call_base,
                               d.increment_first AS deck_first, d.increment_next AS deck_next, %(of_base)s
                          FROM %(bases)s) made
                    ON CONFLICT (key) DO NOTHING
                """,
                terms=SQL(", ").join(map(SQL.identifier, terms)),
                of_base=SQL(", ").join(SQL.identifier("b", name) for name in terms),
                key=DESTINATION_KEY,
                bases=_bases(pairs),
            )
        )
        if self.env.cr.rowcount:
            self.env.cr.execute(
                SQL(
                    """
                    INSERT INTO call_price_premium (price_id, premium_id)
                    SELECT r.id, l.premium_id FROM %s JOIN call_price r ON r.key = %s
                      JOIN call_price_premium l ON l.price_id = b.id
                        ON CONFLICT DO NOTHING
                    """,
                    _bases(pairs),
                    DESTINATION_KEY,
                )
            )
            self.invalidate_model()

    @api.model
    def _destination_prices(self, pairs):
        """SELECT that gives (base_id, line_id, price_id or NULL) of what :meth:`_ensure_destinations` makes."""
        return SQL(
            "SELECT p.base_id, p.line_id, r.id AS price_id FROM %s LEFT JOIN call_price r ON r.key = %s",
            _bases(pairs),
            DESTINATION_KEY,
        )

    # --- In words -----------------------------------------------------------------------------------

    def _label(self):
        """Rule and premiums, as the client reads them."""
        self.ensure_one()
        return ", ".join([self.rule_id.name, *self.premium_ids.mapped("name")])

    def _time_price_of(self, tier=None):
        """Exact price of time, Decimal; see :func:`formula`."""
        self.ensure_one()
        return formula(number(self.time_base), self.time_fixed, number(self.time_add), number(self.time_factor), tier)

    def _call_price_of(self, tier=None):
        self.ensure_one()
        return formula(number(self.call_base), self.call_fixed, number(self.call_add), number(self.call_factor), tier)

    def _part_prices(self):
        """dict of part of the call -> its own exact price per minute"""
        self.ensure_one()
        return {part: number(self[name]) for part, name in zip(PARTS, PART_PRICES, strict=True) if self[name]}


def _bases(pairs):
    """FROM clause: price of a rule (b), the rule (u), destination (d)."""
    return SQL(
        "(%s) p JOIN call_price b ON b.id = p.base_id JOIN call_rate_rule u ON u.id = b.rule_id"
        " JOIN call_rate_deck_line d ON d.id = p.line_id",
        pairs,
    )


def _plain_number(value):
    """The same text for equal numbers, however many zeros they carry."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value
