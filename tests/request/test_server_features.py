"""What a server does by itself: search, code, translation, a begun answer, and their limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from loopback import Raw
from pydantic import BaseModel

from langchain_qwen36 import ChatQwen36, QwenWarning
from langchain_qwen36.errors import MessageError, UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

ENGLISH = {"source_lang": "auto", "target_lang": "English"}
BEGUN = AIMessage("Once", additional_kwargs={"partial": True})
OFF = {"enable_thinking": False}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class City(BaseModel):
    """A city."""

    name: str


def model_on(server: LoopbackGateway, model: str = "qwen3.6-flash", **settings: Any) -> ChatQwen36:
    """Return a model that asks the server."""
    where = {"gateway": server.row.name, "base_url": server.base_url, "api_key": server.key}
    return ChatQwen36(model=model, **where, **settings)


@pytest.mark.parametrize(
    ("row", "model", "settings", "words"),
    [
        pytest.param(
            "openrouter", "qwen3.6-plus", {"enable_search": True}, "enable_search", id="no-search"
        ),
        pytest.param("vllm", "qwen3.6-27b", {"tool_stream": True}, "tool_stream", id="self-hosted"),
        pytest.param("apiyi", "qwen3.6-plus", {"enable_search": True}, "passed over", id="dropped"),
        pytest.param(
            "aimlapi",
            "qwen3.6-plus",
            {"enable_code_interpreter": True},
            "enable_code_interpreter",
            id="no-code",
        ),
        pytest.param(
            "dashscope",
            "qwen3.6-flash",
            {"search_options": {"forced_search": True}},
            "enable_search=True",
            id="options-without-search",
        ),
        pytest.param(
            "aimlapi",
            "qwen3.6-plus",
            {"enable_search": True, "search_options": {"search_strategy": "agent_max"}},
            "agent, max, turbo",
            id="strategy",
        ),
        pytest.param(
            "dashscope",
            "qwen3.6-plus",
            {"enable_code_interpreter": True},
            "qwen3.6-flash, .*qwen3.5-plus",
            id="code-model",
        ),
        pytest.param(
            "dashscope",
            "qwen3.6-flash",
            {"enable_code_interpreter": True, **OFF},
            "enable_thinking=True",
            id="code-without-thinking",
        ),
        pytest.param(
            "dashscope",
            "qwen3-max",
            {"enable_code_interpreter": True},
            "enable_thinking=True",
            id="code-on-a-model-that-does-not-think-by-itself",
        ),
        pytest.param(
            "dashscope",
            "qwen3.6-max-preview",
            {"vl_high_resolution_images": True},
            "sees no images",
            id="detail",
        ),
        pytest.param(
            "dashscope", "qwen3.6-max-preview", {"tool_stream": True}, "tool_stream", id="pieces"
        ),
        pytest.param(
            "dashscope",
            "qwen3.6-flash",
            {"translation_options": ENGLISH},
            "qwen-mt-plus",
            id="translation-model",
        ),
        pytest.param(
            "dashscope",
            "qwen-mt-plus",
            {"translation_options": {"target_lang": "English"}},
            "no 'source_lang'",
            id="translation-from",
        ),
        pytest.param(
            "dashscope",
            "qwen-mt-plus",
            {"translation_options": {"domains": "law"}},
            "no 'source_lang' and no 'target_lang'",
            id="translation-to",
        ),
    ],
)
def test_a_limit_is_said_before_anything_is_sent(
    gateway_server: Server, row: str, model: str, *, settings: dict[str, Any], words: str
) -> None:
    """By the setting, the gateway or the model, and what to do; constructor and call alike."""
    server = gateway_server(row)
    with pytest.raises(UnsupportedSettingError, match=words) as constructed:
        model_on(server, model, **settings).invoke("Hi")
    with pytest.raises(UnsupportedSettingError, match=words) as called:
        next(model_on(server, model).stream("Hi", **settings))
    assert any(f"`{setting}" in str(constructed.value) for setting in settings)
    assert str(called.value) == str(constructed.value)
    assert server.requests == []


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param({"type": "web_search_20250305", "name": "web_search"}, id="anthropic"),
        pytest.param({"type": "web_search"}, id="openai"),
        pytest.param({"type": "code_interpreter", "container": {"type": "auto"}}, id="code"),
        pytest.param({"type": "mcp", "server_label": "a", "server_url": "https://a"}, id="mcp"),
    ],
)
def test_a_tool_that_another_vendor_runs_is_refused(
    gateway_server: Server, foreign: dict[str, Any]
) -> None:
    """Model Studio takes functions only; the error names its own settings for the same."""
    server = gateway_server()
    model = model_on(server).bind_tools([add, foreign])
    with pytest.raises(
        UnsupportedSettingError, match=rf"{foreign['type']!r}.*`enable_search=True`"
    ):
        model.invoke("Hi")
    assert server.requests == []


@pytest.mark.parametrize("value", ["English", ["English"], 7, True])
def test_options_that_are_no_object_are_refused(gateway_server: Server, value: Any) -> None:
    """Wherever they are said."""
    server = gateway_server()
    with pytest.raises(UnsupportedSettingError, match="translation_options"):
        model_on(server, "qwen-mt-plus").invoke("Hi", translation_options=value)
    with pytest.raises(UnsupportedSettingError, match="no 'source_lang'"):
        model_on(server, "qwen-mt-plus", model_kwargs={"translation_options": value}).invoke("Hi")
    assert server.requests == []


def test_the_code_interpreter_excludes_tools(gateway_server: Server) -> None:
    """Bound ones, and the one that carries a structured answer."""
    server = gateway_server()
    model = model_on(server, enable_code_interpreter=True)
    for asked in (model.bind_tools([add]), model.with_structured_output(City)):
        with pytest.raises(UnsupportedSettingError, match="excludes tools"):
            asked.invoke("Hi")
    assert server.requests == []


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([SystemMessage("Be exact."), HumanMessage("Hola")], id="system"),
        pytest.param([HumanMessage("Hola"), AIMessage("Hi"), HumanMessage("Sí")], id="turns"),
    ],
)
@pytest.mark.parametrize(
    "settings", [{}, {"translation_options": ENGLISH}], ids=["bare", "options"]
)
def test_a_translator_takes_one_user_message(
    gateway_server: Server, messages: list[BaseMessage], settings: dict[str, Any]
) -> None:
    """With options or without."""
    server = gateway_server()
    with pytest.raises(MessageError, match="exactly one user message"):
        model_on(server, "qwen-mt-plus", **settings).invoke(messages)
    assert server.requests == []


@pytest.mark.parametrize(
    ("model", "settings", "said"),
    [
        pytest.param("qwen3.6-flash", {"enable_search": True}, "I searched the web.", id="search"),
        pytest.param(
            "qwen3.6-flash",
            {"enable_search": True, "search_options": {"search_strategy": "max"}},
            "I searched the web.",
            id="strategy",
        ),
        pytest.param("qwen3.6-flash", {"enable_code_interpreter": True}, "I ran code.", id="code"),
        pytest.param(
            "qwen-mt-plus", {"translation_options": ENGLISH}, "[English] Hi", id="translation"
        ),
        pytest.param("qwen3.6-flash", {"vl_high_resolution_images": True}, "", id="detail"),
    ],
)
def test_it_goes_out_and_its_answer_comes_back_alike_in_every_way(
    gateway_server: Server, model: str, *, settings: dict[str, Any], said: str
) -> None:
    """One-shot (streamed inside where it must be), streamed, and as v3 events."""
    server = gateway_server()
    asked = model_on(server, model, **settings)
    head, *chunks = asked.stream("Hi")
    texts = {
        asked.invoke("Hi").text,
        sum(chunks, head).text,
        asked.stream_events("Hi", version="v3").output.text,
    }
    assert len(texts) == 1
    assert said in texts.pop()
    assert [body.items() >= settings.items() for body in server.bodies] == [True] * 3
    assert {request.status for request in server.requests} == {200}


@pytest.mark.parametrize("name", ["qwen-mt-plus", "qwen-mt-flash"])
def test_a_translation_that_repeats_itself_in_a_stream_is_said_once(
    gateway_server: Server, name: str
) -> None:
    """The larger translators send the whole text so far in each chunk."""
    model = model_on(gateway_server(), name, translation_options=ENGLISH)
    pieces = [chunk.text for chunk in model.stream("Uno, dos, tres.") if chunk.text]
    assert "".join(pieces) == "[English] Uno, dos, tres."
    assert len(pieces) > 5


def test_the_code_interpreter_streams_inside(gateway_server: Server) -> None:
    """The server takes it in streams only, and invoke works all the same."""
    server = gateway_server()
    model_on(server, enable_code_interpreter=True).invoke("Hi")
    assert server.bodies[0]["stream"] is True


def test_tool_stream_is_left_out_where_nothing_is_streamed(gateway_server: Server) -> None:
    """It changes how an answer arrives, and only in streams; so it may stay on the model."""
    server = gateway_server()
    model = model_on(server, tool_stream=True, **OFF).bind_tools([add])
    model.invoke("Hi")
    list(model.stream("Hi"))
    assert [body.get("tool_stream") for body in server.bodies] == [None, True]


def test_what_is_switched_off_is_no_limit(gateway_server: Server) -> None:
    """False asks for nothing, on any gateway."""
    server = gateway_server("openrouter")
    settings = {"enable_search": False, "enable_code_interpreter": False, "tool_stream": False}
    model_on(server, "qwen3.6-plus", **settings).invoke("Hi")
    assert server.requests[0].status == 200


def test_an_unknown_server_judges_by_itself(gateway_server: Server) -> None:
    """Of a server that has no row nothing is known."""
    server = gateway_server("openai-compatible")
    model_on(server, "qwen3.6-27b", search_options={"x": 1}).invoke("Hi")
    assert server.bodies[0]["search_options"] == {"x": 1}


def test_extra_body_sends_what_a_limit_refuses(gateway_server: Server) -> None:
    """The way past our knowledge, which may be out of date."""
    server = gateway_server("openrouter")
    model_on(server, "qwen3.6-plus", extra_body={"enable_search": True}).invoke("Hi")
    assert server.bodies[0]["enable_search"] is True


# A begun answer.


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(BEGUN, id="message"),
        pytest.param({"role": "assistant", "content": "Once", "partial": True}, id="dict"),
    ],
)
def test_a_begun_answer_is_continued(gateway_server: Server, begun: Any) -> None:
    """Said on the message or, as in the vendor's own examples, in a dict."""
    server = gateway_server()
    model_on(server, **OFF).invoke([HumanMessage("A tale."), begun])
    assert server.bodies[0]["messages"][-1] == {
        "role": "assistant",
        "content": "Once",
        "partial": True,
    }
    assert server.requests[0].status == 200


def test_a_begun_answer_needs_thinking_off(gateway_server: Server) -> None:
    """Every Qwen3.6 model continues in non-thinking mode only (Model Studio: partial mode)."""
    server = gateway_server()
    for settings in ({}, {"enable_thinking": True}):
        with pytest.raises(MessageError, match="enable_thinking=False"):
            model_on(server, **settings).invoke([HumanMessage("A tale."), BEGUN])
    assert server.requests == []


# What comes back.

SOURCES = [
    {
        "type": "url_citation",
        "url_citation": {
            "url": "https://example.com/a",
            "title": "A",
            "start_index": 0,
            "end_index": 0,
            "content": "what it says",
        },
    },
    {"type": "url_citation", "url": "https://example.com/b", "start_index": 3, "end_index": 7},
    {"type": "file_path", "file_id": "f"},
]
CITED = [
    {
        "type": "citation",
        "url": "https://example.com/a",
        "title": "A",
        "cited_text": "what it says",
    },
    {"type": "citation", "url": "https://example.com/b", "start_index": 3, "end_index": 7},
    {"type": "non_standard_annotation", "value": SOURCES[2]},
]
FOUND = {"search_results": [{"index": 1, "title": "A", "url": "https://example.com/a"}]}
PLUGINS = {"search": {"count": 2}}
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "plugins": PLUGINS}


def scripted(server: LoopbackGateway, *, stream: bool) -> None:
    """Have the next answer name its sources."""
    if not stream:
        message = {"role": "assistant", "content": "It rains.", "annotations": SOURCES}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        server.script(Raw(body={"choices": [choice], "usage": USAGE, "search_info": FOUND}))
        return
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": "", "annotations": SOURCES[:1]},
        {"content": "It "},
        {"content": "rains.", "annotations": SOURCES[1:]},
    ]
    chunks = [{"choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "search_info": FOUND}
    server.script(Raw(events=[*chunks, end, {"choices": [], "usage": USAGE}]))


def merged(model: ChatQwen36) -> Any:
    """Return a stream's chunks as one."""
    head, *chunks = model.stream("Hi")
    return sum(chunks, head)


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize(
    ("way", "stream"),
    [
        pytest.param(lambda model: model.invoke("Hi"), False, id="invoke"),
        pytest.param(merged, True, id="stream"),
        pytest.param(lambda model: model.stream_events("Hi", version="v3").output, True, id="v3"),
    ],
)
def test_sources_and_counts_reach_the_message(
    gateway_server: Server, way: Callable[[ChatQwen36], Any], *, stream: bool, version: str
) -> None:
    """As LangChain's citations on the text, and raw; plugin calls stand in the raw usage."""
    server = gateway_server("openai-compatible")
    scripted(server, stream=stream)
    answer = way(model_on(server, "qwen3.6-27b", output_version=version))
    [block] = answer.content_blocks
    assert (block["type"], block["text"]) == ("text", "It rains.")
    assert block["annotations"] == CITED
    assert answer.additional_kwargs["annotations"] == SOURCES
    assert answer.response_metadata["search_info"] == FOUND
    assert answer.response_metadata["gateway_usage"]["plugins"] == PLUGINS
    assert answer.text == "It rains."


@pytest.mark.parametrize("stream", [False, True])
def test_counted_plugin_calls_are_named_beside_a_list_price(
    gateway_server: Server, *, stream: bool
) -> None:
    """They are billed by the call, and no price of them is listed: unknown, not free."""
    server = gateway_server("dashscope-intl")
    scripted(server, stream=stream)
    model = model_on(server, enable_search=True, **OFF)
    answer = merged(model) if stream else model.invoke("Hi")
    assert answer.response_metadata["cost"]["unpriced"] == {"search": 2}


def test_an_answer_with_sources_goes_back_as_text(gateway_server: Server) -> None:
    """The next request carries no annotations: no server takes them."""
    server = gateway_server("openai-compatible")
    scripted(server, stream=False)
    model = model_on(server, "qwen3.6-27b", output_version="v1")
    answer = model.invoke("Hi")
    model.invoke([HumanMessage("Hi"), answer, HumanMessage("Sure?")])
    assert server.bodies[1]["messages"][1] == {"role": "assistant", "content": "It rains."}


# What a gateway takes and does nothing with.


@pytest.mark.parametrize(
    ("settings", "noted"),
    [
        pytest.param({"logit_bias": {"7": 1.0}}, "logit_bias", id="logit_bias"),
        pytest.param({"frequency_penalty": 0.5}, "frequency_penalty", id="frequency_penalty"),
        pytest.param({"logprobs": True}, "logprobs", id="logprobs"),
        pytest.param({"model_kwargs": {"metadata": {"a": "b"}}}, "metadata", id="metadata"),
        pytest.param({"model_kwargs": {"service_tier": "flex"}}, "service_tier", id="service_tier"),
    ],
)
def test_what_is_passed_over_is_noted(
    gateway_server: Server, settings: dict[str, Any], noted: str
) -> None:
    """It is sent, for the list may be out of date; the answer says what became of it."""
    server = gateway_server()
    with pytest.warns(QwenWarning, match=noted):
        answer = model_on(server, **settings, **OFF).invoke("Hi")
    assert set(answer.response_metadata["notes"]) == {noted}
    assert server.bodies[0].items() >= settings.get("model_kwargs", settings).items()


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
@pytest.mark.parametrize(
    "settings", [{"top_k": 20}, {"max_completion_tokens": 100}, {"user": "u"}], ids=str
)
def test_what_ollama_does_not_read_is_noted(
    gateway_server: Server, settings: dict[str, Any]
) -> None:
    """Its page lists the fields that it reads; an answer without the cap runs on."""
    answer = model_on(gateway_server("ollama"), "qwen3.6-27b", **settings).invoke("Hi")
    assert settings.keys() <= answer.response_metadata["notes"].keys()


def test_a_model_that_gives_logprobs_is_not_noted(gateway_server: Server) -> None:
    """Nothing is claimed of a model of which no list speaks."""
    answer = model_on(gateway_server(), "qwen3-max", logprobs=True, frequency_penalty=0).invoke(
        "Hi"
    )
    assert "notes" not in answer.response_metadata
