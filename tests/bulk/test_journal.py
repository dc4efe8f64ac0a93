"""The journal of bulk runs: what is durable, what is paid once, who may write."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from langchain_qwen36._sql_scripts import sql_scripts
from langchain_qwen36.bulk import Journal, schema
from langchain_qwen36.bulk.types import Candidate, Outcome, Turn
from langchain_qwen36.errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path


def candidates(*keys: str) -> list[Candidate]:
    """Rows of the input, numbered, of these keys."""
    return [Candidate(key, number, number + 1, f"id-{key}") for number, key in enumerate(keys)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a journal that is not there yet."""
    return tmp_path / "out.journal"


def test_an_answer_is_known_to_the_next_run(path: Path) -> None:
    """A row that a run has answered is `done` when a later run reads the same request."""
    with Journal(path) as journal:
        run = journal.begin_run("f", {})
        journal.admit(run, candidates("a", "b"))
        journal.apply([Turn(begun="a")])
        journal.apply([Turn(Outcome(key="a", state="done", answer={"answer": "A"}), "b")])
    with Journal(path) as journal:
        run = journal.begin_run("f", {})
        rows = journal.admit(run, candidates("a", "b"))
        assert [(row.state, row.attempts) for row in rows] == [("done", 1), ("pending", 1)]
        assert [row.answer for row in journal.rows()] == [{"answer": "A"}, None]


def test_calls_under_way_at_a_crash_are_counted(path: Path) -> None:
    """A run that begins says how many calls an earlier one left under way."""
    with Journal(path) as journal:
        run = journal.begin_run("f", {})
        journal.admit(run, candidates("a", "b", "c"))
        journal.apply([Turn(begun="a"), Turn(begun="c")])
    with Journal(path) as journal:
        assert journal.begin_run("f", {}).in_flight == 2
        assert journal.counts() == {"pending": 3}


def test_rows_of_one_request_are_rows_of_their_own(path: Path) -> None:
    """Three rows with the same request have three keys, the same ones in the next run."""
    with Journal(path) as journal:
        for _ in range(2):
            run = journal.begin_run("f", {})
            keys = [row.key for row in journal.admit(run, candidates("a", "a", "a"))]
            assert keys == ["a", "a-2", "a-3"]


def test_a_row_that_left_the_input_leaves_the_output(path: Path) -> None:
    """Rows that a whole run did not read are not in the output; their answers stay."""
    with Journal(path) as journal:
        run = journal.begin_run("f", {})
        journal.admit(run, candidates("a", "b"))
        journal.apply([Turn(Outcome(key="a", state="done", answer={"answer": "A"}))])
        run = journal.begin_run("f", {})
        journal.admit(run, candidates("b"))
        journal.end_run(run, "complete", read_whole_input=True)
        assert [row.key for row in journal.rows()] == ["b"]
        run = journal.begin_run("f", {})
        assert [row.state for row in journal.admit(run, candidates("a", "b"))] == [
            "done",
            "pending",
        ]


def test_another_prompt_is_another_output(path: Path) -> None:
    """Rows of a run with another fingerprint do not mix with those of the one before."""
    with Journal(path) as journal:
        journal.admit(journal.begin_run("f", {}), candidates("a", "b"))
        journal.admit(journal.begin_run("g", {}), candidates("c"))
        assert [row.key for row in journal.rows()] == ["c"]


def test_costs_of_all_attempts_add_up(path: Path) -> None:
    """A row's cost is the sum of what its attempts cost; an unknown one adds nothing."""
    with Journal(path) as journal:
        journal.admit(journal.begin_run("f", {}), candidates("a"))
        for cost, state in ((5, "pending"), (None, "pending"), (7, "done")):
            journal.apply([Turn(Outcome(key="a", state=state, cost=cost, currency="USD"))])
        (row,) = journal.rows()
        assert (row.cost, row.currency, row.amount) == (12, "USD", 12 * row.amount / 12)


def test_two_ends_of_a_row_in_one_group_add_up(path: Path) -> None:
    """A group that ends a row twice counts both costs and keeps the later state."""
    with Journal(path) as journal:
        journal.admit(journal.begin_run("f", {}), candidates("a"))
        outcomes = [Outcome(key="a", state=state, cost=5) for state in ("pending", "done")]
        journal.apply([Turn(outcome) for outcome in outcomes])
        assert [(row.state, row.cost) for row in journal.rows()] == [("done", 10)]


def test_a_block_of_any_size_is_written_whole(path: Path) -> None:
    """Rows are written many at once, and those left over in smaller statements."""
    keys = [f"k{number}" for number in range(87)]  # 64 + 16 + 4 + 1 + 1 + 1
    with Journal(path) as journal:
        journal.admit(journal.begin_run("f", {}), candidates(*keys))
        journal.apply(
            [Turn(Outcome(key=key, state="done", answer={"answer": key})) for key in keys]
        )
        assert [row.answer for row in journal.rows()] == [{"answer": key} for key in keys]


def test_rows_that_change_places_are_in_the_new_order(path: Path) -> None:
    """A later run that reads the same requests in another order has them in that order."""
    with Journal(path) as journal:
        for keys in (["a", "b", "c"], ["b", "c", "a"]):
            journal.admit(journal.begin_run("f", {}), candidates(*keys))
            assert [row.key for row in journal.rows()] == keys


def test_pages_join_without_a_gap(path: Path) -> None:
    """Reading more rows than a page gives each once, in the order of the input."""
    with Journal(path) as journal:
        many = [Candidate(f"k{n}", n, n, str(n)) for n in range(1203)]
        journal.admit(journal.begin_run("f", {}), many)
        assert [row.position for row in journal.rows()] == list(range(1203))


def test_a_second_writer_is_refused(path: Path) -> None:
    """While one process writes a journal, another is refused, and a reader is not."""
    program = f"""
from langchain_qwen36.bulk import Journal
try:
    Journal({str(path)!r})
except ValueError as error:
    print(error)
with Journal({str(path)!r}, read_only=True) as journal:
    print(journal.counts())
"""
    with Journal(path) as journal:
        journal.admit(journal.begin_run("f", {}), candidates("a"))
        run = subprocess.run(  # noqa: S603 - a program of ours
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
    first, second = run.stdout.splitlines()
    assert first.startswith("Another process is writing the journal")
    assert second == "{'pending': 1}"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda p: p.write_text("no database" * 100), "not a database", id="text"),
        pytest.param(
            lambda p: sqlite3.connect(p).execute("CREATE TABLE t (x)").connection.close(),
            "another program's",
            id="another-database",
        ),
        pytest.param(lambda p: p.mkdir(), "cannot be opened", id="folder"),
    ],
)
def test_what_is_no_journal_is_refused(path: Path, make, message: str) -> None:
    """A file that is no journal is named and left as it is."""
    make(path)
    with pytest.raises(JournalError, match=message):
        Journal(path)


def test_a_journal_of_the_first_schema_goes_on(path: Path) -> None:
    """Calls that an earlier release left under way are counted, and its answers are kept."""
    database = sqlite3.connect(path)
    database.executescript(sql_scripts(schema.__name__)[0])
    database.execute(f"PRAGMA application_id = {0x5135_424A}")
    database.execute("PRAGMA user_version = 1")
    columns = "key, generation, run, position, line, id, state"
    for row in ("'a', 1, 1, 0, 1, 'a', 'sent'", "'b', 1, 1, 1, 2, 'b', 'done'"):
        database.execute(f"INSERT INTO bulk_row ({columns}) VALUES ({row})")  # noqa: S608
    database.commit()
    database.close()
    with Journal(path) as journal:
        assert journal.begin_run("f", {}).in_flight == 1
        assert journal.counts(1) == {"pending": 1, "done": 1}


def test_a_journal_of_a_later_release_is_refused(path: Path) -> None:
    """A schema that this release does not know is not written to."""
    Journal(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(JournalError, match="schema 99"):
        Journal(path)


def test_a_full_disk_leaves_the_journal_whole(path: Path) -> None:
    """A transaction that the disk cannot take is undone and named; the one before it stands."""
    with Journal(path) as journal:
        run = journal.begin_run("f", {})
        journal.admit(run, candidates("a"))
        pages = journal._database.execute("PRAGMA page_count").fetchone()[0]
        journal._database.execute(f"PRAGMA max_page_count = {pages}")
        big = Outcome(key="a", state="done", answer={"answer": "x" * 100_000})
        with pytest.raises(JournalError, match="full"):
            journal.apply([Turn(big)])
        assert [row.state for row in journal.rows()] == ["pending"]
