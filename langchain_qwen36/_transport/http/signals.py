"""Distinguish exceptions of a signal handler, which are the caller's, from network errors."""

from __future__ import annotations

import inspect
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from langchain_qwen36._transport.http.exceptions import causes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType


def raised_in_signal_handler(error: BaseException) -> BaseException | None:
    """Return the exception of a signal handler that caused this one, if any.

    A handler that raises `TimeoutError`, or `OSError` as the example of Python's `signal` page
    does, interrupts a read just where the network would have raised the same.
    """
    if not (handlers := set(_handler_code())):
        return None
    for cause in causes(error):
        if not handlers.isdisjoint(_traceback_code(cause)):
            return cause
    return None


def _handler_code() -> Iterator[CodeType]:
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        function = getattr(handler, "func", handler)  # of a `functools.partial`
        if not callable(function):
            continue
        if not inspect.isroutine(function):
            function = type(function).__call__  # an object that can be called
        with suppress(ValueError):  # functions that wrap each other
            function = inspect.unwrap(function)
        code = getattr(function, "__code__", None)
        if code is not None:
            yield code


def _traceback_code(error: BaseException) -> Iterator[CodeType]:
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame.f_code
        traceback = traceback.tb_next
