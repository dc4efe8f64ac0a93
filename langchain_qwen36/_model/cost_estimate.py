"""What a call would cost, before it is made."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage

from langchain_qwen36 import pricing, tokens
from langchain_qwen36._request import tools as wire_tools
from langchain_qwen36.catalog import PriceBook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.messages import BaseMessage

    from langchain_qwen36._model.fields import QwenFields
    from langchain_qwen36.catalog import Tier
    from langchain_qwen36.gateways import Gateway
    from langchain_qwen36.pricing import Cost, NextTier

_calibrations: defaultdict[tuple[str, str], tokens.Calibration] = defaultdict(tokens.Calibration)
"""What was learnt of each gateway's and model's way of counting, in this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEstimate:
    """A call's size and price before it is made; what is not known is None."""

    input_tokens: int
    """Messages, tools and the template's own; estimated, or exact with the extra `tokenizer`."""
    output_tokens: int | None
    """The longest answer that was allowed; None: no limit was set."""
    cost: Cost | None
    """The list price, with an answer of `output_tokens`, or with none where that is None."""
    next_tier: NextTier | None
    """How many tokens are left in the price tier, and what crossing it costs."""
    guessed_media: int
    """Blocks whose image or video is elsewhere or cannot be measured: an image counts as the
    largest it may be, a video as a minute, which a longer one exceeds."""

    @property
    def tier(self) -> Tier | None:
        """The price tier of the whole call."""
        return self.cost.tier if self.cost is not None else None


def estimate(
    fields: QwenFields,
    gateway: Gateway,
    messages: Sequence[BaseMessage],
    tools: Sequence[Any],
    max_tokens: int | None,
) -> CostEstimate:
    """Size and price of a call with these messages.

    Answers in the history tell how the gateway counts: the usage they carry corrects the estimate.
    """
    size = count(fields, gateway, messages, tools)
    book = fields.price_book or PriceBook.bundled()
    offer = book.offer(gateway.price_list or gateway.name, fields.model_name)
    longest = max_tokens or fields.max_completion_tokens or fields.max_tokens
    usage = {"input_tokens": size, "output_tokens": longest or 0}
    discount, thinking = fields.price_discount, fields.enable_thinking
    return CostEstimate(
        input_tokens=size,
        output_tokens=longest,
        cost=pricing.cost(usage, offer, discount=discount, thinking=thinking),
        next_tier=pricing.next_tier(
            size, offer, output_tokens=longest or 0, discount=discount, thinking=thinking
        ),
        guessed_media=tokens.count_unmeasured_media(messages),
    )


def count(
    fields: QwenFields, gateway: Gateway, messages: Sequence[BaseMessage], tools: Sequence[Any]
) -> int:
    """Input tokens of a request, corrected by what this gateway has counted before."""
    wire = wire_tools.to_wire(tools)
    calibration = _calibrations[gateway.name, fields.model_name]
    raw = partial(
        tokens.count_messages,
        tools=wire,
        max_pixels=gateway.default_max_pixels,
        high_resolution=_high_resolution(fields),
    )
    _learn(calibration, fields.model_name, messages, raw)
    return calibration.apply(raw(messages))


def _high_resolution(fields: QwenFields) -> bool:
    """Whether images are looked at in full, wherever it was said."""
    key = "vl_high_resolution_images"
    said = ((fields.extra_body or {}).get(key), fields.vl_high_resolution_images)
    return bool(next((each for each in said if each is not None), fields.model_kwargs.get(key)))


def _learn(
    calibration: tokens.Calibration,
    name: str,
    messages: Sequence[BaseMessage],
    count_raw: Callable[[Sequence[BaseMessage]], int],
) -> None:
    """Compare our count of what led to the last answer with the gateway's count of it.

    An image of unknown size teaches nothing: its count is a bound.
    """
    for index in range(len(messages) - 1, 0, -1):
        answer = messages[index]
        if isinstance(answer, AIMessage) and answer.usage_metadata is not None:
            asked = messages[:index]
            known = answer.response_metadata.get("requested_model") == name
            if known and not tokens.count_unmeasured_media(asked):
                calibration.learn(count_raw(asked), answer.usage_metadata["input_tokens"])
            return
