"""Pool HTTP/1.1 connections to one origin for an event loop, in constant time.

httpx's own async pool walks all its connections whenever a request begins or ends; a thousand calls
at once make that a million steps each way. Here idle connections are a stack, and waiting calls are
a queue. Why this library has pools of its own: docs/DESIGN.md#own-http11-pools
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import httpcore

from langchain_qwen36._transport.http.async_stream import AsyncioStream
from langchain_qwen36._transport.http.http1 import READ_BYTES, Exchange, PoolResponse
from langchain_qwen36._transport.http.idle import (
    CONNECTION_LOST,
    HANDOVER_SECONDS,
    SWEEP_SECONDS,
    IdleConnections,
    check_is_quiet,
    died_while_idle,
)
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
    from collections.abc import AsyncIterator

    from langchain_qwen36._transport.http.http1 import Head, HTTPRequest
    from langchain_qwen36._transport.http.tunnels import Proxy, Steps
    from langchain_qwen36._transport.timeouts import CallTimeouts


class AsyncPool:
    """The HTTP/1.1 connections to one origin, on one event loop, with httpcore's interface.

    Args:
        ssl_context: TLS settings for an origin, or a proxy, that speaks TLS.
        max_connections: Most connections; further calls wait, first come, first served.
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
        self._idle: IdleConnections[AsyncioStream] = IdleConnections(keepalive_expiry)
        self._waiting: deque[asyncio.Future[AsyncioStream | None]] = deque()
        self._in_use = 0
        self._sweeper: asyncio.TimerHandle | None = None

    async def handle_async_request(self, request: HTTPRequest) -> PoolResponse:
        """Send a request over an idle connection, or a new one, or the next that comes free."""
        timeouts, request = request.extensions["timeout"], addressed(request, self._proxy)
        clock: CallTimeouts = timeouts["read"]
        body = await _body_of(request)
        stream = await self._acquire(timeouts.get("pool"))
        try:
            is_wanted = not request.extensions.get("new_connection")
            stream = self._idle.take(stream, is_wanted=is_wanted)
            exchange, head = Exchange(request), None
            if stream is not None:
                head = await _send_kept(stream, exchange, body, clock)
            if head is None:
                stream, exchange = None, Exchange(request)
                stream = await self._connect(request)
                check_is_quiet(stream)
                head = await _send(stream, exchange, body, clock)
        except BaseException:
            self.release(stream)
            raise
        return PoolResponse(
            head.status,
            head.headers,
            _Body(self, stream, exchange, head, clock),
            {"http_version": b"HTTP/1.1", "reason_phrase": head.reason},
        )

    async def aclose(self) -> None:
        """Close the idle connections; those in use close when they are released."""
        self._idle.close()
        if self._sweeper is not None:
            self._sweeper.cancel()

    def release(self, stream: AsyncioStream | None, exchange: Exchange | None = None) -> None:
        """Release a slot and its connection: to the call that waits longest, or to the idle ones.

        Args:
            stream: The connection; None releases the slot of a connection that was not made.
            exchange: The last exchange on the connection; without one, the connection is closed.
        """
        kept = stream if exchange is not None and exchange.is_reusable else None
        try:
            self._pass_on(kept, exchange)
        finally:
            if stream is not None and kept is None:
                stream.close()

    def _pass_on(self, stream: AsyncioStream | None, exchange: Exchange | None) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(stream)
                return
        self._in_use -= 1
        if stream is not None:
            self._idle.put(stream, exchange)
            if self._sweeper is None:
                self._sweep_later()

    async def _acquire(self, seconds: float | None) -> AsyncioStream | None:
        """Take a slot; return the connection that a finishing call passes on with it, if any."""
        if self._in_use < self._max_connections:
            self._in_use += 1
            return None
        waiter: asyncio.Future[AsyncioStream | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(seconds) as timeout:
                if (stream := await waiter) is not None:
                    await asyncio.sleep(HANDOVER_SECONDS)
                return stream
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                self._pass_on(waiter.result(), None)
            waiter.cancel()
            if isinstance(error, TimeoutError) and timeout.expired():
                raise httpcore.PoolTimeout from None
            raise

    async def _connect(self, request: HTTPRequest) -> AsyncioStream:
        """Connect, through the proxy if any; either step may take the `connect` timeout."""
        origin, clock = request.url.origin, request.extensions["timeout"]["read"]
        stream = await AsyncioStream.open(*first_hop(origin, self._proxy), clock.connect)
        try:
            await _follow(stream, steps_to(origin, self._proxy), self._ssl_context, clock.connect)
        except BaseException:
            stream.close()
            raise
        return stream

    def _sweep_later(self) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeper = None
        self._idle.sweep()
        if self._idle:
            self._sweep_later()


async def _follow(
    stream: AsyncioStream, steps: Steps, ssl_context: ssl.SSLContext, seconds: float | None
) -> None:
    """Run the handshakes on a new connection until it reaches the gateway, in so many seconds."""
    clock, received = Deadline(seconds), None
    ssl_context.set_alpn_protocols(["http/1.1"])
    try:
        while (step := next_step(steps, received)) is not None:
            if isinstance(step, StartTLS):
                await stream.start_tls(ssl_context, step.host, clock)
            else:
                stream.write(step)
                received = await stream.read(READ_BYTES, clock)
    except httpcore.ReadTimeout as error:
        raise httpcore.ConnectTimeout(str(error)) from error


async def _send_kept(
    stream: AsyncioStream, exchange: Exchange, body: bytes | UploadBody, clock: CallTimeouts
) -> Head | None:
    """Send over a kept connection; if it was already dead, close it and return None."""
    try:
        return await _send(stream, exchange, body, clock)
    except CONNECTION_LOST as error:
        if not died_while_idle(error, exchange):
            raise
        stream.close()
        return None


async def _send(
    stream: AsyncioStream, exchange: Exchange, body: bytes | UploadBody, clock: CallTimeouts
) -> Head:
    """Send a request and read the head of its response."""
    acknowledged = bytes_acknowledged(stream)
    if isinstance(body, bytes):
        stream.write(exchange.head_bytes + body)
    else:
        exchange.is_sent = await _upload(stream, exchange.head_bytes, body, clock)
    head = exchange.head(await stream.read(READ_BYTES, clock))
    check_answers(stream, acknowledged)
    while head is None:
        clock.check()
        head = exchange.head(await stream.read(READ_BYTES, clock))
    return head


async def _upload(
    stream: AsyncioStream, head: bytes, body: UploadBody, clock: CallTimeouts
) -> bool:
    """Send piece by piece; return False if the peer answers, or hangs up, before the end."""
    stream.write(head)
    async with aclosing(aiter(body)) as pieces:
        async for piece in pieces:
            stream.write(piece)
            if not await stream.drain(clock):
                return False
            clock.restart()
    return True


async def _body_of(request: HTTPRequest) -> bytes | UploadBody:
    body: Any = request.stream
    if isinstance(body, bytes | UploadBody):
        return body
    return b"".join([part async for part in body])


class _Body:
    """The bytes of a response; closing it releases the connection, exactly once.

    Closing awaits nothing, so no cancellation can interrupt it.
    """

    def __init__(
        self,
        pool: AsyncPool,
        stream: AsyncioStream | None,
        exchange: Exchange,
        head: Head,
        clock: CallTimeouts,
    ) -> None:
        self._pool = pool
        self._stream = stream
        self._exchange = exchange
        self._first = head.content
        self._clock = clock

    async def __aiter__(self) -> AsyncIterator[bytes]:
        piece, self._first = self._first, b""
        if piece:
            yield piece
        while self._stream is not None and not self._exchange.is_complete():
            del piece  # thousands of streams may wait here: none holds what was read before
            piece = self._exchange.body(await self._stream.read(READ_BYTES, self._clock))
            if piece:
                yield piece

    async def aclose(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            self._pool.release(stream, self._exchange)
