"""The head of a response, and its decoded bytes as they are read."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from langchain_qwen36._response.payload import HTTP_ERROR_FROM
from langchain_qwen36._transport.http.decoding import decoder_for
from langchain_qwen36._transport.http.exceptions import map_exception
from langchain_qwen36._transport.http.signals import raised_in_signal_handler
from langchain_qwen36._transport.http.urls import describe_target
from langchain_qwen36._transport.timeouts import ClockExpired
from langchain_qwen36.errors import InvalidRequestError, QwenError, UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator, Mapping

    from langchain_qwen36._transport.target import Target
    from langchain_qwen36._transport.timeouts import CallTimeouts

_MAX_ERROR_BYTES = 64 * 1024
_MAX_ERROR_SECONDS = 3.0
"""How much of an error's body is read: its status is worth more than the end of its page."""
_MAX_ANSWER_BYTES = 256 * 1024 * 1024


class HTTPResponse:
    """The head of a response; iterate over it for its decoded bytes.

    Any read may raise `GatewayTimeoutError`, `GatewayConnectionError` or, for bytes that are
    not what their headers say, `UnexpectedResponseError`.
    """

    def __init__(self, response: Any, target: Target, clock: CallTimeouts) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers.items())
        """Lower-case names."""
        self.is_clocked = target.http_client is None
        """Whether every read ends with its clock; a user's own sync client knows no clock."""
        self._response = response
        self._target = target
        self.clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    def check_clock(self) -> None:
        """Raise `GatewayTimeoutError` if a clock ran out while the caller was at work."""
        with MappedErrors(self._target, self.clock):
            self.clock.check()

    def __iter__(self) -> Iterator[bytes]:
        with MappedErrors(self._target, self.clock):
            if self._response.is_stream_consumed:  # a hook of the user's client read it
                yield self._response.content
                return
            inflate = decoder_for(self.headers)
            for data in self._response.stream:
                for piece in inflate(data):
                    yield piece
                    self.clock.check()

    def read(self) -> bytes:
        """Return the whole body; of an error only its start, and whatever came of it."""
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
    """The same, to be read with `async for` and `aread`."""

    def __init__(self, response: Any, target: Target, clock: CallTimeouts) -> None:
        super().__init__(response, target, clock)
        self.is_clocked = True

    async def aclose(self) -> None:
        """Free the connection."""
        await self._response.aclose()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        with MappedErrors(self._target, self.clock):
            if self._response.is_stream_consumed:
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

    async def aread(self) -> bytes:
        """Return the whole body; of an error only its start, and whatever came of it."""
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
    """A body that is being read to its end, or to where it is long enough."""

    def __init__(self, status: int, clock: CallTimeouts) -> None:
        self.content = bytearray()
        self._clock = clock
        self.refused = status >= HTTP_ERROR_FROM
        if self.refused:
            clock.cap(_MAX_ERROR_SECONDS)

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


async def _clocked(parts: AsyncIterable[bytes], clock: CallTimeouts) -> AsyncIterator[bytes]:
    """Hold a user's client to the clock; our own sockets know it themselves."""
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
    """Hold a user's async client to the clock.

    Raises:
        ClockExpired: it ran out; another `TimeoutError` is the client's, or the caller's.
    """
    try:
        async with asyncio.timeout(clock.remaining()) as timeout:
            yield
    except TimeoutError:
        if timeout.expired():
            raise ClockExpired from None
        raise


class MappedErrors:
    """Have what a client raises in this block come out as one of our errors.

    A class, since `contextlib.contextmanager` costs 1 % of a call for each block.
    """

    __slots__ = ("_clock", "_target")

    def __init__(self, target: Target, clock: CallTimeouts) -> None:
        self._target = target
        self._clock = clock

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Raise our error in the place of a client's."""
        if not isinstance(error, Exception) or isinstance(error, QwenError):
            return
        if (foreign := raised_in_signal_handler(error)) is not None:
            raise foreign from None
        mapped = map_exception(error, describe_target(self._target), self._clock)
        if mapped is not None:
            # What httpx cannot send it quotes, and that may be the key.
            raise mapped from (None if isinstance(mapped, InvalidRequestError) else error)
