"""`prompt_cache`: marks set on what goes out, where they pay."""

from __future__ import annotations

import json
from copy import deepcopy
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver

from langchain_qwen36 import ChatQwen36, QwenWarning
from langchain_qwen36._request.build import build
from langchain_qwen36._request.cache_control import add_cache_markers
from langchain_qwen36._request.types import Settings
from langchain_qwen36.catalog import find_model, find_offer
from langchain_qwen36.errors import MessageError, UnsupportedSettingError
from langchain_qwen36.gateways import GATEWAYS
from langchain_qwen36.pricing import cost

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import BaseMessage
    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

DASHSCOPE = GATEWAYS["dashscope"]
LONG = "rule " * 1500
MARK = {"type": "ephemeral"}
OWN = {"type": "text", "text": "mine", "cache_control": {**MARK, "ttl": "5m"}}
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
TOOL = {"type": "function", "function": {"name": "f", "description": LONG, "parameters": {}}}


def said(role: str, content: Any = "hi") -> dict[str, Any]:
    """Return a message in wire form."""
    return {"role": role, "content": content}


SYSTEM, USER, ANSWER, RESULT = said("system", LONG), said("user"), said("assistant"), said("tool")


def places(messages: list[dict[str, Any]]) -> list[int]:
    """Where the last part carries a mark."""
    return [
        number
        for number, message in enumerate(messages)
        if isinstance(message["content"], list) and "cache_control" in message["content"][-1]
    ]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param([SYSTEM, USER], [0, 1], id="first-request"),
        pytest.param([SYSTEM, USER, ANSWER, USER], [0, 1, 3], id="second-turn"),
        pytest.param(
            [SYSTEM, USER, ANSWER, USER, ANSWER, RESULT, RESULT], [0, 3, 6], id="tool-loop"
        ),
        pytest.param([SYSTEM, SYSTEM, USER], [1, 2], id="several-system-messages"),
        pytest.param([SYSTEM], [0], id="a-system-message-alone"),
        pytest.param([said("user", LONG)], [0], id="a-long-question-alone"),
        pytest.param([said("user", LONG * 3)], [0], id="so-long-that-it-is-not-counted"),
        pytest.param([USER, ANSWER, said("user", LONG)], [2], id="only-where-it-is-long-enough"),
        pytest.param([said("system", "short"), USER], [], id="too-short"),
        pytest.param([SYSTEM, USER, said("assistant", "We")], [0, 1], id="a-begun-answer"),
        pytest.param([SYSTEM, USER, ANSWER, said("user", "")], [0, 1], id="nothing-to-mark"),
        pytest.param([SYSTEM, said("user", [PICTURE])], [0, 1], id="a-picture-last"),
        pytest.param([said("system", "fileid://a"), said("user", LONG)], [1], id="a-files-id"),
        pytest.param([USER, SYSTEM, USER], [2], id="system-in-the-middle"),
        pytest.param([SYSTEM, said("user", [OWN])], [0, 1], id="own-mark-in-the-same-place"),
        pytest.param([SYSTEM, *[said("user", [OWN])] * 3, USER], [0, 1, 2, 3], id="room-for-one"),
        pytest.param([SYSTEM, *[said("user", [OWN])] * 4, USER], [1, 2, 3, 4], id="no-room"),
    ],
)
def test_where_marks_go(messages: list[dict[str, Any]], expected: list[int]) -> None:
    """The system prompt's end, this request's, the last one's; no more than count."""
    before = deepcopy(messages)
    assert places(add_cache_markers(messages, [], DASHSCOPE, "auto")) == expected
    assert messages == before


def test_a_mark_of_ones_own_stays_as_it_is() -> None:
    """With whatever it says beside its type."""
    assert add_cache_markers([SYSTEM, said("user", [OWN])], [], DASHSCOPE, "auto")[1][
        "content"
    ] == [OWN]


def test_tools_stand_before_the_system_prompt() -> None:
    """They count for the length of what is cached, and take no mark of their own."""
    short = [said("system", "short"), USER]
    assert places(add_cache_markers(short, [TOOL], DASHSCOPE, "auto")) == [0, 1]
    body = ask([SystemMessage("short"), HumanMessage("hi")], tools=[TOOL], prompt_cache="auto")
    assert "cache_control" not in body["tools"][0]


def test_the_system_prompt_only() -> None:
    """For calls whose conversation is not sent again."""
    assert places(add_cache_markers([SYSTEM, USER, ANSWER, USER], [], DASHSCOPE, "system")) == [0]


@pytest.mark.parametrize("row", ["openrouter", "vercel", "openai-compatible"])
def test_a_row_that_names_no_limit_gets_the_same_marks(row: str) -> None:
    """Where the number that counts is not known, three are set."""
    messages = [SYSTEM, USER, ANSWER, USER]
    assert places(add_cache_markers(messages, [], GATEWAYS[row], "auto")) == [0, 1, 3]


def ask(messages: list[BaseMessage], **settings: Any) -> dict[str, Any]:
    """Return the body that leaves."""
    call = Settings(model="qwen3.6-plus", wire_model="qwen3.6-plus", **settings)
    return build(messages, call, DASHSCOPE, find_model("qwen3.6-plus"), stream=True).body


def plain(message: dict[str, Any]) -> str:
    """Return a message's bytes without markers; a list of one text is that text."""
    content = message["content"]
    if isinstance(content, list):
        content = [{k: v for k, v in part.items() if k != "cache_control"} for part in content]
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            content = content[0]["text"]
    return json.dumps({**message, "content": content})


CALL = AIMessage(
    "",
    tool_calls=[{"name": "f", "args": {"b": 1, "a": "é"}, "id": "c1"}],
    additional_kwargs={"reasoning_content": "hm"},
)
CONVERSATION = [
    SystemMessage(LONG),
    HumanMessage("Use f."),
    CALL,
    ToolMessage("3", tool_call_id="c1"),
    AIMessage("It is 3.", additional_kwargs={"reasoning_content": "so"}),
    HumanMessage([{"type": "text", "text": "And"}, {"type": "text", "text": "now?"}]),
    AIMessage("4."),
    HumanMessage("Thanks."),
]


def test_each_request_begins_with_the_whole_last_one() -> None:
    """Byte by byte, apart from the marks: else a cache would never be hit."""
    ends = [n for n, m in enumerate(CONVERSATION) if isinstance(m, HumanMessage | ToolMessage)]
    bodies = [
        ask(CONVERSATION[: end + 1], tools=[TOOL], prompt_cache="auto")["messages"] for end in ends
    ]
    for earlier, later in pairwise(bodies):
        assert list(map(plain, later))[: len(earlier)] == list(map(plain, earlier))
        # Where the earlier request wrote to the cache, the later one looks for it.
        assert places(earlier)[-1] in places(later)
    assert [len(places(body)) for body in bodies] == [2, 3, 3, 3]


def test_without_it_nothing_is_marked_or_changed() -> None:
    """Contents stay plain strings."""
    body = ask([SystemMessage(LONG), HumanMessage("hi")])
    assert [message["content"] for message in body["messages"]] == [LONG, "hi"]


def test_a_wish_for_json_comes_behind_the_mark() -> None:
    """So that calls with and without a format share what is cached."""
    body = ask(
        [SystemMessage(LONG), HumanMessage("hi")],
        prompt_cache="auto",
        response_format={"type": "json_object"},
    )
    first, words = body["messages"][0]["content"]
    assert first == {"type": "text", "text": LONG, "cache_control": MARK}
    assert "JSON" in words["text"]


# Against a gateway that keeps a cache.


def model_on(server: LoopbackGateway, **settings: Any) -> ChatQwen36:
    """Return a model at the server with thinking off: a call is one request."""
    where = {"gateway": server.row.name, "base_url": server.base_url, "api_key": server.key}
    return ChatQwen36(model="qwen3.6-plus", enable_thinking=False, **where, **settings)


def sent_marks(server: LoopbackGateway) -> list[list[int]]:
    """Return the places of the marks in each request."""
    return [places(body["messages"]) for body in server.bodies]


ASKED = [SystemMessage(LONG), HumanMessage("Hi.")]


@pytest.mark.parametrize(
    ("constructed", "called", "expected"),
    [
        pytest.param({}, {}, [], id="off"),
        pytest.param({"prompt_cache": "auto"}, {}, [0, 1], id="constructor"),
        pytest.param({}, {"prompt_cache": "auto"}, [0, 1], id="call"),
        pytest.param({"prompt_cache": "auto"}, {"prompt_cache": None}, [], id="call-off"),
        pytest.param({"prompt_cache": "auto"}, {"prompt_cache": "system"}, [0], id="call-less"),
    ],
)
def test_it_is_set_on_the_model_or_for_a_call(
    gateway_server: Server, constructed: dict, called: dict, expected: list[int]
) -> None:
    """A call's own setting wins, None included."""
    server = gateway_server()
    model_on(server, **constructed).invoke(ASKED, **called)
    assert sent_marks(server) == [expected]
    assert server.requests[0].status == 200


def test_another_value_is_refused_by_name(gateway_server: Server) -> None:
    """On the call as on the constructor."""
    server = gateway_server()
    with pytest.raises(UnsupportedSettingError, match="prompt_cache='always'"):
        model_on(server).invoke("hi", prompt_cache="always")
    with pytest.raises(ValueError, match="prompt_cache"):
        model_on(server, prompt_cache="always")
    assert server.requests == []


async def aevents(model: ChatQwen36) -> AIMessage:
    """Return the message of async v3 events."""
    return await (await model.astream_events(ASKED, version="v3"))


def streamed(model: ChatQwen36) -> Any:
    """Return the chunks of a stream, merged."""
    head, *chunks = model.stream(ASKED)
    return sum(chunks, head)


async def astreamed(model: ChatQwen36) -> Any:
    """Return the chunks of an async stream, merged."""
    head, *chunks = [chunk async for chunk in model.astream(ASKED)]
    return sum(chunks, head)


WAYS = [
    pytest.param(lambda model: model.invoke(ASKED), id="invoke"),
    pytest.param(lambda model: model.ainvoke(ASKED), id="ainvoke"),
    pytest.param(lambda model: model.batch([ASKED])[0], id="batch"),
    pytest.param(streamed, id="stream"),
    pytest.param(astreamed, id="astream"),
    pytest.param(lambda model: model.stream_events(ASKED, version="v3").output, id="v3"),
    pytest.param(aevents, id="av3"),
]


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_written_and_read_is_in_usage_and_cost(
    gateway_server: Server, way: Callable[[ChatQwen36], Any]
) -> None:
    """The write costs a quarter more; the second call reads it at a tenth: it has paid by then."""
    model = model_on(gateway_server("dashscope-intl"), prompt_cache="system")
    bills = []
    for _ in range(2):
        answer = way(model)
        answer = answer if isinstance(answer, AIMessage) else await answer
        details = answer.usage_metadata["input_token_details"]
        bills.append((details["cache_creation"], details["cache_read"], answer))
    (written, none_read, first), (none_written, read, second) = bills
    assert (none_read, none_written, read) == (0, 0, written)
    assert written > 1500
    rate = Decimal("0.50") / 1_000_000
    saved = [Decimal(str(m.response_metadata["cost"]["cache_saved"])) for m in (first, second)]
    assert saved == [-written * rate / 4, read * rate * 9 / 10]
    assert first.response_metadata["cost"]["cache_write"] == float(written * rate * 5 / 4)
    assert second.response_metadata["cost"]["cache_read"] == float(read * rate / 10)


def test_the_second_read_is_the_break_even() -> None:
    """One call of many is dearer by a quarter; from the second on marks are cheaper."""
    offer = find_offer("dashscope-intl", "qwen3.6-plus")

    def bill(**details: int) -> Decimal:
        usage = {"input_tokens": 10_000, "output_tokens": 0, "input_token_details": details}
        found = cost(usage, offer, cache_type="ephemeral")
        assert found is not None
        return found.total

    plain_call, write, read = bill(), bill(cache_creation=10_000), bill(cache_read=10_000)
    assert write > plain_call
    assert write + read < 2 * plain_call


def test_nothing_is_marked_where_marks_are_not_read(gateway_server: Server) -> None:
    """A server that caches by itself gets the plain messages, and the answer says so."""
    server = gateway_server("vllm")
    where = {"gateway": "vllm", "base_url": server.base_url}
    model = ChatQwen36(model="qwen3.6-27b", prompt_cache="auto", **where)
    with pytest.warns(QwenWarning, match="does not support cache_control"):
        answer = model.invoke(ASKED)
    assert sent_marks(server) == [[]]
    assert "prompt_cache" in answer.response_metadata["notes"]


def test_a_fifth_mark_of_ones_own_is_refused(gateway_server: Server) -> None:
    """Only the last four would count; nothing is sent."""
    server = gateway_server()
    with pytest.raises(MessageError, match="5 blocks carry `cache_control`"):
        model_on(server, prompt_cache="auto").invoke([HumanMessage([OWN] * 5)])
    assert server.requests == []


def test_the_thread_and_the_callers_messages_have_no_marks(gateway_server: Server) -> None:
    """They are of one request; a checkpoint keeps what was said."""

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    server = gateway_server()
    agent = create_agent(
        model_on(server, prompt_cache="auto"),
        [add],
        system_prompt=LONG,
        checkpointer=InMemorySaver(),
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    asked = [HumanMessage("Use add on 3 and 4."), HumanMessage("Use add on 5 and 6.")]
    for question in asked:
        agent.invoke({"messages": [question]}, config)
    assert sent_marks(server) == [[0, 1], [0, 1, 3], [0, 3, 5], [0, 5, 7]]
    assert "cache_control" not in str(agent.get_state(config).values)
    assert asked[0].content == "Use add on 3 and 4."
