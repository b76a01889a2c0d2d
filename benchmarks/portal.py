"""How long the client's pages take on the server when the table of calls is large.

``main`` is called by ``./run bench portal [ROWS]`` in an ``odoo shell`` on a database of its own; README.md tells how to read what it
prints. Nothing here asserts a time.
"""

import time
from datetime import date

import rating
from dateutil.relativedelta import relativedelta
from results import tell

from odoo.tools import SQL

CLIENTS = 100
MONTHS = 12
REPEATS = 5
LIMIT = 0.3
FILTERS = {
    "newest first": {},
    "oldest first": {"sort": "oldest"},
    "dearest first": {"sort": "dearest"},
    "a number that is there": {"number": "+49171123"},
    "a number that is not": {"number": "+4930999999"},
    "an agent": {"agent": "agent7"},
    "a queue": {"queue": "priority"},
    "an outcome nobody had": {"disposition": "busy"},
    "not charged": {"charged": "no"},
    "a price": {"price_from": "3", "price_to": "4"},
}


def main(env, rows=10_000_000):
    """Fill the table, open the pages, print the table, and write it as JSON to the file named by ``BENCH_JSON``, if set."""
    begin = time.perf_counter()
    world = rating._set_up(env, CLIENTS)
    for month in range(MONTHS):
        _store(env, world, rating.MONTH + relativedelta(months=month), rows // MONTHS)
    _invoice(env, world)
    filled = time.perf_counter() - begin
    user = _client(env, world)
    result = {"calls": rows, "clients": CLIENTS, "filled": filled, "pages": _pages(env(user=user, su=False))}
    tell(result, _table(result))


def _store(env, world, month, size):
    """A month of calls of all clients, priced and stored as an import does."""
    rating._stage(env, world["lines"], size, month)
    usage, _updated = env["call.loading"]._insert_usage(world["import"], rating._price(env))
    assert usage[0] == size, f"{usage[0]} of {size} calls were priced"
    env.cr.commit()
    env.invalidate_all()


def _invoice(env, world):
    """All periods but the last are invoiced: with a posted invoice for each client, since it is the pages that are measured."""
    env["call.statement"].search([])._recount()
    contracts = world["contracts"]
    moves = env["account.move"].create(
        [
            {
                "move_type": "out_invoice",
                "partner_id": contract.partner_id.id,
                "invoice_date": date(2026, 12, 31),
                "invoice_line_ids": [(0, 0, {"name": "Calls", "quantity": 1, "price_unit": 1, "tax_ids": False})],
            }
            for contract in contracts
        ]
    )
    moves.action_post()
    env.flush_all()
    env.cr.execute(
        SQL(
            """
            UPDATE call_statement s SET state = 'invoiced', invoice_id = m.id FROM account_move m, contract_contract c
             WHERE c.id = s.contract_id AND m.partner_id = c.partner_id AND s.date_start < %s
            """,
            rating.MONTH + relativedelta(months=MONTHS - 1),
        )
    )
    env.cr.execute("ANALYZE call_usage_line; ANALYZE call_statement")
    env.cr.commit()
    env.invalidate_all()


def _client(env, world):
    partner = env["res.partner"].create(
        {"name": "Reader", "parent_id": world["contracts"][0].partner_id.id, "email": "r@example.com"}
    )
    groups = [(6, 0, env.ref("base.group_portal").ids)]
    return env["res.users"].create({"login": "bench_client", "partner_id": partner.id, "group_ids": groups})


def _pages(env):
    """Median seconds of what each page asks the database and makes of it, without the rendering of its HTML."""
    last = rating.MONTH + relativedelta(months=MONTHS - 1, days=-1)
    windows = {"a month": (last.replace(day=1), last), "three months": (last - relativedelta(months=3, days=-1), last)}
    found = {}
    for window, (first, end) in windows.items():
        for name, texts in FILTERS.items():
            values = {"date_from": str(first), "date_to": str(end), **texts}
            found[f"calls, {window}: {name}"] = _time(lambda values=values: _calls_page(env, values))
    found["dashboard"] = _time(lambda: _dashboard(env))
    return found


def _calls_page(env, values):
    env.invalidate_all()
    Search = env["call.search"]
    criteria = Search._criteria(values)
    calls, earlier, later = Search._page(criteria, 50)
    count = len(calls) if not earlier and not later else Search._count(criteria)
    calls.mapped("trace")
    return count


def _dashboard(env):
    env.invalidate_all()
    board = env["call.dashboard"]
    board._cards(board._running())
    board._past()
    board._charts()


def _time(page):
    seconds = []
    for _repeat in range(REPEATS):
        begin = time.perf_counter()
        page()
        seconds.append(time.perf_counter() - begin)
    return sorted(seconds)[REPEATS // 2]


def _table(result):
    rows = [
        "",
        f"{result['calls']:,} calls of {result['clients']} clients in {MONTHS} months, stored in {result['filled']:,.0f} s",
        "",
    ]
    for name, seconds in result["pages"].items():
        verdict = "reached" if seconds <= LIMIT else "missed"
        rows.append(f"{name:<44} {seconds * 1000:>8,.0f} ms  {verdict} (at most {LIMIT * 1000:.0f})")
    return "\n".join([*rows, ""])
