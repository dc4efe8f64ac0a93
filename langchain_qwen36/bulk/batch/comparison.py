"""Compare the cost of rows live and in a batch, and find the cache hit rate of equal cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_qwen36.pricing import Money, cost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36.catalog import Offer
    from langchain_qwen36.pricing import Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchComparison:
    """A typical row, or the sum of all rows, at both prices; None: a price is not known."""

    live: Money | None
    """Price of live calls without a cache."""
    batch: Money | None
    """Price in a batch, which has no cache."""
    break_even_hit_rate: Decimal | None
    """Share of the input that the implicit cache must serve before live calls cost less; 1 and
    above: they never do. None: a price is not known."""

    @property
    def advice(self) -> str:
        """Return one sentence that names the cheaper way."""
        rate = self.break_even_hit_rate
        if self.live is None or self.batch is None or rate is None:
            return "Whether a batch is cheaper is not known: a price is missing."
        if rate >= 1:
            return (
                f"A batch is cheaper, whatever the cache serves: {self.batch} against {self.live}."
            )
        return (
            f"A batch costs {self.batch} against {self.live}; live calls cost less where the cache "
            f"serves more than {rate:.0%} of the input."
        )


def compare(
    usage: Mapping[str, Any],
    offer: Offer | None,
    *,
    rows: int = 1,
    discount: Decimal | float | str | None = None,
    thinking: bool | None = None,
) -> BatchComparison:
    """Compare the price of rows live and in a batch.

    With the input rate 1, an output rate p, a batch factor b and a rate c for cache hits, live
    costs I (1 - h) + I h c + O p and a batch b (I + O p): equal at
    h = (1 - b)(1 + p O/I) / (1 - c), which is 0.625 + 0.625 p O/I for half price and hits at a
    fifth.

    Args:
        usage: `input_tokens` and `output_tokens` of one row: it decides the price tier.
        offer: The model as its gateway sells it; None: no price is known.
        rows: Number of such rows.
        discount: The share of the list price that the account pays.
        thinking: Whether the rows think.
    """
    price = partial(cost, offer=offer, discount=discount, thinking=thinking)
    live, batch = price(usage), price(usage, batch=True)
    cached = price(_all_from_cache(usage))
    return BatchComparison(
        live=None if live is None else Money(live.total * rows, live.currency),
        batch=None if batch is None else Money(batch.total * rows, batch.currency),
        break_even_hit_rate=_break_even(live, batch, cached),
    )


def _all_from_cache(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {**usage, "input_token_details": {"cache_read": usage.get("input_tokens") or 0}}


def _break_even(live: Cost | None, batch: Cost | None, cached: Cost | None) -> Decimal | None:
    """Return the hit rate at which live calls, between no and all hits, cost as much as a batch."""
    if live is None or batch is None or cached is None:
        return None
    saved_by_cache = live.total - cached.total
    return (live.total - batch.total) / saved_by_cache if saved_by_cache > 0 else Decimal(1)
