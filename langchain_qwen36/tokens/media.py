"""Count the tokens of images and videos: one token is 32 by 32 pixels.

The formula is code on the vendor's page on vision; it gives the measured counts of nine videos
exactly. URLs are not fetched: an image behind one counts as the largest possible, and any video
file as one minute, which a longer one exceeds; `has_unknown_size` tells both.
"""

from __future__ import annotations

import base64
import re
from math import ceil, floor, sqrt
from typing import TYPE_CHECKING, Any

from langchain_qwen36._content.blocks import block_option, is_url, iter_visual_blocks, visual_kind
from langchain_qwen36._content.formats import HEAD, Size, image_size

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIDE = 32
_TOKEN = _SIDE**2
"""Pixels of one token."""

MAX_PIXELS = 2_621_440
"""Pixels to which an image is scaled down unless the part says otherwise."""

MAX_PIXELS_ALLOWED = 16_777_216
"""The largest `max_pixels` of a part, and the value that `vl_high_resolution_images` sets."""

_MIN_PIXELS = 65_536
_FRAME_PIXELS, _MOST_FRAME_PIXELS = 655_360, 2_048_000
_TOTAL_PIXELS = 819_200_000
"""Most pixels of all frames of a video; two frames share one set of tokens."""

_FPS, _FPS_RANGE = 2.0, (0.1, 10)
_LEAST_FRAMES = 4
_UNKNOWN_SECONDS = 60
"""Seconds assumed for a video: its length is not read."""

_MARKS = 2
"""Tokens around an image or a video."""

_DATA_URL = re.compile(r"data:[^,]*,")
_SPAN = HEAD // 3 * 4
"""Base64 characters that hold `HEAD` bytes."""


def media_tokens(
    block: Mapping[str, Any], *, max_pixels: int = MAX_PIXELS, high_resolution: bool = False
) -> int:
    """Count the tokens of a content block; 0 for one that is no image or video. Never raises.

    Args:
        block: A block in LangChain's, OpenAI's, Anthropic's or the vendor's own form.
        max_pixels: Pixels to which an image is scaled down if the block does not say.
        high_resolution: Whether `vl_high_resolution_images` is set.
    """
    most = MAX_PIXELS_ALLOWED if high_resolution else max_pixels
    return sum(
        _video(part) if visual_kind(part) == "video" else _image(part, most, fixed=high_resolution)
        for part in iter_visual_blocks(block)
    )


def has_unknown_size(block: Mapping[str, Any]) -> bool:
    """Return whether a block holds a video, or an image whose size cannot be read from it."""
    return any(_size(part) is None for part in iter_visual_blocks(block))


def image_tokens(
    width: int, height: int, *, min_pixels: int = _MIN_PIXELS, max_pixels: int = MAX_PIXELS
) -> int:
    """Count the tokens of an image: sides in steps of 32, scaled to the pixel bounds."""
    columns, rows = round(width / _SIDE), round(height / _SIDE)
    pixels = max(width * height, 1)
    if columns * rows * _TOKEN > max_pixels:
        scale = sqrt(pixels / max_pixels)
        columns, rows = floor(width / scale / _SIDE), floor(height / scale / _SIDE)
    elif columns * rows * _TOKEN < min_pixels:
        scale = sqrt(min_pixels / pixels)
        columns, rows = ceil(width * scale / _SIDE), ceil(height * scale / _SIDE)
    return min(max(columns, 1) * max(rows, 1), max(max_pixels // _TOKEN, 1))


def video_tokens(
    frames: int,
    size: Size | None,
    *,
    min_pixels: int = _MIN_PIXELS,
    max_pixels: int = _FRAME_PIXELS,
    total_pixels: int = _TOTAL_PIXELS,
) -> int:
    """Count the tokens of so many frames of one size, or of the largest if it is unknown."""
    most = max(min(max_pixels, 2 * total_pixels // frames), min_pixels * 21 // 20)
    if size is None:
        each = most // _TOKEN
    else:
        each = image_tokens(*size, min_pixels=min_pixels, max_pixels=most)
    return min(ceil(frames / 2) * each, max(total_pixels // _TOKEN, 1))


def _image(block: Mapping[str, Any], most: int, *, fixed: bool) -> int:
    low = _pixels(block, "min_pixels", _MIN_PIXELS, MAX_PIXELS_ALLOWED)
    high = most if fixed else _pixels(block, "max_pixels", most, MAX_PIXELS_ALLOWED)
    size = image_size(_front(_packed(block)))
    if size is None:
        return high // _TOKEN + _MARKS
    return image_tokens(*size, min_pixels=min(low, high), max_pixels=high) + _MARKS


def _video(block: Mapping[str, Any]) -> int:
    frames = block.get("video")
    seconds = _UNKNOWN_SECONDS * _rate(block)
    count = len(frames) if isinstance(frames, list) else round(seconds)
    high = _pixels(block, "max_pixels", _FRAME_PIXELS, _MOST_FRAME_PIXELS)
    tokens = video_tokens(
        max(count, _LEAST_FRAMES),
        _size(block),
        min_pixels=min(_pixels(block, "min_pixels", _MIN_PIXELS, _MOST_FRAME_PIXELS), high),
        max_pixels=high,
        total_pixels=_pixels(block, "total_pixels", _TOTAL_PIXELS, _TOTAL_PIXELS),
    )
    return tokens + _MARKS


def _size(block: Mapping[str, Any]) -> Size | None:
    """Return the size of an image or of a list of frames; None if it cannot be read."""
    if visual_kind(block) == "image":
        return image_size(_front(_packed(block)))
    frames = block.get("video")
    if not isinstance(frames, list):
        return None
    sizes = (image_size(_front(_bare(frame))) for frame in frames if isinstance(frame, str))
    return next((size for size in sizes if size), None)


def _pixels(block: Mapping[str, Any], key: str, unsaid: int, most: int) -> int:
    """Return a number of pixels of the block, or of its `extras`."""
    value = block_option(block, key)
    usable = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return min(value, most) if usable else unsaid


def _rate(block: Mapping[str, Any]) -> float:
    """Return the frames per second of the block, if the value is usable."""
    value = block_option(block, "fps")
    usable = isinstance(value, int | float) and _FPS_RANGE[0] <= value <= _FPS_RANGE[1]
    return float(value) if usable else _FPS


def _packed(block: Mapping[str, Any]) -> str:
    """Return the base64 inside a block; empty for a plain URL."""
    own = block.get(str(block.get("type") or visual_kind(block)))
    if isinstance(own, str):
        return _bare(own)
    inner = next((each for each in (own, block.get("source")) if isinstance(each, dict)), block)
    values = (inner.get(key) for key in ("base64", "data", "url"))
    return _bare(next((text for text in values if isinstance(text, str) and text), ""))


def _bare(text: str) -> str:
    if mark := _DATA_URL.match(text):
        return text[mark.end() :]
    return "" if is_url(text) else text


def _front(packed: str) -> bytes:
    part = "".join(packed[:_SPAN].split())
    try:
        return base64.b64decode(part[: len(part) // 4 * 4])
    except ValueError:
        return b""
