"""What can be wrong with a ledger: each a clear error that names the fix, and nothing lost."""

from __future__ import annotations

import json
import pickle
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from langchain_qwen36.errors import LedgerError, LedgerUnavailableError
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import End, Limit, SpendLedger, Start
from langchain_qwen36.spend import database as database_module

DOLLAR = Money.parse("1 USD")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("spend.db", "is no ledger URL; write it like 'sqlite:///spend.db'"),
        ("mysql://host/db", "cannot be kept in 'mysql'"),
        ("sqlite:////no/such/folder/spend.db", "its folder must exist"),
        ("postgresql://test@127.0.0.1:1/x", "cannot be reached"),
    ],
    ids=["no URL", "another database", "no folder", "no server"],
)
def test_a_wrong_url_is_refused_when_the_ledger_is_made(url, message, tmp_path):
    """A misspelt URL fails where the ledger is made, before any call, and names the fix."""
    with pytest.raises(LedgerError, match=message):
        SpendLedger(url, spool=tmp_path / "spool")


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"on_failure": "ignore"}, "'refuse' or 'allow'"), ({"lease": timedelta(0)}, "above 0")],
)
def test_a_setting_that_cannot_be_is_refused(settings, message):
    """A misspelt policy or an empty lease is refused when the ledger is made."""
    with pytest.raises(ValueError, match=message):
        SpendLedger("sqlite://", **settings)


def test_a_missing_extra_is_named():
    """Where SQLAlchemy is not installed, the package imports, and a ledger names the extra."""
    program = """
import sys
sys.modules["sqlalchemy"] = None
import langchain_qwen36.middleware
from langchain_qwen36.spend import SpendLedger
try:
    SpendLedger("sqlite://")
except Exception as error:
    print(type(error).__name__, error)
"""
    found = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith("LedgerError")
    assert 'pip install "langchain-qwen36[ledger]"' in found.stdout


def test_a_missing_driver_is_named(monkeypatch):
    """Without psycopg a Postgres URL names the extra to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    url = database_module.parse_url("postgresql://host/db")
    with pytest.raises(LedgerError, match=r"driver for postgresql is not installed"):
        database_module.open_engine(url, writes=True)


def test_a_password_stands_in_no_error():
    """An error names the ledger without its password."""
    with pytest.raises(LedgerUnavailableError) as caught:
        SpendLedger("postgresql://me:hunter2@127.0.0.1:1/x")
    assert "hunter2" not in str(caught.value)


def test_a_file_of_another_kind_is_left_alone(tmp_path):
    """A file that is no database is refused and not written."""
    path = tmp_path / "spend.db"
    path.write_text("a letter " * 200)
    with pytest.raises(LedgerError, match="another kind of file"):
        SpendLedger(f"sqlite:///{path}")
    assert path.read_text() == "a letter " * 200


def test_a_file_that_may_not_be_written_is_refused_by_name(tmp_path, open_ledger):
    """A read-only ledger refuses calls with an error that names the file and the fix."""
    open_ledger(f"sqlite:///{tmp_path}/spend.db").close()
    ledger = open_ledger(f"sqlite:///file:{tmp_path}/spend.db?mode=ro&uri=true")
    with pytest.raises(LedgerError, match="may not be written"):
        ledger.reserve(Start(run_id="a", hold=DOLLAR))


def test_a_schema_of_a_later_release_is_refused(ledger_url, open_ledger):
    """A ledger that a later release has changed is not touched, and the error says to upgrade."""
    ledger = open_ledger(ledger_url)
    statement = text("INSERT INTO spend_schema (version, applied) VALUES (999, 'later')")
    ledger._store.write(lambda connection: connection.execute(statement))
    with pytest.raises(LedgerError, match=r"schema 999, and this release knows .*--upgrade"):
        SpendLedger(ledger_url)


def load_dump(url: str, script: str) -> None:
    """Make a database from a script, which both kinds read."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.executescript(script)
    else:
        connection = psycopg.connect(url, autocommit=True)
        connection.execute(script)
    connection.close()


RELEASED = sorted((Path(__file__).parent / "released").glob("*.sql"))


@pytest.mark.parametrize("dump", RELEASED, ids=[dump.stem for dump in RELEASED])
def test_every_released_schema_opens_with_its_calls(dump, ledger_url, open_ledger):
    """A ledger of each released schema is brought up to date, and its sums are kept."""
    load_dump(ledger_url, dump.read_text())
    ledger = open_ledger(ledger_url, limits=[Limit("all", "5 USD")])
    [balance] = ledger.balances()
    assert str(balance.spent) == "0.25 USD"
    assert str(balance.held) == "1 USD"
    late = Start(run_id="open", hold=DOLLAR)
    ledger.settle(late, End(cost=DOLLAR))
    assert str(ledger.balances()[0].spent) == "1.25 USD"


def test_two_processes_may_make_the_tables_at_once(ledger_url, open_ledger):
    """Ledgers that are opened at the same time apply each script once."""
    with ThreadPoolExecutor(4) as pool:
        ledgers = list(pool.map(lambda _: open_ledger(ledger_url), range(4)))
    ledgers[0].reserve(Start(run_id="a", hold=DOLLAR))


def break_ledger(ledger) -> None:
    """Let a ledger's database go away."""
    ledger._store.write(lambda c: c.execute(text("ALTER TABLE spend_call RENAME TO away")))


def mend_ledger(ledger) -> None:
    """Let it come back."""
    ledger._store._retry_at = 0
    ledger._store.write(lambda c: c.execute(text("ALTER TABLE away RENAME TO spend_call")))


def test_a_ledger_that_is_down_refuses_calls_and_keeps_their_ends(
    ledger_url, open_ledger, tmp_path
):
    """No call is admitted while the ledger is down, and the end of one that ran is spooled."""
    ledger = open_ledger(ledger_url)
    running = Start(run_id="a", hold=DOLLAR)
    ledger.reserve(running)
    break_ledger(ledger)
    with pytest.raises(LedgerUnavailableError):
        ledger.reserve(Start(run_id="b", hold=DOLLAR))
    ledger.settle(running, End(cost=Money.parse("0.25 USD"))).result()
    assert len((tmp_path / "spool.jsonl").read_text().splitlines()) == 1
    mend_ledger(ledger)
    ledger.reserve(Start(run_id="c", hold=DOLLAR))
    ledger.flush()
    calls = json.loads(ledger.export("json"))["calls"]
    assert {c["run_id"]: c["cost"] for c in calls} == {"a": "0.25", "c": None}
    assert (tmp_path / "spool.jsonl").read_text() == ""


def test_a_ledger_that_allows_books_later_what_was_made_without_it(
    ledger_url, open_ledger, tmp_path
):
    """With `on_failure="allow"` calls go on, and every one of them is booked when it is back."""
    ledger = open_ledger(ledger_url, on_failure="allow", limits=[Limit("all", "1 USD")])
    break_ledger(ledger)
    starts = [Start(run_id=f"r{n}", hold=DOLLAR) for n in range(3)]
    for start in starts:
        ledger.reserve(start)
    for start in starts[:2]:
        ledger.settle(start, End(cost=Money.parse("0.75 USD")))
    ledger.flush()
    mend_ledger(ledger)
    ledger._store.replay()
    [balance] = ledger.balances()
    assert (str(balance.spent), str(balance.held)) == ("1.5 USD", "1 USD")


def test_a_spool_is_replayed_by_the_next_process(ledger_url, open_ledger):
    """What a process spooled before it ended is written by the one that comes after it."""
    first = open_ledger(ledger_url)
    break_ledger(first)
    first.settle(Start(run_id="a"), End(cost=DOLLAR)).result()
    mend_ledger(first)
    first.close()
    second = open_ledger(ledger_url)
    second.reserve(Start(run_id="b", hold=DOLLAR))
    second.flush()
    assert [c["cost"] for c in json.loads(second.export("json"))["calls"]] == ["1", None]


def test_a_ledger_pickles_as_its_settings(ledger_url, open_ledger):
    """A copy in another process books into the same ledger."""
    ledger = open_ledger(ledger_url, limits=[Limit("all", "5 USD")])
    copy = pickle.loads(pickle.dumps(ledger))  # noqa: S301 - our own
    copy.reserve(Start(run_id="a", hold=DOLLAR))
    copy.close()
    assert str(ledger.balances()[0].held) == "1 USD"


def test_a_top_up_of_each_user_is_refused(tmp_path, open_ledger):
    """`user:*` is a limit, not an account: money on it would be nobody's."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db")
    ledger.set_budget(Limit("user:*", "1 USD"))
    with pytest.raises(LedgerError, match="top up one user, such as user:u1"):
        ledger.top_up("user:*", "1 USD")
    assert ledger.balances() == []
