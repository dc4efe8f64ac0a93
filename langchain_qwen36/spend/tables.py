"""The ledger's tables for SQLAlchemy; `schema/*.sql` creates them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

metadata = MetaData()

TEXT_DIMENSIONS = ("model", "gateway", "user_id", "team", "agent", "tool", "currency")
"""The columns by which the rollup is grouped, beside the day."""

ROLLUP_SUMS = (
    "calls",
    "input_tokens",
    "output_tokens",
    "cost",
    "unpriced",
    "estimated",
    "expired",
    "expired_cost",
    "reported",
    "reported_cost",
    "listed_cost",
)

TOKEN_COLUMNS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)

DIMENSION_COLUMNS = {
    "user": "user_id",
    "team": "team",
    "key": "api_key",
    "thread": "thread",
    "agent": "agent",
    "tool": "tool",
}
"""The column of `spend_call` for each kind of account."""


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False) for name in names]


def _integers(*names: str) -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False) for name in names]


call = Table(
    "spend_call",
    metadata,
    Column("id", Text, primary_key=True),
    *_texts("run_id", "state", "owner", "charges", "currency", "source", "ending", "error"),
    *_texts("model", "gateway", "tier", "request_id", "response_id"),
    *_texts("user_id", "team", "api_key", "thread", "agent", "tool", "own", "tags"),
    Column("attempt", Integer, nullable=False),
    Column("estimated", Integer, nullable=False),
    Column("cost", BigInteger),
    Column("listed", BigInteger),
    *_integers("lease_until", "held", "charged", *TOKEN_COLUMNS, "started", "ended"),
)

budget = Table(
    "spend_budget",
    metadata,
    *[Column(name, Text, primary_key=True) for name in ("account", "per", "zone")],
    *_integers("amount"),
    *_texts("currency"),
)

BALANCE_KEY = ("account", "per", "zone", "window_start", "currency")

balance = Table(
    "spend_balance",
    metadata,
    *[Column(name, Text, primary_key=True) for name in BALANCE_KEY],
    *_integers("spent", "held", "topped_up"),
    Column("limit_amount", BigInteger),
)

rollup = Table(
    "spend_rollup",
    metadata,
    *[Column(name, Text, primary_key=True) for name in ("day", *TEXT_DIMENSIONS)],
    *_integers(*ROLLUP_SUMS),
)
