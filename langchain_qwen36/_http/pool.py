"""Connections to one origin, kept and handed out in constant time.

httpx's own async pool walks all its connections whenever a request comes or goes; a thousand
calls at once make that a million steps each way (DESIGN §4.2). Here what is idle is a stack, and
who waits is a queue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import httpcore

from langchain_qwen36._http.network import AsyncioBackend, keep_alive_options

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from langchain_qwen36._http.network import AsyncioStream


class _HTTPBody(Protocol):
    """What httpcore calls a stream of bytes."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


class _Connection(NamedTuple):
    """httpcore's side, which speaks HTTP, and ours, which can be closed without awaiting."""

    http: httpcore.AsyncHTTP11Connection
    stream: AsyncioStream


class AsyncPool(httpcore.AsyncConnectionInterface):
    """HTTP/1.1 connections to one origin, on one event loop.

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
        self._idle: list[_Connection] = []
        self._waiting: deque[asyncio.Future[_Connection | None]] = deque()
        self._taken = 0
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def open_connections(self) -> int:
        """How many connections are open, idle or not."""
        return self._taken + len(self._idle)

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request over an idle connection, or a new one, or the next that comes free."""
        connection = await self._take(request.extensions["timeout"].get("pool"))
        try:
            if connection is None:
                connection = await self._connect(request)
            response = await connection.http.handle_async_request(request)
        except BaseException:
            self.give_back(connection)
            raise
        body = _Body(cast("_HTTPBody", response.stream), connection, self)
        return httpcore.Response(
            response.status, headers=response.headers, content=body, extensions=response.extensions
        )

    async def aclose(self) -> None:
        """Close what is idle; what is in use closes as it is given back."""
        self._max_connections = 0
        for connection in self._idle:
            connection.stream.close()
        self._idle.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()

    async def _take(self, seconds: float | None) -> _Connection | None:
        """Return a connection, or None as the leave to open one."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.http.has_expired():
                self._taken += 1
                return connection
            connection.stream.close()
        if self._taken < self._max_connections:
            self._taken += 1
            return None
        return await self._wait(seconds)

    async def _wait(self, seconds: float | None) -> _Connection | None:
        turn: asyncio.Future[_Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                return await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give_back(turn.result())
            turn.cancel()
            if isinstance(error, TimeoutError):
                raise httpcore.PoolTimeout from None
            raise

    async def _connect(self, request: httpcore.Request) -> _Connection:
        seconds = request.extensions["timeout"].get("connect")
        origin = request.url.origin
        host = origin.host.decode("ascii")
        stream = await self._backend.connect_tcp(
            host, origin.port, timeout=seconds, socket_options=keep_alive_options()
        )
        if origin.scheme == b"https":
            self._ssl_context.set_alpn_protocols(["http/1.1"])
            await stream.start_tls(self._ssl_context, server_hostname=host, timeout=seconds)
        http = httpcore.AsyncHTTP11Connection(origin, stream, self._keepalive_expiry)
        return _Connection(http, stream)

    def give_back(self, connection: _Connection | None) -> None:
        """Take a connection back, or the leave to open one: to who waits longest, or idle."""
        if connection is not None and not connection.http.is_idle():
            connection.stream.close()
            connection = None
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        self._taken -= 1
        if connection is not None:
            self._keep(connection)

    def _keep(self, connection: _Connection) -> None:
        if self._max_connections == 0:
            connection.stream.close()
            return
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweep_later()

    def _sweep_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(self._keepalive_expiry, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for too long, or was closed from afar."""
        self._sweeper = None
        kept = []
        for connection in self._idle:
            if connection.http.has_expired():
                connection.stream.close()
            else:
                kept.append(connection)
        self._idle = kept
        if kept:
            self._sweep_later()


class _Body:
    """A response's bytes; closing it gives the connection back, exactly once."""

    def __init__(self, parts: _HTTPBody, connection: _Connection, pool: AsyncPool) -> None:
        self._parts = parts
        self._connection = connection
        self._pool = pool
        self._closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._parts)

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            await self._parts.aclose()
        finally:
            # A second cancel may have come in the meantime: then it is not idle and gets closed.
            self._pool.give_back(self._connection)
