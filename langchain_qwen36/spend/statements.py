"""The statements of a booking transaction; the same on SQLite and Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import bindparam, case, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from langchain_qwen36.spend import tables
from langchain_qwen36.spend.limits import Balance, BalanceKey, Rule, wanted_accounts
from langchain_qwen36.spend.rows import Row, microseconds
from langchain_qwen36.spend.windows import window_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection
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
_CALLS = select(_CALL).where(_CALL.c.id.in_(bindparam("ids", expanding=True))).order_by(_CALL.c.id)
_BALANCES = (
    select(_BALANCE)
    .where(_BALANCE.c.account.in_(bindparam("accounts", expanding=True)))
    .where(_BALANCE.c.window_start >= bindparam("oldest"))
    .order_by(*[_BALANCE.c[name] for name in tables.BALANCE_KEY])
)
_BUDGETS = select(_BUDGET).where(_BUDGET.c.account.in_(bindparam("accounts", expanding=True)))


def lock_calls(connection: Connection, ids: Sequence[str]) -> dict[str, Row]:
    """Return the rows of calls, locked; those that are not there are left out."""
    rows = connection.execute(_CALLS.with_for_update(), {"ids": ids})
    return {row.id: dict(row._mapping) for row in rows}  # noqa: SLF001 - SQLAlchemy's public name


def lock_overdue(connection: Connection, now: int, limit: int) -> dict[str, Row]:
    """Select and lock holds whose lease is over, but for those being settled elsewhere."""
    query: Select[Any] = (
        select(_CALL)
        .where(_CALL.c.state == "open", _CALL.c.lease_until < now)
        .order_by(_CALL.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return {row.id: dict(row._mapping) for row in connection.execute(query)}  # noqa: SLF001


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
    query = _BALANCES.with_for_update()
    return {
        BalanceKey(*row[:5]): Balance(row.spent, row.held, row.topped_up, row.limit_amount)
        for row in connection.execute(query, {"accounts": names, "oldest": oldest})
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
    if rows:
        connection.execute(insert(_CALL), [rows[id_] for id_ in sorted(rows)])


def update_calls(connection: Connection, rows: Mapping[str, Row]) -> None:
    """Write calls anew."""
    if rows:
        names = [(f"b_{name}", name) for name in ("id", *_END_COLUMNS)]
        values = [{bound: row[name] for bound, name in names} for row in rows.values()]
        connection.execute(_UPDATE_CALL, values)


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
