"""Twenty thousand calls over mixed faults: does anything pile up?

Run with: python benchmarks/soak.py [--calls 20000]

Sync calls from eight threads and async calls, a hundred at once, on loop after loop; whole
answers and streams, read to the end, left early, or cancelled. Between the rounds open files,
threads, tasks and memory are counted; it exits non-zero when the end is above the start.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import random
import resource
import subprocess
import sys
import threading
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1])]

from answers import request  # noqa: E402
from fault_calls import ANSWER, DONE, GOOD, HELLO, WHOLE, call_to, sse  # noqa: E402
from fault_server import FaultServer, Wire, stream, whole  # noqa: E402

from langchain_qwen36._response.reader import CompletionReader  # noqa: E402
from langchain_qwen36._transport import ApiCall, StreamCall, Timeouts, no_waiting  # noqa: E402
from langchain_qwen36.errors import QwenError  # noqa: E402

if TYPE_CHECKING:
    from fault_server import Script

ROUNDS = 10
THREADS, AT_ONCE = 8, 100
GROWTH_MB = 8.0
"""What the allocator may keep between the rounds without anything having leaked."""
CLOCKS = Timeouts(connect=5, first_event=0.5, gap=0.2, pool=30)


def silence(wire: Wire) -> None:
    """Stall for longer than the gap."""
    wire.wait(0.5)


FAULTS: list[Script] = [
    *[ANSWER, GOOD] * 12,
    stream(HELLO, Wire.rst),
    stream(HELLO, Wire.fin),
    stream(HELLO),
    stream([*HELLO, sse({"error": {"code": 502, "message": "Boom"}}), DONE]),
    stream([*HELLO, b"data: {no json\n\n"]),
    stream(WHOLE, content_encoding="gzip"),
    whole(502, "<title>Bad Gateway</title>"),
    whole(429, {"error": {"message": "slow"}}, retry_after="1"),
    whole(200, {"message": "Success"}),
    whole(401, {"error": {"message": "no"}}),
    Wire.fin,
    Wire.rst,
    stream(HELLO, silence),
]


def serve() -> None:
    """Be the gateway, in a process of its own, until the parent goes."""
    dice = random.Random(7)  # noqa: S311, the same faults in every run

    def any_fault(wire: Wire) -> None:
        dice.choice(FAULTS)(wire)

    with FaultServer(any_fault) as server:
        server.requests = type("Nothing", (list,), {"append": lambda *_: None})()
        print(server.url, flush=True)
        sys.stdin.read()


class Count(NamedTuple):
    """What must not pile up."""

    files: int
    threads: int
    megabytes: float

    @classmethod
    def now(cls) -> Count:
        """Count what is there."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        megabytes = pages * resource.getpagesize() / 1e6
        return cls(len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), megabytes)


def one(call: ApiCall, number: int) -> str:
    """Make a sync call of the kind that its number says."""
    try:
        if number % 3 == 0:
            deque(StreamCall(call, reader, restart=True), maxlen=0)
            return "whole"
        with closing(iter(StreamCall(call, reader))) as batches:
            for _ in batches:
                if number % 3 == 1:
                    return "left early"
    except QwenError as error:
        return type(error).__name__
    return "streamed"


async def aone(call: ApiCall, number: int) -> str:
    """Make an async call of the kind that its number says."""
    try:
        if number % 4 == 0:
            async for _ in StreamCall(call, reader, restart=True):
                pass
            return "whole"
        async with aclosing(aiter(StreamCall(call, reader))) as batches:
            async for _ in batches:
                if number % 4 == 1:
                    return "left early"
    except QwenError as error:
        return type(error).__name__
    return "streamed"


async def burst(call: ApiCall, numbers: range) -> Counter[str]:
    """So many async calls, a hundred at once; every tenth is cancelled somewhere."""
    limit = asyncio.Semaphore(AT_ONCE)
    seen: Counter[str] = Counter()

    async def limited(number: int) -> None:
        async with limit:
            task = asyncio.create_task(aone(call, number))
            if number % 10 == 0:
                await asyncio.sleep(random.random() / 100)  # noqa: S311
                task.cancel()
            with suppress(asyncio.CancelledError):
                seen[await task] += 1
                return
            seen["cancelled"] += 1

    await asyncio.gather(*(limited(number) for number in numbers))
    if left := await _left_over():
        print(*left, sep="\n")
        seen["tasks left over"] += len(left)
    return seen


async def _left_over(seconds: float = 1.0) -> set[asyncio.Task[object]]:
    """Return the tasks that do not end by themselves.

    Asyncio closes what was left early in one each.
    """
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return (await asyncio.wait(others, timeout=seconds))[1] if others else set()


def reader() -> CompletionReader:
    """Return a reader for one attempt."""
    return CompletionReader(request())


def soak(url: str, calls: int) -> int:
    """Make the calls; the exit status."""
    call = call_to(url, timeouts=CLOCKS)
    seen: Counter[str] = Counter()
    counts: list[Count] = []
    per_round = calls // ROUNDS // 2
    for number in range(ROUNDS):
        numbers = range(number * per_round, (number + 1) * per_round)
        with ThreadPoolExecutor(THREADS) as threads:
            seen.update(threads.map(one, itertools.repeat(call), numbers))
        seen += asyncio.run(burst(call, numbers))
        counts.append(Count.now())
        print(f"{(number + 1) * per_round * 2:>6} calls  {counts[-1]}", flush=True)
    print(*(f"{count:>6}  {kind}" for kind, count in seen.most_common()), sep="\n")
    return verdict(counts, seen)


def verdict(counts: list[Count], seen: Counter[str]) -> int:
    """Compare the last round with the second, when all that is kept once is there."""
    start, end = counts[1], counts[-1]
    # Idle sync connections are kept on purpose, one a thread at most.
    piled_up = (
        end.files > start.files + THREADS
        or end.threads > start.threads
        or end.megabytes > start.megabytes + GROWTH_MB
        or seen["tasks left over"] > 0
    )
    print("something piles up" if piled_up else "nothing piles up")
    return int(piled_up)


def main() -> int:
    """Start the gateway and soak."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--server", action="store_true")
    said = parser.parse_args()
    if said.server:
        serve()
        return 0
    server = [sys.executable, __file__, "--server"]
    with (
        subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        no_waiting(),
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        url = process.stdout.readline().decode().strip()
        try:
            return soak(url, said.calls) if url else 1
        finally:
            process.stdin.close()


if __name__ == "__main__":
    sys.exit(main())
