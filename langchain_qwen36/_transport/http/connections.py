"""Share connections between all models of a process, by the origin and the proxy.

Sync connections are one pool per process, async ones one per running event loop: a connection of
one loop cannot be used from another. A model holds none of them, so that it can be copied and
pickled at any time.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import ssl
import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import httpx

from langchain_qwen36._transport.http.async_pool import AsyncPool
from langchain_qwen36._transport.http.connecting import in_thread
from langchain_qwen36._transport.http.httpx_transports import AsyncPoolTransport, PoolTransport
from langchain_qwen36._transport.http.sync_pool import SyncPool
from langchain_qwen36._transport.http.tunnels import Proxy
from langchain_qwen36._transport.proxies import parse_proxy, proxy_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_KEEPALIVE_EXPIRY = 30.0
"""Seconds that a connection may idle: an agent's next call after its tools still finds it."""


class PoolKey(NamedTuple):
    """The settings that decide which connections may be shared."""

    origin: str
    """The origin, `scheme://host[:port]`."""
    proxy: str | None = None
    """A proxy's URL; "": no proxy; None: the environment's (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`,
    as they are at the first call to this origin)."""
    max_connections: int = 1000


class _LoopPool(NamedTuple):
    """One loop's connections, and the generator that ends when the loop shuts down."""

    transport: AsyncPoolTransport
    guard: AsyncGenerator[None, None]


_lock = threading.Lock()
_sync: dict[PoolKey, PoolTransport] = {}
_async: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[PoolKey, _LoopPool]] = WeakKeyDictionary()
_inherited_from_parent: list[object] = []
"""The parent's connections after a fork, kept so that nothing is ever closed or sent on them."""


def sync_transport(settings: PoolKey) -> PoolTransport:
    """Return the process's connections to an origin; opens none yet."""
    try:
        return _sync[settings]
    except KeyError:
        with _lock:
            if settings not in _sync:
                _sync[settings] = PoolTransport(SyncPool(**_pool_kwargs(settings)))
            return _sync[settings]


async def async_transport(settings: PoolKey) -> AsyncPoolTransport:
    """Return the running loop's connections to an origin; they close when the loop is shut down."""
    loop = asyncio.get_running_loop()
    try:
        return _async[loop][settings].transport
    except KeyError:
        return await _create_for_loop(loop, settings)


async def _create_for_loop(
    loop: asyncio.AbstractEventLoop, settings: PoolKey
) -> AsyncPoolTransport:
    if _speaks_tls(settings):
        # Reading the certificates takes 15 ms, which the loop's other tasks need not wait for.
        await asyncio.wrap_future(in_thread(_ssl_context))
    with _lock:
        for other in [other for other in _async if other.is_closed()]:
            del _async[other]
        of_loop = _async.setdefault(loop, {})
        if settings in of_loop:
            return of_loop[settings].transport
        new = AsyncPoolTransport(AsyncPool(**_pool_kwargs(settings)))
        guard = _close_with_loop(loop, new)
        of_loop[settings] = _LoopPool(new, guard)
    await anext(guard)
    return new


async def _close_with_loop(
    loop: asyncio.AbstractEventLoop, transport: AsyncPoolTransport
) -> AsyncGenerator[None, None]:
    """Wait, suspended, until the loop shuts its generators down, as `asyncio.run` does at its end.

    Only then can a library that gets no other notice of the end still close connections on the loop
    that they belong to.
    """
    try:
        yield
    finally:
        with _lock:
            _async.pop(loop, None)
        await transport.aclose()


def _pool_kwargs(settings: PoolKey) -> dict[str, Any]:
    proxy = proxy_of(settings)
    return {
        "ssl_context": _context_for(settings),
        "max_connections": settings.max_connections,
        "keepalive_expiry": _KEEPALIVE_EXPIRY,
        "proxy": None if proxy is None else Proxy.of(proxy),
    }


def _context_for(settings: PoolKey) -> ssl.SSLContext:
    if _speaks_tls(settings):
        return _ssl_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and 15 ms cheaper


def _speaks_tls(settings: PoolKey) -> bool:
    proxy = proxy_of(settings) or ""
    return settings.origin.startswith("https:") or proxy.lower().startswith("https:")


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    """Load certificates as httpx does, including `SSL_CERT_FILE` and `SSL_CERT_DIR`."""
    return httpx.create_ssl_context()


def proxy_of(settings: PoolKey) -> str | None:
    """Return the proxy on the way, if any."""
    if settings.proxy is not None:
        return parse_proxy(settings.proxy) if settings.proxy else None
    return proxy_for(settings.origin)


def _forget_parent_connections() -> None:
    """Keep the parent's connections unused in a forked child."""
    global _lock  # noqa: PLW0603, another thread may have held it at the fork
    _lock = threading.Lock()
    _inherited_from_parent.extend((dict(_sync), dict(_async)))
    _sync.clear()
    _async.clear()


def _close_sync() -> None:
    """Close the sync connections at exit; async ones close with their loops."""
    for transport in _sync.values():
        transport.close()


atexit.register(_close_sync)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent_connections)
