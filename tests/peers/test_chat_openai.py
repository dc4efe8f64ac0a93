"""`ChatQwen36` and `ChatOpenAI` before the same server.

Each test runs twice: with our model, where it must hold, and with `ChatOpenAI`, where it is
expected to fail, except where it does as well. That run is information, not a demand: what its
README row says is held by `test_readme_table.py`.
"""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any, NamedTuple

import openai
import pytest
from answers import USAGE, call_chunks, chunk, completion, text_chunks, tool_delta
from builders import answer, model_on, streamed, turns, weather_call
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from loopback import Raw

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


ALSO_THEIRS = {
    "test_arguments_that_are_no_object_raise_nothing[ChatOpenAI-null]",
    "test_arguments_that_are_no_object_raise_nothing[ChatOpenAI-nothing]",
    "test_an_index_that_drifts_makes_no_second_call[ChatOpenAI-all-at-0]",
}
"""What langchain-openai 1.7.4 does as well."""


@pytest.fixture(params=["ChatQwen36", "ChatOpenAI"])
def chat(request: pytest.FixtureRequest, gateway_server: Server) -> Callable[..., Chat]:
    """Make a model at a gateway by its name: `chat("vllm")`."""
    if request.param == "ChatOpenAI" and request.node.name not in ALSO_THEIRS:
        reason = "ChatOpenAI does not do this today"
        request.applymarker(pytest.mark.xfail(strict=False, raises=FAILS, reason=reason))

    def make(gateway: str = "openai-compatible", *scripted: Raw) -> Chat:
        server = gateway_server(gateway)
        server.script(*scripted)
        if request.param == "ChatQwen36":
            return Chat(server, model_on(server))
        target = {"base_url": server.base_url, "api_key": server.key}
        model = ChatOpenAI(model="qwen3.6-plus", stream_usage=True, max_retries=0, **target)
        return Chat(server, model)

    return make


def stream_of(payloads: list[dict[str, Any]]) -> Raw:
    """Return a stream with these payloads."""
    return Raw(events=payloads)


@pytest.mark.pain("P02")
@pytest.mark.parametrize(
    "reasoning",
    [
        pytest.param({"additional_kwargs": {"reasoning_content": "Look it up."}}, id="kwargs"),
        pytest.param({"content": [{"type": "reasoning", "reasoning": "Look it up."}]}, id="block"),
    ],
)
def test_reasoning_is_sent_back_within_a_tool_loop(
    chat: Callable[..., Chat], reasoning: dict
) -> None:
    """The assistant message of a tool loop is sent with its reasoning, however it was held."""
    server, model = chat("openai-compatible", answer())
    model.invoke(turns(weather_call(**reasoning)))
    assert server.bodies[0]["messages"][1].get("reasoning_content") == "Look it up."


@pytest.mark.pain("P03")
def test_a_message_of_tool_calls_only_has_an_empty_content(chat: Callable[..., Chat]) -> None:
    """An assistant message that only calls tools is sent with `""`, as null is refused."""
    server, model = chat("openai-compatible", answer())
    model.invoke(turns(weather_call()))
    assert server.bodies[0]["messages"][1]["content"] == ""


@pytest.mark.pain("P08")
def test_system_messages_become_one_at_the_front(chat: Callable[..., Chat]) -> None:
    """System messages are joined at the front, as Qwen's chat template refuses a later one."""
    server, model = chat("vllm", answer())
    model.invoke(
        [SystemMessage("A"), HumanMessage("1"), AIMessage("2"), SystemMessage("B"), ("user", "3")]
    )
    sent = [(message["role"], message["content"]) for message in server.bodies[0]["messages"]]
    assert sent == [("system", "A\n\nB"), ("user", "1"), ("assistant", "2"), ("user", "3")]


@pytest.mark.pain("P09")
def test_cumulative_usage_is_not_summed(chat: Callable[..., Chat]) -> None:
    """Usage that grows on every chunk is counted once, by its last value."""
    counts = [
        {"prompt_tokens": 100, "completion_tokens": n, "total_tokens": 100 + n} for n in range(1, 6)
    ]
    texts = [chunk({"content": "a"}, usage=usage) for usage in counts[:4]]
    payloads = [*texts, chunk(finish="stop"), chunk() | {"choices": [], "usage": counts[4]}]
    _, model = chat("openai-compatible", stream_of(payloads))
    usage = streamed(model).usage_metadata
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (100, 5, 105)


@pytest.mark.pain("P15")
def test_reasoning_before_a_lone_closing_tag_is_kept_apart(chat: Callable[..., Chat]) -> None:
    """Text before a closing tag that chunks cut is reasoning, as the prompt opened the tag."""
    _, model = chat("vllm", stream_of(text_chunks(["dra", "ft</th", "ink>\n\nans", " `</think>`"])))
    message = streamed(model)
    reasoning = message.additional_kwargs.get("reasoning_content")
    assert (reasoning, message.text) == ("draft", "ans `</think>`")


@pytest.mark.pain("P17")
def test_a_broken_call_in_the_history_is_sent_as_valid_json(chat: Callable[..., Chat]) -> None:
    """The arguments of an invalid call are sent as a JSON object, and its ids still match."""
    broken = {"name": "get_weather", "args": '{"city": "P', "id": "call_1", "error": None}
    called = AIMessage("", invalid_tool_calls=[{"type": "invalid_tool_call", **broken}])
    server, model = chat("openai-compatible", answer())
    model.invoke(turns(called, "no such city"))
    _, sent, result = server.bodies[0]["messages"]
    call = sent["tool_calls"][0]
    assert isinstance(json.loads(call["function"]["arguments"]), dict)
    assert (call["id"], result["tool_call_id"]) == ("call_1", "call_1")


@pytest.mark.pain("P18")
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
def test_arguments_that_are_no_object_raise_nothing(
    chat: Callable[..., Chat], args: str | None, expected: list
) -> None:
    """Arguments are decoded again, empty or an invalid call, one-shot and streamed alike."""
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


@pytest.mark.pain("P20")
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
def test_an_index_that_drifts_makes_no_second_call(
    chat: Callable[..., Chat], entries: list, expected: list
) -> None:
    """Pieces of a tool call are joined although their index drifts, repeats or is missing."""
    _, model = chat("openai-compatible", stream_of(call_chunks(*entries)))
    assert calls_in(streamed(model)) == expected


@pytest.mark.pain("P21")
def test_a_name_in_every_delta_is_one_name(chat: Callable[..., Chat]) -> None:
    """A tool name repeated in every delta is read once."""
    pieces = ['{"a"', ":1", "}"]
    entries = [tool_delta(piece, index=0, id="c1", name="act") for piece in pieces]
    _, model = chat("openai-compatible", stream_of(call_chunks(*entries)))
    assert calls_in(streamed(model)) == [("act", {"a": 1})]


@pytest.mark.pain("P23")
@pytest.mark.parametrize("second", [pytest.param("", id="empty"), pytest.param("c1", id="twice")])
def test_every_call_has_an_id_of_its_own(chat: Callable[..., Chat], second: str) -> None:
    """Calls with empty or repeated ids get ids of their own, the same in all chunks."""
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


@pytest.mark.pain("P25")
def test_two_last_chunks_are_one_end(chat: Callable[..., Chat]) -> None:
    """Two last chunks give one finish reason and one model name."""
    payloads = [*text_chunks(["a"]), chunk(finish="stop", usage=USAGE)]
    _, model = chat("openai-compatible", stream_of(payloads))
    metadata = streamed(model).response_metadata
    assert (metadata["finish_reason"], metadata["model_name"]) == ("stop", "qwen3.6-plus")


@pytest.mark.pain("P29")
def test_tokens_written_to_the_cache_are_counted(chat: Callable[..., Chat]) -> None:
    """Tokens read from and written to the cache count apart, inside the input, never twice."""
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


@pytest.mark.pain("P37")
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
def test_too_long_an_input_is_a_context_overflow(chat: Callable[..., Chat], text: str) -> None:
    """Too long an input raises the class on which LangChain's middleware summarizes."""
    error = {"message": text, "type": "invalid_request_error", "code": "invalid_parameter_error"}
    _, model = chat("openai-compatible", Raw(status=400, body={"error": error}))
    with pytest.raises(ContextOverflowError):
        model.invoke("Hi")


@pytest.mark.pain("P39")
def test_tokens_are_counted_without_a_network(chat: Callable[..., Chat]) -> None:
    """Tokens of a text and of messages are counted without a download."""
    _, model = chat()
    assert 2 <= model.get_num_tokens("The sky is blue.") <= 8
    assert model.get_num_tokens_from_messages([HumanMessage("The sky is blue.")]) > 4


@pytest.mark.pain("P55")
def test_a_video_block_is_sent_as_video_url(chat: Callable[..., Chat]) -> None:
    """LangChain's standard video block is sent as the part that servers read."""
    server, model = chat("openai-compatible", answer())
    video = {"type": "video", "url": "https://example.com/a.mp4"}
    model.invoke([HumanMessage([video, {"type": "text", "text": "What is it?"}])])
    assert server.bodies[0]["messages"][0]["content"][0] == {
        "type": "video_url",
        "video_url": {"url": "https://example.com/a.mp4"},
    }


@pytest.mark.pain("P66")
def test_a_pickled_model_still_works(chat: Callable[..., Chat]) -> None:
    """A model that was used is pickled, loaded and called again."""
    server, model = chat("openai-compatible", answer("one"), answer("two"))
    model.invoke("Hi")
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301 (our own)
    assert copy.invoke("Hi").text == "two"
    assert len(server.requests) == 2
