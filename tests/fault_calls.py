"""One call against a `FaultServer`, sync or async, and what came of it."""

from __future__ import annotations

import json
import time
from collections import deque
from contextlib import aclosing, closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import living_loop
from answers import USAGE, chunk, completion, request
from fault_server import FaultServer, stream, whole

from langchain_qwen36._response.message import chat_result
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._transport import (
    ApiCall,
    StreamCall,
    Target,
    Timeouts,
    no_waiting,
)
from langchain_qwen36.errors import QwenError
from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from fault_server import Script
    from langchain_core.messages import AIMessage
    from modes import Mode

    from langchain_qwen36._response.delta import Delta, TransportInfo

KEY = "sk-canary-0123456789"
QUICK = Timeouts(connect=2, first_event=0.4, gap=0.3, pool=2)
"""What the cases wait for; a stalled server is silent for longer."""
STALL = 20
"""Seconds that a stalled server keeps silent."""

DONE = b"data: [DONE]\n\n"


def sse(payload: Any) -> bytes:
    """Return an event with this payload."""
    return b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n"


def text(piece: str) -> bytes:
    """Return a chunk of text."""
    return sse(chunk({"content": piece}))


FINISH = sse(chunk({}, "stop"))
USED = sse({**chunk(), "choices": [], "usage": USAGE})
HELLO = [text("Hel"), text("lo")]
WHOLE = [*HELLO, FINISH, USED, DONE]
"""A good stream, one network chunk an event."""
GOOD = stream(WHOLE)
ANSWER = whole(200, completion({"content": "Hello"}, usage=USAGE))
"""A good answer in one piece."""


def call_to(url: str, **changes: Any) -> ApiCall:
    """Return a call, with a canary for a key."""
    target = {
        "headers": {"authorization": f"Bearer {KEY}"},
        **changes.pop("target", {}),
    }
    said: dict[str, Any] = {
        "target": Target(url=url, **target),
        "body": b'{"model":"qwen3.6-plus","stream":true,"stream_options":{"include_usage":true}}',
        "gateway": GATEWAYS["dashscope"],
        "model": "qwen3.6-plus",
        "timeouts": QUICK,
    }
    return ApiCall(**(said | changes))


@dataclass
class Outcome:
    """What the caller saw."""

    deltas: list[Delta] = field(default_factory=list)
    message: AIMessage | None = None
    error: QwenError | None = None
    attempts: int | None = None
    seconds: float = 0.0
    requests: int = 0
    connections: int = 0

    @property
    def text(self) -> str:
        """The text that was handed out."""
        return "".join(delta.text for delta in self.deltas if delta.kind == "text")

    @property
    def finish(self) -> str | None:
        """The finish_reason, and nothing else than one."""
        return self.message.response_metadata["finish_reason"] if self.message else None

    @property
    def tokens(self) -> int | None:
        """All tokens of the usage."""
        usage = self.message.usage_metadata if self.message else None
        return usage["total_tokens"] if usage else None


def streamed(mode: Mode, server: FaultServer, *, restart: bool = False, **changes: Any) -> Outcome:
    """Stream one answer, without waiting between attempts."""
    outcome = Outcome()
    said = request()
    answer = StreamCall(
        call_to(server.url, **changes), lambda: CompletionReader(said), restart=restart
    )
    started = time.monotonic()
    try:
        with no_waiting():
            if mode == "sync":
                _take(answer, outcome)
            else:
                living_loop.run(_atake(answer, outcome))
        outcome.message = chat_result(answer.reader, answer.meta).generations[0].message
        outcome.attempts = answer.meta.attempts
    except QwenError as error:
        outcome.error = error
        outcome.attempts = error.attempts
    return _seen(outcome, server, started)


def _take(answer: StreamCall, outcome: Outcome) -> None:
    with closing(iter(answer)) as batches:
        for deltas in batches:
            outcome.deltas += deltas


async def _atake(answer: StreamCall, outcome: Outcome) -> None:
    async with aclosing(aiter(answer)) as batches:
        async for deltas in batches:
            outcome.deltas += deltas


def posted(mode: Mode, server: FaultServer, **changes: Any) -> Outcome:
    """Ask for an answer in one piece, without waiting between attempts."""
    started = time.monotonic()
    return _seen(posted_to(mode, server.url, **changes), server, started)


def post(call: ApiCall) -> tuple[AIMessage, TransportInfo]:
    """Ask for a completion in one piece, and return its first message."""
    whole = _whole(call)
    deque(whole, maxlen=0)
    return _message(whole)


async def apost(call: ApiCall) -> tuple[AIMessage, TransportInfo]:
    """`post`, async."""
    whole = _whole(call)
    async for _ in whole:
        pass
    return _message(whole)


def _whole(call: ApiCall) -> StreamCall:
    asked = request()
    return StreamCall(replace(call, is_stream=False), lambda: CompletionReader(asked), restart=True)


def _message(whole: StreamCall) -> tuple[AIMessage, TransportInfo]:
    return chat_result(whole.reader, whole.meta).generations[0].message, whole.meta


def posted_to(mode: Mode, url: str, **changes: Any) -> Outcome:
    """Return the same, at any address."""
    outcome = Outcome()
    call = call_to(url, **changes)
    try:
        with no_waiting():
            outcome.message, meta = post(call) if mode == "sync" else living_loop.run(apost(call))
        outcome.attempts = meta.attempts
    except QwenError as error:
        outcome.error = error
        outcome.attempts = error.attempts
    return outcome


def _seen(outcome: Outcome, server: FaultServer, started: float) -> Outcome:
    living_loop.check_threads(server.url)
    outcome.seconds = time.monotonic() - started
    outcome.requests = len(server.requests)
    outcome.connections = server.connections
    return outcome


def ask(mode: Mode, *scripts: Script, **options: Any) -> Outcome:
    """Stream one answer from a server with these scripts."""
    with FaultServer(*scripts) as server:
        return streamed(mode, server, **options)


def ask_whole(mode: Mode, *scripts: Script, **options: Any) -> Outcome:
    """Ask a server with these scripts for an answer in one piece."""
    with FaultServer(*scripts) as server:
        return posted(mode, server, **options)


def begun(answer: StreamCall) -> Generator[list[Delta], None, None]:
    """Return the iterator of a sync stream whose first list has come."""
    batches = iter(answer)
    next(batches)
    return batches


async def abegun(answer: StreamCall) -> AsyncGenerator[list[Delta], None]:
    """`begun`, async."""
    batches = aiter(answer)
    await anext(batches)
    return batches


async def stream_to_end(call: ApiCall) -> None:
    """Read a stream and throw it away."""
    said = request()
    async for _ in StreamCall(call, lambda: CompletionReader(said)):
        pass
