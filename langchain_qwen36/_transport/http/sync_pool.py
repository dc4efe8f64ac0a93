"""HTTP/1.1 connections to one origin, for threads, kept and handed out in constant time."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import httpcore

from langchain_qwen36._transport.http.http1 import READ_BYTES, Exchange
from langchain_qwen36._transport.http.idle import (
    CONNECTION_LOST,
    IdleConnections,
    check_is_quiet,
    died_while_idle,
    sweep_in_thread,
)
from langchain_qwen36._transport.http.sync_stream import SyncStream
from langchain_qwen36._transport.http.upload import UploadBody

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from langchain_qwen36._transport.http.http1 import Head
    from langchain_qwen36._transport.timeouts import CallTimeouts


class SyncPool:
    """HTTP/1.1 connections to one origin; httpcore's interface. Its lock is never held over I/O.

    Args:
        ssl_context: For an origin that speaks TLS.
        max_connections: More calls than this wait for each other.
        keepalive_expiry: Seconds after which an idle connection is closed.
    """

    def __init__(
        self, *, ssl_context: ssl.SSLContext, max_connections: int, keepalive_expiry: float
    ) -> None:
        self._ssl_context = ssl_context
        self._max_connections = max_connections
        self._idle: IdleConnections[SyncStream] = IdleConnections(keepalive_expiry)
        self._in_use = 0
        self._freed = threading.Condition(threading.Lock())

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request over an idle connection, or a new one, or the next that comes free."""
        timeouts = request.extensions["timeout"]
        clock: CallTimeouts = timeouts["read"]
        body = _body_of(request)
        stream: SyncStream | None = None
        self._acquire(timeouts.get("pool"))
        try:
            stream, exchange, head = self._idle.take(), Exchange(request), None
            if stream is not None:
                head = _send_kept(stream, exchange, body, clock)
            if head is None:
                stream, exchange = None, Exchange(request)
                stream = self._connect(request)
                check_is_quiet(stream)
                head = _send(stream, exchange, body, clock)
        except BaseException:
            self.release(stream)
            raise
        return httpcore.Response(
            head.status,
            headers=head.headers,
            content=_Body(self, stream, exchange, head, clock),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": head.reason},
        )

    def close(self) -> None:
        """Close what is idle; what is in use closes as it is released."""
        self._idle.close()

    def release(self, stream: SyncStream | None, exchange: Exchange | None = None) -> None:
        """Release a slot and its connection, for the calls that wait and for the next ones.

        Args:
            stream: None releases the slot of a connection that was not made.
            exchange: What was read from the connection last; without it, it is closed.
        """
        is_kept = exchange is not None and exchange.is_reusable
        try:
            if stream is not None and is_kept:
                self._idle.put(stream, exchange)
                sweep_in_thread(self._idle)
        finally:
            with self._freed:
                self._in_use -= 1
                self._freed.notify()
            if stream is not None and not is_kept:
                stream.close()

    def _acquire(self, seconds: float | None) -> None:
        """Take a slot."""
        with self._freed:
            if not self._freed.wait_for(lambda: self._in_use < self._max_connections, seconds):
                raise httpcore.PoolTimeout
            self._in_use += 1

    def _connect(self, request: httpcore.Request) -> SyncStream:
        origin = request.url.origin
        is_tls = origin.scheme == b"https"
        if is_tls:
            self._ssl_context.set_alpn_protocols(["http/1.1"])
        return SyncStream.open(
            origin.host.decode("ascii"),
            origin.port,
            request.extensions["timeout"].get("connect"),
            self._ssl_context if is_tls else None,
        )


def _send_kept(
    stream: SyncStream, exchange: Exchange, body: bytes | UploadBody, clock: CallTimeouts
) -> Head | None:
    """Send over a kept connection; return None if it was already dead, and close it then."""
    try:
        return _send(stream, exchange, body, clock)
    except CONNECTION_LOST as error:
        if not died_while_idle(error, exchange):
            raise
        stream.close()
        return None


def _send(
    stream: SyncStream, exchange: Exchange, body: bytes | UploadBody, clock: CallTimeouts
) -> Head:
    """Send a request and read the head of its response."""
    if isinstance(body, bytes):
        stream.write(exchange.head_bytes + body)
    else:
        exchange.is_sent = _upload(stream, exchange.head_bytes, body, clock)
    while (head := exchange.head(stream.read(READ_BYTES, clock))) is None:
        clock.check()
    return head


def _upload(stream: SyncStream, head: bytes, body: UploadBody, clock: CallTimeouts) -> bool:
    """Send piece by piece; False when the peer answers, or hangs up, before it has them all."""
    for piece in itertools.chain((head,), body):
        stream.write(piece)
        if not stream.drain(clock):
            return False
        clock.restart()
    return True


def _body_of(request: httpcore.Request) -> bytes | UploadBody:
    body = request.stream
    return body if isinstance(body, UploadBody) else b"".join(body)  # type: ignore[arg-type]


class _Body:
    """A response's bytes; closing it releases the connection, exactly once."""

    def __init__(
        self,
        pool: SyncPool,
        stream: SyncStream | None,
        exchange: Exchange,
        head: Head,
        clock: CallTimeouts,
    ) -> None:
        self._pool = pool
        self._stream = stream
        self._exchange = exchange
        self._first = head.content
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        if self._first:
            yield self._first
        while self._stream is not None and not self._exchange.is_complete():
            data = self._stream.read(READ_BYTES, self._clock)
            if piece := self._exchange.body(data):
                yield piece

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            self._pool.release(stream, self._exchange)
