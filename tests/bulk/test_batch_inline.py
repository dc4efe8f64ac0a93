"""Batches whose requests stand in the call that makes them, at a price of their own: OpenRouter."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import bulk_runs
import pytest
from loopback.batch import BatchGateway, Trouble

from langchain_qwen36._transport import no_waiting
from langchain_qwen36.bulk import BatchJob
from langchain_qwen36.errors import BudgetExceededError, QwenError, UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from langchain_qwen36 import ChatQwen36

LISTED = {"qwen/qwen3.7-plus:batch": ("0.00000023", "0.00000092")}
OK = [("1", "You wrote: a"), ("2", "You wrote: b"), ("3", "You wrote: c")]


def model_of(gateway: BatchGateway, /, **settings: Any) -> ChatQwen36:
    """Make a model of OpenRouter's."""
    return bulk_runs.model_of(
        gateway, **{"model": "qwen3.7-plus", "gateway": "openrouter", **settings}
    )


@contextmanager
def submitted(
    gateway: BatchGateway, tmp_path: Path, model: Any = None, **options: Any
) -> Iterator[BatchJob]:
    """Submit three rows, without waits."""
    runnable = model or model_of(gateway)
    with (
        no_waiting(),
        BatchJob.submit(runnable, ["a", "b", "c"], state=tmp_path / "job.db", **options) as job,
    ):
        yield job


def endings(job: BatchJob) -> list[tuple[str, Any]]:
    """Wait, and return each row's id with its answer or the code of its error."""
    return [
        (row.id, row.message.text if row.message else (row.error or {}).get("code"))
        for row in job.results()
    ]


def test_requests_go_inline_and_results_come_in_pages(tmp_path: Path) -> None:
    """No file is uploaded; `requests` is the last key of the call, without a model in each."""
    with (
        BatchGateway("inline", models=LISTED) as gateway,
        submitted(gateway, tmp_path) as job,
    ):
        assert endings(job) == OK
    (sent,) = map(json.loads, gateway.created_bodies)
    assert list(sent) == ["endpoint", "model", "completion_window", "requests"]
    assert sent["model"] == "qwen/qwen3.7-plus"
    assert [set(line) for line in sent["requests"]] == [{"custom_id", "body"}] * 3
    assert "model" not in sent["requests"][0]["body"]
    assert sent["requests"][0]["body"]["reasoning"] == {"enabled": False}
    assert gateway.requests.count("results") == 2
    assert gateway.requests.count("upload") == 0


def test_the_cost_is_what_the_gateway_reports(tmp_path: Path) -> None:
    """Beside it stands the price of its `:batch` card, which is not half of anything."""
    with (
        BatchGateway("inline", models=LISTED) as gateway,
        submitted(gateway, tmp_path) as job,
    ):
        costs = [row.message.response_metadata["cost"] for row in job.results() if row.message]
    listed = (26 * 0.23 + 49 * 0.92) / 1_000_000
    assert [cost["total"] for cost in costs] == [0.0000321] * 3
    assert [cost["basis"] for cost in costs] == ["reported"] * 3
    assert [cost["list"] for cost in costs] == [pytest.approx(listed)] * 3


def test_the_batch_is_deleted_when_it_is_collected(tmp_path: Path) -> None:
    """With its requests and results."""
    with (
        BatchGateway("inline", models=LISTED) as gateway,
        submitted(gateway, tmp_path) as job,
    ):
        job.wait()
    assert gateway.deleted == list(gateway.jobs)


def test_a_model_without_a_batch_card_is_refused_by_name(tmp_path: Path) -> None:
    """The error lists the Qwen models that the gateway does run in batches."""
    with BatchGateway("inline", models=LISTED) as gateway:
        model = model_of(gateway, model="qwen3.6-plus")
        with pytest.raises(UnsupportedSettingError, match=r"it runs qwen/qwen3\.7-plus\."):
            BatchJob.submit(model, ["a"], state=tmp_path / "job.db")
    assert gateway.created_bodies == []


def test_a_gateway_without_any_qwen_batches_says_so(tmp_path: Path) -> None:
    """Others' models are not named."""
    with (
        BatchGateway("inline", models={"openai/gpt-4o-mini:batch": ("1", "1")}) as gateway,
        pytest.raises(UnsupportedSettingError, match="it runs no Qwen model"),
    ):
        BatchJob.submit(model_of(gateway), ["a"], state=tmp_path / "job.db")


@pytest.mark.parametrize("rate", [None, "-1", "free"], ids=["none", "it-depends", "no-number"])
def test_a_budget_refuses_a_card_without_a_price(rate: Any, tmp_path: Path) -> None:
    """Half of the live price is never assumed."""
    with (
        BatchGateway("inline", models={"qwen/qwen3.7-plus:batch": (rate, rate)}) as gateway,
        pytest.raises(BudgetExceededError, match="batch price"),
    ):
        BatchJob.submit(model_of(gateway), ["a"], state=tmp_path / "job.db", budget="1 USD")
    assert gateway.created_bodies == []


def test_a_budget_holds_at_the_cards_price(tmp_path: Path) -> None:
    """Three rows of at most 100 tokens cost less than 0.001 and more than 0.0001 dollars."""
    with BatchGateway("inline", models=LISTED) as gateway:
        model = model_of(gateway, max_tokens=100)
        with pytest.raises(BudgetExceededError):
            BatchJob.submit(model, ["a"] * 3, state=tmp_path / "job.db", budget="0.0001 USD")
        with submitted(gateway, tmp_path, model, budget="0.001 USD") as job:
            assert endings(job) == OK


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Trouble(status=502, after=True), id="502"),
        pytest.param(Trouble(reset=True, after=True), id="reset"),
        pytest.param(Trouble(body=b"<html>", after=True), id="page"),
    ],
)
def test_an_uncertain_creation_makes_one_batch(trouble: Trouble, tmp_path: Path) -> None:
    """It is looked for by model, size and time, for there is no file to look for it by."""
    with BatchGateway("inline", models=LISTED) as gateway:
        gateway.trouble("create", trouble)
        with submitted(gateway, tmp_path) as job:
            assert endings(job) == OK
    assert gateway.jobs_made == 1


def test_two_batches_that_may_be_ours_are_named(tmp_path: Path) -> None:
    """Nothing tells them apart, so nobody's results are taken; both ids are in the error."""
    with BatchGateway("inline", models=LISTED, polls=9) as gateway:
        create = gateway._create

        def twice(body: bytes) -> Any:
            create(body)
            return create(body)

        gateway._create = twice  # type: ignore[method-assign]
        gateway.trouble("create", Trouble(status=502, after=True))
        with pytest.raises(QwenError) as caught, submitted(gateway, tmp_path):
            pass
    assert all(name in str(caught.value) for name in gateway.jobs)


def test_a_batch_that_cannot_be_cancelled_says_so(tmp_path: Path) -> None:
    """The gateway has no such call; the results come all the same."""
    with (
        BatchGateway("inline", models=LISTED) as gateway,
        submitted(gateway, tmp_path) as job,
    ):
        with pytest.raises(UnsupportedSettingError, match="cannot cancel"):
            job.cancel()
        assert endings(job) == OK


@pytest.mark.parametrize(
    ("fate", "code"), [("failed", "InvalidParameter"), ("missing", "batch_row_missing")]
)
def test_each_row_is_judged_by_itself(fate: Any, code: str, tmp_path: Path) -> None:
    """As in files of results."""
    with BatchGateway("inline", models=LISTED) as gateway:
        gateway.default_fates["b"] = fate
        with submitted(gateway, tmp_path) as job:
            assert endings(job) == [OK[0], ("2", code), OK[2]]
