"""Set up a new connection to a SQLite file: what the ledger and the journals of bulk runs share."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

BUSY_SECONDS = 15
"""How long a connection waits for the lock of another."""
_PAUSE_SECONDS = 0.01


def set_pragmas(connection: sqlite3.Connection, pragmas: Iterable[str]) -> None:
    """Execute PRAGMA statements, and wait while another connection has the file locked.

    SQLite's own busy timeout does not cover the change to WAL: of several connections that make
    it at once, all but one can fail immediately (https://www.sqlite.org/c3ref/busy_handler.html).

    Raises:
        sqlite3.Error: The file is no database, or was locked for `BUSY_SECONDS`.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    for pragma in pragmas:
        while not _is_set(connection, pragma, deadline):
            time.sleep(_PAUSE_SECONDS)


def _is_set(connection: sqlite3.Connection, pragma: str, deadline: float) -> bool:
    try:
        connection.execute(pragma)
    except sqlite3.OperationalError as error:
        # A read-only file keeps its journal mode; reading it is fine, writing raises its own error.
        if "readonly" in str(error):
            return True
        if "locked" not in str(error) or time.monotonic() > deadline:
            raise
        return False
    return True
