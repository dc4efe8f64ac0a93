"""Run the handshakes of proxies and TLS on a new connection, without I/O.

A proxy is only another way to connect: its connections are kept, checked and read by the same pools
as direct ones. Plain requests are addressed to an HTTP proxy (RFC 9112, section 3.2.2), those to
`https://` gateways go through a tunnel (RFC 9110, section 9.3.6, or SOCKS 5, RFC 1928).
"""

from __future__ import annotations

import base64
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import NamedTuple

import httpcore
import httpx

from langchain_qwen36._transport.http.http1 import Exchange, HTTPRequest, PoolRequest

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_SUCCESS = range(200, 300)
_SOCKS_ADDRESS_BYTES = {1: 4, 4: 16}
"""Length by type of a SOCKS address; a name (type 3) carries its own length."""


class StartTLS(NamedTuple):
    """Encrypt the connection from here on."""

    host: str
    """The host whose certificate is expected."""


Steps = Generator[bytes | StartTLS, bytes, None]
"""Yields what to send, or `StartTLS`, and receives the bytes that came; sending nothing means to go
on reading. It ends when the connection reaches the gateway.

Raises:
    httpcore.ProxyError: the proxy refuses, or speaks another protocol.
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy on the way to a gateway."""

    scheme: str
    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> Proxy:
        """Parse a proxy's URL; user and password may be percent-encoded."""
        parsed = httpx.URL(url)
        port = parsed.port or _PORTS[parsed.scheme]
        host = parsed.raw_host.decode("ascii")
        return cls(parsed.scheme, host, port, parsed.username, parsed.password)

    @property
    def is_socks(self) -> bool:
        """Whether the proxy passes bytes on without reading HTTP."""
        return self.scheme.startswith("socks")

    @property
    def has_credentials(self) -> bool:
        """Whether the proxy needs a user or a password."""
        return bool(self.username or self.password)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that identify the user to an HTTP proxy."""
        if not self.has_credentials:
            return []
        token = base64.b64encode(f"{self.username}:{self.password}".encode())
        return [(b"Proxy-Authorization", b"Basic " + token)]


def addressed(request: HTTPRequest, proxy: Proxy | None) -> HTTPRequest:
    """Return the request in the form for the first HTTP server on its way."""
    url = request.url
    if proxy is None or proxy.is_socks or url.scheme == b"https":
        return request
    target = httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=bytes(url))
    headers = [*request.headers, *proxy.headers()]
    return PoolRequest(request.method, target, headers, request.stream, request.extensions)


def first_hop(origin: httpcore.Origin, proxy: Proxy | None) -> tuple[str, int]:
    """Return the host and port to connect to."""
    if proxy is not None:
        return proxy.host, proxy.port
    return origin.host.decode("ascii"), origin.port


def steps_to(origin: httpcore.Origin, proxy: Proxy | None) -> Steps:
    """Return the handshakes that lead a new connection to the gateway."""
    host, is_tls = origin.host.decode("ascii"), origin.scheme == b"https"
    if proxy is not None:
        if proxy.scheme == "https":
            yield StartTLS(proxy.host)
        if proxy.is_socks:
            yield from _socks_tunnel(host, origin.port, proxy)
        elif is_tls:
            yield from _http_tunnel(host, origin.port, proxy)
    if is_tls:
        yield StartTLS(host)


def next_step(steps: Steps, received: bytes | None) -> bytes | StartTLS | None:
    """Return the next step after these bytes came; None if the connection is ready."""
    try:
        return steps.send(received)  # type: ignore[arg-type]
    except StopIteration:
        return None


def _http_tunnel(host: str, port: int, proxy: Proxy) -> Steps:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    target = authority.encode("ascii")
    url = httpcore.URL(scheme=b"http", host=proxy.host, port=proxy.port, target=target)
    headers = [(b"Host", target), (b"Accept", b"*/*"), *proxy.headers()]
    exchange = Exchange(httpcore.Request(b"CONNECT", url, headers=headers))
    head = exchange.head((yield exchange.head_bytes))
    while head is None:
        head = exchange.head((yield b""))
    if head.status not in _SUCCESS:
        reason = head.reason.decode("ascii", errors="ignore")
        raise httpcore.ProxyError(f"{head.status} {reason}")
    if head.content:
        raise httpcore.ProxyError("it sent bytes behind its answer to CONNECT")


def _socks_tunnel(host: str, port: int, proxy: Proxy) -> Steps:
    from socksio import socks5  # noqa: PLC0415, the extra `socks`

    methods, unread = socks5.SOCKS5AuthMethod, bytearray()
    method = methods.USERNAME_PASSWORD if proxy.has_credentials else methods.NO_AUTH_REQUIRED
    yield from _ask(socks5.SOCKS5AuthMethodsRequest([method]).dumps(), unread, 2)
    if (answer := _take(unread, 2)) != b"\x05" + method:
        takes_other = answer[:1] == b"\x05"
        raise httpcore.ProxyError("407 it wants another login" if takes_other else "no SOCKS 5")
    if proxy.has_credentials:
        login = (proxy.username.encode(), proxy.password.encode())
        yield from _ask(socks5.SOCKS5UsernamePasswordRequest(*login).dumps(), unread, 2)
        if _take(unread, 2)[1]:
            raise httpcore.ProxyError("407 it refuses the user or the password")
    connect = socks5.SOCKS5Command.CONNECT
    request = socks5.SOCKS5CommandRequest.from_address(connect, (host, port))
    yield from _ask(request.dumps(), unread, 5)
    start = _take(unread, 5)
    if start[1]:
        raise httpcore.ProxyError(f"SOCKS 5 reply {start[1]}: it cannot connect to the gateway")
    # The address it connects from, of which one byte is read, and the port.
    rest = _SOCKS_ADDRESS_BYTES.get(start[3], 1 + start[4]) - 1 + 2
    yield from _ask(b"", unread, rest)
    _take(unread, rest)
    if unread:
        raise httpcore.ProxyError("it sent bytes behind its answer")


def _ask(request: bytes, unread: bytearray, count: int) -> Steps:
    """Send a request and read until so many bytes are there."""
    while len(unread) < count:
        data = yield request
        if not data:
            raise httpcore.ProxyError("it closed the connection")
        unread += data
        request = b""


def _take(unread: bytearray, count: int) -> bytes:
    taken = bytes(unread[:count])
    del unread[:count]
    return taken
