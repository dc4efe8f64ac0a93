"""httpx's transports send through the pool that is put under their private name `_pool`."""

from __future__ import annotations

from typing import Any

import httpcore
import httpx
import pytest

from langchain_qwen36._transport.http.http1 import PoolResponse
from langchain_qwen36._transport.http.httpx_transports import AsyncPoolTransport, PoolTransport

REQUEST = {"method": "POST", "url": "https://host:8443/v1?q=1", "stream": httpx.ByteStream(b"{}")}


class Body:
    """The body of a response, sync and async; closing it is noted."""

    closed = False

    def __iter__(self) -> Any:
        yield b"Hello"

    async def __aiter__(self) -> Any:
        yield b"Hello"

    def close(self) -> None:
        """Note it."""
        self.closed = True

    async def aclose(self) -> None:
        """Note it."""
        self.close()


class Pool:
    """Notes the request that a transport hands over, and its own end."""

    closed = False

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.body = Body()

    def handle_request(self, request: httpcore.Request) -> PoolResponse:
        """Note the request."""
        self.request = request
        if self.error is not None:
            raise self.error
        return PoolResponse(418, [(b"X-Own", b"1")], self.body, {"http_version": b"HTTP/1.1"})

    async def handle_async_request(self, request: httpcore.Request) -> PoolResponse:
        """Note the request."""
        return self.handle_request(request)

    def close(self) -> None:
        """Note it."""
        self.closed = True

    async def aclose(self) -> None:
        """Note it."""
        self.close()


def test_a_request_goes_through_the_pool_and_its_response_comes_back() -> None:
    """The pool gets the request as httpcore's; closing response and transport closes the pool's."""
    pool = Pool()
    transport = PoolTransport(pool)  # type: ignore[arg-type]
    response = transport.handle_request(httpx.Request(**REQUEST))

    assert (pool.request.url.host, pool.request.url.target) == (b"host", b"/v1?q=1")
    assert b"".join(pool.request.stream) == b"{}"  # type: ignore[arg-type]
    assert (response.status_code, response.headers["x-own"]) == (418, "1")
    assert b"".join(response.stream) == b"Hello"  # type: ignore[arg-type]
    response.close()
    transport.close()
    assert (pool.body.closed, pool.closed) == (True, True)


async def test_an_async_request_goes_through_the_pool_and_its_response_comes_back() -> None:
    """The async transport does the same by the async names."""
    pool = Pool()
    transport = AsyncPoolTransport(pool)  # type: ignore[arg-type]
    response = await transport.handle_async_request(httpx.Request(**REQUEST))

    assert (pool.request.url.host, pool.request.url.target) == (b"host", b"/v1?q=1")
    assert (response.status_code, response.headers["x-own"]) == (418, "1")
    assert [part async for part in response.stream] == [b"Hello"]  # type: ignore[union-attr]
    await response.aclose()
    await transport.aclose()
    assert (pool.body.closed, pool.closed) == (True, True)


def test_an_error_of_the_pool_comes_out_as_httpxs() -> None:
    """Users' code, and our own table of errors, know httpx's names."""
    transport = PoolTransport(Pool(httpcore.ReadTimeout("late")))  # type: ignore[arg-type]

    with pytest.raises(httpx.ReadTimeout, match="late"):
        transport.handle_request(httpx.Request(**REQUEST))
