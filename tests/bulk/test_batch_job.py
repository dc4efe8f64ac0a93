"""`BatchJob` against a gateway on a real socket: from inputs to priced results."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from bulk_runs import model_of
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from loopback.batch import BatchGateway
from pydantic import BaseModel

from langchain_qwen36._transport import no_waiting
from langchain_qwen36.bulk.batch.job import BatchJob
from langchain_qwen36.bulk.batch.polling import Polling
from langchain_qwen36.catalog.batch_services import BatchService
from langchain_qwen36.errors import (
    AuthenticationError,
    BudgetExceededError,
    JournalError,
    UnsupportedSettingError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HALF = 0.000192
"""26 tokens in and 49 out of qwen3.6-flash, in CNY, at half the price."""


@contextmanager
def submitted(
    gateway: BatchGateway, tmp_path: Path, inputs: Any, model: Any = None, **options: Any
) -> Iterator[BatchJob]:
    """Submit a job, without waits."""
    runnable = model or model_of(gateway)
    with (
        no_waiting(),
        BatchJob.submit(runnable, inputs, state=tmp_path / "job.db", **options) as job,
    ):
        yield job


def endings(job: BatchJob) -> list[tuple[str, str | None]]:
    """Wait, and return each row's id with its answer or the code of its error."""
    return [
        (
            row.id,
            row.message.text
            if row.error is None and row.message
            else (row.error or {}).get("code"),
        )
        for row in job.results()
    ]


def test_inputs_become_answers_in_order_at_half_the_price(tmp_path: Path) -> None:
    """One upload, one batch, one download; each answer has its usage and its cost."""
    with BatchGateway(reverse=True) as gateway, submitted(gateway, tmp_path, ["a", "b"]) as job:
        results = list(job.results())
    assert [(row.id, row.message and row.message.text) for row in results] == [
        ("1", "You wrote: a"),
        ("2", "You wrote: b"),
    ]
    costs = [row.message.response_metadata["cost"] for row in results if row.message]
    assert [(cost["total"], cost["currency"], cost["batch"]) for cost in costs] == [
        (HALF, "CNY", True)
    ] * 2
    assert gateway.requests.count("upload") == gateway.requests.count("create") == 1


def test_everything_at_the_gateway_is_deleted_when_it_is_collected(tmp_path: Path) -> None:
    """Files never expire there and count against the account's room; none stays here either."""
    with BatchGateway() as gateway:
        gateway.fates["never"] = "ok"
        with submitted(gateway, tmp_path, ["a"]) as job:
            job.wait()
        assert gateway.files == {}
        assert len(gateway.deleted) == 2
    assert sorted(path.name for path in tmp_path.iterdir() if "-batch" in path.name) == []


def test_ids_name_the_rows(tmp_path: Path) -> None:
    """They are the user's own, whatever stands in the file."""
    with (
        BatchGateway() as gateway,
        submitted(gateway, tmp_path, ["a", "b"], ids=["x", "y"]) as job,
    ):
        assert [row.id for row in job.results()] == ["x", "y"]


def test_many_rows_become_several_batches(tmp_path: Path) -> None:
    """As many as the service's limit needs; all rows come back in the order of the inputs."""
    service = BatchService(gateway="dashscope", form="file", max_requests=3)
    with (
        BatchGateway() as gateway,
        submitted(gateway, tmp_path, [f"row {n}" for n in range(8)], service=service) as job,
    ):
        texts = [row.message.text for row in job.results() if row.message]
    assert texts == [f"You wrote: row {n}" for n in range(8)]
    assert [len(found.lines) for found in gateway.jobs.values()] == [3, 3, 2]


def test_equal_inputs_are_rows_of_their_own(tmp_path: Path) -> None:
    """Their ids in the file differ, or validation would fail."""
    with BatchGateway() as gateway, submitted(gateway, tmp_path, ["a", "a", "a"]) as job:
        assert endings(job) == [(str(n), "You wrote: a") for n in (1, 2, 3)]
    assert sorted(gateway.bills.values()) == [1, 1, 1]


def test_a_prompt_and_a_parser_around_the_model_are_run_here(tmp_path: Path) -> None:
    """The prompt when the job is submitted, the parser when its results are there."""
    with BatchGateway() as gateway:
        prompt = ChatPromptTemplate.from_messages([("user", "Say {word}")])
        chain = prompt | model_of(gateway) | StrOutputParser()
        with submitted(gateway, tmp_path, [{"word": "hi"}], chain) as job:
            (row,) = job.results()
    assert row.parsed == "You wrote: Say hi"


class City(BaseModel):
    """A city."""

    name: str


def test_structured_output_is_parsed(tmp_path: Path) -> None:
    """The schema goes with the request as a tool; what comes back is the object, as JSON."""
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
        model = model_of(gateway).with_structured_output(City)
        with submitted(gateway, tmp_path, ["Capital of France?"], model) as job:
            (row,) = job.results()
    assert (row.parsed, row.error) == ({"name": "Paris"}, None)


def test_an_answer_that_cannot_be_parsed_is_an_error_that_is_paid(tmp_path: Path) -> None:
    """Its cost counts, and the answer is there to be looked at."""
    with BatchGateway() as gateway:
        model = model_of(gateway).with_structured_output(City)
        with submitted(gateway, tmp_path, ["Capital of France?"], model) as job:
            (row,) = job.results()
    assert row.error is not None
    assert row.error["type"] == "OutputParserException"
    assert row.message is not None
    assert row.message.response_metadata["cost"]["total"] == HALF


async def test_the_async_methods_do_the_same(tmp_path: Path) -> None:
    """`asubmit`, `astatus`, `await_end`, `aresults`; the loop is free while they wait."""
    with BatchGateway(polls=3) as gateway, no_waiting():
        model = model_of(gateway)
        async with await BatchJob.asubmit(model, ["a", "b"], state=tmp_path / "job.db") as job:
            status = await job.astatus()
            ended = await job.await_end()
            texts = [row.message.text async for row in job.aresults() if row.message]
    assert (status.is_over, ended.is_over) == (False, True)
    assert texts == ["You wrote: a", "You wrote: b"]


async def test_a_cancelled_wait_leaves_the_job(tmp_path: Path) -> None:
    """The gateway goes on, and so may a later wait."""
    with BatchGateway(polls=10_000) as gateway:
        model = model_of(gateway)
        async with await BatchJob.asubmit(model, ["a"], state=tmp_path / "job.db") as job:
            waiting = asyncio.create_task(job.await_end(polling=Polling(first=30)))
            await asyncio.to_thread(gateway.came["status"].wait, 30)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            gateway.finish()
            with no_waiting():
                assert (await job.await_end()).done == 1
    assert gateway.jobs_made == 1


def test_a_job_is_attached_in_another_process(tmp_path: Path) -> None:
    """The journal knows its batches; the model brings key and parser."""
    with BatchGateway(polls=2) as gateway:
        with submitted(gateway, tmp_path, ["a", "b"], window="2d"):
            pass
        with no_waiting(), BatchJob.attach(model_of(gateway), tmp_path / "job.db") as job:
            assert endings(job) == [("1", "You wrote: a"), ("2", "You wrote: b")]
    assert gateway.jobs_made == 1


def test_the_same_inputs_submitted_again_are_not_sent_again(tmp_path: Path) -> None:
    """Neither while the batch runs nor when it has ended: their rows are the same requests."""
    with BatchGateway(polls=1) as gateway:
        for _ in range(3):
            with submitted(gateway, tmp_path, ["a", "b"]) as job:
                job.wait()
                job.wait()
        assert endings_of_journal(gateway, tmp_path) == ["You wrote: a", "You wrote: b"]
    assert gateway.jobs_made == 1
    assert sorted(gateway.bills.values()) == [1, 1]


def endings_of_journal(gateway: BatchGateway, tmp_path: Path) -> list[str | None]:
    """Attach, and return the texts."""
    with no_waiting(), BatchJob.attach(model_of(gateway), tmp_path / "job.db") as job:
        return [row.message and row.message.text for row in job.results()]


def test_only_new_inputs_of_a_longer_list_are_sent(tmp_path: Path) -> None:
    """A changed or new row is another request."""
    with BatchGateway() as gateway:
        with submitted(gateway, tmp_path, ["a", "b"]) as job:
            job.wait()
        with submitted(gateway, tmp_path, ["a", "B", "c"]) as job:
            texts = [row.message.text for row in job.results() if row.message]
    assert texts == ["You wrote: a", "You wrote: B", "You wrote: c"]
    assert [body["messages"][0]["content"] for body in gateway.bodies] == ["a", "b", "B", "c"]


def test_a_row_that_is_too_long_stops_no_other(tmp_path: Path) -> None:
    """It is an error of its own before anything is sent; the file holds the others."""
    with (
        BatchGateway() as gateway,
        submitted(gateway, tmp_path, ["a", "x" * 1_100_000, "c"]) as job,
    ):
        results = list(job.results())
    assert [row.message and row.message.text for row in results] == [
        "You wrote: a",
        None,
        "You wrote: c",
    ]
    assert results[1].error is not None
    assert "takes 1,000,000" in results[1].error["message"]
    assert len(gateway.bodies) == 2


def test_status_asks_and_fetches_nothing(tmp_path: Path) -> None:
    """Counts may stand still while the batch runs."""
    with BatchGateway(polls=2) as gateway, submitted(gateway, tmp_path, ["a", "b"]) as job:
        statuses = [job.status() for _ in range(3)]
        assert [list(status.states.values()) for status in statuses] == [
            ["in_progress"],
            ["in_progress"],
            ["completed"],
        ]
        assert [(status.rows, status.done) for status in statuses] == [(2, 0)] * 3
        assert "content" not in gateway.requests
        assert job.wait().done == 2


def test_waiting_has_an_end(tmp_path: Path) -> None:
    """The job goes on at the gateway; nothing is lost."""
    with BatchGateway(polls=10_000) as gateway, submitted(gateway, tmp_path, ["a"]) as job:
        with pytest.raises(TimeoutError, match="goes on at the gateway"):
            job.wait(timeout=0.05, polling=Polling(first=0.02, most=0.02))
        gateway.finish()
        assert job.wait().done == 1


def test_a_cancelled_job_keeps_what_was_answered(tmp_path: Path) -> None:
    """Answered rows are billed and kept; the others say that they were not run."""
    with BatchGateway(polls=5) as gateway, submitted(gateway, tmp_path, ["a", "b"]) as job:
        key = next(iter(gateway.jobs.values())).lines[0]["custom_id"]
        gateway.fates[key] = "ok"
        assert list(job.cancel().states.values()) == ["cancelling"]
        assert endings(job) == [("1", "You wrote: a"), ("2", "batch_expired")]
    assert gateway.bills == {key: 1}


def test_a_job_that_is_over_can_be_cancelled_without_harm(tmp_path: Path) -> None:
    """The gateway refuses to cancel it, which changes nothing."""
    with BatchGateway(polls=0) as gateway, submitted(gateway, tmp_path, ["a"]) as job:
        job.status()
        job.cancel()
        assert endings(job) == [("1", "You wrote: a")]


def test_thinking_mode_and_model_are_one_per_file(tmp_path: Path) -> None:
    """The gateway validates it and finds nothing to refuse."""
    with BatchGateway() as gateway:
        model = model_of(gateway, enable_thinking=None)
        with submitted(gateway, tmp_path, ["a", "b"], model) as job:
            job.wait()
    assert [body["enable_thinking"] for body in gateway.bodies] == [True, True]
    assert [job.status for job in gateway.jobs.values()] == ["completed"]


def test_a_message_says_that_it_came_from_a_batch(tmp_path: Path) -> None:
    """So that pricing it again finds the batch price."""
    with BatchGateway() as gateway, submitted(gateway, tmp_path, ["a"]) as job:
        (row,) = job.results()
    assert row.message is not None
    assert row.message.response_metadata["batch"] is True
    assert row.message.response_metadata["gateway"] == "dashscope"


# What is refused before anything is sent.


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        pytest.param({"model": "qwen3.6-27b"}, "is not among the models", id="open-weights"),
        pytest.param({"model": "qwen3.6-plus-2026-04-02"}, "is not among", id="snapshot"),
        pytest.param(
            {"gateway": "dashscope-intl", "model": "qwen3.6-plus"},
            "qwen3.7-plus, qwen-max",
            id="region",
        ),
        pytest.param({"gateway": "vllm"}, "No batch jobs are known", id="gateway"),
        pytest.param({"gateway": "dashscope-batch"}, "half price already", id="batch-chat"),
    ],
)
def test_a_model_or_gateway_without_batches_is_refused(
    settings: dict[str, Any], text: str, tmp_path: Path
) -> None:
    """The error names those that have them."""
    with BatchGateway() as gateway:
        model = model_of(gateway, **settings)
        with pytest.raises(UnsupportedSettingError, match=text):
            BatchJob.submit(model, ["a"], state=tmp_path / "job.db")
    assert gateway.requests == []


def test_a_model_that_is_not_listed_can_be_sent_all_the_same(tmp_path: Path) -> None:
    """Lists age: `allow_unlisted` makes the refusal a warning."""
    with BatchGateway() as gateway:
        model = model_of(gateway, model="qwen3.6-27b")
        with (
            pytest.warns(UserWarning, match="is not among the models"),
            submitted(gateway, tmp_path, ["a"], model, allow_unlisted=True) as job,
        ):
            assert endings(job) == [("1", "You wrote: a")]


@pytest.mark.parametrize("window", ["12h", "15d", "24", "1.5d", "24m", "", "0d", "-24h"])
def test_a_window_that_no_gateway_takes_is_refused(window: str, tmp_path: Path) -> None:
    """Whole hours or days, from 24h to 14d."""
    with BatchGateway() as gateway, pytest.raises(UnsupportedSettingError, match="whole hours"):
        BatchJob.submit(model_of(gateway), ["a"], state=tmp_path / "job.db", window=window)


@pytest.mark.parametrize("budget", ["0.0002 CNY", "100 USD"], ids=["too-small", "other-currency"])
def test_a_budget_that_the_rows_may_pass_refuses_them_all(budget: str, tmp_path: Path) -> None:
    """Nothing is sent, and a larger budget sends them."""
    with BatchGateway() as gateway:
        model = model_of(gateway, max_tokens=100)
        with pytest.raises(BudgetExceededError, match="nothing was sent"):
            BatchJob.submit(model, ["a"] * 3, state=tmp_path / "job.db", budget=budget)
        assert gateway.requests == []
        with submitted(gateway, tmp_path, ["a"] * 3, model, budget="1 CNY") as job:
            assert job.wait().done == 3


def test_a_budget_without_a_known_batch_price_refuses(tmp_path: Path) -> None:
    """Half is never assumed."""
    with BatchGateway() as gateway:
        model = model_of(gateway, model="qwen3.6-27b")
        with (
            pytest.warns(UserWarning, match="is not among"),
            pytest.raises(BudgetExceededError, match="batch price of qwen3"),
        ):
            BatchJob.submit(
                model, ["a"], state=tmp_path / "job.db", budget="1 CNY", allow_unlisted=True
            )
    assert gateway.requests == []


def test_a_wrong_key_is_said_and_the_right_one_goes_on(tmp_path: Path) -> None:
    """Nothing was made; the same call with the right key sends the rows once."""
    with BatchGateway() as gateway:
        with pytest.raises(AuthenticationError):
            BatchJob.submit(
                model_of(gateway, api_key="wrong-key-123"),
                ["a"],
                state=tmp_path / "job.db",
            )
        with submitted(gateway, tmp_path, ["a"]) as job:
            assert endings(job) == [("1", "You wrote: a")]
    assert gateway.jobs_made == 1


def test_two_processes_do_not_share_a_journal(tmp_path: Path) -> None:
    """The second is told so; two of them would send the same rows."""
    with (
        BatchGateway() as gateway,
        submitted(gateway, tmp_path, ["a"]),
        pytest.raises(JournalError, match="Another process"),
    ):
        BatchJob.attach(model_of(gateway), tmp_path / "job.db")


def test_attaching_needs_a_journal_that_is_there(tmp_path: Path) -> None:
    """A misspelt name makes no empty one."""
    with BatchGateway() as gateway, pytest.raises(JournalError, match="no journal"):
        BatchJob.attach(model_of(gateway), tmp_path / "other.db")
    assert list(tmp_path.iterdir()) == []


def test_a_job_of_another_gateway_is_not_attached(tmp_path: Path) -> None:
    """Its ids mean nothing there, and its key must not go there."""
    with BatchGateway(polls=5) as one, BatchGateway() as other:
        with submitted(one, tmp_path, ["a"]):
            pass
        with pytest.raises(UnsupportedSettingError, match="attach with a model of that gateway"):
            BatchJob.attach(model_of(other), tmp_path / "job.db")
        assert other.requests == []


@pytest.mark.parametrize("values", [{"first": 0}, {"first": 9, "most": 5}, {"factor": 0.5}])
def test_a_polling_that_cannot_be_is_refused(values: dict[str, float]) -> None:
    """Seconds above 0 that do not shrink."""
    with pytest.raises(ValueError, match="seconds above 0"):
        Polling(**values)


def test_looks_are_more_than_a_minute_apart_and_grow() -> None:
    """As the gateway asks for; never more than ten minutes."""
    delays = Polling().delays()
    assert [next(delays) for _ in range(8)] == [
        65,
        97.5,
        146.25,
        219.375,
        329.0625,
        493.59375,
        600,
        600,
    ]


def test_the_journal_holds_no_key(tmp_path: Path) -> None:
    """Neither does the file of requests."""
    with BatchGateway(polls=5) as gateway, submitted(gateway, tmp_path, ["a"]):
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert [path.name for path in files if gateway.key.encode() in path.read_bytes()] == []
        assert json.loads(
            next(path for path in files if path.name.endswith(".batch.jsonl")).read_text()
        )["body"]["messages"]
