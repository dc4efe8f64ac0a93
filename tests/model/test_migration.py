"""`ChatQwen36.from_chat_openai`: every setting is carried, or named."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import FakeListChatModel
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from pydantic import SecretStr

from langchain_qwen36 import ChatQwen36, QwenWarning, Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

DASHSCOPE = "https://dashscope.aliyuncs.com/compatible-mode/v1"
PLUS = {"model": "qwen3.6-plus", "base_url": DASHSCOPE, "api_key": "key"}


def moved(**settings: Any) -> ChatQwen36:
    """Return what becomes of a ChatOpenAI with these settings."""
    return ChatQwen36.from_chat_openai(ChatOpenAI(**{**PLUS, **settings}))


def test_one_line(gateway_server: Server) -> None:
    """The same call to the same place, with what ChatOpenAI loses: the thoughts."""
    server = gateway_server("dashscope")
    openai = ChatOpenAI(model="qwen3.6-plus", base_url=server.base_url, api_key=server.key)
    model = ChatQwen36.from_chat_openai(openai, gateway="dashscope")
    message = model.invoke("Hi")
    assert message.text == openai.invoke("Hi").text
    assert message.additional_kwargs["reasoning_content"]


def test_place_and_key_are_carried() -> None:
    """The host says which gateway it is."""
    model = moved()
    assert (model._endpoint.gateway.name, model._endpoint.base_url) == ("dashscope", DASHSCOPE)
    assert model.api_key == SecretStr("key")


def test_place_and_key_of_openais_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are what the other model really used."""
    monkeypatch.setenv("OPENAI_API_KEY", "from-env")
    monkeypatch.setenv("OPENAI_BASE_URL", DASHSCOPE)
    model = ChatQwen36.from_chat_openai(ChatOpenAI(model="qwen3.6-plus"))
    assert model.api_key == SecretStr("from-env")
    assert model._endpoint.gateway.name == "dashscope"


def key() -> str:
    """Return a key as a function."""
    return "key"


async def akey() -> str:
    """Return a key as an async function."""
    return "key"


CLIENT, ACLIENT = httpx.Client(), httpx.AsyncClient()
CACHE, LIMITER = InMemoryCache(), InMemoryRateLimiter()

CARRIED: list[Any] = [
    ({"temperature": 0.3}, {"temperature": 0.3}),
    ({"temperature": 0}, {"temperature": 0}),
    ({"top_p": 0.9}, {"top_p": 0.9}),
    ({"presence_penalty": 0.1}, {"presence_penalty": 0.1}),
    ({"frequency_penalty": 0.1}, {"frequency_penalty": 0.1}),
    ({"seed": 7}, {"seed": 7}),
    ({"n": 2}, {"n": 2}),
    ({"logprobs": True, "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
    ({"logit_bias": {1: 2}}, {"logit_bias": {"1": 2}}),
    ({"stop": ["x"]}, {"stop": ["x"]}),
    ({"max_tokens": 9}, {"max_completion_tokens": 9, "max_tokens": None}),
    ({"max_tokens": 9, "model": "qwen3.6-27b"}, {"max_tokens": 9, "max_completion_tokens": None}),
    ({"max_tokens": 9, "base_url": "http://localhost:8/v1"}, {"max_completion_tokens": 9}),
    ({"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
    ({"extra_body": {"enable_thinking": False}}, {"extra_body": {"enable_thinking": False}}),
    ({"model_kwargs": {"top_k": 5}}, {"model_kwargs": {"top_k": 5}}),
    ({"streaming": True}, {"streaming": True}),
    ({"disable_streaming": True}, {"disable_streaming": True}),
    ({"stream_usage": False}, {"stream_usage": False}),
    ({"max_retries": 5}, {"max_retries": 5}),
    ({"timeout": 3.5}, {"timeout": 3.5}),
    ({"stream_chunk_timeout": 7}, {"timeout": Timeouts(gap=7)}),
    ({"stream_chunk_timeout": 0}, {"timeout": Timeouts(gap=None)}),
    ({"timeout": 3.5, "stream_chunk_timeout": 7}, {"timeout": Timeouts(3.5, 3.5, 7)}),
    ({"openai_proxy": "http://p:1"}, {"proxy": "http://p:1"}),
    ({"default_headers": {"a": "b"}}, {"default_headers": {"a": "b"}}),
    ({"default_query": {"a": "b"}}, {"default_query": {"a": "b"}}),
    ({"include_response_headers": True}, {"include_response_headers": True}),
    ({"output_version": "v1"}, {"output_version": "v1"}),
    ({"tags": ["a"]}, {"tags": ["a"]}),
    ({"name": "me", "cache": CACHE}, {"name": "me", "cache": CACHE}),
    ({"rate_limiter": LIMITER}, {"rate_limiter": LIMITER}),
    ({"http_client": CLIENT}, {"http_client": CLIENT}),
    ({"http_async_client": ACLIENT}, {"http_async_client": ACLIENT}),
    ({"api_key": key}, {"api_key": key}),
    ({"profile": {"max_input_tokens": 5}}, {"profile": {"max_input_tokens": 5}}),
    ({"use_responses_api": False, "store": None}, {}),
]


@pytest.mark.parametrize(
    ("said", "expected"), [pytest.param(*row, id="-".join(row[0])) for row in CARRIED]
)
def test_a_setting_is_carried(said: dict[str, Any], expected: dict[str, Any]) -> None:
    """By its own name or by ours, and nothing is warned of."""
    model = moved(**said)
    assert {name: getattr(model, name) for name in expected} == expected


def test_metadata_is_carried_without_the_other_packages_version() -> None:
    """Traces say which package made the call."""
    metadata = moved(metadata={"b": 1}).metadata
    assert metadata["b"] == 1
    assert "langchain-openai" not in metadata["lc_versions"]


def test_an_effort_is_carried_from_the_responses_form() -> None:
    """ChatOpenAI goes over to the Responses API for it; we stay with Chat Completions."""
    with pytest.warns(QwenWarning, match="left behind: use_responses_api=True"):
        assert moved(reasoning={"effort": "low"}).reasoning_effort == "low"


def test_an_async_key_is_carried() -> None:
    """A function that must be awaited is asked at each call, as before."""
    assert moved(api_key=akey).api_key is akey


LEFT: list[Any] = [
    {"organization": "org"},
    {"verbosity": "low"},
    {"tiktoken_model_name": "gpt-4"},
    {"disabled_params": {"parallel_tool_calls": None}},
    {"service_tier": "flex"},
    {"store": True},
    {"truncation": "auto"},
    {"include": ["a"]},
    {"context_management": [{"a": 1}]},
    {"prompt_cache_options": {"a": 1}},
    {"use_responses_api": True},
    {"use_previous_response_id": True},
    {"reasoning": {"effort": "low", "summary": "auto"}},
    {"http_socket_options": [(1, 2, 3)]},
    {"http_client": httpx2.Client()},
]


@pytest.mark.parametrize("said", [pytest.param(row, id=next(iter(row))) for row in LEFT])
def test_a_setting_without_a_counterpart_is_named(said: dict[str, Any]) -> None:
    """None is lost in silence."""
    [name] = said
    with pytest.warns(QwenWarning, match=name):
        moved(**said)


def test_one_warning_names_them_all() -> None:
    """And says where it comes from: the user's own line."""
    model = ChatOpenAI(**PLUS, store=True, verbosity="low")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ChatQwen36.from_chat_openai(model)
    [warning] = caught
    assert "store=True, verbosity='low'" in str(warning.message)
    assert warning.filename == __file__


def test_every_setting_of_chatopenai_is_in_one_of_the_lists() -> None:
    """A new release may bring one that nobody has thought of."""
    listed = {name for row, _ in CARRIED for name in row} | {name for row in LEFT for name in row}
    ours = {"client", "async_client", "root_client", "root_async_client"}
    plain = {
        "metadata",
        "verbose",
        "callbacks",
        "custom_get_token_ids",
        "model",
        "base_url",
        "api_key",
    }
    names = {f.alias or n for n, f in ChatOpenAI.model_fields.items()}
    aliases = {"max_completion_tokens": "max_tokens", "stop_sequences": "stop"}
    assert {aliases.get(name, name) for name in names} - ours - plain - listed == set()


def test_further_settings_win() -> None:
    """What is said here is said last."""
    model = ChatQwen36.from_chat_openai(ChatOpenAI(**PLUS, temperature=1), temperature=0, top_k=5)
    assert (model.temperature, model.top_k) == (0, 5)


def test_openai_itself_is_refused() -> None:
    """No Qwen is there; the message says what to do."""
    with pytest.raises(ValueError, match="serves no Qwen model"):
        ChatQwen36.from_chat_openai(ChatOpenAI(model="gpt-5.5", api_key="key"))


def test_another_class_is_refused() -> None:
    """Its settings are not known."""
    with pytest.raises(TypeError, match="FakeListChatModel"):
        ChatQwen36.from_chat_openai(FakeListChatModel(responses=[]))


def test_a_relative_is_read_as_far_as_it_goes() -> None:
    """Its own settings are named like any other."""
    azure = AzureChatOpenAI(
        azure_endpoint="https://mine.example.com",
        api_key="key",
        api_version="1",
        model="qwen3.6-27b",
    )
    with pytest.warns(QwenWarning, match="azure_endpoint"):
        model = ChatQwen36.from_chat_openai(azure)
    assert model.model_name == "qwen3.6-27b"


def test_the_other_model_is_left_as_it_was() -> None:
    """It is read only."""
    model = ChatOpenAI(**PLUS, temperature=1)
    before = model.model_dump()
    ChatQwen36.from_chat_openai(model)
    assert model.model_dump() == before
