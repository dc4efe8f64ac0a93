"""Thinking switched on, off, bounded or preserved, in the field that each server reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from builders import answer, get_weather, model_on
from langchain_core.messages import AIMessage, HumanMessage

from langchain_qwen36 import QwenWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]


@pytest.mark.pain("P14")
@pytest.mark.parametrize(
    ("gateway", "key", "on", "off"),
    [
        pytest.param("dashscope", "enable_thinking", True, False, id="top"),
        pytest.param(
            "vllm",
            "chat_template_kwargs",
            {"enable_thinking": True},
            {"enable_thinking": False},
            id="template",
        ),
        pytest.param("openrouter", "reasoning", {"enabled": True}, {"enabled": False}, id="object"),
        pytest.param("ollama", "reasoning_effort", "medium", "none", id="effort"),
    ],
)
def test_one_switch_is_written_as_each_server_reads_it(
    gateway_server: Server, gateway: str, key: str, on: Any, off: Any
) -> None:
    """`enable_thinking` on, off or unset fills the server's own field, and `extra_body` wins."""
    server = gateway_server(gateway)
    server.script(*[answer()] * 4)
    model = model_on(server, "qwen3.6-27b")
    for switch in (True, False, None):
        model.invoke("Hi", enable_thinking=switch)
    model.invoke("Hi", enable_thinking=True, extra_body={key: off})
    assert [body.get(key) for body in server.bodies] == [on, off, None, off]


TEMPLATE = {"chat_template_kwargs": {"enable_thinking": False}}


@pytest.mark.pain("P14")
@pytest.mark.parametrize("where", ["extra_body", "model_kwargs"])
@pytest.mark.parametrize(
    ("gateway", "elsewhere", "own"),
    [
        pytest.param("dashscope", TEMPLATE, {"enable_thinking": False}, id="template-to-top"),
        pytest.param("vllm", {"enable_thinking": False}, TEMPLATE, id="top-to-template"),
        pytest.param("openrouter", TEMPLATE, {"reasoning": {"enabled": False}}, id="to-object"),
        pytest.param("ollama", TEMPLATE, {"reasoning_effort": "none"}, id="to-effort"),
        pytest.param(
            "openrouter", {"reasoning_effort": "none"}, {"reasoning_effort": "none"}, id="short"
        ),
    ],
)
def test_the_switch_of_another_server_in_the_users_own_body_is_understood(
    gateway_server: Server,
    gateway: str,
    elsewhere: dict[str, Any],
    own: dict[str, Any],
    where: str,
) -> None:
    """Code that moves from one server to another: there the key is passed over, and thoughts cost.

    What the user wrote stays in the body.
    """
    server = gateway_server(gateway)
    server.script(answer())
    model_on(server, "qwen3.6-27b", **{where: elsewhere}).invoke("Hi")
    switches = ("enable_thinking", "chat_template_kwargs", "reasoning", "reasoning_effort")
    sent = {key: value for key, value in server.bodies[0].items() if key in switches}
    assert sent == {**elsewhere, **own}
    assert "stream" not in server.bodies[0]


@pytest.mark.pain("P27")
@pytest.mark.parametrize(
    ("gateway", "settings", "expected"),
    [
        pytest.param("dashscope", {}, {"preserve_thinking": True}, id="top"),
        pytest.param(
            "vllm", {}, {"chat_template_kwargs": {"preserve_thinking": True}}, id="template"
        ),
        pytest.param("dashscope", {"preserve_thinking": False}, {}, id="switched-off"),
        pytest.param(
            "dashscope",
            {"extra_body": {"preserve_thinking": False}},
            {"preserve_thinking": False},
            id="own-body",
        ),
    ],
)
def test_reasoning_is_preserved_while_tools_are_bound(
    gateway_server: Server, gateway: str, settings: dict, expected: dict
) -> None:
    """Preserved thinking is requested while tools are bound, and never without tools."""
    server = gateway_server(gateway)
    server.script(answer(), answer())
    model = model_on(server, "qwen3.6-27b", **settings)
    model.bind_tools([get_weather]).invoke("Hi")
    keys = ("preserve_thinking", "chat_template_kwargs")
    assert {key: server.bodies[0][key] for key in keys if key in server.bodies[0]} == expected
    if "extra_body" not in settings:
        model.invoke("Hi")
        assert not server.bodies[1].keys() & set(keys)


@pytest.mark.pain("P27")
def test_preserved_reasoning_of_earlier_turns_is_sent(gateway_server: Server) -> None:
    """The reasoning of earlier turns is sent where thinking is preserved, and only there."""
    server = gateway_server("dashscope")
    server.script(answer(), answer())
    earlier = AIMessage("Hello", additional_kwargs={"reasoning_content": "I will greet."})
    messages = [HumanMessage("Hi"), earlier, HumanMessage("And now?")]
    for preserve in (True, False):
        model_on(server, "qwen3.6-27b", preserve_thinking=preserve).invoke(messages)
    sent = [body["messages"][1].get("reasoning_content") for body in server.bodies]
    assert sent == ["I will greet.", None]


@pytest.mark.pain("P57")
def test_a_thinking_budget_above_the_maximum_is_lowered(gateway_server: Server) -> None:
    """A thinking budget above the model's maximum is lowered to it, with a warning."""
    server = gateway_server("dashscope")
    model = model_on(server, "qwen3.6-27b", thinking_budget=10**6)
    with pytest.warns(QwenWarning, match="thinking_budget|above the model's maximum"):
        model.invoke("Hi")
    assert server.bodies[0]["thinking_budget"] == 81_920
    assert server.requests[0].status == 200


@pytest.mark.pain("P57")
def test_a_thinking_budget_of_zero_switches_thinking_off(gateway_server: Server) -> None:
    """A budget of zero switches thinking off, and no budget is sent while thinking is off."""
    server = gateway_server("dashscope")
    for settings in ({"thinking_budget": 0}, {"thinking_budget": 100, "enable_thinking": False}):
        model_on(server, "qwen3.6-27b", **settings).invoke("Hi")
    for body in server.bodies:
        assert (body["enable_thinking"], "thinking_budget" in body) == (False, False)


@pytest.mark.pain("P58")
@pytest.mark.parametrize(
    ("gateway", "expected"),
    [
        pytest.param("dashscope", {"enable_thinking": False}, id="top"),
        pytest.param("openrouter", {"reasoning": {"enabled": False}}, id="object"),
        pytest.param("vercel", {"reasoning": {"enabled": False}}, id="object-too"),
        pytest.param("vllm", {"chat_template_kwargs": {"enable_thinking": False}}, id="template"),
        pytest.param("ollama", {"reasoning_effort": "none"}, id="effort"),
    ],
)
def test_an_effort_of_none_switches_thinking_off(
    gateway_server: Server, gateway: str, expected: dict
) -> None:
    """`reasoning_effort="none"` is no thinking, in each server's field, at Chat Completions."""
    server = gateway_server(gateway)
    message = model_on(server, "qwen3.6-27b", reasoning_effort="none").invoke("Hi")
    body = server.bodies[0]
    thinking = ("enable_thinking", "reasoning", "chat_template_kwargs", "reasoning_effort")
    assert {key: body[key] for key in thinking if key in body} == expected
    assert "reasoning_content" not in message.additional_kwargs
    assert server.requests[0].path.endswith("/chat/completions")
