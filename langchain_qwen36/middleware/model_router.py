"""Choose the Qwen3.6 model for a request: rules in order, a canary, and fallbacks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from langchain.agents.middleware.types import AgentMiddleware, AgentState
from langgraph.config import get_config
from typing_extensions import override

from langchain_qwen36._content.blocks import iter_visual_blocks
from langchain_qwen36._logging import logger_for
from langchain_qwen36.catalog import find_model, find_offer
from langchain_qwen36.chat_models import ChatQwen36
from langchain_qwen36.errors import (
    ContextOverflowError,
    GatewayConnectionError,
    GatewayTimeoutError,
    NotFoundError,
    RateLimitError,
    ServerError,
)
from langchain_qwen36.middleware._requests import count_tokens, gateway_of, with_note

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from langchain.agents.middleware.types import ModelRequest
    from langchain_core.language_models import BaseChatModel

    from langchain_qwen36.middleware._requests import ModelResult

logger = logger_for(__name__)

LONG = 200_000
"""Input tokens from which a conversation counts as long: the 256K windows end soon after."""
HARD_BUDGET = 32_768
"""A `thinking_budget` from which a question counts as hard."""
_MAX_SUCCESSORS = 5
"""Most replacements of a retired model that are followed."""


@dataclass(frozen=True, slots=True)
class Route:
    """One rule: a name for the trace, a model, and a condition."""

    name: str
    """The name in the trace."""
    model: str | BaseChatModel
    """A model's id, at the gateway of the agent's own model; or a model."""
    when: Callable[[ModelRequest[Any]], bool]
    """Returns whether the rule applies to a request."""


class QwenModelRouterMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Chooses the model of each request; the first rule that applies wins.

        QwenModelRouterMiddleware()
        QwenModelRouterMiddleware([Route("legal", "qwen3.7-max", is_legal)])

    Your own rules come first, then the vendor's advice: pictures, videos or a long conversation to
    qwen3.6-flash, hard reasoning to qwen3.7-max, cheap and fast to qwen3.6-35b-a3b, everyday to
    qwen3.6-plus. Hard and cheap are read from the request's settings: a high `reasoning_effort` or
    `thinking_budget` means hard, a low effort or `enable_thinking=False` cheap. A retired model is
    replaced by the successor that the catalogue names; an advised model that the gateway does not
    sell is skipped.

    The answer's `response_metadata["route"]` and the trace's metadata and tags name the rule and
    the model. Requests of models of other classes are routed by your rules only.
    """

    def __init__(
        self,
        rules: Sequence[Route] = (),
        *,
        advice: bool = True,
        canary: Mapping[str, float] | None = None,
        fallbacks: Mapping[type[Exception], Sequence[str | BaseChatModel]] | None = None,
    ) -> None:
        """Initialize the middleware.

        Args:
            rules: Your own rules, in order.
            advice: Whether the vendor's rules follow. False: the agent's own model otherwise.
            canary: The share of threads that a model gets before all rules, e.g.
                `{"qwen3.7-plus-preview": 0.05}`; a thread's model stays the same. Requests without
                a thread's id do not take part.
            fallbacks: Models to try, once, after an error of a class: the first one that did not
                fail. None: flash after an overflow of the window; plus, else flash, after a rate
                limit, a failure or a missing model.

        Raises:
            ValueError: A share is below 0, or all together are above 1.
            TypeError: The fallbacks of an error are one text instead of a list.
        """
        super().__init__()
        self.rules = tuple(rules)
        self.advice = _ADVICE if advice else ()
        self.canary = dict(canary or {})
        if min(self.canary.values(), default=0) < 0 or sum(self.canary.values()) > 1:
            raise ValueError(
                f"`canary={self.canary}` must be shares from 0 to 1, and so must their sum."
            )
        self.fallbacks = dict(_FALLBACKS if fallbacks is None else fallbacks)
        for kind, models in self.fallbacks.items():
            if isinstance(models, str):  # each letter would be a model
                raise TypeError(f"`fallbacks` of {kind.__name__} must be a list: [{models!r}].")

    @override
    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]
    ) -> ModelResult:
        """Route the request, and again after an error that has a fallback."""
        rule, model = self._choose(request)
        routed = self._routed(request, rule, model)
        try:
            result = handler(routed)
        except Exception as error:
            stand_in = self._stand_in(error, routed)
            if stand_in is None:
                raise
            name = f"{rule}, after {type(error).__name__}"
            again = self._routed(request, name, stand_in)
            return _noted(handler(again), name, again)
        return _noted(result, rule, routed)

    @override
    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[Any]]
    ) -> ModelResult:
        """`wrap_model_call`, async."""
        rule, model = self._choose(request)
        routed = self._routed(request, rule, model)
        try:
            result = await handler(routed)
        except Exception as error:
            stand_in = self._stand_in(error, routed)
            if stand_in is None:
                raise
            name = f"{rule}, after {type(error).__name__}"
            again = self._routed(request, name, stand_in)
            return _noted(await handler(again), name, again)
        return _noted(result, rule, routed)

    def _choose(self, request: ModelRequest[Any]) -> tuple[str, str | BaseChatModel]:
        """Return the rule's name and the model."""
        if chosen := self._canary_of(_thread()):
            return "canary", chosen
        for rule in self.rules:
            if rule.when(request):
                return rule.name, rule.model
        for rule in self.advice:
            if (model := current_model(request, _name(rule.model))) and rule.when(request):
                return rule.name, model
        return "the agent's own", request.model

    def _canary_of(self, thread: str | None) -> str | None:
        if thread is None:
            return None
        # A hash of our own: Python's differs from process to process.
        digest = hashlib.blake2b(thread.encode(), digest_size=8).digest()
        position = int.from_bytes(digest) / 2**64
        for model, share in self.canary.items():
            if (position := position - share) < 0:
                return model
        return None

    def _routed(
        self, request: ModelRequest[Any], rule: str, model: str | BaseChatModel
    ) -> ModelRequest[Any]:
        if isinstance(model, str):
            if not isinstance(request.model, ChatQwen36):
                raise TypeError(
                    f"The route {rule!r} names {model!r}, but the agent's own model is no "
                    "ChatQwen36 that could be copied: give the route a model."
                )
            model = request.model.model_copy(update={"model": model})
        metadata = {**(model.metadata or {}), "qwen36_route": rule}
        tags = [*(model.tags or []), f"route:{rule}"]
        return request.override(model=model.model_copy(update={"metadata": metadata, "tags": tags}))

    def _stand_in(self, error: Exception, routed: ModelRequest[Any]) -> str | BaseChatModel | None:
        """Return the model to try after an error; None if there is none, or only the same one."""
        kinds = [models for kind, models in self.fallbacks.items() if isinstance(error, kind)]
        candidates = chain.from_iterable(kinds)
        failed = _name(routed.model)
        stand_in = next((model for model in candidates if _name(model) != failed), None)
        if stand_in is not None:
            logger.warning("%s failed (%s): %s answers.", failed, error, _name(stand_in))
        return stand_in


def _name(model: str | BaseChatModel) -> str:
    return model if isinstance(model, str) else str(getattr(model, "model_name", model))


def _noted(result: ModelResult, rule: str, routed: ModelRequest[Any]) -> ModelResult:
    return with_note(result, "route", {"rule": rule, "model": _name(routed.model)})


def _thread() -> str | None:
    thread = get_config().get("configurable", {}).get("thread_id")
    return None if thread is None else str(thread)


def current_model(request: ModelRequest[Any], name: str) -> str | None:
    """Return an advised model, or the successor of a retired one, if the gateway sells it."""
    gateway, today = gateway_of(request), datetime.now(UTC).date()
    prices = (gateway.price_list or gateway.name) if gateway else ""
    for _ in range(_MAX_SUCCESSORS):
        offer = find_offer(prices, name)
        if offer is not None and not offer.is_retired(today):
            return name
        model = find_model(name)
        successor = (offer.successor if offer else None) or (model.successor if model else None)
        if successor is None:
            return None
        name = successor
    return None


def _setting(request: ModelRequest[Any], name: str) -> Any:
    return request.model_settings.get(name, getattr(request.model, name, None))


def is_visual(request: ModelRequest[Any]) -> bool:
    """Return whether a picture or a video is in the conversation."""
    blocks = (b for m in request.messages if isinstance(m.content, list) for b in m.content)
    return any(True for block in blocks for _ in iter_visual_blocks(block))


def is_long(request: ModelRequest[Any]) -> bool:
    """Return whether the input is near the end of a 256K window."""
    return count_tokens(request, request.messages) > LONG


def is_hard(request: ModelRequest[Any]) -> bool:
    """Return whether the request asks for much thinking."""
    budget = _setting(request, "thinking_budget")
    effort = _setting(request, "reasoning_effort")
    return effort in ("high", "xhigh", "max") or (budget is not None and budget >= HARD_BUDGET)


def is_cheap(request: ModelRequest[Any]) -> bool:
    """Return whether the request asks for little or no thinking."""
    thinks = _setting(request, "enable_thinking")
    return thinks is False or _setting(request, "reasoning_effort") in ("none", "minimal", "low")


_ADVICE = (
    Route("multimodal", "qwen3.6-flash", is_visual),
    Route("long", "qwen3.6-flash", is_long),
    Route("hard reasoning", "qwen3.7-max", is_hard),
    Route("cheap and fast", "qwen3.6-35b-a3b", is_cheap),
    Route("everyday", "qwen3.6-plus", lambda _: True),
)

_ANYONE = ("qwen3.6-plus", "qwen3.6-flash")
_FALLBACKS: Mapping[type[Exception], Sequence[str]] = {
    ContextOverflowError: ("qwen3.6-flash",),
    RateLimitError: _ANYONE,
    ServerError: _ANYONE,
    GatewayConnectionError: _ANYONE,
    GatewayTimeoutError: _ANYONE,
    NotFoundError: _ANYONE,
}
