"""Read the `content` of a message: a string mostly, else a part, or a list of parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from langchain_qwen36._response.errors.error_body import dump_excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator

_THOUGHTS = ("thinking", "reasoning")
_WORDS = ("text", *_THOUGHTS, "content", "summary")
"""Keys under which a part keeps its text, or the parts that it consists of."""


class ContentPart(NamedTuple):
    """A part of the content: text, reasoning, or something else."""

    kind: Literal["text", "thought", "other"]
    value: Any
    """A string; of the kind "other", the part as it came."""


def iter_content_parts(content: Any) -> Iterator[ContentPart]:
    """Yield the parts of `content`; an object that is no part is an answer in JSON."""
    if isinstance(content, dict) and "type" not in content and "text" not in content:
        yield ContentPart("text", dump_excerpt(content))
        return
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            yield ContentPart("text", part)
        elif isinstance(part, dict):
            yield _piece(part)


_MAX_DEPTH = 32


def text_of(value: Any, depth: int = 0) -> str:
    """Return the text in a string, a part, or a list of parts; "" if there is none."""
    if isinstance(value, str):
        return value
    if depth > _MAX_DEPTH:
        return ""
    if isinstance(value, list):
        return "".join(text_of(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return next((text for key in _WORDS if (text := text_of(value.get(key), depth + 1))), "")
    return ""


def _piece(part: dict[str, Any]) -> ContentPart:
    is_thought = part.get("type") in _THOUGHTS or any(key in part for key in _THOUGHTS)
    if is_thought and (thought := text_of(part)):
        return ContentPart("thought", thought)
    if isinstance(part.get("text"), str):
        return ContentPart("text", part["text"])
    return ContentPart("other", part)
