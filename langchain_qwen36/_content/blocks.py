"""Read content blocks; shared by the media helpers, the request builder and the counter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SCHEME = 16
"""A URL has its `://` within this many characters; base64 never has one."""


def block_option(block: Mapping[str, Any], key: str) -> Any:
    """Return an optional key of a block, looking into `extras` for v1 blocks."""
    value = block.get(key)
    extras = block.get("extras")
    return extras.get(key) if value is None and isinstance(extras, dict) else value


def is_url(text: str) -> bool:
    """Return whether a text is a URL and not base64; a data URL is not."""
    return "://" in text[:_SCHEME]


def visual_kind(block: Mapping[str, Any]) -> str | None:
    """Return `image` or `video`, else the type of a block; the vendor's own blocks have no type."""
    kind = block.get("type")
    if kind is None:
        kind = next((key for key in ("image", "video") if key in block), None)
    return kind.removesuffix("_url") if isinstance(kind, str) else None


def iter_visual_blocks(block: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the images and videos of a block, which may wrap one, be a tool's result, or both."""
    for outer in _unwrapped(block):
        yield from (part for part in _unwrapped(outer) if visual_kind(part) in ("image", "video"))


def _unwrapped(block: Any) -> list[Mapping[str, Any]]:
    inner: Any = [block]
    match block:
        case {"type": "non_standard"}:
            inner = [block.get("value")]
        case {"type": "tool_result"}:
            inner = block.get("content")
    return [item for item in inner if isinstance(item, dict)] if isinstance(inner, list) else []
