"""Rows of a database table as a Parquet file and back, exactly. DuckDB does the work, in this process; rows come and go as the CSV of
PostgreSQL's ``COPY`` with ``OPTIONS``."""

import os
from contextlib import contextmanager

import duckdb

from .formats.sql import literal, literals

OPTIONS = r"FORMAT csv, NULL '\N', FORCE_QUOTE *"
TYPES = {
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp without time zone": "TIMESTAMP",
    "double precision": "DOUBLE",
    "numeric": "DECIMAL(38, 10)",
    "uuid": "UUID",
}
"""What a column of PostgreSQL is in the file; all others are text. What does not fit is found out when the file is read again."""
Error = duckdb.Error
MEMORY = "512MB"


@contextmanager
def _engine(*paths):
    """An engine that reads and writes the directories of these files and nothing else."""
    folders = sorted({os.path.dirname(path) for path in paths})
    with duckdb.connect(config={"threads": 1, "memory_limit": MEMORY, "temp_directory": folders[0]}) as duck:
        duck.execute(f"SET allowed_directories = [{literals(folders)}]")
        duck.execute("SET enable_external_access = false")
        yield duck


def name(text):
    return '"' + text.replace('"', '""') + '"'


def write(csv_path, path, columns, told):
    """Make a file out of rows.

    :param columns: dict of name -> type as PostgreSQL has it
    :param told: dict of what is told about the file, in its metadata
    """
    types = {column: TYPES.get(kind, "VARCHAR") for column, kind in columns.items()}
    texts = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in types)
    casts = ", ".join(f"CAST({name(column)} AS {kind}) AS {name(column)}" for column, kind in types.items())
    about = ", ".join(f"{name(key)}: {literal(value)}" for key, value in told.items())
    with _engine(csv_path, path) as duck:
        duck.execute(
            f"""
            COPY (SELECT {casts}
                    FROM read_csv({literal(csv_path)}, columns = {{{texts}}}, header = false, delim = ',', quote = '"', escape = '"',
                                  nullstr = '\\N', allow_quoted_nulls = false, auto_detect = false, parallel = false, new_line = '\\n'))
              TO {literal(path)} (FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{about}}})
            """
        )


def read(path, csv_path, columns):
    """Give the rows of a file back."""
    with _engine(path, csv_path) as duck:
        duck.execute(
            f"COPY (SELECT {', '.join(map(name, columns))} FROM read_parquet({literal(path)}))"
            f" TO {literal(csv_path)} (FORMAT csv, HEADER false, NULLSTR '\\N', FORCE_QUOTE *)"
        )


def columns(path):
    """:return: list of the names of its columns"""
    with _engine(path) as duck:
        return [row[0] for row in duck.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(path)})").fetchall()]


def without(path, target, left_out):
    """A copy without some of its columns."""
    with _engine(path, target) as duck:
        kept = ", ".join(map(name, left_out))
        duck.execute(
            f"COPY (SELECT * EXCLUDE ({kept}) FROM read_parquet({literal(path)})) TO {literal(target)} (FORMAT parquet, COMPRESSION zstd)"
        )


def totals(path):
    """:return: (rows, seconds, charged seconds, exact sum of the prices, first start, last start)"""
    with _engine(path) as duck:
        return duck.execute(
            "SELECT count(*), sum(total_seconds)::BIGINT, sum(billed_seconds)::BIGINT, sum(amount), min(start_at), max(start_at)"
            f" FROM read_parquet({literal(path)})"
        ).fetchone()


def has_number(path, digits):
    """Whether one of its calls has a number, told by its digits with country code."""
    sides = " OR ".join(
        f"coalesce(ltrim({side}_e164, '+'), regexp_replace(split_part(translate({side}, ';', '@'), '@', 1), '[^0-9]', '', 'g')) = $1"
        for side in ("caller", "called")
    )
    with _engine(path) as duck:
        return duck.execute(f"SELECT count(*) > 0 FROM read_parquet({literal(path)}) WHERE {sides}", [digits]).fetchone()[0]
