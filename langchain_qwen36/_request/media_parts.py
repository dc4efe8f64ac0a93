"""Convert images, videos, audio and documents to the gateway's parts.

See docs/quirks.md#video-parts and #media-parts-of-model-studio.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, assert_never

from langchain_qwen36._content.blocks import block_option
from langchain_qwen36._content.source import optional_text, source_of
from langchain_qwen36._request.media_limits import check_frames, check_modality, media_options
from langchain_qwen36._request.media_source import (
    Base64Data,
    decode_base64,
    require_remote_url,
    resolve_media,
)
from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._request.media_limits import MediaTarget, Part
    from langchain_qwen36.gateways import Gateway

DOCUMENT_TYPES = frozenset({"file", "document", "text-plain"})
"""Types of blocks that are documents; one that holds its text is sent as text."""

SIGHT_TYPES = ("image", "image_url", "video", "video_url")
"""Types of blocks that are images or videos."""

MEDIA_TYPES = DOCUMENT_TYPES | {*SIGHT_TYPES, "audio", "input_audio"}
"""Types of blocks that carry more than text."""

_LANGCHAIN_KEYS = frozenset({"extras", "id", "index", "cache_control"})
"""Keys of LangChain's own blocks that no server knows; `cache_control` is handled separately."""

_AUDIO_FORMATS = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav", "mp4": "m4a"}
_SUFFIX = re.compile(r"\.([a-z0-9]{2,4})(?:[?#]|$)", re.IGNORECASE)


def media_part(block: Mapping[str, Any], target: MediaTarget) -> Part:
    """Convert a block of one of `MEDIA_TYPES` to a part.

    Raises:
        MessageError: the row or the model takes no such part, or the block has no bytes.
    """
    match block.get("type"):
        case "image" | "image_url":
            return _visual_part(block, "image", target)
        case "video" if isinstance(block.get("video"), list):
            return _frames(block, target)
        case "video" | "video_url":
            return _visual_part(block, "video", target)
        case "audio" | "input_audio":
            return _audio(block, target)
        case _:
            return _document(block, target)


def _verbatim(block: Mapping[str, Any]) -> Part:
    """Copy a part that is already in wire form, without LangChain's own keys."""
    return {key: value for key, value in block.items() if key not in _LANGCHAIN_KEYS}


def _visual_part(
    block: Mapping[str, Any], kind: Literal["image", "video"], target: MediaTarget
) -> Part:
    """Convert an image, or a video in one file."""
    check_modality(kind, target)
    key = f"{kind}_url"
    found = resolve_media(block, kind, target)
    inside = block[key] if isinstance(block.get(key), dict) else {}
    inside = {**inside, "url": found.url if isinstance(found, Base64Data) else found}
    if detail := block_option(block, "detail"):
        inside = {"detail": detail, **inside}
    beside_it = _verbatim(block) if key in block else {}
    return {**beside_it, "type": key, key: inside} | media_options(block, kind, target)


def _frames(block: Mapping[str, Any], target: MediaTarget) -> Part:
    """Convert a video that is a list of its frames."""
    check_modality("video", target)
    if target.gateway.video != "video_url_or_frames":
        raise MessageError(
            f"`gateway={target.gateway.name!r}` takes no list of frames: send a video by its URL, "
            "or the frames as images."
        )
    check_frames(block["video"], target.gateway)
    frames = [_frame(frame, target) for frame in block["video"]]
    return _verbatim(block) | {"video": frames} | media_options(block, "video", target)


def _frame(frame: Any, target: MediaTarget) -> str:
    if not isinstance(frame, str):
        raise MessageError(f"A frame of a video must be a URL or a data URL, not {frame!r:.60}.")
    if frame.startswith("data:"):
        return decode_base64(frame, None, "image", target).url
    return require_remote_url(frame, "image", target)


def _audio(block: Mapping[str, Any], target: MediaTarget) -> Part:
    """Convert audio; the `data` of the wire form may be base64, a data URL or a URL."""
    check_modality("audio", target)
    found = resolve_media(block, "audio", target)
    row = target.gateway
    match row.audio:
        case "url":
            data = f"data:;base64,{found.data}" if isinstance(found, Base64Data) else found
        case "base64" if isinstance(found, Base64Data):
            data = found.data
        case "base64":
            raise MessageError(f"`gateway={row.name!r}` takes audio as base64, not as a URL.")
        case never:
            assert_never(never)
    given = block.get("input_audio")
    inside = {"format": _audio_format(block, found), **(given if isinstance(given, dict) else {})}
    part = _verbatim(block) if "input_audio" in block else {"type": "input_audio"}
    return {**part, "input_audio": {**inside, "data": data}}


def _audio_format(block: Mapping[str, Any], found: Base64Data | str) -> str:
    mime = source_of(block).mime or (found.mime if isinstance(found, Base64Data) else None)
    if mime is None:
        suffix = _SUFFIX.search(str(found))
        return suffix[1].lower() if suffix else "wav"
    kind = mime.partition("/")[2]
    return _AUDIO_FORMATS.get(kind, kind)


def _document(block: Mapping[str, Any], target: MediaTarget) -> Part:
    """Convert a document that is not text to the gateway's own part."""
    source = source_of(block)
    name = (
        source.name
        or optional_text(block, "filename")
        or optional_text(block, "name")
        or "document"
    )
    row = target.gateway
    match row.files:
        case "file_data" if source.file_id:
            return {"type": "file", "file": {"file_id": source.file_id}}
        case "file_data":
            found = resolve_media(block, "file", target)
            data = found.url if isinstance(found, Base64Data) else found
            return {"type": "file", "file": {"filename": name, "file_data": data}}
        case "data" if source.data or source.url:
            found = resolve_media(block, "file", target)
            packed = found if isinstance(found, Base64Data) else None
            mime = packed.mime if packed else source.mime or "application/pdf"
            data = packed.data if packed else str(found)
            return {"type": "file", "file": {"data": data, "media_type": mime, "filename": name}}
        case "fileid":
            raise MessageError(
                f"`gateway={row.name!r}` takes no document in a message: upload it with "
                "`langchain_qwen36.files.QwenFiles().upload(path)` and send its `.content_block`, "
                "or send its text."
            )
        case "data" | "unsupported":
            raise MessageError(
                f"`gateway={row.name!r}` takes no such document: send its text, or its "
                "pages as images."
            )
        case never:
            assert_never(never)


def uploaded_file(block: Any, gateway: Gateway) -> str | None:
    """Return the `fileid://…` of an uploaded file's block, if the gateway reads that form."""
    if gateway.files != "fileid" or not isinstance(block, dict):
        return None
    if block.get("type") not in ("file", "document") or not (found := source_of(block).file_id):
        return None
    return found if found.startswith("fileid://") else f"fileid://{found}"
