"""What a file is and how large, read from its first bytes."""

from __future__ import annotations

import struct

import pytest
from files import BMP, GIF, JPEG, MP4, PNG, WEBP, bmp, jpeg, png, webp

from langchain_qwen36._content.formats import KNOWN, Size, image_size, sniff


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        pytest.param(PNG, "image/png", id="png"),
        pytest.param(JPEG, "image/jpeg", id="jpeg"),
        pytest.param(GIF, "image/gif", id="gif"),
        pytest.param(WEBP, "image/webp", id="webp"),
        pytest.param(BMP, "image/bmp", id="bmp"),
        pytest.param(b"II*\x00" + bytes(8), "image/tiff", id="tiff"),
        pytest.param(bytes(4) + b"ftypheic", "image/heic", id="heic"),
        pytest.param(bytes(4) + b"ftypavif", "image/avif", id="avif"),
        pytest.param(MP4, "video/mp4", id="mp4"),
        pytest.param(bytes(4) + b"ftypqt  ", "video/quicktime", id="quicktime"),
        pytest.param(bytes(4) + b"moov", "video/quicktime", id="old-quicktime"),
        pytest.param(b"\x1a\x45\xdf\xa3", "video/webm", id="webm"),
        pytest.param(b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo", id="avi"),
        pytest.param(b"RIFF\0\0\0\0WAVEfmt ", "audio/wav", id="wav"),
        pytest.param(b"ID3\x04", "audio/mpeg", id="mp3"),
        pytest.param(bytes(4) + b"ftypM4A ", "audio/mp4", id="m4a"),
        pytest.param(b"%PDF-1.7", "application/pdf", id="pdf"),
        pytest.param(b"RIFF\0\0\0\0????", None, id="another-riff"),
        pytest.param(b"BMW is a car that many drive", None, id="two-letters-make-no-bitmap"),
        pytest.param(b"<svg/>", None, id="drawing"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_the_first_bytes_tell_the_type(data, mime):
    """Whatever the file is called."""
    assert sniff(data) == mime


def test_every_type_that_is_told_is_known():
    """A type that has a mark is not believed without it."""
    told = {sniff(data) for data in (PNG, JPEG, GIF, WEBP, BMP, MP4)}
    assert told <= KNOWN


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png(1024, 768), id="png"),
        pytest.param(b"GIF89a" + struct.pack("<HH", 1024, 768), id="gif"),
        pytest.param(jpeg(1024, 768), id="jpeg"),
        pytest.param(jpeg(1024, 768, before=60_000), id="jpeg-with-a-long-head"),
        pytest.param(jpeg(1024, 768, fill=3), id="jpeg-with-fill-bytes"),
        pytest.param(bmp(1024, 768), id="bmp"),
        pytest.param(bmp(1024, -768), id="bmp-from-the-top"),
        pytest.param(bmp(1024, 768, header=12), id="bmp-of-the-first-kind"),
        pytest.param(webp(b"VP8 ", 1024, 768), id="webp-lossy"),
        pytest.param(webp(b"VP8L", 1024, 768), id="webp-lossless"),
        pytest.param(webp(b"VP8X", 1024, 768), id="webp-extended"),
    ],
)
def test_the_size_stands_in_the_head(data):
    """No decoder is asked."""
    assert image_size(data) == Size(1024, 768)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PNG[:20], id="cut-png"),
        pytest.param(JPEG[:8], id="cut-jpeg"),
        pytest.param(b"\xff\xd8\xff\xe0\x00\x00" * 9, id="jpeg-of-empty-segments"),
        pytest.param(GIF[:8], id="cut-gif"),
        pytest.param(BMP[:20], id="cut-bmp"),
        pytest.param(WEBP[:20], id="cut-webp"),
        pytest.param(webp(b"ANIM", 9, 9), id="webp-of-an-unknown-chunk"),
        pytest.param(png(0, 0), id="no-sides"),
        pytest.param(png(7, 0), id="one-side"),
        pytest.param(MP4, id="video"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_head_without_a_size_has_none(data):
    """Unknown is None, never 0."""
    assert image_size(data) is None
