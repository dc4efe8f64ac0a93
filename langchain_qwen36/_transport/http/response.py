"""Read a response: its head, and its decoded bytes as they come."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from langchain_qwen36._response.payload import HTTP_ERROR_FROM
from langchain_qwen36._transport.http.decoding import decoder_for
from langchain_qwen36._transport.http.exceptions import map_exception
from langchain_qwen36._transport.http.signals import raised_in_signal_handler
from langchain_qwen36._transport.http.urls import describe_target
from langchain_qwen36._transport.timeouts import ClockExpired
from langchain_qwen36.errors import InvalidRequestError, QwenError, UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator, Mapping

    from langchain_qwen36._transport.http.http1 import PoolResponse
    from langchain_qwen36._transport.target import Target
    from langchain_qwen36._transport.timeouts import CallTimeouts

_MAX_ERROR_BYTES = 64 * 1024
_MAX_ERROR_SECONDS = 3.0
"""Most seconds for an error's body: the status is worth more than the end of the page."""
_MAX_ANSWER_BYTES = 256 * 1024 * 1024


class OpenResponse(NamedTuple):
    """A response whose body waits to be read: a client's, or a pool's."""

    status: int
    headers: Mapping[str, str]
    """Headers with lower-case names."""
    stream: Any
    """The body, piece by piece as it comes; not decoded yet."""
    closable: Any
    """What is closed when the response is not needed any more."""
    content: bytes | None = None
    """The body, decoded, if a hook of the user's client read it."""

    def __repr__(self) -> str:
        """Leave out the headers: the URL of a redirect may hold a key in its query."""
        return f"OpenResponse({self.status})"

    @classmethod
    def of_client(cls, response: Any) -> OpenResponse:
        """Take the response of httpx, of its fork httpx2, or of a user's own client like them."""
        content = response.content if response.is_stream_consumed else None
        headers = dict(response.headers.items())
        return cls(response.status_code, headers, response.stream, response, content)

    @classmethod
    def of_pool(cls, response: PoolResponse) -> OpenResponse:
        """Take the response of a pool."""
        return cls(response.status, _joined(response.headers), response.stream, response.stream)


def _joined(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name; the values of one name become one, as httpx joins them."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class HTTPResponse:
    """The head of a response; iterate over it for its decoded bytes.

    Any read may raise `GatewayTimeoutError`, `GatewayConnectionError` or, for bytes that do not fit
    their headers, `UnexpectedResponseError`.
    """

    def __init__(self, response: OpenResponse, target: Target, clock: CallTimeouts) -> None:
        self.status = response.status
        self.headers = response.headers
        """Headers with lower-case names."""
        self.is_clocked = target.http_client is None
        """Whether the clock limits every read; a user's own sync client knows no clock."""
        self._response = response
        self._target = target
        self.clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._response.closable.close()

    def check_clock(self) -> None:
        """Raise `GatewayTimeoutError` if a clock ran out while the caller was working."""
        with MappedErrors(self._target, self.clock):
            self.clock.check()

    def __iter__(self) -> Iterator[bytes]:
        with MappedErrors(self._target, self.clock):
            if self._response.content is not None:
                yield self._response.content
                return
            inflate = decoder_for(self.headers)
            for data in self._response.stream:
                for piece in inflate(data):
                    yield piece
                    self.clock.check()
                data = piece = b""  # noqa: PLW2901 - not held while the next read waits

    def read(self) -> bytes:
        """Return the whole body; of an error only its start, as much as came in time."""
        body = _BodyCollector(self.status, self.clock)
        try:
            for data in self:
                if body.add(data):
                    break
        except QwenError:
            if not body.refused:
                raise
        return bytes(body.content)


class AsyncHTTPResponse(HTTPResponse):
    """An `HTTPResponse` that is read with `async for` and `aread`."""

    def __init__(self, response: OpenResponse, target: Target, clock: CallTimeouts) -> None:
        super().__init__(response, target, clock)
        self.is_clocked = True

    async def aclose(self) -> None:
        """Free the connection."""
        await self._response.closable.aclose()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        with MappedErrors(self._target, self.clock):
            if self._response.content is not None:
                yield self._response.content
                return
            inflate = decoder_for(self.headers)
            parts = self._response.stream
            if self._target.http_async_client is not None:
                parts = _clocked(parts, self.clock)
            async for data in parts:
                for piece in inflate(data):
                    yield piece
                    self.clock.check()
                data = piece = b""  # noqa: PLW2901 - not held while the next read waits

    async def aread(self) -> bytes:
        """Return the whole body; of an error only its start, as much as came in time."""
        body = _BodyCollector(self.status, self.clock)
        try:
            async for data in self:
                if body.add(data):
                    break
        except QwenError:
            if not body.refused:
                raise
        return bytes(body.content)


class _BodyCollector:
    """A body that is read to its end, or until it is long enough."""

    def __init__(self, status: int, clock: CallTimeouts) -> None:
        self.content = bytearray()
        self._clock = clock
        self.refused = status >= HTTP_ERROR_FROM
        if self.refused:
            clock.cap(_MAX_ERROR_SECONDS)

    def add(self, data: bytes) -> bool:
        """Add a piece; return True if that is enough."""
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


async def _clocked(parts: AsyncIterable[bytes], clock: CallTimeouts) -> AsyncIterator[bytes]:
    """Apply the clock to a user's client; our own sockets have it built in."""
    reader = aiter(parts)
    while True:
        async with within(clock):
            try:
                part = await anext(reader)
            except StopAsyncIteration:
                return
        yield part


@asynccontextmanager
async def within(clock: CallTimeouts) -> AsyncIterator[None]:
    """Apply the clock to a user's async client.

    Raises:
        ClockExpired: The clock ran out; another `TimeoutError` is the client's, or the caller's.
    """
    try:
        async with asyncio.timeout(clock.remaining()) as timeout:
            yield
    except TimeoutError:
        if timeout.expired():
            raise ClockExpired from None
        raise


class MappedErrors:
    """Converts a client's exceptions in this block to our errors.

    It is a class, since `contextlib.contextmanager` costs 1 % of a call for each block.
    """

    __slots__ = ("_clock", "_target")

    def __init__(self, target: Target, clock: CallTimeouts) -> None:
        self._target = target
        self._clock = clock

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Raise our error in place of a client's."""
        if not isinstance(error, Exception) or isinstance(error, QwenError):
            return
        if (foreign := raised_in_signal_handler(error)) is not None:
            raise foreign from None
        mapped = map_exception(error, describe_target(self._target), self._clock)
        if mapped is not None:
            # httpx quotes what it cannot send, and that may be the key.
            raise mapped from (None if isinstance(mapped, InvalidRequestError) else error)
