"""A process that shares a rate limit with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_qwen36.rate_limits import SharedRateLimiter, redis_store

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def count(pipe: Connection, key: str, url: str) -> None:
    """Send how many of eight calls may begin at once."""
    redis_store._ANSWER_SECONDS = 30.0  # a busy machine's Redis is not a dead one
    limiter = SharedRateLimiter(key, requests=10, tokens=100_000, storage=url)
    pipe.send(sum(limiter.acquire(blocking=False) for _ in range(8)))
