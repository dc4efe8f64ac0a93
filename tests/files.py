"""Files of every format, as small as they can be, made by hand."""

from __future__ import annotations

import base64
import struct
import zlib


def png(width: int, height: int) -> bytes:
    """Return a PNG whose head says this size; its pixels are those of a black line."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min((width + 1) * height, 9_999)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg(width: int, height: int, *, before: int = 14, fill: int = 0) -> bytes:
    """Return a JPEG's head, with so many bytes of other things before the size."""
    other = b"\xff\xe0" + struct.pack(">H", before + 2) + bytes(before)
    frame = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + b"\x03" + bytes(9)
    return b"\xff\xd8" + other + b"\xff" * fill + frame


def bmp(width: int, height: int, *, header: int = 40) -> bytes:
    """Return a bitmap's head, with a second header of this length."""
    sides = struct.pack("<HH" if header == 12 else "<ii", width, height)
    return b"BM" + bytes(12) + struct.pack("<I", header) + sides + bytes(12)


def webp(chunk: bytes, width: int, height: int) -> bytes:
    """Return a WebP's head."""
    match chunk:
        case b"VP8L":
            bits = (width - 1) | (height - 1) << 14
            body = b"\x2f" + struct.pack("<I", bits)
        case b"VP8X":
            sides = (side.to_bytes(3, "little") for side in (width - 1, height - 1))
            body = bytes(4) + b"".join(sides)
        case _:
            body = bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return b"RIFF" + bytes(4) + b"WEBP" + chunk + bytes(4) + body + bytes(8)


def mp4(seconds: float, width: int, height: int, *, wide: bool = False) -> bytes:
    """Return an MP4's table of contents: one track of this size."""

    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data) + 8) + kind + data

    times = struct.pack(">QQIQ" if wide else ">IIII", 0, 0, 1_000, round(seconds * 1_000))
    movie = bytes([wide, 0, 0, 0]) + times + bytes(80)
    sides = struct.pack(">II", width << 16, height << 16)
    track = bytes([wide, 0, 0, 0]) + bytes(84 if wide else 72) + sides
    kind = box(b"ftyp", b"isom" + bytes(4))
    return kind + box(b"moov", box(b"mvhd", movie) + box(b"trak", box(b"tkhd", track)))


def packed(data: bytes) -> str:
    """As base64."""
    return base64.b64encode(data).decode()


PNG, JPEG, BMP, WEBP = png(64, 48), jpeg(64, 48), bmp(64, 48), webp(b"VP8X", 64, 48)
GIF = b"GIF89a" + struct.pack("<HH", 64, 48) + bytes(9)
MP4 = mp4(3, 640, 480)
WAV = b"RIFF" + bytes(4) + b"WAVEfmt " + bytes(24)
PDF = b"%PDF-1.4\n%%EOF\n"
