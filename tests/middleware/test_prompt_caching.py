"""The middleware that has marks set; where they go is in test_prompt_cache.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from loopback import Refusal

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.middleware import PromptCachingMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

LONG = "rule " * 1500
MARK = {"type": "ephemeral"}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def ask(text: Any = "Use add on 3 and 4.") -> dict[str, Any]:
    """Return an agent's input."""
    return {"messages": [{"role": "user", "content": text}]}


def agent_on(server: LoopbackGateway) -> Any:
    """Return an agent whose prompt is cached."""
    where = {"gateway": server.row.name, "base_url": server.base_url, "api_key": server.key}
    model = ChatQwen36(model="qwen3.6-plus", **where)
    middleware = [PromptCachingMiddleware()]
    return create_agent(model, [add], system_prompt=LONG, middleware=middleware)


def marked(body: dict[str, Any]) -> list[str]:
    """Return the roles of the messages whose last part is marked, and of no other part."""
    roles = []
    for message in body["messages"]:
        parts = message["content"] if isinstance(message["content"], list) else []
        marks = [part.get("cache_control") for part in parts]
        assert not any(marks[:-1])
        roles += [message["role"]] if marks and marks[-1] == MARK else []
    return roles


async def test_system_prompt_and_growing_history_are_marked(gateway_server: Server) -> None:
    """Where this request ends, and where the last one did; sync and async alike."""
    server = gateway_server()
    agent = agent_on(server)
    agent.invoke(ask())
    await agent.ainvoke(ask())
    assert [marked(body) for body in server.bodies] == [
        ["system", "user"],
        ["system", "user", "tool"],
    ] * 2
    assert {request.status for request in server.requests} == {200}


def test_the_second_call_reads_what_the_first_wrote(gateway_server: Server) -> None:
    """The saving is on the answer: below 0 when it was written, above it when it is read."""
    server = gateway_server()
    first, second = (
        m.response_metadata["prompt_cache"]
        for m in agent_on(server).invoke(ask())["messages"]
        if m.type == "ai"
    )
    assert first["read"] == 0
    assert first["written"] > 1500
    assert first["saved"].startswith("-0.000")
    assert second["read"] == first["written"]
    assert second["written"] < 200
    assert float(second["saved"].split()[0]) > 0


def test_the_saving_is_in_the_cost(gateway_server: Server) -> None:
    """What the message says it cost has the cheaper rates in it."""
    server = gateway_server()
    last = agent_on(server).invoke(ask())["messages"][-1]
    cost, note = last.response_metadata["cost"], last.response_metadata["prompt_cache"]
    rate = cost["rates"]["cache_write"] / 1.25
    plain = rate * last.usage_metadata["input_tokens"] / 1e6 + cost["output"]
    saved, currency = note["saved"].split()
    assert currency == cost["currency"]
    assert plain - cost["total"] == pytest.approx(float(saved))


@pytest.mark.parametrize(
    ("row", "settings", "expected"),
    [
        pytest.param("vllm", {}, [], id="takes-no-marks"),
        pytest.param("dashscope", {"history": False}, ["system"], id="system-only"),
        pytest.param("dashscope", {"min_tokens": 3000}, [], id="own-minimum"),
    ],
)
def test_its_settings_say_what_is_marked(
    gateway_server: Server, row: str, settings: dict[str, Any], expected: list[str]
) -> None:
    """Not where marks are not read, which it knows without a warning."""
    server = gateway_server(row)
    model = ChatQwen36(
        model="qwen3.6-27b" if row == "vllm" else "qwen3.6-plus",
        gateway=row,
        base_url=server.base_url,
        api_key=server.key,
    )
    middleware = [PromptCachingMiddleware(**settings)]
    create_agent(model, [add], system_prompt=LONG, middleware=middleware).invoke(ask("Hi"))
    assert marked(server.bodies[0]) == expected
    assert server.requests[0].status == 200


def test_other_models_are_left_alone(gateway_server: Server) -> None:
    """A model of another class gets the request as it is."""
    server = gateway_server("openai-compatible")
    model = ChatOpenAI(model="qwen3.6-27b", base_url=server.base_url, api_key=server.key)
    middleware = [PromptCachingMiddleware()]
    create_agent(model, system_prompt=LONG, middleware=middleware).invoke(ask())
    assert marked(server.bodies[0]) == []


def test_marks_survive_a_fallback_to_us(gateway_server: Server) -> None:
    """LangChain strips marks on the way to a fallback; ours are set behind that."""
    first, second = gateway_server("dashscope"), gateway_server("dashscope-intl")
    first.script(Refusal(400, "bad"))
    one, other = (
        ChatQwen36(gateway=s.row.name, base_url=s.base_url, api_key=s.key) for s in (first, second)
    )
    middleware = [ModelFallbackMiddleware(other), PromptCachingMiddleware()]
    create_agent(one, system_prompt=LONG, middleware=middleware).invoke(ask())
    assert marked(second.bodies[0]) == ["system", "user"]


def test_a_minimum_below_the_servers_is_refused() -> None:
    """Shorter marks would be ignored, and paid attention to for nothing."""
    with pytest.raises(ValueError, match="min_tokens=100"):
        PromptCachingMiddleware(min_tokens=100)
