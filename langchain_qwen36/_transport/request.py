"""Send one request whose response is no event stream: JSON, or a file."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from langchain_qwen36._response.errors import request_id
from langchain_qwen36._response.payload import HTTPBody, check_status
from langchain_qwen36._transport import http as _http
from langchain_qwen36._transport.backoff import asleep, sleep
from langchain_qwen36._transport.call import Attempts
from langchain_qwen36.errors import QwenError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from langchain_qwen36._response.payload import ResponseContext
    from langchain_qwen36._transport.call import ApiCall
    from langchain_qwen36._transport.http import HTTPResponse

_T = TypeVar("_T")


def send(call: ApiCall, parse: Callable[[ResponseContext, HTTPBody], _T]) -> _T:
    """Send a request, as often as the call allows, and return its parsed response.

    Args:
        call: The request, with its timeouts and retries.
        parse: Converts a response to the result, or raises a `QwenError`.

    Raises:
        QwenError: The last attempt failed.
    """
    attempts = Attempts(call)
    while True:
        try:
            clock = attempts.start()
            with _http.open_stream(call.target, attempts.body, clock) as response:
                body = HTTPBody(response.status, response.headers, response.read())
            result = parse(call.context, body)
        except QwenError as error:
            sleep(attempts.delay_or_raise(error))
        else:
            attempts.log_success(body.status, request_id(body.headers))
            return result


async def asend(call: ApiCall, parse: Callable[[ResponseContext, HTTPBody], _T]) -> _T:
    """`send`, async."""
    attempts = Attempts(call)
    while True:
        try:
            clock = attempts.start()
            async with _http.aopen_stream(call.target, attempts.body, clock) as response:
                body = HTTPBody(response.status, response.headers, await response.aread())
            result = parse(call.context, body)
        except QwenError as error:
            await asleep(attempts.delay_or_raise(error))
        else:
            attempts.log_success(body.status, request_id(body.headers))
            return result


def download(call: ApiCall, restart: Callable[[], object] | None = None) -> Generator[bytes]:
    """Yield the bytes of a response as they come, however many; close it on another way out.

    Args:
        call: The request, with its timeouts and retries.
        restart: Called before another attempt begins again with the first byte; without it no
            attempt follows once a byte was yielded.

    Raises:
        QwenError: The last attempt failed; no byte of an error response is yielded.
    """
    attempts, handed_out = Attempts(call), False
    while True:
        try:
            with _http.open_stream(call.target, attempts.body, attempts.start()) as response:
                if response.status != _OK:
                    check_status(call.context, _refusal(response, response.read()))
                for data in response:
                    response.clock.event()
                    handed_out = restart is None
                    yield data
        except QwenError as error:
            sleep(attempts.delay_or_raise(error, handed_out=handed_out))
            if restart is not None:
                restart()
        else:
            attempts.log_success(response.status, request_id(response.headers))
            return


async def adownload(
    call: ApiCall, restart: Callable[[], object] | None = None
) -> AsyncGenerator[bytes]:
    """`download`, async."""
    attempts, handed_out = Attempts(call), False
    while True:
        try:
            clock = attempts.start()
            async with _http.aopen_stream(call.target, attempts.body, clock) as response:
                if response.status != _OK:
                    check_status(call.context, _refusal(response, await response.aread()))
                async with aclosing(aiter(response)) as parts:
                    async for data in parts:
                        response.clock.event()
                        handed_out = restart is None
                        yield data
        except QwenError as error:
            await asleep(attempts.delay_or_raise(error, handed_out=handed_out))
            if restart is not None:
                restart()
        else:
            attempts.log_success(response.status, request_id(response.headers))
            return


_OK = 200


def _refusal(response: HTTPResponse, content: bytes) -> HTTPBody:
    return HTTPBody(response.status, response.headers, content)
