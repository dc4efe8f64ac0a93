"""deepagents: by name through its entry points, and with a model object."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest
from agent_tools import WEATHER, ask, get_weather, model_on, results
from loopback import Call, Reply

from langchain_qwen36 import get_qwen_cost_callback
from langchain_qwen36.middleware.harness import register_deepagents_harness
from langchain_qwen36.registration import register_deepagents

deepagents = pytest.importorskip("deepagents", reason="the extra of that name is not installed")

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

ANSWER = "The tools say: 18 degrees in Paris"


@pytest.mark.parametrize("row", ["dashscope", "openrouter"])
async def test_a_deep_agent_works(gateway_server: Server, row: str) -> None:
    """Its own tools and prompts go through every gateway's rules."""
    server = gateway_server(row)
    agent = deepagents.create_deep_agent(model_on(server), [get_weather])
    for found in (agent.invoke(ask(WEATHER)), await agent.ainvoke(ask(WEATHER))):
        assert found["messages"][-1].text == ANSWER
    assert {request.status for request in server.requests} == {200}


def test_a_deep_agent_of_a_name(gateway_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider's profile registers us before the model is made."""
    langchain = import_module("langchain.chat_models.base")
    monkeypatch.setattr(langchain, "_BUILTIN_PROVIDERS", dict(langchain._BUILTIN_PROVIDERS))
    server = gateway_server("dashscope")
    monkeypatch.setenv("DASHSCOPE_API_KEY", server.key)
    monkeypatch.setenv("DASHSCOPE_BASE_URL", server.base_url)
    register_deepagents()
    agent = deepagents.create_deep_agent("qwen36:qwen3.6-27b", [get_weather])
    assert agent.invoke(ask(WEATHER))["messages"][-1].text == ANSWER


@pytest.mark.parametrize(
    ("group", "function"),
    [
        ("deepagents.provider_profiles", register_deepagents),
        ("deepagents.harness_profiles", register_deepagents_harness),
    ],
)
def test_the_entry_points_are_installed(group: str, function: Callable[[], None]) -> None:
    """They are found without an import of ours."""
    [found] = entry_points(group=group, name="qwen36") or pytest.skip(
        "the package was installed before it had entry points: install it again"
    )
    assert found.load() is function


def test_a_deep_agent_repairs_calls_and_marks_its_prompt(gateway_server: Server) -> None:
    """What the harness profile adds, for a model object too."""
    register_deepagents_harness()
    server = gateway_server("dashscope")
    server.script(Reply(calls=(Call("get_weather", '{"city": "Par'),)))
    agent = deepagents.create_deep_agent(model_on(server), [get_weather])
    found = agent.invoke(ask(WEATHER))["messages"]
    assert [status for status, _ in results(found)] == ["error"]
    assert found[-1].text.startswith("The tools say: ")
    [question] = [m for m in server.bodies[0]["messages"] if m["role"] == "user"]
    assert question["content"][-1]["cache_control"] == {"type": "ephemeral"}


def test_a_subagents_calls_are_counted(gateway_server: Server) -> None:
    """The bill of a deep agent holds what its subagents spent."""
    server = gateway_server("dashscope")
    agent = deepagents.create_deep_agent(
        model_on(server),
        subagents=[
            {
                "name": "weather",
                "description": "Knows the weather.",
                "system_prompt": "Be brief.",
                "tools": [get_weather],
            }
        ],
    )
    task = '{"description": "get_weather in Paris", "subagent_type": "weather"}'
    server.script(Reply(calls=(Call("task", task),)))
    with get_qwen_cost_callback() as cb:
        found = agent.invoke(ask("Go."))
    assert results(found["messages"]) == [("success", ANSWER)]
    assert cb.calls == len(server.requests) == 4
