"""Decode content encodings in bounded steps."""

from __future__ import annotations

import zlib
from functools import reduce
from typing import TYPE_CHECKING

from langchain_qwen36.errors import UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Decoder = Callable[[bytes], Iterator[bytes]]

ACCEPT_ENCODING = "gzip, deflate"
_STEP = 1024 * 1024
"""Bytes inflated at once: a reader can stop long before a bomb of 64 KiB is 64 MiB."""
_MAX_ENCODINGS = 4
"""Most encodings on top of each other; each one calls the next."""
_ZLIB_HEADER = 2
"""Bytes of a zlib header, by which it is recognized."""
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f"
"""The first byte of a gzip member; anything else after a member is padding."""
_UNSUPPORTED = frozenset(
    {
        "aes128gcm",
        "br",
        "compress",
        "x-compress",
        "dcb",
        "dcz",
        "exi",
        "pack200-gzip",
        "snappy",
        "zstd",
    }
)
"""Real encodings that are not decoded here (the IANA registry of content codings, and snappy). Any
other value, such as `none` or `utf-8`, encodes nothing: docs/quirks.md#content-encoding-none"""


def decoder_for(headers: Mapping[str, str]) -> Decoder:
    """Return a decoder for a response's encoding, which works in steps of a few MiB at most.

    The decoder raises `UnexpectedResponseError` for bytes that do not fit their header. It does not
    notice that an encoded response is cut: the content shows that.

    Raises:
        UnexpectedResponseError: The encoding was not requested and is not known, or there are too
            many.
    """
    encodings = headers.get("content-encoding")
    names = reversed(encodings.split(",") if encodings else ())
    steps = [step for name in names if (step := _decoder(name.strip().lower())) is not None]
    if len(steps) > _MAX_ENCODINGS:
        raise UnexpectedResponseError(
            f"The answer is encoded {len(steps)} times: at most {_MAX_ENCODINGS} are decoded.",
            is_retryable=False,
        )
    return reduce(_chained, steps) if steps else lambda data: iter((data,))


def _decoder(encoding: str) -> Decoder | None:
    """Return the decoder of one encoding; None for one that encodes nothing."""
    match encoding:
        case "gzip" | "x-gzip":
            return _Zlib(encoding, _GZIP).inflate
        case "deflate":
            return _Zlib(encoding, zlib.MAX_WBITS).inflate
        case _ if encoding in _UNSUPPORTED:
            raise _unsupported(encoding)
        case _:
            return None


def _chained(outer: Decoder, inner: Decoder) -> Decoder:
    """Decode the encoding that was applied last, then the one before it."""
    return lambda data: (piece for part in outer(data) for piece in inner(part))


class _Zlib:
    def __init__(self, encoding: str, wbits: int) -> None:
        self._encoding = encoding
        self._zlib = zlib.decompressobj(wbits)
        self._started = False
        self._first = b""
        """The first byte of deflate, until the second one tells whether a zlib header begins."""

    def inflate(self, data: bytes) -> Iterator[bytes]:
        if not self._started:
            data = self._first + data
            if len(data) < _ZLIB_HEADER:
                self._first = data
                return
        more = True
        while data or more:
            if self._zlib.eof and not self._begin_next_member(data):
                return
            piece = self._piece(data)
            # After the end of a gzip member another one may follow (RFC 1952, section 2.2).
            data = self._zlib.unconsumed_tail or self._zlib.unused_data
            more = len(piece) == _STEP
            if piece:
                yield piece

    def _begin_next_member(self, data: bytes) -> bool:
        if self._encoding == "deflate" or not data.startswith(_GZIP_MAGIC):
            return False
        self._zlib = zlib.decompressobj(_GZIP)
        return True

    def _piece(self, data: bytes) -> bytes:
        try:
            piece = self._zlib.decompress(data, _STEP)
        except zlib.error as error:
            if self._encoding != "deflate" or self._started:
                raise _decoding_error(self._encoding, error) from error
            # Many servers that declare deflate send it without its zlib header.
            self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
            self._started = True
            return self._piece(data)
        self._started = True
        return piece


def _decoding_error(encoding: str, error: Exception) -> UnexpectedResponseError:
    return UnexpectedResponseError(
        f"The answer says `content-encoding: {encoding}`, which it is not ({error})."
    )


def _unsupported(encoding: str) -> UnexpectedResponseError:
    return UnexpectedResponseError(
        f"Unsupported content-encoding {encoding!r}: only {ACCEPT_ENCODING} was asked for.",
        is_retryable=False,
    )
