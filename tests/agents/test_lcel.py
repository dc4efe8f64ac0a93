"""Chains: prompt | model | parser and what LangChain wraps around a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from agent_tools import PARIS, City, add, get_weather, model_on
from langchain_core.caches import InMemoryCache
from langchain_core.messages import HumanMessage, trim_messages
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField, RunnableLambda, RunnableParallel
from loopback import Refusal, Reply

from langchain_qwen36.errors import InvalidRequestError, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

PROMPT = ChatPromptTemplate([("system", "Be brief."), ("human", "Tell me of {topic}.")])
SAID = "You said: Tell me of {}. I was told: Be brief."
DOWN = Refusal(500, "down", "internal_error", "internal_error")


async def test_a_chain_in_every_style(gateway_server: Server) -> None:
    """invoke, ainvoke, stream, astream, batch and abatch of one chain say the same."""
    chain = PROMPT | model_on(gateway_server()) | StrOutputParser()
    cats = {"topic": "cats"}
    found = [
        chain.invoke(cats),
        await chain.ainvoke(cats),
        "".join(chain.stream(cats)),
        "".join([piece async for piece in chain.astream(cats)]),
        *chain.batch([cats, cats]),
        *await chain.abatch([cats, cats]),
    ]
    assert found == [SAID.format("cats")] * 8


def test_thoughts_stay_out_of_a_string(gateway_server: Server) -> None:
    """A parser of text gets the answer only, in both shapes of content."""
    for version in ("v0", "v1"):
        model = model_on(gateway_server(), output_version=version)
        assert (model | StrOutputParser()).invoke("Hi") == "You said: Hi"


def test_a_batch_keeps_the_order_and_the_errors(gateway_server: Server) -> None:
    """One refused item does not take the others with it."""
    server = gateway_server()
    server.script(Refusal(400, "bad"))
    chain = PROMPT | model_on(server) | StrOutputParser()
    topics = [{"topic": name} for name in ("a", "b", "c")]
    found = chain.batch(topics, {"max_concurrency": 1}, return_exceptions=True)
    assert isinstance(found[0], InvalidRequestError)
    assert found[1:] == [SAID.format("b"), SAID.format("c")]


async def test_a_parallel_map(gateway_server: Server) -> None:
    """Branches run at once, sync and async, over one model."""
    model = model_on(gateway_server())
    both = RunnableParallel(
        short=PROMPT | model | StrOutputParser(),
        long=RunnableLambda(lambda x: [HumanMessage(f"All of {x['topic']}")]) | model,
    )
    for found in (both.invoke({"topic": "cats"}), await both.ainvoke({"topic": "cats"})):
        assert found["short"] == SAID.format("cats")
        assert found["long"].text == "You said: All of cats"


def test_langchains_json_parser(gateway_server: Server) -> None:
    """It reads JSON mode's text, whole and growing."""
    model = model_on(gateway_server(), enable_thinking=False)
    json_model = model.bind(response_format={"type": "json_object"})
    asked = "Give json with the keys 'name' and 'population'."
    assert set((json_model | JsonOutputParser()).invoke(asked)) == {"name", "population"}
    assert len(list((json_model | JsonOutputParser()).stream(asked))) > 2


def test_langchains_pydantic_parser(gateway_server: Server) -> None:
    """It reads an object that the model wrote by itself."""
    server = gateway_server()
    server.script(Reply('```json\n{"name": "Paris", "population": 2100000}\n```'))
    parser = PydanticOutputParser(pydantic_object=City)
    prompt = ChatPromptTemplate([("human", "Describe {city}. {format}")])
    chain = prompt.partial(format=parser.get_format_instructions()) | model_on(server) | parser
    assert chain.invoke({"city": "Paris"}) == PARIS


def test_structured_output_in_a_chain(gateway_server: Server) -> None:
    """A prompt before, an attribute behind."""
    model = model_on(gateway_server(), enable_thinking=False)
    chain = (
        ChatPromptTemplate.from_template("The city '{name}' has 2100000 people.")
        | model.with_structured_output(City)
        | RunnableLambda(lambda city: city.population)
    )
    assert chain.invoke({"name": "Paris"}) == PARIS.population


@pytest.mark.parametrize("tools", [False, True], ids=["plain", "tools"])
async def test_fallbacks(gateway_server: Server, tools: bool) -> None:
    """Another gateway answers when the first is down; tools are bound through it."""
    first, second = gateway_server("dashscope"), gateway_server("openrouter")
    first.script(DOWN, DOWN, DOWN)
    model = model_on(first, max_retries=0).with_fallbacks(
        [model_on(second)], exceptions_to_handle=(ServerError,)
    )
    chain = model.bind_tools([add]) if tools else model
    assert chain.invoke("Hi").response_metadata["gateway"] == "openrouter"
    assert (await chain.ainvoke("Hi")).response_metadata["gateway"] == "openrouter"
    assert [c.text for c in chain.stream("Hi")][-1] is not None
    assert {request.status for request in second.requests} == {200}


def test_a_fallback_does_not_catch_what_it_was_not_told(gateway_server: Server) -> None:
    """The classes are LangChain's and ours: a bad request is no outage."""
    first, second = gateway_server("dashscope"), gateway_server("openrouter")
    first.script(Refusal(400, "bad"))
    model = model_on(first).with_fallbacks([model_on(second)], exceptions_to_handle=(ServerError,))
    with pytest.raises(InvalidRequestError):
        model.invoke("Hi")


def test_retries_around_the_model(gateway_server: Server) -> None:
    """`with_retry` by our class, with our own retries off."""
    server = gateway_server()
    server.script(DOWN, DOWN)
    model = model_on(server, max_retries=0).with_retry(
        retry_if_exception_type=(ServerError,), wait_exponential_jitter=False, stop_after_attempt=3
    )
    assert model.invoke("Hi").text == "You said: Hi"
    assert [request.status for request in server.requests] == [500, 500, 200]


@pytest.mark.parametrize("name", ["model_name", "model"])
def test_a_configurable_model(gateway_server: Server, name: str) -> None:
    """By either name the model changes, and nothing else does."""
    server = gateway_server("dashscope")
    model = model_on(server, temperature=0.3).configurable_fields(
        model_name=ConfigurableField(id=name)
    )
    model.invoke("Hi")
    model.with_config(configurable={name: "qwen3.6-flash"}).invoke("Hi")
    sent = [(body["model"], body["temperature"]) for body in server.bodies]
    assert sent == [("qwen3.6-27b", 0.3), ("qwen3.6-flash", 0.3)]


def test_a_configurable_setting(gateway_server: Server) -> None:
    """Any field may be left to the caller."""
    server = gateway_server()
    fields = {n: ConfigurableField(id=n) for n in ("enable_thinking", "temperature", "max_tokens")}
    model = model_on(server).configurable_fields(**fields)
    chain = PROMPT | model | StrOutputParser()
    config: Any = {"configurable": {"enable_thinking": False, "temperature": 1.5, "max_tokens": 9}}
    chain.invoke({"topic": "cats"}, config)
    body = server.bodies[0]
    assert [body[n] for n in fields] == [False, 1.5, 9]


def test_the_profile_follows_a_configurable_model(gateway_server: Server) -> None:
    """The window is that of the model that is asked."""
    model = model_on(gateway_server()).configurable_fields(model_name=ConfigurableField(id="model"))
    prepared, _ = model.prepare({"configurable": {"model": "qwen3.6-plus"}})  # type: ignore[attr-defined]
    assert prepared.profile["max_input_tokens"] == 983_616


def test_configurable_alternatives(gateway_server: Server) -> None:
    """A model may be swapped for another as a whole."""
    server, other = gateway_server("dashscope"), gateway_server("openrouter")
    model = model_on(server).configurable_alternatives(
        ConfigurableField(id="where"), default_key="here", there=model_on(other)
    )
    assert model.invoke("Hi").response_metadata["gateway"] == "dashscope"
    there = model.with_config(configurable={"where": "there"})
    assert there.invoke("Hi").response_metadata["gateway"] == "openrouter"


def test_history_is_trimmed_by_the_models_counter(gateway_server: Server) -> None:
    """`trim_messages(token_counter=model)` keeps what fits."""
    model = model_on(gateway_server())
    history = [HumanMessage("word " * 200), HumanMessage("Hi")]
    trim = trim_messages(max_tokens=100, token_counter=model, strategy="last")
    assert (trim | model).invoke(history).text == "You said: Hi"


def test_a_placeholder_for_the_history(gateway_server: Server) -> None:
    """A conversation goes through a prompt's placeholder."""
    server = gateway_server()
    prompt = ChatPromptTemplate([("system", "Be brief."), MessagesPlaceholder("history")])
    chain = prompt | model_on(server)
    first = chain.invoke({"history": [HumanMessage("Hi")]})
    chain.invoke({"history": [HumanMessage("Hi"), first, HumanMessage("And")]})
    roles = [message["role"] for message in server.bodies[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]


def test_langchains_cache_answers(gateway_server: Server) -> None:
    """The same question once, another setting anew, and a hit costs nothing."""
    server = gateway_server()
    cache = InMemoryCache()
    model = model_on(server, cache=cache)
    first, hit = model.invoke("Hi"), model.invoke("Hi")
    model.model_copy(update={"temperature": 1.0}).invoke("Hi")
    assert len(server.requests) == 2
    assert hit.text == first.text
    assert hit.usage_metadata is not None
    assert hit.usage_metadata["total_cost"] == 0  # type: ignore[typeddict-item]


async def test_langchains_rate_limiter_is_asked(gateway_server: Server) -> None:
    """`rate_limiter=` holds back each call, streamed or not."""

    class Counting(InMemoryRateLimiter):
        asked = 0

        def acquire(self, *, blocking: bool = True) -> bool:
            self.asked += 1
            return True

        async def aacquire(self, *, blocking: bool = True) -> bool:
            self.asked += 1
            return True

    limiter = Counting()
    model = model_on(gateway_server(), rate_limiter=limiter)
    model.invoke("Hi")
    list(model.stream("Hi"))
    await model.ainvoke("Hi")
    [chunk async for chunk in model.astream("Hi")]
    assert limiter.asked == 4


async def test_a_router_of_chains(gateway_server: Server) -> None:
    """A function may choose the chain, and its tokens are streamed through."""
    model = model_on(gateway_server())
    tools = model.bind_tools([get_weather])
    route = RunnableLambda(lambda text: tools if "weather" in text else model)
    assert (await route.ainvoke("get_weather in Paris?")).tool_calls
    assert len([chunk async for chunk in route.astream("Hi")]) > 2


@pytest.mark.parametrize("name", ["bind_tools", "with_structured_output", "get_num_tokens"])
def test_public_methods_go_through_fallbacks(gateway_server: Server, name: str) -> None:
    """LangChain resolves their annotations at run time: none may be there for checkers only."""
    model = model_on(gateway_server())
    assert callable(getattr(model.with_fallbacks([model]), name))


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
def test_a_structure_goes_through_fallbacks(gateway_server: Server) -> None:
    """Both the model and its stand-in are asked for the schema."""
    first, second = gateway_server("dashscope"), gateway_server("openrouter")
    first.script(DOWN)
    both = model_on(first, max_retries=0).with_fallbacks([model_on(second)])
    city: Any = both.with_structured_output(City, method="json_schema")  # type: ignore[attr-defined]
    assert city.invoke("The city 'Paris' has 2100000 people.") == PARIS
