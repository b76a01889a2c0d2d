"""Calls per second of the rating engine by itself: prices, destinations, closing; and whether a call costs the same however many there are.

``main`` is called by ``./run bench rating [ROWS]`` in an ``odoo shell`` on a database of its own; README.md tells how to read what it
prints. Nothing here asserts a time.
"""

import time
from datetime import date, datetime

from results import tell

from odoo.fields import Command
from odoo.tools import SQL

CONTRACTS = 2000
PREFIXES = 100_000
MONTH = date(2026, 1, 1)


def main(env, rows=1_000_000):
    """Measure at several sizes, print the table, and write it as JSON to the file named by ``BENCH_JSON``, if set."""
    world = _set_up(env, CONTRACTS)
    sizes = [size for size in (10_000, 100_000, 1_000_000, 5_000_000) if size <= rows] or [rows]
    result = {"contracts": CONTRACTS, "sizes": {}}
    for size in sizes:
        result["sizes"][size] = _measure(env, world, size)
    result["destinations"] = _destinations(env, world, min(rows, 1_000_000))
    tell(result, _table(result))


def _measure(env, world, size):
    """Seconds to price staged calls, to store them, to rate them again, and to close their periods; all rolled back."""
    with env.cr.savepoint() as savepoint:
        begin = time.perf_counter()
        _stage(env, world["lines"], size)
        staged = time.perf_counter()
        rates = _price(env)
        env.cr.execute(
            SQL(
                "CREATE TEMPORARY TABLE bench_rated (price_id, counted, billed, split, whole, amount, status, reason) ON COMMIT DROP AS SELECT t.price_id, %s FROM %s",
                rates.results(),
                rates.rated(),
            )
        )
        priced = time.perf_counter()
        (usage, _updated) = env["call.loading"]._insert_usage(world["import"], rates)
        assert usage[0] == size, f"{usage[0]} of {size} calls were priced"
        stored = time.perf_counter()
        env["call.rerating"]._rerate(SQL("u.import_id = %s", world["import"].id))
        rerated = time.perf_counter()
        lines = {statement: statement.contract_id.contract_line_ids for statement in world["contracts"].call_statement_ids}
        charges, *_others = env["call.closing"]._prepare(lines)
        closed = time.perf_counter()
        assert charges
        env.invalidate_all(flush=False)
        savepoint.rollback()
    return {
        "stage": staged - begin, "price": priced - staged, "store": stored - priced, "rate_again": rerated - stored, "close": closed - rerated,
        "charges": len(charges),
    }  # fmt: skip


def _price(env):
    """Prices of the staged calls; endpoints and duplicates are not looked for."""
    spans = {
        env["contract.line"].browse(line): span
        for line, *span in env.execute_query(SQL("SELECT contract_line_id, min(date), max(date) FROM call_guided GROUP BY 1"))
    }
    return env["call.pricing"]._price_cases(env["call.rating"]._plan_segments(spans))


def _destinations(env, world, size):
    """Seconds to find the longest prefix among ``PREFIXES`` for calls to random numbers."""
    with env.cr.savepoint() as savepoint:
        rule = world["plan"].rule_ids[:1]
        env.cr.execute(SQL("DELETE FROM call_rate_rule WHERE plan_id = %s AND id <> %s", world["plan"].id, rule.id))
        env.invalidate_all()
        rule.write(
            {
                "source": "deck",
                "deck_id": world["deck"].id,
                "minute_price": 0,
                "call_price": 0,
                "tier_mode": False,
                "queue": False,
            }
        )
        _stage(env, world["lines"], size)
        rates = _price(env)
        env["call.pricing"]._match_destinations(rates)  # prices that destinations have for the first time are made once
        begin = time.perf_counter()
        env["call.pricing"]._match_destinations(rates)
        matched = time.perf_counter() - begin
        ((found,),) = env.execute_query(SQL("SELECT count(*) FROM call_destination"))
        env.invalidate_all(flush=False)
        savepoint.rollback()
    return {"calls": size, "prefixes": PREFIXES, "numbers": found, "match": matched}


# --- What it is measured on -----------------------------------------------------------------------------


def _set_up(env, count):
    """Contracts with one plan: two rules, an evening band, an allowance, three graduated tiers."""
    product = env["product.product"].create({"name": "Calls", "type": "service"})
    calendar = env["resource.calendar"].create(
        {
            "name": "Day",
            "tz": "Europe/Berlin",
            "attendance_ids": [
                Command.create({"name": "Day", "dayofweek": str(day), "hour_from": 8, "hour_to": 18, "day_period": "morning"})
                for day in range(5)
            ],
        }
    )
    tiers = [Command.create({"up_to": up_to, "price": price}) for up_to, price in ((100, 0.5), (300, 0.4), (0, 0.3))]
    plan = env["call.rate.plan"].create(
        {
            "name": "Benchmark",
            "rule_ids": [
                Command.create({"name": "Calls", "minute_price": 0.35, "call_price": 0.5, "increment_next": 6, "tier_mode": "graduated",
                                "tier_unit": "call", "tier_ids": tiers}),
                Command.create({"name": "Priority", "queue": "priority", "minute_price": 0.42, "increment_first": 30, "increment_next": 6}),
            ],
            "premium_ids": [
                Command.create({"name": "Evening", "calendar_id": calendar.id, "when": "outside", "effect": "multiply", "value": 1.5}),
            ],
            "allowance_ids": [Command.create({"name": "Included", "quantity": 60})],
        }
    )  # fmt: skip
    partners = env["res.partner"].create([{"name": f"Client {number}", "tz": "Europe/Berlin"} for number in range(count)])
    line = {
        "name": "Calls", "product_id": product.id, "rate_plan_id": plan.id, "date_start": MONTH, "recurring_rule_type": "monthly",
        "recurring_invoicing_type": "post-paid",
    }  # fmt: skip
    contracts = env["contract.contract"].create(
        [
            {"name": partner.name, "partner_id": partner.id, "line_recurrence": True, "contract_line_ids": [Command.create(line)]}
            for partner in partners
        ]
    )
    source = env["call.source"].create({"name": "Benchmark", "tz": "UTC"})
    record = env["call.import"].create({"source_id": source.id, "name": "bench"})
    deck = env["call.rate.deck"].create({"name": "Benchmark"})
    env.flush_all()
    env.cr.execute(
        SQL(
            """
            INSERT INTO call_rate_deck_line (deck_id, company_id, prefix, minute_price, call_price, increment_first, increment_next)
            SELECT %s, %s, prefix, 0.01, 0, 60, 60
              FROM (SELECT DISTINCT prefix FROM (
                    SELECT n::text AS prefix FROM generate_series(1, 9) n
                     UNION ALL
                    SELECT left((n * 2654435761 %% 9000000 + 1000000)::text, 3 + n %% 5) FROM generate_series(1, %s * 2) n) p) q
             LIMIT %s
            """,
            deck.id,
            deck.company_id.id,
            PREFIXES,
            PREFIXES,
        )
    )
    env.cr.commit()
    return {"plan": plan, "lines": contracts.contract_line_ids, "contracts": contracts, "import": record, "deck": deck}


def _stage(env, lines, size, month=MONTH, first=0, of=None):
    """Calls of a month, spread over the contracts, staged and guided as an import would leave them.

    :param first, of: they are those that follow the first so many of so many in the month; otherwise all
    """
    Loading = env["call.loading"]
    env.cr.execute("SET LOCAL jit = off")
    env["call.staging"]._create()
    Loading._create_temporary("call_leg", SQL("line_number integer"))
    Loading._create_temporary("call_changed", SQL("line_number integer, usage_id integer, billed boolean"))
    begin = datetime(month.year, month.month, 1, 6)
    env.cr.execute(
        SQL(
            """
            INSERT INTO call_stage (line_number, record_key, record_ref, kind, direction, caller, called, called_key, queue, agent,
                disposition, start_at, ring_seconds, queue_seconds, ivr_seconds, talk_seconds, hold_seconds, wrap_seconds,
                transfer_seconds, total_seconds, quantity)
            SELECT n, md5(%(begin)s || '/' || %(seed)s || '/' || n)::uuid, n::text, 'call', 'inbound', '+49171' || n, '+' || k, k,
                   CASE WHEN n %% 3 = 0 THEN 'priority' ELSE 'support' END, 'agent' || n %% 400, 'answered',
                   %(begin)s + n * %(step)s * interval '1 second', 5, n %% 30, 0, n * 7919 %% 600, n %% 20, n %% 60, 0, 300, 1
              FROM (SELECT n, (n * 40503 %% 9000000000 + 1000000000)::text AS k
                      FROM generate_series(%(first)s + 1::bigint, %(first)s + %(size)s) n) c
            """,
            begin=begin,
            seed=lines.ids[0],
            step=(30 * 86400) / (of or size),
            first=first,
            size=size,
        )
    )
    env.cr.execute("ANALYZE call_stage")
    env["call.pricing"]._create_guided(
        SQL("(%s::integer[])[1 + s.line_number::bigint * 7 %% %s]", lines.ids, len(lines)),
        SQL("(s.start_at AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin')::date"),
        SQL("call_stage s"),
    )


# --- How it is told -------------------------------------------------------------------------------------


def _table(result):
    rows = [
        "",
        f"{result['contracts']:,} contracts: 2 rules, increments, evening band, allowance, 3 graduated tiers",
        "",
        f"{'calls':>10} {'price/s':>12} {'store/s':>12} {'rate again/s':>14} {'close/s':>12} {'charges':>10}",
    ]
    for size, times in result["sizes"].items():
        speeds = [size / times[name] for name in ("price", "store", "rate_again", "close")]
        rows.append("{:>10,} {:>12,.0f} {:>12,.0f} {:>14,.0f} {:>12,.0f} {:>10,}".format(size, *speeds, times["charges"]))
    found = result["destinations"]
    speed = found["numbers"] / found["match"] if found["match"] else 0
    rows += ["", f"longest of {found['prefixes']:,} prefixes: {found['numbers']:,} numbers, {speed:,.0f} numbers/s", ""]
    return "\n".join(rows)
