"""Detect the type of a file and the size of an image from its first bytes."""

from __future__ import annotations

import struct
from typing import NamedTuple

HEAD = 192 * 1024
"""Bytes at the front of a file that are searched for the image's size."""

_MARKS = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"FLV\x01", "video/x-flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-wmv"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"\x00\x00\x01\xb3", "video/mpeg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"#!AMR", "audio/amr"),
    (b"%PDF-", "application/pdf"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
    b"msf1": "image/heic",
    b"M4A ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
"""Brands of ISO media files that are no MP4 video."""

_BOXES = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip"})
"""Boxes that an old QuickTime file may begin with."""

_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})
"""Lengths of a bitmap's second header; text may begin with "BM", too."""

KNOWN = frozenset(
    {*(mime for _, mime in _MARKS), *_RIFF.values(), *_BRANDS.values(), "image/bmp", "video/mp4"}
)
"""Every MIME type that `sniff` detects."""

SIZED = frozenset({"image/png", "image/gif", "image/bmp", "image/webp"})
"""Types whose size is within `HEAD` in every complete file."""

_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PNG_SIZE, _GIF_SIZE, _BMP_SIZE, _WEBP_SIZE = 24, 10, 26, 30
"""Bytes at the front that hold the size."""

_SHORT_BMP = 12
"""A second header of this length has 16-bit numbers."""


class Size(NamedTuple):
    """The size of a picture in pixels; both numbers are above 0."""

    width: int
    """Pixels in a row."""
    height: int
    """Number of rows."""


def sniff(data: bytes) -> str | None:
    """Return the MIME type that the first bytes show; None: the format is not known."""
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "video/mp4")
    if data[4:8] in _BOXES:
        return "video/quicktime"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "image/bmp"
    return next((mime for mark, mime in _MARKS if data.startswith(mark)), None)


def image_size(data: bytes) -> Size | None:
    """Read width and height from the front of a PNG, JPEG, GIF, WebP or BMP.

    Return None for another format, a header that was cut off, and a side of 0.
    """
    match sniff(data):
        case "image/png" if len(data) >= _PNG_SIZE:
            width, height = struct.unpack_from(">II", data, 16)
        case "image/gif" if len(data) >= _GIF_SIZE:
            width, height = struct.unpack_from("<HH", data, 6)
        case "image/bmp" if len(data) >= _BMP_SIZE:
            short = int.from_bytes(data[14:18], "little") == _SHORT_BMP
            # A negative height means that the rows begin at the top.
            width, height = map(abs, struct.unpack_from("<HH" if short else "<ii", data, 18))
        case "image/webp" if len(data) >= _WEBP_SIZE:
            width, height = _webp_size(data)
        case "image/jpeg":
            width, height = _jpeg_size(data)
        case _:
            return None
    return Size(width, height) if width and height else None


def _webp_size(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            sides = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
            return next(sides), next(sides)
        case _:
            return 0, 0


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Read the size from the first start-of-frame segment."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004
        if data[at + 1] == 0xFF:  # noqa: PLR2004  # a fill byte
            at += 1
            continue
        if data[at + 1] in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0, 0
