"""Connections to one origin, kept and handed out in constant time; async.

httpx's own async pool walks all its connections whenever a request comes or goes; a thousand
calls at once make that a million steps each way (DESIGN §4.2). Here what is idle is a stack, and
who waits is a queue.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import httpcore

from langchain_qwen36._transport.http.backends import AsyncioBackend, keep_alive_options
from langchain_qwen36._transport.http.http1 import READ_BYTES, Exchange

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from langchain_qwen36._transport.http.backends import AsyncioStream


class _Idle(NamedTuple):
    stream: AsyncioStream
    until: float

    def is_usable(self) -> bool:
        """What is readable without having been asked was closed by the other side."""
        return self.until > time.monotonic() and not self.stream.get_extra_info("is_readable")


class AsyncPool:
    """HTTP/1.1 connections to one origin, on one event loop; httpcore's interface.

    Args:
        ssl_context: For an origin that speaks TLS.
        max_connections: More calls than this wait for each other, first come, first served.
        keepalive_expiry: Seconds after which an idle connection is closed.
    """

    def __init__(
        self, *, ssl_context: ssl.SSLContext, max_connections: int, keepalive_expiry: float
    ) -> None:
        self._ssl_context = ssl_context
        self._max_connections = max_connections
        self._keepalive_expiry = keepalive_expiry
        self._backend = AsyncioBackend()
        self._idle: deque[_Idle] = deque()
        self._waiting: deque[asyncio.Future[AsyncioStream | None]] = deque()
        self._in_use = 0
        self._sweeper: asyncio.TimerHandle | None = None

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request over an idle connection, or a new one, or the next that comes free."""
        timeouts = request.extensions["timeout"]
        stream = await self._acquire(timeouts.get("pool"))
        try:
            if stream is None:
                stream = await self._connect(request)
            exchange = Exchange(request)
            await _send(exchange, request, stream)
            answer = None
            while answer is None:
                answer = exchange.head(await stream.read(READ_BYTES, timeouts["read"]))
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

    async def aclose(self) -> None:
        """Close what is idle; what is in use closes as it is given back."""
        self._max_connections = 0
        while self._idle:
            self._idle.pop().stream.close()
        if self._sweeper is not None:
            self._sweeper.cancel()

    def release(self, stream: AsyncioStream | None, *, is_reusable: bool) -> None:
        """Take a connection back, or the leave to open one: to who waits longest, or idle."""
        if stream is not None and not is_reusable:
            stream.close()
            stream = None
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(stream)
                return
        self._in_use -= 1
        if stream is not None:
            self._keep(stream)

    async def _acquire(self, seconds: float | None) -> AsyncioStream | None:
        """Return a connection, or None as the leave to open one."""
        while self._idle:
            idle = self._idle.pop()
            if idle.is_usable():
                self._in_use += 1
                return idle.stream
            idle.stream.close()
        if self._in_use < self._max_connections:
            self._in_use += 1
            return None
        return await self._wait(seconds)

    async def _wait(self, seconds: float | None) -> AsyncioStream | None:
        waiter: asyncio.Future[AsyncioStream | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                self.release(waiter.result(), is_reusable=True)
            waiter.cancel()
            if isinstance(error, TimeoutError):
                raise httpcore.PoolTimeout from None
            raise

    async def _connect(self, request: httpcore.Request) -> AsyncioStream:
        seconds = request.extensions["timeout"].get("connect")
        origin = request.url.origin
        host = origin.host.decode("ascii")
        stream = await self._backend.connect_tcp(
            host, origin.port, timeout=seconds, socket_options=keep_alive_options()
        )
        if origin.scheme == b"https":
            self._ssl_context.set_alpn_protocols(["http/1.1"])
            await stream.start_tls(self._ssl_context, server_hostname=host, timeout=seconds)
        return stream

    def _keep(self, stream: AsyncioStream) -> None:
        if self._max_connections == 0:
            stream.close()
            return
        self._idle.append(_Idle(stream, time.monotonic() + self._keepalive_expiry))
        if self._sweeper is None:
            self._sweep_later()

    def _sweep_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(self._keepalive_expiry, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for too long: the oldest lie at the bottom."""
        self._sweeper = None
        while self._idle and not self._idle[0].is_usable():
            self._idle.popleft().stream.close()
        if self._idle:
            self._sweep_later()


async def _send(exchange: Exchange, request: httpcore.Request, stream: AsyncioStream) -> None:
    body = b"".join([part async for part in request.stream])  # type: ignore[union-attr]
    # The server may have answered, and hung up, before it had read everything.
    with suppress(httpcore.WriteError):
        await stream.write(exchange.head_bytes + body, request.extensions["timeout"]["write"])


class _Body:
    """An answer's bytes; closing it gives the connection back, exactly once.

    Nothing in the closing awaits, so no cancel can come between.
    """

    def __init__(
        self,
        pool: AsyncPool,
        stream: AsyncioStream,
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

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._first:
            yield self._first
        while not self._exchange.is_complete():
            data = await self._stream.read(READ_BYTES, self._timeout)
            if piece := self._exchange.body(data):
                yield piece

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._pool.release(self._stream, is_reusable=self._exchange.is_reusable)
