"""Everything of ours that leans on a private name of httpx, in one file.

`_pool` of httpx's two transports, read in httpx 0.28: what they send through, and close. httpx has
no public way to name a pool, and a transport of our own (`httpx.BaseTransport`) would do without,
but vcrpy records what goes through `httpx.HTTPTransport.handle_request` and would not see it.
Test: `tests/transport/test_httpx_transports.py`.
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
    """The same, async."""

    def __init__(self, pool: AsyncPool) -> None:
        self._pool = pool  # type: ignore[assignment]
