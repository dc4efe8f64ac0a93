"""Programs that nobody here wrote, from their own packages, on `ChatQwen36` at a thinking gateway.

`make test-peers` installs them all; elsewhere those that are not installed are skipped. What was
run stands in docs/compatibility.md, in the words of the tests' docstrings.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

import pytest
from builders import model_on
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate
from langchain_core.tools import tool
from loopback import Reply
from loopback.brain import Call
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loopback import LoopbackGateway

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # theirs: deprecations, and what their servers leave
    pytest.mark.peers,
]

QUESTION = {"messages": "How is the weather in Paris?"}
MCP_SERVER = '''
from mcp.server.fastmcp import FastMCP

server = FastMCP("sums")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


server.run()
'''


@pytest.fixture
def server(gateway_server: Callable[..., LoopbackGateway]) -> LoopbackGateway:
    """Return a gateway whose model thinks, and refuses forced tool choices while it does."""
    return gateway_server("dashscope")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


class City(BaseModel):
    """A city."""

    name: str


def calls(*wanted: tuple[str, str]) -> Reply:
    """Return a reply that thinks and calls these tools, `(name, arguments)`."""
    return Reply("", "I need it.", tuple(Call(name, arguments) for name, arguments in wanted))


def test_langchain_middleware(server: LoopbackGateway) -> None:
    """`create_agent` with eight of LangChain's middlewares, a schema and a long history."""
    agents = pytest.importorskip("langchain.agents")
    given = pytest.importorskip("langchain.agents.middleware")
    model = model_on(server)
    middleware = [
        given.SummarizationMiddleware(model, trigger=("messages", 6), keep=("messages", 2)),
        given.TodoListMiddleware(),
        given.ModelFallbackMiddleware(model),
        given.LLMToolSelectorMiddleware(model=model, max_tools=1),
        given.ToolCallLimitMiddleware(run_limit=5),
        given.PIIMiddleware("email"),
        given.ContextEditingMiddleware(),
        given.ModelRetryMiddleware(),
    ]
    agent = agents.create_agent(
        model, [get_weather, add], response_format=City, middleware=middleware
    )
    turns = [("user", f"turn {n}") if n % 2 == 0 else ("assistant", "ok") for n in range(9)]
    answer = agent.invoke({"messages": [*turns, ("user", QUESTION["messages"])]})
    assert isinstance(answer["structured_response"], City)


def test_langchain_interrupts(server: LoopbackGateway) -> None:
    """Human in the loop: an approved call, and a turn after an interrupt that nobody resumed."""
    agents = pytest.importorskip("langchain.agents")
    given = pytest.importorskip("langchain.agents.middleware")
    memory = pytest.importorskip("langgraph.checkpoint.memory")
    types = pytest.importorskip("langgraph.types")
    asks = given.HumanInTheLoopMiddleware(interrupt_on={"get_weather": True})
    agent = agents.create_agent(
        model_on(server), [get_weather], middleware=[asks], checkpointer=memory.InMemorySaver()
    )
    thread = {"configurable": {"thread_id": "1"}}
    assert agent.invoke(QUESTION, thread)["__interrupt__"]
    approved = agent.invoke(types.Command(resume={"decisions": [{"type": "approve"}]}), thread)
    assert "sunny in Paris" in str(approved["messages"])
    assert agent.invoke({"messages": "How is the weather in Rome?"}, thread)["__interrupt__"]
    assert agent.invoke({"messages": "never mind"}, thread)["messages"][-1].type == "ai"


def test_langgraph_prebuilt(server: LoopbackGateway) -> None:
    """`create_react_agent` with a prompt and a schema."""
    prebuilt = pytest.importorskip("langgraph.prebuilt")
    agent = prebuilt.create_react_agent(
        model_on(server), [get_weather], response_format=City, prompt="Be kind."
    )
    assert isinstance(agent.invoke(QUESTION)["structured_response"], City)


def test_langgraph_supervisor(server: LoopbackGateway) -> None:
    """A supervisor that hands over to two agents at once, with their full history."""
    supervisor = pytest.importorskip("langgraph_supervisor")
    agents = pytest.importorskip("langchain.agents")
    model = model_on(server)
    workers = [agents.create_agent(model, [add], name=name) for name in ("alpha", "beta")]
    both = calls(("transfer_to_alpha", "{}"), ("transfer_to_beta", "{}"))
    server.script(both, Reply("One says."), Reply("Another says."), Reply("All said."))
    graph = supervisor.create_supervisor(
        workers, model=model, prompt="s", parallel_tool_calls=True, output_mode="full_history"
    )
    answer = graph.compile().invoke({"messages": "Go."})
    assert answer["messages"][-1].text


def test_langgraph_swarm(server: LoopbackGateway) -> None:
    """A handoff beside a tool call, and the next turn of the same thread."""
    swarm = pytest.importorskip("langgraph_swarm")
    agents = pytest.importorskip("langchain.agents")
    memory = pytest.importorskip("langgraph.checkpoint.memory")
    model = model_on(server)
    handoff = swarm.create_handoff_tool(agent_name="bob")
    alice = agents.create_agent(model, [add, handoff], name="alice")
    bob = agents.create_agent(model, [add], name="bob")
    graph = swarm.create_swarm([alice, bob], default_active_agent="alice")
    app, thread = (
        graph.compile(checkpointer=memory.InMemorySaver()),
        {"configurable": {"thread_id": "1"}},
    )
    server.script(
        calls(("transfer_to_bob", "{}"), ("add", '{"a": 1, "b": 2}')),
        Reply("Bob says."),
        Reply("Bob again."),
    )
    assert app.invoke({"messages": "Go."}, thread)["messages"][-1].text == "Bob says."
    answer = app.invoke({"messages": "And now?"}, thread)
    assert (answer["messages"][-1].text, answer["active_agent"]) == ("Bob again.", "bob")


def test_langmem(server: LoopbackGateway) -> None:
    """A memory manager, `summarize_messages` by our token count, memory tools in an agent."""
    langmem = pytest.importorskip("langmem")
    short_term = pytest.importorskip("langmem.short_term")
    agents = pytest.importorskip("langchain.agents")
    memory = pytest.importorskip("langgraph.store.memory")
    model = model_on(server)
    manager = langmem.create_memory_manager(model, instructions="Note it.", enable_inserts=True)
    assert manager.invoke({"messages": [("user", "I like tea."), ("assistant", "Good.")]})
    history = [
        HumanMessage("a " * 400, id="1"),
        AIMessage("b " * 400, id="2"),
        HumanMessage("c", id="3"),
    ]
    summarized = short_term.summarize_messages(
        history,
        running_summary=None,
        model=model.bind(max_tokens=64),
        max_tokens=256,
        max_summary_tokens=64,
        token_counter=model.get_num_tokens_from_messages,
    )
    assert summarized.running_summary.summary
    store = memory.InMemoryStore()
    server.script(
        calls(("manage_memory", '{"content": "likes tea", "action": "create"}')), Reply("Noted.")
    )
    tools = [langmem.create_manage_memory_tool(("m",)), langmem.create_search_memory_tool(("m",))]
    agent = agents.create_agent(model, tools, store=store)
    assert agent.invoke({"messages": "I like tea."})["messages"][-1].text == "Noted."
    assert store.search(("m",))


def test_trustcall(server: LoopbackGateway) -> None:
    """An extractor that fills a schema, and patches what exists."""
    trustcall = pytest.importorskip("trustcall")
    model = model_on(server)
    new = trustcall.create_extractor(model, tools=[City], tool_choice="City")
    assert new.invoke({"messages": [("user", "name: Paris")]})["responses"]
    patched = trustcall.create_extractor(model, tools=[City], enable_inserts=True)
    known = {"existing": [("1", "City", {"name": "Paris"})]}
    assert "responses" in patched.invoke({"messages": [("user", "name is Rome")], **known})


def test_deepagents(server: LoopbackGateway) -> None:
    """`create_deep_agent`: a plan, a subagent with a tool of its own, a file."""
    deepagents = pytest.importorskip("deepagents")
    task = '{"description": "How is the weather?", "subagent_type": "weatherman"}'
    server.script(
        calls(("write_todos", '{"todos": [{"content": "look", "status": "pending"}]}')),
        calls(("task", task)),
        calls(("get_weather", '{"city": "Paris"}')),
        Reply("It is sunny."),
        calls(("write_file", '{"file_path": "/a.md", "content": "sunny"}')),
        Reply("Done."),
    )
    weatherman = {
        "name": "weatherman",
        "description": "knows the weather",
        "system_prompt": "w",
        "tools": [get_weather],
    }
    agent = deepagents.create_deep_agent(
        model=model_on(server), tools=[get_weather], subagents=[weatherman]
    )
    assert agent.invoke({"messages": "Go."})["messages"][-1].text == "Done."


def test_langchain_community(server: LoopbackGateway, tmp_path: Path) -> None:
    """The SQL agent on SQLite: it lists the tables, reads a schema and queries."""
    toolkits = pytest.importorskip("langchain_community.agent_toolkits")
    utilities = pytest.importorskip("langchain_community.utilities")
    path = tmp_path / "numbers.db"
    with sqlite3.connect(path) as connection:
        connection.executescript("create table numbers (n int); insert into numbers values (7);")
    connection.close()
    server.script(
        calls(("sql_db_list_tables", '{"tool_input": ""}')),
        calls(("sql_db_schema", '{"table_names": "numbers"}')),
        calls(("sql_db_query", '{"query": "select n from numbers"}')),
        Reply("It is 7."),
    )
    database = utilities.SQLDatabase.from_uri(f"sqlite:///{path}")
    agent = toolkits.create_sql_agent(model_on(server), db=database, agent_type="tool-calling")
    assert agent.invoke({"input": "Which number?"})["output"] == "It is 7."


def test_langchain_classic(server: LoopbackGateway) -> None:
    """`AgentExecutor` with tools and with ReAct text, a map-reduce summary, a system-only chain."""
    agents = pytest.importorskip("langchain_classic.agents")
    summarize = pytest.importorskip("langchain_classic.chains.summarize")
    documents = pytest.importorskip("langchain_classic.chains.combine_documents")
    model, tools = model_on(server), [tool(get_weather)]
    prompt = ChatPromptTemplate.from_messages(
        [("system", "x"), ("human", "{input}"), MessagesPlaceholder("agent_scratchpad")]
    )
    calling = agents.create_tool_calling_agent(model, tools, prompt)
    executor = agents.AgentExecutor(agent=calling, tools=tools)
    assert executor.invoke({"input": QUESTION["messages"]})["output"]
    react = PromptTemplate.from_template(
        "Tools: {tools} {tool_names}\nQuestion: {input}\nThought:{agent_scratchpad}"
    )
    server.script(
        Reply("I need it.\nAction: get_weather\nAction Input: Paris\n"),
        Reply("I know.\nFinal Answer: sunny"),
    )
    executor = agents.AgentExecutor(
        agent=agents.create_react_agent(model, tools, react), tools=tools
    )
    assert executor.invoke({"input": "The weather?"})["output"] == "sunny"
    pages = {"input_documents": [Document("a b c"), Document("d")]}
    chain = summarize.load_summarize_chain(model, chain_type="map_reduce")
    assert chain.invoke(pages)["output_text"]
    system_only = ChatPromptTemplate.from_messages([("system", "{context}")])
    stuff = documents.create_stuff_documents_chain(model, system_only)
    assert stuff.invoke({"context": [Document("x")]})


def test_langchain_mcp_adapters(server: LoopbackGateway, tmp_path: Path) -> None:
    """An agent with the tools of an MCP server over stdio."""
    client = pytest.importorskip("langchain_mcp_adapters.client")
    agents = pytest.importorskip("langchain.agents")
    program = tmp_path / "sums.py"
    program.write_text(MCP_SERVER, "utf-8")
    sums = {"command": sys.executable, "args": [str(program)], "transport": "stdio"}
    server.script(calls(("add", '{"a": 2, "b": 3}')), Reply("Five."))

    async def ask() -> list[Any]:
        tools = await client.MultiServerMCPClient({"sums": sums}).get_tools()
        agent = agents.create_agent(model_on(server), tools)
        messages: list[Any] = (await agent.ainvoke({"messages": "2 + 3?"}))["messages"]
        return messages

    *_, result, answer = asyncio.run(ask())
    assert "5" in str(result.content)
    assert answer.text == "Five."


def test_langchain_experimental(server: LoopbackGateway) -> None:
    """The pandas agent runs code on a frame; `LLMGraphTransformer` makes a graph of a text."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("tabulate")
    experimental = pytest.importorskip("langchain_experimental.agents")
    graphs = pytest.importorskip("langchain_experimental.graph_transformers")
    server.script(calls(("python_repl_ast", '{"query": "df.a.sum()"}')), Reply("6"))
    agent = experimental.create_pandas_dataframe_agent(
        model_on(server),
        pandas.DataFrame({"a": [1, 2, 3]}),
        agent_type="tool-calling",
        allow_dangerous_code=True,
    )
    assert agent.invoke({"input": "The sum?"})["output"] == "6"
    transformer = graphs.LLMGraphTransformer(llm=model_on(server))
    assert transformer.convert_to_graph_documents([Document("Paris is in France.")])


def test_open_deep_research(server: LoopbackGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole graph by `init_chat_model("qwen36:…")`: brief, two researchers, the report."""
    research = pytest.importorskip("open_deep_research.deep_researcher")
    registration = pytest.importorskip("langchain_qwen36.registration")
    registration.register()
    monkeypatch.setenv("DASHSCOPE_API_KEY", server.key)
    monkeypatch.setenv("DASHSCOPE_BASE_URL", server.base_url)
    monkeypatch.setenv("QWEN36_GATEWAY", "dashscope")
    server.script(
        calls(
            ("ClarifyWithUser", '{"need_clarification": false, "question": "", "verification": ""}')
        ),
        calls(("ResearchQuestion", '{"research_brief": "the rivers of Paris"}')),
        calls(
            ("ConductResearch", '{"research_topic": "the Seine"}'),
            ("ConductResearch", '{"research_topic": "the Marne"}'),
        ),
    )
    name = "qwen36:qwen3.6-plus"
    models = ("research_model", "compression_model", "final_report_model", "summarization_model")
    settings = {**dict.fromkeys(models, name), "search_api": "none", "thread_id": "1"}
    question = {"messages": [("user", "Which rivers has Paris?")]}
    answer = asyncio.run(research.deep_researcher.ainvoke(question, {"configurable": settings}))
    assert answer["final_report"]
