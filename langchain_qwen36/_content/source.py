"""Read the source of a content block: URL, base64, file id or text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from langchain_qwen36._content.blocks import block_option
from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes of a content part are, in whichever form the block has them."""

    url: str | None = None
    data: str | None = None
    """Base64 text."""
    file_id: str | None = None
    mime: str | None = None
    name: str | None = None
    text: str | None = None


def replace_lone_surrogates(text: str) -> str:
    """Return the text with lone surrogates replaced.

    Half of an emoji, cut by a model or a parser, would make every later request of the conversation
    fail to encode.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def optional_text(block: Mapping[str, Any], key: str) -> str | None:
    """Return a text of a block, or of its `extras`; None when missing or empty."""
    value = block_option(block, key)
    if value is not None and not isinstance(value, str):
        raise MessageError(f"{key!r} of a block of type {block.get('type')!r} is no text.")
    return replace_lone_surrogates(value) if value else None


def required_text(block: Mapping[str, Any], key: str) -> str:
    """Return a text that a block must have."""
    value = block.get(key)
    if not isinstance(value, str):
        raise MessageError(f"A block of type {block.get('type')!r} has no {key!r}: {value!r}.")
    return replace_lone_surrogates(value)


def source_of(block: Mapping[str, Any]) -> Source:
    """Return where the bytes of a block are.

    v1 and v0 blocks have it in the block, Anthropic in its `source`, OpenAI and the vendor under a
    key with the name of the type, in an object or as a bare URL.
    """
    own = block.get(str(block.get("type")))
    inner = next((v for v in (block.get("source"), own) if isinstance(v, dict)), None)
    fields = {**block, **inner, "source_type": inner.get("type")} if inner else block
    source = Source(
        url=optional_text(fields, "url")
        or (replace_lone_surrogates(own) if isinstance(own, str) else None),
        data=optional_text(fields, "base64") or optional_text(fields, "data"),
        file_id=optional_text(fields, "file_id"),
        mime=optional_text(fields, "mime_type") or optional_text(fields, "media_type"),
        name=optional_text(fields, "filename"),
        text=optional_text(fields, "text"),
    )
    if packed := optional_text(fields, "file_data"):
        remote = packed.startswith(("data:", "http"))
        return replace(source, **{"url" if remote else "data": packed})
    match fields.get("source_type"):
        case "text" if source.text is None:
            return replace(source, data=None, text=source.data or source.url)
        case "id":
            return replace(source, file_id=source.file_id or optional_text(fields, "id"))
        case _:
            return source
