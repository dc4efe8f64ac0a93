"""One connection for threads: a socket that is read and written by the call's clocks."""

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

    What a peer does not take at once is written while its response is read: a server may refuse a
    large request, and read no more of it, long before its end (RFC 9112, section 9.5).
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock: Any = sock
        self._is_tls = False
        self._unsent = memoryview(b"")
        self._is_broken = False
        """Whether the peer takes no more."""
        self._early = b""
        """What came before a request was sent whole."""

    @classmethod
    def open(cls, host: str, port: int, seconds: float | None) -> SyncStream:
        """Connect, in so many seconds.

        Raises:
            httpcore.ConnectTimeout: it took longer.
            httpcore.ConnectError: any other failure.
        """
        try:
            return cls(connect(host, port, seconds))
        except OSError as error:
            if raised_in_signal_handler(error):
                raise
            raise connect_error(error) from error

    def start_tls(self, context: ssl.SSLContext, host: str, clock: Clock) -> None:
        """Encrypt the connection; one that is encrypted already as well.

        Raises:
            httpcore.ConnectTimeout: the clock ran out.
            httpcore.ConnectError: any other failure.
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
        """Its socket, encrypted or not."""
        return self._sock

    def write(self, data: bytes) -> None:
        """Send what the peer takes now; `read` sends the rest."""
        self._unsent = memoryview(data)
        self._send()

    def drain(self, clock: Clock) -> bool:
        """Send what is unsent; False when the peer answers, or hangs up, before it has it.

        Raises:
            httpcore.ReadTimeout: a clock ran out.
            httpcore.ReadError: the connection broke.
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
            httpcore.ReadTimeout: a clock ran out.
            httpcore.ReadError: the connection broke.
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
        """Whether nothing is unsent, unread or ended: no byte and no FIN of the peer is there."""
        if self._unsent:
            return False
        try:
            if self._is_tls:  # a session ticket is no byte of the peer's
                return self._receive(1) is None
            return not _poll(self._sock, write=False, seconds=0)
        except (OSError, ValueError, httpcore.ReadError):  # it was closed
            return False

    def close(self) -> None:
        """Close at once, in whatever state; twice is once."""
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
        """Return what is there: b"" at the end, None where nothing is yet."""
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
        """Send what can be sent; a peer that takes no more may have answered before it left."""
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
    """Wait until the socket can be read, or written where asked; False if it cannot in time."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock, select.POLLIN | (select.POLLOUT if write else 0))
        return bool(poll.poll(None if seconds is None else seconds * 1000))
    writing = [sock] if write else []  # pragma: no cover, Windows
    return any(map(bool, select.select([sock], writing, [], seconds)))  # pragma: no cover
