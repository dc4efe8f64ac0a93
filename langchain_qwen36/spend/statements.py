"""The statements of a booking transaction; the same on SQLite and Postgres."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import bindparam, case, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from langchain_qwen36.spend import tables
from langchain_qwen36.spend.limits import Balance, BalanceKey, Rule, wanted_accounts
from langchain_qwen36.spend.rows import Row, microseconds
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
"""What an end writes; whom a call is charged to never changes."""
_INSERT_CALL = insert(_CALL).values({c.name: bindparam(c.name) for c in _CALL.columns})
_UPDATE_CALL = (
    update(_CALL)
    .where(_CALL.c.id == bindparam("b_id"))
    .values({name: bindparam(f"b_{name}") for name in _END_COLUMNS})
)
_UPDATE_BALANCE = (
    update(_BALANCE)
    .where(*[_BALANCE.c[name] == bindparam(f"b_{name}") for name in tables.BALANCE_KEY])
    .values({name: bindparam(f"b_{name}") for name in ("spent", "held", "limit_amount")})
)
_CALLS = (
    select(_CALL)
    .where(_CALL.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_CALL.c.id)
    .with_for_update()
)
_BALANCES = (
    select(_BALANCE)
    .where(_BALANCE.c.account.in_(bindparam("accounts", expanding=True)))
    .where(_BALANCE.c.window_start >= bindparam("oldest"))
    .order_by(*[_BALANCE.c[name] for name in tables.BALANCE_KEY])
    .with_for_update()
)
_BUDGETS = select(_BUDGET).where(_BUDGET.c.account.in_(bindparam("accounts", expanding=True)))


def lock_calls(connection: Connection, ids: Sequence[str]) -> dict[str, Row]:
    """Return the rows of calls, locked; those that are not there are left out."""
    return _rows_by_id(connection.execute(_CALLS, {"ids": ids}))


def lock_overdue(connection: Connection, now: int, limit: int) -> dict[str, Row]:
    """Select and lock holds whose lease is over, but for those being settled elsewhere."""
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


def read_budgets(connection: Connection, accounts: Iterable[Mapping[str, str]]) -> list[Rule]:
    """Return the limits that are set in the ledger for calls of these accounts."""
    names = {name for of_call in accounts for name in wanted_accounts(of_call)}
    if not names:
        return []
    rows = connection.execute(_BUDGETS, {"accounts": sorted(names)})
    return [Rule(r.account, r.per, r.zone, r.amount, r.currency) for r in rows]


def lock_balances(
    connection: Connection, accounts: Iterable[str], oldest: str
) -> dict[BalanceKey, Balance]:
    """Select and lock the balances of these accounts, from the window `oldest` on."""
    names = sorted(set(accounts))
    if not names:
        return {}
    return {
        BalanceKey(*row[:5]): Balance(row.spent, row.held, row.topped_up, row.limit_amount)
        for row in connection.execute(_BALANCES, {"accounts": names, "oldest": oldest})
    }


def open_balances(
    connection: Connection, keys: Sequence[BalanceKey], without: Sequence[str] = ()
) -> None:
    """Begin windows, with what their accounts spent in them before a limit was set.

    Args:
        connection: In whose transaction.
        keys: The windows.
        without: Ids of calls that are charged to them now, and not to be counted twice.
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
    """Write new calls; one that another process has just written raises `IntegrityError`."""
    _execute_many(connection, _INSERT_CALL, [rows[id_] for id_ in sorted(rows)])


def update_calls(connection: Connection, rows: Mapping[str, Row]) -> None:
    """Write calls anew."""
    _execute_many(connection, _UPDATE_CALL, list(rows.values()), prefix="b_")


def write_balances(connection: Connection, balances: Mapping[BalanceKey, Balance]) -> None:
    """Write the sums that changed."""
    changed = sorted((key, row) for key, row in balances.items() if row.changed and not row.is_new)
    if changed:
        connection.execute(
            _UPDATE_BALANCE, [_balance_values(key, row, "b_") for key, row in changed]
        )
    for key, row in balances.items():
        if row.is_new:
            statement = insert_into(connection, _BALANCE)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=tables.BALANCE_KEY,
                    set_={
                        "spent": _BALANCE.c.spent + statement.excluded.spent,
                        "held": _BALANCE.c.held + statement.excluded.held,
                    },
                ),
                {**_balance_values(key, row, ""), "topped_up": 0},
            )


def add_to_rollup(connection: Connection, sums: Mapping[tuple[str, ...], list[int]]) -> None:
    """Add to the sums of days."""
    if not sums:
        return
    names = ("day", *tables.TEXT_DIMENSIONS)
    statement = insert_into(connection, _ROLLUP)
    added = {name: _ROLLUP.c[name] + statement.excluded[name] for name in tables.ROLLUP_SUMS}
    values = [
        dict(zip((*names, *tables.ROLLUP_SUMS), (*key, *sums[key]), strict=True))
        for key in sorted(sums)
    ]
    connection.execute(statement.on_conflict_do_update(index_elements=names, set_=added), values)


def _execute_many(
    connection: Connection, statement: Any, rows: Sequence[Row], prefix: str = ""
) -> None:
    """Run a statement for each row, past SQLAlchemy's own handling of each parameter.

    Our columns are texts and integers, which both drivers take as they are.
    """
    if not rows:
        return
    sql, names, is_positional = _compiled(statement, connection.dialect, prefix)
    pick = itemgetter(*(name for _, name in names))
    if is_positional:
        connection.exec_driver_sql(sql, [pick(row) for row in rows])
    else:
        bound = [name for name, _ in names]
        connection.exec_driver_sql(sql, [dict(zip(bound, pick(row), strict=True)) for row in rows])


@lru_cache(maxsize=16)
def _compiled(
    statement: Any, dialect: Dialect, prefix: str
) -> tuple[str, list[tuple[str, str]], bool]:
    """Return a statement's SQL, and its parameters as they are bound and as a row names them."""
    compiled = statement.compile(dialect=dialect)
    bound = compiled.positiontup or list(compiled.params)
    names = [(name, name.removeprefix(prefix)) for name in bound]
    return str(compiled), names, compiled.positional


def insert_into(connection: Connection, table: Any) -> sqlite.Insert:
    """Return an INSERT that may say ON CONFLICT; both dialects' are alike."""
    module = postgresql if connection.dialect.name == "postgresql" else sqlite
    return cast("sqlite.Insert", module.insert(table))


def _balance_values(key: BalanceKey, row: Balance, prefix: str) -> dict[str, Any]:
    values = {**key._asdict(), "spent": row.spent, "held": row.held, "limit_amount": row.limit}
    return {f"{prefix}{name}": value for name, value in values.items()}


def _spent_before(connection: Connection, key: BalanceKey, without: Sequence[str]) -> int:
    """Sum what an account's calls spent in a window; open ones count with their hold."""
    kind, _, value = key.account.partition(":")
    column = tables.DIMENSION_COLUMNS.get(kind)
    if column is None and kind != "all":
        return 0  # A dimension of one's own has no column: it counts from its first limit on.
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
