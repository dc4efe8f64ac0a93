"""Find where a turn of a conversation begins, and which reasoning is sent back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, assert_never

from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, SystemMessage

from langchain_qwen36._content.messages import PROVIDER, is_block, tool_calls_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage

Replay = Literal["tool_loop", "all", "never"]
"""Which assistant messages are sent back with their reasoning."""


def first_replayed(messages: Sequence[BaseMessage], replay: Replay) -> int:
    """Return the index of the first message whose reasoning is sent back."""
    match replay:
        case "all":
            return 0
        case "never":
            return len(messages)
        case "tool_loop":
            for number in range(len(messages) - 1, -1, -1):
                if begins_turn(messages[number]):
                    return number
            return 0
        case never:
            assert_never(never)


def replays_reasoning(message: BaseMessage, *, foreign: bool) -> bool:
    """Return whether a replayed message's reasoning is from our models, or `foreign` is allowed."""
    provider = message.response_metadata.get("model_provider")
    return foreign or provider in (None, PROVIDER)


def ends_with_an_answer(messages: Sequence[BaseMessage]) -> bool:
    """Return whether the last message is a finished answer, which servers refuse at the end."""
    last = next((m for m in reversed(messages) if not isinstance(m, SystemMessage)), None)
    if isinstance(last, ChatMessage):
        spoken = last.role in ("assistant", "ai")
    else:
        spoken = isinstance(last, AIMessage) and not tool_calls_of(last)
    return spoken and last is not None and not last.additional_kwargs.get("partial")


def begins_turn(message: BaseMessage) -> bool:
    """Return whether a message begins a turn: a user's does, unless it holds only tool results."""
    if isinstance(message, ChatMessage):
        return message.role in ("user", "human")
    return isinstance(message, HumanMessage) and not (
        isinstance(message.content, list)
        and message.content
        and all(is_block(block, "tool_result") for block in message.content)
    )
