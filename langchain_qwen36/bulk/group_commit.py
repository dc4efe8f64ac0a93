"""Write the turns of many workers to the journal in one transaction (group commit)."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from langchain_qwen36.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_qwen36.bulk.journal import Journal
    from langchain_qwen36.bulk.types import Turn

_PATIENCE = 30.0
"""Seconds for which a failed write is repeated: the answers in it are paid."""
_PAUSE = 1.0
_GATHERING = 0.01
"""Seconds for which turns are collected: a group costs one write and one wake-up of the thread."""
_WOKEN = 4
"""Workers that go on in one step of the event loop. If all of a group began their calls at once,
Python's garbage collector would run twice as often: it counts what is created more than freed."""


class GroupCommit:
    """Writes turns to a journal, in a thread; each worker waits until its group is durable.

    A turn is the end of a worker's last row and the beginning of its next one.
    """

    def __init__(
        self,
        journal: Journal,
        on_failure: Callable[[JournalError], None],
        *,
        patience: float = _PATIENCE,
    ) -> None:
        """Choose the journal.

        Args:
            journal: Where turns are written.
            on_failure: Called when a write fails, before it is repeated: nothing more should be
                sent until a write succeeds.
            patience: Seconds for which a failed write is repeated.
        """
        self._journal = journal
        self._on_failure = on_failure
        self._patience = patience
        self._pending: list[tuple[Turn, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="langchain-qwen36-journal")

    def commit(self, turn: Turn) -> asyncio.Future[None]:
        """Queue a turn; the result is set when it is durable.

        Raises (when awaited):
            JournalError: The write failed until `patience` ran out.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._pending.append((turn, done))
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        return done

    async def close(self) -> None:
        """Write the queued turns, and end the thread."""
        while self._writing is not None:
            await asyncio.shield(self._writing)
        self._thread.shutdown(wait=False)

    async def _write(self) -> None:
        try:
            while self._pending:
                await asyncio.sleep(_GATHERING)
                group, self._pending = self._pending, []
                failure: Exception | None = None
                try:
                    await self._apply([turn for turn, _ in group])
                except Exception as error:  # noqa: BLE001 - of whatever kind: the workers wait
                    failure = error
                for start in range(0, len(group), _WOKEN):
                    _resolve(group[start : start + _WOKEN], failure)
                    await asyncio.sleep(0)
        finally:
            self._writing = None

    async def _apply(self, turns: list[Turn]) -> None:
        loop, deadline = asyncio.get_running_loop(), time.monotonic() + self._patience
        while True:
            try:
                await loop.run_in_executor(self._thread, self._journal.apply, turns)
            except JournalError as error:
                self._on_failure(error)
                if time.monotonic() >= deadline:
                    raise
                await asyncio.sleep(min(_PAUSE, self._patience / 10))
            else:
                return


def _resolve(group: list[tuple[Turn, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, done in group:
        if done.done():  # its worker was cancelled
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
