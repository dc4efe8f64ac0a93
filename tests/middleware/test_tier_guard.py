"""Requests are kept out of dearer tiers, or it is said what they cost."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver

from langchain_qwen36 import ChatQwen36, PriceBook
from langchain_qwen36.middleware import TierGuardMiddleware
from langchain_qwen36.middleware.tier_guard import keep_newest
from langchain_qwen36.pricing import Money

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

pytestmark = pytest.mark.filterwarnings(
    "ignore:The v3 streaming protocol:langchain_core._api.LangChainBetaWarning"
)

BOOK = """
[[offer]]
gateway = "dashscope"
model = "qwen3.6-plus"

[[offer.price]]
currency = "USD"
source = "a test"
checked = 2026-11-21
tiers = [
  { up_to = 2_000, input = "1", output = "2" },
  { up_to = 5_000, input = "10", output = "20" },
  { input = "100", output = "200" },
]
"""
"""Tiers small enough to cross in a test."""


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    """Prices of our own."""
    path = tmp_path / "prices.toml"
    path.write_text(BOOK)
    return PriceBook.from_toml(path)


def model_on(server: LoopbackGateway, book: PriceBook | None, **settings: Any) -> ChatQwen36:
    """Return a model with these prices."""
    where = {"gateway": "dashscope", "base_url": server.base_url, "api_key": server.key}
    return ChatQwen36(**{"model": "qwen3.6-plus", "price_book": book, **where, **settings})


def talk(words: int, turns: int = 10) -> list[Any]:
    """Return a conversation of about so many tokens, and a question."""
    each = "word " * (words // turns)
    pairs = [(HumanMessage(f"{n} {each}"), AIMessage("Yes.")) for n in range(turns)]
    return [*(message for pair in pairs for message in pair), HumanMessage("And now.")]


def dollars(millionths: int) -> str:
    """Return an amount as a note says it."""
    return str(Money(Decimal(millionths) / 1_000_000, "USD"))


def guarded(model: ChatQwen36, action: Any, **settings: Any) -> Any:
    """Return an agent with a guard."""
    return create_agent(model, middleware=[TierGuardMiddleware(action, **settings)])


@pytest.mark.parametrize("action", ["trim", "summarize", "warn", "refuse"])
def test_a_request_inside_its_tier_is_let_through(
    gateway_server: Server, book: PriceBook, action: Any
) -> None:
    """Nothing is done, nothing is said."""
    server = gateway_server()
    messages = talk(1000)
    last = guarded(model_on(server, book), action).invoke({"messages": messages})["messages"][-1]
    assert "tier_guard" not in last.response_metadata
    assert len(server.bodies[0]["messages"]) == len(messages)


async def test_the_oldest_turns_are_left_out(gateway_server: Server, book: PriceBook) -> None:
    """The request is back in the cheap tier, the thread is whole, the saving is told."""
    server = gateway_server()
    agent = guarded(model_on(server, book), "trim")
    messages = talk(3000)
    for found in (
        agent.invoke({"messages": messages}),
        await agent.ainvoke({"messages": messages}),
    ):
        last = found["messages"][-1]
        note = last.response_metadata["tier_guard"]
        assert len(found["messages"]) == len(messages) + 1
        assert (note["action"], note["bound"]) == ("trim", 2000)
        assert note["tokens_after"] <= 1000
        assert note["tokens_before"] > 2000
        assert note["saved"] == dollars(note["tokens_before"] * 10 - note["tokens_after"])
        assert last.response_metadata["cost"]["tier"] == "≤2K"
    sent = server.bodies[-1]["messages"]
    assert (sent[0]["role"], sent[-1]["content"]) == ("user", "And now.")


async def test_the_oldest_turns_are_summarised(gateway_server: Server, book: PriceBook) -> None:
    """Once: the thread goes on from the summary."""
    server = gateway_server()
    model = model_on(server, book)
    agent = create_agent(
        model,
        middleware=[TierGuardMiddleware("summarize", summary_model=model_on(server, book, seed=7))],
        checkpointer=InMemorySaver(),
    )
    for thread in ("1", "2"):
        config: Any = {"configurable": {"thread_id": thread}}
        asked = {"messages": talk(2800)}
        first = agent.invoke(asked, config) if thread == "1" else await agent.ainvoke(asked, config)
        second = agent.invoke({"messages": [HumanMessage("Thanks.")]}, config)
        assert first["messages"][-1].response_metadata["tier_guard"]["action"] == "summarize"
        assert first["messages"][0].text.startswith("What was said before, in short:")
        assert [m.text for m in first["messages"][-2:]] == ["And now.", "You said: And now."]
        assert second["messages"][-1].text == "You said: Thanks."
        assert "tier_guard" not in second["messages"][-1].response_metadata
    assert [body.get("seed") for body in server.bodies] == [7, None, None] * 2


def test_a_summary_does_not_cross_the_bound_itself(gateway_server: Server, book: PriceBook) -> None:
    """Of a conversation that came in at once, the newest part that fits is summarised."""
    server = gateway_server()
    guarded(model_on(server, book), "summarize").invoke({"messages": talk(20_000, turns=40)})
    assert 100 < len(server.bodies[0]["messages"][0]["content"].split()) < 5000


def test_a_summarys_call_is_no_message_of_the_agent(
    gateway_server: Server, book: PriceBook
) -> None:
    """Streams of messages show the answer only."""
    agent = guarded(model_on(gateway_server(), book), "summarize")
    with agent.stream_events({"messages": talk(2800)}, version="v3") as run:
        texts = ["".join(stream.text) for stream in run.messages if stream.node == "model"]
    # The summary comes as a message of the thread, as LangChain's own middleware shows it.
    assert [text for text in texts if text.startswith("You said")] == ["You said: And now."]


async def test_a_warning(
    gateway_server: Server, book: PriceBook, caplog: pytest.LogCaptureFixture
) -> None:
    """The call is made as it is, and what crossing costs is said."""
    server = gateway_server()
    agent = guarded(model_on(server, book), "warn")
    messages = talk(3000)
    with caplog.at_level(logging.WARNING):
        last = agent.invoke({"messages": messages})["messages"][-1]
        await agent.ainvoke({"messages": messages})
    note = last.response_metadata["tier_guard"]
    assert note["saved"] == dollars(note["tokens_before"] * 10 - 2000)
    assert caplog.text.count("cross the price tier of 2000") == 2
    assert len(server.bodies[0]["messages"]) == len(messages)


async def test_a_refusal(gateway_server: Server, book: PriceBook) -> None:
    """No call is made, and the run ends with a message that says what it would have cost."""
    server = gateway_server()
    agent = guarded(model_on(server, book), "refuse")
    for found in (
        agent.invoke({"messages": talk(3000)}),
        await agent.ainvoke({"messages": talk(3000)}),
    ):
        assert "the call was not made" in found["messages"][-1].text
        assert "USD more" in found["messages"][-1].text
    assert server.requests == []


@pytest.mark.parametrize(
    ("words", "bound"),
    [pytest.param(3000, 2000, id="second"), pytest.param(6000, 5000, id="third")],
)
def test_the_bound_is_that_of_the_tier_that_is_crossed(
    gateway_server: Server, book: PriceBook, words: int, bound: int
) -> None:
    """A list may have more than two tiers."""
    agent = guarded(model_on(gateway_server(), book), "warn")
    last = agent.invoke({"messages": talk(words)})["messages"][-1]
    assert last.response_metadata["tier_guard"]["bound"] == bound


@pytest.mark.parametrize(
    ("margin", "crosses"), [pytest.param(0.0, False, id="none"), pytest.param(0.2, True, id="wide")]
)
def test_a_margin_is_kept_for_the_estimate(
    gateway_server: Server, book: PriceBook, margin: float, crosses: bool
) -> None:
    """Counts are estimates: near the bound counts as over it."""
    agent = guarded(model_on(gateway_server(), book), "warn", margin=margin)
    last = agent.invoke({"messages": talk(1750)})["messages"][-1]
    assert ("tier_guard" in last.response_metadata) == crosses


def test_the_same_words_said_twice_are_two_messages(
    gateway_server: Server, book: PriceBook
) -> None:
    """What is left out is told by the message, not by its text."""
    same = [HumanMessage("word " * 300), AIMessage("Yes.")]
    server = gateway_server()
    messages = [message.model_copy() for message in [*same * 10, same[0]]]
    guarded(model_on(server, book), "summarize").invoke({"messages": messages})
    assert server.bodies[0]["messages"][0]["content"].count("Human:") > 3


@pytest.mark.parametrize("action", ["trim", "summarize"])
def test_a_question_that_is_too_long_by_itself_warns(
    gateway_server: Server, book: PriceBook, action: Any
) -> None:
    """There is nothing to leave out; the call is made and the note says so."""
    server = gateway_server()
    question = [HumanMessage("word " * 3000)]
    last = guarded(model_on(server, book), action).invoke({"messages": question})["messages"][-1]
    assert last.response_metadata["tier_guard"]["action"] == "warn"
    assert len(server.requests) == 1


def test_the_tools_and_the_system_prompt_are_counted(
    gateway_server: Server, book: PriceBook
) -> None:
    """They go into the request's size as well."""

    @tool
    def long(a: int) -> int:
        """Do it."""
        return a

    long.description = "word " * 1500
    server = gateway_server()
    agent = create_agent(
        model_on(server, book),
        [long],
        system_prompt="word " * 500,
        middleware=[TierGuardMiddleware("warn")],
    )
    last = agent.invoke({"messages": [HumanMessage("Hi")]})["messages"][-1]
    assert last.response_metadata["tier_guard"]["tokens_before"] > 2000


def test_a_list_with_one_price_is_let_through(gateway_server: Server) -> None:
    """There is nothing to cross."""
    server = gateway_server()
    model = model_on(server, None, model="qwen3.6-27b")
    last = guarded(model, "refuse").invoke({"messages": talk(3000)})["messages"][-1]
    assert last.text == "You said: And now."


def test_a_model_of_another_class_is_let_through(gateway_server: Server) -> None:
    """Its tokens are not even counted: some classes would ask the network for that."""
    server = gateway_server("openai-compatible")
    model = ChatOpenAI(model="qwen3.6-plus", base_url=server.base_url, api_key=server.key)
    last = guarded(model, "refuse").invoke({"messages": talk(3000)})["messages"][-1]
    assert last.text == "You said: And now."


def test_the_bundled_tiers_are_guarded(gateway_server: Server) -> None:
    """256K on the vendor's own list."""
    server = gateway_server()
    agent = guarded(model_on(server, None), "refuse")
    found = agent.invoke({"messages": [HumanMessage("word " * 300_000)]})
    assert "cross the price tier of 256000" in found["messages"][-1].text


@pytest.mark.parametrize("settings", [{"keep": 0}, {"keep": 1}, {"margin": -1}, {"margin": 0.6}])
def test_shares_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    """The message names both."""
    with pytest.raises(ValueError, match="keep"):
        TierGuardMiddleware("trim", **settings)


def call(number: int) -> list[Any]:
    """Return a call with its result."""
    asked = {"name": "f", "args": {}, "id": str(number), "type": "tool_call"}
    return [AIMessage("", tool_calls=[asked]), ToolMessage(f"r{number}", tool_call_id=str(number))]


A, B, C = (HumanMessage(name) for name in "abc")
ONE, TWO, THREE = call(1), call(2), call(3)


@pytest.mark.parametrize(
    ("messages", "room", "kept"),
    [
        pytest.param([A, B, C], 2, [B, C], id="newest"),
        pytest.param([A, B, C], 9, [A, B, C], id="all"),
        pytest.param([A, B, C], 0, [C], id="last-stays"),
        pytest.param([A, *ONE, B, *TWO], 5, [B, *TWO], id="not-from-an-answer-on"),
        pytest.param([A, B, *ONE, *TWO, *THREE], 5, [B, *TWO, *THREE], id="question-stays"),
        pytest.param([A, B, *ONE, *TWO, *THREE], 4, [B, *THREE], id="calls-stay-whole"),
        pytest.param([A, *ONE], 1, [A, *ONE], id="last-call-stays"),
        pytest.param([], 1, [], id="empty"),
    ],
)
def test_what_is_kept(messages: list[Any], room: int, kept: list[Any]) -> None:
    """The newest that fits; the question and the last always; calls with their results."""
    assert keep_newest(messages, room, len) == kept


@pytest.mark.parametrize("action", ["summarize", "summarise"])
def test_both_spellings_of_summarize_are_one_action(action: Any) -> None:
    """LangChain writes `summarize`."""
    assert TierGuardMiddleware(action).action == "summarize"


def test_an_unknown_action_is_refused_with_the_choices() -> None:
    """At construction, not at the first request that crosses a tier."""
    with pytest.raises(ValueError, match=r"'explode'.*'trim', 'summarize', 'warn', 'refuse'"):
        TierGuardMiddleware("explode")  # type: ignore[arg-type]


def test_a_summary_stays_out_of_a_stream_of_messages(
    gateway_server: Server, book: PriceBook
) -> None:
    """`stream_mode="messages"` shows the agent's answer, and no token of the summary."""
    agent = guarded(model_on(gateway_server(), book, streaming=True), "summarize")
    chunks = agent.stream({"messages": talk(2800)}, stream_mode="messages")
    sources = {metadata.get("lc_source") for message, metadata in chunks if message.text}
    assert sources == {None}


def test_a_models_name_is_no_model():
    """It would fail only when the first summary is written."""
    with pytest.raises(TypeError, match=r"summary_model=.*ChatQwen36\(model='qwen3.6-flash'\)"):
        TierGuardMiddleware("summarize", summary_model="qwen3.6-flash")
