"""What a recording says, read in the plainest way there is and without our code.

Only choice 0, tool calls by their index, no repair of anything. What a recording does beyond that
is written down by hand, beside the test.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import AIMessage

FIELDS = ("text", "thoughts", "calls", "invalid", "usage", "finish")
_CACHE_CREATION = ("cache_creation_input_tokens", "cache_write_tokens")
_FINISH = {"eos": "stop", "eos_token": "stop"}


def seen(message: AIMessage) -> dict[str, Any]:
    """Return the same six fields of a message in any shape."""
    blocks = message.content if isinstance(message.content, list) else []
    shown = [block["reasoning"] for block in blocks if block["type"] == "reasoning"]
    thoughts = message.additional_kwargs.get("reasoning_content", "")
    assert not blocks or "".join(shown) == thoughts
    return {
        "text": str(message.text),
        "thoughts": thoughts,
        "calls": [(call["id"], call["name"], call["args"]) for call in message.tool_calls],
        "invalid": [(call["id"], call["name"]) for call in message.invalid_tool_calls],
        "usage": message.usage_metadata,
        "finish": message.response_metadata.get("finish_reason"),
    }


def said(payloads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the payloads say."""
    choices = [c for p in payloads for c in p.get("choices") or () if not c.get("index")]
    parts = [choice.get("delta") or choice.get("message") or {} for choice in choices]
    text = "".join(part.get("content") or "" for part in parts)
    thoughts = "".join(
        part.get("reasoning_content") or part.get("reasoning") or "" for part in parts
    )
    if text.startswith("<think>"):
        thought, _, answer = text.removeprefix("<think>").partition("</think>")
        text, thoughts = answer.strip("\n"), thought.strip("\n")
    calls, invalid = _calls(parts)
    finish = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    return {
        "text": text,
        "thoughts": thoughts,
        "calls": calls,
        "invalid": invalid,
        "usage": _usage([p["usage"] for p in payloads if p.get("usage")]),
        "finish": _FINISH.get(finish[-1], finish[-1]) if finish else None,
    }


def _calls(parts: Sequence[Mapping[str, Any]]) -> tuple[list[Any], list[Any]]:
    heads: dict[int, tuple[Any, Any]] = {}
    args: dict[int, str] = {}
    for part in parts:
        for place, entry in enumerate(part.get("tool_calls") or ()):
            index, function = entry.get("index", place), entry["function"]
            id_, name = heads.get(index, (None, None))
            heads[index] = (id_ or entry.get("id"), name or function.get("name"))
            args[index] = args.get(index, "") + (function.get("arguments") or "")
    calls, invalid = [], []
    for index, (id_, name) in heads.items():
        try:
            calls.append((id_, name, json.loads(args[index] or "{}")))
        except ValueError:
            invalid.append((id_, name))
    return calls, invalid


def _usage(told: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    counted = [usage for usage in told if usage.get("total_tokens")]
    if not counted:
        return None
    last = counted[-1]
    said = {
        "input_tokens": last["prompt_tokens"],
        "output_tokens": last["completion_tokens"],
        "total_tokens": last["total_tokens"],
    }
    inputs = last.get("prompt_tokens_details") or {}
    outputs = last.get("completion_tokens_details") or {}
    read = inputs.get("cached_tokens", last.get("cached_tokens"))
    created = [place.get(name) for place in (inputs, last) for name in _CACHE_CREATION]
    details = {
        "cache_read": read,
        "cache_creation": max((n for n in created if n is not None), default=None),
    }
    if kept := {name: count for name, count in details.items() if count is not None}:
        said["input_token_details"] = kept
    if (reasoning := outputs.get("reasoning_tokens")) is not None:
        said["output_token_details"] = {"reasoning": min(reasoning, last["completion_tokens"])}
    return said
