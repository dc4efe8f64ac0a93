"""Write in one thread: operations that wait at the same time share a transaction."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from langchain_qwen36._logging import logger_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

logger = logger_for(__name__)

_LARGEST_GROUP = 256


class Job:
    """An operation for the writer, for which no caller waits."""

    __slots__ = ("is_done", "payload")

    def __init__(self, payload: Any) -> None:
        self.payload = payload
        self.is_done = False

    def begin(self) -> bool:
        """Return whether the job is still wanted; it cannot be cancelled from now on."""
        return True

    def finish(self, result: Any = None) -> None:  # noqa: ARG002 - nobody waits for it
        """Record that it is durable."""
        self.is_done = True

    def fail(self, error: BaseException) -> None:
        """Record the error that kept it from being written."""
        self.is_done = True
        logger.error("The ledger could not write %s", self.payload, exc_info=error)


class WaitedJob(Job):
    """A job that a thread may wait for."""

    __slots__ = ("done",)

    def __init__(self, payload: Any) -> None:
        super().__init__(payload)
        self.done: Future[Any] = Future()

    @override
    def begin(self) -> bool:
        return self.done.set_running_or_notify_cancel()

    @override
    def finish(self, result: Any = None) -> None:
        self.is_done = True
        self.done.set_result(result)

    @override
    def fail(self, error: BaseException) -> None:
        self.is_done = True
        self.done.set_exception(error)


class AwaitedJob(Job):
    """A job that a task waits for; its loop is woken once for all jobs of a group."""

    __slots__ = ("_begun", "_error", "_result", "loop", "waiter")

    def __init__(self, payload: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(payload)
        self.loop = loop
        self.waiter: asyncio.Future[Any] = loop.create_future()
        self._begun = threading.Lock()
        self._result: Any = None
        self._error: BaseException | None = None

    @override
    def begin(self) -> bool:
        return self._begun.acquire(blocking=False)

    cancel = begin
    """Cancel the job; return whether it had not begun."""

    @override
    def finish(self, result: Any = None) -> None:
        self.is_done, self._result = True, result

    @override
    def fail(self, error: BaseException) -> None:
        self.is_done, self._error = True, error

    def deliver(self) -> None:
        """Set the result of the task's future, in its loop."""
        if self.waiter.done():  # the task was cancelled
            return
        if self._error is None:
            self.waiter.set_result(self._result)
        else:
            self.waiter.set_exception(self._error)


class _Line(NamedTuple):
    """The jobs of one thread."""

    queue: SimpleQueue[Job | None]
    thread: threading.Thread


class Writer:
    """Runs groups of jobs in one thread, which starts with the first job.

    `apply` receives each group and finishes its jobs.
    """

    def __init__(self, apply: Callable[[Sequence[Job]], None], name: str) -> None:
        self._apply = apply
        self._name = name
        self._line: _Line | None = None
        self._last: threading.Thread | None = None
        """The thread that started last; it may be about to end."""
        self._lock = threading.RLock()
        """Entered again where the garbage collector ends a call while a job is queued."""

    def put(self, payload: Any) -> None:
        """Queue a job for which no caller waits; jobs run in the order of queueing."""
        self._put(Job(payload))

    def submit(self, payload: Any) -> Future[Any]:
        """Queue a job."""
        job = WaitedJob(payload)
        self._put(job)
        return job.done

    def wait(self, payload: Any, undo: Callable[[], None]) -> Any:
        """Queue a job and wait for it.

        Args:
            payload: The job.
            undo: Called if a signal, as of Ctrl-C, ends the wait after the job has begun.
        """
        job = WaitedJob(payload)
        try:
            self._put(job)
            return job.done.result()
        except BaseException as error:
            is_own = job.done.done() and not job.done.cancelled() and job.done.exception() is error
            if not is_own and not job.done.cancel():
                undo()
            raise

    async def run(self, payload: Any, undo: Callable[[], None]) -> Any:
        """Queue a job and wait for it.

        Args:
            payload: The job.
            undo: Called if the task is cancelled after the job has begun.
        """
        job = AwaitedJob(payload, asyncio.get_running_loop())
        self._put(job)
        try:
            return await job.waiter
        except asyncio.CancelledError:
            if not job.cancel():
                undo()
            raise

    def close(self) -> None:
        """Finish the queued jobs, and end the thread."""
        with self._lock:
            line, self._line = self._line, None
            if line is None:
                return
            line.queue.put(None)
        if line.thread is not threading.current_thread():  # the garbage collector may run in it
            line.thread.join()

    def _put(self, job: Job) -> None:
        with self._lock:
            line = self._line or self._start()
            line.queue.put(job)

    def _start(self) -> _Line:
        """Start a thread, which begins when the one before it has ended: jobs keep their order."""
        queue: SimpleQueue[Job | None] = SimpleQueue()
        arguments = (queue, self._last)
        thread = threading.Thread(target=self._run, args=arguments, name=self._name, daemon=True)
        if self._line is None:
            self._line = _Line(queue, thread)
            try:
                thread.start()
            except BaseException:  # the system allows no more threads
                self._line = None
                raise
            self._last = thread
        return self._line

    def _run(self, queue: SimpleQueue[Job | None], before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        while (job := queue.get()) is not None:
            group, is_last = _more(job, queue)
            group = [job for job in group if job.begin()]
            try:
                self._apply(group)
            except BaseException as error:  # noqa: BLE001 - the caller raises it
                _fail(group, error)
            _wake(job for job in group if isinstance(job, AwaitedJob))
            if is_last:
                return


def _more(job: Job, queue: SimpleQueue[Job | None]) -> tuple[list[Job], bool]:
    """Return the jobs that are waiting now, and whether the thread is to end after them."""
    group = [job]
    while len(group) < _LARGEST_GROUP:
        try:
            following = queue.get_nowait()
        except Empty:
            break
        if following is None:
            return group, True
        group.append(following)
    return group, False


def _fail(group: Sequence[Job], error: BaseException) -> None:
    for job in group:
        if not job.is_done:
            job.fail(error)


def _wake(jobs: Iterable[AwaitedJob]) -> None:
    """Wake each event loop once: writing to its pipe costs more than passing a result."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[AwaitedJob]] = defaultdict(list)
    for job in jobs:
        by_loop[job.loop].append(job)
    for loop, waiting in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed: no task waits any more
            loop.call_soon_threadsafe(_deliver, waiting)


def _deliver(jobs: Sequence[AwaitedJob]) -> None:
    for job in jobs:
        job.deliver()
