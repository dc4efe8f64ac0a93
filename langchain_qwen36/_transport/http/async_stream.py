"""One connection for an event loop, directly on asyncio's transports.

A read whose bytes are already there costs no task switch and no cancel scope, and closing awaits
nothing: so a cancelled task never leaves a connection behind.
"""

from __future__ import annotations

import asyncio
import functools
import select
import sys
from typing import TYPE_CHECKING, Any

import httpcore

from langchain_qwen36._transport.http.connecting import aconnect, connect_error

if TYPE_CHECKING:
    import ssl

    from langchain_qwen36._transport.timeouts import Clock

_PAUSE_ABOVE = 256 * 1024
"""Unread bytes at which the peer is made to wait."""


class AsyncioStream(asyncio.Protocol):
    """One connection: asyncio's protocol on one side, `SyncStream`'s methods on the other.

    Writing never waits: asyncio sends while the response is read. A server may refuse a large
    request, and read no more of it, long before its end (RFC 9112, section 9.5).
    """

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._paused = False
        self._write_paused = False
        self._unread = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[bool] | None = None
        self._writer: asyncio.Future[bool] | None = None
        """Waits, in an upload, for the peer to take more or to answer."""
        self._has_session_tickets = False
        """Whether TLS may send session tickets after the handshake, which are no data of the
        peer's."""

    @classmethod
    async def open(cls, host: str, port: int, seconds: float | None) -> AsyncioStream:
        """Open a connection, in so many seconds.

        Raises:
            httpcore.ConnectTimeout: The time ran out.
            httpcore.ConnectError: Any other failure.
        """
        try:
            sock = await aconnect(host, port, seconds)
            _, stream = await asyncio.get_running_loop().create_connection(cls, sock=sock)
        except OSError as error:
            raise connect_error(error) from error
        return stream

    async def start_tls(self, context: ssl.SSLContext, host: str, clock: Clock) -> None:
        """Encrypt the connection, even if it is encrypted already.

        Raises:
            httpcore.ConnectTimeout: The clock ran out.
            httpcore.ConnectError: Any other failure.
        """
        loop, plain = asyncio.get_running_loop(), self._transport
        if plain.get_extra_info("ssl_object") is not None:
            _mend_force_close(plain)
        try:
            async with asyncio.timeout(clock.remaining()):
                encrypted = await loop.start_tls(plain, self, context, server_hostname=host)
            if encrypted is None:
                raise httpcore.ConnectError("the connection was lost in the TLS handshake")
            self._transport = encrypted
            self._has_session_tickets = True
        except OSError as error:
            raise connect_error(error) from error
        finally:
            if self._transport is plain:
                plain.abort()

    @property
    def sock(self) -> Any:
        """The connection's socket, as asyncio shows it."""
        return self._transport.get_extra_info("socket")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport that asyncio made."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Store bytes that asyncio received."""
        self._unread += data
        self._has_session_tickets = False
        if len(self._unread) > _PAUSE_ABOVE and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        """Record that the peer takes no more for now."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Record that the peer takes more."""
        self._write_paused = False
        _wake(self._writer)

    def eof_received(self) -> bool:
        """Record that the peer sends no more.

        Returns:
            Whether to keep the connection open for data that is still to be sent, which asyncio can
            do without TLS only. An idle connection is closed at once.
        """
        self._ended = True
        _wake(self._reader)
        _wake(self._writer)
        is_plain = self._transport.get_extra_info("ssl_object") is None
        return is_plain and self._transport.get_write_buffer_size() > 0

    def connection_lost(self, exc: Exception | None) -> None:
        """Record that the connection has ended, with an error or without."""
        self._ended = True
        self._error = exc
        _wake(self._reader)
        _wake(self._writer)

    async def read(self, max_bytes: int, clock: Clock) -> bytes:
        """Return the bytes that are there, at least one, or none at the end."""
        if not self._unread and not self._ended:
            self._reader = asyncio.get_running_loop().create_future()
            if not await _in_time(self._reader, clock.remaining()):
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

    def write(self, buffer: bytes) -> None:
        """Send what the peer takes now; asyncio sends the rest while the response is read."""
        if not self._transport.is_closing():
            self._transport.write(buffer)

    async def drain(self, clock: Clock) -> bool:
        """Wait until the peer takes more; return False if it answers, or hangs up, before."""
        while self._write_paused and not (self._unread or self._ended):
            self._writer = asyncio.get_running_loop().create_future()
            if not await _in_time(self._writer, clock.remaining()):
                raise httpcore.ReadTimeout
        return not (self._unread or self._ended)

    def is_quiet(self) -> bool:
        """Return whether no data waits in either direction and the peer has not closed."""
        transport = self._transport
        if self._unread or self._ended or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > 0:
            return False
        return self._has_session_tickets or not self._kernel_has_bytes()

    def _kernel_has_bytes(self) -> bool:
        """Return whether the socket has bytes that the loop has not yet read."""
        sock = self.sock
        if sock is None or sock.fileno() < 0:
            return True
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(sock.fileno(), select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([sock.fileno()], [], [], 0)[0])  # pragma: no cover, Windows

    def close(self) -> None:
        """Close without waiting, in any state; a second call does nothing."""
        self._transport.abort()


def _mend_force_close(transport: asyncio.Transport) -> None:
    """Let a TLS handshake inside of TLS fail with its own error.

    Several releases before Python 3.13 raise a `TypeError` if the inner one closes the outer:
    https://github.com/python/cpython/issues/113214
    """
    if sys.version_info < (3, 13):
        transport._force_close = lambda _: transport.abort()  # type: ignore[attr-defined]  # noqa: SLF001


def _wake(waiter: asyncio.Future[bool] | None, *, in_time: bool = True) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(in_time)


async def _in_time(waiter: asyncio.Future[bool], seconds: float | None) -> bool:
    """Wait for a future; return False if the time ran out first."""
    if seconds is None:
        return await waiter
    timer = waiter.get_loop().call_later(seconds, functools.partial(_wake, waiter, in_time=False))
    try:
        return await waiter
    finally:
        timer.cancel()
