"""Price one response: the one entry for messages, chunks, events and cost reports."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from langchain_qwen36.pricing.cost_record import cost_record
from langchain_qwen36.pricing.list_price import UsageError, cache_type_of, cost
from langchain_qwen36.pricing.reported_cost import reported_cost

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from langchain_qwen36.catalog import Offer

logger = logging.getLogger(__name__)


def price_call(
    usage: Mapping[str, Any] | None,
    raw: Mapping[str, Any],
    metadata: Mapping[str, Any],
    *,
    offer: Offer | None,
    discount: Decimal | float | str | None = None,
    thinking: bool | None = None,
) -> dict[str, Any] | None:
    """Price a response by the list and by what the gateway reports.

    Args:
        usage: LangChain's `UsageMetadata`; None: the gateway counted nothing.
        raw: The `usage` object as the gateway sent it.
        metadata: The message's `response_metadata`.
        offer: The price list's entry of the model; None: no list price is known.
        discount: What the account pays of the list price, such as 0.85.
        thinking: Whether thinking was on; some lists price thinking output apart.

    Returns:
        The record that goes to `response_metadata["cost"]`; None: no price is known.
    """
    listed = None
    try:
        if usage is not None:
            listed = cost(
                usage, offer, discount=discount, thinking=thinking, cache_type=cache_type_of(raw)
            )
    except UsageError as error:
        # The answer is paid for and good: an impossible count must not take it away.
        logger.warning("Inconsistent usage from the gateway; cost not computed: %s", error)
    record = cost_record(listed, reported_cost(raw, metadata), raw)
    return dict(record) if record else None
