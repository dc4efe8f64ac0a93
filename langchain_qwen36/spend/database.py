"""Open a ledger's database, SQLite or Postgres, and explain its errors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from langchain_qwen36._sqlite import BUSY_SECONDS, set_pragmas
from langchain_qwen36.errors import LedgerError, LedgerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL, Connection, Engine

_FORMS = "'sqlite:///spend.db' or 'postgresql://user:password@host/database'"
_PRAGMAS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "PRAGMA temp_store=MEMORY")


def parse_url(text: str) -> URL:
    """Parse a ledger's URL and add its driver.

    Raises:
        LedgerError: The URL names no database in which a ledger can be kept.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise LedgerError(f"{text!r} is no ledger URL; write it like {_FORMS}") from None
    match url.get_backend_name():
        case "sqlite":
            return url.set(drivername="sqlite+pysqlite")
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise LedgerError(f"A ledger cannot be kept in {other!r}; write the URL like {_FORMS}")


def open_engine(url: URL, *, writes: bool) -> Engine:
    """Create an engine; nothing is connected yet.

    Args:
        url: The result of `parse_url`.
        writes: Whether its transactions write: SQLite's then begin with the write lock, so that
            none must be restarted halfway.

    Raises:
        LedgerError: The database's driver is not installed.
    """
    try:
        if url.get_backend_name() == "sqlite":
            return _open_sqlite(url, "BEGIN IMMEDIATE" if writes else "BEGIN")
        return create_engine(
            url,
            isolation_level="READ COMMITTED",
            pool_size=2,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 5,
                "application_name": "langchain-qwen36",
                "options": "-c lock_timeout=15s -c statement_timeout=60s",
            },
        )
    except (ImportError, NoSuchModuleError) as error:
        raise LedgerError(
            f"The driver for {url.get_backend_name()} is not installed ({error}): "
            'pip install "langchain-qwen36[ledger]"'
        ) from error


def is_in_memory(url: URL) -> bool:
    """Return whether the database exists in one connection only."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _open_sqlite(url: URL, begin: str) -> Engine:
    options: dict[str, Any] = {"poolclass": StaticPool} if is_in_memory(url) else {}
    connect_args = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(url, connect_args=connect_args, **options)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        set_pragmas(connection, _PRAGMAS)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


@contextmanager
def clear_errors(url: URL) -> Iterator[None]:
    """Raise a database's errors as ours, which name the fix.

    Raises:
        LedgerError: The file or the rights are wrong: a retry changes nothing.
        LedgerUnavailableError: The database cannot be reached now.
    """
    try:
        yield
    except DBAPIError as error:
        text = str(error.orig).strip().split("\n")[0]
        name = url.render_as_string(hide_password=True)
        if "readonly" in text or "read-only" in text or "permission denied" in text:
            raise LedgerError(
                f"The ledger {name} may not be written ({text}): give the process write access "
                "to the file and its folder, or the role its rights on the tables."
            ) from error
        if "not a database" in text:
            raise LedgerError(f"{name} is another kind of file: choose another name.") from error
        if "unable to open database file" in text:
            raise LedgerError(
                f"The ledger {name} cannot be opened: its folder must exist and be writable."
            ) from error
        raise LedgerUnavailableError(f"The ledger {name} cannot be reached: {text}") from error
