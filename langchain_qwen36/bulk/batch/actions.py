"""Actions of a batch job's steps, and the sync and async drivers that run them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - a field's type
from typing import Any, Protocol, TypeVar

from langchain_qwen36._response.payload import loads
from langchain_qwen36._transport import backoff
from langchain_qwen36.errors import QwenError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send one request, once."""

    method: str
    path: str
    """Path behind the base URL."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    """The JSON of the request."""
    upload: Path | None = None
    """A file to upload as a form, with the purpose `batch`."""
    filename: str = ""
    """The file's name at the gateway."""
    makes_something: bool = False
    """Whether the request creates something, so that it must not be sent twice, not even over a
    second connection."""
    save_to: Path | None = None
    """Where to save the response; None: in memory."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """Run a function that needs the CPU or the disk for long."""

    run: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """A response whose status is no error."""

    content: bytes = b""
    """The bytes of the response; empty if it was saved to a file."""

    @property
    def payload(self) -> Any:
        """The JSON of the response; None if it is no JSON."""
        try:
            return loads(self.content)
        except ValueError:
            return None


class Client(Protocol):
    """Sends the requests of a batch job."""

    def send(self, action: Send) -> Reply:
        """Send a request, once."""

    async def asend(self, action: Send) -> Reply:
        """Send a request, once; async."""


Action = Send | Wait | Work
Steps = Generator[Action, Any, T]
"""Yields actions; receives the `Reply`, or the result of the work; the error of a failed request is
thrown in."""


def drive(steps: Steps[T], client: Client) -> T:
    """Run the actions of the steps, and return the steps' result."""
    outcome: Any = None
    failure: QwenError | None = None
    try:
        while True:
            action = steps.throw(failure) if failure is not None else steps.send(outcome)
            outcome = failure = None
            match action:
                case Send():
                    try:
                        outcome = client.send(action)
                    except QwenError as error:
                        failure = error
                case Wait(seconds):
                    backoff.sleep(seconds)
                case Work(run):
                    outcome = run()
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()


async def adrive(
    steps: Steps[T],
    client: Client,
    sleep: Callable[[float], Awaitable[None]] = backoff.asleep,
) -> T:
    """`drive`, async; `sleep` may return early."""
    outcome: Any = None
    failure: QwenError | None = None
    try:
        while True:
            action = steps.throw(failure) if failure is not None else steps.send(outcome)
            outcome = failure = None
            match action:
                case Send():
                    try:
                        outcome = await client.asend(action)
                    except QwenError as error:
                        failure = error
                case Wait(seconds):
                    await sleep(seconds)
                case Work(run):
                    outcome = await asyncio.to_thread(run)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()


def repeat(send: Send, tries: int = 5) -> Steps[Reply]:
    """Send a request that may be sent twice, again while a retry may help."""
    attempt = 0
    while True:
        attempt += 1
        try:
            reply: Reply = yield send
        except QwenError as error:
            seconds = backoff.delay(error, attempt, tries - 1)
            if seconds is None:
                raise
            yield Wait(seconds)
        else:
            return reply
