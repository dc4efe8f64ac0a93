"""Run TLS inside of TLS, for threads: an `https://` gateway behind an `https://` proxy.

Python's `ssl` wraps a socket once; asyncio does this by itself.
"""

from __future__ import annotations

import ssl

_BYTES = 16 * 1024
"""Most bytes of one TLS record."""


class TLSInTLS:
    """The socket methods that `SyncStream` needs, non-blocking, over an encrypted socket.

    Like `ssl.SSLSocket`, its methods raise `SSLWantReadError` and `SSLWantWriteError` where they
    would have to wait, and are then to be called again with the same bytes.
    """

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, host: str) -> None:
        self._outer = outer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._encrypted = bytearray()
        """Encrypted bytes that the outer socket has not taken yet."""
        self._taken = 0
        """Number of bytes given to `send` that are encrypted already and not sent."""
        self.getsockopt = outer.getsockopt
        self.fileno = outer.fileno
        self.close = outer.close

    def do_handshake(self) -> None:
        """Shake hands, as far as possible without waiting."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            else:
                return self._flush()

    def recv(self, max_bytes: int) -> bytes:
        """Return decrypted bytes."""
        while True:
            try:
                return self._tls.read(max_bytes)
            except ssl.SSLWantReadError:
                self._fill()

    def send(self, data: memoryview) -> int:
        """Encrypt and send a first part of the bytes; return its length."""
        if not self._taken:
            self._taken = self._tls.write(data[:_BYTES])
        self._flush()
        sent, self._taken = self._taken, 0
        return sent

    def pending(self) -> int:
        """Return how many bytes are decrypted, which no poll of the socket sees."""
        return self._tls.pending() + self._outer.pending()

    def _fill(self) -> None:
        data = self._outer.recv(_BYTES)
        self._incoming.write(data) if data else self._incoming.write_eof()

    def _flush(self) -> None:
        self._encrypted += self._outgoing.read()
        while self._encrypted:
            del self._encrypted[: self._outer.send(self._encrypted)]
