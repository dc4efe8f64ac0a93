"""Everything that depends on a private name of httpx, in one file.

The name is `_pool` of httpx's two transports, as of httpx 0.28: the object through which they send,
and which they close. httpx has no public way to set a pool, and a transport of our own
(`httpx.BaseTransport`) would need none, but vcrpy records the calls of
`httpx.HTTPTransport.handle_request` and would not see it. Test:
`tests/transport/test_httpx_transports.py`.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from langchain_qwen36._transport.http.async_pool import AsyncPool
    from langchain_qwen36._transport.http.sync_pool import SyncPool


_HTTPX_FILE = httpx.HTTPTransport.close.__code__.co_filename


def is_replaced(method: object) -> bool:
    """Return whether a method of httpx's transports was replaced.

    vcrpy, OpenTelemetry and others do so to see each call. A call that nobody looks at goes
    straight to the pool: the objects of httpx and httpcore, of which each copies and checks the
    headers of the one before, take a tenth of an `invoke`.
    """
    return type(method) is not FunctionType or method.__code__.co_filename != _HTTPX_FILE


class PoolTransport(httpx.HTTPTransport):
    """httpx's transport on our pool; httpx maps the errors of httpcore that the pool raises."""

    def __init__(self, pool: SyncPool) -> None:
        self.pool = pool
        self._pool = pool  # type: ignore[assignment]


class AsyncPoolTransport(httpx.AsyncHTTPTransport):
    """httpx's async transport on our pool."""

    def __init__(self, pool: AsyncPool) -> None:
        self.pool = pool
        self._pool = pool  # type: ignore[assignment]
