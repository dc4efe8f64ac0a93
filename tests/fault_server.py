"""A server on loopback that breaks connections for real.

A *script* is a function that takes the `Wire` of one request and does with its socket what the
case needs: send bytes, wait, reset, or go away. Each request takes the next script; the last one
repeats.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from langchain_qwen36._transport.http import connections as clients

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Script = "Callable[[Wire], None]"


class Gone(Exception):  # noqa: N818, not an error: the script ends the connection
    """The connection is over."""


class Wire:
    """One request, and the socket it came on."""

    def __init__(self, sock: socket.socket, head: str, body: bytes, stop: threading.Event) -> None:
        self.sock = sock
        self.head = head
        self.body = body
        is_tls = isinstance(sock, ssl.SSLSocket)
        self.alpn = sock.selected_alpn_protocol() if is_tls else None
        self._stop = stop

    @property
    def path(self) -> str:
        """The request's path."""
        return self.head.split(" ", 2)[1]

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers, lower-case names."""
        lines = (line.partition(":") for line in self.head.split("\r\n")[1:] if line)
        return {name.lower(): value.strip() for name, _, value in lines}

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def head_of(self, status: int = 200, **headers: str) -> None:
        """Send the head of an answer."""
        self.send(head(status, **headers))

    def chunk(self, data: bytes) -> None:
        """Send one piece of a chunked body."""
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self) -> None:
        """Send the end of a chunked body."""
        self.send(b"0\r\n\r\n")

    def wait(self, seconds: float) -> None:
        """Be silent; ends early with the server."""
        if self._stop.wait(seconds):
            raise Gone

    def fin(self) -> None:
        """Close in peace."""
        raise Gone

    def rst(self) -> None:
        """Reset the connection."""
        time.sleep(0.02)  # let the peer read first: a reset throws away what is unread
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone


def head(status: int = 200, **headers: str) -> bytes:
    """Return a status line and headers; underscores in names are hyphens."""
    lines = [f"HTTP/1.1 {status} Whatever"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(status: int, body: bytes | dict[str, Any] | str, **headers: str) -> Script:
    """Answer in one piece."""
    if isinstance(body, dict):
        body, kind = json.dumps(body).encode(), "application/json"
    elif isinstance(body, str):
        body, kind = body.encode(), "text/html"
    else:
        kind = "application/octet-stream"
    headers = {"content_type": kind, "content_length": str(len(body)), **headers}

    def script(wire: Wire) -> None:
        wire.send(head(status, **headers) + body)

    return script


def stream(
    pieces: Iterable[bytes], then: Callable[[Wire], None] | None = None, **headers: str
) -> Script:
    """Answer with a chunked event stream, one network chunk a piece; then end it, or `then`."""
    pieces = list(pieces)
    headers = {"content_type": "text/event-stream", "transfer_encoding": "chunked", **headers}

    def script(wire: Wire) -> None:
        wire.head_of(200, **headers)
        for piece in pieces:
            wire.chunk(piece)
        (then or Wire.end)(wire)

    return script


def _known() -> list[clients.PoolKey]:
    return [*clients._sync, *(key for pools in list(clients._async.values()) for key in pools)]


def _on_a_new_port() -> socket.socket:
    """Listen where the library never was: it keeps connections, and the proxy, by origin."""
    known = {urlsplit(settings.origin).port for settings in _known()}
    while True:
        listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
        if listening.getsockname()[1] not in known:
            return listening
        listening.close()


class FaultServer:
    """`with FaultServer(script, ...) as server: server.url`."""

    def __init__(
        self, *scripts: Script, tls: ssl.SSLContext | None = None, greeting: bytes = b""
    ) -> None:
        self._tls = tls
        self._greeting = greeting
        self.scripts = list(scripts)
        self.requests: list[Wire] = []
        self.connections = 0
        self.open = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._socket = _on_a_new_port()
        self._waiting: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """Of the completions path."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}/v1/chat/completions"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._stop.set()
            for sock in self._waiting:
                _stop_reading(sock)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5)

    def wait_until_open(self, count: int, seconds: float = 2.0) -> int:
        """Wait for so many connections to be open; return how many are."""
        until = time.monotonic() + seconds
        while self.open != count and time.monotonic() < until:
            time.sleep(0.005)
        return self.open

    async def until_open(self, count: int) -> int:
        """`wait_until_open` for a test that runs on a loop, which has to close them."""
        return await asyncio.to_thread(self.wait_until_open, count)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self.open += 1
            self._start(self._serve, sock)

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(Gone, OSError), plain, self._wrapped(plain) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(self._greeting)
            while (wire := self._request(sock)) is not None:
                with self._lock:
                    number = len(self.requests)
                    self.requests.append(wire)
                sock.settimeout(10)
                self.scripts[min(number, len(self.scripts) - 1)](wire)
                sock.settimeout(None)
        with self._lock:
            self.open -= 1

    def _wrapped(self, sock: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(sock, server_side=True) if self._tls else sock

    def _request(self, sock: socket.socket) -> Wire | None:
        with self._lock:
            if self._stop.is_set():
                return None
            self._waiting.add(sock)
        try:
            return self._read_request(sock)
        finally:
            with self._lock:
                self._waiting.remove(sock)

    def _read_request(self, sock: socket.socket) -> Wire | None:
        data = b""
        while more := sock.recv(65536):
            data += more
            start, blank, body = data.partition(b"\r\n\r\n")
            if blank:
                wire = Wire(sock, start.decode(), body, self._stop)
                if len(body) >= int(wire.headers.get("content-length", 0)):
                    return wire
        return None


def _stop_reading(sock: socket.socket) -> None:
    """Let a thread that waits for a request read the end, by the plain socket below TLS."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RD)
