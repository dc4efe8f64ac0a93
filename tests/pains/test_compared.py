"""The pains that `ChatOpenAI`, `ChatQwen` and `ChatDeepSeek` all have, on the same wire.

Each test runs twice: on our model, where it must hold, and on `ChatOpenAI`, where it is expected
to fail. The second run is information, not a demand: should it pass one day, a row of our
comparison is out of date.
"""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any, NamedTuple

import openai
import pytest
from answers import USAGE, call_chunks, chunk, completion, text_chunks, tool_delta
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from loopback import Raw
from pained import answer, model_on, streamed, turns, weather_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel
    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

FAILS = (AssertionError, ValueError, TypeError, OSError, RuntimeError, openai.OpenAIError)


class Chat(NamedTuple):
    """A model and the server it asks."""

    server: LoopbackGateway
    model: BaseChatModel


@pytest.fixture(
    params=[
        "ChatQwen36",
        pytest.param(
            "ChatOpenAI",
            marks=pytest.mark.xfail(strict=False, raises=FAILS, reason="it has this pain today"),
        ),
    ]
)
def chat(request: pytest.FixtureRequest, gateway_server: Server) -> Callable[..., Chat]:
    """Make a model at a gateway of a row: `chat("vllm")`."""

    def make(row: str = "openai-compatible", *scripted: Raw) -> Chat:
        server = gateway_server(row)
        server.script(*scripted)
        if request.param == "ChatQwen36":
            return Chat(server, model_on(server))
        where = {"base_url": server.base_url, "api_key": server.key}
        model = ChatOpenAI(model="qwen3.6-plus", stream_usage=True, max_retries=0, **where)
        return Chat(server, model)

    return make


def stream_of(payloads: list[dict[str, Any]]) -> Raw:
    """A stream with these payloads."""
    return Raw(events=payloads)


@pytest.mark.parametrize(
    "thought",
    [
        pytest.param({"additional_kwargs": {"reasoning_content": "Look it up."}}, id="kwargs"),
        pytest.param({"content": [{"type": "reasoning", "reasoning": "Look it up."}]}, id="block"),
    ],
)
def test_p02_thoughts_go_back_within_a_tool_loop(chat: Callable[..., Chat], thought: dict) -> None:
    """The body has the same thoughts on that assistant message, whichever shape held them."""
    server, model = chat("openai-compatible", answer())
    model.invoke(turns(weather_call(**thought)))
    assert server.bodies[0]["messages"][1].get("reasoning_content") == "Look it up."


def test_p03_a_turn_of_calls_only_has_an_empty_content(chat: Callable[..., Chat]) -> None:
    """`""`, for null and a missing key are refused."""
    server, model = chat("openai-compatible", answer())
    model.invoke(turns(weather_call()))
    assert server.bodies[0]["messages"][1]["content"] == ""


def test_p08_system_messages_are_folded_into_one_at_the_front(chat: Callable[..., Chat]) -> None:
    """Qwen's chat template refuses a later one."""
    server, model = chat("vllm", answer())
    model.invoke(
        [SystemMessage("A"), HumanMessage("1"), AIMessage("2"), SystemMessage("B"), ("user", "3")]
    )
    said = [(message["role"], message["content"]) for message in server.bodies[0]["messages"]]
    assert said == [("system", "A\n\nB"), ("user", "1"), ("assistant", "2"), ("user", "3")]


def test_p09_cumulative_usage_is_not_summed(chat: Callable[..., Chat]) -> None:
    """Four chunks that count, and the last one that counts again."""
    counts = [
        {"prompt_tokens": 100, "completion_tokens": n, "total_tokens": 100 + n} for n in range(1, 6)
    ]
    texts = [chunk({"content": "a"}, usage=usage) for usage in counts[:4]]
    payloads = [*texts, chunk(finish="stop"), chunk() | {"choices": [], "usage": counts[4]}]
    _, model = chat("openai-compatible", stream_of(payloads))
    usage = streamed(model).usage_metadata
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (100, 5, 105)


def test_p15_thoughts_before_a_lone_closing_tag_are_no_answer(chat: Callable[..., Chat]) -> None:
    """The template opened the tag in the prompt, and chunks cut the closing one."""
    _, model = chat("vllm", stream_of(text_chunks(["dra", "ft</th", "ink>\n\nans", " `</think>`"])))
    message = streamed(model)
    thoughts = message.additional_kwargs.get("reasoning_content")
    assert (thoughts, message.text) == ("draft", "ans `</think>`")


def test_p17_a_broken_call_in_the_history_does_not_poison_it(chat: Callable[..., Chat]) -> None:
    """Arguments are a JSON object whatever they were, and the ids still match."""
    broken = {"name": "get_weather", "args": '{"city": "P', "id": "call_1", "error": None}
    called = AIMessage("", invalid_tool_calls=[{"type": "invalid_tool_call", **broken}])
    server, model = chat("openai-compatible", answer())
    model.invoke(turns(called, "no such city"))
    _, sent, result = server.bodies[0]["messages"]
    call = sent["tool_calls"][0]
    assert isinstance(json.loads(call["function"]["arguments"]), dict)
    assert (call["id"], result["tool_call_id"]) == ("call_1", "call_1")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        pytest.param('"{\\"a\\": 1}"', [{"a": 1}], id="double-encoded"),
        pytest.param(None, [{}], id="null"),
        pytest.param("null", [{}], id="null-as-text"),
        pytest.param('["a"]', [], id="list"),
        pytest.param("", [{}], id="nothing"),
        pytest.param('""', [{}], id="nothing-encoded"),
    ],
)
def test_p18_arguments_that_are_no_object_raise_nothing(
    chat: Callable[..., Chat], args: str | None, expected: list
) -> None:
    """They are decoded again, empty, or an invalid call, one-shot and streamed alike."""
    entry = tool_delta(args, id="call_1", name="act")
    once = Raw(body=completion({"content": "", "tool_calls": [entry]}, "tool_calls"))
    _, model = chat("openai-compatible", once, stream_of(call_chunks({"index": 0, **entry})))
    for message in (model.invoke("Hi"), streamed(model)):
        assert [call["args"] for call in message.tool_calls] == expected
        assert len(message.invalid_tool_calls) == 1 - len(expected)


def calls_in(message: AIMessage) -> list[tuple[str, dict[str, Any]]]:
    """Names and arguments."""
    assert not message.invalid_tool_calls
    return [(call["name"], call["args"]) for call in message.tool_calls]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param(
            [
                tool_delta("", index=1, id="c1", name="act"),
                tool_delta('{"a":', index=0),
                tool_delta("1}", index=0),
            ],
            [("act", {"a": 1})],
            id="drifts",
        ),
        pytest.param(
            [
                tool_delta('{"a":1}', index=0, id="c1", name="act"),
                tool_delta('{"b":2}', index=0, id="c2", name="rest"),
            ],
            [("act", {"a": 1}), ("rest", {"b": 2})],
            id="all-at-0",
        ),
        pytest.param(
            [tool_delta('{"a":', id="c1", name="act"), tool_delta("1}")],
            [("act", {"a": 1})],
            id="missing",
        ),
    ],
)
def test_p20_an_index_that_drifts_makes_no_second_call(
    chat: Callable[..., Chat], entries: list, expected: list
) -> None:
    """Pieces find their call without it."""
    _, model = chat("openai-compatible", stream_of(call_chunks(*entries)))
    assert calls_in(streamed(model)) == expected


def test_p21_a_name_in_every_delta_is_one_name(chat: Callable[..., Chat]) -> None:
    """Not `actactact`."""
    pieces = ['{"a"', ":1", "}"]
    entries = [tool_delta(piece, index=0, id="c1", name="act") for piece in pieces]
    _, model = chat("openai-compatible", stream_of(call_chunks(*entries)))
    assert calls_in(streamed(model)) == [("act", {"a": 1})]


@pytest.mark.parametrize("second", [pytest.param("", id="empty"), pytest.param("c1", id="twice")])
def test_p23_every_call_has_an_id_of_its_own(chat: Callable[..., Chat], second: str) -> None:
    """Else the tool node skips one, and its result has no home; the same in all chunks."""
    entries = [
        tool_delta('{"a":1}', index=0, id="c1", name="act"),
        tool_delta('{"b":2}', index=1, id=second, name="rest"),
    ]
    once = Raw(body=completion({"content": "", "tool_calls": entries}, "tool_calls"))
    _, model = chat("openai-compatible", once, stream_of(call_chunks(*entries)))
    for message in (model.invoke("Hi"), streamed(model)):
        ids = [call["id"] for call in message.tool_calls]
        assert ids[0] == "c1"
        assert len({*filter(None, ids)}) == 2


def test_p25_two_last_chunks_are_one_end(chat: Callable[..., Chat]) -> None:
    """One finish reason, one model name."""
    payloads = [*text_chunks(["a"]), chunk(finish="stop", usage=USAGE)]
    _, model = chat("openai-compatible", stream_of(payloads))
    metadata = streamed(model).response_metadata
    assert (metadata["finish_reason"], metadata["model_name"]) == ("stop", "qwen3.6-plus")


def test_p29_what_was_written_to_the_cache_is_counted(chat: Callable[..., Chat]) -> None:
    """Read and written apart, each inside the input and never twice; a null is no number."""
    details = {
        "cached_tokens": 64,
        "cache_creation_input_tokens": 20,
        "cache_type": "ephemeral",
        "text_tokens": None,
    }
    usage = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105}
    body = completion({"content": "a"}, usage=usage | {"prompt_tokens_details": details})
    _, model = chat("openai-compatible", Raw(body=body))
    counted = model.invoke("Hi").usage_metadata
    assert counted["input_tokens"] == 100
    assert counted["input_token_details"] == {"cache_read": 64, "cache_creation": 20}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "<400> InternalError.Algo.InvalidParameter: Range of input length should be "
            "[1, 258048]",
            id="dashscope",
        ),
        pytest.param(
            "The input (300000 tokens) is longer than the model's context length (262144 tokens).",
            id="sglang",
        ),
        pytest.param(
            "the request exceeds the available context size. try increasing the context size",
            id="llamacpp",
        ),
    ],
)
def test_p37_too_long_an_input_is_an_overflow(chat: Callable[..., Chat], text: str) -> None:
    """Of the class on which LangChain's middleware summarises."""
    error = {"message": text, "type": "invalid_request_error", "code": "invalid_parameter_error"}
    _, model = chat("openai-compatible", Raw(status=400, body={"error": error}))
    with pytest.raises(ContextOverflowError):
        model.invoke("Hi")


def test_p39_tokens_are_counted_without_a_network(chat: Callable[..., Chat]) -> None:
    """Of a text, and of messages with tools; nothing is fetched."""
    _, model = chat()
    assert 2 <= model.get_num_tokens("The sky is blue.") <= 8
    assert model.get_num_tokens_from_messages([HumanMessage("The sky is blue.")]) > 4


def test_p55_a_video_block_is_sent(chat: Callable[..., Chat]) -> None:
    """LangChain's standard block becomes the part that the servers know."""
    server, model = chat("openai-compatible", answer())
    video = {"type": "video", "url": "https://example.com/a.mp4"}
    model.invoke([HumanMessage([video, {"type": "text", "text": "What is it?"}])])
    assert server.bodies[0]["messages"][0]["content"][0] == {
        "type": "video_url",
        "video_url": {"url": "https://example.com/a.mp4"},
    }


def test_p66_a_pickled_model_still_works(chat: Callable[..., Chat]) -> None:
    """Also after it was used."""
    server, model = chat("openai-compatible", answer("one"), answer("two"))
    model.invoke("Hi")
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301 (our own)
    assert copy.invoke("Hi").text == "two"
    assert len(server.requests) == 2
