"""Twenty thousand calls over mixed faults: is every answer right, and does anything pile up?

Run with: python benchmarks/soak.py [--calls 20000] [--mutant NAME | --mutants]

Models over plain HTTP, TLS, a proxy and both, one of them behind a rate limiter, are called from
eight threads and from an event loop that lives on, a hundred calls at once: `invoke`, streams and
v3 events, read to the end, left early, or cancelled. The server answers each call with a text of
its own, or with the fault that the call names. Every outcome is compared with what was asked.
After each round open files, threads, tasks, memory and the server's connections are counted. It
exits non-zero if an outcome was wrong or the last count is above the second.

`--mutants` breaks the library on purpose, once in each way of `soak_mutants.py`, and exits
non-zero unless the soak fails every time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.soak_counts import Count
from benchmarks.soak_mutants import MUTANTS
from benchmarks.soak_server import text_for
from langchain_qwen36 import ChatQwen36, Timeouts
from langchain_qwen36.rate_limits import SharedRateLimiter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS, MODELS = 10, 5
THREADS, AT_ONCE = 8, 100
CONNECTIONS = 12
"""Of each model to its gateway: slots that are lost are missed soon."""
GROWTH_BYTES, CONNECTION_BYTES = 2_000_000, 100_000
"""What caches may take between the second round and the last, however many calls there are, and
an open connection with its TLS buffers."""
BATCH = 5
"""Idle sync connections and threads come and go by so many."""

OUTCOMES: dict[str, set[str]] = {
    "good": {"right"},
    "gzip": {"right"},
    "close": {"right"},
    "fin": {"StreamInterruptedError", "UnexpectedResponseError", "GatewayConnectionError"},
    "rst": {"StreamInterruptedError", "UnexpectedResponseError", "GatewayConnectionError"},
    "stall": {"GatewayTimeoutError: gap"},
    "comments": {"GatewayTimeoutError: total"},
    "error": {"ServerError"},
    "429": {"RateLimitError"},
    "401": {"AuthenticationError"},
    "502": {"ServerError"},
}
"""What may come of a call of each kind that is read to its end."""
KINDS = [*["good"] * 14, *["gzip"] * 2, *["close"] * 2, *list(OUTCOMES)[3:]]
STREAM_ONLY = {"stall", "comments", "error"}
PATIENT = Timeouts(connect=20, first_event=20, gap=20, pool=20)
CLOCKS = {
    "stall": Timeouts(connect=20, first_event=20, gap=0.3, pool=20),
    "comments": Timeouts(connect=20, first_event=20, gap=20, pool=20, total=0.7),
}


class Call(NamedTuple):
    """One call: its model, what it asks, and how."""

    model: ChatQwen36
    number: int
    kind: str
    style: str

    @classmethod
    def of(cls, models: list[ChatQwen36], number: int) -> Call:
        """Return the call of a number; the same in every run."""
        kind = KINDS[number % len(KINDS)]
        styles = (
            ("stream", "left", "v3") if kind in STREAM_ONLY else ("invoke", "stream", "left", "v3")
        )
        dice = random.Random(number)  # noqa: S311, the same calls in every run
        return cls(dice.choice(models), number, kind, dice.choice(styles))

    @property
    def question(self) -> str:
        """What the server reads."""
        return f"{self.number} {self.kind}"

    @property
    def options(self) -> dict[str, Any]:
        """The call's clocks."""
        return {"timeout": CLOCKS.get(self.kind, PATIENT)}

    def run(self) -> str:
        """Make the call; return what came of it."""
        model, question, options = self.model, self.question, self.options
        if self.style == "invoke":
            return self._compare(model.invoke(question, **options).text)
        if self.style == "v3":
            return self._compare(model.stream_events(question, version="v3", **options).output.text)
        text = ""
        chunks: Any = model.stream(question, **options)
        with closing(chunks):
            for chunk in chunks:
                text += chunk.text
                if self.style == "left" and text:
                    return "left" if text_for(self.number).startswith(text) else f"WRONG: {text!r}"
        return self._compare(text)

    async def arun(self) -> str:
        """`run`, async."""
        model, question, options = self.model, self.question, self.options
        if self.style == "invoke":
            return self._compare((await model.ainvoke(question, **options)).text)
        if self.style == "v3":
            events = await model.astream_events(question, version="v3", **options)
            return self._compare((await events).text)
        text = ""
        chunks: Any = model.astream(question, **options)
        async with aclosing(chunks):
            async for chunk in chunks:
                text += chunk.text
                if self.style == "left" and text:
                    return "left" if text_for(self.number).startswith(text) else f"WRONG: {text!r}"
        return self._compare(text)

    def _compare(self, text: str) -> str:
        right = text_for(self.number)
        return "right" if text == right else f"WRONG: {text[:40]!r} for {right[:40]!r}"

    def judge(self, outcome: str) -> str:
        """Return the outcome to count, marked if it may not come of this call."""
        allowed = OUTCOMES[self.kind] | ({"left"} if self.style == "left" else set())
        if outcome in allowed:
            return f"{self.kind}: {outcome}"
        return f"UNEXPECTED {self.kind}, {self.style}: {outcome}"


def _name(error: Exception) -> str:
    clock = getattr(error, "clock", None)
    return type(error).__name__ + (f": {clock}" if clock else "")


def one(call: Call) -> str:
    """Make a sync call and judge what came of it."""
    try:
        return call.judge(call.run())
    except Exception as error:  # noqa: BLE001, any may be wrong
        return call.judge(_name(error))


async def aone(call: Call) -> str:
    """Make an async call and judge what came of it; every tenth is cancelled somewhere."""
    task = asyncio.ensure_future(call.arun())
    if call.number % 10 == 0:
        await asyncio.sleep(random.random() / 50)  # noqa: S311
        task.cancel()
    try:
        return call.judge(await task)
    except asyncio.CancelledError:
        return "cancelled"
    except Exception as error:  # noqa: BLE001, any may be wrong
        return call.judge(_name(error))


async def burst(calls: list[Call]) -> Counter[str]:
    """Make async calls, a hundred at once."""
    free = asyncio.Semaphore(AT_ONCE)

    async def limited(call: Call) -> str:
        async with free:
            return await aone(call)

    return Counter(await asyncio.gather(*map(limited, calls)))


def models_of(server: dict[str, Any]) -> list[ChatQwen36]:
    """Return a model for each way to the gateway, and one behind a limiter."""
    proxy = f"http://127.0.0.1:{server['proxy']}"
    limiter = SharedRateLimiter("soak", requests=10**6, tokens=10**9)
    ways: list[dict[str, Any]] = [
        {"base_url": f"http://127.0.0.1:{server['plain']}/v1"},
        {"base_url": f"http://127.0.0.1:{server['plain']}/v1", "proxy": proxy},
        {"base_url": f"https://127.0.0.1:{server['tls']}/v1"},
        {"base_url": f"https://127.0.0.1:{server['tls']}/v1", "proxy": proxy},
        {
            "base_url": f"http://127.0.0.1:{server['plain']}/v1",
            "rate_limiter": limiter,
            "callbacks": [limiter],
        },
    ]
    own: dict[str, Any] = {"gateway": "dashscope", "api_key": "sk-0123456789", "max_retries": 0}
    return [ChatQwen36(**own, max_connections=CONNECTIONS, **way) for way in ways]


def soak(server: dict[str, Any], calls: int) -> int:
    """Make the calls; return the exit status."""
    os.environ["SSL_CERT_FILE"] = server["ca"]
    models, url = models_of(server), f"http://127.0.0.1:{server['plain']}/"
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    outcomes: Counter[str] = Counter()
    counts: list[Count] = []
    per_round = calls // ROUNDS // 2
    with ThreadPoolExecutor(THREADS) as threads:
        for number in range(ROUNDS):
            start = number * per_round * 2
            numbers = range(start, start + per_round * 2)
            every = [Call.of(models, number) for number in numbers]
            outcomes.update(threads.map(one, every[::2]))
            outcomes += _on(loop, lambda every=every: burst(every[1::2]))  # type: ignore[misc]
            counts.append(Count.now(loop, url))
            print(f"{numbers.stop:>6} calls  {counts[-1]}", flush=True)
    outcomes += asyncio.run(burst([Call.of(models, number) for number in range(1, 2 * AT_ONCE, 2)]))
    print(*(f"{count:>6}  {kind}" for kind, count in sorted(outcomes.items())), sep="\n")
    return verdict(counts, outcomes)


def _on(loop: asyncio.AbstractEventLoop, make: Callable[[], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        return await make()

    return asyncio.run_coroutine_threadsafe(run(), loop).result()


def verdict(counts: list[Count], outcomes: Counter[str]) -> int:
    """Compare the last round with the second, when all that is kept once is there."""
    start, end = counts[1], counts[-1]
    # A pool keeps an idle connection for each call that was made at once, and no more.
    idle = MODELS * (THREADS + CONNECTIONS)
    more_open = max(0, end.server_connections - start.server_connections)
    most = Count(
        files=start.files + idle - min(idle, start.server_connections),
        threads=start.threads + BATCH,
        tasks=0,
        slots=0,
        server_connections=idle,
        bytes=start.bytes + GROWTH_BYTES + more_open * CONNECTION_BYTES,
    )
    faults = [kind for kind in outcomes if "WRONG" in kind or "UNEXPECTED" in kind]
    faults += [
        f"{name} pile up: {count}, at most {limit}"
        for name, count, limit in zip(Count._fields, end, most, strict=True)
        if count > limit
    ]
    print(*faults or ["every answer is right, and nothing piles up"], sep="\n")
    return int(bool(faults))


def try_mutants(calls: int) -> int:
    """Run the soak on each mutant; 0 if it fails on all."""
    survivors = []
    for name in MUTANTS:
        command = [sys.executable, __file__, "--calls", str(calls), "--mutant", name]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        print(
            f"{name}: {'SURVIVES' if run.returncode == 0 else 'found'}", run.stdout[-300:], sep="\n"
        )
        survivors += [name] if run.returncode == 0 else []
    return int(bool(survivors))


def main() -> int:
    """Start the gateway and soak."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    parser.add_argument("--mutants", action="store_true")
    options = parser.parse_args()
    if options.mutants:
        return try_mutants(min(options.calls, 1200))
    if options.mutant:
        MUTANTS[options.mutant]()
    warnings.simplefilter("ignore")
    command = [sys.executable, str(Path(__file__).with_name("soak_server.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            return soak(json.loads(process.stdout.readline()), options.calls)
        finally:
            process.stdin.close()


if __name__ == "__main__":
    sys.exit(main())
