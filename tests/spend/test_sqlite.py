"""A ledger's file may be locked by another connection while ours is set up."""

import sqlite3
import threading

import pytest

from langchain_qwen36 import _sqlite
from langchain_qwen36._sqlite import set_pragmas

WAL = "PRAGMA journal_mode=WAL"


def connect(path) -> sqlite3.Connection:
    """Connect without a busy timeout: what SQLite does where its own does not apply."""
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def test_a_new_connection_waits_for_the_lock_of_another(tmp_path):
    """The change to WAL is made as soon as the other connection has ended its transaction."""
    other, ours = connect(tmp_path / "spend.db"), connect(tmp_path / "spend.db")
    other.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(0.2, other.execute, ["COMMIT"])
    timer.start()
    set_pragmas(ours, [WAL])
    timer.join()
    assert ours.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    ours.close()


def test_a_lock_that_stays_ends_in_the_error_of_sqlite(tmp_path, monkeypatch):
    """The wait for a lock has an end."""
    monkeypatch.setattr(_sqlite, "BUSY_SECONDS", 0.1)
    other, ours = connect(tmp_path / "spend.db"), connect(tmp_path / "spend.db")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        set_pragmas(ours, [WAL])
    other.close()
    ours.close()
