"""The journal of bulk runs: a SQLite file that holds each row with its answer."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson

from langchain_qwen36._sqlite import BUSY_SECONDS, set_pragmas
from langchain_qwen36.bulk import schema, statements
from langchain_qwen36.bulk.records import json_text
from langchain_qwen36.bulk.types import Row, Run, Totals
from langchain_qwen36.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from langchain_qwen36.bulk.types import Candidate, Outcome, Turn

_COLUMNS = tuple(column.name for column in fields(Row))
_JSON = ("answer", "usage", "error", "fields")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM bulk_row"  # noqa: S608 - names of ours
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an answer is durable when its commit returns
    "PRAGMA cache_size = -8000",
    "PRAGMA temp_store = MEMORY",
)
_PAGE = 500
"""Rows read at once; no transaction stays open between pages."""


class Journal:
    """The rows of bulk runs, and how each ended; only one process at a time writes.

        with Journal("out.jsonl.journal") as journal:
            run = journal.begin_run("fingerprint", {})
            rows = journal.admit(run, [Candidate(key, 0, 1, "a")])
            journal.apply([Turn(begun=key)])
            journal.apply([Turn(Outcome(key=key, state="done", answer={"answer": "…"}))])

    Its methods may be called from any thread; each is one transaction.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        """Open a journal, and create it if there is none.

        Args:
            path: The journal's file; SQLite keeps `-wal`, `-shm` and our `-lock` beside it.
            read_only: Whether only to read: the journal must exist, and another process may be
                writing.

        Raises:
            JournalError: The file cannot be opened or is no journal, or another process is writing
                it.
        """
        self.path = Path(path)
        self._lock = threading.RLock()
        self._guard: sqlite3.Connection | None = None
        self._repeats: dict[str, int] = {}
        """How often a request occurred in this run; only requests that occurred twice."""
        if read_only and not self.path.exists():
            raise JournalError(f"There is no journal {self.path}.")
        try:
            if not read_only:
                self._guard = _guard(self.path)
            self._database = _connect(self.path)
            if not read_only:
                schema.migrate(self._database)
        except sqlite3.Error as error:
            self._release()
            raise JournalError(f"The journal {self.path} cannot be opened: {error}") from error
        except JournalError:
            self._release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()
            self._release()

    def _release(self) -> None:
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock: the whole block is durable when it ends, or nothing of it.

        Raises:
            JournalError: The disk is full, or the file cannot be written.
        """
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield self._database
                    self._database.execute("COMMIT")
                except BaseException:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise JournalError(
                    f"The journal {self.path} cannot be written: {error}. What was committed "
                    "before is safe; run it again when that is mended."
                ) from error

    # Runs.

    def begin_run(self, fingerprint: str, settings: Mapping[str, Any]) -> Run:
        """Begin a run: rows that an earlier run left in flight become pending again.

        Args:
            fingerprint: Hash of what decides the output: input, prompt and model. Runs with the
                same hash belong together.
            settings: The settings with which `bulk retry` begins again; no secrets.
        """
        self._repeats.clear()
        with self.transaction() as database:
            (number,) = database.execute("SELECT COUNT(*) + 1 FROM bulk_run").fetchone()
            known = database.execute(
                "SELECT MAX(generation) FROM bulk_run WHERE fingerprint = ?", (fingerprint,)
            ).fetchone()[0]
            in_flight = database.execute(
                "UPDATE bulk_row SET state = 'pending' WHERE state = 'sent'"
            ).rowcount
            generation = known or number
            database.execute(
                "INSERT INTO bulk_run"
                " (number, generation, fingerprint, settings, started, in_flight)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (number, generation, fingerprint, json_text(settings), now(), in_flight),
            )
            paid_again = database.execute(
                "SELECT SUM(in_flight) FROM bulk_run WHERE generation = ?", (generation,)
            ).fetchone()[0]
        return Run(number, generation, in_flight, paid_again)

    def end_run(self, run: Run, ending: str, *, read_whole_input: bool) -> None:
        """End a run.

        Args:
            run: The run.
            ending: Why it ended: `complete`, or the reason for stopping.
            read_whole_input: Whether rows that it did not read are no longer part of the output;
                their answers stay in the journal.
        """
        with self.transaction() as database:
            if read_whole_input:
                database.execute(
                    "UPDATE bulk_row SET generation = 0 WHERE generation = ? AND run < ?",
                    (run.generation, run.number),
                )
            database.execute(
                "UPDATE bulk_run SET ended = ?, ending = ? WHERE number = ?",
                (now(), ending, run.number),
            )

    def last_run(self) -> dict[str, Any] | None:
        """Return the newest run with its settings; None: there was none."""
        with self._lock:
            cursor = self._database.execute("SELECT * FROM bulk_run ORDER BY number DESC LIMIT 1")
            found = cursor.fetchone()
            if found is None:
                return None
            names = [column[0] for column in cursor.description]
        run = dict(zip(names, found, strict=True))
        return {**run, "settings": orjson.loads(run["settings"])}

    # Rows.

    def admit(self, run: Run, candidates: Sequence[Candidate]) -> list[Row]:
        """Store rows that a run has read; return each as the journal has it, without its answer.

        A key that occurred in this run before is another row with the same request: it becomes
        `KEY-2`, `KEY-3`, …, in the order of the input.
        """
        with self.transaction() as database:
            return statements.admit(database, run, candidates, self._repeats)

    def apply(self, turns: Sequence[Turn]) -> None:
        """Write the ends and beginnings of rows; all are durable when this returns."""
        ended = [_outcome_values(turn.ended) for turn in turns if turn.ended is not None]
        begun = [turn.begun for turn in turns if turn.begun is not None]
        with self.transaction() as database:
            statements.end(database, ended)
            statements.begin(database, begun)

    def rows(self, generation: int | None = None, *, state: str | None = None) -> Iterator[Row]:
        """Yield rows in the order of the input, a page at a time.

        Args:
            generation: Number of the run whose rows are read; the newest run's when left out.
            state: Only rows in this state.
        """
        if generation is None:
            generation = (self.last_run() or {}).get("generation", 0)
        chosen = " AND state = ?" if state else ""
        query = f"{_SELECT} WHERE generation = ? AND position > ?{chosen} ORDER BY position LIMIT ?"
        last = -1
        while True:
            values = (generation, last, *((state,) if state else ()), _PAGE)
            with self._lock:
                page = self._database.execute(query, values).fetchall()
            yield from map(_row, page)
            if len(page) < _PAGE:
                return
            last = page[-1][1]

    def counts(self, generation: int | None = None) -> dict[str, int]:
        """Return the number of rows in each state."""
        if generation is None:
            generation = (self.last_run() or {}).get("generation", 0)
        with self._lock:
            return dict(
                self._database.execute(
                    "SELECT state, COUNT(*) FROM bulk_row WHERE generation = ? GROUP BY state",
                    (generation,),
                )
            )

    def totals(self, generation: int | None = None) -> Totals:
        """Sum tokens and costs over all rows."""
        if generation is None:
            generation = (self.last_run() or {}).get("generation", 0)
        with self._lock:
            *tokens, unpriced = self._database.execute(_SUM_TOKENS, (generation,)).fetchone()
            costs = dict(self._database.execute(_SUM_COSTS, (generation,)))
        names = ("input_tokens", "output_tokens", "total_tokens")
        return Totals(dict(zip(names, tokens, strict=True)), costs, unpriced)


_SUM_TOKENS = (
    "SELECT COALESCE(SUM(json_extract(usage, '$.input_tokens')), 0),"
    " COALESCE(SUM(json_extract(usage, '$.output_tokens')), 0),"
    " COALESCE(SUM(json_extract(usage, '$.total_tokens')), 0),"
    " COALESCE(SUM(state = 'done' AND cost IS NULL), 0)"
    " FROM bulk_row WHERE generation = ?"
)
_SUM_COSTS = (
    "SELECT currency, SUM(cost) FROM bulk_row"
    " WHERE generation = ? AND cost IS NOT NULL AND currency <> '' GROUP BY currency"
)


def _outcome_values(outcome: Outcome) -> tuple[Any, ...]:
    """Return the columns of an outcome; what JSON cannot hold does not keep others unwritten."""
    try:
        return _columns(outcome)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"JSON cannot hold its answer: {error}"
        lost = {"type": type(error).__name__, "message": message, "retryable": False}
        return _columns(replace(outcome, state="failed", answer=None, error=lost, fields=None))


def _columns(outcome: Outcome) -> tuple[Any, ...]:
    return (
        outcome.key,
        outcome.state,
        int(not outcome.sent),
        json_text(outcome.answer),
        json_text(outcome.usage),
        outcome.cost,
        outcome.currency,
        json_text(outcome.error),
        json_text(outcome.fields),
        now(),
    )


def _row(values: tuple[Any, ...]) -> Row:
    named = dict(zip(_COLUMNS, values, strict=True))
    for name in _JSON:
        if named[name] is not None:
            named[name] = orjson.loads(named[name])
    return Row(**named)


def now() -> int:
    """Return the time in the unit of the columns: microseconds since 1970."""
    return time.time_ns() // 1000


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        set_pragmas(database, _PRAGMAS)
    except BaseException:
        database.close()
        raise
    return database


def _guard(path: Path) -> sqlite3.Connection:
    """Lock a journal for writing: a lock of the system, which ends with the process.

    Raises:
        JournalError: Another process holds the lock.
    """
    guard = sqlite3.connect(
        f"{path}-lock", timeout=0, isolation_level=None, check_same_thread=False
    )
    try:
        guard.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        guard.close()
        if "locked" not in str(error):
            raise
        raise JournalError(
            f"Another process is writing the journal {path}: wait for it, or give this run "
            "another `output=` or `state=`."
        ) from None
    return guard
