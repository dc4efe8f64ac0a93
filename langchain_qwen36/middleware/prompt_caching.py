"""Switch on the model's own `prompt_cache` for an agent, and note what it saved."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from langchain.agents.middleware.types import AgentMiddleware, AgentState
from typing_extensions import override

from langchain_qwen36._request.cache_control import MIN_TOKENS
from langchain_qwen36.middleware._requests import answer_of, count_tokens, gateway_of, with_note
from langchain_qwen36.pricing import Money

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from langchain.agents.middleware.types import ModelRequest

    from langchain_qwen36.middleware._requests import ModelResult


class PromptCachingMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Marks the unchanging part of requests for the server's explicit cache.

    It sets `prompt_cache` for each call of a `ChatQwen36`, whose docs say where markers go. Use it
    if you do not set up the model object, or for one agent only. Models of other classes and
    gateways without `cache_control` are left alone, so it may stand before or behind LangChain's
    `ModelFallbackMiddleware`: markers are set when the request is built
    (docs/quirks.md#markers-that-fallbacks-strip).

    The answer's `response_metadata["prompt_cache"]` holds the tokens read and written, and what
    that saved or, at first, cost.
    """

    def __init__(self, *, min_tokens: int = MIN_TOKENS, history: bool = True) -> None:
        """Initialize the middleware.

        Args:
            min_tokens: The shortest request that is marked; servers ignore markers on requests
                shorter than 1,024 tokens.
            history: Whether the conversation is marked. False marks the system prompt only: for
                agents that answer at once, whose conversation is not sent again.

        Raises:
            ValueError: `min_tokens` is below the servers' own minimum.
        """
        super().__init__()
        if min_tokens < MIN_TOKENS:
            raise ValueError(
                f"`min_tokens={min_tokens}` is below {MIN_TOKENS}: shorter marks are ignored."
            )
        self.min_tokens = min_tokens
        self.history = history

    @override
    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]
    ) -> ModelResult:
        """Call with markers, and note what the cache did."""
        return _noted(handler(self._marked(request)))

    @override
    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[Any]]
    ) -> ModelResult:
        """`wrap_model_call`, async."""
        return _noted(await handler(self._marked(request)))

    def _marked(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        gateway = gateway_of(request)
        if gateway is None or not gateway.cache_control:
            return request
        if (
            self.min_tokens > MIN_TOKENS
            and count_tokens(request, request.messages) < self.min_tokens
        ):
            return request
        scope = "auto" if self.history else "system"
        return request.override(model_settings={**request.model_settings, "prompt_cache": scope})


def _noted(result: ModelResult) -> ModelResult:
    answer = answer_of(result)
    usage: Any = answer.usage_metadata if answer else None
    details = (usage or {}).get("input_token_details") or {}
    read, written = (details.get(name) or 0 for name in ("cache_read", "cache_creation"))
    if answer is None or not (read or written):
        return result
    cost = answer.response_metadata.get("cost") or {}
    saved = cost.get("cache_saved")
    money = None if saved is None else str(Money(Decimal(str(saved)), cost["currency"]))
    return with_note(result, "prompt_cache", {"read": read, "written": written, "saved": money})
