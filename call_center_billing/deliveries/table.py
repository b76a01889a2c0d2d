"""Rows of a call record table in another PostgreSQL database.

The session can only read. Identifiers are quoted, only columns that are asked for are selected, and rows come through
a server-side cursor: memory does not follow their number.
"""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 120
FETCHED_ROWS = 5000
TIMES = {1114: "timestamp", 1184: "timestamptz"}
WHOLE_NUMBERS = (20, 21, 23)


class TableError(Exception):
    """The table cannot be read. ``code`` is ``database`` (``detail``: what the database says), ``column`` (it is missing),
    ``time`` (the column holds no times), ``untimed`` (there are rows, but none has a time in the column) or ``number`` (the
    column holds no whole numbers)."""

    def __init__(self, code: str, detail: str):
        super().__init__(code)
        self.code, self.detail = code, detail


@dataclass(frozen=True)
class Table:
    """:param connection: of libpq: host, port, dbname, user, password, sslmode
    :param wanted: (title of a column) -> whether it is of use
    :param required: sets of titles: of each, the table has to have one
    :param zone: in which times with a zone are written
    """

    connection: dict
    schema: str
    name: str
    time_column: str
    id_column: str | None
    wanted: Callable[[str], bool]
    required: tuple = ()
    zone: str = "UTC"


@dataclass(frozen=True)
class Since:
    """Where to go on: time of the newest row and greatest id so far, as text; and how far to look back, in minutes."""

    position: str | None = None
    last_id: int | None = None
    overlap: int = 0


@dataclass(frozen=True)
class Pulled:
    """``count`` rows were written; the newest is of ``position``. There are ``more`` than were asked for."""

    count: int
    position: str | None
    last_id: int | None
    more: bool


def check(table: Table) -> list[str]:
    """Names of the columns that would be read.

    :raise TableError: they are not all there, or the database cannot be reached
    """
    with _connected(table) as connection, connection.cursor() as cursor:
        return list(_columns(cursor, table)[0])


def pull(table: Table, since: Since, limit: int, path: str) -> Pulled:
    """Write rows as CSV with a header: those of the overlap, which may have come late, and up to ``limit`` newer ones.

    Rows without a time have no place among the others: all of them are written behind these, each time. Alone they are not.

    :raise TableError: the database cannot be reached, or the table is another one
    """
    with _connected(table) as connection:
        with connection.cursor() as cursor:
            columns, kind = _columns(cursor, table)
            values = {
                "position": since.position,
                "overlap": since.overlap,
                "last_id": since.last_id,
                # A clock that runs ahead must not keep all later rows away: no position lies in the future.
                "now": datetime.now(ZoneInfo(table.zone)).replace(tzinfo=None if kind == "timestamp" else ZoneInfo(table.zone)),
            }
            cursor.execute(_select(table, since, kind, _counts(table), only_again=True), values)
            ((again, untimed),) = cursor.fetchall()
        with connection.cursor("call_pull") as cursor, open(path, "w", encoding="utf-8", newline="") as stream:
            cursor.itersize = FETCHED_ROWS
            cursor.execute(_rows(table, since, kind, columns), {**values, "limit": again + limit})
            count, position, last_id = _write(stream, list(columns), cursor)
    if count == untimed:
        if count and not since.position:
            raise TableError("untimed", table.time_column)
        return Pulled(0, since.position, since.last_id, False)
    return Pulled(count, position or since.position, max(last_id, since.last_id or 0) or None, count >= again + limit)


def _write(stream, names, rows):
    writer = csv.writer(stream)
    writer.writerow(names)
    count, position, last_id = 0, None, 0
    for *texts, time, number in rows:
        writer.writerow([text and text.replace("\r", " ").replace("\n", " ") for text in texts])
        count += 1
        position = time or position
        last_id = max(last_id, number or 0)
    return count, position, last_id


def _rows(table, since, kind, columns):
    time = sql.Identifier(table.time_column)
    number = sql.Identifier(table.id_column) if table.id_column else sql.SQL("NULL::bigint")
    moment = sql.SQL("CASE WHEN {0} <= %(now)s::{1} THEN {0}::text END").format(time, sql.SQL(kind))
    columns = [_text(name, code) for name, code in columns.items()]
    order = sql.SQL(" ORDER BY {}, {} LIMIT %(limit)s").format(time, number)
    return _select(table, since, kind, sql.SQL(", ").join([*columns, moment, number])) + order


def _text(name, code):
    # Times with a zone as local ones, which is how the format reads them.
    return sql.SQL("{}::timestamp::text" if TIMES.get(code) == "timestamptz" else "{}::text").format(sql.Identifier(name))


def _counts(table):
    """How many rows there are, and how many of them without a time."""
    return sql.SQL("count(*), count(*) - count({})").format(sql.Identifier(table.time_column))


def _select(table, since, kind, what, only_again=False):
    time, kind = sql.Identifier(table.time_column), sql.SQL(kind)
    untimed = sql.SQL("{} IS NULL").format(time)
    where = sql.SQL("false" if only_again else "true")
    if since.position:
        where = sql.SQL("{} >= %(position)s::{} - %(overlap)s * interval '1 minute'").format(time, kind)
        if table.id_column and since.last_id:  # however late they came
            where = sql.SQL("({} OR {} > %(last_id)s)").format(where, sql.Identifier(table.id_column))
        if only_again:
            where = sql.SQL("{} AND {} <= %(position)s::{}").format(where, time, kind)
    where = sql.SQL("{} OR {}").format(where, untimed)
    return sql.SQL("SELECT {} FROM {} WHERE {}").format(what, sql.Identifier(table.schema, table.name), where)


def _columns(cursor, table):
    """:return: (columns to read with their types, SQL type of the time column)"""
    cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(table.schema, table.name)))
    kinds = {column.name: column.type_code for column in cursor.description}
    for name in filter(None, (table.time_column, table.id_column)):
        if name not in kinds:
            raise TableError("column", name)
    if kinds[table.time_column] not in TIMES:
        raise TableError("time", table.time_column)
    if table.id_column and kinds[table.id_column] not in WHOLE_NUMBERS:
        raise TableError("number", table.id_column)
    columns = {name: code for name, code in kinds.items() if table.wanted(name)}
    for titles in table.required:
        if not titles & {name.lower() for name in columns}:
            raise TableError("column", " / ".join(sorted(titles)))
    return columns, TIMES[kinds[table.time_column]]


@contextmanager
def _connected(table: Table) -> Iterator:
    """A session that can only read and never waits for long."""
    connection = None
    try:
        connection = psycopg2.connect(
            **table.connection,
            connect_timeout=CONNECT_SECONDS,
            tcp_user_timeout=STATEMENT_SECONDS * 1000,
            application_name="call center billing",
        )
        connection.set_session(readonly=True, isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
            cursor.execute("SET statement_timeout = %s", [STATEMENT_SECONDS * 1000])
            cursor.execute("SET DateStyle = 'ISO, YMD'")
            cursor.execute("SET TIME ZONE %s", [table.zone])
        yield connection
    except psycopg2.Error as error:
        raise TableError("database", _plain(error, table.connection.get("password"))) from None
    finally:
        if connection:
            connection.close()


def _plain(error, password):
    text = str(error).strip() or type(error).__name__
    return text.replace(password, "***") if password else text
