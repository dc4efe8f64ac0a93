"""Queue the rows to call next: read in blocks, stored in the journal, put back after failures."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import shutil
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langchain_qwen36.bulk.check import BLOCK, read_block
from langchain_qwen36.bulk.task import error_record
from langchain_qwen36.bulk.types import Candidate, Outcome, Turn
from langchain_qwen36.errors import BulkInputError, JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_qwen36.bulk.check import IdRegister
    from langchain_qwen36.bulk.journal import Journal
    from langchain_qwen36.bulk.prompt import RowPrompt
    from langchain_qwen36.bulk.source import InputRow
    from langchain_qwen36.bulk.task import Task
    from langchain_qwen36.bulk.types import Row, Run

_LEAST_FREE = 32 << 20
"""Bytes of free disk below which nothing more is sent."""
_NAP = 0.2
"""Longest sleep, in seconds, of a worker that waits for a row that was put back."""


@dataclass(slots=True)
class Item:
    """A row that is to be called."""

    key: str
    row: InputRow
    request: Any
    failures: int = 0
    """Failed calls of this run; 429s are not counted."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A share of the rows, chosen by their keys: each machine takes its own."""

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise BulkInputError(f"shard {self.number}/{self.count}: write it 1/4, 2/4 … 4/4.")

    @classmethod
    def parse(cls, text: str | None) -> Shard:
        """Parse `2/4`.

        Raises:
            BulkInputError: The text has another form.
        """
        if text is None:
            return cls()
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal()):
            raise BulkInputError(f"shard={text!r}: write it 1/4, 2/4 … 4/4.")
        return cls(int(number), int(count))

    def has(self, key: str) -> bool:
        """Return whether a row belongs to this shard."""
        return int(key[:8], 16) % self.count == self.number - 1


@dataclass(slots=True)
class RowQueue:
    """Gives the workers the rows that have no answer yet."""

    rows: Iterator[InputRow]
    prompt: RowPrompt
    task: Task
    journal: Journal
    run: Run
    ids: IdRegister
    shard: Shard = field(default_factory=Shard)
    retry_failed: bool = False
    read: int = 0
    """Rows of this shard that were read."""
    reused: int = 0
    """Rows that already had an answer."""
    failed_before: int = 0
    """Rows that stay dead letters."""
    unreadable: int = 0
    """Rows that cannot be sent."""
    is_exhausted: bool = False
    input_error: str | None = None
    """Why the input ended before its end; the rows before that are called."""
    stop_reason: str | None = None
    """Why no more rows are given out; None: they are."""
    _ready: deque[Item] = field(default_factory=deque)
    _delayed: list[tuple[float, int, Item]] = field(default_factory=list)
    _filling: asyncio.Task[None] | None = None
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _number: int = 0

    def __post_init__(self) -> None:
        self.rows = self._until_error(self.rows)

    def _until_error(self, rows: Iterator[InputRow]) -> Iterator[InputRow]:
        """Yield rows until the input raises: else its last block would never be called."""
        try:
            yield from rows
        except Exception as error:  # noqa: BLE001 - a generator of the user's may raise anything
            self.input_error = _unreadable(error)

    @property
    def has_more(self) -> bool:
        """Whether a worker may get another row."""
        if self.stop_reason is not None:
            return False
        return bool(self._ready or self._delayed) or not self.is_exhausted

    def stop(self, reason: str) -> None:
        """Give out no more rows; the first reason is kept."""
        self.stop_reason = self.stop_reason or reason
        self._stopped.set()

    def take_now(self) -> Item | None:
        """Return a row without waiting; None: no row is ready."""
        if self.stop_reason is not None:
            return None
        self._prefetch()
        if self._delayed and self._delayed[0][0] <= time.monotonic():
            return heapq.heappop(self._delayed)[2]
        return self._ready.popleft() if self._ready else None

    async def take(self) -> Item | None:
        """Wait for a row; None: there is no more, or the run is to stop."""
        while self.has_more:
            if item := self.take_now():
                return item
            if self._filling is not None:
                await asyncio.shield(self._filling)
            else:
                due = self._delayed[0][0] - time.monotonic()
                await self.sleep(min(max(due, 0.001), _NAP))
        return None

    async def sleep(self, seconds: float) -> None:
        """Wait, but no longer than until the run is to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    async def close(self) -> None:
        """Wait for the block that is being read."""
        if self._filling is not None:
            await asyncio.shield(self._filling)

    def put_back(self, item: Item, seconds: float = 0.0) -> None:
        """Give a row out again, after so many seconds."""
        if seconds <= 0:
            self._ready.appendleft(item)
            return
        self._number += 1
        heapq.heappush(self._delayed, (time.monotonic() + seconds, self._number, item))

    def _prefetch(self) -> None:
        """Begin to read a block before the last one is used up."""
        if self._filling is None and not self.is_exhausted and len(self._ready) < BLOCK:
            self._filling = asyncio.create_task(self._fill())

    async def _fill(self) -> None:
        """Read a block in a thread: an iterable may block, and a commit waits for the disk."""
        try:
            items, is_last = await asyncio.to_thread(self._read_block)
            self._ready.extend(items)
            self.is_exhausted = is_last
        except JournalError as error:
            self.stop(str(error))
        except Exception as error:  # noqa: BLE001 - a row or a template of the user's may raise
            self.stop(_unreadable(error))
        finally:
            self._filling = None

    def _read_block(self) -> tuple[list[Item], bool]:
        """Read and store rows; return those to be called, and whether the input has ended."""
        _check_disk(self.journal)
        block = read_block(self.rows, self.prompt, self.ids)
        items = [item for item in map(self._item, block) if self.shard.has(item.key)]
        admitted = self.journal.admit(
            self.run,
            [Candidate(item.key, item.row.position, item.row.line, item.row.id) for item in items],
        )
        self.read += len(items)
        for item, row in zip(items, admitted, strict=True):
            item.key = row.key
        if bad := [item for item in items if item.row.problem is not None]:
            self.journal.apply([Turn(_outcome_of_bad(item)) for item in bad])
        wanted = [
            item for item, row in zip(items, admitted, strict=True) if self._is_wanted(item, row)
        ]
        return wanted, len(block) < BLOCK

    def _item(self, row: InputRow) -> Item:
        """Make a row's request; an error becomes the row's problem."""
        if row.problem is None:
            try:
                request = self.prompt.fill(row.fields)
                return Item(self.task.key(request), row, request)
            except Exception as error:  # noqa: BLE001 - one row must not stop the others
                row.problem = f"its prompt cannot be made: {error}"
        problem = f"unreadable {row.where} {row.problem}"
        return Item(self.task.key(problem), row, None)

    def _is_wanted(self, item: Item, row: Row) -> bool:
        if item.request is None:
            self.unreadable += 1
            return False
        match row.state:
            case "done":
                self.reused += 1
                return False
            case "batch":
                return False
            case "failed" if not (self.retry_failed or (row.error or {}).get("retryable")):
                self.failed_before += 1
                return False
        return True


def _unreadable(error: Exception) -> str:
    return f"the input cannot be read further: {type(error).__name__}: {error}"


def _outcome_of_bad(item: Item) -> Outcome:
    error = BulkInputError(f"{item.row.where}: {item.row.problem}")
    return Outcome(
        key=item.key,
        state="failed",
        cost=None,
        error=error_record(error),
        fields=item.row.fields,
    )


def _check_disk(journal: Journal) -> None:
    """Stop before the disk is full, while the calls in flight can still be written.

    Raises:
        JournalError: Less than 32 MB are free.
    """
    free = shutil.disk_usage(journal.path.absolute().parent).free
    if free < _LEAST_FREE:
        raise JournalError(
            f"The disk of {journal.path} is almost full ({free >> 20} MB are free): make room, "
            "and run it again."
        )
