"""Encode one request and parse its response in HTTP/1.1, without I/O.

httptools (llhttp, the parser of Node.js) reads the response; the content of one read is returned as
one piece, since gateways send one HTTP chunk for each event. h11, which httpx reads with, took 60
µs for each call and 8 µs for each chunk. `tests/transport/test_framing.py` compares both.
"""

from __future__ import annotations

import functools
import re
from itertools import starmap
from typing import TYPE_CHECKING, Any, NamedTuple

import httpcore
import httptools

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

READ_BYTES = 64 * 1024
_MAX_HEAD = 100 * 1024
_MAX_BETWEEN = 8 * 1024
"""Most bytes of a chunk's size line, or of the trailers."""
_FINAL = 200
"""Least final status; those below are of interim responses."""
_KEEP_ALIVE_TIMEOUT = re.compile(rb"(?<![\w-])timeout\s*=\s*\"?(\d{1,9})(?!\d)", re.IGNORECASE)
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"(?:[!-~\x80-\xff](?:[\t !-~\x80-\xff]*[!-~\x80-\xff])?)?")


class Head(NamedTuple):
    """The head of a response."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]
    content: bytes
    """The start of the body, as far as it came in the same read."""


class PoolRequest(NamedTuple):
    """A request for a pool, with the attribute names of `httpcore.Request`.

    httpcore's own class checks the type of every byte string: 3 % of a call.
    """

    method: bytes
    url: httpcore.URL
    headers: list[tuple[bytes, bytes]]
    stream: Any
    """The body: bytes, or an `UploadBody`; from httpx's transport another of its byte streams."""
    extensions: MutableMapping[str, Any]

    def __repr__(self) -> str:
        """Leave out the headers and the query, which may hold a key."""
        return f"PoolRequest({self.method!r}, host={self.url.host!r})"


HTTPRequest = PoolRequest | httpcore.Request
"""A request of ours, or one that came through httpx's transport."""


class PoolResponse(NamedTuple):
    """A pool's response, with the attribute names of `httpcore.Response` for httpx's transport."""

    status: int
    headers: list[tuple[bytes, bytes]]
    stream: Any
    extensions: dict[str, Any]


class Exchange:
    """One request and its response: send `head_bytes`, then feed the bytes that the socket returns.

    Raises:
        httpcore.LocalProtocolError: A header cannot be sent.
    """

    def __init__(self, request: HTTPRequest) -> None:
        self.head_bytes = _encode_head(request.method, request.url.target, request.headers)
        self.has_begun = False
        """Whether a byte of the response has come."""
        self.is_sent = True
        """Whether the whole request was sent; only an upload may be answered before."""
        self._response = _ParsedResponse()
        self._parser = self._response.parser
        # Deviations that other clients accept; none changes where a body ends.
        self._parser.set_dangerous_leniencies(
            lenient_chunked_length=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        self._without_content = 0
        self._broken: httpcore.RemoteProtocolError | None = None
        """A framing error, kept until the good content before it was returned."""

    def head(self, data: bytes) -> Head | None:
        """Add bytes until the head is complete, and return it.

        Raises:
            httpcore.RemoteProtocolError: The bytes are no HTTP, or the connection ended.
        """
        if not data:
            raise httpcore.RemoteProtocolError("Server disconnected without sending a response.")
        self.has_begun = True
        content = self._feed(data, _MAX_HEAD)
        response = self._response
        if not response.has_head:
            return None
        return Head(response.status, response.reason, response.headers, content)

    def body(self, data: bytes) -> bytes:
        """Add bytes of the body, return its content; no bytes mean the end of the connection.

        Raises:
            httpcore.RemoteProtocolError: The framing is broken, or the end came too early.
        """
        if data:
            return self._feed(data, _MAX_BETWEEN)
        if not self._response.reads_until_close:
            raise httpcore.RemoteProtocolError(
                "The peer closed the connection in the middle of the response."
            )
        self._response.ended = True
        return b""

    def is_complete(self) -> bool:
        """Return whether the body is complete.

        Raises:
            httpcore.RemoteProtocolError: The framing broke after the content returned last.
        """
        if self._broken is not None:
            raise self._broken
        return self._response.ended

    @property
    def is_reusable(self) -> bool:
        """Return whether the connection can carry another exchange."""
        response = self._response
        whole = response.ended and self.is_sent
        return whole and response.keep_alive and not response.trailing_data

    @property
    def keep_alive_seconds(self) -> float | None:
        """Return how long the connection may idle: `Keep-Alive: timeout=`, less a margin.

        At the very end of that time the server might close just as a request is sent.
        """
        for name, value in self._response.headers:
            if name.lower() == b"keep-alive" and (match := _KEEP_ALIVE_TIMEOUT.search(value)):
                seconds = int(match[1])
                return max(seconds - 1.0, seconds / 2)
        return None

    def _feed(self, data: bytes, most: int) -> bytes:
        """Parse bytes of which at most `most` may be no content."""
        response = self._response
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._misread(error)
        content = b"".join(response.pieces)
        response.pieces.clear()
        self._without_content = 0 if content else self._without_content + len(data)
        if self._without_content > most:
            raise httpcore.RemoteProtocolError(f"More than {most} bytes, and no content in them.")
        return content

    def _misread(self, error: Exception) -> None:
        """Keep a framing error until the content before it was read; after the end none counts."""
        response = self._response
        if response.ended:
            response.trailing_data = True
            return
        is_upgrade = isinstance(error, httptools.HttpParserUpgrade)
        reason = "it switches to another protocol" if is_upgrade else error.__context__ or error
        broken = httpcore.RemoteProtocolError(str(reason))
        if not response.pieces:
            raise broken from error
        self._broken = broken


class _ParsedResponse:
    """The response as the parser reports it, through the methods that begin with `on`."""

    def __init__(self) -> None:
        self.status = 0
        self.reason = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.has_head = False
        self.keep_alive = False
        self.reads_until_close = False
        """Whether only the end of the connection ends the body."""
        self.pieces: list[bytes] = []
        """Content that was not returned yet."""
        self.on_body = self.pieces.append
        self.ended = False
        self.trailing_data = False
        """Whether bytes came that do not belong to the response."""
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        if self.ended:
            raise httpcore.RemoteProtocolError("There is more than one response.")

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()
        if self.status < _FINAL:
            self.reason = b""
            self.headers.clear()
            return
        self.has_head = True
        names = [name.lower() for name, _ in self.headers]
        codings = self._values(b"transfer-encoding", names)
        lengths = self._values(b"content-length", names)
        # With a length beside chunks, two readers may see two ends (RFC 9112, section 6.3).
        self.keep_alive = self.parser.should_keep_alive() and not (codings and lengths)
        self.reads_until_close = _reads_until_close(codings, lengths)
        del self.parser  # it refers back to this: break the cycle

    def on_message_complete(self) -> None:
        self.ended = self.has_head

    def _values(self, lower_name: bytes, names: list[bytes]) -> list[bytes]:
        """Return the values of a header, most often none; `names` are all, in lower case."""
        if lower_name not in names:
            return []
        pairs = zip(names, self.headers, strict=True)
        return [value.strip() for name, (_, value) in pairs if name == lower_name]


def _reads_until_close(codings: list[bytes], lengths: list[bytes]) -> bool:
    """Decide how the body ends (RFC 9112, section 6.3); the parser has refused two lengths."""
    # Several lines are one list, of which two readers may see two ends.
    if codings and [coding.lower() for coding in codings] != [b"chunked"]:
        # Not quoted: a server may repeat in any header what it was sent.
        raise httpcore.RemoteProtocolError("Its transfer coding is another one than `chunked`.")
    return not codings and not lengths


def _encode_head(method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Encode the head of a request; errors name a header, not its value, which may be the key."""
    lines = [b"%b %b HTTP/1.1" % (method, target), *starmap(_line, headers)]
    return b"\r\n".join([*lines, b"", b""])


@functools.lru_cache(maxsize=256)
def _line(name: bytes, value: bytes) -> bytes:
    if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
        raise httpcore.LocalProtocolError(f"The header {name!r} cannot be sent as it is.")
    return b"%b: %b" % (name, value)
