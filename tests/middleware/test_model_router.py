"""The model of each request: rules in order, a canary, fallbacks, and what the trace shows."""

from __future__ import annotations

import base64
import logging
from typing import TYPE_CHECKING, Any

import pytest
from files import png
from langchain.agents import create_agent
from langchain.agents.middleware.types import ExtendedModelResponse, ModelRequest, ModelResponse
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.types import Command
from loopback import Refusal

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.errors import InvalidRequestError, RateLimitError
from langchain_qwen36.middleware import QwenModelRouterMiddleware, Route
from langchain_qwen36.middleware._requests import with_note
from langchain_qwen36.middleware.model_router import current_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

SQUARE = base64.b64encode(png(64, 64)).decode()
HELLO = HumanMessage("Hello")
PICTURE = [
    {"type": "text", "text": "Hi"},
    {"type": "image", "base64": SQUARE, "mime_type": "image/png"},
]
VIDEO = [{"type": "text", "text": "Hi"}, {"type": "video", "url": "https://example.com/a.mp4"}]
DOWN = Refusal(500, "down", "internal_error", "internal_error")
OVERFLOW = Refusal(
    400, "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]"
)


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def ask(content: Any = "Hi") -> dict[str, Any]:
    """Return an agent's input."""
    return {"messages": [{"role": "user", "content": content}]}


def model_on(server: LoopbackGateway, **settings: Any) -> ChatQwen36:
    """Return a model at a gateway of ours, with no retries of its own."""
    where = {"gateway": server.row.name, "base_url": server.base_url, "api_key": server.key}
    return ChatQwen36(**{"model": "qwen3.5-plus", "max_retries": 0, **where, **settings})


def agent_on(server: LoopbackGateway, *rules: Route, **settings: Any) -> Any:
    """Return an agent whose requests are routed."""
    fields = {"model", *ChatQwen36.model_fields}
    said = {name: settings.pop(name) for name in list(settings) if name in fields}
    middleware = [QwenModelRouterMiddleware(rules, **settings)]
    return create_agent(model_on(server, **said), [add], middleware=middleware)


@pytest.mark.parametrize(
    ("settings", "content", "rule", "model"),
    [
        pytest.param({}, "Hi", "everyday", "qwen3.6-plus", id="everyday"),
        pytest.param({}, PICTURE, "multimodal", "qwen3.6-flash", id="picture"),
        pytest.param({}, VIDEO, "multimodal", "qwen3.6-flash", id="video"),
        pytest.param({}, "word " * 200_001, "long", "qwen3.6-flash", id="long"),
        pytest.param(
            {"reasoning_effort": "high"}, "Hi", "hard reasoning", "qwen3.7-max", id="effort"
        ),
        pytest.param(
            {"thinking_budget": 40_000},
            "Hi",
            "hard reasoning",
            "qwen3.7-max",
            id="budget",
        ),
        pytest.param(
            {"reasoning_effort": "high"}, PICTURE, "multimodal", "qwen3.6-flash", id="sees-first"
        ),
        pytest.param(
            {"enable_thinking": False}, "Hi", "cheap and fast", "qwen3.6-35b-a3b", id="no-thinking"
        ),
        pytest.param(
            {"reasoning_effort": "low"}, "Hi", "cheap and fast", "qwen3.6-35b-a3b", id="low-effort"
        ),
    ],
)
async def test_the_vendors_advice(
    gateway_server: Server, settings: dict[str, Any], content: Any, rule: str, model: str
) -> None:
    """Each rule in its place; sync and async say the same, and the message shows it."""
    server = gateway_server("dashscope")
    agent = agent_on(server, **settings)
    for found in (agent.invoke(ask(content)), await agent.ainvoke(ask(content))):
        note = found["messages"][-1].response_metadata["route"]
        assert note == {"rule": rule, "model": model}
    assert [body["model"] for body in server.bodies] == [model, model]


def test_own_rules_come_first(gateway_server: Server) -> None:
    """In their order, and with a model of any kind."""
    server, other = gateway_server("dashscope"), gateway_server("openrouter")
    rules = [
        Route("never", "qwen3.7-max", lambda _: False),
        Route("urgent", model_on(other), lambda r: "urgent" in r.messages[-1].text),
        Route("also urgent", "qwen3.6-flash", lambda r: "urgent" in r.messages[-1].text),
    ]
    last = agent_on(server, *rules).invoke(ask("urgent"))["messages"][-1]
    assert last.response_metadata["route"]["rule"] == "urgent"
    assert (len(server.requests), len(other.requests)) == (0, 1)


def test_without_advice_the_agents_own_model_answers(gateway_server: Server) -> None:
    """Where no rule of one's own fits."""
    server = gateway_server("dashscope")
    last = agent_on(server, advice=False).invoke(ask())["messages"][-1]
    expected = {"rule": "the agent's own", "model": "qwen3.5-plus"}
    assert last.response_metadata["route"] == expected


def test_an_advised_model_that_is_not_sold_is_passed_over(gateway_server: Server) -> None:
    """A server of one's own has its own model only."""
    server = gateway_server("vllm")
    agent = agent_on(server, model="qwen3.6-27b")
    last = agent.invoke(ask())["messages"][-1]
    assert last.response_metadata["route"]["rule"] == "the agent's own"


def canary_of(agent: Any, thread: str | None) -> str:
    """Return the rule that a thread's request went by."""
    config: Any = {"configurable": {"thread_id": thread}} if thread else {}
    found = agent.invoke(ask(), config)["messages"][-1]
    return str(found.response_metadata["route"]["rule"])


def test_a_canary_gets_its_share_of_threads(gateway_server: Server) -> None:
    """About as many as asked for, the same ones each time, and none without a thread."""
    agent = agent_on(gateway_server("dashscope"), canary={"qwen3.7-max": 0.3})
    first = [canary_of(agent, str(n)) for n in range(60)]
    assert 10 <= first.count("canary") <= 26
    assert [canary_of(agent, str(n)) for n in range(60)] == first
    assert canary_of(agent, None) == "everyday"


def test_two_canaries_share(gateway_server: Server) -> None:
    """Each gets its own threads, and together they may get all."""
    server = gateway_server("dashscope")
    agent = agent_on(server, canary={"qwen3.7-max": 0.5, "qwen3.6-flash": 0.5})
    assert {canary_of(agent, str(n)) for n in range(40)} == {"canary"}
    models = [body["model"] for body in server.bodies]
    assert 10 <= models.count("qwen3.6-flash") <= 30


def test_a_thread_is_on_the_same_side_in_every_process(gateway_server: Server) -> None:
    """These were worked out once: Python's own hash would differ from run to run."""
    agent = agent_on(gateway_server("dashscope"), canary={"qwen3.7-max": 0.3})
    sides = [canary_of(agent, str(n)) == "canary" for n in range(12)]
    assert [n for n, chosen in enumerate(sides) if chosen] == [2, 6]


@pytest.mark.parametrize(
    ("canary", "rule"),
    [
        pytest.param({"qwen3.7-max": 1.0}, "canary", id="all"),
        pytest.param({"qwen3.7-max": 0.0}, "everyday", id="none"),
        pytest.param({}, "everyday", id="empty"),
    ],
)
def test_shares_at_the_ends(gateway_server: Server, canary: dict[str, float], rule: str) -> None:
    """0 is nobody, 1 is everybody."""
    agent = agent_on(gateway_server("dashscope"), canary=canary)
    assert {canary_of(agent, str(n)) for n in range(9)} == {rule}


@pytest.mark.parametrize("canary", [{"a": -0.1}, {"a": 0.6, "b": 0.5}])
def test_shares_that_cannot_be_are_refused(canary: dict[str, float]) -> None:
    """At once."""
    with pytest.raises(ValueError, match="canary"):
        QwenModelRouterMiddleware(canary=canary)


@pytest.mark.parametrize(
    ("refusal", "settings", "expected"),
    [
        pytest.param(DOWN, {}, ["qwen3.6-plus", "qwen3.6-flash"], id="failure"),
        pytest.param(
            DOWN,
            {"enable_thinking": False},
            ["qwen3.6-35b-a3b", "qwen3.6-plus"],
            id="failure-other",
        ),
        pytest.param(OVERFLOW, {}, ["qwen3.6-plus", "qwen3.6-flash"], id="overflow"),
    ],
)
async def test_another_model_steps_in(
    gateway_server: Server,
    refusal: Refusal,
    settings: dict[str, Any],
    expected: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By the error's class; the message says after which."""
    server = gateway_server("dashscope")
    agent = agent_on(server, **settings)
    for number in (1, 2):
        server.script(refusal)
        with caplog.at_level(logging.WARNING):
            found = agent.invoke(ask()) if number == 1 else await agent.ainvoke(ask())
        assert ", after " in found["messages"][-1].response_metadata["route"]["rule"]
    assert [body["model"] for body in server.bodies] == expected * 2
    assert caplog.text.count(f"{expected[0]} failed") == 2


def test_an_error_without_a_fallback_is_raised(gateway_server: Server) -> None:
    """A bad request is bad everywhere."""
    server = gateway_server("dashscope")
    server.script(Refusal(400, "bad"))
    with pytest.raises(InvalidRequestError):
        agent_on(server).invoke(ask())
    assert len(server.requests) == 1


def test_a_stand_in_that_fails_too_is_the_end(gateway_server: Server) -> None:
    """One fallback, not a chase."""
    server = gateway_server("dashscope")
    server.script(DOWN, DOWN, DOWN)
    with pytest.raises(Exception, match="down"):
        agent_on(server).invoke(ask())
    assert len(server.requests) == 2


def test_own_fallbacks_replace_the_usual_ones(gateway_server: Server) -> None:
    """Any class, any model, in order; the one that failed is passed over."""
    server, other = gateway_server("dashscope"), gateway_server("openrouter")
    limited = Refusal(429, "slow down", "Throttling.RateQuota", "rate_limit_error")
    server.script(limited)
    fallbacks = {RateLimitError: ["qwen3.6-plus", model_on(other, model="qwen3.6-27b")]}
    last = agent_on(server, fallbacks=fallbacks).invoke(ask())["messages"][-1]
    assert last.response_metadata["gateway"] == "openrouter"
    server.script(DOWN)
    with pytest.raises(Exception, match="down"):
        agent_on(server, fallbacks=fallbacks).invoke(ask())


class Seen(BaseCallbackHandler):
    """What a tracer is told of a call."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, Any]] = []

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Keep what names the choice."""
        metadata = kwargs["metadata"]
        self.calls.append((metadata["qwen36_route"], metadata["ls_model_name"], kwargs["tags"]))


def test_the_trace_shows_the_choice(gateway_server: Server) -> None:
    """Rule and model stand in the run's metadata and tags, each beside one's own."""
    seen = Seen()
    agent = agent_on(gateway_server("dashscope"), metadata={"mine": 1}, tags=["mine"])
    agent.invoke(ask(), {"callbacks": [seen]})
    [(rule, model, tags)] = seen.calls
    assert (rule, model) == ("everyday", "qwen3.6-plus")
    assert {"mine", "route:everyday"} <= set(tags)


def test_tools_and_settings_go_with_the_request(gateway_server: Server) -> None:
    """The chosen model is asked the same, with the agent's own settings."""
    server = gateway_server("dashscope")
    found = agent_on(server, temperature=0.3).invoke(ask("Use add on 3 and 4."))
    assert found["messages"][-1].text == "The tools say: 7"
    assert [body["temperature"] for body in server.bodies] == [0.3, 0.3]


def test_the_agents_model_is_not_changed(gateway_server: Server) -> None:
    """Routing makes copies."""
    model = model_on(gateway_server("dashscope"))
    before = model.model_copy()
    create_agent(model, middleware=[QwenModelRouterMiddleware()]).invoke(ask())
    assert model == before


def test_a_model_of_another_class_is_left_to_own_rules(gateway_server: Server) -> None:
    """Advice names models that it could not make; a rule that does is told so."""
    server = gateway_server("openai-compatible")
    model = ChatOpenAI(model="qwen3.6-27b", base_url=server.base_url, api_key=server.key)
    create_agent(model, middleware=[QwenModelRouterMiddleware()]).invoke(ask())
    assert server.bodies[0]["model"] == "qwen3.6-27b"
    rule = Route("mine", "qwen3.6-flash", lambda _: True)
    with pytest.raises(TypeError, match="give the route a model"):
        create_agent(model, middleware=[QwenModelRouterMiddleware([rule])]).invoke(ask())


async def test_an_error_without_a_fallback_is_raised_async(gateway_server: Server) -> None:
    """The async twin keeps it, too, and asks nobody else."""
    server = gateway_server("dashscope")
    server.script(Refusal(400, "no", "invalid_parameter_error"))
    with pytest.raises(InvalidRequestError):
        await agent_on(server, fallbacks={RateLimitError: ["qwen3.6-plus"]}).ainvoke(ask())
    assert len(server.requests) == 1


ANSWER = AIMessage("Hi", response_metadata={"model_name": "qwen3.6-plus"})
NOTED = ANSWER.model_copy(
    update={"response_metadata": {"model_name": "qwen3.6-plus", "route": {"rule": "long"}}}
)
GOTO = Command(goto="end")


@pytest.mark.parametrize(
    ("result", "noted"),
    [
        pytest.param(ANSWER, NOTED, id="message"),
        pytest.param(ModelResponse([ANSWER]), ModelResponse([NOTED]), id="response"),
        pytest.param(
            ModelResponse([HELLO, ANSWER], structured_response=7),
            ModelResponse([HELLO, NOTED], structured_response=7),
            id="among-others",
        ),
        pytest.param(
            ExtendedModelResponse(ModelResponse([ANSWER]), GOTO),
            ExtendedModelResponse(ModelResponse([NOTED]), GOTO),
            id="with-a-command",
        ),
        pytest.param(ModelResponse([HELLO]), ModelResponse([HELLO]), id="no-answer"),
    ],
)
def test_whatever_an_inner_middleware_gives_back_is_noted(result: Any, noted: Any) -> None:
    """All that stands beside the answer stays, and the answer itself is a copy."""
    assert with_note(result, "route", {"rule": "long"}) == noted
    assert "route" not in ANSWER.response_metadata


@pytest.mark.parametrize(
    ("gateway", "advised", "model"),
    [
        pytest.param("dashscope", "qwen3.6-plus", "qwen3.6-plus", id="sold"),
        pytest.param("dashscope", "qwen3.6-max-preview", "qwen3.7-max", id="retired"),
        pytest.param("vllm", "qwen3.6-plus", None, id="not-sold"),
    ],
)
def test_a_retired_model_is_replaced_by_its_successor(
    gateway_server: Server, gateway: str, advised: str, model: str | None
) -> None:
    """Advice follows the catalogue: what the maker took down is advised to nobody."""
    request = ModelRequest(model=model_on(gateway_server(gateway)), messages=[])
    assert current_model(request, advised) == model


def test_langchains_own_router_may_stand_beside_ours() -> None:
    """LangChain refuses two middleware of one name in an agent, and has a ModelRouterMiddleware."""
    assert QwenModelRouterMiddleware().name == "QwenModelRouterMiddleware"


def test_a_fallback_that_is_no_list_is_refused():
    """Each letter of the name would be a model to try."""
    with pytest.raises(TypeError, match=r"must be a list: \['qwen3.6-plus'\]"):
        QwenModelRouterMiddleware(fallbacks={ValueError: "qwen3.6-plus"})
