"""Tokens of images and videos: one token is 32 by 32 pixels (dashscope.md §4.6)."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIDE = 32
_MIN_PIXELS, _MAX_PIXELS = 65_536, 2_621_440
"""An image is scaled to lie between them unless the part says otherwise."""

UNKNOWN_IMAGE = _MAX_PIXELS // _SIDE**2
"""2,560: the most an image may take by default, so that a budget is not passed unseen."""

_FRAME = 655_360 // _SIDE**2
"""640: the most a video frame takes by default."""

UNKNOWN_VIDEO = 60 * _FRAME
"""A minute at the default of 2 frames a second, two frames sharing one set of tokens."""

_DATA_URL = re.compile(r"data:[^,]*;base64,")
_HEAD = 64 * 1024
"""Enough base64 to reach the size in any common image file."""

_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def media_tokens(block: Mapping[str, Any]) -> int:
    """Tokens of a content block; 0 for one that is neither image nor video."""
    match block.get("type"):
        case "image_url" | "image":
            return _image(block) + 2  # the marks around it
        case "video" if isinstance(block.get("video"), list):
            return ceil(len(block["video"]) / 2) * _FRAME + 2
        case "video_url" | "video":
            return UNKNOWN_VIDEO + 2
        case _:
            return 0


def image_tokens(
    width: int, height: int, *, min_pixels: int = _MIN_PIXELS, max_pixels: int = _MAX_PIXELS
) -> int:
    """Tokens of an image of this size: scaled to the pixel bounds, sides in steps of 32."""
    pixels = max(width * height, 1)
    scale = sqrt(min(max(pixels, min_pixels), max_pixels) / pixels)
    columns, rows = (max(1, round(side * scale / _SIDE)) for side in (width, height))
    return columns * rows


def _image(block: Mapping[str, Any]) -> int:
    size = image_size(_head(block))
    if size is None:
        return UNKNOWN_IMAGE
    bounds = {key: block[key] for key in ("min_pixels", "max_pixels") if block.get(key)}
    return image_tokens(*size, **bounds)


def _head(block: Mapping[str, Any]) -> bytes:
    """The first bytes of an image that travels inside the message; empty for a plain URL."""
    data = block.get("base64") or block.get("data")
    if not data:
        url = block.get("image_url", block.get("url"))
        url = url.get("url") if isinstance(url, dict) else url
        if not isinstance(url, str) or not (mark := _DATA_URL.match(url)):
            return b""
        data = url[mark.end() : mark.end() + _HEAD]
    try:
        return base64.b64decode(data[: len(data[:_HEAD]) // 4 * 4])
    except (binascii.Error, ValueError, TypeError):
        return b""


def image_size(head: bytes) -> tuple[int, int] | None:
    """Width and height out of the first bytes of a PNG, GIF or JPEG; None for anything else."""
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:  # noqa: PLR2004
        return struct.unpack(">II", head[16:24])
    if head.startswith((b"GIF87a", b"GIF89a")) and len(head) >= 10:  # noqa: PLR2004
        return struct.unpack("<HH", head[6:10])
    if head.startswith(b"\xff\xd8"):
        return _jpeg_size(head)
    return None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """The size stands in the first start-of-frame segment."""
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:  # noqa: PLR2004
        if head[at + 1] in _JPEG_SIZES:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None
