"""What a bulk run takes beside the calls themselves: memory, CPU, and what shards gain."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bulk_runs import PROMPT, model_at, numbered, read_rows, served_elsewhere, write_rows
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from langchain_qwen36 import bulk
from langchain_qwen36.bulk.task import Answer, ModelTask

if TYPE_CHECKING:
    from langchain_qwen36 import ChatQwen36

PAGE = 4096
AT_ONCE = 20


def memory() -> float:
    """Return the resident megabytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("rows", "most"),
    [
        pytest.param(20_000, 30, id="20-thousand"),
        pytest.param(1_000_000, 60, id="a-million", marks=pytest.mark.slow),
    ],
)
def test_memory_does_not_grow_with_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, most: float
) -> None:
    """From row 1,000 to the last, the output's writing included, memory stays flat."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not say how much memory a process has")
    samples: list[float] = []
    calls = 0

    async def call(_task: ModelTask, request: str, _callbacks: Any = ()) -> Answer:
        nonlocal calls
        calls += 1
        if calls % 1000 == 0:
            samples.append(memory())
        usage = {"input_tokens": 10, "output_tokens": 10, "total_tokens": 20}
        return Answer(AIMessage(f"Answer to {request}" * 5), usage=usage, cost=5, currency="CNY")

    monkeypatch.setattr(ModelTask, "call", call)
    source = ({"id": f"r{n}", "text": f"number {n}"} for n in range(rows))
    output, began = tmp_path / "out.jsonl", time.monotonic()
    model = model_at("http://127.0.0.1:9", "no-key")
    report = bulk.run(model, source, output=output, prompt=PROMPT, max_concurrency=1000)
    samples.append(memory())
    seconds = time.monotonic() - began
    growth = max(samples) - samples[0]
    print(f"{rows} rows in {seconds:.0f} s; memory grew {growth:.1f} MB")  # noqa: T201
    assert (report.done, report.cost["CNY"] * 10**12) == (rows, 5 * rows)
    assert growth < most


async def run_plain_workers(model: ChatQwen36, lines: list[str]) -> list[str]:
    """Do what a script would: workers over `ainvoke`, answers in memory, lines at the end."""
    rows, answers = map(json.loads, lines), {}

    async def work() -> None:
        for row in rows:
            message = await model.ainvoke(PROMPT.format(**row))
            answers[row["id"]] = {
                "id": row["id"],
                "answer": message.text,
                "usage": message.usage_metadata,
                "cost": message.response_metadata["cost"]["total"],
            }

    await asyncio.gather(*[work() for _ in range(AT_ONCE)])
    return [json.dumps(answers[json.loads(line)["id"]]) for line in lines]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_row_takes_hardly_more_cpu_than_a_call(tmp_path: Path) -> None:
    """The CPU of a row is at most 1.1 times that of plain workers over `ainvoke`."""
    rows = 2000
    source = write_rows(tmp_path / "in.jsonl", numbered(rows))
    with served_elsewhere() as (url, key):
        model, plain, bulky = model_at(url, key), [], []
        for turn in range(-1, 5):
            began = time.process_time()
            written = asyncio.run(run_plain_workers(model, source.read_text().splitlines()))
            (tmp_path / "plain.jsonl").write_text("\n".join(written))
            between = time.process_time()
            output = tmp_path / f"{turn}.jsonl"
            bulk.run(model, source, output=output, prompt=PROMPT, max_concurrency=AT_ONCE)
            if turn >= 0:  # the first turn imports what both need
                plain.append(between - began)
                bulky.append(time.process_time() - between)
    ratio = min(bulky) / min(plain)
    each = [f"{min(seconds) / rows * 1e6:.0f} µs" for seconds in (bulky, plain)]
    print(f"CPU a row: {each[0]} beside {each[1]}: {ratio:.3f} times")  # noqa: T201
    assert ratio <= 1.1


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_two_shards_are_almost_twice_as_fast(tmp_path: Path) -> None:
    """Where each machine waits for its answers, two shards give 1.8 times the rows a second."""

    async def call(_row: dict[str, Any]) -> str:
        await asyncio.sleep(0.2)
        return "fine"

    async def run(*shards: str) -> float:
        began = time.monotonic()
        await asyncio.gather(
            *(
                bulk.arun(
                    RunnableLambda(call),
                    numbered(400),
                    output=tmp_path / f"{shard[0]}-of-{shard[2]}.jsonl",
                    shard=shard,
                    max_concurrency=8,
                )
                for shard in shards
            )
        )
        return time.monotonic() - began

    gain = await run("1/1") / await run("1/2", "2/2")
    print(f"two shards: {gain:.2f} times as fast")  # noqa: T201
    assert gain >= 1.8
    ids = [row["id"] for n in (1, 2) for row in read_rows(tmp_path / f"{n}-of-2.jsonl")]
    assert sorted(ids) == sorted(row["id"] for row in numbered(400))
