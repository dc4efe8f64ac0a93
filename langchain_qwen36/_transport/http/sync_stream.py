"""One connection for threads: a socket whose reads and writes follow the call's clocks."""

from __future__ import annotations

import select
import ssl
import time
from typing import TYPE_CHECKING, Any

import httpcore

from langchain_qwen36._transport.http.connecting import connect, connect_error
from langchain_qwen36._transport.http.signals import raised_in_signal_handler
from langchain_qwen36._transport.http.tls_in_tls import TLSInTLS

if TYPE_CHECKING:
    import socket

    from langchain_qwen36._transport.timeouts import Clock


_EARLY_BYTES = 64 * 1024


class SyncStream:
    """A connected socket, non-blocking.

    Bytes that a peer does not take at once are written while its response is read: a server may
    refuse a large request, and read no more of it, long before its end (RFC 9112, section 9.5).
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock: Any = sock
        self._is_tls = False
        self._unsent = memoryview(b"")
        self._is_broken = False
        """Whether the peer takes no more."""
        self._early = b""
        """Bytes that came before the whole request was sent."""

    @classmethod
    def open(cls, host: str, port: int, seconds: float | None) -> SyncStream:
        """Open a connection, in so many seconds.

        Raises:
            httpcore.ConnectTimeout: The time ran out.
            httpcore.ConnectError: Any other failure.
        """
        try:
            return cls(connect(host, port, seconds))
        except OSError as error:
            if raised_in_signal_handler(error):
                raise
            raise connect_error(error) from error

    def start_tls(self, context: ssl.SSLContext, host: str, clock: Clock) -> None:
        """Encrypt the connection, even if it is encrypted already.

        Raises:
            httpcore.ConnectTimeout: The clock ran out.
            httpcore.ConnectError: Any other failure.
        """
        try:
            if self._is_tls:
                self._sock = TLSInTLS(self._sock, context, host)
            else:
                self._sock = context.wrap_socket(
                    self._sock, server_hostname=host, do_handshake_on_connect=False
                )
            self._is_tls = True
            self._shake_hands(clock)
        except OSError as error:
            if raised_in_signal_handler(error):
                raise
            raise connect_error(error) from error

    def _shake_hands(self, clock: Clock) -> None:
        while True:
            is_full = False
            try:
                self._sock.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except (BlockingIOError, ssl.SSLWantWriteError):
                is_full = True
            else:
                return
            if not _poll(self._sock, write=is_full, seconds=clock.remaining()):
                raise TimeoutError

    @property
    def sock(self) -> Any:
        """The connection's socket, encrypted or not."""
        return self._sock

    def write(self, data: bytes) -> None:
        """Send the bytes that the peer takes now; `read` sends the rest."""
        self._unsent = memoryview(data)
        self._send()

    def drain(self, clock: Clock) -> bool:
        """Send the unsent bytes; return False if the peer answers, or hangs up, before.

        Raises:
            httpcore.ReadTimeout: A clock ran out.
            httpcore.ReadError: The connection broke.
        """
        while self._unsent:
            if not self._has_pending():
                self._wait(clock.remaining())
            if (data := self._receive(_EARLY_BYTES)) is not None:
                self._early = data
                return False
            self._send()
        return not self._is_broken

    def read(self, max_bytes: int, clock: Clock) -> bytes:
        """Return at least one byte, or none at the end of the connection.

        Raises:
            httpcore.ReadTimeout: A clock ran out.
            httpcore.ReadError: The connection broke.
        """
        if self._early:
            early, self._early = self._early, b""
            return early
        while True:
            if not self._has_pending():
                self._wait(clock.remaining())
            if self._unsent:
                self._send()
            if (data := self._receive(max_bytes)) is not None:
                return data

    def is_quiet(self) -> bool:
        """Return whether no data waits in either direction and the peer has not closed."""
        if self._unsent:
            return False
        try:
            if not self._has_pending() and not _poll(self._sock, write=False, seconds=0):
                return True
            # A session ticket of TLS is no data of the peer's.
            return self._is_tls and self._receive(1) is None
        except (OSError, ValueError, httpcore.ReadError):  # the socket was closed
            return False

    def close(self) -> None:
        """Close at once, in any state; a second call does nothing."""
        self._unsent = memoryview(b"")
        self._sock.close()

    def _has_pending(self) -> bool:
        """Return whether decrypted bytes wait in the TLS layer, where no poll sees them."""
        return self._is_tls and self._sock.pending() > 0

    def _wait(self, seconds: float | None) -> None:
        until = None if seconds is None else time.monotonic() + seconds
        if not _poll(self._sock, write=bool(self._unsent), seconds=seconds) and (
            until is None or time.monotonic() >= until
        ):
            raise httpcore.ReadTimeout

    def _receive(self, max_bytes: int) -> bytes | None:
        """Return the bytes that are there: b"" at the end, None if there are none yet."""
        try:
            data: bytes = self._sock.recv(max_bytes)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except ssl.SSLZeroReturnError:
            return b""
        except OSError as error:
            if raised_in_signal_handler(error):
                raise
            raise httpcore.ReadError(str(error)) from error
        return data

    def _send(self) -> None:
        """Send as much as the socket takes; a peer that takes no more may have answered."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            if raised_in_signal_handler(error):
                raise
            self._unsent = memoryview(b"")
            self._is_broken = True


def _poll(sock: socket.socket, *, write: bool, seconds: float | None) -> bool:
    """Wait until the socket is readable, or writable if requested; False if the time runs out."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock, select.POLLIN | (select.POLLOUT if write else 0))
        return bool(poll.poll(None if seconds is None else seconds * 1000))
    writing = [sock] if write else []  # pragma: no cover, Windows
    return any(map(bool, select.select([sock], writing, [], seconds)))  # pragma: no cover
