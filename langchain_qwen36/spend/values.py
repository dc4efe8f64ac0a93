"""Insert many rows by one INSERT: a statement for each would cost more than the rows.

SQLite's driver releases Python's lock at each step of a statement, and a busy event loop returns it
5 ms later (https://docs.python.org/3.11/library/sys.html#sys.setswitchinterval).
"""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from langchain_qwen36._sql_rows import in_statements, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from langchain_qwen36.spend.rows import Row

_SIZES = (128, 32, 8, 1)
"""Numbers of rows in a statement: a few different ones, so that both drivers keep them prepared."""
_MOST_PARAMETERS = 32_766 if sqlite3.sqlite_version_info >= (3, 32) else 999
"""https://www.sqlite.org/limits.html#max_variable_number"""


def write_rows(
    connection: Connection, table: Table, rows: Sequence[Row], on_conflict: str = ""
) -> int:
    """Insert rows; return how many were written.

    Args:
        connection: The connection with the open transaction.
        table: The table; each row has all of its columns, which are texts and integers.
        rows: The rows.
        on_conflict: SQL for rows that exist already.
    """
    names = tuple(column.name for column in table.columns)
    pick = itemgetter(*names)
    sizes = [size for size in _SIZES if size * len(names) <= _MOST_PARAMETERS]
    written = 0
    for part in in_statements(rows, sizes):
        sql = _insert(table.name, names, len(part), on_conflict, _mark(connection))
        values = tuple(chain.from_iterable(map(pick, part)))
        written += connection.exec_driver_sql(sql, values).rowcount
    return written


def on_conflict_add(table: Table, sums: Sequence[str]) -> str:
    """Return the SQL that adds to the sums of an existing row."""
    key = ", ".join(column.name for column in table.primary_key)
    added = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in sums)
    return f"ON CONFLICT ({key}) DO UPDATE SET {added}"


def select_in(
    connection: Connection, select: str, names: list[str], *others: str, then: str = ""
) -> list[tuple[Any, ...]]:
    """Return the rows whose last named column is one of these.

    Args:
        connection: The connection with the open transaction.
        select: The statement up to `IN`.
        names: The values; they are not empty.
        others: Values of the parameters `?` in `then`.
        then: The statement after `IN (…)`.
    """
    padding = -len(names) % 8  # few different statements, which the driver keeps prepared
    values = (*names, *names[-1:] * padding, *others)
    sql = _select(select, len(names) + padding, then, _mark(connection))
    return [tuple(row) for row in connection.exec_driver_sql(sql, values)]


@lru_cache(maxsize=256)
def _select(select: str, number: int, then: str, mark: str) -> str:
    return f"{select} IN ({', '.join([mark] * number)}) {then.replace('?', mark)}"


@lru_cache(maxsize=64)
def _insert(table: str, names: tuple[str, ...], size: int, on_conflict: str, mark: str) -> str:
    values = values_of(size, len(names), mark)
    return f"INSERT INTO {table} ({', '.join(names)}) {values} {on_conflict}"


def _mark(connection: Connection) -> str:
    return "?" if connection.dialect.name == "sqlite" else "%s"
