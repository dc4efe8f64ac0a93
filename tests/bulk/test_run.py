"""Bulk runs against a gateway: order, resuming, dead letters, what is paid."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from bulk_runs import model_of, numbered, read_rows, start_run, write_rows
from langchain_core.runnables import RunnableLambda
from loopback import Raw, Reply

from langchain_qwen36 import bulk
from langchain_qwen36.bulk import BulkReport
from langchain_qwen36.errors import BulkInputError, InvalidRequestError, JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loopback import LoopbackGateway


@pytest.fixture
def server(gateway_server: Callable[..., LoopbackGateway]) -> LoopbackGateway:
    """Serve a gateway."""
    return gateway_server()


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Return thirty rows with ids of their own."""
    return numbered(30)


def test_answers_stand_in_input_order_with_their_cost(
    server: LoopbackGateway, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    """Each row of the output has its id, answer, usage and cost, in the order of the input."""
    source, output = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    report = bulk.run(model_of(server), source, output=output, prompt="Say {text}")
    written = read_rows(output)
    assert [row["id"] for row in written] == [row["id"] for row in rows]
    assert [row["answer"] for row in written] == [f"You said: Say number {n}" for n in range(30)]
    assert all(row["usage"]["total_tokens"] > 0 and row["attempts"] == 1 for row in written)
    assert report.is_complete
    assert (report.rows, report.done, report.failed, report.calls) == (30, 30, 0, 30)
    assert sum(row["cost"] for row in written) == pytest.approx(float(report.cost["CNY"]))


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(BulkReport(rows=1, done=1), "1 of 1 rows answered; cost 0", id="free"),
        pytest.param(
            BulkReport(rows=1, done=1, unpriced=1),
            "1 of 1 rows answered; cost unknown",
            id="unknown",
        ),
        pytest.param(
            BulkReport(rows=2, done=2, unpriced=1, cost={"USD": Decimal("0.50")}),
            "2 of 2 rows answered; 0.5 USD; 1 without a known price",
            id="partly-known",
        ),
    ],
)
def test_a_report_tells_what_is_free_from_what_is_not_known(
    report: BulkReport, expected: str
) -> None:
    """A server of your own costs 0; a model without a price costs nobody knows what."""
    assert str(report) == expected


def test_an_unchanged_row_is_never_paid_again(
    server: LoopbackGateway, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    """A second run sends only new and changed rows; a changed prompt sends all."""
    source, output = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    bulk.run(model_of(server), source, output=output, prompt="Say {text}")
    rows[3]["text"] = "something else"
    write_rows(source, [*rows[2:], {"id": "new", "text": "one more"}])
    report = bulk.run(model_of(server), source, output=output, prompt="Say {text}")
    assert (report.rows, report.done, report.calls, report.reused) == (29, 29, 2, 27)
    assert [row["id"] for row in read_rows(output)] == [row["id"] for row in rows[2:]] + ["new"]
    report = bulk.run(model_of(server), source, output=output, prompt="Tell {text}")
    assert (report.calls, report.done) == (29, 29)
    assert len(server.requests) == 30 + 2 + 29


def test_a_bad_row_is_a_dead_letter_and_stops_nothing(
    server: LoopbackGateway, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    """A row that the gateway refuses has its typed error in the output and the dead letters."""
    refused = Raw(status=400, body={"error": {"message": "bad", "code": "invalid_parameter"}})
    server.script(*[Reply("fine")] * 3, refused)
    output = tmp_path / "out.jsonl"
    report = bulk.run(model_of(server), rows, output=output, prompt="Say {text}", max_concurrency=1)
    assert (report.done, report.failed, report.is_complete) == (29, 1, True)
    assert report.dead_letters == tmp_path / "out.dead_letters.jsonl"
    (letter,) = read_rows(report.dead_letters)
    assert (letter["id"], letter["input"]) == ("r3", rows[3])
    assert letter["error"]["type"] == "InvalidRequestError"
    assert read_rows(output)[3]["error"]["status_code"] == 400
    again = bulk.run(model_of(server), rows, output=output, prompt="Say {text}")
    assert (again.calls, again.failed) == (0, 1)
    retried = bulk.run(
        model_of(server), rows, output=output, prompt="Say {text}", retry_failed=True
    )
    assert (retried.calls, retried.done, retried.failed) == (1, 30, 0)
    assert read_rows(output)[3]["attempts"] == 2
    assert not report.dead_letters.exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param('{"text": "a"}\n{"text": \n', "line 2: it is no JSON", id="unreadable"),
        pytest.param('{"text": "a"}\n\n{"txt": "a"}\n', "line 3: it has no field 'text'", id="gap"),
        pytest.param(
            '{"id": 7, "text": "a"}\n{"id": "7", "text": "b"}\n', "line 2: its id '7'", id="twice"
        ),
        pytest.param('{"text": "a"}\n[1]\n', "line 2: a row must be an object", id="list"),
        pytest.param('{"id": [], "text": "a"}\n', "line 1: its 'id' must be", id="id"),
    ],
)
def test_a_bad_line_is_named_before_anything_is_sent(
    server: LoopbackGateway, tmp_path: Path, text: str, problem: str
) -> None:
    """Unreadable lines, missing fields and duplicate ids are found before money is spent."""
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(text)
    with pytest.raises(BulkInputError, match=problem):
        bulk.run(model_of(server), source, output=output, prompt="Say {text}")
    assert server.requests == []
    report = bulk.run(
        model_of(server), source, output=output, prompt="Say {text}", skip_bad_rows=True
    )
    assert report.failed == 1
    assert report.is_complete
    assert [row["error"]["type"] for row in read_rows(report.dead_letters)] == ["BulkInputError"]


def test_a_wrong_key_stops_the_run_and_blames_no_row(
    server: LoopbackGateway, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    """A key that the gateway does not know ends the run; all rows are still to be done."""
    model = model_of(server, api_key="sk-wrong")
    report = bulk.run(model, rows, output=tmp_path / "out.jsonl", prompt="Say {text}")
    assert report.stopped.startswith("AuthenticationError")
    assert (report.done, report.failed, report.pending) == (0, 0, 30)
    assert report.calls <= 8
    report = bulk.run(model_of(server), rows, output=tmp_path / "out.jsonl", prompt="Say {text}")
    assert (report.done, report.is_complete) == (30, True)


def test_a_rate_limit_is_waited_out(
    server: LoopbackGateway, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    """Rows that a gateway refuses with 429 are sent again; none is a dead letter."""
    server.script(*[Raw(status=429, body={"error": {"message": "slow"}})] * 12)
    report = bulk.run(model_of(server), rows, output=tmp_path / "out.jsonl", prompt="Say {text}")
    assert (report.done, report.failed) == (30, 0)
    assert report.calls == 42


def test_a_server_that_fails_for_ever_makes_dead_letters(
    server: LoopbackGateway, tmp_path: Path
) -> None:
    """A row that fails in each of its attempts is a dead letter; a later run tries it again."""
    server.script(*[Raw(status=500, body={"error": {"message": "oops"}})] * 3)
    output, rows = tmp_path / "out.jsonl", [{"text": "a"}]
    report = bulk.run(model_of(server), rows, output=output, prompt="Say {text}", max_attempts=3)
    assert (report.failed, report.calls) == (1, 3)
    report = bulk.run(model_of(server), rows, output=output, prompt="Say {text}")
    assert (report.done, report.failed, read_rows(output)[0]["attempts"]) == (1, 0, 4)


@dataclass
class Picky:
    """A model that refuses every fiftieth row, and counts how many it has at once."""

    at_once: int = 0
    most: int = 0
    thousand: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, row: dict[str, Any]) -> str:
        """Answer, or refuse, once a thousand calls have been under way together."""
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        if self.at_once == 1000:
            self.thousand.set()
        await self.thousand.wait()
        self.at_once -= 1
        if row["n"] % 50 == 0:
            raise InvalidRequestError("bad row", status_code=400)
        return "fine"


@pytest.mark.timeout(240)
def test_a_thousand_at_once_with_bad_rows_among_them(tmp_path: Path) -> None:
    """With 1,000 calls at once and one refusal in 50, all others come back."""
    picky, output = Picky(), tmp_path / "out.jsonl"
    rows = [{"n": n} for n in range(2000)]
    report = bulk.run(RunnableLambda(picky.call), rows, output=output, max_concurrency=1000)
    assert (report.done, report.failed, picky.most) == (1960, 40, 1000)
    refused = [n for n, row in enumerate(read_rows(output)) if row["error"]]
    assert refused == list(range(0, 2000, 50))


async def test_a_run_that_is_cancelled_goes_on_later(tmp_path: Path) -> None:
    """Cancelling `arun` cancels its calls; the next run does what is left, and says so."""
    began = asyncio.Event()

    async def call(row: dict[str, Any]) -> str:
        if row["n"] == 5:
            began.set()
            await asyncio.sleep(60)
        return "fine"

    state, rows = tmp_path / "journal", [{"n": n} for n in range(10)]
    run = asyncio.create_task(bulk.arun(RunnableLambda(call), rows, state=state, max_concurrency=1))
    await began.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    with bulk.Journal(state, read_only=True) as journal:
        assert journal.counts() == {"done": 5, "sent": 1, "pending": 4}


@pytest.mark.timeout(240)
def test_an_interrupt_drains_and_says_how_to_go_on(server: LoopbackGateway, tmp_path: Path) -> None:
    """SIGINT lets the calls in flight end and writes their answers; the next run goes on."""
    source, output = write_rows(tmp_path / "in.jsonl", numbered(300)), tmp_path / "out.jsonl"
    process = start_run(server, source, output, max_concurrency=4)
    while len(server.requests) < 50:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGINT)
    process.join(60)
    assert process.exitcode == 0
    with bulk.Journal(tmp_path / "out.jsonl.journal", read_only=True) as journal:
        ended, counts = journal.last_run()["ending"], journal.counts()
    assert "the same command goes on" in ended
    assert "sent" not in counts
    assert counts["done"] == len(server.requests) == len(read_rows(output)) < 300


class NoJSON(dict):
    """A value that JSON cannot hold."""

    def __init__(self) -> None:
        super().__init__(itself=self)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        pytest.param("half of \ud83d", "half of \ufffd", id="half of an emoji"),
        pytest.param({"n": 10**30}, {"n": 1e30}, id="more than 64 bits"),
        pytest.param(NoJSON(), None, id="a circle"),
    ],
)
def test_an_answer_that_json_does_not_know_stops_no_run(
    tmp_path: Path, value: object, stored: object
) -> None:
    """It is written as well as JSON can, or it is a dead letter; the others are answered."""
    chain = RunnableLambda(lambda row: value if row["n"] == 3 else "fine")
    output = tmp_path / "o.jsonl"

    async def bounded() -> bulk.BulkReport:
        rows = [{"id": f"r{n}", "n": n} for n in range(6)]
        running = bulk.arun(chain, rows, output=output)
        return await asyncio.wait_for(running, 30)

    report = asyncio.run(bounded())
    assert (report.done, report.failed) == ((6, 0) if stored else (5, 1))
    answers = {row["id"]: row["parsed"] or row["answer"] for row in read_rows(output)}
    assert answers.pop("r3", None) == stored
    assert list(answers.values()) == ["fine"] * 5


async def test_a_journal_that_fails_in_any_way_leaves_no_worker_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw ends the run, which raises it."""

    def broken(_: bulk.Journal, turns: Any) -> None:
        if any(turn.ended for turn in turns):
            raise RuntimeError("as nobody foresaw")

    monkeypatch.setattr(bulk.Journal, "apply", broken)
    running = bulk.arun(RunnableLambda(str), [{"n": 1}], state=tmp_path / "s")
    with pytest.raises(RuntimeError, match="as nobody foresaw"):
        await asyncio.wait_for(running, 30)


def test_a_journal_that_cannot_be_written_stops_the_run_and_loses_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk is full nothing more is sent, and the answers in hand are written later."""
    calls, apply = [], bulk.Journal.apply

    def full_for_a_while(journal: bulk.Journal, turns: Any) -> None:
        if any(turn.ended for turn in turns) and len(attempts) < 3:
            attempts.append(len(calls))
            raise JournalError("database or disk is full")
        apply(journal, turns)

    attempts: list[int] = []
    monkeypatch.setattr(bulk.Journal, "apply", full_for_a_while)
    monkeypatch.setattr("langchain_qwen36.bulk.group_commit._PAUSE", 0.01)
    chain = RunnableLambda(lambda row: calls.append(row["n"]) or "fine")
    rows = [{"n": n} for n in range(50)]
    report = bulk.run(chain, rows, output=tmp_path / "o.jsonl", max_concurrency=2)
    assert "full" in report.stopped
    assert report.done == len(calls) <= 4
    report = bulk.run(chain, rows, output=tmp_path / "o.jsonl")
    assert (report.done, len(calls)) == (50, 50)


def test_an_input_that_breaks_off_is_named(tmp_path: Path) -> None:
    """A generator that raises stops the run; what was read before is answered and written."""

    def rows() -> Iterator[dict[str, int]]:
        yield from ({"n": n} for n in range(1000))
        raise OSError("the network is away")

    report = bulk.run(RunnableLambda(lambda _: "fine"), rows(), output=tmp_path / "o.jsonl")
    assert "the network is away" in report.stopped
    assert report.done == len(read_rows(tmp_path / "o.jsonl")) == 1000
    assert report.is_complete is False
