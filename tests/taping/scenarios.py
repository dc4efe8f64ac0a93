"""What each cassette holds: five small uses of a model, in every call style.

A scenario is written once, as a generator of asks; a driver asks them, sync or async, and says
what came of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, assert_never

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_qwen36.errors import QwenError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from langchain_core.runnables import Runnable

    from langchain_qwen36 import ChatQwen36

    Scenario = Generator["Ask", Any, "Outcome"]

Style = Literal["sync", "async", "sync v3", "async v3"]
"""How what is streamed is streamed; the rest is invoked, sync or async."""
Outcome = dict[str, Any]
"""What is compared; JSON, so that it can stand in the cassette."""


class Ask(NamedTuple):
    """One question to the model."""

    model: Runnable[Any, Any]
    input: Any
    streamed: bool = False


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is 18 degrees and sunny in {city}."


class City(BaseModel):
    """A city."""

    name: str
    population: int


TALK = [
    ("user", "I want to travel."),
    ("assistant", "Where to?"),
    ("user", "What is the capital of Italy?"),
]


def conversation(model: ChatQwen36) -> Scenario:
    """Three turns, answered in one shot, without thinking."""
    return seen((yield Ask(model.bind(enable_thinking=False), TALK)))


def thinking_stream(model: ChatQwen36) -> Scenario:
    """Stream the same question, with reasoning."""
    return seen((yield Ask(model, TALK, streamed=True)))


def tool_loop(model: ChatQwen36) -> Scenario:
    """Call a tool, send its result back with the reasoning, and read the answer."""
    bound = model.bind_tools([get_weather])
    talk: list[Any] = [HumanMessage("What is the weather in Paris?")]
    asked = yield Ask(bound, talk, streamed=True)
    talk += [asked, *(get_weather.invoke(call) for call in asked.tool_calls)]
    answer = yield Ask(bound, talk, streamed=True)
    return {"asked": seen(asked), "answered": seen(answer)}


def structured_output(model: ChatQwen36) -> Scenario:
    """Ask for an answer that fills a schema."""
    asking = model.with_structured_output(City, include_raw=True)
    found = yield Ask(asking, "Paris has 2100000 people.")
    return seen(found["raw"]) | {"parsed": found["parsed"].model_dump()}


def error(model: ChatQwen36) -> Scenario:
    """Make a call that the gateway refuses."""
    yield Ask(model.bind(enable_thinking=False), TALK)
    raise AssertionError("the call was to be refused")


def two_calls(model: ChatQwen36) -> Scenario:
    """Call a tool twice in one answer."""
    bound = model.bind_tools([get_weather])
    return seen((yield Ask(bound, "The weather of both, Paris and Rome", streamed=True)))


def cut_call(model: ChatQwen36) -> Scenario:
    """Stream a call that `max_tokens` cuts."""
    bound = model.bind_tools([get_weather]).bind(max_tokens=10)
    answer = yield Ask(bound, "What is the weather in Paris?", streamed=True)
    invalid = [{"name": call["name"]} for call in answer.invalid_tool_calls]
    return seen(answer) | {"invalid_tool_calls": invalid}


def wrong_key(model: ChatQwen36) -> Scenario:
    """Call with a key that is not the server's."""
    yield from error(model)


def context_overflow(model: ChatQwen36) -> Scenario:
    """Ask more than the context window of 8,192 tokens holds, where a letter is a token."""
    yield Ask(model, "Hello " * 1500)
    raise AssertionError("the call was to be refused")


SCENARIOS: Mapping[str, Callable[[ChatQwen36], Scenario]] = {
    make.__name__: make
    for make in (conversation, thinking_stream, tool_loop, structured_output, error)
}
"""What is recorded of every gateway."""
SCRIPTED_SCENARIOS: Mapping[str, Callable[[ChatQwen36], Scenario]] = {
    make.__name__: make for make in (two_calls, cut_call, wrong_key, context_overflow)
}
"""What more is recorded of a real server on the scripted model (tests/servers)."""
_ALL = {**SCENARIOS, **SCRIPTED_SCENARIOS}
STREAMED = frozenset({"thinking_stream", "tool_loop", "two_calls", "cut_call"})
REFUSED = frozenset({"error", "wrong_key", "context_overflow"})
"""Scenarios that end in an error."""


def seen(message: AIMessage) -> Outcome:
    """Return what matters of an answer, and what it cost."""
    calls = [{"name": call["name"], "args": call["args"]} for call in message.tool_calls]
    cost = message.response_metadata.get("cost") or {}
    money = {key: cost.get(key) for key in ("total", "currency", "basis")}
    return {
        "text": str(message.text),
        "thoughts": message.additional_kwargs.get("reasoning_content"),
        "tool_calls": calls,
        "finish_reason": message.response_metadata["finish_reason"],
        "usage": dict(message.usage_metadata) if message.usage_metadata else None,
        "cost": money if cost else None,
    }


def refused(failure: QwenError) -> Outcome:
    """Return what matters of an error."""
    return {
        "error": type(failure).__name__,
        "status": failure.status_code,
        "code": failure.code,
        "is_retryable": failure.is_retryable,
        "request_id": failure.request_id,
        "says": failure.message.partition(" (gateway ")[0],
    }


def run(name: str, model: ChatQwen36, style: Literal["sync", "sync v3"] = "sync") -> Outcome:
    """Ask what a scenario asks."""
    scenario = _ALL[name](model)
    answer = None
    try:
        while True:
            answer = _asked(scenario.send(answer), style)
    except StopIteration as end:
        return end.value
    except QwenError as failure:
        return refused(failure)


async def arun(name: str, model: ChatQwen36, style: Literal["async", "async v3"]) -> Outcome:
    """`run`, async."""
    scenario = _ALL[name](model)
    answer = None
    try:
        while True:
            answer = await _aasked(scenario.send(answer), style)
    except StopIteration as end:
        return end.value
    except QwenError as failure:
        return refused(failure)


def _asked(ask: Ask, style: Literal["sync", "sync v3"]) -> Any:
    if not ask.streamed:
        return ask.model.invoke(ask.input)
    match style:
        case "sync":
            first, *rest = ask.model.stream(ask.input)
            return sum(rest, first)
        case "sync v3":
            return ask.model.stream_events(ask.input, version="v3").output
        case _:
            assert_never(style)


async def _aasked(ask: Ask, style: Literal["async", "async v3"]) -> Any:
    if not ask.streamed:
        return await ask.model.ainvoke(ask.input)
    match style:
        case "async":
            first, *rest = [chunk async for chunk in ask.model.astream(ask.input)]
            return sum(rest, first)
        case "async v3":
            stream = await ask.model.astream_events(ask.input, version="v3")
            return await stream.output
        case _:
            assert_never(style)
