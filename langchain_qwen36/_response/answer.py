"""Makes the AIMessage of one choice out of what was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage

from langchain_qwen36._response.message import additional_kwargs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages.ai import UsageMetadata

    from langchain_qwen36._response.choice import Choice


def message(
    choice: Choice,
    metadata: Mapping[str, Any],
    counted: UsageMetadata | None,
    *,
    interrupted: bool = False,
) -> AIMessage:
    """One choice as a message; usage stands on the first choice's only (T26).

    `content` is a string, thoughts are in `additional_kwargs["reasoning_content"]` (P01), the id
    stays None for LangChain to give (T24). With `interrupted` a call without arguments counts as
    cut.
    """
    kwargs = additional_kwargs(choice)
    if thoughts := choice.full_thoughts():
        kwargs["reasoning_content"] = thoughts
    blocks = [call.block for call in choice.settled_calls(interrupted=interrupted)]
    return AIMessage(
        content=choice.full_text(),
        additional_kwargs=kwargs,
        response_metadata=dict(metadata),
        tool_calls=[block for block in blocks if block["type"] == "tool_call"],
        invalid_tool_calls=[block for block in blocks if block["type"] == "invalid_tool_call"],
        usage_metadata=counted if choice.index == 0 else None,
    )
