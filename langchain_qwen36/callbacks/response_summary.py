"""Summarize a response for pricing: from a message, an error's partial message, or chunks."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration

from langchain_qwen36._content.messages import reasoning_text
from langchain_qwen36.pricing import BilledTokens, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import LLMResult


class ResponseSummary(NamedTuple):
    """The parts of a response that pricing needs; the message itself is not kept."""

    text: str
    """Answer, reasoning and tool calls, to be counted if no usage came."""
    usage: Mapping[str, Any] | None
    metadata: Mapping[str, Any]
    """The message's `response_metadata`."""


def summarize_result(result: LLMResult) -> ResponseSummary:
    """Summarize a finished call; usage is on the first of several generations.

    See docs/quirks.md#usage-of-several-generations.
    """
    generation = next(chain.from_iterable(result.generations), None)
    if isinstance(generation, ChatGeneration):
        return summarize_messages([generation.message])
    return ResponseSummary("", None, {})


def summarize_messages(messages: Iterable[BaseMessage]) -> ResponseSummary:
    """Summarize a message, or the chunks of one: texts joined, the last usage, all metadata."""
    texts: list[str] = []
    usage: Mapping[str, Any] | None = None
    metadata: dict[str, Any] = {}
    for message in messages:
        texts += _texts(message)
        usage = getattr(message, "usage_metadata", None) or usage
        metadata |= message.response_metadata
    return ResponseSummary("".join(texts), dict(usage) if usage else None, metadata)


def usable_usage(usage: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the part of a usage that can be priced; None if there is none.

    All zeros with an answer mean a gateway that does not count. More cached tokens than input
    tokens are impossible: the input then counts as not cached, which never costs less.
    """
    if usage is None:
        return None
    try:
        return usage if BilledTokens.of(usage).total else None
    except UsageError:
        counts = {**usage, "input_token_details": {}, "output_token_details": {}}
    try:
        return counts if BilledTokens.of(counts).total else None
    except UsageError:
        return None


def _texts(message: BaseMessage) -> list[str]:
    return [reasoning_text(message), str(message.text), *_calls(message)]


def _calls(message: BaseMessage) -> list[str]:
    if isinstance(message, AIMessageChunk):
        return [(call["name"] or "") + (call["args"] or "") for call in message.tool_call_chunks]
    if isinstance(message, AIMessage):
        return [f"{call['name']}{call['args']}" for call in message.tool_calls]
    return []
