"""A billing run of many contracts: from a month of rated calls to posted invoices, and what of the time is the add-on's own.

``main`` is called by ``./run bench billing [ROWS]`` in an ``odoo shell`` on a database of its own; README.md tells how to read what it
prints. Nothing here asserts a time.
"""

import time
from contextlib import contextmanager
from datetime import date
from functools import wraps

import rating
from results import tell

from odoo.addons.account.models.account_move import AccountMove

CONTRACTS = 1000
OWN_SHARE = 25
"""Per cent of the time that may be the add-on's."""
DUE = date(2026, 2, 1)


def main(env, rows=1_000_000):
    """Bill, print the table, and write it as JSON to the file named by ``BENCH_JSON``, if set."""
    world = rating._set_up(env, CONTRACTS)
    rating._stage(env, world["lines"], rows)
    (usage, _updated) = env["call.loading"]._insert_usage(world["import"], rating._price(env))
    assert usage[0] == rows, f"{usage[0]} of {rows} calls were priced"
    env.company.call_billing_schedule = "manual"
    run = env["call.billing.run"].create({"date": DUE, "invoice_date": DUE, "post": True})
    env.cr.commit()
    env.cr.execute("ANALYZE call_usage_line")
    begin = time.perf_counter()
    run.action_prepare()
    env["call.billing.run"]._cron_run()
    prepared = time.perf_counter()
    with _timed(AccountMove, "create", "_post") as spent:
        run.action_run()
        env["call.billing.run"]._cron_run()
    done = time.perf_counter()
    run.invalidate_recordset()
    assert (run.state, run.failed_count) == ("done", 0), (run.state, run.line_ids.mapped("message"))
    assert len(run.line_ids.move_ids) == CONTRACTS and set(run.line_ids.move_ids.mapped("state")) == {"posted"}
    result = {
        "contracts": CONTRACTS,
        "calls": rows,
        "preview": round(prepared - begin, 1),
        "run": round(done - prepared, 1),
        "create": round(spent["create"], 1),
        "post": round(spent["_post"], 1),
        "invoice_lines": len(run.line_ids.move_ids.invoice_line_ids),
        "total": str(sum(run.line_ids.move_ids.mapped("amount_untaxed"))),
    }
    result["own_share"] = round(100 * (1 - (spent["create"] + spent["_post"]) / (done - prepared)), 1)
    tell(result, _table(result))


@contextmanager
def _timed(definition, *names):
    """Seconds spent in methods as a module defines them, by name; one inside another counts once."""
    spent, depth = dict.fromkeys(names, 0.0), [0]

    def timed(name, method):
        @wraps(method)
        def call(*args, **kwargs):
            begin = time.perf_counter()
            depth[0] += 1
            try:
                return method(*args, **kwargs)
            finally:
                depth[0] -= 1
                if not depth[0]:
                    spent[name] += time.perf_counter() - begin

        return call

    originals = {name: vars(definition)[name] for name in names}
    for name, method in originals.items():
        setattr(definition, name, timed(name, method))
    try:
        yield spent
    finally:
        for name, method in originals.items():
            setattr(definition, name, method)


def _table(result):
    reached = "reached" if result["own_share"] < OWN_SHARE else "missed"
    return "\n".join(
        [
            "",
            f"{result['contracts']:,} contracts, {result['calls']:,} calls, {result['invoice_lines']:,} invoice lines",
            "",
            f"{'':44} {'seconds':>10}",
            f"{'preview of all':44} {result['preview']:10.1f}",
            f"{'run, from open periods to posted invoices':44} {result['run']:10.1f}",
            f"{'of it, Odoo creates invoices':44} {result['create']:10.1f}",
            f"{'of it, Odoo posts them':44} {result['post']:10.1f}",
            "",
            f"{'own share of the run, per cent':44} {result['own_share']:10.1f} {'< ' + str(OWN_SHARE):>14} {reached}",
            "",
        ]
    )
