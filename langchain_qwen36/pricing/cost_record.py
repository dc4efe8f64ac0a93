"""Build the dict in a message's `response_metadata["cost"]`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from langchain_qwen36.pricing.list_price import plugin_calls_of
from langchain_qwen36.pricing.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36.pricing.list_price import Cost
    from langchain_qwen36.pricing.reported_cost import Reported


class CostRecord(TypedDict):
    """What one call cost. Every key is always there; None is what is not known."""

    currency: str
    """Of every amount, such as `USD`."""
    total: float
    """What the gateway reports, else our list price."""
    basis: Literal["reported", "list"]
    """Which of the two `total` is."""
    list: float | None
    """Our list price; the four parts below add up to it."""
    input: float | None
    """For input that no cache had."""
    cache_read: float | None
    """For input read from a cache."""
    cache_write: float | None
    """For input written to one."""
    output: float | None
    """For the answer, thoughts included."""
    cache_saved: float | None
    """Savings from prompt caching at list price; negative if the cache was only written."""
    unpriced: dict[str, int] | None
    """Calls of the server's own tools, which it bills beside the tokens: not in a list price."""
    reported: float | None
    """What the gateway says it charged."""
    reported_from: str | None
    """The key it was read from, e.g. `usage.cost`."""
    byok: bool | None
    """Whether it was paid with your own key at the provider."""
    difference: float | None
    """`reported` less `list`."""
    difference_percent: float | None
    """The same in percent of the list price, two digits."""
    gateway: str | None
    """Name of the row whose list this is."""
    model: str | None
    """The bare Qwen id."""
    tier: str | None
    """`flat`, `≤256K`, …"""
    tier_over: int | None
    """The tier begins above this many input tokens."""
    tier_up_to: int | None
    """The last input size of the tier; None: no bound."""
    rates: dict[str, float] | None
    """The list's rate of each kind of token that occurred, per 1M."""
    price_source: str | None
    """Where the list price is printed."""
    price_valid_from: str | None
    """An ISO date; None: since ever, as far as is known."""
    price_checked: str | None
    """The day the source was last seen to say so."""
    price_note: str | None
    """What a reader of the bill should know."""
    derived: bool | None
    """Whether a rate that was used is worked out or assumed, not printed."""
    discount: float | None
    """What was paid of the list, such as 0.85."""
    batch: bool | None
    """Whether it was priced as a batch call."""


def cost_record(
    listed: Cost | None, reported: Reported | None, usage: Mapping[str, Any] | None = None
) -> CostRecord | None:
    """Return list price and reported cost in one JSON-safe dict; None if neither is known.

    A list price in another currency than the report's is left out.

    Amounts are floats, for the dict must pass JSON, checkpoints and traces. A float prints every
    amount of up to 15 digits exactly, and `money_of` reads it back so: sum with that.

    Args:
        listed: By our list.
        reported: By the gateway.
        usage: The raw usage object, for what the list has no price of.
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


def money_of(record: Mapping[str, Any]) -> Money:
    """Return the total of a cost record, exact again."""
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
    difference = reported.amount - listed.total
    percent = round(float(100 * difference / listed.total), 2) if listed.total else None
    return {"difference": float(difference), "difference_percent": percent}
