"""Budgets of bulk runs: never passed, used up, and kept over runs."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from bulk_runs import PROMPT, model_of, numbered

from langchain_qwen36 import bulk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loopback import LoopbackGateway


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("rows", "at_once"),
    [
        pytest.param(120, 50, id="50-at-once"),
        pytest.param(1500, 1000, id="1000-at-once", marks=pytest.mark.slow),
    ],
)
def test_a_budget_is_never_passed(
    gateway_server: Callable[..., LoopbackGateway], tmp_path: Path, rows: int, at_once: int
) -> None:
    """With `reserve="worst"` calls stay within the budget, and most of it is used."""
    server, output = gateway_server(), tmp_path / "out.jsonl"
    model = model_of(server, max_tokens=30)
    one = bulk.run(model, ["number 0"], output=tmp_path / "one.jsonl", prompt=PROMPT).cost["CNY"]
    budget = one * rows / 2
    report = bulk.run(
        model,
        numbered(rows),
        output=output,
        prompt=PROMPT,
        budget=f"{budget:f} CNY",
        reserve="worst",
        max_concurrency=at_once,
    )
    print(f"spent {report.cost['CNY'] / budget:.1%} of the budget")  # noqa: T201
    assert budget * Decimal("0.8") <= report.cost["CNY"] <= budget
    assert "limit" in report.stopped
    assert (report.failed, report.pending) == (0, rows - report.done)
    assert len(server.requests) == report.done + 1
    again = bulk.run(
        model,
        numbered(rows),
        output=output,
        prompt=PROMPT,
        budget=f"{budget:f} CNY",
        reserve="worst",
    )
    assert again.cost["CNY"] <= budget
    more = bulk.run(
        model, numbered(rows), output=output, prompt=PROMPT, budget=f"{budget * 3:f} CNY"
    )
    assert (more.done, more.stopped, more.failed) == (rows, None, 0)


def test_a_budget_without_a_price_stops_the_run(
    gateway_server: Callable[..., LoopbackGateway], tmp_path: Path
) -> None:
    """A model without a known price is refused under a budget before anything is sent."""
    server = gateway_server()
    report = bulk.run(
        model_of(server).bind(model="qwen-unheard-of"),
        numbered(5),
        output=tmp_path / "out.jsonl",
        prompt=PROMPT,
        budget="1 CNY",
    )
    assert (report.done, report.failed, len(server.requests)) == (0, 0, 0)
    assert "price" in report.stopped
