"""httpx's transports send through the pool that is put under their private name `_pool`.

A call goes through them only where somebody replaced their methods to look at it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
import pytest
import wrapt
from modes import called

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._transport.http.exceptions import map_exception
from langchain_qwen36._transport.http.http1 import PoolResponse
from langchain_qwen36._transport.http.httpx_transports import (
    AsyncPoolTransport,
    PoolTransport,
    is_replaced,
)
from langchain_qwen36._transport.http.response import OpenResponse
from langchain_qwen36._transport.timeouts import CallTimeouts, Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway
    from modes import Mode

    Server = Callable[..., LoopbackGateway]

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


# Who looks at a call.


def model_on(server: LoopbackGateway) -> ChatQwen36:
    """Return a model of the server."""
    target = {"gateway": server.row.name, "base_url": server.base_url, "api_key": server.key}
    return ChatQwen36(**target)


def wrapped_by_functools(method: Any, seen: list[str]) -> Any:
    """Replace a method by a function that looks like it, as vcrpy does."""

    @functools.wraps(method)
    def replacement(self: Any, request: httpx.Request) -> Any:
        seen.append(str(request.url))
        return method(self, request)

    return replacement


def wrapped_by_wrapt(method: Any, seen: list[str]) -> Any:
    """Replace a method by a proxy of it, as OpenTelemetry does."""

    def replacement(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        seen.append(str(args[0].url))
        return wrapped(*args, **kwargs)

    return wrapt.FunctionWrapper(method, replacement)


REPLACEMENTS = [
    pytest.param(wrapped_by_functools, id="functools.wraps"),
    pytest.param(wrapped_by_wrapt, id="wrapt"),
]
TRANSPORTS = [
    pytest.param("sync", (httpx.HTTPTransport, "handle_request"), id="sync"),
    pytest.param("async", (httpx.AsyncHTTPTransport, "handle_async_request"), id="async"),
]


@pytest.mark.parametrize(("mode", "method"), TRANSPORTS)
@pytest.mark.parametrize("replace", REPLACEMENTS)
def test_a_replaced_method_of_httpx_sees_every_call(
    gateway_server: Server,
    replace: Any,
    mode: Mode,
    method: tuple[type, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Recorders and tracers replace a method of httpx's transport, and get the call's request."""
    seen: list[str] = []
    monkeypatch.setattr(*method, replace(getattr(*method), seen))
    server = gateway_server()
    called(mode, model_on(server), "invoke", "Hi")
    assert seen == [f"{server.base_url}/chat/completions"]


@pytest.mark.parametrize(("mode", "method"), TRANSPORTS)
def test_a_method_of_httpx_that_nobody_replaced_is_not_called(
    gateway_server: Server,
    mode: Mode,
    method: tuple[type, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call that nobody looks at goes straight to the pool, without the objects of httpx."""
    assert not is_replaced(getattr(*method))
    server = gateway_server()
    monkeypatch.setattr(httpx, "Request", None)
    called(mode, model_on(server), "invoke", "Hi")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        pytest.param([(b"X-Id", b"7")], {"x-id": "7"}, id="lower-case names"),
        pytest.param([(b"a", b"1"), (b"A", b"2")], {"a": "1, 2"}, id="one name twice"),
        pytest.param([(b"a", "é".encode())], {"a": "é"}, id="UTF-8"),
        pytest.param([(b"a", b"\xe9")], {"a": "é"}, id="Latin-1"),
    ],
)
def test_headers_of_a_pool_are_read_as_httpx_reads_them(
    pairs: list[tuple[bytes, bytes]], expected: dict[str, str]
) -> None:
    """Whoever looks at a call or does not, its headers are the same."""
    response = OpenResponse.of_pool(PoolResponse(200, pairs, Body(), {}))
    of_httpx = OpenResponse.of_client(httpx.Response(200, headers=pairs))
    assert (response.headers, of_httpx.headers) == (expected, expected)


@pytest.mark.parametrize(
    "error",
    [
        httpcore.ConnectTimeout("late"),
        httpcore.ReadTimeout("late"),
        httpcore.PoolTimeout("full"),
        httpcore.ReadError("broken"),
        httpcore.WriteError("broken"),
        httpcore.ConnectError("refused"),
        httpcore.ProxyError("407 Proxy Authentication Required"),
        httpcore.RemoteProtocolError("no HTTP"),
        httpcore.LocalProtocolError("a header"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_a_pool_is_mapped_as_that_of_httpx(error: Exception) -> None:
    """Errors of httpcore become ours as httpx's of the same name do."""
    of_httpx = getattr(httpx, type(error).__name__)(str(error))
    clock = CallTimeouts(Timeouts())
    mapped = [map_exception(each, "https://host", clock) for each in (error, of_httpx)]
    assert [(type(each), str(each)) for each in mapped] == [(type(mapped[0]), str(mapped[0]))] * 2
