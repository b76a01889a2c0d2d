"""What a call costs when many are stored already, and what a table in months would change.

``main`` is called by ``./run bench storage [ROWS]`` in an ``odoo shell`` on a database of its own; README.md tells how to read what it
prints. Nothing here asserts a time.
"""

import statistics
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
LAYOUT_MONTHS = 3
STEPS = ("known", "near", "price", "store")
TABLES = ("bench_one", "bench_months")


def main(env, rows=10_000_000):
    """Fill the table month by month, copy its last months into both layouts, print what it took, and write it as JSON to the file
    named by ``BENCH_JSON``, if set."""
    world = rating._set_up(env, CLIENTS)
    print(f"\n{'calls stored':>14}" + "".join(f" {f'{name}/s':>10}" for name in (*STEPS, "all")) + f" {'log MB':>10}")
    steps = []
    for number in range(max(rows // STEP, 2)):
        steps.append(_month(env, world, number))
        print(_row(steps[-1]), flush=True)
    result = {"growth": steps, "layouts": _layouts(env, len(steps))}
    tell(result, _table(result))


# --- Growth ---------------------------------------------------------------------------------------------


def _month(env, world, number):
    """One more month of calls: seconds to find that none is known and none near another one, to price and to store them in batches;
    staging is not counted."""
    Joining, Loading = env["call.joining"], env["call.loading"]
    seconds = dict.fromkeys(STEPS, 0.0)
    ((before,),) = env.execute_query(SQL("SELECT pg_current_wal_insert_lsn()"))
    month = rating.MONTH + relativedelta(months=number)
    for batch in range(STEP // BATCH):
        rating._stage(env, world["lines"], BATCH, month, first=batch * BATCH, of=STEP)
        moments = [time.perf_counter()]
        assert not Loading._is_any_known(), "These calls are new"
        Joining._find_known(env["call.suspense"], new=True)
        moments.append(time.perf_counter())
        Joining._recall(world["import"].source_id, Loading._survey())
        Joining._hold_near_duplicates(())
        Joining._find_kin()
        moments.append(time.perf_counter())
        rates = rating._price(env)
        moments.append(time.perf_counter())
        (calls, _updated) = Loading._insert_usage(world["import"], rates)
        env.cr.commit()
        moments.append(time.perf_counter())
        assert calls[0] == BATCH, f"{calls[0]} of {BATCH} calls were stored"
        env.invalidate_all()
        for name, (begin, end) in zip(STEPS, pairwise(moments), strict=True):
            seconds[name] += end - begin
    _settle(env, world, month)
    ((log,),) = env.execute_query(SQL("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s) / 1e6", before))
    return {"stored": (number + 1) * STEP, **{name: round(value, 4) for name, value in seconds.items()}, "wal_mb": round(log)}


def _settle(env, world, month):
    """The month is over, as if it was invoiced and paid: what follows is of the next one."""
    end = month + relativedelta(months=1, days=-1)
    world["lines"].write({"last_date_invoiced": end})
    env.flush_all()
    env.cr.execute(SQL("UPDATE call_statement SET state = 'settled' WHERE date_end <= %s", end))
    env.cr.commit()
    env.invalidate_all()


# --- Layouts --------------------------------------------------------------------------------------------


def _layouts(env, filled):
    """The same months in one table and in a table of months, with the same indexes; what is usually done with each.

    :param filled: number of months that have calls
    """
    months = [rating.MONTH + relativedelta(months=number) for number in range(filled)][-LAYOUT_MONTHS:]
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
    return (
        f"{step['stored']:>14,}" + "".join(f" {STEP / each:>10,.0f}" for each in (*parts, sum(parts))) + f" {step['wal_mb']:>10,}"
    )


def _table(result):
    times = [sum(step[name] for name in STEPS) for step in result["growth"]]
    early, late = times[1:6], times[-max(1, len(times) // 5) :]
    ratio = statistics.mean(late) / statistics.mean(early)
    rows = [
        "",
        f"the last {len(late) * STEP:,} calls cost {ratio:.2f} times what the {len(early) * STEP:,} after the first {STEP:,} did",
        "",
    ]
    one, months = (result["layouts"][table] for table in TABLES)
    rows.append(f"{'':32} {'one table':>20} {'a table of months':>20}")
    for label in one:
        cells = [f"{each[label]['seconds']:.3f} s, {each[label]['wal_mb']:,} MB" for each in (one, months)]
        rows.append(f"{label:32} {cells[0]:>20} {cells[1]:>20}")
    return "\n".join([*rows, ""])
