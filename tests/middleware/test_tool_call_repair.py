"""Broken tool calls go back to the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from loopback import Call, Reply

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.middleware import ToolCallRepairMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import BaseMessage
    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

BROKEN = Reply(calls=(Call("add", '{"a": 3, "b": '),))
CUT = Reply(calls=(Call("add", '{"a": 3, "b": '),), finish="length")
LIST = Reply(calls=(Call("add", "[3, 4]"),))
MIXED = Reply(calls=(Call("add", '{"a": 3, "b": '), Call("add", '{"a": 1, "b": 1}')))
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Use add on 3 and 4."}]}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def agent_on(server: LoopbackGateway, **settings: Any) -> Any:
    """Return an agent that repairs."""
    model = ChatQwen36(gateway="dashscope", base_url=server.base_url, api_key=server.key)
    return create_agent(model, [add], middleware=[ToolCallRepairMiddleware(**settings)])


def results(messages: list[BaseMessage]) -> list[str]:
    """Return the status of every tool's result."""
    return [message.status for message in messages if isinstance(message, ToolMessage)]


def test_without_it_the_agent_stops(gateway_server: Server) -> None:
    """What the middleware is for; if LangChain ever asks again by itself, this tells us."""
    server = gateway_server()
    server.script(BROKEN)
    model = ChatQwen36(gateway="dashscope", base_url=server.base_url, api_key=server.key)
    last = create_agent(model, [add]).invoke(ASK)["messages"][-1]
    assert (last.text, len(server.requests)) == ("", 1)


@pytest.mark.parametrize("mode", ["values", "messages"])
async def test_a_broken_call_is_asked_for_again(gateway_server: Server, mode: Any) -> None:
    """The model sees what it wrote and why it was not run; streamed or not, sync or async."""
    server = gateway_server()
    agent = agent_on(server)
    for run in (agent.invoke, None):
        server.script(BROKEN)
        if run:
            found = run(ASK)
        else:
            found = [part async for part in agent.astream(ASK, stream_mode=[mode, "values"])][-1][1]
        assert found["messages"][-1].text.startswith("The tools say:")
        assert results(found["messages"])[0] == "error"
    told = server.bodies[1]["messages"][-1]["content"]
    assert "not one JSON object" in told
    assert '{"a": 3, "b": ' in told
    assert {request.status for request in server.requests} == {200}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        pytest.param(BROKEN, "line 1 column", id="where"),
        pytest.param(CUT, "cut off by the token limit", id="length"),
        pytest.param(LIST, "they are list", id="no-object"),
    ],
)
def test_the_model_is_told_what_was_wrong(
    gateway_server: Server, reply: Reply, reason: str
) -> None:
    """A reason that helps to write it better."""
    server = gateway_server()
    server.script(reply)
    agent_on(server).invoke(ASK)
    assert reason in server.bodies[1]["messages"][-1]["content"]


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_it_gives_up_after_some_rounds(gateway_server: Server, limit: int) -> None:
    """A model that never learns costs so many calls and no more, and the run says why it ended."""
    server = gateway_server()
    server.script(*[BROKEN] * 9)
    found = agent_on(server, max_repairs=limit).invoke(ASK)["messages"]
    assert len(server.requests) == limit + 1
    assert isinstance(found[-1], AIMessage)
    assert f"I could not call `add`: the arguments I wrote were not valid JSON, {limit + 1}" in (
        found[-1].text
    )


def test_rounds_are_counted_in_a_row(gateway_server: Server) -> None:
    """A whole call in between begins the count anew."""
    server = gateway_server()
    good = Reply(calls=(Call("add", '{"a": 1, "b": 1}'),))
    server.script(BROKEN, good, BROKEN, good)
    found = agent_on(server, max_repairs=1).invoke(ASK)["messages"]
    assert results(found) == ["error", "success", "error", "success"]


def test_a_new_question_begins_the_count_anew(gateway_server: Server) -> None:
    """An old turn's rounds are not held against this one."""
    server = gateway_server()
    server.script(BROKEN, BROKEN)
    agent = agent_on(server, max_repairs=1)
    first = agent.invoke(ASK)["messages"]
    server.script(BROKEN)
    again = agent.invoke({"messages": [*first, *ASK["messages"]]})["messages"]
    assert again[-1].text.startswith("The tools say:")


def test_whole_calls_beside_a_broken_one_are_executed(gateway_server: Server) -> None:
    """Nothing that was right is lost."""
    server = gateway_server()
    server.script(MIXED)
    found = agent_on(server).invoke(ASK)["messages"]
    assert sorted(results(found)) == ["error", "success"]
    assert {request.status for request in server.requests} == {200}


def test_after_giving_up_the_thread_can_go_on(gateway_server: Server) -> None:
    """Every call has its result, whole ones too, so the next question is taken."""
    server = gateway_server()
    server.script(MIXED)
    agent = agent_on(server, max_repairs=0)
    first = agent.invoke(ASK)["messages"]
    assert results(first) == ["error", "error"]
    again = agent.invoke({"messages": [*first, {"role": "user", "content": "Thanks."}]})
    assert again["messages"][-1].text == "You said: Thanks."


def test_a_negative_number_is_refused() -> None:
    """The message names the setting."""
    with pytest.raises(ValueError, match="max_repairs=-1"):
        ToolCallRepairMiddleware(max_repairs=-1)
