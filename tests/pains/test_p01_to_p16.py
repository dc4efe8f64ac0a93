"""Pains P01 to P16 of the peers' users, each on the wire; see also `test_compared`."""

from __future__ import annotations

import asyncio
import copy
import threading
from typing import TYPE_CHECKING, Any

import pytest
from answers import chunk, text_chunks
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.ai import add_ai_message_chunks
from loopback import Raw, Refusal
from pained import City, answer, get_weather, model_on, streamed

from langchain_qwen36 import ChatQwen36, QwenWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

ACT = {"type": "function", "function": {"name": "act"}}


def thought_chunks(*names: str) -> list[dict[str, Any]]:
    """A stream that thinks in two pieces, under these names at once, and then answers."""
    thoughts = [chunk(dict.fromkeys(names, piece)) for piece in ("I will ", "greet.")]
    return [*thoughts, *text_chunks(["Hel", "lo"])]


async def test_p01_thoughts_are_kept_in_all_call_styles(gateway_server: Server) -> None:
    """In additional_kwargs and as a content block, one-shot and streamed, sync and async."""
    server = gateway_server("openai-compatible")
    once, pieces = (
        answer(reasoning_content="I will greet."),
        Raw(events=thought_chunks("reasoning_content")),
    )
    server.script(once, once, pieces, pieces)
    model = model_on(server)
    messages = [
        model.invoke("Hi"),
        await model.ainvoke("Hi"),
        streamed(model),
        add_ai_message_chunks(*[piece async for piece in model.astream("Hi")]),
    ]
    said = [
        (message.additional_kwargs["reasoning_content"], message.content_blocks[0]["reasoning"])
        for message in messages
    ]
    assert said == [("I will greet.", "I will greet.")] * 4
    assert [message.text for message in messages] == ["Hello"] * 4


@pytest.mark.parametrize(
    ("row", "said", "choice", "expected", "warned"),
    [
        pytest.param(
            "openrouter",
            None,
            "any",
            ({"reasoning": {"enabled": False}}, "required"),
            True,
            id="switched-off",
        ),
        pytest.param(
            "openrouter",
            False,
            "any",
            ({"reasoning": {"enabled": False}}, "required"),
            False,
            id="is-off",
        ),
        pytest.param("dashscope", True, "act", ({"enable_thinking": False}, ACT), True, id="named"),
        pytest.param(
            "dashscope", False, "act", ({"enable_thinking": False}, ACT), False, id="named-is-off"
        ),
        pytest.param(
            "dashscope",
            False,
            "any",
            ({"enable_thinking": False}, "auto"),
            True,
            id="required-never-taken",
        ),
        pytest.param("vllm", None, "any", ({}, "required"), False, id="taken-while-thinking"),
    ],
)
def test_p04_a_forced_choice_survives_thinking(
    gateway_server: Server, row: str, said: bool | None, *, choice: str, expected: Any, warned: bool
) -> None:
    """Sent where it is taken; else thinking goes off for this call, with a warning."""
    server = gateway_server(row)
    server.script(answer())
    model = model_on(server, "qwen3.6-27b", enable_thinking=said, preserve_thinking=False)
    asked = model.bind_tools([ACT, get_weather], tool_choice=choice)
    if warned:
        with pytest.warns(QwenWarning, match="P04"):
            asked.invoke("Hi")
    else:
        asked.invoke("Hi")
    body = server.bodies[0]
    thinking = {key: body[key] for key in ("reasoning", "enable_thinking") if key in body}
    assert (thinking, body["tool_choice"]) == expected


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
def test_p05_an_agent_with_a_response_format_ends(gateway_server: Server) -> None:
    """On a server that refuses `required`, with a model that thinks by default."""
    server = gateway_server("dashscope")
    agent = create_agent(model_on(server, "qwen3.6-27b"), [get_weather], response_format=City)
    asked = {"messages": [HumanMessage("Fill in: the city 'Paris' has 2100000 people.")]}
    found = agent.invoke(asked, {"recursion_limit": 9})
    assert found["structured_response"] == City(name="Paris", population=2_100_000)
    assert "required" not in [body.get("tool_choice") for body in server.bodies]


def settings_of(model: ChatQwen36) -> dict[str, Any]:
    """All that can be set on a model."""
    return {name: copy.deepcopy(getattr(model, name)) for name in ChatQwen36.model_fields}


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
def test_p06_structured_output_leaves_the_model_thinking(
    gateway_server: Server, method: Any
) -> None:
    """The call for the structure may not think; the model's next plain call does."""
    server = gateway_server("dashscope")
    model = model_on(server, "qwen3.6-27b", enable_thinking=True)
    before = settings_of(model)
    model.with_structured_output(City, method=method).invoke("The city 'Paris' has 1 people.")
    model.invoke("Hi")
    thinks = [body["enable_thinking"] for body in server.bodies]
    assert (thinks, settings_of(model)) == ([False, True], before)


@pytest.mark.parametrize("model", ["qwen3.6-27b", "qwq-plus"])
def test_p07_invoke_streams_inside_where_thinking_needs_it(
    gateway_server: Server, model: str
) -> None:
    """The server refuses to think one-shot; invoke gives one whole message, usage included."""
    server = gateway_server("dashscope")
    message = model_on(server, model).invoke("Hi")
    assert (server.bodies[0]["stream"], type(message)) == (True, AIMessage)
    assert message.additional_kwargs["reasoning_content"]
    assert message.usage_metadata["output_tokens"] > 0


ROWS = [
    "dashscope",
    "apiyi",
    "openrouter",
    "vercel",
    "aimlapi",
    "vllm",
    "sglang",
    "llamacpp",
    "ollama",
]


@pytest.mark.parametrize("row", [*ROWS, "openai-compatible"])
def test_p10_usage_is_asked_for_in_streams(gateway_server: Server, row: str) -> None:
    """By default, on every row."""
    server = gateway_server(row)
    message = streamed(model_on(server, "qwen3.6-27b"))
    assert server.bodies[0]["stream_options"] == {"include_usage": True}
    assert message.usage_metadata["total_tokens"] > 0


def test_p10_a_server_that_refuses_the_field_is_asked_without_it(gateway_server: Server) -> None:
    """Once more, and the answer comes."""
    server = gateway_server("openai-compatible")
    server.script(Refusal(400, "Unrecognized request argument supplied: stream_options"))
    assert streamed(model_on(server)).text
    assert ["stream_options" in body for body in server.bodies] == [True, False]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("reasoning_content",), id="reasoning_content"),
        pytest.param(("reasoning",), id="reasoning"),
        pytest.param(("reasoning_content", "reasoning"), id="both"),
    ],
)
def test_p13_thoughts_have_several_names(gateway_server: Server, names: tuple[str, ...]) -> None:
    """Under one or two of them, the same text counts once, one-shot and streamed."""
    server = gateway_server("openai-compatible")
    server.script(
        answer(**dict.fromkeys(names, "I will greet.")), Raw(events=thought_chunks(*names))
    )
    model = model_on(server)
    for message in (model.invoke("Hi"), streamed(model)):
        assert message.additional_kwargs["reasoning_content"] == "I will greet."


def test_p13_details_alone_are_thoughts_too(gateway_server: Server) -> None:
    """A gateway may send its items and no plain text beside them."""
    details = [{"type": "reasoning.text", "text": "I will greet.", "index": 0}]
    server = gateway_server("openrouter")
    server.script(answer(reasoning_details=details))
    message = model_on(server).invoke("Hi")
    assert message.additional_kwargs["reasoning_content"] == "I will greet."


@pytest.mark.parametrize(
    ("row", "key", "on", "off"),
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
def test_p14_one_switch_wherever_a_server_reads_it(
    gateway_server: Server, row: str, key: str, on: Any, off: Any
) -> None:
    """On, off, not said, and the user's own body over all of them."""
    server = gateway_server(row)
    server.script(*[answer()] * 4)
    model = model_on(server, "qwen3.6-27b")
    for said in (True, False, None):
        model.invoke("Hi", enable_thinking=said)
    model.invoke("Hi", enable_thinking=True, extra_body={key: off})
    assert [body.get(key) for body in server.bodies] == [on, off, None, off]


def test_p16_loops_one_after_another_and_in_threads(gateway_server: Server) -> None:
    """Every call is answered, and the server sees each once."""
    server = gateway_server("openai-compatible")
    model = model_on(server, max_retries=0)
    texts: list[str] = []

    def run() -> None:
        texts.append(asyncio.run(model.ainvoke("Hi")).text)

    for _ in range(5):
        run()
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(server.requests), len(texts), len(set(texts))) == (9, 9, 1)
