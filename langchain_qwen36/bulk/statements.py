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
    "INSERT INTO bulk_row (generation, run, position, line, id, key, state, attempts, answer,"
    " usage, cost, currency, error, fields, ended) SELECT 0, 0, 0, 0, '', * FROM ({values})"
    " WHERE true ON CONFLICT (key) DO UPDATE SET"
    " state = excluded.state, attempts = attempts - excluded.attempts,"
    " answer = excluded.answer, usage = excluded.usage, cost = CASE WHEN excluded.cost IS NULL"
    " THEN cost ELSE COALESCE(cost, 0) + excluded.cost END, currency = CASE WHEN"
    " excluded.currency = '' THEN currency ELSE excluded.currency END, error = excluded.error,"
    " fields = excluded.fields, ended = excluded.ended"
)
"""Updates rows, each of which is there: less work than `UPDATE … FROM (VALUES …)`, and two ends of
one row are both written. The value for `attempts` is what to take from them."""

Values = tuple[Any, ...]
Found = tuple[int, "State", int, str | None]
"""A row as the journal has it: run, state, attempts, error."""


def begin(database: sqlite3.Connection, keys: Sequence[str]) -> None:
    """Write that rows are sent."""
    if keys:
        database.execute(_BEGIN, (orjson.dumps(keys).decode(),))


def end(database: sqlite3.Connection, ended: Sequence[Values]) -> None:
    """Write the ends of rows: the values of `_END`, the key first."""
    write(database, _END, ended)


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
    write(database, _INSERT, new)
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


def write(database: sqlite3.Connection, statement: str, rows: Sequence[Values]) -> None:
    """Run a statement with `{values}` over all rows, as many at once as possible."""
    for part in in_statements(rows, _AT_ONCE):
        values = values_of(len(part), len(part[0]))
        database.execute(statement.format(values=values), list(chain.from_iterable(part)))
