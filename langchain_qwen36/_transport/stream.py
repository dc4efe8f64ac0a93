"""A call whose answer comes piece by piece."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, TypeVar

from langchain_qwen36._request.types import Meta
from langchain_qwen36._response.errors import request_id
from langchain_qwen36._response.stream_decoder import Feed, Reader
from langchain_qwen36._transport import http as _http
from langchain_qwen36._transport.backoff import asleep, sleep
from langchain_qwen36._transport.call import Attempts
from langchain_qwen36.errors import QwenError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator

    from langchain_qwen36._request.types import Delta
    from langchain_qwen36._transport.call import Call
    from langchain_qwen36._transport.http import Answer, AsyncAnswer, Clock

R = TypeVar("R", bound=Reader)


class StreamCall(Generic[R]):
    """Iterate over it, with `for` or `async for`, for lists of deltas; once.

    Close the iterator on every other way out than its end (`contextlib.closing`, `aclosing`):
    that closes the connection. Before the last list is handed out, the connection is free (T19).

    `reader` is the last attempt's reader; `meta` is there once the answer has begun.

    Args:
        call: What is sent.
        new_reader: Makes the reader of an attempt.
        restart: The caller looks at `reader` at the end and at no delta before: a stream that
            breaks may then begin again from zero at any point (P52).

    Raises:
        QwenError: while iterating. It carries `partial` and `chunks`, and no attempt follows once
            a delta was handed out (F79).
    """

    reader: R

    def __init__(self, call: Call, new_reader: Callable[[], R], *, restart: bool = False) -> None:
        self.meta = Meta()
        self._call = call
        self._new_reader = new_reader
        self._restart = restart
        self._attempts = Attempts(call)
        self._handed_out = False

    def __iter__(self) -> Generator[list[Delta], None, None]:
        while True:
            try:
                sent, clock = self._attempts.body, self._attempts.next()
                with _http.open_stream(self._call.target, sent, clock) as answer:
                    feed = self._begin(answer, clock)
                    yield from self._deltas(answer, feed, clock)
                last = feed.finish()
            except QwenError as error:
                sleep(self._wait_after(error))
            else:
                break
        self._attempts.succeeded(answer.status, self.meta.request_id)
        if last:
            yield last

    async def __aiter__(self) -> AsyncGenerator[list[Delta], None]:
        while True:
            try:
                clock = self._attempts.next()
                async with _http.aopen_stream(
                    self._call.target, self._attempts.body, clock
                ) as answer:
                    feed = self._begin(answer, clock)
                    async with aclosing(self._adeltas(answer, feed, clock)) as batches:
                        async for deltas in batches:
                            yield deltas
                last = feed.finish()
            except QwenError as error:
                await asleep(self._wait_after(error))
            else:
                break
        self._attempts.succeeded(answer.status, self.meta.request_id)
        if last:
            yield last

    def _deltas(self, answer: Answer, feed: Feed, clock: Clock) -> Iterator[list[Delta]]:
        if feed.is_whole:
            feed.take_whole(answer.read())
            return
        try:
            for data in answer:
                if deltas := feed.take(data):
                    self._handed_out = True
                    yield deltas
                    clock.event()
                if feed.ended:
                    return
        except QwenError as error:
            feed.broke(error)

    async def _adeltas(
        self, answer: AsyncAnswer, feed: Feed, clock: Clock
    ) -> AsyncGenerator[list[Delta], None]:
        if feed.is_whole:
            feed.take_whole(await answer.aread())
            return
        try:
            async with aclosing(aiter(answer)) as pieces:
                async for data in pieces:
                    if deltas := feed.take(data):
                        self._handed_out = True
                        yield deltas
                        clock.event()
                    if feed.ended:
                        return
        except QwenError as error:
            feed.broke(error)

    def _begin(self, answer: Answer, clock: Clock) -> Feed:
        self.reader = self._new_reader()
        id_ = request_id(answer.headers)
        self.meta = Meta(request_id=id_, headers=answer.headers, attempts=self._attempts.count)
        return Feed(self._call, self.reader, answer, clock)

    def _wait_after(self, error: QwenError) -> float:
        handed_out = self._handed_out and not self._restart
        return self._attempts.wait_after(error, handed_out=handed_out)
