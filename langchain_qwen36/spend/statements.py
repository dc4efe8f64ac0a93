"""The SQL statements that reserve and settle; the same on SQLite and Postgres."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import bindparam, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from langchain_qwen36.spend import tables
from langchain_qwen36.spend.limits import Balance, BalanceKey, Rule
from langchain_qwen36.spend.rows import Row, microseconds
from langchain_qwen36.spend.values import on_conflict_add, select_in, write_rows
from langchain_qwen36.spend.windows import window_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection, Dialect, Result
    from sqlalchemy.sql import ColumnElement, Select

    from langchain_qwen36.spend.windows import Per

_CALL, _BALANCE, _BUDGET, _ROLLUP = tables.call, tables.balance, tables.budget, tables.rollup

_END_COLUMNS = (
    *(
        "state",
        "held",
        "charges",
        "charged",
        "cost",
        "currency",
        "listed",
        "source",
        "estimated",
        "ending",
    ),
    *("error", "model", "gateway", "tier", "request_id", "response_id", "ended"),
    *tables.TOKEN_COLUMNS,
)
"""Columns that an end writes; the accounts of a call never change."""
_BOUND = "b_"
"""Prefix of the parameters of an update: SQLAlchemy uses the columns' own names itself."""
_UPDATE_CALL = (
    update(_CALL)
    .where(_CALL.c.id == bindparam(f"{_BOUND}id"))
    .values({name: bindparam(f"{_BOUND}{name}") for name in _END_COLUMNS})
)
_UPDATE_BALANCE = (
    update(_BALANCE)
    .where(*[_BALANCE.c[name] == bindparam(f"{_BOUND}{name}") for name in tables.BALANCE_KEY])
    .values({name: bindparam(f"{_BOUND}{name}") for name in ("spent", "held", "limit_amount")})
)
_CALLS = (
    select(_CALL)
    .where(_CALL.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_CALL.c.id)
    .with_for_update()
)
_END_CALL = (
    "ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _END_COLUMNS)
    + " WHERE spend_call.state = 'open' AND spend_call.charges = excluded.charges"
)
_ADD_BALANCE = on_conflict_add(_BALANCE, ("spent", "held"))
_ADD_ROLLUP = on_conflict_add(_ROLLUP, tables.ROLLUP_SUMS)
_BALANCES = (
    f"SELECT {', '.join(tables.BALANCE_KEY)}, spent, held, topped_up, limit_amount "  # noqa: S608 - our own names
    "FROM spend_balance WHERE account"
)
_THEN = f"AND window_start >= ? ORDER BY {', '.join(tables.BALANCE_KEY)}"
_BUDGETS = "SELECT account, per, zone, amount, currency FROM spend_budget WHERE account"


class StaleRowsError(Exception):
    """Rows differ from the remembered ones, so that nothing was written."""


def lock_calls(connection: Connection, ids: Sequence[str]) -> dict[str, Row]:
    """Lock the rows of calls and return them; missing ones are left out."""
    return _rows_by_id(connection.execute(_CALLS, {"ids": ids}))


def lock_overdue(connection: Connection, now: int, limit: int) -> dict[str, Row]:
    """Select and lock holds whose lease is over, except those being settled elsewhere."""
    query: Select[Any] = (
        select(_CALL)
        .where(_CALL.c.state == "open", _CALL.c.lease_until < now)
        .order_by(_CALL.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return _rows_by_id(connection.execute(query))


def _rows_by_id(result: Result[Any]) -> dict[str, Row]:
    names = tuple(result.keys())
    rows = (dict(zip(names, row, strict=True)) for row in result)
    return {row["id"]: row for row in rows}


def read_budgets(connection: Connection, accounts: list[str]) -> list[Rule]:
    """Return the limits that are set in the ledger for these accounts."""
    return [Rule(*row) for row in select_in(connection, _BUDGETS, accounts)]


def lock_balances(
    connection: Connection, accounts: Iterable[str], oldest: str
) -> dict[BalanceKey, Balance]:
    """Select and lock the balances of these accounts, from the window `oldest` on."""
    names = sorted(set(accounts))
    if not names:
        return {}
    then = _THEN if connection.dialect.name == "sqlite" else f"{_THEN} FOR UPDATE"
    return {
        BalanceKey(*row[:5]): Balance(*row[5:])
        for row in select_in(connection, _BALANCES, names, oldest, then=then)
    }


def open_balances(
    connection: Connection, keys: Sequence[BalanceKey], without: Sequence[str] = ()
) -> None:
    """Create balances of windows, with what their accounts spent in them before a limit was set.

    Args:
        connection: The connection with the open transaction.
        keys: The windows.
        without: Ids of calls that are charged to them now, and must not be counted twice.
    """
    values = [
        {
            **key._asdict(),
            "spent": _spent_before(connection, key, without),
            "held": 0,
            "topped_up": 0,
            "limit_amount": None,
        }
        for key in keys
    ]
    statement = insert_into(connection, _BALANCE).on_conflict_do_nothing()
    connection.execute(statement, values)


def insert_calls(connection: Connection, rows: Mapping[str, Row]) -> None:
    """Insert new calls; one that another process has just written raises `IntegrityError`."""
    write_rows(connection, _CALL, [rows[id_] for id_ in sorted(rows)])


def end_calls(connection: Connection, rows: Mapping[str, Row]) -> None:
    """Write the ends of calls that this process reserved.

    Raises:
        StaleRowsError: The row of a call has changed since: its hold was charged, or it was put on
            more balances.
    """
    if write_rows(connection, _CALL, list(rows.values()), _END_CALL) != len(rows):
        raise StaleRowsError


def update_calls(connection: Connection, rows: Mapping[str, Row]) -> None:
    """Update calls."""
    _update_many(connection, _UPDATE_CALL, list(rows.values()))


def write_balances(connection: Connection, balances: Mapping[BalanceKey, Balance]) -> None:
    """Write the sums that changed."""
    changed = sorted((key, row) for key, row in balances.items() if row.changed and not row.is_new)
    _update_many(connection, _UPDATE_BALANCE, [_balance_row(key, row) for key, row in changed])
    new = [_balance_row(key, row) for key, row in balances.items() if row.is_new]
    write_rows(connection, _BALANCE, new, _ADD_BALANCE)


def add_to_rollup(connection: Connection, sums: Mapping[tuple[str, ...], list[int]]) -> None:
    """Add to the sums of days."""
    columns = ("day", *tables.TEXT_DIMENSIONS, *tables.ROLLUP_SUMS)
    rows = [dict(zip(columns, (*key, *sums[key]), strict=True)) for key in sorted(sums)]
    write_rows(connection, _ROLLUP, rows, _ADD_ROLLUP)


def _update_many(connection: Connection, statement: Any, rows: Sequence[Row]) -> None:
    """Run an update for each row, without SQLAlchemy's own handling of each parameter.

    Our columns are texts and integers, which both drivers take as they are.
    """
    if not rows:
        return
    sql, names, is_positional = _compiled(statement, connection.dialect)
    pick = itemgetter(*(name.removeprefix(_BOUND) for name in names))
    if is_positional:
        connection.exec_driver_sql(sql, [pick(row) for row in rows])
    else:
        connection.exec_driver_sql(sql, [dict(zip(names, pick(row), strict=True)) for row in rows])


@lru_cache(maxsize=16)
def _compiled(statement: Any, dialect: Dialect) -> tuple[str, list[str], bool]:
    """Return a statement's SQL, the names of its parameters, and whether they have an order."""
    compiled = statement.compile(dialect=dialect)
    return str(compiled), compiled.positiontup or list(compiled.params), compiled.positional


def insert_into(connection: Connection, table: Any) -> sqlite.Insert:
    """Return an INSERT with ON CONFLICT; both dialects' are alike."""
    module = postgresql if connection.dialect.name == "postgresql" else sqlite
    return cast("sqlite.Insert", module.insert(table))


def _balance_row(key: BalanceKey, row: Balance) -> Row:
    sums = {"spent": row.spent, "held": row.held, "topped_up": 0, "limit_amount": row.limit}
    return key._asdict() | sums


def _spent_before(connection: Connection, key: BalanceKey, without: Sequence[str]) -> int:
    """Return what an account's calls spent in a window; open ones count with their hold."""
    kind, _, value = key.account.partition(":")
    column = tables.DIMENSION_COLUMNS.get(kind)
    if column is None and kind != "all":
        return 0  # An own dimension has no column: it counts from its first limit on.
    amount = case((_CALL.c.state == "open", _CALL.c.held), else_=_CALL.c.charged)
    conditions = [_CALL.c.currency == key.currency, _CALL.c.id.not_in(without)]
    if column is not None:
        conditions.append(_CALL.c[column] == value)
    query = select(func.sum(amount)).where(*conditions, *_in_window(key))
    return int(connection.execute(query).scalar() or 0)


def _in_window(key: BalanceKey) -> list[ColumnElement[bool]]:
    window = window_from(cast("Per", key.per), key.zone, key.window_start)
    if window.begins is None or window.ends is None:
        return []
    return [
        _CALL.c.started >= microseconds(window.begins),
        _CALL.c.started < microseconds(window.ends),
    ]
