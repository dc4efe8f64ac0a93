"""Send one model call and read its response event by event."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from langchain_qwen36._response.delta import TransportInfo
from langchain_qwen36._response.errors import request_id
from langchain_qwen36._response.stream_decoder import StreamDecoder
from langchain_qwen36._transport import http as _http
from langchain_qwen36._transport.backoff import asleep, sleep
from langchain_qwen36._transport.call import Attempts
from langchain_qwen36.errors import QwenError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping

    from langchain_qwen36._response.delta import Delta
    from langchain_qwen36._response.reader import CompletionReader
    from langchain_qwen36._transport.call import ApiCall
    from langchain_qwen36._transport.http import AsyncHTTPResponse, HTTPResponse

_NO_RESPONSE = TransportInfo()
_DRAIN_SECONDS = 0.1
"""Seconds to wait for the end of the response after `[DONE]`, to keep its connection."""


class RequestGate(Protocol):
    """Admits each request of a call that follows a request which the gateway may bill."""

    def next_request(self, billed: Mapping[str, Any]) -> None:
        """Record a request that may be billed, and admit the next one, or raise."""
        ...

    async def anext_request(self, billed: Mapping[str, Any]) -> None:
        """`next_request`, async."""
        ...


class StreamCall:
    """Iterates, with `for` or `async for`, over lists of deltas; once.

    Close the iterator on every other way out than its end (`contextlib.closing`, `aclosing`): that
    closes the connection. The connection is free before the last list is yielded.

    `reader` is the last attempt's reader; `meta` is set once the answer has begun.

    Args:
        call: The request, with its timeouts and retries.
        new_reader: Makes the reader of an attempt.
        gate: Admits each attempt after one that the gateway may bill.
        restart: Whether the caller reads only `reader`, at the end, and no delta before: a stream
            that breaks may then begin again at any point.

    Raises:
        QwenError: While iterating. It carries `partial` and `chunks`, and no attempt follows once a
            delta was yielded: it would come twice.
    """

    reader: CompletionReader

    def __init__(
        self,
        call: ApiCall,
        new_reader: Callable[[], CompletionReader],
        gate: RequestGate | None = None,
        *,
        restart: bool = False,
    ) -> None:
        self._gate = gate
        self.meta = _NO_RESPONSE
        self._call = call
        self._new_reader = new_reader
        self._restart = restart
        self._attempts = Attempts(call)
        self._handed_out = False

    def __iter__(self) -> Generator[list[Delta], None, None]:
        while True:
            try:
                sent, clock = self._attempts.body, self._attempts.start()
                with _http.open_stream(self._call.target, sent, clock) as response:
                    decoder = self._begin(response)
                    if decoder.is_single_body:
                        decoder.feed_body(response.read())
                    else:
                        yield from self._deltas(response, decoder)
                last = decoder.finish()
            except QwenError as error:
                seconds = self._delay_or_raise(error)
                if self._gate is not None and (billed := self._attempts.take_billed()):
                    with self._attempts.refused_after(error):
                        self._gate.next_request(billed)
                sleep(seconds)
            else:
                break
        self._end(response)
        if last:
            yield last

    async def __aiter__(self) -> AsyncGenerator[list[Delta], None]:
        while True:
            try:
                clock = self._attempts.start()
                async with _http.aopen_stream(
                    self._call.target, self._attempts.body, clock
                ) as response:
                    decoder = self._begin(response)
                    if decoder.is_single_body:
                        decoder.feed_body(await response.aread())
                    else:
                        async with aclosing(self._adeltas(response, decoder)) as batches:
                            async for deltas in batches:
                                yield deltas
                last = decoder.finish()
            except QwenError as error:
                seconds = self._delay_or_raise(error)
                if self._gate is not None and (billed := self._attempts.take_billed()):
                    with self._attempts.refused_after(error):
                        await self._gate.anext_request(billed)
                await asleep(seconds)
            else:
                break
        self._end(response)
        if last:
            yield last

    def _deltas(self, response: HTTPResponse, decoder: StreamDecoder) -> Iterator[list[Delta]]:
        try:
            for data in response:
                deltas = decoder.feed(data)
                del data  # not held while the next read waits
                if deltas:
                    self._handed_out = True
                    yield from _portions(deltas, response)
                if _is_enough(response, decoder):
                    return
        except QwenError as error:
            decoder.connection_failed(error)

    async def _adeltas(
        self, response: AsyncHTTPResponse, decoder: StreamDecoder
    ) -> AsyncGenerator[list[Delta], None]:
        try:
            async with aclosing(aiter(response)) as parts:
                async for data in parts:
                    deltas = decoder.feed(data)
                    del data  # not held while the next read waits
                    if deltas:
                        self._handed_out = True
                        for portion in _portions(deltas, response):
                            yield portion
                    if _is_enough(response, decoder):
                        return
        except QwenError as error:
            decoder.connection_failed(error)

    def _begin(self, response: HTTPResponse) -> StreamDecoder:
        self.reader = self._new_reader()
        id_ = request_id(response.headers)
        self.meta = TransportInfo(
            request_id=id_,
            headers=response.headers,
            attempts=self._attempts.count,
            failed_attempts=tuple(self._attempts.failed),
        )
        return StreamDecoder(self._call.context, self.reader, response.status, response.headers)

    def _end(self, response: HTTPResponse) -> None:
        if not self._call.is_stream and self.meta.request_id is None:
            self.meta = replace(self.meta, request_id=request_id({}, self.reader.metadata))
        self._attempts.log_success(response.status, self.meta.request_id)

    def _delay_or_raise(self, error: QwenError) -> float:
        handed_out = self._handed_out and not self._restart
        return self._attempts.delay_or_raise(error, handed_out=handed_out)


def _portions(deltas: list[Delta], response: HTTPResponse) -> Iterable[list[Delta]]:
    """Split deltas if the call has a deadline, which also ends a call whose caller is slow."""
    return _one_by_one(deltas, response) if response.clock.has_deadline else (deltas,)


def _one_by_one(deltas: list[Delta], response: HTTPResponse) -> Iterator[list[Delta]]:
    for delta in deltas:
        yield [delta]
        response.check_clock()


def _is_enough(response: HTTPResponse, decoder: StreamDecoder) -> bool:
    """Update the clock after a read, and return whether no more bytes are needed.

    The gap starts here, after the caller is back from its chunks.
    """
    if decoder.saw_event:
        response.clock.event()
    if not decoder.done:
        return decoder.ended
    response.clock.cap(_DRAIN_SECONDS)
    return decoder.ended or not response.is_clocked
