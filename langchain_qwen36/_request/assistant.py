"""What the model said before, back to the wire: its text, its calls, its thoughts.

Blocks that only another vendor can read (signatures, redacted thoughts, server tools, ids of
stored responses) are left out of assistant messages (P60); text and calls stay, and images move
to the next user message.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from langchain_qwen36._content.blocks import beside
from langchain_qwen36._content.source import sayable
from langchain_qwen36._request.content_parts import joined
from langchain_qwen36._request.media_parts import SIGHT_TYPES, media_part
from langchain_qwen36._request.types import PROVIDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from langchain_core.messages import AIMessage

    from langchain_qwen36._request.media_limits import Part, Reader
    from langchain_qwen36.gateways import Gateway

_NAMELESS = "unknown_tool"
"""The name of a broken call that has none: an empty one is refused."""


class Call(NamedTuple):
    """A tool call of the history."""

    id: str
    """As the message has it; empty when it has none."""
    name: str
    arguments: str
    """Always a JSON object (P17)."""
    broken: bool = False
    """Whether its arguments were no JSON object and are now `{}`."""


def content_to_wire(message: AIMessage, gateway: Gateway) -> str | list[dict[str, Any]]:
    """The text of the answer, `""` when there is none, never null (P03)."""
    content = message.content
    if isinstance(content, str):
        return sayable(content)
    if not content:
        return ""
    parts = []
    for block in content:
        if (text := _text_of(block)) is None:
            continue
        part: dict[str, Any] = {"type": "text", "text": sayable(text)}
        if gateway.cache_control and isinstance(block, dict):
            mark = beside(block, "cache_control")
            part |= {"cache_control": mark} if mark else {}
        parts.append(part)
    return joined(parts, "")


def pictures_of(message: AIMessage, reader: Reader) -> list[Part]:
    """Images and videos of an answer: another model made them, and only a user may show them.

    Raises:
        MessageError: as of a user's, for what is talked about must not go missing.
    """
    content = message.content if isinstance(message.content, list) else []
    return [
        media_part(block, reader)
        for block in content
        if isinstance(block, dict) and block.get("type") in SIGHT_TYPES
    ]


def _text_of(block: str | Mapping[str, Any]) -> str | None:
    if isinstance(block, str):
        return block
    key = block.get("type")
    text = block.get(key) if key in ("text", "refusal") else None
    return text if isinstance(text, str) else None


def calls_of(message: AIMessage) -> list[Call]:
    """The calls of a message: its own, those that stand only in its blocks, the broken ones."""
    calls = [
        Call(call["id"] or "", call["name"] or _NAMELESS, _json(call["args"]))
        for call in message.tool_calls
    ]
    if isinstance(message.content, list):
        known = {call.id for call in calls}
        calls += [call for call in _calls_in(message.content) if call.id not in known]
    calls += [
        Call(call["id"] or "", call["name"] or _NAMELESS, "{}", broken=True)
        for call in message.invalid_tool_calls
    ]
    return calls


def _calls_in(content: list[Any]) -> Iterator[Call]:
    """Calls of v1 and Anthropic blocks, for messages built by hand without `tool_calls`."""
    for block in content:
        if not isinstance(block, dict) or block.get("type") not in ("tool_call", "tool_use"):
            continue
        args = block.get("args") if block["type"] == "tool_call" else block.get("input")
        usable = isinstance(args, dict)
        yield Call(
            str(block.get("id") or ""),
            str(block.get("name") or _NAMELESS),
            _json(args) if usable else "{}",
            broken=not usable,
        )


def _json(args: Any) -> str:
    try:
        return orjson.dumps(args).decode()
    except TypeError:
        # Integers beyond 64 bits, numbers as keys, lone surrogates, what only `str` can say.
        said = json.dumps(args, default=str)
        # JSON has no infinity, which `json` writes all the same; orjson says null.
        plain = json.loads(said, parse_constant=lambda _: None)
        return sayable(json.dumps(plain, ensure_ascii=False))


def thoughts_to_wire(message: AIMessage, gateway: Gateway, *, foreign: bool) -> dict[str, Any]:
    """The fields that give an assistant message its thoughts back (P02, P26).

    Args:
        message: The assistant's message.
        gateway: Its row names the field.
        foreign: Whether thoughts of another provider's model go too (P60).
    """
    provider = message.response_metadata.get("model_provider")
    if not foreign and provider not in {None, PROVIDER}:
        return {}
    details = message.additional_kwargs.get("reasoning_details")
    if gateway.reasoning_details and isinstance(details, list) and details:
        return {"reasoning_details": details}
    text = _thoughts(message)
    return {gateway.reasoning_field: sayable(text)} if text else {}


def _thoughts(message: AIMessage) -> str:
    """The text of the thoughts, from one place: v3 messages carry it twice (T20)."""
    said = message.additional_kwargs.get("reasoning_content")
    if isinstance(said, str) and said:
        return said
    blocks = message.content if isinstance(message.content, list) else []
    if text := "".join(_thought_of(block) for block in blocks if isinstance(block, dict)):
        return text
    details = message.additional_kwargs.get("reasoning_details")
    items = details if isinstance(details, list) else []
    return "".join(_detail_of(item) for item in items if isinstance(item, dict))


def _detail_of(item: Mapping[str, Any]) -> str:
    text = item.get("text") or item.get("summary")
    return text if isinstance(text, str) else ""


def _thought_of(block: Mapping[str, Any]) -> str:
    match block.get("type"):
        case "reasoning":
            text = block.get("reasoning") or block.get("text")
        case "thinking":
            text = block.get("thinking")
        case _:
            text = None
    return text if isinstance(text, str) else ""
