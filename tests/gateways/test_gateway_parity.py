"""The same lines of user code, run on every gateway, with the same outcome.

The gateways are ours and on this machine, but they refuse what the real ones refuse: see
`loopback`. Nothing below names a gateway's dialect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_qwen36 import GATEWAYS, ChatQwen36

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

pytestmark = pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")

ROWS = [name for name, row in GATEWAYS.items() if not row.embedded]
ALL_ROWS = pytest.mark.parametrize("row", ROWS)


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"18 degrees in {city}"


class City(BaseModel):
    """A city."""

    name: str
    population: int


TOOLS = {"add": add, "get_weather": get_weather}
SKY = "Why is the sky blue?"
SUM = "Use add on 3 and 4."
WEATHER = "Now get_weather in Paris."
FACTS = "The city 'Paris' has 2100000 people."


class Outcome(NamedTuple):
    """What the user sees of it all."""

    text: str
    thoughts: str
    output_tokens: int
    calls: list[tuple[str, dict[str, Any]]]
    answers: list[str]
    city: City
    streamed_text: str
    streamed_thoughts: str
    finish_reasons: list[str]


SKY_SAID = "You said: Why is the sky blue?"
SKY_THOUGHT = "The user says 'Why is the sky blue?'. I will answer that."
EXPECTED = Outcome(
    text=SKY_SAID,
    thoughts=SKY_THOUGHT,
    output_tokens=26,
    calls=[("add", {"a": 3, "b": 4}), ("get_weather", {"city": "Paris"})],
    answers=["The tools say: 7", "The tools say: 18 degrees in Paris"],
    city=City(name="Paris", population=2_100_000),
    streamed_text=SKY_SAID,
    streamed_thoughts=SKY_THOUGHT,
    finish_reasons=["stop", "tool_calls", "stop", "tool_calls", "stop", "stop"],
)


def use(model: ChatQwen36) -> Outcome:
    """Think, use tools over two turns, get a structure, stream."""
    first = model.invoke(SKY)
    with_tools, talk = model.bind_tools(list(TOOLS.values())), []
    for question in (SUM, WEATHER):
        talk.append(HumanMessage(question))
        while not (talk and isinstance(talk[-1], AIMessage) and not talk[-1].tool_calls):
            talk.append(reply := with_tools.invoke(talk))
            talk += [TOOLS[call["name"]].invoke(call) for call in reply.tool_calls]
    city = model.with_structured_output(City).invoke(FACTS)
    head, *chunks = model.stream(SKY)
    return outcome(first, talk, city, sum(chunks, head))


async def ause(model: ChatQwen36) -> Outcome:
    """`use`, async."""
    first = await model.ainvoke(SKY)
    with_tools, talk = model.bind_tools(list(TOOLS.values())), []
    for question in (SUM, WEATHER):
        talk.append(HumanMessage(question))
        while not (talk and isinstance(talk[-1], AIMessage) and not talk[-1].tool_calls):
            talk.append(reply := await with_tools.ainvoke(talk))
            talk += [await TOOLS[call["name"]].ainvoke(call) for call in reply.tool_calls]
    city = await model.with_structured_output(City).ainvoke(FACTS)
    head, *chunks = [chunk async for chunk in model.astream(SKY)]
    return outcome(first, talk, city, sum(chunks, head))


def outcome(
    first: AIMessage, talk: list[BaseMessage], city: City, streamed: AIMessageChunk
) -> Outcome:
    """Return what is compared."""
    said = [message for message in talk if isinstance(message, AIMessage)]
    assert first.usage_metadata is not None
    return Outcome(
        text=first.text,
        thoughts=first.additional_kwargs["reasoning_content"],
        output_tokens=first.usage_metadata["output_tokens"],
        calls=[(call["name"], call["args"]) for message in said for call in message.tool_calls],
        answers=[message.text for message in said if not message.tool_calls],
        city=city,
        streamed_text=streamed.text,
        streamed_thoughts=streamed.additional_kwargs["reasoning_content"],
        finish_reasons=[m.response_metadata["finish_reason"] for m in (first, *said, streamed)],
    )


def model_on(server: LoopbackGateway, **settings: Any) -> ChatQwen36:
    """Return the model that every gateway has."""
    where = {"base_url": server.base_url, "api_key": server.key}
    return ChatQwen36(model="qwen3.6-27b", gateway=server.row.name, **where, **settings)


@ALL_ROWS
def test_the_same_lines_do_the_same(gateway_server: Server, row: str) -> None:
    """Thoughts, tool calls, structure and stream, on each gateway, and nothing refused."""
    server = gateway_server(row)
    assert use(model_on(server)) == EXPECTED
    assert {request.status for request in server.requests} == {200}


@ALL_ROWS
async def test_the_same_lines_do_the_same_async(gateway_server: Server, row: str) -> None:
    """The async twins too."""
    server = gateway_server(row)
    assert await ause(model_on(server)) == EXPECTED
    assert {request.status for request in server.requests} == {200}


@ALL_ROWS
def test_thoughts_go_back_while_tools_are_used(gateway_server: Server, row: str) -> None:
    """In a tool loop the thoughts are sent, as text or as the items they came in."""
    server = gateway_server(row)
    model = model_on(server).bind_tools([add])
    called = model.invoke(SUM)
    model.invoke([HumanMessage(SUM), called, *(add.invoke(call) for call in called.tool_calls)])
    sent = server.bodies[-1]["messages"][1]
    items = sent.get("reasoning_details") or [{"text": sent.get(GATEWAYS[row].reasoning_field)}]
    thoughts = "".join(item["text"] for item in items)
    assert thoughts == called.additional_kwargs["reasoning_content"]


SWITCHABLE = [name for name in ROWS if GATEWAYS[name].thinking != "unsupported"]


@pytest.mark.parametrize("row", SWITCHABLE)
def test_thinking_can_be_switched_off(gateway_server: Server, row: str) -> None:
    """One setting, wherever the gateway reads it; in one shot and streamed."""
    model = model_on(gateway_server(row), enable_thinking=False)
    head, *chunks = model.stream(SKY)
    for message in (model.invoke(SKY), sum(chunks, head)):
        assert message.text == SKY_SAID
        assert "reasoning_content" not in message.additional_kwargs


READS_NO_CHOICE = pytest.mark.xfail(
    reason="the choice of a tool is not read, and the model need not call the schema's tool"
)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(name, marks=READS_NO_CHOICE)
        if GATEWAYS[name].forced_tools == "never"
        else name
        for name in ROWS
    ],
)
def test_an_agent_ends_with_its_structure(gateway_server: Server, row: str) -> None:
    """`create_agent` binds the schema as a tool and forces one, thinking or not."""
    model = model_on(gateway_server(row))
    agent = create_agent(model, [get_weather], response_format=ToolStrategy(City))
    asked = {"messages": [HumanMessage("What is the weather in Paris, with its 2100000 people?")]}
    found = agent.invoke(asked, {"recursion_limit": 9})
    assert found["structured_response"] == City(name="Paris", population=2_100_000)
