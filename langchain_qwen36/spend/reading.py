"""Read a ledger: balances, budgets, sums by day and dimension, calls; and change its budgets."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import and_, case, delete, func, select

from langchain_qwen36.errors import LedgerError
from langchain_qwen36.pricing.units import money_in, units_of
from langchain_qwen36.spend import tables
from langchain_qwen36.spend.limits import NO_LIMIT, BalanceKey, Rule, oldest_window
from langchain_qwen36.spend.rows import Row, microseconds
from langchain_qwen36.spend.statements import insert_into, lock_balances, open_balances
from langchain_qwen36.spend.windows import window_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection
    from sqlalchemy.sql import ColumnElement

    from langchain_qwen36.pricing import Money
    from langchain_qwen36.spend.accounts import Limit
    from langchain_qwen36.spend.windows import Per

_NEWEST_CALLS = 2000
_ANSWERS = 50
"""Answers of a model that are enough for an estimate of the next."""
_BALANCE, _BUDGET, _CALL, _ROLLUP = tables.balance, tables.budget, tables.call, tables.rollup


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBalance:
    """The amounts that an account spent, holds and may spend in a window."""

    account: str
    per: Per
    zone: str
    window_start: str
    spent: Money
    held: Money
    limit: Money | None
    """The limit including top-ups; None: the window has no limit in this currency."""
    begins: datetime | None
    ends: datetime | None
    """End of the window in UTC; None: it has none."""


def read_balances(connection: Connection, now: datetime | None = None) -> list[AccountBalance]:
    """Return the balances of the windows that contain `now`, including those of `ever`."""
    now = now or datetime.now(UTC)
    query = select(_BALANCE).order_by(*[_BALANCE.c[name] for name in tables.BALANCE_KEY])
    # A window that began more than a month ago is over, whatever its zone.
    oldest = oldest_window(microseconds(now))
    rows = connection.execute(query.where(_BALANCE.c.window_start >= oldest))
    found = [_account_balance(row) for row in rows]
    return [b for b in found if b.begins is None or b.ends is None or b.begins <= now < b.ends]


def read_budgets(connection: Connection) -> list[Rule]:
    """Return the limits that are set in the ledger."""
    rows = connection.execute(select(_BUDGET).order_by(_BUDGET.c.account, _BUDGET.c.per))
    return [Rule(row.account, row.per, row.zone, row.amount, row.currency) for row in rows]


def set_budget(connection: Connection, limit: Limit) -> None:
    """Set or change a limit; it applies from the next call on every machine."""
    money = limit.money
    values = {
        "account": limit.account,
        "per": limit.per,
        "zone": limit.zone,
        "amount": units_of(money.amount),
        "currency": money.currency,
    }
    statement = insert_into(connection, _BUDGET).values(values)
    changed = {name: values[name] for name in ("amount", "currency")}
    key = ("account", "per", "zone")
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))
    same = [_BALANCE.c[name] == values[name] for name in (*key, "currency")]
    connection.execute(_BALANCE.update().where(*same).values(limit_amount=values["amount"]))


def remove_budget(connection: Connection, account: str) -> int:
    """Remove the limits of an account; return how many there were."""
    removed = connection.execute(delete(_BUDGET).where(_BUDGET.c.account == account)).rowcount
    kind, _, value = account.partition(":")
    ours = _BALANCE.c.account
    same = ours == account
    if value == "*":  # but for accounts with a limit of their own
        same = and_(
            ours.startswith(f"{kind}:", autoescape=True), ours.not_in(select(_BUDGET.c.account))
        )
    counts = _BALANCE.c.limit_amount.is_not(None)
    connection.execute(_BALANCE.update().where(same, counts).values(limit_amount=NO_LIMIT))
    return removed


def top_up(connection: Connection, rule: Rule, now: datetime) -> None:
    """Let an account spend more in the current window."""
    key = rule.key(now)
    if key not in lock_balances(connection, [key.account], key.window_start):
        open_balances(connection, [key])
    same = [_BALANCE.c[name] == value for name, value in key._asdict().items()]
    raised = _BALANCE.c.topped_up + rule.amount
    connection.execute(_BALANCE.update().where(*same).values(topped_up=raised))


def rule_of(connection: Connection, account: str, currency: str) -> Rule:
    """Return the limit of an account that a top-up raises.

    Raises:
        LedgerError: The account has no limit in this currency.
    """
    kind, _, value = account.partition(":")
    if value == "*":
        raise LedgerError(
            f"{account} is no account of its own: top up one {kind}, such as {kind}:u1, or set "
            "another limit."
        )
    set_for = {rule.account: rule for rule in read_budgets(connection)}
    rule = set_for.get(account) or set_for.get(f"{kind}:*")
    if rule is None:
        held = [b for b in read_balances(connection) if b.account == account and b.limit]
        if not held:
            raise LedgerError(f"{account} has no limit: set one with `spend budgets set`.")
        rule = Rule(account, held[0].per, held[0].zone, 0, held[0].spent.currency)
    if rule.currency != currency:
        raise LedgerError(f"The limit of {account} is in {rule.currency}, not in {currency}.")
    return rule._replace(account=account)


def rollup_by(
    connection: Connection, columns: tuple[str, ...], first_day: str, last_day: str
) -> list[Row]:
    """Return the sums of the days `first_day` to `last_day`, grouped by some columns."""
    by = [_ROLLUP.c[name] for name in (*columns, "currency")]
    sums = [func.sum(_ROLLUP.c[name]).label(name) for name in tables.ROLLUP_SUMS]
    query = (
        select(*by, *sums)
        .where(_ROLLUP.c.day >= first_day, _ROLLUP.c.day <= last_day)
        .group_by(*by)
        .order_by(*by)
    )
    names = (*columns, "currency")
    return [
        {name: row[i] for i, name in enumerate(names)}
        | {name: int(row[len(names) + i]) for i, name in enumerate(tables.ROLLUP_SUMS)}
        for row in connection.execute(query)
    ]


def rollup_by_week(
    connection: Connection, column: str, first_day: str, last_day: date
) -> list[Row]:
    """Sum days by one of the rollup's columns, with the costs of the last weeks beside.

    Returns:
        Rows with `this_week` and `week_before`: the costs of the last 7 days and of the 7 before.
    """
    by = [_ROLLUP.c[column], _ROLLUP.c.currency]
    this, before = ((last_day - timedelta(days=n)).isoformat() for n in (6, 13))
    day, cost = _ROLLUP.c.day, _ROLLUP.c.cost
    in_period = day >= first_day
    sums: dict[str, ColumnElement[int]] = {
        name: case((in_period, _ROLLUP.c[name]), else_=0)
        for name in ("calls", "input_tokens", "output_tokens", "cost")
    }
    sums["this_week"] = case((day >= this, cost), else_=0)
    sums["week_before"] = case((and_(day >= before, day < this), cost), else_=0)
    sums["days"] = case((in_period, 1), else_=0)
    query = (
        select(*by, *[func.sum(each).label(name) for name, each in sums.items()])
        .where(day >= min(first_day, before), day <= last_day.isoformat())
        .group_by(*by)
        .order_by(*by)
    )
    rows = [
        {column: row[0], "currency": row[1]}
        | {name: int(row[i]) for i, name in enumerate(sums, len(by))}
        for row in connection.execute(query)
    ]
    return [row for row in rows if row["days"]]


def read_calls(connection: Connection, since: datetime) -> Iterator[Row]:
    """Yield the calls since a time, the oldest first, read in pages."""
    query = select(_CALL).where(_CALL.c.started >= microseconds(since)).order_by(_CALL.c.started)
    options = connection.execution_options(yield_per=1000)
    for row in options.execute(query):
        yield dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


def read_answer_lengths(connection: Connection) -> dict[str, list[int]]:
    """Return the output tokens of each model's last answers, the newest first.

    Only the newest calls of all are read, so that it takes the same time in every ledger.
    """
    newest = select(_CALL).order_by(_CALL.c.started.desc()).limit(_NEWEST_CALLS).subquery()
    query = (
        select(newest.c.model, newest.c.output_tokens)
        .where(newest.c.state == "settled", newest.c.ending == "ok", newest.c.estimated == 0)
        .where(newest.c.output_tokens > 0, newest.c.source != "llm_cache")
        .order_by(newest.c.started.desc())
    )
    lengths: defaultdict[str, list[int]] = defaultdict(list)
    for model, tokens in connection.execute(query):
        if len(lengths[model]) < _ANSWERS:
            lengths[model].append(tokens)
    return dict(lengths)


def _account_balance(row: Any) -> AccountBalance:
    key = BalanceKey(*row[:5])
    window = window_from(cast("Per", key.per), key.zone, key.window_start)
    limit = row.limit_amount
    limit = None if limit is None or limit == NO_LIMIT else limit + row.topped_up
    return AccountBalance(
        account=key.account,
        per=cast("Per", key.per),
        zone=key.zone,
        window_start=key.window_start,
        spent=money_in(row.spent, key.currency),
        held=money_in(row.held, key.currency),
        limit=None if limit is None else money_in(limit, key.currency),
        begins=window.begins,
        ends=window.ends,
    )
