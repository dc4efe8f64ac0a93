"""A ledger's database for each test: SQLite, and Postgres where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from postgres_server import drop_database, new_database, postgres, why_missing

from langchain_qwen36.spend import SpendLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[str]:
    """Return the socket's folder of a Postgres that runs as long as the tests."""
    if why_missing:
        pytest.skip(why_missing)
    with postgres() as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request, tmp_path) -> Iterator[str]:
    """Return the URL of an empty database, on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/spend.db"
        return
    folder, name = request.getfixturevalue("postgres_folder"), f"t{uuid4().hex[:12]}"
    yield new_database(folder, name)
    drop_database(folder, name)


@pytest.fixture
def open_ledger(tmp_path, request) -> Iterator[Callable[..., SpendLedger]]:
    """Open ledgers; they are closed with the test, and spool into its folder."""
    opened: list[SpendLedger] = []
    if "ledger_url" in request.fixturenames:
        request.getfixturevalue("ledger_url")  # so that ledgers are closed before it is dropped

    def open_one(url: str, **settings) -> SpendLedger:
        settings.setdefault("spool", tmp_path / "spool.jsonl")
        opened.append(SpendLedger(url, **settings))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()
