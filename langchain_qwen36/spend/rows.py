"""A call's row from its start and end, and what it adds to the rollup."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_qwen36.pricing.units import units_of
from langchain_qwen36.spend.limits import BalanceKey
from langchain_qwen36.spend.tables import (
    DIMENSION_COLUMNS,
    ROLLUP_SUMS,
    TEXT_DIMENSIONS,
    TOKEN_COLUMNS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langchain_qwen36.pricing import Money
    from langchain_qwen36.spend.entries import End, Start

Row = dict[str, Any]

_MICROSECONDS_A_DAY = 86_400_000_000
_dimensions_of = itemgetter(*TEXT_DIMENSIONS)
_TAGS_BYTES = 1024
_NO_CALL = frozenset({"llm_cache", "not_sent"})
"""Sources of what never went to a gateway."""
_NO_END: Row = {
    **dict.fromkeys(("source", "ending", "error", "tier", "request_id", "response_id"), ""),
    **dict.fromkeys(TOKEN_COLUMNS, 0),
    "cost": None,
    "listed": None,
    "estimated": 0,
    "ended": 0,
    "charged": 0,
    "state": "open",
}


class Charge(NamedTuple):
    """What a call puts on its balances."""

    amount: int
    currency: str


def microseconds(moment: datetime) -> int:
    """Turn a time into microseconds since 1970."""
    return round(moment.timestamp() * 1_000_000)


def moment_of(value: int) -> datetime:
    """Turn microseconds since 1970 into a time in UTC."""
    return datetime.fromtimestamp(value / 1_000_000, UTC)


def open_row(start: Start, owner: str, lease_until: int) -> Row:
    """Return the row of an attempt that is reserved, on no balance yet."""
    attribution, hold = start.attribution, start.hold
    return {
        **_NO_END,
        "id": start.id,
        "run_id": start.run_id,
        "attempt": start.attempt,
        "owner": owner,
        "lease_until": lease_until,
        "held": units_of(hold.amount, round_up=True) if hold else 0,
        "currency": hold.currency if hold else "",
        "charges": "[]",
        "model": start.model,
        "gateway": start.gateway,
        **{column: getattr(attribution, kind) for kind, column in DIMENSION_COLUMNS.items()},
        "api_key": attribution.key,
        "own": json.dumps(dict(attribution.own)) if attribution.own else "",
        "tags": _tags(attribution.tags),
        "started": microseconds(start.started),
    }


def with_charges(row: Row, keys: Iterable[BalanceKey]) -> Row:
    """Return the row with the balances that it is charged to."""
    return {**row, "charges": _charges_text(tuple(sorted(keys)))}


@lru_cache(maxsize=4096)
def _charges_text(keys: tuple[BalanceKey, ...]) -> str:
    """Write balances; calls of one user in one window share theirs."""
    return json.dumps([list(key) for key in keys])


@lru_cache(maxsize=4096)
def _charges_of(text: str) -> tuple[BalanceKey, ...]:
    return tuple(BalanceKey(*key) for key in json.loads(text))


def settled(row: Mapping[str, Any], end: End) -> Row:
    """Return the row of an attempt that ended."""
    charge = charge_of(row, end.cost)
    return {
        **row,
        **{name: getattr(end, name) for name in TOKEN_COLUMNS},
        **{name: getattr(end, name) for name in ("source", "ending", "error", "tier")},
        "request_id": end.request_id,
        "response_id": end.response_id,
        "model": end.model or row["model"],
        "gateway": end.gateway or row["gateway"],
        "estimated": int(end.estimated),
        "cost": None if end.cost is None else units_of(end.cost.amount),
        "listed": _listed(end.listed, charge.currency),
        "currency": charge.currency,
        "charged": charge.amount,
        "ended": microseconds(end.ended),
        "state": "settled",
    }


def expired(row: Mapping[str, Any], now: int) -> Row:
    """Return the row of an attempt whose end never came: the gateway may have billed all of it."""
    return {
        **row,
        "state": "expired",
        "ending": "expired",
        "estimated": 1,
        "source": "hold",
        "charged": row["held"],
        "ended": now,
    }


def charge_of(row: Mapping[str, Any], cost: Money | None) -> Charge:
    """Return what an end puts on the balances: its cost, or the hold where that is unknown."""
    if cost is None:
        return Charge(row["held"], row["currency"])
    return Charge(units_of(cost.amount), cost.currency)


def keys_of(row: Mapping[str, Any]) -> tuple[BalanceKey, ...]:
    """Return the balances that hold for a call, in the currency of their limits."""
    return _charges_of(row["charges"])


def rollup_key(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the line of the rollup that a call counts in."""
    return (_day_of(row["started"] // _MICROSECONDS_A_DAY), *_dimensions_of(row))


@lru_cache(maxsize=256)
def _day_of(day: int) -> str:
    """Write a day, counted since 1970 in UTC."""
    return moment_of(day * _MICROSECONDS_A_DAY).date().isoformat()


def rollup_sums(row: Mapping[str, Any], sign: int = 1) -> list[int]:
    """Return what a call adds to its line, in the order of `ROLLUP_SUMS`."""
    is_expired, reported = row["state"] == "expired", row["source"] == "reported"
    unpriced = row["cost"] is None and not is_expired
    compared = reported and row["listed"] is not None
    sums = {
        "calls": int(row["attempt"] == 1 and row["source"] not in _NO_CALL),
        "input_tokens": row["input_tokens"],
        "output_tokens": row["output_tokens"],
        "cost": row["charged"],
        "unpriced": int(unpriced),
        "estimated": int(bool(row["estimated"]) and not is_expired),
        "expired": int(is_expired),
        "expired_cost": row["charged"] if is_expired else 0,
        "reported": int(compared),
        "reported_cost": row["charged"] if compared else 0,
        "listed_cost": (row["listed"] or 0) if compared else 0,
    }
    return [sign * sums[name] for name in ROLLUP_SUMS]


def _listed(listed: Money | None, currency: str) -> int | None:
    if listed is None or listed.currency != currency:
        return None
    return units_of(listed.amount)


def _tags(tags: tuple[str, ...]) -> str:
    """Tags as JSON, at most 1 kB of them: a row is no place for a prompt."""
    text = json.dumps(tags, ensure_ascii=False) if tags else ""
    kept = list(tags)
    while len(text.encode()) > _TAGS_BYTES:
        kept.pop()
        text = json.dumps(kept, ensure_ascii=False)
    return text
