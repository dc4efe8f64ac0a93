"""Resolve a media block to a URL or to validated base64 data."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_qwen36._content.blocks import is_url
from langchain_qwen36._content.formats import HEAD, KNOWN, SIZED, image_size, sniff
from langchain_qwen36._content.source import source_of
from langchain_qwen36._request.media_limits import check_image_size, check_length
from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._request.media_limits import Kind, MediaTarget

_SHOWN = 60
"""Characters of a URL or path that an error shows."""

_HEAD = 64
"""Characters of base64 that show a file's type; a multiple of 4."""

_MIME = re.compile(r"[\w.+-]+/[\w.+-]+")

_DEFAULT_MIME = {"audio": "audio/wav", "file": "application/pdf"}
"""MIME type assumed when neither the block nor its bytes name one."""


class Base64Data(NamedTuple):
    """Validated base64, without the head of a data URL."""

    data: str
    mime: str

    @property
    def url(self) -> str:
        """Return the data as a data URL."""
        return f"data:{self.mime};base64,{self.data}"


def resolve_media(block: Mapping[str, Any], kind: Kind, target: MediaTarget) -> Base64Data | str:
    """Return the base64 of a block, or the URL where its bytes are.

    The type is detected from the bytes, whatever the block says: decoders go by the bytes, and some
    gateways refuse a type that differs.

    Raises:
        MessageError: there are neither bytes nor a URL; a local path; invalid base64; bytes that
            are of another kind than the block says, or more than the gateway takes.
    """
    source = source_of(block)
    text = source.data or source.url
    if text is None:
        raise MessageError(_missing_source(block, kind, source.file_id, target))
    packed = source.data is not None or text.startswith("data:") or _is_bare_base64(text)
    if is_url(text) or not packed:
        return require_remote_url(text, kind, target)
    return decode_base64(text, source.mime, kind, target)


def _is_bare_base64(text: str) -> bool:
    """Return whether a file's bytes stand where a URL should: ChatOllama takes them so."""
    try:
        return sniff(binascii.a2b_base64(text[:_HEAD], strict_mode=True)) is not None
    except ValueError:
        return False


def require_remote_url(url: str, kind: Kind, target: MediaTarget) -> str:
    """Return a URL that the gateway can follow.

    Raises:
        MessageError: a path on this machine.
    """
    local = "://" not in url or (url.startswith("file:") and not target.gateway.local_files)
    if local:
        raise MessageError(
            f"{url[:_SHOWN]!r} is no URL that `gateway={target.gateway.name!r}` can follow: pack "
            f"a local file with `langchain_qwen36.media.{kind}_block(path)`."
        )
    return url


def decode_base64(text: str, mime: str | None, kind: Kind, target: MediaTarget) -> Base64Data:
    """Check base64, bare or in a data URL; a wrong type is corrected.

    Raises:
        MessageError: see `resolve_media`.
    """
    check_length(text, kind, target.gateway)
    data = text
    if text.startswith("data:"):
        head, _, data = text.partition(",")
        declared, *marks = head.removeprefix("data:").split(";")
        mime = declared or mime
        if "base64" not in marks:
            raise MessageError(f"The data URL of the {kind} must hold base64: {text[:_SHOWN]!r}.")
    if "\n" in data:  # MIME breaks base64 into lines
        data = "".join(data.split())
    try:
        raw = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise MessageError(f"The base64 of the {kind} is none: {error} ({data[:12]!r}).") from None
    if not raw:
        raise MessageError(f"The base64 of the {kind} is empty.")
    found = _type_of(raw, mime, kind)
    if found is None:
        raise MessageError(
            f"The base64 of the {kind} ({mime or 'no mime_type'}) is not one: it "
            f"begins with {data[:12]!r}."
        )
    if kind == "image":
        size = image_size(raw[:HEAD])
        if size is None and (found in SIZED or (found == "image/jpeg" and len(raw) <= HEAD)):
            raise MessageError(f"The image ({found}) is cut off or broken: its head has no size.")
        check_image_size(size, target.gateway)
    return Base64Data(data, found)


def _type_of(raw: bytes, declared: str | None, kind: Kind) -> str | None:
    """Return the type of the bytes; None: they cannot be what the block is.

    A declared type without a known signature is believed, so that new formats can be sent.

    Raises:
        MessageError: the bytes are of another kind; the message names it.
    """
    declared = declared.partition(";")[0].strip() if declared else None
    if declared and not _MIME.fullmatch(declared):
        raise MessageError(f"`mime_type={declared!r:.60}` of the {kind} is no MIME type.")
    found = sniff(raw)
    family = found.partition("/")[0] if found else None
    if kind in ("audio", "file"):
        if kind == "audio" and family in {"image", "application"}:
            raise MessageError(_other(kind, found))
        return declared or found or _DEFAULT_MIME[kind]
    if family == kind:
        return found
    if found:
        raise MessageError(_other(kind, found))
    return declared if declared and declared.startswith(kind) and declared not in KNOWN else None


def _other(kind: Kind, found: str | None) -> str:
    return f"A block of type {kind!r} holds {found}: send it as a block of its own kind."


def _missing_source(
    block: Mapping[str, Any], kind: Kind, file_id: str | None, target: MediaTarget
) -> str:
    if file_id:
        return (
            f"The {kind} cannot be named by `file_id` ({file_id!r}) on "
            f"`gateway={target.gateway.name!r}`: give its `url` or `base64`."
        )
    return f"A block of type {block.get('type')!r} has neither `url`, `base64` nor `file_id`."
