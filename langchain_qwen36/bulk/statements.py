"""Write many rows of a journal by few statements.

Python's sqlite3 releases the interpreter's lock for each step of a statement, and waits for the
event loop to take it again: https://github.com/python/cpython/blob/3.11/Modules/_sqlite/cursor.c
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson

from langchain_qwen36._sql_rows import in_statements, values_of
from langchain_qwen36.bulk.types import Row

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from langchain_qwen36.bulk.types import Candidate, Run, State

_AT_ONCE = (64, 16, 4, 1)
"""Rows of one statement: few sizes, so that sqlite3 finds each statement in its cache."""
_LOOK = (
    "SELECT key, run, state, attempts, error FROM bulk_row"
    " WHERE key IN (SELECT value FROM json_each(?))"
)
_MOVE = "UPDATE bulk_row SET generation = 0 WHERE generation = ? AND position = ? AND key <> ?"
_INSERT = "INSERT INTO bulk_row (key, generation, run, position, line, id, state) {values}"
_RENEW = "UPDATE bulk_row SET generation = ?, run = ?, position = ?, line = ?, id = ? WHERE key = ?"
_BEGIN = (
    "UPDATE bulk_row SET state = 'sent', attempts = attempts + 1"
    " WHERE key IN (SELECT value FROM json_each(?))"
)
_END = (
    "WITH new (key, state, unsent, answer, usage, cost, currency, error, fields, ended)"
    " AS ({values})"
    " UPDATE bulk_row SET state = new.state, attempts = attempts - new.unsent,"
    " answer = new.answer, usage = new.usage, cost = CASE WHEN new.cost IS NULL THEN bulk_row.cost"
    " ELSE COALESCE(bulk_row.cost, 0) + new.cost END, currency = CASE WHEN new.currency = ''"
    " THEN bulk_row.currency ELSE new.currency END, error = new.error, fields = new.fields,"
    " ended = new.ended FROM new WHERE bulk_row.key = new.key"
)

Values = tuple[Any, ...]
Found = tuple[int, "State", int, str | None]
"""A row as the journal has it: run, state, attempts, error."""


def begin(database: sqlite3.Connection, keys: Sequence[str]) -> None:
    """Write that rows are sent."""
    if keys:
        database.execute(_BEGIN, (orjson.dumps(keys).decode(),))


def end(database: sqlite3.Connection, ended: Sequence[Values]) -> None:
    """Write the ends of rows: the values of `_END`, the key first."""
    if len({values[0] for values in ended}) == len(ended):
        _write(database, _END, ended)
        return
    for values in ended:  # a statement would write only one of two ends of a row
        _write(database, _END, [values])


def admit(
    database: sqlite3.Connection,
    run: Run,
    candidates: Sequence[Candidate],
    repeats: dict[str, int],
) -> list[Row]:
    """Store rows that a run has read, and return each as the journal has it.

    A key that occurred in this run before is another row with the same request: `repeats` counts
    those, and only those, since memory must not grow with the rows.
    """
    known = _look(database, [each.key for each in candidates])
    occurred = {key for key, found in known.items() if found[0] == run.number}
    rows = []
    for each in candidates:
        key = each.key
        if key in occurred:
            repeats[key] = repeats.get(key, 1) + 1
            key = f"{key}-{repeats[key]}"
            known |= _look(database, [key])
        occurred.add(each.key)
        rows.append(_row(key, each, known.get(key)))
    _store(database, run, rows, known)
    return rows


def _store(
    database: sqlite3.Connection, run: Run, rows: Sequence[Row], known: Mapping[str, Found]
) -> None:
    """Insert the rows that are new, and give the others the positions that they have now."""
    if run.generation != run.number:  # an earlier run may have had other rows in their positions
        database.executemany(_MOVE, [(run.generation, row.position, row.key) for row in rows])
    new = [
        (row.key, run.generation, run.number, row.position, row.line, row.id, "pending")
        for row in rows
        if row.key not in known
    ]
    renewed = [
        (run.generation, run.number, row.position, row.line, row.id, row.key)
        for row in rows
        if row.key in known
    ]
    _write(database, _INSERT, new)
    database.executemany(_RENEW, renewed)


def _look(database: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Found]:
    rows = database.execute(_LOOK, (orjson.dumps(keys).decode(),))
    return {key: (run, state, attempts, error) for key, run, state, attempts, error in rows}


def _row(key: str, candidate: Candidate, found: Found | None) -> Row:
    _, state, attempts, error = found or (0, "pending", 0, None)
    return Row(
        key=key,
        position=candidate.position,
        line=candidate.line,
        id=candidate.id,
        state=state,
        attempts=attempts,
        error=None if error is None else orjson.loads(error),
    )


def _write(database: sqlite3.Connection, statement: str, rows: Sequence[Values]) -> None:
    """Run a statement over all rows, as many at once as possible."""
    for part in in_statements(rows, _AT_ONCE):
        values = values_of(len(part), len(part[0]))
        database.execute(statement.format(values=values), list(chain.from_iterable(part)))
