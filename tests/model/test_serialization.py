"""Dumps, copies, pickles and cache keys: a model survives them, its secrets stay behind."""

from __future__ import annotations

import asyncio
import copy
import pickle
import warnings
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.load import dumpd, dumps
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.prompts.chat import HumanMessagePromptTemplate
from langchain_core.prompts.prompt import PromptTemplate
from langchain_core.runnables import RunnableSequence

from langchain_qwen36 import ChatQwen36, PriceBook, Timeouts
from langchain_qwen36.gateways import GATEWAYS
from langchain_qwen36.serialization import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

SECRET = "a-very-secret-word"


def model_of(**settings: Any) -> ChatQwen36:
    """Return a model that asks nobody."""
    return ChatQwen36(**{"model": "qwen3.6-plus", "gateway": "dashscope", **settings})


SETTINGS = [
    pytest.param({}, id="plain"),
    pytest.param({"temperature": 0.3, "stop": ["x"], "seed": 1}, id="sampling"),
    pytest.param({"enable_thinking": True, "thinking_budget": 100}, id="thinking"),
    pytest.param({"extra_body": {"a": {"b": 1}}, "model_kwargs": {"c": 2}}, id="body"),
    pytest.param({"model": "openrouter:qwen3.6-plus", "gateway": None}, id="gateway-in-name"),
    pytest.param({"base_url": "http://localhost:1/v1", "gateway": "vllm"}, id="base-url"),
    pytest.param({"timeout": 3.5, "max_retries": 0, "streaming": True}, id="transport"),
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("form", [dumps, dumpd], ids=["text", "dict"])
def test_a_model_is_read_back(settings: dict[str, Any], form: Callable[..., Any]) -> None:
    """Every setting is there again, and the key where it is given."""
    model = model_of(api_key=SECRET, **settings)
    again = load(form(model), secrets={model.lc_secrets["api_key"]: SECRET})
    assert again == model
    assert again.api_key.get_secret_value() == SECRET


def test_a_key_of_the_environment_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump from one machine uses the key of the other."""
    text = dumps(model_of(api_key=SECRET))
    monkeypatch.setenv("DASHSCOPE_API_KEY", "theirs")
    assert load(text)._endpoint.key == "theirs"


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"api_key": SECRET}, id="key"),
        pytest.param({"api_key": lambda: SECRET}, id="key-function"),
        pytest.param({"default_headers": {"authorization": SECRET}}, id="headers"),
        pytest.param({"default_query": {"key": SECRET}}, id="query"),
        pytest.param({"proxy": f"http://me:{SECRET}@proxy:1"}, id="proxy"),
    ],
)
def test_no_secret_is_dumped(settings: dict[str, Any]) -> None:
    """Not in the dump, not in what traces show, not in the printed model."""
    model = model_of(**{"api_key": "x", **settings})
    shown = [dumps(model), model._serialized, model._identifying_params, model, str(model)]
    shown += [model._get_invocation_params(extra_headers={"authorization": SECRET})]
    assert not [each for each in shown if SECRET in repr(each)]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"timeout": Timeouts(connect=3)}, id="timeouts"),
        pytest.param({"gateway": GATEWAYS["vllm"]}, id="row"),
    ],
)
def test_an_object_in_a_dump_is_refused(settings: dict[str, Any]) -> None:
    """Nothing is left out in silence: the class that cannot be made is named."""
    model = model_of(api_key="x", **settings)
    [value] = settings.values()
    with pytest.raises(NotImplementedError, match=type(value).__name__):
        load(dumps(model), secrets={"DASHSCOPE_API_KEY": "x"})


def test_a_chain_is_read_back(gateway_server: Server) -> None:
    """The classes around the model are named by the caller."""
    server = gateway_server()
    model = model_of(base_url=server.base_url, api_key=server.key)
    chain = ChatPromptTemplate([("human", "Tell of {topic}")]) | model | StrOutputParser()
    around = [
        RunnableSequence,
        ChatPromptTemplate,
        HumanMessagePromptTemplate,
        PromptTemplate,
        StrOutputParser,
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LangChain says that loading is in beta
        again = load(dumps(chain), also=around, secrets={"DASHSCOPE_API_KEY": server.key})
    assert again.invoke({"topic": "cats"}) == "You said: Tell of cats"


def test_a_class_that_is_not_named_is_not_made() -> None:
    """A dump cannot make what its reader did not allow."""
    with pytest.raises(ValueError, match="not allowed"):
        load(dumps(StrOutputParser()))


COPIES = pytest.mark.parametrize(
    "how",
    [
        pytest.param(lambda m: pickle.loads(pickle.dumps(m)), id="pickle"),  # noqa: S301
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(lambda m: m.model_copy(), id="model_copy"),
        pytest.param(lambda m: m.model_copy(deep=True), id="model_copy-deep"),
    ],
)


@COPIES
@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
async def test_a_copy_works(
    gateway_server: Server, how: Callable[[ChatQwen36], ChatQwen36], used: bool
) -> None:
    """Before and after connections are open, sync and async."""
    server = gateway_server()
    model = model_of(base_url=server.base_url, api_key=server.key, temperature=0.3)
    if used:
        model.invoke("Hi")
        await model.ainvoke("Hi")
    again = how(model)
    assert again == model
    assert again.invoke("Hi").text == (await again.ainvoke("Hi")).text == "You said: Hi"
    assert server.bodies[-1]["temperature"] == 0.3


@COPIES
def test_a_copy_keeps_ones_own_client_or_makes_its_own(
    gateway_server: Server, how: Callable[[ChatQwen36], ChatQwen36]
) -> None:
    """Sockets have no copy: a client is shared in the process and left out of a pickle."""
    server = gateway_server()
    with httpx.Client() as client:
        model = model_of(base_url=server.base_url, api_key=server.key, http_client=client)
        assert how(model).http_client in (client, None)
        assert how(model).invoke("Hi").text == "You said: Hi"


def test_a_price_book_is_copied_whole() -> None:
    """A model with prices of its own goes to another process with them."""
    model = model_of(api_key="x", price_book=PriceBook.bundled())
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    assert again.price_book.offers.keys() == PriceBook.bundled().offers.keys()


def test_a_copy_may_change_the_model(gateway_server: Server) -> None:
    """Profile, cache key and body are those of the new one."""
    server = gateway_server()
    where = {"base_url": server.base_url, "api_key": server.key, "cache": InMemoryCache()}
    model = model_of(**where)
    model.invoke("Hi")
    other = model.model_copy(update={"model": "qwen3.6-27b", "temperature": 1.0})
    other.invoke("Hi")
    assert [body["model"] for body in server.bodies] == ["qwen3.6-plus", "qwen3.6-27b"]
    windows = [each.profile["max_input_tokens"] for each in (model, other)]
    assert windows == [983_616, 262_144]


def test_a_changed_attribute_asks_anew(gateway_server: Server) -> None:
    """An answer of the cache is of these settings, not of those before."""
    server = gateway_server()
    model = model_of(base_url=server.base_url, api_key=server.key, cache=InMemoryCache())
    model.invoke("Hi")
    model.temperature = 1.0
    model.invoke("Hi")
    model.invoke("Hi")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param({}, {}, True, id="alike"),
        pytest.param({"api_key": "y"}, {"max_retries": 9, "timeout": 3}, True, id="not-the-answer"),
        pytest.param({"seed": 1}, {"seed": 2}, False, id="seed"),
        pytest.param({"enable_thinking": True}, {"enable_thinking": False}, False, id="thinking"),
        pytest.param({}, {"gateway": "dashscope-intl"}, False, id="gateway"),
        pytest.param({}, {"extra_body": {"a": 1}}, False, id="body"),
    ],
)
def test_the_cache_key_is_of_what_changes_the_answer(
    one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    """Two models share an answer only where they would have given the same."""
    keys = [model_of(**{"api_key": "x", **said})._get_llm_string() for said in (one, other)]
    assert (keys[0] == keys[1]) == same


def test_a_profile_of_ones_own_stays() -> None:
    """What the user said of a model is not looked up over it."""
    model = model_of(api_key="x", profile={"max_input_tokens": 5})
    assert model.model_copy(update={"model": "qwen3.6-27b"}).profile == {"max_input_tokens": 5}


def test_a_used_model_goes_through_three_event_loops(gateway_server: Server) -> None:
    """Async connections belong to their loop."""
    server = gateway_server()
    model = model_of(base_url=server.base_url, api_key=server.key)
    said = [asyncio.run(model.ainvoke("Hi")).text for _ in range(3)]
    assert said == ["You said: Hi"] * 3


def test_the_cache_key_tells_headers_apart_and_holds_none() -> None:
    """Another tenant's header is another question, and a cache may be a file."""
    model = model_of(api_key="x")
    mine, theirs = (
        model._get_llm_string(extra_headers={"Authorization": f"Bearer {key}"})
        for key in ("sk-canary-1", "sk-canary-2")
    )
    assert mine != theirs
    assert "sk-canary" not in mine
