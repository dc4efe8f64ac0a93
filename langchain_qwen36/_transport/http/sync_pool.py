"""Connections to one origin, kept and handed out in constant time; for threads."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import httpcore

from langchain_qwen36._transport.http.backends import ClockedBackend, keep_alive_options
from langchain_qwen36._transport.http.http1 import READ_BYTES, Exchange

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


class _Idle(NamedTuple):
    stream: httpcore.NetworkStream
    until: float

    def is_usable(self) -> bool:
        """What is readable without having been asked was closed by the other side."""
        return self.until > time.monotonic() and not self.stream.get_extra_info("is_readable")


class SyncPool:
    """HTTP/1.1 connections to one origin; httpcore's interface. Its lock is never held over I/O.

    Args:
        ssl_context: For an origin that speaks TLS.
        max_connections: More calls than this wait for each other.
        keepalive_expiry: Seconds after which an idle connection is used no more.
    """

    def __init__(
        self, *, ssl_context: ssl.SSLContext, max_connections: int, keepalive_expiry: float
    ) -> None:
        self._ssl_context = ssl_context
        self._max_connections = max_connections
        self._keepalive_expiry = keepalive_expiry
        self._backend = ClockedBackend()
        self._idle: deque[_Idle] = deque()
        self._in_use = 0
        self._freed = threading.Condition(threading.Lock())

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request over an idle connection, or a new one, or the next that comes free."""
        timeouts = request.extensions["timeout"]
        stream = self._acquire(timeouts.get("pool"))
        try:
            if stream is None:
                stream = self._connect(request)
            exchange = Exchange(request)
            body = b"".join(request.stream)  # type: ignore[arg-type]
            # The server may have answered, and hung up, before it had read everything.
            with suppress(httpcore.WriteError):
                stream.write(exchange.head_bytes + body, timeouts["write"])
            answer = None
            while answer is None:
                answer = exchange.head(stream.read(READ_BYTES, timeouts["read"]))
        except BaseException:
            self.release(stream, is_reusable=False)
            raise
        head, first = answer
        return httpcore.Response(
            head.status,
            headers=head.headers,
            content=_Body(self, stream, exchange, first, timeouts["read"]),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": head.reason},
        )

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().stream.close()

    def release(self, stream: httpcore.NetworkStream | None, *, is_reusable: bool) -> None:
        """Take a connection back, or the leave to open one."""
        old = []
        if stream is not None and not is_reusable:
            old.append(stream)
        with self._freed:
            self._in_use -= 1
            while self._idle and self._idle[0].until < time.monotonic():
                old.append(self._idle.popleft().stream)
            if stream is not None and is_reusable:
                self._idle.append(_Idle(stream, time.monotonic() + self._keepalive_expiry))
            self._freed.notify()
        for one in old:
            one.close()

    def _acquire(self, seconds: float | None) -> httpcore.NetworkStream | None:
        """Return a connection, or None as the leave to open one."""
        with self._freed:
            if not self._freed.wait_for(lambda: self._in_use < self._max_connections, seconds):
                raise httpcore.PoolTimeout
            self._in_use += 1
            idle = self._idle.pop() if self._idle else None
        while idle is not None and not idle.is_usable():
            idle.stream.close()
            with self._freed:
                idle = self._idle.pop() if self._idle else None
        return idle.stream if idle is not None else None

    def _connect(self, request: httpcore.Request) -> httpcore.NetworkStream:
        seconds = request.extensions["timeout"].get("connect")
        origin = request.url.origin
        host = origin.host.decode("ascii")
        stream = self._backend.connect_tcp(
            host, origin.port, timeout=seconds, socket_options=keep_alive_options()
        )
        if origin.scheme == b"https":
            self._ssl_context.set_alpn_protocols(["http/1.1"])
            stream = stream.start_tls(self._ssl_context, server_hostname=host, timeout=seconds)
        return stream


class _Body:
    """An answer's bytes; closing it gives the connection back, exactly once."""

    def __init__(
        self,
        pool: SyncPool,
        stream: httpcore.NetworkStream,
        exchange: Exchange,
        first: bytes,
        timeout: float,
    ) -> None:
        self._pool = pool
        self._stream = stream
        self._exchange = exchange
        self._first = first
        self._timeout = timeout
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        if self._first:
            yield self._first
        while not self._exchange.is_complete():
            data = self._stream.read(READ_BYTES, self._timeout)
            if piece := self._exchange.body(data):
                yield piece

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._pool.release(self._stream, is_reusable=self._exchange.is_reusable)
