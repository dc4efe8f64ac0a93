"""Content encodings, undone in bounded steps."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from langchain_qwen36.errors import UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ACCEPT_ENCODING = "gzip, deflate"
_STEP = 1024 * 1024
"""Bytes inflated at once: who reads can stop long before a bomb of 64 KiB is 64 MiB."""
_GZIP = 16 + zlib.MAX_WBITS


class Inflater:
    """Undoes gzip or deflate piece by piece, and lets through what is not encoded.

    Raises:
        UnexpectedResponseError: an encoding that was not asked for (F38).
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        encoding = headers.get("content-encoding", "").strip().lower()
        self._encoding = encoding
        self._zlib = _decompressor(encoding)
        self._started = False

    def inflate(self, data: bytes) -> Iterator[bytes]:
        """Yield the decoded bytes in steps of at most 1 MiB.

        Raises:
            UnexpectedResponseError: the bytes are not what their header says (F39).
        """
        if self._zlib is None:
            yield data
            return
        while data:
            piece = self._piece(data)
            data = self._zlib.unconsumed_tail
            if piece:
                yield piece

    def _piece(self, data: bytes) -> bytes:
        if self._zlib is None:
            return data
        try:
            piece = self._zlib.decompress(data, _STEP)
        except zlib.error as error:
            if self._encoding == "deflate" and not self._started:
                # Half of the servers that say deflate send it without its zlib header.
                self._started = True
                self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
                return self._piece(data)
            raise UnexpectedResponseError(
                f"The answer says `content-encoding: {self._encoding}`, which it is not ({error})."
            ) from error
        self._started = True
        return piece


def _decompressor(encoding: str) -> zlib._Decompress | None:
    match encoding:
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return zlib.decompressobj(_GZIP)
        case "deflate":
            return zlib.decompressobj()
        case _:
            raise UnexpectedResponseError(
                f"Unsupported content-encoding {encoding!r}: only {ACCEPT_ENCODING} was asked for.",
                is_retryable=False,
            )
