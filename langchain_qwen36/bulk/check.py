"""Check an input before any of it is sent: unreadable lines, duplicate ids, missing fields."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langchain_qwen36.errors import BulkInputError

if TYPE_CHECKING:
    from langchain_qwen36.bulk.prompt import RowPrompt
    from langchain_qwen36.bulk.source import InputRow, Source

_SHOWN = 10
"""Most problems that a message lists."""


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

    def problem_of(self, row: InputRow) -> str | None:
        """Record a row's id; return an error text if another row has the same."""
        added = self._database.execute(
            "INSERT OR IGNORE INTO ids VALUES (?, ?)", (row.id, row.line)
        )
        if added.rowcount:
            return None
        (line,) = self._database.execute("SELECT line FROM ids WHERE id = ?", (row.id,)).fetchone()
        return f"its id {row.id!r} is that of line {line} too"


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


def problem_of(row: InputRow, prompt: RowPrompt, ids: IdRegister) -> str | None:
    """Return why a row cannot be sent: it is unreadable, lacks a field, or repeats an id."""
    return row.problem or prompt.problem_of(row.fields) or ids.problem_of(row)


def check(source: Source, prompt: RowPrompt) -> Checked:
    """Read an input once, and collect the problems of its rows."""
    checked, ids = Checked(), IdRegister()
    try:
        for row in source:
            checked.rows += 1
            problem = problem_of(row, prompt, ids)
            if problem is not None:
                checked.bad += 1
                if len(checked.problems) < _SHOWN:
                    checked.problems.append(f"line {row.line}: {problem}")
    finally:
        ids.close()
    return checked
