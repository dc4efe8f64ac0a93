"""Turn files and bytes into content blocks: `[image_block("cat.png"), "What is it?"]`.

Each function takes a path, the bytes themselves, or a URL, and returns a dict for the content of a
message: LangChain's standard block with `base64` and `mime_type`, or with `url`. The type is
detected from the first bytes, whatever the file's name; nothing is decoded, so no imaging library
is needed. What cannot be packed raises `MessageError` at once, before there is a request. The
gateway's limits (sizes, formats, numbers) are checked when the message is sent, since only then the
gateway is known.
"""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Sequence
from io import BytesIO
from os import PathLike, fspath
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from langchain_qwen36._content.blocks import is_url
from langchain_qwen36._content.formats import sniff
from langchain_qwen36.errors import MessageError

__all__ = ["audio_block", "file_block", "image_block", "video_block"]


class _Picture(Protocol):
    """The methods of a PIL image that are used here; PIL need not be installed."""

    def getbands(self) -> tuple[str, ...]:
        """Name the bands: `("R", "G", "B")`."""

    def save(self, fp: Any, format: str | None = None) -> None:  # noqa: A002  # PIL's names
        """Write the image to an open file."""


Source = str | PathLike[str] | bytes | IO[bytes] | _Picture
"""A path, a URL (`https://…`, `data:…`), the bytes of a file, an open file, or a PIL image."""

Block = dict[str, Any]

_SHOWN = 200
"""Characters of a path that an error shows."""


class _File(NamedTuple):
    data: bytes
    name: str | None
    label: str
    """The name that an error gives to the file."""


def image_block(
    source: Source,
    *,
    mime_type: str | None = None,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    detail: str | None = None,
) -> Block:
    """Make a content block of an image.

    Args:
        source: Its path, bytes or URL.
        mime_type: The MIME type, for a format that is not detected here, such as a new one.
        min_pixels: A smaller image is scaled up to this many pixels (65,536 by default).
        max_pixels: A larger image is scaled down to this many pixels (2,621,440 by default, at most
            16,777,216); 1,024 pixels are a token.
        detail: OpenAI's `low`, `high` or `auto`, for gateways that read it.

    Raises:
        MessageError: no such file, or none that can be read; an empty one; no image.
    """
    extras = {"min_pixels": min_pixels, "max_pixels": max_pixels, "detail": detail}
    return _block("image", source, mime_type) | _extras(extras)


def video_block(
    source: Source | Sequence[Source],
    *,
    mime_type: str | None = None,
    fps: float | None = None,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    total_pixels: int | None = None,
) -> Block:
    """Make a content block of a video, in one file or as its frames.

    Args:
        source: Its path, bytes or URL, or a list of those of its frames, in their order.
        mime_type: MIME type of the file or of each frame, for a format that is not detected here.
        fps: How many frames a second the model reads (2 by default), or were taken.
        min_pixels: Least pixels of a frame, as for an image.
        max_pixels: Most pixels of a frame (655,360 by default, at most 2,048,000).
        total_pixels: Most pixels of all frames (819,200,000 by default and at most, which is
            800,000 tokens).

    Raises:
        MessageError: as `image_block`; a list of no frames.
    """
    sizes = {"min_pixels": min_pixels, "max_pixels": max_pixels, "total_pixels": total_pixels}
    extras = _extras({"fps": fps, **sizes})
    if isinstance(source, str | PathLike | bytes) or not isinstance(source, Sequence):
        return _block("video", source, mime_type) | extras
    if not source:
        raise MessageError("A video is a list of no frames.")
    # No standard block holds frames: this is the vendor's own form, which also reads `extras`.
    return {"type": "video", "video": [_frame(each, mime_type) for each in source]} | extras


def audio_block(source: Source, *, mime_type: str | None = None) -> Block:
    """Make a content block of audio, for models with audio input; those of Qwen3.6 have none.

    Args:
        source: Its path, bytes or URL.
        mime_type: The MIME type, for a format that is not detected here.

    Raises:
        MessageError: as `image_block`.
    """
    return _block("audio", source, mime_type)


def file_block(
    source: Source, *, mime_type: str | None = None, filename: str | None = None
) -> Block:
    """Make a content block of a document; a text becomes `text-plain`, which every model reads.

    Args:
        source: Its path, bytes or URL.
        mime_type: The MIME type, if neither the bytes nor the name tell it.
        filename: The file's name; a path's own name when left out.

    Raises:
        MessageError: as `image_block`; a document of unknown type.
    """
    named = {"filename": filename} if filename else {}
    if url := _url(source):
        typed = {"mime_type": mime_type} if mime_type else {}
        return {"type": "file", "url": url, **typed} | _extras(named)
    file = _read(source)
    name = filename or file.name
    mime = mime_type or sniff(file.data) or mimetypes.guess_type(name or "")[0]
    if mime is None:
        raise MessageError(f"{file.label} is a document of unknown type: pass `mime_type`.")
    if mime.startswith("text/") and (text := _text(file.data)) is not None:
        titled = {"title": name} if name else {}
        return {"type": "text-plain", "text": text, "mime_type": "text/plain", **titled}
    named = {"filename": name} if name else {}
    return {"type": "file", "base64": _base64(file.data), "mime_type": mime} | _extras(named)


def _block(kind: str, source: Any, mime_type: str | None) -> Block:
    if url := _url(source):
        return {"type": kind, "url": url} | ({"mime_type": mime_type} if mime_type else {})
    file = _read(source)
    mime = mime_type or _mime(file, kind)
    return {"type": kind, "base64": _base64(file.data), "mime_type": mime}


def _frame(source: Any, mime_type: str | None) -> str:
    if url := _url(source):
        return url
    file = _read(source)
    return f"data:{mime_type or _mime(file, 'image')};base64,{_base64(file.data)}"


def _extras(options: Block) -> Block:
    """Return the options that have no key of their own in a standard block."""
    found = {key: value for key, value in options.items() if value is not None}
    return {"extras": found} if found else {}


def _url(source: Any) -> str | None:
    here = isinstance(source, str) and (is_url(source) or source.startswith("data:"))
    return source if here else None


def _read(source: Any) -> _File:
    """Read the bytes of a source.

    Raises:
        MessageError: the bytes cannot be read, or there are none.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        file = _File(bytes(source), None, f"The bytes {bytes(source[:12])!r}")
    elif isinstance(source, str | PathLike):
        file = _opened(Path(fspath(source)))
    elif (data := _in_memory(source)) is not None:
        file = _File(data, None, f"The {type(source).__name__}")
    else:
        raise MessageError(
            f"A file is given by its path, URL or bytes, or as an open file or a PIL image, not by "
            f"{type(source)!r}: save it to a BytesIO and pass its `.getvalue()`."
        )
    if not file.data:
        raise MessageError(f"{file.label}: the file is empty.")
    return file


def _in_memory(source: Any) -> bytes | None:
    """Return the bytes of an open binary file, or of a PIL image as PNG; None for all else."""
    if callable(getattr(source, "getvalue", None)):
        data = source.getvalue()
    elif callable(getattr(source, "read", None)):
        data = source.read()
    elif callable(getattr(source, "save", None)) and hasattr(source, "getbands"):
        buffer = BytesIO()
        source.save(buffer, "PNG")
        data = buffer.getvalue()
    else:
        return None
    return data if isinstance(data, bytes) else None


def _opened(path: Path) -> _File:
    label = repr(str(path)[:_SHOWN])
    try:
        path = path.expanduser()
        # A pipe or a device might never end.
        odd = path.exists() and not path.is_file()
        data = b"" if odd else path.read_bytes()
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise MessageError(f"{label} cannot be read: {why}.") from error
    if odd:
        raise MessageError(f"{label} is a directory or a device, not a file.")
    return _File(data, path.name, label)


def _mime(file: _File, kind: str) -> str:
    """Return the MIME type, detected from the first bytes.

    Raises:
        MessageError: the type is unknown, or is no type of this kind of block.
    """
    found = sniff(file.data)
    if found is None:
        raise MessageError(f"{file.label} is of no known format of {kind}: pass `mime_type`.")
    family = found.partition("/")[0]
    sounds = kind == "audio" and family == "video"  # audio and video share these containers
    if family != kind and not sounds:
        other = family if family in {"image", "video", "audio"} else "file"
        raise MessageError(f"{file.label} is {found}, not {kind}: use `{other}_block`.")
    return f"audio/{found.partition('/')[2]}" if sounds else found


def _text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
