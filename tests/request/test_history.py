"""Histories that no server takes, as LangChain's libraries write them: adapted or refused."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_qwen36._request.build import build, to_bytes
from langchain_qwen36._request.messages import CONTINUE
from langchain_qwen36._request.tool_choice import choice_to_wire
from langchain_qwen36._request.tool_results import NO_RESULT
from langchain_qwen36._request.tools import to_wire
from langchain_qwen36._request.types import Settings
from langchain_qwen36.catalog import find_model
from langchain_qwen36.errors import MessageError, UnsupportedSettingError
from langchain_qwen36.gateways import GATEWAYS

QUESTION = HumanMessage("q")
LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")


def call(call_id, name="f", **args):
    """Return a tool call of the history."""
    return {"name": name, "args": args, "id": call_id}


def answer(*calls, text=""):
    """Return an assistant message with these calls."""
    return AIMessage(text, tool_calls=list(calls))


def result(call_id, text="ok"):
    """Return a tool's result."""
    return ToolMessage(text, tool_call_id=call_id)


def request(messages, gateway="vllm", tools=(), **changes):
    """Build the request of a call with these messages."""
    model = "qwen3.6-plus"
    wire = to_wire(tools)
    changes["tool_choice"] = choice_to_wire(changes.get("tool_choice"), wire)
    call_settings = Settings(model=model, wire_model=model, tools=wire, **changes)
    return build(messages, call_settings, GATEWAYS[gateway], find_model(model), stream=False)


def shown(built):
    """Return role and content of each message; calls and results by the id."""
    return [
        (m["role"], [c["id"] for c in m["tool_calls"]] if "tool_calls" in m else m["content"])
        for m in built.body["messages"]
    ]


@pytest.mark.parametrize(
    ("messages", "sent", "note"),
    [
        pytest.param(
            [QUESTION, AIMessage("a")],
            [("user", "q"), ("assistant", "a"), ("user", CONTINUE)],
            "last_message",
            id="ends-with-the-assistant",
        ),
        pytest.param(
            [SystemMessage("Summarize: x")],
            [("user", "Summarize: x")],
            "system_message",
            id="one-system-message",
        ),
        pytest.param(
            [SystemMessage("a"), SystemMessage("b"), SystemMessage("c")],
            [("system", "a\n\nb"), ("user", "c")],
            "system_message",
            id="only-system-messages",
        ),
        pytest.param(
            [SystemMessage("s"), answer(call("a")), result("a")],
            [("system", "s"), ("user", CONTINUE), ("assistant", ["a"]), ("tool", "ok")],
            "user_message",
            id="no-user-message",
        ),
        pytest.param(
            [QUESTION, answer(call("a")), HumanMessage("stop")],
            [("user", "q"), ("assistant", ["a"]), ("tool", NO_RESULT), ("user", "stop")],
            "tool_calls",
            id="unanswered-call",
        ),
        pytest.param(
            [QUESTION, answer(call("a"), call("b")), result("b")],
            [("user", "q"), ("assistant", ["a", "b"]), ("tool", NO_RESULT), ("tool", "ok")],
            "tool_calls",
            id="one-of-two-unanswered",
        ),
        pytest.param(
            [QUESTION, answer(call("a")), HumanMessage("wait"), result("a", "late")],
            [("user", "q"), ("assistant", ["a"]), ("tool", "late"), ("user", "wait")],
            "tool_results",
            id="late-result",
        ),
    ],
)
def test_an_order_that_no_server_takes_is_adapted_and_noted(messages, sent, note):
    """The history is sent in an order that servers take, and the notes name the change."""
    built = request(messages)

    assert shown(built) == sent
    assert note in built.notes
    with pytest.raises(MessageError):
        request(messages, strict_history=True)


def test_results_leave_in_the_order_of_their_calls():
    """Qwen's chat template reads results by position, so a shuffle would swap the answers."""
    calls = [call("a"), call("b"), call("c")]
    results = [result("c", "3"), result("a", "1"), result("b", "2")]
    built = request([QUESTION, answer(*calls), *results])

    assert [m["content"] for m in built.body["messages"][2:]] == ["1", "2", "3"]
    assert built.notes == {}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="text"),
        pytest.param(" \n", id="white-space"),
        pytest.param([], id="no-block"),
        pytest.param([{"type": "text", "text": ""}], id="empty-block"),
    ],
)
def test_an_empty_system_message_is_left_out(content):
    """A prompt template whose variable is empty leaves no empty message behind."""
    built = request([SystemMessage(content), SystemMessage("b"), QUESTION])

    assert shown(built) == [("system", "b"), ("user", "q")]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param({"type": "text", "text": "Paris"}, id="text"),
        pytest.param({"type": "output_text", "text": "Paris"}, id="responses-api"),
        pytest.param({"type": "input_text", "text": "Paris"}, id="responses-api-input"),
        pytest.param({"type": "refusal", "refusal": "Paris"}, id="refusal"),
        pytest.param({"type": "text-plain", "text": "Paris"}, id="text-plain"),
        pytest.param({"text": "Paris"}, id="no-type"),
        pytest.param({"type": "non_standard", "value": {"type": "output_text", "text": "Paris"}},
                     id="wrapped"),
        pytest.param("Paris", id="plain"),
    ],
)  # fmt: skip
def test_text_of_an_answer_is_kept_in_every_block_type(block):
    """Text goes back in any block type that LangChain or the Responses API writes."""
    built = request([QUESTION, AIMessage([block]), HumanMessage("r")])

    assert built.body["messages"][1]["content"] == "Paris"


def test_a_block_that_cannot_be_read_is_noted():
    """A block of an unknown type is left out of an assistant message, and the notes say so."""
    built = request([QUESTION, AIMessage([{"type": "hologram", "x": 1}]), HumanMessage("r")])

    assert "hologram" in built.notes["content"]


class TestNames:
    """Names of tools and messages, of which servers take only `[A-Za-z0-9_-]{1,64}`."""

    SEARCH = {"name": "search", "parameters": {"properties": {"q": {"type": "string"}}}}  # noqa: RUF012

    def test_a_reserved_name_is_replaced_on_the_wire_and_back(self):
        """The tool, the choice and the history carry another name; the caller sees his own."""
        built = request(
            [QUESTION, answer(call("a", "search")), result("a")],
            "dashscope",
            [self.SEARCH],
            tool_choice="search",
            extra_body={"enable_thinking": False},
        )
        body = built.body
        names = {
            body["tools"][0]["function"]["name"],
            body["tool_choice"]["function"]["name"],
            body["messages"][1]["tool_calls"][0]["function"]["name"],
        }

        assert names == {"search_tool"}
        assert built.tool_name("search_tool") == "search"
        assert "search" in built.notes["tool_names"]
        with pytest.raises(UnsupportedSettingError, match="search"):
            request([QUESTION], "dashscope", [self.SEARCH], strict_history=True)

    def test_two_tools_never_share_a_name(self):
        """A name that the replacement would take is already bound: another one is chosen."""
        built = request([QUESTION], "dashscope", [self.SEARCH, {"name": "search_tool"}])
        names = [tool["function"]["name"] for tool in built.body["tools"]]

        assert len(set(names)) == 2
        assert {built.tool_name(name) for name in names} == {"search", "search_tool"}

    @pytest.mark.parametrize(
        ("title", "readable"),
        [
            pytest.param("Envelope[int]", "Envelope_int", id="generic"),
            pytest.param("My answer schema", "My_answer_schema", id="words"),
            pytest.param("天气查询", "", id="chinese"),
            pytest.param("x" * 80, "x", id="too-long"),
        ],
    )
    def test_a_schema_s_title_becomes_a_legal_name(self, title, readable):
        """The title of a schema becomes a legal name on the wire, and is read back."""
        built = request([QUESTION], tools=[{"title": title, "type": "object", "properties": {}}])
        name = built.body["tools"][0]["function"]["name"]

        assert LEGAL.fullmatch(name)
        assert name.startswith(readable)
        assert built.tool_name(name) == title

    @pytest.mark.parametrize(
        ("written", "sent"),
        [
            pytest.param(" get_weather\n", "get_weather", id="white-space"),
            pytest.param("getWeather", "get_weather", id="camel-case"),
            pytest.param("functions.get_weather", "get_weather", id="namespace"),
            pytest.param("browser.tabs.open now", "browser_tabs_open_now", id="made-up"),
        ],
    )
    def test_a_made_up_name_never_goes_back(self, written, sent):
        """A name of the history is the bound tool's where that is certain, and always legal."""
        messages = [QUESTION, answer(call("a", written)), result("a")]
        built = request(messages, tools=[{"name": "get_weather"}, {"name": "other"}])

        assert built.body["messages"][1]["tool_calls"][0]["function"]["name"] == sent

    def test_a_message_s_name_is_made_legal(self):
        """White space in the name of an agent is replaced, and the notes say so."""
        built = request([HumanMessage("q", name="the user")])

        assert built.body["messages"][0]["name"] == "the_user"
        assert "the user" in built.notes["message_names"]


class TestForeignValues:
    """Values from pandas, from other frameworks or from a hostile server in a history."""

    @pytest.mark.parametrize(
        ("value", "sent"),
        [
            pytest.param(np.int64(3), 3, id="int64"),
            pytest.param(np.float32(1.5), 1.5, id="float32"),
            pytest.param(np.bool_(True), True, id="bool"),
            pytest.param(np.array([1, 2]), [1, 2], id="array"),
            pytest.param({2, 1}, [1, 2], id="set"),
            pytest.param(frozenset({1}), [1], id="frozenset"),
            pytest.param({"deep": np.int64(2**40)}, {"deep": 2**40}, id="nested"),
        ],
    )
    def test_numbers_and_sets_of_a_call_stay_what_they_are(self, value, sent):
        """Tool arguments keep numbers as numbers; a set becomes a list."""
        built = request([QUESTION, answer(call("a", x=value)), result("a")])
        arguments = built.body["messages"][1]["tool_calls"][0]["function"]["arguments"]

        assert json.loads(arguments) == {"x": sent}

    @pytest.mark.parametrize(
        ("value", "named"),
        [
            pytest.param(float("nan"), "`x` is nan", id="nan"),
            pytest.param(float("-inf"), "`x` is -inf", id="infinity"),
            pytest.param(np.float32("nan"), "`x` is nan", id="numpy"),
            pytest.param(np.array([1.0, np.inf]), "`x[1]` is inf", id="in-an-array"),
            pytest.param([{"deep": float("nan")}], "`x[0].deep` is nan", id="nested"),
        ],
    )
    def test_a_program_s_nan_is_refused_by_the_argument_s_name(self, value, named):
        """JSON has no NaN: the error names the tool and the argument, and says what to do."""
        with pytest.raises(MessageError, match=r"tool call `f`.* use None") as caught:
            request([QUESTION, answer(call("a", x=value)), result("a")])

        assert named in str(caught.value)

    def test_a_model_s_nan_is_null_and_noted(self):
        """What a model wrote as NaN goes back as null, so that the thread can go on."""
        said = answer(call("a", x=float("nan")))
        said.response_metadata = {"finish_reason": "tool_calls"}
        built = request([QUESTION, said, result("a")])
        arguments = built.body["messages"][1]["tool_calls"][0]["function"]["arguments"]

        assert json.loads(arguments) == {"x": None}
        assert (
            built.notes["tool_arguments"] == "In the arguments of `f`, `x` is nan: null was sent."
        )

    def test_a_strict_history_refuses_a_model_s_nan_too(self):
        """With `strict_history=True` nothing is sent otherwise than it stands."""
        said = answer(call("a", x=float("nan")))
        said.response_metadata = {"finish_reason": "tool_calls"}
        with pytest.raises(MessageError, match="`x` is nan"):
            request([QUESTION, said, result("a")], strict_history=True)

    @pytest.mark.parametrize(
        "value",
        [
            pytest.param(object(), id="object"),
            pytest.param(10**4_400, id="4400-digits"),
        ],
    )
    def test_what_json_cannot_hold_is_refused_by_the_tool_s_name(self, value):
        """A value without a form in JSON is an error that names the call, before it is sent."""
        with pytest.raises(MessageError, match="`f`"):
            request([QUESTION, answer(call("a", x=value)), result("a")])

    def test_deep_nesting_is_sent_or_refused(self):
        """Arguments of 900 levels are sent, or refused with a `MessageError`; nothing crashes."""
        value: object = 1
        for _ in range(900):
            value = [value]
        with suppress(MessageError):
            assert to_bytes(request([QUESTION, answer(call("a", x=value)), result("a")]).body)

    def test_a_provider_that_is_no_text_is_not_ours(self):
        """A `model_provider` of any type is compared, never hashed."""
        foreign = AIMessage(
            "b",
            additional_kwargs={"reasoning_content": "t"},
            response_metadata={"model_provider": {"a": 1}},
        )

        assert "reasoning" not in request([QUESTION, foreign, QUESTION]).body["messages"][1]


IDS = st.sampled_from("abc")
TEXTS = st.uuids().map(str)
MESSAGES = st.lists(
    st.one_of(
        TEXTS.map(HumanMessage),
        TEXTS.map(SystemMessage),
        st.builds(
            lambda text, ids: answer(*map(call, ids), text=text),
            TEXTS,
            st.lists(IDS, max_size=3),
        ),
        st.builds(result, IDS, TEXTS),
    ),
    min_size=1,
    max_size=8,
)


@given(MESSAGES, st.sampled_from(["dashscope", "openrouter", "vllm", "openai-compatible"]))
@settings(max_examples=200, deadline=None)
def test_any_history_becomes_a_valid_body_or_a_typed_error(messages, gateway):
    """Dangling, doubled, shuffled and orphaned results leave a valid body, or a `MessageError`."""
    try:
        built = request(messages, gateway, extra_body={"enable_thinking": False})
    except MessageError:
        return
    body = built.body["messages"]
    pending: list[str] = []
    for message in body:
        if message["role"] == "tool":
            assert message["tool_call_id"] == pending.pop(0)
        else:
            assert pending == []
            pending = [c["id"] for c in message.get("tool_calls", ())]
    assert pending == []
    assert [m["role"] for m in body if m["role"] != "system"][-1] in ("user", "tool")
    assert any(message["role"] == "user" for message in body)
    sent = to_bytes(built.body).decode()
    assert [m.content for m in messages if m.content not in sent] == []


@given(st.text(st.characters(codec=None), max_size=30), st.data())
@settings(max_examples=100, deadline=None)
def test_any_cut_of_utf_16_can_be_sent(text, data):
    """Text that was cut between the halves of a surrogate pair never poisons a request."""
    halves = text.encode("utf-16-le", "surrogatepass")
    cut = 2 * data.draw(st.integers(0, len(halves) // 2))
    left, right = (h.decode("utf-16-le", "surrogatepass") for h in (halves[:cut], halves[cut:]))
    messages = [
        SystemMessage(f"s{left}"),
        HumanMessage([{"type": "text", "text": right}]),
        AIMessage(
            right, tool_calls=[call("a", x=left)], additional_kwargs={"reasoning_content": left}
        ),
        result("a", f"r{right}"),
    ]

    assert json.loads(to_bytes(request(messages).body))["messages"]


@pytest.mark.parametrize("door", ["params", "extra_body"])
def test_template_arguments_of_the_caller_are_merged_with_ours(door):
    """`model_kwargs` and `extra_body` merge objects key by key, and the plan reads the switch."""
    own = {"chat_template_kwargs": {"enable_thinking": False, "own": 1}}
    built = request([QUESTION], tools=[{"name": "f"}], **{door: own})

    assert own["chat_template_kwargs"].items() <= built.body["chat_template_kwargs"].items()
    assert built.thinking is False
