"""`SharedRateLimiter`: a LangChain rate limiter that is also a callback handler."""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, get_args
from weakref import WeakSet

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.rate_limiters import BaseRateLimiter
from pydantic import SecretStr
from typing_extensions import override

from langchain_qwen36.errors import RateLimitStorageError
from langchain_qwen36.rate_limits import stores
from langchain_qwen36.rate_limits.calls_in_flight import CallsInFlight
from langchain_qwen36.rate_limits.fair_lock import FairLock, Turn
from langchain_qwen36.rate_limits.store import (
    LEASE_SECONDS,
    NO_LIMIT,
    Limits,
    Reservation,
    StorageUnavailableError,
)
from langchain_qwen36.rate_limits.usage import tokens_of, tokens_of_failure

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import LLMResult

OnFailure = Literal["refuse", "allow"]
"""What happens to a call if the storage does not answer."""

_Lock = TypeVar("_Lock", FairLock, asyncio.Lock)
_LIVE: WeakSet[SharedRateLimiter] = WeakSet()


@dataclass
class _Line(Generic[_Lock]):
    """The callers that wait together; the first one holds the lock and asks the storage."""

    lock: _Lock
    callers: int = 0
    """Tasks that hold the lock, wait for it, or are about to take it."""
    name: str = field(default_factory=lambda: uuid.uuid4().hex)


class SharedRateLimiter(BaseRateLimiter, BaseCallbackHandler):
    """Delays calls until they fit into the limits of their key.

        limiter = SharedRateLimiter(key, requests=600, tokens=1_000_000, storage="redis://host")
        model = ChatQwen36(rate_limiter=limiter, callbacks=[limiter])

    As `rate_limiter` it waits before each call; as a callback it learns how many tokens the call
    used. Each call is charged `tokens_per_call` when it begins, and corrected when it ends: tokens
    that it did not use are free at once, tokens that it used in excess count from then on. No
    window of `seconds`, wherever it begins, holds more than the limits. Calls begin in the order of
    their arrival, across threads, event loops, processes and machines.

    It can be pickled with its settings; the storage is opened again. Copies, and other limiters of
    the same key in the same storage, share one limit.
    """

    run_inline = True

    def __init__(
        self,
        key: str,
        *,
        requests: int | None = None,
        tokens: int | None = None,
        seconds: float = 60,
        tokens_per_call: int = 1000,
        storage: str = "memory://",
        check_every_seconds: float = 0.1,
        on_failure: OnFailure = "refuse",
    ) -> None:
        """Initialize the limiter; nothing is connected yet.

        Args:
            key: The API key, or a name for it; only its hash is kept.
            requests: How many requests may begin in any window; None: any number.
            tokens: How many input and output tokens may be used in any window; None: any number.
            seconds: The window's length; gateways count by the minute.
            tokens_per_call: The charge of a call until its usage is known.
            storage: `memory://` for this process, or `redis://host:6379/0`, `rediss://…` or
                `unix://…` (extra `limits`) for several processes and machines.
            check_every_seconds: How often the first waiting call asks again: twice a second at
                least, or it would lose its turn.
            on_failure: What happens while the storage does not answer. "refuse" raises
                `RateLimitStorageError`, which may be retried; "allow" lets calls pass uncounted, so
                that only the gateway's own limit applies.

        Raises:
            ImportError: The storage needs the extra `limits`, which is not installed.
            ValueError: There is no limit at all, no call could fit it, or a choice is unknown.
        """
        # Secrets leave this frame before anything can raise: crash reports copy frames.
        key = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        self._storage = SecretStr(storage)
        del storage
        self._limits = Limits(
            key,
            seconds,
            NO_LIMIT if requests is None else requests,
            NO_LIMIT if tokens is None else tokens,
        )
        self._on_failure: OnFailure = on_failure
        _check(requests, tokens, seconds, tokens_per_call, check_every_seconds)
        if on_failure not in get_args(OnFailure):
            raise ValueError(f"`on_failure={on_failure!r}`: choose 'refuse' or 'allow'.")
        self._charge = 0 if tokens is None else tokens_per_call
        self._pause = min(check_every_seconds, LEASE_SECONDS / 2)  # so that it keeps its turn
        self._open()

    def _open(self) -> None:
        """Set the attributes that belong to one process."""
        self._store = stores.open_store(self._storage, self._limits)
        self._in_flight = CallsInFlight()
        self._line_of_threads = _Line(FairLock())
        self._loops: dict[asyncio.AbstractEventLoop, _Line[asyncio.Lock]] = {}
        self._lock = threading.Lock()
        _LIVE.add(self)

    def __repr__(self) -> str:
        """Show the limits, never the key or the storage's password."""
        limits = self._limits
        return (
            f"{type(self).__name__}(requests={_shown(limits.requests)}, "
            f"tokens={_shown(limits.tokens)}, "
            f"seconds={limits.seconds}, storage={stores.scheme_of(self._storage)!r}, "
            f"on_failure={self._on_failure!r})"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings, including the storage's URL with its password if it has one."""
        kept = ("_storage", "_limits", "_charge", "_pause", "_on_failure")
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return the limiter itself: copies of a model share one limit."""
        return self

    @property
    def _owed(self) -> int:
        """Corrections of finished calls that the storage does not have yet."""
        return self._store.unwritten

    # The rate limiter.

    @override
    def acquire(self, *, blocking: bool = True) -> bool:
        """Wait until the call fits; with `blocking=False` return whether it does.

        Raises:
            RateLimitStorageError: The storage does not answer, and `on_failure` is "refuse".
        """
        run = self._in_flight.next_run()
        call = Reservation(self._charge, blocking, self._line_of_threads.name)
        try:
            begins = self._wait(call) if blocking else not self._store.reserve(call, self._limits)
        except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt too; it is raised again
            begins, call = self._without_answer(call, error, run)
        if begins:
            self._in_flight.begin(call, run)
        return begins

    @override
    async def aacquire(self, *, blocking: bool = True) -> bool:
        """`acquire`, async, without blocking the event loop or its executor."""
        run, line = self._in_flight.next_run(), self._line_of_loop()
        call = Reservation(self._charge, blocking, line.name)
        try:
            if blocking:
                begins = await self._await(call, line)
            else:
                begins = not await self._store.areserve(call, self._limits)
        except BaseException as error:  # noqa: BLE001 - CancelledError too; it is raised again
            begins, call = self._without_answer(call, error, run)
        if begins:
            self._in_flight.begin(call, run)
        return begins

    def _wait(self, call: Reservation) -> bool:
        if self._line_of_threads.lock.locked():
            self._store.join(call, self._limits)
        turn = Turn()
        try:
            self._line_of_threads.lock.enter(turn)
            while seconds := self._store.reserve(call, self._limits):
                time.sleep(min(seconds, self._pause))
        finally:
            turn.end()
        return True

    async def _await(self, call: Reservation, line: _Line[asyncio.Lock]) -> bool:
        if line.callers:
            self._store.join(call, self._limits)
        line.callers += 1
        try:
            async with line.lock:
                while seconds := await self._store.areserve(call, self._limits):  # noqa: ASYNC110
                    await asyncio.sleep(min(seconds, self._pause))
        finally:
            line.callers -= 1
        return True

    def _line_of_loop(self) -> _Line[asyncio.Lock]:
        loop = asyncio.get_running_loop()
        with self._lock:
            if loop not in self._loops:
                for other in [other for other in self._loops if other.is_closed()]:
                    del self._loops[other]  # a contended lock refers to its loop
                self._loops[loop] = _Line(asyncio.Lock())
            return self._loops[loop]

    def _without_answer(
        self, call: Reservation, error: BaseException, run_id: uuid.UUID | None
    ) -> tuple[bool, Reservation]:
        """Release a call whose wait failed; decide what an unreachable storage means for it."""
        self._store.release(call, self._limits)
        if not isinstance(error, StorageUnavailableError):
            self._book_as_unsent(run_id, error)
            raise error
        if self._on_failure == "allow":
            return True, replace(call, tokens=0)  # nothing is charged: all is an excess
        if not call.waits:
            return False, call
        refusal = RateLimitStorageError(
            f"The call was not sent: the storage of its rate limits is unavailable ({error}). "
            "Retry later, or let such calls through with `on_failure='allow'`."
        )
        self._book_as_unsent(run_id, refusal)
        raise refusal from None

    def _book_as_unsent(self, run_id: uuid.UUID | None, error: BaseException) -> None:
        """Tell cost handlers of an unsent call: LangChain's `stream` acquires outside of its `try`.

        See docs/quirks.md#a-rate-limiter-that-raises.
        """
        handlers = sys.modules.get("langchain_qwen36.callbacks.handler")
        if run_id is not None and handlers is not None and self._in_flight.is_alone(run_id):
            handlers.book_unsent_call(run_id, error)

    # The callback.

    @override
    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], **kwargs: Any
    ) -> None:
        """Record the run whose call will acquire next."""
        self._in_flight.start(kwargs["run_id"])

    @override
    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Correct the call's charge to the tokens that it used."""
        self._settle(kwargs.get("run_id"), tokens_of(response))

    @override
    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        """Give the tokens of a refused call back; keep the charge if the usage is not known."""
        self._settle(kwargs.get("run_id"), tokens_of_failure(error))

    def _settle(self, run_id: uuid.UUID | None, taken: int | None) -> None:
        call = self._in_flight.end(run_id)
        if taken is not None and self._limits.tokens != NO_LIMIT:
            call = call or self._in_flight.end_oldest_unnamed()
            # A call that was never charged, as of a model without this `rate_limiter`, owes all.
            self._store.settle(call or Reservation(0, False, "none"), taken, self._limits)


def _shown(most: int) -> int | None:
    return None if most == NO_LIMIT else most


def _check(
    requests: int | None, tokens: int | None, seconds: float, per_call: int, pause: float
) -> None:
    if requests is None and tokens is None:
        raise ValueError("Set a limit: `requests=`, `tokens=`, or both.")
    least = min(1 if requests is None else requests, per_call)
    if least < 1 or not (0 < seconds < math.inf and 0 < pause < math.inf):
        raise ValueError(
            "`requests`, `seconds`, `tokens_per_call` and `check_every_seconds` must be > 0."
        )
    if tokens is not None and tokens < per_call:
        raise ValueError(f"`tokens={tokens}` is less than one call's `tokens_per_call={per_call}`.")


def _reopen_after_fork() -> None:
    """Drop the parent's locks, threads, connections and waiting calls in a forked child."""
    stores.forget()
    for limiter in list(_LIVE):
        limiter._open()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reopen_after_fork)
