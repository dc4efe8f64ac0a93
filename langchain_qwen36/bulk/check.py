"""Check an input before any of it is sent: unreadable lines, duplicate ids, missing fields."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from langchain_qwen36.bulk.statements import write
from langchain_qwen36.errors import BulkInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langchain_qwen36.bulk.prompt import RowPrompt
    from langchain_qwen36.bulk.source import InputRow, Source

BLOCK = 256
"""Rows read, checked and stored at once, so that memory does not grow with the input."""
_SHOWN = 10
"""Most problems that a message lists."""
_INSERT = "INSERT OR IGNORE INTO ids {values}"
_LINE = "SELECT line FROM ids WHERE id = ?"


class IdRegister:
    """The ids of an input, on disk if there are many."""

    def __init__(self) -> None:
        # An empty name is a temporary file that SQLite creates when its cache is full.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def close(self) -> None:
        """Remove the file."""
        self._database.close()

    def add(self, rows: Sequence[InputRow]) -> None:
        """Record the ids of rows; a row whose id an earlier one has gets that as its problem."""
        before = self._database.total_changes
        write(self._database, _INSERT, [(row.id, row.line) for row in rows])
        if self._database.total_changes - before == len(rows):
            return
        for row in rows:
            (line,) = self._database.execute(_LINE, (row.id,)).fetchone()
            if line != row.line:
                row.problem = f"its id {row.id!r} is that of line {line} too"


@dataclass(slots=True)
class Checked:
    """The result of checking the whole input."""

    rows: int = 0
    bad: int = 0
    problems: list[str] = field(default_factory=list)
    """Texts of the first problems, with their lines."""

    def raise_if_bad(self) -> None:
        """Refuse an input with rows that cannot be sent.

        Raises:
            BulkInputError: There are such rows; the message names the first ones by line.
        """
        if not self.bad:
            return
        more = f"\n… and {self.bad - len(self.problems)} more" if self.bad > _SHOWN else ""
        listed = "\n".join(self.problems)
        raise BulkInputError(
            f"{self.bad} of {self.rows} rows cannot be sent; nothing was.\n{listed}{more}\n"
            "Mend them, or leave them out with `skip_bad_rows=True` (--skip-bad-rows)."
        )


def read_block(rows: Iterator[InputRow], prompt: RowPrompt, ids: IdRegister) -> list[InputRow]:
    """Read up to `BLOCK` rows, with the problem of each that cannot be sent.

    Such a row is unreadable, lacks a field, or repeats an id.
    """
    block = list(islice(rows, BLOCK))
    for row in block:
        row.problem = row.problem or prompt.problem_of(row.fields)
    ids.add([row for row in block if row.problem is None])
    return block


def check(source: Source, prompt: RowPrompt) -> Checked:
    """Read an input once, and collect the problems of its rows."""
    checked, ids = Checked(), IdRegister()
    try:
        rows = iter(source)
        while block := read_block(rows, prompt, ids):
            checked.rows += len(block)
            bad = [f"line {row.line}: {row.problem}" for row in block if row.problem is not None]
            checked.bad += len(bad)
            checked.problems += bad[: _SHOWN - len(checked.problems)]
    finally:
        ids.close()
    return checked
