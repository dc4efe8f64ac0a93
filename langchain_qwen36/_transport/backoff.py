"""Decide whether a failed attempt is followed by another, and after how many seconds."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from langchain_qwen36.errors import (
    GatewayConnectionError,
    QwenError,
    RateLimitError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MIN_BACKOFF, _MAX_BACKOFF = 0.5, 8.0
"""Seconds of back-off after the first failure, and at most."""
_MAX_RETRY_AFTER = 120.0
"""Most seconds; a longer Retry-After fails at once, for the caller to decide."""
_MAX_DOUBLINGS = 10
_waits = True


def delay(
    error: QwenError,
    attempt: int,
    max_retries: int,
    *,
    dice: Callable[[], float] = random.random,
) -> float | None:
    """Return the seconds to wait before the next attempt; None: there is no further attempt.

    Whether an error may be retried is a field of the error, set by its class, by the gateway's
    code, and by the header `x-should-retry`.

    Args:
        error: The error of this attempt.
        attempt: The number of this attempt, from 1.
        max_retries: Most attempts after the first.
        dice: Returns a number from 0 to 1.
    """
    if not error.is_retryable or attempt > max_retries:
        return None
    if isinstance(error, UnexpectedResponseError) and attempt > 1:
        return None  # a second body that is no completion will not become one
    if error.retry_after is not None:
        # Clients that were given the same time must not return at the same moment.
        seconds = error.retry_after * (1 + 0.1 * dice())
        return seconds if error.retry_after <= _MAX_RETRY_AFTER else None
    return _back_off(error, attempt, dice())


def _back_off(error: QwenError, attempt: int, dice: float) -> float:
    if isinstance(error, GatewayConnectionError) and attempt == 1:
        return 0.0  # a broken connection says nothing about the server: try a new one at once
    seconds: float = _MIN_BACKOFF * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS)
    if isinstance(error, RateLimitError):
        return min(2 * seconds, _MAX_BACKOFF) * dice  # full jitter: many clients share a limit
    return min(seconds, _MAX_BACKOFF) * (1 - 0.25 * dice)


def sleep(seconds: float) -> None:
    """Wait, unless waiting is switched off."""
    if seconds and _waits:
        time.sleep(seconds)


async def asleep(seconds: float) -> None:
    """`sleep`, async."""
    if seconds and _waits:
        await asyncio.sleep(seconds)


def waits() -> bool:
    """Return whether waiting is switched on."""
    return _waits


@contextmanager
def no_waiting() -> Iterator[None]:
    """Retry without waiting inside this block, in the whole process: for tests."""
    global _waits  # noqa: PLW0603
    before, _waits = _waits, False
    try:
        yield
    finally:
        _waits = before
