"""The database side of a ledger: groups of operations, retried, spooled, replayed."""

from __future__ import annotations

import os
import random
import socket
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from langchain_qwen36._logging import logger_for
from langchain_qwen36.errors import LedgerError, LedgerUnavailableError
from langchain_qwen36.spend import entries
from langchain_qwen36.spend.booking import Group, Operation, Reserve, Settle
from langchain_qwen36.spend.database import clear_errors, is_in_memory, open_engine, parse_url
from langchain_qwen36.spend.limits import Rules
from langchain_qwen36.spend.reading import rollup_by
from langchain_qwen36.spend.rows import microseconds
from langchain_qwen36.spend.schema import migrate
from langchain_qwen36.spend.spool import Spool, default_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from langchain_qwen36.spend.accounts import Limit
    from langchain_qwen36.spend.alerts import Alerts
    from langchain_qwen36.spend.writer import Job

logger = logger_for(__name__)

OnFailure = Literal["refuse", "allow"]

_TRIES = 8
_SWEEP_SECONDS = 30
_PAUSE_SECONDS = 1.0
"""How long a ledger that is down is left alone, so that no call waits for it."""
_CONFLICTS = ("40001", "40P01", "55P03")
"""Postgres: serialization failure, deadlock, lock not available."""


class Store:
    """Opens the database, and writes groups; used by one thread at a time but for `read`."""

    def __init__(
        self,
        url: str,
        *,
        limits: tuple[Limit, ...],
        lease: timedelta,
        on_failure: OnFailure,
        spool: Path | None,
        alerts: Alerts | None,
    ) -> None:
        self.url = parse_url(url)
        self._limits = Rules.of(limits)
        self.on_failure = on_failure
        self.alerts = alerts
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self.spool = Spool(spool or default_path(url))
        self._lease = round(lease.total_seconds() * 1_000_000)
        self._writes = open_engine(self.url, writes=True)
        in_memory = is_in_memory(self.url)
        self._reads = self._writes if in_memory else open_engine(self.url, writes=False)
        self._is_migrated = False
        self._retry_at = 0.0
        self._sweep_at = time.monotonic() + _SWEEP_SECONDS

    def open(self) -> None:
        """Connect and bring the schema up to date.

        Raises:
            LedgerError: The database cannot be used as it is.
            LedgerUnavailableError: It cannot be reached now.
        """
        with clear_errors(self.url), self._writes.begin() as connection:
            migrate(connection)
        self._is_migrated = True

    def dispose(self, *, close: bool = True) -> None:
        """Let go of all connections."""
        self._writes.dispose(close=close)
        self._reads.dispose(close=close)

    def read(self, query: Callable[[Connection], Any]) -> Any:
        """Run a query in a read transaction of its own."""
        if not self._is_migrated:
            self.open()
        with clear_errors(self.url), self._reads.connect() as connection:
            return query(connection)

    def write(self, change: Callable[[Connection], Any]) -> Any:
        """Run a change in a transaction of its own."""
        return self._try(change)

    def apply(self, jobs: Sequence[Job]) -> None:
        """Write a group of operations, and resolve its jobs."""
        operations: list[Operation] = [job.payload for job in jobs if job.payload is not None]
        try:
            if operations:
                self.book(operations)
        except LedgerError as error:
            self._fall_back(jobs, error)
        except Exception as error:  # noqa: BLE001 - the caller raises it
            if len(jobs) == 1:
                jobs[0].done.set_exception(error)
                return
            # One that cannot be written must not take the others along.
            for job in jobs:
                self.apply([job])
        else:
            for job in jobs:
                refusal = job.payload.refusal if isinstance(job.payload, Reserve) else None
                job.done.set_result(refusal)
            self._alert(operations)
            self._keep_up()

    def book(self, operations: Sequence[Operation]) -> None:
        """Write operations in one transaction.

        Raises:
            LedgerError: The database cannot be used, or not be reached.
        """
        if time.monotonic() < self._retry_at:
            raise LedgerUnavailableError(
                f"The ledger {self.url.render_as_string()} could not be reached a moment ago."
            )
        try:
            self._try(partial(self._run, operations))
        except LedgerUnavailableError:
            self._retry_at = time.monotonic() + _PAUSE_SECONDS
            raise

    def expire(self) -> int:
        """Charge the holds whose lease is over; return how many there were."""
        count = 0
        while found := self._try(lambda connection: self._group(connection).expire()):
            count += found
        return count

    def replay(self) -> int:
        """Write what was spooled; return how many entries there were."""
        if self.spool.is_empty:
            return 0
        with self.spool.taken() as taken:
            operations = [_operation(entry) for entry in taken]
            for first in range(0, len(operations), 200):
                part = operations[first : first + 200]
                self._try(partial(self._run, part))
        logger.info("%d spooled entries were written to the ledger.", len(operations))
        return len(operations)

    def _run(self, operations: Sequence[Operation], connection: Connection) -> None:
        self._group(connection).run(operations)

    def _group(self, connection: Connection) -> Group:
        now = microseconds(datetime.now(UTC))
        return Group(connection, self.owner, now, self._lease, self._limits)

    def _try(self, change: Callable[[Connection], Any]) -> Any:
        """Run a change; once more where another process was in its way."""
        with clear_errors(self.url):
            for left in reversed(range(_TRIES)):
                if not self._is_migrated:
                    self.open()
                try:
                    with self._writes.begin() as connection:
                        return change(connection)
                except (IntegrityError, OperationalError, DBAPIError) as error:
                    if not left or not _is_conflict(error):
                        raise
                    time.sleep(random.uniform(0.001, 0.02) * (_TRIES - left))  # noqa: S311
        raise AssertionError  # the loop returns or raises

    def _alert(self, operations: Sequence[Operation]) -> None:
        if self.alerts is None:
            return
        for operation in operations:
            if isinstance(operation, Settle):
                self.alerts.crossed(operation.crossed)
                if operation.end.cost is None:
                    start, end = operation.start, operation.end
                    self.alerts.unpriced(end.model or start.model, end.gateway or start.gateway)
        self.alerts.compare_days(self._daily)

    def _daily(self, first: str, last: str) -> dict[tuple[str, str], int]:
        rows = self.read(lambda connection: rollup_by(connection, ("day",), first, last))
        return {(row["day"], row["currency"]): row["cost"] for row in rows}

    def _keep_up(self) -> None:
        """Replay and sweep now and then: what fails here is tried again later."""
        try:
            self.replay()
            if time.monotonic() >= self._sweep_at:
                self._sweep_at = time.monotonic() + _SWEEP_SECONDS
                self.expire()
        except (LedgerError, OSError):
            logger.warning("The ledger's upkeep failed; it is tried again.", exc_info=True)

    def _fall_back(self, jobs: Sequence[Job], error: LedgerError) -> None:
        """Keep or refuse operations while the ledger is down: nothing is lost."""
        kept = [
            job
            for job in jobs
            if isinstance(job.payload, Settle)
            or (self.on_failure == "allow" and job.payload is not None)
        ]
        if kept and not self._spool([job.payload for job in kept]):
            kept = [job for job in kept if isinstance(job.payload, Settle)]
        for job in jobs:
            if job in kept or job.payload is None:
                job.done.set_result(None)
            else:
                job.done.set_exception(error)

    def _spool(self, operations: Sequence[Operation]) -> bool:
        rows = [
            entries.as_json(op.start, op.end if isinstance(op, Settle) else None)
            for op in operations
        ]
        try:
            self.spool.append(rows)
        except OSError:
            logger.exception(
                "Neither ledger nor spool %s can be written: %s", self.spool.path, rows
            )
            return False
        logger.warning("The ledger is down: %d entries are in %s.", len(rows), self.spool.path)
        return True


def _operation(entry: dict[str, Any]) -> Operation:
    start, end = entries.from_json(entry)
    return Reserve(start, forced=True) if end is None else Settle(start, end)


def _is_conflict(error: DBAPIError) -> bool:
    """Whether another process was in the way, or the connection had gone stale."""
    if isinstance(error, IntegrityError) or error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlstate", None)
    return code in _CONFLICTS or "database is locked" in str(error.orig)
