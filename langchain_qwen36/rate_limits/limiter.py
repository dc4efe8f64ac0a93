"""Limits of requests and tokens per key that threads, processes and machines share."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import ChatGeneration
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables.config import run_in_executor
from typing_extensions import override

if TYPE_CHECKING:
    from langchain_core.outputs import LLMResult

logger = logging.getLogger(__name__)


class SharedRateLimiter(BaseRateLimiter, BaseCallbackHandler):
    """Holds calls back until they fit into the limits of their key.

        limiter = SharedRateLimiter(key, requests=600, tokens=1_000_000, storage="redis://host")
        model = ChatQwen36(rate_limiter=limiter, callbacks=[limiter])

    As `rate_limiter` it waits before each call; as a callback it learns how many tokens the call
    really took. Every call is charged `tokens_per_call` before it is made, and the difference
    with the next one, so that a minute's sum is right though nobody knows an answer's length
    before. Both counts slide: what was used a window ago counts less and less.

    Needs the extra `limits`. A storage that cannot be reached lets calls through with one
    warning, for a limiter that raises would leave a started run without an end (T27); the
    gateway's own limit is still there, and its 429 is retried.
    """

    run_inline = True

    def __init__(
        self,
        key: str,
        *,
        requests: int | None = None,
        tokens: int | None = None,
        seconds: int = 60,
        tokens_per_call: int = 1000,
        storage: str = "memory://",
        check_every_seconds: float = 0.1,
    ) -> None:
        """Say the limits.

        Args:
            key: The API key, or a name for it; the storage sees its hash only.
            requests: How many requests may begin in a window; None: any number.
            tokens: How many tokens, input and output, may be used in a window; None: any number.
            seconds: The window's length; gateways count by the minute.
            tokens_per_call: What a call is expected to take.
            storage: `memory://` for this process, `redis://host:6379/0` for many machines, or
                another address that the `limits` package knows.
            check_every_seconds: How often a waiting call looks again.

        Raises:
            ImportError: the extra `limits` is not installed.
            ValueError: no limit at all, or one that no call could keep to.
        """
        if requests is None and tokens is None:
            raise ValueError("Say a limit: `requests=`, `tokens=`, or both.")
        least = min(1 if requests is None else requests, seconds, tokens_per_call)
        if least < 1 or check_every_seconds <= 0:
            raise ValueError("`requests`, `seconds`, `tokens_per_call` and the check must be > 0.")
        if tokens is not None and tokens < tokens_per_call:
            raise ValueError(
                f"`tokens={tokens}` is less than one call's `tokens_per_call={tokens_per_call}`."
            )
        self._windows, item = _limits(storage)
        self._key = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        self._requests = requests and item(requests, seconds, "qwen36-requests")
        self._tokens = tokens and item(tokens, seconds, "qwen36-tokens")
        self._expected = tokens_per_call
        self._pause = check_every_seconds
        self._lock = threading.Lock()
        self._owed = 0
        """Tokens that finished calls took beyond what they were charged; below 0: a credit."""
        self._warned = False

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """The same: copies of a model keep to one limit together."""
        return self

    # As a rate limiter.

    @override
    def acquire(self, *, blocking: bool = True) -> bool:
        """Wait until the call fits in, or say whether it does."""
        charge = self._charge()
        for item, cost in ((self._tokens, charge), (self._requests, 1)):
            while not self._fits(item, cost):
                if not blocking:
                    self._give_back(charge, charged=item is self._requests)
                    return False
                time.sleep(self._pause)
        return True

    @override
    async def aacquire(self, *, blocking: bool = True) -> bool:
        """`acquire`, async; a storage is asked in a thread."""
        charge = self._charge()
        for item, cost in ((self._tokens, charge), (self._requests, 1)):
            while not await run_in_executor(None, self._fits, item, cost):
                if not blocking:
                    self._give_back(charge, charged=item is self._requests)
                    return False
                await asyncio.sleep(self._pause)
        return True

    def _charge(self) -> int:
        """What this call pays: its own expected tokens, and what is owed."""
        if not self._tokens:
            return 0
        with self._lock:
            due = self._expected + self._owed
            charge: int = min(max(due, 0), self._tokens.amount)
            self._owed = due - charge
        return charge

    def _give_back(self, charge: int, *, charged: bool) -> None:
        """A call that is not made owes nothing; what was paid for it is a credit."""
        with self._lock:
            self._owed -= self._expected if charged else self._expected - charge

    def _fits(self, item: Any, cost: int) -> bool:
        if not item or not cost:
            return True
        try:
            return bool(self._windows.hit(item, self._key, cost=cost))
        except Exception as error:  # noqa: BLE001 - whatever a storage raises
            if not self._warned:
                self._warned = True
                logger.warning(
                    "The rate limits' storage fails, so calls are let through: %s", error
                )
            return True

    # As a callback.

    @override
    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Note what the call took beyond what it was charged."""
        generation = next((each for batch in response.generations for each in batch), None)
        message = generation.message if isinstance(generation, ChatGeneration) else None
        usage = getattr(message, "usage_metadata", None)
        if usage and usage.get("total_cost") != 0:  # LangChain's cache made no call (T14)
            with self._lock:
                self._owed += usage["total_tokens"] - self._expected


def _limits(storage: str) -> tuple[Any, Any]:
    """The counting strategy over a storage, and the class of a limit (an extra)."""
    try:
        from limits import RateLimitItemPerSecond  # noqa: PLC0415
        from limits.storage import storage_from_string  # noqa: PLC0415
        from limits.strategies import SlidingWindowCounterRateLimiter  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            "`SharedRateLimiter` needs: pip install 'langchain-qwen36[limits]'."
        ) from error
    # A sliding count is two numbers, however many tokens are counted.
    windows = SlidingWindowCounterRateLimiter(storage_from_string(storage, wrap_exceptions=True))
    return windows, RateLimitItemPerSecond
