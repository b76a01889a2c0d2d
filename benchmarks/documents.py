"""The documents of a large statement: seconds and memory for its file of calls, its workbook and its PDF.

``main`` is called by ``./run bench documents [ROWS]`` in an ``odoo shell`` on a database of its own; README.md tells how to read what it
prints. Nothing here asserts a time.
"""

import os
import time

import collection
import rating
from results import tell

TARGETS = {"csv": (5, 200)}
"""Seconds, MB more than before, for 100,000 calls."""


def main(env, rows=100_000):
    """Measure, print the table, and write it as JSON to the file named by ``BENCH_JSON``, if set."""
    world = rating._set_up(env, 1)
    rating._stage(env, world["lines"], rows)
    usage, _updated = env["call.loading"]._insert_usage(world["import"], rating._price(env))
    assert usage[0] == rows, f"{usage[0]} of {rows} calls were priced"
    (invoice,) = world["contracts"]._bill_periods(rating.MONTH.replace(month=2))
    env.cr.commit()
    env.cr.execute("ANALYZE call_usage_line")
    statement = invoice.call_statement_ids
    result = {"calls": rows}
    for kind in ("csv", "xlsx", "pdf"):
        env.invalidate_all()
        before = collection._reset_peak()
        begin = time.perf_counter()
        size = _write(statement, kind)
        result[kind] = {
            "seconds": round(time.perf_counter() - begin, 2),
            "memory": collection._peak() - before,
            "bytes": size,
        }
    tell(result, _table(result))


def _write(statement, kind):
    """:return: number of bytes"""
    if kind == "pdf":
        return len(statement._pdf())
    with statement._written(kind) as stream:
        return stream.seek(0, os.SEEK_END)


def _table(result):
    lines = ["", f"a statement of {result['calls']:,} calls", "", f"{'':28} {'seconds':>10} {'MB of memory':>14} {'MB':>8}"]
    labels = {"csv": "file of calls, CSV", "xlsx": "file of calls, workbook", "pdf": "statement, PDF"}
    for kind, label in labels.items():
        found = result[kind]
        line = f"{label:28} {found['seconds']:10.2f} {found['memory']:14,} {found['bytes'] / 1e6:8.1f}"
        if kind in TARGETS:
            seconds, memory = TARGETS[kind]
            reached = "reached" if found["seconds"] <= seconds and found["memory"] <= memory else "missed"
            line += f"  <= {seconds} s, {memory} MB: {reached}"
        lines.append(line)
    return "\n".join([*lines, ""])
