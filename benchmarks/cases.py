"""What is measured: each case drives one model and returns what it took.

All of them run in a worker, a process that has imported one model's package and nothing of the
others. `Subject` gives them their model.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import tool

from benchmarks.floor import FloorModel
from benchmarks.peers import constructor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import Runnable, RunnableConfig

    from benchmarks.serving import Route, Servers
    from langchain_qwen36.spend import SpendLedger

Sample = dict[str, float]
"""`seconds` and `cpu`, the process's own seconds of CPU, for the whole run of `n` chunks, requests,
streams or models; `mb` where memory is measured, `load` where the cores that were busy are."""
_QUESTION = "How many r are in strawberry?"


class Subject:
    """One model's package, and the loop that its async runs share, as a service's would."""

    def __init__(self, peer: str, servers: Servers) -> None:
        self.peer = peer
        self.runner = asyncio.Runner()
        self._servers = servers

    def model(self, kind: str, size: int, over: Route = "tcp") -> BaseChatModel:
        """Return a model that will be answered as `benchmarks.server` says."""
        made = constructor(self.peer, f"{self._servers[over]}/{kind}/{size}/v1")()
        if isinstance(made, FloorModel):
            made.will_answer(_floors_deltas(kind, size))
        return made

    def constructor(self) -> Any:
        """Return what makes a model."""
        return constructor(self.peer, f"{self._servers['tcp']}/text/1/v1")


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


def stream(subject: Subject, *, chunks: int, kind: str = "text", over: Route = "tcp") -> Sample:
    """One `stream` of so many chunks."""
    model = subject.model(kind, chunks, over)
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


def first_chunk(subject: Subject, *, times: int, over: Route = "tcp") -> Sample:
    """From the question to the first chunk, over a warm connection."""
    model = subject.model("text", 20, over)
    waits = []
    for _ in range(times):
        start = time.perf_counter()
        answer = model.stream(_QUESTION)
        next(answer)
        waits.append(time.perf_counter() - start)
        for _ in answer:
            pass
    return {"n": 1, "seconds": statistics.median(waits)}


def invoke(subject: Subject, *, times: int, over: Route = "tcp") -> Sample:
    """`invoke`, one after another."""
    model = subject.model("text", 20, over)
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


def at_once(subject: Subject, *, times: int, over: Route = "tcp", together: bool = False) -> Sample:
    """`ainvoke`, all at once; `mb` is the most memory that the process ever had.

    Together: the floor, too, has all its calls in flight before the first is answered.
    """
    model = subject.model("text", 20, over)
    if together and isinstance(model, FloorModel):
        model.will_wait(times)

    async def run() -> None:
        await asyncio.gather(*(model.ainvoke(_QUESTION) for _ in range(times)))

    with _timed(times) as sample:
        subject.runner.run(run())
    return sample | {"mb": _most_memory()}


def streams_at_once(subject: Subject, *, streams: int, chunks: int, over: Route = "tcp") -> Sample:
    """Many streams, all at once; `mb` is the most memory that the process ever had."""
    model = subject.model("burst", chunks, over)

    with _timed(streams * chunks) as sample:
        seen = subject.runner.run(_stream_all(model, streams))
    assert seen >= streams * chunks, f"{seen} chunks"
    return sample | {"mb": _most_memory()}


def paced(subject: Subject, *, streams: int, chunks: int, over: Route = "tcp") -> Sample:
    """Streams of 50 chunks a second, as a model writes; `load` is how many cores they keep busy."""
    model = subject.model("paced", chunks, over)

    with _timed(streams) as sample:
        seen = subject.runner.run(_stream_all(model, streams))
    assert seen >= streams * chunks, f"{seen} chunks"
    return sample | {"load": sample["cpu"] / sample["seconds"]}


async def _stream_all(model: BaseChatModel, streams: int) -> int:
    """Read so many streams at once; return how many chunks came."""

    async def one() -> int:
        return sum([1 async for _ in model.astream(_QUESTION)])

    return sum(await asyncio.gather(*(one() for _ in range(streams))))


def _most_memory() -> float:
    """Return MB; `getrusage` would begin with what the process that started this one has."""
    return _memory("VmHWM")


def _memory(field: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024


def held(subject: Subject, *, streams: int) -> Sample:
    """Many streams that wait for their next chunk; `mb` is what they take together."""
    model = subject.model("held", 20)

    async def run() -> float:
        gc.collect()
        before = _memory("VmRSS")
        answers = [model.astream(_QUESTION) for _ in range(streams)]
        await asyncio.gather(*(anext(answer) for answer in answers))
        taken = _memory("VmRSS") - before
        for answer in answers:
            await answer.aclose()  # type: ignore[attr-defined]  # it is a generator
        return taken

    with _timed(streams) as sample:
        taken = subject.runner.run(run())
    return sample | {"mb": taken}


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
    return _invoked(subject.model("text", 20), _history(turns, characters), times)


def _history(turns: int, characters: int) -> list[BaseMessage]:
    text = _text(characters)
    pairs = [(HumanMessage(text), AIMessage(text)) for _ in range(turns // 2)]
    return [*(message for pair in pairs for message in pair), HumanMessage(text)]


def _text(characters: int) -> str:
    line = 'Lorem ipsum dolor sit amet, "consetetur" sadipscing elitr.\n'
    return (line * (characters // len(line) + 1))[:characters]


def count(subject: Subject, *, times: int, characters: int) -> Sample:
    """Count the tokens of a text."""
    model, text = subject.model("text", 20), _text(characters)
    with _timed(times) as sample:
        for _ in range(times):
            model.get_num_tokens(text)
    return sample


def estimate(subject: Subject, *, times: int, turns: int, characters: int) -> Sample:
    """Estimate what a call with a long history would cost."""
    model: Any = subject.model("text", 20)
    history = _history(turns, characters)
    with _timed(times) as sample:
        for _ in range(times):
            model.estimate_cost(history)
    return sample


def tools(subject: Subject, *, times: int, count: int, properties: int) -> Sample:
    """`invoke` with many tools of large schemas, bound once."""
    model = subject.model("text", 20).bind_tools([_tool(n, properties) for n in range(count)])
    return _invoked(model, _QUESTION, times)


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


def _invoked(model: Runnable[Any, Any], question: Any, times: int) -> Sample:
    model.invoke(question)
    with _timed(times) as sample:
        for _ in range(times):
            model.invoke(question)
    return sample


def handled(subject: Subject, *, times: int, chunks: int, handler: str) -> Sample:
    """Streams with a handler: "none", LangChain's "core", or "cost", alone or with a "ledger"."""
    model = subject.model("text", chunks)
    with ExitStack() as stack:
        made: list[Any] = []
        if handler == "core":
            made = [UsageMetadataCallbackHandler()]
        elif handler != "none":
            from langchain_qwen36 import QwenCostCallbackHandler

            ledger = stack.enter_context(_ledger()) if handler == "ledger" else None
            made = [QwenCostCallbackHandler(ledger=ledger)]
        with _timed(times * chunks) as sample:
            for _ in range(times):
                for _ in model.stream(_QUESTION, config={"callbacks": made}):
                    pass
    return sample


def booked(subject: Subject, *, times: int, ledger: str) -> Sample:
    """`ainvoke`, all at once: with "no handler", or the cost handler and a ledger or "none"."""
    from langchain_qwen36 import QwenCostCallbackHandler

    model = subject.model("text", 20)
    with ExitStack() as stack:
        made = None
        if ledger == "sqlite":
            made = stack.enter_context(_ledger())
        handlers = [] if ledger == "no handler" else [QwenCostCallbackHandler(ledger=made)]

        async def run() -> None:
            config: RunnableConfig = {"callbacks": [*handlers], "metadata": {"user_id": "u1"}}
            await asyncio.gather(*(model.ainvoke(_QUESTION, config) for _ in range(times)))

        with _timed(times) as sample:
            subject.runner.run(run())
            if made is not None:
                made.flush()
    return sample


@contextmanager
def _ledger() -> Iterator[SpendLedger]:
    """Open a ledger with limits in a folder of its own."""
    from langchain_qwen36.spend import Limit, SpendLedger

    limits = [Limit("all", "1000 CNY"), Limit("user:*", "500 CNY", per="day")]
    with (
        TemporaryDirectory() as folder,
        closing(SpendLedger(f"sqlite:///{folder}/spend.db", limits=limits)) as made,
    ):
        yield made


def bulk(subject: Subject, *, times: int, way: str) -> Sample:
    """Answer rows by a bulk run, or by "workers" that take the next row when one is answered.

    Both on the loop and the connections of earlier runs: what a row costs, not what a start does.
    """
    model = subject.model("text", 20)
    rows = ({"id": f"r{n}", "text": f"number {n}"} for n in range(times))
    with TemporaryDirectory() as folder, _timed(times) as sample:
        if way == "workers":
            subject.runner.run(_work_through(model, rows))
        else:
            from langchain_qwen36 import bulk

            output = f"{folder}/out.jsonl"
            settings: Any = {"output": output, "prompt": "Say {text}", "progress": False}
            run = bulk.arun(model, rows, max_concurrency=_WORKERS, **settings)
            report = subject.runner.run(run)
            assert report.done == times, report
    return sample


_WORKERS = 64


async def _work_through(model: BaseChatModel, rows: Iterator[dict[str, str]]) -> None:
    async def work() -> None:
        for row in rows:
            await model.ainvoke(f"Say {row['text']}")

    await asyncio.gather(*(work() for _ in range(_WORKERS)))


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
        paced,
        held,
        batch,
        construct,
        messages,
        tools,
        handled,
        booked,
        bulk,
        count,
        estimate,
    )
}
