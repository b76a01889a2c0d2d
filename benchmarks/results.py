"""How every benchmark tells what it found."""

import json
import os
from pathlib import Path


def tell(result, table):
    """Print the table; write the result as JSON to the file named by ``BENCH_JSON``, if set."""
    print(table)
    if os.environ.get("BENCH_JSON"):
        Path(os.environ["BENCH_JSON"]).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
