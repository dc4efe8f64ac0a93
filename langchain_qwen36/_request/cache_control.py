"""Set `cache_control` markers on the messages of a request, where they save money.

The caller's messages, and so threads and checkpoints, never carry the markers, and no fallback can
strip them. A marked prefix costs 125 % of the input price when it is written and 10 % when it is
read within 5 minutes. See docs/quirks.md#explicit-prompt-cache.

Markers are set at the end of the system prompt, at the end of this request, and where the last
request ended: the next request begins with all of this one, and finds what this one wrote. Tools
precede the system prompt in the cache, so they need no marker of their own. A server takes a text
and a list of that one text for the same prefix (Model Studio: context cache, first example), so a
message may lose its marker when the marker moves on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from langchain_qwen36.tokens import estimate_text, media_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_qwen36._request.choices import PromptCache
    from langchain_qwen36.gateways import Gateway

Wire = dict[str, Any]

MIN_TOKENS = 1024
"""Least tokens of a prefix; a shorter one is not cached."""

_MARK = {"cache_control": {"type": "ephemeral"}}
_WANTED = 3
_CERTAINLY_LONG_CHARS = 16 * MIN_TOKENS
"""A text of this many characters has MIN_TOKENS in any language, and need not be counted."""


def add_cache_markers(
    messages: Sequence[Wire],
    tools: Sequence[Mapping[str, Any]],
    gateway: Gateway,
    where: PromptCache,
) -> list[Wire]:
    """Return the messages with markers where the prefix is long enough; the given ones stay.

    The caller's own markers stay and count: together they are no more than the gateway keeps.

    Args:
        messages: Messages in wire form.
        tools: Tools in wire form.
        gateway: The gateway's row, which says how many markers count.
        where: `"system"` marks the system prompt only, not the conversation.
    """
    left = _WANTED
    if gateway.cache_markers is not None:
        left = min(left, gateway.cache_markers - count_marks(messages))
    ends = _system_end(messages) + (_turn_ends(messages) if where == "auto" else [])
    first = _first_cacheable_index(messages, tools)
    free = [end for end in dict.fromkeys(ends) if end >= first and _can_be_marked(messages[end])]
    chosen = set(free[: max(left, 0)])
    return [_with_mark(m) if n in chosen else m for n, m in enumerate(messages)]


def count_marks(messages: Sequence[Mapping[str, Any]]) -> int:
    """Count the parts that carry a marker."""
    contents = [m["content"] for m in messages if not isinstance(m["content"], str)]
    return sum("cache_control" in part for content in contents for part in content)


def _system_end(messages: Sequence[Wire]) -> list[int]:
    """Return the index of the last leading system message; a file's id must stay plain text."""
    end = -1
    for message in messages:
        if message["role"] != "system" or str(message["content"]).startswith("fileid://"):
            break
        end += 1
    return [end] if end >= 0 else []


def _turn_ends(messages: Sequence[Wire]) -> list[int]:
    """Return where this request ends, and where the last one did: before the last answer."""
    roles = [message["role"] for message in messages]
    last = len(roles) - 1 - (roles[-1] == "assistant")  # a prefilled answer comes after it
    answers = [n for n, role in enumerate(roles[: last + 1]) if role == "assistant"]
    ends = [last, *([answers[-1] - 1] if answers else [])]
    return [end for end in ends if end >= 0 and roles[end] in ("user", "tool")]


def _first_cacheable_index(messages: Sequence[Wire], tools: Sequence[Mapping[str, Any]]) -> int:
    """Return the index of the first message whose prefix, with the tools, is long enough."""
    size = _tokens(orjson.dumps(tools).decode()) if tools else 0
    for number, message in enumerate(messages):
        size += _size(message)
        if size >= MIN_TOKENS:
            return number
    return len(messages)


def _size(message: Wire) -> int:
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    calls = [call["function"]["arguments"] for call in message.get("tool_calls", ())]
    texts = [*(part["text"] for part in parts if part["type"] == "text"), *calls]
    return sum(map(_tokens, texts)) + sum(map(media_tokens, parts))


def _tokens(text: str) -> int:
    return MIN_TOKENS if len(text) >= _CERTAINLY_LONG_CHARS else estimate_text(text)


def _can_be_marked(message: Wire) -> bool:
    content = message["content"]
    return bool(content) and (isinstance(content, str) or "cache_control" not in content[-1])


def _with_mark(message: Wire) -> Wire:
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {**message, "content": [*parts[:-1], {**parts[-1], **_MARK}]}
