"""`ChatQwen36`'s constructor, its per-call settings, and what it says of itself."""

from __future__ import annotations

import copy
import pickle
import warnings
from dataclasses import asdict

import pytest
from langchain_core.load import dumps
from loopback import Reply
from pydantic import BaseModel, SecretStr, ValidationError

from langchain_qwen36 import ChatQwen36, QwenWarning, Timeouts
from langchain_qwen36._model.call_options import merge
from langchain_qwen36.errors import MissingKeyError, UnsupportedSettingError
from langchain_qwen36.gateways import Gateway

CANARY = "sk-canary-5f1e0c9d7b"


def model(**settings) -> ChatQwen36:
    """Return a model that is never called."""
    return ChatQwen36(**{"gateway": "dashscope", "api_key": CANARY, **settings})


class TestConstructor:
    @pytest.mark.parametrize(
        ("misspelt", "nearest"),
        [
            pytest.param("temprature", "temperature", id="letter"),
            pytest.param("thinking_buget", "thinking_budget", id="budget"),
            pytest.param("max_token", "max_tokens", id="singular"),
        ],
    )
    def test_a_misspelt_keyword_names_the_nearest(self, misspelt, nearest):
        """Pydantic would drop it in silence."""
        with pytest.raises(TypeError, match=f"{misspelt}.*{nearest}"):
            model(**{misspelt: 1})

    def test_a_misspelt_keyword_of_a_call_names_the_nearest(self):
        """The same for one call, before anything is sent."""
        with pytest.raises(TypeError, match=r"tempurature.*temperature"):
            model().invoke("hi", tempurature=0)

    def test_a_constructor_setting_is_refused_for_one_call(self):
        """Where a call goes is the model's, for a key goes with it."""
        with pytest.raises(TypeError, match="constructor"):
            model().invoke("hi", base_url="http://localhost:1/v1")

    def test_no_key_anywhere_names_the_variables_and_the_embedded_engine(self):
        """The first thing that a newcomer sees."""
        with pytest.raises(MissingKeyError) as missing:
            ChatQwen36()
        words = ("DASHSCOPE_API_KEY", "OPENROUTER_API_KEY", "base_url", 'gateway="local"')
        assert [word in str(missing.value) for word in words] == [True] * 4

    def test_an_unknown_gateway_lists_the_known_ones(self):
        """By name, before anything is sent."""
        with pytest.raises(UnsupportedSettingError, match=r"openroute.*openrouter"):
            model(gateway="openroute")

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            pytest.param({"model": "openrouter:qwen/qwen3.6-plus"}, "qwen/qwen3.6-plus", id="p63"),
            pytest.param({"model": "qwen3.6:27b", "gateway": "ollama"}, "qwen3.6:27b", id="colon"),
            pytest.param(
                {"model_name": "qwen3.6-flash", "gateway": "apiyi"}, "qwen3.6-flash", id="by-field"
            ),
            pytest.param({"gateway": "apiyi"}, "qwen3.6-plus", id="default"),
        ],
    )
    def test_the_model_may_be_named_in_several_ways(self, given, expected):
        """A gateway's name in front chooses it; any other colon is the model's."""
        assert ChatQwen36(api_key=CANARY, **given).model == expected

    def test_the_embedded_engines_model_has_its_own_name(self, monkeypatch):
        """It is not Qwen, however the engine was chosen."""
        monkeypatch.setenv("QWEN36_GATEWAY", "local")
        names = {ChatQwen36().model, ChatQwen36(gateway="local").model}
        assert names == {"smollm2-135m-instruct"}

    def test_an_empty_key_is_refused(self):
        """It would be sent, and come back as somebody else's error."""
        with pytest.raises(ValueError, match="api_key"):
            model(api_key="")


class TestSecrets:
    @pytest.mark.parametrize(
        "say",
        [
            pytest.param(repr, id="repr"),
            pytest.param(str, id="str"),
            pytest.param(dumps, id="dumps"),
            pytest.param(lambda m: str(m._identifying_params), id="identifying"),
            pytest.param(lambda m: str(m._get_invocation_params()), id="invocation"),
            pytest.param(lambda m: str(m._get_ls_params()), id="langsmith"),
            pytest.param(lambda m: m._get_llm_string(), id="cache-key"),
            pytest.param(lambda m: str(m.model_dump()), id="dump"),
        ],
    )
    def test_the_key_stands_nowhere(self, say):
        """In nothing that is printed, traced, cached or serialised."""
        assert CANARY not in say(model(default_headers={"x-secret": CANARY}))

    def test_headers_of_a_call_stay_out_of_traces(self):
        """A key may stand in them."""
        params = model()._get_invocation_params(extra_headers={"authorization": CANARY})
        assert CANARY not in str(params)


class TestCopies:
    @pytest.mark.parametrize(
        "duplicate",
        [
            pytest.param(lambda m: pickle.loads(pickle.dumps(m)), id="pickle"),  # noqa: S301
            pytest.param(copy.deepcopy, id="deepcopy"),
            pytest.param(copy.copy, id="copy"),
            pytest.param(lambda m: m.model_copy(), id="model-copy"),
        ],
    )
    def test_a_copy_is_equal(self, duplicate):
        """No client, socket or lock is part of a model."""
        original = model(temperature=0.5, timeout=Timeouts(gap=9))
        assert duplicate(original) == original

    def test_a_copy_with_another_model_gets_its_profile(self):
        """Summarising middleware would act on the wrong window."""
        changed = model(model="qwen3.6-plus").model_copy(update={"model": "qwen3.6-27b"})
        assert (changed.model, changed.profile["max_input_tokens"]) == ("qwen3.6-27b", 262_144)

    def test_a_copy_with_other_settings_has_another_cache_key(self):
        """Core would give the first configuration's cached answer."""
        original = model(temperature=0)
        before = original._get_llm_string()
        assert original.model_copy(update={"temperature": 1})._get_llm_string() != before

    def test_a_users_own_profile_is_kept(self):
        """Only what we looked up ourselves is looked up again."""
        kept = model(profile={"max_input_tokens": 5}).model_copy(update={"model": "qwen3.6-27b"})
        assert kept.profile == {"max_input_tokens": 5}

    def test_a_copy_may_bring_its_profile(self):
        """What is said for the copy is not looked up, whatever its model."""
        changed = model().model_copy(
            update={"model": "qwen3.6-27b", "profile": {"max_input_tokens": 7}}
        )
        assert (changed.model, changed.profile) == ("qwen3.6-27b", {"max_input_tokens": 7})

    def test_what_holds_no_settings_is_no_model(self):
        """A slip in a config file is told as pydantic tells it."""
        with pytest.raises(ValidationError, match="valid dictionary"):
            ChatQwen36.model_validate("qwen3.6-plus")

    def test_a_model_that_is_validated_is_itself(self):
        """A field of a class of your own may be a `ChatQwen36`."""
        original = model()
        assert ChatQwen36.model_validate(original) is original


def test_the_key_may_be_a_function_that_is_asked_at_each_call(gateway_server):
    """A rotating key."""
    server = gateway_server("openrouter")
    keys = iter(["wrong", server.key])
    rotating = ChatQwen36(
        gateway="openrouter", base_url=server.base_url, api_key=lambda: next(keys), max_retries=0
    )
    with pytest.raises(ValueError, match="401"):
        rotating.invoke("hi")
    assert rotating.invoke("hi").text


async def test_the_key_may_be_an_async_function(gateway_server):
    """A token service; sync calls say that they cannot wait for it."""

    async def token() -> str:
        return server.key

    server = gateway_server("openrouter")
    asked = ChatQwen36(gateway="openrouter", base_url=server.base_url, api_key=token)
    assert (await asked.ainvoke("hi")).text
    with pytest.raises(TypeError, match="ainvoke"):
        asked.invoke("hi")


def test_what_is_done_otherwise_is_warned_of_and_noted(gateway_server):
    """Thinking is off for the forced call only, and the message says so."""
    server = gateway_server("dashscope")
    asked = ChatQwen36(gateway="dashscope", base_url=server.base_url, api_key=server.key)

    class City(BaseModel):
        """A city."""

        name: str

    with pytest.warns(QwenWarning, match="forced tool choice"):
        message = asked.bind_tools([City], tool_choice="any").invoke("Paris?")
    assert "thinking" in message.response_metadata["notes"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asked.invoke("hi").additional_kwargs["reasoning_content"]


def test_headers_come_back_where_asked_for(gateway_server):
    """Off by default: they may hold cookies."""
    server = gateway_server("openrouter")
    asked = ChatQwen36(gateway="openrouter", base_url=server.base_url, api_key=server.key)
    assert "headers" not in asked.invoke("hi").response_metadata
    told = asked.invoke("hi", include_response_headers=True).response_metadata["headers"]
    assert told["content-type"].startswith("application/json")


def test_a_gateway_of_ones_own_is_a_row(gateway_server):
    """Facts of the user's server, with the class's defaults for the rest."""
    server = gateway_server("vllm")
    mine = Gateway(name="mine", base_url=server.base_url, thinking="chat_template_kwargs")
    asked = ChatQwen36(
        model="qwen3.6-27b", gateway=mine, api_key=SecretStr("x"), enable_thinking=False
    )
    assert asked.invoke("hi").response_metadata["gateway"] == "mine"
    assert server.bodies[-1]["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("constructor", "call", "expected"),
    [
        pytest.param({"thinking_budget": 9}, {}, (None, 9, None), id="nothing-said"),
        pytest.param(
            {"thinking_budget": 9}, {"reasoning_effort": "low"}, (None, None, "low"), id="effort"
        ),
        pytest.param(
            {"reasoning_effort": "low"}, {"thinking_budget": 9}, (None, 9, None), id="budget"
        ),
        pytest.param({"enable_thinking": True}, {"thinking_budget": 0}, (None, 0, None), id="zero"),
        pytest.param(
            {"thinking_budget": 0}, {"enable_thinking": True}, (True, None, None), id="on"
        ),
        pytest.param({"thinking_budget": 9}, {"enable_thinking": True}, (True, 9, None), id="kept"),
        pytest.param(
            {"enable_thinking": True}, {"enable_thinking": None}, (None, None, None), id="unsaid"
        ),
    ],
)
def test_what_a_call_says_of_thinking_replaces_what_it_contradicts(constructor, call, expected):
    """A default of the constructor never makes a call's own wish an error."""
    said = merge(model(**constructor), "qwen3.6-plus", None, call).thinking
    assert (said.enabled, said.budget, said.effort) == expected


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param({"temperature": "hot"}, "number", id="text-for-a-number"),
        pytest.param({"reasoning_effort": "huge"}, "'low', 'medium'", id="effort"),
        pytest.param({"replay_reasoning": "often"}, "'tool_loop'", id="replay"),
        pytest.param({"forced_tool_choice": "maybe"}, "'disable_thinking'", id="policy"),
        pytest.param({"extra_body": [1]}, "dictionary", id="body"),
        pytest.param({"model_kwargs": None}, "dictionary", id="none-where-none-cannot-be"),
        pytest.param({"max_retries": -1}, "greater", id="below-0"),
    ],
)
def test_a_value_that_the_constructor_refuses_is_refused_for_one_call(wrong, words):
    """Before anything is sent, naming the keyword and what it takes."""
    [name] = wrong
    with pytest.raises(UnsupportedSettingError, match=f"`{name}=.*{words}"):
        model(http_client=object()).invoke("hi", **wrong)


def test_a_value_of_a_call_is_read_as_the_constructor_reads_it():
    """A number that came as text, from a form or a configuration."""
    params = merge(model(), "qwen3.6-plus", None, {"temperature": "0.5", "top_k": "20"}).params
    assert params == {"temperature": 0.5, "top_k": 20}


def test_one_word_to_stop_at_is_one_word():
    """LangChain hands on what `invoke(stop=…)` was given; its letters are not the stops."""
    assert merge(model(), "qwen3.6-plus", "END", {}).params == {"stop": "END"}


def test_a_class_is_a_response_format_of_one_call_too():
    """As `bind_tools` takes it."""

    class City(BaseModel):
        """A city."""

        name: str

    said = merge(model(), "qwen3.6-plus", None, {"response_format": City}).response_format
    assert said is not None
    assert said["json_schema"]["name"] == "City"


def test_an_unknown_method_of_structured_output_names_the_known_ones():
    """Before anything is bound."""
    with pytest.raises(ValueError, match=r"json_shema.*json_schema"):
        model().with_structured_output({"title": "A", "type": "object"}, method="json_shema")


def test_a_row_of_ones_own_is_dumped_as_its_facts():
    """Without a warning from pydantic, which knows no dataclass here."""
    mine = Gateway(name="mine", base_url="http://localhost:1/v1")
    assert ChatQwen36(gateway=mine).model_dump()["gateway"] == asdict(mine)


@pytest.mark.parametrize(
    ("settings", "call"),
    [
        pytest.param({"api_key": "sk-caf\u00e9"}, {}, id="key"),
        pytest.param({"default_headers": {"x-app": "caf\u00e9"}}, {}, id="letter"),
        pytest.param({}, {"extra_headers": {"x-app": None}}, id="none"),
    ],
)
def test_what_no_header_can_carry_is_refused_by_name(settings, call):
    """Before anything is sent, and without the value, which may be a secret."""
    with pytest.raises(UnsupportedSettingError, match=r"api_key|x-app") as refused:
        model(**settings).invoke("hi", **call)
    assert "caf" not in str(refused.value)


@pytest.mark.pain("P36")
@pytest.mark.parametrize("ask", ["invoke", "stream"])
def test_an_answer_that_was_all_thinking_is_warned_of(gateway_server, caplog, ask):
    """With advice, in every call style; the message is marked."""
    server = gateway_server("openrouter")
    server.script(Reply(reasoning="Hm, so many words.", text="", finish="length"))
    asked = ChatQwen36(gateway="openrouter", base_url=server.base_url, api_key=server.key)
    answer = asked.invoke("hi") if ask == "invoke" else list(asked.stream("hi"))[-1]
    assert answer.response_metadata["empty_answer"] is True
    assert "thinking_budget" in caplog.text


@pytest.mark.pain("P58")
@pytest.mark.parametrize(
    ("model", "reasoning", "times"),
    [
        pytest.param("qwen3.6-flash", "I think all the same.", 1, id="thoughts-once"),
        # `transformers serve` streams those between the template's empty tags.
        pytest.param("qwen3.6-plus", "\n\n", 0, id="line-breaks-never"),
    ],
)
def test_thoughts_that_were_switched_off_are_warned_of_once(
    gateway_server, caplog, model, reasoning, times
):
    """They are paid for; twice the same line would help nobody."""
    server = gateway_server("openrouter")
    server.script(*[Reply(reasoning=reasoning, text="Yes.")] * 2)
    where = {"gateway": "openrouter", "base_url": server.base_url, "api_key": server.key}
    asked = ChatQwen36(model=model, enable_thinking=False, **where)
    for _ in range(2):
        asked.invoke("hi")
    assert caplog.text.count("thinks although thinking is switched off") == times
