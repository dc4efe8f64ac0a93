"""Send one request over shared connections, and return the head of its response."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import httpx

from langchain_qwen36._transport.http import connections as clients
from langchain_qwen36._transport.http.decoding import ACCEPT_ENCODING
from langchain_qwen36._transport.http.http1 import PoolRequest
from langchain_qwen36._transport.http.httpx_transports import is_replaced
from langchain_qwen36._transport.http.response import (
    AsyncHTTPResponse,
    HTTPResponse,
    MappedErrors,
    OpenResponse,
    within,
)
from langchain_qwen36._transport.http.upload import UploadBody
from langchain_qwen36._transport.http.urls import (
    follow_redirect,
    parse_url,
    pool_key,
    redirect,
    warn_of_plain_http,
)

if TYPE_CHECKING:
    from langchain_qwen36._transport.http.urls import RequestURL
    from langchain_qwen36._transport.target import Target
    from langchain_qwen36._transport.timeouts import CallTimeouts

_HEADERS = {
    "accept": "application/json, text/event-stream",
    "accept-encoding": ACCEPT_ENCODING,
    "content-type": "application/json",
}
_FRAMING = frozenset({"content-length", "transfer-encoding"})
"""Headers that say where the body ends, which is known here alone."""
_AS_STREAM = {"stream": True, "follow_redirects": False}
_WITHOUT_AUTH = {**_AS_STREAM, "auth": None}


RequestBody = bytes | UploadBody
"""The bytes of a request; none mean no body."""


def open_stream(target: Target, body: RequestBody, clock: CallTimeouts) -> HTTPResponse:
    """Send a request and return the head of its response.

    Use the response in a `with` block: inside it the body can be read, after it the connection is
    free.

    Raises:
        GatewayTimeoutError: One of the clocks ran out.
        GatewayConnectionError: The gateway cannot be reached, or the connection broke.
        CertificateError: The gateway's certificate does not verify.
        UnexpectedResponseError: The gateway redirects to another origin.
    """
    with MappedErrors(target, clock):
        address = parse_url(target.url)
        response = _send(target, address, body, clock)
        while there := redirect(response, address):
            response.closable.close()
            address = follow_redirect(there, address, response.status)
            response = _send(target, address, body, clock)
    return HTTPResponse(response, target, clock)


def aopen_stream(target: Target, body: RequestBody, clock: CallTimeouts) -> OpenStream:
    """Return `open_stream` as an `async with` block."""
    return OpenStream(target, body, clock)


class OpenStream:
    """The `async with` block of `aopen_stream`: entering it sends the request."""

    def __init__(self, target: Target, body: RequestBody, clock: CallTimeouts) -> None:
        self._sent = target, body, clock
        self._response: AsyncHTTPResponse | None = None

    async def __aenter__(self) -> AsyncHTTPResponse:
        self._response = await _aopen(*self._sent)
        return self._response

    async def __aexit__(self, *_: object) -> None:
        if self._response is not None:
            await self._response.aclose()


async def _aopen(target: Target, body: RequestBody, clock: CallTimeouts) -> AsyncHTTPResponse:
    with MappedErrors(target, clock):
        address = parse_url(target.url)
        response = await _asend(target, address, body, clock)
        while there := redirect(response, address):
            await response.closable.aclose()
            address = follow_redirect(there, address, response.status)
            response = await _asend(target, address, body, clock)
    return AsyncHTTPResponse(response, target, clock)


def _send(
    target: Target, address: RequestURL, body: RequestBody, clock: CallTimeouts
) -> OpenResponse:
    if target.http_client is not None:
        return _send_by_client(target.http_client, target, address, body, clock)
    transport = clients.sync_transport(pool_key(target, address))
    request = _request(target, address, body, clock)
    if is_replaced(httpx.HTTPTransport.handle_request):
        return OpenResponse.of_client(transport.handle_request(_of_httpx(request, address)))
    return OpenResponse.of_pool(transport.pool.handle_request(request))


async def _asend(
    target: Target, address: RequestURL, body: RequestBody, clock: CallTimeouts
) -> OpenResponse:
    if target.http_async_client is not None:
        return await _asend_by_client(target.http_async_client, target, address, body, clock)
    transport = await clients.async_transport(pool_key(target, address))
    request = _request(target, address, body, clock)
    if is_replaced(httpx.AsyncHTTPTransport.handle_async_request):
        response = await transport.handle_async_request(_of_httpx(request, address))
        return OpenResponse.of_client(response)
    return OpenResponse.of_pool(await transport.pool.handle_async_request(request))


def _send_by_client(
    client: Any, target: Target, address: RequestURL, body: RequestBody, clock: CallTimeouts
) -> OpenResponse:
    request = _users_request(client, target, address, body, clock, length=len(body))
    options = _WITHOUT_AUTH if target.is_foreign else _AS_STREAM
    return OpenResponse.of_client(client.send(request, **options))


async def _asend_by_client(
    client: Any, target: Target, address: RequestURL, body: RequestBody, clock: CallTimeouts
) -> OpenResponse:
    # An upload is both a sync and an async stream, and a client takes the first that it finds.
    content = body if isinstance(body, bytes) else aiter(body)
    request = _users_request(client, target, address, content, clock, length=len(body))
    options = _WITHOUT_AUTH if target.is_foreign else _AS_STREAM
    async with within(clock):
        return OpenResponse.of_client(await client.send(request, **options))


def _request(
    target: Target, address: RequestURL, body: RequestBody, clock: CallTimeouts
) -> PoolRequest:
    timeout = {"connect": clock.connect, "pool": clock.pool, "read": clock, "write": clock}
    extensions = {"timeout": timeout, "new_connection": target.new_connection}
    headers = _headers(target, address, len(body))
    return PoolRequest(_method(target.method), address.wire_url, headers, body, extensions)


def _of_httpx(request: PoolRequest, address: RequestURL) -> httpx.Request:
    """Return a request as httpx's transport takes it."""
    body = request.stream
    # As a stream, to which httpx adds no headers.
    return httpx.Request(
        request.method.decode("ascii"),
        address.url,
        headers=request.headers,
        stream=httpx.ByteStream(body) if isinstance(body, bytes) else body,
        extensions=request.extensions,
    )


@functools.lru_cache(maxsize=16)
def _method(name: str) -> bytes:
    return name.encode("ascii")


def _headers(target: Target, address: RequestURL, length: int) -> list[tuple[bytes, bytes]]:
    headers = _encoded(address.origin, tuple(target.headers.items()))
    if length:
        return [*headers, (b"content-length", b"%d" % length)]
    return [(name, value) for name, value in headers if name != b"content-type"]


@functools.lru_cache(maxsize=32)
def _encoded(origin: str, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    """Return our headers under the target's, by lower-case names: none may be sent twice.

    A model's calls all have the same headers.
    """
    given = {name.lower(): value for name, value in headers if name.lower() not in _FRAMING}
    if "authorization" in given:
        warn_of_plain_http(origin)
    host = origin.partition("://")[2]
    return tuple(httpx.Headers({"host": host, **_HEADERS, **given}).raw)


def _users_request(
    client: Any,
    target: Target,
    address: RequestURL,
    content: Any,
    clock: CallTimeouts,
    *,
    length: int,
) -> httpx.Request:
    """Build the request of a user's client, whose reads may take the longest timeout."""
    read = clock.remaining()
    headers = httpx.Headers(_headers(target, address, length))
    request: httpx.Request = client.build_request(
        target.method,
        str(address.url),
        headers=headers,
        content=content or None,
        timeout=(clock.connect, read, read, clock.pool),
    )
    if target.is_foreign:
        for name in request.headers.keys() - headers.keys():
            del request.headers[name]
    return request
