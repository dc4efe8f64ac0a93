"""Build the dict in a message's `response_metadata["cost"]`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from langchain_qwen36.pricing.list_price import plugin_calls_of
from langchain_qwen36.pricing.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_qwen36.pricing.list_price import Cost
    from langchain_qwen36.pricing.reported_cost import Reported


_AMOUNTS = (
    "total",
    "list",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "cache_saved",
    "reported",
    "difference",
)
"""Keys of a cost record that hold amounts of money."""


class CostRecord(TypedDict):
    """The cost of one call. Every key is always there; unknown values are None."""

    currency: str
    """Currency of every amount, such as `USD`."""
    total: float
    """The cost that the gateway reports, else our list price."""
    basis: Literal["reported", "list"]
    """Which of the two `total` is."""
    list: float | None
    """Our list price, the sum of the four parts below."""
    input: float | None
    """Cost of input that was not cached."""
    cache_read: float | None
    """Cost of input read from a cache."""
    cache_write: float | None
    """Cost of input written to a cache."""
    output: float | None
    """Cost of the answer, including its reasoning."""
    cache_saved: float | None
    """Savings from prompt caching at list price; negative if the cache was only written."""
    unpriced: dict[str, int] | None
    """Number of calls of the server's own tools, which it bills beside the tokens: the list price
    lacks them."""
    reported: float | None
    """The amount that the gateway says it charged."""
    reported_from: str | None
    """The key of that amount, e.g. `usage.cost`."""
    byok: bool | None
    """Whether the call was paid with your own key at the provider."""
    difference: float | None
    """`reported` less `list`."""
    difference_percent: float | None
    """`difference` in percent of the list price, with two decimals."""
    gateway: str | None
    """Name of the gateway's row to which the price list belongs."""
    model: str | None
    """The bare Qwen id."""
    tier: str | None
    """The price tier: `flat`, `≤256K`, …"""
    tier_over: int | None
    """The tier begins above this many input tokens."""
    tier_up_to: int | None
    """Most input tokens of the tier; None: no limit."""
    rates: dict[str, float] | None
    """The list's rate of each kind of token that occurred, per 1M."""
    price_source: str | None
    """Where the list price is printed."""
    price_valid_from: str | None
    """The first day of the price, an ISO date; None: since ever, as far as is known."""
    price_checked: str | None
    """The day on which the source was last checked."""
    price_note: str | None
    """A remark for readers of the bill."""
    derived: bool | None
    """Whether a rate that was used is calculated or assumed, not printed."""
    discount: float | None
    """The share of the list price that was paid, such as 0.85."""
    batch: bool | None
    """Whether the call was priced as a batch call."""


def cost_record(
    listed: Cost | None, reported: Reported | None, usage: Mapping[str, Any] | None = None
) -> CostRecord | None:
    """Return list price and reported cost in one JSON-safe dict; None if neither is known.

    A list price in another currency than the reported cost is left out.

    Amounts are floats, since the dict must pass JSON, checkpoints and traces. A float prints every
    amount of up to 15 digits exactly, and `money_of` reads it back exactly: sum with that.

    Args:
        listed: The list price.
        reported: The cost that the gateway reports.
        usage: The raw usage object, for tools that have no list price.
    """
    if reported is not None:
        amount, currency = reported.amount, reported.currency
        if listed is not None and listed.currency != reported.currency:
            listed = None
    elif listed is not None:
        amount, currency = listed.total, listed.currency
    else:
        return None
    record = {
        **dict.fromkeys(CostRecord.__annotations__),
        "currency": currency,
        "total": float(amount),
        "basis": "reported" if reported else "list",
        "unpriced": None if reported else plugin_calls_of(usage),
        **(_list_part(listed) if listed else {}),
        **(_reported_part(reported) if reported else {}),
        **(_difference(listed, reported) if listed and reported else {}),
    }
    return cast("CostRecord", record)


def sum_records(
    records: Sequence[Mapping[str, Any] | None],
) -> dict[str, Any] | None:
    """Add the cost records of a call's requests; the sum is unknown if one of them is.

    Each request pays a tier of its own, so that they are priced one by one and added after.
    """
    known = [record for record in records if record]
    if not known or len(known) < len(records) or len({r["currency"] for r in known}) > 1:
        return None
    amounts = {key: _sum_amounts([record.get(key) for record in known]) for key in _AMOUNTS}
    percent = _percent(amounts["difference"], amounts["list"])
    return {**known[-1], **amounts, "difference_percent": percent, "requests": len(known)}


def _sum_amounts(amounts: Sequence[float | None]) -> float | None:
    """Add amounts as decimals: 0.1 and 0.2 make 0.3."""
    given = [Decimal(str(amount)) for amount in amounts if amount is not None]
    return float(sum(given)) if len(given) == len(amounts) else None


def money_of(record: Mapping[str, Any]) -> Money:
    """Return the total of a cost record as an exact amount."""
    return Money(Decimal(str(record["total"])), record["currency"])


def _list_part(listed: Cost) -> dict[str, Any]:
    price, tier = listed.price, listed.tier
    return {
        "list": float(listed.total),
        "input": float(listed.input),
        "cache_read": float(listed.cache_read),
        "cache_write": float(listed.cache_write),
        "output": float(listed.output),
        "cache_saved": float(listed.cache_saved),
        "gateway": listed.gateway,
        "model": listed.model,
        "tier": tier.label,
        "tier_over": tier.over,
        "tier_up_to": tier.up_to,
        "rates": {rate: float(value) for rate, value in listed.rates.items()},
        "price_source": price.source,
        "price_valid_from": price.valid_from.isoformat() if price.valid_from else None,
        "price_checked": price.checked.isoformat(),
        "price_note": price.note,
        "derived": listed.derived,
        "discount": None if listed.discount is None else float(listed.discount),
        "batch": listed.batch,
    }


def _reported_part(reported: Reported) -> dict[str, Any]:
    return {
        "reported": float(reported.amount),
        "reported_from": reported.source,
        "byok": reported.byok,
    }


def _difference(listed: Cost, reported: Reported) -> dict[str, float | None]:
    difference = float(reported.amount - listed.total)
    percent = _percent(difference, float(listed.total))
    return {"difference": difference, "difference_percent": percent}


def _percent(difference: float | None, listed: float | None) -> float | None:
    if difference is None or not listed:
        return None
    return round(float(100 * Decimal(str(difference)) / Decimal(str(listed))), 2)
