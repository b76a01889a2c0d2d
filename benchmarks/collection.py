"""Calls per second from a phone system's file to rated usage lines, beside yardsticks in the same run.

``main`` is called by ``./run bench [ROWS]`` in an ``odoo shell`` on a database of its own; README.md tells how to
read what it prints. Nothing here asserts a time: times differ by machine, so the targets are ratios and are only told.
"""

import contextlib
import os
import platform
import random
import resource
import statistics
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
from results import tell

from odoo.fields import Command
from odoo.tools import SQL

from odoo.addons.call_center_billing.formats import sql

SEED = 20260101
ZONE = "Europe/Berlin"
MONTH, MONTH_DAYS = datetime(2026, 1, 1), 31
CLIENTS = 50
RUNS = 3
SAMPLE = 2000
WORKER_MB = 400
"""What an import may make of the process that does it, Odoo included."""
CELLS = (
    "account", "src", "dst", "context", "clid", "channel", "other", "app", "data", "start", "answer", "stop", "duration", "billsec",
    "disposition", "flags", "id", "field", "peer", "linked", "sequence",
)  # fmt: skip
COPY_TABLE = "call_center_billing_bench"
RULES = (
    {"name": "Priority", "queue": "priority", "priority": 1, "minute_price": 0.42, "call_price": 0.0, "increment_next": 1},
    {"name": "Outbound", "direction": "outbound", "minute_price": 0.29, "call_price": 0.02},
    {"name": "Inbound", "minute_price": 0.35, "call_price": 0.1, "bill_abandoned": True},
)
# The same rules in one query, for yardsticks: nothing is checked, known or guided.
SIMPLEST = """
    WITH call AS (
        SELECT account, src, dst, start, context = 'from-internal' AS outbound,
               app = 'Queue' AND split_part(data, ',', 1) = 'priority' AS priority,
               disposition = 'ANSWERED' AND (app <> 'Queue' OR nullif(other, '') IS NOT NULL) AS answered,
               disposition = 'ANSWERED' AND app = 'Queue' AND nullif(other, '') IS NULL AS abandoned, CAST(billsec AS INTEGER) AS billsec
          FROM {calls}
    ), rated AS (
        SELECT *, CASE WHEN priority THEN 0.42 WHEN outbound THEN 0.29 ELSE 0.35 END AS minute,
               CASE WHEN priority THEN 0 WHEN outbound THEN 0.02 ELSE 0.1 END AS fee,
               CASE WHEN NOT answered OR billsec <= 0 THEN 0 WHEN priority THEN greatest(billsec, 60)
                    ELSE greatest(ceil(billsec / 60.0), 1) * 60 END AS seconds
          FROM call WHERE answered OR abandoned AND NOT outbound AND NOT priority
    )
    SELECT account, src, dst, start, seconds, CAST(seconds * minute / 60 + fee AS DECIMAL(18, 10)) AS amount FROM rated
"""
# What makes a call of the sample, results included: load() is spared reading, guiding and rating.
LOADED_FIELDS = (
    "import_id/.id", "line_number", "company_id/.id", "statement_id/.id", "contract_line_id/.id", "rule_id/.id", "price_id/.id",
    "record_ref", "group_ref", "direction", "caller", "called", "queue", "account_code", "agent", "disposition",
    "start_at", "date", "ring_seconds", "queue_seconds", "ivr_seconds", "talk_seconds", "hold_seconds", "wrap_seconds",
    "total_seconds", "counted_seconds", "billed_seconds", "amount", "status",
    "not_billable_reason",
)  # fmt: skip


def main(env, rows=100_000):
    """Measure, print the table, and write it as JSON to the file named by ``BENCH_JSON``, if set."""
    source = _set_up(env)
    with tempfile.TemporaryDirectory() as workdir:
        path = Path(workdir) / "Master.csv"
        _write_file(path, rows)
        size = path.stat().st_size
        imports, copies, peaks = [], [], []
        for run in range(RUNS):
            call_import, seconds, memory = _time_import(env, source, path, rows)
            imports.append(seconds)
            peaks.append(memory)
            copies.append(_time_copy(env, path, rows))
            if run < RUNS - 1:
                _undo(env, call_import)
        same = _time_same(env, source, path)
        simplest = _time_simplest(env, call_import, path, rows)
        again = _time_again(env, source, path, rows)
        duck = _time_duckdb(env, call_import, path)
        sample, load_seconds, create_seconds = _time_odoo(env, call_import)
    result = _result(env, rows, size, imports, copies, sample, load_seconds, peaks)
    result |= {
        "create": _speed(sample, create_seconds),
        "simplest": _speed(rows, simplest),
        "same": _speed(rows, same),
        "again": _speed(rows, again),
        "duckdb": _speed(rows, duck),
    }
    tell(result, _table(result))


# --- What is measured -----------------------------------------------------------------------------------


def _time_import(env, source, path, rows):
    """:return: the import, seconds from the stored file to the commit, peak memory in MB meanwhile (total, added)"""
    call_import = env["call.import"]._create_from_path(source, str(path), path.name, "folder")
    env.cr.commit()
    env.invalidate_all()
    before = _reset_peak()
    begin = time.perf_counter()
    call_import._import(commit=True)
    env.cr.commit()
    seconds = time.perf_counter() - begin
    peak = _peak()
    totals = (call_import.state, call_import.read_count, call_import.accepted_count)
    assert totals == ("done", rows, rows), f"Every call should be accepted: {totals}, {call_import.message}"
    return call_import, seconds, (peak, peak - before)


def _time_copy(env, path, rows):
    """Seconds of PostgreSQL's own COPY of the same file, as text, into a table without keys or indexes."""
    seconds = _copy(env, path, rows)
    env.cr.execute(SQL("DROP TABLE %s", SQL.identifier(COPY_TABLE)))
    env.cr.commit()
    return seconds


def _copy(env, path, rows):
    columns = SQL(", ").join(SQL("%s text", SQL.identifier(name)) for name in CELLS)
    env.cr.execute(SQL("CREATE TABLE %s (%s)", SQL.identifier(COPY_TABLE), columns))
    env.cr.commit()
    begin = time.perf_counter()
    with path.open(encoding="utf-8") as stream:
        env.cr.copy_expert(f"COPY {COPY_TABLE} FROM STDIN (FORMAT csv)", stream)
    copied = env.cr.rowcount
    env.cr.commit()
    seconds = time.perf_counter() - begin
    assert copied == rows, f"COPY took {copied} of {rows} rows"
    return seconds


def _time_simplest(env, call_import, path, rows):
    """Seconds of the simplest way within PostgreSQL: COPY, then one query that rates the rows into another table, committed."""
    copied = _copy(env, path, rows)
    begin = time.perf_counter()
    env.cr.execute(f"CREATE TABLE {COPY_TABLE}_rated AS {SIMPLEST.format(calls=COPY_TABLE)}")
    env.cr.commit()
    seconds = copied + time.perf_counter() - begin
    ((total,),) = env.execute_query(SQL("SELECT sum(amount) FROM %s", SQL.identifier(f"{COPY_TABLE}_rated")))
    _check_sum(env, call_import, total)
    env.cr.execute(f"DROP TABLE {COPY_TABLE}, {COPY_TABLE}_rated")
    env.cr.commit()
    return seconds


def _check_sum(env, call_import, total):
    ((ours,),) = env.execute_query(SQL("SELECT sum(amount) FROM call_usage_line WHERE import_id = %s", call_import.id))
    assert abs(float(ours) - float(total)) < 1e-4, f"The simplest query reckons {total}, the import {ours}"


def _time_same(env, source, path):
    """Seconds to find out that a file was imported already."""
    call_import = env["call.import"]._create_from_path(source, str(path), f"same {path.name}", "folder")
    env.cr.commit()
    begin = time.perf_counter()
    call_import._import(commit=True)
    env.cr.commit()
    seconds = time.perf_counter() - begin
    assert call_import.state == "repeated", (call_import.state, call_import.message)
    return seconds


def _time_again(env, source, path, rows):
    """Seconds to find out that all calls of a file, which is another one by its last byte, are here already."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write("\n")
    call_import = env["call.import"]._create_from_path(source, str(path), f"again {path.name}", "folder")
    env.cr.commit()
    begin = time.perf_counter()
    call_import._import(commit=True)
    env.cr.commit()
    seconds = time.perf_counter() - begin
    assert (call_import.state, call_import.duplicate_count) == ("done", rows), (call_import.state, call_import.message)
    return seconds


def _time_duckdb(env, call_import, path):
    """Seconds in which DuckDB reads the file and rates its calls in memory, with all processors."""
    names = ", ".join(f"'{name}': 'VARCHAR'" for name in CELLS)
    calls = f"read_csv({sql.literal(path)}, header = false, quote = '\"', escape = '\"', columns = {{{names}}})"
    begin = time.perf_counter()
    with duckdb.connect(config={"threads": os.cpu_count()}) as duck:
        (total,) = duck.execute(f"SELECT sum(amount) FROM ({SIMPLEST.format(calls=calls)})").fetchone()
    seconds = time.perf_counter() - begin
    _check_sum(env, call_import, total)
    return seconds


def _time_odoo(env, call_import):
    """Odoo's import, and its ``create``, of a sample of the same calls, already rated, then rolled back.

    :return: number of calls, seconds of ``load``, seconds of ``create``
    """
    Call = env["call.usage.line"].with_context(import_file=True, tracking_disable=True)
    # Only the bulk load writes this column, which no field stands for.
    env.cr.execute("ALTER TABLE call_usage_line ALTER COLUMN record_key SET DEFAULT gen_random_uuid()")
    calls = Call.search([("import_id", "=", call_import.id)], limit=SAMPLE, order="id")
    texts = [[str(value) for value in row] for row in calls.export_data(list(LOADED_FIELDS))["datas"]]
    values = calls.read([name.removesuffix("/.id") for name in LOADED_FIELDS], load=False)
    values = [{name: value for name, value in each.items() if name != "id"} for each in values]
    seconds = []
    for act in (lambda: Call.load(list(LOADED_FIELDS), texts)["ids"], lambda: Call.create(values).ids):
        env.invalidate_all()
        begin = time.perf_counter()
        made = act()
        env.flush_all()
        seconds.append(time.perf_counter() - begin)
        assert made and len(made) == len(calls), "The sample was refused"
    env.cr.rollback()
    return len(calls), *seconds


def _undo(env, call_import):
    """Back to an empty table of calls, without the dead rows that would slow down the next run."""
    call_import.action_undo()
    env.cr.execute("TRUNCATE call_usage_line CASCADE")
    env.cr.commit()


def _reset_peak():
    """Forget the peak of memory so far where the system can.

    :return: what is in use, in MB
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def _peak():
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _status(name):
    """A line of the process's memory status, in MB; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith(f"{name}:")), 0)


# --- What it is measured on -----------------------------------------------------------------------------


def _set_up(env):
    """A source, a plan of three rules and a contract for each client, found by account code."""
    company = env.company
    product = env["product.product"].create({"name": "Calls", "type": "service"})
    plan = env["call.rate.plan"].create(
        {
            "name": "Benchmark",
            "rule_ids": [Command.create(values) for values in RULES],
        }
    )
    env["contract.contract"].create(
        [
            {
                "name": f"Client {number}",
                "partner_id": env["res.partner"].create({"name": f"Client {number}", "tz": ZONE}).id,
                "company_id": company.id,
                "contract_type": "sale",
                "line_recurrence": True,
                "contract_line_ids": [Command.create(_line_values(product, plan, number))],
            }
            for number in range(CLIENTS)
        ]
    )
    source = env["call.source"].create({"name": "Benchmark", "tz": ZONE, "outbound_contexts": "from-internal"})
    env.cr.commit()
    return source


def _line_values(product, plan, number):
    return {
        "name": "Calls",
        "product_id": product.id,
        "quantity": 1,
        "price_unit": 0,
        "rate_plan_id": plan.id,
        "date_start": date(MONTH.year, MONTH.month, 1),
        "recurring_rule_type": "monthly",
        "recurring_interval": 1,
        "recurring_invoicing_type": "post-paid",
        "endpoint_ids": [Command.create({"kind": "account_code", "value": _account(number)})],
    }


def _account(number):
    return f"client{number:03d}"


def _write_file(path, rows):
    """A month of calls as Asterisk writes it with all columns: texts quoted, numbers not, in the order of time."""
    draw = random.Random(SEED)
    offset = int(MONTH.replace(tzinfo=ZoneInfo(ZONE)).timestamp())
    step = (MONTH_DAYS * 86400 - 7200) / rows  # the last call still begins in the month
    with path.open("w", encoding="utf-8", newline="") as stream:
        for row in range(rows):
            stream.write(_row(draw, row, offset, int(row * step)))


def _row(draw, row, epoch, second):
    account, agent, outside = _account(draw.randrange(CLIENTS)), draw.randrange(400), draw.randrange(10**7, 10**8)
    ringing, talk = draw.randrange(2, 40), int(draw.expovariate(1 / 180)) + 1
    start = MONTH + timedelta(seconds=second)
    outcome = draw.random()
    if outcome < 0.30:  # outbound, one in five without success
        disposition = "ANSWERED" if outcome < 0.24 else "NO ANSWER" if outcome < 0.28 else "BUSY"
        called, context, caller = f"0049172{outside}", "from-internal", f"+4930555{agent:04d}"
        channels = f"PJSIP/agent{agent:03d}-{row:08x}", f"PJSIP/trunk-{row:08x}"
        application = "Dial", f"PJSIP/{called}@trunk,45,T"
    else:  # a queue, where one in ten hangs up before an agent answers
        disposition = "ANSWERED"
        called, context, caller = f"+4930777{draw.randrange(200):04d}", "from-trunk", f"+49171{outside}"
        agent_channel = f"PJSIP/agent{agent:03d}-{row:08x}" if outcome < 0.93 else ""
        channels = f"PJSIP/trunk-{row:08x}", agent_channel
        queue = "priority" if outcome < 0.45 else f"support-{account}"
        application = "Queue", f"{queue},t,,,300"
    answered = disposition == "ANSWERED"
    talk = talk if answered else 0
    answer = start + timedelta(seconds=ringing)
    end = answer + timedelta(seconds=talk)
    unique = f"{epoch + second}.{row}"
    texts = (
        account, caller, called, context, f'""Caller"" <{caller}>', *channels, *application,
        start, answer if answered else "", end,
    )  # fmt: skip
    quoted = ",".join(f'"{text}"' for text in texts)
    return f'{quoted},{ringing + talk},{talk},"{disposition}","DOCUMENTATION","{unique}","","","{unique}",{row}\n'


# --- How it is told -------------------------------------------------------------------------------------


def _result(env, rows, size, imports, copies, loaded, load_seconds, peaks):
    ours, copy = statistics.median(imports), statistics.median(copies)
    ratios = {
        "times_faster_than_load": (round(rows / ours / (loaded / load_seconds), 1), ">=", 30),
        "times_as_long_as_copy": (round(ours / copy, 1), "<=", 8),
    }
    return {
        "rows": rows,
        "bytes_per_row": round(size / rows),
        "runs": RUNS,
        "import": {"seconds": _rounded(imports), "median": round(ours, 3), "calls_per_second": round(rows / ours)},
        "copy": {"seconds": _rounded(copies), "median": round(copy, 3), "calls_per_second": round(rows / copy)},
        "load": {"rows": loaded, **_speed(loaded, load_seconds)},
        "ratios": {
            name: {"value": value, "target": f"{sign} {target}", "reached": value >= target if sign == ">=" else value <= target}
            for name, (value, sign, target) in ratios.items()
        },
        "peak_memory_mb": {
            "process": (most := max(peak for peak, _added in peaks)),
            "added": max(added for _peak, added in peaks),
            "target": f"<= {WORKER_MB}",
            "reached": most <= WORKER_MB,
        },
        "environment": {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "postgresql": str(env.cr.connection.server_version // 10000),
        },
    }


def _speed(calls, seconds):
    return {"seconds": round(seconds, 3), "calls_per_second": round(calls / seconds)}


def _rounded(times):
    return [round(seconds, 3) for seconds in times]


def _table(result):
    machine, memory = result["environment"], result["peak_memory_mb"]
    lines = [
        "",
        f"{result['rows']:,} calls of {result['bytes_per_row']} bytes, {CLIENTS} contracts, median of {RUNS} runs",
        f"{machine['cpus']} processors, Python {machine['python']}, PostgreSQL {machine['postgresql']}",
        "",
        f"{'':48} {'seconds':>10} {'calls/second':>14}",
        _measured("file to rated and committed calls", result["import"]["median"], result["import"]),
        _measured("COPY of the file as text", result["copy"]["median"], result["copy"]),
        _measured("PostgreSQL: COPY, rate in one query, no more", result["simplest"]["seconds"], result["simplest"]),
        _measured("DuckDB: read and rate in memory, no more", result["duckdb"]["seconds"], result["duckdb"]),
        _measured(f"Odoo's load() of {result['load']['rows']:,} rated calls", result["load"]["seconds"], result["load"]),
        _measured(f"Odoo's create() of {result['load']['rows']:,} rated calls", result["create"]["seconds"], result["create"]),
        _measured("the same file again", result["same"]["seconds"], result["same"]),
        _measured("all of them in another file: known as duplicates", result["again"]["seconds"], result["again"]),
        "",
        f"{'':48} {'ratio':>10} {'target':>14}",
        _compared("calls per second, times those of load()", result["ratios"]["times_faster_than_load"]),
        _compared("time, times that of COPY", result["ratios"]["times_as_long_as_copy"]),
        "",
        f"{'peak memory of the process, MB':48} {memory['process']:10,} {memory['target']:>14} {_reached(memory)}",
        f"{'of it more than before the import, MB':48} {memory['added']:10,}",
        "",
    ]
    return "\n".join(lines)


def _measured(label, seconds, values):
    return f"{label:48} {seconds:10.2f} {values['calls_per_second']:14,}"


def _compared(label, ratio):
    return f"{label:48} {ratio['value']:10.1f} {ratio['target']:>14} {_reached(ratio)}"


def _reached(figure):
    return "reached" if figure["reached"] else "missed"
