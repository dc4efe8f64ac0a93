"""Content parts: what LangChain, OpenAI and Anthropic call them, into what a row takes (T20).

A part that cannot be said raises `MessageError` by name; nothing of the user's is dropped.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, assert_never

from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway

Part = dict[str, Any]

MEDIA_TYPES = frozenset(
    {"image", "image_url", "video", "video_url", "audio", "input_audio", "file", "document"}
)
"""Types of parts that carry more than text."""

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


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a part's bytes are, whichever way the block said it."""

    url: str | None = None
    data: str | None = None
    """Base64."""
    file_id: str | None = None
    mime: str | None = None
    name: str | None = None
    text: str | None = None


def sayable(text: str) -> str:
    """The text with lone surrogates replaced.

    Half of an emoji, cut by a model or a parser, would make every later request of the
    conversation fail to encode.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def user_content(content: Sequence[Any], reader: Reader) -> str | list[Part]:
    """A user's list of blocks as parts; one plain text as a string.

    Raises:
        MessageError: a block that cannot be said here, by its type.
    """
    parts = [part_to_wire(block, reader) for block in content]
    if not parts:
        raise MessageError("A user message has no content: an empty list cannot be sent.")
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        text: str = parts[0]["text"]
        return text
    return parts


def text_content(content: str | Sequence[Any], reader: Reader, who: str) -> str | list[Part]:
    """Text-only content as a string, its blocks joined by line breaks (P54).

    Where the row takes `cache_control` and a block carries it, parts are kept (P64).

    Raises:
        MessageError: a block that is not text.
    """
    if isinstance(content, str):
        return sayable(content)
    if not isinstance(content, list | tuple):
        raise MessageError(f"A {who} message has no content that can be sent: {content!r}.")
    parts = []
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else "text"
        if kind not in {"text", "text-plain"}:
            raise MessageError(f"A {who} message can only hold text, not a block of type {kind!r}.")
        parts.append(part_to_wire(block, reader))
    return joined(parts, "\n")


def joined(parts: Sequence[Part], glue: str) -> str | list[Part]:
    """Text parts as one string, or as they are when one marks a cache."""
    if any("cache_control" in part for part in parts):
        return list(parts)
    return glue.join(part["text"] for part in parts)


def part_to_wire(block: str | Mapping[str, Any], reader: Reader) -> Part:
    """One block as one part; the block is not touched.

    Raises:
        MessageError: the block cannot be said here, or the model cannot take it.
    """
    if isinstance(block, str):
        return {"type": "text", "text": sayable(block)}
    if not isinstance(block, dict):
        raise MessageError(f"A block of content must be a text or a dict, not {block!r}.")
    if isinstance(block.get("value"), dict) and block.get("type") == "non_standard":
        return part_to_wire(block["value"], reader)
    part = _part(block, reader)
    if reader.gateway.cache_control and (mark := beside(block, "cache_control")):
        part["cache_control"] = mark
    return part


def _part(block: Mapping[str, Any], reader: Reader) -> Part:  # noqa: PLR0911 (one per kind)
    match block.get("type"):
        case "text":
            return {"type": "text", "text": _needed(block, "text")}
        case "text-plain":
            return _plain_text(block, _source(block), reader)
        case "image_url" | "video_url" as kind:
            _check_sight(kind.removesuffix("_url"), reader)
            return _verbatim(block) | {kind: _addressed(block, kind, reader)}
        case "input_audio":
            return _verbatim(block) | {"input_audio": _audio(block.get("input_audio"), reader)}
        case "video" if isinstance(block.get("video"), list):
            return _frames(block, reader)
        case "image":
            return _image(block, reader)
        case "video":
            return _video(block, reader)
        case "audio":
            source = _source(block)
            spoken = {"data": source.data or source.url, "format": _audio_format(source.mime)}
            return {"type": "input_audio", "input_audio": _audio(spoken, reader)}
        case "file" | "document":
            return _file(block, reader)
        case kind:
            raise MessageError(f"A user message cannot hold a block of type {kind!r}.")


def _said(block: Mapping[str, Any], key: str) -> str | None:
    """A text of a block, or of its extras; None when it is missing or empty."""
    value = beside(block, key)
    if value is not None and not isinstance(value, str):
        raise MessageError(f"{key!r} of a block of type {block.get('type')!r} is no text.")
    return sayable(value) if value else None


def _needed(block: Mapping[str, Any], key: str) -> str:
    value = block.get(key)
    if not isinstance(value, str):
        raise MessageError(f"A block of type {block.get('type')!r} has no {key!r}: {value!r}.")
    return sayable(value)


def beside(block: Mapping[str, Any], key: str) -> Any:
    """A key of a block, or of its `extras`, where v1 blocks keep what is not standard."""
    value = block.get(key)
    extras = block.get("extras")
    return extras.get(key) if value is None and isinstance(extras, dict) else value


def _siblings(block: Mapping[str, Any]) -> Part:
    return {key: value for key in _SIBLINGS if (value := beside(block, key)) is not None}


def _verbatim(block: Mapping[str, Any]) -> Part:
    """A part that is in wire form already, without LangChain's own keys."""
    return {k: v for k, v in block.items() if k not in _LANGCHAIN_KEYS} | _siblings(block)


def _addressed(block: Mapping[str, Any], kind: str, reader: Reader) -> Part:
    """The inside of an `image_url` or a `video_url`, which some write as a bare URL."""
    value = block.get(kind)
    inside = value if isinstance(value, dict) else {"url": value}
    url = _needed({**inside, "type": kind}, "url")
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
    source = _source(block)
    if source.data is not None and reader.check:
        _check_image(source.data, source.mime)
    image = {"url": _url(source, "image", reader, mime=source.mime or _sniff(source.data))}
    if detail := beside(block, "detail"):
        image["detail"] = detail
    return {"type": "image_url", "image_url": image} | _siblings(block)


def _video(block: Mapping[str, Any], reader: Reader) -> Part:
    _check_sight("video", reader)
    source = _source(block)
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
    data = _needed({**audio, "type": "audio"}, "data")
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
        case "unsupported":
            raise MessageError(f"`gateway={reader.gateway.name!r}` takes no audio.")
        case never:
            assert_never(never)
    return {**audio, "data": wire}


def _audio_format(mime: str | None) -> str:
    kind = (mime or "audio/wav").partition("/")[2]
    return _AUDIO_FORMATS.get(kind, kind)


def _plain_text(block: Mapping[str, Any], source: _Source, reader: Reader) -> Part:
    """A text document: its title, its context and its text."""
    if source.text is None:
        return _file(block, reader)
    said = [_said(block, "title"), _said(block, "context"), source.text]
    return {"type": "text", "text": "\n".join(line for line in said if line)}


def _file(block: Mapping[str, Any], reader: Reader) -> Part:
    source = _source(block)
    if source.text is not None:
        return _plain_text(block, source, reader)
    name = source.name or _said(block, "filename") or _said(block, "name") or "document"
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
    if block.get("type") not in {"file", "document"} or not (found := _source(block).file_id):
        return None
    return found if found.startswith("fileid://") else f"fileid://{found}"


def _source(block: Mapping[str, Any]) -> _Source:
    """Where the bytes are: v1, v0, Anthropic's `source` and OpenAI's `file` differ."""
    inner = next((v for key in ("source", "file") if isinstance(v := block.get(key), dict)), None)
    said = {**block, **inner, "source_type": inner.get("type")} if inner else block
    source = _Source(
        url=_said(said, "url"),
        data=_said(said, "base64") or _said(said, "data"),
        file_id=_said(said, "file_id"),
        mime=_said(said, "mime_type") or _said(said, "media_type"),
        name=_said(said, "filename"),
        text=_said(said, "text"),
    )
    if packed := _said(said, "file_data"):
        remote = packed.startswith(("data:", "http"))
        return replace(source, **{"url" if remote else "data": packed})
    match said.get("source_type"):
        case "text" if source.text is None:
            return replace(source, data=None, text=source.data or source.url)
        case "id":
            return replace(source, file_id=source.file_id or _said(said, "id"))
        case _:
            return source


def _url(source: _Source, kind: str, reader: Reader, *, mime: str | None) -> str:
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
