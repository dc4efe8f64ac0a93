"""One request and its answer in HTTP/1.1, without I/O.

h11 writes the request and reads the head of the answer; the body is taken apart here. h11 hands
chunks over one by one, and gateways send one chunk an event: at 8 µs each that was two thirds of
what a streamed token cost. Here all chunks of a read come out as one piece (1 µs a chunk).
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import h11
import httpcore

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_BYTES = 64 * 1024
_MAX_HEAD = 100 * 1024
_MAX_LINE = 8 * 1024
"""Bytes of a chunk's size line, or of the trailers."""
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_CRLF = b"\r\n"
_NO_BODY = (204, 304)


class Head(NamedTuple):
    """The head of an answer."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]


class Exchange:
    """Give it what comes from the socket; `sent` is what goes there first.

    Raises:
        httpcore.LocalProtocolError: a header that cannot be sent.
    """

    def __init__(self, request: httpcore.Request) -> None:
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        self._body: _Framing = _UntilClose()
        self._keep_alive = False
        with _as_httpcore():
            event = h11.Request(
                method=request.method, target=request.url.target, headers=request.headers
            )
            self.sent = self._h11.send(event) or b""

    def head(self, data: bytes) -> tuple[Head, bytes] | None:
        """Take bytes until the head is whole; it comes with the start of the body.

        Raises:
            httpcore.RemoteProtocolError: no HTTP, or the end.
        """
        if not data:
            raise httpcore.RemoteProtocolError("Server disconnected without sending a response.")
        with _as_httpcore():
            self._h11.receive_data(data)
            event = self._h11.next_event()
            while isinstance(event, h11.InformationalResponse):
                event = self._h11.next_event()
        if not isinstance(event, h11.Response):
            return None
        self._body = _framing(event)
        self._keep_alive = _may_be_kept(event)
        rest, _ = self._h11.trailing_data
        first = self._body.feed(rest) if rest or self._body.ended else b""
        return Head(event.status_code, event.reason, event.headers.raw_items()), first

    def body(self, data: bytes) -> bytes:
        """Take bytes of the body, give back its content; no bytes are the end of the connection.

        Raises:
            httpcore.RemoteProtocolError: the framing is broken, or the end came too early.
        """
        return self._body.feed(data) if data else self._body.end()

    def has_ended(self) -> bool:
        """Whether the body is whole.

        Raises:
            httpcore.RemoteProtocolError: the framing broke after what was given back last.
        """
        if self._body.broken is not None:
            raise self._body.broken
        return self._body.ended

    @property
    def is_reusable(self) -> bool:
        """Whether its connection can carry another exchange."""
        return self._keep_alive and self._body.ended and not self._body.surplus


class _Sized:
    """A body with a content-length."""

    broken = None

    def __init__(self, size: int) -> None:
        self._left = size
        self.ended = size == 0
        self.surplus = False

    def feed(self, data: bytes) -> bytes:
        self.surplus = len(data) > self._left
        data = data[: self._left]
        self._left -= len(data)
        self.ended = self._left == 0
        return data

    def end(self) -> bytes:
        raise _incomplete(f"{self._left} bytes are missing")


class _UntilClose:
    """A body that ends with its connection."""

    surplus = True
    broken = None

    def __init__(self) -> None:
        self.ended = False

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        self.ended = True
        return b""


class _Chunked:
    """A body in chunks; what it returns are all that a read completes, joined."""

    def __init__(self) -> None:
        self.ended = False
        self.surplus = False
        """Whether more came than belongs to the body."""
        self.broken: httpcore.RemoteProtocolError | None = None
        """Kept while there is good content before it to be given back."""
        self._left = 0
        self._after_chunk = False
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        try:
            self._take(self._rest + data, pieces)
        except httpcore.RemoteProtocolError as error:
            if not pieces:
                raise
            self.broken = error
        return b"".join(pieces)

    def _take(self, data: bytes, pieces: list[bytes]) -> None:
        position = 0
        while not self.ended:
            if self._left:
                piece = data[position : position + self._left]
                pieces.append(piece)
                position += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._after_chunk = True
            if self._after_chunk:
                if data[position : position + 2] != _CRLF:
                    self._need(_CRLF, data, position)
                    break
                self._after_chunk = False
                position += 2
            size = _CHUNK_SIZE.match(data, position)
            if size is None:
                self._need_line(data, position)
                break
            self._left = int(size[1], 16)
            after = size.end() if self._left else _end_of_trailers(data, size.end())
            if after is None:
                break
            self.ended = self._left == 0
            position = after
        self._rest = data[position:]
        self.surplus = self.ended and bool(self._rest)

    def end(self) -> bytes:
        raise _incomplete("the last chunk is missing")

    @staticmethod
    def _need(wanted: bytes, data: bytes, position: int) -> None:
        if not wanted.startswith(data[position : position + len(wanted)]):
            raise httpcore.RemoteProtocolError("A chunk does not end where its size says.")

    @staticmethod
    def _need_line(data: bytes, position: int) -> None:
        if _CRLF in data[position:] or len(data) - position > _MAX_LINE:
            raise httpcore.RemoteProtocolError(
                f"No size of a chunk: {data[position : position + 20]!r}"
            )


_Framing = _Sized | _UntilClose | _Chunked


def _end_of_trailers(data: bytes, position: int) -> int | None:
    """Where the trailers end, which mean nothing here; None when they are not all there."""
    if data[position : position + 2] == _CRLF:
        return position + 2
    end = data.find(_CRLF * 2, position)
    if end < 0 and len(data) - position > _MAX_LINE:
        raise httpcore.RemoteProtocolError("The trailers are too long.")
    return None if end < 0 else end + 4


def _framing(response: h11.Response) -> _Framing:
    """RFC 9112 §6.3; h11 has refused lengths that contradict each other."""
    if response.status_code in _NO_BODY:
        return _Sized(0)
    headers = dict(response.headers)
    if b"transfer-encoding" in headers:
        return _Chunked()
    if (size := headers.get(b"content-length")) is not None:
        return _Sized(int(size))
    return _UntilClose()


def _may_be_kept(response: h11.Response) -> bool:
    said = [value.lower() for name, value in response.headers if name == b"connection"]
    options = {option.strip() for option in b",".join(said).split(b",")}
    return response.http_version == b"1.1" and b"close" not in options


def _incomplete(what: str) -> httpcore.RemoteProtocolError:
    return httpcore.RemoteProtocolError(f"The peer closed the connection in mid-answer ({what}).")


@contextmanager
def _as_httpcore() -> Iterator[None]:
    try:
        yield
    except h11.LocalProtocolError as error:
        raise httpcore.LocalProtocolError(str(error)) from error
    except h11.RemoteProtocolError as error:
        raise httpcore.RemoteProtocolError(str(error)) from error
