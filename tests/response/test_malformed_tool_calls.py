"""Tool calls with broken arguments, empty ids or nulls, from the server to the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from answers import call_chunks, tool_delta
from builders import answer, get_weather, model_on, streamed, turns
from loopback import Raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]


@pytest.mark.pain("P19")
def test_broken_arguments_make_an_invalid_call_that_can_be_answered(gateway_server: Server) -> None:
    """Arguments with an extra brace make an invalid call, and its error can be sent back."""
    server = gateway_server("openai-compatible")
    entry = tool_delta('{"city": "Paris"}}', id="call_1", name="get_weather")
    server.script(answer("", tool_calls=[entry]), answer("Sorry."))
    model = model_on(server).bind_tools([get_weather])
    called = model.invoke("What is the weather?")
    broken = called.invalid_tool_calls[0]
    assert (called.tool_calls, broken["args"], broken["id"]) == ([], '{"city": "Paris"}}', "call_1")
    assert model.invoke(turns(called, "The arguments are no JSON.")).text == "Sorry."
    assert [message["role"] for message in server.bodies[1]["messages"]] == [
        "user",
        "assistant",
        "tool",
    ]


@pytest.mark.pain("P22")
@pytest.mark.parametrize(
    ("pieces", "args"),
    [
        pytest.param(['{"city": ', None, '"Paris"}'], {"city": "Paris"}, id="null-between"),
        pytest.param([""], {}, id="no-arguments"),
        pytest.param([None], {}, id="null-arguments"),
    ],
)
def test_empty_ids_and_names_continue_the_call(
    gateway_server: Server, pieces: list, args: dict
) -> None:
    """Later deltas with empty or null ids, names and arguments continue the same call."""
    first = tool_delta("", index=0, id="call_1", name="get_weather")
    more = [tool_delta(piece, index=0, id="", name="") for piece in pieces]
    server = gateway_server("dashscope")
    server.script(Raw(events=call_chunks(first, *more)))
    message = streamed(model_on(server))
    calls = [(call["id"], call["name"], call["args"]) for call in message.tool_calls]
    assert calls == [("call_1", "get_weather", args)]
