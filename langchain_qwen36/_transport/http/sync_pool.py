"""Pool HTTP/1.1 connections to one origin for threads, in constant time."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

import httpcore

from langchain_qwen36._transport.http.http1 import READ_BYTES, Exchange, PoolResponse
from langchain_qwen36._transport.http.idle import (
    CONNECTION_LOST,
    HANDOVER_SECONDS,
    IdleConnections,
    check_is_quiet,
    died_while_idle,
    sweep_in_thread,
)
from langchain_qwen36._transport.http.sync_stream import SyncStream
from langchain_qwen36._transport.http.tcp_info import bytes_acknowledged, check_answers
from langchain_qwen36._transport.http.tunnels import (
    StartTLS,
    addressed,
    first_hop,
    next_step,
    steps_to,
)
from langchain_qwen36._transport.http.upload import UploadBody
from langchain_qwen36._transport.timeouts import Deadline

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from langchain_qwen36._transport.http.http1 import Head, HTTPRequest
    from langchain_qwen36._transport.http.tunnels import Proxy, Steps
    from langchain_qwen36._transport.timeouts import CallTimeouts


class SyncPool:
    """The HTTP/1.1 connections to one origin, with httpcore's interface.

    The lock is never held during I/O.

    Args:
        ssl_context: TLS settings for an origin, or a proxy, that speaks TLS.
        max_connections: Most connections; further calls wait.
        keepalive_expiry: Seconds after which an idle connection is closed.
        proxy: The proxy on the way to the origin.
    """

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext,
        max_connections: int,
        keepalive_expiry: float,
        proxy: Proxy | None = None,
    ) -> None:
        self._proxy = proxy
        self._ssl_context = ssl_context
        self._max_connections = max_connections
        self._idle: IdleConnections[SyncStream] = IdleConnections(keepalive_expiry)
        self._in_use = 0
        self._freed = threading.Condition(threading.Lock())

    def handle_request(self, request: HTTPRequest) -> PoolResponse:
        """Send a request over an idle connection, or a new one, or the next that comes free."""
        timeouts, request = request.extensions["timeout"], addressed(request, self._proxy)
        clock: CallTimeouts = timeouts["read"]
        body = _body_of(request)
        stream: SyncStream | None = None
        has_waited = self._acquire(timeouts.get("pool"))
        try:
            if has_waited:
                time.sleep(HANDOVER_SECONDS)
            is_wanted = not request.extensions.get("new_connection")
            stream, exchange, head = self._idle.take(is_wanted=is_wanted), Exchange(request), None
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
        return PoolResponse(
            head.status,
            head.headers,
            _Body(self, stream, exchange, head, clock),
            {"http_version": b"HTTP/1.1", "reason_phrase": head.reason},
        )

    def close(self) -> None:
        """Close the idle connections; those in use close when they are released."""
        self._idle.close()

    def release(self, stream: SyncStream | None, exchange: Exchange | None = None) -> None:
        """Release a slot and its connection, for the calls that wait and for the next ones.

        Args:
            stream: The connection; None releases the slot of a connection that was not made.
            exchange: The last exchange on the connection; without one, the connection is closed.
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

    def _acquire(self, seconds: float | None) -> bool:
        """Take a slot; return whether another call had to free it."""
        with self._freed:
            has_waited = self._in_use >= self._max_connections
            try:
                is_free = self._freed.wait_for(
                    lambda: self._in_use < self._max_connections, seconds
                )
            except BaseException:  # Ctrl-C
                self._freed.notify()  # this one may have been told of the free slot
                raise
            if not is_free:
                raise httpcore.PoolTimeout
            self._in_use += 1
            return has_waited

    def _connect(self, request: HTTPRequest) -> SyncStream:
        """Connect, through the proxy if any; either step may take the `connect` timeout."""
        origin, clock = request.url.origin, request.extensions["timeout"]["read"]
        stream = SyncStream.open(*first_hop(origin, self._proxy), clock.connect)
        try:
            _follow(stream, steps_to(origin, self._proxy), self._ssl_context, clock.connect)
        except BaseException:
            stream.close()
            raise
        return stream


def _follow(
    stream: SyncStream, steps: Steps, ssl_context: ssl.SSLContext, seconds: float | None
) -> None:
    """Run the handshakes on a new connection until it reaches the gateway, in so many seconds."""
    clock, received = Deadline(seconds), None
    ssl_context.set_alpn_protocols(["http/1.1"])
    try:
        while (step := next_step(steps, received)) is not None:
            if isinstance(step, StartTLS):
                stream.start_tls(ssl_context, step.host, clock)
            else:
                stream.write(step)
                received = stream.read(READ_BYTES, clock)
    except httpcore.ReadTimeout as error:
        raise httpcore.ConnectTimeout(str(error)) from error


def _send_kept(
    stream: SyncStream, exchange: Exchange, body: bytes | UploadBody, clock: CallTimeouts
) -> Head | None:
    """Send over a kept connection; if it was already dead, close it and return None."""
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
    acknowledged = bytes_acknowledged(stream)
    if isinstance(body, bytes):
        stream.write(exchange.head_bytes + body)
    else:
        exchange.is_sent = _upload(stream, exchange.head_bytes, body, clock)
    head = exchange.head(stream.read(READ_BYTES, clock))
    check_answers(stream, acknowledged)
    while head is None:
        clock.check()
        head = exchange.head(stream.read(READ_BYTES, clock))
    return head


def _upload(stream: SyncStream, head: bytes, body: UploadBody, clock: CallTimeouts) -> bool:
    """Send piece by piece; return False if the peer answers, or hangs up, before the end."""
    for piece in itertools.chain((head,), body):
        stream.write(piece)
        if not stream.drain(clock):
            return False
        clock.restart()
    return True


def _body_of(request: HTTPRequest) -> bytes | UploadBody:
    body: Any = request.stream
    return body if isinstance(body, bytes | UploadBody) else b"".join(body)


class _Body:
    """The bytes of a response; closing it releases the connection, exactly once."""

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
        piece, self._first = self._first, b""
        if piece:
            yield piece
        while self._stream is not None and not self._exchange.is_complete():
            del piece  # as in the async pool
            piece = self._exchange.body(self._stream.read(READ_BYTES, self._clock))
            if piece:
                yield piece

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            self._pool.release(stream, self._exchange)
