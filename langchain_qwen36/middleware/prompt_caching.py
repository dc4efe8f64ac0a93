"""Explicit cache markers where they pay, and what they saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from langchain.agents.middleware.types import AgentMiddleware, AgentState
from langchain_core.messages import AIMessage, BaseMessage
from typing_extensions import override

from langchain_qwen36.middleware.requests import (
    answer_of,
    count_tokens,
    gateway_of,
    offer_of,
    with_note,
)
from langchain_qwen36.pricing import UsageError, cost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from langchain.agents.middleware.types import ModelRequest

    from langchain_qwen36.catalog import Offer
    from langchain_qwen36.middleware.requests import ModelResult
    from langchain_qwen36.pricing import Money

M = TypeVar("M", bound=BaseMessage)

_MARK = {"cache_control": {"type": "ephemeral"}}
_WANTED = 3
"""The system prompt with the tools, where the last request ended, and where this one does."""


class PromptCachingMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Marks what stays the same for the server's explicit cache (P64).

    A marked prefix costs 125 % of the input price when it is written and 10 % when it is read
    within 5 minutes, each read renewing it: it pays from the second request on. Marked are the
    end of the system prompt, which covers the tools too, where the last request ended, and where
    this one does, as the conversation will go on from there. Nothing is marked below
    `min_tokens`, at a gateway that takes no markers, or beyond the markers that count; marks of
    your own stay and are counted.

    The answer's `response_metadata["prompt_cache"]` says what was read and written, and what that
    saved or, at first, cost. A gateway that meets marks again on another model's side, such as
    LangChain's `ModelFallbackMiddleware`, may strip them (T16): put this one behind it.
    """

    def __init__(self, *, min_tokens: int = 1024, history: bool = True) -> None:
        """Say where.

        Args:
            min_tokens: The shortest prefix that is marked; servers ignore shorter ones.
            history: Whether the conversation is marked. False marks the system prompt only: for
                agents that answer at once, whose conversation is not sent again.

        Raises:
            ValueError: `min_tokens` is below the servers' own minimum.
        """
        super().__init__()
        if min_tokens < 1024:  # noqa: PLR2004 - dashscope.md §4.5
            raise ValueError(f"`min_tokens={min_tokens}` is below 1024: shorter marks are ignored.")
        self.min_tokens = min_tokens
        self.history = history

    @override
    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]
    ) -> ModelResult:
        """Mark the request, and note what the cache did."""
        return _noted(request, handler(self._marked(request)))

    @override
    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[Any]]
    ) -> ModelResult:
        """`wrap_model_call`, async."""
        return _noted(request, await handler(self._marked(request)))

    def _marked(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        row = gateway_of(request)
        if row is None or not row.cache_control or not request.messages:
            return request
        left = self._left(request, row.cache_markers)
        system, messages = request.system_message, list(request.messages)
        system_pays = count_tokens(request, []) >= self.min_tokens
        if system is not None and left and system_pays:
            marked = _marked_message(system)
            left -= marked is not system
            system = marked
        if self.history and (system_pays or count_tokens(request, messages) >= self.min_tokens):
            for place in _ends(messages)[:left]:
                messages[place] = _marked_message(messages[place])
        return request.override(system_message=system, messages=messages)

    def _left(self, request: ModelRequest[Any], most: int | None) -> int:
        """How many marks may still be set beside the user's own."""
        every = [*([request.system_message] if request.system_message else []), *request.messages]
        own = sum(_is_marked(block) for message in every for block in _blocks(message))
        return _WANTED if most is None else max(0, min(_WANTED, most - own))


def _ends(messages: Sequence[BaseMessage]) -> list[int]:
    """Where this request ends, and where the last one did: before the last answer."""
    answers = [place for place, message in enumerate(messages) if isinstance(message, AIMessage)]
    before = answers[-1] - 1 if answers else -1
    ends = [len(messages) - 1, *([before] if before >= 0 else [])]
    return [place for place in ends if _blocks(messages[place])]


def _blocks(message: BaseMessage) -> list[Any]:
    """Content as parts; none of a message that says nothing."""
    content = message.content
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(content)


def _is_marked(block: Any) -> bool:
    return isinstance(block, dict) and "cache_control" in block


def _marked_message(message: M) -> M:
    """A copy whose last part is marked; the message itself where it cannot be."""
    blocks = _blocks(message)
    last = blocks[-1] if blocks else None
    if isinstance(last, str):
        last = {"type": "text", "text": last}
    if not isinstance(last, dict) or _is_marked(last):
        return message
    return message.model_copy(update={"content": [*blocks[:-1], {**last, **_MARK}]})


def _noted(request: ModelRequest[Any], result: ModelResult) -> ModelResult:
    answer = answer_of(result)
    usage: Any = answer.usage_metadata if answer else None
    details = (usage or {}).get("input_token_details") or {}
    read, written = (details.get(name) or 0 for name in ("cache_read", "cache_creation"))
    if not (read or written):
        return result
    saved = _saved(usage, offer_of(request))
    note = {"read": read, "written": written, "saved": str(saved) if saved else None}
    return with_note(result, "prompt_cache", note)


def _saved(usage: dict[str, Any], offer: Offer | None) -> Money | None:
    """What the call would have cost more without a cache; below 0 where it was only written."""
    plain = {name: count for name, count in usage.items() if name != "input_token_details"}
    try:
        without = cost(plain, offer)
        with_cache = cost(usage, offer, cache_type="ephemeral")
    except UsageError:
        return None
    return without.money - with_cache.money if without and with_cache else None
