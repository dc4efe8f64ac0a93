"""Collect the data of a report from sums only: no call's row is read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from langchain_qwen36.catalog import find_offer
from langchain_qwen36.spend.reading import (
    AccountBalance,
    read_balances,
    rollup_by,
    rollup_by_week,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.engine import Connection

    from langchain_qwen36.spend.rows import Row

GROUPINGS = {"model": "Model", "user_id": "User", "team": "Team", "agent": "Agent", "tool": "Tool"}
"""The tables: a column of the rollup, and its heading."""

_MOST_ACCOUNTS = 50
STALE_AFTER = timedelta(days=60)
"""Age after which a price may have changed since it was last checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a table; money is in units of the section's currency."""

    name: str
    calls: int
    tokens: int
    cost: int
    share: float
    """Share of all that was spent in the currency, 0 to 1."""
    change: float | None
    """Change of the last 7 days to the 7 before, -1 and up; None: nothing was spent before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The sums of one currency."""

    currency: str
    cost: int
    calls: int
    days: Mapping[str, Mapping[str, int]]
    """Cost by day and model."""
    tables: Mapping[str, list[Line]]
    """Lines by heading, the dearest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Facts that the sums do not show."""

    unpriced: int
    """Calls without a known price; their hold stays charged."""
    estimated: int
    expired: int
    """Calls whose end never came."""
    expired_costs: Mapping[str, int]
    compared: Mapping[str, tuple[int, int, int]]
    """Number of calls with a reported and a list price, and the sums of both, by currency."""
    stale: Mapping[str, date]
    """When the list price was last checked, over 60 days ago, by model and gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A balance, and when its money is spent at the current pace."""

    balance: AccountBalance
    runs_out: date | None
    """The day; None: not within its window, or the pace is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """The data of a whole report."""

    first: date
    last: date
    made: datetime
    sections: list[Section]
    unknown: Unknown
    budgets: list[Forecast]
    hidden_budgets: int
    """Number of budgets that are not shown, since others are fuller."""


def collect(connection: Connection, first: date, now: datetime | None = None) -> ReportData:
    """Read a report's sums from the rollup and the balances."""
    now = now or datetime.now(UTC)
    last = now.date()
    span = (first.isoformat(), last.isoformat())
    by_day = rollup_by(connection, ("day", "model", "gateway"), *span)
    tables = {column: rollup_by_week(connection, column, span[0], last) for column in GROUPINGS}
    currencies = sorted({row["currency"] for row in by_day if row["currency"]})
    balances = [b for b in read_balances(connection, now) if b.limit is not None]
    balances.sort(key=_fullness, reverse=True)
    return ReportData(
        first=first,
        last=last,
        made=now,
        sections=[_section(name, by_day, tables) for name in currencies],
        unknown=_unknown(by_day, stale_prices(_sold(by_day), last)),
        budgets=[Forecast(balance=b, runs_out=runs_out(b, now)) for b in balances[:_MOST_ACCOUNTS]],
        hidden_budgets=max(0, len(balances) - _MOST_ACCOUNTS),
    )


def runs_out(balance: AccountBalance, now: datetime) -> date | None:
    """Return the day on which a budget is spent at the pace of its window so far."""
    if balance.begins is None or balance.ends is None or balance.limit is None:
        return None
    spent, left = balance.spent.amount, balance.limit.amount - balance.spent.amount
    if left <= 0:
        return now.date()
    elapsed = (now - balance.begins).total_seconds()
    if spent <= 0 or elapsed <= 0:
        return None
    until = now + timedelta(seconds=min(float(left / spent) * elapsed, 366 * 86400))
    return until.date() if until < balance.ends else None


def _fullness(balance: AccountBalance) -> float:
    if balance.limit is None or not balance.limit.amount:
        return 0.0
    return float((balance.spent.amount + balance.held.amount) / balance.limit.amount)


def _section(currency: str, by_day: Iterable[Row], tables: Mapping[str, list[Row]]) -> Section:
    days: defaultdict[str, dict[str, int]] = defaultdict(dict)
    own = [row for row in by_day if row["currency"] == currency]
    for row in own:
        of_day, model = days[row["day"]], row["model"] or "unknown"
        of_day[model] = of_day.get(model, 0) + row["cost"]
    cost = sum(row["cost"] for row in own)
    return Section(
        currency=currency,
        cost=cost,
        calls=sum(row["calls"] for row in own),
        days=dict(days),
        tables={
            heading: _lines(column, currency, cost, tables[column])
            for column, heading in GROUPINGS.items()
        },
    )


def _lines(column: str, currency: str, total: int, rows: Iterable[Row]) -> list[Line]:
    own = [row for row in rows if row["currency"] == currency]
    if not any(row[column] for row in own):
        return []
    own.sort(key=lambda row: (-row["cost"], row[column]))
    return [_line(row, row[column], total) for row in own]


def _line(row: Row, name: str, total: int) -> Line:
    this_week, before = row["this_week"], row["week_before"]
    return Line(
        name=name or "not named",
        calls=row["calls"],
        tokens=row["input_tokens"] + row["output_tokens"],
        cost=row["cost"],
        share=row["cost"] / total if total else 0.0,
        change=(this_week - before) / before if before else None,
    )


def _sold(by_day: Iterable[Row]) -> list[tuple[str, str]]:
    """Return the gateways and models of the period's calls."""
    return sorted({(row["gateway"], row["model"]) for row in by_day})


def stale_prices(sold: Iterable[tuple[str, str]], today: date) -> dict[str, date]:
    """Return the models whose list price was last checked over 60 days ago, and when.

    Args:
        sold: Gateway and model of the calls.
        today: The day of the report.
    """
    stale: dict[str, date] = {}
    for gateway, model in sold:
        offer = find_offer(gateway, model)
        price = offer.price_at(today) if offer else None
        if price is not None and today - price.checked > STALE_AFTER:
            stale[f"{model} at {gateway}"] = price.checked
    return stale


def _unknown(rows: Iterable[Row], stale: Mapping[str, date]) -> Unknown:
    sums: defaultdict[str, int] = defaultdict(int)
    expired_costs: defaultdict[str, int] = defaultdict(int)
    compared: dict[str, Any] = {}
    for row in rows:
        for name in ("unpriced", "estimated", "expired"):
            sums[name] += row[name]
        if row["expired_cost"]:
            expired_costs[row["currency"]] += row["expired_cost"]
        if row["reported"]:
            old = compared.get(row["currency"], (0, 0, 0))
            new = (row["reported"], row["reported_cost"], row["listed_cost"])
            compared[row["currency"]] = tuple(a + b for a, b in zip(old, new, strict=True))
    return Unknown(
        unpriced=sums["unpriced"],
        estimated=sums["estimated"],
        expired=sums["expired"],
        expired_costs=dict(expired_costs),
        compared=compared,
        stale=stale,
    )
