"""The settings of the constructor and of a call: their names, types, and other classes' forms."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import get_type_hints

import httpx
import pytest
from pydantic import SecretStr

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._model import call_options, setting_hints, settings
from langchain_qwen36._model.fields import QwenFields
from langchain_qwen36._model.translated_settings import FOREIGN_NAMES
from langchain_qwen36.errors import UnsupportedSettingError


def model(**options) -> ChatQwen36:
    """Make a model that is never called."""
    return ChatQwen36(**{"gateway": "dashscope", "api_key": "sk-1", **options})


def constructor_names() -> set[str]:
    """Every field of the model with its alias."""
    fields = ChatQwen36.model_fields
    return set(fields) | {field.alias for field in fields.values() if field.alias}


class TestTheTypes:
    def test_the_constructors_types_name_every_field_and_alias(self):
        """`ModelSettings` has the fields of `ChatQwen36`, their aliases, and `reasoning`."""
        typed = set(settings.ModelSettings.__optional_keys__)
        assert typed == constructor_names() | {"reasoning"}

    def test_a_calls_types_name_all_that_a_call_takes(self):
        """`CallSettings` has what `check_call` lets pass; LangChain's own keywords stand aside."""
        internal = {
            "json_hint",
            "answer_tool",
            "stream",
            "ls_structured_output_format",
            "structured_output_format",
        }
        taken = call_options._PER_CALL | call_options._CALL_ONLY | FOREIGN_NAMES
        legacy = {"functions", "function_call"}
        typed = set(settings.BindSettings.__optional_keys__)
        assert typed == (taken | legacy) - internal

    def test_bind_takes_stop_and_invoke_has_it_as_an_argument(self):
        """`stop` is a parameter of `invoke`, so only `bind` lists it among its settings."""
        extra = settings.BindSettings.__optional_keys__ - settings.CallSettings.__optional_keys__
        assert extra == {"stop"}


class TestTheSignature:
    def test_it_is_there_before_the_first_model(self):
        """`inspect.signature`, which notebooks show, lists the settings in a fresh process."""
        program = (
            "import inspect; from langchain_qwen36 import ChatQwen36\n"
            "print(*inspect.signature(ChatQwen36).parameters)"
        )
        run = subprocess.run(  # noqa: S603
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        )
        assert set(run.stdout.split()) == constructor_names()

    def test_it_stays_when_the_first_model_is_made(self):
        """Pydantic's own signature would list one name of each setting."""
        model()
        assert set(inspect.signature(ChatQwen36).parameters) == constructor_names()

    def test_it_has_the_defaults(self):
        """A reader sees what is set when nothing is given."""
        parameters = inspect.signature(ChatQwen36).parameters
        assert parameters["max_retries"].default == QwenFields.model_fields["max_retries"].default
        assert parameters["model"].default == "qwen3.6-plus"

    def test_a_class_of_ones_own_has_its_settings_too(self):
        """A subclass's signature lists its own fields beside ours."""

        class Mine(ChatQwen36):
            house: str = "mine"

        assert {"house", "temperature"} <= set(inspect.signature(Mine).parameters)
        assert Mine(gateway="dashscope", api_key="sk-1", house="x").house == "x"


def test_repr_names_the_model_and_not_its_profile():
    """The id comes first, default or not; a profile of 600 characters would hide it."""
    text = repr(model(temperature=0.5))
    assert text.startswith("ChatQwen36(model='qwen3.6-plus', ")
    assert "temperature=0.5" in text
    assert "profile" not in text
    assert "sk-1" not in text


class TestUnknownNames:
    @pytest.mark.parametrize(
        ("name", "advice"),
        [
            pytest.param("dashscope_api_key", "'api_key'", id="ChatTongyi"),
            pytest.param("openai_api_key", "'api_key'", id="ChatOpenAI-key"),
            pytest.param("openrouter_api_key", "'api_key'", id="ChatOpenRouter-key"),
            pytest.param("secret", "'api_key'", id="a-secret"),
            pytest.param("token", "'api_key'", id="a-token"),
            pytest.param("APIKEY", "'api_key'", id="capitals"),
            pytest.param("openai_api_base", "'base_url'", id="ChatOpenAI-url"),
            pytest.param("organization", "no organizations", id="ChatOpenAI-organization"),
            pytest.param("use_responses_api", "only Chat Completions", id="ChatOpenAI-responses"),
            pytest.param("stream_chunk_timeout", "Timeouts(gap=", id="ChatOpenAI-clock"),
            pytest.param("openrouter_provider", "'provider'", id="ChatOpenRouter-provider"),
            pytest.param("num_predict", "'max_tokens'", id="ChatOllama-limit"),
            pytest.param("repeat_penalty", "'repetition_penalty'", id="ChatOllama-penalty"),
            pytest.param("num_ctx", "where the server is started", id="ChatOllama-window"),
            pytest.param("thinking", "'enable_thinking'", id="ChatAnthropic-thinking"),
            pytest.param("max_output_tokens", "'max_tokens'", id="Responses-limit"),
            pytest.param("tools", "bind_tools", id="tools"),
            pytest.param("thinking", "'thinking_budget'", id="ChatAnthropic-budget"),
            pytest.param("max_tokens_to_sample", "'max_tokens'", id="ChatAnthropic-limit"),
            pytest.param("anthropic_api_url", "'base_url'", id="ChatAnthropic-url"),
            pytest.param("include_thoughts", "content_blocks", id="Gemini-thoughts"),
            pytest.param("azure_endpoint", "'base_url'", id="AzureChatOpenAI-url"),
            pytest.param("system_prompt", "SystemMessage", id="a-prompt"),
            pytest.param("method", "with_structured_output", id="a-structure"),
            pytest.param("strict", "bind_tools", id="strict"),
            pytest.param("verify", "http_client", id="certificates"),
            pytest.param("connect_timeout", "Timeouts(connect=", id="a-clock"),
            pytest.param("max_input_tokens", "profile=", id="a-window"),
            pytest.param("extra_headers", "'default_headers'", id="headers"),
            pytest.param("max_concurrency", "batch", id="concurrency"),
            pytest.param("temprature", "'temperature'", id="a-slip"),
            pytest.param("Temperature", "'temperature'", id="a-capital"),
            pytest.param("quantization_level", "extra_body", id="unknown"),
        ],
    )
    def test_the_error_names_what_to_write_here(self, name, advice):
        """Names of other classes are looked up in a table; slips by their spelling."""
        with pytest.raises(TypeError) as refused:
            model(**{name: "x"})
        assert repr(name) in str(refused.value)
        assert advice in str(refused.value)

    @pytest.mark.parametrize(
        "name", ["dashscope_api_key", "my_key", "api_token", "password", "auth_token", "apikey"]
    )
    def test_a_key_is_never_sent_to_extra_body(self, name):
        """What stands in `extra_body` goes to the gateway's logs and into traces."""
        with pytest.raises(TypeError) as refused:
            model(**{name: "sk-secret"})
        assert "extra_body" not in str(refused.value)
        assert "sk-secret" not in str(refused.value)

    def test_a_call_names_its_own_settings(self, gateway_server):
        """The table serves a call's keywords too."""
        server = gateway_server("dashscope")
        with pytest.raises(TypeError, match=r"The call got .*'max_output_tokens'.*'max_tokens'"):
            model(base_url=server.base_url).invoke("Hello!", max_output_tokens=5)

    def test_every_name_of_the_table_is_ours(self):
        """The right side of the table are settings that exist."""
        assert set(setting_hints._RENAMED.values()) <= constructor_names()
        assert not set(setting_hints._RENAMED) & constructor_names()


@pytest.mark.parametrize("bias", [{50256: -100}, {"50256": -100}], ids=["number", "text"])
def test_a_token_id_may_be_a_number(gateway_server, bias):
    """ChatOpenAI takes numbers, JSON has texts; the model and a call take both."""
    server = gateway_server("vllm")
    options = {"model": "qwen3.6-27b", "gateway": "vllm", "base_url": server.base_url}
    model(**options, logit_bias=bias).invoke("Hello!")
    model(**options).invoke("Hello!", logit_bias=bias)
    assert [body["logit_bias"] for body in server.bodies] == [{"50256": -100}] * 2


@pytest.mark.parametrize(
    ("name", "client", "words"),
    [
        pytest.param("http_client", httpx.AsyncClient(), "httpx.Client`, not", id="async-for-sync"),
        pytest.param("http_client", object(), "not a object", id="another-sdks"),
    ],
)
def test_a_client_of_another_kind_is_named(name, client, words):
    """Before anything is sent; it was an AttributeError of httpx."""
    with pytest.raises(UnsupportedSettingError, match=words):
        model(**{name: client}).invoke("Hello!")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        pytest.param("timeout", "soon", r"seconds, `Timeouts\(...\)`", id="timeout-text"),
        pytest.param("timeout", -1, r"seconds, `Timeouts\(...\)`", id="timeout-below-0"),
        pytest.param("thinking_budget", -1, "below 0", id="budget-below-0"),
    ],
)
def test_a_value_that_no_call_takes_is_none_for_the_constructor(name, value, words):
    """It was taken, and each call failed: embeddings refused the same timeout when made."""
    with pytest.raises(ValueError, match=words):
        model(**{name: value})


async def test_a_sync_client_is_no_async_one():
    """The message names the class that the setting takes."""
    with pytest.raises(UnsupportedSettingError, match=r"httpx\.AsyncClient"):
        await model(http_async_client=httpx.Client()).ainvoke("Hello!")


def test_white_space_around_a_url_is_not_part_of_it(gateway_server):
    """A line that is read from a file ends with a newline; a key's is stripped, too."""
    server = gateway_server("dashscope")
    asked = model(base_url=f" {server.base_url}\n", api_key=server.key)
    assert asked.invoke("Hello!").text


class TestTheKey:
    @pytest.mark.parametrize(
        "around",
        [
            pytest.param("{}\n", id="newline"),
            pytest.param(" {} ", id="spaces"),
            pytest.param('"{}"', id="quotes"),
            pytest.param("'{}'\r\n", id="quotes-and-newline"),
        ],
    )
    @pytest.mark.parametrize("way", ["argument", "secret", "function", "variable"])
    def test_what_stands_around_it_is_taken_off(self, gateway_server, monkeypatch, around, way):
        """A key read from a file ends with a newline; Docker's `--env-file` keeps the quotes."""
        server = gateway_server("dashscope")
        key = around.format(server.key)
        monkeypatch.setenv("DASHSCOPE_API_KEY", key)
        given = {"argument": key, "secret": SecretStr(key), "function": lambda: key}
        asked = model(base_url=server.base_url, api_key=given.get(way))
        assert asked.invoke("Hello!").text

    @pytest.mark.parametrize(
        ("key", "reason"),
        [
            pytest.param("sk-1 sk-2", "white space", id="two-keys"),
            pytest.param("sk-1\nDASHSCOPE=2", "newline", id="two-lines"),
            pytest.param("sk\u20131", "HTTP header", id="a-long-dash"),
            pytest.param('""', "empty", id="only-quotes"),
        ],
    )
    def test_what_cannot_be_a_key_is_refused_at_construction(self, key, reason):
        """The error names the reason and not the key."""
        with pytest.raises(UnsupportedSettingError, match=reason) as refused:
            model(api_key=key)
        assert "sk" not in str(refused.value)

    def test_an_empty_one_is_refused(self):
        """White space alone is no key."""
        with pytest.raises(ValueError, match="`api_key` is empty"):
            model(api_key=" \n")


class TestOtherClassesForms:
    @pytest.mark.parametrize(
        ("reasoning", "ours"),
        [
            pytest.param({"effort": "high"}, {"reasoning_effort": "high"}, id="effort"),
            pytest.param({"max_tokens": 100}, {"thinking_budget": 100}, id="budget"),
            pytest.param({"enabled": False}, {"enable_thinking": False}, id="switch"),
            pytest.param(
                {"effort": "low", "summary": "auto"}, {"reasoning_effort": "low"}, id="summary"
            ),
            pytest.param(True, {"enable_thinking": True}, id="ChatOllama"),
            pytest.param(None, {}, id="none"),
        ],
    )
    def test_reasoning_is_read(self, reasoning, ours):
        """ChatOpenAI's, ChatOpenRouter's and ChatOllama's `reasoning` set our thinking settings."""
        made = model(reasoning=reasoning)
        names = ("reasoning_effort", "thinking_budget", "enable_thinking")
        values = {name: getattr(made, name) for name in names}
        assert {name: value for name, value in values.items() if value is not None} == ours

    def test_a_call_takes_it_too(self, gateway_server):
        """`reasoning=` of one call switches thinking for that call."""
        server = gateway_server("dashscope")
        model(base_url=server.base_url, api_key=server.key).invoke("Hello!", reasoning=False)
        assert server.bodies[-1]["enable_thinking"] is False

    @pytest.mark.parametrize(
        "options",
        [
            pytest.param({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, id="twice"),
            pytest.param({"reasoning": {"mode": "deep"}}, id="unknown-key"),
            pytest.param({"reasoning": "high"}, id="a-text"),
            pytest.param({"model_kwargs": {"stream_options": {"x": 1}}}, id="stream-options"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, options):
        """An unknown form, or two different values for one setting, is an error."""
        with pytest.raises(UnsupportedSettingError):
            model(**options)

    def test_stream_options_of_a_call_ask_for_usage_or_not(self, gateway_server):
        """`stream_options` becomes `stream_usage`, which is sent in streams only."""
        server = gateway_server("dashscope")
        asked = model(base_url=server.base_url, api_key=server.key)
        list(asked.stream("Hello!", stream_options={"include_usage": False}))
        assert "stream_options" not in server.bodies[-1]

    def test_stream_options_in_model_kwargs_are_not_sent_without_a_stream(self, gateway_server):
        """Servers refuse `stream_options` in a request that does not stream."""
        server = gateway_server("dashscope")
        kwargs = {"stream_options": {"include_usage": True}}
        asked = model(
            base_url=server.base_url,
            api_key=server.key,
            model_kwargs=kwargs,
            enable_thinking=False,
        )
        asked.invoke("Hello!")
        assert "stream_options" not in server.bodies[-1]
        assert kwargs == {"stream_options": {"include_usage": True}}

    @pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
    def test_what_depends_on_other_settings_leaves_model_kwargs(self, gateway_server):
        """ChatOpenAI's users write it there; left there, JSON was asked for while thinking."""
        server = gateway_server("dashscope")
        kwargs = {"response_format": {"type": "json_object"}, "parallel_tool_calls": False}
        asked = model(base_url=server.base_url, api_key=server.key, model_kwargs=kwargs)
        asked.invoke("A city as JSON.")
        assert server.bodies[-1]["enable_thinking"] is False
        assert (asked.response_format, asked.parallel_tool_calls) == (
            {"type": "json_object"},
            False,
        )

    def test_extra_body_in_model_kwargs_goes_into_the_body(self):
        """OpenAI's client spreads it there; as a key of the body no server reads it."""
        inner = {"chat_template_kwargs": {"enable_thinking": False}, "a": 1}
        made = model(model_kwargs={"extra_body": inner, "seed": 7}, extra_body={"a": 2})
        assert made.extra_body == inner | {"a": 2}
        assert made.model_kwargs == {"seed": 7}

    def test_no_number_of_retries_is_the_default(self):
        """`max_retries=None`, as all other chat models take it, is 2."""
        assert model(max_retries=None).max_retries == 2

    @pytest.mark.parametrize("options", [{"n": 0}, {"n": 2, "streaming": True}], ids=str)
    def test_a_number_of_answers_that_cannot_be_given_is_refused(self, options):
        """No answer, or several in one stream, fail at construction."""
        with pytest.raises(ValueError, match="n"):
            model(**options)


def test_the_types_can_be_resolved_where_langchain_resolves_them():
    """`with_fallbacks` evaluates the annotations of public methods when one is called on it."""
    assert "kwargs" in get_type_hints(ChatQwen36.bind_tools)
