"""Compute the distance to the next price tier and the cost of crossing it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from langchain_qwen36.pricing.list_price import cost

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from langchain_qwen36.catalog import Offer, Tier
    from langchain_qwen36.pricing.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTier:
    """The position of a request in its price tier."""

    current: Tier
    """The request's tier."""
    next: Tier | None
    """The next tier; None: the list ends here, and a longer request's cost is not known."""
    tokens_left: int
    """Input tokens that may be added without leaving the tier."""
    crossing_cost: Money | None
    """What a request costs more with the first size above the tier than with the last one in it."""


def next_tier(
    input_tokens: int,
    offer: Offer | None,
    *,
    output_tokens: int = 0,
    at: date | None = None,
    discount: Decimal | float | str | None = None,
    thinking: bool | None = None,
) -> NextTier | None:
    """Return how far a request of this size is from the next tier.

    `output_tokens` is the length of the expected answer, which pays the higher tier too; the other
    settings are those of `cost`. The result is None if no price is known, or no tier ends above
    this size.
    """
    day = at or datetime.now(UTC)
    if (
        offer is None
        or (price := offer.price_at(day)) is None
        or (current := price.tier_for(input_tokens)) is None
        or current.up_to is None
    ):
        return None
    inside, outside = (
        cost(
            {"input_tokens": size, "output_tokens": output_tokens},
            offer,
            at=day,
            discount=discount,
            thinking=thinking,
        )
        for size in (current.up_to, current.up_to + 1)
    )
    return NextTier(
        current=current,
        next=outside.tier if outside else None,
        tokens_left=current.up_to - input_tokens,
        crossing_cost=outside.money - inside.money if inside and outside else None,
    )
