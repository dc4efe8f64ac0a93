from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from datetime import date

import orjson
import pytest
from files import JPEG, packed
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_qwen36._request.build import build, to_bytes
from langchain_qwen36._request.tools import to_wire
from langchain_qwen36._request.types import Settings, Thinking
from langchain_qwen36.catalog import find_model
from langchain_qwen36.errors import MessageError, UnsupportedSettingError
from langchain_qwen36.gateways import GATEWAYS, Gateway

DASHSCOPE = GATEWAYS["dashscope"]
OPENROUTER = GATEWAYS["openrouter"]
AIMLAPI = GATEWAYS["aimlapi"]
VLLM = GATEWAYS["vllm"]
PLAIN = Gateway(name="plain")
HI = (HumanMessage("hi"),)
JSON = {"type": "json_object"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
OFF = Thinking(enabled=False)


def tool(name, **parameters):
    """Return a tool in wire form."""
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def named(name):
    """Return a named choice in wire form."""
    return {"type": "function", "function": {"name": name}}


def ask(gateway=DASHSCOPE, *, messages=HI, model="qwen3.6-plus", stream=False, **said):
    """Return the request of one call."""
    call = Settings(model=model, wire_model=model, **said)
    return build(messages, call, gateway, find_model(model), stream=stream)


class TestBody:
    def test_parameters_go_under_their_own_names(self):
        """What has no field of its own to map goes as it is."""
        params = {"temperature": 0.5, "enable_search": True, "providerOptions": {"x": 1}}
        body = ask(PLAIN, params=params).body

        assert body == {
            "model": "qwen3.6-plus",
            "messages": [{"role": "user", "content": "hi"}],
            **params,
        }

    @pytest.mark.pain("P10")
    def test_usage_is_asked_for_in_streams_only(self):
        """Unless the user does not want it, or the row does not take it."""
        wanted = {"stream": True, "stream_options": {"include_usage": True}}
        silent = replace(PLAIN, stream_usage=False)
        alike = ask(PLAIN).body

        assert ask(PLAIN, stream=True).body == alike | wanted
        assert ask(PLAIN, stream=True, stream_usage=False).body == alike | {"stream": True}
        assert ask(silent, stream=True).body == alike | {"stream": True}

    def test_no_tools_leave_no_trace(self):
        """An empty list is refused by servers; a choice without tools too."""
        body = ask(PLAIN, tools=[], tool_choice="auto", parallel_tool_calls=True).body

        assert body.keys() == {"model", "messages"}

    @pytest.mark.pain("P56")
    @pytest.mark.parametrize(
        ("gateway", "said", "expected"),
        [
            pytest.param(DASHSCOPE, None, True, id="the-row's-default"),
            pytest.param(DASHSCOPE, False, False, id="the-user's-word"),
            pytest.param(PLAIN, None, None, id="nothing"),
        ],
    )
    def test_parallel_calls_are_asked_for_where_the_default_is_one(self, gateway, said, expected):
        """DashScope gives one call a turn unless told otherwise."""
        body = ask(gateway, tools=[tool("f")], parallel_tool_calls=said).body

        assert body.get("parallel_tool_calls") is expected

    @pytest.mark.pain("P14")
    def test_the_user_s_own_body_wins(self):
        """Last and over everything, objects key by key; nothing of his is written to."""
        extra = {
            "temperature": 1,
            "chat_template_kwargs": {"enable_thinking": False, "a": {"b": 1}},
        }
        before = deepcopy(extra)
        body = ask(
            VLLM,
            params={"temperature": 0, "seed": 1},
            thinking=Thinking(enabled=True, preserve=True),
            extra_body=extra,
        ).body

        assert extra == before
        assert {key: body[key] for key in ("temperature", "seed", "chat_template_kwargs")} == {
            "temperature": 1,
            "seed": 1,
            "chat_template_kwargs": {
                "enable_thinking": False,
                "preserve_thinking": True,
                "a": {"b": 1},
            },
        }

    @pytest.mark.pain("P14")
    def test_thinking_switched_off_in_the_user_s_own_body_is_believed(self):
        """The idiom of those who come from ChatOpenAI."""
        request = ask(
            tools=[tool("f")], tool_choice=named("f"), extra_body={"enable_thinking": False}
        )

        assert (request.thinking, request.notes) == (False, {})
        assert request.body["tool_choice"] == named("f")

    def test_a_user_s_own_body_that_insists_on_thinking_leaves_the_choice_open(self):
        """It cannot be switched off over his word."""
        request = ask(
            tools=[tool("f")], tool_choice=named("f"), extra_body={"enable_thinking": True}
        )

        assert (request.body["enable_thinking"], request.body["tool_choice"]) == (True, "auto")
        assert not request.retry_if_no_tool_call

    @pytest.mark.pain("P70")
    def test_refs_are_written_out_where_the_template_shows_the_schema(self):
        """On servers with Qwen's own template; elsewhere the schema goes as it is."""
        parameters = {
            "properties": {"a": {"$ref": "#/$defs/A"}},
            "$defs": {"A": {"type": "number"}},
        }
        tools = [tool("f", **parameters)]
        written = {"properties": {"a": {"type": "number"}}}

        assert ask(VLLM, tools=tools).body["tools"] == [tool("f", **written)]
        assert ask(DASHSCOPE, tools=tools).body["tools"] == tools
        assert ask(DASHSCOPE, tools=tools).tools == {"f": written}

    @pytest.mark.pain("P64")
    def test_a_tool_s_cache_mark_goes_only_where_it_is_read(self):
        """It changes no answer, so it is left out elsewhere."""
        marked = tool("f") | {"cache_control": {"type": "ephemeral"}}

        assert ask(DASHSCOPE, tools=[marked]).body["tools"] == [marked]
        assert ask(VLLM, tools=[marked]).body["tools"] == [tool("f")]

    @pytest.mark.pain("P44")
    def test_the_request_remembers_the_name_it_was_asked_by(self):
        """The gateway's spelling goes out; ours prices it."""
        call = Settings(model="qwen3.6-plus", wire_model="qwen/qwen3.6-plus")
        request = build(HI, call, OPENROUTER, find_model("qwen3.6-plus"), stream=False)

        assert request.body["model"] == "qwen/qwen3.6-plus"
        assert request.requested_model == "qwen3.6-plus"

    @pytest.mark.pain("P23")
    def test_the_request_remembers_the_ids_of_the_history(self):
        """An answer must not use one again."""
        ai = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "c1"}])

        assert ask(messages=[*HI, ai, ToolMessage("ok", tool_call_id="c1")]).used_ids == {"c1"}

    @pytest.mark.pain("P27")
    def test_kept_thoughts_are_all_sent_back(self):
        """With tools on a model that keeps them; another provider's still stay out."""
        old = AIMessage("old", additional_kwargs={"reasoning_content": "mine"})
        theirs = AIMessage(
            "old",
            additional_kwargs={"reasoning_content": "theirs"},
            response_metadata={"model_provider": "other"},
        )
        history = [*HI, old, *HI, theirs, *HI]

        def thoughts(**said):
            sent = ask(messages=history, **said).body["messages"]
            return [m["reasoning_content"] for m in sent if "reasoning_content" in m]

        assert thoughts(tools=[tool("f")]) == ["mine"]
        assert thoughts() == []
        assert thoughts(replay_reasoning="all") == ["mine", "theirs"]


class TestForcedChoice:
    """A forced choice while thinking is a 400 on Qwen's own servers."""

    TWO = (tool("f"), tool("g"))

    @pytest.mark.pain("P04")
    def test_thinking_goes_off_for_this_call_and_it_is_said(self):
        """The default; budget and kept thoughts go with it."""
        request = ask(
            tools=self.TWO, tool_choice=named("g"), thinking=Thinking(budget=5, preserve=True)
        )

        assert request.thinking is False
        assert list(request.notes) == ["thinking"]
        assert request.notes["thinking"].startswith(
            "Thinking was switched off for this call, because the gateway takes no forced tool "
        )
        assert request.body.keys() & {
            "enable_thinking",
            "thinking_budget",
            "preserve_thinking",
        } == {"enable_thinking"}

    @pytest.mark.pain("P04")
    def test_left_to_the_model_only_the_named_tool_is_offered(self):
        """One tool and "auto" is the nearest to forcing it."""
        request = ask(tools=self.TWO, tool_choice=named("g"), forced_tool_choice="auto")

        assert request.body["tool_choice"] == "auto"
        assert request.body["tools"] == [tool("g")]
        assert request.retry_if_no_tool_call

    @pytest.mark.pain("P04")
    @pytest.mark.parametrize("choice", ["required", named("f")], ids=["some", "named"])
    def test_or_it_is_an_error(self, choice):
        """That names the ways out."""
        with pytest.raises(UnsupportedSettingError, match="enable_thinking=False"):
            ask(tools=self.TWO, tool_choice=choice, forced_tool_choice="error")

    @pytest.mark.pain("P05")
    def test_some_tool_of_many_is_left_to_the_model(self):
        """The server takes no "required" at all; with thinking off nothing is left to try."""
        thinking = ask(tools=self.TWO, tool_choice="required")
        silent = ask(tools=self.TWO, tool_choice="required", thinking=OFF)

        assert (thinking.body["tool_choice"], thinking.retry_if_no_tool_call) == ("auto", True)
        assert (silent.body["tool_choice"], silent.retry_if_no_tool_call) == ("auto", False)

    @pytest.mark.pain("P04")
    @pytest.mark.parametrize(
        ("model", "thinking"),
        [
            pytest.param("qwen3.6-plus", OFF, id="switched-off"),
            pytest.param("qwen3-max", Thinking(), id="off-by-default"),
            pytest.param("qwen3-coder-plus", Thinking(), id="a-model-that-never-thinks"),
        ],
    )
    def test_without_thinking_it_goes_as_asked(self, model, thinking):
        """And nothing is said, for nothing was changed."""
        request = ask(model=model, tools=self.TWO, tool_choice=named("g"), thinking=thinking)

        assert (request.body["tool_choice"], request.notes) == (named("g"), {})

    @pytest.mark.pain("P04")
    def test_a_model_that_always_thinks_is_left_the_choice(self):
        """There is no thinking to switch off."""
        request = ask(model="qwq-plus", tools=self.TWO, tool_choice=named("g"))

        assert (request.body["tool_choice"], request.thinking) == ("auto", True)
        assert not request.retry_if_no_tool_call

    def test_an_unknown_model_is_taken_for_one_that_thinks(self):
        """A 400 is worse than a switch too many."""
        request = ask(model="qwen9-ultra", tools=self.TWO, tool_choice=named("g"))

        assert request.body["enable_thinking"] is False

    @pytest.mark.parametrize("choice", ["auto", "none", None], ids=str)
    def test_a_free_choice_changes_nothing(self, choice):
        """Nor does none."""
        request = ask(tools=self.TWO, tool_choice=choice)

        assert request.body.get("tool_choice") == choice
        assert (request.thinking, request.notes) == (True, {})


class TestFormat:
    """JSON is refused while thinking, and without the word."""

    @pytest.mark.pain("P34")
    def test_the_word_is_put_into_the_system_message_of_the_copy(self):
        """The caller's messages stay as they are."""
        messages = [SystemMessage("s"), *HI]
        before = deepcopy(messages)
        body = ask(messages=messages, response_format=JSON).body

        assert body["messages"][0] == {
            "role": "system",
            "content": "s\n\nAnswer with one JSON object and nothing else.",
        }
        assert messages == before

    @pytest.mark.pain("P34")
    def test_marked_parts_keep_their_marks(self):
        """The words come behind what is cached."""
        part = {"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}
        body = ask(messages=[SystemMessage([part]), *HI], response_format=JSON).body

        assert body["messages"][0]["content"] == [
            part,
            {"type": "text", "text": "\n\nAnswer with one JSON object and nothing else."},
        ]

    @pytest.mark.pain("P34")
    @pytest.mark.parametrize(
        "messages",
        [
            pytest.param([HumanMessage("Give me JSON")], id="user"),
            pytest.param([SystemMessage("json!"), *HI], id="system"),
            pytest.param([HumanMessage(["hi", {"type": "text", "text": "as json"}])], id="part"),
        ],
    )
    def test_a_word_that_is_there_is_not_repeated(self, messages):
        """In whatever case and place."""
        silent = ask(messages=messages, thinking=OFF).body
        asked = ask(messages=messages, thinking=OFF, response_format=JSON).body

        assert asked == silent | {"response_format": JSON}

    @pytest.mark.pain("P34")
    def test_letters_in_a_picture_are_no_word(self):
        """Base64 may hold them by chance."""
        data = packed(JPEG + bytes(-len(JPEG) % 3)) + "json" * 4
        image = {"type": "image", "base64": data, "mime_type": "image/png"}
        body = ask(messages=[HumanMessage(["hi", image])], response_format=JSON).body

        assert body["messages"][0]["role"] == "system"

    @pytest.mark.pain("P34")
    def test_other_servers_need_no_word(self):
        """Nothing is added where nothing is asked for."""
        assert len(ask(VLLM, response_format=JSON).body["messages"]) == 1

    @pytest.mark.parametrize("gateway", [DASHSCOPE, VLLM], ids=lambda row: row.name)
    def test_a_known_schema_is_told_in_words(self, gateway):
        """`json_object` cannot carry it."""
        body = ask(gateway, response_format=JSON, json_hint=SCHEMA).body

        assert orjson.dumps(SCHEMA).decode() in body["messages"][0]["content"]

    @pytest.mark.pain("P35")
    def test_a_schema_that_the_server_does_not_take_is_told_in_words(self):
        """And it is said that it was."""
        wanted = {"type": "json_schema", "json_schema": {"name": "A", "schema": SCHEMA}}
        request = ask(response_format=wanted)

        assert request.body["response_format"] == JSON
        assert orjson.dumps(SCHEMA).decode() in request.body["messages"][0]["content"]
        assert request.notes.keys() == {"response_format", "thinking"}

    def test_a_schema_without_a_name_gets_none(self):
        """The label of a response format goes out as it was given."""
        wanted = {"type": "json_schema", "json_schema": {"schema": SCHEMA}}
        assert ask(VLLM, response_format=wanted).body["response_format"] == wanted

    @pytest.mark.pain("P35")
    def test_a_model_that_takes_schemas_gets_its_own(self):
        """The model's row knows better than the gateway's."""
        wanted = {"type": "json_schema", "json_schema": {"name": "A", "schema": SCHEMA}}
        request = ask(model="qwen3-max", response_format=wanted)

        assert request.body["response_format"] == wanted
        assert len(request.body["messages"]) == 1

    @pytest.mark.pain("P35")
    def test_a_model_that_always_thinks_is_refused(self):
        """Before its server does."""
        with pytest.raises(UnsupportedSettingError, match="function_calling"):
            ask(model="qwq-plus", response_format=JSON)

    def test_plain_text_is_no_json(self):
        """`{"type": "text"}` is the default said aloud."""
        request = ask(response_format={"type": "text"})

        assert (request.body["response_format"], request.thinking) == ({"type": "text"}, True)


class TestLimits:
    @pytest.mark.parametrize(
        ("gateway", "params", "words"),
        [
            pytest.param(DASHSCOPE, {"temperature": 2}, ["temperature=2", "below 2"], id="heat"),
            pytest.param(DASHSCOPE, {"top_p": 0}, ["top_p=0", "above 0"], id="top_p"),
            pytest.param(AIMLAPI, {"seed": 0}, ["seed=0", "at least 1", "aimlapi"], id="seed"),
            pytest.param(AIMLAPI, {"stop": list("abcde")}, ["stop", "at most 4"], id="stops"),
            pytest.param(
                DASHSCOPE, {"temperature": float("nan")}, ["temperature=nan"], id="no-number"
            ),
        ],
    )
    def test_a_setting_out_of_range_is_refused_by_name(self, gateway, params, words):
        """With what the gateway takes."""
        with pytest.raises(UnsupportedSettingError) as refused:
            ask(gateway, params=params)

        assert [word for word in words if word not in str(refused.value)] == []

    @pytest.mark.parametrize(
        "params", [{"temperature": 1.99}, {"stop": "a long word"}, {"seed": 0}], ids=str
    )
    def test_a_setting_in_range_passes(self, params):
        """A stop word is one entry, however long."""
        assert ask(params=params).body.items() >= params.items()

    def test_reserved_tool_names_are_refused_where_they_are(self):
        """DashScope keeps "search" for itself."""
        with pytest.raises(UnsupportedSettingError, match="'search'"):
            ask(tools=[tool("search")], strict_history=True)

        assert ask(VLLM, tools=[tool("search")]).tools.keys() == {"search"}

    @pytest.mark.parametrize(
        "said",
        [
            pytest.param({"thinking": Thinking(enabled=True)}, id="thinking"),
            pytest.param({}, id="thinking-by-default"),
            pytest.param({"thinking": OFF, "tools": [tool("f")]}, id="tools"),
        ],
    )
    def test_several_answers_need_a_plain_call(self, said):
        """`n` above 1 only without thinking and tools."""
        with pytest.raises(UnsupportedSettingError, match="n=2"):
            ask(params={"n": 2}, **said)

    def test_several_answers_pass_where_they_are_taken(self):
        """Without either, or on servers that do not mind."""
        assert ask(params={"n": 2}, thinking=OFF).body["n"] == 2
        assert ask(VLLM, params={"n": 2}, tools=[tool("f")]).body["n"] == 2

    def test_a_cap_that_would_be_passed_over_is_refused(self):
        """max-preview takes none: the answer would cost more than allowed."""
        cap = {"max_completion_tokens": 100}
        with pytest.raises(UnsupportedSettingError, match="thinking_budget"):
            ask(model="qwen3.6-max-preview", params=cap)

        assert ask(params=cap).body["max_completion_tokens"] == 100
        assert ask(VLLM, model="qwen3.6-27b", params=cap).body["max_completion_tokens"] == 100

    def test_a_fifth_cache_mark_is_refused(self):
        """Four count; the server would forget the first without a word."""
        part = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}

        assert ask(messages=[HumanMessage([part] * 4)]).body
        with pytest.raises(MessageError, match="5 blocks"):
            ask(messages=[HumanMessage([part] * 5)])

    @pytest.mark.pain("P61")
    def test_a_begun_answer_needs_thinking_off_on_some_servers(self):
        """llama.cpp refuses a prefill while thinking."""
        begun = [*HI, AIMessage("Once", additional_kwargs={"partial": True})]
        with pytest.raises(MessageError, match="enable_thinking=False"):
            ask(GATEWAYS["llamacpp"], messages=begun)

        assert ask(GATEWAYS["llamacpp"], messages=begun, thinking=OFF).body

    @pytest.mark.pain("P61")
    @pytest.mark.parametrize(
        "row", [name for name, row in GATEWAYS.items() if row.prefill in ("partial", "bare")]
    )
    def test_a_begun_answer_is_continued_while_thinking_on_others(self, row):
        """Where a row knows no such refusal, thinking is left as it is."""
        begun = [*HI, AIMessage("Once", additional_kwargs={"partial": True})]

        assert ask(GATEWAYS[row], messages=begun).body["messages"][-1]["content"] == "Once"

    def test_a_translation_is_one_user_message(self):
        """Translation models take nothing else."""
        params = {"translation_options": {"source_lang": "auto", "target_lang": "English"}}
        with pytest.raises(MessageError, match="one user message"):
            ask(model="qwen-mt-plus", messages=[SystemMessage("s"), *HI], params=params)

        assert ask(model="qwen-mt-plus", params=params).body.items() >= params.items()


@pytest.mark.pain("P07")
@pytest.mark.parametrize(
    ("gateway", "said", "expected"),
    [
        pytest.param(DASHSCOPE, {}, True, id="may-think"),
        pytest.param(DASHSCOPE, {"thinking": OFF}, False, id="does-not-think"),
        pytest.param(
            DASHSCOPE,
            {"tools": [tool("f")], "tool_choice": named("f")},
            False,
            id="switched-off-for-this-call",
        ),
        pytest.param(VLLM, {}, False, id="any-server-without-the-rule"),
    ],
)
def test_invoke_streams_inside_where_thinking_needs_it(gateway, said, expected):
    """Non-stream thinking is a 400 there, and long answers are cut."""
    assert ask(gateway, **said).body.get("stream", False) is expected


# Any history: texts, blocks of every vendor, whole and broken, in any order.
_TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=4)
_IDS = st.sampled_from(["c1", "c2", ""])
_TYPES = st.sampled_from(
    [
        "text",
        "text-plain",
        "image",
        "image_url",
        "video",
        "video_url",
        "audio",
        "input_audio",
        "file",
        "document",
        "reasoning",
        "thinking",
        "redacted_thinking",
        "tool_use",
        "tool_call",
        "tool_result",
        "non_standard",
        "refusal",
        "x",
    ]
)
_VALUES = st.one_of(
    st.none(),
    _TEXTS,
    st.lists(_TEXTS, max_size=2),
    st.dictionaries(st.sampled_from(["url", "data", "type", "name", "file_id"]), _TEXTS),
)
_KEYS = st.sampled_from(
    [
        "text",
        "url",
        "base64",
        "file_id",
        "mime_type",
        "source",
        "source_type",
        "file",
        "image_url",
        "video_url",
        "video",
        "input_audio",
        "reasoning",
        "thinking",
        "id",
        "name",
        "args",
        "input",
        "tool_use_id",
        "content",
        "value",
        "cache_control",
        "extras",
        "data",
        "file_data",
        "fps",
    ]
)
_BLOCKS = st.builds(
    lambda kind, rest: {"type": kind, **rest},
    _TYPES,
    st.dictionaries(_KEYS, _VALUES, max_size=4),
)
_CONTENTS = st.one_of(_TEXTS, st.lists(st.one_of(_TEXTS, _BLOCKS), max_size=3))
_FINITE = st.floats(allow_nan=False, allow_infinity=False)  # others are refused by name
_ARGS = st.dictionaries(_TEXTS, st.one_of(st.integers(), _TEXTS, _FINITE), max_size=2)
_CALLS = st.lists(
    st.builds(
        lambda name, args, key: {"name": name, "args": args, "id": key},
        st.sampled_from(["f", ""]),
        _ARGS,
        st.one_of(st.none(), _IDS),
    ),
    max_size=2,
)
_BROKEN = st.lists(
    st.builds(
        lambda args, key: {"name": None, "args": args, "id": key, "error": None},
        _TEXTS,
        st.one_of(st.none(), _IDS),
    ),
    max_size=1,
)
_KWARGS = st.dictionaries(
    st.sampled_from(["reasoning_content", "reasoning_details", "partial"]), _VALUES, max_size=2
)
_MESSAGES = st.one_of(
    st.builds(HumanMessage, _CONTENTS),
    st.builds(SystemMessage, _CONTENTS),
    st.builds(
        lambda content, calls, broken, kwargs: AIMessage(
            content, tool_calls=calls, invalid_tool_calls=broken, additional_kwargs=kwargs
        ),
        _CONTENTS,
        _CALLS,
        _BROKEN,
        _KWARGS,
    ),
    st.builds(lambda content, key: ToolMessage(content, tool_call_id=key), _CONTENTS, _IDS),
    st.builds(
        lambda content, role: ChatMessage(content, role=role),
        _CONTENTS,
        st.sampled_from(["user", "assistant", "developer", "critic"]),
    ),
)


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        pytest.param("cut \ud83d", "cut \ufffd", id="half-an-emoji"),
        pytest.param({"cut \ud83d": [1]}, {"cut \ufffd": [1]}, id="half-an-emoji-in-a-name"),
        pytest.param(2**128 - 1, 2**128 - 1, id="the-largest-of-128-bits"),
        pytest.param([2**64, float("nan")], [2**64, None], id="beside-what-is-no-number"),
        pytest.param([2**64, date(2026, 12, 1)], [2**64, "2026-12-01"], id="beside-a-date"),
    ],
)
def test_a_schema_of_any_origin_can_be_written(value, sent):
    """JavaScript servers cut a description in an emoji, and Rust writes the limits of its types."""
    function = {"name": "f", "description": "d\ud83d", "parameters": {"default": value}}
    [tool] = to_wire([{"type": "function", "function": function}])
    written = json.loads(to_bytes(ask(VLLM, tools=[tool]).body))["tools"][0]["function"]

    assert written["parameters"]["default"] == sent
    assert written["description"] == "d\ufffd"


@pytest.mark.parametrize("value", [{1, 2}, object()], ids=["set", "object"])
def test_what_json_cannot_hold_is_a_typed_error(value):
    """The message names the type."""
    with pytest.raises(MessageError, match=type(value).__name__):
        to_bytes({"a": value})


def test_a_value_that_is_nested_too_deep_is_a_typed_error():
    """Neither orjson nor Python writes it."""
    value = {}
    for _ in range(2000):
        value = {"a": value}
    with pytest.raises(MessageError, match="cannot be written as JSON"):
        to_bytes(value)


def test_a_json_object_is_asked_for_by_its_schema_where_only_schemas_are_taken():
    """LM Studio answers json_object with a 400; the schema in words becomes the schema."""
    body = ask(GATEWAYS["lmstudio"], response_format=JSON, json_hint=SCHEMA).body

    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": SCHEMA}
    assert body["messages"] == [{"role": "user", "content": "hi"}]


def test_modelscope_streams_inside_while_the_model_may_think():
    """It answers "enable thinking can not be support when `stream=False`" with a 400."""
    row = GATEWAYS["modelscope"]

    assert ask(row, model="qwen3.6-27b").body["stream"] is True
    assert ask(row, model="qwen3.6-27b", thinking=OFF).body == {
        "model": "qwen3.6-27b",
        "messages": [{"role": "user", "content": "hi"}],
        "enable_thinking": False,
    }


@settings(max_examples=400, deadline=None)
@given(
    messages=st.lists(_MESSAGES, max_size=6),
    gateway=st.sampled_from(list(GATEWAYS.values())),
    replay=st.sampled_from(["tool_loop", "all", "never"]),
    response_format=st.sampled_from([None, JSON]),
)
def test_any_history_gives_a_valid_body_or_a_typed_error(
    messages: list[BaseMessage], gateway, replay, response_format
):
    """Never a crash, never a body that breaks the order, and never a mark on the input."""
    before = deepcopy(messages)
    try:
        body = ask(
            gateway, messages=messages, replay_reasoning=replay, response_format=response_format
        ).body
        sent = to_bytes(body)
    except (MessageError, UnsupportedSettingError):
        return
    finally:
        assert repr(messages) == repr(before)
    _check_order(orjson.loads(sent)["messages"])


@st.composite
def _turns(draw):
    """Whole turns: a question, loops of calls with all their results, an answer."""
    messages = []
    for _ in range(draw(st.integers(1, 3))):
        messages.append(HumanMessage(draw(_TEXTS)))
        for _ in range(draw(st.integers(0, 2))):
            calls = draw(_CALLS)
            messages.append(AIMessage(draw(_TEXTS), tool_calls=calls, additional_kwargs=_THOUGHT))
            messages += [ToolMessage(draw(_TEXTS), tool_call_id=c["id"] or "") for c in calls]
        messages.append(draw(st.sampled_from([AIMessage("a"), SystemMessage("s")])))
    return [*messages, HumanMessage("hi")]


_THOUGHT = {"reasoning_content": "hm"}
_TURN = ("user", "assistant", "tool")


@settings(max_examples=150, deadline=None)
@given(
    messages=_turns(),
    gateway=st.sampled_from(list(GATEWAYS.values())),
    replay=st.sampled_from(["tool_loop", "all", "never"]),
)
def test_every_whole_conversation_can_be_sent(messages, gateway, replay):
    """Whatever ids, arguments and texts it holds: each message of it, in a valid order."""
    sent = ask(gateway, messages=messages, replay_reasoning=replay).body["messages"]

    _check_order(sent)
    said = Counter({"human": "user", "ai": "assistant"}.get(m.type, m.type) for m in messages)
    out = Counter(message["role"] for message in sent)
    assert [said[role] for role in _TURN] == [out[role] for role in _TURN]


def _check_order(messages):
    """Return what servers insist on."""
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            waiting.remove(message["tool_call_id"])
            assert isinstance(message["content"], str | list)
            continue
        assert waiting == [] or message["role"] == "system"
        if message["role"] == "assistant":
            assert message["content"] is not None
            calls = message.get("tool_calls", [])
            assert "tool_calls" not in message or calls
            waiting = [call["id"] for call in calls]
            assert len(set(waiting)) == len(waiting)
            assert all(isinstance(orjson.loads(c["function"]["arguments"]), dict) for c in calls)
    assert waiting == []
    last = [message for message in messages if message["role"] != "system"][-1]
    assert last["role"] in {"user", "tool"} or messages[-1]["role"] == "assistant"


class TestAnAnswerInAForm:
    """LangGraph's agents ask for their last answer again, in the form of a schema."""

    ENDED = (HumanMessage("Weather?"), AIMessage("It is sunny."))

    @pytest.mark.pain("P61")
    @pytest.mark.parametrize(
        "form",
        [
            pytest.param({"response_format": JSON}, id="response-format"),
            pytest.param({"tools": [tool("City")], "tool_choice": named("City")}, id="tool"),
            pytest.param(
                {"tools": [tool("City"), tool("Town")], "tool_choice": "required"}, id="any-of-two"
            ),
        ],
    )
    @pytest.mark.parametrize("gateway", [DASHSCOPE, OPENROUTER, VLLM])
    def test_a_user_asks_for_it(self, gateway, form):
        """No server answers an answer; what is added is noted, the messages stay."""
        request = ask(gateway, messages=self.ENDED, **form)
        roles = [message["role"] for message in request.body["messages"]]
        assert [role for role in roles if role != "system"] == ["user", "assistant", "user"]
        assert "added" in request.notes["messages"]

    @pytest.mark.parametrize(
        "last",
        [
            pytest.param(HumanMessage("And now?"), id="user"),
            pytest.param(AIMessage("{", additional_kwargs={"partial": True}), id="begun"),
        ],
    )
    def test_nothing_is_added_where_a_server_can_answer(self, last):
        """A question, or an answer to be gone on with."""
        request = ask(messages=(*HI, last), response_format=JSON, thinking=OFF)
        assert "messages" not in request.notes

    def test_a_strict_history_does_not_end_with_the_assistant(self):
        """Without a response format, `strict_history` refuses a history that ends so."""
        with pytest.raises(MessageError, match="assistant's"):
            ask(
                messages=self.ENDED,
                tools=[tool("City")],
                tool_choice="auto",
                strict_history=True,
            )
