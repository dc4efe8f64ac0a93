"""Send one request over shared connections, and return the head of its response."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import httpx

from langchain_qwen36._transport.http import connections as clients
from langchain_qwen36._transport.http.decoding import ACCEPT_ENCODING
from langchain_qwen36._transport.http.response import (
    AsyncHTTPResponse,
    HTTPResponse,
    MappedErrors,
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
            response.close()
            address = follow_redirect(there, address, response.status_code)
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
            await response.aclose()
            address = follow_redirect(there, address, response.status_code)
            response = await _asend(target, address, body, clock)
    return AsyncHTTPResponse(response, target, clock)


def _send(target: Target, address: RequestURL, body: RequestBody, clock: CallTimeouts) -> Any:
    client = target.http_client
    if client is None:
        transport = clients.sync_transport(pool_key(target, address))
        return transport.handle_request(_request(target, address, body, clock))
    return client.send(
        _users_request(client, target, address, body, clock, length=len(body)),
        **(_WITHOUT_AUTH if target.is_foreign else _AS_STREAM),
    )


async def _asend(
    target: Target, address: RequestURL, body: RequestBody, clock: CallTimeouts
) -> Any:
    client = target.http_async_client
    if client is None:
        transport = await clients.async_transport(pool_key(target, address))
        return await transport.handle_async_request(_request(target, address, body, clock))
    # An upload is both a sync and an async stream, and a client takes the first that it finds.
    content = body if isinstance(body, bytes) else aiter(body)
    request = _users_request(client, target, address, content, clock, length=len(body))
    async with within(clock):
        return await client.send(request, **(_WITHOUT_AUTH if target.is_foreign else _AS_STREAM))


def _request(
    target: Target, address: RequestURL, body: RequestBody, clock: CallTimeouts
) -> httpx.Request:
    timeout = {"connect": clock.connect, "pool": clock.pool, "read": clock, "write": clock}
    # As a stream, to which httpx adds no headers: that takes it as long as all the rest.
    request = httpx.Request(
        target.method,
        address.url,
        headers=_headers(target, address),
        stream=httpx.ByteStream(body) if isinstance(body, bytes) else body,
        extensions={"timeout": timeout, "new_connection": target.new_connection},
    )
    _set_length(request.headers, len(body))
    return request


def _set_length(headers: httpx.Headers, length: int) -> None:
    if length:
        headers["content-length"] = str(length)
    else:
        headers.pop("content-type", None)


def _headers(target: Target, address: RequestURL) -> httpx.Headers:
    return _encoded(address.origin, tuple(target.headers.items()))


@functools.lru_cache(maxsize=32)
def _encoded(origin: str, headers: tuple[tuple[str, str], ...]) -> httpx.Headers:
    """Return our headers under the target's, by lower-case names: none may be sent twice.

    A model's calls all have the same headers; callers must copy the result.
    """
    given = {name.lower(): value for name, value in headers}
    if "authorization" in given:
        warn_of_plain_http(origin)
    return httpx.Headers({"host": origin.partition("://")[2], **_HEADERS, **given})


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
    headers = _headers(target, address).copy()
    _set_length(headers, length)
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
