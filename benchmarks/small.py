"""Every benchmark once, with few calls: whether it runs and its sums are right, not how long it takes.

``main`` is called by ``./run bench small`` in an ``odoo shell`` on a database of its own; CI does that.
"""

import billing
import collection
import documents
import portal
import rating
import storage

SMALL = {
    billing: {"CONTRACTS": 20},  # first: it bills all contracts that there are
    collection: {"RUNS": 1, "SAMPLE": 50},
    rating: {"CONTRACTS": 20, "PREFIXES": 500},
    documents: {},
    portal: {"CLIENTS": 5, "MONTHS": 3},
    storage: {"CLIENTS": 5, "STEP": 500, "BATCH": 250, "LAYOUT_MONTHS": 2},
}


def main(env, rows=1000):
    """Each tells its table, as always; what does not add up ends it with an error."""
    for benchmark, sizes in SMALL.items():
        vars(benchmark).update(sizes)
    for benchmark in SMALL:
        print(f"\n{benchmark.__doc__.splitlines()[0]}")
        benchmark.main(env, rows)
        env.cr.rollback()
