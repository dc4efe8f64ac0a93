"""The sliding log in Redis, accessed by one thread of our own, with short timeouts."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from langchain_qwen36._logging import logger_for
from langchain_qwen36.rate_limits.store import (
    LEASE_SECONDS,
    MOST_WINDOWS,
    Limits,
    Reservation,
    StorageUnavailableError,
    Store,
)

if TYPE_CHECKING:
    from pydantic import SecretStr

logger = logger_for(__name__)

_SOCKET_SECONDS = 1.0
"""Seconds for a connection, and for each answer; `?socket_timeout=` in the URL sets another."""
_ANSWER_SECONDS = 1.5
"""Most seconds that a caller waits, whatever delays the thread: name resolution has no timeout of
its own."""
_PROBE_SECONDS = 1.0
"""Interval in the background between two checks of a storage that failed."""
_MOST_UNWRITTEN = 100_000
"""Corrections kept for a storage that does not answer; if there are more, the oldest are lost."""
_BATCH = 500
"""Corrections that are written in one request."""
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class _Operation:
    """An operation of the script on one call."""

    limits: Limits
    name: str
    call: Reservation
    amounts: tuple[int, int, int] = (0, 0, 0)

    def arguments(self) -> list[str | int]:
        """Return the script's values; the age is that of this moment."""
        call = self.call
        age = _micros(time.monotonic() - call.arrived)
        return [self.name, call.line, call.id, age, call.tokens, *self.amounts]


class RedisStore(Store):
    """A log that processes and machines share.

    All requests go through one thread in their order, so that a correction is written before the
    next call is reserved, and nothing runs in the event loop's executor. After a failure the
    storage counts as unavailable: no caller waits for it until a check in the background finds it
    again.
    """

    def __init__(self, url: SecretStr) -> None:
        self._client = _client(url)
        source = resources.files(__package__).joinpath("reserve.lua").read_text()
        self._script = self._client.register_script(source)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="qwen36-rate-limits")
        self._lock = threading.Lock()
        self._unwritten: deque[_Operation] = deque(maxlen=_MOST_UNWRITTEN)
        self._writes = False
        """Whether the thread has a write to do."""
        self._failure: str | None = None
        """Why the storage counts as unavailable."""
        self._probe_at = 0.0
        self._check: Future[None] | None = None
        """The last check in the background of a storage that failed."""

    @property
    @override
    def unwritten(self) -> int:
        return len(self._unwritten)

    @override
    def reserve(self, call: Reservation, limits: Limits) -> float:
        answer = self._ask(call, limits)
        try:
            return answer.result(_ANSWER_SECONDS)
        except TimeoutError:
            answer.cancel()
            raise self._too_slow() from None

    @override
    async def areserve(self, call: Reservation, limits: Limits) -> float:
        answer = asyncio.wrap_future(self._ask(call, limits))
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await answer
        except TimeoutError:
            raise self._too_slow() from None

    @override
    def join(self, call: Reservation, limits: Limits) -> None:
        self._write_later(_Operation(limits, "join", call))

    @override
    def settle(self, call: Reservation, taken: int, limits: Limits) -> None:
        amounts = (taken, limits.tokens, MOST_WINDOWS)
        self._write_later(_Operation(limits, "settle", call, amounts))

    @override
    def release(self, call: Reservation, limits: Limits) -> None:
        call.is_released = True
        self._write_later(_Operation(limits, "release", call))

    def _ask(self, call: Reservation, limits: Limits) -> Future[float]:
        if self._failure is not None:
            self._probe()
            raise StorageUnavailableError(self._failure)
        return self._thread.submit(self._reserve, call, limits)

    def _reserve(self, call: Reservation, limits: Limits) -> float:
        """Write the corrections, then reserve; runs in the thread."""
        if self._failure is not None:  # since the call was queued
            raise StorageUnavailableError(self._failure)
        try:
            most = (limits.requests, limits.tokens, int(call.waits))
            self._write()
            if call.is_released:  # its release may have been written: nobody would write another
                return 0.0
            return self._run(limits, [_Operation(limits, "reserve", call, most)]) / _MICROSECONDS
        except Exception as error:  # noqa: BLE001 - whatever the client raises
            raise self._failed(f"{type(error).__name__}: {error}") from None

    def _write_later(self, operation: _Operation) -> None:
        self._unwritten.append(operation)
        if self._failure is None and not self._writes:
            self._writes = True
            with suppress(RuntimeError):  # the interpreter is shutting down
                self._thread.submit(self._try_to_write)

    def _try_to_write(self) -> None:
        """Write corrections, in the thread; after a failure they stay for the next time."""
        if self._failure is None:
            try:
                self._write()
            except Exception as error:  # noqa: BLE001 - whatever the client raises
                self._failed(f"{type(error).__name__}: {error}")

    def _write(self) -> None:
        self._writes = False
        while self._unwritten:
            batch = [self._unwritten.popleft()]
            limits = batch[0].limits
            while len(batch) < _BATCH and self._unwritten and self._unwritten[0].limits == limits:
                batch.append(self._unwritten.popleft())
            try:
                self._run(limits, batch)
            except Exception:
                self._unwritten.extendleft(reversed(batch))  # writing them twice counts once
                raise

    def _run(self, limits: Limits, operations: list[_Operation]) -> int:
        name = f"qwen36:{{{limits.key}:{limits.seconds}}}"
        keys = [f"{name}:{part}" for part in ("log", "costs", "queue", "lines")]
        arguments: list[str | int] = [_micros(limits.seconds), _micros(LEASE_SECONDS)]
        for operation in operations:
            arguments += operation.arguments()
        return int(self._script(keys, arguments))

    def _too_slow(self) -> StorageUnavailableError:
        return self._failed(f"no answer within {_ANSWER_SECONDS:g} s")

    def _failed(self, reason: str) -> StorageUnavailableError:
        with self._lock:
            if self._failure is None:
                logger.warning("The rate limits' storage is unavailable: %s", reason)
                self._failure = reason
                self._probe_at = time.monotonic() + _PROBE_SECONDS
        return StorageUnavailableError(reason)

    def _probe(self) -> None:
        """Have the thread check whether the storage is back, unless it just did or is about to."""
        with self._lock:
            is_checking = self._check is not None and not self._check.done()
            if is_checking or time.monotonic() < self._probe_at:
                return
            self._probe_at = time.monotonic() + _PROBE_SECONDS
            self._check = self._thread.submit(self._look)

    def _look(self) -> None:
        try:
            self._client.ping()
        except Exception:  # noqa: BLE001 - whatever the client raises
            self._probe_at = time.monotonic() + _PROBE_SECONDS
        else:
            self._failure = None
            logger.warning("The rate limits' storage answers again.")
            self._try_to_write()


def _micros(seconds: float) -> int:
    return round(seconds * _MICROSECONDS)


def _client(url: SecretStr) -> Any:
    try:
        from redis import Redis  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415
    except ImportError:
        raise ImportError(
            "A storage in Redis needs: pip install 'langchain-qwen36[limits]'."
        ) from None
    try:
        return Redis.from_url(
            url.get_secret_value(),
            socket_timeout=_SOCKET_SECONDS,
            socket_connect_timeout=_SOCKET_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise ValueError(f"`storage` is not a URL that redis-py can read: {error}.") from None
