"""Turn a model's refusal into a content block, and into an error of structured output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core import exceptions
from langchain_core.exceptions import OutputParserException

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage


def refusal_block(message: AIMessage) -> dict[str, Any] | None:
    """Return the standard block of a refusal; None if the model did not refuse."""
    refusal = message.additional_kwargs.get("refusal")
    for block in message.content if isinstance(message.content, list) else ():
        if isinstance(block, dict) and block.get("type") == "refusal":
            refusal = block.get("refusal") or refusal
    return {"type": "refusal", "refusal": refusal} if isinstance(refusal, str) and refusal else None


def raise_if_refused(message: AIMessage) -> None:
    """Raise an error if there is no answer because the model, or the gateway's filter, refused.

    Raises:
        ModelRefusalError: with langchain-core 1.7.5 and later.
        OutputParserException: with an older langchain-core.
    """
    block = refusal_block(message)
    if block is None and message.response_metadata.get("finish_reason") != "content_filter":
        return
    refusal = block["refusal"] if block else "The content filter cut the answer."
    error = getattr(exceptions, "ModelRefusalError", None)
    if error is None:
        raise OutputParserException(f"The model refused: {refusal}", llm_output=str(message.text))
    raise error.from_refusal({"type": "refusal", "refusal": refusal}, raw_message=message)
