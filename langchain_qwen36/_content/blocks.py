"""Read content blocks; shared by the media helpers, the request builder and the counter."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SCHEME = 16
"""A URL has its `://` within this many characters; base64 never has one."""


_RESPONSES = {
    "input_text": "text",
    "output_text": "text",
    "input_image": "image",
    "input_file": "file",
}
"""Our name of a block's type, by the one of OpenAI's Responses API."""
_URLS = ("image_url", "file_url")
"""Keys of such a block that hold a URL or a data URL."""


def known_form(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a block of OpenAI's Responses API or of Google's classes in a form that is read here.

    Others are returned as they are; the given one is not changed.
    """
    kind = block.get("type")
    if kind == "media":
        return _from_google(block)
    if isinstance(kind, str) and (name := _RESPONSES.get(kind)):
        kept = {key: value for key, value in block.items() if key not in _URLS}
        url = next((block[key] for key in _URLS if block.get(key)), None)
        return {**kept, "type": name, **({"url": url} if url else {})}
    return block


def _from_google(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """Convert `{"type": "media", "mime_type": …}` with `data` (bytes or base64) or `file_uri`."""
    family = str(block.get("mime_type")).partition("/")[0]
    data = block.get("data")
    if isinstance(data, bytes):
        data = base64.b64encode(data).decode()
    kept = {key: value for key, value in block.items() if key not in {"data", "file_uri"}}
    kind = family if family in {"image", "audio", "video"} else "file"
    return {**kept, "type": kind, "base64": data, "url": block.get("file_uri")}


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
    if not isinstance(inner, list):
        return []
    return [known_form(item) for item in inner if isinstance(item, dict)]
