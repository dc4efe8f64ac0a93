"""Pictures, films, sounds and documents, as the row takes them (dashscope.md §4.6, P55)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from langchain_qwen36._wire.source import Source, beside, needed, said_in, source_of
from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway

Part = dict[str, Any]

DOCUMENT_TYPES = frozenset({"file", "document", "text-plain"})
"""Types of blocks that are documents; one that holds its text is text."""

MEDIA_TYPES = DOCUMENT_TYPES | {
    "image",
    "image_url",
    "video",
    "video_url",
    "audio",
    "input_audio",
}
"""Types of blocks that carry more than text."""

_SIBLINGS = ("min_pixels", "max_pixels", "total_pixels", "fps")
"""Keys that stand beside the image or video, not in it (dashscope.md §4.6)."""

_LANGCHAIN_KEYS = frozenset({"extras", "id", "index", "cache_control"})
"""Keys of LangChain's own blocks that no server knows; `cache_control` is handled apart."""

_SIGNATURES: Mapping[str, tuple[bytes, ...]] = {
    "image/png": (b"\x89PNG",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF8",),
    "image/webp": (b"RIFF",),
    "image/bmp": (b"BM",),
}
_AUDIO_FORMATS = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav", "mp4": "m4a"}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who will read the parts."""

    gateway: Gateway
    model: Model | None = None
    """The catalogue's row of the model; None when it is unknown."""
    check: bool = True
    """Whether what the model cannot see, and base64 that is no image, is refused."""


def media_part(block: Mapping[str, Any], reader: Reader) -> Part:
    """A block of one of `MEDIA_TYPES` as a part.

    Raises:
        MessageError: the row or the model takes no such thing, or the block names no bytes.
    """
    match block.get("type"):
        case "image_url" | "video_url" as kind:
            _check_sight(kind.removesuffix("_url"), reader)
            return _verbatim(block) | {kind: _addressed(block, kind, reader)}
        case "input_audio":
            return _verbatim(block) | {"input_audio": _audio(block.get("input_audio"), reader)}
        case "audio":
            source = source_of(block)
            spoken = {"data": source.data or source.url, "format": _audio_format(source.mime)}
            return {"type": "input_audio", "input_audio": _audio(spoken, reader)}
        case "image":
            return _image(block, reader)
        case "video":
            frames = isinstance(block.get("video"), list)
            return _frames(block, reader) if frames else _video(block, reader)
        case _:
            return _document(block, reader)


def _siblings(block: Mapping[str, Any]) -> Part:
    return {key: value for key in _SIBLINGS if (value := beside(block, key)) is not None}


def _verbatim(block: Mapping[str, Any]) -> Part:
    """A part that is in wire form already, without LangChain's own keys."""
    return {k: v for k, v in block.items() if k not in _LANGCHAIN_KEYS} | _siblings(block)


def _addressed(block: Mapping[str, Any], kind: str, reader: Reader) -> Part:
    """The inside of an `image_url` or a `video_url`, which some write as a bare URL."""
    value = block.get(kind)
    inside = value if isinstance(value, dict) else {"url": value}
    url = needed({**inside, "type": kind}, "url")
    _check_size(url, kind.removesuffix("_url"), reader.gateway)
    return {**inside, "url": url}


def _check_sight(kind: str, reader: Reader) -> None:
    if kind == "video" and reader.gateway.video == "unsupported":
        raise MessageError(
            f"`gateway={reader.gateway.name!r}` takes no video (P55): send single frames as images."
        )
    if reader.check and reader.model is not None and kind not in reader.model.inputs:
        raise MessageError(
            f"{reader.model.id} takes {', '.join(reader.model.inputs)}, not {kind}: choose a model "
            "that does, or pass `check_inputs=False` to send it anyway."
        )


def _image(block: Mapping[str, Any], reader: Reader) -> Part:
    _check_sight("image", reader)
    source = source_of(block)
    if source.data is not None and reader.check:
        _check_image(source.data, source.mime)
    image = {"url": _url(source, "image", reader, mime=source.mime or _sniff(source.data))}
    if detail := beside(block, "detail"):
        image["detail"] = detail
    return {"type": "image_url", "image_url": image} | _siblings(block)


def _video(block: Mapping[str, Any], reader: Reader) -> Part:
    _check_sight("video", reader)
    source = source_of(block)
    url = _url(source, "video", reader, mime=source.mime or "video/mp4")
    return {"type": "video_url", "video_url": {"url": url}} | _siblings(block)


def _frames(block: Mapping[str, Any], reader: Reader) -> Part:
    """A video as a list of its frames."""
    _check_sight("video", reader)
    if reader.gateway.video != "video_url_or_frames":
        raise MessageError(
            f"`gateway={reader.gateway.name!r}` takes no list of frames: send a video by its URL."
        )
    return _verbatim(block)


def _audio(audio: Any, reader: Reader) -> Part:
    """The inside of an `input_audio` part; `data` may be base64, a data URL or an address."""
    _check_sight("audio", reader)
    if not isinstance(audio, dict):
        raise MessageError(f"A block of audio holds no sound: {audio!r}.")
    data = needed({**audio, "type": "audio"}, "data")
    _check_size(data, "audio", reader.gateway)
    remote = data.startswith(("http://", "https://"))
    match reader.gateway.audio:
        case "url":
            wire = data if remote or data.startswith("data:") else f"data:;base64,{data}"
        case "base64":
            if remote:
                raise MessageError(
                    f"`gateway={reader.gateway.name!r}` takes audio as base64, not as a URL."
                )
            wire = data.partition(",")[2] if data.startswith("data:") else data
        case never:
            assert_never(never)
    return {**audio, "data": wire}


def _audio_format(mime: str | None) -> str:
    kind = (mime or "audio/wav").partition("/")[2]
    return _AUDIO_FORMATS.get(kind, kind)


def _document(block: Mapping[str, Any], reader: Reader) -> Part:
    """A document that is not text, in the gateway's own part."""
    source = source_of(block)
    name = source.name or said_in(block, "filename") or said_in(block, "name") or "document"
    mime = source.mime or "application/pdf"
    match reader.gateway.files:
        case "file_data" if source.file_id:
            return {"type": "file", "file": {"file_id": source.file_id}}
        case "file_data":
            url = _url(source, "file", reader, mime=mime)
            return {"type": "file", "file": {"filename": name, "file_data": url}}
        case "data" if data := source.data or source.url:
            return {"type": "file", "file": {"data": data, "media_type": mime, "filename": name}}
        case "fileid":
            raise MessageError(
                f"`gateway={reader.gateway.name!r}` takes no document in a message: upload it "
                'with purpose "file-extract" and send `{"type": "file", "file_id": …}`, or send '
                "its text."
            )
        case "data" | "unsupported":
            raise MessageError(
                f"`gateway={reader.gateway.name!r}` takes no such document: send its text, or its "
                "pages as images."
            )
        case never:
            assert_never(never)


def uploaded_file(block: Any, gateway: Gateway) -> str | None:
    """The `fileid://…` of a block that names an uploaded file, on rows that take it so."""
    if gateway.files != "fileid" or not isinstance(block, dict):
        return None
    if block.get("type") not in {"file", "document"} or not (found := source_of(block).file_id):
        return None
    return found if found.startswith("fileid://") else f"fileid://{found}"


def _url(source: Source, kind: str, reader: Reader, *, mime: str | None) -> str:
    """An address, or a data URL made of base64."""
    if source.url:
        _check_size(source.url, kind, reader.gateway)
        return source.url
    if source.data:
        _check_size(source.data, kind, reader.gateway)
        if source.data.startswith("data:"):
            return source.data
        if mime is None:
            raise MessageError(f"A block of base64 {kind} needs a `mime_type`.")
        return f"data:{mime};base64,{source.data}"
    if source.file_id:
        raise MessageError(
            f"A {kind} cannot be named by `file_id` ({source.file_id!r}) on "
            f"`gateway={reader.gateway.name!r}`: give its `url` or `base64`."
        )
    raise MessageError(f"A block of type {kind!r} has neither `url`, `base64` nor `file_id`.")


def _check_size(data: str, kind: str, gateway: Gateway) -> None:
    if gateway.max_base64 is not None and len(data) > gateway.max_base64:
        raise MessageError(
            f"A base64 {kind} of {len(data) / 2**20:.1f} MB is more than "
            f"`gateway={gateway.name!r}` takes ({gateway.max_base64 / 2**20:.0f} MB): make it "
            "smaller, or send its URL."
        )


def _sniff(data: str | None) -> str | None:
    """The type of a base64 image by its first bytes."""
    data = data or ""
    start = data.find(",") + 1 if data.startswith("data:") else 0
    try:
        head = base64.b64decode(data[start : start + 16], validate=True)
    except ValueError:
        return None
    return next((mime for mime, marks in _SIGNATURES.items() if head.startswith(marks)), None)


def _check_image(data: str, mime: str | None) -> None:
    """Refuse base64 that is no image, where the type has a signature to look for."""
    if (mime is None or mime in _SIGNATURES) and _sniff(data) is None:
        raise MessageError(
            f"The base64 of an image ({mime or 'no mime_type'}) is not one: it begins with "
            f"{data[:12]!r}."
        )
