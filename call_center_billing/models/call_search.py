"""Finding calls among millions, as a client may: by what the screen shows, in a window of days, a page at a time."""

import re
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from odoo import api, models
from odoo.fields import Date, Domain
from odoo.tools import SQL
from odoo.tools.sql import escape_psql

from ..formats.record import DISPOSITIONS
from .call_masking import shown_sql
from .call_statement_document import on_disk

COUNTED = 1000
"""Calls that are found are counted up to so many."""
WINDOW = timedelta(days=93)
"""Days that a search looks at, at most."""
SORTS = {"newest": ("start_at", True), "oldest": ("start_at", False), "dearest": ("amount", True), "cheapest": ("amount", False)}
"""Column, and whether the largest comes first."""
TYPES = {"start_at": SQL("timestamp"), "amount": SQL("numeric")}
CHARGED = {"yes": "billable", "no": "not_billable"}
DAY = timedelta(days=1)
BLANK = " ()./-"
BLANKS = str.maketrans("", "", BLANK)
"""What is left out of numbers to compare them."""


@dataclass(frozen=True)
class Criteria:
    """What is looked for, as texts that a page shows again and a link carries; nonsense in them is left out."""

    date_from: date
    date_to: date
    number: str = ""
    agent: str = ""
    queue: str = ""
    disposition: str = ""
    charged: str = ""
    price_from: str = ""
    price_to: str = ""
    service: str = ""
    sort: str = "newest"

    @classmethod
    def parse(cls, values, first, last):
        """:param values: dict of texts, as they come with a request
        :param first: default of the first day
        :param last: default of the last day
        """
        texts = {each.name: str(values.get(each.name) or "").strip()[:100] for each in fields(cls)}
        end = day(texts["date_to"]) or (day(texts["date_from"]) or first) + (last - first)
        start = day(texts["date_from"]) or min(first, end)
        start, end = min(start, end), max(start, end)
        return cls(
            **texts
            | {
                "date_from": max(start, end - WINDOW),
                "date_to": end,
                "disposition": texts["disposition"] if texts["disposition"] in DISPOSITIONS else "",
                "charged": texts["charged"] if texts["charged"] in CHARGED else "",
                "price_from": texts["price_from"] if price(texts["price_from"]) is not None else "",
                "price_to": texts["price_to"] if price(texts["price_to"]) is not None else "",
                "service": texts["service"] if re.fullmatch("[cl][0-9]{1,9}", texts["service"]) else "",
                "sort": texts["sort"] if texts["sort"] in SORTS else "newest",
            }
        )

    def args(self, **others):
        """What a link to the same search carries."""
        values = {each.name: str(getattr(self, each.name)) for each in fields(self)} | others
        return {name: value for name, value in values.items() if value}

    def has_more(self):
        """Whether it looks for more than a number and days, or in another order."""
        return bool(set(self.args(sort="" if self.sort == "newest" else self.sort)) - {"number", "date_from", "date_to"})

    def condition(self):
        """SQL on a call ``u`` of a contract ``c``. Numbers are looked for as they are shown: no search tells what is hidden."""
        # The day is the client's. Moments beside it are what the index has.
        conditions = [
            SQL("u.start_at >= %s AND u.start_at < %s", self.date_from - DAY, self.date_to + 2 * DAY),
            SQL("u.date BETWEEN %s AND %s", self.date_from, self.date_to),
        ]
        if self.number:
            conditions.append(SQL("(%s OR %s)", self._number_condition("caller"), self._number_condition("called")))
        for name in ("agent", "queue"):
            if text := getattr(self, name):
                conditions.append(SQL("%s ILIKE %s", SQL.identifier("u", name), f"%{escape_psql(text)}%"))
        if self.disposition:
            conditions.append(SQL("u.disposition = %s", self.disposition))
        if self.charged:
            conditions.append(SQL("u.status = %s", CHARGED[self.charged]))
        if self.price_from:
            conditions.append(SQL("u.amount >= %s", price(self.price_from)))
        if self.price_to:
            conditions.append(SQL("u.amount <= %s", price(self.price_to)))
        if self.service.startswith("l"):
            conditions.append(SQL("u.contract_line_id = %s", int(self.service[1:])))
        return SQL(" AND ").join(conditions)

    def _number_condition(self, column):
        """However it is written: blanks, and zeros before it, do not matter. What is shown has an X for a digit at most, so the number
        itself is compared first, which is much faster than hiding the digits of every call."""
        wanted = self.number.translate(BLANKS)
        if re.fullmatch("[0-9Xx+]+", wanted):
            wanted = wanted.lstrip("+").lstrip("0") or wanted
        pattern = escape_psql(wanted)
        number, shown = SQL.identifier("u", column), shown_sql("u", column, SQL("c.masked_digits"))
        return SQL(
            "(translate(%(number)s, %(blanks)s, '') ILIKE %(number_pattern)s AND translate(%(shown)s, %(blanks)s, '') ILIKE %(pattern)s)",
            number=number,
            shown=shown,
            blanks=BLANK,
            number_pattern=f"%{re.sub('[Xx]', '_', pattern)}%",
            pattern=f"%{pattern}%",
        )


def day(text):
    """
    >>> day("2026-10-05"), day("05.10.2026"), day("0001-01-01")
    (datetime.date(2026, 10, 5), None, None)
    """
    try:
        value = date.fromisoformat(text)
    except ValueError:
        return None
    return value if 1970 <= value.year < 9000 else None


def price(text):
    """
    >>> price("1,50"), price("-2"), price("NaN"), price("")
    (Decimal('1.50'), Decimal('-2'), None, None)
    """
    try:
        value = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < 10**9 else None


class CallSearch(models.AbstractModel):
    """Calls of the statements that the user sees on the portal. Owns no data.

    Each call belongs to one statement, and who sees a statement sees its calls: statements are chosen by record rules first, then
    calls are read by the index of statement and start, some of each statement, so that a page costs the same wherever it is. Of a
    period that was billed again, what was sent first is left out.
    """

    _name = "call.search"
    _description = "Call Search"

    @api.model
    def _statements(self):
        statements = self.env["call.statement"].search(self.env.user._call_statement_domain(), order="date_start, id")
        ids = set(statements.ids)
        return statements.filtered(lambda statement: statement.sudo().billed_again_id.id not in ids)

    @api.model
    def _criteria(self, values):
        """What a request asks for; without days, the last period."""
        last = self._statements()[-1:]
        today = Date.context_today(self)
        return Criteria.parse(values, last.date_start or today.replace(day=1), last.date_end or today)

    @api.model
    def _within(self, criteria):
        """Statements that can have calls of the days."""
        self.env.flush_all()
        domain = self.env["call.statement"]._domain_with_calls(criteria.date_from, criteria.date_to)
        if criteria.service.startswith("c"):
            domain &= Domain("contract_id", "=", int(criteria.service[1:]))
        return self._statements().filtered_domain(domain)

    @api.model
    def _page(self, criteria, size, after=None, before=None):
        """A page of calls: the first one, or what comes after or before a call.

        :param after: id of the last call of the page before
        :param before: id of the first call of the page after; such a page begins as far before it as it can
        :return: (call.usage.line in order, whether there are calls before, whether there are calls after)
        """
        statements = self._within(criteria)
        column, largest_first = SORTS[criteria.sort]
        place = self._place(statements, after or before, column)
        back = bool(before) and not after and place is not None
        rows = self._rows(statements, criteria.condition(), column, largest_first != back, place, size + 1)
        more = len(rows) > size
        calls = self.env["call.usage.line"].browse(reversed(rows[:size]) if back else rows[:size])
        return calls, (more if back else place is not None), (True if back else more)

    @api.model
    def _place(self, statements, call, column):
        """Where a call is in the order: (key as exact text, id); None of one that the user does not see."""
        rows = self.env.execute_query(
            SQL(
                "SELECT u.%s::text, u.id FROM call_usage_line u WHERE u.id = %s AND u.statement_id = ANY(%s)",
                SQL.identifier(column),
                call or 0,
                statements.ids,
            )
        )
        return rows[0] if rows else None

    @api.model
    def _rows(self, statements, condition, column, descending, place, limit):
        """Ids of calls in order, at most so many: each statement gives its own first ones."""
        key, way = SQL.identifier("u", column), SQL("DESC") if descending else SQL("ASC")
        if place:
            beyond = SQL("<") if descending else SQL(">")
            condition = SQL("%s AND (%s, u.id) %s (%s::%s, %s)", condition, key, beyond, place[0], TYPES[column], place[1])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT found.id
                  FROM call_statement s JOIN contract_contract c ON c.id = s.contract_id
                 CROSS JOIN LATERAL (
                       SELECT u.id, %(key)s AS key FROM call_usage_line u
                        WHERE u.statement_id = s.id AND %(condition)s
                        ORDER BY key %(way)s, u.id %(way)s LIMIT %(limit)s) found
                 WHERE s.id = ANY(%(statements)s)
                 ORDER BY found.key %(way)s, found.id %(way)s LIMIT %(limit)s
                """,
                key=key,
                condition=condition,
                way=way,
                limit=limit,
                statements=statements.ids,
            )
        )
        return [call for (call,) in rows]

    @api.model
    def _count(self, criteria):
        """How many calls are found: at most one more than are counted."""
        ((count,),) = self.env.execute_query(
            SQL(
                """
                SELECT count(*) FROM (
                    SELECT FROM call_statement s JOIN contract_contract c ON c.id = s.contract_id
                      JOIN call_usage_line u ON u.statement_id = s.id
                     WHERE s.id = ANY(%s) AND %s LIMIT %s) found
                """,
                self._within(criteria).ids,
                criteria.condition(),
                COUNTED + 1,
            )
        )
        return count

    @api.model
    def _services(self):
        """What can be chosen: list of (contract, its lines with usage, where there are several)."""
        contracts = self._statements().sudo().contract_id.sorted("name")
        lines = contracts.with_context(active_test=False).contract_line_ids.filtered("rate_plan_id").grouped("contract_id")
        return [(contract, mine if len(mine := lines.get(contract, ())) > 1 else ()) for contract in contracts]

    # --- Download -------------------------------------------------------------------------------------------

    @api.model
    def _written(self, criteria, kind):
        """The file with every call that is found, statement by statement in order of time; see ``call.statement._written``."""
        # Reads contracts and rules, which the client may not by itself, of statements that it may.
        statements = self._within(criteria).sudo()
        env = statements[:1]._in_client_language().env
        titles = [env._("Contract"), env._("Period"), *statements._call_titles()]
        pages = (
            [[statement.contract_id.name, statement._period_text(), *row] for row in rows]
            for statement in statements
            for rows in statement._call_rows(criteria.condition())
        )
        if kind == "xlsx":
            return on_disk(lambda stream: statements._write_workbook_of_calls(stream, titles, pages, further=2))
        return on_disk(lambda stream: stream.writelines(statements._csv_chunks(titles, pages)))
