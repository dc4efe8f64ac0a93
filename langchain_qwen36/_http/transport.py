"""One request and its answer: what is sent, where it may go, and how its bytes are read."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import warnings
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from langchain_qwen36._http import clients
from langchain_qwen36._http.clients import ClientSettings
from langchain_qwen36._http.encoding import ACCEPT_ENCODING, inflater
from langchain_qwen36._http.faults import address, told
from langchain_qwen36.errors import InvalidRequestError, QwenError, UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator, Mapping

    from langchain_qwen36._http.clocks import Clock

_HEADERS = {
    "accept": "application/json, text/event-stream",
    "accept-encoding": ACCEPT_ENCODING,
    "content-type": "application/json",
}
_MAX_ERROR_BYTES = 64 * 1024
_MAX_ERROR_SECONDS = 3.0
"""An error's body is read this far: a status is worth more than the end of its page (F65)."""
_MAX_ANSWER_BYTES = 256 * 1024 * 1024
_MAX_REDIRECTS = 3
_SAME_METHOD = (307, 308)
_REDIRECTS = (301, 302, 303, *_SAME_METHOD)
_FIRST_REFUSAL = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a request goes, with which headers, over whose connections."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """With the key in it; over those that the transport sets itself."""
    proxy: str | None = None
    """None takes the environment's, "" none at all."""
    max_connections: int = 1000
    """Of this process to the URL's origin, and of each event loop."""
    http_client: Any = None
    """The user's own, anything with httpx's `build_request` and `send`; never closed here."""
    http_async_client: Any = None


class Reply(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class _Place(NamedTuple):
    """A URL, taken apart once."""

    url: httpx.URL
    origin: str
    hops: int = 0
    """Redirects that led here."""


class Answer:
    """The start of an answer; iterate over it for its decoded bytes.

    Any read may raise `GatewayTimeoutError`, `GatewayConnectionError` or, for bytes that are
    not what their headers say, `UnexpectedResponseError`.
    """

    def __init__(self, response: Any, target: Target, clock: Clock) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers)
        """Lower-case names."""
        self.is_clocked = target.http_client is None
        """Whether every read ends with its clock; a user's own sync client knows no clock."""
        self._response = response
        self._target = target
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        with _translated(self._target, self._clock):
            if self._response.is_stream_consumed:  # a hook of the user's client read it
                yield self._response.content
                return
            inflate = inflater(self.headers)
            for data in self._response.stream:
                if not self.is_clocked:
                    self._clock.check()
                yield from inflate(data)

    def read(self) -> bytes:
        """Return the whole body; of an error only its start, and whatever came of it."""
        body = _Whole(self.status, self._clock)
        try:
            for data in self:
                if body.add(data):
                    break
        except QwenError:
            if not body.refused:
                raise
        return bytes(body.content)


class AsyncAnswer(Answer):
    """The same, to be read with `async for` and `aread`."""

    def __init__(self, response: Any, target: Target, clock: Clock) -> None:
        super().__init__(response, target, clock)
        self.is_clocked = True

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        with _translated(self._target, self._clock):
            if self._response.is_stream_consumed:
                yield self._response.content
                return
            inflate = inflater(self.headers)
            parts = self._response.stream
            if self._target.http_async_client is not None:
                parts = _clocked(parts, self._clock)
            async for data in parts:
                for piece in inflate(data):
                    yield piece

    async def aread(self) -> bytes:
        """Return the whole body; of an error only its start, and whatever came of it."""
        body = _Whole(self.status, self._clock)
        try:
            async for data in self:
                if body.add(data):
                    break
        except QwenError:
            if not body.refused:
                raise
        return bytes(body.content)


class _Whole:
    """A body that is being read to its end, or to where it is long enough."""

    def __init__(self, status: int, clock: Clock) -> None:
        self.content = bytearray()
        self._clock = clock
        self.refused = status >= _FIRST_REFUSAL
        if self.refused:
            clock.limit(_MAX_ERROR_SECONDS)

    def add(self, data: bytes) -> bool:
        """Take a piece; True when that is enough."""
        self.content += data
        if self.refused:
            del self.content[_MAX_ERROR_BYTES:]
            return len(self.content) == _MAX_ERROR_BYTES
        self._clock.event()
        if len(self.content) > _MAX_ANSWER_BYTES:
            raise UnexpectedResponseError(
                f"The answer is longer than {_MAX_ANSWER_BYTES} bytes.", is_retryable=False
            )
        return False


@contextmanager
def open_stream(target: Target, body: bytes, clock: Clock) -> Iterator[Answer]:
    """Send a request; inside the block its answer can be read, after it the connection is free.

    Raises:
        GatewayTimeoutError: one of the clocks ran out.
        GatewayConnectionError: the gateway cannot be reached, or the connection broke.
        CertificateError: its certificate does not verify.
        UnexpectedResponseError: it redirects to somewhere else.
    """
    with _translated(target, clock):
        place = _place(target.url)
        response = _send(target, place, body, clock)
        while there := _redirect(response, place):
            response.close()
            place = _followed(there, place, response.status_code)
            response = _send(target, place, body, clock)
    try:
        yield Answer(response, target, clock)
    finally:
        response.close()


@asynccontextmanager
async def aopen_stream(target: Target, body: bytes, clock: Clock) -> AsyncIterator[AsyncAnswer]:
    """`open_stream`, async."""
    with _translated(target, clock):
        place = _place(target.url)
        response = await _asend(target, place, body, clock)
        while there := _redirect(response, place):
            await response.aclose()
            place = _followed(there, place, response.status_code)
            response = await _asend(target, place, body, clock)
    try:
        yield AsyncAnswer(response, target, clock)
    finally:
        await response.aclose()


def post(target: Target, body: bytes, clock: Clock) -> Reply:
    """Send a request and read its answer whole; errors as in `open_stream`."""
    with open_stream(target, body, clock) as answer:
        return Reply(answer.status, answer.headers, answer.read())


async def apost(target: Target, body: bytes, clock: Clock) -> Reply:
    """`post`, async."""
    async with aopen_stream(target, body, clock) as answer:
        return Reply(answer.status, answer.headers, await answer.aread())


def _send(target: Target, place: _Place, body: bytes, clock: Clock) -> Any:
    client = target.http_client
    if client is None:
        transport = clients.sync_transport(_settings(target, place))
        return transport.handle_request(_request(target, place, body, clock))
    return client.send(_users_request(client, target, place, body, clock), **_AS_STREAM)


async def _asend(target: Target, place: _Place, body: bytes, clock: Clock) -> Any:
    client = target.http_async_client
    if client is None:
        transport = await clients.async_transport(_settings(target, place))
        return await transport.handle_async_request(_request(target, place, body, clock))
    request = _users_request(client, target, place, body, clock)
    async with asyncio.timeout(clock.left()):
        return await client.send(request, **_AS_STREAM)


_AS_STREAM = {"stream": True, "follow_redirects": False}


def _settings(target: Target, place: _Place) -> ClientSettings:
    return ClientSettings(place.origin, target.proxy, target.max_connections)


def _request(target: Target, place: _Place, body: bytes, clock: Clock) -> httpx.Request:
    _warn_of_plain_http(place, target)
    timeout = {"connect": clock.connect, "pool": clock.pool, "read": clock, "write": clock}
    return httpx.Request(
        "POST",
        place.url,
        headers={**_HEADERS, **target.headers},
        content=body,
        extensions={"timeout": timeout},
    )


def _users_request(
    client: Any, target: Target, place: _Place, body: bytes, clock: Clock
) -> httpx.Request:
    """Its sockets know nothing of our clock: its reads last as long as the longest wait."""
    _warn_of_plain_http(place, target)
    read = clock.left()
    request: httpx.Request = client.build_request(
        "POST",
        str(place.url),
        headers={**_HEADERS, **target.headers},
        content=body,
        timeout=(clock.connect, read, read, clock.pool),
    )
    return request


async def _clocked(parts: AsyncIterable[bytes], clock: Clock) -> AsyncIterator[bytes]:
    """Hold a user's client to the clock; our own sockets know it themselves."""
    reader = aiter(parts)
    while True:
        async with asyncio.timeout(clock.left()):
            try:
                part = await anext(reader)
            except StopAsyncIteration:
                return
        yield part


def _redirect(response: Any, place: _Place) -> httpx.URL | None:
    location = response.headers.get("location")
    if response.status_code not in _REDIRECTS or not location:
        return None
    return place.url.join(location)


def _followed(there: httpx.URL, place: _Place, status: int) -> _Place:
    """Where a redirect leads, if it stays at the origin: the key goes nowhere else (F11)."""
    if status in _SAME_METHOD and _origin(there) == place.origin and place.hops < _MAX_REDIRECTS:
        return _Place(there, place.origin, place.hops + 1)
    raise UnexpectedResponseError(
        f"{address(str(place.url))} redirects to {address(str(there))}, where neither the request "
        "nor the key is sent: if that is right, set `base_url=` to it.",
        status_code=status,
        is_retryable=False,
    )


@functools.lru_cache(maxsize=256)
def _place(url: str) -> _Place:
    shown = url.partition("?")[0]
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidRequestError(f"{shown!r} is no URL: {error}.") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidRequestError(f"{shown!r}: a URL begins with https:// or http:// and a host.")
    return _Place(parsed, _origin(parsed))


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _warn_of_plain_http(place: _Place, target: Target) -> None:
    if place.url.scheme == "http" and "authorization" in {name.lower() for name in target.headers}:
        _warn_of_public_host(place.origin)


@functools.cache
def _warn_of_public_host(origin: str) -> None:
    """Say once that a key crosses the open network unencrypted."""
    if _is_public(urlsplit(origin).hostname or ""):
        warnings.warn(f"The key goes to {origin} unencrypted: use https.", stacklevel=2)


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        # A name without a dot, or of a private zone, is resolved on the local network only.
        return "." in host and not host.endswith((".local", ".internal", ".localhost", ".lan"))


@contextmanager
def _translated(target: Target, clock: Clock) -> Iterator[None]:
    try:
        yield
    except QwenError:
        raise
    except Exception as error:
        found = told(error, _where(target), clock)
        if found is None:
            raise
        # What httpx cannot send it quotes, and that may be the key.
        raise found from (None if isinstance(found, InvalidRequestError) else error)


def _where(target: Target) -> str:
    if target.http_client is not None or target.http_async_client is not None:
        return address(target.url)
    return address(target.url, clients.proxy_of(_settings(target, _place(target.url))))
