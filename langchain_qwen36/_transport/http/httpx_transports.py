"""Everything that depends on a private name of httpx, in one file.

The name is `_pool` of httpx's two transports, as of httpx 0.28: the object through which they send,
and which they close. httpx has no public way to set a pool, and a transport of our own
(`httpx.BaseTransport`) would need none, but vcrpy records the calls of
`httpx.HTTPTransport.handle_request` and would not see it. Test:
`tests/transport/test_httpx_transports.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from langchain_qwen36._transport.http.async_pool import AsyncPool
    from langchain_qwen36._transport.http.sync_pool import SyncPool


class PoolTransport(httpx.HTTPTransport):
    """httpx's transport on our pool; httpx maps the errors of httpcore that the pool raises."""

    def __init__(self, pool: SyncPool) -> None:
        self._pool = pool  # type: ignore[assignment]


class AsyncPoolTransport(httpx.AsyncHTTPTransport):
    """httpx's async transport on our pool."""

    def __init__(self, pool: AsyncPool) -> None:
        self._pool = pool  # type: ignore[assignment]
