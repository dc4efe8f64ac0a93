"""When a failed call is tried again, and after how long; pure but for the waiting itself."""

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

_FIRST, _LONGEST = 0.5, 8.0
"""Seconds of back-off."""
_LONGEST_ASKED = 120.0
"""Seconds: who is asked to wait longer is told so at once (F19)."""
_MAX_DOUBLINGS = 10
_waits = True


def delay(
    error: QwenError,
    attempt: int,
    max_retries: int,
    *,
    dice: Callable[[], float] = random.random,
) -> float | None:
    """Seconds to wait before the next attempt; None when there is to be none.

    What may be retried the error knows: by its class, by the gateway's code, and by
    `x-should-retry`, which was read into it.

    Args:
        error: Why this attempt failed.
        attempt: Its number, from 1.
        max_retries: How many more than one there may be.
        dice: Returns a number from 0 to 1.
    """
    if not error.is_retryable or attempt > max_retries:
        return None
    if isinstance(error, UnexpectedResponseError) and attempt > 1:
        return None  # what is no answer twice will be none the third time (P72)
    if error.retry_after is not None:
        # All who were told the same time must not come back at the same time (F78).
        seconds = error.retry_after * (1 + 0.1 * dice())
        return seconds if error.retry_after <= _LONGEST_ASKED else None
    return _back_off(error, attempt, dice())


def _back_off(error: QwenError, attempt: int, dice: float) -> float:
    if isinstance(error, GatewayConnectionError) and attempt == 1:
        return 0.0  # a kept connection may have died just then: a new one is at hand (F5)
    seconds: float = _FIRST * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS)
    if isinstance(error, RateLimitError):
        return min(2 * seconds, _LONGEST) * dice  # full jitter (F78)
    return min(seconds, _LONGEST) * (1 - 0.25 * dice)


def sleep(seconds: float) -> None:
    """Wait, unless waiting is switched off."""
    if seconds and _waits:
        time.sleep(seconds)


async def asleep(seconds: float) -> None:
    """`sleep`, async."""
    if seconds and _waits:
        await asyncio.sleep(seconds)


@contextmanager
def no_waiting() -> Iterator[None]:
    """Retry without waiting inside this block, in the whole process: for tests."""
    global _waits  # noqa: PLW0603
    before, _waits = _waits, False
    try:
        yield
    finally:
        _waits = before
