"""`bulk.run(batch=True)`: the rows of a file in batches, in the journal that live runs share."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from bulk_runs import model_of
from langchain_core.output_parsers import StrOutputParser
from loopback.batch import BatchGateway, Trouble

from langchain_qwen36 import bulk
from langchain_qwen36._transport import no_waiting
from langchain_qwen36.bulk import BatchJob, BulkReport, Journal
from langchain_qwen36.bulk.batch.runner import BatchRunner
from langchain_qwen36.bulk.check import IdRegister
from langchain_qwen36.bulk.prompt import RowPrompt
from langchain_qwen36.bulk.row_queue import RowQueue
from langchain_qwen36.bulk.source import Source
from langchain_qwen36.bulk.task import ModelTask
from langchain_qwen36.cli import main
from langchain_qwen36.errors import BulkInputError, QwenError
from langchain_qwen36.spend import Limit, SpendLedger

if TYPE_CHECKING:
    from pathlib import Path

HALF = 0.000192


def write_input(tmp_path: Path, texts: list[str]) -> Path:
    """Write a file of rows."""
    path = tmp_path / "in.jsonl"
    rows = [{"id": f"r{n}", "text": text} for n, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(gateway: BatchGateway, tmp_path: Path, **settings: Any) -> BulkReport:
    """Run the rows of the file, without waits."""
    given: dict[str, Any] = {"prompt": "Say {text}", "output": tmp_path / "out.jsonl"}
    with no_waiting():
        return bulk.run(model_of(gateway), tmp_path / "in.jsonl", **{**given, **settings})


def output(tmp_path: Path) -> list[tuple[str, str | None, float | None]]:
    """Return id, answer and cost of each row of the output."""
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    return [(row["id"], row["answer"], row["cost"]) for row in rows]


def test_a_file_becomes_priced_answers_in_order(tmp_path: Path) -> None:
    """Like a live run, at half the price."""
    write_input(tmp_path, ["a", "b", "c"])
    with BatchGateway(reverse=True) as gateway:
        report = run(gateway, tmp_path, batch=True)
    assert output(tmp_path) == [
        ("r0", "You wrote: Say a", HALF),
        ("r1", "You wrote: Say b", HALF),
        ("r2", "You wrote: Say c", HALF),
    ]
    assert (report.rows, report.done, report.calls, report.is_complete) == (3, 3, 3, True)
    assert {name: float(cost) for name, cost in report.cost.items()} == {"CNY": 3 * HALF}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_120_thousand_rows_become_three_files(tmp_path: Path) -> None:
    """A service that takes 50,000 requests a file gets three, and each row is billed once."""
    count = 120_000
    write_input(tmp_path, [f"number {n}" for n in range(count)])
    with BatchGateway() as gateway:
        report = run(gateway, tmp_path, batch=True)
        sizes = [len(job.lines) for job in gateway.jobs.values()]
    assert sorted(sizes) == [20_000, 50_000, 50_000]
    assert (report.rows, report.done, report.is_complete) == (count, count, True)
    assert (len(gateway.bills), gateway.bills.total()) == (count, count)


def test_rows_that_a_batch_did_not_run_are_run_live(tmp_path: Path) -> None:
    """The batch expired after one answer: a live run calls the other two, and no more."""
    write_input(tmp_path, ["a", "b", "c"])
    with BatchGateway(end="expired", polls=0) as gateway:
        gateway.default_fates["Say a"] = "ok"
        first = run(gateway, tmp_path, batch=True)
        second = run(gateway, tmp_path)
    assert (first.done, first.failed) == (1, 2)
    assert (second.done, second.failed, second.reused) == (3, 0, 1)
    assert sum(gateway.bills.values()) == 1
    assert gateway.live_calls == 2
    assert output(tmp_path) == [
        ("r0", "You wrote: Say a", HALF),
        ("r1", "You wrote: Say b", 2 * HALF),
        ("r2", "You wrote: Say c", 2 * HALF),
    ]


def test_rows_that_were_answered_live_are_not_in_the_batch(tmp_path: Path) -> None:
    """The key of a row is the same in both ways of running it."""
    write_input(tmp_path, ["a"])
    with BatchGateway() as gateway:
        run(gateway, tmp_path)
        write_input(tmp_path, ["a", "b"])
        report = run(gateway, tmp_path, batch=True)
    assert (report.done, report.reused) == (2, 1)
    assert [body["messages"][-1]["content"] for body in gateway.bodies] == ["Say b"]


def test_rows_in_a_running_batch_are_not_called_live(tmp_path: Path) -> None:
    """They would be paid twice: the live run leaves them, and the next batch run collects them."""
    write_input(tmp_path, ["a", "b"])
    with BatchGateway(polls=10_000) as gateway:
        gateway.trouble("status", Trouble(status=401))
        with pytest.raises(QwenError):
            run(gateway, tmp_path, batch=True)
        live = run(gateway, tmp_path)
        assert (live.done, live.pending, gateway.live_calls) == (0, 2, 0)
        gateway.finish()
        report = run(gateway, tmp_path, batch=True)
    assert (report.done, report.is_complete) == (2, True)
    assert gateway.jobs_made == 1


def test_a_bad_row_is_a_dead_letter_with_its_input(tmp_path: Path) -> None:
    """The file of dead letters shows the row, its error, and what to mend."""
    write_input(tmp_path, ["a", "b"])
    with BatchGateway(polls=0) as gateway:
        gateway.default_fates["Say b"] = "failed in output"
        report = run(gateway, tmp_path, batch=True)
    assert (report.done, report.failed) == (1, 1)
    assert report.dead_letters is not None
    (letter,) = [json.loads(line) for line in report.dead_letters.read_text().splitlines()]
    assert letter["input"] == {"id": "r1", "text": "b"}
    assert letter["error"]["code"] == "InvalidParameter"


def test_a_schema_goes_with_the_batch(tmp_path: Path) -> None:
    """Answers are parsed as in a live run."""
    write_input(tmp_path, ["a"])
    schema = {"title": "City", "type": "object", "properties": {"name": {"type": "string"}}}
    with BatchGateway() as gateway:
        gateway.say = lambda body: {
            "content": "",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {
                        "name": body["tools"][0]["function"]["name"],
                        "arguments": '{"name": "Paris"}',
                    },
                }
            ],
        }
        run(gateway, tmp_path, batch=True, schema=schema)
    (row,) = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert row["parsed"] == {"name": "Paris"}


def test_the_command_line_runs_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`bulk run --batch`, with the key and the address in the environment."""
    path = write_input(tmp_path, ["a", "b"])
    with BatchGateway() as gateway, no_waiting():
        monkeypatch.setenv("DASHSCOPE_API_KEY", gateway.key)
        monkeypatch.setenv("DASHSCOPE_BASE_URL", gateway.base_url)
        target = str(tmp_path / "out.jsonl")
        model = ["--model", "qwen3.6-flash", "--set", "enable_thinking=false"]
        command = ["bulk", "run", str(path), target, *model, "--prompt", "Say {text}", "--batch"]
        assert main(command) == 0
    assert "2 of 2 rows answered" in capsys.readouterr().err
    assert [cost for _, _, cost in output(tmp_path)] == [HALF, HALF]
    assert (gateway.jobs_made, gateway.live_calls) == (1, 0)


def test_a_chain_is_no_batch(tmp_path: Path) -> None:
    """Its calls are its own business; `BatchJob` takes one apart where it has one model."""
    write_input(tmp_path, ["a"])
    with BatchGateway() as gateway:
        chain = model_of(gateway) | StrOutputParser()
        with pytest.raises(BulkInputError, match="not a chain"):
            bulk.run(chain, tmp_path / "in.jsonl", output=tmp_path / "out.jsonl", batch=True)
    assert gateway.requests == []


async def test_a_cancelled_run_goes_on_with_its_batch(tmp_path: Path) -> None:
    """Whoever leaves while the batch runs makes no second one by coming back."""
    write_input(tmp_path, ["a", "b"])
    with BatchGateway(polls=10_000) as gateway:
        settings: Any = {"prompt": "Say {text}", "output": tmp_path / "out.jsonl", "batch": True}
        running = asyncio.create_task(
            bulk.arun(model_of(gateway), tmp_path / "in.jsonl", **settings)
        )
        assert await asyncio.to_thread(gateway.came["status"].wait, 60)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        gateway.finish()
        with no_waiting():
            report = await bulk.arun(model_of(gateway), tmp_path / "in.jsonl", **settings)
    assert (report.done, gateway.jobs_made) == (2, 1)


async def test_a_run_that_is_stopped_while_it_reads_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are in no whole file are pending: a live run may call them."""
    with BatchGateway() as gateway, Journal(tmp_path / "j") as journal:
        task = ModelTask(model_of(gateway), model_of(gateway))
        run_ = journal.begin_run("f", {})
        ids = IdRegister()
        queue = RowQueue(
            rows=iter(Source([{"text": "a"}, {"text": "b"}])),
            prompt=RowPrompt("Say {text}"),
            task=task,
            journal=journal,
            run=run_,
            ids=ids,
        )
        take = RowQueue.take

        async def take_once(queue: RowQueue) -> Any:
            item = await take(queue)
            queue.stop("interrupted")
            return item

        monkeypatch.setattr(RowQueue, "take", take_once)
        await BatchRunner(queue, task, journal, run_).run()
        ids.close()
        assert journal.counts() == {"pending": 2}
        assert gateway.requests == []


def test_the_batches_of_a_run_can_be_attached(tmp_path: Path) -> None:
    """`BatchJob` reads the same journal."""
    write_input(tmp_path, ["a", "b"])
    with BatchGateway(polls=3) as gateway, no_waiting():
        gateway.trouble("status", Trouble(status=401))
        with pytest.raises(QwenError):
            run(gateway, tmp_path, batch=True)
        with BatchJob.attach(model_of(gateway), tmp_path / "out.jsonl.journal") as job:
            assert [row.id for row in job.results() if row.message] == ["r0", "r1"]


@pytest.mark.parametrize("budget", ["0.0001 CNY", "5 USD"], ids=["too-small", "other-currency"])
def test_a_budget_that_a_batch_may_pass_sends_nothing(budget: str, tmp_path: Path) -> None:
    """A batch is reserved before it is sent; the run says why it stopped, and goes on with more."""
    write_input(tmp_path, ["a", "b", "c"])
    with BatchGateway() as gateway:
        report = run(gateway, tmp_path, batch=True, budget=budget)
        assert report.stopped is not None
        assert (report.done, report.pending, gateway.requests) == (0, 3, [])
        assert run(gateway, tmp_path, batch=True).done == 3


def test_a_batch_counts_in_the_budget_at_what_it_cost(tmp_path: Path) -> None:
    """Held at what it may cost, charged at half the list price of what it used."""
    write_input(tmp_path, ["a", "b", "c"])
    ledger = SpendLedger(f"sqlite:///{tmp_path}/spend.db", limits=[Limit("all", "1 CNY")])
    with BatchGateway() as gateway:
        run(gateway, tmp_path, batch=True, ledger=ledger)
    (balance,) = [each for each in ledger.balances() if each.limit is not None]
    assert (float(balance.spent.amount), float(balance.held.amount)) == (3 * HALF, 0)
    ledger.close()


def test_a_batch_that_costs_nothing_gives_its_hold_back(tmp_path: Path) -> None:
    """No row was run."""
    write_input(tmp_path, ["a"])
    ledger = SpendLedger(f"sqlite:///{tmp_path}/spend.db", limits=[Limit("all", "1 CNY")])
    with BatchGateway(end="expired", polls=0) as gateway:
        run(gateway, tmp_path, batch=True, ledger=ledger)
    (balance,) = [each for each in ledger.balances() if each.limit is not None]
    assert (float(balance.spent.amount), float(balance.held.amount)) == (0, 0)
    ledger.close()
