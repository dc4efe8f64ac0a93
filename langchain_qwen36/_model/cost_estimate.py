"""Estimate the size and the price of a call before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_qwen36 import pricing, tokens
from langchain_qwen36._model import legacy_functions
from langchain_qwen36._model.call_options import merge
from langchain_qwen36._model.identity import model_name
from langchain_qwen36._model.translated_settings import translate
from langchain_qwen36._request.planning import plan_request
from langchain_qwen36._request.prompt_size import prompt_size
from langchain_qwen36.catalog import PriceBook, find_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import BaseMessage

    from langchain_qwen36._model.fields import QwenFields
    from langchain_qwen36._request.request_plan import RequestPlan
    from langchain_qwen36._request.types import Settings
    from langchain_qwen36.catalog import Tier
    from langchain_qwen36.gateways import Gateway
    from langchain_qwen36.pricing import Cost, NextTier


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEstimate:
    """A call's size and price before it is sent; unknown values are None."""

    input_tokens: int
    """Tokens of messages, tools and the template; estimated, or exact with the extra
    `tokenizer`."""
    output_tokens: int | None
    """Tokens of the longest answer allowed, of all `n` choices together; None: no limit was
    set."""
    cost: Cost | None
    """List price with an answer of `output_tokens`, or of the input alone if that is None."""
    next_tier: NextTier | None
    """How many tokens are left in the price tier, and what crossing it costs."""
    guessed_media: int
    """Blocks whose image or video is elsewhere or cannot be measured: an image counts as the
    largest possible, a video as one minute, which a longer one exceeds."""

    @property
    def tier(self) -> Tier | None:
        """The price tier of the whole call."""
        return self.cost.tier if self.cost is not None else None


def estimate(
    fields: QwenFields,
    gateway: Gateway,
    messages: Sequence[BaseMessage],
    options: Mapping[str, Any],
    max_tokens: int | None,
) -> CostEstimate:
    """Estimate the size and the price of a call with these messages and keywords."""
    settings, plan = _planned(fields, gateway, options)
    size = prompt_size(settings, plan, gateway, messages)
    book = fields.price_book or PriceBook.bundled()
    offer = book.offer(gateway.price_list or gateway.name, settings.model)
    limits = {**settings.params, **settings.extra_body}
    one = max_tokens or limits.get("max_completion_tokens") or limits.get("max_tokens")
    longest = one and one * (limits.get("n") or 1)
    usage = {"input_tokens": size, "output_tokens": longest or 0}
    discount, thinking = fields.price_discount, plan.thinking.on
    return CostEstimate(
        input_tokens=size,
        output_tokens=longest,
        cost=pricing.cost(usage, offer, discount=discount, thinking=thinking),
        next_tier=pricing.next_tier(
            size, offer, output_tokens=longest or 0, discount=discount, thinking=thinking
        ),
        guessed_media=tokens.count_unmeasured_media(messages),
    )


def will_think(fields: QwenFields, gateway: Gateway, options: Mapping[str, Any]) -> bool | None:
    """Return whether a call with these keywords will think, by any setting; None: not known."""
    return _planned(fields, gateway, options)[1].thinking.on


def count(
    fields: QwenFields,
    gateway: Gateway,
    messages: Sequence[BaseMessage],
    options: Mapping[str, Any],
) -> int:
    """Count the input tokens of a request, planned as it would be sent.

    Raises:
        UnsupportedSettingError: settings that the gateway or the model cannot take.
    """
    settings, plan = _planned(fields, gateway, options)
    return prompt_size(settings, plan, gateway, messages)


def _planned(
    fields: QwenFields, gateway: Gateway, options: Mapping[str, Any]
) -> tuple[Settings, RequestPlan]:
    """Return the settings of a call with these keywords, and the plan of its request."""
    if options:
        options = legacy_functions.tools_from_functions(translate(options))
    settings = merge(fields, model_name(fields, options), None, options)
    return settings, plan_request(settings, gateway, find_model(settings.model))
