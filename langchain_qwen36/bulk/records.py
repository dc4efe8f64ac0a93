"""Convert a message to the columns of the journal, for calls and batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from langchain_qwen36._content.json_arguments import lenient_json
from langchain_qwen36._content.messages import reasoning_text
from langchain_qwen36.pricing import money_of
from langchain_qwen36.pricing.units import units_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import AIMessage


def answer_record(message: AIMessage, parsed: Any) -> dict[str, Any]:
    """Return a row's `answer` column: the keys of the output."""
    metadata = message.response_metadata
    return {
        "answer": message.text,
        "reasoning": reasoning_text(message) or None,
        "parsed": as_json(parsed),
        "tool_calls": message.tool_calls or None,
        "finish_reason": metadata.get("finish_reason"),
        "model": metadata.get("model_name"),
    }


def as_json(value: Any) -> Any:
    """Convert a pydantic object to values that JSON can hold."""
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def cost_in_units(message: AIMessage) -> tuple[int | None, str]:
    """Return a message's cost in 10^-12 of its currency; None if its price is not known."""
    record = message.response_metadata.get("cost")
    if not record:
        return None, ""
    money = money_of(record)
    return units_of(money.amount), money.currency


def json_text(value: Mapping[str, Any] | None) -> str | None:
    """Return an object as the JSON text of a column.

    Raises:
        TypeError, ValueError, RecursionError: JSON cannot hold it.
    """
    if value is None:
        return None
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    try:
        return orjson.dumps(value, default=str, option=options).decode()
    except TypeError:  # integers beyond 64 bits, half of an emoji
        return lenient_json(value, str)
