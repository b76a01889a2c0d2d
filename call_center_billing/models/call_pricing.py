"""From staged and guided calls to the price of each: the temporary tables of the rating engine.

Used wherever calls are rated: while loading, when they are rated again, and in simulations. What is staged and guided is
in ``call_stage`` and ``call_guided``, calls in several records in ``call_leg``; see ``call.loading`` and ``call.rerating``.
"""

from dataclasses import dataclass

from odoo import api, models
from odoo.tools import SQL

from ..formats.record import PARTS
from .call_price import PART_PRICES, SECONDS
from .call_rate_rule import TEXT_CONDITIONS
from .call_rating import (
    amount,
    billed_seconds,
    condition,
    counted_seconds,
    is_billable,
    is_long_enough,
    parts_amount,
    time_amount,
    traffic,
)

TEXT_CASES = ("queue", "campaign", "skill", "disposition")


@dataclass
class Rates:
    """What the calls at hand need: pieces of SQL that leave out what none of them does.

    ``conditions``: what they are told apart by; ``joined``: some come in several records; ``timed``: some have premiums that
    depend on the time; ``split``: some are split where bands meet; ``decks``: some are priced by destination; ``parts``: some
    have parts with own rates; ``stored``: they are on statements already; ``limited``: some came too late to be billed; ``kept``:
    what of the price of such a call (t) is charged for its older version.
    """

    conditions: list
    joined: bool
    timed: bool
    split: bool = False
    decks: bool = False
    parts: bool = False
    stored: bool = False
    limited: bool = False
    kept: SQL | None = None

    def case(self):
        """dict of column of ``call_rate`` -> what a guided call (g, l) has there; all but the time"""
        columns = {"traffic": self._of_call(traffic, "g")}
        for name in self.conditions:
            whole = name in ("queue", "disposition")  # the whole call's, of a call in several records
            columns[name] = (
                self._of_call(lambda alias, name=name: condition(alias, name), "g") if whole else SQL.identifier("g", name)
            )
        return columns

    def _of_call(self, piece, alias="s"):
        if not self.joined:
            return piece(alias)
        return SQL("CASE WHEN l.line_number IS NULL THEN %s ELSE %s END", piece(alias), piece("l"))

    def _leg(self, alias):
        """What a call in several records is rated by (l), joined to a table of calls."""
        if not self.joined:
            return SQL()
        return SQL("LEFT JOIN call_leg l ON l.line_number = %s", SQL.identifier(alias, "line_number"))

    def staged(self):
        """FROM clause: staged calls (s), guided (g), with what a call in several records is rated by (l)."""
        return SQL("call_stage s JOIN call_guided g ON g.line_number = s.line_number %s", self._leg("s"))

    def matches(self, alias, mask=True):
        """Condition: a row of ``call_rate`` is that of the call."""
        names = ["segment", "traffic", *self.conditions, *(["mask"] if mask and self.timed else [])]
        return SQL(" AND ").join(SQL("%s = %s", SQL.identifier(alias, name), SQL.identifier("g", name)) for name in names)

    def priced(self):
        """FROM clause: as :meth:`staged`, with case (q) and price (r), NULL where there is none."""
        destination = SQL("LEFT JOIN call_destination d ON d.rate = q.rate AND d.number = s.called_key") if self.decks else SQL()
        price = SQL("CASE WHEN q.deck_id IS NULL THEN q.price_id ELSE d.price_id END") if self.decks else SQL("q.price_id")
        return SQL(
            """
            %s
            LEFT JOIN call_rate q ON %s
            %s
            LEFT JOIN call_price r ON r.id = %s AND (r.cost_factor IS NULL OR s.provider_cost IS NOT NULL)
            """,
            self.staged(),
            self.matches("q"),
            destination,
            price,
        )

    def rated(self, *columns):
        """FROM clause: the calls that have a price (t): the given columns and all that :meth:`results` needs.

        What is made of what comes one level above it, behind a barrier (OFFSET 0), so that it is reckoned once per call.
        """
        counted = self._of_call(lambda alias: counted_seconds(alias, "r"))
        outcome = SQL("(s.kind <> 'call' OR %s)", self._of_call(lambda alias: is_billable(alias, "r")))
        follows, whole = SQL("false"), SQL("NULL::jsonb")
        if self.joined:
            follows = SQL("l.charged IS FALSE")
            seconds = SQL(", ").join(SQL.identifier("l", part) for part in PARTS)
            whole = SQL("CASE WHEN l.charged THEN jsonb_build_array(%s) END", seconds)
        terms = ("rule_id", *SECONDS, "on_sum", "time_price", "time_seconds", "call_price", "cost_factor", "split")
        return SQL(
            """
            (SELECT c.*, c.charged AND %(long)s AS billable, CASE WHEN c.charged AND %(long)s THEN %(billed)s ELSE 0 END AS billed
               FROM (SELECT %(columns)s, g.too_late, r.id AS price_id, %(terms)s, %(counted)s AS counted,
                            %(follows)s AS follows, NOT %(follows)s AND %(outcome)s AS charged,
                            %(whole)s AS whole_parts, %(parts)s AS parts_amount
                       FROM %(priced)s
                      WHERE r.id IS NOT NULL OFFSET 0) c OFFSET 0) t
            %(stretches)s
            """,
            columns=SQL(", ").join([SQL("s.*"), *columns]),
            terms=SQL(", ").join(SQL.identifier("r", name) for name in terms),
            counted=counted,
            follows=follows,
            outcome=outcome,
            whole=whole,
            parts=self._of_call(lambda alias: parts_amount(alias, "r")) if self.parts else SQL("0"),
            priced=self.priced(),
            long=is_long_enough(SQL("c.counted"), "c"),
            billed=billed_seconds(SQL("c.counted"), "c"),
            stretches=self._stretches(),
        )

    def _stretches(self):
        if not self.split:
            return SQL()
        return SQL(
            """
            LEFT JOIN (SELECT z.line_number, sum(%s) AS amount FROM call_stretch z JOIN call_price y ON y.id = z.price_id
                        GROUP BY z.line_number) x ON x.line_number = t.line_number
            """,
            time_amount(SQL("z.seconds"), "y"),
        )

    def price(self):
        """Exact price of a billable call as :meth:`rated` gives it."""
        priced = amount(
            SQL("t.billed"), SQL("t.quantity"), SQL("t.provider_cost"), "t", SQL("t.parts_amount") if self.parts else None
        )
        if not self.split:
            return priced
        return SQL(
            "CASE WHEN x.amount IS NULL THEN %s ELSE x.amount + %s - %s END", priced, priced, time_amount(SQL("t.billed"), "t")
        )

    def results(self):
        """Columns of calls as :meth:`rated` gives them: counted seconds, billed seconds, whether it is split, parts of the whole
        call, exact amount, status, why it is not billable, value that is lost."""
        billable, billed, lost = SQL("t.billable"), SQL("t.billed"), SQL("NULL::numeric")
        if self.limited:
            billable = SQL("(t.billable AND NOT t.too_late)")
            billed = SQL("CASE WHEN t.too_late THEN 0 ELSE t.billed END")
            kept = SQL("coalesce(%s, 0)", self.kept) if self.kept else SQL("0")
            lost = SQL("CASE WHEN t.billable AND t.too_late THEN %s - %s END", self.price(), kept)
        return SQL(
            """
            t.counted, %(billed)s, %(split)s, t.whole_parts, CASE WHEN %(billable)s THEN %(amount)s ELSE 0 END,
            CASE WHEN %(billable)s THEN 'billable' ELSE 'not_billable' END,
            CASE WHEN %(billable)s THEN NULL WHEN t.billable THEN 'too_late' WHEN t.follows THEN 'leg' WHEN t.charged THEN 'short'
                 ELSE 'disposition' END, %(lost)s
            """,
            billable=billable,
            billed=billed,
            lost=lost,
            split=SQL("x.amount IS NOT NULL") if self.split else SQL("false"),
            amount=self.price(),
        )


class CallPricing(models.AbstractModel):
    """Fills the tables that :class:`Rates` joins, one statement a step. Owns no data."""

    _name = "call.pricing"
    _description = "Call Pricing"

    @api.model
    def _create_guided(self, line, day, calls, more=None):
        """Table ``call_guided``: to which contract line calls belong on which of the client's days, and what else their price may
        depend on.

        :param line, day: what a call (s) has there
        :param calls: FROM clause, calls as s
        :param more: further columns of the calls
        """
        texts = [SQL("%s AS %s", condition("s", name), SQL.identifier(name)) for name in TEXT_CONDITIONS]
        self.env.cr.execute("DROP TABLE IF EXISTS pg_temp.call_guided")
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE call_guided ON COMMIT DROP AS
                SELECT s.line_number, %s AS contract_line_id, %s AS date, s.start_at, s.kind, s.direction, s.disposition, %s
                  FROM %s
                """,
                line,
                day,
                SQL(", ").join([*texts, *([more] if more else [])]),
                calls,
            )
        )
        self.env.cr.execute("ANALYZE call_guided (line_number, contract_line_id)")

    @api.model
    def _price_cases(self, segments, stored=False):
        """Find out what calls cost: the cases there are, the rule and premiums for each, and their price.

        :param segments: as ``call.rating._plan_segments`` gives them
        :return: Rates
        """
        clocks = self.env["call.rating"]._clocks(segments)
        self._insert_segments(segments)
        rates = Rates(
            conditions=self.env["call.rating"]._conditions_used(segments),
            joined=bool(self.env.execute_query(SQL("SELECT 1 FROM call_leg LIMIT 1"))),
            timed=any(moments for moments, _masks in clocks),
            stored=stored,
            limited=any(segment["too_late"] for segment in segments),
        )
        self._place(rates)
        rows, values = self._rate_cases(segments, rates)
        prices = self.env["call.price"]._ensure(values)
        self._insert_rates(rows, prices)
        rates.split = any(each["split"] for each in values) and rates.timed
        rates.parts = any(each[name] is not None for each in values for name in PART_PRICES)
        rates.decks = any(row[-1] for row in rows)
        if rates.decks:
            self._match_destinations(rates)
        return rates

    @api.model
    def _insert_segments(self, segments):
        Loading = self.env["call.loading"]
        Loading._create_temporary(
            "call_segment",
            SQL(
                "segment integer, contract_line_id integer, date_from date, date_to date, statement_id integer, late_of_id integer,"
                " too_late boolean, moments timestamp[], masks integer[]"
            ),
        )
        Loading._insert_rows(
            "call_segment",
            [
                (
                    index,
                    segment["contract_line"].id or 0,  # a call that is only tried belongs to none
                    segment["date_from"],
                    segment["date_to"],
                    segment["statement"].id or None,
                    segment["late_of"].id if segment["late_of"] else None,
                    segment["too_late"],
                    *segment["clock"],
                )
                for index, segment in enumerate(segments)
            ],
        )

    @api.model
    def _place(self, rates):
        """Add to ``call_guided`` what the price of a call depends on: segment, traffic and conditions, and the mask of the time
        premiums that hold at its start. What follows joins by these columns, of which the database knows how many calls match."""
        case = rates.case()
        self.env.cr.execute(
            SQL(
                """
                DROP TABLE IF EXISTS pg_temp.call_placed;
                CREATE TEMPORARY TABLE call_placed ON COMMIT DROP AS
                SELECT g.line_number, g.contract_line_id, g.date, p.segment, p.date_from AS day, p.statement_id, p.late_of_id,
                       %(too_late)s AS too_late, g.kind, %(direction)s AS direction, %(case)s, %(mask)s AS mask
                  FROM call_guided g %(leg)s
                  LEFT JOIN call_segment p ON p.contract_line_id = g.contract_line_id AND g.date BETWEEN p.date_from AND p.date_to
                       %(stored)s;
                DROP TABLE call_guided;
                ALTER TABLE call_placed RENAME TO call_guided;
                ANALYZE call_guided
                """,
                direction=rates._of_call(lambda alias: SQL.identifier(alias, "direction"), "g"),
                case=SQL(", ").join(SQL("%s AS %s", piece, SQL.identifier(name)) for name, piece in case.items()),
                mask=SQL("coalesce(p.masks[width_bucket(g.start_at, p.moments)], 0)") if rates.timed else SQL("0"),
                leg=rates._leg("g"),
                # Somebody decided to bill it all the same.
                too_late=SQL("p.too_late AND g.back_billed IS NOT TRUE") if rates.stored else SQL("p.too_late"),
                stored=SQL("AND p.statement_id = g.statement_id AND p.late_of_id IS NOT DISTINCT FROM g.late_of_id")
                if rates.stored
                else SQL(),
            )
        )

    @api.model
    def _rate_cases(self, segments, rates):
        """Choose rule and premiums for each case that the staged calls have.

        :return: (rows of ``call_rate`` without price, terms of the price of each)
        """
        names = ["traffic", *rates.conditions, "mask"]
        found = self.env.execute_query(
            SQL(
                "SELECT DISTINCT segment, kind, direction, %s FROM call_guided WHERE segment IS NOT NULL",
                SQL(", ").join(map(SQL.identifier, names)),
            )
        )
        chosen, rows, values = {}, {}, {}
        for index, kind, direction, *told in found:
            told = dict(zip(names, told, strict=True))
            segment = segments[index]
            kind = kind if told["traffic"] == kind or kind == "call" else told["traffic"]
            for mask in self._masks(segment, told["mask"]):
                texts = {name: told[name] for name in rates.conditions}
                key = segment["rules"].ids, segment["premiums"].ids, segment["contract_line"].product_id.id
                key = (*map(str, key), kind, direction, mask, *texts.values())
                if key not in chosen:
                    rule, premiums = self.env["call.rating"]._choose(segment, kind, direction, mask, texts)
                    chosen[key] = (rule, self.env["call.price"]._values(rule, premiums) if rule else None)
                rule, terms = chosen[key]
                if rule:
                    row = (index, told["traffic"], *(texts.get(name, "") for name in TEXT_CASES), mask)
                    rows[row] = rule.deck_id.id if rule.source == "deck" else None
                    values[row] = terms
        return [(number, *row, rows[row]) for number, row in enumerate(rows)], [values[row] for row in rows]

    @api.model
    def _masks(self, segment, mask):
        """The masks that a call of this one may reach while it lasts."""
        if segment["clock"][1] and any(rule.band_split == "split" for rule in segment["rules"]):
            return sorted({mask, *segment["clock"][1]})
        return [mask]

    @api.model
    def _insert_rates(self, rows, prices):
        Loading = self.env["call.loading"]
        Loading._create_temporary(
            "call_rate",
            SQL(
                "rate integer, segment integer, traffic text, queue text, campaign text, skill text, disposition text, mask integer,"
                " deck_id integer, price_id integer"
            ),
        )
        Loading._insert_rows("call_rate", [(*row, price) for row, price in zip(rows, prices, strict=True)])

    # --- Destinations ---------------------------------------------------------------------------------

    @api.model
    def _match_destinations(self, rates):
        """Table ``call_destination``: the price of each dialled number, by the longest prefix in force.

        One hash join for each length of a prefix: a number is looked up as often as prefixes have lengths.
        """
        cr = self.env.cr
        cr.execute("DROP TABLE IF EXISTS pg_temp.call_dialled, pg_temp.call_matched, pg_temp.call_pair, pg_temp.call_destination")
        cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE call_dialled ON COMMIT DROP AS
                SELECT DISTINCT q.rate, q.deck_id, q.price_id, g.day, s.called_key AS number
                  FROM %s JOIN call_rate q ON %s
                 WHERE q.deck_id IS NOT NULL AND s.called_key IS NOT NULL
                """,
                rates.staged(),
                rates.matches("q", mask=not rates.split),
            )
        )
        cr.execute("ANALYZE call_dialled")
        lengths = self.env.execute_query(
            SQL(
                "SELECT DISTINCT length(prefix) FROM call_rate_deck_line"
                " WHERE deck_id IN (SELECT deck_id FROM call_dialled) ORDER BY 1 DESC"
            )
        )
        joins = [
            SQL(
                """
                LEFT JOIN call_rate_deck_line %(alias)s
                       ON %(alias)s.deck_id = n.deck_id AND %(alias)s.prefix = left(n.number, %(length)s)
                      AND length(%(alias)s.prefix) = %(length)s AND daterange(%(alias)s.date_start, %(alias)s.date_end, '[]') @> n.day
                """,
                alias=SQL.identifier(f"x{length}"),
                length=length,
            )
            for (length,) in lengths
        ]
        line = SQL(
            "coalesce(%s)", SQL(", ").join([*(SQL.identifier(f"x{length}", "id") for (length,) in lengths), SQL("NULL::integer")])
        )
        # Never a loop over prefixes, whatever the database knows of a deck that was imported a moment ago.
        self.env["call.joining"]._query_hashed(
            SQL(
                """
                CREATE TEMPORARY TABLE call_matched ON COMMIT DROP AS
                SELECT n.rate, n.price_id AS base_id, n.number, %s AS line_id FROM call_dialled n %s
                """,
                line,
                SQL(" ").join(joins),
            )
        )
        # What a destination costs is looked up once for all numbers that have it.
        Price = self.env["call.price"]
        pairs = SQL("SELECT DISTINCT base_id, line_id FROM call_matched WHERE line_id IS NOT NULL")
        cr.execute(
            SQL("ANALYZE call_matched; CREATE TEMPORARY TABLE call_pair ON COMMIT DROP AS %s", Price._destination_prices(pairs))
        )
        missing = SQL("SELECT base_id, line_id FROM call_pair WHERE price_id IS NULL")
        if self.env.execute_query(SQL("%s LIMIT 1", missing)):
            Price._ensure_destinations(missing)
            found = Price._destination_prices(missing)
            cr.execute(SQL("INSERT INTO call_pair %s; DELETE FROM call_pair WHERE price_id IS NULL", found))
        cr.execute(
            """
            ANALYZE call_pair;
            CREATE TEMPORARY TABLE call_destination ON COMMIT DROP AS
            SELECT m.rate, m.number, k.price_id
              FROM call_matched m JOIN call_pair k ON k.base_id = m.base_id AND k.line_id = m.line_id;
            ANALYZE call_destination
            """
        )

    # --- Bands ----------------------------------------------------------------------------------------

    @api.model
    def _split_stretches(self, rates):
        """Table ``call_stretch``: seconds and price of each stretch of the calls that pass from one band into another.

        The charged seconds are laid out from the start of the call without a gap. Product model 10: 17:50 to 18:10 at 1.00
        and 1.50 is 10 minutes of each.
        """
        rates.split = False  # what is split is found out without stretches
        rated = rates.rated()
        rates.split = True
        destination = SQL("LEFT JOIN call_destination e ON e.rate = o.rate AND e.number = t.called_key") if rates.decks else SQL()
        price = SQL("CASE WHEN o.deck_id IS NULL THEN o.price_id ELSE e.price_id END") if rates.decks else SQL("o.price_id")
        self.env.cr.execute("DROP TABLE IF EXISTS pg_temp.call_stretch")
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE call_stretch ON COMMIT DROP AS
                SELECT t.line_number, row_number() OVER (PARTITION BY t.line_number ORDER BY i.slot)::integer AS number,
                       %(price)s AS price_id,
                       extract(epoch FROM least(t.start_at + t.billed * interval '1 second', coalesce(p.moments[i.slot + 1], 'infinity'))
                                          - greatest(t.start_at, p.moments[i.slot]))::integer AS seconds
                  FROM %(rated)s
                  JOIN call_guided g ON g.line_number = t.line_number
                  JOIN call_segment p ON p.segment = g.segment
                 CROSS JOIN LATERAL generate_series(
                       width_bucket(t.start_at, p.moments),
                       width_bucket(t.start_at + (t.billed - 1) * interval '1 second', p.moments)) i (slot)
                  JOIN call_rate o ON %(other)s AND o.mask = p.masks[i.slot]
                  %(destination)s
                 WHERE t.split AND t.billed > 0 AND t.cost_factor IS NULL
                   AND width_bucket(t.start_at, p.moments)
                       < width_bucket(t.start_at + (t.billed - 1) * interval '1 second', p.moments)
                """,
                price=price,
                rated=rated,
                other=rates.matches("o", mask=False),
                destination=destination,
            )
        )
        self.env.cr.execute("ANALYZE call_stretch")
