"""Write groups of operations to a ledger's database; retry, spool and replay them."""

from __future__ import annotations

import os
import random
import socket
import time
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from sqlalchemy.exc import DBAPIError, IntegrityError

from langchain_qwen36._logging import logger_for
from langchain_qwen36.errors import LedgerError, LedgerUnavailableError
from langchain_qwen36.spend import entries
from langchain_qwen36.spend.booking import Group
from langchain_qwen36.spend.database import clear_errors, is_in_memory, open_engine, parse_url
from langchain_qwen36.spend.limits import Rules
from langchain_qwen36.spend.operations import Operation, Reserve, Settle
from langchain_qwen36.spend.reading import read_answer_lengths, rollup_by
from langchain_qwen36.spend.rows import Row, microseconds
from langchain_qwen36.spend.schema import migrate
from langchain_qwen36.spend.spool import Spool, default_path
from langchain_qwen36.spend.statements import StaleRowsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
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
"""Seconds for which a ledger that is down is not tried, so that no call waits for it."""
_CONFLICTS = ("40001", "40P01", "55P03")
"""Postgres: serialization failure, deadlock, lock not available."""


class Store:
    """Opens the database, and writes groups; used by one thread at a time, except `read`."""

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
        self._open_calls: dict[str, Row] | None = (
            {} if self.url.get_backend_name() == "sqlite" else None
        )
        """Calls that this process reserved, with the rows that it wrote; kept if a transaction has
        the database for itself, so that none is read again."""
        self.answer_lengths: dict[str, list[int]] = {}
        """Output tokens of each model's last answers in all processes, as of the last sweep."""
        self._retry_at = 0.0
        self._sweep_at = time.monotonic() + _SWEEP_SECONDS

    def open(self) -> None:
        """Connect and bring the schema up to date.

        Raises:
            LedgerError: The database cannot be used in its state.
            LedgerUnavailableError: The database cannot be reached now.
        """
        with clear_errors(self.url), self._writes.begin() as connection:
            migrate(connection)
            self.answer_lengths = read_answer_lengths(connection)
        self._is_migrated = True

    def dispose(self, *, close: bool = True) -> None:
        """Close all connections, and drop the remembered rows."""
        if self._open_calls is not None:
            self._open_calls = {}
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
                jobs[0].fail(error)
                return
            # One that cannot be written must not fail the others.
            for job in jobs:
                self.apply([job])
        else:
            for job in jobs:
                job.finish(job.payload.refusal if isinstance(job.payload, Reserve) else None)
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
            self._book(operations)
        except LedgerUnavailableError:
            self._retry_at = time.monotonic() + _PAUSE_SECONDS
            raise

    def expire(self) -> int:
        """Charge the holds whose lease is over; return how many there were."""
        charged = 0
        while found := self._expire_some():
            charged += found
        if self._open_calls:
            now = microseconds(datetime.now(UTC))
            for id_ in [i for i, row in self._open_calls.items() if row["lease_until"] < now]:
                del self._open_calls[id_]
        return charged

    def _expire_some(self) -> int:
        def run(connection: Connection) -> Group:
            group = self._group(connection)
            group.expire()
            return group

        group: Group = self._try(run)
        if self.alerts is not None:
            self.alerts.crossed(group.crossed)
        return len(group.calls)

    def replay(self) -> int:
        """Write the spooled entries; return how many there were."""
        if self.spool.is_empty:
            return 0
        with self.spool.taken() as taken:
            operations = [_operation(entry) for entry in taken]
            for first in range(0, len(operations), 200):
                self._book(operations[first : first + 200])
        logger.info("%d spooled entries were written to the ledger.", len(operations))
        return len(operations)

    def _book(self, operations: Sequence[Operation]) -> None:
        """Write operations; the first try assumes the remembered rows, a second one reads them."""
        tries = count()

        def run(connection: Connection) -> Group:
            group = self._group(connection)
            group.run(operations, None if next(tries) else self._open_calls)
            return group

        group = self._try(run)
        if self._open_calls is not None:
            _remember(self._open_calls, group.calls, operations)

    def _group(self, connection: Connection) -> Group:
        now = microseconds(datetime.now(UTC))
        return Group(connection, self.owner, now, self._lease, self._limits)

    def _try(self, change: Callable[[Connection], Any]) -> Any:
        """Run a change; again if another process was in its way."""
        with clear_errors(self.url):
            for left in reversed(range(_TRIES)):
                if not self._is_migrated:
                    self.open()
                try:
                    with self._writes.begin() as connection:
                        return change(connection)
                except (DBAPIError, StaleRowsError) as error:
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
        """Replay and expire at intervals; a failure is tried again later."""
        try:
            self.replay()
            if time.monotonic() >= self._sweep_at:
                self._sweep_at = time.monotonic() + _SWEEP_SECONDS
                self.expire()
                self.answer_lengths = self.read(read_answer_lengths)
        except (LedgerError, OSError):
            logger.warning("The ledger's upkeep failed; it is tried again.", exc_info=True)

    def _fall_back(self, jobs: Sequence[Job], error: LedgerError) -> None:
        """Spool or refuse operations while the ledger is down: nothing is lost."""
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
                job.finish()
            else:
                job.fail(error)

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


def _remember(known: dict[str, Row], calls: Mapping[str, Row], of: Sequence[Operation]) -> None:
    """Remember which calls are open, once that is durable."""
    for operation in of:
        id_ = operation.start.id
        row = calls.get(id_)
        if row is not None and row["state"] == "open":
            known[id_] = row
        else:
            known.pop(id_, None)


def _is_conflict(error: DBAPIError | StaleRowsError) -> bool:
    """Return whether another process was in the way, or the connection was stale."""
    if isinstance(error, StaleRowsError | IntegrityError) or error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlstate", None)
    return code in _CONFLICTS or "database is locked" in str(error.orig)
