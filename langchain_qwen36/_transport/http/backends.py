"""Sockets whose reads end at a clock's deadline, for httpcore.

httpcore hands the read timeout of a request down to the stream as it is; ours is a
`CallTimeouts`, so that the remaining time is computed before every read, not once per request.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from typing import TYPE_CHECKING, Any

import httpcore

from langchain_qwen36._transport.timeouts import CallTimeouts

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

Timeout = float | CallTimeouts | None
_PAUSE_ABOVE = 256 * 1024
"""Unread bytes at which the peer is made to wait."""


def keep_alive_options() -> list[tuple[int, int, int]]:
    """Have the kernel notice a dead peer: after 60 s of silence, three probes 10 s apart."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        option = getattr(socket, name, None)
        if option is not None:  # pragma: no branch - another platform names it otherwise
            options.append((socket.IPPROTO_TCP, option, value))
    return options


def _seconds(timeout: Timeout) -> float | None:
    return timeout.remaining() if isinstance(timeout, CallTimeouts) else timeout


class ClockedBackend(httpcore.SyncBackend):
    """httpcore's own sockets, read by the clock."""

    def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        """Connect; arguments as in `httpcore.NetworkBackend`."""
        return _ClockedStream(super().connect_tcp(*args, **kwargs))


class _ClockedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: Timeout = None) -> bytes:
        return self._stream.read(max_bytes, _seconds(timeout))

    def write(self, buffer: bytes, timeout: Timeout = None) -> None:
        self._stream.write(buffer, _seconds(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _ClockedStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class AsyncioBackend(httpcore.AsyncNetworkBackend):
    """Connections straight on asyncio's transports.

    A read that finds its bytes there costs no task switch and no cancel scope, and a connection
    can be closed without awaiting: so a cancelled task never leaves one behind.
    """

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109, httpcore's signature
        local_address: str | None = None,  # noqa: ARG002, never given
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> AsyncioStream:
        """Connect to the first address that answers; `timeout` is for each, as in sync (F73).

        Not by `loop.create_connection` alone: cancelled in a race of addresses, CPython 3.11 loses
        the socket that won.
        """
        try:
            sock = await _first_connected(host, port, list(socket_options or ()), timeout)
            _, stream = await asyncio.get_running_loop().create_connection(AsyncioStream, sock=sock)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return stream


async def _first_connected(
    host: str, port: int, options: list[httpcore.SOCKET_OPTION], seconds: float | None
) -> socket.socket:
    failure: OSError | None = None
    async with asyncio.timeout(seconds):
        addresses = await _addresses(host, port)
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            for option in options:
                sock.setsockopt(*option)
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure or OSError(f"{host} has no address")


async def _addresses(host: str, port: int) -> list[Any]:
    kind = socket.SOCK_STREAM
    try:
        return socket.getaddrinfo(host, port, type=kind, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:  # a name, which may take its time
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=kind)


class AsyncioStream(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One connection: asyncio's protocol on one side, httpcore's stream on the other."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._paused = False
        self._unread = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[bool] | None = None
        self._writer: asyncio.Future[bool] | None = None
        self._may_write = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        self._unread += data
        if len(self._unread) > _PAUSE_ABOVE and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        """asyncio: the peer will send no more."""
        self._ended = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: it is over, in peace or not."""
        self._ended = True
        self._error = exc
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        """asyncio: the peer does not keep up."""
        self._may_write = False

    def resume_writing(self) -> None:
        """asyncio: it does again."""
        self._may_write = True
        _wake(self._writer)

    async def read(self, max_bytes: int, timeout: Timeout = None) -> bytes:  # noqa: ASYNC109
        """Return what is there, at least one byte, or nothing at the end."""
        if not self._unread and not self._ended:
            self._reader = asyncio.get_running_loop().create_future()
            if not await _in_time(self._reader, _seconds(timeout)):
                raise httpcore.ReadTimeout
        if not self._unread:
            if self._error is not None:
                raise httpcore.ReadError(str(self._error)) from self._error
            return b""
        data = bytes(self._unread[:max_bytes])
        del self._unread[:max_bytes]
        if self._paused and not self._ended and len(self._unread) <= _PAUSE_ABOVE:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: Timeout = None) -> None:  # noqa: ASYNC109
        """Send; waits only while the peer does not take it."""
        if self._transport.is_closing():
            raise httpcore.WriteError(str(self._error or "the connection is closed"))
        self._transport.write(buffer)
        if not self._may_write:
            self._writer = asyncio.get_running_loop().create_future()
            if not await _in_time(self._writer, _seconds(timeout)):
                raise httpcore.WriteTimeout
            if self._error is not None:
                raise httpcore.WriteError(str(self._error)) from self._error

    async def aclose(self) -> None:
        """Close at once; what is unsent or unread is of no more use."""
        self.close()

    def close(self) -> None:
        """Close without waiting, in whatever state; twice is once."""
        self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> AsyncioStream:
        """Go on encrypted, on this very object."""
        loop = asyncio.get_running_loop()
        plain = self._transport
        try:
            async with asyncio.timeout(timeout):
                encrypted = await loop.start_tls(
                    plain, self, ssl_context, server_hostname=server_hostname
                )
            if encrypted is None:
                raise httpcore.ConnectError("the connection was lost in the TLS handshake")
            self._transport = encrypted
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        finally:
            if self._transport is plain:
                plain.abort()
        return self

    def get_extra_info(self, info: str) -> Any:
        """Answer httpcore's names."""
        if info == "is_readable":
            return bool(self._unread) or self._ended
        name = {"client_addr": "sockname", "server_addr": "peername"}.get(info, info)
        return self._transport.get_extra_info(name)


def _wake(waiter: asyncio.Future[bool] | None, *, in_time: bool = True) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(in_time)


async def _in_time(waiter: asyncio.Future[bool], seconds: float | None) -> bool:
    """Wait for it; False when the time ran out first."""
    if seconds is None:
        return await waiter
    timer = waiter.get_loop().call_later(seconds, functools.partial(_wake, waiter, in_time=False))
    try:
        return await waiter
    finally:
        timer.cancel()
