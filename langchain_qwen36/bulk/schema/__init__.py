"""Apply the journal's schema: numbered SQL files, each applied once, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_qwen36._sql_scripts import sql_scripts
from langchain_qwen36.errors import JournalError

if TYPE_CHECKING:
    import sqlite3

_APPLICATION = 0x5135_424A
"""SQLite's `application_id` of a journal, so that no other program's database is taken for one."""


def migrate(database: sqlite3.Connection) -> None:
    """Bring a database to this release's schema.

    Raises:
        JournalError: The file is another program's database, or a later release's journal.
    """
    scripts = sql_scripts(__name__)
    version = _check(database, len(scripts))
    for number in range(version + 1, len(scripts) + 1):
        database.executescript(
            f"BEGIN IMMEDIATE; {scripts[number - 1]}; PRAGMA application_id = {_APPLICATION};"
            f"PRAGMA user_version = {number}; COMMIT;"
        )


def _check(database: sqlite3.Connection, newest: int) -> int:
    """Return the version of a journal's schema; 0 for an empty database."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (tables,) = database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    if tables and application != _APPLICATION:
        raise JournalError("The file is another program's database, not the journal of a bulk run.")
    if version > newest:
        raise JournalError(
            f"The journal has schema {version}, and this release knows {newest}: "
            "pip install --upgrade langchain-qwen36"
        )
    return int(version)
