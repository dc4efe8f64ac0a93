"""Pains P19 to P36 of the peers' users, each on the wire; see also `test_compared`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from answers import call_chunks, chunk, completion, text_chunks, tool_delta
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, HumanMessage
from loopback import Raw
from pained import City, answer, get_weather, model_on, streamed, turns

from langchain_qwen36._transport import no_waiting
from langchain_qwen36.errors import InvalidRequestError, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]


def test_p19_a_broken_call_is_kept_and_the_talk_goes_on(gateway_server: Server) -> None:
    """An extra brace makes an invalid call, never a guessed one, and its error can be sent back."""
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


@pytest.mark.parametrize(
    ("pieces", "args"),
    [
        pytest.param(['{"city": ', None, '"Paris"}'], {"city": "Paris"}, id="null-between"),
        pytest.param([""], {}, id="no-arguments"),
        pytest.param([None], {}, id="null-arguments"),
    ],
)
def test_p22_empty_ids_and_names_go_on_with_the_call(
    gateway_server: Server, pieces: list, args: dict
) -> None:
    """Alibaba's later deltas say `""` or null for whatever they do not repeat."""
    first = tool_delta("", index=0, id="call_1", name="get_weather")
    more = [tool_delta(piece, index=0, id="", name="") for piece in pieces]
    server = gateway_server("dashscope")
    server.script(Raw(events=call_chunks(first, *more)))
    message = streamed(model_on(server))
    calls = [(call["id"], call["name"], call["args"]) for call in message.tool_calls]
    assert calls == [("call_1", "get_weather", args)]


XML = "<tool_call>\n<function={}>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>"


@pytest.mark.parametrize(
    ("text", "calls", "left"),
    [
        pytest.param(XML.format("get_weather"), [{"city": "Paris"}], "", id="xml"),
        pytest.param(
            'Let me see.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n'
            "</tool_call>",
            [{"city": "Paris"}],
            "Let me see.",
            id="hermes",
        ),
        pytest.param(XML.format("rm_rf"), [], XML.format("rm_rf"), id="unknown-tool"),
        pytest.param("Write <tool_call> first.", [], "Write <tool_call> first.", id="prose"),
    ],
)
def test_p24_a_call_left_in_the_text_is_recovered(
    gateway_server: Server, text: str, calls: list, left: str
) -> None:
    """Only a whole one that names a bound tool; it leaves the text, and a note says so."""
    server = gateway_server("vllm")
    pieces = [text[place : place + 5] for place in range(0, len(text), 5)]
    server.script(answer(text), Raw(events=text_chunks(pieces)))
    model = model_on(server, "qwen3.6-27b", enable_thinking=False).bind_tools([get_weather])
    for message in (model.invoke("Hi"), streamed(model)):
        assert [call["args"] for call in message.tool_calls] == calls
        assert message.text == left
        assert ("notes" in message.response_metadata) == bool(calls)


def test_p26_reasoning_details_survive_a_stream_and_go_back(gateway_server: Server) -> None:
    """Text is joined, every other field kept once, and the next turn has them unmodified."""
    item = {"type": "reasoning.text", "format": "qwen", "index": 0, "signature": None}
    call = tool_delta('{"city": "Paris"}', index=0, id="call_1", name="get_weather")
    payloads = [
        chunk({"reasoning": "a", "reasoning_details": [item | {"text": "a"}]}),
        chunk({"reasoning": "b", "reasoning_details": [item | {"text": "b", "signature": "s1"}]}),
        *call_chunks(call),
    ]
    server = gateway_server("openrouter")
    server.script(Raw(events=payloads), answer("18 degrees."))
    model = model_on(server)
    called = streamed(model)
    expected = [item | {"text": "ab", "signature": "s1"}]
    assert called.additional_kwargs["reasoning_details"] == expected
    model.invoke(turns(called))
    assert server.bodies[1]["messages"][1]["reasoning_details"] == expected


@pytest.mark.parametrize(
    ("row", "said", "expected"),
    [
        pytest.param("dashscope", {}, {"preserve_thinking": True}, id="top"),
        pytest.param(
            "vllm", {}, {"chat_template_kwargs": {"preserve_thinking": True}}, id="template"
        ),
        pytest.param("dashscope", {"preserve_thinking": False}, {}, id="not-wanted"),
        pytest.param(
            "dashscope",
            {"extra_body": {"preserve_thinking": False}},
            {"preserve_thinking": False},
            id="own-body",
        ),
    ],
)
def test_p27_thoughts_are_preserved_while_tools_are_bound(
    gateway_server: Server, row: str, said: dict, expected: dict
) -> None:
    """By default, and where the row has a place for it; without tools nothing is sent."""
    server = gateway_server(row)
    server.script(answer(), answer())
    model = model_on(server, "qwen3.6-27b", **said)
    model.bind_tools([get_weather]).invoke("Hi")
    keys = ("preserve_thinking", "chat_template_kwargs")
    assert {key: server.bodies[0][key] for key in keys if key in server.bodies[0]} == expected
    if "extra_body" not in said:
        model.invoke("Hi")
        assert not server.bodies[1].keys() & set(keys)


def test_p27_preserved_thoughts_of_earlier_turns_are_sent(gateway_server: Server) -> None:
    """Asked to keep them, the server must get them all back."""
    server = gateway_server("dashscope")
    server.script(answer(), answer())
    earlier = AIMessage("Hello", additional_kwargs={"reasoning_content": "I will greet."})
    talk = [HumanMessage("Hi"), earlier, HumanMessage("And now?")]
    for keeps in (True, False):
        model_on(server, "qwen3.6-27b", preserve_thinking=keeps).invoke(talk)
    sent = [body["messages"][1].get("reasoning_content") for body in server.bodies]
    assert sent == ["I will greet.", None]


def used(prompt: int, completion_tokens: int, **more: Any) -> dict[str, Any]:
    """A usage object."""
    total = prompt + completion_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion_tokens,
        "total_tokens": total,
        **more,
    }


def test_p28_the_gateways_own_price_is_kept_once(gateway_server: Server) -> None:
    """Reported in a chunk without choices; it wins over our list and says so."""
    last = chunk() | {"choices": [], "usage": used(10, 5, cost=0.0123)}
    server = gateway_server("openrouter")
    server.script(Raw(events=[*text_chunks(["a"]), last]))
    chunks = list(model_on(server).stream("Hi"))
    costs = [c.response_metadata["cost"] for c in chunks if "cost" in c.response_metadata]
    assert [(cost["total"], cost["basis"], cost["reported"]) for cost in costs] == [
        (0.0123, "reported", 0.0123)
    ]


def test_p30_reasoning_tokens_are_a_part_of_the_output(gateway_server: Server) -> None:
    """100 out, 70 of them thoughts, cost what 100 cost."""
    server = gateway_server("dashscope")
    details = {"completion_tokens_details": {"reasoning_tokens": 70}}
    for usage in (used(10, 100), used(10, 100, **details)):
        server.script(Raw(body=completion({"content": "a"}, usage=usage)))
    plain, thought = (model_on(server).invoke("Hi") for _ in range(2))
    assert thought.usage_metadata["output_tokens"] == 100
    assert thought.usage_metadata["output_token_details"] == {"reasoning": 70}
    costs = [message.response_metadata["cost"]["total"] for message in (plain, thought)]
    assert costs[0] == costs[1] > 0


def failed(code: int, text: str) -> Raw:
    """An error inside an HTTP 200."""
    return Raw(body={"error": {"code": code, "message": text}})


def test_p33_an_error_within_a_success_is_tried_again(gateway_server: Server) -> None:
    """By its own code, as if it were the status."""
    server = gateway_server("openai-compatible")
    server.script(failed(429, "Slow down"), failed(429, "Slow down"), answer())
    with no_waiting():
        message = model_on(server).invoke("Hi")
    assert (message.text, message.response_metadata["attempts"]) == ("Hello", 3)


@pytest.mark.parametrize("ask", [lambda model: model.invoke("Hi"), streamed])
def test_p33_a_mistake_within_a_success_is_typed(gateway_server: Server, ask: Any) -> None:
    """At once, with its code, its words and no second request."""
    server = gateway_server("openai-compatible")
    server.script(failed(400, "No such parameter"))
    with pytest.raises(InvalidRequestError, match="No such parameter") as caught:
        ask(model_on(server))
    assert (caught.value.status_code, len(server.requests)) == (400, 1)


def test_p33_an_error_in_mid_stream_is_typed(gateway_server: Server) -> None:
    """With what had come before it."""
    error = {"error": {"code": 502, "message": "Provider disconnected"}, "choices": None}
    server = gateway_server("openai-compatible")
    server.script(Raw(events=[chunk({"content": "Hel"}), error]))
    with pytest.raises(ServerError, match="Provider disconnected") as caught:
        streamed(model_on(server))
    assert caught.value.partial.text == "Hel"


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
def test_p34_the_word_json_is_put_in_where_it_must_stand(gateway_server: Server) -> None:
    """Into the copy that is sent; the server refuses a json_object without it."""
    server = gateway_server("dashscope")
    asked = [HumanMessage("The city 'Paris' has 2100000 people.")]
    before = copy.deepcopy(asked)
    found = model_on(server).with_structured_output(City, method="json_mode").invoke(asked)
    assert found == City(name="Paris", population=2_100_000)
    assert "json" in str(server.bodies[0]["messages"]).lower()
    assert asked == before


PARIS = '{"name": "Paris", "population": 1}'


@pytest.mark.parametrize(
    ("said", "method"),
    [
        pytest.param(answer(PARIS), "function_calling", id="text-instead-of-a-call"),
        pytest.param(answer(f"Here:\n```json\n{PARIS}\n```"), "json_schema", id="fenced"),
        pytest.param(answer("", reasoning_content=PARIS), "function_calling", id="thought"),
    ],
)
def test_p35_a_structure_is_found_where_the_model_put_it(
    gateway_server: Server, said: Raw, method: Any
) -> None:
    """Whatever it was asked for; the thoughts stay with the raw message."""
    server = gateway_server("vllm")
    server.script(said)
    model = model_on(server, "qwen3.6-27b").with_structured_output(City, method=method)
    assert model.invoke("Paris?") == City(name="Paris", population=1)


def test_p35_an_answer_of_thoughts_only_is_an_error_that_says_so(
    gateway_server: Server,
) -> None:
    """Never None without a reason."""
    server = gateway_server("vllm")
    server.script(answer("", reasoning_content="Hm, Paris."))
    model = model_on(server, "qwen3.6-27b").with_structured_output(City)
    with pytest.raises(OutputParserException, match="all thinking"):
        model.invoke("Paris?")


@pytest.mark.parametrize("finish", ["length", "stop"])
def test_p36_an_answer_of_thoughts_only_is_flagged(gateway_server: Server, finish: str) -> None:
    """Nothing is lost: the thoughts and why it ended are there."""
    thoughts = {"content": "", "reasoning_content": "Hm, let me"}
    server = gateway_server("dashscope")
    server.script(Raw(events=[chunk(thoughts), chunk(finish=finish)]))
    message = model_on(server).invoke("Hi")
    metadata = message.response_metadata
    assert (metadata["empty_answer"], metadata["finish_reason"]) == (True, finish)
    assert message.additional_kwargs["reasoning_content"] == "Hm, let me"
