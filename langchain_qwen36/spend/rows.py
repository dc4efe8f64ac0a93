"""Build a call's row from its start and end, and its addition to the rollup."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_qwen36.pricing.units import units_of
from langchain_qwen36.spend.limits import BalanceKey
from langchain_qwen36.spend.tables import TEXT_DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langchain_qwen36.pricing import Money
    from langchain_qwen36.spend.entries import End, Start

Row = dict[str, Any]

_MICROSECONDS_A_DAY = 86_400_000_000
_dimensions_of = itemgetter(*TEXT_DIMENSIONS)
_TAGS_BYTES = 1024
_NO_CALL = frozenset({"llm_cache", "not_sent"})
"""Sources of calls that never went to a gateway."""


class Charge(NamedTuple):
    """The amount that a call adds to its balances."""

    amount: int
    currency: str


def microseconds(moment: datetime) -> int:
    """Convert a time to microseconds since 1970."""
    return round(moment.timestamp() * 1_000_000)


def moment_of(value: int) -> datetime:
    """Convert microseconds since 1970 to a time in UTC."""
    return datetime.fromtimestamp(value / 1_000_000, UTC)


def open_row(start: Start, owner: str, lease_until: int) -> Row:
    """Return the row of a reserved attempt, on no balance yet."""
    attribution, hold = start.attribution, start.hold
    return {
        "id": start.id,
        "run_id": start.run_id,
        "state": "open",
        "owner": owner,
        "charges": "[]",
        "currency": hold.currency if hold else "",
        "source": "",
        "ending": "",
        "error": "",
        "model": start.model,
        "gateway": start.gateway,
        "tier": "",
        "request_id": "",
        "response_id": "",
        "user_id": attribution.user,
        "team": attribution.team,
        "api_key": attribution.key,
        "thread": attribution.thread,
        "agent": attribution.agent,
        "tool": attribution.tool,
        "own": json.dumps(dict(attribution.own)) if attribution.own else "",
        "tags": _tags(attribution.tags) if attribution.tags else "",
        "attempt": start.attempt,
        "estimated": 0,
        "cost": None,
        "listed": None,
        "lease_until": lease_until,
        "held": units_of(hold.amount, round_up=True) if hold else 0,
        "charged": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "started": microseconds(start.started),
        "ended": 0,
    }


def with_charges(row: Row, keys: Iterable[BalanceKey]) -> Row:
    """Return the row with the balances that it is charged to."""
    return {**row, "charges": _charges_text(tuple(sorted(keys)))}


@lru_cache(maxsize=4096)
def _charges_text(keys: tuple[BalanceKey, ...]) -> str:
    """Return balances as text, cached: calls of one user in one window share theirs."""
    return json.dumps([list(key) for key in keys])


@lru_cache(maxsize=4096)
def _charges_of(text: str) -> tuple[BalanceKey, ...]:
    return tuple(BalanceKey(*key) for key in json.loads(text))


def settled(row: Mapping[str, Any], end: End) -> Row:
    """Return the row of an attempt that ended."""
    charge = charge_of(row, end.cost)
    return {
        **row,
        "input_tokens": end.input_tokens,
        "output_tokens": end.output_tokens,
        "cache_read_tokens": end.cache_read_tokens,
        "cache_write_tokens": end.cache_write_tokens,
        "reasoning_tokens": end.reasoning_tokens,
        "source": end.source,
        "ending": end.ending,
        "error": end.error,
        "tier": end.tier,
        "request_id": end.request_id,
        "response_id": end.response_id,
        "model": end.model or row["model"],
        "gateway": end.gateway or row["gateway"],
        "estimated": int(end.estimated),
        "cost": None if end.cost is None else charge.amount,
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
    """Return the amount that an end adds to the balances: its cost, else the hold."""
    if cost is None:
        return Charge(row["held"], row["currency"])
    return Charge(units_of(cost.amount), cost.currency)


def keys_of(row: Mapping[str, Any]) -> tuple[BalanceKey, ...]:
    """Return the balances that hold for a call, in the currency of their limits."""
    return _charges_of(row["charges"])


def rollup_key(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the line of the rollup in which a call counts."""
    return (_day_of(row["started"] // _MICROSECONDS_A_DAY), *_dimensions_of(row))


@lru_cache(maxsize=256)
def _day_of(day: int) -> str:
    """Return a day, counted since 1970 in UTC, as text."""
    return moment_of(day * _MICROSECONDS_A_DAY).date().isoformat()


def rollup_sums(row: Mapping[str, Any], sign: int = 1) -> list[int]:
    """Return the amounts that a call adds to its line, in the order of `ROLLUP_SUMS`."""
    is_expired, reported = row["state"] == "expired", row["source"] == "reported"
    unpriced = row["cost"] is None and not is_expired
    compared = reported and row["listed"] is not None
    charged = sign * row["charged"]
    return [
        sign if row["attempt"] == 1 and row["source"] not in _NO_CALL else 0,
        sign * row["input_tokens"],
        sign * row["output_tokens"],
        charged,
        sign if unpriced else 0,
        sign if row["estimated"] and not is_expired else 0,
        sign if is_expired else 0,
        charged if is_expired else 0,
        sign if compared else 0,
        charged if compared else 0,
        sign * row["listed"] if compared else 0,
    ]


def _listed(listed: Money | None, currency: str) -> int | None:
    if listed is None or listed.currency != currency:
        return None
    return units_of(listed.amount)


def _tags(tags: tuple[str, ...]) -> str:
    """Return tags as JSON, at most 1 kB: a row must not hold a prompt."""
    text = json.dumps(tags, ensure_ascii=False)
    kept = list(tags)
    while len(text.encode()) > _TAGS_BYTES:
        kept.pop()
        text = json.dumps(kept, ensure_ascii=False)
    return text
