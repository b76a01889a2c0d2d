"""What a call costs when many are stored already, and what a table in months would change.

``main`` is called by ``./run bench storage [ROWS]`` in an ``odoo shell`` on a database of its own; README.md tells how to read what it
prints. Nothing here asserts a time.
"""

import time
from itertools import pairwise

import rating
from dateutil.relativedelta import relativedelta
from results import tell

from odoo.tools import SQL

CLIENTS = 100
STEP = 1_000_000
BATCH = 50_000
"""Calls that are looked up or stored at once, as a part of a file is."""
LAYOUT_MONTHS = 10
STEPS = ("known", "near", "price", "store")
TABLES = ("bench_one", "bench_months")


def main(env, rows=10_000_000):
    """Fill the table month by month, copy its last months into both layouts, print what it took, and write it as JSON to the file
    named by ``BENCH_JSON``, if set."""
    world = rating._set_up(env, CLIENTS)
    print(f"\n{'calls stored':>14}" + "".join(f" {f'{name}/s':>10}" for name in (*STEPS, "all")))
    steps = []
    for number in range(max(rows // STEP, 2)):
        steps.append(_month(env, world, number))
        print(_row(steps[-1]), flush=True)
    result = {"growth": steps, "layouts": _layouts(env)}
    tell(result, _table(result))


# --- Growth ---------------------------------------------------------------------------------------------


def _month(env, world, number):
    """One more month of calls: seconds to find that none is known and none near another one, to price and to store them in batches;
    staging is not counted."""
    Joining, seconds = env["call.joining"], dict.fromkeys(STEPS, 0.0)
    month = rating.MONTH + relativedelta(months=number)
    for batch in range(STEP // BATCH):
        rating._stage(env, world["lines"], BATCH, month, first=batch * BATCH, of=STEP)
        moments = [time.perf_counter()]
        Joining._find_known(env["call.suspense"])
        moments.append(time.perf_counter())
        Joining._recall(world["import"].source_id, env["call.loading"]._survey())
        Joining._hold_near_duplicates(())
        Joining._find_kin()
        moments.append(time.perf_counter())
        rates = rating._price(env)
        moments.append(time.perf_counter())
        (calls, _updated) = env["call.loading"]._insert_usage(world["import"], rates)
        env.cr.commit()
        moments.append(time.perf_counter())
        assert calls[0] == BATCH, f"{calls[0]} of {BATCH} calls were stored"
        env.invalidate_all()
        for name, (begin, end) in zip(STEPS, pairwise(moments), strict=True):
            seconds[name] += end - begin
    return {"stored": (number + 1) * STEP, **{name: round(value, 4) for name, value in seconds.items()}}


# --- Layouts --------------------------------------------------------------------------------------------


def _layouts(env):
    """The same months in one table and in a table of months, with the same indexes; what is usually done with each."""
    periods = SQL("SELECT DISTINCT date_trunc('month', date_start)::date FROM call_statement ORDER BY 1")
    months = [month for (month,) in env.execute_query(periods)][-LAYOUT_MONTHS:]
    columns = SQL(", ").join(map(SQL.identifier, env["call.usage.line"]._stored_columns()))
    for table in TABLES:
        _create(env, table, months)
    return {table: _measure(env, table, months, columns) for table in TABLES}


def _create(env, table, months):
    name, parted = SQL.identifier(table), table == "bench_months"
    by = SQL("PARTITION BY RANGE (date)") if parted else SQL()
    env.cr.execute(SQL("CREATE TABLE %s (LIKE call_usage_line INCLUDING DEFAULTS) %s", name, by))
    for month in months if parted else ():
        part, end = SQL.identifier(_part(table, month)), month + relativedelta(months=1)
        env.cr.execute(SQL("CREATE TABLE %s PARTITION OF %s FOR VALUES FROM (%s) TO (%s)", part, name, month, end))
    # In a table of months nothing is unique but together with the month: PostgreSQL keeps no index over all of them.
    unique = SQL("record_key, date") if parted else SQL("record_key")
    env.cr.execute(SQL("CREATE UNIQUE INDEX ON %s (%s)", name, unique))
    env.cr.execute(SQL("CREATE UNIQUE INDEX ON %s (%s)", name, SQL("id, date") if parted else SQL("id")))
    env.cr.execute(
        SQL("CREATE INDEX ON %s (statement_id, start_at); CREATE INDEX ON %s USING brin (import_id, start_at)", name, name)
    )
    env.cr.commit()


def _part(table, month):
    return f"{table}_{month:%Y_%m}"


def _measure(env, table, months, columns):
    name = SQL.identifier(table)
    found = {}
    stored = []
    for month in months:
        stored.append(_timed(env, _store, name, month, columns))
    env.cr.execute(SQL("ANALYZE %s", name))
    found["first month stored"], found["last month stored"] = stored[0], stored[-1]
    env.cr.execute(
        SQL("CREATE TEMPORARY TABLE bench_new AS SELECT gen_random_uuid() AS record_key FROM generate_series(1, %s)", BATCH)
    )
    env.cr.execute("ANALYZE bench_new; SET enable_hashjoin = off; SET enable_mergejoin = off")
    look = SQL("SELECT count(*) FROM bench_new n JOIN %s u ON u.record_key = n.record_key", name)
    found[f"{BATCH:,} new keys looked up"] = _timed(env, lambda: env.execute_query(look))
    env.cr.execute("RESET enable_hashjoin; RESET enable_mergejoin; DROP TABLE bench_new")
    ((statement,),) = env.execute_query(
        SQL("SELECT statement_id FROM %s WHERE date = %s LIMIT 1", name, months[len(months) // 2])
    )
    page = SQL("SELECT * FROM %s WHERE statement_id = %s ORDER BY start_at DESC LIMIT 80", name, statement)
    found["page of a statement"] = _timed(env, lambda: env.execute_query(page))
    total = SQL("SELECT count(*), sum(amount) FROM %s WHERE statement_id = %s", name, statement)
    found["sum of a statement"] = _timed(env, lambda: env.execute_query(total))
    found["a month removed"] = _timed(env, _remove, table, months[0])
    return {label: {"seconds": round(seconds, 3), "wal_mb": round(wal)} for label, (seconds, wal) in found.items()}


def _timed(env, act, *args):
    """:return: seconds, MB of log that were written"""
    ((before,),) = env.execute_query(SQL("SELECT pg_current_wal_insert_lsn()"))
    begin = time.perf_counter()
    if args:
        act(env, *args)
    else:
        act()
    seconds = time.perf_counter() - begin
    ((wal,),) = env.execute_query(SQL("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s) / 1e6", before))
    return seconds, float(wal)


def _store(env, name, month, columns):
    end = month + relativedelta(months=1)
    env.cr.execute(
        SQL(
            "INSERT INTO %s (%s) SELECT %s FROM call_usage_line WHERE start_at >= %s AND start_at < %s AND date >= %s AND date < %s",
            name, columns, columns, month - relativedelta(days=1), end + relativedelta(days=1), month, end,
        )
    )  # fmt: skip
    env.cr.commit()


def _remove(env, table, month):
    if table == "bench_months":
        env.cr.execute(SQL("DROP TABLE %s", SQL.identifier(_part(table, month))))
    else:
        env.cr.execute(SQL("DELETE FROM %s WHERE date < %s", SQL.identifier(table), month + relativedelta(months=1)))
    env.cr.commit()
    # What was deleted is only free to be used again after this, which drops have no need of.
    if table == "bench_one":
        connection = env.cr.connection if hasattr(env.cr, "connection") else env.cr._cnx
        connection.autocommit = True
        env.cr.execute(SQL("VACUUM %s", SQL.identifier(table)))
        connection.autocommit = False


# --- How it is told -------------------------------------------------------------------------------------


def _row(step):
    parts = [step[name] for name in STEPS]
    return f"{step['stored']:>14,}" + "".join(f" {STEP / each:>10,.0f}" for each in (*parts, sum(parts)))


def _table(result):
    first, last = (sum(step[name] for name in STEPS) for step in (result["growth"][0], result["growth"][-1]))
    rows = ["", f"the last {STEP:,} took {last / first:.2f} times as long as the first", ""]
    one, months = (result["layouts"][table] for table in TABLES)
    rows.append(f"{'':32} {'one table':>20} {'a table of months':>20}")
    for label in one:
        cells = [f"{each[label]['seconds']:.3f} s, {each[label]['wal_mb']:,} MB" for each in (one, months)]
        rows.append(f"{label:32} {cells[0]:>20} {cells[1]:>20}")
    return "\n".join([*rows, ""])
