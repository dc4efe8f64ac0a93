"""One thread that writes: operations that wait at the same time share a transaction."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LARGEST_GROUP = 256


@dataclass(slots=True, eq=False)
class Job:
    """Something for the writer; `done` resolves when it is durable."""

    payload: Any
    done: Future[Any] = field(default_factory=Future)


class Writer:
    """Runs groups of jobs in one thread, which starts with the first job.

    `apply` is given each group and resolves its jobs.
    """

    def __init__(self, apply: Callable[[Sequence[Job]], None], name: str) -> None:
        self._apply = apply
        self._name = name
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def submit(self, payload: Any) -> Future[Any]:
        """Queue a job; jobs run in the order in which they were queued."""
        if self._thread is None:
            self._start()
        job = Job(payload)
        self._queue.put(job)
        return job.done

    def close(self) -> None:
        """Finish what is queued, and end the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            if thread is not threading.current_thread():  # it may be what collects our garbage
                thread.join()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            group, is_last = self._more(job)
            group = [job for job in group if job.done.set_running_or_notify_cancel()]
            try:
                self._apply(group)
            except BaseException as error:  # noqa: BLE001 - the caller raises it
                _fail(group, error)
            if is_last:
                return

    def _more(self, job: Job) -> tuple[list[Job], bool]:
        """Return the jobs that wait by now, and whether the thread is to end after them."""
        group = [job]
        while len(group) < _LARGEST_GROUP:
            try:
                following = self._queue.get_nowait()
            except Empty:
                break
            if following is None:
                return group, True
            group.append(following)
        return group, False


def _fail(group: Sequence[Job], error: BaseException) -> None:
    for job in group:
        if not job.done.done():
            job.done.set_exception(error)
