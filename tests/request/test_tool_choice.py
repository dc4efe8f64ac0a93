"""Which tool the model must call, and how many at once, beside thinking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from builders import answer, get_weather, model_on

from langchain_qwen36 import QwenWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

THINKING_OFF = "Thinking was switched off for this call"
CHOICE_AUTO = '`tool_choice` was sent as "auto"'
ACT = {"type": "function", "function": {"name": "act"}}


@pytest.mark.pain("P04")
@pytest.mark.parametrize(
    ("gateway", "thinking_switch", "choice", "expected", "warning"),
    [
        pytest.param(
            "openrouter",
            None,
            "any",
            ({"reasoning": {"enabled": False}}, "required"),
            THINKING_OFF,
            id="switched-off",
        ),
        pytest.param(
            "openrouter",
            False,
            "any",
            ({"reasoning": {"enabled": False}}, "required"),
            None,
            id="is-off",
        ),
        pytest.param(
            "dashscope", True, "act", ({"enable_thinking": False}, ACT), THINKING_OFF, id="named"
        ),
        pytest.param(
            "dashscope", False, "act", ({"enable_thinking": False}, ACT), None, id="named-is-off"
        ),
        pytest.param(
            "dashscope",
            False,
            "any",
            ({"enable_thinking": False}, "auto"),
            CHOICE_AUTO,
            id="required-never-taken",
        ),
        pytest.param("vllm", None, "any", ({}, "required"), None, id="taken-while-thinking"),
    ],
)
def test_a_forced_tool_choice_is_sent_or_adapted_with_a_warning(
    gateway_server: Server,
    gateway: str,
    thinking_switch: bool | None,
    *,
    choice: str,
    expected: Any,
    warning: str | None,
) -> None:
    """A forced choice is sent as it is, or thinking or the choice is changed with a warning."""
    server = gateway_server(gateway)
    server.script(answer())
    model = model_on(
        server, "qwen3.6-27b", enable_thinking=thinking_switch, preserve_thinking=False
    )
    bound = model.bind_tools([ACT, get_weather], tool_choice=choice)
    if warning:
        with pytest.warns(QwenWarning, match=warning):
            bound.invoke("Hi")
    else:
        bound.invoke("Hi")
    body = server.bodies[0]
    thinking = {key: body[key] for key in ("reasoning", "enable_thinking") if key in body}
    assert (thinking, body["tool_choice"]) == expected


@pytest.mark.pain("P56")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, True, id="default"),
        pytest.param({"parallel_tool_calls": False}, False, id="declined"),
    ],
)
def test_parallel_tool_calls_are_requested_unless_declined(
    gateway_server: Server, options: dict, expected: bool
) -> None:
    """DashScope is asked for parallel tool calls unless the caller declines them."""
    server = gateway_server("dashscope")
    server.script(answer())
    model_on(server).bind_tools([get_weather], **options).invoke("Hi")
    assert server.bodies[0]["parallel_tool_calls"] is expected
