"""What is measured: each case drives one model and returns what it took.

All of them run in a worker, a process that has imported one model's package and nothing of the
others. `Subject` gives them their model.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import statistics
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool

from benchmarks.floor import FloorModel
from benchmarks.peers import constructor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import Runnable, RunnableConfig

Sample = dict[str, float]
"""`seconds` and `cpu`, the process's own seconds of CPU, for the whole run of `n` chunks, requests,
streams or models; `mb` where memory is measured."""
_QUESTION = "How many r are in strawberry?"


class Subject:
    """One model's package, and the loop that its async runs share, as a service's would."""

    def __init__(self, peer: str, server: str) -> None:
        self.peer = peer
        self.runner = asyncio.Runner()
        self._server = server

    def model(self, kind: str, size: int) -> BaseChatModel:
        """Return a model that will be answered as `benchmarks.server` says."""
        made = constructor(self.peer, f"{self._server}/{kind}/{size}/v1")()
        if isinstance(made, FloorModel):
            made.will_answer(_floors_deltas(kind, size))
        return made

    def constructor(self) -> Any:
        """Return what makes a model."""
        return constructor(self.peer, f"{self._server}/text/1/v1")


def _floors_deltas(kind: str, size: int) -> list[dict[str, Any]]:
    if kind != "args":
        return [{"content": "word"}] * size
    call = {"name": None, "args": "word", "id": None, "index": 0, "type": "tool_call_chunk"}
    pieces = [
        {**call, "name": "write", "id": "call_8f2e", "args": '{"text":"'},
        *[call] * size,
        {**call, "args": '"}'},
    ]
    return [{"content": "", "tool_call_chunks": [piece]} for piece in pieces]


@contextmanager
def _timed(n: int) -> Iterator[Sample]:
    gc.collect()
    sample: Sample = {"n": n}
    cpu, start = time.process_time(), time.perf_counter()
    yield sample
    sample |= {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}


def stream(subject: Subject, *, chunks: int, kind: str = "text") -> Sample:
    """One `stream` of so many chunks."""
    model = subject.model(kind, chunks)
    with _timed(chunks) as sample:
        seen = sum(1 for _ in model.stream(_QUESTION))
    assert seen >= chunks, f"{seen} chunks"
    return sample


def astream(subject: Subject, *, chunks: int) -> Sample:
    """One `astream`."""
    model = subject.model("text", chunks)

    async def run() -> int:
        return sum([1 async for _ in model.astream(_QUESTION)])

    with _timed(chunks) as sample:
        seen = subject.runner.run(run())
    assert seen >= chunks, f"{seen} chunks"
    return sample


def events(subject: Subject, *, chunks: int, kind: str = "text") -> Sample:
    """One stream of v3 events."""
    model = subject.model(kind, chunks)
    with _timed(chunks) as sample:
        seen = sum(1 for _ in model.stream_events(_QUESTION, version="v3"))
    assert seen >= chunks, f"{seen} events"
    return sample


def first_chunk(subject: Subject, *, times: int) -> Sample:
    """From the question to the first chunk, over a warm connection."""
    model = subject.model("text", 20)
    waits = []
    for _ in range(times):
        start = time.perf_counter()
        answer = model.stream(_QUESTION)
        next(answer)
        waits.append(time.perf_counter() - start)
        for _ in answer:
            pass
    return {"n": 1, "seconds": statistics.median(waits)}


def invoke(subject: Subject, *, times: int) -> Sample:
    """`invoke`, one after another."""
    model = subject.model("text", 20)
    with _timed(times) as sample:
        for _ in range(times):
            model.invoke(_QUESTION)
    return sample


def ainvoke(subject: Subject, *, times: int) -> Sample:
    """`ainvoke`, one after another."""
    model = subject.model("text", 20)

    async def run() -> None:
        for _ in range(times):
            await model.ainvoke(_QUESTION)

    with _timed(times) as sample:
        subject.runner.run(run())
    return sample


def at_once(subject: Subject, *, times: int) -> Sample:
    """`ainvoke`, all at once."""
    model = subject.model("text", 20)

    async def run() -> None:
        await asyncio.gather(*(model.ainvoke(_QUESTION) for _ in range(times)))

    with _timed(times) as sample:
        subject.runner.run(run())
    return sample


def streams_at_once(subject: Subject, *, streams: int, chunks: int) -> Sample:
    """Many streams, all at once; `mb` is the most memory that the process ever had."""
    model = subject.model("burst", chunks)

    async def one() -> int:
        return sum([1 async for _ in model.astream(_QUESTION)])

    async def run() -> int:
        return sum(await asyncio.gather(*(one() for _ in range(streams))))

    with _timed(streams * chunks) as sample:
        seen = subject.runner.run(run())
    assert seen >= streams * chunks, f"{seen} chunks"
    return sample | {"mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def held(subject: Subject, *, streams: int) -> Sample:
    """Many streams that wait for their next chunk; `mb` is what they take together."""
    model = subject.model("held", 20)

    async def run() -> float:
        gc.collect()
        before = _resident()
        answers = [model.astream(_QUESTION) for _ in range(streams)]
        await asyncio.gather(*(anext(answer) for answer in answers))
        taken = _resident() - before
        for answer in answers:
            await answer.aclose()  # type: ignore[attr-defined]  # it is a generator
        return taken

    with _timed(streams) as sample:
        taken = subject.runner.run(run())
    return sample | {"mb": taken}


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def batch(subject: Subject, *, times: int) -> Sample:
    """`batch`, with LangChain's own number of threads."""
    model = subject.model("text", 20)
    with _timed(times) as sample:
        model.batch([_QUESTION] * times)
    return sample


def construct(subject: Subject, *, times: int) -> Sample:
    """Make models."""
    make = subject.constructor()
    make()
    with _timed(times) as sample:
        for _ in range(times):
            make()
    return sample


def messages(subject: Subject, *, times: int, turns: int, characters: int) -> Sample:
    """`invoke` with a long history."""
    text = 'Lorem ipsum dolor sit amet, "consetetur" sadipscing elitr.\n' * (characters // 60 + 1)
    history = [kind(text[:characters]) for _ in range(turns // 2) for kind in (HumanMessage, _said)]
    history.append(HumanMessage(text[:characters]))
    return _asked(subject.model("text", 20), history, times)


def _said(text: str) -> AIMessage:
    return AIMessage(text)


def tools(subject: Subject, *, times: int, count: int, properties: int) -> Sample:
    """`invoke` with many tools of large schemas, bound once."""
    model = subject.model("text", 20).bind_tools([_tool(n, properties) for n in range(count)])
    return _asked(model, _QUESTION, times)


def _tool(number: int, properties: int) -> Any:
    field = {"type": "string", "description": "What it is, what it is good for, and a hint."}
    schema = {
        "title": f"tool_{number}",
        "description": "Does what its name says, and says so at some length.",
        "type": "object",
        "properties": {f"argument_{n}": dict(field) for n in range(properties)},
        "required": ["argument_0"],
    }
    return tool(f"tool_{number}", args_schema=schema, description="Does it.")(_does_nothing)


def _does_nothing(**_: Any) -> str:
    return ""


def _asked(model: Runnable[Any, Any], question: Any, times: int) -> Sample:
    model.invoke(question)
    with _timed(times) as sample:
        for _ in range(times):
            model.invoke(question)
    return sample


def handled(subject: Subject, *, times: int, chunks: int, handler: str) -> Sample:
    """Streams with a callback handler: "none", "core" for LangChain's own counter, or "cost"."""
    model = subject.model("text", chunks)
    made: list[Any] = []
    if handler == "core":
        made = [UsageMetadataCallbackHandler()]
    elif handler == "cost":
        from langchain_qwen36 import QwenCostCallbackHandler

        made = [QwenCostCallbackHandler()]
    with _timed(times * chunks) as sample:
        for _ in range(times):
            for _ in model.stream(_QUESTION, config={"callbacks": made}):
                pass
    return sample


def booked(subject: Subject, *, times: int, ledger: str) -> Sample:
    """`ainvoke`, all at once, with our cost handler, and "sqlite" or no ledger behind it."""
    from langchain_qwen36 import QwenCostCallbackHandler
    from langchain_qwen36.spend import Limit, SpendLedger

    model = subject.model("text", 20)
    with TemporaryDirectory() as folder:
        made = None
        if ledger == "sqlite":
            limits = [Limit("all", "1000 CNY"), Limit("user:*", "500 CNY", per="day")]
            made = SpendLedger(f"sqlite:///{folder}/spend.db", limits=limits)
        handler = QwenCostCallbackHandler(ledger=made)

        async def run() -> None:
            config: RunnableConfig = {"callbacks": [handler], "metadata": {"user_id": "u1"}}
            await asyncio.gather(*(model.ainvoke(_QUESTION, config) for _ in range(times)))

        with _timed(times) as sample:
            subject.runner.run(run())
            if made is not None:
                made.flush()
        if made is not None:
            made.close()
    return sample


CASES = {
    each.__name__: each
    for each in (
        stream,
        astream,
        events,
        first_chunk,
        invoke,
        ainvoke,
        at_once,
        streams_at_once,
        held,
        batch,
        construct,
        messages,
        tools,
        handled,
        booked,
    )
}
