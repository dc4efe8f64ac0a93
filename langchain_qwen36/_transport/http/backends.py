"""httpcore's network backends for connections through a proxy, whose reads end by the call's clock.

httpcore hands the read timeout of a request down to the stream as it is; ours is a
`CallTimeouts`, so that the remaining time is computed before every read, not once per request.
Until an `https://` gateway is reached behind a proxy, `connect` is the clock: a proxy that takes
the connection and says nothing has not connected anything.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpcore

from langchain_qwen36._transport.http.async_stream import AsyncioStream, Timeout
from langchain_qwen36._transport.timeouts import CallTimeouts

if TYPE_CHECKING:
    import ssl


class _Tunnel:
    """The clock of a connection that is still being made through a proxy.

    Args:
        seconds: For all of it.
        handshakes: Of TLS, that are still to come before the gateway is reached.
    """

    def __init__(self, seconds: float | None, handshakes: int) -> None:
        self._until = None if seconds is None else time.monotonic() + seconds
        self.handshakes = handshakes

    def seconds(self, timeout: Timeout) -> float | None:
        """Return how long the next read or write may take."""
        left = timeout.remaining() if isinstance(timeout, CallTimeouts) else timeout
        if self.handshakes <= 0 or self._until is None:
            return left
        until = max(self._until - time.monotonic(), 0.001)
        return until if left is None else min(left, until)

    def error(self, error: httpcore.TimeoutException) -> httpcore.TimeoutException:
        """Return a timeout as the one of connecting, where it is."""
        if self.handshakes <= 0 or self._until is None or time.monotonic() < self._until:
            return error
        return httpcore.ConnectTimeout(str(error))


class ProxyBackend(httpcore.SyncBackend):
    """httpcore's own sockets, read by the clock.

    Args:
        handshakes: Of TLS, with the proxy and the gateway; 0 where the gateway speaks none.
    """

    def __init__(self, handshakes: int) -> None:
        self._handshakes = handshakes

    def connect_tcp(  # type: ignore[override]
        self, host: str, port: int, timeout: float | None = None, **kwargs: Any
    ) -> httpcore.NetworkStream:
        """Connect; arguments as in `httpcore.NetworkBackend`."""
        stream = super().connect_tcp(host, port, timeout, **kwargs)
        return _ProxyStream(stream, _Tunnel(timeout, self._handshakes))


class _ProxyStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, tunnel: _Tunnel) -> None:
        self._stream = stream
        self._tunnel = tunnel

    def read(self, max_bytes: int, timeout: Timeout = None) -> bytes:
        try:
            return self._stream.read(max_bytes, self._tunnel.seconds(timeout))
        except httpcore.ReadTimeout as error:
            raise self._tunnel.error(error) from error

    def write(self, buffer: bytes, timeout: Timeout = None) -> None:
        try:
            self._stream.write(buffer, self._tunnel.seconds(timeout))
        except httpcore.WriteTimeout as error:
            raise self._tunnel.error(error) from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        encrypted = self._stream.start_tls(ssl_context, server_hostname, timeout)
        self._tunnel.handshakes -= 1
        return _ProxyStream(encrypted, self._tunnel)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class AsyncProxyBackend(httpcore.AsyncNetworkBackend):
    """The same on asyncio's transports."""

    def __init__(self, handshakes: int) -> None:
        self._handshakes = handshakes

    async def connect_tcp(  # type: ignore[override]
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109, httpcore's signature
        **_: Any,
    ) -> httpcore.AsyncNetworkStream:
        """Connect; arguments as in `httpcore.AsyncNetworkBackend`."""
        stream = await AsyncioStream.open(host, port, timeout)
        return _AsyncProxyStream(stream, _Tunnel(timeout, self._handshakes))


class _AsyncProxyStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: AsyncioStream, tunnel: _Tunnel) -> None:
        self._stream = stream
        self._tunnel = tunnel

    async def read(self, max_bytes: int, timeout: Timeout = None) -> bytes:  # noqa: ASYNC109
        try:
            return await self._stream.read(max_bytes, self._tunnel.seconds(timeout))
        except httpcore.ReadTimeout as error:
            raise self._tunnel.error(error) from error

    async def write(self, buffer: bytes, timeout: Timeout = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        self._stream.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        await self._stream.start_tls(ssl_context, server_hostname, timeout)
        self._tunnel.handshakes -= 1
        return self

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
