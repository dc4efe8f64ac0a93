"""Read the cost that a gateway reports: four forms, distinguished by their keys.

| where | what |
|---|---|
| `provider_metadata.gateway.cost` | a decimal string, the exact form of `usage.cost` |
| `usage.cost` | a number; with `is_byok` only the gateway's fee |
| `meta.usage.usd_spent` | a number, beside `credits_used` |
| `cost.usd` | a number, beside `diem`, another currency |

All are US dollars. Every key may be missing or null.
See docs/quirks.md#cost-that-the-gateway-reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_qwen36.pricing.money import parse_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal


_ELSEWHERE = frozenset({"provider_metadata", "meta", "cost"})
"""Keys beside the usage that may hold a cost."""
_PLAUSIBLE_EXPONENTS = range(-18, 6)
"""Exponents below a million dollars for one call, and within the digits that sums keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """The cost of one call as the gateway reports it."""

    amount: Decimal
    """The amount in units of the currency."""
    currency: str = "USD"
    """The currency; all gateways that report a cost use US dollars."""
    source: str
    """The path of the amount's key, e.g. `usage.cost`."""
    byok: bool = False
    """Whether the call was paid with your own key at the provider: the amount is the provider's
    bill and the fee."""


def reported_cost(
    usage: Mapping[str, Any] | None, extra: Mapping[str, Any] | None = None
) -> Reported | None:
    """Return the reported cost of a response; None if it holds none, or only a part of it.

    Args:
        usage: The raw `usage` object of the response.
        extra: Other fields of the response that may hold money: `meta` and `cost` from the top
            level, `provider_metadata` from the message or the last delta.
    """
    usage, extra = usage or {}, extra or {}
    if usage.get("is_byok") is True:
        return _own_key(usage)
    if usage.get("cost") is None and _ELSEWHERE.isdisjoint(extra):
        return None  # most answers report no cost
    paths: tuple[tuple[Mapping[str, Any], tuple[str, ...]], ...] = (
        (extra, ("provider_metadata", "gateway", "cost")),
        ({"usage": usage}, ("usage", "cost")),
        (extra, ("meta", "usage", "usd_spent")),
    )
    for tree, path in paths:
        amount = _amount(_at(tree, path))
        if amount is not None:
            return Reported(amount=amount, source=".".join(path))
    amount = _amount(_at(extra, ("cost", "usd")))
    # The dollars lack what was paid in diem.
    if amount is None or _amount(_at(extra, ("cost", "diem"))):
        return None
    return Reported(amount=amount, source="cost.usd")


def _own_key(usage: Mapping[str, Any]) -> Reported | None:
    """Return the cost of a call with your own key: the gateway's fee and the provider's bill."""
    fee = _amount(usage.get("cost"))
    for path in (("cost_details", "upstream_inference_cost"), ("market_cost",)):
        bill = _amount(_at(usage, path))
        if bill is not None:
            source = f"usage.cost + usage.{'.'.join(path)}"
            return Reported(amount=bill + (fee or 0), source=source, byok=True)
    return None


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(tree, dict) or (tree := tree.get(key)) is None:
            return None
    return tree


def _amount(value: Any) -> Decimal | None:
    """Parse a number or decimal string; an implausible cost of one call is no amount."""
    amount = None if value is None else parse_decimal(value)
    if amount is None or amount < 0 or amount.adjusted() not in _PLAUSIBLE_EXPONENTS:
        return None
    return amount
