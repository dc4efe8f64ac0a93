"""Price one call: turn usage and response metadata into a cost record; all callers use this."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_qwen36._logging import logger_for
from langchain_qwen36.gateways import GATEWAYS
from langchain_qwen36.pricing.cost_record import cost_record
from langchain_qwen36.pricing.list_price import (
    BilledTokens,
    UsageError,
    cache_type_of,
    cost,
    media_of,
)
from langchain_qwen36.pricing.reported_cost import reported_cost

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from decimal import Decimal

    from langchain_qwen36.catalog import Offer
    from langchain_qwen36.pricing.list_price import Cost

logger = logger_for(__name__)


def price_call(
    usage: Mapping[str, Any] | None,
    metadata: Mapping[str, Any],
    offer: Offer | None,
    *,
    discount: Decimal | float | str | None = None,
    thinking: bool | None = None,
    batch: bool | None = None,
    at: date | None = None,
) -> dict[str, Any] | None:
    """Price one call by the price list and by what the gateway reports.

    The model prices each response with it, and the callback handler prices again with it, so that a
    message and a report never disagree.

    Args:
        usage: LangChain's `UsageMetadata`; None if the gateway sent no usage.
        metadata: The message's `response_metadata`: the usage as the server sent it
            (`gateway_usage`; `usage` or `token_usage` in other chat classes), the gateway's own
            cost fields, `thinking` and `batch`.
        offer: The model as the gateway sells it; None: no list price is known.
        discount: The share of the list price that your account pays, e.g. `"0.85"`.
        thinking: Whether the call was sent with thinking on. None: the value of
            `metadata["thinking"]`.
        batch: Whether it was a batch call. None: the value of `metadata["batch"]`, or its gateway's
            billing.
        at: Day of the call; None: today.

    Returns:
        The cost record, or None if no price is known: no offer and no reported cost, or an
        impossible usage (logged as a warning).

    Raises:
        ValueError: The discount is not above 0 and at most 1.
    """
    raw = metadata.get("gateway_usage") or metadata.get("usage") or metadata.get("token_usage")
    raw = raw if isinstance(raw, dict) else {}
    if thinking is None:
        thinking = metadata.get("thinking")
    name = metadata.get("gateway") or (offer.gateway if offer else None)
    gateway = GATEWAYS.get(str(name))
    if batch is None:
        is_batch_gateway = gateway is not None and gateway.billing == "batch"
        batch = is_batch_gateway or metadata.get("batch") is True
    listed: Cost | None = None
    try:
        # All zeros with an answer mean a gateway that does not count, not a free call.
        if usage is not None and (tokens := BilledTokens.of(usage)).total:
            if offer is not None and offer.prices and offer.prices[-1].not_priced:
                tokens = replace(tokens, media=tokens.media | media_of(raw))
            listed = cost(
                tokens,
                offer,
                at=at,
                discount=discount,
                batch=batch,
                thinking=thinking,
                cache_type=cache_type_of(raw),
            )
    except UsageError as error:
        # The answer is good and paid for: an impossible count must not discard it.
        model = metadata.get("requested_model") or metadata.get("model_name")
        logger.warning("Inconsistent usage for %s; cost not computed: %s", model, error)
    # Other chat classes keep the reported cost in the raw usage, or lift it to `cost`.
    reported = reported_cost({"cost": metadata.get("cost"), **raw}, metadata)
    if reported and not reported.amount and gateway and not gateway.reports_cost:
        reported = None  # relays say 0 where they do not know: it is no bill of this gateway
    record = cost_record(listed, reported, raw)
    return dict(record) if record else None
