"""`create_agent` as users build it: structures, tools, handoffs, people in the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from agent_tools import (
    BOTH,
    CITY,
    PARIS,
    WEATHER,
    City,
    add,
    ask,
    break_down,
    get_weather,
    model_on,
    results,
    said,
    thoughts,
)
from langchain.agents import AgentState, create_agent
from langchain.agents.middleware import (
    ContextEditingMiddleware,
    HumanInTheLoopMiddleware,
    LLMToolSelectorMiddleware,
    ModelCallLimitMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    SummarizationMiddleware,
    ToolRetryMiddleware,
    wrap_model_call,
)
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain.tools import ToolRuntime  # noqa: TC002 - a tool's signature is read
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command
from loopback import Call, Refusal, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

pytestmark = pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")

THINKING = pytest.mark.parametrize(
    "thinks", [pytest.param(True, id="thinking"), pytest.param(False, id="not-thinking")]
)
SAID = "The tools say: 18 degrees in Paris"


@THINKING
@pytest.mark.parametrize("row", ["dashscope", "openrouter", "vllm"])
def test_an_agent_uses_a_tool_and_answers(gateway_server: Server, row: str, thinks: bool) -> None:
    """The loop ends with the answer, and thoughts stand where they are expected only."""
    server = gateway_server(row)
    agent = create_agent(model_on(server, enable_thinking=thinks), [get_weather])
    messages = agent.invoke(ask(WEATHER))["messages"]
    assert results(messages) == [("success", "18 degrees in Paris")]
    assert messages[-1].text == SAID
    assert [bool(thoughts(message)) for message in said(messages)] == [thinks, thinks]
    assert {request.status for request in server.requests} == {200}


@THINKING
@pytest.mark.parametrize(
    ("row", "strategy"),
    [
        pytest.param("dashscope", ToolStrategy(City), id="tool"),
        pytest.param("openrouter", ToolStrategy(City), id="tool-required-taken"),
        pytest.param("dashscope", ProviderStrategy(City), id="provider-in-words"),
        pytest.param("openrouter", ProviderStrategy(City), id="provider-held"),
        pytest.param("dashscope", City, id="auto-tool"),
        pytest.param("openrouter", City, id="auto-provider"),
    ],
)
async def test_an_agent_gives_a_structure(
    gateway_server: Server, row: str, strategy: Any, thinks: bool
) -> None:
    """Every strategy ends with the object, thinking or not, and nothing is refused."""
    server = gateway_server(row)
    agent = create_agent(model_on(server, enable_thinking=thinks), response_format=strategy)
    asked = ask("The city 'Paris' has 2100000 people.")
    assert agent.invoke(asked)["structured_response"] == PARIS
    assert (await agent.ainvoke(asked))["structured_response"] == PARIS
    assert {request.status for request in server.requests} == {200}


@THINKING
@pytest.mark.parametrize("strategy", [ToolStrategy(City), ProviderStrategy(City)])
def test_a_structure_comes_after_tools(gateway_server: Server, strategy: Any, thinks: bool) -> None:
    """The schema does not keep the model from its tools."""
    server = gateway_server("openrouter")
    model = model_on(server, enable_thinking=thinks)
    agent = create_agent(model, [get_weather], response_format=strategy)
    found = agent.invoke(ask(CITY), {"recursion_limit": 9})
    assert found["structured_response"] == PARIS
    assert ("success", "18 degrees in Paris") in results(found["messages"])


@pytest.mark.parametrize(
    ("row", "strategy"),
    [pytest.param("dashscope", "tool", id="json"), pytest.param("vllm", "provider", id="schema")],
)
def test_the_profile_chooses_the_strategy(gateway_server: Server, row: str, strategy: str) -> None:
    """A bare schema goes to the server only where the server keeps to it."""
    server = gateway_server(row)
    create_agent(model_on(server), response_format=City).invoke(ask("The city 'Paris', 1."))
    sent = "provider" if "response_format" in server.bodies[0] else "tool"
    assert sent == strategy


def test_no_empty_list_of_tools_is_sent(gateway_server: Server) -> None:
    """An agent without tools binds an empty list; the body has none."""
    server = gateway_server("vllm")
    create_agent(model_on(server), response_format=ProviderStrategy(City)).invoke(ask("'Paris' 1"))
    assert "tools" not in server.bodies[0]


def test_parallel_calls_are_answered_in_one_turn(gateway_server: Server) -> None:
    """Both tools are called at once, and both results go back together."""
    server = gateway_server("dashscope")
    messages = create_agent(model_on(server), [add, get_weather]).invoke(ask(BOTH))["messages"]
    assert [call["name"] for call in said(messages)[0].tool_calls] == ["add", "get_weather"]
    assert results(messages) == [("success", "7"), ("success", "18 degrees in Paris")]
    assert len(server.requests) == 2


def test_one_call_at_a_time_by_model_settings(gateway_server: Server) -> None:
    """The constructor's setting holds inside an agent."""
    server = gateway_server("dashscope")
    model = model_on(server, parallel_tool_calls=False)
    messages = create_agent(model, [add, get_weather]).invoke(ask(BOTH))["messages"]
    assert len(said(messages)[0].tool_calls) == 1


@pytest.mark.parametrize("way", ["bind_tools", "bind"])
def test_one_call_at_a_time_by_anthropics_tool_choice(gateway_server: Server, way: str) -> None:
    """What a program for ChatAnthropic says in its `tool_choice` holds, not the row's default."""
    server = gateway_server("dashscope")
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    getattr(model_on(server), way)(tools=[get_weather], tool_choice=choice).invoke("Hello!")
    assert server.bodies[-1]["parallel_tool_calls"] is False


def test_a_failing_tool_is_told_to_the_model(gateway_server: Server) -> None:
    """The error's text goes back as a result with status `error`, and the model goes on."""
    server = gateway_server("dashscope")
    retry = ToolRetryMiddleware(max_retries=0, on_failure="continue")
    agent = create_agent(model_on(server), [break_down], middleware=[retry])
    messages = agent.invoke(ask("Use break_down on 'door'."))["messages"]
    [(status, text)] = results(messages)
    assert (status, "door is stuck" in text) == ("error", True)
    assert "door is stuck" in server.bodies[-1]["messages"][-1]["content"]
    assert messages[-1].text.startswith("The tools say:")


def test_a_call_with_wrong_arguments_is_told_to_the_model(gateway_server: Server) -> None:
    """Arguments that do not fit the tool come back as an error, and the model may try again."""
    server = gateway_server("dashscope")
    server.script(Reply(calls=(Call("add", '{"a": "three"}'),)))
    messages = create_agent(model_on(server), [add]).invoke(ask("Use add on 3 and 4."))["messages"]
    assert [status for status, _ in results(messages)] == ["error"]
    assert messages[-1].text.startswith("The tools say: Error")


def test_a_conversation_is_handed_to_another_agent(gateway_server: Server) -> None:
    """A tool's `Command` moves the thread, and the second agent can read what was said."""
    server = gateway_server("dashscope")

    @tool
    def ask_geographer(runtime: ToolRuntime) -> Command:
        """Hand over to the geographer."""
        done = ToolMessage("handed over", tool_call_id=runtime.tool_call_id)
        talk = [runtime.state["messages"][-1], done]
        return Command(goto="geographer", graph=Command.PARENT, update={"messages": talk})

    front = create_agent(model_on(server), [ask_geographer], name="front")
    geographer = create_agent(model_on(server), [get_weather], name="geographer")
    graph = StateGraph(MessagesState)
    graph.add_node("front", front, destinations=("geographer",))
    graph.add_node("geographer", geographer)
    graph.add_edge(START, "front")
    found = graph.compile().invoke(ask("Use ask_geographer, then say hello."))
    assert [message.name for message in said(found["messages"])] == ["front", "geographer"]
    assert found["messages"][-1].text == "The tools say: handed over"
    assert {request.status for request in server.requests} == {200}


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param({"type": "approve"}, [("success", "7")], id="approve"),
        pytest.param(
            {"type": "edit", "edited_action": {"name": "add", "args": {"a": 5, "b": 5}}},
            [("success", "Tool response:\n10")],
            id="edit",
        ),
        pytest.param(
            {"type": "reject", "message": "no sums today"},
            [("error", "User rejected the tool call for `add` with reason: no sums today")],
            id="reject",
        ),
    ],
)
def test_a_person_decides_on_a_call(
    gateway_server: Server, decision: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """A run stops before the tool and goes on as it was told."""
    server = gateway_server("dashscope")
    agent = create_agent(
        model_on(server),
        [add],
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"add": True})],
        checkpointer=InMemorySaver(),
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    stopped = agent.invoke(ask("Use add on 3 and 4."), config)
    assert stopped["__interrupt__"][0].value["action_requests"][0]["args"] == {"a": 3, "b": 4}
    found = agent.invoke(Command(resume={"decisions": [decision]}), config)
    [(status, text)] = results(found["messages"])
    assert [(status, text[-len(expected[0][1]) :])] == expected
    assert {request.status for request in server.requests} == {200}


HISTORY = [
    message
    for number in range(12)
    for message in (HumanMessage(f"Tell me fact {number}. " + "word " * 100), AIMessage("Yes."))
]


def summarising(model: Any, **settings: Any) -> Any:
    """Return an agent that shortens its history."""
    middleware = SummarizationMiddleware(model=model, **settings)
    return create_agent(model, [get_weather], middleware=[middleware])


@pytest.mark.parametrize(
    ("tokens", "summarised"),
    [pytest.param(1000, True, id="over"), pytest.param(100_000, False, id="under")],
)
def test_a_long_history_is_summarised_by_the_windows_fraction(
    gateway_server: Server, tokens: int, summarised: bool
) -> None:
    """The profile's `max_input_tokens` is what the fraction is of."""
    server = gateway_server("dashscope")
    model = model_on(server)
    window = model.profile["max_input_tokens"]
    agent = summarising(model, trigger=("fraction", tokens / window), keep=("messages", 2))
    found = agent.invoke({"messages": [*HISTORY, HumanMessage("And now.")]})
    assert (len(server.requests) == 2) == summarised
    assert (len(found["messages"]) < 6) == summarised


def test_the_reported_tokens_of_the_last_answer_trigger(gateway_server: Server) -> None:
    """What the gateway counted is believed, for provider and model have one name."""
    server = gateway_server("dashscope")
    model = model_on(server)
    last = model.invoke("Hello").model_copy(
        update={"usage_metadata": {"input_tokens": 9000, "output_tokens": 1, "total_tokens": 9001}}
    )
    agent = summarising(model, trigger=("tokens", 9000), keep=("messages", 1))
    agent.invoke({"messages": [HumanMessage("Hello"), last, HumanMessage("And now.")]})
    assert len(server.requests) == 3


def test_the_models_own_counter_trims(gateway_server: Server) -> None:
    """The token counter of the model edits a context, tools counted."""
    server = gateway_server("dashscope")
    edit = ContextEditingMiddleware(token_count_method="model")
    agent = create_agent(model_on(server), [get_weather], middleware=[edit])
    assert agent.invoke(ask(WEATHER))["messages"][-1].text == SAID


def test_an_overflow_of_the_summarys_call_is_answered_by_a_shorter_one(
    gateway_server: Server,
) -> None:
    """Our overflow error is the one that the middleware acts on."""
    server = gateway_server("dashscope")
    text = "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]"
    server.script(Refusal(400, text))
    agent = summarising(model_on(server), trigger=("messages", 4), keep=("messages", 2))
    found = agent.invoke({"messages": [*HISTORY, HumanMessage("And now.")]})
    assert found["messages"][-1].text == "You said: And now."
    assert [request.status for request in server.requests] == [400, 200, 200]
    refused, taken = (len(str(body["messages"])) for body in server.bodies[:2])
    assert taken < refused


def test_a_summarys_own_call_leaves_the_history_alone(gateway_server: Server) -> None:
    """The summary goes in as a user message, and the body has one system message in front."""
    server = gateway_server("dashscope")
    model = model_on(server)
    middleware = SummarizationMiddleware(model=model, trigger=("messages", 4))
    agent = create_agent(model, [get_weather], middleware=[middleware], system_prompt="Be brief.")
    agent.invoke({"messages": [*HISTORY, HumanMessage("And now.")]})
    roles = [message["role"] for message in server.bodies[-1]["messages"]]
    assert (roles[0], roles.count("system")) == ("system", 1)


def test_a_system_message_of_the_history_is_folded(gateway_server: Server) -> None:
    """An agent's prompt and one inside the history both arrive, in front."""
    server = gateway_server("dashscope")
    agent = create_agent(model_on(server), system_prompt="Be brief.")
    agent.invoke({"messages": [HumanMessage("Hi"), SystemMessage("Be kind."), HumanMessage("So")]})
    [first, *rest] = server.bodies[0]["messages"]
    assert "Be brief." in str(first["content"])
    assert "Be kind." in str(first["content"])
    assert {message["role"] for message in rest} == {"user"}


async def test_a_tool_selector_uses_a_small_model(gateway_server: Server) -> None:
    """LangChain's own selection by structured output, sync and async."""
    server = gateway_server("openrouter")
    select = LLMToolSelectorMiddleware(model=model_on(server, model="qwen3.6-flash"), max_tools=1)
    agent = create_agent(model_on(server), [add, get_weather], middleware=[select])
    for found in (agent.invoke(ask(WEATHER)), await agent.ainvoke(ask(WEATHER))):
        assert isinstance(found["messages"][-1], AIMessage)
    assert all(len(body.get("tools", ())) == 1 for body in server.bodies)


def test_retries_are_langchains_by_our_classes(gateway_server: Server) -> None:
    """An error that says it may be retried is, one that says it may not is not."""
    server = gateway_server("dashscope")
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0, jitter=False, on_failure="error")
    agent = create_agent(model_on(server, max_retries=0), middleware=[retry])
    server.script(Refusal(500, "down", "internal_error", "internal_error"))
    assert agent.invoke(ask("Hi"))["messages"][-1].text == "You said: Hi"
    server.script(Refusal(400, "bad"), Refusal(400, "bad"))
    with pytest.raises(ValueError, match="bad"):
        agent.invoke(ask("Hi"))
    assert [request.status for request in server.requests] == [500, 200, 400]


def test_another_model_takes_over(gateway_server: Server) -> None:
    """LangChain's fallback from one of ours to another, cache markers and all."""
    server, other = gateway_server("dashscope"), gateway_server("openrouter")
    server.script(Refusal(400, "bad"))
    fallback = ModelFallbackMiddleware(model_on(other))
    agent = create_agent(model_on(server), [get_weather], middleware=[fallback])
    found = agent.invoke(ask(WEATHER))
    assert found["messages"][-1].text == SAID
    assert found["messages"][1].response_metadata["gateway"] == "openrouter"


def test_the_number_of_calls_can_be_limited(gateway_server: Server) -> None:
    """LangChain's own limit ends a run with a message."""
    limit = ModelCallLimitMiddleware(run_limit=1)
    agent = create_agent(model_on(gateway_server()), [get_weather], middleware=[limit])
    assert "limit" in agent.invoke(ask(WEATHER))["messages"][-1].text


def test_settings_of_one_request_reach_the_body(gateway_server: Server) -> None:
    """Middleware may set what a call takes: `model_settings` arrive as keywords."""

    @wrap_model_call
    def calm(request: Any, handler: Any) -> Any:
        return handler(request.override(model_settings={"thinking_budget": 7, "temperature": 0.1}))

    server = gateway_server("dashscope")
    create_agent(model_on(server), [add], middleware=[calm]).invoke(ask("Hi"))
    create_agent(model_on(server), middleware=[calm]).invoke(ask("Hi"))
    sent = [(body["thinking_budget"], body["temperature"]) for body in server.bodies]
    assert sent == [(7, 0.1), (7, 0.1)]


class Noted(AgentState):
    """An agent's state with a field of its own."""

    note: str


def test_a_state_of_ones_own_is_kept(gateway_server: Server) -> None:
    """Nothing of ours stands in the way of a state schema."""
    agent = create_agent(model_on(gateway_server()), [add], state_schema=Noted)
    assert agent.invoke({**ask("Hi"), "note": "kept"})["note"] == "kept"


@pytest.mark.pain("P05")
def test_an_agent_with_a_schema_ends_where_required_is_refused(gateway_server: Server) -> None:
    """An agent with a response format ends on a server that refuses `required` with thinking."""
    server = gateway_server("dashscope")
    agent = create_agent(model_on(server), [get_weather], response_format=City)
    question = {"messages": [HumanMessage("Fill in: the city 'Paris' has 2100000 people.")]}
    result = agent.invoke(question, {"recursion_limit": 9})
    assert result["structured_response"] == City(name="Paris", population=2_100_000)
    assert "required" not in [body.get("tool_choice") for body in server.bodies]


@pytest.mark.pain("P38")
@pytest.mark.filterwarnings("error::langchain_qwen36.QwenWarning")
def test_the_servers_json_schema_structures_an_agents_answer(gateway_server: Server) -> None:
    """An agent requests `json_schema` where the profile has `structured_output`."""
    server = gateway_server("vllm")
    model = model_on(server)
    assert model.profile["structured_output"] is True
    agent = create_agent(model, [], response_format=ProviderStrategy(City))
    result = agent.invoke({"messages": [HumanMessage("The city 'Paris' has 2100000 people.")]})
    assert result["structured_response"] == City(name="Paris", population=2_100_000)
    assert server.bodies[0]["response_format"]["type"] == "json_schema"
