"""Apply the ledger's schema: numbered SQL files, each applied once, in order, under a lock."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from langchain_qwen36._sql_scripts import sql_scripts
from langchain_qwen36.errors import LedgerError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_LOCK = 0x5135_5350  # any number that no other program of the database uses


def migrate(connection: Connection) -> None:
    """Bring a database to this version's schema, in the open transaction.

    Raises:
        LedgerError: The database has the schema of a later version.
    """
    if connection.dialect.name == "postgresql":  # SQLite's transaction is the lock.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    scripts, version = sql_scripts(__name__), version_of(connection)
    if version > len(scripts):
        raise LedgerError(
            f"The ledger has schema {version}, and this release knows {len(scripts)}: "
            "pip install --upgrade langchain-qwen36"
        )
    for number in range(version + 1, len(scripts) + 1):
        for statement in _statements(scripts[number - 1]):
            connection.execute(text(statement))
        connection.execute(
            text("INSERT INTO spend_schema (version, applied) VALUES (:version, :applied)"),
            {"version": number, "applied": datetime.now(UTC).isoformat()},
        )


def version_of(connection: Connection) -> int:
    """Return the number of the last script that was applied; 0 for a new database."""
    if not inspect(connection).has_table("spend_schema"):
        connection.execute(
            text("CREATE TABLE spend_schema (version INTEGER PRIMARY KEY, applied TEXT NOT NULL)")
        )
        return 0
    return int(connection.execute(text("SELECT MAX(version) FROM spend_schema")).scalar() or 0)


def _statements(script: str) -> list[str]:
    """Split a script into statements; ours have no semicolon in a text."""
    bare = re.sub(r"--[^\n]*", "", script)
    return [statement for part in bare.split(";") if (statement := part.strip())]
